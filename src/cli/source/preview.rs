//! `duban source preview`: a source is read once, by what the daemon reads it with, and its first rows are shown raw and
//! mapped side by side.
//!
//! **Invariant:** nothing is stored, and nothing of the store is asked: what the guard would say of the first poll is
//! said, without anything to compare with.

use std::collections::BTreeMap;
use std::io::Write;

use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use crate::cli::Caller;
use crate::cli::exit::{Exit, Failure};
use crate::cli::run::runtime;
use crate::cli::site::wrong;
use crate::cli::table::{Format, align, write_json};
use crate::cli::words::source as words;
use crate::config::SourceConfig;
use crate::core::item::Item;
use crate::core::line::{one_line, plain};
use crate::core::value::Value as Held;
use crate::source::guard::{Verdict, judge_poll};
use crate::source::mapping::Mapping;
use crate::source::mapping::config::{FieldConfig, WordConfig};
use crate::source::{Fetched, Rejection, Shown};
use crate::tell::language::Language;
use crate::tell::time_words;

/// Rejected rows that are named.
const NAMED: usize = 20;

/// The longest text of a cell, for people.
const LONGEST: usize = 60;

/// Runs the command.
pub fn run(name: &str, rows: usize, format: Format, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let site = caller.site()?;
    let config = caller.source_config(&site, name)?;
    if config.push.is_some() {
        return Err(Failure::usage(words::calls(caller.language, name)));
    }
    let lookup = caller.lookup();
    let polled = site.source_alone(name, &lookup).map_err(|problems| wrong(&problems))?;
    let polled = polled.ok_or_else(|| Failure::internal(name))?;
    let fetched = runtime()?.block_on(polled.source.fetch(None));
    let fetched = fetched.map_err(|error| Failure::no(words::unreadable(caller.language, name, &error.to_string())))?;
    let look = Look::at(name, config, &fetched, rows);
    match format {
        Format::Table => look.tell(caller.language, out)?,
        Format::Json | Format::Csv => write_json(&look.json(), out)?,
    }
    match judge_poll(None, fetched.rows(), look.count, None, &polled.guard) {
        Verdict::Believed => Ok(Exit::Fine),
        Verdict::Doubted(doubt) => Err(Failure::no(words::unreadable(caller.language, name, &doubt.to_string()))),
    }
}

/// What a look at a source shows.
struct Look<'a> {
    name: &'a str,
    fetched: &'a Fetched,
    head: Vec<Shown>,
    rejected: Vec<Rejection>,
    /// How many rows are rejected.
    count: u64,
    items: u64,
    /// For each field how many items have it.
    filled: BTreeMap<String, u64>,
    /// For each column the fields that it gives.
    fields: BTreeMap<String, Vec<String>>,
    zone: Tz,
}

impl<'a> Look<'a> {
    fn at(name: &'a str, config: &SourceConfig, fetched: &'a Fetched, rows: usize) -> Self {
        let zone = config.mapping.timezone.as_deref().and_then(|zone| zone.parse().ok()).unwrap_or(Tz::UTC);
        let mut look = Self {
            name,
            fetched,
            head: fetched.head(rows),
            rejected: Vec::new(),
            count: 0,
            items: 0,
            filled: promised(name, config),
            fields: by_column(config),
            zone,
        };
        for chunk in 0..fetched.chunks() {
            let mapped = fetched.map(chunk);
            look.count += mapped.rejected.len() as u64;
            let left = NAMED.saturating_sub(look.rejected.len());
            look.rejected.extend(mapped.rejected.into_iter().take(left));
            look.items += mapped.items.len() as u64;
            mapped.items.iter().for_each(|item| look.count_fields(item));
        }
        look
    }

    fn count_fields(&mut self, item: &Item) {
        let is_there = |value: &Held| match value {
            Held::Missing => false,
            Held::Text(text) => !text.is_empty(),
            Held::List(list) => !list.is_empty(),
            _ => true,
        };
        let parts = [("pauses", !item.pauses.is_empty()), ("extensions", !item.extensions.is_empty())];
        let fields = item.fields.iter().map(|(name, value)| (&**name, is_there(value)));
        for (name, _) in fields.chain(parts).filter(|(_, is_there)| *is_there) {
            if let Some(count) = self.filled.get_mut(name) {
                *count += 1;
            }
        }
    }

    fn never_filled(&self) -> Vec<&str> {
        let empty = self.filled.iter().filter(|(_, count)| **count == 0 && self.items > 0);
        empty.map(|(name, _)| name.as_str()).collect()
    }

