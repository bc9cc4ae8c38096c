//! Committing a turn.

use std::collections::{HashMap, HashSet};

use sqlx::sqlite::Sqlite;
use sqlx::{FromRow, Transaction};

use super::{SqliteStore, look_up, write};
use crate::core::delivery::DeliveryId;
use crate::core::digest::Digest;
use crate::core::item::ItemKey;
use crate::store::admission::{Admitted, Known, Opening, Standing, admit, missing_deliveries, planned};
use crate::store::sql::{
    CardRow, DeliveryRow, ItemRow, KeyRow, NoticeRow, SnapshotRow, TransitionRow, from_word, id, instant, micros,
    plain, word,
};
use crate::store::{Committed, ItemWrite, Result, StoreError, Turn};

pub async fn commit(store: &SqliteStore, turn: &Turn) -> Result<Committed> {
    let mut tx = store.begin().await?;
    check_playbook(&mut tx, turn).await?;
    let known = known(&mut tx, turn).await?;
    let admitted = admit(turn, &known);
    put_items(&mut tx, &admitted.items).await?;
    put_notices(&mut tx, &admitted).await?;
    tx.commit().await?;
    Ok(admitted.committed)
}

async fn check_playbook(tx: &mut Transaction<'_, Sqlite>, turn: &Turn) -> Result<()> {
    let Some(planned_under) = turn.playbook else { return Ok(()) };
    let in_force: Option<String> =
        sqlx::query_scalar("SELECT version FROM playbook_in_force").fetch_optional(&mut **tx).await?;
    let in_force = in_force.as_deref().map(id).transpose()?;
    if in_force == Some(planned_under) { Ok(()) } else { Err(StoreError::OtherPlaybook(in_force)) }
}

/// Looks up what the store holds of what the turn names.
async fn known(tx: &mut Transaction<'_, Sqlite>, turn: &Turn) -> Result<Known> {
    let mut known = Known { versions: versions(tx, turn).await?, ..Known::default() };
    let keys: Vec<Digest> = planned(turn).map(|planned| planned.notice.key).collect();
    for (key, state) in look_up::<(String, String), _>(tx, NOTICE_STATES, &keys).await? {
        known.notices.insert(id(&key)?, from_word(&state)?);
    }
    loop {
        let missing = missing_deliveries(turn, &known);
        if missing.is_empty() {
            return Ok(known);
        }
        known.deliveries.extend(missing.iter().map(|id| (*id, None)));
        for row in look_up::<StandingRow, _>(tx, STANDINGS, &missing).await? {
            known.deliveries.insert(id(&row.id)?, Some(row.try_into()?));
        }
    }
}

async fn versions(tx: &mut Transaction<'_, Sqlite>, turn: &Turn) -> Result<HashMap<ItemKey, i64>> {
    let keys: Vec<KeyRow> = turn.items.iter().map(|item| (&item.record.item.key).into()).collect();
    let mut versions = HashMap::with_capacity(keys.len());
    for (source, id, version) in look_up::<(String, String, i64), _>(tx, VERSIONS, &keys).await? {
        versions.insert(ItemKey::new(source, id), version);
    }
    Ok(versions)
}

pub(super) const VERSIONS: &str = "
    SELECT i.source, i.id, i.version FROM json_each($1) AS asked
    CROSS JOIN items AS i ON i.source = asked.value->>'source' AND i.id = asked.value->>'id'";

pub(super) const NOTICE_STATES: &str = r#"
    SELECT n."key", n.state FROM json_each($1) AS asked CROSS JOIN notices AS n ON n."key" = asked.value"#;

pub(super) const STANDINGS: &str = "
    SELECT d.id, d.contact, d.channel, d.state, d.sealed_at IS NOT NULL AS is_sealed, d.rehearsal, d.not_before,
           d.waits_for, d.opened_at
    FROM json_each($1) AS asked CROSS JOIN deliveries AS d ON d.id = asked.value";

#[derive(FromRow)]
struct StandingRow {
    id: String,
    contact: String,
    channel: String,
    state: String,
    is_sealed: bool,
    rehearsal: bool,
    not_before: i64,
    waits_for: Option<String>,
    opened_at: i64,
}

