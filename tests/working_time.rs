//! Working time against an outside oracle, by hand-checked cases, and by its laws on random calendars.

use std::sync::{Arc, LazyLock};

use chrono::{DateTime, FixedOffset, NaiveDate};
use duban::core::Instant;
use duban::core::calendar::{Calendar, read_calendar};
use duban::core::course::Course;
use duban::core::item::{Amount, Extension, Pause};
use duban::core::limit::{Limit, Yellow, YellowDefault};
use duban::core::reading::{Granted, State, Verdict, read};
use duban::core::sum::{Part, Sum};
use duban::core::window::{Level, Window};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

fn load(path: &str) -> Calendar {
    let text = std::fs::read_to_string(path).expect("calendar file");
    let folder = std::path::Path::new(path).parent().expect("folder");
    read_calendar(path, &text, &mut |name| std::fs::read_to_string(folder.join(name)).map_err(|e| e.to_string()))
        .expect("calendar")
}

fn cn() -> Calendar {
    load("config/calendars/cn.toml")
}

fn at(text: &str) -> Instant {
    let text = if text.len() == 16 { format!("{text}:00+08:00") } else { text.to_owned() };
    text.parse::<DateTime<FixedOffset>>().expect("instant").to_utc()
}

fn limit(text: &str) -> Limit {
    text.parse().expect("limit")
}

fn pauses(text: &str) -> Vec<Pause> {
    let pair = |p: &str| {
        let (from, to) = p.split_once('/').expect("from/to");
        Pause::new(at(from), (!to.is_empty()).then(|| at(to)))
    };
    text.split(';').filter(|p| !p.is_empty()).map(pair).collect()
}

fn due(calendar: &Calendar, limit: Limit, start: Instant, pauses: &[Pause]) -> Option<Instant> {
    let course = Course::new(calendar, limit, 0, start.timestamp(), pauses).expect("inside the table");
    course.due().expect("inside the table").map(|due| DateTime::from_timestamp(due, 0).expect("instant"))
}

#[test]
fn the_oracle_agrees_in_all_its_cases() {
    let (cn, seasonal) = (cn(), load("tests/data/calendars/seasonal.toml"));
    let mut cases = csv::Reader::from_path("tests/data/workday-oracle.csv").expect("oracle");
    let (mut agreed, mut wrong) = (0, Vec::new());
    for case in cases.records() {
        let case = case.expect("row");
        let field = |i: usize| case.get(i).expect("field");
        let (convention, start, amount) = (field(1), at(field(2)), field(3));
        let calendar = if convention == "C2" { &seasonal } else { &cn };
        let ok = if convention == "W" {
            let worked = calendar.work_until(at(field(6)).timestamp()).expect("inside")
                - calendar.work_until(start.timestamp()).expect("inside");
            field(9).parse::<i64>().map(|m| m * 60) == Ok(worked)
        } else {
            let written = match convention {
                "A" | "AP" => format!("{amount}wd"),
                "B" => format!("{amount}wd@clock"),
                _ => format!("{amount}wh"),
            };
            due(calendar, limit(&written), start, &pauses(field(5))) == Some(at(field(8)))
        };
        if ok { agreed += 1 } else { wrong.push(case) }
    }
    assert!(wrong.is_empty(), "{} wrong, first: {:?}", wrong.len(), &wrong[..wrong.len().min(5)]);
    assert_eq!(agreed, 3_500);
}

#[test]
fn yellow_falls_on_the_last_instant_with_that_much_used() {
    let cn = cn();
    let share = |s: f64| Some(Yellow::Share(duban::core::limit::Share::new(s).expect("share")));
    let left = Some(Yellow::Left(limit("1wd")));
    for (written, yellow, expected) in [
        ("10wd", share(0.8), "2026-03-13T09:00"),
        ("10wd", left, "2026-03-16T09:00"),
        ("1wd", share(0.8), "2026-03-03T16:06"),
        ("1wd", left, "2026-03-03T09:00"),
        ("1wd", None, "2026-03-03T14:00"),
        ("3wd", None, "2026-03-05T09:00"),
        ("7wd", None, "2026-03-10T14:42"),
        ("2h", None, "2026-03-02T11:36"),
        ("2h", Some(Yellow::Used(limit("90m"))), "2026-03-02T11:30"),
        ("100d", None, "2026-05-22T00:00:00+08:00"),
    ] {
        let window = Window { yellow, ..Window::new("w", limit(written), Some(at("2026-03-02T10:00"))) };
        let reading = read(&window, &cn, &YellowDefault::default(), at("2026-03-02T10:00")).expect("inside");
        assert_eq!(reading.yellow_at, Some(at(expected)), "{written} {yellow:?}");
        assert!(!reading.yellow_moved);
    }
}

