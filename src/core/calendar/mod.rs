//! **Calendar**: the working days and hours of a place, with a version and the span of days that it knows.
//!
//! A calendar is unrolled once into a row per day from 1970 to 2199, as instants: where each day starts, how many working
//! days and working seconds lie before it. So every question is a look-up or a binary search, and a clock change needs
//! no thought later: a day of 23 or 25 hours simply has spans of its own.
//!
//! **Clock changes.** Working hours are what the wall clock of the place shows. A clock time that is skipped means the
//! first instant after the gap; one that comes twice means its first pass. Time between two instants is what really
//! went by, so a night shift that lives through a repeated hour works it twice.
//!
//! **Invariant:** listed `holiday` = rest; listed `workday` = work (make-up day, 调休); else the weekday decides.

mod coverage;
mod file;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone};
use chrono_tz::Tz;

pub use coverage::missing_year;
pub use file::{CalendarProblem, DayList, Hours, read_calendar};

use super::Instant;
use super::digest::Digest;

/// Seconds since 1970-01-01 00:00 UTC.
pub type Seconds = i64;

/// A day as its number in the table: 0 is 1970-01-01.
pub type Day = usize;

/// The first and the last year that can be asked for.
pub const YEARS: RangeInclusive<i32> = 1970..=2199;

/// An answer lies outside [`YEARS`], or there is no working time left to reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("outside the years 1970 to 2199, or no working day is left to reach it")]
pub struct Beyond;

/// Whether a listed day is a rest day or a working day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ListedKind {
    /// `holiday`: a rest day.
    Holiday,
    /// `workday`: a make-up working day, 调休.
    Workday,
}

/// What the day list says about one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Rest or work.
    pub kind: ListedKind,
    /// The occasion.
    pub name: Arc<str>,
}

/// The working spans of one kind of day, in seconds from the day's start.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Timetable {
    spans: Vec<(i64, i64)>,
}

/// The working days and hours of a place.
#[derive(Clone)]
pub struct Calendar {
    name: Arc<str>,
    version: Digest,
    zone: Tz,
    /// First instant of each day, and one more.
    starts: Vec<Seconds>,
    /// Which timetable each day has.
    timetable_of: Vec<u16>,
    timetables: Vec<Timetable>,
    /// Working days before each day, and one more.
    days_before: Vec<u32>,
    /// Working seconds before each day, and one more.
    work_before: Vec<i64>,
    /// The working days in their order.
    working: Vec<u32>,
    listed: BTreeMap<NaiveDate, Listed>,
    covered: RangeInclusive<NaiveDate>,
}

/// The table stays out: it has a row per day.
impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Calendar({} {} {} listed)", self.name, self.zone, self.listed.len())
    }
}

impl Timetable {
    fn total(&self) -> i64 {
        self.spans.iter().map(|(from, to)| to - from).sum()
    }

    fn worked_before(&self, second: i64) -> i64 {
        self.spans.iter().map(|&(from, to)| second.clamp(from, to) - from).sum()
    }

    /// The first second at which `worked` (more than none, at most the total) is worked.
    fn first_with(&self, mut worked: i64) -> i64 {
        for &(from, to) in &self.spans {
            if worked <= to - from {
                return from + worked;
            }
            worked -= to - from;
        }
        self.close()
    }

    /// The last second at which no more than `worked` (less than the total) is worked.
    fn last_with(&self, mut worked: i64) -> i64 {
        for &(from, to) in &self.spans {
            if worked < to - from {
                return from + worked;
            }
            worked -= to - from;
        }
        self.close()
    }

    fn close(&self) -> i64 {
        self.spans.last().map_or(0, |&(_, to)| to)
    }
}

impl Calendar {
    /// The name, as windows and commands use it.
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The identity of its content.
    pub const fn version(&self) -> Digest {
        self.version
    }

    /// The time zone.
    pub const fn zone(&self) -> Tz {
        self.zone
    }

    /// The days that the day list speaks for; beyond them only the weekday is known.
    pub const fn covered(&self) -> &RangeInclusive<NaiveDate> {
        &self.covered
    }

