//! Parameters and tables: the numbers of a rule that are data, not code.
//!
//! `params.toml` holds parameters; a section is a region, laid over them, so that a district changes a parameter and
//! not a rule. Only the section `[tables]` is none: it names the tables, CSV files whose first column is the key.
//!
//! **Invariant:** a key is unique, and a region changes only parameters that exist, to a value of the same kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, Map, Module};

use super::budget;
use super::error::nearest;
use super::facts::{cut, kind_of};
use crate::core::digest::Digest;

/// Elements of a parameter that is a list.
const ELEMENTS: usize = 200;

/// Columns of a table.
const COLUMNS: usize = 100;

/// Why parameters or a table cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}{}: {problem}", line.map_or_else(String::new, |line| format!(":{line}")))]
pub struct TableError {
    /// The file, as shown.
    pub path: String,
    /// The line, where one is to blame.
    pub line: Option<u64>,
    /// What was expected and what was got.
    pub problem: String,
}

/// All parameters and tables of a playbook.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    params: BTreeMap<String, toml::Value>,
    regions: BTreeMap<String, BTreeMap<String, toml::Value>>,
    csv: BTreeMap<String, Table>,
    named: BTreeMap<String, String>,
}

/// One table: rows by key.
#[derive(Debug, Clone)]
pub struct Table(Arc<Rows>);

#[derive(Debug)]
struct Rows {
    name: String,
    columns: Vec<String>,
    by_key: BTreeMap<String, Map>,
    digest: Digest,
}

impl Tables {
    /// No parameter and no table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads `params.toml`; what was read before is replaced.
    pub fn read_params(&mut self, path: &str, text: &str) -> Result<(), TableError> {
        let fail = |line, problem: String| TableError { path: path.to_owned(), line, problem };
        let file: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map(|span| 1 + text[..span.start].matches('\n').count() as u64);
            fail(line, error.message().to_owned())
        })?;
        let mut regions = BTreeMap::new();
        let mut params = BTreeMap::new();
        let mut named = BTreeMap::new();
        for (name, value) in file {
            match value {
                toml::Value::Table(section) if name == "tables" => {
                    for (table, file) in section {
                        let file = file.as_str().map(str::to_owned);
                        let file = file.ok_or_else(|| fail(None, format!("tables.{table}: expected a file's name")))?;
                        named.insert(table, file);
                    }
                }
                toml::Value::Table(section) => drop(regions.insert(name, section.into_iter().collect())),
                value => drop(params.insert(name, value)),
            }
        }
        check_params(&params, &regions).map_err(|problem| fail(None, problem))?;
        (self.params, self.regions, self.named) = (params, regions, named);
        Ok(())
    }

    /// Reads the table `name` from a CSV text.
    pub fn read_table(&mut self, name: &str, path: &str, text: &str) -> Result<(), TableError> {
        let table =
            Rows::read(name, text).map_err(|(line, problem)| TableError { path: path.to_owned(), line, problem })?;
        self.csv.insert(name.to_owned(), Table(Arc::new(table)));
        Ok(())
    }

    /// Lays parameters over those that were read, as a rule test does.
    pub fn override_params(&mut self, params: &toml::Table) -> Result<(), String> {
        let over = BTreeMap::from([("this case".to_owned(), params.clone().into_iter().collect::<BTreeMap<_, _>>())]);
        check_params(&self.params, &over)?;
        self.params.extend(params.clone());
        Ok(())
    }

    /// The tables that the section `[tables]` of the parameters names: name to file.
    pub const fn named(&self) -> &BTreeMap<String, String> {
        &self.named
    }

    /// Those of the named tables that a rule's text reads: name and file.
    pub fn read_by<'a>(&'a self, rule: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let reads = |(name, _): &(&String, &String)| rule.contains(&format!("table::{name}"));
        self.named.iter().filter(reads).map(|(name, file)| (name.as_str(), file.as_str()))
    }

    /// The parameters' names.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.params.keys().map(String::as_str)
    }

    /// The tables' names.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.csv.keys().map(String::as_str)
    }

    /// The regions that lay a value over one of `params`.
    pub(super) fn regions_of<'a>(&'a self, params: &'a [String]) -> impl Iterator<Item = &'a str> {
        let touches = |over: &BTreeMap<String, toml::Value>| params.iter().any(|name| over.contains_key(name));
        self.regions.iter().filter(move |(_, over)| touches(over)).map(|(region, _)| region.as_str())
    }

    /// The digest of what a rule reads: the named parameters with all regions, and the named tables.
    pub(super) fn digest(&self, params: &[String], tables: &[String]) -> Digest {
        let mut parts: Vec<String> = Vec::new();
        for name in params {
            parts.extend([name.clone(), self.params.get(name).map_or_else(String::new, ToString::to_string)]);
            for (region, over) in &self.regions {
                parts.extend(over.get(name).map(|value| format!("[{region}]{value}")));
            }
        }
        for name in tables {
            parts.extend([
                name.clone(),
                self.csv.get(name).map_or_else(String::new, |table| table.0.digest.to_string()),
            ]);
        }
        Digest::of(parts.iter().map(String::as_bytes))
    }

    /// `param::` as a region sees it.
    pub(super) fn params_module(&self, region: Option<&str>) -> Module {
        let over = region.and_then(|region| self.regions.get(region));
        let mut module = Module::new();
        for (name, value) in &self.params {
            let value = over.and_then(|over| over.get(name)).unwrap_or(value);
            module.set_var(name.as_str(), dynamic(value));
        }
        module.build_index();
        module
    }

    /// `table::`.
    pub(super) fn tables_module(&self) -> Module {
        let mut module = Module::new();
        for (name, table) in &self.csv {
            module.set_var(name.as_str(), table.clone());
        }
        module.build_index();
        module
    }
}

