//! The odd case: a function sees each row before the mapping does, of files and of databases alike.

use std::path::Path;
use std::sync::Arc;

use duban::core::item::Item;
use duban::core::value::Value;
use duban::rules::maps::RowMap;
use duban::source::csv::CsvSource;
use duban::source::mapping::Mapping;
use duban::source::sqlite::SqliteSource;
use duban::source::{Fetched, PollError, Source};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

/// The district and the number are an id only together, the state hides in a sentence, tests are no tickets, and two
/// columns are an instant.
const MAP: &str = r#"
fn map(row) {
    if row["标题"]?.starts_with("测试") ?? false { return (); }
    let words = row["备注"]?.split("状态=") ?? [];
    if words.len() > 2 { throw `two states: ${row["备注"]}`; }
    #{
        "编号": `${row["区"]}-${row["编号"]}`,
        "状态": if words.len() == 2 { words[1].trim() } else { () },
        "金额": if row["金额"] == () { () } else { parse_float(row["金额"].split("万")[0]) * 10000 },
        "急": row["标题"]?.starts_with("急") ?? false,
    }
}
"#;

const MAPPING: &str = r#"
id = "编号"
kind = "ticket"
timezone = "Asia/Shanghai"
[fields]
title = { text = "{区}·{标题}" }
status = { column = "状态", values = { "已办结" = "closed" } }
amount = { column = "金额", type = "number" }
is_urgent = { column = "急", type = "bool" }
received_at = { text = "{日期} {时刻}" }
solved_at = { column = "办结", timezone = "UTC", time_formats = ["%d.%m.%Y %H:%M", "%Y%m%d%H%M"] }
"#;

const ROWS: [[&str; 8]; 6] = [
    ["1", "东", "井盖", "转办 状态= 已办结 ", "1.5万", "2026-03-02", "09:30", "02.03.2026 10:00"],
    ["1", "西", "急：漏水", "", "", "2026-03-02", "10:00", "202603021100"],
    ["2", "西", "测试工单", "状态=a状态=b", "", "2026-03-02", "10:00", ""],
    ["3", "西", "路灯", "状态=a状态=b", "", "2026-03-02", "10:00", ""],
    ["4", "", "无区", "状态=在办", "x", "2026-03-02", "10:00", ""],
    ["5", "东", "无时刻", "状态=在办", "", "2026-03-02", "", "2026-03-02T10:00:00+08:00"],
];

const COLUMNS: &str = "编号,区,标题,备注,金额,日期,时刻,办结";

fn mapped(map: &str, mapping: &str) -> Arc<Mapping> {
    let map = RowMap::compile("maps/tickets.rhai", map).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let mapping = toml::from_str(mapping).expect("a mapping");
    Arc::new(Mapping::new("tickets", &mapping).expect("a mapping").with_map(Arc::new(map)))
}

fn csv(mapping: Arc<Mapping>, text: &str) -> Result<Fetched, PollError> {
    let config = toml::from_str("path = 'tickets.csv'").expect("csv");
    CsvSource::new(&config, Path::new("."), mapping).read_bytes(text.as_bytes().to_vec())
}

fn table() -> String {
    let rows = ROWS.iter().map(|row| format!("{}\n", row.join(",")));
    format!("{COLUMNS}\n{}", rows.collect::<String>())
}

/// The same rows in SQLite, what is empty as NULL.
async fn sqlite(folder: &Path, mapping: Arc<Mapping>) -> Fetched {
    let path = folder.join("tickets.db");
    let mut database =
        SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.expect("a database");
    let columns = COLUMNS.replace(',', " TEXT, ");
    database.execute(sqlx::AssertSqlSafe(format!("CREATE TABLE ticket ({columns} TEXT)"))).await.expect("a table");
    for row in ROWS {
        let cells = row.map(|cell| if cell.is_empty() { "NULL".to_owned() } else { format!("'{cell}'") });
        let insert = format!("INSERT INTO ticket VALUES ({})", cells.join(", "));
        database.execute(sqlx::AssertSqlSafe(insert)).await.expect("a row");
    }
    database.close().await.expect("closed");
    let config = toml::from_str("path = 'tickets.db'\nquery = 'SELECT * FROM ticket ORDER BY rowid'").expect("sqlite");
    SqliteSource::new(&config, folder, mapping).expect("a source").fetch(None).await.expect("a poll")
}

fn field(item: &Item, name: &str) -> String {
    match item.fields.get(name).expect(name) {
        Value::Missing => "-".to_owned(),
        Value::Text(text) => text.to_string(),
        Value::Instant(at) => duban::core::instant::text(*at),
        other => format!("{other:?}"),
    }
}

fn line(item: &Item) -> String {
    let names = ["title", "status", "amount", "is_urgent", "received_at", "solved_at"];
    let fields: Vec<String> = names.iter().map(|name| field(item, name)).collect();
    format!("{} {}", item.key.id, fields.join(" "))
}

