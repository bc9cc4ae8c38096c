//! Who took which card.

use std::sync::Arc;

use duban::core::acknowledgement::{Acknowledgement, Via};
use duban::core::window::Level;
use duban::store::Store;

use crate::for_every_store;
use crate::sample::*;

for_every_store!(a_card_is_taken_once_at_each_level_and_step, who_took_cards_is_listed_oldest_first);

fn taken(id: &str, contact: &str, time: &str) -> Acknowledgement {
    Acknowledgement {
        card: card(id),
        episode: 1,
        level: Level::Yellow,
        step: 0,
        contact: contact.into(),
        by: "值班".into(),
        via: Via::Board,
        at: at(time),
    }
}

async fn acknowledge(store: &Arc<dyn Store>, taken: &Acknowledgement) -> bool {
    store.acknowledge(taken, None).await.expect("written down")
}

async fn a_card_is_taken_once_at_each_level_and_step(store: Arc<dyn Store>) {
    let first = taken("A", "li", "02:00:00");
    assert!(acknowledge(&store, &first).await);
    let again = Acknowledgement { via: Via::Phone, by: "other".into(), at: at("03:00:00"), ..first.clone() };
    assert!(!acknowledge(&store, &again).await);
    let others = [
        Acknowledgement { contact: "wang".into(), ..again.clone() },
        Acknowledgement { level: Level::Red, ..again.clone() },
        Acknowledgement { step: 1, ..again.clone() },
        Acknowledgement { episode: 2, ..again.clone() },
        Acknowledgement { card: card("B"), ..again.clone() },
    ];
    for other in &others {
        assert!(acknowledge(&store, other).await, "{other:?}");
        assert!(!acknowledge(&store, other).await, "{other:?}");
    }
    let mut of_a = vec![first];
    of_a.extend(others[..4].iter().cloned());
    assert_eq!(store.acknowledgements(&[card("A")]).await.expect("acknowledgements"), of_a);
}

async fn who_took_cards_is_listed_oldest_first(store: Arc<dyn Store>) {
    let all = [("A", "li", "05:00:00"), ("B", "li", "04:00:00"), ("A", "wang", "03:00:00"), ("C", "li", "02:00:00")];
    let all = all.map(|(id, contact, time)| taken(id, contact, time));
    for one in &all {
        acknowledge(&store, one).await;
    }
    let found = store.acknowledgements(&[card("A"), card("X"), card("B")]).await.expect("acknowledgements");
    assert_eq!(found, [all[2].clone(), all[1].clone(), all[0].clone()]);
    assert_eq!(store.acknowledgements(&[]).await.expect("acknowledgements"), []);
}
