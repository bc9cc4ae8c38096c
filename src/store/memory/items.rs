//! Items with their snapshots and transitions, and the orders in which they are asked for.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use super::columns::{self, cut, name, plain};
use crate::core::Instant;
use crate::core::card::Transition;
use crate::core::digest::Digest;
use crate::core::item::ItemKey;
use crate::core::remark::{Remark, put};
use crate::store::{ItemRecord, ItemWrite, Snapshot};

/// All items.
#[derive(Debug, Clone, Default)]
pub struct Items {
    by_source: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Stored>>,
    /// When to look again, for those that are worth it.
    looks: BTreeSet<(Instant, ItemKey)>,
    /// By the playbook under which they were judged.
    judged: BTreeMap<Digest, BTreeSet<ItemKey>>,
    /// The items of remarks.
    remarks: BTreeMap<Digest, ItemKey>,
}

#[derive(Debug, Clone)]
struct Stored {
    record: ItemRecord,
    snapshots: Vec<Snapshot>,
    transitions: Vec<Transition>,
}

impl Items {
    /// Writes an item whose guard holds, in its next version.
    pub fn put(&mut self, write: &ItemWrite) {
        let key = columns::key(&write.record.item.key);
        let mut record = kept_record(&write.record);
        record.remarks.clear();
        if let Some(Stored { record: stored, .. }) = self.stored(&key) {
            record.remarks.clone_from(&stored.remarks);
            if write.kept.rulings {
                record.rulings.clone_from(&stored.rulings);
            }
            if write.kept.watches {
                record.watches.clone_from(&stored.watches);
            }
        }
        for remark in &write.remarks {
            let remark = kept_remark(remark);
            self.remarks.insert(remark.id, key.clone());
            put(&mut record.remarks, remark);
        }
        record.remarks.sort_by_key(|remark| (remark.at, remark.id));
        self.index(&key, &record);
        let snapshot = write.keep_snapshot.then(|| snapshot(&record));
        let transitions = write.transitions.iter().map(kept_transition);
        let stored = match self.by_source.entry(key.source).or_default().entry(key.id) {
            Entry::Vacant(place) => place.insert(Stored { record, snapshots: Vec::new(), transitions: Vec::new() }),
            Entry::Occupied(place) => {
                let stored = place.into_mut();
                stored.record = record;
                stored
            }
        };
        stored.snapshots.extend(snapshot);
        stored.transitions.extend(transitions);
    }

    /// Moves an item to where its new record belongs.
    fn index(&mut self, key: &ItemKey, new: &ItemRecord) {
        let old = self.stored(key).map(|stored| (stored.record.next_look_at, stored.record.judged_under));
        if let Some((next_look_at, judged_under)) = old {
            if let Some(at) = next_look_at {
                self.looks.remove(&(at, key.clone()));
            }
            if let Some(keys) = self.judged.get_mut(&judged_under) {
                keys.remove(key);
                if keys.is_empty() {
                    self.judged.remove(&judged_under);
                }
            }
        }
        if let Some(at) = new.next_look_at {
            self.looks.insert((at, key.clone()));
        }
        self.judged.entry(new.judged_under).or_default().insert(key.clone());
    }

    /// The item under a key without NUL.
    fn stored(&self, key: &ItemKey) -> Option<&Stored> {
        self.by_source.get(&key.source)?.get(&key.id)
    }

    pub fn get(&self, key: &ItemKey) -> Option<&ItemRecord> {
        self.stored(&columns::key(key)).map(|stored| &stored.record)
    }

    pub fn count(&self) -> u64 {
        self.by_source.values().map(|ids| ids.len() as u64).sum()
    }

    pub fn digests(&self, source: &str, after: Option<&str>, limit: usize) -> Vec<(Arc<str>, Digest, u32)> {
        let after = after.map(plain);
        let begin = after.as_deref().map_or(Unbounded, Excluded);
        let ids = self.by_source.get(&*plain(source)).into_iter();
        let found = ids.flat_map(|ids| ids.range::<str, _>((begin, Unbounded))).take(limit);
        found.map(|(id, stored)| (id.clone(), stored.record.digest, stored.record.missing_polls)).collect()
    }

    pub fn stale(&self, playbook: Digest, limit: usize) -> Vec<ItemKey> {
        let after = self.judged.range((Excluded(playbook), Unbounded));
        self.judged.range(..playbook).chain(after).flat_map(|(_, keys)| keys).take(limit).cloned().collect()
    }

