//! **Reshaped**: a table whose rows a map has seen. Beside the source's own columns it has those of the mapping, with
//! what the map gave; items keep the source's own.
//!
//! **Invariant:** what the map left out on purpose is not there; a row on which the map broke is a row with a flaw.

use std::borrow::Cow;

use super::mapping::Mapping;
use super::packed::Packed;
use super::table::{CHUNK, Cell, Row, Table, cut, proposal};
use crate::core::value::{Name, Value};
use crate::rules::maps::{Given, MOST_COLUMNS, RowMap, seen};

/// A table, and what a map says of its rows.
pub(super) struct Reshaped {
    own: Box<dyn Table>,
    columns: Vec<Name>,
    /// For each chunk the mapping's columns of all of its rows.
    given: Vec<Packed>,
    left_out: Vec<bool>,
    left_out_rows: usize,
}

/// Where the mapping's columns stand in the source's own.
struct Reshaping<'m> {
    mapping: &'m Mapping,
    map: &'m RowMap,
    places: Vec<Option<usize>>,
    /// The source's own columns that can be told apart.
    seen: Vec<(usize, Name)>,
    /// The source's own column of the id, if no map gives another one.
    id: Option<usize>,
}

/// What becomes of a row.
enum Fate {
    Kept(Given),
    LeftOut,
    Broken(String),
}

impl Reshaped {
    /// Shows every row to the map. `places` are the mapping's columns in the table, where it has them; the error says
    /// that there is too much.
    pub fn new(
        own: Box<dyn Table>,
        mapping: &Mapping,
        map: &RowMap,
        places: Vec<Option<usize>>,
    ) -> Result<Self, String> {
        let names = own.columns();
        if names.len() > MOST_COLUMNS {
            return Err(format!("expected at most {MOST_COLUMNS} columns for a map, got {}", names.len()));
        }
        let alone =
            |(_, name): &(usize, Name)| !name.is_empty() && names.iter().filter(|other| *other == name).count() == 1;
        let seen = names.iter().cloned().enumerate().filter(alone).collect();
        let id = places[mapping.id_number()].filter(|_| !map.gives(mapping.id_column()));
        let reshaping = Reshaping { mapping, map, places, seen, id };
        let columns = names.iter().cloned().chain(mapping.columns().iter().map(|name| name.as_str().into())).collect();
        let mut given = Vec::with_capacity(own.chunks());
        let mut left_out = Vec::with_capacity(own.rows());
        for chunk in 0..own.chunks() {
            given.push(reshaping.chunk(&*own, chunk, &mut left_out)?);
        }
        let left_out_rows = left_out.iter().filter(|left_out| **left_out).count();
        Ok(Self { own, columns, given, left_out, left_out_rows })
    }

    /// How many rows the map left out.
    pub const fn left_out(&self) -> usize {
        self.left_out_rows
    }
}

