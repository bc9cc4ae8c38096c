//! `duban restore`: puts a copy in the place of the store, and keeps what was there.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::Caller;
use super::backup::write_contents;
use super::exit::{Exit, Failure};
use super::run::runtime;
use super::table::Format;
use super::words::upkeep as words;
use crate::store::sqlite::backup::restore;
use crate::store::transfer::Place;

/// What `restore` is given.
#[derive(Args)]
pub struct Arguments {
    /// The copy; it stays as it is
    file: PathBuf,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs the command.
pub fn run(arguments: &Arguments, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let store = match caller.store_place()? {
        Place::Sqlite(path) => path,
        Place::Postgres(server) => {
            return Err(Failure::no(words::use_pg_restore(caller.language, &server.config.url)));
        }
    };
    let done = runtime()?.block_on(restore(&arguments.file, &store, caller.clock.now()));
    let done = done.map_err(|error| caller.copy_failed(&error))?;
    write_contents(&store, &done.contents, arguments.format, caller, out)?;
    let undo = done.replaced.as_deref().map(|file| (file, caller.command_line(&["restore"], file)));
    out.flush()?;
    super::say(&words::restored(caller.language, &arguments.file, undo));
    Ok(Exit::Fine)
}
