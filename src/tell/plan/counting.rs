//! A ladder's counts: told when a number is reached, once for each run and each quarter.

use super::climb::Climber;
use super::telling::Telling;
use crate::core::Instant;
use crate::core::card::{CardId, Change, Transition};
use crate::core::count::{is_red_since, streak};
use crate::core::ladder::Threshold;
use crate::core::notice::{Notice, NoticeKind, NoticeState};
use crate::core::route::Routing;

/// How far beyond its number a count of a unit's reds is still looked at: what was dropped, or lost to another turn at the
/// same time, is said at the next red.
pub const BEYOND: u32 = 2;

/// The red cards of an item's unit in the present quarter, before what happens now.
#[derive(Debug, Clone, Copy)]
pub struct Reds<'a> {
    /// When the quarter began.
    pub since: Instant,
    /// The cards and episodes, some more than the highest number that a ladder waits for.
    pub known: &'a std::collections::BTreeSet<(CardId, u32)>,
}

impl Climber<'_> {
    /// What the card's streak says.
    pub(super) fn streaks(&self, routing: &Routing<'_>, fresh: &[Notice]) -> Vec<Notice> {
        let watch = self.watch;
        let period = self.office.periods.get(&watch.rule).copied();
        let is_raised = || self.happening.transitions.iter().any(|t| t.card == watch.card && t.change == Change::Raise);
        if period.is_none() && !is_raised() {
            return Vec::new();
        }
        let Some((change, ladder)) = self.on(routing, fresh).filter(|(_, ladder)| ladder.counts_streaks()) else {
            return Vec::new();
        };
        let history: Vec<Transition> =
            self.happening.raised.iter().chain(self.happening.transitions).cloned().collect();
        let mut drafts = Vec::new();
        for count in &ladder.counts {
            let Some(threshold @ Threshold::Streak(number)) = count.threshold() else { continue };
            let found = streak(watch.card, count.level, &history, period, &self.office.quiet, self.now);
            let Some(run) = found.filter(|run| run.number >= number) else { continue };
            let is_said = |n: &&Notice| {
                n.because.count == Some(threshold) && n.planned_at >= run.since && n.state != NoticeState::Dropped
            };
            // Other episodes of the same run count too.
            let mut said = self.happening.said.iter().filter(|n| n.card == Some(watch.card));
            let rehearsal = self.office.rehearsal || routing.rehearsal;
            if said.any(|n| n.rehearsal == rehearsal && is_said(&n)) {
                continue;
            }
            let subject = format!("{} {} {}", watch.card, count.level.word(), run.since.timestamp_micros());
            let telling = Telling {
                kind: NoticeKind::Count,
                ordinal: number,
                subject: Some(&subject),
                ..self.telling(ladder, routing, change.clone())
            };
            drafts.extend(telling.counted(count, threshold));
        }
        drafts
    }
}

impl Reds<'_> {
    /// What the unit's reds say when a card turns red: `telling` tells of that transition.
    pub(super) fn drafts(
        &self,
        transition: &Transition,
        transitions: &[Transition],
        telling: &Telling<'_>,
    ) -> Vec<Notice> {
        let name = |t: &Transition| (t.card, t.episode);
        let Some(unit) = telling.item.text("unit") else { return Vec::new() };
        if !is_red_since(transition, self.since) || self.known.contains(&name(transition)) {
            return Vec::new();
        }
        // Those of the same item up to this one.
        let until = transitions.iter().position(|t| std::ptr::eq(t, transition)).unwrap_or_default();
        let mut here: Vec<_> = transitions[..=until].iter().filter(|t| is_red_since(t, self.since)).map(name).collect();
        here.retain(|name| !self.known.contains(name));
        here.sort_unstable();
        here.dedup();
        let number = u32::try_from(self.known.len() + here.len()).unwrap_or(u32::MAX);
        let mut drafts = Vec::new();
        for count in &telling.ladder.counts {
            let Some(threshold @ Threshold::Reds(least)) = count.threshold() else { continue };
            if !(least..=least + BEYOND).contains(&number) {
                continue;
            }
            let subject = format!("{unit} {}", self.since.timestamp_micros());
            let (kind, ordinal) = (NoticeKind::Count, least);
            let telling = Telling { kind, ordinal, subject: Some(&subject), ..telling.clone() };
            drafts.extend(telling.counted(count, threshold));
        }
        drafts
    }
}
