//! The embedded store: one SQLite file, one process, one writer.
//!
//! The file is in WAL mode and synchronous, so what a verb has answered survives a power cut. Everything that writes goes
//! through one connection, in transactions that take the write lock at once; reads go beside it.
//!
//! **Invariants:** a second process is refused (a lock on `FILE.lock`). The file is readable by its owner only. Rows travel
//! by the thousand, never one a statement.

pub mod backup;

pub(super) mod opening;
pub(super) mod schema;
mod session;
mod trouble;

#[cfg(test)]
mod plans;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};

use sqlx::sqlite::SqlitePool;

use super::sql::SqlStore;
use super::{Result, Updated};

/// A store in one SQLite file.
pub type SqliteStore = SqlStore<SqliteEngine>;

/// One SQLite file.
#[derive(Debug)]
pub struct SqliteEngine {
    writer: SqlitePool,
    readers: SqlitePool,
    /// Whether the disk once did not confirm a commit; then nothing more is written by this connection.
    doubted: Arc<AtomicBool>,
    /// The last version that other processes' commits gave the file, as the writer's connection counts them.
    others: AtomicI64,
    /// Held for as long as the store is open.
    _lock: Option<File>,
}

impl SqliteStore {
    /// Opens a store, creates it if it is not there, and brings its schema up to date.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self { engine: opening::open(path.as_ref()).await? })
    }

    /// Brings the schema of the store at `path` up to date, as [`SqliteStore::open`] does, and leaves it closed.
    pub async fn migrate(path: impl AsRef<Path>) -> std::result::Result<Updated, backup::BackupError> {
        opening::migrate(path.as_ref()).await
    }

    /// Opens a store that exists, for a command beside the daemon: it reads, and its few writes name the old state.
    pub async fn visit(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self { engine: opening::visit(path.as_ref()).await? })
    }

    /// A store that is gone when it is closed.
    pub async fn open_in_memory() -> Result<Self> {
        Ok(Self { engine: opening::open_in_memory().await? })
    }
}
