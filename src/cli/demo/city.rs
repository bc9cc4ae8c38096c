//! The city of the demo, a part of the sample city: its files, and how they change while time goes by.
//!
//! The tables are written with instants relative to the start: `{-1h30m}` and `{+48s}` from the start, `{-3wd 09:10}` at a
//! clock time so many working days before. What lies in the future is not known yet: its cell is empty until then, and
//! a row appears at the second that its first column names.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use chrono_tz::Tz;

use crate::core::Instant;
use crate::core::calendar::Calendar;
use crate::tell::language::Language;

/// Marks a folder as a demo's own, to be written over.
const MARK: &str = ".duban-demo";

/// The tables that change.
const TABLES: [(&str, &str); 4] = [
    ("tickets.csv", include_str!("../../../config/demo/tickets.csv")),
    ("tasks.csv", include_str!("../../../config/demo/tasks.csv")),
    ("projects.csv", include_str!("../../../config/demo/projects.csv")),
    ("matters.csv", include_str!("../../../config/demo/matters.csv")),
];

/// Files of the folder of rules, as they ship.
macro_rules! shipped {
    ($($file:literal),* $(,)?) => {
        &[$((concat!("rules/", $file), include_str!(concat!("../../../rules/", $file)))),*]
    };
}

/// The rules: some run, the others can be tried.
const RULES: &[(&str, &str)] = shipped![
    "137.rhai",
    "2110.rhai",
    "approval-limit.rhai",
    "coordination.rhai",
    "gift-pack.rhai",
    "green-channel.rhai",
    "hand-over.rhai",
    "hundred-days.rhai",
    "inspection-unfiled.rhai",
    "issue-open.rhai",
    "linkage.rhai",
    "off-platform.rhai",
    "order.rhai",
    "progress.rhai",
    "promise.rhai",
    "request-reply.rhai",
    "schedule.rhai",
    "stages.rhai",
    "stale-update.rhai",
    "submission-late.rhai",
    "task-overdue.rhai",
    "three-lines.rhai",
    "tolerance.rhai",
    "unassigned.rhai",
    "params.toml",
    "tables/green.csv",
    "tables/pack.csv",
    "tables/reply.csv",
    "tables/submission.csv",
    "tables/task.csv",
];

const CONTACTS: &str = include_str!("../../../config/demo/contacts.csv");

const CONFIG: &str = include_str!("../../../config/demo/duban.toml");

/// The made-up city.
pub struct City {
    folder: PathBuf,
    calendar: Calendar,
    start_at: Instant,
}

impl City {
    /// A city whose time starts at an instant.
    pub fn new(folder: &Path, calendar: &Calendar, start_at: Instant) -> Self {
        Self { folder: folder.to_owned(), calendar: calendar.clone(), start_at }
    }

    /// The city's time zone.
    pub fn zone(&self) -> Tz {
        self.calendar.zone()
    }

    /// Writes the city's folder anew. A folder that is not a demo's is left alone.
    pub fn build(&self, port: u16, language: Language) -> Result<(), String> {
        let problem = |e: std::io::Error| format!("{}: {e}", self.folder.display());
        if self.folder.exists() {
            let is_empty = fs::read_dir(&self.folder).map_err(problem)?.next().is_none();
            if !is_empty && !self.folder.join(MARK).exists() {
                return Err(format!("{}: expected an empty folder or an earlier demo's", self.folder.display()));
            }
            fs::remove_dir_all(&self.folder).map_err(problem)?;
        }
        fs::create_dir_all(self.folder.join("rules/tables")).map_err(problem)?;
        self.put(MARK, "").map_err(problem)?;
        let config = CONFIG.replace("{port}", &port.to_string());
        let config = format!("language = \"{}\"\n\n{config}", language.tag());
        self.put("duban.toml", &config).map_err(problem)?;
        self.put("contacts.csv", CONTACTS).map_err(problem)?;
        RULES.iter().try_for_each(|(name, text)| self.put(name, text)).map_err(problem)?;
        self.write(self.start_at).map_err(problem)
    }

    /// Writes the tables as they stand at an instant, each in one step, and only if they changed.
    pub fn write(&self, now: Instant) -> std::io::Result<()> {
        for (name, template) in TABLES {
            let text = self.table(template, now);
            let path = self.folder.join(name);
            if fs::read_to_string(&path).is_ok_and(|before| before == text) {
                continue;
            }
            let fresh = self.folder.join(format!(".{name}.new"));
            fs::write(&fresh, text)?;
            fs::rename(&fresh, &path)?;
        }
        Ok(())
    }

    fn put(&self, name: &str, text: &str) -> std::io::Result<()> {
        fs::write(self.folder.join(name), text)
    }

