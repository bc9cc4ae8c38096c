//! What `duban explain` says.

use super::{Chinese, English, Language};
use crate::core::notice::{Hold, NoticeState};

/// The labels of an explanation.
#[derive(Debug, Clone, Copy)]
pub enum Label {
    /// What is explained.
    Item,
    /// As things stood at.
    At,
    /// When it was first seen.
    FirstSeen,
    /// When this snapshot was first seen.
    Seen,
    /// The mapped fields.
    Fields,
    /// A rule.
    Rule,
    /// A window.
    Window,
    /// A finding.
    Finding,
    /// A card.
    Card,
    /// A field without a value.
    Missing,
    /// When a delivery was opened.
    Opened,
    /// When it was done.
    Done,
    /// When it falls due.
    Due,
    /// When it turns yellow.
    Yellow,
    /// Where a clock stands.
    State,
    /// How it is counted.
    Verdict,
    /// What a rule printed.
    Printed,
    /// Who was told.
    Told,
    /// Who took a card.
    Taken,
    /// What was to be quiet.
    Silence,
    /// What somebody added to the item.
    Remark,
    /// What a delivery waits for.
    Waits,
    /// What the peer said later.
    Receipt,
    /// A delivery.
    Delivery,
    /// A try.
    Try,
    /// A member of a delivery.
    Member,
    /// What was sealed.
    Sealed,
    /// A problem.
    Problem,
    /// No card was ever raised.
    NoCard,
    /// Nothing is remembered: the sources were polled.
    Polled,
}

/// A label in words.
pub const fn label(label: Label, language: Language) -> &'static str {
    match label {
        Label::Item => language.pick("办件", "item"),
        Label::At => language.pick("截至", "as of"),
        Label::FirstSeen => language.pick("首次读到", "first seen"),
        Label::Seen => language.pick("读到此状态", "seen like this"),
        Label::Fields => language.pick("字段", "fields"),
        Label::Rule => language.pick("规则", "rule"),
        Label::Window => language.pick("窗口", "window"),
        Label::Finding => language.pick("研判", "finding"),
        Label::Card => language.pick("红黄牌", "card"),
        Label::Missing => language.pick("（无）", "(none)"),
        Label::Opened => language.pick("建立", "opened"),
        Label::Done => language.pick("办结", "done"),
        Label::Due => language.pick("到期", "due"),
        Label::Yellow => language.pick("黄牌", "yellow"),
        Label::State => language.pick("状态", "state"),
        Label::Verdict => language.pick("评定", "verdict"),
        Label::Printed => language.pick("规则输出", "printed"),
        Label::Told => language.pick("告知", "told"),
        Label::Taken => language.pick("签收", "signed"),
        Label::Silence => language.pick("静默", "silence"),
        Label::Remark => language.pick("补录", "remark"),
        Label::Waits => language.pick("等待", "waits for"),
        Label::Receipt => language.pick("回执", "receipt"),
        Label::Delivery => language.pick("通知", "delivery"),
        Label::Try => language.pick("第几次", "try"),
        Label::Member => language.pick("内容", "says"),
        Label::Sealed => language.pick("封存的事实", "sealed facts"),
        Label::Problem => language.pick("出错", "problem"),
        Label::NoCard => language.pick("未曾亮牌", "no card was ever raised"),
        Label::Polled => language
            .pick("没有存储，直接读取数据源；不含历史", "there is no store: the sources were polled; no history"),
    }
}

/// Whether a rule applies.
pub const fn applies(applies: bool, language: Language) -> &'static str {
    if applies { language.pick("适用", "applies") } else { language.pick("不适用", "does not apply") }
}

/// Where a notice stands.
pub const fn notice_state(state: NoticeState, language: Language) -> &'static str {
    match state {
        NoticeState::Held => language.pick("扣下", "held"),
        NoticeState::Planned => language.pick("待发", "planned"),
        NoticeState::Dropped => language.pick("不再发", "dropped"),
        NoticeState::Sent => language.pick("已发", "sent"),
        NoticeState::Unknown => language.pick("不明", "unknown"),
        NoticeState::Discarded => language.pick("未送达", "discarded"),
    }
}

