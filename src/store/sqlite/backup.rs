//! Copies of a store: made while it is in use, looked at, and put back.
//!
//! **Invariants:** a copy appears under its name when it is whole and on the disk, and never over another file. What a
//! restore replaces is kept. A copy is readable by its owner only, and belongs to whom the store belongs to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::opening::{self, BUSY_TIMEOUT};
use super::schema::{self, Found};
use crate::core::Instant;
use crate::store::StoreError;

/// Why a copy cannot be made or put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file of that name is there.
    #[error("{0} is there already, and nothing is overwritten")]
    Exists(PathBuf),
    /// There is no store there.
    #[error("{0} is not a store of duban: {1}")]
    NoStore(PathBuf, NoStore),
    /// It is not whole.
    #[error("{0} is damaged: {1}")]
    Damaged(PathBuf, String),
    /// A newer duban wrote it.
    #[error("{path} was written by a newer duban (schema {schema}, and this one knows {known})")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        schema: i64,
        /// The newest schema that this duban knows.
        known: i64,
    },
    /// A duban has it open.
    #[error("a duban has {0} open: stop it first")]
    InUse(PathBuf),
    /// A file cannot be read or written.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
    /// The database engine says no.
    #[error("{0}: {1}")]
    Store(PathBuf, StoreError),
}

/// Why something is not a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoStore {
    /// There is no such file.
    #[error("there is no such file")]
    NoFile,
    /// It is not a database.
    #[error("it is not an SQLite database")]
    NoDatabase,
    /// A database without tables.
    #[error("it has no tables")]
    Empty,
    /// A database with other tables.
    #[error("it is another program's database")]
    OtherPrograms,
}

type Result<T> = std::result::Result<T, BackupError>;

/// What a store's file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Its size.
    pub bytes: u64,
    /// Its schema.
    pub schema: i64,
    /// How many items.
    pub items: u64,
    /// How many transitions.
    pub transitions: u64,
    /// How many deliveries.
    pub deliveries: u64,
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What is in place now.
    pub contents: Contents,
    /// Where the file lies that was in place before, if there was one.
    pub replaced: Option<PathBuf>,
}

/// Copies the store at `store` to `to`, also while a daemon uses it.
pub async fn back_up(store: &Path, to: &Path) -> Result<Contents> {
    check_header(store)?;
    let mut connection = connect(store, false).await.map_err(|error| of_engine(store, error))?;
    let copied = match schema_of(store, &mut connection).await {
        Ok(_) => copy(&mut connection, to).await,
        Err(error) => Err(error),
    };
    let _ = connection.close().await;
    copied
}

/// Copies what a connection sees at one instant.
pub async fn copy(connection: &mut SqliteConnection, to: &Path) -> Result<Contents> {
    if to.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let part = beside(to, &format!(".{}.part", std::process::id()));
    let made = write_part(connection, &part).await;
    let placed = made.and_then(|contents| place_new(&part, to).map(|()| contents));
    if placed.is_err() {
        remove_all(&part);
    }
    placed
}

async fn write_part(connection: &mut SqliteConnection, part: &Path) -> Result<Contents> {
    let failed = |error: io::Error| BackupError::Io(part.to_owned(), error);
    create_private(part).map_err(failed)?;
    // The name goes in as a text of SQL: this statement takes no parameter before the database is locked for it.
    let name = part.to_str().ok_or_else(|| failed(io::Error::other("the name is not UTF-8")))?.replace('\'', "''");
    let into = sqlx::query(AssertSqlSafe(format!("VACUUM INTO '{name}'"))).persistent(false);
    into.execute(&mut *connection).await.map_err(|error| of_engine(part, error))?;
    let model: Option<(String,)> =
        sqlx::query_as("SELECT file FROM pragma_database_list WHERE name = 'main' AND file <> ''")
            .fetch_optional(connection)
            .await
            .map_err(|error| of_engine(part, error))?;
    // Elsewhere it is the caller's.
    if let Some(model) =
        model.as_ref().map(|(model,)| Path::new(model)).filter(|model| is_same(folder(part), folder(model)))
    {
        belong_like(part, model);
    }
    File::open(part).and_then(|file| file.sync_all()).map_err(failed)?;
    examine(part).await
}

/// Gives a finished file its name, unless there is one.
fn place_new(part: &Path, to: &Path) -> Result<()> {
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::AlreadyExists => BackupError::Exists(to.to_owned()),
        _ => BackupError::Io(to.to_owned(), error),
    };
    match fs::hard_link(part, to) {
        Ok(()) => fs::remove_file(part).map_err(failed)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(failed(error)),
        // Not every file system has links.
        Err(_) if !to.exists() => fs::rename(part, to).map_err(failed)?,
        Err(error) => return Err(failed(error)),
    }
    sync_folder(to).map_err(failed)
}

