//! `duban explain`: each step with its inputs, result and reason.

use std::io::Write;

use clap::Args;

use super::Caller;
use super::exit::{Exit, Failure};
use super::table::Format;

/// What `explain` is given.
#[derive(Args)]
pub struct Arguments {
    /// The item: SOURCE/ID, or ID where it is unique
    #[arg(required_unless_present = "delivery", conflicts_with = "delivery")]
    pub item: Option<String>,
    /// As things stood at this instant; without it, now
    #[arg(long, value_name = "INSTANT")]
    pub at: Option<String>,
    /// A delivery, by the beginning of its id
    #[arg(long, value_name = "ID")]
    pub delivery: Option<String>,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs the command.
pub fn run(_arguments: &Arguments, _caller: &Caller<'_>, _out: &mut dyn Write) -> Result<Exit, Failure> {
    Err(Failure::internal("being built"))
}
