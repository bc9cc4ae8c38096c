//! `duban check`: everything that can be wrong before it runs, all at once.

use std::io::Write;

use clap::Args;

use super::Caller;
use super::exit::{Exit, Failure};
use super::table::Format;

/// What `check` is given.
#[derive(Args)]
pub struct Arguments {
    /// Also connect to sources and channels
    #[arg(long)]
    pub online: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs the command.
pub fn run(_arguments: &Arguments, _caller: &Caller<'_>, _out: &mut dyn Write) -> Result<Exit, Failure> {
    Err(Failure::internal("being built"))
}
