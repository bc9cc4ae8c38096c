//! Who did what: entered with what it tells, and never without.

use std::sync::Arc;
use std::time::Duration;

use duban::core::acknowledgement::{Acknowledgement, Via};
use duban::core::audit::{Act, Entry, Head, Walk, verify};
use duban::core::delivery::DeliveryState;
use duban::core::json::Json;
use duban::core::matcher::Matcher;
use duban::core::notice::Hold;
use duban::core::silence::Silence;
use duban::core::window::Level;
use duban::store::{Store, Turn};

use crate::for_every_store;
use crate::sample::*;

for_every_store!(
    acts_are_entered_in_their_order_and_linked,
    an_act_whose_item_is_lost_is_not_entered,
    what_changes_nothing_enters_nothing,
    what_is_refused_enters_nothing,
    the_trail_holds_over_many_who_write_at_once,
    a_verb_that_is_dropped_in_the_middle_leaves_deed_and_act_or_neither,
    a_hostile_act_is_entered_bounded,
);

pub fn act(what: &str, subject: &str) -> Act {
    let detail = Json::from(serde_json::json!({ "督办": [1, null] }));
    Act { at: now(), by: "li".into(), what: what.into(), subject: subject.into(), why: "依据".into(), detail }
}

/// The whole trail, which must hold and end where the store says.
pub async fn trail(store: &Arc<dyn Store>) -> Vec<Entry> {
    let entries = store.audit(0, usize::MAX).await.expect("a trail");
    assert_eq!(verify(&entries), Ok(store.audit_head().await.expect("a head")));
    entries
}

/// What was done to what, oldest first.
pub async fn done(store: &Arc<dyn Store>) -> Vec<(String, String)> {
    trail(store).await.into_iter().map(|entry| (entry.act.what, entry.act.subject)).collect()
}

fn acted(id: &str, version: i64) -> Turn {
    let mut write = write(id);
    write.record.version = version;
    Turn { acts: vec![act("remark.add", id)], ..turn([write]) }
}

async fn acts_are_entered_in_their_order_and_linked(store: Arc<dyn Store>) {
    assert_eq!(store.audit_head().await.expect("a head"), Head::START);
    assert_eq!(trail(&store).await, []);
    let fine = Act { at: "2026-03-02T02:00:00.123456789Z".parse().expect("an instant"), ..act("a", "0") };
    let first = Turn { acts: vec![fine, act("b", "1")], ..Turn::default() };
    store.commit(&first).await.expect("a commit");
    assert_eq!(store.commit(&acted("A", 0)).await.expect("a commit").lost, []);
    let entries = trail(&store).await;
    let found: Vec<_> = entries.iter().map(|entry| (entry.seq, &*entry.act.what, &*entry.act.subject)).collect();
    assert_eq!(found, [(1, "a", "0"), (2, "b", "1"), (3, "remark.add", "A")]);
    assert_eq!(entries[0].act, first.acts[0].kept());
    let pages = [store.audit(0, 2), store.audit(2, 2), store.audit(3, 2), store.audit(u64::MAX, 2)];
    let mut walk = Walk::default();
    for page in pages {
        page.await.expect("a page").iter().try_for_each(|entry| walk.pass(entry)).expect("whole");
    }
    assert_eq!(walk.at().seq, 3);
}

async fn an_act_whose_item_is_lost_is_not_entered(store: Arc<dyn Store>) {
    commit(&store, [write("A")]).await;
    let late = store.commit(&acted("A", 0)).await.expect("a commit");
    assert_eq!(late.lost, [key("A")]);
    assert_eq!(trail(&store).await, []);
    // Of several, one is written: what was done was done.
    let mut several = acted("A", 0);
    several.items.push(write("B"));
    assert_eq!(store.commit(&several).await.expect("a commit").lost, [key("A")]);
    assert_eq!(trail(&store).await.len(), 1);
    assert_eq!(store.commit(&acted("A", 1)).await.expect("a commit").lost, []);
    assert_eq!(trail(&store).await.len(), 2);
}

fn taken(id: &str) -> Acknowledgement {
    Acknowledgement {
        card: card(id),
        episode: 1,
        level: Level::Red,
        step: 0,
        contact: "li".into(),
        by: "li".into(),
        via: Via::Board,
        at: now(),
    }
}

fn silence() -> Silence {
    let matcher = Matcher::of_pairs(["unit=water"]).expect("a matcher");
    Silence::new(matcher, (now(), at("03:00:00")), "li", "works", now()).expect("a silence")
}

