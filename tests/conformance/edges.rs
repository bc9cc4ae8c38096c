//! Hostile texts, extreme instants, big values and big batches.

use std::sync::Arc;

use chrono::TimeDelta;
use duban::core::Instant;
use duban::core::delivery::DeliveryState;
use duban::core::item::ItemKey;
use duban::core::notice::{Body, Hold};
use duban::core::value::Value;
use duban::core::window::Level;
use duban::store::{Claimable, Claimed, ItemRecord, ItemWrite, Settle, SourceRecord, Store};

use crate::for_every_store;
use crate::sample::*;

for_every_store!(
    instants_at_the_edges_are_kept_and_compared,
    an_instant_is_kept_to_the_microsecond,
    hostile_texts_are_kept_as_they_are,
    a_nul_is_kept_in_values_and_marked_in_columns,
    a_megabyte_in_a_field_is_kept,
    leases_at_the_edges_of_time_run_out_in_order,
    deliveries_of_one_instant_are_claimed_in_the_same_order_everywhere,
    a_hundred_thousand_rows_travel_in_one_turn,
);

async fn instants_at_the_edges_are_kept_and_compared(store: Arc<dyn Store>) {
    let edges: Vec<Instant> = [
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00Z",
        "2026-03-02T02:00:00.000001Z",
        "9999-12-31T23:59:59.999999Z",
    ]
    .iter()
    .map(|text| text.parse().expect("instant"))
    .collect();
    for (index, edge) in edges.iter().enumerate() {
        let mut item = write(&index.to_string());
        (item.record.first_seen_at, item.record.seen_at, item.record.next_look_at) = (*edge, *edge, Some(*edge));
        commit(&store, [item.clone()]).await;
        assert_eq!(loaded(&store, &index.to_string()).await, ItemRecord { version: 1, ..item.record });
        let due = store.due_items(None, *edge, 10).await.expect("due");
        assert_eq!(due.last(), Some(&key(&index.to_string())));
        let just_before = store.due_items(None, *edge - TimeDelta::microseconds(1), 10).await.expect("due");
        assert_eq!(just_before.len(), index);
    }
    for far in [Instant::MIN_UTC, Instant::MAX_UTC] {
        store.fired("far", far).await.expect("fired");
        let back = store.last_fired("far").await.expect("last").expect("it fired");
        assert!((far - back).abs() < TimeDelta::microseconds(1), "{far} {back}");
    }
}

async fn an_instant_is_kept_to_the_microsecond(store: Arc<dyn Store>) {
    store.fired("fine", "2026-03-02T02:00:00.123456789Z".parse().expect("instant")).await.expect("fired");
    let back = store.last_fired("fine").await.expect("last");
    assert_eq!(back, Some("2026-03-02T02:00:00.123456Z".parse().expect("instant")));
}

const HOSTILE: [&str; 6] = [
    "'; DROP TABLE items; --",
    r#"" \ \u0000 { } [ ] $1 ?1 :a"#,
    "line\r\nbreak\ttab\u{7f}\u{1b}[31m",
    "督办🟥👨‍👩‍👧e\u{301}\u{202e}gnirts\u{feff}",
    "%_*?GLOB",
    "null",
];

async fn hostile_texts_are_kept_as_they_are(store: Arc<dyn Store>) {
    for text in HOSTILE {
        let name = ItemKey::new(text, text);
        let mut item = write("x");
        item.record.item.key = name.clone();
        item.record.item.fields.set("title", Value::text(text));
        item.record.item.raw.set(text, Value::text(text));
        item.record.digest = item.record.item.digest();
        let mut planned = opens(text, text);
        planned.notice.item = Some(name.clone());
        planned.notice.body = Some(Body { title: text.into(), lines: vec![text.into()] });
        let notice = planned.notice.clone();
        item.notices = vec![planned, held(text, "nobody", Hold::NoContact { role: text.into() })];
        commit(&store, [item.clone()]).await;
        let found = store.load(std::slice::from_ref(&name)).await.expect("load");
        assert_eq!(found, [ItemRecord { version: 1, ..item.record.clone() }]);
        assert_eq!(store.find_items(text).await.expect("found"), [name]);
        assert_eq!(store.digests(text, None, 9).await.expect("digests").len(), 1);
        assert_eq!(store.open_deliveries(&[text.into()]).await.expect("open").len(), 1);
        assert_eq!(store.held_notices(&Hold::NoContact { role: text.into() }, 9).await.expect("held").len(), 1);
        let claimed = claim_one(&store, now()).await;
        assert_eq!(claimed.members, [notice]);
        let end =
            Settle { reason: text.into(), remote_id: Some(text.into()), ..settled(&claimed, DeliveryState::Sent) };
        settle(&store, end).await;
        let (record, _) = shown(&store, claimed.delivery.id).await;
        assert_eq!((record.reason.as_deref(), record.remote_id.as_deref()), (Some(text), Some(text)));
    }
}

async fn a_nul_is_kept_in_values_and_marked_in_columns(store: Arc<dyn Store>) {
    let mut item = raised("A", Level::Red, "01:00:00");
    item.record.item.fields.set("title", Value::text("a\0b"));
    item.record.digest = item.record.item.digest();
    commit(&store, [item.clone()]).await;
    assert_eq!(loaded(&store, "A").await, ItemRecord { version: 1, ..item.record });
    assert_eq!(store.open_cards(1).await.expect("cards")[0].title, "a\u{fffd}b");
    let source = SourceRecord { source: "tickets".into(), trouble: Some("got \0\0".into()), ..SourceRecord::default() };
    store.put_source(&source).await.expect("put");
    let found = store.sources().await.expect("sources");
    assert_eq!(found[0].trouble.as_deref(), Some("got \u{fffd}\u{fffd}"));
}

