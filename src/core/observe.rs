//! **Observe**: windows + what is remembered + `now` → what is remembered next, the transitions with their reasons, and
//! the next instant worth looking at.
//!
//! Time alone only raises a level; `now` is never taken below the newest stored `noticed_at`. Data may lower it. First
//! seen late is one transition to the level now, at that level's own instant.
//!
//! A card that closes is **cleared** if what closed it lies at or after the card's instant, and **revoked** if, by what is
//! now known about the past, it would not have stood: neither at the instant at which it was raised, nor at the one at
//! which it should have been.
//!
//! Where a remark spares a window or finding, there is no card. An exemption clears the open one and a wrong-card remark
//! recalls it; what was late counts as the remark says. When it stands no longer, all is as it would be without it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Instant;
use super::calendar::{Beyond, Calendar, Calendars};
use super::card::{CardId, Change, Stop, Transition, Watch};
use super::course::Course;
use super::digest::Digest;
use super::item::{ItemKey, Pause};
use super::ladder::OPERATORS;
use super::limit::{Limit, YellowDefault};
use super::reading::{Reading, State, Verdict, instant, read};
use super::reason::{Cause, Reason};
use super::remark::{Spared, Sparing};
use super::window::{Finding, Level, Ruling, Window};

/// What is the same for all items of a playbook.
#[derive(Debug, Clone)]
pub struct Clockwork {
    /// The calendars.
    pub calendars: Calendars,
    /// When windows turn yellow if their rule says nothing.
    pub yellow: YellowDefault,
    /// How long a pause may last before operators are told.
    pub pause_limit: Option<Limit>,
    /// The rules in force; what any other one said is withdrawn, since the rule was removed.
    pub rules: BTreeSet<Arc<str>>,
}

/// One item as it stands before a look.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Which item.
    pub item: &'a ItemKey,
    /// The calendar that the item names.
    pub calendar: Option<&'a str>,
    /// When the item was first seen.
    pub first_seen_at: Instant,
    /// The newest `noticed_at` among its transitions.
    pub noticed_at: Option<Instant>,
    /// What the rules said when they last succeeded.
    pub rulings: &'a [Ruling],
    /// Where remarks leave no card.
    pub spared: &'a [Spared],
    /// What is remembered.
    pub watches: &'a [Watch],
    /// Why a rule in force may no longer name what is remembered.
    pub cause: Cause,
    /// Whether the item has left its source: then nothing is judged, and what is remembered closes.
    pub has_left: bool,
}

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observation {
    /// What to remember.
    pub watches: Vec<Watch>,
    /// What changed.
    pub transitions: Vec<Transition>,
    /// When to look again if nothing else changes.
    pub next_look_at: Option<Instant>,
    /// Windows that could not be read; what is remembered about them stays.
    pub problems: Vec<Problem>,
}

/// A window that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The rule.
    pub rule: Arc<str>,
    /// The window.
    pub name: Arc<str>,
    /// Why.
    pub kind: ProblemKind,
}

/// Why a window could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProblemKind {
    /// No such calendar is loaded.
    #[error("no calendar named {0:?}")]
    NoCalendar(Arc<str>),
    /// Its instants cannot be computed.
    #[error(transparent)]
    Beyond(#[from] Beyond),
}

/// What a window or finding shows now, before it is compared with what is remembered.
struct Claim<'a> {
    rule: &'a Arc<str>,
    version: Digest,
    name: Arc<str>,
    was: Option<Arc<str>>,
    ladder: Option<Arc<str>>,
    calendar_version: Digest,
    level: Option<(Level, Instant, Reason)>,
    stop: Option<Stop>,
    next_look_at: Option<Instant>,
    source: Origin<'a>,
    /// The remark that leaves it no card, and how it is counted without that.
    spared: Option<(&'a Spared, Verdict)>,
}

/// What a claim rests on: it can be asked whether a card would have stood in the past.
enum Origin<'a> {
    Clock {
        window: &'a Window,
        calendar: &'a Calendar,
        reading: Reading,
    },
    /// A start that was missing, now known or not.
    Start {
        from: Option<Instant>,
        done: Option<Instant>,
        /// When it will have been missing for too long.
        due_at: Option<Instant>,
    },
    Pause {
        done: Option<Instant>,
    },
    Finding,
}

