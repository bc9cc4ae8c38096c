//! **JSON**: an answer in which every number keeps the text that it has, and rows of objects that become a table.
//!
//! Columns are the rows' own keys, and beside them the mapping's columns that lead into a row: a JSONPath (RFC 9535,
//! `$.handler.name`) or keys joined by dots (`handler.name`).
//!
//! **Invariant:** a scalar becomes its text, `null` is NULL, lists and objects are JSON text. A row that is no object, or
//! of which a path finds several values, is spoiled alone. Without rows the mapping's columns are there; with rows, a
//! column that none of them has is missing unless it is declared as one that may be.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;
use serde_json_path::JsonPath;

use super::mapping::Mapping;
use super::packed::Packed;
use super::table::{Cell, Table as _, cut};

/// Stands before a number's text where the number itself cannot keep it. No text that can be kept holds one.
const MARK: char = '\0';

/// A JSON document. What paths ask is `plain`; `exact` has, in the same places, the numbers as they are written.
#[derive(Debug, Clone)]
pub(super) struct Document {
    plain: Value,
    exact: Option<Value>,
}

impl Document {
    /// Reads a text; the error is the parser's, with the line.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let plain = serde_json::from_str(text)?;
        let exact = marked(text).map(|text| serde_json::from_str(&text)).transpose()?;
        Ok(Self { plain, exact })
    }

    /// The value, for questions.
    pub const fn plain(&self) -> &Value {
        &self.plain
    }

    /// The text of the only value at a path; none where there is nothing, `null` or a nested value.
    pub fn text(&self, path: &JsonPath) -> Option<String> {
        let located = path.query_located(&self.plain).exactly_one().ok()?;
        let exact = self.exact.as_ref().unwrap_or(&self.plain);
        let value = exact.pointer(&located.location().to_json_pointer())?;
        match value {
            Value::Null | Value::Array(_) | Value::Object(_) => None,
            scalar => Some(text_of(scalar).into_owned()),
        }
    }

    /// Takes the rows of the list at a path out; the error says what is there in its place.
    pub fn into_rows(self, path: &JsonPath) -> Result<Vec<Self>, String> {
        let located = path.query_located(&self.plain).exactly_one();
        let pointer = located.map(|node| node.location().to_json_pointer()).map_err(|_| {
            format!("expected one list at {path}, got {}", self.described(path.query(&self.plain).len()))
        })?;
        if !self.plain.pointer(&pointer).is_some_and(Value::is_array) {
            return Err(format!("expected a list at {path}, got something else; {}", hint(&self.plain)));
        }
        let Self { mut plain, mut exact } = self;
        let rows = match plain.pointer_mut(&pointer).map(Value::take) {
            Some(Value::Array(rows)) => rows,
            _ => Vec::new(),
        };
        let exact = exact.as_mut().and_then(|exact| exact.pointer_mut(&pointer)).map(Value::take);
        Ok(match exact {
            Some(Value::Array(exact)) => {
                rows.into_iter().zip(exact).map(|(plain, exact)| Self { plain, exact: Some(exact) }).collect()
            }
            _ => rows.into_iter().map(|plain| Self { plain, exact: None }).collect(),
        })
    }

    /// The value at a path, if it is an object.
    pub fn into_object(self, path: &JsonPath) -> Result<Self, String> {
        let located = path.query_located(&self.plain).exactly_one();
        let pointer = located
            .map(|node| node.location().to_json_pointer())
            .map_err(|_| format!("expected one object at {path}; {}", hint(&self.plain)))?;
        let Self { mut plain, mut exact } = self;
        let plain = plain.pointer_mut(&pointer).map(Value::take).unwrap_or_default();
        let exact = exact.as_mut().and_then(|exact| exact.pointer_mut(&pointer)).map(Value::take);
        if plain.is_object() { Ok(Self { plain, exact }) } else { Err(format!("expected an object at {path}")) }
    }

    /// Lays the keys of another object over this one.
    pub fn merge(&mut self, other: Self) {
        if self.exact.is_some() || other.exact.is_some() {
            let mut exact = self.exact.take().unwrap_or_else(|| self.plain.clone());
            let over = other.exact.unwrap_or_else(|| other.plain.clone());
            lay_over(&mut exact, over);
            self.exact = Some(exact);
        }
        lay_over(&mut self.plain, other.plain);
    }

    /// The whole as JSON text.
    pub fn json(&self) -> String {
        text_of(self.exact()).into_owned()
    }

    fn exact(&self) -> &Value {
        self.exact.as_ref().unwrap_or(&self.plain)
    }

    fn described(&self, found: usize) -> String {
        match found {
            0 => format!("nothing there; {}", hint(&self.plain)),
            many => format!("{many} values: write the path of the list itself, without [*] at its end"),
        }
    }
}

