//! The yardstick: rows of a turn, inserted bare into tables with nothing but a primary key, in one transaction.
//!
//! They go by the thousand: to SQLite as an array of JSON objects, to PostgreSQL as one array for each column, by a
//! prepared statement. How the store does it is not this module's business, so the rows are encoded here.

use std::path::Path;
use std::str::FromStr as _;
use std::time::{Duration, Instant as Clock};

use duban::core::delivery::DeliveryState;
use duban::store::Turn;
use duban::store::admission::Opening;
use duban::store::sql::rows::{CardRow, ItemRow, NoticeRow, OpeningRow, TransitionRow};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Postgres, Sqlite, Transaction};

use crate::plain::Plain;

const BATCH_ROWS: usize = 1_000;

/// Tables of an engine.
pub enum Bare {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// How an insert went.
#[derive(Clone, Copy)]
pub struct Inserted {
    pub rows: usize,
    pub spent: Duration,
    /// What of it went into making the rows from the turn.
    pub making: Duration,
}

impl Bare {
    pub async fn in_file(path: &Path) -> Self {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("a file");
        Self::Sqlite(pool).with_tables().await
    }

    pub async fn in_database(url: &str) -> Self {
        let options = PgConnectOptions::from_str(url).expect("a URL");
        let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await.expect("a database");
        Self::Postgres(pool).with_tables().await
    }

    async fn with_tables(self) -> Self {
        let mut insertion = self.begin().await;
        insertion.create::<ItemRow>().await;
        insertion.create::<TransitionRow>().await;
        insertion.create::<CardRow>().await;
        insertion.create::<OpeningRow>().await;
        insertion.create::<NoticeRow>().await;
        insertion.commit().await;
        self
    }

    /// Inserts a turn's transitions and notices.
    pub async fn insert_pairs(&self, turn: &Turn) -> Inserted {
        let began = Clock::now();
        let (transitions, notices) = (transitions(turn), notices(turn));
        let making = began.elapsed();
        let mut insertion = self.begin().await;
        let rows = insertion.put(&transitions).await + insertion.put(&notices).await;
        insertion.commit().await;
        Inserted { rows, spent: began.elapsed(), making }
    }

    /// Inserts all rows of a turn whose snapshots are not new.
    pub async fn insert_all(&self, turn: &Turn) -> Inserted {
        let began = Clock::now();
        let (items, transitions, cards) = (items(turn), transitions(turn), cards(turn));
        let (deliveries, notices) = (deliveries(turn), notices(turn));
        let making = began.elapsed();
        let mut insertion = self.begin().await;
        let mut rows = insertion.put(&items).await + insertion.put(&transitions).await + insertion.put(&cards).await;
        rows += insertion.put(&deliveries).await + insertion.put(&notices).await;
        insertion.commit().await;
        Inserted { rows, spent: began.elapsed(), making }
    }

    async fn begin(&self) -> Insertion {
        match self {
            Self::Sqlite(pool) => Insertion::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await.expect("a transaction")),
            Self::Postgres(pool) => Insertion::Postgres(pool.begin().await.expect("a transaction")),
        }
    }
}

/// A transaction.
enum Insertion {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Insertion {
    async fn create<R: Plain>(&mut self) {
        match self {
            Self::Sqlite(tx) => sqlx::query(AssertSqlSafe(R::sqlite_table())).execute(&mut **tx).await.map(drop),
            Self::Postgres(tx) => sqlx::query(AssertSqlSafe(R::postgres_table())).execute(&mut **tx).await.map(drop),
        }
        .expect("a table");
    }

    async fn put<R: Plain>(&mut self, rows: &[R]) -> usize {
        for batch in rows.chunks(BATCH_ROWS) {
            match self {
                Self::Sqlite(tx) => {
                    let query = sqlx::query(AssertSqlSafe(R::sqlite_insert())).bind(R::objects(batch));
                    query.execute(&mut **tx).await.map(drop)
                }
                Self::Postgres(tx) => {
                    let query = sqlx::query_with(AssertSqlSafe(R::postgres_insert()), R::arrays(batch));
                    query.execute(&mut **tx).await.map(drop)
                }
            }
            .expect("an insert");
        }
        rows.len()
    }

    async fn commit(self) {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
        .expect("a commit");
    }
}

fn items(turn: &Turn) -> Vec<ItemRow> {
    turn.items.iter().map(|item| (&item.record).into()).collect()
}

fn transitions(turn: &Turn) -> Vec<TransitionRow> {
    let of_items = turn.items.iter().flat_map(|item| item.transitions.iter().map(|t| (&item.record.item, t)));
    of_items.map(|(item, transition)| TransitionRow::new(item, transition)).collect()
}

fn cards(turn: &Turn) -> Vec<CardRow> {
    let of_items = turn.items.iter().flat_map(|item| item.record.watches.iter().map(|w| (&item.record.item.key, w)));
    of_items.filter_map(|(key, watch)| CardRow::of_watch(key, watch)).collect()
}

fn notices(turn: &Turn) -> Vec<NoticeRow> {
    turn.items.iter().flat_map(|item| &item.notices).map(|planned| (&planned.notice).into()).collect()
}

/// Those that are opened.
fn deliveries(turn: &Turn) -> Vec<OpeningRow> {
    let planned = turn.items.iter().flat_map(|item| &item.notices);
    let placed = planned.filter_map(|p| Some((&p.notice, p.placement.as_ref()?)));
    let openings = placed.filter(|(_, placement)| placement.opens).map(|(notice, placement)| Opening {
        id: placement.delivery,
        contact: notice.contact.clone(),
        channel: notice.channel.clone(),
        state: DeliveryState::Available,
        not_before: placement.not_before,
        waits_for: None,
        opened_at: notice.planned_at,
        rehearsal: placement.rehearsal,
    });
    openings.map(|opening| OpeningRow::from(&opening)).collect()
}
