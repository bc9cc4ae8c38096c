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
use duban::store::sqlite::SqliteStore;
use duban::store::{Store, Turn};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use crate::for_every_store;
use crate::sample::*;
use crate::stores::in_database;
use crate::support::postgres::Postgres;

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

/// What a trail of five entries is like for who walks along it.
async fn found(store: &Arc<dyn Store>, known: &[Head]) -> Result<Head, String> {
    let mut walk = Walk::new(known.iter().copied());
    let entries = store.audit(0, 99).await.map_err(|error| error.to_string())?;
    entries.iter().try_for_each(|entry| walk.pass(entry)).map_err(|broken| broken.to_string())?;
    let end = store.audit_head().await.map_err(|error| error.to_string())?;
    walk.end(Some(end)).map_err(|broken| broken.to_string())
}

/// Statements of somebody who has the database, and what is found then.
const TAMPERED: [(&str, &str); 18] = [
    ("UPDATE audit SET at = at + 1 WHERE seq = 1", "entry 1: "),
    ("UPDATE audit SET \"by\" = 'wang' WHERE seq = 3", "entry 3: "),
    ("UPDATE audit SET what = 'remark.add' WHERE seq = 5", "entry 5: "),
    ("UPDATE audit SET subject = '7' WHERE seq = 2", "entry 2: "),
    ("UPDATE audit SET why = '' WHERE seq = 4", "entry 4: "),
    ("UPDATE audit SET detail = '{\"a\":1}' WHERE seq = 3", "entry 3: "),
    ("UPDATE audit SET detail = '{' WHERE seq = 3", "entry 3 of the audit trail: "),
    ("UPDATE audit SET hash = (SELECT hash FROM audit WHERE seq = 1) WHERE seq = 4", "entry 4: "),
    ("UPDATE audit SET hash = 'x' WHERE seq = 4", "entry 4 of the audit trail: "),
    ("UPDATE audit SET at = 9223372036854775807 WHERE seq = 2", "entry 2 of the audit trail: "),
    ("DELETE FROM audit WHERE seq = 1", "entries 1 to 1 are missing"),
    ("DELETE FROM audit WHERE seq IN (3, 4)", "entries 3 to 4 are missing"),
    (
        "UPDATE audit SET seq = 9 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 9",
        "entry 2: ",
    ),
    ("INSERT INTO audit SELECT 6, at, \"by\", what, subject, why, detail, hash FROM audit WHERE seq = 5", "entry 6: "),
    // The tail is cut off, and the head stays.
    ("DELETE FROM audit WHERE seq > 3", "the trail ends at entry 3, and once had 5"),
    ("DELETE FROM audit", "the trail ends at entry 0, and once had 5"),
    // The head too: only who has written it down knows.
    (
        "DELETE FROM audit WHERE seq > 3; UPDATE audit_head SET seq = 3, hash = (SELECT hash FROM audit WHERE seq = 3)",
        "",
    ),
    ("DELETE FROM audit; DELETE FROM audit_head", ""),
];

