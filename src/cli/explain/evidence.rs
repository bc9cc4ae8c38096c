//! What an explanation rests on: what the store remembers of an item, or what one poll of the sources says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;

use crate::cli::exit::Failure;
use crate::cli::site::wrong;
use crate::cli::words::explain as words;
use crate::cli::{Caller, say};
use crate::core::Instant;
use crate::core::acknowledgement::Acknowledgement;
use crate::core::card::{CardId, Transition};
use crate::core::delivery::DeliveryId;
use crate::core::item::{Item, ItemKey};
use crate::core::matcher::Suspect;
use crate::core::notice::{Hold, Notice};
use crate::core::remark::{Remark, Standing, overlay};
use crate::core::silence::Silence;
use crate::core::window::Ruling;
use crate::playbook::Playbook;
use crate::store::{DeliveryRecord, Store, StoreError};

/// What is known about one item at an instant.
pub struct Evidence {
    /// The item, as its source says.
    pub item: Arc<Item>,
    /// The item as rules see it: with what its remarks add.
    pub remarked: Arc<Item>,
    /// Its remarks, oldest first, and how each stood.
    pub remarks: Vec<(Remark, Standing)>,
    /// As of when.
    pub at: Instant,
    /// When it was first seen; `None` if nothing is remembered.
    pub first_seen_at: Option<Instant>,
    /// When this snapshot was first seen.
    pub seen_at: Option<Instant>,
    /// What the rules said when they last succeeded.
    pub rulings: Vec<Ruling>,
    /// The changes of its cards, oldest first.
    pub transitions: Vec<Transition>,
    /// What was said about its cards.
    pub notices: Vec<Notice>,
    /// The deliveries of those notices.
    pub deliveries: BTreeMap<DeliveryId, DeliveryRecord>,
    /// Who took its cards, oldest first.
    pub acknowledgements: Vec<Acknowledgement>,
    /// The silences that held something of it, or do.
    pub silences: Vec<Silence>,
}

/// The playbook that the store names as in force, with the older versions of its rules; without a store, the files'.
pub async fn playbook(caller: &Caller<'_>, store: Option<&dyn Store>) -> Result<Playbook, Failure> {
    let failed = |error: StoreError| caller.store_failed("store", &error);
    if let Some(store) = store {
        let versions = store.rule_versions().await.map_err(failed)?;
        if let Some(record) = store.playbook().await.map_err(failed)? {
            return Playbook::build(record.files, &versions).map_err(|problems| wrong(&problems));
        }
    }
    caller.site()?.playbook_alone().map_err(|problems| wrong(&problems))
}

impl Evidence {
    /// What the store remembers of the item, else what the sources say now.
    pub async fn found(
        wanted: &str,
        store: Option<&dyn Store>,
        playbook: &Playbook,
        at: Instant,
        caller: &Caller<'_>,
    ) -> Result<Self, Failure> {
        if let Some(store) = store
            && !find(wanted, store).await.map_err(|error| caller.store_failed("store", &error))?.is_empty()
        {
            return Self::remembered(wanted, store, at, caller).await;
        }
        Self::polled(wanted, playbook, at, caller).await
    }

    /// What the store remembers.
    pub async fn remembered(
        wanted: &str,
        store: &dyn Store,
        at: Instant,
        caller: &Caller<'_>,
    ) -> Result<Self, Failure> {
        let failed = |error: StoreError| caller.store_failed("store", &error);
        let key = the_one(wanted, &find(wanted, store).await.map_err(failed)?, caller)?;
        let record = store.load(std::slice::from_ref(&key)).await.map_err(failed)?.pop();
        let record = record.ok_or_else(|| Failure::no(words::no_item(caller.language, wanted)))?;
        let snapshots = store.snapshots(&key).await.map_err(failed)?;
        // What was asked for is exact to the second, and so all of that second belongs to it.
        let after = at + TimeDelta::seconds(1);
        let then = snapshots.into_iter().filter(|s| s.seen_at < after).max_by_key(|s| s.seen_at);
        let (item, seen_at) = then.map_or((record.item, record.seen_at), |then| (then.item, then.seen_at));
        let mut transitions = store.transitions(&key).await.map_err(failed)?;
        transitions.retain(|transition| transition.noticed_at < after);
        let mut notices = store.notices_about(std::slice::from_ref(&key)).await.map_err(failed)?;
        notices.retain(|notice| notice.planned_at < after);
        let mut deliveries = BTreeMap::new();
        for id in notices.iter().filter_map(|notice| notice.delivery).collect::<BTreeSet<_>>() {
            let found = store.delivery(&id.to_string()).await.map_err(failed)?;
            deliveries.extend(found.into_iter().map(|(delivery, _)| (delivery.id, delivery)));
        }
        let cards: BTreeSet<CardId> = transitions.iter().map(|transition| transition.card).collect();
        let cards: Vec<CardId> = cards.into_iter().collect();
        let mut acknowledgements = store.acknowledgements(&cards).await.map_err(failed)?;
        acknowledgements.retain(|taken| taken.at < after);
        let mut silences = store.silences(true).await.map_err(failed)?;
        silences.retain(|silence| concerns(silence, &item, &transitions, &notices, at));
        let item = Arc::new(item);
        let remarks: Vec<Remark> = record.remarks.iter().filter_map(|remark| remark.known_before(after)).collect();
        let overlaid = overlay(&item, &remarks);
        Ok(Self {
            item,
            remarked: overlaid.item,
            remarks: remarks.into_iter().zip(overlaid.standings).collect(),
            at,
            first_seen_at: Some(record.first_seen_at),
            seen_at: Some(seen_at),
            rulings: record.rulings,
            transitions,
            notices,
            deliveries,
            acknowledgements,
            silences,
        })
    }

