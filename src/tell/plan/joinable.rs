//! Where a notice goes: into a delivery to the same contact by the same channel at the same time, else into a new one.

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

    /// Finds a delivery to the same contact by the same channel at the same time, or opens one. What waits because the
    /// channel is at its limit takes everything that may leave by then: another message would only wait longer.
    fn place(&mut self, notice: &Notice, wait: Option<(Instant, Wait)>, now: Instant) -> Placement {
        let not_before = wait.map_or(now, |(until, _)| until);
        let waits_for = wait.map(|(_, wait)| wait);
        let rehearsal = notice.rehearsal;
        let address = (notice.contact.clone(), notice.channel.clone());
        let fits = |d: &&OpenDelivery| {
            let leaves_at = d.not_before.max(now);
            d.rehearsal == rehearsal
                && (leaves_at == not_before || d.waits_for == Some(Wait::Rate) && not_before <= leaves_at)
        };
        if let Some(open) = self.0.get(&address).and_then(|all| all.iter().find(fits)) {
            let waits_for = if open.not_before.max(now) == not_before { waits_for } else { open.waits_for };
            let not_before = not_before.max(open.not_before);
            return Placement { delivery: open.id, opens: false, not_before, waits_for, rehearsal };
        }
        let delivery = DeliveryId::new(&notice.contact, &notice.channel, notice.key);
        let (contact, channel) = address;
        self.add(OpenDelivery { id: delivery, contact, channel, not_before, waits_for, rehearsal });
        Placement { delivery, opens: true, not_before, waits_for, rehearsal }
    }
}
