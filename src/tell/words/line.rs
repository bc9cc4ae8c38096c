//! **Line**: a text of foreign origin, made fit for one line of a message.
//!
//! **Invariant:** a line holds no control character, no line break and nothing that turns the direction of writing or
//! hides; so whatever an item is called, it can neither forge a line nor a header, nor look like something else.

use serde::Serialize;
use serde_json::Value;

use crate::core::line::{is_one_line, one_line};

/// How many characters a line has at most, unless somebody asks for fewer.
pub const LONGEST: usize = 300;

/// One line of text without anything that could leave it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Line(String);

impl Line {
    /// A text on one line, cut to so many characters.
    pub fn cut(text: &str, most: usize) -> Self {
        Self(one_line(text, most))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self::cut(text, LONGEST)
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        if is_one_line(&text, LONGEST) { Self(text) } else { Self::cut(&text, LONGEST) }
    }
}

impl From<Line> for minijinja::Value {
    fn from(line: Line) -> Self {
        line.0.into()
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Every text inside a value, made a line.
pub fn lines_of(mut value: Value) -> Value {
    match &mut value {
        Value::String(text) => *text = Line::from(std::mem::take(text)).0,
        Value::Array(values) => values.iter_mut().for_each(|value| *value = lines_of(value.take())),
        Value::Object(map) => map.values_mut().for_each(|value| *value = lines_of(value.take())),
        _ => {}
    }
    value
}

/// How long a text is in UTF-16 units, as short messages count.
pub fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// The text in at most so many UTF-16 units, cut between characters.
pub fn fit(text: &str, most: usize) -> String {
    if units(text) <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(1);
    let begin = text.chars().take_while(|c| {
        let fits = c.len_utf16() <= left;
        left -= if fits { c.len_utf16() } else { 0 };
        fits
    });
    let mut kept: String = begin.collect();
    if most > 0 {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_and_hides_nothing() {
        for (text, expected) in [
            ("a\r\nSubject: b", "a Subject: b"),
            ("\u{202e}gnp.exe\u{2066}\u{200b}", "gnp.exe"),
            ("  a\t\tb\u{2028}c\u{85}d\0 ", "a b c d"),
            ("\u{1b}[31m", "[31m"),
            ("", ""),
        ] {
            assert_eq!(Line::from(text).as_str(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_cut_is_marked_and_falls_between_characters() {
        assert_eq!(Line::cut("施工许可证", 5).as_str(), "施工许可证");
        assert_eq!(Line::cut("施工许可证书", 5).as_str(), "施工许可…");
        assert_eq!(Line::cut("ab cd", 3).as_str(), "ab…");
        assert_eq!(fit("a😀b", 4), "a😀b");
        assert_eq!(fit("a😀bc", 4), "a😀…");
        assert_eq!(fit("a😀bc", 3), "a…");
        assert_eq!(fit("abc", 0), "");
    }
}
