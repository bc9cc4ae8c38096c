//! One poll of one source: **poll** → compare with what is remembered → turn.
//!
//! **Invariant:** a poll that failed or is not believed changes nothing but what is known of its source.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use crate::core::Instant;
use crate::core::digest::Digest;
use crate::core::item::{Item, ItemKey};
use crate::core::notice::{Body, NoticeKind};
use crate::daemon::wiring::Polled;
use crate::pipeline::{BATCH, Done, Entry, News, Pipeline};
use crate::playbook::Playbook;
use crate::source::guard::{Accepted, Verdict, judge_changes, judge_poll};
use crate::source::{Fetched, MOST_ROWS, Rejection};
use crate::store::{ItemRecord, Result, SourceRecord, Store};
use crate::time::Clock;

mod absence;
mod blind;
pub mod health;
mod known;
mod sight;

use known::Known;

pub use blind::{accept, is_accepted};

/// What a poll came to.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Rows that the source gave.
    pub rows: u64,
    /// Rows beside them that the source's map left out on purpose.
    pub left_out: u64,
    /// Rows that were rejected.
    pub rejected: Vec<Rejection>,
    /// Items that are new or changed.
    pub changed: usize,
    /// Items that are remembered and missing.
    pub missing: u64,
    /// Notices that go out.
    pub notices: usize,
    /// Items left out because somebody else wrote them again and again.
    pub lost: usize,
    /// Why the poll was not believed.
    pub trouble: Option<String>,
    /// When operators are to be told if the source is still in trouble.
    pub blind_at: Option<Instant>,
    /// How long reading took.
    pub read: Duration,
    /// How long all of it took, reading included.
    pub took: Duration,
}

impl Report {
    fn add(&mut self, changed: usize, done: &Done) {
        self.changed += changed;
        self.notices += done.notices;
        self.lost += done.lost;
    }
}

/// How many rejected rows or missing items are named in a message.
const NAMED: usize = 20;

/// How many turns are on their way at once: one is written down, one is thought about.
const TURNS_AT_ONCE: usize = 2;

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
    /// Measures how long it takes.
    pub clock: &'a dyn Clock,
    /// When the poll began.
    pub now: Instant,
}

/// Lets cards of a source wait for its polls, if it is configured so.
pub async fn confirm(polled: &Polled, store: &dyn Store, pipeline: &Pipeline) -> Result<()> {
    let confirm = TimeDelta::from_std(polled.terms.confirm).unwrap_or_default();
    if !confirm.is_zero() {
        pipeline.confirm(&polled.name, confirm, known(polled, store).await?.good_at);
    }
    Ok(())
}

/// What is known of a source; nothing yet, if it was never polled.
async fn known(polled: &Polled, store: &dyn Store) -> Result<SourceRecord> {
    let known = store.sources().await?.into_iter().find(|known| known.source == polled.name);
    Ok(known.unwrap_or_else(|| SourceRecord { source: polled.name.clone(), ..SourceRecord::default() }))
}

