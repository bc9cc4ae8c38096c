//! How long it takes to plan whom to tell when 10,000 cards turn red at once, of 50,000 that are open, in a city of 2,000
//! contacts on the shipped three-level ladder: planning alone, and the whole turn on a store in memory.
//!
//! `cargo bench --bench plan [-- BURST [OPEN]]`
#![allow(clippy::disallowed_methods, clippy::cast_precision_loss)] // A benchmark reads the clock and prints figures.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant as Clock;

use duban::config::Config;
use duban::core::Instant;
use duban::core::card::{CardId, Transition};
use duban::core::contact::Medium;
use duban::core::count::{is_red_since, quarter};
use duban::core::delivery::DeliveryState;
use duban::core::item::{Item, ItemKey};
use duban::core::json::Json;
use duban::core::notice::Notice;
use duban::core::value::Value;
use duban::pipeline::{BATCH, Entry, News, Pipeline, Thought, think};
use duban::playbook::{Playbook, gather};
use duban::store::memory::MemoryStore;
use duban::store::{Claimable, PlaybookRecord, Seal, Settle, Store};
use duban::tell::plan::{ChannelTerms, Circumstances, Happening, Joinable, Reds, plan};

/// What planning the burst may take, in seconds.
const PROMISE: f64 = 2.0;

const UNITS: usize = 200;
const REGIONS: usize = 10;
const CONTACTS: usize = 2_000;

