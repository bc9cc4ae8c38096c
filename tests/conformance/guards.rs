//! What a turn loses when somebody else was faster, and what it does not.

use std::sync::Arc;

use duban::core::digest::Digest;
use duban::core::notice::{Hold, NoticeState};
use duban::core::window::Level;
use duban::store::{Store, Turn};

use crate::for_every_store;
use crate::sample::*;

for_every_store!(
    a_lost_guard_drops_that_item_and_no_other,
    an_item_is_written_once_a_turn,
    of_turns_that_race_on_one_item_one_wins,
    a_turn_whose_outcome_was_unknown_can_be_committed_again,
    an_item_that_joins_a_claimed_delivery_is_lost,
    an_item_that_joins_the_delivery_of_a_lost_item_is_lost,
    an_item_opens_what_a_lost_item_would_have_opened_too,
    a_lost_message_of_no_item_is_named_by_its_key,
    a_rehearsal_never_joins_what_goes_out_live,
);

async fn a_lost_guard_drops_that_item_and_no_other(store: Arc<dyn Store>) {
    commit(&store, [write("A"), write("B")]).await;
    let at_version = |id: &str, version| {
        let mut item = raised(id, Level::Red, "01:00:00");
        item.notices = vec![opens(id, "li")];
        item.record.version = version;
        item
    };
    // A was read, B was not seen, C was never stored, D is new.
    let turn = turn([at_version("A", 1), at_version("B", 0), at_version("C", 1), at_version("D", 0)]);
    let committed = store.commit(&turn).await.expect("a commit");
    assert_eq!(committed.lost, [key("B"), key("C")]);
    for (id, version, cards) in [("A", 2, 1), ("B", 1, 0), ("D", 1, 1)] {
        assert_eq!(loaded(&store, id).await.version, version, "{id}");
        assert_eq!(store.transitions(&key(id)).await.expect("transitions").len(), cards, "{id}");
        assert_eq!(notices(&store, id).await.len(), cards, "{id}");
    }
    assert_eq!(store.load(&[key("C")]).await.expect("load"), []);
    assert_eq!(store.counts().await.expect("counts").waiting, 2);
}

async fn an_item_is_written_once_a_turn(store: Arc<dyn Store>) {
    let committed = store.commit(&turn([write("A"), write("A"), write("B")])).await.expect("a commit");
    assert_eq!(committed.lost, [key("A")]);
    assert_eq!(loaded(&store, "A").await.version, 1);
}

async fn of_turns_that_race_on_one_item_one_wins(store: Arc<dyn Store>) {
    commit(&store, [write("A")]).await;
    let racers = (0..10).map(|racer| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut item = tells("A", [opens("A", &format!("contact {racer}"))]);
            item.record.version = 1;
            store.commit(&turn([item])).await.expect("a commit").lost.is_empty()
        })
    });
    let racers: Vec<_> = racers.collect();
    let mut winners = 0;
    for racer in racers {
        winners += usize::from(racer.await.expect("a racer"));
    }
    assert_eq!(winners, 1);
    assert_eq!(loaded(&store, "A").await.version, 2);
    assert_eq!(notices(&store, "A").await.len(), 1);
}

async fn a_turn_whose_outcome_was_unknown_can_be_committed_again(store: Arc<dyn Store>) {
    let mut item = raised("A", Level::Red, "01:00:00");
    item.notices = vec![opens("A", "li")];
    let turn = turn([item]);
    store.commit(&turn).await.expect("a commit");
    let again = store.commit(&turn).await.expect("a commit");
    assert_eq!(again.lost, [key("A")]);
    assert_eq!(store.transitions(&key("A")).await.expect("transitions").len(), 1);
    assert_eq!(notices(&store, "A").await.len(), 1);
    assert_eq!(store.counts().await.expect("counts").waiting, 1);
}

