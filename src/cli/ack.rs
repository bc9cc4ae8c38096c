//! `duban ack`: somebody has taken a card, and somebody writes it down.
//!
//! CARD is the beginning of an open card's id, or `SOURCE/ITEM`, where an item has several open cards with `/RULE`,
//! `/WINDOW` or `/RULE/WINDOW`. Words come first: an item whose id looks like a card's is the item.

use std::io::Write;
use std::sync::Arc;

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::exit::{Exit, Failure};
use super::explain::evidence::{self, find, the_one};
use super::routes::Known;
use super::run::runtime;
use super::words::ack as words;
use super::{Caller, words as all_words};
use crate::answer::signing;
use crate::core::acknowledgement::{Acknowledgement, Via};
use crate::core::card::Watch;
use crate::core::item::ItemKey;
use crate::core::matcher::Suspect;
use crate::core::notice::Notice;
use crate::core::route::Routing;
use crate::core::window::Level;
use crate::playbook::Playbook;
use crate::store::{ItemRecord, Store, StoreError};
use crate::tell::plan::preview::{Prospect, preview};
use crate::tell::time_words;

/// Open cards among which an id is looked for.
const CARDS: usize = 1_000_000;

/// The fewest digits of a card's id.
const DIGITS: usize = 6;

/// What `ack` is given.
#[derive(Args)]
pub struct Arguments {
    /// The card: the beginning of its id (6 digits or more), or SOURCE/ITEM, where needed with /RULE or /WINDOW
    #[arg(value_name = "CARD")]
    pub card: String,
    /// The contact who took it; without it, the contact who writes it down
    #[arg(long = "for", value_name = "CONTACT")]
    pub contact: Option<String>,
    /// By which way it was said
    #[arg(long, default_value = "phone", value_parser = PossibleValuesParser::new(["phone", "board", "sms", "link"]))]
    pub via: String,
    /// Who writes it down
    #[arg(long, value_name = "NAME")]
    pub by: String,
}

/// Runs the command.
pub fn run(arguments: &Arguments, caller: &Caller<'_>, _: &mut dyn Write) -> Result<Exit, Failure> {
    runtime()?.block_on(async {
        let store = caller.visit_store().await?;
        let playbook = evidence::playbook(caller, Some(&*store)).await?;
        let desk = Desk { caller, store, playbook };
        let contact = desk.contact(arguments)?;
        let (record, watch, level) = desk.card(&arguments.card).await?;
        desk.sign(arguments, contact, &record, &watch, level).await
    })
}

struct Desk<'a> {
    caller: &'a Caller<'a>,
    store: Arc<dyn Store>,
    playbook: Playbook,
}

