//! The turn: **poll → judge → observe → plan → commit**. There is one path; a poll, a timer and a reload enter it at the
//! same door, [`Pipeline::turn`].
//!
//! **Invariant:** thinking holds no transaction, and a transaction waits for nothing but the disk. A turn commits only
//! under the playbook that it was planned with. One bad item or rule spoils nothing else.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use crate::core::Instant;
use crate::core::card::{CardId, Transition};
use crate::core::digest::Digest;
use crate::core::item::{Item, ItemKey};
use crate::core::notice::{Body, Hold, Notice, NoticeKind, Planned, by_card};
use crate::core::observe::{Problem, Subject, earliest, observe};
use crate::core::reason::Cause;
use crate::core::window::{Level, Ruling};
use crate::playbook::Playbook;
use crate::rules::error::RuleError;
use crate::rules::version::Recheck;
use crate::store::{ItemRecord, ItemWrite, Result, Store, Turn};
use crate::tell::plan::{Happening, Joinable, contacts, plan, plan_again, plan_system};

/// Items in one turn.
pub const BATCH: usize = 500;

/// Held notices that are looked at for one release.
const HELD: usize = 100_000;

/// How often a turn whose guards were lost is tried with what stands now.
const TRIES: usize = 5;

/// What enters a turn: an item with what is remembered about it, if anything.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What is remembered.
    pub record: Option<ItemRecord>,
    /// The snapshot of now, if a poll brought one.
    pub item: Option<Arc<Item>>,
}

/// What a turn did.
#[derive(Debug, Clone, Default)]
pub struct Done {
    /// The transitions, with their items.
    pub transitions: Vec<(Arc<Item>, Transition)>,
    /// How many notices were planned.
    pub notices: usize,
    /// Items left out because somebody else wrote them again and again.
    pub lost: usize,
}

/// A rule, its version and the kind of its error.
type Complaint = (Arc<str>, Digest, &'static str);

/// The turn's means.
pub struct Pipeline {
    store: Arc<dyn Store>,
    /// Errors that operators were told of: rule, version and kind, with a count.
    told: Mutex<HashMap<Complaint, u64>>,
}

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
}

