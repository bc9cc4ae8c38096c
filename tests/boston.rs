//! An outside authority: ten years of a city hotline's tickets with the targets and verdicts of the city's own system.

mod support;

use std::collections::HashMap;

use chrono::{DateTime, NaiveDateTime, TimeDelta};
use support::command::{duban, shipped};

/// How far a target may lie from the city's: its system rounds to some seconds after the opening.
const NEAR: TimeDelta = TimeDelta::seconds(120);

/// `count` of `of` are at least so many of a thousand.
#[track_caller]
fn assert_share(count: usize, of: usize, permille: usize, what: &str) {
    assert!(count * 1000 >= of * permille, "{what}: {count} of {of}, expected {permille} of 1000");
}

#[test]
fn the_city_comes_to_the_same_targets_and_verdicts() {
    let config = shipped("config/examples/boston311/duban.toml");
    let run = duban(&["evaluate", "--config", &config, "--at", "2026-01-01", "--format", "csv"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    let ours: HashMap<String, _> = run.rows().into_iter().map(|row| (row["item"].clone(), row)).collect();

    let mut tickets = csv::Reader::from_path(shipped("config/examples/boston311/boston311.csv")).expect("tickets");
    let tickets = tickets.deserialize::<HashMap<String, String>>().map(|ticket| ticket.expect("a ticket"));
    let (mut all, mut targets, mut verdicts) = (0, 0, 0);
    for ticket in tickets.filter(|ticket| !ticket["target_local"].is_empty() && !ticket["closed_local"].is_empty()) {
        let Some(row) = ours.get(&ticket["case_id"]) else { continue };
        all += 1;
        let target: NaiveDateTime = ticket["target_local"].parse().expect("a time");
        let due = DateTime::parse_from_rfc3339(&row["due_at"]).expect("an instant").naive_local();
        targets += usize::from((due - target).abs() <= NEAR);
        let verdict = if ticket["on_time"] == "ONTIME" { "on_time" } else { "overdue" };
        verdicts += usize::from(row["verdict"] == verdict);
    }
    println!("{targets} of {all} targets, {verdicts} of {all} verdicts");
    assert_eq!(all, 2101, "the tickets that have a limit, a target and a closing time");
    assert_share(targets, all, 984, "targets");
    assert_share(verdicts, all, 993, "verdicts");
}
