//! Sample data: items, turns, notices and what the scenarios do with them again and again.

use std::sync::Arc;

use duban::core::Instant;
use duban::core::card::{CardId, Change, Transition, Watch};
use duban::core::delivery::{DeliveryId, DeliveryState};
use duban::core::digest::Digest;
use duban::core::item::{Item, ItemKey};
use duban::core::notice::{Because, CardChange, Hold, Notice, NoticeKind, NoticeState, Placement, Planned};
use duban::core::reason::Reason;
use duban::core::value::Value;
use duban::core::window::{Level, Ruling};
use duban::store::{
    Claimable, Claimed, DeliveryRecord, GivenBack, ItemRecord, ItemWrite, PlaybookRecord, Seal, Settle, Store, Turn,
};

pub const RULE: &str = "2110";
pub const WINDOW: &str = "solved";
pub const CHANNEL: &str = "mail";

/// The instant of a time on 2026-03-02, UTC.
pub fn at(time: &str) -> Instant {
    format!("2026-03-02T{time}Z").parse().expect("a time such as 08:00:00")
}

pub fn now() -> Instant {
    at("02:00:00")
}

pub fn digest(text: &str) -> Digest {
    Digest::of([text.as_bytes()])
}

pub fn key(id: &str) -> ItemKey {
    ItemKey::new("tickets", id)
}

pub fn card(id: &str) -> CardId {
    CardId::new(&key(id), RULE, WINDOW)
}

pub fn playbook(name: &str) -> PlaybookRecord {
    PlaybookRecord {
        version: digest(name),
        at: now(),
        by: "start".into(),
        files: [("a.toml".into(), name.into())].into(),
    }
}

pub fn record(id: &str) -> ItemRecord {
    let mut item = Item::new(key(id), "ticket");
    item.fields.set("title", Value::text(format!("ticket {id}")));
    item.fields.set("unit", Value::text("water"));
    item.fields.set("received_at", Value::Instant(at("00:00:00")));
    ItemRecord {
        digest: item.digest(),
        item,
        first_seen_at: at("00:01:00"),
        seen_at: at("01:00:00"),
        rulings: vec![Ruling { rule: RULE.into(), version: digest("rule"), windows: vec![], findings: vec![] }],
        watches: vec![],
        remarks: vec![],
        noticed_at: None,
        next_look_at: Some(at("06:00:00")),
        judged_under: digest("playbook"),
        missing_polls: 0,
        left_at: None,
        version: 0,
    }
}

/// An item that is written for the first time, with nothing to say.
pub fn write(id: &str) -> ItemWrite {
    ItemWrite { keep_snapshot: true, ..ItemWrite::of(record(id)) }
}

/// An item with a card at a level.
pub fn raised(id: &str, level: Level, time: &str) -> ItemWrite {
    let mut write = write(id);
    write.record.watches.push(watch(id, level, time));
    write.transitions.push(raise(id, level, time));
    write
}

pub fn watch(id: &str, level: Level, time: &str) -> Watch {
    Watch {
        card: card(id),
        rule: RULE.into(),
        name: WINDOW.into(),
        level: Some(level),
        at: Some(at(time)),
        episode: 1,
        number: 1,
        stopped: None,
        spared: None,
    }
}

pub fn raise(id: &str, level: Level, time: &str) -> Transition {
    Transition {
        card: card(id),
        rule: RULE.into(),
        name: WINDOW.into(),
        episode: 1,
        number: 1,
        change: Change::Raise,
        from: None,
        to: Some(level),
        at: at(time),
        noticed_at: now(),
        reason: Reason::Due { due_at: at(time) },
        verdict: None,
        rule_version: digest("rule"),
        calendar_version: digest("calendar"),
        ladder: Some("three-level".into()),
    }
}

/// What is said to a contact about an item.
pub fn notice(id: &str, contact: &str) -> Notice {
    Notice {
        key: Digest::of([id.as_bytes(), contact.as_bytes()]),
        kind: NoticeKind::Raise,
        card: Some(card(id)),
        item: Some(key(id)),
        episode: 1,
        number: 1,
        level: Some(Level::Red),
        step: 0,
        ordinal: 0,
        contact: contact.into(),
        channel: CHANNEL.into(),
        planned_at: now(),
        rehearsal: false,
        state: NoticeState::Planned,
        hold: None,
        delivery: None,
        change: Some(CardChange::of(&raise(id, Level::Red, "02:00:00"))),
        body: None,
        because: Because::default(),
        settled_at: None,
    }
}

/// The delivery that the notice about an item to a contact opens.
pub fn delivery(id: &str, contact: &str) -> DeliveryId {
    DeliveryId::new(contact, CHANNEL, notice(id, contact).key)
}

/// A notice that opens a delivery of its own, to be sent at once.
pub fn opens(id: &str, contact: &str) -> Planned {
    opens_at(id, contact, now())
}

