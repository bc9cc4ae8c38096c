//! What happens in the demo, told on the terminal as it happens.

use std::io::Write;

use chrono_tz::Tz;
use tokio::sync::mpsc::UnboundedReceiver;

use super::{Event, Told};
use crate::cli::Caller;
use crate::cli::exit::Failure;
use crate::cli::words::demo as words;
use crate::core::card::Change;
use crate::core::delivery::DeliveryState;
use crate::core::window::Level;
use crate::time::Clock;

const RED: &str = "\u{1b}[31m";
const YELLOW: &str = "\u{1b}[33m";
const GREEN: &str = "\u{1b}[32m";
const PLAIN: &str = "\u{1b}[0m";

/// Tells until there is nothing more to hear.
pub async fn tell(
    mut heard: UnboundedReceiver<Event>,
    clock: &dyn Clock,
    zone: Tz,
    caller: &Caller<'_>,
    out: &mut dyn Write,
) -> Result<Told, Failure> {
    let mut told = Told::default();
    let mut polled = std::collections::BTreeSet::new();
    while let Some(event) = heard.recv().await {
        let time = clock.now().with_timezone(&zone).format("%H:%M:%S");
        if let Some((colour, line)) = line(&event, caller, &mut told, &mut polled) {
            let (colour, plain) = if caller.has_colour { (colour, PLAIN) } else { ("", "") };
            writeln!(out, "{time}  {colour}{line}{plain}")?;
            out.flush()?;
        }
    }
    Ok(told)
}

fn line(
    event: &Event,
    caller: &Caller<'_>,
    told: &mut Told,
    polled: &mut std::collections::BTreeSet<String>,
) -> Option<(&'static str, String)> {
    match event {
        Event::Poll { source, report } if polled.insert(source.to_string()) => {
            Some(("", words::polled(caller.language, source, report.rows)))
        }
        Event::Transition { item, transition } if transition.change.is_about_a_card() => {
            let colour = match (transition.change, transition.to) {
                (Change::Raise, Some(Level::Red)) => RED,
                (Change::Raise | Change::Lower, _) => YELLOW,
                _ => GREEN,
            };
            told.raised += usize::from(transition.change == Change::Raise);
            Some((colour, words::changed(caller.language, item, transition)))
        }
        Event::Poll { .. } | Event::Transition { .. } => None,
        Event::Delivery(event) => {
            told.sent += usize::from(event.state == DeliveryState::Sent);
            Some(("", words::delivered(caller.language, event)))
        }
    }
}
