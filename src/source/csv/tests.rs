//! Files as they come: good, odd and hostile.

use proptest::prelude::*;

use super::*;
use crate::core::instant;
use crate::core::item::Item;
use crate::core::value::Value;
use crate::source::mapping::MappingConfig;
use crate::source::{Mapped, Rejection};

const MAPPING: &str = r#"
    id = "id"
    kind = "ticket"
    timezone = "Asia/Shanghai"
    missing = ["", "NULL", "-"]
    [fields]
    title = "title"
    received_at = "received"
"#;

fn source(mapping: &str, csv: &str) -> CsvSource {
    let config: MappingConfig = toml::from_str(mapping).expect("mapping");
    let mapping = Mapping::new("tickets", &config).expect("mapping");
    let config: CsvConfig = toml::from_str(csv).expect("csv");
    CsvSource::new(&config, Path::new("/data"), Arc::new(mapping))
}

fn fetch(mapping: &str, csv: &str, bytes: &[u8]) -> Result<Mapped, PollError> {
    let fetched = source(mapping, &format!("path = 'tickets.csv'\n{csv}")).read_bytes(bytes.to_vec())?;
    let mut all = Mapped::default();
    for chunk in 0..fetched.chunks() {
        let mapped = fetched.map(chunk);
        all.items.extend(mapped.items);
        all.rejected.extend(mapped.rejected);
    }
    Ok(all)
}

fn poll(text: &str) -> Mapped {
    fetch(MAPPING, "", text.as_bytes()).expect("poll")
}

fn shown(rejected: &[Rejection]) -> Vec<String> {
    rejected.iter().map(ToString::to_string).collect()
}

fn ids(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| &*item.key.id).collect()
}

fn instant(item: &Item, name: &str) -> String {
    item.fields.get(name).and_then(Value::as_instant).map(instant::text).unwrap_or_default()
}

#[test]
fn a_row_becomes_an_item_with_its_own_columns() {
    let mapped =
        poll("\u{FEFF}id,title,received,extra\r\n A1 ,\"占道, 经营\",2026-03-02 10:00:00,  x \r\nA2,-,NULL,\r\n");
    assert!(mapped.rejected.is_empty(), "{mapped:?}");
    let [first, second] = &mapped.items[..] else { panic!("{mapped:?}") };
    assert_eq!((first.key.to_string(), &*first.kind), ("tickets/A1".into(), "ticket"));
    assert_eq!((first.title(), instant(first, "received_at").as_str()), ("占道, 经营", "2026-03-02T02:00:00Z"));
    assert_eq!(first.raw.get("extra"), Some(&Value::text("  x ")), "raw columns are as they came");
    assert_eq!(second.fields.get("title"), Some(&Value::Missing));
    assert_eq!(second.fields.get("received_at"), Some(&Value::Missing));
    assert_eq!(second.raw.get("title"), Some(&Value::text("-")));
}

#[test]
fn a_text_loses_the_blanks_around_it() {
    let mapped = poll("id,title,received,extra\nA1,\u{3000}占道 经营 ,,x\nA2,占道 经营,,x\nA3, - ,,x\n");
    let titles: Vec<_> = mapped.items.iter().map(|item| item.text("title")).collect();
    assert_eq!(titles, [Some("占道 经营"), Some("占道 经营"), None], "{mapped:?}");
    assert_eq!(
        mapped.items[0].raw.get("title"),
        Some(&Value::text("\u{3000}占道 经营 ")),
        "raw columns are as they came"
    );
}

#[test]
fn a_column_that_is_moved_changes_no_item() {
    let before = poll("id,title,received,extra\nA1,占道,2026-03-02 10:00:00,x\n");
    let after = poll("extra,received,id,title\nx,2026-03-02 10:00:00,A1,占道\n");
    assert_eq!(before.items[0].digest(), after.items[0].digest());
}

