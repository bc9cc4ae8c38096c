//! **Health** of a source: what its record says of it now. Pure.

use crate::core::Instant;
use crate::source::guard::has_answered;
use crate::source::terms::{Expected, SILENT};
use crate::store::SourceRecord;

/// How a source is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It was not polled yet, or has not called.
    Unseen,
    /// Its last poll is believed, and no poll is overdue.
    Good,
    /// Its last poll was believed, and the next one is overdue.
    Stale,
    /// It cannot be read.
    Failed,
    /// It can be read, and what it says is not believed.
    Doubted,
}

impl Health {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Unseen, Self::Good, Self::Stale, Self::Failed, Self::Doubted];

    /// What a source's record says; `expected` is what holds for it, if it is configured still.
    pub fn of(record: Option<&SourceRecord>, expected: Option<&Expected>, now: Instant) -> Self {
        let Some(record) = record else { return Self::Unseen };
        match (&record.trouble, record.good_at) {
            (Some(trouble), _) if trouble.starts_with(SILENT) => Self::Stale,
            (Some(trouble), _) if has_answered(trouble, record.rows) => Self::Doubted,
            (Some(_), _) => Self::Failed,
            (None, None) => Self::Unseen,
            (None, Some(good_at)) => {
                // A poll that takes its time is not late.
                let took = chrono::TimeDelta::milliseconds(i64::try_from(record.took_ms).unwrap_or_default());
                let stale_at = expected.and_then(|expected| expected.stale_at(good_at));
                if stale_at.is_some_and(|at| at + took * 2 < now) { Self::Stale } else { Self::Good }
            }
        }
    }

    /// The identifier in JSON and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unseen => "unseen",
            Self::Good => "good",
            Self::Stale => "stale",
            Self::Failed => "failed",
            Self::Doubted => "doubted",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::schedule::Schedule;

    #[test]
    fn a_record_says_how_a_source_is_doing() {
        let now: Instant = "2026-03-02T10:00:00Z".parse().expect("an instant");
        let minutes = chrono::TimeDelta::minutes;
        let schedule = Schedule::parse("5m", chrono_tz::Tz::UTC).ok();
        let expected = Expected { schedule, silent_after: None, blind_after: Duration::from_mins(15) };
        let record = |ago: i64, rows: u64, trouble: Option<&str>, took_ms: u64| SourceRecord {
            good_at: Some(now - minutes(ago)),
            rows,
            took_ms,
            trouble: trouble.map(str::to_owned),
            ..SourceRecord::default()
        };
        for (record, health) in [
            (record(3, 7, None, 0), Health::Good),
            (record(19, 7, None, 0), Health::Good),
            (record(21, 7, None, 0), Health::Stale),
            (record(21, 7, None, 60_000), Health::Good),
            (record(3, 2, Some("expected at least 4 rows"), 0), Health::Doubted),
            (record(3, 0, Some("the source has no rows, the last good poll had 7"), 0), Health::Doubted),
            (record(300, 7, Some("expected a call within 3600 s, got none so far"), 0), Health::Stale),
            (record(3, 0, Some("tickets.csv: expected a file that can be read"), 0), Health::Failed),
            (SourceRecord::default(), Health::Unseen),
        ] {
            assert_eq!(Health::of(Some(&record), Some(&expected), now), health, "{record:?}");
        }
        assert_eq!(Health::of(None, Some(&expected), now), Health::Unseen);
        assert_eq!(Health::of(Some(&record(9_999, 7, None, 0)), None, now), Health::Good, "nobody expects anything");
    }
}
