//! Whom to tell of what a turn found: the past on which planning looks back, and the plan.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::Pipeline;
use super::orders::clocks;
use super::thinking::Thought;
use crate::core::Instant;
use crate::core::acknowledgement::Acknowledgement;
use crate::core::card::{CardId, Change, Transition, Watch};
use crate::core::count::{is_red_since, quarter};
use crate::core::item::{Item, ItemKey};
use crate::core::notice::{Body, Notice, NoticeKind, Planned, by_card};
use crate::core::observe::earliest;
use crate::playbook::Playbook;
use crate::store::Result;
use crate::tell::plan::{BEYOND, Circumstances, Happening, Joinable, Office, Reds, plan, plan_order, plan_system};
use crate::tell::words::order::DeedTold;

/// What was said and done about cards before.
#[derive(Default)]
pub(super) struct History {
    said: HashMap<CardId, Vec<Notice>>,
    acknowledgements: Vec<Acknowledgement>,
    /// The transitions of items with an open card of which nothing was said, or which is counted.
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
        let climbs = office.climbs() || office.counts_streaks();
        let tells = |t: &Thought| {
            let has_news = t.write.transitions.iter().any(|t| t.change.is_about_a_card());
            has_news
                || t.write.order.is_some()
                || t.has_open_card() && (climbs || t.other_playbook || t.before.is_some())
        };
        if !thoughts.iter().any(tells) && system.bodies.is_empty() {
            return Ok(());
        }
        let history = self.history(thoughts.iter().filter(|t| tells(t)), office, climbs).await?;
        let mut quarter = self.quarter(thoughts.iter().filter(|t| tells(t)), office, now).await?;
        let silences = self.store.silences(false).await?;
        let circumstances = Circumstances { silences: &silences, bad_addresses: self.bad_addresses().await? };
        let mut joinable = Joinable::default();
        for thought in thoughts.iter_mut().filter(|t| tells(t)) {
            let cards: HashSet<CardId> = thought.cards().collect();
            let said: Vec<Notice> = cards.iter().filter_map(|card| history.said.get(card)).flatten().cloned().collect();
            let happening = Happening {
                item: &thought.item,
                before: thought.before.as_ref(),
                rulings: &thought.write.record.rulings,
                watches: &thought.write.record.watches,
                transitions: &thought.write.transitions,
                said: &said,
                raised: history.raised.get(&thought.item.key).map_or(&[], Vec::as_slice),
                reds: quarter.as_ref().and_then(|quarter| quarter.reds(&thought.item)),
                acknowledgements: &history.acknowledgements,
                baseline,
                other_playbook: thought.other_playbook,
            };
            let plan = plan(happening, office, &circumstances, &mut joinable, now);
            if let Some(quarter) = &mut quarter {
                quarter.add(&thought.item, &thought.write.transitions);
            }
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
            system.planned.extend(plan_system(kind, subject, body, office, &mut joinable, None, now));
        }
        let planned = thoughts.iter_mut().flat_map(|t| &mut t.write.notices).chain(&mut system.planned);
        self.join_open(planned.collect(), now).await
    }

    /// Lets what is planned join the deliveries to its contacts that are open already.
    pub(super) async fn join_open(&self, mut planned: Vec<&mut Planned>, now: Instant) -> Result<()> {
        planned.retain(|planned| planned.placement.is_some());
        let contacts: BTreeSet<Arc<str>> = planned.iter().map(|planned| planned.notice.contact.clone()).collect();
        if contacts.is_empty() {
            return Ok(());
        }
        let open = self.store.open_deliveries(&contacts.into_iter().collect::<Vec<_>>()).await?;
        let open = Joinable::new(open);
        for planned in planned {
            open.join(planned, now);
        }
        Ok(())
    }

    /// What was said and done about the cards of items, as far as planning looks back on it.
    async fn history(
        &self,
        thoughts: impl Iterator<Item = &Thought> + Clone,
        office: &Office,
        climbs: bool,
    ) -> Result<History> {
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
        let is_unsaid = |w: &Watch| {
            let said = history.said.get(&w.card);
            w.level.is_some() && !said.into_iter().flatten().any(|notice| notice.number == w.number)
        };
        let counts = office.counts_streaks();
        let is_needed = |t: &&Thought| {
            let is_looked_at = t.other_playbook || climbs;
            is_looked_at && t.write.record.watches.iter().any(is_unsaid) || counts && is_counted(t, office)
        };
        let needed: Vec<ItemKey> = thoughts.filter(is_old).filter(is_needed).map(|t| t.item.key.clone()).collect();
        if !needed.is_empty() {
            for (item, transition) in self.store.histories(&needed).await? {
                history.raised.entry(item).or_default().push(transition);
            }
        }
        Ok(history)
    }

    /// The red cards of the units whose cards turn red now, if a ladder counts them.
    async fn quarter(
        &self,
        thoughts: impl Iterator<Item = &Thought>,
        office: &Office,
        now: Instant,
    ) -> Result<Option<Quarter>> {
        let Some(most) = office.most_reds() else { return Ok(None) };
        let since = quarter(&office.quiet, now);
        let turned = thoughts.filter(|t| t.write.transitions.iter().any(|t| is_red_since(t, since)));
        let units: BTreeSet<Arc<str>> = turned.filter_map(|t| t.item.text("unit").map(Arc::from)).collect();
        if units.is_empty() {
            return Ok(None);
        }
        let most = usize::try_from(most + BEYOND + 1).unwrap_or(usize::MAX);
        let mut known: HashMap<Arc<str>, BTreeSet<(CardId, u32)>> = HashMap::new();
        let units: Vec<Arc<str>> = units.into_iter().collect();
        for (unit, card, episode) in self.store.reds(&units, since, most).await? {
            known.entry(unit).or_default().insert((card, episode));
        }
        known.extend(
            units
                .into_iter()
                .filter(|unit| !known.contains_key(unit))
                .map(|unit| (unit, BTreeSet::new()))
                .collect::<Vec<_>>(),
        );
        Ok(Some(Quarter { since, known }))
    }
}

/// Whether how often a card stood running may reach a number now: a rule asks for the date, or a card is raised again.
fn is_counted(thought: &Thought, office: &Office) -> bool {
    let raised_again = |t: &Transition| t.change == Change::Raise && t.episode > 1;
    let mut open = thought.write.record.watches.iter().filter(|watch| watch.level.is_some());
    open.any(|watch| office.periods.contains_key(&watch.rule)) || thought.write.transitions.iter().any(raised_again)
}

/// The red cards of units in the present quarter; grows as a turn plans.
struct Quarter {
    since: Instant,
    known: HashMap<Arc<str>, BTreeSet<(CardId, u32)>>,
}

impl Quarter {
    fn reds(&self, item: &Item) -> Option<Reds<'_>> {
        Some(Reds { since: self.since, known: self.known.get(item.text("unit")?)? })
    }

    fn add(&mut self, item: &Item, transitions: &[Transition]) {
        if let Some(known) = item.text("unit").and_then(|unit| self.known.get_mut(unit)) {
            let turned = transitions.iter().filter(|t| is_red_since(t, self.since));
            known.extend(turned.map(|t| (t.card, t.episode)));
        }
    }
}
