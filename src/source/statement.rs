//! Is a text one SQL query? SQLite would run every statement of a text, one after the other.
//!
//! **Invariant:** what is let through holds one statement, and it begins like one that reads. It errs on the side of
//! refusal; the read-only connection is the other lock on this door.

use std::ops::Range;

/// Whose SQL it is: what quotes, comments and parameters look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
}

/// A query that reads, with the places where the cursor of a poll goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    text: String,
    since: Vec<Range<usize>>,
}

impl Query {
    /// Checks a text; the error says why it is not one reading statement.
    pub fn new(text: &str, dialect: Dialect) -> Result<Self, String> {
        let since = checked(text, dialect)?;
        Ok(Self { text: text.to_owned(), since })
    }

    /// Whether it asks for what changed since the poll before, by `:since`.
    pub fn wants_since(&self) -> bool {
        !self.since.is_empty()
    }

    /// The query with each `:since` replaced by an instant such as `2026-01-02 03:04:05`.
    pub fn since(&self, naive: chrono::NaiveDateTime) -> String {
        let literal = naive.format("'%Y-%m-%d %H:%M:%S'").to_string();
        let mut text = self.text.clone();
        for range in self.since.iter().rev() {
            text.replace_range(range.clone(), &literal);
        }
        text
    }
}

/// The name of the only parameter.
const SINCE: &str = ":since";

/// Where `:since` stands in one reading statement; the error says why it is none.
fn checked(query: &str, dialect: Dialect) -> Result<Vec<Range<usize>>, String> {
    let pieces = Scan { text: query.as_bytes(), at: 0, dialect };
    let (mut first, mut since) = (None, Vec::new());
    let mut ended = false;
    for piece in pieces {
        match piece {
            Piece::End => ended = true,
            _ if ended => return Err("expected one statement, got another one after its end (;)".to_owned()),
            Piece::Unclosed(quote) => return Err(format!("expected the closing {quote}, got the end of the query")),
            Piece::Parameter(sign) => {
                return Err(format!("expected no parameters but :since, got {sign:?} outside quotes"));
            }
            Piece::Since(range) => since.push(range),
            Piece::Word(word) if first.is_none() => first = Some(word.to_ascii_uppercase()),
            Piece::Word(_) | Piece::Other => first = first.or(Some(String::new())),
        }
    }
    match first.as_deref() {
        Some("SELECT" | "WITH" | "VALUES") => Ok(since),
        None => Err("expected a query, got nothing".to_owned()),
        Some(word) => Err(format!("expected a query that begins with SELECT or WITH, got {word:?}")),
    }
}

enum Piece<'q> {
    Word(&'q str),
    End,
    Unclosed(char),
    /// Where the cursor of a poll goes.
    Since(Range<usize>),
    /// A parameter, or a byte with which none of the words that are wanted begins. What SQLite takes for the
    /// rest of a parameter's name would mislead this scan.
    Parameter(char),
    Other,
}

struct Scan<'q> {
    text: &'q [u8],
    at: usize,
    dialect: Dialect,
}

impl<'q> Iterator for Scan<'q> {
    type Item = Piece<'q>;

    fn next(&mut self) -> Option<Piece<'q>> {
        self.skip_blanks_and_comments();
        let byte = *self.text.get(self.at)?;
        let begin = self.at;
        self.at += 1;
        Some(match byte {
            b';' => Piece::End,
            b'\'' | b'"' | b'`' => self.quoted(byte),
            b'[' if self.dialect == Dialect::Sqlite => self.quoted(b']'),
            b':' if self.is_since(begin) => {
                self.at = begin + SINCE.len();
                Piece::Since(begin..self.at)
            }
            b'?' | b'$' | b'@' | b':' | b'#' | 0 => self.sign(byte),
            _ if is_word(byte) => {
                self.at += self.text[self.at..].iter().take_while(|&&byte| is_word(byte)).count();
                Piece::Word(std::str::from_utf8(&self.text[begin..self.at]).unwrap_or_default())
            }
            _ => Piece::Other,
        })
    }
}

