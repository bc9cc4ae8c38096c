//! Reads instants as sources write them: with an offset, or naive in a declared zone.
//!
//! A text with an offset (RFC 3339, also with a space or `+0800`) is always understood, and its own offset counts. A
//! naive one is understood if its format is declared: the first format in the list that fits the whole text. Where
//! clocks were put forward over it, it is the first instant after the gap, where they were put back over it, the earlier
//! of the two. Second 60 is read as 59. A format without a clock time means 00:00.
//!
//! **Invariant:** nothing outside the years 1900 to 2199 is an instant: it is a typing error or a filler such as
//! `9999-12-31`, which belongs into `missing`. Two formats of one list never read a text as two different days: whether
//! `03/02` is in March or in February is not guessed.

use chrono::format::{Item as Piece, StrftimeItems};
use chrono::{DateTime, Datelike, Days, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone};
use chrono_tz::Tz;

use crate::core::Instant;
use crate::core::calendar::instant_of;

/// The formats of naive times that are understood where a source declares none.
pub const USUAL_FORMATS: [&str; 5] =
    ["%Y-%m-%d %H:%M:%S%.f", "%Y/%m/%d %H:%M", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];

const YEARS: std::ops::RangeInclusive<i32> = 1900..=2199;

/// How many declared formats are shown to who wrote something else.
const SHOWN: usize = 3;

/// The declared ways in which a source writes instants, in their order.
#[derive(Debug, Clone)]
pub struct Moments {
    zone: Option<Tz>,
    formats: Vec<Format>,
    /// Whether a declared format has an offset of its own.
    zoned: bool,
    samples: String,
}

#[derive(Debug, Clone)]
enum Format {
    Fixed(Fixed),
    Other(Other),
}

/// `%Y-%m-%d %H:%M:%S`, the same with a `T`, with or without a fraction.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fixed {
    separator: u8,
    fraction: bool,
}

/// Any other format, read by chrono.
#[derive(Debug, Clone)]
struct Other {
    pattern: String,
    zoned: bool,
    timed: bool,
}

/// A text in the usual form: a time, and an offset if it has one.
#[derive(Debug, Clone, Copy)]
struct Usual {
    naive: NaiveDateTime,
    separator: u8,
    fraction: bool,
    offset: Option<i64>,
}

impl Moments {
    /// Checks the formats; the error says which one is wrong and why.
    pub fn new(formats: &[String], zone: Option<Tz>) -> Result<Self, String> {
        let own: Vec<&str> = formats.iter().map(String::as_str).filter(|format| *format != "rfc3339").collect();
        let read = own.iter().map(|&format| Format::of(format)).collect::<Result<Vec<_>, _>>()?;
        contradiction(&own)?;
        let zoned = read.iter().any(|format| matches!(format, Format::Other(Other { zoned: true, .. })));
        Ok(Self { zone, formats: read, zoned, samples: samples(&own) })
    }

    /// The zone of texts without an offset.
    pub fn zone(&self) -> Option<Tz> {
        self.zone
    }

    /// Whether a text without an offset could be read if there were a zone.
    pub fn need_zone(&self) -> bool {
        self.formats.iter().any(|format| !matches!(format, Format::Other(Other { zoned: true, .. })))
    }

    /// The instant that `text` (without blanks around it) says; the error says what was expected.
    pub fn read(&self, text: &str, offsets: &mut Offsets) -> Result<Instant, String> {
        let instant = self.find(text, offsets).ok_or_else(|| format!("expected a time such as {}", self.samples))?;
        if YEARS.contains(&instant.year()) {
            Ok(instant)
        } else {
            Err(format!("expected a time from {} to {}", YEARS.start(), YEARS.end()))
        }
    }

    fn find(&self, text: &str, offsets: &mut Offsets) -> Option<Instant> {
        let usual = Usual::of(text);
        let own = usual.and_then(Usual::with_own_offset);
        if own.is_some() && !self.zoned {
            return own;
        }
        let declared = self.formats.iter().find_map(|format| match format {
            Format::Fixed(fixed) => {
                let usual = usual.filter(|usual| fixed.fits(*usual))?;
                Some(offsets.resolve(usual.naive, self.zone?))
            }
            // Only a format with an offset can say more of a text with an offset.
            Format::Other(other) if own.is_some() && !other.zoned => None,
            Format::Other(other) => other.read(text, self.zone, offsets),
        });
        declared.or(own)
    }
}

