//! `duban routes`: who would be told of an item's cards, by which channel and when, and who would not, and why.
//!
//! **Invariant:** it reads the files as they stand, so that a route can be tried before a reload; nothing is written.

use std::io::Write;
use std::sync::Arc;

use clap::{Subcommand, ValueEnum};

use super::exit::{Exit, Failure};
use super::explain::evidence::Evidence;
use super::run::runtime;
use super::site::wrong;
use super::table::Format;
use super::{Caller, given, words};
use crate::core::Instant;
use crate::core::silence::Silence;
use crate::core::window::Level;
use crate::store::Store;
use crate::tell::plan::Circumstances;
use crate::tell::plan::preview::{Preview, Prospect, preview};
use cases::Case;

mod cases;
mod sheet;

/// What can be done with routes.
#[derive(Subcommand)]
pub enum Command {
    /// Show who would be told of an item's cards, by which channel and when, and why not the others
    Test {
        /// The item: SOURCE/ID, or ID where it is unique
        item: String,
        /// As if this level were raised; without it, the levels that are open or ahead
        #[arg(long, value_enum)]
        level: Option<Wanted>,
        /// As things stand at this instant; without it, now
        #[arg(long, value_name = "INSTANT")]
        at: Option<String>,
        /// How the answer is written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// A level, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Wanted {
    Yellow,
    Red,
}

impl Wanted {
    const fn level(self) -> Level {
        match self {
            Self::Yellow => Level::Yellow,
            Self::Red => Level::Red,
        }
    }
}

/// A level of a card, and what would come of it.
struct Answer {
    rule: Arc<str>,
    window: Arc<str>,
    level: Level,
    raised_at: Instant,
    preview: Preview,
}

/// Runs the command.
pub fn run(command: &Command, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let Command::Test { item: wanted, level, at, format } = command;
    runtime()?.block_on(async {
        let store = caller.visit_store_if_any().await?;
        let playbook = caller.site()?.playbook_alone().map_err(|problems| wrong(&problems))?;
        let zone = playbook.calendar().zone();
        let at = at.as_deref().map(|text| given::instant(text, zone)).transpose().map_err(|error| {
            Failure::usage(words::about(caller.language, "--at", &words::cannot_read(caller.language, &error)))
        })?;
        let at = at.unwrap_or_else(|| caller.now());
        let evidence = Evidence::found(wanted, store.as_deref(), &playbook, at, caller).await?;
        let known = Known::of(store.as_deref(), caller).await?;
        let (rulings, cases) = cases::of(&evidence, &playbook, level.map(Wanted::level));
        let answer = |Case { rule, window, level, ladder, at }: Case| {
            let item = &*evidence.item;
            let prospect =
                Prospect { item, rulings: &rulings, rule: rule.clone(), window: window.clone(), level, ladder, at };
            let preview = preview(&prospect, &playbook.office, &known.circumstances());
            Answer { rule, window, level, raised_at: at, preview }
        };
        let answers: Vec<Answer> = cases.into_iter().map(answer).collect();
        let sheet = sheet::Sheet { item: &evidence.item, office: &playbook.office, zone, answers: &answers };
        match format {
            Format::Table => sheet.tell(caller.language, out)?,
            format => sheet.table().write(*format, &[], out)?,
        }
        if answers.is_empty() {
            super::say(&words::routes::nothing(caller.language, &evidence.item.key.to_string()));
        }
        Ok(Exit::Fine)
    })
}

/// What the store knows beside the playbook.
#[derive(Default)]
pub(super) struct Known {
    silences: Vec<Silence>,
    bad: std::collections::HashSet<(Arc<str>, Arc<str>, String)>,
}

impl Known {
    pub(super) async fn of(store: Option<&dyn Store>, caller: &Caller<'_>) -> Result<Self, Failure> {
        let Some(store) = store else { return Ok(Self::default()) };
        let failed = |error| caller.store_failed("store", &error);
        let bad = store.bad_addresses().await.map_err(failed)?;
        Ok(Self {
            silences: store.silences(false).await.map_err(failed)?,
            bad: bad.into_iter().map(|bad| (bad.contact, bad.channel, bad.address)).collect(),
        })
    }

    pub(super) fn circumstances(&self) -> Circumstances<'_> {
        Circumstances { silences: &self.silences, bad_addresses: self.bad.clone() }
    }
}
