//! Tables as both engines have them: their columns, their order, their rows.

use std::collections::BTreeSet;

use super::{Result, TransferError};
use crate::core::audit::Head;

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    /// Tables that its rows refer to.
    pub refers_to: BTreeSet<String>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Number,
    Text,
    /// Where an engine has it; 0 and 1 elsewhere.
    Boolean,
}

/// A value; a boolean is 0 or 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    Empty,
    Number(i64),
    Text(String),
}

/// A row, in the order of the table's columns.
pub type Row = Vec<Cell>;

impl Table {
    /// The columns for a statement.
    pub fn column_list(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|column| quoted(&column.name)).collect();
        names.join(", ")
    }

    /// The end of a statement that selects its rows: those of the audit trail by their numbers, any others in any order.
    pub fn order(&self) -> &'static str {
        if self.name == "audit" { " ORDER BY seq" } else { "" }
    }
}

/// The statement that puts the end of the audit trail down, in both dialects.
pub fn put_head(head: Head) -> String {
    let Head { seq, hash } = head;
    format!(
        "INSERT INTO audit_head (one, seq, hash) VALUES (1, {seq}, '{hash}')
         ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash"
    )
}

/// A name for a statement, in both dialects.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The tables such that each comes after those that it refers to; apart from that, by name.
pub fn in_order(mut tables: Vec<Table>) -> Result<Vec<Table>> {
    tables.sort_by(|one, other| one.name.cmp(&other.name));
    let mut ordered: Vec<Table> = Vec::new();
    while !tables.is_empty() {
        let is_free = |table: &Table| {
            table.refers_to.iter().all(|name| *name == table.name || ordered.iter().any(|done| done.name == *name))
        };
        let Some(next) = tables.iter().position(is_free) else {
            return Err(TransferError::Unlike(format!("{} refers in a circle", tables[0].name)));
        };
        ordered.push(tables.remove(next));
    }
    Ok(ordered)
}

/// A table on both sides, its columns in the same order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub source: Table,
    pub target: Table,
}

/// The tables in the order of the target's, if both schemas have the same tables with the same columns.
pub fn pair(source: &[Table], target: Vec<Table>) -> Result<Vec<Pair>> {
    let (here, there) = (names(source), names(&target));
    if let Some(column) = here.symmetric_difference(&there).next() {
        let side = if here.contains(column) { "source" } else { "target" };
        return Err(TransferError::Unlike(format!("only the {side} has {column}")));
    }
    let pair = |target: Table| {
        let mut source = source.iter().find(|source| source.name == target.name).cloned()?;
        source.columns.sort_by_key(|column| target.columns.iter().position(|other| other.name == column.name));
        Some(Pair { source, target })
    };
    Ok(target.into_iter().filter_map(pair).collect())
}

/// Every column by its full name and what it holds.
fn names(tables: &[Table]) -> BTreeSet<String> {
    let columns = tables.iter().flat_map(|table| {
        table.columns.iter().map(|column| {
            let kind = if column.kind == Kind::Text { "text" } else { "number" };
            format!("{}.{} ({kind})", table.name, column.name)
        })
    });
    columns.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, refers_to: &[&str]) -> Table {
        let column = Column { name: "at".into(), kind: Kind::Number };
        Table {
            name: name.into(),
            columns: vec![column],
            refers_to: refers_to.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn a_table_comes_after_those_that_it_refers_to() {
        let tables = vec![table("a", &["c"]), table("b", &[]), table("c", &["b", "c"])];
        let order: Vec<String> = in_order(tables).expect("an order").into_iter().map(|table| table.name).collect();
        assert_eq!(order, ["b", "c", "a"]);
        in_order(vec![table("a", &["b"]), table("b", &["a"])]).expect_err("a circle");
        in_order(vec![table("a", &["nowhere"])]).expect_err("a loose end");
    }

    #[test]
    fn columns_are_paired_by_their_names() {
        let column = |name: &str, kind| Column { name: name.into(), kind };
        let mut source = table("a", &["a"]);
        source.columns = vec![column("x", Kind::Number), column("y", Kind::Text)];
        let mut target = table("a", &[]);
        target.columns = vec![column("y", Kind::Text), column("x", Kind::Boolean)];
        let pairs = pair(&[source], vec![target.clone()]).expect("a boolean is a number elsewhere");
        assert_eq!(pairs[0].source.columns, [column("y", Kind::Text), column("x", Kind::Number)]);
        assert_eq!(pairs[0].target, target);
    }

    #[test]
    fn schemas_that_differ_are_told_by_the_first_difference() {
        let mut other = vec![table("a", &[])];
        other[0].columns.push(Column { name: "x".into(), kind: Kind::Text });
        let refused = pair(&[table("a", &[])], other).expect_err("a column more");
        assert_eq!(refused.to_string(), "the two schemas differ: only the target has a.x (text)");
        let refused = pair(&[table("a", &[]), table("b", &[])], vec![table("a", &[])]).expect_err("a table more");
        assert_eq!(refused.to_string(), "the two schemas differ: only the source has b.at (number)");
    }
}
