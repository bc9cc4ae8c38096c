//! Transactions on PostgreSQL.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgPool, Postgres};
use sqlx::{Arguments, AssertSqlSafe, Transaction};

use super::PostgresEngine;
use super::nudges::CHANNEL;
use crate::store::sql::courier::{claimable, claimable_of};
use crate::store::sql::rows::{Found, Row};
use crate::store::sql::session::{Engine, Given, Rows, Session};
use crate::store::sql::{BATCH_ROWS, next_batch};
use crate::store::{Result, StoreError};

/// The longest that a statement may take: a server that hangs must not hold a loop up for ever.
const LONGEST: Duration = Duration::from_mins(1);

/// How long the outcome of a commit is asked for: longer than a server needs to come back.
const LOOKING: Duration = Duration::from_mins(5);

/// How long closing may take.
const FAREWELL: Duration = Duration::from_secs(10);

/// Between two questions for the outcome of a commit.
const AGAIN: Duration = Duration::from_millis(100);

/// A transaction.
pub struct PostgresSession {
    tx: Transaction<'static, Postgres>,
    pool: PgPool,
    /// Who tells other processes that something may be due.
    nudges: Option<Arc<str>>,
    holder: Arc<str>,
}

/// What goes with every transaction: statements look rows up by their keys, a thousand at most, so a plan that reads a
/// whole table, or compiles itself, is never the better one.
macro_rules! begin {
    ($mode:literal) => {
        concat!(
            "BEGIN ",
            $mode,
            "; SET LOCAL jit = off; SET LOCAL enable_seqscan = off; SET LOCAL random_page_cost = 1.1"
        )
    };
}

const READ: &str = begin!("ISOLATION LEVEL REPEATABLE READ READ ONLY");
// With anything but "on", a commit would be answered before it is on the disk.
const WRITE: &str = concat!(
    begin!("ISOLATION LEVEL READ COMMITTED READ WRITE"),
    "; SET LOCAL synchronous_commit = on; SET LOCAL idle_in_transaction_session_timeout = '2min'"
);

#[async_trait]
impl Engine for PostgresEngine {
    type Session = PostgresSession;

    const CLAIMABLE: &'static str = claimable!(" FOR UPDATE OF d SKIP LOCKED");

    const CLAIMABLE_OF: &'static str = claimable_of!(" FOR UPDATE OF d SKIP LOCKED");

    // Items that are not stored yet cannot be locked, so turns that touch the same source go one after the other; nor can
    // sends that are not counted yet.
    const ENTER: Option<&'static str> = Some(
        "SELECT count(pg_advisory_xact_lock(hashtextextended(id, $1))::text) FROM (SELECT id FROM r ORDER BY id) AS s",
    );

    const IN_FORCE: &'static str = "SELECT version FROM playbook_in_force FOR SHARE";

    const CLOCK: Option<&'static str> = Some("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint");

    async fn reading(&self) -> Result<PostgresSession> {
        self.begin(READ).await
    }

    async fn writing(&self) -> Result<PostgresSession> {
        self.begin(WRITE).await
    }

    fn holder(&self) -> &str {
        &self.holder
    }

    async fn nudged(&self) {
        match &self.nudges {
            Some(nudges) => nudges.heard().await,
            None => std::future::pending().await,
        }
    }

    async fn close(&self) {
        if let Some(nudges) = &self.nudges {
            nudges.stop();
        }
        // What hangs in a connection cannot be waited for.
        let _ = tokio::time::timeout(FAREWELL, self.pool.close()).await;
    }
}

impl Drop for PostgresEngine {
    fn drop(&mut self) {
        if let Some(nudges) = &self.nudges {
            nudges.stop();
        }
    }
}

impl PostgresEngine {
    async fn begin(&self, statement: &'static str) -> Result<PostgresSession> {
        let tx = in_time(self.pool.begin_with(statement)).await?;
        Ok(PostgresSession { tx, pool: self.pool.clone(), nudges: None, holder: self.holder.clone() })
    }
}

#[async_trait]
impl Session for PostgresSession {
    async fn run(&mut self, statement: &'static str, given: &[Given]) -> Result<u64> {
        let query = sqlx::query_with(statement, arguments(given)?).persistent(false);
        Ok(in_time(query.execute(&mut *self.tx)).await?.rows_affected())
    }

    async fn select<T: Found>(&mut self, statement: &'static str, given: &[Given]) -> Result<Vec<T>> {
        let query = sqlx::query_as_with(statement, arguments(given)?).persistent(false);
        in_time(query.fetch_all(&mut *self.tx)).await
    }

    async fn write<R: Row>(&mut self, statement: &'static str, given: &[Given], rows: impl Rows<R>) -> Result<()> {
        let statement = over::<R>(statement, given.len());
        let mut rows = rows.into_iter();
        let mut next = next_batch(&mut rows, BATCH_ROWS);
        while let Some(batch) = next {
            let query = sqlx::query_with(AssertSqlSafe(statement.clone()), arguments_over(given, &batch)?);
            let written = in_time(query.persistent(false).execute(&mut *self.tx));
            let (written, following) = tokio::join!(written, async { next_batch(&mut rows, BATCH_ROWS) });
            written?;
            next = following;
        }
        Ok(())
    }

