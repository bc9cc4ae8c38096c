//! **Window** 响应窗口: one clock on one item, as a rule declares it; and **finding** 研判: a level that a rule decides
//! itself. Reading a window at an instant gives its [`Reading`](super::reading::Reading).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::item::{Extension, Pause};
use super::limit::{Limit, Yellow};
use super::{Instant, instant};

/// The two warnings. Green is the absence of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// 黄牌: soon due.
    Yellow,
    /// 红牌: overdue.
    Red,
}

impl Level {
    /// The identifier in SQL, JSON and CSV.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Yellow => "yellow",
            Self::Red => "red",
        }
    }
}

/// What a rule declares about one clock of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The name inside its rule.
    pub name: Arc<str>,
    /// When the clock starts; `None` if that is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "instant::maybe")]
    pub from: Option<Instant>,
    /// When what was asked for was done; `None` if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "instant::maybe")]
    pub done: Option<Instant>,
    /// How long it may take.
    pub limit: Limit,
    /// When it turns yellow; `None` takes the configured default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yellow: Option<Yellow>,
    /// When the clock stood still.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<Pause>,
    /// By how much the limit was extended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extension>,
    /// The ladder that its cards climb; `None` takes the configured default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ladder: Option<Arc<str>>,
    /// The calendar that counts; `None` takes its item's, else the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Arc<str>>,
    /// How long after first sight a missing start becomes a yellow finding `NAME.start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<Limit>,
    /// The name that this window had before, whose card it takes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<Arc<str>>,
}

impl Window {
    /// A window with a start and a limit, and nothing else.
    pub fn new(name: impl Into<Arc<str>>, limit: Limit, from: Option<Instant>) -> Self {
        Self {
            name: name.into(),
            from,
            done: None,
            limit,
            yellow: None,
            pauses: Vec::new(),
            extensions: Vec::new(),
            ladder: None,
            calendar: None,
            waits: None,
            was: None,
        }
    }

    /// The same without the grounds of its pauses and extensions, which may name persons.
    #[must_use]
    pub fn without_grounds(&self) -> Self {
        let mut bare = self.clone();
        bare.pauses.iter_mut().for_each(|pause| pause.basis = None);
        bare.extensions.iter_mut().for_each(|extension| extension.basis = None);
        bare
    }
}

/// A level that a rule decides itself, when the question is not a clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The name inside its rule.
    pub name: Arc<str>,
    /// The level.
    pub level: Level,
    /// What the rule says about it, for people.
    pub text: Arc<str>,
}

/// What one rule said about one item when it last succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// The rule's name.
    pub rule: Arc<str>,
    /// The rule's version: its text and the tables that it reads.
    pub version: Digest,
    /// The clocks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// The levels that it decided itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}
