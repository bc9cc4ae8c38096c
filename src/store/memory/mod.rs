//! The store in memory, for simulations and tests: opening one costs next to nothing, and nothing outlives it.
//!
//! It answers as the SQL stores do, from the same [`admission`](super::admission): the same orders, limits and refusals,
//! instants in whole microseconds, names without NUL. What travels there as JSON stays a value here.
//!
//! **Invariants:** a verb is whole: it checks first and then writes, under one lock that is never held over an await. It
//! costs in proportion to what it touches. Equal calls get equal answers: no order comes from a hash map.

mod audit;
mod cards;
mod columns;
mod courier;
mod deliveries;
mod items;
mod notices;
mod orders;
mod persons;
mod playbooks;
mod sends;
mod turns;

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;

use super::{
    Attempt, BadAddress, Claimable, Claimed, Committed, Counts, DeliveryFilter, DeliveryRecord, GivenBack, ItemRecord,
    OpenCard, OpenDelivery, OrderQuery, PlaybookRecord, Result, RuleRecord, Seal, Settle, Snapshot, SourceRecord,
    Store, Turn, Want,
};
use crate::core::Instant;
use crate::core::acknowledgement::Acknowledgement;
use crate::core::audit::{Act, Entry, Head};
use crate::core::card::{CardId, Transition};
use crate::core::delivery::{DeliveryId, DeliveryState, Receipt};
use crate::core::digest::Digest;
use crate::core::item::ItemKey;
use crate::core::notice::{Hold, Notice};
use crate::core::order::Order;
use crate::core::remark::Remark;
use crate::core::silence::Silence;
use crate::core::window::Level;

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    memory: Mutex<Memory>,
}

/// What is remembered.
#[derive(Debug, Clone, Default)]
struct Memory {
    playbooks: playbooks::Playbooks,
    items: items::Items,
    cards: cards::Cards,
    notices: notices::Notices,
    orders: orders::Orders,
    deliveries: deliveries::Deliveries,
    persons: persons::Persons,
    sends: sends::Sends,
    trail: audit::Trail,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a process finds that starts after this one ended suddenly: all that a verb has answered, leases too. What
    /// this store does from now on is not seen there.
    #[must_use]
    pub fn after_sudden_end(&self) -> Self {
        Self { memory: Mutex::new(self.memory().clone()) }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().expect("no verb panics")
    }
}

