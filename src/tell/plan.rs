//! **Plan**: transitions + ladders + contacts + quiet hours → notices, joined into deliveries.
//!
//! The filters in their order, each with a stored reason: baseline → ladder step → contact → quiet hours → join.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::core::Instant;
use crate::core::calendar::Calendar;
use crate::core::card::Transition;
use crate::core::contact::{Contact, Medium};
use crate::core::delivery::DeliveryId;
use crate::core::item::Item;
use crate::core::ladder::{Ladder, Step};
use crate::core::limit::Family;
use crate::core::notice::{
    Body, CardChange, Hold, Notice, NoticeIdentity, NoticeKind, NoticeState, OpenDelivery, Placement, Planned, Wait,
};
use crate::core::window::{Level, Ruling};

use super::directory::{Directory, OPERATOR};

/// The ladder for what concerns duban itself.
pub const OPERATORS: &str = "operators";

/// Who works here and how they are reached: the same for all items of a playbook.
#[derive(Debug, Clone)]
pub struct Office {
    /// Who can be told.
    pub directory: Directory,
    /// The ladders by name.
    pub ladders: BTreeMap<String, Ladder>,
    /// The ladder of windows that name none.
    pub ladder: String,
    /// The channels and what kind of address they write to.
    pub channels: BTreeMap<Arc<str>, Medium>,
    /// Outside its working hours, messages wait.
    pub quiet: Arc<Calendar>,
    /// Whether deliveries go to the rehearsal's address.
    pub rehearsal: bool,
}

/// What happened to one item, and what was said about it before.
#[derive(Debug, Clone, Copy)]
pub struct Happening<'a> {
    /// The item.
    pub item: &'a Item,
    /// What the rules said, for the limits' families.
    pub rulings: &'a [Ruling],
    /// What changed.
    pub transitions: &'a [Transition],
    /// What was said about the item's cards.
    pub said: &'a [Notice],
    /// Whether this belongs to a baseline.
    pub baseline: bool,
}

/// The deliveries that can still be joined; grows as a turn plans.
#[derive(Debug, Clone, Default)]
pub struct Joinable(HashMap<(Arc<str>, Arc<str>), Vec<OpenDelivery>>);

impl Joinable {
    /// What the store has open.
    pub fn new(open: impl IntoIterator<Item = OpenDelivery>) -> Self {
        let mut joinable = Self::default();
        open.into_iter().for_each(|delivery| joinable.add(delivery));
        joinable
    }

    fn add(&mut self, delivery: OpenDelivery) {
        let address = (delivery.contact.clone(), delivery.channel.clone());
        self.0.entry(address).or_default().push(delivery);
    }

    /// Finds a delivery to the same contact by the same channel at the same time, or opens one.
    fn place(&mut self, notice: &Notice, wait: Option<(Instant, Wait)>, rehearsal: bool, now: Instant) -> Placement {
        let not_before = wait.map_or(now, |(until, _)| until);
        let waits_for = wait.map(|(_, wait)| wait);
        let address = (notice.contact.clone(), notice.channel.clone());
        let fits = |d: &&OpenDelivery| d.rehearsal == rehearsal && d.not_before.max(now) == not_before;
        if let Some(open) = self.0.get(&address).and_then(|all| all.iter().find(fits)) {
            return Placement { delivery: open.id, opens: false, not_before, waits_for, rehearsal };
        }
        let delivery = DeliveryId::new(&notice.contact, &notice.channel, notice.key);
        let (contact, channel) = address;
        self.add(OpenDelivery { id: delivery, contact, channel, not_before, rehearsal });
        Placement { delivery, opens: true, not_before, waits_for, rehearsal }
    }
}

/// Plans whom to tell about what happened to one item.
pub fn plan(happening: Happening<'_>, office: &Office, joinable: &mut Joinable, now: Instant) -> Vec<Planned> {
    let mut planned = Vec::new();
    for transition in happening.transitions {
        let Some(kind) = NoticeKind::of(transition.change) else { continue };
        let drafts = match (kind, transition.to) {
            (NoticeKind::Raise, Some(level)) => raise(&happening, transition, level, office, now),
            _ => follow_up(&happening, transition, kind, office, now),
        };
        for mut notice in drafts {
            notice.rehearsal = office.rehearsal;
            let wait = quiet(&happening, transition, &notice, office, now);
            let placement =
                (notice.state == NoticeState::Planned).then(|| joinable.place(&notice, wait, office.rehearsal, now));
            notice.delivery = placement.as_ref().map(|p| p.delivery);
            planned.push(Planned { notice, placement });
        }
    }
    planned
}

