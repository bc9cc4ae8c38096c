//! `duban test`: rule tests.

use std::io::Write;

use clap::Args;

use super::Caller;
use super::exit::{Exit, Failure};
use super::table::Format;
use std::path::PathBuf;

/// What `test` is given.
#[derive(Args)]
pub struct Arguments {
    /// Test files or folders; without one, ./rules
    #[arg(value_name = "PATH")]
    pub path: Vec<PathBuf>,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs the command.
pub fn run(_arguments: &Arguments, _caller: &Caller<'_>, _out: &mut dyn Write) -> Result<Exit, Failure> {
    Err(Failure::internal("being built"))
}
