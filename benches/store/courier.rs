//! Couriers: claim, seal and settle by the hundred; what each of them takes of a delivery's time.

use std::ops::AddAssign;
use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use chrono::TimeDelta;
use duban::core::delivery::DeliveryState;
use duban::store::{Claimable, Claimed, Seal, Settle, Store};
use futures_util::future::join_all;

use crate::place::Place;
use crate::sample::{now, single_notices};
use crate::turns::{ITEMS, commit};

/// Deliveries of one notice that are sent at a time.
const SINGLE: usize = 10_000;

/// How many bytes are sealed: about what the facts of one card take.
const SEALED: usize = 1_800;

pub async fn measure(place: &Place) {
    let began = Clock::now();
    let spent = drain(&place.store, 1).await;
    say(spent, began, &format!("1 courier; {} notices each", ITEMS / spent.sent));
    measure_single(place).await;
}

/// Deliveries of one notice each.
pub async fn measure_single(place: &Place) {
    let mut next = ITEMS;
    for couriers in place.couriers {
        commit(&*place.store, &single_notices(next..next + SINGLE)).await;
        next += SINGLE;
        let began = Clock::now();
        let spent = drain(&place.store, *couriers).await;
        assert_eq!(spent.sent, SINGLE);
        say(spent, began, &format!("{couriers} courier(s); one notice each"));
    }
}

/// What couriers sent, and how long each verb took them.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    sent: usize,
    claiming: Duration,
    sealing: Duration,
    settling: Duration,
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.claiming += other.claiming;
        self.sealing += other.sealing;
        self.settling += other.settling;
    }
}

fn say(spent: Spent, began: Clock, note: &str) {
    let Spent { sent, claiming, sealing, settling } = spent;
    let rate = sent as f64 / began.elapsed().as_secs_f64() / 1e3;
    let [claiming, sealing, settling] =
        [claiming, sealing, settling].map(|spent| spent.as_secs_f64() * 1e6 / sent as f64);
    println!(
        "{:<34}{rate:>10.1} k deliveries/s  ({sent}; {note}; {claiming:.0} + {sealing:.0} + {settling:.0} µs)",
        "claim, seal, settle"
    );
}

/// Sends all that is due.
async fn drain(store: &Arc<dyn Store>, couriers: usize) -> Spent {
    let tasks = (0..couriers).map(|_| tokio::spawn(courier(store.clone())));
    let mut all = Spent::default();
    join_all(tasks).await.into_iter().for_each(|spent| all += spent.expect("a courier"));
    all
}

async fn courier(store: Arc<dyn Store>) -> Spent {
    let mut spent = Spent::default();
    loop {
        let began = Clock::now();
        let claimed =
            store.claim(now(), now() + TimeDelta::minutes(1), 100, Claimable::default()).await.expect("a claim");
        if claimed.is_empty() {
            return spent;
        }
        spent.sent += claimed.len();
        spent.claiming += began.elapsed();
        let seals: Vec<Seal> = claimed.iter().map(seal).collect();
        let settles: Vec<Settle> = claimed.iter().map(settle).collect();
        let began = Clock::now();
        assert!(store.seal(now(), &seals).await.expect("a seal").is_empty());
        spent.sealing += began.elapsed();
        let began = Clock::now();
        assert!(store.settle(now(), &settles).await.expect("a settle").is_empty());
        spent.settling += began.elapsed();
    }
}

fn seal(claimed: &Claimed) -> Seal {
    let (id, fence) = (claimed.delivery.id, claimed.fence);
    Seal {
        id,
        fence,
        dropped: vec![],
        sealed: Some(serde_json::json!("事实".repeat(SEALED / 6)).into()),
        postponed_to: None,
    }
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
