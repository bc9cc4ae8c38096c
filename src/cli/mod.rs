//! The command line: arguments in, data on stdout, words on stderr, an exit status out.
//!
//! A command is a file: its arguments as a type, and a function that takes them with the [`Caller`] and writes its data.
//!
//! **Invariant:** identifiers, columns and JSON are English in every language; sentences for people stand in [`words`];
//! nothing here decides what the pure core can decide.

use std::io::{BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::calendars::{self, CalendarError};
use crate::core::calendar::Calendar;
use crate::core::line::plain_lines;
use crate::tell::language::Language;
use crate::time::Clock;
use environment::Environment;
use exit::{Exit, Failure};

pub mod environment;

pub mod exit;

pub mod words;

mod help;

mod table;

mod files;

mod given;

mod batch;

mod due;

mod elapsed;

mod calendar;

mod year;

mod import;

mod site;

mod who;

mod question;

mod log;

mod run;

mod demo;

mod check;
mod contacts;

mod test;

mod evaluate;

mod explain;

mod routes;

mod rules;

mod silence;

mod remark;

mod ack;

mod deliveries;

mod orders;

mod send_test;

mod ctl;

mod source;

mod place;

mod replacement;

mod audit;

mod backup;

mod restore;

mod migrate;

/// Who calls: in which language to answer, and what the process was given.
pub(crate) struct Caller<'a> {
    language: Language,
    has_colour: bool,
    clock: &'a dyn Clock,
    environment: &'a Environment,
    /// `--config`, as typed.
    config: Option<PathBuf>,
}