/// Plans a message that is about no card: to each operator, by each channel of the ladder `operators`.
pub fn plan_system(
    kind: NoticeKind,
    subject: &str,
    body: &Body,
    office: &Office,
    joinable: &mut Joinable,
    now: Instant,
) -> Vec<Planned> {
    let today = office.quiet.local(now).date_naive();
    let step = office.ladders.get(OPERATORS).and_then(|ladder| ladder.steps.first());
    let channels: BTreeSet<&String> = step.iter().flat_map(|s| s.yellow.iter().chain(&s.red)).collect();
    let mut planned = Vec::new();
    for contact in office.directory.operators(today) {
        for channel in channels.iter().filter(|channel| reaches(office, contact, channel)) {
            let identity =
                NoticeIdentity { kind, subject, number: 0, step: 0, ordinal: 0, contact: &contact.id, channel };
            let mut notice = blank(&identity, NoticeState::Planned, now);
            notice.body = Some(body.clone());
            notice.rehearsal = office.rehearsal;
            let placement = joinable.place(&notice, None, office.rehearsal, now);
            notice.delivery = Some(placement.delivery);
            planned.push(Planned { notice, placement: Some(placement) });
        }
    }
    planned
}

/// Plans held notices again: the same notices, now with a place to go to. Quiet hours hold.
pub fn plan_again(held: Vec<Notice>, office: &Office, joinable: &mut Joinable, now: Instant) -> Vec<Planned> {
    let again = |mut notice: Notice| {
        (notice.state, notice.hold, notice.planned_at) = (NoticeState::Planned, None, now);
        notice.rehearsal = office.rehearsal;
        let wait = if is_operator(&notice, office) { None } else { until_opening(office, now) };
        let placement = joinable.place(&notice, wait, office.rehearsal, now);
        notice.delivery = Some(placement.delivery);
        Planned { notice, placement: Some(placement) }
    };
    held.into_iter().map(again).collect()
}

/// The contacts whom a plan could reach: those whose open deliveries matter.
pub fn contacts(office: &Office) -> Vec<Arc<str>> {
    office.directory.all().iter().map(|c| c.id.clone()).collect()
}

fn reaches(office: &Office, contact: &Contact, channel: &str) -> bool {
    office.channels.get(channel).is_some_and(|medium| contact.address(*medium).is_some())
}

/// A level opened or rose: the first step of its ladder.
fn raise(
    happening: &Happening<'_>,
    transition: &Transition,
    level: Level,
    office: &Office,
    now: Instant,
) -> Vec<Notice> {
    let name = transition.ladder.as_deref().unwrap_or(&office.ladder);
    let Some(step) = office.ladders.get(name).or(office.ladders.get(&office.ladder)).and_then(|l| l.steps.first())
    else {
        return Vec::new();
    };
    let (found, vacant) = addressees(happening.item, step, office, now);
    let mut drafts = Vec::new();
    let mut draft = |contact: &str, hold: Option<Hold>| {
        for channel in step.channels(level) {
            let mut notice = about(happening, transition, NoticeKind::Raise, (contact, channel), now);
            let is_reached = || office.directory.get(contact).is_some_and(|c| reaches(office, c, channel));
            notice.hold = match &hold {
                None if !is_reached() => Some(Hold::NoAddress),
                None => happening.baseline.then_some(Hold::Baseline),
                hold => hold.clone(),
            };
            if notice.hold.is_some() {
                notice.state = NoticeState::Held;
            }
            drafts.push(notice);
        }
    };
    for contact in &found {
        draft(&contact.id, None);
    }
    for role in vacant {
        draft(role, Some(Hold::NoContact { role: role.clone() }));
    }
    // Where nobody of the step can be reached, the operators are told, so that no card is silent.
    let can_hear = |c: &&Contact| step.channels(level).iter().any(|channel| reaches(office, c, channel));
    if !found.iter().any(can_hear) {
        let today = office.quiet.local(now).date_naive();
        office.directory.operators(today).iter().for_each(|contact| draft(&contact.id, None));
    }
    let mut seen = BTreeSet::new();
    drafts.retain(|n| seen.insert(n.key));
    drafts
}

