//! Scenarios: what was planned is looked at again when its delivery is claimed.

use super::*;
use crate::core::Instant;
use crate::core::delivery::DeliveryId;
use crate::core::item::ItemKey;

fn now() -> Instant {
    "2026-03-02T02:00:00Z".parse().expect("an instant")
}

fn card() -> CardId {
    CardId::new(&ItemKey::new("hotline", "T1"), "2110", "solved")
}

/// A notice about transition `number` of the first episode; its delivery is `delivery`.
fn notice(kind: NoticeKind, level: Option<Level>, number: u32, state: NoticeState) -> Notice {
    let key = Digest::of([kind.word().as_bytes(), &number.to_be_bytes()]);
    Notice {
        key,
        kind,
        card: Some(card()),
        item: Some(ItemKey::new("hotline", "T1")),
        episode: 1,
        number,
        level,
        step: 0,
        ordinal: 0,
        contact: "z1".into(),
        channel: "mail".into(),
        planned_at: now(),
        rehearsal: false,
        state,
        hold: None,
        delivery: Some(DeliveryId::new("z1", "mail", key)),
        change: None,
        body: None,
        because: crate::core::notice::Because::default(),
        settled_at: None,
    }
}

fn raise(level: Level, number: u32, state: NoticeState) -> Notice {
    notice(NoticeKind::Raise, Some(level), number, state)
}

/// Looks at the members of a delivery, while the card is at a level and this was said elsewhere.
fn look(members: &[Notice], level: Option<Level>, elsewhere: &[Notice]) -> Look {
    let watch = Watch {
        card: card(),
        rule: "2110".into(),
        name: "solved".into(),
        level,
        at: level.map(|_| now()),
        episode: 1,
        number: 9,
        stopped: None,
        spared: None,
    };
    let said = elsewhere.iter().chain(members).cloned().collect();
    let standing = Standing {
        watches: HashMap::from([(card(), watch)]),
        said: HashMap::from([(card(), said)]),
        ..Standing::default()
    };
    look_again(members, &standing)
}

/// What is kept, and why the rest is dropped.
fn outcome(look: &Look) -> (Vec<(NoticeKind, u32)>, Vec<Hold>) {
    (
        look.kept.iter().map(|n| (n.kind, n.number)).collect(),
        look.dropped.iter().map(|(_, hold)| hold.clone()).collect(),
    )
}

use Level::{Red, Yellow};
use NoticeKind::{Clear, Lower, Raise, Revoke};
use NoticeState::{Discarded, Dropped, Planned, Sent, Unknown};

#[test]
fn what_still_stands_is_told() {
    assert_eq!(outcome(&look(&[raise(Yellow, 1, Planned)], Some(Yellow), &[])), (vec![(Raise, 1)], vec![]));
}

#[test]
fn a_level_that_has_passed_drops_out() {
    let members = [raise(Yellow, 1, Planned), raise(Red, 2, Planned)];
    assert_eq!(outcome(&look(&members, Some(Red), &[])), (vec![(Raise, 2)], vec![Hold::NoLongerSo]));
    assert_eq!(outcome(&look(&members[..1], None, &[])), (vec![], vec![Hold::NoLongerSo]));
    let other_episode = Notice { episode: 2, ..raise(Red, 2, Planned) };
    assert_eq!(outcome(&look(&[other_episode], Some(Red), &[])), (vec![], vec![Hold::NoLongerSo]));
}

#[test]
fn a_card_that_rose_and_closed_within_one_delivery_is_not_told_at_all() {
    for kind in [Clear, Revoke] {
        let members = [raise(Red, 1, Planned), notice(kind, Some(Red), 2, Planned)];
        let look = look(&members, None, &[]);
        assert_eq!(outcome(&look), (vec![], vec![Hold::NoLongerSo, Hold::NeverTold]));
        assert!(!look.unsettled);
    }
}

