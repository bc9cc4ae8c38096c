//! What a source's bad days do: nothing to the cards, one message to operators.

use std::fs;

use crate::on_both_stores;
use crate::support::daemon::Daemon;
use crate::support::letter::Letter;
use crate::support::memory::Memory;
use crate::support::patience::{ahead, holds_within};
use crate::support::site::{Site, Ticket};

on_both_stores!(
    a_table_that_vanishes_or_becomes_empty_closes_nothing_and_operators_hear_of_it_once,
    a_bad_row_is_told_with_its_place_and_the_other_rows_go_on,
    a_table_that_is_as_it_was_writes_no_item_and_one_that_changed_only_what_did,
    a_rule_that_fails_on_one_item_leaves_the_others_alone,
);

const RED: &str = "SELECT item FROM cards WHERE level = 'red' AND source = 'tickets' ORDER BY item";

/// The mails of a site in rehearsal that contain a text.
fn told(site: &Site, text: &str) -> Vec<Letter> {
    let mut letters = site.mails("rehearsal");
    letters.retain(|letter| letter.parts[0].body.contains(text));
    letters
}

/// Waits for one mail more of this kind, and sees that no further one comes.
#[track_caller]
fn tells_once_more(daemon: &Daemon, site: &Site, text: &str, count: usize) {
    assert!(holds_within(20, || told(site, text).len() >= count), "{text}:\n{}", daemon.log());
    daemon.polls_again(3);
    assert_eq!(told(site, text).len(), count, "{text}:\n{}", daemon.log());
}

fn a_table_that_vanishes_or_becomes_empty_closes_nothing_and_operators_hear_of_it_once(site: &Site) {
    let tickets = [Ticket::due_at("T1", ahead(-60)), Ticket::due_at("T2", ahead(-90))];
    site.tickets(&tickets);
    let daemon = Daemon::polled(site);
    let memory = Memory::of(site);
    assert_eq!(memory.column(RED), ["T1", "T2"]);
    let no_data = "no believable data since";

    let troubles: [(&str, &dyn Fn()); 4] = [
        ("vanished", &|| fs::remove_file(site.path("tickets.csv")).expect("removed")),
        ("no rows", &|| site.tickets(&[])),
        ("no bytes", &|| site.put("tickets.csv", "")),
        ("another table", &|| site.put("tickets.csv", "id,name\n1,a\n2,b\n")),
    ];
    for (number, (what, make_trouble)) in troubles.into_iter().enumerate() {
        make_trouble();
        tells_once_more(&daemon, site, no_data, number + 1);
        assert_eq!(memory.column(RED), ["T1", "T2"], "{what}");
        site.tickets(&tickets);
        let good = || memory.number("SELECT count(*) FROM sources WHERE trouble IS NULL") == 1;
        assert!(holds_within(20, good), "{what}: {}", daemon.log());
    }
    assert_eq!(
        memory.number(
            "SELECT count(*) FROM transitions WHERE to_level IS NULL AND change <> 'stop' AND source = 'tickets'"
        ),
        0
    );
    assert_eq!(daemon.stop(), 0);
}

fn a_bad_row_is_told_with_its_place_and_the_other_rows_go_on(site: &Site) {
    site.tickets(&[Ticket::due_at("T1", ahead(-60))]);
    let daemon = Daemon::polled(site);
    let good = fs::read_to_string(site.path("tickets.csv")).expect("table");
    let row = |id: &str| good.lines().nth(1).expect("row").replace("T1", id);
    site.put("tickets.csv", &format!("{good}{}\n{}\n", row("T2").replace("投诉,企业", "投诉,企业,太多"), row("T3")));
    tells_once_more(&daemon, site, "Rejected rows of the source tickets", 1);
    let letter = &told(site, "Rejected rows")[0];
    assert!(letter.parts[0].body.contains('3'), "the line is named: {letter:#?}");
    assert_eq!(Memory::of(site).column(RED), ["T1", "T3"]);
    assert_eq!(daemon.stop(), 0);
}

fn a_table_that_is_as_it_was_writes_no_item_and_one_that_changed_only_what_did(site: &Site) {
    const COUNT: usize = 3_000;
    let mut tickets: Vec<Ticket> = (0..COUNT).map(|n| Ticket::due_at(&format!("T{n:04}"), ahead(7_000))).collect();
    site.tickets(&tickets);
    let daemon = Daemon::polled(site);
    let memory = Memory::of(site);
    let stored = || {
        let sum = "SELECT CAST(coalesce(sum(version), 0) AS bigint) FROM items WHERE source = 'tickets'";
        (memory.number(sum), memory.number("SELECT count(*) FROM snapshots WHERE source = 'tickets'"))
    };
    let count = |count: usize| i64::try_from(count).expect("a small number");
    let is_stored = |changed: usize| stored() == (count(COUNT + changed), count(COUNT + changed));
    daemon.polls_again(3);
    assert!(is_stored(0), "{:?}\n{}", stored(), daemon.log());

    for ticket in tickets.iter_mut().step_by(3) {
        *ticket = ticket.clone().titled("另一件");
    }
    site.tickets(&tickets);
    assert!(holds_within(60, || is_stored(1_000)), "{:?}\n{}", stored(), daemon.log());
    daemon.polls_again(2);
    assert!(is_stored(1_000), "{:?}\n{}", stored(), daemon.log());
    let changed = "SELECT count(*) FROM items WHERE version = 2 AND title = '另一件'";
    assert_eq!(memory.number(changed), 1_000);
    assert_eq!(daemon.stop(), 0);
}

fn a_rule_that_fails_on_one_item_leaves_the_others_alone(site: &Site) {
    let rule = r#"
        const TITLE = "Visit";
        fn windows(item) {
            if item.id == "T2" { throw "no such district"; }
            [window("on_site", "2h", #{ from: item.dispatched_at, done: item.on_site_at })]
        }
    "#;
    site.put("rules/visit.rhai", rule);
    site.configure_rule("visit", "");
    let tickets = ["T1", "T2", "T3"].map(|id| Ticket::due_at(id, ahead(-60)));
    site.tickets(&tickets);
    let daemon = Daemon::polled(site);
    tells_once_more(&daemon, site, "A rule fails: visit", 1);
    let said = &told(site, "A rule fails: visit")[0].parts[0].body;
    assert!(said.contains("tickets/T2") && said.contains("no such district"), "{said}");
    let memory = Memory::of(site);
    assert_eq!(memory.column(RED), ["T1", "T3"]);

    // It fails again, which is no news; the others go on.
    let [one, two, three] = tickets;
    site.tickets(&[one.on_site(ahead(-1)), two.titled("另一件"), three]);
    assert!(holds_within(20, || memory.column(RED) == ["T3"]), "{}", daemon.log());
    tells_once_more(&daemon, site, "A rule fails: visit", 1);
    assert_eq!(daemon.stop(), 0);
}
