//! `duban ctl`: what changes how the daemon works.

use std::io::Write;

use clap::Subcommand;

use super::Caller;
use super::exit::{Exit, Failure};
use super::run::runtime;
use super::table::Format;
use super::who::By;
use super::words::go_live as words;
use crate::daemon::clock;

mod go_live;
mod status;
mod switch;

/// What can be changed.
#[derive(Subcommand)]
pub enum Command {
    /// End the rehearsal: shows what is open and how much each person would get; with --yes changes the mode
    GoLive {
        /// Really change the configuration
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        by: By,
    },
    /// What holds sending while the clock is in doubt
    Clock {
        /// What to do
        #[command(subcommand)]
        command: Clock,
    },
    /// Show how everything is doing: cards, messages, sources
    Status {
        /// How the answer is written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// What can be said about the clock.
#[derive(Subcommand)]
pub enum Clock {
    /// Say that the clock is right, whatever speaks against it: messages go out again
    Confirm(By),
}

/// Runs the command.
pub fn run(command: &Command, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    match command {
        Command::GoLive { yes, by } => go_live::run(yes.then_some(by), caller, out),
        Command::Clock { command: Clock::Confirm(by) } => confirm_clock(by, caller),
        Command::Status { format } => status::run(*format, caller, out),
    }
}

fn confirm_clock(by: &By, caller: &Caller<'_>) -> Result<Exit, Failure> {
    let confirmed = runtime()?.block_on(async {
        let store = caller.visit_store().await?;
        let act = caller.act("clock.confirm", "clock", by)?;
        clock::confirm(&*store, Some(&act)).await.map_err(|error| caller.store_failed("store", &error))
    })?;
    if !confirmed {
        return Err(Failure::no(words::clock_undoubted(caller.language)));
    }
    super::say(words::clock_confirmed(caller.language));
    Ok(Exit::Fine)
}
