//! A source that is down, stale or empty says nothing about the matters in it.

use super::VISIT;
use crate::support::stage::{Stage, dispatched, office};

/// grafana/grafana#46398: a query that fails looks like a real alert.
#[test]
fn grafana_46398_a_source_that_fails_raises_no_card_and_operators_alone_hear_of_it() {
    let mut stage = Stage::open_at(office(&[("visit", VISIT)], ""), "2026-03-02 09:00");
    stage.source(&[dispatched("T1", "2026-03-02 11:00")]);
    stage.site.put("tickets.csv", "编号,诉求\n1,2\n");
    for minute in [10, 20, 30] {
        stage.until(&format!("2026-03-02 09:{minute}"));
        assert!(stage.poll().is_some());
    }
    stage.tells("ops", &["03-02 09:10 [Red card] source/tickets Source tickets"]);
    stage.tells_nobody();
    assert_eq!(foreign(&stage), Vec::<String>::new());
}

/// grafana/grafana#36520: nobody can tell a source that is down from one without rows.
#[test]
fn grafana_36520_a_source_that_is_down_is_not_one_without_rows_and_neither_closes_a_card() {
    let mut stage = Stage::open_at(office(&[("visit", VISIT)], ""), "2026-03-02 08:00");
    let tickets = ["T1", "T2"].map(|id| dispatched(id, "2026-03-02 08:00"));
    stage.source(&tickets);
    stage.until("2026-03-02 10:30");
    stage.skip();
    let open = stage.open();

    stage.site.tickets(&[]);
    let empty = stage.poll().expect("no rows");
    assert_eq!(foreign(&stage), open);
    std::fs::remove_file(stage.site.path("tickets.csv")).expect("removed");
    let down = stage.poll().expect("no file");
    assert_eq!(foreign(&stage), open);
    assert!(empty.contains("no rows, the last good poll had 3") && down.contains("can be read"), "{empty}\n{down}");
    // Two of three rows are gone: that many do not leave between two polls.
    stage.site.tickets(&tickets[..1]);
    let cut = stage.poll().expect("too few rows");
    assert!(cut.contains("expected at least 2 rows"), "{cut}");
    assert_eq!(foreign(&stage), open);
    assert_eq!(stage.mail_of("ops").len(), 1, "one outage, whatever it looks like");
    stage.tells_nobody();
}

/// grafana/grafana#12151: that the source was down changed a state, and nobody was told.
#[test]
fn grafana_12151_each_outage_of_a_source_is_told_once() {
    let mut stage = Stage::open_at(office(&[("visit", VISIT)], ""), "2026-03-02 09:00");
    let ticket = dispatched("T1", "2026-03-02 15:00");
    for hour in [10, 14] {
        stage.until(&format!("2026-03-02 {hour}:00"));
        stage.site.put("tickets.csv", "");
        for minute in [10, 20, 30] {
            stage.until(&format!("2026-03-02 {hour}:{minute}"));
            assert!(stage.poll().is_some());
        }
        stage.until(&format!("2026-03-02 {hour}:40"));
        stage.source(std::slice::from_ref(&ticket));
    }
    let said = ["10:10 [Red card]", "10:40 [Cleared]", "14:10 [Red card]", "14:40 [Cleared]"];
    let said = said.map(|said| format!("03-02 {said} source/tickets Source tickets"));
    let said = said.each_ref().map(String::as_str);
    stage.tells("ops", &said);
    stage.tells_nobody();
}

/// The open cards but for the one on the source.
fn foreign(stage: &Stage) -> Vec<String> {
    stage.open().into_iter().filter(|card| !card.starts_with("source/")).collect()
}
