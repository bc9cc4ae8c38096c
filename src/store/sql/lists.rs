//! Lists and numbers: notices, deliveries, cards.

use std::sync::Arc;

use super::rows::{AttemptRow, DeliveryRow, IdRow, KeyRow, NoticeRow, OpenCardRow, OpenDeliveryRow};
use super::session::{Given, Session};
use super::{json, limit as rows, plain, values};
use crate::core::delivery::DeliveryId;
use crate::core::item::ItemKey;
use crate::core::notice::{Hold, Notice, OpenDelivery};
use crate::store::{Attempt, Counts, DeliveryFilter, DeliveryRecord, OpenCard, Result};

pub async fn notices_about(session: &mut impl Session, items: &[ItemKey]) -> Result<Vec<Notice>> {
    let found: Vec<NoticeRow> = session.look_up(NOTICES_ABOUT, items.iter().map(KeyRow::from)).await?;
    let mut found: Vec<Notice> = values(found)?;
    found.sort_by_key(|notice| notice.planned_at);
    Ok(found)
}

pub const NOTICES_ABOUT: &str = r#"
    SELECT n."key", n.kind, n.card, n.source, n.item, n.episode, n.number, n.level, n.step, n.ordinal, n.contact,
           n.channel, n.planned_at, n.rehearsal, n.state, n.hold, n.delivery, n.change, n.body, n.because, n.settled_at
    FROM r CROSS JOIN notices AS n WHERE n.source = r.source AND n.item = r.id AND n.card IS NOT NULL
    ORDER BY n.planned_at, n.seq"#;

pub async fn open_deliveries(session: &mut impl Session, contacts: &[Arc<str>]) -> Result<Vec<OpenDelivery>> {
    let contacts = IdRow::all(contacts.iter().map(|contact| plain(contact)));
    values(session.look_up::<OpenDeliveryRow, _>(OPEN_DELIVERIES, contacts).await?)
}

pub const OPEN_DELIVERIES: &str = "
    SELECT d.id, d.contact, d.channel, d.not_before, d.waits_for, d.rehearsal
    FROM r CROSS JOIN deliveries AS d
    WHERE d.contact = r.id AND d.claim_at IS NOT NULL
        AND d.state IN ('scheduled', 'available') AND d.sealed_at IS NULL
    ORDER BY d.opened_at, d.id";

/// The columns of a [`DeliveryRow`], of `deliveries` under the name that it has in the statement.
macro_rules! columns {
    ($of:literal) => {
        $crate::store::sql::lists::columns!($of: id contact channel state not_before waits_for opened_at tries rehearsal
            fence claimed_at sealed_at settled_at reason remote_id receipt)
    };
    ($of:literal: $($column:ident)+) => {
        concat!(
            $($of, ".", stringify!($column), ", ",)+
            "CASE WHEN ", $of, ".sealed_at IS NOT NULL THEN (SELECT content FROM seals WHERE delivery = ", $of,
            ".id) END AS sealed"
        )
    };
}

macro_rules! records {
    ($rest:literal) => {
        concat!("SELECT ", $crate::store::sql::lists::columns!("deliveries"), " FROM deliveries ", $rest)
    };
}

pub(in crate::store) use {columns, records};

// One statement for each index.
pub const DELIVERIES_SETTLED: &str = records!(
    "WHERE settled_at IS NOT NULL AND state = $1 AND ($2 IS NULL OR contact = $2) ORDER BY opened_at DESC, id LIMIT $3"
);
pub const DELIVERIES_WAITING: &str = records!(
    "WHERE claim_at IS NOT NULL AND state = $1 AND ($2 IS NULL OR contact = $2) ORDER BY opened_at DESC, id LIMIT $3"
);
pub const DELIVERIES_BY_CONTACT: &str =
    records!("WHERE $1 IS NULL AND contact = $2 ORDER BY opened_at DESC, id LIMIT $3");
pub const DELIVERIES_BY_TIME: &str = records!("WHERE $1 IS NULL AND $2 IS NULL ORDER BY opened_at DESC, id LIMIT $3");
pub const DELIVERIES_BY_ID: &str = records!("WHERE id >= $1 AND id < $1 || 'g' ORDER BY id LIMIT 10");

