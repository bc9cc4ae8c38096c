//! What is put down, before it is a remark; and what can be wrong with it.

use std::sync::Arc;

use super::{Remark, Statement, Waits};
use crate::core::Instant;
use crate::core::digest::Digest;
use crate::core::instant;
use crate::core::item::{Extension, ItemKey, Pause};

/// What is put down, before it is a remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The item.
    pub item: ItemKey,
    /// Who puts it down.
    pub by: String,
    /// On what ground.
    pub basis: String,
    /// The number of the document.
    pub document: Option<String>,
    /// Who approved it, on paper.
    pub approver: Option<String>,
    /// What it says.
    pub statement: Statement,
    /// Whether it waits for a decision.
    pub is_appeal: bool,
}

/// What is wrong with a remark, or with what is to be done to one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemarkError {
    /// Nobody stands for it, or without a ground.
    #[error("expected who says so and on what ground")]
    Anonymous,
    /// Four eyes are wanted, and both are the same person's.
    #[error("{0} raised it: expected somebody else to approve or decide it")]
    SamePerson(String),
    /// duban's own means take no remarks.
    #[error("{0} is one of duban's own means: it takes no remarks")]
    Own(ItemKey),
    /// A pause that ends before it begins, or at once.
    #[error("expected a pause that ends after it begins")]
    Reversed,
    /// An extension that was approved before it was asked for.
    #[error("expected an approval that does not come before the request")]
    ApprovedBeforeAsked,
    /// The field cannot be set.
    #[error("{field} is no field that holds an instant; there are: {}", known.join(", "))]
    NoField {
        /// What was named.
        field: String,
        /// What can be set.
        known: Vec<String>,
    },
    /// No rule names that window or finding on the item.
    #[error("no rule names {rule}/{name} on this item; there are: {}", known.join(", "))]
    NoWindow {
        /// The rule.
        rule: String,
        /// The window or finding.
        name: String,
        /// `RULE/NAME` of all there are.
        known: Vec<String>,
    },
    /// The source says the same itself.
    #[error("the source states that itself, and what it says counts")]
    SaidBySource,
    /// Another remark says the same.
    #[error("the remark {0} says the same already")]
    SaidByRemark(Digest),
    /// The extension was asked for after the window was due.
    #[error("it was asked for when {rule}/{name} was due already, at {}", instant::text(*due_at))]
    AskedTooLate {
        /// The rule.
        rule: Arc<str>,
        /// The window.
        name: Arc<str>,
        /// When it was due.
        due_at: Instant,
    },
    /// A rule fails on the item with it, and did not before: an amount of another family than the limit, for one.
    #[error("the rule {rule} fails on the item with it: {error}")]
    Spoils {
        /// The rule.
        rule: Arc<str>,
        /// What it says.
        error: String,
    },
    /// There is no such remark on the item.
    #[error("there is no such remark on the item")]
    Unknown,
    /// It was decided already.
    #[error("{by} has decided it at {}", instant::text(*at))]
    Decided {
        /// Who.
        by: String,
        /// When.
        at: Instant,
    },
    /// It never waited for a decision.
    #[error("it does not wait for a decision")]
    NotWaiting,
    /// It was revoked already.
    #[error("{by} has revoked it at {}", instant::text(*at))]
    Revoked {
        /// Who.
        by: String,
        /// When.
        at: Instant,
    },
}

impl Draft {
    /// The remark, if what it says can be said by itself. With `four_eyes` a second person has to approve it, on paper or
    /// by a decision.
    pub fn remark(self, four_eyes: bool, now: Instant) -> Result<Remark, RemarkError> {
        let trimmed = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let (by, basis) = (trimmed(Some(self.by)), trimmed(Some(self.basis)));
        let (Some(by), Some(basis)) = (by, basis) else { return Err(RemarkError::Anonymous) };
        let (document, approver) = (trimmed(self.document), trimmed(self.approver));
        if self.item.is_own() {
            return Err(RemarkError::Own(self.item));
        }
        if four_eyes && approver.as_ref() == Some(&by) {
            return Err(RemarkError::SamePerson(by));
        }
        match &self.statement {
            Statement::Pause(Pause { from, to: Some(to), .. }) if to <= from => return Err(RemarkError::Reversed),
            Statement::Extension(Extension { asked_at: Some(asked_at), approved_at: Some(granted_at), .. })
                if granted_at < asked_at =>
            {
                return Err(RemarkError::ApprovedBeforeAsked);
            }
            _ => {}
        }
        let waits = if self.is_appeal {
            Some(Waits::Appeal)
        } else {
            (four_eyes && approver.is_none()).then_some(Waits::Approval)
        };
        let at = now.timestamp_micros().to_string();
        let statement = serde_json::to_vec(&self.statement).expect("a statement has JSON");
        let parts = [self.item.source.as_bytes(), self.item.id.as_bytes(), at.as_bytes(), by.as_bytes(), &statement];
        let id = Digest::of(parts);
        let (item, statement) = (self.item, self.statement);
        Ok(Remark {
            id,
            item,
            at: now,
            by,
            basis,
            document,
            approver,
            statement,
            waits,
            decision: None,
            revocation: None,
        })
    }
}