    fn json(&self) -> Value {
        let columns = self.fetched.columns();
        let unused = self.fetched.unused();
        let raw = |shown: &Shown| -> Map<String, Value> {
            columns.iter().zip(&shown.cells).map(|(name, cell)| (name.to_string(), json!(cell))).collect()
        };
        let row = |shown: &Shown| match &shown.outcome {
            Ok(item) => json!({ "place": shown.place, "raw": raw(shown), "item": mapped(item) }),
            Err(rejection) => json!({ "place": shown.place, "raw": raw(shown), "rejected": parts(rejection) }),
        };
        json!({
            "source": self.name,
            "rows": self.fetched.rows(),
            "items": self.items,
            "rejected": self.count,
            "left_out_by_map": self.fetched.left_out(),
            "columns": columns.iter().map(|name| &**name).collect::<Vec<_>>(),
            "sample": self.head.iter().map(row).collect::<Vec<_>>(),
            "rejections": self.rejected.iter().map(parts).collect::<Vec<_>>(),
            "filled": self.filled,
            "never_filled": self.never_filled(),
            "never_used": unused.iter().map(|name| &***name).collect::<Vec<_>>(),
        })
    }

    fn tell(&self, language: Language, out: &mut dyn Write) -> Result<(), Failure> {
        writeln!(out, "{}", words::read(language, self.name, self.fetched.rows(), self.items, self.count))?;
        if self.fetched.left_out() > 0 {
            writeln!(out, "{}", words::left_out(language, self.fetched.left_out()))?;
        }
        writeln!(
            out,
            "{}{}",
            words::columns(language),
            list(language, self.fetched.columns().iter().map(|name| &**name))
        )?;
        for shown in &self.head {
            writeln!(out, "\n{}", plain(&shown.place))?;
            write!(out, "{}", align(&self.lines(shown)))?;
            if let Err(rejection) = &shown.outcome {
                writeln!(out, "  {}{}", words::is_rejected(language), plain(&rejection.reason))?;
            }
        }
        if !self.rejected.is_empty() {
            writeln!(out, "\n{}", words::rejected(language, self.count))?;
            for rejection in &self.rejected {
                let id = rejection.id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
                writeln!(out, "  {}{}: {}", plain(&rejection.place), plain(&id), plain(&rejection.reason))?;
            }
            let more = self.count - self.rejected.len() as u64;
            if more > 0 {
                writeln!(out, "  … {more}")?;
            }
        }
        let (unfilled, unused) = (self.never_filled(), self.fetched.unused());
        if !unfilled.is_empty() || !unused.is_empty() {
            writeln!(out)?;
        }
        if !unfilled.is_empty() {
            writeln!(out, "{}{}", words::never_filled(language), list(language, unfilled))?;
        }
        if !unused.is_empty() {
            writeln!(out, "{}{}", words::never_used(language), list(language, unused.iter().map(|name| &***name)))?;
        }
        Ok(())
    }

    /// A row's columns to the left, and to the right the fields that they give; then the fields without a column.
    fn lines(&self, shown: &Shown) -> Vec<Vec<String>> {
        let mut fields = match &shown.outcome {
            Ok(item) => self.said(item),
            Err(_) => BTreeMap::new(),
        };
        let mut lines = Vec::new();
        for (name, cell) in self.fetched.columns().iter().zip(&shown.cells) {
            let text = one_line(cell.as_deref().unwrap_or_default(), LONGEST);
            let mut left = vec![format!("  {name}"), text];
            for field in self.fields.get(&**name).into_iter().flatten() {
                let Some(value) = fields.remove(field) else { continue };
                lines.push([std::mem::replace(&mut left, vec![String::new(); 2]), right(field, value)].concat());
            }
            if !left[0].is_empty() {
                lines.push(left);
            }
        }
        let rest = fields.into_iter().map(|(field, value)| [vec![String::new(); 2], right(&field, value)].concat());
        lines.extend(rest);
        lines
    }

    /// An item's fields in words.
    fn said(&self, item: &Item) -> BTreeMap<String, String> {
        let value = |value: &Held| match value {
            Held::Missing => "()".to_owned(),
            Held::Instant(at) => time_words::instant(*at, self.zone),
            Held::Text(text) => one_line(text, LONGEST),
            other => one_line(&json!(other).to_string(), LONGEST),
        };
        let mut said: BTreeMap<String, String> =
            item.fields.iter().map(|(name, held)| (name.to_string(), value(held))).collect();
        said.insert("id".into(), one_line(&item.key.id, LONGEST));
        said.insert("kind".into(), one_line(&item.kind, LONGEST));
        let span = |from, to: Option<_>| {
            let to = to.map(|to| time_words::instant(to, self.zone)).unwrap_or_default();
            format!("{}/{to}", time_words::instant(from, self.zone))
        };
        let pauses: Vec<String> = item.pauses.iter().map(|pause| span(pause.from, pause.to)).collect();
        if !pauses.is_empty() {
            said.insert("pauses".into(), pauses.join("; "));
        }
        if !item.extensions.is_empty() {
            said.insert("extensions".into(), one_line(&json!(item.extensions).to_string(), LONGEST));
        }
        said
    }
}

