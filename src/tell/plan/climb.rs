//! The ladder after its first step: the next step when nobody answered, reminders, and what an open card still has to
//! say after a change of the playbook.

use std::sync::Arc;

use super::telling::Telling;
use super::{Circumstances, Happening, LOOK_AGAIN, Office};
use crate::core::Instant;
use crate::core::acknowledgement::Acknowledgement;
use crate::core::card::{Transition, Watch};
use crate::core::course::Course;
use crate::core::ladder::Ladder;
use crate::core::limit::Limit;
use crate::core::matcher::Suspect;
use crate::core::notice::{CardChange, Hold, Notice, NoticeKind, NoticeState};
use crate::core::route::Routing;
use crate::core::silence;
use crate::core::window::Level;

const LONGEST_LOOK: chrono::TimeDelta = chrono::TimeDelta::hours(1);

/// What an open card says now beyond what its transitions say, and when to ask again.
#[derive(Default)]
pub(super) struct Climb {
    pub drafts: Vec<Notice>,
    /// What these have waited for, if they are a later step or a reminder.
    pub waited: Option<Limit>,
    pub next: Option<Instant>,
}

/// An open card on its ladder.
pub(super) struct Climber<'a> {
    pub happening: &'a Happening<'a>,
    pub watch: &'a Watch,
    pub level: Level,
    pub office: &'a Office,
    pub circumstances: &'a Circumstances<'a>,
    pub now: Instant,
}

impl Climber<'_> {
    /// What it says now. `fresh` was planned in this very turn.
    pub(super) fn climb(&self, fresh: &[Notice]) -> Climb {
        let suspect = Suspect {
            item: self.happening.item,
            rule: &self.watch.rule,
            window: &self.watch.name,
            level: Some(self.level),
        };
        let routing = Routing::of(&self.office.routes, &suspect);
        let rehearsal = self.office.rehearsal || routing.rehearsal;
        let about = |n: &&Notice| {
            n.card == Some(self.watch.card)
                && n.episode == self.watch.episode
                && n.number == self.watch.number
                && n.rehearsal == rehearsal
                && matches!(n.kind, NoticeKind::Raise | NoticeKind::Lower | NoticeKind::Reminder)
        };
        let said: Vec<&Notice> = self.happening.said.iter().chain(fresh).filter(about).collect();
        let fresh_change = || fresh.iter().find(about).and_then(|n| n.change.clone());
        let Some(change) = self.change().or_else(fresh_change) else { return Climb::default() };
        let ladder = self.office.ladder_of(&routing, self.named_ladder(&change).as_deref());
        let Some(ladder) = ladder else { return Climb::default() };
        let course = Ahead { climber: self, ladder, routing: &routing, change, is_unsaid: said.is_empty() };
        let is_silent = ladder.steps.first().is_some_and(|step| step.channels(self.level).is_empty());
        if said.is_empty() && !is_silent {
            // Nobody was to hear of this card in this mode: it was raised in rehearsal, or nobody could be told then.
            let drafts = if self.happening.other_playbook { course.telling(0).drafts() } else { Vec::new() };
            return Climb { drafts, ..Climb::default() };
        }
        if let Some(silence) = silence::holding(self.circumstances.silences, &suspect, self.now) {
            return Climb { next: Some(silence.ends_at), ..Climb::default() };
        }
        course.go(&said)
    }

    /// The change that raised the card: as it was told, else as it was stored.
    fn change(&self) -> Option<CardChange> {
        let (card, number) = (self.watch.card, self.watch.number);
        let mut told = self.happening.said.iter().rev().filter(|n| n.card == Some(card) && n.number == number);
        told.find_map(|n| n.change.clone()).or_else(|| self.transition().map(CardChange::of))
    }

    /// The transition that raised the card, as far as it is known.
    fn transition(&self) -> Option<&Transition> {
        let known = self.happening.transitions.iter().chain(self.happening.raised);
        known.into_iter().find(|t| t.card == self.watch.card && t.number == self.watch.number)
    }

    /// The ladder that the window names now, else the one of the change.
    fn named_ladder(&self, change: &CardChange) -> Option<Arc<str>> {
        let ruling = self.happening.rulings.iter().find(|ruling| ruling.rule == self.watch.rule);
        let window = ruling.and_then(|ruling| ruling.windows.iter().find(|w| w.name == self.watch.name));
        window.map_or_else(|| change.ladder.clone(), |window| window.ladder.clone())
    }
}

/// What is ahead of a card that was told.
struct Ahead<'a> {
    climber: &'a Climber<'a>,
    ladder: &'a Ladder,
    routing: &'a Routing<'a>,
    change: CardChange,
    /// Whether nobody heard of the card yet: its first step is silent about the level.
    is_unsaid: bool,
}

