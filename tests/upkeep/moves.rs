//! `duban migrate --from … --to …`.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::support::daemon::Daemon;
use super::support::patience::{ahead, holds_within};
use super::support::postgres::{Database, Postgres, block_on};
use super::support::site::{LIVE, Ticket};
use super::{Office, calm_site, create, full, number, sql};
use crate::support::command::duban;

/// Rows and checksum by table.
type Tallies = BTreeMap<String, (u64, String)>;

impl Office {
    /// Copies a store, which must succeed.
    #[track_caller]
    fn moves(&self, from: &str, to: &str) -> Tallies {
        let run = self.duban(&["migrate", "--from", from, "--to", to, "--format", "csv"]);
        assert_eq!(run.status, 0, "{run:?}");
        let rows = run.rows().into_iter();
        let tallies = rows.map(|mut row| {
            let mut take = |name: &str| row.remove(name).expect("a column");
            (take("table"), (take("rows").parse().expect("a count"), take("checksum")))
        });
        let mut tallies: Tallies = tallies.collect();
        // Each move adds an entry.
        assert!(tallies.remove("audit").is_some() && tallies.remove("audit_head").is_some());
        tallies
    }

    fn sqlite(&self, name: &str) -> String {
        format!("sqlite:{}", self.path(name).display())
    }
}

/// Does something in a database as its owner.
#[track_caller]
fn run_in(database: &Database<'_>, sql: &'static str) {
    let url = plain(database);
    block_on(async {
        let mut connection = PgConnection::connect(&url).await.expect("connected");
        sqlx::raw_sql(sql).execute(&mut connection).await.expect("statements");
        connection.close().await.expect("closed");
    });
}

/// The way to a database on this machine, in the clear.
fn plain(database: &Database<'_>) -> String {
    format!("{}?sslmode=disable", database.url())
}

fn rows(server: &Postgres, database: &Database<'_>) -> i64 {
    server.number(&database.name, "SELECT (SELECT count(*) FROM items) + (SELECT count(*) FROM playbooks)")
}

#[test]
fn there_and_back_again_everything_is_the_same_in_every_table() {
    let server = Postgres::shared();
    let database = server.new_database();
    let office = Office::full(2_345);
    let there = office.moves("sqlite:", &plain(&database));
    assert_eq!(there.len(), 20, "{there:?}");
    assert!(there.values().all(|(rows, _)| *rows > 0), "{there:?}");
    assert_eq!(there["items"].0, 2_345);
    let back = office.moves(&plain(&database), &office.sqlite("back.db"));
    assert_eq!(there, back);
    let moves = "SELECT count(*) FROM audit WHERE what = 'store.move'";
    assert_eq!((server.number(&database.name, moves), number(&office.path("back.db"), moves)), (1, 2));
    let texts = "SELECT count(*) FROM audit WHERE what = 'remark.add'";
    assert_eq!(server.number(&database.name, texts), number(&office.path("back.db"), texts));
    let onwards = office.moves(&office.sqlite("back.db"), &office.sqlite("on.db"));
    assert_eq!(there, onwards);
    let second = server.new_database();
    let pooled = |database: &Database<'_>| format!("{}?sslmode=disable", database.pooled_url());
    assert_eq!(there, office.moves(&pooled(&database), &pooled(&second)), "a pooler may stand between");
    // What numbers itself goes on after the highest.
    run_in(&database, "INSERT INTO playbook_log (version, at, \"by\") VALUES ('v1', 0, 'x')");
    assert_eq!(server.number(&database.name, "SELECT max(seq) FROM playbook_log"), 201);
    run_in(
        &database,
        "INSERT INTO snapshots (source, item, seen_at, digest, content)
         SELECT source, id, 0, 'd', '' FROM items LIMIT 1",
    );
    assert_eq!(server.number(&database.name, "SELECT max(seq) FROM snapshots"), 2_345 * 3 + 1);
}

#[test]
fn a_hundred_thousand_rows_are_moved() {
    let database = Postgres::shared().new_database();
    let office = Office::full(15_000);
    let there = office.moves("sqlite:", &plain(&database));
    assert!(there.values().map(|(rows, _)| rows).sum::<u64>() > 100_000);
}

