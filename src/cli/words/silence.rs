//! What `duban silence` says.

use super::{Chinese, English, Language};
use crate::core::silence::SilenceError;

/// The columns of a silence that is put down.
pub const fn added_titles(language: Language) -> [&'static str; 7] {
    match language {
        Chinese => ["编号", "范围", "起", "止", "黄牌", "红牌", "涉及"],
        English => ["id", "about", "from", "until", "yellow", "red", "people"],
    }
}

/// The columns of the list.
pub const fn titles(language: Language) -> [&'static str; 8] {
    match language {
        Chinese => ["编号", "状态", "范围", "起", "止", "设立人", "提前结束", "缘由"],
        English => ["id", "state", "about", "from", "until", "by", "ended by", "comment"],
    }
}

/// Where a silence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has not begun.
    Pending,
    /// It holds.
    Active,
    /// It is over, and what it held is not planned again yet.
    Ended,
    /// It is over, and what it held was planned again.
    Lifted,
}

impl State {
    /// The identifier in JSON and CSV.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Ended => "ended",
            Self::Lifted => "lifted",
        }
    }

    /// For people.
    pub const fn label(self, language: Language) -> &'static str {
        match self {
            Self::Pending => language.pick("未开始", "pending"),
            Self::Active => language.pick("生效中", "active"),
            Self::Ended => language.pick("已结束", "ended"),
            Self::Lifted => language.pick("已解除", "lifted"),
        }
    }
}

/// A pair that is none.
pub fn no_matcher(language: Language, problem: &str) -> String {
    match language {
        English => problem.to_owned(),
        Chinese => {
            let got = problem.rsplit("got ").next().unwrap_or_default();
            format!("应为 键=模式，如 unit=住建局，实为 {got}")
        }
    }
}

/// A key that no item has.
pub fn unknown_key(language: Language, key: &str, known: &[String]) -> String {
    match language {
        Chinese => format!("应为 {} 之一，实为 {key:?}：没有办件有这个字段，静默不会起作用", known.join("、")),
        English => {
            format!("expected one of {}, got {key:?}: no item has it, so nothing would be held", known.join(", "))
        }
    }
}

/// It cannot be a silence; with the argument that it is about.
pub fn refused(language: Language, error: SilenceError) -> (&'static str, String) {
    let argument = match error {
        SilenceError::Everything => "KEY=PATTERN",
        SilenceError::Over | SilenceError::TooLong => "--until",
        SilenceError::Anonymous => "--by",
    };
    let words = match (language, error) {
        (English, _) => error.to_string(),
        (Chinese, SilenceError::Everything) => "至少要有一个 键=模式：静默一切等于停机".to_owned(),
        (Chinese, SilenceError::Over) => "止点应晚于起点，也应晚于现在".to_owned(),
        (Chinese, SilenceError::TooLong) => "至多 30 天".to_owned(),
        (Chinese, SilenceError::Anonymous) => "应写明谁要求静默、为何".to_owned(),
    };
    (argument, words)
}

/// What it touches now, before it is written.
pub fn touches(language: Language, cards: usize) -> String {
    match (language, cards) {
        (Chinese, 0) => "目前没有已亮的牌在此范围内".to_owned(),
        (Chinese, _) => format!("目前 {cards} 张已亮的牌在此范围内"),
        (English, 0) => "no card that is open now is meant".to_owned(),
        (English, 1) => "1 card that is open now is meant".to_owned(),
        (English, _) => format!("{cards} cards that are open now are meant"),
    }
}

/// It is written.
pub fn added(language: Language, id: &str, until: &str) -> String {
    match language {
        Chinese => format!("静默 {id} 已设立，至 {until}；扣下的消息届时重新安排"),
        English => format!("the silence {id} stands until {until}; what it holds is planned again then"),
    }
}

/// No silence's id begins so.
pub fn none(language: Language, id: &str) -> String {
    format!("{}{id:?}", language.pick("没有编号以此开头的静默：", "no silence's id begins with "))
}

/// Several begin so.
pub fn several(language: Language, id: &str, found: &[String]) -> String {
    match language {
        Chinese => format!("不止一个静默的编号以 {id:?} 开头：{}", found.join("、")),
        English => format!("several silences' ids begin with {id:?}: {}", found.join(", ")),
    }
}

/// It was over before.
pub fn is_over(language: Language, id: &str, at: &str, by: Option<&str>) -> String {
    match (language, by) {
        (Chinese, None) => format!("静默 {id} 已于 {at} 结束"),
        (Chinese, Some(by)) => format!("静默 {id} 已于 {at} 由 {by} 结束"),
        (English, None) => format!("the silence {id} ended at {at}"),
        (English, Some(by)) => format!("the silence {id} was ended at {at} by {by}"),
    }
}

/// It is over now.
pub fn expired(language: Language, id: &str) -> String {
    match language {
        Chinese => format!("静默 {id} 到此结束；扣下的消息由运行中的服务重新安排"),
        English => format!("the silence {id} is over; the running daemon plans again what it held"),
    }
}

/// Something that must be said is empty.
pub const fn empty(language: Language) -> &'static str {
    language.pick("不能为空", "expected some text, got none")
}
