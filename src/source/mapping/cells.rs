//! From one cell to one value. Errors say what was expected; the caller adds the column and what was got.

use std::sync::Arc;

use serde_json::Value as Json;

use super::config::FieldKind;
use crate::core::Instant;
use crate::core::value::{Fields, Value};
use crate::source::moment::{Moments, Offsets};

/// The most rows that a nested list may have.
pub const MOST_NESTED: usize = 1000;

/// Reads the cell texts of one chunk.
pub(super) struct Cells<'m> {
    moments: &'m Moments,
    offsets: Offsets,
}

impl<'m> Cells<'m> {
    pub fn new(moments: &'m Moments) -> Self {
        Self { moments, offsets: Offsets::default() }
    }

    /// The value of a cell's text, which is not one of the texts for "missing".
    pub fn value(&mut self, text: &str, kind: FieldKind) -> Result<Value, String> {
        let text = text.trim();
        match kind {
            FieldKind::Text => Ok(Value::text(text)),
            FieldKind::Number => number(text),
            FieldKind::Integer => integer(text),
            FieldKind::Bool => yes_or_no(text).map(Value::Bool),
            FieldKind::Time => self.instant(text).map(Value::Instant),
            FieldKind::Json => self.json("", &parse(text)?),
        }
    }

    /// The instant that a text says.
    pub fn instant(&mut self, text: &str) -> Result<Instant, String> {
        self.moments.read(text.trim(), &mut self.offsets)
    }

    /// A JSON value: texts under names that end in `_at` are instants and must be.
    fn json(&mut self, name: &str, json: &Json) -> Result<Value, String> {
        Ok(match json {
            Json::Null => Value::Missing,
            Json::Bool(yes) => Value::Bool(*yes),
            Json::Number(n) => n.as_i64().map_or_else(|| whole_or_not(n.as_f64().unwrap_or_default()), Value::Int),
            Json::String(text) if name.ends_with("_at") => {
                if text.trim().is_empty() {
                    Value::Missing
                } else {
                    let instant = self.instant(text);
                    Value::Instant(instant.map_err(|expected| format!("{expected} under \"{}\"", name.escape_debug()))?)
                }
            }
            Json::String(text) => Value::text(clean(text)?),
            Json::Array(list) if list.len() > MOST_NESTED => {
                return Err(format!("expected at most {MOST_NESTED} rows in a list"));
            }
            Json::Array(list) => Value::List(list.iter().map(|json| self.json("", json)).collect::<Result<_, _>>()?),
            Json::Object(map) => {
                // Databases sort the keys of what they store as JSON, each in its own way, and some APIs shuffle them.
                let mut pairs: Vec<_> = map.iter().collect();
                pairs.sort_unstable_by_key(|(name, _)| *name);
                let fields = pairs.into_iter().map(|(name, json)| {
                    let value = self.json(name, json)?;
                    clean(name).map(|name| (name, value))
                });
                Value::Map(fields.collect::<Result<Fields, String>>()?)
            }
        })
    }
}

/// The rows of a JSON list of objects.
pub(super) fn objects(text: &str) -> Result<Vec<serde_json::Map<String, Json>>, String> {
    let Json::Array(list) = parse(text.trim())? else {
        return Err("expected a JSON list".to_owned());
    };
    if list.len() > MOST_NESTED {
        return Err(format!("expected at most {MOST_NESTED} rows in a list"));
    }
    let object = |json| if let Json::Object(map) = json { Ok(map) } else { Err("expected JSON objects in the list") };
    list.into_iter().map(object).collect::<Result<_, _>>().map_err(str::to_owned)
}

fn parse(text: &str) -> Result<Json, String> {
    serde_json::from_str(text).map_err(|e| format!("expected JSON ({e})"))
}

/// A text that every store and channel can hold.
pub(super) fn clean(text: &str) -> Result<Arc<str>, String> {
    if text.contains('\0') { Err("expected text without NUL".to_owned()) } else { Ok(text.into()) }
}

