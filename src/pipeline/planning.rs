//! Whom to tell of what a turn found: the past on which planning looks back, and the plan.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Pipeline;
use super::orders::clocks;
use super::thinking::Thought;
use crate::core::Instant;
use crate::core::acknowledgement::Acknowledgement;
use crate::core::card::{CardId, Transition, Watch};
use crate::core::item::ItemKey;
use crate::core::notice::{Body, Notice, NoticeKind, Planned, by_card};
use crate::core::observe::earliest;
use crate::playbook::Playbook;
use crate::store::Result;
use crate::tell::plan::{Circumstances, Happening, Joinable, contacts, plan, plan_order, plan_system};
use crate::tell::words::order::DeedTold;

/// What was said and done about cards before.
#[derive(Default)]
pub(super) struct History {
    said: HashMap<CardId, Vec<Notice>>,
    acknowledgements: Vec<Acknowledgement>,
    /// The transitions of items with an open card of which nothing was said.
    raised: HashMap<ItemKey, Vec<Transition>>,
}

/// Operators' messages of a turn.
#[derive(Default)]
pub(super) struct System {
    pub bodies: BTreeMap<String, Body>,
    pub planned: Vec<Planned>,
}

impl Pipeline {
    /// Plans whom to tell about all that changed, and about open cards that climb on.
    pub(super) async fn plan_all(
        &self,
        playbook: &Playbook,
        thoughts: &mut [Thought],
        system: &mut System,
        baseline: bool,
        now: Instant,
    ) -> Result<()> {
        let office = &playbook.office;
        let climbs = office.climbs();
        let tells = |t: &Thought| {
            let has_news = t.write.transitions.iter().any(|t| t.change.is_about_a_card());
            has_news || t.write.order.is_some() || t.has_open_card() && (climbs || t.other_playbook)
        };
        if !thoughts.iter().any(tells) && system.bodies.is_empty() {
            return Ok(());
        }
        let history = self.history(thoughts.iter().filter(|t| tells(t)), climbs).await?;
        let silences = self.store.silences(false).await?;
        let circumstances = Circumstances { silences: &silences, bad_addresses: self.bad_addresses().await? };
        let mut joinable = Joinable::new(self.store.open_deliveries(&contacts(office)).await?);
        for thought in thoughts.iter_mut().filter(|t| tells(t)) {
            let cards: HashSet<CardId> = thought.cards().collect();
            let said: Vec<Notice> = cards.iter().filter_map(|card| history.said.get(card)).flatten().cloned().collect();
            let happening = Happening {
                item: &thought.item,
                rulings: &thought.write.record.rulings,
                watches: &thought.write.record.watches,
                transitions: &thought.write.transitions,
                said: &said,
                raised: history.raised.get(&thought.item.key).map_or(&[], Vec::as_slice),
                acknowledgements: &history.acknowledgements,
                baseline,
                other_playbook: thought.other_playbook,
            };
            let plan = plan(happening, office, &circumstances, &mut joinable, now);
            let record = &mut thought.write.record;
            record.next_look_at = earliest(record.next_look_at, plan.next_look_at);
            thought.write.notices = plan.notices;
            let Some(order) = thought.write.order.as_deref() else { continue };
            let clocks = clocks(playbook, &thought.write.record.rulings, now);
            for index in thought.deeds_told..order.history.len() {
                let (centre, language) = (&*playbook.orders.centre, playbook.language);
                let told = DeedTold { order, index, clocks: &clocks, centre, language };
                thought.write.notices.extend(plan_order(told, office, &circumstances, &mut joinable, now));
            }
        }
        for (subject, body) in &system.bodies {
            let kind = NoticeKind::System;
            system.planned.extend(plan_system(kind, subject, body, office, &mut joinable, now));
        }
        Ok(())
    }

    /// What was said and done about the cards of items, as far as planning looks back on it.
    async fn history(&self, thoughts: impl Iterator<Item = &Thought> + Clone, climbs: bool) -> Result<History> {
        let is_old = |t: &&Thought| {
            let had_one = t.write.transitions.iter().any(|t| t.change.is_about_a_card() && t.from.is_some());
            had_one || t.has_open_card() && t.write.record.version > 0
        };
        let old: Vec<ItemKey> = thoughts.clone().filter(is_old).map(|t| t.item.key.clone()).collect();
        let mut history = History::default();
        if old.is_empty() {
            return Ok(history);
        }
        history.said = by_card(self.store.notices_about(&old).await?);
        if climbs {
            let watches = thoughts.clone().filter(is_old).flat_map(|t| &t.write.record.watches);
            let open: Vec<CardId> = watches.filter(|w| w.level.is_some()).map(|w| w.card).collect();
            history.acknowledgements = self.store.acknowledgements(&open).await?;
        }
        for thought in thoughts.filter(|t| t.other_playbook || climbs) {
            let is_unsaid = |w: &Watch| {
                let said = history.said.get(&w.card);
                w.level.is_some() && !said.into_iter().flatten().any(|notice| notice.number == w.number)
            };
            if thought.write.record.watches.iter().any(is_unsaid) {
                let transitions = self.store.transitions(&thought.item.key).await?;
                history.raised.insert(thought.item.key.clone(), transitions);
            }
        }
        Ok(history)
    }
}
