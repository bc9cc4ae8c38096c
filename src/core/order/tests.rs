use proptest::prelude::*;

use super::linkage::Crossing;
use super::*;
use crate::core::item::Amount;

fn at(minutes: i64) -> Instant {
    "2026-03-02T01:00:00Z".parse::<Instant>().expect("an instant") + chrono::TimeDelta::minutes(minutes)
}

fn ground() -> Ground {
    let item = ItemKey::new("tickets", "T1");
    Ground {
        card: CardId::new(&item, "2110", "solved"),
        episode: 1,
        item,
        rule: "2110".into(),
        name: "solved".into(),
        level: Level::Red,
        ladder: Some("three-level".into()),
        is_open: true,
        title: "道路积水".into(),
        unit: Some("住建局".into()),
        region: Some("京口".into()),
    }
}

fn party(unit: &str) -> Party {
    Party::new(unit, PartyKind::Department, None)
}

fn classify(classification: Classification) -> Deed {
    Deed::Classify { classification, cause: None, reason: "属职责范围".into(), into: None }
}

fn dispatch(lead: &str, assisting: &[&str]) -> Deed {
    let assisting = assisting.iter().map(|unit| party(unit)).collect();
    Deed::Dispatch { lead: party(lead), assisting, number: Number { year: 2026, ordinal: 12 } }
}

fn sign(unit: &str) -> Deed {
    Deed::Sign { unit: unit.into(), contact: "z1".into() }
}

fn feed_back(unit: &str, text: &str) -> Deed {
    Deed::FeedBack { unit: unit.into(), text: text.into() }
}

/// An order after these deeds, a minute after another.
fn lived(deeds: impl IntoIterator<Item = Deed>) -> Order {
    let order = Order::propose(ground(), at(0));
    (1..).zip(deeds).fold(order, |order, (minute, deed)| order.act(deed, "op", None, at(minute)).expect("allowed"))
}

#[test]
fn an_order_lives_from_its_proposal_to_its_end() {
    let order = lived([
        classify(Classification::Handle),
        dispatch("住建局", &["水务集团"]),
        sign("住建局"),
        sign("水务集团"),
        feed_back("住建局", "已安排抽排"),
        Deed::Return { reason: "未说明原因".into() },
        feed_back("水务集团", "管网已清"),
        feed_back("住建局", "管网堵塞，已清淤"),
        Deed::Verify { text: "电话回访".into() },
        Deed::Close { result: "积水已排除".into() },
    ]);
    assert_eq!((order.state, order.name(), order.returns), (OrderState::Closed, "督办〔2026〕12号".to_owned(), 1));
    assert_eq!((order.classified_at, order.dispatched_at, order.signed_at), (Some(at(1)), Some(at(2)), Some(at(3))));
    assert_eq!((order.fed_back_at, order.verified_at, order.ended_at), (Some(at(8)), Some(at(9)), Some(at(10))));
    assert_eq!(order.assisting[0].feedback.as_deref(), Some("管网已清"));
    assert_eq!(order.history.len(), 10);
    let states: Vec<&str> = order.history.iter().map(|done| done.state.word()).collect();
    assert_eq!(
        states[4..8],
        ["fed_back", "returned", "returned", "fed_back"],
        "who helps does not answer for the lead"
    );
}

#[test]
fn what_is_refused_says_why_and_changes_nothing() {
    let refused = |order: &Order, deed: Deed| order.act(deed, "op", None, at(99)).expect_err("refused").to_string();
    let proposed = lived([]);
    assert_eq!(
        refused(&proposed, sign("住建局")),
        "sign is possible when an order is dispatched, signed, returned, fed_back, and this one is proposed"
    );
    assert_eq!(refused(&proposed, classify(Classification::Merge)), "a merge needs another order that covers this one");
    let blank = Deed::Classify { classification: Classification::Handle, cause: None, reason: " ".into(), into: None };
    assert_eq!(refused(&proposed, blank), "classify needs a text, got an empty one");
    let classified = lived([classify(Classification::Handle)]);
    assert_eq!(refused(&classified, dispatch("甲", &["乙", "甲"])), "the unit \"甲\" stands in the order twice");
    let dispatched = lived([classify(Classification::Urge), dispatch("甲", &["乙"])]);
    assert_eq!(refused(&dispatched, sign("丙")), "\"丙\" is no party of the order; its parties are 甲, 乙");
    let same = Deed::Transfer { lead: party("甲"), reason: "x".into() };
    assert_eq!(refused(&dispatched, same), "the unit \"甲\" stands in the order twice");
    let signed = lived([classify(Classification::Handle), dispatch("甲", &[]), sign("甲")]);
    assert_eq!(refused(&signed, sign("甲")), "\"甲\" has signed already");
    let earlier = signed.act(feed_back("甲", "x"), "op", None, at(0)).expect_err("refused");
    assert_eq!(earlier, Refusal::Earlier { at: at(3) });
}

