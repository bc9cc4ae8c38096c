//! Is a text one SQL query? SQLite would run every statement of a text, one after the other.
//!
//! **Invariant:** what is let through holds one statement, and it begins like one that reads. It errs on the side of
//! refusal; the read-only connection is the other lock on this door.

/// Why `query` is not one reading statement.
pub(super) fn refusal(query: &str) -> Option<String> {
    let pieces = Scan { text: query.as_bytes(), at: 0 };
    let mut first = None;
    let mut ended = false;
    for piece in pieces {
        match piece {
            Piece::End => ended = true,
            _ if ended => return Some("expected one statement, got another one after its end (;)".to_owned()),
            Piece::Unclosed(quote) => return Some(format!("expected the closing {quote}, got the end of the query")),
            Piece::Parameter(sign) => return Some(format!("expected no parameters, got {sign:?} outside quotes")),
            Piece::Word(word) if first.is_none() => first = Some(word.to_ascii_uppercase()),
            Piece::Word(_) | Piece::Other => first = first.or(Some(String::new())),
        }
    }
    match first.as_deref() {
        Some("SELECT" | "WITH" | "VALUES") => None,
        None => Some("expected a query, got nothing".to_owned()),
        Some(word) => Some(format!("expected a query that begins with SELECT or WITH, got {word:?}")),
    }
}

enum Piece<'q> {
    Word(&'q str),
    End,
    Unclosed(char),
    /// A parameter, or a byte with which none of the words that are wanted begins. What SQLite takes for the
    /// rest of a parameter's name would mislead this scan.
    Parameter(char),
    Other,
}

struct Scan<'q> {
    text: &'q [u8],
    at: usize,
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
            b'[' => self.quoted(b']'),
            b'?' | b'$' | b'@' | b':' | b'#' | 0 => Piece::Parameter(char::from(byte)),
            _ if is_word(byte) => {
                self.at += self.text[self.at..].iter().take_while(|&&byte| is_word(byte)).count();
                Piece::Word(std::str::from_utf8(&self.text[begin..self.at]).unwrap_or_default())
            }
            _ => Piece::Other,
        })
    }
}

impl<'q> Scan<'q> {
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
