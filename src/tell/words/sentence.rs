//! What a message says about one member: the label, the short state, the sentence, and what to do by when.

use super::super::facts::{CardFacts, ClockFacts, Member, Taking};
use super::super::language::Language;
use super::entry::{LONGEST_CODE, LONGEST_TITLE};
use super::level_label;
use super::line::Line;
use super::reason::words;
use super::voice::Voice;
use crate::core::ladder::{Label, Threshold};
use crate::core::limit::Limit;
use crate::core::notice::NoticeKind;
use crate::core::reason::Reason;
use crate::core::window::Level;

/// The mark in brackets: `红牌`, `红牌催办`, `撤牌`.
pub fn label(member: &Member, voice: Voice) -> &'static str {
    let (kind, level) = (member.kind, member.card.as_ref().map(|card| card.level));
    let leveled = |yellow: [&'static str; 2], red: [&'static str; 2]| match level {
        Some(Level::Yellow) => voice.say(yellow[0], yellow[1]),
        Some(Level::Red) => voice.say(red[0], red[1]),
        None => voice.say("通知", "Notice"),
    };
    match kind {
        NoticeKind::Raise => leveled(["黄牌", "Yellow card"], ["红牌", "Red card"]),
        NoticeKind::Reminder => leveled(["黄牌催办", "Yellow card, reminder"], ["红牌催办", "Red card, reminder"]),
        NoticeKind::Count => leveled(["黄牌累计", "Yellow cards, count"], ["红牌累计", "Red cards, count"]),
        NoticeKind::Handover if member.taking.gone => {
            leveled(["黄牌转出", "Yellow card, handed on"], ["红牌转出", "Red card, handed on"])
        }
        NoticeKind::Handover => leveled(["黄牌转办", "Yellow card, handover"], ["红牌转办", "Red card, handover"]),
        NoticeKind::Lower => voice.say("降为黄牌", "Lowered to yellow"),
        NoticeKind::Clear => voice.say("销牌", "Cleared"),
        NoticeKind::Revoke => voice.say("撤牌", "Recall"),
        NoticeKind::Order => voice.say("督办单", "Order"),
        NoticeKind::Digest => voice.say("汇总", "Digest"),
        NoticeKind::System => voice.say("系统通知", "System"),
    }
}

/// Where the matter stands, in a few words: `已超1个工作日`.
pub fn state(kind: NoticeKind, card: &CardFacts, voice: Voice) -> String {
    match (kind, card.level) {
        (NoticeKind::Clear, _) => return words(&card.reason, voice),
        (NoticeKind::Revoke, Level::Red) => return voice.say("此前红牌作废", "the red card is void").to_owned(),
        (NoticeKind::Revoke, Level::Yellow) => return voice.say("此前黄牌作废", "the yellow card is void").to_owned(),
        _ => {}
    }
    let clock = card.clock.as_ref();
    let is_clock = !matches!(
        card.reason.root(),
        Reason::Found { .. } | Reason::StartMissing { .. } | Reason::PausedTooLong { .. }
    );
    match clock.filter(|_| is_clock) {
        Some(clock) => remaining(card, clock, voice).unwrap_or_else(|| match card.level {
            Level::Yellow => voice.say("即将到期", "about to fall due").to_owned(),
            Level::Red => voice.say("已超时", "overdue").to_owned(),
        }),
        None => words(&card.reason, voice),
    }
}

/// The number that was reached: `连续第2次亮牌`, `本季度已有3张红牌`.
pub fn count(number: Threshold, voice: Voice) -> String {
    match (number, voice.language) {
        (Threshold::Streak(number), Language::Chinese) => format!("连续第{number}次亮牌"),
        (Threshold::Streak(number), Language::English) => format!("{number} times running"),
        (Threshold::Reds(number), Language::Chinese) => format!("本单位本季度已有{number}张红牌"),
        (Threshold::Reds(number), Language::English) => format!("{number} red cards of the unit in this quarter"),
    }
}

/// What the office calls the step or the count.
pub fn called(label: &Label, voice: Voice) -> &str {
    match voice.language {
        Language::Chinese => &label.zh,
        Language::English => &label.en,
    }
}

/// What is left on the clock, or how much it is over. A red card that is told at its very instant is over by nothing
/// yet, and still over: due is the first instant that is too late.
pub fn remaining(card: &CardFacts, clock: &ClockFacts, voice: Voice) -> Option<String> {
    let left = clock.remaining?;
    if left == 0 && card.level == Level::Red {
        return Some(voice.say("已超时", "overdue").to_owned());
    }
    Some(voice.remaining(left, clock.limit.parse::<Limit>().ok().map(Limit::unit)))
}

