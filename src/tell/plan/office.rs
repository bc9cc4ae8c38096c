//! Who works here and how they are reached: the same for all items of a playbook.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime};
use serde::{Deserialize, Serialize};

use super::{Circumstances, climb, readdressed};
use crate::core::Instant;
use crate::core::acknowledgement::Acknowledgement;
use crate::core::calendar::Calendar;
use crate::core::contact::Medium;
use crate::core::count::Period;
use crate::core::item::Item;
use crate::core::ladder::{Ladder, OPERATORS};
use crate::core::matcher::{Matcher, Suspect};
use crate::core::notice::{Because, CardChange, Gap, Hold, Notice};
use crate::core::rate::{Rate, Rates};
use crate::core::route::{Preference, Route, Routing, Wishes};
use crate::core::window::{Level, Ruling};
use crate::tell::directory::{Directory, OPERATOR};

/// Who works here and how they are reached: the same for all items of a playbook.
#[derive(Debug, Clone)]
pub struct Office {
    /// Who can be told.
    pub directory: Directory,
    /// The ladders by name.
    pub ladders: BTreeMap<String, Ladder>,
    /// The ladder of windows that name none.
    pub ladder: String,
    /// How often the rules are asked again that ask for the date.
    pub periods: BTreeMap<Arc<str>, Period>,
    /// What holds for some cards.
    pub routes: Vec<Route>,
    /// What contacts want.
    pub preferences: Vec<Preference>,
    /// The channels.
    pub channels: BTreeMap<Arc<str>, ChannelTerms>,
    /// Which items' titles and persons leave by confidential channels only.
    pub confidential: Matcher,
    /// Outside its working hours, messages wait.
    pub quiet: Arc<Calendar>,
    /// When lists go to who wants lists, on working days.
    pub lists_at: Vec<NaiveTime>,
    /// How many messages a contact gets by one channel, if more wait to be joined: `1/5m`. Operators get each.
    pub pace: Option<Rate>,
    /// Whether deliveries go to the rehearsal's address.
    pub rehearsal: bool,
}

/// What is to be known of a channel to plan for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelTerms {
    /// The kind of address that it writes to.
    pub medium: Medium,
    /// Whether titles and persons of what is confidential may leave by it.
    pub confidential: bool,
    /// What takes its place when it fails or is at its limit for too long.
    pub fallback: Option<Arc<str>>,
    /// How many messages it may send.
    pub rates: Rates,
    /// How long a message waits at its limit before the fallback takes it, in seconds.
    pub patience: u64,
}

impl ChannelTerms {
    /// A channel of which nothing else is said.
    pub fn of(medium: Medium) -> Self {
        Self { medium, confidential: false, fallback: None, rates: Rates::default(), patience: 3_600 }
    }
}

impl Office {
    /// Whether a card ever says anything after its first step.
    pub fn climbs(&self) -> bool {
        self.ladders.values().any(Ladder::climbs)
    }

    /// Whether a ladder counts how often a card stood running.
    pub fn counts_streaks(&self) -> bool {
        self.ladders.values().any(Ladder::counts_streaks)
    }

    /// The highest number of a unit's red cards that a ladder waits for, if one does.
    pub fn most_reds(&self) -> Option<u32> {
        self.ladders.values().flat_map(|ladder| &ladder.counts).filter_map(|count| count.reds).max()
    }

    /// The day on the office's clock.
    pub fn today(&self, now: Instant) -> NaiveDate {
        self.quiet.local(now).date_naive()
    }

    /// How often something may be tried on a channel.
    pub fn rates(&self, channel: &str) -> Rates {
        self.channels.get(channel).map(|terms| terms.rates.clone()).unwrap_or_default()
    }

    /// How many messages a contact gets by a channel. Operators get each.
    pub fn pace(&self, contact: &str, channel: &str) -> Vec<Rate> {
        let Some(contact) = self.directory.get(contact).filter(|contact| !contact.holds(OPERATOR)) else {
            return Vec::new();
        };
        let mut most = Wishes::of(&self.preferences, contact).most.remove(channel).unwrap_or_default();
        most.extend(self.pace);
        most
    }

