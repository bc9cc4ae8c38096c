//! The turn: **poll → judge → observe → plan → commit**. There is one path; a poll, a timer and a reload enter it at the
//! same door, [`Pipeline::turn`].
//!
//! **Invariant:** thinking holds no transaction, and a transaction waits for nothing but the disk. A turn commits only
//! under the playbook that it was planned with. One bad item or rule spoils nothing else.
//!
//! ```text
//! thinking   judge and observe, one item at a time
//! planning   whom to tell
//! again      what a filter held is said after all
//! operators  what operators hear of duban itself
//! orders     what cards and people do with orders
//! remarks    what persons add to an item enters at the same door
//! ```

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;

use crate::core::Instant;
use crate::core::audit::Act;
use crate::core::card::Transition;
use crate::core::digest::Digest;
use crate::core::item::{Item, ItemKey};
use crate::core::notice::NoticeKind;
use crate::core::remark::Amendment;
use crate::playbook::Playbook;
use crate::store::{ItemRecord, Result, Store, StoreError, Turn};
use thinking::{Lag, key, think_all};

pub use thinking::{Thought, judge, think};

mod again;
mod operators;
pub mod orders;
mod planning;
pub mod remarks;
mod thinking;

/// Items in one turn.
pub const BATCH: usize = 500;

/// Items that wait for one poll.
const WAITING: usize = 100_000;

/// How often a turn whose guards were lost is tried with what stands now.
const TRIES: usize = 5;

/// What enters a turn: an item with what is remembered about it, if anything.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What is remembered.
    pub record: Option<ItemRecord>,
    /// What a poll says about it.
    pub news: News,
}

/// What a poll says about an item.
#[derive(Debug, Clone, Default)]
pub enum News {
    /// Nothing: time has passed.
    #[default]
    None,
    /// A snapshot that is not the one that is remembered, and the digest of what the source said.
    Fresh(Arc<Item>, Digest),
    /// It is missing from a good poll.
    Missing {
        /// In how many running.
        polls: u32,
        /// Whether that is enough to say that it left its source.
        has_left: bool,
    },
    /// A person puts down a remark on it, decides or revokes one.
    Remarked(Box<Amendment>, Act),
}

impl Entry {
    /// An item with the snapshot of now, if there is one.
    pub fn new(record: Option<ItemRecord>, item: Option<Arc<Item>>) -> Self {
        let news = item.map_or(News::None, |item| {
            let digest = item.digest();
            News::Fresh(item, digest)
        });
        Self { record, news }
    }
}

/// What a turn did.
#[derive(Debug, Clone, Default)]
pub struct Done {
    /// The transitions, with their items.
    pub transitions: Vec<(Arc<Item>, Transition)>,
    /// How many notices go out; what a filter holds does not.
    pub notices: usize,
    /// Items left out because somebody else wrote them again and again.
    pub lost: usize,
}

impl Done {
    fn add(&mut self, other: Self) {
        self.transitions.extend(other.transitions);
        self.notices += other.notices;
        self.lost += other.lost;
    }
}

