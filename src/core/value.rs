//! What a field of an item can hold: [`Value`], and a row of them by name: [`Fields`].
//!
//! In JSON a value is written as people would write it. Only an instant needs a rule to be read back: a text under a
//! name that ends in `_at` is an instant.
//!
//! **Invariant:** [`Value::Missing`] is a value of its own. It is never turned into zero, false or an empty text.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Instant, instant};

/// A field's name: a word that a rule can use as a property.
pub type Name = Arc<str>;

/// What one field holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// The source has the field and says nothing in it.
    #[default]
    Missing,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(Arc<str>),
    /// A point in time.
    Instant(Instant),
    /// Several values, or the attached rows of an item.
    List(Vec<Value>),
    /// A nested row.
    Map(Fields),
}

/// A row of values by name, in the order in which it was declared.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fields(Vec<(Name, Value)>);

impl Value {
    /// A text value.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// The word for the kind of value, for messages such as "expected a number, got text".
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Float(_) => "number",
            Self::Text(_) => "text",
            Self::Instant(_) => "instant",
            Self::List(_) => "list",
            Self::Map(_) => "map",
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The instant, if it is one.
    pub const fn as_instant(&self) -> Option<Instant> {
        match self {
            Self::Instant(instant) => Some(*instant),
            _ => None,
        }
    }

    /// Whether nothing is known.
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Missing => serializer.serialize_unit(),
            Self::Bool(b) => serializer.serialize_bool(*b),
            Self::Int(i) => serializer.serialize_i64(*i),
            Self::Float(f) => serializer.serialize_f64(*f),
            Self::Text(s) => serializer.serialize_str(s),
            Self::Instant(at) => instant::serialize(at, serializer),
            Self::List(list) => serializer.collect_seq(list),
            Self::Map(fields) => fields.serialize(serializer),
        }
    }
}

impl Fields {
    /// An empty row.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// An empty row with room for `n` fields.
    pub fn with_capacity(n: usize) -> Self {
        Self(Vec::with_capacity(n))
    }

    /// The value under `name`; `None` if the row has no such field.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(n, _)| &**n == name).map(|(_, v)| v)
    }

    /// Puts a value under `name`, in place of an earlier one.
    pub fn set(&mut self, name: impl Into<Name>, value: Value) {
        let name = name.into();
        match self.0.iter_mut().find(|(n, _)| *n == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// Appends a field whose name the caller knows to be new.
    pub fn push(&mut self, name: Name, value: Value) {
        debug_assert!(self.get(&name).is_none(), "field {name} twice");
        self.0.push((name, value));
    }

    /// The fields in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Name, &Value)> {
        self.0.iter().map(|(n, v)| (n, v))
    }

    /// The fields' names in their order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &Name> {
        self.0.iter().map(|(n, _)| n)
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Name, Value)> for Fields {
    fn from_iter<I: IntoIterator<Item = (Name, Value)>>(iter: I) -> Self {
        let mut fields = Self::new();
        for (name, value) in iter {
            fields.set(name, value);
        }
        fields
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(n, v)| (&**n, v)))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RowVisitor { texts: false })
    }
}

/// Reads a row of texts, whatever their names are; what is none is missing.
pub fn read_texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
    let mut row = deserializer.deserialize_map(RowVisitor { texts: true })?;
    let others = row.0.iter_mut().map(|(_, value)| value).filter(|value| value.as_text().is_none());
    others.for_each(|value| *value = Value::Missing);
    Ok(row)
}

/// Reads a row.
struct RowVisitor {
    /// Whether all of its texts are no more than that.
    texts: bool,
}

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::new();
        while let Some(NameRead(name)) = map.next_key()? {
            let value = map.next_value_seed(Under { instants: !self.texts && name.ends_with("_at") })?;
            fields.set(name, value);
        }
        Ok(fields)
    }
}

/// A name that is read without being copied twice.
struct NameRead(Name);

impl<'de> Deserialize<'de> for NameRead {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = NameRead;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E>(self, name: &str) -> Result<NameRead, E> {
                Ok(NameRead(name.into()))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// Reads a value: under some names, a text that can be an instant is one.
struct Under {
    instants: bool,
}

impl<'de> DeserializeSeed<'de> for Under {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Under {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Missing)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        #[allow(clippy::cast_precision_loss)] // No whole number that large is exact anyway.
        Ok(i64::try_from(number).map_or(Value::Float(number as f64), Value::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        let instant = if self.instants { instant::parse(text).ok() } else { None };
        Ok(instant.map_or_else(|| Value::text(text), Value::Instant))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element_seed(Self { instants: false })? {
            list.push(value);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        RowVisitor { texts: false }.visit_map(map).map(Value::Map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_survives_json() {
        let mut row = Fields::new();
        row.set("id", Value::text("P1"));
        row.set("done_at", Value::Missing);
        row.set("received_at", Value::Instant("2026-03-02T02:00:00Z".parse().expect("instant")));
        row.set("amount", Value::Float(1.5));
        let mut nested = Fields::new();
        nested.set("from_at", Value::Instant("2026-03-02T02:00:00Z".parse().expect("instant")));
        row.set("lines", Value::List(vec![Value::Map(nested)]));
        let json = serde_json::to_string(&row).expect("json");
        assert_eq!(serde_json::from_str::<Fields>(&json).expect("back"), row, "{json}");
    }
}
