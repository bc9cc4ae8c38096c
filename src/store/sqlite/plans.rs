//! How SQLite carries the hot statements out: by an index, whatever the number of rows.

use sqlx::sqlite::SqlitePool;
use sqlx::{AssertSqlSafe, Row};

use super::session::over;
use super::{SqliteEngine, SqliteStore};
use crate::store::sql::rows::*;
use crate::store::sql::session::Engine as _;
use crate::store::sql::{audit, courier, items, lists, orders, persons, receipts, remarks, sends, turns};

/// SQLite's plan, a line a step.
async fn plan(pool: &SqlitePool, statement: &str) -> String {
    let explained = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
    let steps = sqlx::query(explained).fetch_all(pool).await.expect("a plan");
    steps.iter().map(|step| step.get::<String, _>("detail").replace("COVERING ", "") + "\n").collect()
}

#[tokio::test]
async fn hot_statements_use_their_index() {
    check(&[
        (items::DUE_ITEMS.to_owned(), "items USING INDEX items_due (next_look_at<?)"),
        (items::NEXT_LOOK_AT.to_owned(), "items USING INDEX items_due"),
        (items::STALE_ITEMS.to_owned(), "items USING INDEX items_by_playbook (judged_under<?)"),
        (items::STALE_ITEMS.to_owned(), "items USING INDEX items_by_playbook (judged_under>?)"),
        (items::DIGESTS.to_owned(), "items USING INDEX items_compared (source=? AND id>?)"),
        (over::<KeyRow>(items::LOAD, 0), "i USING INDEX sqlite_autoindex_items_1 (source=? AND id=?)"),
        (items::FIND_ITEMS.to_owned(), "i USING INDEX sqlite_autoindex_items_1 (source=? AND id=?)"),
        (items::ITEM_OF.to_owned(), "cards USING INDEX sqlite_autoindex_cards_1 (card=?)"),
        (over::<IdRow>(items::STANDING, 0), "c USING INDEX sqlite_autoindex_cards_1 (card=?)"),
        (items::TRANSITIONS.to_owned(), "transitions USING INDEX sqlite_autoindex_transitions_1 (source=? AND item=?)"),
        (over::<KeyRow>(items::HISTORIES, 0), "t USING INDEX sqlite_autoindex_transitions_1 (source=? AND item=?)"),
        (over::<UnitRow>(items::REDS, 2), "t USING INDEX transitions_red (unit=? AND at>?)"),
        (
            over::<UnitRow>(items::REDS, 2),
            "o USING INDEX sqlite_autoindex_transitions_1 (source=? AND item=? AND card=?)",
        ),
        (items::SNAPSHOTS.to_owned(), "snapshots USING INDEX snapshots_of_item (source=? AND item=?)"),
        (over::<KeyRow>(turns::STORED, 0), "i USING INDEX sqlite_autoindex_items_1 (source=? AND id=?)"),
        (over::<TouchRow>(turns::TOUCH_ITEMS, 0), "items USING INDEX sqlite_autoindex_items_1 (source=? AND id=?)"),
        (over::<KeyRow>(turns::KEEP_SNAPSHOTS, 0), "i USING INDEX sqlite_autoindex_items_1 (source=? AND id=?)"),
        (over::<AgainRow>(turns::PLACE_NOTICES, 0), "notices USING INDEX sqlite_autoindex_notices_1 (key=?)"),
        (over::<NoticeRow>(turns::REPLACE_NOTICES, 0), "notices USING INDEX sqlite_autoindex_notices_1 (key=?)"),
        (over::<IdRow>(turns::NOTICE_STATES, 0), "n USING INDEX sqlite_autoindex_notices_1 (key=?)"),
        (over::<IdRow>(turns::STANDINGS, 0), "t USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (over::<IdRow>(SqliteEngine::CLAIMABLE, 2), "d USING INDEX deliveries_claimable (claim_at<?)"),
        (over::<IdRow>(courier::CLAIM, 3), "deliveries USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (
            over::<ClaimableRow>(SqliteEngine::CLAIMABLE_OF, 2),
            "d USING INDEX deliveries_claimable_of (contact=? AND claim_at<?)",
        ),
        (over::<IdRow>(courier::NEXT_CLAIM_AT, 0), "deliveries USING INDEX deliveries_claimable"),
        (courier::WAITING_SINCE.to_owned(), "deliveries USING INDEX deliveries_claimable"),
        (over::<IdRow>(courier::MEMBERS, 0), "n USING INDEX notices_of_delivery (delivery=?)"),
        (over::<LeaseRow>(courier::SEALABLE, 0), "t USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (over::<LeaseRow>(courier::HELD, 0), "t USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (over::<IdRow>(courier::SEAL, 1), "deliveries USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (over::<UnsaidRow>(courier::LEAVE_UNSAID, 1), "deliveries USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (over::<SettleRow>(courier::SETTLE, 1), "deliveries USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (over::<GivenBackRow>(courier::GIVE_BACK, 0), "deliveries USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (over::<UnsaidRow>(courier::END_UNSAID_ATTEMPTS, 1), "d USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (over::<SettleRow>(courier::END_ATTEMPTS, 1), "d USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (over::<GivenBackRow>(courier::GIVE_BACK_ATTEMPTS, 1), "d USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (over::<SettleRow>(courier::END_NOTICES, 1), "notices USING INDEX notices_of_delivery (delivery=?)"),
        (over::<UnsaidRow>(courier::DROP_CANCELLED, 1), "notices USING INDEX notices_of_delivery (delivery=?)"),
        (over::<DroppedRow>(courier::DROP_NOTICES, 0), "notices USING INDEX"),
        (receipts::UNREPORTED.to_owned(), "deliveries USING INDEX deliveries_unreported"),
        (over::<IdRow>(receipts::NOTICES_OF_ALL, 0), "n USING INDEX notices_of_delivery (delivery=?)"),
        (over::<IdRow>(receipts::ENDED, 0), "t USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (over::<IdRow>(receipts::REPORT, 0), "deliveries USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (over::<IdRow>(receipts::ADDRESSEES, 0), "d USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (
            receipts::WITHOUT_RECEIPT.to_owned(),
            "deliveries USING INDEX deliveries_without_receipt (channel=? AND settled_at>?)",
        ),
        (
            over::<MessageRow>(receipts::RECEIVABLE, 0),
            "t USING INDEX deliveries_by_remote_id (channel=? AND remote_id=?)",
        ),
        (over::<ReceiptRow>(receipts::KEEP_ATTEMPTS, 0), "d USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (over::<ReceiptRow>(receipts::PUT_RECEIPTS, 1), "deliveries USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (over::<ReceiptRow>(receipts::DISCARD_NOTICES, 1), "notices USING INDEX notices_of_delivery (delivery=?)"),
        (sends::SENDS_OF_CHANNEL.to_owned(), "sends USING INDEX sends_of_channel (channel=? AND at>? AND at<?)"),
        (
            over::<SendsRow>(sends::SENDS_OF_CONTACTS, 0),
            "s USING INDEX sends_of_contact (channel=? AND contact=? AND at>? AND at<?)",
        ),
        (sends::FORGET.to_owned(), "sends USING INDEX sends_of_channel (channel=? AND at<?)"),
        (sends::FORGET.to_owned(), "sends USING INTEGER PRIMARY KEY (rowid=?)"),
        (persons::SILENCES.to_owned(), "silences USING INDEX silences_by_time"),
        (persons::SILENCES_TO_LIFT.to_owned(), "silences USING INDEX silences_to_lift"),
        (over::<IdRow>(persons::ACKNOWLEDGEMENTS, 0), "a USING INDEX sqlite_autoindex_acknowledgements_1 (card=?)"),
        (over::<KeyRow>(lists::NOTICES_ABOUT, 0), "n USING INDEX notices_about_item (source=? AND item=?)"),
        (lists::NOTICES_OF.to_owned(), "notices USING INDEX notices_of_delivery (delivery=?)"),
        (over::<IdRow>(lists::OPEN_DELIVERIES, 0), "d USING INDEX deliveries_claimable_of (contact=? AND claim_at>?)"),
        (lists::HELD_NOTICES.to_owned(), "notices USING INDEX notices_held (hold=?)"),
        (lists::OPEN_CARDS.to_owned(), "c USING INDEX cards_open"),
        (lists::OPEN_CARDS.to_owned(), "i USING INDEX sqlite_autoindex_items_1 (source=? AND id=?)"),
        (lists::DELIVERIES_SETTLED.to_owned(), "deliveries USING INDEX deliveries_settled (state=?)"),
        (lists::DELIVERIES_WAITING.to_owned(), "deliveries USING INDEX deliveries_claimable"),
        (lists::DELIVERIES_BY_ID.to_owned(), "seals USING INDEX sqlite_autoindex_seals_1 (delivery=?)"),
        (lists::DELIVERIES_BY_CONTACT.to_owned(), "deliveries USING INDEX deliveries_by_contact (contact=?)"),
        (lists::DELIVERIES_BY_TIME.to_owned(), "deliveries USING INDEX deliveries_by_time"),
        (lists::DELIVERIES_BY_ID.to_owned(), "deliveries USING INDEX sqlite_autoindex_deliveries_1 (id>? AND id<?)"),
        (audit::AUDIT.to_owned(), "audit USING INTEGER PRIMARY KEY (rowid>?)"),
        (lists::COUNTS.to_owned(), "deliveries USING INDEX deliveries_settled"),
        (lists::COUNTS.to_owned(), "deliveries USING INDEX deliveries_claimable"),
        (lists::COUNTS.to_owned(), "cards USING INDEX cards_open"),
    ])
    .await;
}

#[tokio::test]
async fn orders_are_found_by_their_index() {
    check(&[
        (over::<KeyRow>(orders::OF_ITEMS, 0), "o USING INDEX orders_of_item (source=? AND item=?)"),
        (over::<OrderNumberRow>(orders::NUMBERED, 0), "o USING INDEX sqlite_autoindex_orders_3 (year=? AND ordinal=?)"),
        (orders::BY_ID.to_owned(), "orders USING INDEX sqlite_autoindex_orders_1 (id>? AND id<?)"),
        (orders::BY_NUMBER.to_owned(), "orders USING INDEX sqlite_autoindex_orders_3 (year=? AND ordinal=?)"),
        (orders::OPEN.to_owned(), "orders USING INDEX orders_open"),
        (orders::ALL.to_owned(), "orders USING INDEX orders_by_time"),
        (orders::LAST_NUMBER.to_owned(), "orders USING INDEX sqlite_autoindex_orders_3 (year=?)"),
        (orders::NOTICES.to_owned(), "notices USING INDEX notices_of_order (source=? AND item=?)"),
    ])
    .await;
}

#[tokio::test]
async fn remarks_are_found_by_their_index() {
    check(&[
        (over::<KeyRow>(items::LOAD, 0), "m USING INDEX remarks_of_item (source=? AND item=?)"),
        (over::<KeyRow>(remarks::REMARKS_OF, 0), "m USING INDEX remarks_of_item (source=? AND item=?)"),
        (remarks::REMARKS_BY_ID.to_owned(), "m USING INDEX sqlite_autoindex_remarks_1 (remark>? AND remark<?)"),
        (remarks::REMARKS.to_owned(), "m USING INDEX remarks_by_time"),
    ])
    .await;
}

/// Compares the plans of statements with what each has to hold.
async fn check(cases: &[(String, &str)]) {
    let store = SqliteStore::open_in_memory().await.expect("a store");
    let mut wrong = Vec::new();
    for (statement, expected) in cases {
        let plan = plan(&store.engine.writer, statement).await;
        if !plan.contains(expected) || plan.contains("AUTOMATIC") {
            wrong.push(format!("{statement}\nexpected {expected}\ngot\n{plan}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
