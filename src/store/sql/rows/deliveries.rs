//! Rows of deliveries and of their tries.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::row;
use crate::core::Instant;
use crate::core::delivery::{DeliveryId, DeliveryState};
use crate::core::notice::{Hold, NoticeState, OpenDelivery};
use crate::store::admission::{Opening, Standing};
use crate::store::sql::{from_json, from_word, id, instant, json, maybe_instant, micros, number, plain, word};
use crate::store::{Attempt, AttemptOutcome, BadAddress, DeliveryRecord, GivenBack, Result, Seal, Settle, StoreError};

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
        pub claimed_at: Option<i64>,
        pub sealed_at: Option<i64>,
        pub settled_at: Option<i64>,
        pub reason: Option<String>,
        pub remote_id: Option<String>,
        pub receipt: Option<bool>,
        pub sealed: Option<String>,
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
            receipt: row.receipt,
        })
    }
}

impl DeliveryRow {
    /// The delivery as it stands once what stood here is claimed.
    #[must_use]
    pub fn claimed(self) -> Self {
        let state = DeliveryState::Sending.word().to_owned();
        Self { state, tries: self.tries + 1, fence: self.fence + 1, ..self }
    }
}

row! {
    /// A try that another followed, or may follow.
    pub struct PastAttemptRow {
        pub delivery: String,
        pub fence: i64,
        pub number: i64,
        pub claimed_at: i64,
        pub settled_at: i64,
        pub outcome: String,
    }
}

impl PastAttemptRow {
    /// The try of a delivery whose lease ran out, if that is why it is claimed again.
    pub fn lost(row: &DeliveryRow, now: Instant) -> Option<Self> {
        let claimed_at = row.claimed_at.filter(|_| row.state == DeliveryState::Sending.word())?;
        let (delivery, fence, number) = (row.id.clone(), row.fence, row.tries);
        let outcome = word(&AttemptOutcome::LeaseLost);
        Some(Self { delivery, fence, number, claimed_at, settled_at: micros(now), outcome })
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
        pub waits_for: Option<String>,
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
            waits_for: row.waits_for.as_deref().map(from_word).transpose()?,
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
    /// What a claim is about: a contact to be told, or a channel to be left out.
    pub struct ClaimableRow {
        pub contact: Option<String>,
        pub channel: Option<String>,
    }
}

impl ClaimableRow {
    /// The contacts, each once, and the channels.
    pub fn all(contacts: &[Arc<str>], channels: &[Arc<str>]) -> Vec<Self> {
        let contacts: BTreeSet<String> = contacts.iter().map(|contact| plain(contact)).collect();
        let contacts = contacts.into_iter().map(|contact| Self { contact: Some(contact), channel: None });
        let channels = channels.iter().map(|channel| Self { contact: None, channel: Some(plain(channel)) });
        contacts.chain(channels).collect()
    }
}

row! {
    /// A delivery that is given back.
    pub struct GivenBackRow {
        pub id: String,
        pub fence: i64,
        pub not_before: Option<i64>,
        pub waits_for: Option<String>,
    }
}

impl From<&GivenBack> for GivenBackRow {
    fn from(given: &GivenBack) -> Self {
        Self {
            id: given.id.to_string(),
            fence: given.fence,
            not_before: given.until.map(|(at, _)| micros(at)),
            waits_for: given.until.map(|(_, wait)| word(&wait)),
        }
    }
}

row! {
    /// A member that sealing drops, or holds until it can be planned again.
    pub struct DroppedRow {
        pub key: String,
        pub id: String,
        pub state: String,
        pub hold: String,
    }
}

impl DroppedRow {
    /// Those of one seal.
    pub fn all(seal: &Seal) -> impl Iterator<Item = Self> {
        let id = seal.id.to_string();
        let state = |hold: &Hold| if hold.is_lifted() { NoticeState::Held } else { NoticeState::Dropped };
        seal.dropped.iter().map(move |(key, hold)| Self {
            key: key.to_string(),
            id: id.clone(),
            state: word(&state(hold)),
            hold: json(hold),
        })
    }
}

row! {
    /// What a delivery says.
    pub struct SealRow {
        pub delivery: String,
        pub content: String,
    }
}

impl SealRow {
    /// What a seal fixes, if the delivery is to be sent.
    pub fn new(seal: &Seal) -> Option<Self> {
        let content = seal.sealed.as_ref().filter(|_| seal.is_said())?.text().to_owned();
        Some(Self { delivery: seal.id.to_string(), content })
    }
}

row! {
    /// What sealing changes of a delivery that is not sent now.
    pub struct UnsaidRow {
        pub id: String,
        pub fence: i64,
        pub state: String,
        pub not_before: Option<i64>,
        pub waits_for: Option<String>,
        pub outcome: String,
    }
}

impl From<&Seal> for UnsaidRow {
    fn from(seal: &Seal) -> Self {
        let (state, outcome) = match seal.postponed_to {
            Some(_) => (DeliveryState::Scheduled, AttemptOutcome::Postponed),
            None => (DeliveryState::Cancelled, AttemptOutcome::Cancelled),
        };
        Self {
            id: seal.id.to_string(),
            fence: seal.fence,
            state: word(&state),
            not_before: seal.postponed_to.map(|(at, _)| micros(at)),
            waits_for: seal.postponed_to.and_then(|(_, wait)| wait).as_ref().map(word),
            outcome: word(&outcome),
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

row! {
    /// Who a delivery goes to.
    pub struct AddresseeRow {
        pub id: String,
        pub contact: String,
        pub channel: String,
    }
}

row! {
    /// A row of `bad_addresses`.
    pub struct BadAddressRow {
        pub contact: String,
        pub channel: String,
        pub address: String,
        pub at: i64,
        pub reason: String,
    }
}

impl TryFrom<BadAddressRow> for BadAddress {
    type Error = StoreError;

    fn try_from(row: BadAddressRow) -> Result<Self> {
        Ok(Self {
            contact: row.contact.into(),
            channel: row.channel.into(),
            address: row.address,
            at: instant(row.at)?,
            reason: row.reason,
        })
    }
}

row! {
    /// A message that a peer says something about.
    pub struct MessageRow {
        pub channel: String,
        pub remote_id: String,
    }
}

row! {
    /// What a peer said about a delivery.
    pub struct ReceiptRow {
        pub id: String,
        pub delivered: bool,
        pub reason: String,
    }
}

row! {
    /// A question for counted sends of a channel to a contact.
    pub struct SendsRow {
        pub question: i64,
        pub channel: String,
        pub contact: String,
        pub after: i64,
        pub before: i64,
        pub skip: i64,
        pub few: i64,
    }
}

row! {
    /// A row of `sends`.
    pub struct SendRow {
        pub channel: String,
        pub contact: String,
        pub at: i64,
    }
}