/// Watches the deadlines of other systems, raises yellow and red cards, and proves that the right people were told
#[derive(Parser)]
#[command(name = "duban", version, subcommand_required = true, arg_required_else_help = true)]
#[command(disable_help_flag = true, disable_version_flag = true, disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
    // The help page shows no markup, so the names stand without backticks.
    #[expect(clippy::doc_markdown)]
    /// The language for people; else DUBAN_LANG, else LANG, else zh-CN
    #[arg(long, global = true, display_order = 100, value_name = "LANG", value_parser = languages())]
    lang: Option<String>,
    #[expect(clippy::doc_markdown)]
    /// The configuration; else DUBAN_CONFIG, else /etc/duban/duban.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print help
    #[arg(long, short, global = true, display_order = 101, action = ArgAction::Help)]
    help: Option<bool>,
    /// Print the version
    #[arg(long, short = 'V', display_order = 102, action = ArgAction::Version)]
    version: Option<bool>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the daemon
    Run(run::Arguments),
    /// Show a made-up city at work
    Demo(demo::Arguments),
    /// Find everything that can be wrong before it runs
    Check(check::Arguments),
    /// Run rule tests
    Test(test::Arguments),
    /// Poll once, judge, and print; nothing is written
    Evaluate(evaluate::Arguments),
    /// Say why: an item's clocks and cards, or a delivery
    Explain(explain::Arguments),
    /// Show who would be told
    Routes {
        #[command(subcommand)]
        command: routes::Command,
    },
    /// List rules, show what they need, let them run or not, write new ones, see their versions
    Rules {
        #[command(subcommand)]
        command: rules::Command,
    },
    /// Be quiet about some cards for a time
    Silence {
        #[command(subcommand)]
        command: silence::Command,
    },
    /// Put on record what only stands on paper: pauses, extensions, times, exemptions, wrong cards
    Remark {
        #[command(subcommand)]
        command: remark::Command,
    },
    /// Sign for a card: somebody has taken it
    Ack(ack::Arguments),
    /// Orders: what follows on cards that nobody answers
    Orders {
        #[command(subcommand)]
        command: orders::Command,
    },
    /// Check, replace and give out the lists of people; who is away
    Contacts {
        #[command(subcommand)]
        command: contacts::Command,
    },
    /// List, show, retry, cancel and release deliveries
    Deliveries {
        #[command(subcommand)]
        command: deliveries::Command,
    },
    /// Send a test message to a receiver
    SendTest(send_test::Arguments),
    /// List sources, look at their rows, draft a mapping, accept what is in doubt
    Source {
        #[command(subcommand)]
        command: source::Command,
    },
    /// Show how everything is doing, end the rehearsal, confirm the clock
    Ctl {
        #[command(subcommand)]
        command: ctl::Command,
    },
    /// Show and verify who did what, when and why
    Audit {
        #[command(subcommand)]
        command: audit::Command,
    },
    /// Copy the store, also while the daemon runs
    Backup(backup::Arguments),
    /// Put a copy in the place of the store
    Restore(restore::Arguments),
    /// Bring the store's tables up to date, or move everything into another store
    Migrate(migrate::Arguments),
    /// When a limit is due
    Due(due::Arguments),
    /// How much working time lies between two instants
    Elapsed(elapsed::Arguments),
    /// Show, check and extend calendars
    Calendar {
        #[command(subcommand)]
        command: calendar::Command,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Runs one command to its end.
pub fn run(environment: &Environment, clock: &dyn Clock) -> Exit {
    let language = words::language(environment);
    let mut caller = Caller { language, has_colour: environment.has_colour(), clock, environment, config: None };
    let mut out = BufWriter::new(std::io::stdout().lock());
    // A bug in one answer is an internal error, said on stderr by the panic itself.
    let ended = catch_unwind(AssertUnwindSafe(|| answer(environment, &mut caller, &mut out)));
    let ended = ended.unwrap_or_else(|_| Err(Failure::internal(words::broke(language))));
    let ended = out.flush().map_err(Failure::from).and(ended);
    ended.unwrap_or_else(|failure| {
        if !failure.sentence.is_empty() {
            say(&failure.sentence);
        }
        failure.exit
    })
}

fn answer(environment: &Environment, caller: &mut Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let grammar = help::grammar(CommandLine::command(), caller.language);
    let matches = match grammar.try_get_matches_from(&environment.arguments) {
        Ok(matches) => matches,
        Err(error) => return help::explain(&error, caller, out),
    };
    let line = CommandLine::from_arg_matches(&matches).map_err(|error| Failure::internal(error.to_string()))?;
    caller.config = line.config;
    match line.command {
        Command::Run(arguments) => run::run(&arguments, caller),
        Command::Demo(arguments) => demo::run(&arguments, caller, out),
        Command::Check(arguments) => check::run(&arguments, caller, out),
        Command::Test(arguments) => test::run(&arguments, caller, out),
        Command::Evaluate(arguments) => evaluate::run(&arguments, caller, out),
        Command::Explain(arguments) => explain::run(&arguments, caller, out),
        Command::Routes { command } => routes::run(&command, caller, out),
        Command::Rules { command } => rules::run(&command, caller, out),
        Command::Silence { command } => silence::run(&command, caller, out),
        Command::Remark { command } => remark::run(&command, caller, out),
        Command::Ack(arguments) => ack::run(&arguments, caller, out),
        Command::Source { command } => source::run(&command, caller, out),
        Command::Ctl { command } => ctl::run(&command, caller, out),
        Command::Orders { command } => orders::run(&command, caller, out),
        Command::Contacts { command } => contacts::run(&command, caller, out),
        Command::Deliveries { command } => deliveries::run(&command, caller, out),
        Command::SendTest(arguments) => send_test::run(&arguments, caller, out),
        Command::Audit { command } => audit::run(&command, caller, out),
        Command::Backup(arguments) => backup::run(&arguments, caller, out),
        Command::Restore(arguments) => restore::run(&arguments, caller, out),
        Command::Migrate(arguments) => migrate::run(&arguments, caller, out),
        Command::Due(arguments) => due::run(&arguments, caller, out),
        Command::Elapsed(arguments) => elapsed::run(&arguments, caller, out),
        Command::Calendar { command } => calendar::run(&command, caller, out),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(
                shell,
                &mut help::grammar(CommandLine::command(), caller.language),
                "duban",
                &mut text,
            );
            out.write_all(&text)?;
            Ok(Exit::Fine)
        }
    }
}

/// Says a sentence on stderr. Nobody can be told that stderr is closed.
fn say(sentence: &str) {
    let _ = writeln!(std::io::stderr(), "{}", plain_lines(sentence));
}

fn languages() -> clap::builder::PossibleValuesParser {
    [PossibleValue::new("zh-CN").aliases(["zh", "zh_CN"]), PossibleValue::new("en")].into()
}

impl Caller<'_> {
    /// The calendar of a name or a path; without one, the built-in default.
    fn calendar(&self, wanted: Option<&str>) -> Result<Calendar, Failure> {
        let found = calendars::find(wanted.unwrap_or(calendars::DEFAULT), &[]);
        found.map_err(|error| {
            let sentence = words::no_calendar(self.language, &error);
            match error {
                CalendarError::Wrong { .. } => Failure::configuration(sentence),
                CalendarError::Unknown { .. } | CalendarError::Unreadable { .. } => Failure::usage(sentence),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound_in_both_languages() {
        for language in [Language::Chinese, Language::English] {
            help::grammar(CommandLine::command(), language).debug_assert();
        }
    }

    #[test]
    fn every_command_and_argument_has_chinese_help_and_none_is_stale() {
        assert_eq!(help::untranslated(&CommandLine::command()), (Vec::<String>::new(), Vec::new()));
    }
}
