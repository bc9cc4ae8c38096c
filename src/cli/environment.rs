//! What the process was given: its arguments, its environment variables and what its output is connected to.
//!
//! **Invariant:** no other file reads the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{IsTerminal, stderr, stdout};

/// What the process was given.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The arguments, the program's name first.
    pub arguments: Vec<OsString>,
    /// The variables that hold text.
    pub variables: BTreeMap<String, String>,
    /// Whether data goes to a terminal.
    pub is_terminal: bool,
    /// Whether words for people go to a terminal.
    pub is_watched: bool,
}

impl Environment {
    /// Reads what this process was given.
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads the environment")]
    pub fn read() -> Self {
        let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Self {
            arguments: std::env::args_os().collect(),
            variables: std::env::vars_os().filter_map(text).collect(),
            is_terminal: stdout().is_terminal(),
            is_watched: stderr().is_terminal(),
        }
    }

    /// Where a test has this process die, as `FAILPOINTS` says, for as long as the answer is kept; in what is released
    /// there are no such places.
    pub fn failpoints() -> Option<fail::FailScenario<'static>> {
        fail::has_failpoints().then(fail::FailScenario::setup)
    }

    /// A variable, if it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether colour is wanted: on a terminal, unless `NO_COLOR` or a terminal without it says otherwise.
    pub fn has_colour(&self) -> bool {
        self.is_terminal && self.get("NO_COLOR").is_none() && self.get("TERM") != Some("dumb")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals_that_want_it() {
        let colour = |is_terminal, variables: &[(&str, &str)]| {
            let variables = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            Environment { variables, is_terminal, ..Environment::default() }.has_colour()
        };
        assert!(colour(true, &[]));
        assert!(!colour(false, &[]));
        assert!(!colour(true, &[("NO_COLOR", "1")]));
        assert!(colour(true, &[("NO_COLOR", "")]));
        assert!(!colour(true, &[("TERM", "dumb")]));
    }
}
