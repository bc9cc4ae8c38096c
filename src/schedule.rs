//! **Schedule**: when something is done again and again, either at an interval or at wall-clock times.
//!
//! An interval is `NUMBER UNIT` with the units `s m h`: `30s`, `5m`, `1h`.
//!
//! Wall-clock times are a cron line of five fields (minute, hour, day of month, month, weekday) or six (a second
//! before them), in a given time zone: `30 8 * * MON-FRI`. Lists, ranges and steps are allowed. Two things differ from
//! a crontab. Weekdays are names, because numbers mean different days in different programs; their ranges may wrap
//! (`SAT-MON`). And where both a day of the month and a weekday are given, **both** must fit: `0 9 1-7 * MON` is the
//! first Monday of the month.
//!
//! What a clock change does:
//!
//! - A time with a stated hour that is skipped comes at the first instant after the gap; one that is repeated comes
//!   once, at its first occurrence.
//! - With `*` as the hour the schedule goes on in real time: both passes of a repeated hour count, and what would fall
//!   into a gap is left out, as the gap takes no time.
//!
//! **Invariant:** the next instant is always later than `now`; a schedule that can never come is refused when it is
//! written.

mod line;

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;
use cron::TimeUnitSpec;

use crate::core::Instant;

/// When something is done again and again.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Every(TimeDelta),
    At(Box<Times>),
}

/// Wall-clock times in a zone.
#[derive(Debug, Clone, PartialEq)]
struct Times {
    line: cron::Schedule,
    tz: Tz,
}

/// Why a text is not a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("schedule {text:?}: {problem}")]
pub struct ScheduleError {
    /// What was written.
    pub text: String,
    /// What is wrong with it.
    pub problem: String,
}

/// The longest interval.
const LONGEST: u32 = 366 * 24 * 3600;

/// How far a last time may lie ahead of `now` and still count. A clock that was corrected by that little must not
/// repeat what has just been done; one that was put right after being far ahead must not hold everything up.
const SMALL_STEP: TimeDelta = TimeDelta::minutes(10);

impl Schedule {
    /// An interval or a cron line; `tz` is the zone of the line's hours.
    pub fn parse(text: &str, tz: Tz) -> Result<Self, ScheduleError> {
        let fault = |problem| ScheduleError { text: text.chars().take(80).collect(), problem };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let kind = match fields.as_slice() {
            [] | [_] => interval_of(text.trim()).map(Kind::Every),
            fields => line::parse(fields).map(|line| Kind::At(Box::new(Times { line, tz }))),
        };
        Ok(Self { text: fields.join(" "), kind: kind.map_err(fault)? })
    }

    /// The first instant after `now` at which it is time again. `last` is when it was done last; an interval counts
    /// from there and keeps its phase, and without one from `now`. After the year 2100 a cron line comes no more, which
    /// is [`Instant::MAX_UTC`].
    pub fn next_after(&self, last: Option<Instant>, now: Instant) -> Instant {
        let last = last.filter(|last| *last - now <= SMALL_STEP);
        match &self.kind {
            Kind::Every(every) => next_step(last.unwrap_or(now), *every, now),
            Kind::At(times) => times.next(last.map_or(now, |last| last.max(now))).unwrap_or(Instant::MAX_UTC),
        }
    }

    /// Whether a time lies after `last` and not after `now`: however many were missed while nobody looked, they count
    /// once. What has never been done gives the instant since which it is expected.
    pub fn due(&self, last: Instant, now: Instant) -> bool {
        last <= now && self.next_after(Some(last), last) <= now
    }

