//! A daemon's memory, read with plain SQL that every back end understands: what it says about itself is not asked.

use std::path::PathBuf;
use std::str::FromStr as _;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use super::postgres::block_on;
use super::site::Site;

/// Where a site's memory lies.
#[derive(Debug, Clone)]
pub enum Memory {
    /// The SQLite file.
    File(PathBuf),
    /// The same, read only.
    Left(PathBuf),
    /// The PostgreSQL database, by its URL.
    Database(String),
}

/// Calls the same on a connection to either.
macro_rules! on_connection {
    ($memory:expr, $connection:ident => $found:expr) => {
        block_on(async {
            match $memory {
                Memory::File(path) | Memory::Left(path) => {
                    let read_only = matches!($memory, Memory::Left(_));
                    let options = SqliteConnectOptions::new().filename(path).read_only(read_only);
                    let mut $connection: SqliteConnection = options.connect().await.expect("the memory");
                    let found = $found.await;
                    $connection.close().await.expect("closed");
                    found
                }
                Memory::Database(url) => {
                    let options = PgConnectOptions::from_str(url).expect("a URL");
                    let mut $connection: PgConnection = options.connect().await.expect("the memory");
                    let found = $found.await;
                    $connection.close().await.expect("closed");
                    found
                }
            }
        })
    };
}

impl Memory {
    pub fn of(site: &Site) -> Self {
        site.memory().clone()
    }

    /// What a killed daemon left, only to be looked at: who may write would already repair it.
    pub fn left_by(site: &Site) -> Self {
        match site.memory() {
            Self::File(file) => Self::Left(file.clone()),
            other => other.clone(),
        }
    }

    /// The first column of all rows, as text.
    #[track_caller]
    pub fn column(&self, sql: &str) -> Vec<String> {
        let found: sqlx::Result<_> = on_connection!(self, connection => {
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut connection)
        });
        found.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The number that a query gives.
    #[track_caller]
    pub fn number(&self, sql: &str) -> i64 {
        let found: sqlx::Result<_> = on_connection!(self, connection => {
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection)
        });
        found.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Whether the file is whole; a server sees to that itself.
    pub fn is_sound(&self) -> bool {
        matches!(self, Self::Database(_)) || self.column("PRAGMA integrity_check") == ["ok"]
    }
}
