//! What is remembered about items: snapshots, cards, transitions, and when to look again.

use std::sync::Arc;

use duban::core::card::{CardId, Change, Stop, Transition};
use duban::core::item::ItemKey;
use duban::core::reading::Verdict;
use duban::core::reason::Reason;
use duban::core::value::Value;
use duban::core::window::{Level, Ruling, Window};
use duban::store::{ItemWrite, Kept, Snapshot, Store};

use crate::for_every_store;
use crate::sample::*;

for_every_store!(
    an_item_is_remembered_as_it_was_written,
    many_items_of_one_turn_are_remembered_as_they_were_written,
    a_snapshot_is_kept_when_it_is_new,
    what_is_kept_stays_as_it_was_read,
    a_card_stands_in_an_episode_at_a_level,
    transitions_come_back_oldest_first,
    the_transitions_of_several_items_come_together,
    red_cards_are_counted_by_the_unit_of_their_time,
    no_more_red_cards_are_counted_than_are_asked_for,
    cards_are_listed_red_before_yellow_and_oldest_first,
    a_card_that_closes_leaves_the_list,
    a_card_without_a_watch_follows_its_last_transition,
    a_stopped_clock_is_no_card,
    items_fall_due_in_order,
    stale_items_are_those_judged_under_another_playbook,
    digests_are_read_page_by_page,
    an_id_is_found_in_every_source,
    items_that_are_not_stored_are_left_out,
);

async fn an_item_is_remembered_as_it_was_written(store: Arc<dyn Store>) {
    let mut item = raised("A", Level::Yellow, "01:30:00");
    let window = Window::new(WINDOW, "10wd".parse().expect("a limit"), Some(at("00:00:00")));
    item.record.rulings = vec![Ruling { windows: vec![window], ..item.record.rulings[0].clone() }];
    item.record.watches[0].stopped = Some(Stop { verdict: Verdict::OnTime, at: at("01:45:00") });
    item.record.noticed_at = Some(now());
    item.record.missing_polls = 2;
    item.record.left_at = Some(at("01:50:00"));
    item.record.item.raw.set("Received At", Value::text("2026-03-02 08:00"));
    commit(&store, [item.clone()]).await;
    item.record.version = 1;
    assert_eq!(loaded(&store, "A").await, item.record);

    item.record.next_look_at = None;
    item.record.missing_polls = 0;
    item.record.left_at = None;
    item.transitions.clear();
    commit(&store, [item.clone()]).await;
    item.record.version = 2;
    assert_eq!(loaded(&store, "A").await, item.record);
}

async fn many_items_of_one_turn_are_remembered_as_they_were_written(store: Arc<dyn Store>) {
    // More than travel together, and not a round number of them.
    let ids: Vec<String> = (0..137).map(|n| format!("{n}'\"\\{{}}[]?$1件\n{n}")).collect();
    let mut items: Vec<ItemWrite> = ids.iter().map(|id| raised(id, Level::Red, "01:30:00")).collect();
    for (number, item) in items.iter_mut().enumerate() {
        item.record.missing_polls = u32::try_from(number % 3).expect("a small number");
        item.record.next_look_at = (number % 2 == 0).then(now);
        item.record.item.fields.set("title", Value::text(format!("'\u{1}\0\"{number}")));
        item.record.digest = item.record.item.digest();
    }
    commit(&store, items.clone()).await;
    for item in &mut items {
        item.record.version = 1;
        let id = item.record.item.key.id.to_string();
        assert_eq!(loaded(&store, &id).await, item.record);
        assert_eq!(store.transitions(&key(&id)).await.expect("transitions"), item.transitions);
        let snapshots = store.snapshots(&key(&id)).await.expect("snapshots");
        let expected =
            Snapshot { seen_at: item.record.seen_at, digest: item.record.digest, item: item.record.item.clone() };
        assert_eq!(snapshots, [expected]);
    }
    let digests = store.digests("tickets", None, 1_000).await.expect("digests");
    let mut expected: Vec<_> =
        items.iter().map(|i| (i.record.item.key.id.clone(), i.record.digest, i.record.missing_polls)).collect();
    expected.sort();
    assert_eq!(digests, expected);
}

