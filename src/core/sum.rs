//! **The sum**: how a due instant came about. Each day counted or skipped, and why; each pause and extension with its
//! evidence and what became of it.
//!
//! **Invariant:** a sum is derived on demand from the same [`Course`] that gave the due instant, and never stored; so it
//! cannot disagree with what was told.

use std::sync::Arc;

use chrono::{NaiveDate, SecondsFormat};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::{Value, json};

use super::Instant;
use super::calendar::{Beyond, Calendar, Day, ListedKind, Seconds};
use super::course::Course;
use super::item::{Extension, Pause};
use super::limit::Limit;
use super::reading::{self, Granted, Run};
use super::window::Window;

/// How the due instant of one window came about, as things were known at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// The limit, without what extends it.
    pub limit: Limit,
    /// What approved extensions add: days, or seconds.
    pub extended: u32,
    /// The calendar's name.
    pub calendar: Arc<str>,
    /// The calendar's zone, in which all dates and clock times are meant.
    pub zone: Tz,
    /// The window's start.
    pub from: Instant,
    /// Where counting starts, unless the notation does not move it.
    pub starts_at: Instant,
    /// The pauses in order of start, with what each does.
    pub pauses: Vec<(Pause, PauseEffect)>,
    /// The extensions as the window names them, with what became of each.
    pub extensions: Vec<(Extension, Granted)>,
    /// Every day from the start's to the last, or to the one in which an open pause began.
    pub days: Vec<DayLine>,
    /// The first instant that is too late; `None` in an open pause.
    pub due_at: Option<Instant>,
    /// Whether it rests on days that the calendar does not know yet.
    pub provisional: bool,
}

/// One day of a sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayLine {
    /// The date on the place's clock.
    pub date: NaiveDate,
    /// What the calendar says about it.
    pub kind: DayKind,
    /// Whether the calendar's day list speaks for it.
    pub covered: bool,
    /// What the limit makes of it.
    pub part: Part,
}

/// What a calendar says about a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DayKind {
    /// A working day by its weekday.
    Working,
    /// A make-up working day (调休), and for which occasion.
    MakeUp(Arc<str>),
    /// A rest day by its weekday.
    Rest,
    /// A holiday, and which.
    Holiday(Arc<str>),
}

/// What a limit makes of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "part")]
pub enum Part {
    /// Not counted: the clock starts on it.
    Start,
    /// Counted as the nth day.
    Counted {
        /// Which, from 1.
        nth: i64,
    },
    /// So much of it counted, for limits of hours and minutes.
    Time {
        /// Seconds of this day.
        seconds: i64,
        /// Seconds up to its end.
        total: i64,
    },
    /// Skipped: it does not count for this limit.
    Skipped,
    /// Skipped: the clock stood still.
    Paused,
    /// Added by `@work`, since the last counted day is a rest day.
    Moved,
}

/// What a pause does to the due instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "effect")]
pub enum PauseEffect {
    /// It gives so many days back.
    Days {
        /// Days that no earlier pause gave back.
        days: usize,
    },
    /// So much time does not count.
    Time {
        /// Seconds on the limit's own meter that no earlier pause covers.
        seconds: i64,
    },
    /// It lasts: there is no due instant.
    Open,
    /// It ended before the start, or before it began.
    Empty,
    /// It began at or after the due instant reached so far.
    TooLate,
    /// It has not begun.
    Ahead,
}

impl DayKind {
    /// What `calendar` says about a day.
    pub fn of(calendar: &Calendar, day: Day) -> Self {
        match calendar.listed(calendar.date(day)) {
            Some(listed) if listed.kind == ListedKind::Workday => Self::MakeUp(listed.name.clone()),
            Some(listed) => Self::Holiday(listed.name.clone()),
            None if calendar.is_working(day) => Self::Working,
            None => Self::Rest,
        }
    }

    /// The identifier in JSON and CSV.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::MakeUp(_) => "make_up",
            Self::Rest => "rest",
            Self::Holiday(_) => "holiday",
        }
    }

    /// The occasion, if it has one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::MakeUp(name) | Self::Holiday(name) => Some(name),
            Self::Working | Self::Rest => None,
        }
    }
}

