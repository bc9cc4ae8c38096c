//! The Rhai host: operator-written rules, each one file, say which response windows an item is under.
//!
//! A rule is data in, data out. [`Rulebook`] compiles the files of a playbook and judges items by them; what a rule may
//! say stands in `rules/README.md`, which [`mod@reference`] writes from the registered words, and [`mechanisms`] from what
//! rules serve.
//!
//! **Invariant:** a rule has no clock, no IO and no state; one that breaks on one item spoils that item's result for
//! that rule and nothing else; nothing outside this module knows Rhai.

pub mod rulebook;

pub mod maps;

pub mod error;

pub mod table;

pub mod version;

pub mod lint;

pub mod cases;

pub mod reference;

pub mod mechanisms;

mod budget;
mod call;
mod collections;
mod days;
mod engine;
mod facts;
mod kinds;
mod operators;
mod shape;
mod texts;
mod vocabulary;
mod words;

pub use engine::is_property;
pub use error::{ErrorKind, RuleError};
pub use rulebook::{Judged, Judgement, RuleFile, RuleInfo, Rulebook};
pub use table::{TableError, Tables};
