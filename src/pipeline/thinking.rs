//! Thinking about items: judge, observe. No IO; a panic spoils the item over which it came.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use chrono::TimeDelta;

use super::{Entry, News};
use crate::core::Instant;
use crate::core::audit::Act;
use crate::core::card::CardId;
use crate::core::digest::Digest;
use crate::core::item::{Item, ItemKey};
use crate::core::observe::{Problem, Subject, earliest, observe};
use crate::core::own;
use crate::core::reason::Cause;
use crate::core::remark::{overlay, put};
use crate::core::window::Ruling;
use crate::playbook::Playbook;
use crate::rules::error::RuleError;
use crate::rules::version::Recheck;
use crate::store::{ItemRecord, ItemWrite, Kept};
use crate::tell::plan::is_handed_over;

/// An item as thinking leaves it, before it is known whom to tell.
pub struct Thought {
    /// The item.
    pub item: Arc<Item>,
    /// What is to be remembered, and what changed.
    pub write: ItemWrite,
    /// Rules that failed; what they said last stands.
    pub errors: Vec<RuleError>,
    /// Windows that cannot be read; what is remembered about them stands.
    pub problems: Vec<Problem>,
    /// Whether the item was last looked at under another playbook.
    pub other_playbook: bool,
    /// How many deeds of the order that it stands for were told before.
    pub deeds_told: usize,
    /// The item as it was, where it went to somebody else.
    pub before: Option<Item>,
    /// What a person did to bring this about.
    pub act: Option<Act>,
}

impl Thought {
    /// The cards whose past matters for what is to be said.
    pub(super) fn cards(&self) -> impl Iterator<Item = CardId> {
        let changed = self.write.transitions.iter().map(|t| t.card);
        let open = self.write.record.watches.iter().filter(|w| w.level.is_some()).map(|w| w.card);
        changed.chain(open)
    }

    /// Whether a card is open.
    pub(super) fn has_open_card(&self) -> bool {
        self.write.record.watches.iter().any(|watch| watch.level.is_some())
    }
}

/// How far behind a source's clock its cards may be looked at, so that a poll can confirm them first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lag {
    pub confirm: TimeDelta,
    /// When the last good poll began.
    pub good_at: Option<Instant>,
}

pub(super) fn key(entry: &Entry) -> Option<&ItemKey> {
    match &entry.news {
        News::Fresh(item, _) => Some(&item.key),
        _ => entry.record.as_ref().map(|record| &record.item.key),
    }
}

/// Thinks about all entries away from the threads that wait for the network.
pub(super) async fn think_all(
    playbook: Arc<Playbook>,
    entries: Arc<Vec<Entry>>,
    lags: HashMap<Arc<str>, Lag>,
    now: Instant,
) -> Vec<Thought> {
    let think_one = move |entry: &Entry| {
        let lag = key(entry).and_then(|key| lags.get(&key.source));
        let thought = catch_unwind(AssertUnwindSafe(|| match lag {
            Some(lag) => lag.think(&playbook, entry.clone(), now),
            None => think(&playbook, entry.clone(), now),
        }));
        thought.unwrap_or_else(|_| put_off(&playbook, entry, now))
    };
    let think_each = move || entries.iter().filter_map(think_one).collect();
    tokio::task::spawn_blocking(think_each).await.unwrap_or_default()
}

/// An item over which thinking broke: an error of duban, said by the panic itself. What is remembered stays, and it is
/// looked at again in an hour; the others are not held up.
fn put_off(playbook: &Playbook, entry: &Entry, now: Instant) -> Option<Thought> {
    tracing::error!(item = key(entry).map(ToString::to_string), "thinking about an item broke off");
    let record = entry.record.clone()?;
    let record =
        ItemRecord { next_look_at: Some(now + chrono::TimeDelta::hours(1)), judged_under: playbook.version, ..record };
    let item = Arc::new(record.item.clone());
    let write = ItemWrite::of(record);
    let (errors, problems) = (Vec::new(), Vec::new());
    Some(Thought { item, write, errors, problems, other_playbook: false, before: None, act: None, deeds_told: 0 })
}

impl Lag {
    /// Thinks about an item as far as the last good poll confirms it, or as long ago as its source's cards may wait.
    fn think(self, playbook: &Playbook, entry: Entry, now: Instant) -> Option<Thought> {
        let confirmed = match entry.news {
            News::Fresh(..) => now,
            _ => (now - self.confirm).max(self.good_at.unwrap_or(Instant::MIN_UTC)).min(now),
        };
        let mut thought = think(playbook, entry, confirmed)?;
        for transition in &mut thought.write.transitions {
            transition.noticed_at = transition.noticed_at.max(now);
        }
        let record = &mut thought.write.record;
        if !thought.write.transitions.is_empty() {
            record.noticed_at = record.noticed_at.max(Some(now));
        }
        record.next_look_at = record.next_look_at.map(|at| at + self.confirm);
        Some(thought)
    }
}

