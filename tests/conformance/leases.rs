//! Leases: who may settle what, and what becomes of a claim whose holder is gone.

use std::collections::HashSet;
use std::sync::Arc;

use duban::core::delivery::{DeliveryId, DeliveryState};
use duban::core::notice::{NoticeState, Wait};
use duban::store::{AttemptOutcome, Claimable, GivenBack, Settle, Store};

use crate::for_every_store;
use crate::sample::*;

for_every_store!(
    a_lease_that_ran_out_is_claimed_again,
    a_settle_under_a_lost_lease_changes_nothing,
    a_delivery_is_settled_once,
    lost_leases_do_not_spoil_the_batch,
    a_delivery_that_is_named_with_two_leases_counts_as_lost,
    claimers_get_distinct_deliveries,
    what_is_given_back_was_never_tried,
    what_was_sealed_and_given_back_cannot_be_joined,
    what_is_given_back_until_later_waits_for_that,
);

async fn a_lease_that_ran_out_is_claimed_again(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [opens("A", "li")])]).await;
    let first = claim_one(&store, now()).await;
    assert_eq!(claim(&store, at("02:00:59")).await, []);
    assert_eq!(store.next_claim_at(&[]).await.expect("next"), Some(at("02:01:00")));
    let second = claim_one(&store, at("02:01:00")).await;
    assert_eq!((second.delivery.id, second.delivery.tries), (first.delivery.id, 2));
    assert!(second.fence > first.fence);
    assert_eq!(second.members, first.members);
    let tries = store.attempts(first.delivery.id).await.expect("attempts");
    let tries: Vec<_> = tries.iter().map(|t| (t.outcome, t.settled_at)).collect();
    assert_eq!(tries, [(Some(AttemptOutcome::LeaseLost), Some(at("02:01:00"))), (None, None)]);
}

async fn a_settle_under_a_lost_lease_changes_nothing(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [opens("A", "li")])]).await;
    let first = claim_one(&store, now()).await;
    let second = claim_one(&store, at("02:01:00")).await;
    let late = settled(&first, DeliveryState::Sent);
    assert_eq!(store.settle(at("02:01:01"), &[late]).await.expect("a settle"), [first.delivery.id]);
    assert_eq!(store.seal(at("02:01:01"), &[sealed(&first)]).await.expect("a seal"), [first.delivery.id]);
    let (record, members) = shown(&store, first.delivery.id).await;
    assert_eq!((record.state, record.sealed, record.reason), (DeliveryState::Sending, None, None));
    assert_eq!(members[0].state, NoticeState::Planned);
    seal(&store, sealed(&second)).await;
    settle(&store, settled(&second, DeliveryState::Sent)).await;
}

async fn a_delivery_is_settled_once(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [opens("A", "li")])]).await;
    let claimed = claim_one(&store, now()).await;
    let [sent, discarded] = [DeliveryState::Sent, DeliveryState::Discarded].map(|state| settled(&claimed, state));
    assert_eq!(store.settle(now(), &[sent.clone(), discarded.clone()]).await.expect("a settle"), []);
    assert_eq!(store.settle(now(), &[discarded]).await.expect("a settle"), [claimed.delivery.id]);
    assert_eq!(shown(&store, claimed.delivery.id).await.0.state, DeliveryState::Sent);
    assert_eq!(store.settle(now(), &[]).await.expect("a settle"), []);
}

async fn lost_leases_do_not_spoil_the_batch(store: Arc<dyn Store>) {
    commit(&store, ["A", "B", "C"].map(|id| tells(id, [opens(id, "li")]))).await;
    let claimed = claim(&store, now()).await;
    let mut settles: Vec<_> = claimed.iter().map(|claimed| settled(claimed, DeliveryState::Sent)).collect();
    settles[1].fence += 1;
    let mut unknown = settles[0].clone();
    unknown.id = DeliveryId(digest("never opened"));
    settles.push(unknown);
    let lost = store.settle(now(), &settles).await.expect("a settle");
    assert_eq!(lost.into_iter().collect::<HashSet<_>>(), [settles[1].id, settles[3].id].into());
    assert_eq!(store.counts().await.expect("counts").sent, 2);
}

async fn a_delivery_that_is_named_with_two_leases_counts_as_lost(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [opens("A", "li")])]).await;
    let stale = claim_one(&store, now()).await;
    let right = claim_one(&store, at("02:01:00")).await;
    let id = right.delivery.id;
    assert_eq!(store.seal(now(), &[sealed(&stale), sealed(&right)]).await.expect("a seal"), [id]);
    let both = [settled(&right, DeliveryState::Sent), settled(&stale, DeliveryState::Discarded)];
    assert_eq!(store.settle(now(), &both).await.expect("a settle"), [id]);
    store.give_back(now(), &[given_back(&right), given_back(&stale)]).await.expect("give back");
    let (record, _) = shown(&store, id).await;
    assert_eq!((record.state, record.sealed), (DeliveryState::Sending, None), "what is said to be lost is not written");
    seal(&store, sealed(&right)).await;
    settle(&store, settled(&right, DeliveryState::Sent)).await;
}

