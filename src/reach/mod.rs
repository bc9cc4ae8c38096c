//! **Reach**: which servers a request may go to, and whom it believes there. Channels and sources have it in common.
//!
//! **Invariant:** no connection stands before the guard has judged its address; a certificate that is not believed ends
//! the connection.

use std::fmt::Display;

pub mod address;
pub mod trust;

/// A key of a configuration that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: expected {expected}, got {got}")]
pub struct KeyError {
    /// The key inside its table.
    pub key: &'static str,
    /// What can stand there.
    pub expected: String,
    /// What stands there.
    pub got: String,
}

impl KeyError {
    pub(crate) fn new(key: &'static str, expected: impl Into<String>, got: impl Display) -> Self {
        Self { key, expected: expected.into(), got: got.to_string() }
    }
}
