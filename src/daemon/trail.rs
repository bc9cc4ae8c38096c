//! The end of the audit trail, said in the log once a day: who keeps logs elsewhere can prove by it that nothing was
//! changed up to there.

use chrono::TimeDelta;

use crate::core::Instant;
use crate::store::{Result, Store};

/// How often.
const EVERY: TimeDelta = TimeDelta::days(1);

/// When it was said last.
const SAID: &str = "audit:said";

/// Says where the trail ends, if that is due; when it is due again is the answer.
pub async fn say(store: &dyn Store, now: Instant) -> Result<Instant> {
    if let Some(due) = store.last_fired(SAID).await?.map(|said| said + EVERY).filter(|due| now < *due) {
        return Ok(due.min(now + EVERY));
    }
    let head = store.audit_head().await?;
    if head.seq > 0 {
        tracing::info!(seq = head.seq, hash = %head.hash, "the audit trail ends here; `duban audit verify --head` proves it");
    }
    store.fired(SAID, now).await?;
    Ok(now + EVERY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::MemoryStore;

    #[tokio::test]
    async fn it_is_said_once_a_day_also_over_restarts() {
        let store = MemoryStore::new();
        let noon: Instant = "2026-03-02T04:00:00Z".parse().expect("an instant");
        let hours = |hours| noon + TimeDelta::hours(hours);
        assert_eq!(say(&store, noon).await.expect("said"), hours(24));
        assert_eq!(say(&store, hours(7)).await.expect("not due"), hours(24));
        assert_eq!(say(&store, hours(30)).await.expect("said"), hours(54));
        // A clock that went back does not keep it waiting for ever.
        assert_eq!(say(&store, noon).await.expect("not due"), hours(24));
    }
}
