//! **Packed**: a table in memory: what its cells are in a few bytes each, their texts end to end, and a text that comes
//! again soon only once. Whatever a database, an API or a spreadsheet answers becomes one.
//!
//! A large table lies in slabs of one size, which are never copied to larger ones, and which the system has back once the
//! table is gone.

use super::table::{CHUNK, Cell, LONGEST_CELL, MOST_ROWS, Row, Table};
use crate::core::value::Name;

/// The most text that one answer may hold, in bytes.
const LARGEST: usize = 2 << 30;

/// Up to this size a table lies in one slab that grows.
const SMALL: usize = 1 << 20;

/// The cells, and the texts, of a slab of a large table. What is not written takes no memory.
const SLAB: usize = 64 << 20;

/// The rows of an answer. Columns may be added while rows come; a row without a cell there has NULL.
#[derive(Debug, Default)]
pub(super) struct Packed {
    name: String,
    columns: Vec<Name>,
    rows: usize,
    slabs: Vec<Slab>,
    chunks: Vec<Start>,
    /// The number of the row that was begun last in this chunk.
    number: u64,
    /// The bytes of text in all slabs but the last.
    text: usize,
    /// By the row's position.
    flaws: Vec<(usize, String)>,
    seen: Seen,
}

/// Some chunks of rows.
#[derive(Debug, Default)]
struct Slab {
    /// Row by row: how much larger its number is than that of the row before; its cells as they were put, each as column
    /// and kind and what its kind needs; the row's end.
    cells: Vec<u8>,
    texts: String,
}

/// Where a chunk begins.
#[derive(Debug, Clone, Copy)]
struct Start {
    slab: usize,
    cells: usize,
    texts: usize,
}

/// Where texts stand that were seen lately: start and length.
#[derive(Debug, Default)]
struct Seen(Vec<(usize, usize)>);

/// What a cell is; it stands in the lower bits beside the column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Bytes,
    /// A number follows, its sign in the lowest bit.
    Int,
    /// Eight bytes follow.
    Float,
    /// The length follows; the text stands behind the one before it.
    Text,
    /// Start, as of its chunk's texts, and length of a text that stands further ahead follow.
    Again,
    /// No cell: the row is over.
    End,
}

const KIND_BITS: u32 = 3;

impl Packed {
    /// An empty table; `name` is how people call it.
    pub fn new(name: impl Into<String>, columns: impl IntoIterator<Item = Name>) -> Self {
        Self { name: name.into(), columns: columns.into_iter().collect(), ..Self::default() }
    }

    /// The column with this name, which is added if there is none.
    pub fn column(&mut self, name: &str) -> usize {
        self.columns.iter().position(|column| **column == *name).unwrap_or_else(|| {
            self.columns.push(name.into());
            self.columns.len() - 1
        })
    }

    /// Begins a row, which people find under this number; the error says that there are too many, or too much text.
    pub fn begin(&mut self, number: u64) -> Result<(), String> {
        if self.rows == MOST_ROWS {
            return Err(format!("expected at most {MOST_ROWS} rows"));
        }
        if self.text + self.slabs.last().map_or(0, |slab| slab.texts.len()) > LARGEST {
            return Err(format!("expected at most {LARGEST} bytes of text"));
        }
        if self.rows > 0 {
            self.slab().mark(0, Kind::End);
        }
        if self.rows.is_multiple_of(CHUNK) {
            self.begin_chunk();
        }
        let more = number.wrapping_sub(self.number).cast_signed();
        self.slab().write_signed(more);
        (self.number, self.rows) = (number, self.rows + 1);
        Ok(())
    }

