//! How fast the embedded store is: a turn's rows beside the same rows inserted bare, and the timer over a million items.
//!
//! `cargo bench --bench store [-- ITEMS]`; the number of items is 1,000,000 unless given. Bare rows are the yardstick of
//! the machine: they go by `json_each` into two tables with nothing but a primary key, in one transaction.
#![allow(clippy::disallowed_methods, clippy::cast_precision_loss)] // A benchmark reads the clock and prints figures.

use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use chrono::TimeDelta;
use duban::core::Instant;
use duban::core::card::{CardId, Change, Transition, Watch};
use duban::core::delivery::{DeliveryId, DeliveryState};
use duban::core::digest::Digest;
use duban::core::item::{Item, ItemKey};
use duban::core::notice::{Notice, NoticeKind, NoticeState, Placement, Planned};
use duban::core::reason::Reason;
use duban::core::value::Value;
use duban::core::window::{Level, Ruling, Window};
use duban::store::sql::{NoticeRow, TransitionRow, batches};
use duban::store::sqlite::SqliteStore;
use duban::store::{ItemRecord, ItemWrite, Seal, Settle, Store, Turn};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

const TURN: usize = 10_000;
const RAISING: usize = 100_000;
const CONTACTS: usize = 200;

#[tokio::main]
async fn main() {
    let items = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("duban.db");
    let store = SqliteStore::open(&path).await.expect("a store");
    courier(&store, turns(&store, &folder).await).await;
    timer(&store, items).await;
    store.close().await;
    drop(store);
    let bytes = std::fs::metadata(&path).expect("the file").len();
    let began = Clock::now();
    SqliteStore::open(&path).await.expect("a store");
    println!("open with quick_check        {:>10.2} s of {} MB", began.elapsed().as_secs_f64(), bytes >> 20);
}

/// Writes new items, then raises a card on each and tells somebody; beside it the same rows bare.
async fn turns(store: &SqliteStore, folder: &tempfile::TempDir) -> usize {
    let bare = bare(folder.path().join("bare.db")).await;
    let (mut seen, mut raised, mut plain) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for turn in 0..RAISING / TURN {
        let ids = turn * TURN..(turn + 1) * TURN;
        let first: Vec<ItemWrite> = ids.clone().map(new_item).collect();
        let due: Vec<ItemWrite> = ids.map(raise).collect();
        seen += commit(store, first).await;
        plain += insert(&bare, &due).await;
        raised += commit(store, due).await;
    }
    let rate = |rows: usize, spent: Duration| rows as f64 / spent.as_secs_f64() / 1_000.0;
    println!("new items (+ snapshot)       {:>10.1} k items/s", rate(RAISING, seen));
    println!(
        "card and notice, commit      {:>10.1} k rows/s (transition + notice; all rows: {:.1} k/s)",
        rate(2 * RAISING, raised),
        rate(4 * RAISING, raised)
    );
    println!("card and notice, bare        {:>10.1} k rows/s", rate(2 * RAISING, plain));
    println!("commit beside bare           {:>10.2}", plain.as_secs_f64() / raised.as_secs_f64());
    RAISING
}

async fn commit(store: &SqliteStore, items: Vec<ItemWrite>) -> Duration {
    let turn = Turn { items, ..Turn::default() };
    let began = Clock::now();
    let committed = store.commit(&turn).await.expect("a commit");
    assert!(committed.lost.is_empty());
    began.elapsed()
}

async fn bare(path: std::path::PathBuf) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("a file");
    for table in [
        "CREATE TABLE transitions (card, number, source, item, rule, name, episode, change, from_level, to_level, at,
            noticed_at, reason, verdict, rule_version, calendar_version, ladder, PRIMARY KEY (card, number))",
        "CREATE TABLE notices (key PRIMARY KEY, kind, card, source, item, episode, number, level, step, ordinal, contact,
            channel, planned_at, state, hold, delivery, body)",
    ] {
        sqlx::query(table).execute(&pool).await.expect("a table");
    }
    pool
}

