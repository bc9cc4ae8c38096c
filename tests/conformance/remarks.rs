//! What persons added to items: kept with the items, in one turn with all that follows from it.

use std::sync::Arc;

use duban::core::item::{Amount, Extension, Pause};
use duban::core::remark::{Amendment, Decision, Draft, Remark, Revocation, Statement};
use duban::store::{ItemRecord, ItemWrite, Store};

use crate::for_every_store;
use crate::sample::*;

for_every_store!(
    remarks_come_with_their_items_oldest_first,
    a_decision_and_a_revocation_are_added_and_nothing_else_changes,
    a_lost_item_keeps_its_remarks_as_they_were,
    remarks_are_found_by_the_beginning_of_their_id_newest_first,
    what_a_remark_says_comes_back_as_it_was
);

fn remark(id: &str, statement: Statement, time: &str) -> Remark {
    let draft = Draft {
        item: key(id),
        by: "示例登记员\u{0}".into(),
        basis: "专题会议 'x'".into(),
        document: Some("示例办〔2026〕3号".into()),
        approver: None,
        statement,
        is_appeal: true,
    };
    draft.remark(false, at(time)).expect("a remark")
}

fn exemption() -> Statement {
    Statement::Exemption { rule: RULE.into(), name: WINDOW.into() }
}

/// As a store gives it back: no column holds a NUL.
fn kept(remark: &Remark) -> Remark {
    Remark { by: remark.by.replace('\0', "\u{fffd}"), ..remark.clone() }
}

/// Writes remarks on an item as it stands.
async fn put(store: &Arc<dyn Store>, id: &str, remarks: &[Remark]) {
    let record = store.load(&[key(id)]).await.expect("a load").pop().unwrap_or_else(|| record(id));
    commit(store, [ItemWrite { record, remarks: remarks.to_vec(), ..write(id) }]).await;
}

async fn remarks_come_with_their_items_oldest_first(store: Arc<dyn Store>) {
    let [first, second] = ["03:00:00", "02:00:00"].map(|time| remark("A", exemption(), time));
    put(&store, "A", std::slice::from_ref(&first)).await;
    put(&store, "B", &[]).await;
    put(&store, "A", std::slice::from_ref(&second)).await;
    assert_eq!(loaded(&store, "A").await.remarks, [kept(&second), kept(&first)]);
    assert_eq!(loaded(&store, "B").await.remarks, []);
    let all = store.load(&[key("B"), key("A")]).await.expect("a load");
    assert_eq!(all.iter().map(|record| record.remarks.len()).collect::<Vec<_>>(), [0, 2]);
    // What a record carries along is not written again: only what a turn names is.
    let record = ItemRecord { remarks: Vec::new(), ..loaded(&store, "A").await };
    commit(&store, [ItemWrite { record, ..write("A") }]).await;
    assert_eq!(loaded(&store, "A").await.remarks.len(), 2);
}

async fn a_decision_and_a_revocation_are_added_and_nothing_else_changes(store: Arc<dyn Store>) {
    let raised = remark("A", exemption(), "02:00:00");
    put(&store, "A", std::slice::from_ref(&raised)).await;
    let decision = Decision { at: at("03:00:00"), by: "示例科长".into(), why: "核实".into(), granted: true };
    let decided = Amendment::Decide(raised.id, decision).of(std::slice::from_ref(&raised)).expect("decided");
    put(&store, "A", std::slice::from_ref(&decided)).await;
    assert_eq!(loaded(&store, "A").await.remarks, [kept(&decided)]);
    let revocation = Revocation { at: at("04:00:00"), by: "示例登记员".into(), why: "录错".into() };
    let revoked = Remark { revocation: Some(revocation), ..decided };
    put(&store, "A", &[Remark { basis: "something else".into(), ..revoked.clone() }]).await;
    let [found] = &loaded(&store, "A").await.remarks[..] else { panic!("one remark") };
    assert_eq!((&found.decision, &found.revocation), (&revoked.decision, &revoked.revocation));
}

async fn a_lost_item_keeps_its_remarks_as_they_were(store: Arc<dyn Store>) {
    let [one, other] = ["02:00:00", "03:00:00"].map(|time| remark("A", exemption(), time));
    put(&store, "A", std::slice::from_ref(&one)).await;
    // Somebody else wrote the item meanwhile.
    let late = ItemWrite { remarks: vec![other], ..write("A") };
    let committed = store.commit(&turn([late])).await.expect("a commit");
    assert_eq!(committed.lost, [key("A")]);
    assert_eq!(loaded(&store, "A").await.remarks, [kept(&one)]);
}

async fn remarks_are_found_by_the_beginning_of_their_id_newest_first(store: Arc<dyn Store>) {
    let all = ["02:00:00", "04:00:00", "03:00:00"].map(|time| remark(&time[..2], exemption(), time));
    for remark in &all {
        put(&store, &remark.item.id, std::slice::from_ref(remark)).await;
    }
    let found = store.remarks("", 9).await.expect("remarks");
    assert_eq!(found, [kept(&all[1]), kept(&all[2]), kept(&all[0])]);
    assert_eq!(store.remarks("", 1).await.expect("remarks"), [kept(&all[1])]);
    let id = all[2].id.to_string();
    assert_eq!(store.remarks(&id, 9).await.expect("remarks"), [kept(&all[2])]);
    assert_eq!(store.remarks(&id[..12], 9).await.expect("remarks"), [kept(&all[2])]);
    assert_eq!(store.remarks("g", 9).await.expect("remarks"), []);
}

async fn what_a_remark_says_comes_back_as_it_was(store: Arc<dyn Store>) {
    let pause = Pause { kind: Some("勘测".into()), ..Pause::new(at("00:00:00"), None) };
    let amount = |amount| {
        Statement::Extension(Extension {
            amount,
            asked_at: None,
            approved_at: Some(at("01:00:00.000001")),
            basis: None,
        })
    };
    let statements = [
        Statement::Pause(pause),
        amount(Amount::Number(5)),
        amount(Amount::Limit("4.5wh".parse().expect("a limit"))),
        Statement::Time { field: "solved_at".into(), at: at("01:00:00") },
        exemption(),
        Statement::WrongCard { rule: "a\"b".into(), name: "研判".into() },
    ];
    let times = (2..).map(|hour| format!("{hour:02}:00:00"));
    let all: Vec<Remark> = statements.into_iter().zip(times).map(|(says, time)| remark("A", says, &time)).collect();
    put(&store, "A", &all).await;
    assert_eq!(loaded(&store, "A").await.remarks, all.iter().map(kept).collect::<Vec<_>>());
}
