//! The back ends under test.

use std::sync::Arc;

use duban::store::Store;
use duban::store::memory::MemoryStore;
use duban::store::sqlite::SqliteStore;

/// An empty store, and what has to live as long as it.
pub struct Opened {
    pub store: Arc<dyn Store>,
    _folder: Option<tempfile::TempDir>,
}

/// A store in a file of its own.
pub async fn sqlite() -> Opened {
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open(folder.path().join("duban.db")).await.expect("a new store");
    Opened { store: Arc::new(store), _folder: Some(folder) }
}

/// A store in memory.
pub fn memory() -> Opened {
    Opened { store: Arc::new(MemoryStore::new()), _folder: None }
}
