//! What a rule sees of an item: its fields as properties, attached rows as lists, pauses and extensions.
//!
//! Nothing is converted before a rule asks for it. A row is a handle: the item and a place in it.
//!
//! **Invariant:** what an item does not have is an error and what it has without a value is `()`; neither is ever
//! turned into something else.

use std::sync::Arc;

use rhai::{Array, Dynamic, Engine, ImmutableString, Map, Module};

use super::budget;
use super::days::Day;
use super::error::nearest;
use super::words::Answer;
use crate::core::Instant;
use crate::core::item::{ALWAYS, Amount, Extension, Item, Pause};
use crate::core::value::{Fields, Value};

/// Attached rows, and elements of any other list, that a rule sees at most.
pub const ROWS: usize = 1_000;

/// Bytes of a text that a rule sees; the rest is cut.
pub const TEXT: usize = 4_096;

/// The item that is judged.
#[derive(Debug, Clone)]
pub struct Subject(pub Arc<Item>);

/// The source's own columns.
#[derive(Debug, Clone)]
pub struct Raw(Arc<Item>);

/// A nested row of an item.
#[derive(Debug, Clone)]
pub struct Row {
    item: Arc<Item>,
    place: Place,
}

/// Where a nested value lies: the field, then the position in each list or map on the way.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    steps: [u16; Self::DEPTH],
    len: u8,
}

impl Place {
    const DEPTH: usize = 8;

    fn then(mut self, step: usize) -> Answer<Self> {
        let slot = self.steps.get_mut(usize::from(self.len)).ok_or("a value is nested too deeply for a rule")?;
        *slot = u16::try_from(step).map_err(|_| "a row has too many fields for a rule")?;
        self.len += 1;
        Ok(self)
    }

    /// The value here; `None` only for a place of another item.
    fn find(self, item: &Item) -> Option<&Value> {
        let mut steps = self.steps[..usize::from(self.len)].iter().map(|step| usize::from(*step));
        let mut value = nth(&item.fields, steps.next()?)?;
        for step in steps {
            value = match value {
                Value::List(list) => list.get(step)?,
                Value::Map(fields) => nth(fields, step)?,
                _ => return None,
            };
        }
        Some(value)
    }

    fn parent(mut self) -> Option<Self> {
        self.len = self.len.checked_sub(1).filter(|len| *len > 0)?;
        Some(self)
    }
}

fn nth(fields: &Fields, n: usize) -> Option<&Value> {
    fields.iter().nth(n).map(|(_, value)| value)
}

impl Row {
    fn fields(&self) -> Option<&Fields> {
        match self.place.find(&self.item) {
            Some(Value::Map(fields)) => Some(fields),
            _ => None,
        }
    }

    /// A field of the row. One that only its siblings have is missing.
    pub fn get(&self, name: &str) -> Answer<Dynamic> {
        let fields = self.fields().ok_or("this row belongs to another item")?;
        if let Some((n, value)) = fields.iter().enumerate().find(|(_, (n, _))| &***n == name).map(|(n, (_, v))| (n, v))
        {
            return convert(&self.item, value, self.place.then(n)?);
        }
        let mut known: Vec<&str> = fields.names().map(|name| &**name).collect();
        if let Some(Value::List(siblings)) = self.place.parent().and_then(|place| place.find(&self.item)) {
            for sibling in siblings {
                if let Value::Map(fields) = sibling {
                    known.extend(fields.names().map(|name| &**name));
                }
            }
        }
        if known.contains(&name) { Ok(Dynamic::UNIT) } else { Err(unknown("this row", name, known).into()) }
    }
}

/// A property of the item under judgement.
pub fn field(item: &Arc<Item>, name: &str) -> Answer<Dynamic> {
    match name {
        "source" => return Ok(text(&item.key.source)),
        "id" => return Ok(text(&item.key.id)),
        "kind" => return Ok(text(&item.kind)),
        "pauses" => return listed(&item.pauses),
        "extensions" => return listed(&item.extensions),
        "raw" => return Ok(Dynamic::from(Raw(item.clone()))),
        _ => {}
    }
    let found = item.fields.iter().enumerate().find(|(_, (n, _))| &***n == name);
    match found {
        Some((n, (_, value))) => convert(item, value, Place::default().then(n)?),
        None if ALWAYS.contains(&name) => Ok(Dynamic::UNIT),
        None => {
            let known = item.fields.names().map(|name| &**name).chain(ALWAYS.iter().copied()).chain(["raw"]);
            Err(unknown(&format!("an item of source {:?}", &*item.key.source), name, known).into())
        }
    }
}

fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let hint = nearest(name, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    format!("{what} has no field `{name}`{hint}")
}

fn convert(item: &Arc<Item>, value: &Value, place: Place) -> Answer<Dynamic> {
    Ok(match value {
        Value::Missing => Dynamic::UNIT,
        Value::Bool(b) => (*b).into(),
        Value::Int(i) => (*i).into(),
        Value::Float(f) => (*f).into(),
        Value::Text(s) => text(s),
        Value::Instant(at) => Dynamic::from(*at),
        Value::Map(_) => Dynamic::from(Row { item: item.clone(), place }),
        Value::List(list) => {
            if list.len() > ROWS {
                return Err(format!("at most {ROWS} rows, got {}", list.len()).into());
            }
            budget::spend(list.len())?;
            let elements = list.iter().enumerate().map(|(n, element)| convert(item, element, place.then(n)?));
            Dynamic::from_array(elements.collect::<Answer<Array>>()?)
        }
    })
}

