//! What `check` says to people.

use chrono::NaiveDate;

use crate::cli::check::Weight;
use crate::core::contact::Medium;
use crate::core::database::Tls;
use crate::core::window::Level;
use crate::tell::language::Language::{self, Chinese, English};

/// What stands before a remark.
pub fn weight(language: Language, weight: Weight) -> &'static str {
    match weight {
        Weight::Problem => "",
        Weight::Warning => language.pick("提醒：", "warning: "),
        Weight::Note => language.pick("  ", "  "),
    }
}

/// Nothing is wrong.
pub fn fine(language: Language, warnings: usize) -> String {
    match (language, warnings) {
        (Chinese, 0) => "检查通过".to_owned(),
        (Chinese, _) => format!("检查通过，另有 {warnings} 条提醒"),
        (English, 0) => "all is well".to_owned(),
        (English, 1) => "all is well, with 1 warning".to_owned(),
        (English, _) => format!("all is well, with {warnings} warnings"),
    }
}

/// Nobody is told yet.
pub fn rehearsal(language: Language) -> &'static str {
    language.pick(
        "试运行：消息一律发往 notify.rehearsal_to，不发给任何收件人",
        "REHEARSAL: all messages go to notify.rehearsal_to and none to the people they are for",
    )
}

/// Live without a channel.
pub fn no_channels(language: Language) -> &'static str {
    language.pick("已正式运行，但没有任何通道，谁也收不到消息", "live, but without a channel nobody can be told")
}

/// No rule runs.
pub fn no_rules(language: Language) -> &'static str {
    language.pick("没有启用任何规则", "no rule is enabled")
}

/// Nobody can be told.
pub fn no_contacts(language: Language) -> &'static str {
    language.pick("没有联系人，谁也收不到消息", "there are no contacts, so nobody can be told")
}

/// A year that should be known by now.
pub fn missing_year(language: Language, year: i32, level: Level) -> String {
    let urgency = match level {
        Level::Yellow => "",
        Level::Red => language.pick("，请尽快补上", "; it is needed now"),
    };
    match language {
        Chinese => format!("{year} 年的放假安排尚未列入{urgency}"),
        English => format!("the days of {year} are not listed yet{urgency}"),
    }
}

/// Mail without TLS.
pub fn plain_mail(language: Language) -> &'static str {
    language
        .pick("security = \"none\"：邮件在网络上不加密", "security = \"none\": mails cross the network in the clear")
}

/// A password without TLS.
pub fn plain_password(language: Language) -> &'static str {
    language.pick(
        "allow_plaintext_auth：口令可能在网络上不加密",
        "allow_plaintext_auth: the password may cross the network in the clear",
    )
}

/// A call without TLS.
pub fn plain_call(language: Language) -> &'static str {
    language.pick("http://：消息和密钥在网络上不加密", "http://: messages and secrets cross the network in the clear")
}

/// A source is asked in the clear.
pub fn plain_source(language: Language) -> &'static str {
    language.pick(
        "http://：数据和密钥在网络上不加密，途中可被改动",
        "http://: data and secrets cross the network in the clear, and can be changed on the way",
    )
}

/// A source's server need not prove who it is.
pub fn unknown_source(language: Language) -> &'static str {
    language.pick(
        "tls = \"encrypt-only\"：不核对服务器身份，数据途中可被改动",
        "tls = \"encrypt-only\": the server need not prove who it is, and data can be changed on the way",
    )
}

/// A server of databases that is believed without being known.
pub fn weak_trust(language: Language, tls: Tls) -> &'static str {
    match tls {
        Tls::Verify => "",
        Tls::EncryptOnly => language.pick(
            "tls = \"encrypt-only\"：不核对服务器证书，冒充者可以得到口令并编造数据",
            "tls = \"encrypt-only\": the server's certificate is not checked; whoever stands in for it gets the password and invents data",
        ),
        Tls::Off => language.pick(
            "tls = \"off\"：口令和数据在网络上不加密，途中可被读取和改动",
            "tls = \"off\": data cross the network in the clear, and can be read and changed on the way",
        ),
    }
}

/// Ladders name a channel that is not there.
pub fn unknown_channel(language: Language, channel: &str, ladders: &str) -> String {
    match language {
        Chinese => format!("没有通道 {channel:?}，以下阶梯中的这一项不起作用：{ladders}"),
        English => format!("there is no channel {channel:?}, so naming it does nothing in {ladders}"),
    }
}

/// Nobody holds a role.
pub fn vacant(language: Language, role: &str) -> String {
    match language {
        Chinese => format!("没有在岗的联系人担任 {role}"),
        English => format!("no contact on duty holds the role {role}"),
    }
}

