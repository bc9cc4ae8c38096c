//! How long pure thinking takes: questions to a calendar, a limit, one look at an item, whom to tell of a burst.

use std::fmt::Write as _;
use std::sync::Arc;

use divan::{Bencher, black_box};
use duban::core::Instant;
use duban::core::calendar::{Calendar, Calendars, Seconds, read_calendar};
use duban::core::card::{CardId, Change, Transition};
use duban::core::contact::Medium;
use duban::core::course::Course;
use duban::core::digest::Digest;
use duban::core::elapsed::worked;
use duban::core::item::{Item, ItemKey};
use duban::core::limit::{Limit, YellowDefault};
use duban::core::matcher::Matcher;
use duban::core::observe::{Clockwork, Subject, observe};
use duban::core::reading::read;
use duban::core::reason::{Cause, Reason};
use duban::core::value::Value;
use duban::core::window::{Level, Ruling, Window};
use duban::tell::absences;
use duban::tell::directory::Directory;
use duban::tell::plan::{ChannelTerms, Circumstances, Happening, Joinable, Office, plan};

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

/// A burst of 10,000 cards among 2,000 contacts of 400 units, with their roles by unit, region, line and cause. The
/// promise is 2 s.
#[divan::bench(sample_count = 5)]
fn plan_ten_thousand_transitions(bencher: Bencher) {
    let mut contacts = String::from("id,name,unit,region,roles,lines,causes,mobile,email,deputy\n");
    for n in 0..2_000 {
        let (place, deputy, mobile) = (format!("u{},r{}", n / 5, n / 200), (n + 1) % 2_000, 13_800_000_000_u64 + n);
        let role = ["unit_contact", "", "leader", "", ""][(n % 5) as usize];
        let (place, role, line) = match n {
            0..8 => (",".to_owned(), "specialist", ["工业", "城建", "农业", "服务业"][(n % 4) as usize]),
            _ => (place, role, ""),
        };
        writeln!(contacts, "c{n},甲{n},{place},{role},{line},,{mobile},c{n}@example.com,c{deputy}").expect("written");
    }
    contacts.push_str("op,值班,,,operator,,,,op@example.com,\n");
    let directory = Directory::read("contacts.csv", &contacts).expect("contacts");
    let absences: Vec<String> = (0..2_000).step_by(10).map(|n| format!("c{n},2026-02-01,2026-03-31")).collect();
    let absences = format!("contact,from,until\n{}\n", absences.join("\n"));
    let absences = absences::read("absences.csv", &absences, &directory);
    let ladders = "[handlers]\n[[handlers.steps]]\nroles = ['handler', 'unit_contact', 'leader', 'specialist']\nred = ['mail', 'sms']\n\
        [operators]\n[[operators.steps]]\nroles = ['operator']\nred = ['mail']\n";
    let channels = [("mail", Medium::Mail), ("sms", Medium::Sms)];
    let office = Office {
        directory: directory.with_absences(absences.expect("absences")),
        ladders: toml::from_str(ladders).expect("ladders"),
        ladder: "handlers".into(),
        routes: Vec::new(),
        preferences: Vec::new(),
        channels: channels.map(|(name, medium)| (name.into(), ChannelTerms::of(medium))).into(),
        confidential: Matcher::default(),
        quiet: Arc::new(calendar()),
        lists_at: Vec::new(),
        pace: None,
        rehearsal: false,
    };
    let now = at(TO);
    let items: Vec<Item> = (0..10_000)
        .map(|n| {
            let mut item = Item::new(ItemKey::new("hotline", &*format!("GD{n}")), "ticket");
            let fields = [
                ("unit", format!("u{}", n % 400)),
                ("region", format!("r{}", n % 10)),
                ("owner", format!("c{}", n % 2_000)),
            ];
            for (name, value) in
                fields.into_iter().chain([("line", "工业".to_owned()), ("cause", "要素保障".to_owned())])
            {
                item.fields.set(name, Value::text(value.as_str()));
            }
            item
        })
        .collect();
    let red = |item: &Item| Transition {
        card: CardId::new(&item.key, "2110", "solved"),
        rule: "2110".into(),
        name: "solved".into(),
        episode: 1,
        number: 1,
        change: Change::Raise,
        from: None,
        to: Some(Level::Red),
        at: now,
        noticed_at: now,
        reason: Reason::Due { due_at: now },
        verdict: None,
        rule_version: Digest::of([]),
        calendar_version: Digest::of([]),
        ladder: None,
    };
    let transitions: Vec<Transition> = items.iter().map(red).collect();
    bencher.bench(|| {
        let mut joinable = Joinable::default();
        let planned = items.iter().zip(&transitions).map(|(item, transition)| {
            let happening = Happening {
                item,
                rulings: &[],
                watches: &[],
                transitions: std::slice::from_ref(transition),
                said: &[],
                raised: &[],
                acknowledgements: &[],
                baseline: false,
                other_playbook: false,
            };
            plan(happening, &office, &Circumstances::default(), &mut joinable, now).notices.len()
        });
        planned.sum::<usize>()
    });
}

fn window() -> Window {
    Window::new("solved", "10wd".parse().expect("a limit"), Some(at(FROM)))
}
