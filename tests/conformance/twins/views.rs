//! Everything that can be seen of a store.

use chrono::TimeDelta;
use duban::core::Instant;
use duban::core::card::CardId;
use duban::core::delivery::DeliveryState;
use duban::core::digest::Digest;
use duban::core::item::ItemKey;
use duban::core::notice::Hold;
use duban::store::{DeliveryFilter, Store};

use super::{CHANNELS, CONTACTS, HOLDS, ITEMS, card, named, silenced};
use crate::sample;

/// What a store shows at an instant, in words.
pub async fn view(store: &dyn Store, now: Instant) -> Vec<String> {
    let mut seen = Vec::new();
    look_at_items(store, now, &mut seen).await;
    look_at_deliveries(store, now, &mut seen).await;
    look_at_persons(store, &mut seen).await;
    look_at_playbooks(store, &mut seen).await;
    seen
}

macro_rules! look {
    ($seen:ident, $($verb:tt)+) => {
        $seen.push(format!("{}: {:?}", stringify!($($verb)+), $($verb)+.await.expect("a reading verb")))
    };
}

async fn look_at_items(store: &dyn Store, now: Instant, seen: &mut Vec<String>) {
    let keys: Vec<ItemKey> = (0..=ITEMS).map(super::key).collect();
    look!(seen, store.counts());
    look!(seen, store.load(&keys));
    look!(seen, store.due_items(None, now, 9));
    look!(seen, store.due_items(None, now, 2));
    look!(seen, store.due_items(Some("odd"), now, 2));
    look!(seen, store.next_look_at(Some("even")));
    look!(seen, store.next_look_at(None));
    look!(seen, store.digests("even", None, 9));
    look!(seen, store.digests("odd", Some("1"), 1));
    look!(seen, store.find_items("1"));
    look!(seen, store.open_cards(99));
    look!(seen, store.open_cards(1));
    for open in store.open_cards(99).await.expect("open cards") {
        look!(seen, store.item_of(open.card));
        look!(seen, store.standing(&[open.card]));
    }
    look!(seen, store.histories(&keys));
    for since in [sample::at("00:00:00"), now - TimeDelta::minutes(5)] {
        let mut reds = store.reds(&["water".into(), "nobody".into()], since, 999).await.expect("reds");
        reds.sort(); // Their order is nobody's promise.
        seen.push(format!("reds {reds:?}"));
    }
    look!(seen, store.notices_about(&keys));
    look!(seen, store.notices_about(&[keys[1].clone(), keys[0].clone()]));
    for key in &keys {
        look!(seen, store.transitions(key));
        look!(seen, store.snapshots(key));
    }
    for playbook in 0..3 {
        let mut stale = store.stale_items(named("playbook", playbook), 9).await.expect("stale items");
        stale.sort(); // Their order is nobody's promise.
        seen.push(format!("stale {playbook}: {stale:?}"));
    }
}

async fn look_at_deliveries(store: &dyn Store, now: Instant, seen: &mut Vec<String>) {
    let all = DeliveryFilter { limit: 999, ..DeliveryFilter::default() };
    look!(seen, store.deliveries(&all));
    look!(seen, store.deliveries(&DeliveryFilter { limit: 2, ..all.clone() }));
    look!(seen, store.open_deliveries(&CONTACTS.map(Into::into)));
    look!(seen, store.next_claim_at(&[]));
    look!(seen, store.waiting_since(now));
    look!(seen, store.next_claim_at(&[CHANNELS[0].into()]));
    for state in DeliveryState::ALL {
        let filter = DeliveryFilter { state: Some(state), contact: Some(CONTACTS[0].into()), limit: 3 };
        look!(seen, store.deliveries(&filter));
    }
    for record in store.deliveries(&all).await.expect("deliveries") {
        let beginning = record.id.to_string()[..4].to_uppercase();
        look!(seen, store.delivery(&beginning));
        look!(seen, store.attempts(record.id));
    }
    for hold in HOLDS {
        look!(seen, store.held_notices(&hold, 9));
        look!(seen, store.held_notices(&hold, 1));
    }
    look!(seen, store.held_notices(&Hold::Cancelled, 9));
    look!(seen, store.held_notices(&silenced(), 9));
    look!(seen, store.unreported(99));
    look!(seen, store.unreported(1));
    for channel in CHANNELS {
        look!(seen, store.without_receipt(channel, sample::now(), 99));
        look!(seen, store.without_receipt(channel, now - TimeDelta::seconds(40), 2));
    }
}

async fn look_at_persons(store: &dyn Store, seen: &mut Vec<String>) {
    look!(seen, store.bad_addresses());
    look!(seen, store.silences(true));
    look!(seen, store.silences(false));
    let cards: Vec<CardId> = (0..ITEMS).flat_map(|item| (0..2).map(move |name| card(item, name))).collect();
    look!(seen, store.acknowledgements(&cards));
    look!(seen, store.acknowledgements(&cards[1..2]));
}

async fn look_at_playbooks(store: &dyn Store, seen: &mut Vec<String>) {
    look!(seen, store.audit(0, 999));
    look!(seen, store.audit(3, 2));
    look!(seen, store.audit_head());
    look!(seen, store.playbook());
    look!(seen, store.rule_versions());
    look!(seen, store.sources());
    for n in 0..3 {
        let schedule: Digest = named("schedule", n);
        look!(seen, store.last_fired(&schedule.to_string()));
    }
}
