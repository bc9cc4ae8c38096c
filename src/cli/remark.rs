//! `duban remark`: facts that stand on paper are put on record, listed, decided and taken back. Before anything is written
//! it is shown which dates move and which cards fall or rise.

use std::io::Write;
use std::sync::Arc;

use chrono::TimeDelta;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::explain::evidence::{self, find, the_one};
use super::run::runtime;
use super::table::{Format, Table};
use super::words::remark as words;
use super::{Caller, given, words as all_words};
use crate::core::Instant;
use crate::core::item::ItemKey;
use crate::core::remark::{Amendment, Decision, Remark, RemarkError, Revocation};
use crate::daemon::wiring::Site;
use crate::pipeline::Pipeline;
use crate::pipeline::remarks::{Moved, Refused, Stand, check, moves};
use crate::playbook::Playbook;
use crate::store::{ItemRecord, Store, StoreError};
use crate::tell::time_words;
use crate::tell::words::{level_label, state_label};
use add::Add;

mod add;
mod list;

/// Remarks among which the beginning of an id is looked for.
const FOUND: usize = 10;

/// What can be done with remarks.
#[derive(Subcommand)]
pub enum Command {
    /// Put on record what the source does not state; shows first which dates move and which cards fall or rise
    Add(Add),
    /// List remarks, newest first
    List {
        /// The item: SOURCE/ID, or ID where it is unique; without it, all items
        item: Option<String>,
        /// Also those that were rejected or revoked
        #[arg(long)]
        all: bool,
        /// How the answer is written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Take a remark back: everything is again as it would be without it
    Revoke {
        /// The item: SOURCE/ID, or ID where it is unique
        item: String,
        /// The beginning of the remark's id
        remark: String,
        #[command(flatten)]
        act: Act,
    },
    /// Decide a remark that waits: an appeal, or one that needs a second person
    Decide {
        /// The beginning of the remark's id
        remark: String,
        /// It counts from now on
        #[arg(long, required_unless_present = "reject", conflicts_with = "reject")]
        grant: bool,
        /// It never counts
        #[arg(long)]
        reject: bool,
        #[command(flatten)]
        act: Act,
    },
}

/// Who does something to a remark, and why.
#[derive(Args)]
pub struct Act {
    /// Who does it
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    /// Only show what it moves; nothing is written
    #[arg(long)]
    pub dry_run: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs the command.
pub fn run(command: &Command, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    runtime()?.block_on(async {
        let site = caller.site()?;
        let store = caller.visit_store().await?;
        let playbook = Arc::new(evidence::playbook(caller, Some(&*store)).await?);
        let desk = Desk { caller, site, store, playbook, now: caller.clock.now() };
        match command {
            Command::Add(add) => desk.add(add, out).await,
            Command::List { item, all, format } => desk.list(item.as_deref(), *all, *format, out).await,
            Command::Revoke { item, remark, act } => {
                let record = desk.record(item).await?;
                let remark = desk.one(remark, record.remarks.clone())?;
                let revocation = Revocation { at: desk.now, by: act.by.clone(), why: act.why.clone() };
                desk.amend(&record, &Amendment::Revoke(remark.id, revocation), (act.dry_run, act.format), out).await
            }
            Command::Decide { remark, grant, act, .. } => {
                let beginning = remark.to_ascii_lowercase();
                let is_id = !beginning.is_empty() && beginning.bytes().all(|byte| byte.is_ascii_hexdigit());
                let found = if is_id { desk.store.remarks(&beginning, FOUND).await } else { Ok(Vec::new()) };
                let remark = desk.one(remark, found.map_err(|e| desk.failed(&e))?)?;
                let record = desk.record(&remark.item.to_string()).await?;
                let (at, granted) = (desk.now, *grant);
                let decision = Decision { at, by: act.by.clone(), why: act.why.clone(), granted };
                desk.amend(&record, &Amendment::Decide(remark.id, decision), (act.dry_run, act.format), out).await
            }
        }
    })
}

struct Desk<'a> {
    caller: &'a Caller<'a>,
    site: Site,
    store: Arc<dyn Store>,
    playbook: Arc<Playbook>,
    now: Instant,
}

impl Desk<'_> {
    async fn add(&self, add: &Add, out: &mut dyn Write) -> Result<Exit, Failure> {
        let record = self.record(&add.item).await?;
        let four_eyes = self.site.config.remarks.four_eyes;
        let draft = add.draft(self, &record)?;
        let remark = draft.remark(four_eyes, self.now).map_err(|e| self.refused(&e))?;
        check(&self.playbook, &record, &remark, self.now).map_err(|e| self.refused(&e))?;
        let ground = add.ground();
        self.amend(&record, &Amendment::Add(Box::new(remark)), (ground.dry_run, ground.format), out).await
    }

    /// Shows what an amendment moves, and makes it unless that is all that is wanted.
    async fn amend(
        &self,
        record: &ItemRecord,
        amendment: &Amendment,
        (dry_run, format): (bool, Format),
        out: &mut dyn Write,
    ) -> Result<Exit, Failure> {
        let language = self.caller.language;
        let remark = amendment.of(&record.remarks).map_err(|e| self.refused(&e))?;
        let moved = moves(&self.playbook, record, amendment, self.now);
        self.table(&moved, format).write(format, &words::moved_titles(language), out)?;
        out.flush()?;
        if moved.is_empty() {
            super::say(words::moves_nothing(language));
        }
        if dry_run {
            super::say(words::dry(language));
            return Ok(Exit::Fine);
        }
        let pipeline = Pipeline::new(self.store.clone());
        self.mind_the_lag(&pipeline, &record.item.key).await?;
        let done = pipeline.remark(&self.playbook, &record.item.key, amendment, self.now).await;
        done.map_err(|refused| self.not_done(&refused))?;
        super::say(&words::done(language, amendment, &short(&remark), remark.waits));
        Ok(Exit::Fine)
    }

