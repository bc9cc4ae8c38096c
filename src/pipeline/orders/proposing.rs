//! What the changes of cards mean for orders: a red card proposes one; a card that closes withdraws what is only
//! proposed, a wrong one everything; what is configured so goes out at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Changing, think_of};
use crate::core::Instant;
use crate::core::card::{CardId, Change, Transition};
use crate::core::item::{Item, ItemKey};
use crate::core::matcher::Suspect;
use crate::core::notice::{Notice, NoticeKind};
use crate::core::order::{Classification, Deed, Ground, KIND, Number, Order, OrderId, OrderState, Party, PartyKind};
use crate::core::window::{Level, Ruling};
use crate::pipeline::thinking::Thought;
use crate::pipeline::{Done, Pipeline};
use crate::playbook::Playbook;
use crate::store::{ItemRecord, OrderQuery, Result};

/// By whom what duban does itself is done.
const BY: &str = "duban";

impl Pipeline {
    /// The orders that the changes of cards in a turn propose and close.
    pub(in crate::pipeline) async fn orders_of(
        &self,
        playbook: &Playbook,
        thoughts: &[Thought],
        baseline: bool,
        now: Instant,
    ) -> Result<Vec<Thought>> {
        let concerned: Vec<(&Thought, &Transition)> = thoughts
            .iter()
            .filter(|thought| may_have_orders(&thought.item))
            .flat_map(|thought| thought.write.transitions.iter().map(move |transition| (thought, transition)))
            .filter(|(_, transition)| proposes(playbook, transition) || closes(transition))
            .collect();
        if concerned.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<OrderId> = concerned.iter().map(|(_, t)| OrderId::new(t.card, t.episode)).collect();
        let guards = self.guards(&ids).await?;
        let items: Vec<ItemKey> = concerned.iter().map(|(thought, _)| thought.item.key.clone()).collect();
        let known = self.store.orders(OrderQuery::Of(&items)).await?;
        let mut known: BTreeMap<OrderId, Order> = known.into_iter().map(|order| (order.id, order)).collect();
        let mut orders: BTreeMap<OrderId, Changing> = BTreeMap::new();
        for ((thought, transition), id) in concerned.into_iter().zip(ids) {
            let with = Some(thought.item.key.clone());
            let is_new = !known.contains_key(&id) && !orders.contains_key(&id);
            if proposes(playbook, transition) && is_new && playbook.has_orders() && !baseline {
                let order = Order::propose(ground(playbook, &thought.item, &Raised::by(transition)), now);
                orders.insert(id, Changing { order, told: 0, with });
            } else if closes(transition) {
                let fresh = known.remove(&id).map(|order| Changing { told: order.history.len(), order, with });
                let Some(changing) = orders.remove(&id).or(fresh) else { continue };
                orders.insert(id, card_closed(changing, transition.change == Change::Revoke, now));
            }
        }
        let mut changing: Vec<Changing> = orders.into_values().collect();
        self.dispatch_at_once(playbook, &mut changing, now).await?;
        Ok(think_of(playbook, changing, guards, now))
    }

    /// Proposes the orders of cards whose baseline was released.
    pub(in crate::pipeline) async fn propose_released(
        &self,
        playbook: &Arc<Playbook>,
        released: &[Notice],
        now: Instant,
    ) -> Result<()> {
        if !playbook.has_orders() {
            return Ok(());
        }
        let records = self.records(released).await?;
        let mut orders: BTreeMap<OrderId, Changing> = BTreeMap::new();
        for notice in released.iter().filter(|notice| notice.kind == NoticeKind::Raise) {
            let Some((record, raised)) = stands(playbook, notice, &records) else { continue };
            let order = Order::propose(ground(playbook, &record.item, &raised), now);
            orders.entry(order.id).or_insert(Changing { order, told: 0, with: None });
        }
        if orders.is_empty() {
            return Ok(());
        }
        let guards = self.guards(&orders.keys().copied().collect::<Vec<_>>()).await?;
        let items: Vec<ItemKey> = orders.values().map(|changing| changing.order.ground.item.clone()).collect();
        for known in self.store.orders(OrderQuery::Of(&items)).await? {
            orders.remove(&known.id);
        }
        let mut changing: Vec<Changing> = orders.into_values().collect();
        self.dispatch_at_once(playbook, &mut changing, now).await?;
        // What somebody else has proposed in between is there.
        let thoughts = think_of(playbook, changing, guards, now);
        self.finish(playbook, thoughts, false, now, &mut Done::default()).await?;
        Ok(())
    }

