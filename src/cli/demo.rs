//! `duban demo`: a made-up city on an embedded store: the real pipeline, mail into a folder, a page of open cards.

use std::io::Write;

use clap::Args;

use super::Caller;
use super::exit::{Exit, Failure};
use std::path::PathBuf;

/// What `demo` is given.
#[derive(Args)]
pub struct Arguments {
    /// The page's port on 127.0.0.1
    #[arg(long, value_name = "PORT", default_value_t = 8137)]
    pub port: u16,
    /// The demo's folder
    #[arg(long, value_name = "DIR", default_value = "duban-demo")]
    pub folder: PathBuf,
    /// Let time run sixty times as fast
    #[arg(long)]
    pub fast: bool,
    /// End after so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub seconds: Option<u64>,
}

/// Runs the command.
pub fn run(_arguments: &Arguments, _caller: &Caller<'_>, _out: &mut dyn Write) -> Result<Exit, Failure> {
    Err(Failure::internal("being built"))
}