#[test]
fn dates_around_the_holidays_of_2026() {
    let cn = cn();
    let amounts = [1, 3, 7, 10, 14, 28, 38, 45];
    for (start, ends) in [
        ("2026-02-13T10:00", ["02-14", "02-25", "03-02", "03-05", "03-11", "03-31", "04-15", "04-24"]),
        ("2026-04-30T10:00", ["05-06", "05-08", "05-13", "05-18", "05-22", "06-11", "06-26", "07-07"]),
        ("2026-09-19T10:00", ["09-20", "09-22", "09-29", "10-09", "10-14", "11-03", "11-17", "11-26"]),
        ("2026-09-30T10:00", ["10-08", "10-10", "10-15", "10-20", "10-26", "11-13", "11-27", "12-08"]),
    ] {
        for (amount, end) in amounts.into_iter().zip(ends) {
            let course =
                Course::new(&cn, limit(&format!("{amount}wd")), 0, at(start).timestamp(), &[]).expect("inside");
            let day = course.last_day().expect("inside").expect("no open pause");
            assert_eq!(cn.date(day).to_string(), format!("2026-{end}"), "{start} + {amount}wd");
        }
    }
}

#[test]
fn each_end_has_its_meaning() {
    let cn = cn();
    for (written, start, expected) in [
        ("10wd@close", "2026-03-02T10:00", "2026-03-16T17:30"),
        ("1wd@clock", "2026-03-07T10:00", "2026-03-10T00:00"),
        ("1wd@open", "2026-03-02T12:30", "2026-03-03T13:30"),
        ("1wd@open", "2026-03-02T20:00", "2026-03-04T09:00"),
        ("0wd", "2026-03-02T10:00", "2026-03-03T00:00"),
        ("0wd", "2026-03-02T20:00", "2026-03-03T00:00"),
        ("0wd", "2026-03-07T10:00", "2026-03-10T00:00"),
        ("0wd@close", "2026-03-02T10:00", "2026-03-02T17:30"),
        ("0wd@close", "2026-03-02T17:30", "2026-03-03T17:30"),
        ("0wd@close", "2026-03-07T10:00", "2026-03-09T17:30"),
        ("0wd@clock", "2026-03-07T10:00", "2026-03-09T00:00"),
        ("0wd@open", "2026-03-02T18:00", "2026-03-03T09:00"),
        ("4.5wh", "2026-03-02T10:00", "2026-03-02T16:00"),
        ("2wh", "2026-03-02T10:00", "2026-03-02T12:00"),
        ("90wm", "2026-03-02T16:30", "2026-03-03T09:30"),
        ("2h", "2026-03-02T23:00", "2026-03-03T01:00"),
        ("100d", "2026-03-02T10:00", "2026-06-11T00:00"),
        ("100d@clock", "2026-03-02T10:00", "2026-06-10T10:00"),
        ("5d@work", "2026-03-02T10:00", "2026-03-10T00:00"),
        ("4d@work", "2026-03-02T10:00", "2026-03-07T00:00"),
    ] {
        assert_eq!(due(&cn, limit(written), at(start), &[]), Some(at(expected)), "{written} from {start}");
    }
}

#[test]
fn pauses_move_hours_exactly_and_days_by_the_days_after_their_first() {
    let cn = cn();
    for (written, paused, expected) in [
        ("4wh", "2026-03-02T11:00/2026-03-02T14:00", Some("2026-03-02T17:00")),
        ("4wh", "2026-03-02T11:00/", None),
        ("4wh", "2026-03-02T15:30/", Some("2026-03-02T15:30")),
        ("2h", "2026-03-02T11:00/2026-03-02T14:00", Some("2026-03-02T15:00")),
        ("1wd", "2026-03-03T10:00/2026-03-03T16:00", Some("2026-03-04T00:00")),
        ("1wd", "2026-03-03T10:00/2026-03-04T09:00", Some("2026-03-05T00:00")),
        ("1wd", "2026-03-06T10:00/2026-03-09T09:00", Some("2026-03-04T00:00")),
        ("4wd", "2026-03-06T10:00/2026-03-09T09:00", Some("2026-03-10T00:00")),
        ("1wd@close", "2026-03-03T10:00/2026-03-03T18:00;2026-03-03T17:45/2026-03-04T12:00", Some("2026-03-03T17:30")),
    ] {
        assert_eq!(
            due(&cn, limit(written), at("2026-03-02T10:00"), &pauses(paused)),
            expected.map(at),
            "{written} paused {paused}"
        );
    }
}

