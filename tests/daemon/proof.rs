//! What receivers can attest after a storm: that each was told, by one message, and which came again.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use crate::support::gateway::Asked;
use crate::support::memory::Memory;
use crate::support::patience::now;
use crate::support::sink::Taken;
use crate::support::site::Site;

/// What a receiver can show of a message.
pub trait Said: Clone + std::fmt::Debug {
    /// The delivery's id, as the receiver got it.
    fn id(&self) -> String;
    /// The name before the @ of the address.
    fn to(&self) -> String;
    fn subject(&self) -> String;
    /// Whether it is the same message, byte by byte, whenever it came.
    fn is_same(&self, other: &Self) -> bool;
}

impl Said for Taken {
    fn id(&self) -> String {
        let letter = self.letter();
        letter.get("Message-ID").expect("an id").trim_matches(['<', '>']).replace("@city.test", "")
    }

    fn to(&self) -> String {
        self.to.replace("@city.test", "")
    }

    fn subject(&self) -> String {
        self.letter().get("Subject").unwrap_or_default().to_owned()
    }

    fn is_same(&self, other: &Self) -> bool {
        (&self.to, &self.bytes) == (&other.to, &other.bytes)
    }
}

impl Said for Asked {
    fn id(&self) -> String {
        self.header("idempotency-key").to_owned()
    }

    fn to(&self) -> String {
        self.json()["to_address"].as_str().expect("an address").replace("@city.test", "")
    }

    fn subject(&self) -> String {
        self.json()["subject"].as_str().expect("a subject").to_owned()
    }

    fn is_same(&self, other: &Self) -> bool {
        (&self.uri, self.id(), &self.body) == (&other.uri, other.id(), &other.body)
    }
}

/// How long a mail server needs for a mail: with four connections, hardly faster than tickets fall due.
pub const PAUSE: Duration = Duration::from_millis(60);

/// Milliseconds from a range, different in each run.
pub fn some_millis(from: u64, to: u64) -> Duration {
    Duration::from_millis(from + RandomState::new().hash_one(to) % (to - from))
}

/// What a daemon holds claimed at most for a channel: four messages for each of four connections.
const CLAIMED_AT_ONCE: usize = 16;

/// Adds what a daemon that died was sending just then: so often each delivery was under way at an end, by id.
#[track_caller]
pub fn add_what_was_under_way(in_flight: &mut BTreeMap<String, usize>, site: &Site) {
    let now = now().timestamp_micros();
    let claimed =
        format!("SELECT channel || ' ' || id FROM deliveries WHERE state = 'sending' AND lease_until > {now}");
    let mut by_channel: BTreeMap<String, usize> = BTreeMap::new();
    for claimed in Memory::left_by(site).column(&claimed) {
        let (channel, id) = claimed.split_once(' ').expect("two words");
        *by_channel.entry(channel.to_owned()).or_default() += 1;
        *in_flight.entry(id.to_owned()).or_default() += 1;
    }
    assert!(by_channel.values().all(|count| *count <= CLAIMED_AT_ONCE), "claimed at once: {by_channel:?}");
}

/// Whether nothing is due any more, and nothing waits to be sent.
pub fn is_over(memory: &Memory) -> bool {
    let soon = now().timestamp_micros() + 3_600_000_000;
    memory.number(&format!("SELECT count(*) FROM items WHERE next_look_at < {soon}")) == 0
        && memory.number("SELECT count(*) FROM deliveries WHERE claim_at IS NOT NULL") == 0
}

/// How many of the red cards that stand the unit's contact was told.
pub fn red_cards_told_to_the_unit(memory: &Memory) -> usize {
    let told = "SELECT count(*) FROM cards WHERE level = 'red' AND card IN
        (SELECT card FROM notices WHERE kind = 'raise' AND level = 'red' AND contact = 'u1' AND state = 'sent')";
    usize::try_from(memory.number(told)).expect("a count")
}

/// What is stored about the red cards that stand and of which the unit's contact was not told: notice and delivery.
pub fn not_told_to_the_unit(memory: &Memory) -> Vec<String> {
    memory.column(
        "SELECT c.card || ' ' || coalesce(n.kind || ' ' || coalesce(n.level, '-') || ' ' || n.contact || ' ' || n.state
                || ' ' || coalesce(n.hold, '-') || ' of ' || coalesce(d.id || ' ' || d.state || ' tries '
                || cast(d.tries AS TEXT) || ' ' || coalesce(d.reason, '-'), 'no delivery'), 'no notice')
         FROM cards AS c LEFT JOIN notices AS n ON n.card = c.card LEFT JOIN deliveries AS d ON d.id = n.delivery
         WHERE c.level = 'red' AND c.card NOT IN
            (SELECT card FROM notices
             WHERE kind = 'raise' AND level = 'red' AND contact = 'u1' AND state = 'sent' AND card IS NOT NULL)",
    )
}

/// The handlers who were told so, each with the ids of the messages that said it.
pub fn told<T: Said>(taken: &[T], label: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut by_handler: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for taken in taken {
        let handler = taken.to();
        if taken.subject().starts_with(&format!("[{label}] T{handler} ")) {
            by_handler.entry(handler).or_default().insert(taken.id());
        }
    }
    by_handler
}

#[track_caller]
pub fn assert_each_by_one_message(said: &BTreeMap<String, BTreeSet<String>>, expected: impl Iterator<Item = String>) {
    let lost: Vec<String> = expected.filter(|id| !said.contains_key(id)).collect();
    assert!(lost.is_empty(), "never told: {lost:?}");
    let twice: Vec<_> = said.iter().filter(|(_, messages)| messages.len() > 1).collect();
    assert!(twice.is_empty(), "told by different messages: {twice:?}");
}

/// How many messages came again; each is the same as before, and was under way so many times.
#[track_caller]
pub fn repeats<T: Said>(taken: &[T], in_flight: &BTreeMap<String, usize>) -> usize {
    let by_id = copies(taken);
    for (id, copies) in &by_id {
        assert!(copies.iter().all(|copy| copy.is_same(copies[0])), "{id} is not the same each time: {copies:#?}");
        let times = in_flight.get(id).copied().unwrap_or_default();
        assert!(copies.len() <= 1 + times, "{id} came {} times, {times} times in flight", copies.len());
    }
    taken.len() - by_id.len()
}

/// Sees that each message stands behind a claim that was written down before it went out.
#[track_caller]
pub fn assert_each_was_claimed<T: Said>(taken: &[T], memory: &Memory) {
    let mut claims: BTreeMap<String, usize> = BTreeMap::new();
    for delivery in memory.column("SELECT delivery FROM attempts") {
        *claims.entry(delivery).or_default() += 1;
    }
    for (id, copies) in copies(taken) {
        let claims = claims.get(&id).copied().unwrap_or_default();
        assert!(copies.len() <= claims, "{id} came {} times and was claimed {claims} times", copies.len());
    }
}

/// What came, by its id.
fn copies<T: Said>(taken: &[T]) -> BTreeMap<String, Vec<&T>> {
    let mut by_id: BTreeMap<String, Vec<&T>> = BTreeMap::new();
    for taken in taken {
        by_id.entry(taken.id()).or_default().push(taken);
    }
    by_id
}
