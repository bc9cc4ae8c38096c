//! **Preview**: who would be told of a card, step by step and when, if nobody answered; and who would not, and why.
//!
//! **Invariant:** people and holds come from the functions that a turn plans with; nothing is planned. Messages are taken
//! to leave at the instants to which they wait; rates are asked at the claim, and so not here.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::climb::{add, wait_begins};
use super::telling::Telling;
use super::{Circumstances, Office, is_urgent, waiting};
use crate::core::Instant;
use crate::core::card::{CardId, Change};
use crate::core::contact::Contact;
use crate::core::digest::Digest;
use crate::core::item::Item;
use crate::core::ladder::{Label, Ladder, Reminders, Threshold};
use crate::core::limit::Limit;
use crate::core::matcher::Suspect;
use crate::core::notice::{Because, CardChange, Hold, Notice, NoticeKind, Wait};
use crate::core::reason::Reason;
use crate::core::route::Routing;
use crate::core::silence;
use crate::core::window::{Level, Ruling};
use crate::tell::directory::{HANDLER, Nobody, OPERATOR};

/// A level of a card that may be told.
#[derive(Debug, Clone)]
pub struct Prospect<'a> {
    /// The item.
    pub item: &'a Item,
    /// What the rules say about it.
    pub rulings: &'a [Ruling],
    /// The rule.
    pub rule: Arc<str>,
    /// The window or finding.
    pub window: Arc<str>,
    /// The level.
    pub level: Level,
    /// The ladder that the window names.
    pub ladder: Option<Arc<str>>,
    /// When it is raised.
    pub at: Instant,
}

/// What would come of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preview {
    /// The routes that fit.
    pub routes: Vec<Arc<str>>,
    /// The ladder that it climbs.
    pub ladder: String,
    /// For how long an acknowledgement holds the next step and reminders.
    pub ack_grace: Option<Limit>,
    /// Whether its messages go to the rehearsal's address.
    pub rehearsal: bool,
    /// The steps that speak of this level, in their order.
    pub steps: Vec<StepPreview>,
    /// Who would be told if a count of the ladder reached its number.
    pub counts: Vec<CountPreview>,
}

/// What a count of the ladder would say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountPreview {
    /// The number that it waits for.
    pub number: Threshold,
    /// The least level that counts for a streak.
    pub level: Level,
    /// What the office calls it.
    pub label: Option<Label>,
    /// Who would be told.
    pub told: Vec<Told>,
    /// Who would not.
    pub untold: Vec<Untold>,
}

/// What one step of the ladder would say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepPreview {
    /// Which step, from 0.
    pub step: u32,
    /// What the office calls it.
    pub label: Option<Label>,
    /// When its filters are asked.
    pub at: Instant,
    /// The silence at whose end that is.
    pub silence: Option<Digest>,
    /// Who would be told.
    pub told: Vec<Told>,
    /// Who would not.
    pub untold: Vec<Untold>,
    /// How those who were told are reminded, and when first.
    pub reminders: Option<(Reminders, Option<Instant>)>,
}

/// A message that would leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// To whom.
    pub contact: Arc<str>,
    /// By which channel.
    pub channel: Arc<str>,
    /// When.
    pub at: Instant,
    /// What it waits for.
    pub wait: Option<Wait>,
    /// As what, or in whose place.
    pub because: Because,
}

/// Somebody who would not be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// Who; a role that nobody holds stands for itself.
    pub contact: Arc<str>,
    /// By which channel; none if that does not matter.
    pub channel: Option<Arc<str>>,
    /// As what.
    pub because: Because,
    /// Why not.
    pub why: WhyNot,
}

/// Why somebody would not be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyNot {
    /// A filter holds it.
    Held(Hold),
    /// The role finds nobody.
    Nobody(Nobody),
    /// The contact holds the role for other units or regions.
    Elsewhere,
    /// The contact holds the role, and is not on duty.
    OffDuty,
}

