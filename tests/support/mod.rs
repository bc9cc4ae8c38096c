//! What several tests need: real servers, and eyes for what they got.

// Each test binary uses its part of this.
#![allow(dead_code)]

pub mod authority;
pub mod command;
pub mod exim;
pub mod gateway;
pub mod letter;
