//! Reasons and labels in words: for messages, the log, the board and `explain`.

use chrono_tz::Tz;

use super::super::language::Language;
use super::line::Line;
use super::voice::Voice;
use crate::core::acknowledgement::Via;
use crate::core::card::Change;
use crate::core::notice::NoticeKind;
use crate::core::reading::{Granted, State, Verdict};
use crate::core::reason::{Cause, Reason};
use crate::core::window::Level;

/// A reason in words, every date with its year.
pub fn reason_words(reason: &Reason, language: Language, zone: Tz) -> String {
    words(reason, Voice { language, zone, year: None })
}

/// A reason in words.
pub(super) fn words(reason: &Reason, voice: Voice) -> String {
    let about = |chinese: [&str; 2], english: &str, at: String| match voice.language {
        Language::Chinese => format!("{}{at}{}", chinese[0], chinese[1]),
        Language::English => format!("{english} {at}"),
    };
    let fixed = |chinese: &str, english: &str| voice.say(chinese, english).to_owned();
    match reason {
        Reason::Due { due_at } => about(["截至", "未办结"], "not done by", voice.due(*due_at)),
        Reason::SoonDue { due_at, .. } => about(["将于", "到期"], "falls due at", voice.due(*due_at)),
        Reason::Found { text } => Line::from(&**text).to_string(),
        Reason::StartMissing { since } => {
            about(["自", "起一直缺少起算时间"], "the start has been missing since", voice.instant(*since))
        }
        Reason::PausedTooLong { since } => {
            about(["自", "起停表，时间过长"], "paused for too long, since", voice.instant(*since))
        }
        Reason::Finished { done_at } => about(["已于", "办结"], "done at", voice.instant(*done_at)),
        Reason::StopTakenBack => fixed("此前报为办结，现为未办结", "reported as done before, and is not done"),
        Reason::Paused { since } => about(["自", "起停表"], "paused since", voice.instant(*since)),
        Reason::Resumed => fixed("已恢复计时", "the clock runs again"),
        Reason::DueMoved { due_at: Some(at) } => about(["到期时间改为", ""], "now due at", voice.due(*at)),
        Reason::DueMoved { due_at: None } => fixed("现在没有到期时间", "no due instant any more"),
        Reason::Started { from } => about(["起算时间已明确：", ""], "the clock started at", voice.instant(*from)),
        Reason::Corrected { due_at: Some(at) } => {
            about(["按更正后的数据，应于", "到期，当时不应亮牌"], "by corrected data it falls due at", voice.due(*at))
        }
        Reason::Corrected { due_at: None } => {
            fixed("按更正后的数据，当时不应亮牌", "by corrected data there should have been no card")
        }
        Reason::Unnamed { cause } => cause_words(*cause, voice.language).to_owned(),
        Reason::LeftSource => fixed("来源系统中已没有此件", "no longer in its source"),
        Reason::Recovered => fixed("已恢复正常", "it is well again"),
        Reason::Exempted { evidence, .. } => grounded("已免责", "exempted", evidence, voice),
        Reason::FoundWrong { evidence, .. } => grounded("经核实为误亮", "found to be wrong", evidence, voice),
        Reason::Restored { reason } => match voice.language {
            Language::Chinese => format!("补录已撤销，{}", words(reason, voice)),
            Language::English => format!("the remark was revoked: {}", words(reason, voice)),
        },
    }
}

/// `已免责（会议纪要 · 2026-12）`
fn grounded(chinese: &str, english: &str, evidence: &str, voice: Voice) -> String {
    let evidence = Line::from(evidence);
    match voice.language {
        Language::Chinese => format!("{chinese}（{evidence}）"),
        Language::English => format!("{english} ({evidence})"),
    }
}

fn cause_words(cause: Cause, language: Language) -> &'static str {
    match cause {
        Cause::ItemChanged => {
            language.pick("办件有变化，不再适用此规则", "the matter changed, and the rule no longer names it")
        }
        Cause::RuleChanged => language.pick("规则已修改，不再适用于此件", "the rule changed, and no longer names it"),
        Cause::RuleRemoved => language.pick("规则已停用", "the rule was removed"),
    }
}

/// `红牌`, `red card`.
pub const fn level_label(level: Level, language: Language) -> &'static str {
    match level {
        Level::Yellow => language.pick("黄牌", "yellow card"),
        Level::Red => language.pick("红牌", "red card"),
    }
}

/// `停表`, `paused`.
pub const fn state_label(state: State, language: Language) -> &'static str {
    match state {
        State::NotStarted => language.pick("未起算", "not started"),
        State::Running => language.pick("办理中", "running"),
        State::Paused => language.pick("停表", "paused"),
        State::Met => language.pick("按时办结", "done in time"),
        State::Late => language.pick("超时办结", "done late"),
    }
}

/// `按时`, `in time`.
pub const fn verdict_label(verdict: Verdict, language: Language) -> &'static str {
    match verdict {
        Verdict::OnTime => language.pick("按时", "in time"),
        Verdict::Overdue => language.pick("超时", "overdue"),
        Verdict::Open => language.pick("未定", "open"),
    }
}

/// `亮牌`, `raised`.
pub const fn change_label(change: Change, language: Language) -> &'static str {
    match change {
        Change::Raise => language.pick("亮牌", "raised"),
        Change::Lower => language.pick("降为黄牌", "lowered to yellow"),
        Change::Clear => language.pick("销牌", "cleared"),
        Change::Revoke => language.pick("撤牌", "recalled"),
        Change::Withdraw => language.pick("不再适用", "withdrawn"),
        Change::LeftSource => language.pick("已离开来源系统", "left its source"),
        Change::Stop => language.pick("办结", "stopped"),
        Change::Resume => language.pick("恢复计时", "resumed"),
    }
}

