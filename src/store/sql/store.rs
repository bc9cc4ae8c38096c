//! The store on a SQL engine: each verb is one transaction.

use std::sync::Arc;

use async_trait::async_trait;

use super::session::{Engine, Session};
use super::{audit, courier, items, lists, orders, persons, playbooks, receipts, remarks, sends, turns};
use crate::core::Instant;
use crate::core::acknowledgement::Acknowledgement;
use crate::core::audit::{Act, Entry, Head};
use crate::core::card::{CardId, Transition};
use crate::core::delivery::{DeliveryId, Receipt};
use crate::core::digest::Digest;
use crate::core::item::ItemKey;
use crate::core::notice::{Hold, Notice, OpenDelivery};
use crate::core::order::Order;
use crate::core::rate::Rates;
use crate::core::remark::Remark;
use crate::core::silence::Silence;
use crate::core::window::Level;
use crate::store::{
    Attempt, BadAddress, Claimable, Claimed, Committed, Counts, DeliveryFilter, DeliveryRecord, GivenBack, ItemRecord,
    OpenCard, OrderQuery, PlaybookRecord, Result, RuleRecord, Seal, Settle, Snapshot, SourceRecord, Store, Turn, Want,
};

/// A store on a SQL engine.
#[derive(Debug)]
pub struct SqlStore<E> {
    pub(in crate::store) engine: E,
}

/// Runs a verb in a transaction of its own, and ends it.
macro_rules! verb {
    ($store:ident.reading, $verb:path $(, $argument:expr)*) => {
        $verb(&mut $store.engine.reading().await? $(, $argument)*).await
    };
    ($store:ident.writing, $verb:path $(, $argument:expr)*) => {{
        let mut session = $store.engine.writing().await?;
        let answer = $verb(&mut session $(, $argument)*).await?;
        session.commit().await?;
        Ok(answer)
    }};
}

#[async_trait]
impl<E: Engine> Store for SqlStore<E> {
    async fn put_playbook(&self, playbook: &PlaybookRecord, rules: &[RuleRecord], act: Option<&Act>) -> Result<()> {
        verb!(self.writing, playbooks::put_playbook, playbook, rules, act)
    }

    async fn playbook(&self) -> Result<Option<PlaybookRecord>> {
        verb!(self.reading, playbooks::playbook)
    }

    async fn rule_versions(&self) -> Result<Vec<RuleRecord>> {
        verb!(self.reading, playbooks::rule_versions)
    }

    async fn sources(&self) -> Result<Vec<SourceRecord>> {
        verb!(self.reading, playbooks::sources)
    }

    async fn put_source(&self, source: &SourceRecord) -> Result<()> {
        verb!(self.writing, playbooks::put_source, source)
    }

    async fn digests(&self, source: &str, after: Option<&str>, limit: usize) -> Result<Vec<(Arc<str>, Digest, u32)>> {
        verb!(self.reading, items::digests, source, after, limit)
    }

    async fn stale_items(&self, playbook: Digest, limit: usize) -> Result<Vec<ItemKey>> {
        verb!(self.reading, items::stale_items, playbook, limit)
    }

    async fn due_items(&self, source: Option<&str>, now: Instant, limit: usize) -> Result<Vec<ItemKey>> {
        verb!(self.reading, items::due_items, source, now, limit)
    }

    async fn next_look_at(&self, source: Option<&str>) -> Result<Option<Instant>> {
        verb!(self.reading, items::next_look_at, source)
    }

    async fn load(&self, items: &[ItemKey]) -> Result<Vec<ItemRecord>> {
        verb!(self.reading, items::load, items)
    }

    async fn find_items(&self, id: &str) -> Result<Vec<ItemKey>> {
        verb!(self.reading, items::find_items, id)
    }

    async fn item_of(&self, card: CardId) -> Result<Option<ItemKey>> {
        verb!(self.reading, items::item_of, card)
    }

    async fn standing(&self, cards: &[CardId]) -> Result<Vec<(CardId, u32, Option<Level>)>> {
        verb!(self.reading, items::standing, cards)
    }

    async fn notices_about(&self, items: &[ItemKey]) -> Result<Vec<Notice>> {
        verb!(self.reading, lists::notices_about, items)
    }

    async fn remarks(&self, beginning: &str, limit: usize) -> Result<Vec<Remark>> {
        verb!(self.reading, remarks::remarks, beginning, limit)
    }

    async fn transitions(&self, item: &ItemKey) -> Result<Vec<Transition>> {
        verb!(self.reading, items::transitions, item)
    }

    async fn histories(&self, items: &[ItemKey]) -> Result<Vec<(ItemKey, Transition)>> {
        verb!(self.reading, items::histories, items)
    }

    async fn reds(&self, units: &[Arc<str>], since: Instant, most: usize) -> Result<Vec<(Arc<str>, CardId, u32)>> {
        verb!(self.reading, items::reds, units, since, most)
    }

    async fn snapshots(&self, item: &ItemKey) -> Result<Vec<Snapshot>> {
        verb!(self.reading, items::snapshots, item)
    }

    async fn open_deliveries(&self, contacts: &[Arc<str>]) -> Result<Vec<OpenDelivery>> {
        verb!(self.reading, lists::open_deliveries, contacts)
    }

    async fn commit(&self, turn: &Turn) -> Result<Committed> {
        verb!(self.writing, turns::commit::<E>, turn)
    }

    async fn claim(&self, now: Instant, lease_until: Instant, limit: usize, of: Claimable<'_>) -> Result<Vec<Claimed>> {
        let lease = courier::Lease { holder: self.engine.holder(), until: lease_until };
        verb!(self.writing, courier::claim::<E>, now, lease, limit, of)
    }

