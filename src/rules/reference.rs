//! The reference of what a rule may say, written from the registered words: `rules/README.md`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::LazyLock;

use serde::Deserialize;

use super::budget;
use super::engine::{LIST, MAP, WORDS};

/// One registered function, as Rhai's metadata has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Function {
    name: String,
    #[serde(default)]
    params: Vec<Param>,
    #[serde(default)]
    doc_comments: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Param {
    #[serde(default)]
    name: String,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    #[serde(default)]
    functions: Vec<Function>,
}

fn functions() -> Vec<Function> {
    let mut engine = rhai::Engine::new_raw();
    engine.register_global_module(WORDS.clone());
    let json = engine.gen_fn_metadata_to_json(false).unwrap_or_default();
    serde_json::from_str::<Metadata>(&json).map_or_else(|_| Vec::new(), |metadata| metadata.functions)
}

/// The names of all words that a rule can call.
pub(super) fn names() -> &'static BTreeSet<String> {
    static NAMES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let callable = |name: &String| name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.contains('$');
        functions().into_iter().map(|function| function.name).filter(callable).collect()
    });
    &NAMES
}

/// The reference as Markdown.
pub fn markdown() -> String {
    let mut entries: BTreeSet<(String, String, String, String)> = BTreeSet::new();
    for function in functions() {
        let [group, en, zh] = &function.doc_comments[..] else { continue };
        let params: Vec<&str> = function.params.iter().map(|p| p.name.as_str()).collect();
        entries.insert((group.clone(), signature(&function.name, &params), en.clone(), zh.clone()));
    }
    let mut text = format!(include_str!("reference.md"), operations = budget::OPERATIONS, list = LIST, map = MAP);
    for group in ["Declaring", "Operators", "Tables", "Lists", "Maps", "Texts", "Numbers", "Days"] {
        let _ = write!(text, "\n## {group}\n\n| | | |\n|---|---|---|\n");
        for (_, signature, en, zh) in entries.iter().filter(|entry| entry.0 == group) {
            let _ = writeln!(text, "| `{}` | {} | {zh} |", cell(signature), cell(en));
        }
    }
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn signature(name: &str, params: &[&str]) -> String {
    match (name, params) {
        ("contains", _) => "part in whole".to_owned(),
        (name, [a, b]) if !name.starts_with(|c: char| c.is_alphabetic()) => format!("{a} {name} {b}"),
        (name, [a]) if !name.starts_with(|c: char| c.is_alphabetic()) => format!("{name}{a}"),
        (name, [subject @ ("list" | "map" | "text" | "number"), rest @ ..]) => {
            format!("{subject}.{name}({})", rest.join(", "))
        }
        (name, params) => format!("{name}({})", params.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_in_the_reference() {
        let written = markdown();
        for name in names() {
            let stands = [format!("`{name}("), format!(".{name}("), "part in whole".to_owned()];
            let operator = name == "contains";
            assert!(operator || stands[..2].iter().any(|form| written.contains(form)), "{name}");
        }
    }
}
