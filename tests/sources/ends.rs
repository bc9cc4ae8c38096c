//! How a poll of a database ends that does not end well: each way in a named state, with words for operators.

use std::time::Duration;

use duban::source::sql::SqlConfig;
use duban::source::{PollError, Source};
use secrecy::SecretString;

use super::{mapping, on_mariadb, on_postgres, plainly, poll};
use crate::support::daemon::Daemon;
use crate::support::mariadb::MariaDb;
use crate::support::patience::holds_within;
use crate::support::postgres::Postgres;
use crate::support::site::Site;

fn shortly(url: &str, query: &str) -> SqlConfig {
    SqlConfig { timeout: Duration::from_secs(1), ..plainly(url, query) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_takes_too_long_is_stopped_on_postgres() {
    let server = Postgres::shared();
    let database = server.new_database();
    let running = || {
        server.number(&database.name, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%slowly%' AND datname = current_database() AND pid <> pg_backend_pid()")
    };
    let slow = "SELECT 1 AS id, 'slowly' AS title, pg_sleep(600)::text";
    // The second outwits the server's own limit, and is ended from here.
    server.run_in(
        &database.name,
        "CREATE FUNCTION patient() RETURNS int LANGUAGE plpgsql AS
             $$ BEGIN LOOP BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$",
    );
    for query in [slow, "SELECT patient() AS id, 'slowly' AS title"] {
        let source = on_postgres(&shortly(&database.url(), query), mapping("UTC")).expect("a query");
        let error = poll(&source).await.expect_err("too long");
        assert!(matches!(error, PollError::Timeout { limit_s: 1, .. }), "{error}");
        assert!(holds_within(5, || running() == 0), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_takes_too_long_is_stopped_on_mariadb() {
    let server = MariaDb::shared();
    let database = server.new_database();
    let running = || {
        server.number(
            &database,
            "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%slowly%' AND db = database() AND id <> connection_id()",
        )
    };
    server.run(
        &database,
        "CREATE FUNCTION patient() RETURNS int BEGIN
             DECLARE CONTINUE HANDLER FOR 1969 BEGIN END;
             SET STATEMENT max_statement_time = 0 FOR SET @x = SLEEP(600);
             RETURN 1;
         END",
    );
    for query in ["SELECT SLEEP(600) AS id, 'slowly' AS title", "SELECT patient() AS id, 'slowly' AS title"] {
        let source = on_mariadb(&shortly(&server.url(&database), query), mapping("UTC")).expect("a query");
        let error = poll(&source).await.expect_err("too long");
        assert!(matches!(error, PollError::Timeout { limit_s: 1, .. }), "{error}");
        assert!(holds_within(5, || running() == 0), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_that_is_given_up_leaves_no_query_behind() {
    let server = Postgres::shared();
    let database = server.new_database();
    let query = "SELECT 1 AS id, pg_sleep(600)::text";
    let source = on_postgres(&plainly(&database.url(), query), mapping("UTC")).expect("a query");
    let running = || {
        server.number(&database.name, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND datname = current_database() AND pid <> pg_backend_pid()")
    };
    let polling = tokio::spawn(async move { poll(&source).await.map(|_| ()) });
    tokio::task::block_in_place(|| assert!(holds_within(10, || running() == 1)));
    polling.abort();
    tokio::task::block_in_place(|| assert!(holds_within(10, || running() == 0), "the server saw that nobody waits"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_in_mid_poll_is_named() {
    let server = Postgres::start();
    let url = server.new_database().superuser_url().replace("test0", "postgres");
    let query = "SELECT n AS id, repeat('x', 1000) AS title, pg_sleep(0.001)::text FROM generate_series(1, 100000) n";
    let source = on_postgres(&plainly(&url, query), mapping("UTC")).expect("a query");
    let polling = tokio::spawn(async move {
        let error = poll(&source).await.map(|_| ()).expect_err("it is gone");
        (error, poll(&source).await.map(|_| ()).expect_err("it is still gone"))
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    tokio::task::block_in_place(|| server.crash());
    let (error, then) = polling.await.expect("a poll");
    assert!(matches!(error, PollError::Unreadable { .. }), "{error}");
    assert!(error.to_string().contains("ended the connection in mid-answer"), "{error}");
    assert!(then.to_string().contains("the server does not answer"), "{then}");

    let server = MariaDb::start();
    let database = server.new_database();
    let query = "SELECT seq AS id, repeat('x', 1000) AS title, SLEEP(0.001) AS z FROM seq_1_to_100000";
    let source = on_mariadb(&plainly(&server.url(&database), query), mapping("UTC")).expect("a query");
    let polling = tokio::spawn(async move {
        let error = poll(&source).await.map(|_| ()).expect_err("it is gone");
        (error, poll(&source).await.map(|_| ()).expect_err("it is still gone"))
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    tokio::task::block_in_place(|| server.crash());
    let (error, then) = polling.await.expect("a poll");
    assert!(matches!(error, PollError::Unreadable { .. }), "{error}");
    assert!(error.to_string().contains("ended the connection in mid-answer"), "{error}");
    assert!(then.to_string().contains("the server does not answer"), "{then}");
    tokio::task::block_in_place(|| server.start_again());
    let source = on_mariadb(&plainly(&server.url(&database), "SELECT 1 AS id"), mapping("UTC")).expect("a query");
    assert_eq!(poll(&source).await.expect("it is back").items.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_refuses_is_told_in_words() {
    let server = Postgres::shared();
    let database = server.new_database();
    server.run_in(&database.name, "CREATE TABLE secrets (id int)");
    let url = database.url();
    let nowhere = url.replace(&database.name, "nowhere");
    for (url, query, says) in [
        (&*url, "SELECT id\nFROM secret", "relation \"secret\" does not exist (line 2, column 6 of the query)"),
        (&*url, "SELECT id FROM secrets", "this user may not read that: permission denied for table secrets"),
        (&*url, "SELECT 1 / 0 AS id", "division by zero"),
        (&*url, "SELECT 1 AS id, oops", "column \"oops\" does not exist (line 1, column 17 of the query)"),
        (&*nowhere, "SELECT 1 AS id", "there is no such database"),
    ] {
        let source = on_postgres(&plainly(url, query), mapping("UTC")).expect("a query");
        let error = poll(&source).await.expect_err(query).to_string();
        assert!(error.contains(says) && error.starts_with("postgres://"), "{error}");
    }
    let guarded = crate::support::postgres::Database::guarded(&url);
    let wrong = SecretString::from("wrong");
    let config = plainly(&guarded, "SELECT 1 AS id");
    let source = duban::source::sql::PostgresSource::new(&config, Some(&wrong), "/".as_ref(), mapping("UTC"));
    let error = poll(&source.expect("a query")).await.expect_err("wrong password").to_string();
    assert!(error.contains("wrong password") && error.contains("guarded"), "{error}");

    let server = MariaDb::shared();
    let database = server.new_database();
    server.run(
        &database,
        &format!(
            "CREATE TABLE secrets (id int); CREATE TABLE open (id int);
             CREATE OR REPLACE USER reader IDENTIFIED BY 'right'; GRANT SELECT ON {database}.open TO reader"
        ),
    );
    let url = server.url(&database).replace("root@", "reader@");
    let nowhere = server.url("nowhere");
    for (url, password, query, says) in [
        (&*url, "right", "SELECT id\nFROM secret", "this user may not read that: SELECT command denied"),
        (&*url, "right", "SELECT id FROM open WHERE oops", "Unknown column 'oops'"),
        (&*url, "right", "SELECT id\nFROM open ORDER", "at line 2"),
        (&*url, "wrong", "SELECT 1 AS id", "wrong password"),
        (&*nowhere, "", "SELECT 1 AS id", "there is no such database"),
    ] {
        let password = (!password.is_empty()).then(|| SecretString::from(password));
        let config = plainly(url, query);
        let source = duban::source::sql::MySqlSource::new(&config, password.as_ref(), "/".as_ref(), mapping("UTC"));
        let error = poll(&source.expect("a query")).await.expect_err(query).to_string();
        assert!(error.contains(says) && error.starts_with("mysql://"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_works_behind_a_pooler() {
    let server = Postgres::shared();
    let database = server.new_database();
    server.run_in(&database.name, "CREATE TYPE mood AS ENUM ('好'); CREATE TABLE t (id int, mood mood); GRANT SELECT ON t TO PUBLIC; INSERT INTO t VALUES (1, '好')");
    let source = on_postgres(&plainly(&database.pooled_url(), "SELECT * FROM t"), mapping("UTC")).expect("a query");
    for _ in 0..10 {
        assert_eq!(poll(&source).await.expect("an answer").items.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_nobody_waits_for_any_more_is_stopped_on_its_server() {
    let (postgres, mariadb) = (Postgres::shared(), MariaDb::shared());
    let (database, other) = (postgres.new_database(), mariadb.new_database());
    let on_postgres = {
        let query = "SELECT 1 AS id, 'given up' AS title, pg_sleep(600)::text";
        on_postgres(&plainly(&database.url(), query), mapping("UTC")).expect("a query")
    };
    let on_mariadb = {
        let query = "SELECT SLEEP(600) AS id, 'given up' AS title";
        on_mariadb(&plainly(&mariadb.url(&other), query), mapping("UTC")).expect("a query")
    };
    let running: [&dyn Fn() -> i64; 2] = [
        &|| {
            let query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%given up%' AND datname = current_database() AND pid <> pg_backend_pid()";
            postgres.number(&database.name, query)
        },
        &|| {
            let query = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%given up%' AND db = database() AND id <> connection_id()";
            mariadb.number(&other, query)
        },
    ];
    let sources: [&dyn Source; 2] = [&on_postgres, &on_mariadb];
    for (source, running) in sources.into_iter().zip(running) {
        {
            let mut asked = source.fetch(None);
            let patience = Duration::from_secs(20);
            let begun = async {
                while running() == 0 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            let ended = tokio::time::timeout(patience, async {
                tokio::select! {
                    answer = &mut asked => panic!("{answer:?}"),
                    () = begun => {}
                }
            });
            ended.await.expect("it is asked");
        }
        source.give_up().await;
        assert!(holds_within(5, || running() == 0));
    }
}

#[test]
fn a_stop_does_not_wait_for_a_source_that_does_not_answer() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (heard, asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let callers: Vec<_> = listener.incoming().inspect(|_| heard.send(()).unwrap_or_default()).collect();
        drop(callers);
    });
    let site = Site::new();
    site.configure(&format!(
        "[source.mute]\nevery = \"1s\"\nkind = \"x\"\nid = \"id\"\n[source.mute.http]\n\
         url = \"http://127.0.0.1:{port}/\"\ntimeout = \"60m\"\npoll_timeout = \"60m\"\n"
    ));
    site.tickets(&[]);
    let mut daemon = Daemon::start(&site);
    asked.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| panic!("it is not asked:\n{}", daemon.log()));
    daemon.signal("TERM");
    assert_eq!(daemon.ends_within(8), 0, "{}", daemon.log());
}
