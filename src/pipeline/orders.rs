//! Orders at the door: people act on them, and the item that stands for one goes through the same turn as every other.
//!
//! **Invariant:** the record of the item that stands for an order is read before the order itself. What another process
//! does to the order in between moves the record's version, so that the turn is lost and thought again.
//!
//! ```text
//! proposing  what the changes of cards mean for orders
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use chrono::Datelike as _;

use super::thinking::{Thought, think};
use super::{Done, Entry, News, Pipeline, TRIES};
use crate::core::Instant;
use crate::core::audit::Act;
use crate::core::item::ItemKey;
use crate::core::json::Json;
use crate::core::order::{Deed, Number, Order, OrderId, Refusal};
use crate::core::reading::read;
use crate::core::window::{Ruling, Window};
use crate::playbook::Playbook;
use crate::store::{ItemRecord, OrderQuery, Result};
use crate::tell::time_words;

mod proposing;

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

/// What is remembered of the items that stand for orders, read before the orders were.
type Guards = HashMap<ItemKey, ItemRecord>;

impl Pipeline {
    /// Does something with an order, in a turn of its own.
    pub async fn act_on_order(&self, playbook: &Arc<Playbook>, wanted: &Wanted, now: Instant) -> Result<Acted> {
        for _ in 0..TRIES {
            let guards = self.guards(&[wanted.order]).await?;
            let found = self.store.orders(OrderQuery::Beginning(&wanted.order.to_string())).await?;
            let Some(order) = found.into_iter().next() else { return Ok(Acted::Unknown) };
            let mut deed = wanted.deed.clone();
            if let Deed::Dispatch { number, .. } = &mut deed {
                *number = self.next_number(playbook, now).await?;
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
            let mut thoughts = think_of(playbook, vec![changing], guards, now);
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

    /// What is remembered of the items that stand for these orders.
    async fn guards(&self, orders: &[OrderId]) -> Result<Guards> {
        self.remembered(&orders.iter().map(|order| order.key()).collect::<Vec<_>>()).await
    }

    /// The next number of the year on the office's clock.
    async fn next_number(&self, playbook: &Playbook, now: Instant) -> Result<Number> {
        let year = playbook.calendar().local(now).year();
        Ok(Number { year, ordinal: self.store.last_order_number(year).await? + 1 })
    }
}

/// Thinks about the items that stand for orders.
fn think_of(playbook: &Playbook, changing: Vec<Changing>, mut guards: Guards, now: Instant) -> Vec<Thought> {
    let think_one = |Changing { order, told, with }: Changing| {
        let item = Arc::new(order.item());
        let digest = item.digest();
        let entry = Entry { record: guards.remove(&item.key), news: News::Fresh(item, digest) };
        let mut thought = think(playbook, entry, now)?;
        thought.write.order = Some(Box::new(order));
        thought.write.with = with;
        thought.deeds_told = told;
        Some(thought)
    };
    changing.into_iter().filter_map(think_one).collect()
}

/// By when what is to be done next, in words.
pub(super) fn clocks(playbook: &Playbook, rulings: &[Ruling], now: Instant) -> Vec<(String, String)> {
    let windows = rulings.iter().flat_map(|ruling| ruling.windows.iter().map(move |window| (ruling, window)));
    let clock = |(ruling, window): (&Ruling, &Window)| {
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
