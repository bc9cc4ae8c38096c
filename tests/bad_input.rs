//! What people get wrong, and what becomes of it: a clear message (where, what was expected, what was got), the right
//! exit status, and nothing else spoiled.

mod support;

use std::path::Path;

use support::command::{Run, duban};
use tempfile::TempDir;

/// A configuration with one sound rule and two sound tickets, in a folder of its own.
struct Site(TempDir);

const SOUND: &str = r#"fn windows(item) { [window("solved", "1wd", #{ from: item.received_at })] }"#;

const CONFIG: &str = r#"calendar = "cn"
[rules]
enabled = ["sound"]
[source.hotline]
kind = "ticket"
id = "no"
timezone = "Asia/Shanghai"
every = "5m"
[source.hotline.csv]
path = "tickets.csv"
[source.hotline.fields]
type = "type"
received_at = "received"
"#;

const TICKETS: &str = "no,type,received\nA1,投诉,2026-03-02 10:00:00\nA2,,2026-03-03 10:00:00\n";

impl Site {
    fn new() -> Self {
        let site = Self(tempfile::tempdir().expect("a folder"));
        site.write("duban.toml", CONFIG).write("tickets.csv", TICKETS).write("rules/sound.rhai", SOUND)
    }

    fn write(self, path: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a folder");
        std::fs::write(path, text).expect("a file");
        self
    }

    /// With something in the configuration replaced.
    fn with(self, old: &str, new: &str) -> Self {
        assert!(CONFIG.contains(old), "{old}");
        self.write("duban.toml", CONFIG.replacen(old, new, 1))
    }

