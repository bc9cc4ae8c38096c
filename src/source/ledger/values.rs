//! What stands in a cell, as the text that a careful CSV export of the same data would have.

use std::borrow::Cow;
use std::fmt::Write as _;

use chrono::{Days, NaiveDate};

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'t> {
    /// Nothing, which a text without characters is not.
    Empty,
    /// A whole number.
    Int(i64),
    /// Everything else that is a value.
    Text(Cow<'t, str>),
    /// An error such as `#N/A`, or a number that is none.
    Error(String),
}

/// What a number format shows of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Shown {
    /// Year, month or day.
    pub date: bool,
    /// Hour, minute or second.
    pub time: bool,
}

/// Whole numbers up to here are exact in a spreadsheet.
const EXACT: f64 = 9_007_199_254_740_992.0;

const MS_OF_A_DAY: f64 = 86_400_000.0;

/// The days from the 1900 epoch to the 1904 one.
const LATER_EPOCH: f64 = 1462.0;

impl<'t> Value<'t> {
    /// A text as it stands there.
    pub fn text(text: impl Into<Cow<'t, str>>) -> Self {
        Self::Text(text.into())
    }

    /// A truth value.
    pub fn truth(yes: bool) -> Self {
        Self::text(if yes { "true" } else { "false" })
    }

    /// A number with up to 15 digits, as spreadsheets show it, and never with an exponent; whole numbers in full.
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
    pub fn number(number: f64) -> Self {
        if !number.is_finite() {
            return Self::Error("a number that is none".to_owned());
        }
        if number.fract() == 0.0 && number.abs() <= EXACT {
            return Self::Int(number as i64);
        }
        let shown = format!("{number:.14e}").parse::<f64>().unwrap_or(number);
        Self::text(shown.to_string())
    }

    /// A moment by its days since the epoch; `shown` tells a date from an instant at midnight.
    pub fn moment(days: f64, is_1904: bool, shown: Shown) -> Self {
        let Some(ms) = milliseconds(days) else {
            return Self::Error(format!("the moment {days}"));
        };
        if shown.time && !shown.date && (0..86_400_000).contains(&ms) {
            return Self::text(clock(ms));
        }
        let since_1900 = if is_1904 { ms + whole(LATER_EPOCH * MS_OF_A_DAY) } else { ms };
        // Before 1 March 1900 spreadsheets count a leap day that never was; ledgers do not reach back to it.
        let epoch = NaiveDate::from_ymd_opt(1899, 12, 30);
        let days_since = u64::try_from(since_1900.div_euclid(86_400_000)).ok().map(Days::new);
        let date = epoch.zip(days_since).and_then(|(epoch, days)| epoch.checked_add_days(days));
        let of_day = ms.rem_euclid(86_400_000);
        match date {
            None => Self::Error(format!("the moment {days}")),
            Some(date) if of_day == 0 && !shown.time => Self::text(date.format("%Y-%m-%d").to_string()),
            Some(_) if !shown.date && (0..86_400_000).contains(&ms) => Self::text(clock(of_day)),
            Some(date) => Self::text(format!("{} {}", date.format("%Y-%m-%d"), clock(of_day))),
        }
    }

    /// A span by its days: `26:30:00`.
    pub fn span(days: f64) -> Self {
        match milliseconds(days) {
            Some(ms) if ms < 0 => Self::text(format!("-{}", clock(-ms))),
            Some(ms) => Self::text(clock(ms)),
            None => Self::Error(format!("the span {days}")),
        }
    }

    /// A moment in ISO 8601: `2026-01-02`, `2026-01-02T03:04:05.5`, with an offset as it stands there.
    pub fn iso_moment(text: &str) -> Self {
        let spaced = text.replacen('T', " ", 1);
        match spaced.split_once('.') {
            Some((whole, fraction)) if fraction.bytes().all(|byte| byte.is_ascii_digit()) => {
                let fraction = fraction.trim_end_matches('0');
                Self::text(if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") })
            }
            _ => Self::text(spaced),
        }
    }

    /// A span in ISO 8601, `PT10H30M00S`, as `10:30:00`; others as they stand there.
    pub fn iso_span(text: &str) -> Self {
        iso_days(text).map_or_else(|| Self::text(text.to_owned()), Self::span)
    }

    /// Whether nobody sees anything in it.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Text(text) => text.trim().is_empty(),
            Self::Int(_) | Self::Error(_) => false,
        }
    }

    /// The same, which owns its text.
    pub fn owned(self) -> Value<'static> {
        match self {
            Self::Empty => Value::Empty,
            Self::Int(number) => Value::Int(number),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Error(error) => Value::Error(error),
        }
    }
}

impl Shown {
    /// What a format such as `yyyy-mm-dd hh:mm` shows; nothing is known of one that depends on the country.
    pub fn by(format: &str) -> Self {
        let mut shown = Self::default();
        let (mut quoted, mut bracketed, mut minutes) = (false, false, false);
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            match c {
                '"' => quoted = !quoted,
                _ if quoted => {}
                '\\' | '_' | '*' => drop(chars.next()),
                '[' => bracketed = true,
                ']' => bracketed = false,
                _ if bracketed => {}
                ';' => break,
                'y' | 'Y' | 'd' | 'D' => shown.date = true,
                'h' | 'H' | 's' | 'S' => shown.time = true,
                'm' | 'M' => minutes = true,
                _ => {}
            }
        }
        // An m beside hours or seconds is a minute, else a month.
        shown.date |= minutes && !shown.time;
        shown
    }
}

