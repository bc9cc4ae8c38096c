//! What only a file can suffer: folders, locks, modes, damage, other schemas, sudden ends.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use duban::store::sqlite::SqliteStore;
use duban::store::{Store, StoreError};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use crate::sample::*;

async fn open(path: &Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(path).await.expect("a store"))
}

/// A connection beside the store's own, such as somebody's shell.
async fn beside(path: &Path) -> SqlitePool {
    SqlitePool::connect_with(SqliteConnectOptions::new().filename(path)).await.expect("a connection")
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("duban.db");
    let store = open(&path).await;
    commit(&store, [tells("A", [opens("A", "li")])]).await;
    let claimed = claim_one(&store, now()).await;
    store.close().await;
    drop(store);
    let store = open(&path).await;
    assert_eq!(loaded(&store, "A").await.version, 1);
    let again = claim_one(&store, at("02:01:00")).await;
    assert_eq!((again.delivery.id, again.members), (claimed.delivery.id, claimed.members));
}

#[tokio::test]
async fn a_store_that_is_dropped_without_closing_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("duban.db");
    let store = open(&path).await;
    commit(&store, [write("A")]).await;
    drop(store);
    // The lock goes with the store, the connections a moment later.
    assert_eq!(loaded(&open(&path).await, "A").await.version, 1);
}

#[tokio::test]
async fn what_a_sudden_end_leaves_on_the_disk_is_all_that_was_committed() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder.path().join("duban.db")).await;
    for n in 0..50_u32 {
        let id = n.to_string();
        commit(&store, [tells(&id, [opens(&id, "li")])]).await;
        if n % 10 == 9 {
            // What a kill leaves: the file and its log as they are.
            let left = tempfile::tempdir().expect("a folder");
            for file in ["duban.db", "duban.db-wal"] {
                std::fs::copy(folder.path().join(file), left.path().join(file)).expect("a copy");
            }
            let counts = open(&left.path().join("duban.db")).await.counts().await.expect("counts");
            assert_eq!((counts.items, counts.waiting), (u64::from(n) + 1, u64::from(n) + 1));
        }
    }
}

#[tokio::test]
async fn a_commit_that_is_abandoned_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("duban.db");
    let store = open(&path).await;
    let items = |count: usize| turn((0..count).map(|n| n.to_string()).map(|id| tells(&id, [opens(&id, "li")])));
    for polls in [1, 3, 5, 9] {
        let turn = items(3_000);
        let mut commit = Box::pin(store.commit(&turn));
        for _ in 0..polls {
            let _ = tokio::time::timeout(std::time::Duration::from_millis(4), &mut commit).await;
        }
        drop(commit);
        let counts = store.counts().await.expect("counts");
        assert!(counts.items == 0 && counts.waiting == 0 || counts.items == 3_000 && counts.waiting == 3_000);
        if counts.items > 0 {
            break;
        }
    }
    let raw = beside(&path).await;
    let mut tx = raw.begin_with("BEGIN IMMEDIATE").await.expect("a transaction");
    sqlx::query("INSERT INTO schedules VALUES ('x', 1)").execute(&mut *tx).await.expect("an insert");
    drop(tx);
    raw.close().await;
    assert_eq!(store.last_fired("x").await.expect("last"), None);
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("duban.db");
    let store = open(&path).await;
    let refused = SqliteStore::open(&path).await.expect_err("it is open");
    assert!(matches!(&refused, StoreError::Unavailable(text) if text.contains("another duban")), "{refused}");
    drop(store);
    open(&path).await;
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_reads_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("duban.db");
    let store = open(&path).await;
    commit(&store, [write("A")]).await;
    for file in std::fs::read_dir(folder.path()).expect("a folder") {
        let file = file.expect("a file");
        let mode = file.metadata().expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = SqliteStore::open(folder.path().join("missing/duban.db")).await.expect_err("no folder");
    assert!(matches!(&refused, StoreError::NotWritable(text) if text.contains("missing does not exist")), "{refused}");
    let refused = SqliteStore::open(folder.path()).await.expect_err("a folder is no file");
    assert!(matches!(refused, StoreError::NotWritable(_)), "{refused}");
    let file = folder.path().join("file");
    std::fs::write(&file, "x").expect("a file");
    let refused = SqliteStore::open(file.join("duban.db")).await.expect_err("a file is no folder");
    assert!(matches!(refused, StoreError::NotWritable(_)), "{refused}");
}

