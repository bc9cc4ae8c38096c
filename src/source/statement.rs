//! Is a text one SQL query? SQLite would run every statement of a text, one after the other.
//!
//! **Invariant:** what is let through holds one statement, and it begins like one that reads. It errs on the side of
//! refusal. It is the small lock on this door, for what a server takes for reading and is not (a file, a lock, another
//! session's end); the connection that cannot write is the great one.

use std::ops::Range;

/// Whose SQL it is: what quotes, comments and parameters look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
    MySql,
}

/// A query that reads, with the places where the cursor of a poll goes. What follows its end is left away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    text: String,
    since: Vec<Range<usize>>,
}

/// How long a cursor is when it is written out.
const LITERAL: usize = "'2026-01-02 03:04:05'".len();

impl Query {
    /// Checks a text; the error says why it is not one reading statement.
    pub fn new(text: &str, dialect: Dialect) -> Result<Self, String> {
        let (since, end) = checked(text, dialect)?;
        Ok(Self { text: text[..end].to_owned(), since })
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

    /// Where a character of what was asked, counted from 1, stands in the query as it was written.
    pub fn line_and_column(&self, position: usize) -> (usize, usize) {
        let mut left = position.saturating_sub(1);
        let mut from = 0;
        for range in &self.since {
            let before = self.text[from..range.start].chars().count();
            if left < before {
                break;
            }
            left -= before;
            if left < LITERAL {
                return self.line_and_column_of(range.start);
            }
            left -= LITERAL;
            from = range.end;
        }
        let byte = self.text[from..].char_indices().nth(left).map_or(self.text.len(), |(at, _)| from + at);
        self.line_and_column_of(byte)
    }

    fn line_and_column_of(&self, byte: usize) -> (usize, usize) {
        let before = &self.text[..byte];
        let line = before.rsplit('\n').next().unwrap_or_default();
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    }
}

/// The name of the only parameter.
const SINCE: &str = ":since";

/// Where `:since` stands in one reading statement, and where that ends; the error says why it is none.
fn checked(query: &str, dialect: Dialect) -> Result<(Vec<Range<usize>>, usize), String> {
    let mut pieces = Scan { text: query.as_bytes(), at: 0, dialect };
    let (mut first, mut since, mut end) = (None, Vec::new(), None);
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::End => end = end.or(Some(pieces.at - 1)),
            _ if end.is_some() => return Err("expected one statement, got another one after its end (;)".to_owned()),
            Piece::Unclosed(quote) => return Err(format!("expected the closing {quote}, got the end of the query")),
            Piece::Parameter(sign) => {
                return Err(format!("expected no parameters but :since, got {sign:?} outside quotes"));
            }
            Piece::Unreadable(sign) => return Err(format!("expected a query without {sign}")),
            Piece::Since(range) => since.push(range),
            Piece::Word(word) if first.is_none() => {
                let is_reading = ["SELECT", "WITH", "VALUES"].iter().any(|begin| word.eq_ignore_ascii_case(begin));
                first = Some(if is_reading { Ok(()) } else { Err(word.to_ascii_uppercase()) });
                if !is_reading {
                    break;
                }
            }
            Piece::Word(word) | Piece::Name(word)
                if acts(word, dialect) || (matches!(piece, Piece::Word(_)) && locks(word, dialect)) =>
            {
                return Err(format!("expected a query that does nothing but read, got {word:?}"));
            }
            Piece::Word(_) | Piece::Name(_) | Piece::Other => first = first.or(Some(Err(String::new()))),
        }
    }
    match first {
        Some(Ok(())) => Ok((since, end.unwrap_or(query.len()))),
        None => Err("expected a query, got nothing".to_owned()),
        Some(Err(word)) => Err(format!("expected a query that begins with SELECT or WITH, got {word:?}")),
    }
}

/// Words of the language by which a reading statement writes a file or keeps others from writing. They may be names in
/// quotes.
fn locks(word: &str, dialect: Dialect) -> bool {
    let is = |others: &[&str]| others.iter().any(|other| word.eq_ignore_ascii_case(other));
    match dialect {
        Dialect::Sqlite => false,
        Dialect::Postgres => is(&["into"]),
        Dialect::MySql => is(&["into", "update", "lock", "procedure"]),
    }
}

