//! `duban backup`: a copy of the store, also while the daemon runs.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::Caller;
use super::exit::{Exit, Failure};
use super::run::runtime;
use super::table::{Format, Table};
use super::words::upkeep as words;
use crate::store::sqlite::backup::{BackupError, Contents, back_up};
use crate::store::transfer::Place;

/// What `backup` is given.
#[derive(Args)]
pub struct Arguments {
    /// Where the copy goes: a new file, or a folder; by default beside the store, named by the time
    file: Option<PathBuf>,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs the command.
pub fn run(arguments: &Arguments, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let store = match caller.store_place()? {
        Place::Sqlite(path) => path,
        Place::Postgres(server) => return Err(Failure::no(words::use_pg_dump(caller.language, &server.config.url))),
    };
    let name = format!("{}.{}.backup", file_name(&store), caller.clock.now().format("%Y%m%dT%H%M%SZ"));
    let file = match &arguments.file {
        Some(folder) if folder.is_dir() => folder.join(name),
        Some(file) => file.clone(),
        None => store.with_file_name(name),
    };
    let made = runtime()?.block_on(back_up(&store, &file));
    let contents = made.map_err(|error| caller.copy_failed(&error))?;
    write_contents(&file, &contents, arguments.format, caller, out)?;
    out.flush()?;
    super::say(&words::backed_up(caller.language, &file));
    Ok(Exit::Fine)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What is in a store's file, as a table of one row.
pub(super) fn write_contents(
    file: &Path,
    contents: &Contents,
    format: Format,
    caller: &Caller<'_>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut table = Table::new(&["file", "bytes", "schema", "items", "transitions", "deliveries"]);
    table.add(vec![
        json!(file),
        json!(contents.bytes),
        json!(contents.schema),
        json!(contents.items),
        json!(contents.transitions),
        json!(contents.deliveries),
    ]);
    table.write(format, &words::contents_titles(caller.language), out)
}

impl Caller<'_> {
    /// What it means for a command that a copy cannot be made or put back.
    pub(super) fn copy_failed(&self, error: &BackupError) -> Failure {
        let sentence = words::copy_failed(self.language, error);
        match error {
            BackupError::Io(..) | BackupError::Store(..) => Failure::internal(sentence),
            _ => Failure::no(sentence),
        }
    }
}
