//! The courier's verbs: claim, seal, settle, give back; and a person's: retry and cancel.

use std::collections::HashSet;

use super::Memory;
use super::columns::{cut, plain};
use crate::core::Instant;
use crate::core::delivery::{DeliveryId, DeliveryState, Receipt};
use crate::core::notice::{Hold, NoticeState};
use crate::store::{AttemptOutcome, BadAddress, Claimable, Claimed, GivenBack, Result, Seal, Settle, StoreError};

impl Memory {
    pub fn claim(&mut self, now: Instant, lease_until: Instant, limit: usize, of: Claimable<'_>) -> Vec<Claimed> {
        let (now, lease_until) = (cut(now), cut(lease_until));
        let due = match of.only {
            None => self.deliveries.due(now, limit, of.except),
            Some(contacts) => self.deliveries.due_to(contacts, now, limit, of.except),
        };
        let mut claimed: Vec<Claimed> = due.iter().filter_map(|id| self.claim_one(*id, now, lease_until)).collect();
        claimed.sort_by_key(|Claimed { delivery, .. }| (delivery.not_before, delivery.opened_at, delivery.id));
        claimed
    }

    fn claim_one(&mut self, id: DeliveryId, now: Instant, lease_until: Instant) -> Option<Claimed> {
        self.deliveries.change(id, |delivery| {
            delivery.record.state = DeliveryState::Sending;
            delivery.record.tries += 1;
            delivery.fence += 1;
            delivery.lease_until = Some(lease_until);
            delivery.begin_try(now);
        });
        let delivery = self.deliveries.get(id)?;
        let members = self.notices.members(id);
        Some(Claimed { delivery: delivery.record.clone(), fence: delivery.fence, members })
    }

    pub fn seal(&mut self, now: Instant, seals: &[Seal]) -> Vec<DeliveryId> {
        let now = cut(now);
        let is_held = |seal: &Seal| {
            let delivery = self.deliveries.get(seal.id).filter(|delivery| delivery.is_held_under(seal.fence));
            delivery.is_some_and(|delivery| delivery.record.sealed_at.is_none())
        };
        let (held, lost) = sift(seals, |seal| seal.id, is_held);
        for seal in held {
            self.seal_one(now, seal);
        }
        lost
    }

    fn seal_one(&mut self, now: Instant, seal: &Seal) {
        self.deliveries.change(seal.id, |delivery| {
            let (state, outcome) = match (seal.postponed_to, &seal.sealed) {
                (Some((at, wait)), _) => {
                    (delivery.record.not_before, delivery.record.waits_for) = (cut(at), wait);
                    (DeliveryState::Scheduled, AttemptOutcome::Postponed)
                }
                (None, None) => {
                    delivery.record.settled_at = Some(now);
                    (DeliveryState::Cancelled, AttemptOutcome::Cancelled)
                }
                (None, Some(sealed)) => {
                    (delivery.record.sealed, delivery.record.sealed_at) = (Some(sealed.clone()), Some(now));
                    return;
                }
            };
            delivery.record.state = state;
            delivery.lease_until = None;
            // What was not sent was not tried.
            delivery.record.tries = delivery.record.tries.saturating_sub(1);
            delivery.end_try(seal.fence, now, outcome);
        });
        for (key, hold) in &seal.dropped {
            self.notices.drop_member(seal.id, *key, hold);
        }
        if seal.postponed_to.is_none() && seal.sealed.is_none() {
            self.notices.drop_planned(seal.id, &Hold::Cancelled);
        }
    }

    pub fn settle(&mut self, now: Instant, settles: &[Settle]) -> Result<Vec<DeliveryId>> {
        let is_held = |settle: &Settle| {
            self.deliveries.get(settle.id).is_some_and(|delivery| delivery.is_held_under(settle.fence))
        };
        let (held, lost) = sift(settles, |settle| settle.id, is_held);
        let held: Vec<_> = held.into_iter().map(|settle| Ok((settle, outcome(settle)?))).collect::<Result<_>>()?;
        for (settle, outcome) in held {
            self.settle_one(cut(now), settle, outcome);
        }
        Ok(lost)
    }

    fn settle_one(&mut self, now: Instant, settle: &Settle, outcome: AttemptOutcome) {
        let (reason, remote_id) = (Some(plain(&settle.reason)), settle.remote_id.as_deref().map(plain));
        let is_end = outcome != AttemptOutcome::Retryable;
        self.deliveries.change(settle.id, |delivery| {
            if let Some(attempt) = delivery.end_try(settle.fence, now, outcome) {
                (attempt.reason, attempt.remote_id) = (reason.clone(), remote_id.clone());
            }
            let record = &mut delivery.record;
            record.state = settle.state;
            record.not_before = settle.not_before.map_or(record.not_before, cut);
            record.settled_at = is_end.then_some(now);
            if settle.state == DeliveryState::Retryable {
                record.waits_for = None;
            }
            record.reason = reason;
            record.remote_id = remote_id;
            delivery.lease_until = None;
        });
        if is_end {
            self.notices.turn_into(settle.id, &[NoticeState::Planned], NoticeState::of(settle.state), Some(now));
        }
        let record = self.deliveries.get(settle.id).map(|delivery| &delivery.record);
        if let Some((record, address)) = record.zip(settle.bad_address.as_deref()) {
            let (contact, channel) = (record.contact.clone(), record.channel.clone());
            let (address, reason) = (plain(address), plain(&settle.reason));
            self.persons.put_bad_address(BadAddress { contact, channel, address, at: now, reason });
        }
    }

