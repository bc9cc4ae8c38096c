//! `duban rules disable`: the undo of `enable`.

use super::{Change, Shelf, write};
use crate::cli::exit::{Exit, Failure};
use crate::cli::words::rules as words;
use crate::cli::{Caller, say};

/// Runs the command.
pub fn run(arguments: &Change, caller: &Caller<'_>) -> Result<Exit, Failure> {
    let shelf = Shelf::open(caller)?;
    let (on, off): (Vec<_>, Vec<_>) =
        shelf.wanted(&arguments.names, caller)?.into_iter().partition(|name| shelf.is_enabled(name));
    for name in &off {
        say(&words::is_off(caller.language, name));
    }
    if on.is_empty() {
        return Ok(Exit::Fine);
    }
    say(&words::would_withdraw(caller.language, &on));
    let after: Vec<String> =
        shelf.site.config.rules.enabled.iter().filter(|name| !on.contains(name)).cloned().collect();
    write::list(&shelf, &after, arguments.terms(), caller)
}
