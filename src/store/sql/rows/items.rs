//! Rows of items, snapshots, cards and transitions.

use super::row;
use crate::core::card::{Transition, Watch};
use crate::core::item::{Item, ItemKey};
use crate::store::sql::{from_json, from_word, id, instant, json, maybe_instant, micros, number, plain, word};
use crate::store::{ItemRecord, ItemWrite, OpenCard, Result, Snapshot};

row! {
    /// An item's key.
    pub struct KeyRow {
        pub source: String,
        pub id: String,
    }
}

impl From<&ItemKey> for KeyRow {
    fn from(key: &ItemKey) -> Self {
        Self { source: plain(&key.source), id: plain(&key.id) }
    }
}

impl From<KeyRow> for ItemKey {
    fn from(row: KeyRow) -> Self {
        Self::new(row.source, row.id)
    }
}

row! {
    /// A row of `items`.
    pub struct ItemRow {
        pub source: String,
        pub id: String,
        pub digest: String,
        pub judged_under: String,
        pub version: i64,
        pub first_seen_at: i64,
        pub seen_at: i64,
        pub noticed_at: Option<i64>,
        pub next_look_at: Option<i64>,
        pub missing_polls: i64,
        pub left_at: Option<i64>,
        pub title: String,
        pub unit: Option<String>,
        pub item: String,
        pub rulings: String,
        pub watches: String,
    }
}

impl From<&ItemRecord> for ItemRow {
    /// The row to be written: its version is the next one.
    fn from(record: &ItemRecord) -> Self {
        let KeyRow { source, id } = (&record.item.key).into();
        Self {
            source,
            id,
            digest: record.digest.to_string(),
            judged_under: record.judged_under.to_string(),
            version: record.version + 1,
            first_seen_at: micros(record.first_seen_at),
            seen_at: micros(record.seen_at),
            noticed_at: record.noticed_at.map(micros),
            next_look_at: record.next_look_at.map(micros),
            missing_polls: record.missing_polls.into(),
            left_at: record.left_at.map(micros),
            title: plain(record.item.title()),
            unit: record.item.text("unit").map(plain),
            item: json(&record.item),
            rulings: json(&record.rulings),
            watches: json(&record.watches),
        }
    }
}

row! {
    /// An item as it is found, and whether there are remarks on it.
    pub struct LoadedRow {
        pub digest: String,
        pub judged_under: String,
        pub version: i64,
        pub first_seen_at: i64,
        pub seen_at: i64,
        pub noticed_at: Option<i64>,
        pub next_look_at: Option<i64>,
        pub missing_polls: i64,
        pub left_at: Option<i64>,
        pub item: String,
        pub rulings: String,
        pub watches: String,
        pub is_remarked: bool,
    }
}

impl TryFrom<LoadedRow> for ItemRecord {
    type Error = crate::store::StoreError;

    fn try_from(row: LoadedRow) -> Result<Self> {
        Ok(Self {
            item: from_json(&row.item)?,
            digest: id(&row.digest)?,
            first_seen_at: instant(row.first_seen_at)?,
            seen_at: instant(row.seen_at)?,
            rulings: from_json(&row.rulings)?,
            watches: from_json(&row.watches)?,
            noticed_at: maybe_instant(row.noticed_at)?,
            next_look_at: maybe_instant(row.next_look_at)?,
            // They stand in a table of their own.
            remarks: Vec::new(),
            judged_under: id(&row.judged_under)?,
            missing_polls: number(row.missing_polls)?,
            left_at: maybe_instant(row.left_at)?,
            version: row.version,
        })
    }
}

row! {
    /// What changes of an item whose snapshot and playbook are those that are stored.
    pub struct TouchRow {
        pub source: String,
        pub id: String,
        pub version: i64,
        pub seen_at: i64,
        pub noticed_at: Option<i64>,
        pub next_look_at: Option<i64>,
        pub missing_polls: i64,
        pub left_at: Option<i64>,
        pub rulings: Option<String>,
        pub watches: Option<String>,
    }
}

impl From<&ItemWrite> for TouchRow {
    /// The row to be written: its version is the next one.
    fn from(ItemWrite { record, kept, .. }: &ItemWrite) -> Self {
        let KeyRow { source, id } = (&record.item.key).into();
        Self {
            source,
            id,
            version: record.version + 1,
            seen_at: micros(record.seen_at),
            noticed_at: record.noticed_at.map(micros),
            next_look_at: record.next_look_at.map(micros),
            missing_polls: record.missing_polls.into(),
            left_at: record.left_at.map(micros),
            rulings: (!kept.rulings).then(|| json(&record.rulings)),
            watches: (!kept.watches).then(|| json(&record.watches)),
        }
    }
}

row! {
    /// An item as a turn finds it.
    pub struct StoredRow {
        pub source: String,
        pub id: String,
        pub version: i64,
        pub digest: String,
        pub judged_under: String,
    }
}

row! {
    /// A row of `snapshots`.
    pub struct SnapshotRow {
        pub source: String,
        pub item: String,
        pub seen_at: i64,
        pub digest: String,
        pub content: String,
    }
}

impl From<&ItemRecord> for SnapshotRow {
    fn from(record: &ItemRecord) -> Self {
        let KeyRow { source, id } = (&record.item.key).into();
        let content = json(&record.item);
        Self { source, item: id, seen_at: micros(record.seen_at), digest: record.digest.to_string(), content }
    }
}

