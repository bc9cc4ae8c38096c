//! **Sheet**: a CSV file in memory whose structure was checked once, with the places at which its chunks begin.

use std::borrow::Cow;
use std::path::Path;

use encoding_rs::GB18030;
use memchr::memchr;

use super::lines::{Broken, Dialect, Record, Records, Span, split};
use super::{CsvConfig, Encoding, PollError};
use crate::core::value::Name;
use crate::source::table::{CHUNK, Cell, LONGEST_CELL, MOST_ROWS, Row, Table};

const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The rows of a CSV file.
pub(super) struct Sheet {
    bytes: Vec<u8>,
    dialect: Dialect,
    encoding: Encoding,
    name: String,
    columns: Vec<Name>,
    header_line: u64,
    /// Where each chunk begins: the byte and the line.
    chunks: Vec<(usize, u64)>,
    rows: usize,
}

impl Sheet {
    /// Checks the structure of a file.
    pub fn new(bytes: Vec<u8>, path: &Path, config: &CsvConfig) -> Result<Self, PollError> {
        let place = path.display().to_string();
        let bytes = decoded(bytes, config.encoding, &place)?;
        let mut sheet = Self {
            dialect: Dialect { delimiter: config.delimiter.0, quoted: config.quoted },
            encoding: config.encoding,
            name: path.file_name().map_or_else(|| place.clone(), |name| name.to_string_lossy().into_owned()),
            columns: Vec::new(),
            header_line: 1,
            chunks: Vec::new(),
            rows: 0,
            bytes,
        };
        sheet.survey(config.final_newline, &place)?;
        Ok(sheet)
    }

    /// The line of the header.
    pub fn header_line(&self) -> u64 {
        self.header_line
    }

    /// Reads the header and finds the chunks.
    fn survey(&mut self, final_newline: bool, place: &str) -> Result<(), PollError> {
        let broken = |line, problem: String| PollError::Structure { place: format!("{place}:{line}"), problem };
        let structure = |Broken { line, problem }| broken(line, problem.to_owned());
        let (mut chunks, mut rows) = (Vec::new(), 0);
        let mut records = Records::new(&self.bytes, 0, 1, self.dialect);
        let header = records.next().ok_or_else(|| broken(1, "expected a header, got an empty file".to_owned()))?;
        let header = header.map_err(structure)?;
        let (columns, header_line) = (self.header(&header, place)?, header.line);
        let mut last = header;
        for record in records {
            last = record.map_err(structure)?;
            if rows % CHUNK == 0 {
                chunks.push((last.offset, last.line));
            }
            rows += 1;
            if rows > MOST_ROWS {
                let problem = format!("expected at most {MOST_ROWS} rows");
                return Err(PollError::TooLarge { place: place.to_owned(), problem });
            }
        }
        self.check_end(&last, columns.len(), final_newline).map_err(|problem| broken(last.line, problem))?;
        (self.columns, self.header_line, self.chunks, self.rows) = (columns, header_line, chunks, rows);
        Ok(())
    }

    /// Was the file cut in its last record?
    fn check_end(&self, last: &Record<'_>, columns: usize, final_newline: bool) -> Result<(), String> {
        let mut spans = Vec::new();
        split(last.bytes, self.dialect, &mut spans);
        if !last.ended && spans.len() < columns {
            return Err(format!("expected {columns} cells, got {} and the end of the file: it was cut", spans.len()));
        }
        if !last.ended && final_newline {
            return Err("expected a line end at the end of the file: it was cut".to_owned());
        }
        Ok(())
    }

    fn header(&self, record: &Record<'_>, place: &str) -> Result<Vec<Name>, PollError> {
        let mut spans = Vec::new();
        split(record.bytes, self.dialect, &mut spans);
        let place = format!("{place}:{}", record.line);
        let text = self.text(record.bytes).map_err(|_| {
            let hint = looks_like_gb18030(&self.bytes, self.encoding);
            PollError::Encoding {
                place: place.clone(),
                expected: self.encoding.name(),
                got: format!("other bytes{hint}"),
            }
        })?;
        if let Some(flaw) = Self::flaw(record.bytes, &spans, &[]) {
            return Err(PollError::Structure { place, problem: flaw });
        }
        Ok(spans.iter().map(|span| cell_text(text, *span).trim().into()).collect())
    }

