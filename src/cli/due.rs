//! `duban due`: when a limit is due, for one start or line by line.

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
use crate::core::course::Course;
use crate::core::limit::YellowDefault;
use crate::core::reading::{Reading, read};
use crate::core::sum::Sum;
use crate::core::window::Window;
use crate::tell::{sum, time_words};

/// What `due` is asked.
#[derive(Args)]
pub struct Arguments {
    /// The start, such as 2026-03-02T10:00; without an offset on the clock of the calendar's place
    #[arg(long, value_name = "T", required_unless_present = "batch")]
    from: Option<String>,
    /// The limit, such as 10wd, 4.5wh or 15d@work
    #[arg(long, value_name = "LIMIT", required_unless_present = "batch")]
    limit: Option<String>,
    /// A calendar's name or path
    #[arg(long, value_name = "CALENDAR")]
    calendar: Option<String>,
    /// When the clock stood still; an empty end means that it still does; may be given often
    #[arg(long, value_name = "A/B")]
    pause: Vec<String>,
    /// Say day by day how the due instant came about
    #[arg(long)]
    explain: bool,
    /// The form of the answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Answer a CSV file (- for stdin) line by line; columns from,limit,pauses
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "limit", "pause", "explain", "format"])]
    batch: Option<String>,
}

const BATCH: Batch = Batch { required: ["from", "limit"], optional: "pauses", answers: &["due_at", "provisional"] };

/// Answers.
pub fn run(arguments: &Arguments, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let calendar = caller.calendar(arguments.calendar.as_deref())?;
    if let Some(file) = &arguments.batch {
        return BATCH.run(file, caller, out, |fields| line(&calendar, fields).map_err(|error| error.to_string()));
    }
    let asked = Asked::read(arguments, &calendar, caller)?;
    match arguments.format {
        Format::Table => asked.tell(arguments.explain, caller, out)?,
        Format::Json => write_json(&asked.json(arguments.explain), out)?,
        Format::Csv if arguments.explain => days(&asked.sum).write(Format::Csv, &[], out)?,
        Format::Csv => asked.row().write(Format::Csv, &[], out)?,
    }
    Ok(Exit::Fine)
}

/// One line of a batch.
fn line(calendar: &Calendar, [from, limit, pauses]: [&str; 3]) -> Result<Vec<String>, Unreadable> {
    let zone = calendar.zone();
    let from = given::instant(from, zone)?;
    let course = Course::new(calendar, given::limit(limit)?, 0, from.timestamp(), &given::pauses(pauses, zone)?)?;
    let Some(due) = course.due()? else { return Ok(vec![String::new(), "false".to_owned()]) };
    let provisional = course.is_provisional(due)?;
    let due_at = Instant::from_timestamp(due, 0).unwrap_or(Instant::MAX_UTC);
    Ok(vec![written(calendar, due_at), provisional.to_string()])
}

/// One question with its answer.
struct Asked<'a> {
    calendar: &'a Calendar,
    reading: Reading,
    sum: Sum,
}

impl<'a> Asked<'a> {
    fn read(arguments: &Arguments, calendar: &'a Calendar, caller: &Caller<'_>) -> Result<Self, Failure> {
        let zone = calendar.zone();
        let wrong = |argument: &str| {
            let argument = argument.to_owned();
            move |error: Unreadable| {
                let sentence = words::cannot_read(caller.language, &error);
                Failure::usage(words::about(caller.language, &argument, &sentence))
            }
        };
        let from = given::instant(arguments.from.as_deref().unwrap_or_default(), zone).map_err(wrong("--from"))?;
        let limit = given::limit(arguments.limit.as_deref().unwrap_or_default()).map_err(wrong("--limit"))?;
        let pauses = arguments.pause.iter().map(|text| given::pause(text, zone)).collect::<Result<Vec<_>, _>>();
        let window = Window { pauses: pauses.map_err(wrong("--pause"))?, ..Window::new("due", limit, Some(from)) };
        // Everything that was said has happened.
        let now = window.pauses.iter().map(|pause| pause.from).fold(from, Instant::max);
        let beyond = |error| wrong("--from")(Unreadable::Beyond(error));
        let reading = read(&window, calendar, &YellowDefault::default(), now).map_err(beyond)?;
        let sum = Sum::of(&window, calendar, now).map_err(beyond)?;
        let sum = sum.ok_or_else(|| Failure::internal("a window with a start has a sum"))?;
        Ok(Self { calendar, reading, sum })
    }

    fn tell(&self, explain: bool, caller: &Caller<'_>, out: &mut dyn Write) -> Result<(), Failure> {
        let (language, zone) = (caller.language, self.calendar.zone());
        let due = self.reading.due_at.map(|due| {
            let day = (due - chrono::TimeDelta::seconds(1)).with_timezone(&zone).date_naive();
            format!("{} ({})", time_words::due(due, zone, language), time_words::weekday(day, language))
        });
        let due = due.unwrap_or_else(|| words::open_pause(language).to_owned());
        let mut rows = vec![vec![words::due(language).to_owned(), due]];
        if let Some(yellow) = self.reading.yellow_at {
            let day = yellow.with_timezone(&zone).date_naive();
            let text = format!("{} ({})", time_words::instant(yellow, zone), time_words::weekday(day, language));
            rows.push(vec![words::yellow(language).to_owned(), text]);
        }
        if self.reading.provisional {
            rows.push(vec![words::note(language).to_owned(), words::provisional(language, self.calendar)]);
        }
        write!(out, "{}", align(&rows))?;
        if explain {
            writeln!(out)?;
            for line in sum::lines(&self.sum, language) {
                writeln!(out, "{line}")?;
            }
        }
        Ok(())
    }

    fn json(&self, explain: bool) -> Value {
        let mut answer = json!({
            "from": written(self.calendar, self.sum.from),
            "limit": self.sum.limit,
            "calendar": self.calendar.name(),
            "calendar_version": self.calendar.version().to_string(),
            "due_at": self.reading.due_at.map(|at| written(self.calendar, at)),
            "provisional": self.reading.provisional,
            "yellow_at": self.reading.yellow_at.map(|at| written(self.calendar, at)),
        });
        if explain {
            answer["sum"] = self.sum.json();
        }
        answer
    }

    fn row(&self) -> Table {
        const COLUMNS: [&str; 6] = ["from", "limit", "calendar", "due_at", "provisional", "yellow_at"];
        let answer = self.json(false);
        let mut table = Table::new(&COLUMNS);
        table.add(COLUMNS.map(|column| answer[column].clone()).into());
        table
    }
}

/// The days of a sum as rows.
fn days(sum: &Sum) -> Table {
    const COLUMNS: [&str; 8] = ["date", "kind", "name", "covered", "part", "nth", "seconds", "total"];
    let mut table = Table::new(&COLUMNS);
    for day in sum.json()["days"].as_array().into_iter().flatten() {
        table.add(COLUMNS.map(|key| day[key].clone()).into());
    }
    table
}

/// An instant for programs: RFC 3339 with the calendar's offset.
fn written(calendar: &Calendar, at: Instant) -> String {
    calendar.local(at).to_rfc3339_opts(SecondsFormat::Secs, false)
}
