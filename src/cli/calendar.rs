//! `duban calendar`: show a year, check a calendar, import a list of days.

use std::collections::BTreeSet;
use std::io::Write;

use chrono::{Datelike, Days, NaiveDate};
use clap::Subcommand;

use super::Caller;
use super::exit::{Exit, Failure};
use super::table::Format;
use super::words;
use super::{import, year};
use crate::calendars::{self, CalendarError};
use crate::core::calendar::{Calendar, ListedKind, YEARS, missing_year};

/// What `calendar` is asked.
#[derive(Subcommand)]
pub enum Command {
    /// A year at a glance
    Show {
        /// The year
        #[arg(value_parser = clap::value_parser!(i32).range(i64::from(*YEARS.start())..=i64::from(*YEARS.end())))]
        year: i32,
        /// A calendar's name or path
        #[arg(long, value_name = "CALENDAR")]
        calendar: Option<String>,
        /// The form of the answer
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Find everything that is wrong with a calendar
    Check {
        /// A calendar's name or path; else the built-in cn
        file: Option<String>,
    },
    /// Merge a list of days: first the difference, then the merged list
    Import {
        /// CSV (date,kind,name) or JSON ({year, days: [{name, date, isOffDay}]})
        file: std::path::PathBuf,
        /// Merge into this list and write it; else into the calendar's list, and print it
        #[arg(long, value_name = "FILE", conflicts_with = "calendar")]
        into: Option<std::path::PathBuf>,
        /// A calendar's name or path
        #[arg(long, value_name = "CALENDAR")]
        calendar: Option<String>,
    },
}

/// Answers.
pub fn run(command: &Command, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    match command {
        Command::Show { year, calendar, format } => {
            let calendar = caller.calendar(calendar.as_deref())?;
            year::show(&calendar, *year, *format, caller, out)
        }
        Command::Check { file } => check(file.as_deref().unwrap_or(calendars::DEFAULT), caller, out),
        Command::Import { file, into, calendar } => match into {
            Some(into) => import::into_file(file, into, caller),
            None => import::print(file, &caller.calendar(calendar.as_deref())?, caller, out),
        },
    }
}

fn check(wanted: &str, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let language = caller.language;
    let calendar = match calendars::find(wanted, &[]) {
        Ok(calendar) => calendar,
        Err(CalendarError::Wrong { problems }) => {
            for problem in &problems {
                writeln!(out, "{problem}")?;
            }
            return Err(Failure::no(words::problems(language, problems.len())));
        }
        Err(error) => return Err(Failure::usage(words::no_calendar(language, &error))),
    };
    writeln!(out, "{}", words::sound(language, &calendar, calendar.all_listed().count()))?;
    for warning in warnings(&calendar, caller) {
        writeln!(out, "{warning}")?;
    }
    Ok(Exit::Fine)
}

/// What is allowed and probably not meant.
fn warnings(calendar: &Calendar, caller: &Caller<'_>) -> Vec<String> {
    let language = caller.language;
    let listed: Vec<_> = calendar.all_listed().collect();
    let needless = listed
        .iter()
        .filter(|(date, listed)| listed.kind == ListedKind::Workday && is_working_by_weekday(calendar, *date));
    let mut warnings: Vec<String> = needless.map(|(date, _)| words::needless(language, *date)).collect();
    let outside = listed.iter().filter(|(date, _)| !calendar.covered().contains(date));
    warnings.extend(outside.map(|(date, _)| words::outside(language, *date)));
    let years: BTreeSet<i32> = listed.iter().map(|(date, _)| date.year()).collect();
    let covered = calendar.covered().start().year()..=calendar.covered().end().year();
    let empty = covered.filter(|year| !years.is_empty() && !years.contains(year));
    warnings.extend(empty.map(|year| words::empty_year(language, year)));
    let missing = missing_year(calendar, caller.clock.now());
    warnings.extend(missing.map(|(year, level)| words::missing_year(language, year, level)));
    warnings
}

/// Whether the nearest earlier day of the same weekday that is not listed is a working day.
fn is_working_by_weekday(calendar: &Calendar, date: NaiveDate) -> bool {
    let earlier = (1..).map_while(|weeks| date.checked_sub_days(Days::new(7 * weeks)));
    let day = earlier.take_while(|date| YEARS.contains(&date.year())).find(|date| calendar.listed(*date).is_none());
    day.and_then(|date| calendar.day(date).ok()).is_some_and(|day| calendar.is_working(day))
}
