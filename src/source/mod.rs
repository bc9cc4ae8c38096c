//! Sources: where items come from. A source reads a foreign system, and the [mapping] says what its columns mean.
//!
//! A poll has two steps. [`Source::fetch`] reads everything there is, or fails as a whole. [`Fetched::map`] turns it
//! into items a chunk at a time, which needs no IO and can be done on several threads. Between the two, the [guard]
//! judges whether the poll is believable.
//!
//! **Invariant:** what is fetched is complete. A row that cannot be read is a [`Rejection`] with its place and reason
//! and spoils no other row; whatever puts the whole poll in doubt is a [`PollError`]. Nothing in here writes to a
//! source.

use std::sync::Arc;

use async_trait::async_trait;

use crate::core::Instant;
use crate::core::item::Item;

pub mod attach;
pub mod csv;
pub mod guard;
pub mod guess;
pub mod http;
pub mod inbox;
pub mod joined;
mod json;
pub mod ledger;
pub mod mapping;
pub mod moment;
mod packed;
pub mod push;
mod reshaped;
mod sample;
pub mod sql;
pub mod sqlite;
mod statement;
mod table;
pub mod terms;
mod twins;
pub mod waiting;

use attach::Attachment;
use mapping::Mapping;
use mapping::plan::{self, Plan};
use mapping::reading::Reading;
use reshaped::Reshaped;
use table::{Row, Table};
use twins::{Twin, Twins};

pub use sample::Shown;
pub use table::MOST_ROWS;

/// A foreign system that can be asked for all its items.
#[async_trait]
pub trait Source: Send + Sync {
    /// Reads everything that the source has now; with an instant, what changed since then, of a source whose query or
    /// address asks for that.
    async fn fetch(&self, since: Option<Instant>) -> Result<Fetched, PollError>;

    /// Stops at the other end what a [`Self::fetch`] that was given up still has running there. What ends by itself when
    /// nobody listens needs none of it.
    async fn give_up(&self) {}

    /// Whether its query or address asks for what changed since an instant.
    fn asks_since(&self) -> bool {
        false
    }
}

/// Everything that one poll read, complete, and not yet mapped.
pub struct Fetched {
    table: Box<dyn Table>,
    plan: Plan,
    twins: Twins,
    left_out: u64,
    attachments: Vec<Arc<Attachment>>,
}

/// The items of one chunk, and the rows that gave none.
#[derive(Debug, Default)]
pub struct Mapped {
    /// The items, in the order of their rows.
    pub items: Vec<Item>,
    /// The rows that were kept out.
    pub rejected: Vec<Rejection>,
}

/// A row that is kept out of a poll. Its item, if it is known, keeps its last good state: it is not absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Where people find it: `tickets.csv:12`.
    pub place: String,
    /// Whose row it is, if that could be read.
    pub id: Option<Arc<str>>,
    /// Why: the column, what was expected, what was got.
    pub reason: String,
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

/// Why a whole poll is void. It changes nothing but the source's own health.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PollError {
    /// The source cannot be opened or read, or changed while it was read.
    #[error("{place}: {problem}")]
    Unreadable {
        /// The file or the database.
        place: String,
        /// What went wrong.
        problem: String,
    },
    /// The bytes are not in the declared encoding at all.
    #[error("{place}: expected {expected}, got {got}")]
    Encoding {
        /// The file.
        place: String,
        /// The declared encoding.
        expected: &'static str,
        /// What the bytes look like.
        got: String,
    },
    /// The rows cannot be told apart: a quote that never ends, a file that was cut, no header.
    #[error("{place}: {problem}")]
    Structure {
        /// The file and the line.
        place: String,
        /// What was expected, what was got.
        problem: String,
    },
    /// Columns that the mapping names are not there.
    #[error("{place}: {problem}")]
    Columns {
        /// The header's line, or the database.
        place: String,
        /// Which ones, what they may have been meant to be, and what is there.
        problem: String,
    },
    /// The database refused the query.
    #[error("{place}: {problem}")]
    Query {
        /// The database.
        place: String,
        /// What it says.
        problem: String,
    },
    /// The answer took too long, and the query was stopped.
    #[error("{place}: expected an answer within {limit_s} s, stopped asking")]
    Timeout {
        /// The database.
        place: String,
        /// The limit, in seconds.
        limit_s: u64,
    },
    /// The server does not know us, or not any more: a wrong or expired login.
    #[error("{place}: the login was refused: {problem}")]
    Login {
        /// The server.
        place: String,
        /// What it says.
        problem: String,
    },
    /// The server answered, and that was a refusal.
    #[error("{place}: {problem}")]
    Refused {
        /// The server.
        place: String,
        /// The status, and what it says.
        problem: String,
    },
    /// The server wants to be left alone for a while.
    #[error("{place}: the server limits how often it is asked, and is not asked again for {wait_s} s")]
    Busy {
        /// The server.
        place: String,
        /// What is left of the wait that it asked for, in seconds.
        wait_s: u64,
    },
    /// There is more than can be held.
    #[error("{place}: {problem}")]
    TooLarge {
        /// The file or the database.
        place: String,
        /// The limit.
        problem: String,
    },
}

