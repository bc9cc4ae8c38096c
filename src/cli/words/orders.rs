//! What `duban orders` says.

use super::{Chinese, English, Language};
use crate::core::order::{Classification, Deed, Linkage, OrderState, PartyKind, Refusal};

/// The columns of the list.
pub const fn titles(language: Language) -> [&'static str; 9] {
    match language {
        Chinese => ["督办单", "编号", "状态", "牌", "办件", "主办", "最近到期", "提出", "事项"],
        English => ["order", "id", "state", "level", "item", "lead", "next due", "proposed", "title"],
    }
}

/// Where an order stands.
pub const fn state(language: Language, state: OrderState) -> &'static str {
    match state {
        OrderState::Proposed => language.pick("待归类", "proposed"),
        OrderState::Classified => language.pick("已归类", "classified"),
        OrderState::Dispatched => language.pick("已派发", "dispatched"),
        OrderState::Signed => language.pick("已签收", "signed"),
        OrderState::FedBack => language.pick("已反馈", "fed back"),
        OrderState::Returned => language.pick("已退回", "returned"),
        OrderState::Declined => language.pick("已退单", "declined"),
        OrderState::Verified => language.pick("已核验", "verified"),
        OrderState::Closed => language.pick("已办结", "closed"),
        OrderState::Withdrawn => language.pick("已撤回", "withdrawn"),
    }
}

/// What the centre decided.
pub const fn classification(language: Language, classification: Classification) -> &'static str {
    match classification {
        Classification::Handle => language.pick("办理", "handle"),
        Classification::Urge => language.pick("催办", "urge"),
        Classification::Merge => language.pick("并案", "merge"),
        Classification::None => language.pick("不予派发", "none"),
    }
}

/// The first line of an order's life.
pub const fn proposed(language: Language) -> &'static str {
    language.pick("提出", "proposed")
}

/// What was done.
pub fn deed(language: Language, deed: &Deed) -> String {
    let word = match deed {
        Deed::Classify { classification: as_what, .. } => {
            return format!("{}{}", language.pick("归类：", "classified: "), classification(language, *as_what));
        }
        Deed::Dispatch { lead, .. } => return format!("{}{}", language.pick("派发：", "dispatched: "), lead.unit),
        Deed::Sign { unit, .. } => return format!("{}{unit}", language.pick("签收：", "signed: ")),
        Deed::FeedBack { unit, .. } => return format!("{}{unit}", language.pick("反馈：", "fed back: ")),
        Deed::Transfer { lead, .. } => return format!("{}{}", language.pick("转办：", "transferred: "), lead.unit),
        Deed::Return { .. } => language.pick("退回反馈", "feedback returned"),
        Deed::Verify { .. } => language.pick("核验", "verified"),
        Deed::Close { .. } => language.pick("办结", "closed"),
        Deed::Decline { .. } => language.pick("退单", "declined"),
        Deed::Extend { .. } => language.pick("延期", "extended"),
        Deed::Withdraw { .. } => language.pick("撤回", "withdrawn"),
        Deed::CardClosed { is_revoked: true } => language.pick("红黄牌撤牌", "its card was recalled"),
        Deed::CardClosed { is_revoked: false } => language.pick("红黄牌已销", "its card closed"),
        Deed::ApplyLinkage { .. } => language.pick("申请联动", "linkage applied for"),
        Deed::TakeLinkage => language.pick("市中心牵头", "the centre leads"),
        Deed::SignLinkage { .. } => language.pick("区领导签批", "the district's leader signed"),
        Deed::ReportLinkage { .. } => language.pick("专报市领导", "reported to a city leader"),
    };
    word.to_owned()
}

/// How far a linkage has come.
pub fn linkage(language: Language, linkage: &Linkage) -> String {
    use crate::core::order::linkage::Crossing;
    let crossing = match linkage.crossing {
        Crossing::Region => language.pick("跨区域", "across regions"),
        Crossing::Level => language.pick("跨层级", "across levels"),
    };
    let led = linkage.led_at.map(|_| language.pick("市中心牵头", "the centre leads").to_owned());
    let signed = linkage.leader.as_ref().map(|leader| format!("{} {leader}", language.pick("签批", "signed by")));
    let reported = linkage.report.as_ref().map(|report| format!("{} {report}", language.pick("专报", "reported")));
    let steps = [Some(crossing.to_owned()), led, signed, reported];
    steps.into_iter().flatten().collect::<Vec<_>>().join(language.pick("，", ", "))
}

