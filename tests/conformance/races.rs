//! Many at once, and some who never come back: couriers that race, commits that race with claims, verbs that are dropped
//! in the middle, and couriers that come too late.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use duban::core::delivery::{DeliveryId, DeliveryState};
use duban::core::notice::NoticeState;
use duban::store::{AttemptOutcome, Claimable, Claimed, Seal, Settle, Store};

use crate::for_every_store;
use crate::sample::*;

for_every_store!(
    twenty_couriers_claim_twenty_thousand_deliveries_once,
    notices_that_join_while_others_claim_are_said_once,
    a_commit_that_is_dropped_in_the_middle_leaves_all_or_nothing,
    a_claim_that_is_dropped_in_the_middle_leaves_leases_or_nothing,
    a_settle_that_is_dropped_in_the_middle_settles_all_or_nothing,
    a_courier_that_comes_too_late_changes_nothing,
    leases_that_are_ended_can_be_claimed_at_once,
);

async fn twenty_couriers_claim_twenty_thousand_deliveries_once(store: Arc<dyn Store>) {
    const DELIVERIES: usize = 20_000;
    for thousand in 0..DELIVERIES / 1_000 {
        let ids = (0..1_000).map(|n| format!("{thousand}-{n}"));
        say(&store, ids.map(|id| opens(&id, "li"))).await;
    }
    let couriers: Vec<_> = (0..20).map(|_| tokio::spawn(claim_all(store.clone()))).collect();
    let mut all = Vec::with_capacity(DELIVERIES);
    for courier in couriers {
        all.extend(courier.await.expect("a courier"));
    }
    assert_eq!(all.len(), DELIVERIES);
    assert!(all.iter().all(|claimed| (claimed.delivery.tries, claimed.members.len()) == (1, 1)));
    let distinct: HashSet<DeliveryId> = all.iter().map(|claimed| claimed.delivery.id).collect();
    assert_eq!(distinct.len(), DELIVERIES);
}

/// Claims in hundreds until nothing is left.
async fn claim_all(store: Arc<dyn Store>) -> Vec<Claimed> {
    let mut mine = Vec::new();
    loop {
        let claimed = store.claim(now(), at("03:00:00"), 100, Claimable::default()).await.expect("a claim");
        if claimed.is_empty() {
            return mine;
        }
        mine.extend(claimed);
    }
}

async fn notices_that_join_while_others_claim_are_said_once(store: Arc<dyn Store>) {
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0..50 {
                    tell_beside_couriers(&store, &format!("{writer}-{n}")).await;
                }
            })
        })
        .collect();
    let couriers: Vec<_> = (0..4).map(|_| tokio::spawn(claim_until_said(store.clone(), 50))).collect();
    for writer in writers {
        writer.await.expect("a writer");
    }
    let mut said = Vec::new();
    for courier in couriers {
        said.extend(courier.await.expect("a courier"));
    }
    said.extend(claim_all(store.clone()).await);
    let told: Vec<_> = said.iter().flat_map(|claimed| &claimed.members).collect();
    let distinct: HashSet<_> = told.iter().map(|notice| notice.key).collect();
    assert_eq!((told.len(), distinct.len()), (200, 200), "each is said, and once");
    for claimed in &said {
        let (_, members) = shown(&store, claimed.delivery.id).await;
        assert_eq!(members.len(), claimed.members.len(), "nobody joins what is claimed");
    }
}

/// Says something to one of two contacts: in a delivery that is open, or in one of its own.
async fn tell_beside_couriers(store: &Arc<dyn Store>, id: &str) {
    let contact = if id.ends_with(['1', '3', '5']) { "li" } else { "wang" };
    loop {
        let open = store.open_deliveries(&[contact.into()]).await.expect("open deliveries");
        let planned = open.first().map_or_else(|| opens(id, contact), |open| joins(id, contact, open.id));
        let committed = store.commit(&turn([tells(id, [planned])])).await.expect("a commit");
        if committed.lost.is_empty() {
            return;
        }
    }
}

