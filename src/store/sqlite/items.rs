//! Reading items, their snapshots and their transitions.

use std::sync::Arc;

use super::{SqliteStore, limit as rows, look_up, values};
use crate::core::Instant;
use crate::core::card::Transition;
use crate::core::digest::Digest;
use crate::core::item::ItemKey;
use crate::store::sql::{ItemRow, KeyRow, SnapshotRow, TransitionRow, id, maybe_instant, micros, plain};
use crate::store::{ItemRecord, Result, Snapshot};

pub async fn digests(
    store: &SqliteStore,
    source: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<(Arc<str>, Digest, Digest)>> {
    let found: Vec<(String, String, String)> = sqlx::query_as(DIGESTS)
        .bind(plain(source))
        .bind(after.map(plain))
        .bind(rows(limit))
        .fetch_all(&store.readers)
        .await?;
    let value = |(item, digest, under): (String, String, String)| Ok((item.into(), id(&digest)?, id(&under)?));
    found.into_iter().map(value).collect()
}

// No text sorts before the empty one.
pub(super) const DIGESTS: &str = "
    SELECT id, digest, judged_under FROM items
    WHERE source = $1 AND id >= coalesce($2, '') AND id IS NOT $2 ORDER BY id LIMIT $3";

pub async fn stale_items(store: &SqliteStore, playbook: Digest, limit: usize) -> Result<Vec<ItemKey>> {
    let found: Vec<KeyRow> =
        sqlx::query_as(STALE_ITEMS).bind(playbook.to_string()).bind(rows(limit)).fetch_all(&store.readers).await?;
    Ok(found.into_iter().map(ItemKey::from).collect())
}

// Two ranges of the index: "other than" would read all of it.
pub(super) const STALE_ITEMS: &str = "
    SELECT source, id FROM items WHERE judged_under < $1
    UNION ALL
    SELECT source, id FROM items WHERE judged_under > $1
    LIMIT $2";

pub async fn due_items(store: &SqliteStore, now: Instant, limit: usize) -> Result<Vec<ItemKey>> {
    let found: Vec<KeyRow> =
        sqlx::query_as(DUE_ITEMS).bind(micros(now)).bind(rows(limit)).fetch_all(&store.readers).await?;
    Ok(found.into_iter().map(ItemKey::from).collect())
}

pub(super) const DUE_ITEMS: &str = "
    SELECT source, id FROM items WHERE next_look_at <= $1 ORDER BY next_look_at, source, id LIMIT $2";

pub async fn next_look_at(store: &SqliteStore) -> Result<Option<Instant>> {
    maybe_instant(sqlx::query_scalar(NEXT_LOOK_AT).fetch_one(&store.readers).await?)
}

pub(super) const NEXT_LOOK_AT: &str = "
    SELECT min(next_look_at) FROM items WHERE next_look_at IS NOT NULL";

pub async fn load(store: &SqliteStore, items: &[ItemKey]) -> Result<Vec<ItemRecord>> {
    let keys: Vec<KeyRow> = items.iter().map(KeyRow::from).collect();
    let mut tx = store.readers.begin().await?;
    let found: Vec<ItemRow> = look_up(&mut tx, LOAD, &keys).await?;
    values(found)
}

pub(super) const LOAD: &str = "
    SELECT i.source, i.id, i.digest, i.judged_under, i.version, i.first_seen_at, i.seen_at, i.noticed_at,
           i.next_look_at, i.missing_polls, i.title, i.unit, i.item, i.rulings, i.watches
    FROM json_each($1) AS asked
    CROSS JOIN items AS i ON i.source = asked.value->>'source' AND i.id = asked.value->>'id'";

pub async fn find_items(store: &SqliteStore, id: &str) -> Result<Vec<ItemKey>> {
    let found: Vec<KeyRow> = sqlx::query_as(FIND_ITEMS).bind(plain(id)).fetch_all(&store.readers).await?;
    Ok(found.into_iter().map(ItemKey::from).collect())
}

// One step of the index for each source.
pub(super) const FIND_ITEMS: &str = "
    WITH RECURSIVE names (source) AS (
        SELECT min(source) FROM items
        UNION ALL
        SELECT (SELECT min(source) FROM items WHERE items.source > names.source) FROM names
        WHERE names.source IS NOT NULL
    )
    SELECT i.source, i.id FROM names CROSS JOIN items AS i ON i.source = names.source AND i.id = $1
    ORDER BY i.source";

pub async fn transitions(store: &SqliteStore, item: &ItemKey) -> Result<Vec<Transition>> {
    let KeyRow { source, id } = item.into();
    let found: Vec<TransitionRow> = sqlx::query_as(TRANSITIONS).bind(source).bind(id).fetch_all(&store.readers).await?;
    values(found)
}

pub(super) const TRANSITIONS: &str = "
    SELECT card, number, source, item, rule, name, episode, change, from_level, to_level, at, noticed_at, reason,
           verdict, rule_version, calendar_version, ladder
    FROM transitions WHERE source = $1 AND item = $2 ORDER BY noticed_at, seq";

pub async fn snapshots(store: &SqliteStore, item: &ItemKey) -> Result<Vec<Snapshot>> {
    let KeyRow { source, id } = item.into();
    let found: Vec<SnapshotRow> = sqlx::query_as(SNAPSHOTS).bind(source).bind(id).fetch_all(&store.readers).await?;
    values(found)
}

pub(super) const SNAPSHOTS: &str = "
    SELECT source, item, seen_at, digest, content FROM snapshots WHERE source = $1 AND item = $2 ORDER BY seq";
