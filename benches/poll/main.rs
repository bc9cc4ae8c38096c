//! How fast a large table is polled: a million items under one rule, first seen, then unchanged, then with a thousand of
//! them changed.
//!
//! `cargo bench --bench poll [-- COUNT] [csv] [done]`. Without `csv` the table is one of an SQLite database. Without `done`
//! its items are open and in time, so that no clock has stopped; with it they are done, which is a transition for each
//! window.
//!
//! duban is the real daemon with the memory that it ships with, an SQLite file of which every commit is synced. Its polls
//! follow one another; what it says of each in its log is what is printed, and the time for reading is its own. Items that
//! a poll wrote are counted by their versions. The yardstick are the rows that the first poll wrote, inserted bare by the
//! thousand into a file of the same settings.
#![allow(clippy::disallowed_methods, clippy::cast_precision_loss)] // A benchmark reads the clock and prints figures.

#[allow(dead_code)] // A part of it is used here.
#[path = "../delivery/program.rs"]
mod program;
mod raw;
mod table;
mod watch;

#[path = "../../tests/support"]
#[allow(dead_code)] // A part of it is used here.
mod support {
    pub mod authority;
    pub mod daemon;
    pub mod exim;
    pub mod letter;
    pub mod memory;
    pub mod patience;
    pub mod postgres;
    pub mod script;
    pub mod site;
}

use std::time::Duration;

use support::daemon::Daemon;
use support::memory::Memory;
use support::site::Site;
use table::Table;
use watch::{Poll, Watch};

/// Rows that change.
const CHANGED: usize = 1_000;

/// Polls of a table that is as it was.
const UNCHANGED: usize = 3;

fn main() {
    let count = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(1_000_000);
    let is_asked = |word: &str| std::env::args().any(|arg| arg == word);
    let site = Site::new();
    let table = Table::new(&site, count, is_asked("csv"), is_asked("done"));
    let memory = Memory::of(&site);
    let daemon = Daemon::start(&site);
    let mut watch = Watch::new(&daemon, &memory);

    let first = watch.next("first poll");
    assert_eq!((first.rows, first.changed), (count, count), "{}", daemon.log());
    let versions = versions(&memory);
    let unchanged: Vec<Poll> = (0..UNCHANGED).map(|_| watch.next("unchanged")).collect();
    assert_eq!(self::versions(&memory), versions, "an unchanged poll writes no item");
    table.change(CHANGED.min(count));
    let changed = std::iter::repeat_with(|| watch.next("changed")).find(|poll| poll.changed > 0).expect("a change");
    assert_eq!(changed.changed, CHANGED.min(count));
    let written = usize::try_from(self::versions(&memory) - versions).expect("versions grow");
    assert_eq!(written, changed.changed, "what changed is written once");
    assert_eq!(daemon.stop(), 0);

    let raw = raw::insert(&site);
    let unchanged = median(unchanged);
    println!();
    first.say("first poll", count);
    unchanged.say("the same again", count);
    changed.say("a thousand changed", count);
    raw.say();
    let stored = rate(count, first.took);
    println!("{:<22}{:>8.2} of the raw batches", "first poll", stored / rate(count, raw.spent));
    println!("{:<22}{:>8.2} s after reading", "the same again", unchanged.after_reading().as_secs_f64());
    let more = changed.after_reading().saturating_sub(unchanged.after_reading());
    let bare = raw.spent.mul_f64(changed.changed as f64 / count as f64);
    println!(
        "{:<22}{:>8.2} s more; the raw batches take {:.3} s for as many",
        "a thousand changed",
        more.as_secs_f64(),
        bare.as_secs_f64()
    );
}

/// How often items were written.
fn versions(memory: &Memory) -> i64 {
    memory.number("SELECT coalesce(sum(version), 0) FROM items WHERE source = 'tasks'")
}

fn median(mut polls: Vec<Poll>) -> Poll {
    polls.sort_by_key(Poll::after_reading);
    polls[polls.len() / 2]
}

/// So many in a second.
fn rate(count: usize, spent: Duration) -> f64 {
    count as f64 / spent.as_secs_f64()
}
