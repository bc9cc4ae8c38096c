//! A delivery explained: where it stands, each try, what it says and why, and the facts that were sealed.

use std::io::Write;

use chrono_tz::Tz;
use serde_json::json;

use super::telling::plain;
use crate::cli::Caller;
use crate::cli::exit::{Exit, Failure};
use crate::cli::table::{Format, write_json};
use crate::cli::words::explain::{self as words, Label};
use crate::cli::words::{deliveries, routes};
use crate::core::notice::Notice;
use crate::store::{Attempt, DeliveryRecord, Store};
use crate::tell::time_words;
use crate::tell::words::{notice_label, reason_words};

/// Explains the delivery whose id begins so.
pub async fn explain(
    id: &str,
    store: &dyn Store,
    zone: Tz,
    format: Format,
    caller: &Caller<'_>,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let failed = |error| caller.store_failed("store", &error);
    let mut found = store.delivery(id).await.map_err(failed)?;
    let (delivery, notices) = match (found.pop(), found.is_empty()) {
        (Some(one), true) => one,
        (None, _) => return Err(Failure::no(deliveries::none(caller.language, id))),
        (Some(_), false) => return Err(Failure::usage(deliveries::several(caller.language, id))),
    };
    let attempts = store.attempts(delivery.id).await.map_err(failed)?;
    match format {
        Format::Table => tell(&delivery, &attempts, &notices, zone, caller, out)?,
        _ => write_json(&json!({ "delivery": delivery, "attempts": attempts, "notices": notices }), out)?,
    }
    Ok(Exit::Fine)
}

fn tell(
    delivery: &DeliveryRecord,
    attempts: &[Attempt],
    notices: &[Notice],
    zone: Tz,
    caller: &Caller<'_>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let language = caller.language;
    let instant = |at| time_words::instant(at, zone);
    let state = deliveries::state(delivery.state, language);
    let DeliveryRecord { id, contact, channel, .. } = delivery;
    let mut line = |indent: usize, label: Label, text: &str| {
        writeln!(out, "{:indent$}{}  {}", "", words::label(label, language), plain(text))
    };
    line(0, Label::Delivery, &format!("{id}  {contact} {channel}  {state}"))?;
    line(2, Label::Opened, &instant(delivery.opened_at))?;
    if let Some(reason) = &delivery.reason {
        line(
            2,
            Label::State,
            &format!("{state}  {}  {reason}", instant(delivery.settled_at.unwrap_or(delivery.not_before))),
        )?;
    }
    if let Some(wait) = delivery.waits_for {
        line(2, Label::Waits, &format!("{}  {}", routes::wait(wait, language), instant(delivery.not_before)))?;
    }
    if let Some(delivered) = delivery.receipt {
        line(2, Label::Receipt, deliveries::receipt(delivered, language))?;
    }
    for attempt in attempts {
        let outcome = attempt.outcome.map(|outcome| json!(outcome)).unwrap_or_default();
        let outcome = outcome.as_str().unwrap_or_default();
        let reason = attempt.reason.as_deref().unwrap_or_default();
        line(2, Label::Try, &format!("{}  {}  {outcome}  {reason}", attempt.number, instant(attempt.claimed_at)))?;
    }
    for notice in notices {
        let kind = notice_label(notice.kind, language);
        let state = words::notice_state(notice.state, language);
        let item = notice.item.as_ref().map(ToString::to_string).unwrap_or_default();
        let about = match (&notice.change, &notice.body) {
            (Some(change), _) => {
                format!("{}/{}  {}", change.rule, change.name, reason_words(&change.reason, language, zone))
            }
            (None, Some(body)) => body.title.clone(),
            (None, None) => String::new(),
        };
        let hold = notice.hold.as_ref().map(|hold| words::hold(hold, language)).unwrap_or_default();
        let because = routes::because(&notice.because, language);
        line(2, Label::Member, &format!("{kind}  {item}  {about}  {state}  {because}  {hold}"))?;
    }
    if let (Some(sealed), Some(at)) = (&delivery.sealed, delivery.sealed_at) {
        line(2, Label::Sealed, &instant(at))?;
        for text in format!("{:#}", sealed.value()).lines() {
            writeln!(out, "    {}", plain(text))?;
        }
    }
    Ok(())
}
