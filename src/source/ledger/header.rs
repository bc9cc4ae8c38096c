//! The header of a sheet: which rows it is, and what its columns are called.
//!
//! A header may have several rows: "受理" over "时间" is the column "受理时间", and the text of a merged cell holds for all
//! the columns and rows that it covers.

use super::values::Value;
use crate::core::value::Name;

/// A header may begin in one of the first rows …
pub(super) const LAST_START: u32 = 50;

/// … and has at most so many.
pub(super) const MOST_ROWS: u32 = 3;

/// The most columns that a sheet may have.
pub(super) const MOST_COLUMNS: u32 = 1024;

/// Cells that are one: rows and columns, from 0, the last ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Merge {
    pub rows: (u32, u32),
    pub columns: (u32, u32),
}

/// The first rows of a sheet, from which the header is read.
#[derive(Debug, Default)]
pub(super) struct Head {
    rows: Vec<HeadRow>,
    merges: Vec<Merge>,
}

/// A row by its index from 0, with its cells by their column.
#[derive(Debug)]
pub(super) struct HeadRow {
    pub index: u32,
    pub cells: Vec<(u32, Value<'static>)>,
}

/// A header that was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Its first and last row, from 0.
    pub rows: (u32, u32),
    /// The columns' names up to the last that has one.
    pub columns: Vec<Name>,
}

impl Head {
    /// Cells that are one.
    pub fn merge(&mut self, merge: Merge) {
        if merge.rows.0 <= LAST_START.max(self.rows.last().map_or(0, |row| row.index)) + MOST_ROWS {
            self.merges.push(merge);
        }
    }

    /// One more row, which lies below the others.
    pub fn push(&mut self, row: HeadRow) {
        self.rows.push(row);
    }

    /// The rows, when the header is known.
    pub fn into_rows(self) -> Vec<HeadRow> {
        self.rows
    }

    /// The header: the first rows that hold all of `wanted`, or, if no rows do, those that hold the most. `start` is
    /// its first row if that is known. `None` if there is nothing.
    pub fn header(&self, wanted: &[String], start: Option<u32>) -> Option<Header> {
        let starts: Vec<u32> = match start {
            Some(start) => vec![start],
            None => self.rows.iter().map(|row| row.index).filter(|index| *index < LAST_START).collect(),
        };
        let mut best: Option<(usize, Header)> = None;
        for height in 1..=MOST_ROWS {
            for &start in &starts {
                let header = self.named(start, start + height - 1);
                let held = wanted.iter().filter(|name| header.columns.iter().any(|there| **there == **name)).count();
                if held == wanted.len() {
                    return Some(self.whole(header, wanted));
                }
                if best.as_ref().is_none_or(|(most, _)| held > *most) && !header.columns.is_empty() {
                    best = Some((held, header));
                }
            }
        }
        best.map(|(_, header)| header)
    }

    /// The header down to where its merged cells end.
    fn whole(&self, header: Header, wanted: &[String]) -> Header {
        let (first, last) = header.rows;
        let reach = |merge: &&Merge| merge.rows.0 <= last && merge.rows.0 >= first;
        let end = self.merges.iter().filter(reach).map(|merge| merge.rows.1).max().unwrap_or(last);
        let end = end.clamp(last, first + MOST_ROWS - 1);
        let longer = self.named(first, end);
        let holds = |name: &String| longer.columns.iter().any(|there| **there == **name);
        if wanted.iter().all(holds) { longer } else { Header { rows: (first, end), ..header } }
    }

    /// What the columns are called if these rows are the header.
    fn named(&self, first: u32, last: u32) -> Header {
        let width = self.rows.iter().filter(|row| (first..=last).contains(&row.index));
        let width = width.flat_map(|row| row.cells.iter().map(|(column, _)| column + 1)).max().unwrap_or(0);
        let merged = self.merges.iter().filter(|merge| merge.rows.0 <= last && merge.rows.1 >= first);
        let width = merged.map(|merge| merge.columns.1.saturating_add(1)).max().unwrap_or(0).max(width);
        let mut columns: Vec<Name> =
            (0..width.min(MOST_COLUMNS)).map(|column| self.name(column, first, last).as_str().into()).collect();
        while columns.last().is_some_and(|name| name.is_empty()) {
            columns.pop();
        }
        Header { rows: (first, last), columns }
    }

