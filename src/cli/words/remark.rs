//! What `duban remark` says. (What is said of a remark itself: [`crate::tell::words`].)

use chrono_tz::Tz;

use super::{Chinese, English, Language};
use crate::core::digest::Digest;
use crate::core::remark::{Amendment, RemarkError, Waits};
use crate::rules::error::nearest;
use crate::tell::time_words;

/// The columns of what is moved.
pub const fn moved_titles(language: Language) -> [&'static str; 8] {
    match language {
        Chinese => ["规则", "窗口", "现状态", "现到期", "现牌", "新状态", "新到期", "新牌"],
        English => ["rule", "window", "state", "due", "card", "new state", "new due", "new card"],
    }
}

/// The columns of the list.
pub const fn titles(language: Language) -> [&'static str; 12] {
    match language {
        Chinese => {
            ["编号", "办件", "种类", "内容", "状态", "补录于", "补录人", "依据", "文号", "批准人", "裁定人", "撤销人"]
        }
        English => [
            "id",
            "item",
            "kind",
            "says",
            "stands",
            "put down",
            "by",
            "basis",
            "document",
            "approver",
            "decided by",
            "revoked by",
        ],
    }
}

/// No date and no card changes.
pub const fn moves_nothing(language: Language) -> &'static str {
    language.pick("没有日期因此变动，也没有牌因此升降", "no date moves by it, and no card falls or rises")
}

/// Nothing was written, because that was asked for.
pub const fn dry(language: Language) -> &'static str {
    language.pick("仅为预览，什么也没有写入", "this only shows it: nothing was written")
}

/// It was done.
pub fn done(language: Language, amendment: &Amendment, id: &str, waits: Option<Waits>) -> String {
    match (amendment, waits, language) {
        (Amendment::Add(_), None, Chinese) => format!("已补录，编号 {id}"),
        (Amendment::Add(_), None, English) => format!("the remark {id} is on record"),
        (Amendment::Add(_), Some(Waits::Appeal), Chinese) => {
            format!("申诉 {id} 已登记；裁定前牌不变：duban remark decide {id} --grant 或 --reject")
        }
        (Amendment::Add(_), Some(Waits::Appeal), English) => format!(
            "the appeal {id} is on record; the card stands until it is decided: duban remark decide {id} --grant or \
             --reject"
        ),
        (Amendment::Add(_), Some(Waits::Approval), Chinese) => {
            format!("补录 {id} 已登记，须由第二人批准才计入：duban remark decide {id} --grant")
        }
        (Amendment::Add(_), Some(Waits::Approval), English) => format!(
            "the remark {id} is on record and counts when a second person grants it: duban remark decide {id} --grant"
        ),
        (Amendment::Decide(_, decision), _, Chinese) if decision.granted => format!("补录 {id} 已获准，自此计入"),
        (Amendment::Decide(_, decision), _, English) if decision.granted => {
            format!("the remark {id} is granted and counts from now on")
        }
        (Amendment::Decide(..), _, Chinese) => format!("补录 {id} 未获准"),
        (Amendment::Decide(..), _, English) => format!("the remark {id} is rejected"),
        (Amendment::Revoke(..), _, Chinese) => format!("补录 {id} 已撤销"),
        (Amendment::Revoke(..), _, English) => format!("the remark {id} is revoked"),
    }
}

/// Somebody else was at it.
pub const fn try_again(language: Language) -> &'static str {
    language
        .pick("此办件或规则刚被他人更改，请重试", "somebody else has just changed this item or the rules: try again")
}

/// No remark's id begins so.
pub fn none(language: Language, id: &str) -> String {
    format!("{}{id:?}", language.pick("没有编号以此开头的补录：", "no remark's id begins with "))
}

/// Several begin so.
pub fn several(language: Language, id: &str, found: &[String]) -> String {
    match language {
        Chinese => format!("不止一条补录的编号以 {id:?} 开头：{}", found.join("、")),
        English => format!("several remarks' ids begin with {id:?}: {}", found.join(", ")),
    }
}

/// No card of the item has an id that begins so.
pub fn no_card(language: Language, id: &str) -> String {
    match language {
        Chinese => format!("此办件没有编号以 {id:?} 开头的牌"),
        English => format!("no card of this item has an id that begins with {id:?}"),
    }
}

