//! Who runs a command: what persons do goes into the audit trail, under their name.

use clap::Args;

use super::exit::Failure;
use super::run::runtime;
use super::{Caller, words};
use crate::core::audit::Act;
use crate::store::Turn;

/// Whose name an act carries.
#[derive(Args)]
pub struct By {
    /// Who does it; without it, the user who runs the command
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

impl Caller<'_> {
    /// Who is named, else the user as the operating system names it: before `sudo`, if it was used.
    pub(super) fn who(&self, by: Option<&str>) -> Result<String, Failure> {
        if let Some(by) = by.map(str::trim) {
            let empty = || words::about(self.language, "--by", words::silence::empty(self.language));
            return if by.is_empty() { Err(Failure::usage(empty())) } else { Ok(by.to_owned()) };
        }
        let user = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| self.environment.get(name));
        Ok(user.unwrap_or("?").to_owned())
    }

    /// What somebody does now.
    pub(super) fn act(&self, what: &str, subject: impl Into<String>, by: &By) -> Result<Act, Failure> {
        Ok(Act::new(what, subject, &self.who(by.by.as_deref())?, self.clock.now()))
    }

    /// Enters what was done outside the store, in a file, into the audit trail. The answer is whether there is a store.
    pub(super) fn enter(&self, acts: Vec<Act>) -> Result<bool, Failure> {
        runtime()?.block_on(async {
            let Some(store) = self.visit_store_if_any().await? else { return Ok(false) };
            let entered = store.commit(&Turn { acts, ..Turn::default() }).await;
            store.close().await;
            entered.map(|_| true).map_err(|error| self.store_failed("store", &error))
        })
    }
}
