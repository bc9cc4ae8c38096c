//! The draft of a mapping as text that can stand in `duban.toml`.
//!
//! **Invariant:** whatever a header or a cell holds, the text is TOML that says it and nothing else.

use std::fmt::Write as _;

use toml::{Table, Value};

use crate::cli::words::source as words;
use crate::core::line::escaped;
use crate::source::guess::{Doubt, FieldGuess, Guess};
use crate::tell::language::Language;

/// A draft with what the command knows beside it.
pub struct Draft<'a> {
    pub guess: &'a Guess,
    pub name: &'a str,
    pub zone: &'a str,
    /// When it is polled, as a line.
    pub timing: &'a str,
    pub language: Language,
}

impl Draft<'_> {
    /// How many things a person should look at.
    pub fn doubts(&self) -> usize {
        let fields = self.guess.fields.iter().map(|field| field.doubts.len()).sum::<usize>();
        let left = self.guess.left.iter().filter(|(_, why)| why.is_some()).count();
        self.guess.id_doubts.len() + fields + left
    }

    /// The text. `key` and `way` are how the source is read.
    pub fn text(&self, of: &str, key: &str, way: &Table) -> String {
        let name = key_of(self.name);
        let mut text = String::new();
        comment(&mut text, &words::drafted(self.language, of, self.guess.rows));
        let _ = writeln!(text, "[source.{name}]\n{}", self.timing);
        self.head(&mut text);
        let _ = writeln!(text, "\n[source.{name}.{key}]");
        let (tables, lines): (Vec<_>, Vec<_>) = way.iter().partition(|(_, value)| value.is_table());
        for (key, value) in lines.into_iter().chain(tables) {
            let _ = writeln!(text, "{} = {}", key_of(key), inline(value));
        }
        if !self.guess.fields.is_empty() {
            let _ = writeln!(text, "\n[source.{name}.fields]");
            self.guess.fields.iter().for_each(|field| self.field(&mut text, field));
        }
        self.parts(&mut text, &name);
        self.left(&mut text);
        text
    }

    fn head(&self, text: &mut String) {
        let guess = self.guess;
        comment(text, words::of_kind(self.language));
        let _ = writeln!(text, "kind = {}", quoted(guess.kind));
        self.doubt(text, &guess.id_doubts);
        let _ = writeln!(text, "id = {}", quoted(&guess.id));
        let reads_times = guess.fields.iter().any(|field| field.name.ends_with("_at"));
        if reads_times || guess.pause.is_some() || guess.extension.is_some() {
            if guess.needs_zone {
                comment(text, words::of_zone(self.language));
            }
            let _ = writeln!(text, "timezone = {}", quoted(self.zone));
        }
        if !guess.formats.is_empty() {
            let _ = writeln!(text, "time_formats = {}", list(guess.formats.iter().copied()));
        }
        if !guess.missing.is_empty() {
            comment(text, words::of_missing(self.language));
            let _ =
                writeln!(text, "missing = {}", list([""].into_iter().chain(guess.missing.iter().map(String::as_str))));
        }
    }

    fn field(&self, text: &mut String, field: &FieldGuess) {
        self.doubt(text, &field.doubts);
        let column = quoted(&field.column);
        let value = if field.is_number {
            format!("{{ column = {column}, type = \"number\" }}")
        } else if field.values.is_empty() {
            column
        } else {
            let values: Vec<String> =
                field.values.iter().map(|(from, to)| format!("{} = {}", quoted(from), quoted(to))).collect();
            format!("{{ column = {column}, values = {{ {} }} }}", values.join(", "))
        };
        let _ = writeln!(text, "{} = {value}", field.name);
    }

    /// Pauses and extensions.
    fn parts(&self, text: &mut String, name: &str) {
        if let Some((from, to, basis)) = &self.guess.pause {
            let _ = writeln!(text, "\n[source.{name}.pauses]\nfrom = {}", quoted(from));
            if let Some(to) = to {
                let _ = writeln!(text, "to = {}", quoted(to));
            }
            if let Some(basis) = basis {
                let _ = writeln!(text, "basis = {{ column = {} }}", quoted(basis));
            }
        }
        if self.guess.waits {
            text.push('\n');
            comment(text, words::of_waiting(self.language));
            let _ = writeln!(text, "#[source.{name}.pauses]\n#while_status = [\"waiting\"]");
        }
        if let Some((amount, asked, approved)) = &self.guess.extension {
            let _ = writeln!(text, "\n[source.{name}.extensions]\namount = {}", quoted(amount));
            for (key, column) in [("asked_at", asked), ("approved_at", approved)] {
                if let Some(column) = column {
                    let _ = writeln!(text, "{key} = {}", quoted(column));
                }
            }
        }
    }

    fn left(&self, text: &mut String) {
        if self.guess.left.is_empty() {
            return;
        }
        text.push('\n');
        comment(text, words::of_left(self.language));
        for (column, why) in &self.guess.left {
            let why = why.as_ref().map(|why| format!("  {}", words::doubt(self.language, why))).unwrap_or_default();
            comment(text, &format!("  {column}{why}"));
        }
    }

    fn doubt(&self, text: &mut String, doubts: &[Doubt]) {
        for doubt in doubts {
            comment(text, &format!("? {}", words::doubt(self.language, doubt)));
        }
    }
}

/// A comment of one line.
fn comment(text: &mut String, words: &str) {
    let _ = writeln!(text, "# {}", escaped(words));
}

fn list<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    format!("[{}]", texts.map(quoted).collect::<Vec<_>>().join(", "))
}

/// A text in TOML, on one line.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A key in TOML.
fn key_of(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { quoted(name) }
}

/// A value in TOML, on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(values) => format!("[{}]", values.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Table(table) => {
            let pairs: Vec<String> =
                table.iter().map(|(key, value)| format!("{} = {}", key_of(key), inline(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_a_header_holds_the_draft_is_read_and_says_it(
            column in "\\PC{0,12}[\"\\\\\n\u{1}#=\\]' ]{0,4}\\PC{1,4}", word in any::<String>(), name in "\\PC{1,8}",
        ) {
            prop_assume!(!column.trim().is_empty() && column.trim() == column && !word.is_empty());
            let doubts = vec![Doubt::AsTheyStand(vec![(word.clone(), 1)]), Doubt::Others(vec![column.clone()])];
            let field = FieldGuess {
                name: "status".into(),
                column: column.clone(),
                is_number: false,
                values: vec![(word.clone(), "open")],
                doubts: doubts.clone(),
            };
            let guess = Guess {
                id: column.clone(),
                id_doubts: doubts,
                kind: "ticket",
                fields: vec![field],
                missing: vec![word],
                left: vec![(column.clone(), Some(Doubt::NoTimes(name.clone())))],
                ..Guess::default()
            };
            for language in [Language::Chinese, Language::English] {
                let draft = Draft { guess: &guess, name: &name, zone: "UTC", timing: "every = \"5m\"", language };
                let way = Table::from_iter([("path".to_owned(), Value::from(name.as_str()))]);
                let text = draft.text(&name, "csv", &way);
                let config = Config::read("draft", &text).map_err(|e| TestCaseError::fail(format!("{e:?}\n{text}")))?;
                let source = config.source.get(&name).expect("the source");
                prop_assert_eq!(&source.mapping.id, &column);
            }
        }
    }
}
