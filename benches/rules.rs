//! How long a rule takes: one complete judgement in the sandbox, and the worst that a hostile rule can do.

use std::sync::Arc;

use chrono::NaiveDate;
use divan::{Bencher, black_box};
use duban::core::item::{Item, ItemKey};
use duban::core::value::Value;
use duban::rules::{RuleFile, Rulebook, Tables};

fn main() {
    divan::main();
}

fn book(name: &str, text: &str) -> Rulebook {
    let mut tables = Tables::new();
    tables.read_params("params.toml", include_str!("../rules/params.toml")).expect("parameters");
    let file = RuleFile { name: name.to_owned(), path: format!("rules/{name}.rhai"), text: text.to_owned() };
    Rulebook::compile(&[file], &tables, chrono_tz::Asia::Shanghai).expect("a rule")
}

/// A ticket as a city's hotline has it, with more fields than the rule reads.
fn ticket(kind: &str) -> Arc<Item> {
    let at = |text: &str| Value::Instant(text.parse().expect("an instant"));
    let mut item = Item::new(ItemKey::new("hotline", "GD20260302000123"), "ticket");
    for (name, value) in [
        ("title", Value::text("园区内主干道路灯损坏，夜间通行不便")),
        ("status", Value::text("办理中")),
        ("unit", Value::text("示范区住建局")),
        ("owner", Value::text("G0012")),
        ("region", Value::text("示范区")),
        ("subject", Value::text("enterprise")),
        ("type", Value::text(kind)),
        ("received_at", at("2026-03-02T01:02:03Z")),
        ("dispatched_at", at("2026-03-02T01:20:00Z")),
        ("on_site_at", at("2026-03-02T02:40:00Z")),
        ("feedback_subject_at", at("2026-03-03T02:40:00Z")),
        ("feedback_platform_at", at("2026-03-03T02:45:00Z")),
        ("solved_at", Value::Missing),
        ("address", Value::text("示范路 1 号")),
        ("phone", Value::text("0000-0000000")),
        ("channel", Value::text("12345")),
    ] {
        item.fields.set(name, value);
    }
    Arc::new(item)
}

fn today() -> NaiveDate {
    "2026-03-04".parse().expect("a date")
}

/// The shipped 2110: guard and four windows. The promise is 8 µs.
#[divan::bench]
fn judge_2110(bencher: Bencher) {
    let (book, item) = (book("2110", include_str!("../rules/2110.rhai")), ticket("投诉"));
    assert_eq!(book.judge(&item, today())[0].result.as_ref().map(|judged| judged.windows.len()), Ok(4));
    let today = today();
    bencher.bench(|| book.judge(black_box(&item), black_box(today)));
}

/// A ticket to which 2110 does not apply.
#[divan::bench]
fn judge_2110_not_applicable(bencher: Bencher) {
    let (book, item) = (book("2110", include_str!("../rules/2110.rhai")), ticket("咨询"));
    assert!(book.judge(&item, today()).is_empty());
    let today = today();
    bencher.bench(|| book.judge(black_box(&item), black_box(today)));
}

/// Compiling a rule with everything that is checked.
#[divan::bench]
fn compile_2110(bencher: Bencher) {
    bencher.bench(|| book("2110", black_box(include_str!("../rules/2110.rhai"))));
}

/// What the limits stop last: the largest lists that there can be, copied until nothing is left. The promise is 250 ms.
#[divan::bench(args = [
    "let l = []; for n in 0..700 { l.push(item.received_at); } loop { let m = l; }",
    "let m = #{}; for n in 0..490 { m.set(\"a-key-that-is-longer-than-the-small-form-\" + n, item.received_at); } loop { let k = m; }",
    "let s = \"ab\"; for n in 0..10 { s += s; } loop { s.to_upper(); }",
    "let l = []; for n in 0..900 { l.push(n); } loop { l.sort(); l.reverse(); }",
])]
fn hostile(bencher: Bencher, body: &str) {
    let (book, item) = (book("hostile", &format!("fn windows(item) {{ {body} }}")), ticket("投诉"));
    assert!(book.judge(&item, today())[0].result.is_err());
    let today = today();
    bencher.bench(|| book.judge(black_box(&item), black_box(today)));
}