impl<'q> Scan<'q> {
    /// Whether `:since` stands here, and no longer name, and no cast.
    fn is_since(&self, at: usize) -> bool {
        let rest = &self.text[at..];
        let is_cast = at > 0 && self.text[at - 1] == b':';
        !is_cast && rest.starts_with(SINCE.as_bytes()) && !rest.get(SINCE.len()).is_some_and(|&byte| is_word(byte))
    }

    fn sign(&self, byte: u8) -> Piece<'q> {
        match self.dialect {
            Dialect::Sqlite => Piece::Parameter(char::from(byte)),
        }
    }

    /// Up to the closing quote; a doubled one, except in brackets, does not close.
    fn quoted(&mut self, close: u8) -> Piece<'q> {
        loop {
            let Some(found) = self.text[self.at..].iter().position(|&byte| byte == close) else {
                self.at = self.text.len();
                return Piece::Unclosed(char::from(close));
            };
            if self.text[self.at..self.at + found].contains(&0) {
                return Piece::Parameter('\0');
            }
            self.at += found + 1;
            if close == b']' || self.text.get(self.at) != Some(&close) {
                return Piece::Other;
            }
            self.at += 1;
        }
    }

    fn skip_blanks_and_comments(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let skipped = match rest {
                // The whitespace of SQLite's tokenizer, no more.
                [b' ' | b'\t' | b'\n' | b'\r' | 0x0C, ..] => 1,
                [b'-', b'-', ..] => rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len()),
                // What SQLite takes for an operator, a lone "/*" at the end, is a comment to nobody else.
                [b'/', b'*', tail @ ..] => tail.windows(2).position(|w| w == b"*/").map_or(rest.len(), |end| end + 4),
                _ => return,
            };
            self.at += skipped;
        }
    }
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(query: &str) -> Option<String> {
        Query::new(query, Dialect::Sqlite).err()
    }

    #[test]
    fn the_cursor_of_a_poll_stands_where_the_query_says_since() {
        let at = chrono::NaiveDate::from_ymd_opt(2026, 1, 2).and_then(|day| day.and_hms_opt(3, 4, 5)).expect("a time");
        let query = "SELECT ':since' AS a FROM t WHERE b > :since OR c >= (:since) -- :since";
        let query = Query::new(query, Dialect::Sqlite).expect("a query");
        assert!(query.wants_since());
        let asked =
            "SELECT ':since' AS a FROM t WHERE b > '2026-01-02 03:04:05' OR c >= ('2026-01-02 03:04:05') -- :since";
        assert_eq!(query.since(at), asked);
        assert!(!Query::new("SELECT ':since'", Dialect::Sqlite).expect("a query").wants_since());
        assert!(refusal("SELECT :since_at").is_some(), "another parameter");
    }

    #[test]
    fn one_reading_statement_is_let_through() {
        for query in [
            "SELECT 1",
            " -- open ones\n/* ; */ select \"a;b\", 'it''s; fine', [x;y], `q;` FROM t ; -- done;\n ;; ",
            "WITH x AS (SELECT 1) SELECT * FROM x;",
            "values (1)",
            "SELECT a->>'$.b' AS 类别 FROM t",
        ] {
            assert_eq!(refusal(query), None, "{query}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_a_reason() {
        for (query, says) in [
            ("", "got nothing"),
            (" ; -- x", "got nothing"),
            ("DELETE FROM t", "got \"DELETE\""),
            ("PRAGMA writable_schema = 1", "got \"PRAGMA\""),
            ("ATTACH 'x.db' AS x", "got \"ATTACH\""),
            ("(SELECT 1)", "begins with SELECT"),
            ("SELECT 1; DELETE FROM t", "got another one"),
            ("SELECT 1;;SELECT 2", "got another one"),
            ("SELECT ';' ; /* */ INSERT INTO t VALUES (1)", "got another one"),
            ("SELECT 'a", "closing '"),
            ("SELECT [a", "closing ]"),
            ("SELECT $a('); DELETE FROM t --')", "parameters"),
            ("SELECT ?1", "parameters"),
            ("SELECT 1\0; DELETE FROM t", "parameters"),
            ("SELECT 'a\0'", "parameters"),
        ] {
            let why = refusal(query).expect(query);
            assert!(why.contains(says), "{query}: {why}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in "(SELECT )?[-/*;'\"\\[\\]`a \n\u{0}中$]{0,30}") {
            let _ = refusal(&text);
        }
    }
}
