//! What `duban routes test` says, and why somebody is told or not.

use super::{Chinese, English, Language, explain};
use crate::core::ladder::{Label, Reminders, Threshold};
use crate::core::limit::Limit;
use crate::core::notice::{Because, Gap, Wait};
use crate::core::window::Level;
use crate::tell::directory::Nobody;
use crate::tell::plan::preview::WhyNot;
use crate::tell::time_words;
use crate::tell::words::level_label;

/// When a level is raised.
pub fn raised(language: Language, at: &str) -> String {
    format!("{} {at}", language.pick("亮牌", "raised"))
}

/// The routes that fit.
pub fn routes(language: Language, names: &[String]) -> String {
    match (language, names) {
        (Chinese, []) => "路由  无一相符".to_owned(),
        (English, []) => "routes  none fits".to_owned(),
        (Chinese, names) => format!("路由  {}", names.join("、")),
        (English, names) => format!("routes  {}", names.join(", ")),
    }
}

/// The ladder, and for how long a signature holds it.
pub fn ladder(language: Language, name: &str, grace: Option<Limit>) -> String {
    let grace = grace.map(|grace| time_words::limit(grace, language)).unwrap_or_default();
    match language {
        Chinese => format!("阶梯  {name}（签收后暂缓 {grace}）"),
        English => format!("ladder  {name} (signing holds it for {grace})"),
    }
}

/// Messages go to the rehearsal's address.
pub const fn rehearsal(language: Language) -> &'static str {
    language.pick("试运行：以下消息发往 notify.rehearsal_to", "REHEARSAL: these messages go to notify.rehearsal_to")
}

/// A step of the ladder.
pub fn step(language: Language, number: u32, at: &str) -> String {
    match (language, number) {
        (Chinese, 0) => format!("第 1 级  {at}"),
        (English, 0) => format!("step 1  {at}"),
        (Chinese, _) => format!("第 {} 级  {at}（若无人签收、无人办结）", number + 1),
        (English, _) => format!("step {}  {at} (if nobody signs or acts)", number + 1),
    }
}

/// A silence that is over only then.
pub fn silenced(language: Language, id: &str) -> String {
    match language {
        Chinese => format!("静默 {id} 到此为止"),
        English => format!("the silence {id} ends then"),
    }
}

/// Nobody at all.
pub const fn nobody(language: Language) -> &'static str {
    language.pick("谁也不告知", "nobody is told")
}

/// How those of a step are reminded.
pub fn reminders(language: Language, reminders: &Reminders, first: Option<&str>) -> String {
    let every = time_words::limit(reminders.every, language);
    let first = first.unwrap_or_default();
    match language {
        Chinese => format!("催办  每 {every} 一次，至多 {} 次，首次 {first}", reminders.most),
        English => format!("reminders  every {every}, at most {}, first {first}", reminders.most),
    }
}

/// What a message waits for.
pub const fn wait(wait: Wait, language: Language) -> &'static str {
    match wait {
        Wait::QuietHours => language.pick("非工作时间", "quiet hours"),
        Wait::List => language.pick("待定时清单", "the next list"),
        Wait::Group => language.pick("等待合并", "for more to join"),
        Wait::Rate => language.pick("通道限额", "the channel's limit"),
    }
}

/// The same, behind an instant.
pub fn waits(wait: Wait, language: Language) -> String {
    let words = self::wait(wait, language);
    match language {
        Chinese => format!("（{words}）"),
        English => format!(" ({words})"),
    }
}

/// As what, by which route, or in whose place somebody is told; empty if nothing is known of it.
pub fn because(because: &Because, language: Language) -> String {
    let mut words = Vec::new();
    if let Some(role) = &because.role {
        words.push(format!("{}{role}", language.pick("角色 ", "as ")));
    }
    if let Some(route) = &because.route {
        words.push(format!("{}{route}", language.pick("路由 ", "by the route ")));
    }
    if let Some(instead) = &because.instead_of {
        words.push(match (language, because.why) {
            (Chinese, None) => format!("代 {instead}"),
            (Chinese, Some(why)) => format!("代 {instead}（{}）", gap(why, language)),
            (English, None) => format!("instead of {instead}"),
            (English, Some(why)) => format!("instead of {instead} ({})", gap(why, language)),
        });
    }
    words.extend(because.count.map(|count| threshold(count, language)));
    words.extend(because.label.as_ref().map(|label| called(label, language).to_owned()));
    words.extend(because.gone.then(|| language.pick("已转由他人负责", "it has gone to others").to_owned()));
    words.join(language.pick("，", ", "))
}

/// What the office calls a step or a count.
pub fn called(label: &Label, language: Language) -> &str {
    language.pick(&label.zh, &label.en)
}

/// The number that a count waits for.
pub fn threshold(threshold: Threshold, language: Language) -> String {
    match (threshold, language) {
        (Threshold::Streak(number), Chinese) => format!("连续第 {number} 次"),
        (Threshold::Streak(number), English) => format!("{number} running"),
        (Threshold::Reds(number), Chinese) => format!("本单位本季度第 {number} 张红牌"),
        (Threshold::Reds(number), English) => format!("{number} red cards of the unit in the quarter"),
    }
}

/// A count of the ladder.
pub fn count(language: Language, number: Threshold, level: Level) -> String {
    let number = threshold(number, language);
    match language {
        Chinese => format!("累计  {number}（{}及以上）", level_label(level, language)),
        English => format!("count  {number} ({} or above)", level_label(level, language)),
    }
}

/// Why somebody else is told.
const fn gap(gap: Gap, language: Language) -> &'static str {
    match gap {
        Gap::Absent => language.pick("不在", "away"),
        Gap::Secretary => language.pick("由秘书代收", "the secretary reads"),
        Gap::Copy => language.pick("抄送秘书", "the secretary reads too"),
        Gap::Vacant => language.pick("空缺", "vacant"),
        Gap::Unreachable => language.pick("本级无人能送达", "nobody of the step can be reached"),
        Gap::Fallback => language.pick("该通道未能送达", "that channel failed"),
    }
}

/// Why somebody is not told.
pub fn why_not(why: &WhyNot, language: Language) -> String {
    match (why, language) {
        (WhyNot::Held(hold), _) => explain::hold(hold, language),
        (WhyNot::Elsewhere, _) => language
            .pick("负责其他单位、区域、条线或事由", "answers for another unit, region, line or cause")
            .to_owned(),
        (WhyNot::OffDuty, _) => language.pick("不在岗", "is not on duty").to_owned(),
        (WhyNot::Nobody(nobody), English) => nobody.to_string(),
        (WhyNot::Nobody(Nobody::Vacant { role }), Chinese) => format!("没有人担任 {role}"),
        (WhyNot::Nobody(Nobody::NoOwner), Chinese) => "办件没有写明承办人".to_owned(),
        (WhyNot::Nobody(Nobody::Unknown { owner }), Chinese) => format!("联系人中没有 {owner:?}"),
        (WhyNot::Nobody(Nobody::Ambiguous { owner, count }), Chinese) => {
            format!("{owner:?} 可能是 {count} 位联系人之一")
        }
    }
}

/// Nothing is open or ahead.
pub fn nothing(language: Language, item: &str) -> String {
    match language {
        Chinese => format!("{item}：没有已亮或将亮的牌；如需假设，请加 --level"),
        English => format!("{item}: no card is open or ahead; to suppose one, add --level"),
    }
}
