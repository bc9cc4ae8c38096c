//! XLSX: the cells of one sheet as they come.

use std::io::Cursor;

use calamine::{DataRef, DataType as _, Reader as _, Style, Xlsx, XlsxError};

use super::grid::Rows;
use super::header::Merge;
use super::package::damaged;
use super::values::{Shown, Value};
use super::{Trouble, Wanted};

/// Reads a workbook that passed its survey.
pub(super) fn read(bytes: &[u8], wanted: &Wanted<'_>) -> Result<Rows, Trouble> {
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(trouble)?;
    let sheets = book.sheets_metadata().iter().filter(|sheet| sheet.typ == calamine::SheetType::WorkSheet);
    let sheets = sheets.map(|sheet| (sheet.name.clone(), sheet.visible == calamine::SheetVisible::Visible));
    let name = wanted.sheet.choose(&sheets.collect::<Vec<_>>())?;
    let mut grid = wanted.grid(&name);
    for merge in book.merge_cells_by_sheet_name(&name).map_err(trouble)? {
        grid.merge(Merge { rows: (merge.start.0, merge.end.0), columns: (merge.start.1, merge.end.1) });
    }
    let is_1904 = book.has_1904_epoch();
    let mut cells = book.worksheet_cells_reader(&name).map_err(trouble)?;
    let shown: Vec<Shown> = cells.styles().iter().map(shown).collect();
    let (mut row, mut values) = (None, Vec::new());
    while let Some((cell, style)) = cells.next_cell_with_style_id().map_err(trouble)? {
        let (at, column) = cell.get_position();
        if let Some(before) = row.replace(at).filter(|before| *before != at) {
            grid.row(before, &mut values)?;
            values.clear();
        }
        let value = cell.get_value();
        if !value.is_empty() && column < super::header::MOST_COLUMNS {
            values.push((column, said(value, is_1904, shown.get(style).copied().unwrap_or_default())));
        }
    }
    if let Some(row) = row {
        grid.row(row, &mut values)?;
    }
    grid.finish()
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
