//! The audit trail.

use super::rows::{AuditRow, HeadRow, seq_column};
use super::session::Session;
use super::{limit as most, values};
use crate::core::audit::{Act, Entry, Hash, Head};
use crate::store::Result;

/// Adds acts to the trail. Whoever adds waits here for those who added before, until they have committed: it is the last
/// that a verb does.
pub async fn append<'a>(session: &mut impl Session, acts: impl IntoIterator<Item = &'a Act>) -> Result<()> {
    let mut acts = acts.into_iter().peekable();
    if acts.peek().is_none() {
        return Ok(());
    }
    let rows: Vec<HeadRow> = session.select(HOLD_HEAD, &[Hash::START.to_string().into()]).await?;
    let mut head = rows.into_iter().next().map(Head::try_from).transpose()?.unwrap_or_default();
    let entries: Vec<AuditRow> = acts.map(|act| AuditRow::from(&head.append(act))).collect();
    session.write(APPEND, &[], entries).await?;
    session.run(PUT_HEAD, &[seq_column(head.seq).into(), head.hash.to_string().into()]).await?;
    Ok(())
}

// The row is there and held afterwards, whether it was there before or not.
const HOLD_HEAD: &str = "
    INSERT INTO audit_head (one, seq, hash) VALUES (1, 0, $1)
    ON CONFLICT (one) DO UPDATE SET seq = audit_head.seq RETURNING seq, hash";

const APPEND: &str = "
    INSERT INTO audit ({columns}) SELECT {columns} FROM r";

const PUT_HEAD: &str = "UPDATE audit_head SET seq = $1, hash = $2 WHERE one = 1";

pub async fn audit(session: &mut impl Session, after: u64, limit: usize) -> Result<Vec<Entry>> {
    values(session.select::<AuditRow>(AUDIT, &[seq_column(after).into(), most(limit)]).await?)
}

pub const AUDIT: &str = r#"
    SELECT seq, at, "by", what, subject, why, detail, hash FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2"#;

pub async fn audit_head(session: &mut impl Session) -> Result<Head> {
    let found: Vec<HeadRow> = session.select(HEAD, &[]).await?;
    Ok(found.into_iter().next().map(Head::try_from).transpose()?.unwrap_or_default())
}

const HEAD: &str = "SELECT seq, hash FROM audit_head";
