//! **Outage** of a channel: its tries fail one after the other, and it takes nothing.
//!
//! **Invariant:** a few failures at once are nothing, and so is one receiver that a server puts off: an outage is
//! [`FAILURES`] tries in a row, over [`SPAN`] at least. The first try that is taken, or refused for good by a server that
//! works, ends it.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;

use super::Instant;
use super::delivery::Outcome;

/// How many tries in a row have to fail.
pub const FAILURES: u32 = 3;

/// How long the last failure has to be after the first: longer than servers put off an unknown sender's first mail.
pub const SPAN: TimeDelta = TimeDelta::minutes(5);

/// A channel that takes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// The channel.
    pub channel: Arc<str>,
    /// The first try that failed.
    pub since: Instant,
    /// How many failed since then.
    pub failures: u32,
    /// What became of the last one.
    pub reason: String,
}

/// The failures of each channel since it took something.
#[derive(Debug, Clone, Default)]
pub struct Outages {
    failing: BTreeMap<Arc<str>, Failing>,
}

#[derive(Debug, Clone)]
struct Failing {
    outage: Outage,
    is_out: bool,
}

/// What an outcome changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// An outage has begun.
    Begun(Outage),
    /// An outage is over.
    Over(Outage),
}

impl Outages {
    /// Hears what a try came to at an instant.
    pub fn hear(&mut self, channel: &Arc<str>, outcome: &Outcome, now: Instant) -> Option<Change> {
        let (Outcome::Temporary { reason, .. } | Outcome::Unknowable { reason, .. }) = outcome else {
            let failing = self.failing.remove(channel).filter(|failing| failing.is_out);
            return failing.map(|failing| Change::Over(failing.outage));
        };
        let failing = self.failing.entry(channel.clone()).or_insert_with(|| {
            let outage = Outage { channel: channel.clone(), since: now, failures: 0, reason: String::new() };
            Failing { outage, is_out: false }
        });
        failing.outage.failures += 1;
        failing.outage.reason.clone_from(reason);
        let begins = failing.outage.failures >= FAILURES && failing.outage.since + SPAN <= now && !failing.is_out;
        failing.is_out |= begins;
        begins.then(|| Change::Begun(failing.outage.clone()))
    }

    /// The channels that take nothing, by name.
    pub fn all(&self) -> Vec<Outage> {
        self.failing.values().filter(|failing| failing.is_out).map(|failing| failing.outage.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Outcomes of a channel: taken, refused for good, put off, not known, each at a second. The seconds at which an outage
    /// began and ended.
    fn changes(tries: &[(char, i64)]) -> Vec<(char, i64)> {
        let (mut outages, mail) = (Outages::default(), Arc::from("mail"));
        let reason = String::from("451");
        let outcome = |sign| match sign {
            'T' => Outcome::Accepted { remote_id: None, answer: "250".into() },
            'R' => Outcome::Permanent { reason: reason.clone(), bad_address: true },
            'u' => Outcome::Unknowable { reason: reason.clone(), repeatable: true },
            _ => Outcome::Temporary { reason: reason.clone(), retry_after: None },
        };
        let mut found = Vec::new();
        for (sign, second) in tries {
            let now = Instant::from_timestamp(*second, 0).expect("an instant");
            match outages.hear(&mail, &outcome(*sign), now) {
                Some(Change::Begun(outage)) => {
                    assert_eq!(outages.all(), [outage]);
                    found.push(('+', *second));
                }
                Some(Change::Over(_)) => {
                    assert_eq!(outages.all(), []);
                    found.push(('-', *second));
                }
                None => {}
            }
        }
        found
    }

    #[test]
    fn an_outage_is_three_failures_over_five_minutes_with_nothing_taken_between() {
        assert_eq!(changes(&[('f', 0), ('f', 30), ('f', 150), ('f', 300), ('u', 600)]), [('+', 300)]);
        assert_eq!(changes(&[('f', 0), ('f', 400), ('f', 401)]), [('+', 401)], "not after two");
        assert_eq!(changes(&[('f', 0), ('T', 200), ('f', 300), ('f', 400), ('f', 599), ('f', 600)]), [('+', 600)]);
        assert_eq!(changes(&[('f', 0), ('R', 200), ('f', 300), ('f', 400), ('f', 500)]), []);
    }

    #[test]
    fn what_fails_at_once_or_is_put_off_by_a_server_that_works_is_none() {
        assert_eq!(changes(&[('f', 0), ('f', 1), ('f', 2), ('f', 3), ('T', 30)]), []);
        // A greylisted mail on a channel that has nothing else to say.
        assert_eq!(changes(&[('f', 0), ('f', 30), ('f', 150), ('T', 750)]), []);
    }

    #[test]
    fn an_outage_ends_with_what_is_taken_or_refused_for_good_and_may_come_again() {
        assert_eq!(changes(&[('u', 0), ('u', 1), ('u', 300), ('u', 301), ('T', 302)]), [('+', 300), ('-', 302)]);
        let twice = [('f', 0), ('f', 1), ('f', 300), ('R', 301), ('f', 400), ('f', 401), ('f', 700), ('T', 701)];
        assert_eq!(changes(&twice), [('+', 300), ('-', 301), ('+', 700), ('-', 701)]);
    }
}
