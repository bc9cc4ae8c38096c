//! Remarks: what persons added to items. They are written with their items, in a turn.

use std::collections::HashMap;

use super::rows::{KeyRow, RemarkRow};
use super::session::{Given, Session};
use super::{limit as rows, values};
use crate::core::item::ItemKey;
use crate::core::remark::Remark;
use crate::store::{ItemRecord, Result};

/// Adds to items what was remarked on those of them that `remarked` names.
pub async fn add(session: &mut impl Session, items: &mut [ItemRecord], remarked: Vec<KeyRow>) -> Result<()> {
    if remarked.is_empty() {
        return Ok(());
    }
    let found: Vec<Remark> = values(session.look_up::<RemarkRow, _>(REMARKS_OF, remarked).await?)?;
    let mut of_items: HashMap<ItemKey, Vec<Remark>> = HashMap::new();
    for remark in found {
        of_items.entry(remark.item.clone()).or_default().push(remark);
    }
    for record in items {
        record.remarks = of_items.remove(&record.item.key).unwrap_or_default();
        record.remarks.sort_by_key(|remark| (remark.at, remark.id));
    }
    Ok(())
}

macro_rules! remarks {
    ($rest:literal) => {
        concat!(
            r#"SELECT m.remark, m.source, m.item, m.at, m."by", m.basis, m.document, m.approver, m.statement, m.waits,
                      m.granted, m.decided_at, m.decided_by, m.decided_because, m.revoked_at, m.revoked_by,
                      m.revoked_because "#,
            $rest
        )
    };
}

pub const REMARKS_OF: &str = remarks!("FROM r CROSS JOIN remarks AS m WHERE m.source = r.source AND m.item = r.id");

pub async fn remarks(session: &mut impl Session, beginning: &str, limit: usize) -> Result<Vec<Remark>> {
    let found: Vec<RemarkRow> = if beginning.is_empty() {
        session.select(REMARKS, &[rows(limit)]).await?
    } else {
        // Hex digits all come before `g`.
        let (from, to) = (beginning.to_owned(), format!("{beginning}g"));
        session.select(REMARKS_BY_ID, &[Given::Text(from), Given::Text(to), rows(limit)]).await?
    };
    values(found)
}

pub const REMARKS: &str = remarks!("FROM remarks AS m ORDER BY m.at DESC, m.remark DESC LIMIT $1");

pub const REMARKS_BY_ID: &str =
    remarks!("FROM remarks AS m WHERE m.remark >= $1 AND m.remark < $2 ORDER BY m.at DESC, m.remark DESC LIMIT $3");

// What was said stays as it was said; a decision and a revocation come later.
pub const PUT_REMARKS: &str = "
    INSERT INTO remarks ({columns}) SELECT {columns} FROM r WHERE true
    ON CONFLICT (remark) DO UPDATE SET granted = excluded.granted, decided_at = excluded.decided_at,
        decided_by = excluded.decided_by, decided_because = excluded.decided_because,
        revoked_at = excluded.revoked_at, revoked_by = excluded.revoked_by,
        revoked_because = excluded.revoked_because";
