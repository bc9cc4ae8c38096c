//! `kill -9` at random, again and again, while tickets fall due: nothing is lost, and what is said twice is the same
//! message and was being sent when the daemon died.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::thread::sleep;

use chrono::TimeDelta;

use crate::proof::{
    PAUSE, assert_each_by_one_message, is_over, not_told_to_the_unit, red_cards_told_to_the_unit, repeats, some_millis,
    told,
};
use crate::support::daemon::Daemon;
use crate::support::is_long;
use crate::support::memory::Memory;
use crate::support::patience::{ahead, holds_within, now};
use crate::support::sink::{Sink, Taken};
use crate::support::site::{LIVE, Site, Ticket, plain_mail_to};
use crate::{machine, on_both_stores};

on_both_stores!(twenty_sudden_ends_under_load_lose_no_card_and_repeat_only_what_was_being_sent,);

/// What the daemon holds claimed at most: four mails for each of four connections.
const CLAIMED_AT_ONCE: usize = 16;

/// Tickets that fall due in a second.
const PACE: i64 = 20;

/// What a run came to.
struct Run {
    taken: Vec<Taken>,
    /// After how many kills a delivery stood as being sent, by id.
    in_flight: BTreeMap<String, usize>,
}

/// How many milliseconds a daemon needs, on this machine of now, to start, poll and stop.
fn time_of_a_start(site: &Site) -> u64 {
    let before = now();
    assert_eq!(Daemon::polled(site).stop(), 0);
    u64::try_from((now() - before).num_milliseconds()).expect("time goes on")
}

/// Runs daemons one after the other and kills them all but the last.
fn kill_again_and_again(site: &Site, sink: &Sink, kills: usize, reveal: impl Fn(usize)) -> Run {
    let (memory, start) = (Memory::of(site), time_of_a_start(site));
    let mut in_flight: BTreeMap<String, usize> = BTreeMap::new();
    for kill in 0..kills {
        reveal(kill);
        let daemon = Daemon::start(site);
        sleep(some_millis(150, 1_000 + start));
        daemon.kill();
        let left = Memory::left_in(site, "left");
        let now = now().timestamp_micros();
        let claimed =
            left.column(&format!("SELECT id FROM deliveries WHERE state = 'sending' AND lease_until > {now}"));
        assert!(claimed.len() <= CLAIMED_AT_ONCE, "{} were claimed at once", claimed.len());
        for id in claimed {
            *in_flight.entry(id).or_default() += 1;
        }
    }
    reveal(kills);
    let last = Daemon::polled(site);
    assert!(holds_within(90, || is_over(&memory)), "something waits for ever:\n{}", last.log());
    assert_eq!(last.stop(), 0);
    Run { taken: sink.taken(), in_flight }
}

fn twenty_sudden_ends_under_load_lose_no_card_and_repeat_only_what_was_being_sent(site: &Site) {
    let _alone = machine();
    let (kills, count) = if is_long() { (200, 4_000) } else { (20, 300) };
    let sink = Sink::start(PAUSE);
    site.configure(&format!("{LIVE}{}", plain_mail_to(sink.port)));
    // One handler for each ticket, so that each card has a message of its own.
    let ids = || (0..count).map(|n| format!("h{n:04}"));
    site.contacts(ids());
    // What the first poll finds overdue is told to nobody; so it finds one ticket that is far from it.
    let far = Ticket::due_at("T", ahead(90_000));
    site.tickets(std::slice::from_ref(&far));
    let first_due = ahead(5);
    let due = |n: i64| first_due + TimeDelta::seconds(n / PACE);
    let tickets: Vec<Ticket> =
        ids().zip(0..).map(|(id, n)| Ticket::due_at(&format!("T{id}"), due(n)).handled_by(&id)).collect();

    // The later half appears bit by bit; half way, or as soon as anything was told after that, somebody is on site for all
    // that was told so far.
    let done = RefCell::new(BTreeMap::new());
    let reveal = |kill: usize| {
        if kill >= kills / 2 && done.borrow().is_empty() {
            let on_site_at = now();
            done.replace(told(&sink.taken(), "Red card").into_keys().map(|id| (id, on_site_at)).collect());
        }
        let (known, done) = (count / 2 + count / 2 * kill / kills, done.borrow());
        let rows = ids().zip(&tickets).take(known);
        let rows = rows.map(|(id, ticket)| done.get(&id).map_or_else(|| ticket.clone(), |at| ticket.on_site(*at)));
        site.tickets(&rows.chain([far.clone()]).collect::<Vec<_>>());
    };
    let run = kill_again_and_again(site, &sink, kills, reveal);
    let done = done.into_inner();
    assert!(!done.is_empty(), "nobody was told before half of the kills");

    let memory = Memory::of(site);
    let number = |sql: &str| usize::try_from(memory.number(sql)).expect("a count");
    assert!(memory.is_sound());
    assert_eq!(number("SELECT count(*) FROM cards WHERE level = 'red'"), count - done.len());
    let told_to_the_unit = red_cards_told_to_the_unit(&memory);
    assert_eq!(told_to_the_unit, count - done.len(), "{:#?}", not_told_to_the_unit(&memory));
    assert_each_by_one_message(&told(&run.taken, "Red card"), ids());
    assert_each_by_one_message(&told(&run.taken, "Cleared"), done.into_keys());

    let (repeats, claimed) = (repeats(&run.taken, &run.in_flight), run.in_flight.values().sum::<usize>());
    println!("{kills} kills: {} mails, {repeats} of them repeats, {claimed} claimed at the kills", run.taken.len());
    assert!(repeats > 0, "no kill hit a message on its way: the test is too gentle");
}
