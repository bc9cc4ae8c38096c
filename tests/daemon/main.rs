//! The daemon from outside: the program itself on a site of its own, with real servers, signals and sudden ends.

#[path = "../support/mod.rs"]
mod support;

mod board;
mod gateways;
mod ground;
mod kills;
mod mail;
mod readiness;
mod signals;
mod sources;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by a test that measures time, and by one that loads the machine.
static MACHINE: Mutex<()> = Mutex::new(());

fn machine() -> MutexGuard<'static, ()> {
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}
