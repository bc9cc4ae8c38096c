//! Rows of notices.

use super::row;
use crate::core::card::CardId;
use crate::core::item::ItemKey;
use crate::core::notice::Notice;
use crate::store::Result;
use crate::store::sql::{from_json, from_word, id, instant, json, maybe_instant, micros, number, plain, word};

row! {
    /// A row of `notices`.
    pub struct NoticeRow {
        pub key: String,
        pub kind: String,
        pub card: Option<String>,
        pub source: Option<String>,
        pub item: Option<String>,
        pub episode: i64,
        pub number: i64,
        pub level: Option<String>,
        pub step: i64,
        pub ordinal: i64,
        pub contact: String,
        pub channel: String,
        pub planned_at: i64,
        pub rehearsal: bool,
        pub state: String,
        pub hold: Option<String>,
        pub delivery: Option<String>,
        pub change: Option<String>,
        pub body: Option<String>,
        pub because: String,
        pub settled_at: Option<i64>,
    }
}

impl From<&Notice> for NoticeRow {
    fn from(notice: &Notice) -> Self {
        Self {
            key: notice.key.to_string(),
            kind: word(&notice.kind),
            card: notice.card.map(|card| card.to_string()),
            source: notice.item.as_ref().map(|item| plain(&item.source)),
            item: notice.item.as_ref().map(|item| plain(&item.id)),
            episode: notice.episode.into(),
            number: notice.number.into(),
            level: notice.level.as_ref().map(word),
            step: notice.step.into(),
            ordinal: notice.ordinal.into(),
            contact: plain(&notice.contact),
            channel: plain(&notice.channel),
            planned_at: micros(notice.planned_at),
            rehearsal: notice.rehearsal,
            state: word(&notice.state),
            hold: notice.hold.as_ref().map(json),
            delivery: notice.delivery.map(|delivery| delivery.to_string()),
            change: notice.change.as_ref().map(json),
            body: notice.body.as_ref().map(json),
            because: json(&notice.because),
            settled_at: notice.settled_at.map(micros),
        }
    }
}

row! {
    /// Where a notice goes that says what it said before.
    pub struct AgainRow {
        pub key: String,
        pub planned_at: i64,
        pub state: String,
        pub hold: Option<String>,
        pub delivery: Option<String>,
    }
}

impl From<&Notice> for AgainRow {
    fn from(notice: &Notice) -> Self {
        Self {
            key: notice.key.to_string(),
            planned_at: micros(notice.planned_at),
            state: word(&notice.state),
            hold: notice.hold.as_ref().map(json),
            delivery: notice.delivery.map(|delivery| delivery.to_string()),
        }
    }
}

impl TryFrom<NoticeRow> for Notice {
    type Error = crate::store::StoreError;

    fn try_from(row: NoticeRow) -> Result<Self> {
        Ok(Self {
            key: id(&row.key)?,
            kind: from_word(&row.kind)?,
            card: row.card.as_deref().map(id).transpose()?.map(CardId),
            item: row.source.zip(row.item).map(|(source, id)| ItemKey::new(source, id)),
            episode: number(row.episode)?,
            number: number(row.number)?,
            level: row.level.as_deref().map(from_word).transpose()?,
            step: number(row.step)?,
            ordinal: number(row.ordinal)?,
            contact: row.contact.into(),
            channel: row.channel.into(),
            planned_at: instant(row.planned_at)?,
            rehearsal: row.rehearsal,
            state: from_word(&row.state)?,
            hold: row.hold.as_deref().map(from_json).transpose()?,
            delivery: row.delivery.as_deref().map(id).transpose()?,
            change: row.change.as_deref().map(from_json).transpose()?,
            body: row.body.as_deref().map(from_json).transpose()?,
            because: from_json(&row.because)?,
            settled_at: maybe_instant(row.settled_at)?,
        })
    }
}