/// Looks whether a file is a store and whole. Nothing but SQLite's own files beside it is written.
pub async fn examine(path: &Path) -> Result<Contents> {
    check_header(path)?;
    let mut connection = connect(path, false).await.map_err(|error| of_engine(path, error))?;
    let contents = examine_inside(path, &mut connection).await;
    let _ = connection.close().await;
    contents
}

async fn examine_inside(path: &Path, connection: &mut SqliteConnection) -> Result<Contents> {
    let failed = |error: sqlx::Error| of_engine(path, error);
    let found: Vec<String> =
        sqlx::query_scalar("PRAGMA quick_check(3)").fetch_all(&mut *connection).await.map_err(failed)?;
    if found != ["ok"] {
        return Err(BackupError::Damaged(path.to_owned(), found.join("; ")));
    }
    let schema = schema_of(path, connection).await?;
    let counts = "SELECT (SELECT count(*) FROM items), (SELECT count(*) FROM transitions),
                         (SELECT count(*) FROM deliveries)";
    let counts: (i64, i64, i64) = sqlx::query_as(counts).fetch_one(connection).await.map_err(failed)?;
    let [items, transitions, deliveries] = <[i64; 3]>::from(counts).map(|rows| u64::try_from(rows).unwrap_or_default());
    let bytes = path.metadata().map_err(|error| BackupError::Io(path.to_owned(), error))?.len();
    Ok(Contents { bytes, schema, items, transitions, deliveries })
}

/// Puts a copy of `file` in the place of the store at `store`, which nobody may have open. What was there is kept under a
/// name with the time.
pub async fn restore(file: &Path, store: &Path, now: Instant) -> Result<Restored> {
    let _lock = opening::take_lock(store)?;
    check_header(file)?;
    if beside(file, ".lock").exists() && !is_same(file, store) {
        drop(opening::take_lock(file)?);
    }
    // Where it really lies: a link stays what it is.
    let store = &store.canonicalize().unwrap_or_else(|_| store.to_owned());
    let fresh = beside(store, ".restoring");
    let checked = copy_and_check(file, &fresh, store).await;
    let swapped = match checked {
        Ok(contents) => swap(&fresh, store, now).await.map(|replaced| Restored { contents, replaced }),
        Err(error) => Err(error),
    };
    if swapped.is_err() {
        remove_all(&fresh);
    }
    swapped
}

/// Copies a file with what SQLite keeps beside it, folds that in, and looks whether this duban can use it.
async fn copy_and_check(file: &Path, fresh: &Path, store: &Path) -> Result<Contents> {
    remove_all(fresh);
    for ending in ["", "-wal"] {
        let (from, to) = (beside(file, ending), beside(fresh, ending));
        match copy_file(&from, &to) {
            Err(error) if error.kind() == ErrorKind::NotFound && !ending.is_empty() => {}
            copied => copied.map_err(|error| BackupError::Io(from, error))?,
        }
        belong_like(&to, store);
    }
    let named = |error| renamed(error, fresh, file);
    fold(fresh).await.map_err(named)?;
    let contents = examine(fresh).await.map_err(named)?;
    let known = schema::newest(&schema::SCHEMA);
    if known < contents.schema {
        return Err(BackupError::Newer { path: file.to_owned(), schema: contents.schema, known });
    }
    File::open(fresh).and_then(|file| file.sync_all()).map_err(|error| BackupError::Io(fresh.to_owned(), error))?;
    Ok(contents)
}

/// Moves what lies in the log beside a file into the file, so that it stands alone.
async fn fold(path: &Path) -> Result<()> {
    let failed = |error: sqlx::Error| of_engine(path, error);
    let mut connection = connect(path, false).await.map_err(failed)?;
    let folded = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut connection).await;
    // Closed in any case before somebody moves the files.
    let closed = connection.close().await;
    let (busy, _, _): (i64, i64, i64) = folded.map_err(failed)?;
    closed.map_err(failed)?;
    if busy != 0 {
        return Err(BackupError::InUse(path.to_owned()));
    }
    Ok(())
}

/// Puts the fresh file in place of the store; where the old one lies now is the answer.
///
/// A log that is left beside the new file would be played into it, and an old file without its log lacks its newest
/// changes. So the log is folded in first; then one rename does it. Only a file that is too damaged for that goes aside
/// together with its log.
async fn swap(fresh: &Path, store: &Path, now: Instant) -> Result<Option<PathBuf>> {
    let failed = |error: io::Error| BackupError::Io(store.to_owned(), error);
    let aside = free_name(store, now);
    let was_there = store.symlink_metadata().is_ok();
    if was_there {
        fold_or_keep(store, &beside(&aside, "-wal")).await?;
        // Not every file system has links; without them there is an instant without a file.
        fs::hard_link(store, &aside).or_else(|_| fs::rename(store, &aside)).map_err(failed)?;
    }
    for ending in ["-wal", "-shm"] {
        let _ = fs::remove_file(beside(store, ending));
    }
    fs::rename(fresh, store).map_err(failed)?;
    remove_all(fresh);
    sync_folder(store).map_err(failed)?;
    Ok(was_there.then_some(aside))
}

