//! The courier's verbs: claim, seal, settle, give back; and a person's: retry and cancel.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::rows::{
    ClaimableRow, DeliveryRow, DroppedRow, GivenBackRow, IdRow, LeaseRow, NoticeRow, PastAttemptRow, SealRow,
    SettleRow, UnsaidRow,
};
use super::session::{Engine, Session};
use super::{audit, id, json, limit as rows, maybe_instant, micros, plain, receipts, values};
use crate::core::Instant;
use crate::core::audit::Act;
use crate::core::delivery::{DeliveryId, DeliveryState};
use crate::core::notice::{Hold, Notice};
use crate::store::{Claimable, Claimed, GivenBack, Result, Seal, Settle};

/// Under what deliveries are claimed.
pub struct Lease<'a> {
    pub holder: &'a str,
    pub until: Instant,
}

pub async fn claim<E: Engine>(
    session: &mut E::Session,
    now: Instant,
    lease: Lease<'_>,
    limit: usize,
    of: Claimable<'_>,
) -> Result<Vec<Claimed>> {
    let given = [micros(now).into(), rows(limit)];
    let mut claimed: Vec<DeliveryRow> = match of.only {
        None => session.select_over(E::CLAIMABLE, &given, channels(of.except)).await?,
        Some(only) => session.select_over(E::CLAIMABLE_OF, &given, ClaimableRow::all(only, of.except)).await?,
    };
    claimed.sort_by(|a, b| (a.not_before, a.opened_at, &a.id).cmp(&(b.not_before, b.opened_at, &b.id)));
    let lost = claimed.iter().filter_map(|row| PastAttemptRow::lost(row, now));
    session.write(PUT_PAST_ATTEMPTS, &[], lost).await?;
    let ids = IdRow::all(claimed.iter().map(|row| &row.id));
    let given = [micros(now).into(), micros(lease.until).into(), lease.holder.to_owned().into()];
    session.write(CLAIM, &given, ids.iter().cloned()).await?;
    let members: Vec<Notice> = values(session.look_up::<NoticeRow, _>(MEMBERS, ids).await?)?;
    let mut by_delivery: HashMap<Option<DeliveryId>, Vec<Notice>> = HashMap::new();
    for member in members {
        by_delivery.entry(member.delivery).or_default().push(member);
    }
    let with_members = |row: DeliveryRow| {
        let row = row.claimed();
        let fence = row.fence;
        let members = by_delivery.remove(&Some(id(&row.id)?)).unwrap_or_default();
        Ok(Claimed { delivery: row.try_into()?, fence, members })
    };
    claimed.into_iter().map(with_members).collect()
}

fn channels(names: &[Arc<str>]) -> Vec<IdRow> {
    IdRow::all(names.iter().map(|name| plain(name)))
}

/// What can be claimed by $1, at most $2, over channels that are left out; and how others are kept from it.
macro_rules! claimable {
    ($lock:literal) => {
        concat!(
            "SELECT ",
            $crate::store::sql::lists::columns!("d"),
            " FROM deliveries AS d
              WHERE d.claim_at <= $1 AND d.channel NOT IN (SELECT id FROM r) ORDER BY d.claim_at LIMIT $2",
            $lock
        )
    };
}

/// The same for some contacts only; over contacts and channels that are left out.
macro_rules! claimable_of {
    ($lock:literal) => {
        concat!(
            "SELECT ",
            $crate::store::sql::lists::columns!("d"),
            " FROM r CROSS JOIN deliveries AS d
              WHERE d.contact = r.contact AND d.claim_at <= $1
                  AND d.channel NOT IN (SELECT channel FROM r WHERE channel IS NOT NULL)
              ORDER BY d.claim_at LIMIT $2",
            $lock
        )
    };
}

pub(in crate::store) use {claimable, claimable_of};

pub const CLAIM: &str = "
    UPDATE deliveries SET state = 'sending', fence = fence + 1, tries = tries + 1, claimed_at = $1, lease_until = $2,
        holder = $3
    WHERE id IN (SELECT id FROM r)";

const PUT_PAST_ATTEMPTS: &str = "
    INSERT INTO past_attempts ({columns}) SELECT {columns} FROM r";

