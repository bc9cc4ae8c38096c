//! The loop of an order, from the red card to its end, as the people of an office live it.

use duban::core::order::{Classification, Deed, Number, Order, OrderState, Party, PartyKind};

use duban::store::{OrderQuery, Store as _};

use crate::support::stage::{SMS, Stage, at, dispatched, office, rest_days};

const ANSWER: &str = r#"
const TITLE = "两个工作日答复";
const EFFECTIVE = "2020-01-01";
fn applies(item) { item.kind == "ticket" }
fn windows(item) {
    [window("answer", "2wd", #{ from: item.dispatched_at, done: item.on_site_at, ladder: "handlers" })]
}
"#;

const PEOPLE: &str = "id,name,unit,region,level,roles,email,mobile,deputy\n\
    h1,甲一,示范区住建局,,L0,handler,h1@example.com,13800000001,\n\
    u1,乙一,示范区住建局,,L1,unit_contact,u1@example.com,13800000002,u2\n\
    u2,乙二,示范区住建局,,L1,,u2@example.com,13800000003,\n\
    w1,丙一,示范区水务集团,,L1,unit_contact,w1@example.com,13800000004,\n\
    c1,丁一,,,L3,city_centre,c1@example.com,13800000005,\n\
    ops,值班,,,,operator,ops@example.com,13800000006,\n";

const LADDERS: &str = r#"
[handlers]
[[handlers.steps]]
roles = ["handler", "unit_contact"]
yellow = ["mail"]
red = ["mail", "sms"]
[order]
[[order.steps]]
roles = ["unit_contact"]
yellow = ["mail"]
red = ["mail"]
[order-desk]
[[order-desk.steps]]
roles = ["city_centre"]
yellow = ["mail"]
red = ["mail"]
[operators]
[[operators.steps]]
roles = ["operator"]
yellow = ["mail"]
red = ["mail"]
"#;

/// Two weeks with a make-up Sunday and a festival; the unit's contact is away from Sunday to Tuesday.
fn stage() -> Stage {
    let order = include_str!("../../rules/order.rhai");
    let site = office(&[("answer", ANSWER), ("order", order)], SMS);
    rest_days(&site, "2026-09-20,workday,国庆节\n2026-09-25,holiday,中秋节\n");
    site.put("rules/params.toml", include_str!("../../rules/params.toml"));
    site.put("contacts.csv", PEOPLE);
    site.put("absences.csv", "contact,from,until,deputy,reason\nu1,2026-09-20,2026-09-22,,休假\n");
    site.put("ladders.toml", LADDERS);
    let mut stage = Stage::open_at(site, "2026-09-14 09:00");
    stage.until("2026-09-14 10:00");
    stage.source(&[dispatched("T1", "2026-09-14 10:00")]);
    stage
}

fn classify() -> Deed {
    let (classification, reason) = (Classification::Handle, "属职责范围".to_owned());
    Deed::Classify { classification, cause: Some("市政".into()), reason, into: None }
}

fn dispatch() -> Deed {
    let lead = Party::new("示范区住建局", PartyKind::Department, None);
    let assisting = vec![Party::new("示范区水务集团", PartyKind::Utility, None)];
    Deed::Dispatch { lead, assisting, number: Number { year: 0, ordinal: 0 } }
}

fn sign(unit: &str, contact: &str) -> Deed {
    Deed::Sign { unit: unit.into(), contact: contact.into() }
}

fn feed_back(text: &str) -> Deed {
    Deed::FeedBack { unit: "示范区住建局".into(), text: text.to_owned() }
}

/// What people do after the dispatch, until the end.
fn finish(stage: &mut Stage) -> Order {
    stage.until("2026-09-21 18:00");
    stage.act(sign("示范区住建局", "u2"), "值班", Some("u2"));
    stage.act(sign("示范区水务集团", "w1"), "值班", Some("w1"));
    stage.until("2026-09-22 16:00");
    stage.act(feed_back("已安排"), "u2", None);
    stage.until("2026-09-23 09:30");
    stage.act(Deed::Return { reason: "未说明原因和完成时间".into() }, "c1", None);
    stage.until("2026-09-23 17:00");
    stage.act(feed_back("管网破损，已修复"), "u1", None);
    stage.until("2026-09-24 10:00");
    stage.source(&[dispatched("T1", "2026-09-14 10:00").on_site(at("2026-09-24 09:30"))]);
    stage.act(Deed::Verify { text: "电话回访".into() }, "c1", None);
    stage.until("2026-09-24 10:30");
    let closed = stage.act(Deed::Close { result: "道路已修复".into() }, "c1", None);
    stage.until("2026-10-09 17:00");
    closed
}

#[test]
fn an_order_goes_its_way_in_two_weeks_with_a_make_up_sunday() {
    let mut stage = stage();
    stage.until("2026-09-20 10:00");
    stage.act(classify(), "c1", None);
    stage.act(dispatch(), "c1", None);
    let closed = finish(&mut stage);
    assert_eq!((closed.state, closed.name()), (OrderState::Closed, "督办〔2026〕1号".to_owned()));
    let told = [
        "09-16 09:00 h1 <- [Yellow card] T1 厂区门口道路破损 1 working day left (示范区住建局)",
        "09-16 09:00 u1 <- [Yellow card] T1 厂区门口道路破损 1 working day left (示范区住建局)",
        "09-17 09:00 h1 <- [Red card] T1 厂区门口道路破损 overdue (示范区住建局)",
        "09-17 09:00 h1 <- sms: [Red card] T1 厂区门口道路破损 overdue (示范区住建局)",
        "09-17 09:00 u1 <- [Red card] T1 厂区门口道路破损 overdue (示范区住建局)",
        "09-17 09:00 u1 <- sms: [Red card] T1 厂区门口道路破损 overdue (示范区住建局)",
        "09-20 09:00 c1 <- [Yellow card] 7f975ea5 T1 (confidential) 1 working day left",
        "09-20 10:00 u2 <- [Order] 督办〔2026〕1号 please take the lead on T1",
        "09-20 10:00 w1 <- [Order] 督办〔2026〕1号 please assist with T1",
        "09-20 16:00 c1 <- [Cleared] 督办〔2026〕1号 T1 (confidential) done at 20 Sep 10:00 (示范区住建局)",
        "09-21 14:00 u2 <- [Yellow card] 督办〔2026〕1号 T1 (confidential) 0.5 working days left (示范区住建局)",
        "09-22 09:00 u2 <- [Cleared] 督办〔2026〕1号 T1 (confidential) done at 21 Sep 18:00 (示范区住建局)",
        "09-22 16:00 c1 <- [Order] 督办〔2026〕1号 was fed back, please verify T1",
        "09-23 09:30 u1 <- [1 yellow, 1 order] 2 in all, most urgent 督办〔2026〕1号 0.9 working days left",
        "09-23 17:00 c1 <- [Order] 督办〔2026〕1号 was fed back, please verify T1",
        "09-23 17:00 u1 <- [Cleared] 督办〔2026〕1号 T1 (confidential) done at 23 Sep 17:00 (示范区住建局)",
        "09-24 10:00 h1 <- [Cleared] T1 厂区门口道路破损 done at 24 Sep 09:30 (示范区住建局)",
        "09-24 10:00 h1 <- sms: [Cleared] T1 厂区门口道路破损 done at 24 Sep 09:30 (示范区住建局)",
        "09-24 10:00 u1 <- [Cleared] T1 厂区门口道路破损 done at 24 Sep 09:30 (示范区住建局)",
        "09-24 10:00 u1 <- sms: [Cleared] T1 厂区门口道路破损 done at 24 Sep 09:30 (示范区住建局)",
        "09-24 10:30 u1 <- [Order] 督办〔2026〕1号 closed: T1",
        "09-24 10:30 w1 <- [Order] 督办〔2026〕1号 closed: T1",
    ];
    assert_eq!(stage.all_mail(), told);
}

#[test]
fn an_order_goes_its_way_though_the_daemon_is_away_for_three_days() {
    let mut stage = stage();
    stage.until("2026-09-18 17:00");
    stage.die();
    stage.until("2026-09-20 10:00");
    stage.act(classify(), "c1", None);
    stage.act(dispatch(), "c1", None);
    stage.until("2026-09-21 17:00");
    stage.start();
    let closed = finish(&mut stage);
    assert_eq!((closed.state, closed.name()), (OrderState::Closed, "督办〔2026〕1号".to_owned()));
    let told = [
        "09-16 09:00 h1 <- [Yellow card] T1 厂区门口道路破损 1 working day left (示范区住建局)",
        "09-16 09:00 u1 <- [Yellow card] T1 厂区门口道路破损 1 working day left (示范区住建局)",
        "09-17 09:00 h1 <- [Red card] T1 厂区门口道路破损 overdue (示范区住建局)",
        "09-17 09:00 h1 <- sms: [Red card] T1 厂区门口道路破损 overdue (示范区住建局)",
        "09-17 09:00 u1 <- [Red card] T1 厂区门口道路破损 overdue (示范区住建局)",
        "09-17 09:00 u1 <- sms: [Red card] T1 厂区门口道路破损 overdue (示范区住建局)",
        "09-21 17:00 u2 <- [1 yellow, 1 order] 2 in all, most urgent 督办〔2026〕1号 about to fall due",
        "09-21 17:00 w1 <- [Order] 督办〔2026〕1号 please assist with T1",
        "09-22 09:00 u2 <- [Cleared] 督办〔2026〕1号 T1 (confidential) done at 21 Sep 18:00 (示范区住建局)",
        "09-22 16:00 c1 <- [Order] 督办〔2026〕1号 was fed back, please verify T1",
        "09-23 09:30 u1 <- [1 yellow, 1 order] 2 in all, most urgent 督办〔2026〕1号 0.9 working days left",
        "09-23 17:00 c1 <- [Order] 督办〔2026〕1号 was fed back, please verify T1",
        "09-23 17:00 u1 <- [Cleared] 督办〔2026〕1号 T1 (confidential) done at 23 Sep 17:00 (示范区住建局)",
        "09-24 10:00 h1 <- [Cleared] T1 厂区门口道路破损 done at 24 Sep 09:30 (示范区住建局)",
        "09-24 10:00 h1 <- sms: [Cleared] T1 厂区门口道路破损 done at 24 Sep 09:30 (示范区住建局)",
        "09-24 10:00 u1 <- [Cleared] T1 厂区门口道路破损 done at 24 Sep 09:30 (示范区住建局)",
        "09-24 10:00 u1 <- sms: [Cleared] T1 厂区门口道路破损 done at 24 Sep 09:30 (示范区住建局)",
        "09-24 10:30 u1 <- [Order] 督办〔2026〕1号 closed: T1",
        "09-24 10:30 w1 <- [Order] 督办〔2026〕1号 closed: T1",
    ];
    assert_eq!(stage.all_mail(), told);
}

#[test]
fn a_wrong_card_takes_its_order_back_and_a_closed_one_only_what_is_not_classified() {
    let mut stage = stage();
    stage.until("2026-09-17 09:30");
    let proposed = stage.wait(stage.store().orders(OrderQuery::All(9))).expect("orders");
    assert_eq!(proposed.iter().map(|order| order.state).collect::<Vec<_>>(), [OrderState::Proposed]);
    // Done late: the card is cleared, and nothing was done with the order yet.
    stage.source(&[dispatched("T1", "2026-09-14 10:00").on_site(at("2026-09-17 09:20"))]);
    let states = |stage: &Stage| {
        let orders = stage.wait(stage.store().orders(OrderQuery::All(9))).expect("orders");
        orders.into_iter().map(|order| order.state).collect::<Vec<_>>()
    };
    assert_eq!(states(&stage), [OrderState::Withdrawn]);
    // Another one is with a party when it turns out that somebody had been on site in time.
    let other = |id| dispatched(id, "2026-09-17 09:00");
    stage.source(&[other("T2")]);
    stage.until("2026-09-21 09:30");
    stage.act(classify(), "c1", None);
    stage.act(dispatch(), "c1", None);
    stage.skip();
    stage.until("2026-09-21 10:00");
    stage.source(&[other("T2").on_site(at("2026-09-18 09:00"))]);
    assert_eq!(states(&stage), [OrderState::Withdrawn, OrderState::Withdrawn]);
    stage.until("2026-09-21 17:00");
    let told = stage.all_mail();
    let recall = ["[Recall]", "T2 厂区门口道路破损 the red card is void (示范区住建局)"].join(" ");
    let expected = [
        "09-21 09:30 u2 <- [Order] 督办〔2026〕1号 please take the lead on T2".to_owned(),
        "09-21 09:30 w1 <- [Order] 督办〔2026〕1号 please assist with T2".to_owned(),
        format!("09-21 10:00 h1 <- {recall}"),
        format!("09-21 10:00 h1 <- sms: {recall}"),
        "09-21 10:00 u2 <- [1 recalled, 1 order] 2 in all, most urgent T2 the red card is void".to_owned(),
        format!("09-21 10:00 u2 <- sms: {recall}"),
        "09-21 10:00 w1 <- [Order] 督办〔2026〕1号 withdrawn: T2".to_owned(),
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_many_do_with_an_order_at_once_stands_in_it_to_the_last_deed() {
    let mut stage = stage();
    stage.until("2026-09-20 10:00");
    stage.act(classify(), "c1", None);
    stage.act(dispatch(), "c1", None);
    let mut done = 2;
    for _ in 0..20 {
        let now = stage.act_at_once(8, |person| feed_back(&format!("反馈{person}")));
        assert!(now > 0, "nobody got through");
        done += now;
        let orders = stage.wait(stage.store().orders(OrderQuery::All(9))).expect("orders");
        assert_eq!(orders[0].history.len(), done, "a deed that was answered is lost");
    }
}

#[test]
fn a_baseline_proposes_no_order_until_it_is_released() {
    let order = include_str!("../../rules/order.rhai");
    let site = office(&[("answer", ANSWER), ("order", order)], SMS);
    site.put("rules/params.toml", include_str!("../../rules/params.toml"));
    site.put("contacts.csv", PEOPLE);
    site.put("ladders.toml", LADDERS);
    let mut stage = Stage::at(site, "2026-09-14 09:00");
    stage.source(&[dispatched("T1", "2026-09-01 10:00")]);
    let orders = |stage: &Stage| stage.wait(stage.store().orders(OrderQuery::All(9))).expect("orders").len();
    assert_eq!((stage.open(), orders(&stage)), (vec!["T1 red".to_owned()], 0));
    assert_eq!(stage.release(), 4, "two people, by mail and by short message");
    assert_eq!(orders(&stage), 1);
    assert_eq!(stage.release(), 0);
    assert_eq!(orders(&stage), 1, "once");
}

#[test]
fn what_goes_up_waits_for_the_districts_leader() {
    use duban::core::order::Refusal;
    use duban::core::order::linkage::Crossing;
    let mut stage = stage();
    stage.until("2026-09-17 10:00");
    stage.skip();
    stage.act(classify(), "c1", None);
    stage.act(Deed::ApplyLinkage { crossing: Crossing::Region, reason: "涉及两区".into() }, "区中心", None);
    stage.until("2026-09-17 10:01");
    stage.tells("c1", &["09-17 10:00 [Order]"]);
    let report = || Deed::ReportLinkage { document: "专报〔2026〕3号".into() };
    assert_eq!(stage.refuses(report()), Refusal::LeaderHasNotSigned);
    stage.act(Deed::TakeLinkage, "c1", None);
    stage.act(Deed::SignLinkage { leader: "分管领导".into() }, "区中心", None);
    let reported = stage.act(report(), "区中心", None);
    assert_eq!(reported.linkage.and_then(|linkage| linkage.report).as_deref(), Some("专报〔2026〕3号"));
}
