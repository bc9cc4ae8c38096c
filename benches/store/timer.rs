//! The store as a timer: looks at a million items of which none, or a thousand, are due.

use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use chrono::TimeDelta;
use duban::store::Store;

use crate::place::Place;
use crate::sample::{SOURCE, TURN, first_seen, now};
use crate::turns::{ITEMS, commit};

const LOOKS: usize = 2_000;

pub async fn measure(place: &Place, items: usize) {
    let store = &*place.store;
    for from in (ITEMS..items).step_by(TURN) {
        commit(store, &first_seen(from..(from + TURN).min(items))).await;
    }
    let mut spent = Vec::new();
    for _ in 0..LOOKS {
        let began = Clock::now();
        assert!(store.due_items(None, now(), 1_000).await.expect("due").is_empty());
        spent.push(began.elapsed());
    }
    spent.sort();
    let (half, nearly_all) = (ms(spent[LOOKS / 2]), ms(spent[LOOKS / 100 * 99]));
    println!("{:<34}{half:>10.3} ms p50, {nearly_all:.3} ms p99", format!("nothing due of {items}"));
    let began = Clock::now();
    let due = store.due_items(None, now() + TimeDelta::days(400), 1_000).await.expect("due");
    say(&format!("{} due", due.len()), began);
    let began = Clock::now();
    assert_eq!(store.load(&due).await.expect("a load").len(), due.len());
    say(&format!("{} loaded", due.len()), began);
    let began = Clock::now();
    say(&format!("digests of {}", digests(store).await), began);
    let began = Clock::now();
    say(&format!("counts of {} items", store.counts().await.expect("counts").items), began);
}

fn say(what: &str, began: Clock) {
    println!("{what:<34}{:>10.3} ms", ms(began.elapsed()));
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

async fn digests(store: &dyn Store) -> usize {
    let (mut seen, mut after): (usize, Option<Arc<str>>) = (0, None);
    loop {
        let page = store.digests(SOURCE, after.as_deref(), TURN).await.expect("digests");
        let Some((last, ..)) = page.last() else { return seen };
        after = Some(last.clone());
        seen += page.len();
    }
}
