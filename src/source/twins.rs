//! **Twins**: rows of one poll with the same id. Equal ones are one item; of different ones nobody knows which is
//! right, so all of them are kept out and the item keeps its last good state.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use super::table::{Cell, Row, Table};
use crate::core::digest::Digest;

/// What is known about rows whose id occurs more than once, by their position.
pub(super) type Twins = HashMap<usize, Twin>;

/// Why a row is not read although nothing is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Twin {
    /// An equal row came before.
    Copy,
    /// Another row says something else about the same id.
    Ambiguous(String),
}

struct Sighting {
    index: usize,
    number: u64,
    content: Digest,
}

/// Finds the rows of `table` that share their text in column `id`; they are equal if they agree in `telling`.
pub(super) fn find(table: &dyn Table, id: usize, telling: &[usize]) -> Twins {
    let suspects = suspects(table, id);
    let mut twins = Twins::new();
    if suspects.is_empty() {
        return twins;
    }
    for (id, rows) in sightings(table, id, telling, &suspects) {
        if rows.iter().all(|row| row.content == rows[0].content) {
            twins.extend(rows.iter().skip(1).map(|row| (row.index, Twin::Copy)));
        } else {
            let places: Vec<String> = rows.iter().take(5).map(|row| row.number.to_string()).collect();
            let more = if rows.len() > places.len() { " …" } else { "" };
            let reason = format!("id \"{}\" stands in rows {}{more} that differ", id.escape_debug(), places.join(", "));
            twins.extend(rows.iter().map(|row| (row.index, Twin::Ambiguous(reason.clone()))));
        }
    }
    twins
}

/// Rows whose id has the same hash as another row's: nearly always none, so that ids are not kept.
fn suspects(table: &dyn Table, id: usize) -> HashSet<usize> {
    let state = RandomState::new();
    let mut hashes = Vec::with_capacity(table.rows());
    each_id(table, id, &mut |text, row| hashes.push((state.hash_one(text), row.index)));
    hashes.sort_unstable();
    let same = hashes.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    same.flat_map(|pair| [pair[0].1, pair[1].1]).collect()
}

fn sightings(
    table: &dyn Table,
    id: usize,
    telling: &[usize],
    suspects: &HashSet<usize>,
) -> HashMap<String, Vec<Sighting>> {
    let mut by_id: HashMap<String, Vec<Sighting>> = HashMap::new();
    each_id(table, id, &mut |text, row| {
        if suspects.contains(&row.index) {
            let (index, number, cells) = (row.index, row.number, row.cells);
            let content = content(telling.iter().map(|&column| if column == id { None } else { cells.get(column) }));
            by_id.entry(text.to_owned()).or_default().push(Sighting { index, number, content });
        }
    });
    by_id
}

type See<'s> = dyn FnMut(&str, &Row<'_, '_>) + 's;

fn each_id(table: &dyn Table, id: usize, see: &mut See<'_>) {
    for chunk in 0..table.chunks() {
        table.visit(chunk, &mut |row| {
            let text = row.cells.get(id).and_then(Cell::text).unwrap_or_default();
            if !text.trim().is_empty() {
                see(text.trim(), &row);
            }
        });
    }
}

fn content<'c>(cells: impl Iterator<Item = Option<&'c Cell<'c>>>) -> Digest {
    let texts: Vec<(u8, String)> = cells
        .map(|cell| match cell {
            None | Some(Cell::Null) => (0, String::new()),
            Some(Cell::Bytes) => (1, String::new()),
            Some(cell) => (2, cell.text().unwrap_or_default().into_owned()),
        })
        .collect();
    Digest::of(texts.iter().flat_map(|(kind, text)| [std::slice::from_ref(kind), text.as_bytes()]))
}
