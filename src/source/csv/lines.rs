//! Records of a CSV file in memory, and where they stand. Follows RFC 4180, with these additions: a line ends with
//! `\n`, `\r\n` or `\r`, also mixed; blank lines are skipped; a quote inside an unquoted cell stands for itself.
//!
//! **Invariant:** a line number is the one that an editor shows, also after cells that hold line breaks.

use memchr::{memchr, memchr2, memchr3};

/// How cells are told apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    pub delimiter: u8,
    pub quoted: bool,
}

/// One record without its line end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'t> {
    pub bytes: &'t [u8],
    /// Where it begins in the file, in bytes.
    pub offset: usize,
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Whether a line end follows.
    pub ended: bool,
}

/// From this line on nobody can say where records begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub line: u64,
    pub problem: &'static str,
}

/// The records from some record's beginning on.
pub(super) struct Records<'t> {
    bytes: &'t [u8],
    at: usize,
    line: u64,
    dialect: Dialect,
}

impl<'t> Records<'t> {
    pub fn new(bytes: &'t [u8], offset: usize, line: u64, dialect: Dialect) -> Self {
        Self { bytes, at: offset, line, dialect }
    }

    fn skip_blank_lines(&mut self) {
        while let Some(byte @ (b'\n' | b'\r')) = self.bytes.get(self.at) {
            self.at += if *byte == b'\r' && self.bytes.get(self.at + 1) == Some(&b'\n') { 2 } else { 1 };
            self.line += 1;
        }
    }

    fn record(&mut self) -> Result<Record<'t>, Broken> {
        let (offset, line) = (self.at, self.line);
        loop {
            let rest = &self.bytes[self.at..];
            let hit = if self.dialect.quoted { memchr3(b'"', b'\n', b'\r', rest) } else { memchr2(b'\n', b'\r', rest) };
            let Some(hit) = hit else {
                self.at = self.bytes.len();
                return Ok(Record { bytes: &self.bytes[offset..], offset, line, ended: false });
            };
            let at = self.at + hit;
            if self.bytes[at] != b'"' {
                self.at = at + if self.bytes[at] == b'\r' && self.bytes.get(at + 1) == Some(&b'\n') { 2 } else { 1 };
                self.line += 1;
                return Ok(Record { bytes: &self.bytes[offset..at], offset, line, ended: true });
            }
            let opens = at == offset || self.bytes[at - 1] == self.dialect.delimiter;
            self.at = if opens { self.close(at)? } else { at + 1 };
        }
    }

    /// The position after the quoted cell that opens at `open`.
    fn close(&mut self, open: usize) -> Result<usize, Broken> {
        let begun = self.line;
        let end = closing_quote(self.bytes, open);
        let end = end.ok_or(Broken {
            line: begun,
            problem: "expected the quote that begins here to end, got the end of the file",
        })?;
        self.line += line_ends(&self.bytes[open..end]);
        let after = self.bytes.get(end + 1);
        let ended = after.is_none_or(|&byte| byte == self.dialect.delimiter || byte == b'\n' || byte == b'\r');
        if !ended && self.line > begun {
            let problem = "expected one cell, got a quote that runs over several lines into another cell";
            return Err(Broken { line: begun, problem });
        }
        Ok(end + 1)
    }
}

impl<'t> Iterator for Records<'t> {
    type Item = Result<Record<'t>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_blank_lines();
        if self.at >= self.bytes.len() {
            return None;
        }
        let record = self.record();
        if record.is_err() {
            self.at = self.bytes.len();
        }
        Some(record)
    }
}

/// The quote that ends the cell that opens at `open`; a doubled one does not.
fn closing_quote(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        let quote = at + memchr(b'"', bytes.get(at..)?)?;
        if bytes.get(quote + 1) != Some(&b'"') {
            return Some(quote);
        }
        at = quote + 2;
    }
}

fn line_ends(bytes: &[u8]) -> u64 {
    let ends = |at: usize| bytes[at] == b'\n' || (bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
    (0..bytes.len()).filter(|&at| ends(at)).count() as u64
}

/// Where a cell's text stands in its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub start: usize,
    pub end: usize,
    /// Whether doubled quotes in it stand for one.
    pub escaped: bool,
    /// Whether text follows its closing quote.
    pub spilled: bool,
}