impl Desk<'_> {
    /// Who signs.
    fn contact(&self, arguments: &Arguments) -> Result<Arc<str>, Failure> {
        let language = self.caller.language;
        let wrong = |argument, sentence: &str| Failure::usage(all_words::about(language, argument, sentence));
        if arguments.by.trim().is_empty() {
            return Err(wrong("--by", all_words::silence::empty(language)));
        }
        let directory = &self.playbook.office.directory;
        match &arguments.contact {
            Some(id) => match directory.get(id) {
                Some(contact) => Ok(contact.id.clone()),
                None => Err(wrong("--for", &words::no_contact(language, id))),
            },
            None => match directory.get(arguments.by.trim()) {
                Some(contact) => Ok(contact.id.clone()),
                None => Err(wrong("--by", &words::no_contact_by(language, &arguments.by))),
            },
        }
    }

    /// The open card that is meant.
    async fn card(&self, wanted: &str) -> Result<(ItemRecord, Watch, Level), Failure> {
        if let Some((key, rest)) = self.item(wanted).await? {
            let record = self.record(&key, wanted).await?;
            let is_meant = |watch: &&Watch| rest.iter().all(|word| *watch.rule == **word || *watch.name == **word);
            return self.the_open_one(wanted, record, is_meant);
        }
        let digits = wanted.to_ascii_lowercase();
        let is_id = digits.len() >= DIGITS && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let cards = if is_id { self.store.open_cards(CARDS).await.map_err(|e| self.failed(&e))? } else { Vec::new() };
        let mut found = cards.iter().filter(|card| card.card.to_string().starts_with(&digits));
        match (found.next(), found.next()) {
            (Some(card), None) => {
                let record = self.record(&card.item, wanted).await?;
                self.the_open_one(wanted, record, |watch: &&Watch| watch.card == card.card)
            }
            (None, _) => Err(Failure::no(words::no_card(self.caller.language, wanted))),
            (Some(first), Some(second)) => {
                let lines =
                    [first, second].map(|card| format!("{}  {}  {}/{}", card.card, card.item, card.rule, card.name));
                Err(Failure::usage(words::several(self.caller.language, wanted, &lines)))
            }
        }
    }

    /// The item that the words begin with, and the words after it: a rule, a window, or both. An id may hold slashes.
    async fn item<'w>(&self, wanted: &'w str) -> Result<Option<(ItemKey, Vec<&'w str>)>, Failure> {
        let (mut head, mut rest) = (wanted, Vec::new());
        loop {
            let keys = find(head, &*self.store).await.map_err(|e| self.failed(&e))?;
            if !keys.is_empty() {
                return Ok(Some((the_one(head, &keys, self.caller)?, rest)));
            }
            match head.rsplit_once('/') {
                Some((before, word)) if rest.len() < 2 => {
                    rest.push(word);
                    head = before;
                }
                _ => return Ok(None),
            }
        }
    }

    async fn record(&self, key: &ItemKey, wanted: &str) -> Result<ItemRecord, Failure> {
        let found = self.store.load(std::slice::from_ref(key)).await.map_err(|e| self.failed(&e))?.pop();
        found.ok_or_else(|| Failure::no(words::no_card(self.caller.language, wanted)))
    }

    fn the_open_one(
        &self,
        wanted: &str,
        record: ItemRecord,
        is_meant: impl Fn(&&Watch) -> bool,
    ) -> Result<(ItemRecord, Watch, Level), Failure> {
        let open = record.watches.iter().filter(is_meant).filter_map(|watch| Some((watch.clone(), watch.level?)));
        let mut open: Vec<(Watch, Level)> = open.collect();
        match (open.pop(), open.is_empty()) {
            (Some((watch, level)), true) => Ok((record, watch, level)),
            (None, _) => Err(Failure::no(words::closed(self.caller.language, wanted))),
            (Some(last), false) => {
                open.push(last);
                let line = |(watch, level): &(Watch, Level)| {
                    format!("{}/{}/{}  {}", record.item.key, watch.rule, watch.name, level.word())
                };
                let lines: Vec<String> = open.iter().map(line).collect();
                Err(Failure::usage(words::several(self.caller.language, wanted, &lines)))
            }
        }
    }

    async fn sign(
        &self,
        arguments: &Arguments,
        contact: Arc<str>,
        record: &ItemRecord,
        watch: &Watch,
        level: Level,
    ) -> Result<Exit, Failure> {
        let language = self.caller.language;
        let said = self.store.notices_about(std::slice::from_ref(&record.item.key)).await;
        let said = said.map_err(|e| self.failed(&e))?;
        let taken = Acknowledgement {
            card: watch.card,
            episode: watch.episode,
            level,
            step: self.step(record, watch, level, &said),
            contact: contact.clone(),
            by: arguments.by.trim().to_owned(),
            via: Via::from_word(&arguments.via).unwrap_or(Via::Phone),
            at: self.caller.clock.now(),
        };
        let act = signing::act(&taken, &record.item.key, watch);
        let before = self.store.acknowledgements(&[watch.card]).await.map_err(|e| self.failed(&e))?;
        let same = |a: &&Acknowledgement| (a.episode, a.level, a.step) == (taken.episode, taken.level, taken.step);
        let first = before.iter().filter(same).min_by_key(|a| a.at);
        let is_new = self.store.acknowledge(&taken, Some(&act)).await.map_err(|e| self.failed(&e))?;
        self.answer(&taken, first, is_new, record, watch).await?;
        let is_told = |n: &Notice| n.card == Some(watch.card) && n.contact == contact && n.state.is_told();
        if !said.iter().any(is_told) {
            super::say(&words::never_told(language, self.name(&contact)));
        }
        Ok(Exit::Fine)
    }

    /// Says what was written down, and who was first.
    async fn answer(
        &self,
        taken: &Acknowledgement,
        first: Option<&Acknowledgement>,
        is_new: bool,
        record: &ItemRecord,
        watch: &Watch,
    ) -> Result<(), Failure> {
        let language = self.caller.language;
        if first.is_none() && is_new {
            let card = format!("{} {}/{}", record.item.key, watch.rule, watch.name);
            let grace = self.grace(record, watch, taken.level).await?;
            super::say(&words::signed(language, &card, self.name(&taken.contact), taken.step, &grace));
            return Ok(());
        }
        // Without an earlier one, the same contact was faster in between.
        let first = first.unwrap_or(taken);
        let at = time_words::instant(first.at, self.playbook.calendar().zone());
        super::say(&words::before(language, self.name(&first.contact), &at));
        if is_new {
            super::say(words::no_longer(language));
        }
        Ok(())
    }

    /// The highest step that was told of the card as it stands.
    fn step(&self, record: &ItemRecord, watch: &Watch, level: Level, said: &[Notice]) -> u32 {
        let suspect = Suspect { item: &record.item, rule: &watch.rule, window: &watch.name, level: Some(level) };
        let office = &self.playbook.office;
        let rehearsal = office.rehearsal || Routing::of(&office.routes, &suspect).rehearsal;
        let is_about = |n: &&Notice| {
            n.card == Some(watch.card)
                && (n.episode, n.number, n.rehearsal) == (watch.episode, watch.number, rehearsal)
                && n.is_of_a_step()
                && n.state.is_told()
        };
        said.iter().filter(is_about).map(|n| n.step).max().unwrap_or_default()
    }

    /// For how long the card's ladder waits for who signed.
    async fn grace(&self, record: &ItemRecord, watch: &Watch, level: Level) -> Result<String, Failure> {
        let ruling = record.rulings.iter().find(|ruling| ruling.rule == watch.rule);
        let window = ruling.and_then(|ruling| ruling.windows.iter().find(|window| window.name == watch.name));
        let prospect = Prospect {
            item: &record.item,
            rulings: &record.rulings,
            rule: watch.rule.clone(),
            window: watch.name.clone(),
            level,
            ladder: window.and_then(|window| window.ladder.clone()),
            at: self.caller.now(),
        };
        let known = Known::of(Some(&*self.store), self.caller).await?;
        let grace = preview(&prospect, &self.playbook.office, &known.circumstances()).ack_grace;
        Ok(grace.map(|grace| time_words::limit(grace, self.caller.language)).unwrap_or_default())
    }

    fn name<'c>(&'c self, contact: &'c str) -> &'c str {
        self.playbook.office.directory.get(contact).map_or(contact, |contact| &contact.name)
    }

    fn failed(&self, error: &StoreError) -> Failure {
        self.caller.store_failed("store", error)
    }
}
