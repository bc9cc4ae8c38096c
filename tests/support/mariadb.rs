//! A real MariaDB server on a free loopback port, which ends with the test however that ends.
//!
//! The script `mariadb` beside this file holds the process and the temporary folder.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::{ConnectOptions as _, Connection as _};

use super::authority::Authority;
use super::postgres::block_on;
use super::script::Script;

/// A server; it ends with this value or with the test's process.
pub struct MariaDb {
    script: Script,
    socket: PathBuf,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    databases: AtomicUsize,
}

impl MariaDb {
    /// The server that all tests of a binary share: a test has a database of its own in it, and does it no harm.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<MariaDb> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A server of a test's own.
    pub fn start() -> Self {
        Self::start_in(None)
    }

    /// The same, which also speaks TLS.
    pub fn start_with(certificate: &Authority) -> Self {
        Self::start_in(Some(certificate))
    }

    fn start_in(certificate: Option<&Authority>) -> Self {
        let (script, port, socket) = Script::start("mariadb", certificate);
        Self { socket: socket.into(), port, script, databases: AtomicUsize::new(0) }
    }

    /// A new, empty database.
    pub fn new_database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.run("mysql", &format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"));
        name
    }

    /// The way of the user who may everything to a database, over TCP.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://root@127.0.0.1:{}/{database}", self.port)
    }

    /// `kill -9`.
    pub fn crash(&self) {
        self.script.obey("crash");
    }

    /// Starts it again on the same port, and waits until it takes connections.
    pub fn start_again(&self) {
        self.script.obey("start");
    }

    /// Does something in a database.
    #[track_caller]
    pub fn run(&self, database: &str, sql: &str) {
        let options = self.root(database);
        block_on(async {
            let mut connection = options.connect().await.expect("connected");
            let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await;
            done.unwrap_or_else(|error| panic!("{sql}: {error}"));
            connection.close().await.expect("closed");
        });
    }

    /// The number that a query gives in a database.
    pub fn number(&self, database: &str, sql: &str) -> i64 {
        let options = self.root(database);
        block_on(async {
            let mut connection = options.connect().await.expect("connected");
            let number = sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await;
            connection.close().await.expect("closed");
            number.unwrap_or_else(|error| panic!("{sql}: {error}"))
        })
    }

    fn root(&self, database: &str) -> MySqlConnectOptions {
        MySqlConnectOptions::new()
            .socket(&self.socket)
            .username("root")
            .database(database)
            .ssl_mode(MySqlSslMode::Disabled)
    }
}
