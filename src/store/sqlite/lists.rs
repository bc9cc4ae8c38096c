//! Lists and numbers: notices, deliveries, cards.

use std::sync::Arc;

use sqlx::sqlite::Sqlite;
use sqlx::{FromRow, Transaction};

use super::{SqliteStore, limit as rows, look_up, values};
use crate::core::card::CardId;
use crate::core::delivery::{DeliveryId, DeliveryState};
use crate::core::notice::{Hold, Notice};
use crate::store::sql::{AttemptRow, DeliveryRow, NoticeRow, OpenCardRow, id, instant, json, plain};
use crate::store::{Attempt, Counts, DeliveryFilter, DeliveryRecord, OpenCard, OpenDelivery, Result, StoreError};

pub async fn notices_about(store: &SqliteStore, cards: &[CardId]) -> Result<Vec<Notice>> {
    let mut tx = store.readers.begin().await?;
    let mut found: Vec<Notice> = values(look_up::<NoticeRow, _>(&mut tx, NOTICES_ABOUT, cards).await?)?;
    found.sort_by_key(|notice| notice.planned_at);
    Ok(found)
}

pub(super) const NOTICES_ABOUT: &str = r#"
    SELECT n."key", n.kind, n.card, n.source, n.item, n.episode, n.number, n.level, n.step, n.ordinal, n.contact,
           n.channel, n.planned_at, n.rehearsal, n.state, n.hold, n.delivery, n.change, n.body
    FROM json_each($1) AS asked CROSS JOIN notices AS n ON n.card = asked.value
    ORDER BY n.planned_at, n.seq"#;

#[derive(FromRow)]
struct OpenDeliveryRow {
    id: String,
    contact: String,
    channel: String,
    not_before: i64,
    rehearsal: bool,
}

impl TryFrom<OpenDeliveryRow> for OpenDelivery {
    type Error = StoreError;

    fn try_from(row: OpenDeliveryRow) -> Result<Self> {
        Ok(Self {
            id: id(&row.id)?,
            contact: row.contact.into(),
            channel: row.channel.into(),
            not_before: instant(row.not_before)?,
            rehearsal: row.rehearsal,
        })
    }
}

pub async fn open_deliveries(store: &SqliteStore, contacts: &[Arc<str>]) -> Result<Vec<OpenDelivery>> {
    let contacts: Vec<String> = contacts.iter().map(|contact| plain(contact)).collect();
    let mut tx = store.readers.begin().await?;
    values(look_up::<OpenDeliveryRow, _>(&mut tx, OPEN_DELIVERIES, &contacts).await?)
}

pub(super) const OPEN_DELIVERIES: &str = "
    SELECT d.id, d.contact, d.channel, d.not_before, d.rehearsal
    FROM json_each($1) AS asked CROSS JOIN deliveries AS d ON d.contact = asked.value
    WHERE d.state IN ('scheduled', 'available') AND d.sealed_at IS NULL
    ORDER BY d.opened_at, d.id";

macro_rules! deliveries {
    ($rest:literal) => {
        concat!(
            "SELECT id, contact, channel, state, not_before, waits_for, opened_at, tries, rehearsal, fence, sealed_at,
                    sealed, settled_at, reason, remote_id FROM deliveries ",
            $rest
        )
    };
}

// One statement for each index.
pub(super) const DELIVERIES_BY_STATE: &str =
    deliveries!("WHERE state = $1 AND ($2 IS NULL OR contact = $2) ORDER BY opened_at DESC, id LIMIT $3");
pub(super) const DELIVERIES_BY_CONTACT: &str =
    deliveries!("WHERE $1 IS NULL AND contact = $2 ORDER BY opened_at DESC, id LIMIT $3");
pub(super) const DELIVERIES_BY_TIME: &str =
    deliveries!("WHERE $1 IS NULL AND $2 IS NULL ORDER BY opened_at DESC, id LIMIT $3");
pub(super) const DELIVERIES_BY_ID: &str = deliveries!("WHERE id >= $1 AND id < $1 || 'g' ORDER BY id LIMIT 10");

pub async fn deliveries(store: &SqliteStore, filter: &DeliveryFilter) -> Result<Vec<DeliveryRecord>> {
    let statement = match (filter.state, &filter.contact) {
        (Some(_), _) => DELIVERIES_BY_STATE,
        (None, Some(_)) => DELIVERIES_BY_CONTACT,
        (None, None) => DELIVERIES_BY_TIME,
    };
    let found: Vec<DeliveryRow> = sqlx::query_as(statement)
        .bind(filter.state.map(DeliveryState::word))
        .bind(filter.contact.as_deref().map(plain))
        .bind(rows(filter.limit))
        .fetch_all(&store.readers)
        .await?;
    values(found)
}

