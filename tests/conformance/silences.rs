//! Silences, and what they hold.

use std::sync::Arc;

use chrono::TimeDelta;
use duban::core::delivery::DeliveryState;
use duban::core::digest::Digest;
use duban::core::matcher::Matcher;
use duban::core::notice::{Hold, NoticeState};
use duban::core::silence::Silence;
use duban::store::{Seal, Store};

use crate::for_every_store;
use crate::sample::*;

for_every_store!(
    a_silence_is_kept_as_it_was_put_down,
    a_silence_that_was_lifted_is_listed_among_all_only,
    what_a_silence_holds_at_sealing_can_be_planned_again,
    a_delivery_of_which_a_silence_holds_everything_is_cancelled,
);

fn silence(unit: &str, minute: i64) -> Silence {
    let matcher = Matcher::of_pairs([format!("unit={unit}").as_str(), "rule=!2110"]).expect("a matcher");
    let (from, to) = (at("01:00:00"), at("09:00:00"));
    Silence::new(matcher, (from, to), "值班 O'Neil", "系统割接", now() + TimeDelta::minutes(minute)).expect("a silence")
}

async fn a_silence_is_kept_as_it_was_put_down(store: Arc<dyn Store>) {
    let (late, early) = (silence("住建局", 9), silence("*街道办", 1));
    for silence in [&late, &early] {
        store.put_silence(silence, None).await.expect("put");
    }
    assert_eq!(store.silences(false).await.expect("silences"), [early.clone(), late.clone()], "by their creation");
    let ended = Silence { ends_at: at("03:00:00"), ended_by: Some("值班".into()), ..early };
    store.put_silence(&ended, None).await.expect("put");
    assert_eq!(store.silences(true).await.expect("silences"), [ended, late]);
}

async fn a_silence_that_was_lifted_is_listed_among_all_only(store: Arc<dyn Store>) {
    let (one, other) = (silence("住建局", 1), silence("水务局", 2));
    let lifted = Silence { lifted_at: Some(at("09:00:01")), ..one.clone() };
    for silence in [&one, &other, &lifted] {
        store.put_silence(silence, None).await.expect("put");
    }
    assert_eq!(store.silences(false).await.expect("silences"), std::slice::from_ref(&other));
    assert_eq!(store.silences(true).await.expect("silences"), [lifted, other]);
}

fn held_by(silence: Digest) -> Hold {
    Hold::Silence { silence }
}

async fn what_a_silence_holds_at_sealing_can_be_planned_again(store: Arc<dyn Store>) {
    let quiet = held_by(silence("住建局", 1).id);
    say(&store, [opens("A", "li"), joins("B", "li", delivery("A", "li"))]).await;
    let claimed = claim_one(&store, now()).await;
    let key = claimed.members[1].key;
    seal(&store, Seal { dropped: vec![(key, quiet.clone())], ..sealed(&claimed) }).await;
    settle(&store, settled(&claimed, DeliveryState::Sent)).await;
    assert_eq!(shown(&store, claimed.delivery.id).await.1.len(), 1, "it is in no delivery");
    let held = store.held_notices(&quiet, 9).await.expect("held");
    let [only] = &held[..] else { panic!("one is held, got {held:?}") };
    assert_eq!((only.key, only.state, only.delivery), (key, NoticeState::Held, None));
    assert_eq!(store.held_notices(&held_by(digest("another")), 9).await.expect("held"), []);

    say(&store, [opens("B", "li")]).await;
    assert_eq!(store.held_notices(&quiet, 9).await.expect("held"), []);
    assert_eq!(claim_one(&store, now()).await.members[0].key, key);
}

async fn a_delivery_of_which_a_silence_holds_everything_is_cancelled(store: Arc<dyn Store>) {
    let hold = held_by(digest("silence"));
    say(&store, [opens("A", "li"), joins("B", "li", delivery("A", "li"))]).await;
    let claimed = claim_one(&store, now()).await;
    let dropped = claimed.members.iter().map(|member| (member.key, hold.clone())).collect();
    seal(&store, Seal { dropped, sealed: None, ..sealed(&claimed) }).await;
    let (record, members) = shown(&store, claimed.delivery.id).await;
    assert_eq!((record.state, members), (DeliveryState::Cancelled, vec![]));
    assert_eq!(store.held_notices(&hold, 9).await.expect("held").len(), 2);
    // The same delivery is opened again when the silence ends.
    say(&store, [opens("A", "li")]).await;
    assert_eq!(claim_one(&store, now()).await.delivery.id, claimed.delivery.id);
}
