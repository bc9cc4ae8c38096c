//! Notices, in the order in which they were first planned.

use std::collections::{BTreeSet, HashMap};

use super::columns::{self, cut, name};
use crate::core::Instant;
use crate::core::delivery::DeliveryId;
use crate::core::digest::Digest;
use crate::core::item::ItemKey;
use crate::core::notice::{Hold, Notice, NoticeKind, NoticeState};

/// All notices. One is named by its place in the order; [`Order`] sorts oldest first, and equals by their place.
#[derive(Debug, Clone, Default)]
pub struct Notices {
    rows: Vec<Notice>,
    by_key: HashMap<Digest, usize>,
    by_item: HashMap<ItemKey, Vec<usize>>,
    of_orders: HashMap<ItemKey, Vec<usize>>,
    by_delivery: HashMap<DeliveryId, BTreeSet<Order>>,
    held: HashMap<Hold, BTreeSet<Order>>,
}

type Order = (Instant, usize);

impl Notices {
    /// Writes a notice, new or in place of the stored one with the same key.
    pub fn put(&mut self, notice: &Notice) {
        let Some(place) = self.by_key.get(&notice.key).copied() else { return self.add(kept(notice)) };
        let fresh = kept(notice);
        self.move_to(place, &fresh);
        self.change(place, |stored| {
            (stored.card, stored.item, stored.level) = (fresh.card, fresh.item, fresh.level);
            (stored.episode, stored.number) = (fresh.episode, fresh.number);
            (stored.planned_at, stored.rehearsal) = (cut(notice.planned_at), notice.rehearsal);
            (stored.state, stored.hold) = (notice.state, notice.hold.clone());
            (stored.delivery, stored.change, stored.body) =
                (notice.delivery, notice.change.clone(), notice.body.clone());
            (stored.because, stored.settled_at) = (notice.because.clone(), None);
        });
    }

    /// Writes where a notice goes; what it says stays.
    pub fn place(&mut self, notice: &Notice) {
        let Some(place) = self.by_key.get(&notice.key).copied() else { return self.put(notice) };
        self.change(place, |stored| {
            stored.planned_at = cut(notice.planned_at);
            (stored.state, stored.hold) = (notice.state, notice.hold.clone());
            (stored.delivery, stored.settled_at) = (notice.delivery, None);
        });
    }

    /// What counts a unit's cards may be said of another one than before.
    fn move_to(&mut self, place: usize, fresh: &Notice) {
        let about = |notice: &Notice| notice.card.and(notice.item.clone());
        let (old, new) = (about(&self.rows[place]), about(fresh));
        if old != new {
            if let Some(places) = old.and_then(|item| self.by_item.get_mut(&item)) {
                places.retain(|other| *other != place);
            }
            if let Some(item) = new {
                let places = self.by_item.entry(item).or_default();
                places.push(place);
                places.sort_unstable();
            }
        }
    }

    fn add(&mut self, notice: Notice) {
        let place = self.rows.len();
        self.by_key.insert(notice.key, place);
        if let (Some(_), Some(item)) = (notice.card, &notice.item) {
            self.by_item.entry(item.clone()).or_default().push(place);
        }
        if let (NoticeKind::Order, Some(item)) = (notice.kind, &notice.item) {
            self.of_orders.entry(item.clone()).or_default().push(place);
        }
        self.rows.push(notice);
        self.index(place);
    }

    fn change(&mut self, place: usize, change: impl FnOnce(&mut Notice)) {
        self.unindex(place);
        change(&mut self.rows[place]);
        self.index(place);
    }

    fn index(&mut self, place: usize) {
        let notice = &self.rows[place];
        let order = (notice.planned_at, place);
        if let Some(delivery) = notice.delivery {
            self.by_delivery.entry(delivery).or_default().insert(order);
        }
        if let (NoticeState::Held, Some(hold)) = (notice.state, &notice.hold) {
            self.held.entry(hold.clone()).or_default().insert(order);
        }
    }

