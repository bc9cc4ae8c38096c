//! What becomes of deliveries after their end: reports of bad ends, and what a peer says later.

use std::sync::Arc;

use duban::core::delivery::{DeliveryId, DeliveryState, Receipt};
use duban::core::notice::NoticeState;
use duban::store::{AttemptOutcome, Settle, Store, Turn};

use crate::for_every_store;
use crate::sample::*;

for_every_store!(
    what_ended_badly_is_reported_once,
    what_is_retried_and_ends_badly_again_is_reported_again,
    a_report_that_is_lost_is_no_report,
    a_message_that_was_taken_waits_for_its_receipt,
    what_did_not_reach_its_receiver_is_a_dead_letter,
    a_receipt_that_is_there_stays,
    a_receipt_belongs_to_its_channel_and_to_what_was_sent,
    a_retried_message_waits_for_a_receipt_of_its_own,
    one_receipt_can_mean_several_messages,
    a_notice_says_when_it_ended,
);

/// Sends what is due; the peer calls it so.
async fn sent_as(store: &Arc<dyn Store>, item: &str, remote_id: &str) -> DeliveryId {
    say(store, [opens(item, "li")]).await;
    let claimed = claim_one(store, now()).await;
    seal(store, sealed(&claimed)).await;
    settle(store, Settle { remote_id: Some(remote_id.into()), ..settled(&claimed, DeliveryState::Sent) }).await;
    claimed.delivery.id
}

async fn ended(store: &Arc<dyn Store>, item: &str, state: DeliveryState) -> DeliveryId {
    say(store, [opens(item, "li")]).await;
    send(store, state).await;
    delivery(item, "li")
}

fn receipt(remote_id: &str, delivered: bool) -> Receipt {
    Receipt { remote_id: remote_id.into(), delivered, reason: "MK:0001".into() }
}

async fn receive(store: &Arc<dyn Store>, receipts: &[Receipt]) -> Vec<DeliveryId> {
    store.put_receipts(at("03:00:00"), CHANNEL, receipts).await.expect("receipts")
}

async fn unreported(store: &Arc<dyn Store>, limit: usize) -> Vec<DeliveryId> {
    store.unreported(limit).await.expect("deliveries").into_iter().map(|(record, _)| record.id).collect()
}

async fn waiting(store: &Arc<dyn Store>, after: &str, limit: usize) -> Vec<DeliveryId> {
    let found = store.without_receipt(CHANNEL, at(after), limit).await.expect("deliveries");
    found.into_iter().map(|record| record.id).collect()
}

async fn report(store: &Arc<dyn Store>, reported: &[DeliveryId]) {
    let turn = Turn { reported: reported.to_vec(), ..Turn::default() };
    store.commit(&turn).await.expect("a commit");
}

async fn what_ended_badly_is_reported_once(store: Arc<dyn Store>) {
    let dead = ended(&store, "A", DeliveryState::Discarded).await;
    ended(&store, "B", DeliveryState::Sent).await;
    say(&store, [opens("C", "li"), joins("D", "li", delivery("C", "li"))]).await;
    let claimed = claim_one(&store, at("02:00:01")).await;
    let unknown = settled(&claimed, DeliveryState::Unknown);
    store.settle(at("02:00:01"), &[unknown]).await.expect("settled");
    let found = store.unreported(9).await.expect("deliveries");
    let members: Vec<_> = found.iter().map(|(record, notices)| (record.id, record.state, notices.len())).collect();
    let doubtful = delivery("C", "li");
    assert_eq!(members, [(dead, DeliveryState::Discarded, 1), (doubtful, DeliveryState::Unknown, 2)], "oldest first");
    assert_eq!(found[1].1[0].state, NoticeState::Unknown);
    assert_eq!(unreported(&store, 1).await, [dead]);
    report(&store, &[dead, delivery("B", "li"), delivery("never opened", "li")]).await;
    assert_eq!(unreported(&store, 9).await, [doubtful]);
    report(&store, &[doubtful]).await;
    assert_eq!(unreported(&store, 9).await, []);
}

async fn what_is_retried_and_ends_badly_again_is_reported_again(store: Arc<dyn Store>) {
    let dead = ended(&store, "A", DeliveryState::Discarded).await;
    report(&store, &[dead]).await;
    assert!(store.retry_delivery(dead, now(), None).await.expect("retried"));
    assert_eq!(unreported(&store, 9).await, []);
    report(&store, &[dead]).await;
    let claimed = claim_one(&store, now()).await;
    settle(&store, settled(&claimed, DeliveryState::Discarded)).await;
    assert_eq!(unreported(&store, 9).await, [dead], "it had not ended when it was reported before its time");
}

async fn a_report_that_is_lost_is_no_report(store: Arc<dyn Store>) {
    let dead = ended(&store, "A", DeliveryState::Discarded).await;
    say(&store, [opens("B", "li")]).await;
    claim_one(&store, now()).await;
    let joins_too_late = joins("C", "li", delivery("B", "li"));
    let turn = Turn { notices: vec![joins_too_late, opens("D", "li")], reported: vec![dead], ..Turn::default() };
    assert_eq!(store.commit(&turn).await.expect("a commit").lost_notices, [notice("C", "li").key]);
    assert_eq!(unreported(&store, 9).await, [dead]);
    let again = Turn { notices: vec![opens("C", "li"), opens("D", "li")], ..turn };
    assert_eq!(store.commit(&again).await.expect("a commit").lost_notices, []);
    assert_eq!(unreported(&store, 9).await, []);
}

