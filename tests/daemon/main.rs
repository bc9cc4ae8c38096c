//! The daemon from outside: the program itself on a site of its own, with real servers, signals and sudden ends.

#[path = "../support/mod.rs"]
mod support;

mod believed;
mod board;
mod clock;
mod disks;
mod gateways;
mod ground;
mod hostile;
mod kills;
mod mail;
mod maps;
mod matrix;
mod orders;
mod outages;
mod pair;
mod places;
mod proof;
mod reaching;
mod readiness;
mod receipts;
mod remarks;
mod replies;
mod sign;
mod signals;
mod sources;
mod storm;
mod threads;
mod waiting;

#[path = "../support/simulator/dice.rs"]
#[expect(dead_code, reason = "the simulator throws in more ways")]
mod dice;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Makes a test for each store of each scenario named, which is given the site.
macro_rules! on_both_stores {
    ($($scenario:ident),+ $(,)?) => {
        mod on_sqlite {
            $(
                #[test]
                fn $scenario() {
                    super::$scenario(&crate::support::site::Site::new());
                }
            )+
        }
        mod on_postgres {
            $(
                #[test]
                fn $scenario() {
                    super::$scenario(&crate::support::site::Site::on_postgres());
                }
            )+
        }
    };
}

pub(crate) use on_both_stores;

/// Held by a test that measures time, and by one that loads the machine.
static MACHINE: Mutex<()> = Mutex::new(());

fn machine() -> MutexGuard<'static, ()> {
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}