/// Looks at one item.
pub fn observe(subject: Subject<'_>, clockwork: &Clockwork, now: Instant) -> Observation {
    let now = subject.noticed_at.map_or(now, |newest| newest.max(now));
    let mut look = Look { subject, clockwork, now, found: Observation::default() };
    let mut kept = vec![false; subject.watches.len()];
    for ruling in subject.rulings {
        for window in &ruling.windows {
            look.window(ruling, window, &mut kept);
        }
        for finding in &ruling.findings {
            let claim = look.finding(ruling, finding);
            look.compare(claim, &mut kept);
        }
    }
    for (watch, _) in subject.watches.iter().zip(kept).filter(|(_, kept)| !kept) {
        look.withdraw(watch);
    }
    look.found
}

struct Look<'a> {
    subject: Subject<'a>,
    clockwork: &'a Clockwork,
    now: Instant,
    found: Observation,
}

impl<'a> Look<'a> {
    fn window(&mut self, ruling: &'a Ruling, window: &'a Window, kept: &mut [bool]) {
        match self.claims(ruling, window) {
            Ok(claims) => claims.into_iter().for_each(|claim| self.compare(claim, kept)),
            Err(kind) => {
                self.keep(ruling, window, kept);
                let (rule, name) = (ruling.rule.clone(), window.name.clone());
                self.found.problems.push(Problem { rule, name, kind });
            }
        }
    }

    /// Leaves what is remembered about a window as it is.
    fn keep(&mut self, ruling: &Ruling, window: &Window, kept: &mut [bool]) {
        let names = [Some(&window.name), window.was.as_ref()];
        for (watch, kept) in self.subject.watches.iter().zip(kept) {
            if watch.rule == ruling.rule && !*kept && names.into_iter().flatten().any(|name| is_about(watch, name)) {
                *kept = true;
                self.found.watches.push(watch.clone());
            }
        }
    }