#[test]
fn a_bad_row_is_rejected_with_its_line_and_the_rest_goes_on() {
    let mut bytes = b"id,title,received\n1,ok,2026-03-02 10:00:00\n2,\"two\nlines\",\xE6\x98\n".to_vec();
    bytes.extend(b"3,\xB1\xB1\xBE\xA9,2026-03-02 10:00:00\n\n4,few\n5,a,b,many\n,x,\n6,\"x\"y,\n7,nul\0,\n8,x,9999-12-31 00:00:00\n9,ok,\n");
    let mapped = fetch(MAPPING, "", &bytes).expect("poll");
    assert_eq!(ids(&mapped.items), ["1", "9"]);
    let known: Vec<_> = mapped.rejected.iter().map(|rejection| rejection.id.as_deref().unwrap_or("")).collect();
    assert_eq!(known, ["2", "3", "", "", "", "6", "7", "8"], "whose row it was, where the row tells");
    assert_eq!(
        shown(&mapped.rejected),
        [
            "tickets.csv:3: column \"received\": expected UTF-8, got byte 0xE6",
            "tickets.csv:5: column \"title\": expected UTF-8, got byte 0xB1",
            "tickets.csv:7: expected 3 cells, got 2",
            "tickets.csv:8: expected 3 cells, got 4",
            "tickets.csv:9: column \"id\": expected an id, got nothing",
            "tickets.csv:10: column \"title\": expected nothing after the closing quote",
            "tickets.csv:11: column \"title\": expected text, got a NUL byte",
            "tickets.csv:12: column \"received\": expected a time from 1900 to 2199, got \"9999-12-31 00:00:00\"",
        ]
    );
}

#[test]
fn a_rejection_knows_whose_row_it_was_and_shows_what_it_got() {
    let mapped = poll("id,title,received\nA1,x,昨天\u{1b}[31m\n");
    assert_eq!(mapped.rejected[0].id.as_deref(), Some("A1"));
    assert_eq!(
        mapped.rejected[0].to_string(),
        "tickets.csv:2: column \"received\": expected a time such as 2026-12-31 21:30:45, got \"昨天\\u{1b}[31m\""
    );
    let long = poll(&format!("id,title,received\n{},x,\n", "9".repeat(201)));
    assert!(long.rejected[0].reason.contains("at most 200 characters"), "{long:?}");
}

#[test]
fn an_oversized_cell_spoils_its_row_only() {
    let mapped =
        poll(&format!("id,title,received\n1,{},\n2,\"{}\",\n3,ok,\n", "x".repeat(65_536), "y".repeat(10 << 20)));
    assert_eq!(ids(&mapped.items), ["1", "3"]);
    assert_eq!(
        shown(&mapped.rejected),
        ["tickets.csv:3: column \"title\": expected at most 65536 bytes, got 10485760"]
    );
}

#[test]
fn a_file_that_is_no_table_voids_the_poll() {
    for (bytes, says) in [
        (&b""[..], "/data/tickets.csv:1: expected a header, got an empty file"),
        (b"\n\r\n", "expected a header"),
        (b"id,title,received\n1,\"x,\n2,y,\n", "/data/tickets.csv:2: expected the quote that begins here to end"),
        (b"id,title,received\n1,\"x,\n2,\"y\",\n", "tickets.csv:2: expected one cell, got a quote that runs over"),
        (b"id,title,received\n1,x,\n2,y", "tickets.csv:3: expected 3 cells, got 2 and the end of the file: it was cut"),
        (
            b"id,titel,opened\n1,x,\n",
            "/data/tickets.csv:1: expected column \"received\"; expected column \"title\" (did you mean \"titel\"?); the columns are: id, titel, opened",
        ),
        (b"id;title;received\n1;x;\n", "the columns are: id;title;received"),
        (b"id,title,received,id\n1,x,,1\n", "expected one column \"id\", got several"),
        (b"\xFF\xFEi\0d\0", "expected UTF-8, got UTF-16"),
        (b"id,\xB1\xEA\xCC\xE2\n", "/data/tickets.csv:1: expected UTF-8, got other bytes that can be read as gb18030"),
    ] {
        let error = fetch(MAPPING, "", bytes).expect_err(says).to_string();
        assert!(error.contains(says), "{error}");
    }
    let error = fetch(MAPPING, "final_newline = true", b"id,title,received\n1,x,").expect_err("cut").to_string();
    assert!(error.ends_with("tickets.csv:2: expected a line end at the end of the file: it was cut"), "{error}");
    assert_eq!(ids(&poll("id,title,received\n1,x,").items), ["1"], "a last line may lack its end");
    assert_eq!(ids(&poll("id,title,received\n").items), Vec::<&str>::new(), "no rows: the guard decides");
}

