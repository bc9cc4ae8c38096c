//! What a message says about a deed: to whom it goes as what, in which words.

use super::level_label;
use crate::core::notice::Body;
use crate::core::order::{Deed, Done, Order, Party, PartyKind};
use crate::tell::language::Language;

/// As what somebody hears of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Who is to act.
    Lead,
    /// Who is to help.
    Assisting,
    /// Who had the lead before.
    FormerLead,
    /// Who classifies, dispatches and verifies.
    Centre,
}

/// A deed that is to be told.
#[derive(Clone, Copy)]
pub struct DeedTold<'a> {
    /// The order after the deed.
    pub order: &'a Order,
    /// The how-manieth deed of its history, from 0.
    pub index: usize,
    /// By when what is to be done next, as its rules say: what and when, in words.
    pub clocks: &'a [(String, String)],
    /// The role of those who classify, dispatch and verify.
    pub centre: &'a str,
    /// The language.
    pub language: Language,
}

/// What is said to somebody about a deed.
pub fn body(told: DeedTold<'_>, part: Part, party: Option<&Party>, done: &Done) -> Body {
    let (order, language) = (told.order, told.language);
    let title = format!("{} {} {}", order.name(), headline(done, part, language), order.ground.item.id);
    let mut lines = vec![named(language, "事项", "Matter", &order.ground.title)];
    let text = done.deed.text();
    if !text.is_empty() {
        lines.push(named(language, text_name(&done.deed, language), text_name(&done.deed, language), text));
    }
    lines.extend(parties(order, language));
    let ground = &order.ground;
    let level = level_label(ground.level, language);
    let card = format!("{} {} / {} ({level})", ground.item, ground.rule, ground.name);
    lines.push(named(language, "红黄牌", "Card", &card));
    if let Some(cause) = &order.cause {
        lines.push(named(language, "原因分类", "Cause", cause));
    }
    let acts = part == Part::Lead && order.state.is_with_a_party();
    if acts {
        lines.extend(told.clocks.iter().map(|(what, when)| named(language, what, what, when)));
    }
    if acts && matches!(done.deed, Deed::Dispatch { .. } | Deed::Transfer { .. }) {
        let unit = party.map_or("", |party| &party.unit);
        lines.push(
            language.pick("请签收后办理，并按期反馈。", "Please sign for it, act, and feed back in time.").into(),
        );
        lines.push(named(language, "签收单位", "Signs", unit));
    }
    let by = match &done.on_behalf_of {
        Some(contact) => format!("{} ({} {contact})", done.by, language.pick("代", "for")),
        None => done.by.clone(),
    };
    lines.push(named(language, "经办", "Written down by", &by));
    Body { title, lines }
}

fn named(language: Language, chinese: &str, english: &str, value: &str) -> String {
    match language {
        Language::Chinese => format!("{chinese}：{value}"),
        Language::English => format!("{english}: {value}"),
    }
}

fn parties(order: &Order, language: Language) -> Vec<String> {
    let unit = |party: &Party| match language {
        Language::Chinese => format!("{}（{}）", party.unit, kind_label(party.kind, language)),
        Language::English => format!("{} ({})", party.unit, kind_label(party.kind, language)),
    };
    let mut lines: Vec<String> = order.lead.iter().map(|lead| named(language, "主办", "Lead", &unit(lead))).collect();
    if !order.assisting.is_empty() {
        let units: Vec<String> = order.assisting.iter().map(unit).collect();
        lines.push(named(language, "协办", "Assisting", &units.join(language.pick("、", ", "))));
    }
    lines
}

/// What kind of party it is, for people.
pub const fn kind_label(kind: PartyKind, language: Language) -> &'static str {
    match kind {
        PartyKind::District => language.pick("县(市、区)", "district"),
        PartyKind::Department => language.pick("职能部门", "department"),
        PartyKind::Carrier => language.pick("载体", "carrier"),
        PartyKind::Enterprise => language.pick("企业", "enterprise"),
        PartyKind::Utility => language.pick("公用企事业单位", "utility"),
        PartyKind::Intermediary => language.pick("中介机构", "intermediary"),
    }
}

/// The deed in a few words, as whom it is told to sees it.
fn headline(done: &Done, part: Part, language: Language) -> &'static str {
    match (&done.deed, part) {
        (Deed::Dispatch { .. } | Deed::Transfer { .. }, Part::Lead) => {
            language.pick("请主办", "please take the lead on")
        }
        (Deed::Dispatch { .. }, _) => language.pick("请协办", "please assist with"),
        (Deed::Transfer { .. }, _) => language.pick("已转办", "has gone to another party:"),
        (Deed::FeedBack { .. }, _) => language.pick("已反馈，请核验", "was fed back, please verify"),
        (Deed::Return { .. }, _) => language.pick("反馈退回，请补充", "feedback returned, please complete"),
        (Deed::Decline { .. }, _) => language.pick("主办单位退单", "declined by the lead party:"),
        (Deed::Extend { .. }, _) => language.pick("已批准延期", "extended:"),
        (Deed::Close { .. }, _) => language.pick("已办结", "closed:"),
        (Deed::Withdraw { .. } | Deed::CardClosed { .. }, _) => language.pick("已撤回，无需再办", "withdrawn:"),
        (Deed::ApplyLinkage { .. }, _) => language.pick("申请市级联动", "asks for the city's lead:"),
        (Deed::TakeLinkage, _) => language.pick("市中心已牵头", "the city's centre leads:"),
        (Deed::ReportLinkage { .. }, _) => language.pick("已专报市领导", "was reported to a city leader:"),
        (Deed::Classify { .. } | Deed::Sign { .. } | Deed::Verify { .. } | Deed::SignLinkage { .. }, _) => {
            language.pick("有新进展", "has news:")
        }
    }
}

/// What a deed's text is.
const fn text_name(deed: &Deed, language: Language) -> &'static str {
    match deed {
        Deed::FeedBack { .. } => language.pick("反馈", "Feedback"),
        Deed::Close { .. } => language.pick("结果", "Result"),
        Deed::Extend { .. } => language.pick("依据", "Basis"),
        Deed::SignLinkage { .. } => language.pick("签批领导", "Leader"),
        Deed::ReportLinkage { .. } => language.pick("专报文号", "Special report"),
        _ => language.pick("理由", "Reason"),
    }
}