/// Lets somebody who has the database try all of that: first against the triggers, then without them.
async fn tamper(store: &Arc<dyn Store>, run: impl AsyncFn(&'static str) -> bool, drop_triggers: &[&'static str]) {
    for n in 1..=5 {
        let turn = Turn { acts: vec![act("silence.add", &n.to_string())], ..Turn::default() };
        store.commit(&turn).await.expect("entered");
    }
    let head = found(store, &[]).await.expect("whole");
    for sql in ["UPDATE audit SET why = ''", "DELETE FROM audit WHERE seq = 5", "DELETE FROM audit_head"] {
        assert!(!run(sql).await, "{sql}");
    }
    assert!(!run("UPDATE audit_head SET seq = 3").await, "it goes on, never back");
    assert_eq!(found(store, &[head]).await, Ok(head));
    for sql in drop_triggers {
        assert!(run(sql).await, "{sql}");
    }
    assert!(run("CREATE TABLE audit_was AS SELECT * FROM audit").await);
    assert!(run("CREATE TABLE head_was AS SELECT * FROM audit_head").await);
    for (sql, says) in TAMPERED {
        assert!(run(sql).await, "{sql}");
        let without = found(store, &[]).await;
        match without {
            Err(broken) => assert!(!says.is_empty() && broken.contains(says), "{sql}: {broken}"),
            Ok(end) => assert!(says.is_empty() && end.seq < 5, "{sql}"),
        }
        found(store, &[head]).await.expect_err(sql);
        assert!(run("DELETE FROM audit").await && run("INSERT INTO audit SELECT * FROM audit_was").await);
        assert!(run("DELETE FROM audit_head").await && run("INSERT INTO audit_head SELECT * FROM head_was").await);
        assert_eq!(found(store, &[head]).await, Ok(head), "put right after {sql}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_changes_the_trail_in_a_file_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("duban.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).await.expect("a store"));
    let options = SqliteConnectOptions::new().filename(&path);
    let shell = SqlitePool::connect_with(options).await.expect("a connection");
    let run = async |sql| sqlx::raw_sql(sql).execute(&shell).await.is_ok();
    let triggers = [
        "DROP TRIGGER audit_is_not_updated",
        "DROP TRIGGER audit_is_not_deleted",
        "DROP TRIGGER audit_is_not_replaced",
        "DROP TRIGGER audit_head_is_not_deleted",
        "DROP TRIGGER audit_head_goes_on",
    ];
    tamper(&store, run, &triggers).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_in_a_file_is_replaced_without_a_word() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("duban.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).await.expect("a store"));
    store.commit(&Turn { acts: vec![act("a", "1")], ..Turn::default() }).await.expect("entered");
    let shell = SqlitePool::connect_with(SqliteConnectOptions::new().filename(&path)).await.expect("a connection");
    let replace = "INSERT OR REPLACE INTO audit SELECT seq, at, 'wang', what, subject, why, detail, hash FROM audit";
    let refused = sqlx::raw_sql(replace).execute(&shell).await.expect_err("refused");
    assert!(refused.to_string().contains("the audit trail is only added to"), "{refused}");
    trail(&store).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_changes_the_trail_on_a_server_is_found() {
    let database = Postgres::shared().new_database();
    let opened = in_database(&database.url()).await;
    let shell = sqlx::PgPool::connect(&format!("{}?sslmode=disable", database.url())).await.expect("a connection");
    let run = async |sql| sqlx::raw_sql(sql).execute(&shell).await.is_ok();
    let triggers = [
        "DROP TRIGGER audit_is_not_changed ON audit",
        "DROP TRIGGER audit_head_is_not_deleted ON audit_head",
        "DROP TRIGGER audit_head_goes_on ON audit_head",
    ];
    tamper(&opened.store, run, &triggers).await;
    shell.close().await;
    opened.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_programs_on_one_file_add_to_one_trail() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("duban.db");
    let daemon: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).await.expect("a store"));
    let beside: Arc<dyn Store> = Arc::new(SqliteStore::visit(&path).await.expect("a visit"));
    tokio::join!(write_acts(daemon.clone(), 0, 60), write_acts(beside.clone(), 1, 60));
    check_writers(&beside, 2, 60).await;
    beside.close().await;
    daemon.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_programs_on_one_server_add_to_one_trail() {
    let database = Postgres::shared().new_database();
    let first = in_database(&database.url()).await;
    let others = [in_database(&database.url()).await, in_database(&database.pooled_url()).await];
    let stores = [&first, &others[0], &others[1]].map(|opened| opened.store.clone());
    let writers = stores
        .iter()
        .enumerate()
        .flat_map(|(n, store)| [2 * n, 2 * n + 1].map(|writer| tokio::spawn(write_acts(store.clone(), writer, 30))));
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("a writer");
    }
    check_writers(&stores[0], 6, 30).await;
    for store in stores {
        store.close().await;
    }
}
