//! **Count**: how often a card stood running, and how many cards of a unit turned red in a quarter: counted from
//! transitions alone, so that a ladder can wait for a number of them.
//!
//! - **`streak`** of a card of a rule that asks for the date (`RECHECK`): in how many of the rule's periods running (days,
//!   working days, months) it stood, the present one included. A card that only the recheck at a period's beginning closed
//!   did not stand in that period.
//! - **`streak`** of any other card: how many of its episodes running, the present one included. An episode that was
//!   revoked ends the run: by what is known now, there was no card.
//! - **`reds`** of a unit: how many cards turned red in the present quarter of the office's calendar, of items that were the
//!   unit's at that time; each card and episode once. Revoked ones do not count; cleared and withdrawn ones do.
//!
//! **Invariant:** what is counted depends on what happened and not on when it is counted, so a number is reached once: a
//! run is named by its first instant, a quarter by its own.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate};

use super::Instant;
use super::calendar::Calendar;
use super::card::{CardId, Change, Transition};
use super::reason::{Cause, Reason};
use super::window::Level;

/// How often a rule that asks for the date is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// Each day.
    Day,
    /// Each working day.
    WorkingDay,
    /// Each month.
    Month,
}

/// A run of periods or episodes up to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streak {
    /// How many.
    pub number: u32,
    /// When its first one began: the run's name.
    pub since: Instant,
}

/// One stretch in which a card stood at a level or above.
struct Stand {
    from: Instant,
    /// `None` while it lasts.
    to: Option<Instant>,
    /// Whether nothing but a recheck ended it.
    at_recheck: bool,
}

/// From green to green.
#[derive(Default)]
struct Episode {
    number: u32,
    is_revoked: bool,
    stands: Vec<Stand>,
}

/// How often an open card stood at a level or above, running; `None` if it does not stand there now. `history` may hold
/// other cards' transitions too.
pub fn streak(
    card: CardId,
    level: Level,
    history: &[Transition],
    period: Option<Period>,
    calendar: &Calendar,
    now: Instant,
) -> Option<Streak> {
    let episodes = episodes(card, level, history);
    episodes.last()?.stands.last().filter(|stand| stand.to.is_none())?;
    match period {
        Some(period) => of_periods(&episodes, period, calendar, now),
        None => of_episodes(&episodes),
    }
}

fn episodes(card: CardId, level: Level, history: &[Transition]) -> Vec<Episode> {
    let mut of_card: Vec<&Transition> =
        history.iter().filter(|t| t.card == card && t.change.is_about_a_card() && t.episode > 0).collect();
    of_card.sort_by_key(|transition| transition.number);
    let mut episodes: Vec<Episode> = Vec::new();
    for transition in of_card {
        if episodes.last().is_none_or(|last| last.number != transition.episode) {
            episodes.push(Episode { number: transition.episode, ..Episode::default() });
        }
        let Some(episode) = episodes.last_mut() else { continue };
        episode.is_revoked |= transition.change == Change::Revoke;
        let stands = transition.to >= Some(level);
        match episode.stands.last_mut().filter(|stand| stand.to.is_none()) {
            Some(open) if !stands => {
                open.to = Some(transition.at.max(open.from));
                open.at_recheck = transition.reason == Reason::Unnamed { cause: Cause::RuleChanged };
            }
            None if stands => episode.stands.push(Stand { from: transition.at, to: None, at_recheck: false }),
            _ => {}
        }
    }
    episodes
}

fn of_episodes(episodes: &[Episode]) -> Option<Streak> {
    let run = episodes.iter().rev().take_while(|episode| !episode.is_revoked && !episode.stands.is_empty());
    let first = run.clone().last()?.stands.first()?;
    Some(Streak { number: u32::try_from(run.count()).unwrap_or(u32::MAX), since: first.from })
}

fn of_periods(episodes: &[Episode], period: Period, calendar: &Calendar, now: Instant) -> Option<Streak> {
    let tick = chrono::TimeDelta::microseconds(1);
    let this = number(period, now, calendar)?;
    let stands = episodes.iter().filter(|episode| !episode.is_revoked).flat_map(|episode| &episode.stands);
    let (mut first, mut since) = (this + 1, None);
    // The latest first: each joins the run, or ends it.
    for stand in stands.collect::<Vec<_>>().into_iter().rev() {
        let from = number(period, stand.from, calendar)?;
        let to = match stand.to {
            None => this,
            Some(to) => number(period, (to - tick).max(stand.from), calendar)? - i64::from(stand.at_recheck),
        };
        if to.max(from) + 1 < first {
            break;
        }
        (first, since) = (first.min(from), Some(stand.from));
    }
    let number = u32::try_from(this - first + 1).unwrap_or(u32::MAX);
    since.map(|since| Streak { number, since })
}

