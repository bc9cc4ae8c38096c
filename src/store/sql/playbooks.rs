//! Playbooks, rule versions, sources and schedules.

use super::rows::{PlaybookRow, RuleRow, SourceRow};
use super::session::Session;
use super::{audit, instant, micros, plain, values};
use crate::core::Instant;
use crate::core::audit::Act;
use crate::store::{PlaybookRecord, Result, RuleRecord, SourceRecord};

pub async fn put_playbook(
    session: &mut impl Session,
    playbook: &PlaybookRecord,
    rules: &[RuleRecord],
    act: Option<&Act>,
) -> Result<()> {
    let row = PlaybookRow::from(playbook);
    session.write(PUT_PLAYBOOK, &[], [row.clone()]).await?;
    session.write(PUT_IN_FORCE, &[], [row.clone()]).await?;
    session.write(LOG_PLAYBOOK, &[], [row]).await?;
    session.write(PUT_RULES, &[], rules.iter().map(RuleRow::from)).await?;
    audit::append(session, act).await
}

const PUT_PLAYBOOK: &str = r#"
    INSERT INTO playbooks ({columns}) SELECT {columns} FROM r WHERE true
    ON CONFLICT (version) DO UPDATE SET at = excluded.at, "by" = excluded."by""#;

const PUT_IN_FORCE: &str = "
    INSERT INTO playbook_in_force (one, version) SELECT 1, version FROM r WHERE true
    ON CONFLICT (one) DO UPDATE SET version = excluded.version";

const LOG_PLAYBOOK: &str = r#"
    INSERT INTO playbook_log (version, at, "by") SELECT version, at, "by" FROM r"#;

const PUT_RULES: &str = "
    INSERT INTO rule_versions ({columns}) SELECT {columns} FROM r WHERE true
    ON CONFLICT (rule, version) DO NOTHING";

pub async fn playbook(session: &mut impl Session) -> Result<Option<PlaybookRecord>> {
    let found: Vec<PlaybookRow> = session.select(PLAYBOOK, &[]).await?;
    found.into_iter().next().map(PlaybookRecord::try_from).transpose()
}

const PLAYBOOK: &str = r#"
    SELECT version, at, "by", files FROM playbook_in_force JOIN playbooks USING (version)"#;

pub async fn rule_versions(session: &mut impl Session) -> Result<Vec<RuleRecord>> {
    values(session.select::<RuleRow>(RULE_VERSIONS, &[]).await?)
}

const RULE_VERSIONS: &str = r#"
    SELECT rule, version, at, "by", text, tables FROM rule_versions ORDER BY at, seq"#;

pub async fn sources(session: &mut impl Session) -> Result<Vec<SourceRecord>> {
    values(session.select::<SourceRow>(SOURCES, &[]).await?)
}

const SOURCES: &str = r#"
    SELECT source, good_at, good_rows, cursor_at, polled_at, took_ms, "rows", rejected, changed, missing, trouble,
        doubted_at
    FROM sources ORDER BY source"#;

pub async fn put_source(session: &mut impl Session, source: &SourceRecord) -> Result<()> {
    session.write(PUT_SOURCE, &[], [SourceRow::from(source)]).await
}

const PUT_SOURCE: &str = r#"
    INSERT INTO sources ({columns}) SELECT {columns} FROM r WHERE true
    ON CONFLICT (source) DO UPDATE SET good_at = excluded.good_at, good_rows = excluded.good_rows,
        cursor_at = excluded.cursor_at, polled_at = excluded.polled_at, took_ms = excluded.took_ms,
        "rows" = excluded."rows", rejected = excluded.rejected, changed = excluded.changed,
        missing = excluded.missing, trouble = excluded.trouble, doubted_at = excluded.doubted_at"#;

pub async fn last_fired(session: &mut impl Session, schedule: &str) -> Result<Option<Instant>> {
    let at: Vec<(i64,)> = session.select(LAST_FIRED, &[plain(schedule).into()]).await?;
    at.first().map(|(at,)| instant(*at)).transpose()
}

const LAST_FIRED: &str = "SELECT fired_at FROM schedules WHERE schedule = $1";

pub async fn clock(session: &mut impl Session, statement: &'static str) -> Result<Option<Instant>> {
    let at: Vec<(i64,)> = session.select(statement, &[]).await?;
    at.first().map(|(at,)| instant(*at)).transpose()
}

pub async fn fired(session: &mut impl Session, schedule: &str, at: Instant) -> Result<()> {
    session.run(FIRED, &[plain(schedule).into(), micros(at).into()]).await?;
    Ok(())
}

const FIRED: &str = "
    INSERT INTO schedules (schedule, fired_at) VALUES ($1, $2)
    ON CONFLICT (schedule) DO UPDATE SET fired_at = excluded.fired_at";
