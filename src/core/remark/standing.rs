//! How remarks stand, and what rules see of an item with them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Remark;
use crate::core::Instant;
use crate::core::digest::Digest;
use crate::core::item::Item;
use crate::core::reading::Verdict;

/// How a remark stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It counts.
    InForce,
    /// The source states the same now, and its value counts.
    Superseded,
    /// A later remark speaks about the same thing.
    Replaced,
    /// It waits for a decision.
    Waiting,
    /// The decision was no.
    Rejected,
    /// It was taken back.
    Revoked,
}

impl Standing {
    /// The identifier in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::InForce => "in_force",
            Self::Superseded => "superseded",
            Self::Replaced => "replaced",
            Self::Waiting => "waiting",
            Self::Rejected => "rejected",
            Self::Revoked => "revoked",
        }
    }

    /// Whether it may still come to count by itself.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Rejected | Self::Revoked)
    }
}

/// How a window or finding comes to have no card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sparing {
    /// By an exemption: an open card is cleared, and what was late counts as in time.
    Exempted,
    /// Because the card was wrong: it is recalled, and what was late does not count.
    Wrong,
}

impl Sparing {
    /// How a clock that stopped is counted.
    pub const fn verdict(self, by_source: Verdict) -> Verdict {
        match (self, by_source) {
            (Self::Exempted, _) => Verdict::OnTime,
            (Self::Wrong, Verdict::Overdue) => Verdict::Open,
            (Self::Wrong, other) => other,
        }
    }
}

/// A window or finding on which no card stands, because a remark says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spared {
    /// The rule.
    pub rule: Arc<str>,
    /// The window or finding.
    pub name: Arc<str>,
    /// How.
    pub how: Sparing,
    /// Since when.
    pub since: Instant,
    /// The remark.
    pub remark: Digest,
    /// On what ground.
    pub evidence: Arc<str>,
}

/// An item with what its remarks add.
#[derive(Debug, Clone, PartialEq)]
pub struct Overlaid {
    /// What rules see.
    pub item: Arc<Item>,
    /// Where no card stands.
    pub spared: Vec<Spared>,
    /// How each remark stands, in their order.
    pub standings: Vec<Standing>,
}

/// Lays remarks, the oldest first, over what the source says.
pub fn overlay(item: &Arc<Item>, remarks: &[Remark]) -> Overlaid {
    let standings: Vec<Standing> = (0..remarks.len()).map(|n| standing(item, remarks, n)).collect();
    let mut overlaid = Overlaid { item: item.clone(), spared: Vec::new(), standings };
    for (remark, standing) in remarks.iter().zip(&overlaid.standings) {
        if *standing == Standing::InForce {
            remark.lay(&mut overlaid.item, &mut overlaid.spared);
        }
    }
    overlaid
}

/// The remarks that count, over what the source says.
pub fn in_force<'r>(item: &Item, remarks: &'r [Remark]) -> Vec<&'r Remark> {
    let counts = |n: &usize| standing(item, remarks, *n) == Standing::InForce;
    (0..remarks.len()).filter(counts).map(|n| &remarks[n]).collect()
}

/// How one of an item's remarks stands.
pub(super) fn standing(item: &Item, remarks: &[Remark], n: usize) -> Standing {
    let counts = |remark: &Remark| remark.counts_at().is_some() && !remark.statement.is_stated_by(item);
    let remark = &remarks[n];
    match (&remark.revocation, remark.waits, &remark.decision) {
        (Some(_), ..) => Standing::Revoked,
        (_, Some(_), None) => Standing::Waiting,
        (_, Some(_), Some(decision)) if !decision.granted => Standing::Rejected,
        _ if remark.statement.is_stated_by(item) => Standing::Superseded,
        _ => {
            let mut later = remarks[n + 1..].iter().filter(|later| counts(later));
            let is_replaced = later.any(|later| later.statement.is_about_the_same(&remark.statement));
            if is_replaced { Standing::Replaced } else { Standing::InForce }
        }
    }
}
