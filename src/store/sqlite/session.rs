//! Transactions on SQLite.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{Sqlite, SqliteArguments};
use sqlx::{Arguments, AssertSqlSafe, SqlitePool, Transaction};

use super::SqliteEngine;
use super::trouble::is_busy;
use crate::store::sql::courier::{claimable, claimable_of};
use crate::store::sql::rows::{Found, Row};
use crate::store::sql::session::{Engine, Given, Rows, Session};
use crate::store::sql::{BATCH_ROWS, json, next_batch};
use crate::store::{Result, StoreError};

/// A transaction.
pub struct SqliteSession {
    tx: Transaction<'static, Sqlite>,
    doubted: Arc<AtomicBool>,
}

/// How often is looked whether a command beside the daemon has written something.
const LOOK_FOR_OTHERS: Duration = Duration::from_millis(100);

#[async_trait]
impl Engine for SqliteEngine {
    type Session = SqliteSession;

    const CLAIMABLE: &'static str = claimable!("");

    const CLAIMABLE_OF: &'static str = claimable_of!("");

    // There is one writer.
    const ENTER: Option<&'static str> = None;

    const IN_FORCE: &'static str = "SELECT version FROM playbook_in_force";

    async fn reading(&self) -> Result<SqliteSession> {
        Ok(SqliteSession { tx: self.readers.begin().await?, doubted: self.doubted.clone() })
    }

    /// Holds the write lock from the start.
    async fn writing(&self) -> Result<SqliteSession> {
        let tx = begin(&self.writer).await?;
        if self.doubted.load(Ordering::Acquire) {
            return Err(StoreError::Unconfirmed("what came before".to_owned()));
        }
        Ok(SqliteSession { tx, doubted: self.doubted.clone() })
    }

    /// Nobody else holds a lease.
    fn holder(&self) -> &'static str {
        ""
    }

    async fn nudged(&self) {
        loop {
            tokio::time::sleep(LOOK_FOR_OTHERS).await;
            let Ok(version) = version(&self.writer).await else { continue };
            if self.others.swap(version, Ordering::Relaxed) != version {
                return;
            }
        }
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[async_trait]
impl Session for SqliteSession {
    async fn run(&mut self, statement: &'static str, given: &[Given]) -> Result<u64> {
        let query = sqlx::query_with(statement, arguments(given, None)?);
        Ok(query.execute(&mut *self.tx).await?.rows_affected())
    }

    async fn select<T: Found>(&mut self, statement: &'static str, given: &[Given]) -> Result<Vec<T>> {
        let query = sqlx::query_as_with(statement, arguments(given, None)?);
        Ok(query.fetch_all(&mut *self.tx).await?)
    }

    async fn write<R: Row>(&mut self, statement: &'static str, given: &[Given], rows: impl Rows<R>) -> Result<()> {
        let mut rows = rows.into_iter();
        let group = if given.is_empty() { insertion::<R>(statement) } else { None };
        let statement = over::<R>(statement, given.len());
        let next = |rows: &mut _| next_batch(rows, if group.is_some() { GROUP_ROWS } else { BATCH_ROWS });
        let mut batch = next(&mut rows);
        while let Some(rows_now) = batch {
            let query = match &group {
                Some(group) if rows_now.len() == GROUP_ROWS => {
                    sqlx::query_with(AssertSqlSafe(group.clone()), values(rows_now)?)
                }
                _ => {
                    let rows = json(&rows_now);
                    sqlx::query_with(AssertSqlSafe(statement.clone()), arguments(given, Some(rows))?)
                }
            };
            // SQLite works in a thread of its own.
            let (written, following) = tokio::join!(query.execute(&mut *self.tx), async { next(&mut rows) });
            written?;
            batch = following;
        }
        Ok(())
    }

    async fn look_up<T: Found, R: Row>(&mut self, statement: &'static str, rows: impl Rows<R>) -> Result<Vec<T>> {
        let statement = over::<R>(statement, 0);
        let mut rows = rows.into_iter();
        let mut found = Vec::new();
        while let Some(batch) = next_batch(&mut rows, BATCH_ROWS) {
            let query = sqlx::query_as_with(AssertSqlSafe(statement.clone()), arguments(&[], Some(json(&batch)))?);
            found.extend(query.fetch_all(&mut *self.tx).await?);
        }
        Ok(found)
    }

    /// Nobody else writes while this transaction does.
    async fn lock<T: Found, R: Row>(&mut self, statement: &'static str, rows: impl Rows<R>) -> Result<Vec<T>> {
        self.look_up(statement, rows).await
    }

    async fn select_over<T: Found, R: Row>(
        &mut self,
        statement: &'static str,
        given: &[Given],
        rows: Vec<R>,
    ) -> Result<Vec<T>> {
        let statement = over::<R>(statement, given.len());
        let query = sqlx::query_as_with(AssertSqlSafe(statement), arguments(given, Some(json(&rows)))?);
        Ok(query.fetch_all(&mut *self.tx).await?)
    }

    /// There are no other processes.
    fn nudge(&mut self) {}

    async fn commit(self) -> Result<()> {
        let done = self.tx.commit().await.map_err(StoreError::from);
        if matches!(done, Err(StoreError::Unconfirmed(_))) {
            self.doubted.store(true, Ordering::Release);
        }
        done
    }
}

/// How soon is tried again to begin while another process writes. SQLite itself would sleep for ever longer, and a daemon
/// and a command that write in turns would mostly sleep.
const BEGIN_AGAIN: Duration = Duration::from_millis(1);
/// How often: a try takes up to two milliseconds, so together they are about as long as SQLite's own wait.
const TRIES: u32 = 2_500;

/// Begins a transaction as soon as nobody else writes.
async fn begin(writer: &SqlitePool) -> sqlx::Result<Transaction<'static, Sqlite>> {
    for _ in 0..TRIES {
        match writer.begin_with("BEGIN IMMEDIATE").await {
            Err(error) if is_busy(&error) => tokio::time::sleep(BEGIN_AGAIN).await,
            begun => return begun,
        }
    }
    writer.begin_with("BEGIN IMMEDIATE").await
}