/// Judge and observe one item; `None` if there is neither a snapshot nor anything remembered.
pub fn think(playbook: &Playbook, entry: Entry, now: Instant) -> Option<Thought> {
    let Entry { record, news } = entry;
    let known = record.is_some();
    let (item, fresh) = match &news {
        News::Fresh(item, digest) => (item.clone(), Some(*digest)),
        _ => (Arc::new(record.as_ref()?.item.clone()), None),
    };
    let record = record.unwrap_or_else(|| blank(&item, fresh, now));
    let (missing_polls, left_at) = match &news {
        News::Fresh(..) => (0, None),
        News::None | News::Remarked(..) => (record.missing_polls, record.left_at),
        News::Missing { polls, has_left } => (*polls, record.left_at.or(has_left.then_some(now))),
    };
    let mut remarks = record.remarks.clone();
    let amended = match news {
        // What cannot be done any more is left undone, and whoever asked for it is told.
        News::Remarked(amendment, act) => amendment.of(&remarks).ok().map(|remark| (remark, act)),
        _ => None,
    };
    if let Some((remark, _)) = &amended {
        put(&mut remarks, remark.clone());
    }
    let overlaid = overlay(&item, &remarks);
    let changed = fresh.is_some() || amended.is_some();
    let has_left = left_at.is_some();
    let before = (changed && is_handed_over(&record.item, &item)).then(|| record.item.clone());
    let other_playbook = known && record.judged_under != playbook.version;
    let rechecks = record.rulings.iter().any(|r| recheck_of(playbook, &r.rule).is_some());
    let (rulings, errors) = if has_left {
        (Vec::new(), Vec::new())
    } else if changed || other_playbook || rechecks {
        judge(playbook, &overlaid.item, &record.rulings, now)
    } else {
        (record.rulings.clone(), Vec::new())
    };
    let found = observe(
        Subject {
            item: &item.key,
            calendar: item.text("calendar"),
            first_seen_at: record.first_seen_at,
            noticed_at: record.noticed_at,
            rulings: &rulings,
            spared: &overlaid.spared,
            watches: &record.watches,
            cause: if changed { Cause::ItemChanged } else { Cause::RuleChanged },
            has_left,
        },
        &playbook.clockwork,
        now,
    );
    let noticed_at = if found.transitions.is_empty() { record.noticed_at } else { record.noticed_at.max(Some(now)) };
    let next_look_at = earliest(found.next_look_at, next_recheck(playbook, &rulings, now));
    let (amended, act) = amended.unzip();
    let kept = Kept { rulings: rulings == record.rulings, watches: found.watches == record.watches };
    let record = ItemRecord {
        item: (*item).clone(),
        digest: fresh.unwrap_or(record.digest),
        seen_at: if fresh.is_some() { now } else { record.seen_at },
        rulings,
        watches: found.watches,
        remarks,
        noticed_at,
        next_look_at,
        judged_under: playbook.version,
        missing_polls,
        left_at,
        ..record
    };
    let write = ItemWrite {
        kept,
        keep_snapshot: fresh.is_some(),
        transitions: found.transitions,
        remarks: amended.into_iter().collect(),
        ..ItemWrite::of(record)
    };
    Some(Thought { item, write, errors, problems: found.problems, other_playbook, before, act, deeds_told: 0 })
}

fn blank(item: &Item, digest: Option<Digest>, now: Instant) -> ItemRecord {
    ItemRecord {
        item: item.clone(),
        digest: digest.unwrap_or_else(|| item.digest()),
        first_seen_at: now,
        seen_at: now,
        rulings: Vec::new(),
        watches: Vec::new(),
        remarks: Vec::new(),
        noticed_at: None,
        next_look_at: None,
        judged_under: Digest::of([]),
        missing_polls: 0,
        left_at: None,
        version: 0,
    }
}

/// What the rules say now; where one fails, what it said last.
pub fn judge(playbook: &Playbook, item: &Arc<Item>, before: &[Ruling], now: Instant) -> (Vec<Ruling>, Vec<RuleError>) {
    if item.key.is_own() {
        return (vec![own::judge(item)], Vec::new());
    }
    let today = playbook.calendar().local(now).date_naive();
    let (mut rulings, mut errors) = (Vec::new(), Vec::new());
    for judgement in playbook.rulebook.judge_by(item, today, |rule| playbook.asks(rule, item)) {
        match judgement.result {
            Ok(judged) => rulings.push(Ruling {
                rule: judgement.rule,
                version: judgement.version,
                windows: judged.windows,
                findings: judged.findings,
            }),
            Err(error) => {
                rulings.extend(before.iter().find(|r| r.rule == judgement.rule).cloned());
                errors.push(error);
            }
        }
    }
    (rulings, errors)
}

fn recheck_of(playbook: &Playbook, rule: &str) -> Option<Recheck> {
    playbook.rules.get(rule).and_then(|info| info.meta.recheck)
}

/// When a rule that asks for the date has to be asked again: at the start of the next day, working day or month.
fn next_recheck(playbook: &Playbook, rulings: &[Ruling], now: Instant) -> Option<Instant> {
    let calendar = playbook.calendar();
    let today = calendar.day_of(now.timestamp()).ok()?;
    let next = |recheck| match recheck {
        Recheck::Daily => calendar.start(today + 1),
        Recheck::WorkingDaily => calendar.working_day_from(today + 1).and_then(|day| calendar.start(day)),
        Recheck::Monthly => {
            let first = calendar.date(today) + chrono::Months::new(1);
            calendar.day(chrono::Datelike::with_day(&first, 1).unwrap_or(first)).and_then(|day| calendar.start(day))
        }
    };
    let rechecks = rulings.iter().filter_map(|ruling| recheck_of(playbook, &ruling.rule));
    rechecks.filter_map(|recheck| next(recheck).ok()).filter_map(|at| Instant::from_timestamp(at, 0)).min()
}
