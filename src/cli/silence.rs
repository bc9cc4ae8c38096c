//! `duban silence`: what is to be quiet, for how long, who wanted it and why.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::{Exit, Failure};
use super::explain::evidence;
use super::routes::Known;
use super::run::runtime;
use super::table::{Format, Table};
use super::words::silence::{self as words, State};
use super::{Caller, given, words as all_words};
use crate::core::Instant;
use crate::core::audit::Act;
use crate::core::course::Course;
use crate::core::item::ItemKey;
use crate::core::matcher::{Matcher, Suspect};
use crate::core::silence::{Silence, SilenceError};
use crate::core::window::Level;
use crate::playbook::Playbook;
use crate::store::{ItemRecord, OpenCard, Store};
use crate::tell::plan::preview::{Prospect, preview};
use crate::tell::time_words;

/// Open cards that are looked at.
const CARDS: usize = 1_000_000;

/// Items that are read at once.
const BATCH: usize = 500;

/// What can be done with silences.
#[derive(Subcommand)]
pub enum Command {
    /// Be quiet about some cards; shows first how many open cards and whom it touches
    Add(Add),
    /// List silences, oldest first
    List {
        /// Also those that are over
        #[arg(long)]
        all: bool,
        /// How the answer is written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// End a silence now; what it held is planned again
    Expire {
        /// The beginning of its id
        id: String,
        /// Who ends it
        #[arg(long, value_name = "NAME")]
        by: String,
    },
}

/// A new silence.
#[derive(Args)]
pub struct Add {
    /// Which cards, such as unit=住建局 or rule=21*; every key has to fit, and several patterns of a key are either-or
    #[arg(required = true, value_name = "KEY=PATTERN")]
    pub about: Vec<String>,
    /// For how long, such as 2h or 1wd; at most 30 days
    #[arg(long = "for", value_name = "LIMIT", required_unless_present = "until", conflicts_with = "until")]
    pub lasting: Option<String>,
    /// Until when
    #[arg(long, value_name = "INSTANT")]
    pub until: Option<String>,
    /// From when; without it, from now
    #[arg(long, value_name = "INSTANT")]
    pub from: Option<String>,
    /// Who wants it
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub comment: String,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs the command.
pub fn run(command: &Command, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    runtime()?.block_on(async {
        let store = caller.visit_store().await?;
        let playbook = evidence::playbook(caller, Some(&*store)).await?;
        let desk = Desk { caller, store, playbook };
        match command {
            Command::Add(add) => desk.add(add, out).await,
            Command::List { all, format } => desk.list(*all, *format, out).await,
            Command::Expire { id, by } => desk.expire(id, by).await,
        }
    })
}

struct Desk<'a> {
    caller: &'a Caller<'a>,
    store: Arc<dyn Store>,
    playbook: Playbook,
}

impl Desk<'_> {
    async fn add(&self, add: &Add, out: &mut dyn Write) -> Result<Exit, Failure> {
        let silence = self.silence(add)?;
        let touched = self.touched(&silence).await?;
        let mut table = Table::new(&["id", "matcher", "starts_at", "ends_at", "yellow", "red", "people"]);
        let people: Vec<&str> = touched.people.iter().map(|id| &**id).collect();
        table.add(vec![
            json!(silence.id),
            json!(silence.matcher.to_string()),
            add.format.instant(silence.starts_at, self.zone()),
            add.format.instant(silence.ends_at, self.zone()),
            json!(touched.yellow),
            json!(touched.red),
            json!(people.join(" ")),
        ]);
        table.write(add.format, &words::added_titles(self.caller.language), out)?;
        out.flush()?;
        super::say(&words::touches(self.caller.language, touched.yellow + touched.red));
        let act = act("silence.add", &silence, &silence.by, silence.created_at).because(&silence.comment);
        self.store.put_silence(&silence, Some(&act)).await.map_err(|e| self.failed(&e))?;
        let until = time_words::instant(silence.ends_at, self.zone());
        super::say(&words::added(self.caller.language, &short(&silence), &until));
        Ok(Exit::Fine)
    }

