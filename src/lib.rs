//! duban (督办): a daemon that watches the deadlines of other systems.
pub mod core;

pub mod time;

pub mod schedule;

pub mod secret;

pub mod tell;

pub mod calendars;

pub mod store;

pub mod wire;

pub mod daemon;

pub mod cli;
