//! **Mapping**: what the columns of a source mean. Pure: from cells to items.
//!
//! **Invariant:** a cell that cannot be read rejects its row and says so; nothing is guessed, and what is not known is
//! missing. The same cells give the same item.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDateTime;
use chrono_tz::Tz;

use crate::core::Instant;
use crate::core::digest::Digest;
use crate::core::value::{Name, Value};
use crate::rules::maps::RowMap;
use crate::source::moment::Moments;
use crate::source::waiting::Waiting;

pub(super) mod cells;
mod composed;
pub mod config;
mod draft;
mod names;
pub(super) mod plan;
pub(super) mod reading;

use composed::Composed;
use draft::Draft;

pub use config::{FieldKind, MappingConfig};
pub(super) use names::refusal as name_refusal;

/// A checked mapping of one source. Columns are numbered in the order of [`Mapping::columns`].
#[derive(Debug)]
pub struct Mapping {
    source: Name,
    columns: Vec<String>,
    id: usize,
    kind: Word,
    calendar: Option<Word>,
    fields: Vec<Field>,
    pauses: Option<Timed<PauseColumns>>,
    waiting: Option<Waiting>,
    extensions: Option<Timed<ExtensionColumns>>,
    /// The ways of writing times: the source's, then those that a field has for itself.
    moments: Vec<Moments>,
    missing: Vec<String>,
    raw: bool,
    /// Whether its columns need not be there: somebody only looks at what a source has.
    only_looks: bool,
    map: Option<Arc<RowMap>>,
    version: Digest,
}

/// Something with times, and which of the mapping's ways of writing times is theirs.
#[derive(Debug)]
struct Timed<T> {
    what: T,
    moments: usize,
}

/// What is wrong with a mapping, under which of its keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct MappingError {
    /// The key, such as `fields.title`.
    pub key: String,
    /// What is wrong: what was expected, what was got.
    pub problem: String,
}

/// A field that a mapping gives to every item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedField {
    /// The field's name.
    pub name: Name,
    /// What it holds.
    pub kind: FieldKind,
}

#[derive(Debug)]
enum Word {
    Constant(Arc<str>),
    Column { column: usize, values: BTreeMap<String, Arc<str>> },
}

#[derive(Debug)]
struct Field {
    name: Name,
    kind: FieldKind,
    origin: Timed<Origin>,
}

#[derive(Debug)]
enum Origin {
    Constant(Value),
    Column { column: usize, values: BTreeMap<String, Value> },
    Composed { text: Composed, values: BTreeMap<String, Value> },
}

#[derive(Debug)]
enum PauseColumns {
    Json(usize),
    One { from: usize, to: Option<usize>, kind: Option<Word>, basis: Option<Word> },
}

#[derive(Debug)]
enum ExtensionColumns {
    Json(usize),
    One { amount: usize, asked_at: Option<usize>, approved_at: Option<usize>, basis: Option<Word> },
}

impl Mapping {
    /// Checks a mapping and says everything that is wrong with it.
    pub fn new(source: &str, config: &MappingConfig) -> Result<Self, Vec<MappingError>> {
        let mut draft = Draft::new(config);
        let mut mapping = Self {
            source: source.into(),
            id: draft.column(&config.id, "id"),
            kind: draft.word(&config.kind, "kind"),
            calendar: config.calendar.as_ref().map(|word| draft.word(word, "calendar")),
            fields: config.fields.iter().map(|(name, field)| draft.field(name, field)).collect(),
            waiting: config.pauses.as_ref().and_then(|pauses| draft.waiting(pauses, config)),
            pauses: config.pauses.as_ref().and_then(|pauses| draft.pauses(pauses)),
            extensions: config.extensions.as_ref().and_then(|extensions| draft.extensions(extensions)),
            moments: Vec::new(),
            missing: config.missing.iter().map(|text| text.trim().to_owned()).collect(),
            raw: config.raw,
            only_looks: false,
            columns: Vec::new(),
            map: None,
            version: Digest::of([format!("{config:?}").as_bytes()]),
        };
        if mapping.calendar.is_some() && config.fields.contains_key("calendar") {
            draft.wrong("calendar", "declared twice, here and under fields");
        }
        (mapping.columns, mapping.moments) = draft.end()?;
        Ok(mapping)
    }

    /// Lets a map see each row before this mapping does.
    #[must_use]
    pub fn with_map(self, map: Arc<RowMap>) -> Self {
        let version = Digest::of([self.version.to_string().as_bytes(), map.version().to_string().as_bytes()]);
        Self { map: Some(map), version, ..self }
    }

    /// The same for who only looks at what a source has: none of its columns need be there. `hints` are names that
    /// columns may have, by which a spreadsheet's header is found.
    #[must_use]
    pub fn looking(mut self, hints: Vec<String>) -> Self {
        self.only_looks = true;
        if !hints.is_empty() {
            (self.id, self.columns) = (0, hints);
        }
        self
    }

    /// Whether none of its columns need be there.
    pub(super) const fn only_looks(&self) -> bool {
        self.only_looks
    }

    /// The source's name.
    pub fn source(&self) -> &Name {
        &self.source
    }

    /// The columns that it reads.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The columns that the source must have: those that it reads and no map gives.
    pub fn needed(&self) -> Vec<String> {
        self.columns.iter().filter(|column| !self.is_given(column)).cloned().collect()
    }

    /// Whether a map gives a column, so that the source need not have it.
    fn is_given(&self, column: &str) -> bool {
        self.map.as_ref().is_some_and(|map| map.gives(column))
    }

    /// The function that sees each row before this mapping does.
    pub(super) const fn map(&self) -> Option<&Arc<RowMap>> {
        self.map.as_ref()
    }

    /// Its identity, and that of its map: with another one the same rows may give other items.
    pub const fn version(&self) -> Digest {
        self.version
    }

    /// The column of the id.
    pub(super) fn id_column(&self) -> &str {
        &self.columns[self.id]
    }

    /// The number of that column among [`Self::columns`].
    pub(super) const fn id_number(&self) -> usize {
        self.id
    }

    /// Whether a cell's text means that nothing is known.
    pub(super) fn is_missing(&self, text: &str) -> bool {
        self.missing.iter().any(|missing| missing == text.trim())
    }

    /// The zone of times that name none.
    pub(super) fn zone(&self) -> Option<Tz> {
        self.moments.first().and_then(Moments::zone)
    }

    /// An instant as the source's own clock on the wall shows it; none is the beginning of time.
    pub(super) fn naive(&self, at: Option<Instant>) -> NaiveDateTime {
        let at = at.unwrap_or_default();
        self.zone().map_or_else(|| at.naive_utc(), |zone| at.with_timezone(&zone).naive_local())
    }

    /// The fields that every item has, beside those that exist on every item anyway.
    pub fn fields(&self) -> Vec<MappedField> {
        let fields = self.fields.iter().map(|field| MappedField { name: field.name.clone(), kind: field.kind });
        let calendar = self.calendar.as_ref().map(|_| MappedField { name: "calendar".into(), kind: FieldKind::Text });
        fields.chain(calendar).collect()
    }

    /// How pauses are inferred from the states in which items were seen, if they are.
    pub const fn waiting(&self) -> Option<&Waiting> {
        self.waiting.as_ref()
    }

    /// Whether items keep the source's own columns.
    pub const fn keeps_columns(&self) -> bool {
        self.raw
    }
}

#[cfg(test)]
mod tests;
