//! A real database file, asked well and badly.

use super::*;
use crate::core::value::Value;
use crate::source::Mapped;
use crate::source::mapping::MappingConfig;

const MAPPING: &str = r#"
    id = "id"
    kind = "ticket"
    timezone = "Asia/Shanghai"
    [fields]
    title = "title"
    received_at = "received"
    amount = { column = "amount", type = "number" }
"#;

struct Base {
    folder: tempfile::TempDir,
}

impl Base {
    async fn new(statements: &str) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let options = SqliteConnectOptions::new().filename(folder.path().join("city.db")).create_if_missing(true);
        let mut connection = options.connect().await.expect("database");
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.expect("statements");
        Self { folder }
    }

    fn source(&self, query: &str, timeout_ms: u64) -> Result<SqliteSource, QueryRefused> {
        let config: MappingConfig = toml::from_str(MAPPING).expect("mapping");
        let mapping = Arc::new(Mapping::new("tickets", &config).expect("mapping"));
        let timeout = Duration::from_millis(timeout_ms);
        let config = SqliteConfig { path: "city.db".into(), query: query.into(), timeout };
        SqliteSource::new(&config, self.folder.path(), mapping)
    }

    async fn ask(&self, query: &str) -> Result<Mapped, String> {
        let source = self.source(query, 10_000).map_err(|e| e.to_string())?;
        let fetched = source.fetch(None).await.map_err(|e| e.to_string())?;
        assert!(fetched.chunks() <= 1, "small tests only");
        Ok(fetched.map(0))
    }
}

const TICKETS: &str = "CREATE TABLE t (id INTEGER, title TEXT, received DATETIME, amount DECIMAL);
    INSERT INTO t VALUES (1, '占道', '2026-03-02 10:00:00', 1.5), (2, NULL, NULL, NULL), (3, 42, '2026-03-02 10:00:00', 7),
    (4, x'ff', NULL, NULL), (5, 'x', 1772416800, NULL), (6, 'a' || char(0), NULL, NULL), (7, printf('%.*c', 70000, 'x'), NULL, NULL);";

#[tokio::test]
async fn values_are_read_by_their_own_type() {
    let base = Base::new(TICKETS).await;
    let mapped = base.ask("SELECT * FROM t ORDER BY id;").await.expect("answer");
    let json = serde_json::to_value(&mapped.items).expect("json");
    assert_eq!(json[0]["fields"]["title"], "占道");
    assert_eq!(json[0]["fields"]["received_at"], "2026-03-02T02:00:00Z");
    assert_eq!(json[0]["fields"]["amount"], 1.5);
    assert_eq!(mapped.items[1].fields.get("title"), Some(&Value::Missing));
    assert_eq!(mapped.items[1].raw.get("title"), Some(&Value::Missing));
    assert_eq!((&json[2]["fields"]["title"], &json[2]["fields"]["amount"]), (&"42".into(), &7.into()));
    assert_eq!(json[2]["raw"]["id"], "3");
    let reasons: Vec<String> = mapped.rejected.iter().map(ToString::to_string).collect();
    assert_eq!(
        reasons,
        [
            "city.db: row 4: column \"title\": expected text or a number, got bytes that are no UTF-8",
            "city.db: row 5: column \"received\": expected a time such as 2026-12-31 21:30:45, got \"1772416800\"",
            "city.db: row 6: column \"title\": expected text, got a NUL byte",
            "city.db: row 7: column \"title\": expected at most 65536 bytes, got 70000",
        ]
    );
}

