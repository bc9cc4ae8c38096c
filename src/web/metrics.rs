//! `/metrics`: what a monitor draws and watches, in the text format of Prometheus.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Board;
use crate::core::Instant;
use crate::core::outage::Outage;
use crate::store::{Counts, StoreError};

mod sources;

/// The text format's content type.
const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn show(State(board): State<Board>) -> Response {
    let now = board.clock.now();
    match gather(&board, now).await {
        Ok(text) => ([(header::CONTENT_TYPE, KIND)], text).into_response(),
        Err(e) => (StatusCode::SERVICE_UNAVAILABLE, format!("{e}\n")).into_response(),
    }
}

async fn gather(board: &Board, now: Instant) -> Result<String, StoreError> {
    let (counts, since) = (board.store.counts().await?, board.store.waiting_since(now).await?);
    let records = board.store.sources().await?;
    let in_force = board.in_force.borrow().clone();
    let outages = in_force.as_ref().map(|in_force| in_force.outages.borrow().clone());
    let entries = board.store.audit_head().await?.seq;
    let mut text = write(&counts, since, &outages.unwrap_or_default(), entries, now);
    if let Some(in_force) = in_force {
        text.push_str(&sources::write(&records, &in_force.expected, now));
    }
    Ok(text)
}

fn write(counts: &Counts, since: Option<Instant>, outages: &[Outage], entries: u64, now: Instant) -> String {
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, values: &[(String, i64)]| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in values {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let of = |label: &str, values: &[(&str, u64)]| -> Vec<(String, i64)> {
        values.iter().map(|(value, count)| (format!("{{{label}=\"{value}\"}}"), number(*count))).collect()
    };
    let age = since.map_or(0, |since| (now - since).num_seconds().max(0));
    gauge("duban_outbox_oldest_seconds", "How long the oldest message that is due waits.", &[(String::new(), age)]);
    let states = [
        ("waiting", counts.waiting),
        ("sent", counts.sent),
        ("discarded", counts.discarded),
        ("unknown", counts.unknown),
    ];
    gauge("duban_messages", "Messages, by what became of them.", &of("state", &states));
    let levels = [("red", counts.red), ("yellow", counts.yellow)];
    gauge("duban_open_cards", "Open cards, by level.", &of("level", &levels));
    gauge("duban_items", "Items that are watched.", &[(String::new(), number(counts.items))]);
    gauge("duban_audit_entries", "Entries of the audit trail.", &[(String::new(), number(entries))]);
    let out: Vec<(String, i64)> =
        outages.iter().map(|outage| (format!("{{channel=\"{}\"}}", escaped(&outage.channel)), 1)).collect();
    gauge("duban_channel_out", "1 for each channel that takes nothing.", &out);
    text
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_monitor_reads_lines_of_names_labels_and_numbers() {
        let now: Instant = "2026-03-02T02:00:00Z".parse().expect("an instant");
        let outage = Outage { channel: "a\"b".into(), since: now, failures: 3, reason: "451".into() };
        let counts = Counts { red: 2, waiting: 7, ..Counts::default() };
        let text = write(&counts, Some(now - chrono::TimeDelta::seconds(90)), &[outage], 12, now);
        for line in [
            "duban_outbox_oldest_seconds 90",
            "duban_messages{state=\"waiting\"} 7",
            "duban_open_cards{level=\"red\"} 2",
            "duban_audit_entries 12",
            "duban_channel_out{channel=\"a\\\"b\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        assert!(write(&counts, None, &[], 0, now).contains("duban_outbox_oldest_seconds 0\n"));
    }
}
