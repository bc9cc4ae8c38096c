//! Which configuration a command works with: `--config`, else `DUBAN_CONFIG`, else `/etc/duban/duban.toml`.

use std::path::PathBuf;

use super::Caller;
use super::exit::Failure;
use crate::config::ConfigProblem;
use crate::core::Instant;
use crate::daemon::wiring::Site;

/// Where a package puts the configuration.
const INSTALLED: &str = "/etc/duban/duban.toml";

impl Caller<'_> {
    /// The configuration's path.
    pub(super) fn config_path(&self) -> PathBuf {
        let given = self.config.clone().or_else(|| self.environment.get("DUBAN_CONFIG").map(PathBuf::from));
        given.unwrap_or_else(|| INSTALLED.into())
    }

    /// The configuration.
    pub(super) fn site(&self) -> Result<Site, Failure> {
        Site::read(&self.config_path()).map_err(|problems| wrong(&problems))
    }

    /// Now, to the second: what commands print and compare.
    pub(super) fn now(&self) -> Instant {
        let now = self.clock.now();
        Instant::from_timestamp(now.timestamp(), 0).unwrap_or(now)
    }
}

/// All problems of a configuration, a line each.
pub(super) fn wrong(problems: &[ConfigProblem]) -> Failure {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failure::configuration(lines.join("\n"))
}