/// Previews the whole ladder of a card.
pub fn preview(prospect: &Prospect<'_>, office: &Office, circumstances: &Circumstances<'_>) -> Preview {
    let (rule, window) = (&*prospect.rule, &*prospect.window);
    let suspect = Suspect { item: prospect.item, rule, window, level: Some(prospect.level) };
    let routing = Routing::of(&office.routes, &suspect);
    let Some(ladder) = office.ladder_of(&routing, prospect.ladder.as_deref()) else { return Preview::default() };
    let name = office.ladders.iter().find(|(_, other)| std::ptr::eq(*other, ladder)).map(|(name, _)| name.clone());
    let looking = Looking { prospect, office, circumstances, suspect, routing: &routing, ladder };
    Preview {
        routes: routing.routes.iter().map(|name| (*name).clone()).collect(),
        ladder: name.unwrap_or_default(),
        ack_grace: Some(ladder.ack_grace),
        rehearsal: office.rehearsal || routing.rehearsal,
        steps: looking.steps(),
        counts: looking.counts(),
    }
}

struct Looking<'a> {
    prospect: &'a Prospect<'a>,
    office: &'a Office,
    circumstances: &'a Circumstances<'a>,
    suspect: Suspect<'a>,
    routing: &'a Routing<'a>,
    ladder: &'a Ladder,
}

