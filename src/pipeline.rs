//! The turn: **poll → judge → observe → plan → commit**. There is one path; a poll, a timer and a reload enter it at the
//! same door, [`Pipeline::turn`].
//!
//! **Invariant:** thinking holds no transaction, and a transaction waits for nothing but the disk. A turn commits only
//! under the playbook that it was planned with. One bad item or rule spoils nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;

use crate::core::Instant;
use crate::core::acknowledgement::Acknowledgement;
use crate::core::card::{CardId, Transition, Watch};
use crate::core::delivery::DeliveryState;
use crate::core::digest::Digest;
use crate::core::item::{Item, ItemKey};
use crate::core::matcher::Suspect;
use crate::core::notice::{Body, Hold, Notice, NoticeKind, Planned, by_card};
use crate::core::observe::{Problem, Subject, earliest, observe};
use crate::core::own;
use crate::core::reason::Cause;
use crate::core::silence::Silence;
use crate::core::window::Ruling;
use crate::playbook::Playbook;
use crate::rules::error::RuleError;
use crate::rules::version::Recheck;
use crate::store::{DeliveryRecord, ItemRecord, ItemWrite, Result, Store, StoreError, Turn};
use crate::tell::plan::{
    Again, Circumstances, Happening, Joinable, LOOK_AGAIN, contacts, plan, plan_again, plan_fallback, plan_system,
};

/// Items in one turn.
pub const BATCH: usize = 500;

/// Items that wait for one poll.
const WAITING: usize = 100_000;

/// Held notices that are looked at for one release.
const HELD: usize = 100_000;

/// Ended deliveries that are reported at once.
const REPORTED: usize = 100;

/// Items that a message about a dead letter names.
const NAMED: usize = 10;

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

/// How far behind a source's clock its cards may be looked at, so that a poll can confirm them first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lag {
    confirm: TimeDelta,
    /// When the last good poll began.
    good_at: Option<Instant>,
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
}

impl Thought {
    /// The cards whose past matters for what is to be said.
    fn cards(&self) -> impl Iterator<Item = CardId> {
        let changed = self.write.transitions.iter().map(|t| t.card);
        let open = self.write.record.watches.iter().filter(|w| w.level.is_some()).map(|w| w.card);
        changed.chain(open)
    }