/// Functions that act and that a transaction which only reads does not stop.
fn acts(word: &str, dialect: Dialect) -> bool {
    const POSTGRES: [&str; 33] = [
        "nextval",
        "setval",
        "set_config",
        "lo_creat",
        "lo_create",
        "lo_export",
        "lo_from_bytea",
        "lo_import",
        "lo_open",
        "lo_put",
        "lo_truncate",
        "lo_truncate64",
        "lo_unlink",
        "lowrite",
        "pg_backup_start",
        "pg_backup_stop",
        "pg_start_backup",
        "pg_stop_backup",
        "pg_cancel_backend",
        "pg_terminate_backend",
        "pg_create_restore_point",
        "pg_drop_replication_slot",
        "pg_log_backend_memory_contexts",
        "pg_logical_emit_message",
        "pg_notify",
        "pg_promote",
        "pg_reload_conf",
        "pg_rotate_logfile",
        "pg_switch_wal",
        "pg_wal_replay_pause",
        "pg_wal_replay_resume",
        "pg_export_snapshot",
        "pg_import_system_collations",
    ];
    const POSTGRES_BEGIN: [&str; 9] = [
        "dblink",
        "pg_advisory",
        "pg_try_advisory",
        "pg_stat_reset",
        "pg_file_",
        "pg_replication_origin",
        "pg_create_logical",
        "pg_create_physical",
        "pg_logical_slot_get",
    ];
    const MYSQL: [&str; 7] =
        ["get_lock", "release_lock", "release_all_locks", "load_file", "nextval", "setval", "master_pos_wait"];
    let word = word.to_ascii_lowercase();
    match dialect {
        Dialect::Sqlite => false,
        Dialect::Postgres => POSTGRES.contains(&&*word) || POSTGRES_BEGIN.iter().any(|begin| word.starts_with(begin)),
        Dialect::MySql => MYSQL.contains(&&*word),
    }
}