fn check_params(
    params: &BTreeMap<String, toml::Value>,
    regions: &BTreeMap<String, BTreeMap<String, toml::Value>>,
) -> Result<(), String> {
    for (name, value) in params {
        check_param(name, value)?;
    }
    for (region, over) in regions {
        for (name, value) in over {
            let Some(under) = params.get(name) else {
                let hint = nearest(name, params.keys().map(String::as_str))
                    .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                return Err(format!("[{region}] sets `{name}`, which is not a parameter{hint}"));
            };
            check_param(name, value)?;
            if under.type_str() != value.type_str() {
                let (expected, got) = (under.type_str(), value.type_str());
                return Err(format!("[{region}] {name}: expected {expected} as above, got {got}"));
            }
        }
    }
    Ok(())
}

fn check_param(name: &str, value: &toml::Value) -> Result<(), String> {
    if !rhai::is_valid_identifier(name) {
        return Err(format!("`{name}` cannot be the name of a parameter: letters, digits and _"));
    }
    match value {
        toml::Value::Array(list) if list.len() > ELEMENTS => {
            Err(format!("{name}: at most {ELEMENTS} elements, got {}", list.len()))
        }
        toml::Value::Array(list) => list.iter().try_for_each(|element| check_scalar(name, element)),
        scalar => check_scalar(name, scalar),
    }
}

fn check_scalar(name: &str, value: &toml::Value) -> Result<(), String> {
    match value {
        toml::Value::String(text) if text.len() > super::facts::TEXT => Err(format!("{name}: the text is too long")),
        toml::Value::Float(float) if !float.is_finite() => Err(format!("{name}: expected a finite number")),
        toml::Value::Datetime(_) => Err(format!("{name}: expected a text, a number, true or false, got a date")),
        toml::Value::Array(_) | toml::Value::Table(_) => {
            Err(format!("{name}: a list holds texts and numbers, got {}", value.type_str()))
        }
        _ => Ok(()),
    }
}

