//! How a mapping is written in `duban.toml`.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::core::value::Value;

/// What the columns of a source mean. Polling keys live elsewhere, so this is made to be flattened:
/// [`MappingConfig::KEYS`] are its keys.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct MappingConfig {
    /// The column of the id.
    pub id: String,
    /// The kind of item: a constant, or a column.
    pub kind: WordConfig,
    /// The calendar by which an item's limits count, if it is not the office's: a constant, or a column.
    #[serde(default)]
    pub calendar: Option<WordConfig>,
    /// The zone of naive times.
    #[serde(default)]
    pub timezone: Option<String>,
    /// The formats of times; with none, the usual ones.
    #[serde(default)]
    pub time_formats: Option<Vec<String>>,
    /// The fields by name.
    #[serde(default)]
    pub fields: BTreeMap<String, FieldConfig>,
    /// Where the item's pauses stand.
    #[serde(default)]
    pub pauses: Option<PausesConfig>,
    /// Where the item's extensions stand.
    #[serde(default)]
    pub extensions: Option<ExtensionsConfig>,
    /// Cell texts that mean that nothing is known.
    #[serde(default = "nothing")]
    pub missing: Vec<String>,
    /// Whether items keep the source's own columns.
    #[serde(default = "yes")]
    pub raw: bool,
    /// A file with a function `map(row)` that sees each row before anything else does; a relative path is relative to
    /// the configuration that names it.
    #[serde(default)]
    pub map: Option<PathBuf>,
}

impl MappingConfig {
    /// The keys of this table.
    pub const KEYS: [&str; 11] = [
        "id",
        "kind",
        "calendar",
        "timezone",
        "time_formats",
        "fields",
        "pauses",
        "extensions",
        "missing",
        "raw",
        "map",
    ];
}

fn nothing() -> Vec<String> {
    vec![String::new()]
}

const fn yes() -> bool {
    true
}

/// A word that is the same for all items (`"ticket"`), or stands in a column (`{ column = "类别" }`).
#[derive(Debug, Clone, PartialEq)]
pub enum WordConfig {
    /// The same for all items.
    Constant(String),
    /// In a column.
    Column(WordColumn),
}

impl WordConfig {
    /// The word, if it is the same for all items.
    pub fn constant(&self) -> Option<&str> {
        match self {
            Self::Constant(word) => Some(word),
            Self::Column(_) => None,
        }
    }
}

/// A word in a column, translated by `values` where they name it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WordColumn {
    /// The column.
    pub column: String,
    /// Cell text → word.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
}

/// A field: its column (`"open_local"`), or a table that says more.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldConfig {
    /// The column; the type follows from the field's name.
    Column(String),
    /// More than a column.
    Table(FieldTable),
}

/// `{ column, type, values, timezone, time_formats }`, the same with `text` instead of `column`, or `{ value }`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldTable {
    /// The column.
    #[serde(default)]
    pub column: Option<String>,
    /// A text of several columns, with their names in braces: `{区}·{事项}`.
    #[serde(default)]
    pub text: Option<String>,
    /// A constant instead of a column.
    #[serde(default)]
    pub value: Option<Constant>,
    /// The type of the cells.
    #[serde(default, rename = "type")]
    pub kind: Option<FieldKind>,
    /// Cell text → value; other texts are read by their type.
    #[serde(default)]
    pub values: BTreeMap<String, Constant>,
    /// The zone of naive times, if it is not the source's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// The formats of times, if they are not the source's.
    #[serde(default)]
    pub time_formats: Option<Vec<String>>,
}

/// What the cells of a field hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// Text, as it stands.
    Text,
    /// A number, whole or with a fraction.
    Number,
    /// A whole number.
    Integer,
    /// Yes or no.
    Bool,
    /// An instant; its field's name ends in `_at`.
    Time,
    /// JSON; texts under names that end in `_at` are instants.
    Json,
}