#[tokio::test]
async fn the_same_rows_through_one_map_are_the_same_items_from_csv_and_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    let mapping = mapped(MAP, MAPPING);
    let file = csv(mapping.clone(), &table()).expect("a poll");
    let base = sqlite(folder.path(), mapping).await;
    for fetched in [&file, &base] {
        assert_eq!((fetched.rows(), fetched.left_out(), fetched.chunks()), (5, 1, 1));
    }
    let (file, base) = (file.map(0), base.map(0));
    assert_eq!(file.items, base.items);
    let lines: Vec<String> = file.items.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "东-1 东·井盖 closed Int(15000) Bool(false) 2026-03-02T01:30:00Z 2026-03-02T10:00:00Z",
            "西-1 西·急：漏水 - - Bool(true) 2026-03-02T02:00:00Z 2026-03-02T11:00:00Z",
            "东-5 东·无时刻 在办 - Bool(false) - 2026-03-02T02:00:00Z",
        ]
    );
    assert_eq!(file.items[0].raw.get("编号"), Some(&Value::text("1")), "the source's own columns stay what they are");
    assert_eq!(file.items[0].raw.get("状态"), None);
    let reasons: Vec<String> = file.rejected.iter().map(ToString::to_string).collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(
        reasons[0].starts_with("tickets.csv:5: maps/tickets.rhai:5:26: the map threw: two states: 状态=a"),
        "{reasons:?}"
    );
    assert!(
        reasons[1].starts_with("tickets.csv:6: maps/tickets.rhai:2:13: a text cannot take in what is missing"),
        "{reasons:?}"
    );
    assert!(
        file.rejected.iter().all(|rejection| rejection.id.is_none()),
        "only the map would know whose rows they are"
    );
}

#[test]
fn a_map_that_leaves_the_id_alone_does_not_hide_whose_row_broke_it() {
    let map = r#"fn map(row) { if row["a"] == "x" { throw "no x"; } #{ b: 1 } }"#;
    let fetched =
        csv(mapped(map, "id = 'id'\nkind = 'ticket'\nfields.b = 'b'"), "id,a\n1,x\n2,y\n3,\n").expect("a poll");
    let mapped = fetched.map(0);
    assert_eq!(mapped.items.len(), 2);
    assert_eq!(mapped.rejected[0].id.as_deref(), Some("1"));
}

#[test]
fn columns_that_neither_source_nor_map_has_void_the_poll_and_stray_ones_reject_their_row() {
    let mapping = "id = 'id'\nkind = 'ticket'\n[fields]\ntitle = 'title'\nlevel = 'level'\n";
    let given = r#"fn map(row) { if row["id"] == "1" { #{ level: "a" } } else { row.set("levle", "b"); row } }"#;
    let renamed = csv(mapped(given, mapping), "id,name\n1,x\n").expect_err("no title").to_string();
    assert!(renamed.contains("expected column \"title\"") && !renamed.contains("\"level\""), "{renamed}");
    let fetched = csv(mapped(given, mapping), "id,title\n1,x\n2,y\n").expect("a poll");
    let fetched = fetched.map(0);
    assert_eq!((fetched.items.len(), field(&fetched.items[0], "level")), (1, "a".to_owned()));
    let reason = &fetched.rejected[0].reason;
    assert!(reason.contains("got \"levle\" (did you mean \"level\"?)"), "{reason}");
    let empty = csv(mapped(given, mapping), "id,title\n").expect("a poll");
    assert_eq!(empty.rows(), 0);
    let computed = r#"fn map(row) { let k = "i" + "d"; row.set(k, "7"); row }"#;
    let fetched = csv(mapped(computed, "id = 'id'\nkind = 'ticket'\n[fields]\n"), "id\n1\n").expect("a poll");
    assert!(fetched.map(0).rejected[0].reason.contains("writes \"id\" as a key"));
}

#[test]
fn rows_are_twins_by_the_id_that_the_map_gives() {
    let map = r#"fn map(row) { #{ id: row["id"].split("/")[0] } }"#;
    let fetched = csv(
        mapped(map, "id = 'id'\nkind = 'ticket'\nraw = false\n[fields]\ntitle = 't'\n"),
        "id,t\n1/a,x\n1/b,x\n2/a,x\n2/b,y\n",
    );
    let mapped = fetched.expect("a poll").map(0);
    assert_eq!((mapped.items.len(), mapped.rejected.len()), (1, 2), "{:?}", mapped.rejected);
    assert!(mapped.rejected[0].reason.contains("id \"2\" stands in rows 4, 5 that differ"), "{:?}", mapped.rejected);
}

#[test]
fn a_long_text_that_a_map_gives_back_is_not_cut() {
    let long = "长".repeat(5_000);
    let map = "fn map(row) { row + #{ n: 1 } }";
    let mapping = "id = 'id'\nkind = 'ticket'\n[fields]\ntitle = 't'\nn = { column = 'n', type = 'integer' }\n";
    let fetched = csv(mapped(map, mapping), &format!("id,t\n1,{long}\n")).expect("a poll");
    let item = &fetched.map(0).items[0];
    assert_eq!((field(item, "title"), field(item, "n")), (long, "Int(1)".to_owned()));
}

#[test]
fn ten_thousand_rows_go_through_a_map_in_a_moment() {
    let rows: Vec<String> =
        (0..10_000).map(|n| format!("{n},东,井盖{n},转办 状态=已办结,1.5万,2026-03-02,09:30,")).collect();
    let text = format!("{COLUMNS}\n{}\n", rows.join("\n"));
    let clock = duban::time::SystemClock::start();
    let before = duban::time::Clock::monotonic(&clock);
    let fetched = csv(mapped(MAP, MAPPING), &text).expect("a poll");
    let took = duban::time::Clock::monotonic(&clock).saturating_sub(before);
    println!("{:.0} rows a second", 10_000.0 / took.as_secs_f64());
    assert_eq!((fetched.rows(), fetched.chunks(), fetched.map(2).items.len()), (10_000, 3, 10_000 - 2 * 4096));
}