#[test]
fn only_an_approved_extension_that_was_asked_for_in_time_counts() {
    let cn = cn();
    let extension = |asked: &str, approved: Option<&str>| Extension {
        amount: Amount::Number(2),
        asked_at: Some(at(asked)),
        approved_at: approved.map(at),
        basis: None,
    };
    let due = |extension, now| {
        let mut window = Window::new("w", limit("1wd"), Some(at("2026-03-02T10:00")));
        window.extensions = vec![extension];
        let reading = read(&window, &cn, &YellowDefault::default(), at(now)).expect("inside");
        (reading.due_at.expect("due"), reading.granted[0])
    };
    let plain = at("2026-03-04T00:00");
    let in_time = extension("2026-03-03T10:00", Some("2026-03-05T10:00"));
    assert_eq!(due(in_time.clone(), "2026-03-05T09:59"), (plain, Granted::Pending));
    assert_eq!(due(in_time, "2026-03-05T10:00"), (at("2026-03-06T00:00"), Granted::Counts));
    assert_eq!(due(extension("2026-03-03T10:00", None), "2026-03-05T10:00"), (plain, Granted::Pending));
    let late = due(extension("2026-03-04T00:00", Some("2026-03-04T00:00")), "2026-03-05T10:00");
    assert_eq!(late, (plain, Granted::AskedTooLate { due_at: plain }));
    let after_zero = Window {
        extensions: vec![extension("2026-03-07T11:00", Some("2026-03-07T12:00"))],
        ..Window::new("w", limit("0wd"), Some(at("2026-03-07T10:00")))
    };
    let reading = read(&after_zero, &cn, &YellowDefault::default(), at("2026-03-07T12:00")).expect("inside");
    assert_eq!(reading.due_at, Some(at("2026-03-12T00:00")));
}

#[test]
fn a_window_reads_as_it_stood_at_the_instant() {
    let cn = cn();
    let mut window = Window::new("w", limit("1wd"), Some(at("2026-03-02T10:00")));
    let state = |window: &Window, now: &str| {
        let reading = read(window, &cn, &YellowDefault::default(), at(now)).expect("inside");
        (reading.state, reading.level, reading.verdict(at(now)), reading.remaining)
    };
    assert_eq!(state(&window, "2026-03-02T09:59"), (State::NotStarted, None, Verdict::Open, None));
    assert_eq!(state(&window, "2026-03-02T10:00"), (State::Running, None, Verdict::Open, Some(100)));
    let yellow = (State::Running, Some(Level::Yellow), Verdict::Open, Some(50));
    assert_eq!(state(&window, "2026-03-03T14:00"), yellow);
    let red = (State::Running, Some(Level::Red), Verdict::Overdue, Some(0));
    assert_eq!(state(&window, "2026-03-04T00:00"), red);
    let over = (State::Running, Some(Level::Red), Verdict::Overdue, Some(-100));
    assert_eq!(state(&window, "2026-03-05T00:00"), over);
    window.done = Some(at("2026-03-03T23:59"));
    assert_eq!(state(&window, "2026-03-03T14:00"), yellow);
    assert_eq!(state(&window, "2026-03-05T00:00"), (State::Met, None, Verdict::OnTime, None));
    window.done = Some(at("2026-03-04T00:00"));
    assert_eq!(state(&window, "2026-03-05T00:00"), (State::Late, None, Verdict::Overdue, None));
    window.done = None;
    window.pauses = pauses("2026-03-03T10:00/");
    assert_eq!(state(&window, "2026-03-03T09:59"), (State::Running, None, Verdict::Open, Some(85)));
    assert_eq!(state(&window, "2026-03-09T10:00"), (State::Paused, None, Verdict::Open, Some(85)));
    window.from = None;
    window.done = Some(at("2026-03-03T10:00"));
    assert_eq!(state(&window, "2026-03-09T10:00"), (State::Met, None, Verdict::Open, None));
}