async fn an_item_that_joins_a_claimed_delivery_is_lost(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [opens("A", "li")])]).await;
    claim_one(&store, now()).await;
    let turn = turn([tells("B", [joins("B", "li", delivery("A", "li"))]), write("C")]);
    let committed = store.commit(&turn).await.expect("a commit");
    assert_eq!(committed.lost, [key("B")]);
    assert_eq!(store.load(&[key("B"), key("C")]).await.expect("load").len(), 1);
    assert_eq!(notices(&store, "B").await, []);
}

async fn an_item_that_joins_the_delivery_of_a_lost_item_is_lost(store: Arc<dyn Store>) {
    commit(&store, [write("A")]).await;
    let items = [
        // D joins what C opens, C joins what B opens, B joins what A opens, and A is lost.
        tells("D", [joins("D", "c", delivery("C", "c"))]),
        tells("C", [joins("C", "b", delivery("B", "b")), opens("C", "c")]),
        tells("B", [joins("B", "a", delivery("A", "a")), opens("B", "b")]),
        tells("A", [opens("A", "a")]),
        tells("E", [joins("E", "e", delivery("F", "e"))]),
        tells("F", [opens("F", "e")]),
    ];
    let committed = store.commit(&turn(items)).await.expect("a commit");
    assert_eq!(committed.lost, ["D", "C", "B", "A"].map(key));
    assert_eq!(store.counts().await.expect("counts").waiting, 1);
    let (_, members) = shown(&store, delivery("F", "e")).await;
    assert_eq!(members.iter().map(|m| m.item.clone()).collect::<Vec<_>>(), [Some(key("E")), Some(key("F"))]);
}

async fn an_item_opens_what_a_lost_item_would_have_opened_too(store: Arc<dyn Store>) {
    commit(&store, [write("A")]).await;
    let shared = delivery("A", "li");
    let items = [
        tells("A", [opens("A", "li")]),
        tells("B", [placed(notice("B", "li"), shared, true, now())]),
        tells("C", [joins("C", "li", shared)]),
    ];
    let committed = store.commit(&turn(items)).await.expect("a commit");
    assert_eq!(committed.lost, [key("A")]);
    let (_, members) = shown(&store, shared).await;
    assert_eq!(members.len(), 2);
}

async fn a_lost_message_of_no_item_is_named_by_its_key(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [opens("A", "li")])]).await;
    claim_one(&store, now()).await;
    let lost = joins("x", "li", delivery("A", "li"));
    let kept = held("y", "li", Hold::Baseline);
    let turn = Turn { notices: vec![lost.clone(), kept], ..turn([write("B")]) };
    let committed = store.commit(&turn).await.expect("a commit");
    assert_eq!(committed.lost, []);
    assert_eq!(committed.lost_notices, [lost.notice.key]);
    assert_eq!(states(&store, "x").await, []);
    assert_eq!(states(&store, "y").await, [NoticeState::Held]);
    assert_eq!(loaded(&store, "B").await.version, 1);
}

async fn a_rehearsal_never_joins_what_goes_out_live(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [opens("A", "li")])]).await;
    let mut rehearsed = joins("B", "li", delivery("A", "li"));
    rehearsed.placement.as_mut().expect("a placement").rehearsal = true;
    let mut opened = opens("C", "li");
    opened.placement.as_mut().expect("a placement").rehearsal = true;
    let live = joins("D", "li", delivery("C", "li"));
    let other: Digest = delivery("A", "li").0;
    let wrong_contact = joins("E", "wang", duban::core::delivery::DeliveryId(other));
    let items = [tells("B", [rehearsed]), tells("C", [opened]), tells("D", [live]), tells("E", [wrong_contact])];
    let committed = store.commit(&turn(items)).await.expect("a commit");
    assert_eq!(committed.lost, ["B", "D", "E"].map(key));
    let (opened, _) = shown(&store, delivery("C", "li")).await;
    assert!(opened.rehearsal);
}
