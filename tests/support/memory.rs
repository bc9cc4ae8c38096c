//! A daemon's memory, read with plain SQL: what it says about itself is not asked.

use std::fs;
use std::future::Future;
use std::path::PathBuf;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use super::site::Site;

/// The SQLite file of a site.
pub struct Memory {
    path: PathBuf,
}

impl Memory {
    pub fn of(site: &Site) -> Self {
        Self { path: site.path("duban.db") }
    }

    /// A copy of what a killed daemon left, in a folder of its own and in place of an earlier copy: to look at the file
    /// itself would already repair it.
    pub fn left_in(site: &Site, folder: &str) -> Self {
        let folder = site.path(folder);
        // The first time there is none.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("folder");
        for name in ["duban.db", "duban.db-wal"].into_iter().filter(|name| site.path(name).exists()) {
            fs::copy(site.path(name), folder.join(name)).expect("copied");
        }
        Self { path: folder.join("duban.db") }
    }

    /// The first column of all rows, as text.
    pub fn column(&self, sql: &'static str) -> Vec<String> {
        block_on(async {
            let mut connection = self.connect().await;
            let found = sqlx::query_scalar(sql).fetch_all(&mut connection).await.expect(sql);
            connection.close().await.expect("closed");
            found
        })
    }

    /// The number that a query gives.
    pub fn number(&self, sql: &'static str) -> i64 {
        block_on(async {
            let mut connection = self.connect().await;
            let found = sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect(sql);
            connection.close().await.expect("closed");
            found
        })
    }

    async fn connect(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(&self.path).connect().await.expect("the memory")
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    runtime.block_on(work)
}
