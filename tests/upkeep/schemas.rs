//! `duban migrate` on one store, and stores of other versions.

use std::fs;

use serde_json::{Value, json};

use super::backups::make_newer;
use super::support::daemon::Daemon;
use super::{Office, calm_site, create, last_command, number, type_in};
use crate::support::command::duban;

#[test]
fn a_store_that_is_up_to_date_stays_as_it_is() {
    let office = Office::new();
    let first = office.row(&["migrate"]);
    assert_eq!((&*first["from"], &*first["to"], &*first["backup"]), ("", "1", ""));
    let run = office.duban(&["migrate", "--format", "json"]);
    assert_eq!((run.status, &*run.stderr), (0, "schema 1: already up to date\n"), "{run:?}");
    let rows: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let store = office.store().display().to_string();
    assert_eq!(rows, json!([{ "store": store, "from": 1, "to": 1, "backup": null }]));
    let chinese = office.duban(&["migrate", "--lang", "zh-CN"]);
    assert_eq!(chinese.stderr, "库结构 1 已是最新，无须改动\n");
    assert_eq!(office.files("duban.db"), ["duban.db", "duban.db.lock"]);
}

#[test]
fn a_newer_store_is_refused_by_every_command_with_the_way_back() {
    let office = Office::new();
    create(&office.store());
    let backup = office.path("duban.db.schema-1.backup");
    fs::copy(office.store(), &backup).expect("a copy");
    make_newer(&office.store());
    for command in [&["run"][..], &["migrate"], &["deliveries", "list"], &["explain", "A-1"]] {
        let way_back = format!("duban restore {}", backup.display());
        office.refuses(command, 70, &way_back, &way_back);
        office.refuses(command, 70, "a newer duban (schema 9999, and this one knows 1)", "更新版本的 duban");
    }
    let run = office.duban(&["migrate"]);
    type_in(last_command(&run.stderr));
    assert_eq!(number(&office.store(), "SELECT max(version) FROM _sqlx_migrations"), 1);
    office.row(&["migrate"]);
    // The newer one is kept, and is what one goes back to after all.
    let kept = office.files("duban.db.replaced-");
    assert_eq!(number(&office.path(&kept[0]), "SELECT max(version) FROM _sqlx_migrations"), 9999);
    fs::remove_file(&backup).expect("removed");
    make_newer(&office.store());
    office.refuses(&["run"], 70, "there is no backup beside it", "旁边没有本程序能用的备份");
}

#[test]
fn a_running_daemon_is_up_to_date_unless_it_is_of_another_version() {
    let site = calm_site();
    let daemon = Daemon::polled(&site);
    let config = site.path("duban.toml").display().to_string();
    let run = duban(&["migrate", "--config", &config]);
    assert_eq!((run.status, &*run.stderr), (0, "schema 1: already up to date\n"), "{run:?}");
    make_newer(&site.path("duban.db"));
    for (language, says) in [("en", "stop it first"), ("zh-CN", "请先停止它")] {
        let run = duban(&["migrate", "--config", &config, "--lang", language]);
        assert_eq!((run.status, run.stderr.contains(says)), (1, true), "{run:?}");
    }
    assert_eq!(daemon.stop(), 0);
}
