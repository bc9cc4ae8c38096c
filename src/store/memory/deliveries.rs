//! Deliveries with their tries, and the orders in which they are asked for.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::columns::{cut, name, plain};
use crate::core::Instant;
use crate::core::delivery::{DeliveryId, DeliveryState};
use crate::core::notice::OpenDelivery;
use crate::store::admission::{Opening, Standing};
use crate::store::{Attempt, AttemptOutcome, DeliveryFilter, DeliveryRecord};

/// All deliveries. Whatever changes one goes through [`Deliveries::change`], which keeps the orders.
#[derive(Debug, Clone, Default)]
pub struct Deliveries {
    by_id: BTreeMap<DeliveryId, Delivery>,
    orders: Orders,
}

/// A delivery with its lease and its tries.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub record: DeliveryRecord,
    /// Grows with each claim.
    pub fence: i64,
    pub lease_until: Option<Instant>,
    /// Whether a turn told that it ended badly.
    pub is_reported: bool,
    /// By the fence of their claim, which grows.
    tries: Vec<(i64, Attempt)>,
}

#[derive(Debug, Clone, Default)]
struct Orders {
    /// By channel, then by the instant at which they can be claimed.
    claimable: BTreeMap<Arc<str>, BTreeSet<(Instant, DeliveryId)>>,
    /// What can be joined, by contact, oldest first.
    open: HashMap<Arc<str>, BTreeSet<(Instant, DeliveryId)>>,
    /// Newest first.
    by_state: HashMap<DeliveryState, BTreeSet<(Reverse<Instant>, DeliveryId)>>,
    /// What ended badly and was not reported, by its end.
    unreported: BTreeSet<(Instant, DeliveryId)>,
    /// What was sent and has no receipt, by channel, then by its end.
    without_receipt: HashMap<Arc<str>, BTreeSet<(Instant, DeliveryId)>>,
    /// The same by what the peer calls it.
    by_remote_id: HashMap<(Arc<str>, String), BTreeSet<DeliveryId>>,
    /// What can be claimed, by contact.
    claimable_of: HashMap<Arc<str>, BTreeSet<(Instant, DeliveryId)>>,
}

impl Deliveries {
    pub fn get(&self, id: DeliveryId) -> Option<&Delivery> {
        self.by_id.get(&id)
    }

    pub fn change(&mut self, id: DeliveryId, change: impl FnOnce(&mut Delivery)) {
        if let Some(delivery) = self.by_id.get_mut(&id) {
            self.orders.remove(delivery);
            change(delivery);
            self.orders.add(delivery);
        }
    }

    /// Opens a delivery, or lets notices join it. What was cancelled begins anew, but for its fence and its tries' list.
    pub fn put(&mut self, opening: &Opening) {
        if !self.by_id.contains_key(&opening.id) {
            let delivery = opened(opening);
            self.orders.add(&delivery);
            self.by_id.insert(opening.id, delivery);
            return;
        }
        self.change(opening.id, |Delivery { record, .. }| {
            if record.state == DeliveryState::Cancelled {
                (record.tries, record.reason) = (0, None);
            }
            (record.state, record.settled_at) = (opening.state, None);
            (record.not_before, record.waits_for) = (cut(opening.not_before), opening.waits_for);
            (record.opened_at, record.rehearsal) = (cut(opening.opened_at), opening.rehearsal);
        });
    }

    pub fn standing(&self, id: DeliveryId) -> Option<Standing> {
        let record = &self.get(id)?.record;
        Some(Standing {
            contact: record.contact.clone(),
            channel: record.channel.clone(),
            state: record.state,
            is_sealed: record.sealed_at.is_some(),
            rehearsal: record.rehearsal,
            not_before: record.not_before,
            waits_for: record.waits_for,
            opened_at: record.opened_at,
        })
    }