impl Part {
    /// The identifier in JSON and CSV.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Counted { .. } => "counted",
            Self::Time { .. } => "time",
            Self::Skipped => "skipped",
            Self::Paused => "paused",
            Self::Moved => "moved",
        }
    }
}

impl Sum {
    /// The sum of a window as it was known at `now`; `None` while its start is missing.
    pub fn of(window: &Window, calendar: &Calendar, now: Instant) -> Result<Option<Self>, Beyond> {
        let (Some(from), Some(run)) = (window.from, reading::run(window, calendar, now)?) else { return Ok(None) };
        let Run { course, granted } = run;
        let due = course.due()?;
        let counted = window.extensions.iter().zip(&granted).filter(|(_, granted)| **granted == Granted::Counts);
        let extended = counted.filter_map(|(extension, _)| reading::added(extension, window.limit)).sum();
        let count = Count { calendar, course: &course, start: from.timestamp() };
        Ok(Some(Self {
            limit: window.limit,
            extended,
            calendar: calendar.name().clone(),
            zone: calendar.zone(),
            from,
            starts_at: reading::instant(course.starts_at()),
            pauses: count.pauses(&window.pauses, now)?,
            extensions: window.extensions.iter().cloned().zip(granted).collect(),
            days: if window.limit.family().is_days() { count.days(due)? } else { count.time(due)? },
            due_at: due.map(reading::instant),
            provisional: due.map_or(Ok(false), |due| course.is_provisional(due))?,
        }))
    }

    /// The sum for programs; instants carry the calendar's offset.
    pub fn json(&self) -> Value {
        let at = |at: Instant| at.with_timezone(&self.zone).to_rfc3339_opts(SecondsFormat::Secs, false);
        let pause = |(pause, effect): &(Pause, PauseEffect)| {
            let mut row = json!({
                "from": at(pause.from), "to": pause.to.map(at), "kind": pause.kind, "basis": pause.basis,
            });
            merge(&mut row, &json!(effect));
            row
        };
        let extension = |(extension, granted): &(Extension, Granted)| {
            json!({
                "amount": extension.amount, "asked_at": extension.asked_at.map(at),
                "approved_at": extension.approved_at.map(at), "basis": extension.basis,
                "granted": granted_word(*granted),
            })
        };
        let day = |line: &DayLine| {
            let mut row = json!({
                "date": line.date, "kind": line.kind.word(), "name": line.kind.name(), "covered": line.covered,
            });
            merge(&mut row, &json!(line.part));
            row
        };
        json!({
            "from": at(self.from),
            "starts_at": at(self.starts_at),
            "limit": self.limit,
            "extended": self.extended,
            "calendar": self.calendar,
            "timezone": self.zone.name(),
            "pauses": self.pauses.iter().map(pause).collect::<Vec<_>>(),
            "extensions": self.extensions.iter().map(extension).collect::<Vec<_>>(),
            "days": self.days.iter().map(day).collect::<Vec<_>>(),
            "due_at": self.due_at.map(at),
            "provisional": self.provisional,
        })
    }
}

const fn granted_word(granted: Granted) -> &'static str {
    match granted {
        Granted::Counts => "counts",
        Granted::Pending => "pending",
        Granted::AskedTooLate { .. } => "asked_too_late",
        Granted::OtherFamily => "other_family",
    }
}

fn merge(row: &mut Value, more: &Value) {
    if let (Value::Object(row), Value::Object(more)) = (row, more) {
        row.extend(more.clone());
    }
}

/// A course that is being told day by day.
struct Count<'a> {
    calendar: &'a Calendar,
    course: &'a Course<'a>,
    start: Seconds,
}