async fn a_megabyte_in_a_field_is_kept(store: Arc<dyn Store>) {
    let items: Vec<ItemWrite> = (0..12)
        .map(|n| {
            let mut item = write(&n.to_string());
            item.record.item.fields.set("text", Value::text("一\"\\\n".repeat(150_000 + n)));
            item.record.digest = item.record.item.digest();
            item
        })
        .collect();
    commit(&store, items.clone()).await;
    for item in items {
        let id = item.record.item.key.id.to_string();
        assert!(loaded(&store, &id).await.item == item.record.item, "{id}");
    }
}

async fn leases_at_the_edges_of_time_run_out_in_order(store: Arc<dyn Store>) {
    let edge = |text: &str| -> Instant { text.parse().expect("instant") };
    let (first, last) = (edge("0001-01-01T00:00:00Z"), edge("9999-12-31T23:59:59.999999Z"));
    say(&store, [opens_at("first", "li", first), opens_at("last", "li", last)]).await;
    let ids = |claimed: Vec<Claimed>| claimed.iter().map(|claimed| claimed.delivery.id).collect::<Vec<_>>();
    let just_before = |at: Instant| at - TimeDelta::microseconds(1);
    assert_eq!(ids(store.claim(just_before(first), last, 9, Claimable::default()).await.expect("a claim")), []);
    assert_eq!(store.next_claim_at(&[]).await.expect("next"), Some(first));
    // A lease that is over as it begins, and one until the end of time.
    let of_first = [delivery("first", "li")];
    assert_eq!(ids(store.claim(first, first, 9, Claimable::default()).await.expect("a claim")), of_first);
    assert_eq!(ids(store.claim(first, last, 9, Claimable::default()).await.expect("a claim")), of_first);
    assert_eq!(ids(store.claim(just_before(last), last, 9, Claimable::default()).await.expect("a claim")), []);
    assert_eq!(store.next_claim_at(&[]).await.expect("next"), Some(last));
    let both = store.claim(last, last, 9, Claimable::default()).await.expect("a claim");
    assert_eq!(ids(both.clone()), [delivery("first", "li"), delivery("last", "li")]);
    assert_eq!(both.iter().map(|claimed| claimed.delivery.tries).collect::<Vec<_>>(), [3, 1]);
    let later = Settle { not_before: Some(first), ..settled(&both[1], DeliveryState::Retryable) };
    settle(&store, later).await;
    assert_eq!(
        ids(store.claim(first, last, 9, Claimable::default()).await.expect("a claim")),
        [delivery("last", "li")]
    );
}

async fn deliveries_of_one_instant_are_claimed_in_the_same_order_everywhere(store: Arc<dyn Store>) {
    let items: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    say(&store, items.iter().map(|id| opens(id, "li"))).await;
    let mut sorted: Vec<_> = items.iter().map(|id| delivery(id, "li")).collect();
    sorted.sort_unstable();
    for lease in ["02:01:00", "02:02:00"] {
        let claimed =
            store.claim(at(lease) - TimeDelta::minutes(1), at(lease), 99, Claimable::default()).await.expect("a claim");
        assert_eq!(claimed.iter().map(|claimed| claimed.delivery.id).collect::<Vec<_>>(), sorted);
    }
}

async fn a_hundred_thousand_rows_travel_in_one_turn(store: Arc<dyn Store>) {
    const ITEMS: usize = 16_700;
    const AGAIN: usize = 3_300;
    let id = |n: usize| format!("{n:05}");
    // Each with a snapshot, a card, a transition, a delivery and a notice.
    let new = (0..ITEMS)
        .map(id)
        .map(|id| ItemWrite { notices: vec![opens(&id, "li")], ..raised(&id, Level::Red, "01:00:00") });
    commit(&store, new).await;
    let again = (0..AGAIN).map(id).map(|id| {
        let mut item = tells(&id, [opens(&id, "li")]);
        item.record.version = 1;
        item
    });
    commit(&store, again).await;

    let keys: Vec<ItemKey> = (0..ITEMS).map(|n| key(&id(n))).collect();
    let found = store.load(&keys).await.expect("load");
    let versions = (0..ITEMS).map(|n| if n < AGAIN { 2 } else { 1 });
    let expected = keys.iter().zip(versions);
    assert!(found.iter().map(|record| (&record.item.key, record.version)).eq(expected));
    let counts = store.counts().await.expect("counts");
    let all = ITEMS as u64;
    assert_eq!((counts.items, counts.red, counts.waiting), (all, all, all));

    let claimed = store.claim(now(), at("03:00:00"), AGAIN, Claimable::default()).await.expect("a claim");
    let seals: Vec<_> = claimed.iter().map(sealed).collect();
    assert_eq!(store.seal(now(), &seals).await.expect("a seal"), []);
    let settles: Vec<_> = claimed.iter().map(|claimed| settled(claimed, DeliveryState::Sent)).collect();
    assert_eq!(store.settle(now(), &settles).await.expect("a settle"), []);
    assert_eq!(store.counts().await.expect("counts").sent, AGAIN as u64);
}
