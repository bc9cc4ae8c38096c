//! XLSX: the cells of one sheet as they come.

use std::io::Cursor;

use calamine::{DataRef, DataType as _, Reader as _, Style, Xlsx, XlsxError};

use super::grid::Rows;
use super::header::{HeadRow, Merge};
use super::package::damaged;
use super::values::{Shown, Value};
use super::{Trouble, Wanted};

/// Reads a workbook that passed its survey.
pub(super) fn read(bytes: &[u8], wanted: &Wanted<'_>) -> Result<Rows, Trouble> {
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(trouble)?;
    let name = sheet_name(&book, wanted.sheet)?;
    let mut grid = wanted.grid(&name);
    for merge in book.merge_cells_by_sheet_name(&name).map_err(trouble)? {
        grid.merge(Merge { rows: (merge.start.0, merge.end.0), columns: (merge.start.1, merge.end.1) });
    }
    walk(&mut book, &name, &mut |row, values| grid.row(row, values))?;
    grid.finish()
}

/// All rows of the first sheet that is not hidden, by their index from 0; merged cells all hold what the first of them
/// does.
pub(super) fn first_sheet(bytes: &[u8]) -> Result<Vec<HeadRow>, Trouble> {
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(trouble)?;
    let name = sheet_name(&book, &super::SheetChoice::First)?;
    let merges = book.merge_cells_by_sheet_name(&name).map_err(trouble)?;
    let mut rows: Vec<HeadRow> = Vec::new();
    walk(&mut book, &name, &mut |index, values| {
        if rows.len() >= MOST_LINES {
            return Err(Trouble::TooLarge(format!("expected at most {MOST_LINES} rows")));
        }
        let cells = values.drain(..).map(|(column, value)| (column, value.owned())).collect();
        rows.push(HeadRow { index, cells });
        Ok(())
    })?;
    for merge in merges {
        let first = rows.iter().find(|row| row.index == merge.start.0);
        let first = first.and_then(|row| row.cells.iter().find(|(column, _)| *column == merge.start.1));
        let Some((_, value)) = first.cloned() else { continue };
        for row in rows.iter_mut().filter(|row| (merge.start.0..=merge.end.0).contains(&row.index)) {
            for column in merge.start.1..=merge.end.1.min(super::header::MOST_COLUMNS) {
                if !row.cells.iter().any(|(at, _)| *at == column) {
                    row.cells.push((column, value.clone()));
                }
            }
        }
    }
    Ok(rows)
}

/// The most rows of a list that is read whole.
const MOST_LINES: usize = 100_000;

fn sheet_name(book: &Xlsx<Cursor<&[u8]>>, choice: &super::SheetChoice) -> Result<String, Trouble> {
    let sheets = book.sheets_metadata().iter().filter(|sheet| sheet.typ == calamine::SheetType::WorkSheet);
    let sheets = sheets.map(|sheet| (sheet.name.clone(), sheet.visible == calamine::SheetVisible::Visible));
    choice.choose(&sheets.collect::<Vec<_>>())
}

/// What is shown a row: its index and its cells by their column.
type See<'s> = dyn FnMut(u32, &mut Vec<(u32, Value<'_>)>) -> Result<(), Trouble> + 's;

/// Shows the rows of a sheet as they come.
fn walk(book: &mut Xlsx<Cursor<&[u8]>>, name: &str, see: &mut See<'_>) -> Result<(), Trouble> {
    let is_1904 = book.has_1904_epoch();
    let mut cells = book.worksheet_cells_reader(name).map_err(trouble)?;
    let shown: Vec<Shown> = cells.styles().iter().map(shown).collect();
    let (mut row, mut values) = (None, Vec::new());
    while let Some((cell, style)) = cells.next_cell_with_style_id().map_err(trouble)? {
        let (at, column) = cell.get_position();
        if let Some(before) = row.replace(at).filter(|before| *before != at) {
            see(before, &mut values)?;
            values.clear();
        }
        let value = cell.get_value();
        if !value.is_empty() && column < super::header::MOST_COLUMNS {
            values.push((column, said(value, is_1904, shown.get(style).copied().unwrap_or_default())));
        }
    }
    row.map_or(Ok(()), |row| see(row, &mut values))
}

fn shown(style: &Style) -> Shown {
    style.number_format.as_ref().map_or_else(Shown::default, |format| Shown::by(&format.format_code))
}

fn said<'t>(value: &DataRef<'t>, is_1904: bool, shown: Shown) -> Value<'t> {
    match value {
        DataRef::Empty => Value::Empty,
        DataRef::Int(number) => Value::Int(*number),
        DataRef::Float(number) => Value::number(*number),
        DataRef::String(text) => Value::text(text.clone()),
        DataRef::SharedString(text) => Value::text(*text),
        DataRef::Bool(yes) => Value::truth(*yes),
        DataRef::DateTime(moment) if moment.is_duration() => Value::span(moment.as_f64()),
        DataRef::DateTime(moment) => Value::moment(moment.as_f64(), is_1904, shown),
        DataRef::DateTimeIso(text) => Value::iso_moment(text),
        DataRef::DurationIso(text) => Value::iso_span(text),
        DataRef::Error(error) => Value::Error(error.to_string()),
    }
}

fn trouble(error: XlsxError) -> Trouble {
    match error {
        XlsxError::Password => Trouble::encrypted(),
        other => damaged(&other.to_string()),
    }
}
