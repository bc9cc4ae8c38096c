//! What `duban ctl go-live` says.

use super::{Chinese, English, Language};

/// It is live already.
pub const fn already(language: Language) -> &'static str {
    language.pick(
        "配置已是 mode = \"live\"；如尚未生效：systemctl reload duban",
        "the configuration says mode = \"live\" already; if that is not in force yet: systemctl reload duban",
    )
}

/// What is open.
pub fn open(language: Language, yellow: u64, red: u64) -> String {
    match language {
        Chinese => format!("已亮的牌：红牌 {red}，黄牌 {yellow}；正式运行时它们作为基线，不逐一告知"),
        English => {
            format!("open cards: {red} red, {yellow} yellow; they become the baseline and are not told one by one")
        }
    }
}

/// The columns of how much each person would get.
pub const fn titles(language: Language) -> [&'static str; 5] {
    match language {
        Chinese => ["联系人", "姓名", "通道", "试运行消息", "每周约"],
        English => ["contact", "name", "channel", "in rehearsal", "a week"],
    }
}

/// What the numbers rest on.
pub fn basis(language: Language, hours: i64) -> String {
    let is_whole = hours >= 7 * 24;
    let span = match (language, hours) {
        (Chinese, 48..) => format!("{} 天", hours / 24),
        (Chinese, _) => format!("{hours} 小时"),
        (English, 48..) => format!("{} days", hours / 24),
        (English, _) => format!("{hours} hours"),
    };
    match (language, is_whole) {
        (Chinese, true) => "依据：最近 7 天试运行已发出的消息".to_owned(),
        (Chinese, false) => format!("依据：最近 {span} 试运行已发出的消息，不足 7 天，按比例推算"),
        (English, true) => "from what the rehearsal sent in the last 7 days".to_owned(),
        (English, false) => format!("from what the rehearsal sent in the last {span}: extrapolated to 7 days"),
    }
}

/// The rehearsal sent nothing.
pub const fn nothing_sent(language: Language) -> &'static str {
    language.pick(
        "最近 7 天试运行没有发出任何消息，无从估计",
        "the rehearsal sent nothing in the last 7 days: nothing to judge by",
    )
}

/// A channel that reaches nobody.
pub fn folder(language: Language, channel: &str) -> String {
    match language {
        Chinese => format!("通道 {channel} 只写入文件夹：正式运行后仍不会到达任何人"),
        English => format!("the channel {channel} writes into a folder: live, it still reaches nobody"),
    }
}

/// A channel that only the rehearsal uses.
pub fn only_rehearsal(language: Language, channel: &str) -> String {
    match language {
        Chinese => format!("通道 {channel} 只供试运行使用，没有阶梯或路由用到它"),
        English => format!("the channel {channel} serves the rehearsal only: no ladder and no route names it"),
    }
}

/// Nothing was changed yet.
pub const fn would(language: Language) -> &'static str {
    language.pick("尚未更改；确认请加 --yes", "nothing was changed; add --yes to do it")
}

/// The value cannot be found.
pub fn no_line(language: Language, file: &str) -> String {
    match language {
        Chinese => format!("{file}：未找到 [notify] 下的 mode = \"rehearsal\"，未作更改；请自行写上 mode = \"live\""),
        English => format!(
            "{file}: expected mode = \"rehearsal\" under [notify], found no such line; nothing was changed, write \
             mode = \"live\" there yourself"
        ),
    }
}

/// The file was changed while it was looked at, or says something else than was read.
pub fn not_the_same(language: Language, file: &str) -> String {
    match language {
        Chinese => format!("{file}：更改后的内容与预期不符，未作更改"),
        English => format!("{file}: the changed text would not say what it should; nothing was changed"),
    }
}

/// It is done.
pub fn done(language: Language, file: &str, backup: &str) -> String {
    match language {
        Chinese => format!(
            "{file} 已改为 mode = \"live\"，原文件保留为 {backup}\n接下来：systemctl reload duban，值班员随即收到一份汇总；\
             再用 duban deliveries release 查看并放行扣下的消息"
        ),
        English => format!(
            "{file} now says mode = \"live\"; as it was, it is {backup}\nnext: systemctl reload duban, after which operators \
             get one digest; then duban deliveries release shows what is held and lets it go"
        ),
    }
}

/// The clock counts as right from now on.
pub const fn clock_confirmed(language: Language) -> &'static str {
    language.pick("已确认时钟无误，通知恢复发送。", "The clock is confirmed: messages go out again.")
}

/// Nothing speaks against the clock.
pub const fn clock_undoubted(language: Language) -> &'static str {
    language.pick("时钟没有疑问，无需确认。", "Nothing speaks against the clock.")
}
