//! **Sight**: what one poll shows, before anything is believed: which rows are broken, which chunks hold something new,
//! which items that are remembered were there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::known::Known;
use crate::core::Instant;
use crate::core::digest::Digest;
use crate::core::item::Item;
use crate::core::value::Value;
use crate::source::{Fetched, Rejection};

/// What a poll shows.
#[derive(Debug, Default)]
pub struct Sight {
    /// The rows that give no item, in their order.
    pub rejected: Vec<Rejection>,
    /// The chunks that hold something new or changed.
    pub news: Vec<usize>,
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
        sight.news.extend(part.has_news.then_some(chunk));
        sight.newest = sight.newest.max(part.newest);
    }
    sight
}

struct Part {
    rejected: Vec<Rejection>,
    has_news: bool,
    newest: Option<Instant>,
}

fn see_chunk(fetched: &Fetched, chunk: usize, known: Option<&Known>, cursor: Option<&str>) -> Part {
    let mapped = fetched.map(chunk);
    let mut part = Part { rejected: mapped.rejected, has_news: false, newest: None };
    let remembered = |id: &Arc<str>| known.and_then(|known| known.get(id));
    for item in &mapped.items {
        let remembered = remembered(&item.key.id);
        if let Some(remembered) = remembered {
            remembered.see();
        }
        // One that holds news is enough to say that the chunk does.
        part.has_news = part.has_news || !remembered.is_some_and(|remembered| remembered.is_same(item.digest()));
        part.newest = part.newest.max(cursor.and_then(|field| instant(item, field)));
    }
    for remembered in part.rejected.iter().filter_map(|rejection| remembered(rejection.id.as_ref()?)) {
        remembered.see();
    }
    part
}

fn instant(item: &Item, field: &str) -> Option<Instant> {
    item.fields.get(field).and_then(Value::as_instant)
}

/// The items of one chunk that are not as they are remembered, with their digests. A chunk that could be mapped before
/// can be mapped again. The work begins at once, whether or not it is waited for.
pub fn news(
    fetched: Arc<Fetched>,
    chunk: usize,
    known: Option<Arc<Known>>,
) -> impl Future<Output = Vec<(Item, Digest)>> {
    let is_news = move |(item, digest): &(Item, Digest)| {
        let remembered = known.as_ref().and_then(|known| known.get(&item.key.id));
        !remembered.is_some_and(|remembered| remembered.is_same(*digest))
    };
    let with_digest = |item: Item| {
        let digest = item.digest();
        (item, digest)
    };
    let work = move || fetched.map(chunk).items.into_iter().map(with_digest).filter(is_news).collect();
    let task = tokio::task::spawn_blocking(work);
    async { task.await.unwrap_or_default() }
}
