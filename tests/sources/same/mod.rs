//! The same tickets through every kind of source: the same items, byte for byte but for the source's name.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::response::IntoResponse as _;
use duban::core::item::{Item, ItemKey};
use duban::core::value::Fields;
use duban::source::Source;
use duban::source::attach::AttachConfig;
use duban::source::csv::CsvSource;
use duban::source::guard::GuardLimits;
use duban::source::http::HttpSource;
use duban::source::joined::{Attached, Joined};
use duban::source::ledger::SheetSource;
use duban::source::mapping::Mapping;
use duban::source::sql::SqlConfig;
use duban::source::sqlite::{SqliteConfig, SqliteSource};
use duban::time::{Clock as _, SystemClock};
use serde_json::Value as Json;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

mod tickets;
mod writing;

use super::http::Api;
use super::{on_mariadb, on_postgres, plainly};
use crate::support::mariadb::MariaDb;
use crate::support::postgres::{Database, Postgres};
use tickets::{City, MAPPING, OWN_WAYS, STEP_MAPPING, Table};
use writing::Dialect;

/// Two sources of one kind, the tickets and their steps, as the one that a daemon polls.
fn joined(source: impl Source + 'static, steps: impl Source + 'static) -> Joined {
    let config: AttachConfig = toml::from_str("source = 'steps'\nkey = 'ticket'").expect("a table");
    let attached = Attached::new("steps", &config, Arc::new(steps), GuardLimits::default());
    Joined::new(Arc::new(source), vec![attached])
}

/// What the columns mean; the source's name is its kind.
fn meaning(kind: &str, table: &Table) -> Arc<Mapping> {
    let text = if table.name == "ticket" { MAPPING } else { STEP_MAPPING };
    Arc::new(Mapping::new(kind, &toml::from_str(text).expect("a mapping")).expect("a mapping"))
}

fn query(table: &Table) -> String {
    format!("SELECT * FROM {}", table.name)
}

/// A query on a server; the machine that runs the tests may be busy.
fn patiently(url: &str, table: &Table) -> SqlConfig {
    SqlConfig { timeout: Duration::from_mins(2), ..plainly(url, &query(table)) }
}

async fn through_sqlite(folder: &Path, city: &City) -> Joined {
    let options = SqliteConnectOptions::new().filename(folder.join("city.db")).create_if_missing(true);
    let mut connection = options.connect().await.expect("a database");
    for table in [&city.tickets, &city.steps] {
        for statement in writing::statements(table, Dialect::Sqlite) {
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.expect("stored");
        }
    }
    let source = |table: &Table| {
        let config = SqliteConfig { path: "city.db".into(), query: query(table), timeout: Duration::from_mins(1) };
        SqliteSource::new(&config, folder, meaning("sqlite", table)).expect("a query")
    };
    joined(source(&city.tickets), source(&city.steps))
}

fn through_postgres(database: &Database<'_>, city: &City) -> Joined {
    for table in [&city.tickets, &city.steps] {
        Postgres::shared().run_in(&database.name, &writing::statements(table, Dialect::Postgres).join("; "));
    }
    let url = database.superuser_url();
    let source = |table| on_postgres(&patiently(&url, table), meaning("postgres", table)).expect("a query");
    joined(source(&city.tickets), source(&city.steps))
}

fn through_mariadb(city: &City) -> Joined {
    let server = MariaDb::shared();
    let database = server.new_database();
    for table in [&city.tickets, &city.steps] {
        for statement in writing::statements(table, Dialect::MariaDb) {
            server.run(&database, &statement);
        }
    }
    let url = server.url(&database);
    let source = |table| on_mariadb(&patiently(&url, table), meaning("mariadb", table)).expect("a query");
    joined(source(&city.tickets), source(&city.steps))
}