fn listed<T: Clone + Send + Sync + 'static>(values: &[T]) -> Answer<Dynamic> {
    if values.len() > ROWS {
        return Err(format!("at most {ROWS} rows, got {}", values.len()).into());
    }
    budget::spend(values.len())?;
    Ok(Dynamic::from_array(values.iter().cloned().map(Dynamic::from).collect()))
}

/// A text as a rule sees it: cut at [`TEXT`] bytes.
pub fn text(text: &str) -> Dynamic {
    Dynamic::from(ImmutableString::from(cut(text)))
}

/// The first [`TEXT`] bytes of a text, whole characters only.
pub fn cut(text: &str) -> &str {
    if text.len() <= TEXT {
        return text;
    }
    let end = (0..=TEXT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

/// A missing value for what is `None`.
fn optional<T: Clone + Send + Sync + 'static>(value: Option<T>) -> Dynamic {
    value.map_or(Dynamic::UNIT, Dynamic::from)
}

/// The word for what a value is, as messages say it.
pub fn kind_of(value: &Dynamic) -> &'static str {
    if value.is_unit() {
        return "missing";
    }
    if value.is_string() || value.is_char() {
        return "text";
    }
    if value.is_int() || value.is_float() {
        return "number";
    }
    if value.is_bool() {
        return "bool";
    }
    if value.is_array() {
        return "list";
    }
    if value.is_map() {
        return "map";
    }
    if value.is_fnptr() {
        return "function";
    }
    named_kind(value)
}

fn named_kind(value: &Dynamic) -> &'static str {
    use super::vocabulary::{DeclaredFinding, DeclaredWindow, Left};
    type Named = (fn(&Dynamic) -> bool, &'static str);
    const NAMED: [Named; 10] = [
        (Dynamic::is::<Instant>, "instant"),
        (Dynamic::is::<Subject>, "item"),
        (Dynamic::is::<Row>, "row"),
        (Dynamic::is::<Raw>, "raw columns"),
        (Dynamic::is::<Day>, "day"),
        (Dynamic::is::<Pause>, "pause"),
        (Dynamic::is::<Extension>, "extension"),
        (Dynamic::is::<DeclaredWindow>, "window"),
        (Dynamic::is::<DeclaredFinding>, "finding"),
        (Dynamic::is::<Left>, "left(…)"),
    ];
    NAMED.iter().find(|(is, _)| is(value)).map_or("value", |(_, name)| name)
}

/// Gives the engine a getter for each property name that its rule uses: found at the first look, where a general
/// indexer would cost twice as much.
pub fn register_properties<'a>(engine: &mut Engine, names: impl IntoIterator<Item = &'a str>) {
    for name in names {
        let (of_item, of_row): (ImmutableString, ImmutableString) = (name.into(), name.into());
        engine.register_get(name, move |subject: &mut Subject| field(&subject.0, &of_item));
        engine.register_get(name, move |row: &mut Row| row.get(&of_row));
    }
    engine.register_indexer_get(|subject: &mut Subject, name: &str| field(&subject.0, name));
    engine.register_indexer_get(|row: &mut Row, name: &str| row.get(name));
}

/// Registers what is the same for every rule.
pub fn register(module: &mut Module) {
    module.set_indexer_get_fn(|raw: &mut Raw, name: ImmutableString| -> Answer<Dynamic> {
        match raw.0.raw.get(&name) {
            Some(Value::Text(found)) => Ok(text(found)),
            _ => Ok(Dynamic::UNIT),
        }
    });
    getter(module, "from", |pause: &mut Pause| Dynamic::from(pause.from));
    getter(module, "to", |pause: &mut Pause| optional(pause.to));
    getter(module, "kind", |pause: &mut Pause| pause.kind.as_deref().map_or(Dynamic::UNIT, text));
    getter(module, "basis", |pause: &mut Pause| pause.basis.as_deref().map_or(Dynamic::UNIT, text));
    getter(module, "amount", |extension: &mut Extension| match extension.amount {
        Amount::Number(number) => i64::from(number).into(),
        Amount::Limit(limit) => limit.to_string().into(),
    });
    getter(module, "asked_at", |extension: &mut Extension| optional(extension.asked_at.or(extension.approved_at)));
    getter(module, "approved_at", |extension: &mut Extension| optional(extension.approved_at));
    getter(module, "basis", |extension: &mut Extension| extension.basis.as_deref().map_or(Dynamic::UNIT, text));
}

fn getter<T: rhai::Variant + Clone>(
    module: &mut Module,
    name: &str,
    get: impl Fn(&mut T) -> Dynamic + Send + Sync + 'static,
) {
    module.set_getter_fn(name, move |value: &mut T| -> Answer<Dynamic> { Ok(get(value)) });
}

/// A value of a row or a map under `name`; `None` for what is neither.
pub fn entry(value: &Dynamic, name: &str) -> Option<Answer<Dynamic>> {
    if let Some(map) = value.read_lock::<Map>() {
        return Some(Ok(map.get(name).cloned().unwrap_or(Dynamic::UNIT)));
    }
    value.read_lock::<Row>().map(|row| row.get(name))
}