/// Why a notice did not go out.
pub fn hold(hold: &Hold, language: Language) -> String {
    match (hold, language) {
        (Hold::Baseline, Chinese) => "首次读取时已有，属于基线".to_owned(),
        (Hold::Baseline, English) => "it belongs to the baseline".to_owned(),
        (Hold::NoContact { role }, Chinese) => format!("没有人担任 {role}"),
        (Hold::NoContact { role }, English) => format!("nobody holds the role {role}"),
        (Hold::NoAddress, Chinese) => "联系人没有此通道的地址".to_owned(),
        (Hold::NoAddress, English) => "the contact has no address for this channel".to_owned(),
        (Hold::NoLongerSo, Chinese) => "发送前已不再如此".to_owned(),
        (Hold::NoLongerSo, English) => "it was no longer so when it was to be sent".to_owned(),
        (Hold::NeverTold, Chinese) => "此人不曾得知要收回的内容".to_owned(),
        (Hold::NeverTold, English) => "this contact never heard of what it takes back".to_owned(),
        (Hold::Away, Chinese) => "联系人不在，也无人代理".to_owned(),
        (Hold::Away, English) => "the contact is away, and nobody stands in".to_owned(),
        (Hold::BadAddress, Chinese) => "此地址已被拒收，更换后再发".to_owned(),
        (Hold::BadAddress, English) => "the address was refused for good, and is still the same".to_owned(),
        (Hold::BelowLeast, Chinese) => "联系人只收更高的牌".to_owned(),
        (Hold::BelowLeast, English) => "the contact wants to hear of higher levels only".to_owned(),
        (Hold::Silence { silence }, Chinese) => format!("静默 {silence} 期间"),
        (Hold::Silence { silence }, English) => format!("the silence {silence} holds it"),
        (Hold::Acknowledged, Chinese) => "发送前已有人签收".to_owned(),
        (Hold::Acknowledged, English) => "somebody took the card before it was sent".to_owned(),
        (Hold::Cancelled, Chinese) => "已取消".to_owned(),
        (Hold::Cancelled, English) => "it was cancelled".to_owned(),
    }
}

/// Who wrote down what somebody else said.
pub fn written_by(language: Language, by: &str) -> String {
    match language {
        Chinese => format!("，{by} 记录"),
        English => format!(", written down by {by}"),
    }
}

/// Until when reminders and the next step rest for a signature.
pub fn rests(language: Language, until: &str) -> String {
    match language {
        Chinese => format!("，催办和下一级暂缓至 {until}"),
        English => format!("; reminders and the next step rest until {until}"),
    }
}

/// A step of the ladder, from 0.
pub fn step(language: Language, step: u32) -> String {
    match language {
        Chinese => format!("第 {} 级", step + 1),
        English => format!("step {}", step + 1),
    }
}

/// When duban noticed a change.
pub fn noticed(language: Language, at: &str) -> String {
    match language {
        Chinese => format!("发现于 {at}"),
        English => format!("noticed {at}"),
    }
}

/// How a clock is counted after remarks, and by the source's data alone.
pub fn after_remarks(language: Language, after: &str, by_source: &str) -> String {
    match language {
        Chinese => format!("{after}（补录后；按来源系统数据为{by_source}）"),
        English => format!("{after} (after remarks; by the source's data {by_source})"),
    }
}

/// No item has the id.
pub fn no_item(language: Language, item: &str) -> String {
    match language {
        Chinese => format!("没有办件 {item:?}"),
        English => format!("there is no item {item:?}"),
    }
}

/// Several sources have an item of this id.
pub fn several(language: Language, item: &str, found: &[String]) -> String {
    match language {
        Chinese => format!("{item:?} 不唯一，请写全：{}", found.join("、")),
        English => format!("{item:?} is not unique, say which: {}", found.join(", ")),
    }
}

/// A source that could not be polled.
pub fn no_poll(language: Language, source: &str, error: &str) -> String {
    match language {
        Chinese => format!("数据源 {source} 读取失败：{error}"),
        English => format!("the source {source} cannot be read: {error}"),
    }
}