/// What the first formats look like.
fn samples(formats: &[&str]) -> String {
    let shown = if formats.is_empty() { &["%Y-%m-%dT%H:%M:%SZ"][..] } else { formats };
    // The many usual formats look alike.
    let shown = if shown.len() > SHOWN { &shown[..1] } else { shown };
    let shown: Vec<String> =
        shown.iter().map(|format| sample().format(&format.replace("%.f", "")).to_string()).collect();
    shown.join(" or ")
}

/// Two formats that read one text as different days, such as `%d/%m/%Y` and `%m/%d/%Y`, are an error.
fn contradiction(formats: &[&str]) -> Result<(), String> {
    // Year, month and day can each be taken for one of the others. Seconds since 1970 are no date to be mixed up.
    let day = NaiveDate::from_ymd_opt(2010, 11, 12).unwrap_or_default();
    let at = day.and_time(sample().time()).and_utc().fixed_offset();
    let dates = || formats.iter().filter(|format| !format.contains("%s"));
    for (one, other) in dates().flat_map(|one| dates().map(move |other| (one, other))) {
        let text = at.format(one).to_string();
        let read = DateTime::parse_from_str(&text, other).map(|at| at.date_naive());
        let read = read.or_else(|_| NaiveDateTime::parse_from_str(&text, other).map(|at| at.date()));
        if read.or_else(|_| NaiveDate::parse_from_str(&text, other)).is_ok_and(|read| read != day) {
            return Err(format!(
                "expected formats that agree, got {one:?} and {other:?}, which read {text} as different days"
            ));
        }
    }
    Ok(())
}

impl Format {
    fn of(format: &str) -> Result<Self, String> {
        Fixed::of(format).map_or_else(|| Other::of(format).map(Self::Other), |fixed| Ok(Self::Fixed(fixed)))
    }
}

impl Usual {
    fn of(text: &str) -> Option<Self> {
        let (naive, separator, rest) = fixed_part(text)?;
        let (naive, fraction, rest) = add_fraction(naive, rest)?;
        let offset = if rest.is_empty() { None } else { Some(offset_seconds(rest)?) };
        Some(Self { naive, separator, fraction, offset })
    }

    fn with_own_offset(self) -> Option<Instant> {
        Some((self.naive - chrono::TimeDelta::seconds(self.offset?)).and_utc())
    }
}

impl Fixed {
    fn of(format: &str) -> Option<Self> {
        let (separator, fraction) = match format {
            "%Y-%m-%d %H:%M:%S" => (b' ', false),
            "%Y-%m-%d %H:%M:%S%.f" => (b' ', true),
            "%Y-%m-%dT%H:%M:%S" => (b'T', false),
            "%Y-%m-%dT%H:%M:%S%.f" => (b'T', true),
            _ => return None,
        };
        Some(Self { separator, fraction })
    }

    fn fits(self, text: Usual) -> bool {
        text.offset.is_none() && text.separator == self.separator && (self.fraction || !text.fraction)
    }
}

impl Other {
    /// A format is good if a sample that is written in it can be read back.
    fn of(format: &str) -> Result<Self, String> {
        let wrong = || format!("expected a format such as {:?}, got {format:?}", USUAL_FORMATS[1]);
        if StrftimeItems::new(format).any(|piece| matches!(piece, Piece::Error)) {
            return Err(wrong());
        }
        let sample = sample();
        let text = sample.format(format).to_string();
        let zoned = DateTime::parse_from_str(&text, format).is_ok();
        let timed = zoned || NaiveDateTime::parse_from_str(&text, format).is_ok();
        let dated = timed || NaiveDate::parse_from_str(&text, format) == Ok(sample.date_naive());
        if dated { Ok(Self { pattern: format.to_owned(), zoned, timed }) } else { Err(wrong()) }
    }

    fn read(&self, text: &str, zone: Option<Tz>, offsets: &mut Offsets) -> Option<Instant> {
        if self.zoned {
            let read = DateTime::parse_from_str(text, &self.pattern).ok()?;
            return Some(without_leap(read.naive_utc()).and_utc());
        }
        let naive = if self.timed {
            NaiveDateTime::parse_from_str(text, &self.pattern).ok()?
        } else {
            NaiveDate::parse_from_str(text, &self.pattern).ok()?.and_time(NaiveTime::MIN)
        };
        // Beyond these years the arithmetic below could leave what chrono can hold.
        let near = (0..=9999).contains(&naive.year());
        near.then(|| zone.map(|zone| offsets.resolve(without_leap(naive), zone)))?
    }
}

