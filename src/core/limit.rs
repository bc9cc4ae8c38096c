//! **Limit** 时限: an amount of time with a unit and an end, such as `10wd`, `2h` or `15d@work`.
//!
//! `NUMBER UNIT [@END]`: units `wd wh wm d h m`; fractions only for `h` and `wh`; `@` only on `wd` and `d`; no sign;
//! at most 10,000; 0 only with `wd`. What each notation means stands at [`super::course`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The largest number that a limit may have, in its own unit.
pub const LARGEST: u32 = 10_000;

/// In what a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// `wd`: working days.
    WorkingDay,
    /// `wh`: working hours.
    WorkingHour,
    /// `wm`: working minutes.
    WorkingMinute,
    /// `d`: natural days.
    Day,
    /// `h`: natural hours, from the instant.
    Hour,
    /// `m`: natural minutes, from the instant.
    Minute,
}

/// Units that can be added to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// `wd`
    WorkingDays,
    /// `wh wm`
    WorkingTime,
    /// `d`
    Days,
    /// `h m`
    Time,
}

/// Where on its last day a day limit ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum End {
    /// 24:00 of the last day (Civil Code 201–204).
    #[default]
    Midnight,
    /// `@close`: when the last day's working hours end.
    Close,
    /// `@clock`: the start's clock time; a start on a rest day moves to 00:00 of the next working day.
    Clock,
    /// `@open`: the start's clock time; a start outside working hours moves to the next opening.
    Open,
    /// `@work`: 24:00 of the last day, or of the next working day if the last one is a rest day (Civil Code 203).
    Work,
}

impl Unit {
    const ALL: [(Self, &'static str); 6] = [
        (Self::WorkingDay, "wd"),
        (Self::WorkingHour, "wh"),
        (Self::WorkingMinute, "wm"),
        (Self::Day, "d"),
        (Self::Hour, "h"),
        (Self::Minute, "m"),
    ];

    /// The family of units that this one can be mixed with.
    pub const fn family(self) -> Family {
        match self {
            Self::WorkingDay => Family::WorkingDays,
            Self::WorkingHour | Self::WorkingMinute => Family::WorkingTime,
            Self::Day => Family::Days,
            Self::Hour | Self::Minute => Family::Time,
        }
    }

    /// How a limit writes it.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(unit, _)| *unit == self).map_or("", |(_, word)| word)
    }

    /// Grains in one unit: whole days for day limits, seconds for the others.
    pub const fn grains(self) -> u32 {
        match self {
            Self::WorkingDay | Self::Day => 1,
            Self::WorkingHour | Self::Hour => 3600,
            Self::WorkingMinute | Self::Minute => 60,
        }
    }

    const fn takes_fractions(self) -> bool {
        matches!(self, Self::WorkingHour | Self::Hour)
    }
}

impl Family {
    /// Whether the family counts whole days.
    pub const fn is_days(self) -> bool {
        matches!(self, Self::WorkingDays | Self::Days)
    }

    /// Whether only working time counts.
    pub const fn is_working(self) -> bool {
        matches!(self, Self::WorkingDays | Self::WorkingTime)
    }

    /// The units of the family, for messages.
    pub const fn words(self) -> &'static str {
        match self {
            Self::WorkingDays => "wd",
            Self::WorkingTime => "wh or wm",
            Self::Days => "d",
            Self::Time => "h or m",
        }
    }
}

/// An amount of time with a unit and an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limit {
    grains: u32,
    unit: Unit,
    end: End,
}

/// Why a text is not a limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("limit {text:?}: {problem}")]
pub struct LimitError {
    /// What was written.
    pub text: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Limit {
    /// The amount: days for day limits, seconds for the others.
    pub const fn grains(self) -> u32 {
        self.grains
    }

    /// The unit.
    pub const fn unit(self) -> Unit {
        self.unit
    }

    /// The end.
    pub const fn end(self) -> End {
        self.end
    }

    /// The unit's family.
    pub const fn family(self) -> Family {
        self.unit.family()
    }

    /// Whether this is a bare amount that can be added to a limit of the same family.
    pub fn is_amount(self) -> bool {
        self.end == End::Midnight && self.grains > 0
    }
}

impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        parse(text).map_err(|problem| LimitError { text: text.chars().take(40).collect(), problem })
    }
}