/// A rule, its version and the kind of its error.
type Complaint = (Arc<str>, Digest, &'static str);

/// The turn's means.
pub struct Pipeline {
    store: Arc<dyn Store>,
    /// Errors that operators were told of: rule, version and kind, with a count.
    told: Mutex<HashMap<Complaint, u64>>,
    /// The sources whose cards wait for a poll.
    lags: Mutex<HashMap<Arc<str>, Lag>>,
}

impl Pipeline {
    /// A pipeline into a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, told: Mutex::default(), lags: Mutex::default() }
    }

    /// From now on a card of this source waits so long for a good poll that began at or after its instant.
    pub fn confirm(&self, source: &Arc<str>, confirm: TimeDelta, good_at: Option<Instant>) {
        let mut lags = self.lags.lock().unwrap_or_else(PoisonError::into_inner);
        lags.insert(source.clone(), Lag { confirm, good_at });
    }

    /// A good poll of a source began at `begun_at`, and is in: looks at the cards that waited for it.
    pub async fn confirmed(&self, playbook: &Arc<Playbook>, source: &str, begun_at: Instant) -> Result<Done> {
        let Some(confirm) = self.good_poll(source, begun_at) else { return Ok(Done::default()) };
        let mut all = Done::default();
        let waiting = self.store.due_items(Some(source), begun_at + confirm, WAITING).await?;
        for items in waiting.chunks(BATCH) {
            all.add(self.look(playbook, items, begun_at).await?);
        }
        Ok(all)
    }

    fn good_poll(&self, source: &str, begun_at: Instant) -> Option<TimeDelta> {
        let mut lags = self.lags.lock().unwrap_or_else(PoisonError::into_inner);
        let lag = lags.get_mut(source)?;
        lag.good_at = lag.good_at.max(Some(begun_at));
        Some(lag.confirm)
    }

    /// Takes items through a turn. `baseline` marks what a source's first complete poll finds.
    pub async fn turn(
        &self,
        playbook: &Arc<Playbook>,
        entries: Vec<Entry>,
        baseline: bool,
        now: Instant,
    ) -> Result<Done> {
        let mut entries = Arc::new(entries);
        let mut done = Done::default();
        for _ in 0..TRIES {
            let lost = match self.try_turn(playbook, &entries, baseline, now, &mut done).await {
                // One of them contradicts the store, which is a defect of duban: the others go on without it.
                Err(StoreError::Refused(why)) if entries.len() > 1 => {
                    tracing::error!("the store refuses a turn of {} items, which go one by one: {why}", entries.len());
                    return self.one_by_one(playbook, &entries, baseline, now).await;
                }
                answer => answer?,
            };
            if lost.is_empty() {
                return Ok(done);
            }
            entries = Arc::new(self.again(Arc::unwrap_or_clone(entries), &lost).await?);
        }
        done.lost = entries.len();
        Ok(done)
    }

    /// Takes items through turns of their own; those that the store refuses are told and left as they were.
    async fn one_by_one(
        &self,
        playbook: &Arc<Playbook>,
        entries: &[Entry],
        baseline: bool,
        now: Instant,
    ) -> Result<Done> {
        let mut all = Done::default();
        for entry in entries {
            match Box::pin(self.turn(playbook, vec![entry.clone()], baseline, now)).await {
                Ok(done) => all.add(done),
                Err(StoreError::Refused(why)) => {
                    let item = key(entry).map(ToString::to_string).unwrap_or_default();
                    tracing::error!(item, "the store refuses this item: {why}");
                    all.lost += 1;
                }
                Err(e) => return Err(e),
            }
        }
        Ok(all)
    }

    /// The entries whose guards were lost, with what is remembered now.
    async fn again(&self, entries: Vec<Entry>, lost: &[ItemKey]) -> Result<Vec<Entry>> {
        let mut records = self.remembered(lost).await?;
        let is_lost = |entry: &Entry| key(entry).is_some_and(|key| lost.contains(key));
        Ok(entries
            .into_iter()
            .filter(is_lost)
            .map(|mut entry| {
                entry.record = key(&entry).and_then(|key| records.remove(key));
                entry
            })
            .collect())
    }

    async fn try_turn(
        &self,
        playbook: &Arc<Playbook>,
        entries: &Arc<Vec<Entry>>,
        baseline: bool,
        now: Instant,
        done: &mut Done,
    ) -> Result<Vec<ItemKey>> {
        let lags = self.lags.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut thoughts = think_all(playbook.clone(), entries.clone(), lags, now).await;
        thoughts.extend(self.orders_of(playbook, &thoughts, baseline, now).await?);
        self.finish(playbook, thoughts, baseline, now, done).await
    }

    /// Plans whom to tell of what was thought, and commits it; the items that somebody else wrote in between are the
    /// answer.
    async fn finish(
        &self,
        playbook: &Arc<Playbook>,
        mut thoughts: Vec<Thought>,
        baseline: bool,
        now: Instant,
        done: &mut Done,
    ) -> Result<Vec<ItemKey>> {
        let mut system = self.complaints(playbook, &thoughts, now);
        self.plan_all(playbook, &mut thoughts, &mut system, baseline, now).await?;
        let items: Vec<Arc<Item>> = thoughts.iter().map(|t| t.item.clone()).collect();
        let acts = thoughts.iter().filter_map(|t| t.act.clone()).collect();
        let turn = Turn {
            playbook: Some(playbook.version),
            items: thoughts.into_iter().map(|t| t.write).collect(),
            notices: system.planned,
            acts,
            ..Turn::default()
        };
        fail::fail_point!("turn.before_commit", |_| std::process::abort());
        let committed = self.store.commit(&turn).await.inspect_err(|_| self.forget_told())?;
        fail::fail_point!("turn.after_commit", |_| std::process::abort());
        if !committed.lost_notices.is_empty() {
            for (subject, body) in system.bodies {
                self.tell_operators(playbook, NoticeKind::System, &subject, body, now).await?;
            }
        }
        let lost = committed.lost;
        for (item, write) in items.into_iter().zip(turn.items).filter(|(_, w)| !lost.contains(&w.record.item.key)) {
            done.notices += write.notices.iter().filter(|planned| planned.placement.is_some()).count();
            done.transitions.extend(write.transitions.into_iter().map(|t| (item.clone(), t)));
        }
        Ok(lost)
    }

    /// What is remembered of items.
    async fn remembered(&self, items: &[ItemKey]) -> Result<HashMap<ItemKey, ItemRecord>> {
        let mut records = HashMap::with_capacity(items.len());
        for items in items.chunks(BATCH) {
            records.extend(self.store.load(items).await?.into_iter().map(|record| (record.item.key.clone(), record)));
        }
        Ok(records)
    }

    async fn bad_addresses(&self) -> Result<HashSet<(Arc<str>, Arc<str>, String)>> {
        let bad = self.store.bad_addresses().await?;
        Ok(bad.into_iter().map(|bad| (bad.contact, bad.channel, bad.address)).collect())
    }

    /// Looks at everything that is worth looking at by `now`.
    pub async fn recheck(&self, playbook: &Arc<Playbook>, now: Instant) -> Result<Done> {
        let mut all = Done::default();
        loop {
            let due = self.store.due_items(None, now, BATCH).await?;
            let is_last = due.len() < BATCH;
            let done = self.look(playbook, &due, now).await?;
            let stuck = done.lost > 0;
            all.add(done);
            if is_last || stuck {
                return Ok(all);
            }
        }
    }

    /// Judges again what was judged under another playbook.
    pub async fn rejudge(&self, playbook: &Arc<Playbook>, now: Instant) -> Result<Done> {
        let mut all = Done::default();
        loop {
            let stale = self.store.stale_items(playbook.version, BATCH).await?;
            if stale.is_empty() {
                return Ok(all);
            }
            let done = self.look(playbook, &stale, now).await?;
            let stuck = done.lost > 0;
            all.add(done);
            if stuck {
                return Ok(all);
            }
        }
    }

    async fn look(&self, playbook: &Arc<Playbook>, items: &[ItemKey], now: Instant) -> Result<Done> {
        let records = self.store.load(items).await?;
        let entries = records.into_iter().map(|record| Entry { record: Some(record), news: News::None }).collect();
        self.turn(playbook, entries, false, now).await
    }
}
