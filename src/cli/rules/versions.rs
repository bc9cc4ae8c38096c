//! `duban rules log`, `diff` and `rollback`: the versions of rules that the store keeps.

use std::io::Write;

use serde_json::json;

use super::Shelf;
use super::write::{Terms, enter};
use crate::cli::exit::{Exit, Failure};
use crate::cli::question::is_agreed;
use crate::cli::replacement::{Before, replace};
use crate::cli::run::runtime;
use crate::cli::table::{Format, Table};
use crate::cli::words::{self as all_words, rules as words};
use crate::cli::{Caller, say};
use crate::core::line::plain;
use crate::store::RuleRecord;
use crate::tell::time_words;

/// As much of a version as tells it from others.
const SHORT: usize = 12;

/// What a comparison of two middles takes at most, in pairs of lines.
const PAIRS: usize = 4_000_000;

/// Lists the versions, oldest first.
pub fn log(name: Option<&str>, format: Format, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let shelf = Shelf::open(caller)?;
    let zone = runtime()?.block_on(caller.office_zone(None));
    let mut table = Table::new(&["rule", "version", "at", "by", "is_file"]);
    for record in records(caller)?.iter().filter(|record| name.is_none_or(|name| *record.rule == *name)) {
        let is_file = shelf.rule(&record.rule).is_ok_and(|rule| rule.version == record.version);
        table.add(if format == Format::Table {
            let mark = if is_file { words::is_file(caller.language) } else { "" };
            let at = time_words::instant(record.at, zone);
            vec![json!(record.rule), json!(short(record)), json!(at), json!(record.by), json!(mark)]
        } else {
            let version = record.version.to_string();
            vec![json!(record.rule), json!(version), json!(record.at), json!(record.by), json!(is_file)]
        });
    }
    table.write(format, &words::log_titles(caller.language), out)?;
    Ok(Exit::Fine)
}

/// Compares two versions, or one with the file.
pub fn diff(
    name: &str,
    from: Option<&str>,
    to: Option<&str>,
    caller: &Caller<'_>,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let shelf = Shelf::open(caller)?;
    let records = of_rule(name, caller)?;
    let older = match from {
        Some(version) => chosen(&records, name, version, caller)?,
        None => records.last().ok_or_else(|| Failure::no(words::no_versions(caller.language, name)))?,
    };
    let (newer, label) = match to {
        Some(version) => {
            let record = chosen(&records, name, version, caller)?;
            (record.text.clone(), short(record))
        }
        None => (file(&shelf, name, caller)?, shelf.path(name).display().to_string()),
    };
    if older.text == newer {
        say(&words::same_text(caller.language, &short(older), &label));
        return Ok(Exit::Fine);
    }
    writeln!(out, "--- {name} {}\n+++ {name} {label}", short(older))?;
    for (sign, line) in differences(&older.text, &newer) {
        writeln!(out, "{sign}{}", plain(line))?;
    }
    Ok(Exit::Fine)
}

/// Writes the text of a version in the place of the file.
pub fn rollback(
    name: &str,
    to: &str,
    terms: Terms<'_>,
    caller: &Caller<'_>,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let (shelf, language) = (Shelf::open(caller)?, caller.language);
    let records = of_rule(name, caller)?;
    let record = chosen(&records, name, to, caller)?;
    let act = caller.act("rules.rollback", name, terms.by)?;
    let path = shelf.path(name);
    let now = crate::calendars::read_text(&path).unwrap_or_default();
    if now == record.text {
        say(&words::same_text(language, &short(record), &path.display().to_string()));
        return Ok(Exit::Fine);
    }
    for (sign, line) in differences(&now, &record.text).into_iter().filter(|(sign, _)| *sign != ' ') {
        writeln!(out, "{sign}{}", plain(line))?;
    }
    out.flush()?;
    say(words::params_stay(language));
    let shown = path.display().to_string();
    if !terms.yes && !is_agreed(&words::question(language, &shown))? {
        say(words::say_yes(language));
        return Ok(Exit::Fine);
    }
    let unwritable = |e| Failure::internal(all_words::unreadable(language, &path, &e));
    let backup = replace(&path, &record.text, Before::Each).map_err(unwritable)?;
    say(&words::written(language, &shown, backup.as_deref()));
    let detail = json!({ "file": shown, "backup": backup, "version": record.version.to_string() });
    enter(vec![act.with(detail)], caller);
    // The parameters of today may not be those of that time.
    shelf.rule(name).map_err(|problems| Failure::configuration(problems.join("\n")))?;
    say(words::next(language));
    Ok(Exit::Fine)
}

