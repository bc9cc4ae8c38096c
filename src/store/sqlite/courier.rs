//! The courier's verbs: claim, seal, settle, give back; and a person's: retry and cancel.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Serialize;
use sqlx::Transaction;
use sqlx::sqlite::Sqlite;

use super::{SqliteStore, limit as rows, look_up, values, write};
use crate::core::Instant;
use crate::core::delivery::DeliveryId;
use crate::core::notice::{Hold, Notice};
use crate::store::sql::{DeliveryRow, NoticeRow, SealRow, SettleRow, id, instant, json, micros};
use crate::store::{Claimed, Result, Seal, Settle};

pub async fn claim(
    store: &SqliteStore,
    now: Instant,
    lease_until: Instant,
    limit: usize,
    except: &[Arc<str>],
) -> Result<Vec<Claimed>> {
    let mut tx = store.begin().await?;
    let mut claimed: Vec<DeliveryRow> = sqlx::query_as(CLAIM)
        .bind(micros(now))
        .bind(micros(lease_until))
        .bind(rows(limit))
        .bind(json(&except))
        .fetch_all(&mut *tx)
        .await?;
    claimed.sort_by(|a, b| (a.not_before, a.opened_at, &a.id).cmp(&(b.not_before, b.opened_at, &b.id)));
    let ids: Vec<&str> = claimed.iter().map(|row| &*row.id).collect();
    write_at(&mut tx, LOSE_LEASES, &ids, now).await?;
    write_at(&mut tx, BEGIN_ATTEMPTS, &ids, now).await?;
    let members: Vec<Notice> = values(look_up::<NoticeRow, _>(&mut tx, MEMBERS, &ids).await?)?;
    tx.commit().await?;
    let mut by_delivery: HashMap<Option<DeliveryId>, Vec<Notice>> = HashMap::new();
    for member in members {
        by_delivery.entry(member.delivery).or_default().push(member);
    }
    let with_members = |row: DeliveryRow| {
        let fence = row.fence;
        let members = by_delivery.remove(&Some(id(&row.id)?)).unwrap_or_default();
        Ok(Claimed { delivery: row.try_into()?, fence, members })
    };
    claimed.into_iter().map(with_members).collect()
}

pub(super) const CLAIM: &str = "
    UPDATE deliveries SET state = 'sending', fence = fence + 1, tries = tries + 1, lease_until = $2, holder = ''
    WHERE id IN (
        SELECT id FROM deliveries
        WHERE claim_at <= $1 AND channel NOT IN (SELECT value FROM json_each($4))
        ORDER BY claim_at LIMIT $3
    )
    RETURNING id, contact, channel, state, not_before, waits_for, opened_at, tries, rehearsal, fence, sealed_at, sealed,
              settled_at, reason, remote_id";

const LOSE_LEASES: &str = "
    UPDATE attempts SET settled_at = $2, outcome = 'lease_lost'
    WHERE delivery IN (SELECT value FROM json_each($1)) AND settled_at IS NULL";

const BEGIN_ATTEMPTS: &str = "
    INSERT INTO attempts (delivery, fence, number, claimed_at)
    SELECT d.id, d.fence, d.tries, $2 FROM json_each($1) AS claimed CROSS JOIN deliveries AS d ON d.id = claimed.value";

pub(super) const MEMBERS: &str = r#"
    SELECT n."key", n.kind, n.card, n.source, n.item, n.episode, n.number, n.level, n.step, n.ordinal, n.contact,
           n.channel, n.planned_at, n.rehearsal, n.state, n.hold, n.delivery, n.change, n.body
    FROM json_each($1) AS claimed CROSS JOIN notices AS n ON n.delivery = claimed.value
    WHERE n.state = 'planned' ORDER BY n.planned_at, n.seq"#;

