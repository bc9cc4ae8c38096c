//! The embedded store: one SQLite file, one process, one writer.
//!
//! The file is in WAL mode and synchronous, so what a verb has answered survives a power cut. Everything that writes goes
//! through one connection, in transactions that take the write lock at once; reads go beside it.
//!
//! **Invariants:** a second process is refused (a lock on `FILE.lock`). The file is readable by its owner only. Rows travel
//! by the thousand, never one a statement.

mod courier;
mod items;
mod lists;
mod opening;
mod playbooks;
mod trouble;
mod turns;

#[cfg(test)]
mod plans;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::sqlite::{Sqlite, SqlitePool};
use sqlx::{FromRow, Transaction};

use super::{
    Attempt, Claimed, Committed, Counts, DeliveryFilter, DeliveryRecord, ItemRecord, OpenCard, OpenDelivery,
    PlaybookRecord, Result, RuleRecord, Seal, Settle, Snapshot, SourceRecord, Store, StoreError, Turn,
};
use crate::core::Instant;
use crate::core::card::{CardId, Transition};
use crate::core::delivery::DeliveryId;
use crate::core::digest::Digest;
use crate::core::item::ItemKey;
use crate::core::notice::{Hold, Notice};

/// A store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
    /// Held for as long as the store is open.
    _lock: Option<File>,
}

impl SqliteStore {
    /// Opens a store, creates it if it is not there, and brings its schema up to date.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        opening::open(path.as_ref()).await
    }

    /// Opens a store that exists, for a command beside the daemon: it reads, and its few writes name the old state.
    pub async fn visit(path: impl AsRef<Path>) -> Result<Self> {
        opening::visit(path.as_ref()).await
    }

    /// A store that is gone when it is closed.
    pub async fn open_in_memory() -> Result<Self> {
        opening::open_in_memory().await
    }

    /// Begins a transaction that holds the write lock from the start.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }
}

/// Runs a statement once for each batch of rows.
async fn write<T: serde::Serialize>(
    tx: &mut Transaction<'_, Sqlite>,
    statement: &'static str,
    rows: &[T],
) -> Result<()> {
    for batch in super::sql::batches(rows) {
        sqlx::query(statement).bind(batch).execute(&mut **tx).await?;
    }
    Ok(())
}

/// What a statement finds for each batch of rows, in the shape of `R`.
async fn look_up<R, T>(tx: &mut Transaction<'_, Sqlite>, statement: &'static str, rows: &[T]) -> Result<Vec<R>>
where
    R: for<'r> FromRow<'r, sqlx::sqlite::SqliteRow> + Send + Unpin,
    T: serde::Serialize,
{
    let mut found = Vec::new();
    for batch in super::sql::batches(rows) {
        found.extend(sqlx::query_as(statement).bind(batch).fetch_all(&mut **tx).await?);
    }
    Ok(found)
}

/// Rows as values.
fn values<V, R>(rows: Vec<R>) -> Result<Vec<V>>
where
    V: TryFrom<R, Error = StoreError>,
{
    rows.into_iter().map(V::try_from).collect()
}

/// A count as a column.
fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

#[async_trait]
impl Store for SqliteStore {
    async fn put_playbook(&self, playbook: &PlaybookRecord, rules: &[RuleRecord]) -> Result<()> {
        playbooks::put_playbook(self, playbook, rules).await
    }

    async fn playbook(&self) -> Result<Option<PlaybookRecord>> {
        playbooks::playbook(self).await
    }

    async fn rule_versions(&self) -> Result<Vec<RuleRecord>> {
        playbooks::rule_versions(self).await
    }

    async fn sources(&self) -> Result<Vec<SourceRecord>> {
        playbooks::sources(self).await
    }

    async fn put_source(&self, source: &SourceRecord) -> Result<()> {
        playbooks::put_source(self, source).await
    }

    async fn digests(
        &self,
        source: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Arc<str>, Digest, Digest)>> {
        items::digests(self, source, after, limit).await
    }

    async fn stale_items(&self, playbook: Digest, limit: usize) -> Result<Vec<ItemKey>> {
        items::stale_items(self, playbook, limit).await
    }

    async fn due_items(&self, now: Instant, limit: usize) -> Result<Vec<ItemKey>> {
        items::due_items(self, now, limit).await
    }

    async fn next_look_at(&self) -> Result<Option<Instant>> {
        items::next_look_at(self).await
    }

    async fn load(&self, items: &[ItemKey]) -> Result<Vec<ItemRecord>> {
        items::load(self, items).await
    }

    async fn find_items(&self, id: &str) -> Result<Vec<ItemKey>> {
        items::find_items(self, id).await
    }

    async fn notices_about(&self, cards: &[CardId]) -> Result<Vec<Notice>> {
        lists::notices_about(self, cards).await
    }

    async fn transitions(&self, item: &ItemKey) -> Result<Vec<Transition>> {
        items::transitions(self, item).await
    }

    async fn snapshots(&self, item: &ItemKey) -> Result<Vec<Snapshot>> {
        items::snapshots(self, item).await
    }

    async fn open_deliveries(&self, contacts: &[Arc<str>]) -> Result<Vec<OpenDelivery>> {
        lists::open_deliveries(self, contacts).await
    }

    async fn commit(&self, turn: &Turn) -> Result<Committed> {
        turns::commit(self, turn).await
    }

    async fn claim(
        &self,
        now: Instant,
        lease_until: Instant,
        limit: usize,
        except: &[Arc<str>],
    ) -> Result<Vec<Claimed>> {
        courier::claim(self, now, lease_until, limit, except).await
    }

    async fn next_claim_at(&self, except: &[Arc<str>]) -> Result<Option<Instant>> {
        courier::next_claim_at(self, except).await
    }

    async fn seal(&self, now: Instant, seals: &[Seal]) -> Result<Vec<DeliveryId>> {
        courier::seal(self, now, seals).await
    }

    async fn settle(&self, now: Instant, settles: &[Settle]) -> Result<Vec<DeliveryId>> {
        courier::settle(self, now, settles).await
    }

    async fn end_leases(&self, now: Instant) -> Result<()> {
        courier::end_leases(self, now).await
    }

    async fn give_back(&self, now: Instant, claims: &[(DeliveryId, i64)]) -> Result<()> {
        courier::give_back(self, now, claims).await
    }

    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRecord>> {
        lists::deliveries(self, filter).await
    }

    async fn delivery(&self, id: &str) -> Result<Vec<(DeliveryRecord, Vec<Notice>)>> {
        lists::delivery(self, id).await
    }

    async fn attempts(&self, id: DeliveryId) -> Result<Vec<Attempt>> {
        lists::attempts(self, id).await
    }

    async fn retry_delivery(&self, id: DeliveryId, now: Instant) -> Result<bool> {
        courier::retry_delivery(self, id, now).await
    }

    async fn cancel_delivery(&self, id: DeliveryId, now: Instant) -> Result<bool> {
        courier::cancel_delivery(self, id, now).await
    }

    async fn held_notices(&self, hold: &Hold, limit: usize) -> Result<Vec<Notice>> {
        lists::held_notices(self, hold, limit).await
    }

    async fn open_cards(&self, limit: usize) -> Result<Vec<OpenCard>> {
        lists::open_cards(self, limit).await
    }

    async fn counts(&self) -> Result<Counts> {
        lists::counts(self).await
    }

    async fn last_fired(&self, schedule: &str) -> Result<Option<Instant>> {
        playbooks::last_fired(self, schedule).await
    }

    async fn fired(&self, schedule: &str, at: Instant) -> Result<()> {
        playbooks::fired(self, schedule, at).await
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