/// The file's version as a connection counts it: its own commits do not count.
pub(super) async fn version(writer: &SqlitePool) -> sqlx::Result<i64> {
    sqlx::query_scalar("PRAGMA data_version").fetch_one(writer).await
}

/// A statement over rows that come as one JSON text, an array for each row, after so many values.
///
/// `jsonb_each` hands a row over as it was parsed; `json_each` would write it out as text to be parsed again.
pub(super) fn over<R: Row>(statement: &str, given: usize) -> String {
    let values: Vec<String> = (0..R::COLUMNS.len()).map(|number| format!("value->>{number}")).collect();
    let (columns, values) = (columns::<R>(), values.join(", "));
    let statement = statement.replace("{columns}", &columns);
    format!("WITH r ({columns}) AS (SELECT {values} FROM jsonb_each(${}))\n{statement}", given + 1)
}

/// Rows of an insertion that are written by one statement of their own: their values need not be written as JSON and read
/// again. Fewer rows than that go as JSON, since a statement is made for one number of rows.
const GROUP_ROWS: usize = 50;

/// The statement that inserts [`GROUP_ROWS`] rows by their values, if a statement inserts rows as they are.
fn insertion<R: Row>(statement: &str) -> Option<String> {
    let (head, tail) = statement.split_once("SELECT {columns} FROM r")?;
    // SQLite wants a condition before a conflict's clause only after a selection.
    let tail = tail.strip_prefix(" WHERE true").unwrap_or(tail);
    let row = format!("({})", vec!["?"; R::COLUMNS.len()].join(", "));
    let rows = vec![row; GROUP_ROWS].join(", ");
    Some(format!("{}VALUES {rows}{tail}", head.replace("{columns}", &columns::<R>())))
}

/// A row's columns, as a statement names them.
fn columns<R: Row>() -> String {
    let columns: Vec<String> = R::COLUMNS.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    columns.join(", ")
}

fn values<R: Row>(rows: Vec<R>) -> Result<SqliteArguments> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(rows.len() * R::COLUMNS.len(), 0);
    for row in rows {
        row.add_values(&mut arguments).map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn arguments(given: &[Given], rows: Option<String>) -> Result<SqliteArguments> {
    let mut arguments = SqliteArguments::default();
    for value in given {
        match value {
            Given::Number(number) => arguments.add(*number),
            Given::Text(text) => arguments.add(text.clone()),
            Given::Maybe(text) => arguments.add(text.clone()),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    if let Some(rows) = rows {
        arguments.add(rows).map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}
