//! The daemon dies at every place of its one sentence in turn: nothing is lost, what is said twice is the same message and
//! was being sent, and nothing is said that was not claimed.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::on_both_stores;
use crate::proof::{
    PAUSE, add_what_was_under_way, assert_each_by_one_message, assert_each_was_claimed, is_over, repeats, told,
};
use crate::support::daemon::Daemon;
use crate::support::gateway::Gateway;
use crate::support::is_long;
use crate::support::memory::Memory;
use crate::support::patience::{ahead, holds_within};
use crate::support::sink::Sink;
use crate::support::site::{LIVE, Site, Ticket, plain_mail_to, webhook_to};

on_both_stores!(a_daemon_that_dies_at_every_place_in_turn_loses_no_card_and_repeats_only_what_was_being_sent,);

/// In the order of the sentence.
const PLACES: [&str; 7] = [
    "poll.after_fetch",
    "turn.before_commit",
    "turn.after_commit",
    "send.before",
    "send.after",
    "settle.before",
    "settle.after",
];

/// Tickets that fall due while a daemon lives.
const LOAD: usize = 8;

/// What `abort` ends a process with.
const SIGABRT: i32 = 6;

/// Runs a daemon that dies at a place, after it passed there so often.
#[track_caller]
pub fn dies_at(site: &Site, place: &str, passings: usize) {
    let points = format!("{place}={passings}*off->return");
    let mut daemon = Daemon::start_with(site, &[("FAILPOINTS", &points)]);
    assert_eq!(daemon.dies_within(30), SIGABRT, "{place}, {passings}:\n{}", daemon.log());
}

/// A source that was believed once: what the first poll finds overdue is told to nobody.
fn first_poll(site: &Site) -> Ticket {
    let far = Ticket::due_at("T", ahead(90_000));
    site.tickets(std::slice::from_ref(&far));
    assert_eq!(Daemon::polled(site).stop(), 0);
    far
}

fn a_daemon_that_dies_at_every_place_in_turn_loses_no_card_and_repeats_only_what_was_being_sent(site: &Site) {
    let rounds = if is_long() { 12 } else { 2 };
    let (sink, gateway) = (Sink::start(PAUSE), Gateway::apart(PAUSE));
    site.configure(&format!("{LIVE}{}{}", plain_mail_to(sink.port), webhook_to(gateway.port, true)));
    let count = rounds * PLACES.len() * LOAD;
    let ids = || (0..count).map(|n| format!("h{n:04}"));
    site.contacts(ids());
    let mut tickets = vec![first_poll(site)];
    let mut fresh = ids();
    let mut in_flight = BTreeMap::new();
    for passings in 0..rounds {
        for place in PLACES {
            let first_due = ahead(1);
            let due = |n: i32| first_due + TimeDelta::milliseconds(400) * n;
            let load = fresh.by_ref().take(LOAD).zip(0..);
            tickets.extend(load.map(|(id, n)| Ticket::due_at(&format!("T{id}"), due(n)).handled_by(&id)));
            site.tickets(&tickets);
            dies_at(site, place, passings);
            add_what_was_under_way(&mut in_flight, site);
        }
    }
    let (last, memory) = (Daemon::polled(site), Memory::of(site));
    assert!(holds_within(60, || is_over(&memory)), "something waits for ever:\n{}", last.log());
    assert_eq!(last.stop(), 0);

    assert!(memory.is_sound());
    let (mails, requests) = (sink.taken(), gateway.asked());
    for said in [told(&mails, "Red card"), told(&requests, "Red card")] {
        assert_each_by_one_message(&said, ids());
    }
    assert_each_was_claimed(&mails, &memory);
    assert_each_was_claimed(&requests, &memory);
    let repeats = repeats(&mails, &in_flight) + repeats(&requests, &in_flight);
    println!("{} ends: {} mails and {} requests", rounds * PLACES.len(), mails.len(), requests.len());
    println!("{repeats} repeats, {} claimed at the ends", in_flight.values().sum::<usize>());
    assert!(repeats >= 2 * rounds, "what was taken and not settled comes again");
}

#[test]
fn where_a_repeat_would_do_harm_a_sudden_end_leaves_the_unknown_as_it_is() {
    let site = Site::new();
    let gateway = Gateway::apart(PAUSE);
    site.configure(&format!("{LIVE}{}", webhook_to(gateway.port, false)));
    // One who is told, so that there is one message.
    site.put("contacts.csv", "id,name,unit,roles,email\nh1,承办人,示范区住建局,,h1@city.test\n");
    let mut tickets = vec![first_poll(&site)];
    for (place, came, state) in [
        ("send.before", 0, "unknown"),
        ("send.after", 1, "unknown"),
        ("settle.before", 1, "unknown"),
        ("settle.after", 1, "sent"),
    ] {
        let before = gateway.asked().len();
        let id = format!("T-{place}");
        tickets.push(Ticket::due_at(&id, ahead(1)));
        site.tickets(&tickets);
        dies_at(&site, place, 0);
        let (last, memory) = (Daemon::polled(&site), Memory::of(&site));
        assert!(holds_within(60, || is_over(&memory)), "something waits for ever:\n{}", last.log());
        assert_eq!(last.stop(), 0);
        let states = memory.column(&format!(
            "SELECT DISTINCT d.state FROM deliveries d JOIN notices n ON n.delivery = d.id WHERE n.item = '{id}'"
        ));
        assert_eq!((gateway.asked().len() - before, states), (came, vec![state.to_owned()]), "{place}");
    }
}
