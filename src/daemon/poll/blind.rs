//! A source that cannot be believed: nothing changes but its own health, and after a while operators get a card.

use std::sync::Arc;
use std::time::Duration;

use super::{Poll, Report};
use crate::core::audit::Act;
use crate::core::item::Item;
use crate::core::{Instant, own};
use crate::pipeline::Entry;
use crate::source::terms::SILENT;
use crate::store::{Result, SourceRecord, Store, Turn};
use crate::tell::language::Language;
use crate::tell::time_words;

/// Lets the next poll of a source be believed if it is like the last one, which was not; `false` if there is no such
/// poll. Who says so, and when, is the act's.
pub async fn accept(store: &dyn Store, source: &str, act: &Act) -> Result<bool> {
    let is_doubted = |known: &SourceRecord| *known.source == *source && known.doubted_at.is_some();
    if !store.sources().await?.iter().any(is_doubted) {
        return Ok(false);
    }
    let fired = vec![(acceptance(source), act.at)];
    store.commit(&Turn { fired, acts: vec![act.clone()], ..Turn::default() }).await?;
    Ok(true)
}

/// Whether somebody has accepted a source's last poll, which was not believed: who accepts has looked at that one.
pub async fn is_accepted(store: &dyn Store, record: &SourceRecord) -> Result<bool> {
    let Some(polled_at) = record.doubted_at.and(record.polled_at) else { return Ok(false) };
    Ok(store.last_fired(&acceptance(&record.source)).await?.is_some_and(|at| at >= polled_at))
}

fn acceptance(source: &str) -> String {
    format!("accept:{source}")
}

impl Poll<'_> {
    /// Records a poll that is not believed: `shown` is what it showed of its source.
    pub(super) async fn doubt(&self, shown: SourceRecord, trouble: String, began: Duration) -> Result<Report> {
        tracing::warn!(source = %self.polled.name, "a poll is not believed, nothing changes: {trouble}");
        let doubted_at = shown.doubted_at.unwrap_or(self.now);
        let blind_at = self.blind_at(doubted_at, shown.good_at, &trouble).await?;
        let rows = shown.rows;
        let record = SourceRecord {
            trouble: Some(trouble.clone()),
            doubted_at: Some(doubted_at),
            changed: 0,
            ..self.polled_now(shown, began)
        };
        self.store.put_source(&record).await?;
        Ok(Report { rows, trouble: Some(trouble), blind_at, ..Report::default() })
    }

    /// When a source that is in trouble counts as blind, if it does not yet; one that does has its card.
    pub(super) async fn blind_at(
        &self,
        doubted_at: Instant,
        good_at: Option<Instant>,
        trouble: &str,
    ) -> Result<Option<Instant>> {
        let blind_at = doubted_at + self.polled.terms.blind_after;
        if blind_at > self.now {
            return Ok(Some(blind_at));
        }
        self.be_blind(good_at, trouble).await?;
        Ok(None)
    }

    /// Raises the card of a source that has been in trouble for too long. What was said first stays said.
    async fn be_blind(&self, good_at: Option<Instant>, trouble: &str) -> Result<()> {
        let said = said(
            self.playbook.language,
            good_at.map(|at| time_words::instant(at, self.playbook.calendar().zone())),
            trouble,
        );
        let item = self.own(Some(&said));
        let record = self.records(std::slice::from_ref(&item.key)).await?.remove(&item.key);
        let is_known = record.as_ref().is_some_and(|record| own::is_in_trouble(&record.item));
        if is_known { Ok(()) } else { self.put_own(Entry::new(record, Some(Arc::new(item)))).await }
    }

    /// Closes the card of a source that is believed again, if there is one.
    pub(super) async fn see_again(&self) -> Result<()> {
        let item = self.own(None);
        let record = self.records(std::slice::from_ref(&item.key)).await?.remove(&item.key);
        match record.filter(|record| own::is_in_trouble(&record.item)) {
            Some(record) => self.put_own(Entry::new(Some(record), Some(Arc::new(item)))).await,
            None => Ok(()),
        }
    }

    fn own(&self, trouble: Option<&str>) -> Item {
        let title = format!("{} {}", self.playbook.language.pick("数据源", "Source"), self.polled.name);
        own::item(&format!("source/{}", self.polled.name), &title, trouble)
    }

    async fn put_own(&self, entry: Entry) -> Result<()> {
        let done = self.pipeline.turn(self.playbook, vec![entry], false, self.now).await?;
        (self.heard)(&done);
        Ok(())
    }
}

/// What is said of a source that should have called.
pub(super) fn silent(silent_after: Duration, called_at: Option<Instant>) -> String {
    let last = called_at.map_or("none so far".to_owned(), |at| format!("the last one at {}", at.format("%FT%TZ")));
    format!("{SILENT} {} s, got {last}", silent_after.as_secs())
}

/// What people read on the card.
fn said(language: Language, good_at: Option<String>, trouble: &str) -> String {
    match (language, good_at) {
        (Language::Chinese, Some(at)) => format!("自 {at} 起没有可信的数据，期间红黄牌不因数据而变：{trouble}"),
        (Language::Chinese, None) => format!("尚未读到过可信的数据：{trouble}"),
        (Language::English, Some(at)) => {
            format!("no believable data since {at}; until then no card changes by data: {trouble}")
        }
        (Language::English, None) => format!("there has never been believable data: {trouble}"),
    }
}