    pub fn due(&self, source: Option<&str>, now: Instant, limit: usize) -> Vec<ItemKey> {
        let due = self.looks.iter().take_while(|(at, _)| *at <= now).filter(|(_, key)| is_of(key, source));
        due.take(limit).map(|(_, key)| key.clone()).collect()
    }

    pub fn next_look_at(&self, source: Option<&str>) -> Option<Instant> {
        self.looks.iter().find(|(_, key)| is_of(key, source)).map(|(at, _)| *at)
    }

    pub fn load(&self, keys: &[ItemKey]) -> Vec<ItemRecord> {
        keys.iter().filter_map(|key| self.get(key)).cloned().collect()
    }

    pub fn find(&self, id: &str) -> Vec<ItemKey> {
        let id: Arc<str> = plain(id).into();
        let sources = self.by_source.iter().filter(|(_, ids)| ids.contains_key(&id));
        sources.map(|(source, _)| ItemKey::new(source.clone(), id.clone())).collect()
    }

    pub fn remarks(&self, beginning: &str, limit: usize) -> Vec<Remark> {
        let is_meant = |id: &Digest| id.to_string().starts_with(beginning);
        let meant = self.remarks.iter().filter(|(id, _)| is_meant(id));
        let found = meant.filter_map(|(id, key)| self.get(key)?.remarks.iter().find(|remark| remark.id == *id));
        let mut found: Vec<Remark> = found.cloned().collect();
        found.sort_by_key(|remark| std::cmp::Reverse((remark.at, remark.id)));
        found.truncate(limit);
        found
    }

    pub fn transitions(&self, key: &ItemKey) -> Vec<Transition> {
        let stored = self.stored(&columns::key(key));
        let mut found = stored.map(|stored| stored.transitions.clone()).unwrap_or_default();
        found.sort_by_key(|transition| transition.noticed_at);
        found
    }

    pub fn histories(&self, keys: &[ItemKey]) -> Vec<(ItemKey, Transition)> {
        let of = |key: &ItemKey| self.transitions(key).into_iter().map(|t| (columns::key(key), t)).collect::<Vec<_>>();
        keys.iter().flat_map(of).collect()
    }

    pub fn snapshots(&self, key: &ItemKey) -> Vec<Snapshot> {
        self.stored(&columns::key(key)).map(|stored| stored.snapshots.clone()).unwrap_or_default()
    }
}

fn kept_record(record: &ItemRecord) -> ItemRecord {
    let mut kept = record.clone();
    (kept.first_seen_at, kept.seen_at) = (cut(kept.first_seen_at), cut(kept.seen_at));
    (kept.noticed_at, kept.next_look_at) = (kept.noticed_at.map(cut), kept.next_look_at.map(cut));
    kept.version += 1;
    kept
}

fn kept_remark(remark: &Remark) -> Remark {
    let mut kept = remark.clone();
    kept.item = columns::key(&kept.item);
    (kept.at, kept.by, kept.basis) = (cut(kept.at), plain(&kept.by), plain(&kept.basis));
    (kept.document, kept.approver) = (kept.document.as_deref().map(plain), kept.approver.as_deref().map(plain));
    if let Some(decision) = &mut kept.decision {
        (decision.at, decision.by, decision.why) = (cut(decision.at), plain(&decision.by), plain(&decision.why));
    }
    if let Some(taken) = &mut kept.revocation {
        (taken.at, taken.by, taken.why) = (cut(taken.at), plain(&taken.by), plain(&taken.why));
    }
    kept
}

fn snapshot(record: &ItemRecord) -> Snapshot {
    Snapshot { seen_at: record.seen_at, digest: record.digest, item: record.item.clone() }
}

fn kept_transition(transition: &Transition) -> Transition {
    let mut kept = transition.clone();
    (kept.rule, kept.name, kept.ladder) = (name(&kept.rule), name(&kept.name), kept.ladder.as_ref().map(name));
    (kept.at, kept.noticed_at) = (cut(kept.at), cut(kept.noticed_at));
    kept
}
/// Whether an item is of the source that is asked for, if one is.
fn is_of(key: &ItemKey, source: Option<&str>) -> bool {
    source.is_none_or(|source| *key.source == *plain(source))
}
