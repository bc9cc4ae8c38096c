//! duban (督办).
pub mod core;
pub mod daemon;
pub mod schedule;
pub mod secret;
pub mod time;
pub mod wire;