#[test]
fn a_chinese_export_in_gb18030_is_read() {
    let mapping = "id = '编号'\nkind = { column = '类别', values = { '工单' = 'ticket' } }\n[fields]\ntitle = '标题'\n";
    let (bytes, _, _) = encoding_rs::GB18030.encode("编号;类别;标题\r\n1;工单;北京\u{1F600}\r\n2;;坏\r\n");
    let mut bytes = bytes.into_owned();
    bytes.extend(b"3;x;\xFF\xFF\r\n");
    let mapped = fetch(mapping, "encoding = 'gb18030'\ndelimiter = ';'", &bytes).expect("poll");
    assert_eq!(
        mapped.items.iter().map(|item| (&*item.kind, item.title())).collect::<Vec<_>>(),
        [("ticket", "北京\u{1F600}")]
    );
    assert_eq!(
        shown(&mapped.rejected),
        [
            "tickets.csv:3: column \"类别\": expected a kind, got nothing",
            "tickets.csv:4: column \"标题\": expected GB18030, got other bytes",
        ]
    );
    let error = fetch(mapping, "encoding = 'gb18030'", b"\xEF\xBB\xBFid\n").expect_err("mark").to_string();
    assert!(error.contains("expected GB18030, got UTF-8 with a byte order mark"), "{error}");
}

#[test]
fn rows_with_one_id_are_one_item_or_none() {
    let rows = "id,title,received,x\n1,a,,\n2,b,,\n 1 ,a,,\n2,b,,other\n3,c,,\n2,bad,time,\n";
    let mapped = poll(rows);
    assert_eq!(ids(&mapped.items), ["1", "3"]);
    let reasons = shown(&mapped.rejected);
    assert_eq!(reasons[0], "tickets.csv:3: id \"2\" stands in rows 3, 5, 7 that differ");
    assert!(reasons[1].starts_with("tickets.csv:5: id \"2\"") && reasons[2].contains("expected a time"), "{reasons:?}");
    let without_raw = format!("raw = false\n{MAPPING}");
    let mapped = fetch(&without_raw, "", b"id,title,received,x\n2,b,,\n2,b,,other\n").expect("poll");
    assert_eq!(ids(&mapped.items), ["2"], "columns that nobody sees do not count");
    assert!(mapped.items[0].raw.is_empty());
}

#[test]
fn pauses_and_extensions_come_from_columns_or_json() {
    let columns = "id = 'id'\nkind = 'x'\ntimezone = 'UTC'\npauses = { from = 'f', to = 't', kind = { column = 'k' }, basis = '条例' }\n\
                   extensions = { amount = 'a', approved_at = 'ok' }\n";
    let text = b"id,f,t,k,a,ok\n1,2026-03-02 10:00:00,,review,5wd,2026-03-03 10:00:00\n2,,,,,\n3,2026-03-02 10:00:00,2026-03-01 10:00:00,,,\n\
                 4,,2026-03-01 10:00:00,,,\n5,,,,-5,\n6,,,,,2026-03-03 10:00:00\n7,,,,3,\n";
    let mapped = fetch(columns, "", text).expect("poll");
    assert_eq!(ids(&mapped.items), ["1", "2", "7"]);
    let json = serde_json::to_value(&mapped.items[0]).expect("json");
    assert_eq!(
        json["pauses"],
        serde_json::json!([{"from": "2026-03-02T10:00:00Z", "kind": "review", "basis": "条例"}])
    );
    assert_eq!(json["extensions"], serde_json::json!([{"amount": "5wd", "approved_at": "2026-03-03T10:00:00Z"}]));
    assert_eq!(serde_json::to_value(&mapped.items[2]).expect("json")["extensions"], serde_json::json!([{"amount": 3}]));
    let reasons = shown(&mapped.rejected);
    for (reason, says) in reasons.iter().zip(["ends after it began", "got only its end", "such as 5wd", "got nothing"])
    {
        assert!(reason.contains(says), "{reason}");
    }

    let lists =
        "id = 'id'\nkind = 'x'\ntimezone = 'UTC'\npauses.column = 'p'\nextensions = { column = 'e', type = 'json' }\n";
    let text = "id|p|e\n1|[{\"from\":\"2026-03-02 10:00:00\",\"to\":\"2026-03-02T11:00:00Z\"}]|[{\"amount\":5},{\"amount\":\"2wh\"}]\n2||\n\
                3|[{}]|\n4|{}|\n5||[{\"amount\":true}]\n";
    let mapped = fetch(lists, "delimiter = '|'\nquoted = false", text.as_bytes()).expect("poll");
    assert_eq!(ids(&mapped.items), ["1", "2"]);
    assert_eq!((mapped.items[0].pauses.len(), mapped.items[0].extensions.len()), (1, 2));
    let reasons = shown(&mapped.rejected);
    for (reason, says) in reasons.iter().zip(["expected \"from\"", "expected a JSON list", "expected \"amount\""]) {
        assert!(reason.contains(says), "{reason}");
    }
}

