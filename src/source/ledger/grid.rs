//! A sheet row by row: first its header, then the table below.

use super::Trouble;
use super::header::{Head, HeadRow, Header, LAST_START, MOST_ROWS, Merge};
use super::values::Value;
use crate::source::packed::Packed;
use crate::source::table::{Cell, Row, Table};

/// The most cells below a header, counting empty ones.
const MOST_CELLS: u64 = 32_000_000;

/// The most text, in bytes.
const MOST_TEXT: usize = 512 << 20;

/// What is wanted of a sheet, and what was read of it so far.
pub(super) struct Grid<'m> {
    name: String,
    wanted: &'m [String],
    start: Option<u32>,
    head: Head,
    body: Option<Body>,
    last: Option<u32>,
}

struct Body {
    packed: Packed,
    header: Header,
    text: usize,
}

/// The rows of a sheet under the names of their columns.
#[derive(Debug)]
pub(super) struct Rows {
    packed: Packed,
    name: String,
    /// The header's first row, as people count.
    pub header: u32,
}

impl<'m> Grid<'m> {
    /// Of the sheet `name` the rows below the header, which holds the columns `wanted` and begins in the row `start`
    /// (from 0) if that is known.
    pub fn new(name: &str, wanted: &'m [String], start: Option<u32>) -> Self {
        Self { name: name.to_owned(), wanted, start, head: Head::default(), body: None, last: None }
    }

    /// Cells that are one; those of the header must be told before the rows below it.
    pub fn merge(&mut self, merge: Merge) {
        if self.body.is_none() {
            self.head.merge(merge);
        }
    }

    /// One more row, by its index from 0, with its cells by their column.
    pub fn row(&mut self, index: u32, cells: &mut Vec<(u32, Value<'_>)>) -> Result<(), Trouble> {
        if self.last.is_some_and(|last| last >= index) {
            return Err(Trouble::Structure(format!("expected rows in their order, got row {} again", index + 1)));
        }
        self.last = Some(index);
        if let Some(body) = &mut self.body {
            return body.add(index, cells);
        }
        if index >= self.start.unwrap_or(0) {
            let cells = cells.drain(..).map(|(column, value)| (column, value.owned())).collect();
            self.head.push(HeadRow { index, cells });
        }
        if index >= self.start.unwrap_or(LAST_START) + MOST_ROWS {
            self.begin()?;
        }
        Ok(())
    }

    /// Everything was read.
    pub fn finish(mut self) -> Result<Rows, Trouble> {
        if self.body.is_none() {
            self.begin()?;
        }
        let Some(body) = self.body else { return Err(Trouble::Structure("expected rows".to_owned())) };
        Ok(Rows { packed: body.packed, name: self.name, header: body.header.rows.0 + 1 })
    }

    /// Finds the header, and takes what stands below it.
    fn begin(&mut self) -> Result<(), Trouble> {
        let header = self.head.header(self.wanted, self.start);
        let header = header.ok_or_else(|| {
            let place = self.start.map_or(String::new(), |start| format!(" in row {}", start + 1));
            Trouble::Structure(format!("expected a header{place}, got none"))
        })?;
        let packed = Packed::new(String::new(), header.columns.iter().cloned());
        let body = self.body.insert(Body { packed, header, text: 0 });
        for mut row in std::mem::take(&mut self.head).into_rows() {
            body.add(row.index, &mut row.cells)?;
        }
        Ok(())
    }
}

impl Body {
    fn add(&mut self, index: u32, cells: &mut Vec<(u32, Value<'_>)>) -> Result<(), Trouble> {
        let width = self.header.columns.len();
        cells.retain(|(column, value)| (*column as usize) < width && *value != Value::Empty);
        if index <= self.header.rows.1 || cells.iter().all(|(_, value)| value.is_blank()) {
            return Ok(());
        }
        if (self.packed.rows() as u64 + 1) * width as u64 > MOST_CELLS {
            return Err(Trouble::TooLarge(format!("expected at most {MOST_CELLS} cells below the header")));
        }
        self.packed.begin(u64::from(index) + 1).map_err(Trouble::TooLarge)?;
        for (column, value) in cells.iter() {
            self.put(index, *column, value);
        }
        if self.text > MOST_TEXT {
            return Err(Trouble::TooLarge(format!("expected at most {MOST_TEXT} bytes of text")));
        }
        Ok(())
    }

    fn put(&mut self, index: u32, column: u32, value: &Value<'_>) {
        let at = column as usize;
        match value {
            Value::Empty => {}
            Value::Int(number) => self.packed.put(at, &Cell::Int(*number)),
            Value::Text(text) => {
                self.text += text.len();
                self.packed.put(at, &Cell::Text(text.as_ref().into()));
            }
            Value::Error(error) => {
                let cell = format!("{}{}", letters(column), index + 1);
                self.packed.spoil(at, &format!("expected a value, got {error} in cell {cell}"));
            }
        }
    }
}

impl Table for Rows {
    fn columns(&self) -> &[crate::core::value::Name] {
        self.packed.columns()
    }

    fn rows(&self) -> usize {
        self.packed.rows()
    }

    fn visit<'t>(&'t self, chunk: usize, see: &mut dyn FnMut(Row<'t, '_>)) {
        self.packed.visit(chunk, see);
    }

    fn place(&self, number: u64) -> String {
        format!("{}!{number}", self.name)
    }
}

impl Rows {
    /// The same, in this file.
    pub fn of_file(self, file: &str) -> Self {
        Self { name: format!("{file}: {}", self.name), ..self }
    }

    /// The sheet, as people call it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A column as spreadsheets call it: A, B … Z, AA.
fn letters(column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        let digit = u8::try_from((rest - 1) % 26).unwrap_or(0);
        letters.push(char::from(b'A' + digit));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_called_as_spreadsheets_call_them() {
        let named: Vec<String> = [0, 25, 26, 701, 702, 16_383].into_iter().map(letters).collect();
        assert_eq!(named, ["A", "Z", "AA", "ZZ", "AAA", "XFD"]);
    }

    #[test]
    fn rows_that_go_back_or_hold_too_much_are_refused() {
        let wanted = ["id".to_owned()];
        let row = |grid: &mut Grid<'_>, index, text: &str| {
            grid.row(index, &mut vec![(0, Value::text(text.to_owned()))]).map_err(|trouble| trouble.to_string())
        };
        let mut grid = Grid::new("x", &wanted, None);
        row(&mut grid, 3, "id").expect("header");
        assert!(row(&mut grid, 3, "1").expect_err("again").contains("row 4 again"));
        let mut wide = Grid::new("x", &wanted, Some(0));
        wide.row(0, &mut vec![(0, Value::text("id")), (1023, Value::text("last"))]).expect("header");
        let refused = (1..40_000).find_map(|index| row(&mut wide, index, "1").err()).expect("too much");
        assert!(refused.contains("at most 32000000 cells"), "{refused}");
    }
}
