//! What persons put down: silences and acknowledgements; and what peers refused: addresses.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::columns::{cut, name, plain};
use crate::core::acknowledgement::Acknowledgement;
use crate::core::card::CardId;
use crate::core::digest::Digest;
use crate::core::silence::Silence;
use crate::store::BadAddress;

/// Silences, acknowledgements and refused addresses.
#[derive(Debug, Clone, Default)]
pub struct Persons {
    silences: HashMap<Digest, Silence>,
    /// As they came.
    taken: Vec<Acknowledgement>,
    by_card: HashMap<CardId, Vec<usize>>,
    bad: BTreeMap<(Arc<str>, Arc<str>), BadAddress>,
}

impl Persons {
    pub fn put_silence(&mut self, silence: &Silence) {
        self.silences.insert(silence.id, kept_silence(silence));
    }

    pub fn silences(&self, all: bool) -> Vec<Silence> {
        let asked = self.silences.values().filter(|silence| all || silence.lifted_at.is_none());
        let mut asked: Vec<Silence> = asked.cloned().collect();
        asked.sort_by_key(|silence| (silence.created_at, silence.id));
        asked
    }

    pub fn acknowledge(&mut self, taken: &Acknowledgement) -> bool {
        let taken = kept_acknowledgement(taken);
        let of_card = self.by_card.entry(taken.card).or_default();
        let is_same = |other: &Acknowledgement| {
            (other.episode, other.level, other.step) == (taken.episode, taken.level, taken.step)
                && other.contact == taken.contact
        };
        if of_card.iter().any(|place| is_same(&self.taken[*place])) {
            return false;
        }
        of_card.push(self.taken.len());
        self.taken.push(taken);
        true
    }

    pub fn acknowledgements(&self, cards: &[CardId]) -> Vec<Acknowledgement> {
        let mut places: Vec<usize> =
            cards.iter().filter_map(|card| self.by_card.get(card)).flatten().copied().collect();
        places.sort_by_key(|place| (self.taken[*place].at, *place));
        places.into_iter().map(|place| self.taken[place].clone()).collect()
    }

    pub fn put_bad_address(&mut self, bad: BadAddress) {
        self.bad.insert((bad.contact.clone(), bad.channel.clone()), bad);
    }

    pub fn bad_addresses(&self) -> Vec<BadAddress> {
        self.bad.values().cloned().collect()
    }

    pub fn forgive_address(&mut self, contact: &str, channel: &str) -> bool {
        self.bad.remove(&(plain(contact).into(), plain(channel).into())).is_some()
    }
}

fn kept_silence(silence: &Silence) -> Silence {
    Silence {
        id: silence.id,
        matcher: silence.matcher.clone(),
        starts_at: cut(silence.starts_at),
        ends_at: cut(silence.ends_at),
        by: plain(&silence.by),
        comment: plain(&silence.comment),
        created_at: cut(silence.created_at),
        ended_by: silence.ended_by.as_deref().map(plain),
        lifted_at: silence.lifted_at.map(cut),
    }
}

fn kept_acknowledgement(taken: &Acknowledgement) -> Acknowledgement {
    let (contact, by, at) = (name(&taken.contact), plain(&taken.by), cut(taken.at));
    Acknowledgement { contact, by, at, ..taken.clone() }
}
