//! Sources as they are in the world: real servers, and files that other programs wrote.

#[path = "../support/mod.rs"]
mod support;

mod bridge;
mod sheets;
mod http;
mod http_faults;
mod http_login;
mod push;
