//! Cards as they stand, and the numbers of their transitions.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::columns::{self, cut, name, plain};
use super::items::Items;
use crate::core::Instant;
use crate::core::card::{CardId, Change, Transition, Watch};
use crate::core::item::ItemKey;
use crate::core::window::Level;
use crate::store::{ItemWrite, OpenCard};

/// All cards that were ever raised.
#[derive(Debug, Clone, Default)]
pub struct Cards {
    by_id: HashMap<CardId, Card>,
    red: BTreeSet<(Instant, CardId)>,
    yellow: BTreeSet<(Instant, CardId)>,
    /// The transitions that were written, each number of a card once.
    numbers: HashSet<(CardId, u32)>,
    /// The episodes that turned red, by the unit that the item had then and the instant of the first time.
    turned: HashMap<Arc<str>, Turned>,
    /// The episodes that turned red, and those that were revoked.
    turned_red: HashSet<(CardId, u32)>,
    revoked: HashSet<(CardId, u32)>,
}

/// Cards and their episodes, by the instant at which they turned red.
type Turned = BTreeMap<Instant, Vec<(CardId, u32)>>;

/// A card as it stands; without a level it is closed.
#[derive(Debug, Clone)]
struct Card {
    item: ItemKey,
    rule: Arc<str>,
    name: Arc<str>,
    level: Option<(Level, Instant)>,
    episode: u32,
}

impl Cards {
    /// What of these items contradicts what is stored, or itself.
    pub fn contradiction(&self, writes: &[&ItemWrite]) -> Option<String> {
        let mut new = HashSet::new();
        let transitions = writes.iter().flat_map(|write| &write.transitions);
        for Transition { card, number, .. } in transitions {
            if *number == 0 || self.numbers.contains(&(*card, *number)) || !new.insert((*card, *number)) {
                return Some(format!("transition {number} of card {card}: expected a new number from 1"));
            }
        }
        let mut raised = writes.iter().flat_map(|write| &write.record.watches).filter(|watch| watch.episode > 0);
        let wrong = raised.find(|watch| watch.number == 0 || (watch.level.is_some() && watch.at.is_none()))?;
        Some(format!("card {}: expected a number from 1 and the instant of its level, got {wrong:?}", wrong.card))
    }

    /// Writes the transitions and the cards of an item as they stand after a turn.
    pub fn put(&mut self, write: &ItemWrite) {
        let item = columns::key(&write.record.item.key);
        self.numbers.extend(write.transitions.iter().map(|transition| (transition.card, transition.number)));
        self.count_reds(write);
        for watch in write.record.watches.iter().filter(|watch| watch.episode > 0) {
            self.stand(watch.card, of_watch(&item, watch));
        }
        // How a card stands that no watch remembers any more, its newest transition says.
        let mut seen: HashSet<CardId> = write.record.watches.iter().map(|watch| watch.card).collect();
        let gone = write.transitions.iter().rev().filter(|transition| seen.insert(transition.card));
        for transition in gone.filter(|transition| transition.episode > 0) {
            self.stand(transition.card, of_transition(&item, transition));
        }
    }

    fn count_reds(&mut self, write: &ItemWrite) {
        for Transition { card, episode, change, to, at, .. } in &write.transitions {
            match (change, to) {
                (Change::Revoke, _) => _ = self.revoked.insert((*card, *episode)),
                (Change::Raise, Some(Level::Red)) if self.turned_red.insert((*card, *episode)) => {
                    let Some(unit) = write.record.item.text("unit").map(plain) else { continue };
                    let of_unit = self.turned.entry(unit.into()).or_default();
                    of_unit.entry(cut(*at)).or_default().push((*card, *episode));
                }
                _ => {}
            }
        }
    }

    pub fn reds(&self, units: &[Arc<str>], since: Instant, most: usize) -> Vec<(Arc<str>, CardId, u32)> {
        let of = |unit: &Arc<str>| {
            let unit: Arc<str> = plain(unit).into();
            let turned =
                self.turned.get(&unit).into_iter().flat_map(|all| all.range(cut(since)..)).flat_map(|(_, t)| t);
            let stands = turned.filter(|name| !self.revoked.contains(*name)).take(most);
            stands.map(|(card, episode)| (unit.clone(), *card, *episode)).collect::<Vec<_>>()
        };
        units.iter().flat_map(of).collect()
    }

    /// Lets a card stand so from now on. Its item and its rule stay those under which it was first raised.
    fn stand(&mut self, id: CardId, new: Card) {
        let card = self.by_id.entry(id).or_insert_with(|| Card { level: None, ..new.clone() });
        let old = std::mem::replace(&mut card.level, new.level);
        (card.name, card.episode) = (new.name, new.episode);
        if let Some((level, at)) = old {
            self.open(level).remove(&(at, id));
        }
        if let Some((level, at)) = new.level {
            self.open(level).insert((at, id));
        }
    }

    fn open(&mut self, level: Level) -> &mut BTreeSet<(Instant, CardId)> {
        match level {
            Level::Yellow => &mut self.yellow,
            Level::Red => &mut self.red,
        }
    }

    pub fn item_of(&self, card: CardId) -> Option<ItemKey> {
        self.by_id.get(&card).map(|card| card.item.clone())
    }

    pub fn standing(&self, cards: &[CardId]) -> Vec<(CardId, u32, Option<Level>)> {
        let stands = |id: &CardId| {
            let card = self.by_id.get(id)?;
            Some((*id, card.episode, card.level.map(|(level, _)| level)))
        };
        cards.iter().filter_map(stands).collect()
    }

    pub fn list(&self, items: &Items, limit: usize) -> Vec<OpenCard> {
        let ids = self.red.iter().chain(&self.yellow).take(limit);
        ids.filter_map(|(_, id)| self.by_id.get(id).and_then(|card| open_card(*id, card, items))).collect()
    }

    /// How many are red, and how many yellow.
    pub fn count(&self) -> (u64, u64) {
        (self.red.len() as u64, self.yellow.len() as u64)
    }
}

fn of_watch(item: &ItemKey, watch: &Watch) -> Card {
    Card {
        item: item.clone(),
        rule: name(&watch.rule),
        name: name(&watch.name),
        level: watch.level.zip(watch.at.map(cut)),
        episode: watch.episode,
    }
}

fn of_transition(item: &ItemKey, transition: &Transition) -> Card {
    Card {
        item: item.clone(),
        rule: name(&transition.rule),
        name: name(&transition.name),
        level: transition.to.map(|level| (level, cut(transition.at))),
        episode: transition.episode,
    }
}

fn open_card(id: CardId, card: &Card, items: &Items) -> Option<OpenCard> {
    let (level, at) = card.level?;
    let item = &items.get(&card.item)?.item;
    Some(OpenCard {
        card: id,
        item: card.item.clone(),
        title: plain(item.title()),
        unit: item.text("unit").map(plain),
        rule: card.rule.clone(),
        name: card.name.clone(),
        level,
        at,
        episode: card.episode,
    })
}
