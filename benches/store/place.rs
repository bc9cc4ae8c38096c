//! A store to be measured, with what stands beside it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use duban::store::Store;
use duban::store::postgres::{PostgresConfig, PostgresStore, PostgresTls};
use duban::store::sqlite::SqliteStore;

use crate::bare::Bare;
use crate::support::postgres::{Database, Postgres};

/// A store and two yardsticks.
pub struct Place {
    pub name: &'static str,
    pub store: Arc<dyn Store>,
    /// For transitions and notices alone.
    pub pairs: Bare,
    /// For all rows.
    pub all: Bare,
    /// How many couriers claim at the same time, one after the other.
    pub couriers: &'static [usize],
}

/// The file of the store in a folder.
pub const FILE: &str = "duban.db";

pub async fn sqlite(folder: &Path) -> Place {
    Place {
        name: "SQLite",
        store: Arc::new(SqliteStore::open(&folder.join(FILE)).await.expect("a store")),
        pairs: Bare::in_file(&folder.join("pairs.db")).await,
        all: Bare::in_file(&folder.join("all.db")).await,
        couriers: &[1],
    }
}

/// A server like an installation's: what it says is committed is on the disk. None if PostgreSQL is not installed.
pub fn server() -> Option<Postgres> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/postgres");
    let asked = Command::new(script).arg("--programs").stdout(Stdio::null()).status();
    if !asked.is_ok_and(|status| status.success()) {
        return None;
    }
    let server = Postgres::start();
    server.run("ALTER SYSTEM SET fsync = on");
    server.run("SELECT pg_reload_conf()");
    Some(server)
}

pub async fn postgres(databases: &[Database<'_>; 3], folder: &Path) -> Place {
    let [store, pairs, all] = databases;
    let config = PostgresConfig { tls: PostgresTls::Off, ..PostgresConfig::at(store.url()) };
    let store = PostgresStore::open(&config, None, &folder.join("duban.instance")).await.expect("a store");
    Place {
        name: "PostgreSQL",
        store: Arc::new(store),
        pairs: Bare::in_database(&pairs.url()).await,
        all: Bare::in_database(&all.url()).await,
        couriers: &[1, 4],
    }
}