#[test]
fn chunks_give_each_row_once_with_its_line() {
    let received = |n: u32| if n % 5000 == 4999 { "bad" } else { "" };
    let rows: Vec<String> = (0..10_000).map(|n| format!("{n},\"t\n{n}\",{}\n", received(n))).collect();
    let rows = rows.concat();
    let source = source(MAPPING, "path = 'tickets.csv'");
    let fetched = source.read_bytes(format!("id,title,received\n{rows}").into_bytes()).expect("poll");
    assert_eq!((fetched.rows(), fetched.chunks()), (10_000, 3));
    let mapped: Vec<Mapped> = (0..3).map(|chunk| fetched.map(chunk)).collect();
    let ids: Vec<String> = mapped.iter().flat_map(|m| &m.items).map(|item| item.key.id.to_string()).collect();
    assert_eq!(ids.len(), 9_998);
    assert_eq!(ids.iter().filter_map(|id| id.parse::<u32>().ok()).max(), Some(9_998));
    let lines: Vec<&str> = mapped.iter().flat_map(|m| &m.rejected).map(|r| r.place.as_str()).collect();
    assert_eq!(lines, ["tickets.csv:10000", "tickets.csv:20000"]);
    assert!(fetched.map(3).items.is_empty());
}

#[tokio::test]
async fn a_file_is_fetched_from_disk_or_the_error_names_it() {
    let folder = tempfile::tempdir().expect("folder");
    let source = |path: &str| {
        let source = source(MAPPING, &format!("path = '{path}'"));
        CsvSource::new(&source.config, Path::new("/"), source.mapping.clone())
    };
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("tickets.csv"), "id,title,received\n1,x,\n").expect("file");
    assert_eq!(source(&at("tickets.csv")).fetch(None).await.expect("poll").rows(), 1);
    let error = source(&at("gone.csv")).fetch(None).await.expect_err("gone").to_string();
    assert!(error.contains("gone.csv: expected a file that can be read, got: No such file"), "{error}");
    assert!(source(&at("")).fetch(None).await.expect_err("folder").to_string().ends_with("expected a regular file"));
}

#[test]
fn a_cell_text_can_stand_for_a_value() {
    let mapping = "id = 'id'\nkind = 'x'\nraw = false\n[fields]\n\
                   status = { column = 's', values = { 'Closed' = 'closed', '' = 'new' } }\n\
                   done = { column = 's', type = 'bool', values = { 'Closed' = true, 'Open' = false, '' = false } }\n\
                   subject = { value = 'enterprise' }\n";
    let mapped = fetch(mapping, "", b"id,s\n1,Closed\n2, \n3,Open\n4,Other\n").expect("poll");
    let json = serde_json::to_value(&mapped.items).expect("json");
    assert_eq!(json[0]["fields"], serde_json::json!({"done": true, "status": "closed", "subject": "enterprise"}));
    assert_eq!(json[1]["fields"]["status"], "new");
    assert_eq!(json[2]["fields"]["status"], "Open", "what is not named passes");
    assert!(shown(&mapped.rejected)[0].starts_with("tickets.csv:5: column \"s\": expected true or false"));
}

#[test]
fn odd_settings_are_refused() {
    for (csv, says) in [
        ("path = 'x'\ndelimiter = 'ab'", "expected one character"),
        ("path = 'x'\ndelimiter = '\"'", "expected one character"),
        ("path = 'x'\ndelimiter = '，'", "expected one character"),
        ("path = 'x'\nencoding = 'latin1'", "unknown variant `latin1`"),
        ("path = 'x'\nseparator = ';'", "unknown field `separator`"),
    ] {
        let error = toml::from_str::<CsvConfig>(csv).expect_err(csv).to_string();
        assert!(error.contains(says), "{error}");
    }
}

proptest! {
    #[test]
    fn bytes_of_any_kind_are_read_or_refused(
        head in prop::bool::ANY,
        bytes in prop::collection::vec(prop_oneof![4 => prop::sample::select(b"id,1\"\r\n;[]{}: -2026".to_vec()), 1 => any::<u8>()], 0..200),
        gb in prop::bool::ANY,
    ) {
        let mut file = if head { b"id,title,received,p\n".to_vec() } else { Vec::new() };
        file.extend(bytes);
        let mapping = format!("pauses.column = 'p'\nextensions.column = 'title'\n{MAPPING}");
        if let Ok(mapped) = fetch(&mapping, if gb { "encoding = 'gb18030'" } else { "" }, &file) {
            for item in &mapped.items {
                prop_assert!(!item.key.id.is_empty());
            }
        }
    }
}
