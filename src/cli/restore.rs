//! `duban restore`: puts a copy in the place of the store, and keeps what was there.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::Caller;
use super::backup::write_contents;
use super::exit::{Exit, Failure};
use super::run::runtime;
use super::table::Format;
use super::who::By;
use super::words::{audit, upkeep as words};
use crate::core::audit::Act;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::backup::restore;
use crate::store::transfer::Place;
use crate::store::{Store as _, Turn};

/// What `restore` is given.
#[derive(Args)]
pub struct Arguments {
    /// The copy; it stays as it is
    file: PathBuf,
    #[command(flatten)]
    by: By,
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
    let act = caller.act("store.restore", store.display().to_string(), &arguments.by)?;
    let done = runtime()?.block_on(restore(&arguments.file, &store, act.at));
    let done = done.map_err(|error| caller.copy_failed(&error))?;
    let entered = enter(&store, act.with(json!({ "file": arguments.file, "replaced": done.replaced })));
    write_contents(&store, &done.contents, arguments.format, caller, out)?;
    let undo = done.replaced.as_deref().map(|file| (file, caller.command_line(&["restore"], file)));
    out.flush()?;
    super::say(&words::restored(caller.language, &arguments.file, undo));
    if let Err(error) = entered {
        // A copy of an older schema, say: it is in its place, and can be used.
        super::say(&audit::not_entered(caller.language, &error));
    }
    Ok(Exit::Fine)
}

/// Enters what was done into the audit trail of the store that is in its place now.
fn enter(store: &Path, act: Act) -> Result<(), String> {
    let runtime = runtime().map_err(|failure| failure.sentence)?;
    runtime.block_on(async {
        let store = SqliteStore::visit(store).await.map_err(|error| error.to_string())?;
        let entered = store.commit(&Turn { acts: vec![act], ..Turn::default() }).await;
        store.close().await;
        entered.map(drop).map_err(|error| error.to_string())
    })
}