pub async fn next_claim_at(store: &SqliteStore, except: &[Arc<str>]) -> Result<Option<Instant>> {
    let at: Option<i64> = sqlx::query_scalar(NEXT_CLAIM_AT).bind(json(&except)).fetch_optional(&store.readers).await?;
    at.map(instant).transpose()
}

pub(super) const NEXT_CLAIM_AT: &str = "
    SELECT claim_at FROM deliveries
    WHERE claim_at IS NOT NULL AND channel NOT IN (SELECT value FROM json_each($1))
    ORDER BY claim_at LIMIT 1";

/// A member that sealing drops.
#[derive(Serialize)]
struct DroppedRow {
    key: String,
    id: String,
    hold: String,
}

impl DroppedRow {
    fn all(seal: &Seal) -> impl Iterator<Item = Self> {
        let id = seal.id.to_string();
        seal.dropped.iter().map(move |(key, hold)| Self { key: key.to_string(), id: id.clone(), hold: json(hold) })
    }
}

pub async fn seal(store: &SqliteStore, now: Instant, seals: &[Seal]) -> Result<Vec<DeliveryId>> {
    let mut tx = store.begin().await?;
    let leases = seals.iter().map(|seal| LeaseRow::new(seal.id, seal.fence)).collect();
    let lost = lost_leases(&mut tx, UNSEALABLE, leases).await?;
    let held: Vec<&Seal> = kept(seals, &lost, |seal| seal.id);
    let dropped: Vec<DroppedRow> = held.iter().flat_map(|seal| DroppedRow::all(seal)).collect();
    let rows: Vec<SealRow> = held.into_iter().map(SealRow::from).collect();
    write_at(&mut tx, SEAL, &rows, now).await?;
    write_at(&mut tx, END_SEALED_ATTEMPTS, &rows, now).await?;
    write(&mut tx, DROP_NOTICES, &dropped).await?;
    let cancelled = json(&Hold::Cancelled);
    for batch in crate::store::sql::batches(&rows) {
        sqlx::query(DROP_CANCELLED).bind(batch).bind(&cancelled).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(lost)
}

pub(super) const UNSEALABLE: &str = "
    SELECT asked.value->>'id' FROM json_each($1) AS asked
    LEFT JOIN deliveries AS d ON d.id = asked.value->>'id' AND d.state = 'sending'
        AND d.fence = asked.value->>'fence' AND d.sealed_at IS NULL
    WHERE d.id IS NULL";

// What was not sent was not tried.
pub(super) const SEAL: &str = "
    UPDATE deliveries SET
        state = r.state,
        not_before = coalesce(r.not_before, deliveries.not_before),
        tries = CASE r.state WHEN 'sending' THEN tries ELSE max(tries - 1, 0) END,
        lease_until = CASE r.state WHEN 'sending' THEN lease_until END,
        holder = CASE r.state WHEN 'sending' THEN holder END,
        sealed = r.sealed,
        sealed_at = CASE WHEN r.sealed IS NOT NULL THEN $2 END,
        settled_at = CASE r.state WHEN 'cancelled' THEN $2 END
    FROM (SELECT value->>'id' AS id, value->>'state' AS state, value->>'sealed' AS sealed,
                 value->>'not_before' AS not_before FROM json_each($1)) AS r
    WHERE deliveries.id = r.id";

pub(super) const END_SEALED_ATTEMPTS: &str = "
    UPDATE attempts SET settled_at = $2, outcome = r.outcome
    FROM (SELECT value->>'id' AS id, value->>'fence' AS fence, value->>'outcome' AS outcome FROM json_each($1)) AS r
    WHERE attempts.delivery = r.id AND attempts.fence = r.fence AND r.outcome IS NOT NULL";

pub(super) const DROP_NOTICES: &str = r#"
    UPDATE notices SET state = 'dropped', hold = r.hold
    FROM (SELECT value->>'key' AS "key", value->>'id' AS id, value->>'hold' AS hold FROM json_each($1)) AS r
    WHERE notices."key" = r."key" AND notices.delivery = r.id AND notices.state = 'planned'"#;

pub(super) const DROP_CANCELLED: &str = "
    UPDATE notices SET state = 'dropped', hold = $2
    WHERE delivery IN (SELECT value->>'id' FROM json_each($1) WHERE value->>'state' = 'cancelled')
      AND state = 'planned'";

pub async fn settle(store: &SqliteStore, now: Instant, settles: &[Settle]) -> Result<Vec<DeliveryId>> {
    let mut tx = store.begin().await?;
    let leases = settles.iter().map(|settle| LeaseRow::new(settle.id, settle.fence)).collect();
    let lost = lost_leases(&mut tx, UNSETTLEABLE, leases).await?;
    let rows: Vec<SettleRow> = kept(settles, &lost, |settle| settle.id).into_iter().map(SettleRow::from).collect();
    write_at(&mut tx, SETTLE, &rows, now).await?;
    write_at(&mut tx, END_ATTEMPTS, &rows, now).await?;
    write(&mut tx, END_NOTICES, &rows).await?;
    tx.commit().await?;
    Ok(lost)
}

pub(super) const UNSETTLEABLE: &str = "
    SELECT asked.value->>'id' FROM json_each($1) AS asked
    LEFT JOIN deliveries AS d ON d.id = asked.value->>'id' AND d.state = 'sending'
        AND d.fence = asked.value->>'fence'
    WHERE d.id IS NULL";

pub(super) const SETTLE: &str = "
    UPDATE deliveries SET
        state = r.state,
        not_before = coalesce(r.not_before, deliveries.not_before),
        lease_until = NULL,
        holder = NULL,
        settled_at = CASE WHEN r.state IN ('sent', 'unknown', 'discarded') THEN $2 END,
        reason = r.reason,
        remote_id = coalesce(r.remote_id, deliveries.remote_id)
    FROM (SELECT value->>'id' AS id, value->>'state' AS state, value->>'not_before' AS not_before,
                 value->>'reason' AS reason, value->>'remote_id' AS remote_id FROM json_each($1)) AS r
    WHERE deliveries.id = r.id";

pub(super) const END_ATTEMPTS: &str = "
    UPDATE attempts SET settled_at = $2, outcome = r.state, reason = r.reason, remote_id = r.remote_id
    FROM (SELECT value->>'id' AS id, value->>'fence' AS fence, value->>'state' AS state, value->>'reason' AS reason,
                 value->>'remote_id' AS remote_id FROM json_each($1)) AS r
    WHERE attempts.delivery = r.id AND attempts.fence = r.fence";

// A notice ends in the state of its delivery, under the same word.
pub(super) const END_NOTICES: &str = "
    UPDATE notices SET state = r.state
    FROM (SELECT value->>'id' AS id, value->>'state' AS state FROM json_each($1)) AS r
    WHERE notices.delivery = r.id AND notices.state = 'planned' AND r.state IN ('sent', 'unknown', 'discarded')";

pub async fn give_back(store: &SqliteStore, now: Instant, claims: &[(DeliveryId, i64)]) -> Result<()> {
    let mut tx = store.begin().await?;
    let rows: Vec<LeaseRow> = claims.iter().map(|(id, fence)| LeaseRow::new(*id, *fence)).collect();
    write_at(&mut tx, GIVE_BACK_ATTEMPTS, &rows, now).await?;
    write(&mut tx, GIVE_BACK, &rows).await?;
    Ok(tx.commit().await?)
}

pub(super) const GIVE_BACK_ATTEMPTS: &str = "
    UPDATE attempts SET settled_at = $2, outcome = 'given_back'
    FROM (SELECT value->>'id' AS id, value->>'fence' AS fence FROM json_each($1)) AS r
    WHERE attempts.delivery = r.id AND attempts.fence = r.fence AND attempts.settled_at IS NULL";

// Only what is being sent has a lease; asking for the state would lead to the index of states.
pub(super) const GIVE_BACK: &str = "
    UPDATE deliveries SET state = 'available', tries = max(tries - 1, 0), lease_until = NULL, holder = NULL
    FROM (SELECT value->>'id' AS id, value->>'fence' AS fence FROM json_each($1)) AS r
    WHERE deliveries.id = r.id AND deliveries.lease_until IS NOT NULL AND deliveries.fence = r.fence";

pub async fn retry_delivery(store: &SqliteStore, id: DeliveryId, now: Instant) -> Result<bool> {
    let mut tx = store.begin().await?;
    let done = sqlx::query(RETRY).bind(id.to_string()).bind(micros(now)).execute(&mut *tx).await?;
    sqlx::query(RETRY_NOTICES).bind(id.to_string()).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(done.rows_affected() == 1)
}

const RETRY: &str = "
    UPDATE deliveries SET state = 'available', not_before = $2, waits_for = NULL, tries = 0, settled_at = NULL
    WHERE id = $1 AND state IN ('discarded', 'unknown')";

const RETRY_NOTICES: &str = "
    UPDATE notices SET state = 'planned' WHERE delivery = $1 AND state IN ('discarded', 'unknown')";

pub async fn cancel_delivery(store: &SqliteStore, id: DeliveryId, now: Instant) -> Result<bool> {
    let mut tx = store.begin().await?;
    let done = sqlx::query(CANCEL).bind(id.to_string()).bind(micros(now)).execute(&mut *tx).await?;
    let is_cancelled = done.rows_affected() == 1;
    if is_cancelled {
        let (id, hold) = (id.to_string(), json(&Hold::Cancelled));
        sqlx::query(CANCEL_NOTICES).bind(id).bind(hold).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(is_cancelled)
}

const CANCEL: &str = "
    UPDATE deliveries SET state = 'cancelled', settled_at = $2
    WHERE id = $1 AND state IN ('scheduled', 'available') AND sealed_at IS NULL";

const CANCEL_NOTICES: &str = "
    UPDATE notices SET state = 'dropped', hold = $2 WHERE delivery = $1 AND state = 'planned'";

/// A lease that somebody says to hold.
#[derive(Serialize)]
struct LeaseRow {
    id: String,
    fence: i64,
}

impl LeaseRow {
    fn new(id: DeliveryId, fence: i64) -> Self {
        Self { id: id.to_string(), fence }
    }
}

/// The deliveries whose lease is not held any more.
async fn lost_leases(
    tx: &mut Transaction<'_, Sqlite>,
    statement: &'static str,
    leases: Vec<LeaseRow>,
) -> Result<Vec<DeliveryId>> {
    let lost: Vec<(String,)> = look_up(tx, statement, &leases).await?;
    lost.into_iter().map(|(lost,)| id(&lost)).collect()
}

/// What is not lost, each delivery once.
fn kept<'a, T>(all: &'a [T], lost: &[DeliveryId], id: impl Fn(&T) -> DeliveryId) -> Vec<&'a T> {
    let mut seen: HashSet<DeliveryId> = lost.iter().copied().collect();
    all.iter().filter(|one| seen.insert(id(one))).collect()
}

/// Runs a statement that takes an instant once for each batch of rows.
async fn write_at<T: Serialize>(
    tx: &mut Transaction<'_, Sqlite>,
    statement: &'static str,
    rows: &[T],
    at: Instant,
) -> Result<()> {
    for batch in crate::store::sql::batches(rows) {
        sqlx::query(statement).bind(batch).bind(micros(at)).execute(&mut **tx).await?;
    }
    Ok(())
}

pub async fn end_leases(store: &SqliteStore, now: Instant) -> Result<()> {
    let mut tx = store.begin().await?;
    sqlx::query(END_LEASES).bind(micros(now)).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

const END_LEASES: &str = "UPDATE deliveries SET lease_until = min(lease_until, $1) WHERE state = 'sending'";
