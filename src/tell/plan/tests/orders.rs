//! Who hears of a deed of an order.

use super::people::people;
use super::*;
use crate::core::order::{Classification, Deed, Ground, Number, Order, Party, PartyKind};
use crate::tell::language::Language;
use crate::tell::words::order::DeedTold;

/// An order that has just been dispatched to the unit 住建局.
fn dispatched() -> Order {
    let item = ItemKey::new("hotline", "T1");
    let ground = Ground {
        card: CardId::new(&item, "2110", "solved"),
        episode: 1,
        item,
        rule: "2110".into(),
        name: "solved".into(),
        level: Red,
        ladder: None,
        is_open: true,
        title: "道路积水".into(),
        unit: Some("住建局".into()),
        region: None,
    };
    let lead = Party::new("住建局", PartyKind::Department, None);
    let deeds = [
        Deed::Classify {
            classification: Classification::Handle, cause: None, reason: "属职责范围".into(), into: None
        },
        Deed::Dispatch { lead, assisting: Vec::new(), number: Number { year: 2026, ordinal: 12 } },
    ];
    let order = Order::propose(ground, at("02 09:30"));
    deeds.into_iter().fold(order, |order, deed| order.act(deed, "op", None, at("02 10:00")).expect("allowed"))
}

/// What is planned of the dispatch.
fn told(scene: &Scene) -> Vec<Planned> {
    let order = dispatched();
    let told = DeedTold { order: &order, index: 1, clocks: &[], centre: "centre", language: Language::English };
    let circumstances = Circumstances::default();
    plan_order(told, &scene.office, &circumstances, &mut Joinable::default(), at("02 10:00"))
}

#[test]
fn a_secretary_is_told_of_an_order_in_the_place_of_the_contact() {
    let mut scene = Scene::new("", "住建局");
    people(&mut scene, "u1,李某,住建局,unit_contact,,u1@example.com,,s1,instead\ns1,秘一,,,,s1@example.com,,,\n");
    let planned = told(&scene);
    assert_eq!(planned.iter().map(written).collect::<Vec<_>>()[0], "order s1 mail 02 10:00");
    let because = &planned[0].notice.because;
    assert_eq!((because.instead_of.as_deref(), because.why), (Some("u1"), Some(Gap::Secretary)));
}

#[test]
fn a_secretary_whom_no_channel_reaches_takes_nobody_s_place_in_an_order() {
    let mut scene = Scene::new("", "住建局");
    people(
        &mut scene,
        "u1,李某,住建局,unit_contact,,u1@example.com,,s1,instead\ns1,秘一,,,,,,,\no1,值班,,operator,,o1@example.com,,,\n",
    );
    let planned = told(&scene);
    assert_eq!(planned.iter().map(written).collect::<Vec<_>>()[0], "order u1 mail 02 10:00");
    assert!(planned.iter().all(|planned| &*planned.notice.contact == "u1"), "and no operator is needed");
}
