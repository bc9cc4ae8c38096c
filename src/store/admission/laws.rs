//! What holds for the admission of any turn, whatever the store holds.

use proptest::prelude::*;

use super::*;
use crate::core::item::Item;
use crate::core::notice::NoticeKind;
use crate::store::ItemRecord;

fn now() -> Instant {
    "2026-03-02T02:00:00Z".parse().expect("an instant")
}

fn key(n: u8) -> ItemKey {
    ItemKey::new("tickets", n.to_string())
}

/// A notice to one of two contacts, and the delivery of that contact that it opens or joins.
fn notice() -> impl Strategy<Value = Planned> {
    (0..20_u8, 0..2_u8, 0..4_u8, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(n, contact, delivery, opens, rehearsal, is_held)| {
            let contact: Arc<str> = contact.to_string().into();
            let delivery = DeliveryId::new(&contact, "mail", Digest::of([&[delivery][..]]));
            let notice = Notice {
                change: None,
                key: Digest::of([&[n][..], contact.as_bytes()]),
                kind: NoticeKind::Raise,
                card: None,
                item: None,
                episode: 1,
                number: 1,
                level: None,
                step: 0,
                ordinal: 0,
                contact,
                channel: "mail".into(),
                planned_at: now(),
                rehearsal: false,
                state: NoticeState::Held,
                hold: Some(crate::core::notice::Hold::Baseline),
                delivery: None,
                body: None,
                because: crate::core::notice::Because::default(),
                settled_at: None,
            };
            let placement = Placement { delivery, opens, not_before: now(), waits_for: None, rehearsal };
            Planned { notice, placement: (!is_held).then_some(placement) }
        },
    )
}

fn item(n: u8, version: i64, notices: Vec<Planned>) -> ItemWrite {
    let digest = Digest::of([&[n][..]]);
    let record = ItemRecord {
        item: Item::new(key(n), "ticket"),
        digest,
        first_seen_at: now(),
        seen_at: now(),
        rulings: vec![],
        watches: vec![],
        remarks: vec![],
        noticed_at: None,
        next_look_at: None,
        judged_under: digest,
        missing_polls: 0,
        left_at: None,
        version,
    };
    ItemWrite { notices, ..ItemWrite::of(record) }
}

fn turns() -> impl Strategy<Value = Turn> {
    let items = prop::collection::vec((0..12_u8, 0..2_i64, prop::collection::vec(notice(), 0..3)), 0..8);
    let own = prop::collection::vec(notice(), 0..3);
    (items, own).prop_map(|(items, notices)| Turn {
        items: items.into_iter().map(|(n, version, notices)| item(n, version, notices)).collect(),
        notices,
        ..Turn::default()
    })
}

/// What a store may hold: the answers to what is looked up, by a seed.
fn known(turn: &Turn, seed: u64) -> Known {
    let choose = |id: String, of: usize| {
        let digest = Digest::of([id.as_bytes(), &seed.to_le_bytes()]).to_string();
        usize::from_str_radix(&digest[..4], 16).expect("hex") % of
    };
    let mut known = Known::default();
    for key in turn.items.iter().map(|item| item.record.item.key.clone()) {
        if choose(key.to_string(), 3) == 0 {
            known.versions.insert(key, 1);
        }
    }
    for key in planned(turn).map(|planned| planned.notice.key) {
        if let Some(state) = NoticeState::ALL.get(choose(key.to_string(), 12)) {
            known.notices.insert(key, *state);
        }
    }
    loop {
        let missing = missing_deliveries(turn, &known);
        if missing.is_empty() {
            return known;
        }
        for id in missing {
            let state = DeliveryState::ALL.get(choose(id.to_string(), 16)).copied();
            let contact = planned(turn).filter_map(placed).find(|(_, p)| p.delivery == id);
            let standing = state.map(|state| Standing {
                contact: contact.map_or("0".into(), |(notice, _)| notice.contact.clone()),
                channel: "mail".into(),
                state,
                is_sealed: choose(format!("{id} sealed"), 2) == 0,
                rehearsal: choose(format!("{id} rehearsal"), 2) == 0,
                not_before: now(),
                waits_for: None,
                opened_at: now(),
            });
            known.deliveries.insert(id, standing);
        }
    }
}

