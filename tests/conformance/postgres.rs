//! What only a shared server can do or suffer: several installations, nudges, other schemas, standbys.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use duban::core::delivery::DeliveryState;
use duban::store::postgres::{PostgresConfig, PostgresStore, PostgresTls};
use duban::store::{Claimable, Store, StoreError};

use crate::sample::*;
use crate::support::postgres::{Database, Postgres};

fn config(database: &Database<'_>) -> PostgresConfig {
    PostgresConfig { tls: PostgresTls::Off, ..PostgresConfig::at(database.url()) }
}

async fn open(database: &Database<'_>, instance: &Path) -> Arc<dyn Store> {
    Arc::new(PostgresStore::open(&config(database), None, instance).await.expect("a store"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_ends_its_own_leases_and_nobody_elses() {
    let database = Postgres::shared().new_database();
    let folder = tempfile::tempdir().expect("a folder");
    let [here, there] = ["here", "there"].map(|name| folder.path().join(name));
    let (first, other) = (open(&database, &here).await, open(&database, &there).await);
    commit(&first, [tells("A", [opens("A", "li")]), tells("B", [opens("B", "wang")])]).await;
    let [mine, theirs] = [&first, &other].map(|store| store.claim(now(), at("09:00:00"), 1, Claimable::default()));
    let (mine, theirs) = (mine.await.expect("a claim").remove(0), theirs.await.expect("a claim").remove(0));
    first.close().await;
    drop(first);

    // The same installation comes back: the file says who it is.
    let again = open(&database, &here).await;
    again.end_leases(at("03:00:00")).await.expect("ended");
    let claimed = claim(&again, at("03:00:00")).await;
    assert_eq!(claimed.iter().map(|c| c.delivery.id).collect::<Vec<_>>(), [mine.delivery.id]);
    assert_eq!(other.settle(now(), &[settled(&theirs, DeliveryState::Sent)]).await.expect("settled"), []);
    for store in [again, other] {
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_is_woken_and_oneself_is_not() {
    let database = Postgres::shared().new_database();
    let folder = tempfile::tempdir().expect("a folder");
    let [here, there] = ["here", "there"].map(|name| folder.path().join(name));
    let (first, other) = (open(&database, &here).await, open(&database, &there).await);
    let visitor = PostgresStore::visit(&config(&database), None).await.expect("a visit");
    let nudged =
        async |store: &Arc<dyn Store>| tokio::time::timeout(Duration::from_secs(5), store.nudged()).await.is_ok();
    // Who listens begins a moment after the opening: what is said before is not heard.
    let mut heard = false;
    for turn in 0..10 {
        commit(&first, [tells(&turn.to_string(), [opens(&turn.to_string(), "li")])]).await;
        heard = tokio::time::timeout(Duration::from_millis(500), other.nudged()).await.is_ok();
        if heard {
            break;
        }
    }
    assert!(heard, "the other is not woken");
    let heard = tokio::time::timeout(Duration::from_millis(300), first.nudged()).await;
    assert!(heard.is_err(), "it is woken by itself");
    let claimed = claim(&other, now()).await;
    settle(&other, settled(&claimed[0], DeliveryState::Discarded)).await;
    assert!(visitor.retry_delivery(claimed[0].delivery.id, now(), None).await.expect("retry"));
    assert!(nudged(&first).await && nudged(&other).await, "a command beside the daemon wakes it");
    visitor.close().await;
    for store in [first, other] {
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_is_refused_and_a_second_process_of_an_installation_too() {
    let database = Postgres::shared().new_database();
    let folder = tempfile::tempdir().expect("a folder");
    let instance = folder.path().join("duban.instance");
    let store = open(&database, &instance).await;
    let refused = PostgresStore::open(&config(&database), None, &instance).await.expect_err("it is taken");
    assert!(matches!(&refused, StoreError::Unavailable(text) if text.contains("another duban")), "{refused}");
    store.close().await;
    drop(store);
    Postgres::shared().run_in(
        &database.name,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (999, 'later', true, '', 0)",
    );
    for refused in [
        PostgresStore::open(&config(&database), None, &instance).await.expect_err("it is newer"),
        PostgresStore::visit(&config(&database), None).await.expect_err("it is newer"),
    ] {
        assert!(matches!(&refused, StoreError::Newer { schema: 999, .. }), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visit_to_an_empty_database_says_that_there_is_no_store() {
    let database = Postgres::shared().new_database();
    let refused = PostgresStore::visit(&config(&database), None).await.expect_err("it is empty");
    assert!(refused.to_string().contains("no store in this database yet"), "{refused}");
}
