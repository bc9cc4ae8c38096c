//! Reading items, their snapshots and their transitions.

use std::collections::HashMap;
use std::sync::Arc;

use super::remarks;
use super::rows::{IdRow, KeyRow, LoadedRow, SnapshotRow, TransitionRow, UnitRow};
use super::session::{Given, Session};
use super::{cut, from_word, id, limit as rows, maybe_instant, micros, number, plain, unreadable, values};
use crate::core::Instant;
use crate::core::card::{CardId, Transition};
use crate::core::digest::Digest;
use crate::core::item::ItemKey;
use crate::core::window::Level;
use crate::store::{ItemRecord, Result, Snapshot};

pub async fn digests(
    session: &mut impl Session,
    source: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<(Arc<str>, Digest, u32)>> {
    let given = [Given::Text(plain(source)), after.map(plain).into(), rows(limit)];
    let found: Vec<(Option<String>,)> = session.select(DIGESTS, &given).await?;
    let (mut page, mut digests) = (found.first().and_then(|(page,)| page.as_deref()).unwrap_or_default(), Vec::new());
    while !page.is_empty() {
        let (one, rest) = remembered(page).ok_or_else(|| unreadable("a page of digests", "an item", cut(page)))?;
        digests.push((one.0.into(), id(one.1)?, one.2));
        page = rest;
    }
    Ok(digests)
}

/// The first item of a page, and the rest of it.
fn remembered(page: &str) -> Option<((&str, &str, u32), &str)> {
    const DIGITS: usize = 32;
    let (digest, rest) = page.split_at_checked(DIGITS)?;
    let (missing, rest) = rest.split_once(' ')?;
    let (bytes, rest) = rest.split_once(' ')?;
    let (item, rest) = rest.split_at_checked(bytes.parse().ok()?)?;
    Some(((item, digest, missing.parse().ok()?), rest))
}

// A page is one text: a client spends more on a row than on what stands in it. No text sorts before the empty one.
pub const DIGESTS: &str = "
    SELECT string_agg(line, '') FROM (
        SELECT digest || missing_polls || ' ' || octet_length(id) || ' ' || id AS line FROM items
        WHERE source = $1 AND id >= coalesce($2, '') AND id IS DISTINCT FROM $2 ORDER BY id LIMIT $3
    ) AS page";

pub async fn stale_items(session: &mut impl Session, playbook: Digest, limit: usize) -> Result<Vec<ItemKey>> {
    let found: Vec<KeyRow> = session.select(STALE_ITEMS, &[playbook.to_string().into(), rows(limit)]).await?;
    Ok(found.into_iter().map(ItemKey::from).collect())
}

// Two ranges of the index: "other than" would read all of it.
pub const STALE_ITEMS: &str = "
    SELECT source, id FROM items WHERE judged_under < $1
    UNION ALL
    SELECT source, id FROM items WHERE judged_under > $1
    LIMIT $2";

pub async fn due_items(
    session: &mut impl Session,
    source: Option<&str>,
    now: Instant,
    limit: usize,
) -> Result<Vec<ItemKey>> {
    let found: Vec<KeyRow> = match source {
        None => session.select(DUE_ITEMS, &[micros(now).into(), rows(limit)]).await?,
        Some(source) => session.select(DUE_ITEMS_OF, &[micros(now).into(), rows(limit), plain(source).into()]).await?,
    };
    Ok(found.into_iter().map(ItemKey::from).collect())
}

pub const DUE_ITEMS: &str = "
    SELECT source, id FROM items WHERE next_look_at <= $1 ORDER BY next_look_at, source, id LIMIT $2";

pub const DUE_ITEMS_OF: &str = "
    SELECT source, id FROM items WHERE next_look_at <= $1 AND source = $3 ORDER BY next_look_at, source, id LIMIT $2";

pub async fn next_look_at(session: &mut impl Session, source: Option<&str>) -> Result<Option<Instant>> {
    let found: Vec<(Option<i64>,)> = match source {
        None => session.select(NEXT_LOOK_AT, &[]).await?,
        Some(source) => session.select(NEXT_LOOK_AT_OF, &[plain(source).into()]).await?,
    };
    maybe_instant(found.first().and_then(|(at,)| *at))
}

pub const NEXT_LOOK_AT: &str = "
    SELECT min(next_look_at) FROM items WHERE next_look_at IS NOT NULL";

pub const NEXT_LOOK_AT_OF: &str = "
    SELECT min(next_look_at) FROM items WHERE next_look_at IS NOT NULL AND source = $1";

pub async fn load(session: &mut impl Session, items: &[ItemKey]) -> Result<Vec<ItemRecord>> {
    let found: Vec<LoadedRow> = session.look_up(LOAD, items.iter().map(KeyRow::from)).await?;
    let mut remarked = Vec::new();
    let mut records = Vec::with_capacity(found.len());
    for row in found {
        let is_remarked = row.is_remarked;
        let record = ItemRecord::try_from(row)?;
        remarked.extend(is_remarked.then(|| KeyRow::from(&record.item.key)));
        records.push(record);
    }
    remarks::add(session, &mut records, remarked).await?;
    let asked: HashMap<&ItemKey, usize> = items.iter().zip(0..).collect();
    records.sort_by_key(|record| asked.get(&record.item.key));
    Ok(records)
}

pub const LOAD: &str = "
    SELECT i.digest, i.judged_under, i.version, i.first_seen_at, i.seen_at, i.noticed_at, i.next_look_at,
           i.missing_polls, i.left_at, i.item, i.rulings, i.watches,
           EXISTS (SELECT 1 FROM remarks AS m WHERE m.source = i.source AND m.item = i.id) AS is_remarked
    FROM r CROSS JOIN items AS i WHERE i.source = r.source AND i.id = r.id";

pub async fn find_items(session: &mut impl Session, id: &str) -> Result<Vec<ItemKey>> {
    let found: Vec<KeyRow> = session.select(FIND_ITEMS, &[plain(id).into()]).await?;
    Ok(found.into_iter().map(ItemKey::from).collect())
}

// One step of the index for each source.
pub const FIND_ITEMS: &str = "
    WITH RECURSIVE names (source) AS (
        SELECT min(source) FROM items
        UNION ALL
        SELECT (SELECT min(source) FROM items WHERE items.source > names.source) FROM names
        WHERE names.source IS NOT NULL
    )
    SELECT i.source, i.id FROM names CROSS JOIN items AS i WHERE i.source = names.source AND i.id = $1
    ORDER BY i.source";

pub async fn item_of(session: &mut impl Session, card: CardId) -> Result<Option<ItemKey>> {
    let found: Vec<(String, String)> = session.select(ITEM_OF, &[card.to_string().into()]).await?;
    Ok(found.into_iter().next().map(|(source, id)| ItemKey::new(source, id)))
}

pub const ITEM_OF: &str = "SELECT source, item FROM cards WHERE card = $1";

pub async fn standing(session: &mut impl Session, cards: &[CardId]) -> Result<Vec<(CardId, u32, Option<Level>)>> {
    let found = session.look_up::<(String, i64, Option<String>), _>(STANDING, IdRow::all(cards)).await?;
    let stands = |(card, episode, level): (String, i64, Option<String>)| {
        Ok((CardId(id(&card)?), number(episode)?, level.as_deref().map(from_word).transpose()?))
    };
    found.into_iter().map(stands).collect()
}

pub const STANDING: &str = "
    SELECT c.card, c.episode, c.level FROM r CROSS JOIN cards AS c WHERE c.card = r.id";

pub async fn transitions(session: &mut impl Session, item: &ItemKey) -> Result<Vec<Transition>> {
    let KeyRow { source, id } = item.into();
    values(session.select::<TransitionRow>(TRANSITIONS, &[source.into(), id.into()]).await?)
}

pub const TRANSITIONS: &str = "
    SELECT card, number, source, item, rule, name, episode, change, from_level, to_level, at, noticed_at, reason,
           verdict, rule_version, calendar_version, ladder, unit
    FROM transitions WHERE source = $1 AND item = $2 ORDER BY noticed_at, seq";

pub async fn histories(session: &mut impl Session, items: &[ItemKey]) -> Result<Vec<(ItemKey, Transition)>> {
    let mut found = Vec::new();
    for row in session.look_up::<TransitionRow, _>(HISTORIES, items.iter().map(KeyRow::from)).await? {
        let key = ItemKey::new(row.source.as_str(), row.item.as_str());
        found.push((key, Transition::try_from(row)?));
    }
    // They come batch by batch.
    let asked: HashMap<&ItemKey, usize> = items.iter().zip(0..).collect();
    found.sort_by_key(|(key, transition)| (asked.get(key).copied(), transition.noticed_at));
    Ok(found)
}

pub const HISTORIES: &str = "
    SELECT t.card, t.number, t.source, t.item, t.rule, t.name, t.episode, t.change, t.from_level, t.to_level, t.at,
           t.noticed_at, t.reason, t.verdict, t.rule_version, t.calendar_version, t.ladder, t.unit
    FROM r CROSS JOIN transitions AS t WHERE t.source = r.source AND t.item = r.id ORDER BY t.seq";

pub async fn reds(
    session: &mut impl Session,
    units: &[Arc<str>],
    since: Instant,
    most: usize,
) -> Result<Vec<(Arc<str>, CardId, u32)>> {
    let given = [micros(since).into(), rows(most)];
    let units = units.iter().map(|unit| UnitRow { unit: plain(unit) }).collect();
    let mut found = Vec::new();
    for (unit, cards) in session.select_over::<(String, Option<String>), _>(REDS, &given, units).await? {
        let (unit, cards) = (Arc::from(unit), cards.unwrap_or_default());
        for line in cards.split_ascii_whitespace() {
            let (card, episode) = line.split_once('.').unwrap_or_default();
            let episode = episode.parse().map_err(|_| unreadable("an episode that turned red", "a number", line))?;
            found.push((Arc::clone(&unit), CardId(id(card)?), episode));
        }
    }
    Ok(found)
}

// The first red of an episode is its own; and it is enough to see some more than a ladder waits for.
pub const REDS: &str = "
    SELECT r.unit, (SELECT string_agg(red.card || '.' || red.episode, ' ') FROM (
        SELECT t.card, t.episode FROM transitions AS t
        WHERE t.unit = r.unit AND t.at >= $1 AND t.change = 'raise' AND t.to_level = 'red'
          AND NOT EXISTS (
              SELECT 1 FROM transitions AS o
              WHERE o.source = t.source AND o.item = t.item AND o.card = t.card AND o.episode = t.episode
                AND (o.change = 'revoke' OR o.change = 'raise' AND o.to_level = 'red' AND o.number < t.number))
        ORDER BY t.at LIMIT $2
    ) AS red) AS cards
    FROM r";

pub async fn snapshots(session: &mut impl Session, item: &ItemKey) -> Result<Vec<Snapshot>> {
    let KeyRow { source, id } = item.into();
    values(session.select::<SnapshotRow>(SNAPSHOTS, &[source.into(), id.into()]).await?)
}

pub const SNAPSHOTS: &str = "
    SELECT source, item, seen_at, digest, content FROM snapshots WHERE source = $1 AND item = $2 ORDER BY seq";
