//! Instants as the source's own clock on the wall shows them, so that one and the same row has the same texts whatever
//! kind of server it stands in.

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

/// An instant in a zone: `2026-01-02 03:04:05`, a fraction only if there is one, and an offset only where the text
/// alone would be read as another instant: without a zone, and in the second turn of an hour that happens twice.
pub(super) fn on_the_wall(utc: NaiveDateTime, zone: Option<Tz>) -> String {
    let Some(zone) = zone else { return format!("{}+00:00", written(utc)) };
    let local = utc.and_utc().with_timezone(&zone);
    let naive = local.naive_local();
    match zone.from_local_datetime(&naive) {
        MappedLocalTime::Ambiguous(_, second) if second == local => {
            format!("{}{}", written(naive), local.format("%:z"))
        }
        _ => written(naive),
    }
}

/// A time of day on a day, with a fraction only if there is one.
pub(super) fn written(naive: NaiveDateTime) -> String {
    let whole = naive.format("%Y-%m-%d %H:%M:%S");
    format!("{whole}{}", fraction(naive.nanosecond() % 1_000_000_000 / 1000))
}

/// `.5` for 500,000 microseconds, nothing for none.
pub(super) fn fraction(micros: u32) -> String {
    if micros == 0 { String::new() } else { format!(".{micros:06}").trim_end_matches('0').to_owned() }
}

/// How far a zone's clocks are before UTC at an instant: `+08:00`.
pub(super) fn offset(utc: NaiveDateTime, zone: Tz) -> TimeDelta {
    utc.and_utc().with_timezone(&zone).naive_local() - utc
}

/// An offset as MySQL wants it.
pub(super) fn sign(offset: TimeDelta) -> String {
    let minutes = offset.num_minutes();
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// Reads what PostgreSQL prints for a timestamp of this era.
pub(super) fn read(text: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()
}

/// What a clock on the wall of UTC shows.
pub(super) fn naive(at: DateTime<Utc>) -> NaiveDateTime {
    at.naive_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(utc: &str, zone: Option<&str>) -> String {
        on_the_wall(read(utc).expect("a time"), zone.map(|zone| zone.parse().expect("a zone")))
    }

    #[test]
    fn an_instant_is_written_as_the_clock_on_the_wall_shows_it() {
        let shanghai = Some("Asia/Shanghai");
        assert_eq!(wall("2026-01-01 19:04:05", shanghai), "2026-01-02 03:04:05");
        assert_eq!(wall("2026-01-01 19:04:05.500000", shanghai), "2026-01-02 03:04:05.5");
        assert_eq!(wall("1990-06-30 19:00:00", shanghai), "1990-07-01 04:00:00", "summer time of its day");
        assert_eq!(wall("2026-01-01 19:04:05", None), "2026-01-01 19:04:05+00:00");
    }

    #[test]
    fn of_an_hour_that_happens_twice_the_second_says_so() {
        let new_york = Some("America/New_York");
        assert_eq!(wall("2026-11-01 05:30:00", new_york), "2026-11-01 01:30:00");
        assert_eq!(wall("2026-11-01 06:30:00", new_york), "2026-11-01 01:30:00-05:00");
        assert_eq!(wall("2026-11-01 07:30:00", new_york), "2026-11-01 02:30:00");
    }

    #[test]
    fn offsets_are_written_with_their_sign() {
        let at = read("2026-07-01 00:00:00").expect("a time");
        for (zone, expected) in [("Asia/Shanghai", "+08:00"), ("America/St_Johns", "-02:30"), ("UTC", "+00:00")] {
            assert_eq!(sign(offset(at, zone.parse().expect("a zone"))), expected);
        }
    }
}
