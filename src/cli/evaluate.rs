//! `duban evaluate`: poll once, judge, read every clock at one instant, print; write nothing.
//!
//! **Invariant:** memory is bounded by what the sources hold, not by what is printed; the rows come in the order of the
//! sources, of their rows and of the rules, however many cores work on them.

use std::convert::Infallible;
use std::io::{IsTerminal, Write, stderr};

use chrono_tz::Tz;
use clap::Args;

use super::Caller;
use super::exit::{Exit, Failure};
use super::table::Format;
use super::{given, site, words};
use crate::core::Instant;
use crate::daemon::wiring::Polled;
use crate::playbook::Playbook;
use crate::source::Fetched;
use crate::source::guard::{Verdict, judge_poll};
use sheet::{Form, Sheet};

pub use faults::Faults;
pub use lanes::in_order;
pub use line::Line;
pub use look::Look;
pub use worst::Counts;

mod faults;
mod lanes;
mod line;
mod look;
mod sheet;
mod stamp;
mod worst;

/// What `evaluate` is given.
#[derive(Args)]
pub struct Arguments {
    /// As things stood at this instant; without it, now
    #[arg(long, value_name = "INSTANT")]
    pub at: Option<String>,
    /// Only this source
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs the command.
pub fn run(arguments: &Arguments, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let config = caller.site()?;
    let lookup = |name: &str| caller.environment.get(name).map(str::to_owned);
    let playbook = match config.playbook_alone() {
        Ok(playbook) => playbook,
        Err(mut problems) => {
            problems.extend(config.sources_alone(Tz::UTC, &lookup).err().into_iter().flatten());
            return Err(site::wrong(&problems));
        }
    };
    let zone = playbook.calendar().zone();
    let at = arguments.at.as_deref().map(|text| given::instant(text, zone)).transpose();
    let at = at.map_err(|error| {
        Failure::usage(words::about(caller.language, "--at", &words::cannot_read(caller.language, &error)))
    })?;
    let sources = config.sources_alone(zone, &lookup).map_err(|problems| site::wrong(&problems))?;
    let sources = chosen(sources, arguments.source.as_deref(), caller)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let fetch = |polled: &Polled| runtime.block_on(polled.source.fetch(None)).map_err(|error| error.to_string());
    let mut evaluation = Evaluation {
        caller,
        playbook: &playbook,
        at: at.unwrap_or_else(|| caller.now()),
        sheet: Sheet::begin(arguments.format, caller, out)?,
        faults: Faults::default(),
        void: 0,
    };
    for polled in &sources {
        evaluation.source(polled, fetch(polled))?;
    }
    evaluation.end()
}

/// The sources that are asked for.
fn chosen(mut sources: Vec<Polled>, wanted: Option<&str>, caller: &Caller<'_>) -> Result<Vec<Polled>, Failure> {
    let known: Vec<String> = sources.iter().map(|polled| polled.name.to_string()).collect();
    if known.is_empty() {
        return Err(Failure::configuration(words::evaluate::no_sources(caller.language)));
    }
    if let Some(wanted) = wanted {
        sources.retain(|polled| *polled.name == *wanted);
        if sources.is_empty() {
            return Err(Failure::usage(words::evaluate::unknown_source(caller.language, wanted, &known)));
        }
    }
    Ok(sources)
}

/// One run of the command.
struct Evaluation<'a, 'o> {
    caller: &'a Caller<'a>,
    playbook: &'a Playbook,
    at: Instant,
    sheet: Sheet<'o>,
    faults: Faults,
    void: usize,
}

impl Evaluation<'_, '_> {
    /// Prints the rows of a source, if its poll is believable; a void poll spoils no other source.
    fn source(&mut self, polled: &Polled, fetched: Result<Fetched, String>) -> Result<(), Failure> {
        let doubt = match fetched {
            Ok(fetched) => match believed(polled, &fetched) {
                Ok(()) => return self.rows(polled, &fetched),
                Err(doubt) => doubt,
            },
            Err(problem) => problem,
        };
        self.void += 1;
        crate::cli::say(&words::evaluate::void(self.caller.language, &polled.name, &doubt));
        Ok(())
    }

    fn rows(&mut self, polled: &Polled, fetched: &Fetched) -> Result<(), Failure> {
        let look = Look { playbook: self.playbook, at: self.at };
        let form: Form = self.sheet.form();
        let progress = Progress { caller: self.caller, name: &polled.name, of: fetched.chunks() };
        let mut done = 0;
        let work = |chunk| {
            let mut faults = Faults::default();
            let mut part = form.part();
            for item in fetched.map(chunk).items {
                look.at_item(item, &mut faults, &mut |line| part.put(line));
            }
            (part, faults)
        };
        in_order(fetched.chunks(), work, |(part, faults)| {
            self.faults.merge(faults);
            done += 1;
            progress.say(done);
            self.sheet.take(part)
        })
    }

    fn end(self) -> Result<Exit, Failure> {
        self.sheet.end(self.caller)?;
        self.faults.say(self.caller);
        Ok(if self.void > 0 { Exit::No } else { Exit::Fine })
    }
}

/// Whether a poll is believed, or why it is void. Its rejected rows are known only when all rows were mapped, and no row
/// may be printed before that, so they are mapped twice: to keep them would take more memory than the mapping takes time.
pub fn believed(polled: &Polled, fetched: &Fetched) -> Result<(), String> {
    let mut rejected = 0;
    let Ok(()) = in_order::<_, Infallible>(
        fetched.chunks(),
        |chunk| fetched.map(chunk).rejected,
        |rejections| {
            rejected += rejections.len() as u64;
            for rejection in &rejections {
                crate::cli::say(&rejection.to_string());
            }
            Ok(())
        },
    );
    match judge_poll(None, fetched.rows(), rejected, None, &polled.guard) {
        Verdict::Believed => Ok(()),
        Verdict::Doubted(doubt) => Err(doubt.to_string()),
    }
}

/// How far a source is, for somebody who waits at a terminal.
struct Progress<'a> {
    caller: &'a Caller<'a>,
    name: &'a str,
    of: usize,
}

impl Progress<'_> {
    fn say(&self, done: usize) {
        const EVERY: usize = 8;
        if self.of >= EVERY && (done.is_multiple_of(EVERY) || done == self.of) && stderr().is_terminal() {
            let end = if done == self.of { "\r\u{1b}[K" } else { "" };
            let sentence = words::evaluate::progress(self.caller.language, self.name, done * 100 / self.of);
            let _ = write!(stderr(), "\r{sentence}{end}");
        }
    }
}
