//! **Admission**: what of a turn may be written, given what the store holds. Pure, and the same for every back end: they
//! fetch what is [`Known`] and write what is [`Admitted`], inside one transaction.
//!
//! An item is lost if somebody else wrote it since it was read, if its order has a number that another one got, or if one of
//! its notices joins a delivery that can no longer be joined; with it are lost the items that join a delivery which only it
//! opens, and those that are to be written with it or not at all. A notice whose key is planned
//! or used up is left alone, and its placement with it. One that is held or dropped is replaced.
//!
//! Acts are written with the items that they brought about, and not if all of these are lost: what persons do is done in a
//! turn of one item, or of several that are done again. An act in a turn without items tells of what is done elsewhere.
//!
//! **Invariants:** an item is written with all of its new notices or not at all. No delivery is opened without a member.
//! A rehearsal's notice never joins a delivery that goes out live, nor the reverse.

#[cfg(test)]
mod laws;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Committed, ItemWrite, Turn};
use crate::core::Instant;
use crate::core::audit::Act;
use crate::core::delivery::{DeliveryId, DeliveryState};
use crate::core::digest::Digest;
use crate::core::item::ItemKey;
use crate::core::notice::{Notice, NoticeState, Placement, Planned, Wait};
use crate::core::order::{Number, Order, OrderId};

/// What the store holds of the things that a turn names.
#[derive(Debug, Default)]
pub struct Known {
    /// The versions of its items; those that are not stored are left out.
    pub versions: HashMap<ItemKey, i64>,
    /// The states of its notices; those that are not stored are left out.
    pub notices: HashMap<Digest, NoticeState>,
    /// The deliveries of its notices, as far as they were looked up; `None` if there is no such delivery.
    pub deliveries: HashMap<DeliveryId, Option<Standing>>,
    /// Who has the numbers of its orders, as far as somebody has.
    pub numbers: HashMap<Number, OrderId>,
}

/// A delivery that a turn names, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// To whom.
    pub contact: Arc<str>,
    /// By which channel.
    pub channel: Arc<str>,
    /// Where it stands.
    pub state: DeliveryState,
    /// Whether it was sealed.
    pub is_sealed: bool,
    /// Whether it goes to the rehearsal's address.
    pub rehearsal: bool,
    /// The earliest instant at which it may be claimed.
    pub not_before: Instant,
    /// Why it is not claimed at once.
    pub waits_for: Option<Wait>,
    /// When it was opened.
    pub opened_at: Instant,
}

/// What is written of a turn.
#[derive(Debug, Default)]
pub struct Admitted<'a> {
    /// The items, with snapshots and transitions.
    pub items: Vec<&'a ItemWrite>,
    /// The notices: new, or in place of the stored ones with the same key.
    pub notices: Vec<Notice>,
    /// Their deliveries: new, reopened or joined.
    pub deliveries: Vec<Opening>,
    /// Ended deliveries that count as reported now: none if a notice that may report one is lost.
    pub reported: &'a [DeliveryId],
    /// What persons did: none if all items are lost.
    pub acts: &'a [Act],
    /// What is not written.
    pub committed: Committed,
}

/// A delivery as it is to stand after a turn: new, or in place of the stored one, not claimed and not sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Its identity.
    pub id: DeliveryId,
    /// To whom.
    pub contact: Arc<str>,
    /// By which channel.
    pub channel: Arc<str>,
    /// `scheduled` or `available`.
    pub state: DeliveryState,
    /// The earliest instant at which it may be claimed: the earliest that a member asks for, but for what waits because
    /// its channel is at its limit, which no member brings forward.
    pub not_before: Instant,
    /// Why it is not claimed at once.
    pub waits_for: Option<Wait>,
    /// When it was opened.
    pub opened_at: Instant,
    /// Whether it goes to the rehearsal's address.
    pub rehearsal: bool,
}

/// The deliveries that have to be looked up before [`admit`]. A back end repeats this until none is missing.
pub fn missing_deliveries(turn: &Turn, known: &Known) -> Vec<DeliveryId> {
    let admission = Admission::new(turn, known);
    let named: HashSet<DeliveryId> = planned(turn).filter_map(|p| p.placement.as_ref()).map(|p| p.delivery).collect();
    let ids = named.into_iter().map(|id| admission.actual(id));
    ids.filter(|id| !known.deliveries.contains_key(id)).collect::<HashSet<_>>().into_iter().collect()
}

/// All notices of a turn.
pub fn planned(turn: &Turn) -> impl Iterator<Item = &Planned> {
    turn.items.iter().flat_map(|item| &item.notices).chain(&turn.notices)
}

impl Admitted<'_> {
    /// The keys of notices that say what they said when they were held.
    pub fn again(&self) -> HashSet<Digest> {
        self.items.iter().flat_map(|item| &item.again).copied().collect()
    }
}