    /// A record's text, or the position from which on it is none.
    fn text<'t>(&self, record: &'t [u8]) -> Result<&'t str, usize> {
        let text = std::str::from_utf8(record).map_err(|e| e.valid_up_to())?;
        match (self.encoding, memchr(0xEF, record).and_then(|_| text.find('\u{FFFD}'))) {
            // The decoder leaves this mark where it could not read.
            (Encoding::Gb18030, Some(at)) => Err(at),
            _ => Ok(text),
        }
    }

    /// What is wrong with a record of which the text is good.
    fn flaw(record: &[u8], spans: &[Span], columns: &[Name]) -> Option<String> {
        let name = |at: usize| columns.get(at).map_or_else(|| (at + 1).to_string(), |name| format!("\"{name}\""));
        if let Some(at) = spans.iter().position(|span| span.end - span.start > LONGEST_CELL) {
            let got = spans[at].end - spans[at].start;
            return Some(format!("column {}: expected at most {LONGEST_CELL} bytes, got {got}", name(at)));
        }
        if let Some(at) = spans.iter().position(|span| span.spilled) {
            return Some(format!("column {}: expected nothing after the closing quote", name(at)));
        }
        let nul = memchr(0, record)?;
        let at = spans.iter().position(|span| nul < span.end).unwrap_or(0);
        Some(format!("column {}: expected text, got a NUL byte", name(at)))
    }

    /// A record's cells, and what is wrong with it. Broken text spoils its cell, not the others.
    fn cells<'t>(&self, record: &Record<'t>, spans: &[Span], cells: &mut Vec<Cell<'t>>) -> Option<String> {
        cells.clear();
        if spans.len() != self.columns.len() {
            return Some(format!("expected {} cells, got {}", self.columns.len(), spans.len()));
        }
        match self.text(record.bytes) {
            Ok(text) => {
                cells.extend(spans.iter().map(|span| Cell::Text(cell_text(text, *span))));
                Self::flaw(record.bytes, spans, &self.columns)
            }
            Err(bad) => {
                cells.extend(spans.iter().map(|span| {
                    let text = self.text(record.bytes.get(span.start..span.end).unwrap_or_default());
                    let whole = |text: &'t str| cell_text(text, Span { start: 0, end: text.len(), ..*span });
                    text.map_or(Cell::Bytes, |text| Cell::Text(whole(text)))
                }));
                let column = spans.iter().position(|span| bad <= span.end).and_then(|at| self.columns.get(at));
                Some(self.broken_text(column.map_or("", |name| &**name), record.bytes.get(bad)))
            }
        }
    }

    fn broken_text(&self, column: &str, byte: Option<&u8>) -> String {
        let got = match (self.encoding, byte) {
            (Encoding::Utf8, Some(byte)) => format!("byte 0x{byte:02X}"),
            _ => "other bytes".to_owned(),
        };
        format!("column \"{column}\": expected {}, got {got}", self.encoding.name())
    }
}

impl Table for Sheet {
    fn columns(&self) -> &[Name] {
        &self.columns
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn visit<'t>(&'t self, chunk: usize, see: &mut dyn FnMut(Row<'t, '_>)) {
        let Some(&(offset, line)) = self.chunks.get(chunk) else { return };
        let (mut spans, mut cells) = (Vec::new(), Vec::new());
        let records = Records::new(&self.bytes, offset, line, self.dialect).flatten().take(CHUNK);
        for (at, record) in records.enumerate() {
            split(record.bytes, self.dialect, &mut spans);
            let flaw = self.cells(&record, &spans, &mut cells);
            see(Row { index: chunk * CHUNK + at, number: record.line, cells: &cells, flaw });
        }
    }

    fn place(&self, number: u64) -> String {
        format!("{}:{number}", self.name)
    }
}

fn cell_text(record: &str, span: Span) -> Cow<'_, str> {
    // Delimiters and quotes are ASCII, so that spans never cut a character.
    let text = record.get(span.start..span.end).unwrap_or_default();
    if span.escaped { Cow::Owned(text.replace("\"\"", "\"")) } else { Cow::Borrowed(text) }
}

impl Encoding {
    const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Gb18030 => "GB18030",
        }
    }
}

/// The file's bytes as UTF-8 without a byte order mark. Broken UTF-8 is left to its row.
fn decoded(mut bytes: Vec<u8>, encoding: Encoding, place: &str) -> Result<Vec<u8>, PollError> {
    let refuse = |got: &str| {
        Err(PollError::Encoding { place: place.to_owned(), expected: encoding.name(), got: got.to_owned() })
    };
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        return refuse("UTF-16");
    }
    match encoding {
        Encoding::Utf8 => {
            if bytes.starts_with(UTF8_MARK) {
                bytes.drain(..UTF8_MARK.len());
            }
            Ok(bytes)
        }
        Encoding::Gb18030 if bytes.starts_with(UTF8_MARK) => refuse("UTF-8 with a byte order mark"),
        Encoding::Gb18030 => {
            let (text, _) = GB18030.decode_without_bom_handling(&bytes);
            Ok(text.strip_prefix('\u{FEFF}').unwrap_or(&text).as_bytes().to_vec())
        }
    }
}

fn looks_like_gb18030(bytes: &[u8], encoding: Encoding) -> &'static str {
    let head = &bytes[..bytes.len().min(LONGEST_CELL)];
    // The head may end inside a character, so that only its lines are asked.
    let whole = memchr::memrchr(b'\n', head).map_or(head, |end| &head[..end]);
    let readable = GB18030.decode_without_bom_handling_and_without_replacement(whole).is_some();
    if encoding == Encoding::Utf8 && readable { " that can be read as gb18030" } else { "" }
}
