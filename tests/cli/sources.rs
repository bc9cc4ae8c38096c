//! `duban source` and `duban ctl status`: what is watched, a look at rows, the draft of a mapping, and what an operator
//! accepts.

use serde_json::Value;

use super::desk::{CONFIG, Desk, duban_at};
use super::golden;
use crate::support::command::{Run, shipped};
use crate::support::daemon::Daemon;
use crate::support::patience::{ahead, holds_within};
use crate::support::site::{Site, Ticket};

/// The same desk with a bad row, a column that nothing uses and a field that nothing fills.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.put(
        "hotline.csv",
        "id,title,unit,owner,received,replied,note\n\
         T1,工地夜间噪声,住建局,z1,2026-03-02 10:00:00,,早\n\
         T2,已答复,住建局,z1,2026-03-02 10:00:00,2026-03-02 11:00:00,\n\
         T3,时间不对,住建局,z1,昨天,,\n\
         ,没有编号,住建局,z1,2026-03-02 10:00:00,,\n",
    );
    let config = CONFIG.replace("replied_at = \"replied\"\n", "replied_at = \"replied\"\nregion = \"note2\"\n");
    let config = config.replace("region = \"note2\"", "region = { column = \"note\", values = { \"早\" = \"\" } }");
    desk.put("duban.toml", &config.replace("title = \"title\"", "title = \"title\"\nlevel = { value = \"L1\" }"));
    desk
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

#[test]
fn people_see_rows_raw_and_mapped_side_by_side() {
    let desk = desk();
    for language in ["zh-CN", "en"] {
        let run = desk.duban(language, &["source", "preview", "hotline", "--rows", "3"]);
        assert_eq!((run.status, &*run.stderr), (0, ""), "{run:?}");
        golden(&format!("source-preview.{language}.txt"), &run.stdout);
    }
    assert!(!desk.path().join("duban.db").exists(), "nothing is written");
}

#[test]
fn programs_see_the_same_with_what_each_reason_says() {
    let desk = desk();
    let seen = json(&desk.duban("zh-CN", &["source", "preview", "hotline", "--format", "json"]));
    assert_eq!([&seen["rows"], &seen["items"], &seen["rejected"]], [4, 2, 2]);
    assert_eq!(seen["sample"][0]["item"]["fields"]["title"], "工地夜间噪声");
    assert_eq!(seen["sample"][0]["raw"]["received"], "2026-03-02 10:00:00");
    assert!(seen["sample"][0]["item"]["raw"].is_null(), "the columns stand beside it");
    let rejection = &seen["rejections"][0];
    assert_eq!([&rejection["place"], &rejection["id"], &rejection["column"]], ["hotline.csv:4", "T3", "received"]);
    assert_eq!([&rejection["expected"], &rejection["got"]], ["a time such as 2026-12-31 21:30:45", "\"昨天\""]);
    assert_eq!(seen["never_filled"], serde_json::json!(["region"]));
    assert_eq!(seen["never_used"], serde_json::json!([]));
    assert_eq!(seen["filled"]["replied_at"], 1);
}

#[test]
fn what_a_map_made_of_the_rows_is_seen_and_what_it_left_out_is_counted() {
    let desk = desk();
    std::fs::create_dir(desk.path().join("maps")).expect("a folder");
    desk.put(
        "maps/hotline.rhai",
        "fn map(row) { if row.id == \"T3\" { () } else { #{ title: `【${row.note ?? \"-\"}】${row.title}` } } }",
    );
    let config = std::fs::read_to_string(desk.path().join("duban.toml")).expect("a configuration");
    desk.put("duban.toml", &config.replace("kind = \"ticket\"", "kind = \"ticket\"\nmap = \"maps/hotline.rhai\""));
    let seen = json(&desk.duban("en", &["source", "preview", "hotline", "--format", "json"]));
    assert_eq!([&seen["rows"], &seen["items"], &seen["left_out_by_map"]], [3, 2, 1], "{seen:#}");
    assert_eq!(seen["sample"][0]["item"]["fields"]["title"], "【早】工地夜间噪声");
    assert_eq!(seen["never_used"], serde_json::json!([]));
    let run = desk.duban("zh-CN", &["source", "preview", "hotline"]);
    assert!(run.stdout.contains("map 有意略去 1 行"), "{run:?}");
}

