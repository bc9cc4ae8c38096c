//! How SQLite carries the hot statements out: by an index, whatever the number of rows.

use sqlx::sqlite::SqlitePool;
use sqlx::{AssertSqlSafe, Row};

use super::{SqliteStore, courier, items, lists, turns};

/// SQLite's plan, a line a step.
async fn plan(pool: &SqlitePool, statement: &str) -> String {
    let explained = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
    let steps = sqlx::query(explained).fetch_all(pool).await.expect("a plan");
    steps.iter().map(|step| step.get::<String, _>("detail").replace("COVERING ", "") + "\n").collect()
}

#[tokio::test]
async fn hot_statements_use_their_index() {
    let store = SqliteStore::open_in_memory().await.expect("a store");
    let mut wrong = Vec::new();
    let cases = [
        (items::DUE_ITEMS, "items USING INDEX items_due (next_look_at<?)"),
        (items::NEXT_LOOK_AT, "items USING INDEX items_due"),
        (items::STALE_ITEMS, "items USING INDEX items_by_playbook (judged_under<?)"),
        (items::STALE_ITEMS, "items USING INDEX items_by_playbook (judged_under>?)"),
        (items::DIGESTS, "items USING INDEX items_compared (source=? AND id>?)"),
        (items::LOAD, "i USING INDEX sqlite_autoindex_items_1 (source=? AND id=?)"),
        (items::FIND_ITEMS, "i USING INDEX sqlite_autoindex_items_1 (source=? AND id=?)"),
        (items::TRANSITIONS, "transitions USING INDEX transitions_of_item (source=? AND item=?)"),
        (items::SNAPSHOTS, "snapshots USING INDEX snapshots_of_item (source=? AND item=?)"),
        (turns::VERSIONS, "i USING INDEX sqlite_autoindex_items_1 (source=? AND id=?)"),
        (turns::NOTICE_STATES, "n USING INDEX sqlite_autoindex_notices_1 (key=?)"),
        (turns::STANDINGS, "d USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (courier::CLAIM, "deliveries USING INDEX deliveries_claimable (claim_at<?)"),
        (courier::CLAIM, "deliveries USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (courier::NEXT_CLAIM_AT, "deliveries USING INDEX deliveries_claimable"),
        (courier::MEMBERS, "n USING INDEX notices_of_delivery (delivery=?)"),
        (courier::UNSEALABLE, "d USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (courier::UNSETTLEABLE, "d USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (courier::SEAL, "deliveries USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (courier::SETTLE, "deliveries USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (courier::GIVE_BACK, "deliveries USING INDEX sqlite_autoindex_deliveries_1 (id=?)"),
        (courier::END_SEALED_ATTEMPTS, "attempts USING INDEX sqlite_autoindex_attempts_1 (delivery=? AND fence=?)"),
        (courier::END_ATTEMPTS, "attempts USING INDEX sqlite_autoindex_attempts_1 (delivery=? AND fence=?)"),
        (courier::GIVE_BACK_ATTEMPTS, "attempts USING INDEX sqlite_autoindex_attempts_1 (delivery=? AND fence=?)"),
        (courier::END_NOTICES, "notices USING INDEX notices_of_delivery (delivery=?)"),
        (courier::DROP_CANCELLED, "notices USING INDEX notices_of_delivery (delivery=?)"),
        (courier::DROP_NOTICES, "notices USING INDEX"),
        (lists::NOTICES_ABOUT, "n USING INDEX notices_about_card (card=?)"),
        (lists::NOTICES_OF, "notices USING INDEX notices_of_delivery (delivery=?)"),
        (lists::OPEN_DELIVERIES, "d USING INDEX deliveries_open (contact=?)"),
        (lists::HELD_NOTICES, "notices USING INDEX notices_held (hold=?)"),
        (lists::OPEN_CARDS, "c USING INDEX cards_open"),
        (lists::OPEN_CARDS, "i USING INDEX sqlite_autoindex_items_1 (source=? AND id=?)"),
        (lists::DELIVERIES_BY_STATE, "deliveries USING INDEX deliveries_by_state (state=?)"),
        (lists::DELIVERIES_BY_CONTACT, "deliveries USING INDEX deliveries_by_contact (contact=?)"),
        (lists::DELIVERIES_BY_TIME, "deliveries USING INDEX deliveries_by_time"),
        (lists::DELIVERIES_BY_ID, "deliveries USING INDEX sqlite_autoindex_deliveries_1 (id>? AND id<?)"),
        (lists::COUNTS, "deliveries USING INDEX deliveries_by_state"),
        (lists::COUNTS, "cards USING INDEX cards_open"),
    ];
    for (statement, expected) in cases {
        let plan = plan(&store.writer, statement).await;
        if !plan.contains(expected) || plan.contains("AUTOMATIC") {
            wrong.push(format!("{statement}\nexpected {expected}\ngot\n{plan}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
