//! **Terms** of a source's polls, whatever it reads: what is asked for, what absence means, how long is waited for it.

use std::num::NonZeroU32;
use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Deserializer, de};

use crate::core::Instant;
use crate::schedule::Schedule;

/// `[source.NAME]`: the keys that hold for its polls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollTerms {
    /// Only what changed since the poll before is asked for; without it, everything.
    pub since: Option<Since>,
    /// What an item that is missing from good polls means.
    pub absent: Absent,
    /// How long a card waits for a good poll begun at or after its instant.
    pub confirm: Duration,
    /// How long the source may be in trouble before operators are told.
    pub blind_after: Duration,
}

impl Default for PollTerms {
    fn default() -> Self {
        Self { since: None, absent: Absent::Keep, confirm: Duration::ZERO, blind_after: a_quarter() }
    }
}

/// How long a source may be in trouble before operators are told, if nothing is configured.
pub const fn a_quarter() -> Duration {
    Duration::from_mins(15)
}

/// What was changed since: the newest instant that a field has shown.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Since {
    /// The mapped field, an instant, that every change moves on.
    pub field: String,
    /// How far back is asked again, for changes that were written late.
    #[serde(default = "ten_minutes", deserialize_with = "span")]
    pub overlap: Duration,
}

const fn ten_minutes() -> Duration {
    Duration::from_mins(10)
}

/// What an item that is missing from good polls means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absent {
    /// Nothing: its clocks run on, and it is shown as missing.
    #[default]
    Keep,
    /// After so many good polls running it has left its source, and its cards close.
    CloseAfter(NonZeroU32),
}

impl Absent {
    /// How many polls running are counted.
    pub const fn polls(self) -> u32 {
        match self {
            Self::Keep => 1,
            Self::CloseAfter(polls) => polls.get(),
        }
    }
}

/// When a source is expected to show something, so that it is noticed when it does not.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// When it is polled; a source that calls by itself is not.
    pub schedule: Option<Schedule>,
    /// How long a source that calls may be silent, if somebody said so.
    pub silent_after: Option<Duration>,
    /// How long it may be in trouble before operators are told.
    pub blind_after: Duration,
}

/// How the words begin that are said of a source that should have called.
pub const SILENT: &str = "expected a call within";

impl Expected {
    /// The least time that a poll may be late: loops nap, and answers take their time.
    const LEAST: TimeDelta = TimeDelta::minutes(2);

    /// From when on data that were good at an instant are stale; never, if nobody expects anything.
    pub fn stale_at(&self, good_at: Instant) -> Option<Instant> {
        let span = |span: Duration| TimeDelta::from_std(span).unwrap_or_default();
        match &self.schedule {
            Some(schedule) => {
                let next = schedule.next_after(Some(good_at), good_at);
                next.checked_add_signed(span(self.blind_after).max(Self::LEAST))
            }
            None => self.silent_after.and_then(|silent| good_at.checked_add_signed(span(silent))),
        }
    }
}

/// Reads a span such as `30s`, `2m`, `1h`, `1d`, of at most a week.
pub fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    read_span(&text).ok_or_else(|| {
        de::Error::custom(format!("expected a time such as \"30s\", \"2m\", \"1h\", at most \"7d\", got {text:?}"))
    })
}

/// Reads how long an answer may take: from a second to an hour.
pub fn timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let within = |span: &Duration| (1..=3600).contains(&span.as_secs());
    read_span(&text)
        .filter(within)
        .ok_or_else(|| de::Error::custom(format!("expected a time from 1s to 60m, such as \"30s\", got {text:?}")))
}

/// A span such as `30s`.
pub fn read_span(text: &str) -> Option<Duration> {
    const LONGEST: u64 = 7 * 86_400;
    let text = text.trim();
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let number: u64 = text[..text.len() - 1].parse().ok()?;
    number.checked_mul(unit).filter(|seconds| *seconds <= LONGEST).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short_words() {
        for (text, seconds) in [("0s", Some(0)), ("30s", Some(30)), (" 2m", Some(120)), ("7d", Some(604_800))] {
            assert_eq!(read_span(text), seconds.map(Duration::from_secs), "{text}");
        }
        for text in ["", "s", "5", "-1s", "1.5m", "8d", "1w", "99999999999999999999s", "1米", "m5"] {
            assert_eq!(read_span(text), None, "{text}");
        }
    }

    #[test]
    fn data_are_stale_when_the_next_poll_is_late_by_more_than_a_little() {
        let at = |text: &str| -> Instant { format!("2026-03-02T{text}:00Z").parse().expect("an instant") };
        let schedule = |line: &str| Schedule::parse(line, chrono_tz::Tz::UTC).ok();
        let silent_after = Some(Duration::from_hours(1));
        for (schedule, silent_after, blind_minutes, stale) in [
            (schedule("5m"), None, 15, Some("10:20")),
            (schedule("5m"), None, 0, Some("10:07")),
            (schedule("0 12 * * MON"), None, 15, Some("12:15")),
            (None, silent_after, 15, Some("11:00")),
            (None, None, 15, None),
        ] {
            let expected = Expected { schedule, silent_after, blind_after: Duration::from_mins(blind_minutes) };
            assert_eq!(expected.stale_at(at("10:00")), stale.map(at), "{expected:?}");
        }
    }

    #[test]
    fn absence_is_a_word_or_a_count() {
        #[derive(Deserialize)]
        struct Table {
            absent: Absent,
        }
        let read = |text: &str| toml::from_str::<Table>(text).map(|table| table.absent);
        assert_eq!(read("absent = \"keep\""), Ok(Absent::Keep));
        assert_eq!(read("absent = { close_after = 3 }").map(Absent::polls), Ok(3));
        for wrong in ["absent = \"close\"", "absent = { close_after = 0 }", "absent = {}", "absent = 3"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
