//! The running daemon: it wires the parts together, owns the loops and talks to the service manager.
//!
//! **Invariant:** a loop is thin. What it does in one round stands in a function that takes `now`, and a loop that
//! stops making progress is seen from outside.

pub mod wiring;

pub mod storage;

pub mod go_live;

pub mod muster;

pub mod poll;

pub mod emergency;

pub mod clock;

mod trail;

pub mod key;

pub mod beats;

pub mod run;

pub mod systemd;