fn sample() -> DateTime<chrono::FixedOffset> {
    let naive = NaiveDate::from_ymd_opt(2026, 12, 31).and_then(|day| day.and_hms_opt(21, 30, 45)).unwrap_or_default();
    naive.and_utc().fixed_offset()
}

/// chrono keeps second 60 as more than 999,999,999 nanoseconds of second 59.
fn without_leap(naive: NaiveDateTime) -> NaiveDateTime {
    use chrono::Timelike;
    if naive.nanosecond() < 1_000_000_000 { naive } else { naive.with_nanosecond(0).unwrap_or(naive) }
}

/// `2026-03-02T09:00:00` at the head of a text: the time, its separator and the rest.
fn fixed_part(text: &str) -> Option<(NaiveDateTime, u8, &str)> {
    let bytes = text.as_bytes();
    let head: &[u8; 19] = bytes.first_chunk()?;
    let separator = match head[10] {
        b'T' | b't' => b'T',
        b' ' => b' ',
        _ => return None,
    };
    if [head[4], head[7], head[13], head[16]] != *b"--::" {
        return None;
    }
    let pair = |at: usize| digits([head[at], head[at + 1]]);
    let year = pair(0)? * 100 + pair(2)?;
    let date = NaiveDate::from_ymd_opt(year.cast_signed(), pair(5)?, pair(8)?)?;
    let second = pair(17)?;
    let time = NaiveTime::from_hms_opt(pair(11)?, pair(14)?, if second == 60 { 59 } else { second })?;
    Some((NaiveDateTime::new(date, time), separator, text.get(19..)?))
}

fn digits([tens, ones]: [u8; 2]) -> Option<u32> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
}

/// Adds `.123` at the head of `rest`, and says whether there was one.
fn add_fraction(naive: NaiveDateTime, rest: &str) -> Option<(NaiveDateTime, bool, &str)> {
    let Some(tail) = rest.strip_prefix('.') else { return Some((naive, false, rest)) };
    let count = tail.bytes().take_while(u8::is_ascii_digit).count();
    let nanos =
        tail[..count].bytes().chain(std::iter::repeat(b'0')).take(9).fold(0, |n, d| n * 10 + i64::from(d - b'0'));
    (count > 0).then(|| (naive + chrono::TimeDelta::nanoseconds(nanos), true, &tail[count..]))
}

