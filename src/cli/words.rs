//! Every sentence that the command line says, in Chinese and English. (Help and usage errors: `help`; the sum and
//! instants: [`crate::tell`].)
//!
//! The language is that of `--lang`, else of `DUBAN_LANG`, else of `LANG`, else zh-CN. A locale that names no language,
//! such as `C.UTF-8`, is passed over; one of a language that duban does not speak gets English.

use std::io;
use std::path::Path;

pub mod ack;

pub mod audit;

pub mod deliveries;

pub mod demo;

use chrono::NaiveDate;

use super::environment::Environment;
use super::given::Unreadable;
use crate::calendars::CalendarError;
use crate::core::calendar::{Calendar, ListedKind};
use crate::core::sum::DayKind;
use crate::core::window::Level;
use crate::tell::language::Language::{self, Chinese, English};

pub mod check;

pub mod contacts;

pub mod evaluate;

pub mod explain;

pub mod go_live;

pub mod remark;

pub mod routes;

pub mod rules;

pub mod orders;
pub mod silence;

pub mod source;

pub mod test;

pub mod upkeep;

/// The language for people, found before the arguments are read, since it also decides how their mistakes are told.
pub fn language(environment: &Environment) -> Language {
    let said = environment.arguments.iter().enumerate().find_map(|(n, argument)| {
        let argument = argument.to_str()?;
        match argument.strip_prefix("--lang")? {
            "" => environment.arguments.get(n + 1)?.to_str(),
            rest => rest.strip_prefix('='),
        }
    });
    let asked = [said, environment.get("DUBAN_LANG"), environment.get("LANG")];
    asked.into_iter().flatten().find_map(Language::of_locale).unwrap_or_default()
}

/// Something panicked.
pub fn broke(language: Language) -> &'static str {
    language.pick("内部错误，以上是详情", "internal error, details above")
}

/// A file cannot be read or written.
pub fn unreadable(language: Language, file: &Path, error: &io::Error) -> String {
    let file = file.display();
    match (language, error.kind()) {
        (English, _) => format!("{file}: {error}"),
        (Chinese, io::ErrorKind::NotFound) => format!("{file}：文件不存在"),
        (Chinese, io::ErrorKind::PermissionDenied) => format!("{file}：没有权限"),
        (Chinese, io::ErrorKind::IsADirectory) => format!("{file}：是目录，不是文件"),
        (Chinese, _) => format!("{file}：无法读写（{error}）"),
    }
}

/// Stands before the argument that it is about: `--from：…`.
pub fn about(language: Language, argument: &str, sentence: &str) -> String {
    match language {
        Chinese => format!("{}：{sentence}", argument.replace(": ", "：")),
        English => format!("{argument}: {sentence}"),
    }
}

/// What was typed and cannot be read.
pub fn cannot_read(language: Language, given: &Unreadable) -> String {
    match (language, given) {
        (English, _) => given.to_string(),
        (Chinese, Unreadable::Instant(text)) => {
            format!("应为时刻，如 2026-03-02T10:00 或 2026-03-02T10:00:00+08:00，实为 {text:?}")
        }
        (Chinese, Unreadable::Pause(text)) => {
            format!("应为停表的起止，如 2026-03-02T10:00/2026-03-03T09:00，实为 {text:?}")
        }
        (Chinese, Unreadable::Reversed(text)) => format!("止点不应早于起点，实为 {text:?}"),
        (Chinese, Unreadable::Limit(error)) => format!(
            "应为时限：数字加单位 wd wh wm d h m（仅 h、wh 可带小数，至多 10000），wd 可加 @close @clock @open，\
             d 可加 @clock @work，如 10wd、4.5wh、15d@work，实为 {:?}",
            error.text
        ),
        (Chinese, Unreadable::Beyond(_)) => "超出 1970 至 2199 年，或此后再无工作日".to_owned(),
    }
}

/// There is no such calendar, or it does not load.
pub fn no_calendar(language: Language, error: &CalendarError) -> String {
    match (language, error) {
        (English, CalendarError::Wrong { .. }) => format!("the calendar does not load:\n{error}"),
        (English, _) => error.to_string(),
        (Chinese, CalendarError::Unknown { name, known }) => {
            format!("没有名为 {name:?} 的日历，已有：{}", known.join("、"))
        }
        (Chinese, CalendarError::Unreadable { path, error }) => unreadable(Chinese, path, error),
        (Chinese, CalendarError::Wrong { .. }) => format!("日历有误：\n{error}"),
    }
}

