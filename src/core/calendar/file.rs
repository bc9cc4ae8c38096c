//! A calendar's files: a TOML file beside its day list.
//!
//! ```toml
//! name = "cn"
//! timezone = "Asia/Shanghai"
//! weekdays = ["MON", "TUE", "WED", "THU", "FRI"]
//! days = "cn-holidays.csv"            # date,kind,name; kind holiday|workday. A file or a list, the later wins
//! covered_from = "2004-01-01"         # both may be left out: the first and the last year listed
//! covered_through = "2026-12-31"
//!
//! [[hours]]                           # the first has no from/to/weekdays; the last matching entry wins
//! spans = ["09:00-12:00", "13:30-17:30"]
//!
//! [[hours]]                           # a season, both ends included; from > to wraps the year
//! from = "05-01"
//! to = "09-30"
//! spans = ["08:30-12:00", "14:30-18:00"]
//! ```

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use chrono::{Datelike, NaiveDate, Weekday};
use chrono_tz::Tz;
use serde::Deserialize;

use super::{Calendar, Listed, ListedKind, YEARS};
use crate::core::digest::Digest;

/// What is wrong with a calendar's files, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct CalendarProblem {
    /// The file, with the line where there is one.
    pub place: String,
    /// What was expected and what was got.
    pub problem: String,
}

/// A calendar before it is unrolled.
pub(super) struct Pattern {
    pub name: Arc<str>,
    pub version: Digest,
    pub zone: Tz,
    pub weekdays: Vec<Weekday>,
    pub hours: Vec<Hours>,
    pub listed: BTreeMap<NaiveDate, Listed>,
    pub covered: RangeInclusive<NaiveDate>,
}

/// One `[[hours]]` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    season: Option<((u32, u32), (u32, u32))>,
    weekdays: Option<Vec<Weekday>>,
    since: Option<NaiveDate>,
    spans: Vec<(i64, i64)>,
}

/// The days of a `date,kind,name` file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DayList(pub Vec<(NaiveDate, Listed)>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    timezone: String,
    #[serde(default = "monday_to_friday")]
    weekdays: Vec<String>,
    #[serde(default)]
    days: Lists,
    covered_from: Option<String>,
    covered_through: Option<String>,
    hours: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Lists {
    One(String),
    Many(Vec<String>),
}

impl Default for Lists {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    from: Option<String>,
    to: Option<String>,
    weekdays: Option<Vec<String>>,
    since: Option<String>,
    spans: Vec<String>,
}

fn monday_to_friday() -> Vec<String> {
    ["MON", "TUE", "WED", "THU", "FRI"].map(String::from).to_vec()
}

/// Reads a calendar. `read_days` gives the text of a day list by the name that the calendar's file uses.
pub fn read_calendar(
    path: &str,
    text: &str,
    read_days: &mut dyn FnMut(&str) -> Result<String, String>,
) -> Result<Calendar, Vec<CalendarProblem>> {
    let mut problems = Problems { path, all: Vec::new() };
    let file: File = toml::from_str(text)
        .map_err(|e| vec![CalendarProblem { place: path.to_owned(), problem: e.to_string().trim_end().to_owned() }])?;
    let zone = problems.take("timezone", zone_of(&file.timezone)).unwrap_or(Tz::UTC);
    let weekdays = problems.take("weekdays", weekdays_of(&file.weekdays)).unwrap_or_default();
    let hours = hours_of(&file.hours, &mut problems);
    let mut contents = vec![text.to_owned()];
    let mut listed = BTreeMap::new();
    for name in match &file.days {
        Lists::One(name) => std::slice::from_ref(name),
        Lists::Many(names) => names,
    } {
        let Some(days) = problems.take(&format!("days = {name:?}"), read_days(name)) else { continue };
        match DayList::read(name, &days) {
            Ok(list) => listed.extend(list.0),
            Err(wrong) => problems.all.extend(wrong),
        }
        contents.push(days);
    }
    let covered = covered_of(&file, &listed, &mut problems);
    if !problems.all.is_empty() {
        return Err(problems.all);
    }
    let version = Digest::of(contents.iter().map(String::as_bytes));
    Ok(Calendar::unroll(Pattern { name: file.name.into(), version, zone, weekdays, hours, listed, covered }))
}

struct Problems<'a> {
    path: &'a str,
    all: Vec<CalendarProblem>,
}

impl Problems<'_> {
    fn add(&mut self, key: &str, problem: String) {
        self.all.push(CalendarProblem { place: format!("{}: {key}", self.path), problem });
    }

    fn take<T>(&mut self, key: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|problem| self.add(key, problem)).ok()
    }
}

fn zone_of(name: &str) -> Result<Tz, String> {
    name.parse().map_err(|_| format!("expected a zone of the tz database such as Asia/Shanghai, got {name:?}"))
}

