//! An order as an item: what rules see of it.

use std::sync::Arc;

use super::{KIND, Order, OrderId, Party, SHORT_ID, SOURCE};
use crate::core::Instant;
use crate::core::item::{Item, ItemKey};
use crate::core::value::{Fields, Value};

/// The fields of the items that stand for orders, beside those that every item has.
pub const FIELDS: &[&str] = &[
    "number",
    "card",
    "item",
    "rule",
    "window",
    "level",
    "ladder",
    "classification",
    "cause",
    "lead",
    "assisting",
    "returns",
    "crossing",
    "result",
    "proposed_at",
    "classified_at",
    "dispatched_at",
    "signed_at",
    "fed_back_at",
    "verified_at",
    "ended_at",
    "linkage_applied_at",
    "linkage_led_at",
    "leader_signed_at",
    "reported_at",
];

impl OrderId {
    /// The key of the item that stands for the order.
    pub fn key(self) -> ItemKey {
        ItemKey::new(SOURCE, self.to_string())
    }
}

impl Order {
    /// The key of the item that stands for it.
    pub fn key(&self) -> ItemKey {
        self.id.key()
    }

    /// The item that stands for it. Its unit and owner are those of the lead party, once there is one; before that it is
    /// the centre's.
    pub fn item(&self) -> Item {
        let mut item = Item::new(self.key(), KIND);
        let text = |text: Option<&str>| text.map_or(Value::Missing, Value::text);
        let at = |at: Option<Instant>| at.map_or(Value::Missing, Value::Instant);
        let (ground, lead, linkage) = (&self.ground, self.lead.as_ref(), self.linkage.as_ref());
        let fields = [
            ("title", Value::text(format!("{} {}", ground.item.id, ground.title))),
            ("status", Value::text(self.state.word())),
            ("unit", text(lead.map(|lead| &*lead.unit))),
            ("owner", text(lead.and_then(|lead| lead.contact.as_deref()))),
            ("region", text(ground.region.as_deref())),
            ("number", text(self.number.map(|number| number.to_string()).as_deref())),
            ("card", Value::text(ground.card.to_string())),
            ("item", Value::text(ground.item.to_string())),
            ("rule", Value::text(ground.rule.clone())),
            ("window", Value::text(ground.name.clone())),
            ("level", Value::text(ground.level.word())),
            ("ladder", Value::text(self.ladder())),
            ("classification", text(self.classification.map(super::Classification::word))),
            ("cause", text(self.cause.as_deref())),
            ("lead", text(lead.map(|lead| &*lead.unit))),
            ("assisting", Value::List(self.assisting.iter().map(row).collect())),
            ("returns", Value::Int(self.returns.into())),
            ("crossing", text(linkage.map(|linkage| linkage.crossing.word()))),
            ("result", text(self.result.as_deref())),
            ("proposed_at", at(Some(self.proposed_at))),
            ("classified_at", at(self.classified_at)),
            ("dispatched_at", at(self.dispatched_at)),
            ("signed_at", at(self.signed_at)),
            ("fed_back_at", at(self.fed_back_at)),
            ("verified_at", at(self.verified_at)),
            ("ended_at", at(self.ended_at)),
            ("linkage_applied_at", at(linkage.map(|linkage| linkage.applied_at))),
            ("linkage_led_at", at(linkage.and_then(|linkage| linkage.led_at))),
            ("leader_signed_at", at(linkage.and_then(|linkage| linkage.leader_signed_at))),
            ("reported_at", at(linkage.and_then(|linkage| linkage.reported_at))),
        ];
        item.fields = fields.into_iter().map(|(name, value)| (Arc::from(name), value)).collect();
        item.extensions.clone_from(&self.extensions);
        item
    }
}

/// What people call an item: its id in its source; an order by its number, or the beginning of its id.
pub fn code(item: &Item) -> &str {
    if *item.kind != *KIND {
        return &item.key.id;
    }
    let number = item.text("number");
    number.unwrap_or_else(|| item.key.id.get(..SHORT_ID).unwrap_or(&item.key.id))
}

/// A party that helps, as a row.
fn row(party: &Party) -> Value {
    let at = |at: Option<Instant>| at.map_or(Value::Missing, Value::Instant);
    let fields = [
        ("unit", Value::text(party.unit.clone())),
        ("kind", Value::text(party.kind.word())),
        ("signed_at", at(party.signed_at)),
        ("fed_back_at", at(party.fed_back_at)),
    ];
    Value::Map(fields.into_iter().map(|(name, value)| (Arc::from(name), value)).collect::<Fields>())
}
