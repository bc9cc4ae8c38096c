//! What the pages for people say is true: configurations are read, rule tests pass, and commands exist.

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use duban::config::Config;
use duban::rules::maps::RowMap;
use support::command::duban;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// `README*.md` and `docs/*.md`, by path below the root.
fn pages() -> Vec<(String, String)> {
    let pages = ["", "docs"].into_iter().flat_map(|folder| {
        let entries = std::fs::read_dir(Path::new(ROOT).join(folder)).expect("a folder");
        entries.map(move |entry| Path::new(folder).join(entry.expect("an entry").file_name()))
    });
    let is_page = |path: &PathBuf| {
        let name = path.to_string_lossy();
        name.ends_with(".md") && (name.starts_with("docs/") || name.starts_with("README"))
    };
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(Path::new(ROOT).join(&path)).expect("a page");
        (path.to_string_lossy().into_owned(), text)
    };
    pages.filter(is_page).map(read).collect()
}

/// The fenced blocks of a language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let open = format!("```{language}\n");
    page.split(open.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

/// What stands in `single` or fenced code, line by line.
fn code(page: &str) -> impl Iterator<Item = &str> {
    let fenced = page.split("```").skip(1).step_by(2).flat_map(str::lines);
    let inline = page.split("```").step_by(2).flat_map(|text| text.split('`').skip(1).step_by(2));
    fenced.chain(inline)
}

#[test]
fn every_configuration_on_a_page_is_read() {
    let mut count = 0;
    for (path, page) in pages() {
        for block in blocks(&page, "toml").into_iter().filter(|block| !block.contains("[[case]]")) {
            Config::read(&path, block).unwrap_or_else(|problems| panic!("{problems:?}\n{block}"));
            count += 1;
        }
    }
    assert!(count >= 8, "{count}");
}

#[test]
fn the_rule_on_a_page_passes_the_test_beside_it() {
    for (path, page) in pages().iter().filter(|(path, _)| path.starts_with("docs/rules")) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("tests")).expect("tests/");
        for (language, file) in [("rhai", "reply.rhai"), ("toml", "tests/reply.toml")] {
            std::fs::write(folder.path().join(file), blocks(page, language)[0]).expect("a file");
        }
        let run = duban(&["test", &folder.path().to_string_lossy()]);
        assert_eq!(run.status, 0, "{path}: {run:?}");
    }
}

#[test]
fn the_map_on_a_page_compiles() {
    for (path, page) in pages().iter().filter(|(path, _)| path.starts_with("docs/sources")) {
        let map = RowMap::compile(path, blocks(page, "rhai")[0]).unwrap_or_else(|wrong| panic!("{wrong:?}"));
        assert!(map.gives("编号") && map.gives("状态"), "{path}");
    }
}

#[test]
fn the_first_installation_passes_its_check_and_polls() {
    for (path, page) in pages().iter().filter(|(path, _)| path.starts_with("README")) {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).expect("a file");
        let csv = blocks(page, "csv");
        put("tickets.csv", csv[0]);
        put("contacts.csv", csv[1]);
        put("duban.toml", blocks(page, "toml")[0]);
        std::fs::create_dir(folder.path().join("rules")).expect("rules/");
        for file in ["rules/2110.rhai", "rules/params.toml"] {
            std::fs::copy(Path::new(ROOT).join(file), folder.path().join(file)).expect("a rule");
        }
        let config = folder.path().join("duban.toml");
        let run = duban(&["check", "--online", "--config", &config.to_string_lossy()]);
        assert_eq!(run.status, 0, "{path}: {run:?}");
        assert!(run.stdout.contains("source.tickets: 2 rows read, 0 of them rejected"), "{path}: {run:?}");
    }
}

#[test]
fn every_command_on_a_page_exists() {
    let mut commands = BTreeSet::new();
    for (_, page) in pages() {
        for line in code(&page) {
            let words = line.split("duban ").skip(1).filter_map(|rest| rest.split_whitespace().next());
            commands.extend(
                words.filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-')).map(str::to_owned),
            );
        }
    }
    commands.retain(|word| !word.starts_with('-'));
    assert!(commands.len() >= 8, "{commands:?}");
    for command in commands {
        let run = duban(&[&command, "--help"]);
        assert_eq!(run.status, 0, "duban {command}: {run:?}");
    }
}

#[test]
fn every_link_into_the_project_leads_somewhere() {
    for (path, page) in pages() {
        let folder = Path::new(ROOT).join(&path).parent().expect("a folder").to_owned();
        let linked = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let shown = page.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next());
        for target in linked.chain(shown).filter(|target| !target.starts_with("http")) {
            assert!(folder.join(target).exists(), "{path}: {target}");
        }
    }
}

#[test]
fn both_languages_say_the_same_configurations() {
    let pages = pages();
    for (path, page) in pages.iter().filter(|(path, _)| !path.contains("zh-CN")) {
        let twin = path.replace(".md", ".zh-CN.md");
        let (_, chinese) = pages.iter().find(|(path, _)| *path == twin).unwrap_or_else(|| panic!("{twin}"));
        for language in ["toml", "csv", "rhai", "ini"] {
            assert_eq!(blocks(page, language), blocks(chinese, language), "{path}: {language}");
        }
    }
}

/// The names of all tests below `tests/daemon`, and of those among them that are scenarios of threads.
fn scenarios() -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut all, mut threads) = (BTreeSet::new(), BTreeSet::new());
    for folder in ["tests/daemon", "tests/daemon/threads"] {
        for entry in std::fs::read_dir(Path::new(ROOT).join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let tests = text.split("test]\n").skip(1).filter_map(|rest| rest.split_once("fn ")?.1.split('(').next());
            let tests: Vec<String> = tests.map(str::to_owned).collect();
            if folder.ends_with("threads") {
                threads.extend(tests.iter().cloned());
            }
            all.extend(tests);
        }
    }
    (all, threads)
}

#[test]
fn every_complaint_has_its_scenario_and_every_scenario_its_complaint() {
    let (all, threads) = scenarios();
    assert!(threads.len() >= 30, "{threads:?}");
    for (path, page) in pages().iter().filter(|(path, _)| path.starts_with("docs/complaints")) {
        let rows = page.lines().filter(|line| line.starts_with("| ") && line.ends_with("` |"));
        let named: BTreeSet<String> = rows.filter_map(|row| row.rsplit('`').nth(1).map(str::to_owned)).collect();
        let missing: Vec<_> = named.difference(&all).collect();
        assert!(missing.is_empty(), "{path}: no test has these names: {missing:?}");
        let untold: Vec<_> = threads.difference(&named).collect();
        assert!(untold.is_empty(), "{path}: these are not on the page: {untold:?}");
    }
}