/// A step without channels.
pub fn silent_step(language: Language, step: usize) -> String {
    match language {
        Chinese => format!("第 {step} 级没有任何通道，谁也不告知"),
        English => format!("step {step} has no channel for any level, so it tells nobody"),
    }
}

/// A count without roles or channels.
pub fn silent_count(language: Language) -> String {
    language
        .pick("有一项累计没有角色或通道，谁也不告知", "a count has no role or no channel, so it tells nobody")
        .to_owned()
}

/// Reminders of a step without channels.
pub fn silent_reminders(language: Language, step: usize) -> String {
    match language {
        Chinese => format!("第 {step} 级没有任何通道，催办不起作用"),
        English => format!("step {step} has no channel for any level, so its reminders remind nobody"),
    }
}

/// A step to which no card climbs.
pub fn unreachable(language: Language, step: usize) -> String {
    match language {
        Chinese => format!("第 {step} 级没有写 after，红黄牌永远升不到这一级及以上"),
        English => format!("step {step} has no `after`, so no card ever climbs to it or beyond"),
    }
}

/// A first step that says nothing about a level of which later ones speak.
pub fn silent_first(language: Language, level: Level) -> String {
    match (language, level) {
        (Chinese, Level::Yellow) => "第 1 级对黄牌没有通道，黄牌因此不会升到以上各级".to_owned(),
        (Chinese, Level::Red) => "第 1 级对红牌没有通道，红牌因此不会升到以上各级".to_owned(),
        (English, level) => format!("step 1 has no channel for {}, so no {0} card ever climbs beyond it", level.word()),
    }
}

/// A ladder that nothing names.
pub fn unused_ladder(language: Language) -> String {
    let chinese = "没有窗口、路由或 notify.ladder 用到这架阶梯";
    language.pick(chinese, "no window, no route and not notify.ladder names this ladder").to_owned()
}

/// A preference that is nobody's.
pub fn nobodys_preference(language: Language) -> &'static str {
    language.pick("没有联系人属于这个角色或层级", "no contact has this role or level")
}

/// A route below one that ends the list.
pub fn never_asked(language: Language, end: &str) -> String {
    match language {
        Chinese => format!("上面的路由 {end:?} 适用于所有牌并且 last = true，轮不到这一条"),
        English => format!("the route {end:?} above fits every card and is the last, so this one is never asked"),
    }
}

/// A route asks for a field that no source maps.
pub fn unknown_key(language: Language, key: &str) -> String {
    match language {
        Chinese => format!("match：没有数据源映射字段 {key:?}"),
        English => format!("match: no source maps the field {key:?}"),
    }
}

/// A rule and the fields that it reads.
pub fn rule(language: Language, title: &str, fields: &[String]) -> String {
    match language {
        Chinese => format!("规则 {title}，读取 {}", fields.join("、")),
        English => format!("rule {title}, reads {}", fields.join(", ")),
    }
}

/// A calendar and what it knows.
pub fn calendar(language: Language, zone: &str, from: NaiveDate, through: NaiveDate) -> String {
    match language {
        Chinese => format!("日历（{zone}），已知 {from} 至 {through}"),
        English => format!("calendar ({zone}), known from {from} to {through}"),
    }
}

/// A source, its columns and its next polls.
pub fn source(language: Language, columns: &[String], polls: &[String]) -> String {
    match language {
        Chinese => format!("数据源，列 {}；接下来的读取 {}", columns.join("、"), polls.join("、")),
        English => format!("source, columns {}; next polls {}", columns.join(", "), polls.join(", ")),
    }
}

/// A source that calls by itself.
pub fn caller(language: Language, columns: &[String]) -> String {
    match language {
        Chinese => format!("主动推送的数据源，列 {}", columns.join("、")),
        English => format!("source that calls by itself, columns {}", columns.join(", ")),
    }
}

/// A channel.
pub fn channel(language: Language, medium: Medium) -> &'static str {
    match medium {
        Medium::Mail => language.pick("通道（邮件）", "channel (mail)"),
        Medium::Sms => language.pick("通道（短信）", "channel (short messages)"),
        Medium::Im => language.pick("通道（即时消息）", "channel (messenger)"),
    }
}

/// How many contacts there are.
pub fn contacts(language: Language, count: usize) -> String {
    match (language, count) {
        (Chinese, _) => format!("{count} 位联系人"),
        (English, 1) => "1 contact".to_owned(),
        (English, _) => format!("{count} contacts"),
    }
}

/// What a poll held.
pub fn rows(language: Language, rows: u64, rejected: u64) -> String {
    match language {
        Chinese => format!("读到 {rows} 行，其中 {rejected} 行被拒绝"),
        English => format!("{rows} rows read, {rejected} of them rejected"),
    }
}