pub async fn deliveries(session: &mut impl Session, filter: &DeliveryFilter) -> Result<Vec<DeliveryRecord>> {
    let statement = match (filter.state, &filter.contact) {
        (Some(state), _) if state.is_settled() => DELIVERIES_SETTLED,
        (Some(_), _) => DELIVERIES_WAITING,
        (None, Some(_)) => DELIVERIES_BY_CONTACT,
        (None, None) => DELIVERIES_BY_TIME,
    };
    let state = filter.state.map(|state| state.word().to_owned());
    let given = [Given::Maybe(state), filter.contact.as_deref().map(plain).into(), rows(filter.limit)];
    values(session.select::<DeliveryRow>(statement, &given).await?)
}

pub async fn delivery(session: &mut impl Session, beginning: &str) -> Result<Vec<(DeliveryRecord, Vec<Notice>)>> {
    let beginning = beginning.to_ascii_lowercase();
    if beginning.is_empty() || !beginning.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Vec::new());
    }
    let found: Vec<DeliveryRow> = session.select(DELIVERIES_BY_ID, &[beginning.into()]).await?;
    let mut with_notices = Vec::with_capacity(found.len());
    for row in found {
        let notices = session.select::<NoticeRow>(NOTICES_OF, &[row.id.clone().into()]).await?;
        with_notices.push((row.try_into()?, values(notices)?));
    }
    Ok(with_notices)
}

pub const NOTICES_OF: &str = r#"
    SELECT "key", kind, card, source, item, episode, number, level, step, ordinal, contact, channel, planned_at,
           rehearsal, state, hold, delivery, change, body, because, settled_at
    FROM notices WHERE delivery = $1 ORDER BY planned_at, seq"#;

pub async fn attempts(session: &mut impl Session, id: DeliveryId) -> Result<Vec<Attempt>> {
    values(session.select::<AttemptRow>(ATTEMPTS, &[id.to_string().into()]).await?)
}

pub const ATTEMPTS: &str = "
    SELECT number, claimed_at, settled_at, outcome, reason, remote_id FROM attempts WHERE delivery = $1 ORDER BY fence";

pub async fn held_notices(session: &mut impl Session, hold: &Hold, limit: usize) -> Result<Vec<Notice>> {
    values(session.select::<NoticeRow>(HELD_NOTICES, &[json(hold).into(), rows(limit)]).await?)
}

pub const HELD_NOTICES: &str = r#"
    SELECT "key", kind, card, source, item, episode, number, level, step, ordinal, contact, channel, planned_at,
           rehearsal, state, hold, delivery, change, body, because, settled_at
    FROM notices WHERE state = 'held' AND hold = $1 ORDER BY planned_at, seq LIMIT $2"#;

pub async fn open_cards(session: &mut impl Session, limit: usize) -> Result<Vec<OpenCard>> {
    values(session.select::<OpenCardRow>(OPEN_CARDS, &[rows(limit)]).await?)
}

// 'red' sorts before 'yellow'.
pub const OPEN_CARDS: &str = "
    SELECT c.card, c.source, c.item, i.title, i.unit, c.rule, c.name, c.level, c.at, c.episode
    FROM cards AS c CROSS JOIN items AS i
    WHERE i.source = c.source AND i.id = c.item AND c.level IS NOT NULL
    ORDER BY c.level, c.at, c.card LIMIT $1";

pub async fn counts(session: &mut impl Session) -> Result<Counts> {
    let found: Vec<(String, i64)> = session.select(COUNTS, &[]).await?;
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
            "waiting" => counts.waiting = number,
            _ => {}
        }
    }
    Ok(counts)
}

pub const COUNTS: &str = "
    SELECT 'items', count(*) FROM items
    UNION ALL SELECT level, count(*) FROM cards WHERE level IS NOT NULL GROUP BY level
    UNION ALL SELECT 'waiting', count(*) FROM deliveries WHERE claim_at IS NOT NULL
    UNION ALL SELECT state, count(*) FROM deliveries WHERE settled_at IS NOT NULL GROUP BY state";