#[test]
fn what_is_merged_or_not_dispatched_ends() {
    let other = OrderId::new(ground().card, 2);
    let merge = Deed::Classify {
        classification: Classification::Merge,
        cause: None,
        reason: "同一事项".into(),
        into: Some(other),
    };
    let merged = lived([merge]);
    assert_eq!((merged.state, merged.merged_into, merged.ended_at), (OrderState::Closed, Some(other), Some(at(1))));
    let none = lived([classify(Classification::None)]);
    assert_eq!((none.state, none.result.as_deref()), (OrderState::Closed, Some("属职责范围")));
}

#[test]
fn a_closed_card_withdraws_what_is_only_proposed_and_a_wrong_one_everything() {
    let closed = |is_revoked| Deed::CardClosed { is_revoked };
    assert_eq!(lived([closed(false)]).state, OrderState::Withdrawn);
    let classified = lived([classify(Classification::Handle), closed(false)]);
    assert_eq!((classified.state, classified.ladder()), (OrderState::Classified, "order"));
    assert_eq!(lived([classify(Classification::Handle)]).ladder(), "three-level", "while its card is open");
    let with_a_party = lived([classify(Classification::Handle), dispatch("甲", &[]), closed(true)]);
    assert_eq!((with_a_party.state, with_a_party.ended_at), (OrderState::Withdrawn, Some(at(3))));
}

#[test]
fn a_new_lead_has_its_own_clocks() {
    let transferred = lived([
        classify(Classification::Handle),
        dispatch("甲", &["乙"]),
        sign("甲"),
        Deed::Transfer { lead: party("乙"), reason: "职责调整".into() },
    ]);
    assert_eq!(
        (transferred.state, transferred.dispatched_at, transferred.signed_at),
        (OrderState::Dispatched, Some(at(4)), None)
    );
    assert_eq!(transferred.parties().map(|party| &*party.unit).collect::<Vec<_>>(), ["乙"]);
    let declined = lived([
        classify(Classification::Handle),
        dispatch("甲", &[]),
        Deed::Decline { reason: "不属职责".into() },
        dispatch("丙", &[]),
    ]);
    assert_eq!(
        (declined.number.map(|n| n.ordinal), declined.dispatched_at),
        (Some(12), Some(at(4))),
        "it keeps its number"
    );
}

#[test]
fn nothing_goes_up_before_the_districts_leader_has_signed() {
    let apply = || Deed::ApplyLinkage { crossing: Crossing::Region, reason: "涉及两区".into() };
    let report = || Deed::ReportLinkage { document: "专报〔2026〕3号".into() };
    let applied = lived([classify(Classification::Handle), apply()]);
    assert_eq!(applied.act(report(), "op", None, at(9)), Err(Refusal::LeaderHasNotSigned));
    assert!(applied.act(apply(), "op", None, at(9)).is_err(), "it is applied for once");
    let up = lived([apply(), Deed::TakeLinkage, Deed::SignLinkage { leader: "分管领导".into() }, report()]);
    let linkage = up.linkage.clone().expect("a linkage");
    assert_eq!(
        (linkage.led_at, linkage.leader_signed_at, linkage.reported_at),
        (Some(at(2)), Some(at(3)), Some(at(4)))
    );
    assert_eq!(up.state, OrderState::Proposed, "its way across is not its life");
    let nothing = lived([]).act(Deed::TakeLinkage, "op", None, at(1)).expect_err("refused").to_string();
    assert_eq!(nothing, "take_linkage comes after apply_linkage, and once");
}