/// A column that the input must have is missing.
pub fn missing_column(language: Language, name: &str) -> String {
    match language {
        Chinese => format!("输入的首行缺少列 {name}"),
        English => format!("the input's first line has no column {name}"),
    }
}

/// The input broke off.
pub fn broken_input(language: Language, error: &str) -> String {
    match language {
        Chinese => format!("输入中断：{error}"),
        English => format!("the input broke off: {error}"),
    }
}

/// How many lines got an error.
pub fn lines_with_errors(language: Language, count: u64) -> String {
    match (language, count) {
        (Chinese, _) => format!("{count} 行有误，见 error 列"),
        (English, 1) => "1 line has an error, see the column error".to_owned(),
        (English, _) => format!("{count} lines have errors, see the column error"),
    }
}

/// The due instant's label.
pub fn due(language: Language) -> &'static str {
    language.pick("到期", "due")
}

/// The yellow instant's label.
pub fn yellow(language: Language) -> &'static str {
    language.pick("黄牌", "yellow")
}

/// There is no due instant.
pub fn open_pause(language: Language) -> &'static str {
    language.pick("停表未结束，暂无到期时间", "none while the clock stands still")
}

/// The answer rests on days that the calendar does not know.
pub fn provisional(language: Language, calendar: &Calendar) -> String {
    let (from, through) = (calendar.covered().start(), calendar.covered().end());
    match language {
        Chinese => format!("暂定：日历 {} 的放假安排只到 {from}…{through}", calendar.name()),
        English => format!("provisional: the calendar {} knows only {from}…{through}", calendar.name()),
    }
}

/// The label of the line above.
pub fn note(language: Language) -> &'static str {
    language.pick("注意", "note")
}

/// The elapsed working time's label.
pub fn working_time(language: Language) -> &'static str {
    language.pick("工作时间", "working time")
}

/// Working minutes beside the hours.
pub fn minutes(language: Language, minutes: &str) -> String {
    match language {
        Chinese => format!("（{minutes} 分钟）"),
        English => format!(" ({minutes} minutes)"),
    }
}

/// A month's title.
pub fn month(language: Language, month: u32) -> String {
    const NAMES: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    match language {
        Chinese => format!("{month}月"),
        English => NAMES.get(month as usize - 1).map_or_else(String::new, |name| (*name).to_owned()),
    }
}

/// So many working days.
pub fn working_days(language: Language, count: usize) -> String {
    crate::tell::time_words::amount(&count.to_string(), crate::core::limit::Unit::WorkingDay, language)
}

/// The days of the week over a month.
pub fn week(language: Language) -> &'static str {
    language.pick("一 二 三 四 五 六 日 ", "Mo Tu We Th Fr Sa Su ")
}

/// The title of a year.
pub fn year(language: Language, calendar: &Calendar, year: i32, working_days: usize) -> String {
    let days = self::working_days(language, working_days);
    let (name, zone) = (calendar.name(), calendar.zone());
    match language {
        Chinese => format!("{year}年  日历 {name}（{zone}）  {days}"),
        English => format!("{year}  calendar {name} ({zone})  {days}"),
    }
}

/// What the marks in a year mean.
pub fn legend(language: Language, mark: char, kind: &DayKind) -> String {
    let words = match kind {
        DayKind::Holiday(_) => language.pick("放假", "holiday"),
        DayKind::MakeUp(_) => language.pick("调休上班", "make-up working day"),
        DayKind::Rest => language.pick("休息日", "rest day"),
        DayKind::Working => language.pick("工作日", "working day"),
    };
    format!("{mark} {words}")
}

/// The days that a calendar's list speaks for.
pub fn covered(language: Language, calendar: &Calendar) -> String {
    let (from, through) = (calendar.covered().start(), calendar.covered().end());
    match language {
        Chinese => format!("放假安排已知：{from} 至 {through}"),
        English => format!("days known: {from} to {through}"),
    }
}

/// A year, or a part of it, is not known.
pub fn year_is_provisional(language: Language) -> &'static str {
    language
        .pick("暂定：这一年不全在已知范围内，其余只按星期推算", "provisional: outside that, only weekdays are known")
}

/// The label of a kind of listed day.
pub fn listed(language: Language, kind: ListedKind) -> &'static str {
    match kind {
        ListedKind::Holiday => language.pick("放假", "rest"),
        ListedKind::Workday => language.pick("上班", "work"),
    }
}

/// The label of the working hours.
pub fn hours(language: Language) -> &'static str {
    language.pick("工作时间", "hours")
}