impl Memory {
    fn counts(&self) -> Counts {
        use DeliveryState::{Available, Discarded, Retryable, Scheduled, Sending, Sent, Unknown};
        let (red, yellow) = self.cards.count();
        let count = |state| self.deliveries.count(state);
        Counts {
            items: self.items.count(),
            yellow,
            red,
            waiting: [Scheduled, Available, Retryable, Sending].map(count).iter().sum(),
            sent: count(Sent),
            discarded: count(Discarded),
            unknown: count(Unknown),
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn put_playbook(&self, playbook: &PlaybookRecord, rules: &[RuleRecord], act: Option<&Act>) -> Result<()> {
        let mut memory = self.memory();
        memory.playbooks.put(playbook, rules);
        memory.trail.append(act);
        Ok(())
    }

    async fn playbook(&self) -> Result<Option<PlaybookRecord>> {
        Ok(self.memory().playbooks.in_force())
    }

    async fn rule_versions(&self) -> Result<Vec<RuleRecord>> {
        Ok(self.memory().playbooks.rule_versions())
    }

    async fn sources(&self) -> Result<Vec<SourceRecord>> {
        Ok(self.memory().playbooks.sources())
    }

    async fn put_source(&self, source: &SourceRecord) -> Result<()> {
        self.memory().playbooks.put_source(source);
        Ok(())
    }

    async fn digests(&self, source: &str, after: Option<&str>, limit: usize) -> Result<Vec<(Arc<str>, Digest, u32)>> {
        Ok(self.memory().items.digests(source, after, limit))
    }

    async fn stale_items(&self, playbook: Digest, limit: usize) -> Result<Vec<ItemKey>> {
        Ok(self.memory().items.stale(playbook, limit))
    }

    async fn due_items(&self, source: Option<&str>, now: Instant, limit: usize) -> Result<Vec<ItemKey>> {
        Ok(self.memory().items.due(source, now, limit))
    }

    async fn next_look_at(&self, source: Option<&str>) -> Result<Option<Instant>> {
        Ok(self.memory().items.next_look_at(source))
    }

    async fn load(&self, items: &[ItemKey]) -> Result<Vec<ItemRecord>> {
        Ok(self.memory().items.load(items))
    }

    async fn find_items(&self, id: &str) -> Result<Vec<ItemKey>> {
        Ok(self.memory().items.find(id))
    }

    async fn item_of(&self, card: CardId) -> Result<Option<ItemKey>> {
        Ok(self.memory().cards.item_of(card))
    }

    async fn standing(&self, cards: &[CardId]) -> Result<Vec<(CardId, u32, Option<Level>)>> {
        Ok(self.memory().cards.standing(cards))
    }

    async fn notices_about(&self, items: &[ItemKey]) -> Result<Vec<Notice>> {
        Ok(self.memory().notices.about(items))
    }

    async fn remarks(&self, beginning: &str, limit: usize) -> Result<Vec<Remark>> {
        Ok(self.memory().items.remarks(beginning, limit))
    }

    async fn transitions(&self, item: &ItemKey) -> Result<Vec<Transition>> {
        Ok(self.memory().items.transitions(item))
    }

    async fn histories(&self, items: &[ItemKey]) -> Result<Vec<(ItemKey, Transition)>> {
        Ok(self.memory().items.histories(items))
    }

    async fn reds(&self, units: &[Arc<str>], since: Instant, most: usize) -> Result<Vec<(Arc<str>, CardId, u32)>> {
        Ok(self.memory().cards.reds(units, since, most))
    }

    async fn snapshots(&self, item: &ItemKey) -> Result<Vec<Snapshot>> {
        Ok(self.memory().items.snapshots(item))
    }

    async fn open_deliveries(&self, contacts: &[Arc<str>]) -> Result<Vec<OpenDelivery>> {
        Ok(self.memory().deliveries.open(contacts))
    }

    async fn commit(&self, turn: &Turn) -> Result<Committed> {
        self.memory().commit(turn)
    }

    async fn claim(&self, now: Instant, lease_until: Instant, limit: usize, of: Claimable<'_>) -> Result<Vec<Claimed>> {
        Ok(self.memory().claim(now, lease_until, limit, of))
    }

    async fn next_claim_at(&self, except: &[Arc<str>]) -> Result<Option<Instant>> {
        Ok(self.memory().deliveries.next_claim_at(except))
    }

    async fn waiting_since(&self, now: Instant) -> Result<Option<Instant>> {
        Ok(self.memory().deliveries.waiting_since(columns::cut(now)))
    }

    async fn take(&self, now: Instant, wants: &[Want]) -> Result<Vec<Option<Instant>>> {
        Ok(self.memory().sends.take(now, wants))
    }

    async fn seal(&self, now: Instant, seals: &[Seal]) -> Result<Vec<DeliveryId>> {
        Ok(self.memory().seal(now, seals))
    }

    async fn settle(&self, now: Instant, settles: &[Settle]) -> Result<Vec<DeliveryId>> {
        self.memory().settle(now, settles)
    }

    async fn give_back(&self, now: Instant, claims: &[GivenBack]) -> Result<()> {
        self.memory().give_back(now, claims);
        Ok(())
    }

    async fn end_leases(&self, now: Instant) -> Result<()> {
        self.memory().end_leases(now);
        Ok(())
    }

    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRecord>> {
        Ok(self.memory().deliveries.list(filter))
    }

    async fn delivery(&self, id: &str) -> Result<Vec<(DeliveryRecord, Vec<Notice>)>> {
        let memory = self.memory();
        let found = memory.deliveries.beginning(id);
        Ok(found.map(|record| (record.clone(), memory.notices.of_delivery(record.id))).collect())
    }

    async fn attempts(&self, id: DeliveryId) -> Result<Vec<Attempt>> {
        Ok(self.memory().deliveries.get(id).map(deliveries::Delivery::attempts).unwrap_or_default())
    }

    async fn retry_delivery(&self, id: DeliveryId, now: Instant, act: Option<&Act>) -> Result<bool> {
        let mut memory = self.memory();
        let done = memory.retry_delivery(id, now);
        memory.trail.append(act.filter(|_| done));
        Ok(done)
    }

    async fn cancel_delivery(&self, id: DeliveryId, now: Instant, act: Option<&Act>) -> Result<bool> {
        let mut memory = self.memory();
        let done = memory.cancel_delivery(id, now);
        memory.trail.append(act.filter(|_| done));
        Ok(done)
    }

    async fn unreported(&self, limit: usize) -> Result<Vec<(DeliveryRecord, Vec<Notice>)>> {
        let memory = self.memory();
        let found = memory.deliveries.unreported(limit);
        Ok(found.map(|record| (record.clone(), memory.notices.of_delivery(record.id))).collect())
    }

    async fn bad_addresses(&self) -> Result<Vec<BadAddress>> {
        Ok(self.memory().persons.bad_addresses())
    }

    async fn forgive_address(&self, contact: &str, channel: &str, act: Option<&Act>) -> Result<bool> {
        let mut memory = self.memory();
        let done = memory.persons.forgive_address(contact, channel);
        memory.trail.append(act.filter(|_| done));
        Ok(done)
    }

    async fn without_receipt(&self, channel: &str, sent_after: Instant, limit: usize) -> Result<Vec<DeliveryRecord>> {
        Ok(self.memory().deliveries.without_receipt(channel, sent_after, limit))
    }

    async fn put_receipts(&self, now: Instant, channel: &str, receipts: &[Receipt]) -> Result<Vec<DeliveryId>> {
        Ok(self.memory().put_receipts(now, channel, receipts))
    }

    async fn put_silence(&self, silence: &Silence, act: Option<&Act>) -> Result<()> {
        let mut memory = self.memory();
        memory.persons.put_silence(silence);
        memory.trail.append(act);
        Ok(())
    }

    async fn silences(&self, all: bool) -> Result<Vec<Silence>> {
        Ok(self.memory().persons.silences(all))
    }

    async fn acknowledge(&self, acknowledgement: &Acknowledgement, act: Option<&Act>) -> Result<bool> {
        let mut memory = self.memory();
        let is_new = memory.persons.acknowledge(acknowledgement);
        memory.trail.append(act.filter(|_| is_new));
        Ok(is_new)
    }

    async fn acknowledgements(&self, cards: &[CardId]) -> Result<Vec<Acknowledgement>> {
        Ok(self.memory().persons.acknowledgements(cards))
    }

    async fn orders(&self, of: OrderQuery<'_>) -> Result<Vec<Order>> {
        Ok(self.memory().orders.list(of))
    }

    async fn last_order_number(&self, year: i32) -> Result<u32> {
        Ok(self.memory().orders.last_number(year))
    }

    async fn notices_of_order(&self, order: &ItemKey) -> Result<Vec<Notice>> {
        Ok(self.memory().notices.of_order(order))
    }

    async fn held_notices(&self, hold: &Hold, limit: usize) -> Result<Vec<Notice>> {
        Ok(self.memory().notices.held(hold, limit))
    }

    async fn open_cards(&self, limit: usize) -> Result<Vec<OpenCard>> {
        let memory = self.memory();
        Ok(memory.cards.list(&memory.items, limit))
    }

    async fn counts(&self) -> Result<Counts> {
        Ok(self.memory().counts())
    }

    async fn last_fired(&self, schedule: &str) -> Result<Option<Instant>> {
        Ok(self.memory().playbooks.last_fired(schedule))
    }

    async fn fired(&self, schedule: &str, at: Instant) -> Result<()> {
        self.memory().playbooks.put_fired(schedule, at);
        Ok(())
    }

    async fn audit(&self, after: u64, limit: usize) -> Result<Vec<Entry>> {
        Ok(self.memory().trail.after(after, limit))
    }

    async fn audit_head(&self) -> Result<Head> {
        Ok(self.memory().trail.head())
    }

    async fn close(&self) {}
}
