//! Whether a calendar knows the days that will soon be asked for.

use chrono::{Datelike, NaiveDate};

use super::Calendar;
use crate::core::Instant;
use crate::core::window::Level;

/// The first year that a calendar should know at `now` and does not, and how urgent that is: the year that runs is red;
/// the next one is yellow from 1 December and red from 20 December (the notice of the State Council comes in November).
pub fn missing_year(calendar: &Calendar, now: Instant) -> Option<(i32, Level)> {
    let today = calendar.local(now).date_naive();
    let knows = |year: i32| NaiveDate::from_ymd_opt(year, 12, 31).is_none_or(|last| last <= *calendar.covered().end());
    match (today.month(), today.day()) {
        _ if !knows(today.year()) => Some((today.year(), Level::Red)),
        _ if knows(today.year() + 1) => None,
        (12, 20..) => Some((today.year() + 1, Level::Red)),
        (12, _) => Some((today.year() + 1, Level::Yellow)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::calendar::read_calendar;

    #[test]
    fn the_next_year_is_asked_for_from_december_on() {
        let text = "name = \"t\"\ntimezone = \"Asia/Shanghai\"\ncovered_from = \"2020-01-01\"\n\
                    covered_through = \"2026-12-31\"\n[[hours]]\nspans = [\"09:00-17:00\"]\n";
        let calendar = read_calendar("t", text, &mut |_| Err(String::new())).expect("calendar");
        for (now, expected) in [
            ("2025-12-31T00:00:00Z", None),
            ("2026-11-30T15:59:59Z", None),
            ("2026-11-30T16:00:00Z", Some((2027, Level::Yellow))),
            ("2026-12-19T15:59:59Z", Some((2027, Level::Yellow))),
            ("2026-12-19T16:00:00Z", Some((2027, Level::Red))),
            ("2026-12-31T16:00:00Z", Some((2027, Level::Red))),
        ] {
            assert_eq!(missing_year(&calendar, now.parse().expect("instant")), expected, "{now}");
        }
    }
}