    /// The interval, if it is one.
    pub fn interval(&self) -> Option<Duration> {
        match &self.kind {
            Kind::Every(every) => every.to_std().ok(),
            Kind::At(_) => None,
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The first instant after `now` that lies a whole number of steps, at least one, after `last`.
fn next_step(last: Instant, every: TimeDelta, now: Instant) -> Instant {
    let steps = (now - last).num_milliseconds().div_euclid(every.num_milliseconds()).max(0) + 1;
    let span = steps.checked_mul(every.num_milliseconds()).and_then(TimeDelta::try_milliseconds);
    span.and_then(|span| last.checked_add_signed(span)).unwrap_or(Instant::MAX_UTC)
}

fn interval_of(text: &str) -> Result<TimeDelta, String> {
    let expected =
        || format!("expected an interval such as 30s, 5m or 1h, or a cron line such as 30 8 * * MON-FRI, got {text:?}");
    let unit = text.chars().last().ok_or_else(expected)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return Err(expected()),
    };
    let number = &text[..text.len() - 1];
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(expected());
    }
    let span = number.parse::<u32>().ok().and_then(|number| number.checked_mul(seconds));
    match span {
        Some(0) => Err("an interval of nothing would never rest".to_owned()),
        Some(span) if span <= LONGEST => Ok(TimeDelta::seconds(span.into())),
        _ => Err(format!("expected at most {}h, got {text}", LONGEST / 3600)),
    }
}

impl Times {
    /// The first time after `after`; cron lines know the years 1970 to 2100.
    fn next(&self, after: Instant) -> Option<Instant> {
        let after = after.max(DateTime::UNIX_EPOCH - TimeDelta::days(2));
        if after.year() > 2100 {
            return None;
        }
        if self.line.hours().is_all() { self.next_hourly(after) } else { self.next_stated(after) }
    }