impl fmt::Display for FieldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Bool => "bool",
            Self::Time => "time",
            Self::Json => "json",
        })
    }
}

/// A value that stands in the configuration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected a text, a number, true or false")]
pub enum Constant {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(String),
}

impl Constant {
    pub(super) fn value(&self) -> Value {
        match self {
            Self::Bool(yes) => Value::Bool(*yes),
            Self::Int(number) => Value::Int(*number),
            Self::Float(number) => Value::Float(*number),
            Self::Text(text) => Value::text(text.as_str()),
        }
    }

    pub(super) const fn kind(&self) -> FieldKind {
        match self {
            Self::Bool(_) => FieldKind::Bool,
            Self::Int(_) => FieldKind::Integer,
            Self::Float(_) => FieldKind::Number,
            Self::Text(_) => FieldKind::Text,
        }
    }
}

/// One pause from columns (`from`, `to`, and words `kind`, `basis`), a JSON list of pauses in one `column`, or pauses
/// inferred from the states in which duban saw the item (`while_status`, and constants `kind`, `basis`).
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PausesConfig {
    /// The column of the JSON list.
    pub column: Option<String>,
    /// `json`, if anything.
    #[serde(rename = "type")]
    pub kind_of_column: Option<FieldKind>,
    /// The states (the field `status`) in which the clocks stand still.
    pub while_status: Vec<String>,
    /// The field that says when the state of now began; without it, the poll that saw it first.
    pub since: Option<String>,
    /// The column of the first instant that does not count.
    pub from: Option<String>,
    /// The column of the first instant that counts again.
    pub to: Option<String>,
    /// What kind of pause.
    pub kind: Option<WordConfig>,
    /// On what ground.
    pub basis: Option<WordConfig>,
    /// The zone of naive times, if it is not the source's.
    pub timezone: Option<String>,
    /// The formats of times, if they are not the source's.
    pub time_formats: Option<Vec<String>>,
}

/// One extension from columns, or a JSON list of extensions in one `column`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExtensionsConfig {
    /// The column of the JSON list.
    pub column: Option<String>,
    /// `json`, if anything.
    #[serde(rename = "type")]
    pub kind_of_column: Option<FieldKind>,
    /// The column of the amount: `5wd`, or a number in the limit's unit.
    pub amount: Option<String>,
    /// The column of the request's instant.
    pub asked_at: Option<String>,
    /// The column of the approval's instant.
    pub approved_at: Option<String>,
    /// On what ground.
    pub basis: Option<WordConfig>,
    /// The zone of naive times, if it is not the source's.
    pub timezone: Option<String>,
    /// The formats of times, if they are not the source's.
    pub time_formats: Option<Vec<String>>,
}

impl From<String> for WordConfig {
    fn from(text: String) -> Self {
        Self::Constant(text)
    }
}

impl From<WordColumn> for WordConfig {
    fn from(column: WordColumn) -> Self {
        Self::Column(column)
    }
}

impl From<String> for FieldConfig {
    fn from(text: String) -> Self {
        Self::Column(text)
    }
}

impl From<FieldTable> for FieldConfig {
    fn from(table: FieldTable) -> Self {
        Self::Table(table)
    }
}

impl<'de> Deserialize<'de> for WordConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOr::<Self, WordColumn>("a word or { column = … }", PhantomData))
    }
}

impl<'de> Deserialize<'de> for FieldConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOr::<Self, FieldTable>(
            "a column, { column = … }, { text = … } or { value = … }",
            PhantomData,
        ))
    }
}

/// Reads a text or a table and keeps the table's own error, which an untagged enum would swallow.
struct TextOr<T, M>(&'static str, PhantomData<(T, M)>);

impl<'de, T: From<String> + From<M>, M: Deserialize<'de>> Visitor<'de> for TextOr<T, M> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        Ok(T::from(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        M::deserialize(MapAccessDeserializer::new(map)).map(T::from)
    }
}