/// The running number of the period that an instant lies in; what lies between working days belongs to the last one.
fn number(period: Period, at: Instant, calendar: &Calendar) -> Option<i64> {
    let date = calendar.local(at).date_naive();
    match period {
        Period::Day => Some(date.num_days_from_ce().into()),
        Period::Month => Some(i64::from(date.year()) * 12 + i64::from(date.month0())),
        Period::WorkingDay => {
            let day = calendar.day(date).ok()?;
            i64::try_from(calendar.working_days_before(day + 1).ok()?).ok()
        }
    }
}

/// When the quarter of the office's calendar began that an instant lies in.
pub fn quarter(calendar: &Calendar, now: Instant) -> Instant {
    let date = calendar.local(now).date_naive();
    let first = NaiveDate::from_ymd_opt(date.year(), date.month0() / 3 * 3 + 1, 1).unwrap_or(date);
    let start = calendar.day(first).and_then(|day| calendar.start(day));
    start.ok().and_then(|at| Instant::from_timestamp(at, 0)).unwrap_or(now)
}

/// Whether a transition turns a card red at or after an instant.
pub fn is_red_since(transition: &Transition, since: Instant) -> bool {
    transition.change == Change::Raise && transition.to == Some(Level::Red) && transition.at >= since
}

/// The cards and episodes that turned red for the first time since an instant and were not revoked.
pub fn reds<'a>(
    transitions: impl IntoIterator<Item = &'a Transition, IntoIter: Clone>,
    since: Instant,
) -> BTreeSet<(CardId, u32)> {
    let transitions = transitions.into_iter();
    let name = |transition: &Transition| (transition.card, transition.episode);
    let turned = transitions.clone().filter(|t| is_red_since(t, Instant::MIN_UTC));
    let before: BTreeSet<_> = turned.clone().filter(|t| t.at < since).map(name).collect();
    let revoked: BTreeSet<_> = transitions.filter(|t| t.change == Change::Revoke).map(name).collect();
    turned.map(name).filter(|name| !before.contains(name) && !revoked.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendars;
    use crate::core::digest::Digest;
    use crate::core::item::ItemKey;

    const YELLOW: Option<Level> = Some(Level::Yellow);
    const RED: Option<Level> = Some(Level::Red);
    const RECHECK: Reason = Reason::Unnamed { cause: Cause::RuleChanged };
    const CHANGED: Reason = Reason::Unnamed { cause: Cause::ItemChanged };

    fn calendar() -> Calendar {
        calendars::find(calendars::DEFAULT, &[]).expect("built in")
    }

    fn at(day: &str) -> Instant {
        format!("2026-{day}:05+08:00").parse().expect("an instant")
    }

    /// The transitions of a card: when, what kind, to which level, why.
    fn history(changes: &[(&str, Change, Option<Level>, Reason)]) -> Vec<Transition> {
        let card = CardId::new(&ItemKey::new("s", "1"), "r", "f");
        let (mut episode, mut from) = (0, None);
        let mut all = Vec::new();
        for (number, (day, change, to, reason)) in (1..).zip(changes) {
            episode += u32::from(from.is_none());
            all.push(Transition {
                card,
                rule: "r".into(),
                name: "f".into(),
                episode,
                number,
                change: *change,
                from,
                to: *to,
                at: at(day),
                noticed_at: at(day),
                reason: reason.clone(),
                verdict: None,
                rule_version: Digest::of([]),
                calendar_version: Digest::of([]),
                ladder: None,
            });
            from = *to;
        }
        all
    }

    fn counted(
        changes: &[(&str, Change, Option<Level>, Reason)],
        level: Level,
        period: Option<Period>,
        now: &str,
    ) -> Option<u32> {
        let history = history(changes);
        streak(history[0].card, level, &history, period, &calendar(), at(now)).map(|streak| streak.number)
    }

    use Change::{Clear, Lower, Raise, Revoke, Withdraw};

    #[test]
    fn periods_running_are_counted_up_to_now() {
        let raised = ("01-01T00:00", Raise, YELLOW, RECHECK);
        for (period, now, number) in [
            (Period::Month, "01-31T23:00", 1),
            (Period::Month, "02-01T00:00", 2),
            (Period::Month, "04-30T12:00", 4),
            (Period::Day, "01-03T00:00", 3),
            // New Year lasts three days; then the Sunday is worked.
            (Period::WorkingDay, "01-03T12:00", 1),
            (Period::WorkingDay, "01-04T00:00", 2),
            (Period::WorkingDay, "01-05T00:00", 3),
        ] {
            let counted = counted(std::slice::from_ref(&raised), Level::Yellow, Some(period), now);
            assert_eq!(counted, Some(number), "{period:?} {now}");
        }
    }

    #[test]
    fn a_period_that_only_a_recheck_touched_ends_the_run_and_one_that_was_mended_in_its_course_does_not() {
        let mended = |reason: Reason, day: &'static str| {
            [
                ("01-01T00:00", Raise, YELLOW, RECHECK),
                (day, Withdraw, None, reason),
                ("03-01T00:00", Raise, YELLOW, RECHECK),
            ]
        };
        let number = |changes: &[_]| counted(changes, Level::Yellow, Some(Period::Month), "03-02T00:00");
        assert_eq!(number(&mended(RECHECK, "02-01T00:00")), Some(1), "good in February");
        assert_eq!(number(&mended(CHANGED, "02-20T00:00")), Some(3), "yellow in February too");
        assert_eq!(number(&mended(CHANGED, "01-20T00:00")), Some(1));
        let revoked = [
            mended(CHANGED, "02-20T00:00")[0].clone(),
            ("02-20T00:00", Revoke, None, CHANGED),
            mended(CHANGED, "x")[2].clone(),
        ];
        assert_eq!(number(&revoked), Some(1), "there was no card");
    }

    #[test]
    fn episodes_running_are_counted_until_one_that_was_wrong() {
        let changes = [
            ("03-02T10:00", Raise, YELLOW, RECHECK),
            ("03-03T10:00", Clear, None, CHANGED),
            ("03-04T10:00", Raise, YELLOW, RECHECK),
            ("03-05T10:00", Raise, RED, RECHECK),
            ("03-05T11:00", Lower, YELLOW, CHANGED),
        ];
        let number = |changes: &[_], level| counted(changes, level, None, "03-06T10:00");
        assert_eq!(number(&changes[..1], Level::Yellow), Some(1));
        assert_eq!(number(&changes[..2], Level::Yellow), None, "green now");
        assert_eq!(number(&changes[..3], Level::Yellow), Some(2));
        assert_eq!(number(&changes, Level::Yellow), Some(2), "one episode, however it went");
        assert_eq!(number(&changes[..4], Level::Red), Some(1));
        assert_eq!(number(&changes, Level::Red), None, "not red now");
        let mut wrong = changes.clone();
        wrong[1].1 = Revoke;
        assert_eq!(number(&wrong, Level::Yellow), Some(1));
    }

    #[test]
    fn a_run_keeps_its_name_while_it_lasts() {
        let changes = [
            ("03-02T10:00", Raise, YELLOW, RECHECK),
            ("03-03T10:00", Clear, None, CHANGED),
            ("03-04T10:00", Raise, YELLOW, RECHECK),
        ];
        let history = history(&changes);
        for period in [None, Some(Period::Month)] {
            let found = streak(history[0].card, Level::Yellow, &history, period, &calendar(), at("04-02T10:00"));
            assert_eq!(found.map(|streak| streak.since), Some(at("03-02T10:00")));
        }
    }

    #[test]
    fn each_card_turns_red_once_in_an_episode_and_a_revoked_one_did_not() {
        let changes = [
            ("01-10T10:00", Raise, RED, RECHECK),
            ("01-11T10:00", Lower, YELLOW, CHANGED),
            ("01-12T10:00", Raise, RED, RECHECK),
            ("01-13T10:00", Clear, None, CHANGED),
            ("02-10T10:00", Raise, RED, RECHECK),
            ("02-11T10:00", Revoke, None, CHANGED),
            ("03-10T10:00", Raise, RED, RECHECK),
            ("03-11T10:00", Withdraw, None, CHANGED),
        ];
        let all = history(&changes);
        let episodes = |since: &str| reds(&all, at(since)).into_iter().map(|(_, episode)| episode).collect::<Vec<_>>();
        assert_eq!(episodes("01-01T00:00"), [1, 3]);
        assert_eq!(episodes("01-12T00:00"), [3], "it was red before");
        assert_eq!(episodes("04-01T00:00"), [0; 0]);
    }

    #[test]
    fn a_quarter_begins_at_midnight_of_the_office() {
        for (now, start) in
            [("03-31T23:59", "2026-01-01"), ("04-01T00:00", "2026-04-01"), ("12-31T10:00", "2026-10-01")]
        {
            let expected: Instant = format!("{start}T00:00:00+08:00").parse().expect("an instant");
            assert_eq!(quarter(&calendar(), at(now)), expected);
        }
    }
}
