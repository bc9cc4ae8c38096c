//! `duban ctl status`: how everything is doing, by what the store says.

use std::io::Write;

use serde_json::json;

use crate::cli::check::Weight;
use crate::cli::exit::{Exit, Failure};
use crate::cli::run::runtime;
use crate::cli::source::list::{self, lines};
use crate::cli::table::{Format, align, write_json};
use crate::cli::words::{check, source as words};
use crate::cli::{Caller, say};
use crate::config::Mode;
use crate::tell::time_words;

/// Runs the command.
pub fn run(format: Format, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let site = caller.site()?;
    let (playbook, counts, lines, zone) = runtime()?.block_on(async {
        let store = caller.visit_store_if_any().await?;
        let failed = |error| caller.store_failed("store", &error);
        let (playbook, counts) = match &store {
            Some(store) => (store.playbook().await.map_err(failed)?, store.counts().await.map_err(failed)?),
            None => (None, crate::store::Counts::default()),
        };
        let lines = lines(&site, store.as_deref(), caller).await?;
        Ok::<_, Failure>((playbook, counts, lines, caller.office_zone(store.as_deref()).await))
    })?;
    let is_live = site.config.notify.mode == Mode::Live;
    if format != Format::Table {
        let in_force =
            playbook.map(|playbook| json!({ "version": playbook.version, "at": playbook.at, "by": playbook.by }));
        let mode = if is_live { "live" } else { "rehearsal" };
        let all = json!({ "playbook": in_force, "mode": mode, "counts": counts, "sources": list::objects(&lines) });
        write_json(&all, out)?;
        return Ok(Exit::Fine);
    }
    let language = caller.language;
    let in_force = match playbook {
        Some(playbook) => {
            let version = playbook.version.to_string();
            let at = time_words::instant(playbook.at, zone);
            words::in_force(language, version.get(..12).unwrap_or(&version), &at, is_live)
        }
        None => words::never_ran(language).to_owned(),
    };
    let said = [
        in_force,
        words::items(language, counts.items, counts.red, counts.yellow),
        words::messages(language, counts.waiting, counts.sent, counts.discarded, counts.unknown),
        lines.len().to_string(),
    ];
    let labelled = words::labels(language).into_iter().zip(said);
    let labelled: Vec<Vec<String>> = labelled.map(|(label, said)| vec![label.to_owned(), said]).collect();
    write!(out, "{}", align(&labelled))?;
    if !lines.is_empty() {
        writeln!(out)?;
        list::write(&lines, format, caller, out)?;
    }
    out.flush()?;
    for (name, weak) in lines.iter().filter_map(|line| Some((&line.name, line.weak?))) {
        say(&format!("{}{}", check::weight(language, Weight::Warning), words::weak(language, name, weak)));
    }
    Ok(Exit::Fine)
}
