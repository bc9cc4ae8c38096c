//! `duban contacts import`: a list in the place of the contacts, after what changes was shown.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::lists::{Lists, told};
use super::{check, say_next};
use crate::cli::check::Weight;
use crate::cli::exit::{Exit, Failure};
use crate::cli::replacement::{Before, replace};
use crate::cli::table::{Format, Table};
use crate::cli::words::{self as all_words, contacts as words};
use crate::cli::{Caller, say};
use crate::core::contact::Contact;
use crate::tell::directory::{COLUMNS, Directory};
use crate::tell::people::written;

/// Runs the command.
pub fn run(
    file: &Path,
    dry_run: bool,
    format: Format,
    caller: &Caller<'_>,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let language = caller.language;
    let lists = Lists::read(Some(file), caller)?;
    let wrong = check::remarks(&lists, caller)?.into_iter().filter(|remark| remark.weight == Weight::Problem);
    let wrong: Vec<String> = wrong.map(|remark| all_words::about(language, &remark.place, &remark.text)).collect();
    let Ok(news) = lists.directory.as_ref().map_err(|_| ()).and_then(|news| wrong.is_empty().then_some(news).ok_or(()))
    else {
        return Err(Failure::no(format!("{}\n{}", wrong.join("\n"), words::refused_import(language, wrong.len()))));
    };
    if news.all().is_empty() {
        return Err(Failure::no(words::nobody(language).to_owned()));
    }
    place_of_csv(&lists.contacts.0, caller)?;
    let changes = Changes::between(&before(caller)?, news);
    changes.table().write(format, &words::change_titles(language), out)?;
    out.flush()?;
    say(&words::changes(language, changes.counts()));
    if changes.0.is_empty() || dry_run {
        return Ok(Exit::Fine);
    }
    let path = &lists.contacts.0;
    let unwritable = |e: std::io::Error| Failure::internal(all_words::unreadable(language, path, &e));
    let backup = replace(path, written::contacts(news.all()), Before::Each).map_err(unwritable)?;
    say(&words::imported(language, path, backup.as_deref()));
    say_next(caller);
    Ok(Exit::Fine)
}

/// A list that stands in a spreadsheet is not replaced by text under its name.
pub fn place_of_csv(path: &Path, caller: &Caller<'_>) -> Result<(), Failure> {
    let is_sheet = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("xlsx"));
    if is_sheet { Err(Failure::usage(words::is_spreadsheet(caller.language, path))) } else { Ok(()) }
}

/// The contacts that are there; none if they do not read, which is why somebody may import.
fn before(caller: &Caller<'_>) -> Result<Directory, Failure> {
    let site = caller.site()?;
    let path = site.base.join(&site.config.contacts);
    let text = match crate::playbook::read_list(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Directory::default()),
        read => read.map_err(|e| Failure::usage(all_words::unreadable(caller.language, &path, &e)))?,
    };
    Ok(Directory::read(&path.display().to_string(), &text).unwrap_or_else(|faults| {
        say(&told(&faults, caller.language));
        say(words::unread_before(caller.language));
        Directory::default()
    }))
}

/// What is different, contact by contact.
struct Changes(Vec<Change>);

struct Change {
    word: &'static str,
    id: String,
    name: String,
    column: &'static str,
    before: String,
    after: String,
}

impl Changes {
    fn between(before: &Directory, after: &Directory) -> Self {
        let mut changes = Vec::new();
        let whole = |word, contact: &Contact| Change {
            word,
            id: contact.id.to_string(),
            name: contact.name.clone(),
            column: "",
            before: String::new(),
            after: String::new(),
        };
        for contact in after.all() {
            let Some(old) = before.get(&contact.id) else {
                changes.push(whole("added", contact));
                continue;
            };
            let cells = written::cells(old).into_iter().zip(written::cells(contact));
            for ((column, _), (before, after)) in COLUMNS.iter().zip(cells) {
                if before != after {
                    changes.push(Change { column, before, after, ..whole("changed", contact) });
                }
            }
        }
        changes.extend(before.all().iter().filter(|old| after.get(&old.id).is_none()).map(|old| whole("removed", old)));
        Self(changes)
    }

    /// Contacts that are added, changed and removed.
    fn counts(&self) -> [usize; 3] {
        ["added", "changed", "removed"].map(|word| {
            let of = self.0.iter().filter(|change| change.word == word);
            of.map(|change| change.id.as_str()).collect::<BTreeSet<_>>().len()
        })
    }

    fn table(&self) -> Table {
        let mut table = Table::new(&["change", "id", "name", "column", "before", "after"]);
        for c in &self.0 {
            table.add(vec![
                json!(c.word),
                json!(c.id),
                json!(c.name),
                json!(c.column),
                json!(c.before),
                json!(c.after),
            ]);
        }
        table
    }
}
