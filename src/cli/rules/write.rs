//! Which rules run, written into the configuration: after it was asked, in one step, with what stood there kept beside it.

use serde_json::json;

use super::{Shelf, enabled};
use crate::cli::exit::{Exit, Failure};
use crate::cli::question::is_agreed;
use crate::cli::replacement::{Before, replace};
use crate::cli::site::wrong;
use crate::cli::who::By;
use crate::cli::words::{self as all_words, rules as words};
use crate::cli::{Caller, say};
use crate::config::Config;
use crate::core::audit::Act;

/// How far a command may go.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// Whether it writes without a question.
    pub yes: bool,
    /// Whether it only shows.
    pub dry_run: bool,
    /// Whose name the change carries.
    pub by: &'a By,
}

/// Writes the list of enabled rules, if the terms or somebody at the terminal say so.
pub fn list(shelf: &Shelf, after: &[String], terms: Terms<'_>, caller: &Caller<'_>) -> Result<Exit, Failure> {
    let (language, path) = (caller.language, &shelf.site.path);
    let shown = path.display().to_string();
    let before = &shelf.site.config.rules.enabled;
    let acts = acts(shelf, after, terms.by, caller)?;
    loads(shelf, after, caller)?;
    let unreadable = |e| Failure::internal(all_words::unreadable(language, path, &e));
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let changed = enabled::change(&text, before, after);
    let reads = |text: &String| Config::read(&shown, text).is_ok_and(|config| config.rules.enabled == after);
    let changed = changed.filter(reads).ok_or_else(|| Failure::no(words::no_place(language, &shown, after)))?;
    if terms.dry_run {
        say(&words::only_shown(language, &shown));
        return Ok(Exit::Fine);
    }
    if !terms.yes && !is_agreed(words::question(language, &shown).as_str())? {
        say(words::say_yes(language));
        return Ok(Exit::Fine);
    }
    let backup = replace(path, &changed, Before::Each).map_err(unreadable)?;
    say(&words::written(language, &shown, backup.as_deref()));
    enter(acts.into_iter().map(|act| act.with(json!({ "file": shown, "backup": backup }))).collect(), caller);
    say(words::next(language));
    Ok(Exit::Fine)
}

/// One entry for each rule that is put in or taken out.
fn acts(shelf: &Shelf, after: &[String], by: &By, caller: &Caller<'_>) -> Result<Vec<Act>, Failure> {
    let before = &shelf.site.config.rules.enabled;
    let gone = before.iter().filter(|name| !after.contains(name)).map(|name| ("rules.disable", name));
    let news = after.iter().filter(|name| !before.contains(name)).map(|name| ("rules.enable", name));
    gone.chain(news).map(|(what, name)| caller.act(what, &**name, by)).collect()
}

/// What would not load is not written, except that rules may always be taken out of what does not load as it is.
fn loads(shelf: &Shelf, after: &[String], caller: &Caller<'_>) -> Result<(), Failure> {
    let problems = |names: &[String]| shelf.with_enabled(names).playbook_alone().err().unwrap_or_default();
    let (before, now) = (&shelf.site.config.rules.enabled, problems(after));
    if now.is_empty() {
        return Ok(());
    }
    let without = problems(&[]).len();
    let at_fault = after.iter().filter(|name| problems(std::slice::from_ref(name)).len() > without);
    let at_fault: Vec<&str> = at_fault.map(String::as_str).collect();
    let mut failure = wrong(&now);
    let takes_out = after.iter().all(|name| before.contains(name));
    if takes_out && problems(before).len() >= now.len() {
        say(&failure.sentence);
        say(&words::still_wrong(caller.language, &at_fault));
        return Ok(());
    }
    failure.sentence = format!("{}\n{}", failure.sentence, words::would_not_load(caller.language, &at_fault));
    Err(failure)
}

/// Enters a change into the audit trail. The change is in its file: where it cannot be entered, that is said.
pub fn enter(acts: Vec<Act>, caller: &Caller<'_>) {
    let why = match caller.enter(acts) {
        Ok(true) => return,
        Ok(false) => words::no_trail(caller.language).to_owned(),
        Err(failure) => failure.sentence,
    };
    say(&words::not_entered(caller.language, &why));
}
