//! XLS: the cells of one sheet. The reader of this format lays every sheet out as a whole, so that what the file
//! declares is measured first.

use std::io::Cursor;

use calamine::{Data, Reader as _, Xls, XlsError};

use super::compound::{Compound, word};
use super::grid::Rows;
use super::header::{MOST_COLUMNS, Merge};
use super::package::damaged;
use super::values::{Shown, Value};
use super::{Trouble, Wanted};

/// The most cells that the sheets of a file may span together.
const MOST_CELLS: u64 = 8_000_000;

/// The most sheets of a file.
const MOST_SHEETS: usize = 256;

/// Reads a workbook.
pub(super) fn read(bytes: &[u8], wanted: &Wanted<'_>) -> Result<Rows, Trouble> {
    measure(bytes)?;
    let mut book = Xls::new(Cursor::new(bytes)).map_err(trouble)?;
    let sheets = book.sheets_metadata().iter().filter(|sheet| sheet.typ == calamine::SheetType::WorkSheet);
    let sheets = sheets.map(|sheet| (sheet.name.clone(), sheet.visible == calamine::SheetVisible::Visible));
    let name = wanted.sheet.choose(&sheets.collect::<Vec<_>>())?;
    let is_1904 = book.has_1904_epoch();
    let mut grid = wanted.grid(&name);
    for merge in book.merge_cells_by_sheet_name(&name).map_err(trouble)? {
        grid.merge(Merge { rows: (merge.start.0, merge.end.0), columns: (merge.start.1, merge.end.1) });
    }
    let range = book.worksheet_range(&name).map_err(trouble)?;
    let (first, left) = range.start().unwrap_or_default();
    for (row, cells) in (first..).zip(range.rows()) {
        let cells = (left..MOST_COLUMNS).zip(cells);
        let mut cells: Vec<_> = cells.map(|(column, value)| (column, said(value, is_1904))).collect();
        grid.row(row, &mut cells)?;
    }
    grid.finish()
}

fn said(value: &Data, is_1904: bool) -> Value<'_> {
    match value {
        Data::Empty => Value::Empty,
        Data::Int(number) => Value::Int(*number),
        Data::Float(number) => Value::number(*number),
        Data::String(text) => Value::text(text.as_str()),
        Data::Bool(yes) => Value::truth(*yes),
        Data::DateTime(moment) if moment.is_duration() => Value::span(moment.as_f64()),
        // How this format shows a moment is not known: midnight is a date.
        Data::DateTime(moment) => Value::moment(moment.as_f64(), is_1904, Shown::default()),
        Data::DateTimeIso(text) => Value::iso_moment(text),
        Data::DurationIso(text) => Value::iso_span(text),
        Data::Error(error) => Value::Error(error.to_string()),
    }
}

fn trouble(error: XlsError) -> Trouble {
    match error {
        XlsError::Password => Trouble::encrypted(),
        other => damaged(&other.to_string()),
    }
}

/// Refuses a file whose sheets span more than can be laid out.
fn measure(bytes: &[u8]) -> Result<(), Trouble> {
    let file = Compound::new(bytes)?;
    if file.has("EncryptedPackage") {
        return Err(Trouble::encrypted());
    }
    let stream = file.stream(if file.has("Workbook") { "Workbook" } else { "Book" })?;
    let mut sheets = Vec::new();
    for (kind, data) in Records(&stream).take_while(|(kind, _)| *kind != END) {
        if kind == SHEET {
            sheets.push(long(data, 0).unwrap_or(0) as usize);
        }
    }
    if sheets.len() > MOST_SHEETS {
        return Err(Trouble::TooLarge(format!("expected at most {MOST_SHEETS} sheets, got {}", sheets.len())));
    }
    let mut spanned = 0_u64;
    for start in sheets {
        let records = stream.get(start..).ok_or_else(|| damaged("a sheet is lost"))?;
        spanned = spanned.saturating_add(span(records));
        if spanned > MOST_CELLS {
            return Err(Trouble::TooLarge(format!("expected sheets that span at most {MOST_CELLS} cells")));
        }
    }
    Ok(())
}

const SHEET: u16 = 0x0085;
const BEGIN: u16 = 0x0809;
const END: u16 = 0x000A;
const DIMENSIONS: u16 = 0x0200;
const SEVERAL: u16 = 0x00BD;
/// Number, label, rich label, truth or error, number in short, shared text, formula.
const SINGLE: [u16; 7] = [0x0203, 0x0204, 0x00D6, 0x0205, 0x027E, 0x00FD, 0x0006];

/// How many cells lie between the corners of a sheet, as declared or as they are.
fn span(records: &[u8]) -> u64 {
    let (mut rows, mut columns, mut declared) = (0, 0, 0);
    let mut begun = 0_u32;
    for (kind, data) in Records(records) {
        match kind {
            BEGIN => begun += 1,
            END if begun < 2 => break,
            END => begun -= 1,
            // A chart inside of the sheet, of which nobody reads the cells.
            _ if begun > 1 => {}
            DIMENSIONS => declared = u64::max(declared, extent(data)),
            _ => {
                let Some((row, column)) = corner(kind, data) else { continue };
                (rows, columns) = (rows.max(row + 1), columns.max(column + 1));
            }
        }
    }
    declared.max(rows * columns)
}

/// The row and the last column of the cells in a record.
fn corner(kind: u16, data: &[u8]) -> Option<(u64, u64)> {
    let (row, column) = (word(data, 0)?, word(data, 2)?);
    let last = match kind {
        SEVERAL => word(data, data.len().checked_sub(2)?)?.max(column),
        _ if SINGLE.contains(&kind) => column,
        _ => return None,
    };
    Some((row.into(), last.into()))
}

/// What a sheet declares to span; one that ends before it begins spans more than there is.
fn extent(data: &[u8]) -> u64 {
    let wide = |at| word(data, at).map(u32::from);
    let (first, end, columns) =
        if data.len() <= 10 { (wide(0), wide(2), wide(6)) } else { (long(data, 0), long(data, 4), wide(10)) };
    match (first.unwrap_or(0), end.unwrap_or(0), columns.unwrap_or(0)) {
        (_, 0, _) | (_, _, 0) => 0,
        (first, end, _) if first > end => u64::MAX,
        (_, end, columns) => u64::from(end) * u64::from(columns),
    }
}

fn long(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..at + 4)?;
    Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// The records of a stream: their kind and data.
struct Records<'s>(&'s [u8]);

impl<'s> Iterator for Records<'s> {
    type Item = (u16, &'s [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, len) = (word(self.0, 0)?, usize::from(word(self.0, 2)?));
        let data = self.0.get(4..4 + len)?;
        self.0 = &self.0[4 + len..];
        Some((kind, data))
    }
}
