//! **Remark** 补录: a fact that a named person adds to an item, with its basis: a pause, an extension, a time that the
//! source does not state; or that no card is to stand, by an exemption (免责, 销牌) or because it was wrong (撤牌). An
//! **appeal** (申诉) is a remark that waits for a decision.
//!
//! Remarks lie over the snapshot: [`overlay`] makes what rules see, and says how each remark stands.
//!
//! **Invariants:** a snapshot is never changed. What the source states wins. A remark is put down, decided at most once and
//! revoked at most once; nothing else of it ever changes. Who raised one never decides it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Instant;
use super::digest::Digest;
use super::item::{Extension, Item, ItemKey, Pause};
use super::value::Value;

mod amendment;
mod draft;
mod standing;
mod statement;

pub use amendment::{Amendment, put};
pub use draft::{Draft, RemarkError};
pub use standing::{Overlaid, Spared, Sparing, Standing, in_force, overlay};
pub use statement::Statement;

/// Between the parts of an evidence.
const BETWEEN: &str = " · ";

/// A fact that a named person added to an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// Its identity.
    pub id: Digest,
    /// The item.
    pub item: ItemKey,
    /// When it was put down.
    pub at: Instant,
    /// Who put it down.
    pub by: String,
    /// On what ground.
    pub basis: String,
    /// The number of the document.
    pub document: Option<String>,
    /// Who approved it, on paper.
    pub approver: Option<String>,
    /// What it says.
    pub statement: Statement,
    /// What it waits for before it counts; `None` if it counts at once.
    pub waits: Option<Waits>,
    /// What was decided.
    pub decision: Option<Decision>,
    /// Who took it back.
    pub revocation: Option<Revocation>,
}

/// What a remark waits for before it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waits {
    /// 申诉: for the decision of whoever decides appeals; the card stands until then.
    Appeal,
    /// For a second person, because the house wants four eyes on every remark.
    Approval,
}

/// What was decided about a remark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub at: Instant,
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
    /// Whether it counts from now on.
    pub granted: bool,
}

/// Who took a remark back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// When.
    pub at: Instant,
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
}

impl Remark {
    /// Since when it counts; `None` while it waits, and after it was rejected or revoked.
    pub fn counts_at(&self) -> Option<Instant> {
        match (&self.revocation, self.waits, &self.decision) {
            (Some(_), ..) => None,
            (None, None, _) => Some(self.at),
            (None, Some(_), decision) => decision.as_ref().filter(|d| d.granted).map(|d| d.at),
        }
    }

    /// What of it was known before an instant; `None` if it was not put down yet.
    #[must_use]
    pub fn known_before(&self, end: Instant) -> Option<Self> {
        let mut known = self.clone();
        known.decision = known.decision.filter(|decision| decision.at < end);
        known.revocation = known.revocation.filter(|revocation| revocation.at < end);
        (self.at < end).then_some(known)
    }

    /// On what ground: the basis, the document's number and who approved it.
    pub fn evidence(&self) -> Arc<str> {
        let granted = self.decision.as_ref().filter(|decision| decision.granted).map(|decision| &decision.by);
        let parts = [Some(&self.basis), self.document.as_ref(), self.approver.as_ref().or(granted)];
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        parts.join(BETWEEN).into()
    }

    /// The pause as it lies over the item.
    pub fn pause(&self) -> Option<Pause> {
        let Statement::Pause(pause) = &self.statement else { return None };
        Some(Pause { basis: Some(self.evidence()), ..pause.clone() })
    }

    /// The extension as it lies over the item.
    pub fn extension(&self) -> Option<Extension> {
        let Statement::Extension(extension) = &self.statement else { return None };
        Some(Extension { basis: Some(self.evidence()), ..extension.clone() })
    }

    fn lay(&self, item: &mut Arc<Item>, spared: &mut Vec<Spared>) {
        if let Some((rule, name, how)) = self.statement.spares() {
            spared.push(Spared {
                rule: rule.clone(),
                name: name.clone(),
                how,
                since: self.counts_at().unwrap_or(self.at),
                remark: self.id,
                evidence: self.evidence(),
            });
            return;
        }
        let item = Arc::make_mut(item);
        item.pauses.extend(self.pause());
        item.extensions.extend(self.extension());
        if let Statement::Time { field, at } = &self.statement {
            item.fields.set(field.clone(), Value::Instant(*at));
        }
    }
}

#[cfg(test)]
mod tests;
