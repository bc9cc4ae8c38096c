//! What a filter held is said after all: a baseline is released, a silence ends.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::{BATCH, Pipeline};
use crate::core::Instant;
use crate::core::audit::Act;
use crate::core::card::{CardId, Watch};
use crate::core::digest::Digest;
use crate::core::item::ItemKey;
use crate::core::matcher::Suspect;
use crate::core::notice::{Hold, Notice, NoticeKind, Planned};
use crate::core::observe::earliest;
use crate::core::silence::Silence;
use crate::playbook::Playbook;
use crate::store::{ItemRecord, ItemWrite, Kept, Result, Turn};
use crate::tell::plan::{Again, Circumstances, Joinable, LOOK_AGAIN, plan_again};

/// Held notices that are looked at for one release.
const HELD: usize = 100_000;

impl Pipeline {
    /// What a baseline holds back and is still so.
    pub async fn held(&self) -> Result<Vec<Notice>> {
        let mut held = self.store.held_notices(&Hold::Baseline, HELD).await?;
        let cards: Vec<CardId> = held.iter().filter_map(|notice| notice.card).collect();
        let standing: HashSet<_> = self.store.standing(&cards).await?.into_iter().collect();
        let stands =
            |notice: &Notice| notice.card.is_some_and(|card| standing.contains(&(card, notice.episode, notice.level)));
        held.retain(|notice| outlasts(notice) || stands(notice));
        Ok(held)
    }

    /// Releases what a baseline held back; how many were planned. Who did so is entered with the first that are.
    pub async fn release(
        &self,
        playbook: &Arc<Playbook>,
        held: &[Notice],
        act: Option<&Act>,
        now: Instant,
    ) -> Result<usize> {
        let (mut count, mut act) = (0, act);
        for held in held.chunks(BATCH) {
            let again = self.say_again(playbook, held, act, now).await?;
            count += again.planned;
            act = act.filter(|_| !again.is_written);
            self.propose_released(playbook, held, now).await?;
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
                let again = self.say_again(playbook, held, None, now).await?;
                count += again.planned;
                is_lost |= again.lost > 0;
            }
            if silence.ended_by.is_some() && playbook.office.climbs() {
                self.wake(&silence, now).await?;
            }
            // What the courier was faster with is planned at the next look.
            if !is_lost {
                self.store.put_silence(&Silence { lifted_at: Some(now), ..silence }, None).await?;
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
    async fn say_again(
        &self,
        playbook: &Playbook,
        held: &[Notice],
        act: Option<&Act>,
        now: Instant,
    ) -> Result<SaidAgain> {
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
        let mut joinable = Joinable::default();
        let cards: Vec<CardId> = again.iter().filter_map(|again| again.notice.card).collect();
        let taken = self.store.acknowledgements(&cards).await?;
        let mut notices = plan_again(&again, &taken, &playbook.office, &circumstances, &mut joinable, now);
        self.join_open(notices.iter_mut().collect(), now).await?;
        let mut by_item: BTreeMap<ItemKey, Vec<Planned>> = BTreeMap::new();
        for planned in notices {
            if let Some(item) = planned.notice.item.clone() {
                by_item.entry(item).or_default().push(planned);
            }
        }
        let placed = |notices: &[Planned]| notices.iter().filter(|planned| planned.placement.is_some()).count();
        let keys: HashSet<Digest> = held.iter().map(|notice| notice.key).collect();
        let items = by_item.into_iter().filter_map(|(item, notices)| {
            let record = records.remove(&item)?;
            let again = notices.iter().map(|planned| planned.notice.key).filter(|key| keys.contains(key)).collect();
            Some(ItemWrite { again, ..looked_at(record, now + LOOK_AGAIN, notices) })
        });
        let turn = Turn { items: items.collect(), acts: act.cloned().into_iter().collect(), ..Turn::default() };
        if turn.items.is_empty() {
            return Ok(SaidAgain::default());
        }
        let lost = self.store.commit(&turn).await?.lost;
        let is_lost = |write: &&ItemWrite| lost.contains(&write.record.item.key);
        let (lost, written): (Vec<_>, Vec<_>) = turn.items.iter().partition(is_lost);
        let count = |writes: Vec<&ItemWrite>| writes.into_iter().map(|write| placed(&write.notices)).sum();
        Ok(SaidAgain { is_written: !written.is_empty(), planned: count(written), lost: count(lost) })
    }

    pub(super) async fn records(&self, notices: &[Notice]) -> Result<HashMap<ItemKey, ItemRecord>> {
        let items: HashSet<ItemKey> = notices.iter().filter_map(|n| n.item.clone()).collect();
        self.remembered(&items.into_iter().collect::<Vec<_>>()).await
    }
}

/// What became of notices that were planned again.
#[derive(Default)]
struct SaidAgain {
    /// Whether any item was written.
    is_written: bool,
    planned: usize,
    /// Still held, because somebody else was faster.
    lost: usize,
}

/// An item as it is remembered, to be looked at by `at` at the latest.
fn looked_at(record: ItemRecord, at: Instant, notices: Vec<Planned>) -> ItemWrite {
    let record = ItemRecord { next_look_at: earliest(record.next_look_at, Some(at)), ..record };
    ItemWrite { kept: Kept { rulings: true, watches: true }, notices, ..ItemWrite::of(record) }
}

/// Whether what a held notice says still stands. What takes something back is looked at when it is sealed.
fn is_still_so(notice: &Notice, records: &HashMap<ItemKey, ItemRecord>) -> bool {
    let record = notice.item.as_ref().and_then(|item| records.get(item));
    record.is_some_and(|record| {
        let stands = |watch: &Watch| {
            (Some(watch.card), watch.episode, watch.level) == (notice.card, notice.episode, notice.level)
        };
        outlasts(notice) || record.watches.iter().any(stands)
    })
}

/// Whether what a notice says stands whatever its card does.
fn outlasts(notice: &Notice) -> bool {
    let takes_back = matches!(notice.kind, NoticeKind::Clear | NoticeKind::Revoke);
    takes_back || notice.outlasts_its_card() || notice.because.gone
}
