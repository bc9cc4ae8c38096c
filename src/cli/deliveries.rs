//! `duban deliveries`: what was sent, what waits, what failed, and what to do about it.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use clap::Subcommand;
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::explain::evidence;
use super::run::runtime;
use super::table::{Format, Table, write_json};
use super::who::By;
use super::words::{ack, deliveries as words, routes};
use super::{Caller, site::wrong, words as all_words};
use crate::core::audit::Act;
use crate::core::delivery::DeliveryState;
use crate::core::line;
use crate::core::notice::{Notice, Wait};
use crate::pipeline::Pipeline;
use crate::store::{BadAddress, DeliveryFilter, DeliveryRecord, Store};
use crate::tell::time_words;

/// What can be done with deliveries.
#[derive(Subcommand)]
pub enum Command {
    /// List deliveries, newest first
    List {
        /// Only in this state
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// Only to this contact
        #[arg(long, value_name = "CONTACT")]
        contact: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
        /// How the answer is written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show everything about a delivery
    Show {
        /// The beginning of its id
        id: String,
        /// How the answer is written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Send a dead letter again, under the same id
    Retry {
        /// The beginning of its id
        id: String,
        #[command(flatten)]
        by: By,
    },
    /// Cancel a delivery that was never claimed
    Cancel {
        /// The beginning of its id
        id: String,
        #[command(flatten)]
        by: By,
    },
    /// Release what a baseline held back; shows first how many each person would get
    Release {
        /// Only what is for this contact
        #[arg(long, value_name = "CONTACT")]
        to: Option<String>,
        /// Really release
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        by: By,
    },
    /// List addresses that were refused for good; nothing more is sent to them
    Addresses {
        /// Forget that this contact's address was refused
        #[arg(long, value_name = "CONTACT/CHANNEL")]
        forgive: Option<String>,
        #[command(flatten)]
        by: By,
        /// How the answer is written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// Runs the command.
pub fn run(command: &Command, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    runtime()?.block_on(async {
        let desk = Desk { caller, store: caller.visit_store().await? };
        match command {
            Command::List { state, contact, limit, format } => {
                desk.list(state.as_deref(), contact.clone(), *limit, *format, out).await
            }
            Command::Show { id, format } => desk.show(id, *format, out).await,
            Command::Retry { id, by } => desk.retry(id, by).await,
            Command::Cancel { id, by } => desk.cancel(id, by).await,
            Command::Release { to, yes, by } => desk.release(to.as_deref(), yes.then_some(by), out).await,
            Command::Addresses { forgive: Some(whose), by, .. } => desk.forgive(whose, by).await,
            Command::Addresses { forgive: None, format, .. } => desk.addresses(*format, out).await,
        }
    })
}

/// The columns of the list.
const COLUMNS: [&str; 10] =
    ["id", "state", "contact", "channel", "opened_at", "not_before", "waits_for", "receipt", "tries", "reason"];

struct Desk<'a> {
    caller: &'a Caller<'a>,
    store: Arc<dyn Store>,
}

impl Desk<'_> {
    async fn list(
        &self,
        state: Option<&str>,
        contact: Option<String>,
        limit: usize,
        format: Format,
        out: &mut dyn Write,
    ) -> Result<Exit, Failure> {
        let known = |word: &str| {
            DeliveryState::from_word(word).ok_or_else(|| Failure::usage(words::no_state(self.caller.language, word)))
        };
        let state = state.map(known).transpose()?;
        let found = self.store.deliveries(&DeliveryFilter { state, contact, limit }).await;
        let found = found.map_err(|e| self.failed(&e))?;
        let mut table = Table::new(&COLUMNS);
        let zone = self.zone()?;
        for delivery in found {
            let instant = |at| match format {
                Format::Table => json!(time_words::instant(at, zone)),
                _ => json!(at),
            };
            let id = delivery.id.to_string();
            table.add(vec![
                json!(if format == Format::Table { &id[..12] } else { &*id }),
                json!(if format == Format::Table {
                    words::state(delivery.state, self.caller.language)
                } else {
                    delivery.state.word()
                }),
                json!(delivery.contact),
                json!(delivery.channel),
                instant(delivery.opened_at),
                instant(delivery.not_before),
                json!(match (delivery.waits_for, format) {
                    (Some(wait), Format::Table) => Some(routes::wait(wait, self.caller.language)),
                    (wait, _) => wait.map(Wait::word),
                }),
                json!(match (delivery.receipt, format) {
                    (Some(delivered), Format::Table) => Some(words::receipt(delivered, self.caller.language)),
                    (receipt, _) => receipt.map(|delivered| if delivered { "delivered" } else { "undelivered" }),
                }),
                json!(delivery.tries),
                json!(delivery.reason.unwrap_or_default()),
            ]);
        }
        table.write(format, &words::titles(self.caller.language), out)?;
        Ok(Exit::Fine)
    }

    async fn show(&self, id: &str, format: Format, out: &mut dyn Write) -> Result<Exit, Failure> {
        let (delivery, notices) = self.find(id).await?;
        let attempts = self.store.attempts(delivery.id).await.map_err(|e| self.failed(&e))?;
        let all = json!({ "delivery": delivery, "attempts": attempts, "notices": notices });
        match format {
            Format::Table => write_lines(&all, "", out)?,
            _ => write_json(&all, out)?,
        }
        Ok(Exit::Fine)
    }

    async fn retry(&self, id: &str, by: &By) -> Result<Exit, Failure> {
        let (delivery, _) = self.find(id).await?;
        let act = self.act("delivery.retry", &delivery, by)?;
        let done = self.store.retry_delivery(delivery.id, act.at, Some(&act)).await;
        let language = self.caller.language;
        said(done.map_err(|e| self.failed(&e))?, words::retried(language), words::not_retried(language))
    }

    async fn cancel(&self, id: &str, by: &By) -> Result<Exit, Failure> {
        let (delivery, _) = self.find(id).await?;
        let act = self.act("delivery.cancel", &delivery, by)?;
        let done = self.store.cancel_delivery(delivery.id, act.at, Some(&act)).await;
        let language = self.caller.language;
        said(done.map_err(|e| self.failed(&e))?, words::cancelled(language), words::not_cancelled(language))
    }

    fn act(&self, what: &str, delivery: &DeliveryRecord, by: &By) -> Result<Act, Failure> {
        let DeliveryRecord { id, contact, channel, state, reason, .. } = delivery;
        let detail = json!({ "contact": contact, "channel": channel, "was": state, "reason": reason });
        Ok(self.caller.act(what, id.to_string(), by)?.with(detail))
    }

    /// Shows what each person would get; lets it go if somebody really wants that.
    async fn release(&self, to: Option<&str>, by: Option<&By>, out: &mut dyn Write) -> Result<Exit, Failure> {
        let playbook = Arc::new(evidence::playbook(self.caller, Some(&*self.store)).await?);
        let pipeline = Pipeline::new(self.store.clone());
        let mut held = pipeline.held().await.map_err(|e| self.failed(&e))?;
        let office = &playbook.office;
        let is_known =
            |to: &str| office.directory.get(to).is_some() || held.iter().any(|notice| *notice.contact == *to);
        if let Some(to) = to.filter(|to| !is_known(to)) {
            let sentence = ack::no_contact(self.caller.language, to);
            return Err(Failure::usage(all_words::about(self.caller.language, "--to", &sentence)));
        }
        // What a rehearsal held is not said live, nor the reverse.
        let may_rehearse = office.rehearsal || office.routes.iter().any(|route| route.rehearsal);
        held.retain(|notice| if notice.rehearsal { may_rehearse } else { !office.rehearsal });
        held.retain(|notice| to.is_none_or(|to| *notice.contact == *to));
        let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
        for notice in &held {
            *counts.entry((notice.contact.to_string(), notice.channel.to_string())).or_default() += 1;
        }
        let mut table = Table::new(&["contact", "channel", "notices"]);
        for ((contact, channel), count) in counts {
            table.add(vec![json!(contact), json!(channel), json!(count)]);
        }
        table.write(Format::Table, &words::release_titles(self.caller.language), out)?;
        if let Some(by) = by {
            let act = self.caller.act("baseline.release", to.unwrap_or("*"), by)?;
            let act = act.with(json!({ "notices": held.len() }));
            let released = pipeline.release(&playbook, &held, Some(&act), act.at).await;
            let released = released.map_err(|e| self.failed(&e))?;
            super::say(&words::released(self.caller.language, released));
        } else {
            super::say(words::would_release(self.caller.language));
        }
        Ok(Exit::Fine)
    }

    async fn addresses(&self, format: Format, out: &mut dyn Write) -> Result<Exit, Failure> {
        let mut table = Table::new(&["contact", "channel", "address", "at", "reason"]);
        let zone = self.zone()?;
        for bad in self.store.bad_addresses().await.map_err(|e| self.failed(&e))? {
            let at = match format {
                Format::Table => json!(time_words::instant(bad.at, zone)),
                _ => json!(bad.at),
            };
            table.add(vec![json!(bad.contact), json!(bad.channel), json!(bad.address), at, json!(bad.reason)]);
        }
        table.write(format, &words::address_titles(self.caller.language), out)?;
        Ok(Exit::Fine)
    }

    /// Forgets that an address was refused; what comes from now on is sent to it again.
    async fn forgive(&self, whose: &str, by: &By) -> Result<Exit, Failure> {
        let language = self.caller.language;
        let bad = self.store.bad_addresses().await.map_err(|e| self.failed(&e))?;
        // An id may hold a slash, a channel's name not.
        let Some((contact, channel)) = whose.rsplit_once('/') else {
            return Err(Failure::usage(words::no_address(language, whose)));
        };
        let not_bad = || Failure::no(words::not_bad(language, contact, channel));
        let is_meant = |bad: &&BadAddress| (&*bad.contact, &*bad.channel) == (contact, channel);
        let bad = bad.iter().find(is_meant).ok_or_else(not_bad)?;
        let detail = json!({ "address": bad.address, "refused_at": bad.at, "reason": bad.reason });
        let act = self.caller.act("address.forgive", whose, by)?.with(detail);
        if !self.store.forgive_address(contact, channel, Some(&act)).await.map_err(|e| self.failed(&e))? {
            return Err(not_bad());
        }
        super::say(&words::forgiven(language, contact, channel));
        Ok(Exit::Fine)
    }

    fn zone(&self) -> Result<chrono_tz::Tz, Failure> {
        Ok(self.caller.site()?.playbook_alone().map_err(|problems| wrong(&problems))?.calendar().zone())
    }

    /// The one delivery whose id begins so.
    async fn find(&self, id: &str) -> Result<(DeliveryRecord, Vec<Notice>), Failure> {
        let mut found = self.store.delivery(id).await.map_err(|e| self.failed(&e))?;
        match (found.pop(), found.is_empty()) {
            (Some(one), true) => Ok(one),
            (None, _) => Err(Failure::no(words::none(self.caller.language, id))),
            (Some(_), false) => Err(Failure::usage(words::several(self.caller.language, id))),
        }
    }

    fn failed(&self, error: &crate::store::StoreError) -> Failure {
        self.caller.store_failed("store", error)
    }
}

fn said(done: bool, yes: &str, no: &str) -> Result<Exit, Failure> {
    if !done {
        return Err(Failure::no(no));
    }
    super::say(yes);
    Ok(Exit::Fine)
}

/// A nested value as indented lines.
fn write_lines(value: &Value, indent: &str, out: &mut dyn Write) -> Result<(), Failure> {
    match value {
        Value::Object(map) => {
            for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
                if value.is_object() || value.as_array().is_some_and(|list| !list.is_empty()) {
                    writeln!(out, "{indent}{name}:")?;
                    write_lines(value, &format!("{indent}  "), out)?;
                } else {
                    writeln!(out, "{indent}{name}: {}", plain(value))?;
                }
            }
        }
        Value::Array(list) => {
            for value in list {
                if value.is_object() || value.is_array() {
                    writeln!(out, "{indent}-")?;
                    write_lines(value, &format!("{indent}  "), out)?;
                } else {
                    writeln!(out, "{indent}- {}", plain(value))?;
                }
            }
        }
        other => writeln!(out, "{indent}{}", plain(other))?,
    }
    Ok(())
}

/// A scalar on one line, whoever wrote it.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| line::plain(&value.to_string()), line::plain)
}