fn parse(text: &str) -> Result<Limit, String> {
    let (amount, end) = text.split_once('@').map_or((text, None), |(amount, end)| (amount, Some(end)));
    let digits = amount.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(amount.len());
    let (number, word) = amount.split_at(digits);
    let unit = Unit::ALL.iter().find(|(_, w)| *w == word).map(|(unit, _)| *unit);
    let unit = unit.ok_or_else(|| format!("expected NUMBER and one of wd wh wm d h m, got {:?}", cut(amount)))?;
    let grains = number_of(number, unit)?;
    let end = end.map_or(Ok(End::Midnight), |end| end_of(end, unit))?;
    if grains == 0 && unit != Unit::WorkingDay {
        return Err(format!("0 goes with wd only, got 0{word}"));
    }
    Ok(Limit { grains, unit, end })
}

/// The number in grains of `unit`; hours to the nearest second.
fn number_of(number: &str, unit: Unit) -> Result<u32, String> {
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(w, f)| (w, Some(f)));
    let too_large = || format!("at most {LARGEST}, got {}", cut(number));
    if whole.is_empty() || fraction.is_some_and(|f| f.is_empty() || f.contains('.')) {
        return Err(format!("expected a number such as 10 or 4.5, got {:?}", cut(number)));
    }
    if whole.len() > 9 || fraction.is_some_and(|f| f.len() > 9) {
        return Err(if fraction.is_some_and(|f| f.len() > 9) { "at most nine decimals".into() } else { too_large() });
    }
    let whole: u64 = whole.parse().map_err(|_| too_large())?;
    let Some(fraction) = fraction else {
        return grains(whole, 0, 1, unit).ok_or_else(too_large);
    };
    if !unit.takes_fractions() {
        return Err(format!("fractions go with h and wh only, got {}{}", cut(number), unit.word()));
    }
    let scale = 10_u64.pow(u32::try_from(fraction.len()).unwrap_or(9));
    let part: u64 = fraction.parse().map_err(|_| too_large())?;
    grains(whole, part, scale, unit).ok_or_else(too_large)
}

fn grains(whole: u64, part: u64, scale: u64, unit: Unit) -> Option<u32> {
    let each = u64::from(unit.grains());
    let grains = whole * each + (part * each + scale / 2) / scale;
    let largest = u64::from(LARGEST) * each;
    if grains > largest { None } else { u32::try_from(grains).ok() }
}

fn end_of(end: &str, unit: Unit) -> Result<End, String> {
    match (end, unit) {
        ("close", Unit::WorkingDay) => Ok(End::Close),
        ("clock", Unit::WorkingDay | Unit::Day) => Ok(End::Clock),
        ("open", Unit::WorkingDay) => Ok(End::Open),
        ("work", Unit::Day) => Ok(End::Work),
        _ => Err(format!("@close @clock @open go with wd, @clock @work with d, got {}@{}", unit.word(), cut(end))),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(20).collect()
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = self.unit.grains();
        write!(f, "{}", self.grains / each)?;
        let rest = self.grains % each;
        if rest > 0 {
            // Seconds of an hour to nine decimals come back to the same second.
            let decimals = format!("{:09}", (u64::from(rest) * 1_000_000_000 + u64::from(each) / 2) / u64::from(each));
            let shortest = (1..=9)
                .map(|n| &decimals[..n])
                .find(|short| number_of(&format!("0.{short}"), self.unit) == Ok(rest))
                .unwrap_or(&decimals);
            write!(f, ".{shortest}")?;
        }
        f.write_str(self.unit.word())?;
        f.write_str(match self.end {
            End::Midnight => "",
            End::Close => "@close",
            End::Clock => "@clock",
            End::Open => "@open",
            End::Work => "@work",
        })
    }
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A part of a whole, in ten-thousandths, so that 0.8 is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    /// The parts that a whole has.
    pub const WHOLE: u32 = 10_000;

    /// A share between 0 and 1, both excluded; `None` for any other number.
    pub fn new(share: f64) -> Option<Self> {
        let parts = (share * f64::from(Self::WHOLE)).round();
        // In range by the guard, so the cast loses nothing.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        (parts >= 1.0 && parts < f64::from(Self::WHOLE)).then_some(Self(parts as u32))
    }

    /// The share in ten-thousandths.
    pub const fn parts(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.0) / f64::from(Self::WHOLE))
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / f64::from(Self::WHOLE))
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let share = f64::deserialize(deserializer)?;
        Self::new(share)
            .ok_or_else(|| serde::de::Error::custom(format!("expected a share between 0 and 1, got {share}")))
    }
}