#[test]
fn beyond_the_known_days_an_answer_is_provisional() {
    let cn = cn();
    let provisional = |from: &str, written: &str| {
        let window = Window::new("w", limit(written), Some(at(from)));
        read(&window, &cn, &YellowDefault::default(), at(from)).expect("inside").provisional
    };
    assert!(!provisional("2026-12-30T10:00", "1wd"));
    assert!(provisional("2026-12-30T10:00", "2wd"));
    assert!(provisional("2003-12-31T10:00", "1wd"));
    assert!(!provisional("2026-12-31T16:30", "1wh"));
    assert!(provisional("2026-12-31T17:00", "1wh"));
    assert!(!provisional("2027-06-01T10:00", "2h"));
    assert!(!provisional("2027-06-01T10:00", "100d"));
    assert!(provisional("2027-06-01T10:00", "15d@work"));
}

// --- The laws, on random calendars ---------------------------------------------------------------------------------

/// Random calendars, made once: a table of 230 years is too much to make for each case.
fn any_calendar() -> impl Strategy<Value = Arc<Calendar>> {
    static POOL: LazyLock<Vec<Arc<Calendar>>> = LazyLock::new(|| {
        let mut runner = TestRunner::deterministic();
        let made = |_| Arc::new(random_calendar().new_tree(&mut runner).expect("a calendar").current());
        (0..40).map(made).collect()
    });
    prop::sample::select(POOL.as_slice())
}

fn random_calendar() -> impl Strategy<Value = Calendar> {
    let zones = prop::sample::select(vec![
        "Asia/Shanghai",
        "America/New_York",
        "Australia/Lord_Howe",
        "Europe/Berlin",
        "America/Sao_Paulo",
        "Pacific/Apia",
    ]);
    let spans = prop::sample::select(vec![
        "\"09:00-12:00\", \"13:30-17:30\"",
        "\"00:00-24:00\"",
        "\"08:30-17:00\"",
        "\"00:00-03:00\", \"22:00-24:00\"",
    ]);
    let weekdays = prop::sample::select(vec![
        "\"MON\",\"TUE\",\"WED\",\"THU\",\"FRI\"",
        "\"MON\",\"TUE\",\"WED\",\"THU\",\"FRI\",\"SAT\",\"SUN\"",
        "\"TUE\"",
    ]);
    let days = prop::collection::vec((0..800_u64, any::<bool>()), 0..40);
    (zones, spans, weekdays, days).prop_map(|(zone, spans, weekdays, days)| {
        let text = format!(
            "name = \"t\"\ntimezone = \"{zone}\"\nweekdays = [{weekdays}]\ndays = \"d\"\n[[hours]]\nspans = [{spans}]\n"
        );
        let base = NaiveDate::from_ymd_opt(2024, 12, 1).expect("date");
        let line = |(n, rest): &(u64, bool)| {
            format!("{},{},x", base + chrono::Days::new(*n), if *rest { "holiday" } else { "workday" })
        };
        let list = days.iter().map(line).collect::<Vec<_>>().join("\n");
        read_calendar("t", &text, &mut |_| Ok(format!("date,kind,name\n{list}"))).expect("calendar")
    })
}

fn any_start() -> impl Strategy<Value = i64> {
    let base = at("2025-01-01T00:00").timestamp();
    (0..600 * 86_400_i64).prop_map(move |s| base + s)
}

fn any_limit() -> impl Strategy<Value = Limit> {
    let units = vec!["wd", "wd@close", "wd@clock", "wd@open", "wh", "wm", "d", "d@clock", "d@work", "h", "m"];
    (1..60_u32, prop::sample::select(units)).prop_map(|(n, unit)| {
        let (unit, end) = unit.split_once('@').map_or((unit, String::new()), |(u, e)| (u, format!("@{e}")));
        limit(&format!("{n}{unit}{end}"))
    })
}

fn due_of(calendar: &Calendar, limit: Limit, start: i64, pauses: &[Pause]) -> i64 {
    Course::new(calendar, limit, 0, start, pauses).and_then(|c| c.due()).expect("inside").expect("no open pause")
}

