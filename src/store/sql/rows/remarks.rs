//! Rows of remarks.

use super::{KeyRow, row};
use crate::core::item::ItemKey;
use crate::core::remark::{Decision, Remark, Revocation};
use crate::store::sql::{from_json, from_word, id, instant, json, micros, plain, unreadable, word};
use crate::store::{Result, StoreError};

row! {
    /// A row of `remarks`.
    pub struct RemarkRow {
        pub remark: String,
        pub source: String,
        pub item: String,
        pub at: i64,
        pub by: String,
        pub basis: String,
        pub document: Option<String>,
        pub approver: Option<String>,
        pub statement: String,
        pub waits: Option<String>,
        pub granted: Option<bool>,
        pub decided_at: Option<i64>,
        pub decided_by: Option<String>,
        pub decided_because: Option<String>,
        pub revoked_at: Option<i64>,
        pub revoked_by: Option<String>,
        pub revoked_because: Option<String>,
    }
}

impl From<&Remark> for RemarkRow {
    fn from(remark: &Remark) -> Self {
        let KeyRow { source, id } = (&remark.item).into();
        let (decision, revocation) = (remark.decision.as_ref(), remark.revocation.as_ref());
        Self {
            remark: remark.id.to_string(),
            source,
            item: id,
            at: micros(remark.at),
            by: plain(&remark.by),
            basis: plain(&remark.basis),
            document: remark.document.as_deref().map(plain),
            approver: remark.approver.as_deref().map(plain),
            statement: json(&remark.statement),
            waits: remark.waits.as_ref().map(word),
            granted: decision.map(|decision| decision.granted),
            decided_at: decision.map(|decision| micros(decision.at)),
            decided_by: decision.map(|decision| plain(&decision.by)),
            decided_because: decision.map(|decision| plain(&decision.why)),
            revoked_at: revocation.map(|taken| micros(taken.at)),
            revoked_by: revocation.map(|taken| plain(&taken.by)),
            revoked_because: revocation.map(|taken| plain(&taken.why)),
        }
    }
}

impl TryFrom<RemarkRow> for Remark {
    type Error = StoreError;

    fn try_from(row: RemarkRow) -> Result<Self> {
        let decision = match (row.granted, row.decided_at, row.decided_by, row.decided_because) {
            (None, None, None, None) => None,
            (Some(granted), Some(at), Some(by), Some(why)) => Some(Decision { at: instant(at)?, by, why, granted }),
            _ => return Err(unreadable("a remark", "all of a decision or none", &row.remark)),
        };
        let revocation = match (row.revoked_at, row.revoked_by, row.revoked_because) {
            (None, None, None) => None,
            (Some(at), Some(by), Some(why)) => Some(Revocation { at: instant(at)?, by, why }),
            _ => return Err(unreadable("a remark", "all of a revocation or none", &row.remark)),
        };
        Ok(Self {
            id: id(&row.remark)?,
            item: ItemKey::new(row.source, row.item),
            at: instant(row.at)?,
            by: row.by,
            basis: row.basis,
            document: row.document,
            approver: row.approver,
            statement: from_json(&row.statement)?,
            waits: row.waits.as_deref().map(from_word).transpose()?,
            decision,
            revocation,
        })
    }
}