const RULE: &str = r#"
const TITLE = "限时办结";
fn windows(item) {
    [window("solve", item.limit, #{ from: item.from_at, done: item.done_at, yellow: "5wd", ladder: "three-level" })]
}
"#;

const CONFIG: &str = r#"
rules_dir = "rules"
[rules]
enabled = ["limit"]
[notify]
mode = "live"
[source.hotline]
every = "5m"
kind = "ticket"
id = "id"
timezone = "Asia/Shanghai"
[source.hotline.csv]
path = "tickets.csv"
[source.hotline.fields]
title = "title"
unit = "unit"
region = "region"
owner = "owner"
limit = "limit"
from_at = "from"
done_at = "done"
"#;

fn main() {
    let mut asked = std::env::args().filter_map(|arg| arg.parse().ok());
    let (burst, open) = (asked.next().unwrap_or(10_000_usize), asked.next().unwrap_or(50_000_usize));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(measure(burst, open));
}

async fn measure(burst: usize, open: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let playbook = Arc::new(playbook(folder.path()));
    let store = Arc::new(MemoryStore::new());
    let record =
        PlaybookRecord { version: playbook.version, at: yellow_at(), by: "start".into(), files: BTreeMap::new() };
    store.put_playbook(&record, &[], None).await.expect("a playbook");
    let pipeline = Pipeline::new(store.clone());
    let items: Vec<Arc<Item>> = (0..open).map(|n| Arc::new(item(n, n < burst))).collect();
    for items in items.chunks(BATCH) {
        let entries = items.iter().map(|item| Entry::new(None, Some(item.clone()))).collect();
        pipeline.turn(&playbook, entries, false, yellow_at()).await.expect("a turn");
    }
    deliver(&*store).await;
    let counts = store.counts().await.expect("counts");
    println!("{} contacts, {} open cards", playbook.office.directory.all().len(), counts.yellow + counts.red);

    let keys: Vec<ItemKey> = items.iter().take(burst).map(|item| item.key.clone()).collect();
    let began = Clock::now();
    let thoughts = thoughts(&*store, &playbook, &keys).await;
    let thinking = began.elapsed().as_secs_f64();
    let alone = planned_alone(&*store, &playbook, &thoughts).await;

    let began = Clock::now();
    let mut notices = 0;
    let mut transitions = 0;
    for keys in keys.chunks(BATCH) {
        let records = store.load(keys).await.expect("records");
        let entries = records.into_iter().map(|record| Entry { record: Some(record), news: News::None }).collect();
        let done = pipeline.turn(&playbook, entries, false, red_at()).await.expect("a turn");
        notices += done.notices;
        transitions += done.transitions.len();
    }
    let turns = began.elapsed().as_secs_f64();
    let each = |seconds: f64| seconds * 1e6 / burst as f64;
    println!("{transitions} transitions, {notices} notices");
    println!("thinking                 {thinking:>8.3} s  {:>8.1} µs each", each(thinking));
    println!("planning                 {alone:>8.3} s  {:>8.1} µs each", each(alone));
    println!("planning beside thinking {:>8.2}", alone / thinking);
    println!("roles looked for alone   {:>8.3} s", looked_for(&playbook, &thoughts));
    println!("whole turns in memory    {turns:>8.3} s  {:>8.1} µs each", each(turns));
    if burst == 10_000 {
        println!("promised for planning    {PROMISE:>8.3} s");
    }
}

fn yellow_at() -> Instant {
    "2026-03-13T02:00:00Z".parse().expect("an instant")
}

/// Just after the midnight at which the burst falls due.
fn red_at() -> Instant {
    "2026-03-17T16:00:30Z".parse().expect("an instant")
}

fn playbook(base: &Path) -> Playbook {
    let write = |name: &str, text: &str| {
        let path = base.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write("rules/limit.rhai", RULE);
    write("contacts.csv", &contacts());
    let config = Config::read("duban.toml", CONFIG).expect("a configuration");
    let channels = [("mail", Medium::Mail), ("sms", Medium::Sms)];
    let channels = channels.map(|(name, medium)| (name.to_owned(), ChannelTerms::of(medium))).into();
    Playbook::build(gather(&config, base, channels, None, None).expect("files"), &[]).expect("a playbook")
}

/// Eight handlers and a contact for each unit, the districts' people, the city's, and others up to their number.
fn contacts() -> String {
    let mut text = String::from("id,name,unit,region,level,roles,mobile,email\n");
    let mut number = 0;
    let mut line = |unit: &str, region: &str, level: &str, roles: &str| {
        writeln!(
            text,
            "c{number},{roles}{number},{unit},{region},{level},{roles},139{number:08},c{number}@example.com"
        )
        .expect("a line");
        number += 1;
    };
    for unit in 0..UNITS {
        let (name, region) = (format!("单位{unit}"), format!("区{}", unit % REGIONS));
        for _ in 0..8 {
            line(&name, &region, "L0", "handler");
        }
        line(&name, &region, "L1", "unit_contact");
    }
    for region in 0..REGIONS {
        let region = format!("区{region}");
        for role in ["district_service", "district_service", "district_leader"] {
            line("", &region, "L2", role);
        }
    }
    for role in ["city_centre", "city_centre", "city_office", "notice_list", "operator"] {
        line("", "", "L3", role);
    }
    for other in 0..CONTACTS.saturating_sub(UNITS * 9 + REGIONS * 3 + 5) {
        line(&format!("街道{other}"), "", "L1", "unit_contact");
    }
    text
}

/// An item whose card is yellow at [`yellow_at`], and red at [`red_at`] if it is of the burst.
fn item(n: usize, is_of_burst: bool) -> Item {
    let mut item = Item::new(ItemKey::new("hotline", format!("T{n:06}")), "ticket");
    let unit = n % UNITS;
    // The eight handlers of a unit stand together.
    let owner = format!("c{}", unit * 9 + n / UNITS % 8);
    let limit = if is_of_burst { "10wd" } else { "30wd" };
    for (name, text) in [
        ("title", format!("路灯不亮，请尽快修复 {n}")),
        ("unit", format!("单位{unit}")),
        ("region", format!("区{}", unit % REGIONS)),
        ("owner", owner),
        ("limit", limit.to_owned()),
    ] {
        item.fields.set(name, Value::text(text));
    }
    item.fields.set("from_at", Value::Instant("2026-03-03T02:00:00Z".parse().expect("an instant")));
    item.fields.set("done_at", Value::Missing);
    item
}

/// Everything that waits is sent.
async fn deliver(store: &dyn Store) {
    let (now, lease) = (yellow_at(), red_at());
    loop {
        let claimed = store.claim(now, lease, 1_000, Claimable::default()).await.expect("claims");
        if claimed.is_empty() {
            return;
        }
        let seal =
            |(id, fence)| Seal { id, fence, dropped: vec![], sealed: Some(Json::of(&"said")), postponed_to: None };
        let names: Vec<_> = claimed.iter().map(|claimed| (claimed.delivery.id, claimed.fence)).collect();
        let seals: Vec<Seal> = names.iter().copied().map(seal).collect();
        store.seal(now, &seals).await.expect("sealed");
        let settle = |(id, fence)| Settle {
            id,
            fence,
            state: DeliveryState::Sent,
            not_before: None,
            reason: "250 OK".into(),
            remote_id: None,
            bad_address: None,
        };
        let settles: Vec<Settle> = names.into_iter().map(settle).collect();
        store.settle(now, &settles).await.expect("settled");
    }
}

async fn thoughts(store: &dyn Store, playbook: &Playbook, keys: &[ItemKey]) -> Vec<Thought> {
    let records = store.load(keys).await.expect("records").into_iter();
    let entries = records.map(|record| Entry { record: Some(record), news: News::None });
    entries.filter_map(|entry| think(playbook, entry, red_at())).collect()
}

/// Seconds for planning alone, what it looks back on being at hand.
async fn planned_alone(store: &dyn Store, playbook: &Playbook, thoughts: &[Thought]) -> f64 {
    let keys: Vec<ItemKey> = thoughts.iter().map(|thought| thought.item.key.clone()).collect();
    let mut said: HashMap<ItemKey, Vec<Notice>> = HashMap::new();
    for notice in store.notices_about(&keys).await.expect("notices") {
        said.entry(notice.item.clone().expect("an item")).or_default().push(notice);
    }
    let mut raised: HashMap<ItemKey, Vec<Transition>> = HashMap::new();
    for (item, transition) in store.histories(&keys).await.expect("transitions") {
        raised.entry(item).or_default().push(transition);
    }
    let since = quarter(&playbook.office.quiet, red_at());
    let mut reds: HashMap<&str, BTreeSet<(CardId, u32)>> = HashMap::new();
    let mut joinable = Joinable::default();
    let began = Clock::now();
    let mut notices = 0;
    for thought in thoughts {
        let of_unit = reds.entry(thought.item.text("unit").expect("a unit")).or_default();
        let happening = Happening {
            item: &thought.item,
            before: None,
            rulings: &thought.write.record.rulings,
            watches: &thought.write.record.watches,
            transitions: &thought.write.transitions,
            said: &said[&thought.item.key],
            raised: &raised[&thought.item.key],
            reds: Some(Reds { since, known: of_unit }),
            acknowledgements: &[],
            baseline: false,
            other_playbook: false,
        };
        let planned = plan(happening, &playbook.office, &Circumstances::default(), &mut joinable, red_at());
        notices += planned.notices.len();
        let turned = thought.write.transitions.iter().filter(|t| is_red_since(t, since));
        of_unit.extend(turned.map(|t| (t.card, t.episode)));
    }
    let seconds = began.elapsed().as_secs_f64();
    assert!(notices > thoughts.len(), "somebody is told");
    seconds
}

/// Seconds for the roles of the first step alone.
fn looked_for(playbook: &Playbook, thoughts: &[Thought]) -> f64 {
    let (directory, today) = (&playbook.office.directory, playbook.office.today(red_at()));
    let began = Clock::now();
    let mut found = 0;
    for thought in thoughts {
        for role in ["handler", "unit_contact", "district_service", "district_leader"] {
            found += directory.find(role, &thought.item, today).map_or(0, |people| people.len());
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    assert!(found > thoughts.len(), "somebody holds them");
    seconds
}
