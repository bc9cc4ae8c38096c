//! An item goes to somebody else while its card is open.

use super::ladder::Card;
use super::*;

const CONTACTS: &str = "id,name,unit,roles,mobile,email\n\
    z1,张某,住建局,,13800000001,z1@example.com\n\
    u1,李某,住建局,unit_contact,,u1@example.com\n\
    z3,孙某,水务局,,,z3@example.com\n\
    u3,周某,水务局,unit_contact,,u3@example.com\n\
    l1,王某,,leader,13800000009,l1@example.com\n\
    o1,值班,,operator,,o1@example.com\n";

fn card(now: &str) -> Card {
    let mut card = Card::raised(Red, now);
    card.scene.office.directory = Directory::read("contacts.csv", CONTACTS).expect("contacts");
    card
}

/// The item goes to another owner and unit.
fn goes(card: &mut Card, owner: &str, unit: &str, transitions: &[Transition], now: &str) -> Vec<String> {
    let before = card.scene.item.clone();
    card.scene.item.fields.set("owner", Value::text(owner));
    card.scene.item.fields.set("unit", Value::text(unit));
    card.scene.before = Some(before);
    let said = card.turn(transitions, at(now));
    card.scene.before = None;
    said
}

#[test]
fn the_new_addressees_are_told_every_step_that_was_taken_and_the_old_ones_that_it_has_gone() {
    let mut card = card("02 10:00");
    assert_eq!(card.until("06 12:00").len(), 3, "two reminders and the second step");
    let said = goes(&mut card, "z3", "水务局", &[], "06 15:00");
    assert_eq!(
        said,
        [
            "handover z3 mail 06 15:00",
            "handover u3 mail 06 15:00",
            "handover z1 mail 06 15:00",
            "handover u1 mail 06 15:00"
        ]
    );
    let gone: Vec<(&str, bool)> = card.scene.said.iter().rev().take(4).map(|n| (&*n.contact, n.because.gone)).collect();
    assert_eq!(gone, [("u1", true), ("z1", true), ("u3", false), ("z3", false)]);
    let steps: Vec<u32> = card.scene.said.iter().rev().take(4).map(|n| n.step).collect();
    assert_eq!(steps[2..], [1, 0]);
    // The wait of the third step goes on as it was: it is not begun again.
    assert_eq!(card.until("20 12:00"), ["raise l1 mail 10 09:00", "raise l1 sms 10 09:00"]);
}

#[test]
fn reminders_go_to_the_new_addressees_only() {
    let mut card = card("02 10:00");
    assert_eq!(
        goes(&mut card, "z3", "住建局", &[], "02 11:00"),
        ["handover z3 mail 02 11:00", "handover z1 mail 02 11:00"]
    );
    assert_eq!(card.until("04 12:00"), ["reminder z3 mail 04 09:00"]);
    // And back: the first one is told again.
    assert_eq!(
        goes(&mut card, "z1", "住建局", &[], "04 13:40"),
        ["handover z1 mail 04 13:40", "handover z3 mail 04 13:40"]
    );
    assert_eq!(card.until("05 12:00")[0], "reminder z1 mail 05 09:00");
}

#[test]
fn who_knows_that_it_has_gone_hears_of_a_recall_only() {
    for (change, hears) in
        [(Change::Clear, vec!["clear z3 mail 02 12:00"]), (Change::Revoke, vec!["revoke z1 mail", "revoke z3 mail"])]
    {
        let mut card = card("02 10:00");
        goes(&mut card, "z3", "住建局", &[], "02 10:30");
        card.scene.watches[0].level = None;
        let closed = card.scene.transition("solved", 2, change, [Some(Red), None], at("02 11:00"));
        let said = card.turn(&[closed], at("02 11:00"));
        let heads: Vec<&str> = hears.iter().map(|text| text.rsplitn(3, ' ').last().unwrap_or_default()).collect();
        assert_eq!(said.len(), hears.len(), "{said:?}");
        assert!(said.iter().zip(&heads).all(|(said, head)| said.starts_with(head)), "{said:?} {heads:?}");
    }
}

#[test]
fn a_level_that_rises_in_the_same_turn_is_the_news_for_the_new_ones() {
    let mut card = Card::raised(Yellow, "02 10:00");
    card.scene.office.directory = Directory::read("contacts.csv", CONTACTS).expect("contacts");
    let red = card.scene.transition("solved", 2, Change::Raise, [Some(Yellow), Some(Red)], at("03 10:00"));
    card.scene.watches[0] = Watch { level: Some(Red), number: 2, ..card.scene.watches[0].clone() };
    let said = goes(&mut card, "z3", "住建局", &[red], "03 10:00");
    assert_eq!(said, ["raise z3 mail 03 10:00", "handover z1 mail 03 10:00"]);
}

#[test]
fn where_nobody_was_told_yet_a_handover_says_nothing() {
    let mut card = card("02 10:00");
    for notice in &mut card.scene.said {
        (notice.state, notice.hold) = (NoticeState::Held, Some(Hold::Baseline));
    }
    assert_eq!(goes(&mut card, "z3", "住建局", &[], "02 11:00"), Vec::<String>::new());
    // Another title is no handover.
    assert!(!is_handed_over(&card.scene.item, &card.scene.item.clone()));
}
