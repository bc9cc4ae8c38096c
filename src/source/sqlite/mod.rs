//! A query on a SQLite database as a source.
//!
//! **Invariant:** the connection is read-only, the query is one reading statement, and one that takes too long is
//! really stopped, not only left alone. (Of a database in WAL mode that nobody has open, SQLite itself may put its
//! `-shm` file beside it; the data are never touched.)

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use serde::Deserialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow, SqliteValueRef};
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Decode, Executor, Row as _, SqlSafeStr, Sqlite, Statement, TypeInfo,
    ValueRef,
};

use super::mapping::Mapping;
use super::packed::Packed;
use super::statement::{Dialect, Query};
use super::table::{Cell, Table};
use super::terms::timeout;
use super::{Fetched, PollError, Source};
use crate::core::Instant;
use crate::core::value::Name;

/// How many of SQLite's instructions pass between two looks at the clock: some microseconds.
const LOOK_EVERY: i32 = 1000;

/// How long a stopped query may take to end before its connection is left behind.
const GRACE: Duration = Duration::from_secs(2);

/// Which database, and what to ask it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqliteConfig {
    /// The file; a relative path is relative to the configuration that names it.
    pub path: PathBuf,
    /// One statement that reads.
    pub query: String,
    /// How long the answer may take: `30s`, `2m`.
    #[serde(default = "half_a_minute", deserialize_with = "timeout")]
    pub timeout: Duration,
}

const fn half_a_minute() -> Duration {
    Duration::from_secs(30)
}

/// A database, a query and its mapping.
#[derive(Debug, Clone)]
pub struct SqliteSource {
    path: PathBuf,
    query: Query,
    timeout: Duration,
    mapping: Arc<Mapping>,
}

/// Why a query is not asked at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("query: {0}")]
pub struct QueryRefused(String);

impl SqliteSource {
    /// The query of `config` on the database at its path, relative to the folder `base`.
    pub fn new(config: &SqliteConfig, base: &Path, mapping: Arc<Mapping>) -> Result<Self, QueryRefused> {
        let query = Query::new(&config.query, Dialect::Sqlite).map_err(QueryRefused)?;
        Ok(Self { path: base.join(&config.path), query, timeout: config.timeout, mapping })
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    /// Asks, and stops the query at the end of its time or when nobody waits any more.
    async fn ask(&self, query: &str) -> Result<Packed, PollError> {
        let stop = Stop::default();
        let mut answer = std::pin::pin!(self.answer(query, stop.0.clone()));
        tokio::select! {
            answer = &mut answer => answer,
            () = tokio::time::sleep(self.timeout) => {
                stop.pull();
                // The query ends within microseconds; one that waits for a lock is left to end by itself.
                let _ = tokio::time::timeout(GRACE, answer).await;
                Err(PollError::Timeout { place: self.place(), limit_s: self.timeout.as_secs() })
            }
        }
    }

    async fn answer(&self, query: &str, stop: Arc<AtomicBool>) -> Result<Packed, PollError> {
        let refused = |e: &sqlx::Error| PollError::Query { place: self.place(), problem: plain(e) };
        let unreadable = |problem| PollError::Unreadable { place: self.place(), problem };
        let found = tokio::fs::metadata(&self.path).await;
        found.map_err(|e| unreadable(format!("expected a database that can be read, got: {e}")))?;
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .read_only(true)
            .busy_timeout(self.timeout.min(Duration::from_secs(5)))
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(|e| unreadable(plain(&e)))?;
        let handler = move || !stop.load(Ordering::Relaxed);
        connection.lock_handle().await.map_err(|e| refused(&e))?.set_progress_handler(LOOK_EVERY, handler);
        let mut answer = self.columns(query, &mut connection).await.map_err(|e| refused(&e))?;
        let mut rows = connection.fetch(sqlx::query(AssertSqlSafe(query.to_owned())));
        while let Some(row) = rows.try_next().await.map_err(|e| refused(&e))? {
            add(&mut answer, &row).map_err(|problem| PollError::TooLarge { place: self.place(), problem })?;
        }
        Ok(answer)
    }

    /// An empty answer with the columns of the query, which are known even if there are no rows.
    async fn columns(&self, query: &str, connection: &mut SqliteConnection) -> Result<Packed, sqlx::Error> {
        let statement = connection.prepare(AssertSqlSafe(query.to_owned()).into_sql_str()).await?;
        let columns: Vec<Name> = statement.columns().iter().map(|column| column.name().trim().into()).collect();
        let name = self.path.file_name().map_or_else(|| self.place(), |name| name.to_string_lossy().into_owned());
        Ok(Packed::new(name, columns))
    }
}

#[async_trait]
impl Source for SqliteSource {
    fn asks_since(&self) -> bool {
        self.query.wants_since()
    }

    async fn fetch(&self, since: Option<Instant>) -> Result<Fetched, PollError> {
        let answer = self.ask(&self.query.since(self.mapping.naive(since))).await?;
        let (mapping, place) = (self.mapping.clone(), self.place());
        let fetched = tokio::task::spawn_blocking(move || Fetched::new(answer, mapping, &place)).await;
        fetched.unwrap_or_else(|e| Err(PollError::Unreadable { place: self.place(), problem: e.to_string() }))
    }
}

/// What the database says, without the library's wrapping.
fn plain(error: &sqlx::Error) -> String {
    error.as_database_error().map_or_else(|| error.to_string(), |e| e.message().to_owned())
}

/// Stops the query when it is dropped: a poll that is given up must not go on reading.
#[derive(Default)]
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn pull(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.pull();
    }
}

fn add(answer: &mut Packed, row: &SqliteRow) -> Result<(), String> {
    answer.begin(answer.rows() as u64 + 1)?;
    for column in 0..row.len() {
        match row.try_get_raw(column).map_err(|e| e.to_string()).and_then(cell) {
            Ok(cell) => answer.put(column, &cell),
            Err(problem) => answer.spoil(column, &problem),
        }
    }
    Ok(())
}

/// A value by its own type; what its column was declared as says nothing in SQLite.
fn cell(value: SqliteValueRef<'_>) -> Result<Cell<'_>, String> {
    let wrong = |e: sqlx::error::BoxDynError| e.to_string();
    if value.is_null() {
        return Ok(Cell::Null);
    }
    Ok(match value.type_info().name() {
        "INTEGER" => Cell::Int(<i64 as Decode<Sqlite>>::decode(value).map_err(wrong)?),
        "REAL" => Cell::Float(<f64 as Decode<Sqlite>>::decode(value).map_err(wrong)?),
        _ => Cell::of_bytes(<&[u8] as Decode<Sqlite>>::decode(value).map_err(wrong)?),
    })
}

#[cfg(test)]
mod tests;