impl TryFrom<StandingRow> for Standing {
    type Error = StoreError;

    fn try_from(row: StandingRow) -> Result<Self> {
        Ok(Self {
            contact: row.contact.into(),
            channel: row.channel.into(),
            state: from_word(&row.state)?,
            is_sealed: row.is_sealed,
            rehearsal: row.rehearsal,
            not_before: instant(row.not_before)?,
            waits_for: row.waits_for.as_deref().map(from_word).transpose()?,
            opened_at: instant(row.opened_at)?,
        })
    }
}

async fn put_items(tx: &mut Transaction<'_, Sqlite>, items: &[&ItemWrite]) -> Result<()> {
    let records: Vec<ItemRow> = items.iter().map(|item| (&item.record).into()).collect();
    let kept = items.iter().filter(|item| item.keep_snapshot);
    let snapshots: Vec<SnapshotRow> = kept.map(|item| (&item.record).into()).collect();
    let transitions = items.iter().flat_map(|write| write.transitions.iter().map(|t| (&write.record.item.key, t)));
    let transitions: Vec<TransitionRow> = transitions.map(|(key, t)| TransitionRow::new(key, t)).collect();
    let cards: Vec<CardRow> = items.iter().flat_map(|item| cards(item)).collect();
    write(tx, PUT_ITEMS, &records).await?;
    write(tx, PUT_SNAPSHOTS, &snapshots).await?;
    write(tx, PUT_TRANSITIONS, &transitions).await?;
    write(tx, PUT_CARDS, &cards).await
}

/// An item's cards as they stand after the turn.
fn cards(item: &ItemWrite) -> Vec<CardRow> {
    let key = &item.record.item.key;
    let watched: HashSet<_> = item.record.watches.iter().map(|watch| watch.card).collect();
    let gone = item.transitions.iter().filter(|transition| !watched.contains(&transition.card));
    let gone = gone.filter_map(|transition| CardRow::of_transition(key, transition));
    item.record.watches.iter().filter_map(|watch| CardRow::of_watch(key, watch)).chain(gone).collect()
}

// In this and the like below: without MATERIALIZED, SQLite writes a row out as JSON again for each of its columns.
const PUT_ITEMS: &str = "
    WITH rows (v) AS MATERIALIZED (SELECT value FROM json_each($1))
    INSERT INTO items (source, id, digest, judged_under, version, first_seen_at, seen_at, noticed_at, next_look_at,
                       missing_polls, title, unit, item, rulings, watches)
    SELECT v->>'source', v->>'id', v->>'digest', v->>'judged_under', v->>'version',
           v->>'first_seen_at', v->>'seen_at', v->>'noticed_at', v->>'next_look_at',
           v->>'missing_polls', v->>'title', v->>'unit', v->>'item', v->>'rulings',
           v->>'watches'
    FROM rows WHERE true
    ON CONFLICT (source, id) DO UPDATE SET
        digest = excluded.digest, judged_under = excluded.judged_under, version = excluded.version,
        first_seen_at = excluded.first_seen_at, seen_at = excluded.seen_at, noticed_at = excluded.noticed_at,
        next_look_at = excluded.next_look_at, missing_polls = excluded.missing_polls, title = excluded.title,
        unit = excluded.unit, item = excluded.item, rulings = excluded.rulings, watches = excluded.watches";

const PUT_SNAPSHOTS: &str = "
    WITH rows (v) AS MATERIALIZED (SELECT value FROM json_each($1))
    INSERT INTO snapshots (source, item, seen_at, digest, content)
    SELECT v->>'source', v->>'item', v->>'seen_at', v->>'digest', v->>'content'
    FROM rows";

const PUT_TRANSITIONS: &str = "
    WITH rows (v) AS MATERIALIZED (SELECT value FROM json_each($1))
    INSERT INTO transitions (card, number, source, item, rule, name, episode, change, from_level, to_level, at,
                             noticed_at, reason, verdict, rule_version, calendar_version, ladder)
    SELECT v->>'card', v->>'number', v->>'source', v->>'item', v->>'rule', v->>'name',
           v->>'episode', v->>'change', v->>'from_level', v->>'to_level', v->>'at',
           v->>'noticed_at', v->>'reason', v->>'verdict', v->>'rule_version',
           v->>'calendar_version', v->>'ladder'
    FROM rows";