/// A number is the same one however it is written: `12.00` in one database is `12` in another, and in a spreadsheet.
fn number(text: &str) -> Result<Value, String> {
    if let Some(whole) = whole(text) {
        return Ok(Value::Int(whole));
    }
    // Rust also reads "inf", "nan" and "infinity".
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let read = text.parse::<f64>().ok().filter(|number| plain && number.is_finite());
    read.map(whole_or_not).ok_or_else(|| "expected a number such as 12 or 1.5".to_owned())
}

fn integer(text: &str) -> Result<Value, String> {
    whole(text).map(Value::Int).ok_or_else(|| "expected a whole number".to_owned())
}

/// The whole number that digits say, behind which there may be nothing but zeros: `12`, `12.00`.
fn whole(text: &str) -> Option<i64> {
    let digits = match text.split_once('.') {
        Some((digits, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => digits,
        _ => text,
    };
    digits.parse().ok()
}

/// A number as its shortest writing says it.
fn whole_or_not(number: f64) -> Value {
    number.to_string().parse().map_or(Value::Float(number), Value::Int)
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" | "是" => Ok(true),
        "false" | "f" | "no" | "n" | "0" | "否" => Ok(false),
        _ => Err("expected true or false, yes or no, 1 or 0, 是 or 否".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, kind: FieldKind) -> Result<Value, String> {
        let moments = Moments::new(&["%Y-%m-%d %H:%M:%S".to_owned()], "Asia/Shanghai".parse().ok()).expect("formats");
        Cells::new(&moments).value(text, kind)
    }

    #[test]
    fn cells_are_read_by_their_type() {
        use FieldKind::{Bool, Integer, Number};
        for (text, kind, is) in [
            ("12", Number, Value::Int(12)),
            (" -1.50 ", Number, Value::Float(-1.5)),
            ("1e3", Number, Value::Int(1000)),
            ("12.00", Number, Value::Int(12)),
            ("-0.0", Number, Value::Int(0)),
            ("9007199254740993.00", Number, Value::Int(9_007_199_254_740_993)),
            ("99999999999999999999", Number, Value::Float(1e20)),
            ("7", Integer, Value::Int(7)),
            ("-7.00", Integer, Value::Int(-7)),
            ("是", Bool, Value::Bool(true)),
            ("No", Bool, Value::Bool(false)),
        ] {
            assert_eq!(value(text, kind), Ok(is), "{text}");
        }
        for (text, kind) in [
            ("1,234", Number),
            ("NaN", Number),
            ("inf", Number),
            ("1e999", Number),
            ("", Number),
            ("0x10", Number),
            ("1.5", Integer),
            ("1.", Integer),
            (".0", Integer),
            ("1e3", Integer),
            ("99999999999999999999", Integer),
            ("maybe", Bool),
            ("", Bool),
        ] {
            assert!(value(text, kind).is_err(), "{text}");
        }
    }

    #[test]
    fn json_cells_hold_instants_under_at_names() {
        let read = value(r#"[{"step":"初审","from_at":"2026-03-02 10:00:00","to_at":null,"n":2}]"#, FieldKind::Json);
        let Ok(Value::List(list)) = read else { panic!("{read:?}") };
        let Value::Map(row) = &list[0] else { panic!("{list:?}") };
        assert_eq!(row.get("from_at"), Some(&Value::Instant("2026-03-02T02:00:00Z".parse().expect("instant"))));
        assert_eq!((row.get("to_at"), row.get("n")), (Some(&Value::Missing), Some(&Value::Int(2))));
        let twice = [r#"{"b":2.0,"a":[1.5,{"d":1e2,"c":0}]}"#, r#"{"a":[1.50,{"c":-0.0,"d":100}],"b":2}"#];
        let twice = twice.map(|text| format!("{:?}", value(text, FieldKind::Json).expect("JSON")));
        assert_eq!(twice[0], twice[1], "neither the order of keys nor the writing of numbers tells two apart");
        for (text, says) in [
            ("[", "expected JSON"),
            (r#"{"done_at":"昨天"}"#, "under \"done_at\""),
            (r#"["a\u0000b"]"#, "without NUL"),
            (&format!("[{}0]", "0,".repeat(1000)), "at most 1000"),
            (&"[".repeat(100_000), "expected JSON"),
        ] {
            let error = value(text, FieldKind::Json).expect_err(text);
            assert!(error.contains(says), "{error}");
        }
    }
}