/// Claims one at a time, so many times, and sends what it gets.
async fn claim_until_said(store: Arc<dyn Store>, times: usize) -> Vec<Claimed> {
    let mut mine = Vec::new();
    for _ in 0..times {
        let claimed = store.claim(now(), at("03:00:00"), 1, Claimable::default()).await.expect("a claim");
        for claimed in &claimed {
            seal(&store, sealed(claimed)).await;
            settle(&store, settled(claimed, DeliveryState::Sent)).await;
        }
        mine.extend(claimed);
        tokio::task::yield_now().await;
    }
    mine
}

/// Lets a verb go on for a while, and then drops it; whether it came to its end.
async fn interrupt(verb: impl Future, patience_ms: u64) -> bool {
    tokio::time::timeout(Duration::from_millis(patience_ms), verb).await.is_ok()
}

/// From a verb that hardly begins to one that nearly ends.
const PATIENCE_MS: [u64; 6] = [0, 1, 4, 12, 40, 120];

async fn a_commit_that_is_dropped_in_the_middle_leaves_all_or_nothing(store: Arc<dyn Store>) {
    const ITEMS: usize = 1_500;
    for (round, patience) in PATIENCE_MS.into_iter().enumerate() {
        let items = (0..ITEMS).map(|n| format!("{round}-{n}")).map(|id| tells(&id, [opens(&id, "li")]));
        let turn = turn(items);
        let ended = interrupt(store.commit(&turn), patience).await;
        // Whether it was written or not: its caller commits it again.
        let lost = store.commit(&turn).await.expect("it is usable").lost.len();
        assert!(lost == ITEMS || (lost == 0 && !ended), "{lost} of {ITEMS} had been written after {patience} ms");
        let counts = store.counts().await.expect("counts");
        let all = ((round + 1) * ITEMS) as u64;
        assert_eq!((counts.items, counts.waiting), (all, all));
    }
}

