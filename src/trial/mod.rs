//! **Trial**: rule tests run on a virtual time line, through the same functions as the daemon's turn: judge → observe →
//! plan. Every instant at which something happens, is worth looking at or is expected is looked at in order.
//!
//! **Invariant:** nothing is stored, nothing is sent, and no clock is read; a case gives the same answer whenever asked.

mod comparison;
mod setting;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::core::Instant;
use crate::core::card::Transition;
use crate::core::count::{quarter, reds};
use crate::core::item::Item;
use crate::core::notice::{Notice, NoticeState, Planned};
use crate::core::observe::earliest;
use crate::core::reading::read;
use crate::pipeline::{Entry, Thought, think};
use crate::playbook::Playbook;
use crate::rules::cases::{Case, CaseError, Expectation, SourceState};
use crate::store::ItemRecord;
use crate::tell::plan::{Circumstances, Happening, Joinable, Reds, plan};

pub use comparison::{Difference, Found, Line, Named};
pub use setting::{Setting, SettingProblem, tables};

use comparison::compare;

/// Runs a case of a rule's tests; the answer is where it differs from what it expects.
pub fn run(case: &Case, playbook: &Playbook, has_own_contacts: bool) -> Result<Vec<Difference>, CaseError> {
    let zone = playbook.calendar().zone();
    let sights = sights(case, playbook, has_own_contacts)?;
    Ok(sights.into_iter().flat_map(|sight| compare(sight.expected, sight.found, sight.at, zone)).collect())
}

/// What is there at the instant of an expectation.
#[derive(Debug)]
pub struct Sight<'c> {
    /// What is expected.
    pub expected: &'c Expectation,
    /// When.
    pub at: Instant,
    /// What there is.
    pub found: Found,
}

/// Runs a case of a rule's tests; the answer is what there is at each of its expectations, in order of time.
pub fn sights<'c>(case: &'c Case, playbook: &Playbook, has_own_contacts: bool) -> Result<Vec<Sight<'c>>, CaseError> {
    let zone = playbook.calendar().zone();
    let history = case.history(zone)?;
    let history = history.into_iter().map(|(at, item)| (at, Arc::new(item))).collect();
    let mut sources: Vec<_> = case.sources.iter().map(|change| (change.at.instant(zone), change.state)).collect();
    sources.sort_by_key(|(at, _)| *at);
    let mut expectations: Vec<_> = case.expectations.iter().map(|e| (e.at.instant(zone), e)).collect();
    expectations.sort_by_key(|(at, _)| *at);
    let mut line = TimeLine::new(playbook, history, sources, has_own_contacts);
    let sights = expectations.into_iter().map(|(at, expected)| {
        line.run_to(at);
        Sight { expected, at, found: line.found(at) }
    });
    Ok(sights.collect())
}

/// One item on its way through time.
struct TimeLine<'a> {
    playbook: &'a Playbook,
    /// The item's snapshots, from when on each could be seen.
    history: Vec<(Instant, Arc<Item>)>,
    sources: Vec<(Instant, SourceState)>,
    has_own_contacts: bool,
    /// Instants ahead at which something happens.
    ahead: BTreeSet<Instant>,
    record: Option<ItemRecord>,
    joinable: Joinable,
    said: Vec<Notice>,
    transitions: Vec<Transition>,
    /// The windows and findings that the rule has named so far.
    named: Named,
    /// What was planned since the last expectation.
    fresh: Vec<Planned>,
    error: Option<String>,
    problem: Option<String>,
}

impl<'a> TimeLine<'a> {
    fn new(
        playbook: &'a Playbook,
        history: Vec<(Instant, Arc<Item>)>,
        sources: Vec<(Instant, SourceState)>,
        has_own_contacts: bool,
    ) -> Self {
        let ahead = history.iter().map(|(at, _)| *at).chain(sources.iter().map(|(at, _)| *at)).collect();
        Self {
            playbook,
            history,
            sources,
            has_own_contacts,
            ahead,
            record: None,
            joinable: Joinable::default(),
            said: Vec::new(),
            transitions: Vec::new(),
            named: Named::default(),
            fresh: Vec::new(),
            error: None,
            problem: None,
        }
    }

