//! Sources that can be believed: what is bad, empty or gone closes nothing, operators hear of it once, and whoever says
//! that a source may look like that is obeyed.

use chrono::TimeDelta;
use duban::daemon::poll;

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

#[test]
fn the_drill_closes_no_card_and_tells_operators_once_of_each_fault() {
    let count = if crate::support::is_long() { 5_000 } else { 500 };
    let (mut stage, _) = standing("blind_after = \"5m\"", count);
    let open = stage.open();
    let whole = std::fs::read(stage.site.path("tickets.csv")).expect("the source");
    let text = String::from_utf8(whole.clone()).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    let head_of = |rows: usize| format!("{}\n", lines[..=rows].join("\n"));
    let others: Vec<String> = text.lines().skip(1).map(|line| line.replace("道路", "桥梁")).collect();
    let doubled = format!("{text}{}\n", others.join("\n"));
    let faults: [(&str, Vec<u8>, &str); 6] = [
        ("no rows", head_of(0).into_bytes(), "no rows"),
        ("half a page", head_of(count / 2 - 1).into_bytes(), "expected at least"),
        ("a file that is cut", whole[..whole.len() * 9 / 10 - 7].to_vec(), "tickets.csv"),
        ("a renamed column", text.replace("派单时间", "派遣时间").into_bytes(), "expected column \"派单时间\""),
        ("garbage", (0..=250_u8).cycle().step_by(7).take(whole.len()).collect(), "tickets.csv"),
        ("doubled ids", doubled.into_bytes(), "rejected"),
    ];
    for (fault, bytes, says) in faults {
        std::fs::write(stage.site.path("tickets.csv"), bytes).expect("written");
        for _ in 0..20 {
            let trouble = stage.poll().unwrap_or_else(|| panic!("{fault} was believed"));
            assert!(trouble.contains(says), "{fault}: {trouble}");
            assert_eq!(stage.open().iter().filter(|card| card.starts_with('T')).count(), count, "{fault}");
            let next = stage.now() + TimeDelta::minutes(1);
            stage.until_instant(next);
        }
        let told = stage.mail_of("ops");
        assert_eq!(told.len(), 1, "{fault}: {:?}", shown(&told));
        assert!(told[0].line().contains("source/tickets"), "{fault}: {}", told[0].line());
        std::fs::write(stage.site.path("tickets.csv"), &whole).expect("written");
        assert_eq!(stage.poll(), None, "{fault}");
        let next = stage.now() + TimeDelta::minutes(10);
        stage.until_instant(next);
        let told = stage.mail_of("ops");
        assert_eq!(told.len(), 1, "{fault} is over: {:?}", shown(&told));
        assert_eq!(stage.open(), open, "{fault}");
        stage.tells_nobody();
    }
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
    assert!(!stage.wait(poll::accept(stage.store(), "elsewhere", stage.now())).expect("asked"));
    assert!(stage.wait(poll::accept(stage.store(), "tickets", stage.now())).expect("accepted"));
    let minute = stage.now() + TimeDelta::minutes(1);
    stage.until_instant(minute);
    stage.write(&few[..2]);
    assert!(stage.poll().is_some(), "that is not what was looked at");
    let minute = stage.now() + TimeDelta::minutes(1);
    stage.until_instant(minute);
    stage.write(few);
    assert!(stage.poll().is_some(), "nobody accepted the poll before it");
    assert!(stage.wait(poll::accept(stage.store(), "tickets", stage.now())).expect("accepted"));
    assert_eq!(stage.poll(), None);
    assert_eq!(stage.open().len(), 20, "what is missing keeps its card");
    assert!(!stage.wait(poll::accept(stage.store(), "tickets", stage.now())).expect("asked"), "nothing is doubted");
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
