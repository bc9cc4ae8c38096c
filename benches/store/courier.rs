//! Couriers: claim, seal and settle by the hundred.

use std::sync::Arc;
use std::time::Instant as Clock;

use chrono::TimeDelta;
use duban::core::delivery::DeliveryState;
use duban::store::{Claimable, Claimed, Seal, Settle, Store};
use futures_util::future::join_all;

use crate::place::Place;
use crate::sample::{now, single_notices};
use crate::turns::{ITEMS, commit};

/// Deliveries of one notice that are sent at a time.
const SINGLE: usize = 10_000;

pub async fn measure(place: &Place) {
    let began = Clock::now();
    let sent = drain(&place.store, 1).await;
    say(sent, began, &format!("1 courier; {} notices each", ITEMS / sent));
    let mut next = ITEMS;
    for couriers in place.couriers {
        commit(&*place.store, &single_notices(next..next + SINGLE)).await;
        next += SINGLE;
        let began = Clock::now();
        let sent = drain(&place.store, *couriers).await;
        assert_eq!(sent, SINGLE);
        say(sent, began, &format!("{couriers} courier(s); one notice each"));
    }
}

fn say(sent: usize, began: Clock, note: &str) {
    let rate = sent as f64 / began.elapsed().as_secs_f64() / 1e3;
    println!("{:<34}{rate:>10.1} k deliveries/s  ({sent}; {note})", "claim, seal, settle");
}

/// Sends all that is due; how many there were.
async fn drain(store: &Arc<dyn Store>, couriers: usize) -> usize {
    let tasks = (0..couriers).map(|_| tokio::spawn(courier(store.clone())));
    join_all(tasks).await.into_iter().map(|sent| sent.expect("a courier")).sum()
}

async fn courier(store: Arc<dyn Store>) -> usize {
    let mut sent = 0;
    loop {
        let claimed =
            store.claim(now(), now() + TimeDelta::minutes(1), 100, Claimable::default()).await.expect("a claim");
        if claimed.is_empty() {
            return sent;
        }
        sent += claimed.len();
        let seals: Vec<Seal> = claimed.iter().map(seal).collect();
        let settles: Vec<Settle> = claimed.iter().map(settle).collect();
        assert!(store.seal(now(), &seals).await.expect("a seal").is_empty());
        assert!(store.settle(now(), &settles).await.expect("a settle").is_empty());
    }
}

fn seal(claimed: &Claimed) -> Seal {
    let (id, fence) = (claimed.delivery.id, claimed.fence);
    Seal { id, fence, dropped: vec![], sealed: Some(serde_json::json!("facts").into()), postponed_to: None }
}

fn settle(claimed: &Claimed) -> Settle {
    let (id, fence) = (claimed.delivery.id, claimed.fence);
    Settle {
        id,
        fence,
        state: DeliveryState::Sent,
        not_before: None,
        reason: "250 ok".into(),
        remote_id: None,
        bad_address: None,
    }
}