enum Piece<'q> {
    Word(&'q str),
    /// A name in quotes.
    Name(&'q str),
    End,
    Unclosed(char),
    /// Where the cursor of a poll goes.
    Since(Range<usize>),
    /// A parameter, or a byte with which none of the words that are wanted begins. What SQLite takes for the
    /// rest of a parameter's name would mislead this scan.
    Parameter(char),
    /// What is more than it looks like.
    Unreadable(&'static str),
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
        if let Some(sign) = self.skip_blanks_and_comments() {
            return Some(Piece::Unreadable(sign));
        }
        let byte = *self.text.get(self.at)?;
        let begin = self.at;
        self.at += 1;
        Some(match byte {
            b';' => Piece::End,
            b'"' if self.dialect == Dialect::Postgres && self.is_escaped(begin) => Piece::Unreadable("U&\"…\" names"),
            b'\'' | b'"' => self.quoted(byte),
            b'`' if self.dialect != Dialect::Postgres => self.quoted(byte),
            b'[' if self.dialect == Dialect::Sqlite => self.quoted(b']'),
            b':' if self.is_since(begin) => {
                self.at = begin + SINCE.len();
                Piece::Since(begin..self.at)
            }
            b'$' if self.dialect == Dialect::Postgres => self.dollar(begin),
            b'?' | b'$' | b'@' | b':' | b'#' | 0 => self.sign(byte),
            _ if is_word(byte) => self.word(begin),
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

    /// Whether `U&` stands before this quote.
    fn is_escaped(&self, quote: usize) -> bool {
        self.text[..quote].to_ascii_uppercase().ends_with(b"U&")
    }

    fn word(&mut self, begin: usize) -> Piece<'q> {
        let is_postgres = self.dialect == Dialect::Postgres;
        let goes_on = |byte: u8| is_word(byte) || (byte == b'$' && is_postgres);
        self.at += self.text[self.at..].iter().take_while(|&&byte| goes_on(byte)).count();
        let word = &self.text[begin..self.at];
        if is_postgres && word.eq_ignore_ascii_case(b"e") && self.text.get(self.at) == Some(&b'\'') {
            self.at += 1;
            return self.quoted_up_to(b'\'', true);
        }
        Piece::Word(std::str::from_utf8(word).unwrap_or_default())
    }

    fn sign(&self, byte: u8) -> Piece<'q> {
        let is_allowed = match self.dialect {
            Dialect::Sqlite => false,
            Dialect::Postgres => byte != 0,
            Dialect::MySql => byte == b'@' || byte == b'$' || (byte == b':' && self.text.get(self.at) == Some(&b'=')),
        };
        if is_allowed { Piece::Other } else { Piece::Parameter(char::from(byte)) }
    }

    /// A parameter, or a text between two tags such as `$$` or `$tag$`.
    fn dollar(&mut self, begin: usize) -> Piece<'q> {
        let tag = self.text[self.at..].iter().take_while(|&&byte| is_word(byte)).count();
        let after = self.at + tag;
        if self.text.get(after) != Some(&b'$') || self.text[self.at].is_ascii_digit() {
            return Piece::Parameter('$');
        }
        let tag = &self.text[begin..=after];
        self.at = after + 1;
        let found = self.text[self.at..].windows(tag.len()).position(|window| window == tag);
        let end = found.map_or(self.text.len(), |found| self.at + found);
        let has_nul = self.text[self.at..end].contains(&0);
        self.at = self.text.len().min(end + tag.len());
        match found {
            _ if has_nul => Piece::Parameter('\0'),
            None => Piece::Unclosed('$'),
            Some(_) => Piece::Other,
        }
    }

    fn quoted(&mut self, close: u8) -> Piece<'q> {
        self.quoted_up_to(close, self.dialect == Dialect::MySql && close != b'`')
    }

    /// Up to the closing quote; a doubled one, except in brackets, does not close, nor one behind a backslash where
    /// that escapes.
    fn quoted_up_to(&mut self, close: u8, escapes: bool) -> Piece<'q> {
        let begin = self.at;
        loop {
            let stop = |&byte: &u8| byte == close || byte == 0 || (escapes && byte == b'\\');
            let Some(found) = self.text[self.at..].iter().position(stop) else {
                self.at = self.text.len();
                return Piece::Unclosed(char::from(close));
            };
            let at = self.at + found;
            self.at = at + 1;
            match self.text[at] {
                0 => return Piece::Parameter('\0'),
                b'\\' if escapes => self.at = self.text.len().min(self.at + 1),
                _ if close != b']' && self.text.get(self.at) == Some(&close) => self.at += 1,
                _ if close == b'\'' || escapes => return Piece::Other,
                _ => return Piece::Name(std::str::from_utf8(&self.text[begin..at]).unwrap_or_default()),
            }
        }
    }

    /// Skips what says nothing; what only looks like that is named.
    fn skip_blanks_and_comments(&mut self) -> Option<&'static str> {
        loop {
            let rest = &self.text[self.at..];
            let line = || rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
            let skipped = match rest {
                // The whitespace of SQLite's tokenizer, no more.
                [b' ' | b'\t' | b'\n' | b'\r' | 0x0C, ..] => 1,
                [b'-', b'-', after @ ..] if self.is_comment(after) => line(),
                [b'#', ..] if self.dialect == Dialect::MySql => line(),
                [b'/', b'*', b'!', ..] | [b'/', b'*', b'M' | b'm', b'!', ..] if self.dialect == Dialect::MySql => {
                    return Some("/*! … */, which the server runs");
                }
                [b'/', b'*', ..] if self.dialect == Dialect::Postgres => nested_comment(rest),
                // What SQLite takes for an operator, a lone "/*" at the end, is a comment to nobody else.
                [b'/', b'*', tail @ ..] => tail.windows(2).position(|w| w == b"*/").map_or(rest.len(), |end| end + 4),
                _ => return None,
            };
            self.at += skipped;
        }
    }

    /// Whether two dashes begin a comment: to MySQL `5--1` is 6.
    fn is_comment(&self, after: &[u8]) -> bool {
        self.dialect != Dialect::MySql || after.first().is_none_or(u8::is_ascii_whitespace)
    }
}

