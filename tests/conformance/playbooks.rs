//! Playbooks, rule versions, sources and schedules.

use std::sync::Arc;

use duban::store::{PlaybookRecord, RuleRecord, SourceRecord, Store, StoreError, Turn};

use crate::for_every_store;
use crate::sample::*;

for_every_store!(
    a_playbook_is_in_force_until_another_is_put,
    the_same_playbook_again_changes_only_who_and_when,
    rule_versions_are_kept_for_ever_in_their_order,
    a_turn_commits_only_under_the_playbook_in_force,
    a_source_is_as_it_was_last_recorded,
    a_schedule_remembers_when_it_last_fired,
);

async fn a_playbook_is_in_force_until_another_is_put(store: Arc<dyn Store>) {
    assert_eq!(store.playbook().await.expect("playbook"), None);
    for name in ["one", "two", "one"] {
        store.put_playbook(&playbook(name), &[], None).await.expect("put");
        assert_eq!(store.playbook().await.expect("playbook"), Some(playbook(name)));
    }
}

async fn the_same_playbook_again_changes_only_who_and_when(store: Arc<dyn Store>) {
    store.put_playbook(&playbook("one"), &[rule("2110", "v1", "02:00:00")], None).await.expect("put");
    let again = PlaybookRecord { at: at("03:00:00"), by: "reload".into(), ..playbook("one") };
    store.put_playbook(&again, &[rule("2110", "v1", "03:00:00")], None).await.expect("put");
    assert_eq!(store.playbook().await.expect("playbook"), Some(again));
    assert_eq!(store.rule_versions().await.expect("rules"), [rule("2110", "v1", "02:00:00")]);
}

fn rule(name: &str, version: &str, time: &str) -> RuleRecord {
    RuleRecord {
        rule: name.into(),
        version: digest(version),
        at: at(time),
        by: "reload".into(),
        text: format!("const TITLE = \"{version} 'quoted'\";"),
        tables: [("tables/a.csv".into(), "k,v\r\n1,\"2\"\r\n".into())].into(),
    }
}

async fn rule_versions_are_kept_for_ever_in_their_order(store: Arc<dyn Store>) {
    let first = [rule("b", "v1", "02:00:00"), rule("a", "v1", "02:00:00")];
    store.put_playbook(&playbook("one"), &first, None).await.expect("put");
    store.put_playbook(&playbook("two"), &[rule("b", "v2", "03:00:00")], None).await.expect("put");
    store.put_playbook(&playbook("three"), &[rule("b", "v1", "04:00:00")], None).await.expect("put");
    let [b, a] = first;
    assert_eq!(store.rule_versions().await.expect("rules"), [b, a, rule("b", "v2", "03:00:00")]);
}

async fn a_turn_commits_only_under_the_playbook_in_force(store: Arc<dyn Store>) {
    let under = |name: &str, id: &str| Turn { playbook: Some(digest(name)), ..turn([write(id)]) };
    let refused = store.commit(&under("one", "A")).await.expect_err("no playbook is in force");
    assert!(matches!(refused, StoreError::OtherPlaybook(None)), "{refused}");
    store.put_playbook(&playbook("one"), &[], None).await.expect("put");
    store.commit(&under("one", "A")).await.expect("a commit");
    store.put_playbook(&playbook("two"), &[], None).await.expect("put");
    let refused = store.commit(&under("one", "B")).await.expect_err("the playbook is out of force");
    assert!(matches!(refused, StoreError::OtherPlaybook(Some(two)) if two == digest("two")), "{refused}");
    assert_eq!(store.load(&[key("B")]).await.expect("load"), []);
}

async fn a_source_is_as_it_was_last_recorded(store: Arc<dyn Store>) {
    let mut source = SourceRecord {
        source: "tickets".into(),
        polled_at: Some(at("01:00:00")),
        took_ms: 12,
        trouble: Some("expected 200, got 503".into()),
        doubted_at: Some(at("00:30:00")),
        ..SourceRecord::default()
    };
    let other = SourceRecord { source: "projects".into(), ..source.clone() };
    store.put_source(&source).await.expect("put");
    store.put_source(&other).await.expect("put");
    source = SourceRecord { good_at: Some(now()), good_rows: Some(1 << 40), rejected: 3, trouble: None, ..source };
    source =
        SourceRecord { cursor_at: Some(at("00:59:00")), rows: 9, changed: 2, missing: 1, doubted_at: None, ..source };
    store.put_source(&source).await.expect("put");
    assert_eq!(store.sources().await.expect("sources"), [other, source]);
}

async fn a_schedule_remembers_when_it_last_fired(store: Arc<dyn Store>) {
    assert_eq!(store.last_fired("weekly").await.expect("last"), None);
    for time in ["01:00:00", "02:00:00"] {
        store.fired("weekly", at(time)).await.expect("fired");
        assert_eq!(store.last_fired("weekly").await.expect("last"), Some(at(time)));
    }
    assert_eq!(store.last_fired("monthly").await.expect("last"), None);
}