    /// What can be claimed at `now`, the earliest first.
    pub fn due(&self, now: Instant, limit: usize, except: &[Arc<str>]) -> Vec<DeliveryId> {
        let channels = self.orders.channels(except);
        let due = |order| BTreeSet::iter(order).take_while(|(at, _): &&(Instant, _)| *at <= now).take(limit);
        let mut due: Vec<(Instant, DeliveryId)> = channels.flat_map(due).copied().collect();
        due.sort_unstable();
        due.into_iter().take(limit).map(|(_, id)| id).collect()
    }

    /// The same for some contacts only.
    pub fn due_to(&self, contacts: &[Arc<str>], now: Instant, limit: usize, except: &[Arc<str>]) -> Vec<DeliveryId> {
        let except: Vec<Arc<str>> = except.iter().map(name).collect();
        let contacts: BTreeSet<Arc<str>> = contacts.iter().map(name).collect();
        let orders = contacts.iter().filter_map(|contact| self.orders.claimable_of.get(contact));
        let is_asked_for = |id| self.get(id).is_some_and(|delivery| !except.contains(&delivery.record.channel));
        let due = orders.flat_map(|order| order.iter().take_while(|(at, _)| *at <= now));
        let mut due: Vec<(Instant, DeliveryId)> = due.filter(|(_, id)| is_asked_for(*id)).copied().collect();
        due.sort_unstable();
        due.into_iter().take(limit).map(|(_, id)| id).collect()
    }

    pub fn next_claim_at(&self, except: &[Arc<str>]) -> Option<Instant> {
        self.orders.channels(except).filter_map(|order| order.first()).map(|(at, _)| *at).min()
    }

    /// Since when the one waits that waits the longest.
    pub fn waiting_since(&self, now: Instant) -> Option<Instant> {
        let since = |(at, id): &(Instant, DeliveryId)| {
            let record = &self.get(*id)?.record;
            record.sealed_at.filter(|_| record.tries > 0).or_else(|| (*at <= now).then_some(*at))
        };
        self.orders.channels(&[]).flatten().filter_map(since).min()
    }

    /// Counts deliveries that ended badly as reported.
    pub fn report(&mut self, reported: &[DeliveryId]) {
        for id in reported {
            self.change(*id, |delivery| delivery.is_reported |= delivery.is_given_up());
        }
    }

    pub fn unreported(&self, limit: usize) -> impl Iterator<Item = &DeliveryRecord> {
        let oldest = self.orders.unreported.iter().take(limit);
        oldest.filter_map(|(_, id)| self.get(*id)).map(|delivery| &delivery.record)
    }

    pub fn without_receipt(&self, channel: &str, sent_after: Instant, limit: usize) -> Vec<DeliveryRecord> {
        let order = self.orders.without_receipt.get(&*plain(channel)).into_iter().flatten();
        let sent = order.skip_while(|(at, _)| *at <= cut(sent_after)).take(limit);
        sent.filter_map(|(_, id)| self.get(*id)).map(|delivery| delivery.record.clone()).collect()
    }

    /// What was sent on a channel under a peer's name for it and has no receipt.
    pub fn without_receipt_of(&self, channel: &str, remote_id: &str) -> Vec<DeliveryId> {
        let found = self.orders.by_remote_id.get(&(channel.into(), remote_id.to_owned()));
        found.into_iter().flatten().copied().collect()
    }

    /// What is under a lease.
    pub fn sending(&self) -> Vec<DeliveryId> {
        self.orders.in_state(DeliveryState::Sending).map(|(_, id)| *id).collect()
    }

    pub fn count(&self, state: DeliveryState) -> u64 {
        self.orders.by_state.get(&state).map_or(0, |order| order.len() as u64)
    }

    pub fn open(&self, contacts: &[Arc<str>]) -> Vec<OpenDelivery> {
        let open = contacts.iter().filter_map(|contact| self.orders.open.get(&name(contact)));
        let mut open: Vec<(Instant, DeliveryId)> = open.flatten().copied().collect();
        open.sort_unstable();
        open.into_iter().filter_map(|(_, id)| self.get(id)).map(open_delivery).collect()
    }

