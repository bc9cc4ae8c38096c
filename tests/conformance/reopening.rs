//! What was held, dropped or cancelled can be planned again; what was said cannot.

use std::sync::Arc;

use duban::core::delivery::DeliveryState;
use duban::core::notice::{Hold, Notice, NoticeState, Planned};
use duban::store::{Claimed, DeliveryFilter, Seal, Store};

use crate::for_every_store;
use crate::sample::*;

for_every_store!(
    a_held_notice_is_planned_again,
    a_held_notice_is_held_for_another_reason,
    what_says_the_same_again_only_goes_elsewhere,
    what_is_planned_again_of_another_card_is_about_that_one,
    a_cancelled_delivery_is_reopened_under_its_id,
    a_delivery_that_sealing_emptied_is_reopened_under_its_id,
    a_delivery_is_opened_under_another_id_when_its_own_is_used_up,
    an_open_delivery_is_joined_by_the_notice_that_would_open_it,
    a_rehearsed_delivery_is_reopened_live,
    a_reopened_delivery_takes_others_in,
    what_was_said_stays_said,
);

/// Plans a notice about an item again, later.
async fn again(store: &Arc<dyn Store>, id: &str, mut planned: Planned) {
    planned.notice.planned_at = at("04:00:00");
    let mut item = tells(id, [planned]);
    item.record.version = loaded(store, id).await.version;
    commit(store, [item]).await;
}

async fn all(store: &Arc<dyn Store>) -> usize {
    store.deliveries(&DeliveryFilter { limit: 100, ..DeliveryFilter::default() }).await.expect("deliveries").len()
}

async fn a_held_notice_is_planned_again(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [held("A", "li", Hold::Baseline)])]).await;
    let before = notices(&store, "A").await;
    assert_eq!(
        (before[0].state, &before[0].hold, before[0].delivery),
        (NoticeState::Held, &Some(Hold::Baseline), None)
    );
    again(&store, "A", opens("A", "li")).await;
    let after = notices(&store, "A").await;
    assert_eq!(after.len(), 1);
    assert_eq!((after[0].state, &after[0].hold), (NoticeState::Planned, &None));
    assert_eq!((after[0].delivery, after[0].planned_at), (Some(delivery("A", "li")), at("04:00:00")));
    assert_eq!(claim_one(&store, now()).await.members, after);
}

async fn a_held_notice_is_held_for_another_reason(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [held("A", "li", Hold::Baseline)])]).await;
    again(&store, "A", held("A", "li", Hold::NoAddress)).await;
    assert_eq!(notices(&store, "A").await[0].hold, Some(Hold::NoAddress));
    assert_eq!(store.held_notices(&Hold::Baseline, 9).await.expect("held"), []);
}

async fn what_says_the_same_again_only_goes_elsewhere(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [held("A", "li", Hold::Baseline), held("A", "wang", Hold::Baseline)])]).await;
    let before = notices(&store, "A").await;
    let mut item = tells("A", [opens("A", "li"), held("A", "wang", Hold::NoAddress), opens("A", "zhao")]);
    item.notices.iter_mut().for_each(|planned| planned.notice.planned_at = at("04:00:00"));
    item.again = ["li", "wang"].map(|contact| notice("A", contact).key).into();
    let fresh = item.notices[2].notice.clone();
    item.record.version = 1;
    commit(&store, [item]).await;
    let li = Notice {
        planned_at: at("04:00:00"),
        state: NoticeState::Planned,
        hold: None,
        delivery: Some(delivery("A", "li")),
        ..before[0].clone()
    };
    let wang = Notice { planned_at: at("04:00:00"), hold: Some(Hold::NoAddress), ..before[1].clone() };
    assert_eq!(notices(&store, "A").await, [li.clone(), wang, fresh]);
    assert_eq!(store.held_notices(&Hold::Baseline, 9).await.expect("held"), []);
    assert_eq!(store.held_notices(&Hold::NoAddress, 9).await.expect("held").len(), 1);
    assert_eq!(store.delivery(&delivery("A", "li").to_string()).await.expect("a delivery")[0].1, [li]);
}

async fn what_is_planned_again_of_another_card_is_about_that_one(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [held("A", "li", Hold::Baseline), held("A", "wang", Hold::Baseline)])]).await;
    // The same key, of another item's card: a count of a unit.
    let mut other = opens("B", "li");
    other.notice.key = notice("A", "li").key;
    commit(&store, [tells("B", [other, held("B", "zhao", Hold::Baseline)])]).await;
    let said = |all: Vec<duban::core::notice::Notice>| all.iter().map(|n| n.contact.to_string()).collect::<Vec<_>>();
    assert_eq!(said(notices(&store, "A").await), ["wang"]);
    let of_other = notices(&store, "B").await;
    assert_eq!((of_other[0].card, of_other[0].item.clone()), (Some(card("B")), Some(key("B"))));
    assert_eq!(said(of_other), ["li", "zhao"]);
}

async fn a_cancelled_delivery_is_reopened_under_its_id(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [opens("A", "li")])]).await;
    let id = delivery("A", "li");
    assert!(store.cancel_delivery(id, now(), None).await.expect("cancel"));
    again(&store, "A", opens_at("A", "li", at("05:00:00"))).await;
    let (record, members) = shown(&store, id).await;
    assert_eq!((record.state, record.settled_at), (DeliveryState::Scheduled, None));
    assert_eq!((record.not_before, record.opened_at), (at("05:00:00"), at("04:00:00")));
    assert_eq!((members[0].state, &members[0].hold), (NoticeState::Planned, &None));
    assert_eq!(all(&store).await, 1);
    let claimed = claim_one(&store, at("05:00:00")).await;
    assert_eq!((claimed.delivery.id, claimed.members.len()), (id, 1));
}