/// When the matter is or was due, with the mark of a provisional date.
pub fn due(card: &CardFacts, voice: Voice) -> Option<String> {
    let clock = card.clock.as_ref()?;
    let mark = if clock.provisional { voice.say("（暂定）", " (provisional)") } else { "" };
    clock.due_at.map(|at| format!("{}{mark}", voice.due(at)))
}

/// The sentence that says it all.
pub fn sentence(member: &Member, voice: Voice) -> String {
    let Some(card) = &member.card else {
        return member.body.as_ref().map_or_else(String::new, |body| ended(&body.title, voice));
    };
    let name = name(card, voice);
    let level = level_label(card.level, voice.language);
    let reason = words(&card.reason, voice);
    match (member.kind, voice.language) {
        (NoticeKind::Clear, Language::Chinese) => format!("{name}{reason}，{level}已销。"),
        (NoticeKind::Clear, Language::English) => format!("The {level} on {name} is cleared: {reason}."),
        (NoticeKind::Revoke, Language::Chinese) => {
            format!("此前就{name}发出的{level}有误，现予撤回：{reason}。")
        }
        (NoticeKind::Revoke, Language::English) => {
            format!("The {level} on {name} was wrong and is recalled: {reason}.")
        }
        (NoticeKind::Lower, Language::Chinese) => format!("{name}由红牌降为黄牌：{reason}。"),
        (NoticeKind::Lower, Language::English) => format!("{name} is lowered from red to yellow: {reason}."),
        (NoticeKind::Reminder, Language::Chinese) => format!("再次提醒：{}", standing(card, &name, voice)),
        (NoticeKind::Reminder, Language::English) => format!("Once more: {}", standing(card, &name, voice)),
        (NoticeKind::Handover, Language::Chinese) if member.taking.gone => {
            format!("{name}的{level}已转由{}负责，不再由您办理。", in_charge(card, voice))
        }
        (NoticeKind::Handover, Language::English) if member.taking.gone => {
            format!("The {level} on {name} has gone to others; now in charge: {}.", in_charge(card, voice))
        }
        (NoticeKind::Handover, Language::Chinese) => {
            format!("{}责任单位或经办人已变更，现由{}负责。", standing(card, &name, voice), in_charge(card, voice))
        }
        (NoticeKind::Handover, Language::English) => {
            format!("{} It has changed hands; now in charge: {}.", standing(card, &name, voice), in_charge(card, voice))
        }
        (NoticeKind::Count, _) => counted(member, card, &name, voice),
        _ => {
            let called = member.taking.label.as_ref().map(|label| whole(called(label, voice), voice));
            let gap = if called.is_some() { voice.say("", " ") } else { "" };
            format!("{}{gap}{}", standing(card, &name, voice), called.unwrap_or_default())
        }
    }
}

/// What a count says: a unit's reds stay true whatever becomes of the card by which they came to be so many.
fn counted(member: &Member, card: &CardFacts, name: &str, voice: Voice) -> String {
    let (Taking { label, .. }, Some(number)) = (&member.taking, member.taking.count) else {
        return standing(card, name, voice);
    };
    let reached = count(number, voice);
    let label = label.as_ref().map(|label| whole(called(label, voice), voice)).unwrap_or_default();
    let unit = card.unit.as_deref().unwrap_or_default();
    match (number, voice.language) {
        (Threshold::Streak(_), Language::Chinese) => format!("{}{reached}。{label}", standing(card, name, voice)),
        (Threshold::Streak(number), Language::English) => {
            format!("{} This is the {number}{} running. {label}", standing(card, name, voice), ordinal(number))
        }
        (Threshold::Reds(_), Language::Chinese) => format!("{unit}：{reached}，最近一张是{name}。{label}"),
        (Threshold::Reds(_), Language::English) => format!("{unit}: {reached}, the latest on {name}. {label}"),
    }
}

/// Where an open card stands.
fn standing(card: &CardFacts, name: &str, voice: Voice) -> String {
    let level = level_label(card.level, voice.language);
    let state = state(NoticeKind::Raise, card, voice);
    let is_clock = matches!(card.reason.root(), Reason::Due { .. } | Reason::SoonDue { .. } | Reason::DueMoved { .. });
    match (due(card, voice).filter(|_| is_clock), voice.language) {
        (Some(due), Language::Chinese) => format!("{name}应于{due}前办结，{state}，亮{level}。"),
        (Some(due), Language::English) => {
            let verb = if card.level == Level::Red { "was" } else { "is" };
            format!("{name} {verb} due by {due}, {state}: {level}.")
        }
        (None, Language::Chinese) => format!("{name}：{state}，亮{level}。"),
        (None, Language::English) => format!("{name}: {state}: {level}."),
    }
}