/// The headings of `show`.
pub const fn clocks(language: Language) -> &'static str {
    language.pick("时限", "Clocks")
}

/// What was done.
pub const fn life(language: Language) -> &'static str {
    language.pick("经过", "Life")
}

/// Who was told.
pub const fn told(language: Language) -> &'static str {
    language.pick("告知", "Told")
}

/// It is done.
pub fn done(language: Language, name: &str, state: &str, told: usize) -> String {
    match (language, told) {
        (Chinese, 0) => format!("{name} {state}"),
        (Chinese, _) => format!("{name} {state}，将告知 {told} 条"),
        (English, 0) => format!("{name} is {state}"),
        (English, 1) => format!("{name} is {state}; 1 notice goes out"),
        (English, _) => format!("{name} is {state}; {told} notices go out"),
    }
}

/// No order is called so.
pub fn no_order(language: Language, wanted: &str) -> String {
    match language {
        Chinese => format!("没有督办单 {wanted:?}；应为文号（2026-12、督办〔2026〕12号）或编号的前几位（至少 4 位）"),
        English => format!(
            "no order {wanted:?}; expected a number (2026-12, 督办〔2026〕12号) or the beginning of an id (4 digits or more)"
        ),
    }
}

/// Several are called so.
pub fn several(language: Language, wanted: &str, lines: &[String]) -> String {
    let head = match language {
        Chinese => format!("{wanted:?} 可以是几张督办单："),
        English => format!("{wanted:?} can be several orders:"),
    };
    format!("{head}\n  {}", lines.join("\n  "))
}

/// There is no such kind of party.
pub fn no_kind(language: Language, word: &str) -> String {
    let kinds = PartyKind::ALL.map(PartyKind::word).join(language.pick("、", ", "));
    match language {
        Chinese => format!("应为 {kinds} 之一，实为 {word:?}"),
        English => format!("expected one of {kinds}, got {word:?}"),
    }
}

/// The card's item has no unit.
pub const fn no_unit(language: Language) -> &'static str {
    language.pick("办件没有责任单位，须写明主办单位", "the card's item has no unit, so a lead party has to be named")
}

/// Others changed it again and again.
pub const fn others_were_faster(language: Language) -> &'static str {
    language.pick("其他人同时在改这张督办单，请重试", "others changed this order at the same time; please try again")
}

/// Why it cannot be done.
pub fn refused(language: Language, refusal: &Refusal) -> String {
    if language == English {
        return refusal.to_string();
    }
    match refusal {
        Refusal::NotNow { state: now, allowed, .. } => {
            let states: Vec<&str> = allowed.iter().map(|allowed| state(Chinese, *allowed)).collect();
            format!("此时不能这样做：应为 {}，实为 {}", states.join("、"), state(Chinese, *now))
        }
        Refusal::NoText { .. } => "须写明理由或内容，实为空".to_owned(),
        Refusal::NoOther => "并案须写明并入哪一张别的督办单（--into）".to_owned(),
        Refusal::NotToBeDispatched { classification: as_what } => {
            format!("归类为{}的督办单不派发", classification(Chinese, *as_what))
        }
        Refusal::Twice { unit } => format!("单位 {unit:?} 在督办单中出现两次"),
        Refusal::NoParty { unit, parties } => format!("{unit:?} 不是这张督办单的承办单位；承办单位有 {parties}"),
        Refusal::SignedAlready { unit } => format!("{unit:?} 已经签收"),
        Refusal::NotInTurn { .. } => "联动须先申请，且各步只做一次".to_owned(),
        Refusal::LeaderHasNotSigned => "须先由区分管领导签批，方可专报".to_owned(),
        Refusal::Earlier { at } => format!("此后（{at}）已有操作"),
    }
}
