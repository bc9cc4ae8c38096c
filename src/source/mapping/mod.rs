//! **Mapping**: what the columns of a source mean. Pure: from cells to items.
//!
//! **Invariant:** a cell that cannot be read rejects its row and says so; nothing is guessed, and what is not known is
//! missing. The same cells give the same item.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chrono::NaiveDateTime;
use chrono_tz::Tz;

use crate::core::Instant;
use crate::core::value::{Name, Value};
use crate::source::moment::{Moments, USUAL_FORMATS};
use crate::source::table::proposal;
use crate::source::waiting::Waiting;

pub(super) mod cells;
pub mod config;
mod names;
pub(super) mod plan;
pub(super) mod reading;

use config::{ExtensionsConfig, FieldConfig, FieldTable, PausesConfig, WordConfig};
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
    pauses: Option<PauseColumns>,
    waiting: Option<Waiting>,
    extensions: Option<ExtensionColumns>,
    moments: Moments,
    missing: Vec<String>,
    raw: bool,
    /// Whether its columns need not be there: somebody only looks at what a source has.
    only_looks: bool,
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
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    Constant(Value),
    Column { column: usize, values: BTreeMap<String, Value> },
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
        let mut draft = Draft::default();
        let moments = draft.moments(config);
        let mut mapping = Self {
            source: source.into(),
            id: draft.column(&config.id, "id"),
            kind: draft.word(&config.kind, "kind"),
            calendar: config.calendar.as_ref().map(|word| draft.word(word, "calendar")),
            fields: config.fields.iter().map(|(name, field)| draft.field(name, field)).collect(),
            waiting: config.pauses.as_ref().and_then(|pauses| draft.waiting(pauses, config)),
            pauses: config.pauses.as_ref().and_then(|pauses| draft.pauses(pauses)),
            extensions: config.extensions.as_ref().and_then(|extensions| draft.extensions(extensions)),
            moments,
            missing: config.missing.iter().map(|text| text.trim().to_owned()).collect(),
            raw: config.raw,
            only_looks: false,
            columns: Vec::new(),
        };
        if mapping.calendar.is_some() && config.fields.contains_key("calendar") {
            draft.wrong("calendar", "declared twice, here and under fields");
        }
        if config.timezone.is_none() && mapping.reads_times() && mapping.moments.need_zone() {
            draft.wrong("timezone", "expected a zone such as \"Asia/Shanghai\", because times without one can occur");
        }
        mapping.columns = draft.columns;
        if draft.problems.is_empty() { Ok(mapping) } else { Err(draft.problems) }
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

    /// The columns that the source must have.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The column of the id.
    pub(super) fn id_column(&self) -> &str {
        &self.columns[self.id]
    }

    /// The zone of times that name none.
    pub(super) fn zone(&self) -> Option<Tz> {
        self.moments.zone()
    }

    /// An instant as the source's own clock on the wall shows it; none is the beginning of time.
    pub(super) fn naive(&self, at: Option<Instant>) -> NaiveDateTime {
        let at = at.unwrap_or_default();
        self.moments.zone().map_or_else(|| at.naive_utc(), |zone| at.with_timezone(&zone).naive_local())
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

    fn reads_times(&self) -> bool {
        self.fields.iter().any(|field| matches!(field.kind, FieldKind::Time | FieldKind::Json))
            || self.pauses.is_some()
            || self.extensions.is_some()
    }
}

/// Collects columns and problems while a mapping is checked.
#[derive(Default)]
struct Draft {
    columns: Vec<String>,
    problems: Vec<MappingError>,
}

impl Draft {
    fn wrong(&mut self, key: impl fmt::Display, problem: impl Into<String>) {
        self.problems.push(MappingError { key: key.to_string(), problem: problem.into() });
    }

    fn column(&mut self, name: &str, key: impl fmt::Display) -> usize {
        let name = name.trim();
        if name.is_empty() {
            self.wrong(key, "expected the name of a column, got nothing");
        }
        self.columns.iter().position(|column| column == name).unwrap_or_else(|| {
            self.columns.push(name.to_owned());
            self.columns.len() - 1
        })
    }

