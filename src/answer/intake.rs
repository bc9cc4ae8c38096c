//! What takes the rows that a system brings by itself.

use std::fmt::Debug;

use async_trait::async_trait;
use serde::Serialize;

/// Takes the calls of one source.
#[async_trait]
pub trait Intake: Send + Sync + Debug {
    /// Whether a caller knows the token.
    fn opens_with(&self, token: &str) -> bool;

    /// The most bytes of one call.
    fn max_bytes(&self) -> usize;

    /// Takes the body of one call, and answers when what follows from it is stored.
    async fn take(&self, body: Vec<u8>) -> Result<Taken, Refusal>;
}

/// What a call came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// Rows that came.
    pub rows: u64,
    /// Rows beside them that the source's map left out on purpose.
    #[serde(skip_serializing_if = "is_none")]
    pub left_out_rows: u64,
    /// Items that were new or changed.
    pub changed: usize,
    /// Rows that were kept out.
    pub rejected_rows: usize,
    /// The first of them.
    pub rejected: Vec<Kept>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
const fn is_none(rows: &u64) -> bool {
    *rows == 0
}

/// A row that was kept out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Which one.
    pub place: String,
    /// Why.
    pub reason: String,
}

/// Why a call changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is not what a call looks like.
    Form(String),
    /// It is, and what it says is not believed.
    Doubted(String, Taken),
    /// It may be good, and must be made again.
    Later(String),
}
