//! The way from one store to another: everything that one remembers goes into an empty one, whatever engines they are.
//!
//! What is copied is read from the schemas, so a table that a later version adds is copied too. Rows travel by the
//! thousand. Afterwards both sides are counted and summed, and only what agrees is committed, with an entry in the audit
//! trail of the target. A trail that is broken is copied as it is, and said to be.
//!
//! **Invariants:** the source is only read. The target holds all or nothing: one transaction, whatever ends it. A store
//! that a daemon uses is neither source nor target.

mod postgres;
mod side;
mod sqlite;
mod sum;
mod table;
mod trail;

use std::path::PathBuf;

use futures_util::StreamExt;

use postgres::PostgresSide;
use side::{BATCH_BYTES, Side};
use sqlite::SqliteSide;
use sum::Sum;
use table::{Pair, Row, Table};

use super::StoreError;
use super::sqlite::backup::NoStore;
use crate::core::audit::{Act, Break, Head};

pub use postgres::Server;

/// Where a store is.
#[derive(Debug, Clone)]
pub enum Place {
    /// In an SQLite file.
    Sqlite(PathBuf),
    /// On a PostgreSQL server.
    Postgres(Box<Server>),
}

/// Why a store is not copied. Nothing is changed in any of these cases.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// Source and target are one.
    #[error("source and target are the same store: {0}")]
    Same(String),
    /// A daemon uses it.
    #[error("a duban has {0} open: stop it first")]
    InUse(String),
    /// There is no store there.
    #[error("{0} is not a store of duban: {1}")]
    NoStore(String, NoStore),
    /// The source has another schema than this duban's.
    #[error("{place}: its schema is {schema}, and this duban's is {known}")]
    OtherSchema {
        /// Where it is.
        place: String,
        /// Its schema.
        schema: i64,
        /// This duban's.
        known: i64,
    },
    /// The target holds something.
    #[error("{place} is not empty: {table} has {rows} rows")]
    NotEmpty {
        /// Where it is.
        place: String,
        /// A table with rows.
        table: String,
        /// How many.
        rows: u64,
    },
    /// The two schemas do not name the same tables and columns.
    #[error("the two schemas differ: {0}")]
    Unlike(String),
    /// What was written is not what was read.
    #[error("the copy differs from the source")]
    Differs(Vec<Compared>),
    /// A side cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An engine says no.
    #[error("{0}: {1}")]
    Broken(String, String),
}

type Result<T> = std::result::Result<T, TransferError>;

/// A table on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Its name.
    pub table: String,
    /// What the source has.
    pub source: Tally,
    /// What the target has.
    pub target: Tally,
}

/// What a table comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// How many rows.
    pub rows: u64,
    /// The sum of the rows' digests; the order of the rows does not matter.
    pub checksum: u128,
}

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'a> {
    /// Whether rows are read back and compared; else they are copied.
    pub compares: bool,
    /// The table.
    pub table: &'a str,
    /// Rows done.
    pub rows: u64,
    /// Rows in all.
    pub of: u64,
}

