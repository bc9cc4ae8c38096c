//! `duban explain`: each step with its inputs, result and reason.
//!
//! **Invariant:** nothing is written; what is said comes from the same functions as the daemon's turn.

use std::io::Write;

use clap::Args;
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::run::runtime;
use super::table::{Format, Table, write_json};
use super::{Caller, given, words};
use crate::core::Instant;
use account::Account;
use evidence::Evidence;

mod account;
mod delivery;
pub(super) mod evidence;
mod telling;

pub(super) use telling::plain;

/// What `explain` is given.
#[derive(Args)]
pub struct Arguments {
    /// The item: SOURCE/ID, or ID where it is unique
    #[arg(required_unless_present = "delivery", conflicts_with = "delivery")]
    pub item: Option<String>,
    /// As things stood at this instant; without it, now
    #[arg(long, value_name = "INSTANT")]
    pub at: Option<String>,
    /// A delivery, by the beginning of its id
    #[arg(long, value_name = "ID")]
    pub delivery: Option<String>,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs the command.
pub fn run(arguments: &Arguments, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    runtime()?.block_on(async {
        if let Some(id) = &arguments.delivery {
            let store = caller.visit_store().await?;
            let zone = evidence::playbook(caller, Some(&*store)).await?.calendar().zone();
            return delivery::explain(id, &*store, zone, arguments.format, caller, out).await;
        }
        let wanted = arguments.item.as_deref().unwrap_or_default();
        let store = caller.visit_store_if_any().await?;
        let playbook = evidence::playbook(caller, store.as_deref()).await?;
        let at = instant(arguments.at.as_deref(), &playbook, caller)?;
        let evidence = match &store {
            Some(store) => Evidence::remembered(wanted, &**store, at, caller).await?,
            None => Evidence::polled(wanted, &playbook, at, caller).await?,
        };
        let account = Account::of(&evidence, &playbook);
        match arguments.format {
            Format::Table => telling::tell(&evidence, &account, &playbook, caller.language, out)?,
            Format::Json => write_json(&account.json(&evidence), out)?,
            Format::Csv => transitions(&account.json(&evidence)).write(Format::Csv, &[], out)?,
        }
        Ok(Exit::Fine)
    })
}

fn instant(text: Option<&str>, playbook: &crate::playbook::Playbook, caller: &Caller<'_>) -> Result<Instant, Failure> {
    let zone = playbook.calendar().zone();
    let at = text.map(|text| given::instant(text, zone)).transpose().map_err(|error| {
        Failure::usage(words::about(caller.language, "--at", &words::cannot_read(caller.language, &error)))
    })?;
    Ok(at.unwrap_or_else(|| caller.now()))
}

/// The history of the cards as rows.
fn transitions(account: &Value) -> Table {
    const COLUMNS: [&str; 10] =
        ["rule", "name", "episode", "number", "change", "from", "to", "at", "noticed_at", "reason"];
    let mut table = Table::new(&COLUMNS);
    let cards = account["cards"].as_array().into_iter().flatten();
    for transition in cards.flat_map(|card| card["transitions"].as_array().into_iter().flatten()) {
        let cell = |column: &str| match column {
            "reason" => json!(transition["reason"].to_string()),
            column => transition[column].clone(),
        };
        table.add(COLUMNS.map(cell).into());
    }
    table
}
