//! `duban rules show`: what a rule carries out, what it reads, and its text.

use std::io::Write;

use serde_json::{Map, Value, json};

use super::needs::{Needs, providers};
use super::{Shelf, listed};
use crate::cli::Caller;
use crate::cli::exit::{Exit, Failure};
use crate::cli::table::{Format, Table, align, write_json};
use crate::cli::words::rules as words;
use crate::core::line::plain_lines;
use crate::rules::RuleInfo;

/// Runs the command.
pub fn run(name: &str, format: Format, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let shelf = Shelf::open(caller)?;
    shelf.wanted(&[name.to_owned()], caller)?;
    let rule = shelf.rule(name).map_err(|problems| Failure::configuration(problems.join("\n")))?;
    match format {
        Format::Table => for_people(&shelf, &rule, caller, out)?,
        Format::Json => write_json(&Value::Object(facts(&shelf, &rule).into_iter().collect::<Map<_, _>>()), out)?,
        Format::Csv => {
            let mut table = Table::new(&["key", "value"]);
            for (key, value) in facts(&shelf, &rule) {
                table.add(vec![json!(key), value]);
            }
            table.write(Format::Csv, &[], out)?;
        }
    }
    Ok(Exit::Fine)
}

/// What is known of the rule, for programs.
fn facts(shelf: &Shelf, rule: &RuleInfo) -> Vec<(String, Value)> {
    let meta = &rule.meta;
    let facts = [
        ("name", json!(rule.name)),
        ("title", json!(meta.title)),
        ("basis", json!(meta.basis)),
        ("serves", json!(meta.serves)),
        ("labels", json!(meta.labels)),
        ("effective", json!(meta.effective)),
        ("expires", json!(meta.expires)),
        ("recheck", json!(meta.recheck)),
        ("enabled", json!(shelf.is_enabled(&rule.name))),
        ("kinds", json!(rule.kinds)),
        ("fields", json!(rule.fields)),
        ("params", json!(rule.params)),
        ("tables", json!(rule.tables)),
        ("version", json!(rule.version)),
        ("path", json!(rule.path)),
        ("text", json!(rule.text)),
    ];
    facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn for_people(shelf: &Shelf, rule: &RuleInfo, caller: &Caller<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let (language, meta) = (caller.language, &rule.meta);
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().unwrap_or_default().to_owned();
    let labels: Vec<String> = meta.labels.iter().map(|(name, label)| format!("{name} {label}")).collect();
    let date = |date: Option<chrono::NaiveDate>| date.map(|date| date.to_string()).unwrap_or_default();
    let needs = Needs::of(rule, &providers(&shelf.site, &rule.name), &[]);
    let missing: Vec<String> = needs.missing().map(|need| need.field.clone()).collect();
    let all = |names: &[String]| listed(language, names.iter().map(String::as_str));
    let values = [
        rule.name.to_string(),
        text(&meta.title),
        text(&meta.basis),
        meta.serves.join(" "),
        labels.join(words::comma(language)),
        format!("{} – {}", date(meta.effective), date(meta.expires)).trim_end_matches(" – ").to_owned(),
        words::is_enabled(language, shelf.is_enabled(&rule.name)).to_owned(),
        all(&rule.kinds),
        all(&rule.fields),
        words::fields(language, &missing, None),
        params(shelf, rule, language),
        all(&rule.tables),
        rule.version.to_string(),
        rule.path.to_string(),
    ];
    let rows = words::show_titles(language).into_iter().zip(values).filter(|(_, value)| !value.is_empty());
    let rows: Vec<Vec<String>> = rows.map(|(title, value)| vec![title.to_owned(), value]).collect();
    out.write_all(align(&rows).as_bytes())?;
    writeln!(out, "\n{}", plain_lines(rule.text.trim_end()))?;
    Ok(())
}

/// The parameters with their values; a district's stand behind its name.
fn params(shelf: &Shelf, rule: &RuleInfo, language: crate::tell::language::Language) -> String {
    let text = crate::calendars::read_text(&shelf.folder.join("params.toml")).unwrap_or_default();
    let values = text.parse::<toml::Table>().unwrap_or_default();
    let of = |name: &String| {
        let regions = values.iter().filter_map(|(region, section)| {
            Some(format!("{region}: {}", section.as_table().filter(|_| region != "tables")?.get(name)?))
        });
        let own = values.get(name).map(ToString::to_string).unwrap_or_default();
        let regions: Vec<String> = regions.collect();
        let regions = if regions.is_empty() { String::new() } else { format!(" ({})", regions.join(", ")) };
        format!("{name} = {own}{regions}")
    };
    let params: Vec<String> = rule.params.iter().map(of).collect();
    listed(language, params.iter().map(String::as_str))
}