#[test]
fn only_an_empty_store_is_a_target() {
    let server = Postgres::shared();
    let database = server.new_database();
    let office = Office::full(20);
    office.moves("sqlite:", &plain(&database));
    let refused = ["migrate", "--from", "sqlite:", "--to", &plain(&database)];
    office.refuses(&refused, 1, "is not empty: ", "不是空库：");
    full::fill(&office.path("other.db"), 30);
    let before = fs::read(office.path("other.db")).expect("a file");
    let other = office.sqlite("other.db");
    office.refuses(&["migrate", "--from", &plain(&database), "--to", &other], 1, "is not empty: ", "未作任何改动");
    assert!(before == fs::read(office.path("other.db")).expect("a file"));
    assert_eq!(rows(server, &database), 40);
}

#[test]
fn what_is_no_store_of_this_version_is_not_a_source() {
    let server = Postgres::shared();
    let database = server.new_database();
    let office = Office::new();
    let url = plain(&database);
    let refuses = |from: &str, status, english, chinese| {
        office.refuses(&["migrate", "--from", from, "--to", &url], status, english, chinese);
        office.refuses(&["migrate", "--from", from, "--to", &office.sqlite("new.db")], status, english, chinese);
    };
    refuses("sqlite:", 1, "there is no such file", "文件不存在");
    fs::write(office.path("text"), "x".repeat(99)).expect("a file");
    refuses(&office.sqlite("text"), 1, "not an SQLite database", "不是 SQLite 数据库");
    sql(&office.path("other"), "CREATE TABLE invoices (id INTEGER)");
    refuses(&office.sqlite("other"), 1, "another program's database", "别的程序的数据库");
    create(&office.path("newer"));
    super::backups::make_newer(&office.path("newer"));
    refuses(&office.sqlite("newer"), 1, "a newer duban", "更新版本的 duban");
    let empty = server.new_database();
    refuses(&plain(&empty), 1, "it has no tables", "没有 duban 的库表");
    refuses("postgres:", 2, "no [store.postgres]", "没有 [store.postgres]");
    refuses("mysql://x", 2, "expected sqlite:PATH or postgres://…, got", "应为 sqlite:路径 或 postgres://…");
    refuses("postgres://h:port/x", 2, "expected postgres://USER@HOST/DATABASE", "应为 postgres://");
    refuses(
        "postgres://duban@127.0.0.1:1/duban",
        70,
        "postgres://duban@127.0.0.1:1/duban",
        "postgres://duban@127.0.0.1:1/duban",
    );
    assert!(!office.path("new.db").exists(), "the source is looked at first");
    assert_eq!(server.number(&database.name, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), 0);
}

#[test]
fn the_configured_database_has_a_short_name_and_its_own_tools_for_copies() {
    let server = Postgres::shared();
    let database = server.new_database();
    let office = Office::full(20);
    let url = database.url();
    let config = format!("[store.postgres]\nurl = \"{url}\"\ntls = \"off\"\n");
    fs::write(office.path("duban.toml"), config).expect("a configuration");
    let there = office.moves("sqlite:", "postgres:");
    assert_eq!(there["items"].0, 20);
    let migrated = office.row(&["migrate"]);
    assert_eq!((&migrated["store"], &*migrated["from"], &*migrated["to"]), (&url, "1", "1"));
    for (command, tool) in [("backup", "pg_dump --format=custom"), ("restore", "pg_restore --clean")] {
        let line = format!("--dbname='{url}'");
        let arguments = [command, "duban.dump"];
        office.refuses(&arguments, 1, tool, tool);
        office.refuses(&arguments, 1, &line, &line);
    }
    let back = office.moves("postgres:", &office.sqlite("back.db"));
    assert_eq!(there, back);
}

#[test]
fn a_trail_that_is_broken_is_moved_as_it_is_and_that_is_said() {
    let database = Postgres::shared().new_database();
    let office = Office::full(20);
    sql(&office.store(), "DROP TRIGGER audit_is_not_updated; UPDATE audit SET \"by\" = 'x' WHERE seq = 3");
    let run = office.duban(&["migrate", "--from", "sqlite:", "--to", &plain(&database)]);
    assert!(run.status == 1 && run.stderr.contains("the audit trail is broken: entry 3: "), "{run:?}");
    let chinese = ["migrate", "--from", &plain(&database), "--to", &office.sqlite("back.db"), "--lang", "zh-CN"];
    let run = office.duban(&chinese);
    assert!(run.status == 1 && run.stderr.contains("审计记录已断链：第 3 条"), "{run:?}");
    assert_eq!(number(&office.path("back.db"), "SELECT count(*) FROM items"), 20);
}

#[test]
fn source_and_target_must_be_two() {
    let office = Office::full(20);
    let refused = ["migrate", "--from", "sqlite:", "--to", &office.sqlite("duban.db")];
    office.refuses(&refused, 1, "the same store", "同一个库");
    office.refuses(&["migrate", "--from", "sqlite:"], 2, "--to", "--to");
}