    fn table(&self, template: &str, now: Instant) -> String {
        let mut table = String::new();
        for (n, line) in template.lines().enumerate() {
            let (appears, row) = line.split_once(',').unwrap_or_default();
            let appears = TimeDelta::seconds(appears.parse().unwrap_or(0));
            if n == 0 || self.start_at + appears <= now {
                let cells: Vec<String> = row.split(',').map(|cell| self.cell(cell, now)).collect();
                table.push_str(&cells.join(","));
                table.push('\n');
            }
        }
        table
    }

    fn cell(&self, cell: &str, now: Instant) -> String {
        let Some(token) = cell.strip_prefix('{').and_then(|c| c.strip_suffix('}')) else { return cell.to_owned() };
        let at = self.instant(token).filter(|at| *at <= now);
        at.map(|at| self.calendar.local(at).format("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default()
    }

    /// The instant that a token names.
    fn instant(&self, token: &str) -> Option<Instant> {
        if let Some((days, clock)) = token.split_once("wd ") {
            let back: usize = days.strip_prefix('-')?.parse().ok()?;
            let today = self.calendar.day_of(self.start_at.timestamp()).ok()?;
            let index = self.calendar.working_days_before(today).ok()?.checked_sub(back)?;
            let day = self.calendar.working_day(index).ok()?;
            let (hours, minutes) = clock.split_once(':')?;
            let clock = hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60;
            return Instant::from_timestamp(self.calendar.at_clock(day, clock).ok()?, 0);
        }
        let span = span(&token[1..])?;
        Some(if token.starts_with('-') { self.start_at - span } else { self.start_at + span })
    }
}

/// A span such as `1h29m52s`.
fn span(text: &str) -> Option<TimeDelta> {
    let mut seconds = 0;
    let mut number = String::new();
    for c in text.chars() {
        let unit = match c {
            '0'..='9' => {
                number.push(c);
                continue;
            }
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        seconds += number.parse::<i64>().ok()? * unit;
        number.clear();
    }
    number.is_empty().then(|| TimeDelta::seconds(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn city() -> City {
        let calendar = crate::calendars::find("cn", &[]).expect("cn");
        City::new(Path::new("nowhere"), &calendar, "2026-03-02T02:00:00Z".parse().expect("instant"))
    }

    #[test]
    fn every_token_of_the_tables_is_an_instant() {
        for (name, table) in TABLES {
            for token in table.split(['{', '}']).skip(1).step_by(2) {
                assert!(city().instant(token).is_some(), "{name}: {{{token}}}");
            }
        }
    }

    #[test]
    fn what_lies_ahead_is_not_known_yet() {
        let start = city().start_at;
        assert_eq!(city().cell("{+48s}", start), "");
        assert_eq!(city().cell("{+48s}", start + TimeDelta::seconds(48)), "2026-03-02 10:00:48");
        assert_eq!(city().cell("{-3wd 09:10}", start), "2026-02-26 09:10:00");
        assert!(!city().table(TABLES[0].1, start).contains("S00169"));
        assert!(city().table(TABLES[0].1, start + TimeDelta::seconds(30)).contains("S00169"));
    }

    #[test]
    fn every_shipped_rule_can_be_tried() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
        for folder in [folder.clone(), folder.join("tables")] {
            for path in folder.read_dir().expect("a folder").flatten().map(|entry| entry.path()) {
                let is_part = path.extension().is_some_and(|ending| ending == "rhai")
                    || path.parent().is_some_and(|parent| parent.ends_with("tables"));
                let is_there = |name: &&(&str, &str)| path.ends_with(name.0);
                assert!(!is_part || RULES.iter().any(|rule| is_there(&rule)), "{}", path.display());
            }
        }
    }

    #[test]
    fn its_tables_are_the_ledgers() {
        let demo: toml::Table = CONFIG.replace("{port}", "1").parse().expect("a configuration");
        for (name, table) in TABLES {
            let source = name.trim_end_matches(".csv");
            let path = format!("{}/config/ledgers/{source}.toml", env!("CARGO_MANIFEST_DIR"));
            let ledger: toml::Table = fs::read_to_string(path).expect("a ledger").parse().expect("TOML");
            for key in ["kind", "id", "timezone", "time_formats", "missing", "fields", "pauses", "extensions"] {
                assert_eq!(demo["source"][source].get(key), ledger["source"][source].get(key), "{source} {key}");
            }
            let (_, city) = table.lines().next().and_then(|header| header.split_once(',')).expect("a header");
            let rows = fs::read_to_string(format!("{}/config/examples/city/{name}", env!("CARGO_MANIFEST_DIR")));
            let rows = rows.expect("a file of the city");
            assert_eq!(Some(city), rows.trim_start_matches('\u{feff}').lines().next(), "{name}");
            for row in table.lines().skip(1) {
                let id: String = row.split(',').nth(1).expect("an id").to_owned();
                assert!(rows.contains(&format!("\n{id},")), "{name}: the city has {id}");
            }
        }
    }
}
