//! **Sight**: what one poll shows, before anything is believed: which rows are broken, what is new, which items that are
//! remembered were there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

use super::known::{Known, Remembered};
use crate::core::Instant;
use crate::core::digest::Digest;
use crate::core::item::Item;
use crate::core::value::Value;
use crate::source::{Fetched, Rejection};

/// So many new items of a chunk are kept; where there are more, it is mapped again, which takes less than to keep them.
const KEPT: usize = 64;

/// What a poll shows.
#[derive(Debug, Default)]
pub struct Sight {
    /// The rows that give no item, in their order.
    pub rejected: Vec<Rejection>,
    /// What is new or changed, in the order of its chunks.
    pub news: Vec<News>,
    /// The newest instant of the cursor's field.
    pub newest: Option<Instant>,
}

/// Looks at all rows, on several threads. Without anything remembered, everything counts as news.
pub async fn see(fetched: Arc<Fetched>, known: Option<Arc<Known>>, cursor: Option<String>) -> Result<Sight, String> {
    let work = move || see_all(&fetched, known.as_deref(), cursor.as_deref());
    tokio::task::spawn_blocking(work).await.map_err(|e| format!("the mapping broke off: {e}"))
}

fn see_all(fetched: &Fetched, known: Option<&Known>, cursor: Option<&str>) -> Sight {
    const MOST_THREADS: usize = 8;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).clamp(1, MOST_THREADS);
    let next = AtomicUsize::new(0);
    let look = || {
        let mut parts = Vec::new();
        loop {
            let chunk = next.fetch_add(1, Ordering::Relaxed);
            if chunk >= fetched.chunks() {
                return parts;
            }
            parts.push((chunk, see_chunk(fetched, chunk, known, cursor)));
        }
    };
    let mut parts: Vec<(usize, Part)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..threads.min(fetched.chunks())).map(|_| scope.spawn(look)).collect();
        let mut parts = look();
        for thread in threads {
            match thread.join() {
                Ok(more) => parts.extend(more),
                // The caller hears of it as a broken task.
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        parts
    });
    parts.sort_unstable_by_key(|(chunk, _)| *chunk);
    let mut sight = Sight::default();
    for (chunk, part) in parts {
        sight.rejected.extend(part.rejected);
        sight.news.extend(News::of(part.fresh, chunk));
        sight.newest = sight.newest.max(part.newest);
    }
    sight
}

/// The items of one chunk that are not as they are remembered, with their digests.
#[derive(Debug)]
pub enum News {
    /// They are few.
    Few(Vec<(Item, Digest)>),
    /// They are many, of this chunk.
    Many(usize),
}

struct Part {
    rejected: Vec<Rejection>,
    /// At most one more than is kept.
    fresh: Vec<(Item, Digest)>,
    newest: Option<Instant>,
}

fn see_chunk(fetched: &Fetched, chunk: usize, known: Option<&Known>, cursor: Option<&str>) -> Part {
    let mut part = Part { rejected: Vec::new(), fresh: Vec::new(), newest: None };
    let remembered = |id: &Arc<str>| known.and_then(|known| known.get(id));
    fetched.map_each(chunk, &mut |row| match row {
        Ok(item) => {
            let remembered = remembered(&item.key.id);
            if let Some(remembered) = remembered {
                remembered.see();
            }
            part.newest = part.newest.max(cursor.and_then(|field| instant(&item, field)));
            if part.fresh.len() <= KEPT {
                part.fresh.extend(unless_same(item, remembered));
            }
        }
        Err(rejection) => {
            if let Some(remembered) = rejection.id.as_ref().and_then(remembered) {
                remembered.see();
            }
            part.rejected.push(rejection);
        }
    });
    part
}

fn instant(item: &Item, field: &str) -> Option<Instant> {
    item.fields.get(field).and_then(Value::as_instant)
}

impl News {
    fn of(fresh: Vec<(Item, Digest)>, chunk: usize) -> Option<Self> {
        match fresh.len() {
            0 => None,
            1..=KEPT => Some(Self::Few(fresh)),
            _ => Some(Self::Many(chunk)),
        }
    }

    fn each(self, fetched: &Fetched, known: Option<&Known>, see: &mut dyn FnMut((Item, Digest))) {
        match self {
            Self::Few(few) => few.into_iter().for_each(see),
            // A chunk that could be mapped before can be mapped again.
            Self::Many(chunk) => fetched.map_each(chunk, &mut |row| {
                let fresh = |item: Item| {
                    let remembered = known.and_then(|known| known.get(&item.key.id));
                    unless_same(item, remembered)
                };
                if let Some(fresh) = row.ok().and_then(fresh) {
                    see(fresh);
                }
            }),
        }
    }
}

/// The items of all news, so many at once. They are mapped beside whoever takes them, and hardly faster than they are
/// taken.
pub fn read(
    news: Vec<News>,
    fetched: Arc<Fetched>,
    known: Option<Arc<Known>>,
    at_once: usize,
) -> mpsc::Receiver<Vec<(Item, Digest)>> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        let mut waiting = Vec::new();
        for news in news {
            news.each(&fetched, known.as_deref(), &mut |fresh| {
                waiting.push(fresh);
                if waiting.len() == at_once {
                    // Nobody takes them any more once a turn has failed.
                    let _ = sender.blocking_send(std::mem::take(&mut waiting));
                }
            });
            if sender.is_closed() {
                return;
            }
        }
        if !waiting.is_empty() {
            let _ = sender.blocking_send(waiting);
        }
    });
    receiver
}

/// An item with its digest, unless it is as it is remembered.
fn unless_same(item: Item, remembered: Option<&Remembered>) -> Option<(Item, Digest)> {
    let digest = item.digest();
    let is_same = remembered.is_some_and(|remembered| remembered.is_same(digest));
    (!is_same).then_some((item, digest))
}
