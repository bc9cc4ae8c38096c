//! A question to whoever sits at the terminal, before something is done that was not asked for by `--yes`.

use std::io::{IsTerminal as _, Write as _, stderr, stdin};

use super::exit::Failure;

/// Asks; nobody there means no.
pub fn is_agreed(question: &str) -> Result<bool, Failure> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        return Ok(false);
    }
    let _ = write!(stderr(), "{question}");
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(["y", "yes", "是"].contains(&answer.trim().to_lowercase().as_str()))
}
