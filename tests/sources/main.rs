//! Sources as they are in the world: real servers, and files that other programs wrote.

#[path = "../support/mod.rs"]
mod support;

mod bridge;
mod sheets;
