//! The draft of a mapping: what is written in the configuration, checked part by part.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chrono_tz::Tz;

use super::composed::Composed;
use super::config::{Constant, ExtensionsConfig, FieldConfig, FieldTable, PausesConfig, WordConfig};
use super::{
    ExtensionColumns, Field, FieldKind, MappingConfig, MappingError, Origin, PauseColumns, Timed, Word, names,
};
use crate::core::value::Value;
use crate::source::moment::{Moments, Offsets, USUAL_FORMATS};
use crate::source::table::{cut, proposal};
use crate::source::waiting::Waiting;

/// Collects columns, ways of writing times and problems while a mapping is checked.
pub(super) struct Draft<'c> {
    config: &'c MappingConfig,
    columns: Vec<String>,
    moments: Vec<Moments>,
    problems: Vec<MappingError>,
    /// Where times without a zone can occur and there is none.
    zoneless: Option<String>,
}

impl<'c> Draft<'c> {
    pub fn new(config: &'c MappingConfig) -> Self {
        let (columns, moments, problems) = (Vec::new(), Vec::new(), Vec::new());
        let mut draft = Self { config, columns, moments, problems, zoneless: None };
        let zone = config.timezone.as_deref().and_then(|name| draft.zone(name, ""));
        draft.add_moments(config.time_formats.as_deref(), zone, "");
        draft
    }

    /// What was collected, or everything that is wrong.
    pub fn end(mut self) -> Result<(Vec<String>, Vec<Moments>), Vec<MappingError>> {
        if let Some(key) = self.zoneless.take() {
            self.wrong(key, "expected a zone such as \"Asia/Shanghai\", because times without one can occur");
        }
        if self.problems.is_empty() { Ok((self.columns, self.moments)) } else { Err(self.problems) }
    }

    pub fn wrong(&mut self, key: impl fmt::Display, problem: impl Into<String>) {
        self.problems.push(MappingError { key: key.to_string(), problem: problem.into() });
    }

    pub fn column(&mut self, name: &str, key: impl fmt::Display) -> usize {
        let name = name.trim();
        if name.is_empty() {
            self.wrong(key, "expected the name of a column, got nothing");
        }
        self.columns.iter().position(|column| column == name).unwrap_or_else(|| {
            self.columns.push(name.to_owned());
            self.columns.len() - 1
        })
    }

