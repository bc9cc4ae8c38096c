//! The shared store: a PostgreSQL database, 15 or later.
//!
//! Every verb is one explicit transaction of unnamed statements, so a pooler in transaction mode may stand between. What a
//! session would have to remember (a time zone, a lock, a prepared statement) is not used.
//!
//! **Invariants:** the outcome of a commit is never assumed: where the answer was lost, the server is asked for it. A lease
//! names its holder, so that a daemon which starts again ends its own leases and nobody else's. The server's certificate is
//! verified unless the configuration says otherwise.

mod config;
mod nudges;
mod opening;
mod session;
mod trouble;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use secrecy::SecretString;
use sqlx::postgres::PgPool;

pub use config::{PostgresConfig, PostgresTls};
pub(super) use opening::known_schema;
pub(super) use trouble::of_database;

use self::nudges::Nudges;
use super::sql::SqlStore;
use super::{Result, Updated};

/// A store in a PostgreSQL database.
pub type PostgresStore = SqlStore<PostgresEngine>;

/// One PostgreSQL database.
#[derive(Debug)]
pub struct PostgresEngine {
    pool: PgPool,
    /// Which installation this is; empty for a visitor.
    holder: Arc<str>,
    nudges: Option<Arc<Nudges>>,
    /// Keeps a second process from being the same installation.
    _lock: Option<File>,
}

impl PostgresStore {
    /// Opens a store and brings its schema up to date. `instance` is the file that tells this installation from others;
    /// it is made if it is not there, and locked.
    pub async fn open(config: &PostgresConfig, password: Option<&SecretString>, instance: &Path) -> Result<Self> {
        Ok(Self { engine: opening::open(config, password, instance).await? })
    }

    /// Brings the schema of a database up to date, as [`PostgresStore::open`] does, and leaves it closed.
    pub async fn migrate(config: &PostgresConfig, password: Option<&SecretString>) -> Result<Updated> {
        opening::update(config, password).await
    }

    /// Opens a store that exists, for a command beside the daemon: without touching its schema.
    pub async fn visit(config: &PostgresConfig, password: Option<&SecretString>) -> Result<Self> {
        Ok(Self { engine: opening::visit(config, password).await? })
    }
}