/// Days in milliseconds, which is as fine as spreadsheets are.
fn milliseconds(days: f64) -> Option<i64> {
    const MOST_DAYS: f64 = 2_958_466.0;
    (days.abs() < MOST_DAYS).then(|| whole(days * MS_OF_A_DAY))
}

#[expect(clippy::cast_possible_truncation, reason = "the callers keep it within some thousand years")]
fn whole(number: f64) -> i64 {
    number.round() as i64
}

/// `10:30:00`, with a fraction if there is one.
fn clock(ms: i64) -> String {
    let (seconds, rest) = (ms / 1000, ms % 1000);
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if rest != 0 {
        // Writing into a text cannot fail.
        let _ = write!(text, "{}", format!(".{rest:03}").trim_end_matches('0'));
    }
    text
}

/// The days of `PT10H30M00.5S`.
fn iso_days(text: &str) -> Option<f64> {
    let (sign, text) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let mut rest = text.strip_prefix('P')?;
    let mut days = 0.0;
    let mut in_time = false;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('T') {
            (in_time, rest) = (true, after);
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let unit = match (rest.as_bytes()[end], in_time) {
            (b'D', false) => 1.0,
            (b'H', true) => 24.0,
            (b'M', true) => 1440.0,
            (b'S', true) => 86_400.0,
            _ => return None,
        };
        days += number / unit;
        rest = &rest[end + 1..];
    }
    Some(sign * days)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOTH: Shown = Shown { date: true, time: true };
    const DATE: Shown = Shown { date: true, time: false };
    const TIME: Shown = Shown { date: false, time: true };

    fn said(value: Value<'_>) -> String {
        match value {
            Value::Empty => String::new(),
            Value::Int(number) => number.to_string(),
            Value::Text(text) => text.into_owned(),
            Value::Error(error) => format!("!{error}"),
        }
    }

    #[test]
    fn numbers_stand_there_in_full() {
        for (number, text) in [
            (13_800_000_000.0, "13800000000"),
            (1.38e10, "13800000000"),
            (-0.0, "0"),
            (0.15, "0.15"),
            (0.1 + 0.2, "0.3"),
            (0.1 + 0.2, "0.3"),
            (9_007_199_254_740_991.0, "9007199254740991"),
            (1.1e17, "110000000000000000"),
            (1e-7, "0.0000001"),
            (f64::NAN, "!a number that is none"),
        ] {
            assert_eq!(said(Value::number(number)), text);
        }
    }

    #[test]
    fn moments_are_told_as_their_format_shows_them() {
        for (days, is_1904, shown, text) in [
            (46_024.0, false, DATE, "2026-01-02"),
            (44_562.0, true, DATE, "2026-01-02"),
            (46_024.0, false, BOTH, "2026-01-02 00:00:00"),
            (46_024.0, false, Shown::default(), "2026-01-02"),
            (46_024.127_835_648_15, false, BOTH, "2026-01-02 03:04:05"),
            (44_562.127_835_648_15, true, BOTH, "2026-01-02 03:04:05"),
            (46_024.5, false, DATE, "2026-01-02 12:00:00"),
            (46_024.000_005_787_04, false, BOTH, "2026-01-02 00:00:00.5"),
            (0.4375, false, TIME, "10:30:00"),
            (0.4375, true, TIME, "10:30:00"),
            (0.4375, false, Shown::default(), "10:30:00"),
            (0.4375, true, Shown::default(), "10:30:00"),
            (-1.0, false, DATE, "!the moment -1"),
            (3e6, false, DATE, "!the moment 3000000"),
        ] {
            assert_eq!(said(Value::moment(days, is_1904, shown)), text);
        }
        assert_eq!(said(Value::span(1.104_166_666_666_67)), "26:30:00");
        assert_eq!(said(Value::span(-0.5)), "-12:00:00");
        for (iso, text) in [
            ("2026-01-02T03:04:05", "2026-01-02 03:04:05"),
            ("2026-01-02", "2026-01-02"),
            ("2026-01-02T03:04:05.500000000", "2026-01-02 03:04:05.5"),
            ("2026-01-02T03:04:05.000", "2026-01-02 03:04:05"),
            ("2026-01-02T03:04:05+08:00", "2026-01-02 03:04:05+08:00"),
        ] {
            assert_eq!(said(Value::iso_moment(iso)), text);
        }
        for (iso, text) in
            [("PT10H30M00S", "10:30:00"), ("P1DT2H", "26:00:00"), ("P1Y", "P1Y"), ("昨天", "昨天"), ("P1é", "P1é")]
        {
            assert_eq!(said(Value::iso_span(iso)), text);
        }
    }

    #[test]
    fn a_format_tells_dates_from_times() {
        for (format, shown) in [
            ("yyyy-mm-dd", DATE),
            ("mm-dd-yy", DATE),
            ("yyyy\"年\"m\"月\"d\"日\"", DATE),
            ("yyyy-mm-dd hh:mm:ss", BOTH),
            ("m/d/yy h:mm", BOTH),
            ("h:mm AM/PM", TIME),
            ("[$-804]h:mm;@", TIME),
            ("mm:ss", TIME),
            ("\"shy\" mmm", DATE),
            ("General", Shown::default()),
        ] {
            assert_eq!(Shown::by(format), shown, "{format}");
        }
    }

    proptest! {
        #[test]
        fn any_number_and_any_text_is_told(number in any::<f64>(), text in ".{0,20}") {
            said(Value::number(number));
            said(Value::moment(number, true, BOTH));
            said(Value::span(number));
            said(Value::iso_moment(&text));
            said(Value::iso_span(&format!("P{text}")));
        }
    }
}
