//! `duban deliveries`: what was sent, what waits, what failed, and what to do about it.

use std::io::Write;

use clap::Subcommand;

use super::Caller;
use super::exit::{Exit, Failure};
use super::table::Format;

/// What can be done with deliveries.
#[derive(Subcommand)]
pub enum Command {
    /// List deliveries, newest first
    List {
        /// Only in this state
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// Only to this contact
        #[arg(long, value_name = "CONTACT")]
        contact: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
        /// How the answer is written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show everything about a delivery
    Show {
        /// The beginning of its id
        id: String,
        /// How the answer is written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Send a dead letter again, under the same id
    Retry {
        /// The beginning of its id
        id: String,
    },
    /// Cancel a delivery that was never claimed
    Cancel {
        /// The beginning of its id
        id: String,
    },
    /// Release what a first poll held back; shows first how many each person would get
    Release {
        /// Really release
        #[arg(long)]
        yes: bool,
    },
}

/// Runs the command.
pub fn run(_command: &Command, _caller: &Caller<'_>, _out: &mut dyn Write) -> Result<Exit, Failure> {
    Err(Failure::internal("being built"))
}