impl Fetched {
    /// Finds the mapping's columns and the rows with the same id; `place` is where the columns stand.
    fn new(table: impl Table + 'static, mapping: Arc<Mapping>, place: &str) -> Result<Self, PollError> {
        if mapping.only_looks() {
            let plan = Plan::of_nothing(mapping);
            return Ok(Self {
                table: Box::new(table),
                plan,
                twins: Twins::new(),
                left_out: 0,
                attachments: Vec::new(),
            });
        }
        let places = plan::places(&mapping, table.columns())
            .map_err(|problem| PollError::Columns { place: place.to_owned(), problem })?;
        let Some(map) = mapping.map().cloned() else {
            let plan = Plan::new(mapping, table.columns(), places.into_iter().flatten().collect());
            return Ok(Self::of(Box::new(table), plan, 0));
        };
        let own = table.columns().len();
        let plan = Plan::new(mapping.clone(), table.columns(), (own..own + mapping.columns().len()).collect());
        let table = Reshaped::new(Box::new(table), &mapping, &map, places)
            .map_err(|problem| PollError::TooLarge { place: place.to_owned(), problem })?;
        let left_out = table.left_out() as u64;
        Ok(Self::of(Box::new(table), plan, left_out))
    }

    fn of(table: Box<dyn Table>, plan: Plan, left_out: u64) -> Self {
        let twins = twins::find(&*table, plan.id(), &plan.telling());
        Self { table, plan, twins, left_out, attachments: Vec::new() }
    }

    /// Puts attached rows on every item.
    fn with(self, attachments: Vec<Arc<Attachment>>) -> Self {
        Self { attachments, ..self }
    }

    /// How many rows the map of the source left out on purpose: they count as not there.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How many rows there are, among them those that will be rejected.
    pub fn rows(&self) -> u64 {
        self.table.rows() as u64
    }

    /// How many chunks the rows lie in.
    pub fn chunks(&self) -> usize {
        self.table.chunks()
    }

    /// The items of one chunk. Chunks can be mapped in any order and in parallel.
    pub fn map(&self, chunk: usize) -> Mapped {
        let mut mapped = Mapped::default();
        self.map_each(chunk, &mut |row| match row {
            Ok(item) => mapped.items.push(item),
            Err(rejection) => mapped.rejected.push(rejection),
        });
        mapped
    }

    /// The same, one row after the other, for those who do not keep them; rows that are as if they were not there are left
    /// out.
    pub fn map_each(&self, chunk: usize, see: &mut dyn FnMut(Result<Item, Rejection>)) {
        let mut reading = Reading::new(&self.plan, self.table.columns().len());
        self.table.visit(chunk, &mut |row| {
            if let Some(mapped) = self.map_row(&mut reading, &row) {
                see(mapped);
            }
        });
    }

    fn map_row(&self, reading: &mut Reading<'_>, row: &Row<'_, '_>) -> Option<Result<Item, Rejection>> {
        let reject = |id, reason: &str| {
            let place = self.table.place(row.number);
            Some(Err(Rejection { place, id, reason: reason.to_owned() }))
        };
        let twin = self.twins.get(&row.index);
        if let Some(reason) = &row.flaw {
            return reject(self.plan.id_of(row.cells), reason);
        }
        if twin == Some(&Twin::Copy) {
            return None;
        }
        match (reading.item(row.cells), twin) {
            (Ok(item), Some(Twin::Ambiguous(reason))) => reject(Some(item.key.id), reason),
            (Ok(mut item), _) => {
                let joined = self.attachments.iter().try_for_each(|rows| rows.join(&mut item));
                Some(joined.map(|()| item))
            }
            (Err(refusal), _) => reject(refusal.id, &refusal.reason),
        }
    }
}

impl std::fmt::Debug for Fetched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetched")
            .field("rows", &self.rows())
            .field("left_out", &self.left_out)
            .field("chunks", &self.chunks())
            .finish_non_exhaustive()
    }
}
