//! **Guard**: is this poll believable? A source that is cut short or changed looks like a source whose items are gone.
//!
//! **Invariant:** an empty poll is never believed unless a person has accepted one. What is not believed changes nothing but the source's own health.

use std::fmt;

use serde::{Deserialize, Serialize};

/// When a poll is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardLimits {
    /// The least share of the previous good poll's rows that must be there.
    pub min_share: f64,
    /// The largest share of rejected rows …
    pub max_rejected_share: f64,
    /// … which counts only beyond this many rejected rows.
    pub max_rejected_rows: u64,
}

/// A fifth and ten rows: a rejected row's item keeps its last good state, so to go on harms nothing, while a void
/// poll holds up every good row. The quota is there for a source whose format has changed, which spoils most rows.
impl Default for GuardLimits {
    fn default() -> Self {
        Self { min_share: 0.5, max_rejected_share: 0.2, max_rejected_rows: 10 }
    }
}

impl GuardLimits {
    /// The most rejected rows of so many that are believed.
    fn most_rejected(&self, rows: u64) -> u64 {
        share_of(rows, self.max_rejected_share, f64::floor).max(self.max_rejected_rows)
    }
}

/// Whether a poll may change anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Believed,
    /// It may not, for this reason.
    Doubted(Doubt),
}

/// Why a poll is not believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "doubt", rename_all = "snake_case")]
pub enum Doubt {
    /// It has no rows.
    Empty {
        /// The rows of the previous good poll, if there was one.
        before: Option<u64>,
    },
    /// Every row was rejected.
    NothingGood {
        /// The rows read.
        rows: u64,
    },
    /// It has far fewer rows than the poll before.
    Shrunk {
        /// The good rows.
        good: u64,
        /// The rows of the previous good poll.
        before: u64,
        /// The least that would have been believed.
        at_least: u64,
    },
    /// Too many rows were rejected.
    Rejected {
        /// The rows rejected.
        rejected: u64,
        /// The rows read.
        rows: u64,
        /// The most that would have been believed.
        at_most: u64,
    },
}

/// A poll that was not believed and that a person has looked at and accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Its rows.
    pub rows: u64,
    /// Those that were rejected.
    pub rejected: u64,
}

/// Judges a poll that asked for changes only: it may well have none.
pub fn judge_changes(rows: u64, rejected: u64, accepted: Option<Accepted>, limits: &GuardLimits) -> Verdict {
    let at_most = limits.most_rejected(rows).max(accepted.map_or(0, |accepted| accepted.rejected));
    if rejected > at_most { Verdict::Doubted(Doubt::Rejected { rejected, rows, at_most }) } else { Verdict::Believed }
}

/// Judges a poll like one that was accepted: it may have shrunk no further, and have no more rejected rows.
fn is_like(rows: u64, rejected: u64, accepted: Accepted, limits: &GuardLimits) -> bool {
    let good = rows.saturating_sub(rejected);
    let was_good = accepted.rows.saturating_sub(accepted.rejected);
    good >= share_of(was_good, limits.min_share, f64::ceil)
        && rejected <= limits.most_rejected(rows).max(accepted.rejected)
}