fn weekdays_of(names: &[String]) -> Result<Vec<Weekday>, String> {
    const NAMES: [&str; 7] = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
    let day = |name: &String| {
        let index = NAMES.iter().position(|n| n.eq_ignore_ascii_case(name));
        let index = index.and_then(|i| u8::try_from(i).ok()).and_then(|i| Weekday::try_from(i).ok());
        index.ok_or_else(|| format!("expected MON TUE WED THU FRI SAT SUN, got {name:?}"))
    };
    names.iter().map(day).collect()
}

fn hours_of(entries: &[Entry], problems: &mut Problems<'_>) -> Vec<Hours> {
    if entries.first().is_none_or(|e| e.from.is_some() || e.to.is_some() || e.weekdays.is_some() || e.since.is_some()) {
        problems.add("hours", "expected a first entry that always applies, without from, to, weekdays or since".into());
    }
    let mut all = Vec::new();
    for (n, entry) in entries.iter().enumerate() {
        if let Some(hours) = problems.take(&format!("hours entry {}", n + 1), Hours::read(entry)) {
            all.push(hours);
        }
    }
    all
}

impl Hours {
    fn read(entry: &Entry) -> Result<Self, String> {
        let season = match (&entry.from, &entry.to) {
            (None, None) => None,
            (Some(from), Some(to)) => Some((month_day(from)?, month_day(to)?)),
            _ => return Err("from and to go together".into()),
        };
        let weekdays = entry.weekdays.as_deref().map(weekdays_of).transpose()?;
        let since = entry.since.as_deref().map(date_of).transpose()?;
        Ok(Self { season, weekdays, since, spans: spans_from(&entry.spans)? })
    }

    fn applies(&self, date: NaiveDate, listed: Option<ListedKind>) -> bool {
        let day = (date.month(), date.day());
        let in_season = self
            .season
            .is_none_or(|(from, to)| if from <= to { from <= day && day <= to } else { from <= day || day <= to });
        let is_make_up = listed == Some(ListedKind::Workday);
        in_season
            && self.weekdays.as_ref().is_none_or(|days| !is_make_up && days.contains(&date.weekday()))
            && self.since.is_none_or(|since| since <= date)
    }
}

/// The spans of a working day: those of the last entry that applies.
pub(super) fn spans_of(hours: &[Hours], date: NaiveDate, listed: Option<ListedKind>) -> &[(i64, i64)] {
    hours.iter().rev().find(|h| h.applies(date, listed)).map_or(&[], |h| h.spans.as_slice())
}

fn spans_from(texts: &[String]) -> Result<Vec<(i64, i64)>, String> {
    let mut spans: Vec<(i64, i64)> = Vec::new();
    for text in texts {
        let expected = || format!("expected a span such as \"09:00-12:00\", got {text:?}");
        let (from, to) = text.split_once('-').ok_or_else(expected)?;
        let (from, to) = (clock_of(from).ok_or_else(expected)?, clock_of(to).ok_or_else(expected)?);
        if from >= to {
            return Err(format!("expected a span that ends after it starts, got {text:?}"));
        }
        if spans.last().is_some_and(|&(_, end)| from < end) {
            return Err(format!("expected spans in order that do not overlap, got {text:?} after an earlier end"));
        }
        spans.push((from, to));
    }
    Ok(spans)
}

/// Seconds after midnight of `HH:MM`, 24:00 included.
fn clock_of(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |s: &str| (s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse::<i64>().ok())?;
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    let clock = hours * 3600 + minutes * 60;
    (minutes < 60 && clock <= 86_400).then_some(clock)
}

fn month_day(text: &str) -> Result<(u32, u32), String> {
    // A leap year, so that 02-29 can end a season.
    let date = NaiveDate::parse_from_str(&format!("2024-{text}"), "%Y-%m-%d");
    let date = date.map_err(|_| format!("expected a month and day such as \"05-01\", got {text:?}"))?;
    Ok((date.month(), date.day()))
}

fn date_of(text: &str) -> Result<NaiveDate, String> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10);
    date.filter(|d| YEARS.contains(&d.year()))
        .ok_or_else(|| format!("expected a date such as 2026-01-01 from 1970 to 2199, got {text:?}"))
}

fn covered_of(
    file: &File,
    listed: &BTreeMap<NaiveDate, Listed>,
    problems: &mut Problems<'_>,
) -> RangeInclusive<NaiveDate> {
    let edge = |year: i32, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default();
    let first = listed.keys().next().map_or(*YEARS.end(), Datelike::year);
    let last = listed.keys().next_back().map_or(*YEARS.start(), Datelike::year);
    let mut date = |key, text: &Option<String>, default| match text {
        Some(text) => problems.take(key, date_of(text)).unwrap_or(default),
        None => default,
    };
    let from = date("covered_from", &file.covered_from, edge(first, 1, 1));
    let through = date("covered_through", &file.covered_through, edge(last, 12, 31));
    if file.covered_from.is_some() && file.covered_through.is_some() && from > through {
        problems.add("covered_from", format!("expected a date not after covered_through ({through}), got {from}"));
    }
    from..=through
}