    async fn next_claim_at(&self, except: &[Arc<str>]) -> Result<Option<Instant>> {
        verb!(self.reading, courier::next_claim_at, except)
    }

    async fn waiting_since(&self, now: Instant) -> Result<Option<Instant>> {
        verb!(self.reading, courier::waiting_since, now)
    }

    async fn take(&self, now: Instant, wants: &[Want]) -> Result<Vec<Option<Instant>>> {
        if wants.iter().all(|want| want.rates == Rates::default()) {
            return Ok(vec![None; wants.len()]);
        }
        verb!(self.writing, sends::take::<E>, now, wants)
    }

    async fn seal(&self, now: Instant, seals: &[Seal]) -> Result<Vec<DeliveryId>> {
        verb!(self.writing, courier::seal, now, seals)
    }

    async fn settle(&self, now: Instant, settles: &[Settle]) -> Result<Vec<DeliveryId>> {
        verb!(self.writing, courier::settle, now, settles)
    }

    async fn end_leases(&self, now: Instant) -> Result<()> {
        verb!(self.writing, courier::end_leases, now, self.engine.holder())
    }

    async fn give_back(&self, now: Instant, claims: &[GivenBack]) -> Result<()> {
        if claims.is_empty() {
            return Ok(());
        }
        verb!(self.writing, courier::give_back, now, claims)
    }

    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRecord>> {
        verb!(self.reading, lists::deliveries, filter)
    }

    async fn delivery(&self, id: &str) -> Result<Vec<(DeliveryRecord, Vec<Notice>)>> {
        verb!(self.reading, lists::delivery, id)
    }

    async fn attempts(&self, id: DeliveryId) -> Result<Vec<Attempt>> {
        verb!(self.reading, lists::attempts, id)
    }

    async fn retry_delivery(&self, id: DeliveryId, now: Instant, act: Option<&Act>) -> Result<bool> {
        verb!(self.writing, courier::retry_delivery, id, now, act)
    }

    async fn cancel_delivery(&self, id: DeliveryId, now: Instant, act: Option<&Act>) -> Result<bool> {
        verb!(self.writing, courier::cancel_delivery, id, now, act)
    }

    async fn unreported(&self, limit: usize) -> Result<Vec<(DeliveryRecord, Vec<Notice>)>> {
        verb!(self.reading, receipts::unreported, limit)
    }

    async fn bad_addresses(&self) -> Result<Vec<BadAddress>> {
        verb!(self.reading, receipts::bad_addresses)
    }

    async fn forgive_address(&self, contact: &str, channel: &str, act: Option<&Act>) -> Result<bool> {
        verb!(self.writing, receipts::forgive_address, contact, channel, act)
    }

    async fn without_receipt(&self, channel: &str, sent_after: Instant, limit: usize) -> Result<Vec<DeliveryRecord>> {
        verb!(self.reading, receipts::without_receipt, channel, sent_after, limit)
    }

    async fn put_receipts(&self, now: Instant, channel: &str, receipts: &[Receipt]) -> Result<Vec<DeliveryId>> {
        if receipts.is_empty() {
            return Ok(Vec::new());
        }
        verb!(self.writing, receipts::put_receipts, now, channel, receipts)
    }

    async fn put_silence(&self, silence: &Silence, act: Option<&Act>) -> Result<()> {
        verb!(self.writing, persons::put_silence, silence, act)
    }

    async fn silences(&self, all: bool) -> Result<Vec<Silence>> {
        verb!(self.reading, persons::silences, all)
    }

    async fn acknowledge(&self, acknowledgement: &Acknowledgement, act: Option<&Act>) -> Result<bool> {
        verb!(self.writing, persons::acknowledge, acknowledgement, act)
    }

    async fn acknowledgements(&self, cards: &[CardId]) -> Result<Vec<Acknowledgement>> {
        verb!(self.reading, persons::acknowledgements, cards)
    }

    async fn orders(&self, of: OrderQuery<'_>) -> Result<Vec<Order>> {
        verb!(self.reading, orders::orders, of)
    }

    async fn last_order_number(&self, year: i32) -> Result<u32> {
        verb!(self.reading, orders::last_number, year)
    }

    async fn notices_of_order(&self, order: &ItemKey) -> Result<Vec<Notice>> {
        verb!(self.reading, orders::notices, order)
    }

    async fn held_notices(&self, hold: &Hold, limit: usize) -> Result<Vec<Notice>> {
        verb!(self.reading, lists::held_notices, hold, limit)
    }

    async fn open_cards(&self, limit: usize) -> Result<Vec<OpenCard>> {
        verb!(self.reading, lists::open_cards, limit)
    }

    async fn counts(&self) -> Result<Counts> {
        verb!(self.reading, lists::counts)
    }

    async fn last_fired(&self, schedule: &str) -> Result<Option<Instant>> {
        verb!(self.reading, playbooks::last_fired, schedule)
    }

    async fn fired(&self, schedule: &str, at: Instant) -> Result<()> {
        verb!(self.writing, playbooks::fired, schedule, at)
    }

    async fn audit(&self, after: u64, limit: usize) -> Result<Vec<Entry>> {
        verb!(self.reading, audit::audit, after, limit)
    }

    async fn audit_head(&self) -> Result<Head> {
        verb!(self.reading, audit::audit_head)
    }

    async fn clock(&self) -> Result<Option<Instant>> {
        let Some(statement) = E::CLOCK else { return Ok(None) };
        verb!(self.reading, playbooks::clock, statement)
    }

    async fn nudged(&self) {
        self.engine.nudged().await;
    }

    async fn close(&self) {
        self.engine.close().await;
    }
}
