//! The back ends under test.

use std::future::{Ready, ready};
use std::sync::Arc;

use duban::store::Store;
use duban::store::memory::MemoryStore;
use duban::store::postgres::{PostgresConfig, PostgresStore, PostgresTls};
use duban::store::sqlite::SqliteStore;
use tempfile::TempDir;

use crate::support::postgres::{Database, Postgres};

/// An empty store, and what has to live as long as it.
pub struct Opened {
    pub store: Arc<dyn Store>,
    _folder: Option<TempDir>,
    _database: Option<Database<'static>>,
}

impl Opened {
    /// A store that needs nothing else.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, _folder: None, _database: None }
    }
}

/// A store in a file of its own.
pub async fn sqlite() -> Opened {
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open(folder.path().join("duban.db")).await.expect("a new store");
    Opened { store: Arc::new(store), _folder: Some(folder), _database: None }
}

/// A store in memory.
pub fn memory() -> Ready<Opened> {
    ready(Opened::new(Arc::new(MemoryStore::new())))
}

/// A store in a database of its own.
pub async fn postgres() -> Opened {
    let database = Postgres::shared().new_database();
    let opened = in_database(&database.url()).await;
    Opened { _database: Some(database), ..opened }
}

/// The same through a pooler that gives a connection for the time of a transaction only.
pub async fn pooled_postgres() -> Opened {
    let database = Postgres::shared().new_database();
    let opened = in_database(&database.pooled_url()).await;
    Opened { _database: Some(database), ..opened }
}

/// A store in a database that somebody else keeps.
pub async fn in_database(url: &str) -> Opened {
    let folder = tempfile::tempdir().expect("a folder");
    let config = PostgresConfig { tls: PostgresTls::Off, ..PostgresConfig::at(url) };
    let store = PostgresStore::open(&config, None, &folder.path().join("duban.instance")).await.expect("a new store");
    Opened { store: Arc::new(store), _folder: Some(folder), _database: None }
}