async fn a_snapshot_is_kept_when_it_is_new(store: Arc<dyn Store>) {
    let mut item = write("A");
    commit(&store, [item.clone()]).await;
    let first = item.record.clone();
    item.record.item.fields.set("status", Value::text("signed"));
    item.record.digest = item.record.item.digest();
    item.record.seen_at = at("02:00:00");
    for (version, keep_snapshot) in [(1, true), (2, false)] {
        item.record.version = version;
        commit(&store, [ItemWrite { keep_snapshot, ..item.clone() }]).await;
    }
    let kept = [first, item.record].map(|r| Snapshot { seen_at: r.seen_at, digest: r.digest, item: r.item });
    assert_eq!(store.snapshots(&key("A")).await.expect("snapshots"), kept);
    assert_eq!(store.snapshots(&key("B")).await.expect("snapshots"), []);
}

async fn what_is_kept_stays_as_it_was_read(store: Arc<dyn Store>) {
    let mut item = raised("A", Level::Red, "01:00:00");
    commit(&store, [item.clone()]).await;
    item = ItemWrite { keep_snapshot: false, transitions: vec![], ..item };
    item.record.version = 1;
    item.record.next_look_at = Some(at("07:00:00"));
    item.kept = Kept { rulings: true, watches: true };
    commit(&store, [item.clone()]).await;
    item.record.version = 2;
    assert_eq!(loaded(&store, "A").await, item.record);
    // A new snapshot is written with all that belongs to it.
    item.record.item.fields.set("status", Value::text("signed"));
    item.record.digest = item.record.item.digest();
    item.record.watches[0].level = None;
    item.kept.watches = false;
    commit(&store, [item.clone()]).await;
    item.record.version = 3;
    assert_eq!(loaded(&store, "A").await, item.record);
    assert_eq!(store.standing(&[card("A")]).await.expect("cards"), [(card("A"), 1, None)]);
}

async fn a_card_stands_in_an_episode_at_a_level(store: Arc<dyn Store>) {
    commit(&store, [raised("A", Level::Red, "01:00:00"), raised("B", Level::Yellow, "01:00:00"), write("C")]).await;
    let asked = ["C", "B", "A", "D"].map(card);
    let mut standing = store.standing(&asked).await.expect("cards");
    standing.sort();
    let mut expected = [(card("A"), 1, Some(Level::Red)), (card("B"), 1, Some(Level::Yellow))];
    expected.sort();
    assert_eq!(standing, expected);
    assert_eq!(store.standing(&[]).await.expect("cards"), []);
}

/// The second transition of an item's card.
fn second(id: &str, change: Change, from: Level, to: Option<Level>) -> Transition {
    let reason = Reason::Finished { done_at: at("02:30:00") };
    Transition {
        number: 2,
        change,
        from: Some(from),
        to,
        at: at("02:30:00"),
        noticed_at: at("03:00:00"),
        reason,
        verdict: Some(Verdict::Overdue),
        ladder: None,
        ..raise(id, from, "01:00:00")
    }
}

async fn transitions_come_back_oldest_first(store: Arc<dyn Store>) {
    let mut item = raised("A", Level::Red, "01:00:00");
    let raised = item.transitions.clone();
    commit(&store, [item.clone()]).await;
    item.record.version = 1;
    item.transitions = vec![second("A", Change::Lower, Level::Red, Some(Level::Yellow))];
    commit(&store, [item.clone()]).await;
    let found = store.transitions(&key("A")).await.expect("transitions");
    assert_eq!(found, [&raised[..], &item.transitions[..]].concat());
    assert_eq!(store.transitions(&key("B")).await.expect("transitions"), []);
}

