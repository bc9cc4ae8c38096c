//! The desk at which a source's own calls are taken, one after the other, by the same steps as a poll.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, Notify};

use super::{Happened, Shift};
use crate::answer::intake::{Intake, Kept, Refusal, Taken};
use crate::core::Instant;
use crate::daemon::poll::{Poll, Report};
use crate::daemon::wiring::Caller;
use crate::pipeline::Done;
use crate::source::Rejection;
use crate::source::push::{Pushed, Unfit};
use crate::store::StoreError;

/// How many rows that were kept out are named.
const NAMED: usize = 20;

/// The desk of one source.
pub(super) struct Desk {
    caller: Caller,
    /// What runs; nothing after a reload, which has opened another desk.
    shift: Weak<Shift>,
    turn: Mutex<()>,
    /// It has called.
    pub(super) called: Notify,
}

impl Desk {
    pub fn new(caller: Caller, shift: &Arc<Shift>) -> Self {
        Self { caller, shift: Arc::downgrade(shift), turn: Mutex::default(), called: Notify::new() }
    }

    /// The source's name.
    pub fn name(&self) -> &str {
        &self.caller.polled.name
    }

    /// Whether somebody expects calls.
    pub fn is_expected(&self) -> bool {
        self.caller.silent_after.is_some()
    }

    /// Looks whether it has been silent for too long; says when to look again.
    pub async fn listen(&self, shift: &Shift) -> Result<Option<Instant>, StoreError> {
        let Some(silent_after) = self.caller.silent_after else { return Ok(None) };
        let _turn = self.turn.lock().await;
        let result = self.poll(shift, &|done| shift.tell(done)).listen(silent_after).await;
        shift.to_look.notify_one();
        result
    }

    fn poll<'a>(&'a self, shift: &'a Shift, heard: &'a (dyn Fn(&Done) + Sync)) -> Poll<'a> {
        Poll {
            polled: &self.caller.polled,
            store: &shift.store,
            pipeline: &shift.pipeline,
            playbook: &shift.playbook,
            heard,
            clock: &*shift.clock,
            now: shift.clock.now(),
        }
    }

    async fn store(&self, shift: &Shift, pushed: Pushed) -> Result<Taken, Refusal> {
        let polled = &self.caller.polled;
        let heard = |done: &Done| shift.tell(done);
        let poll = self.poll(shift, &heard);
        let report = poll.run_with(pushed.fetched, !pushed.complete).await.map_err(|e| {
            tracing::error!(source = %polled.name, "a call could not be stored: {e}");
            Refusal::Later(format!("not stored, call again: {e}"))
        })?;
        shift.to_look.notify_one();
        self.called.notify_one();
        let answer = answer(&report);
        if let Some(events) = &shift.events {
            let _ = events.send(Happened::Poll { source: polled.name.clone(), report });
        }
        answer.inspect(|taken| {
            tracing::info!(source = %polled.name, rows = taken.rows, changed = taken.changed, "took a call");
        })
    }
}

#[async_trait]
impl Intake for Desk {
    fn opens_with(&self, token: &str) -> bool {
        // What is compared are digests, so the time that it takes says nothing of the token.
        Sha256::digest(token) == Sha256::digest(self.caller.token.expose_secret())
    }

    fn max_bytes(&self) -> usize {
        self.caller.max_bytes
    }

    async fn take(&self, body: Vec<u8>) -> Result<Taken, Refusal> {
        let _turn = self.turn.lock().await;
        let later = || Refusal::Later("reloading, call again".to_owned());
        let source = self.caller.source.clone();
        let read = tokio::task::spawn_blocking(move || source.read(&body)).await;
        let read = read.map_err(|e| Refusal::Later(format!("the reading broke off, call again: {e}")))?;
        let pushed = read.map_err(|unfit| match unfit {
            Unfit::Form(problem) => Refusal::Form(problem),
            Unfit::Rows(problem) => Refusal::Doubted(problem.to_string(), Taken::default()),
        })?;
        let shift = self.shift.upgrade().filter(|shift| !shift.stop.is_cancelled()).ok_or_else(later)?;
        self.store(&shift, pushed).await
    }
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("source", &self.caller.polled.name).finish_non_exhaustive()
    }
}

fn answer(report: &Report) -> Result<Taken, Refusal> {
    let kept = |rejection: &Rejection| Kept { place: rejection.place.clone(), reason: rejection.reason.clone() };
    let taken = Taken {
        rows: report.rows,
        left_out_rows: report.left_out,
        changed: report.changed,
        rejected_rows: report.rejected.len(),
        rejected: report.rejected.iter().take(NAMED).map(kept).collect(),
    };
    match &report.trouble {
        Some(trouble) => Err(Refusal::Doubted(trouble.clone(), taken)),
        None if report.lost > 0 => Err(Refusal::Later(format!(
            "{} items were written by somebody else at the same time, call again",
            report.lost
        ))),
        None => Ok(taken),
    }
}
