//! **Compose**: a sealed delivery's facts, from its members and what is remembered about their items.

use std::collections::HashMap;

use super::directory::Directory;
use super::facts::{CardFacts, ClockFacts, Facts, InsteadOf, Member, Receiver, Remarked, Taken, Taking, Told};
use super::language::Language;
use super::sum;
use crate::core::Instant;
use crate::core::acknowledgement::Acknowledgement;
use crate::core::calendar::Calendars;
use crate::core::card::CardId;
use crate::core::delivery::DeliveryId;
use crate::core::item::{Item, ItemKey};
use crate::core::limit::YellowDefault;
use crate::core::matcher::{Matcher, Suspect};
use crate::core::notice::{CardChange, Notice, NoticeKind};
use crate::core::order;
use crate::core::reading::read;
use crate::core::reason::Reason;
use crate::core::remark::{Remark, Statement, in_force};
use crate::core::sum::Sum;
use crate::core::window::{Level, Ruling, Window};

/// Lines of a sum in a message.
const SUM_LINES: usize = 15;

/// Members of a delivery whose clocks are told in full; the rest is a list.
const IN_FULL: usize = 50;

/// Members of a delivery that are told one by one; the rest is counted.
pub const TOLD: usize = 200;

/// What is remembered about an item, as far as a message needs it.
#[derive(Debug, Clone)]
pub struct Matter {
    /// The item.
    pub item: Item,
    /// What the rules said.
    pub rulings: Vec<Ruling>,
    /// What persons added to it.
    pub remarks: Vec<Remark>,
    /// When its source's last good poll began.
    pub data_as_of: Option<Instant>,
}

/// What a rule says to people about itself and one of its windows.
#[derive(Debug, Clone, Default)]
pub struct RuleWords {
    /// Its title.
    pub title: Option<String>,
    /// Its basis.
    pub basis: Option<String>,
    /// The window's label.
    pub label: Option<String>,
}

/// What composing looks things up in.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// The items.
    pub matters: &'a HashMap<ItemKey, Matter>,
    /// What was said about each card.
    pub said: &'a HashMap<CardId, Vec<Notice>>,
    /// What a rule says to people about itself and one of its windows.
    pub rules: &'a dyn Fn(&str, &str) -> RuleWords,
    /// The calendars.
    pub calendars: &'a Calendars,
    /// When windows turn yellow.
    pub yellow: &'a YellowDefault,
    /// The people.
    pub directory: &'a Directory,
    /// The language of the sum.
    pub language: Language,
    /// Who took the cards.
    pub acknowledgements: &'a [Acknowledgement],
    /// Until when a card's ladder rests for a signature.
    pub rests: &'a Rests<'a>,
    /// Whose titles and persons must not leave by the delivery's channel; `None` if it is confidential.
    pub secret: Option<&'a Matcher>,
}

/// Until when the ladder of a card rests for a signature.
pub type Rests<'a> = dyn Fn(&CardChange, &Matter, &Acknowledgement) -> Option<Instant> + Sync + 'a;

/// The facts of a delivery to `to`. `members` come worst first.
pub fn compose(to: Receiver, members: &[Notice], desk: Desk<'_>, now: Instant) -> Facts {
    Facts {
        to,
        rehearsal_for: None,
        rest: Vec::new(),
        members: members.iter().enumerate().map(|(n, notice)| member(notice, n < IN_FULL, desk, now)).collect(),
        sealed_at: now,
        zone: desk.calendars.office().zone().name().to_owned(),
        base_url: None,
        signature: None,
        answer: None,
    }
}

/// Deliveries about the same cards that went to the same contact before, oldest first.
pub fn thread(members: &[Notice], desk: Desk<'_>) -> Vec<DeliveryId> {
    let mut thread = Vec::new();
    // Only a message about one card belongs to that card's thread.
    if let [member] = members {
        for earlier in member.card.and_then(|card| desk.said.get(&card)).into_iter().flatten() {
            let same = earlier.contact == member.contact
                && earlier.channel == member.channel
                && earlier.rehearsal == member.rehearsal;
            if let (true, true, Some(delivery)) = (same, earlier.state.is_told(), earlier.delivery)
                && !thread.contains(&delivery)
            {
                thread.push(delivery);
            }
        }
    }
    thread
}