impl Ahead<'_> {
    /// The next step or reminder of a card that was told.
    fn go(&self, said: &[&Notice]) -> Climb {
        // What was dropped was not said: the step, or the reminder, is still to come.
        let said: Vec<&Notice> = said.iter().copied().filter(|n| n.state != NoticeState::Dropped).collect();
        let step = said.iter().map(|n| n.step).max().unwrap_or_default();
        let here: Vec<&Notice> = said.iter().copied().filter(|n| n.step == step).collect();
        if here
            .iter()
            .any(|n| matches!(n.hold, Some(Hold::Baseline | Hold::Silence { .. })) && n.state == NoticeState::Held)
        {
            // Who holds it plans it again.
            return Climb::default();
        }
        let held_until = self.held_until(step);
        let after = |at: Instant| held_until.map_or(at, |until| until.max(at));
        let round = here.iter().map(|n| n.ordinal).max().unwrap_or_default();
        // A silent first step is over when the card is noticed.
        let noticed_at = || self.climber.transition().map(|transition| transition.noticed_at);
        let settled_at = if self.is_unsaid { noticed_at() } else { settled(&here, 0) };
        let next_step = settled_at.and_then(|at| self.next_step(step, at)).map(|(step, at)| (step, after(at)));
        let was_told = here.iter().any(|n| n.state.is_told());
        let reminder = settled(&here, round).filter(|_| was_told);
        let reminder = reminder.and_then(|at| self.next_reminder(step, round, at)).map(after);
        if let Some((step, at)) = next_step
            && at <= self.climber.now
        {
            let after = self.ladder.steps.get(step as usize).and_then(|step| step.after);
            let waited = if held_until == Some(at) { Some(self.ladder.ack_grace) } else { after };
            return Climb { drafts: self.telling(step).drafts(), waited, next: None };
        }
        if let Some(at) = reminder.filter(|at| *at <= self.climber.now) {
            let every = self.ladder.steps.get(step as usize).and_then(|step| Some(step.reminders?.every));
            let waited = if held_until == Some(at) { Some(self.ladder.ack_grace) } else { every };
            return Climb { drafts: self.remind(step, round + 1, &here), waited, next: None };
        }
        let next = [next_step.map(|(_, at)| at), reminder, self.look_again(&here)].into_iter().flatten().min();
        Climb { next, ..Climb::default() }
    }

    /// When messages that are under way will have arrived nobody knows; so it is asked for, ever less often, if anything
    /// follows on them.
    fn look_again(&self, here: &[&Notice]) -> Option<Instant> {
        let planned_at = here.iter().filter(|n| n.state == NoticeState::Planned).map(|n| n.planned_at).max()?;
        let now = self.climber.now;
        let step = here.first()?.step;
        let earliest = [self.next_step(step, now).map(|(_, at)| at), self.next_reminder(step, 0, now)];
        let patience = ((now - planned_at) / 2).clamp(LOOK_AGAIN, LONGEST_LOOK);
        earliest.into_iter().flatten().min().map(|at| if at - now > LONGEST_LOOK { at } else { now + patience })
    }

    /// Until when an acknowledgement holds what comes after a step: the first one of this level and step counts.
    fn held_until(&self, step: u32) -> Option<Instant> {
        let here = |a: &&Acknowledgement| {
            (a.card, a.episode, a.level, a.step)
                == (self.climber.watch.card, self.climber.watch.episode, self.climber.level, step)
        };
        let first = self.climber.happening.acknowledgements.iter().filter(here).map(|a| a.at).min()?;
        self.add(first, self.ladder.ack_grace)
    }

    /// The next step that is not silent about this level, and when it is due. The waits of silent ones count.
    fn next_step(&self, step: u32, settled_at: Instant) -> Option<(u32, Instant)> {
        let mut at = settled_at;
        for (number, step) in (0..).zip(&self.ladder.steps).skip(step as usize + 1) {
            at = self.add(at, step.after?)?;
            if !step.channels(self.climber.level).is_empty() {
                return Some((number, at));
            }
        }
        None
    }

    /// When those of a step are to be round, who were round so often.
    fn next_reminder(&self, step: u32, round: u32, settled_at: Instant) -> Option<Instant> {
        let reminders = self.ladder.steps.get(step as usize)?.reminders?;
        if round >= reminders.most { None } else { self.add(settled_at, reminders.every) }
    }

    fn remind(&self, step: u32, ordinal: u32, here: &[&Notice]) -> Vec<Notice> {
        let told: Vec<&Notice> = here.iter().copied().filter(|n| n.state.is_told()).collect();
        let telling = Telling { kind: NoticeKind::Reminder, ordinal, baseline: false, ..self.telling(step) };
        telling.repeated(&told)
    }

    fn telling(&self, step: u32) -> Telling<'_> {
        Telling {
            office: self.climber.office,
            circumstances: self.climber.circumstances,
            item: self.climber.happening.item,
            card: self.climber.watch.card,
            episode: self.climber.watch.episode,
            number: self.climber.watch.number,
            level: self.climber.level,
            change: self.change.clone(),
            ladder: self.ladder,
            routing: self.routing,
            kind: NoticeKind::Raise,
            step,
            ordinal: 0,
            // What stood before a change of the playbook belongs to its baseline.
            baseline: step == 0 || self.is_unsaid && self.climber.happening.other_playbook,
            now: self.climber.now,
        }
    }

    fn add(&self, from: Instant, limit: Limit) -> Option<Instant> {
        let course = Course::new(&self.climber.office.quiet, limit, 0, from.timestamp(), &[]).ok()?;
        let at = Instant::from_timestamp(course.due().ok()??, 0)?;
        Some(at)
    }
}

/// When those of one round of a step (0: its messages, then each reminder) had all got theirs; `None` while some are
/// under way.
fn settled(here: &[&Notice], ordinal: u32) -> Option<Instant> {
    let round = || here.iter().filter(|n| n.ordinal == ordinal);
    if round().any(|n| n.state == NoticeState::Planned) {
        return None;
    }
    round().map(|n| n.settled_at.unwrap_or(n.planned_at)).max()
}
