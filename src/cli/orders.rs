//! `duban orders`: what follows on cards that nobody answers, from the proposal to the end.
//!
//! ORDER is its number (`2026-12`, `督办〔2026〕12号`), or the beginning of its id (4 digits or more).

use std::io::Write;
use std::sync::Arc;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use super::exit::{Exit, Failure};
use super::explain::evidence;
use super::run::runtime;
use super::table::Format;
use super::words::orders as words;
use super::{Caller, given, words as all_words};
use crate::core::contact::Contact;
use crate::core::order::linkage::Crossing;
use crate::core::order::{Classification, Number, Order, OrderState};
use crate::pipeline::Pipeline;
use crate::pipeline::orders::{Acted, Wanted};
use crate::playbook::Playbook;
use crate::store::{OrderQuery, Store, StoreError};

mod deed;
mod list;
mod show;

use deed::subject;

/// The fewest digits of an order's id.
const DIGITS: usize = 4;

/// What can be done with orders.
#[derive(Subcommand)]
pub enum Command {
    /// List orders, the oldest first
    List(list::List),
    /// Show one: its parties, its clocks, its whole life, who was told
    Show {
        /// The order
        order: String,
        /// How the answer is written
        #[arg(long, value_parser = PossibleValuesParser::new(["table", "json"]), default_value = "table")]
        format: String,
    },
    /// Decide what is to be done: handle, urge, merge into another one, or none
    Classify {
        /// The order
        order: String,
        /// What is to be done
        #[arg(value_name = "AS", value_parser = PossibleValuesParser::new(Classification::ALL.map(Classification::word)))]
        classification: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// By what cause, in the office's words: specialists are found by it
        #[arg(long, value_name = "CAUSE")]
        cause: Option<String>,
        /// The order that covers it, for merge
        #[arg(long, value_name = "ORDER")]
        into: Option<String>,
        #[command(flatten)]
        who: Who,
    },
    /// Dispatch it to a lead party, and to parties that help
    Dispatch {
        /// The order
        order: String,
        /// The lead party: UNIT, UNIT:KIND or UNIT:KIND:CONTACT; without it, the unit of the card's item
        #[arg(long, value_name = "PARTY")]
        lead: Option<String>,
        /// A party that helps
        #[arg(long, value_name = "PARTY")]
        assist: Vec<String>,
        #[command(flatten)]
        who: Who,
    },
    /// A party has signed for it
    Sign {
        /// The order
        order: String,
        /// The party's unit; without it, that of the contact, or the lead party
        #[arg(long, value_name = "UNIT")]
        unit: Option<String>,
        #[command(flatten)]
        who: Who,
    },
    /// A party says what it did
    Feedback {
        /// The order
        order: String,
        /// What was done
        #[arg(long, value_name = "TEXT")]
        text: String,
        /// The party's unit; without it, that of the contact, or the lead party
        #[arg(long, value_name = "UNIT")]
        unit: Option<String>,
        #[command(flatten)]
        who: Who,
    },
    /// Send feedback back: it is not enough
    Return {
        /// The order
        order: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        who: Who,
    },
    /// What was fed back is so
    Verify {
        /// The order
        order: String,
        /// How that was found
        #[arg(long, value_name = "TEXT", default_value = "")]
        text: String,
        #[command(flatten)]
        who: Who,
    },
    /// End it with a result
    Close {
        /// The order
        order: String,
        /// The result
        #[arg(long, value_name = "TEXT")]
        result: String,
        #[command(flatten)]
        who: Who,
    },
    /// Give the lead to another party
    Transfer {
        /// The order
        order: String,
        /// The new lead party: UNIT, UNIT:KIND or UNIT:KIND:CONTACT
        #[arg(long, value_name = "PARTY")]
        lead: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        who: Who,
    },
    /// The lead party says that it is not its matter
    Decline {
        /// The order
        order: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        who: Who,
    },
    /// Extend its clocks
    Extend {
        /// The order
        order: String,
        /// By how much, such as 2wd
        #[arg(long, value_name = "LIMIT")]
        amount: String,
        /// On what ground
        #[arg(long, value_name = "TEXT")]
        basis: String,
        /// When it was asked for; without it, now
        #[arg(long, value_name = "INSTANT")]
        asked: Option<String>,
        #[command(flatten)]
        who: Who,
    },
    /// End it: its ground fell away
    Withdraw {
        /// The order
        order: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        who: Who,
    },
    /// Take it across regions or levels: apply, lead, sign, report
    Link {
        /// The order
        order: String,
        #[command(subcommand)]
        step: Step,
    },
}

/// Who does it.
#[derive(Args)]
pub struct Who {
    /// Who writes it down
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// The contact on whose behalf
    #[arg(long = "for", value_name = "CONTACT")]
    pub contact: Option<String>,
}

