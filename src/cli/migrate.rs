//! `duban migrate`: the store's schema up to date, or all of a store into another one.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::Caller;
use super::exit::{Exit, Failure};
use super::run::runtime;
use super::table::{Format, Table};
use super::who::By;
use super::words::{audit, upkeep as words};
use crate::store::Updated;
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::backup::BackupError;
use crate::store::transfer::{self, Compared, Place, Step, TransferError, Transferred};

/// What `migrate` is given.
#[derive(Args)]
pub struct Arguments {
    /// Copy from this store: sqlite:PATH or postgres://…; sqlite: or postgres: alone is the configured one
    #[arg(long, value_name = "STORE", requires = "to")]
    from: Option<String>,
    /// Copy into this store, which must be empty
    #[arg(long, value_name = "STORE", requires = "from")]
    to: Option<String>,
    #[command(flatten)]
    by: By,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs the command.
pub fn run(arguments: &Arguments, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    match (&arguments.from, &arguments.to) {
        (Some(from), Some(to)) => {
            let (from, to) = (caller.place_of("--from", from)?, caller.place_of("--to", to)?);
            move_over(&from, &to, arguments, caller, out)
        }
        _ => update(arguments.format, caller, out),
    }
}

/// Brings the configured store's schema up to date.
fn update(format: Format, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let place = caller.store_place()?;
    let name = transfer::name(&place);
    let updated = runtime()?.block_on(async {
        match &place {
            Place::Sqlite(path) => SqliteStore::migrate(path).await.map_err(|error| match error {
                BackupError::Store(_, error) => caller.store_failed(&name, &error),
                other => caller.copy_failed(&other),
            }),
            Place::Postgres(server) => {
                let migrated = PostgresStore::migrate(&server.config, server.password.as_ref()).await;
                migrated.map_err(|error| caller.store_failed(&name, &error))
            }
        }
    })?;
    let Updated { from, to, backup } = &updated;
    let mut table = Table::new(&["store", "from", "to", "backup"]);
    table.add(vec![json!(name), json!(from), json!(to), json!(backup)]);
    table.write(format, &words::update_titles(caller.language), out)?;
    let undo = backup.as_deref().map(|file| caller.command_line(&["restore"], file));
    out.flush()?;
    super::say(&words::updated(caller.language, &updated, undo.as_deref()));
    Ok(Exit::Fine)
}

/// Copies one store into another.
fn move_over(
    from: &Place,
    to: &Place,
    arguments: &Arguments,
    caller: &Caller<'_>,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let mut progress = Progress::new(caller);
    let act = caller.act("store.move", transfer::name(to), &arguments.by)?;
    let act = act.with(json!({ "from": transfer::name(from) }));
    let done = runtime()?.block_on(transfer::transfer(from, to, &act, &mut |step| progress.show(step)));
    progress.wipe();
    let Transferred { compared, trail } = done.map_err(|error| transfer_failed(caller, &error))?;
    let mut table = Table::new(&["table", "rows", "checksum"]);
    for Compared { table: name, source, .. } in &compared {
        table.add(vec![json!(name), json!(source.rows), json!(words::checksum(*source))]);
    }
    table.write(arguments.format, &words::transfer_titles(caller.language), out)?;
    let rows = compared.iter().map(|one| one.source.rows).sum();
    out.flush()?;
    super::say(&words::transferred(caller.language, rows, &transfer::name(to)));
    match trail {
        Ok(_) => Ok(Exit::Fine),
        Err(broken) => Err(Failure::no(audit::broken(caller.language, &broken))),
    }
}

fn transfer_failed(caller: &Caller<'_>, error: &TransferError) -> Failure {
    let sentence = words::transfer_failed(caller.language, error);
    match error {
        TransferError::Broken(..) | TransferError::Store(_) => Failure::internal(sentence),
        _ => Failure::no(sentence),
    }
}

/// How far it is, on one line of a terminal.
struct Progress<'a> {
    caller: &'a Caller<'a>,
    shown: Option<String>,
}

impl<'a> Progress<'a> {
    fn new(caller: &'a Caller<'a>) -> Self {
        Self { caller, shown: None }
    }

    fn show(&mut self, step: Step<'_>) {
        if !self.caller.environment.is_watched {
            return;
        }
        let line = words::progress(self.caller.language, step);
        // Nobody can be told that stderr is closed.
        let _ = write!(std::io::stderr(), "\r\u{1b}[K{line}");
        self.shown = Some(line);
    }

    /// Leaves the line empty for what comes.
    fn wipe(&mut self) {
        if self.shown.take().is_some() {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}
