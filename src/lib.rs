//! duban (督办).
pub mod core;
pub mod store;
pub mod wire;