/// How long a comment is that may hold others.
fn nested_comment(text: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(pair) = text.get(at..at + 2) {
        match pair {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    text.len()
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
        let query = "SELECT a::since, $x$ :since $x$ FROM t WHERE b > :since::timestamp";
        let query = Query::new(query, Dialect::Postgres).expect("a query");
        let asked = "SELECT a::since, $x$ :since $x$ FROM t WHERE b > '2026-01-02 03:04:05'::timestamp";
        assert_eq!(query.since(at), asked);
        let query = Query::new("SELECT '\\':since', 1 # :since\n WHERE b > :since ; -- end", Dialect::MySql);
        let asked = "SELECT '\\':since', 1 # :since\n WHERE b > '2026-01-02 03:04:05' ";
        assert_eq!(query.expect("a query").since(at), asked);
    }

    #[test]
    fn a_place_in_what_was_asked_is_told_in_the_query_as_written() {
        let query = Query::new("SELECT 名\nFROM t WHERE a > :since AND oops", Dialect::Postgres).expect("a query");
        let asked = query.since(chrono::NaiveDateTime::default());
        let position = |word: &str| asked[..asked.find(word).expect("the word")].chars().count() + 1;
        assert_eq!(query.line_and_column(position("名")), (1, 8));
        assert_eq!(query.line_and_column(position("FROM")), (2, 1));
        assert_eq!(query.line_and_column(position("1970")), (2, 18), "the cursor");
        assert_eq!(query.line_and_column(position("oops")), (2, 29));
        assert_eq!(query.line_and_column(10_000), (2, 33), "beyond its end");
    }

    #[test]
    fn each_dialect_has_its_own_quotes_comments_and_parameters() {
        use Dialect::{MySql, Postgres};
        for (dialect, query) in [
            (Postgres, "SELECT a::int, b->>'x', c ? 'k', d #> '{x}', e @> '{}', f[1:2], $q$ ; ' $q$ FROM t;"),
            (Postgres, r"SELECT E'it\'s; ', 'a\', /* a /* b ; */ ; */ 1"),
            (Postgres, "SELECT a$b$c, \"x;y\""),
            (MySql, r#"SELECT 'it\'s; ', "update;\"b", `update`, @row := @row + 1 FROM t # ; INTO OUTFILE"#),
            (MySql, "SELECT 5--1, /*+ NO_ICP(t) */ a FROM t -- ;"),
        ] {
            assert_eq!(Query::new(query, dialect).err(), None, "{query}");
        }
        for (dialect, query, says) in [
            (Postgres, "SELECT $1", "parameters"),
            (Postgres, "SELECT $q$ ; ", "closing $"),
            (Postgres, "SELECT '\\'; DROP TABLE t --'", "got another one"),
            (Postgres, "SELECT 1 INTO t2 FROM t", "got \"INTO\""),
            (Postgres, "SELECT Pg_Terminate_Backend(1)", "got \"Pg_Terminate_Backend\""),
            (Postgres, "SELECT \"pg_terminate_backend\"(1)", "got \"pg_terminate_backend\""),
            (Postgres, r#"SELECT U&"\0070g_terminate_backend"(1)"#, "without U&"),
            (Postgres, "SELECT dblink_exec('', 'DELETE FROM t')", "got \"dblink_exec\""),
            (MySql, "SELECT ?", "parameters"),
            (MySql, "SELECT :sinse", "parameters"),
            (MySql, "SELECT 1 /*!50000 INTO OUTFILE '/tmp/x' */", "without /*!"),
            (MySql, "SELECT 1 /*M! INTO OUTFILE '/tmp/x' */", "without /*!"),
            (MySql, "SELECT 5--1 INTO OUTFILE '/tmp/x'", "got \"INTO\""),
            (MySql, "SELECT * FROM t FOR UPDATE", "got \"UPDATE\""),
            (MySql, "SELECT `get_lock`('a', 1)", "got \"get_lock\""),
            (MySql, "SELECT 'a\\'; DELETE FROM t", "closing '"),
        ] {
            let why = Query::new(query, dialect).expect_err(query);
            assert!(why.contains(says), "{query}: {why}");
        }
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
        fn any_text_is_judged(text in "(SELECT )?(:since)?[-/*;#'\"\\[\\]`a \n\u{0}中$]{0,30}") {
            for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql] {
                if let Ok(query) = Query::new(&text, dialect) {
                    let asked = query.since(chrono::NaiveDateTime::default());
                    prop_assert!(query.line_and_column(asked.len()).0 >= 1);
                }
            }
        }
    }
}
