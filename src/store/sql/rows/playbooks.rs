//! Rows of playbooks, rules and sources.

use super::row;
use crate::store::sql::{from_json, id, instant, json, maybe_instant, micros, number, plain};
use crate::store::{PlaybookRecord, Result, RuleRecord, SourceRecord};

row! {
    /// A row of `playbooks`.
    pub struct PlaybookRow {
        pub version: String,
        pub at: i64,
        pub by: String,
        pub files: String,
    }
}

impl From<&PlaybookRecord> for PlaybookRow {
    fn from(playbook: &PlaybookRecord) -> Self {
        Self {
            version: playbook.version.to_string(),
            at: micros(playbook.at),
            by: plain(&playbook.by),
            files: json(&playbook.files),
        }
    }
}

impl TryFrom<PlaybookRow> for PlaybookRecord {
    type Error = crate::store::StoreError;

    fn try_from(row: PlaybookRow) -> Result<Self> {
        Ok(Self { version: id(&row.version)?, at: instant(row.at)?, by: row.by, files: from_json(&row.files)? })
    }
}

row! {
    /// A row of `rule_versions`.
    pub struct RuleRow {
        pub rule: String,
        pub version: String,
        pub at: i64,
        pub by: String,
        pub text: String,
        pub tables: String,
    }
}

impl From<&RuleRecord> for RuleRow {
    fn from(rule: &RuleRecord) -> Self {
        Self {
            rule: plain(&rule.rule),
            version: rule.version.to_string(),
            at: micros(rule.at),
            by: plain(&rule.by),
            text: plain(&rule.text),
            tables: json(&rule.tables),
        }
    }
}

impl TryFrom<RuleRow> for RuleRecord {
    type Error = crate::store::StoreError;

    fn try_from(row: RuleRow) -> Result<Self> {
        Ok(Self {
            rule: row.rule.into(),
            version: id(&row.version)?,
            at: instant(row.at)?,
            by: row.by,
            text: row.text,
            tables: from_json(&row.tables)?,
        })
    }
}

row! {
    /// A row of `sources`.
    pub struct SourceRow {
        pub source: String,
        pub good_at: Option<i64>,
        pub good_rows: Option<i64>,
        pub cursor_at: Option<i64>,
        pub polled_at: Option<i64>,
        pub took_ms: i64,
        pub rows: i64,
        pub rejected: i64,
        pub changed: i64,
        pub missing: i64,
        pub trouble: Option<String>,
        pub doubted_at: Option<i64>,
    }
}

impl From<&SourceRecord> for SourceRow {
    fn from(record: &SourceRecord) -> Self {
        let count = |rows: u64| i64::try_from(rows).unwrap_or(i64::MAX);
        Self {
            source: plain(&record.source),
            good_at: record.good_at.map(micros),
            good_rows: record.good_rows.map(count),
            cursor_at: record.cursor_at.map(micros),
            polled_at: record.polled_at.map(micros),
            took_ms: count(record.took_ms),
            rows: count(record.rows),
            rejected: count(record.rejected),
            changed: count(record.changed),
            missing: count(record.missing),
            trouble: record.trouble.as_deref().map(plain),
            doubted_at: record.doubted_at.map(micros),
        }
    }
}

impl TryFrom<SourceRow> for SourceRecord {
    type Error = crate::store::StoreError;

    fn try_from(row: SourceRow) -> Result<Self> {
        Ok(Self {
            source: row.source.into(),
            good_at: maybe_instant(row.good_at)?,
            good_rows: row.good_rows.map(number).transpose()?,
            cursor_at: maybe_instant(row.cursor_at)?,
            polled_at: maybe_instant(row.polled_at)?,
            took_ms: number(row.took_ms)?,
            rows: number(row.rows)?,
            rejected: number(row.rejected)?,
            changed: number(row.changed)?,
            missing: number(row.missing)?,
            trouble: row.trouble,
            doubted_at: maybe_instant(row.doubted_at)?,
        })
    }
}