async fn a_claim_that_is_dropped_in_the_middle_leaves_leases_or_nothing(store: Arc<dyn Store>) {
    const DELIVERIES: usize = 1_000;
    say(&store, (0..DELIVERIES).map(|n| opens(&n.to_string(), "li"))).await;
    for (minute, patience) in PATIENCE_MS.into_iter().enumerate() {
        let (now, until) = (at(&format!("02:{minute:02}:00")), at(&format!("02:{minute:02}:59")));
        interrupt(store.claim(now, until, DELIVERIES, Claimable::default()), patience).await;
        assert!(store.next_claim_at(&[]).await.expect("it is usable") <= Some(until));
    }
    // What was claimed for nobody can be claimed when the lease has run out; who was dropped may hold it a little longer.
    let mut claimed = Vec::new();
    for _ in 0..1_000 {
        claimed.extend(
            store.claim(at("02:30:00"), at("03:00:00"), DELIVERIES, Claimable::default()).await.expect("a claim"),
        );
        if claimed.len() == DELIVERIES {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let distinct: HashSet<DeliveryId> = claimed.iter().map(|claimed| claimed.delivery.id).collect();
    assert_eq!((claimed.len(), distinct.len()), (DELIVERIES, DELIVERIES));
    for Claimed { delivery, fence, .. } in claimed.iter().step_by(100) {
        assert_eq!(*fence, i64::from(delivery.tries), "each claim is counted");
        let tries = store.attempts(delivery.id).await.expect("attempts");
        let (last, earlier) = tries.split_last().expect("a try");
        assert_eq!((last.number, last.outcome, tries.len()), (delivery.tries, None, delivery.tries as usize));
        assert!(earlier.iter().all(|attempt| attempt.outcome == Some(AttemptOutcome::LeaseLost)));
    }
}

async fn a_settle_that_is_dropped_in_the_middle_settles_all_or_nothing(store: Arc<dyn Store>) {
    const DELIVERIES: usize = 500;
    for (round, patience) in PATIENCE_MS.into_iter().enumerate() {
        say(&store, (0..DELIVERIES).map(|n| opens(&format!("{round}-{n}"), "li"))).await;
        let claimed = store.claim(now(), at("03:00:00"), DELIVERIES, Claimable::default()).await.expect("a claim");
        let settles: Vec<Settle> = claimed.iter().map(|claimed| settled(claimed, DeliveryState::Sent)).collect();
        let ended = interrupt(store.settle(now(), &settles), patience).await;
        let lost = store.settle(now(), &settles).await.expect("it is usable").len();
        assert!(lost == DELIVERIES || (lost == 0 && !ended), "{lost} had been settled after {patience} ms");
        for claimed in claimed.iter().step_by(100) {
            let (record, members) = shown(&store, claimed.delivery.id).await;
            assert_eq!((record.state, members[0].state), (DeliveryState::Sent, NoticeState::Sent));
            assert_eq!(store.attempts(record.id).await.expect("attempts").len(), 1);
        }
    }
}

const ENDS: [DeliveryState; 4] =
    [DeliveryState::Sent, DeliveryState::Retryable, DeliveryState::Unknown, DeliveryState::Discarded];

async fn a_courier_that_comes_too_late_changes_nothing(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [opens("A", "li")])]).await;
    let first = claim_one(&store, now()).await;
    let id = first.delivery.id;
    let second = claim_one(&store, at("02:01:00")).await;
    let before = (shown(&store, id).await, store.attempts(id).await.expect("attempts"));
    let too_late = async || {
        let late = at("02:01:30");
        let whole = sealed(&first);
        let dropped = vec![(notice("A", "li").key, duban::core::notice::Hold::NoLongerSo)];
        let seals = [
            Seal { dropped: dropped.clone(), ..whole.clone() },
            Seal { sealed: None, ..whole.clone() },
            Seal { postponed_to: Some((at("09:00:00"), None)), ..whole },
        ];
        for seal in seals {
            assert_eq!(store.seal(late, &[seal]).await.expect("a seal"), [id]);
        }
        for state in ENDS {
            assert_eq!(store.settle(late, &[settled(&first, state)]).await.expect("a settle"), [id]);
        }
        store.give_back(late, &[given_back(&first)]).await.expect("give back");
    };
    too_late().await;
    assert_eq!((shown(&store, id).await, store.attempts(id).await.expect("attempts")), before);

    seal(&store, sealed(&second)).await;
    settle(&store, settled(&second, DeliveryState::Sent)).await;
    let before = (shown(&store, id).await, store.attempts(id).await.expect("attempts"));
    too_late().await;
    assert_eq!((shown(&store, id).await, store.attempts(id).await.expect("attempts")), before);
}

async fn leases_that_are_ended_can_be_claimed_at_once(store: Arc<dyn Store>) {
    commit(&store, ["A", "B"].map(|id| tells(id, [opens(id, "li")]))).await;
    let first = store.claim(now(), at("09:00:00"), 9, Claimable::default()).await.expect("a claim");
    settle(&store, settled(&first[0], DeliveryState::Sent)).await;
    assert_eq!(claim(&store, at("02:00:01")).await, []);
    store.end_leases(at("02:00:01")).await.expect("their end");
    assert_eq!(store.next_claim_at(&[]).await.expect("next"), Some(at("02:00:01")));
    let again = claim_one(&store, at("02:00:01")).await;
    assert_eq!((again.delivery.id, again.delivery.tries), (first[1].delivery.id, 2));
    let late = settled(&first[1], DeliveryState::Sent);
    assert_eq!(store.settle(at("02:00:02"), &[late]).await.expect("a settle"), [again.delivery.id]);
    settle(&store, settled(&again, DeliveryState::Sent)).await;
}
