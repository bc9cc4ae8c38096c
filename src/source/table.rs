//! **Table**: what one poll read, as rows of cells, before anybody asks what they mean.
//!
//! **Invariant:** a table is complete. Whatever made the reading doubtful as a whole was an error before.

use std::borrow::Cow;

use crate::core::value::Name;

/// The longest cell, in bytes; a longer one spoils its row.
pub(super) const LONGEST_CELL: usize = 64 * 1024;

/// The most rows that one poll may have.
pub const MOST_ROWS: usize = 5_000_000;

/// Rows in a chunk: enough to be worth a thread's while, few enough to need little memory.
pub(super) const CHUNK: usize = 4096;

/// Rows of cells under named columns, in chunks that can be visited in parallel.
pub(super) trait Table: Send + Sync {
    /// The columns' names, in their order.
    fn columns(&self) -> &[Name];

    /// How many rows there are, broken ones among them.
    fn rows(&self) -> usize;

    /// How many chunks they lie in.
    fn chunks(&self) -> usize {
        self.rows().div_ceil(CHUNK)
    }

    /// Shows each row of a chunk, in their order.
    fn visit<'t>(&'t self, chunk: usize, see: &mut dyn FnMut(Row<'t, '_>));

    /// Where people find the row with this number: "tickets.csv:12".
    fn place(&self, number: u64) -> String;
}

/// A table that several hold.
impl<T: Table> Table for std::sync::Arc<T> {
    fn columns(&self) -> &[Name] {
        T::columns(self)
    }

    fn rows(&self) -> usize {
        T::rows(self)
    }

    fn visit<'t>(&'t self, chunk: usize, see: &mut dyn FnMut(Row<'t, '_>)) {
        T::visit(self, chunk, see);
    }

    fn place(&self, number: u64) -> String {
        T::place(self, number)
    }
}

/// One row.
pub(super) struct Row<'t, 'v> {
    /// Its position in the table, from 0.
    pub index: usize,
    /// Its number as people count: a line of a file, a row of an answer.
    pub number: u64,
    /// One cell for each column, or none where the columns cannot be told apart.
    pub cells: &'v [Cell<'t>],
    /// Why this row gives no item; cells beside the flaw may still say whose row it is.
    pub flaw: Option<String>,
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell<'t> {
    /// A database's NULL.
    Null,
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text; in a file every cell is one.
    Text(Cow<'t, str>),
    /// Bytes that are no text.
    Bytes,
}

impl<'t> Cell<'t> {
    /// What bytes say: text if they are UTF-8.
    pub fn of_bytes(bytes: &'t [u8]) -> Self {
        std::str::from_utf8(bytes).map_or(Self::Bytes, |text| Self::Text(text.into()))
    }

    /// The cell as a text, as people would write it; `None` for NULL and bytes.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Null | Self::Bytes => None,
            Self::Int(number) => Some(Cow::Owned(number.to_string())),
            Self::Float(number) => Some(Cow::Owned(number.to_string())),
            Self::Text(text) => Some(Cow::Borrowed(text)),
        }
    }
}

/// The beginning of a text, safe to print in a message.
pub(super) fn cut(text: &str) -> String {
    const LONGEST: usize = 40;
    let head: String = text.chars().take(LONGEST).collect();
    let more = if head.len() < text.len() { "…" } else { "" };
    format!("\"{}{more}\"", head.escape_debug())
}

/// " (did you mean …?)" if one of `known` is close to `word`, else nothing.
pub(super) fn proposal<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let distance = |other: &str| strsim::normalized_damerau_levenshtein(&word.to_lowercase(), &other.to_lowercase());
    let best = known.into_iter().map(|other| (distance(other), other)).max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((closeness, other)) if closeness >= 0.5 => format!(" (did you mean \"{other}\"?)"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_a_message_is_short_and_harmless() {
        assert_eq!(cut("昨天"), "\"昨天\"");
        assert_eq!(cut("a\u{1b}[31m\n\"b"), "\"a\\u{1b}[31m\\n\\\"b\"");
        assert_eq!(cut(&"长".repeat(41)), format!("\"{}…\"", "长".repeat(40)));
    }

    #[test]
    fn only_a_close_word_is_proposed() {
        let known = ["open_local", "closed_local", "类别"];
        assert_eq!(proposal("Open_locl", known), " (did you mean \"open_local\"?)");
        assert_eq!(proposal("zzz", known), "");
    }
}