    /// What the day list says about a date.
    pub fn listed(&self, date: NaiveDate) -> Option<&Listed> {
        self.listed.get(&date)
    }

    /// All that the day list says, in the order of its dates.
    pub fn all_listed(&self) -> impl Iterator<Item = (NaiveDate, &Listed)> {
        self.listed.iter().map(|(date, listed)| (*date, listed))
    }

    /// An instant on the place's clock.
    pub fn local(&self, instant: Instant) -> DateTime<Tz> {
        instant.with_timezone(&self.zone)
    }

    /// The number of a date.
    pub fn day(&self, date: NaiveDate) -> Result<Day, Beyond> {
        let day = date.signed_duration_since(epoch()).num_days();
        usize::try_from(day).ok().filter(|day| *day < self.days()).ok_or(Beyond)
    }

    /// The date of a day.
    pub fn date(&self, day: Day) -> NaiveDate {
        epoch() + Days::new(day as u64)
    }

    /// The day in which an instant lies.
    pub fn day_of(&self, at: Seconds) -> Result<Day, Beyond> {
        self.check(at)?;
        let mut day = usize::try_from((at - self.starts[0]) / 86_400).map_err(|_| Beyond)?.min(self.days() - 1);
        while self.starts[day] > at {
            day -= 1;
        }
        while self.starts[day + 1] <= at {
            day += 1;
        }
        Ok(day)
    }

    /// Whether an instant lies inside the table.
    pub(super) fn check(&self, at: Seconds) -> Result<(), Beyond> {
        if (self.starts[0]..self.starts[self.days()]).contains(&at) { Ok(()) } else { Err(Beyond) }
    }

    /// The first instant of a day, 00:00.
    pub fn start(&self, day: Day) -> Result<Seconds, Beyond> {
        self.starts.get(day).copied().ok_or(Beyond)
    }

    /// Whether a day is a working day.
    pub fn is_working(&self, day: Day) -> bool {
        day < self.days() && self.days_before[day + 1] > self.days_before[day]
    }

    /// How many working days lie before a day.
    pub fn working_days_before(&self, day: Day) -> Result<usize, Beyond> {
        self.days_before.get(day).map(|n| *n as usize).ok_or(Beyond)
    }

    /// The working day that has `index` working days before it.
    pub fn working_day(&self, index: usize) -> Result<Day, Beyond> {
        self.working.get(index).map(|day| *day as usize).ok_or(Beyond)
    }

    /// The day itself if it is a working day, else the next one.
    pub fn working_day_from(&self, day: Day) -> Result<Day, Beyond> {
        self.working_day(self.working_days_before(day)?)
    }

    /// When a day's working hours end; its 24:00 if it has none.
    pub fn close(&self, day: Day) -> Result<Seconds, Beyond> {
        let next = self.start(day + 1)?;
        let timetable = self.timetable(day);
        Ok(if timetable.spans.is_empty() { next } else { self.starts[day] + timetable.close() })
    }

    /// A day's working spans, as instants.
    pub fn spans(&self, day: Day) -> impl Iterator<Item = (Seconds, Seconds)> {
        let start = self.starts[day];
        self.timetable(day).spans.iter().map(move |(from, to)| (start + from, start + to))
    }

    /// Working seconds from the beginning of the table to an instant.
    pub fn work_until(&self, at: Seconds) -> Result<i64, Beyond> {
        let day = self.day_of(at)?;
        Ok(self.work_before[day] + self.timetable(day).worked_before(at - self.starts[day]))
    }

    /// The first instant until which `work` seconds are worked: the end of the last worked second.
    pub fn first_with(&self, work: i64, near: Seconds) -> Result<Seconds, Beyond> {
        let day = self.search(near, |before| before < work)?;
        Ok(self.starts[day] + self.timetable(day).first_with(work - self.work_before[day]))
    }

    /// The last instant until which no more than `work` seconds are worked: the start of the next worked second.
    pub fn last_with(&self, work: i64, near: Seconds) -> Result<Seconds, Beyond> {
        let day = self.search(near, |before| before <= work)?;
        Ok(self.starts[day] + self.timetable(day).last_with(work - self.work_before[day]))
    }

