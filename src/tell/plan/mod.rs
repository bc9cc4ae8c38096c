//! **Plan**: transitions + ladders + contacts + silences + quiet hours → notices, joined into deliveries.
//!
//! The filters in their order, each with a stored reason: baseline → silence → ladder step due? → contact (away: the
//! deputy; nobody to be reached: the next one up) → what the contact wants → quiet hours, lists, a route's wait → join.
//! Rates and quotas are asked at the claim, when it is known how many messages there are.
//!
//! ```text
//! office     who works here and how they are reached
//! telling    one level of a card at one step: to whom, what a filter holds
//! climb      the next step and reminders of a card that nobody answers
//! counting   so many running, so many of a unit
//! handover   an item that went to somebody else
//! waiting    until when a notice waits
//! joinable   the delivery that it joins or opens
//! again      what was held and is looked at again
//! orders     who hears of what is done with an order
//! preview    what would come of all that, for who asks
//! ```

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::core::Instant;
use crate::core::acknowledgement::Acknowledgement;
use crate::core::card::{Transition, Watch};
use crate::core::contact::Contact;
use crate::core::item::Item;
use crate::core::limit::{Family, Limit};
use crate::core::matcher::Suspect;
use crate::core::notice::{
    Because, Body, CardChange, Gap, Hold, Notice, NoticeIdentity, NoticeKind, NoticeState, Planned, Wait,
};
use crate::core::observe::earliest;
use crate::core::route::Routing;
use crate::core::silence::{self, Silence};
use crate::core::window::{Level, Ruling};

use climb::{Climb, Climber};
use handover::has_gone;
use telling::{Raised, Telling};

pub use again::{Again, plan_again};
pub use counting::{BEYOND, Reds};
pub use handover::is_handed_over;
pub use joinable::Joinable;
pub use office::{ChannelTerms, Office};
pub use orders::plan_order;
pub use telling::address_id;

mod again;
mod climb;
mod counting;
mod handover;
mod joinable;
mod office;
mod orders;
pub mod preview;
mod telling;
mod waiting;

/// The shortest pause before a card whose messages are under way is looked at again; it grows with their age.
pub const LOOK_AGAIN: chrono::TimeDelta = chrono::TimeDelta::minutes(1);

/// What holds just now, beside the playbook.
#[derive(Debug, Clone, Default)]
pub struct Circumstances<'a> {
    /// What is to be quiet.
    pub silences: &'a [Silence],
    /// Addresses that were refused for good: contact, channel, address.
    pub bad_addresses: HashSet<(Arc<str>, Arc<str>, String)>,
}

impl Circumstances<'_> {
    /// What holds everything that is to be said about a card, if a silence does.
    fn silence(&self, suspect: &Suspect<'_>, now: Instant) -> Option<Hold> {
        silence::holding(self.silences, suspect, now).map(|silence| Hold::Silence { silence: silence.id })
    }
}

/// What happened to one item, and what was said about it before.
#[derive(Debug, Clone, Copy)]
pub struct Happening<'a> {
    /// The item.
    pub item: &'a Item,
    /// The item as it was, where it went to somebody else.
    pub before: Option<&'a Item>,
    /// What the rules said, for the limits' families.
    pub rulings: &'a [Ruling],
    /// What is remembered about its windows and findings now.
    pub watches: &'a [Watch],
    /// What changed.
    pub transitions: &'a [Transition],
    /// What was said about the item's cards.
    pub said: &'a [Notice],
    /// Earlier transitions, as far as something stands open that nobody was to hear of, or that is counted.
    pub raised: &'a [Transition],
    /// The red cards of its unit, where they are counted.
    pub reds: Option<Reds<'a>>,
    /// Who took the item's cards.
    pub acknowledgements: &'a [Acknowledgement],
    /// Whether this belongs to a baseline.
    pub baseline: bool,
    /// Whether the item was last looked at under another playbook.
    pub other_playbook: bool,
}

/// Whom to tell about one item, and when to ask again.
#[derive(Debug, Default)]
pub struct Plan {
    /// What is said, or held.
    pub notices: Vec<Planned>,
    /// When the ladder of an open card goes on, if nothing else happens.
    pub next_look_at: Option<Instant>,
}

/// Plans whom to tell about what happened to one item, and about its open cards that climb on.
pub fn plan(
    happening: Happening<'_>,
    office: &Office,
    circumstances: &Circumstances<'_>,
    joinable: &mut Joinable,
    now: Instant,
) -> Plan {
    let mut planner = Planner { happening, office, circumstances, joinable, now, plan: Plan::default() };
    for transition in happening.transitions {
        let Some(kind) = NoticeKind::of(transition.change) else { continue };
        match (kind, transition.to) {
            (NoticeKind::Raise, Some(level)) => planner.raise(transition, level),
            _ => planner.follow_up(transition, kind),
        }
    }
    if happening.before.is_some() && !happening.baseline {
        planner.hand_over();
    }
    if office.counts_streaks() {
        planner.count();
    }
    if happening.other_playbook || office.climbs() {
        planner.climb();
    }
    planner.plan
}

