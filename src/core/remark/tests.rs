//! What remarks lie over an item, how each stands, and what can be done to them.

use chrono::TimeDelta;
use proptest::prelude::*;

use super::standing::standing;
use super::*;
use crate::core::item::Amount;

fn at(text: &str) -> Instant {
    format!("2026-03-{}:00+08:00", text.replace(' ', "T")).parse().expect("an instant")
}

/// A ticket that was received, and of which nothing else is known.
fn ticket() -> Arc<Item> {
    let mut item = Item::new(ItemKey::new("hotline", "T1"), "ticket");
    item.fields.set("title", Value::text("电梯停运"));
    item.fields.set("received_at", Value::Instant(at("02 10:00")));
    item.fields.set("solved_at", Value::Missing);
    item.into()
}

fn draft(statement: Statement) -> Draft {
    Draft {
        item: ItemKey::new("hotline", "T1"),
        by: " 示例登记员 ".into(),
        basis: "专家评审".into(),
        document: Some("示例办〔2026〕3号".into()),
        approver: Some("示例主任".into()),
        statement,
        is_appeal: false,
    }
}

fn remark(statement: Statement, day: &str) -> Remark {
    draft(statement).remark(false, at(day)).expect("a remark")
}

fn pause(from: &str, to: Option<&str>) -> Statement {
    Statement::Pause(Pause::new(at(from), to.map(at)))
}

fn extension(asked: &str, approved: &str) -> Statement {
    let amount = Amount::Limit("5wd".parse().expect("a limit"));
    Statement::Extension(Extension { amount, asked_at: Some(at(asked)), approved_at: Some(at(approved)), basis: None })
}

fn solved(day: &str) -> Statement {
    Statement::Time { field: "solved_at".into(), at: at(day) }
}

fn exemption() -> Statement {
    Statement::Exemption { rule: "2110".into(), name: "solved".into() }
}

fn wrong_card() -> Statement {
    Statement::WrongCard { rule: "2110".into(), name: "solved".into() }
}

fn decision(by: &str, granted: bool) -> Decision {
    Decision { at: at("10 09:00"), by: by.into(), why: "核实".into(), granted }
}

fn revocation(by: &str) -> Revocation {
    Revocation { at: at("11 09:00"), by: by.into(), why: "录错".into() }
}

#[test]
fn rules_see_what_remarks_add_with_its_evidence_and_the_snapshot_stays() {
    let item = ticket();
    let all = [
        remark(pause("03 10:00", Some("05 10:00")), "06 09:00"),
        remark(extension("06 10:00", "07 10:00"), "08 09:00"),
        remark(solved("09 10:00"), "09 11:00"),
        remark(exemption(), "10 09:00"),
    ];
    let overlaid = overlay(&item, &all);
    assert_eq!(overlaid.standings, [Standing::InForce; 4]);
    let evidence = "专家评审 · 示例办〔2026〕3号 · 示例主任";
    assert_eq!(overlaid.item.pauses[0].basis.as_deref(), Some(evidence));
    assert_eq!(overlaid.item.extensions[0].basis.as_deref(), Some(evidence));
    assert_eq!(overlaid.item.fields.get("solved_at").and_then(Value::as_instant), Some(at("09 10:00")));
    let [spared] = &overlaid.spared[..] else { panic!("{:?}", overlaid.spared) };
    assert_eq!((spared.how, spared.since, &*spared.evidence), (Sparing::Exempted, at("10 09:00"), evidence));
    assert_eq!(item, ticket());
}

#[test]
fn without_remarks_the_item_is_not_even_copied() {
    let item = ticket();
    let all = [Remark { revocation: Some(revocation("x")), ..remark(solved("09 10:00"), "09 11:00") }];
    for remarks in [&[][..], &all] {
        assert!(Arc::ptr_eq(&overlay(&item, remarks).item, &item));
    }
}

