//! The audit trail.

use crate::core::audit::{Act, Entry, Head};

/// Entries as they came.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    entries: Vec<Entry>,
}

impl Trail {
    pub fn append<'a>(&mut self, acts: impl IntoIterator<Item = &'a Act>) {
        let mut head = self.head();
        self.entries.extend(acts.into_iter().map(|act| head.append(act)));
    }

    pub fn after(&self, seq: u64, limit: usize) -> Vec<Entry> {
        let first = usize::try_from(seq).unwrap_or(usize::MAX);
        self.entries.iter().skip(first).take(limit).cloned().collect()
    }

    pub fn head(&self) -> Head {
        self.entries.last().map_or(Head::START, |last| Head { seq: last.seq, hash: last.hash })
    }
}
