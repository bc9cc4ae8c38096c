//! How fast messages leave, beside others in the same run: 10,000 distinct cards to a webhook beside the Debian package of
//! Alertmanager, and 10,000 mails over eight connections beside postfix's `smtp-source`.
//!
//! `cargo bench --bench delivery [-- COUNT [ROUNDS] [webhook|mail]]`. The two packages are unpacked and not installed, so that no service
//! starts; without them their half is left out:
//!
//! ```text
//! mkdir -p target/debian && cd target/debian
//! apt-get download prometheus-alertmanager postfix
//! for package in *.deb; do dpkg-deb -x "$package" .; done
//! ln -s "$PWD/usr/share/prometheus" /usr/share/    # as root: Alertmanager wants its templates there
//! ```
//!
//! duban is the real daemon with the memory that it ships with, an SQLite file of which every commit is synced. It runs
//! already and has found 10,000 overdue tickets at its first poll, so that their cards stand and their messages are held;
//! its time goes from the start of `duban deliveries release --yes` to the last request: each message is planned and
//! written down, claimed, sealed, sent and settled. Alertmanager runs already too, and its time goes from the first alert
//! that is posted to the last request; it writes none of them down. (What comes before, reading and judging, is done for
//! Alertmanager by Prometheus.) One message each: a handler of its own for each ticket, a group of its own for each alert.
#![allow(clippy::disallowed_methods, clippy::cast_precision_loss)] // A benchmark reads the clock and prints figures.

mod alertmanager;
mod office;
mod package;
mod postfix;
mod program;
mod receiver;

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

use receiver::Receiver;

/// What one round came to.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// From the first moment to the last message.
    pub took: Duration,
    /// Of that, until the first message.
    pub first: Duration,
    /// The processor time that the process took.
    pub worked: Duration,
    /// The most memory that the process had, in MiB.
    pub memory: f64,
}

fn main() {
    let mut asked = std::env::args().filter_map(|arg| arg.parse().ok());
    let (count, rounds) = (asked.next().unwrap_or(10_000), asked.next().unwrap_or(5));
    let is_wanted = |half: &str| std::env::args().any(|arg| arg == half);
    if is_wanted("webhook") || !is_wanted("mail") {
        webhook(count, rounds);
    }
    if is_wanted("mail") || !is_wanted("webhook") {
        mail(count, rounds);
    }
}

fn webhook(count: usize, rounds: usize) {
    println!("{count} cards to a webhook, {rounds} rounds in turns");
    let receiver = Receiver::start();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        match package::find("usr/bin/prometheus-alertmanager") {
            Some(program) => theirs.push(told("Alertmanager", count, alertmanager::round(&program, &receiver, count))),
            None => println!("Alertmanager is not there; the bench's first lines say how it is unpacked"),
        }
        ours.push(told("duban", count, office::webhook_round(&receiver, count)));
    }
    let ours = summed("duban", count, &ours);
    if let Some(theirs) = (!theirs.is_empty()).then(|| summed("Alertmanager", count, &theirs)) {
        let (speed, memory) = (theirs.took.as_secs_f64() / ours.took.as_secs_f64(), ours.memory / theirs.memory);
        println!("{speed:.2} times the speed at {memory:.3} of the memory\n");
    }
}

fn mail(count: usize, rounds: usize) {
    let Some(programs) = postfix::Programs::find() else {
        println!("postfix is not there; the bench's first lines say how it is unpacked");
        return;
    };
    println!("{count} mails over {} connections, {rounds} rounds in turns", postfix::CONNECTIONS);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        theirs.push(told("smtp-source -d", count, programs.source_round(count)));
        ours.push(told("duban", count, office::mail_round(&programs, count)));
    }
    summed("smtp-source -d", count, &theirs);
    summed("duban", count, &ours);
}

fn told(who: &str, count: usize, round: Round) -> Round {
    let (took, first) = (round.took.as_secs_f64(), round.first.as_secs_f64());
    let rate = count as f64 / took;
    let after_first = count as f64 / (took - first).max(0.001);
    let (worked, memory) = (round.worked.as_secs_f64(), round.memory);
    println!(
        "{who:<16}{took:>7.2} s {rate:>7.0} /s; the first after {first:.2} s, then {after_first:>6.0} /s; \
         {worked:.2} s of work, {memory:.1} MiB"
    );
    round
}

/// The median of each figure.
fn summed(who: &str, count: usize, rounds: &[Round]) -> Round {
    let median = |figure: &dyn Fn(&Round) -> f64| {
        let mut all: Vec<f64> = rounds.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let took = Duration::from_secs_f64(median(&|round| round.took.as_secs_f64()));
    let first = Duration::from_secs_f64(median(&|round| round.first.as_secs_f64()));
    let worked = Duration::from_secs_f64(median(&|round| round.worked.as_secs_f64()));
    told(&format!("= {who}"), count, Round { took, first, worked, memory: median(&|round| round.memory) })
}
