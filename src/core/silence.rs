//! **Silence** 静默: a matcher with start, end, author and comment. What it holds is planned again at its end.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::Instant;
use super::digest::Digest;
use super::matcher::{Matcher, Suspect};

/// The longest that a silence may last: what nobody remembers must not stay quiet.
pub const LONGEST: TimeDelta = TimeDelta::days(30);

/// Who wanted quiet about what, until when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Its identity.
    pub id: Digest,
    /// Which cards it is about.
    pub matcher: Matcher,
    /// When it begins.
    pub starts_at: Instant,
    /// When it ends: the first instant that is not silent.
    pub ends_at: Instant,
    /// Who wanted it.
    pub by: String,
    /// Why.
    pub comment: String,
    /// When it was put down.
    pub created_at: Instant,
    /// Who ended it early, if anybody did.
    pub ended_by: Option<String>,
    /// When what it held was planned again; `None` until then.
    pub lifted_at: Option<Instant>,
}

/// What is wrong with a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SilenceError {
    /// It is about every card.
    #[error("expected at least one key=pattern: a silence about everything is a stopped daemon")]
    Everything,
    /// It ends before it begins, or has ended.
    #[error("expected an end after the start and after now")]
    Over,
    /// It is too long.
    #[error("expected at most 30 days")]
    TooLong,
    /// Nobody stands for it.
    #[error("expected who wants it and why")]
    Anonymous,
}

impl Silence {
    /// A new silence, if it can be one.
    pub fn new(
        matcher: Matcher,
        (starts_at, ends_at): (Instant, Instant),
        by: &str,
        comment: &str,
        now: Instant,
    ) -> Result<Self, SilenceError> {
        if matcher.is_empty() {
            return Err(SilenceError::Everything);
        }
        if ends_at <= starts_at || ends_at <= now {
            return Err(SilenceError::Over);
        }
        if ends_at - starts_at > LONGEST {
            return Err(SilenceError::TooLong);
        }
        if by.trim().is_empty() || comment.trim().is_empty() {
            return Err(SilenceError::Anonymous);
        }
        let instants = [starts_at, ends_at, now].map(|at| at.timestamp_micros().to_string());
        let parts = [&*matcher.to_string(), by, comment, &instants[0], &instants[1], &instants[2]];
        Ok(Self {
            id: Digest::of(parts.map(str::as_bytes)),
            matcher,
            starts_at,
            ends_at,
            by: by.trim().to_owned(),
            comment: comment.trim().to_owned(),
            created_at: now,
            ended_by: None,
            lifted_at: None,
        })
    }

    /// Whether it is in force.
    pub fn is_active(&self, now: Instant) -> bool {
        self.starts_at <= now && now < self.ends_at
    }

    /// Whether it holds what is to be said about a card.
    pub fn holds(&self, suspect: &Suspect<'_>, now: Instant) -> bool {
        self.is_active(now) && self.matcher.fits(suspect)
    }
}

/// The silence that holds what is to be said about a card: of several, the one that lasts longest.
pub fn holding<'s>(silences: &'s [Silence], suspect: &Suspect<'_>, now: Instant) -> Option<&'s Silence> {
    silences.iter().filter(|silence| silence.holds(suspect, now)).max_by_key(|silence| silence.ends_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u32, hour: u32) -> Instant {
        format!("2026-03-{day:02}T{hour:02}:00:00Z").parse().expect("an instant")
    }

    #[test]
    fn a_silence_needs_a_matter_an_end_an_author_and_a_reason() {
        let matcher = || Matcher::of_pairs(["unit=住建局"]).expect("a matcher");
        let new = |span, by, comment| Silence::new(matcher(), span, by, comment, at(2, 2)).map(drop);
        assert_eq!(new((at(2, 1), at(3, 1)), "值班", "系统割接"), Ok(()));
        assert_eq!(new((at(3, 1), at(3, 1)), "值班", "系统割接"), Err(SilenceError::Over));
        assert_eq!(new((at(1, 1), at(2, 2)), "值班", "系统割接"), Err(SilenceError::Over));
        assert_eq!(new((at(2, 1), at(31, 1) + TimeDelta::days(2)), "值班", "割接"), Err(SilenceError::TooLong));
        assert_eq!(new((at(2, 1), at(3, 1)), " ", "系统割接"), Err(SilenceError::Anonymous));
        assert_eq!(new((at(2, 1), at(3, 1)), "值班", ""), Err(SilenceError::Anonymous));
        let everything = Silence::new(Matcher::default(), (at(2, 1), at(3, 1)), "a", "b", at(2, 2));
        assert_eq!(everything, Err(SilenceError::Everything));
    }
}
