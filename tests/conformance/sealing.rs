//! Sealing: what every try says is fixed once, after each member was looked at again.

use std::sync::Arc;

use duban::core::delivery::DeliveryState;
use duban::core::notice::{Hold, NoticeState, Wait};
use duban::store::{AttemptOutcome, Seal, Store};

use crate::for_every_store;
use crate::sample::*;

for_every_store!(
    what_is_no_longer_so_drops_out,
    a_delivery_with_nothing_left_to_say_is_cancelled,
    a_postponed_delivery_was_never_tried,
    a_delivery_at_the_limit_of_its_channel_can_be_joined_and_stays_there,
    a_delivery_is_sealed_once,
    a_member_of_another_delivery_is_not_dropped,
);

/// A delivery to one contact about some items, claimed.
async fn claimed_about(store: &Arc<dyn Store>, items: &[&str]) -> duban::store::Claimed {
    let opened = delivery(items[0], "li");
    let writes = items.iter().map(|id| {
        let notice = if delivery(id, "li") == opened { opens(id, "li") } else { joins(id, "li", opened) };
        tells(id, [notice])
    });
    commit(store, writes).await;
    claim_one(store, now()).await
}

async fn what_is_no_longer_so_drops_out(store: Arc<dyn Store>) {
    let claimed = claimed_about(&store, &["A", "B", "C"]).await;
    let dropped = vec![(notice("B", "li").key, Hold::NoLongerSo)];
    seal(&store, Seal { dropped, ..sealed(&claimed) }).await;
    settle(&store, settled(&claimed, DeliveryState::Sent)).await;
    let (_, members) = shown(&store, claimed.delivery.id).await;
    let states: Vec<_> = members.iter().map(|m| (m.state, m.hold.clone())).collect();
    let sent = (NoticeState::Sent, None);
    assert_eq!(states, [sent.clone(), (NoticeState::Dropped, Some(Hold::NoLongerSo)), sent]);
}

async fn a_delivery_with_nothing_left_to_say_is_cancelled(store: Arc<dyn Store>) {
    let claimed = claimed_about(&store, &["A", "B"]).await;
    let dropped = vec![(notice("B", "li").key, Hold::NeverTold)];
    seal(&store, Seal { dropped, sealed: None, ..sealed(&claimed) }).await;
    let (record, members) = shown(&store, claimed.delivery.id).await;
    assert_eq!((record.state, record.settled_at, record.sealed), (DeliveryState::Cancelled, Some(now()), None));
    let holds: Vec<_> = members.iter().map(|m| (m.state, m.hold.clone())).collect();
    let dropped = NoticeState::Dropped;
    assert_eq!(holds, [(dropped, Some(Hold::Cancelled)), (dropped, Some(Hold::NeverTold))]);
    assert_eq!(claim(&store, at("23:00:00")).await, []);
    let tries = store.attempts(claimed.delivery.id).await.expect("attempts");
    assert_eq!(tries.iter().map(|t| t.outcome).collect::<Vec<_>>(), [Some(AttemptOutcome::Cancelled)]);
}

async fn a_postponed_delivery_was_never_tried(store: Arc<dyn Store>) {
    let claimed = claimed_about(&store, &["A"]).await;
    let postponed = Seal { postponed_to: Some((at("02:30:00"), None)), ..sealed(&claimed) };
    seal(&store, postponed).await;
    let (record, members) = shown(&store, claimed.delivery.id).await;
    assert_eq!((record.state, record.not_before, record.tries), (DeliveryState::Scheduled, at("02:30:00"), 0));
    assert_eq!((record.sealed, record.sealed_at), (None, None));
    assert_eq!(members[0].state, NoticeState::Planned);

    commit(&store, [tells("B", [joins("B", "li", claimed.delivery.id)])]).await;
    let again = claim_one(&store, at("02:30:00")).await;
    assert_eq!((again.delivery.tries, again.members.len()), (1, 2));
    let late = store.seal(now(), &[sealed(&claimed)]).await.expect("a seal");
    assert_eq!(late, [claimed.delivery.id], "the first lease is over");
    let tries = store.attempts(claimed.delivery.id).await.expect("attempts");
    assert_eq!(tries.iter().map(|t| t.outcome).collect::<Vec<_>>(), [Some(AttemptOutcome::Postponed), None]);
}

async fn a_delivery_at_the_limit_of_its_channel_can_be_joined_and_stays_there(store: Arc<dyn Store>) {
    let claimed = claimed_about(&store, &["A"]).await;
    let postponed_to = Some((at("02:30:00"), Some(Wait::Rate)));
    seal(&store, Seal { postponed_to, ..sealed(&claimed) }).await;
    let open = store.open_deliveries(&["li".into()]).await.expect("open");
    assert_eq!((open[0].not_before, open[0].waits_for), (at("02:30:00"), Some(Wait::Rate)));

    let id = claimed.delivery.id;
    say(&store, [joins("B", "li", id)]).await;
    let (record, members) = shown(&store, id).await;
    assert_eq!((record.state, record.waits_for), (DeliveryState::Scheduled, Some(Wait::Rate)));
    assert_eq!((record.not_before, record.tries, members.len()), (at("02:30:00"), 0, 2));
    assert_eq!(claim(&store, at("02:29:59")).await, []);
    let again = claim_one(&store, at("02:30:00")).await;
    // It is still on its way when it waits for something else: then it waits for that only.
    seal(&store, Seal { postponed_to: Some((at("02:31:00"), None)), ..sealed(&again) }).await;
    assert_eq!(shown(&store, id).await.0.waits_for, None);
    say(&store, [joins("C", "li", id)]).await;
    assert_eq!(shown(&store, id).await.0.not_before, now(), "and can be brought forward");
}

async fn a_delivery_is_sealed_once(store: Arc<dyn Store>) {
    let claimed = claimed_about(&store, &["A"]).await;
    seal(&store, sealed(&claimed)).await;
    let other = Seal { sealed: Some(serde_json::json!("other").into()), ..sealed(&claimed) };
    assert_eq!(store.seal(now(), std::slice::from_ref(&other)).await.expect("a seal"), [claimed.delivery.id]);
    assert_eq!(shown(&store, claimed.delivery.id).await.0.sealed, sealed(&claimed).sealed);
    let cancel = Seal { sealed: None, ..other };
    assert_eq!(store.seal(now(), &[cancel]).await.expect("a seal"), [claimed.delivery.id]);
    assert_eq!(states(&store, "A").await, [NoticeState::Planned]);
}

async fn a_member_of_another_delivery_is_not_dropped(store: Arc<dyn Store>) {
    commit(&store, [tells("B", [opens_at("B", "li", at("09:00:00"))])]).await;
    let claimed = claimed_about(&store, &["A"]).await;
    let dropped = vec![(notice("B", "li").key, Hold::NoLongerSo)];
    seal(&store, Seal { dropped, ..sealed(&claimed) }).await;
    assert_eq!(states(&store, "B").await, [NoticeState::Planned]);
}