    /// The wall-clock times after a wall-clock time, without any zone: the line runs on the clock dressed as UTC.
    fn walls(&self, after: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> {
        self.line.after(&after.and_utc()).map(|wall| wall.naive_utc())
    }

    /// For a stated hour: once where the clock repeats it, at the end of the gap where the clock skips it.
    fn next_stated(&self, after: Instant) -> Option<Instant> {
        self.walls(self.naive(after)).map(|wall| self.first_instant(wall)).find(|at| *at > after)
    }

    /// For every hour: real time goes on through a clock change, on the wall clock of the new offset.
    fn next_hourly(&self, after: Instant) -> Option<Instant> {
        let wall = self.walls(self.naive(after)).next()?;
        match self.change_within_a_day(after) {
            Some(change) if change <= instant(wall, self.offset(after)) => {
                let just_before = self.naive(change) - TimeDelta::seconds(1);
                self.on_the_clock_of(change, self.walls(just_before).next()?)
            }
            _ => self.on_the_clock_of(after, wall),
        }
    }

    /// When the clock that runs at `from` shows `wall`; beyond a day it may have changed, and the first time counts
    /// that any clock shows.
    fn on_the_clock_of(&self, from: Instant, wall: NaiveDateTime) -> Option<Instant> {
        let at = instant(wall, self.offset(from));
        if at - from <= TimeDelta::days(1) {
            return Some(at);
        }
        let just_before = wall - TimeDelta::seconds(1);
        self.walls(just_before).find_map(|wall| self.tz.from_local_datetime(&wall).earliest()).map(|at| at.to_utc())
    }

    /// When the clock shows `wall` for the first time, or the end of the gap that swallows it.
    fn first_instant(&self, wall: NaiveDateTime) -> Instant {
        let day_and_more = TimeDelta::hours(26);
        self.tz.from_local_datetime(&wall).earliest().map_or_else(
            || first_where(wall.and_utc() - day_and_more, wall.and_utc() + day_and_more, |at| wall < self.naive(at)),
            |at| at.to_utc(),
        )
    }

    /// The clock change in the day after `after`. Zones do not change twice in a day.
    fn change_within_a_day(&self, after: Instant) -> Option<Instant> {
        let tomorrow = after + TimeDelta::days(1);
        let changed = |at| self.offset(at) != self.offset(after);
        changed(tomorrow).then(|| first_where(after, tomorrow, changed))
    }

    fn offset(&self, at: Instant) -> TimeDelta {
        TimeDelta::seconds(at.with_timezone(&self.tz).offset().fix().local_minus_utc().into())
    }

    /// What the clock shows.
    fn naive(&self, at: Instant) -> NaiveDateTime {
        at.with_timezone(&self.tz).naive_local()
    }
}

/// When a clock with that offset shows `wall`.
fn instant(wall: NaiveDateTime, offset: TimeDelta) -> Instant {
    (wall - offset).and_utc()
}

/// The first whole second in `(from, to]` from which `holds` is true; it is false at `from` and true at `to`.
fn first_where(from: Instant, to: Instant, holds: impl Fn(Instant) -> bool) -> Instant {
    let second = |timestamp| DateTime::from_timestamp(timestamp, 0).unwrap_or(Instant::MAX_UTC);
    let (mut before, mut after) = (from.timestamp(), to.timestamp());
    while after - before > 1 {
        let middle = before.midpoint(after);
        if holds(second(middle)) {
            after = middle;
        } else {
            before = middle;
        }
    }
    second(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEW_YORK: Tz = chrono_tz::America::New_York;
    const LORD_HOWE: Tz = chrono_tz::Australia::Lord_Howe;
    const SHANGHAI: Tz = chrono_tz::Asia::Shanghai;
    const BERLIN: Tz = chrono_tz::Europe::Berlin;

    fn at(text: &str) -> Instant {
        DateTime::parse_from_rfc3339(text).expect("an instant").to_utc()
    }

    fn schedule(text: &str, tz: Tz) -> Schedule {
        Schedule::parse(text, tz).expect("a schedule")
    }

    /// The times after `from`, as the zone's clocks show them.
    fn times(text: &str, tz: Tz, from: &str, count: usize) -> Vec<String> {
        let schedule = schedule(text, tz);
        std::iter::successors(Some(at(from)), |last| Some(schedule.next_after(Some(*last), *last)))
            .skip(1)
            .take(count)
            .map(|at| at.with_timezone(&tz).format("%m-%d %H:%M %Z").to_string())
            .collect()
    }

    #[test]
    fn clock_changes_neither_lose_nor_double_a_time() {
        #[rustfmt::skip]
        let table: &[(&str, Tz, &str, &[&str])] = &[
            ("0 30 2 * * *", NEW_YORK, "2026-03-07T12:00:00-05:00", &["03-08 03:00 EDT", "03-09 02:30 EDT"]),
            ("0 0,30 2,3 * * *", NEW_YORK, "2026-03-08T00:00:00-05:00", &["03-08 03:00 EDT", "03-08 03:30 EDT", "03-09 02:00 EDT"]),
            ("0 30 1 * * *", NEW_YORK, "2026-10-31T12:00:00-04:00", &["11-01 01:30 EDT", "11-02 01:30 EST"]),
            ("0 30 1 * * *", NEW_YORK, "2026-11-01T01:10:00-05:00", &["11-02 01:30 EST"]),
            ("0 */20 * * * *", NEW_YORK, "2026-11-01T00:40:00-04:00",
             &["11-01 01:00 EDT", "11-01 01:20 EDT", "11-01 01:40 EDT", "11-01 01:00 EST", "11-01 01:20 EST", "11-01 01:40 EST", "11-01 02:00 EST"]),
            ("0 */20 * * * *", NEW_YORK, "2026-11-01T01:10:00-05:00", &["11-01 01:20 EST", "11-01 01:40 EST", "11-01 02:00 EST"]),
            ("0 30 * * * *", NEW_YORK, "2026-03-08T00:45:00-05:00", &["03-08 01:30 EST", "03-08 03:30 EDT", "03-08 04:30 EDT"]),
            ("15 * * * *", LORD_HOWE, "2026-04-05T00:30:00+11:00", &["04-05 01:15 +11", "04-05 02:15 +1030", "04-05 03:15 +1030"]),
            ("45 * * * *", LORD_HOWE, "2026-04-05T01:00:00+11:00", &["04-05 01:45 +11", "04-05 01:45 +1030", "04-05 02:45 +1030"]),
            ("45 1 * * *", LORD_HOWE, "2026-04-05T01:00:00+11:00", &["04-05 01:45 +11", "04-06 01:45 +1030"]),
            ("15 2 * * *", LORD_HOWE, "2026-10-03T12:00:00+10:30", &["10-04 02:30 +11", "10-05 02:15 +11"]),
            ("*/15 * * * *", LORD_HOWE, "2026-10-04T01:40:00+10:30", &["10-04 01:45 +1030", "10-04 02:30 +11", "10-04 02:45 +11"]),
            ("30 2 * * *", BERLIN, "2026-03-28T12:00:00+01:00", &["03-29 03:00 CEST", "03-30 02:30 CEST"]),
            ("30 2 * * *", BERLIN, "2026-10-24T12:00:00+02:00", &["10-25 02:30 CEST", "10-26 02:30 CET"]),
            ("0 * * * *", BERLIN, "2026-10-25T01:30:00+02:00", &["10-25 02:00 CEST", "10-25 02:00 CET", "10-25 03:00 CET"]),
            ("30 8 * * MON-FRI", SHANGHAI, "2026-03-06T08:30:00+08:00", &["03-09 08:30 CST", "03-10 08:30 CST"]),
            ("0 9 1-7 * MON", SHANGHAI, "2026-03-06T08:30:00+08:00", &["04-06 09:00 CST", "05-04 09:00 CST"]),
            ("30 * 1 11 *", chrono_tz::America::Havana, "2026-02-01T00:00:00-05:00", &["11-01 00:30 CDT", "11-01 00:30 CST", "11-01 01:30 CST"]),
            ("0 9 30 12 *", chrono_tz::Pacific::Apia, "2011-12-01T00:00:00-10:00", &["12-31 00:00 +14", "12-30 09:00 +14"]),
        ];
        for (text, tz, from, expected) in table {
            assert_eq!(times(text, *tz, from, expected.len()), *expected, "{text} in {tz} from {from}");
        }
    }

    #[test]
    fn an_interval_keeps_its_phase() {
        let every = schedule("5m", SHANGHAI);
        let last = at("2026-03-02T10:00:00Z");
        let minute = |n| last + TimeDelta::minutes(n);
        let table = [
            (Some(last), last, minute(5)),
            (Some(last), minute(4), minute(5)),
            (Some(last), minute(5), minute(10)),
            (Some(last), minute(63), minute(65)),
            (None, minute(63), minute(68)),
            (Some(last), minute(-1), minute(5)),
            (Some(last), minute(-60 * 24 * 365), minute(5 - 60 * 24 * 365)),
        ];
        for (last, now, expected) in table {
            assert_eq!(every.next_after(last, now), expected, "last {last:?}, now {now}");
        }
        assert_eq!((every.interval(), every.to_string()), (Some(Duration::from_mins(5)), "5m".to_owned()));
    }

    #[test]
    fn a_small_correction_of_the_clock_repeats_nothing_and_a_large_one_holds_nothing_up() {
        let daily = schedule("0 9 * * *", SHANGHAI);
        let nine = at("2026-03-02T09:00:00+08:00");
        assert_eq!(daily.next_after(Some(nine), nine - TimeDelta::seconds(1)), nine + TimeDelta::days(1));
        assert_eq!(daily.next_after(Some(nine + TimeDelta::days(300)), nine - TimeDelta::seconds(1)), nine);
    }

    #[test]
    fn what_was_missed_while_nobody_looked_is_due_once() {
        let daily = schedule("0 9 * * *", SHANGHAI);
        let nine = at("2026-03-02T09:00:00+08:00");
        assert!(!daily.due(nine, nine), "done at nine, done");
        assert!(!daily.due(nine, nine + TimeDelta::hours(23)));
        assert!(daily.due(nine, nine + TimeDelta::days(1)));
        let back = nine + TimeDelta::days(12) + TimeDelta::hours(1);
        assert!(daily.due(nine, back));
        assert!(!daily.due(back, back + TimeDelta::hours(22)), "twelve mornings count once");
        assert!(!daily.due(back, nine), "a clock that was set back makes nothing due");
    }

    #[test]
    fn what_is_no_schedule_says_what_was_expected() {
        let expected = "expected an interval such as 30s, 5m or 1h, or a cron line such as 30 8 * * MON-FRI";
        for text in ["", "m", "5", "5 ", "-5m", "5d", "1.5h", "５m", "每", "@daily"] {
            let error = Schedule::parse(text, SHANGHAI).expect_err(text);
            assert!(error.problem.starts_with(expected), "{error}");
        }
        let problem = |text: &str| Schedule::parse(text, SHANGHAI).expect_err(text).problem;
        assert_eq!(problem("0s"), "an interval of nothing would never rest");
        assert_eq!(problem("9999999h"), "expected at most 8784h, got 9999999h");
        assert_eq!(problem("99999999999999m"), "expected at most 8784h, got 99999999999999m");
    }

    #[test]
    fn the_ends_of_the_calendar_break_nothing() {
        for text in ["5m", "0 9 * * *", "0 * * * *"] {
            let schedule = schedule(text, BERLIN);
            assert!(Instant::MIN_UTC < schedule.next_after(None, Instant::MIN_UTC));
            assert_eq!(schedule.next_after(None, Instant::MAX_UTC), Instant::MAX_UTC);
            assert_eq!(schedule.next_after(Some(Instant::MIN_UTC), Instant::MAX_UTC), Instant::MAX_UTC);
        }
    }

    proptest! {
        #[test]
        fn times_only_ascend_and_lie_ahead(
            text in prop::sample::select(vec!["7s", "5m", "36h", "*/7 * * * *", "30 2 * * *", "0 0-3 * * SUN", "* * * * * *", "* 1 * * *", "59 23 28-31 * *", "30 * 1 11 *"]),
            tz in prop::sample::select(vec![NEW_YORK, LORD_HOWE, SHANGHAI, BERLIN, chrono_tz::Pacific::Apia, chrono_tz::America::Havana]),
            millis in 1_200_000_000_000_i64..2_000_000_000_000,
        ) {
            let schedule = schedule(text, tz);
            let mut now = DateTime::from_timestamp_millis(millis).expect("an instant");
            for _ in 0..50 {
                let next = schedule.next_after(Some(now), now);
                prop_assert!(now < next, "{} after {}", next, now);
                prop_assert!(schedule.due(now, next) && !schedule.due(now, next - TimeDelta::milliseconds(1)));
                now = next;
            }
        }

        #[test]
        fn around_a_clock_change_no_time_is_lost(
            text in prop::sample::select(vec!["*/20 * * * *", "30 1,2 * * *", "15 0-4 * * *"]),
            zone in prop::sample::select(vec![(NEW_YORK, "2026-11-01T06:00:00Z"), (NEW_YORK, "2026-03-08T07:00:00Z"), (LORD_HOWE, "2026-04-04T15:00:00Z"), (BERLIN, "2026-10-25T01:00:00Z")]),
            minutes in -300_i64..300,
        ) {
            let schedule = schedule(text, zone.0);
            let change = at(zone.1);
            let from = change + TimeDelta::minutes(minutes);
            // Wherever one starts to look, the next time is one of those that a look from far before finds.
            let found = schedule.next_after(None, from);
            let all = std::iter::successors(Some(change - TimeDelta::days(2)), |last| Some(schedule.next_after(None, *last)));
            prop_assert_eq!(Some(found), all.skip(1).find(|at| from < *at));
        }

        #[test]
        fn no_text_breaks_the_reader(text in ".{0,40}") {
            let _ = Schedule::parse(&text, BERLIN);
        }
    }
}
