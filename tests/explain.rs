//! `duban explain`: every step with its inputs, result and reason, with a store and without one.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use duban::core::Instant;
use duban::core::item::{Item, ItemKey, Pause};
use duban::core::remark::{Amendment, Draft, Remark, Revocation, Statement};
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

/// Puts down what stands on paper: a pause that lasts, a finish that was entered by mistake, an exemption, an appeal.
async fn remark_on(folder: &Path, store: Arc<SqliteStore>) {
    let playbook = Site::read(&folder.join("duban.toml")).expect("a configuration").playbook_alone();
    let (playbook, pipeline) = (Arc::new(playbook.expect("a playbook")), Pipeline::new(store));
    let put = async |statement: Statement, now: &str, is_appeal: bool| -> Remark {
        let draft = Draft {
            item: ticket().key,
            by: "示例登记员".into(),
            basis: "现场勘测记录".into(),
            document: Some("示例办〔2026〕3号".into()),
            approver: (!is_appeal).then(|| "示例主任".into()),
            statement,
            is_appeal,
        };
        let remark = draft.remark(false, at(now)).expect("a remark");
        let add = Amendment::Add(Box::new(remark));
        pipeline.remark(&playbook, &ticket().key, &add, at(now)).await.expect("on record")
    };
    let survey = Pause { kind: Some("现场勘测".into()), ..Pause::new(at("02 11:00"), None) };
    put(Statement::Pause(survey), "02 12:30", false).await;
    let solved = put(Statement::Time { field: "solved_at".into(), at: at("02 11:30") }, "02 12:40", false).await;
    let revocation = Revocation { at: at("02 12:45"), by: "示例科长".into(), why: "录错办件".into() };
    let revoke = Amendment::Revoke(solved.id, revocation);
    pipeline.remark(&playbook, &ticket().key, &revoke, at("02 12:45")).await.expect("revoked");
    put(Statement::Exemption { rule: "2110".into(), name: "on_site".into() }, "02 12:50", false).await;
    put(Statement::WrongCard { rule: "2110".into(), name: "feedback".into() }, "02 12:55", true).await;
}

#[tokio::test]
async fn remarks_stand_beside_what_they_moved_and_those_that_do_not_count_are_told_too() {
    let folder = site();
    let store = live_through(folder.path()).await;
    remark_on(folder.path(), store.clone()).await;
    store.close().await;
    for (language, name) in [("zh-CN", "remarked.zh-CN.txt"), ("en", "remarked.en.txt")] {
        golden(name, &said(folder.path(), language, &["T1", "--at", "2026-03-02T13:00"]));
    }
    // As of an instant nobody knew of what came later.
    let before = said(folder.path(), "en", &["T1", "--at", "2026-03-02T12:42"]);
    assert!(before.contains("solved_at = 2026-03-02 11:30  in force"), "{before}");
    assert!(!before.contains("revoked") && !before.contains("exemption"), "{before}");
    let json: serde_json::Value =
        serde_json::from_str(&said(folder.path(), "en", &["T1", "--at", "2026-03-02T13:00", "--format", "json"]))
            .expect("JSON");
    let standings: Vec<_> = json["remarks"].as_array().expect("remarks").iter().map(|r| &r["standing"]).collect();
    assert_eq!(standings, ["in_force", "revoked", "in_force", "waiting"]);
    let of_rule = json["rules"].as_array().expect("rules").iter().find(|rule| rule["rule"] == "2110");
    let windows = of_rule.expect("2110")["windows"].as_array().expect("windows").clone();
    let solved = windows.iter().find(|window| window["window"]["name"] == "solved").expect("a window");
    assert_eq!(solved["remarks"][0], json["remarks"][0]["id"]);
}
