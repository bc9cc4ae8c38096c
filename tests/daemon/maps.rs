//! Maps of sources in a running duban: checked and reloaded like rules, and what a changed one says is found.

use duban::daemon::poll::Report;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

use crate::support::house::{House, Keeps};
use crate::support::site::Site;
use crate::support::stage::{at, dispatched, office};
use crate::threads::VISIT;

fn titled(word: &str) -> String {
    format!(
        "fn map(row) {{\n  if row[\"编号\"] == \"T9\" {{ return (); }}\n  #{{ \"诉求\": \"{word}\" + row[\"诉求\"] }}\n}}\n"
    )
}

/// An office whose source has a map.
fn mapped() -> Site {
    let site = office(&[("visit", VISIT)], "");
    let config = std::fs::read_to_string(site.path("duban.toml")).expect("the configuration");
    site.put("duban.toml", &config.replace("[source.tickets]", "[source.tickets]\nmap = \"maps/tickets.rhai\""));
    site.put("maps/tickets.rhai", &titled("甲"));
    site.tickets(&["T1", "T2", "T9"].map(|id| dispatched(id, "2026-03-02 08:00").titled("井盖")));
    site
}

fn counts(report: &Report) -> (u64, u64, usize) {
    assert_eq!(report.trouble, None);
    (report.rows, report.left_out, report.changed)
}

#[test]
fn a_map_is_reloaded_like_a_rule_and_a_broken_one_leaves_the_last_good_one_in_force() {
    let mut house = House::at(mapped(), Keeps::Memory, at("2026-03-02 09:00"));
    let titles = |house: &House| house.titles("tickets", &["T1", "T2"]);
    assert_eq!(counts(&house.poll("tickets")), (2, 1, 2));
    assert_eq!(titles(&house), ["甲井盖", "甲井盖"]);
    house.minute();
    assert_eq!(counts(&house.poll("tickets")), (2, 1, 0));
    let before = house.playbook().version;
    house.site.put("maps/tickets.rhai", &titled("乙"));
    house.reload().expect("a good map");
    assert_ne!(house.playbook().version, before);
    house.minute();
    assert_eq!(counts(&house.poll("tickets")), (2, 1, 2), "the rows are what they were, the items are not");
    assert_eq!(titles(&house), ["乙井盖", "乙井盖"]);

    house.site.put("maps/tickets.rhai", "fn map(row) {\n  #{ \"诉求\": rwo }\n}");
    let refused = house.reload().expect_err("a broken map");
    assert!(refused.starts_with("maps/tickets.rhai:2:"), "{refused}");
    assert!(refused.contains("unknown name `rwo`") && refused.lines().count() == 3, "{refused}");
    house.minute();
    assert_eq!(counts(&house.poll("tickets")), (2, 1, 0));
    house.start();
    house.minute();
    assert_eq!(counts(&house.poll("tickets")), (2, 1, 0), "a new process takes the last good one");
    assert_eq!(titles(&house), ["乙井盖", "乙井盖"]);

    std::fs::remove_file(house.site.path("maps/tickets.rhai")).expect("removed");
    let refused = house.reload().expect_err("no map");
    assert!(refused.starts_with("maps/tickets.rhai: expected a file that can be read"), "{refused}");
}

#[test]
fn a_map_that_leaves_everything_out_closes_nothing() {
    let mut house = House::at(mapped(), Keeps::Memory, at("2026-03-02 09:00"));
    assert_eq!(counts(&house.poll("tickets")), (2, 1, 2));
    house.site.put("maps/tickets.rhai", "fn map(row) { }");
    house.reload().expect("it compiles");
    house.minute();
    let trouble = house.poll("tickets").trouble.expect("nothing is left");
    assert!(trouble.contains("no rows") && trouble.contains("the map left out 3 rows"), "{trouble}");
    assert_eq!(house.record("tickets", "T1").missing_polls, 0);
    house.site.put("maps/tickets.rhai", "fn map(row) { throw \"x\"; }");
    house.reload().expect("it compiles");
    assert!(house.poll("tickets").trouble.is_some(), "every row was rejected");
}

/// A source that is asked for what changed since.
fn asked_for_changes() -> Site {
    let site = mapped();
    let config = std::fs::read_to_string(site.path("duban.toml")).expect("the configuration");
    let head = config.split("[source.tickets.csv]").next().expect("a head");
    let source = r#"since = { field = "changed_at", overlap = "10m" }
[source.tickets.sqlite]
path = "tickets.db"
query = "SELECT * FROM ticket WHERE changed >= :since ORDER BY id"
[source.tickets.fields]
title = "诉求"
changed_at = "changed"
dispatched_at = "changed"
on_site_at = "none"
"#;
    site.put("duban.toml", &format!("{head}{source}").replace("id = \"编号\"", "id = \"id\""));
    site.put("maps/tickets.rhai", &by_id("甲"));
    site
}

fn by_id(word: &str) -> String {
    format!("fn map(row) {{ #{{ \"诉求\": \"{word}\" + row[\"id\"], none: () }} }}")
}

#[test]
fn rows_that_did_not_change_are_asked_for_again_when_their_mapping_did() {
    let site = asked_for_changes();
    let path = site.path("tickets.db");
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(async {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let mut database = options.connect().await.expect("a database");
        let rows = "('T1', '2026-02-20 09:00:00'), ('T2', '2026-02-25 09:00:00'), ('T3', '2026-03-02 08:55:00')";
        for statement in ["CREATE TABLE ticket (id TEXT, changed TEXT)", &format!("INSERT INTO ticket VALUES {rows}")] {
            database.execute(AssertSqlSafe(statement.to_owned())).await.expect("a table");
        }
        database.close().await.expect("closed");
    });
    let mut house = House::at(site, Keeps::Sqlite, at("2026-03-02 09:00"));
    let poll = |house: &House| {
        house.minute();
        counts(&house.poll("tickets"))
    };
    assert_eq!(poll(&house), (3, 0, 3));
    assert_eq!(poll(&house), (1, 0, 0), "what changed since");
    house.start();
    assert_eq!(poll(&house), (1, 0, 0), "a new process goes on");
    for (word, why) in [("乙", "another map"), ("甲", "the first one again")] {
        house.site.put("maps/tickets.rhai", &by_id(word));
        house.reload().expect(why);
        assert_eq!(poll(&house), (3, 0, 3), "{why}");
        assert_eq!(house.titles("tickets", &["T1"]), [format!("{word}T1")]);
        assert_eq!(poll(&house), (1, 0, 0), "{why}");
    }
    let config = std::fs::read_to_string(house.site.path("duban.toml")).expect("the configuration");
    house.site.put(
        "duban.toml",
        &config.replace("raw = ", "").replace("on_site_at = \"none\"", "on_site_at = \"none\"\nunit = \"id\""),
    );
    house.reload().expect("another mapping");
    assert_eq!(poll(&house), (3, 0, 3), "another mapping");
}