/// When a window turns yellow, as a rule may say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Yellow {
    /// `yellow: 0.8`: when this share is used.
    Share(Share),
    /// `yellow: "90m"`: when this amount is used.
    Used(Limit),
    /// `yellow: left("1wd")`: when this amount is left.
    Left(Limit),
}

/// When a window turns yellow if its rule says nothing: at the earlier of `used` and `left`, but not before
/// `not_before`; `left` and `not_before` apply to `wd` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct YellowDefault {
    /// The share of the limit that is used.
    pub used: Share,
    /// The amount in `wd` that is left.
    pub left: Limit,
    /// The share before which nothing is yellow.
    pub not_before: Share,
}

impl Default for YellowDefault {
    fn default() -> Self {
        Self {
            used: Share(8_000),
            left: Limit { grains: 1, unit: Unit::WorkingDay, end: End::Midnight },
            not_before: Share(5_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_is_read_and_written_alike() {
        for text in [
            "10wd",
            "10wd@close",
            "10wd@clock",
            "10wd@open",
            "0wd",
            "0wd@close",
            "4.5wh",
            "90wm",
            "2h",
            "30m",
            "100d",
            "100d@clock",
            "15d@work",
            "0.25h",
            "10000wd",
            "10000h",
        ] {
            assert_eq!(text.parse::<Limit>().map(|l| l.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("1.0h".parse::<Limit>().map(|l| l.to_string()), Ok("1h".into()));
    }

    #[test]
    fn anything_else_is_an_error_that_says_why() {
        for (text, says) in [
            ("", "expected NUMBER"),
            ("wd", "expected a number"),
            ("10", "expected NUMBER"),
            ("-1wd", "expected NUMBER"),
            ("+1wd", "expected NUMBER"),
            (" 1wd", "expected NUMBER"),
            ("1 wd", "expected NUMBER"),
            ("1WD", "expected NUMBER"),
            ("1.5wd", "fractions go with h and wh"),
            ("1.5wm", "fractions go with h and wh"),
            ("1.h", "expected a number"),
            (".5h", "expected a number"),
            ("1.2.3h", "expected a number"),
            ("0h", "0 goes with wd"),
            ("0d", "0 goes with wd"),
            ("0.00001h", "0 goes with wd"),
            ("10001wd", "at most 10000"),
            ("10000.5h", "at most 10000"),
            ("99999999999999999999wd", "at most 10000"),
            ("2h@close", "go with wd"),
            ("2wd@work", "go with wd"),
            ("2d@open", "go with wd"),
            ("2wd@", "go with wd"),
            ("2wd@close@clock", "go with wd"),
            ("十wd", "expected NUMBER"),
            ("1\u{0}wd", "expected NUMBER"),
        ] {
            let error = text.parse::<Limit>().expect_err(text).to_string();
            assert!(error.contains(says), "{text:?}: {error}");
        }
    }
}
