//! One line of the answer: what a window or a finding shows, as CSV and as JSON.

use std::io::Write;
use std::sync::Arc;

use serde::Serialize;

use super::stamp::stamp;
use crate::core::Instant;
use crate::core::calendar::Calendar;
use crate::core::item::Item;
use crate::core::reading::{Reading, Verdict};
use crate::core::window::{Finding, Level, Window};

/// The columns.
pub const HEADER: &str =
    "source,item,rule,window,from,limit,due_at,provisional,stopped_at,state,level,verdict,remaining\n";

/// A window or a finding of an item.
pub struct Line<'a> {
    /// The item.
    pub item: &'a Item,
    /// The rule.
    pub rule: &'a Arc<str>,
    /// The window's or the finding's name.
    pub name: &'a Arc<str>,
    /// A clock, or a level that the rule decided itself.
    pub what: Result<Clock<'a>, &'a Finding>,
    /// When it was read.
    pub at: Instant,
}

/// A window on its calendar, read.
pub struct Clock<'a> {
    /// The window.
    pub window: &'a Window,
    /// The calendar that counts.
    pub calendar: &'a Calendar,
    /// What it shows.
    pub reading: Reading,
}

impl Line<'_> {
    /// Where the clock stands; `found` for a finding.
    pub fn state(&self) -> &'static str {
        self.what.as_ref().map_or("found", |clock| clock.reading.state.word())
    }

    /// The card that would be open.
    pub fn level(&self) -> Option<Level> {
        match &self.what {
            Ok(clock) => clock.reading.level,
            Err(finding) => Some(finding.level),
        }
    }

    /// How it is counted.
    pub fn verdict(&self) -> Verdict {
        self.what.as_ref().map_or(Verdict::Open, |clock| clock.reading.verdict(self.at))
    }

    /// Appends the line as CSV.
    pub fn csv(&self, text: &mut Vec<u8>) {
        for cell in [&self.item.key.source, &self.item.key.id, self.rule, self.name] {
            put(cell, text);
            text.push(b',');
        }
        match &self.what {
            Ok(clock) => clock.csv(text),
            Err(_) => text.extend_from_slice(b",,,,,"),
        }
        for word in [self.state(), self.level().map_or("", Level::word), self.verdict().word()] {
            text.extend_from_slice(word.as_bytes());
            text.push(b',');
        }
        if let Some(remaining) = self.remaining() {
            hundredths(remaining, text);
        }
        text.push(b'\n');
    }

    /// Appends the line as a JSON object.
    pub fn json(&self, text: &mut Vec<u8>) {
        let clock = self.what.as_ref().ok();
        let stamped = |at: Option<Instant>| clock.zip(at).map(|(clock, at)| stamped(at, clock.calendar));
        let object = Object {
            source: &self.item.key.source,
            item: &self.item.key.id,
            rule: self.rule,
            window: self.name,
            from: stamped(clock.and_then(|c| c.window.from)),
            limit: clock.map(|c| c.window.limit.to_string()),
            due_at: stamped(clock.and_then(|c| c.reading.due_at)),
            provisional: clock.map(|c| c.reading.provisional),
            stopped_at: stamped(clock.and_then(|c| c.reading.stopped_at)),
            state: self.state(),
            level: self.level().map(Level::word),
            verdict: self.verdict().word(),
            remaining: self.remaining().and_then(|hundredths| {
                let mut text = Vec::new();
                self::hundredths(hundredths, &mut text);
                serde_json::from_slice(&text).ok()
            }),
        };
        if let Ok(object) = serde_json::to_vec(&object) {
            text.extend_from_slice(&object);
        }
    }

    /// Hundredths of the limit's unit.
    pub fn remaining(&self) -> Option<i64> {
        self.what.as_ref().ok()?.reading.remaining
    }
}

impl Clock<'_> {
    /// From the start to the stop.
    fn csv(&self, text: &mut Vec<u8>) {
        let put_at = |at: Option<Instant>, text: &mut Vec<u8>| {
            if let Some(at) = at {
                stamp(at, self.calendar, text);
            }
            text.push(b',');
        };
        put_at(self.window.from, text);
        let _ = write!(text, "{},", self.window.limit);
        put_at(self.reading.due_at, text);
        text.extend_from_slice(if self.reading.provisional { b"true," } else { b"false," });
        put_at(self.reading.stopped_at, text);
    }
}

#[derive(Serialize)]
struct Object<'a> {
    source: &'a str,
    item: &'a str,
    rule: &'a str,
    window: &'a str,
    from: Option<String>,
    limit: Option<String>,
    due_at: Option<String>,
    provisional: Option<bool>,
    stopped_at: Option<String>,
    state: &'static str,
    level: Option<&'static str>,
    verdict: &'static str,
    remaining: Option<serde_json::Number>,
}

