//! What receivers can attest after a storm: that each was told, by one message, and which came again.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use crate::support::memory::Memory;
use crate::support::patience::now;
use crate::support::sink::Taken;

/// How long a mail server needs for a mail: with four connections, hardly faster than tickets fall due.
pub const PAUSE: Duration = Duration::from_millis(60);

/// Milliseconds from a range, different in each run.
pub fn some_millis(from: u64, to: u64) -> Duration {
    Duration::from_millis(from + RandomState::new().hash_one(to) % (to - from))
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
pub fn told(taken: &[Taken], label: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut by_handler: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for taken in taken {
        let handler = taken.to.replace("@city.test", "");
        let letter = taken.letter();
        if letter.get("Subject").is_some_and(|subject| subject.starts_with(&format!("[{label}] T{handler} "))) {
            by_handler.entry(handler).or_default().insert(letter.get("Message-ID").expect("an id").to_owned());
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
pub fn repeats(taken: &[Taken], in_flight: &BTreeMap<String, usize>) -> usize {
    let mut by_id: BTreeMap<String, Vec<&Taken>> = BTreeMap::new();
    for taken in taken {
        let id = taken.letter().get("Message-ID").expect("an id").trim_matches(['<', '>']).replace("@city.test", "");
        by_id.entry(id).or_default().push(taken);
    }
    for (id, copies) in &by_id {
        assert!(copies.iter().all(|copy| copy.is_same(copies[0])), "{id} is not the same each time: {copies:#?}");
        let times = in_flight.get(id).copied().unwrap_or_default();
        assert!(copies.len() <= 1 + times, "{id} came {} times, {times} times in flight", copies.len());
    }
    taken.len() - by_id.len()
}
