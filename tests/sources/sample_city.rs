//! The sample city of `config/examples/city`: made by its script, read by what reads real data, with the faults that its page
//! lists and no others.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::support::command::{Run, duban, shipped};

/// The faults for which a row is refused, and how many rows each of them costs.
const REFUSED: [(&str, usize); 4] =
    [("编号重复，内容不同", 2), ("无法读懂的日期", 1), ("全角数字", 1), ("暂停止早于暂停起", 1)];

fn city(arguments: &[&str]) -> Run {
    let config = shipped("config/examples/city/duban.toml");
    duban(&[arguments, &["--config", &config]].concat())
}

/// The faults that were put into the files: file and fault.
fn faults() -> Vec<(String, String)> {
    let mut reader = csv::Reader::from_path(shipped("config/examples/city/faults.csv")).expect("faults");
    let rows = reader.records().map(|row| row.expect("a row"));
    rows.map(|row| (row[0].to_owned(), row[2].to_owned())).collect()
}

#[test]
fn the_city_is_what_its_script_makes() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = Command::new("/usr/bin/python3").arg(shipped("config/examples/city/make")).arg(folder.path()).status();
    assert!(made.expect("python3").success(), "the city is made");
    let mut count = 0;
    for entry in std::fs::read_dir(folder.path()).expect("a folder") {
        let name = entry.expect("an entry").file_name();
        let ours = Path::new(&shipped("config/examples/city")).join(&name);
        let is_same = std::fs::read(folder.path().join(&name)).ok() == std::fs::read(ours).ok();
        assert!(is_same, "{} is not what config/examples/city/make writes: run it", name.display());
        count += 1;
    }
    assert_eq!(count, 20, "sixteen ledgers, the people, the faults, the configuration, and what is known when");
}

#[test]
fn its_configuration_passes_and_every_source_is_believed() {
    let run = city(&["check", "--online", "--format", "csv"]);
    assert_eq!(run.status, 0, "{run:?}");
    let people = city(&["contacts", "check", "--format", "csv"]);
    assert_eq!(people.status, 0, "{people:?}");
}

#[test]
fn the_rows_that_are_refused_are_those_with_faults() {
    let run = city(&["evaluate", "--at", "2026-12-31T23:59", "--format", "csv"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.rows().iter().any(|row| row["level"] == "red"), "cards");
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    for (file, fault) in faults() {
        if let Some((_, rows)) = REFUSED.iter().find(|(name, _)| *name == fault) {
            *refused.entry(file).or_default() += rows;
        }
    }
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    for line in run.stderr.lines() {
        if let Some((file, _)) = line.split_once(".csv:").filter(|(file, _)| refused.contains_key(*file)) {
            *said.entry(file.to_owned()).or_default() += 1;
        }
    }
    assert_eq!(said, refused);
}

/// What its pages count: rows by file, and rows by fault.
fn counts() -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, fault) in faults() {
        *counts.entry(fault).or_default() += 1;
    }
    let lists =
        std::fs::read_dir(shipped("config/ledgers")).expect("a folder").map(|entry| entry.expect("an entry").path());
    for list in lists.filter(|path| path.extension().is_some_and(|extension| extension == "toml")) {
        let file = list.with_extension("csv").file_name().expect("a name").to_string_lossy().into_owned();
        let rows =
            csv::Reader::from_path(shipped(&format!("config/examples/city/{file}"))).expect("a file").into_records();
        counts.insert(format!("`{file}`"), rows.count());
    }
    counts
}

#[test]
fn its_pages_count_its_rows_and_faults() {
    for page in ["README.md", "README.zh-CN.md"] {
        let text = std::fs::read_to_string(shipped(&format!("config/examples/city/{page}"))).expect("a page");
        for (what, count) in counts() {
            let row = text.lines().find(|line| line.starts_with(&format!("| {what} ")));
            let row = row.unwrap_or_else(|| panic!("{page} knows no {what}"));
            assert!(row.ends_with(&format!(" {count} |")), "{page}: {what}: {count} rows, not as in {row}");
        }
    }
}