#[test]
fn a_running_daemon_is_neither_source_nor_target() {
    let database = Postgres::shared().new_database();
    let site = calm_site();
    let daemon = Daemon::polled(&site);
    let office = Office::full(20);
    let running = format!("sqlite:{}", site.path("duban.db").display());
    let url = plain(&database);
    office.refuses(&["migrate", "--from", &running, "--to", &url], 1, "stop it first", "请先停止它");
    office.refuses(&["migrate", "--from", "sqlite:", "--to", &running], 1, "stop it first", "请先停止它");
    assert_eq!(daemon.stop(), 0);
    office.moves(&running, &url);
}

#[test]
fn a_transfer_that_is_killed_leaves_nothing_and_is_done_again() {
    let server = Postgres::shared();
    let database = server.new_database();
    let office = Office::full(20_000);
    let (from, to) = (office.sqlite("duban.db"), plain(&database));
    let mut child = Command::new(env!("CARGO_BIN_EXE_duban"))
        .args(["migrate", "--from", &from, "--to", &to])
        .env_clear()
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let is_writing = "SELECT count(*) FROM pg_stat_activity
                      WHERE datname = current_database() AND query LIKE 'INSERT INTO \"transitions\"%'";
    assert!(holds_within(30, || server.number(&database.name, is_writing) > 0), "it does not write");
    child.kill().expect("killed");
    child.wait().expect("a child");
    assert!(holds_within(20, || server.number(
        &database.name,
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name LIKE 'duban%'"
    ) == 0));
    assert_eq!(rows(server, &database), 0);
    let done = office.moves(&from, &to);
    assert_eq!(done["transitions"].0, 20_000);
}

#[test]
fn what_the_target_changes_on_its_way_in_is_noticed_and_not_kept() {
    let server = Postgres::shared();
    let database = server.new_database();
    let office = Office::full(20);
    create(&office.path("empty.db"));
    office.moves(&office.sqlite("empty.db"), &plain(&database));
    run_in(
        &database,
        "CREATE FUNCTION worse() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN NEW.rejected := NEW.rejected + 1; RETURN NEW; END';
         CREATE TRIGGER worse BEFORE INSERT ON sources FOR EACH ROW EXECUTE FUNCTION worse()",
    );
    let refused = ["migrate", "--from", "sqlite:", "--to", &plain(&database)];
    office.refuses(&refused, 1, "nothing is kept:\nsources: 20 ", "核对不一致，目标未作任何改动");
    assert_eq!(rows(server, &database), 0);
}

#[test]
fn a_text_that_the_target_cannot_hold_is_told_with_its_table_and_nothing_is_kept() {
    let server = Postgres::shared();
    let database = server.new_database();
    let office = Office::full(20);
    sql(&office.store(), "UPDATE remarks SET basis = 'a' || char(0) || 'b' WHERE remark = 'm3'");
    office.refuses(&["migrate", "--from", "sqlite:", "--to", &plain(&database)], 70, "remarks: ", "remarks: ");
    assert_eq!(rows(server, &database), 0);
}

#[test]
fn after_a_move_the_daemon_goes_on_and_tells_nothing_twice() {
    let site = calm_site();
    site.configure(LIVE);
    let calm = Ticket::due_at("A-0", ahead(3_000_000));
    let daemon = Daemon::polled(&site);
    let told = site.mails("mail").len();
    let first = Ticket::due_at("A-1", ahead(-60));
    site.tickets(&[calm.clone(), first.clone()]);
    daemon.mails_in(&site, "mail", told + 1);
    daemon.polls_again(1);
    assert_eq!(daemon.stop(), 0);
    let told = site.mails("mail").len();
    let (from, to) = (site.path("duban.db"), site.path("moved.db"));
    let place = |path: &std::path::Path| format!("sqlite:{}", path.display());
    let run = duban(&["migrate", "--from", &place(&from), "--to", &place(&to)]);
    assert_eq!(run.status, 0, "{run:?}");
    site.configure(&format!("{LIVE}[store]\nsqlite = \"moved.db\"\n"));
    let daemon = Daemon::polled(&site);
    daemon.polls_again(2);
    assert_eq!(site.mails("mail").len(), told, "nothing is told twice");
    site.tickets(&[calm, first, Ticket::due_at("A-2", ahead(-60))]);
    daemon.mails_in(&site, "mail", told + 1);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(number(&from, "SELECT count(*) FROM items WHERE id = 'A-2'"), 0, "the source stays as it was");
}
