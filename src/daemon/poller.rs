//! One poll of one source: **poll** → compare with what is remembered → turn.
//!
//! **Invariant:** a poll that failed or is not believed changes nothing but what is known of its source.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::core::Instant;
use crate::core::digest::Digest;
use crate::core::item::Item;
use crate::core::notice::{Body, NoticeKind};
use crate::daemon::wiring::Polled;
use crate::pipeline::{BATCH, Done, Entry, Pipeline};
use crate::playbook::Playbook;
use crate::source::guard::{Verdict, judge_poll};
use crate::source::{Fetched, Rejection};
use crate::store::{Result, SourceRecord, Store};

/// What a poll came to.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Rows that the source gave.
    pub rows: u64,
    /// Rows that were rejected.
    pub rejected: Vec<Rejection>,
    /// Items that are new or changed.
    pub changed: usize,
    /// Why the poll was not believed.
    pub trouble: Option<String>,
    /// What the turns did.
    pub done: Done,
}

/// How many rejected rows are named in a message.
const NAMED: usize = 20;

/// Polls one source.
pub async fn poll(
    polled: &Polled,
    store: &Arc<dyn Store>,
    pipeline: &Pipeline,
    playbook: &Arc<Playbook>,
    now: Instant,
) -> Result<Report> {
    let before = store.sources().await?.into_iter().find(|s| s.source == polled.name);
    let fetched = match polled.source.fetch().await {
        Ok(fetched) => Arc::new(fetched),
        Err(e) => return doubt(polled, store, pipeline, playbook, before, e.to_string(), now).await,
    };
    let mut report = Report { rows: fetched.rows(), ..Report::default() };
    let known = known_digests(store, &polled.name).await?;
    let changed = compare(&fetched, known, &mut report).await;
    let good_before = before.as_ref().and_then(|s| s.good_rows);
    let rejected = report.rejected.len() as u64;
    if let Verdict::Doubted(doubt_reason) = judge_poll(good_before, report.rows, rejected, &polled.guard) {
        let mut doubted = doubt(polled, store, pipeline, playbook, before, doubt_reason.to_string(), now).await?;
        doubted.rejected = report.rejected;
        return Ok(doubted);
    }
    report.changed = changed.len();
    let baseline = good_before.is_none();
    let mut changed = changed.into_iter();
    loop {
        let batch: Vec<Arc<Item>> = changed.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        let done = turn(store, pipeline, playbook, batch, baseline, now).await?;
        report.done.transitions.extend(done.transitions);
        report.done.notices += done.notices;
        report.done.lost += done.lost;
    }
    if report.done.lost == 0 {
        finish(polled, store, pipeline, playbook, &report, baseline, now).await?;
    }
    Ok(report)
}

async fn turn(
    store: &Arc<dyn Store>,
    pipeline: &Pipeline,
    playbook: &Arc<Playbook>,
    batch: Vec<Arc<Item>>,
    baseline: bool,
    now: Instant,
) -> Result<Done> {
    let keys: Vec<_> = batch.iter().map(|item| item.key.clone()).collect();
    let mut records: HashMap<_, _> = store.load(&keys).await?.into_iter().map(|r| (r.item.key.clone(), r)).collect();
    let entry = |item: Arc<Item>| Entry { record: records.remove(&item.key), item: Some(item) };
    pipeline.turn(playbook, batch.into_iter().map(entry).collect(), baseline, now).await
}

/// The digest of each item that is remembered of a source.
async fn known_digests(store: &Arc<dyn Store>, source: &str) -> Result<HashMap<Arc<str>, Digest>> {
    const PAGE: usize = 20_000;
    let mut known = HashMap::new();
    let mut after: Option<Arc<str>> = None;
    loop {
        let page = store.digests(source, after.as_deref(), PAGE).await?;
        after = page.last().map(|(id, ..)| id.clone());
        let is_last = page.len() < PAGE;
        known.extend(page.into_iter().map(|(id, digest, _)| (id, digest)));
        if is_last {
            return Ok(known);
        }
    }
}

