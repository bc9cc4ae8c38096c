//! `duban check`: everything that can be wrong before it runs, all at once.
//!
//! **Invariant:** it loads what `run` loads, by the same code, and changes nothing: no store, no message.

use std::io::Write;

use clap::Args;

use super::Caller;
use super::exit::{Exit, Failure};
use super::table::{Format, Table};
use super::words;
use crate::config::ConfigProblem;
use crate::core::line::plain_lines;
use crate::daemon::wiring::{Site, Wiring};

mod doubts;
mod online;
mod overview;
pub(super) mod people;
mod routes;

/// What `check` is given.
#[derive(Args)]
pub struct Arguments {
    /// Also poll every source once
    #[arg(long)]
    pub online: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Something to say about a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// How much it weighs.
    pub weight: Weight,
    /// The file and the place in it, or the part.
    pub place: String,
    /// What there is to say.
    pub text: String,
}

/// How much a remark weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It does not run like this.
    Problem,
    /// It runs, and is probably not meant like this.
    Warning,
    /// What was looked at.
    Note,
}

impl Weight {
    /// The identifier in JSON and CSV.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Problem => "problem",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl Remark {
    /// It does not run like this.
    pub fn problem(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { weight: Weight::Problem, place: place.into(), text: text.into() }
    }

    /// It is probably not meant like this.
    pub fn warning(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { weight: Weight::Warning, place: place.into(), text: text.into() }
    }

    /// What was looked at.
    pub fn note(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { weight: Weight::Note, place: place.into(), text: text.into() }
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let mut remarks = match load(caller) {
        Ok((site, wiring)) => {
            let mut remarks = doubts::all(&site, &wiring, caller);
            if arguments.online {
                remarks.extend(online::poll(&wiring, caller)?);
            }
            remarks.extend(overview::all(&wiring, caller));
            remarks
        }
        Err(problems) => problems.into_iter().map(|p| Remark::problem(p.place, p.problem)).collect(),
    };
    remarks.sort_by_key(|remark| remark.weight);
    write(&remarks, arguments.format, caller, out)?;
    let count = |weight| remarks.iter().filter(|remark| remark.weight == weight).count();
    match count(Weight::Problem) {
        0 => {
            crate::cli::say(&words::check::fine(caller.language, count(Weight::Warning)));
            Ok(Exit::Fine)
        }
        problems => Err(Failure::no(words::problems(caller.language, problems))),
    }
}

/// Everything that `run` loads, without a store.
fn load(caller: &Caller<'_>) -> Result<(Site, Wiring), Vec<ConfigProblem>> {
    let site = Site::read(&caller.config_path())?;
    let wiring = site.wire(&[], None, &|name| caller.environment.get(name).map(str::to_owned))?;
    Ok((site, wiring))
}

/// Writes remarks in their order.
pub fn write(remarks: &[Remark], format: Format, caller: &Caller<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    if format == Format::Table {
        for Remark { weight, place, text } in remarks {
            let colour = match weight {
                Weight::Problem => "\u{1b}[31m",
                Weight::Warning => "\u{1b}[33m",
                Weight::Note => "",
            };
            let (start, end) = if caller.has_colour && !colour.is_empty() { (colour, "\u{1b}[0m") } else { ("", "") };
            let before = words::check::weight(caller.language, *weight);
            writeln!(out, "{start}{before}{end}{}", words::about(caller.language, place, &plain_lines(text)))?;
        }
        return Ok(());
    }
    let mut table = Table::new(&["weight", "place", "text"]);
    for Remark { weight, place, text } in remarks {
        table.add(vec![weight.word().into(), place.as_str().into(), text.as_str().into()]);
    }
    table.write(format, &[], out)
}