#[tokio::test]
async fn what_is_no_store_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("duban.db");
    std::fs::write(&path, "not a database, but somebody's notes\n".repeat(500)).expect("a file");
    let before = std::fs::read(&path).expect("a file");
    let refused = SqliteStore::open(&path).await.expect_err("no database");
    assert!(matches!(refused, StoreError::Unreadable(_)), "{refused}");
    assert_eq!(std::fs::read(&path).expect("a file"), before);
}

#[tokio::test]
async fn damage_is_found_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("duban.db");
    let store = open(&path).await;
    commit(&store, (0..500).map(|n| write(&n.to_string()))).await;
    store.close().await;
    drop(store);
    let whole = std::fs::read(&path).expect("a file");
    let mut flipped = whole.clone();
    for byte in &mut flipped[40 * 4_096..60 * 4_096] {
        *byte ^= 0xa5;
    }
    for damaged in [&flipped[..], &whole[..whole.len() / 2]] {
        std::fs::write(&path, damaged).expect("a file");
        let refused = SqliteStore::open(&path).await.expect_err("it is damaged");
        assert!(matches!(refused, StoreError::Unreadable(_)), "{refused}");
    }
    std::fs::write(&path, whole).expect("a file");
    assert_eq!(open(&path).await.counts().await.expect("counts").items, 500);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("duban.db");
    open(&path).await.close().await;
    let raw = beside(&path).await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'newer', true, x'00', 0)";
    sqlx::query(newer).execute(&raw).await.expect("an insert");
    raw.close().await;
    let refused = SqliteStore::open(&path).await.expect_err("a newer schema");
    assert!(matches!(&refused, StoreError::Newer { schema: 9999, backup: None, .. }), "{refused}");
}

#[tokio::test]
async fn a_lock_held_by_a_shell_is_waited_for_and_then_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("duban.db");
    let store = open(&path).await;
    let raw = beside(&path).await;
    let shell = raw.begin_with("BEGIN IMMEDIATE").await.expect("a lock");
    assert_eq!(store.counts().await.expect("it is readable").items, 0);
    let refused = store.commit(&turn([write("A")])).await.expect_err("it is locked");
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    shell.rollback().await.expect("a rollback");
    commit(&store, [write("A")]).await;
}

#[tokio::test]
async fn a_store_in_memory_does_the_same() {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open_in_memory().await.expect("a store"));
    commit(&store, [tells("A", [opens("A", "li")])]).await;
    assert_eq!(claim_one(&store, now()).await.members.len(), 1);
}

#[tokio::test]
async fn a_command_beside_the_daemon_wakes_it_and_its_own_commits_do_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("duban.db");
    let store = open(&path).await;
    let nudged = async || tokio::time::timeout(Duration::from_secs(2), store.nudged()).await.is_ok();
    let visitor = SqliteStore::visit(&path).await.expect("a visit");
    visitor.fired("at once", now()).await.expect("written");
    assert!(nudged().await, "so does one that is there as soon as the daemon");
    assert!(!nudged().await, "nobody has written anything since");
    commit(&store, [tells("A", [opens("A", "li")])]).await;
    assert!(!nudged().await, "it is woken by itself");
    visitor.fired("beside", now()).await.expect("written");
    assert!(nudged().await, "a command beside the daemon wakes it");
    visitor.close().await;
    store.close().await;
}