async fn the_transitions_of_several_items_come_together(store: Arc<dyn Store>) {
    let ids: Vec<String> = (0..70).map(|n| format!("{n}\u{1}'")).collect();
    commit(&store, ids.iter().map(|id| raised(id, Level::Red, "01:00:00")).collect::<Vec<_>>()).await;
    let mut fallen = raised(&ids[3], Level::Red, "01:00:00");
    fallen.record.version = 1;
    fallen.transitions = vec![second(&ids[3], Change::Lower, Level::Red, Some(Level::Yellow))];
    commit(&store, [fallen]).await;
    let keys: Vec<ItemKey> = ids.iter().rev().map(|id| key(id)).chain([key("nobody")]).collect();
    let found = store.histories(&keys).await.expect("transitions");
    let mut expected = Vec::new();
    for key in &keys {
        let of_item = store.transitions(key).await.expect("transitions");
        expected.extend(of_item.into_iter().map(|transition| (key.clone(), transition)));
    }
    assert_eq!((found.len(), found), (71, expected));
    assert_eq!(store.histories(&[]).await.expect("transitions"), []);
}

/// An item of a unit with a card that turns red.
fn red_of(id: &str, unit: &str, time: &str) -> ItemWrite {
    let mut write = raised(id, Level::Red, time);
    write.record.item.fields.set("unit", Value::text(unit));
    write
}

async fn reds(store: &Arc<dyn Store>, units: &[&str], since: &str) -> Vec<(String, CardId, u32)> {
    let units: Vec<Arc<str>> = units.iter().map(|unit| Arc::from(*unit)).collect();
    let found = store.reds(&units, at(since), 100).await.expect("reds");
    let mut found: Vec<_> = found.into_iter().map(|(unit, card, episode)| (unit.to_string(), card, episode)).collect();
    found.sort();
    found
}

async fn red_cards_are_counted_by_the_unit_of_their_time(store: Arc<dyn Store>) {
    let mut without = raised("F", Level::Red, "01:00:00");
    without.record.item.fields.set("unit", Value::Missing);
    let first = [
        red_of("A", "住建局", "01:00:00"),
        red_of("B", "住建局", "00:30:00"),
        red_of("C", "水务局", "01:00:00"),
        red_of("D", "住建局", "01:00:00"),
        ItemWrite { transitions: vec![raise("E", Level::Yellow, "01:00:00")], ..red_of("E", "住建局", "01:00:00") },
        without,
    ];
    commit(&store, first).await;
    let name = |unit: &str, id: &str, episode| (unit.to_owned(), card(id), episode);
    let mut both = [name("住建局", "A", 1), name("住建局", "D", 1)];
    both.sort();
    assert_eq!(
        reds(&store, &["住建局"], "01:00:00").await,
        both,
        "the instant itself counts, what was before does not"
    );
    assert_eq!(reds(&store, &["水务局", "nobody"], "00:00:00").await, [name("水务局", "C", 1)]);

    // A goes to another unit and turns red again in the same episode; D is taken back; C is cleared, and red once more.
    let mut moved = red_of("A", "水务局", "02:40:00");
    let up =
        Transition { number: 3, from: Some(Level::Yellow), at: at("02:40:00"), ..raise("A", Level::Red, "02:40:00") };
    moved.transitions = vec![second("A", Change::Lower, Level::Red, Some(Level::Yellow)), up];
    let mut wrong = red_of("D", "住建局", "01:00:00");
    wrong.transitions = vec![second("D", Change::Revoke, Level::Red, None)];
    let mut again = red_of("C", "水务局", "02:45:00");
    let up = Transition { number: 3, episode: 2, ..raise("C", Level::Red, "02:45:00") };
    again.transitions = vec![second("C", Change::Clear, Level::Red, None), up];
    for write in [&mut moved, &mut wrong, &mut again] {
        write.record.version = 1;
    }
    commit(&store, [moved, wrong, again]).await;
    assert_eq!(reds(&store, &["住建局"], "01:00:00").await, [name("住建局", "A", 1)]);
    let both = [name("水务局", "C", 1), name("水务局", "C", 2)];
    assert_eq!(reds(&store, &["水务局"], "01:00:00").await, both, "A was red before it was theirs");
    assert_eq!(reds(&store, &["水务局"], "02:35:00").await, both[1..]);
}

