//! `duban source list`: a line for each source.

use std::io::Write;

use chrono_tz::Tz;
use serde_json::{Value, json};

use super::place;
use crate::cli::Caller;
use crate::cli::exit::{Exit, Failure};
use crate::cli::run::runtime;
use crate::cli::table::{Format, Table};
use crate::cli::words::source as words;
use crate::core::Instant;
use crate::daemon::poll::health::Health;
use crate::daemon::poll::is_accepted;
use crate::daemon::wiring::Site;
use crate::store::{SourceRecord, Store};
use crate::tell::time_words;

const COLUMNS: [&str; 16] = [
    "name",
    "kind",
    "place",
    "state",
    "accepted",
    "good_at",
    "age_s",
    "polled_at",
    "rows",
    "changed",
    "rejected",
    "missing",
    "took_ms",
    "lag_s",
    "tls",
    "trouble",
];

/// Runs the command.
pub fn run(format: Format, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let site = caller.site()?;
    if site.config.source.is_empty() {
        crate::cli::say(crate::cli::words::evaluate::no_sources(caller.language));
    }
    let lines = runtime()?.block_on(async {
        let store = caller.visit_store_if_any().await?;
        lines(&site, store.as_deref(), caller).await
    })?;
    write(&lines, format, caller, out)?;
    Ok(Exit::Fine)
}

/// How one source is doing.
pub struct Line {
    /// Its name.
    pub name: String,
    kind: &'static str,
    place: String,
    health: Health,
    /// Whether somebody has accepted its last poll.
    accepted: bool,
    record: SourceRecord,
    /// How its server is trusted, where that is less than it could be.
    pub weak: Option<&'static str>,
    now: Instant,
    zone: Tz,
}

/// All sources that are configured, with what is remembered of them.
pub async fn lines(site: &Site, store: Option<&dyn Store>, caller: &Caller<'_>) -> Result<Vec<Line>, Failure> {
    let failed = |error| caller.store_failed("store", &error);
    let (zone, now) = (caller.office_zone(store).await, caller.now());
    let mut records = match store {
        Some(store) => store.sources().await.map_err(failed)?,
        None => Vec::new(),
    };
    let expected = site.expected(zone);
    let mut lines = Vec::new();
    for (name, config) in &site.config.source {
        let at = records.iter().position(|record| *record.source == **name);
        let record = at.map(|at| records.swap_remove(at));
        let health = Health::of(record.as_ref(), expected.get(name.as_str()), now);
        let (kind, place) = place::of(name, config);
        let record = record.unwrap_or_default();
        let accepted = match store {
            Some(store) => is_accepted(store, &record).await.map_err(failed)?,
            None => false,
        };
        let (name, weak) = (name.clone(), place::weak_trust(config));
        lines.push(Line { name, kind, place, health, accepted, record, weak, now, zone });
    }
    Ok(lines)
}

impl Line {
    fn age(&self) -> Option<i64> {
        self.record.good_at.map(|at| (self.now - at).num_seconds().max(0))
    }

    /// How far the newest change that the source has shown lies behind.
    fn lag(&self) -> Option<i64> {
        self.record.cursor_at.map(|at| (self.now - at).num_seconds().max(0))
    }

    /// The line for programs.
    pub fn row(&self) -> Vec<Value> {
        let record = &self.record;
        let seen = |number: u64| record.polled_at.map(|_| number);
        vec![
            json!(self.name),
            json!(self.kind),
            json!(self.place),
            json!(self.health.word()),
            json!(self.accepted),
            json!(record.good_at),
            json!(self.age()),
            json!(record.polled_at),
            json!(seen(record.rows)),
            json!(seen(record.changed)),
            json!(seen(record.rejected)),
            json!(seen(record.missing)),
            json!(seen(record.took_ms)),
            json!(self.lag()),
            json!(self.weak),
            json!(record.trouble),
        ]
    }

    /// The line for people.
    fn words(&self, caller: &Caller<'_>) -> Vec<Value> {
        let (language, record) = (caller.language, &self.record);
        let seen = |number: u64| json!(record.polled_at.map(|_| number));
        let ago = |seconds: i64| words::ago(language, seconds);
        let good = record.good_at.zip(self.age());
        let good = good.map(|(at, age)| format!("{} ({})", time_words::instant(at, self.zone), ago(age)));
        vec![
            json!(self.name),
            json!(self.kind),
            json!(self.place),
            json!(words::state(language, self.health, self.accepted)),
            json!(good),
            seen(record.rows),
            seen(record.changed),
            seen(record.rejected),
            seen(record.missing),
            json!(record.polled_at.map(|_| words::took(language, record.took_ms))),
            json!(self.lag().map(ago)),
            json!(self.weak),
            json!(record.trouble),
        ]
    }
}

/// Writes the lines.
pub fn write(lines: &[Line], format: Format, caller: &Caller<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let titles = words::titles(caller.language);
    let mut table = if format == Format::Table { Table::new(&titles) } else { Table::new(&COLUMNS) };
    for line in lines {
        table.add(if format == Format::Table { line.words(caller) } else { line.row() });
    }
    table.write(format, &titles, out)
}

/// The lines as objects.
pub fn objects(lines: &[Line]) -> Value {
    let object = |line: &Line| -> Value {
        COLUMNS.iter().map(|column| (*column).to_owned()).zip(line.row()).collect::<serde_json::Map<_, _>>().into()
    };
    lines.iter().map(object).collect()
}
