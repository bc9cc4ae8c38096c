//! Tickets in the way in which each system writes them.

use std::fmt::Write as _;

use chrono::{FixedOffset, NaiveDateTime};
use serde_json::{Value as Json, json};

use super::tickets::{Cell, Table};

/// How a database writes what it is told in SQL.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
    MariaDb,
}

/// The statements that make a table with its rows, each of a size that every server takes.
pub fn statements(table: &Table, dialect: Dialect) -> Vec<String> {
    let quote = if dialect == Dialect::MariaDb { '`' } else { '"' };
    let column = |&(name, postgres, mariadb): &(&str, &str, &str)| match dialect {
        // Of SQLite every value has a type of its own.
        Dialect::Sqlite => format!("{quote}{name}{quote}"),
        Dialect::Postgres => format!("{quote}{name}{quote} {postgres}"),
        Dialect::MariaDb => format!("{quote}{name}{quote} {mariadb}"),
    };
    let columns: Vec<String> = table.columns.iter().map(column).collect();
    let mut statements = vec![format!("CREATE TABLE {} ({})", table.name, columns.join(", "))];
    for rows in table.rows.chunks(500) {
        let row = |row: &Vec<Cell>| {
            let values: Vec<String> = row.iter().map(|cell| literal(cell, dialect)).collect();
            format!("({})", values.join(", "))
        };
        let rows: Vec<String> = rows.iter().map(row).collect();
        // On MariaDB a backslash would be more than that, and an instant be read in the session's zone.
        let before = match dialect {
            Dialect::MariaDb => "SET sql_mode = 'NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES', time_zone = '+00:00'; ",
            _ => "",
        };
        statements.push(format!("{before}INSERT INTO {} VALUES {}", table.name, rows.join(", ")));
    }
    statements
}

fn literal(cell: &Cell, dialect: Dialect) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    match (cell, dialect) {
        (Cell::Nothing, _) => "NULL".to_owned(),
        (Cell::Instant(at), Dialect::MariaDb) => quoted(&at.format("%Y-%m-%d %H:%M:%S").to_string()),
        (Cell::Truth(yes), Dialect::Sqlite) => u8::from(*yes).to_string(),
        (Cell::Truth(yes), _) => yes.to_string(),
        (Cell::Real(number), _) => format!("{number:e}"),
        (Cell::Whole(number), _) => number.to_string(),
        (Cell::Hundredths(_), _) => text(cell),
        _ => quoted(&text(cell)),
    }
}

/// A table as CSV, which is written by hand: nothing is left to the reader's twin.
pub fn csv(table: &Table) -> String {
    let names: Vec<&str> = table.columns.iter().map(|(name, ..)| *name).collect();
    let mut file = format!("{}\r\n", names.join(","));
    for row in &table.rows {
        let cell = |cell: &Cell| {
            let text = text(cell);
            if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
        };
        let cells: Vec<String> = row.iter().map(cell).collect();
        write!(file, "{}\r\n", cells.join(",")).expect("a text takes everything");
    }
    file
}

/// The rows as a JSON API tells them: what is nothing is `null`, or is left out.
pub fn api_rows(table: &Table) -> Vec<String> {
    let row = |(at, row): (usize, &Vec<Cell>)| {
        let cells = row.iter().zip(table.columns).map(|(cell, (name, ..))| (*name, cell));
        // Every third row speaks of everything.
        let told = cells.filter(|(_, cell)| at % 3 == 1 || !matches!(cell, Cell::Nothing));
        let cells = told.map(|(name, cell)| format!("{}:{}", json!(name), api_value(cell)));
        format!("{{{}}}", cells.collect::<Vec<_>>().join(","))
    };
    table.rows.iter().enumerate().map(row).collect()
}

fn api_value(cell: &Cell) -> String {
    match cell {
        Cell::Nothing => "null".to_owned(),
        Cell::Whole(number) => number.to_string(),
        Cell::Hundredths(_) => text(cell),
        Cell::Real(number) => json!(number).to_string(),
        Cell::Truth(yes) => yes.to_string(),
        Cell::Json(json) => json.to_string(),
        Cell::Wall(wall) => json!(wall_text(*wall).replace(' ', "T")).to_string(),
        Cell::Instant(at) => json!(at.to_rfc3339()).to_string(),
        Cell::Text(_) | Cell::Day(_) => json!(text(cell)).to_string(),
    }
}

/// The rows for the program that writes spreadsheets, a line for each, the first one of names.
pub fn for_spreadsheets(table: &Table) -> String {
    let names: Json = table.columns.iter().map(|(name, ..)| json!(["text", name])).collect();
    let rows = table.rows.iter().map(|row| row.iter().map(spreadsheet_cell).collect::<Json>());
    let lines: Vec<String> = std::iter::once(names).chain(rows).map(|row| row.to_string()).collect();
    lines.join("\n")
}

fn spreadsheet_cell(cell: &Cell) -> Json {
    match cell {
        Cell::Nothing => Json::Null,
        // A spreadsheet keeps fifteen digits.
        Cell::Whole(number) if number.unsigned_abs() < 1_000_000_000_000_000 => json!(["number", number]),
        Cell::Hundredths(_) => json!(["number", text(cell).parse::<f64>().expect("a number")]),
        Cell::Real(number) => json!(["number", number]),
        Cell::Truth(yes) => json!(["truth", yes]),
        Cell::Wall(wall) => json!(["wall", wall.format("%Y-%m-%dT%H:%M:%S%.3f").to_string()]),
        Cell::Day(day) => json!(["day", format!("{day}T00:00:00")]),
        Cell::Text(_) | Cell::Whole(_) | Cell::Instant(_) | Cell::Json(_) => json!(["text", text(cell)]),
    }
}

/// A value as a careful export writes it.
fn text(cell: &Cell) -> String {
    match cell {
        Cell::Nothing => String::new(),
        Cell::Text(text) => text.clone(),
        Cell::Whole(number) => number.to_string(),
        Cell::Hundredths(number) => {
            let (sign, number) = (if *number < 0 { "-" } else { "" }, number.unsigned_abs());
            format!("{sign}{}.{:02}", number / 100, number % 100)
        }
        Cell::Real(number) => number.to_string(),
        Cell::Truth(yes) => if *yes { "是" } else { "否" }.to_owned(),
        Cell::Wall(wall) => wall_text(*wall),
        Cell::Day(day) => day.to_string(),
        Cell::Instant(at) => {
            let east = FixedOffset::east_opt(8 * 3600).expect("an offset");
            at.with_timezone(&east).format("%Y-%m-%d %H:%M:%S%:z").to_string()
        }
        Cell::Json(json) => json.to_string(),
    }
}

fn wall_text(wall: NaiveDateTime) -> String {
    wall.format("%Y-%m-%d %H:%M:%S%.f").to_string()
}
