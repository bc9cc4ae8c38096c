//! `duban contacts`: the lists of people: checked, replaced, given out; who is away.
//!
//! **Invariant:** a list is replaced whole, in one step, with the old one kept beside it, or not at all; what does not
//! read, or is wrong, replaces nothing. What runs is not touched: a reload takes the lists.

use std::io::Write;
use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::Caller;
use super::exit::{Exit, Failure};
use super::table::{Format, write_json};
use super::words::contacts as words;
use crate::core::line::plain_lines;
use crate::tell::people::written;

mod away;
mod check;
mod import;
mod lists;

use lists::Lists;

/// What can be done with the lists of people.
#[derive(Subcommand)]
pub enum Command {
    /// Find what is wrong or doubtful about contacts and absences; exit 1 if anything is wrong
    Check {
        /// A list that would take the place of the contacts; without it, the configured one
        file: Option<PathBuf>,
        /// How the answer is written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Put a list (CSV, XLSX) in the place of the contacts; shows first what changes
    Import {
        /// The list
        file: PathBuf,
        /// Only show what would change
        #[arg(long)]
        dry_run: bool,
        /// How the answer is written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Print the contacts: as CSV that a spreadsheet gives back unharmed, or as JSON
    Export {
        /// Print the absences instead
        #[arg(long)]
        absences: bool,
        /// How they are written
        #[arg(long, value_enum, default_value_t)]
        format: ExportFormat,
    },
    /// Write down who is away, list it, or end it
    Away(away::Arguments),
}

/// How lists are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ExportFormat {
    #[default]
    Csv,
    Json,
}

/// Runs the command.
pub fn run(command: &Command, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    match command {
        Command::Check { file, format } => check::run(file.as_deref(), *format, caller, out),
        Command::Import { file, dry_run, format } => import::run(file, *dry_run, *format, caller, out),
        Command::Export { absences, format } => export(*absences, *format, caller, out),
        Command::Away(arguments) => away::run(arguments, caller, out),
    }
}

fn export(absences: bool, format: ExportFormat, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let lists = Lists::read(None, caller)?;
    let directory = lists.directory.map_err(|faults| Failure::no(lists::told(&faults, caller.language)))?;
    match (format, absences) {
        (ExportFormat::Csv, false) => out.write_all(written::contacts(directory.all()).as_bytes())?,
        (ExportFormat::Csv, true) => out.write_all(written::absences(directory.absences()).as_bytes())?,
        (ExportFormat::Json, false) => write_json(&json!(directory.all()), out)?,
        (ExportFormat::Json, true) => write_json(&json!(directory.absences()), out)?,
    }
    Ok(Exit::Fine)
}

/// Says how what was written comes into force.
fn say_next(caller: &Caller<'_>) {
    super::say(&plain_lines(words::next(caller.language)));
}
