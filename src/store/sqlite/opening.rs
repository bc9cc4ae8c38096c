//! Opening a file: its folder, its lock, its mode, its health and its schema.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use super::SqliteEngine;
use super::backup::{self, BackupError};
use super::schema::{self, Found, SCHEMA};
use super::session::version;
use crate::store::{Result, StoreError, Updated};

/// How long a verb waits for another program's lock on the file.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How many reads go on beside the writer.
const READERS: u32 = 4;

/// Pages kept in memory, in KiB with a minus: a turn's pages should not be written out before it commits.
const WRITER_CACHE: &str = "-4096";
const READER_CACHE: &str = "-256";

/// A file whose schema is up to date, with the connection that writes and the lock that keeps others out.
pub struct Prepared {
    pub writer: SqlitePool,
    pub lock: File,
    pub updated: Updated,
}

pub async fn open(path: &Path) -> Result<SqliteEngine> {
    let Prepared { writer, lock, updated } = prepare(path, &SCHEMA).await?;
    if updated.is_change() {
        let backup = updated.backup.unwrap_or_default();
        let (from, to) = (updated.from, updated.to);
        tracing::info!(from, to, backup = %backup.display(), "the store's schema was brought up to date");
    }
    let readers = options(path).pragma("query_only", "ON").pragma("cache_size", READER_CACHE);
    let readers = pool(READERS).connect_with(readers).await?;
    let others = AtomicI64::new(version(&writer).await?);
    do_not_wait(&writer).await?;
    Ok(SqliteEngine { writer, readers, doubted: Arc::default(), others, _lock: Some(lock) })
}

/// Brings the schema of the store at `path` up to date, and leaves it closed. One that is up to date may be in use.
pub async fn migrate(path: &Path) -> std::result::Result<Updated, BackupError> {
    let failed = |error| BackupError::Store(path.to_owned(), error);
    check_folder(path).map_err(failed)?;
    match take_lock(path) {
        Ok(lock) => drop(lock),
        Err(error) => return is_up_to_date(path).await.ok_or(error),
    }
    let Prepared { writer, updated, lock } = prepare(path, &SCHEMA).await.map_err(failed)?;
    writer.close().await;
    drop(lock);
    Ok(updated)
}

async fn is_up_to_date(path: &Path) -> Option<Updated> {
    let to = schema::newest(&SCHEMA);
    (look(path).await.ok()? == Found::Store(to)).then_some(Updated { from: Some(to), to, backup: None })
}

/// Looks whose a file is, with a connection of its own.
pub async fn look(path: &Path) -> sqlx::Result<Found> {
    let mut connection = options(path).connect().await?;
    let found = schema::look(&mut connection).await;
    // Closed in any case before somebody moves the file.
    let closed = connection.close().await;
    found.and_then(|found| closed.map(|()| found))
}

/// Takes the lock, looks for damage, and brings the schema up to date.
pub async fn prepare(path: &Path, schema: &Migrator) -> Result<Prepared> {
    check_folder(path)?;
    let lock = lock(path)?;
    let is_new = !path.exists();
    create(path).map_err(|error| not_writable(path, &error))?;
    if is_new {
        backup::belong_like(path, backup::folder(path));
    }
    // Before anything in it is set.
    if look(path).await.map_err(|error| named(path, error.into()))? == Found::Foreign {
        return Err(named(path, schema::foreign()));
    }
    let writer = options(path)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("cache_size", WRITER_CACHE)
        .pragma("wal_autocheckpoint", "4000")
        .pragma("journal_size_limit", "67108864");
    let writer = pool(1).connect_with(writer).await.map_err(|error| named(path, error.into()))?;
    let updated = update(path, &writer, schema).await.map_err(|error| named(path, error))?;
    Ok(Prepared { writer, lock, updated })
}

/// Rows that the thread of a connection reads ahead of whoever wants them; each time it waits for them costs two switches
/// of threads.
const ROWS_AHEAD: usize = 1_000;

fn options(path: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(false).busy_timeout(BUSY_TIMEOUT);
    options.row_buffer_size(ROWS_AHEAD)
}

async fn update(path: &Path, writer: &SqlitePool, schema: &Migrator) -> Result<Updated> {
    check(writer).await?;
    confirm(writer).await?;
    let mut connection = writer.acquire().await?;
    schema::update(path, &mut connection, schema).await
}

