//! Committing a turn.

use std::collections::{HashMap, HashSet};

use super::rows::{
    AgainRow, CardRow, IdRow, ItemRow, KeyRow, NoticeRow, OpeningRow, RemarkRow, SnapshotRow, StandingRow, StoredRow,
    TouchRow, TransitionRow,
};
use super::session::{Engine, Session};
use super::{audit, enter, from_word, id, orders, plain, playbooks, receipts, remarks};
use crate::core::card::CardId;
use crate::core::digest::Digest;
use crate::core::item::ItemKey;
use crate::core::notice::Notice;
use crate::store::admission::{Admitted, Known, admit, missing_deliveries, numbers, planned};
use crate::store::{Committed, ItemRecord, ItemWrite, Result, StoreError, Turn};

pub async fn commit<E: Engine>(session: &mut E::Session, turn: &Turn) -> Result<Committed> {
    enter::<E>(session, SOURCES, sources(turn)).await?;
    check_playbook::<E>(session, turn).await?;
    let (known, contents) = known(session, turn).await?;
    let admitted = admit(turn, &known);
    put_items(session, &admitted.items, &contents).await?;
    orders::put(session, admitted.items.iter().filter_map(|item| item.order.as_deref())).await?;
    put_notices(session, &admitted, &known).await?;
    receipts::report(session, admitted.reported).await?;
    for (schedule, at) in &turn.fired {
        playbooks::fired(session, schedule, *at).await?;
    }
    audit::append(session, admitted.acts).await?;
    session.nudge();
    Ok(admitted.committed)
}

/// What sources and not channels are entered for.
const SOURCES: i64 = 137;

/// The sources that a turn writes about; the empty one stands for what belongs to none.
fn sources(turn: &Turn) -> Vec<String> {
    let of_items = turn.items.iter().map(|item| plain(&item.record.item.key.source));
    of_items.chain((!turn.notices.is_empty()).then(String::new)).collect()
}

async fn check_playbook<E: Engine>(session: &mut E::Session, turn: &Turn) -> Result<()> {
    let Some(planned_under) = turn.playbook else { return Ok(()) };
    let in_force: Vec<(String,)> = session.select(E::IN_FORCE, &[]).await?;
    let in_force = in_force.first().map(|(version,)| id(version)).transpose()?;
    if in_force == Some(planned_under) { Ok(()) } else { Err(StoreError::OtherPlaybook(in_force)) }
}

/// The snapshot and the playbook of each stored item.
type Contents = HashMap<ItemKey, (Digest, Digest)>;

/// Looks up what the store holds of what the turn names.
async fn known(session: &mut impl Session, turn: &Turn) -> Result<(Known, Contents)> {
    let mut known = Known::default();
    let contents = stored(session, turn, &mut known).await?;
    known.numbers.extend(orders::numbered(session, numbers(turn)).await?);
    let keys = planned(turn).map(|planned| IdRow { id: planned.notice.key.to_string() });
    for (key, state) in session.look_up::<(String, String), _>(NOTICE_STATES, keys).await? {
        known.notices.insert(id(&key)?, from_word(&state)?);
    }
    loop {
        let missing = missing_deliveries(turn, &known);
        if missing.is_empty() {
            return Ok((known, contents));
        }
        known.deliveries.extend(missing.iter().map(|id| (*id, None)));
        for row in session.lock::<StandingRow, _>(STANDINGS, IdRow::all(missing)).await? {
            known.deliveries.insert(id(&row.id)?, Some(row.try_into()?));
        }
    }
}

async fn stored(session: &mut impl Session, turn: &Turn, known: &mut Known) -> Result<Contents> {
    let keys = turn.items.iter().map(|item| KeyRow::from(&item.record.item.key));
    let found: Vec<StoredRow> = session.look_up(STORED, keys).await?;
    let mut contents = HashMap::with_capacity(found.len());
    for row in found {
        let key = ItemKey::new(row.source, row.id);
        known.versions.insert(key.clone(), row.version);
        contents.insert(key, (id(&row.digest)?, id(&row.judged_under)?));
    }
    Ok(contents)
}