    /// The silence that the arguments mean, if it can be one.
    fn silence(&self, add: &Add) -> Result<Silence, Failure> {
        let matcher = Matcher::of_pairs(add.about.iter().map(String::as_str));
        let matcher = matcher.map_err(|e| self.wrong("KEY=PATTERN", &words::no_matcher(self.caller.language, &e)))?;
        self.knows_keys(&matcher)?;
        for (argument, text) in [("--by", &add.by), ("--comment", &add.comment)] {
            if text.trim().is_empty() {
                return Err(self.wrong(argument, words::empty(self.caller.language)));
            }
        }
        let now = self.caller.now();
        let from = add.from.as_deref().map(|text| self.read("--from", text)).transpose()?.unwrap_or(now);
        let until = match (&add.until, &add.lasting) {
            (Some(text), _) => self.read("--until", text)?,
            (None, lasting) => self.after(from, lasting.as_deref().unwrap_or_default())?,
        };
        Silence::new(matcher, (from, until), &add.by, &add.comment, now).map_err(|error| {
            let (argument, words) = words::refused(self.caller.language, error);
            let is_length = matches!(error, SilenceError::Over | SilenceError::TooLong) && add.lasting.is_some();
            self.wrong(if is_length { "--for" } else { argument }, &words)
        })
    }

    /// A key that no item can have holds nothing, which nobody means.
    fn knows_keys(&self, matcher: &Matcher) -> Result<(), Failure> {
        let Some(mut known) = self.caller.site()?.mapped() else { return Ok(()) };
        known.extend(Suspect::KEYS.map(str::to_owned));
        let Some(key) = matcher.keys().find(|key| !known.contains(*key)) else { return Ok(()) };
        let known: Vec<String> = known.into_iter().collect();
        Err(self.wrong("KEY=PATTERN", &words::unknown_key(self.caller.language, key, &known)))
    }

    fn read(&self, argument: &str, text: &str) -> Result<Instant, Failure> {
        given::instant(text, self.zone()).map_err(|e| self.unreadable(argument, &e))
    }

    /// When a limit from an instant is over, on the office's calendar.
    fn after(&self, from: Instant, text: &str) -> Result<Instant, Failure> {
        let limit = given::limit(text).map_err(|e| self.unreadable("--for", &e))?;
        let course = Course::new(self.playbook.calendar(), limit, 0, from.timestamp(), &[]);
        let due = course.and_then(|course| course.due()).map_err(|e| self.unreadable("--for", &e.into()))?;
        Ok(due.and_then(|due| Instant::from_timestamp(due, 0)).unwrap_or(from))
    }

    /// What a silence would hold, were it in force now.
    async fn touched(&self, silence: &Silence) -> Result<Touched, Failure> {
        let cards = self.store.open_cards(CARDS).await.map_err(|e| self.failed(&e))?;
        let known = Known::of(Some(&*self.store), self.caller).await?;
        let mut touched = Touched::default();
        for cards in cards.chunks(BATCH) {
            let items: BTreeSet<&ItemKey> = cards.iter().map(|card| &card.item).collect();
            let items: Vec<ItemKey> = items.into_iter().cloned().collect();
            let records = self.store.load(&items).await.map_err(|e| self.failed(&e))?;
            for card in cards {
                if let Some(record) = records.iter().find(|record| record.item.key == card.item) {
                    self.touch(silence, card, record, &known, &mut touched);
                }
            }
        }
        Ok(touched)
    }

    fn touch(&self, silence: &Silence, card: &OpenCard, record: &ItemRecord, known: &Known, touched: &mut Touched) {
        let (rule, window, level) = (&*card.rule, &*card.name, Some(card.level));
        if !silence.matcher.fits(&Suspect { item: &record.item, rule, window, level }) {
            return;
        }
        *match card.level {
            Level::Yellow => &mut touched.yellow,
            Level::Red => &mut touched.red,
        } += 1;
        let ruling = record.rulings.iter().find(|ruling| ruling.rule == card.rule);
        let window = ruling.and_then(|ruling| ruling.windows.iter().find(|window| window.name == card.name));
        let prospect = Prospect {
            item: &record.item,
            rulings: &record.rulings,
            rule: card.rule.clone(),
            window: card.name.clone(),
            level: card.level,
            ladder: window.and_then(|window| window.ladder.clone()),
            at: self.caller.now(),
        };
        let steps = preview(&prospect, &self.playbook.office, &known.circumstances()).steps;
        touched.people.extend(steps.into_iter().flat_map(|step| step.told).map(|told| told.contact));
    }

