//! What is written down beside the daemons while they live: what receivers saw, which leases were given, and every law
//! that was broken.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use duban::core::Instant;
use duban::core::delivery::DeliveryId;

/// The ledger of one life.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Book>);

/// What stands in it.
#[derive(Debug, Default)]
pub struct Book {
    /// Laws that were broken, each with its number.
    pub broken: Vec<String>,
    /// Numbers for the bench.
    pub tally: Tally,
    /// The newest lease of each delivery: its fence, and until when.
    pub leases: HashMap<DeliveryId, (i64, Option<Instant>)>,
    /// Sends that were counted against a limit: when, by which channel, to whom.
    pub allowed: Vec<(Instant, Arc<str>, Arc<str>)>,
    /// The earliest instant to which the clock was set back.
    pub set_back_to: Option<Instant>,
    /// The latest clock under which sends were counted; what is a day older is forgotten.
    pub counted_at: Option<Instant>,
    /// Sends by a channel that has a limit: by which, to whom, how many.
    pub limited: HashMap<(Arc<str>, Arc<str>), usize>,
    /// Addresses that were refused for good, with their channel.
    pub bad: HashSet<(&'static str, String)>,
    /// What was sealed, as text.
    pub sealed: HashMap<DeliveryId, String>,
    /// What receivers saw, in order.
    pub heard: Vec<Heard>,
    /// How many sends of each delivery began.
    pub begun: HashMap<DeliveryId, usize>,
    /// Deliveries that a peer took, to the daemon's knowledge.
    pub accepted: HashSet<DeliveryId>,
    /// Deliveries of which a peer left nobody know.
    pub unknowable: HashSet<DeliveryId>,
    /// Deliveries that a peer refused for good.
    pub refused: HashSet<DeliveryId>,
    /// How often a person sent a delivery again.
    pub retried: HashMap<DeliveryId, usize>,
    /// Deliveries that a person cancelled.
    pub cancelled: HashSet<DeliveryId>,
}

/// What a receiver saw.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The delivery.
    pub id: DeliveryId,
    /// The channel.
    pub channel: &'static str,
    /// Address, subject and text, as one.
    pub text: String,
    /// The keys of the notices that it says.
    pub keys: Vec<String>,
    /// Whether the sender could not know that it was heard, and may repeat it.
    pub may_repeat: bool,
}

/// How often things happened.
#[derive(Debug, Clone, Default)]
pub struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    /// Counts something.
    pub fn count(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    /// Counts something several times.
    pub fn add(&mut self, what: &'static str, times: usize) {
        *self.0.entry(what).or_default() += times as u64;
    }

    /// Adds another tally.
    pub fn merge(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            *self.0.entry(what).or_default() += times;
        }
    }

    /// Everything that was counted, by name.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(what, times)| (*what, *times))
    }
}

impl Ledger {
    /// The book, to read and to write.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().expect("nobody broke over the book")
    }

    /// Writes down that a law was broken.
    pub fn broken(&self, law: &str) {
        self.book().broken.push(law.to_owned());
    }

    /// Asks for something that must be so; a broken law is written down.
    pub fn demand(&self, holds: bool, law: impl FnOnce() -> String) {
        let mut book = self.book();
        book.tally.count("demands");
        if !holds {
            book.broken.push(law());
        }
    }

    /// Counts something.
    pub fn count(&self, what: &'static str) {
        self.book().tally.count(what);
    }
}
