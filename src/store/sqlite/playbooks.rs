//! Playbooks, rule versions, sources and schedules.

use super::{SqliteStore, values, write};
use crate::core::Instant;
use crate::store::sql::{PlaybookRow, RuleRow, SourceRow, instant, micros, plain};
use crate::store::{PlaybookRecord, Result, RuleRecord, SourceRecord};

pub async fn put_playbook(store: &SqliteStore, playbook: &PlaybookRecord, rules: &[RuleRecord]) -> Result<()> {
    let mut tx = store.begin().await?;
    let rules: Vec<RuleRow> = rules.iter().map(RuleRow::from).collect();
    write(&mut tx, PUT_PLAYBOOK, &[PlaybookRow::from(playbook)]).await?;
    sqlx::query(PUT_IN_FORCE).bind(playbook.version.to_string()).execute(&mut *tx).await?;
    write(&mut tx, LOG_PLAYBOOK, &[PlaybookRow::from(playbook)]).await?;
    write(&mut tx, PUT_RULES, &rules).await?;
    Ok(tx.commit().await?)
}

const PUT_PLAYBOOK: &str = r#"
    INSERT INTO playbooks (version, at, "by", files)
    SELECT value->>'version', value->>'at', value->>'by', value->>'files' FROM json_each($1) WHERE true
    ON CONFLICT (version) DO UPDATE SET at = excluded.at, "by" = excluded."by""#;

const PUT_IN_FORCE: &str = "
    INSERT INTO playbook_in_force (one, version) VALUES (1, $1)
    ON CONFLICT (one) DO UPDATE SET version = excluded.version";

const LOG_PLAYBOOK: &str = r#"
    INSERT INTO playbook_log (version, at, "by")
    SELECT value->>'version', value->>'at', value->>'by' FROM json_each($1)"#;

const PUT_RULES: &str = r#"
    INSERT INTO rule_versions (rule, version, at, "by", text, tables)
    SELECT value->>'rule', value->>'version', value->>'at', value->>'by', value->>'text', value->>'tables'
    FROM json_each($1) WHERE true ORDER BY "key"
    ON CONFLICT (rule, version) DO NOTHING"#;

pub async fn playbook(store: &SqliteStore) -> Result<Option<PlaybookRecord>> {
    let found: Option<PlaybookRow> = sqlx::query_as(PLAYBOOK).fetch_optional(&store.readers).await?;
    found.map(PlaybookRecord::try_from).transpose()
}

const PLAYBOOK: &str = r#"
    SELECT version, at, "by", files FROM playbook_in_force JOIN playbooks USING (version)"#;

pub async fn rule_versions(store: &SqliteStore) -> Result<Vec<RuleRecord>> {
    let found: Vec<RuleRow> = sqlx::query_as(RULE_VERSIONS).fetch_all(&store.readers).await?;
    values(found)
}

const RULE_VERSIONS: &str = r#"
    SELECT rule, version, at, "by", text, tables FROM rule_versions ORDER BY at, seq"#;

pub async fn sources(store: &SqliteStore) -> Result<Vec<SourceRecord>> {
    let found: Vec<SourceRow> = sqlx::query_as(SOURCES).fetch_all(&store.readers).await?;
    values(found)
}

const SOURCES: &str = "
    SELECT source, good_at, good_rows, polled_at, rejected, trouble FROM sources ORDER BY source";

pub async fn put_source(store: &SqliteStore, source: &SourceRecord) -> Result<()> {
    let mut tx = store.begin().await?;
    write(&mut tx, PUT_SOURCE, &[SourceRow::from(source)]).await?;
    Ok(tx.commit().await?)
}

const PUT_SOURCE: &str = "
    INSERT INTO sources (source, good_at, good_rows, polled_at, rejected, trouble)
    SELECT value->>'source', value->>'good_at', value->>'good_rows', value->>'polled_at', value->>'rejected',
           value->>'trouble'
    FROM json_each($1) WHERE true
    ON CONFLICT (source) DO UPDATE SET good_at = excluded.good_at, good_rows = excluded.good_rows,
        polled_at = excluded.polled_at, rejected = excluded.rejected, trouble = excluded.trouble";

pub async fn last_fired(store: &SqliteStore, schedule: &str) -> Result<Option<Instant>> {
    let at: Option<i64> = sqlx::query_scalar("SELECT fired_at FROM schedules WHERE schedule = $1")
        .bind(plain(schedule))
        .fetch_optional(&store.readers)
        .await?;
    at.map(instant).transpose()
}

pub async fn fired(store: &SqliteStore, schedule: &str, at: Instant) -> Result<()> {
    sqlx::query(FIRED).bind(plain(schedule)).bind(micros(at)).execute(&store.writer).await?;
    Ok(())
}

const FIRED: &str = "
    INSERT INTO schedules (schedule, fired_at) VALUES ($1, $2)
    ON CONFLICT (schedule) DO UPDATE SET fired_at = excluded.fired_at";