/// Claims the one delivery that is due, and drops a notice from it.
async fn drop_from_claim(store: &Arc<dyn Store>, id: &str) -> Claimed {
    let claimed = claim_one(store, now()).await;
    let dropped = vec![(notice(id, "li").key, Hold::NoLongerSo)];
    let left = claimed.members.len() > 1;
    let whole = sealed(&claimed);
    seal(store, Seal { dropped, sealed: whole.sealed.clone().filter(|_| left), ..whole }).await;
    claimed
}

async fn a_delivery_that_sealing_emptied_is_reopened_under_its_id(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [opens("A", "li")])]).await;
    let first = drop_from_claim(&store, "A").await;
    again(&store, "A", opens("A", "li")).await;
    let second = claim_one(&store, now()).await;
    assert_eq!((second.delivery.id, second.delivery.tries), (first.delivery.id, 1));
    assert!(second.fence > first.fence, "a lease of its earlier life cannot settle it");
    let late = settled(&first, DeliveryState::Sent);
    assert_eq!(store.settle(now(), &[late]).await.expect("a settle"), [first.delivery.id]);
}

async fn a_delivery_is_opened_under_another_id_when_its_own_is_used_up(store: Arc<dyn Store>) {
    let id = delivery("A", "li");
    commit(&store, [tells("A", [opens("A", "li")]), tells("B", [joins("B", "li", id)])]).await;
    let first = drop_from_claim(&store, "A").await;
    settle(&store, settled(&first, DeliveryState::Sent)).await;
    let (_, before) = shown(&store, id).await;

    again(&store, "A", opens("A", "li")).await;
    commit(&store, [tells("C", [joins("C", "li", id.successor())])]).await;
    let second = claim_one(&store, now()).await;
    assert_eq!((second.delivery.id, second.members.len()), (id.successor(), 2));
    assert_eq!(shown(&store, id).await.1, before[1..], "B was sent with the first and stays there");
}

async fn an_open_delivery_is_joined_by_the_notice_that_would_open_it(store: Arc<dyn Store>) {
    let id = delivery("A", "li");
    commit(&store, [tells("A", [opens("A", "li")]), tells("B", [joins("B", "li", id)])]).await;
    let claimed = claim_one(&store, now()).await;
    let dropped = vec![(notice("A", "li").key, Hold::NoLongerSo)];
    seal(&store, Seal { dropped, postponed_to: Some((at("03:00:00"), None)), ..sealed(&claimed) }).await;
    again(&store, "A", opens_at("A", "li", at("06:00:00"))).await;
    let (record, members) = shown(&store, id).await;
    assert_eq!((record.not_before, record.opened_at), (at("03:00:00"), now()));
    assert_eq!(members.iter().map(|m| m.state).collect::<Vec<_>>(), [NoticeState::Planned; 2]);
    assert_eq!(all(&store).await, 1);
}

async fn a_rehearsed_delivery_is_reopened_live(store: Arc<dyn Store>) {
    let mut rehearsed = opens("A", "li");
    rehearsed.placement.as_mut().expect("a placement").rehearsal = true;
    commit(&store, [tells("A", [rehearsed])]).await;
    let id = delivery("A", "li");
    assert!(shown(&store, id).await.0.rehearsal);
    assert!(store.cancel_delivery(id, now(), None).await.expect("cancel"));
    again(&store, "A", opens("A", "li")).await;
    assert!(!shown(&store, id).await.0.rehearsal);
}

async fn a_reopened_delivery_takes_others_in(store: Arc<dyn Store>) {
    let id = delivery("A", "li");
    commit(&store, [tells("A", [opens("A", "li")])]).await;
    assert!(store.cancel_delivery(id, now(), None).await.expect("cancel"));
    let alone = store.commit(&turn([tells("B", [joins("B", "li", id)])])).await.expect("a commit");
    assert_eq!(alone.lost, [key("B")], "nobody reopens what it joins");
    let mut reopens = tells("A", [opens("A", "li")]);
    reopens.record.version = 1;
    commit(&store, [tells("B", [joins("B", "li", id)]), reopens]).await;
    assert_eq!(claim_one(&store, now()).await.members.len(), 2);
}

async fn what_was_said_stays_said(store: Arc<dyn Store>) {
    let ends = [DeliveryState::Sent, DeliveryState::Unknown, DeliveryState::Discarded];
    for (index, state) in ends.into_iter().enumerate() {
        let id = format!("A{index}");
        commit(&store, [tells(&id, [opens(&id, "li")])]).await;
        send(&store, state).await;
        let before = notices(&store, &id).await;
        again(&store, &id, opens(&id, "li")).await;
        again(&store, &id, held(&id, "li", Hold::Baseline)).await;
        assert_eq!(notices(&store, &id).await, before, "{state:?}");
        assert_eq!(claim(&store, at("23:00:00")).await, [], "{state:?}");
        assert_eq!(all(&store).await, index + 1, "{state:?}");
    }
}
