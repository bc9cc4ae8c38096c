//! What is known of the city at an instant: its files hold the whole year, and `appears.toml` says from when on each row
//! and each column is known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use duban::core::Instant;
use duban::core::item::{Extension, Item, Pause};
use duban::core::value::{Fields, Value};
use serde::Deserialize;

/// `appears.toml`, by columns.
#[derive(Deserialize)]
struct Columns {
    appears: BTreeMap<String, String>,
    facts: BTreeMap<String, Vec<String>>,
    known: BTreeMap<String, BTreeMap<String, String>>,
}

/// The sources of `duban.toml`, as far as they are needed.
#[derive(Deserialize)]
struct Config {
    source: BTreeMap<String, Source>,
}

#[derive(Deserialize)]
struct Source {
    fields: BTreeMap<String, Field>,
    #[serde(default)]
    attach: BTreeMap<String, Attach>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Field {
    Column(String),
    More { column: String },
}

impl Field {
    fn column(&self) -> &str {
        match self {
            Self::Column(column) | Self::More { column } => column,
        }
    }
}

#[derive(Deserialize)]
struct Attach {
    source: String,
    key: String,
}

/// When each field of a source's rows is known.
#[derive(Default)]
struct Rows {
    /// The field of the instant at which a row appears; none if it was always there.
    appears: Option<String>,
    facts: BTreeSet<String>,
    /// A field, and the field of the instant from which on it is known.
    known: BTreeMap<String, String>,
    /// Attached rows, by field.
    attached: BTreeMap<String, Attach>,
}

/// When everything is known.
pub struct Known {
    sources: BTreeMap<String, Rows>,
}

impl Known {
    /// Reads what a folder says.
    pub fn read(folder: &Path) -> Self {
        let text = |name: &str| std::fs::read_to_string(folder.join(name)).expect(name);
        let columns: Columns = toml::from_str(&text("appears.toml")).expect("appears.toml");
        let config: Config = toml::from_str(&text("duban.toml")).expect("duban.toml");
        let rows = |(name, source): (String, Source)| {
            let field = |column: &str| {
                let found = source.fields.iter().find(|(_, field)| field.column() == column);
                found.map(|(name, _)| name.clone())
            };
            let known = columns.known.get(&name).into_iter().flatten();
            let rows = Rows {
                appears: field(&columns.appears[&name]),
                facts: columns.facts[&name].iter().filter_map(|column| field(column)).collect(),
                known: known.filter_map(|(column, from)| Some((field(column)?, field(from)?))).collect(),
                attached: source.attach,
            };
            (name, rows)
        };
        Self { sources: config.source.into_iter().map(rows).collect() }
    }

    fn of(&self, item: &Item) -> &Rows {
        &self.sources[&*item.key.source]
    }

    /// When an item appears; a row that is not there by itself yet, with the earliest that is said of it.
    pub fn appears_at(&self, item: &Item, start: Instant) -> Instant {
        let rows = self.of(item);
        let stated = rows.row_appears_at(&item.fields);
        let moments =
            item.pauses.iter().map(|pause| pause.from).chain(item.extensions.iter().filter_map(|e| e.asked_at));
        match &rows.appears {
            None => start,
            Some(_) => stated.or_else(|| rows.facts_of(&item.fields).chain(moments).min()).unwrap_or(start).max(start),
        }
    }

    /// Every instant at which something becomes known of an item or its rows.
    pub fn instants(&self, item: &Item) -> BTreeSet<Instant> {
        let rows = self.of(item);
        let mut all: BTreeSet<Instant> = rows.facts_of(&item.fields).collect();
        for pause in &item.pauses {
            all.extend([Some(pause.from), pause.to].into_iter().flatten());
        }
        for extension in &item.extensions {
            all.extend([extension.asked_at, extension.approved_at].into_iter().flatten());
        }
        for (field, attach) in &rows.attached {
            for row in rows_of(item.fields.get(field)) {
                all.extend(self.sources[&attach.source].facts_of(row));
            }
        }
        all
    }