impl Poll<'_> {
    /// Polls. A million rows go through in chunks; none but the rejected ones are kept.
    pub async fn run(&self) -> Result<Report> {
        let report = self.run_until(&CancellationToken::new()).await?;
        Ok(report.unwrap_or_default())
    }

    /// The same, but waits for the source only until a stop; nothing if that came first, and then nothing has changed.
    pub async fn run_until(&self, stop: &CancellationToken) -> Result<Option<Report>> {
        let began = self.clock.monotonic();
        let before = known(self.polled, &**self.store).await?;
        let since = self.since(&before).await?;
        let fetched = tokio::select! {
            biased;
            fetched = self.polled.source.fetch(since) => Some(fetched),
            () = stop.cancelled() => None,
        };
        let Some(fetched) = fetched else {
            self.polled.source.give_up().await;
            return Ok(None);
        };
        let read = self.passed(began);
        fail::fail_point!("poll.after_fetch", |_| std::process::abort());
        let report = match fetched {
            Ok(fetched) => self.take(Arc::new(fetched), since.is_some(), &before, began).await?,
            Err(e) => self.doubt(SourceRecord { rows: 0, rejected: 0, ..before }, e.to_string(), began).await?,
        };
        Ok(Some(Report { read, took: self.passed(began), ..report }))
    }

    /// Looks whether a source that calls has been silent for longer than is expected, and if so counts it as in trouble;
    /// says when to look again, if that is known.
    pub async fn listen(&self, silent_after: Duration) -> Result<Option<Instant>> {
        let before = known(self.polled, &**self.store).await?;
        let heard_at = match before.polled_at {
            Some(at) => at,
            None => self.expected_since().await?,
        };
        let silent_at = heard_at + silent_after;
        if silent_at > self.now {
            return Ok(Some(silent_at));
        }
        let said = before.trouble.clone().filter(|_| before.doubted_at.is_some_and(|at| at < silent_at));
        let trouble = said.unwrap_or_else(|| blind::silent(silent_after, before.polled_at));
        let doubted_at = before.doubted_at.unwrap_or(silent_at);
        let blind_at = self.blind_at(doubted_at, before.good_at, &trouble).await?;
        if before.trouble.as_deref() != Some(&*trouble) {
            tracing::warn!(source = %self.polled.name, "{trouble}");
            let record = SourceRecord { trouble: Some(trouble), doubted_at: Some(doubted_at), ..before };
            self.store.put_source(&record).await?;
        }
        Ok(blind_at)
    }

    /// Since when calls are expected of a source that has never called.
    async fn expected_since(&self) -> Result<Instant> {
        let name = format!("expected:{}", self.polled.name);
        if let Some(at) = self.store.last_fired(&name).await? {
            return Ok(at);
        }
        self.store.fired(&name, self.now).await?;
        Ok(self.now)
    }

    /// From when on changes are asked for; with nothing, everything is. That is so too if the last good poll was read by
    /// another mapping, for what it says now of rows that did not change would never be seen.
    async fn since(&self, before: &SourceRecord) -> Result<Option<Instant>> {
        let Some(since) = &self.polled.terms.since else { return Ok(None) };
        let mapped_at = self.store.last_fired(&self.mapped()).await?;
        let is_same = mapped_at.is_some() && before.good_at <= mapped_at;
        Ok(before.cursor_at.filter(|_| is_same).map(|at| at - since.overlap))
    }

    /// The mark that a source was read by this mapping.
    fn mapped(&self) -> String {
        format!("mapped:{}:{}", self.polled.name, self.polled.version)
    }

    /// Takes rows that did not come by asking: a system has called. They are all that there is, or changes only.
    pub async fn run_with(&self, fetched: Fetched, only_changes: bool) -> Result<Report> {
        let began = self.clock.monotonic();
        let before = known(self.polled, &**self.store).await?;
        self.take(Arc::new(fetched), only_changes, &before, began).await
    }

    /// Believes a poll or not. That is known only when all its rows were mapped, and nothing may change before that.
    async fn take(
        &self,
        fetched: Arc<Fetched>,
        only_changes: bool,
        before: &SourceRecord,
        began: Duration,
    ) -> Result<Report> {
        let known = if only_changes { None } else { Some(Arc::new(self.known(before).await?)) };
        let cursor = self.polled.terms.since.as_ref().map(|since| since.field.clone());
        let shown = SourceRecord { rows: fetched.rows(), rejected: 0, ..before.clone() };
        let mut sight = match sight::see(fetched.clone(), known.clone(), cursor).await {
            Ok(sight) => sight,
            Err(broken) => return self.doubt(shown, broken, began).await,
        };
        let shown = SourceRecord { rejected: sight.rejected.len() as u64, ..shown };
        if let Verdict::Doubted(reason) = self.verdict(before, &shown, only_changes).await? {
            let left_out = match fetched.left_out() {
                0 => String::new(),
                rows => format!("; beside them the map left out {rows} rows"),
            };
            let doubted = self.doubt(shown, format!("{reason}{left_out}"), began).await?;
            return Ok(Report { rejected: sight.rejected, ..doubted });
        }
        let mut report = Report { rows: shown.rows, left_out: fetched.left_out(), ..Report::default() };
        let baseline = before.good_rows.is_none();
        let news = std::mem::take(&mut sight.news);
        self.turns(&fetched, known.as_ref(), news, baseline, &mut report).await?;
        if let Some(known) = &known {
            self.absences(known, &sight.rejected, &mut report).await?;
        }
        report.rejected = sight.rejected;
        if report.lost == 0 {
            let cursor_at = before.cursor_at.max(sight.newest);
            let good_rows = if only_changes { before.good_rows } else { None };
            self.finish(&report, SourceRecord { good_rows, cursor_at, ..shown }, baseline, began).await?;
        }
        Ok(report)
    }

    async fn verdict(&self, before: &SourceRecord, shown: &SourceRecord, only_changes: bool) -> Result<Verdict> {
        let is_accepted = is_accepted(&**self.store, before).await?;
        let accepted = is_accepted.then_some(Accepted { rows: before.rows, rejected: before.rejected });
        let (rows, rejected, guard) = (shown.rows, shown.rejected, &self.polled.guard);
        Ok(if only_changes {
            judge_changes(rows, rejected, accepted, guard)
        } else {
            judge_poll(before.good_rows, rows, rejected, accepted, guard)
        })
    }

    /// Takes what is new or changed through turns. While one is written down, the next is thought about, and what comes
    /// after it is mapped.
    async fn turns(
        &self,
        fetched: &Arc<Fetched>,
        known: Option<&Arc<Known>>,
        news: Vec<sight::News>,
        baseline: bool,
        report: &mut Report,
    ) -> Result<()> {
        let mut begun = FuturesUnordered::new();
        let mut news = sight::read(news, fetched.clone(), known.cloned(), BATCH);
        while let Some(batch) = news.recv().await {
            if begun.len() == TURNS_AT_ONCE {
                let done: Option<Result<(usize, Done)>> = begun.next().await;
                done.transpose()?.into_iter().for_each(|(changed, done)| report.add(changed, &done));
            }
            begun.push(self.take_batch(batch, baseline));
        }
        while let Some((changed, done)) = begun.next().await.transpose()? {
            report.add(changed, &done);
        }
        Ok(())
    }

    /// Takes items through a turn; how many of them are new or changed.
    async fn take_batch(&self, news: Vec<(Item, Digest)>, baseline: bool) -> Result<(usize, Done)> {
        let entries = self.entries(news).await?;
        Ok((entries.len(), self.turn(entries, baseline).await?))
    }

    async fn turn(&self, entries: Vec<Entry>, baseline: bool) -> Result<Done> {
        let done = self.pipeline.turn(self.playbook, entries, baseline, self.now).await?;
        (self.heard)(&done);
        Ok(done)
    }

    /// Items with what is remembered about them; those that are as they were are left out.
    async fn entries(&self, news: Vec<(Item, Digest)>) -> Result<Vec<Entry>> {
        let keys: Vec<ItemKey> = news.iter().map(|(item, _)| item.key.clone()).collect();
        let mut records = self.records(&keys).await?;
        let waiting = self.polled.waiting.as_ref();
        let entry = |(mut item, digest): (Item, Digest)| {
            let record = records.remove(&item.key);
            if record.as_ref().is_some_and(|record| record.digest == digest && record.missing_polls == 0) {
                return None;
            }
            if let Some(waiting) = waiting {
                waiting.infer(record.as_ref().map(|record| &record.item), &mut item, self.now);
            }
            Some(Entry { record, news: News::Fresh(Arc::new(item), digest) })
        };
        Ok(news.into_iter().filter_map(entry).collect())
    }

    async fn records(&self, keys: &[ItemKey]) -> Result<HashMap<ItemKey, ItemRecord>> {
        Ok(self.store.load(keys).await?.into_iter().map(|record| (record.item.key.clone(), record)).collect())
    }

    /// What is remembered of the source's items.
    async fn known(&self, before: &SourceRecord) -> Result<Known> {
        const PAGE: usize = 2_000;
        let rows = usize::try_from(before.good_rows.unwrap_or_default()).unwrap_or_default().min(MOST_ROWS);
        let mut known = Known::with_room_for(rows + rows / 16);
        let mut after: Option<Arc<str>> = None;
        loop {
            let page = self.store.digests(&self.polled.name, after.as_deref(), PAGE).await?;
            after = page.last().map(|(id, ..)| id.clone());
            let is_last = page.len() < PAGE;
            known.extend(page);
            if is_last {
                return Ok(known.indexed());
            }
        }
    }

    /// Records a good poll; the first one tells operators what it found.
    async fn finish(&self, report: &Report, shown: SourceRecord, baseline: bool, began: Duration) -> Result<()> {
        let good = shown.rows - shown.rejected.min(shown.rows);
        if shown.doubted_at.is_some() {
            self.see_again().await?;
        }
        let record = SourceRecord {
            good_at: Some(self.now),
            good_rows: shown.good_rows.or(Some(good)),
            changed: report.changed as u64,
            missing: report.missing,
            trouble: None,
            doubted_at: None,
            ..self.polled_now(shown, began)
        };
        self.store.put_source(&record).await?;
        if self.polled.terms.since.is_some() {
            self.store.fired(&self.mapped(), self.now).await?;
        }
        (self.heard)(&self.pipeline.confirmed(self.playbook, &self.polled.name, self.now).await?);
        if baseline {
            self.tell_baseline(report).await?;
        }
        if report.rejected.is_empty() { Ok(()) } else { self.tell_rejected(&report.rejected).await }
    }

    fn polled_now(&self, record: SourceRecord, began: Duration) -> SourceRecord {
        let took_ms = u64::try_from(self.passed(began).as_millis()).unwrap_or(u64::MAX);
        SourceRecord { polled_at: Some(self.now), took_ms, ..record }
    }

    fn passed(&self, began: Duration) -> Duration {
        self.clock.monotonic().saturating_sub(began)
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
        let title = self.playbook.language.pick("数据源有被拒绝的行:", "Rejected rows of the source");
        let what = Digest::of(rejected.iter().map(|r| r.place.as_bytes()));
        let subject = format!("rejected:{}:{what}", self.polled.name);
        let title = format!("{title} {}", self.polled.name);
        let lines = named(rejected.iter().map(ToString::to_string), rejected.len());
        self.tell(NoticeKind::System, &subject, Body { title, lines }).await
    }

    async fn tell(&self, kind: NoticeKind, subject: &str, body: Body) -> Result<()> {
        self.pipeline.tell_operators(self.playbook, kind, subject, body, self.now).await
    }
}

/// The first few lines, and how many there are more.
fn named(lines: impl Iterator<Item = String>, count: usize) -> Vec<String> {
    let more = (count > NAMED).then(|| format!("… {}", count - NAMED));
    lines.take(NAMED).chain(more).collect()
}
