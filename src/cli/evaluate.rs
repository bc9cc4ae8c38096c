//! `duban evaluate`: poll once, judge, observe, print; write nothing.

use std::io::Write;

use clap::Args;

use super::Caller;
use super::exit::{Exit, Failure};
use super::table::Format;

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
pub fn run(_arguments: &Arguments, _caller: &Caller<'_>, _out: &mut dyn Write) -> Result<Exit, Failure> {
    Err(Failure::internal("being built"))
}