    /// What the sources say now.
    pub async fn polled(wanted: &str, playbook: &Playbook, at: Instant, caller: &Caller<'_>) -> Result<Self, Failure> {
        let lookup = |name: &str| caller.environment.get(name).map(str::to_owned);
        let zone = playbook.calendar().zone();
        let sources = caller.site()?.sources_alone(zone, &lookup).map_err(|problems| wrong(&problems))?;
        let mut found: Vec<Item> = Vec::new();
        for polled in sources {
            match polled.source.fetch(None).await {
                Ok(fetched) => {
                    for chunk in 0..fetched.chunks() {
                        let mapped = fetched.map(chunk);
                        found.extend(mapped.items.into_iter().filter(|item| is_meant(&item.key, wanted)));
                        for rejection in mapped.rejected {
                            let key = rejection.id.clone().map(|id| ItemKey::new(polled.name.clone(), id));
                            if key.is_none_or(|key| is_meant(&key, wanted)) {
                                say(&rejection.to_string());
                            }
                        }
                    }
                }
                Err(error) => say(&words::no_poll(caller.language, &polled.name, &error.to_string())),
            }
        }
        let keys: Vec<ItemKey> = found.iter().map(|item| item.key.clone()).collect();
        let key = the_one(wanted, &keys, caller)?;
        let item = found.into_iter().find(|item| item.key == key);
        let item = item.ok_or_else(|| Failure::no(words::no_item(caller.language, wanted)))?;
        let item = Arc::new(item);
        Ok(Self {
            remarked: item.clone(),
            remarks: Vec::new(),
            item,
            at,
            first_seen_at: None,
            seen_at: None,
            rulings: Vec::new(),
            transitions: Vec::new(),
            notices: Vec::new(),
            deliveries: BTreeMap::new(),
            acknowledgements: Vec::new(),
            silences: Vec::new(),
        })
    }
}

/// Whether a silence held one of the notices, or holds what is to be said about one of the cards as they stand.
fn concerns(silence: &Silence, item: &Item, transitions: &[Transition], notices: &[Notice], at: Instant) -> bool {
    let id = silence.id;
    let held = notices.iter().any(|notice| notice.hold == Some(Hold::Silence { silence: id }));
    let holds = |last: &Transition| {
        let is_last = !transitions.iter().any(|other| other.card == last.card && other.number > last.number);
        is_last
            && last.to.is_some()
            && silence.holds(&Suspect { item, rule: &last.rule, window: &last.name, level: last.to }, at)
    };
    silence.created_at <= at && (held || transitions.iter().any(holds))
}

/// Whether `SOURCE/ID` or an id alone means this item. An id may hold a slash itself.
fn is_meant(key: &ItemKey, wanted: &str) -> bool {
    *key.id == *wanted || wanted.strip_prefix(&*key.source).and_then(|rest| rest.strip_prefix('/')) == Some(&key.id)
}

/// The items that `SOURCE/ID` or an id alone can mean.
pub async fn find(wanted: &str, store: &dyn Store) -> crate::store::Result<Vec<ItemKey>> {
    if let Some((source, id)) = wanted.split_once('/') {
        let key = ItemKey::new(source, id);
        if !store.load(std::slice::from_ref(&key)).await?.is_empty() {
            return Ok(vec![key]);
        }
    }
    store.find_items(wanted).await
}

/// The item that is meant; one that is fully named comes before one whose id only looks like it.
pub fn the_one(wanted: &str, found: &[ItemKey], caller: &Caller<'_>) -> Result<ItemKey, Failure> {
    if let Some(named) = found.iter().find(|key| key.to_string() == wanted) {
        return Ok(named.clone());
    }
    match found {
        [one] => Ok(one.clone()),
        [] => Err(Failure::no(words::no_item(caller.language, wanted))),
        several => {
            let several: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(Failure::usage(words::several(caller.language, wanted, &several)))
        }
    }
}