fn dynamic(value: &toml::Value) -> Dynamic {
    match value {
        toml::Value::String(text) => Dynamic::from(ImmutableString::from(text.as_str())),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(b) => (*b).into(),
        toml::Value::Array(list) => Dynamic::from_array(list.iter().map(dynamic).collect()),
        toml::Value::Datetime(_) | toml::Value::Table(_) => Dynamic::UNIT,
    }
}

impl Rows {
    fn read(name: &str, text: &str) -> Result<Self, (Option<u64>, String)> {
        if !rhai::is_valid_identifier(name) {
            return Err((None, format!("`{name}` cannot be the name of a table: letters, digits and _")));
        }
        let text = text.trim_start_matches('\u{feff}');
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let broken = |error: csv::Error| (error.position().map(csv::Position::line), error.to_string());
        let columns: Vec<String> = reader.headers().map_err(broken)?.iter().map(str::to_owned).collect();
        check_columns(&columns).map_err(|problem| (Some(1), problem))?;
        let mut rows = BTreeMap::new();
        for record in reader.records() {
            let record = record.map_err(broken)?;
            let line = record.position().map(csv::Position::line);
            let key = record.get(0).unwrap_or_default();
            if key.is_empty() {
                return Err((line, format!("the key `{}` is empty", columns[0])));
            }
            if rows.insert(key.to_owned(), row(&columns, &record)).is_some() {
                return Err((line, format!("the key {key:?} stands here a second time")));
            }
        }
        Ok(Self { name: name.to_owned(), columns, by_key: rows, digest: Digest::of([text.as_bytes()]) })
    }
}

fn check_columns(columns: &[String]) -> Result<(), String> {
    if columns.is_empty() || columns.len() > COLUMNS {
        return Err(format!("expected 1 to {COLUMNS} columns, got {}", columns.len()));
    }
    for (n, column) in columns.iter().enumerate() {
        if column.is_empty() || column.len() > super::engine::KEY {
            return Err(format!("column {} has no usable name", n + 1));
        }
        if columns[..n].contains(column) {
            return Err(format!("two columns are called `{column}`"));
        }
    }
    Ok(())
}

fn row(columns: &[String], record: &csv::StringRecord) -> Map {
    let texts = record
        .iter()
        .map(|cell| if cell.is_empty() { Dynamic::UNIT } else { Dynamic::from(ImmutableString::from(cut(cell))) });
    columns.iter().map(|column| column.as_str().into()).zip(texts).collect()
}

impl Table {
    fn get(&self, key: &str) -> Result<Dynamic, Box<EvalAltResult>> {
        budget::spend(self.0.columns.len())?;
        Ok(self.0.by_key.get(key).map_or(Dynamic::UNIT, |row| Dynamic::from_map(row.clone())))
    }
}

/// Gives a table its `[key]`.
pub(super) fn register(module: &mut Module) {
    module.set_indexer_get_fn(|table: &mut Table, key: ImmutableString| table.get(&key));
    module.set_indexer_get_fn(|table: &mut Table, key: i64| table.get(&key.to_string()));
    module.set_indexer_get_fn(|table: &mut Table, key: Dynamic| -> Result<Dynamic, Box<EvalAltResult>> {
        Err(format!("table::{}[…]: expected a text as the key, got {}", table.0.name, kind_of(&key)).into())
    });
    let list = |table: &mut Table| -> Result<Array, Box<EvalAltResult>> {
        budget::spend(table.0.by_key.len())?;
        Ok(table.0.by_key.keys().take(super::engine::LIST + 1).map(|key| Dynamic::from(key.clone())).collect())
    };
    let say = super::words::Say {
        group: "Tables",
        params: &["table"],
        en: "`table::NAME[key]` is the row of a table under a key, as a map of texts, and missing if there is none; \
             an empty cell is missing. `keys(table::NAME)` are all keys.",
        zh: "取表中一行；没有该键则缺失",
    };
    super::words::word(module, "keys", say, list);
}
