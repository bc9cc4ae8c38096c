//! Orders at the door: cards propose them and close them, people act on them. The item that stands for an order goes
//! through the same turn as every other.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::Datelike as _;

use super::thinking::{Thought, think};
use super::{BATCH, Done, Entry, News, Pipeline, TRIES};
use crate::core::Instant;
use crate::core::audit::Act;
use crate::core::card::{Change, Transition};
use crate::core::item::{Item, ItemKey};
use crate::core::json::Json;
use crate::core::matcher::Suspect;
use crate::core::notice::{Notice, NoticeKind};
use crate::core::order::{self, Classification, Deed, Ground, Number, Order, OrderId, Party, PartyKind, Refusal};
use crate::core::reading::read;
use crate::core::window::{Level, Ruling};
use crate::playbook::Playbook;
use crate::store::{ItemRecord, OrderQuery, Result};
use crate::tell::time_words;

/// What somebody wants to do with an order.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Which order.
    pub order: OrderId,
    /// What. The number of a dispatch is given here, whatever stands in it.
    pub deed: Deed,
    /// Who writes it down.
    pub by: String,
    /// The contact on whose behalf, if not the same.
    pub on_behalf_of: Option<Arc<str>>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acted {
    /// It is done; the order as it is now, and how many were told.
    Done(Box<Order>, usize),
    /// It cannot be done.
    Refused(Refusal),
    /// There is no such order.
    Unknown,
    /// Others were faster again and again.
    Lost,
}

/// An order that changes, and from which of its deeds on nobody was told yet.
struct Changing {
    order: Order,
    told: usize,
    with: Option<ItemKey>,
}

impl Pipeline {
    /// Does something with an order, in a turn of its own.
    pub async fn act_on_order(&self, playbook: &Arc<Playbook>, wanted: &Wanted, now: Instant) -> Result<Acted> {
        for _ in 0..TRIES {
            let found = self.store.orders(OrderQuery::Beginning(&wanted.order.to_string())).await?;
            let Some(order) = found.into_iter().next() else { return Ok(Acted::Unknown) };
            let mut deed = wanted.deed.clone();
            if let Deed::Dispatch { number, .. } = &mut deed {
                *number = self.next_number(playbook, 0, now).await?;
            }
            let told = order.history.len();
            let next = match order.act(deed.clone(), wanted.by.clone(), wanted.on_behalf_of.clone(), now) {
                Ok(next) => next,
                Err(refusal) => return Ok(Acted::Refused(refusal)),
            };
            let act = Act {
                at: now,
                by: wanted.by.clone(),
                what: format!("order.{}", deed.word()),
                subject: next.key().to_string(),
                why: deed.text().to_owned(),
                detail: Json::of(&deed),
            };
            let changing = Changing { order: next.clone(), told, with: None };
            let mut thoughts = self.think_of_orders(playbook, vec![changing], now).await?;
            for thought in &mut thoughts {
                thought.act = Some(act.clone());
            }
            let mut done = Done::default();
            if self.finish(playbook, thoughts, false, now, &mut done).await?.is_empty() {
                return Ok(Acted::Done(Box::new(next), done.notices));
            }
        }
        Ok(Acted::Lost)
    }

    /// What the changes of cards in a turn mean for orders: a red card proposes one; a card that closes withdraws what is
    /// only proposed, a wrong one everything.
    pub(super) async fn orders_of(
        &self,
        playbook: &Playbook,
        thoughts: &[Thought],
        baseline: bool,
        now: Instant,
    ) -> Result<Vec<Thought>> {
        let proposes = |t: &Transition| {
            t.change == Change::Raise && t.to.is_some_and(|level| playbook.orders.propose.contains(&level))
        };
        let closes = |t: &Transition| t.change.is_about_a_card() && t.to.is_none();
        let may_have_one = |thought: &&Thought| !thought.item.key.is_own() && *thought.item.kind != *order::KIND;
        let concerned = |thought: &&Thought| {
            let mut transitions = thought.write.transitions.iter();
            may_have_one(thought) && transitions.any(|t| proposes(t) || closes(t))
        };
        let concerned: Vec<&Thought> = thoughts.iter().filter(concerned).collect();
        if concerned.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<ItemKey> = concerned.iter().map(|thought| thought.item.key.clone()).collect();
        let known = self.store.orders(OrderQuery::Of(&keys)).await?;
        let mut orders: BTreeMap<OrderId, Changing> = BTreeMap::new();
        let mut known: BTreeMap<OrderId, Order> = known.into_iter().map(|order| (order.id, order)).collect();
        for thought in concerned {
            let with = Some(thought.item.key.clone());
            for transition in &thought.write.transitions {
                let id = OrderId::new(transition.card, transition.episode);
                let is_new = !known.contains_key(&id) && !orders.contains_key(&id);
                if proposes(transition) && is_new && playbook.has_orders() && !baseline {
                    let order = Order::propose(ground(playbook, &thought.item, transition), now);
                    orders.insert(id, Changing { order, told: 0, with: with.clone() });
                } else if closes(transition) {
                    let fresh = known.remove(&id).map(|order| Changing {
                        told: order.history.len(),
                        order,
                        with: with.clone(),
                    });
                    let Some(changing) = orders.remove(&id).or(fresh) else { continue };
                    orders.insert(id, card_closed(changing, transition.change == Change::Revoke, now));
                }
            }
        }
        let mut changing: Vec<Changing> = orders.into_values().collect();
        self.dispatch_at_once(playbook, &mut changing, now).await?;
        self.think_of_orders(playbook, changing, now).await
    }

