//! A city's hotline: items as they are first seen, and as they turn red.

use std::ops::Range;

use chrono::TimeDelta;
use duban::core::Instant;
use duban::core::card::{CardId, Change, Transition, Watch};
use duban::core::delivery::DeliveryId;
use duban::core::digest::Digest;
use duban::core::item::{Item, ItemKey};
use duban::core::notice::{Notice, NoticeKind, NoticeState, Placement, Planned};
use duban::core::reason::Reason;
use duban::core::value::Value;
use duban::core::window::{Level, Ruling, Window};
use duban::store::{ItemRecord, ItemWrite, Turn};

/// Items of a turn.
pub const TURN: usize = 10_000;

/// The source of all items.
pub const SOURCE: &str = "tickets";

/// Who is told in a turn: each has one delivery, with many notices.
const CONTACTS: usize = 200;

pub fn now() -> Instant {
    "2026-03-02T02:00:00Z".parse().expect("an instant")
}

/// The turn that sees items for the first time.
pub fn first_seen(items: Range<usize>) -> Turn {
    Turn { items: items.map(new_item).collect(), ..Turn::default() }
}

/// The turn in which the same items turn red, and somebody is told.
pub fn turned_red(items: Range<usize>) -> Turn {
    Turn { items: items.map(red_item).collect(), ..Turn::default() }
}

/// A turn of notices that have a delivery each.
pub fn single_notices(numbers: Range<usize>) -> Turn {
    Turn { notices: numbers.map(|n| planned(n, &format!("single {n}"), n)).collect(), ..Turn::default() }
}

/// An item with two windows.
fn new_item(n: usize) -> ItemWrite {
    let mut item = Item::new(key(n), "ticket");
    for (name, text) in [("title", "路灯不亮，请尽快修复"), ("status", "open"), ("unit", "water"), ("type", "建议")]
    {
        item.fields.set(name, Value::text(text));
    }
    for name in ["received_at", "dispatched_at"] {
        item.fields.set(name, Value::Instant(now() - minutes(n)));
    }
    let window = |name: &str, limit: &str| Window::new(name, limit.parse().expect("a limit"), Some(now() - minutes(n)));
    let windows = vec![window("feedback", "1wd"), window("solved", "10wd")];
    let record = ItemRecord {
        digest: item.digest(),
        item,
        first_seen_at: now(),
        seen_at: now(),
        rulings: vec![Ruling { rule: "2110".into(), version: version(), windows, findings: vec![] }],
        watches: vec![],
        remarks: vec![],
        noticed_at: None,
        next_look_at: Some(now() + TimeDelta::minutes(1) + minutes(n)),
        judged_under: version(),
        missing_polls: 0,
        left_at: None,
        version: 0,
    };
    ItemWrite { keep_snapshot: true, ..ItemWrite::of(record) }
}

/// The same item later: a contact is told with others of its turn.
fn red_item(n: usize) -> ItemWrite {
    let mut write = new_item(n);
    write.record.version = 1;
    write.keep_snapshot = false;
    // The next instant worth looking at is another one, as it is when a card was raised.
    write.record.next_look_at = Some(now() + TimeDelta::days(30) + minutes(n));
    let card = CardId::new(&key(n), "2110", "solved");
    write.record.watches.push(Watch {
        card,
        rule: "2110".into(),
        name: "solved".into(),
        level: Some(Level::Red),
        at: Some(now()),
        episode: 1,
        number: 1,
        stopped: None,
        spared: None,
    });
    write.transitions.push(Transition {
        card,
        rule: "2110".into(),
        name: "solved".into(),
        episode: 1,
        number: 1,
        change: Change::Raise,
        from: None,
        to: Some(Level::Red),
        at: now(),
        noticed_at: now(),
        reason: Reason::Due { due_at: now() },
        verdict: None,
        rule_version: version(),
        calendar_version: version(),
        ladder: None,
    });
    let opener = n - n % TURN + n % CONTACTS;
    write.notices.push(planned(n, &format!("contact {}", n % CONTACTS), opener));
    write
}

/// A notice in the delivery that the notice `opener` opens.
fn planned(n: usize, contact: &str, opener: usize) -> Planned {
    let identity = |n: usize| Digest::of([contact.as_bytes(), n.to_string().as_bytes()]);
    let delivery = DeliveryId::new(contact, "mail", identity(opener));
    let notice = Notice {
        key: identity(n),
        kind: NoticeKind::Raise,
        card: Some(CardId::new(&key(n), "2110", "solved")),
        item: Some(key(n)),
        episode: 1,
        number: 1,
        level: Some(Level::Red),
        step: 0,
        ordinal: 0,
        contact: contact.into(),
        channel: "mail".into(),
        planned_at: now(),
        rehearsal: false,
        state: NoticeState::Planned,
        hold: None,
        delivery: Some(delivery),
        change: None,
        body: None,
        because: duban::core::notice::Because::default(),
        settled_at: None,
    };
    let placement = Placement { delivery, opens: n == opener, not_before: now(), waits_for: None, rehearsal: false };
    Planned { notice, placement: Some(placement) }
}

fn key(n: usize) -> ItemKey {
    ItemKey::new(SOURCE, format!("T{n:08}"))
}

fn version() -> Digest {
    Digest::of([&b"version"[..]])
}

fn minutes(n: usize) -> TimeDelta {
    TimeDelta::minutes(i64::try_from(n % 500_000).expect("a small number"))
}
