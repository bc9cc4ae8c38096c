//! **Voice**: one language, one place's clock and one year, in which a message speaks.

use chrono::{DateTime, Datelike, NaiveDate, Timelike};
use chrono_tz::Tz;

use super::super::language::Language;
use super::super::time_words::{amount, day_ended_by, limit};
use crate::core::Instant;
use crate::core::limit::{Limit, Unit};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// In which language, on whose clock and in which year something is said.
#[derive(Debug, Clone, Copy)]
pub struct Voice {
    /// The language.
    pub language: Language,
    /// The office's time zone.
    pub zone: Tz,
    /// The year that goes without saying; without it every date has its year.
    pub year: Option<i32>,
}

impl Voice {
    /// The one of two texts that is in this language.
    pub const fn say<'a>(self, chinese: &'a str, english: &'a str) -> &'a str {
        self.language.pick(chinese, english)
    }

    /// A due instant, which is the first one that is too late: `3月16日24时`, `16 Mar 24:00`.
    pub fn due(self, at: Instant) -> String {
        if !is_tellable(at) {
            return self.instant(at);
        }
        match day_ended_by(at, self.zone) {
            Some(date) => format!("{}{}", self.date(date), self.say("24时", " 24:00")),
            None => self.instant(at),
        }
    }

    /// Any other instant, to the minute: `3月16日 14:42`, `16 Mar 14:42`.
    pub fn instant(self, at: Instant) -> String {
        if !is_tellable(at) {
            return at.to_rfc3339();
        }
        let local: DateTime<Tz> = at.with_timezone(&self.zone);
        format!("{} {:02}:{:02}", self.date(local.date_naive()), local.hour(), local.minute())
    }

    fn date(self, date: NaiveDate) -> String {
        let (year, month, day) = (date.year(), date.month(), date.day());
        let name = MONTHS[date.month0() as usize];
        match (self.language, self.year != Some(year)) {
            (Language::Chinese, false) => format!("{month}月{day}日"),
            (Language::Chinese, true) => format!("{year:04}年{month}月{day}日"),
            (Language::English, false) => format!("{day} {name}"),
            (Language::English, true) => format!("{day} {name} {year:04}"),
        }
    }

    /// A limit as it is written; a text that is none stays as it is.
    pub fn limit(self, written: &str) -> String {
        written.parse::<Limit>().map_or_else(|_| written.to_owned(), |parsed| limit(parsed, self.language))
    }

    /// What remains, in hundredths of a unit, rounded down: `还剩1.5个工作日`, `已超1个工作日`.
    pub fn remaining(self, hundredths: i64, unit: Option<Unit>) -> String {
        let is_over = hundredths < 0;
        let size = hundredths.unsigned_abs();
        match (unit.and_then(|unit| self.size(size, unit)), is_over) {
            (Some(size), true) => format!("{}{size}", self.say("已超", "overdue by ")),
            (Some(size), false) => format!("{}{size}{}", self.say("还剩", ""), self.say("", " left")),
            (None, true) => self.say("已超时", "overdue").to_owned(),
            (None, false) => self.say("即将到期", "about to fall due").to_owned(),
        }
    }

    /// `None` where rounding down leaves nothing.
    fn size(self, hundredths: u64, unit: Unit) -> Option<String> {
        let (hundredths, unit) = match unit {
            // People say minutes below two hours, and hours above.
            Unit::Hour if hundredths < 200 => (hundredths * 60, Unit::Minute),
            Unit::WorkingHour if hundredths < 200 => (hundredths * 60, Unit::WorkingMinute),
            Unit::Minute if hundredths >= 12_000 => (hundredths / 60, Unit::Hour),
            Unit::WorkingMinute if hundredths >= 12_000 => (hundredths / 60, Unit::WorkingHour),
            unit => (hundredths, unit),
        };
        let tenths = match unit {
            Unit::Minute | Unit::WorkingMinute => hundredths / 100 * 10,
            _ => hundredths / 10,
        };
        let number = match (tenths / 10, tenths % 10) {
            (0, 0) => return None,
            (whole, 0) => whole.to_string(),
            (whole, part) => format!("{whole}.{part}"),
        };
        Some(amount(&number, unit, self.language))
    }
}

/// Dates far outside of history cannot be put on a place's clock.
fn is_tellable(at: Instant) -> bool {
    (1..=9998).contains(&at.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voices(year: Option<i32>) -> [Voice; 2] {
        [Language::Chinese, Language::English].map(|language| Voice { language, zone: Tz::Asia__Shanghai, year })
    }

    #[test]
    fn an_exclusive_midnight_belongs_to_the_day_that_it_ends_and_the_year_shows_where_it_differs() {
        for (at, year, chinese, english) in [
            ("2026-03-16T16:00:00Z", Some(2026), "3月16日24时", "16 Mar 24:00"),
            ("2026-03-16T06:42:59Z", Some(2026), "3月16日 14:42", "16 Mar 14:42"),
            ("2026-12-31T16:00:00Z", Some(2026), "12月31日24时", "31 Dec 24:00"),
            ("2026-12-31T16:00:00Z", Some(2027), "2026年12月31日24时", "31 Dec 2026 24:00"),
            ("2026-03-16T06:42:00Z", None, "2026年3月16日 14:42", "16 Mar 2026 14:42"),
        ] {
            let words = voices(year).map(|voice| voice.due(at.parse().expect("instant")));
            assert_eq!(words, [chinese, english], "{at}");
        }
        let midnight = "2026-03-16T16:00:00Z".parse().expect("instant");
        assert_eq!(voices(Some(2026)).map(|voice| voice.instant(midnight)), ["3月17日 00:00", "17 Mar 00:00"]);
        for extreme in [Instant::MIN_UTC, Instant::MAX_UTC] {
            assert!(!voices(None)[0].due(extreme).is_empty());
        }
    }

    #[test]
    fn what_remains_is_rounded_down_on_both_sides_of_due() {
        for (hundredths, unit, chinese, english) in [
            (159, Some(Unit::WorkingDay), "还剩1.5个工作日", "1.5 working days left"),
            (100, Some(Unit::WorkingDay), "还剩1个工作日", "1 working day left"),
            (9, Some(Unit::WorkingDay), "即将到期", "about to fall due"),
            (0, Some(Unit::Hour), "即将到期", "about to fall due"),
            (-3, Some(Unit::WorkingDay), "已超时", "overdue"),
            (-109, Some(Unit::WorkingDay), "已超1个工作日", "overdue by 1 working day"),
            (-3_599, Some(Unit::Minute), "已超35分钟", "overdue by 35 minutes"),
            (-18_000, Some(Unit::Minute), "已超3小时", "overdue by 3 hours"),
            (-250, Some(Unit::WorkingHour), "已超2.5个工作小时", "overdue by 2.5 working hours"),
            (-250, None, "已超时", "overdue"),
            (50, Some(Unit::Hour), "还剩30分钟", "30 minutes left"),
        ] {
            let words = voices(None).map(|voice| voice.remaining(hundredths, unit));
            assert_eq!(words, [chinese, english], "{hundredths}");
        }
        assert_eq!(voices(None).map(|voice| voice.limit("10wd")), ["10个工作日", "10 working days"]);
        assert_eq!(voices(None)[0].limit("一会儿"), "一会儿");
    }
}
