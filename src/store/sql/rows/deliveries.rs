//! Rows of deliveries and of their tries.

use super::row;
use crate::core::delivery::{DeliveryId, DeliveryState};
use crate::core::notice::OpenDelivery;
use crate::store::admission::{Opening, Standing};
use crate::store::sql::{from_json, from_word, id, instant, json, maybe_instant, micros, number, plain, word};
use crate::store::{Attempt, AttemptOutcome, DeliveryRecord, Result, Seal, Settle, StoreError};

row! {
    /// A row of `deliveries`.
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
}

impl TryFrom<DeliveryRow> for DeliveryRecord {
    type Error = StoreError;

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

row! {
    /// A delivery as a turn opens, reopens or joins it.
    pub struct OpeningRow {
        pub id: String,
        pub contact: String,
        pub channel: String,
        pub state: String,
        pub not_before: i64,
        pub waits_for: Option<String>,
        pub opened_at: i64,
        pub rehearsal: bool,
    }
}

impl From<&Opening> for OpeningRow {
    fn from(opening: &Opening) -> Self {
        Self {
            id: opening.id.to_string(),
            contact: plain(&opening.contact),
            channel: plain(&opening.channel),
            state: word(&opening.state),
            not_before: micros(opening.not_before),
            waits_for: opening.waits_for.as_ref().map(word),
            opened_at: micros(opening.opened_at),
            rehearsal: opening.rehearsal,
        }
    }
}

row! {
    /// A delivery that a turn names.
    pub struct StandingRow {
        pub id: String,
        pub contact: String,
        pub channel: String,
        pub state: String,
        pub is_sealed: bool,
        pub rehearsal: bool,
        pub not_before: i64,
        pub waits_for: Option<String>,
        pub opened_at: i64,
    }
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

row! {
    /// A delivery that can still be joined.
    pub struct OpenDeliveryRow {
        pub id: String,
        pub contact: String,
        pub channel: String,
        pub not_before: i64,
        pub rehearsal: bool,
    }
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

row! {
    /// A lease that somebody says to hold.
    pub struct LeaseRow {
        pub id: String,
        pub fence: i64,
    }
}

impl LeaseRow {
    /// The lease of a delivery.
    pub fn new(id: DeliveryId, fence: i64) -> Self {
        Self { id: id.to_string(), fence }
    }
}

row! {
    /// A member that sealing drops.
    pub struct DroppedRow {
        pub key: String,
        pub id: String,
        pub hold: String,
    }
}

impl DroppedRow {
    /// Those of one seal.
    pub fn all(seal: &Seal) -> impl Iterator<Item = Self> {
        let id = seal.id.to_string();
        seal.dropped.iter().map(move |(key, hold)| Self { key: key.to_string(), id: id.clone(), hold: json(hold) })
    }
}

row! {
    /// What a seal changes.
    pub struct SealRow {
        pub id: String,
        pub fence: i64,
        pub state: String,
        pub sealed: Option<String>,
        pub not_before: Option<i64>,
        pub outcome: Option<String>,
    }
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

row! {
    /// What a settle changes.
    pub struct SettleRow {
        pub id: String,
        pub fence: i64,
        pub state: String,
        pub not_before: Option<i64>,
        pub reason: String,
        pub remote_id: Option<String>,
    }
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

row! {
    /// A row of `attempts`.
    pub struct AttemptRow {
        pub number: i64,
        pub claimed_at: i64,
        pub settled_at: Option<i64>,
        pub outcome: Option<String>,
        pub reason: Option<String>,
        pub remote_id: Option<String>,
    }
}

impl TryFrom<AttemptRow> for Attempt {
    type Error = StoreError;

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