/// The numbers of a turn's orders.
pub fn numbers(turn: &Turn) -> Vec<Number> {
    turn.items.iter().filter_map(|item| item.order.as_ref()?.number).collect()
}

/// What of a turn may be written.
pub fn admit<'a>(turn: &'a Turn, known: &Known) -> Admitted<'a> {
    let mut admission = Admission::new(turn, known);
    admission.check_versions();
    admission.check_deliveries();
    let mut admitted = admission.collect();
    if admitted.committed.lost_notices.is_empty() {
        admitted.reported = &turn.reported;
    }
    if turn.items.is_empty() || !admitted.items.is_empty() {
        admitted.acts = &turn.acts;
    }
    admitted
}

/// What is written or lost together: an item, or one of the turn's own notices.
struct Unit<'a> {
    item: Option<&'a ItemWrite>,
    notices: &'a [Planned],
    is_lost: bool,
}

/// Who opens a delivery.
struct Opener<'a> {
    notice: &'a Notice,
    rehearsal: bool,
    /// How many units that are not lost open it.
    units: usize,
}

struct Admission<'a, 'k> {
    known: &'k Known,
    units: Vec<Unit<'a>>,
    openers: HashMap<DeliveryId, Opener<'a>>,
    /// Units that are written together or not at all.
    companions: Vec<(usize, usize)>,
}

impl<'a, 'k> Admission<'a, 'k> {
    fn new(turn: &'a Turn, known: &'k Known) -> Self {
        let items = turn.items.iter().map(|item| Unit { item: Some(item), notices: &item.notices, is_lost: false });
        let own = turn.notices.iter().map(|p| Unit { item: None, notices: std::slice::from_ref(p), is_lost: false });
        let mut openers = HashMap::new();
        for (notice, placement) in planned(turn).filter_map(placed).filter(|(_, placement)| placement.opens) {
            let opener = Opener { notice, rehearsal: placement.rehearsal, units: 0 };
            openers.entry(placement.delivery).or_insert(opener).units += 1;
        }
        Self { known, units: items.chain(own).collect(), openers, companions: companions(turn) }
    }

    /// Loses the items that are stored in another version than the one that was read.
    fn check_versions(&mut self) {
        let mut seen = HashSet::new();
        for index in 0..self.units.len() {
            let Some(ItemWrite { record, .. }) = self.units[index].item else { continue };
            let stored = self.known.versions.get(&record.item.key).copied().unwrap_or_default();
            if stored != record.version || !seen.insert(&record.item.key) {
                self.lose(index);
            }
        }
        for index in 0..self.units.len() {
            let order = self.units[index].item.and_then(|item| item.order.as_deref());
            let is_taken = |order: &Order| {
                order.number.and_then(|number| self.known.numbers.get(&number)).is_some_and(|has| *has != order.id)
            };
            if order.is_some_and(is_taken) {
                self.lose(index);
            }
        }
        self.lose_companions();
    }

    /// Loses what is to be written with something that is lost; whether there was any.
    fn lose_companions(&mut self) -> bool {
        let mut is_any = false;
        while let Some((one, other)) =
            self.companions.iter().copied().find(|(one, other)| self.units[*one].is_lost != self.units[*other].is_lost)
        {
            self.lose(if self.units[one].is_lost { other } else { one });
            is_any = true;
        }
        is_any
    }

    /// Loses what joins a delivery that cannot be joined, until nothing more is lost by that.
    fn check_deliveries(&mut self) {
        loop {
            let mut is_settled = true;
            for index in 0..self.units.len() {
                let unit = &self.units[index];
                if !unit.is_lost && !self.fresh(unit.notices).filter_map(placed).all(|(n, p)| self.fits(n, p)) {
                    self.lose(index);
                    is_settled = false;
                }
            }
            if is_settled && !self.lose_companions() {
                return;
            }
        }
    }

    fn lose(&mut self, index: usize) {
        let unit = &mut self.units[index];
        unit.is_lost = true;
        for (_, placement) in unit.notices.iter().filter_map(placed).filter(|(_, placement)| placement.opens) {
            if let Some(opener) = self.openers.get_mut(&placement.delivery) {
                opener.units -= 1;
            }
        }
    }

