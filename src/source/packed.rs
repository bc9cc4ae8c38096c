//! **Packed**: a table in memory whose texts lie end to end, a block for each chunk. Whatever a database, an API or a
//! spreadsheet answers becomes one.

use super::table::{CHUNK, Cell, LONGEST_CELL, MOST_ROWS, Row, Table};
use crate::core::value::Name;

/// The most text that one answer may hold, in bytes.
const LARGEST: usize = 2 << 30;

/// The rows of an answer. Columns may be added while rows come; a row without a cell there has NULL.
#[derive(Debug, Default)]
pub(super) struct Packed {
    name: String,
    columns: Vec<Name>,
    blocks: Vec<Block>,
    rows: usize,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Block {
    width: usize,
    slots: Vec<Slot>,
    numbers: Vec<u64>,
    texts: String,
    flaws: Vec<(usize, String)>,
}

#[derive(Debug, Clone, Copy)]
enum Slot {
    Null,
    Int(i64),
    Float(f64),
    Text { start: u32, len: u32 },
    Bytes,
}

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
        if self.bytes > LARGEST {
            return Err(format!("expected at most {LARGEST} bytes of text"));
        }
        if self.rows.is_multiple_of(CHUNK) {
            self.blocks.push(Block { width: self.columns.len(), ..Block::default() });
        }
        if let Some(block) = self.blocks.last_mut() {
            block.begin(number);
            self.rows += 1;
        }
        Ok(())
    }

    /// Puts a cell into the row that was begun last. One that cannot be kept spoils the row.
    pub fn put(&mut self, column: usize, cell: &Cell<'_>) {
        let Some(block) = self.blocks.last_mut() else { return };
        block.widen(self.columns.len());
        let before = block.texts.len();
        match block.slot(cell) {
            Ok(slot) => block.set(column, slot),
            Err(problem) => self.spoil(column, &problem),
        }
        self.bytes += self.blocks.last().map_or(0, |block| block.texts.len() - before);
    }

    /// Spoils the row that was begun last: what is wrong in this column.
    pub fn spoil(&mut self, column: usize, problem: &str) {
        let name = self.columns.get(column).map_or("", |name| &**name);
        self.flaw(format!("column \"{}\": {problem}", name.escape_debug()));
    }

    /// Spoils the row that was begun last as a whole.
    pub fn flaw(&mut self, problem: String) {
        if let Some(block) = self.blocks.last_mut() {
            block.flaws.push((block.numbers.len().saturating_sub(1), problem));
        }
    }
}

impl Block {
    fn begin(&mut self, number: u64) {
        self.numbers.push(number);
        self.slots.resize(self.numbers.len() * self.width, Slot::Null);
    }

    fn set(&mut self, column: usize, slot: Slot) {
        let row = (self.numbers.len() - 1) * self.width;
        self.slots[row + column] = slot;
    }

    /// Makes room for columns that were added since this block was begun.
    fn widen(&mut self, width: usize) {
        if width <= self.width {
            return;
        }
        let mut slots = Vec::with_capacity(self.numbers.len() * width);
        for row in 0..self.numbers.len() {
            slots.extend_from_slice(&self.slots[row * self.width..(row + 1) * self.width]);
            slots.resize((row + 1) * width, Slot::Null);
        }
        (self.slots, self.width) = (slots, width);
    }

    fn slot(&mut self, cell: &Cell<'_>) -> Result<Slot, String> {
        Ok(match cell {
            Cell::Null => Slot::Null,
            Cell::Int(number) => Slot::Int(*number),
            Cell::Float(number) => Slot::Float(*number),
            Cell::Bytes => Slot::Bytes,
            Cell::Text(text) => {
                if text.len() > LONGEST_CELL {
                    return Err(format!("expected at most {LONGEST_CELL} bytes, got {}", text.len()));
                }
                if text.contains('\0') {
                    return Err("expected text, got a NUL byte".to_owned());
                }
                // A block holds 4,096 rows; texts beyond 4 GiB would need cells beyond the limit above.
                let start = u32::try_from(self.texts.len()).map_err(|_| "expected less text in a block".to_owned())?;
                self.texts.push_str(text);
                Slot::Text { start, len: u32::try_from(text.len()).unwrap_or(0) }
            }
        })
    }

    fn cell(&self, slot: Slot) -> Cell<'_> {
        match slot {
            Slot::Null => Cell::Null,
            Slot::Int(number) => Cell::Int(number),
            Slot::Float(number) => Cell::Float(number),
            Slot::Bytes => Cell::Bytes,
            Slot::Text { start, len } => {
                let (start, len) = (start as usize, len as usize);
                Cell::Text(self.texts.get(start..start + len).unwrap_or_default().into())
            }
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
        let Some(block) = self.blocks.get(chunk) else { return };
        let mut flaws = block.flaws.iter().peekable();
        let mut cells = Vec::with_capacity(self.columns.len());
        for (at, &number) in block.numbers.iter().enumerate() {
            cells.clear();
            cells.extend(block.slots[at * block.width..(at + 1) * block.width].iter().map(|&slot| block.cell(slot)));
            cells.resize(self.columns.len(), Cell::Null);
            let mut flaw = None;
            while let Some((_, problem)) = flaws.next_if(|(row, _)| *row == at) {
                flaw = flaw.or(Some(problem.clone()));
            }
            see(Row { index: chunk * CHUNK + at, number, cells: &cells, flaw });
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