#[test]
fn the_end_of_what_was_told_is_told() {
    for state in [Sent, Unknown] {
        let look = look(&[notice(Clear, Some(Red), 2, Planned)], None, &[raise(Red, 1, state)]);
        assert_eq!(outcome(&look), (vec![(Clear, 2)], vec![]));
    }
    for state in [Discarded, Dropped, NoticeState::Held] {
        let look = look(&[notice(Clear, Some(Red), 2, Planned)], None, &[raise(Red, 1, state)]);
        assert_eq!(outcome(&look), (vec![], vec![Hold::NeverTold]));
    }
    let somebody_else = Notice { contact: "u1".into(), ..raise(Red, 1, Sent) };
    let look = look(&[notice(Clear, Some(Red), 2, Planned)], None, &[somebody_else]);
    assert_eq!(outcome(&look), (vec![], vec![Hold::NeverTold]));
}

#[test]
fn the_end_of_what_is_under_way_waits_for_it() {
    let clear = notice(Clear, Some(Red), 2, Planned);
    let found = look(std::slice::from_ref(&clear), None, &[raise(Red, 1, Planned)]);
    assert!(found.unsettled);
    assert_eq!(outcome(&found), (vec![], vec![]));
    // An earlier level that was told is enough.
    let found = look(&[clear], None, &[raise(Yellow, 0, Sent), raise(Red, 1, Planned)]);
    assert_eq!((outcome(&found), found.unsettled), ((vec![(Clear, 2)], vec![]), false));
}

#[test]
fn a_fall_to_yellow_is_told_while_it_is_so() {
    let lower = notice(Lower, Some(Yellow), 2, Planned);
    assert_eq!(
        outcome(&look(std::slice::from_ref(&lower), Some(Yellow), &[raise(Red, 1, Sent)])),
        (vec![(Lower, 2)], vec![])
    );
    assert_eq!(outcome(&look(&[lower], Some(Red), &[raise(Red, 1, Sent)])), (vec![], vec![Hold::NoLongerSo]));
}

#[test]
fn a_card_that_fell_before_anybody_was_told_is_told_as_it_stands_and_once() {
    let members = [raise(Red, 1, Planned), notice(Lower, Some(Yellow), 2, Planned)];
    assert_eq!(outcome(&look(&members, Some(Yellow), &[])), (vec![(Lower, 2)], vec![Hold::NoLongerSo]));
    let members = [raise(Yellow, 1, Planned), raise(Red, 2, Planned), notice(Lower, Some(Yellow), 3, Planned)];
    let expected = (vec![(Raise, 1)], vec![Hold::NoLongerSo, Hold::NeverTold]);
    assert_eq!(outcome(&look(&members, Some(Yellow), &[])), expected);
    let members = [
        raise(Red, 1, Planned),
        notice(Lower, Some(Yellow), 2, Planned),
        raise(Red, 3, Planned),
        notice(Lower, Some(Yellow), 4, Planned),
    ];
    let expected = (vec![(Lower, 4)], vec![Hold::NoLongerSo, Hold::NeverTold, Hold::NoLongerSo]);
    assert_eq!(outcome(&look(&members, Some(Yellow), &[])), expected, "its last fall is the news");
}

#[test]
fn a_message_without_a_card_holds_and_what_was_dropped_stays_dropped() {
    let system = Notice { card: None, ..notice(NoticeKind::System, None, 0, Planned) };
    assert_eq!(outcome(&look(&[system], None, &[])), (vec![(NoticeKind::System, 0)], vec![]));
    assert_eq!(look(&[raise(Red, 1, Dropped)], Some(Red), &[]), Look::default());
}

#[test]
fn the_worst_comes_first() {
    let other = CardId::new(&ItemKey::new("hotline", "T2"), "2110", "solved");
    let watch = |card, level| Watch {
        card,
        rule: "2110".into(),
        name: "solved".into(),
        level: Some(level),
        at: Some(now()),
        episode: 1,
        number: 1,
        stopped: None,
        spared: None,
    };
    let standing = Standing {
        watches: HashMap::from([(card(), watch(card(), Yellow)), (other, watch(other, Red))]),
        said: HashMap::new(),
        ..Standing::default()
    };
    let members = [raise(Yellow, 1, Planned), Notice { card: Some(other), ..raise(Red, 1, Planned) }];
    let levels: Vec<_> = look_again(&members, &standing).kept.iter().map(|n| n.level).collect();
    assert_eq!(levels, [Some(Red), Some(Yellow)]);
}
