//! **Known**: what is remembered of a source's items, a million of them in some dozens of megabytes: ids lie end to end,
//! and an index of positions finds them by their hash.

use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::core::digest::Digest;

/// What is remembered of a source's items, by id.
#[derive(Debug, Default)]
pub struct Known {
    ids: String,
    items: Vec<Remembered>,
    /// The position of each item, plus one, in the first free place from that of its id's hash on. There is always one.
    index: Vec<u32>,
    hashes: RandomState,
}

/// What is remembered of one item.
#[derive(Debug)]
pub struct Remembered {
    /// Where its id ends.
    end: usize,
    /// What the source said last.
    digest: Digest,
    /// In how many polls running it was missing.
    pub missing_polls: u32,
    /// Whether this poll shows it, be it as a broken row.
    seen: AtomicBool,
}

impl Remembered {
    /// Whether this poll shows it.
    pub fn is_seen(&self) -> bool {
        self.seen.load(Ordering::Relaxed)
    }

    /// Notes that this poll shows it.
    pub fn see(&self) {
        self.seen.store(true, Ordering::Relaxed);
    }

    /// Whether an item is as it is remembered.
    pub fn is_same(&self, digest: Digest) -> bool {
        self.digest == digest && self.missing_polls == 0
    }
}

impl Known {
    /// Room for about so many: buffers that have to grow leave holes behind.
    pub fn with_room_for(count: usize) -> Self {
        Self { items: Vec::with_capacity(count), ..Self::default() }
    }

    /// Adds what a page of the memory says.
    pub fn extend(&mut self, page: Vec<(Arc<str>, Digest, u32)>) {
        if self.ids.is_empty() && !page.is_empty() {
            let ids: usize = page.iter().map(|(id, ..)| id.len()).sum();
            self.ids.reserve(ids.div_ceil(page.len()) * self.items.capacity());
        }
        for (id, digest, missing_polls) in page {
            self.ids.push_str(&id);
            let (end, seen) = (self.ids.len(), AtomicBool::new(false));
            self.items.push(Remembered { end, digest, missing_polls, seen });
        }
    }

    /// The same, ready to be asked.
    pub fn indexed(mut self) -> Self {
        let places = (self.items.len() * 2).next_power_of_two();
        self.index = vec![0; places];
        for position in 0..self.items.len() {
            let mut place = self.place(&self.ids[self.span(position)]);
            while self.index[place] != 0 {
                place = (place + 1) % places;
            }
            self.index[place] = u32::try_from(position + 1).expect("a poll has fewer rows, and a source fewer items");
        }
        self
    }

    /// What is remembered of an item.
    pub fn get(&self, id: &str) -> Option<&Remembered> {
        let mut place = self.place(id);
        loop {
            let position = (*self.index.get(place)? as usize).checked_sub(1)?;
            if self.ids[self.span(position)] == *id {
                return self.items.get(position);
            }
            place = (place + 1) % self.index.len();
        }
    }

    /// All items, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Remembered)> {
        self.items.iter().enumerate().map(|(position, item)| (&self.ids[self.span(position)], item))
    }

    fn span(&self, position: usize) -> Range<usize> {
        let start = position.checked_sub(1).map_or(0, |before| self.items[before].end);
        start..self.items[position].end
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower bits of a hash are as good as any")]
    fn place(&self, id: &str) -> usize {
        self.hashes.hash_one(id) as usize & self.index.len().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(of: &str) -> Digest {
        Digest::of([of.as_bytes()])
    }

    #[test]
    fn every_item_is_found_and_nothing_else() {
        let ids: Vec<String> = (0..1_000).map(|number| format!("{}号{number}", "件".repeat(number % 7))).collect();
        let mut known = Known::default();
        for page in ids.chunks(300) {
            known.extend(page.iter().map(|id| (id.as_str().into(), digest(id), 0)).collect());
        }
        let known = known.indexed();
        for id in &ids {
            assert!(known.get(id).is_some_and(|item| item.is_same(digest(id)) && !item.is_seen()), "{id}");
        }
        for other in ["", "号", "号1000", "件号0", "件"] {
            assert!(known.get(other).is_none(), "{other}");
        }
        known.get("号7").expect("an item").see();
        let seen: Vec<&str> = known.iter().filter(|(_, item)| item.is_seen()).map(|(id, _)| id).collect();
        assert_eq!(seen, ["号7"]);
        assert_eq!(known.iter().count(), ids.len());
    }

    #[test]
    fn nothing_is_found_where_nothing_is_remembered() {
        assert!(Known::default().indexed().get("T1").is_none());
        assert!(Known::default().get("T1").is_none());
    }

    #[test]
    fn an_item_that_was_missing_is_not_the_same() {
        let mut known = Known::default();
        known.extend(vec![("T1".into(), digest("a"), 1), ("T2".into(), digest("a"), 0)]);
        let known = known.indexed();
        let is_same = |id: &str, text: &str| known.get(id).is_some_and(|item| item.is_same(digest(text)));
        assert_eq!((is_same("T1", "a"), is_same("T2", "a"), is_same("T2", "b")), (false, true, false));
    }
}