async fn no_more_red_cards_are_counted_than_are_asked_for(store: Arc<dyn Store>) {
    let all: Vec<ItemWrite> = (0..30).map(|n| red_of(&n.to_string(), ["a", "b"][n % 2], "01:00:00")).collect();
    commit(&store, all).await;
    let units = ["a", "b", "c"].map(Arc::from);
    let found = store.reds(&units, at("00:00:00"), 6).await.expect("reds");
    let of = |unit: &str| found.iter().filter(|(of, ..)| **of == *unit).count();
    assert_eq!((of("a"), of("b"), of("c")), (6, 6, 0));
    assert_eq!(store.reds(&[], at("00:00:00"), 6).await.expect("reds"), []);
}

async fn cards_are_listed_red_before_yellow_and_oldest_first(store: Arc<dyn Store>) {
    let levels = [("A", Level::Yellow, "01:00:00"), ("B", Level::Red, "01:30:00"), ("C", Level::Red, "00:30:00")];
    commit(&store, levels.map(|(id, level, time)| raised(id, level, time))).await;
    commit(&store, [write("D")]).await;
    let found = store.open_cards(10).await.expect("cards");
    let order: Vec<_> = found.iter().map(|c| (&*c.item.id, c.level, c.at)).collect();
    assert_eq!(
        order,
        [("C", Level::Red, at("00:30:00")), ("B", Level::Red, at("01:30:00")), ("A", Level::Yellow, at("01:00:00"))]
    );
    assert_eq!((&*found[0].title, found[0].unit.as_deref()), ("ticket C", Some("water")));
    assert_eq!((found[0].card, &*found[0].rule, &*found[0].name, found[0].episode), (card("C"), RULE, WINDOW, 1));
    assert_eq!(store.open_cards(1).await.expect("cards").len(), 1);
    let counts = store.counts().await.expect("counts");
    assert_eq!((counts.items, counts.yellow, counts.red), (4, 1, 2));
}

async fn a_card_that_closes_leaves_the_list(store: Arc<dyn Store>) {
    let mut item = raised("A", Level::Red, "01:00:00");
    commit(&store, [item.clone()]).await;
    item.record.version = 1;
    item.transitions = vec![second("A", Change::Clear, Level::Red, None)];
    (item.record.watches[0].level, item.record.watches[0].at, item.record.watches[0].number) = (None, None, 2);
    commit(&store, [item.clone()]).await;
    assert_eq!(store.open_cards(10).await.expect("cards"), []);

    item.record.version = 2;
    item.transitions = vec![Transition { number: 3, episode: 2, ..raise("A", Level::Yellow, "04:00:00") }];
    item.record.watches[0] =
        duban::core::card::Watch { episode: 2, number: 3, ..watch("A", Level::Yellow, "04:00:00") };
    item.record.watches[0].name = "renamed".into();
    commit(&store, [item]).await;
    let found = store.open_cards(10).await.expect("cards");
    let found: Vec<_> = found.iter().map(|c| (c.card, &*c.name, c.level, c.episode)).collect();
    assert_eq!(found, [(card("A"), "renamed", Level::Yellow, 2)]);
}

async fn a_card_without_a_watch_follows_its_last_transition(store: Arc<dyn Store>) {
    let mut item = raised("A", Level::Red, "01:00:00");
    commit(&store, [item.clone()]).await;
    item.record.version = 1;
    item.record.watches.clear();
    item.transitions = vec![second("A", Change::LeftSource, Level::Red, None)];
    commit(&store, [item]).await;
    assert_eq!(store.open_cards(10).await.expect("cards"), []);
}