    fn name(&self, column: u32, first: u32, last: u32) -> String {
        let mut name = String::new();
        let mut seen = None;
        for row in first..=last {
            let covers = |merge: &&Merge| {
                (merge.rows.0..=merge.rows.1).contains(&row) && (merge.columns.0..=merge.columns.1).contains(&column)
            };
            let at = self.merges.iter().find(covers).map_or((row, column), |merge| (merge.rows.0, merge.columns.0));
            if seen.replace(at) != Some(at) {
                for line in self.text(at).lines() {
                    append(&mut name, line.trim());
                }
            }
        }
        name
    }

    fn text(&self, (row, column): (u32, u32)) -> String {
        let found = self.rows.binary_search_by_key(&row, |row| row.index).ok();
        let cells = found.map_or(&[][..], |at| &self.rows[at].cells);
        match cells.iter().find(|(there, _)| *there == column) {
            Some((_, Value::Text(text))) => text.clone().into_owned(),
            Some((_, Value::Int(number))) => number.to_string(),
            _ => String::new(),
        }
    }
}

/// Puts the parts of a name together: words of letters need a space, Chinese ones none.
fn append(name: &mut String, part: &str) {
    let words = name.ends_with(|c: char| c.is_ascii()) && part.starts_with(|c: char| c.is_ascii());
    if words {
        name.push(' ');
    }
    name.push_str(part);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of cells; "<" continues the cell to the left, "^" the one above.
    fn head(rows: &[&[&str]]) -> Head {
        let mut head = Head::default();
        for (index, row) in rows.iter().enumerate() {
            let index = u32::try_from(index).expect("few");
            let cells = row.iter().enumerate().filter(|(_, text)| !["", "<", "^"].contains(text));
            let cells =
                cells.map(|(column, text)| (u32::try_from(column).expect("few"), Value::text((*text).to_owned())));
            head.push(HeadRow { index, cells: cells.collect() });
        }
        for (row, cells) in rows.iter().enumerate() {
            for (column, text) in cells.iter().enumerate().filter(|(_, text)| !["<", "^"].contains(text)) {
                let right = cells[column + 1..].iter().take_while(|text| **text == "<").count();
                let down = rows[row + 1..].iter().take_while(|below| below.get(column) == Some(&"^")).count();
                if right + down > 0 && !text.is_empty() {
                    let at = |number: usize| u32::try_from(number).expect("few");
                    head.merge(Merge { rows: (at(row), at(row + down)), columns: (at(column), at(column + right)) });
                }
            }
        }
        head
    }

    fn found(rows: &[&[&str]], wanted: &[&str], start: Option<u32>) -> (u32, u32, String) {
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let header = head(rows).header(&wanted, start).expect("header");
        let names: Vec<&str> = header.columns.iter().map(|name| &**name).collect();
        (header.rows.0, header.rows.1, names.join(","))
    }

    #[test]
    fn a_header_is_found_below_titles() {
        let rows: &[&[&str]] =
            &[&["办件台账", "<", "<"], &["制表: 2026"], &["编号", "标题", "受理时间"], &["1", "x", "y"]];
        assert_eq!(found(rows, &["编号", "标题"], None), (2, 2, "编号,标题,受理时间".into()));
        assert_eq!(found(rows, &["编号", "缺"], None), (2, 2, "编号,标题,受理时间".into()), "the most of them");
        assert_eq!(found(rows, &["缺"], None), (0, 0, "办件台账,办件台账,办件台账".into()));
        assert_eq!(found(rows, &["x"], Some(3)), (3, 3, "1,x,y".into()));
        assert_eq!(head(&[]).header(&["x".to_owned()], None), None);
    }

    #[test]
    fn merged_cells_name_all_their_columns() {
        let rows: &[&[&str]] = &[
            &["台账", "<", "<", "<", "<", "<"],
            &["编号", "受理", "<", "办结", "<", "Handed"],
            &["^", "时间", "人", "时间", "人", "over"],
            &["1", "a", "b", "c", "d", "e"],
        ];
        let names = "编号,受理时间,受理人,办结时间,办结人,Handed over";
        assert_eq!(found(rows, &["编号", "受理时间", "办结人"], None), (1, 2, names.into()));
        assert_eq!(found(rows, &["编号"], None), (1, 2, names.into()), "the second row is no data");
        assert_eq!(found(rows, &["编号"], Some(1)), (1, 2, names.into()));
    }

    #[test]
    fn line_breaks_in_a_header_are_no_part_of_its_name() {
        assert_eq!(found(&[&["受理\n时间", "received\nat", " id "]], &["受理时间"], None).2, "受理时间,received at,id");
    }
}
