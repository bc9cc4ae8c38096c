//! **Ladder** 升级阶梯: steps of telling: after how much working time, which roles, by which channels.

use serde::{Deserialize, Serialize};

use super::limit::Limit;
use super::window::Level;

/// The steps that a card climbs while nobody answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// The steps in their order.
    pub steps: Vec<Step>,
}

/// One step: whom to tell, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The roles to tell.
    pub roles: Vec<String>,
    /// The channels for a yellow card; empty means that this step is silent about yellow.
    #[serde(default)]
    pub yellow: Vec<String>,
    /// The channels for a red card.
    #[serde(default)]
    pub red: Vec<String>,
    /// How long after the step below was settled; the first step has none.
    #[serde(default)]
    pub after: Option<Limit>,
}

impl Step {
    /// The channels for a level.
    pub fn channels(&self, level: Level) -> &[String] {
        match level {
            Level::Yellow => &self.yellow,
            Level::Red => &self.red,
        }
    }
}
