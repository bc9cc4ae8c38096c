//! Rows for people and for programs: an aligned table, JSON or CSV.
//!
//! **Invariant:** whoever wrote a text, it neither steers a terminal nor runs in a spreadsheet. A table aligns wide
//! characters. JSON and CSV carry the English column names; JSON the values as they are, CSV without control characters
//! and with a `'` before what a spreadsheet would take for a formula.

use std::io::Write;

use chrono_tz::Tz;
use clap::ValueEnum;
use serde_json::{Map, Value, json};
use unicode_width::UnicodeWidthStr;

use super::exit::Failure;
use crate::core::Instant;
use crate::core::line::{escaped_json, plain};
use crate::tell::time_words;

/// How an answer is written: for people, for programs, for spreadsheets. (The values have no help of their own: it would
/// spread every help page.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    #[default]
    Table,
    Json,
    Csv,
}

impl Format {
    /// An instant for people, or with its place's offset for programs.
    pub fn instant(self, at: Instant, zone: Tz) -> Value {
        match self {
            Self::Table => json!(time_words::instant(at, zone)),
            Self::Json | Self::Csv => json!(at.with_timezone(&zone).to_rfc3339()),
        }
    }
}

/// Rows under columns, each named for programs.
#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Vec<Value>>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: &[&'static str]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, a value for each column.
    pub fn add(&mut self, row: Vec<Value>) {
        debug_assert_eq!(row.len(), self.columns.len());
        self.rows.push(row);
    }

    /// Writes the rows in a format; `titles` are the columns' names for people.
    pub fn write(&self, format: Format, titles: &[&str], out: &mut dyn Write) -> Result<(), Failure> {
        match format {
            Format::Table => {
                let header = titles.iter().map(|title| (*title).to_owned()).collect();
                let rows = self.rows.iter().map(|row| row.iter().map(text_of).collect());
                let rows: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
                Ok(out.write_all(align(&rows).as_bytes())?)
            }
            Format::Json => write_json(&Value::Array(self.rows.iter().map(|row| self.object(row)).collect()), out),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                let failed = |error: csv::Error| match error.into_kind() {
                    csv::ErrorKind::Io(error) => Failure::from(error),
                    other => Failure::internal(format!("{other:?}")),
                };
                writer.write_record(&self.columns).map_err(failed)?;
                for row in &self.rows {
                    writer.write_record(row.iter().map(cell_of)).map_err(failed)?;
                }
                Ok(writer.flush()?)
            }
        }
    }

    fn object(&self, row: &[Value]) -> Value {
        let pairs = self.columns.iter().zip(row).map(|(name, value)| ((*name).to_owned(), value.clone()));
        Value::Object(pairs.collect::<Map<_, _>>())
    }
}

/// Writes a value as JSON over several lines.
pub fn write_json(value: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "{}", escaped_json(&format!("{value:#}")))?;
    Ok(())
}

/// Lays rows out in columns, two blanks apart, as wide as their widest text.
pub fn align(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|text| plain(text)).collect()).collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|text| text.width()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or_default()).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&pad(cell, *width));
            line.push_str("  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A text and blanks up to a width on the terminal.
pub fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A value in a spreadsheet's cell: what begins like a formula and is no number is marked as text.
fn cell_of(value: &Value) -> String {
    let text = plain(&text_of(value));
    let is_amount = |rest: &str| rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    let runs = match text.trim_start().chars().next() {
        Some('=' | '@' | '＝' | '＋' | '－' | '＠') => true,
        Some('+' | '-') => !is_amount(&text.trim_start()[1..]),
        _ => false,
    };
    if runs { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format) -> String {
        let mut table = Table::new(&["code", "title", "days"]);
        table.add(vec!["A-1".into(), "施工许可".into(), 3.into()]);
        table.add(vec!["B-22".into(), "a\u{1b}[31m,\nb".into(), Value::Null]);
        let mut out = Vec::new();
        table.write(format, &["编号", "事项", "天数"], &mut out).expect("written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn wide_characters_align_and_nothing_steers_the_terminal() {
        assert_eq!(written(Format::Table), "编号  事项       天数\nA-1   施工许可   3\nB-22  a [31m, b\n");
    }

    #[test]
    fn a_spreadsheet_runs_nothing_and_numbers_stay_numbers() {
        for (text, cell) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("\t=1+1", "' =1+1"),
            ("@SUM(1)", "'@SUM(1)"),
            ("＝1+1", "'＝1+1"),
            ("-2+3", "'-2+3"),
            ("+cmd|x!A", "'+cmd|x!A"),
            ("-1.5wd", "-1.5wd"),
            ("-", "-"),
            ("施工=许可", "施工=许可"),
        ] {
            assert_eq!(cell_of(&text.into()), cell, "{text:?}");
        }
        assert_eq!(cell_of(&(-3).into()), "-3");
    }

    #[test]
    fn programs_get_names_and_values() {
        assert_eq!(written(Format::Csv), "code,title,days\nA-1,施工许可,3\nB-22,\"a [31m, b\",\n");
        let rows: Vec<Map<String, Value>> = serde_json::from_str(&written(Format::Json)).expect("JSON");
        assert_eq!((rows[0]["days"].as_i64(), rows[1]["days"].is_null()), (Some(3), true));
    }
}
