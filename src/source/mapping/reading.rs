//! From rows to items, a chunk at a time.
//!
//! A chunk has its own copies of names and frequent texts: items of one chunk share them, while threads that read
//! different chunks do not contend for one counter.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::cells::{Cells, clean, objects};
use super::composed::Composed;
use super::plan::Plan;
use super::{ExtensionColumns, FieldKind, Origin, PauseColumns, Timed, Word};
use crate::core::Instant;
use crate::core::item::{Amount, Extension, Item, ItemKey, Pause};
use crate::core::limit::{LARGEST, Limit};
use crate::core::value::{Fields, Name, Value};
use crate::source::table::{Cell, cut};

/// The longest id, in characters.
const LONGEST_ID: usize = 200;

/// Why a row gives no item, and whose row it is where that is known.
pub(in crate::source) struct Refusal {
    pub id: Option<Arc<str>>,
    pub reason: String,
}

/// Reads the rows of one chunk.
pub(in crate::source) struct Reading<'p> {
    plan: &'p Plan,
    source: Name,
    names: Vec<Name>,
    raw_names: Vec<Name>,
    /// One for each way of writing times.
    cells: Vec<Cells<'p>>,
    /// For each column of the table: texts that were seen, and the current row's text.
    pools: Vec<Pool>,
    /// Texts that stand in the configuration.
    words: Pool,
    calendar: Name,
    texts: Vec<Option<Arc<str>>>,
}

impl<'p> Reading<'p> {
    pub fn new(plan: &'p Plan, columns: usize) -> Self {
        let own = |name: &Name| Name::from(&**name);
        Self {
            plan,
            source: own(&plan.mapping.source),
            names: plan.mapping.fields.iter().map(|field| own(&field.name)).collect(),
            raw_names: plan.raw.iter().map(|(_, name)| own(name)).collect(),
            cells: plan.mapping.moments.iter().map(Cells::new).collect(),
            pools: (0..columns).map(|_| Pool::default()).collect(),
            words: Pool::default(),
            calendar: "calendar".into(),
            texts: vec![None; columns],
        }
    }

