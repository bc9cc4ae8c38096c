//! Rows of what persons put down: silences and acknowledgements.

use super::row;
use crate::core::acknowledgement::Acknowledgement;
use crate::core::card::CardId;
use crate::core::silence::Silence;
use crate::store::sql::{from_json, from_word, id, instant, json, maybe_instant, micros, number, plain, word};
use crate::store::{Result, StoreError};

row! {
    /// A row of `silences`.
    pub struct SilenceRow {
        pub id: String,
        pub matcher: String,
        pub starts_at: i64,
        pub ends_at: i64,
        pub by: String,
        pub comment: String,
        pub created_at: i64,
        pub ended_by: Option<String>,
        pub lifted_at: Option<i64>,
    }
}

impl From<&Silence> for SilenceRow {
    fn from(silence: &Silence) -> Self {
        Self {
            id: silence.id.to_string(),
            matcher: json(&silence.matcher),
            starts_at: micros(silence.starts_at),
            ends_at: micros(silence.ends_at),
            by: plain(&silence.by),
            comment: plain(&silence.comment),
            created_at: micros(silence.created_at),
            ended_by: silence.ended_by.as_deref().map(plain),
            lifted_at: silence.lifted_at.map(micros),
        }
    }
}

impl TryFrom<SilenceRow> for Silence {
    type Error = StoreError;

    fn try_from(row: SilenceRow) -> Result<Self> {
        Ok(Self {
            id: id(&row.id)?,
            matcher: from_json(&row.matcher)?,
            starts_at: instant(row.starts_at)?,
            ends_at: instant(row.ends_at)?,
            by: row.by,
            comment: row.comment,
            created_at: instant(row.created_at)?,
            ended_by: row.ended_by,
            lifted_at: maybe_instant(row.lifted_at)?,
        })
    }
}

row! {
    /// A row of `acknowledgements`.
    pub struct AcknowledgementRow {
        pub card: String,
        pub episode: i64,
        pub level: String,
        pub step: i64,
        pub contact: String,
        pub by: String,
        pub via: String,
        pub at: i64,
    }
}

impl From<&Acknowledgement> for AcknowledgementRow {
    fn from(taken: &Acknowledgement) -> Self {
        Self {
            card: taken.card.to_string(),
            episode: taken.episode.into(),
            level: word(&taken.level),
            step: taken.step.into(),
            contact: plain(&taken.contact),
            by: plain(&taken.by),
            via: word(&taken.via),
            at: micros(taken.at),
        }
    }
}

impl TryFrom<AcknowledgementRow> for Acknowledgement {
    type Error = StoreError;

    fn try_from(row: AcknowledgementRow) -> Result<Self> {
        Ok(Self {
            card: CardId(id(&row.card)?),
            episode: number(row.episode)?,
            level: from_word(&row.level)?,
            step: number(row.step)?,
            contact: row.contact.into(),
            by: row.by,
            via: from_word(&row.via)?,
            at: instant(row.at)?,
        })
    }
}