    /// Cards of a source that waits for a good poll wait here too.
    async fn mind_the_lag(&self, pipeline: &Pipeline, item: &ItemKey) -> Result<(), Failure> {
        let confirm = self.site.config.source.get(&*item.source).map(|source| source.confirm);
        let Some(confirm) = confirm.and_then(|confirm| TimeDelta::from_std(confirm).ok()) else { return Ok(()) };
        if TimeDelta::zero() < confirm {
            let sources = self.store.sources().await.map_err(|e| self.failed(&e))?;
            let good_at = sources.iter().find(|known| known.source == item.source).and_then(|known| known.good_at);
            pipeline.confirm(&item.source, confirm, good_at);
        }
        Ok(())
    }

    async fn record(&self, wanted: &str) -> Result<ItemRecord, Failure> {
        let keys = find(wanted, &*self.store).await.map_err(|e| self.failed(&e))?;
        let key = the_one(wanted, &keys, self.caller)?;
        let found = self.store.load(std::slice::from_ref(&key)).await.map_err(|e| self.failed(&e))?.pop();
        found.ok_or_else(|| Failure::no(all_words::explain::no_item(self.caller.language, wanted)))
    }

    /// The remark whose id begins so.
    fn one(&self, beginning: &str, mut found: Vec<Remark>) -> Result<Remark, Failure> {
        let digits = beginning.to_ascii_lowercase();
        found.retain(|remark| !digits.is_empty() && remark.id.to_string().starts_with(&digits));
        match (found.pop(), found.is_empty()) {
            (Some(one), true) => Ok(one),
            (None, _) => Err(Failure::no(words::none(self.caller.language, beginning))),
            (Some(last), false) => {
                found.push(last);
                let ids: Vec<String> = found.iter().map(short).collect();
                Err(Failure::usage(words::several(self.caller.language, beginning, &ids)))
            }
        }
    }

    fn table(&self, moved: &[Moved], format: Format) -> Table {
        let mut table =
            Table::new(&["rule", "window", "state", "due_at", "card", "new_state", "new_due_at", "new_card"]);
        for Moved { rule, name, before, after } in moved {
            let mut row = vec![json!(rule), json!(name)];
            row.extend(self.stand(before.as_ref(), format));
            row.extend(self.stand(after.as_ref(), format));
            table.add(row);
        }
        table
    }

    /// State, due instant and card.
    fn stand(&self, stand: Option<&Stand>, format: Format) -> [Value; 3] {
        let (language, Stand { state, due_at, level, .. }) = (self.caller.language, stand.copied().unwrap_or_default());
        match format {
            Format::Table => [
                json!(state.map(|state| state_label(state, language))),
                json!(due_at.map(|at| time_words::due(at, self.zone(), language))),
                json!(level.map(|level| level_label(level, language))),
            ],
            _ => [
                json!(state.map(crate::core::reading::State::word)),
                json!(due_at.map(|at| format.instant(at, self.zone()))),
                json!(level.map(crate::core::window::Level::word)),
            ],
        }
    }

    fn zone(&self) -> chrono_tz::Tz {
        self.playbook.calendar().zone()
    }

    /// An instant that was typed.
    fn instant(&self, argument: &str, text: &str) -> Result<Instant, Failure> {
        given::instant(text, self.zone()).map_err(|error| self.unreadable(argument, &error))
    }

    fn unreadable(&self, argument: &str, error: &given::Unreadable) -> Failure {
        let sentence = all_words::cannot_read(self.caller.language, error);
        Failure::usage(all_words::about(self.caller.language, argument, &sentence))
    }

    fn not_done(&self, refused: &Refused) -> Failure {
        match refused {
            Refused::Remark(error) => self.refused(error),
            Refused::NoItem(item) => Failure::no(all_words::explain::no_item(self.caller.language, &item.to_string())),
            Refused::Busy(_) | Refused::Store(StoreError::OtherPlaybook(_)) => {
                Failure::no(words::try_again(self.caller.language))
            }
            Refused::Store(error) => self.failed(error),
        }
    }

    /// What cannot be said by itself is wrong usage; what cannot be said of this item is a no.
    fn refused(&self, error: &RemarkError) -> Failure {
        let sentence = words::refused(self.caller.language, error, self.zone());
        match error {
            RemarkError::Anonymous
            | RemarkError::SamePerson(_)
            | RemarkError::Own(_)
            | RemarkError::Reversed
            | RemarkError::ApprovedBeforeAsked
            | RemarkError::NoField { .. }
            | RemarkError::NoWindow { .. } => Failure::usage(sentence),
            _ => Failure::no(sentence),
        }
    }

    fn failed(&self, error: &StoreError) -> Failure {
        self.caller.store_failed("store", error)
    }
}

/// The beginning of its id, as people read it.
fn short(remark: &Remark) -> String {
    remark.id.to_string().chars().take(12).collect()
}