pub const MEMBERS: &str = r#"
    SELECT n."key", n.kind, n.card, n.source, n.item, n.episode, n.number, n.level, n.step, n.ordinal, n.contact,
           n.channel, n.planned_at, n.rehearsal, n.state, n.hold, n.delivery, n.change, n.body, n.because, n.settled_at
    FROM r CROSS JOIN notices AS n WHERE n.delivery = r.id AND n.state = 'planned' ORDER BY n.planned_at, n.seq"#;

pub async fn next_claim_at(session: &mut impl Session, except: &[Arc<str>]) -> Result<Option<Instant>> {
    let at: Vec<(Option<i64>,)> = session.select_over(NEXT_CLAIM_AT, &[], channels(except)).await?;
    maybe_instant(at.first().and_then(|(at,)| *at))
}

pub const NEXT_CLAIM_AT: &str = "
    SELECT claim_at FROM deliveries
    WHERE claim_at IS NOT NULL AND channel NOT IN (SELECT id FROM r)
    ORDER BY claim_at LIMIT 1";

pub async fn waiting_since(session: &mut impl Session, now: Instant) -> Result<Option<Instant>> {
    let since: Vec<(Option<i64>,)> = session.select(WAITING_SINCE, &[micros(now).into()]).await?;
    maybe_instant(since.first().and_then(|(since,)| *since))
}

pub const WAITING_SINCE: &str = "
    SELECT min(CASE WHEN sealed_at IS NOT NULL AND tries > 0 THEN sealed_at WHEN claim_at <= $1 THEN claim_at END)
    FROM deliveries WHERE claim_at IS NOT NULL";

pub async fn seal(session: &mut impl Session, now: Instant, seals: &[Seal]) -> Result<Vec<DeliveryId>> {
    let (held, lost) = sort(session, SEALABLE, seals, |seal| (seal.id, seal.fence)).await?;
    let dropped = held.iter().flat_map(|seal| DroppedRow::all(seal));
    session.write(DROP_NOTICES, &[], dropped).await?;
    let said = held.iter().filter_map(|seal| SealRow::new(seal));
    session.write(PUT_SEALS, &[], said).await?;
    let (said, unsaid): (Vec<&Seal>, Vec<&Seal>) = held.into_iter().partition(|seal| seal.is_said());
    session.write(SEAL, &[micros(now).into()], IdRow::all(said.into_iter().map(|seal| seal.id))).await?;
    let unsaid: Vec<UnsaidRow> = unsaid.into_iter().map(UnsaidRow::from).collect();
    session.write(END_UNSAID_ATTEMPTS, &[micros(now).into()], unsaid.iter().cloned()).await?;
    session.write(DROP_CANCELLED, &[json(&Hold::Cancelled).into()], unsaid.iter().cloned()).await?;
    session.write(LEAVE_UNSAID, &[micros(now).into()], unsaid).await?;
    Ok(lost)
}

pub const SEALABLE: &str = "
    SELECT t.id, t.fence FROM r CROSS JOIN deliveries AS t
    WHERE t.id = r.id AND t.state = 'sending' AND t.fence = r.fence AND t.sealed_at IS NULL ORDER BY t.id";

const PUT_SEALS: &str = "
    INSERT INTO seals ({columns}) SELECT {columns} FROM r";

pub const SEAL: &str = "
    UPDATE deliveries SET sealed_at = $1 WHERE id IN (SELECT id FROM r)";

// What was not sent was not tried.
pub const LEAVE_UNSAID: &str = "
    UPDATE deliveries SET
        state = r.state,
        not_before = coalesce(r.not_before, deliveries.not_before),
        waits_for = CASE WHEN r.not_before IS NULL THEN deliveries.waits_for ELSE r.waits_for END,
        tries = CASE tries WHEN 0 THEN 0 ELSE tries - 1 END,
        claimed_at = NULL,
        lease_until = NULL,
        holder = NULL,
        settled_at = CASE r.state WHEN 'cancelled' THEN $1 END
    FROM r WHERE deliveries.id = r.id";

/// Puts the newest tries of deliveries among the past ones: when they ended; their outcomes, reasons and remote ids; whose.
macro_rules! keep_attempts {
    ($settled_at:literal, $ends:literal, $of:literal) => {
        concat!(
            "INSERT INTO past_attempts (delivery, fence, number, claimed_at, settled_at, outcome, reason, remote_id)
             SELECT d.id, d.fence, d.tries, d.claimed_at, ",
            $settled_at,
            ", ",
            $ends,
            " FROM ",
            $of
        )
    };
}