    /// A chunk lies in one slab, however long its texts are.
    fn begin_chunk(&mut self) {
        let is_full = |buffer: usize, slabs: usize| buffer > if slabs == 1 { SMALL } else { SLAB - SLAB / 4 };
        let slabs = self.slabs.len();
        if self.slabs.last().is_some_and(|slab| is_full(slab.cells.len().max(slab.texts.len()), slabs)) {
            self.text += self.slab().texts.len();
            self.slabs.push(Slab { cells: Vec::with_capacity(SLAB), texts: String::with_capacity(SLAB) });
        }
        let slab = self.slab();
        let (cells, texts) = (slab.cells.len(), slab.texts.len());
        self.chunks.push(Start { slab: self.slabs.len() - 1, cells, texts });
        (self.number, self.seen) = (0, Seen::default());
    }

    fn slab(&mut self) -> &mut Slab {
        if self.slabs.is_empty() {
            self.slabs.push(Slab::default());
        }
        let last = self.slabs.len() - 1;
        &mut self.slabs[last]
    }

    /// Puts a cell into the row that was begun last. One that cannot be kept spoils the row.
    pub fn put(&mut self, column: usize, cell: &Cell<'_>) {
        let slab = self.slab();
        match cell {
            Cell::Null => slab.mark(column, Kind::Null),
            Cell::Bytes => slab.mark(column, Kind::Bytes),
            Cell::Int(number) => {
                slab.mark(column, Kind::Int);
                slab.write_signed(*number);
            }
            Cell::Float(number) => {
                slab.mark(column, Kind::Float);
                slab.cells.extend(number.to_le_bytes());
            }
            Cell::Text(text) => {
                if let Err(problem) = self.put_text(column, text) {
                    self.spoil(column, &problem);
                }
            }
        }
    }

    /// Spoils the row that was begun last: what is wrong in this column.
    pub fn spoil(&mut self, column: usize, problem: &str) {
        let name = self.columns.get(column).map_or("", |name| &**name);
        self.flaw(format!("column \"{}\": {problem}", name.escape_debug()));
    }

    /// Spoils the row that was begun last as a whole.
    pub fn flaw(&mut self, problem: String) {
        self.flaws.push((self.rows.saturating_sub(1), problem));
    }

    fn put_text(&mut self, column: usize, text: &str) -> Result<(), String> {
        if text.len() > LONGEST_CELL {
            return Err(format!("expected at most {LONGEST_CELL} bytes, got {}", text.len()));
        }
        if text.contains('\0') {
            return Err("expected text, got a NUL byte".to_owned());
        }
        let (Some(slab), Some(chunk)) = (self.slabs.last_mut(), self.chunks.last()) else { return Ok(()) };
        if let Some(start) = self.seen.find(text, &slab.texts[chunk.texts..]) {
            slab.mark(column, Kind::Again);
            slab.write(start as u64);
        } else {
            slab.mark(column, Kind::Text);
            slab.texts.push_str(text);
        }
        slab.write(text.len() as u64);
        Ok(())
    }
}

impl Slab {
    fn mark(&mut self, column: usize, kind: Kind) {
        self.write((column as u64) << KIND_BITS | kind as u64);
    }