    /// Proposes the orders of cards whose baseline was released.
    pub(super) async fn propose_released(
        &self,
        playbook: &Arc<Playbook>,
        released: &[Notice],
        records: &HashMap<ItemKey, ItemRecord>,
        now: Instant,
    ) -> Result<()> {
        if !playbook.has_orders() {
            return Ok(());
        }
        let mut orders: BTreeMap<OrderId, Changing> = BTreeMap::new();
        for notice in released.iter().filter(|notice| notice.kind == NoticeKind::Raise) {
            let Some(record) = notice.item.as_ref().and_then(|item| records.get(item)) else { continue };
            let proposes = |level: Option<Level>| level.is_some_and(|level| playbook.orders.propose.contains(&level));
            let stands = record.watches.iter().find(|watch| Some(watch.card) == notice.card && proposes(watch.level));
            let (Some(watch), false, true) = (stands, record.item.key.is_own(), *record.item.kind != *order::KIND)
            else {
                continue;
            };
            let ground = Ground {
                card: watch.card,
                episode: watch.episode,
                rule: watch.rule.clone(),
                name: watch.name.clone(),
                level: watch.level.unwrap_or(Level::Red),
                ladder: ladder(&record.rulings, &watch.rule, &watch.name),
                ..ground_of(playbook, &record.item, &watch.rule, &watch.name)
            };
            let order = Order::propose(ground, now);
            orders.entry(order.id).or_insert(Changing { order, told: 0, with: None });
        }
        let items: Vec<ItemKey> = orders.values().map(|changing| changing.order.ground.item.clone()).collect();
        for known in self.store.orders(OrderQuery::Of(&items)).await? {
            orders.remove(&known.id);
        }
        let mut changing: Vec<Changing> = orders.into_values().collect();
        self.dispatch_at_once(playbook, &mut changing, now).await?;
        let thoughts = self.think_of_orders(playbook, changing, now).await?;
        // What somebody else has proposed in between is there.
        self.finish(playbook, thoughts, false, now, &mut Done::default()).await?;
        Ok(())
    }

    /// Classifies and dispatches what is to go out without anybody's doing.
    async fn dispatch_at_once(&self, playbook: &Playbook, changing: &mut [Changing], now: Instant) -> Result<()> {
        let mut dispatched = 0;
        for Changing { order, .. } in changing {
            let ground = &order.ground;
            let (true, true, Some(unit)) = (
                order.state == order::OrderState::Proposed,
                playbook.orders.dispatches(&ground.rule, ground.level),
                ground.unit.clone(),
            ) else {
                continue;
            };
            let reason = playbook.language.pick("按配置自动派发", "dispatched at once, as configured").to_owned();
            let classify = Deed::Classify { classification: Classification::Handle, cause: None, reason, into: None };
            let number = self.next_number(playbook, dispatched, now).await?;
            let lead = Party::new(unit, PartyKind::Department, None);
            let dispatch = Deed::Dispatch { lead, assisting: Vec::new(), number };
            let classified = order.act(classify, BY, None, now);
            if let Ok(next) = classified.and_then(|order| order.act(dispatch, BY, None, now)) {
                *order = next;
                dispatched += 1;
            }
        }
        Ok(())
    }