/// A calendar is sound.
pub fn sound(language: Language, calendar: &Calendar, listed: usize) -> String {
    let (name, from, through) = (calendar.name(), calendar.covered().start(), calendar.covered().end());
    match language {
        Chinese => format!("日历 {name} 没有问题：列出 {listed} 天，已知 {from} 至 {through}"),
        English => format!("calendar {name} is sound: {listed} days listed, known from {from} to {through}"),
    }
}

/// How many problems there are.
pub fn problems(language: Language, count: usize) -> String {
    match (language, count) {
        (Chinese, _) => format!("{count} 处问题"),
        (English, 1) => "1 problem".to_owned(),
        (English, _) => format!("{count} problems"),
    }
}

/// A year that should be known by now.
pub fn missing_year(language: Language, year: i32, level: Level) -> String {
    let urgency = match level {
        Level::Yellow => "",
        Level::Red => language.pick("，请尽快补上", "; it is needed now"),
    };
    match language {
        Chinese => format!("提醒：{year} 年的放假安排尚未列入{urgency}"),
        English => format!("warning: the days of {year} are not listed yet{urgency}"),
    }
}

/// A listed working day that is one anyway.
pub fn needless(language: Language, date: NaiveDate) -> String {
    match language {
        Chinese => format!("提醒：{date} 列为上班，但当天本来就是工作日"),
        English => format!("warning: {date} is listed as workday and is one anyway"),
    }
}

/// A listed day outside the covered span.
pub fn outside(language: Language, date: NaiveDate) -> String {
    match language {
        Chinese => format!("提醒：{date} 已列出，但不在 covered_from 至 covered_through 之内"),
        English => format!("warning: {date} is listed and lies outside covered_from to covered_through"),
    }
}

/// A covered year in which nothing is listed.
pub fn empty_year(language: Language, year: i32) -> String {
    match language {
        Chinese => format!("提醒：{year} 年算作已知，却没有列出任何一天"),
        English => format!("warning: {year} counts as known and has no listed day"),
    }
}

/// A day list that was given is not one.
pub fn no_list(language: Language, file: &str, problem: &str) -> String {
    match language {
        Chinese => format!("{file}：不是有效的放假安排\n{problem}"),
        English => format!("{file}: not a list of days\n{problem}"),
    }
}

/// A holiday list in JSON holds a date outside the years that calendars know.
pub fn date_outside(language: Language, date: NaiveDate) -> String {
    match language {
        Chinese => format!("{date} 超出 1970 至 2199 年"),
        English => format!("{date} lies outside the years 1970 to 2199"),
    }
}

/// What an import changes, in numbers.
pub fn imported(language: Language, added: usize, changed: usize, same: usize) -> String {
    match language {
        Chinese => format!("新增 {added} 天，更改 {changed} 天，{same} 天不变"),
        English => format!("{added} added, {changed} changed, {same} as before"),
    }
}

/// Days of the imported years that the import does not name.
pub fn kept(language: Language, count: usize) -> String {
    match (language, count) {
        (Chinese, _) => format!("提醒：同一年中另有 {count} 天不在导入的清单里，予以保留"),
        (English, 1) => "note: 1 day of the same years is not in the imported list and stays".to_owned(),
        (English, _) => format!("note: {count} days of the same years are not in the imported list and stay"),
    }
}

/// What else an import may need.
pub fn coverage_hint(language: Language, year: i32) -> String {
    match language {
        Chinese => format!("如日历文件写明了 covered_through，请改为 {year}-12-31"),
        English => format!("if the calendar's file says covered_through, set it to {year}-12-31"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_wish_decides_the_language() {
        let language = |arguments: &[&str], variables: &[(&str, &str)]| {
            language(&Environment {
                arguments: arguments.iter().map(Into::into).collect(),
                variables: variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
                is_terminal: false,
                is_watched: false,
            })
        };
        assert_eq!(language(&["duban"], &[]), Chinese);
        assert_eq!(language(&["duban"], &[("LANG", "C.UTF-8")]), Chinese);
        assert_eq!(language(&["duban"], &[("LANG", "en_US.UTF-8")]), English);
        assert_eq!(language(&["duban"], &[("LANG", "en_US.UTF-8"), ("DUBAN_LANG", "zh-CN")]), Chinese);
        assert_eq!(language(&["duban", "--lang", "en"], &[("DUBAN_LANG", "zh-CN")]), English);
        assert_eq!(language(&["duban", "due", "--lang=zh-CN"], &[("LANG", "en")]), Chinese);
        assert_eq!(language(&["duban", "--lang"], &[("LANG", "en")]), English);
    }
}