fn member(notice: &Notice, in_full: bool, desk: Desk<'_>, now: Instant) -> Member {
    let matter = notice.item.as_ref().and_then(|item| desk.matters.get(item));
    let card = matter.and_then(|matter| {
        let secret = is_secret(notice, matter, desk);
        let card = card(notice, matter, (in_full, secret), desk, now)?;
        Some(if secret { discreet(card, desk.language) } else { card })
    });
    let instead_of = notice.because.instead_of.as_ref().zip(notice.because.why).map(|(whom, why)| InsteadOf {
        whom: desk.directory.get(whom).map_or_else(|| whom.to_string(), |contact| contact.name.clone()),
        why,
    });
    let because = &notice.because;
    let taking = Taking { label: because.label.clone(), count: because.count, gone: because.gone };
    Member { key: notice.key.to_string(), kind: notice.kind, card, taking, instead_of, body: notice.body.clone() }
}

fn is_secret(notice: &Notice, matter: &Matter, desk: Desk<'_>) -> bool {
    let (Some(matcher), Some(change)) = (desk.secret, &notice.change) else { return false };
    let suspect = Suspect { item: &matter.item, rule: &change.rule, window: &change.name, level: notice.level };
    matcher.fits(&suspect)
}

/// A card without what may name or describe a person: the code is enough to find it.
fn discreet(card: CardFacts, language: Language) -> CardFacts {
    let reason = discreet_reason(card.reason, language.pick("（保密）", "(confidential)"));
    let title = language.pick("（保密事项）", "(confidential)").to_owned();
    CardFacts { title, handler: None, phone: None, reason, ..card }
}

fn discreet_reason(reason: Reason, hidden: &str) -> Reason {
    match reason {
        Reason::Found { .. } => Reason::Found { text: hidden.into() },
        Reason::Exempted { remark, by_source, .. } => Reason::Exempted { remark, evidence: hidden.into(), by_source },
        Reason::FoundWrong { remark, by_source, .. } => {
            Reason::FoundWrong { remark, evidence: hidden.into(), by_source }
        }
        Reason::Restored { reason } => Reason::Restored { reason: Box::new(discreet_reason(*reason, hidden)) },
        other => other,
    }
}