// Most watches did not change; their cards are not written again.
const PUT_CARDS: &str = "
    WITH rows (v) AS MATERIALIZED (SELECT value FROM json_each($1))
    INSERT INTO cards (card, source, item, rule, name, level, at, episode, number)
    SELECT v->>'card', v->>'source', v->>'item', v->>'rule', v->>'name', v->>'level',
           v->>'at', v->>'episode', v->>'number'
    FROM rows WHERE true
    ON CONFLICT (card) DO UPDATE SET name = excluded.name, level = excluded.level, at = excluded.at,
        episode = excluded.episode, number = excluded.number
    WHERE (cards.name, cards.level, cards.at, cards.episode, cards.number)
        IS NOT (excluded.name, excluded.level, excluded.at, excluded.episode, excluded.number)";

async fn put_notices(tx: &mut Transaction<'_, Sqlite>, admitted: &Admitted<'_>) -> Result<()> {
    let deliveries: Vec<DeliveryRow> = admitted.deliveries.iter().map(row).collect();
    let notices: Vec<NoticeRow> = admitted.notices.iter().map(NoticeRow::from).collect();
    write(tx, PUT_DELIVERIES, &deliveries).await?;
    write(tx, PUT_NOTICES, &notices).await
}

fn row(opening: &Opening) -> DeliveryRow {
    let DeliveryId(digest) = opening.id;
    DeliveryRow {
        id: digest.to_string(),
        contact: plain(&opening.contact),
        channel: plain(&opening.channel),
        state: word(&opening.state),
        not_before: micros(opening.not_before),
        waits_for: opening.waits_for.as_ref().map(word),
        opened_at: micros(opening.opened_at),
        tries: 0,
        rehearsal: opening.rehearsal,
        fence: 0,
        sealed_at: None,
        sealed: None,
        settled_at: None,
        reason: None,
        remote_id: None,
    }
}

// A stored one is joined or, if it was cancelled, reopened: its fence goes on from where it was.
const PUT_DELIVERIES: &str = "
    WITH rows (v) AS MATERIALIZED (SELECT value FROM json_each($1))
    INSERT INTO deliveries (id, contact, channel, state, not_before, waits_for, opened_at, tries, rehearsal, fence)
    SELECT v->>'id', v->>'contact', v->>'channel', v->>'state', v->>'not_before',
           v->>'waits_for', v->>'opened_at', 0, v->>'rehearsal', 0
    FROM rows WHERE true
    ON CONFLICT (id) DO UPDATE SET
        tries = CASE deliveries.state WHEN 'cancelled' THEN 0 ELSE deliveries.tries END,
        reason = CASE deliveries.state WHEN 'cancelled' THEN NULL ELSE deliveries.reason END,
        state = excluded.state, not_before = excluded.not_before, waits_for = excluded.waits_for,
        opened_at = excluded.opened_at, rehearsal = excluded.rehearsal, settled_at = NULL";

const PUT_NOTICES: &str = r#"
    WITH rows (v) AS MATERIALIZED (SELECT value FROM json_each($1))
    INSERT INTO notices ("key", kind, card, source, item, episode, number, level, step, ordinal, contact, channel,
                         planned_at, rehearsal, state, hold, delivery, change, body)
    SELECT v->>'key', v->>'kind', v->>'card', v->>'source', v->>'item', v->>'episode',
           v->>'number', v->>'level', v->>'step', v->>'ordinal', v->>'contact', v->>'channel',
           v->>'planned_at', v->>'rehearsal', v->>'state', v->>'hold', v->>'delivery', v->>'change', v->>'body'
    FROM rows WHERE true
    ON CONFLICT ("key") DO UPDATE SET planned_at = excluded.planned_at, rehearsal = excluded.rehearsal,
        state = excluded.state, hold = excluded.hold,
        delivery = excluded.delivery, change = excluded.change, body = excluded.body"#;