impl Count<'_> {
    /// The days of a day limit: which one is counted as which, and why the others are not.
    fn days(&self, due: Option<Seconds>) -> Result<Vec<DayLine>, Beyond> {
        let counted = self.counted()?;
        let first = self.calendar.day_of(self.start)?;
        let moved = self.calendar.day_of(self.course.starts_at())?;
        // `due` is exclusive, but a clock time at midnight is the midnight of the day that it counts.
        let last =
            self.calendar.day_of(due.or(self.course.open_since()).unwrap_or(self.start).max(self.start + 1) - 1)?;
        let last_counted = counted.last().copied().unwrap_or(first);
        let is_done = due.is_some();
        let mut next = 0;
        let mut days = Vec::new();
        for day in first..=last.max(last_counted) {
            let part = if counted.get(next) == Some(&day) {
                next += 1;
                Part::Counted { nth: i64::try_from(next).unwrap_or(i64::MAX) }
            } else if is_done && day > last_counted {
                Part::Moved
            } else if self.course.limit().family().is_working() && !self.calendar.is_working(day) {
                Part::Skipped
            } else if day <= moved {
                Part::Start
            } else {
                Part::Paused
            };
            days.push(self.line(day, part));
        }
        Ok(days)
    }

    /// The days that are counted: all of them, or those used up before an open pause.
    fn counted(&self) -> Result<Vec<Day>, Beyond> {
        let mut counted = Vec::new();
        for nth in 1..=self.course.amount() {
            let day = self.course.counted_day(nth)?;
            if self.course.open_since().is_some_and(|since| self.course.end_of(nth, day).is_ok_and(|end| end > since)) {
                break;
            }
            counted.push(day);
        }
        Ok(counted)
    }

    /// The days of a limit of hours or minutes: how much of each counts.
    fn time(&self, due: Option<Seconds>) -> Result<Vec<DayLine>, Beyond> {
        let end = due.or(self.course.open_since()).unwrap_or(self.start).max(self.start);
        let (first, last) = (self.calendar.day_of(self.start)?, self.calendar.day_of(end.max(self.start + 1) - 1)?);
        let (mut total, mut days) = (0, Vec::new());
        for day in first..=last {
            let (from, to) = (self.calendar.start(day)?.max(self.start), self.calendar.start(day + 1)?.min(end));
            let seconds = self.course.unpaused(from, to)?;
            let passed = self.course.meter(to)? - self.course.meter(from)?;
            total += seconds;
            let is_working = self.course.limit().family().is_working();
            days.push(self.line(
                day,
                match seconds {
                    0 if passed > 0 => Part::Paused,
                    0 if day == first => Part::Start,
                    0 if is_working && !self.calendar.is_working(day) => Part::Skipped,
                    _ => Part::Time { seconds, total },
                },
            ));
        }
        Ok(days)
    }

    fn line(&self, day: Day, part: Part) -> DayLine {
        let date = self.calendar.date(day);
        DayLine { date, kind: DayKind::of(self.calendar, day), covered: self.calendar.covered().contains(&date), part }
    }

    fn pauses(&self, pauses: &[Pause], now: Instant) -> Result<Vec<(Pause, PauseEffect)>, Beyond> {
        let mut sorted = pauses.to_vec();
        sorted.sort_by_key(|pause| (pause.from.max(reading::instant(self.start)), pause.to.is_none(), pause.to));
        let mut covered = self.start;
        let mut told = Vec::new();
        for pause in sorted {
            let effect = self.effect(&pause, &mut covered, now)?;
            told.push((pause, effect));
        }
        Ok(told)
    }

    /// What a pause does, when those before it reach up to `covered`.
    fn effect(&self, pause: &Pause, covered: &mut Seconds, now: Instant) -> Result<PauseEffect, Beyond> {
        let from = pause.from.timestamp().max(self.start);
        let to = pause.to.map_or(Seconds::MAX, |to| to.timestamp());
        if pause.from > now {
            return Ok(PauseEffect::Ahead);
        }
        if to <= from {
            return Ok(PauseEffect::Empty);
        }
        if !self.course.pauses().iter().any(|&(since, until)| since <= from && to <= until) {
            return Ok(PauseEffect::TooLate);
        }
        if to == Seconds::MAX {
            return Ok(PauseEffect::Open);
        }
        if self.course.limit().family().is_days() {
            let gain = self.course.gained().iter().find(|gain| (gain.from, gain.to) == (from, to));
            return Ok(PauseEffect::Days { days: gain.map_or(0, |gain| gain.days) });
        }
        let begins = from.max(*covered);
        *covered = to.max(*covered);
        let seconds = if begins < to { self.course.meter(to)? - self.course.meter(begins)? } else { 0 };
        Ok(PauseEffect::Time { seconds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::calendar::read_calendar;

    fn calendar() -> Calendar {
        let text = "name = \"t\"\ntimezone = \"Asia/Shanghai\"\ndays = \"d\"\n\
                    [[hours]]\nspans = [\"09:00-12:00\", \"13:30-17:30\"]\n";
        let days = "date,kind,name\n2026-03-10,holiday,植树\n2026-03-14,workday,植树\n";
        read_calendar("t.toml", text, &mut |_| Ok(days.to_owned())).expect("calendar")
    }

    fn at(text: &str) -> Instant {
        format!("2026-03-{text}:00+08:00").parse().expect("instant")
    }

    fn sum(limit: &str, from: &str, pauses: &[(&str, &str)]) -> Sum {
        let mut window = Window::new("w", limit.parse().expect("limit"), Some(at(from)));
        window.pauses = pauses.iter().map(|(a, b)| Pause::new(at(a), (!b.is_empty()).then(|| at(b)))).collect();
        Sum::of(&window, &calendar(), at("31T00:00")).expect("inside").expect("a start")
    }

    /// One letter a day: the start, a digit that counts, skipped, paused, moved.
    fn days(sum: &Sum) -> String {
        let letter = |line: &DayLine| match line.part {
            Part::Start => "s".to_owned(),
            Part::Counted { nth } => nth.to_string(),
            Part::Time { seconds, .. } => format!("[{}]", seconds / 60),
            Part::Skipped => "-".into(),
            Part::Paused => "p".into(),
            Part::Moved => "m".into(),
        };
        sum.days.iter().map(letter).collect()
    }

    #[test]
    fn every_day_says_whether_it_counts() {
        for (limit, from, pauses, expected) in [
            ("5wd", "06T10:00", &[][..], "s--1-2345"),
            ("0wd", "07T10:00", &[], "--1"),
            ("0wd", "06T10:00", &[], "1"),
            ("0wd@close", "06T18:00", &[], "s--1"),
            ("1wd@clock", "07T10:00", &[], "--s-1"),
            ("1wd@open", "06T18:00", &[], "s--s-1"),
            ("2d", "06T10:00", &[], "s12"),
            ("2d@work", "06T10:00", &[], "s12m"),
            ("1wd", "03T10:00", &[("04T10:00", "05T09:00")], "sp1"),
            ("2wd", "03T10:00", &[("04T10:00", "05T09:00")], "sp12"),
            ("2wd", "03T10:00", &[("05T10:00", "")], "s1p"),
            ("3wd", "03T10:00", &[("05T10:00", "")], "s1p"),
            ("8wh", "06T16:30", &[], "[60]--[420]"),
            ("8wh", "06T18:00", &[], "s--[420]-[60]"),
            ("8wh", "06T16:30", &[("09T09:00", "09T17:30")], "[60]--p-[420]"),
            ("30h", "06T18:00", &[], "[360][1440]"),
        ] {
            assert_eq!(days(&sum(limit, from, pauses)), expected, "{limit} from {from} {pauses:?}");
        }
    }

    #[test]
    fn every_pause_says_what_it_does() {
        let effects = |limit: &str, pauses: &[(&str, &str)]| -> Vec<PauseEffect> {
            sum(limit, "03T10:00", pauses).pauses.into_iter().map(|(_, effect)| effect).collect()
        };
        let days = |days| PauseEffect::Days { days };
        assert_eq!(
            effects("5wd", &[("04T10:00", "05T09:00"), ("01T10:00", "02T10:00"), ("05T08:00", "09T10:00")]),
            [PauseEffect::Empty, days(1), days(2)]
        );
        assert_eq!(
            effects("1wd", &[("20T10:00", "21T09:00"), ("04T10:00", "04T12:00")]),
            [days(0), PauseEffect::TooLate]
        );
        assert_eq!(effects("1wd", &[("04T10:00", "")]), [PauseEffect::Open]);
        let time = |minutes: i64| PauseEffect::Time { seconds: minutes * 60 };
        assert_eq!(effects("8wh", &[("03T11:00", "03T14:00"), ("03T13:00", "03T15:00")]), [time(90), time(60)]);
        let window = Window {
            pauses: vec![Pause::new(at("05T00:00"), None)],
            ..Window::new("w", "5wd".parse().expect("limit"), Some(at("03T10:00")))
        };
        let sum = Sum::of(&window, &calendar(), at("04T00:00")).expect("inside").expect("start");
        assert_eq!(sum.pauses[0].1, PauseEffect::Ahead);
        assert!(sum.due_at.is_some());
    }
}