    async fn look_up<T: Found, R: Row>(&mut self, statement: &'static str, rows: impl Rows<R>) -> Result<Vec<T>> {
        self.find_over(over::<R>(statement, 0), rows).await
    }

    async fn lock<T: Found, R: Row>(&mut self, statement: &'static str, rows: impl Rows<R>) -> Result<Vec<T>> {
        self.find_over(over::<R>(statement, 0) + " FOR UPDATE OF t", rows).await
    }

    async fn select_over<T: Found, R: Row>(
        &mut self,
        statement: &'static str,
        given: &[Given],
        rows: Vec<R>,
    ) -> Result<Vec<T>> {
        let statement = AssertSqlSafe(over::<R>(statement, given.len()));
        let query = sqlx::query_as_with(statement, arguments_over(given, &rows)?).persistent(false);
        in_time(query.fetch_all(&mut *self.tx)).await
    }

    fn nudge(&mut self) {
        self.nudges = Some(self.holder.clone());
    }

    async fn commit(mut self) -> Result<()> {
        let ticket = self.ticket().await?;
        let Self { tx, pool, .. } = self;
        match in_time(tx.commit()).await {
            Err(StoreError::Unavailable(problem)) => look_up_outcome(&pool, &ticket, &problem).await,
            other => other,
        }
    }
}

impl PostgresSession {
    async fn find_over<T: Found, R: Row>(&mut self, statement: String, rows: impl Rows<R>) -> Result<Vec<T>> {
        let mut rows = rows.into_iter();
        let mut found = Vec::new();
        while let Some(batch) = next_batch(&mut rows, BATCH_ROWS) {
            let query = sqlx::query_as_with(AssertSqlSafe(statement.clone()), arguments_over(&[], &batch)?);
            found.extend(in_time(query.persistent(false).fetch_all(&mut *self.tx)).await?);
        }
        Ok(found)
    }

    /// The number under which the server knows this transaction; says on the way that something may be due.
    async fn ticket(&mut self) -> Result<String> {
        let tells = self.nudges.as_deref().map(str::to_owned);
        let query = sqlx::query_as_with(TICKET, arguments(&[Given::Text(CHANNEL.to_owned()), Given::Maybe(tells)])?);
        let (ticket, _): (String, i64) = in_time(query.persistent(false).fetch_one(&mut *self.tx)).await?;
        Ok(ticket)
    }
}

const TICKET: &str = "
    SELECT pg_current_xact_id()::text, count(pg_notify($1, told)::text) FROM (SELECT $2 AS told) AS t
    WHERE told IS NOT NULL";

/// Asks the server what became of a transaction whose commit was not answered.
async fn look_up_outcome(pool: &PgPool, ticket: &str, problem: &str) -> Result<()> {
    let asked = async {
        loop {
            match outcome(pool, ticket).await.as_deref() {
                Ok("committed") => return Ok(()),
                Ok("aborted") => return Err(StoreError::Unavailable(format!("nothing was written: {problem}"))),
                // In progress, or nobody to ask yet.
                _ => tokio::time::sleep(AGAIN).await,
            }
        }
    };
    let unknown = |_| Err(StoreError::Unavailable(format!("whether it was written is not known: {problem}")));
    tokio::time::timeout(LOOKING, asked).await.unwrap_or_else(unknown)
}

async fn outcome(pool: &PgPool, ticket: &str) -> Result<String> {
    let mut tx = in_time(pool.begin_with(READ)).await?;
    let query = sqlx::query_as("SELECT coalesce(pg_xact_status($1::xid8), 'unknown')");
    let (outcome,): (String,) = in_time(query.bind(ticket).persistent(false).fetch_one(&mut *tx)).await?;
    Ok(outcome)
}

/// The answer, or that there was none.
async fn in_time<T>(answer: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
    match tokio::time::timeout(LONGEST, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(StoreError::Unavailable(format!("no answer within {} s", LONGEST.as_secs()))),
    }
}

/// A statement over rows that come as one array for each column, after so many values.
pub(super) fn over<R: Row>(statement: &str, given: usize) -> String {
    let quoted = |(name, _): &(&str, &str)| format!("\"{name}\"");
    let columns: Vec<String> = R::COLUMNS.iter().map(quoted).collect();
    let array = |(number, (_, kind)): (usize, &(&str, &str))| format!("${}::{kind}[]", given + 1 + number);
    let arrays: Vec<String> = R::COLUMNS.iter().enumerate().map(array).collect();
    let (columns, arrays) = (columns.join(", "), arrays.join(", "));
    let statement = statement.replace("{columns}", &columns);
    format!("WITH r ({columns}) AS (SELECT * FROM unnest({arrays}))\n{statement}")
}

fn arguments(given: &[Given]) -> Result<PgArguments> {
    let mut arguments = PgArguments::default();
    for value in given {
        match value {
            Given::Number(number) => arguments.add(*number),
            Given::Text(text) => arguments.add(text),
            Given::Maybe(text) => arguments.add(text),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn arguments_over<R: Row>(given: &[Given], rows: &[R]) -> Result<PgArguments> {
    let mut arguments = arguments(given)?;
    R::add_arrays(rows, &mut arguments).map_err(sqlx::Error::Encode)?;
    Ok(arguments)
}
