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
use serde::{Deserialize, Deserializer, de};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow, SqliteValueRef};
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Decode, Executor, Row as _, SqlSafeStr, Sqlite, Statement, TypeInfo,
    ValueRef,
};

use super::mapping::Mapping;
use super::table::{CHUNK, Cell, LONGEST_CELL, MOST_ROWS, Row, Table};
use super::{Fetched, PollError, Source, statement};
use crate::core::value::Name;

/// The most text that one answer may hold, in bytes.
const LARGEST: usize = 2 << 30;

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
    #[serde(default = "half_a_minute", deserialize_with = "duration")]
    pub timeout: Duration,
}

const fn half_a_minute() -> Duration {
    Duration::from_secs(30)
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let unit = match unit {
        "s" => Some(1),
        "m" => Some(60),
        _ => None,
    };
    let seconds = unit.zip(number.parse().ok()).map(|(unit, number): (u64, u64)| number.saturating_mul(unit));
    let seconds = seconds.filter(|seconds| (1..=3600).contains(seconds));
    let wrong = || de::Error::custom(format!("expected a time from 1s to 60m, such as \"30s\", got {text:?}"));
    seconds.map(Duration::from_secs).ok_or_else(wrong)
}

/// A database, a query and its mapping.
#[derive(Debug, Clone)]
pub struct SqliteSource {
    path: PathBuf,
    query: String,
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
        statement::refusal(&config.query).map_or(Ok(()), |why| Err(QueryRefused(why)))?;
        Ok(Self { path: base.join(&config.path), query: config.query.clone(), timeout: config.timeout, mapping })
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    /// Asks, and stops the query at the end of its time or when nobody waits any more.
    async fn ask(&self) -> Result<Answer, PollError> {
        let stop = Stop::default();
        let mut answer = std::pin::pin!(self.answer(stop.0.clone()));
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

    async fn answer(&self, stop: Arc<AtomicBool>) -> Result<Answer, PollError> {
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
        let mut answer = self.columns(&mut connection).await.map_err(|e| refused(&e))?;
        let mut rows = connection.fetch(sqlx::query(AssertSqlSafe(self.query.clone())));
        while let Some(row) = rows.try_next().await.map_err(|e| refused(&e))? {
            answer.add(&row).map_err(|problem| PollError::TooLarge { place: self.place(), problem })?;
        }
        Ok(answer)
    }

    /// An empty answer with the columns of the query, which are known even if there are no rows.
    async fn columns(&self, connection: &mut SqliteConnection) -> Result<Answer, sqlx::Error> {
        let statement = connection.prepare(AssertSqlSafe(self.query.clone()).into_sql_str()).await?;
        let columns = statement.columns().iter().map(|column| column.name().trim().into()).collect();
        let name = self.path.file_name().map_or_else(|| self.place(), |name| name.to_string_lossy().into_owned());
        Ok(Answer { columns, name, ..Answer::default() })
    }
}

#[async_trait]
impl Source for SqliteSource {
    async fn fetch(&self) -> Result<Fetched, PollError> {
        let answer = self.ask().await?;
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

/// The rows of an answer, packed: their texts lie end to end in one block for each chunk.
#[derive(Default)]
struct Answer {
    columns: Vec<Name>,
    name: String,
    blocks: Vec<Block>,
    rows: usize,
    bytes: usize,
}

#[derive(Default)]
struct Block {
    cells: Vec<Packed>,
    texts: String,
    flaws: Vec<(usize, String)>,
}

enum Packed {
    Null,
    Int(i64),
    Float(f64),
    Text { start: u32, len: u32 },
    Bytes,
}

impl Answer {
    fn add(&mut self, row: &SqliteRow) -> Result<(), String> {
        if self.rows == MOST_ROWS {
            return Err(format!("expected at most {MOST_ROWS} rows"));
        }
        if self.rows.is_multiple_of(CHUNK) {
            self.blocks.push(Block::default());
        }
        let Some(block) = self.blocks.last_mut() else { return Ok(()) };
        let before = block.texts.len();
        for (column, name) in self.columns.iter().enumerate() {
            let packed = match row.try_get_raw(column) {
                Ok(value) => block.pack(value),
                Err(e) => Err(e.to_string()),
            };
            let packed = packed.unwrap_or_else(|problem| {
                block.flaws.push((self.rows % CHUNK, format!("column \"{name}\": {problem}")));
                Packed::Null
            });
            block.cells.push(packed);
        }
        self.rows += 1;
        self.bytes += block.texts.len() - before;
        if self.bytes > LARGEST { Err(format!("expected at most {LARGEST} bytes of text")) } else { Ok(()) }
    }
}

impl Block {
    /// A value by its own type; what its column was declared as says nothing in SQLite.
    fn pack(&mut self, value: SqliteValueRef<'_>) -> Result<Packed, String> {
        let wrong = |e: sqlx::error::BoxDynError| e.to_string();
        if value.is_null() {
            return Ok(Packed::Null);
        }
        match value.type_info().name() {
            "INTEGER" => <i64 as Decode<Sqlite>>::decode(value).map(Packed::Int).map_err(wrong),
            "REAL" => <f64 as Decode<Sqlite>>::decode(value).map(Packed::Float).map_err(wrong),
            _ => self.pack_text(<&[u8] as Decode<Sqlite>>::decode(value).map_err(wrong)?),
        }
    }

    fn pack_text(&mut self, bytes: &[u8]) -> Result<Packed, String> {
        if bytes.len() > LONGEST_CELL {
            return Err(format!("expected at most {LONGEST_CELL} bytes, got {}", bytes.len()));
        }
        let Ok(text) = std::str::from_utf8(bytes) else { return Ok(Packed::Bytes) };
        if text.contains('\0') {
            return Err("expected text, got a NUL byte".to_owned());
        }
        // A block holds 4,096 rows; texts beyond 4 GiB would need cells beyond the limit above.
        let start = u32::try_from(self.texts.len()).map_err(|_| "expected less text in a block".to_owned())?;
        self.texts.push_str(text);
        Ok(Packed::Text { start, len: u32::try_from(text.len()).unwrap_or(0) })
    }

    fn cell(&self, packed: &Packed) -> Cell<'_> {
        match *packed {
            Packed::Null => Cell::Null,
            Packed::Int(number) => Cell::Int(number),
            Packed::Float(number) => Cell::Float(number),
            Packed::Bytes => Cell::Bytes,
            Packed::Text { start, len } => {
                let (start, len) = (start as usize, len as usize);
                Cell::Text(self.texts.get(start..start + len).unwrap_or_default().into())
            }
        }
    }
}

impl Table for Answer {
    fn columns(&self) -> &[Name] {
        &self.columns
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn visit<'t>(&'t self, chunk: usize, see: &mut dyn FnMut(Row<'t, '_>)) {
        let Some(block) = self.blocks.get(chunk) else { return };
        let mut flaws = block.flaws.iter().peekable();
        let mut cells = Vec::with_capacity(self.columns.len());
        for (at, packed) in block.cells.chunks_exact(self.columns.len().max(1)).enumerate() {
            cells.clear();
            cells.extend(packed.iter().map(|packed| block.cell(packed)));
            let mut flaw = None;
            while let Some((_, problem)) = flaws.next_if(|(row, _)| *row == at) {
                flaw = flaw.or(Some(problem.clone()));
            }
            let index = chunk * CHUNK + at;
            see(Row { index, number: index as u64 + 1, cells: &cells, flaw });
        }
    }

    fn place(&self, number: u64) -> String {
        format!("{}: row {number}", self.name)
    }
}

#[cfg(test)]
mod tests;
