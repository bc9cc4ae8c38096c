//! **Audit trail** 审计: who did what, when and why. It is only added to.

use serde::{Deserialize, Serialize};

use super::Instant;
use super::json::Json;

/// What a named person did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// When.
    pub at: Instant,
    /// Who.
    pub by: String,
    /// What: a noun and a verb, such as `remark.add`.
    pub what: String,
    /// To what: an item, a card, an order, a contact.
    pub subject: String,
    /// Why, in that person's words; may be empty.
    pub why: String,
    /// What it changed, for who looks closer.
    pub detail: Json,
}