/// What a notice is called: `催办`, `reminder`.
pub const fn notice_label(kind: NoticeKind, language: Language) -> &'static str {
    match kind {
        NoticeKind::Raise => language.pick("亮牌", "raised"),
        NoticeKind::Lower => language.pick("降为黄牌", "lowered to yellow"),
        NoticeKind::Reminder => language.pick("催办", "reminder"),
        NoticeKind::Clear => language.pick("销牌", "cleared"),
        NoticeKind::Revoke => language.pick("撤牌", "recalled"),
        NoticeKind::Handover => language.pick("转办", "handover"),
        NoticeKind::Count => language.pick("累计提醒", "count reached"),
        NoticeKind::Order => language.pick("督办单", "order"),
        NoticeKind::Digest => language.pick("汇总", "digest"),
        NoticeKind::System => language.pick("系统通知", "system"),
    }
}

/// By which way somebody signed: `电话`, `phone`.
pub const fn via_label(via: Via, language: Language) -> &'static str {
    match via {
        Via::Link => language.pick("链接", "link"),
        Via::Board => language.pick("看板", "board"),
        Via::Phone => language.pick("电话", "phone"),
        Via::Sms => language.pick("短信", "short message"),
    }
}

/// What became of a request for more time.
pub(super) fn granted_words(granted: Granted, voice: Voice) -> String {
    match granted {
        Granted::Counts => voice.say("已计入", "counts").to_owned(),
        Granted::Pending => voice.say("未批准，不计", "not approved, does not count").to_owned(),
        Granted::AskedTooLate { due_at } => match voice.language {
            Language::Chinese => format!("到期（{}）后才申请，不计", voice.due(due_at)),
            Language::English => format!("asked for after it was due ({}), does not count", voice.due(due_at)),
        },
        Granted::OtherFamily => {
            voice.say("单位与时限不同，不计", "in a unit of another kind, does not count").to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_words_in_both_languages() {
        let at = "2026-03-16T16:00:00Z".parse().expect("instant");
        let later = "2026-03-17T02:05:00Z".parse().expect("instant");
        let remark = crate::core::digest::Digest::of([]);
        for (reason, chinese, english) in [
            (Reason::Due { due_at: at }, "截至2026年3月16日24时未办结", "not done by 16 Mar 2026 24:00"),
            (
                Reason::SoonDue { yellow_at: at, due_at: at },
                "将于2026年3月16日24时到期",
                "falls due at 16 Mar 2026 24:00",
            ),
            (Reason::Found { text: "三个月\n未更新".into() }, "三个月 未更新", "三个月 未更新"),
            (
                Reason::StartMissing { since: later },
                "自2026年3月17日 10:05起一直缺少起算时间",
                "the start has been missing since 17 Mar 2026 10:05",
            ),
            (
                Reason::PausedTooLong { since: later },
                "自2026年3月17日 10:05起停表，时间过长",
                "paused for too long, since 17 Mar 2026 10:05",
            ),
            (Reason::Finished { done_at: later }, "已于2026年3月17日 10:05办结", "done at 17 Mar 2026 10:05"),
            (Reason::StopTakenBack, "此前报为办结，现为未办结", "reported as done before, and is not done"),
            (Reason::Paused { since: later }, "自2026年3月17日 10:05起停表", "paused since 17 Mar 2026 10:05"),
            (Reason::Resumed, "已恢复计时", "the clock runs again"),
            (Reason::DueMoved { due_at: Some(at) }, "到期时间改为2026年3月16日24时", "now due at 16 Mar 2026 24:00"),
            (Reason::DueMoved { due_at: None }, "现在没有到期时间", "no due instant any more"),
            (
                Reason::Started { from: later },
                "起算时间已明确：2026年3月17日 10:05",
                "the clock started at 17 Mar 2026 10:05",
            ),
            (
                Reason::Corrected { due_at: Some(at) },
                "按更正后的数据，应于2026年3月16日24时到期，当时不应亮牌",
                "by corrected data it falls due at 16 Mar 2026 24:00",
            ),
            (
                Reason::Corrected { due_at: None },
                "按更正后的数据，当时不应亮牌",
                "by corrected data there should have been no card",
            ),
            (Reason::Unnamed { cause: Cause::RuleRemoved }, "规则已停用", "the rule was removed"),
            (Reason::LeftSource, "来源系统中已没有此件", "no longer in its source"),
            (Reason::Recovered, "已恢复正常", "it is well again"),
            (
                Reason::Exempted {
                    remark,
                    evidence: "申请人自身原因 · 会议纪要〔2026〕3号".into(),
                    by_source: Verdict::Overdue,
                },
                "已免责（申请人自身原因 · 会议纪要〔2026〕3号）",
                "exempted (申请人自身原因 · 会议纪要〔2026〕3号)",
            ),
            (
                Reason::FoundWrong { remark, evidence: "重复\n登记".into(), by_source: Verdict::Open },
                "经核实为误亮（重复 登记）",
                "found to be wrong (重复 登记)",
            ),
            (
                Reason::Restored { reason: Box::new(Reason::Due { due_at: at }) },
                "补录已撤销，截至2026年3月16日24时未办结",
                "the remark was revoked: not done by 16 Mar 2026 24:00",
            ),
        ] {
            let zone = Tz::Asia__Shanghai;
            assert_eq!(reason_words(&reason, Language::Chinese, zone), chinese);
            assert_eq!(reason_words(&reason, Language::English, zone), english);
        }
    }
}
