//! Where things go wrong: before and after every verb of the store, a process may end, stand still, or hear that the
//! store is away.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use duban::store::{Result, StoreError};
use tokio::sync::Notify;

/// What happens to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// It ends without a word.
    Crash,
    /// It stands still, and wakes up later.
    Freeze,
    /// The store is away for this one verb; what it wrote may have been written.
    Away,
}

/// Where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before a verb that reads.
    Reading,
    /// Before a verb that writes.
    BeforeWriting,
    /// After a verb that wrote.
    AfterWriting,
}

/// A mishap that is to come.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// What.
    pub mishap: Mishap,
    /// Where.
    pub place: Place,
    /// How often it goes well before.
    pub after: usize,
}

/// The gate of one process.
#[derive(Debug, Default)]
pub struct Gate {
    plan: Mutex<Option<Plan>>,
    halted: Notify,
    thaw: Notify,
    has_slept: AtomicBool,
    has_crashed: AtomicBool,
}

impl Gate {
    /// Plans a mishap, or none.
    pub fn plan(&self, plan: Option<Plan>) {
        *self.plan.lock().expect("nobody broke at the gate") = plan;
    }

    /// Forgets that the process stood still: it begins something new.
    pub fn begin(&self) {
        self.has_slept.store(false, Ordering::Relaxed);
    }

    /// Whether the process stood still over what it does now, so that the world went on without it.
    pub fn has_slept(&self) -> bool {
        self.has_slept.load(Ordering::Relaxed)
    }

    /// Returns when the process crashed or stands still, and says whether it crashed.
    pub async fn halted(&self) -> bool {
        self.halted.notified().await;
        self.has_crashed.load(Ordering::Relaxed)
    }

    /// Lets a process that stands still go on.
    pub fn thaw(&self) {
        self.thaw.notify_one();
    }

    /// Lets a verb through, or not.
    pub async fn pass(&self, place: Place) -> Result<()> {
        match self.meet(place) {
            None => Ok(()),
            Some(Mishap::Away) => Err(StoreError::Unavailable("it is away for a moment".into())),
            Some(mishap @ (Mishap::Crash | Mishap::Freeze)) => {
                self.has_crashed.store(mishap == Mishap::Crash, Ordering::Relaxed);
                self.halted.notify_one();
                // A process that crashed is dropped while it waits here.
                self.thaw.notified().await;
                self.has_slept.store(true, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    fn meet(&self, place: Place) -> Option<Mishap> {
        let mut plan = self.plan.lock().expect("nobody broke at the gate");
        let planned = plan.as_mut().filter(|planned| planned.place == place)?;
        if planned.after > 0 {
            planned.after -= 1;
            return None;
        }
        plan.take().map(|planned| planned.mishap)
    }
}