    fn zone(&mut self, name: &str, of: &str) -> Option<Tz> {
        let zone = name.parse::<Tz>().ok();
        if zone.is_none() {
            let known = proposal(name, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
            let problem = format!("expected a zone such as \"Asia/Shanghai\", got {name:?}{known}");
            self.wrong(format!("{of}timezone"), problem);
        }
        zone
    }

    fn add_moments(&mut self, formats: Option<&[String]>, zone: Option<Tz>, of: &str) -> usize {
        let usual = || USUAL_FORMATS.iter().map(|&format| format.to_owned()).collect();
        let formats: Vec<String> = formats.map_or_else(usual, <[String]>::to_vec);
        let moments = Moments::new(&formats, zone).unwrap_or_else(|problem| {
            self.wrong(format!("{of}time_formats"), problem);
            Moments::new(&[], zone).expect("no format is no wrong format")
        });
        self.moments.push(moments);
        self.moments.len() - 1
    }

    /// The way in which the times under `key` are written: the source's, but for what is said there.
    fn moments(&mut self, key: &str, timezone: Option<&str>, formats: Option<&[String]>) -> usize {
        let of = format!("{key}.");
        let at = if timezone.is_none() && formats.is_none() {
            0
        } else {
            let config = self.config;
            let zone = match timezone {
                Some(name) => self.zone(name, &of),
                None => self.moments[0].zone(),
            };
            self.add_moments(formats.or(config.time_formats.as_deref()), zone, &of)
        };
        if self.moments[at].zone().is_none() && self.moments[at].need_zone() && self.zoneless.is_none() {
            // A zone that is named and unknown is told already.
            let named = timezone.or(self.config.timezone.as_deref());
            self.zoneless = named.is_none().then(|| "timezone".to_owned());
        }
        at
    }

    pub fn word(&mut self, word: &WordConfig, key: &str) -> Word {
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

    pub fn field(&mut self, name: &str, config: &FieldConfig) -> Field {
        let key = format!("fields.{name}");
        if let Some(refusal) = names::refusal(name) {
            self.wrong(&key, refusal);
        }
        let table = match config {
            FieldConfig::Column(column) => FieldTable { column: Some(column.clone()), ..FieldTable::default() },
            FieldConfig::Table(table) => table.clone(),
        };
        let kind = table.kind.or(table.value.as_ref().map(Constant::kind)).unwrap_or_else(|| usual_kind(name));
        let moments = self.field_moments(&key, kind, &table);
        let origin = self.origin(&key, kind, moments, &table);
        let instant = name.ends_with("_at");
        if instant != (kind == FieldKind::Time) {
            let rule = if instant { "a name that ends in _at is an instant" } else { "an instant's name ends in _at" };
            self.wrong(&key, format!("{rule}, got type {kind}"));
        }
        if names::TEXTS.contains(&name) && kind != FieldKind::Text {
            self.wrong(&key, format!("{name} is always text, got type {kind}"));
        }
        Field { name: name.into(), kind, origin: Timed { what: origin, moments } }
    }

    fn field_moments(&mut self, key: &str, kind: FieldKind, table: &FieldTable) -> usize {
        let (timezone, formats) = (table.timezone.as_deref(), table.time_formats.as_deref());
        if matches!(kind, FieldKind::Time | FieldKind::Json) && table.value.is_none() {
            return self.moments(key, timezone, formats);
        }
        if timezone.is_some() || formats.is_some() {
            self.wrong(key, format!("expected timezone and time_formats beside type time or json, got type {kind}"));
        }
        0
    }

    fn origin(&mut self, key: &str, kind: FieldKind, moments: usize, table: &FieldTable) -> Origin {
        match (&table.column, &table.text, &table.value) {
            (None, None, Some(value)) => {
                if table.kind.is_some_and(|kind| kind != value.kind()) || !table.values.is_empty() {
                    self.wrong(key, "a constant needs neither type nor values");
                }
                Origin::Constant(value.value())
            }
            (Some(column), None, None) => {
                let column = self.column(column, key);
                Origin::Column { column, values: self.values(key, kind, moments, table) }
            }
            (None, Some(text), None) => {
                let text = Composed::read(text, &mut |column| self.column(column, key));
                let text = text.unwrap_or_else(|problem| {
                    self.wrong(format!("{key}.text"), problem);
                    Composed::default()
                });
                Origin::Composed { text, values: self.values(key, kind, moments, table) }
            }
            _ => {
                self.wrong(key, "expected exactly one of column, text and value");
                Origin::Constant(Value::Missing)
            }
        }
    }

    fn values(&mut self, key: &str, kind: FieldKind, moments: usize, table: &FieldTable) -> BTreeMap<String, Value> {
        let mut values = BTreeMap::new();
        for (text, constant) in &table.values {
            let value = self.translation(kind, moments, constant).unwrap_or_else(|problem| {
                self.wrong(key, format!("values: {text:?} stands for something that is no {kind}{problem}"));
                Value::Missing
            });
            values.insert(text.trim().to_owned(), value);
        }
        values
    }

    /// The value that a text of the source stands for; the error adds what is wrong with it.
    fn translation(&self, kind: FieldKind, moments: usize, constant: &Constant) -> Result<Value, String> {
        let fits = match kind {
            FieldKind::Json => false,
            FieldKind::Number => matches!(constant.kind(), FieldKind::Number | FieldKind::Integer),
            FieldKind::Time => constant.kind() == FieldKind::Text,
            kind => constant.kind() == kind,
        };
        match constant {
            _ if !fits => Err(String::new()),
            Constant::Text(text) if kind == FieldKind::Time => {
                let read = self.moments[moments].read(text.trim(), &mut Offsets::default());
                read.map(Value::Instant).map_err(|expected| format!(": {expected}, got {}", cut(text)))
            }
            constant => Ok(constant.value()),
        }
    }

    /// How pauses are inferred, if they are.
    pub fn waiting(&mut self, pauses: &PausesConfig, config: &MappingConfig) -> Option<Waiting> {
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

    pub fn pauses(&mut self, config: &PausesConfig) -> Option<Timed<PauseColumns>> {
        let (timezone, formats) = (config.timezone.as_deref(), config.time_formats.as_deref());
        if !config.while_status.is_empty() {
            if timezone.is_some() || formats.is_some() {
                self.wrong("pauses", "expected timezone and time_formats beside columns, got while_status");
            }
            return None;
        }
        let moments = self.moments("pauses", timezone, formats);
        self.pause_columns(config).map(|what| Timed { what, moments })
    }

    fn pause_columns(&mut self, config: &PausesConfig) -> Option<PauseColumns> {
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

    pub fn extensions(&mut self, config: &ExtensionsConfig) -> Option<Timed<ExtensionColumns>> {
        let moments = self.moments("extensions", config.timezone.as_deref(), config.time_formats.as_deref());
        self.extension_columns(config).map(|what| Timed { what, moments })
    }

    fn extension_columns(&mut self, config: &ExtensionsConfig) -> Option<ExtensionColumns> {
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

/// What a field holds if nothing is said.
fn usual_kind(name: &str) -> FieldKind {
    if name.ends_with("_at") { FieldKind::Time } else { FieldKind::Text }
}
