//! `duban ctl go-live`: what is open, how much each person would get, and the end of the rehearsal.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;

use super::switch;
use crate::cli::check::people;
use crate::cli::exit::{Exit, Failure};
use crate::cli::replacement::{Before, replace};
use crate::cli::run::runtime;
use crate::cli::site::wrong;
use crate::cli::table::{Format, Table};
use crate::cli::who::By;
use crate::cli::words::{self as all_words, go_live as words};
use crate::cli::{Caller, say};
use crate::config::{Config, Mode, RehearsalTo};
use crate::core::Instant;
use crate::core::delivery::DeliveryState;
use crate::daemon::wiring::{Site, Wiring};
use crate::store::{DeliveryFilter, DeliveryRecord, Store};

/// Deliveries that are looked at: where there were more, they span less than the week.
const DELIVERIES: usize = 20_000;

const WEEK: TimeDelta = TimeDelta::days(7);

/// What is extrapolated from less would say nothing.
const LEAST: TimeDelta = TimeDelta::days(1);

/// Runs the command.
pub fn run(by: Option<&By>, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let site = caller.site()?;
    if site.config.notify.mode == Mode::Live {
        say(words::already(caller.language));
        return Ok(Exit::Fine);
    }
    let lookup = |name: &str| caller.environment.get(name).map(str::to_owned);
    let wiring = site.wire(&[], None, &lookup).map_err(|problems| wrong(&problems))?;
    runtime()?.block_on(async {
        let store = caller.visit_store().await?;
        let failed = |error| caller.store_failed("store", &error);
        let counts = store.counts().await.map_err(failed)?;
        say(&words::open(caller.language, counts.yellow, counts.red));
        expected(&wiring, &*store, caller, out).await
    })?;
    channels(&site, &wiring, caller);
    for remark in people::all(&wiring, caller) {
        say(&format!("{}{}: {}", all_words::check::weight(caller.language, remark.weight), remark.place, remark.text));
    }
    let Some(by) = by else {
        say(words::would(caller.language));
        return Ok(Exit::Fine);
    };
    change(&site, by, caller)
}

/// How many messages each person would get a week, by what the rehearsal sent.
async fn expected(wiring: &Wiring, store: &dyn Store, caller: &Caller<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let now = caller.now();
    let filter = DeliveryFilter { limit: DELIVERIES, ..DeliveryFilter::default() };
    let deliveries = store.deliveries(&filter).await.map_err(|error| caller.store_failed("store", &error))?;
    let (sent, span) = rehearsed(&deliveries, now);
    if sent.is_empty() {
        say(words::nothing_sent(caller.language));
        return Ok(());
    }
    let mut table = Table::new(&["contact", "name", "channel", "rehearsed", "per_week"]);
    for ((contact, channel), count) in sent {
        let name = wiring.playbook.office.directory.get(&contact).map_or("", |contact| &contact.name);
        let per_week = (i64::from(count) * WEEK.num_seconds() + span.num_seconds() / 2) / span.num_seconds();
        table.add(vec![json!(contact), json!(name), json!(channel), json!(count), json!(per_week)]);
    }
    table.write(Format::Table, &words::titles(caller.language), out)?;
    out.flush()?;
    say(&words::basis(caller.language, span.num_hours()));
    Ok(())
}

/// How many messages went to whom by which channel.
type Sent = BTreeMap<(Arc<str>, Arc<str>), u32>;

/// What the rehearsal sent in the last week to whom by which channel, and how much of that week is known.
fn rehearsed(deliveries: &[DeliveryRecord], now: Instant) -> (Sent, TimeDelta) {
    let mut sent = Sent::new();
    let is_recent = |d: &&DeliveryRecord| d.settled_at.is_some_and(|at| now - at <= WEEK);
    let is_sent = |d: &&DeliveryRecord| d.rehearsal && d.state == DeliveryState::Sent;
    for delivery in deliveries.iter().filter(is_sent).filter(is_recent) {
        *sent.entry((delivery.contact.clone(), delivery.channel.clone())).or_default() += 1;
    }
    let first = deliveries.iter().map(|delivery| delivery.opened_at).min().unwrap_or(now);
    (sent, (now - first).clamp(LEAST, WEEK))
}

