//! **Ladder** 升级阶梯: steps of telling: after how much working time, which roles, by which channels; how often those who
//! were told are reminded, and for how long an acknowledgement holds all that.

use std::sync::Arc;

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
    /// What is told beside the steps, when a number is reached.
    #[serde(default)]
    pub counts: Vec<Count>,
}

/// One step: whom to tell, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What taking it means, in the words of the office: `列入通报名单`.
    #[serde(default)]
    pub label: Option<Label>,
    /// The roles to tell.
    pub roles: Vec<String>,
    /// Further roles to tell of a red card.
    #[serde(default)]
    pub red_roles: Vec<String>,
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
    /// The least level of which they are reminded; of every level, if none is given.
    #[serde(default)]
    pub least: Option<Level>,
}

/// What a step or a count is called, in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// In Chinese.
    pub zh: Arc<str>,
    /// In English.
    pub en: Arc<str>,
}

/// A step that is taken when a number is reached, whatever was told before: `streak` or `reds`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// So many periods, or episodes, running; see [`super::count::Streak`].
    #[serde(default)]
    pub streak: Option<u32>,
    /// The least level that counts for the streak.
    #[serde(default = "yellow")]
    pub level: Level,
    /// So many red cards of the item's unit in the quarter; see [`super::count::reds`].
    #[serde(default)]
    pub reds: Option<u32>,
    /// What it is called.
    #[serde(default)]
    pub label: Option<Label>,
    /// The roles to tell.
    pub roles: Vec<String>,
    /// By which channels.
    pub channels: Vec<String>,
}

/// The number that a count waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Threshold {
    /// So many periods, or episodes, running.
    Streak(u32),
    /// So many red cards of the unit in the quarter.
    Reds(u32),
}

const fn yellow() -> Level {
    Level::Yellow
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

    /// The roles for a level.
    pub fn roles(&self, level: Level) -> impl Iterator<Item = &String> {
        let further = if level == Level::Red { &self.red_roles[..] } else { &[] };
        self.roles.iter().chain(further)
    }

    /// How those who were told of a level are reminded.
    pub fn reminders(&self, level: Level) -> Option<Reminders> {
        self.reminders.filter(|reminders| reminders.least.is_none_or(|least| least <= level))
    }
}

impl Count {
    /// The number that it waits for; nothing where not exactly one is given.
    pub const fn threshold(&self) -> Option<Threshold> {
        match (self.streak, self.reds) {
            (Some(number), None) if number > 0 => Some(Threshold::Streak(number)),
            (None, Some(number)) if number > 0 => Some(Threshold::Reds(number)),
            _ => None,
        }
    }
}

impl Ladder {
    /// Whether a card on it ever says anything after its first step.
    pub fn climbs(&self) -> bool {
        self.steps.len() > 1 || self.steps.iter().any(|step| step.reminders.is_some())
    }

    /// Whether it counts how often a card stood running.
    pub fn counts_streaks(&self) -> bool {
        self.counts.iter().any(|count| count.streak.is_some())
    }

    /// Whether it counts the red cards of units.
    pub fn counts_reds(&self) -> bool {
        self.counts.iter().any(|count| count.reds.is_some())
    }
}
