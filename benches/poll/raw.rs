//! The yardstick: the rows that a first poll wrote, inserted by the thousand into tables with nothing but a primary key.

use std::time::{Duration, Instant as Clock};

use duban::store::sql::rows::{ItemRow, Row, SnapshotRow, TransitionRow};
use futures_util::TryStreamExt as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, FromRow};

use crate::rate;
use crate::support::postgres::block_on;
use crate::support::site::Site;

const BATCH_ROWS: usize = 1_000;

/// How an insert went.
#[derive(Clone, Copy, Default)]
pub struct Raw {
    pub rows: usize,
    pub bytes: usize,
    pub spent: Duration,
}

impl Raw {
    pub fn say(&self) {
        println!(
            "{:<22}{:>8.2} s for {} rows and {} MiB, {:.1} k rows/s",
            "raw batches",
            self.spent.as_secs_f64(),
            self.rows,
            self.bytes >> 20,
            rate(self.rows, self.spent) / 1e3,
        );
    }
}

/// Inserts what a site's memory holds of its source.
pub fn insert(site: &Site) -> Raw {
    block_on(async {
        let mut memory = SqliteConnectOptions::new().filename(site.path("duban.db")).connect().await.expect("memory");
        let options = SqliteConnectOptions::new().filename(site.path("raw.db")).create_if_missing(true);
        let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let mut bare = options.connect().await.expect("a file");
        let mut raw = Raw::default();
        copy::<ItemRow>(&mut memory, &mut bare, "items", "source, id", &mut raw).await;
        copy::<SnapshotRow>(&mut memory, &mut bare, "snapshots", "source, item, digest", &mut raw).await;
        copy::<TransitionRow>(&mut memory, &mut bare, "transitions", "card, number", &mut raw).await;
        bare.close().await.expect("closed");
        raw
    })
}

/// Copies a table; what counts is the time for inserting.
async fn copy<R>(memory: &mut SqliteConnection, bare: &mut SqliteConnection, table: &str, key: &str, raw: &mut Raw)
where
    R: Row + for<'r> FromRow<'r, SqliteRow> + Unpin,
{
    let columns: Vec<String> = R::COLUMNS.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let columns = columns.join(", ");
    let create = format!("CREATE TABLE {table} ({columns}, PRIMARY KEY ({key}))");
    sqlx::query(AssertSqlSafe(create)).execute(&mut *bare).await.expect("a table");
    let select = format!("SELECT {columns} FROM {table} WHERE source = 'tasks' ORDER BY rowid");
    let mut found = sqlx::query_as::<_, R>(AssertSqlSafe(select)).fetch(memory);
    let mut batch = Vec::with_capacity(BATCH_ROWS);
    loop {
        let row = found.try_next().await.expect("a row");
        let is_last = row.is_none();
        batch.extend(row);
        if batch.len() == BATCH_ROWS || is_last {
            put(bare, table, &batch, raw).await;
            batch.clear();
        }
        if is_last {
            return;
        }
    }
}

async fn put<R: Row>(bare: &mut SqliteConnection, table: &str, batch: &[R], raw: &mut Raw) {
    let values: Vec<String> = (0..R::COLUMNS.len()).map(|number| format!("value->>{number}")).collect();
    let insert = format!("INSERT INTO {table} SELECT {} FROM jsonb_each($1)", values.join(", "));
    let began = Clock::now();
    let rows = serde_json::to_string(batch).expect("JSON");
    raw.bytes += rows.len();
    sqlx::query(AssertSqlSafe(insert)).bind(rows).execute(bare).await.expect("an insert");
    raw.spent += began.elapsed();
    raw.rows += batch.len();
}
