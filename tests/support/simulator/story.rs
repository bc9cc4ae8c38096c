//! The story of a life: a line for each thing that happened, and a digest by which two lives are the same.

use std::fmt;

use duban::core::Instant;
use duban::core::card::{CardId, Transition};
use duban::core::delivery::DeliveryId;
use duban::core::digest::Digest;
use duban::core::notice::Notice;

/// What happened.
#[derive(Debug)]
pub struct Story {
    seed: u64,
    lines: Vec<String>,
}

impl Story {
    /// A story that begins.
    pub fn new(seed: u64) -> Self {
        Self { seed, lines: Vec::new() }
    }

    /// Tells one thing.
    pub fn tell(&mut self, now: Instant, line: &str) {
        self.lines.push(format!("{} {line}", now.format("%m-%d %H:%M:%S")));
    }

    /// The identity of all that happened.
    pub fn digest(&self) -> Digest {
        Digest::of(self.lines.iter().map(String::as_bytes))
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the life of seed {}:", self.seed)?;
        self.lines.iter().enumerate().try_for_each(|(number, line)| writeln!(f, "{:4} {line}", number + 1))
    }
}

/// The beginning of an id: enough for a story.
pub fn short(id: DeliveryId) -> String {
    brief(id.0)
}

fn brief(digest: Digest) -> String {
    digest.to_string()[..8].to_owned()
}

/// A transition in a line.
pub fn of_transition(transition: &Transition) -> String {
    let Transition { card: CardId(card), rule, name, episode, number, change, from, to, at, noticed_at, .. } =
        transition;
    let card = brief(*card);
    format!("[{change:?} {number} of {rule}/{name} {card}.{episode} {from:?}->{to:?} at {at} noticed {noticed_at}]")
}

/// A notice in a line.
pub fn of_notice(notice: &Notice) -> String {
    let Notice { key, kind, card, item, episode, number, level, contact, channel, state, hold, delivery, .. } = notice;
    let (key, card) = (brief(*key), card.map(|card| brief(card.0)).unwrap_or_default());
    let item = item.as_ref().map(ToString::to_string).unwrap_or_default();
    let delivery = delivery.map(short).unwrap_or_default();
    format!(
        "[notice {key}: {kind:?} {number} of {item} {card}.{episode} {level:?} to {contact} by {channel} in {delivery}: {state:?} \
         {hold:?}, planned {}]",
        notice.planned_at
    )
}
