//! **Ladder** 升级阶梯: steps of telling: after how much working time, which roles, by which channels; how often those who
//! were told are reminded, and for how long an acknowledgement holds all that.

use serde::{Deserialize, Serialize};

use super::limit::Limit;
use super::window::Level;

/// The ladder for what concerns duban itself.
pub const OPERATORS: &str = "operators";

/// The steps that a card climbs while nobody answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// The steps in their order.
    pub steps: Vec<Step>,
    /// For how long an acknowledgement holds reminders and the next step; once per step.
    #[serde(default = "one_working_day")]
    pub ack_grace: Limit,
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
    /// How those who were told are reminded while they are the last who were.
    #[serde(default)]
    pub reminders: Option<Reminders>,
}

/// How often somebody is reminded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reminders {
    /// How long after they were told last.
    pub every: Limit,
    /// How many times at most.
    pub most: u32,
}

fn one_working_day() -> Limit {
    "1wd".parse().expect("1wd is a limit")
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

impl Ladder {
    /// Whether a card on it ever says anything after its first step.
    pub fn climbs(&self) -> bool {
        self.steps.len() > 1 || self.steps.iter().any(|step| step.reminders.is_some())
    }
}
