//! Sources that can be believed: what is bad, empty or gone closes nothing, operators hear of it once, and whoever says
//! that a source may look like that is obeyed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use chrono::TimeDelta;
use duban::core::Instant;
use duban::core::audit::Act;
use duban::daemon::poll;
use futures_util::{StreamExt as _, stream};

use crate::support::gateway::Gateway;
use crate::support::post::Arrived;
use crate::support::site::{Site, Ticket};
use crate::support::stage::{Stage, at, dispatched, office};
use crate::threads::VISIT;

/// An office that watches visits, with these lines in the table of its source.
fn watched(terms: &str) -> Site {
    let site = office(&[("visit", VISIT)], "");
    let config = std::fs::read_to_string(site.path("duban.toml")).expect("the configuration");
    site.put("duban.toml", &config.replace("blind_after = \"0s\"", terms));
    site
}

fn overdue(count: usize) -> Vec<Ticket> {
    (1..=count).map(|number| dispatched(&format!("T{number}"), "2026-03-02 08:00")).collect()
}

/// A site whose cards stand, and whose people have been told.
fn standing(terms: &str, count: usize) -> (Stage, Vec<Ticket>) {
    let mut stage = Stage::at(watched(terms), "2026-03-02 14:00");
    let tickets = overdue(count);
    stage.source(&tickets);
    stage.skip();
    assert_eq!(stage.open().len(), count);
    (stage, tickets)
}

fn shown(mails: &[Arrived]) -> Vec<String> {
    mails.iter().map(Arrived::line).collect()
}

/// A fault of a source: what is called so, what the polls then say, and how many of them there are.
struct Fault<'f> {
    name: &'f str,
    says: &'f str,
    polls: usize,
    begin: Box<dyn Fn() + 'f>,
}

impl<'f> Fault<'f> {
    fn new(name: &'f str, says: &'f str, begin: impl Fn() + 'f) -> Self {
        Self { name, says, polls: 20, begin: Box::new(begin) }
    }
}

fn how_many() -> usize {
    if crate::support::is_long() { 5_000 } else { 500 }
}