/// Who is told how far it is.
pub type Told<'a> = &'a mut (dyn FnMut(Step<'_>) + Send);

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transferred {
    /// Every table on both sides.
    pub compared: Vec<Compared>,
    /// The end of the audit trail as it was copied, or where it is broken.
    pub trail: std::result::Result<Head, Break>,
}

/// Copies everything that `from` remembers into `to`, which must hold nothing; its schema is made if it has none. Who
/// does so is entered there.
pub async fn transfer(from: &Place, to: &Place, act: &Act, told: Told<'_>) -> Result<Transferred> {
    if is_same(from, to) {
        return Err(TransferError::Same(name(to)));
    }
    let mut source = open_source(from).await?;
    let mut target = open_target(to).await?;
    let mut copied = copy(&mut *source, &mut *target, act, told).await;
    if let Err(error) = source.check_alone().await {
        copied = copied.and(Err(error));
    }
    source.leave().await;
    match copied {
        Ok(transferred) => target.commit().await.map(|()| transferred),
        Err(error) => {
            target.leave().await;
            Err(error)
        }
    }
}

/// What a place is called, without any secret.
pub fn name(place: &Place) -> String {
    match place {
        Place::Sqlite(path) => path.display().to_string(),
        Place::Postgres(server) => server.config.url.clone(),
    }
}

fn is_same(from: &Place, to: &Place) -> bool {
    match (from, to) {
        (Place::Sqlite(from), Place::Sqlite(to)) => {
            from == to || from.canonicalize().is_ok_and(|from| to.canonicalize().is_ok_and(|to| from == to))
        }
        (Place::Postgres(from), Place::Postgres(to)) => from.config.url == to.config.url,
        _ => false,
    }
}

async fn open_source(place: &Place) -> Result<Box<dyn Side>> {
    Ok(match place {
        Place::Sqlite(path) => Box::new(SqliteSide::source(path).await?),
        Place::Postgres(server) => Box::new(PostgresSide::source(server).await?),
    })
}

async fn open_target(place: &Place) -> Result<Box<dyn Side>> {
    Ok(match place {
        Place::Sqlite(path) => Box::new(SqliteSide::target(path).await?),
        Place::Postgres(server) => Box::new(PostgresSide::target(server).await?),
    })
}

/// Copies and compares inside the target's open transaction.
async fn copy(source: &mut dyn Side, target: &mut dyn Side, act: &Act, told: Told<'_>) -> Result<Transferred> {
    let pairs = table::pair(&source.tables().await?, table::in_order(target.tables().await?)?)?;
    for pair in &pairs {
        let rows = target.count(&pair.target).await?;
        if 0 < rows {
            return Err(TransferError::NotEmpty { place: target.name(), table: pair.target.name.clone(), rows });
        }
    }
    let mut read = Vec::new();
    for pair in &pairs {
        read.push(copy_table(source, target, pair, told).await?);
        target.settle(&pair.target).await?;
    }
    let mut compared = Vec::new();
    for (pair, read) in pairs.iter().zip(read) {
        let written = tally(target, &pair.target, read.rows, told).await?;
        compared.push(Compared { table: pair.target.name.clone(), source: read, target: written });
    }
    if compared.iter().any(|one| one.source != one.target) {
        return Err(TransferError::Differs(compared));
    }
    let tables: Vec<Table> = pairs.into_iter().map(|pair| pair.target).collect();
    let trail = trail::walk(target, &tables).await?;
    // A move of nothing is none.
    if compared.iter().any(|one| one.source.rows > 0) {
        trail::enter(target, &tables, act).await?;
    }
    Ok(Transferred { compared, trail })
}

/// Copies a table; what was read is the answer.
async fn copy_table(source: &mut dyn Side, target: &mut dyn Side, pair: &Pair, told: Told<'_>) -> Result<Tally> {
    let of = source.count(&pair.source).await?;
    let room = target.room(&pair.target);
    let mut sum = Sum::default();
    let mut batch: Vec<Row> = Vec::new();
    let mut bytes = 0;
    let mut rows = source.rows(&pair.source);
    while let Some(row) = rows.next().await {
        let row = row?;
        bytes += sum.add(&row);
        batch.push(row);
        if room <= batch.len() || BATCH_BYTES <= bytes {
            target.add(&pair.target, std::mem::take(&mut batch)).await?;
            bytes = 0;
            told(Step { compares: false, table: &pair.target.name, rows: sum.rows(), of });
        }
    }
    drop(rows);
    if !batch.is_empty() {
        target.add(&pair.target, batch).await?;
    }
    told(Step { compares: false, table: &pair.target.name, rows: sum.rows(), of });
    Ok(sum.tally())
}

/// What a table comes to on a side.
async fn tally(side: &mut dyn Side, table: &Table, of: u64, told: Told<'_>) -> Result<Tally> {
    let mut sum = Sum::default();
    let mut rows = side.rows(table);
    while let Some(row) = rows.next().await {
        sum.add(&row?);
        if sum.rows().is_multiple_of(1_000) {
            told(Step { compares: true, table: &table.name, rows: sum.rows(), of });
        }
    }
    told(Step { compares: true, table: &table.name, rows: sum.rows(), of });
    Ok(sum.tally())
}
