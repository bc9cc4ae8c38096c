//! Playbooks, rule versions, sources and schedules.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::columns::{cut, name, plain};
use crate::core::Instant;
use crate::core::digest::Digest;
use crate::store::{PlaybookRecord, Result, RuleRecord, SourceRecord, StoreError};

/// What was put in force, and what the loops write down about themselves.
#[derive(Debug, Clone, Default)]
pub struct Playbooks {
    known: HashMap<Digest, PlaybookRecord>,
    in_force: Option<Digest>,
    /// As they came; each (rule, version) once.
    rules: Vec<RuleRecord>,
    seen_rules: HashSet<(Arc<str>, Digest)>,
    sources: BTreeMap<Arc<str>, SourceRecord>,
    fired: HashMap<String, Instant>,
}

impl Playbooks {
    pub fn put(&mut self, playbook: &PlaybookRecord, rules: &[RuleRecord]) {
        let known = self.known.entry(playbook.version).or_insert_with(|| playbook.clone());
        (known.at, known.by) = (cut(playbook.at), plain(&playbook.by));
        self.in_force = Some(playbook.version);
        for rule in rules {
            let rule = kept_rule(rule);
            if self.seen_rules.insert((rule.rule.clone(), rule.version)) {
                self.rules.push(rule);
            }
        }
    }

    pub fn in_force(&self) -> Option<PlaybookRecord> {
        self.known.get(&self.in_force?).cloned()
    }

    /// Refuses what was planned under a playbook that is not in force.
    pub fn check(&self, planned_under: Option<Digest>) -> Result<()> {
        if planned_under.is_none() || planned_under == self.in_force {
            Ok(())
        } else {
            Err(StoreError::OtherPlaybook(self.in_force))
        }
    }

    pub fn rule_versions(&self) -> Vec<RuleRecord> {
        let mut rules = self.rules.clone();
        rules.sort_by_key(|rule| rule.at);
        rules
    }

    pub fn put_source(&mut self, source: &SourceRecord) {
        let kept = kept_source(source);
        self.sources.insert(kept.source.clone(), kept);
    }

    pub fn sources(&self) -> Vec<SourceRecord> {
        self.sources.values().cloned().collect()
    }

    pub fn put_fired(&mut self, schedule: &str, at: Instant) {
        self.fired.insert(plain(schedule), cut(at));
    }

    pub fn last_fired(&self, schedule: &str) -> Option<Instant> {
        self.fired.get(&plain(schedule)).copied()
    }
}

fn kept_rule(rule: &RuleRecord) -> RuleRecord {
    RuleRecord {
        rule: name(&rule.rule),
        version: rule.version,
        at: cut(rule.at),
        by: plain(&rule.by),
        text: plain(&rule.text),
        tables: rule.tables.clone(),
    }
}

fn kept_source(source: &SourceRecord) -> SourceRecord {
    // The greatest number that a column holds.
    let count = |rows: u64| rows.min(i64::MAX.unsigned_abs());
    SourceRecord {
        source: name(&source.source),
        good_at: source.good_at.map(cut),
        good_rows: source.good_rows.map(count),
        cursor_at: source.cursor_at.map(cut),
        polled_at: source.polled_at.map(cut),
        took_ms: count(source.took_ms),
        rows: count(source.rows),
        rejected: count(source.rejected),
        changed: count(source.changed),
        missing: count(source.missing),
        trouble: source.trouble.as_deref().map(plain),
        doubted_at: source.doubted_at.map(cut),
    }
}
