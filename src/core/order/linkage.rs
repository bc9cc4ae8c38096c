//! **Linkage** 三级联动: an order that crosses regions or levels. Two branches: the district applies and the city's centre
//! takes the lead; where a city leader is needed, the district's government reports, after its own leader has signed.
//!
//! Source: articles 14 and 16 of Zhenjiang's platform measures (2023).

use serde::{Deserialize, Serialize};

use crate::core::Instant;

/// What an order crosses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crossing {
    /// 跨区域: more than one region.
    Region,
    /// 跨层级: more than one level.
    Level,
}

impl Crossing {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Region, Self::Level];

    /// The identifier in JSON and on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Level => "level",
        }
    }

    /// The crossing that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|crossing| crossing.word() == word)
    }
}

/// How far an order has come on its way across.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linkage {
    /// What it crosses.
    pub crossing: Crossing,
    /// When the district applied.
    pub applied_at: Instant,
    /// When the city's centre took the lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub led_at: Option<Instant>,
    /// When the district's own leader signed that it may go up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader_signed_at: Option<Instant>,
    /// Which leader that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,
    /// When the district's government reported to the city leader, by a special report that a person sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_at: Option<Instant>,
    /// The number of the special report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
}

impl Linkage {
    /// What the district has applied for.
    pub const fn applied(crossing: Crossing, at: Instant) -> Self {
        Self {
            crossing,
            applied_at: at,
            led_at: None,
            leader_signed_at: None,
            leader: None,
            reported_at: None,
            report: None,
        }
    }
}