    /// The sign in the lowest bit.
    fn write_signed(&mut self, number: i64) {
        self.write(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    /// Seven bits in a byte, the lowest first; all but the last have their highest bit set.
    fn write(&mut self, mut number: u64) {
        while let high @ 1.. = number >> 7 {
            self.cells.push(low_bits(number) | 0x80);
            number = high;
        }
        self.cells.push(low_bits(number));
    }
}

impl Seen {
    const SLOTS: usize = 256;
    const LONGEST: usize = 96;

    /// Where this text stands; else it is remembered, since it will stand at the end.
    fn find(&mut self, text: &str, texts: &str) -> Option<usize> {
        if text.is_empty() || text.len() > Self::LONGEST {
            return None;
        }
        if self.0.is_empty() {
            self.0.resize(Self::SLOTS, (0, 0));
        }
        let slot = &mut self.0[Self::slot(text.as_bytes())];
        let (start, len) = *slot;
        if texts.get(start..start + len) == Some(text) {
            return Some(start);
        }
        *slot = (texts.len(), text.len());
        None
    }

    /// A few bytes from both ends tell most words apart; the comparison does the rest.
    fn slot(text: &[u8]) -> usize {
        let ends = text.iter().take(6).chain(text.iter().rev().take(6));
        let hash = ends.fold(text.len() as u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        (hash >> 20) as usize % Self::SLOTS
    }
}

/// The lowest seven bits.
const fn low_bits(number: u64) -> u8 {
    number.to_le_bytes()[0] & 0x7F
}

/// Reads a chunk's cells as they were put.
struct Cells<'t> {
    bytes: &'t [u8],
    texts: &'t str,
    /// Where the next text stands.
    next: usize,
}

impl<'t> Cells<'t> {
    /// The next cell of the row with its column; `None` at the row's end.
    fn next(&mut self) -> Option<(usize, Cell<'t>)> {
        let mark = self.read()?;
        let column = (mark >> KIND_BITS) as usize;
        let kind = mark & ((1 << KIND_BITS) - 1);
        let is = |wanted: Kind| kind == wanted as u64;
        let cell = if is(Kind::Null) {
            Cell::Null
        } else if is(Kind::Bytes) {
            Cell::Bytes
        } else if is(Kind::Int) {
            Cell::Int(self.read_signed()?)
        } else if is(Kind::Float) {
            let (number, rest) = self.bytes.split_first_chunk()?;
            self.bytes = rest;
            Cell::Float(f64::from_le_bytes(*number))
        } else if is(Kind::Text) {
            let (start, len) = (self.next, self.size()?);
            self.next += len;
            Cell::Text(self.texts.get(start..start + len)?.into())
        } else if is(Kind::Again) {
            let (start, len) = (self.size()?, self.size()?);
            Cell::Text(self.texts.get(start..start + len)?.into())
        } else {
            return None;
        };
        Some((column, cell))
    }

    fn size(&mut self) -> Option<usize> {
        usize::try_from(self.read()?).ok()
    }

    fn read_signed(&mut self) -> Option<i64> {
        let number = self.read()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn read(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
            shift += 7;
        }
    }
}

impl Table for Packed {
    fn columns(&self) -> &[Name] {
        &self.columns
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn visit<'t>(&'t self, chunk: usize, see: &mut dyn FnMut(Row<'t, '_>)) {
        let Some(start) = self.chunks.get(chunk) else { return };
        let (slab, next) = (&self.slabs[start.slab], self.chunks.get(chunk + 1).filter(|next| next.slab == start.slab));
        let texts_end = next.map_or(slab.texts.len(), |next| next.texts);
        let first = chunk * CHUNK;
        let mut flaws = self.flaws[self.flaws.partition_point(|(row, _)| *row < first)..].iter().peekable();
        let texts = &slab.texts[start.texts..texts_end];
        let mut reading = Cells { bytes: &slab.cells[start.cells..], texts, next: 0 };
        let mut cells = Vec::with_capacity(self.columns.len());
        let mut number = 0_u64;
        for index in first..(first + CHUNK).min(self.rows) {
            number = number.wrapping_add_signed(reading.read_signed().unwrap_or_default());
            cells.clear();
            cells.resize(self.columns.len(), Cell::Null);
            while let Some((column, cell)) = reading.next() {
                if let Some(put) = cells.get_mut(column) {
                    *put = cell;
                }
            }
            let mut flaw = None;
            while let Some((_, problem)) = flaws.next_if(|(row, _)| *row == index) {
                flaw = flaw.or(Some(problem.clone()));
            }
            see(Row { index, number, cells: &cells, flaw });
        }
    }

    fn place(&self, number: u64) -> String {
        format!("{}: row {number}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(table: &Packed) -> Vec<(u64, Vec<String>, Option<String>)> {
        let mut seen = Vec::new();
        for chunk in 0..table.chunks() {
            table.visit(chunk, &mut |row| {
                let cells =
                    row.cells.iter().map(|cell| cell.text().map_or("NULL".to_owned(), std::borrow::Cow::into_owned));
                seen.push((row.number, cells.collect(), row.flaw));
            });
        }
        seen
    }

    #[test]
    fn a_column_that_comes_late_is_null_in_the_rows_before_it() {
        let mut table = Packed::new("answer", ["a".into()]);
        for number in 1..=CHUNK as u64 + 2 {
            table.begin(number).expect("room");
            table.put(0, &Cell::Int(7));
            if number == 3 || number == CHUNK as u64 + 2 {
                let late = table.column("late");
                table.put(late, &Cell::Text("x".into()));
            }
        }
        let seen = texts(&table);
        let cells = |row: usize| seen[row].1.join(",");
        assert_eq!((cells(0), cells(2), cells(3)), ("7,NULL".into(), "7,x".into(), "7,NULL".into()));
        assert_eq!((cells(CHUNK), cells(CHUNK + 1)), ("7,NULL".into(), "7,x".into()));
        assert_eq!((table.rows(), table.chunks(), table.place(9)), (CHUNK + 2, 2, "answer: row 9".to_owned()));
    }

    #[test]
    fn what_was_put_is_what_is_seen() {
        let mut table = Packed::new("answer", ["a".into(), "b".into(), "c".into()]);
        let long = "长".repeat(LONGEST_CELL / 3);
        let texts = ["", "a", "市政", "市政 ", &long, "市政", "\u{7f}\u{80}", ""].map(|text| Cell::Text(text.into()));
        let ints = [0, 1, -1, 63, -64, 64, i64::MAX, i64::MIN].map(Cell::Int);
        let floats = [0.0, -0.5, f64::MAX, f64::MIN_POSITIVE, 1e300, -1e-300, 3.0, 0.1].map(Cell::Float);
        let row = |at: usize| [texts[at % 8].clone(), ints[at % 8].clone(), floats[at / 8 % 8].clone()];
        for at in 0..3 * CHUNK {
            table.begin(at as u64).expect("room");
            for (column, cell) in row(at).iter().enumerate().filter(|(column, _)| (at + column) % 5 != 0) {
                table.put(column, cell);
            }
        }
        let mut seen = 0;
        for chunk in 0..table.chunks() {
            table.visit(chunk, &mut |shown| {
                let at = shown.index;
                let expected = row(at).into_iter().enumerate();
                let expected = expected.map(|(column, cell)| if (at + column) % 5 == 0 { Cell::Null } else { cell });
                assert_eq!(shown.cells, expected.collect::<Vec<_>>(), "row {at}");
                seen += 1;
            });
        }
        assert_eq!(seen, 3 * CHUNK);
    }

    #[test]
    fn of_a_cell_that_is_put_twice_the_last_counts() {
        let mut table = Packed::new("answer", ["a".into()]);
        table.begin(1).expect("room");
        table.put(0, &Cell::Text("x".into()));
        table.put(0, &Cell::Null);
        table.begin(2).expect("room");
        table.put(0, &Cell::Bytes);
        table.put(0, &Cell::Text("x".into()));
        let seen = texts(&table);
        assert_eq!((seen[0].1[0].as_str(), seen[1].1[0].as_str()), ("NULL", "x"));
    }

    #[test]
    fn a_cell_that_cannot_be_kept_spoils_its_row_alone() {
        let mut table = Packed::new("answer", ["a".into(), "b".into()]);
        table.begin(2).expect("room");
        table.put(0, &Cell::Text("1".into()));
        table.put(1, &Cell::Text("x\0".into()));
        table.begin(3).expect("room");
        table.put(0, &Cell::Text("长".repeat(LONGEST_CELL).into()));
        table.begin(4).expect("room");
        table.put(1, &Cell::Bytes);
        let seen = texts(&table);
        assert_eq!(seen[0].2.as_deref(), Some("column \"b\": expected text, got a NUL byte"));
        assert_eq!(seen[0].1[0], "1", "cells beside the flaw still say whose row it is");
        assert!(seen[1].2.as_deref().is_some_and(|flaw| flaw.contains("expected at most 65536 bytes, got 196608")));
        assert_eq!(seen[2].2, None);
    }
}
