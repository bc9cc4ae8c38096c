//! How each source is doing, for a monitor.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::escaped;
use crate::core::Instant;
use crate::daemon::poll::health::Health;
use crate::source::terms::Expected;
use crate::store::SourceRecord;

/// A number of a source; nothing while it is not known.
type Number = fn(&SourceRecord, Health) -> Option<f64>;

#[expect(clippy::cast_precision_loss, reason = "what a monitor reads is a double")]
const GAUGES: [(&str, &str, Number); 11] = [
    ("duban_source_up", "1 if the last poll could be read and is believed, and none is overdue.", |_, health| {
        Some(f64::from(u8::from(health == Health::Good)))
    }),
    ("duban_source_doubted", "1 if the last poll could be read and is not believed.", |_, health| {
        Some(f64::from(u8::from(health == Health::Doubted)))
    }),
    ("duban_source_stale", "1 if a poll or a call is overdue.", |_, health| {
        Some(f64::from(u8::from(health == Health::Stale)))
    }),
    ("duban_source_last_good_timestamp_seconds", "When the last good poll began.", |record, _| seconds(record.good_at)),
    ("duban_source_last_poll_timestamp_seconds", "When the last poll began.", |record, _| seconds(record.polled_at)),
    ("duban_source_newest_timestamp_seconds", "The newest change that it has shown.", |record, _| {
        seconds(record.cursor_at)
    }),
    ("duban_source_poll_duration_seconds", "How long the last poll took.", |record, _| {
        record.polled_at.map(|_| record.took_ms as f64 / 1000.0)
    }),
    ("duban_source_rows", "Rows of the last poll.", |record, _| Some(record.rows as f64)),
    ("duban_source_rejected_rows", "Rows rejected in the last poll.", |record, _| Some(record.rejected as f64)),
    ("duban_source_changed_items", "Items that the last poll found new or changed.", |record, _| {
        Some(record.changed as f64)
    }),
    ("duban_source_missing_items", "Items that the last good poll did not show any more.", |record, _| {
        Some(record.missing as f64)
    }),
];

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
fn seconds(at: Option<Instant>) -> Option<f64> {
    at.map(|at| at.timestamp() as f64)
}

/// The numbers of all sources that are configured.
pub(super) fn write<'e>(
    records: &'e [SourceRecord],
    expected: &'e BTreeMap<Arc<str>, Expected>,
    now: Instant,
) -> String {
    let unseen = SourceRecord::default();
    let of = |(name, expected): (&'e Arc<str>, &'e Expected)| {
        let record = records.iter().find(|record| record.source == *name);
        (name, record.unwrap_or(&unseen), Health::of(record, Some(expected), now))
    };
    let sources: Vec<(&Arc<str>, &SourceRecord, Health)> = expected.iter().map(of).collect();
    let mut text = String::new();
    for (gauge, help, number) in GAUGES {
        let _ = writeln!(text, "# HELP {gauge} {help}\n# TYPE {gauge} gauge");
        for (name, record, health) in &sources {
            if let Some(number) = number(record, *health) {
                let _ = writeln!(text, "{gauge}{{source=\"{}\"}} {number}", escaped(name));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Schedule;
    use std::time::Duration;

    #[test]
    fn each_source_has_its_numbers_and_no_time_that_is_not_known() {
        let now: Instant = "2026-03-02T02:00:00Z".parse().expect("an instant");
        let schedule = Schedule::parse("5m", chrono_tz::Tz::UTC).ok();
        let expected = Expected { schedule, silent_after: None, blind_after: Duration::from_mins(15) };
        let expected = ["hot\"line", "ledger"].map(|name| (Arc::from(name), expected.clone())).into();
        let good = SourceRecord {
            source: "hot\"line".into(),
            good_at: Some(now),
            polled_at: Some(now),
            took_ms: 1500,
            rows: 7,
            rejected: 2,
            ..SourceRecord::default()
        };
        let text = write(&[good], &expected, now);
        for line in [
            "duban_source_up{source=\"hot\\\"line\"} 1",
            "duban_source_up{source=\"ledger\"} 0",
            "duban_source_doubted{source=\"ledger\"} 0",
            "duban_source_last_good_timestamp_seconds{source=\"hot\\\"line\"} 1772416800",
            "duban_source_poll_duration_seconds{source=\"hot\\\"line\"} 1.5",
            "duban_source_rows{source=\"hot\\\"line\"} 7",
            "duban_source_rejected_rows{source=\"hot\\\"line\"} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        assert!(!text.contains("last_good_timestamp_seconds{source=\"ledger\"}"), "{text}");
    }
}
