//! A spreadsheet that stands in the place of a CSV file, as the text that this would be.
//!
//! **Invariant:** a line of the text is a row of the sheet: what is said about line 7 is seen in row 7.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::header::HeadRow;
use super::package::{Package, damaged};
use super::values::Value;
use super::{Trouble, xlsx};

/// The most text, in bytes.
const LARGEST: usize = 64 << 20;

/// Whether bytes are a spreadsheet's and no text, by how they begin.
pub fn is_spreadsheet(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")
}

/// The first sheet of an XLSX file that is not hidden, as CSV. An error says what was expected and what was got.
pub fn as_csv(bytes: &[u8]) -> Result<String, String> {
    // The readers of foreign formats may meet what their authors did not think of.
    let read = catch_unwind(AssertUnwindSafe(|| read(bytes)));
    let read = read.unwrap_or_else(|_| Err(damaged("nothing can be made of it")));
    read.map_err(|trouble| trouble.to_string())
}

fn read(bytes: &[u8]) -> Result<String, Trouble> {
    let other = |got: &str| Trouble::Unreadable(format!("expected CSV or XLSX, got {got}: save it as XLSX"));
    if !bytes.starts_with(b"PK") {
        return Err(other("XLS, or a file with a password"));
    }
    if Package::survey(bytes)? == Package::Ods {
        return Err(other("ODS"));
    }
    let rows = xlsx::first_sheet(bytes)?;
    let width = rows.iter().flat_map(|row| row.cells.iter().map(|(column, _)| *column as usize + 1)).max();
    let width = width.unwrap_or(0);
    let (mut text, mut next) = (String::new(), 0);
    for HeadRow { index: row, cells } in rows {
        if row < next {
            return Err(damaged("its rows are not in their order"));
        }
        let blank = (row - next) as usize;
        if text.len() + blank + width > LARGEST {
            return Err(Trouble::TooLarge(format!("expected at most {LARGEST} bytes of text")));
        }
        text.extend(std::iter::repeat_n('\n', blank));
        next = row + 1;
        let mut line = vec![String::new(); width];
        for (column, value) in cells {
            line[column as usize] = said(&value);
        }
        text.push_str(&csv_line(&line));
        if text.len() > LARGEST {
            return Err(Trouble::TooLarge(format!("expected at most {LARGEST} bytes of text")));
        }
    }
    Ok(text)
}

/// What stands in a cell, on one line.
fn said(value: &Value<'_>) -> String {
    match value {
        Value::Empty => String::new(),
        Value::Int(number) => number.to_string(),
        Value::Text(text) => text.replace(['\r', '\n'], " "),
        Value::Error(error) => error.clone(),
    }
}

fn csv_line(cells: &[String]) -> String {
    // What begins a line like a comment is a value here.
    let is_plain = |cell: &str| !cell.contains(['"', ',', '\n', '\r']) && !cell.starts_with('#');
    let quoted = |cell: &String| {
        if is_plain(cell) { cell.clone() } else { format!("\"{}\"", cell.replace('"', "\"\"")) }
    };
    let mut line = cells.iter().map(quoted).collect::<Vec<_>>().join(",");
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sheet_is_the_text_that_a_csv_file_would_be_row_for_row() {
        let bytes = std::fs::read("tests/data/ledgers/merged.xlsx").expect("a spreadsheet");
        assert!(is_spreadsheet(&bytes));
        let text = as_csv(&bytes).expect("text");
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        assert!(reader.records().all(|row| row.is_ok()), "{text}");
        assert!(as_csv(&bytes[..bytes.len() / 2]).is_err());
        assert!(as_csv(b"PK\x03\x04").is_err());
        assert!(as_csv(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1").expect_err("XLS").contains("expected CSV or XLSX"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn damage_is_an_error_or_a_text_and_nothing_else(at in 0_usize..6000, to in any::<u8>()) {
            let mut bytes = std::fs::read("tests/data/ledgers/merged.xlsx").expect("a spreadsheet");
            let at = at % bytes.len();
            bytes[at] = to;
            let _ = as_csv(&bytes);
        }
    }
}
