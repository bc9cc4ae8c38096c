//! Which store a command works with: the configured one, or one that an argument names.

use std::path::Path;

use super::Caller;
use super::exit::Failure;
use super::words::{self, upkeep};
use crate::daemon::storage;
use crate::store::transfer::{Place, Server};

impl Caller<'_> {
    /// The configured store.
    pub(super) fn store_place(&self) -> Result<Place, Failure> {
        Ok(match self.storage(&self.site()?)? {
            storage::Place::Sqlite(path) => Place::Sqlite(path),
            storage::Place::Postgres { config, password, .. } => Place::Postgres(Box::new(Server { config, password })),
        })
    }

    /// The store that an argument names: `sqlite:PATH`, `postgres://…`, or the configured one by `sqlite:` or `postgres:`.
    pub(super) fn place_of(&self, argument: &str, text: &str) -> Result<Place, Failure> {
        let wrong = |sentence: String| Failure::usage(words::about(self.language, argument, &sentence));
        match text {
            "sqlite:" => {
                Ok(Place::Sqlite(self.site()?.store_path(&|name| self.environment.get(name).map(str::to_owned))))
            }
            "postgres:" | "postgresql:" => match self.store_place()? {
                postgres @ Place::Postgres(_) => Ok(postgres),
                Place::Sqlite(_) => Err(wrong(upkeep::no_postgres(self.language).to_owned())),
            },
            _ if text.starts_with("postgres://") || text.starts_with("postgresql://") => match Server::at(text) {
                Ok(server) => Ok(Place::Postgres(Box::new(server))),
                Err(problem) => Err(wrong(upkeep::no_url(self.language, &problem))),
            },
            _ => match text.strip_prefix("sqlite:") {
                Some(path) => Ok(Place::Sqlite(path.into())),
                None => Err(wrong(upkeep::no_place(self.language, text))),
            },
        }
    }

    /// A command about a file as it can be typed here, with the configuration that was given.
    pub(super) fn command_line(&self, words: &[&str], file: &Path) -> String {
        let quoted = |path: &Path| {
            let text = path.display().to_string();
            let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=".contains(c);
            if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
        };
        let config = self.config.as_ref().map(|config| format!(" --config {}", quoted(config)));
        format!("duban {} {}{}", words.join(" "), quoted(file), config.unwrap_or_default())
    }
}
