//! `duban calendar import`: merges a list of days, as the yearly notice gives it, into another.
//!
//! **Invariant:** an import adds and changes days and removes none; what changes is said before anything is written,
//! and a list is replaced whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use chrono::{Datelike, NaiveDate};
use serde::Deserialize;

use super::exit::{Exit, Failure};
use super::replacement::{Before, replace};
use super::words;
use super::{Caller, say};
use crate::calendars::{self, CalendarError};
use crate::core::calendar::{Calendar, DayList, Listed, ListedKind, YEARS};

type Listing = BTreeMap<NaiveDate, Listed>;

/// A year's holidays in the widespread JSON form.
#[derive(Deserialize)]
struct Year {
    days: Vec<YearDay>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct YearDay {
    name: String,
    date: NaiveDate,
    is_off_day: bool,
}

/// Prints a calendar's list with `file` merged in.
pub fn print(file: &Path, calendar: &Calendar, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let known = calendar.all_listed().map(|(date, listed)| (date, listed.clone())).collect();
    let merged = merge(known, read(file, caller)?, caller);
    out.write_all(&text_of(&merged)?)?;
    Ok(Exit::Fine)
}

/// Merges `file` into the list in another file, which may be new; its comments stay.
pub fn into_file(file: &Path, into: &Path, caller: &Caller<'_>) -> Result<Exit, Failure> {
    let mut comments = String::new();
    let mut known = Listing::new();
    if into.exists() {
        let text = calendars::read_text(into).map_err(|error| unreadable(into, &error, caller))?;
        let path = into.to_string_lossy();
        known = DayList::read(&path, &text)
            .map_err(|problems| no_list(into, &CalendarError::Wrong { problems }, caller))?
            .0
            .into_iter()
            .collect();
        comments = text.lines().filter(|line| line.starts_with('#')).flat_map(|line| [line, "\n"]).collect();
    }
    let merged = merge(known, read(file, caller)?, caller);
    let mut text = comments.into_bytes();
    text.extend(text_of(&merged)?);
    replace(into, &text, Before::Dropped).map_err(|error| unreadable(into, &error, caller))?;
    Ok(Exit::Fine)
}

fn read(file: &Path, caller: &Caller<'_>) -> Result<Listing, Failure> {
    let text = calendars::read_text(file).map_err(|error| unreadable(file, &error, caller))?;
    if !text.trim_start().starts_with('{') {
        let list = DayList::read(&file.to_string_lossy(), &text);
        let list = list.map_err(|problems| no_list(file, &CalendarError::Wrong { problems }, caller))?;
        return Ok(list.0.into_iter().collect());
    }
    let year: Year = serde_json::from_str(&text)
        .map_err(|error| Failure::no(words::no_list(caller.language, &file.to_string_lossy(), &error.to_string())))?;
    let day = |day: YearDay| {
        let kind = if day.is_off_day { ListedKind::Holiday } else { ListedKind::Workday };
        (day.date, Listed { kind, name: day.name.trim().into() })
    };
    let listing: Listing = year.days.into_iter().map(day).collect();
    match listing.keys().find(|date| !YEARS.contains(&date.year())) {
        Some(date) => {
            let problem = words::date_outside(caller.language, *date);
            Err(Failure::no(words::no_list(caller.language, &file.to_string_lossy(), &problem)))
        }
        None => Ok(listing),
    }
}

/// Says what changes, and merges.
fn merge(mut known: Listing, news: Listing, caller: &Caller<'_>) -> Listing {
    let (mut added, mut changed, mut same) = (0, 0, 0);
    for (date, listed) in &news {
        match known.get(date) {
            Some(before) if before == listed => same += 1,
            Some(before) => {
                changed += 1;
                say(&format!("- {}", row(*date, before).join(",")));
                say(&format!("+ {}", row(*date, listed).join(",")));
            }
            None => {
                added += 1;
                say(&format!("+ {}", row(*date, listed).join(",")));
            }
        }
    }
    say(&words::imported(caller.language, added, changed, same));
    let years: BTreeSet<i32> = news.keys().map(Datelike::year).collect();
    let kept = known.keys().filter(|date| years.contains(&date.year()) && !news.contains_key(date)).count();
    if kept > 0 {
        say(&words::kept(caller.language, kept));
    }
    let last = known.keys().next_back().map(Datelike::year);
    if let Some(year) = years.last().copied().filter(|year| last < Some(*year)) {
        say(&words::coverage_hint(caller.language, year));
    }
    known.extend(news);
    known
}

fn row(date: NaiveDate, listed: &Listed) -> [String; 3] {
    let kind = match listed.kind {
        ListedKind::Holiday => "holiday",
        ListedKind::Workday => "workday",
    };
    [date.to_string(), kind.to_owned(), listed.name.to_string()]
}

fn text_of(listing: &Listing) -> Result<Vec<u8>, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| Failure::internal(error.to_string());
    writer.write_record(["date", "kind", "name"]).map_err(failed)?;
    for (date, listed) in listing {
        writer.write_record(row(*date, listed)).map_err(failed)?;
    }
    writer.into_inner().map_err(|error| Failure::internal(error.to_string()))
}

fn unreadable(file: &Path, error: &std::io::Error, caller: &Caller<'_>) -> Failure {
    Failure::usage(words::unreadable(caller.language, file, error))
}

fn no_list(file: &Path, error: &CalendarError, caller: &Caller<'_>) -> Failure {
    Failure::no(words::no_list(caller.language, &file.to_string_lossy(), &error.to_string()))
}