async fn claimers_get_distinct_deliveries(store: Arc<dyn Store>) {
    commit(&store, (0..400).map(|n| n.to_string()).map(|id| tells(&id, [opens(&id, "li")]))).await;
    let claimers: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let claimed = store.claim(now(), at("03:00:00"), 7, Claimable::default()).await.expect("a claim");
                    if claimed.is_empty() {
                        return mine;
                    }
                    mine.extend(claimed.into_iter().map(|claimed| claimed.delivery.id));
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for claimer in claimers {
        all.extend(claimer.await.expect("a claimer"));
    }
    assert_eq!(all.len(), 400);
    assert_eq!(all.into_iter().collect::<HashSet<_>>().len(), 400);
}

async fn what_is_given_back_was_never_tried(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [opens("A", "li")])]).await;
    let first = claim_one(&store, now()).await;
    let (id, fence) = (first.delivery.id, first.fence);
    store
        .give_back(at("02:00:30"), &[-1, 1].map(|off| GivenBack { fence: fence + off, ..given_back(&first) }))
        .await
        .expect("give back");
    assert_eq!(shown(&store, id).await.0.state, DeliveryState::Sending, "only the holder gives back");
    store.give_back(at("02:00:30"), &[given_back(&first)]).await.expect("give back");
    let (record, _) = shown(&store, id).await;
    assert_eq!((record.state, record.tries), (DeliveryState::Available, 0));
    assert_eq!(store.open_deliveries(&["li".into()]).await.expect("open").len(), 1);
    let second = claim_one(&store, at("02:00:30")).await;
    assert!(second.fence > fence);
    let lost = store.settle(now(), &[settled(&first, DeliveryState::Sent)]).await.expect("a settle");
    assert_eq!(lost, [id]);
    let tries = store.attempts(id).await.expect("attempts");
    assert_eq!(tries.iter().map(|t| t.outcome).collect::<Vec<_>>(), [Some(AttemptOutcome::GivenBack), None]);
}

async fn what_was_sealed_and_given_back_cannot_be_joined(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [opens("A", "li")])]).await;
    let claimed = claim_one(&store, now()).await;
    let id = claimed.delivery.id;
    seal(&store, sealed(&claimed)).await;
    store.give_back(now(), &[given_back(&claimed)]).await.expect("give back");
    assert_eq!(store.open_deliveries(&["li".into()]).await.expect("open"), []);
    let committed = store.commit(&turn([tells("B", [joins("B", "li", id)])])).await.expect("a commit");
    assert_eq!(committed.lost, [key("B")]);
    assert!(!store.cancel_delivery(id, now(), None).await.expect("cancel"));
    assert_eq!(claim_one(&store, now()).await.delivery.sealed, sealed(&claimed).sealed);
}

async fn what_is_given_back_until_later_waits_for_that(store: Arc<dyn Store>) {
    say(&store, [opens("A", "li"), opens("B", "wang")]).await;
    let until = Some((at("02:30:00"), Wait::Rate));
    for claimed in claim(&store, now()).await {
        let is_sealed = &*claimed.delivery.contact == "li";
        if is_sealed {
            seal(&store, sealed(&claimed)).await;
        }
        store.give_back(now(), &[GivenBack { until, ..given_back(&claimed) }]).await.expect("give back");
        let (record, _) = shown(&store, claimed.delivery.id).await;
        let state = if is_sealed { DeliveryState::Retryable } else { DeliveryState::Scheduled };
        assert_eq!((record.state, record.tries, record.waits_for), (state, 0, Some(Wait::Rate)));
        assert_eq!(record.not_before, at("02:30:00"));
    }
    let open = store.open_deliveries(&["li".into(), "wang".into()]).await.expect("open");
    assert_eq!(open.iter().map(|open| &*open.contact).collect::<Vec<_>>(), ["wang"], "what is sealed stays as it is");
    assert_eq!(claim(&store, at("02:29:59")).await, []);
    let again = claim(&store, at("02:30:00")).await;
    assert_eq!(again.iter().map(|claimed| claimed.delivery.tries).collect::<Vec<_>>(), [1, 1]);
    // A failed try waits for another one, not for the limit.
    let failed = Settle { not_before: Some(at("04:00:00")), ..settled(&again[0], DeliveryState::Retryable) };
    settle(&store, failed).await;
    assert_eq!(shown(&store, again[0].delivery.id).await.0.waits_for, None);
}