fn stamped(at: Instant, calendar: &Calendar) -> String {
    let mut text = Vec::new();
    stamp(at, calendar, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Appends a cell, in quotes where it needs them.
fn put(cell: &str, text: &mut Vec<u8>) {
    let bytes = cell.as_bytes();
    if !bytes.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        return text.extend_from_slice(bytes);
    }
    text.push(b'"');
    for byte in bytes {
        if *byte == b'"' {
            text.push(b'"');
        }
        text.push(*byte);
    }
    text.push(b'"');
}

/// Appends `-1.05`.
fn hundredths(number: i64, text: &mut Vec<u8>) {
    let sign = if number < 0 { "-" } else { "" };
    let size = number.unsigned_abs();
    let _ = write!(text, "{sign}{}.{:02}", size / 100, size % 100);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::item::{ItemKey, Pause};
    use crate::core::limit::YellowDefault;
    use crate::core::reading::read;

    #[test]
    fn two_decimals_keep_their_sign() {
        for (number, expected) in [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (-105, "-1.05"), (123_456, "1234.56")] {
            let mut text = Vec::new();
            hundredths(number, &mut text);
            assert_eq!(String::from_utf8_lossy(&text), expected);
        }
    }

    fn at(text: &str) -> Instant {
        text.parse().expect("an instant")
    }

    /// A limit from Monday 10:00 on, as the line shows it at an instant.
    fn line(limit: &str, change: impl Fn(&mut Window), now: &str) -> String {
        let calendar = crate::calendars::find("cn", &[]).expect("a calendar");
        let mut window = Window::new("w", limit.parse().expect("a limit"), Some(at("2026-03-02T10:00:00+08:00")));
        change(&mut window);
        let now = at(now);
        let reading = read(&window, &calendar, &YellowDefault::default(), now).expect("a reading");
        let clock = Clock { window: &window, calendar: &calendar, reading };
        text(Ok(clock), now)
    }

    fn text(what: Result<Clock<'_>, &Finding>, at: Instant) -> String {
        let item = Item::new(ItemKey::new("s", "1"), "ticket");
        let mut text = Vec::new();
        Line { item: &item, rule: &"r".into(), name: &"w".into(), what, at }.csv(&mut text);
        String::from_utf8(text).expect("UTF-8")
    }

    #[test]
    fn each_state_has_its_line() {
        const FROM: &str = "s,1,r,w,2026-03-02T10:00:00+08:00";
        let pause = |to: Option<&str>| Pause::new(at("2026-03-02T11:00:00+08:00"), to.map(at));
        let same = |_: &mut Window| {};
        for (line, expected) in [
            (line("2h", same, "2026-03-02T09:59:59+08:00"), "2h,2026-03-02T12:00:00+08:00,false,,not_started,,open,"),
            (line("2h", same, "2026-03-02T10:00:00+08:00"), "2h,2026-03-02T12:00:00+08:00,false,,running,,open,2.00"),
            (
                line("2h", same, "2026-03-02T11:59:59+08:00"),
                "2h,2026-03-02T12:00:00+08:00,false,,running,yellow,open,0.00",
            ),
            (
                line("2h", same, "2026-03-02T12:00:01+08:00"),
                "2h,2026-03-02T12:00:00+08:00,false,,running,red,overdue,-0.01",
            ),
            (
                line("2h", |w| w.done = Some(at("2026-03-02T11:00:00+08:00")), "2026-03-02T13:00:00+08:00"),
                "2h,2026-03-02T12:00:00+08:00,false,2026-03-02T11:00:00+08:00,met,,on_time,",
            ),
            (
                line("2h", |w| w.done = Some(at("2026-03-02T12:00:00+08:00")), "2026-03-02T13:00:00+08:00"),
                "2h,2026-03-02T12:00:00+08:00,false,2026-03-02T12:00:00+08:00,late,,overdue,",
            ),
            (line("2h", |w| w.pauses = vec![pause(None)], "2026-03-02T13:00:00+08:00"), "2h,,false,,paused,,open,1.00"),
            (
                line("2h", |w| w.pauses = vec![pause(Some("2026-03-02T14:00:00+08:00"))], "2026-03-02T13:00:00+08:00"),
                "2h,2026-03-02T15:00:00+08:00,false,,paused,,open,1.00",
            ),
            (
                line("10wd", same, "2026-03-02T10:00:00+08:00"),
                "10wd,2026-03-17T00:00:00+08:00,false,,running,,open,10.00",
            ),
        ] {
            assert_eq!(line, format!("{FROM},{expected}\n"));
        }
    }

    #[test]
    fn a_window_without_a_start_has_neither_due_nor_verdict() {
        let done = Some(at("2026-03-02T11:00:00+08:00"));
        let met = line("2h", |w| (w.from, w.done) = (None, done), "2026-03-02T13:00:00+08:00");
        assert_eq!(met, "s,1,r,w,,2h,,false,2026-03-02T11:00:00+08:00,met,,open,\n");
        let not_started = line("2h", |w| w.from = None, "2026-03-02T13:00:00+08:00");
        assert_eq!(not_started, "s,1,r,w,,2h,,false,,not_started,,open,\n");
    }

    #[test]
    fn a_finding_has_a_level_and_no_clock() {
        let red = Finding { name: "w".into(), level: Level::Red, text: "x".into() };
        assert_eq!(text(Err(&red), at("2026-03-02T00:00:00Z")), "s,1,r,w,,,,,,found,red,open,\n");
    }

    proptest! {
        #[test]
        fn any_cell_is_read_again(cell in "\\PC{0,6}[,\"\\r\\n ;=]{0,3}\\PC{0,6}") {
            let mut text = Vec::new();
            put(&cell, &mut text);
            text.extend_from_slice(b",end\n");
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_slice());
            let row = reader.records().next().expect("a row").expect("CSV");
            prop_assert_eq!((row.get(0), row.get(1), row.len()), (Some(cell.as_str()), Some("end"), 2));
        }
    }
}