    /// Looks at everything up to an instant, and at that instant.
    fn run_to(&mut self, end: Instant) {
        let mut last = None;
        loop {
            let due = self.record.as_ref().and_then(|record| record.next_look_at).filter(|at| Some(*at) > last);
            let next = [self.ahead.first().copied(), due].into_iter().flatten().min().filter(|at| *at < end);
            let now = next.unwrap_or(end);
            self.ahead.retain(|at| *at > now);
            self.look(now);
            last = Some(now);
            if next.is_none() {
                return;
            }
        }
    }

    /// One turn.
    fn look(&mut self, now: Instant) {
        let item = self.polled(now);
        let has_news = item.is_some();
        let entry = Entry::new(self.record.take(), item);
        let Some(mut thought) = think(self.playbook, entry, now) else { return };
        if has_news || self.playbook.rules.values().any(|info| info.meta.recheck.is_some()) {
            self.error = thought.errors.first().map(ToString::to_string);
        }
        self.problem = thought.problems.first().map(|p| format!("{}/{}: {}", p.rule, p.name, p.kind));
        self.tell(&mut thought, now);
        let record = thought.write.record;
        self.named.add(&record.rulings);
        self.record = Some(record);
    }

    /// What a poll brings now, if that is news.
    fn polled(&self, now: Instant) -> Option<Arc<Item>> {
        let state = self.sources.iter().rev().find(|(at, _)| *at <= now).map_or(SourceState::Good, |(_, state)| *state);
        if state != SourceState::Good {
            return None;
        }
        let (_, item) = self.history.iter().rev().find(|(at, _)| *at <= now)?;
        let is_known = self.record.as_ref().is_some_and(|record| record.item == **item);
        (!is_known).then(|| item.clone())
    }

    fn tell(&mut self, thought: &mut Thought, now: Instant) {
        let mut item = Item::clone(&thought.item);
        if !self.has_own_contacts {
            setting::name_owner(&mut item);
        }
        let mut before = thought.before.take();
        if let Some(before) = before.as_mut().filter(|_| !self.has_own_contacts) {
            setting::name_owner(before);
        }
        let record = &mut thought.write.record;
        let office = &self.playbook.office;
        let since = quarter(&office.quiet, now);
        let known = reds(&self.transitions, since);
        let happening = Happening {
            item: &item,
            before: before.as_ref(),
            rulings: &record.rulings,
            watches: &record.watches,
            transitions: &thought.write.transitions,
            said: &self.said,
            raised: &self.transitions,
            reds: Some(Reds { since, known: &known }),
            acknowledgements: &[],
            baseline: false,
            other_playbook: false,
        };
        let plan = plan(happening, office, &Circumstances::default(), &mut self.joinable, now);
        record.next_look_at = earliest(record.next_look_at, plan.next_look_at);
        self.transitions.extend_from_slice(&thought.write.transitions);
        self.said.extend(plan.notices.iter().map(sent_in_time));
        self.fresh.extend(plan.notices.into_iter().filter(|planned| planned.notice.state == NoticeState::Planned));
    }

    /// What there is at an instant that was looked at.
    fn found(&mut self, now: Instant) -> Found {
        let mut found = Found {
            notices: std::mem::take(&mut self.fresh),
            error: self.error.clone().or_else(|| self.problem.clone()),
            named: self.named.clone(),
            ..Found::default()
        };
        let Some(record) = &self.record else { return found };
        found.cards = record.watches.iter().filter(|watch| watch.level.is_some()).cloned().collect();
        let clockwork = &self.playbook.clockwork;
        for window in record.rulings.iter().flat_map(|ruling| &ruling.windows) {
            let name = window.calendar.as_deref().or(record.item.text("calendar"));
            let reading = clockwork.calendars.get(name).map(|c| read(window, c, &clockwork.yellow, now));
            found.windows.push((window.clone(), reading.and_then(Result::ok)));
        }
        found
    }
}

/// A notice as it will be said: in a trial every message arrives at the instant that it waits for.
fn sent_in_time(planned: &Planned) -> Notice {
    let mut notice = planned.notice.clone();
    if let Some(placement) = &planned.placement {
        notice.state = NoticeState::Sent;
        notice.settled_at = Some(placement.not_before);
    }
    notice
}