fn longer(l: Limit, by: u32) -> Limit {
    let text = l.to_string();
    let (amount, end) = text.split_once('@').map_or((text.as_str(), None), |(a, e)| (a, Some(e)));
    let digits = amount.trim_end_matches(char::is_alphabetic);
    let n: u32 = digits.parse::<u32>().expect("whole") + by;
    limit(&format!("{n}{}{}", l.unit().word(), end.map(|e| format!("@{e}")).unwrap_or_default()))
}

fn pause(from: i64, to: i64) -> Pause {
    let instant = |s| DateTime::from_timestamp(s, 0).expect("instant");
    Pause::new(instant(from), Some(instant(to)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn adding_is_monotone_in_start_and_amount(
        calendar in any_calendar(), l in any_limit(), start in any_start(), later in 0..400_000_i64, more in 0..5_u32,
    ) {
        let due = due_of(&calendar, l, start, &[]);
        prop_assert!(due_of(&calendar, l, start + later, &[]) >= due);
        prop_assert!(due_of(&calendar, longer(l, more), start, &[]) >= due);
    }

    #[test]
    fn what_was_added_has_elapsed(calendar in any_calendar(), l in any_limit(), start in any_start()) {
        let course = Course::new(&calendar, l, 0, start, &[]).expect("inside");
        let due = course.due().expect("inside").expect("due");
        let used = course.used(due).expect("inside");
        let units = i64::from(l.grains()) / i64::from(l.unit().grains());
        prop_assert_eq!((used.whole, used.part), (units, 0));
        prop_assert_eq!(course.remaining(due), Ok(0));
        prop_assert!(course.remaining(due - 1).expect("inside") >= 0);
    }

    #[test]
    fn hours_and_clock_days_are_additive(
        calendar in any_calendar(), a in 1..40_u32, b in 1..40_u32, start in any_start(),
        unit in prop::sample::select(vec!["wh", "wm", "h", "m", "wd@clock"]),
    ) {
        let l = |n: u32| {
            let (u, e) = unit.split_once('@').map_or((unit, String::new()), |(u, e)| (u, format!("@{e}")));
            limit(&format!("{n}{u}{e}"))
        };
        let step = due_of(&calendar, l(b), due_of(&calendar, l(a), start, &[]), &[]);
        // A clock time that a day skips comes back an hour later, so clock days are compared on regular days only.
        let is_clock = unit.ends_with("clock");
        if !is_clock || calendar.zone() == chrono_tz::Asia::Shanghai {
            prop_assert_eq!(step, due_of(&calendar, l(a + b), start, &[]));
        }
    }

    #[test]
    fn close_days_are_additive(calendar in any_calendar(), a in 1..40_u32, b in 1..40_u32, start in any_start()) {
        let l = |n: u32| limit(&format!("{n}wd@close"));
        let first = due_of(&calendar, l(a), start, &[]);
        // 24:00 belongs to the day that it closes, not to the next one.
        prop_assert_eq!(due_of(&calendar, l(b), first - 1, &[]), due_of(&calendar, l(a + b), start, &[]));
    }

    #[test]
    fn one_day_more_ends_with_the_next_working_day(calendar in any_calendar(), n in 1..60_u32, start in any_start()) {
        let due = |n: u32| Course::new(&calendar, limit(&format!("{n}wd")), 0, start, &[]).expect("inside");
        let day = due(n).last_day().expect("inside").expect("day");
        let next = calendar.working_day_from(day + 1).expect("inside");
        prop_assert_eq!(due(n + 1).due().expect("inside"), Some(calendar.start(next + 1).expect("inside")));
    }

    #[test]
    fn a_pause_without_working_time_changes_no_hour_limit(
        calendar in any_calendar(), n in 1..60_u32, start in any_start(), from in 0..2_000_000_i64, part in 0.0..=1.0_f64,
    ) {
        // From the end of some working second up to any instant before the next one starts.
        let worked = calendar.work_until(start + from).expect("inside");
        let closed = calendar.first_with(worked, start).expect("inside").max(start);
        let opened = calendar.last_with(worked, start).expect("inside");
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
        let to = closed + ((opened - closed) as f64 * part) as i64;
        let l = limit(&format!("{n}wh"));
        prop_assert_eq!(due_of(&calendar, l, start, &[pause(closed, to)]), due_of(&calendar, l, start, &[]));
    }

    #[test]
    fn a_pause_within_a_date_or_over_rest_days_changes_no_day_limit(
        calendar in any_calendar(), l in any_limit(), start in any_start(), from in 0..2_000_000_i64, part in 0.0..1.0_f64,
    ) {
        prop_assume!(l.family().is_days());
        let from = start + from;
        let next = calendar.day_of(from).expect("inside") + 1;
        let gain = if l.family().is_working() { calendar.working_day_from(next).expect("inside") } else { next };
        let room = calendar.start(gain).expect("inside") - from;
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
        let to = from + (room as f64 * part) as i64;
        prop_assert_eq!(due_of(&calendar, l, start, &[pause(from, to)]), due_of(&calendar, l, start, &[]));
    }

    #[test]
    fn the_order_of_pauses_does_not_matter_and_they_never_shorten(
        calendar in any_calendar(), l in any_limit(), start in any_start(),
        stretches in prop::collection::vec((0..3_000_000_i64, 1..900_000_i64), 0..6), turn in 0..6_usize,
    ) {
        let mut list: Vec<_> = stretches.iter().map(|(from, long)| pause(start + from, start + from + long)).collect();
        let due = due_of(&calendar, l, start, &list);
        prop_assert!(due >= due_of(&calendar, l, start, &[]));
        if !list.is_empty() {
            let turn = turn % list.len();
            list.rotate_left(turn);
            prop_assert_eq!(due_of(&calendar, l, start, &list), due);
        }
        let course = Course::new(&calendar, l, 0, start, &list).expect("inside");
        prop_assert_eq!(course.remaining(due), Ok(0), "used up exactly at due");
    }

    #[test]
    fn a_sum_adds_up_to_its_limit(
        calendar in any_calendar(), l in any_limit(), start in any_start(),
        stretches in prop::collection::vec((0..1_000_000_i64, 1..300_000_i64), 0..4),
    ) {
        let from = DateTime::from_timestamp(start, 0);
        let mut window = Window::new("w", l, from);
        window.pauses = stretches.iter().map(|(from, long)| pause(start + from, start + from + long)).collect();
        let now = at("2040-01-01T00:00");
        let sum = Sum::of(&window, &calendar, now).expect("inside").expect("a start");
        let reading = read(&window, &calendar, &YellowDefault::default(), now).expect("inside");
        prop_assert_eq!(sum.due_at, reading.due_at);
        let counted: i64 = sum.days.iter().map(|day| match day.part {
            Part::Counted { .. } => 1,
            Part::Time { seconds, .. } => seconds,
            _ => 0,
        }).sum();
        prop_assert_eq!(counted, i64::from(l.grains()), "{:?}", sum.days);
        prop_assert!(sum.days.windows(2).all(|pair| pair[0].date.succ_opt() == Some(pair[1].date)));
    }

    #[test]
    fn used_time_never_runs_backwards(
        calendar in any_calendar(), l in any_limit(), start in any_start(),
        stretches in prop::collection::vec((0..1_000_000_i64, 1..300_000_i64), 0..4),
        first in 0..2_000_000_i64, then in 0..500_000_i64,
    ) {
        let list: Vec<_> = stretches.iter().map(|(from, long)| pause(start + from, start + from + long)).collect();
        let course = Course::new(&calendar, l, 0, start, &list).expect("inside");
        let left = |at: i64| course.remaining(at).expect("inside");
        prop_assert!(left(start + first + then) <= left(start + first));
    }

    #[test]
    fn a_share_is_found_again(
        calendar in any_calendar(), l in any_limit(), start in any_start(), share in 0..10_000_i128,
        stretches in prop::collection::vec((0..1_000_000_i64, 1..300_000_i64), 0..4),
    ) {
        let list: Vec<_> = stretches.iter().map(|(from, long)| pause(start + from, start + from + long)).collect();
        let course = Course::new(&calendar, l, 0, start, &list).expect("inside");
        let wanted = course.whole() * share / 10_000;
        let found = course.at_used(wanted).expect("inside");
        let used = course.used(found - 1).expect("inside");
        let scale = if l.family().is_days() { 10_000 } else { 10_000 * i128::from(used.of) };
        let exact = i128::from(used.whole) * scale + i128::from(used.part) * scale / i128::from(used.of);
        prop_assert!(exact <= wanted, "just before, no more than the share is used: {} > {}", exact, wanted);
    }
}