/// Folds a store's log in; where that cannot be done, a copy of the log is kept under a name.
async fn fold_or_keep(store: &Path, log: &Path) -> Result<()> {
    let is_kept = match copy_file(&beside(store, "-wal"), log) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => return Err(BackupError::Io(log.to_owned(), error)),
    };
    let folded = fold(store).await;
    if is_kept && matches!(folded, Ok(()) | Err(BackupError::InUse(_))) {
        let _ = fs::remove_file(log);
    }
    match folded {
        Err(error @ BackupError::InUse(_)) => Err(error),
        // It is damaged, which is why it goes.
        _ => Ok(()),
    }
}

fn free_name(store: &Path, now: Instant) -> PathBuf {
    let time = now.format("%Y%m%dT%H%M%SZ");
    let mut names = (1..).map(|n| {
        let number = if n == 1 { String::new() } else { format!(".{n}") };
        beside(store, &format!(".replaced-{time}{number}"))
    });
    names.find(|name| name.symlink_metadata().is_err()).unwrap_or_default()
}

/// The name of a file beside another: its name and an ending.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// One connection to a file.
pub async fn connect(path: &Path, create: bool) -> sqlx::Result<SqliteConnection> {
    SqliteConnectOptions::new().filename(path).create_if_missing(create).busy_timeout(BUSY_TIMEOUT).connect().await
}

/// Whether a file begins as SQLite's do, before SQLite itself opens it.
pub fn check_header(path: &Path) -> Result<()> {
    let mut header = [0; 16];
    let read = File::open(path).and_then(|mut file| {
        let is_file = file.metadata()?.is_file();
        if is_file { file.read_exact(&mut header) } else { Err(io::Error::other("it is not a file")) }
    });
    match read {
        Ok(()) if header == *b"SQLite format 3\0" => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(BackupError::NoStore(path.to_owned(), NoStore::NoFile))
        }
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(BackupError::Io(path.to_owned(), error)),
        _ => Err(BackupError::NoStore(path.to_owned(), NoStore::NoDatabase)),
    }
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target = create_private(to)?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()
}

/// A new file, readable by its owner only.
fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Gives a file the owner of another one, or of its folder: root may do this for the service's user.
#[cfg(unix)]
pub fn belong_like(path: &Path, model: &Path) {
    use std::os::unix::fs::{MetadataExt, chown};
    let metadata = model.metadata().or_else(|_| folder(model).metadata());
    if let (Ok(metadata), Ok(own)) = (metadata, path.metadata())
        && (metadata.uid(), metadata.gid()) != (own.uid(), own.gid())
    {
        // Only root can; everybody else's files are their own.
        let _ = chown(path, Some(metadata.uid()), Some(metadata.gid()));
    }
}

#[cfg(not(unix))]
pub fn belong_like(_: &Path, _: &Path) {}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Removes a file and what SQLite keeps beside it.
fn remove_all(path: &Path) {
    for ending in ["", "-wal", "-shm", "-journal"] {
        let _ = fs::remove_file(beside(path, ending));
    }
}

/// The folder of a file.
pub fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path)).and_then(|folder| folder.sync_all())
}

/// The schema of what must be a store.
async fn schema_of(path: &Path, connection: &mut SqliteConnection) -> Result<i64> {
    match schema::look(connection).await.map_err(|error| of_engine(path, error))? {
        Found::Store(schema) => Ok(schema),
        Found::Nothing => Err(BackupError::NoStore(path.to_owned(), NoStore::Empty)),
        Found::Foreign => Err(BackupError::NoStore(path.to_owned(), NoStore::OtherPrograms)),
    }
}

/// What SQLite says of a file.
fn of_engine(path: &Path, error: sqlx::Error) -> BackupError {
    match StoreError::from(error) {
        StoreError::Unreadable(text) => BackupError::Damaged(path.to_owned(), text),
        other => BackupError::Store(path.to_owned(), other),
    }
}

/// An error about a working copy is one about the file that it was copied from.
fn renamed(error: BackupError, copy: &Path, file: &Path) -> BackupError {
    let name = |path: PathBuf| if path == copy { file.to_owned() } else { path };
    match error {
        BackupError::NoStore(path, why) => BackupError::NoStore(name(path), why),
        BackupError::Damaged(path, text) => BackupError::Damaged(name(path), text),
        other => other,
    }
}