/// Judges a poll by its counts: `rows` were read, `rejected` of them rejected, and the last poll that was believed
/// had `before` good ones.
pub fn judge_poll(
    before: Option<u64>,
    rows: u64,
    rejected: u64,
    accepted: Option<Accepted>,
    limits: &GuardLimits,
) -> Verdict {
    if accepted.is_some_and(|accepted| is_like(rows, rejected, accepted, limits)) {
        return Verdict::Believed;
    }
    let good = rows.saturating_sub(rejected);
    let at_least = before.map_or(0, |before| share_of(before, limits.min_share, f64::ceil));
    let at_most = limits.most_rejected(rows);
    let doubt = if rows == 0 {
        Doubt::Empty { before }
    } else if good == 0 {
        Doubt::NothingGood { rows }
    } else if rejected > at_most {
        Doubt::Rejected { rejected, rows, at_most }
    } else if good < at_least {
        Doubt::Shrunk { good, before: before.unwrap_or(0), at_least }
    } else {
        return Verdict::Believed;
    };
    Verdict::Doubted(doubt)
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn share_of(count: u64, share: f64, round: fn(f64) -> f64) -> u64 {
    round(count as f64 * share.clamp(0.0, 1.0)) as u64
}

/// How the words of a poll without rows begin.
const EMPTY: &str = "the source has no rows";

/// Whether a trouble was said of a source that answered, and not of one that could not be read; `rows` are those of the
/// poll that it was said of.
pub fn has_answered(trouble: &str, rows: u64) -> bool {
    rows > 0 || trouble.starts_with(EMPTY)
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { before: None } => f.write_str(EMPTY),
            Self::Empty { before: Some(before) } => write!(f, "{EMPTY}, the last good poll had {before}"),
            Self::NothingGood { rows } => write!(f, "all rows ({rows}) were rejected"),
            Self::Shrunk { good, before, at_least } => {
                write!(f, "expected at least {at_least} rows after {before} in the last good poll, got {good}")
            }
            Self::Rejected { rejected, rows, at_most } => {
                write!(f, "expected at most {at_most} rejected rows of {rows}, got {rejected}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_poll_of_likely_size_is_believed() {
        let judge = |before, rows, rejected| match judge_poll(before, rows, rejected, None, &GuardLimits::default()) {
            Verdict::Believed => "believed".to_owned(),
            Verdict::Doubted(doubt) => doubt.to_string(),
        };
        for (before, rows, rejected, says) in [
            (None, 1, 0, "believed"),
            (None, 0, 0, "the source has no rows"),
            (Some(5000), 0, 0, "the source has no rows, the last good poll had 5000"),
            (Some(0), 0, 0, "the source has no rows, the last good poll had 0"),
            (Some(1), 1, 0, "believed"),
            (Some(5000), 2500, 0, "believed"),
            (Some(5000), 2499, 0, "expected at least 2500 rows after 5000 in the last good poll, got 2499"),
            (Some(3), 1, 0, "expected at least 2 rows after 3 in the last good poll, got 1"),
            (Some(10), 100_000, 0, "believed"),
            (None, 11, 10, "believed"),
            (None, 3, 3, "all rows (3) were rejected"),
            (None, 12, 11, "expected at most 10 rejected rows of 12, got 11"),
            (None, 1000, 200, "believed"),
            (None, 1000, 201, "expected at most 200 rejected rows of 1000, got 201"),
            (None, 2, 9, "all rows (2) were rejected"),
        ] {
            assert_eq!(judge(before, rows, rejected), says, "{before:?} {rows} {rejected}");
        }
    }

    #[test]
    fn what_a_person_accepted_is_believed_as_long_as_it_gets_no_worse() {
        let limits = GuardLimits::default();
        let judge = |rows, rejected, shown: (u64, u64)| {
            let accepted = Accepted { rows: shown.0, rejected: shown.1 };
            judge_poll(Some(5000), rows, rejected, Some(accepted), &limits) == Verdict::Believed
        };
        for (rows, rejected, shown, is_believed) in [
            (1000, 0, (1000, 0), true),
            (900, 0, (1000, 0), true),
            (499, 0, (1000, 0), false),
            (0, 0, (1000, 0), false),
            (0, 0, (0, 0), true),
            (4000, 2000, (4000, 2000), true),
            (4000, 2001, (4000, 2000), false),
            (5000, 0, (0, 0), true),
        ] {
            assert_eq!(judge(rows, rejected, shown), is_believed, "{rows} {rejected} {shown:?}");
        }
    }

    #[test]
    fn changes_may_be_none_but_not_mostly_unreadable() {
        let judge = |rows, rejected, accepted| judge_changes(rows, rejected, accepted, &GuardLimits::default());
        assert_eq!(judge(0, 0, None), Verdict::Believed);
        assert_eq!(judge(1, 1, None), Verdict::Believed, "a single bad row holds nothing up");
        assert_eq!(judge(20, 11, None), Verdict::Doubted(Doubt::Rejected { rejected: 11, rows: 20, at_most: 10 }));
        assert_eq!(judge(20, 11, Some(Accepted { rows: 20, rejected: 11 })), Verdict::Believed);
    }

    #[test]
    fn limits_are_configured_by_name() {
        let limits: GuardLimits = toml::from_str("min_share = 0.9").expect("limits");
        assert!(matches!(judge_poll(Some(100), 89, 0, None, &limits), Verdict::Doubted(Doubt::Shrunk { .. })));
        assert!(toml::from_str::<GuardLimits>("min_shar = 0.9").is_err());
    }
}