pub const STORED: &str = "
    SELECT i.source, i.id, i.version, i.digest, i.judged_under
    FROM r CROSS JOIN items AS i WHERE i.source = r.source AND i.id = r.id";

pub const NOTICE_STATES: &str = r#"
    SELECT n."key", n.state FROM r CROSS JOIN notices AS n WHERE n."key" = r.id"#;

pub const STANDINGS: &str = "
    SELECT t.id, t.contact, t.channel, t.state, t.sealed_at IS NOT NULL AS is_sealed, t.rehearsal, t.not_before,
           t.waits_for, t.opened_at
    FROM r CROSS JOIN deliveries AS t WHERE t.id = r.id ORDER BY t.id";

async fn put_items(session: &mut impl Session, items: &[&ItemWrite], contents: &Contents) -> Result<()> {
    let is_stored = |item: &&ItemWrite| {
        let ItemRecord { item, digest, judged_under, .. } = &item.record;
        contents.get(&item.key) == Some(&(*digest, *judged_under))
    };
    let (touched, put): (Vec<&ItemWrite>, Vec<&ItemWrite>) = items.iter().copied().partition(is_stored);
    session.write(TOUCH_ITEMS, &[], touched.iter().copied().map(TouchRow::from)).await?;
    session.write(PUT_ITEMS, &[], put.iter().map(|item| ItemRow::from(&item.record))).await?;
    let kept = put.iter().filter(|item| item.keep_snapshot);
    session.write(KEEP_SNAPSHOTS, &[], kept.map(|item| KeyRow::from(&item.record.item.key))).await?;
    let kept = touched.iter().filter(|item| item.keep_snapshot);
    session.write(PUT_SNAPSHOTS, &[], kept.map(|item| SnapshotRow::from(&item.record))).await?;
    let transitions = items.iter().flat_map(|write| write.transitions.iter().map(|t| (&write.record.item, t)));
    session.write(PUT_TRANSITIONS, &[], transitions.map(|(item, t)| TransitionRow::new(item, t))).await?;
    let remarks = items.iter().flat_map(|write| &write.remarks);
    session.write(remarks::PUT_REMARKS, &[], remarks.map(RemarkRow::from)).await?;
    let rows = || items.iter().flat_map(|item| cards(item));
    session.write(ADD_CARDS, &[], rows().filter(|(is_new, _)| *is_new).map(|(_, row)| row)).await?;
    session.write(PUT_CARDS, &[], rows().filter(|(is_new, _)| !is_new).map(|(_, row)| row)).await
}

/// An item's cards as they stand after the turn, each once; and whether the card is new, since its first transition is.
fn cards(item: &ItemWrite) -> impl Iterator<Item = (bool, CardRow)> {
    let key = &item.record.item.key;
    let mut seen: HashSet<CardId> = item.record.watches.iter().map(|watch| watch.card).collect();
    // The newest transition of a card that is not watched any more says how it stands.
    let gone = item.transitions.iter().rev().filter(move |transition| seen.insert(transition.card));
    let gone = gone.map(|transition| (transition.card, CardRow::of_transition(key, transition)));
    let changed = if item.kept.watches { &[] } else { &*item.record.watches };
    let watched = changed.iter().map(|watch| (watch.card, CardRow::of_watch(key, watch)));
    let is_new = |card| item.transitions.iter().any(|t| t.card == card && t.number == 1 && t.from.is_none());
    watched.chain(gone).filter_map(move |(card, row)| row.map(|row| (is_new(card), row)))
}

const PUT_ITEMS: &str = "
    INSERT INTO items ({columns}) SELECT {columns} FROM r WHERE true
    ON CONFLICT (source, id) DO UPDATE SET
        digest = excluded.digest, judged_under = excluded.judged_under, version = excluded.version,
        first_seen_at = excluded.first_seen_at, seen_at = excluded.seen_at, noticed_at = excluded.noticed_at,
        next_look_at = excluded.next_look_at, missing_polls = excluded.missing_polls, left_at = excluded.left_at,
        title = excluded.title, unit = excluded.unit, item = excluded.item, rulings = excluded.rulings, watches = excluded.watches";

