//! duban (督办).
pub mod core;
pub mod source;
pub mod wire;