struct Planner<'a, 'j> {
    happening: Happening<'a>,
    office: &'a Office,
    circumstances: &'a Circumstances<'a>,
    joinable: &'j mut Joinable,
    now: Instant,
    plan: Plan,
}

impl<'a> Planner<'a, '_> {
    /// A level opened or rose: the first step of its ladder.
    fn raise(&mut self, transition: &Transition, level: Level) {
        let routing = self.routing(&transition.rule, &transition.name, Some(level));
        let ladder = self.office.ladder_of(&routing, transition.ladder.as_deref());
        let Some(ladder) = ladder else { return };
        let raised = Raised {
            card: transition.card,
            episode: transition.episode,
            number: transition.number,
            level,
            change: CardChange::of(transition),
        };
        let telling =
            Telling::first(&self.happening, self.office, self.circumstances, raised, (ladder, &routing), self.now);
        let counted = self.happening.reds.map(|reds| reds.drafts(transition, self.happening.transitions, &telling));
        let drafts = telling.drafts().into_iter().chain(counted.into_iter().flatten()).collect();
        self.place(drafts, &routing, None);
    }

    /// A card fell or closed: those who were told of this episode, or are about to be, hear of it; what a rehearsal said,
    /// nobody heard.
    fn follow_up(&mut self, transition: &Transition, kind: NoticeKind) {
        let routing = self.routing(&transition.rule, &transition.name, transition.to.or(transition.from));
        let rehearsal = self.office.rehearsal || routing.rehearsal;
        let mut told: BTreeMap<(&Arc<str>, &Arc<str>), &Because> = BTreeMap::new();
        for notice in self.happening.said {
            let concerns = notice.card == Some(transition.card)
                && notice.episode == transition.episode
                && notice.rehearsal == rehearsal;
            let raised = notice.is_of_a_step() || notice.kind == NoticeKind::Count;
            if concerns && raised && (notice.state.is_told() || notice.state == NoticeState::Planned) {
                told.entry((&notice.contact, &notice.channel)).or_insert(&notice.because);
            }
        }
        if kind != NoticeKind::Revoke {
            // Who knows that it has gone to others wants to hear of a recall only.
            let about = |n: &&Notice| {
                (n.card, n.episode, n.rehearsal) == (Some(transition.card), transition.episode, rehearsal)
            };
            let of_card = self.happening.said.iter().filter(about);
            told.retain(|(contact, _), _| !has_gone(of_card.clone(), contact));
        }
        let suspect = self.suspect(&transition.rule, &transition.name, transition.to.or(transition.from));
        let hold = self.circumstances.silence(&suspect, self.now);
        let draft = |((contact, channel), because): ((&Arc<str>, &Arc<str>), &Because)| {
            let mut notice = self.about(transition, kind, (contact, channel), rehearsal);
            notice.because = Because { label: None, count: None, ..because.clone() };
            notice.hold.clone_from(&hold);
            if hold.is_some() {
                notice.state = NoticeState::Held;
            }
            notice
        };
        let drafts = told.into_iter().map(draft).collect();
        self.place(drafts, &routing, None);
    }

    /// The item went to somebody else.
    fn hand_over(&mut self) {
        self.for_each_open(|climber, routing, fresh| Climb {
            drafts: climber.handover(routing, fresh),
            ..Climb::default()
        });
    }

    /// How often open cards stood running.
    fn count(&mut self) {
        self.for_each_open(|climber, routing, fresh| Climb {
            drafts: climber.streaks(routing, fresh),
            ..Climb::default()
        });
    }

    /// What open cards say beyond their transitions.
    fn climb(&mut self) {
        self.for_each_open(|climber, routing, fresh| {
            let climb = climber.climb(routing, fresh);
            // What follows on these is found when they are looked at.
            let soon = (!climb.drafts.is_empty()).then_some(climber.now + LOOK_AGAIN);
            Climb { next: earliest(climb.next, soon), ..climb }
        });
    }

    /// Asks something of each open card, which sees what this turn has planned so far.
    fn for_each_open(&mut self, ask: impl Fn(&Climber<'_>, &Routing<'_>, &[Notice]) -> Climb) {
        let happening = self.happening;
        let fresh: Vec<Notice> = self.plan.notices.iter().map(|planned| planned.notice.clone()).collect();
        for watch in happening.watches {
            let Some(level) = watch.level else { continue };
            let climber = Climber {
                happening: &happening,
                watch,
                level,
                office: self.office,
                circumstances: self.circumstances,
                now: self.now,
            };
            let routing = Routing::of(&self.office.routes, &climber.suspect());
            let found = ask(&climber, &routing, &fresh);
            self.plan.next_look_at = earliest(self.plan.next_look_at, found.next);
            self.place(found.drafts, &routing, found.waited);
        }
    }

    /// Finds a place for what no filter holds; a later step or a reminder has waited before.
    fn place(&mut self, drafts: Vec<Notice>, routing: &Routing<'_>, waited: Option<Limit>) {
        for notice in drafts {
            let planned = if notice.state == NoticeState::Planned {
                let is_urgent = is_urgent(&notice, self.happening.rulings, waited);
                let wait = waiting::wait(&notice, is_urgent, routing, self.office, self.now);
                self.joinable.planned(notice, wait, self.now)
            } else {
                Planned { notice, placement: None }
            };
            self.plan.notices.push(planned);
        }
    }

    fn about(
        &self,
        transition: &Transition,
        kind: NoticeKind,
        (contact, channel): (&str, &str),
        rehearsal: bool,
    ) -> Notice {
        let subject = transition.card.to_string();
        let number = transition.number;
        let identity =
            NoticeIdentity { kind, subject: &subject, number, step: 0, ordinal: 0, contact, channel, rehearsal };
        Notice {
            card: Some(transition.card),
            item: Some(self.happening.item.key.clone()),
            episode: transition.episode,
            level: transition.to.or(transition.from),
            change: Some(CardChange::of(transition)),
            ..blank(&identity, self.now)
        }
    }

    fn routing(&self, rule: &str, window: &str, level: Option<Level>) -> Routing<'a> {
        Routing::of(&self.office.routes, &self.suspect(rule, window, level))
    }

    fn suspect<'s>(&'s self, rule: &'s str, window: &'s str, level: Option<Level>) -> Suspect<'s> {
        Suspect { item: self.happening.item, rule, window, level }
    }
}