    fn claims(&self, ruling: &'a Ruling, window: &'a Window) -> Result<Vec<Claim<'a>>, ProblemKind> {
        let name = window.calendar.as_deref().or(self.subject.calendar);
        let calendar = self.clockwork.calendars.get(name);
        let calendar = calendar.ok_or_else(|| ProblemKind::NoCalendar(name.unwrap_or_default().into()))?;
        let reading = read(window, calendar, &self.clockwork.yellow, self.now)?;
        let mut claims = Vec::with_capacity(1);
        let base = |suffix: &str, source| Claim {
            rule: &ruling.rule,
            version: ruling.version,
            name: joined(&window.name, suffix),
            was: window.was.as_ref().map(|was| joined(was, suffix)),
            ladder: window.ladder.clone(),
            calendar_version: calendar.version(),
            level: None,
            stop: None,
            next_look_at: None,
            source,
            spared: None,
        };
        let passes = |limit, since: Instant| -> Result<Option<Instant>, Beyond> {
            Ok(Course::new(calendar, limit, 0, since.timestamp(), &[])?.due()?.map(instant))
        };
        if let Some(waits) = window.waits {
            let since = self.subject.first_seen_at;
            let is_missing = window.from.is_none() && window.done.is_none();
            let due_at = if is_missing { passes(waits, since)? } else { None };
            let mut claim = base(START, Origin::Start { from: window.from, done: window.done, due_at });
            self.after(&mut claim, due_at, Reason::StartMissing { since });
            claims.push(claim);
        }
        if let (false, Some(limit)) = (window.pauses.is_empty(), self.clockwork.pause_limit) {
            let mut claim = base(PAUSE, Origin::Pause { done: reading.stopped_at });
            claim.ladder = Some(OPERATORS.into());
            let lasts = |p: &&Pause| p.from <= self.now && p.to.is_none_or(|to| self.now < to);
            let since = window.pauses.iter().filter(lasts).map(|p| p.from).min();
            if let (Some(since), State::Paused) = (since, reading.state) {
                self.after(&mut claim, passes(limit, since)?, Reason::PausedTooLong { since });
            }
            claims.push(claim);
        }
        let (level, stop, next_look_at) = (level_of(&reading), stop_of(&reading, self.now), reading.next_look_at);
        let claim = base("", Origin::Clock { window, calendar, reading });
        claims.push(Claim { level, stop, next_look_at, ..claim });
        Ok(claims)
    }

    /// Makes a claim yellow from an instant on.
    fn after(&self, claim: &mut Claim<'a>, at: Option<Instant>, reason: Reason) {
        match at {
            Some(at) if at <= self.now => claim.level = Some((Level::Yellow, at, reason)),
            later => claim.next_look_at = later,
        }
    }

    fn finding(&self, ruling: &'a Ruling, finding: &'a Finding) -> Claim<'a> {
        let reason = Reason::Found { text: finding.text.clone() };
        Claim {
            rule: &ruling.rule,
            version: ruling.version,
            name: finding.name.clone(),
            was: None,
            // What is wrong with duban's own means is for those who answer for it.
            ladder: self.subject.item.is_own().then(|| OPERATORS.into()),
            calendar_version: self.clockwork.calendars.office().version(),
            level: Some((finding.level, self.now, reason)),
            stop: None,
            next_look_at: None,
            source: Origin::Finding,
            spared: None,
        }
    }

    /// Takes away what a remark leaves no card.
    fn spare(&self, claim: &mut Claim<'a>) {
        let names = [Some(&claim.name), claim.was.as_ref()];
        let is_meant = |s: &&Spared| s.rule == *claim.rule && names.contains(&Some(&s.name));
        let Some(spared) = self.subject.spared.iter().find(is_meant) else { return };
        let by_source = match &claim.source {
            Origin::Clock { reading, .. } => reading.verdict(self.now),
            _ => Verdict::Open,
        };
        claim.level = None;
        claim.stop = claim.stop.map(|stop| Stop { verdict: spared.how.verdict(stop.verdict), ..stop });
        claim.spared = Some((spared, by_source));
    }

    /// Compares a claim with what is remembered.
    fn compare(&mut self, mut claim: Claim<'a>, kept: &mut [bool]) {
        self.spare(&mut claim);
        let claim = &claim;
        self.found.next_look_at = earliest(self.found.next_look_at, claim.next_look_at);
        let named = |name: &str| self.subject.watches.iter().position(|w| w.rule == *claim.rule && *w.name == *name);
        let index = named(&claim.name)
            .or_else(|| claim.was.as_deref().and_then(named).filter(|i| !kept[*i]))
            .or_else(|| self.under_another_name(claim).filter(|i| !kept[*i]));
        let mut watch = match index {
            Some(index) => {
                kept[index] = true;
                Watch { name: claim.name.clone(), ..self.subject.watches[index].clone() }
            }
            None if claim.level.is_none() && claim.stop.is_none() => return,
            None => Watch {
                card: self.unused(CardId::new(self.subject.item, claim.rule, &claim.name)),
                rule: claim.rule.clone(),
                name: claim.name.clone(),
                level: None,
                at: None,
                episode: 0,
                number: 0,
                stopped: None,
                spared: None,
            },
        };
        if let Some(step) = self.step(&watch, claim) {
            let transition = self.take(&mut watch, step, claim);
            self.found.transitions.push(transition);
        }
        if claim.spared.is_none() {
            watch.spared = None;
        }
        self.found.watches.push(watch);
    }

    /// The card that a claim had before its window was renamed, if that was taken back: nobody uses its name any more.
    fn under_another_name(&self, claim: &Claim<'_>) -> Option<usize> {
        let mut of_rule = self.subject.watches.iter().filter(|watch| watch.rule == *claim.rule).peekable();
        of_rule.peek()?;
        let card = CardId::new(self.subject.item, claim.rule, &claim.name);
        let index = self.subject.watches.iter().position(|watch| watch.card == card)?;
        let watch = &self.subject.watches[index];
        let mut rulings = self.subject.rulings.iter().filter(|ruling| ruling.rule == watch.rule);
        let is_used = rulings.any(|ruling| {
            let findings = ruling.findings.iter().map(|finding| &finding.name);
            let windows = ruling.windows.iter().flat_map(|window| [Some(&window.name), window.was.as_ref()]);
            findings.chain(windows.flatten()).any(|name| is_about(watch, name))
        });
        (!is_used).then_some(index)
    }

    /// An identity that no card of the item has: this one, unless a window that was renamed took it along.
    fn unused(&self, mut card: CardId) -> CardId {
        while self.subject.watches.iter().chain(&self.found.watches).any(|watch| watch.card == card) {
            card = card.successor();
        }
        card
    }

    /// What has to happen to what is remembered, if anything.
    fn step(&self, watch: &Watch, claim: &Claim<'_>) -> Option<Step> {
        let to = claim.level.as_ref().map(|(level, ..)| *level);
        let taken_back = watch.stopped.is_some() && claim.stop.is_none();
        let is_restored = watch.spared.is_some() && claim.spared.is_none();
        if to > watch.level {
            let (_, at, reason) = claim.level.clone()?;
            return Some(if is_restored {
                Step { change: Change::Raise, at, reason: restored(reason) }
            } else if taken_back {
                Step { change: Change::Raise, at: at.max(self.now), reason: Reason::StopTakenBack }
            } else {
                let ran_on = reopened_at(watch, claim, self.now).unwrap_or(at);
                Step { change: Change::Raise, at: at.max(ran_on), reason }
            });
        }
        if let (Some(spared), true) = (claim.spared, to < watch.level) {
            return Some(self.sparing(spared));
        }
        if to < watch.level {
            let change = if to.is_some() { Change::Lower } else { self.closing(watch, claim) };
            let (at, reason) = self.cause(change, watch, claim);
            return Some(Step { change, at, reason });
        }
        if watch.stopped == claim.stop || to.is_some() {
            return None;
        }
        let Some(stop) = claim.stop else {
            return Some(Step { change: Change::Resume, at: self.now, reason: Reason::StopTakenBack });
        };
        let finished = Reason::Finished { done_at: stop.at };
        // The same stop, counted otherwise than before.
        let is_known = watch.stopped.is_some_and(|before| before.at == stop.at);
        Some(match claim.spared {
            Some(spared) if spared.1 != stop.verdict => {
                let kept = self.sparing(spared);
                Step { change: Change::Stop, at: if is_known { kept.at } else { stop.at }, ..kept }
            }
            None if is_restored => {
                let at = if is_known { self.now } else { stop.at };
                Step { change: Change::Stop, at, reason: restored(finished) }
            }
            _ => Step { change: Change::Stop, at: stop.at, reason: finished },
        })
    }

    /// The card closes because a remark says so.
    fn sparing(&self, (spared, by_source): (&Spared, Verdict)) -> Step {
        let (remark, evidence) = (spared.remark, spared.evidence.clone());
        let (change, reason) = match spared.how {
            Sparing::Exempted => (Change::Clear, Reason::Exempted { remark, evidence, by_source }),
            Sparing::Wrong => (Change::Revoke, Reason::FoundWrong { remark, evidence, by_source }),
        };
        Step { change, at: spared.since.min(self.now), reason }
    }

    /// Whether a card that closes is cleared or was wrong.
    fn closing(&self, watch: &Watch, claim: &Claim<'_>) -> Change {
        let (Origin::Clock { reading, .. }, Some(at)) = (&claim.source, watch.at) else {
            return Change::Clear;
        };
        // By what is now known, its level may have come at another instant and still have come.
        let own = match watch.level {
            Some(Level::Red) => reading.due_at,
            _ => reading.yellow_at,
        };
        let mut instants = [Some(at), own].into_iter().flatten().filter(|at| *at <= self.now);
        if instants.any(|at| self.level_come_to(claim, at) >= watch.level) { Change::Clear } else { Change::Revoke }
    }

    /// The level that a window came to an instant with: what happened at this very instant has not brought it down.
    fn level_come_to(&self, claim: &Claim<'_>, at: Instant) -> Option<Level> {
        let Origin::Clock { window, calendar, .. } = &claim.source else { return None };
        let mut before = (*window).clone();
        before.done = before.done.filter(|done| *done < at);
        before.pauses.retain(|pause| pause.from < at);
        before.extensions.retain(|extension| extension.approved_at.is_none_or(|approved| approved < at));
        read(&before, calendar, &self.clockwork.yellow, at).map_or(Some(Level::Red), |reading| reading.level)
    }

    /// The level that, by what is now known, a window had at an instant.
    fn level_at(&self, claim: &Claim<'_>, at: Instant) -> Option<Level> {
        let Origin::Clock { window, calendar, .. } = &claim.source else { return None };
        // A window that cannot be read then proves nothing against its card.
        read(window, calendar, &self.clockwork.yellow, at).map_or(Some(Level::Red), |reading| reading.level)
    }

    /// The first instant since the card's own at which something in its data brought it down.
    fn fell_at(&self, watch: &Watch, claim: &Claim<'_>) -> Option<Instant> {
        let Origin::Clock { window, .. } = &claim.source else { return None };
        let pauses = window.pauses.iter().flat_map(|pause| [Some(pause.from), pause.to]);
        let approvals = window.extensions.iter().map(|extension| extension.approved_at);
        let mut instants: Vec<Instant> = pauses.chain(approvals).flatten().collect();
        instants.retain(|at| watch.at.is_none_or(|since| since <= *at) && *at <= self.now);
        instants.sort_unstable();
        instants.into_iter().find(|at| self.level_at(claim, *at) < watch.level)
    }

    /// When and why a card fell or closed.
    fn cause(&self, change: Change, watch: &Watch, claim: &Claim<'_>) -> (Instant, Reason) {
        let finished = |done_at: Option<Instant>| done_at.map(|done_at| Reason::Finished { done_at });
        let reading = match &claim.source {
            Origin::Clock { reading, .. } => reading,
            Origin::Start { from: Some(from), .. } => return (self.now, Reason::Started { from: *from }),
            Origin::Start { done, due_at, .. } => {
                return (self.now, finished(*done).unwrap_or(Reason::DueMoved { due_at: *due_at }));
            }
            Origin::Pause { done } => return (self.now, finished(*done).unwrap_or(Reason::Resumed)),
            Origin::Finding => {
                let reason = claim.level.clone().map(|(.., reason)| reason);
                return (self.now, reason.unwrap_or(Reason::Unnamed { cause: self.subject.cause }));
            }
        };
        match (change, reading.state) {
            (Change::Revoke, _) => (self.now, Reason::Corrected { due_at: reading.due_at }),
            (_, State::Met | State::Late) => {
                let done_at = reading.stopped_at.unwrap_or(self.now);
                (done_at, Reason::Finished { done_at })
            }
            (_, State::Paused) if reading.due_at.is_none() => {
                let since = open_pause(&claim.source).unwrap_or(self.now);
                (since, Reason::Paused { since })
            }
            _ => {
                let at = self.fell_at(watch, claim).unwrap_or(self.now);
                (at, Reason::DueMoved { due_at: reading.due_at })
            }
        }
    }

    fn take(&self, watch: &mut Watch, step: Step, claim: &Claim<'_>) -> Transition {
        let from = watch.level;
        let to = claim.level.as_ref().map(|(level, ..)| *level);
        watch.number += 1;
        if from.is_none() && to.is_some() {
            watch.episode += 1;
        }
        watch.level = to;
        // The instant of the level itself: by it a later look can tell whether the card stood.
        watch.at = match step.change {
            Change::Raise => Some(step.at),
            _ => claim.level.as_ref().map(|(_, at, _)| *at),
        };
        watch.stopped = claim.stop;
        watch.spared = claim.spared.map(|(spared, _)| spared.remark);
        // Nobody has to answer for what is exempted, whether it is done or not.
        let exempted = claim.spared.filter(|(spared, _)| spared.how == Sparing::Exempted && from.is_some());
        let verdict = claim.stop.map(|stop| stop.verdict).or(exempted.map(|_| Verdict::OnTime));
        Transition {
            card: watch.card,
            rule: watch.rule.clone(),
            name: watch.name.clone(),
            episode: watch.episode,
            number: watch.number,
            change: step.change,
            from,
            to,
            at: step.at,
            noticed_at: self.now,
            reason: step.reason,
            verdict,
            rule_version: claim.version,
            calendar_version: claim.calendar_version,
            ladder: claim.ladder.clone(),
        }
    }

    /// Closes what a successful judging no longer names.
    fn withdraw(&mut self, watch: &Watch) {
        let mut watch = watch.clone();
        if watch.level.is_some() {
            watch.number += 1;
            let ruling = self.subject.rulings.iter().find(|r| r.rule == watch.rule);
            let is_in_force = self.clockwork.rules.contains(&watch.rule);
            let office = self.clockwork.calendars.office().version();
            let (change, reason) = if self.subject.has_left {
                (Change::LeftSource, Reason::LeftSource)
            } else if self.subject.item.is_own() {
                (Change::Clear, Reason::Recovered)
            } else {
                let cause = if is_in_force { self.subject.cause } else { Cause::RuleRemoved };
                (Change::Withdraw, Reason::Unnamed { cause })
            };
            self.found.transitions.push(Transition {
                card: watch.card,
                rule: watch.rule.clone(),
                name: watch.name.clone(),
                episode: watch.episode,
                number: watch.number,
                change,
                from: watch.level,
                to: None,
                at: self.now,
                noticed_at: self.now,
                reason,
                verdict: None,
                rule_version: ruling.map_or(office, |r| r.version),
                calendar_version: office,
                ladder: None,
            });
        }
        (watch.level, watch.at, watch.stopped, watch.spared) = (None, None, None, None);
        if watch.number > 0 {
            self.found.watches.push(watch);
        }
    }
}

