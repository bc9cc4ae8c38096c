//! The ledgers of `config/ledgers`: templates, mappings and notes that one table makes, and that agree.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use duban::config::{Config, SourceConfig};
use duban::core::item::Item;
use duban::core::value::Value;
use duban::source::ledger::{SheetChoice, SheetConfig, SheetSource};
use duban::source::mapping::Mapping;
use duban::source::mapping::config::FieldKind;

use crate::support::command::{duban, shipped};
use crate::{mapped, poll};

/// How many lists there are.
const LEDGERS: usize = 16;

/// The mappings, one after the other, as somebody pastes them.
fn pasted(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut mappings: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect();
    mappings.sort();
    mappings.iter().map(|path| std::fs::read_to_string(path).expect("a mapping")).collect()
}

fn sources() -> Vec<(String, SourceConfig)> {
    let config = Config::read("duban.toml", &pasted(Path::new(&shipped("config/ledgers"))));
    let config = config.unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(config.source.len(), LEDGERS);
    config.source.into_iter().collect()
}

fn sheet(config: &SourceConfig) -> SheetConfig {
    SheetConfig { settle: Duration::ZERO, ..config.sheet.clone().expect("a sheet") }
}

/// All rows of a sheet below `config`.
async fn rows(folder: &Path, sheet: &SheetConfig, mapping: Arc<Mapping>) -> Vec<Item> {
    let mapped = poll(&SheetSource::new(sheet, folder, mapping)).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(mapped.rejected.is_empty(), "{:?}", mapped.rejected);
    mapped.items
}

async fn sample(name: &str, config: &SourceConfig) -> (Item, Arc<Mapping>) {
    let mapping = Arc::new(Mapping::new(name, &config.mapping).unwrap_or_else(|wrong| panic!("{name}: {wrong:?}")));
    let mut items = rows(Path::new(&shipped("config")), &sheet(config), mapping.clone()).await;
    assert_eq!(items.len(), 1, "{name}");
    (items.remove(0), mapping)
}

/// The notes of a ledger: each column's name and field.
async fn notes(folder: &Path, config: &SourceConfig) -> Vec<(String, String)> {
    let mapping =
        mapped("id = '列名'\nkind = 'note'\n[fields]\nfield = '字段'\nzh = '含义'\nen = 'Meaning'\nformat = '格式'\n");
    let sheet = SheetConfig { sheet: SheetChoice::Name("说明".into()), ..sheet(config) };
    let notes = rows(folder, &sheet, mapping).await;
    for note in &notes {
        assert!(note.fields.iter().all(|(_, value)| value.as_text().is_some()), "{note:?}");
    }
    notes.into_iter().map(|note| (note.key.id.to_string(), note.text("field").unwrap_or_default().to_owned())).collect()
}

fn is_of_kind(value: &Value, kind: FieldKind) -> bool {
    match kind {
        FieldKind::Text => value.as_text().is_some_and(|text| !text.is_empty()),
        FieldKind::Number => matches!(value, Value::Int(_) | Value::Float(_)),
        FieldKind::Integer => matches!(value, Value::Int(_)),
        FieldKind::Bool => matches!(value, Value::Bool(_)),
        FieldKind::Time => matches!(value, Value::Instant(_)),
        FieldKind::Json => false,
    }
}

#[tokio::test]
async fn the_sample_row_of_each_ledger_fills_every_field_with_its_type() {
    for (name, config) in sources() {
        let (item, mapping) = sample(&name, &config).await;
        for field in mapping.fields() {
            let value = item.fields.get(&field.name).unwrap_or(&Value::Missing);
            assert!(is_of_kind(value, field.kind), "{name}.{}: expected {}, got {value:?}", field.name, field.kind);
        }
        assert_eq!(item.pauses.len(), usize::from(config.mapping.pauses.is_some()), "{name}");
        assert!(item.pauses.iter().all(|pause| pause.to.is_some() && pause.kind.is_some()), "{name}");
        assert_eq!(item.extensions.len(), usize::from(config.mapping.extensions.is_some()), "{name}");
        assert!(item.extensions.iter().all(|more| more.asked_at.is_some() && more.approved_at.is_some()), "{name}");
    }
}