#[tokio::test]
async fn nothing_is_ever_written() {
    let base = Base::new(TICKETS).await;
    for query in [
        "INSERT INTO t (id) VALUES (9)",
        "PRAGMA writable_schema = 1",
        "ATTACH 'other.db' AS other",
        "SELECT * FROM t; DELETE FROM t",
        "VACUUM INTO 'copy.db'",
        "CREATE TEMP TABLE x (y)",
    ] {
        let error = base.ask(query).await.expect_err(query);
        assert!(error.starts_with("query: expected"), "{error}");
    }
    for query in ["WITH x AS (SELECT 1) DELETE FROM t", "WITH x AS (SELECT 9) INSERT INTO t (id) SELECT * FROM x"] {
        let error = base.ask(query).await.expect_err(query);
        assert!(error.contains("readonly database"), "{error}");
    }
    assert_eq!(base.ask("SELECT * FROM t").await.expect("answer").items.len(), 3);
    let mut files: Vec<_> =
        std::fs::read_dir(base.folder.path()).expect("folder").flatten().map(|f| f.file_name()).collect();
    files.sort();
    assert_eq!(files, ["city.db"]);
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_stopped() {
    let base = Base::new(TICKETS).await;
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS id, '' AS title, NULL AS received, 1 AS amount FROM n";
    let source = base.source(endless, 300).expect("source");
    let stop = Stop::default();
    let mut answer =
        std::pin::pin!(source.answer(source.query.since(chrono::NaiveDateTime::default()).leak(), stop.0.clone()));
    let waited = tokio::time::timeout(Duration::from_millis(300), &mut answer).await;
    assert!(waited.is_err(), "it does not end by itself");
    stop.pull();
    let stopped = tokio::time::timeout(Duration::from_secs(5), answer).await.expect("it ends when it is told to");
    assert!(matches!(stopped, Err(PollError::Query { problem, .. }) if problem.contains("interrupted")));
    let error = source.fetch(None).await.expect_err("timeout");
    assert!(matches!(error, PollError::Timeout { .. }), "{error}");
}

#[tokio::test]
async fn a_wrong_query_voids_the_poll_and_says_why() {
    let base = Base::new(TICKETS).await;
    for (query, says) in [
        ("SELECT * FROM nowhere", "no such table: nowhere"),
        (
            "SELECT id, title FROM t WHERE 0",
            "expected column \"amount\"; expected column \"received\"; the columns are: id, title",
        ),
        ("SELECT id id, 1 id, title, received, amount FROM t", "expected one column \"id\", got several"),
        ("SELECT FROM", "syntax error"),
    ] {
        let error = base.ask(query).await.expect_err(query);
        assert!(error.contains("city.db: ") && error.contains(says), "{error}");
    }
    assert!(base.ask("SELECT * FROM t WHERE 0").await.expect("no rows").items.is_empty());
    std::fs::write(base.folder.path().join("city.db"), "no database, but a text of some length").expect("file");
    assert!(base.ask("SELECT * FROM t").await.expect_err("text").contains("not a database"));
    std::fs::remove_file(base.folder.path().join("city.db")).expect("file");
    assert!(base.ask("SELECT * FROM t").await.expect_err("gone").contains("expected a database that can be read"));
    assert!(!base.folder.path().join("city.db").exists(), "and it is not created");
}

#[tokio::test]
async fn a_database_in_use_is_read_beside_its_writer() {
    let base = Base::new(&format!("PRAGMA journal_mode = WAL; {TICKETS}")).await;
    let options = SqliteConnectOptions::new().filename(base.folder.path().join("city.db"));
    let mut writer = options.connect().await.expect("writer");
    sqlx::raw_sql("BEGIN IMMEDIATE; DELETE FROM t;").execute(&mut writer).await.expect("writing");
    assert_eq!(base.ask("SELECT * FROM t").await.expect("answer").items.len(), 3, "what is committed");
}

#[test]
fn the_time_for_an_answer_is_written_with_its_unit() {
    let timeout = |text: &str| {
        toml::from_str::<SqliteConfig>(&format!("path = 'x'\nquery = 'SELECT 1'\ntimeout = '{text}'"))
            .map(|c| c.timeout)
    };
    assert_eq!(timeout("2m").ok(), Some(Duration::from_mins(2)));
    for text in ["30", "s", "", "0s", "61m", "-1s", "1.5s", "5分"] {
        assert!(timeout(text).expect_err(text).to_string().contains("expected a time from 1s to 60m"), "{text}");
    }
}