fn card(
    notice: &Notice,
    matter: &Matter,
    (in_full, secret): (bool, bool),
    desk: Desk<'_>,
    now: Instant,
) -> Option<CardFacts> {
    let (card, change) = (notice.card?, notice.change.as_ref()?);
    let item = &matter.item;
    let words = (desk.rules)(&change.rule, &change.name);
    let today = desk.calendars.office().local(now).date_naive();
    let handler = desk.directory.owner(item, today).ok();
    let window = matter
        .rulings
        .iter()
        .filter(|r| r.rule == change.rule)
        .flat_map(|r| &r.windows)
        .find(|w| change.name.strip_prefix(&*w.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')));
    Some(CardFacts {
        card: card.to_string(),
        episode: notice.episode,
        step: notice.step,
        change: change.change,
        level: notice.level.unwrap_or(Level::Yellow),
        at: change.at,
        reason: change.reason.clone(),
        source: item.key.source.to_string(),
        code: order::item::code(item).to_owned(),
        kind: item.kind.to_string(),
        title: item.title().to_owned(),
        unit: item.text("unit").map(str::to_owned),
        region: item.text("region").map(str::to_owned),
        handler: handler.map(|c| c.name.clone()).or_else(|| item.text("owner").map(str::to_owned)),
        phone: handler.map(|c| c.mobile.clone()).filter(|m| !m.is_empty()),
        rule: change.rule.to_string(),
        rule_title: words.title,
        basis: words.basis,
        window: change.name.to_string(),
        window_label: words.label,
        clock: window.and_then(|window| {
            let bare = secret.then(|| window.without_grounds());
            let clock = clock(bare.as_ref().unwrap_or(window), item, in_full, desk, now)?;
            Some(ClockFacts { remarked: if secret { Vec::new() } else { remarked(window, matter) }, ..clock })
        }),
        told: told(notice, desk),
        taken: taken(notice, change, matter, desk),
        data_as_of: matter.data_as_of,
        sign_url: None,
    })
}

fn clock(window: &Window, item: &Item, in_full: bool, desk: Desk<'_>, now: Instant) -> Option<ClockFacts> {
    let calendar = desk.calendars.get(window.calendar.as_deref().or_else(|| item.text("calendar")))?;
    let reading = read(window, calendar, desk.yellow, now).ok()?;
    let sum = if in_full { Sum::of(window, calendar, now).ok().flatten() } else { None };
    Some(ClockFacts {
        limit: window.limit.to_string(),
        from: window.from,
        due_at: reading.due_at,
        provisional: reading.provisional,
        stopped_at: reading.stopped_at,
        remaining: reading.remaining,
        pauses: window.pauses.iter().filter(|p| p.from <= now).cloned().collect(),
        extensions: window.extensions.iter().cloned().zip(reading.granted).collect(),
        sum: sum.map(|sum| sum::at_most(SUM_LINES, &sum, desk.language)).unwrap_or_default(),
        remarked: Vec::new(),
    })
}

/// Who took this episode of the card, as the ladder counts it: the first signature of a level and step lets it rest.
fn taken(notice: &Notice, change: &CardChange, matter: &Matter, desk: Desk<'_>) -> Vec<Taken> {
    let is_about = |a: &&Acknowledgement| Some(a.card) == notice.card && a.episode == notice.episode;
    let of_card: Vec<&Acknowledgement> = desk.acknowledgements.iter().filter(is_about).collect();
    let name = |id: &str| desk.directory.get(id).map_or_else(|| id.to_owned(), |contact| contact.name.clone());
    let is_first = |a: &Acknowledgement| of_card.iter().all(|o| (o.level, o.step) != (a.level, a.step) || a.at <= o.at);
    let one = |a: &&Acknowledgement| Taken {
        name: name(&a.contact),
        by: (*a.by != *a.contact).then(|| name(&a.by)),
        via: a.via,
        level: a.level,
        at: a.at,
        rests_until: if is_first(a) { (desk.rests)(change, matter, a) } else { None },
    };
    of_card.iter().map(one).collect()
}

/// The ends of a window that persons put on record.
fn remarked(window: &Window, matter: &Matter) -> Vec<Remarked> {
    let remarks = in_force(&matter.item, &matter.remarks).into_iter();
    let times = remarks.filter_map(|remark| match remark.statement {
        Statement::Time { at, .. } => Some(Remarked { at, evidence: remark.evidence() }),
        _ => None,
    });
    times.filter(|time| [window.from, window.done].contains(&Some(time.at))).collect()
}

/// Who was told about this episode of the card before.
fn told(notice: &Notice, desk: Desk<'_>) -> Vec<Told> {
    let said = notice.card.and_then(|card| desk.said.get(&card));
    let is_heard = |n: &&Notice| n.episode == notice.episode && n.rehearsal == notice.rehearsal && n.state.is_told();
    let earlier = said.into_iter().flatten().filter(is_heard);
    let raised = earlier.filter(|n| n.key != notice.key && n.kind != NoticeKind::Clear);
    raised
        .map(|n| Told {
            name: desk.directory.get(&n.contact).map_or_else(|| n.contact.to_string(), |c| c.name.clone()),
            channel: n.channel.to_string(),
            at: n.planned_at,
        })
        .collect()
}