async fn a_message_that_was_taken_waits_for_its_receipt(store: Arc<dyn Store>) {
    ended(&store, "A", DeliveryState::Sent).await;
    let (second, third) = (sent_as(&store, "B", "b").await, sent_as(&store, "C", "c").await);
    let mut both = vec![second, third];
    both.sort_unstable();
    assert_eq!(waiting(&store, "01:00:00", 9).await, both, "what has no name at the peer gets no receipt");
    assert_eq!(waiting(&store, "01:00:00", 1).await, both[..1]);
    assert_eq!(waiting(&store, "02:00:00", 9).await, [], "only what was sent after");
    assert_eq!(store.without_receipt("sms", at("01:00:00"), 9).await.expect("deliveries"), []);
    assert_eq!(receive(&store, &[receipt("b", true), receipt("unknown", false)]).await, [second]);
    assert_eq!(waiting(&store, "01:00:00", 9).await, [third]);
    let (record, members) = shown(&store, second).await;
    assert_eq!((record.state, record.receipt, record.settled_at), (DeliveryState::Sent, Some(true), Some(now())));
    assert_eq!((record.reason.as_deref(), members[0].state), (Some("250 ok"), NoticeState::Sent));
    assert_eq!(receive(&store, &[]).await, []);
}

async fn what_did_not_reach_its_receiver_is_a_dead_letter(store: Arc<dyn Store>) {
    let id = sent_as(&store, "A", "a").await;
    assert_eq!(receive(&store, &[receipt("a", false)]).await, [id]);
    let (record, members) = shown(&store, id).await;
    assert_eq!((record.state, record.receipt), (DeliveryState::Discarded, Some(false)));
    assert_eq!((record.settled_at, record.reason.as_deref()), (Some(at("03:00:00")), Some("MK:0001")));
    assert_eq!((members[0].state, members[0].settled_at), (NoticeState::Discarded, Some(at("03:00:00"))));
    let tries = store.attempts(id).await.expect("attempts");
    assert_eq!(tries[0].outcome, Some(AttemptOutcome::Sent), "the try itself did succeed");
    assert_eq!(unreported(&store, 9).await, [id]);
    let counts = store.counts().await.expect("counts");
    assert_eq!((counts.sent, counts.discarded), (0, 1));
}

async fn a_receipt_that_is_there_stays(store: Arc<dyn Store>) {
    let (reached, lost) = (sent_as(&store, "A", "a").await, sent_as(&store, "B", "b").await);
    let mut both = vec![reached, lost];
    both.sort_unstable();
    let receipts = [receipt("a", true), receipt("b", false), receipt("a", false), receipt("b", true)];
    assert_eq!(receive(&store, &receipts).await, both);
    assert_eq!(receive(&store, &receipts[2..]).await, []);
    assert_eq!(shown(&store, reached).await.0.state, DeliveryState::Sent);
    assert_eq!(shown(&store, lost).await.0.state, DeliveryState::Discarded);
}

async fn a_receipt_belongs_to_its_channel_and_to_what_was_sent(store: Arc<dyn Store>) {
    let id = sent_as(&store, "A", "a").await;
    assert_eq!(store.put_receipts(now(), "sms", &[receipt("a", false)]).await.expect("receipts"), []);
    say(&store, [opens("B", "li")]).await;
    let claimed = claim_one(&store, now()).await;
    let again =
        Settle { remote_id: Some("b".into()), not_before: Some(now()), ..settled(&claimed, DeliveryState::Retryable) };
    settle(&store, again).await;
    assert_eq!(receive(&store, &[receipt("b", false)]).await, []);
    assert_eq!(shown(&store, id).await.0.receipt, None);
}

async fn a_retried_message_waits_for_a_receipt_of_its_own(store: Arc<dyn Store>) {
    let id = sent_as(&store, "A", "first").await;
    receive(&store, &[receipt("first", false)]).await;
    assert!(store.retry_delivery(id, now(), None).await.expect("retried"));
    let record = shown(&store, id).await.0;
    assert_eq!((record.receipt, record.remote_id), (None, None));
    let claimed = claim_one(&store, now()).await;
    settle(&store, Settle { remote_id: Some("second".into()), ..settled(&claimed, DeliveryState::Sent) }).await;
    assert_eq!(receive(&store, &[receipt("first", false)]).await, []);
    assert_eq!(waiting(&store, "01:00:00", 9).await, [id]);
    assert_eq!(receive(&store, &[receipt("second", true)]).await, [id]);
    assert_eq!(shown(&store, id).await.1[0].state, NoticeState::Sent);
}

async fn one_receipt_can_mean_several_messages(store: Arc<dyn Store>) {
    let mut all = [sent_as(&store, "A", "batch").await, sent_as(&store, "B", "batch").await];
    all.sort_unstable();
    assert_eq!(receive(&store, &[receipt("batch", false)]).await, all);
    assert_eq!(store.counts().await.expect("counts").discarded, 2);
}

async fn a_notice_says_when_it_ended(store: Arc<dyn Store>) {
    let id = ended(&store, "A", DeliveryState::Unknown).await;
    let settled_at = async || shown(&store, id).await.1[0].settled_at;
    assert_eq!(settled_at().await, Some(now()));
    assert!(store.retry_delivery(id, now(), None).await.expect("retried"));
    assert_eq!(settled_at().await, None);
    let claimed = claim_one(&store, at("05:00:00")).await;
    store.settle(at("05:00:01"), &[settled(&claimed, DeliveryState::Sent)]).await.expect("settled");
    assert_eq!(settled_at().await, Some(at("05:00:01")));
}
