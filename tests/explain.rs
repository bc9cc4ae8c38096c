//! `duban explain`: every step with its inputs, result and reason, with a store and without one.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use duban::core::Instant;
use duban::core::item::{Item, ItemKey};
use duban::core::value::Value;
use duban::daemon::wiring::Site;
use duban::pipeline::{Entry, Pipeline};
use duban::store::sqlite::SqliteStore;
use duban::store::{PlaybookRecord, Store};

const CONFIG: &str = r#"
[rules]
enabled = ["2110", "137"]

[channels.mail.folder]
path = "mail"

[source.tickets]
every = "5m"
kind = "ticket"
id = "id"
timezone = "Asia/Shanghai"
[source.tickets.csv]
path = "tickets.csv"
[source.tickets.fields]
title = "title"
type = "type"
subject = "subject"
owner = "owner"
received_at = "received"
dispatched_at = "dispatched"
on_site_at = "on_site"
feedback_subject_at = "feedback_subject"
feedback_platform_at = "feedback_platform"
solved_at = "solved"
level = "level"
arranged_at = "arranged"
feedback_at = "feedback"
progress_at = "progress"
"#;

const TICKETS: &str = "id,title,type,subject,owner,received,dispatched,on_site,feedback_subject,feedback_platform,\
    solved,level,arranged,feedback,progress\n\
    T1,电梯停运,投诉,enterprise,w1,2026-03-02 09:55:00,2026-03-02 10:00:00,,2026-03-02 10:20:00,2026-03-02 10:20:00,,,,,\n\
    T2,咨询电价,咨询,enterprise,w1,2026-03-02 09:55:00,,,,,,,,,\n\
    T3,拒收,投诉,enterprise,w1,soon,,,,,,,,,\n";

fn at(text: &str) -> Instant {
    format!("2026-03-{}:00+08:00", text.replace(' ', "T")).parse().expect("an instant")
}

/// A folder with a configuration and its files.
fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = folder.path().join("rules");
    std::fs::create_dir(&rules).expect("created");
    for file in ["2110.rhai", "137.rhai", "params.toml"] {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules").join(file);
        std::fs::copy(shipped, rules.join(file)).expect("copied");
    }
    for (file, text) in
        [("duban.toml", CONFIG), ("tickets.csv", TICKETS), ("contacts.csv", "id,name,email\nw1,王某,w1@example.com\n")]
    {
        std::fs::write(folder.path().join(file), text).expect("written");
    }
    folder
}

fn explain(folder: &Path, language: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duban"));
    command.env_clear().env("DUBAN_LANG", language).env("DUBAN_CONFIG", folder.join("duban.toml"));
    command.current_dir(folder).arg("explain").args(arguments).output().expect("started")
}

fn said(folder: &Path, language: &str, arguments: &[&str]) -> String {
    let output = explain(folder, language, arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/explain").join(name);
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == found, "{} differs; found:\n{found}", path.display());
}

fn ticket() -> Item {
    let mut item = Item::new(ItemKey::new("tickets", "T1"), "ticket");
    for (name, value) in [("title", "电梯停运"), ("type", "投诉"), ("subject", "enterprise"), ("owner", "w1")] {
        item.fields.set(name, Value::text(value));
    }
    for (name, value) in [
        ("received_at", Some("02 09:55")),
        ("dispatched_at", Some("02 10:00")),
        ("feedback_subject_at", Some("02 10:20")),
        ("feedback_platform_at", Some("02 10:20")),
        ("on_site_at", None),
        ("solved_at", None),
    ] {
        item.fields.set(name, value.map_or(Value::Missing, |text| Value::Instant(at(text))));
    }
    item
}

