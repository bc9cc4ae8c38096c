//! `duban source`: what is watched and how it is doing, a look at its rows, the draft of a mapping, and the word that
//! what a source shows is right.

use std::io::Write;
use std::path::PathBuf;

use chrono_tz::Tz;
use clap::Subcommand;

use super::Caller;
use super::exit::{Exit, Failure};
use super::explain::evidence;
use super::table::Format;
use super::words::source as words;
use crate::config::SourceConfig;
use crate::daemon::wiring::Site;
use crate::store::Store;

mod accept;
mod draft;
mod guess;
pub(super) mod list;
mod place;
mod preview;

/// What can be done with sources.
#[derive(Subcommand)]
pub enum Command {
    /// List the sources and how each is doing
    List {
        /// How the answer is written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Read a source once and show its first rows, raw and mapped; nothing is stored
    Preview {
        /// The source
        #[arg(value_name = "NAME")]
        name: String,
        /// How many rows
        #[arg(long, value_name = "N", default_value_t = 5)]
        rows: usize,
        /// How the answer is written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Propose a mapping, by headers and values, of a file or of what a configured source has
    Guess(Guess),
    /// Say that what a source shows is right though it is not believed: its next poll like that is
    Accept {
        /// The source
        #[arg(value_name = "NAME")]
        name: String,
        /// Really accept, without a question
        #[arg(long)]
        yes: bool,
        /// Who says so; without it, the user who runs the command
        #[arg(long, value_name = "WHO")]
        by: Option<String>,
    },
}

/// What `guess` is given.
#[derive(clap::Args)]
pub struct Guess {
    /// A file (CSV, XLSX, XLS, ODS, SQLite), or the name of a configured source
    #[arg(value_name = "FILE|NAME")]
    pub what: String,
    /// A table of the database, in place of the source's own query
    #[arg(long, value_name = "TABLE")]
    pub table: Option<String>,
    /// The sheet of a spreadsheet, by its name or number; without it, the first
    #[arg(long, value_name = "SHEET")]
    pub sheet: Option<String>,
    /// The first row of the header, as the spreadsheet numbers it; without it, it is found
    #[arg(long, value_name = "N")]
    pub header_row: Option<std::num::NonZeroU32>,
    /// What the source is called; without it, as the file
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// Runs the command.
pub fn run(command: &Command, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    match command {
        Command::List { format } => list::run(*format, caller, out),
        Command::Preview { name, rows, format } => preview::run(name, *rows, *format, caller, out),
        Command::Guess(arguments) => guess::run(arguments, caller, out),
        Command::Accept { name, yes, by } => accept::run(name, *yes, by.as_deref(), caller),
    }
}

impl Caller<'_> {
    /// A source's configuration, by its name.
    fn source_config<'s>(&self, site: &'s Site, name: &str) -> Result<&'s SourceConfig, Failure> {
        let known = || site.config.source.keys().cloned().collect::<Vec<_>>();
        let found = site.config.source.get(name);
        found.ok_or_else(|| Failure::usage(words::unknown(self.language, name, &known())))
    }

    /// The office's zone. A playbook that does not load is no reason to say nothing of the sources.
    pub(super) async fn office_zone(&self, store: Option<&dyn Store>) -> Tz {
        let playbook = evidence::playbook(self, store).await;
        playbook.map_or(Tz::Asia__Shanghai, |playbook| playbook.calendar().zone())
    }

    /// What a command does with the environment's variables.
    fn lookup(&self) -> impl Fn(&str) -> Option<String> {
        |name| self.environment.get(name).map(str::to_owned)
    }
}

/// A path that stands in a configuration, seen from its folder where it lies below it.
fn seen_from(site: &Site, path: &std::path::Path) -> PathBuf {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let base = site.base.canonicalize().unwrap_or_else(|_| site.base.clone());
    whole.strip_prefix(&base).map_or(whole.clone(), std::path::Path::to_owned)
}