    pub fn list(&self, filter: &DeliveryFilter) -> Vec<DeliveryRecord> {
        let contact = filter.contact.as_deref().map(plain);
        let is_asked_for = |id: DeliveryId| {
            let asked = contact.as_deref();
            asked.is_none() || asked == self.get(id).map(|delivery| &*delivery.record.contact)
        };
        let states = DeliveryState::ALL.into_iter().filter(|state| filter.state.is_none_or(|asked| asked == *state));
        let orders = states.map(|state| self.orders.in_state(state));
        let newest = orders.flat_map(|order| order.filter(|(_, id)| is_asked_for(*id)).take(filter.limit));
        let mut newest: Vec<_> = newest.copied().collect();
        newest.sort_unstable();
        let newest = newest.into_iter().take(filter.limit);
        newest.filter_map(|(_, id)| self.get(id)).map(|delivery| delivery.record.clone()).collect()
    }

    /// The deliveries whose id begins so, at most ten.
    pub fn beginning(&self, beginning: &str) -> impl Iterator<Item = &DeliveryRecord> {
        let beginning = beginning.to_ascii_lowercase();
        let first: Option<DeliveryId> = format!("{beginning:0<32}").parse().ok().filter(|_| !beginning.is_empty());
        let from = first.into_iter().flat_map(|first| self.by_id.range(first..));
        from.take_while(move |(id, _)| id.to_string().starts_with(&beginning)).take(10).map(|(_, found)| &found.record)
    }
}

impl Delivery {
    /// When it can be claimed: at its instant, or when its lease runs out.
    fn claim_at(&self) -> Option<Instant> {
        match self.record.state {
            DeliveryState::Scheduled | DeliveryState::Available | DeliveryState::Retryable => {
                Some(self.record.not_before)
            }
            DeliveryState::Sending => self.lease_until,
            _ => None,
        }
    }

    pub fn is_given_up(&self) -> bool {
        matches!(self.record.state, DeliveryState::Discarded | DeliveryState::Unknown)
    }

    /// What the peer calls it, if it was sent and waits for a receipt.
    fn awaited(&self) -> Option<&String> {
        let waits = self.record.state == DeliveryState::Sent && self.record.receipt.is_none();
        self.record.remote_id.as_ref().filter(|_| waits)
    }

    /// Writes down what the peer said later: what did not reach its receiver is a dead letter.
    pub fn put_receipt(&mut self, now: Instant, delivered: bool, reason: &str) {
        let record = &mut self.record;
        record.receipt = Some(delivered);
        if !delivered {
            (record.state, record.settled_at) = (DeliveryState::Discarded, Some(now));
            record.reason = Some(plain(reason));
        }
    }

    pub fn is_open(&self) -> bool {
        let waits = matches!(self.record.state, DeliveryState::Scheduled | DeliveryState::Available);
        waits && self.record.sealed_at.is_none()
    }

    pub fn is_held_under(&self, fence: i64) -> bool {
        self.record.state == DeliveryState::Sending && self.fence == fence
    }

    pub fn attempts(&self) -> Vec<Attempt> {
        self.tries.iter().map(|(_, attempt)| attempt.clone()).collect()
    }

    /// Begins the next try; one that still lasts has lost its lease.
    pub fn begin_try(&mut self, now: Instant) {
        if let Some((fence, _)) = self.tries.last().filter(|(_, attempt)| attempt.settled_at.is_none()) {
            self.end_try(*fence, now, AttemptOutcome::LeaseLost);
        }
        let attempt = Attempt {
            number: self.record.tries,
            claimed_at: now,
            settled_at: None,
            outcome: None,
            reason: None,
            remote_id: None,
        };
        self.tries.push((self.fence, attempt));
    }

    /// Ends the try under a fence.
    pub fn end_try(&mut self, fence: i64, now: Instant, outcome: AttemptOutcome) -> Option<&mut Attempt> {
        let (_, attempt) = self.tries.iter_mut().rfind(|(of, _)| *of == fence)?;
        (attempt.settled_at, attempt.outcome) = (Some(now), Some(outcome));
        Some(attempt)
    }
}