    /// The ladder that a card climbs: by its routes, else the one that is named, else the configured one.
    pub(super) fn ladder_of(&self, routing: &Routing<'_>, named: Option<&str>) -> Option<&Ladder> {
        let by_name = |name: Option<&str>| name.and_then(|name| self.ladders.get(name));
        by_name(routing.ladder).or_else(|| by_name(named)).or_else(|| self.ladders.get(&self.ladder))
    }

    /// Why a contact cannot be reached by a channel.
    pub(super) fn obstacle(&self, contact: &str, channel: &str, circumstances: &Circumstances<'_>) -> Option<Hold> {
        let terms = self.channels.get(channel);
        let contact = self.directory.get(contact);
        let Some((contact, address)) = contact.and_then(|c| c.address(terms?.medium).map(|address| (c, address)))
        else {
            return Some(Hold::NoAddress);
        };
        let bad = &circumstances.bad_addresses;
        let is_bad = !bad.is_empty() && bad.contains(&(contact.id.clone(), channel.into(), address.to_owned()));
        is_bad.then_some(Hold::BadAddress)
    }

    /// By which channels operators are told of duban itself.
    pub fn channels_of_operators(&self) -> BTreeSet<&str> {
        let step = self.ladders.get(OPERATORS).and_then(|ladder| ladder.steps.first());
        step.iter().flat_map(|step| step.yellow.iter().chain(&step.red)).map(String::as_str).collect()
    }

    /// By which channels operators are told of a card.
    pub(super) fn operators_channels(&self, level: Level) -> &[String] {
        let step = self.ladders.get(OPERATORS).and_then(|ladder| ladder.steps.first());
        step.map_or(&[], |step| step.channels(level))
    }

    /// Whether a contact does not want to hear of such a level. What takes back what was said is wanted.
    pub(super) fn is_unwanted(&self, notice: &Notice) -> bool {
        let wishes = self.directory.get(&notice.contact).map(|contact| Wishes::of(&self.preferences, contact));
        notice.raises() && wishes.and_then(|wishes| wishes.least).is_some_and(|least| notice.level < Some(least))
    }

    /// A held notice as it is said now: to the contact; or, who is away by now, to who stands in. What takes something
    /// back goes to who was told.
    pub(super) fn in_place(&self, notice: &Notice, now: Instant) -> Vec<Notice> {
        let fresh = Notice { planned_at: now, hold: None, delivery: None, settled_at: None, ..notice.clone() };
        let contact = self.directory.get(&notice.contact).filter(|_| notice.raises());
        let Some(contact) = contact else { return vec![fresh] };
        match self.directory.present(contact, self.today(now)) {
            Some(present) if present.id == notice.contact => vec![fresh],
            present => {
                let away = Notice { hold: Some(Hold::Away), ..fresh };
                let because = Because {
                    instead_of: Some(notice.contact.clone()),
                    why: Some(Gap::Absent),
                    ..notice.because.clone()
                };
                let deputy = present.map(|deputy| readdressed(notice, &deputy.id, &notice.channel, because, now));
                [away].into_iter().chain(deputy).collect()
            }
        }
    }

    /// Until when a card's ladder rests for a signature.
    pub fn rests_until(
        &self,
        change: &CardChange,
        item: &Item,
        rulings: &[Ruling],
        taken: &Acknowledgement,
    ) -> Option<Instant> {
        let (rule, window) = (&*change.rule, &*change.name);
        let routing = Routing::of(&self.routes, &Suspect { item, rule, window, level: Some(taken.level) });
        let ladder = self.ladder_of(&routing, climb::named_ladder(rulings, rule, window, change.ladder.as_deref()))?;
        climb::add(&self.quiet, taken.at, ladder.ack_grace)
    }

    pub(super) fn is_operator(&self, contact: &str) -> bool {
        self.directory.get(contact).is_some_and(|contact| contact.holds(OPERATOR))
    }
}