impl Pipeline {
    /// A pipeline into a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, told: Mutex::default() }
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
            let lost = self.try_turn(playbook, &entries, baseline, now, &mut done).await?;
            if lost.is_empty() {
                return Ok(done);
            }
            entries = Arc::new(self.again(Arc::unwrap_or_clone(entries), &lost).await?);
        }
        done.lost = entries.len();
        Ok(done)
    }

    /// The entries whose guards were lost, with what is remembered now.
    async fn again(&self, entries: Vec<Entry>, lost: &[ItemKey]) -> Result<Vec<Entry>> {
        let mut records: HashMap<ItemKey, ItemRecord> =
            self.store.load(lost).await?.into_iter().map(|r| (r.item.key.clone(), r)).collect();
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
        let mut thoughts = think_all(playbook.clone(), entries.clone(), now).await;
        let mut system = self.complaints(playbook, &thoughts, now);
        self.plan_all(playbook, &mut thoughts, &mut system, baseline, now).await?;
        let items: Vec<Arc<Item>> = thoughts.iter().map(|t| t.item.clone()).collect();
        let turn = Turn {
            playbook: Some(playbook.version),
            items: thoughts.into_iter().map(|t| t.write).collect(),
            notices: system.planned,
        };
        let committed = self.store.commit(&turn).await.inspect_err(|_| self.forget_told())?;
        if !committed.lost_notices.is_empty() {
            for (subject, body) in system.bodies {
                self.tell_operators(playbook, NoticeKind::System, &subject, body, now).await?;
            }
        }
        let lost = committed.lost;
        for (item, write) in items.into_iter().zip(turn.items).filter(|(_, w)| !lost.contains(&w.record.item.key)) {
            done.notices += write.notices.len();
            done.transitions.extend(write.transitions.into_iter().map(|t| (item.clone(), t)));
        }
        Ok(lost)
    }

    /// Plans whom to tell about all that changed.
    async fn plan_all(
        &self,
        playbook: &Playbook,
        thoughts: &mut [Thought],
        system: &mut System,
        baseline: bool,
        now: Instant,
    ) -> Result<()> {
        let about: Vec<&Transition> =
            thoughts.iter().flat_map(|t| &t.write.transitions).filter(|t| t.change.is_about_a_card()).collect();
        if about.is_empty() && system.bodies.is_empty() {
            return Ok(());
        }
        let had_one = |t: &&Thought| t.write.transitions.iter().any(|t| t.change.is_about_a_card() && t.from.is_some());
        let old: Vec<ItemKey> = thoughts.iter().filter(had_one).map(|t| t.item.key.clone()).collect();
        let said = if old.is_empty() { HashMap::new() } else { by_card(self.store.notices_about(&old).await?) };
        let mut joinable = Joinable::new(self.store.open_deliveries(&contacts(&playbook.office)).await?);
        for thought in thoughts {
            let cards = thought.write.transitions.iter().map(|t| t.card);
            let said: Vec<Notice> = cards.filter_map(|card| said.get(&card)).flatten().cloned().collect();
            let happening = Happening {
                item: &thought.item,
                rulings: &thought.write.record.rulings,
                transitions: &thought.write.transitions,
                said: &said,
                baseline,
            };
            thought.write.notices = plan(happening, &playbook.office, &mut joinable, now);
        }
        for (subject, body) in &system.bodies {
            let kind = NoticeKind::System;
            system.planned.extend(plan_system(kind, subject, body, &playbook.office, &mut joinable, now));
        }
        Ok(())
    }

    /// What operators are to be told about rules that fail: once per rule, version and kind.
    fn complaints(&self, playbook: &Playbook, thoughts: &[Thought], now: Instant) -> System {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut system = System::default();
        for (thought, error) in thoughts.iter().flat_map(|t| t.errors.iter().map(move |e| (t, e))) {
            let version = playbook.rules.get(&error.rule).map_or(playbook.version, |info| info.version);
            let count = told.entry((error.rule.clone(), version, error.kind.word())).or_default();
            *count += 1;
            if *count == 1 {
                tracing::warn!(rule = %error.rule, item = %thought.item.key, "a rule fails: {error}");
                let subject = format!("rule:{}:{version}:{}", error.rule, error.kind.word());
                let title = playbook.language.pick("规则出错", "A rule fails");
                let lines = vec![format!("{} @ {}", error.rule, thought.item.key), error.to_string()];
                system.bodies.insert(subject, Body { title: format!("{title}: {}", error.rule), lines });
            }
        }
        for (thought, problem) in thoughts.iter().flat_map(|t| t.problems.iter().map(move |p| (t, p))) {
            let what = format!("{}/{}", problem.rule, problem.name);
            tracing::warn!(window = what, item = %thought.item.key, %now, "a window cannot be read: {}", problem.kind);
        }
        system
    }

    /// What was to be told was not written down: who fails next is told of again. A subject is told once all the same.
    fn forget_told(&self) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Tells operators something about duban itself, once per subject.
    pub async fn tell_operators(
        &self,
        playbook: &Playbook,
        kind: NoticeKind,
        subject: &str,
        body: Body,
        now: Instant,
    ) -> Result<()> {
        for _ in 0..TRIES {
            let mut joinable = Joinable::new(self.store.open_deliveries(&contacts(&playbook.office)).await?);
            let notices = plan_system(kind, subject, &body, &playbook.office, &mut joinable, now);
            // A delivery that is to be joined may be claimed before the commit: then another one is opened.
            let turn = Turn { playbook: None, items: Vec::new(), notices };
            if turn.notices.is_empty() || self.store.commit(&turn).await?.lost_notices.is_empty() {
                return Ok(());
            }
        }
        tracing::error!("operators could not be told, the courier was faster {TRIES} times: {}", body.title);
        Ok(())
    }

    /// What a baseline holds back and is still so, by contact.
    pub async fn held(&self) -> Result<Vec<Notice>> {
        let held = self.store.held_notices(&Hold::Baseline, HELD).await?;
        let items: HashSet<ItemKey> = held.iter().filter_map(|n| n.item.clone()).collect();
        let mut open: HashMap<CardId, (u32, Option<Level>)> = HashMap::new();
        for keys in items.into_iter().collect::<Vec<_>>().chunks(BATCH) {
            for record in self.store.load(keys).await? {
                open.extend(record.watches.iter().map(|w| (w.card, (w.episode, w.level))));
            }
        }
        let still = |n: &Notice| n.card.and_then(|card| open.get(&card)) == Some(&(n.episode, n.level));
        Ok(held.into_iter().filter(still).collect())
    }

    /// Releases what a baseline held back.
    pub async fn release(&self, playbook: &Playbook, held: Vec<Notice>, now: Instant) -> Result<usize> {
        let mut joinable = Joinable::new(self.store.open_deliveries(&contacts(&playbook.office)).await?);
        let notices = plan_again(held, &playbook.office, &mut joinable, now);
        let count = notices.len();
        let done = self.store.commit(&Turn { playbook: None, items: Vec::new(), notices }).await?;
        // What joined a delivery that the courier was faster with is still held, for the next release.
        Ok(count - done.lost_notices.len())
    }

    /// Looks at everything that is worth looking at by `now`.
    pub async fn recheck(&self, playbook: &Arc<Playbook>, now: Instant) -> Result<Done> {
        let mut all = Done::default();
        loop {
            let due = self.store.due_items(now, BATCH).await?;
            let is_last = due.len() < BATCH;
            let done = self.look(playbook, &due, now).await?;
            let stuck = done.lost > 0;
            all.transitions.extend(done.transitions);
            all.notices += done.notices;
            all.lost += done.lost;
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
            all.transitions.extend(done.transitions);
            all.notices += done.notices;
            if done.lost > 0 {
                all.lost += done.lost;
                return Ok(all);
            }
        }
    }

    async fn look(&self, playbook: &Arc<Playbook>, items: &[ItemKey], now: Instant) -> Result<Done> {
        let records = self.store.load(items).await?;
        let entries = records.into_iter().map(|record| Entry { record: Some(record), item: None }).collect();
        self.turn(playbook, entries, false, now).await
    }
}

