//! What people type and files hold: instants, pauses, limits.
//!
//! **Invariant:** an instant without an offset is meant on the clock of the calendar's place.

use chrono::{FixedOffset, NaiveDate, NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use crate::core::Instant;
use crate::core::calendar::{Beyond, instant_of};
use crate::core::item::Pause;
use crate::core::limit::{Limit, LimitError};

/// What was typed and cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not an instant.
    #[error("expected an instant such as 2026-03-02T10:00 or 2026-03-02T10:00:00+08:00, got {0:?}")]
    Instant(String),
    /// Not a pause.
    #[error("expected a pause such as 2026-03-02T10:00/2026-03-03T09:00, got {0:?}")]
    Pause(String),
    /// A pause or a stretch that ends before it begins.
    #[error("expected an end that is not before its start, got {0:?}")]
    Reversed(String),
    /// Not a limit.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// Outside the years that calendars know.
    #[error(transparent)]
    Beyond(#[from] Beyond),
}

/// Reads a limit.
pub fn limit(text: &str) -> Result<Limit, Unreadable> {
    Ok(text.trim().parse()?)
}

/// Reads an instant: `2026-03-02T10:00[:00][+08:00|Z]`, with a blank for the T if one likes; a date alone is its 00:00.
/// Parts of a second are cut off.
pub fn instant(text: &str, zone: Tz) -> Result<Instant, Unreadable> {
    parse(text.trim(), zone).ok_or_else(|| Unreadable::Instant(cut(text)))
}

/// Reads `A/B`; an empty B means that the pause lasts.
pub fn pause(text: &str, zone: Tz) -> Result<Pause, Unreadable> {
    let (from, to) = text.trim().split_once('/').ok_or_else(|| Unreadable::Pause(cut(text)))?;
    let from = instant(from, zone)?;
    let to = if to.trim().is_empty() { None } else { Some(instant(to, zone)?) };
    if to.is_some_and(|to| to < from) {
        return Err(Unreadable::Reversed(cut(text)));
    }
    Ok(Pause::new(from, to))
}

/// Reads `A/B;A/B`; an empty text means none.
pub fn pauses(text: &str, zone: Tz) -> Result<Vec<Pause>, Unreadable> {
    text.split(';').filter(|part| !part.trim().is_empty()).map(|part| pause(part, zone)).collect()
}

fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}

fn parse(text: &str, zone: Tz) -> Option<Instant> {
    let (date, rest) = text.split_at_checked(10)?;
    let date = date_of(date)?;
    if rest.is_empty() {
        return Some(instant_of(zone, date.and_hms_opt(0, 0, 0)?));
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let clock = rest.find(['+', '-', 'Z', 'z']).unwrap_or(rest.len());
    let (clock, offset) = rest.split_at_checked(clock)?;
    let local = clock_on(date, clock)?;
    match offset {
        "" => Some(instant_of(zone, local)),
        offset => Some(offset_of(offset)?.from_local_datetime(&local).single()?.to_utc()),
    }
}

fn date_of(text: &str) -> Option<NaiveDate> {
    let mut parts = text.split('-');
    let mut next = |digits| number(parts.next()?, digits);
    let (year, month, day) = (next(4)?, next(2)?, next(2)?);
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day).filter(|_| parts.next().is_none())
}

/// `HH:MM[:SS[.fraction]]` on a date; 24:00 is its end.
fn clock_on(date: NaiveDate, text: &str) -> Option<NaiveDateTime> {
    let mut parts = text.trim_end().split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(0), second_of)?;
    if parts.next().is_some() {
        return None;
    }
    if (hour, minute, second) == (24, 0, 0) {
        return date.and_hms_opt(0, 0, 0)?.checked_add_signed(TimeDelta::days(1));
    }
    date.and_hms_opt(hour, minute, second)
}

fn second_of(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    number(whole, 2).filter(|_| is_number)
}

/// `Z`, `+08:00` or `+0800`.
fn offset_of(text: &str) -> Option<FixedOffset> {
    if text.eq_ignore_ascii_case("z") {
        return FixedOffset::east_opt(0);
    }
    let (sign, rest) = text.split_at_checked(1)?;
    let (hours, rest) = rest.split_at_checked(2)?;
    let minutes = number(rest.strip_prefix(':').unwrap_or(rest), 2).filter(|minutes| *minutes < 60)?;
    let seconds = i32::try_from(number(hours, 2)? * 3600 + minutes * 60).ok()?;
    FixedOffset::east_opt(if sign == "-" { -seconds } else { seconds })
}

fn number(text: &str, digits: usize) -> Option<u32> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SHANGHAI: Tz = Tz::Asia__Shanghai;

    #[test]
    fn an_instant_without_offset_is_on_the_clock_of_the_place() {
        for (text, expected) in [
            ("2026-03-02T10:00", "2026-03-02T02:00:00Z"),
            ("2026-03-02 10:00:05", "2026-03-02T02:00:05Z"),
            ("2026-03-02T10:00:05.999", "2026-03-02T02:00:05Z"),
            ("2026-03-02T10:00:00+08:00", "2026-03-02T02:00:00Z"),
            ("2026-03-02T10:00:00-0530", "2026-03-02T15:30:00Z"),
            ("2026-03-02T10:00Z", "2026-03-02T10:00:00Z"),
            ("2026-03-02", "2026-03-01T16:00:00Z"),
            (" 2026-03-02T24:00 ", "2026-03-02T16:00:00Z"),
        ] {
            assert_eq!(instant(text, SHANGHAI), Ok(expected.parse().expect("instant")), "{text}");
        }
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "now",
            "2026-3-2",
            "2026-02-29",
            "2026-03-02T",
            "2026-03-02T10",
            "2026-03-02T25:00",
            "2026-03-02T24:01",
            "2026-03-02T10:60",
            "2026-03-02T10:00:60",
            "2026-03-02T10:00:00.",
            "2026-03-02T10:00:00+8",
            "2026-03-02T10:00:00+99:00",
            "2026-03-02T10:00 pm",
            "+026-03-02T10:00",
            "二〇二六-03-02",
            "2026-03-02T10:00\u{0}",
        ] {
            assert!(instant(text, SHANGHAI).is_err(), "{text:?}");
        }
    }

    #[test]
    fn pauses_may_lie_in_a_row_and_the_last_may_last() {
        let read = pauses("2026-03-02T10:00/2026-03-03T10:00; 2026-03-04T10:00/;", SHANGHAI).expect("pauses");
        assert_eq!((read.len(), read[1].to), (2, None));
        assert_eq!(pauses("", SHANGHAI), Ok(Vec::new()));
        assert!(matches!(pauses("2026-03-02", SHANGHAI), Err(Unreadable::Pause(_))));
        assert!(matches!(pauses("/2026-03-02", SHANGHAI), Err(Unreadable::Instant(_))));
        assert!(matches!(pauses("2026-03-02/2026-03-01", SHANGHAI), Err(Unreadable::Reversed(_))));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in ".{0,40}") {
            let _ = (instant(&text, SHANGHAI), pauses(&text, SHANGHAI), limit(&text));
        }

        #[test]
        fn what_is_written_is_read_again(seconds in 0..7_000_000_000_i64) {
            let at = Instant::from_timestamp(seconds, 0).expect("instant");
            let text = at.with_timezone(&SHANGHAI).to_rfc3339();
            prop_assert_eq!(instant(&text, SHANGHAI), Ok(at));
        }
    }
}