/// Splits a record into its cells.
pub(super) fn split(record: &[u8], dialect: Dialect, spans: &mut Vec<Span>) {
    spans.clear();
    let mut at = 0;
    loop {
        let (span, end) = span(record, at, dialect);
        spans.push(span);
        if end >= record.len() {
            return;
        }
        at = end + 1;
    }
}

/// The cell that begins at `at`, and the position of the delimiter after it.
fn span(record: &[u8], at: usize, dialect: Dialect) -> (Span, usize) {
    let delimiter = |from: usize| {
        let rest = &record[from..];
        rest.iter().position(|&byte| byte == dialect.delimiter).map_or(record.len(), |found| from + found)
    };
    if dialect.quoted && record.get(at) == Some(&b'"') {
        let close = closing_quote(record, at).unwrap_or(record.len());
        let end = delimiter((close + 1).min(record.len()));
        let escaped = memchr(b'"', &record[at + 1..close]).is_some();
        (Span { start: at + 1, end: close, escaped, spilled: end != close + 1 }, end)
    } else {
        let end = delimiter(at);
        (Span { start: at, end, escaped: false, spilled: false }, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COMMAS: Dialect = Dialect { delimiter: b',', quoted: true };

    fn read(text: &str) -> Result<Vec<(u64, Vec<String>)>, Broken> {
        let cells = |record: Record<'_>| {
            let mut spans = Vec::new();
            split(record.bytes, COMMAS, &mut spans);
            let cell = |s: &Span| {
                let text = String::from_utf8_lossy(&record.bytes[s.start..s.end]).into_owned();
                let text = if s.escaped { text.replace("\"\"", "\"") } else { text };
                if s.spilled { format!("!{text}") } else { text }
            };
            (record.line, spans.iter().map(cell).collect())
        };
        Records::new(text.as_bytes(), 0, 1, COMMAS).map(|record| record.map(cells)).collect()
    }

    #[test]
    fn records_stand_on_the_lines_that_an_editor_shows() {
        let text = "a,b\r\n1,2\n\n\r\n3,\"x\r\ny\nz\"\r4,\"say \"\"hi\"\"\"\n,\n5\" pipe,6\" \n\"\",\"";
        let text = format!("{text}end\"");
        let records = read(&text).expect("records");
        let records: Vec<_> =
            records.iter().map(|(l, c)| (*l, c.iter().map(String::as_str).collect::<Vec<_>>())).collect();
        assert_eq!(
            records,
            [
                (1, vec!["a", "b"]),
                (2, vec!["1", "2"]),
                (5, vec!["3", "x\r\ny\nz"]),
                (8, vec!["4", "say \"hi\""]),
                (9, vec!["", ""]),
                (10, vec!["5\" pipe", "6\" "]),
                (11, vec!["", "end"]),
            ]
        );
    }

    #[test]
    fn a_quote_that_loses_its_end_is_noticed() {
        assert_eq!(read("a\n\"b\nc\n").map_err(|b| b.line), Err(2));
        assert_eq!(read("a,\"b\"\"\n").map_err(|b| b.line), Err(1));
        let runaway = read("a,b\n1,\"x\n2,y\n3,\"z\"\n").expect_err("runaway");
        assert_eq!(runaway.line, 2);
        assert_eq!(
            read("a,\"b\"c\n"),
            Ok(vec![(1, vec!["a".into(), "!b".into()])]),
            "on one line only that row is bad"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(rows in prop::collection::vec(prop::collection::vec("[a,\"\r\n 中]{0,6}", 2..4), 1..6)) {
            let cell = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let line = |row: &Vec<String>| row.iter().map(cell).collect::<Vec<_>>().join(",") + "\n";
            let text: String = rows.iter().map(line).collect();
            let back: Vec<Vec<String>> = read(&text).expect("records").into_iter().map(|(_, cells)| cells).collect();
            prop_assert_eq!(back, rows);
        }

        #[test]
        fn bytes_of_any_kind_give_records_that_cover_them(bytes in prop::collection::vec(prop::sample::select(b"a,\"\r\n\xff\0".to_vec()), 0..60)) {
            let mut spans = Vec::new();
            for record in Records::new(&bytes, 0, 1, COMMAS).flatten() {
                split(record.bytes, COMMAS, &mut spans);
                prop_assert!(spans.iter().all(|s| s.start <= s.end && s.end <= record.bytes.len()));
                let again = Records::new(&bytes, record.offset, record.line, COMMAS).next();
                prop_assert!(matches!(again, Some(Ok(again)) if again.bytes == record.bytes && again.line == record.line));
            }
        }
    }
}