/// Plans a message that is about no card: to each operator, by each channel of the ladder `operators`; at once, unless it
/// waits.
pub fn plan_system(
    kind: NoticeKind,
    subject: &str,
    body: &Body,
    office: &Office,
    joinable: &mut Joinable,
    wait: Option<(Instant, Wait)>,
    now: Instant,
) -> Vec<Planned> {
    let channels = office.channels_of_operators();
    let mut planned = Vec::new();
    for contact in office.directory.operators(office.today(now)) {
        for channel in channels.iter().filter(|channel| has_address(office, contact, channel)) {
            let identity = NoticeIdentity {
                kind,
                subject,
                number: 0,
                step: 0,
                ordinal: 0,
                contact: &contact.id,
                channel,
                rehearsal: office.rehearsal,
            };
            let notice = Notice { body: Some(body.clone()), ..blank(&identity, now) };
            planned.push(joinable.planned(notice, wait, now));
        }
    }
    planned
}

/// Plans on its fallback channel what a channel could not deliver: the same things to the same contact.
pub fn plan_fallback(
    members: &[Notice],
    office: &Office,
    circumstances: &Circumstances<'_>,
    joinable: &mut Joinable,
    now: Instant,
) -> Vec<Planned> {
    let mut planned = Vec::new();
    for member in members.iter().filter(|member| member.card.is_some()) {
        let Some(channel) = office.channels.get(&member.channel).and_then(|terms| terms.fallback.clone()) else {
            continue;
        };
        if office.obstacle(&member.contact, &channel, circumstances).is_some() {
            continue;
        }
        let because =
            Because { instead_of: Some(member.channel.clone()), why: Some(Gap::Fallback), ..member.because.clone() };
        let notice = readdressed(member, &member.contact, &channel, because, now);
        planned.push(joinable.planned(notice, None, now));
    }
    planned
}

fn has_address(office: &Office, contact: &Contact, channel: &str) -> bool {
    office.channels.get(channel).is_some_and(|terms| contact.address(terms.medium).is_some())
}

/// What a notice about a card says, to somebody else or by another channel.
fn readdressed(notice: &Notice, contact: &str, channel: &str, because: Because, now: Instant) -> Notice {
    let subject = notice.card.map(|card| card.to_string()).unwrap_or_default();
    let identity = NoticeIdentity {
        kind: notice.kind,
        subject: &subject,
        number: notice.number,
        step: notice.step,
        ordinal: notice.ordinal,
        contact,
        channel,
        rehearsal: notice.rehearsal,
    };
    Notice {
        card: notice.card,
        item: notice.item.clone(),
        episode: notice.episode,
        level: notice.level,
        change: notice.change.clone(),
        because,
        ..blank(&identity, now)
    }
}

/// A notice of which nothing but its identity is known.
fn blank(identity: &NoticeIdentity<'_>, now: Instant) -> Notice {
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
        rehearsal: identity.rehearsal,
        state: NoticeState::Planned,
        hold: None,
        delivery: None,
        change: None,
        body: None,
        because: Because::default(),
        settled_at: None,
    }
}

/// Whether a notice is a red on a window of natural hours: that cannot wait for the opening. What has waited for working
/// days, whose end is a midnight, can.
fn is_urgent(notice: &Notice, rulings: &[Ruling], waited: Option<Limit>) -> bool {
    if waited.is_some_and(|waited| waited.family() == Family::WorkingDays) {
        return false;
    }
    let Some(change) = &notice.change else { return false };
    let ruling = rulings.iter().find(|r| r.rule == change.rule);
    let window = ruling.and_then(|r| r.windows.iter().find(|w| w.name == change.name));
    notice.raises() && notice.level == Some(Level::Red) && window.is_some_and(|w| w.limit.family() == Family::Time)
}

#[cfg(test)]
mod tests;