impl DayList {
    /// Reads a `date,kind,name` file; every wrong line is named.
    pub fn read(path: &str, text: &str) -> Result<Self, Vec<CalendarProblem>> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).comment(Some(b'#')).from_reader(text.as_bytes());
        let problem = |line: u64, problem: String| CalendarProblem { place: format!("{path}:{line}"), problem };
        let headers: Vec<String> = match reader.headers() {
            Ok(headers) => headers.iter().map(|h| h.trim_start_matches('\u{feff}').trim().to_owned()).collect(),
            Err(e) => return Err(vec![problem(1, e.to_string())]),
        };
        if headers != ["date", "kind", "name"] {
            return Err(vec![problem(1, format!("expected the columns date,kind,name, got {}", headers.join(",")))]);
        }
        let (mut days, mut problems) = (Vec::new(), Vec::new());
        for record in reader.records() {
            match record {
                Ok(record) => {
                    let line = record.position().map_or(0, csv::Position::line);
                    match Self::day(&record) {
                        Ok(day) => days.push(day),
                        Err(wrong) => problems.push(problem(line, wrong)),
                    }
                }
                Err(e) => problems.push(problem(e.position().map_or(0, csv::Position::line), e.to_string())),
            }
        }
        if problems.is_empty() { Ok(Self(days)) } else { Err(problems) }
    }

    fn day(record: &csv::StringRecord) -> Result<(NaiveDate, Listed), String> {
        let [date, kind, name] = [0, 1, 2].map(|i| record.get(i).unwrap_or_default().trim());
        if record.len() != 3 {
            return Err(format!("expected three fields date,kind,name, got {}", record.len()));
        }
        let kind = match kind {
            "holiday" => ListedKind::Holiday,
            "workday" => ListedKind::Workday,
            other => return Err(format!("expected kind holiday or workday, got {other:?}")),
        };
        Ok((date_of(date)?, Listed { kind, name: name.into() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name = \"t\"\ntimezone = \"Asia/Shanghai\"\ndays = \"d.csv\"\n\
                        [[hours]]\nspans = [\"09:00-12:00\", \"13:30-17:30\"]\n";

    fn problems(text: &str, days: &str) -> String {
        let wrong = read_calendar("t.toml", text, &mut |_| Ok(days.to_owned())).expect_err("a problem");
        wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn each_mistake_is_named_with_its_place() {
        let days = "date,kind,name\n2026-01-01,holiday,元旦\n";
        let with = |from: &str, to: &str| problems(&GOOD.replace(from, to), days);
        for (message, says) in [
            (with("Asia/Shanghai", "Asia/Beijing"), "t.toml: timezone: expected a zone"),
            (with("12:00", "14:00"), "t.toml: hours entry 1: expected spans in order that do not overlap"),
            (with("17:30", "25:00"), "got \"13:30-25:00\""),
            (with("17:30", "13:30"), "ends after it starts"),
            (with("09:00-12:00", "9-12"), "expected a span such as"),
            (with("[[hours]]", "[[hours]]\nfrom = \"05-01\""), "expected a first entry that always applies"),
            (with("days", "day"), "unknown field `day`"),
            (with("name = \"t\"", "name = \"t\"\nweekdays = [\"MON\", \"7\"]"), "got \"7\""),
            (
                with("name = \"t\"", "name = \"t\"\ncovered_from = \"2026-13-01\""),
                "t.toml: covered_from: expected a date",
            ),
            (problems(GOOD, "date,kind\n"), "d.csv:1: expected the columns date,kind,name"),
            (problems(GOOD, "date,kind,name\n2026-02-30,holiday,x\n"), "d.csv:2: expected a date"),
            (problems(GOOD, "date,kind,name\n2026-02-20,rest,x\n"), "d.csv:2: expected kind holiday or workday"),
            (problems(GOOD, "date,kind,name\n2026-02-20,holiday\n"), "d.csv:2: expected three fields"),
        ] {
            assert!(message.contains(says), "{says:?} not in {message:?}");
        }
    }

    #[test]
    fn all_problems_come_at_once() {
        let message = problems(&GOOD.replace("Shanghai", "X").replace("12:00", "14:00"), "date,kind,name\nx,y,z\n");
        assert_eq!(message.lines().count(), 3, "{message}");
    }

    #[test]
    fn a_day_list_that_cannot_be_read_is_a_problem_of_its_key() {
        let wrong = read_calendar("t.toml", GOOD, &mut |_| Err("no such file".into())).expect_err("a problem");
        assert_eq!(wrong[0].to_string(), "t.toml: days = \"d.csv\": no such file");
    }

    #[test]
    fn the_later_of_two_day_lists_wins() {
        let text = GOOD.replace("\"d.csv\"", "[\"a.csv\", \"b.csv\"]");
        let calendar = read_calendar("t.toml", &text, &mut |name| {
            let kind = if name == "a.csv" { "holiday" } else { "workday" };
            Ok(format!("date,kind,name\n2026-01-03,{kind},{name}\n"))
        });
        let calendar = calendar.expect("calendar");
        let day = calendar.day(NaiveDate::from_ymd_opt(2026, 1, 3).expect("date")).expect("day");
        assert!(calendar.is_working(day));
    }
}