/// The daemon's turns: first seen at 10:30, yellow at 11:30, red at 12:00, on site at 12:10 and known at 12:20.
async fn live_through(folder: &Path) -> Arc<SqliteStore> {
    let site = Site::read(&folder.join("duban.toml")).expect("a configuration");
    let playbook = Arc::new(site.playbook_alone().expect("a playbook"));
    let store = Arc::new(SqliteStore::open(folder.join("duban.db")).await.expect("a store"));
    let record = PlaybookRecord {
        version: playbook.version,
        at: at("02 08:00"),
        by: "start".into(),
        files: playbook.files.clone(),
    };
    store.put_playbook(&record, &playbook.rule_records(at("02 08:00"), "start"), None).await.expect("put");
    let pipeline = Pipeline::new(store.clone());
    let first = Entry::new(None, Some(Arc::new(ticket())));
    pipeline.turn(&playbook, vec![first], false, at("02 10:30")).await.expect("a turn");
    for instant in ["02 11:30", "02 12:00"] {
        pipeline.recheck(&playbook, at(instant)).await.expect("a turn");
    }
    let mut item = ticket();
    item.fields.set("on_site_at", Value::Instant(at("02 12:10")));
    let record = store.load(&[item.key.clone()]).await.expect("loaded").pop();
    pipeline
        .turn(&playbook, vec![Entry::new(record, Some(Arc::new(item)))], false, at("02 12:20"))
        .await
        .expect("a turn");
    store
}

#[test]
fn without_a_store_the_sources_are_polled() {
    let folder = site();
    for (language, name) in [("zh-CN", "polled.zh-CN.txt"), ("en", "polled.en.txt")] {
        golden(name, &said(folder.path(), language, &["T1", "--at", "2026-03-02T11:45"]));
    }
    let other = said(folder.path(), "en", &["tickets/T2", "--at", "2026-03-02T11:45"]);
    assert!(other.contains("does not apply") && !other.contains("window"), "{other}");
    let none = explain(folder.path(), "en", &["T9"]);
    assert_eq!((none.status.code(), none.stdout.len()), (Some(1), 0));
    assert_eq!(String::from_utf8_lossy(&none.stderr), "there is no item \"T9\"\n");
    let rejected = explain(folder.path(), "en", &["T3"]);
    assert!(String::from_utf8_lossy(&rejected.stderr).starts_with("tickets.csv:4: column \"received\""));
    assert_eq!(explain(folder.path(), "en", &["T1", "--at", "noon"]).status.code(), Some(2));
    assert!(!folder.path().join("duban.db").exists(), "nothing is written");
}

#[tokio::test]
async fn with_a_store_the_history_is_told_as_of_an_instant() {
    let folder = site();
    let store = live_through(folder.path()).await;
    store.close().await;
    for (language, name) in [("zh-CN", "remembered.zh-CN.txt"), ("en", "remembered.en.txt")] {
        golden(name, &said(folder.path(), language, &["T1", "--at", "2026-03-02T13:00"]));
    }
    let before = said(folder.path(), "en", &["T1", "--at", "2026-03-02T11:45"]);
    assert!(before.contains("on_site_at = (none)") && before.contains("raised yellow card"), "{before}");
    assert!(!before.contains("red card") && !before.contains("cleared"), "{before}");
    let json: serde_json::Value =
        serde_json::from_str(&said(folder.path(), "en", &["T1", "--at", "2026-03-02T13:00", "--format", "json"]))
            .expect("JSON");
    let cards = json["cards"].as_array().expect("cards");
    let card = cards.iter().find(|card| card["name"] == "on_site").expect("the card");
    let changes: Vec<_> = card["transitions"].as_array().expect("a history").iter().map(|t| &t["change"]).collect();
    assert_eq!(changes, ["raise", "raise", "clear"]);
    assert_eq!(card["notices"][0]["delivery"]["state"], "available");
    let csv = said(folder.path(), "en", &["T1", "--at", "2026-03-02T13:00", "--format", "csv"]);
    assert!(csv.starts_with("rule,name,episode,number,change,from,to,at,noticed_at,reason\n"), "{csv}");

    let id = card["notices"][0]["delivery"]["id"].as_str().expect("an id");
    let delivery = said(folder.path(), "en", &["--delivery", &id[..10]]);
    assert!(delivery.starts_with(&format!("delivery  {id}  w1 mail  ")), "{delivery}");
    assert!(delivery.contains("says  raised  tickets/T1  2110/on_site  falls due at 2 Mar 2026 12:00"), "{delivery}");
    let none = explain(folder.path(), "en", &["--delivery", "zz"]);
    assert_eq!(none.status.code(), Some(1));
}