#[test]
fn what_the_source_states_later_supersedes_a_remark() {
    let mut item = (*ticket()).clone();
    let all = [
        remark(pause("03 10:00", Some("05 10:00")), "06 09:00"),
        remark(pause("09 10:00", None), "09 12:00"),
        remark(extension("06 10:00", "07 10:00"), "08 09:00"),
        remark(solved("09 10:00"), "09 11:00"),
        remark(exemption(), "10 09:00"),
    ];
    // It ends where the first begins, and the second never ends.
    item.pauses =
        vec![Pause::new(at("02 10:00"), Some(at("03 10:00"))), Pause::new(at("12 10:00"), Some(at("13 10:00")))];
    // The request alone says nothing yet.
    let asked = Extension { amount: Amount::Number(5), asked_at: Some(at("06 10:00")), approved_at: None, basis: None };
    item.extensions = vec![asked.clone()];
    let (new, in_force) = (Standing::Superseded, Standing::InForce);
    assert_eq!(overlay(&item.clone().into(), &all).standings, [in_force, new, in_force, in_force, in_force]);
    // The source knows the day of the approval alone.
    item.extensions = vec![Extension { approved_at: Some(at("07 00:00")), asked_at: None, ..asked }];
    item.fields.set("solved_at", Value::Instant(at("09 16:00")));
    let overlaid = overlay(&item.clone().into(), &all);
    assert_eq!(overlaid.standings, [in_force, new, new, new, in_force]);
    assert_eq!(overlaid.item.fields, item.fields);
    assert_eq!(overlaid.item.extensions, item.extensions);
    // An approval of another week is another one.
    item.extensions[0].approved_at = Some(at("16 00:00"));
    assert_eq!(overlay(&item.into(), &all).standings[2], in_force);
}

#[test]
fn the_later_of_two_remarks_about_the_same_counts_until_it_is_revoked() {
    let item = ticket();
    let mut all = vec![
        remark(solved("09 10:00"), "09 11:00"),
        remark(solved("09 12:00"), "09 13:00"),
        remark(exemption(), "10 09:00"),
        remark(wrong_card(), "10 10:00"),
    ];
    let overlaid = overlay(&item, &all);
    let (old, in_force) = (Standing::Replaced, Standing::InForce);
    assert_eq!(overlaid.standings, [old, in_force, old, in_force]);
    assert_eq!(overlaid.item.fields.get("solved_at").and_then(Value::as_instant), Some(at("09 12:00")));
    assert_eq!(overlaid.spared.iter().map(|spared| spared.how).collect::<Vec<_>>(), [Sparing::Wrong]);
    for remark in [1, 3] {
        all[remark].revocation = Some(revocation("示例登记员"));
    }
    assert_eq!(overlay(&item, &all).standings, [in_force, Standing::Revoked, in_force, Standing::Revoked]);
}

#[test]
fn an_appeal_counts_once_somebody_else_has_granted_it() {
    let item = ticket();
    let raised = Draft { is_appeal: true, approver: None, ..draft(exemption()) }.remark(false, at("09 09:00"));
    let raised = raised.expect("an appeal");
    assert_eq!(raised.waits, Some(Waits::Appeal));
    assert_eq!(overlay(&item, std::slice::from_ref(&raised)).standings, [Standing::Waiting]);
    let decide =
        |by: &str, granted| Amendment::Decide(raised.id, decision(by, granted)).of(std::slice::from_ref(&raised));
    assert_eq!(decide(" 示例登记员 ", true), Err(RemarkError::SamePerson("示例登记员".into())));
    assert_eq!(decide("  ", true), Err(RemarkError::Anonymous));
    let granted = decide("示例科长", true).expect("granted");
    assert_eq!(&*granted.evidence(), "专家评审 · 示例办〔2026〕3号 · 示例科长");
    let overlaid = overlay(&item, std::slice::from_ref(&granted));
    assert_eq!((overlaid.standings[0], overlaid.spared[0].since), (Standing::InForce, at("10 09:00")));
    let rejected = decide("示例科长", false).expect("rejected");
    assert_eq!(overlay(&item, &[rejected]).standings, [Standing::Rejected]);
    let again = Amendment::Decide(raised.id, decision("示例科长", false)).of(&[granted]);
    assert_eq!(again, Err(RemarkError::Decided { by: "示例科长".into(), at: at("10 09:00") }));
}

#[test]
fn four_eyes_are_the_approver_s_on_paper_or_a_second_person_s() {
    let by_one = Draft { approver: None, ..draft(exemption()) };
    assert_eq!(by_one.clone().remark(false, at("09 09:00")).expect("one will do").waits, None);
    assert_eq!(by_one.remark(true, at("09 09:00")).expect("it waits").waits, Some(Waits::Approval));
    assert_eq!(draft(exemption()).remark(true, at("09 09:00")).expect("two").waits, None);
    let both = Draft { approver: Some("示例登记员".into()), ..draft(exemption()) };
    assert_eq!(both.clone().remark(true, at("09 09:00")), Err(RemarkError::SamePerson("示例登记员".into())));
    assert!(both.remark(false, at("09 09:00")).is_ok());
}