/// `Z`, `+08:00`, `+0800` or `+08`, in seconds east.
fn offset_seconds(text: &str) -> Option<i64> {
    if text == "Z" || text == "z" {
        return Some(0);
    }
    let text = text.strip_prefix(' ').unwrap_or(text);
    let bytes = text.as_bytes();
    let sign = match bytes.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = match bytes.len() {
        3 => (digits([bytes[1], bytes[2]])?, 0),
        5 => (digits([bytes[1], bytes[2]])?, digits([bytes[3], bytes[4]])?),
        6 if bytes[3] == b':' => (digits([bytes[1], bytes[2]])?, digits([bytes[4], bytes[5]])?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then(|| sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
}

/// Remembers the offset of days on which a zone keeps one offset; a lookup in the zone costs ten times as much.
#[derive(Debug)]
pub struct Offsets([(i32, i32); 64]);

impl Default for Offsets {
    fn default() -> Self {
        Self([(i32::MIN, 0); 64])
    }
}

impl Offsets {
    fn resolve(&mut self, naive: NaiveDateTime, zone: Tz) -> Instant {
        let day = naive.num_days_from_ce();
        let slot = day.rem_euclid(64).unsigned_abs() as usize;
        if self.0[slot].0 != day {
            match steady_offset(naive.date(), zone) {
                Some(offset) => self.0[slot] = (day, offset),
                None => return instant_of(zone, naive),
            }
        }
        (naive - chrono::TimeDelta::seconds(i64::from(self.0[slot].1))).and_utc()
    }
}

/// The offset that holds from the start of a day to the start of the next one.
fn steady_offset(day: NaiveDate, zone: Tz) -> Option<i32> {
    let at = |day: NaiveDate| match zone.offset_from_local_datetime(&day.and_time(NaiveTime::MIN)) {
        MappedLocalTime::Single(offset) => Some(offset.fix().local_minus_utc()),
        _ => None,
    };
    let start = at(day)?;
    (at(day.checked_add_days(Days::new(1))?)? == start).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(formats: &[&str], zone: &str, text: &str) -> Result<String, String> {
        let formats: Vec<String> = formats.iter().map(|&f| f.to_owned()).collect();
        let moments = Moments::new(&formats, zone.parse().ok())?;
        moments.read(text, &mut Offsets::default()).map(crate::core::instant::text)
    }

    #[test]
    fn usual_formats_are_read_in_their_zone() {
        for (text, says) in [
            ("2026-03-02 10:00:00", "2026-03-02T02:00:00Z"),
            ("2026-03-02T10:00:00", "2026-03-02T02:00:00Z"),
            ("2026-03-02 10:00:00.250", "2026-03-02T02:00:00.250Z"),
            ("2026/3/2 9:05", "2026-03-02T01:05:00Z"),
            ("2026-03-02T10:00:00Z", "2026-03-02T10:00:00Z"),
            ("2026-03-02t10:00:00z", "2026-03-02T10:00:00Z"),
            ("2026-03-02T10:00:00-05:30", "2026-03-02T15:30:00Z"),
            ("2026-03-02 10:00:00+08", "2026-03-02T02:00:00Z"),
            ("2026-03-02 10:00:00.5 +0800", "2026-03-02T02:00:00.500Z"),
            ("2026-03-02 10:00:60", "2026-03-02T02:00:59Z"),
            ("2024-02-29 00:00:00", "2024-02-28T16:00:00Z"),
        ] {
            assert_eq!(read(&USUAL_FORMATS, "Asia/Shanghai", text), Ok(says.into()), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_says_what_was_expected() {
        for text in [
            "",
            "2026-03-02",
            "2026-13-02 10:00:00",
            "2026-02-29 10:00:00",
            "2026-03-02 24:00:00",
            "昨天",
            "10:00",
            "2026-03-02 10:00:00 CST",
            "2026-03-02 10:00:00.",
            "2026-03-02T10:00:00+25:00",
            "2026-03-0二 10:00:00",
            "20260302100000",
            "+262143-01-01 00:00:00",
            "262143/01/01 00:00",
        ] {
            let error = read(&USUAL_FORMATS, "Asia/Shanghai", text).expect_err(text);
            assert_eq!(error, "expected a time such as 2026-12-31 21:30:45", "{text}");
        }
        for text in ["9999-12-31 00:00:00", "0001-01-01 00:00:00", "1899/12/30 00:00"] {
            let error = read(&USUAL_FORMATS, "Asia/Shanghai", text).expect_err(text);
            assert_eq!(error, "expected a time from 1900 to 2199", "{text}");
        }
        assert!(read(&["%Y-%m-%d %H:%M:%S"], "Asia/Shanghai", "2026-03-02 10:00:00.5").is_err(), "not declared");
        assert!(read(&["rfc3339"], "Asia/Shanghai", "2026-03-02 10:00:00").is_err(), "naive");
    }

    #[test]
    fn a_time_that_clocks_skip_or_repeat_has_one_reading() {
        for (zone, text, says) in [
            ("America/New_York", "2026-03-08 02:30:00", "2026-03-08T07:00:00Z"),
            ("America/New_York", "2026-03-08 01:59:59", "2026-03-08T06:59:59Z"),
            ("America/New_York", "2026-03-08 03:00:00", "2026-03-08T07:00:00Z"),
            ("America/New_York", "2026-11-01 01:30:00", "2026-11-01T05:30:00Z"),
            ("America/New_York", "2026-11-01 02:00:00", "2026-11-01T07:00:00Z"),
            ("Australia/Lord_Howe", "2026-10-04 02:10:00", "2026-10-03T15:30:00Z"),
            ("Pacific/Apia", "2011-12-30 12:00:00", "2011-12-30T10:00:00Z"),
            ("America/Sao_Paulo", "2018-11-04 00:20:00", "2018-11-04T03:00:00Z"),
        ] {
            assert_eq!(read(&USUAL_FORMATS, zone, text), Ok(says.into()), "{zone} {text}");
        }
    }

    #[test]
    fn own_formats_are_checked_when_they_are_declared() {
        assert_eq!(read(&["%Y年%m月%d日"], "Asia/Shanghai", "2026年3月2日"), Ok("2026-03-01T16:00:00Z".into()));
        assert_eq!(read(&["%d.%m.%Y %H:%M %z"], "", "02.03.2026 10:00 +0800"), Ok("2026-03-02T02:00:00Z".into()));
        assert_eq!(read(&["%s"], "", "1772416800"), Ok("2026-03-02T02:00:00Z".into()));
        for format in ["%Y-%m-%d %Q", "%H:%M", "%Y-%m", "", "yyyy-MM-dd"] {
            let error = Moments::new(&[format.to_owned()], None).expect_err(format);
            assert!(error.contains("expected a format such as") && error.contains(format), "{error}");
        }
        let two = Moments::new(&["%d.%m.%Y".to_owned(), "%Y年%m月%d日".to_owned()], None).expect("formats");
        let error = two.read("3/2", &mut Offsets::default()).expect_err("another one");
        assert_eq!(error, "expected a time such as 31.12.2026 or 2026年12月31日");
        let only_zoned = Moments::new(&["rfc3339".to_owned(), "%s".to_owned()], None).expect("formats");
        assert!(!only_zoned.need_zone());
    }

    #[test]
    fn the_first_format_that_fits_counts_and_an_offset_of_the_texts_own_before_all() {
        let day_first = ["%Y-%d-%m %H:%M:%S", "%Y/%m/%d", "%d.%m.%Y %H:%M"];
        for (text, says) in [
            ("2026-03-02 10:00:00", "2026-02-03T02:00:00Z"),
            ("2026-03-02 10:00:00+08:00", "2026-03-02T02:00:00Z"),
            ("2026-03-02T10:00:00Z", "2026-03-02T10:00:00Z"),
            ("2026/03/02", "2026-03-01T16:00:00Z"),
            ("03.02.2026 10:00", "2026-02-03T02:00:00Z"),
        ] {
            assert_eq!(read(&day_first, "Asia/Shanghai", text), Ok(says.into()), "{text}");
        }
        assert!(read(&day_first, "Asia/Shanghai", "2026-03-02 10:00:00.5").is_err(), "not the whole text");
        let zoned = ["%Y-%d-%m %H:%M:%S%z"];
        assert_eq!(read(&zoned, "", "2026-03-02 10:00:00+08:00"), Ok("2026-02-03T02:00:00Z".into()), "as declared");
        let stamps = ["%Y%m%d", "%s"];
        assert_eq!(read(&stamps, "Asia/Shanghai", "20260302"), Ok("2026-03-01T16:00:00Z".into()));
        assert_eq!(read(&stamps, "Asia/Shanghai", "1772416800"), Ok("2026-03-02T02:00:00Z".into()));
    }

    #[test]
    fn whether_day_or_month_comes_first_is_never_guessed() {
        for pair in [
            ["%d/%m/%Y", "%m/%d/%Y"],
            ["%Y-%m-%d %H:%M:%S", "%Y-%d-%m %H:%M:%S"],
            ["%d.%m.%y", "%y.%m.%d"],
            ["%d.%m.%Y %H:%M %z", "%m.%d.%Y %H:%M %z"],
        ] {
            let formats = pair.map(str::to_owned);
            let error = Moments::new(&formats, None).expect_err("contradiction");
            assert!(error.contains("as different days") && error.contains(pair[1]), "{error}");
        }
        for pair in [["%d/%m/%Y", "%d/%m/%Y %H:%M"], ["%Y-%m-%d", "%d.%m.%Y"], ["%m/%d/%Y", "%d.%m.%Y"]] {
            assert!(Moments::new(&pair.map(str::to_owned), None).is_ok(), "{pair:?}");
        }
    }

    proptest! {
        #[test]
        fn any_formats_are_taken_or_refused(one in "[%dmYyHMS/. -]{0,12}", other in ".{0,12}", text in ".{0,20}") {
            if let Ok(moments) = Moments::new(&[one, other], Some(Tz::Asia__Shanghai)) {
                let _ = moments.read(&text, &mut Offsets::default());
            }
        }

        #[test]
        fn the_remembered_offset_is_the_zones_offset(seconds in 0_i64..4_000_000_000, zone in 0_usize..4) {
            let zone: Tz = ["Asia/Shanghai", "America/New_York", "Africa/Casablanca", "Pacific/Apia"][zone]
                .parse().expect("zone");
            let naive = DateTime::from_timestamp(seconds, 0).expect("time").naive_utc();
            let mut offsets = Offsets::default();
            prop_assert_eq!(offsets.resolve(naive, zone), instant_of(zone, naive));
            prop_assert_eq!(offsets.resolve(naive, zone), instant_of(zone, naive));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}", digits in "[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}[ T][0-9:.+Z-]{0,14}") {
            let formats: Vec<String> = USUAL_FORMATS.iter().chain(&["%s", "%Y-%m-%d"]).map(|&f| f.to_owned()).collect();
            let moments = Moments::new(&formats, Some(Tz::Asia__Shanghai)).expect("formats");
            let _ = moments.read(&text, &mut Offsets::default());
            let _ = moments.read(&digits, &mut Offsets::default());
        }
    }
}