impl Orders {
    fn add(&mut self, delivery: &Delivery) {
        let record = &delivery.record;
        if let Some(at) = delivery.claim_at() {
            self.claimable.entry(record.channel.clone()).or_default().insert((at, record.id));
            self.claimable_of.entry(record.contact.clone()).or_default().insert((at, record.id));
        }
        if let Some(at) = record.settled_at.filter(|_| delivery.is_given_up() && !delivery.is_reported) {
            self.unreported.insert((at, record.id));
        }
        if let Some((remote_id, at)) = delivery.awaited().zip(record.settled_at) {
            self.without_receipt.entry(record.channel.clone()).or_default().insert((at, record.id));
            let called = (record.channel.clone(), remote_id.clone());
            self.by_remote_id.entry(called).or_default().insert(record.id);
        }
        if delivery.is_open() {
            self.open.entry(record.contact.clone()).or_default().insert((record.opened_at, record.id));
        }
        self.by_state.entry(record.state).or_default().insert((Reverse(record.opened_at), record.id));
    }

    fn remove(&mut self, delivery: &Delivery) {
        let record = &delivery.record;
        if let Some((at, order)) = delivery.claim_at().zip(self.claimable.get_mut(&record.channel)) {
            order.remove(&(at, record.id));
        }
        if let Some((at, order)) = delivery.claim_at().zip(self.claimable_of.get_mut(&record.contact)) {
            order.remove(&(at, record.id));
        }
        if let Some(at) = record.settled_at {
            self.unreported.remove(&(at, record.id));
            if let Some(order) = self.without_receipt.get_mut(&record.channel) {
                order.remove(&(at, record.id));
            }
        }
        if let Some(remote_id) = delivery.awaited() {
            let called = (record.channel.clone(), remote_id.clone());
            if let Entry::Occupied(mut of_call) = self.by_remote_id.entry(called) {
                of_call.get_mut().remove(&record.id);
                if of_call.get().is_empty() {
                    of_call.remove();
                }
            }
        }
        if let Some(order) = self.open.get_mut(&record.contact) {
            order.remove(&(record.opened_at, record.id));
        }
        if let Some(order) = self.by_state.get_mut(&record.state) {
            order.remove(&(Reverse(record.opened_at), record.id));
        }
    }

    fn channels(&self, except: &[Arc<str>]) -> impl Iterator<Item = &BTreeSet<(Instant, DeliveryId)>> {
        let except: Vec<Arc<str>> = except.iter().map(name).collect();
        self.claimable.iter().filter(move |(channel, _)| !except.contains(channel)).map(|(_, order)| order)
    }

    fn in_state(&self, state: DeliveryState) -> impl Iterator<Item = &(Reverse<Instant>, DeliveryId)> {
        self.by_state.get(&state).into_iter().flatten()
    }
}

fn opened(opening: &Opening) -> Delivery {
    let record = DeliveryRecord {
        id: opening.id,
        contact: name(&opening.contact),
        channel: name(&opening.channel),
        state: opening.state,
        not_before: cut(opening.not_before),
        waits_for: opening.waits_for,
        opened_at: cut(opening.opened_at),
        tries: 0,
        rehearsal: opening.rehearsal,
        sealed_at: None,
        sealed: None,
        settled_at: None,
        reason: None,
        remote_id: None,
        receipt: None,
    };
    Delivery { record, fence: 0, lease_until: None, is_reported: false, tries: Vec::new() }
}

fn open_delivery(delivery: &Delivery) -> OpenDelivery {
    let record = &delivery.record;
    OpenDelivery {
        id: record.id,
        contact: record.contact.clone(),
        channel: record.channel.clone(),
        not_before: record.not_before,
        waits_for: record.waits_for,
        rehearsal: record.rehearsal,
    }
}
