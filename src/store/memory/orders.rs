//! Orders, by id, by number and by the item of their card.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::columns;
use crate::core::Instant;
use crate::core::item::ItemKey;
use crate::core::order::{Number, Order, OrderId};
use crate::store::OrderQuery;

/// All orders.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    by_id: BTreeMap<OrderId, Order>,
    by_number: BTreeMap<(i32, u32), OrderId>,
    by_item: HashMap<ItemKey, BTreeSet<(Instant, OrderId)>>,
    by_time: BTreeSet<(Instant, OrderId)>,
    open: BTreeSet<(Instant, OrderId)>,
}

impl Orders {
    pub fn put(&mut self, order: &Order) {
        let place = (order.proposed_at, order.id);
        self.by_item.entry(columns::key(&order.ground.item)).or_default().insert(place);
        self.by_time.insert(place);
        if order.ended_at.is_some() {
            self.open.remove(&place);
        } else {
            self.open.insert(place);
        }
        if let Some(Number { year, ordinal }) = order.number {
            self.by_number.insert((year, ordinal), order.id);
        }
        self.by_id.insert(order.id, order.clone());
    }

    pub fn numbered(&self, number: Number) -> Option<OrderId> {
        self.by_number.get(&(number.year, number.ordinal)).copied()
    }

    pub fn last_number(&self, year: i32) -> u32 {
        self.by_number.range((year, 0)..=(year, u32::MAX)).next_back().map_or(0, |((_, ordinal), _)| *ordinal)
    }

    pub fn list(&self, of: OrderQuery<'_>) -> Vec<Order> {
        match of {
            OrderQuery::Of(items) => {
                let mut places: Vec<_> =
                    items.iter().filter_map(|item| self.by_item.get(&columns::key(item))).flatten().collect();
                places.sort_unstable();
                self.all(places.into_iter().map(|(_, id)| id))
            }
            OrderQuery::Beginning("") => Vec::new(),
            OrderQuery::Beginning(id) => {
                let id = id.to_ascii_lowercase();
                self.by_id.values().filter(|order| order.id.to_string().starts_with(&id)).take(10).cloned().collect()
            }
            OrderQuery::Numbered(number) => self.all(self.numbered(number).iter()),
            OrderQuery::Open(limit) => self.all(self.open.iter().take(limit).map(|(_, id)| id)),
            OrderQuery::All(limit) => {
                let mut orders = self.all(self.by_time.iter().map(|(_, id)| id));
                orders.sort_by(|one, other| other.proposed_at.cmp(&one.proposed_at).then(one.id.cmp(&other.id)));
                orders.truncate(limit);
                orders
            }
        }
    }

    fn all<'i>(&self, ids: impl Iterator<Item = &'i OrderId>) -> Vec<Order> {
        ids.filter_map(|id| self.by_id.get(id)).cloned().collect()
    }
}
