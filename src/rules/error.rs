//! What went wrong in a rule, for people: where, what was expected, what was got, with the line and a caret under it.

use std::fmt;
use std::sync::Arc;

use rhai::{EvalAltResult, ParseError, ParseErrorType, Position};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// An error in a rule's text or in one of its runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// The rule's name.
    pub rule: Arc<str>,
    /// Its file, as shown to people.
    pub path: Arc<str>,
    /// What kind of error: operators are told once per rule and kind.
    pub kind: ErrorKind,
    /// What was expected and what was got.
    pub message: String,
    /// Where, if that is known.
    pub place: Option<ErrorPlace>,
}

/// A place in a rule's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorPlace {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// The line's text.
    pub source: String,
}

/// What kind of error, as far as somebody treats them differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorKind {
    /// The text is not a rule: syntax, unknown names, forbidden constructs, wrong metadata.
    Text,
    /// The rule asked something of a value that it does not answer: missing, of another kind, unknown field.
    Value,
    /// The rule used more operations, memory or depth than it may.
    Bounds,
    /// A hook returned something else than it promises.
    Result,
    /// The rule threw an error itself.
    Thrown,
    /// The rule brought the interpreter down; an error of duban.
    Internal,
}

impl ErrorKind {
    /// The identifier in SQL, JSON and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Value => "value",
            Self::Bounds => "bounds",
            Self::Result => "result",
            Self::Thrown => "thrown",
            Self::Internal => "internal",
        }
    }
}

/// A rule's file: what an error needs to show itself.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub name: Arc<str>,
    pub path: Arc<str>,
    pub text: Arc<str>,
}

impl Source {
    /// An error at a position in this file.
    pub fn error(&self, kind: ErrorKind, message: impl Into<String>, at: Position) -> RuleError {
        let place = at.line().map(|line| ErrorPlace {
            line,
            column: at.position().unwrap_or(1),
            source: self.text.lines().nth(line - 1).unwrap_or_default().chars().take(400).collect(),
        });
        RuleError { rule: self.name.clone(), path: self.path.clone(), kind, message: message.into(), place }
    }

    /// An error of the compiler.
    pub fn parse_error(&self, error: &ParseError) -> RuleError {
        let (error, at) = (error.err_type(), error.position());
        let message = match error {
            ParseErrorType::VariableUndefined(name) => {
                format!("unknown name `{name}`; a rule knows its parameters, `param::` and `table::`")
            }
            ParseErrorType::ExprTooDeep => "an expression is nested too deeply".to_owned(),
            ParseErrorType::ModuleUndefined(name) => format!("unknown `{name}::`; there are `param::` and `table::`"),
            other => other.to_string(),
        };
        self.error(ErrorKind::Text, message, at)
    }

    /// An error of a run of a hook. Rhai forgets where a bound was passed: then it stands at the start of the hook.
    pub fn run_error(&self, error: &EvalAltResult, start: Position) -> RuleError {
        let mut inner = error;
        while let EvalAltResult::ErrorInFunctionCall(_, _, deeper, _) | EvalAltResult::ErrorInModule(_, deeper, _) =
            inner
        {
            inner = deeper;
        }
        let (kind, message) = explained(inner);
        let at = [inner.position(), error.position(), start].into_iter().find(|at| !at.is_none()).unwrap_or(start);
        let mut error = self.error(kind, message, at);
        // What a script throws looks like what a host function raises, except for where it comes from.
        if error.place.as_ref().is_some_and(ErrorPlace::is_throw) {
            error.kind = ErrorKind::Thrown;
            error.message = format!("the rule threw: {}", error.message);
        }
        error
    }
}

impl ErrorPlace {
    fn is_throw(&self) -> bool {
        let start = self.source.char_indices().nth(self.column - 1).map_or(self.source.len(), |(at, _)| at);
        self.source[start..].starts_with("throw")
    }
}

