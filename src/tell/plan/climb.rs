//! The ladder after its first step: the next step when nobody answered, reminders, and what an open card still has to
//! say after a change of the playbook.

use std::sync::Arc;

use super::handover::has_gone;
use super::telling::{Raised, Telling};
use super::{Circumstances, Happening, LOOK_AGAIN, Office};
use crate::core::Instant;
use crate::core::acknowledgement::Acknowledgement;
use crate::core::calendar::Calendar;
use crate::core::card::{Transition, Watch};
use crate::core::course::Course;
use crate::core::ladder::{Ladder, Reminders};
use crate::core::limit::{Family, Limit};
use crate::core::matcher::Suspect;
use crate::core::notice::{CardChange, Hold, Notice, NoticeKind, NoticeState};
use crate::core::route::Routing;
use crate::core::silence;
use crate::core::window::{Level, Ruling};

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

impl<'a> Climber<'a> {
    /// What it says now. `fresh` was planned in this very turn.
    pub(super) fn climb(&self, routing: &Routing<'_>, fresh: &[Notice]) -> Climb {
        let said: Vec<&Notice> = self.about(routing, fresh).filter(|n| n.number == self.watch.number).collect();
        let Some((change, ladder)) = self.on(routing, fresh) else { return Climb::default() };
        let said: Vec<&Notice> = said.into_iter().filter(|n| n.is_of_a_step()).collect();
        let handed = said.iter().any(|n| n.kind == NoticeKind::Handover && fresh.iter().any(|f| f.key == n.key));
        let course = Ahead { climber: self, ladder, routing, change, is_unsaid: said.is_empty() };
        let is_silent = ladder.steps.first().is_some_and(|step| step.channels(self.level).is_empty());
        if said.is_empty() && !is_silent {
            // Nobody was to hear of this card in this mode: it was raised in rehearsal, or nobody could be told then.
            let drafts = if self.happening.other_playbook { course.telling(0).drafts() } else { Vec::new() };
            return Climb { drafts, ..Climb::default() };
        }
        if let Some(silence) = silence::holding(self.circumstances.silences, &self.suspect(), self.now) {
            return Climb { next: Some(silence.ends_at), ..Climb::default() };
        }
        if handed {
            // The new addressees are told first, and what follows comes at the next look.
            return Climb { next: Some(self.now + LOOK_AGAIN), ..Climb::default() };
        }
        course.go(&said)
    }

