//! Rows of the audit trail.

use super::row;
use crate::core::audit::{Act, Entry, Head};
use crate::store::sql::{from_json, id, instant, micros, number};
use crate::store::{Result, StoreError};

row! {
    /// A row of `audit`.
    pub struct AuditRow {
        pub seq: i64,
        pub at: i64,
        pub by: String,
        pub what: String,
        pub subject: String,
        pub why: String,
        pub detail: String,
        pub hash: String,
    }
}

/// What an entry's number is kept as.
pub fn seq_column(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// Its act is as a trail keeps it, and so fits the columns.
impl From<&Entry> for AuditRow {
    fn from(entry: &Entry) -> Self {
        let Act { at, by, what, subject, why, detail } = &entry.act;
        Self {
            seq: seq_column(entry.seq),
            at: micros(*at),
            by: by.clone(),
            what: what.clone(),
            subject: subject.clone(),
            why: why.clone(),
            detail: detail.text().to_owned(),
            hash: entry.hash.to_string(),
        }
    }
}

impl TryFrom<AuditRow> for Entry {
    type Error = StoreError;

    fn try_from(row: AuditRow) -> Result<Self> {
        let seq = row.seq;
        entry(row).map_err(|error| StoreError::Unreadable(format!("entry {seq} of the audit trail: {error}")))
    }
}

fn entry(row: AuditRow) -> Result<Entry> {
    let AuditRow { seq, at, by, what, subject, why, detail, hash } = row;
    let act = Act { at: instant(at)?, by, what, subject, why, detail: from_json(&detail)? };
    Ok(Entry { seq: number(seq)?, act, hash: id(&hash)? })
}

row! {
    /// A row of `audit_head`.
    pub struct HeadRow {
        pub seq: i64,
        pub hash: String,
    }
}

impl TryFrom<HeadRow> for Head {
    type Error = StoreError;

    fn try_from(row: HeadRow) -> Result<Self> {
        Ok(Self { seq: number(row.seq)?, hash: id(&row.hash)? })
    }
}