    fn unindex(&mut self, place: usize) {
        let notice = &self.rows[place];
        let order = (notice.planned_at, place);
        if let Some(members) = notice.delivery.and_then(|delivery| self.by_delivery.get_mut(&delivery)) {
            members.remove(&order);
        }
        if let Some(held) = notice.hold.as_ref().and_then(|hold| self.held.get_mut(hold)) {
            held.remove(&order);
        }
    }

    /// What was said about an order.
    pub fn of_order(&self, order: &ItemKey) -> Vec<Notice> {
        let mut places = self.of_orders.get(&columns::key(order)).cloned().unwrap_or_default();
        places.sort_by_key(|place| (self.rows[*place].planned_at, *place));
        places.into_iter().map(|place| self.rows[place].clone()).collect()
    }

    pub fn state(&self, key: Digest) -> Option<NoticeState> {
        self.by_key.get(&key).map(|place| self.rows[*place].state)
    }

    /// Drops a member of a delivery, if it is one and was not said; what may be said later leaves it and is held.
    pub fn drop_member(&mut self, delivery: DeliveryId, key: Digest, hold: &Hold) {
        let Some(place) = self.by_key.get(&key).copied() else { return };
        let notice = &self.rows[place];
        if notice.delivery == Some(delivery) && notice.state == NoticeState::Planned {
            self.change(place, |notice| {
                (notice.state, notice.hold) = (NoticeState::Dropped, Some(hold.clone()));
                if hold.is_lifted() {
                    (notice.state, notice.delivery) = (NoticeState::Held, None);
                }
            });
        }
    }

    /// Drops what a cancelled delivery would have said.
    pub fn drop_planned(&mut self, delivery: DeliveryId, hold: &Hold) {
        self.change_members(delivery, &[NoticeState::Planned], |notice| {
            (notice.state, notice.hold) = (NoticeState::Dropped, Some(hold.clone()));
        });
    }

    /// Moves the notices of a delivery that are in one of the states into another, which may be an end.
    pub fn turn_into(
        &mut self,
        delivery: DeliveryId,
        from: &[NoticeState],
        to: NoticeState,
        settled_at: Option<Instant>,
    ) {
        self.change_members(delivery, from, |notice| (notice.state, notice.settled_at) = (to, settled_at));
    }

    fn change_members(&mut self, delivery: DeliveryId, from: &[NoticeState], change: impl Fn(&mut Notice)) {
        let places: Vec<usize> = self.places_of(delivery).collect();
        for place in places {
            if from.contains(&self.rows[place].state) {
                self.change(place, &change);
            }
        }
    }

    fn places_of(&self, delivery: DeliveryId) -> impl Iterator<Item = usize> {
        self.by_delivery.get(&delivery).into_iter().flatten().map(|(_, place)| *place)
    }

    /// What a delivery says, or said and what dropped out of it.
    pub fn of_delivery(&self, delivery: DeliveryId) -> Vec<Notice> {
        self.places_of(delivery).map(|place| self.rows[place].clone()).collect()
    }

    /// What a delivery is about to say.
    pub fn members(&self, delivery: DeliveryId) -> Vec<Notice> {
        let members = self.places_of(delivery).map(|place| &self.rows[place]);
        members.filter(|notice| notice.state == NoticeState::Planned).cloned().collect()
    }

    /// What was said about the cards of items.
    pub fn about(&self, items: &[ItemKey]) -> Vec<Notice> {
        let places = items.iter().filter_map(|item| self.by_item.get(&columns::key(item))).flatten();
        let mut found: Vec<Order> = places.map(|place| (self.rows[*place].planned_at, *place)).collect();
        found.sort_unstable();
        found.into_iter().map(|(_, place)| self.rows[place].clone()).collect()
    }

    pub fn held(&self, hold: &Hold, limit: usize) -> Vec<Notice> {
        let oldest = self.held.get(hold).into_iter().flatten();
        oldest.take(limit).map(|(_, place)| self.rows[*place].clone()).collect()
    }
}

fn kept(notice: &Notice) -> Notice {
    let mut kept = notice.clone();
    kept.item = kept.item.as_ref().map(columns::key);
    (kept.contact, kept.channel) = (name(&kept.contact), name(&kept.channel));
    kept.planned_at = cut(kept.planned_at);
    kept
}