    /// Classifies and dispatches what is to go out without anybody's doing.
    async fn dispatch_at_once(&self, playbook: &Playbook, changing: &mut [Changing], now: Instant) -> Result<()> {
        let is_due = |order: &Order| {
            let ground = &order.ground;
            order.state == OrderState::Proposed && playbook.orders.dispatches(&ground.rule, ground.level)
        };
        let mut next = None;
        for Changing { order, .. } in changing.iter_mut().filter(|changing| is_due(&changing.order)) {
            let Some(unit) = order.ground.unit.clone() else { continue };
            let number = match next {
                Some(number) => number,
                None => self.next_number(playbook, now).await?,
            };
            if let Some(dispatched) = dispatched(playbook, order, unit, number, now) {
                *order = dispatched;
                next = Some(Number { ordinal: number.ordinal + 1, ..number });
            }
        }
        Ok(())
    }
}

/// Whether cards of an item can be followed by orders: not those of duban itself, and not those of orders.
fn may_have_orders(item: &Item) -> bool {
    !item.key.is_own() && *item.kind != *KIND
}

fn proposes(playbook: &Playbook, transition: &Transition) -> bool {
    transition.change == Change::Raise && transition.to.is_some_and(|level| playbook.orders.propose.contains(&level))
}

fn closes(transition: &Transition) -> bool {
    transition.change.is_about_a_card() && transition.to.is_none()
}

fn card_closed(changing: Changing, is_revoked: bool, now: Instant) -> Changing {
    let Changing { order, told, with } = changing;
    // One that has ended stays as it is.
    let order = order.act(Deed::CardClosed { is_revoked }, BY, None, now).unwrap_or(order);
    Changing { order, told, with }
}

fn dispatched(playbook: &Playbook, order: &Order, unit: Arc<str>, number: Number, now: Instant) -> Option<Order> {
    let reason = playbook.language.pick("按配置自动派发", "dispatched at once, as configured").to_owned();
    let classify = Deed::Classify { classification: Classification::Handle, cause: None, reason, into: None };
    let lead = Party::new(unit, PartyKind::Department, None);
    let dispatch = Deed::Dispatch { lead, assisting: Vec::new(), number };
    order.act(classify, BY, None, now).and_then(|order| order.act(dispatch, BY, None, now)).ok()
}

/// The card that an order follows.
struct Raised {
    card: CardId,
    episode: u32,
    rule: Arc<str>,
    name: Arc<str>,
    level: Level,
    ladder: Option<Arc<str>>,
}

impl Raised {
    fn by(transition: &Transition) -> Self {
        Self {
            card: transition.card,
            episode: transition.episode,
            rule: transition.rule.clone(),
            name: transition.name.clone(),
            level: transition.to.unwrap_or(Level::Red),
            ladder: transition.ladder.clone(),
        }
    }
}

/// The card that a released notice is about, with its item, if it still stands and is to be followed by an order.
fn stands<'a>(
    playbook: &Playbook,
    notice: &Notice,
    records: &'a HashMap<ItemKey, ItemRecord>,
) -> Option<(&'a ItemRecord, Raised)> {
    let record = records.get(notice.item.as_ref()?).filter(|record| may_have_orders(&record.item))?;
    let watch = record.watches.iter().find(|watch| Some(watch.card) == notice.card)?;
    let level = watch.level.filter(|level| playbook.orders.propose.contains(level))?;
    let (rule, name) = (watch.rule.clone(), watch.name.clone());
    let ladder = ladder(&record.rulings, &rule, &name);
    Some((record, Raised { card: watch.card, episode: watch.episode, rule, name, level, ladder }))
}

fn ladder(rulings: &[Ruling], rule: &str, name: &str) -> Option<Arc<str>> {
    let windows = rulings.iter().filter(|ruling| *ruling.rule == *rule).flat_map(|ruling| &ruling.windows);
    windows.into_iter().find(|window| *window.name == *name).and_then(|window| window.ladder.clone())
}

/// What an order knows of a card and its item. The title of what is confidential does not travel: the code is enough to
/// find it.
fn ground(playbook: &Playbook, item: &Item, raised: &Raised) -> Ground {
    let Raised { card, episode, rule, name, level, ladder } = raised;
    let suspect = Suspect { item, rule, window: name, level: Some(*level) };
    let is_secret = !playbook.office.confidential.is_empty() && playbook.office.confidential.fits(&suspect);
    let title = if is_secret { playbook.language.pick("（保密事项）", "(confidential)") } else { item.title() };
    Ground {
        card: *card,
        episode: *episode,
        item: item.key.clone(),
        rule: rule.clone(),
        name: name.clone(),
        level: *level,
        ladder: ladder.clone(),
        is_open: true,
        title: title.to_owned(),
        unit: item.text("unit").map(Arc::from),
        region: item.text("region").map(Arc::from),
    }
}
