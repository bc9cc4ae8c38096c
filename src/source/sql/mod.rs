//! Queries on servers of databases as sources: PostgreSQL, MySQL and MariaDB.
//!
//! **Invariant:** a query runs in a transaction that can only read and is never committed; its time is limited on the
//! server and by us, and one that takes longer is really stopped. Every error of a server becomes words for operators.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

use super::mapping::Mapping;
use super::packed::Packed;
use super::terms::timeout;
use super::{Fetched, PollError};
use crate::core::database::{self, Form, Tls};
use crate::secret::SecretRef;

mod clocks;
mod mysql;
mod postgres;
mod trouble;

pub use mysql::MySqlSource;
pub use postgres::PostgresSource;

/// How long we wait for a server to end a query by itself, beyond its time.
const GRACE: Duration = Duration::from_secs(2);

/// How long the last words to a server may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// `[source.NAME.postgres]` and `[source.NAME.mysql]`: which database, how its server is trusted, and what to ask it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlConfig {
    /// The database, such as `postgres://duban@db.example/city`. It holds no password.
    pub url: String,
    /// The password of the user.
    pub password: Option<SecretRef>,
    /// One statement that reads.
    pub query: String,
    /// How long the answer may take: `30s`, `2m`.
    #[serde(default = "half_a_minute", deserialize_with = "timeout")]
    pub timeout: Duration,
    /// How the server is trusted.
    #[serde(default)]
    pub tls: Tls,
    /// A file of certificates that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
}

const fn half_a_minute() -> Duration {
    Duration::from_secs(30)
}

impl SqlConfig {
    /// A query on a database, with everything else at its default.
    pub fn new(url: impl Into<String>, query: impl Into<String>) -> Self {
        let (password, tls, ca_file) = (None, Tls::default(), None);
        Self { url: url.into(), password, query: query.into(), timeout: half_a_minute(), tls, ca_file }
    }

    /// Whether somebody on the way could listen or answer.
    pub fn is_weak(&self) -> bool {
        let is_socket = self.url.contains("socket=") || self.url.contains("host=/") || self.url.contains("host=%2F");
        self.tls != Tls::Verify && !is_socket
    }
}

/// A server, and the way to it.
#[derive(Debug, Clone)]
struct Server<O> {
    options: O,
    place: String,
    timeout: Duration,
}

/// What a server is answering, by its own numbers: so that it can be told to stop when nobody waits any more.
#[derive(Debug, Clone)]
struct Answering<N>(Arc<Mutex<BTreeSet<N>>>);

impl<N> Default for Answering<N> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<N: Ord> Answering<N> {
    fn begin(&self, number: N) {
        self.lock().insert(number);
    }

    fn end(&self, number: &N) {
        self.lock().remove(number);
    }

    /// What was begun and not ended.
    fn take(&self) -> BTreeSet<N> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<N>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<O> Server<O> {
    fn late(&self) -> PollError {
        PollError::Timeout { place: self.place.clone(), limit_s: self.timeout.as_secs() }
    }

    fn unreadable(&self, problem: impl Into<String>) -> PollError {
        PollError::Unreadable { place: self.place.clone(), problem: problem.into() }
    }

    fn refused(&self, problem: impl Into<String>) -> PollError {
        PollError::Query { place: self.place.clone(), problem: problem.into() }
    }

    fn too_large(&self, problem: impl Into<String>) -> PollError {
        PollError::TooLarge { place: self.place.clone(), problem: problem.into() }
    }

    /// Maps an answer, which may take its time.
    async fn mapped(&self, answer: Packed, mapping: Arc<Mapping>) -> Result<Fetched, PollError> {
        let place = self.place.clone();
        let fetched = tokio::task::spawn_blocking(move || Fetched::new(answer, mapping, &place)).await;
        fetched.unwrap_or_else(|error| Err(self.unreadable(error.to_string())))
    }

    /// Waits for what must be done within the time of a query and some more.
    async fn within<T>(
        &self,
        extra: Duration,
        work: impl Future<Output = Result<T, PollError>>,
    ) -> Option<Result<T, PollError>> {
        tokio::time::timeout(self.timeout + extra, work).await.ok()
    }
}

/// What both kinds of servers check and know before they are asked.
fn address(config: &SqlConfig, form: Form, base: &Path) -> Result<(String, Option<PathBuf>), String> {
    form.check(&config.url)?;
    Ok((database::place(&config.url), config.ca_file.as_ref().map(|file| base.join(file))))
}

/// The password as a server's library wants it.
fn revealed(password: Option<&SecretString>) -> Option<&str> {
    password.map(secrecy::ExposeSecret::expose_secret)
}
