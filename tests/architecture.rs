//! The constraints that a reader relies on, held by machine: which module may know which, which outside crate is used
//! where, who reads the clock and the environment, and how little the shipped unit exposes.
//!
//! The scanner reads tokens, not Rust: it knows comments, strings and paths, and skips unit tests, which may use what
//! they like. A path is what stands in a `use` or in code, so that `crate::store::x` counts wherever it is written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The layers, from the ground up. A module knows itself and the layers below; in the upper ones also its neighbours.
const LAYERS: [&[&str]; 6] = [
    &["core"],
    &["rules", "tell", "schedule", "secret", "time", "reach"],
    &["source", "store", "wire"],
    &["pipeline", "courier", "answer", "report", "playbook", "config", "calendars", "trial"],
    &["daemon", "web"],
    &["main", "cli"],
];

/// From here on, neighbours may know each other.
const NEIGHBOURLY: usize = 3;

/// Where an outside crate may be used: file names below `src/` that begin with one of these.
const PLACES: [(&str, &[&str]); 11] = [
    ("rhai", &["rules/", "rules.rs"]),
    ("sqlx", &["store/", "store.rs", "source/sql"]),
    ("lettre", &["wire/email"]),
    ("reqwest", &["wire/", "reach/", "source/http"]),
    ("axum", &["web/", "web.rs"]),
    ("cron", &["schedule"]),
    ("sd_notify", &["daemon/systemd"]),
    ("clap", &["cli/", "cli.rs", "main.rs"]),
    ("calamine", &["source/ledger"]),
    ("fail", &["daemon/poll/", "pipeline", "courier", "cli/environment"]),
    ("comfy_table", &["cli/", "cli.rs"]),
];

/// Modules that only think: neither async nor a runtime.
const THINKING: [&str; 4] = ["core", "rules", "tell", "schedule"];

/// What is absent in them.
const ASYNC: [&str; 6] = ["tokio", "tokio_util", "tokio_rustls", "futures_util", "async_trait", "async"];

/// What is absent in `core`, below `std`.
const IO: [&str; 5] = ["fs", "net", "env", "process", "thread"];

const CLOCK: [&str; 3] = ["Utc::now", "Local::now", "Instant::now"];
const ENVIRONMENT: [&str; 6] =
    ["env::var", "env::var_os", "env::vars", "env::vars_os", "env::set_var", "env::remove_var"];

#[test]
fn every_module_knows_only_what_lies_below_it() {
    let found: Vec<String> = sources().iter().flat_map(|(file, text)| faults(file, text)).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// The sources' names, below `src/`, and texts.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of sources") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let file = path.strip_prefix(&root).expect("below the root").to_string_lossy().into_owned();
                sources.push((file, std::fs::read_to_string(&path).expect("a source")));
            }
        }
    }
    assert!(!sources.is_empty(), "there is something to look at");
    sources
}

/// Everything that a file does and must not.
fn faults(file: &str, text: &str) -> Vec<String> {
    let module = module_path(file);
    let top = module.first().map_or("lib", String::as_str);
    // The map of the crate names every module; unit tests may stand in a file of their own.
    if top == "lib" || file.ends_with("/tests.rs") || file.contains("/tests/") {
        return Vec::new();
    }
    let Some(layer) = layer_of(top) else {
        return vec![format!("src/{file}: {top} has no place in the table of layers")];
    };
    let tokens = without_unit_tests(tokens(text));
    let mut found = BTreeSet::new();
    for path in paths(&tokens) {
        let fault = fault_of_layer(&module, layer, &path).or_else(|| fault_of_place(file, top, &path));
        found.extend(fault.map(|fault| format!("src/{file}: {fault}")));
    }
    found.into_iter().collect()
}

/// `core/limit.rs` is `core::limit`.
fn module_path(file: &str) -> Vec<String> {
    let stem = file.trim_end_matches(".rs").trim_end_matches("/mod");
    if stem == "lib" { Vec::new() } else { stem.split('/').map(str::to_owned).collect() }
}

fn layer_of(top: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&top))
}