fn lay_over(under: &mut Value, over: Value) {
    if let (Value::Object(under), Value::Object(over)) = (under, over) {
        under.extend(over);
    }
}

/// What an answer that is not what was expected looks like: its keys, and the words with which APIs say why.
pub(super) fn hint(answer: &Value) -> String {
    const WORDS: [&str; 7] = ["code", "msg", "message", "error", "error_description", "errmsg", "detail"];
    match answer {
        Value::Object(map) => {
            let keys: Vec<String> = map.keys().take(20).map(|key| key.escape_debug().to_string()).collect();
            let said = map.iter().filter(|(key, value)| WORDS.contains(&key.as_str()) && !value.is_object());
            let said: Vec<String> = said.map(|(key, value)| format!("{key}: {}", cut(&text_of(value)))).collect();
            let said = if said.is_empty() { String::new() } else { format!(", and it says {}", said.join(", ")) };
            format!("the answer's keys are: {}{said}", keys.join(", "))
        }
        Value::Array(list) => format!("the answer is a list of {}", list.len()),
        other => format!("the answer is {}", cut(&other.to_string())),
    }
}

/// The columns of one mapping as places in a row.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    leading: Vec<(String, Lead)>,
    all: Vec<String>,
    optional: BTreeSet<String>,
    id: String,
}

#[derive(Debug, Clone)]
enum Lead {
    Path(Box<JsonPath>),
    Keys(Vec<String>),
}

impl Columns {
    /// Finds the mapping's columns that lead into a row; `optional` are those that no row needs to have.
    pub fn new(mapping: &Mapping, optional: &[String]) -> Result<Self, String> {
        let mut leading = Vec::new();
        for column in mapping.columns() {
            if column.starts_with('$') {
                let path = JsonPath::parse(column);
                let path =
                    path.map_err(|e| format!("expected a JSONPath such as $.handler.name, got {column:?}: {e}"))?;
                leading.push((column.clone(), Lead::Path(Box::new(path))));
            } else if column.contains('.') {
                leading.push((column.clone(), Lead::Keys(column.split('.').map(str::to_owned).collect())));
            }
        }
        if let Some(unknown) = optional.iter().find(|name| !mapping.columns().contains(name)) {
            return Err(format!("optional: expected columns of the mapping, got {unknown:?}"));
        }
        let id = mapping.id_column().to_owned();
        Ok(Self { leading, all: mapping.columns().to_vec(), optional: optional.iter().cloned().collect(), id })
    }

    /// The text of one column of a row, as its cell will be.
    pub fn text(&self, row: &Document, column: &str) -> Option<String> {
        let object = row.exact().as_object()?;
        let value = match (object.get(column), self.leading.iter().find(|(name, _)| name == column)) {
            (Some(value), _) => Some(value),
            (None, Some((_, lead))) => lead.find(row).ok()?,
            (None, None) => None,
        };
        value.filter(|value| !value.is_null()).map(|value| text_of(value).into_owned())
    }

    /// The column of the id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Adds a row; the error says that there are too many.
    pub fn add(&self, table: &mut Packed, row: &Document, flaw: Option<&str>) -> Result<(), String> {
        table.begin(table.rows() as u64 + 1)?;
        let Some(object) = row.exact().as_object() else {
            let column = table.column(self.id());
            table.spoil(column, &format!("expected an object, got {}", cut(&row.exact().to_string())));
            return Ok(());
        };
        for (key, value) in object {
            let column = table.column(key);
            table.put(column, &cell(value));
        }
        for (name, lead) in self.leading.iter().filter(|(name, _)| !object.contains_key(name)) {
            match lead.find(row) {
                Ok(Some(value)) => {
                    let column = table.column(name);
                    table.put(column, &cell(value));
                }
                Ok(None) => {}
                Err(problem) => {
                    let column = table.column(name);
                    table.spoil(column, &problem);
                }
            }
        }
        if let Some(flaw) = flaw {
            let column = table.column(self.id());
            table.spoil(column, flaw);
        }
        Ok(())
    }