/// Maps all rows and keeps the items that are new or changed.
async fn compare(fetched: &Arc<Fetched>, known: HashMap<Arc<str>, Digest>, report: &mut Report) -> Vec<Arc<Item>> {
    let fetched = fetched.clone();
    let work = move || {
        let (mut changed, mut rejected, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
        for chunk in 0..fetched.chunks() {
            let mapped = fetched.map(chunk);
            rejected.extend(mapped.rejected);
            for item in mapped.items {
                if known.get(&item.key.id) != Some(&item.digest()) && seen.insert(item.key.id.clone()) {
                    changed.push(Arc::new(item));
                }
            }
        }
        (changed, rejected)
    };
    let (changed, rejected) = tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| {
        tracing::error!("mapping broke off: {e}");
        (Vec::new(), Vec::new())
    });
    report.rejected = rejected;
    changed
}

/// Records a good poll; the first one tells operators what it found.
async fn finish(
    polled: &Polled,
    store: &Arc<dyn Store>,
    pipeline: &Pipeline,
    playbook: &Arc<Playbook>,
    report: &Report,
    baseline: bool,
    now: Instant,
) -> Result<()> {
    let rejected = report.rejected.len() as u64;
    let record = SourceRecord {
        source: polled.name.clone(),
        good_at: Some(now),
        good_rows: Some(report.rows - rejected.min(report.rows)),
        polled_at: Some(now),
        rejected,
        trouble: None,
    };
    store.put_source(&record).await?;
    let language = playbook.language;
    if baseline {
        let held = report.done.notices;
        let lines = vec![
            format!("{}: {}", language.pick("行数", "rows"), report.rows),
            format!("{}: {held}", language.pick("未发出的通知", "messages held")),
        ];
        let title = format!("{} {}", language.pick("首次读取数据源", "First poll of the source"), polled.name);
        let subject = format!("baseline:{}", polled.name);
        pipeline.tell_operators(playbook, NoticeKind::Digest, &subject, Body { title, lines }, now).await?;
    }
    if !report.rejected.is_empty() {
        let mut lines: Vec<String> = report.rejected.iter().take(NAMED).map(ToString::to_string).collect();
        if report.rejected.len() > NAMED {
            lines.push(format!("… {}", report.rejected.len() - NAMED));
        }
        let title = format!("{} {}", language.pick("数据源有被拒绝的行:", "Rejected rows of the source"), polled.name);
        // The same bad rows are told once.
        let what = Digest::of(report.rejected.iter().map(|r| r.place.as_bytes()));
        let subject = format!("rejected:{}:{what}", polled.name);
        pipeline.tell_operators(playbook, NoticeKind::System, &subject, Body { title, lines }, now).await?;
    }
    Ok(())
}

/// Records a poll that is not believed; operators hear of it once until the next good one.
async fn doubt(
    polled: &Polled,
    store: &Arc<dyn Store>,
    pipeline: &Pipeline,
    playbook: &Arc<Playbook>,
    before: Option<SourceRecord>,
    trouble: String,
    now: Instant,
) -> Result<Report> {
    tracing::warn!(source = %polled.name, "a poll is not believed, nothing changes: {trouble}");
    let good_at = before.as_ref().and_then(|s| s.good_at);
    let record = SourceRecord {
        source: polled.name.clone(),
        good_at,
        good_rows: before.as_ref().and_then(|s| s.good_rows),
        polled_at: Some(now),
        rejected: 0,
        trouble: Some(trouble.clone()),
    };
    store.put_source(&record).await?;
    let since = good_at.map_or_else(|| "never".to_owned(), |at| at.timestamp().to_string());
    let subject = format!("source:{}:{since}", polled.name);
    let title = format!("{} {}", playbook.language.pick("数据源不可信:", "No believable data from"), polled.name);
    let body = Body { title, lines: vec![trouble.clone()] };
    pipeline.tell_operators(playbook, NoticeKind::System, &subject, body, now).await?;
    Ok(Report { trouble: Some(trouble), ..Report::default() })
}
