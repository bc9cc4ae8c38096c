//! **Sample**: the first rows of a poll for people, as they came and as they were mapped.

use std::collections::BTreeSet;

use super::mapping::reading::Reading;
use super::table::Cell;
use super::{Fetched, Rejection};
use crate::core::item::Item;
use crate::core::value::Name;

/// One row, before and after the mapping.
#[derive(Debug)]
pub struct Shown {
    /// Where people find it: `tickets.csv:12`.
    pub place: String,
    /// Its cells, under [`Fetched::columns`]; nothing where the source says nothing.
    pub cells: Vec<Option<String>>,
    /// What became of it.
    pub outcome: Result<Item, Rejection>,
}

impl Fetched {
    /// The columns that were found, in their order.
    pub fn columns(&self) -> &[Name] {
        self.table.columns()
    }

    /// The columns that the mapping does not name. Items may keep them all the same; a map sees them all.
    pub fn unused(&self) -> Vec<&Name> {
        if self.plan.has_map() {
            return Vec::new();
        }
        let used: BTreeSet<usize> = self.plan.at.iter().copied().collect();
        let unused = self.columns().iter().enumerate().filter(|(at, name)| !used.contains(at) && !name.is_empty());
        unused.map(|(_, name)| name).collect()
    }

    /// The first rows; of rows that are the same only the first one.
    pub fn head(&self, count: usize) -> Vec<Shown> {
        let mut reading = Reading::new(&self.plan, self.columns().len());
        let mut head = Vec::new();
        for chunk in 0..self.chunks() {
            self.table.visit(chunk, &mut |row| {
                if head.len() == count {
                    return;
                }
                if let Some(outcome) = self.map_row(&mut reading, &row) {
                    let cells = row.cells.iter().map(shown).collect();
                    head.push(Shown { place: self.table.place(row.number), cells, outcome });
                }
            });
            if head.len() == count {
                break;
            }
        }
        head
    }

    /// Shows the cells of the first rows, whatever they mean.
    pub(super) fn cells(&self, count: usize, see: &mut dyn FnMut(&[Cell<'_>])) {
        let mut left = count;
        for chunk in 0..self.chunks() {
            self.table.visit(chunk, &mut |row| {
                if left > 0 {
                    left -= 1;
                    see(row.cells);
                }
            });
            if left == 0 {
                return;
            }
        }
    }
}

fn shown(cell: &Cell<'_>) -> Option<String> {
    match cell {
        Cell::Bytes => Some("\u{fffd}".to_owned()),
        cell => cell.text().map(std::borrow::Cow::into_owned),
    }
}