async fn insert(pool: &SqlitePool, items: &[ItemWrite]) -> Duration {
    let began = Clock::now();
    let transitions =
        items.iter().flat_map(|i| i.transitions.iter().map(|t| TransitionRow::new(&i.record.item.key, t)));
    let transitions: Vec<_> = transitions.collect();
    let notices: Vec<_> = items.iter().flat_map(|i| &i.notices).map(|p| NoticeRow::from(&p.notice)).collect();
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await.expect("a transaction");
    for batch in batches(&transitions) {
        sqlx::query(
            "WITH rows (v) AS MATERIALIZED (SELECT value FROM json_each($1))
            INSERT INTO transitions SELECT v->>'card', v->>'number', v->>'source', v->>'item',
            v->>'rule', v->>'name', v->>'episode', v->>'change', v->>'from_level', v->>'to_level',
            v->>'at', v->>'noticed_at', v->>'reason', v->>'verdict', v->>'rule_version',
            v->>'calendar_version', v->>'ladder' FROM rows",
        )
        .bind(batch)
        .execute(&mut *tx)
        .await
        .expect("an insert");
    }
    for batch in batches(&notices) {
        sqlx::query(
            "WITH rows (v) AS MATERIALIZED (SELECT value FROM json_each($1))
            INSERT INTO notices SELECT v->>'key', v->>'kind', v->>'card', v->>'source',
            v->>'item', v->>'episode', v->>'number', v->>'level', v->>'step', v->>'ordinal',
            v->>'contact', v->>'channel', v->>'planned_at', v->>'state', v->>'hold',
            v->>'delivery', v->>'body' FROM rows",
        )
        .bind(batch)
        .execute(&mut *tx)
        .await
        .expect("an insert");
    }
    tx.commit().await.expect("a commit");
    began.elapsed()
}

/// Claims, seals and settles everything by the hundred; then measures deliveries of one notice each.
async fn courier(store: &SqliteStore, raised: usize) {
    let began = Clock::now();
    let deliveries = drain(store).await;
    println!(
        "claim, seal, settle          {:>10.1} k deliveries/s ({deliveries} of {raised} notices)",
        deliveries as f64 / began.elapsed().as_secs_f64() / 1_000.0
    );
    let own = (0..RAISING / 10).map(|n| planned(RAISING + n, &format!("single {n}"), true)).collect();
    store.commit(&Turn { notices: own, ..Turn::default() }).await.expect("a commit");
    let began = Clock::now();
    let deliveries = drain(store).await;
    println!(
        "claim, seal, settle          {:>10.1} k deliveries/s ({deliveries} of one notice)",
        deliveries as f64 / began.elapsed().as_secs_f64() / 1_000.0
    );
}

async fn drain(store: &SqliteStore) -> usize {
    let mut sent = 0;
    loop {
        let claimed = store.claim(now(), now() + TimeDelta::minutes(1), 100, &[]).await.expect("a claim");
        if claimed.is_empty() {
            return sent;
        }
        sent += claimed.len();
        let seal = |id, fence| Seal { id, fence, dropped: vec![], sealed: Some("facts".into()), postponed_to: None };
        let seals: Vec<_> = claimed.iter().map(|c| seal(c.delivery.id, c.fence)).collect();
        let settle = |id, fence| Settle {
            id,
            fence,
            state: DeliveryState::Sent,
            not_before: None,
            reason: "250 ok".into(),
            remote_id: None,
        };
        let settles: Vec<_> = claimed.iter().map(|c| settle(c.delivery.id, c.fence)).collect();
        assert!(store.seal(now(), &seals).await.expect("a seal").is_empty());
        assert!(store.settle(now(), &settles).await.expect("a settle").is_empty());
    }
}

/// The store as a timer: looks at a million items of which none, or a thousand, are due.
async fn timer(store: &SqliteStore, items: usize) {
    for from in (RAISING..items).step_by(TURN) {
        commit(store, (from..(from + TURN).min(items)).map(new_item).collect()).await;
    }
    let mut spent = Vec::new();
    for _ in 0..2_000 {
        let began = Clock::now();
        assert!(store.due_items(now(), 1_000).await.expect("due").is_empty());
        spent.push(began.elapsed());
    }
    spent.sort();
    let ms = |duration: Duration| duration.as_secs_f64() * 1_000.0;
    println!("nothing due of {items:>9}     {:>10.3} ms p50, {:.3} ms p99", ms(spent[1_000]), ms(spent[1_980]));
    let began = Clock::now();
    let due = store.due_items(now() + TimeDelta::days(400), 1_000).await.expect("due");
    println!("{} due                     {:>10.3} ms", due.len(), ms(began.elapsed()));
    let began = Clock::now();
    assert_eq!(store.load(&due).await.expect("a load").len(), due.len());
    println!("{} loaded                  {:>10.3} ms", due.len(), ms(began.elapsed()));
    let began = Clock::now();
    println!("digests of {:>9}         {:>10.3} s", digests(store).await, began.elapsed().as_secs_f64());
    let began = Clock::now();
    let counts = store.counts().await.expect("counts");
    println!("counts of {:>9} items    {:>10.3} ms", counts.items, ms(began.elapsed()));
}

