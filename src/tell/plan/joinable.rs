//! Where a notice goes: into a delivery to the same contact by the same channel at the same time, else into a new one.
//!
//! A turn is planned as if nothing was open. Only then is it known of whom the store is to be asked what is, and
//! [`Joinable::join`] lets these notices join it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::core::Instant;
use crate::core::delivery::DeliveryId;
use crate::core::notice::{Notice, OpenDelivery, Placement, Planned, Wait};

/// The deliveries that can still be joined; grows as a turn plans.
#[derive(Debug, Clone, Default)]
pub struct Joinable(HashMap<(Arc<str>, Arc<str>), Vec<OpenDelivery>>);

impl Joinable {
    /// What the store has open.
    pub fn new(open: impl IntoIterator<Item = OpenDelivery>) -> Self {
        let mut joinable = Self::default();
        open.into_iter().for_each(|delivery| joinable.add(delivery));
        joinable
    }

    fn add(&mut self, delivery: OpenDelivery) {
        let address = (delivery.contact.clone(), delivery.channel.clone());
        self.0.entry(address).or_default().push(delivery);
    }

    /// A notice with the delivery that it joins or opens.
    pub(super) fn planned(&mut self, mut notice: Notice, wait: Option<(Instant, Wait)>, now: Instant) -> Planned {
        let placement = self.place(&notice, wait, now);
        notice.delivery = Some(placement.delivery);
        Planned { notice, placement: Some(placement) }
    }

    /// Lets a planned notice join what is open here, if it fits, in the place of what it would open.
    pub fn join(&self, planned: &mut Planned, now: Instant) {
        let Planned { notice, placement: Some(placement) } = planned else { return };
        if let Some(open) = self.find(notice, placement.not_before, placement.waits_for, now) {
            notice.delivery = Some(open.delivery);
            *placement = open;
        }
    }

    /// Finds a delivery to the same contact by the same channel at the same time, or opens one.
    fn place(&mut self, notice: &Notice, wait: Option<(Instant, Wait)>, now: Instant) -> Placement {
        let not_before = wait.map_or(now, |(until, _)| until);
        let waits_for = wait.map(|(_, wait)| wait);
        if let Some(open) = self.find(notice, not_before, waits_for, now) {
            return open;
        }
        let rehearsal = notice.rehearsal;
        let delivery = DeliveryId::new(&notice.contact, &notice.channel, notice.key);
        let (contact, channel) = (notice.contact.clone(), notice.channel.clone());
        self.add(OpenDelivery { id: delivery, contact, channel, not_before, waits_for, rehearsal });
        Placement { delivery, opens: true, not_before, waits_for, rehearsal }
    }

    /// What waits because the channel is at its limit takes everything that may leave by then: another message would only
    /// wait longer. What waits for more to say takes what would wait for that too, and leaves no later for it.
    fn find(&self, notice: &Notice, not_before: Instant, waits_for: Option<Wait>, now: Instant) -> Option<Placement> {
        let rehearsal = notice.rehearsal;
        let fits = |d: &&OpenDelivery| {
            let leaves_at = d.not_before.max(now);
            let takes = match d.waits_for {
                Some(Wait::Rate) => not_before <= leaves_at,
                Some(Wait::Group) => waits_for == Some(Wait::Group) && leaves_at <= not_before,
                _ => false,
            };
            d.rehearsal == rehearsal && (leaves_at == not_before || takes)
        };
        let open = self.0.get(&(notice.contact.clone(), notice.channel.clone()))?.iter().find(fits)?;
        let leaves_at = open.not_before.max(now);
        let waits_for = if leaves_at == not_before { waits_for } else { open.waits_for };
        Some(Placement { delivery: open.id, opens: false, not_before: leaves_at, waits_for, rehearsal })
    }
}