// An item's content is long, and most turns do not change it; what is missing stays too.
pub const TOUCH_ITEMS: &str = "
    UPDATE items SET version = r.version, seen_at = r.seen_at, noticed_at = r.noticed_at,
        next_look_at = r.next_look_at, missing_polls = r.missing_polls, left_at = r.left_at,
        rulings = coalesce(r.rulings, items.rulings), watches = coalesce(r.watches, items.watches)
    FROM r WHERE items.source = r.source AND items.id = r.id";

// What was just put holds the same content, which is long; so it does not travel twice.
pub const KEEP_SNAPSHOTS: &str = "
    INSERT INTO snapshots (source, item, seen_at, digest, content)
    SELECT i.source, i.id, i.seen_at, i.digest, i.item
    FROM r CROSS JOIN items AS i WHERE i.source = r.source AND i.id = r.id";

const PUT_SNAPSHOTS: &str = "
    INSERT INTO snapshots ({columns}) SELECT {columns} FROM r";

const PUT_TRANSITIONS: &str = "
    INSERT INTO transitions ({columns}) SELECT {columns} FROM r";

const ADD_CARDS: &str = "
    INSERT INTO cards ({columns}) SELECT {columns} FROM r";

// Most watches did not change; their cards are not written again.
const PUT_CARDS: &str = "
    INSERT INTO cards ({columns}) SELECT {columns} FROM r WHERE true
    ON CONFLICT (card) DO UPDATE SET name = excluded.name, level = excluded.level, at = excluded.at,
        episode = excluded.episode, number = excluded.number
    WHERE (cards.name, cards.level, cards.at, cards.episode, cards.number)
        IS DISTINCT FROM (excluded.name, excluded.level, excluded.at, excluded.episode, excluded.number)";

async fn put_notices(session: &mut impl Session, admitted: &Admitted<'_>, known: &Known) -> Result<()> {
    session.write(PUT_DELIVERIES, &[], admitted.deliveries.iter().map(OpeningRow::from)).await?;
    let (stored, fresh): (Vec<&Notice>, Vec<&Notice>) =
        admitted.notices.iter().partition(|notice| known.notices.contains_key(&notice.key));
    session.write(ADD_NOTICES, &[], fresh.into_iter().map(NoticeRow::from)).await?;
    let keys = admitted.again();
    let (again, other): (Vec<&Notice>, Vec<&Notice>) =
        stored.into_iter().partition(|notice| keys.contains(&notice.key));
    session.write(PLACE_NOTICES, &[], again.into_iter().map(AgainRow::from)).await?;
    session.write(REPLACE_NOTICES, &[], other.into_iter().map(NoticeRow::from)).await
}

// A stored one is joined or, if it was cancelled, reopened: its fence goes on from where it was.
const PUT_DELIVERIES: &str = "
    INSERT INTO deliveries ({columns}, tries, fence) SELECT {columns}, 0, 0 FROM r WHERE true
    ON CONFLICT (id) DO UPDATE SET
        tries = CASE deliveries.state WHEN 'cancelled' THEN 0 ELSE deliveries.tries END,
        reason = CASE deliveries.state WHEN 'cancelled' THEN NULL ELSE deliveries.reason END,
        state = excluded.state, not_before = excluded.not_before, waits_for = excluded.waits_for,
        opened_at = excluded.opened_at, rehearsal = excluded.rehearsal, settled_at = NULL";

const ADD_NOTICES: &str = "
    INSERT INTO notices ({columns}) SELECT {columns} FROM r";

// The indexes of what does not change are left alone.
pub const PLACE_NOTICES: &str = r#"
    UPDATE notices SET planned_at = r.planned_at, state = r.state, hold = r.hold, delivery = r.delivery,
        settled_at = NULL
    FROM r WHERE notices."key" = r."key""#;

pub const REPLACE_NOTICES: &str = r#"
    UPDATE notices SET card = r.card, source = r.source, item = r.item, episode = r.episode, number = r.number,
        level = r.level, planned_at = r.planned_at, rehearsal = r.rehearsal, state = r.state, hold = r.hold,
        delivery = r.delivery, change = r.change, body = r.body, because = r.because, settled_at = NULL
    FROM r WHERE notices."key" = r."key""#;
