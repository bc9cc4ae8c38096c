//! `duban source accept`: what a source shows is right, though the guard does not believe it.

use serde_json::json;

use crate::cli::exit::{Exit, Failure};
use crate::cli::question::is_agreed;
use crate::cli::run::runtime;
use crate::cli::words::source as words;
use crate::cli::{Caller, say};
use crate::core::audit::Act;
use crate::daemon::poll;
use crate::daemon::poll::health::Health;
use crate::store::SourceRecord;

/// Runs the command.
pub fn run(name: &str, yes: bool, by: Option<&str>, caller: &Caller<'_>) -> Result<Exit, Failure> {
    let language = caller.language;
    let site = caller.site()?;
    let config = caller.source_config(&site, name)?;
    let who = caller.who(by)?;
    runtime()?.block_on(async {
        let store = caller.visit_store().await?;
        let failed = |error| caller.store_failed("store", &error);
        let records = store.sources().await.map_err(failed)?;
        let record = records.into_iter().find(|record| *record.source == *name).unwrap_or_default();
        let trouble = record.trouble.clone().ok_or_else(|| Failure::no(words::undoubted(language, name)))?;
        if Health::of(Some(&record), None, caller.now()) != Health::Doubted {
            return Err(Failure::no(words::unread(language, name, &trouble)));
        }
        say(&words::doubted(language, name, &trouble));
        say(&words::would_be_believed(language, &counts(&record)));
        say(&words::of_absent(language, config.absent));
        if !yes && !is_agreed(words::question(language))? {
            say(words::say_yes(language));
            return Ok(Exit::Fine);
        }
        let detail = json!({ "trouble": trouble, "rows": record.rows, "before": record.good_rows });
        let act = Act::new("source.accept", name, &who, caller.clock.now()).with(detail);
        if !poll::accept(&*store, name, &act).await.map_err(failed)? {
            return Err(Failure::no(words::undoubted(language, name)));
        }
        say(&words::accepted(language, name, &who));
        Ok(Exit::Fine)
    })
}

fn counts(record: &SourceRecord) -> words::Counts {
    let good = record.rows.saturating_sub(record.rejected);
    words::Counts {
        before: record.good_rows,
        rows: record.rows,
        rejected: record.rejected,
        missing: record.good_rows.map_or(0, |before| before.saturating_sub(good)),
    }
}
