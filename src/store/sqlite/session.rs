//! Transactions on SQLite.

use async_trait::async_trait;
use sqlx::sqlite::{Sqlite, SqliteArguments};
use sqlx::{Arguments, AssertSqlSafe, Transaction};

use super::SqliteEngine;
use crate::store::Result;
use crate::store::sql::batches;
use crate::store::sql::courier::claimed;
use crate::store::sql::rows::{Found, Row};
use crate::store::sql::session::{Engine, Given, Session};

/// A transaction.
pub struct SqliteSession {
    tx: Transaction<'static, Sqlite>,
}

#[async_trait]
impl Engine for SqliteEngine {
    type Session = SqliteSession;

    const CLAIM: &'static str = concat!(
        "UPDATE deliveries SET state = 'sending', fence = fence + 1, tries = tries + 1, lease_until = $2, holder = $4
         WHERE id IN (
             SELECT id FROM deliveries
             WHERE claim_at <= $1 AND channel NOT IN (SELECT id FROM r)
             ORDER BY claim_at LIMIT $3
         )",
        claimed!()
    );

    // There is one writer.
    const ENTER: Option<&'static str> = None;

    const IN_FORCE: &'static str = "SELECT version FROM playbook_in_force";

    async fn reading(&self) -> Result<SqliteSession> {
        Ok(SqliteSession { tx: self.readers.begin().await? })
    }

    /// Holds the write lock from the start.
    async fn writing(&self) -> Result<SqliteSession> {
        Ok(SqliteSession { tx: self.writer.begin_with("BEGIN IMMEDIATE").await? })
    }

    /// Nobody else holds a lease.
    fn holder(&self) -> &str {
        ""
    }

    async fn nudged(&self) {
        std::future::pending().await
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

    async fn write<R: Row>(&mut self, statement: &'static str, given: &[Given], rows: &[R]) -> Result<u64> {
        let statement = over::<R>(statement, given.len());
        let mut written = 0;
        for batch in batches(rows) {
            let query = sqlx::query_with(AssertSqlSafe(statement.clone()), arguments(given, Some(batch))?);
            written += query.execute(&mut *self.tx).await?.rows_affected();
        }
        Ok(written)
    }

    async fn look_up<T: Found, R: Row>(&mut self, statement: &'static str, rows: &[R]) -> Result<Vec<T>> {
        let statement = over::<R>(statement, 0);
        let mut found = Vec::new();
        for batch in batches(rows) {
            let query = sqlx::query_as_with(AssertSqlSafe(statement.clone()), arguments(&[], Some(batch))?);
            found.extend(query.fetch_all(&mut *self.tx).await?);
        }
        Ok(found)
    }

    /// Nobody else writes while this transaction does.
    async fn lock<T: Found, R: Row>(&mut self, statement: &'static str, rows: &[R]) -> Result<Vec<T>> {
        self.look_up(statement, rows).await
    }

    async fn select_over<T: Found, R: Row>(
        &mut self,
        statement: &'static str,
        given: &[Given],
        rows: &[R],
    ) -> Result<Vec<T>> {
        let all = batches(rows).next().unwrap_or_else(|| "[]".to_owned());
        let statement = over::<R>(statement, given.len());
        let query = sqlx::query_as_with(AssertSqlSafe(statement), arguments(given, Some(all))?);
        Ok(query.fetch_all(&mut *self.tx).await?)
    }

    /// There are no other processes.
    fn nudge(&mut self) {}

    async fn commit(self) -> Result<()> {
        Ok(self.tx.commit().await?)
    }
}

/// A statement over rows that come as one JSON text, after so many values.
///
/// Without MATERIALIZED, SQLite writes a row out as JSON again for each of its columns.
pub(super) fn over<R: Row>(statement: &str, given: usize) -> String {
    let quoted = |(name, _): &(&str, &str)| format!("\"{name}\"");
    let columns: Vec<String> = R::COLUMNS.iter().map(quoted).collect();
    let values: Vec<String> = R::COLUMNS.iter().map(|(name, _)| format!("v->>'{name}'")).collect();
    let (columns, values) = (columns.join(", "), values.join(", "));
    let statement = statement.replace("{columns}", &columns);
    format!(
        "WITH json (v) AS MATERIALIZED (SELECT value FROM json_each(${})), r ({columns}) AS (SELECT {values} FROM json)
        {statement}",
        given + 1
    )
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
