//! Turns: new items, then a card on each with somebody to tell, beside the same rows bare.

use std::time::{Duration, Instant as Clock};

use duban::store::{Store, Turn};

use crate::bare::Inserted;
use crate::place::Place;
use crate::sample::{TURN, first_seen, turned_red};

/// How often everything is measured.
const ROUNDS: usize = 11;

/// Items that are stored in the end.
pub const ITEMS: usize = ROUNDS * TURN;

/// One round; the store and its yardsticks take turns, so that what else the machine does hits them alike.
struct Round {
    seen: Duration,
    committed: Duration,
    pairs: Inserted,
    all: Inserted,
}

pub async fn measure(place: &Place) {
    let mut rounds = Vec::new();
    for number in 0..ROUNDS {
        rounds.push(round(place, number).await);
    }
    let of = |value: &dyn Fn(&Round) -> f64| median(rounds.iter().map(value).collect());
    let each = |name: &str, rows: usize, spent: f64, note: &str| {
        println!("{name:<34}{:>10.1} k rows/s  ({:.0} ms{note})", rows as f64 / spent / 1e3, spent * 1e3);
    };
    let (seen, committed) = (of(&|round| round.seen.as_secs_f64()), of(&|round| round.committed.as_secs_f64()));
    let bare = |inserted: &dyn Fn(&Round) -> Inserted| {
        let (spent, making) = (|i: Inserted| i.spent.as_secs_f64(), |i: Inserted| i.making.as_secs_f64());
        let (spent, making) = (of(&|round| spent(inserted(round))), of(&|round| making(inserted(round))));
        (inserted(&rounds[0]).rows, spent, format!(", of which {:.0} ms making the rows", making * 1e3))
    };
    each("new items and snapshots, commit", 2 * TURN, seen, "");
    let (rows, spent, note) = bare(&|round| round.pairs);
    each("transitions and notices, bare", rows, spent, &note);
    each("transitions and notices, commit", rows, committed, "");
    let (rows, spent, note) = bare(&|round| round.all);
    each("all rows, bare", rows, spent, &note);
    each("all rows, commit", rows, committed, "");
    let beside =
        |bare: fn(&Round) -> Inserted| of(&|round| bare(round).spent.as_secs_f64() / round.committed.as_secs_f64());
    println!("{:<34}{:>10.2} of bare", "transitions and notices", beside(|round| round.pairs));
    println!("{:<34}{:>10.2} of bare", "all rows", beside(|round| round.all));
}

async fn round(place: &Place, number: usize) -> Round {
    let items = number * TURN..(number + 1) * TURN;
    let seen = commit(&*place.store, &first_seen(items.clone())).await;
    let turn = turned_red(items);
    if number.is_multiple_of(2) {
        let pairs = place.pairs.insert_pairs(&turn).await;
        let committed = commit(&*place.store, &turn).await;
        Round { seen, committed, pairs, all: place.all.insert_all(&turn).await }
    } else {
        let all = place.all.insert_all(&turn).await;
        let committed = commit(&*place.store, &turn).await;
        Round { seen, committed, pairs: place.pairs.insert_pairs(&turn).await, all }
    }
}

/// Commits a turn of which nothing is lost.
pub async fn commit(store: &dyn Store, turn: &Turn) -> Duration {
    let began = Clock::now();
    let committed = store.commit(turn).await.expect("a commit");
    assert!(committed.lost.is_empty() && committed.lost_notices.is_empty());
    began.elapsed()
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