#[test]
fn what_makes_no_sense_by_itself_is_refused() {
    let nobody = Draft { by: " ".into(), ..draft(exemption()) };
    let groundless = Draft { basis: String::new(), ..draft(exemption()) };
    let own = Draft { item: ItemKey::own("source/hotline"), ..draft(exemption()) };
    for (draft, error) in [
        (nobody, RemarkError::Anonymous),
        (groundless, RemarkError::Anonymous),
        (own, RemarkError::Own(ItemKey::own("source/hotline"))),
        (draft(pause("05 10:00", Some("05 10:00"))), RemarkError::Reversed),
        (draft(pause("05 10:00", Some("03 10:00"))), RemarkError::Reversed),
        (draft(extension("07 10:00", "06 10:00")), RemarkError::ApprovedBeforeAsked),
    ] {
        assert_eq!(draft.remark(false, at("09 09:00")), Err(error));
    }
}

#[test]
fn a_remark_is_revoked_once_and_decided_only_while_it_waits() {
    let remark = remark(exemption(), "09 09:00");
    let all = std::slice::from_ref(&remark);
    assert_eq!(Amendment::Decide(remark.id, decision("x", true)).of(all), Err(RemarkError::NotWaiting));
    assert_eq!(Amendment::Revoke(Digest::of([]), revocation("x")).of(all), Err(RemarkError::Unknown));
    assert_eq!(Amendment::Add(Box::new(remark.clone())).of(all), Err(RemarkError::SaidByRemark(remark.id)));
    let revoke = Amendment::Revoke(remark.id, revocation("示例科长"));
    let revoked = revoke.of(all).expect("revoked");
    assert!(revoke.is_done(std::slice::from_ref(&revoked)) && !revoke.is_done(all));
    assert_eq!(revoke.of(&[revoked]), Err(RemarkError::Revoked { by: "示例科长".into(), at: at("11 09:00") }));
}

#[test]
fn what_was_known_before_an_instant_is_neither_decided_nor_revoked_later() {
    let raised = Draft { is_appeal: true, ..draft(exemption()) }.remark(false, at("09 09:00")).expect("an appeal");
    let decided = Remark { decision: Some(decision("x", true)), ..raised };
    let all = Remark { revocation: Some(revocation("x")), ..decided };
    let known = |day: &str| all.known_before(at(day)).map(|known| standing(&ticket(), &[known], 0));
    assert_eq!(known("09 09:00"), None);
    assert_eq!(known("10 09:00"), Some(Standing::Waiting));
    assert_eq!(known("10 09:01"), Some(Standing::InForce));
    assert_eq!(known("12 09:00"), Some(Standing::Revoked));
}

fn statements() -> impl Strategy<Value = Statement> {
    let day = 1..28_u32;
    let text = |day: u32| format!("{day:02} 10:00");
    prop_oneof![
        (day.clone(), proptest::option::of(1..5_u32)).prop_map(move |(from, long)| {
            let to = long.map(|long| at(&text(from + 1)) + TimeDelta::days(i64::from(long)));
            Statement::Pause(Pause::new(at(&text(from)), to))
        }),
        day.clone().prop_map(move |day| extension(&text(day), &text(day + 1))),
        day.prop_map(move |day| solved(&text(day))),
        Just(exemption()),
        Just(wrong_card()),
    ]
}

proptest! {
    #[test]
    fn revoked_remarks_leave_no_trace(statements in proptest::collection::vec((statements(), any::<bool>()), 0..6)) {
        let minutes = 0..;
        let all: Vec<Remark> = statements.into_iter().zip(minutes).map(|((statement, is_revoked), minute)| {
            let now = at("20 09:00") + TimeDelta::minutes(minute);
            let remark = draft(statement).remark(false, now).expect("a remark");
            Remark { revocation: is_revoked.then(|| revocation("x")), ..remark }
        }).collect();
        let kept: Vec<Remark> = all.iter().filter(|remark| remark.revocation.is_none()).cloned().collect();
        let (all, kept) = (overlay(&ticket(), &all), overlay(&ticket(), &kept));
        prop_assert_eq!(all.item, kept.item);
        prop_assert_eq!(all.spared, kept.spared);
    }

    #[test]
    fn a_remark_survives_json(statement in statements()) {
        let remark = remark(statement, "20 09:00");
        let json = serde_json::to_string(&remark).expect("json");
        prop_assert_eq!(serde_json::from_str::<Remark>(&json).expect("back"), remark);
    }
}