/// What to do, by when; `None` where there is nothing to do.
pub fn action(member: &Member, voice: Voice) -> Option<String> {
    let card = member.card.as_ref()?;
    let text = match (member.kind, card.reason.root(), card.level) {
        (NoticeKind::Clear, ..) => voice.say("无需再办理。", "Nothing is left to do."),
        (NoticeKind::Revoke, ..) => {
            voice.say("请以本通知为准，此前的通知作废。", "This message counts; what was said before is void.")
        }
        (NoticeKind::Digest | NoticeKind::System, ..) => return None,
        (NoticeKind::Handover, ..) if member.taking.gone => voice.say(
            "您无需再办理；请把已掌握的情况告知接办人。",
            "Nothing is left for you to do; please pass on what you know.",
        ),
        (NoticeKind::Count, ..) => {
            voice.say("请按本地督办制度处理。", "Please act as your own rules of supervision provide.")
        }
        (_, Reason::StartMissing { .. }, _) => {
            voice.say("请在来源系统中补录起算时间。", "Please enter the start in the source system.")
        }
        (_, Reason::PausedTooLong { .. }, _) => {
            voice.say("请核实停表事由是否仍然存在。", "Please check whether the reason for the pause still holds.")
        }
        (_, Reason::Found { .. }, _) => voice.say("请核实并处理。", "Please look into it and act."),
        (_, _, Level::Red) => voice.say(
            "请立即办结。到期后才申请的延期不予计入。",
            "Please finish it now. An extension asked for after the due time does not count.",
        ),
        (_, _, Level::Yellow) => return Some(action_in_time(card, voice)),
    };
    Some(text.to_owned())
}

fn action_in_time(card: &CardFacts, voice: Voice) -> String {
    match (due(card, voice), voice.language) {
        (Some(due), Language::Chinese) => format!("请于{due}前办结；确需延期的，须在此之前申请。"),
        (Some(due), Language::English) => {
            format!("Please finish it by {due}; if more time is needed, ask for it before then.")
        }
        (None, _) => voice.say("请抓紧办理。", "Please act soon.").to_owned(),
    }
}

/// Whether somebody should sign for it.
pub fn asks_for_signature(member: &Member) -> bool {
    let kinds = [NoticeKind::Raise, NoticeKind::Reminder, NoticeKind::Handover, NoticeKind::Lower, NoticeKind::Order];
    member.card.is_some() && kinds.contains(&member.kind) && !member.taking.gone
}

/// `“施工许可”（P0136）`, or the code alone where the title says no more.
fn name(card: &CardFacts, voice: Voice) -> String {
    let title = Line::cut(&card.title, LONGEST_TITLE);
    let code = Line::cut(&card.code, LONGEST_CODE);
    match (has_title(card), voice.language) {
        (false, _) => code.to_string(),
        (true, Language::Chinese) => format!("“{title}”（{code}）"),
        (true, Language::English) => format!("“{title}” ({code})"),
    }
}

/// Whether the title says more than the code.
pub fn has_title(card: &CardFacts) -> bool {
    !card.title.trim().is_empty() && card.title != card.code
}

fn in_charge(card: &CardFacts, voice: Voice) -> String {
    let parts: Vec<&str> = [&card.unit, &card.handler].into_iter().filter_map(Option::as_deref).collect();
    if parts.is_empty() { voice.say("新的责任人", "somebody else").to_owned() } else { parts.join(" ") }
}

/// What stands behind a number: `2nd`, `11th`.
const fn ordinal(number: u32) -> &'static str {
    match (number % 10, number % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        _ => "th",
    }
}

/// As a sentence of its own.
fn whole(text: &str, voice: Voice) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    ended(&format!("{first}{}", rest.as_str()), voice)
}

fn ended(title: &str, voice: Voice) -> String {
    let has_end = title.trim_end().ends_with(['。', '.', '！', '!', '？', '?']);
    if has_end { title.to_owned() } else { format!("{title}{}", voice.say("。", ".")) }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::super::sample::red;
    use super::*;

    #[test]
    fn a_red_card_that_is_told_at_its_very_instant_is_overdue() {
        for (left, chinese, english) in [(-100, "已超1个工作日", "overdue by 1 working day"), (0, "已超时", "overdue")]
        {
            let clock = red().clock.map(|clock| ClockFacts { remaining: Some(left), ..clock });
            let card = CardFacts { clock, ..red() };
            for (language, says) in [(Language::Chinese, chinese), (Language::English, english)] {
                let voice = Voice { language, zone: Tz::Asia__Shanghai, year: None };
                assert_eq!(state(NoticeKind::Raise, &card, voice), says);
            }
        }
    }
}
