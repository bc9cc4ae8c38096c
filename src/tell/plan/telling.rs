//! Telling one level of a card at one step: to whom, by which channels, and what a filter holds.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Circumstances, Happening, Office};
use crate::core::Instant;
use crate::core::card::CardId;
use crate::core::contact::Contact;
use crate::core::item::Item;
use crate::core::ladder::{Count, Label, Ladder, Step, Threshold};
use crate::core::matcher::Suspect;
use crate::core::notice::{Because, CardChange, Gap, Hold, Notice, NoticeIdentity, NoticeKind, NoticeState};
use crate::core::route::{Receiver, Routing};
use crate::core::window::Level;
use crate::tell::directory::{Directory, OPERATOR};

/// One level of a card that is to be told.
#[derive(Clone)]
pub(super) struct Telling<'a> {
    pub office: &'a Office,
    pub circumstances: &'a Circumstances<'a>,
    pub item: &'a Item,
    pub card: CardId,
    pub episode: u32,
    /// Of the transition.
    pub number: u32,
    pub level: Level,
    pub change: CardChange,
    pub ladder: &'a Ladder,
    pub routing: &'a Routing<'a>,
    pub kind: NoticeKind,
    pub step: u32,
    pub ordinal: u32,
    /// What names it in the place of the card and its number, if something does.
    pub subject: Option<&'a str>,
    pub baseline: bool,
    pub now: Instant,
}

/// A level of a card, as a transition raised it.
pub(super) struct Raised {
    pub card: CardId,
    pub episode: u32,
    /// Of the transition.
    pub number: u32,
    pub level: Level,
    pub change: CardChange,
}

/// Who is to hear it by which channels, and as what.
struct Hearer<'a> {
    contact: &'a str,
    channels: &'a [String],
    because: Because,
    /// Why not, before anything else is asked.
    gap: Option<Hold>,
}

impl<'a> Telling<'a> {
    /// What says something at the first step of a ladder.
    pub(super) fn first(
        happening: &Happening<'a>,
        office: &'a Office,
        circumstances: &'a Circumstances<'a>,
        raised: Raised,
        (ladder, routing): (&'a Ladder, &'a Routing<'a>),
        now: Instant,
    ) -> Self {
        Self {
            office,
            circumstances,
            item: happening.item,
            card: raised.card,
            episode: raised.episode,
            number: raised.number,
            level: raised.level,
            change: raised.change,
            ladder,
            routing,
            kind: NoticeKind::Raise,
            step: 0,
            ordinal: 0,
            subject: None,
            baseline: happening.baseline,
            now,
        }
    }

    /// What is said at the telling's step, held or not; each once.
    pub(super) fn drafts(&self) -> Vec<Notice> {
        let Some(step) = self.ladder.steps.get(self.step as usize) else { return Vec::new() };
        let mut hearers = self.hearers(step, step.channels(self.level));
        if !step.channels(self.level).is_empty() && !hearers.iter().any(|hearer| self.is_reached(hearer)) {
            hearers.extend(self.next_up(step));
        }
        if self.step == 0 {
            hearers.extend(self.routed());
        }
        self.said_to(hearers, step.label.as_ref(), None)
    }

    /// What is said because a count reached its number.
    pub(super) fn counted(&self, count: &'a Count, number: Threshold) -> Vec<Notice> {
        let roles = count.roles.iter();
        let mut hearers: Vec<_> = roles.flat_map(|role| self.of_role(role, &count.channels, None)).collect();
        if !count.channels.is_empty() && !hearers.iter().any(|hearer| self.is_reached(hearer)) {
            let instead_of = count.roles.first().map(|role| role.as_str().into());
            let instead = self.of_role(OPERATOR, self.office.operators_channels(self.level), None).into_iter();
            hearers.extend(instead.map(|hearer| {
                let why = Some(Gap::Unreachable);
                Hearer { because: Because { instead_of: instead_of.clone(), why, ..hearer.because }, ..hearer }
            }));
        }
        self.said_to(hearers, count.label.as_ref(), Some(number))
    }

    /// The same to these people by these channels, as what they were told before; to who stands in for those who went
    /// away since.
    pub(super) fn repeated(&self, told: &[&Notice]) -> Vec<Notice> {
        let mut seen = BTreeSet::new();
        let said = told.iter().map(|n| {
            let contact = self.office.directory.get(&n.contact);
            let gone = contact.filter(|contact| !self.office.directory.is_there(contact, self.today()));
            let Some(gone) = gone else { return self.notice(&n.contact, &n.channel, n.because.clone(), None) };
            let Some(present) = self.office.directory.present(gone, self.today()) else {
                return self.notice(&n.contact, &n.channel, n.because.clone(), Some(Hold::Away));
            };
            let because = Because { instead_of: Some(gone.id.clone()), why: Some(Gap::Absent), ..n.because.clone() };
            self.notice(&present.id, &n.channel, because, None)
        });
        said.filter(|notice| seen.insert(notice.key)).collect()
    }

    /// The people of a step, and what is missing.
    fn hearers(&self, step: &'a Step, channels: &'a [String]) -> Vec<Hearer<'a>> {
        step.roles(self.level).flat_map(|role| self.of_role(role, channels, None)).collect()
    }