    pub fn give_back(&mut self, now: Instant, claims: &[GivenBack]) {
        let is_held = |given: &GivenBack| {
            self.deliveries.get(given.id).is_some_and(|delivery| delivery.is_held_under(given.fence))
        };
        let (held, _) = sift(claims, |given| given.id, is_held);
        for given in held {
            self.deliveries.change(given.id, |delivery| {
                delivery.end_try(given.fence, cut(now), AttemptOutcome::GivenBack);
                delivery.lease_until = None;
                let record = &mut delivery.record;
                record.tries = record.tries.saturating_sub(1);
                record.state = match (given.until, record.sealed_at) {
                    (None, _) => DeliveryState::Available,
                    (Some(_), None) => DeliveryState::Scheduled,
                    (Some(_), Some(_)) => DeliveryState::Retryable,
                };
                if let Some((at, wait)) = given.until {
                    (record.not_before, record.waits_for) = (cut(at), Some(wait));
                }
            });
        }
    }

    pub fn end_leases(&mut self, now: Instant) {
        for id in self.deliveries.sending() {
            self.deliveries.change(id, |delivery| {
                delivery.lease_until = delivery.lease_until.map(|until| until.min(cut(now)));
            });
        }
    }

    pub fn retry_delivery(&mut self, id: DeliveryId, now: Instant) -> bool {
        let state = self.deliveries.get(id).map(|delivery| delivery.record.state);
        let is_given_up = matches!(state, Some(DeliveryState::Discarded | DeliveryState::Unknown));
        if is_given_up {
            self.deliveries.change(id, |delivery| {
                let record = &mut delivery.record;
                (record.state, record.settled_at) = (DeliveryState::Available, None);
                (record.not_before, record.waits_for, record.tries) = (cut(now), None, 0);
                (record.remote_id, record.receipt, delivery.is_reported) = (None, None, false);
            });
            let given_up = [NoticeState::Discarded, NoticeState::Unknown];
            self.notices.turn_into(id, &given_up, NoticeState::Planned, None);
        }
        is_given_up
    }

    /// What of a channel's messages a peer says something about, the first of it for each.
    pub fn put_receipts(&mut self, now: Instant, channel: &str, receipts: &[Receipt]) -> Vec<DeliveryId> {
        let channel = plain(channel);
        let mut meant = Vec::new();
        for Receipt { remote_id, delivered, reason } in receipts {
            for id in self.deliveries.without_receipt_of(&channel, &plain(remote_id)) {
                self.deliveries.change(id, |delivery| delivery.put_receipt(cut(now), *delivered, reason));
                if !delivered {
                    let (sent, discarded) = (NoticeState::Sent, NoticeState::Discarded);
                    self.notices.turn_into(id, &[sent], discarded, Some(cut(now)));
                }
                meant.push(id);
            }
        }
        meant.sort_unstable();
        meant
    }

    pub fn cancel_delivery(&mut self, id: DeliveryId, now: Instant) -> bool {
        let is_open = self.deliveries.get(id).is_some_and(super::deliveries::Delivery::is_open);
        if is_open {
            self.deliveries.change(id, |delivery| {
                (delivery.record.state, delivery.record.settled_at) = (DeliveryState::Cancelled, Some(cut(now)));
            });
            self.notices.drop_planned(id, &Hold::Cancelled);
        }
        is_open
    }
}

/// What of `asked` holds, each delivery once, and the deliveries of what does not. Where two leases of one delivery are
/// named, it counts as lost.
fn sift<T>(asked: &[T], id: impl Fn(&T) -> DeliveryId, holds: impl Fn(&T) -> bool) -> (Vec<&T>, Vec<DeliveryId>) {
    let lost: Vec<DeliveryId> = asked.iter().filter(|one| !holds(one)).map(&id).collect();
    let mut seen: HashSet<DeliveryId> = lost.iter().copied().collect();
    let held = asked.iter().filter(|one| seen.insert(id(one))).collect();
    (held, lost)
}

/// What comes of a try that is settled so.
fn outcome(settle: &Settle) -> Result<AttemptOutcome> {
    match settle.state {
        DeliveryState::Sent => Ok(AttemptOutcome::Sent),
        DeliveryState::Retryable => Ok(AttemptOutcome::Retryable),
        DeliveryState::Unknown => Ok(AttemptOutcome::Unknown),
        DeliveryState::Discarded => Ok(AttemptOutcome::Discarded),
        other => {
            let text = format!("delivery {}: no try ends in {}", settle.id, other.word());
            Err(StoreError::Refused(text))
        }
    }
}
