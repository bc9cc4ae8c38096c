//! The store that a configuration names.

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;

use super::wiring::{Lookup, Site};
use crate::config::ConfigProblem;
use crate::store::postgres::{PostgresConfig, PostgresStore};
use crate::store::sqlite::SqliteStore;
use crate::store::{Result, Store};

/// Where a configuration keeps duban's memory.
#[derive(Debug, Clone)]
pub enum Place {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres {
        /// Which one, and how to reach it.
        config: PostgresConfig,
        /// The password of its user.
        password: Option<SecretString>,
        /// The file that tells this installation from others.
        instance: PathBuf,
    },
}

impl Site {
    /// Where duban's memory lies, with the password that opens it.
    pub fn storage(&self, lookup: Lookup<'_>) -> std::result::Result<Place, Vec<ConfigProblem>> {
        let Some(config) = &self.config.store.postgres else { return Ok(Place::Sqlite(self.store_path(lookup))) };
        let mut config = config.clone();
        config.seen_from(&self.base);
        let place = format!("{}: store.postgres.password", self.path.display());
        let password = config.password.as_ref().map(|secret| self.secret(secret, lookup)).transpose();
        let password = password.map_err(|problem| vec![ConfigProblem::at(place, problem)])?;
        Ok(Place::Postgres { config, password, instance: self.state_folder(lookup).join("duban.instance") })
    }
}

impl Place {
    /// Opens the store for the daemon, creates it if it is not there, and brings its schema up to date.
    pub async fn open(&self) -> Result<Arc<dyn Store>> {
        Ok(match self {
            Self::Sqlite(path) => Arc::new(SqliteStore::open(path).await?),
            Self::Postgres { config, password, instance } => {
                Arc::new(PostgresStore::open(config, password.as_ref(), instance).await?)
            }
        })
    }

    /// Opens the store for a command beside the daemon that may be running.
    pub async fn visit(&self) -> Result<Arc<dyn Store>> {
        Ok(match self {
            Self::Sqlite(path) => Arc::new(SqliteStore::visit(path).await?),
            Self::Postgres { config, password, .. } => Arc::new(PostgresStore::visit(config, password.as_ref()).await?),
        })
    }

    /// The same, if there is one.
    pub async fn visit_if_any(&self) -> Result<Option<Arc<dyn Store>>> {
        match self {
            Self::Sqlite(path) if !path.exists() => Ok(None),
            _ => self.visit().await.map(Some),
        }
    }

    /// The store in words, without a secret.
    pub fn words(&self) -> String {
        match self {
            Self::Sqlite(path) => path.display().to_string(),
            Self::Postgres { config, .. } => config.place(),
        }
    }
}
