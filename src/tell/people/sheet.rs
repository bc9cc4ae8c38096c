//! **Sheet**: the rows of a list under its columns, which may have Chinese names.
//!
//! The separator is the one of `,` `;` and tab under which most columns are known. Above the header a title may stand;
//! lines that begin with `#` are comments, blank lines are nothing.

use super::cell;
use super::fault::{Fault, Wrong};

/// A column that a list can have, by its name and what offices call it.
pub type Column = (&'static str, &'static [&'static str]);

/// A column, and how the header of a file writes it.
type Written = (&'static str, String);

/// How many lines are looked at for a header.
const HEADER_WITHIN: usize = 10;

/// A list that was read.
#[derive(Debug, Clone)]
pub struct Sheet {
    file: String,
    /// For each place its column and how the header writes it.
    header: Vec<Option<Written>>,
    /// The rows below the header.
    pub rows: Vec<Row>,
}

/// A row below the header.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its line in the file.
    pub line: u64,
    cells: Vec<String>,
}

/// Which columns a list has.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// Those that are known.
    pub columns: &'static [Column],
    /// How many of them, from the first, must be there.
    pub needed: usize,
    /// Those of them for people.
    pub wanted: &'static str,
}

impl Sheet {
    /// Reads a list; `None` if there is no line in it. Rows that do not fit are faults, the others are kept.
    pub fn read(file: &str, text: &str, form: Form) -> Result<Option<(Self, Vec<Fault>)>, Vec<Fault>> {
        let text = unmarked(text);
        let records = records(&text, separator(&text, form));
        let known = |record: &Row| record.cells.iter().filter_map(|cell| column(form, cell)).collect::<Vec<_>>();
        let has_all = |record: &Row| form.columns[..form.needed].iter().all(|(name, _)| known(record).contains(name));
        let found = records.iter().take(HEADER_WITHIN).position(has_all);
        // What comes nearest to a header is looked at, so that what is missing can be told.
        let nearest = || (0..records.len().min(HEADER_WITHIN)).rev().max_by_key(|at| known(&records[*at]).len());
        let Some(at) = found.or_else(nearest) else { return Ok(None) };
        let header = Header::read(file, &records[at], form)?;
        let mut sheet = Self { file: file.to_owned(), header: header.0, rows: Vec::new() };
        let (mut faults, width) = (Vec::new(), sheet.header.len());
        for (number, row) in records.iter().enumerate().skip(at + 1) {
            let is_cut = row.cells.len() < width || row.cells[width..].iter().any(|cell| !cell.is_empty());
            if number + 1 == records.len() && is_open(&text, row.line) {
                faults.push(sheet.fault(row, None, Wrong::OpenQuote));
            } else if is_cut {
                faults.push(sheet.fault(row, None, Wrong::Cells { expected: width, got: row.cells.len() }));
            } else {
                let mut spoilt = row.cells.iter().zip(&sheet.header).filter(|(_, column)| column.is_some());
                let spoilt = spoilt.find_map(|(cell, column)| Some((column.clone(), cell::spoilt(cell)?)));
                match spoilt {
                    Some((column, wrong)) => faults.push(Fault {
                        file: sheet.file.clone(),
                        line: row.line,
                        column: column.map(|(_, written)| written),
                        wrong,
                    }),
                    None => sheet.rows.push(row.clone()),
                }
            }
        }
        Ok(Some((sheet, faults)))
    }

    /// What stands in a column of a row; empty if there is no such column.
    pub fn cell<'a>(&self, row: &'a Row, column: &str) -> &'a str {
        let at = self.header.iter().position(|known| known.as_ref().is_some_and(|(name, _)| *name == column));
        at.and_then(|at| row.cells.get(at)).map_or("", String::as_str)
    }

    /// A fault of a row.
    pub fn fault(&self, row: &Row, column: Option<&str>, wrong: Wrong) -> Fault {
        let written = |column: &str| {
            let mut known = self.header.iter().flatten();
            known.find(|(name, _)| *name == column).map_or_else(|| column.to_owned(), |(_, written)| written.clone())
        };
        Fault { file: self.file.clone(), line: row.line, column: column.map(written), wrong }
    }
}

struct Header(Vec<Option<Written>>);