#[test]
fn a_source_that_cannot_be_read_is_told_in_the_words_of_its_poll() {
    let desk = desk();
    let refused = |name: &str, status: i32, says: &str| {
        for language in ["en", "zh-CN"] {
            let run = desk.duban(language, &["source", "preview", name]);
            assert_eq!(run.status, status, "{run:?}");
            assert!(run.stderr.contains(says), "{says}: {run:?}");
        }
    };
    refused("hotlin", 2, "hotline");
    desk.put("hotline.csv", "id,title,unit,owner,received,replied,note\n");
    refused("hotline", 1, "the source has no rows");
    desk.put("hotline.csv", "id,titel,unit,owner,received,replied,note\n1,,,,,,\n");
    refused("hotline", 1, "expected column \"title\" (did you mean \"titel\"?)");
    std::fs::remove_file(desk.path().join("hotline.csv")).expect("removed");
    refused("hotline", 1, "hotline.csv: expected a file that can be read");
    desk.put(
        "duban.toml",
        &format!("{CONFIG}\n[source.calls]\nkind = \"x\"\nid = \"id\"\npush = {{ token = {{ env = \"NONE\" }} }}\n"),
    );
    refused("calls", 2, "calls");
    refused("hotline", 1, "hotline.csv: expected a file");
}

#[test]
fn sources_are_listed_with_what_they_are_and_how_their_servers_are_trusted() {
    let desk = desk();
    let weak = "[source.permits]\nevery = \"5m\"\nkind = \"project\"\nid = \"id\"\n[source.permits.postgres]\n\
                url = \"postgres://duban@db.example/city\"\ntls = \"off\"\nquery = \"SELECT 1 AS id\"\n\
                password = { env = \"PERMITS\" }\n";
    desk.put("duban.toml", &format!("{CONFIG}{weak}"));
    for language in ["zh-CN", "en"] {
        let run = desk.duban(language, &["source", "list"]);
        assert_eq!((run.status, &*run.stderr), (0, ""), "{run:?}");
        golden(&format!("source-list.{language}.txt"), &run.stdout);
        let run = desk.duban(language, &["ctl", "status"]);
        golden(&format!("ctl-status.{language}.txt"), &format!("{}{}", run.stdout, run.stderr));
    }
    let listed = json(&desk.duban("zh-CN", &["source", "list", "--format", "json"]));
    assert_eq!(
        [&listed[1]["state"], &listed[1]["tls"], &listed[0]["tls"]],
        [&Value::from("unseen"), &Value::from("off"), &Value::Null]
    );
    assert!(!desk.path().join("duban.db").exists(), "nothing is written");
}

/// What `guess` says, as if this project lay in `/srv`.
fn guessed(desk: &Desk, language: &str, arguments: &[&str]) -> String {
    let run = desk.duban(language, &[&["source", "guess"], arguments].concat());
    assert_eq!(run.status, 0, "{run:?}");
    run.stdout.replace(env!("CARGO_MANIFEST_DIR"), "/srv")
}

#[test]
fn people_get_a_draft_that_they_can_paste() {
    let desk = Desk::new();
    for language in ["zh-CN", "en"] {
        for name in ["hotline.csv", "merged.xlsx"] {
            let file = format!("tests/data/ledgers/{name}");
            golden(&format!("source-guess-{name}.{language}.txt"), &guessed(&desk, language, &[&file]));
        }
        let boston = "config/examples/boston311/boston311.csv";
        golden(&format!("source-guess-boston311.{language}.txt"), &guessed(&desk, language, &[boston]));
    }
}

#[test]
fn a_draft_is_read_and_previewed_as_it_stands() {
    let gb18030 = {
        let text = std::fs::read_to_string(shipped("tests/data/ledgers/hotline.csv")).expect("the ledger");
        encoding_rs::GB18030.encode(&text.replace(',', ";")).0.into_owned()
    };
    for (file, rows) in [
        ("tests/data/ledgers/hotline.csv", 4),
        ("tests/data/ledgers/merged.xlsx", 4),
        ("config/examples/boston311/boston311.csv", 2_524),
        ("gb18030.txt", 4),
    ] {
        let desk = Desk::new();
        let path = if file.starts_with("gb") { desk.path().join(file) } else { shipped(file).into() };
        std::fs::write(desk.path().join("gb18030.txt"), &gb18030).expect("written");
        for language in ["zh-CN", "en"] {
            desk.put("duban.toml", CONFIG);
            let guess = desk.duban(language, &["source", "guess", path.to_str().expect("UTF-8"), "--name", "drafted"]);
            assert_eq!(guess.status, 0, "{guess:?}");
            desk.put("duban.toml", &format!("{CONFIG}\n{}", guess.stdout));
            let run = desk.duban("en", &["source", "preview", "drafted", "--format", "json"]);
            assert_eq!(run.status, 0, "{run:?}\n{}", guess.stdout);
            let seen = json(&run);
            assert_eq!([&seen["rows"], &seen["items"]], [rows, rows], "{}\n{seen:#}", guess.stdout);
            let filled = &seen["filled"];
            assert!(filled["received_at"] == rows && filled["status"] == rows, "{filled}");
        }
    }
}