    /// The notices that are new or stand in for held and dropped ones.
    fn fresh(&self, notices: &'a [Planned]) -> impl Iterator<Item = &'a Planned> {
        notices.iter().filter(|planned| {
            let stored = self.known.notices.get(&planned.notice.key);
            matches!(stored, None | Some(NoticeState::Held | NoticeState::Dropped))
        })
    }

    /// The delivery that carries what was planned for a delivery: a successor if the turn opens one that is used up.
    fn actual(&self, mut id: DeliveryId) -> DeliveryId {
        if let Some(opener) = self.openers.get(&id) {
            while let Some(Some(standing)) = self.known.deliveries.get(&id)
                && standing.state != DeliveryState::Cancelled
                && !standing.takes(opener.notice, opener.rehearsal)
            {
                id = id.successor();
            }
        }
        id
    }

    /// Whether a notice can go where it is placed.
    fn fits(&self, notice: &Notice, placement: &Placement) -> bool {
        let opener = self.openers.get(&placement.delivery).filter(|opener| opener.units > 0);
        let standing = self.known.deliveries.get(&self.actual(placement.delivery)).and_then(Option::as_ref);
        match standing.filter(|standing| standing.state != DeliveryState::Cancelled) {
            Some(standing) => standing.takes(notice, placement.rehearsal),
            None => opener.is_some_and(|opener| {
                opener.rehearsal == placement.rehearsal
                    && opener.notice.contact == notice.contact
                    && opener.notice.channel == notice.channel
            }),
        }
    }

    fn collect(self) -> Admitted<'a> {
        let mut admitted = Admitted::default();
        let mut openings: HashMap<DeliveryId, Opening> = HashMap::new();
        let mut keys = HashSet::new();
        for unit in &self.units {
            if unit.is_lost {
                match unit.item {
                    Some(item) => admitted.committed.lost.push(item.record.item.key.clone()),
                    None => admitted.committed.lost_notices.extend(unit.notices.iter().map(|p| p.notice.key)),
                }
                continue;
            }
            admitted.items.extend(unit.item);
            for planned in self.fresh(unit.notices).filter(|planned| keys.insert(planned.notice.key)) {
                let delivery = placed(planned).map(|(notice, placement)| self.open(&mut openings, notice, placement));
                admitted.notices.push(written(&planned.notice, delivery));
            }
        }
        admitted.deliveries = openings.into_values().collect();
        admitted
    }

    /// Opens, reopens or joins the delivery of a notice.
    fn open(&self, openings: &mut HashMap<DeliveryId, Opening>, notice: &Notice, placement: &Placement) -> DeliveryId {
        let id = self.actual(placement.delivery);
        let opening = openings.entry(id).or_insert_with(|| {
            let standing = self.known.deliveries.get(&id).and_then(Option::as_ref);
            let joined = standing.filter(|standing| standing.state != DeliveryState::Cancelled);
            Opening {
                id,
                contact: notice.contact.clone(),
                channel: notice.channel.clone(),
                state: joined.map_or(DeliveryState::Scheduled, |joined| joined.state),
                not_before: joined.map_or(placement.not_before, |joined| joined.not_before),
                waits_for: joined.map_or(placement.waits_for, |joined| joined.waits_for),
                opened_at: joined.map_or(notice.planned_at, |joined| joined.opened_at),
                rehearsal: placement.rehearsal,
            }
        });
        if placement.not_before < opening.not_before && opening.waits_for != Some(Wait::Rate) {
            opening.not_before = placement.not_before;
            opening.waits_for = placement.waits_for;
        }
        if opening.not_before <= notice.planned_at {
            opening.state = DeliveryState::Available;
        }
        id
    }
}

/// The places of items that are to be written together.
fn companions(turn: &Turn) -> Vec<(usize, usize)> {
    let mut with = turn.items.iter().enumerate().filter_map(|(at, item)| Some((at, item.with.as_ref()?))).peekable();
    if with.peek().is_none() {
        return Vec::new();
    }
    let places: HashMap<&ItemKey, usize> =
        turn.items.iter().enumerate().map(|(at, item)| (&item.record.item.key, at)).collect();
    with.filter_map(|(at, companion)| Some((at, *places.get(companion)?))).collect()
}

impl Standing {
    /// Whether a notice can join it.
    fn takes(&self, notice: &Notice, rehearsal: bool) -> bool {
        let is_open = matches!(self.state, DeliveryState::Scheduled | DeliveryState::Available) && !self.is_sealed;
        is_open && self.rehearsal == rehearsal && self.contact == notice.contact && self.channel == notice.channel
    }
}

fn placed(planned: &Planned) -> Option<(&Notice, &Placement)> {
    planned.placement.as_ref().map(|placement| (&planned.notice, placement))
}

/// A notice with the state that follows from where it goes.
fn written(notice: &Notice, delivery: Option<DeliveryId>) -> Notice {
    match delivery {
        Some(_) => Notice { state: NoticeState::Planned, hold: None, delivery, settled_at: None, ..notice.clone() },
        // What was held may be dropped.
        None if notice.state == NoticeState::Dropped => Notice { delivery, settled_at: None, ..notice.clone() },
        None => Notice { state: NoticeState::Held, delivery, settled_at: None, ..notice.clone() },
    }
}