    /// Adds the columns that are there although no row had them.
    pub fn complete(&self, table: &mut Packed) {
        let is_empty = table.rows() == 0;
        for name in self.all.iter().filter(|name| is_empty || self.optional.contains(*name)) {
            table.column(name);
        }
    }
}

impl Lead {
    /// The value that it leads to; nothing where the way ends before.
    fn find<'r>(&self, row: &'r Document) -> Result<Option<&'r Value>, String> {
        match self {
            Self::Keys(keys) => Ok(keys.iter().try_fold(row.exact(), |value, key| value.get(key))),
            Self::Path(path) => {
                let found = path.query_located(&row.plain);
                match found.len() {
                    0 => Ok(None),
                    1 => {
                        let first = found.iter().next();
                        Ok(first.and_then(|node| row.exact().pointer(&node.location().to_json_pointer())))
                    }
                    many => Err(format!("expected one value, got {many}")),
                }
            }
        }
    }
}

fn cell(value: &Value) -> Cell<'_> {
    match value {
        Value::Null => Cell::Null,
        value => Cell::Text(text_of(value)),
    }
}

/// A scalar as its text, anything else as JSON text.
fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(number_in(text).unwrap_or(text)),
        Value::Array(_) | Value::Object(_) => {
            let mut text = String::new();
            write(value, &mut text);
            Cow::Owned(text)
        }
        scalar => Cow::Owned(scalar.to_string()),
    }
}

/// The number that a marked text stands for.
fn number_in(text: &str) -> Option<&str> {
    let number = text.strip_prefix(MARK)?;
    serde_json::from_str::<serde_json::Number>(number).is_ok().then_some(number)
}

