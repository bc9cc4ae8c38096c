//! Instants and amounts of time in words for people.
//!
//! **Invariant:** an exclusive midnight is written "24时" of the day before, never 00:00 of the next; what remains is
//! rounded down, so that nobody is promised time that is not there.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike, Weekday};
use chrono_tz::Tz;

use super::language::Language;
use crate::core::Instant;
use crate::core::limit::{End, Limit, Unit};

/// A due instant, which is the first one that is too late: `2026-03-16 24时`, `2026-03-16 17:30`.
pub fn due(at: Instant, zone: Tz, language: Language) -> String {
    match day_ended_by(at, zone) {
        Some(date) => format!("{date} {}", language.pick("24时", "24:00")),
        None => instant(at, zone),
    }
}

/// The date whose 24:00 an exclusive instant is, if it is one.
pub fn day_ended_by(at: Instant, zone: Tz) -> Option<NaiveDate> {
    // Whatever clock time a day begins with, the second before it belongs to another date.
    let before = (at - TimeDelta::seconds(1)).with_timezone(&zone).date_naive();
    (before != at.with_timezone(&zone).date_naive()).then_some(before)
}

/// Any other instant: `2026-03-16 09:00`, with seconds only where there are some.
pub fn instant(at: Instant, zone: Tz) -> String {
    let local: DateTime<Tz> = at.with_timezone(&zone);
    local.format(if local.second() == 0 { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
}

/// The day of the week: `周一`, `Mon`.
pub fn weekday(date: NaiveDate, language: Language) -> &'static str {
    match date.weekday() {
        Weekday::Mon => language.pick("周一", "Mon"),
        Weekday::Tue => language.pick("周二", "Tue"),
        Weekday::Wed => language.pick("周三", "Wed"),
        Weekday::Thu => language.pick("周四", "Thu"),
        Weekday::Fri => language.pick("周五", "Fri"),
        Weekday::Sat => language.pick("周六", "Sat"),
        Weekday::Sun => language.pick("周日", "Sun"),
    }
}

/// A limit with its end: `10个工作日`, `4.5 working hours`, `15个自然日（遇休息日顺延）`.
pub fn limit(limit: Limit, language: Language) -> String {
    let text = Limit::to_string(&limit);
    let number = text.split(|c: char| c.is_ascii_alphabetic()).next().unwrap_or_default();
    let end = match limit.end() {
        End::Midnight => "",
        End::Close => language.pick("（下班前）", ", by closing time"),
        End::Clock | End::Open => language.pick("（同一时刻）", ", at the same clock time"),
        End::Work => language.pick("（遇休息日顺延）", ", moved behind rest days"),
    };
    if limit.grains() == 0 {
        return format!("{}{end}", language.pick("当个工作日", "the same working day"));
    }
    format!("{}{end}", amount(number, limit.unit(), language))
}

/// So many units: `10个工作日`, `1 working day`.
pub fn amount(number: &str, unit: Unit, language: Language) -> String {
    let (chinese, one, many) = match unit {
        Unit::WorkingDay => ("个工作日", "working day", "working days"),
        Unit::WorkingHour => ("个工作小时", "working hour", "working hours"),
        Unit::WorkingMinute => ("分钟工作时间", "working minute", "working minutes"),
        Unit::Day => ("个自然日", "day", "days"),
        Unit::Hour => ("小时", "hour", "hours"),
        Unit::Minute => ("分钟", "minute", "minutes"),
    };
    match language {
        Language::Chinese => format!("{number}{chinese}"),
        Language::English => format!("{number} {}", if number == "1" { one } else { many }),
    }
}

/// So many seconds, rounded down to the minute unless there is none: `3小时30分`, `3 h 30 min`.
pub fn span(seconds: i64, language: Language) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}{}", language.pick("秒", " s")),
        (0, _) => format!("{minutes}{}", language.pick("分", " min")),
        (_, 0) => format!("{hours}{}", language.pick("小时", " h")),
        _ => match language {
            Language::Chinese => format!("{hours}小时{minutes}分"),
            Language::English => format!("{hours} h {minutes} min"),
        },
    }
}

