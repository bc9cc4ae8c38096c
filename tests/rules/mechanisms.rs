//! Every mechanism of the offices is served, and the page of the rules says by what.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use duban::calendars;
use duban::rules::mechanisms::{self, Mechanism, Other};
use duban::rules::{RuleFile, RuleInfo, Rulebook, Tables, reference};

/// A file below the root of the project.
fn of_project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(of_project(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of all shipped rules, in order.
pub fn names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![of_project("rules")];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rhai") {
                let below = path.strip_prefix(of_project("rules")).expect("below").with_extension("");
                names.insert(below.to_string_lossy().into_owned());
            }
        }
    }
    names
}

/// All shipped rules.
pub fn rules() -> Vec<RuleInfo> {
    let mut tables = Tables::new();
    tables.read_params("rules/params.toml", &text("rules/params.toml")).expect("parameters");
    for (name, file) in tables.named().clone() {
        let path = format!("rules/{file}");
        tables.read_table(&name, &path, &text(&path)).expect("a table");
    }
    let file =
        |name: String| RuleFile { path: format!("rules/{name}.rhai"), text: text(&format!("rules/{name}.rhai")), name };
    let files: Vec<RuleFile> = names().into_iter().map(file).collect();
    let book = Rulebook::compile(&files, &tables, chrono_tz::Asia::Shanghai);
    book.unwrap_or_else(|errors| panic!("{errors:?}")).rules().collect()
}

fn list() -> Vec<Mechanism> {
    mechanisms::read(&text("rules/mechanisms.csv")).expect("the list of mechanisms")
}

#[test]
fn the_page_of_the_rules_is_the_one_that_is_written() {
    let written = reference::markdown() + mechanisms::markdown(&list(), &rules()).as_str();
    let path = of_project("rules/README.md");
    if std::fs::read_to_string(&path).unwrap_or_default() != written {
        let new = path.with_extension("md.new");
        std::fs::write(&new, &written).expect("the new page is written");
        panic!("rules/README.md is not what words and rules say; compare and take rules/README.md.new");
    }
}

#[test]
fn every_row_has_one_id_and_words_in_both_languages() {
    let mut ids = BTreeSet::new();
    for row in list() {
        assert!(ids.insert(row.id.clone()), "{} stands twice", row.id);
        assert!([&row.text, &row.gist_zh, &row.gist_en].iter().all(|text| !text.is_empty()), "{}", row.id);
        assert!(["000-", "001-", "002-", "003-", "004-"].iter().any(|start| row.id.starts_with(start)), "{}", row.id);
    }
}

#[test]
fn every_row_is_served_by_a_rule_or_by_something_else_that_is_there() {
    let rules = rules();
    let list = list();
    let is_unserved = |row: &&Mechanism| row.rules(&rules).next().is_none() && row.others().next().is_none();
    let unserved: Vec<&str> = list.iter().filter(is_unserved).map(|row| row.id.as_str()).collect();
    assert!(unserved.is_empty(), "rows that nothing serves: {unserved:?}");
}

#[test]
fn what_else_serves_a_row_is_there_or_said_to_be_coming() {
    let mut absent = Vec::new();
    for row in list() {
        absent.extend(row.others().filter(|other| !is_there(*other)).map(|other| format!("{}: {other:?}", row.id)));
    }
    assert!(absent.is_empty(), "{absent:#?}");
}

fn is_there(Other { kind, name, is_coming }: Other<'_>) -> bool {
    match kind {
        // Only reports are announced before they are there, and none is there yet.
        "report" => is_coming,
        _ if is_coming => false,
        "ladder" => text("config/ladders.toml").parse::<toml::Table>().expect("ladders").contains_key(name),
        "command" => {
            let mut command = Command::new(env!("CARGO_BIN_EXE_duban"));
            let output = command.args(name.split(' ')).arg("--help").output().expect("started");
            output.status.success()
        }
        "source" => text("config/duban.toml").lines().any(|line| {
            let line = line.trim_start_matches('#');
            line.starts_with("[source.") && line.ends_with(&format!(".{name}]"))
        }),
        "calendar" => calendars::find(name, &[]).is_ok(),
        "constant" => {
            let text = format!("const {name} = \"2026-01-01\"; fn applies(item) {{ true }}");
            let file = RuleFile { name: "r".into(), path: "r.rhai".into(), text };
            Rulebook::compile(&[file], &Tables::new(), chrono_tz::UTC).is_ok()
        }
        "file" => of_project(name).exists(),
        _ => false,
    }
}

#[test]
fn every_shipped_rule_serves_rows_that_are_there() {
    let ids: BTreeSet<String> = list().into_iter().map(|row| row.id).collect();
    let mut faults = BTreeMap::new();
    for rule in rules() {
        let unknown: Vec<_> = rule.meta.serves.iter().filter(|id| !ids.contains(&***id)).cloned().collect();
        // Orders are how any card is followed up: their rule may serve no row of its own.
        if !unknown.is_empty() || rule.meta.serves.is_empty() && &*rule.name != "order" {
            faults.insert(rule.name, unknown);
        }
    }
    assert!(faults.is_empty(), "rules that serve no row, or these unknown ones: {faults:?}");
}
