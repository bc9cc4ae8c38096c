//! What several tests need: real servers, the program itself, and eyes for what they got.

// Each test binary uses its part of this.
#![allow(dead_code)]

pub mod authority;
pub mod canary;
pub mod command;
pub mod daemon;
pub mod exim;
pub mod forwarder;
pub mod gateway;
pub mod hostile;
pub mod house;
pub mod letter;
pub mod mariadb;
pub mod memory;
pub mod patience;
pub mod post;
pub mod postgres;
pub mod proxy;
pub mod script;
pub mod sink;
pub mod site;
pub mod stage;
pub mod vendor;

/// Whether what takes minutes is wanted too: `tests/run --long`.
#[expect(clippy::disallowed_methods, reason = "what a test run is asked for, it is asked for by the environment")]
pub fn is_long() -> bool {
    std::env::var_os("DUBAN_TEST_LONG").is_some()
}
