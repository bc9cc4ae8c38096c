//! Sources as they are in the world: real servers, and files that other programs wrote.

#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use duban::core::database::Tls;
use duban::source::mapping::Mapping;
use duban::source::mapping::config::MappingConfig;
use duban::source::sql::{MySqlSource, PostgresSource, SqlConfig};
use duban::source::{Mapped, PollError, Source};

mod bridge;
mod columns;
mod cuts;
mod ends;
mod http;
mod http_faults;
mod http_login;
mod maps;
mod push;
mod same;
mod sample_city;
mod sheets;
mod templates;
mod trust;
mod writes;

/// A mapping with an id alone: what items keep of their columns is what is looked at.
pub fn mapping(zone: &str) -> Arc<Mapping> {
    mapped(&format!("id = 'id'\nkind = 'ticket'\ntimezone = '{zone}'\n[fields]\n"))
}

/// A mapping as it is written.
pub fn mapped(text: &str) -> Arc<Mapping> {
    let config: MappingConfig = toml::from_str(text).expect("a mapping");
    Arc::new(Mapping::new("tickets", &config).expect("a mapping"))
}

/// A query in the clear on this machine.
pub fn plainly(url: &str, query: &str) -> SqlConfig {
    SqlConfig { tls: Tls::Off, timeout: Duration::from_secs(20), ..SqlConfig::new(url, query) }
}

/// A query on PostgreSQL.
pub fn on_postgres(config: &SqlConfig, mapping: Arc<Mapping>) -> Result<PostgresSource, String> {
    PostgresSource::new(config, None, Path::new("/"), mapping)
}

/// A query on MariaDB.
pub fn on_mariadb(config: &SqlConfig, mapping: Arc<Mapping>) -> Result<MySqlSource, String> {
    MySqlSource::new(config, None, Path::new("/"), mapping)
}

/// Everything that a source has.
pub async fn poll(source: &dyn Source) -> Result<Mapped, PollError> {
    let fetched = source.fetch(None).await?;
    assert!(fetched.chunks() <= 1, "small tests only");
    Ok(fetched.map(0))
}

/// The columns of the first item, as they were.
pub async fn first_row(source: &dyn Source) -> serde_json::Value {
    let mapped = poll(source).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(mapped.rejected.is_empty(), "{:?}", mapped.rejected);
    serde_json::to_value(&mapped.items[0]).expect("JSON")["raw"].clone()
}