/// What remains, given in hundredths of a unit: `剩余2个工作日`, `已超1小时30分`. Days are whole days, rounded down on
/// both sides of zero: what is left is never made longer, and neither is what is over.
pub fn remaining(hundredths: i64, unit: Unit, language: Language) -> String {
    let size = hundredths.unsigned_abs();
    let amount = match unit {
        Unit::WorkingDay | Unit::Day if size < 100 => {
            let one = amount("1", unit, language);
            format!("{}{one}", language.pick("不足", "less than "))
        }
        Unit::WorkingDay | Unit::Day => amount(&(size / 100).to_string(), unit, language),
        _ => {
            let seconds = size.saturating_mul(u64::from(unit.grains())) / 100;
            // Whole minutes only: hundredths of an hour know no seconds.
            let minutes = i64::try_from(seconds / 60).unwrap_or(i64::MAX / 60);
            let time = if minutes == 0 {
                language.pick("不足1分钟", "less than 1 min").to_owned()
            } else {
                span(minutes * 60, language)
            };
            match unit {
                Unit::WorkingHour | Unit::WorkingMinute => {
                    format!("{}{time}{}", language.pick("工作时间", ""), language.pick("", " of working time"))
                }
                _ => time,
            }
        }
    };
    match (hundredths < 0, language) {
        (false, Language::Chinese) => format!("剩余{amount}"),
        (false, Language::English) => format!("{amount} left"),
        (true, Language::Chinese) => format!("已超{amount}"),
        (true, Language::English) => format!("over by {amount}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{Chinese, English};

    fn at(text: &str) -> Instant {
        text.parse().expect("instant")
    }

    #[test]
    fn an_exclusive_midnight_belongs_to_the_day_that_it_ends() {
        let shanghai = Tz::Asia__Shanghai;
        for (instant, zone, chinese, english) in [
            ("2026-03-16T16:00:00Z", shanghai, "2026-03-16 24时", "2026-03-16 24:00"),
            ("2026-03-16T09:30:00Z", shanghai, "2026-03-16 17:30", "2026-03-16 17:30"),
            ("2026-03-16T16:00:01Z", shanghai, "2026-03-17 00:00:01", "2026-03-17 00:00:01"),
            ("2025-12-31T16:00:00Z", shanghai, "2025-12-31 24时", "2025-12-31 24:00"),
            // Midnight was skipped here: the day began at 01:00.
            ("2017-10-15T03:00:00Z", Tz::America__Sao_Paulo, "2017-10-14 24时", "2017-10-14 24:00"),
        ] {
            assert_eq!(due(at(instant), zone, Chinese), chinese);
            assert_eq!(due(at(instant), zone, English), english);
        }
    }

    #[test]
    fn limits_have_words() {
        for (written, chinese, english) in [
            ("10wd", "10个工作日", "10 working days"),
            ("1wd@close", "1个工作日（下班前）", "1 working day, by closing time"),
            ("0wd", "当个工作日", "the same working day"),
            ("4.5wh", "4.5个工作小时", "4.5 working hours"),
            ("90wm", "90分钟工作时间", "90 working minutes"),
            ("2h", "2小时", "2 hours"),
            ("15d@work", "15个自然日（遇休息日顺延）", "15 days, moved behind rest days"),
        ] {
            let parsed: Limit = written.parse().expect("limit");
            assert_eq!((limit(parsed, Chinese).as_str(), limit(parsed, English).as_str()), (chinese, english));
        }
    }

    #[test]
    fn what_remains_is_rounded_down() {
        for (hundredths, unit, chinese, english) in [
            (299, Unit::WorkingDay, "剩余2个工作日", "2 working days left"),
            (100, Unit::WorkingDay, "剩余1个工作日", "1 working day left"),
            (99, Unit::WorkingDay, "剩余不足1个工作日", "less than 1 working day left"),
            (-100, Unit::WorkingDay, "已超1个工作日", "over by 1 working day"),
            (-50, Unit::Day, "已超不足1个自然日", "over by less than 1 day"),
            (180, Unit::Hour, "剩余1小时48分", "1 h 48 min left"),
            (-150, Unit::WorkingHour, "已超工作时间1小时30分", "over by 1 h 30 min of working time"),
            (2_950, Unit::Minute, "剩余29分", "29 min left"),
            (40, Unit::Minute, "剩余不足1分钟", "less than 1 min left"),
        ] {
            let words = (remaining(hundredths, unit, Chinese), remaining(hundredths, unit, English));
            assert_eq!((words.0.as_str(), words.1.as_str()), (chinese, english));
        }
    }
}