pub(super) use keep_attempts;

/// The same of tries that end now.
macro_rules! end_attempts {
    ($ends:literal) => {
        keep_attempts!("$1", $ends, "r CROSS JOIN deliveries AS d WHERE d.id = r.id")
    };
}

pub const END_UNSAID_ATTEMPTS: &str = end_attempts!("r.outcome, NULL, NULL");

pub const DROP_NOTICES: &str = r#"
    UPDATE notices SET state = r.state, hold = r.hold,
        delivery = CASE r.state WHEN 'held' THEN NULL ELSE notices.delivery END
    FROM r WHERE notices."key" = r."key" AND notices.delivery = r.id AND notices.state = 'planned'"#;

pub const DROP_CANCELLED: &str = "
    UPDATE notices SET state = 'dropped', hold = $1
    WHERE delivery IN (SELECT id FROM r WHERE state = 'cancelled') AND state = 'planned'";

pub async fn settle(session: &mut impl Session, now: Instant, settles: &[Settle]) -> Result<Vec<DeliveryId>> {
    let (held, lost) = sort(session, HELD, settles, |settle| (settle.id, settle.fence)).await?;
    receipts::put_bad_addresses(session, now, &held).await?;
    let rows: Vec<SettleRow> = held.into_iter().map(SettleRow::from).collect();
    let again = rows.iter().filter(|row| row.state == DeliveryState::Retryable.word());
    session.write(END_ATTEMPTS, &[micros(now).into()], again.cloned()).await?;
    session.write(SETTLE, &[micros(now).into()], rows.iter().cloned()).await?;
    session.write(END_NOTICES, &[micros(now).into()], rows).await?;
    Ok(lost)
}

pub const HELD: &str = "
    SELECT t.id, t.fence FROM r CROSS JOIN deliveries AS t
    WHERE t.id = r.id AND t.state = 'sending' AND t.fence = r.fence ORDER BY t.id";

pub const SETTLE: &str = "
    UPDATE deliveries SET
        state = r.state,
        not_before = coalesce(r.not_before, deliveries.not_before),
        waits_for = CASE r.state WHEN 'retryable' THEN NULL ELSE deliveries.waits_for END,
        claimed_at = CASE WHEN r.state <> 'retryable' THEN claimed_at END,
        lease_until = NULL,
        holder = NULL,
        settled_at = CASE WHEN r.state IN ('sent', 'unknown', 'discarded') THEN $1 END,
        reason = r.reason,
        remote_id = r.remote_id
    FROM r WHERE deliveries.id = r.id";

pub const END_ATTEMPTS: &str = end_attempts!("r.state, r.reason, r.remote_id");

// A notice ends in the state of its delivery, under the same word.
pub const END_NOTICES: &str = "
    UPDATE notices SET state = r.state, settled_at = $1
    FROM r
    WHERE notices.delivery = r.id AND notices.state = 'planned' AND r.state IN ('sent', 'unknown', 'discarded')";

pub async fn give_back(session: &mut impl Session, now: Instant, claims: &[GivenBack]) -> Result<()> {
    let (held, _) = sort(session, HELD, claims, |claim| (claim.id, claim.fence)).await?;
    let held: Vec<GivenBackRow> = held.into_iter().map(GivenBackRow::from).collect();
    session.write(GIVE_BACK_ATTEMPTS, &[micros(now).into()], held.iter().cloned()).await?;
    session.write(GIVE_BACK, &[], held).await?;
    session.nudge();
    Ok(())
}

pub const GIVE_BACK_ATTEMPTS: &str = end_attempts!("'given_back', NULL, NULL");

// What was sealed cannot be joined, whatever it waits for.
pub const GIVE_BACK: &str = "
    UPDATE deliveries SET
        state = CASE WHEN r.not_before IS NULL THEN 'available' WHEN sealed_at IS NULL THEN 'scheduled' ELSE 'retryable' END,
        not_before = coalesce(r.not_before, deliveries.not_before),
        waits_for = CASE WHEN r.not_before IS NULL THEN deliveries.waits_for ELSE r.waits_for END,
        tries = CASE tries WHEN 0 THEN 0 ELSE tries - 1 END,
        claimed_at = NULL,
        lease_until = NULL,
        holder = NULL
    FROM r WHERE deliveries.id = r.id";

