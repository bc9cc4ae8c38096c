//! `duban elapsed`: how much working time lies between two instants, for one pair or line by line.

use std::io::Write;

use chrono::SecondsFormat;
use clap::Args;
use serde_json::{Value, json};

use super::Caller;
use super::batch::Batch;
use super::exit::{Exit, Failure};
use super::given::{self, Unreadable};
use super::table::{Format, Table, align, write_json};
use super::words;
use crate::core::Instant;
use crate::core::calendar::Calendar;
use crate::core::elapsed::worked;
use crate::core::item::Pause;
use crate::tell::language::Language;
use crate::tell::time_words;

/// What `elapsed` is asked.
#[derive(Args)]
pub struct Arguments {
    /// The start, such as 2026-03-02T10:00; without an offset on the clock of the calendar's place
    #[arg(long, value_name = "T", required_unless_present = "batch")]
    from: Option<String>,
    /// The end
    #[arg(long, value_name = "T", required_unless_present = "batch")]
    to: Option<String>,
    /// A calendar's name or path
    #[arg(long, value_name = "CALENDAR")]
    calendar: Option<String>,
    /// When the clock stood still; an empty end means that it still does; may be given often
    #[arg(long, value_name = "A/B")]
    pause: Vec<String>,
    /// The form of the answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Answer a CSV file (- for stdin) line by line; columns from,to,pauses
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "to", "pause", "format"])]
    batch: Option<String>,
}

const BATCH: Batch = Batch { required: ["from", "to"], optional: "pauses", answers: &["working_minutes"] };

/// Answers.
pub fn run(arguments: &Arguments, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let calendar = caller.calendar(arguments.calendar.as_deref())?;
    if let Some(file) = &arguments.batch {
        return BATCH.run(file, caller, out, |fields| line(&calendar, fields).map_err(|error| error.to_string()));
    }
    let asked = Asked::read(arguments, &calendar).map_err(|(argument, error)| {
        Failure::usage(words::about(caller.language, argument, &words::cannot_read(caller.language, &error)))
    })?;
    match arguments.format {
        Format::Table => write!(out, "{}", asked.words(caller.language))?,
        Format::Json => write_json(&asked.json(), out)?,
        Format::Csv => asked.row().write(Format::Csv, &[], out)?,
    }
    Ok(Exit::Fine)
}

/// One question with its answer.
struct Asked<'a> {
    calendar: &'a Calendar,
    from: Instant,
    to: Instant,
    seconds: i64,
}

impl<'a> Asked<'a> {
    /// Reads the arguments; else which of them is wrong.
    fn read(arguments: &Arguments, calendar: &'a Calendar) -> Result<Self, (&'static str, Unreadable)> {
        let zone = calendar.zone();
        let read = |name, text| given::instant(text, zone).map_err(|error| (name, error));
        let from = read("--from", arguments.from.as_deref().unwrap_or_default())?;
        let to = read("--to", arguments.to.as_deref().unwrap_or_default())?;
        let pauses = arguments.pause.iter().map(|text| given::pause(text, zone)).collect::<Result<Vec<_>, _>>();
        let pauses = pauses.map_err(|error| ("--pause", error))?;
        let seconds = seconds(calendar, from, to, &pauses, arguments.to.as_deref().unwrap_or_default());
        Ok(Self { calendar, from, to, seconds: seconds.map_err(|error| ("--to", error))? })
    }

    fn words(&self, language: Language) -> String {
        let time = time_words::span(self.seconds, language);
        let time = format!("{time}{}", words::minutes(language, &minutes(self.seconds)));
        let mut rows = vec![vec![words::working_time(language).to_owned(), time]];
        if self.is_provisional() {
            rows.push(vec![words::note(language).to_owned(), words::provisional(language, self.calendar)]);
        }
        align(&rows)
    }

    fn json(&self) -> Value {
        json!({
            "from": self.written(self.from),
            "to": self.written(self.to),
            "calendar": self.calendar.name(),
            "working_minutes": minutes(self.seconds).parse::<serde_json::Number>().ok(),
            "provisional": self.is_provisional(),
        })
    }

    fn row(&self) -> Table {
        const COLUMNS: [&str; 5] = ["from", "to", "calendar", "working_minutes", "provisional"];
        let answer = self.json();
        let mut table = Table::new(&COLUMNS);
        table.add(COLUMNS.map(|column| answer[column].clone()).into());
        table
    }

    /// Whether a day between the two is one that the calendar's list does not speak for.
    fn is_provisional(&self) -> bool {
        let day = |at: Instant| self.calendar.day_of(at.timestamp());
        day(self.from).and_then(|from| Ok(self.calendar.is_provisional(from, day(self.to)?))).unwrap_or(true)
    }

    fn written(&self, at: Instant) -> String {
        self.calendar.local(at).to_rfc3339_opts(SecondsFormat::Secs, false)
    }
}

/// One line of a batch.
fn line(calendar: &Calendar, [from, to, pauses]: [&str; 3]) -> Result<Vec<String>, Unreadable> {
    let zone = calendar.zone();
    let (start, end) = (given::instant(from, zone)?, given::instant(to, zone)?);
    Ok(vec![minutes(seconds(calendar, start, end, &given::pauses(pauses, zone)?, to)?)])
}

fn seconds(
    calendar: &Calendar,
    from: Instant,
    to: Instant,
    pauses: &[Pause],
    written: &str,
) -> Result<i64, Unreadable> {
    if to < from {
        return Err(Unreadable::Reversed(written.trim().chars().take(60).collect()));
    }
    Ok(worked(calendar, from, to, pauses)?)
}

/// Seconds as minutes: `90`, `1.5`, `0.0167`; at most four places, rounded to the nearest.
fn minutes(seconds: i64) -> String {
    let (whole, rest) = (seconds / 60, seconds % 60);
    let places = (rest * 10_000 + 30) / 60;
    let text = format!("{whole}.{places:04}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_exact_to_the_second() {
        for (seconds, expected) in [
            (0, "0"),
            (60, "1"),
            (90, "1.5"),
            (1, "0.0167"),
            (59, "0.9833"),
            (5_400, "90"),
            (6_000, "100"),
            (20, "0.3333"),
        ] {
            assert_eq!(minutes(seconds), expected);
        }
        for seconds in 0..60 {
            let read: f64 = minutes(seconds).parse().expect("a number");
            #[expect(clippy::cast_precision_loss)]
            let exact = seconds as f64;
            assert!((read * 60.0 - exact).abs() < 0.01, "comes back to the same second");
        }
    }
}
