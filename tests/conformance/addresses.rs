//! Addresses that a peer refused for good.

use std::sync::Arc;

use duban::core::delivery::DeliveryState;
use duban::store::{BadAddress, Claimed, Settle, Store};

use crate::for_every_store;
use crate::sample::*;

for_every_store!(
    an_address_that_is_refused_is_remembered_until_it_is_forgiven,
    the_newest_refusal_of_a_contact_counts,
    who_lost_the_lease_refuses_no_address,
);

fn refused(claimed: &Claimed, address: &str) -> Settle {
    let settle = settled(claimed, DeliveryState::Discarded);
    Settle { bad_address: Some(address.into()), reason: "550 no such user".into(), ..settle }
}

fn bad(contact: &str, address: &str, time: &str) -> BadAddress {
    let reason = "550 no such user".to_owned();
    BadAddress { contact: contact.into(), channel: CHANNEL.into(), address: address.into(), at: at(time), reason }
}

async fn known(store: &Arc<dyn Store>) -> Vec<BadAddress> {
    store.bad_addresses().await.expect("addresses")
}

async fn an_address_that_is_refused_is_remembered_until_it_is_forgiven(store: Arc<dyn Store>) {
    say(&store, [opens("A", "wang"), opens("B", "li"), opens("C", "zhao")]).await;
    for claimed in claim(&store, now()).await {
        let settle = match &*claimed.delivery.contact {
            "zhao" => settled(&claimed, DeliveryState::Discarded),
            contact => refused(&claimed, &format!("{contact}@example.com")),
        };
        store.settle(at("02:00:01"), &[settle]).await.expect("settled");
    }
    let [li, wang] = ["li", "wang"].map(|contact| bad(contact, &format!("{contact}@example.com"), "02:00:01"));
    assert_eq!(known(&store).await, [li, wang.clone()]);
    assert!(!store.forgive_address("li", "sms", None).await.expect("an answer"));
    assert_eq!(known(&store).await.len(), 2);
    assert!(store.forgive_address("li", CHANNEL, None).await.expect("an answer"));
    assert_eq!(known(&store).await, [wang]);
}

async fn the_newest_refusal_of_a_contact_counts(store: Arc<dyn Store>) {
    say(&store, [opens("A", "li"), opens("B", "li"), opens("C", "li")]).await;
    let claimed = claim(&store, now()).await;
    store.settle(at("02:00:01"), &[refused(&claimed[0], "old@example.com")]).await.expect("settled");
    let settles = [refused(&claimed[1], "newer@example.com"), refused(&claimed[2], "newest@example.com")];
    assert_eq!(store.settle(at("02:00:02"), &settles).await.expect("settled"), []);
    assert_eq!(known(&store).await, [bad("li", "newest@example.com", "02:00:02")]);
}

async fn who_lost_the_lease_refuses_no_address(store: Arc<dyn Store>) {
    say(&store, [opens("A", "li")]).await;
    let first = claim_one(&store, now()).await;
    claim_one(&store, at("02:05:00")).await;
    let lost = store.settle(at("02:05:01"), &[refused(&first, "li@example.com")]).await.expect("settled");
    assert_eq!((lost.len(), known(&store).await), (1, vec![]));
}