    /// An item as its source shows it at an instant; its raw columns, which tell the whole year, are left out.
    pub fn as_of(&self, whole: &Item, at: Instant) -> Item {
        let rows = self.of(whole);
        let mut item = Item::new(whole.key.clone(), whole.kind.clone());
        for (name, value) in whole.fields.iter() {
            let shown = match rows.attached.get(&**name) {
                Some(attach) => self.attached_as_of(attach, value, at),
                None => rows.field_as_of(&whole.fields, name, value, at),
            };
            item.fields.push(name.clone(), shown);
        }
        let begun = whole.pauses.iter().filter(|pause| pause.from <= at);
        item.pauses = begun.map(|pause| Pause { to: pause.to.filter(|to| *to <= at), ..pause.clone() }).collect();
        let asked = whole.extensions.iter().filter(|extension| extension.asked_at.is_none_or(|asked| asked <= at));
        let seen = |extension: &Extension| Extension {
            approved_at: extension.approved_at.filter(|approved| *approved <= at),
            ..extension.clone()
        };
        item.extensions = asked.map(seen).collect();
        item
    }

    /// The attached rows that are there; one belongs to nothing before it is known to what it belongs.
    fn attached_as_of(&self, attach: &Attach, whole: &Value, at: Instant) -> Value {
        let child = &self.sources[&attach.source];
        let is_shown = |row: &&Fields| child.is_there(row, at) && !child.hides(row, &attach.key, at);
        let mut shown = rows_of(Some(whole)).filter(is_shown).map(|row| Value::Map(child.as_of(row, at)));
        match whole {
            Value::List(_) => Value::List(shown.collect()),
            _ => shown.next().unwrap_or_default(),
        }
    }
}

impl Rows {
    fn facts_of<'a>(&'a self, row: &'a Fields) -> impl Iterator<Item = Instant> + 'a {
        self.facts.iter().filter_map(|field| instant(row.get(field)))
    }

    fn row_appears_at(&self, row: &Fields) -> Option<Instant> {
        self.appears.as_ref().and_then(|field| instant(row.get(field)))
    }

    fn is_there(&self, row: &Fields, at: Instant) -> bool {
        let appears_at = self.row_appears_at(row).or_else(|| self.facts_of(row).min());
        self.appears.is_none() || appears_at.is_none_or(|appears_at| appears_at <= at)
    }

    /// What is known of a row.
    fn as_of(&self, whole: &Fields, at: Instant) -> Fields {
        let mut shown = Fields::with_capacity(whole.len());
        for (name, value) in whole.iter() {
            shown.push(name.clone(), self.field_as_of(whole, name, value, at));
        }
        shown
    }

    fn field_as_of(&self, whole: &Fields, name: &str, value: &Value, at: Instant) -> Value {
        if self.hides(whole, name, at) { Value::Missing } else { value.clone() }
    }

    /// Whether a field of a row is not known yet.
    fn hides(&self, whole: &Fields, name: &str, at: Instant) -> bool {
        let is_ahead = |name: &str| instant(whole.get(name)).is_some_and(|instant| instant > at);
        self.facts.contains(name) && is_ahead(name) || self.known.get(name).is_some_and(|from| is_ahead(from))
    }
}

fn instant(value: Option<&Value>) -> Option<Instant> {
    match value {
        Some(Value::Instant(instant)) => Some(*instant),
        _ => None,
    }
}

fn rows_of(value: Option<&Value>) -> impl Iterator<Item = &Fields> {
    let rows = match value {
        Some(Value::List(rows)) => rows.as_slice(),
        Some(one @ Value::Map(_)) => std::slice::from_ref(one),
        _ => &[],
    };
    rows.iter().filter_map(|row| match row {
        Value::Map(fields) => Some(fields),
        _ => None,
    })
}
