//! **Card** 红黄牌: the warning on (item, rule, window or finding), in numbered episodes; and **transition**, a stored change
//! of it.
//!
//! A card is state, not event. Green is no card. An episode runs from green to green; a fall from red to yellow and a
//! rise after it stay in the episode.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::item::ItemKey;
use super::reading::Verdict;
use super::reason::Reason;
use super::window::Level;
use super::{Instant, instant};

/// The identity of a card through all its episodes, also when its window is renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CardId(pub Digest);

impl CardId {
    /// The identity of the card that a rule's window or finding opens on an item.
    pub fn new(item: &ItemKey, rule: &str, name: &str) -> Self {
        Self(Digest::of([&*item.source, &*item.id, rule, name].map(str::as_bytes)))
    }

    /// The identity that stands in when this one went along with a window that was renamed, and another window has the
    /// old name.
    #[must_use]
    pub fn successor(self) -> Self {
        Self(Digest::of([self.to_string().as_bytes()]))
    }
}

impl std::str::FromStr for CardId {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl std::fmt::Display for CardId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What is remembered about one window or finding between two looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The card's identity.
    pub card: CardId,
    /// The rule.
    pub rule: Arc<str>,
    /// The window or finding.
    pub name: Arc<str>,
    /// The open level; `None` is green.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// The instant of the open level.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "instant::maybe")]
    pub at: Option<Instant>,
    /// How many episodes there were.
    pub episode: u32,
    /// How many transitions there were.
    pub number: u32,
    /// How and when the clock stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stop>,
    /// The remark because of which its card closed or its clock counts otherwise, while that stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spared: Option<Digest>,
}

/// How and when a clock stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// In time, late, or not to be said.
    pub verdict: Verdict,
    /// When.
    #[serde(with = "instant")]
    pub at: Instant,
}

/// What kind of change a transition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A level opens or rises.
    Raise,
    /// Red falls to yellow.
    Lower,
    /// The card closes by something that happened after its instant.
    Clear,
    /// The card closes because it would not have stood: a recall.
    Revoke,
    /// The card closes because a successful judging no longer names it.
    Withdraw,
    /// The card closes because the item left its source.
    LeftSource,
    /// A clock without a card stopped.
    Stop,
    /// A stopped clock without a card runs again.
    Resume,
}

impl Change {
    /// The identifier in SQL, JSON and CSV.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Raise => "raise",
            Self::Lower => "lower",
            Self::Clear => "clear",
            Self::Revoke => "revoke",
            Self::Withdraw => "withdraw",
            Self::LeftSource => "left_source",
            Self::Stop => "stop",
            Self::Resume => "resume",
        }
    }

    /// Whether it closes a card.
    pub const fn closes(self) -> bool {
        matches!(self, Self::Clear | Self::Revoke | Self::Withdraw | Self::LeftSource)
    }

    /// Whether somebody may have to be told.
    pub const fn is_about_a_card(self) -> bool {
        !matches!(self, Self::Stop | Self::Resume)
    }
}

/// A stored change of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// The card.
    pub card: CardId,
    /// The rule.
    pub rule: Arc<str>,
    /// The window or finding.
    pub name: Arc<str>,
    /// The episode in which it happens, or which it ends.
    pub episode: u32,
    /// The number of this transition among all of the card's, from 1.
    pub number: u32,
    /// What kind of change.
    pub change: Change,
    /// The level before.
    pub from: Option<Level>,
    /// The level after.
    pub to: Option<Level>,
    /// When it happened.
    #[serde(with = "instant")]
    pub at: Instant,
    /// When duban noticed it.
    #[serde(with = "instant")]
    pub noticed_at: Instant,
    /// Why.
    pub reason: Reason,
    /// How the clock stopped, if it did.
    pub verdict: Option<Verdict>,
    /// The version of the rule that said so.
    pub rule_version: Digest,
    /// The version of the calendar that counted; of findings, the office's.
    pub calendar_version: Digest,
    /// The ladder that the card climbs; `None` takes the configured default.
    pub ladder: Option<Arc<str>>,
}