/// Why it cannot be said or done.
pub fn refused(language: Language, error: &RemarkError, zone: Tz) -> String {
    match language {
        Chinese => in_chinese(error, zone),
        English => in_english(error, zone),
    }
}

fn in_chinese(error: &RemarkError, zone: Tz) -> String {
    let at = |at| time_words::instant(at, zone);
    match error {
        RemarkError::Anonymous => "应写明何人、何据（--by、--basis 或 --why 不能为空）".to_owned(),
        RemarkError::SamePerson(by) => format!("由 {by} 提出，应由另一人批准或裁定"),
        RemarkError::Own(item) => format!("{item} 是督办自身的设施，不能补录"),
        RemarkError::Reversed => "--to：停表的止点应晚于起点".to_owned(),
        RemarkError::ApprovedBeforeAsked => "--approved：批准不应早于申请（--asked）".to_owned(),
        RemarkError::NoField { field, known } => format!(
            "{field:?} 不是可补录的时间字段{}；可补录：{}",
            near(field, known, "，是否指 ", "？"),
            listed(known, "、", "（无）")
        ),
        RemarkError::NoWindow { rule, name, known } => {
            let wanted = format!("{rule}/{name}");
            format!(
                "没有规则在此办件上设有 {wanted}{}；有：{}",
                near(&wanted, known, "，是否指 ", "？"),
                listed(known, "、", "（无）")
            )
        }
        RemarkError::SaidBySource => "来源系统已有同样的记载，以其为准；如有误，请在来源系统中更正".to_owned(),
        RemarkError::SaidByRemark(id) => format!("补录 {} 已记载此事；如有误，请先撤销它", begin(id)),
        RemarkError::AskedTooLate { rule, name, due_at } => {
            format!("申请时 {rule}/{name} 已到期（{}），延期不予计入", time_words::due(*due_at, zone, Chinese))
        }
        RemarkError::Spoils { rule, error } => format!("补录后规则 {rule} 无法研判此办件：{error}"),
        RemarkError::Unknown => "此办件没有这条补录".to_owned(),
        RemarkError::Decided { by, at: when } => format!("{by} 已于 {} 裁定", at(*when)),
        RemarkError::NotWaiting => "它不需要裁定".to_owned(),
        RemarkError::Revoked { by, at: when } => format!("{by} 已于 {} 撤销", at(*when)),
    }
}

fn in_english(error: &RemarkError, zone: Tz) -> String {
    let at = |at| time_words::instant(at, zone);
    match error {
        RemarkError::Anonymous => format!("{error}: --by, --basis or --why is empty"),
        RemarkError::Reversed => format!("--to: {error}"),
        RemarkError::ApprovedBeforeAsked => format!("--approved: {error} (--asked)"),
        RemarkError::NoField { field, known } => format!(
            "{field:?} is no field of a time{}; there are: {}",
            near(field, known, ", did you mean ", "?"),
            listed(known, ", ", "none")
        ),
        RemarkError::NoWindow { rule, name, known } => {
            let wanted = format!("{rule}/{name}");
            format!(
                "no rule names {wanted} on this item{}; there are: {}",
                near(&wanted, known, ", did you mean ", "?"),
                listed(known, ", ", "none")
            )
        }
        RemarkError::SaidBySource => format!("{error}; if it is wrong, correct it there"),
        RemarkError::SaidByRemark(id) => {
            format!("the remark {} speaks about the same already; if it is wrong, revoke it first", begin(id))
        }
        RemarkError::AskedTooLate { rule, name, due_at } => {
            let due = time_words::due(*due_at, zone, English);
            format!("it was asked for when {rule}/{name} was due already ({due}), so it does not count")
        }
        RemarkError::Decided { by, at: when } => format!("{by} decided it, {}", at(*when)),
        RemarkError::Revoked { by, at: when } => format!("{by} revoked it, {}", at(*when)),
        other => other.to_string(),
    }
}

fn near(wanted: &str, known: &[String], before: &str, end: &str) -> String {
    let near = nearest(wanted, known.iter().map(String::as_str));
    near.map(|near| format!("{before}{near}{end}")).unwrap_or_default()
}

fn listed(known: &[String], between: &str, none: &str) -> String {
    if known.is_empty() { none.to_owned() } else { known.join(between) }
}

/// The beginning of an id, as people read it.
fn begin(id: &Digest) -> String {
    id.to_string().chars().take(12).collect()
}
