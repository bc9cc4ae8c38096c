//! Orders.

use super::rows::{KeyRow, NoticeRow, OrderContentRow, OrderNumberRow, OrderRow};
use super::session::{Given, Session};
use super::{id, limit as rows, number, plain, values};
use crate::core::item::ItemKey;
use crate::core::notice::Notice;
use crate::core::order::{Number, Order, OrderId};
use crate::store::{OrderQuery, Result};

pub async fn put(session: &mut impl Session, orders: impl Iterator<Item = &Order> + Send) -> Result<()> {
    let orders: Vec<OrderRow> = orders.map(OrderRow::from).collect();
    session.write(PUT_ORDERS, &[], orders).await
}

const PUT_ORDERS: &str = "
    INSERT INTO orders ({columns}) SELECT {columns} FROM r WHERE true
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, year = excluded.year, ordinal = excluded.ordinal,
        unit = excluded.unit, ended_at = excluded.ended_at, content = excluded.content";

/// Who has these numbers.
pub async fn numbered(session: &mut impl Session, numbers: Vec<Number>) -> Result<Vec<(Number, OrderId)>> {
    let numbers = numbers.into_iter().map(|n| OrderNumberRow { year: n.year.into(), ordinal: n.ordinal.into() });
    let found = session.look_up::<(i64, i64, String), _>(NUMBERED, numbers.collect::<Vec<_>>()).await?;
    let named = |(year, ordinal, order): (i64, i64, String)| {
        Ok((Number { year: number(year)?, ordinal: number(ordinal)? }, OrderId(id(&order)?)))
    };
    found.into_iter().map(named).collect()
}

pub const NUMBERED: &str = "
    SELECT o.year, o.ordinal, o.id FROM r CROSS JOIN orders AS o WHERE o.year = r.year AND o.ordinal = r.ordinal";

pub async fn orders(session: &mut impl Session, of: OrderQuery<'_>) -> Result<Vec<Order>> {
    let found: Vec<OrderContentRow> = match of {
        OrderQuery::Of(items) => {
            let found: Vec<OrderContentRow> = session.look_up(OF_ITEMS, items.iter().map(KeyRow::from)).await?;
            let mut orders: Vec<Order> = values(found)?;
            orders.sort_by_key(|order| (order.proposed_at, order.id));
            return Ok(orders);
        }
        OrderQuery::Beginning(id) => match id.to_ascii_lowercase() {
            id if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) => Vec::new(),
            id => session.select(BY_ID, &[id.into()]).await?,
        },
        OrderQuery::Numbered(number) => {
            let given = [Given::Number(number.year.into()), Given::Number(number.ordinal.into())];
            session.select(BY_NUMBER, &given).await?
        }
        OrderQuery::Open(limit) => session.select(OPEN, &[rows(limit)]).await?,
        OrderQuery::All(limit) => session.select(ALL, &[rows(limit)]).await?,
    };
    values(found)
}

pub const OF_ITEMS: &str = "
    SELECT o.content FROM r CROSS JOIN orders AS o WHERE o.source = r.source AND o.item = r.id";
pub const BY_ID: &str = "SELECT content FROM orders WHERE id >= $1 AND id < $1 || 'g' ORDER BY id LIMIT 10";
pub const BY_NUMBER: &str = "SELECT content FROM orders WHERE year = $1 AND ordinal = $2";
pub const OPEN: &str = "SELECT content FROM orders WHERE ended_at IS NULL ORDER BY proposed_at, id LIMIT $1";
pub const ALL: &str = "SELECT content FROM orders ORDER BY proposed_at DESC, id LIMIT $1";

pub async fn last_number(session: &mut impl Session, year: i32) -> Result<u32> {
    let found: Vec<(i64,)> = session.select(LAST_NUMBER, &[Given::Number(year.into())]).await?;
    found.first().map_or(Ok(0), |(last,)| number(*last))
}

pub const LAST_NUMBER: &str = "SELECT ordinal FROM orders WHERE year = $1 ORDER BY ordinal DESC LIMIT 1";

pub async fn notices(session: &mut impl Session, order: &ItemKey) -> Result<Vec<Notice>> {
    let given = [plain(&order.source).into(), plain(&order.id).into()];
    values(session.select::<NoticeRow>(NOTICES, &given).await?)
}

pub const NOTICES: &str = r#"
    SELECT "key", kind, card, source, item, episode, number, level, step, ordinal, contact, channel, planned_at,
           rehearsal, state, hold, delivery, change, body, because, settled_at
    FROM notices WHERE source = $1 AND item = $2 AND kind = 'order' ORDER BY planned_at, seq"#;
