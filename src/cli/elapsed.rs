//! `duban elapsed`: how much working time lies between two instants, for one pair or line by line.

use std::io::Write;

use chrono::SecondsFormat;
use clap::Args;
use serde_json::json;

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
    let zone = calendar.zone();
    let (mut argument, text) = ("--from", |text: &Option<String>| text.clone().unwrap_or_default());
    let mut answer = || {
        let from = given::instant(&text(&arguments.from), zone)?;
        argument = "--to";
        let to = given::instant(&text(&arguments.to), zone)?;
        argument = "--pause";
        let pauses = arguments.pause.iter().map(|text| given::pause(text, zone)).collect::<Result<Vec<_>, _>>()?;
        argument = "--to";
        Ok((from, to, seconds(&calendar, from, to, &pauses, &text(&arguments.to))?))
    };
    let answer: Result<_, Unreadable> = answer();
    let (from, to, seconds) = answer.map_err(|error| {
        Failure::usage(words::about(caller.language, argument, &words::cannot_read(caller.language, &error)))
    })?;
    let written = |at: Instant| calendar.local(at).to_rfc3339_opts(SecondsFormat::Secs, false);
    let minutes = minutes(seconds);
    match arguments.format {
        Format::Table => {
            let language = caller.language;
            let time = time_words::span(seconds, language);
            let mut rows = vec![vec![
                words::working_time(language).to_owned(),
                format!("{time}{}", words::minutes(language, &minutes)),
            ]];
            if is_provisional(&calendar, from, to) {
                rows.push(vec![words::note(language).to_owned(), words::provisional(language, &calendar)]);
            }
            write!(out, "{}", align(&rows))?;
        }
        Format::Json => write_json(
            &json!({
                "from": written(from), "to": written(to), "calendar": calendar.name(),
                "working_minutes": minutes.parse::<serde_json::Number>().ok(),
                "provisional": is_provisional(&calendar, from, to),
            }),
            out,
        )?,
        Format::Csv => {
            let mut table = Table::new(&["from", "to", "calendar", "working_minutes"]);
            table.add(vec![written(from).into(), written(to).into(), (**calendar.name()).into(), minutes.into()]);
            table.write(Format::Csv, &[], out)?;
        }
    }
    Ok(Exit::Fine)
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

fn is_provisional(calendar: &Calendar, from: Instant, to: Instant) -> bool {
    let days = calendar.day_of(from.timestamp()).and_then(|from| Ok((from, calendar.day_of(to.timestamp())?)));
    days.is_ok_and(|(from, to)| calendar.is_provisional(from, to))
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