impl TryFrom<SnapshotRow> for Snapshot {
    type Error = crate::store::StoreError;

    fn try_from(row: SnapshotRow) -> Result<Self> {
        let item: Item = from_json(&row.content)?;
        Ok(Self { seen_at: instant(row.seen_at)?, digest: id(&row.digest)?, item })
    }
}

row! {
    /// A row of `cards`.
    pub struct CardRow {
        pub card: String,
        pub source: String,
        pub item: String,
        pub rule: String,
        pub name: String,
        pub level: Option<String>,
        pub at: Option<i64>,
        pub episode: i64,
        pub number: i64,
    }
}

impl CardRow {
    /// The card that a watch remembers; none if it was never raised.
    pub fn of_watch(key: &ItemKey, watch: &Watch) -> Option<Self> {
        let KeyRow { source, id } = key.into();
        (watch.episode > 0).then(|| Self {
            card: watch.card.to_string(),
            source,
            item: id,
            rule: plain(&watch.rule),
            name: plain(&watch.name),
            level: watch.level.as_ref().map(word),
            at: watch.level.and(watch.at).map(micros),
            episode: watch.episode.into(),
            number: watch.number.into(),
        })
    }

    /// The card that a transition closed and no watch remembers any more.
    pub fn of_transition(key: &ItemKey, transition: &Transition) -> Option<Self> {
        let KeyRow { source, id } = key.into();
        (transition.episode > 0).then(|| Self {
            card: transition.card.to_string(),
            source,
            item: id,
            rule: plain(&transition.rule),
            name: plain(&transition.name),
            level: transition.to.as_ref().map(word),
            at: transition.to.map(|_| micros(transition.at)),
            episode: transition.episode.into(),
            number: transition.number.into(),
        })
    }
}

row! {
    /// An open card with its item's title and unit.
    pub struct OpenCardRow {
        pub card: String,
        pub source: String,
        pub item: String,
        pub title: String,
        pub unit: Option<String>,
        pub rule: String,
        pub name: String,
        pub level: String,
        pub at: i64,
        pub episode: i64,
    }
}

impl TryFrom<OpenCardRow> for OpenCard {
    type Error = crate::store::StoreError;

    fn try_from(row: OpenCardRow) -> Result<Self> {
        Ok(Self {
            card: crate::core::card::CardId(id(&row.card)?),
            item: ItemKey::new(row.source, row.item),
            title: row.title,
            unit: row.unit,
            rule: row.rule.into(),
            name: row.name.into(),
            level: from_word(&row.level)?,
            at: instant(row.at)?,
            episode: number(row.episode)?,
        })
    }
}

row! {
    /// A row of `transitions`.
    pub struct TransitionRow {
        pub card: String,
        pub number: i64,
        pub source: String,
        pub item: String,
        pub rule: String,
        pub name: String,
        pub episode: i64,
        pub change: String,
        pub from_level: Option<String>,
        pub to_level: Option<String>,
        pub at: i64,
        pub noticed_at: i64,
        pub reason: String,
        pub verdict: Option<String>,
        pub rule_version: String,
        pub calendar_version: String,
        pub ladder: Option<String>,
        pub unit: Option<String>,
    }
}

row! {
    /// A unit of which red cards are asked for.
    pub struct UnitRow {
        pub unit: String,
    }
}

impl TransitionRow {
    /// The row of an item's transition.
    pub fn new(item: &Item, transition: &Transition) -> Self {
        let KeyRow { source, id } = (&item.key).into();
        Self {
            card: transition.card.to_string(),
            number: transition.number.into(),
            source,
            item: id,
            rule: plain(&transition.rule),
            name: plain(&transition.name),
            episode: transition.episode.into(),
            change: word(&transition.change),
            from_level: transition.from.as_ref().map(word),
            to_level: transition.to.as_ref().map(word),
            at: micros(transition.at),
            noticed_at: micros(transition.noticed_at),
            reason: json(&transition.reason),
            verdict: transition.verdict.as_ref().map(word),
            rule_version: transition.rule_version.to_string(),
            calendar_version: transition.calendar_version.to_string(),
            ladder: transition.ladder.as_deref().map(plain),
            unit: item.text("unit").map(plain),
        }
    }
}

impl TryFrom<TransitionRow> for Transition {
    type Error = crate::store::StoreError;

    fn try_from(row: TransitionRow) -> Result<Self> {
        Ok(Self {
            card: crate::core::card::CardId(id(&row.card)?),
            rule: row.rule.into(),
            name: row.name.into(),
            episode: number(row.episode)?,
            number: number(row.number)?,
            change: from_word(&row.change)?,
            from: row.from_level.as_deref().map(from_word).transpose()?,
            to: row.to_level.as_deref().map(from_word).transpose()?,
            at: instant(row.at)?,
            noticed_at: instant(row.noticed_at)?,
            reason: from_json(&row.reason)?,
            verdict: row.verdict.as_deref().map(from_word).transpose()?,
            rule_version: id(&row.rule_version)?,
            calendar_version: id(&row.calendar_version)?,
            ladder: row.ladder.map(Into::into),
        })
    }
}
