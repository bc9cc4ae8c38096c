//! duban (督办).
pub mod core;
pub mod rules;
pub mod wire;
