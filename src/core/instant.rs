//! Reading and writing instants as they stand in JSON: RFC 3339, UTC, whole seconds where they are whole. Each record holds
//! dozens of them, nearly all written the same way, and what is sealed is made of little else.

use std::fmt;

use chrono::{Datelike, NaiveDate, ParseError, SecondsFormat, Timelike};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serializer};

use super::Instant;

/// Reads RFC 3339.
pub fn parse(text: &str) -> Result<Instant, ParseError> {
    plain(text.as_bytes()).map_or_else(|| text.parse(), Ok)
}

/// Reads `2026-03-02T02:00:00Z`; what is written otherwise, or is none, is left to others.
fn plain(text: &[u8]) -> Option<Instant> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', hours @ .., b'Z'] = text else { return None };
    let [h1, h2, b':', n1, n2, b':', s1, s2] = hours else { return None };
    let two = |tens: &u8, ones: &u8| {
        let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
        digits.then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
    };
    let year = i32::try_from(two(y1, y2)? * 100 + two(y3, y4)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, two(m1, m2)?, two(d1, d2)?)?;
    Some(date.and_hms_opt(two(h1, h2)?, two(n1, n2)?, two(s1, s2)?)?.and_utc())
}

/// Writes RFC 3339.
pub fn text(instant: Instant) -> String {
    plain_text(instant).map_or_else(
        || instant.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        |text| String::from_utf8_lossy(&text).into_owned(),
    )
}

/// Writes `2026-03-02T02:00:00Z`; what has parts of seconds, or a year of other than four digits, is left to others.
fn plain_text(instant: Instant) -> Option<[u8; 20]> {
    let (date, time) = (instant.date_naive(), instant.time());
    let year = u32::try_from(date.year()).ok().filter(|year| *year < 10_000 && time.nanosecond() == 0)?;
    let mut text = *b"0000-00-00T00:00:00Z";
    let parts = [year / 100, year % 100, date.month(), date.day(), time.hour(), time.minute(), time.second()];
    for (at, part) in [0, 2, 5, 8, 11, 14, 17].into_iter().zip(parts) {
        let [part, ..] = part.to_le_bytes();
        (text[at], text[at + 1]) = (b'0' + part / 10, b'0' + part % 10);
    }
    Some(text)
}

/// Reads an instant of a record.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Instant, D::Error> {
    Read::deserialize(deserializer).map(|Read(instant)| instant)
}

/// Writes an instant of a record.
pub fn serialize<S: Serializer>(instant: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    match plain_text(*instant).as_ref().map(|text| std::str::from_utf8(text)) {
        Some(Ok(text)) => serializer.serialize_str(text),
        _ => serializer.serialize_str(&text(*instant)),
    }
}

/// The same where there may be none.
pub mod maybe {
    use super::{Deserialize, Deserializer, Instant, Read, Serializer};

    /// Reads an instant of a record, or none.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Instant>, D::Error> {
        Ok(Option::deserialize(deserializer)?.map(|Read(instant)| instant))
    }

    /// Writes an instant of a record, or none.
    pub fn serialize<S: Serializer>(instant: &Option<Instant>, serializer: S) -> Result<S::Ok, S::Error> {
        match instant {
            Some(instant) => super::serialize(instant, serializer),
            None => serializer.serialize_none(),
        }
    }
}

struct Read(Instant);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(InstantVisitor).map(Self)
    }
}

struct InstantVisitor;

impl Visitor<'_> for InstantVisitor {
    type Value = Instant;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an RFC 3339 formatted date and time string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Instant, E> {
        parse(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_instant_is_none() {
        for wrong in ["2026-02-30T00:00:00Z", "2026-03-02T25:00:00Z", "2026-03-02T02:00:0xZ", "2026-03-02", ""] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        // A leap second.
        assert_eq!(parse("2016-12-31T23:59:60Z"), "2016-12-31T23:59:60Z".parse());
    }

    proptest! {
        #[test]
        fn every_text_is_read_as_chrono_reads_it(text in "([0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](Z|z|[.][0-9]{1,9}Z|[+]08:00)|\\PC{0,24})") {
            prop_assert_eq!(parse(&text), text.parse());
        }

        #[test]
        fn every_instant_is_written_as_chrono_writes_it(seconds in -70_000_000_000_i64..300_000_000_000, nanos in prop_oneof![4 => Just(0_u32), 1 => 0..1_000_000_000_u32]) {
            let instant = Instant::from_timestamp(seconds, nanos).expect("an instant");
            let json = serde_json::to_string(&instant).expect("JSON");
            prop_assert_eq!(format!("\"{}\"", text(instant)), json.clone());
            let mut written = Vec::new();
            serialize(&instant, &mut serde_json::Serializer::new(&mut written)).expect("JSON");
            prop_assert_eq!(String::from_utf8_lossy(&written), json);
        }
    }
}
