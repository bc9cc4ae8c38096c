//! A mapping laid over the columns that a poll really has.

use std::sync::Arc;

use super::Mapping;
use super::reading::id_of;
use crate::core::value::Name;
use crate::source::table::{Cell, proposal};

/// A mapping with its columns found.
#[derive(Debug)]
pub(in crate::source) struct Plan {
    pub(super) mapping: Arc<Mapping>,
    /// The mapping's columns → the table's.
    pub(in crate::source) at: Vec<usize>,
    /// The table's columns that an item keeps as they came.
    pub(super) raw: Vec<(usize, Name)>,
}

impl Plan {
    /// A mapping over a source's own `columns`; `at` says where the table has the mapping's.
    pub fn new(mapping: Arc<Mapping>, columns: &[Name], at: Vec<usize>) -> Self {
        let raw = if mapping.raw { kept(columns) } else { Vec::new() };
        Self { mapping, at, raw }
    }

    /// The plan of a mapping that only looks: no column is sought.
    pub fn of_nothing(mapping: Arc<Mapping>) -> Self {
        let at = vec![0; mapping.columns().len()];
        Self { mapping, at, raw: Vec::new() }
    }

    /// Whether a map sees the rows first.
    pub fn has_map(&self) -> bool {
        self.mapping.map().is_some()
    }

    /// The table's column of the id.
    pub fn id(&self) -> usize {
        self.at[self.mapping.id]
    }

    /// The id that a row says, if it can be read.
    pub fn id_of(&self, row: &[Cell<'_>]) -> Option<Arc<str>> {
        row.get(self.id()).and_then(|cell| id_of(cell).ok())
    }

    /// The table's columns that can make two items differ.
    pub fn telling(&self) -> Vec<usize> {
        if self.mapping.raw { self.raw.iter().map(|(column, _)| *column).collect() } else { self.at.clone() }
    }
}

/// Finds the mapping's columns; those that a map gives may be absent. The error says which are not there, or are there
/// twice.
pub(in crate::source) fn places(mapping: &Mapping, columns: &[Name]) -> Result<Vec<Option<usize>>, String> {
    let mut problems = Vec::new();
    let mut places = Vec::new();
    for wanted in mapping.columns() {
        let mut found = columns.iter().enumerate().filter(|(_, there)| &***there == wanted.as_str());
        let (first, second) = (found.next().map(|(place, _)| place), found.next());
        places.push(first);
        if second.is_some() {
            problems.push(format!("expected one column \"{wanted}\", got several"));
        } else if first.is_none() && !mapping.is_given(wanted) {
            let meant = proposal(wanted, columns.iter().map(|there| &**there));
            problems.push(format!("expected column \"{wanted}\"{meant}"));
        }
    }
    if problems.is_empty() {
        return Ok(places);
    }
    let there: Vec<String> = columns.iter().take(60).map(|name| name.escape_debug().to_string()).collect();
    let more = if columns.len() > 60 { ", …" } else { "" };
    Err(format!("{}; the columns are: {}{more}", problems.join("; "), there.join(", ")))
}

/// Columns with a name, in the order of their names, so that a column that is moved changes no item; of several with the
/// same name the first.
fn kept(columns: &[Name]) -> Vec<(usize, Name)> {
    let mut kept: Vec<(usize, Name)> = Vec::new();
    for (column, name) in columns.iter().enumerate() {
        if !name.is_empty() && kept.iter().all(|(_, other)| other != name) {
            kept.push((column, name.clone()));
        }
    }
    kept.sort_unstable_by(|(_, a), (_, b)| a.cmp(b));
    kept
}
