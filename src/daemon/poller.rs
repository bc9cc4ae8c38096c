//! One poll of one source: **poll** → compare with what is remembered → turn.
//!
//! **Invariant:** a poll that failed or is not believed changes nothing but what is known of its source.

use std::collections::HashMap;
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
    /// Notices that were planned or held.
    pub notices: usize,
    /// Items left out because somebody else wrote them again and again.
    pub lost: usize,
    /// Why the poll was not believed.
    pub trouble: Option<String>,
}

/// How many rejected rows are named in a message.
const NAMED: usize = 20;

/// One poll of one source, with its means.
pub struct Poll<'a> {
    /// The source.
    pub polled: &'a Polled,
    /// The memory.
    pub store: &'a Arc<dyn Store>,
    /// The turn.
    pub pipeline: &'a Pipeline,
    /// What is in force.
    pub playbook: &'a Arc<Playbook>,
    /// Hears of each turn.
    pub heard: &'a (dyn Fn(&Done) + Sync),
    /// When the poll began.
    pub now: Instant,
}

impl Poll<'_> {
    /// Polls. A million rows go through in chunks; none but the rejected ones are kept.
    pub async fn run(&self) -> Result<Report> {
        let before = self.store.sources().await?.into_iter().find(|s| s.source == self.polled.name);
        let fetched = match self.polled.source.fetch().await {
            Ok(fetched) => Arc::new(fetched),
            Err(e) => return self.doubt(before, e.to_string()).await,
        };
        fail::fail_point!("poll.after_fetch", |_| std::process::abort());
        // Whether a poll is believed is known only when all its rows were mapped, and nothing may change before that:
        // so the rows are mapped twice, which takes less than to keep them.
        let rejected = match rejections(fetched.clone()).await {
            Ok(rejected) => rejected,
            Err(broken) => return self.doubt(before, broken).await,
        };
        let good_before = before.as_ref().and_then(|s| s.good_rows);
        let count = rejected.len() as u64;
        if let Verdict::Doubted(reason) = judge_poll(good_before, fetched.rows(), count, &self.polled.guard) {
            let doubted = self.doubt(before, reason.to_string()).await?;
            return Ok(Report { rows: fetched.rows(), rejected, ..doubted });
        }
        let mut report = Report { rows: fetched.rows(), rejected, ..Report::default() };
        self.turns(&fetched, good_before.is_none(), &mut report).await?;
        if report.lost == 0 {
            self.finish(&report, good_before.is_none()).await?;
        }
        Ok(report)
    }

    /// Takes what is new or changed through turns, chunk by chunk.
    async fn turns(&self, fetched: &Arc<Fetched>, baseline: bool, report: &mut Report) -> Result<()> {
        let known = Arc::new(self.known().await?);
        for chunk in 0..fetched.chunks() {
            let changed = changed(fetched.clone(), chunk, known.clone()).await;
            report.changed += changed.len();
            for batch in changed.chunks(BATCH) {
                let done = self.turn(batch, baseline).await?;
                (self.heard)(&done);
                report.notices += done.notices;
                report.lost += done.lost;
            }
        }
        Ok(())
    }

    async fn turn(&self, batch: &[Arc<Item>], baseline: bool) -> Result<Done> {
        let keys: Vec<_> = batch.iter().map(|item| item.key.clone()).collect();
        let mut records: HashMap<_, _> =
            self.store.load(&keys).await?.into_iter().map(|r| (r.item.key.clone(), r)).collect();
        let entry = |item: &Arc<Item>| Entry { record: records.remove(&item.key), item: Some(item.clone()) };
        self.pipeline.turn(self.playbook, batch.iter().map(entry).collect(), baseline, self.now).await
    }

    /// The digest of each item that is remembered of the source.
    async fn known(&self) -> Result<HashMap<Arc<str>, Digest>> {
        const PAGE: usize = 20_000;
        let mut known = HashMap::new();
        let mut after: Option<Arc<str>> = None;
        loop {
            let page = self.store.digests(&self.polled.name, after.as_deref(), PAGE).await?;
            after = page.last().map(|(id, ..)| id.clone());
            let is_last = page.len() < PAGE;
            known.extend(page.into_iter().map(|(id, digest, _)| (id, digest)));
            if is_last {
                return Ok(known);
            }
        }
    }

    /// Records a good poll; the first one tells operators what it found.
    async fn finish(&self, report: &Report, baseline: bool) -> Result<()> {
        let rejected = report.rejected.len() as u64;
        let record = SourceRecord {
            source: self.polled.name.clone(),
            good_at: Some(self.now),
            good_rows: Some(report.rows - rejected.min(report.rows)),
            polled_at: Some(self.now),
            rejected,
            trouble: None,
        };
        self.store.put_source(&record).await?;
        if baseline {
            self.tell_baseline(report).await?;
        }
        if report.rejected.is_empty() { Ok(()) } else { self.tell_rejected(&report.rejected).await }
    }

    async fn tell_baseline(&self, report: &Report) -> Result<()> {
        let language = self.playbook.language;
        let lines = vec![
            format!("{}: {}", language.pick("行数", "rows"), report.rows),
            format!("{}: {}", language.pick("未发出的通知", "messages held"), report.notices),
        ];
        let title = format!("{} {}", language.pick("首次读取数据源", "First poll of the source"), self.polled.name);
        let subject = format!("baseline:{}", self.polled.name);
        self.tell(NoticeKind::Digest, &subject, Body { title, lines }).await
    }

    /// The same bad rows are told once.
    async fn tell_rejected(&self, rejected: &[Rejection]) -> Result<()> {
        let mut lines: Vec<String> = rejected.iter().take(NAMED).map(ToString::to_string).collect();
        if rejected.len() > NAMED {
            lines.push(format!("… {}", rejected.len() - NAMED));
        }
        let title = self.playbook.language.pick("数据源有被拒绝的行:", "Rejected rows of the source");
        let what = Digest::of(rejected.iter().map(|r| r.place.as_bytes()));
        let subject = format!("rejected:{}:{what}", self.polled.name);
        let title = format!("{title} {}", self.polled.name);
        self.tell(NoticeKind::System, &subject, Body { title, lines }).await
    }

    /// Records a poll that is not believed; operators hear of it once until the next good one.
    async fn doubt(&self, before: Option<SourceRecord>, trouble: String) -> Result<Report> {
        tracing::warn!(source = %self.polled.name, "a poll is not believed, nothing changes: {trouble}");
        let good_at = before.as_ref().and_then(|s| s.good_at);
        let record = SourceRecord {
            source: self.polled.name.clone(),
            good_at,
            good_rows: before.as_ref().and_then(|s| s.good_rows),
            polled_at: Some(self.now),
            rejected: 0,
            trouble: Some(trouble.clone()),
        };
        self.store.put_source(&record).await?;
        let since = good_at.map_or_else(|| "never".to_owned(), |at| at.timestamp().to_string());
        let subject = format!("source:{}:{since}", self.polled.name);
        let title = self.playbook.language.pick("数据源不可信:", "No believable data from");
        let title = format!("{title} {}", self.polled.name);
        self.tell(NoticeKind::System, &subject, Body { title, lines: vec![trouble.clone()] }).await?;
        Ok(Report { trouble: Some(trouble), ..Report::default() })
    }

    async fn tell(&self, kind: NoticeKind, subject: &str, body: Body) -> Result<()> {
        self.pipeline.tell_operators(self.playbook, kind, subject, body, self.now).await
    }
}

/// The rows of a poll that give no item.
async fn rejections(fetched: Arc<Fetched>) -> std::result::Result<Vec<Rejection>, String> {
    let work = move || (0..fetched.chunks()).flat_map(|chunk| fetched.map(chunk).rejected).collect();
    tokio::task::spawn_blocking(work).await.map_err(|e| format!("the mapping broke off: {e}"))
}

/// The items of one chunk that are new or changed. A chunk that could be mapped before can be mapped again.
async fn changed(fetched: Arc<Fetched>, chunk: usize, known: Arc<HashMap<Arc<str>, Digest>>) -> Vec<Arc<Item>> {
    let is_changed = move |item: &Item| known.get(&item.key.id) != Some(&item.digest());
    let work = move || fetched.map(chunk).items.into_iter().filter(is_changed).map(Arc::new).collect();
    tokio::task::spawn_blocking(work).await.unwrap_or_default()
}