    /// The next number of the year on the office's clock, after so many more that are given in the same turn.
    async fn next_number(&self, playbook: &Playbook, given: u32, now: Instant) -> Result<Number> {
        let year = playbook.calendar().local(now).year();
        Ok(Number { year, ordinal: self.store.last_order_number(year).await? + given + 1 })
    }

    /// Thinks about the items that stand for orders.
    async fn think_of_orders(
        &self,
        playbook: &Playbook,
        changing: Vec<Changing>,
        now: Instant,
    ) -> Result<Vec<Thought>> {
        let mut thoughts = Vec::with_capacity(changing.len());
        let mut changing = changing.into_iter();
        loop {
            let some: Vec<Changing> = changing.by_ref().take(BATCH).collect();
            if some.is_empty() {
                return Ok(thoughts);
            }
            let keys: Vec<ItemKey> = some.iter().map(|changing| changing.order.key()).collect();
            let records = self.store.load(&keys).await?.into_iter().map(|record| (record.item.key.clone(), record));
            let mut records: HashMap<ItemKey, ItemRecord> = records.collect();
            for Changing { order, told, with } in some {
                let item = Arc::new(order.item());
                let (record, digest) = (records.remove(&item.key), item.digest());
                let entry = Entry { record, news: News::Fresh(item, digest) };
                let Some(mut thought) = think(playbook, entry, now) else { continue };
                thought.write.order = Some(Box::new(order));
                thought.write.with = with;
                thought.deeds_told = told;
                thoughts.push(thought);
            }
        }
    }
}

/// By whom what duban does itself is done.
const BY: &str = "duban";

fn card_closed(changing: Changing, is_revoked: bool, now: Instant) -> Changing {
    let Changing { order, told, with } = changing;
    // One that has ended stays as it is.
    let order = order.act(Deed::CardClosed { is_revoked }, BY, None, now).unwrap_or(order);
    Changing { order, told, with }
}

fn ground(playbook: &Playbook, item: &Item, transition: &Transition) -> Ground {
    Ground {
        card: transition.card,
        episode: transition.episode,
        level: transition.to.unwrap_or(Level::Red),
        ladder: transition.ladder.clone(),
        ..ground_of(playbook, item, &transition.rule, &transition.name)
    }
}

/// What an order knows of an item. The title of what is confidential does not travel: the code is enough to find it.
fn ground_of(playbook: &Playbook, item: &Item, rule: &Arc<str>, name: &Arc<str>) -> Ground {
    let card = crate::core::card::CardId::new(&item.key, rule, name);
    let suspect = Suspect { item, rule, window: name, level: Some(Level::Red) };
    let is_secret = !playbook.office.confidential.is_empty() && playbook.office.confidential.fits(&suspect);
    let title = if is_secret { playbook.language.pick("（保密事项）", "(confidential)") } else { item.title() };
    Ground {
        card,
        episode: 1,
        item: item.key.clone(),
        rule: rule.clone(),
        name: name.clone(),
        level: Level::Red,
        ladder: None,
        is_open: true,
        title: title.to_owned(),
        unit: item.text("unit").map(Arc::from),
        region: item.text("region").map(Arc::from),
    }
}

fn ladder(rulings: &[Ruling], rule: &str, name: &str) -> Option<Arc<str>> {
    let windows = rulings.iter().filter(|ruling| *ruling.rule == *rule).flat_map(|ruling| &ruling.windows);
    windows.into_iter().find(|window| *window.name == *name).and_then(|window| window.ladder.clone())
}

/// By when what is to be done next, in words.
pub(super) fn clocks(playbook: &Playbook, rulings: &[Ruling], now: Instant) -> Vec<(String, String)> {
    let windows = rulings.iter().flat_map(|ruling| ruling.windows.iter().map(move |window| (ruling, window)));
    let clock = |(ruling, window): (&Ruling, &crate::core::window::Window)| {
        if window.done.is_some() {
            return None;
        }
        let calendar = playbook.clockwork.calendars.get(window.calendar.as_deref())?;
        let due_at = read(window, calendar, &playbook.clockwork.yellow, now).ok()?.due_at?;
        let label = playbook.rule_words(&ruling.rule, &window.name).label.unwrap_or_else(|| window.name.to_string());
        Some((label, time_words::due(due_at, calendar.zone(), playbook.language)))
    };
    windows.filter_map(clock).collect()
}