/// Channels that reach nobody when it is live.
fn channels(site: &Site, wiring: &Wiring, caller: &Caller<'_>) {
    let office = &wiring.playbook.office;
    for (name, _) in site.config.channels.iter().filter(|(_, channel)| channel.folder.is_some()) {
        say(&words::folder(caller.language, name));
    }
    if let RehearsalTo::Address { channel, .. } = &site.config.notify.rehearsal_to {
        let steps =
            office.ladders.values().flat_map(|ladder| &ladder.steps).flat_map(|s| s.yellow.iter().chain(&s.red));
        let told = office.routes.iter().flat_map(|route| &route.tell).flat_map(|to| to.yellow.iter().chain(&to.red));
        let counts = office.ladders.values().flat_map(|ladder| &ladder.counts).flat_map(|count| &count.channels);
        if !steps.chain(told).chain(counts).any(|named| named == channel) {
            say(&words::only_rehearsal(caller.language, channel));
        }
    }
}

/// Changes the mode in the file, after the changed text was read as a configuration.
fn change(site: &Site, by: &By, caller: &Caller<'_>) -> Result<Exit, Failure> {
    let (language, shown) = (caller.language, site.path.display().to_string());
    let unreadable = |e| Failure::internal(all_words::unreadable(language, &site.path, &e));
    let text = std::fs::read_to_string(&site.path).map_err(unreadable)?;
    let live = switch::to_live(&text).ok_or_else(|| Failure::no(words::no_line(language, &shown)))?;
    let is_live = Config::read(&shown, &live).is_ok_and(|config| config.notify.mode == Mode::Live);
    if !is_live {
        return Err(Failure::no(words::not_the_same(language, &shown)));
    }
    let act = caller.act("notify.go_live", &*shown, by)?;
    let backup = replace(&site.path, &live, Before::Last(".before-go-live")).map_err(unreadable)?;
    let backup = backup.unwrap_or_default();
    // The file is no part of the store: if this fails, it is said, and what the file says is entered when it is read.
    caller.enter(vec![act.with(json!({ "backup": backup }))])?;
    say(&words::done(language, &shown, &backup.display().to_string()));
    Ok(Exit::Fine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::delivery::DeliveryId;
    use crate::core::digest::Digest;

    fn at(text: &str) -> Instant {
        format!("2026-03-{}:00+08:00", text.replace(' ', "T")).parse().expect("an instant")
    }

    fn delivery(contact: &str, day: &str, rehearsal: bool) -> DeliveryRecord {
        DeliveryRecord {
            id: DeliveryId(Digest::of([contact.as_bytes(), day.as_bytes()])),
            contact: contact.into(),
            channel: "mail".into(),
            state: DeliveryState::Sent,
            not_before: at(day),
            waits_for: None,
            opened_at: at(day),
            tries: 1,
            rehearsal,
            sealed_at: None,
            sealed: None,
            settled_at: Some(at(day)),
            reason: None,
            remote_id: None,
            receipt: None,
        }
    }

    #[test]
    fn a_week_is_counted_and_less_is_known_as_less() {
        let now = at("12 09:00");
        let all =
            [delivery("h1", "11 09:00", true), delivery("h1", "10 09:00", true), delivery("h2", "10 09:00", false)];
        let (sent, span) = rehearsed(&all, now);
        assert_eq!(sent.into_iter().collect::<Vec<_>>(), [(("h1".into(), "mail".into()), 2)]);
        assert_eq!(span, TimeDelta::days(2));
        let all = [delivery("h1", "11 09:00", true), delivery("h1", "01 09:00", true)];
        let (sent, span) = rehearsed(&all, now);
        assert_eq!((sent.values().copied().collect::<Vec<_>>(), span), (vec![1], WEEK));
        assert_eq!(rehearsed(&[delivery("h1", "12 08:59", true)], now).1, LEAST);
    }
}