/// All versions that were ever in force, oldest first; none while there is no store.
fn records(caller: &Caller<'_>) -> Result<Vec<RuleRecord>, Failure> {
    runtime()?.block_on(async {
        let Some(store) = caller.visit_store_if_any().await? else {
            say(words::no_store(caller.language));
            return Ok(Vec::new());
        };
        store.rule_versions().await.map_err(|error| caller.store_failed("store", &error))
    })
}

fn of_rule(name: &str, caller: &Caller<'_>) -> Result<Vec<RuleRecord>, Failure> {
    let mut records = records(caller)?;
    records.retain(|record| *record.rule == *name);
    Ok(records)
}

/// The one version whose name begins so.
fn chosen<'r>(
    records: &'r [RuleRecord],
    name: &str,
    version: &str,
    caller: &Caller<'_>,
) -> Result<&'r RuleRecord, Failure> {
    if records.is_empty() {
        return Err(Failure::no(words::no_versions(caller.language, name)));
    }
    let mut fitting = records.iter().filter(|record| record.version.to_string().starts_with(version));
    match (fitting.next(), fitting.next()) {
        (Some(record), None) => Ok(record),
        _ => Err(Failure::usage(words::no_version(
            caller.language,
            name,
            version,
            &records.iter().map(short).collect::<Vec<_>>(),
        ))),
    }
}

fn file(shelf: &Shelf, name: &str, caller: &Caller<'_>) -> Result<String, Failure> {
    let path = shelf.path(name);
    crate::calendars::read_text(&path).map_err(|e| Failure::usage(all_words::unreadable(caller.language, &path, &e)))
}

fn short(record: &RuleRecord) -> String {
    record.version.to_string().chars().take(SHORT).collect()
}

/// The lines of two texts, in order: `-` only in the older, `+` only in the newer, a blank in both.
fn differences<'t>(older: &'t str, newer: &'t str) -> Vec<(char, &'t str)> {
    let (a, b): (Vec<&str>, Vec<&str>) = (older.lines().collect(), newer.lines().collect());
    let start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let end = a[start..].iter().rev().zip(b[start..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (old, new) = (&a[start..a.len() - end], &b[start..b.len() - end]);
    let mut lines: Vec<(char, &str)> = a[..start].iter().map(|line| (' ', *line)).collect();
    if old.len() * new.len() > PAIRS {
        lines.extend(old.iter().map(|line| ('-', *line)).chain(new.iter().map(|line| ('+', *line))));
    } else {
        lines.extend(middle(old, new));
    }
    lines.extend(a[a.len() - end..].iter().map(|line| (' ', *line)));
    lines
}

/// The same by the longest common run of lines.
fn middle<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<(char, &'t str)> {
    let mut common = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] =
                if old[i] == new[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || i < old.len() && common[i + 1][j] >= common[i][j + 1] {
            lines.push(('-', old[i]));
            i += 1;
        } else {
            lines.push(('+', new[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(older: &str, newer: &str) -> String {
        let lines = differences(older, newer).into_iter().map(|(sign, line)| format!("{sign}{line}"));
        lines.flat_map(|line| [line, "\n".to_owned()]).collect()
    }

    #[test]
    fn lines_that_differ_are_marked_and_no_others() {
        for (older, newer, expected) in [
            ("a\nb\nc\n", "a\nx\nc\n", " a\n-b\n+x\n c\n"),
            ("a\nb\n", "a\nb\nc\n", " a\n b\n+c\n"),
            ("a\nb\nc\nd\n", "b\nc\nx\nd\n", "-a\n b\n c\n+x\n d\n"),
            ("", "a\n", "+a\n"),
            ("a\na\n", "a\n", " a\n-a\n"),
        ] {
            assert_eq!(signs(older, newer), expected, "{older:?} {newer:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn both_texts_can_be_read_off_a_comparison(older in "([a-c]\n){0,12}", newer in "([a-c]\n){0,12}") {
            let lines = differences(&older, &newer);
            let side = |other: char| -> String {
                lines.iter().filter(|(sign, _)| *sign != other).flat_map(|(_, line)| [*line, "\n"]).collect()
            };
            proptest::prop_assert_eq!((side('+'), side('-')), (older, newer));
        }
    }
}