pub async fn retry_delivery(
    session: &mut impl Session,
    id: DeliveryId,
    now: Instant,
    act: Option<&Act>,
) -> Result<bool> {
    session.run(KEEP_ATTEMPT, &[id.to_string().into()]).await?;
    let is_retried = session.run(RETRY, &[id.to_string().into(), micros(now).into()]).await? == 1;
    session.run(RETRY_NOTICES, &[id.to_string().into()]).await?;
    audit::append(session, act.filter(|_| is_retried)).await?;
    session.nudge();
    Ok(is_retried)
}

const KEEP_ATTEMPT: &str = keep_attempts!(
    "d.settled_at",
    "d.state, d.reason, d.remote_id",
    "deliveries AS d WHERE d.id = $1 AND d.state IN ('discarded', 'unknown') AND d.claimed_at IS NOT NULL"
);

// A receipt of the message that was given up must not be taken for one of the next.
const RETRY: &str = "
    UPDATE deliveries SET state = 'available', not_before = $2, waits_for = NULL, tries = 0, claimed_at = NULL, settled_at = NULL,
        remote_id = NULL, receipt = NULL, receipt_at = NULL, reported = false
    WHERE id = $1 AND state IN ('discarded', 'unknown')";

const RETRY_NOTICES: &str = "
    UPDATE notices SET state = 'planned', settled_at = NULL
    WHERE delivery = $1 AND state IN ('discarded', 'unknown')";

pub async fn cancel_delivery(
    session: &mut impl Session,
    id: DeliveryId,
    now: Instant,
    act: Option<&Act>,
) -> Result<bool> {
    let is_cancelled = session.run(CANCEL, &[id.to_string().into(), micros(now).into()]).await? == 1;
    if is_cancelled {
        session.run(CANCEL_NOTICES, &[id.to_string().into(), json(&Hold::Cancelled).into()]).await?;
        audit::append(session, act).await?;
    }
    Ok(is_cancelled)
}

const CANCEL: &str = "
    UPDATE deliveries SET state = 'cancelled', settled_at = $2
    WHERE id = $1 AND state IN ('scheduled', 'available') AND sealed_at IS NULL";

const CANCEL_NOTICES: &str = "
    UPDATE notices SET state = 'dropped', hold = $2 WHERE delivery = $1 AND state = 'planned'";

/// What is still held under its lease, each delivery once; and the deliveries whose lease was lost.
async fn sort<'a, T>(
    session: &mut impl Session,
    statement: &'static str,
    all: &'a [T],
    lease: impl Fn(&T) -> (DeliveryId, i64),
) -> Result<(Vec<&'a T>, Vec<DeliveryId>)> {
    let leases: Vec<LeaseRow> = all.iter().map(&lease).map(|(id, fence)| LeaseRow::new(id, fence)).collect();
    let mut held = HashSet::with_capacity(leases.len());
    for (delivery, fence) in session.lock::<(String, i64), _>(statement, leases).await? {
        held.insert((id::<DeliveryId>(&delivery)?, fence));
    }
    let lost: Vec<DeliveryId> =
        all.iter().map(&lease).filter(|lease| !held.contains(lease)).map(|(id, _)| id).collect();
    // Where two leases of one delivery are named, it counts as lost.
    let gone: HashSet<DeliveryId> = lost.iter().copied().collect();
    let kept = all.iter().filter(|one| held.remove(&lease(one)) && !gone.contains(&lease(one).0)).collect();
    Ok((kept, lost))
}

pub async fn end_leases(session: &mut impl Session, now: Instant, holder: &str) -> Result<()> {
    session.run(END_LEASES, &[micros(now).into(), holder.to_owned().into()]).await?;
    Ok(())
}

// A lease without a holder comes from a store of one installation, which this one has taken over.
pub const END_LEASES: &str = "
    UPDATE deliveries SET lease_until = $1 WHERE state = 'sending' AND holder IN ($2, '') AND lease_until > $1";