    /// The instant itself if it lies in working hours, else the next opening.
    pub fn opening(&self, at: Seconds) -> Result<Seconds, Beyond> {
        self.last_with(self.work_until(at)?, at)
    }

    /// Whether an instant lies in working hours.
    pub fn is_open(&self, at: Seconds) -> bool {
        self.opening(at) == Ok(at)
    }

    /// The clock time of an instant, in seconds after midnight as the wall clock shows them.
    pub fn clock(&self, at: Seconds) -> Result<i64, Beyond> {
        let day = self.day_of(at)?;
        if self.is_regular(day) {
            return Ok(at - self.starts[day]);
        }
        let local = self.zone.timestamp_opt(at, 0).single().ok_or(Beyond)?.naive_local();
        Ok((local - local.date().and_time(NaiveTime::MIN)).num_seconds())
    }

    /// The instant at which a day's wall clock shows a time.
    pub fn at_clock(&self, day: Day, clock: i64) -> Result<Seconds, Beyond> {
        if day < self.days() && self.is_regular(day) {
            return Ok(self.starts[day] + clock);
        }
        if day >= self.days() {
            return Err(Beyond);
        }
        Ok(resolve(self.zone, self.date(day), clock))
    }

    /// Whether anything from one day to another lies outside the days that the day list speaks for.
    pub fn is_provisional(&self, from: Day, to: Day) -> bool {
        self.date(from) < *self.covered.start() || self.date(to) > *self.covered.end()
    }

    fn days(&self) -> usize {
        self.starts.len() - 1
    }

    fn is_regular(&self, day: Day) -> bool {
        self.starts[day + 1] - self.starts[day] == 86_400
    }

    fn timetable(&self, day: Day) -> &Timetable {
        &self.timetables[usize::from(self.timetable_of[day])]
    }

    /// The last day before which `holds` is true of the work; looks around `near` first.
    fn search(&self, near: Seconds, holds: impl Fn(i64) -> bool) -> Result<Day, Beyond> {
        const NEXT: usize = 8;
        const AROUND: usize = 32;
        let hint = self.day_of(near)?;
        // Most answers lie a few days ahead: those are looked at one by one, which takes less than to halve.
        let ahead = &self.work_before[hint..(hint + NEXT).min(self.days())];
        if ahead.first().is_some_and(|before| holds(*before))
            && let Some(day) = ahead.iter().position(|before| !holds(*before))
        {
            return Ok(hint + day - 1);
        }
        let last = (hint + AROUND).min(self.days());
        let after = if holds(self.work_before[hint]) && !holds(self.work_before[last]) {
            hint + self.work_before[hint..=last].partition_point(|before| holds(*before))
        } else {
            self.work_before.partition_point(|before| holds(*before))
        };
        let day = after.checked_sub(1).ok_or(Beyond)?;
        if day < self.days() { Ok(day) } else { Err(Beyond) }
    }