#[tokio::test]
async fn header_mapping_and_notes_name_the_same_columns() {
    for (name, config) in sources() {
        let (item, mapping) = sample(&name, &config).await;
        let header: BTreeSet<&str> = item.raw.names().map(|name| &**name).collect();
        let notes = notes(Path::new(&shipped("config")), &config).await;
        assert_eq!(notes.iter().map(|(column, _)| column.as_str()).collect::<BTreeSet<_>>(), header, "{name}");
        assert_eq!(mapping.columns().iter().map(String::as_str).collect::<BTreeSet<_>>(), header, "{name}");
        let fields: BTreeSet<&str> = notes.iter().map(|(_, field)| field.as_str()).collect();
        for field in mapping.fields() {
            assert!(fields.contains(&*field.name), "{name}: the notes know no {}", field.name);
        }
    }
}

#[tokio::test]
async fn the_ledgers_are_what_their_table_makes_and_the_same_bytes_each_time() {
    let folder = tempfile::tempdir().expect("a folder");
    for run in ["one", "two"] {
        let target = folder.path().join(run);
        let made = Command::new("/usr/bin/python3").arg(shipped("config/ledgers/make")).arg(target).status();
        assert!(made.expect("python3").success(), "the ledgers are made");
    }
    let shipped_folder = shipped("config/ledgers");
    assert_eq!(pasted(&folder.path().join("one")), pasted(Path::new(&shipped_folder)));
    let bytes = |folder: &Path, name: &str| std::fs::read(folder.join(format!("{name}.xlsx"))).expect("a ledger");
    // Another version of openpyxl packs other bytes around the same cells.
    let ours = folder.path().join("ledgers");
    std::fs::rename(folder.path().join("one"), &ours).expect("renamed");
    for (name, config) in sources() {
        assert_eq!(bytes(&ours, &name), bytes(&folder.path().join("two"), &name), "{name}");
        let (item, mapping) = sample(&name, &config).await;
        assert_eq!(rows(folder.path(), &sheet(&config), mapping).await, [item], "{name}");
        let shipped_notes = notes(Path::new(&shipped("config")), &config).await;
        assert_eq!(notes(folder.path(), &config).await, shipped_notes, "{name}");
    }
}

#[test]
fn all_mappings_pasted_into_one_configuration_pass_its_check() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledgers = Path::new(&shipped("config/ledgers")).to_owned();
    std::fs::create_dir(folder.path().join("ledgers")).expect("a folder");
    for (name, _) in sources() {
        let file = format!("ledgers/{name}.xlsx");
        std::fs::copy(shipped(&format!("config/{file}")), folder.path().join(file)).expect("a copy");
    }
    for file in ["contacts.csv", "ladders.toml"] {
        std::fs::copy(shipped(&format!("config/{file}")), folder.path().join(file)).expect("a copy");
    }
    // A file that was written just now may still be written to.
    let mappings = pasted(&ledgers).replace(".sheet]\n", ".sheet]\nsettle = '0s'\n");
    let text = format!("rules_dir = {:?}\n{mappings}", shipped("rules"));
    std::fs::write(folder.path().join("duban.toml"), text).expect("a configuration");
    let config = folder.path().join("duban.toml").display().to_string();
    let run = duban(&["check", "--online", "--format", "csv", "--config", &config]);
    assert_eq!(run.status, 0, "{run:?}");
    let read =
        run.rows().into_iter().filter(|row| format!("{row:?}").contains("1 rows read, 0 of them rejected")).count();
    assert_eq!(read, LEDGERS, "{run:?}");
}
