//! `duban audit`: who did what, when and why; and whether that was changed since.
//!
//! Entries are read by the page, so a trail of any length fits into memory.

use std::collections::VecDeque;
use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::run::runtime;
use super::table::{Format, Table};
use super::words::{self as all_words, audit as words};
use super::{Caller, given};
use crate::core::Instant;
use crate::core::audit::{Entry, Head, Walk};
use crate::store::{Store, StoreError};
use crate::tell::time_words;

/// Entries that are read at once.
const PAGE: usize = 5_000;

/// What can be done with the trail.
#[derive(Subcommand)]
pub enum Command {
    /// Walk the whole trail and say whether it holds; prints its head, SEQ:HASH
    Verify {
        /// A head that was printed before: proves that the trail still holds it
        #[arg(long, value_name = "SEQ:HASH")]
        head: Option<String>,
    },
    /// List who did what, the newest last
    List(List),
    /// Write the whole trail as lines of JSON that an auditor can verify with other tools
    Export {
        /// Only entries after this number
        #[arg(long, value_name = "SEQ", default_value_t = 0)]
        after: u64,
    },
}

/// Which entries are listed.
#[derive(Args)]
pub struct List {
    /// Only what was done from then on
    #[arg(long, value_name = "INSTANT")]
    pub since: Option<String>,
    /// Only what was done before
    #[arg(long, value_name = "INSTANT")]
    pub until: Option<String>,
    /// Only what this person did
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Only what was done so, such as silence.add or delivery.*
    #[arg(long, value_name = "WHAT")]
    pub what: Option<String>,
    /// Only what was done to something whose name holds this
    #[arg(long, value_name = "TEXT")]
    pub subject: Option<String>,
    /// At most so many, the newest
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: usize,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs the command.
pub fn run(command: &Command, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    runtime()?.block_on(async {
        match command {
            Command::Verify { head } => verify(head.as_deref(), caller, out).await,
            Command::List(list) => show(list, caller, out).await,
            Command::Export { after } => export(*after, caller, out).await,
        }
    })
}

async fn verify(known: Option<&str>, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let language = caller.language;
    let no_head = |text: &str| all_words::about(language, "--head", &words::no_head(language, text));
    let read = |text: &str| text.parse::<Head>().map_err(|_| Failure::usage(no_head(text)));
    let known = known.map(read).transpose()?;
    let store = caller.visit_store().await?;
    let mut walk = Walk::new(known);
    let end = go(&*store, &mut walk, caller).await?;
    let head = walk.end(Some(end)).map_err(|broken| Failure::no(words::broken(language, &broken)))?;
    writeln!(out, "{head}")?;
    out.flush()?;
    super::say(&words::holds(language, head, known));
    Ok(Exit::Fine)
}

/// Walks to the end of the trail, also while it grows; where it should end is the answer.
async fn go(store: &dyn Store, walk: &mut Walk, caller: &Caller<'_>) -> Result<Head, Failure> {
    let language = caller.language;
    // What cannot be read as an entry was not written by duban.
    let failed = |error| match error {
        StoreError::Unreadable(text) => Failure::no(words::unreadable(language, &text)),
        other => caller.store_failed("store", &other),
    };
    let mut progress = Progress { is_watched: caller.environment.is_watched };
    let mut page: Vec<Entry> = Vec::new();
    loop {
        // Before the page, so that what it names is in the page or before it.
        let end = store.audit_head().await.map_err(failed)?;
        // The engine reads a page while the one before is hashed.
        let after = page.last().map_or(walk.at().seq, |last| last.seq);
        let (next, passed) =
            tokio::join!(store.audit(after, PAGE), async { page.iter().try_for_each(|entry| walk.pass(entry)) });
        progress.show(&words::progress(language, walk.at().seq, end.seq));
        if let Err(broken) = passed {
            progress.wipe();
            return Err(Failure::no(words::broken(language, &broken)));
        }
        page = next.inspect_err(|_| progress.wipe()).map_err(failed)?;
        if page.is_empty() {
            progress.wipe();
            return Ok(end);
        }
    }
}

async fn show(list: &List, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let store = caller.visit_store().await?;
    let zone = caller.office_zone(Some(&*store)).await;
    let language = caller.language;
    let read = |argument, text: &Option<String>| {
        let read = text.as_deref().map(|text| given::instant(text, zone)).transpose();
        read.map_err(|e| Failure::usage(all_words::about(language, argument, &all_words::cannot_read(language, &e))))
    };
    let (since, until) = (read("--since", &list.since)?, read("--until", &list.until)?);
    let mut found: VecDeque<Entry> = VecDeque::new();
    let mut after = 0;
    loop {
        let page = store.audit(after, PAGE).await.map_err(|error| caller.store_failed("store", &error))?;
        let Some(newest) = page.last() else { break };
        after = newest.seq;
        for entry in page.into_iter().filter(|entry| is_meant(entry, list, since, until)) {
            found.push_back(entry);
            if list.limit < found.len() {
                found.pop_front();
            }
        }
    }
    let table = match list.format {
        Format::Table => for_people(&found, zone),
        _ => for_programs(&found, zone),
    };
    table.write(list.format, &words::titles(language), out)?;
    Ok(Exit::Fine)
}

fn is_meant(entry: &Entry, list: &List, since: Option<Instant>, until: Option<Instant>) -> bool {
    let act = &entry.act;
    let is_so = |what: &str| match what.strip_suffix('*') {
        Some(beginning) => act.what.starts_with(beginning),
        None => act.what == what,
    };
    since.is_none_or(|since| since <= act.at)
        && until.is_none_or(|until| act.at < until)
        && list.by.as_deref().is_none_or(|by| by.trim() == act.by)
        && list.what.as_deref().is_none_or(is_so)
        && list.subject.as_deref().is_none_or(|text| act.subject.contains(text))
}

fn for_people(entries: &VecDeque<Entry>, zone: chrono_tz::Tz) -> Table {
    let mut table = Table::new(&["seq", "at", "by", "what", "subject", "why"]);
    for Entry { seq, act, .. } in entries {
        let at = time_words::instant(act.at, zone);
        table.add(vec![json!(seq), json!(at), json!(act.by), json!(act.what), json!(act.subject), json!(act.why)]);
    }
    table
}

fn for_programs(entries: &VecDeque<Entry>, zone: chrono_tz::Tz) -> Table {
    let mut table = Table::new(&["seq", "at", "by", "what", "subject", "why", "detail", "hash"]);
    for Entry { seq, act, hash } in entries {
        let at = act.at.with_timezone(&zone).to_rfc3339();
        let detail: Value = act.detail.value();
        table.add(vec![
            json!(seq),
            json!(at),
            json!(act.by),
            json!(act.what),
            json!(act.subject),
            json!(act.why),
            detail,
            json!(hash.to_string()),
        ]);
    }
    table
}

async fn export(after: u64, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let store = caller.visit_store().await?;
    let mut after = after;
    loop {
        let page = store.audit(after, PAGE).await.map_err(|error| caller.store_failed("store", &error))?;
        let Some(newest) = page.last() else { return Ok(Exit::Fine) };
        after = newest.seq;
        for entry in &page {
            writeln!(out, "{}", entry.line())?;
        }
    }
}

/// How far the walk is, on one line of a terminal.
struct Progress {
    is_watched: bool,
}

impl Progress {
    // Nobody can be told that stderr is closed.
    fn show(&mut self, line: &str) {
        if self.is_watched {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K{line}");
        }
    }

    /// Leaves the line empty for what comes.
    fn wipe(&mut self) {
        if self.is_watched {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}
