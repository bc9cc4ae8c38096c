//! `duban test`: what ships passes, what is wrong is shown, and what cannot run says why.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// A rule whose window turns yellow after half of its two hours.
const RULE: &str = r#"
const TITLE = "到场";
fn applies(item) { item.kind == "ticket" }
fn windows(item) { [window("on_site", "2h", #{ from: item.received_at, done: item.on_site_at, yellow: "1h" })] }
"#;

const CASE: &str = r#"[[case]]
name = "两小时到场"

[[case.item]]
at = "2026-03-02 10:00"
kind = "ticket"
fields = { received_at = "2026-03-02 10:00" }
missing = ["on_site_at"]

[[case.expect]]
at = "2026-03-02 11:00"
windows = [{ name = "on_site", limit = "2h", yellow_at = "2026-03-02 11:00", due_at = "2026-03-02 12:00", state = "running" }]
cards = [{ name = "on_site", level = "yellow", since = "2026-03-02 11:00" }]
notices = [{ name = "on_site", kind = "raise", to = "handler" }, { name = "on_site", kind = "raise", to = "unit_contact" }]

[[case.expect]]
at = "2026-03-02 11:30"
cards = [{ name = "on_site", level = "yellow" }]
notices = []
"#;

fn run(folder: &Path, language: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duban"));
    command.env_clear().env("DUBAN_LANG", language).current_dir(folder).arg("test").args(arguments);
    command.output().expect("started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// A folder with a rule and a test of it.
fn folder(rule: &str, case: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join("rules/tests")).expect("created");
    std::fs::write(folder.path().join("rules/site.rhai"), rule).expect("written");
    std::fs::write(folder.path().join("rules/tests/site.toml"), case).expect("written");
    folder
}

/// The exit status with what was said, after a text of the case is replaced by another.
fn changed(from: &str, to: &str) -> (i32, String, String) {
    assert!(CASE.contains(from), "{from}");
    let folder = folder(RULE, &CASE.replacen(from, to, 1));
    let output = run(folder.path(), "en", &[]);
    (output.status.code().expect("exited"), text(&output.stdout), text(&output.stderr))
}

fn golden(name: &str, found: &str) {
    let path = format!("tests/golden/test/{name}");
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == found, "{path} differs; found:\n{found}");
}

#[test]
fn the_shipped_rules_pass_their_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = run(root, "zh-CN", &[]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    golden("shipped.zh-CN.txt", &(text(&output.stdout) + &text(&output.stderr)));
}

#[test]
fn rules_are_tested_by_their_folder_by_that_of_the_tests_and_by_a_file() {
    let folder = folder(RULE, CASE);
    for path in [None, Some("rules"), Some("rules/tests"), Some("rules/tests/site.toml")] {
        let output = run(folder.path(), "en", path.as_slice());
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(said, "ok  rules/tests/site.toml  两小时到场\n1 passed, 0 failed\n", "{path:?}");
    }
}

#[test]
fn a_table_is_needed_by_the_rules_that_read_it() {
    let folder = folder(RULE, CASE);
    std::fs::write(folder.path().join("rules/params.toml"), "tables.limits = \"tables/limits.csv\"\n")
        .expect("written");
    let output = run(folder.path(), "en", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let reading = RULE.replace("\"2h\"", "table::limits[item.kind].limit");
    std::fs::write(folder.path().join("rules/site.rhai"), reading).expect("written");
    let said = text(&run(folder.path(), "en", &[]).stderr);
    assert!(said.contains("rules/tables/limits.csv: expected a table, which site.rhai reads"), "{said}");
    std::fs::create_dir(folder.path().join("rules/tables")).expect("created");
    std::fs::write(folder.path().join("rules/tables/limits.csv"), "kind,limit\nticket,2h\n").expect("written");
    assert_eq!(run(folder.path(), "en", &[]).status.code(), Some(0));
}

#[test]
fn what_differs_is_shown_as_lines_of_the_test() {
    let case = CASE
        .replacen("level = \"yellow\", since", "level = \"red\", since", 1)
        .replacen("due_at = \"2026-03-02 12:00\"", "due_at = \"2026-03-02 24:00\"", 1)
        .replacen(
            "{ name = \"on_site\", kind = \"raise\", to = \"handler\" }",
            "{ name = \"on_site\", kind = \"clear\" }",
            1,
        )
        .replacen("11:30\"\ncards = [{ name = \"on_site\", level = \"yellow\" }]", "11:30\"\ncards = []", 1);
    let folder = folder(RULE, &case);
    for (language, ending) in [("zh-CN", "zh-CN"), ("en", "en")] {
        let output = run(folder.path(), language, &[]);
        assert_eq!(output.status.code(), Some(1));
        golden(&format!("differs.{ending}.txt"), &(text(&output.stdout) + &text(&output.stderr)));
    }
    let json: Value = serde_json::from_slice(&run(folder.path(), "en", &["--format", "json"]).stdout).expect("JSON");
    let difference = &json["cases"][0]["differences"][1];
    assert_eq!((&json["cases"][0]["passed"], &difference["list"]), (&Value::Bool(false), &"cards".into()));
    assert_eq!(
        (&difference["expected"][0]["level"], &difference["got"][0]["level"]),
        (&"red".into(), &"yellow".into())
    );
    let csv = text(&run(folder.path(), "en", &["--format", "csv"]).stdout);
    assert!(csv.starts_with("file,case,passed,line,at,list,expected,got\nrules/tests/site.toml,两小时到场,false,10,"));
}

#[test]
fn a_list_is_complete() {
    for (from, to, says) in [
        ("notices = []", "notices = [{ name = \"on_site\", kind = \"raise\" }]", "- expected { name = \"on_site\""),
        (", { name = \"on_site\", kind = \"raise\", to = \"unit_contact\" }", "", "+ got { name = \"on_site\", kind"),
        ("cards = [{ name = \"on_site\", level = \"yellow\" }]", "cards = []", "+ got { name = \"on_site\", level"),
        (
            "[{ name = \"on_site\", limit",
            "[{ name = \"other\" }, { name = \"on_site\", limit",
            "- expected { name = \"other\" }",
        ),
    ] {
        let (status, shown, _) = changed(from, to);
        assert!(status == 1 && shown.contains(says), "{shown}");
    }
}

#[test]
fn what_cannot_run_says_where_and_why() {
    for (from, to, says) in [
        ("cards =", "card =", "rules/tests/site.toml:13: unknown field `card`"),
        ("11:30\"", "11:30", "rules/tests/site.toml:17: "),
        ("kind = \"ticket\"\n", "", "rules/tests/site.toml:1: case \"两小时到场\": its first item has no kind"),
        (
            "name = \"两小时到场\"",
            "name = \"c\"\nparams = { hours = 3 }",
            "rules/tests/site.toml:1: [this case] sets `hours`",
        ),
        (
            "name = \"两小时到场\"",
            "name = \"c\"\ncalendar = \"moon\"",
            "rules/tests/site.toml:1: no calendar is named \"moon\"",
        ),
        ("[[case]]", "rule = \"none\"\n[[case]]", "rules/none.rhai: "),
    ] {
        let (status, shown, said) = changed(from, to);
        assert!(status == 1 && said.contains(says) && shown.is_empty(), "{from}: {shown}{said}");
    }
    let folder = folder("fn windows(item) { [window(\"a\" \"1wd\")] }", CASE);
    let output = run(folder.path(), "en", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("rules/site.rhai:1:"), "{}", text(&output.stderr));
}

#[test]
fn a_rule_that_fails_is_a_difference_unless_it_is_expected() {
    let (status, shown, _) = changed("missing = [\"on_site_at\"]\n", "");
    assert!(status == 1 && shown.contains("11:00 error (line 9)\n      + got "), "{shown}");
    assert!(shown.contains("on_site_at"), "{shown}");
    let case = CASE.replacen("missing = [\"on_site_at\"]\n", "", 1);
    let expected = &case[..case.find("[[case.expect]]").expect("an expectation")];
    let case = format!("{expected}[[case.expect]]\nat = \"2026-03-02 11:00\"\nerror = \"on_site_at\"\ncards = []\n");
    let folder = folder(RULE, &case);
    let output = run(folder.path(), "en", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn a_failed_poll_hides_what_changes_and_a_good_one_brings_it() {
    let (head, _) = CASE.split_once("[[case.expect]]").expect("an expectation");
    let case = format!(
        r#"{head}
[[case.item]]
at = "2026-03-02 10:40"
fields = {{ on_site_at = "2026-03-02 10:35" }}

[[case.source]]
at = "2026-03-02 10:30"
state = "stale"

[[case.source]]
at = "2026-03-02 11:20"
state = "good"

[[case.expect]]
at = "2026-03-02 11:10"
cards = [{{ name = "on_site", level = "yellow", since = "2026-03-02 11:00" }}]

[[case.expect]]
at = "2026-03-02 11:20"
cards = []
notices = [
    {{ name = "on_site", kind = "revoke", to = "handler", channel = "mail", goes_at = "2026-03-02 11:20" }},
    {{ name = "on_site", kind = "revoke", to = "unit_contact" }},
]
"#
    );
    let folder = folder(RULE, &case);
    let output = run(folder.path(), "en", &[]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn contacts_and_ladders_beside_the_rules_take_the_place_of_the_built_in_ones() {
    let case = CASE
        .replacen("fields = {", "fields = { owner = \"王某\",", 1)
        .replacen("to = \"handler\"", "to = \"w1\"", 1)
        .replacen(", { name = \"on_site\", kind = \"raise\", to = \"unit_contact\" }", "", 1);
    let folder = folder(RULE, &case);
    std::fs::write(folder.path().join("contacts.csv"), "id,name,email\nw1,王某,w1@example.com\n").expect("written");
    let output = run(folder.path(), "en", &["rules"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    let ladders = "[handlers]\n[[handlers.steps]]\nroles = [\"handler\"]\nyellow = [\"im\"]\n";
    std::fs::write(folder.path().join("ladders.toml"), ladders).expect("written");
    let output = run(folder.path(), "en", &["rules/tests/site.toml"]);
    assert!(text(&output.stdout).contains("- expected"), "the person has no such address: {}", text(&output.stdout));
}

#[test]
fn a_path_without_tests_is_wrong_usage() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(folder.path(), "en", &[]);
    assert_eq!(
        (output.status.code(), text(&output.stderr).as_str()),
        (Some(2), "rules: no rule tests (expected *.toml files, or a folder that holds some)\n")
    );
}
