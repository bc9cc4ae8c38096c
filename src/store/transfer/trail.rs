//! The audit trail on a side: whether it holds, and the entry that says that the store was moved.

use futures_util::StreamExt;

use super::Result;
use super::side::Side;
use super::table::{Cell, Row, Table};
use crate::core::Instant;
use crate::core::audit::{Act, Break, Entry, Head, Walk};

const ENTRIES: &str = "audit";
const HEAD: &str = "audit_head";

/// Walks the trail of a side; the answer is its head, or where it is broken.
pub async fn walk(side: &mut dyn Side, tables: &[Table]) -> Result<std::result::Result<Head, Break>> {
    let end = head(side, tables).await?;
    let Some(table) = named(tables, ENTRIES) else { return Ok(Ok(Head::START)) };
    let mut walk = Walk::default();
    let mut rows = side.rows(table);
    while let Some(row) = rows.next().await {
        let row = row?;
        let unreadable = Break::Altered { seq: walk.at().seq + 1 };
        let passed = entry(table, &row).ok_or(unreadable).and_then(|entry| walk.pass(&entry));
        if let Err(broken) = passed {
            return Ok(Err(broken));
        }
    }
    Ok(walk.end(Some(end)))
}

/// Adds an act to the trail of a side.
pub async fn enter(side: &mut dyn Side, tables: &[Table], act: &Act) -> Result<()> {
    let mut head = head(side, tables).await?;
    let Some(table) = named(tables, ENTRIES) else { return Ok(()) };
    let entry = head.append(act);
    let row = table.columns.iter().map(|column| cell(&entry, &column.name)).collect();
    side.add(table, vec![row]).await?;
    side.put_head(head).await
}

fn named<'t>(tables: &'t [Table], name: &str) -> Option<&'t Table> {
    tables.iter().find(|table| table.name == name)
}

/// The end of the trail as its table says; the start if it cannot be read.
async fn head(side: &mut dyn Side, tables: &[Table]) -> Result<Head> {
    let Some(table) = named(tables, HEAD) else { return Ok(Head::START) };
    let row = side.rows(table).next().await.transpose()?;
    let read = |row: Row| {
        let seq = u64::try_from(number(table, &row, "seq")?).ok()?;
        Some(Head { seq, hash: text(table, &row, "hash")?.parse().ok()? })
    };
    Ok(row.and_then(read).unwrap_or_default())
}

fn entry(table: &Table, row: &Row) -> Option<Entry> {
    let of = |name| text(table, row, name).map(str::to_owned);
    let act = Act {
        at: Instant::from_timestamp_micros(number(table, row, "at")?)?,
        by: of("by")?,
        what: of("what")?,
        subject: of("subject")?,
        why: of("why")?,
        detail: serde_json::from_str(text(table, row, "detail")?).ok()?,
    };
    let seq = u64::try_from(number(table, row, "seq")?).ok()?;
    Some(Entry { seq, act, hash: text(table, row, "hash")?.parse().ok()? })
}

fn cell(entry: &Entry, column: &str) -> Cell {
    let Entry { seq, act, hash } = entry;
    Cell::Text(match column {
        "seq" => return Cell::Number(i64::try_from(*seq).unwrap_or(i64::MAX)),
        "at" => return Cell::Number(act.at.timestamp_micros()),
        "by" => act.by.clone(),
        "what" => act.what.clone(),
        "subject" => act.subject.clone(),
        "why" => act.why.clone(),
        "detail" => act.detail.text().to_owned(),
        "hash" => hash.to_string(),
        _ => return Cell::Empty,
    })
}

fn value<'r>(table: &Table, row: &'r Row, name: &str) -> Option<&'r Cell> {
    row.get(table.columns.iter().position(|column| column.name == name)?)
}

fn number(table: &Table, row: &Row, name: &str) -> Option<i64> {
    match value(table, row, name)? {
        Cell::Number(number) => Some(*number),
        Cell::Empty | Cell::Text(_) => None,
    }
}

fn text<'r>(table: &Table, row: &'r Row, name: &str) -> Option<&'r str> {
    match value(table, row, name)? {
        Cell::Text(text) => Some(text),
        Cell::Empty | Cell::Number(_) => None,
    }
}
