//! Which schema a file has, and how it is brought up to date.
//!
//! **Invariant:** a store that holds a schema is copied, and the copy is proved to be whole, before its schema is touched.
//! What another program or a newer duban wrote is never touched.

use std::path::{Path, PathBuf};

use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnection;

use super::backup;
use crate::store::{Result, StoreError, Updated};

// Compiled in: a new file in the folder is seen when this one is compiled again, which a test watches.
pub static SCHEMA: Migrator = sqlx::migrate!("src/store/migrations/sqlite");

/// The name of the first schema: by it a store is told from another program's database.
const FIRST: (i64, &str) = (1, "memory");

/// Whose a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing is in it.
    Nothing,
    /// A store of this schema.
    Store(i64),
    /// Another program's tables.
    Foreign,
}

/// Looks whose a file is.
pub async fn look(connection: &mut SqliteConnection) -> sqlx::Result<Found> {
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut *connection).await?;
    if tables.is_empty() {
        return Ok(Found::Nothing);
    }
    if !tables.iter().any(|table| table == "_sqlx_migrations") {
        return Ok(Found::Foreign);
    }
    let applied = "SELECT version, description FROM _sqlx_migrations WHERE success ORDER BY version";
    let applied: Vec<(i64, String)> = sqlx::query_as(applied).fetch_all(connection).await?;
    Ok(match (applied.first(), applied.last()) {
        (Some((version, name)), Some((newest, _))) if (*version, name.as_str()) == FIRST => Found::Store(*newest),
        (None, _) if tables.len() == 1 => Found::Nothing,
        _ => Found::Foreign,
    })
}