    /// Whether a card is open.
    fn has_open_card(&self) -> bool {
        self.write.record.watches.iter().any(|watch| watch.level.is_some())
    }
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
        let lags = self.lags.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut thoughts = think_all(playbook.clone(), entries.clone(), lags, now).await;
        let mut system = self.complaints(playbook, &thoughts, now);
        self.plan_all(playbook, &mut thoughts, &mut system, baseline, now).await?;
        let items: Vec<Arc<Item>> = thoughts.iter().map(|t| t.item.clone()).collect();
        let turn = Turn {
            playbook: Some(playbook.version),
            items: thoughts.into_iter().map(|t| t.write).collect(),
            notices: system.planned,
            reported: Vec::new(),
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
            done.notices += write.notices.len();
            done.transitions.extend(write.transitions.into_iter().map(|t| (item.clone(), t)));
        }
        Ok(lost)
    }

    /// Plans whom to tell about all that changed, and about open cards that climb on.
    async fn plan_all(
        &self,
        playbook: &Playbook,
        thoughts: &mut [Thought],
        system: &mut System,
        baseline: bool,
        now: Instant,
    ) -> Result<()> {
        let office = &playbook.office;
        let climbs = office.climbs();
        let tells = |t: &Thought| {
            let has_news = t.write.transitions.iter().any(|t| t.change.is_about_a_card());
            has_news || t.has_open_card() && (climbs || t.other_playbook)
        };
        if !thoughts.iter().any(tells) && system.bodies.is_empty() {
            return Ok(());
        }
        let history = self.history(thoughts.iter().filter(|t| tells(t)), climbs).await?;
        let silences = self.store.silences(false).await?;
        let circumstances = Circumstances { silences: &silences, bad_addresses: self.bad_addresses().await? };
        let mut joinable = Joinable::new(self.store.open_deliveries(&contacts(office)).await?);
        for thought in thoughts.iter_mut().filter(|t| tells(t)) {
            let cards: HashSet<CardId> = thought.cards().collect();
            let said: Vec<Notice> = cards.iter().filter_map(|card| history.said.get(card)).flatten().cloned().collect();
            let happening = Happening {
                item: &thought.item,
                rulings: &thought.write.record.rulings,
                watches: &thought.write.record.watches,
                transitions: &thought.write.transitions,
                said: &said,
                raised: history.raised.get(&thought.item.key).map_or(&[], Vec::as_slice),
                acknowledgements: &history.acknowledgements,
                baseline,
                other_playbook: thought.other_playbook,
            };
            let plan = plan(happening, office, &circumstances, &mut joinable, now);
            let record = &mut thought.write.record;
            record.next_look_at = earliest(record.next_look_at, plan.next_look_at);
            thought.write.notices = plan.notices;
        }
        for (subject, body) in &system.bodies {
            let kind = NoticeKind::System;
            system.planned.extend(plan_system(kind, subject, body, office, &mut joinable, now));
        }
        Ok(())
    }

    /// What was said and done about the cards of items, as far as planning looks back on it.
    async fn history(&self, thoughts: impl Iterator<Item = &Thought> + Clone, climbs: bool) -> Result<History> {
        let is_old = |t: &&Thought| {
            let had_one = t.write.transitions.iter().any(|t| t.change.is_about_a_card() && t.from.is_some());
            had_one || t.has_open_card() && t.write.record.version > 0
        };
        let old: Vec<ItemKey> = thoughts.clone().filter(is_old).map(|t| t.item.key.clone()).collect();
        let mut history = History::default();
        if old.is_empty() {
            return Ok(history);
        }
        history.said = by_card(self.store.notices_about(&old).await?);
        if climbs {
            let watches = thoughts.clone().filter(is_old).flat_map(|t| &t.write.record.watches);
            let open: Vec<CardId> = watches.filter(|w| w.level.is_some()).map(|w| w.card).collect();
            history.acknowledgements = self.store.acknowledgements(&open).await?;
        }
        for thought in thoughts.filter(|t| t.other_playbook || climbs) {
            let is_unsaid = |w: &Watch| {
                let said = history.said.get(&w.card);
                w.level.is_some() && !said.into_iter().flatten().any(|notice| notice.number == w.number)
            };
            if thought.write.record.watches.iter().any(is_unsaid) {
                let transitions = self.store.transitions(&thought.item.key).await?;
                history.raised.insert(thought.item.key.clone(), transitions);
            }
        }
        Ok(history)
    }

    async fn bad_addresses(&self) -> Result<HashSet<(Arc<str>, Arc<str>, String)>> {
        let bad = self.store.bad_addresses().await?;
        Ok(bad.into_iter().map(|bad| (bad.contact, bad.channel, bad.address)).collect())
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
        let told = |joinable: &mut Joinable| plan_system(kind, subject, &body, &playbook.office, joinable, now);
        if !self.write_down(playbook, told).await? {
            tracing::error!("operators could not be told, the courier was faster {TRIES} times: {}", body.title);
        }
        Ok(())
    }

    /// What a baseline holds back and is still so.
    pub async fn held(&self) -> Result<Vec<Notice>> {
        let held = self.store.held_notices(&Hold::Baseline, HELD).await?;
        let mut still = Vec::with_capacity(held.len());
        for held in held.chunks(BATCH) {
            let records = self.records(held).await?;
            still.extend(held.iter().filter(|notice| is_still_so(notice, &records)).cloned());
        }
        Ok(still)
    }

    /// Releases what a baseline held back; how many were planned.
    pub async fn release(&self, playbook: &Playbook, held: &[Notice], now: Instant) -> Result<usize> {
        let mut count = 0;
        for held in held.chunks(BATCH) {
            count += self.say_again(playbook, held, now).await?.planned;
        }
        Ok(count)
    }

    /// Plans again what silences held that are over by `now`, and has their cards looked at.
    pub async fn lift(&self, playbook: &Playbook, now: Instant) -> Result<usize> {
        let mut count = 0;
        for silence in self.store.silences(false).await?.into_iter().filter(|silence| silence.ends_at <= now) {
            let held = self.store.held_notices(&Hold::Silence { silence: silence.id }, HELD).await?;
            let mut is_lost = false;
            for held in held.chunks(BATCH) {
                let again = self.say_again(playbook, held, now).await?;
                count += again.planned;
                is_lost |= again.lost > 0;
            }
            if silence.ended_by.is_some() && playbook.office.climbs() {
                self.wake(&silence, now).await?;
            }
            // What the courier was faster with is planned at the next look.
            if !is_lost {
                self.store.put_silence(&Silence { lifted_at: Some(now), ..silence }).await?;
            }
        }
        Ok(count)
    }

    /// When the next silence ends.
    pub async fn next_lift_at(&self) -> Result<Option<Instant>> {
        Ok(self.store.silences(false).await?.iter().map(|silence| silence.ends_at).min())
    }

    /// Has the open cards looked at that a silence was about: it ended before it was expected to.
    async fn wake(&self, silence: &Silence, now: Instant) -> Result<()> {
        let cards = self.store.open_cards(HELD).await?;
        let items: BTreeSet<ItemKey> = cards.into_iter().map(|card| card.item).collect();
        for keys in items.into_iter().collect::<Vec<_>>().chunks(BATCH) {
            let is_meant = |record: &ItemRecord| {
                record.watches.iter().filter(|watch| watch.level.is_some()).any(|watch| {
                    let (rule, window) = (&*watch.rule, &*watch.name);
                    silence.matcher.fits(&Suspect { item: &record.item, rule, window, level: watch.level })
                })
            };
            let records = self.store.load(keys).await?.into_iter().filter(is_meant);
            let items = records.map(|record| looked_at(record, now, Vec::new())).collect();
            self.store.commit(&Turn { items, ..Turn::default() }).await?;
        }
        Ok(())
    }

    /// Plans held notices again that are still so, and has their items looked at, for what follows on them. What joined a
    /// delivery that the courier was faster with stays held.
    async fn say_again(&self, playbook: &Playbook, held: &[Notice], now: Instant) -> Result<SaidAgain> {
        let mut records = self.records(held).await?;
        let still = held.iter().filter(|notice| is_still_so(notice, &records));
        let again: Vec<Again<'_>> = still
            .filter_map(|notice| {
                let record = notice.item.as_ref().and_then(|item| records.get(item))?;
                Some(Again { notice, item: &record.item, rulings: &record.rulings })
            })
            .collect();
        let silences = self.store.silences(false).await?;
        let circumstances = Circumstances { silences: &silences, bad_addresses: self.bad_addresses().await? };
        let mut joinable = Joinable::new(self.store.open_deliveries(&contacts(&playbook.office)).await?);
        let cards: Vec<CardId> = again.iter().filter_map(|again| again.notice.card).collect();
        let taken = self.store.acknowledgements(&cards).await?;
        let notices = plan_again(&again, &taken, &playbook.office, &circumstances, &mut joinable, now);
        let mut by_item: BTreeMap<ItemKey, Vec<Planned>> = BTreeMap::new();
        for planned in notices {
            if let Some(item) = planned.notice.item.clone() {
                by_item.entry(item).or_default().push(planned);
            }
        }
        let placed = |notices: &[Planned]| notices.iter().filter(|planned| planned.placement.is_some()).count();
        let items = by_item.into_iter().filter_map(|(item, notices)| {
            let record = records.remove(&item)?;
            Some(looked_at(record, now + LOOK_AGAIN, notices))
        });
        let turn = Turn { items: items.collect(), ..Turn::default() };
        if turn.items.is_empty() {
            return Ok(SaidAgain::default());
        }
        let lost = self.store.commit(&turn).await?.lost;
        let is_lost = |write: &&ItemWrite| lost.contains(&write.record.item.key);
        let (lost, written): (Vec<_>, Vec<_>) = turn.items.iter().partition(is_lost);
        let count = |writes: Vec<&ItemWrite>| writes.into_iter().map(|write| placed(&write.notices)).sum();
        Ok(SaidAgain { planned: count(written), lost: count(lost) })
    }

    async fn records(&self, notices: &[Notice]) -> Result<HashMap<ItemKey, ItemRecord>> {
        let items: HashSet<ItemKey> = notices.iter().filter_map(|n| n.item.clone()).collect();
        let items: Vec<ItemKey> = items.into_iter().collect();
        Ok(self.store.load(&items).await?.into_iter().map(|r| (r.item.key.clone(), r)).collect())
    }

    /// Tells operators of deliveries that ended badly, and says what they said by the fallback channel: each once, whatever
    /// breaks in between. `true` if there may be more.
    pub async fn report(&self, playbook: &Playbook, now: Instant) -> Result<bool> {
        let ended = self.store.unreported(REPORTED).await?;
        let bad_addresses = self.bad_addresses().await?;
        let circumstances = Circumstances { silences: &[], bad_addresses };
        for (delivery, members) in &ended {
            let is_own = members.iter().all(|member| member.kind == NoticeKind::System);
            let last_words = |joinable: &mut Joinable| {
                let mut notices = plan_fallback(members, &playbook.office, &circumstances, joinable, now);
                if !is_own {
                    let (subject, body) = obituary(playbook, delivery, members, &notices);
                    notices.extend(plan_system(NoticeKind::System, &subject, &body, &playbook.office, joinable, now));
                }
                notices
            };
            // Should it break off in between, the same is said again under the same keys, and so once.
            if self.write_down(playbook, last_words).await? {
                self.store.commit(&Turn { reported: vec![delivery.id], ..Turn::default() }).await?;
            }
        }
        Ok(ended.len() == REPORTED)
    }

    /// Commits notices of no turn. A delivery that they join may be claimed before: then they are planned anew.
    async fn write_down(&self, playbook: &Playbook, plan: impl Fn(&mut Joinable) -> Vec<Planned>) -> Result<bool> {
        for _ in 0..TRIES {
            let mut joinable = Joinable::new(self.store.open_deliveries(&contacts(&playbook.office)).await?);
            let turn = Turn { notices: plan(&mut joinable), ..Turn::default() };
            if turn.notices.is_empty() || self.store.commit(&turn).await?.lost_notices.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
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

/// What became of notices that were planned again.
#[derive(Default)]
struct SaidAgain {
    planned: usize,
    /// Still held, because somebody else was faster.
    lost: usize,
}

/// An item as it is remembered, to be looked at by `at` at the latest.
fn looked_at(record: ItemRecord, at: Instant, notices: Vec<Planned>) -> ItemWrite {
    let record = ItemRecord { next_look_at: earliest(record.next_look_at, Some(at)), ..record };
    ItemWrite { record, keep_snapshot: false, transitions: Vec::new(), notices }
}

/// What was said and done about cards before.
#[derive(Default)]
struct History {
    said: HashMap<CardId, Vec<Notice>>,
    acknowledgements: Vec<Acknowledgement>,
    /// The transitions of items with an open card of which nothing was said.
    raised: HashMap<ItemKey, Vec<Transition>>,
}

/// Operators' messages of a turn.
#[derive(Default)]
struct System {
    bodies: BTreeMap<String, Body>,
    planned: Vec<Planned>,
}

/// Whether what a held notice says still stands. What takes something back is looked at when it is sealed.
fn is_still_so(notice: &Notice, records: &HashMap<ItemKey, ItemRecord>) -> bool {
    let record = notice.item.as_ref().and_then(|item| records.get(item));
    let takes_back = matches!(notice.kind, NoticeKind::Clear | NoticeKind::Revoke);
    record.is_some_and(|record| {
        let stands = |watch: &Watch| {
            (Some(watch.card), watch.episode, watch.level) == (notice.card, notice.episode, notice.level)
        };
        takes_back || record.watches.iter().any(stands)
    })
}

/// What operators hear of a delivery that ended badly: subject and text.
fn obituary(playbook: &Playbook, delivery: &DeliveryRecord, members: &[Notice], instead: &[Planned]) -> (String, Body) {
    let language = playbook.language;
    let title = match delivery.state {
        DeliveryState::Unknown => {
            language.pick("一封通知是否送达无法得知", "Nobody can know whether a message arrived")
        }
        _ => language.pick("一封通知未能送达", "A message could not be delivered"),
    };
    let name = playbook.office.directory.get(&delivery.contact).map_or(&*delivery.contact, |c| &c.name);
    let mut lines = vec![
        format!("{} {} → {name} ({})", delivery.id, delivery.channel, delivery.state.word()),
        delivery.reason.clone().unwrap_or_default(),
    ];
    let about = members.iter().filter_map(|member| member.item.as_ref()).map(ToString::to_string);
    let about: BTreeSet<String> = about.collect();
    lines.push(about.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", "));
    if let Some(planned) = instead.first() {
        let channel = &planned.notice.channel;
        lines.push(format!("{} {channel}", language.pick("已改由此通道发送：", "It goes out by another channel:")));
    }
    lines.retain(|line| !line.is_empty());
    (format!("dead:{}", delivery.id), Body { title: title.to_owned(), lines })
}

fn key(entry: &Entry) -> Option<&ItemKey> {
    match &entry.news {
        News::Fresh(item, _) => Some(&item.key),
        _ => entry.record.as_ref().map(|record| &record.item.key),
    }
}

/// Thinks about all entries away from the threads that wait for the network.
async fn think_all(
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
    let write = ItemWrite { record, keep_snapshot: false, transitions: Vec::new(), notices: Vec::new() };
    Some(Thought { item, write, errors: Vec::new(), problems: Vec::new(), other_playbook: false })
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
    let changed = fresh.is_some();
    let record = record.unwrap_or_else(|| blank(&item, fresh, now));
    let (missing_polls, left_at) = match news {
        News::Fresh(..) => (0, None),
        News::None => (record.missing_polls, record.left_at),
        News::Missing { polls, has_left } => (polls, record.left_at.or(has_left.then_some(now))),
    };
    let has_left = left_at.is_some();
    let other_playbook = known && record.judged_under != playbook.version;
    let rechecks = record.rulings.iter().any(|r| recheck_of(playbook, &r.rule).is_some());
    let (rulings, errors) = if has_left {
        (Vec::new(), Vec::new())
    } else if changed || other_playbook || rechecks {
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
            has_left,
        },
        &playbook.clockwork,
        now,
    );
    let noticed_at = if found.transitions.is_empty() { record.noticed_at } else { record.noticed_at.max(Some(now)) };
    let next_look_at = earliest(found.next_look_at, next_recheck(playbook, &rulings, now));
    let write = ItemWrite {
        keep_snapshot: changed,
        record: ItemRecord {
            item: (*item).clone(),
            digest: fresh.unwrap_or(record.digest),
            seen_at: if changed { now } else { record.seen_at },
            rulings,
            watches: found.watches,
            noticed_at,
            next_look_at,
            judged_under: playbook.version,
            missing_polls,
            left_at,
            ..record
        },
        transitions: found.transitions,
        notices: Vec::new(),
    };
    Some(Thought { item, write, errors, problems: found.problems, other_playbook })
}

fn blank(item: &Item, digest: Option<Digest>, now: Instant) -> ItemRecord {
    ItemRecord {
        item: item.clone(),
        digest: digest.unwrap_or_else(|| item.digest()),
        first_seen_at: now,
        seen_at: now,
        rulings: Vec::new(),
        watches: Vec::new(),
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