    async fn list(&self, all: bool, format: Format, out: &mut dyn Write) -> Result<Exit, Failure> {
        let now = self.caller.now();
        let columns = ["id", "state", "matcher", "starts_at", "ends_at", "by", "ended_by", "comment"];
        let mut table = Table::new(&columns);
        let silences = self.store.silences(all).await.map_err(|e| self.failed(&e))?;
        for silence in &silences {
            let state = state(silence, now);
            table.add(vec![
                json!(if format == Format::Table { short(silence) } else { silence.id.to_string() }),
                json!(if format == Format::Table { state.label(self.caller.language) } else { state.word() }),
                json!(silence.matcher.to_string()),
                format.instant(silence.starts_at, self.zone()),
                format.instant(silence.ends_at, self.zone()),
                json!(silence.by),
                json!(silence.ended_by),
                json!(silence.comment),
            ]);
        }
        table.write(format, &words::titles(self.caller.language), out)?;
        Ok(Exit::Fine)
    }

    async fn expire(&self, id: &str, by: &str) -> Result<Exit, Failure> {
        let (language, now) = (self.caller.language, self.caller.now());
        if by.trim().is_empty() {
            return Err(self.wrong("--by", words::empty(language)));
        }
        let mut found = self.store.silences(true).await.map_err(|e| self.failed(&e))?;
        found.retain(|silence| !id.is_empty() && silence.id.to_string().starts_with(&id.to_ascii_lowercase()));
        let silence = match &found[..] {
            [one] => one.clone(),
            [] => return Err(Failure::no(words::none(language, id))),
            several => {
                return Err(Failure::usage(words::several(
                    language,
                    id,
                    &several.iter().map(short).collect::<Vec<_>>(),
                )));
            }
        };
        if silence.ends_at <= now {
            let at = time_words::instant(silence.ends_at, self.zone());
            return Err(Failure::no(words::is_over(language, &short(&silence), &at, silence.ended_by.as_deref())));
        }
        let act = act("silence.expire", &silence, by.trim(), now);
        let ended = Silence { ends_at: now, ended_by: Some(by.trim().to_owned()), ..silence };
        self.store.put_silence(&ended, Some(&act)).await.map_err(|e| self.failed(&e))?;
        super::say(&words::expired(language, &short(&ended)));
        Ok(Exit::Fine)
    }

    fn zone(&self) -> chrono_tz::Tz {
        self.playbook.calendar().zone()
    }

    fn unreadable(&self, argument: &str, error: &given::Unreadable) -> Failure {
        self.wrong(argument, &all_words::cannot_read(self.caller.language, error))
    }

    fn wrong(&self, argument: &str, sentence: &str) -> Failure {
        Failure::usage(all_words::about(self.caller.language, argument, sentence))
    }

    fn failed(&self, error: &crate::store::StoreError) -> Failure {
        self.caller.store_failed("store", error)
    }
}

/// The open cards that a silence is about, and whom their ladders would tell.
#[derive(Default)]
struct Touched {
    yellow: usize,
    red: usize,
    people: BTreeSet<Arc<str>>,
}

/// What somebody does to a silence as it stands.
fn act(what: &str, silence: &Silence, by: &str, at: Instant) -> Act {
    let Silence { id, matcher, starts_at, ends_at, .. } = silence;
    let detail = json!({ "matcher": matcher.to_string(), "starts_at": starts_at, "ends_at": ends_at });
    Act::new(what, id.to_string(), by, at).with(detail)
}

fn state(silence: &Silence, now: Instant) -> State {
    match silence {
        Silence { lifted_at: Some(_), .. } => State::Lifted,
        _ if silence.ends_at <= now => State::Ended,
        _ if silence.is_active(now) => State::Active,
        _ => State::Pending,
    }
}

/// The beginning of its id, as people read it.
fn short(silence: &Silence) -> String {
    silence.id.to_string().chars().take(12).collect()
}
