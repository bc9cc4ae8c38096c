//! Items that are remembered and that a good poll does not show.

use super::known::Known;
use super::{Poll, Report, named};
use crate::core::item::ItemKey;
use crate::core::notice::{Body, NoticeKind};
use crate::pipeline::{BATCH, Entry, News};
use crate::source::Rejection;
use crate::source::terms::Absent;
use crate::store::Result;

impl Poll<'_> {
    /// Counts what is missing; what has been missing for long enough has left its source. Nothing is missing while there
    /// are rows of which nobody knows whose they are.
    pub(super) async fn absences(&self, known: &Known, rejected: &[Rejection], report: &mut Report) -> Result<()> {
        if rejected.iter().any(|rejection| rejection.id.is_none()) {
            return Ok(());
        }
        let missing = || known.iter().filter(|(_, remembered)| !remembered.is_seen());
        report.missing = missing().count() as u64;
        let absent = self.polled.terms.absent;
        let mut counted: Vec<&str> =
            missing().filter(|(_, remembered)| remembered.missing_polls < absent.polls()).map(|(id, _)| id).collect();
        counted.sort_unstable();
        let mut awaited = Vec::new();
        for ids in counted.chunks(BATCH) {
            let keys: Vec<ItemKey> = ids.iter().map(|id| ItemKey::new(self.polled.name.clone(), *id)).collect();
            let records = self.records(&keys).await?;
            let entries = records.into_values().map(|record| {
                let polls = record.missing_polls + 1;
                if polls == 1 && record.next_look_at.is_some() {
                    awaited.push(format!("{} {}", record.item.key, record.item.title()));
                }
                let has_left = matches!(absent, Absent::CloseAfter(after) if polls >= after.get());
                Entry { record: Some(record), news: News::Missing { polls, has_left } }
            });
            let entries = entries.collect();
            report.add(0, &self.turn(entries, false).await?);
        }
        if awaited.is_empty() { Ok(()) } else { self.tell_missing(awaited).await }
    }

    /// Items whose clocks run and that are gone: one list a day.
    async fn tell_missing(&self, mut items: Vec<String>) -> Result<()> {
        items.sort_unstable();
        let language = self.playbook.language;
        let title =
            language.pick("尚在计时的办件已不在数据源中:", "Matters whose clocks run are missing from the source");
        let title = format!("{title} {}", self.polled.name);
        let today = self.playbook.calendar().local(self.now).date_naive();
        let subject = format!("missing:{}:{today}", self.polled.name);
        let count = items.len();
        self.tell(NoticeKind::System, &subject, Body { title, lines: named(items.into_iter(), count) }).await
    }
}