/// The people of a step, and its roles that find nobody.
fn addressees<'a>(
    item: &Item,
    step: &'a Step,
    office: &'a Office,
    now: Instant,
) -> (Vec<&'a Contact>, Vec<&'a String>) {
    let today = office.quiet.local(now).date_naive();
    let (mut found, mut vacant) = (Vec::new(), Vec::new());
    for role in &step.roles {
        match office.directory.find(role, item, today) {
            Ok(contacts) => found.extend(contacts),
            Err(_) => vacant.push(role),
        }
    }
    (found, vacant)
}

/// A card fell or closed: those who were told of this episode, or are about to be; what a rehearsal said, nobody heard.
fn follow_up(
    happening: &Happening<'_>,
    transition: &Transition,
    kind: NoticeKind,
    office: &Office,
    now: Instant,
) -> Vec<Notice> {
    let mut told = BTreeSet::new();
    for notice in happening.said {
        let concerns = notice.card == Some(transition.card)
            && notice.episode == transition.episode
            && notice.rehearsal == office.rehearsal;
        let raised = matches!(notice.kind, NoticeKind::Raise | NoticeKind::Lower | NoticeKind::Reminder);
        if concerns && raised && (notice.state.is_told() || notice.state == NoticeState::Planned) {
            told.insert((notice.contact.clone(), notice.channel.clone()));
        }
    }
    told.iter().map(|(contact, channel)| about(happening, transition, kind, (contact, channel), now)).collect()
}

fn about(
    happening: &Happening<'_>,
    transition: &Transition,
    kind: NoticeKind,
    (contact, channel): (&str, &str),
    now: Instant,
) -> Notice {
    let subject = transition.card.to_string();
    let identity =
        NoticeIdentity { kind, subject: &subject, number: transition.number, step: 0, ordinal: 0, contact, channel };
    Notice {
        card: Some(transition.card),
        item: Some(happening.item.key.clone()),
        episode: transition.episode,
        level: transition.to.or(transition.from),
        change: Some(CardChange::of(transition)),
        ..blank(&identity, NoticeState::Planned, now)
    }
}

fn blank(identity: &NoticeIdentity<'_>, state: NoticeState, now: Instant) -> Notice {
    Notice {
        key: identity.key(),
        kind: identity.kind,
        card: None,
        item: None,
        episode: 0,
        number: identity.number,
        level: None,
        step: identity.step,
        ordinal: identity.ordinal,
        contact: identity.contact.into(),
        channel: identity.channel.into(),
        planned_at: now,
        rehearsal: false,
        state,
        hold: None,
        delivery: None,
        change: None,
        body: None,
    }
}

/// Until when a notice waits: the next working minute, but for a red on an hour window and for operators.
fn quiet(
    happening: &Happening<'_>,
    transition: &Transition,
    notice: &Notice,
    office: &Office,
    now: Instant,
) -> Option<(Instant, Wait)> {
    let passes = transition.to == Some(Level::Red) && family(happening.rulings, transition) == Some(Family::Time);
    if passes || is_operator(notice, office) { None } else { until_opening(office, now) }
}

fn is_operator(notice: &Notice, office: &Office) -> bool {
    office.directory.get(&notice.contact).is_some_and(|contact| contact.holds(OPERATOR))
}

fn until_opening(office: &Office, now: Instant) -> Option<(Instant, Wait)> {
    let opening = office.quiet.opening(now.timestamp()).ok().and_then(|at| Instant::from_timestamp(at, 0))?;
    // Within the second of an opening there is nothing to wait for.
    (opening > now).then_some((opening, Wait::QuietHours))
}

fn family(rulings: &[Ruling], transition: &Transition) -> Option<Family> {
    let ruling = rulings.iter().find(|r| r.rule == transition.rule)?;
    ruling.windows.iter().find(|w| w.name == transition.name).map(|w| w.limit.family())
}

#[cfg(test)]
mod tests;
