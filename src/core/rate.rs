//! **Rate**: how many messages may leave in how much time, as channels and vendors limit them: `18/1m`, `50/1d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// So many messages in so much time, in any stretch of that length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In how much time.
    pub per: Duration,
}

/// What a channel may send.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// All messages of the channel.
    pub all: Vec<Rate>,
    /// The messages to one address.
    pub each: Vec<Rate>,
}

impl Rates {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty() && self.each.is_empty()
    }
}

/// A text that is no rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a count and a time such as 18/1m, 5/1s, 100/1h or 50/1d (at most 31d), got {0:?}")]
pub struct RateError(String);

impl Rate {
    /// A rate per minute.
    pub const fn per_minute(count: u32) -> Self {
        Self { count, per: Duration::from_mins(1) }
    }

    /// A rate per day.
    pub const fn per_day(count: u32) -> Self {
        Self { count, per: Duration::from_hours(24) }
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        const MONTH: u64 = 31 * 86_400;
        let wrong = || RateError(text.chars().take(40).collect());
        let (count, per) = text.trim().split_once('/').ok_or_else(wrong)?;
        let unit = per.chars().last().ok_or_else(wrong)?;
        let seconds: u64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(wrong()),
        };
        let digits = |text: &str| {
            let is_plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            is_plain.then(|| text.parse::<u32>().ok()).flatten().filter(|n| *n > 0)
        };
        let count = digits(count.trim()).ok_or_else(wrong)?;
        let number = digits(&per[..per.len() - unit.len_utf8()]).ok_or_else(wrong)?;
        let per = u64::from(number).checked_mul(seconds).filter(|per| *per <= MONTH).ok_or_else(wrong)?;
        Ok(Self { count, per: Duration::from_secs(per) })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.per.as_secs();
        let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];
        let (size, unit) = units.into_iter().find(|(size, _)| seconds.is_multiple_of(*size)).unwrap_or((1, 's'));
        write!(f, "{}/{}{unit}", self.count, seconds / size)
    }
}

impl TryFrom<String> for Rate {
    type Error = RateError;

    fn try_from(text: String) -> Result<Self, RateError> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_count_and_a_time() {
        for (text, count, seconds, shown) in [
            ("18/1m", 18, 60, "18/1m"),
            ("5/1s", 5, 1, "5/1s"),
            ("100/60m", 100, 3_600, "100/1h"),
            ("50/1d", 50, 86_400, "50/1d"),
            (" 1/90s", 1, 90, "1/90s"),
            ("9/31d", 9, 31 * 86_400, "9/31d"),
        ] {
            let rate: Rate = text.parse().expect(text);
            assert_eq!((rate.count, rate.per.as_secs(), rate.to_string().as_str()), (count, seconds, shown));
        }
    }

    #[test]
    fn what_is_no_rate_is_named() {
        for text in ["", "/", "18", "18/", "/1m", "0/1m", "18/0m", "-1/1m", "+1/1m", "1/32d", "1/1w", "1/1分", "1.5/1m"]
        {
            let error = text.parse::<Rate>().expect_err(text).to_string();
            assert!(error.starts_with("expected a count and a time"), "{error}");
        }
        assert!("99999999999/1m".parse::<Rate>().is_err());
        assert!(format!("1/{}m", u64::MAX).parse::<Rate>().is_err());
    }
}