impl Looking<'_> {
    /// The first step, and each that follows while nobody answers. Where the first says nothing at all, the card never
    /// climbs.
    fn steps(&self) -> Vec<StepPreview> {
        let mut steps = Vec::new();
        let mut next = Some((0, self.prospect.at));
        while let Some((number, at)) = next {
            let step = self.step(number, at);
            let settled_at = self.begun(number, &step);
            next = if step.told.is_empty() && step.untold.is_empty() { None } else { self.after(number, settled_at) };
            steps.push(step);
        }
        steps
    }

    /// The next step that is not silent about this level, and when it is due. The waits of silent ones count.
    fn after(&self, number: u32, settled_at: Instant) -> Option<(u32, Instant)> {
        let mut at = settled_at;
        for (number, step) in (0..).zip(&self.ladder.steps).skip(number as usize + 1) {
            at = self.add(at, step.after?)?;
            if !step.channels(self.prospect.level).is_empty() {
                return Some((number, at));
            }
        }
        None
    }

    /// The counts that a card of this level can reach: at the instant at which it is raised.
    fn counts(&self) -> Vec<CountPreview> {
        let at = self.prospect.at;
        let level = self.prospect.level;
        let counts = self.ladder.counts.iter().filter_map(|count| {
            let number = count.threshold()?;
            let is_open = match number {
                Threshold::Streak(_) => count.level <= level,
                Threshold::Reds(_) => level == Level::Red,
            };
            let telling = Telling { kind: NoticeKind::Count, ..self.telling(0, at) };
            let drafts = if is_open { telling.counted(count, number) } else { return None };
            let mut untold = Vec::new();
            let mut told = Vec::new();
            for notice in &drafts {
                match &notice.hold {
                    None => told.push(self.told(notice, at)),
                    Some(hold) => self.hold(notice, hold, at, &mut untold),
                }
            }
            Some(CountPreview { number, level: count.level, label: count.label.clone(), told, untold })
        });
        counts.collect()
    }

    /// When the wait for what follows a step begins.
    fn begun(&self, number: u32, step: &StepPreview) -> Instant {
        let settled_at = step.told.iter().map(|told| told.at).max().unwrap_or(step.at);
        let after = self.ladder.steps.get(number as usize).and_then(|step| step.after).filter(|_| number > 0);
        wait_begins(&self.office.quiet, after, Some(step.at), settled_at)
    }

    fn step(&self, number: u32, due_at: Instant) -> StepPreview {
        let (at, silence) = self.after_silences(due_at);
        let drafts = self.telling(number, at).drafts();
        let mut told = Vec::new();
        let mut untold = Vec::new();
        for notice in &drafts {
            match &notice.hold {
                None => told.push(self.told(notice, at)),
                Some(hold) => self.hold(notice, hold, at, &mut untold),
            }
        }
        untold.extend(self.bystanders(number, at));
        let step = self.ladder.steps.get(number as usize);
        let label = step.and_then(|step| step.label.clone());
        let reminders = step.and_then(|step| step.reminders(self.prospect.level));
        let reminders = reminders.filter(|reminders| reminders.most > 0 && !told.is_empty());
        let found = StepPreview { step: number, label, at, silence, told, untold, reminders: None };
        let reminders = reminders.map(|reminders| (reminders, self.add(self.begun(number, &found), reminders.every)));
        StepPreview { reminders, ..found }
    }

    /// The first instant from `at` on at which no silence holds the card, and the last silence that did.
    fn after_silences(&self, at: Instant) -> (Instant, Option<Digest>) {
        let (mut at, mut last) = (at, None);
        while let Some(silence) = silence::holding(self.circumstances.silences, &self.suspect, at) {
            (at, last) = (silence.ends_at, Some(silence.id));
        }
        (at, last)
    }

    fn told(&self, notice: &Notice, at: Instant) -> Told {
        let waited = self.ladder.steps.get(notice.step as usize).and_then(|step| step.after);
        let is_urgent = is_urgent(notice, self.prospect.rulings, waited);
        let wait = waiting::wait(notice, is_urgent, self.routing, self.office, at);
        Told {
            contact: notice.contact.clone(),
            channel: notice.channel.clone(),
            at: wait.map_or(at, |(until, _)| until),
            wait: wait.map(|(_, wait)| wait),
            because: notice.because.clone(),
        }
    }

    /// What a filter holds; a role without people and somebody who is away are said once, not by channel.
    fn hold(&self, notice: &Notice, hold: &Hold, at: Instant, untold: &mut Vec<Untold>) {
        let (channel, why) = match hold {
            Hold::NoContact { role } => {
                let found = self.office.directory.find(role, self.prospect.item, self.office.today(at));
                let nobody = found.err().unwrap_or_else(|| Nobody::Vacant { role: role.clone() });
                (None, WhyNot::Nobody(nobody))
            }
            Hold::Away => (None, WhyNot::Held(hold.clone())),
            _ => (Some(notice.channel.clone()), WhyNot::Held(hold.clone())),
        };
        let found = Untold { contact: notice.contact.clone(), channel, because: notice.because.clone(), why };
        if !untold.contains(&found) {
            untold.push(found);
        }
    }

    /// Who holds a role of the step and is not meant: somebody for another unit or region, or not on duty.
    fn bystanders(&self, number: u32, at: Instant) -> Vec<Untold> {
        let (directory, today) = (&self.office.directory, self.office.today(at));
        let mut found = Vec::new();
        for role in self.roles(number).into_iter().filter(|role| *role != HANDLER && *role != OPERATOR) {
            let meant = directory.find(role, self.prospect.item, today).unwrap_or_default();
            let is_meant = |contact: &Contact| meant.iter().any(|meant| meant.id == contact.id);
            let holders = directory.all().iter().filter(|contact| contact.holds(role) && !is_meant(contact));
            found.extend(holders.map(|contact| Untold {
                contact: contact.id.clone(),
                channel: None,
                because: Because { role: Some(role.into()), ..Because::default() },
                why: if contact.on_duty(today) { WhyNot::Elsewhere } else { WhyNot::OffDuty },
            }));
        }
        found
    }

    /// The roles that a step, and on the first one the routes, ask for at this level.
    fn roles(&self, number: u32) -> BTreeSet<&str> {
        let level = self.prospect.level;
        let step = self.ladder.steps.get(number as usize).filter(|step| !step.channels(level).is_empty());
        let of_step = step.into_iter().flat_map(|step| step.roles(level)).map(String::as_str);
        let routed = self.routing.tell.iter().filter(|(_, to)| number == 0 && !to.channels(level).is_empty());
        of_step.chain(routed.filter_map(|(_, to)| to.role.as_deref())).collect()
    }

    fn telling(&self, step: u32, at: Instant) -> Telling<'_> {
        let Prospect { item, rule, window, level, ladder, .. } = self.prospect;
        Telling {
            office: self.office,
            circumstances: self.circumstances,
            item,
            card: CardId::new(&item.key, rule, window),
            episode: 1,
            number: 1,
            level: *level,
            change: CardChange {
                rule: rule.clone(),
                name: window.clone(),
                change: Change::Raise,
                at: self.prospect.at,
                reason: Reason::Due { due_at: self.prospect.at },
                ladder: ladder.clone(),
            },
            ladder: self.ladder,
            routing: self.routing,
            kind: NoticeKind::Raise,
            step,
            ordinal: 0,
            subject: None,
            baseline: false,
            now: at,
        }
    }

    /// When a wait is over, as the ladder counts it.
    fn add(&self, from: Instant, limit: Limit) -> Option<Instant> {
        add(&self.office.quiet, from, limit)
    }
}

#[cfg(test)]
mod tests;
