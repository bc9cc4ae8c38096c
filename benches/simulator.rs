//! How many lives a second are lived on a virtual clock, with everything going wrong that can, and no law broken:
//! 100,000 of them on two threads in ten minutes.
//!
//! `cargo bench --bench simulator [-- LIVES [FIRST]]`. A seed that breaks a law is told; `DUBAN_SIM_SEED` lives it again,
//! see `tests/simulator.rs`.
#![allow(clippy::disallowed_methods, clippy::cast_precision_loss)] // A benchmark reads the clock and prints figures.

#[path = "../tests/support/simulator/mod.rs"]
#[allow(dead_code)] // A part of it is used here.
mod simulator;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant as Clock;

use simulator::{Failure, Simulator, Tally};

/// Threads that live lives.
const THREADS: usize = 2;

fn main() {
    let mut asked = std::env::args().filter_map(|arg| arg.parse().ok());
    let (lives, first) = (asked.next().unwrap_or(100_000_u64), asked.next().unwrap_or(0));
    let (next, began) = (AtomicU64::new(first), Clock::now());
    let results: Vec<(Tally, Option<Box<Failure>>)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(|| live(&next, first + lives))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread that lives")).collect()
    });
    let seconds = began.elapsed().as_secs_f64();
    let mut tally = Tally::default();
    for (of_thread, _) in &results {
        tally.merge(of_thread);
    }
    for (what, times) in tally.all() {
        println!("{times:>12} {what}");
    }
    let count = next.load(Ordering::Relaxed).min(first + lives) - first;
    println!("{count} lives in {seconds:.1} s on {THREADS} threads: {:.0} a second", count as f64 / seconds);
    if let Some(failure) = results.into_iter().find_map(|(_, broken)| broken) {
        println!("{}\n{}", failure.story, failure.broken.join("\n"));
        std::process::exit(1);
    }
}

/// Lives lives until none is left, or one breaks a law.
fn live(next: &AtomicU64, end: u64) -> (Tally, Option<Box<Failure>>) {
    let (simulator, mut tally) = (Simulator::new(), Tally::default());
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return (tally, None);
        }
        match simulator.live(seed) {
            Ok((lived, _)) => tally.merge(&lived),
            Err(failure) => {
                next.store(end, Ordering::Relaxed);
                return (tally, Some(failure));
            }
        }
    }
}
