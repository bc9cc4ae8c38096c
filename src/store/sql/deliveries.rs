//! Rows of deliveries and of their tries.

use serde::Serialize;
use sqlx::FromRow;

use super::{from_json, from_word, id, instant, json, maybe_instant, micros, number, plain, word};
use crate::core::delivery::DeliveryState;
use crate::store::{Attempt, AttemptOutcome, DeliveryRecord, Result, Seal, Settle};

/// A row of `deliveries`.
#[derive(Debug, Serialize, FromRow)]
#[allow(missing_docs)] // The columns are explained in the schema.
pub struct DeliveryRow {
    pub id: String,
    pub contact: String,
    pub channel: String,
    pub state: String,
    pub not_before: i64,
    pub waits_for: Option<String>,
    pub opened_at: i64,
    pub tries: i64,
    pub rehearsal: bool,
    pub fence: i64,
    pub sealed_at: Option<i64>,
    pub sealed: Option<String>,
    pub settled_at: Option<i64>,
    pub reason: Option<String>,
    pub remote_id: Option<String>,
}

impl TryFrom<DeliveryRow> for DeliveryRecord {
    type Error = crate::store::StoreError;

    fn try_from(row: DeliveryRow) -> Result<Self> {
        Ok(Self {
            id: id(&row.id)?,
            contact: row.contact.into(),
            channel: row.channel.into(),
            state: from_word(&row.state)?,
            not_before: instant(row.not_before)?,
            waits_for: row.waits_for.as_deref().map(from_word).transpose()?,
            opened_at: instant(row.opened_at)?,
            tries: number(row.tries)?,
            rehearsal: row.rehearsal,
            sealed_at: maybe_instant(row.sealed_at)?,
            sealed: row.sealed.as_deref().map(from_json).transpose()?,
            settled_at: maybe_instant(row.settled_at)?,
            reason: row.reason,
            remote_id: row.remote_id,
        })
    }
}

/// What a seal changes.
#[derive(Debug, Serialize)]
#[allow(missing_docs)] // The columns are explained in the schema.
pub struct SealRow {
    pub id: String,
    pub fence: i64,
    pub state: String,
    pub sealed: Option<String>,
    pub not_before: Option<i64>,
    pub outcome: Option<String>,
}

impl From<&Seal> for SealRow {
    fn from(seal: &Seal) -> Self {
        let (state, outcome, sealed) = match (seal.postponed_to, &seal.sealed) {
            (Some(_), _) => (DeliveryState::Scheduled, Some(AttemptOutcome::Postponed), None),
            (None, None) => (DeliveryState::Cancelled, Some(AttemptOutcome::Cancelled), None),
            (None, Some(sealed)) => (DeliveryState::Sending, None, Some(json(sealed))),
        };
        Self {
            id: seal.id.to_string(),
            fence: seal.fence,
            state: word(&state),
            sealed,
            not_before: seal.postponed_to.map(micros),
            outcome: outcome.as_ref().map(word),
        }
    }
}

/// What a settle changes.
#[derive(Debug, Serialize)]
#[allow(missing_docs)] // The columns are explained in the schema.
pub struct SettleRow {
    pub id: String,
    pub fence: i64,
    pub state: String,
    pub not_before: Option<i64>,
    pub reason: String,
    pub remote_id: Option<String>,
}

impl From<&Settle> for SettleRow {
    fn from(settle: &Settle) -> Self {
        Self {
            id: settle.id.to_string(),
            fence: settle.fence,
            state: word(&settle.state),
            not_before: settle.not_before.map(micros),
            reason: plain(&settle.reason),
            remote_id: settle.remote_id.as_deref().map(plain),
        }
    }
}

/// A row of `attempts`.
#[derive(Debug, FromRow)]
#[allow(missing_docs)] // The columns are explained in the schema.
pub struct AttemptRow {
    pub number: i64,
    pub claimed_at: i64,
    pub settled_at: Option<i64>,
    pub outcome: Option<String>,
    pub reason: Option<String>,
    pub remote_id: Option<String>,
}

impl TryFrom<AttemptRow> for Attempt {
    type Error = crate::store::StoreError;

    fn try_from(row: AttemptRow) -> Result<Self> {
        Ok(Self {
            number: number(row.number)?,
            claimed_at: instant(row.claimed_at)?,
            settled_at: maybe_instant(row.settled_at)?,
            outcome: row.outcome.as_deref().map(from_word).transpose()?,
            reason: row.reason,
            remote_id: row.remote_id,
        })
    }
}