async fn what_changes_nothing_enters_nothing(store: Arc<dyn Store>) {
    for is_new in [true, false] {
        let answer = store.acknowledge(&taken("A"), Some(&act("ack.sign", "A"))).await;
        assert_eq!(answer.expect("an answer"), is_new);
    }
    store.put_silence(&silence(), Some(&act("silence.add", "S"))).await.expect("put");
    commit(&store, [tells("A", [opens("A", "li")]), tells("B", [opens("B", "wang")])]).await;
    let (dead, waits) = (delivery("A", "li"), delivery("B", "wang"));
    for done in [true, false] {
        let answer = store.cancel_delivery(waits, now(), Some(&act("delivery.cancel", "B"))).await;
        assert_eq!(answer.expect("an answer"), done);
    }
    let retry = act("delivery.retry", "A");
    assert!(!store.retry_delivery(dead, now(), Some(&retry)).await.expect("an answer"), "it is not settled");
    let claimed = claim_one(&store, now()).await;
    let bad = Some("li@example.com".to_owned());
    let settled = settled(&claimed, DeliveryState::Discarded);
    settle(&store, duban::store::Settle { bad_address: bad, ..settled }).await;
    assert!(store.retry_delivery(dead, now(), Some(&retry)).await.expect("an answer"));
    for _ in 0..2 {
        store.forgive_address("li", CHANNEL, Some(&act("address.forgive", "li"))).await.expect("forgiven");
    }
    store.put_playbook(&playbook("one"), &[], Some(&act("playbook.put", "one"))).await.expect("put");
    let expected = ["ack.sign", "silence.add", "delivery.cancel", "delivery.retry", "address.forgive", "playbook.put"];
    let done: Vec<String> = done(&store).await.into_iter().map(|(what, _)| what).collect();
    assert_eq!(done, expected);
}

async fn what_is_refused_enters_nothing(store: Arc<dyn Store>) {
    let mut refused = acted("A", 0);
    let mut held = held("A", "li", Hold::Baseline);
    held.notice.hold = None;
    refused.items[0].notices.push(held);
    store.commit(&refused).await.expect_err("it contradicts the store");
    let mut other = acted("A", 0);
    other.playbook = Some(digest("another"));
    store.commit(&other).await.expect_err("it is not in force");
    assert_eq!(trail(&store).await, []);
}

async fn the_trail_holds_over_many_who_write_at_once(store: Arc<dyn Store>) {
    let writers: Vec<_> = (0..8).map(|writer| tokio::spawn(write_acts(store.clone(), writer, 25))).collect();
    for writer in writers {
        writer.await.expect("a writer");
    }
    check_writers(&store, 8, 25).await;
}

/// Does things of several kinds, so many times.
pub async fn write_acts(store: Arc<dyn Store>, writer: usize, times: usize) {
    for n in 0..times {
        let (name, act) = (format!("{writer}-{n}"), act(&writer.to_string(), &n.to_string()));
        match n % 3 {
            0 => {
                let turn = Turn { acts: vec![act], ..turn([write(&name)]) };
                assert_eq!(store.commit(&turn).await.expect("a commit").lost, []);
            }
            1 => assert!(store.acknowledge(&taken(&name), Some(&act)).await.expect("an answer")),
            _ => store.put_silence(&silence(), Some(&act)).await.expect("put"),
        }
    }
}

/// Everybody's acts are there, each in its own order.
pub async fn check_writers(store: &Arc<dyn Store>, writers: usize, times: usize) {
    let done = done(store).await;
    assert_eq!(done.len(), writers * times);
    for writer in 0..writers {
        let mine = done.iter().filter(|(what, _)| *what == writer.to_string());
        let mine: Vec<usize> = mine.map(|(_, subject)| subject.parse().expect("a number")).collect();
        assert_eq!(mine, (0..times).collect::<Vec<_>>());
    }
}

async fn a_verb_that_is_dropped_in_the_middle_leaves_deed_and_act_or_neither(store: Arc<dyn Store>) {
    for (n, patience) in [0, 0, 1, 1, 2, 3, 5, 9, 20].into_iter().enumerate() {
        let (id, act) = (format!("{n}"), act("ack.sign", &n.to_string()));
        let taken = taken(&id);
        let _ = tokio::time::timeout(Duration::from_millis(patience), store.acknowledge(&taken, Some(&act))).await;
        // Whoever was dropped may hold on a little longer.
        store.put_silence(&silence(), None).await.expect("put");
        let deeds = store.acknowledgements(&[card(&id)]).await.expect("acknowledgements").len();
        let acts = done(&store).await.iter().filter(|(_, subject)| *subject == id).count();
        assert_eq!(deeds, acts, "after {patience} ms");
    }
}

async fn a_hostile_act_is_entered_bounded(store: Arc<dyn Store>) {
    let long = "督".repeat(1 << 20);
    let hostile = Act {
        by: "li\r\n\u{1b}[2Jroot\0\u{202e}".into(),
        why: long.clone(),
        subject: "'; DROP TABLE audit; --".into(),
        detail: Json::of(&serde_json::json!({ "long": long, "nul": "\0" })),
        ..act("a", "")
    };
    let small = Act { detail: Json::of(&"\0\u{9b}\"'"), ..act("b", "") };
    let turn = Turn { acts: vec![hostile, small], ..Turn::default() };
    store.commit(&turn).await.expect("a commit");
    let entries = trail(&store).await;
    assert_eq!((&*entries[0].act.by, &*entries[0].act.subject), ("li [2Jroot", "'; DROP TABLE audit; --"));
    assert_eq!(entries[0].act.why.chars().count(), 4_000);
    assert_eq!(entries[1].act.detail, turn.acts[1].detail);
    assert!(entries.iter().all(|entry| entry.line().len() < 100_000));
}