/// The newest schema of a list of migrations.
pub fn newest(schema: &Migrator) -> i64 {
    schema.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// Brings the schema of the store at `path` up to date.
pub async fn update(path: &Path, connection: &mut SqliteConnection, schema: &Migrator) -> Result<Updated> {
    let to = newest(schema);
    let (from, backup) = match look(connection).await? {
        Found::Nothing => (None, None),
        Found::Foreign => return Err(foreign()),
        Found::Store(from) if to < from => return Err(newer(path, from, to).await),
        Found::Store(from) if from == to => (Some(from), None),
        Found::Store(from) => (Some(from), Some(back_up(path, connection, from).await?)),
    };
    schema.run_direct(None, connection, false).await?;
    Ok(Updated { from, to, backup })
}

/// Copies a store before its schema is touched: beside it, under a name that says which schema it holds.
async fn back_up(path: &Path, connection: &mut SqliteConnection, schema: i64) -> Result<PathBuf> {
    let mut names = (1..).map(|n| before_update(path, schema, n));
    let free = names.find(|name| !name.exists()).unwrap_or_default();
    backup::copy(connection, &free).await.map_err(|error| {
        let text = format!("no backup can be made before its schema is brought up to date: {error}");
        match error {
            backup::BackupError::Damaged(..) => StoreError::Unreadable(text),
            _ => StoreError::NotWritable(text),
        }
    })?;
    Ok(free)
}

/// The name of the n-th backup of a store with a schema.
fn before_update(path: &Path, schema: i64, n: u32) -> PathBuf {
    let number = if n == 1 { String::new() } else { format!(".{n}") };
    backup::beside(path, &format!(".schema-{schema}{number}.backup"))
}

/// The refusal of another program's database.
pub fn foreign() -> StoreError {
    StoreError::Unreadable("it is another program's database".to_owned())
}

/// The refusal of a newer store, with the way back if there is one.
pub async fn newer(path: &Path, schema: i64, known: i64) -> StoreError {
    StoreError::Newer { place: path.display().to_string(), schema, known, backup: way_back(path, known).await }
}

/// The newest backup beside a store with a schema that is known: of the highest schema, the last that was made.
async fn way_back(path: &Path, known: i64) -> Option<PathBuf> {
    for schema in (1..=known).rev() {
        let made = (1..).map(|n| before_update(path, schema, n)).take_while(|name| name.exists());
        let made: Vec<PathBuf> = made.collect();
        for name in made.into_iter().rev() {
            if backup::examine(&name).await.is_ok_and(|contents| contents.schema == schema) {
                return Some(name);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::sqlite::{SqliteStore, opening};
    use sqlx::SqlSafeStr;
    use sqlx::migrate::{Migration, MigrationType};

    #[test]
    fn every_migration_is_compiled_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/migrations/sqlite");
        let files = std::fs::read_dir(folder).expect("the folder of migrations").count();
        assert_eq!(files, SCHEMA.iter().count(), "touch src/store/sqlite/schema.rs and build again");
    }

    /// This duban's migrations and one more.
    fn next(sql: &'static str) -> Migrator {
        let mut all: Vec<Migration> = SCHEMA.iter().cloned().collect();
        all.push(Migration::new(1_000, "next".into(), MigrationType::Simple, sql.into_sql_str(), false));
        Migrator::with_migrations(all)
    }

    const REMARKED: &str = "ALTER TABLE schedules ADD COLUMN remark TEXT";

    async fn store_with_a_schedule(folder: &Path) -> PathBuf {
        let path = folder.join("duban.db");
        let store = SqliteStore::open(&path).await.expect("a store");
        store.fired("digest", crate::core::Instant::UNIX_EPOCH).await.expect("fired");
        store.close().await;
        path
    }

    async fn updated(path: &Path, schema: &Migrator) -> Result<Updated> {
        let prepared = opening::prepare(path, schema).await?;
        prepared.writer.close().await;
        Ok(prepared.updated)
    }

    #[tokio::test]
    async fn a_store_is_copied_before_its_schema_is_touched_and_the_copy_goes_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = store_with_a_schedule(folder.path()).await;
        let known = newest(&SCHEMA);
        let done = updated(&path, &next(REMARKED)).await.expect("updated");
        let copy = folder.path().join(format!("duban.db.schema-{known}.backup"));
        assert_eq!(done, Updated { from: Some(known), to: 1_000, backup: Some(copy.clone()) });
        assert_eq!(backup::examine(&copy).await.expect("whole").schema, known);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&copy).expect("there").permissions().mode() & 0o777, 0o600);
        }
        // The older program is sent back to the copy.
        let refused = SqliteStore::open(&path).await.expect_err("a newer schema");
        assert!(
            matches!(&refused, StoreError::Newer { schema: 1_000, backup: Some(b), .. } if *b == copy),
            "{refused}"
        );
        assert!(refused.to_string().contains(&format!("duban restore {}", copy.display())), "{refused}");
        let visited = SqliteStore::visit(&path).await.expect_err("a newer schema");
        assert!(matches!(visited, StoreError::Newer { backup: Some(_), .. }), "{visited}");
        let now = crate::core::Instant::UNIX_EPOCH;
        let restored = backup::restore(&copy, &path, now).await.expect("restored");
        let store = SqliteStore::open(&path).await.expect("the older program's store");
        assert_eq!(store.last_fired("digest").await.expect("a schedule"), Some(now));
        store.close().await;
        drop(store);
        // And the newer one goes on from there; its earlier copy stays.
        let again = updated(&path, &next(REMARKED)).await.expect("updated");
        assert_eq!(again.backup, Some(folder.path().join(format!("duban.db.schema-{known}.2.backup"))));
        assert!(restored.replaced.expect("kept").exists());
    }

    #[tokio::test]
    async fn nothing_is_copied_where_nothing_is_done() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("duban.db");
        let first = updated(&path, &SCHEMA).await.expect("created");
        assert_eq!((first.from, first.backup), (None, None));
        let second = updated(&path, &SCHEMA).await.expect("opened");
        assert!(!second.is_change() && second.backup.is_none(), "{second:?}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("files").count(), 2, "the store and its lock");
    }

    #[tokio::test]
    async fn an_update_that_fails_leaves_the_store_as_it_was_and_the_copy_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = store_with_a_schedule(folder.path()).await;
        let broken = next("ALTER TABLE schedules ADD COLUMN remark TEXT; ALTER TABLE nowhere ADD COLUMN x TEXT");
        let refused = updated(&path, &broken).await.expect_err("it cannot be done");
        assert!(refused.to_string().contains("brought up to date"), "{refused}");
        let store = SqliteStore::open(&path).await.expect("as before");
        assert!(store.last_fired("digest").await.expect("a schedule").is_some());
        assert!(before_update(&path, newest(&SCHEMA), 1).exists());
    }

    #[tokio::test]
    async fn without_room_for_the_copy_nothing_is_touched() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = store_with_a_schedule(folder.path()).await;
        // A folder in the place of the half-made copy: it cannot be written.
        let copy = before_update(&path, newest(&SCHEMA), 1);
        let part = backup::beside(&copy, &format!(".{}.part", std::process::id()));
        std::fs::create_dir(part).expect("a folder");
        let refused = updated(&path, &next(REMARKED)).await.expect_err("no copy");
        assert!(matches!(&refused, StoreError::NotWritable(text) if text.contains("no backup")), "{refused}");
        SqliteStore::open(&path).await.expect("as before");
    }

    #[tokio::test]
    async fn a_newer_store_without_a_copy_says_what_else_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = store_with_a_schedule(folder.path()).await;
        let done = updated(&path, &next(REMARKED)).await.expect("updated");
        // A copy that is not whole is no way back.
        std::fs::write(done.backup.expect("a copy"), "SQLite format 3\0 and then nothing").expect("written");
        let refused = SqliteStore::open(&path).await.expect_err("a newer schema");
        assert!(matches!(refused, StoreError::Newer { backup: None, .. }), "{refused}");
        assert!(!refused.to_string().contains("duban restore"), "{refused}");
    }

    #[tokio::test]
    async fn another_programs_database_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let with_migrations = "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL,
             installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BLOB NOT NULL,
             execution_time BIGINT NOT NULL);
             INSERT INTO _sqlx_migrations VALUES (1, 'users', 0, true, x'00', 0); CREATE TABLE users (id INTEGER)";
        for (name, tables) in [("a.db", "CREATE TABLE invoices (id INTEGER)"), ("b.db", with_migrations)] {
            let path = folder.path().join(name);
            let mut other = backup::connect(&path, true).await.expect("a database");
            sqlx::raw_sql(tables).execute(&mut other).await.expect("tables");
            sqlx::Connection::close(other).await.expect("closed");
            let before = std::fs::read(&path).expect("a file");
            let refused = SqliteStore::open(&path).await.expect_err("not ours");
            assert!(matches!(&refused, StoreError::Unreadable(t) if t.contains("another program")), "{refused}");
            assert_eq!(std::fs::read(&path).expect("a file"), before, "{name}");
        }
    }
}
