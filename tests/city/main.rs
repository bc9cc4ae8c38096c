//! The sample city's year on the manual clock, beside a count of the same cards by other means: what is known at each
//! instant is shown to the rules as a source would show it, and `recount.py` works out from the files alone which cards
//! there must have been. Where they differ, `python3 tests/city/recount.py . --each` names every card's item and instant.

mod known;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex};

use chrono::{Datelike as _, TimeDelta};
use duban::core::Instant;
use duban::core::card::{Change, Transition};
use duban::core::digest::Digest;
use duban::core::item::Item;
use duban::daemon::wiring::Site;
use duban::pipeline::{Entry, News, think};
use duban::playbook::Playbook;
use duban::store::ItemRecord;

use known::Known;

/// Before anything happens in the city, and after everything.
const YEAR: [&str; 2] = ["2025-12-01T00:00:00+08:00", "2027-01-01T00:00:00+08:00"];

fn at(text: &str) -> Instant {
    text.parse::<chrono::DateTime<chrono::FixedOffset>>().expect(text).to_utc()
}

fn city() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples/city")
}

/// The rules of the city, and everything that its files say in the end, by source.
fn whole_city() -> (Arc<Playbook>, Vec<Item>) {
    let site = Site::read(&city().join("duban.toml")).expect("a configuration");
    let playbook = site.playbook_alone().expect("a playbook");
    let sources = site.sources_alone(playbook.calendar().zone(), &|_| None).expect("sources");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut items = Vec::new();
    for polled in sources {
        let fetched = runtime.block_on(polled.source.fetch(None)).expect("a poll");
        items.extend((0..fetched.chunks()).flat_map(|chunk| fetched.map(chunk).items));
    }
    (Arc::new(playbook), items)
}

/// One item's year: whenever something becomes known of it, and whenever it is worth a look, it is judged and observed.
fn live(playbook: &Playbook, known: &Known, whole: &Item) -> Vec<Transition> {
    let [start, end] = YEAR.map(at);
    let appears_at = known.appears_at(whole, start);
    let mut news: BTreeSet<Instant> = known.instants(whole).into_iter().filter(|at| *at > appears_at).collect();
    news.insert(appears_at);
    let mut record: Option<ItemRecord> = None;
    let mut all = Vec::new();
    loop {
        let look = record.as_ref().and_then(|record| record.next_look_at);
        let Some(now) = news.first().copied().into_iter().chain(look).min().filter(|now| *now < end) else {
            return all;
        };
        let item = news.remove(&now).then(|| Arc::new(known.as_of(whole, now)));
        let fresh = |item| News::Fresh(item, Digest::of([]));
        let entry = Entry { record: record.take(), news: item.map_or(News::None, fresh) };
        let thought = think(playbook, entry, now).expect("an item");
        let (errors, problems) = (&thought.errors, &thought.problems);
        assert!(errors.is_empty() && problems.is_empty(), "{} at {now}: {errors:?} {problems:?}", whole.key);
        all.extend(thought.write.transitions);
        let mut next = thought.write.record;
        next.next_look_at = next.next_look_at.map(|at| at.max(now + TimeDelta::seconds(1)));
        record = Some(next);
    }
}

/// What a card is counted under: the rule, its window or finding, the unit and the month in which it was raised, and
/// how far it rose.
type Kind = (String, String, String, String, &'static str);

/// The cards of an item's year.
fn cards(playbook: &Playbook, item: &Item, transitions: &[Transition]) -> Vec<Kind> {
    let mut cards = BTreeMap::new();
    for transition in transitions.iter().filter(|transition| transition.change == Change::Raise) {
        let level = transition.to.expect("a level").word();
        let card = (transition.rule.to_string(), transition.name.to_string(), transition.episode);
        cards.entry(card).or_insert((transition.at, level)).1 = level;
    }
    let unit = item.text("unit").unwrap_or_default();
    let month = |at: Instant| {
        let local = playbook.calendar().local(at);
        format!("{}-{:02}", local.year(), local.month())
    };
    let raised = cards.into_iter();
    raised.map(|((rule, name, _), (at, level))| (rule, name, unit.to_owned(), month(at), level)).collect()
}

/// The year that both tests ask about.
static LIVED: LazyLock<BTreeMap<Kind, u64>> = LazyLock::new(lived);

/// Every item's year, on all cores; the cards by kind.
fn lived() -> BTreeMap<Kind, u64> {
    let (playbook, items) = whole_city();
    let known = Known::read(&city());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // One at a time: a project with its rows takes as long as hundreds of requests.
    let queue = Mutex::new(items.iter());
    let next = || queue.lock().expect("no panic").next();
    let live_all = || {
        let cards_of = |item: &Item| cards(&playbook, item, &live(&playbook, &known, item));
        std::iter::from_fn(next).flat_map(cards_of).collect::<Vec<_>>()
    };
    let found: Vec<Kind> = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..cores).map(|_| scope.spawn(live_all)).collect();
        lanes.into_iter().flat_map(|lane| lane.join().expect("no panic")).collect()
    });
    let mut counts = BTreeMap::new();
    for kind in found {
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

/// The same by the script.
fn recounted() -> BTreeMap<Kind, u64> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("python3").arg(root.join("tests/city/recount.py")).arg(root).output().expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut reader = csv::Reader::from_reader(&output.stdout[..]);
    let row = |row: Result<csv::StringRecord, csv::Error>| {
        let row = row.expect("a row");
        let [rule, name, unit, month, level, count] = [0, 1, 2, 3, 4, 5].map(|n| row[n].to_owned());
        let level = if level == "red" { "red" } else { "yellow" };
        ((rule, name, unit, month, level), count.parse().expect("a count"))
    };
    reader.records().map(row).collect()
}

#[test]
fn the_citys_year_has_the_cards_that_a_count_by_other_means_finds() {
    let (lived, recounted) = (&*LIVED, recounted());
    let kinds: BTreeSet<&Kind> = lived.keys().chain(recounted.keys()).collect();
    let differs = |kind: &&Kind| lived.get(*kind) != recounted.get(*kind);
    let line = |kind: &Kind| {
        let [ours, theirs] = [lived, &recounted].map(|counts| counts.get(kind).copied().unwrap_or(0));
        format!("{kind:?}: {ours} cards, recounted {theirs}")
    };
    let different: Vec<String> = kinds.into_iter().filter(differs).map(line).collect();
    assert!(
        different.is_empty(),
        "{} kinds differ:\n{}",
        different.len(),
        different[..different.len().min(60)].join("\n")
    );
}

#[test]
fn every_rule_that_the_city_enables_raises_a_card_in_its_year() {
    let (playbook, _) = whole_city();
    let lived = &*LIVED;
    let fired: BTreeSet<&str> = lived.keys().map(|kind| kind.0.as_str()).collect();
    let silent: Vec<&str> =
        playbook.rules.keys().map(|rule| &**rule).filter(|rule| *rule != "order" && !fired.contains(rule)).collect();
    assert!(silent.is_empty(), "{silent:?}");
    let total: u64 = lived.values().sum();
    println!("{total} cards of {} rules", fired.len());
}