    pub(super) fn suspect(&self) -> Suspect<'a> {
        let (rule, window) = (&*self.watch.rule, &*self.watch.name);
        Suspect { item: self.happening.item, rule, window, level: Some(self.level) }
    }

    /// What was said of the card in this episode and mode, in this turn too.
    pub(super) fn about<'s>(
        &self,
        routing: &Routing<'_>,
        fresh: &'s [Notice],
    ) -> impl Iterator<Item = &'s Notice> + Clone
    where
        'a: 's,
    {
        let rehearsal = self.office.rehearsal || routing.rehearsal;
        let (card, episode) = (self.watch.card, self.watch.episode);
        let happening: &'s Happening<'a> = self.happening;
        let about = move |n: &&Notice| n.card == Some(card) && n.episode == episode && n.rehearsal == rehearsal;
        happening.said.iter().chain(fresh).filter(about)
    }

    /// The change that the card stands by, and the ladder that it climbs.
    pub(super) fn on(&self, routing: &Routing<'_>, fresh: &[Notice]) -> Option<(CardChange, &'a Ladder)> {
        let same = |n: &&Notice| n.number == self.watch.number;
        let fresh_change = || self.about(routing, fresh).find(same).and_then(|n| n.change.clone());
        let change = self.change().or_else(fresh_change)?;
        let ladder = self.office.ladder_of(routing, self.named_ladder(&change).as_deref())?;
        Some((change, ladder))
    }

    /// What says something of the card as it stands.
    pub(super) fn telling<'t>(&self, ladder: &'t Ladder, routing: &'t Routing<'t>, change: CardChange) -> Telling<'t>
    where
        'a: 't,
    {
        let (card, episode, number) = (self.watch.card, self.watch.episode, self.watch.number);
        let raised = Raised { card, episode, number, level: self.level, change };
        Telling::first(self.happening, self.office, self.circumstances, raised, (ladder, routing), self.now)
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
        let (rule, window) = (&*self.watch.rule, &*self.watch.name);
        named_ladder(self.happening.rulings, rule, window, change.ladder.as_deref()).map(Arc::from)
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
        let round = here.iter().map(|n| round_of(n)).max().unwrap_or_default();
        // A silent first step is over when the card is noticed.
        let noticed_at = || self.climber.transition().map(|transition| transition.noticed_at);
        let begun = if self.is_unsaid { noticed_at() } else { self.begun(&said, step) };
        let next_step = begun.and_then(|at| self.next_step(step, at)).map(|(next, at)| (next, self.after(step, at)));
        let was_told = here.iter().any(|n| n.state.is_told());
        let reminder = begun.filter(|_| was_told).and_then(|at| self.begun_round(&here, step, round, at));
        let reminder = reminder.and_then(|at| self.next_reminder(step, round, at)).map(|at| self.after(step, at));
        let mut drafts = Vec::new();
        let mut waited = None;
        let of_grace = |at: Instant, limit| if held_until == Some(at) { Some(self.ladder.ack_grace) } else { limit };
        // Those below are reminded when those above are told.
        let mut reminder = reminder;
        if let Some(at) = reminder.filter(|at| *at <= self.climber.now) {
            drafts = self.remind(step, round + 1, &here);
            // Where all who were told have passed it on, nobody is left to be reminded.
            reminder = None;
            waited = of_grace(at, self.reminders(step).map(|reminders| reminders.every));
        }
        if let Some((next, at)) = next_step
            && at <= self.climber.now
        {
            drafts.extend(self.telling(next).drafts());
            waited = of_grace(at, self.ladder.steps.get(next as usize).and_then(|step| step.after));
        }
        if !drafts.is_empty() {
            return Climb { drafts, waited, next: None };
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
        let after = self.ladder.steps.get(step as usize + 1).and_then(|step| step.after);
        let every = self.reminders(step).map(|reminders| reminders.every);
        let next = self.next_step(step, self.earliest_begin(after)).map(|(_, at)| at);
        let earliest = [next, self.next_reminder(step, 0, self.earliest_begin(every))];
        let patience = ((now - planned_at) / 2).clamp(LOOK_AGAIN, LONGEST_LOOK);
        earliest.into_iter().flatten().min().map(|at| if at - now > LONGEST_LOOK { at } else { now + patience })
    }

    /// The earliest instant at which a wait can begin whose messages are under way now: of working days, with the end of
    /// the day before.
    fn earliest_begin(&self, wait: Option<Limit>) -> Instant {
        let (calendar, now) = (&self.climber.office.quiet, self.climber.now);
        if wait.is_none_or(|wait| wait.family() != Family::WorkingDays) {
            return now;
        }
        let midnight = calendar.day_of(now.timestamp()).and_then(|day| calendar.start(day));
        let midnight = midnight.ok().and_then(|at| Instant::from_timestamp(at, 0));
        midnight.map_or(now, |midnight| midnight - chrono::TimeDelta::seconds(1))
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
        let reminders = self.reminders(step)?;
        if round >= reminders.most { None } else { self.add(settled_at, reminders.every) }
    }

    fn reminders(&self, step: u32) -> Option<Reminders> {
        self.ladder.steps.get(step as usize)?.reminders(self.climber.level)
    }

    /// Not before an acknowledgement lets it.
    fn after(&self, step: u32, at: Instant) -> Instant {
        self.held_until(step).map_or(at, |until| until.max(at))
    }

    /// When the wait for what follows a step begins; `None` while its messages are under way.
    fn begun(&self, said: &[&Notice], step: u32) -> Option<Instant> {
        let here: Vec<&Notice> = said.iter().copied().filter(|n| n.step == step).collect();
        let settled = settled(&here, 0)?;
        let below = said.iter().map(|n| n.step).filter(|below| *below < step).max();
        let due = below.and_then(|below| {
            let (next, at) = self.next_step(below, self.begun(said, below)?)?;
            (next == step).then(|| self.after(below, at))
        });
        let after = self.ladder.steps.get(step as usize).and_then(|step| step.after);
        Some(wait_begins(&self.climber.office.quiet, after, due, settled))
    }

    /// When the wait for the next reminder begins.
    fn begun_round(&self, here: &[&Notice], step: u32, round: u32, begun: Instant) -> Option<Instant> {
        let every = self.reminders(step).map(|reminders| reminders.every);
        (1..=round).try_fold(begun, |begun, round| {
            let due = every.and_then(|every| self.add(begun, every)).map(|at| self.after(step, at));
            Some(wait_begins(&self.climber.office.quiet, every, due, settled(here, round)?))
        })
    }

    fn remind(&self, step: u32, ordinal: u32, here: &[&Notice]) -> Vec<Notice> {
        let about = self.climber.about(self.routing, &[]);
        let is_told = |n: &&Notice| n.state.is_told() && !has_gone(about.clone(), &n.contact);
        let told: Vec<&Notice> = here.iter().copied().filter(is_told).collect();
        let telling = Telling { kind: NoticeKind::Reminder, ordinal, baseline: false, ..self.telling(step) };
        telling.repeated(&told)
    }

    fn telling(&self, step: u32) -> Telling<'_> {
        // What stood before a change of the playbook belongs to its baseline.
        let baseline = step == 0 || self.is_unsaid && self.climber.happening.other_playbook;
        Telling { step, baseline, ..self.climber.telling(self.ladder, self.routing, self.change.clone()) }
    }

    fn add(&self, from: Instant, limit: Limit) -> Option<Instant> {
        add(&self.climber.office.quiet, from, limit)
    }
}