async fn through_http(city: &City) -> Joined {
    const SIZE: usize = 700;
    let pages = [&city.tickets, &city.steps].map(|table| {
        let rows = writing::api_rows(table);
        let page = |page: &[String]| format!(r#"{{"data":{{"list":[{}],"total":{}}}}}"#, page.join(","), rows.len());
        rows.chunks(SIZE).map(page).collect::<Vec<_>>()
    });
    let pages = Arc::new(pages);
    let api = Api::start(move |asked, _| {
        let query = asked.query();
        let page =
            query.iter().find(|(name, _)| name == "page").map(|(_, page)| page.parse::<usize>().expect("a page"));
        let page = pages[usize::from(asked.uri.path() == "/step")][page.expect("a page") - 1].clone();
        ([("content-type", "application/json")], page).into_response()
    })
    .await;
    let source = |table: &Table| {
        let keys = format!(
            "url = 'http://127.0.0.1:{}/{}'\nrows = '$.data.list'\ntotal = '$.data.total'\npoll_timeout = '2m'\n\
             page = {{ param = 'page', size_param = 'size', size = {SIZE} }}",
            api.port, table.name
        );
        let config = toml::from_str(&keys).expect("a configuration");
        let clock = Arc::new(SystemClock::start());
        HttpSource::new(&config, Path::new("/"), meaning("http", table), [].into(), clock).expect("an API")
    };
    joined(source(&city.tickets), source(&city.steps))
}

fn through_csv(folder: &Path, city: &City, kind: &str) -> Joined {
    let source = |table: &Table| {
        let (text, name) = (writing::csv(table), format!("{}.{kind}", table.name));
        let (bytes, encoding) = match kind {
            "gb18030" => (encoding_rs::GB18030.encode(&text).0.into_owned(), kind),
            _ => (text.into_bytes(), "utf-8"),
        };
        std::fs::write(folder.join(&name), bytes).expect("written");
        let config = toml::from_str(&format!("path = '{name}'\nencoding = '{encoding}'")).expect("a configuration");
        CsvSource::new(&config, folder, meaning(kind, table))
    };
    joined(source(&city.tickets), source(&city.steps))
}

/// A spreadsheet that another program writes: openpyxl or odfpy.
fn through_sheet(folder: &Path, city: &City, kind: &str) -> Joined {
    let tables = [&city.tickets, &city.steps].map(|table| {
        let path = folder.join(format!("{}.jsonl", table.name));
        std::fs::write(&path, writing::for_spreadsheets(table)).expect("written");
        path
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sources/same/tickets.py");
    let file = format!("city.{kind}");
    let written = Command::new("/usr/bin/python3").arg(script).arg(folder.join(&file)).args(tables).status();
    assert!(written.expect("python3").success(), "{kind} is written");
    let source = |table: &Table| {
        let text = format!("path = '{file}'\nsheet = '{}'\nsettle = '0s'", table.name);
        SheetSource::new(&toml::from_str(&text).expect("a configuration"), folder, meaning(kind, table))
    };
    joined(source(&city.tickets), source(&city.steps))
}

/// All items of a source, by their ids.
async fn items(kind: &str, source: &Joined) -> Vec<Item> {
    let clock = SystemClock::start();
    let began = clock.monotonic();
    let fetched = source.fetch(None).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
    let mut items = Vec::new();
    for chunk in 0..fetched.chunks() {
        let mapped = fetched.map(chunk);
        assert!(mapped.rejected.is_empty(), "{kind}: {}", mapped.rejected[0]);
        items.extend(mapped.items);
    }
    eprintln!("{kind}: {} items in {:?}", items.len(), clock.monotonic().saturating_sub(began));
    items.sort_by(|a, b| a.key.cmp(&b.key));
    items
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_tickets_through_every_kind_of_source_are_the_same_items() {
    let city = City::new(if crate::support::is_long() { 20_000 } else { 2_000 });
    let folder = tempfile::tempdir().expect("a folder");
    let database = tokio::task::block_in_place(|| Postgres::shared().new_database());
    let sources = [
        ("sqlite", through_sqlite(folder.path(), &city).await),
        ("postgres", tokio::task::block_in_place(|| through_postgres(&database, &city))),
        ("mariadb", tokio::task::block_in_place(|| through_mariadb(&city))),
        ("http", through_http(&city).await),
        ("csv", through_csv(folder.path(), &city, "csv")),
        ("gb18030", through_csv(folder.path(), &city, "gb18030")),
        ("xlsx", through_sheet(folder.path(), &city, "xlsx")),
        ("ods", through_sheet(folder.path(), &city, "ods")),
    ];
    let mut expected: Vec<&Json> = city.items.iter().collect();
    expected.sort_by_key(|item| item["id"].as_str());
    let mut differences = Differences::default();
    let mut first: Option<Vec<String>> = None;
    for (kind, source) in &sources {
        // An ODS knows one sort of line end.
        let is_ods = *kind == "ods";
        let as_there = |text: &str| if is_ods { text.replace("\\r\\n", "\\n") } else { text.to_owned() };
        let found = items(kind, source).await;
        assert_eq!(found.len(), expected.len(), "{kind}");
        for (item, &expected) in found.iter().zip(&expected) {
            let there = is_ods.then(|| serde_json::from_str(&as_there(&expected.to_string())).expect("JSON"));
            let expected = there.as_ref().unwrap_or(expected);
            differences.note(&format!("{kind}, and what is expected"), &shown(item), expected);
        }
        for item in &found {
            let stored = serde_json::to_string(item).expect("JSON");
            let read: Item = serde_json::from_str(&stored).expect("an item");
            assert_eq!((&read, read.digest()), (item, item.digest()), "{kind}: the store gives back what it got");
        }
        let found: Vec<String> = found.iter().map(bytes).collect();
        let first = first.get_or_insert_with(|| found.clone());
        for (one, other) in first.iter().zip(found).filter(|(one, other)| as_there(one) != *other) {
            differences.note(&format!("{kind}, and sqlite"), &other.into(), &one.as_str().into());
        }
    }
    assert!(differences.0.is_empty(), "{:#?}", differences.0);
}

/// Where two items differ, with the first case of each.
#[derive(Default)]
struct Differences(BTreeMap<String, String>);

impl Differences {
    fn note(&mut self, place: &str, got: &Json, expected: &Json) {
        match (got, expected) {
            (got, expected) if got == expected => {}
            (Json::Object(got), Json::Object(expected)) => {
                for name in got.keys().chain(expected.keys()) {
                    let of = |map: &serde_json::Map<String, Json>| map.get(name).cloned().unwrap_or("(nothing)".into());
                    self.note(&format!("{place}: {name}"), &of(got), &of(expected));
                }
            }
            _ => drop(self.0.entry(place.to_owned()).or_insert_with(|| format!("{got} is not {expected}"))),
        }
    }
}

/// The bytes of an item under a name that all kinds share, without the columns that each kind writes in its own way.
fn bytes(item: &Item) -> String {
    let raw = item.raw.iter().filter(|(name, _)| !OWN_WAYS.contains(&&***name));
    let raw = raw.map(|(name, value)| (name.clone(), value.clone())).collect();
    let item = Item { key: ItemKey::new("tickets", item.key.id.clone()), raw, ..item.clone() };
    serde_json::to_string(&item).expect("JSON")
}

/// What an item means, without its source's name and what it keeps of it.
fn shown(item: &Item) -> Json {
    let mut shown = serde_json::to_value(Item { raw: Fields::new(), ..item.clone() }).expect("JSON");
    shown.as_object_mut().expect("an object").remove("source");
    shown
}
