//! What keeps a store: backups, ways back, schemas, and the move to another engine, as an operator does it.

#[path = "../support/mod.rs"]
mod support;

mod backups;
mod full;
mod moves;
mod schemas;

use std::path::{Path, PathBuf};

use duban::store::sqlite::SqliteStore;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use support::command::{Run, duban};
use support::patience::ahead;
use support::postgres::block_on;
use support::site::{Site, Ticket};

/// A folder with a configuration whose store is `duban.db` in it.
struct Office {
    folder: TempDir,
}

impl Office {
    fn new() -> Self {
        let folder = TempDir::with_prefix("office-").expect("a folder");
        std::fs::write(folder.path().join("duban.toml"), "").expect("a configuration");
        Self { folder }
    }

    /// One whose store has something in every table.
    fn full(items: u32) -> Self {
        let office = Self::new();
        full::fill(&office.path("duban.db"), items);
        office
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn store(&self) -> PathBuf {
        self.path("duban.db")
    }

    /// Runs a command on this configuration.
    fn duban(&self, arguments: &[&str]) -> Run {
        let config = self.path("duban.toml").display().to_string();
        duban(&[arguments, &["--config", &config]].concat())
    }

    /// Runs a command that must end well; its one row.
    #[track_caller]
    fn row(&self, arguments: &[&str]) -> std::collections::HashMap<String, String> {
        let run = self.duban(&[arguments, &["--format", "csv"]].concat());
        assert_eq!(run.status, 0, "{run:?}");
        run.rows().pop().expect("a row")
    }

    /// Runs a command that must be refused with a status, saying something in each language.
    #[track_caller]
    fn refuses(&self, arguments: &[&str], status: i32, english: &str, chinese: &str) {
        for (language, says) in [("en", english), ("zh-CN", chinese)] {
            let run = self.duban(&[arguments, &["--lang", language]].concat());
            assert_eq!(run.status, status, "{run:?}");
            assert!(run.stderr.contains(says), "{says:?}: {run:?}");
            assert_eq!(run.stdout, "", "{run:?}");
        }
    }

    /// The names in the folder that begin so.
    fn files(&self, beginning: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name.starts_with(beginning)).collect();
        names.sort();
        names
    }
}

/// A site at which a daemon works in peace: its one ticket is far from due.
fn calm_site() -> Site {
    let site = Site::new();
    site.tickets(&[Ticket::due_at("A-0", ahead(3_000_000))]);
    site
}

/// Makes a store without content.
fn create(path: &Path) {
    block_on(async {
        SqliteStore::migrate(path).await.expect("a store");
    });
}

/// Runs statements in a file.
#[track_caller]
fn sql(path: &Path, statements: &str) {
    let statements = AssertSqlSafe(statements.to_owned());
    block_on(async {
        let mut connection = open(path).await;
        sqlx::raw_sql(statements).execute(&mut connection).await.expect("statements");
        connection.close().await.expect("closed");
    });
}

/// The one number that a statement finds in a file.
#[track_caller]
fn number(path: &Path, statement: &'static str) -> i64 {
    block_on(async {
        let mut connection = open(path).await;
        let number = sqlx::query_scalar(statement).fetch_one(&mut connection).await.expect("a number");
        connection.close().await.expect("closed");
        number
    })
}

async fn open(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    options.connect().await.expect("a connection")
}

/// Runs a command line that a command printed.
#[track_caller]
fn type_in(line: &str) {
    let words: Vec<&str> = line.strip_prefix("duban ").expect("a command").split(' ').collect();
    let run = duban(&words);
    assert_eq!(run.status, 0, "{line}: {run:?}");
}

/// What stands between backquotes in a text, last.
fn last_command(text: &str) -> &str {
    text.rsplit('`').nth(1).expect("a command between backquotes")
}