/// From here on whoever begins a transaction waits for the lock, and not SQLite.
async fn do_not_wait(writer: &SqlitePool) -> sqlx::Result<()> {
    sqlx::query("PRAGMA busy_timeout = 0").execute(writer).await?;
    Ok(())
}

/// Opens a store that exists, beside the process that owns it: without its lock, and without touching its schema.
pub async fn visit(path: &Path) -> Result<SqliteEngine> {
    let writer = options(path).foreign_keys(true).synchronous(SqliteSynchronous::Full);
    let writer = pool(1).connect_with(writer).await.map_err(|error| named(path, error.into()))?;
    let readers = pool(1).connect_with(options(path).pragma("query_only", "ON")).await?;
    let mut connection = readers.acquire().await?;
    let found = schema::look(&mut connection).await.map_err(|error| named(path, error.into()))?;
    drop(connection);
    let wanted = schema::newest(&SCHEMA);
    match found {
        Found::Store(schema) if schema == wanted => {
            let others = AtomicI64::new(version(&writer).await?);
            do_not_wait(&writer).await?;
            Ok(SqliteEngine { writer, readers, doubted: Arc::default(), others, _lock: None })
        }
        Found::Store(schema) if wanted < schema => Err(schema::newer(path, schema, wanted).await),
        Found::Store(schema) => {
            let text = format!(
                "its schema {schema} is older than this duban's, {wanted}: `duban migrate` brings it up to date"
            );
            Err(named(path, StoreError::Unreadable(text)))
        }
        Found::Nothing => Err(named(path, StoreError::Unreadable("nothing is in it".to_owned()))),
        Found::Foreign => Err(named(path, schema::foreign())),
    }
}

pub async fn open_in_memory() -> Result<SqliteEngine> {
    let options = SqliteConnectOptions::new().in_memory(true).foreign_keys(true);
    let writer = pool(1).connect_with(options).await?;
    SCHEMA.run(&writer).await?;
    Ok(SqliteEngine {
        readers: writer.clone(),
        writer,
        doubted: Arc::default(),
        others: AtomicI64::default(),
        _lock: None,
    })
}

/// Connections that live as long as the store; but for one on which SQLite itself has taken a transaction back, as it
/// does on a full disk: the client still counts it, and would begin no other.
fn pool(connections: u32) -> SqlitePoolOptions {
    let pool = SqlitePoolOptions::new().max_connections(connections).min_connections(1);
    let pool = pool.before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }));
    pool.idle_timeout(None).max_lifetime(None)
}

fn check_folder(path: &Path) -> Result<()> {
    let folder = backup::folder(path);
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
    take_lock(path).map_err(|error| match error {
        BackupError::InUse(path) => StoreError::Unavailable(format!("another duban has {} open", path.display())),
        other => StoreError::NotWritable(other.to_string()),
    })
}

/// The same, for those who tell a store in use from one that cannot be locked.
pub fn take_lock(path: &Path) -> std::result::Result<File, BackupError> {
    let name = backup::beside(path, ".lock");
    let failed = |error| BackupError::Io(name.clone(), error);
    let file = create(&name).map_err(failed)?;
    backup::belong_like(&name, path);
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(BackupError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
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

/// Brings what an earlier process left in the log to the file, and the file to the disk. The log itself may be known to
/// the system's memory alone, if that process ended because the disk did not confirm it, and what is written behind it
/// would be lost with it.
async fn confirm(writer: &SqlitePool) -> Result<()> {
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(writer).await?;
    Ok(())
}

/// An error that names the file.
fn named(path: &Path, error: StoreError) -> StoreError {
    let path = path.display();
    match error {
        StoreError::Unavailable(text) => StoreError::Unavailable(format!("{path}: {text}")),
        StoreError::NotWritable(text) => StoreError::NotWritable(format!("{path}: {text}")),
        StoreError::Unconfirmed(text) => StoreError::Unconfirmed(format!("{path}: {text}")),
        StoreError::Unreadable(text) => StoreError::Unreadable(format!("{path}: {text}")),
        StoreError::Refused(text) => StoreError::Refused(format!("{path}: {text}")),
        other @ (StoreError::OtherPlaybook(_) | StoreError::Newer { .. }) => other,
    }
}