/// Each fault in turn, and an end of it: no card closes, operators hear of it once, and once that it is over.
fn drill(stage: &mut Stage, faults: &[Fault<'_>], mend: &dyn Fn()) {
    let open = stage.open();
    for Fault { name, says, polls, begin } in faults {
        begin();
        for _ in 0..*polls {
            let trouble = stage.poll().unwrap_or_else(|| panic!("{name} was believed"));
            assert!(trouble.contains(says), "{name}: {trouble}");
            let still_open = stage.open().into_iter().filter(|card| card.starts_with('T'));
            assert!(still_open.eq(open.iter().cloned()), "{name}");
            let next = stage.now() + TimeDelta::minutes(1);
            stage.until_instant(next);
        }
        let told = stage.mail_of("ops");
        assert_eq!(told.len(), 1, "{name}: {:?}", shown(&told));
        assert!(told[0].line().contains("[Red card] source/tickets"), "{name}: {}", told[0].line());
        mend();
        assert_eq!(stage.poll(), None, "{name}");
        let next = stage.now() + TimeDelta::minutes(10);
        stage.until_instant(next);
        let told = stage.mail_of("ops");
        assert_eq!(told.len(), 1, "{name} is over: {:?}", shown(&told));
        assert!(told[0].line().contains("[Cleared] source/tickets"), "{name}: {}", told[0].line());
        assert_eq!(stage.open(), open, "{name}");
        stage.tells_nobody();
    }
}

#[test]
fn the_drill_closes_no_card_and_tells_operators_once_of_each_fault() {
    let count = how_many();
    let (mut stage, _) = standing("blind_after = \"5m\"", count);
    let file = stage.site.path("tickets.csv");
    let whole = std::fs::read_to_string(&file).expect("the source");
    let lines: Vec<&str> = whole.lines().collect();
    let head_of = |rows: usize| format!("{}\n", lines[..=rows].join("\n"));
    let put = |bytes: &[u8]| std::fs::write(&file, bytes).expect("written");
    let faults = [
        Fault::new("no rows", "no rows", || put(head_of(0).as_bytes())),
        Fault::new("half a page", "expected at least", || put(head_of(count / 2 - 1).as_bytes())),
        Fault::new("a file that is cut", "tickets.csv", || put(&whole.as_bytes()[..whole.len() * 9 / 10 - 7])),
        Fault::new("a renamed column", "expected column \"派单时间\"", || {
            put(whole.replace("派单时间", "派遣时间").as_bytes());
        }),
        Fault::new("garbage", "tickets.csv", || put(&garbage(whole.len()))),
        Fault::new("doubled ids", "rejected", || {
            let others: Vec<String> = lines[1..].iter().map(|line| line.replace("道路", "桥梁")).collect();
            put(format!("{whole}{}\n", others.join("\n")).as_bytes());
        }),
    ];
    drill(&mut stage, &faults, &|| put(whole.as_bytes()));
}

#[test]
fn the_drill_of_an_api_ends_like_that_of_a_file() {
    let count = how_many();
    let site = watched("blind_after = \"5m\"");
    let tickets = overdue(count);
    site.tickets(&tickets);
    let whole = rows_of(&std::fs::read_to_string(site.path("tickets.csv")).expect("a table"));
    let told: Arc<Mutex<Told>> = Arc::new(Mutex::new(Told::Whole(list(&whole))));
    let tells = told.clone();
    let api = Gateway::apart_answering(Duration::ZERO, move || tells.lock().expect("lock").answer());
    let config = std::fs::read_to_string(site.path("duban.toml")).expect("the configuration");
    let table = format!("[source.tickets.http]\nurl = \"http://127.0.0.1:{}/tickets\"\ntimeout = \"1s\"", api.port);
    site.put("duban.toml", &config.replace("[source.tickets.csv]\npath = \"tickets.csv\"", &table));
    let mut stage = Stage::at(site, "2026-03-02 14:00");
    assert_eq!(stage.poll(), None);
    stage.skip();
    assert_eq!(stage.open().len(), count);

    let put = |next: Told| *told.lock().expect("lock") = next;
    let text = list(&whole);
    let faults = [
        Fault::new("no rows", "no rows", || put(Told::Whole("[]".into()))),
        Fault::new("half a page", "expected at least", || put(Told::Whole(list(&whole[..count / 2 - 1])))),
        Fault::new("an answer that is cut", "127.0.0.1", || put(Told::Cut(text.clone()))),
        Fault::new("a renamed column", "expected column \"派单时间\"", || {
            put(Told::Whole(text.replace("派单时间", "派遣时间")));
        }),
        Fault::new("garbage", "127.0.0.1", || put(Told::Garbage(text.len()))),
        Fault {
            // Each takes its second.
            polls: if crate::support::is_long() { 20 } else { 7 },
            ..Fault::new("a timeout", "expected an answer within 1 s", || put(Told::Half(text.clone())))
        },
        Fault::new("doubled ids", "rejected", || {
            let others: Vec<String> = whole.iter().map(|row| row.replace("道路", "桥梁")).collect();
            put(Told::Whole(list(&[&whole[..], &others].concat())));
        }),
    ];
    drill(&mut stage, &faults, &|| put(Told::Whole(text.clone())));
}

/// What an API tells.
enum Told {
    Whole(String),
    /// The connection ends before the answer does.
    Cut(String),
    /// The second half never comes.
    Half(String),
    Garbage(usize),
}

impl Told {
    fn answer(&self) -> Response {
        let half = |text: &str| Ok::<_, std::io::Error>(text.as_bytes()[..text.len() / 2].to_vec());
        let (length, body) = match self {
            Self::Whole(text) => (text.len(), Body::from(text.clone())),
            Self::Garbage(length) => (*length, Body::from(garbage(*length))),
            Self::Cut(text) => {
                let broken = Err(std::io::Error::other("the test cuts it"));
                (text.len(), Body::from_stream(stream::iter([half(text), broken])))
            }
            Self::Half(text) => (text.len(), Body::from_stream(stream::iter([half(text)]).chain(stream::pending()))),
        };
        let head = Response::builder().header("content-type", "application/json").header("content-length", length);
        head.body(body).expect("an answer")
    }
}

fn garbage(length: usize) -> Vec<u8> {
    (0..=250_u8).cycle().step_by(7).take(length).collect()
}

/// The rows of a table as JSON objects; none of its cells is quoted.
fn rows_of(table: &str) -> Vec<String> {
    let mut lines = table.lines().map(|line| line.split(','));
    let names: Vec<&str> = lines.next().expect("a header").collect();
    let row = |cells: std::str::Split<'_, char>| {
        let pairs: serde_json::Map<_, _> = names.iter().map(ToString::to_string).zip(cells.map(Into::into)).collect();
        serde_json::Value::Object(pairs).to_string()
    };
    lines.map(row).collect()
}

fn list(rows: &[String]) -> String {
    format!("[{}]", rows.join(","))
}

