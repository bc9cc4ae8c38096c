//! How PostgreSQL carries the hot statements out: by an index, whatever the number of rows. The server itself says so: it
//! writes the plan of everything that it runs into its log.

use std::sync::Arc;

use duban::core::delivery::{DeliveryState, Receipt};
use duban::core::notice::{Hold, Wait};
use duban::core::rate::{Rate, Rates};
use duban::store::{Claimable, DeliveryFilter, GivenBack, Settle, Store, Turn, Want};

use crate::sample::*;
use crate::stores::in_database;
use crate::support::postgres::Postgres;

/// The tables that grow with the city.
const BIG: [&str; 10] = [
    "items",
    "snapshots",
    "transitions",
    "cards",
    "deliveries",
    "seals",
    "notices",
    "past_attempts",
    "sends",
    "acknowledgements",
];

/// A big city, from one item: nothing of it is due.
const CITY: [&str; 10] = [
    "INSERT INTO items SELECT 'tickets', 'T' || n, digest, judged_under, 1, 0, 0, NULL, 4000000000000000 + n, 0, NULL, title,
        NULL, item, rulings, watches FROM items CROSS JOIN generate_series(1, 30000) AS n",
    "INSERT INTO snapshots (source, item, seen_at, digest, content)
        SELECT source, id, 0, digest, item FROM items",
    "INSERT INTO cards SELECT md5('card' || n), 'tickets', 'T' || n, '2110', 'solved', CASE n % 2 WHEN 0 THEN 'red' END,
        CASE n % 2 WHEN 0 THEN n END, 1, 1 FROM generate_series(1, 30000) AS n",
    "INSERT INTO transitions (card, number, source, item, rule, name, episode, change, at, noticed_at, reason,
        rule_version, calendar_version, to_level, unit)
        SELECT card, 1, source, item, rule, name, 1, 'raise', 0, 0, '{\"why\":\"recovered\"}', md5(''), md5(''), level, 'u' || right(item, 2) FROM cards",
    "INSERT INTO deliveries (id, contact, channel, state, not_before, opened_at, tries, rehearsal, fence, settled_at)
        SELECT md5('delivery' || n), 'c' || n % 200, 'mail', CASE n % 10 WHEN 0 THEN 'available' ELSE 'sent' END,
        4000000000000000 + n, n, 0, false, 0, CASE n % 10 WHEN 0 THEN NULL ELSE n END FROM generate_series(1, 30000) AS n",
    "INSERT INTO notices (key, kind, card, source, item, episode, number, level, step, ordinal, contact, channel,
        planned_at, rehearsal, state, delivery, because)
        SELECT md5('notice' || n), 'raise', md5('card' || n), 'tickets', 'T' || n, 1, 1, 'red', 0, 0, 'c' || n % 200,
        'mail', n, false, 'planned', md5('delivery' || 1 + n % 600), '{}' FROM generate_series(1, 30000) AS n",
    "INSERT INTO past_attempts SELECT id, 1, 1, 0, 0, 'sent', NULL, NULL FROM deliveries",
    "INSERT INTO seals SELECT id, '{}' FROM deliveries",
    "INSERT INTO sends (channel, contact, at) SELECT 'c' || n % 3, 'c' || n % 200, n FROM generate_series(1, 30000) AS n",
    "INSERT INTO acknowledgements (card, episode, level, step, contact, \"by\", via, at)
        SELECT card, 1, 'red', 0, 'li', 'li', 'link', 0 FROM cards",
];

/// The statements of the log whose plan reads a whole table, each with its plan.
fn whole_tables(log: &str) -> Vec<&str> {
    let entries = log.split(" LOG:  ").filter(|entry| entry.contains("plan:"));
    let reads_all = |entry: &&str| BIG.iter().any(|table| entry.contains(&format!("Seq Scan on {table} ")));
    entries.filter(reads_all).collect()
}

