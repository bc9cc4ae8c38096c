//! Going live: the rehearsal's end is told to operators once, with what is open and what is held for whom.
//!
//! **Invariant:** that a digest is owed is written down before the live playbook is put in force, so that no crash in
//! between swallows it; it is told after every open card was judged under that playbook.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::core::Instant;
use crate::core::notice::{Body, NoticeKind};
use crate::pipeline::Pipeline;
use crate::playbook::{Playbook, is_rehearsal};
use crate::store::{PlaybookRecord, Result, Store};
use crate::tell::language::Language;

/// When the last go-live began, and when operators were told of it.
const BEGUN: &str = "go-live:begun";
const TOLD: &str = "go-live:told";

/// The most lines of people and channels in the digest.
const LINES: usize = 30;

/// Writes down that a digest is owed, if a live playbook follows a rehearsal.
pub async fn begin(
    store: &dyn Store,
    before: Option<&PlaybookRecord>,
    playbook: &Playbook,
    now: Instant,
) -> Result<()> {
    let was_rehearsal = before.and_then(|record| is_rehearsal(&record.files)) == Some(true);
    if was_rehearsal && !playbook.office.rehearsal {
        store.fired(BEGUN, now).await?;
    }
    Ok(())
}

/// Tells operators, if that is owed.
pub async fn announce(store: &dyn Store, pipeline: &Pipeline, playbook: &Playbook, now: Instant) -> Result<()> {
    let Some(begun) = store.last_fired(BEGUN).await?.filter(|_| !playbook.office.rehearsal) else { return Ok(()) };
    if store.last_fired(TOLD).await?.is_some_and(|told| begun <= told) {
        return Ok(());
    }
    let counts = store.counts().await?;
    let held = pipeline.held().await?;
    let mut people: BTreeMap<(Arc<str>, Arc<str>), usize> = BTreeMap::new();
    for notice in held.iter().filter(|notice| !notice.rehearsal) {
        *people.entry((notice.contact.clone(), notice.channel.clone())).or_default() += 1;
    }
    let body = body(playbook, counts.yellow + counts.red, &people);
    let subject = format!("go-live:{}:{}", playbook.version, begun.timestamp_micros());
    pipeline.tell_operators(playbook, NoticeKind::Digest, &subject, body, now).await?;
    store.fired(TOLD, now.max(begun)).await
}

fn body(playbook: &Playbook, open: u64, people: &BTreeMap<(Arc<str>, Arc<str>), usize>) -> Body {
    let held: usize = people.values().sum();
    let title = match playbook.language {
        Language::Chinese => format!("正式运行：{open} 张牌未销，扣下 {held} 条消息"),
        Language::English => format!("Live: {open} cards open, {held} messages held"),
    };
    let name = |contact: &str| playbook.office.directory.get(contact).map_or("", |contact| &contact.name).to_owned();
    let line = |((contact, channel), count): (&(Arc<str>, Arc<str>), &usize)| {
        format!("{} ({contact}) {channel}: {count}", name(contact))
    };
    let mut lines: Vec<String> = people.iter().take(LINES).map(line).collect();
    if people.len() > LINES {
        lines.push(format!("… {}", people.len() - LINES));
    }
    lines.push(playbook.language.pick("放行：", "To let them go: ").to_owned() + "duban deliveries release");
    Body { title, lines }
}