#[test]
fn a_table_of_a_configured_source_is_drafted_with_its_query() {
    let desk = Desk::new();
    let file = desk.path().join("city.db");
    let statements = "CREATE TABLE \"case file\" (case_id TEXT, title TEXT, opened TEXT, closed TEXT, dept TEXT);
         INSERT INTO \"case file\" VALUES ('A1', 'x', '2026-03-02 10:00:00', NULL, 'PWD');
         INSERT INTO \"case file\" VALUES ('A2', 'y', '2026-03-02 11:00:00', '2026-03-03 09:00:00', 'PWD');";
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        use sqlx::{ConnectOptions as _, Connection as _};
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let mut connection = options.connect().await.expect("a database");
        sqlx::raw_sql(statements).execute(&mut connection).await.expect("a table");
        connection.close().await.expect("closed");
    });
    let source = "[source.city]\nevery = \"7m\"\nkind = \"?\"\nid = \"?\"\n[source.city.sqlite]\n\
                  path = \"city.db\"\nquery = \"SELECT 1 AS one\"\n";
    desk.put("duban.toml", &format!("{CONFIG}\n{source}"));
    let path = file.to_str().expect("UTF-8");
    for arguments in [&["city", "--table", "case file"][..], &[path, "--table", "case file", "--name", "city"]] {
        desk.put("duban.toml", &format!("{CONFIG}\n{source}"));
        let guess = desk.duban("en", &[&["source", "guess"], arguments].concat());
        assert_eq!(guess.status, 0, "{guess:?}");
        desk.put("duban.toml", &format!("{CONFIG}\n{}", guess.stdout));
        let seen = json(&desk.duban("en", &["source", "preview", "city", "--format", "json"]));
        assert_eq!([&seen["items"], &seen["filled"]["solved_at"]], [2, 1], "{}", guess.stdout);
        assert_eq!(seen["columns"], serde_json::json!(["case_id", "title", "opened", "closed", "dept"]));
    }
    desk.put("duban.toml", &format!("{CONFIG}\n{source}"));
    let own = desk.duban("en", &["source", "guess", "city"]);
    assert!(own.stdout.contains("every = \"7m\"") && own.stdout.contains("id = \"one\""), "{own:?}");
    for (arguments, says) in [
        (&["nowhere"][..], "neither a file nor a configured source (city, hotline)"),
        (&["nowhere.csv"], "neither a file"),
        (&["hotline", "--table", "x"], "--table: csv has no tables"),
        (&[path], "--table: "),
    ] {
        let run = desk.duban("en", &[&["source", "guess"], arguments].concat());
        assert!(run.status == 2 && run.stderr.contains(says), "{arguments:?}: {run:?}");
    }
}

#[test]
fn an_operator_sees_what_is_in_doubt_and_accepts_it() {
    let site = Site::new();
    site.configure("[notify]\nmode = \"rehearsal\"\n");
    let tickets: Vec<Ticket> = (1..=20).map(|number| Ticket::due_at(&format!("A-{number}"), ahead(600))).collect();
    site.tickets(&tickets);
    let daemon = Daemon::polled(&site);
    let duban = |language: &str, arguments: &[&str]| duban_at(site.folder(), language, arguments);
    let state = || json(&duban("en", &["source", "list", "--format", "json"]))[0].clone();
    let accept = ["source", "accept", "tickets", "--yes", "--by", "值班员"];
    assert!(holds_within(20, || state()["state"] == "good"), "{}", state());
    assert_eq!([&state()["rows"], &state()["rejected"], &state()["missing"]], [20, 0, 0]);
    let run = duban("en", &accept);
    assert!(run.status == 1 && run.stderr.contains("is not in doubt"), "{run:?}");

    site.tickets(&tickets[..6]);
    assert!(holds_within(20, || state()["state"] == "doubted"), "{}", state());
    assert_eq!(daemon.stop(), 0);
    for language in ["zh-CN", "en"] {
        let run = duban(language, &accept[..3]);
        assert_eq!((run.status, &*run.stdout), (0, ""), "{run:?}");
        golden(&format!("source-accept.{language}.txt"), &run.stderr);
    }
    assert_eq!(state()["accepted"], false, "nobody has said yes");
    let run = duban("en", &accept);
    assert!(run.status == 0 && run.stderr.contains("accepted by 值班员"), "{run:?}");
    assert_eq!(state()["accepted"], true);
    let daemon = Daemon::polled(&site);
    assert!(holds_within(20, || state()["state"] == "good"), "{}", state());
    assert_eq!([&state()["rows"], &state()["missing"]], [6, 14]);
    let status = json(&duban("en", &["ctl", "status", "--format", "json"]));
    assert_eq!([&status["mode"], &status["sources"][0]["state"]], ["rehearsal", "good"]);

    std::fs::remove_file(site.path("tickets.csv")).expect("removed");
    assert!(holds_within(20, || state()["state"] == "failed"), "{}", state());
    let run = duban("en", &accept);
    assert!(run.status == 1 && run.stderr.contains("showed nothing that could be accepted"), "{run:?}");
    assert_eq!(daemon.stop(), 0);
}