    /// Unrolls a pattern into the table.
    fn unroll(pattern: file::Pattern) -> Self {
        let days = usize::try_from((past_end() - epoch()).num_days()).unwrap_or_default();
        let mut calendar = Self {
            name: pattern.name,
            version: pattern.version,
            zone: pattern.zone,
            starts: Vec::new(),
            timetable_of: Vec::with_capacity(days),
            timetables: vec![Timetable::default()],
            days_before: Vec::with_capacity(days + 1),
            work_before: Vec::with_capacity(days + 1),
            working: Vec::with_capacity(days * 3 / 4),
            listed: pattern.listed,
            covered: pattern.covered,
        };
        calendar.starts = day_starts(pattern.zone, days + 1);
        let mut known = std::collections::HashMap::from([(Timetable::default(), 0_u16)]);
        let mut work = 0_i64;
        // The hours of the last working day of 24 hours, its timetable and what is worked on it: most days are like it.
        let mut usual: (&[(i64, i64)], u16, i64) = (&[], 0, 0);
        for (day, date) in epoch().iter_days().take(days).enumerate() {
            calendar.days_before.push(u32::try_from(calendar.working.len()).unwrap_or(u32::MAX));
            calendar.work_before.push(work);
            let listed = calendar.listed.get(&date).map(|l| l.kind);
            let is_working = match listed {
                Some(kind) => kind == ListedKind::Workday,
                None => pattern.weekdays.contains(&date.weekday()),
            };
            let spans = if is_working { file::spans_of(&pattern.hours, date, listed) } else { &[] };
            let is_regular = calendar.is_regular(day);
            let (index, seconds) = if spans.is_empty() {
                (0, 0)
            } else if is_regular && usual.0 == spans {
                (usual.1, usual.2)
            } else {
                let timetable = calendar.fit(day, date, spans);
                let seconds = timetable.total();
                let index = *known.entry(timetable).or_insert_with_key(|timetable| {
                    calendar.timetables.push(timetable.clone());
                    u16::try_from(calendar.timetables.len() - 1).expect("timetables are seasons times clock changes")
                });
                if is_regular {
                    usual = (spans, index, seconds);
                }
                (index, seconds)
            };
            work += seconds;
            calendar.timetable_of.push(index);
            if is_working {
                calendar.working.push(u32::try_from(day).unwrap_or(u32::MAX));
            }
        }
        calendar.days_before.push(u32::try_from(calendar.working.len()).unwrap_or(u32::MAX));
        calendar.work_before.push(work);
        calendar
    }

    /// The spans of a day's wall clock as seconds that really go by.
    fn fit(&self, day: Day, date: NaiveDate, spans: &[(i64, i64)]) -> Timetable {
        let real = |clock| {
            if self.is_regular(day) { clock } else { resolve(self.zone, date, clock) - self.starts[day] }
        };
        let spans = spans.iter().map(|&(from, to)| (real(from), real(to)));
        Timetable { spans: spans.filter(|(from, to)| from < to).collect() }
    }
}

/// The calendars of an office: the configured one, and others by name.
#[derive(Debug, Clone)]
pub struct Calendars {
    default: Arc<Calendar>,
    named: BTreeMap<Arc<str>, Arc<Calendar>>,
}

impl Calendars {
    /// The calendars, with the one that counts where nothing else is said.
    pub fn new(default: Arc<Calendar>, others: impl IntoIterator<Item = Arc<Calendar>>) -> Self {
        let named = others.into_iter().chain([default.clone()]).map(|c| (c.name().clone(), c)).collect();
        Self { default, named }
    }

    /// The calendar of a name; without a name, the configured one.
    pub fn get(&self, name: Option<&str>) -> Option<&Arc<Calendar>> {
        name.map_or(Some(&self.default), |name| self.named.get(name))
    }

    /// The configured calendar.
    pub const fn office(&self) -> &Arc<Calendar> {
        &self.default
    }

    /// All of them, by name.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Calendar>> {
        self.named.values()
    }
}

fn epoch() -> NaiveDate {
    NaiveDate::from_ymd_opt(*YEARS.start(), 1, 1).expect("1 January 1970 exists")
}

fn past_end() -> NaiveDate {
    NaiveDate::from_ymd_opt(YEARS.end() + 1, 1, 1).expect("1 January 2200 exists")
}

/// The first instants of so many days. A day after which the zone's offset is the same is 24 hours long.
fn day_starts(zone: Tz, days: usize) -> Vec<Seconds> {
    let offset = |at: Seconds| {
        let at = DateTime::from_timestamp(at, 0).unwrap_or_default().naive_utc();
        zone.offset_from_utc_datetime(&at).fix().local_minus_utc()
    };
    let mut starts = Vec::with_capacity(days);
    let mut next = resolve(zone, epoch(), 0);
    let mut known = offset(next);
    // A zone that skips a date leaves it empty, so the day after a change is looked up too.
    let mut changed = false;
    for date in epoch().iter_days().skip(1).take(days) {
        starts.push(next);
        next += 86_400;
        if changed || offset(next) != known {
            next = resolve(zone, date, 0);
            changed = offset(next) != known;
            known = offset(next);
        }
    }
    starts
}

