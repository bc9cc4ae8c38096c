//! `kill -9` at random, again and again, while tickets fall due: nothing is lost, and what is said twice is the same
//! message and was being sent when the daemon died.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use chrono::TimeDelta;

use crate::proof::{
    PAUSE, add_what_was_under_way, assert_each_by_one_message, assert_each_was_claimed, is_over, not_told_to_the_unit,
    red_cards_told_to_the_unit, repeats, some_millis, told,
};
use crate::support::daemon::Daemon;
use crate::support::gateway::Gateway;
use crate::support::is_long;
use crate::support::memory::Memory;
use crate::support::patience::{ahead, holds_within, now};
use crate::support::sink::Sink;
use crate::support::site::{LIVE, Site, Ticket, plain_mail_to, webhook_to};
use crate::{machine, on_both_stores};

on_both_stores!(twenty_sudden_ends_under_load_lose_no_card_and_repeat_only_what_was_being_sent,);

/// How many milliseconds a daemon needs, on this machine of now, to start, poll and stop.
fn time_of_a_start(site: &Site) -> u64 {
    let before = now();
    assert_eq!(Daemon::polled(site).stop(), 0);
    u64::try_from((now() - before).num_milliseconds()).expect("time goes on")
}

/// Lets a daemon live for some time. With thousands of tickets every other one gets as far as to send something: else none
/// would live as long as a turn takes.
fn live(daemon: &Daemon, kill: usize, start: u64) {
    const SENT: &str = " sent id=";
    if !is_long() {
        sleep(some_millis(150, 1_000 + start));
    } else if kill.is_multiple_of(2) {
        sleep(some_millis(50, 750));
    } else {
        let before = daemon.times(SENT);
        holds_within(5, || daemon.times(SENT) > before);
        sleep(some_millis(0, 300));
    }
}

/// Runs daemons one after the other and kills them all but the first and the last; how often each delivery was under way
/// at a kill.
fn kill_again_and_again(site: &Site, kills: usize, reveal: impl Fn(usize)) -> BTreeMap<String, usize> {
    let (memory, start) = (Memory::of(site), time_of_a_start(site));
    reveal(0);
    // Nobody who lives shorter than a turn takes can begin with thousands.
    let (first, polled) = (Daemon::start(site), "polled source=tickets");
    let before = first.times(polled);
    assert!(holds_within(120, || first.times(polled) > before), "it does not poll:\n{}", first.log());
    assert_eq!(first.stop(), 0);
    let mut in_flight = BTreeMap::new();
    for kill in 0..kills {
        reveal(kill);
        let daemon = Daemon::start(site);
        live(&daemon, kill, start);
        daemon.kill();
        add_what_was_under_way(&mut in_flight, site);
    }
    reveal(kills);
    let (began, last) = (now(), Daemon::polled(site));
    let waits = "SELECT state || ' ' || coalesce(waits_for, '-') || ' ' || count(*) FROM deliveries
        WHERE claim_at IS NOT NULL GROUP BY state, waits_for";
    let patience = if is_long() { 300 } else { 120 };
    assert!(holds_within(patience, || is_over(&memory)), "something waits for ever: {:?}", memory.column(waits));
    println!("what {kills} kills left took {} s", (now() - began).num_seconds());
    assert_eq!(last.stop(), 0);
    in_flight
}

fn twenty_sudden_ends_under_load_lose_no_card_and_repeat_only_what_was_being_sent(site: &Site) {
    let _alone = machine();
    // Kills, tickets, how many of these fall due in a second, and how long a message takes.
    let (kills, count, pace, pause) =
        if is_long() { (200, 6_000, 36, Duration::from_millis(20)) } else { (20, 300, 20, PAUSE) };
    let began = now();
    let (sink, gateway) = (Sink::start(pause), Gateway::apart(pause));
    site.configure(&format!("{LIVE}{}{}", plain_mail_to(sink.port), webhook_to(gateway.port, true)));
    // One handler for each ticket, so that each card has a message of its own.
    let ids = || (0..count).map(|n| format!("h{n:04}"));
    site.contacts(ids());
    // What the first poll finds overdue is told to nobody; so it finds one ticket that is far from it.
    let far = Ticket::due_at("T", ahead(90_000));
    site.tickets(std::slice::from_ref(&far));
    let first_due = ahead(5);
    let due = |n: i64| first_due + TimeDelta::seconds(n / pace);
    let tickets: Vec<Ticket> =
        ids().zip(0..).map(|(id, n)| Ticket::due_at(&format!("T{id}"), due(n)).handled_by(&id)).collect();

    // The later half appears bit by bit; half way, or as soon as anything was told after that, somebody is on site where
    // it was told so far.
    let done = RefCell::new(BTreeMap::new());
    let reveal = |kill: usize| {
        if kill >= kills / 2 && done.borrow().is_empty() {
            let on_site_at = now();
            let told = told(&sink.taken(), "Red card").into_keys().take(150);
            done.replace(told.map(|id| (id, on_site_at)).collect());
        }
        // Where there are thousands, nobody lives long enough to poll them all.
        let known = if is_long() { count } else { count / 2 + count / 2 * kill / kills };
        let done = done.borrow();
        let rows = ids().zip(&tickets).take(known);
        let rows = rows.map(|(id, ticket)| done.get(&id).map_or_else(|| ticket.clone(), |at| ticket.on_site(*at)));
        site.tickets(&rows.chain([far.clone()]).collect::<Vec<_>>());
    };
    let in_flight = kill_again_and_again(site, kills, reveal);
    let done = done.into_inner();
    assert!(!done.is_empty(), "nobody was told before half of the kills");
    println!("{kills} kills and the rest took {} s", (now() - began).num_seconds());

    let memory = Memory::of(site);
    let number = |sql: &str| usize::try_from(memory.number(sql)).expect("a count");
    assert!(memory.is_sound());
    assert_eq!(number("SELECT count(*) FROM cards WHERE level = 'red'"), count - done.len());
    let told_to_the_unit = red_cards_told_to_the_unit(&memory);
    assert_eq!(told_to_the_unit, count - done.len(), "{:#?}", not_told_to_the_unit(&memory));

    let (mails, requests) = (sink.taken(), gateway.asked());
    for said in [told(&mails, "Red card"), told(&requests, "Red card")] {
        assert_each_by_one_message(&said, ids());
    }
    assert_each_by_one_message(&told(&mails, "Cleared"), done.into_keys());
    assert_each_was_claimed(&mails, &memory);
    assert_each_was_claimed(&requests, &memory);
    let (mailed, asked) = (repeats(&mails, &in_flight), repeats(&requests, &in_flight));
    println!("{} mails, {mailed} of them repeats; {} requests, {asked} of them", mails.len(), requests.len());
    println!("{} claimed at the kills", in_flight.values().sum::<usize>());
    assert!(mailed > 0 && asked > 0, "no kill hit a message on its way: the test is too gentle");
}
