//! Which rules run, written into the configuration: after it was asked, in one step, with what stood there kept beside it.

use std::io::{IsTerminal as _, Write as _, stderr, stdin};

use super::{Shelf, enabled};
use crate::cli::exit::{Exit, Failure};
use crate::cli::replacement::{Before, replace};
use crate::cli::site::wrong;
use crate::cli::words::{self as all_words, rules as words};
use crate::cli::{Caller, say};
use crate::config::Config;

/// How far a command may go.
#[derive(Clone, Copy)]
pub struct Terms {
    /// Whether it writes without a question.
    pub yes: bool,
    /// Whether it only shows.
    pub dry_run: bool,
}

/// Writes the list of enabled rules, if the terms or somebody at the terminal say so.
pub fn list(shelf: &Shelf, after: &[String], terms: Terms, caller: &Caller<'_>) -> Result<Exit, Failure> {
    let (language, path) = (caller.language, &shelf.site.path);
    let shown = path.display().to_string();
    let before = &shelf.site.config.rules.enabled;
    // What would not load is not written.
    shelf.with_enabled(after).playbook_alone().map_err(|problems| wrong(&problems))?;
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
    say(words::next(language));
    Ok(Exit::Fine)
}

/// Asks whoever sits at the terminal; nobody there means no.
pub fn is_agreed(question: &str) -> Result<bool, Failure> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        return Ok(false);
    }
    let _ = write!(stderr(), "{question}");
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(["y", "yes", "是"].contains(&answer.trim().to_lowercase().as_str()))
}
