//! `duban rules list`: a line for each rule.

use std::io::Write;

use serde_json::{Value, json};

use super::Shelf;
use super::needs::{Needs, providers};
use crate::cli::Caller;
use crate::cli::exit::{Exit, Failure};
use crate::cli::table::{Format, Table};
use crate::cli::words::rules as words;
use crate::rules::RuleInfo;

const COLUMNS: [&str; 10] =
    ["name", "title", "enabled", "effective", "expires", "recheck", "kinds", "serves", "missing", "problem"];

/// Runs the command.
pub fn run(format: Format, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let (shelf, language) = (Shelf::open(caller)?, caller.language);
    let titles = words::list_titles(language);
    let mut table = if format == Format::Table { Table::new(&titles) } else { Table::new(&COLUMNS) };
    for name in shelf.names() {
        let is_enabled = shelf.is_enabled(&name);
        let rule = shelf.rule(&name);
        let missing: Vec<String> = rule.as_ref().map_or_else(|_| Vec::new(), |rule| missing(&shelf, rule));
        let problem = rule.as_ref().err().map(|problems| problems.join("\n"));
        table.add(if format == Format::Table {
            let effective = rule.as_ref().ok().and_then(|rule| rule.meta.effective);
            vec![
                json!(name),
                json!(rule.as_ref().ok().and_then(|rule| rule.meta.title.as_deref())),
                json!(words::is_enabled(language, is_enabled)),
                json!(effective),
                json!(words::fields(language, &missing, problem.as_deref())),
            ]
        } else {
            row(&name, is_enabled, rule.as_ref().ok(), &missing, problem.as_deref())
        });
    }
    table.write(format, &titles, out)?;
    Ok(Exit::Fine)
}

fn missing(shelf: &Shelf, rule: &RuleInfo) -> Vec<String> {
    let needs = Needs::of(rule, &providers(&shelf.site, &rule.name), &[]);
    needs.missing().map(|need| need.field.clone()).collect()
}

fn row(name: &str, is_enabled: bool, rule: Option<&RuleInfo>, missing: &[String], problem: Option<&str>) -> Vec<Value> {
    let meta = rule.map(|rule| &rule.meta);
    vec![
        json!(name),
        json!(meta.and_then(|meta| meta.title.as_deref())),
        json!(is_enabled),
        json!(meta.and_then(|meta| meta.effective)),
        json!(meta.and_then(|meta| meta.expires)),
        json!(meta.and_then(|meta| meta.recheck)),
        json!(rule.map(|rule| rule.kinds.join(" "))),
        json!(meta.map(|meta| meta.serves.join(" "))),
        json!(missing.join(" ")),
        json!(problem),
    ]
}