fn explained(error: &EvalAltResult) -> (ErrorKind, String) {
    use EvalAltResult as E;
    match error {
        E::ErrorTerminated(token, _) => (ErrorKind::Bounds, token.to_string()),
        E::ErrorTooManyOperations(_) => {
            (ErrorKind::Bounds, format!("took more than {} operations", super::budget::OPERATIONS))
        }
        E::ErrorStackOverflow(_) => (ErrorKind::Bounds, "functions call each other too deeply".to_owned()),
        E::ErrorTooManyVariables(_) => (ErrorKind::Bounds, "too many variables".to_owned()),
        E::ErrorDataTooLarge(what, _) => (ErrorKind::Bounds, format!("{} too large", what.to_lowercase())),
        E::ErrorRuntime(token, _) => (ErrorKind::Value, token.to_string().chars().take(400).collect()),
        E::ErrorDotExpr(text, _) => (ErrorKind::Value, property_of(text)),
        E::ErrorPropertyNotFound(name, _) => {
            (ErrorKind::Value, format!("this map has no `{name}`; `get(\"{name}\")` gives () where it is left out"))
        }
        E::ErrorFunctionNotFound(signature, _) => (ErrorKind::Value, unknown_function(signature)),
        E::ErrorIndexingType(what, _) => {
            (ErrorKind::Value, format!("cannot be indexed: {}; `?[` allows for a missing value", spelled(what)))
        }
        E::ErrorDataRace(..) => {
            let message = "a list cannot be used inside its own `map`, `filter` or the like; copy it with `let` first";
            (ErrorKind::Value, message.to_owned())
        }
        E::ErrorFor(_) => (ErrorKind::Value, "`for` goes over a list or a range".to_owned()),
        E::ErrorMismatchDataType(expected, got, _) | E::ErrorMismatchOutputType(expected, got, _) => {
            (ErrorKind::Value, format!("expected {}, got {}", spelled(expected), spelled(got)))
        }
        _ => (ErrorKind::Value, unplaced(error)),
    }
}

/// The text of an error without its position.
fn unplaced(error: &EvalAltResult) -> String {
    let text = error.to_string();
    let end = text.rfind(" (line ").unwrap_or(text.len());
    text[..end].chars().take(400).collect()
}

/// Rhai: `Unknown property 'x' - a getter is not registered for type 'T'`.
fn property_of(text: &str) -> String {
    let mut parts = text.split('\'');
    let (name, kind) = (parts.nth(1).unwrap_or_default(), parts.nth(1).unwrap_or_default());
    if kind == "()" {
        return format!("`.{name}` of a missing value; `?.{name}` allows for that");
    }
    format!("a {} has no `.{name}`", spelled(kind))
}

/// Rhai: `name (type, type)`.
fn unknown_function(signature: &str) -> String {
    let (name, kinds) = signature.split_once(" (").unwrap_or((signature, ""));
    let kinds = spelled(kinds.strip_suffix(')').unwrap_or(kinds));
    let known = super::reference::names();
    if known.iter().any(|known| known == name) {
        let kinds = if kinds.is_empty() { "nothing".to_owned() } else { kinds };
        return format!("`{name}` does not take ({kinds})");
    }
    let hint = nearest(name, known.iter().map(String::as_str))
        .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    format!("unknown function `{name}`{hint}")
}

/// Rhai's and Rust's names of types in the words of this project.
fn spelled(types: &str) -> String {
    const WORDS: [(&str, &str); 9] = [
        ("&str | ImmutableString | String", "text"),
        ("string", "text"),
        ("i64", "number"),
        ("f64", "number"),
        ("()", "missing"),
        ("array", "list"),
        ("char", "text"),
        ("Fn", "function"),
        ("DateTime<Utc>", "instant"),
    ];
    let mut text = types.replace("&str | ImmutableString | String", "text");
    for part in types.split(", ") {
        if let Some((_, word)) = WORDS.iter().find(|(name, _)| *name == part) {
            text = text.replace(part, word);
        }
    }
    text
}

impl RuleError {
    /// Where and what, in one line.
    pub fn line(&self) -> String {
        match &self.place {
            Some(place) => format!("{}:{}:{}: {}", self.path, place.line, place.column, self.message),
            None => format!("{}: {}", self.path, self.message),
        }
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(place) = &self.place else { return write!(f, "{}: {}", self.path, self.message) };
        let ErrorPlace { line, column, source } = place;
        let source = source.trim_end();
        let shown: String = source.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let before: String = shown.chars().take(column - 1).collect();
        let word = shown.chars().skip(column - 1).take_while(|c| c.is_alphanumeric() || *c == '_');
        let carets = word.map(|c| c.width().unwrap_or(1)).sum::<usize>().max(1);
        writeln!(f, "{}:{line}:{column}: {}", self.path, self.message)?;
        writeln!(f, "{line:>5} | {shown}")?;
        write!(f, "      | {:indent$}{}", "", "^".repeat(carets), indent = before.width())
    }
}

impl std::error::Error for RuleError {}

/// The known name that somebody may have meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
