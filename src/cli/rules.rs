//! `duban rules`: which rules there are, what each needs, and which of them run.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

use chrono_tz::Tz;
use clap::Subcommand;

use super::Caller;
use super::exit::{Exit, Failure};
use super::files::{files_below, name_below};
use super::table::Format;
use super::who::By;
use super::words::rules as words;
use crate::daemon::wiring::Site;
use crate::rules::{RuleError, RuleFile, RuleInfo, Rulebook, Tables};
use crate::trial;

mod cards;
mod disable;
mod draft;
mod enable;
mod enabled;
mod list;
mod needs;
mod show;
mod versions;
mod write;

pub use needs::{Need, lacking};
use write::Terms;

/// What can be done with rules.
#[derive(Subcommand)]
pub enum Command {
    /// List the rules: which run, and whether their fields are mapped
    List {
        /// How the answer is written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show a rule: what it carries out, its windows, what it reads, its text
    Show {
        /// The rule
        #[arg(value_name = "NAME")]
        name: String,
        /// How the answer is written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show what rules need and which cards they would raise now; with --yes they run from the next reload on
    Enable(Enable),
    /// Take rules out of those that run
    Disable(Change),
    /// Write a rule from a template, with a test beside it that passes
    New {
        /// What it is called: its file's name without .rhai
        #[arg(value_name = "NAME")]
        name: String,
        /// The kind of items that it is for
        #[arg(long, value_name = "KIND", default_value = "task")]
        kind: String,
    },
    /// List the versions of rules that were ever in force: when, and by whom
    Log {
        /// Only of this rule
        #[arg(value_name = "NAME")]
        name: Option<String>,
        /// How the answer is written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Compare a rule's file with a version that was in force, or two versions
    Diff {
        /// The rule
        #[arg(value_name = "NAME")]
        name: String,
        /// The older version (its first characters); without it, the one in force last
        #[arg(value_name = "VERSION")]
        from: Option<String>,
        /// The newer version; without it, the file
        #[arg(value_name = "VERSION")]
        to: Option<String>,
    },
    /// Put the text of an earlier version in the place of a rule's file
    Rollback {
        /// The rule
        #[arg(value_name = "NAME")]
        name: String,
        /// The version (its first characters)
        #[arg(value_name = "VERSION")]
        to: String,
        /// Really write, without a question
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        by: By,
    },
}

/// What `enable` is given.
#[derive(clap::Args)]
pub struct Enable {
    /// What is changed, and how far.
    #[command(flatten)]
    pub change: Change,
    /// The cards as of this instant; without it, now
    #[arg(long, value_name = "INSTANT")]
    pub at: Option<String>,
}

/// Which rules are to run, or no longer.
#[derive(clap::Args)]
pub struct Change {
    /// The rules
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// Really write, without a question
    #[arg(long)]
    pub yes: bool,
    /// Only show
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Whose name the change carries.
    #[command(flatten)]
    pub by: By,
}

impl Change {
    const fn terms(&self) -> Terms<'_> {
        Terms { yes: self.yes, dry_run: self.dry_run, by: &self.by }
    }
}

/// Runs the command.
pub fn run(command: &Command, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    match command {
        Command::List { format } => list::run(*format, caller, out),
        Command::Show { name, format } => show::run(name, *format, caller, out),
        Command::Enable(arguments) => enable::run(arguments, caller, out),
        Command::Disable(arguments) => disable::run(arguments, caller),
        Command::New { name, kind } => draft::run(name, kind, caller, out),
        Command::Log { name, format } => versions::log(name.as_deref(), *format, caller, out),
        Command::Diff { name, from, to } => versions::diff(name, from.as_deref(), to.as_deref(), caller, out),
        Command::Rollback { name, to, yes, by } => {
            versions::rollback(name, to, Terms { yes: *yes, dry_run: false, by }, caller, out)
        }
    }
}

/// The folder of a configuration's rules.
struct Shelf {
    site: Site,
    folder: PathBuf,
    tables: Tables,
}

impl Shelf {
    fn open(caller: &Caller<'_>) -> Result<Self, Failure> {
        let site = caller.site()?;
        let folder = site.config.rules_folder(&site.base);
        let tables = trial::tables(&folder).map_err(|problem| Failure::configuration(problem.to_string()))?;
        Ok(Self { site, folder, tables })
    }

    /// All rules: those that have a file, and those that are enabled without one.
    fn names(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = self.site.config.rules.enabled.iter().cloned().collect();
        names.extend(files_below(&self.folder, "rhai").iter().map(|path| name_below(&self.folder, path)));
        names
    }

    fn is_enabled(&self, name: &str) -> bool {
        self.site.config.rules.enabled.iter().any(|enabled| enabled == name)
    }

    /// The file of a rule, which need not be there.
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.rhai"))
    }

    /// A rule, compiled alone.
    fn rule(&self, name: &str) -> Result<RuleInfo, Vec<String>> {
        let path = self.path(name);
        let shown = path.strip_prefix(&self.site.base).unwrap_or(&path).display().to_string();
        let text = crate::calendars::read_text(&path).map_err(|error| vec![format!("{shown}: {error}")])?;
        let file = RuleFile { name: name.to_owned(), path: shown, text };
        let told = |errors: Vec<RuleError>| errors.iter().map(ToString::to_string).collect::<Vec<_>>();
        // Nothing is judged here, so it does not matter where midnight is.
        let book = Rulebook::compile(&[file], &self.tables, Tz::UTC).map_err(told)?;
        book.rules().next().ok_or_else(Vec::new)
    }

    /// The rules of these names, each once; one that has no file is wrong usage.
    fn wanted(&self, names: &[String], caller: &Caller<'_>) -> Result<Vec<String>, Failure> {
        let known = self.names();
        let mut wanted: Vec<String> = Vec::new();
        for name in names {
            if !known.contains(name) {
                let known: Vec<String> = known.into_iter().collect();
                return Err(Failure::usage(words::unknown(caller.language, name, &known)));
            }
            if !wanted.contains(name) {
                wanted.push(name.clone());
            }
        }
        Ok(wanted)
    }

    /// The same configuration with other rules enabled.
    fn with_enabled(&self, names: &[String]) -> Site {
        let mut site = self.site.clone();
        site.config.rules.enabled = names.to_vec();
        site
    }
}

/// All of a list, or a word for none.
pub(super) fn listed<'t>(
    language: crate::tell::language::Language,
    names: impl IntoIterator<Item = &'t str>,
) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    if names.is_empty() { words::none(language).to_owned() } else { names.join(words::comma(language)) }
}
