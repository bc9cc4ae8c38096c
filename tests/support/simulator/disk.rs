//! The store as one process sees it: a store in memory behind a gate at which things go wrong, and beside it a witness.
//! Every verb passes the gate; those that change something are watched.

use std::sync::Arc;

use async_trait::async_trait;
use duban::core::Instant;
use duban::core::acknowledgement::Acknowledgement;
use duban::core::audit::{Act, Entry, Head};
use duban::core::card::{CardId, Transition};
use duban::core::delivery::{DeliveryId, Receipt};
use duban::core::digest::Digest;
use duban::core::item::ItemKey;
use duban::core::notice::{Hold, Notice, OpenDelivery};
use duban::core::order::Order;
use duban::core::remark::Remark;
use duban::core::silence::Silence;
use duban::core::window::Level;
use duban::store::memory::MemoryStore;
use duban::store::{
    Attempt, BadAddress, Claimable, Claimed, Committed, Counts, DeliveryFilter, DeliveryRecord, GivenBack, ItemRecord,
    OpenCard, OrderQuery, PlaybookRecord, Result, RuleRecord, Seal, Settle, Snapshot, SourceRecord, Store, Turn, Want,
};

use super::gate::Place;
use super::witness::Witness;

impl Witness {
    async fn read(&self) -> Result<&MemoryStore> {
        self.gate.pass(Place::Reading).await?;
        Ok(&self.disk)
    }

    async fn write(&self) -> Result<&MemoryStore> {
        self.gate.pass(Place::BeforeWriting).await?;
        Ok(&self.disk)
    }

    async fn wrote<T>(&self, answer: T) -> Result<T> {
        self.gate.pass(Place::AfterWriting).await?;
        Ok(answer)
    }
}

#[async_trait]
impl Store for Witness {
    async fn put_playbook(&self, playbook: &PlaybookRecord, rules: &[RuleRecord], act: Option<&Act>) -> Result<()> {
        self.write().await?.put_playbook(playbook, rules, act).await?;
        self.wrote(()).await
    }

    async fn playbook(&self) -> Result<Option<PlaybookRecord>> {
        self.read().await?.playbook().await
    }

    async fn rule_versions(&self) -> Result<Vec<RuleRecord>> {
        self.read().await?.rule_versions().await
    }

    async fn sources(&self) -> Result<Vec<SourceRecord>> {
        self.read().await?.sources().await
    }

    async fn put_source(&self, source: &SourceRecord) -> Result<()> {
        self.write().await?.put_source(source).await?;
        self.wrote(()).await
    }

    async fn digests(&self, source: &str, after: Option<&str>, limit: usize) -> Result<Vec<(Arc<str>, Digest, u32)>> {
        self.read().await?.digests(source, after, limit).await
    }

    async fn stale_items(&self, playbook: Digest, limit: usize) -> Result<Vec<ItemKey>> {
        self.read().await?.stale_items(playbook, limit).await
    }

    async fn due_items(&self, source: Option<&str>, now: Instant, limit: usize) -> Result<Vec<ItemKey>> {
        self.read().await?.due_items(source, now, limit).await
    }

    async fn next_look_at(&self, source: Option<&str>) -> Result<Option<Instant>> {
        self.read().await?.next_look_at(source).await
    }

    async fn load(&self, items: &[ItemKey]) -> Result<Vec<ItemRecord>> {
        self.read().await?.load(items).await
    }

    async fn find_items(&self, id: &str) -> Result<Vec<ItemKey>> {
        self.read().await?.find_items(id).await
    }

    async fn item_of(&self, card: CardId) -> Result<Option<ItemKey>> {
        self.read().await?.item_of(card).await
    }

    async fn notices_about(&self, items: &[ItemKey]) -> Result<Vec<Notice>> {
        self.read().await?.notices_about(items).await
    }

    async fn standing(&self, cards: &[CardId]) -> Result<Vec<(CardId, u32, Option<Level>)>> {
        self.read().await?.standing(cards).await
    }

    async fn remarks(&self, beginning: &str, limit: usize) -> Result<Vec<Remark>> {
        self.read().await?.remarks(beginning, limit).await
    }

    async fn transitions(&self, item: &ItemKey) -> Result<Vec<Transition>> {
        self.read().await?.transitions(item).await
    }

    async fn histories(&self, items: &[ItemKey]) -> Result<Vec<(ItemKey, Transition)>> {
        self.read().await?.histories(items).await
    }

    async fn reds(&self, units: &[Arc<str>], since: Instant, most: usize) -> Result<Vec<(Arc<str>, CardId, u32)>> {
        self.read().await?.reds(units, since, most).await
    }

    async fn snapshots(&self, item: &ItemKey) -> Result<Vec<Snapshot>> {
        self.read().await?.snapshots(item).await
    }

    async fn open_deliveries(&self, contacts: &[Arc<str>]) -> Result<Vec<OpenDelivery>> {
        self.read().await?.open_deliveries(contacts).await
    }

    async fn commit(&self, turn: &Turn) -> Result<Committed> {
        let disk = self.write().await?;
        let before = self.before(turn).await?;
        self.watch_baseline(turn).await?;
        let committed = disk.commit(turn).await?;
        self.watch_playbook(turn).await?;
        self.watch_turn(turn, &before, &committed).await?;
        self.watch_quiet(turn, &committed).await?;
        self.wrote(committed).await
    }

    async fn claim(&self, now: Instant, lease_until: Instant, limit: usize, of: Claimable<'_>) -> Result<Vec<Claimed>> {
        let claimed = self.write().await?.claim(now, lease_until, limit, of).await?;
        self.watch_claims(now, lease_until, &claimed);
        self.wrote(claimed).await
    }