    /// With a rule beside the sound one.
    fn with_rule(self, text: &str) -> Self {
        self.with(r#"["sound"]"#, r#"["bad", "sound"]"#).write("rules/bad.rhai", text)
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let config = self.0.path().join("duban.toml").display().to_string();
        duban(&[arguments, &["--config", &config]].concat())
    }

    fn evaluate(&self) -> Run {
        self.run(&["evaluate", "--at", "2026-03-02T12:00", "--format", "csv"])
    }

    /// What does not load: 1 in `check`, which says it on stdout; 78 where it is needed.
    #[track_caller]
    fn assert_refused(&self, says: &[&str]) {
        let (check, evaluate) = (self.run(&["check"]), self.evaluate());
        assert_eq!((check.status, evaluate.status), (1, 78), "{check:?} {evaluate:?}");
        for text in says {
            assert!(check.stdout.contains(text), "{text:?} in {}", check.stdout);
            assert!(evaluate.stderr.contains(text), "{text:?} in {}", evaluate.stderr);
        }
        assert_eq!(evaluate.stdout, "");
    }

    /// What fails on items: the other rules' rows come all the same.
    #[track_caller]
    fn assert_fails_alone(&self, says: &[&str]) {
        let run = self.evaluate();
        assert_eq!((run.status, keys(&run, "sound")), (0, vec!["A1".to_owned(), "A2".to_owned()]), "{run:?}");
        for text in says {
            assert_eq!(run.stderr.matches(text).count(), 1, "{text:?} once in {}", run.stderr);
        }
        assert_eq!(self.run(&["check"]).status, 0, "it loads");
    }

    /// What makes a poll void: no rows, exit 1.
    #[track_caller]
    fn assert_void(&self, says: &[&str]) {
        let (run, online) = (self.evaluate(), self.run(&["check", "--online"]));
        assert_eq!((run.status, online.status, run.rows().len()), (1, 1, 0), "{run:?} {online:?}");
        for text in says {
            assert!(run.stderr.contains(text), "{text:?} in {}", run.stderr);
            assert!(online.stdout.contains(text), "{text:?} in {}", online.stdout);
        }
    }
}

/// The items for which a rule gave a row.
fn keys(run: &Run, rule: &str) -> Vec<String> {
    run.rows().iter().filter(|row| row["rule"] == rule).map(|row| row["item"].clone()).collect()
}

#[test]
fn the_sound_site_is_sound() {
    let site = Site::new();
    site.assert_fails_alone(&[]);
    assert_eq!(site.evaluate().stderr, "");
}

#[test]
fn a_rule_with_a_syntax_error_does_not_load() {
    let site = Site::new().with_rule("fn windows(item) {\n  [ window(\"a\", \"1wd\", #{}) \n}\n");
    site.assert_refused(&["rules/bad.rhai:3:1: Expecting ','", "    3 | }\n      | ^"]);
}

#[test]
fn a_rule_with_an_unknown_name_does_not_load() {
    let rule = "fn windows(item) {\n  [window(\"a\", \"1wd\", #{ from: itm.received_at })]\n}";
    Site::new().with_rule(rule).assert_refused(&["rules/bad.rhai:2:32: unknown name `itm`", "^^^"]);
    let rule = "fn windows(item) { [window(\"a\", \"1wd\", #{ from: item.recieved_at })] }";
    Site::new().with_rule(rule).assert_refused(&["rules/bad.rhai:1", "recieved_at", "received_at"]);
}

#[test]
fn an_endless_loop_is_stopped() {
    let site = Site::new().with_rule("fn windows(item) {\n  loop {}\n}");
    site.assert_fails_alone(&[
        "rules/bad.rhai:1:18: took more than",
        "    1 | fn windows(item) {",
        "2 items, the first is hotline/A1",
    ]);
}

#[test]
fn a_memory_bomb_is_stopped() {
    for bomb in [
        r#"let s = "x"; loop { s += s; }"#,
        "let l = [1]; loop { l += l; }",
        "let m = #{ a: 1 }; loop { let n = m; m = #{ a: n, b: n }; }",
    ] {
        let rule = format!("fn windows(item) {{ {bomb} }}");
        Site::new().with_rule(&rule).assert_fails_alone(&["rule bad: so there is no answer for 2 items"]);
    }
}

#[test]
fn a_rule_that_calls_itself_does_not_load() {
    let rule = "fn f(n) { f(n + 1) + f(n + 2) }\nfn windows(item) { f(0); [] }";
    Site::new().with_rule(rule).assert_refused(&["rules/bad.rhai:1:11: `f` calls itself; a rule has no recursion"]);
}

#[test]
fn a_type_error_spoils_its_rule_only() {
    let site = Site::new().with_rule("fn windows(item) {\n  if item.type > 3 { [] } else { [] }\n}");
    site.assert_fails_alone(&["rules/bad.rhai:2", "    2 |   if item.type > 3"]);
}

#[test]
fn a_missing_value_spoils_its_item_only() {
    let rule = r#"fn windows(item) { if item.type in ["投诉"] { [window("a", "2h", #{ from: item.received_at })] } else { [] } }"#;
    let site = Site::new().with_rule(rule);
    site.assert_fails_alone(&["rules/bad.rhai:1", "rule bad: so there is no answer for the item hotline/A2"]);
    assert_eq!(keys(&site.evaluate(), "bad"), ["A1"]);
}

#[test]
fn a_window_on_an_unknown_calendar_spoils_itself_only() {
    let rule = r#"fn windows(item) { [window("a", "2h", #{ from: item.received_at, calendar: "mars" }), window("b", "2h", #{ from: item.received_at })] }"#;
    let site = Site::new().with_rule(rule);
    site.assert_fails_alone(&["bad/a: no calendar named \"mars\""]);
    assert_eq!(keys(&site.evaluate(), "bad"), ["A1", "A2"]);
}

const CALENDAR: &str = "name = \"own\"\ntimezone = \"Asia/Shanghai\"\ndays = \"days.csv\"\n[[hours]]\nspans = [\"09:00-12:00\", \"13:30-17:30\"]\n";

#[test]
fn a_calendar_with_malformed_lines_names_each() {
    Site::new()
        .with("\"cn\"", "\"own.toml\"")
        .write("own.toml", CALENDAR)
        .write("days.csv", "date,kind,name\n2026-01-01,holiday,元旦\n2026-02-30,holiday,x\n2026-03-01,holidy,x\n")
        .assert_refused(&[
            "days.csv:3: expected a date such as 2026-01-01 from 1970 to 2199, got \"2026-02-30\"",
            "days.csv:4: expected kind holiday or workday, got \"holidy\"",
        ]);
}

#[test]
fn a_calendar_with_overlapping_spans_does_not_load() {
    Site::new()
        .with("\"cn\"", "\"own.toml\"")
        .write("own.toml", CALENDAR.replace("13:30-17:30", "11:30-17:30"))
        .write("days.csv", "date,kind,name\n2026-01-01,holiday,元旦\n")
        .assert_refused(&["own.toml", "expected spans in order that do not overlap, got \"11:30-17:30\""]);
}

#[test]
fn an_unknown_key_does_not_load() {
    Site::new().with("calendar = ", "calender = ").assert_refused(&[
        "duban.toml",
        "line 1",
        "unknown field `calender`",
    ]);
    Site::new()
        .with("timezone = ", "time_zone = ")
        .assert_refused(&["duban.toml: source.hotline: unknown key \"time_zone\", did you mean \"timezone\"?"]);
}

#[test]
fn a_missing_file_does_not_load() {
    let site = Site::new().with(r#"["sound"]"#, r#"["gone", "sound"]"#);
    site.assert_refused(&["rules/gone.rhai: expected a file that can be read"]);
    let site = Site::new().with("\"cn\"", "\"gone.toml\"");
    site.assert_refused(&["gone.toml"]);
    let run = duban(&["check", "--config", "/nowhere/duban.toml"]);
    assert_eq!(run.status, 1);
    assert!(run.stdout.starts_with("/nowhere/duban.toml: expected a configuration that can be read"), "{run:?}");
}

#[test]
fn a_wrong_time_zone_does_not_load() {
    Site::new().with("Asia/Shanghai", "Asia/Shangai").assert_refused(&[
        "duban.toml: source.hotline.timezone: expected a zone such as \"Asia/Shanghai\", got \"Asia/Shangai\" (did you mean \"Asia/Shanghai\"?)",
    ]);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    Site::new()
        .with(r#"["sound"]"#, r#"["gone", "bad", "worse"]"#)
        .write("rules/bad.rhai", "fn windows(item) { [ }")
        .write("rules/worse.rhai", "fn windows(item) { itm }")
        .write("contacts.csv", "id,name,roles\nG1,示例,handler\nG1,示例,handler\n")
        .write("ladders.toml", "[handlers]\nsteps = []\n")
        .assert_refused(&[
            "rules/gone.rhai:",
            "rules/bad.rhai:1:",
            "rules/worse.rhai:1:",
            "contacts.csv:3:",
            "ladders.toml:",
        ]);
}

#[test]
fn a_file_without_a_column_makes_the_poll_void() {
    let site = Site::new().write("tickets.csv", TICKETS.replace("received", "recieved"));
    site.assert_void(&["tickets.csv:1", "\"received\"", "did you mean \"recieved\"?"]);
}

#[test]
fn a_row_with_a_bad_date_is_rejected_alone() {
    let site = Site::new()
        .write("tickets.csv", format!("{TICKETS}A3,投诉,2026-02-30 10:00:00\nA4,投诉,2026-03-04 10:00:00\n"));
    let run = site.evaluate();
    assert_eq!((run.status, keys(&run, "sound")), (0, ["A1", "A2", "A4"].map(str::to_owned).to_vec()));
    assert!(run.stderr.starts_with("tickets.csv:4: "), "{run:?}");
    assert!(run.stderr.contains("\"received\": expected a time such as"), "{run:?}");
    assert!(run.stderr.contains("got \"2026-02-30 10:00:00\""), "{run:?}");
}

#[test]
fn a_row_with_broken_text_is_rejected_alone() {
    let mut bytes = TICKETS.as_bytes().to_vec();
    bytes.extend_from_slice(b"A3,\xff\xfe,2026-03-04 10:00:00\n");
    let run = Site::new().write("tickets.csv", bytes).evaluate();
    assert_eq!((run.status, keys(&run, "sound").len()), (0, 2), "{run:?}");
    assert!(run.stderr.starts_with("tickets.csv:4: ") && run.stderr.contains("UTF-8"), "{run:?}");
}

#[test]
fn a_file_without_rows_makes_the_poll_void() {
    Site::new().write("tickets.csv", "no,type,received\n").assert_void(&["the source has no rows"]);
    Site::new().write("tickets.csv", "").assert_void(&["expected a header, got an empty file"]);
}

#[test]
fn a_file_in_which_most_rows_are_bad_makes_the_poll_void() {
    let bad = (0..20).map(|n| format!("B{n},投诉,gestern\n")).collect::<Vec<_>>().concat();
    let site = Site::new().write("tickets.csv", format!("{TICKETS}{bad}"));
    site.assert_void(&["expected at most 10 rejected rows of 22, got 20"]);
}

#[test]
fn a_void_source_spoils_no_other() {
    let mut config = CONFIG.to_owned();
    config.push_str(
        &CONFIG[CONFIG.find("[source").unwrap_or_default()..].replace("hotline", "empty").replace("tickets", "empty"),
    );
    let site = Site::new().write("duban.toml", config).write("empty.csv", "no,type,received\n");
    let run = site.evaluate();
    assert_eq!((run.status, keys(&run, "sound").len()), (1, 2), "{run:?}");
    assert!(run.stderr.contains("source empty: the poll is void"), "{run:?}");
    let run = site.run(&["evaluate", "--source", "hotline", "--format", "csv"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{run:?}");
}

#[test]
fn wrong_arguments_are_wrong_usage() {
    let site = Site::new();
    for (arguments, says) in [
        (["--at", "gestern"], "--at: expected an instant such as"),
        (["--source", "hotlin"], "--source: no source named \"hotlin\"; there are hotline"),
    ] {
        let run = site.run(&[&["evaluate"][..], &arguments[..]].concat());
        assert_eq!(run.status, 2, "{run:?}");
        assert!(run.stderr.contains(says), "{run:?}");
    }
}
