//! Opening a file: its folder, its lock, its mode, its health and its schema.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use super::SqliteEngine;
use crate::store::{Result, StoreError};

// Compiled in: a new file in the folder is seen when this one is compiled again, which a test watches.
static SCHEMA: sqlx::migrate::Migrator = sqlx::migrate!("src/store/migrations/sqlite");

/// How long a verb waits for another program's lock on the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How many reads go on beside the writer.
const READERS: u32 = 4;

/// Pages kept in memory, in KiB with a minus: a turn's pages should not be written out before it commits.
const WRITER_CACHE: &str = "-65536";
const READER_CACHE: &str = "-8192";

pub async fn open(path: &Path) -> Result<SqliteEngine> {
    check_folder(path)?;
    let lock = lock(path)?;
    create(path).map_err(|error| not_writable(path, &error))?;
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(false).busy_timeout(BUSY_TIMEOUT);
    let writer = options
        .clone()
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", WRITER_CACHE)
        .pragma("wal_autocheckpoint", "4000")
        .pragma("journal_size_limit", "67108864");
    let writer = pool(1).connect_with(writer).await.map_err(|error| named(path, error.into()))?;
    check(&writer).await.map_err(|error| named(path, error))?;
    SCHEMA.run(&writer).await.map_err(|error| named(path, error.into()))?;
    let readers =
        pool(READERS).connect_with(options.pragma("query_only", "ON").pragma("cache_size", READER_CACHE)).await?;
    Ok(SqliteEngine { writer, readers, _lock: Some(lock) })
}

/// Opens a store that exists, beside the process that owns it: without its lock, and without touching its schema.
pub async fn visit(path: &Path) -> Result<SqliteEngine> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(false).busy_timeout(BUSY_TIMEOUT);
    let writer = options.clone().foreign_keys(true).synchronous(SqliteSynchronous::Full);
    let writer = pool(1).connect_with(writer).await.map_err(|error| named(path, error.into()))?;
    let readers = pool(1).connect_with(options.pragma("query_only", "ON")).await?;
    let known: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
        .fetch_one(&readers)
        .await
        .map_err(|error| named(path, error.into()))?;
    let wanted = SCHEMA.iter().map(|migration| migration.version).max();
    if known != wanted {
        let text =
            format!("its schema is {known:?} and this duban's is {wanted:?}; start the daemon of one version once");
        return Err(named(path, StoreError::Unreadable(text)));
    }
    Ok(SqliteEngine { writer, readers, _lock: None })
}

pub async fn open_in_memory() -> Result<SqliteEngine> {
    let options = SqliteConnectOptions::new().in_memory(true).foreign_keys(true);
    let writer = pool(1).connect_with(options).await?;
    SCHEMA.run(&writer).await?;
    Ok(SqliteEngine { readers: writer.clone(), writer, _lock: None })
}

/// Connections that live as long as the store.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new().max_connections(connections).min_connections(1).idle_timeout(None).max_lifetime(None)
}

fn check_folder(path: &Path) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    match std::fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(StoreError::NotWritable(format!("{} is not a folder", folder.display()))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(StoreError::NotWritable(format!("the folder {} does not exist", folder.display())))
        }
        Err(error) => Err(not_writable(folder, &error)),
    }
}

/// Takes the lock that keeps a second process out.
fn lock(path: &Path) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = create(&name).map_err(|error| not_writable(&name, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(StoreError::Unavailable(format!("another duban has {} open", path.display())))
        }
        Err(TryLockError::Error(error)) => Err(not_writable(&name, &error)),
    }
}

/// Opens a file, and creates it readable by its owner only. SQLite's files beside it take its mode over.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn not_writable(path: &Path, error: &io::Error) -> StoreError {
    StoreError::NotWritable(format!("{}: {error}", path.display()))
}

/// Lets SQLite look for damage. Nothing is repaired or deleted.
async fn check(writer: &SqlitePool) -> Result<()> {
    let found: Vec<String> = sqlx::query_scalar("PRAGMA quick_check(3)").fetch_all(writer).await?;
    if found == ["ok"] {
        return Ok(());
    }
    Err(StoreError::Unreadable(format!("it is damaged, restore a backup: {}", found.join("; "))))
}

/// An error that names the file.
fn named(path: &Path, error: StoreError) -> StoreError {
    let path = path.display();
    match error {
        StoreError::Unavailable(text) => StoreError::Unavailable(format!("{path}: {text}")),
        StoreError::NotWritable(text) => StoreError::NotWritable(format!("{path}: {text}")),
        StoreError::Unreadable(text) => StoreError::Unreadable(format!("{path}: {text}")),
        StoreError::Refused(text) => StoreError::Refused(format!("{path}: {text}")),
        other @ StoreError::OtherPlaybook(_) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::SCHEMA;

    #[test]
    fn every_migration_is_compiled_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/migrations/sqlite");
        let files = std::fs::read_dir(folder).expect("the folder of migrations").count();
        assert_eq!(files, SCHEMA.iter().count(), "touch src/store/sqlite/opening.rs and build again");
    }
}
