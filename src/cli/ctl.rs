//! `duban ctl`: what changes how the daemon works.

use std::io::Write;

use clap::Subcommand;

use super::Caller;
use super::exit::{Exit, Failure};

mod go_live;
mod switch;

/// What can be changed.
#[derive(Subcommand)]
pub enum Command {
    /// End the rehearsal: shows what is open and how much each person would get; with --yes changes the mode
    GoLive {
        /// Really change the configuration
        #[arg(long)]
        yes: bool,
    },
}

/// Runs the command.
pub fn run(command: &Command, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    match command {
        Command::GoLive { yes } => go_live::run(*yes, caller, out),
    }
}