#[test]
fn a_poll_that_fails_once_is_no_news() {
    let (mut stage, tickets) = standing("", 5);
    stage.site.put("tickets.csv", "");
    assert!(stage.poll().is_some());
    stage.until("2026-03-02 14:14");
    assert!(stage.poll().is_some());
    stage.source(&tickets);
    stage.until("2026-03-02 15:00");
    stage.tells_nobody();
}

#[test]
fn what_an_operator_accepts_is_believed_and_no_less() {
    let (mut stage, tickets) = standing("", 20);
    let few = &tickets[..6];
    stage.write(few);
    assert!(stage.poll().expect("too few").contains("expected at least"));
    assert!(!stage.wait(poll::accept(stage.store(), "elsewhere", &by_li(stage.now()))).expect("asked"));
    assert!(stage.wait(poll::accept(stage.store(), "tickets", &by_li(stage.now()))).expect("accepted"));
    let minute = stage.now() + TimeDelta::minutes(1);
    stage.until_instant(minute);
    stage.write(&few[..2]);
    assert!(stage.poll().is_some(), "that is not what was looked at");
    let minute = stage.now() + TimeDelta::minutes(1);
    stage.until_instant(minute);
    stage.write(few);
    assert!(stage.poll().is_some(), "nobody accepted the poll before it");
    assert!(stage.wait(poll::accept(stage.store(), "tickets", &by_li(stage.now()))).expect("accepted"));
    assert_eq!(stage.poll(), None);
    assert_eq!(stage.open().len(), 20, "what is missing keeps its card");
    assert!(
        !stage.wait(poll::accept(stage.store(), "tickets", &by_li(stage.now()))).expect("asked"),
        "nothing is doubted"
    );
    stage.write(&few[..1]);
    assert!(stage.poll().is_some(), "an acceptance holds for one time");
}

#[test]
fn what_is_missing_from_enough_good_polls_has_left_its_source() {
    let (mut stage, tickets) = standing("absent = { close_after = 3 }", 4);
    for poll in 1..=2 {
        stage.source(&tickets[1..]);
        assert_eq!(stage.open().len(), 4, "poll {poll}");
    }
    stage.site.put("tickets.csv", "");
    assert!(stage.poll().is_some(), "a bad poll is none of them");
    assert_eq!(stage.open().len(), 4);
    stage.source(&tickets[1..]);
    assert_eq!(stage.open(), ["T2 red", "T3 red", "T4 red"]);
    assert!(stage.history("T1").last().is_some_and(|last| last.ends_with("left_source")), "{:?}", stage.history("T1"));
    stage.source(&tickets[1..]);
    stage.until("2026-03-02 15:00");
    assert_eq!(stage.history("T1").len(), 2, "it stays gone: {:?}", stage.history("T1"));
    stage.source(&tickets);
    assert_eq!(stage.open().len(), 4, "it is there again");
}

#[test]
fn what_is_missing_keeps_its_card_where_nothing_else_is_said_and_operators_get_one_list_a_day() {
    let (mut stage, tickets) = standing("", 6);
    for _ in 0..5 {
        stage.source(&tickets[2..]);
    }
    assert_eq!(stage.open().len(), 6);
    let coming = dispatched("T9", "2026-03-03 08:00");
    stage.source(&[&tickets[2..], std::slice::from_ref(&coming)].concat());
    stage.source(&tickets[2..]);
    stage.until("2026-03-02 17:00");
    let told = stage.mail_of("ops");
    assert_eq!(told.len(), 1, "{:?}", shown(&told));
}

#[test]
fn a_card_waits_for_a_poll_that_confirms_it_and_not_for_longer_than_it_may() {
    let mut stage = Stage::at(watched("confirm = \"2m\""), "2026-03-02 08:00");
    let ticket = |id: &str| Ticket::due_at(id, at("2026-03-02 10:00"));
    stage.source(&[ticket("T1"), ticket("T2")]);
    stage.until("2026-03-02 10:01");
    assert_eq!(stage.open(), ["T1 yellow", "T2 yellow"], "nobody knows yet whether somebody was on site in time");
    stage.source(&[ticket("T1").on_site(at("2026-03-02 09:58")), ticket("T2")]);
    assert_eq!(stage.open(), ["T2 red"], "the poll that began after it was due says so");
    let mut stage = Stage::at(watched("confirm = \"2m\""), "2026-03-02 08:00");
    stage.source(&[ticket("T1")]);
    stage.until("2026-03-02 10:01");
    assert_eq!(stage.open(), ["T1 yellow"]);
    stage.until("2026-03-02 10:02");
    assert_eq!(stage.open(), ["T1 red"], "no poll came");
}

fn by_li(at: Instant) -> Act {
    Act::new("source.accept", "tickets", "li", at)
}
