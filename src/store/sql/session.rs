//! One transaction on a SQL engine, and what an engine brings.

use async_trait::async_trait;

use super::rows::{Found, Row};
use crate::store::Result;

/// A single value that a statement is given, as `$1` and so on; the rows `r` come after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// A number or an instant.
    Number(i64),
    /// A text.
    Text(String),
    /// A text that may be missing.
    Maybe(Option<String>),
}

impl From<i64> for Given {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<String> for Given {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Option<String>> for Given {
    fn from(text: Option<String>) -> Self {
        Self::Maybe(text)
    }
}

/// Rows on their way into a statement, made when they are needed.
pub trait Rows<R>: IntoIterator<Item = R, IntoIter: Send> + Send {}

impl<R, I> Rows<R> for I where I: IntoIterator<Item = R, IntoIter: Send> + Send {}

/// A transaction. Dropped without [`Session::commit`], it changes nothing.
///
/// A statement *over rows* finds them as `r`, with the columns of their type; `{columns}` in it stands for the names of
/// these.
#[async_trait]
pub trait Session: Send + Sized {
    /// Runs a statement; how many rows it changed.
    async fn run(&mut self, statement: &'static str, given: &[Given]) -> Result<u64>;

    /// What a statement finds.
    async fn select<T: Found>(&mut self, statement: &'static str, given: &[Given]) -> Result<Vec<T>>;

    /// Runs a statement over rows, once for each batch of them. A batch is made while the one before it is written.
    async fn write<R: Row>(&mut self, statement: &'static str, given: &[Given], rows: impl Rows<R>) -> Result<()>;

    /// What a statement over rows finds; it runs once for each batch of them.
    async fn look_up<T: Found, R: Row>(&mut self, statement: &'static str, rows: impl Rows<R>) -> Result<Vec<T>>;

    /// The same, and keeps others from changing what it finds in the table that the statement calls `t`.
    async fn lock<T: Found, R: Row>(&mut self, statement: &'static str, rows: impl Rows<R>) -> Result<Vec<T>>;

    /// What a statement over a few rows, or none, finds; it runs once.
    async fn select_over<T: Found, R: Row>(
        &mut self,
        statement: &'static str,
        given: &[Given],
        rows: Vec<R>,
    ) -> Result<Vec<T>>;

    /// Lets other processes know, once this is committed, that something may be due.
    fn nudge(&mut self);

    /// Makes all of it last.
    async fn commit(self) -> Result<()>;
}

/// A SQL engine: where sessions come from, and the few statements that are its own.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// Its transactions.
    type Session: Session + 'static;

    /// What can be claimed, kept from others: by when, at most how many; over channels that are left out.
    const CLAIMABLE: &'static str;

    /// The same for some contacts only; over contacts and channels that are left out.
    const CLAIMABLE_OF: &'static str;

    /// Keeps others from entering the same names for the same thing until the end of the transaction, where others could:
    /// a number for the thing; over names.
    const ENTER: Option<&'static str>;

    /// The playbook in force, which stays so until the end of the transaction.
    const IN_FORCE: &'static str;

    /// What the clock of the engine's machine shows, in microseconds, if it is a machine of its own.
    const CLOCK: Option<&'static str> = None;

    /// A transaction that only reads, at one instant.
    async fn reading(&self) -> Result<Self::Session>;

    /// A transaction that writes.
    async fn writing(&self) -> Result<Self::Session>;

    /// Who holds the leases that are claimed here.
    fn holder(&self) -> &str;

    /// Returns when another process has written something that may be due; a hint that may stay out.
    async fn nudged(&self);

    /// Closes it.
    async fn close(&self);
}
