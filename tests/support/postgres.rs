//! A real PostgreSQL server on free loopback ports, which ends with the test however that ends, and a pooler before it.
//!
//! The script `postgres` beside this file holds the processes and the temporary folder.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::authority::Authority;
use super::script::{Script, files_of};

/// The role that owns the databases. Nobody asks it for a password.
pub const OWNER: &str = "duban";
/// The role with the owner's rights that has to show [`PASSWORD`], and to speak TLS if the server does.
pub const GUARDED: &str = "guarded";
/// The password of [`GUARDED`], with what a URL and a shell would take apart.
pub const PASSWORD: &str = "correct horse/battery:staple@'%41";

/// A server; it ends with this value or with the test's process.
pub struct Postgres {
    script: Script,
    folder: PathBuf,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    pool: OnceLock<u16>,
    databases: AtomicUsize,
}

impl Postgres {
    /// The server that all tests of a binary share: a test has a database of its own in it, and does it no harm.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
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
        let (script, port, folder) = Script::start("postgres", certificate);
        let postgres =
            Self { script, folder: folder.into(), port, pool: OnceLock::new(), databases: AtomicUsize::new(0) };
        let quoted = PASSWORD.replace('\'', "''");
        postgres.run(&format!("CREATE ROLE {OWNER} LOGIN"));
        postgres.run(&format!("CREATE ROLE {GUARDED} LOGIN PASSWORD '{quoted}' IN ROLE {OWNER}"));
        postgres
    }

    /// A new, empty database, which goes with the value.
    pub fn new_database(&self) -> Database<'_> {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.run(&format!("CREATE DATABASE {name} OWNER {OWNER}"));
        Database { server: self, name }
    }

    /// The folder of the Unix socket.
    pub fn socket_folder(&self) -> &Path {
        &self.folder
    }

    /// What it wrote into its log, and the pooler too.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).expect("log")
    }

    /// `kill -9` of all its processes.
    pub fn crash(&self) {
        self.script.obey("crash");
    }

    /// As `pg_ctl stop -m immediate`.
    pub fn stop_immediately(&self) {
        self.script.obey("immediate");
    }

    /// Starts it again on the same port, and waits until it takes connections.
    pub fn start_again(&self) {
        self.script.obey("start");
    }

    /// Stops it, and starts it with another certificate.
    pub fn start_again_with(&self, certificate: &Authority) {
        let files = files_of(certificate);
        self.script.obey("immediate");
        self.script.obey(&format!("certificate {}", files.path().display()));
        self.script.obey("start");
    }

    /// Ends all connections to all databases, and says how many there were.
    pub fn terminate_connections(&self) -> usize {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        usize::try_from(self.number("postgres", sql)).expect("a count")
    }

    /// Does something as the superuser.
    #[track_caller]
    pub fn run(&self, sql: &str) {
        self.run_in("postgres", sql);
    }

    /// The same in a database.
    pub fn run_in(&self, database: &str, sql: &str) {
        let options = self.superuser(database);
        block_on(async {
            let mut connection = options.connect().await.expect("connected");
            let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await;
            done.unwrap_or_else(|error| panic!("{sql}: {error}"));
            connection.close().await.expect("closed");
        });
    }

    /// The number that a query gives to the superuser in a database.
    pub fn number(&self, database: &str, sql: &'static str) -> i64 {
        let options = self.superuser(database);
        block_on(async {
            let mut connection = options.connect().await.expect("connected");
            let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect(sql);
            connection.close().await.expect("closed");
            number
        })
    }

    /// The superuser's way to a database, which is no proxy's business.
    pub fn superuser(&self, database: &str) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass().socket(&self.folder).port(self.port);
        options.username("postgres").database(database)
    }

    /// The port of a pooler in transaction mode with three connections for each database; it runs from now on.
    fn pool(&self) -> u16 {
        *self.pool.get_or_init(|| self.script.obey("pool").parse().expect("a port"))
    }
}

/// A database; it is dropped with this value.
pub struct Database<'a> {
    server: &'a Postgres,
    /// Its name.
    pub name: String,
}

impl Database<'_> {
    /// The owner's way to it.
    pub fn url(&self) -> String {
        self.url_through(self.server.port)
    }

    /// The same through something that listens on another port, such as a proxy.
    pub fn url_through(&self, port: u16) -> String {
        format!("postgres://{OWNER}@127.0.0.1:{port}/{}", self.name)
    }

    /// The same through a pooler that gives a connection for the time of a transaction only.
    pub fn pooled_url(&self) -> String {
        self.url_through(self.server.pool())
    }

    /// The same through the Unix socket.
    pub fn socket_url(&self) -> String {
        let folder = self.server.folder.display().to_string().replace('/', "%2F");
        format!("postgres://{OWNER}@{folder}:{}/{}", self.server.port, self.name)
    }

    /// The same through the name of this machine, which a certificate can bear.
    pub fn named_url(&self) -> String {
        self.url().replace("127.0.0.1", "localhost")
    }

    /// The way of one who may see everything.
    pub fn superuser_url(&self) -> String {
        self.url().replace(&format!("//{OWNER}@"), "//postgres@")
    }

    /// A URL for the role that has to show its password, which is not in it.
    pub fn guarded(url: &str) -> String {
        url.replace(&format!("//{OWNER}@"), &format!("//{GUARDED}@"))
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        let options = self.server.superuser("postgres");
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        // A server that a test stopped takes its databases along.
        block_on(async {
            let Ok(mut connection) = options.connect().await else { return };
            let _ = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await;
        });
    }
}

/// Waits for something, in a test of any kind: also in one that already runs in a runtime.
pub fn block_on<T: Send>(work: impl Future<Output = T> + Send) -> T {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        runtime.block_on(work)
    };
    std::thread::scope(|scope| scope.spawn(run).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
