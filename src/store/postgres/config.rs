//! `[store.postgres]`: which database, and how its server is trusted.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::core::database::{self, POSTGRES};
use crate::secret::SecretRef;

pub use crate::core::database::Tls as PostgresTls;

/// What `[store.postgres]` says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresConfig {
    /// The database, such as `postgres://duban@db.example/duban`, or `postgres:///duban?host=/run/postgresql` for a socket.
    /// It holds no password.
    pub url: String,
    /// The password of the user.
    pub password: Option<SecretRef>,
    /// How the server is trusted.
    #[serde(default)]
    pub tls: PostgresTls,
    /// A file of certificates that are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// How many connections are open at most.
    #[serde(default = "connections")]
    pub connections: u32,
}

fn connections() -> u32 {
    8
}

impl PostgresConfig {
    /// A database with everything else at its default.
    pub fn at(url: impl Into<String>) -> Self {
        let (password, tls, ca_file) = (None, PostgresTls::default(), None);
        Self { url: url.into(), password, tls, ca_file, connections: connections() }
    }

    /// What is wrong with it.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Err(problem) = self.options(None) {
            problems.push(problem);
        }
        if self.connections == 0 {
            problems.push("connections: expected at least 1, got 0".to_owned());
        }
        problems
    }

    /// The database in words, without a secret.
    pub fn place(&self) -> String {
        database::place(&self.url)
    }

    /// Makes relative paths start at a folder.
    pub fn seen_from(&mut self, base: &Path) {
        self.ca_file = self.ca_file.as_ref().map(|file| base.join(file));
    }

    /// How to connect. What is left open, such as the user, comes from where
    /// PostgreSQL's own programs take it.
    pub fn options(&self, password: Option<&SecretString>) -> Result<PgConnectOptions, String> {
        POSTGRES.check(&self.url)?;
        let parsed = PgConnectOptions::from_str(&self.url);
        let parsed = parsed.map_err(|error| format!("url: expected postgres://USER@HOST/DATABASE: {error}"))?;
        let is_socket = parsed.get_socket().is_some() || parsed.get_host().starts_with('/');
        let mode = match self.tls {
            PostgresTls::Verify if !is_socket => PgSslMode::VerifyFull,
            PostgresTls::EncryptOnly if !is_socket => PgSslMode::Require,
            _ => PgSslMode::Disable,
        };
        // `extra_float_digits` is one of the things that poolers refuse.
        let mut options = parsed.ssl_mode(mode).application_name("duban").extra_float_digits(None);
        if let Some(password) = password {
            options = options.password(password.expose_secret());
        }
        if let Some(file) = &self.ca_file {
            options = options.ssl_root_cert(file);
        }
        // Statements are unnamed: a pooler may hand the next one to another connection.
        Ok(options.statement_cache_capacity(0))
    }
}