/// The instant at which the wall clock of `zone` shows `clock` seconds after midnight (24:00 included) on a date.
fn resolve(zone: Tz, date: NaiveDate, clock: i64) -> Seconds {
    instant_of(zone, date.and_time(NaiveTime::MIN) + chrono::TimeDelta::seconds(clock)).timestamp()
}

/// The instant of a wall clock reading: the first pass of one that comes twice, the first instant after the gap for one
/// that is skipped.
pub fn instant_of(zone: Tz, local: NaiveDateTime) -> Instant {
    use chrono::LocalResult;
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.to_utc(),
        LocalResult::None => after_gap(zone, local),
    }
}

fn after_gap(zone: Tz, local: NaiveDateTime) -> Instant {
    // Gaps are at most a day long (a date line change), so the readings a day and an hour around it are unskipped.
    let around = chrono::TimeDelta::hours(25);
    let (mut before, mut after) = ((local - around).and_utc() - around, (local + around).and_utc() + around);
    let shown = |at: Instant| at.with_timezone(&zone).naive_local();
    while after - before > chrono::TimeDelta::seconds(1) {
        let middle = before + (after - before) / 2;
        if shown(middle) < local { before = middle } else { after = middle }
    }
    DateTime::from_timestamp(after.timestamp(), 0).unwrap_or(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(zone: &str, spans: &str) -> Calendar {
        let text = format!(
            "name = \"t\"\ntimezone = \"{zone}\"\nweekdays = [\"MON\",\"TUE\",\"WED\",\"THU\",\"FRI\",\"SAT\",\"SUN\"]\n\
             days = \"d.csv\"\n[[hours]]\nspans = [{spans}]\n"
        );
        read_calendar("t.toml", &text, &mut |_| Ok("date,kind,name\n2026-01-01,holiday,x\n".into())).expect("calendar")
    }

    fn at(text: &str) -> Seconds {
        text.parse::<Instant>().expect("instant").timestamp()
    }

    #[test]
    fn a_skipped_clock_time_is_the_first_instant_after_the_gap() {
        let new_york = calendar("America/New_York", "\"00:00-24:00\"");
        let day = new_york.day(NaiveDate::from_ymd_opt(2026, 3, 8).expect("date")).expect("day");
        assert_eq!(new_york.at_clock(day, 2 * 3600 + 1800), Ok(at("2026-03-08T07:00:00Z")));
        assert_eq!(new_york.spans(day).map(|(a, b)| b - a).sum::<i64>(), 23 * 3600);
    }

    #[test]
    fn a_repeated_clock_time_is_its_first_pass() {
        let new_york = calendar("America/New_York", "\"00:00-24:00\"");
        let day = new_york.day(NaiveDate::from_ymd_opt(2026, 11, 1).expect("date")).expect("day");
        assert_eq!(new_york.at_clock(day, 3600 + 1800), Ok(at("2026-11-01T05:30:00Z")));
        assert_eq!(new_york.spans(day).map(|(a, b)| b - a).sum::<i64>(), 25 * 3600);
        assert_eq!(new_york.clock(at("2026-11-01T06:30:00Z")), Ok(3600 + 1800));
    }

    #[test]
    fn a_day_that_a_place_skipped_is_empty() {
        let apia = calendar("Pacific/Apia", "\"09:00-17:00\"");
        let day = apia.day(NaiveDate::from_ymd_opt(2011, 12, 30).expect("date")).expect("day");
        assert_eq!(apia.start(day), apia.start(day + 1));
        assert_eq!(apia.spans(day).count(), 0);
    }

    #[test]
    fn outside_the_table_is_an_error_and_no_panic() {
        let shanghai = calendar("Asia/Shanghai", "\"09:00-17:00\"");
        assert_eq!(shanghai.work_until(i64::MIN), Err(Beyond));
        assert_eq!(shanghai.work_until(i64::MAX), Err(Beyond));
        assert_eq!(shanghai.first_with(i64::MAX, at("2026-01-05T00:00:00Z")), Err(Beyond));
        assert_eq!(shanghai.last_with(i64::MAX, at("2026-01-05T00:00:00Z")), Err(Beyond));
    }
}