fn fault_of_layer(module: &[String], layer: usize, path: &[String]) -> Option<String> {
    let known = inner_module(module, path)?;
    let own = &module[0];
    if known == *own {
        return None;
    }
    // A name in the crate's root that is no module: a macro, a re-export.
    let Some(below) = layer_of(&known) else {
        let exists = known.starts_with(|c: char| c.is_ascii_lowercase());
        return exists.then(|| format!("{known} has no place in the table of layers"));
    };
    let allowed = below < layer || (below == layer && NEIGHBOURLY <= layer);
    (!allowed).then(|| format!("{own} (layer {layer}) must not know {known} (layer {below}): {}", path.join("::")))
}

/// The module below the crate's root that a path leads into, if it leads there.
fn inner_module(module: &[String], path: &[String]) -> Option<String> {
    match path[0].as_str() {
        "crate" | "duban" => path.get(1).cloned(),
        "super" => {
            let up = path.iter().take_while(|segment| *segment == "super").count();
            let rest = module.len().checked_sub(up).map(|depth| &module[..depth]);
            rest.unwrap_or_default().first().or(path.get(up)).cloned()
        }
        _ => None,
    }
}

fn fault_of_place(file: &str, top: &str, path: &[String]) -> Option<String> {
    let written = path.join("::");
    let head = path[0].as_str();
    let ends_with =
        |names: &[&str]| names.iter().any(|name| written == *name || written.ends_with(&format!("::{name}")));
    // One word alone may be anybody's function.
    let place = PLACES.iter().find(|(name, _)| *name == head && (*name != "fail" || path.len() > 1));
    if let Some((name, places)) = place.filter(|(_, places)| !places.iter().any(|place| file.starts_with(place))) {
        return Some(format!("{name} is used only in {}", places.join(" ")));
    }
    if THINKING.contains(&top) && ASYNC.contains(&head) {
        return Some(format!("{top} only thinks, and {head} waits"));
    }
    if top == "core" && head == "std" && path.get(1).is_some_and(|name| IO.contains(&name.as_str())) {
        return Some(format!("core does no IO: {written}"));
    }
    let clock = ends_with(&CLOCK) || ends_with(&["SystemTime::now"]);
    if clock && file != "time.rs" {
        return Some(format!("the clock is read in time.rs only: {written}"));
    }
    if ends_with(&ENVIRONMENT) && file != "cli/environment.rs" {
        return Some(format!("the environment is read in cli/environment.rs only: {written}"));
    }
    let exempt = ["time.rs", "cli/environment.rs"].contains(&file);
    (written == "clippy::disallowed_methods" && !exempt).then(|| "no exemption from disallowed_methods here".to_owned())
}

/// Identifiers, `::` and single punctuation marks; comments and literals are left out.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let (c, next) = (chars[i], chars.get(i + 1).copied());
        let begin = i;
        i = match c {
            '/' if next == Some('/') => skip_while(&chars, i, |c| c != '\n'),
            '/' if next == Some('*') => end_of_comment(&chars, i),
            '"' => end_of_string(&chars, i + 1),
            '\'' => end_of_quote(&chars, i),
            c if c.is_alphabetic() || c == '_' => {
                let end = skip_while(&chars, i, |c| c.is_alphanumeric() || c == '_');
                let word: String = chars[i..end].iter().collect();
                end_of_raw(&chars, &word, end).unwrap_or_else(|| {
                    tokens.push(word);
                    end
                })
            }
            c if c.is_ascii_digit() => skip_while(&chars, i, |c| c.is_alphanumeric() || c == '_'),
            ':' if next == Some(':') => {
                tokens.push("::".to_owned());
                i + 2
            }
            c if c.is_whitespace() => i + 1,
            c => {
                tokens.push(c.to_string());
                i + 1
            }
        };
        assert!(begin < i, "the scanner goes forward");
    }
    tokens
}

fn skip_while(chars: &[char], from: usize, holds: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|c| !holds(*c)).map_or(chars.len(), |length| from + length)
}