proptest! {
    #[test]
    fn an_item_is_written_whole_or_lost(turn in turns(), seed: u64) {
        let known = known(&turn, seed);
        let admitted = admit(&turn, &known);
        prop_assert_eq!(admitted.items.len() + admitted.committed.lost.len(), turn.items.len());
        let written: HashSet<Digest> = admitted.notices.iter().map(|notice| notice.key).collect();
        prop_assert_eq!(written.len(), admitted.notices.len(), "each key once");
        for item in admitted.items {
            let stored = known.versions.get(&item.record.item.key).copied().unwrap_or_default();
            prop_assert_eq!(stored, item.record.version);
            for planned in &item.notices {
                let stored = known.notices.get(&planned.notice.key);
                let is_fresh = matches!(stored, None | Some(NoticeState::Held | NoticeState::Dropped));
                prop_assert_eq!(is_fresh, written.contains(&planned.notice.key));
            }
        }
    }

    #[test]
    fn a_delivery_that_is_written_has_members_and_can_be_joined(turn in turns(), seed: u64) {
        let known = known(&turn, seed);
        let admitted = admit(&turn, &known);
        let carried: HashSet<DeliveryId> = admitted.notices.iter().filter_map(|notice| notice.delivery).collect();
        let opened: HashSet<DeliveryId> = admitted.deliveries.iter().map(|opening| opening.id).collect();
        prop_assert_eq!(carried, opened);
        for opening in &admitted.deliveries {
            for member in admitted.notices.iter().filter(|notice| notice.delivery == Some(opening.id)) {
                prop_assert_eq!(&member.contact, &opening.contact);
            }
            if let Some(Some(standing)) = known.deliveries.get(&opening.id)
                && standing.state != DeliveryState::Cancelled
            {
                prop_assert!(!standing.is_sealed);
                prop_assert!(matches!(standing.state, DeliveryState::Scheduled | DeliveryState::Available));
                prop_assert_eq!(standing.rehearsal, opening.rehearsal);
            }
        }
    }

    #[test]
    fn what_opens_its_own_delivery_is_lost_only_to_another_writer(mut turn in turns(), seed: u64) {
        let own = |planned: &mut Planned| {
            let id = DeliveryId::new(&planned.notice.contact, "mail", planned.notice.key);
            if let Some(placement) = &mut planned.placement {
                (placement.delivery, placement.opens, placement.rehearsal) = (id, true, false);
            }
        };
        turn.items.iter_mut().flat_map(|item| &mut item.notices).chain(&mut turn.notices).for_each(own);
        let known = known(&turn, seed);
        let mut seen = HashSet::new();
        let stored = |key| known.versions.get(key).copied().unwrap_or_default();
        let keys = turn.items.iter().map(|item| (&item.record.item.key, item.record.version));
        let lost: Vec<_> = keys.filter(|(key, version)| stored(key) != *version || !seen.insert(*key)).collect();
        let committed = admit(&turn, &known).committed;
        prop_assert_eq!(committed.lost.len(), lost.len());
        prop_assert_eq!(committed.lost_notices, []);
    }
}

proptest! {
    #[test]
    fn acts_are_written_with_an_item_that_they_brought_about(turn in turns(), seed: u64) {
        let act = crate::core::audit::Act {
            at: now(), by: "li".into(), what: "remark.add".into(), subject: "1".into(), why: String::new(),
            detail: crate::core::json::Json::of(&1),
        };
        let turn = Turn { acts: vec![act], ..turn };
        let known = known(&turn, seed);
        let admitted = admit(&turn, &known);
        let is_lost = !turn.items.is_empty() && admitted.committed.lost.len() == turn.items.len();
        prop_assert_eq!(admitted.acts.is_empty(), is_lost);
    }
}

#[test]
fn what_waits_for_a_limit_is_joined_and_not_brought_forward() {
    let at = |text: &str| text.parse::<Instant>().expect("an instant");
    let (early, late) = (now(), at("2026-03-02T03:00:00Z"));
    let id = DeliveryId::new("0", "mail", Digest::of(["opener".as_bytes()]));
    for (waits_for, state, not_before) in [
        (Some(Wait::Rate), DeliveryState::Scheduled, late),
        (Some(Wait::QuietHours), DeliveryState::Available, early),
        (None, DeliveryState::Available, early),
    ] {
        let notice = Notice {
            change: None,
            key: Digest::of(["joins".as_bytes()]),
            kind: NoticeKind::Raise,
            card: None,
            item: None,
            episode: 1,
            number: 1,
            level: None,
            step: 0,
            ordinal: 0,
            contact: "0".into(),
            channel: "mail".into(),
            planned_at: early,
            rehearsal: false,
            state: NoticeState::Planned,
            hold: None,
            delivery: None,
            body: None,
            because: crate::core::notice::Because::default(),
            settled_at: Some(early),
        };
        let placement = Placement { delivery: id, opens: false, not_before: early, waits_for: None, rehearsal: false };
        let turn = Turn { notices: vec![Planned { notice, placement: Some(placement) }], ..Turn::default() };
        let standing = Standing {
            contact: "0".into(),
            channel: "mail".into(),
            state: DeliveryState::Scheduled,
            is_sealed: false,
            rehearsal: false,
            not_before: late,
            waits_for,
            opened_at: early,
        };
        let known = Known { deliveries: [(id, Some(standing))].into(), ..Known::default() };
        let admitted = admit(&turn, &known);
        let [opening] = &admitted.deliveries[..] else { panic!("one delivery, got {admitted:?}") };
        let kept = if state == DeliveryState::Scheduled { waits_for } else { None };
        assert_eq!((opening.state, opening.not_before, opening.waits_for), (state, not_before, kept));
        assert_eq!(admitted.notices[0].settled_at, None);
    }
}
