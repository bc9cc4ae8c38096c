//! `duban run`: the daemon, in the foreground.

use clap::{Args, ValueEnum};

use super::Caller;
use super::exit::{Exit, Failure};

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// A JSON object a line
    Json,
}

/// What `run` is given.
#[derive(Args)]
pub struct Arguments {
    /// How the log is written
    #[arg(long, value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// Runs the command.
pub fn run(_arguments: &Arguments, _caller: &Caller<'_>) -> Result<Exit, Failure> {
    Err(Failure::internal("being built"))
}