pub async fn delivery(store: &SqliteStore, beginning: &str) -> Result<Vec<(DeliveryRecord, Vec<Notice>)>> {
    let beginning = beginning.to_ascii_lowercase();
    if beginning.is_empty() || !beginning.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Vec::new());
    }
    let mut tx = store.readers.begin().await?;
    let found: Vec<DeliveryRow> = sqlx::query_as(DELIVERIES_BY_ID).bind(beginning).fetch_all(&mut *tx).await?;
    let mut with_notices = Vec::with_capacity(found.len());
    for row in found {
        let notices = notices_of(&mut tx, &row.id).await?;
        with_notices.push((row.try_into()?, notices));
    }
    Ok(with_notices)
}

async fn notices_of(tx: &mut Transaction<'_, Sqlite>, delivery: &str) -> Result<Vec<Notice>> {
    let found: Vec<NoticeRow> = sqlx::query_as(NOTICES_OF).bind(delivery.to_owned()).fetch_all(&mut **tx).await?;
    values(found)
}

pub(super) const NOTICES_OF: &str = r#"
    SELECT "key", kind, card, source, item, episode, number, level, step, ordinal, contact, channel, planned_at, rehearsal, state,
           hold, delivery, change, body
    FROM notices WHERE delivery = $1 ORDER BY planned_at, seq"#;

pub async fn attempts(store: &SqliteStore, id: DeliveryId) -> Result<Vec<Attempt>> {
    let found: Vec<AttemptRow> = sqlx::query_as(ATTEMPTS).bind(id.to_string()).fetch_all(&store.readers).await?;
    values(found)
}

const ATTEMPTS: &str = "
    SELECT number, claimed_at, settled_at, outcome, reason, remote_id FROM attempts WHERE delivery = $1 ORDER BY fence";

pub async fn held_notices(store: &SqliteStore, hold: &Hold, limit: usize) -> Result<Vec<Notice>> {
    let found: Vec<NoticeRow> =
        sqlx::query_as(HELD_NOTICES).bind(json(hold)).bind(rows(limit)).fetch_all(&store.readers).await?;
    values(found)
}

pub(super) const HELD_NOTICES: &str = r#"
    SELECT "key", kind, card, source, item, episode, number, level, step, ordinal, contact, channel, planned_at, rehearsal, state,
           hold, delivery, change, body
    FROM notices WHERE state = 'held' AND hold = $1 ORDER BY planned_at, seq LIMIT $2"#;

pub async fn open_cards(store: &SqliteStore, limit: usize) -> Result<Vec<OpenCard>> {
    let found: Vec<OpenCardRow> = sqlx::query_as(OPEN_CARDS).bind(rows(limit)).fetch_all(&store.readers).await?;
    values(found)
}

// 'red' sorts before 'yellow'.
pub(super) const OPEN_CARDS: &str = "
    SELECT c.card, c.source, c.item, i.title, i.unit, c.rule, c.name, c.level, c.at, c.episode
    FROM cards AS c CROSS JOIN items AS i ON i.source = c.source AND i.id = c.item
    WHERE c.level IS NOT NULL ORDER BY c.level, c.at, c.card LIMIT $1";

pub async fn counts(store: &SqliteStore) -> Result<Counts> {
    let mut tx = store.readers.begin().await?;
    let found: Vec<(String, i64)> = sqlx::query_as(COUNTS).fetch_all(&mut *tx).await?;
    let mut counts = Counts::default();
    for (what, number) in found {
        let number = u64::try_from(number).unwrap_or_default();
        match &*what {
            "items" => counts.items = number,
            "yellow" => counts.yellow = number,
            "red" => counts.red = number,
            "sent" => counts.sent = number,
            "discarded" => counts.discarded = number,
            "unknown" => counts.unknown = number,
            "scheduled" | "available" | "retryable" | "sending" => counts.waiting += number,
            _ => {}
        }
    }
    Ok(counts)
}

pub(super) const COUNTS: &str = "
    SELECT 'items', count(*) FROM items
    UNION ALL SELECT level, count(*) FROM cards WHERE level IS NOT NULL GROUP BY level
    UNION ALL SELECT state, count(*) FROM deliveries GROUP BY state";
