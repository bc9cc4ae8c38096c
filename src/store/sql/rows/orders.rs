//! Rows of orders.

use super::row;
use crate::core::order::Order;
use crate::store::sql::{from_json, json, micros, plain};
use crate::store::{Result, StoreError};

row! {
    /// A row of `orders`.
    pub struct OrderRow {
        pub id: String,
        pub card: String,
        pub episode: i64,
        pub source: String,
        pub item: String,
        pub state: String,
        pub year: Option<i64>,
        pub ordinal: Option<i64>,
        pub unit: Option<String>,
        pub proposed_at: i64,
        pub ended_at: Option<i64>,
        pub content: String,
    }
}

row! {
    /// The number of an order.
    pub struct OrderNumberRow {
        pub year: i64,
        pub ordinal: i64,
    }
}

impl From<&Order> for OrderRow {
    fn from(order: &Order) -> Self {
        Self {
            id: order.id.to_string(),
            card: order.ground.card.to_string(),
            episode: order.ground.episode.into(),
            source: plain(&order.ground.item.source),
            item: plain(&order.ground.item.id),
            state: order.state.word().to_owned(),
            year: order.number.map(|number| number.year.into()),
            ordinal: order.number.map(|number| number.ordinal.into()),
            unit: order.lead.as_ref().map(|lead| plain(&lead.unit)),
            proposed_at: micros(order.proposed_at),
            ended_at: order.ended_at.map(micros),
            content: json(order),
        }
    }
}

/// What is asked for of an order: all of it.
#[derive(Debug, sqlx::FromRow)]
pub struct OrderContentRow {
    /// Its JSON.
    pub content: String,
}

impl TryFrom<OrderContentRow> for Order {
    type Error = StoreError;

    fn try_from(row: OrderContentRow) -> Result<Self> {
        from_json(&row.content)
    }
}