fn end_of_comment(chars: &[char], from: usize) -> usize {
    let (mut depth, mut i) = (0, from);
    while i + 1 < chars.len() {
        match (chars[i], chars[i + 1]) {
            ('/', '*') => (depth, i) = (depth + 1, i + 2),
            ('*', '/') if depth == 1 => return i + 2,
            ('*', '/') => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
    }
    chars.len()
}

/// After the closing quote of a string whose first character is at `i`.
fn end_of_string(chars: &[char], mut i: usize) -> usize {
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// A character or a lifetime.
fn end_of_quote(chars: &[char], i: usize) -> usize {
    match (chars.get(i + 1), chars.get(i + 2)) {
        (Some('\\'), _) => skip_while(chars, i + 3, |c| c != '\'') + 1,
        (_, Some('\'')) => i + 3,
        _ => i + 1,
    }
}

/// After a raw string, if the word before `i` begins one.
fn end_of_raw(chars: &[char], word: &str, i: usize) -> Option<usize> {
    if !["r", "br", "cr"].contains(&word) {
        return None;
    }
    let open = skip_while(chars, i, |c| c == '#');
    let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', open - i)).collect();
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let length = chars[open + 1..].windows(close.len()).position(|window| window == close);
    Some(length.map_or(chars.len(), |length| open + 1 + length + close.len()))
}

/// Leaves out `#[cfg(test)] mod … { … }`.
fn without_unit_tests(tokens: Vec<String>) -> Vec<String> {
    const MARK: [&str; 8] = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    let Some(begin) = tokens.windows(MARK.len()).position(|window| window == MARK) else { return tokens };
    let mut depth = 0;
    let end = tokens[begin..].iter().position(|token| {
        depth += i32::from(token == "{") - i32::from(token == "}");
        depth == 0 && (token == "}" || token == ";")
    });
    let end = end.map_or(tokens.len(), |length| begin + length + 1);
    without_unit_tests([&tokens[..begin], &tokens[end..]].concat())
}

/// Every path, groups spelled out: `use a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(tokens: &[String]) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        let before = |n: usize| i.checked_sub(n).map_or("", |i| &tokens[i]);
        let goes_on = before(1) == "." || (before(1) == "::" && before(2) != "use");
        // A field or an argument may have a crate's name.
        let is_named = tokens.get(i + 1).is_some_and(|next| next == ":");
        let begins = is_word(&tokens[i]) && tokens[i] != "use" && !goes_on && !is_named;
        i = if begins { read_path(tokens, i, &[], &mut paths) } else { i + 1 };
    }
    paths
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Reads the path that begins at `i` and returns where it ends.
fn read_path(tokens: &[String], mut i: usize, before: &[String], paths: &mut Vec<Vec<String>>) -> usize {
    let mut path = before.to_vec();
    loop {
        path.push(tokens[i].clone());
        i += 1;
        let next = |i: usize| tokens.get(i).map(String::as_str);
        match (next(i), next(i + 1)) {
            (Some("::"), Some("{")) => return read_group(tokens, i + 2, &path, paths),
            (Some("::"), Some(word)) if is_word(word) => i += 1,
            _ => {
                paths.push(path);
                return i;
            }
        }
    }
}

fn read_group(tokens: &[String], mut i: usize, before: &[String], paths: &mut Vec<Vec<String>>) -> usize {
    while i < tokens.len() && tokens[i] != "}" {
        // `b as c` in a group: the new name reads as one more path, which harms nobody.
        i = if is_word(&tokens[i]) { read_path(tokens, i, before, paths) } else { i + 1 };
    }
    i + 1
}

#[test]
fn a_broken_rule_is_found_however_it_is_written() {
    let table = [
        (
            "core/item.rs",
            "use crate::store::Store;",
            "core (layer 0) must not know store (layer 2): crate::store::Store",
        ),
        ("core/item.rs", "use super::super::wire;", "core (layer 0) must not know wire (layer 2)"),
        ("core/mod.rs", "fn f() { super::rules::judge() }", "core (layer 0) must not know rules (layer 1)"),
        ("core/mod.rs", "use crate::time::Clock;", "core (layer 0) must not know time (layer 1)"),
        (
            "core/a.rs",
            "use crate::{core::Instant, tell::{plan, route}};",
            "must not know tell (layer 1): crate::tell::plan",
        ),
        ("store/mod.rs", "use crate::wire::Mail;", "store (layer 2) must not know wire (layer 2)"),
        ("rules/host.rs", "fn f(x: &crate::tell::Plan) {}", "rules (layer 1) must not know tell (layer 1)"),
        ("schedule/line.rs", "use super::super::secret;", "schedule (layer 1) must not know secret (layer 1)"),
        ("pipeline.rs", "use crate::daemon;", "pipeline (layer 3) must not know daemon (layer 4)"),
        ("helper.rs", "", "helper has no place in the table"),
        ("daemon/mod.rs", "use crate::helper::x;", "helper has no place in the table"),
        ("core/item.rs", "use rhai::Dynamic;", "rhai is used only in rules/"),
        ("daemon/mod.rs", "fn f() -> Result<(), sqlx::Error> {}", "sqlx is used only in store/"),
        ("source/file.rs", "use {csv::Reader, sqlx::Row};", "sqlx is used only in store/"),
        ("wire/webhook.rs", "use lettre as post;", "lettre is used only in wire/email"),
        ("source/sql.rs", "use ::reqwest::Client;", "reqwest is used only in wire/"),
        ("daemon/mod.rs", "use axum::Router;", "axum is used only in web/"),
        ("tell/plan.rs", "use tokio::sync::mpsc;", "tell only thinks, and tokio waits"),
        ("rules/mod.rs", "#[async_trait::async_trait] trait T {}", "rules only thinks, and async_trait waits"),
        ("core/mod.rs", "async fn f() {}", "core only thinks, and async waits"),
        ("core/mod.rs", "use std::{fmt, fs};", "core does no IO: std::fs"),
        ("pipeline.rs", "let now = chrono::Utc::now();", "the clock is read in time.rs only: chrono::Utc::now"),
        ("courier.rs", "let t = Instant::now();", "the clock is read in time.rs only: Instant::now"),
        ("cli/mod.rs", "std::env::var(\"HOME\")", "the environment is read in cli/environment.rs only"),
        ("web/mod.rs", "#[allow(clippy::disallowed_methods)]", "no exemption from disallowed_methods"),
        ("core/mod.rs", "#[cfg(test)] mod tests { use super::*; } use crate::web;", "core (layer 0) must not know web"),
        ("core/mod.rs", "const A: &str = r#\"a\"#; const C: char = '\"'; use crate::web;", "must not know web"),
    ];
    for (file, text, expected) in table {
        let found = faults(file, text);
        assert!(found.iter().any(|fault| fault.contains(expected)), "{file}: {text}: {found:?}");
    }
}

#[test]
fn what_is_allowed_and_what_only_looks_like_a_rule_broken_passes() {
    let table = [
        ("rules/mod.rs", "use crate::core::Item; use rhai::Engine; use super::core::value;"),
        ("core/item.rs", "use super::value::Value; use crate::core::limit; use std::fmt::Write;"),
        ("store/sqlite/mod.rs", "use sqlx::Row; use tokio::fs; use crate::{core::Instant, time::Clock, rules};"),
        ("source/sqlite.rs", "use sqlx::SqlitePool;"),
        ("wire/email/session.rs", "use lettre::Message; use super::super::Channel;"),
        ("daemon/loops.rs", "use crate::{web, pipeline, store}; use crate::daemon::systemd;"),
        ("main.rs", "fn main() { duban::cli::run() }"),
        ("lib.rs", "pub mod core; pub use crate::web::anything;"),
        ("time.rs", "chrono::Utc::now()"),
        ("cli/environment.rs", "std::env::var(\"DUBAN_CONFIG\")"),
        ("core/mod.rs", "// use crate::store;\n/* rhai:: /* sqlx::x */ */ /// [`crate::web`]"),
        ("core/mod.rs", "const A: &str = \"use crate::store; \\\" rhai::x\"; const B: &str = r##\"tokio::x \"# \"##;"),
        ("core/mod.rs", "fn f<'a>(x: &'a str) -> char { '\\'' } const Q: char = '\"'; // tokio::x"),
        ("core/mod.rs", "fn f() { x.rhai(); y::tokio::z(); item.async_trait }"),
        ("core/mod.rs", "#[cfg(test)]\nmod tests { use tokio::x; mod inner { use rhai::y; } }"),
    ];
    for (file, text) in table {
        assert_eq!(faults(file, text), Vec::<String>::new(), "{file}: {text}");
    }
}

#[test]
fn the_shipped_unit_stays_within_its_exposure() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/duban.service");
    let said = std::process::Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", "--threshold=12"])
        .arg(unit)
        .output()
        .expect("systemd-analyze is installed");
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "exposure above 1.2: {}", text.lines().last().unwrap_or_default());
}
