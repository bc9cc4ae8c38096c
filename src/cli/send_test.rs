//! `duban send-test`: one clearly marked message to one receiver.

use std::io::Write;

use clap::Args;

use super::Caller;
use super::exit::{Exit, Failure};

/// What `send-test` is given.
#[derive(Args)]
pub struct Arguments {
    /// A contact's id, or an address
    #[arg(value_name = "RECEIVER")]
    pub receiver: String,
    /// The channel; without it, the first that reaches the receiver
    #[arg(long, value_name = "NAME")]
    pub channel: Option<String>,
    /// Print the dialogue with the peer
    #[arg(long)]
    pub trace: bool,
}

/// Runs the command.
pub fn run(_arguments: &Arguments, _caller: &Caller<'_>, _out: &mut dyn Write) -> Result<Exit, Failure> {
    Err(Failure::internal("being built"))
}
