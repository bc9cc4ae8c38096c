//! `duban orders list`.

use std::collections::HashMap;
use std::io::Write;

use clap::Args;
use serde_json::{Value, json};

use super::{Desk, states};
use crate::cli::exit::{Exit, Failure};
use crate::cli::table::{Format, Table};
use crate::cli::words::orders as words;
use crate::core::Instant;
use crate::core::item::ItemKey;
use crate::core::order::{Order, OrderState};
use crate::core::reading::{State, read};
use crate::core::window::Ruling;
use crate::store::OrderQuery;
use crate::tell::time_words;
use crate::tell::words::level_label;

/// Orders that are read at once.
const BATCH: usize = 500;

/// Which orders.
#[derive(Args)]
pub struct List {
    /// Also those that have ended, the newest first
    #[arg(long)]
    pub all: bool,
    /// Only in this state
    #[arg(long, value_name = "STATE", value_parser = states())]
    pub state: Option<String>,
    /// Only where this unit is a party, or the unit of the card's item
    #[arg(long, value_name = "UNIT")]
    pub unit: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub limit: usize,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

impl Desk<'_> {
    pub(super) async fn list(&self, list: &List, out: &mut dyn Write) -> Result<Exit, Failure> {
        let state = list.state.as_deref().and_then(OrderState::from_word);
        let ended = list.all || state.is_some_and(OrderState::is_end);
        let most = if state.is_some() || list.unit.is_some() { usize::MAX / 2 } else { list.limit };
        let query = if ended { OrderQuery::All(most) } else { OrderQuery::Open(most) };
        let mut orders = self.store.orders(query).await.map_err(|e| self.failed(&e))?;
        orders.retain(|order| state.is_none_or(|state| order.state == state));
        orders.retain(|order| list.unit.as_deref().is_none_or(|unit| has_unit(order, unit)));
        orders.truncate(list.limit);
        let columns = ["order", "id", "state", "level", "item", "lead", "due_at", "proposed_at", "title"];
        let mut table = Table::new(&columns);
        for some in orders.chunks(BATCH) {
            let due = self.due(some).await?;
            for order in some {
                table.add(self.row(order, due.get(&order.key()).copied(), list.format));
            }
        }
        table.write(list.format, &words::titles(self.caller.language), out)?;
        Ok(Exit::Fine)
    }

    fn row(&self, order: &Order, next_due: Option<Instant>, format: Format) -> Vec<Value> {
        let language = self.caller.language;
        let is_table = format == Format::Table;
        let due = |at| match format {
            Format::Table => json!(time_words::due(at, self.zone(), language)),
            _ => format.instant(at, self.zone()),
        };
        let id = order.id.to_string();
        vec![
            json!(if is_table { Some(order.name()) } else { order.number.map(|number| number.to_string()) }),
            json!(if is_table { &id[..8] } else { &id }),
            json!(if is_table { words::state(language, order.state) } else { order.state.word() }),
            json!(if is_table { level_label(order.ground.level, language) } else { order.ground.level.word() }),
            json!(order.ground.item.to_string()),
            json!(order.lead.as_ref().map(|lead| &lead.unit)),
            next_due.map_or(Value::Null, due),
            format.instant(order.proposed_at, self.zone()),
            json!(order.ground.title),
        ]
    }

    /// When the next of each order's clocks is due.
    async fn due(&self, orders: &[Order]) -> Result<HashMap<ItemKey, Instant>, Failure> {
        let keys: Vec<ItemKey> = orders.iter().map(Order::key).collect();
        let records = self.store.load(&keys).await.map_err(|e| self.failed(&e))?;
        let due = records.into_iter().filter_map(|record| Some((record.item.key, self.next_due(&record.rulings)?)));
        Ok(due.collect())
    }

    fn next_due(&self, rulings: &[Ruling]) -> Option<Instant> {
        let clockwork = &self.playbook.clockwork;
        let windows = rulings.iter().flat_map(|ruling| &ruling.windows);
        let due = windows.filter_map(|window| {
            let calendar = clockwork.calendars.get(window.calendar.as_deref())?;
            let reading = read(window, calendar, &clockwork.yellow, self.caller.now()).ok()?;
            if reading.state == State::Running { reading.due_at } else { None }
        });
        due.min()
    }
}

fn has_unit(order: &Order, unit: &str) -> bool {
    order.parties().any(|party| *party.unit == *unit) || order.ground.unit.as_deref() == Some(unit)
}