    fn moments(&mut self, config: &MappingConfig) -> Moments {
        let zone = config.timezone.as_deref().and_then(|name| {
            let zone = name.parse::<Tz>().ok();
            if zone.is_none() {
                let known = proposal(name, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
                self.wrong("timezone", format!("expected a zone such as \"Asia/Shanghai\", got {name:?}{known}"));
            }
            zone
        });
        let usual = || USUAL_FORMATS.iter().map(|&format| format.to_owned()).collect();
        let formats: Vec<String> = config.time_formats.clone().unwrap_or_else(usual);
        Moments::new(&formats, zone).unwrap_or_else(|problem| {
            self.wrong("time_formats", problem);
            Moments::new(&[], zone).expect("no format is no wrong format")
        })
    }

    fn word(&mut self, word: &WordConfig, key: &str) -> Word {
        match word {
            WordConfig::Constant(text) => {
                if text.trim().is_empty() {
                    self.wrong(key, "expected a word or { column = … }, got nothing");
                }
                Word::Constant(text.trim().into())
            }
            WordConfig::Column(column) => Word::Column {
                column: self.column(&column.column, key),
                values: column.values.iter().map(|(text, word)| (text.trim().to_owned(), word.trim().into())).collect(),
            },
        }
    }

    fn field(&mut self, name: &str, config: &FieldConfig) -> Field {
        let key = format!("fields.{name}");
        if let Some(refusal) = names::refusal(name) {
            self.wrong(&key, refusal);
        }
        let table = match config {
            FieldConfig::Column(column) => FieldTable { column: Some(column.clone()), ..FieldTable::default() },
            FieldConfig::Table(table) => table.clone(),
        };
        let (kind, origin) = self.origin(name, &key, &table);
        let instant = name.ends_with("_at");
        if instant != (kind == FieldKind::Time) {
            let rule = if instant { "a name that ends in _at is an instant" } else { "an instant's name ends in _at" };
            self.wrong(&key, format!("{rule}, got type {kind}"));
        }
        if names::TEXTS.contains(&name) && kind != FieldKind::Text {
            self.wrong(&key, format!("{name} is always text, got type {kind}"));
        }
        Field { name: name.into(), kind, origin }
    }

    fn origin(&mut self, name: &str, key: &str, table: &FieldTable) -> (FieldKind, Origin) {
        let usual = if name.ends_with("_at") { FieldKind::Time } else { FieldKind::Text };
        match (&table.column, &table.value) {
            (None, Some(value)) => {
                if table.kind.is_some_and(|kind| kind != value.kind()) || !table.values.is_empty() {
                    self.wrong(key, "a constant needs neither type nor values");
                }
                (value.kind(), Origin::Constant(value.value()))
            }
            (Some(column), None) => {
                let kind = table.kind.unwrap_or(usual);
                let column = self.column(column, key);
                (kind, Origin::Column { column, values: self.values(key, kind, table) })
            }
            _ => {
                self.wrong(key, "expected either column or value");
                (usual, Origin::Constant(Value::Missing))
            }
        }
    }

    fn values(&mut self, key: &str, kind: FieldKind, table: &FieldTable) -> BTreeMap<String, Value> {
        let fits = |constant: &config::Constant| match kind {
            FieldKind::Time | FieldKind::Json => false,
            FieldKind::Number => matches!(constant.kind(), FieldKind::Number | FieldKind::Integer),
            kind => constant.kind() == kind,
        };
        if let Some((text, _)) = table.values.iter().find(|(_, constant)| !fits(constant)) {
            self.wrong(key, format!("values: {text:?} stands for something that is no {kind}"));
        }
        table.values.iter().map(|(text, constant)| (text.trim().to_owned(), constant.value())).collect()
    }

    /// How pauses are inferred, if they are.
    fn waiting(&mut self, pauses: &PausesConfig, config: &MappingConfig) -> Option<Waiting> {
        if pauses.while_status.is_empty() {
            if pauses.since.is_some() {
                self.wrong("pauses.since", "expected it beside while_status only");
            }
            return None;
        }
        if pauses.column.is_some() || pauses.from.is_some() || pauses.to.is_some() {
            self.wrong("pauses", "expected either while_status, or columns");
        }
        if !config.fields.contains_key("status") {
            self.wrong("pauses.while_status", "expected that the field status is mapped");
        }
        if let Some(since) =
            pauses.since.as_ref().filter(|since| !since.ends_with("_at") || !config.fields.contains_key(*since))
        {
            self.wrong("pauses.since", format!("expected a mapped field that is an instant, got {since:?}"));
        }
        Some(Waiting {
            statuses: pauses.while_status.iter().map(|status| status.trim().into()).collect(),
            since: pauses.since.as_deref().map(Into::into),
            kind: self.constant(pauses.kind.as_ref(), "pauses.kind"),
            basis: self.constant(pauses.basis.as_ref(), "pauses.basis"),
        })
    }

    fn constant(&mut self, word: Option<&WordConfig>, key: &str) -> Option<Arc<str>> {
        match word? {
            WordConfig::Constant(text) => Some(text.trim().into()),
            WordConfig::Column(_) => {
                self.wrong(key, "expected a word beside while_status, got a column");
                None
            }
        }
    }

    fn pauses(&mut self, config: &PausesConfig) -> Option<PauseColumns> {
        if !config.while_status.is_empty() {
            return None;
        }
        let alone = config.from.is_none() && config.to.is_none() && config.kind.is_none() && config.basis.is_none();
        if let Some(json) = self.json_column("pauses", config.column.as_deref(), config.kind_of_column, alone) {
            return Some(PauseColumns::Json(json));
        }
        let Some(from) = &config.from else {
            self.wrong("pauses", "expected the columns from and to, { column = …, type = \"json\" }, or while_status");
            return None;
        };
        Some(PauseColumns::One {
            from: self.column(from, "pauses.from"),
            to: config.to.as_ref().map(|to| self.column(to, "pauses.to")),
            kind: config.kind.as_ref().map(|word| self.word(word, "pauses.kind")),
            basis: config.basis.as_ref().map(|word| self.word(word, "pauses.basis")),
        })
    }

    fn extensions(&mut self, config: &ExtensionsConfig) -> Option<ExtensionColumns> {
        let alone = [&config.amount, &config.asked_at, &config.approved_at].iter().all(|column| column.is_none());
        let alone = alone && config.basis.is_none();
        if let Some(json) = self.json_column("extensions", config.column.as_deref(), config.kind_of_column, alone) {
            return Some(ExtensionColumns::Json(json));
        }
        let Some(amount) = &config.amount else {
            self.wrong("extensions", "expected the column amount, or { column = …, type = \"json\" }");
            return None;
        };
        Some(ExtensionColumns::One {
            amount: self.column(amount, "extensions.amount"),
            asked_at: config.asked_at.as_ref().map(|at| self.column(at, "extensions.asked_at")),
            approved_at: config.approved_at.as_ref().map(|at| self.column(at, "extensions.approved_at")),
            basis: config.basis.as_ref().map(|word| self.word(word, "extensions.basis")),
        })
    }

    /// The column of a JSON list, which stands alone in its table.
    fn json_column(&mut self, key: &str, column: Option<&str>, kind: Option<FieldKind>, alone: bool) -> Option<usize> {
        if kind.is_some_and(|kind| kind != FieldKind::Json) {
            self.wrong(key, "expected type \"json\"");
        }
        if column.is_some() && !alone {
            self.wrong(key, "expected either one column of type json, or columns for the parts");
        }
        column.map(|column| self.column(column, key))
    }
}

#[cfg(test)]
mod tests;