/// JSON text with the numbers as they were written.
fn write(value: &Value, out: &mut String) {
    match value {
        Value::Array(list) => {
            out.push('[');
            for (at, value) in list.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                write(value, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (at, (key, value)) in map.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
        Value::String(text) if number_in(text).is_some() => out.push_str(number_in(text).unwrap_or_default()),
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// The same JSON with marked texts in place of numbers that would not keep theirs: `1.10`, `1e3`, long ones. Nothing if
/// all of them do.
fn marked(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let (mut out, mut copied, mut at) = (String::new(), 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = end_of_string(bytes, at + 1),
            b'-' | b'0'..=b'9' => {
                let is_part = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
                let end = at + bytes[at..].iter().take_while(|byte| is_part(byte)).count();
                let number = &text[at..end];
                if !keeps_text(number) {
                    out.push_str(&text[copied..at]);
                    out.push_str("\"\\u0000");
                    out.push_str(number);
                    out.push('"');
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return None;
    }
    out.push_str(&text[copied..]);
    Some(out)
}

/// Up to 18 digits are a whole number of 64 bits, whose text is its own.
fn keeps_text(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    if digits.len() <= 18 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return number != "-0";
    }
    serde_json::from_str::<serde_json::Number>(number).is_ok_and(|parsed| parsed.to_string() == number)
}

fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mapping(columns: &[&str]) -> Mapping {
        let fields: Vec<String> = columns.iter().enumerate().map(|(at, name)| format!("f{at} = '{name}'\n")).collect();
        let fields = fields.concat();
        let config = toml::from_str(&format!("id = 'id'\nkind = 'ticket'\n[fields]\n{fields}")).expect("mapping");
        Mapping::new("api", &config).expect("mapping")
    }

    /// A row's cells, and its flaw.
    type Shown = (Vec<String>, Option<String>);

    fn table(mapping: &Mapping, optional: &[&str], json: &str) -> (Vec<String>, Vec<Shown>) {
        let optional: Vec<String> = optional.iter().map(ToString::to_string).collect();
        let columns = Columns::new(mapping, &optional).expect("columns");
        let rows = Document::parse(json).expect("JSON").into_rows(&JsonPath::parse("$").expect("path")).expect("list");
        let mut packed = Packed::new("api", []);
        for row in &rows {
            columns.add(&mut packed, row, None).expect("room");
        }
        columns.complete(&mut packed);
        let mut seen = Vec::new();
        packed.visit(0, &mut |row| {
            let cells = row.cells.iter().map(|cell| cell.text().map_or("NULL".to_owned(), Cow::into_owned));
            seen.push((cells.collect(), row.flaw));
        });
        (packed.columns().iter().map(ToString::to_string).collect(), seen)
    }

    #[test]
    fn numbers_stay_as_they_are_written_and_nested_values_are_json() {
        let json = r#"[{"id": 7, "a": 1.10, "b": true, "c": null, "d": [1e3, {"x": "\"2.50\" 3.0"}, 0.1],
                        "e": 12345678901234567890123, "f": -0, "g": ""}]"#;
        let (columns, rows) = table(&mapping(&["a"]), &[], json);
        assert_eq!(columns, ["id", "a", "b", "c", "d", "e", "f", "g"]);
        let nested = r#"[1e3,{"x":"\"2.50\" 3.0"},0.1]"#;
        assert_eq!(rows[0].0, ["7", "1.10", "true", "NULL", nested, "12345678901234567890123", "-0", ""]);
    }

    #[test]
    fn columns_lead_into_rows_by_path_and_by_dots() {
        let json = r#"[{"id": "1", "handler": {"name": "h1", "pay": 2.50}, "tags": ["x", "y"]},
                       {"id": "2", "a.b": "plain", "handler": {}, "a": {"b": "deep"}},
                       {"id": "3", "tags": [], "handler": null}, 5]"#;
        let columns = ["$.handler.name", "handler.pay", "$.tags[*]", "a.b"];
        let (columns, rows) = table(&mapping(&columns), &[], json);
        let at = |row: usize, name: &str| {
            let column = columns.iter().position(|column| column == name).expect(name);
            rows[row].0[column].clone()
        };
        assert_eq!((at(0, "$.handler.name"), at(0, "handler.pay")), ("h1".to_owned(), "2.50".to_owned()));
        assert_eq!(
            (at(1, "a.b"), at(2, "a.b"), at(2, "$.handler.name")),
            ("plain".into(), "NULL".into(), "NULL".into())
        );
        assert_eq!(rows[0].1.as_deref(), Some("column \"$.tags[*]\": expected one value, got 2"));
        assert_eq!((rows[1].1.as_deref(), rows[2].1.as_deref()), (None, None));
        assert_eq!(rows[3].1.as_deref(), Some("column \"id\": expected an object, got \"5\""));
    }

    #[test]
    fn a_column_that_no_row_has_is_there_only_if_it_may_be_missing_or_nothing_came() {
        assert_eq!(table(&mapping(&["a", "b.c"]), &[], r#"[{"id": 1}]"#).0, ["id"]);
        assert_eq!(table(&mapping(&["a", "b.c"]), &["b.c"], r#"[{"id": 1}]"#).0, ["id", "b.c"]);
        assert_eq!(table(&mapping(&["a", "b.c"]), &[], "[]").0, ["id", "a", "b.c"]);
        assert!(Columns::new(&mapping(&["a"]), &["z".to_owned()]).is_err());
        assert!(Columns::new(&mapping(&["$.["]), &[]).is_err());
    }

    #[test]
    fn what_is_no_list_is_described() {
        let rows = |json: &str, path: &str| {
            let path = JsonPath::parse(path).expect("path");
            Document::parse(json).expect("JSON").into_rows(&path).expect_err(json)
        };
        let said = rows(r#"{"code": 401, "msg": "token 失效", "data": null}"#, "$.data.list");
        assert!(said.contains("code: \"401\", msg: \"token 失效\"") && said.contains("$.data.list"), "{said}");
        assert!(rows(r#"{"data": null}"#, "$.data").contains("expected a list at $.data"));
        assert!(rows(r#"{"data": [1, 2]}"#, "$.data[*]").contains("without [*]"));
    }

    proptest! {
        #[test]
        fn no_json_breaks_it_and_marks_change_nothing_else(text in any::<String>(), numbers in prop::collection::vec("-?(0|[1-9][0-9]{0,24})([.][0-9]{1,4})?([eE][+-]?[0-9]{1,2})?", 0..5)) {
            let _ = Document::parse(&text);
            let _ = marked(&text);
            let json = format!("[{{\"id\": {}, \"n\": [{}]}}]", Value::from(text.replace(MARK, "")), numbers.join(","));
            let path = JsonPath::parse("$").expect("path");
            let rows = Document::parse(&json).expect("JSON").into_rows(&path).expect("rows");
            prop_assert_eq!(text_of(&rows[0].exact()["n"]).into_owned(), format!("[{}]", numbers.join(",")));
            let id = text.replace(MARK, "");
            prop_assert_eq!(text_of(&rows[0].exact()["id"]), id);
        }
    }
}
