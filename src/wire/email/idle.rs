//! Sessions that wait for the next mail.
//!
//! They are swept without a clock: each sweep says goodbye to what nobody took since the sweep before.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::session::Session;

pub(super) struct Idle {
    sweep_every: Duration,
    rows: Mutex<Rows>,
}

#[derive(Default)]
struct Rows {
    fresh: Vec<Session>,
    stale: Vec<Session>,
    swept: bool,
}

impl Idle {
    pub(super) fn new(longest: Duration) -> Self {
        Self { sweep_every: longest / 2, rows: Mutex::default() }
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session that was used last, if one waits.
    pub(super) fn take(&self) -> Option<Session> {
        let mut rows = self.rows();
        rows.fresh.pop().or_else(|| rows.stale.pop())
    }

    pub(super) fn put(self: &Arc<Self>, session: Session) {
        let mut rows = self.rows();
        rows.fresh.push(session);
        if !std::mem::replace(&mut rows.swept, true) {
            let (idle, every) = (Arc::downgrade(self), self.sweep_every);
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(every).await;
                    let Some(old) = idle.upgrade().and_then(|idle| idle.sweep()) else { return };
                    for mut session in old {
                        session.quit().await;
                    }
                }
            });
        }
    }

    /// What nobody took since the last sweep; nothing more to sweep when none waits.
    fn sweep(&self) -> Option<Vec<Session>> {
        let mut rows = self.rows();
        let fresh = std::mem::take(&mut rows.fresh);
        let old = std::mem::replace(&mut rows.stale, fresh);
        if old.is_empty() && rows.stale.is_empty() {
            rows.swept = false;
            return None;
        }
        Some(old)
    }
}