async fn a_stopped_clock_is_no_card(store: Arc<dyn Store>) {
    let mut item = raised("A", Level::Red, "01:00:00");
    let watch = &mut item.record.watches[0];
    (watch.level, watch.at, watch.episode) = (None, None, 0);
    watch.stopped = Some(Stop { verdict: Verdict::OnTime, at: at("01:00:00") });
    let stop = Transition { change: Change::Stop, to: None, episode: 0, ..raise("A", Level::Red, "01:00:00") };
    item.transitions = vec![stop.clone()];
    commit(&store, [item]).await;
    assert_eq!(store.transitions(&key("A")).await.expect("transitions"), [stop]);
    assert_eq!(store.open_cards(10).await.expect("cards"), []);
}

async fn items_fall_due_in_order(store: Arc<dyn Store>) {
    assert_eq!(store.next_look_at(None).await.expect("next"), None);
    let looks = [("A", Some("05:00:00")), ("B", Some("03:00:00")), ("C", None), ("D", Some("04:00:00"))];
    let looks = looks.map(|(id, time)| {
        let mut write = write(id);
        write.record.next_look_at = time.map(at);
        write
    });
    commit(&store, looks).await;
    assert_eq!(store.next_look_at(None).await.expect("next"), Some(at("03:00:00")));
    assert_eq!(store.due_items(None, at("02:59:59"), 10).await.expect("due"), []);
    assert_eq!(store.due_items(None, at("04:00:00"), 10).await.expect("due"), [key("B"), key("D")]);
    assert_eq!(store.due_items(None, at("23:00:00"), 2).await.expect("due"), [key("B"), key("D")]);
}

async fn stale_items_are_those_judged_under_another_playbook(store: Arc<dyn Store>) {
    let judged = [("A", "one"), ("B", "two"), ("C", "three")].map(|(id, under)| {
        let mut write = write(id);
        write.record.judged_under = digest(under);
        write
    });
    commit(&store, judged).await;
    let mut stale = store.stale_items(digest("two"), 10).await.expect("stale");
    stale.sort();
    assert_eq!(stale, [key("A"), key("C")]);
    assert_eq!(store.stale_items(digest("two"), 1).await.expect("stale").len(), 1);
}

async fn digests_are_read_page_by_page(store: Arc<dyn Store>) {
    let ids = ["", "1", "10", "2", "a", "办", "é", "🟥"];
    let mut items = ids.map(write).to_vec();
    items[2].record.missing_polls = 3;
    let mut other = write("1");
    other.record.item.key = ItemKey::new("projects", "1");
    items.push(other);
    commit(&store, items).await;
    let mut found = Vec::new();
    let mut after: Option<Arc<str>> = None;
    loop {
        let page = store.digests("tickets", after.as_deref(), 3).await.expect("digests");
        let Some((last, ..)) = page.last() else { break };
        after = Some(last.clone());
        found.extend(page);
    }
    let mut sorted = ids;
    sorted.sort_unstable();
    let expected = sorted.map(|id| (id.into(), record(id).digest, if id == "10" { 3 } else { 0 }));
    assert_eq!(found, expected);
}

async fn an_id_is_found_in_every_source(store: Arc<dyn Store>) {
    assert_eq!(store.find_items("A").await.expect("found"), []);
    let sources = ["tickets", "projects", "tasks"].map(|source| {
        let mut write = write("A");
        write.record.item.key = ItemKey::new(source, "A");
        write
    });
    commit(&store, sources).await;
    commit(&store, [write("B")]).await;
    let expected = ["projects", "tasks", "tickets"].map(|source| ItemKey::new(source, "A"));
    assert_eq!(store.find_items("A").await.expect("found"), expected);
    assert_eq!(store.find_items("C").await.expect("found"), []);
}

async fn items_that_are_not_stored_are_left_out(store: Arc<dyn Store>) {
    commit(&store, [write("A"), write("B")]).await;
    let found = store.load(&[key("B"), key("X"), key("A")]).await.expect("load");
    let ids: Vec<_> = found.iter().map(|record| &*record.item.key.id).collect();
    assert_eq!(ids, ["B", "A"]);
    assert_eq!(store.notices_about(&[]).await.expect("notices"), []);
}