    /// The item of a row.
    pub fn item(&mut self, row: &[Cell<'_>]) -> Result<Item, Refusal> {
        self.texts.fill(None);
        let id = id_of(row.get(self.plan.id()).unwrap_or(&Cell::Null));
        let id = id.map_err(|problem| Refusal { id: None, reason: self.at_column(self.plan.mapping.id, &problem) })?;
        self.body(ItemKey { source: self.source.clone(), id: id.clone() }, row)
            .map_err(|reason| Refusal { id: Some(id), reason })
    }

    fn body(&mut self, key: ItemKey, row: &[Cell<'_>]) -> Result<Item, String> {
        let mapping = &*self.plan.mapping;
        let kind = self.word(&mapping.kind, row)?.ok_or_else(|| match &mapping.kind {
            Word::Column { column, .. } => self.at_column(*column, "expected a kind, got nothing"),
            Word::Constant(_) => "expected a kind".to_owned(),
        })?;
        let mut item = Item { fields: self.fields(row)?, ..Item::new(key, kind) };
        if let Some(word) = &mapping.calendar {
            let calendar = self.word(word, row)?.map_or(Value::Missing, Value::Text);
            item.fields.push(self.calendar.clone(), calendar);
        }
        if let Some(columns) = &mapping.pauses {
            item.pauses = self.pauses(columns, row)?;
        }
        if let Some(columns) = &mapping.extensions {
            item.extensions = self.extensions(columns, row)?;
        }
        item.raw = self.raw(row);
        Ok(item)
    }

    fn fields(&mut self, row: &[Cell<'_>]) -> Result<Fields, String> {
        let mapping = &*self.plan.mapping;
        let mut fields = Fields::with_capacity(mapping.fields.len() + 1);
        for (at, field) in mapping.fields.iter().enumerate() {
            let Timed { what, moments } = &field.origin;
            let value = match what {
                Origin::Constant(value) => self.own(value),
                Origin::Column { column, values } => match self.translated(*column, values, row) {
                    Some(value) => self.own(value),
                    None => self.value(*column, field.kind, *moments, row)?,
                },
                Origin::Composed { text, values } => self.composed(text, values, field.kind, *moments, row)?,
            };
            fields.push(self.names[at].clone(), value);
        }
        Ok(fields)
    }

    /// A value of the configuration, in this chunk's own copy.
    fn own(&mut self, value: &Value) -> Value {
        if let Value::Text(text) = value { Value::Text(self.words.share(text)) } else { value.clone() }
    }

    fn translated<'v>(
        &self,
        column: usize,
        values: &'v BTreeMap<String, Value>,
        row: &[Cell<'_>],
    ) -> Option<&'v Value> {
        if values.is_empty() {
            return None;
        }
        values.get(self.shown(column, row).as_deref().unwrap_or("").trim())
    }

    /// A text of several columns, translated or read by its type.
    fn composed(
        &mut self,
        composed: &Composed,
        values: &BTreeMap<String, Value>,
        kind: FieldKind,
        moments: usize,
        row: &[Cell<'_>],
    ) -> Result<Value, String> {
        let text = composed.text(|column| self.known(column, row))?;
        if let Some(value) = values.get(text.as_deref().unwrap_or("").trim()) {
            return Ok(self.own(value));
        }
        let Some(text) = text else { return Ok(Value::Missing) };
        if kind == FieldKind::Text {
            return Ok(Value::Text(self.words.share(text.trim())));
        }
        self.cells[moments].value(&text, kind).map_err(|expected| {
            let columns = composed.columns().map(|column| format!("\"{}\"", self.plan.mapping.columns[column]));
            let columns: Vec<String> = columns.collect();
            format!("columns {}: {expected}, got {}", columns.join(", "), cut(&text))
        })
    }

    fn value(&mut self, column: usize, kind: FieldKind, moments: usize, row: &[Cell<'_>]) -> Result<Value, String> {
        let Some(text) = self.known(column, row)? else { return Ok(Value::Missing) };
        if kind == FieldKind::Text {
            let (at, trimmed) = (self.plan.at[column], text.trim());
            let is_plain = trimmed.len() == text.len();
            return Ok(Value::Text(if is_plain { self.shared(at, trimmed) } else { self.pools[at].share(trimmed) }));
        }
        self.cells[moments].value(&text, kind).map_err(|expected| self.at_cell(column, &expected, &text))
    }

    fn raw(&mut self, row: &[Cell<'_>]) -> Fields {
        let mut raw = Fields::with_capacity(self.raw_names.len());
        let plan = self.plan;
        for (at, (column, _)) in plan.raw.iter().enumerate() {
            // What a file writes as an empty cell, a database writes as NULL: both are nothing.
            let value = row.get(*column).and_then(Cell::text).filter(|text| !text.is_empty());
            let value = value.map_or(Value::Missing, |text| Value::Text(self.shared(*column, &text)));
            raw.push(self.raw_names[at].clone(), value);
        }
        raw
    }

    /// The text of a row's cell, once for all who want it.
    fn shared(&mut self, column: usize, text: &str) -> Arc<str> {
        self.texts[column].get_or_insert_with(|| self.pools[column].share(text)).clone()
    }

    /// The text of a cell, whatever it means.
    fn shown<'c>(&self, column: usize, row: &'c [Cell<'_>]) -> Option<Cow<'c, str>> {
        row.get(self.plan.at[column]).and_then(Cell::text)
    }

    /// The text of a cell that is not missing.
    fn known<'c>(&self, column: usize, row: &'c [Cell<'_>]) -> Result<Option<Cow<'c, str>>, String> {
        if matches!(row.get(self.plan.at[column]), Some(Cell::Bytes)) {
            return Err(self.at_column(column, "expected text or a number, got bytes that are no UTF-8"));
        }
        Ok(self.shown(column, row).filter(|text| !self.plan.mapping.is_missing(text)))
    }

    fn word(&mut self, word: &Word, row: &[Cell<'_>]) -> Result<Option<Arc<str>>, String> {
        let (column, values) = match word {
            Word::Constant(text) => return Ok(Some(self.words.share(text))),
            Word::Column { column, values } => (*column, values),
        };
        if let Some(word) = values.get(self.shown(column, row).as_deref().unwrap_or("").trim()) {
            return Ok(Some(self.words.share(word)));
        }
        let Some(text) = self.known(column, row)? else { return Ok(None) };
        let word = self.pools[self.plan.at[column]].share(text.trim());
        Ok((!word.is_empty()).then_some(word))
    }

    fn maybe_word(&mut self, word: Option<&Word>, row: &[Cell<'_>]) -> Result<Option<Arc<str>>, String> {
        word.map_or(Ok(None), |word| self.word(word, row))
    }

    fn instant(&mut self, column: Option<usize>, moments: usize, row: &[Cell<'_>]) -> Result<Option<Instant>, String> {
        let Some(column) = column else { return Ok(None) };
        Ok(self.value(column, FieldKind::Time, moments, row)?.as_instant())
    }

    fn pauses(&mut self, columns: &Timed<PauseColumns>, row: &[Cell<'_>]) -> Result<Vec<Pause>, String> {
        let moments = columns.moments;
        match &columns.what {
            PauseColumns::Json(column) => self.list(*column, moments, row, Self::json_pause),
            PauseColumns::One { from, to, kind, basis } => {
                let (column, to) = (*from, self.instant(*to, moments, row)?);
                let from = self.instant(Some(column), moments, row)?;
                let Some(from) = from else {
                    let odd = to.map(|_| self.at_column(column, "expected when the pause began, got only its end"));
                    return odd.map_or(Ok(Vec::new()), Err);
                };
                let kind = self.maybe_word(kind.as_ref(), row)?;
                let basis = self.maybe_word(basis.as_ref(), row)?;
                let pause = in_order(Pause { from, to, kind, basis });
                Ok(vec![pause.map_err(|problem| self.at_column(column, &problem))?])
            }
        }
    }

    fn extensions(&mut self, columns: &Timed<ExtensionColumns>, row: &[Cell<'_>]) -> Result<Vec<Extension>, String> {
        let moments = columns.moments;
        match &columns.what {
            ExtensionColumns::Json(column) => self.list(*column, moments, row, Self::json_extension),
            ExtensionColumns::One { amount, asked_at, approved_at, basis } => {
                let (column, asked_at) = (*amount, self.instant(*asked_at, moments, row)?);
                let approved_at = self.instant(*approved_at, moments, row)?;
                let Some(text) = self.known(column, row)? else {
                    let odd = asked_at.or(approved_at);
                    let odd = odd.map(|_| self.at_column(column, "expected the amount of the extension, got nothing"));
                    return odd.map_or(Ok(Vec::new()), Err);
                };
                let amount = amount_of(&text).map_err(|expected| self.at_cell(column, &expected, &text))?;
                let basis = self.maybe_word(basis.as_ref(), row)?;
                Ok(vec![Extension { amount, asked_at, approved_at, basis }])
            }
        }
    }

    fn list<T>(
        &mut self,
        column: usize,
        moments: usize,
        row: &[Cell<'_>],
        read: ReadJson<'p, T>,
    ) -> Result<Vec<T>, String> {
        let Some(text) = self.known(column, row)? else { return Ok(Vec::new()) };
        let list = objects(&text).map_err(|expected| self.at_cell(column, &expected, &text))?;
        let list = list.iter().map(|map| read(self, moments, map)).collect::<Result<_, _>>();
        list.map_err(|problem| self.at_cell(column, &problem, &text))
    }

    fn json_pause(&mut self, moments: usize, map: &Map) -> Result<Pause, String> {
        let from = self.json_instant(moments, map, "from")?.ok_or("expected \"from\" in each pause")?;
        let to = self.json_instant(moments, map, "to")?;
        in_order(Pause { from, to, kind: json_text(map, "kind")?, basis: json_text(map, "basis")? })
    }

    fn json_extension(&mut self, moments: usize, map: &Map) -> Result<Extension, String> {
        let amount = match map.get("amount") {
            Some(Json::String(text)) => amount_of(text)?,
            Some(Json::Number(number)) => amount_of(&number.to_string())?,
            _ => return Err("expected \"amount\" in each extension".to_owned()),
        };
        let (asked_at, approved_at) =
            (self.json_instant(moments, map, "asked_at")?, self.json_instant(moments, map, "approved_at")?);
        Ok(Extension { amount, asked_at, approved_at, basis: json_text(map, "basis")? })
    }

    fn json_instant(&mut self, moments: usize, map: &Map, name: &str) -> Result<Option<Instant>, String> {
        let Some(text) = json_text(map, name)? else { return Ok(None) };
        self.cells[moments].instant(&text).map(Some).map_err(|expected| format!("{expected} under \"{name}\""))
    }

    fn at_column(&self, column: usize, problem: &str) -> String {
        format!("column \"{}\": {problem}", self.plan.mapping.columns[column])
    }

    fn at_cell(&self, column: usize, expected: &str, got: &str) -> String {
        self.at_column(column, &format!("{expected}, got {}", cut(got)))
    }
}

type Map = serde_json::Map<String, Json>;
type ReadJson<'p, T> = fn(&mut Reading<'p>, usize, &Map) -> Result<T, String>;

/// The id that a cell says, or what was expected of it.
pub(super) fn id_of(cell: &Cell<'_>) -> Result<Arc<str>, String> {
    let text = cell.text().unwrap_or_default();
    let id = text.trim();
    if id.is_empty() {
        Err("expected an id, got nothing".to_owned())
    } else if id.chars().any(char::is_control) {
        Err(format!("expected an id without control characters, got {}", cut(id)))
    } else if id.len() > LONGEST_ID && id.chars().count() > LONGEST_ID {
        Err(format!("expected an id of at most {LONGEST_ID} characters, got {}", cut(id)))
    } else {
        Ok(id.into())
    }
}

fn in_order(pause: Pause) -> Result<Pause, String> {
    if pause.to.is_some_and(|to| to < pause.from) {
        return Err("expected a pause that ends after it began".to_owned());
    }
    Ok(pause)
}

fn json_text(map: &Map, name: &str) -> Result<Option<Arc<str>>, String> {
    match map.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Json::String(text)) => clean(text).map(Some),
        Some(_) => Err(format!("expected text under \"{name}\"")),
    }
}

/// `5wd`, or a number in the unit of the limit that is extended.
fn amount_of(text: &str) -> Result<Amount, String> {
    let text = text.trim();
    let number = text.parse::<u32>().ok().filter(|number| (1..=LARGEST).contains(number)).map(Amount::Number);
    let limit = || text.parse::<Limit>().ok().filter(|limit| limit.is_amount()).map(Amount::Limit);
    number.or_else(limit).ok_or_else(|| format!("expected an amount such as 5wd, or a number from 1 to {LARGEST}"))
}

/// The texts last seen in a column: kinds, states and units repeat, and are then held once.
#[derive(Default)]
struct Pool(Vec<Option<Arc<str>>>);

impl Pool {
    const SLOTS: usize = 64;
    const LONGEST: usize = 96;

    fn share(&mut self, text: &str) -> Arc<str> {
        if text.len() > Self::LONGEST {
            return text.into();
        }
        if self.0.is_empty() {
            self.0.resize(Self::SLOTS, None);
        }
        let slot = &mut self.0[Self::slot(text.as_bytes())];
        match slot {
            Some(seen) if **seen == *text => seen.clone(),
            _ => slot.insert(text.into()).clone(),
        }
    }

    /// A few bytes from both ends tell most words apart; the comparison does the rest.
    fn slot(text: &[u8]) -> usize {
        let ends = text.iter().take(6).chain(text.iter().rev().take(6));
        let hash = ends.fold(text.len() as u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        (hash >> 20) as usize % Self::SLOTS
    }
}
