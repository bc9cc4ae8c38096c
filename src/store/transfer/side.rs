//! What a transfer asks of an engine, on either side.

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use super::Result;
use super::table::{Row, Table};
use crate::core::audit::Head;

/// A batch is closed when its rows are longer than this.
pub const BATCH_BYTES: usize = 4 << 20;

/// A store inside one transaction.
#[async_trait]
pub trait Side: Send {
    /// What it is called, without any secret.
    fn name(&self) -> String;

    /// Looks again whether a daemon uses it, where nothing keeps one out.
    async fn check_alone(&mut self) -> Result<()> {
        Ok(())
    }

    /// Its tables and their columns, without what the engine computes itself and without the list of migrations.
    async fn tables(&mut self) -> Result<Vec<Table>>;

    /// How many rows a table has.
    async fn count(&mut self, table: &Table) -> Result<u64>;

    /// A table's rows in the order of [`Table::order`], as they come: never all of them in memory.
    fn rows<'a>(&'a mut self, table: &'a Table) -> BoxStream<'a, Result<Row>>;

    /// How many rows one statement takes.
    fn room(&self, table: &Table) -> usize;

    /// Adds rows.
    async fn add(&mut self, table: &Table, rows: Vec<Row>) -> Result<()>;

    /// Writes down where the audit trail ends.
    async fn put_head(&mut self, head: Head) -> Result<()>;

    /// Does what a table needs after its last row: its own numbering goes on after the highest.
    async fn settle(&mut self, table: &Table) -> Result<()>;

    /// Keeps what was added.
    async fn commit(self: Box<Self>) -> Result<()>;

    /// Forgets what was added.
    async fn leave(self: Box<Self>);
}
