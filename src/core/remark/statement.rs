//! What a remark says, and whether the source or another remark says the same.

use std::sync::Arc;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::standing::Sparing;
use crate::core::Instant;
use crate::core::item::{Extension, Item, Pause};

/// Two approvals of one item that are no further apart are one approval, written down twice.
const SAME_APPROVAL: TimeDelta = TimeDelta::days(1);

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
        field: Arc<str>,
        /// What it holds.
        at: Instant,
    },
    /// 免责, 销牌: no card on this rule and window or finding while this stands; its verdict is on time.
    Exemption {
        /// The rule.
        rule: Arc<str>,
        /// The window or finding.
        name: Arc<str>,
    },
    /// 撤牌: the card was wrong and is recalled.
    WrongCard {
        /// The rule.
        rule: Arc<str>,
        /// The window or finding.
        name: Arc<str>,
    },
}

impl Statement {
    /// The identifier in SQL, JSON and on the command line.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Pause(_) => "pause",
            Self::Extension(_) => "extension",
            Self::Time { .. } => "time",
            Self::Exemption { .. } => "exemption",
            Self::WrongCard { .. } => "wrong_card",
        }
    }

    /// The rule and the window or finding on which no card is to stand.
    pub fn spares(&self) -> Option<(&Arc<str>, &Arc<str>, Sparing)> {
        match self {
            Self::Exemption { rule, name } => Some((rule, name, Sparing::Exempted)),
            Self::WrongCard { rule, name } => Some((rule, name, Sparing::Wrong)),
            _ => None,
        }
    }

    /// Whether another statement about the same item says the same, or speaks about the same thing.
    pub fn is_about_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Pause(one), Self::Pause(two)) => (one.from, one.to) == (two.from, two.to),
            (Self::Extension(one), Self::Extension(two)) => is_one_approval(one, two),
            (Self::Time { field: one, .. }, Self::Time { field: two, .. }) => one == two,
            _ => match (self.spares(), other.spares()) {
                (Some((rule, name, _)), Some((other_rule, other_name, _))) => (rule, name) == (other_rule, other_name),
                _ => false,
            },
        }
    }

    /// Whether the source states the same itself: any value of the field, a pause that overlaps, the same approval.
    pub fn is_stated_by(&self, item: &Item) -> bool {
        match self {
            Self::Pause(pause) => item.pauses.iter().any(|other| overlap(pause, other)),
            Self::Extension(extension) => {
                let mut approved = item.extensions.iter().filter(|other| other.approved_at.is_some());
                approved.any(|other| is_one_approval(extension, other))
            }
            Self::Time { field, .. } => item.fields.get(field).is_some_and(|value| !value.is_missing()),
            Self::Exemption { .. } | Self::WrongCard { .. } => false,
        }
    }
}

fn overlap(one: &Pause, two: &Pause) -> bool {
    let starts_before = |start: Instant, end: Option<Instant>| end.is_none_or(|end| start < end);
    starts_before(one.from, two.to) && starts_before(two.from, one.to)
}

/// Sources often know the day alone, so the instants need not be equal.
fn is_one_approval(one: &Extension, two: &Extension) -> bool {
    let near = |one: Option<Instant>, two: Option<Instant>| {
        one.zip(two).is_some_and(|(one, two)| (one - two).abs() <= SAME_APPROVAL)
    };
    near(one.approved_at, two.approved_at) || one.asked_at.is_some() && one.asked_at == two.asked_at
}
