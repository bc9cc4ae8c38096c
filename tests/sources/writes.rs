//! What is tried to write through a query: nothing of it happens, whoever asks.
//!
//! Each query is asked with the rights of the server's master, so it is never a missing right that saves the data.

use duban::source::sqlite::{SqliteConfig, SqliteSource};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use super::{mapping, on_mariadb, on_postgres, plainly, poll};
use crate::support::mariadb::MariaDb;
use crate::support::postgres::Postgres;

/// Asks each query, and sees what refuses it: the configuration or the server, with these words.
macro_rules! all_refused {
    ($attempts:expr, $connect:expr, $state:expr) => {
        let before = $state;
        for (query, says) in $attempts {
            let refusal = match $connect(query) {
                Err(problem) => problem.to_string(),
                Ok(source) => match poll(&source).await {
                    Err(error) => error.to_string(),
                    Ok(mapped) => panic!("{query}: answered with {} rows", mapped.items.len()),
                },
            };
            assert!(refusal.contains(says), "{query}: {refusal}");
            assert_eq!($state, before, "{query}");
        }
    };
}

const BEGINS: &str = "expected a query that begins with SELECT or WITH";
const ONE: &str = "expected one statement, got another one";
const ACTS: &str = "expected a query that does nothing but read";
const READ_ONLY: &str = "only queries that read are asked";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_query_writes_on_postgres() {
    let server = Postgres::shared();
    let database = server.new_database();
    server.run_in(
        &database.name,
        "CREATE TABLE t (id int, title text);
         INSERT INTO t VALUES (1, '占道'), (2, '噪音'), (3, '漏水');
         CREATE SEQUENCE s;
         CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; RETURN 1; END $$;
         CREATE FUNCTION counts() RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('s') $$;
         CREATE FUNCTION tricks() RETURNS int LANGUAGE plpgsql AS
             $$ BEGIN PERFORM set_config('transaction_read_only', 'off', true); DELETE FROM t; RETURN 1; END $$;
         CREATE FUNCTION resets() RETURNS int LANGUAGE plpgsql AS
             $$ BEGIN SET TRANSACTION READ WRITE; DELETE FROM t; RETURN 1; END $$;
         CREATE FUNCTION commits() RETURNS int LANGUAGE plpgsql AS $$ BEGIN COMMIT; DELETE FROM t; RETURN 1; END $$;
         CREATE VIEW hidden AS SELECT writes() AS id",
    );
    let attempts = [
        ("INSERT INTO t VALUES (9, 'x')", BEGINS),
        ("UPDATE t SET title = 'x'", BEGINS),
        ("DELETE FROM t", BEGINS),
        ("TRUNCATE t", BEGINS),
        ("DROP TABLE t", BEGINS),
        ("CREATE TABLE u AS SELECT * FROM t", BEGINS),
        ("DO $$ BEGIN DELETE FROM t; END $$", BEGINS),
        ("EXPLAIN ANALYZE DELETE FROM t", BEGINS),
        ("COPY (SELECT 1) TO PROGRAM 'touch written'", BEGINS),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", BEGINS),
        ("COMMIT", BEGINS),
        ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", "must be at the top level"),
        ("WITH x AS (UPDATE t SET title = 'x' RETURNING id) SELECT id FROM x", "must be at the top level"),
        ("WITH x AS (SELECT 1) DELETE FROM t RETURNING *", "syntax error"),
        ("WITH x AS (SELECT 1) UPDATE t SET title = 'x'", "answers with columns"),
        ("SELECT 1 AS id; DELETE FROM t", ONE),
        ("SELECT 1 AS id) AS _q(c0); DROP TABLE t; --", ONE),
        ("SELECT id FROM t) AS _q(c0) --", "syntax error at or near \")\" (line 1, column 17"),
        ("SELECT 1 AS id /* ; */ -- nothing\n; DELETE FROM t", ONE),
        ("SELECT '\\'; DELETE FROM t; --'", ONE),
        ("SELECT * INTO u FROM t", ACTS),
        ("SELECT nextval('s') AS id", ACTS),
        ("SELECT setval('s', 99) AS id", ACTS),
        ("SELECT pg_terminate_backend(pid) AS id FROM pg_stat_activity", ACTS),
        ("SELECT pg_catalog.\"pg_cancel_backend\"(pid) AS id FROM pg_stat_activity", ACTS),
        ("SELECT lo_create(0) AS id", ACTS),
        ("SELECT \"lo_from_bytea\"(0, 'x') AS id", ACTS),
        ("SELECT dblink_exec('dbname=postgres', 'DROP TABLE t') AS id", ACTS),
        ("SELECT set_config('transaction_read_only', 'off', false) AS id", ACTS),
        ("SELECT pg_notify('x', 'y') AS id", ACTS),
        ("SELECT pg_advisory_lock(1) AS id", ACTS),
        ("SELECT U&\"\\0070g_reload_conf\"() AS id", "without U&"),
        ("SELECT writes() AS id", READ_ONLY),
        ("SELECT id FROM hidden", READ_ONLY),
        ("SELECT counts() AS id", READ_ONLY),
        ("SELECT tricks() AS id", "must be set before any query"),
        ("SELECT resets() AS id", "must be set before any query"),
        ("SELECT commits() AS id", "invalid transaction termination"),
        ("SELECT query_to_xml('DELETE FROM t RETURNING *', true, true, '') AS id", "DELETE is not allowed"),
        ("SELECT id FROM t FOR UPDATE", READ_ONLY),
    ];
    assert!(attempts.len() >= 25);
    let url = database.superuser_url();
    let connect = |query: &str| on_postgres(&plainly(&url, query), mapping("Asia/Shanghai"));
    let state = || {
        server.number(
            &database.name,
            "SELECT count(*) * 100000000 + sum(length(title)) * 1000000 + (SELECT last_value FROM s) * 10000
                 + (SELECT count(*) FROM pg_largeobject_metadata) * 1000
                 + (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace) FROM t",
        )
    };
    all_refused!(attempts, connect, state());
    assert_eq!(poll(&connect("SELECT id FROM t;").expect("a query")).await.expect("an answer").items.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_function_of_the_database_hides_is_undone() {
    let server = Postgres::shared();
    let database = server.new_database();
    // Until PostgreSQL 16, large objects are written even by a transaction that only reads.
    server.run_in(
        &database.name,
        "CREATE FUNCTION hides() RETURNS int LANGUAGE sql AS $$ SELECT lo_from_bytea(0, 'x')::int $$",
    );
    let source = on_postgres(&plainly(&database.superuser_url(), "SELECT hides() AS id"), mapping("UTC"));
    let _ = poll(&source.expect("a query")).await;
    assert_eq!(server.number(&database.name, "SELECT count(*) FROM pg_largeobject_metadata"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_query_writes_on_mariadb() {
    let server = MariaDb::shared();
    let database = server.new_database();
    server.run(
        &database,
        "CREATE TABLE t (id int, title text);
         INSERT INTO t VALUES (1, '占道'), (2, '噪音'), (3, '漏水');
         CREATE TABLE old (id int) ENGINE = MyISAM;
         CREATE SEQUENCE s;
         CREATE FUNCTION writes() RETURNS int BEGIN DELETE FROM t; RETURN 1; END;
         CREATE FUNCTION writes_old() RETURNS int BEGIN INSERT INTO old VALUES (1); RETURN 1; END;
         CREATE PROCEDURE p() DELETE FROM t;
         CREATE VIEW hidden AS SELECT writes() AS id",
    );
    let attempts = [
        ("INSERT INTO t VALUES (9, 'x')", BEGINS),
        ("UPDATE t SET title = 'x'", BEGINS),
        ("DELETE FROM t", BEGINS),
        ("REPLACE INTO t VALUES (1, 'x')", BEGINS),
        ("TRUNCATE t", BEGINS),
        ("DROP TABLE t", BEGINS),
        ("CREATE TABLE u AS SELECT * FROM t", BEGINS),
        ("CALL p()", BEGINS),
        ("EXECUTE IMMEDIATE 'DELETE FROM t'", BEGINS),
        ("LOAD DATA INFILE '/etc/hostname' INTO TABLE t", BEGINS),
        ("SET GLOBAL read_only = 1", BEGINS),
        ("COMMIT", BEGINS),
        ("WITH x AS (SELECT 1) DELETE FROM t", "error in your SQL syntax"),
        ("WITH x AS (SELECT 1 AS id) UPDATE t, x SET title = 'x'", ACTS),
        ("SELECT 1 AS id; DELETE FROM t", ONE),
        ("SELECT 1 AS id) AS _q; DROP TABLE t; -- ", ONE),
        ("SELECT 1 AS id # nothing\n; DELETE FROM t", ONE),
        ("SELECT 1 AS id /*! ; DELETE FROM t */", "without /*!"),
        ("SELECT 1 AS id /*M!100000 INTO OUTFILE 'written' */", "without /*!"),
        ("SELECT * FROM t INTO OUTFILE 'written'", ACTS),
        ("SELECT 5--1 AS id INTO DUMPFILE 'written'", ACTS),
        ("SELECT 'a\\'' AS id INTO OUTFILE 'written' -- '", ACTS),
        ("SELECT id INTO @x FROM t LIMIT 1", ACTS),
        ("SELECT NEXTVAL(s) AS id", ACTS),
        ("SELECT `setval`(s, 99) AS id", ACTS),
        ("SELECT NEXT VALUE FOR s AS id", READ_ONLY),
        ("SELECT GET_LOCK('x', 1) AS id", ACTS),
        ("SELECT LOAD_FILE('/etc/hostname') AS id", ACTS),
        ("SELECT id FROM t FOR UPDATE", ACTS),
        ("SELECT id FROM t LOCK IN SHARE MODE", ACTS),
        ("SELECT writes() AS id", READ_ONLY),
        ("SELECT id FROM hidden", READ_ONLY),
        ("SELECT writes_old() AS id", READ_ONLY),
    ];
    assert!(attempts.len() >= 25);
    let url = server.url(&database);
    let connect = |query: &str| on_mariadb(&plainly(&url, query), mapping("Asia/Shanghai"));
    let state = || {
        server.number(
            &database,
            "SELECT CAST(count(*) * 100000000 + sum(char_length(title)) * 1000000 + (SELECT next_not_cached_value FROM s) * 10000
                 + (SELECT count(*) FROM old) * 1000
                 + (SELECT count(*) FROM information_schema.tables WHERE table_schema = database()) AS SIGNED) FROM t",
        )
    };
    all_refused!(attempts, connect, state());
    assert_eq!(poll(&connect("SELECT id FROM t;").expect("a query")).await.expect("an answer").items.len(), 3);
}

#[tokio::test]
async fn no_query_writes_on_sqlite() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("city.db");
    let mut connection =
        SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.expect("database");
    let statements =
        "CREATE TABLE t (id INTEGER, title TEXT); INSERT INTO t VALUES (1, '占道'), (2, '噪音'), (3, '漏水');";
    sqlx::raw_sql(statements).execute(&mut connection).await.expect("statements");
    sqlx::Connection::close(connection).await.expect("closed");
    let attempts = [
        ("INSERT INTO t VALUES (9, 'x')", BEGINS),
        ("UPDATE t SET title = 'x'", BEGINS),
        ("DELETE FROM t", BEGINS),
        ("REPLACE INTO t VALUES (1, 'x')", BEGINS),
        ("DROP TABLE t", BEGINS),
        ("ALTER TABLE t ADD COLUMN x", BEGINS),
        ("CREATE TABLE u AS SELECT * FROM t", BEGINS),
        ("CREATE TEMP TABLE u (id)", BEGINS),
        ("CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM t; END", BEGINS),
        ("PRAGMA writable_schema = 1", BEGINS),
        ("PRAGMA user_version = 5", BEGINS),
        ("PRAGMA journal_mode = WAL", BEGINS),
        ("ATTACH 'other.db' AS other", BEGINS),
        ("VACUUM", BEGINS),
        ("VACUUM INTO 'copy.db'", BEGINS),
        ("REINDEX", BEGINS),
        ("BEGIN IMMEDIATE", BEGINS),
        ("COMMIT", BEGINS),
        ("EXPLAIN DELETE FROM t", BEGINS),
        ("WITH x AS (SELECT 1) DELETE FROM t", "readonly database"),
        ("WITH x AS (SELECT 9, 'x') INSERT INTO t SELECT * FROM x", "readonly database"),
        ("WITH x AS (SELECT 1) UPDATE t SET title = 'x' RETURNING id", "readonly database"),
        ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", "syntax error"),
        ("SELECT 1 AS id; DELETE FROM t", ONE),
        ("SELECT 1 AS id) AS _q; DROP TABLE t; --", ONE),
        ("SELECT 1 AS id /* ; */ -- nothing\n; DELETE FROM t", ONE),
        ("SELECT $a('); DELETE FROM t --')", "no parameters"),
        ("SELECT 1 AS id\0; DELETE FROM t", "no parameters"),
        ("SELECT [a'] AS id; DELETE FROM t; --']", ONE),
        ("SELECT load_extension('x') AS id", "not authorized"),
        ("SELECT writefile('written', 'x') AS id", "no such function"),
        ("SELECT * FROM pragma_journal_mode('wal')", "unknown database"),
    ];
    assert!(attempts.len() >= 25);
    let connect = |query: &str| {
        let mut config: SqliteConfig = toml::from_str("path = 'city.db'\nquery = ''").expect("a configuration");
        config.query = query.to_owned();
        SqliteSource::new(&config, folder.path(), mapping("Asia/Shanghai"))
    };
    let state = || {
        let files = std::fs::read_dir(folder.path()).expect("folder").count();
        (files, std::fs::read(&path).expect("database"))
    };
    all_refused!(attempts, connect, state());
    assert_eq!(poll(&connect("SELECT id FROM t;").expect("a query")).await.expect("an answer").items.len(), 3);
}