/// What the names of the findings about a window's start and about its pauses end in.
const START: &str = ".start";
const PAUSE: &str = ".pause";

/// Whether a card is about a window of this name, its start or its pauses.
fn is_about(watch: &Watch, name: &str) -> bool {
    watch.name.strip_prefix(name).is_some_and(|rest| ["", START, PAUSE].contains(&rest))
}

fn joined(name: &Arc<str>, suffix: &str) -> Arc<str> {
    if suffix.is_empty() { name.clone() } else { format!("{name}{suffix}").into() }
}

/// When a clock whose card closed earlier ran on after its last pause: a card that reopens is no older than that.
fn reopened_at(watch: &Watch, claim: &Claim<'_>, now: Instant) -> Option<Instant> {
    let Origin::Clock { window, .. } = &claim.source else { return None };
    let is_closed = watch.level.is_none() && watch.episode > 0;
    let ends = window.pauses.iter().filter_map(|pause| pause.to).filter(|to| *to <= now);
    if is_closed { ends.max() } else { None }
}

/// A change to make, with when and why.
struct Step {
    change: Change,
    at: Instant,
    reason: Reason,
}

/// What a remark kept away stands again.
fn restored(reason: Reason) -> Reason {
    Reason::Restored { reason: Box::new(reason) }
}

fn open_pause(origin: &Origin<'_>) -> Option<Instant> {
    let Origin::Clock { window, .. } = origin else { return None };
    window.pauses.iter().filter(|p| p.to.is_none()).map(|p| p.from).min()
}

fn level_of(reading: &Reading) -> Option<(Level, Instant, Reason)> {
    let due_at = reading.due_at?;
    match reading.level? {
        Level::Red => Some((Level::Red, due_at, Reason::Due { due_at })),
        Level::Yellow => {
            let yellow_at = reading.yellow_at?;
            Some((Level::Yellow, yellow_at, Reason::SoonDue { yellow_at, due_at }))
        }
    }
}

fn stop_of(reading: &Reading, now: Instant) -> Option<Stop> {
    let at = reading.stopped_at?;
    matches!(reading.state, State::Met | State::Late).then(|| Stop { verdict: reading.verdict(now), at })
}

/// The earlier of two instants that may not exist.
pub fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests;