/// The way of an order across regions or levels.
#[derive(Subcommand)]
pub enum Step {
    /// The district applies
    Apply {
        /// What it crosses
        #[arg(long, value_name = "WHAT", value_parser = PossibleValuesParser::new(Crossing::ALL.map(Crossing::word)))]
        cross: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        who: Who,
    },
    /// The city's centre takes the lead
    Lead {
        #[command(flatten)]
        who: Who,
    },
    /// The district's own leader has signed that it may go up
    Sign {
        /// Which leader
        #[arg(long, value_name = "NAME")]
        leader: String,
        #[command(flatten)]
        who: Who,
    },
    /// The district's government has reported to a city leader, by a special report
    Report {
        /// The number of the special report
        #[arg(long, value_name = "NO")]
        document: String,
        #[command(flatten)]
        who: Who,
    },
}

/// Runs the command.
pub fn run(command: &Command, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    runtime()?.block_on(async {
        let store = caller.visit_store().await?;
        let playbook = Arc::new(evidence::playbook(caller, Some(&*store)).await?);
        let desk = Desk { caller, store, playbook };
        match command {
            Command::List(list) => desk.list(list, out).await,
            Command::Show { order, format } => {
                let format = if format == "json" { Format::Json } else { Format::Table };
                desk.show(&desk.find(order).await?, format, out).await
            }
            _ => desk.act(command).await,
        }
    })
}

struct Desk<'a> {
    caller: &'a Caller<'a>,
    store: Arc<dyn Store>,
    playbook: Arc<Playbook>,
}

impl Desk<'_> {
    /// Does what is asked for, and says what came of it.
    async fn act(&self, command: &Command) -> Result<Exit, Failure> {
        let (name, who) = subject(command);
        let language = self.caller.language;
        if who.by.trim().is_empty() {
            return Err(self.wrong("--by", all_words::silence::empty(language)));
        }
        let order = self.find(name).await?;
        let contact = self.contact(who)?;
        let deed = self.deed(command, &order, contact).await?;
        let wanted = Wanted {
            order: order.id,
            deed,
            by: who.by.trim().to_owned(),
            on_behalf_of: contact.map(|contact| contact.id.clone()),
        };
        let pipeline = Pipeline::new(self.store.clone());
        match pipeline.act_on_order(&self.playbook, &wanted, self.caller.now()).await.map_err(|e| self.failed(&e))? {
            Acted::Done(order, told) => {
                super::say(&words::done(language, &order.name(), words::state(language, order.state), told));
                Ok(Exit::Fine)
            }
            Acted::Refused(refusal) => Err(Failure::no(words::refused(language, &refusal))),
            Acted::Unknown => Err(Failure::no(words::no_order(language, name))),
            Acted::Lost => Err(Failure::no(words::others_were_faster(language).to_owned())),
        }
    }

    fn contact(&self, who: &Who) -> Result<Option<&Contact>, Failure> {
        let Some(id) = &who.contact else { return Ok(None) };
        let contact = self.playbook.office.directory.get(id);
        let unknown = || self.wrong("--for", &all_words::ack::no_contact(self.caller.language, id));
        contact.map(Some).ok_or_else(unknown)
    }

    /// The order that is meant.
    async fn find(&self, wanted: &str) -> Result<Order, Failure> {
        let language = self.caller.language;
        let text = wanted.trim();
        let id = text.strip_prefix("orders/").unwrap_or(text);
        let is_id = id.len() >= DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let query = match text.parse::<Number>() {
            Ok(number) => OrderQuery::Numbered(number),
            Err(()) if is_id => OrderQuery::Beginning(id),
            Err(()) => return Err(Failure::no(words::no_order(language, wanted))),
        };
        let mut found = self.store.orders(query).await.map_err(|e| self.failed(&e))?;
        match found.len() {
            0 => Err(Failure::no(words::no_order(language, wanted))),
            1 => Ok(found.remove(0)),
            _ => {
                let lines: Vec<String> =
                    found.iter().map(|order| format!("{}  {}", order.id, order.ground.item)).collect();
                Err(Failure::usage(words::several(language, wanted, &lines)))
            }
        }
    }

    fn zone(&self) -> chrono_tz::Tz {
        self.playbook.calendar().zone()
    }

    fn wrong(&self, argument: &str, sentence: &str) -> Failure {
        Failure::usage(all_words::about(self.caller.language, argument, sentence))
    }

    fn failed(&self, error: &StoreError) -> Failure {
        self.caller.store_failed("store", error)
    }
}

/// The states that a list can be asked for.
fn states() -> PossibleValuesParser {
    PossibleValuesParser::new(OrderState::ALL.map(OrderState::word))
}
