//! duban (督办).
pub mod core;
pub mod time;
pub mod wire;
