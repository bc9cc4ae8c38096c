//! **Remark** 补录: a fact that a named person adds to an item, with its basis. An append-only, revocable layer over the
//! snapshot.

use serde::{Deserialize, Serialize};

use super::Instant;
use super::item::{Extension, Pause};

/// What a remark says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statement {
    /// The clocks of the item stood still.
    Pause(Pause),
    /// A limit was extended.
    Extension(Extension),
    /// A field that holds an instant: what the source does not say.
    Time {
        /// The field's name, ending in `_at`.
        field: String,
        /// What it holds.
        at: Instant,
    },
    /// 免责, 销牌: no card on this rule and window or finding while this stands; its verdict is on time.
    Exemption {
        /// The rule.
        rule: String,
        /// The window or finding.
        name: String,
    },
    /// 撤牌: the card was wrong and is recalled.
    WrongCard {
        /// The rule.
        rule: String,
        /// The window or finding.
        name: String,
    },
}
