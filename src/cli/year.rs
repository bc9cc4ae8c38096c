//! A year of a calendar at a glance: twelve months with their marks, or a row per day for programs.

use std::fmt::Write as _;
use std::io::Write;

use chrono::{Datelike, NaiveDate, TimeDelta};
use unicode_width::UnicodeWidthStr;

use super::Caller;
use super::exit::{Exit, Failure};
use super::table::{Format, Table, align, pad};
use super::words;
use crate::core::Instant;
use crate::core::calendar::{Calendar, Day, ListedKind};
use crate::core::sum::DayKind;
use crate::tell::language::Language;

/// A month is seven days of two digits and a mark each.
const MONTH_WIDTH: usize = 21;

/// Writes a year.
pub fn show(
    calendar: &Calendar,
    year: i32,
    format: Format,
    caller: &Caller<'_>,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let glance = Glance { calendar, year, language: caller.language, has_colour: caller.has_colour };
    match format {
        Format::Table => out.write_all(glance.page().as_bytes())?,
        Format::Json | Format::Csv => glance.rows().write(format, &[], out)?,
    }
    Ok(Exit::Fine)
}

struct Glance<'a> {
    calendar: &'a Calendar,
    year: i32,
    language: Language,
    has_colour: bool,
}

impl Glance<'_> {
    fn page(&self) -> String {
        let mut page =
            words::year(self.language, self.calendar, self.year, self.days().filter(|d| self.works(*d)).count());
        page.push_str("\n\n");
        let months: Vec<Vec<String>> = (1..=12).map(|month| self.month(month)).collect();
        for row in months.chunks(3) {
            page.push_str(&beside(row));
            page.push('\n');
        }
        let kinds = [DayKind::Holiday("".into()), DayKind::MakeUp("".into()), DayKind::Rest];
        let legend = kinds.map(|kind| self.paint(&kind, &words::legend(self.language, mark(&kind), &kind)));
        let _ = writeln!(page, "{}", legend.join("   "));
        let _ = writeln!(page, "{}", words::covered(self.language, self.calendar));
        if self.days().any(|day| !self.is_covered(day)) {
            let _ = writeln!(page, "{}", words::year_is_provisional(self.language));
        }
        for part in [self.hours(), self.occasions()] {
            if !part.is_empty() {
                page.push('\n');
                page.push_str(&align(&part));
            }
        }
        page
    }

    /// A month's title, its weekdays and six weeks.
    fn month(&self, month: u32) -> Vec<String> {
        let days: Vec<Day> = self.days().filter(|day| self.calendar.date(*day).month() == month).collect();
        let working = days.iter().filter(|day| self.works(**day)).count();
        let title = words::month(self.language, month);
        let count = words::working_days(self.language, working);
        let gap = " ".repeat(MONTH_WIDTH.saturating_sub(title.width() + count.width() + 1));
        let mut lines = vec![format!("{title}{gap}{count} "), words::week(self.language).to_owned()];
        let first = days.first().map_or(0, |day| self.calendar.date(*day).weekday().num_days_from_monday() as usize);
        let mut cells = vec!["   ".to_owned(); first];
        cells.extend(days.iter().map(|day| self.cell(*day)));
        cells.resize(6 * 7, "   ".to_owned());
        lines.extend(cells.chunks(7).map(<[String]>::concat));
        lines
    }

    fn cell(&self, day: Day) -> String {
        let kind = DayKind::of(self.calendar, day);
        self.paint(&kind, &format!("{:>2}{}", self.calendar.date(day).day(), mark(&kind)))
    }

    fn paint(&self, kind: &DayKind, text: &str) -> String {
        let code = match kind {
            DayKind::Holiday(_) => "31",
            DayKind::MakeUp(_) => "33",
            DayKind::Rest => "2",
            DayKind::Working => return text.to_owned(),
        };
        if self.has_colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// The working hours by season; without dates where they change with the weekday.
    fn hours(&self) -> Vec<Vec<String>> {
        let mut seasons: Vec<(NaiveDate, NaiveDate, String)> = Vec::new();
        for day in self.days().filter(|day| self.works(*day)) {
            let (date, spans) = (self.calendar.date(day), self.spans(day));
            match seasons.last_mut() {
                Some((_, last, known)) if *known == spans => *last = date,
                _ => seasons.push((date, date, spans)),
            }
        }
        let label = words::hours(self.language).to_owned();
        if seasons.len() == 1 || seasons.len() > 6 {
            let mut spans: Vec<String> = seasons.into_iter().map(|(_, _, spans)| spans).collect();
            spans.sort();
            spans.dedup();
            return spans.into_iter().map(|spans| vec![label.clone(), spans]).collect();
        }
        seasons.into_iter().map(|(from, to, spans)| vec![label.clone(), stretch(from, to), spans]).collect()
    }

    /// The occasions of the year: when is rest, and when is worked instead.
    fn occasions(&self) -> Vec<Vec<String>> {
        let mut occasions: Vec<(&str, Vec<(NaiveDate, ListedKind)>)> = Vec::new();
        for (date, listed) in self.calendar.all_listed().filter(|(date, _)| date.year() == self.year) {
            match occasions.iter_mut().find(|(name, _)| *name == &*listed.name) {
                Some((_, days)) => days.push((date, listed.kind)),
                None => occasions.push((&listed.name, vec![(date, listed.kind)])),
            }
        }
        let row = |(name, days): &(&str, Vec<(NaiveDate, ListedKind)>)| {
            let mut row = vec![(*name).to_owned()];
            for kind in [ListedKind::Holiday, ListedKind::Workday] {
                let dates: Vec<NaiveDate> = days.iter().filter(|(_, k)| *k == kind).map(|(date, _)| *date).collect();
                let stretches: Vec<String> = stretches(&dates);
                let text = format!("{} {}", words::listed(self.language, kind), stretches.join(" "));
                row.push(if dates.is_empty() { String::new() } else { text });
            }
            row
        };
        occasions.iter().map(row).collect()
    }

    fn rows(&self) -> Table {
        let mut table = Table::new(&["date", "weekday", "kind", "name", "working", "hours", "covered"]);
        for day in self.days() {
            let (date, kind) = (self.calendar.date(day), DayKind::of(self.calendar, day));
            table.add(vec![
                date.to_string().into(),
                date.weekday().to_string().to_uppercase().into(),
                kind.word().into(),
                kind.name().into(),
                self.works(day).into(),
                self.spans(day).into(),
                self.is_covered(day).into(),
            ]);
        }
        table
    }

    fn days(&self) -> impl Iterator<Item = Day> + '_ {
        let first = NaiveDate::from_ymd_opt(self.year, 1, 1).unwrap_or_default();
        let days = first.iter_days().take_while(|date| date.year() == self.year);
        days.filter_map(|date| self.calendar.day(date).ok())
    }

    fn works(&self, day: Day) -> bool {
        self.calendar.is_working(day)
    }

    fn is_covered(&self, day: Day) -> bool {
        self.calendar.covered().contains(&self.calendar.date(day))
    }

    /// The working hours of a day on its own clock: `09:00-12:00 13:30-17:30`.
    fn spans(&self, day: Day) -> String {
        let date = self.calendar.date(day);
        let clock = |at: i64| {
            let local = self.calendar.local(Instant::from_timestamp(at, 0).unwrap_or_default());
            if local.date_naive() == date { local.format("%H:%M").to_string() } else { "24:00".to_owned() }
        };
        let spans = self.calendar.spans(day).map(|(from, to)| format!("{}-{}", clock(from), clock(to)));
        spans.collect::<Vec<_>>().join(" ")
    }
}

const fn mark(kind: &DayKind) -> char {
    match kind {
        DayKind::Working => ' ',
        DayKind::MakeUp(_) => '+',
        DayKind::Rest => '.',
        DayKind::Holiday(_) => '*',
    }
}

/// Consecutive dates as stretches.
fn stretches(dates: &[NaiveDate]) -> Vec<String> {
    let runs = dates.chunk_by(|a, b| *b - *a == TimeDelta::days(1));
    runs.filter_map(|run| Some(stretch(*run.first()?, *run.last()?))).collect()
}

fn stretch(from: NaiveDate, to: NaiveDate) -> String {
    let text = |date: NaiveDate| date.format("%m-%d").to_string();
    if from == to { text(from) } else { format!("{}…{}", text(from), text(to)) }
}

/// Blocks of lines side by side; empty lines at their end are left out.
fn beside(blocks: &[Vec<String>]) -> String {
    let height = blocks.iter().map(Vec::len).max().unwrap_or_default();
    let mut text = String::new();
    for n in 0..height {
        let cells = blocks.iter().map(|block| pad(block.get(n).map_or("", String::as_str), MONTH_WIDTH));
        let line = cells.collect::<Vec<_>>().join("   ");
        if !line.trim().is_empty() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text
}