/// The ladder that a window names now, else the one that it named when its card changed.
pub(super) fn named_ladder<'a>(
    rulings: &'a [Ruling],
    rule: &str,
    window: &str,
    then: Option<&'a str>,
) -> Option<&'a str> {
    let ruling = rulings.iter().find(|ruling| *ruling.rule == *rule);
    let window = ruling.and_then(|ruling| ruling.windows.iter().find(|w| *w.name == *window));
    window.map_or(then, |window| window.ladder.as_deref())
}

/// When a wait is over, as ladders count it.
pub(super) fn add(calendar: &Calendar, from: Instant, limit: Limit) -> Option<Instant> {
    let course = Course::new(calendar, limit, 0, from.timestamp(), &[]).ok()?;
    Instant::from_timestamp(course.due().ok()??, 0)
}

/// The how-manieth reminder a notice is, from 1; 0 for what took the step.
fn round_of(notice: &Notice) -> u32 {
    if notice.kind == NoticeKind::Reminder { notice.ordinal } else { 0 }
}

/// When those of one round of a step (0: its messages, then each reminder) had all got theirs; `None` while some are
/// under way. Who came to it later, by a handover, does not make the others wait again.
fn settled(here: &[&Notice], round: u32) -> Option<Instant> {
    let of_round = here.iter().filter(|n| round_of(n) == round);
    let (handed, first): (Vec<&Notice>, Vec<&Notice>) = of_round.partition(|n| n.kind == NoticeKind::Handover);
    let of_round = if first.is_empty() { handed } else { first };
    if of_round.iter().any(|n| n.state == NoticeState::Planned) {
        return None;
    }
    of_round.iter().map(|n| n.settled_at.unwrap_or(n.planned_at)).max()
}

/// When the wait for what follows some messages begins: when they had left. Messages that fell due with the end of a
/// working day leave at the next opening; where they did, the wait begins when they fell due, so that working days add up:
/// 1wd, 2wd and 3wd are 1, 3 and 6 working days.
pub(super) fn wait_begins(
    calendar: &Calendar,
    waited: Option<Limit>,
    due: Option<Instant>,
    settled: Instant,
) -> Instant {
    let Some(due) = due.filter(|_| waited.is_some_and(|waited| waited.family() == Family::WorkingDays)) else {
        return settled;
    };
    let day = |at: i64| calendar.day_of(at).ok();
    let opening = calendar.opening(due.timestamp()).ok().and_then(day);
    let on_time = opening.is_some() && opening == day(settled.timestamp());
    // A midnight is the end of the day before.
    if on_time { due - chrono::TimeDelta::seconds(1) } else { settled }
}