#[test]
fn a_number_is_read_as_people_write_it() {
    let read = |text: &str| text.parse::<Number>().map(|number| number.to_string());
    for text in ["督办〔2026〕12号", "督办[2026]12号", "〔2026〕12", "2026-12", " 督办（2026）012号 "] {
        assert_eq!(read(text), Ok("督办〔2026〕12号".to_owned()), "{text}");
    }
    for text in ["", "12", "2026", "2026-", "2026-0", "督办〔26〕1号", "2026-x", "督办", "二〇二六-1"] {
        assert_eq!(read(text), Err(()), "{text}");
    }
}

#[test]
fn rules_see_every_field_that_is_named_and_no_other() {
    let item = lived([classify(Classification::Handle), dispatch("甲", &["乙"])]).item();
    let always = ["title", "status", "unit", "owner", "region"];
    let named: Vec<&str> = item.fields.names().map(|name| &**name).filter(|name| !always.contains(name)).collect();
    assert_eq!(named, super::item::FIELDS);
    assert_eq!(
        (item.text("unit"), item.text("status"), item.text("region")),
        (Some("甲"), Some("dispatched"), Some("京口"))
    );
    assert_eq!(item.key.to_string(), format!("orders/{}", OrderId::new(ground().card, 1)));
}

fn deed() -> impl Strategy<Value = Deed> {
    let unit = prop::sample::select(vec!["甲", "乙", "丙"]);
    let text = prop::sample::select(vec!["", "因为"]);
    (0..16_u8, unit.clone(), unit, text, any::<bool>()).prop_map(|(kind, one, other, text, flag)| {
        let text = text.to_owned();
        match kind {
            0 => Deed::Classify {
                classification: if flag { Classification::Handle } else { Classification::None },
                cause: None,
                reason: text,
                into: None,
            },
            1 | 2 => Deed::Dispatch {
                lead: party(one),
                assisting: if flag { vec![party(other)] } else { vec![] },
                number: Number { year: 2026, ordinal: 1 },
            },
            3 | 4 => sign(one),
            5 | 6 => feed_back(one, &text),
            7 => Deed::Return { reason: text },
            8 => Deed::Verify { text },
            9 => Deed::Close { result: text },
            10 => Deed::Transfer { lead: party(one), reason: text },
            11 => Deed::Decline { reason: text },
            12 => Deed::Extend {
                extension: Extension {
                    amount: Amount::Limit("1wd".parse().expect("a limit")),
                    asked_at: None,
                    approved_at: Some(at(0)),
                    basis: None,
                },
            },
            13 => Deed::Withdraw { reason: text },
            14 => Deed::CardClosed { is_revoked: flag },
            _ => Deed::ApplyLinkage { crossing: Crossing::Level, reason: text },
        }
    })
}

proptest! {
    /// Whatever is tried: an end is final, a number is kept, the instants stand in the order of a life, and the history
    /// tells the same life again.
    #[test]
    fn a_life_is_one_that_its_history_tells(deeds in prop::collection::vec(deed(), 0..40)) {
        let mut order = Order::propose(ground(), at(0));
        for (minute, deed) in (1..).zip(deeds) {
            let Ok(next) = order.act(deed, "op", None, at(minute)) else { continue };
            prop_assert!(!order.state.is_end());
            prop_assert_eq!(next.state.is_end(), next.ended_at.is_some());
            prop_assert!(order.number.is_none() || order.number == next.number);
            prop_assert_eq!(next.state.is_with_a_party(), next.lead.is_some() && next.dispatched_at.is_some()
                && !matches!(next.state, OrderState::Declined | OrderState::Verified | OrderState::Closed | OrderState::Withdrawn));
            prop_assert!(next.signed_at.is_none() || next.dispatched_at <= next.signed_at || next.state == OrderState::Declined);
            prop_assert!(next.fed_back_at.is_none() || next.signed_at <= next.fed_back_at);
            order = next;
        }
        let again = order.history.iter().cloned().try_fold(Order::propose(ground(), at(0)), |told, done| {
            told.act(done.deed, done.by, done.on_behalf_of, done.at)
        });
        prop_assert_eq!(again.as_ref(), Ok(&order));
        let json = serde_json::to_string(&order).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<Order>(&json).expect("read"), order);
    }
}
