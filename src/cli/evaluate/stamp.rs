//! An instant as text with its place's offset, fast: an ordinary day's offset is read off the calendar's table.

use chrono::{Datelike, SecondsFormat};

use crate::core::Instant;
use crate::core::calendar::{Calendar, Seconds};

/// Appends `2026-03-02T10:00:00+08:00`.
pub fn stamp(at: Instant, calendar: &Calendar, text: &mut Vec<u8>) {
    if ordinary(at.timestamp(), calendar, text).is_none() {
        let local = calendar.local(at).to_rfc3339_opts(SecondsFormat::Secs, false);
        text.extend_from_slice(local.as_bytes());
    }
}

/// A day of 24 hours has one offset: what its first instant is away from that of the same date in UTC.
fn ordinary(at: Seconds, calendar: &Calendar, text: &mut Vec<u8>) -> Option<()> {
    let day = calendar.day_of(at).ok()?;
    let start = calendar.start(day).ok()?;
    let offset = i64::try_from(day).ok()? * 86_400 - start;
    if calendar.start(day + 1).ok()? - start != 86_400 || offset % 60 != 0 {
        return None;
    }
    let date = calendar.date(day);
    let clock = u32::try_from(at - start).ok()?;
    let minutes = u32::try_from(offset.abs() / 60).ok()?;
    four(u32::try_from(date.year()).ok()?, text);
    for (mark, number) in [(b'-', date.month()), (b'-', date.day()), (b'T', clock / 3600), (b':', clock / 60 % 60)] {
        two(mark, number, text);
    }
    two(b':', clock % 60, text);
    two(if offset < 0 { b'-' } else { b'+' }, minutes / 60, text);
    two(b':', minutes % 60, text);
    Some(())
}

fn two(mark: u8, number: u32, text: &mut Vec<u8>) {
    text.extend_from_slice(&[mark, digit(number / 10), digit(number)]);
}

fn four(number: u32, text: &mut Vec<u8>) {
    text.extend_from_slice(&[digit(number / 1000), digit(number / 100), digit(number / 10), digit(number)]);
}

fn digit(number: u32) -> u8 {
    b'0' + u8::try_from(number % 10).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::calendar::read_calendar;

    fn calendar(zone: &str) -> Calendar {
        let text = format!(
            "name = \"t\"\ntimezone = \"{zone}\"\nweekdays = [\"MON\"]\ndays = \"d.csv\"\n[[hours]]\nspans = []\n"
        );
        read_calendar("t.toml", &text, &mut |_| Ok("date,kind,name\n2026-01-01,holiday,x\n".into())).expect("calendar")
    }

    proptest! {
        /// Zones of every kind: none, half an hour, both sides of the date line, one that skipped a day, and one whose
        /// offset had seconds.
        #[test]
        fn what_is_read_off_the_table_is_what_the_zone_says(seconds in -1_000_000_000..7_500_000_000_i64, nanos in 0..1_000_000_000_u32) {
            let zones = ["Asia/Shanghai", "Asia/Kolkata", "America/New_York", "Pacific/Apia", "Africa/Monrovia", "America/Sao_Paulo", "Australia/Lord_Howe"];
            thread_local!(static ALL: Vec<Calendar> = Vec::from(["Asia/Shanghai", "Asia/Kolkata", "America/New_York", "Pacific/Apia", "Africa/Monrovia", "America/Sao_Paulo", "Australia/Lord_Howe"].map(calendar)));
            let at = Instant::from_timestamp(seconds, nanos).expect("instant");
            for index in 0..zones.len() {
                let (mut text, mut expected) = (Vec::new(), String::new());
                ALL.with(|all| {
                    stamp(at, &all[index], &mut text);
                    expected = all[index].local(at).to_rfc3339_opts(SecondsFormat::Secs, false);
                });
                prop_assert_eq!(String::from_utf8_lossy(&text), expected, "{}", zones[index]);
            }
        }
    }

    #[test]
    fn a_change_of_the_clocks_keeps_its_offsets() {
        let new_york = calendar("America/New_York");
        for (at, expected) in [
            ("2026-03-08T06:59:59Z", "2026-03-08T01:59:59-05:00"),
            ("2026-03-08T07:00:00Z", "2026-03-08T03:00:00-04:00"),
            ("2026-11-01T05:30:00Z", "2026-11-01T01:30:00-04:00"),
            ("2026-11-01T06:30:00Z", "2026-11-01T01:30:00-05:00"),
        ] {
            let mut text = Vec::new();
            stamp(at.parse().expect("instant"), &new_york, &mut text);
            assert_eq!(String::from_utf8_lossy(&text), expected);
        }
    }
}