pub fn opens_at(id: &str, contact: &str, not_before: Instant) -> Planned {
    placed(notice(id, contact), delivery(id, contact), true, not_before)
}

/// A notice that joins a delivery.
pub fn joins(id: &str, contact: &str, delivery: DeliveryId) -> Planned {
    placed(notice(id, contact), delivery, false, now())
}

pub fn placed(notice: Notice, delivery: DeliveryId, opens: bool, not_before: Instant) -> Planned {
    let placement = Placement { delivery, opens, not_before, waits_for: None, rehearsal: false };
    Planned { notice: Notice { delivery: Some(delivery), ..notice }, placement: Some(placement) }
}

/// A notice that a filter holds.
pub fn held(id: &str, contact: &str, hold: Hold) -> Planned {
    let notice = Notice { state: NoticeState::Held, hold: Some(hold), ..notice(id, contact) };
    Planned { notice, placement: None }
}

/// An item that is written with notices.
pub fn tells(id: &str, notices: impl IntoIterator<Item = Planned>) -> ItemWrite {
    ItemWrite { notices: notices.into_iter().collect(), ..write(id) }
}

pub fn turn(items: impl IntoIterator<Item = ItemWrite>) -> Turn {
    Turn { items: items.into_iter().collect(), ..Turn::default() }
}

/// Commits items of which none may be lost.
pub async fn commit(store: &Arc<dyn Store>, items: impl IntoIterator<Item = ItemWrite>) {
    let committed = store.commit(&turn(items)).await.expect("a commit");
    assert_eq!(committed.lost, [], "nothing is lost");
}

/// Commits notices that belong to no item, of which none may be lost.
pub async fn say(store: &Arc<dyn Store>, notices: impl IntoIterator<Item = Planned>) {
    let turn = Turn { notices: notices.into_iter().collect(), ..Turn::default() };
    let committed = store.commit(&turn).await.expect("a commit");
    assert_eq!(committed.lost_notices, [], "nothing is lost");
}

pub async fn loaded(store: &Arc<dyn Store>, id: &str) -> ItemRecord {
    store.load(&[key(id)]).await.expect("a load").pop().expect("the item is stored")
}

/// Claims everything that is due, under a lease of a minute.
pub async fn claim(store: &Arc<dyn Store>, now: Instant) -> Vec<Claimed> {
    store.claim(now, now + chrono::TimeDelta::minutes(1), 100, Claimable::default()).await.expect("a claim")
}

/// Claims the one delivery that is due.
pub async fn claim_one(store: &Arc<dyn Store>, now: Instant) -> Claimed {
    let mut claimed = claim(store, now).await;
    assert_eq!(claimed.len(), 1, "one delivery is due: {claimed:?}");
    claimed.remove(0)
}

pub fn sealed(claimed: &Claimed) -> Seal {
    let sealed = serde_json::json!({"members": claimed.members.len(), "to": "督办"}).into();
    Seal { id: claimed.delivery.id, fence: claimed.fence, dropped: vec![], sealed: Some(sealed), postponed_to: None }
}

/// A claimed delivery that is given back untried.
pub fn given_back(claimed: &Claimed) -> GivenBack {
    GivenBack { id: claimed.delivery.id, fence: claimed.fence, until: None }
}

pub async fn seal(store: &Arc<dyn Store>, seal: Seal) {
    assert_eq!(store.seal(now(), &[seal]).await.expect("a seal"), [], "the lease is ours");
}

pub fn settled(claimed: &Claimed, state: DeliveryState) -> Settle {
    Settle {
        id: claimed.delivery.id,
        fence: claimed.fence,
        state,
        not_before: None,
        reason: "250 ok".into(),
        remote_id: None,
        bad_address: None,
    }
}

pub async fn settle(store: &Arc<dyn Store>, settle: Settle) {
    assert_eq!(store.settle(now(), &[settle]).await.expect("a settle"), [], "the lease is ours");
}

/// Claims, seals and settles the one delivery that is due.
pub async fn send(store: &Arc<dyn Store>, state: DeliveryState) {
    let claimed = claim_one(store, now()).await;
    seal(store, sealed(&claimed)).await;
    settle(store, settled(&claimed, state)).await;
}

pub async fn shown(store: &Arc<dyn Store>, id: DeliveryId) -> (DeliveryRecord, Vec<Notice>) {
    let mut found = store.delivery(&id.to_string()).await.expect("deliveries");
    assert_eq!(found.len(), 1, "the delivery exists");
    found.remove(0)
}

/// What was said, or is about to be, about an item.
pub async fn notices(store: &Arc<dyn Store>, id: &str) -> Vec<Notice> {
    store.notices_about(&[key(id)]).await.expect("notices")
}

pub async fn states(store: &Arc<dyn Store>, id: &str) -> Vec<NoticeState> {
    notices(store, id).await.iter().map(|notice| notice.state).collect()
}