/// Operators' messages of a turn.
#[derive(Default)]
struct System {
    bodies: BTreeMap<String, Body>,
    planned: Vec<Planned>,
}

fn key(entry: &Entry) -> Option<&ItemKey> {
    entry.item.as_ref().map(|i| &i.key).or_else(|| entry.record.as_ref().map(|r| &r.item.key))
}

/// Thinks about all entries away from the threads that wait for the network.
async fn think_all(playbook: Arc<Playbook>, entries: Arc<Vec<Entry>>, now: Instant) -> Vec<Thought> {
    let think_one = move |entry: &Entry| {
        let thought = catch_unwind(AssertUnwindSafe(|| think(&playbook, entry.clone(), now)));
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
    let write = ItemWrite { record, keep_snapshot: false, transitions: Vec::new(), notices: Vec::new() };
    Some(Thought { item, write, errors: Vec::new(), problems: Vec::new() })
}

/// Judge and observe one item; `None` if there is neither a snapshot nor anything remembered.
pub fn think(playbook: &Playbook, entry: Entry, now: Instant) -> Option<Thought> {
    let changed = entry.item.is_some();
    let item = entry.item.or_else(|| entry.record.as_ref().map(|r| Arc::new(r.item.clone())))?;
    let known = entry.record.is_some();
    let record = entry.record.unwrap_or_else(|| blank(&item, now));
    let other_playbook = known && record.judged_under != playbook.version;
    let rechecks = record.rulings.iter().any(|r| recheck_of(playbook, &r.rule).is_some());
    let (rulings, errors) = if changed || other_playbook || rechecks {
        judge(playbook, &item, &record.rulings, now)
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
            watches: &record.watches,
            cause: if changed { Cause::ItemChanged } else { Cause::RuleChanged },
        },
        &playbook.clockwork,
        now,
    );
    let noticed_at = if found.transitions.is_empty() { record.noticed_at } else { record.noticed_at.max(Some(now)) };
    let next_look_at = earliest(found.next_look_at, next_recheck(playbook, &rulings, now));
    let digest = if changed { item.digest() } else { record.digest };
    let write = ItemWrite {
        keep_snapshot: changed,
        record: ItemRecord {
            item: (*item).clone(),
            digest,
            seen_at: if changed { now } else { record.seen_at },
            rulings,
            watches: found.watches,
            noticed_at,
            next_look_at,
            judged_under: playbook.version,
            missing_polls: if changed { 0 } else { record.missing_polls },
            ..record
        },
        transitions: found.transitions,
        notices: Vec::new(),
    };
    Some(Thought { item, write, errors, problems: found.problems })
}

fn blank(item: &Item, now: Instant) -> ItemRecord {
    ItemRecord {
        item: item.clone(),
        digest: item.digest(),
        first_seen_at: now,
        seen_at: now,
        rulings: Vec::new(),
        watches: Vec::new(),
        noticed_at: None,
        next_look_at: None,
        judged_under: Digest::of([]),
        missing_polls: 0,
        version: 0,
    }
}

/// What the rules say now; where one fails, what it said last.
pub fn judge(playbook: &Playbook, item: &Arc<Item>, before: &[Ruling], now: Instant) -> (Vec<Ruling>, Vec<RuleError>) {
    let today = playbook.calendar().local(now).date_naive();
    let (mut rulings, mut errors) = (Vec::new(), Vec::new());
    for judgement in playbook.rulebook.judge(item, today) {
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
