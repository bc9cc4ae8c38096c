//! Every type of column that real schemas have, as items show it.

use duban::source::Source;
use serde_json::json;

use super::{first_row, mapped, mapping, on_mariadb, on_postgres, plainly, poll};
use crate::support::mariadb::MariaDb;
use crate::support::postgres::Postgres;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_type_of_postgres_is_a_text_that_people_would_write() {
    let server = Postgres::shared();
    let database = server.new_database();
    server.run_in(
        &database.name,
        "CREATE TYPE mood AS ENUM ('满意', '不满意');
         CREATE TYPE place AS (street text, number int);
         CREATE DOMAIN amount AS numeric(10, 2);
         CREATE DOMAIN names AS text[];
         CREATE TABLE t (
             id bigint, small smallint, amount numeric(12, 2), dom amount, single real, double double precision,
             yes boolean, no boolean, day date, at timestamp, at_micro timestamp, tz timestamptz, tod time,
             span interval, mood mood, uuid uuid, plain json, tree jsonb, tags text[], names names, days date[], place place,
             fixed char(6), bits bit(4), inet inet, cost money, bytes bytea, text_bytes bytea, xml xml, range int4range,
             ever timestamp, empty text, nothing int);
         INSERT INTO t VALUES (
             9007199254740993, -7, 1234.50, 7, 0.1, 1.5, true, false, '2026-01-02', '2026-01-02 00:00:00',
             '2026-01-02 03:04:05.120000', '2026-01-02 03:04:05+08', '03:04:05', '1 day 02:00', '满意',
             'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{\"a\" : 1}', '{\"b\": [1, 2]}', '{一,NULL,\"a,b\"}', '{x}',
             '{2026-01-02}', ROW('中山路', 5), 'ab', B'0101', '10.0.0.1', 12.5, '\\x00ff', 'plain', '<a/>', '[1,5)',
             'infinity', '', NULL)",
    );
    let source = on_postgres(&plainly(&database.url(), "SELECT * FROM t"), mapping("Asia/Shanghai"));
    // The table belongs to the superuser.
    server.run_in(&database.name, "GRANT SELECT ON t TO PUBLIC");
    let row = first_row(&source.expect("a query")).await;
    let expected = json!({
        "id": "9007199254740993", "small": "-7", "amount": "1234.50", "dom": "7.00", "single": "0.1", "double": "1.5",
        "yes": "true", "no": "false", "day": "2026-01-02", "at": "2026-01-02 00:00:00",
        "at_micro": "2026-01-02 03:04:05.12", "tz": "2026-01-02 03:04:05", "tod": "03:04:05", "span": "1 day 02:00:00",
        "mood": "满意", "uuid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "plain": "{\"a\" : 1}", "tree": "{\"b\": [1, 2]}",
        "tags": "[\"一\",null,\"a,b\"]", "names": "[\"x\"]", "days": "[\"2026-01-02\"]",
        "place": "{\"street\":\"中山路\",\"number\":5}", "fixed": "ab", "bits": "0101", "inet": "10.0.0.1", "cost": "12.50",
        "bytes": null, "text_bytes": "plain", "xml": "<a/>", "range": "[1,5)", "ever": "infinity", "empty": null,
        "nothing": null,
    });
    assert_eq!(row, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_type_of_mariadb_is_a_text_that_people_would_write() {
    let server = MariaDb::shared();
    let database = server.new_database();
    server.run(
        &database,
        "SET sql_mode = '', time_zone = '+08:00', NAMES utf8mb4;
         CREATE TABLE t (
             id bigint unsigned, tiny tinyint, yes boolean, small_u tinyint(1) unsigned, medium mediumint, medium_u mediumint unsigned,
             whole int, whole_u int unsigned, amount decimal(20, 2), single float, twice double, bits bit(10), state enum('在办', '办结'),
             tags set('急', '重'), tree json, year year, no_year year, tod time, long_tod time(2), minus time, day date,
             zero_day date, half_day date, at datetime, at_micro datetime(6), zero_at datetime, ts timestamp NULL,
             ts_micro timestamp(3) NULL, zero_ts timestamp NULL, name varchar(20) CHARACTER SET latin1,
             title varchar(20) CHARACTER SET gbk, exact varchar(20) COLLATE utf8mb4_bin, body text, fixed char(5),
             bytes varbinary(8), blob_text blob, blob_bytes blob, place point, empty varchar(3), nothing int);
         INSERT INTO t VALUES (
             18446744073709551615, -7, 1, 200, -8388608, 16777215, -2147483648, 4294967295, 1234.50, 0.1, 1.5, b'1000000001', '办结',
             '急,重', '{\"a\": 1}', 2026, 0, '03:04:05', '26:00:00.5', '-01:02:03', '2026-01-02', '0000-00-00', '2026-02-00',
             '2026-01-02 00:00:00', '2026-01-02 03:04:05.120000', '0000-00-00 00:00:00', '2026-01-02 03:04:05',
             '2026-01-02 03:04:05.500', '0000-00-00 00:00:00', 'Café', '占道经营', 'Straße', '长文', 'ab', x'00ff', '字节', x'ff00',
             POINT(1, 2), '', NULL)",
    );
    let source = on_mariadb(&plainly(&server.url(&database), "SELECT * FROM t"), mapping("Asia/Shanghai"));
    let row = first_row(&source.expect("a query")).await;
    let expected = json!({
        "id": "18446744073709551615", "tiny": "-7", "yes": "1", "small_u": "200", "medium": "-8388608", "medium_u": "16777215",
        "whole": "-2147483648", "whole_u": "4294967295", "amount": "1234.50", "single": "0.1", "twice": "1.5", "bits": "513",
        "state": "办结", "tags": "急,重", "tree": "{\"a\": 1}", "year": "2026", "no_year": null, "tod": "03:04:05",
        "long_tod": "26:00:00.5", "minus": "-01:02:03", "day": "2026-01-02", "zero_day": null, "half_day": "2026-02-00",
        "at": "2026-01-02 00:00:00", "at_micro": "2026-01-02 03:04:05.12", "zero_at": null, "ts": "2026-01-02 03:04:05",
        "ts_micro": "2026-01-02 03:04:05.5", "zero_ts": null, "name": "Café", "title": "占道经营", "exact": "Straße", "body": "长文",
        "fixed": "ab", "bytes": null, "blob_text": "字节", "blob_bytes": null, "place": null, "empty": null, "nothing": null,
    });
    assert_eq!(row, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instants_are_the_same_through_both_whatever_the_server_thinks_of_zones() {
    // Two instants an hour apart that New York's clocks show alike, and one in summer.
    let postgres = Postgres::shared();
    let pg = postgres.new_database();
    postgres.run_in(
        &pg.name,
        "CREATE TABLE t (id int, at timestamptz, wall timestamp); GRANT SELECT ON t TO PUBLIC;
         INSERT INTO t VALUES (1, '2026-11-01 05:30:00Z', '2026-11-01 01:30:00'),
             (2, '2026-11-01 06:30:00Z', '2026-11-01 02:30:00'), (3, '2026-07-01 12:00:00Z', '2026-07-01 08:00:00')",
    );
    let mariadb = MariaDb::shared();
    let my = mariadb.new_database();
    mariadb.run(
        &my,
        "SET time_zone = '+00:00'; CREATE TABLE t (id int, at timestamp NULL, wall datetime);
         INSERT INTO t VALUES (1, '2026-11-01 05:30:00', '2026-11-01 01:30:00'),
             (2, '2026-11-01 06:30:00', '2026-11-01 02:30:00'), (3, '2026-07-01 12:00:00', '2026-07-01 08:00:00')",
    );
    let text =
        "id = 'id'\nkind = 'ticket'\ntimezone = 'America/New_York'\n[fields]\nseen_at = 'at'\nwall_at = 'wall'\n";
    let query = "SELECT * FROM t ORDER BY id";
    let through_postgres = on_postgres(&plainly(&pg.url(), query), mapped(text)).expect("a query");
    let through_mariadb = on_mariadb(&plainly(&mariadb.url(&my), query), mapped(text)).expect("a query");
    let first = serde_json::to_value(poll(&through_postgres).await.expect("an answer").items).expect("JSON");
    let second = serde_json::to_value(poll(&through_mariadb).await.expect("an answer").items).expect("JSON");
    assert_eq!(first, second, "no zone tables are installed on the second server");
    let seen = |at: usize| first[at]["fields"]["seen_at"].clone();
    assert_eq!([seen(0), seen(1), seen(2)], ["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", "2026-07-01T12:00:00Z"]);
    assert_eq!(first[1]["raw"]["at"], "2026-11-01 01:30:00-05:00");
    assert_eq!(first[2]["fields"]["wall_at"], "2026-07-01T12:00:00Z");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_knows_the_zone_by_name_shows_the_same() {
    let server = MariaDb::start();
    let database = server.new_database();
    // One zone, as `mariadb-tzinfo-to-sql` writes it: eight hours before UTC, always.
    server.run(
        "mysql",
        "INSERT INTO time_zone (Time_zone_id, Use_leap_seconds) VALUES (1, 'N');
         INSERT INTO time_zone_name (Name, Time_zone_id) VALUES ('Asia/Shanghai', 1);
         INSERT INTO time_zone_transition_type (Time_zone_id, Transition_type_id, `Offset`, Is_DST, Abbreviation)
             VALUES (1, 0, 28800, 0, 'CST');",
    );
    server.run(
        &database,
        "SET time_zone = '+00:00'; CREATE TABLE t (id int, at timestamp NULL, wall datetime, z varchar(20));
         INSERT INTO t VALUES (1, '2026-01-01 19:04:05', '2026-01-02 03:04:05', '')",
    );
    let query = "SELECT id, at, wall, @@session.time_zone AS z FROM t WHERE at >= :since AND wall >= :since";
    let source = on_mariadb(&plainly(&server.url(&database), query), mapping("Asia/Shanghai")).expect("a query");
    let row = first_row(&source).await;
    let wall = "2026-01-02 03:04:05";
    assert_eq!(row, json!({"id": "1", "at": wall, "wall": wall, "z": "Asia/Shanghai"}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_rows_still_has_its_columns() {
    let server = Postgres::shared();
    let database = server.new_database();
    let mariadb = MariaDb::shared();
    let url = mariadb.url(&mariadb.new_database());
    let query = "SELECT 1 AS id, 2 AS other WHERE 1 = 0";
    let text = "id = 'number'\nkind = 'ticket'\n[fields]\n";
    let says = "expected column \"number\"";
    let source = on_postgres(&plainly(&database.url(), query), mapped(text)).expect("a query");
    let error = poll(&source).await.expect_err("another column").to_string();
    assert!(error.contains(says) && error.contains("the columns are: id, other"), "{error}");
    let source = on_mariadb(&plainly(&url, query), mapped(text)).expect("a query");
    let error = poll(&source).await.expect_err("another column").to_string();
    assert!(error.contains(says) && error.contains("the columns are: id, other"), "{error}");
    let doubled = "SELECT 1 AS id, 2 AS id";
    let source = on_postgres(&plainly(&database.url(), doubled), mapping("UTC")).expect("a query");
    let error = poll(&source).await.expect_err("twice").to_string();
    assert!(error.contains("expected one column \"id\", got several"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_asks_for_what_changed_by_the_sources_own_clock() {
    let postgres = Postgres::shared();
    let pg = postgres.new_database();
    let mariadb = MariaDb::shared();
    let my = mariadb.new_database();
    postgres.run_in(
        &pg.name,
        "CREATE TABLE t (id int, at timestamptz, wall timestamp); GRANT SELECT ON t TO PUBLIC;
         INSERT INTO t VALUES (1, '2026-01-02 02:00:00+08', '2026-01-02 02:00:00'),
             (2, '2026-01-02 04:00:00+08', '2026-01-02 04:00:00')",
    );
    mariadb.run(
        &my,
        "SET time_zone = '+08:00'; CREATE TABLE t (id int, at timestamp NULL, wall datetime);
         INSERT INTO t VALUES (1, '2026-01-02 02:00:00', '2026-01-02 02:00:00'),
             (2, '2026-01-02 04:00:00', '2026-01-02 04:00:00')",
    );
    let since = "2026-01-01T19:00:00Z".parse().ok();
    for column in ["at", "wall"] {
        let query = format!("SELECT id FROM t WHERE {column} > :since");
        let through_postgres = on_postgres(&plainly(&pg.url(), &query), mapping("Asia/Shanghai")).expect("a query");
        let through_mariadb =
            on_mariadb(&plainly(&mariadb.url(&my), &query), mapping("Asia/Shanghai")).expect("a query");
        for source in [&through_postgres as &dyn Source, &through_mariadb] {
            assert!(source.asks_since());
            let items = source.fetch(since).await.expect("an answer").map(0).items;
            assert_eq!(items.iter().map(|item| &*item.key.id).collect::<Vec<_>>(), ["2"], "{column}");
            assert_eq!(source.fetch(None).await.expect("an answer").rows(), 2, "{column}");
        }
    }
}