    async fn next_claim_at(&self, except: &[Arc<str>]) -> Result<Option<Instant>> {
        self.read().await?.next_claim_at(except).await
    }

    async fn waiting_since(&self, now: Instant) -> Result<Option<Instant>> {
        self.read().await?.waiting_since(now).await
    }

    async fn seal(&self, now: Instant, seals: &[Seal]) -> Result<Vec<DeliveryId>> {
        let lost = self.write().await?.seal(now, seals).await?;
        self.watch_seals(seals, &lost);
        self.watch_members(seals, &lost).await?;
        self.watch_last_look(now, seals, &lost).await?;
        self.wrote(lost).await
    }

    async fn settle(&self, now: Instant, settles: &[Settle]) -> Result<Vec<DeliveryId>> {
        let disk = self.write().await?;
        let mut before = Vec::with_capacity(settles.len());
        for settle in settles {
            before.push(self.found(settle.id).await?);
        }
        let lost = disk.settle(now, settles).await?;
        for (settle, before) in settles.iter().zip(before) {
            self.watch_settle(settle, before, &lost).await?;
        }
        self.wrote(lost).await
    }

    async fn take(&self, now: Instant, wants: &[Want]) -> Result<Vec<Option<Instant>>> {
        let answers = self.write().await?.take(now, wants).await?;
        self.watch_limits(now, wants, &answers);
        self.wrote(answers).await
    }

    async fn give_back(&self, now: Instant, claims: &[GivenBack]) -> Result<()> {
        self.write().await?.give_back(now, claims).await?;
        self.forget_leases(claims);
        self.wrote(()).await
    }

    async fn end_leases(&self, now: Instant) -> Result<()> {
        self.write().await?.end_leases(now).await?;
        self.forget_all_leases(now);
        self.wrote(()).await
    }

    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRecord>> {
        self.read().await?.deliveries(filter).await
    }

    async fn delivery(&self, id: &str) -> Result<Vec<(DeliveryRecord, Vec<Notice>)>> {
        self.read().await?.delivery(id).await
    }

    async fn attempts(&self, id: DeliveryId) -> Result<Vec<Attempt>> {
        self.read().await?.attempts(id).await
    }

    async fn retry_delivery(&self, id: DeliveryId, now: Instant, act: Option<&Act>) -> Result<bool> {
        let done = self.write().await?.retry_delivery(id, now, act).await?;
        self.wrote(done).await
    }

    async fn cancel_delivery(&self, id: DeliveryId, now: Instant, act: Option<&Act>) -> Result<bool> {
        let done = self.write().await?.cancel_delivery(id, now, act).await?;
        self.wrote(done).await
    }

    async fn unreported(&self, limit: usize) -> Result<Vec<(DeliveryRecord, Vec<Notice>)>> {
        self.read().await?.unreported(limit).await
    }

    async fn bad_addresses(&self) -> Result<Vec<BadAddress>> {
        self.read().await?.bad_addresses().await
    }

    async fn forgive_address(&self, contact: &str, channel: &str, act: Option<&Act>) -> Result<bool> {
        let done = self.write().await?.forgive_address(contact, channel, act).await?;
        self.wrote(done).await
    }

    async fn without_receipt(&self, channel: &str, sent_after: Instant, limit: usize) -> Result<Vec<DeliveryRecord>> {
        self.read().await?.without_receipt(channel, sent_after, limit).await
    }

    async fn put_receipts(&self, now: Instant, channel: &str, receipts: &[Receipt]) -> Result<Vec<DeliveryId>> {
        let meant = self.write().await?.put_receipts(now, channel, receipts).await?;
        self.wrote(meant).await
    }

    async fn put_silence(&self, silence: &Silence, act: Option<&Act>) -> Result<()> {
        self.write().await?.put_silence(silence, act).await?;
        self.wrote(()).await
    }

    async fn silences(&self, all: bool) -> Result<Vec<Silence>> {
        self.read().await?.silences(all).await
    }

    async fn acknowledge(&self, acknowledgement: &Acknowledgement, act: Option<&Act>) -> Result<bool> {
        let is_new = self.write().await?.acknowledge(acknowledgement, act).await?;
        self.wrote(is_new).await
    }

    async fn acknowledgements(&self, cards: &[CardId]) -> Result<Vec<Acknowledgement>> {
        self.read().await?.acknowledgements(cards).await
    }

    async fn orders(&self, of: OrderQuery<'_>) -> Result<Vec<Order>> {
        self.read().await?.orders(of).await
    }

    async fn last_order_number(&self, year: i32) -> Result<u32> {
        self.read().await?.last_order_number(year).await
    }

    async fn notices_of_order(&self, order: &ItemKey) -> Result<Vec<Notice>> {
        self.read().await?.notices_of_order(order).await
    }

    async fn held_notices(&self, hold: &Hold, limit: usize) -> Result<Vec<Notice>> {
        self.read().await?.held_notices(hold, limit).await
    }

    async fn open_cards(&self, limit: usize) -> Result<Vec<OpenCard>> {
        self.read().await?.open_cards(limit).await
    }

    async fn counts(&self) -> Result<Counts> {
        self.read().await?.counts().await
    }

    async fn last_fired(&self, schedule: &str) -> Result<Option<Instant>> {
        self.read().await?.last_fired(schedule).await
    }

    async fn fired(&self, schedule: &str, at: Instant) -> Result<()> {
        self.write().await?.fired(schedule, at).await?;
        self.wrote(()).await
    }

    async fn audit(&self, after: u64, limit: usize) -> Result<Vec<Entry>> {
        self.read().await?.audit(after, limit).await
    }

    async fn audit_head(&self) -> Result<Head> {
        self.read().await?.audit_head().await
    }

    async fn close(&self) {}
}