impl Header {
    fn read(file: &str, row: &Row, form: Form) -> Result<Self, Vec<Fault>> {
        let fault = |column: Option<&str>, wrong| Fault {
            file: file.to_owned(),
            line: row.line,
            column: column.map(str::to_owned),
            wrong,
        };
        let (mut header, mut faults): (Vec<Option<Written>>, Vec<Fault>) = (Vec::new(), Vec::new());
        for cell in &row.cells {
            let found = column(form, cell);
            match found {
                Some(name) if header.iter().flatten().any(|(known, _)| *known == name) => {
                    faults.push(fault(Some(cell), Wrong::TwiceColumn { name }));
                }
                None if !cell.is_empty() && !is_counter(cell) => {
                    let known: Vec<&str> = form.columns.iter().map(|(name, _)| *name).collect();
                    faults.push(fault(Some(cell), Wrong::UnknownColumn { known: known.join(",") }));
                }
                _ => {}
            }
            header.push(found.map(|name| (name, cell.clone())));
        }
        while header.last().is_some_and(Option::is_none) {
            header.pop();
        }
        let has = |name: &str| header.iter().flatten().any(|(known, _)| *known == name);
        if form.columns[..form.needed].iter().any(|(name, _)| !has(name)) {
            let got: String = row.cells.join(",").chars().take(120).collect();
            return Err(vec![fault(None, Wrong::NoHeader { wanted: form.wanted, got })]);
        }
        if faults.is_empty() { Ok(Self(header)) } else { Err(faults) }
    }
}

/// A column that only counts the lines.
fn is_counter(cell: &str) -> bool {
    ["序号", "no", "no.", "#", "行号"].contains(&cell.to_lowercase().as_str())
}

/// The column that a cell of a header means.
fn column(form: Form, cell: &str) -> Option<&'static str> {
    let plain = crate::core::phone::half_width(cell).to_lowercase();
    let plain = plain.split(['(', '[']).next().unwrap_or_default().replace([' ', '*', ':', '\n', '\r', '\t'], "");
    let means = |(name, others): &&Column| *name == plain || others.contains(&plain.as_str());
    form.columns.iter().find(means).map(|(name, _)| *name)
}

/// The text without its mark, with one kind of line ends, and with what begins a line like a comment and is none as text.
fn unmarked(text: &str) -> String {
    // The reader of CSV counts lines by one kind of end.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let is_value = |line: &str| {
        let first = line.split([',', ';', '\t']).next().unwrap_or_default().trim();
        cell::is_error(first) || (first.len() > 1 && first.bytes().all(|byte| byte == b'#'))
    };
    let lines = text.split_inclusive('\n');
    lines.flat_map(|line| [if line.starts_with('#') && is_value(line) { "'" } else { "" }, line]).collect()
}

fn separator(text: &str, form: Form) -> u8 {
    let known = |separator: u8| {
        let head = text.split_inclusive('\n').take(HEADER_WITHIN + 10).collect::<String>();
        let records = records(&head, separator);
        let counts = records.iter().map(|row| row.cells.iter().filter(|cell| column(form, cell).is_some()).count());
        counts.max().unwrap_or(0)
    };
    let candidates = [(b',', known(b',')), (b';', known(b';')), (b'\t', known(b'\t'))];
    let best = candidates.iter().map(|(_, count)| *count).max();
    candidates.iter().find(|(_, count)| Some(*count) == best).map_or(b',', |(separator, _)| *separator)
}

/// All records that hold anything.
fn records(text: &str, separator: u8) -> Vec<Row> {
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let rows = reader.records().filter_map(Result::ok).map(|record| Row {
        line: record.position().map_or(0, csv::Position::line),
        cells: record.iter().map(cell::text).collect(),
    });
    rows.filter(|row| row.cells.iter().any(|cell| !cell.is_empty())).collect()
}

/// Whether a quote that is open where the last record begins is never closed.
fn is_open(text: &str, line: u64) -> bool {
    let skipped = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    let rest = text.split_inclusive('\n').skip(skipped);
    let (mut lines, mut quotes) = (0, 0_usize);
    for line in rest.filter(|line| !line.trim().is_empty()) {
        lines += 1;
        quotes += line.matches('"').count();
    }
    lines > 1 && !quotes.is_multiple_of(2)
}