impl Reshaping<'_> {
    fn chunk(&self, own: &dyn Table, chunk: usize, left_out: &mut Vec<bool>) -> Result<Packed, String> {
        let mut given = Packed::new("", self.mapping.columns().iter().map(|name| name.as_str().into()));
        let mut problem = Ok(());
        own.visit(chunk, &mut |row| {
            if problem.is_ok() {
                problem = given.begin(row.number);
                left_out.push(self.put(&row, &mut given));
            }
        });
        problem.map(|()| given)
    }

    /// Puts the mapping's columns of one row; whether it is left out.
    fn put(&self, row: &Row<'_, '_>, table: &mut Packed) -> bool {
        let fate = if row.flaw.is_some() { Fate::Broken(String::new()) } else { self.fate(row.cells) };
        match fate {
            Fate::LeftOut => return true,
            Fate::Kept(given) => {
                for (column, name) in self.mapping.columns().iter().enumerate() {
                    let own = self.places[column].and_then(|place| row.cells.get(place));
                    match given.get(name) {
                        Some(value) if own.is_none_or(|own| !self.is_unchanged(own, &value)) => {
                            table.put(column, &cell(&value));
                        }
                        _ => own.into_iter().for_each(|own| table.put(column, own)),
                    }
                }
            }
            Fate::Broken(problem) => {
                // Whose row it is, if that does not hang on the map.
                if let Some(id) = self.id.and_then(|place| row.cells.get(place)) {
                    table.put(self.mapping.id_number(), id);
                }
                if !problem.is_empty() {
                    table.flaw(problem);
                }
            }
        }
        false
    }

    fn fate(&self, cells: &[Cell<'_>]) -> Fate {
        // Bytes that are no text are not there for a map, which then says that it misses them.
        let there = self.seen.iter().filter_map(|(at, name)| Some((&**name, cells.get(*at)?)));
        let there = there.filter(|(_, cell)| **cell != Cell::Bytes);
        let texts: Vec<(&str, Option<Cow<'_, str>>)> = there.map(|(name, cell)| (name, cell.text())).collect();
        let known = |text: &&str| !self.mapping.is_missing(text);
        match self.map.row(texts.iter().map(|(name, text)| (*name, text.as_deref().filter(known)))) {
            Ok(None) => Fate::LeftOut,
            Ok(Some(given)) => match self.complaint(&given, cells) {
                Some(problem) => Fate::Broken(problem),
                None => Fate::Kept(given),
            },
            Err(error) => Fate::Broken(error.line()),
        }
    }

    /// What is wrong with the columns that the map gave.
    fn complaint(&self, given: &Given, cells: &[Cell<'_>]) -> Option<String> {
        let names = || self.mapping.columns().iter().map(String::as_str);
        let is_known =
            |column: &&str| names().chain(self.seen.iter().map(|(_, name)| &**name)).any(|name| name == *column);
        if let Some(stray) = given.columns().find(|column| !is_known(column)) {
            let meant = proposal(stray, names());
            return Some(format!(
                "the map: expected columns of the source or of the mapping, got {}{meant}",
                cut(stray)
            ));
        }
        // Whose row it was would not be known when the map breaks.
        let (own, name) = (cells.get(self.id?)?, self.mapping.id_column());
        let is_other = given.get(name).is_some_and(|value| !self.is_unchanged(own, &value));
        is_other
            .then(|| format!("the map: expected that its text writes \"{name}\" as a key, because it gives another id"))
    }

    /// Whether a map gave a cell back as it had seen it.
    fn is_unchanged(&self, own: &Cell<'_>, value: &Value) -> bool {
        let text = own.text();
        match (text.as_deref().filter(|text| !self.mapping.is_missing(text)), value) {
            (Some(own), Value::Text(text)) => seen(own) == &**text,
            (None, Value::Missing) => *own != Cell::Bytes,
            _ => false,
        }
    }
}

/// A column that a map gave, as a cell.
fn cell(value: &Value) -> Cell<'_> {
    match value {
        Value::Int(number) => Cell::Int(*number),
        Value::Float(number) => Cell::Float(*number),
        Value::Bool(yes) => Cell::Text(yes.to_string().into()),
        Value::Text(text) => Cell::Text((&**text).into()),
        _ => Cell::Null,
    }
}

impl Table for Reshaped {
    fn columns(&self) -> &[Name] {
        &self.columns
    }

    fn rows(&self) -> usize {
        self.own.rows() - self.left_out_rows
    }

    fn chunks(&self) -> usize {
        self.own.chunks()
    }

    fn visit<'t>(&'t self, chunk: usize, see: &mut dyn FnMut(Row<'t, '_>)) {
        let Some(given) = self.given.get(chunk) else { return };
        let mut rows = Vec::with_capacity(CHUNK);
        for part in 0..given.chunks() {
            given.visit(part, &mut |row| rows.push((row.cells.to_vec(), row.flaw)));
        }
        let mut given = rows.into_iter();
        let width = self.own.columns().len();
        let mut cells = Vec::with_capacity(self.columns.len());
        self.own.visit(chunk, &mut |row| {
            let (more, flaw) = given.next().unwrap_or_default();
            if self.left_out.get(row.index) == Some(&true) {
                return;
            }
            cells.clear();
            cells.extend(row.cells.iter().take(width).cloned());
            cells.resize(width, Cell::Null);
            cells.extend(more);
            see(Row { index: row.index, number: row.number, cells: &cells, flaw: row.flaw.or(flaw) });
        });
    }

    fn place(&self, number: u64) -> String {
        self.own.place(number)
    }
}