fn right(field: &str, value: String) -> Vec<String> {
    vec!["→".to_owned(), field.to_owned(), value]
}

fn list<'n>(language: Language, names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.into_iter().map(plain).collect();
    names.join(language.pick("、", ", "))
}

/// An item without the columns that it keeps, which stand beside it.
fn mapped(item: &Item) -> Value {
    let mut item = json!(item);
    if let Some(map) = item.as_object_mut() {
        map.shift_remove("raw");
    }
    item
}

/// A rejected row with what its reason says, where it says it: `column "…": expected …, got …`.
fn parts(rejection: &Rejection) -> Value {
    let reason = &*rejection.reason;
    let named = reason.strip_prefix("column \"").and_then(|rest| rest.split_once("\": "));
    let (column, rest) = named.map_or((None, reason), |(column, rest)| (Some(column), rest));
    let expected = rest.strip_prefix("expected ");
    let (expected, got) = match expected.and_then(|rest| rest.split_once(", got ")) {
        Some((expected, got)) => (Some(expected), Some(got)),
        None => (expected, None),
    };
    json!({
        "place": rejection.place, "id": rejection.id, "column": column, "expected": expected, "got": got,
        "reason": reason,
    })
}

/// The fields that items may have, none of them seen so far.
fn promised(name: &str, config: &SourceConfig) -> BTreeMap<String, u64> {
    let fields = Mapping::new(name, &config.mapping).map(|mapping| mapping.fields()).unwrap_or_default();
    let mut promised: BTreeMap<String, u64> = fields.into_iter().map(|field| (field.name.to_string(), 0)).collect();
    promised.extend(config.attach.keys().map(|field| (field.clone(), 0)));
    let is_inferred = config.mapping.pauses.as_ref().is_some_and(|pauses| !pauses.while_status.is_empty());
    promised.extend(config.mapping.pauses.iter().filter(|_| !is_inferred).map(|_| ("pauses".to_owned(), 0)));
    promised.extend(config.mapping.extensions.iter().map(|_| ("extensions".to_owned(), 0)));
    promised
}

/// For each column the fields that come from it alone.
fn by_column(config: &SourceConfig) -> BTreeMap<String, Vec<String>> {
    let mapping = &config.mapping;
    let word = |word: &WordConfig| match word {
        WordConfig::Column(column) => Some(column.column.clone()),
        WordConfig::Constant(_) => None,
    };
    let mut pairs = vec![("id".to_owned(), Some(mapping.id.clone())), ("kind".to_owned(), word(&mapping.kind))];
    pairs.push(("calendar".to_owned(), mapping.calendar.as_ref().and_then(word)));
    pairs.extend(mapping.fields.iter().map(|(name, field)| {
        let column = match field {
            FieldConfig::Column(column) => Some(column.clone()),
            FieldConfig::Table(table) => table.column.clone(),
        };
        (name.clone(), column)
    }));
    let pauses = mapping.pauses.as_ref().and_then(|pauses| pauses.from.clone().or(pauses.column.clone()));
    let extensions = mapping.extensions.as_ref().and_then(|parts| parts.amount.clone().or(parts.column.clone()));
    pairs.extend([("pauses".to_owned(), pauses), ("extensions".to_owned(), extensions)]);
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (field, column) in pairs {
        if let Some(column) = column {
            fields.entry(column.trim().to_owned()).or_default().push(field);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_taken_apart_where_it_has_parts() {
        let of = |reason: &str| {
            let rejection = Rejection { place: "x.csv:3".into(), id: None, reason: reason.into() };
            let parts = parts(&rejection);
            ["column", "expected", "got"].map(|key| parts[key].as_str().unwrap_or("-").to_owned())
        };
        assert_eq!(
            of("column \"金额\": expected a number such as 12 or 1.5, got \"1, got 2\""),
            ["金额", "a number such as 12 or 1.5", "\"1, got 2\""]
        );
        assert_eq!(of("expected 3 cells, got 2"), ["-", "3 cells", "2"]);
        assert_eq!(of("id \"7\" stands in rows 2, 3 that differ"), ["-", "-", "-"]);
    }
}
