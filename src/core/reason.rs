//! Why a card changed. A reason is data; its words are made in [`crate::tell`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::reading::Verdict;
use super::{Instant, instant};

/// Why a transition happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum Reason {
    /// Red: not done by the due instant.
    Due {
        /// The first instant that was too late.
        #[serde(with = "instant")]
        due_at: Instant,
    },
    /// Yellow: soon due.
    SoonDue {
        /// When it turned yellow.
        #[serde(with = "instant")]
        yellow_at: Instant,
        /// When it falls due.
        #[serde(with = "instant")]
        due_at: Instant,
    },
    /// A rule decided the level itself.
    Found {
        /// What the rule says.
        text: Arc<str>,
    },
    /// The start of the clock has been missing for too long.
    StartMissing {
        /// When the item was first seen.
        #[serde(with = "instant")]
        since: Instant,
    },
    /// The clock has stood still for too long.
    PausedTooLong {
        /// When the pause began.
        #[serde(with = "instant")]
        since: Instant,
    },
    /// Done, in time or late.
    Finished {
        /// When.
        #[serde(with = "instant")]
        done_at: Instant,
    },
    /// What had been reported as done is not done.
    StopTakenBack,
    /// The clock stands still.
    Paused {
        /// Since when.
        #[serde(with = "instant")]
        since: Instant,
    },
    /// The pause that was too long is over.
    Resumed,
    /// More time was granted, or the due instant moved for another cause.
    DueMoved {
        /// The due instant now; `None` if there is none.
        #[serde(default, with = "instant::maybe")]
        due_at: Option<Instant>,
    },
    /// The start that was missing is known.
    Started {
        /// When the clock started.
        #[serde(with = "instant")]
        from: Instant,
    },
    /// By what is now known, the card would not have stood.
    Corrected {
        /// The due instant by what is now known.
        #[serde(default, with = "instant::maybe")]
        due_at: Option<Instant>,
    },
    /// A successful judging no longer names it.
    Unnamed {
        /// What changed.
        cause: Cause,
    },
    /// The item is missing from good polls for as long as the source's configuration says.
    LeftSource,
    /// One of duban's own means is well again.
    Recovered,
    /// 免责, 销牌: a remark exempts it.
    Exempted {
        /// The remark.
        remark: Digest,
        /// On what ground.
        evidence: Arc<str>,
        /// How it is counted by the source's data alone.
        by_source: Verdict,
    },
    /// 撤牌: a remark says that the card was wrong.
    FoundWrong {
        /// The remark.
        remark: Digest,
        /// On what ground.
        evidence: Arc<str>,
        /// How it is counted by the source's data alone.
        by_source: Verdict,
    },
    /// The remark that kept it from having a card is no longer in force.
    Restored {
        /// What stands again.
        reason: Box<Reason>,
    },
}

impl Reason {
    /// Whether it holds what a rule or a person wrote.
    pub fn holds_text(&self) -> bool {
        matches!(self.root(), Self::Found { .. } | Self::Exempted { .. } | Self::FoundWrong { .. })
    }

    /// What it is apart from a remark that kept it away for a time.
    pub fn root(&self) -> &Self {
        match self {
            Self::Restored { reason } => reason.root(),
            other => other,
        }
    }
}

/// What changed when a judging no longer names a window or finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The item.
    ItemChanged,
    /// The rule's text or tables.
    RuleChanged,
    /// The rule is gone.
    RuleRemoved,
}
