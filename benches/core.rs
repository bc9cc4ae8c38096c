//! How long the pure core takes: questions to a calendar, a limit, and one look at an item.

use std::sync::Arc;

use divan::{Bencher, black_box};
use duban::core::Instant;
use duban::core::calendar::{Calendar, Calendars, Seconds, read_calendar};
use duban::core::course::Course;
use duban::core::digest::Digest;
use duban::core::elapsed::worked;
use duban::core::item::ItemKey;
use duban::core::limit::{Limit, YellowDefault};
use duban::core::observe::{Clockwork, Subject, observe};
use duban::core::reading::read;
use duban::core::reason::Cause;
use duban::core::window::{Ruling, Window};

fn main() {
    divan::main();
}

fn calendar() -> Calendar {
    let mut days = |_: &str| Ok(include_str!("../config/calendars/cn-holidays.csv").to_owned());
    read_calendar("cn.toml", include_str!("../config/calendars/cn.toml"), &mut days).expect("a calendar")
}

fn at(text: &str) -> Instant {
    text.parse().expect("an instant")
}

const FROM: &str = "2026-02-11T03:00:00Z";
const TO: &str = "2026-03-20T07:30:00Z";

/// Ten working days over the longest holiday of the year. The promise for each of these is 50 ns.
#[divan::bench(args = ["10wd", "20wh", "2h", "100d"], sample_size = 1000)]
fn add(bencher: Bencher, limit: &str) {
    let (calendar, limit): (_, Limit) = (calendar(), limit.parse().expect("a limit"));
    let from = at(FROM).timestamp();
    bencher.bench(|| Course::new(&calendar, black_box(limit), 0, black_box(from), &[])?.due());
}

#[divan::bench]
fn work_between(bencher: Bencher) {
    let calendar = calendar();
    let (from, to) = (at(FROM), at(TO));
    bencher.bench(|| worked(&calendar, black_box(from), black_box(to), &[]));
}

#[divan::bench]
fn day_of(bencher: Bencher) {
    let (calendar, at): (_, Seconds) = (calendar(), at(TO).timestamp());
    bencher.bench(|| calendar.day_of(black_box(at)));
}

/// State, level, due, yellow and what remains of one window.
#[divan::bench(sample_size = 1000)]
fn read_a_window(bencher: Bencher) {
    let (calendar, window, yellow, now) = (calendar(), window(), YellowDefault::default(), at(TO));
    bencher.bench(|| read(black_box(&window), &calendar, &yellow, black_box(now)));
}

/// The first look at an item with four windows.
#[divan::bench]
fn observe_an_item(bencher: Bencher) {
    let clockwork = Clockwork {
        calendars: Calendars::new(Arc::new(calendar()), []),
        yellow: YellowDefault::default(),
        pause_limit: None,
        rules: std::iter::once("2110".into()).collect(),
    };
    let windows = ["a", "b", "c", "d"].map(|name| Window { name: name.into(), ..window() });
    let rulings = [Ruling { rule: "2110".into(), version: Digest::of([]), windows: windows.into(), findings: vec![] }];
    let (item, now) = (ItemKey::new("hotline", "GD1"), at(TO));
    let subject = Subject {
        item: &item,
        calendar: None,
        first_seen_at: at(FROM),
        noticed_at: None,
        rulings: &rulings,
        spared: &[],
        watches: &[],
        cause: Cause::ItemChanged,
        has_left: false,
    };
    bencher.bench(|| observe(black_box(subject), &clockwork, now));
}

/// Reading a calendar with its day list, which a reload does.
#[divan::bench]
fn read_the_calendar() -> Calendar {
    calendar()
}

fn window() -> Window {
    Window::new("solved", "10wd".parse().expect("a limit"), Some(at(FROM)))
}