async fn digests(store: &SqliteStore) -> usize {
    let (mut seen, mut after): (usize, Option<Arc<str>>) = (0, None);
    loop {
        let page = store.digests("tickets", after.as_deref(), TURN).await.expect("digests");
        let Some((last, ..)) = page.last() else { return seen };
        after = Some(last.clone());
        seen += page.len();
    }
}

fn now() -> Instant {
    "2026-03-02T02:00:00Z".parse().expect("an instant")
}

fn key(n: usize) -> ItemKey {
    ItemKey::new("tickets", format!("T{n:08}"))
}

fn minutes(n: usize) -> TimeDelta {
    TimeDelta::minutes(i64::try_from(n % 500_000).expect("a small number"))
}

/// An item as a city's hotline has them, with two windows.
fn new_item(n: usize) -> ItemWrite {
    let mut item = Item::new(key(n), "ticket");
    for (name, text) in [("title", "路灯不亮，请尽快修复"), ("status", "open"), ("unit", "water"), ("type", "建议")]
    {
        item.fields.set(name, Value::text(text));
    }
    for name in ["received_at", "dispatched_at"] {
        item.fields.set(name, Value::Instant(now() - minutes(n)));
    }
    let window = |name: &str, limit: &str| Window::new(name, limit.parse().expect("a limit"), Some(now() - minutes(n)));
    let windows = vec![window("feedback", "1wd"), window("solved", "10wd")];
    let record = ItemRecord {
        digest: item.digest(),
        item,
        first_seen_at: now(),
        seen_at: now(),
        rulings: vec![Ruling { rule: "2110".into(), version: version(), windows, findings: vec![] }],
        watches: vec![],
        noticed_at: None,
        next_look_at: Some(now() + TimeDelta::minutes(1) + minutes(n)),
        judged_under: version(),
        missing_polls: 0,
        version: 0,
    };
    ItemWrite { record, keep_snapshot: true, transitions: vec![], notices: vec![] }
}

fn version() -> Digest {
    Digest::of([&b"version"[..]])
}

/// The same item when it turns red, and somebody is told: many notices share a contact's delivery.
fn raise(n: usize) -> ItemWrite {
    let mut write = new_item(n);
    write.record.version = 1;
    write.keep_snapshot = false;
    let card = CardId::new(&key(n), "2110", "solved");
    write.record.watches.push(Watch {
        card,
        rule: "2110".into(),
        name: "solved".into(),
        level: Some(Level::Red),
        at: Some(now()),
        episode: 1,
        number: 1,
        stopped: None,
    });
    write.transitions.push(Transition {
        card,
        rule: "2110".into(),
        name: "solved".into(),
        episode: 1,
        number: 1,
        change: Change::Raise,
        from: None,
        to: Some(Level::Red),
        at: now(),
        noticed_at: now(),
        reason: Reason::Due { due_at: now() },
        verdict: None,
        rule_version: version(),
        calendar_version: version(),
        ladder: None,
    });
    write.notices.push(planned(n, &format!("contact {}", n % CONTACTS), n < CONTACTS));
    write
}

fn planned(n: usize, contact: &str, opens: bool) -> Planned {
    let identity = |n: usize| Digest::of([contact.as_bytes(), n.to_string().as_bytes()]);
    let opener = if opens { n } else { n % CONTACTS };
    let delivery = DeliveryId::new(contact, "mail", identity(opener));
    let notice = Notice {
        key: identity(n),
        kind: NoticeKind::Raise,
        card: Some(CardId::new(&key(n), "2110", "solved")),
        item: Some(key(n)),
        episode: 1,
        number: 1,
        level: Some(Level::Red),
        step: 0,
        ordinal: 0,
        contact: contact.into(),
        channel: "mail".into(),
        planned_at: now(),
        rehearsal: false,
        state: NoticeState::Planned,
        hold: None,
        delivery: Some(delivery),
        change: None,
        body: None,
    };
    let placement = Placement { delivery, opens, not_before: now(), waits_for: None, rehearsal: false };
    Planned { notice, placement: Some(placement) }
}