/// Every hot verb once.
async fn work(store: &Arc<dyn Store>) {
    store.due_items(None, now(), 100).await.expect("due");
    store.next_look_at(None).await.expect("next");
    store.due_items(Some("tickets"), now(), 100).await.expect("due");
    store.next_look_at(Some("tickets")).await.expect("next");
    store.stale_items(digest("playbook"), 100).await.expect("stale");
    store.digests("tickets", Some("T500"), 100).await.expect("digests");
    store.find_items("T7").await.expect("found");
    let keys: Vec<_> = (1..=1_000).map(|n| key(&format!("T{n}"))).collect();
    store.load(&keys).await.expect("load");
    store.notices_about(&keys).await.expect("notices");
    store.transitions(&key("T0")).await.expect("transitions");
    store.histories(&keys).await.expect("transitions");
    store.reds(&["u17".into(), "u42".into()], chrono::DateTime::UNIX_EPOCH, 6).await.expect("reds");
    store.snapshots(&key("T7")).await.expect("snapshots");
    store.held_notices(&Hold::Baseline, 10).await.expect("held");
    let open = store.open_cards(10).await.expect("cards");
    assert_eq!(store.item_of(open[0].card).await.expect("item"), Some(open[0].item.clone()));
    store.standing(&[open[0].card]).await.expect("a standing card");
    store.open_deliveries(&["li".into()]).await.expect("open");
    let filter = DeliveryFilter { limit: 10, ..DeliveryFilter::default() };
    store.deliveries(&filter).await.expect("deliveries");
    store.deliveries(&DeliveryFilter { contact: Some("li".into()), ..filter.clone() }).await.expect("deliveries");
    store.deliveries(&DeliveryFilter { state: Some(DeliveryState::Available), ..filter }).await.expect("deliveries");

    let items = (0..50).map(|n| n.to_string()).map(|id| tells(&id, [opens(&id, &format!("contact {id}"))]));
    commit(store, items).await;
    store.next_claim_at(&["sms".into()]).await.expect("next");
    store.waiting_since(now()).await.expect("since");
    let claimed = store.claim(now(), at("09:00:00"), 50, Claimable::default()).await.expect("a claim");
    let [first, second, third, fourth, fifth, sixth] = &claimed[..6] else { panic!("six deliveries") };
    seal(store, sealed(first)).await;
    settle(store, Settle { reason: "250 ok".into(), ..settled(first, DeliveryState::Sent) }).await;
    settle(store, settled(second, DeliveryState::Discarded)).await;
    store.give_back(now(), &[given_back(third)]).await.expect("given back");
    assert!(store.retry_delivery(second.delivery.id, now(), None).await.expect("retry"));
    assert!(store.cancel_delivery(third.delivery.id, now(), None).await.expect("cancel"));
    settle(store, Settle { remote_id: Some("1".into()), ..settled(fourth, DeliveryState::Sent) }).await;
    let refused = Settle { bad_address: Some("li@example.com".into()), ..settled(fifth, DeliveryState::Discarded) };
    settle(store, refused).await;
    let until = Some((at("10:00:00"), Wait::Rate));
    store.give_back(now(), &[GivenBack { until, ..given_back(sixth) }]).await.expect("given back");
    store.without_receipt(CHANNEL, at("01:00:00"), 10).await.expect("deliveries");
    let lost = Receipt { remote_id: "1".into(), delivered: false, reason: String::new() };
    assert_eq!(store.put_receipts(now(), CHANNEL, &[lost]).await.expect("receipts"), [fourth.delivery.id]);
    let unreported: Vec<_> = store.unreported(10).await.expect("deliveries").into_iter().map(|(d, _)| d.id).collect();
    assert_eq!(unreported.len(), 2);
    store.commit(&Turn { reported: unreported, ..Turn::default() }).await.expect("a commit");
    let of = Claimable { except: &["sms".into()], only: Some(&["c7".into(), "c8".into()]) };
    store.claim(now(), at("09:00:00"), 50, of).await.expect("a claim");
    let rates = Rates { all: vec![Rate::per_minute(99)], each: vec![Rate::per_day(9), Rate::per_minute(1)] };
    let wants = (0..100).map(|n| format!("c{n}").into());
    let wants = wants.map(|contact| Want { channel: "c1".into(), contact, rates: rates.clone() });
    store.take(now(), &wants.collect::<Vec<_>>()).await.expect("answers");
    store.acknowledgements(&[card("T7"), card("T8")]).await.expect("acknowledgements");
    store.silences(false).await.expect("silences");
    store.delivery(&first.delivery.id.to_string()[..8]).await.expect("deliveries");
    store.attempts(first.delivery.id).await.expect("attempts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_reads_no_whole_table_for_a_hot_statement() {
    let server = Postgres::start();
    let database = server.new_database();
    let store = in_database(&database.url()).await;
    commit(&store.store, [write("one")]).await;
    for sql in CITY {
        server.run_in(&database.name, sql);
    }
    server.run_in(&database.name, "ANALYZE");
    for setting in ["session_preload_libraries = 'auto_explain'", "auto_explain.log_min_duration = 0"] {
        server.run(&format!("ALTER DATABASE {} SET {setting}", database.name));
    }
    // Whoever comes back after this comes back with the settings.
    server.terminate_connections();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let before = server.log().len();
    work(&store.store).await;
    let log = server.log();
    let log = &log[before..];
    assert!(log.matches("plan:").count() > 40, "plans are written down:\n{log}");
    assert!(log.contains("using items_due on items"), "{log}");
    let wrong = whole_tables(log);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    store.store.close().await;
}
