//! Orders: written with the items that stand for them, numbered once, found by whatever people know of them.

use std::sync::Arc;

use duban::core::item::ItemKey;
use duban::core::notice::{Body, Notice, NoticeKind, Planned};
use duban::core::order::{Classification, Deed, Ground, Number, Order, OrderId, Party, PartyKind};
use duban::core::window::Level;
use duban::store::{ItemRecord, ItemWrite, OrderQuery, Store};

use crate::for_every_store;
use crate::sample::*;

for_every_store!(
    an_order_is_found_by_what_people_know_of_it,
    an_order_and_the_item_that_it_is_written_with_share_their_fate,
    a_number_is_given_once,
    what_was_said_about_an_order_is_found,
);

fn proposed(id: &str) -> Order {
    let ground = Ground {
        card: card(id),
        episode: 1,
        item: key(id),
        rule: RULE.into(),
        name: WINDOW.into(),
        level: Level::Red,
        ladder: None,
        is_open: true,
        title: format!("ticket \u{0} {id}"),
        unit: Some("water".into()),
        region: None,
    };
    Order::propose(ground, at("01:00:00"))
}

fn dispatched(order: &Order, ordinal: u32) -> Order {
    let reason = "因为".to_owned();
    let classify = Deed::Classify { classification: Classification::Handle, cause: None, reason, into: None };
    let lead = Party::new("住建局", PartyKind::Department, None);
    let dispatch = Deed::Dispatch { lead, assisting: vec![], number: Number { year: 2026, ordinal } };
    let classified = order.act(classify, "op", None, at("02:00:00")).expect("classified");
    classified.act(dispatch, "op", None, at("02:00:00")).expect("dispatched")
}

/// The item that stands for an order, as it is written in the version that was read.
fn standing_for(order: &Order, version: i64) -> ItemWrite {
    let item = order.item();
    let record = ItemRecord { digest: item.digest(), item, version, ..record("") };
    ItemWrite { order: Some(Box::new(order.clone())), ..ItemWrite::of(record) }
}

async fn an_order_is_found_by_what_people_know_of_it(store: Arc<dyn Store>) {
    commit(&store, [write("A"), write("B")]).await;
    let (one, other) = (proposed("A"), proposed("B"));
    commit(&store, [standing_for(&one, 0), standing_for(&other, 0)]).await;
    let one = dispatched(&one, 7);
    commit(&store, [standing_for(&one, 1)]).await;
    let withdrawn = other.act(Deed::CardClosed { is_revoked: true }, "duban", None, at("03:00:00")).expect("withdrawn");
    commit(&store, [standing_for(&withdrawn, 1)]).await;

    let found = async |of: OrderQuery<'_>| store.orders(of).await.expect("orders");
    let mut both = [one.clone(), withdrawn.clone()];
    both.sort_by_key(|order| order.id);
    assert_eq!(found(OrderQuery::Of(&[key("A")])).await, std::slice::from_ref(&one));
    assert_eq!(found(OrderQuery::Of(&[key("A"), key("B"), key("C")])).await, both);
    assert_eq!(found(OrderQuery::Beginning(&one.id.to_string()[..9].to_uppercase())).await, std::slice::from_ref(&one));
    for beginning in ["", "x", "g", "%"] {
        assert_eq!(found(OrderQuery::Beginning(beginning)).await, []);
    }
    assert_eq!(found(OrderQuery::Numbered(Number { year: 2026, ordinal: 7 })).await, std::slice::from_ref(&one));
    assert_eq!(found(OrderQuery::Numbered(Number { year: 2025, ordinal: 7 })).await, []);
    assert_eq!(found(OrderQuery::Open(9)).await, std::slice::from_ref(&one));
    assert_eq!((found(OrderQuery::All(9)).await, found(OrderQuery::All(1)).await), (both.to_vec(), both[..1].to_vec()));
    let last = async |year| store.last_order_number(year).await.expect("a number");
    assert_eq!((last(2026).await, last(2025).await), (7, 0));
}

async fn an_order_and_the_item_that_it_is_written_with_share_their_fate(store: Arc<dyn Store>) {
    commit(&store, [write("A"), write("B")]).await;
    let with = |id: &str, version| ItemWrite { with: Some(key(id)), ..standing_for(&proposed(id), version) };
    let at_version = |id: &str, version| {
        let mut item = write(id);
        item.record.version = version;
        item
    };
    // A was written by somebody else; B's order is one that somebody else wrote; C is new.
    let committed = store
        .commit(&turn([at_version("A", 0), with("A", 0), at_version("B", 1), with("B", 3), write("C"), with("C", 0)]))
        .await
        .expect("a commit");
    let orders: Vec<ItemKey> = ["A", "B"].map(|id| proposed(id).key()).into();
    let mut lost = [key("A"), orders[0].clone(), key("B"), orders[1].clone()];
    lost.sort();
    assert_eq!(
        {
            let mut found = committed.lost;
            found.sort();
            found
        },
        lost
    );
    let written = store.orders(OrderQuery::All(9)).await.expect("orders");
    assert_eq!(written.iter().map(|order| order.ground.item.clone()).collect::<Vec<_>>(), [key("C")]);
    assert_eq!(loaded(&store, "B").await.version, 1);
}

async fn a_number_is_given_once(store: Arc<dyn Store>) {
    commit(&store, [write("A"), write("B")]).await;
    commit(&store, [standing_for(&dispatched(&proposed("A"), 1), 0)]).await;
    let second = |ordinal| turn([standing_for(&dispatched(&proposed("B"), ordinal), 0)]);
    let committed = store.commit(&second(1)).await.expect("a commit");
    assert_eq!(committed.lost, [proposed("B").key()]);
    assert_eq!(store.commit(&second(2)).await.expect("a commit").lost, []);
    // The same order keeps its own.
    commit(&store, [standing_for(&dispatched(&proposed("A"), 1), 1)]).await;
}

async fn what_was_said_about_an_order_is_found(store: Arc<dyn Store>) {
    commit(&store, [write("A")]).await;
    let order = proposed("A");
    let said = |name: &str| {
        let Planned { notice, placement } = opens(name, "li");
        let body = Some(Body { title: "督办".into(), lines: vec![] });
        let notice =
            Notice { kind: NoticeKind::Order, card: None, item: Some(order.key()), body, change: None, ..notice };
        Planned { notice, placement }
    };
    commit(&store, [ItemWrite { notices: vec![said("one"), said("two")], ..standing_for(&order, 0) }]).await;
    let found = store.notices_of_order(&order.key()).await.expect("notices");
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|notice| notice.item == Some(order.key())));
    let other = OrderId::new(card("B"), 1);
    let other = ItemKey::new(duban::core::order::SOURCE, other.to_string());
    assert_eq!(store.notices_of_order(&other).await.expect("notices"), []);
    assert_eq!(notices(&store, "A").await, [], "they are about no card");
}