    /// The people of a role; a role without people stands for itself.
    fn of_role(&self, role: &'a str, channels: &'a [String], route: Option<&Arc<str>>) -> Vec<Hearer<'a>> {
        let because = || Because { role: Some(role.into()), route: route.cloned(), ..Because::default() };
        if let Ok(contacts) = self.office.directory.find(role, self.item, self.today()) {
            return contacts.into_iter().flat_map(|contact| self.present(contact, channels, &because())).collect();
        }
        let gap = Some(Hold::NoContact { role: role.to_owned() });
        vec![Hearer { contact: role, channels, because: because(), gap }]
    }

    /// A contact, or who stands in; and the secretary, in the place of that one or too.
    fn present(&self, contact: &'a Contact, channels: &'a [String], because: &Because) -> Vec<Hearer<'a>> {
        let stand = self.office.directory.stand(contact, self.today());
        let readers = stand.readers(contact, |secretary| self.is_open(&secretary.id, channels));
        if readers.is_empty() {
            return vec![Hearer { contact: &contact.id, channels, because: because.clone(), gap: Some(Hold::Away) }];
        }
        let told = readers.iter().map(|reader| Hearer {
            contact: &reader.contact.id,
            channels,
            because: reader.because(because),
            gap: None,
        });
        told.collect()
    }

    /// Where nobody of a step can be reached: the people of the next step that can be, else the operators by their own
    /// ladder's channels, so that no card is silent.
    fn next_up(&self, step: &'a Step) -> Vec<Hearer<'a>> {
        let above = self.ladder.steps.iter().skip(self.step as usize + 1);
        let above = above.filter(|step| !step.channels(self.level).is_empty());
        let mut found = above.map(|step| self.hearers(step, step.channels(self.level)));
        let mut instead = found
            .find(|hearers| hearers.iter().any(|hearer| self.is_reached(hearer)))
            .unwrap_or_else(|| self.of_role(OPERATOR, self.office.operators_channels(self.level), None));
        for hearer in &mut instead {
            hearer.because.instead_of = step.roles.first().map(|role| role.as_str().into());
            hearer.because.why = Some(Gap::Unreachable);
        }
        // Who cannot be reached either stands there only where nobody can.
        if instead.iter().any(|hearer| self.is_reached(hearer)) {
            instead.retain(|hearer| self.is_reached(hearer));
        }
        instead
    }

    /// The receivers whom routes name.
    fn routed(&self) -> Vec<Hearer<'a>> {
        let mut hearers = Vec::new();
        for (route, receiver) in &self.routing.tell {
            let channels = receiver.channels(self.level);
            let because = || Because { route: Some((*route).clone()), ..Because::default() };
            match (receiver_contact(receiver, &self.office.directory), &receiver.role) {
                (Some(contact), _) => hearers.extend(self.present(contact, channels, &because())),
                (None, Some(role)) => hearers.extend(self.of_role(role, channels, Some(route))),
                (None, None) => {}
            }
        }
        hearers
    }

    fn is_reached(&self, hearer: &Hearer<'_>) -> bool {
        hearer.gap.is_none() && self.is_open(hearer.contact, hearer.channels)
    }

    /// Whether one of these channels reaches a contact.
    fn is_open(&self, contact: &str, channels: &[String]) -> bool {
        channels.iter().any(|channel| self.office.obstacle(contact, channel, self.circumstances).is_none())
    }

    fn said_to(&self, hearers: Vec<Hearer<'a>>, label: Option<&Label>, count: Option<Threshold>) -> Vec<Notice> {
        let mut seen = BTreeSet::new();
        let mut drafts = Vec::new();
        for hearer in hearers {
            for channel in hearer.channels {
                let because = Because { label: label.cloned(), count, ..hearer.because.clone() };
                let notice = self.notice(hearer.contact, channel, because, hearer.gap.clone());
                if seen.insert(notice.key) {
                    drafts.push(notice);
                }
            }
        }
        drafts
    }

    pub(super) fn notice(&self, contact: &str, channel: &str, because: Because, gap: Option<Hold>) -> Notice {
        let card = self.card.to_string();
        let identity = NoticeIdentity {
            kind: self.kind,
            subject: self.subject.unwrap_or(&card),
            number: if self.subject.is_some() { 0 } else { self.number },
            step: self.step,
            ordinal: self.ordinal,
            contact,
            channel,
            rehearsal: self.is_rehearsal(),
        };
        let mut notice = Notice {
            card: Some(self.card),
            item: Some(self.item.key.clone()),
            episode: self.episode,
            number: self.number,
            level: Some(self.level),
            change: Some(self.change.clone()),
            because,
            ..super::blank(&identity, self.now)
        };
        notice.hold = self.hold(&notice, gap);
        if notice.hold.is_some() {
            notice.state = NoticeState::Held;
        }
        notice
    }

    /// The filters before a place is looked for, in their order.
    fn hold(&self, notice: &Notice, gap: Option<Hold>) -> Option<Hold> {
        if self.baseline {
            return Some(Hold::Baseline);
        }
        let silenced = self.circumstances.silence(&self.suspect(), self.now);
        let obstacle = || self.office.obstacle(&notice.contact, &notice.channel, self.circumstances);
        silenced.or(gap).or_else(obstacle).or_else(|| self.office.is_unwanted(notice).then_some(Hold::BelowLeast))
    }

    fn suspect(&self) -> Suspect<'_> {
        let (rule, window) = (&*self.change.rule, &*self.change.name);
        Suspect { item: self.item, rule, window, level: Some(self.level) }
    }

    const fn is_rehearsal(&self) -> bool {
        self.office.rehearsal || self.routing.rehearsal
    }

    fn today(&self) -> chrono::NaiveDate {
        self.office.today(self.now)
    }
}

/// The contact that a receiver names: a person, or what stands for a fixed address.
pub(super) fn receiver_contact<'a>(receiver: &Receiver, directory: &'a Directory) -> Option<&'a Contact> {
    match (&receiver.contact, &receiver.address) {
        (Some(id), _) => directory.get(id),
        (_, Some(address)) => directory.get(&address_id(address)),
        _ => None,
    }
}

/// The id of the contact that stands for a fixed address.
pub fn address_id(address: &str) -> String {
    format!("address:{address}")
}
