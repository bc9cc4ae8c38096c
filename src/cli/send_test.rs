//! `duban send-test`: one clearly marked message to one receiver, now, past the outbox.

use std::io::Write;

use clap::Args;

use super::Caller;
use super::exit::{Exit, Failure};
use super::run::runtime;
use super::site::wrong;
use super::words::deliveries as words;
use crate::core::contact::Medium;
use crate::core::delivery::{DeliveryId, Outcome};
use crate::core::digest::Digest;
use crate::courier::Way;
use crate::daemon::wiring::Wiring;
use crate::wire::Message;

/// What `send-test` is given.
#[derive(Args)]
pub struct Arguments {
    /// A contact's id, or an address
    #[arg(value_name = "RECEIVER")]
    pub receiver: String,
    /// The channel; without it, the first that reaches the receiver
    #[arg(long, value_name = "NAME")]
    pub channel: Option<String>,
    /// Print the dialogue with the peer
    #[arg(long)]
    pub trace: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let lookup = |name: &str| caller.environment.get(name).map(str::to_owned);
    let wiring = caller.site()?.wire(&[], None, &lookup).map_err(|problems| wrong(&problems))?;
    let known = wiring.ways.channels.keys().map(|name| &**name).collect::<Vec<_>>().join(" ");
    let nobody = || Failure::usage(words::no_receiver(caller.language, &arguments.receiver, &known));
    let (way, name, address) = receiver(arguments, &wiring).ok_or_else(nobody)?;
    let message = message(caller, name, address);
    let (lines, outcome) = runtime()?.block_on(async {
        if arguments.trace { way.channel.trace(&message).await } else { (Vec::new(), way.channel.send(&message).await) }
    });
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    match outcome {
        Outcome::Accepted { answer, .. } => {
            super::say(&words::test_sent(caller.language, &message.to_address, &answer));
            Ok(Exit::Fine)
        }
        Outcome::Temporary { reason, .. } | Outcome::Permanent { reason, .. } | Outcome::Unknowable { reason, .. } => {
            Err(Failure::no(words::test_failed(caller.language, &message.to_address, &reason)))
        }
    }
}

/// By which way, under which name and at which address the receiver is reached.
fn receiver(arguments: &Arguments, wiring: &Wiring) -> Option<(Way, String, String)> {
    let contact = wiring.playbook.office.directory.get(&arguments.receiver);
    let address = |medium: Medium| match contact {
        Some(contact) => contact.address(medium).map(str::to_owned),
        None => looks_like(&arguments.receiver, medium).then(|| arguments.receiver.clone()),
    };
    let wanted = |name: &str| arguments.channel.as_deref().is_none_or(|wanted| wanted == name);
    let mut ways = wiring.ways.channels.iter().filter(|(name, _)| wanted(name));
    ways.find_map(|(_, way)| {
        let address = address(way.channel.medium())?;
        let name = contact.map_or_else(|| arguments.receiver.clone(), |contact| contact.name.clone());
        Some((way.clone(), name, address))
    })
}

fn looks_like(address: &str, medium: Medium) -> bool {
    match medium {
        Medium::Mail => address.contains('@'),
        Medium::Sms => address.len() >= 5 && address.trim_start_matches('+').bytes().all(|b| b.is_ascii_digit()),
        Medium::Im => true,
    }
}

fn message(caller: &Caller<'_>, to_name: String, to_address: String) -> Message {
    let now = caller.clock.now();
    let text = words::test_text(caller.language).to_owned();
    let identity = Digest::of(["test".as_bytes(), to_address.as_bytes(), now.to_rfc3339().as_bytes()]);
    Message {
        id: DeliveryId(identity),
        to_name,
        to_address,
        date: now,
        subject: words::test_subject(caller.language).to_owned(),
        html: None,
        thread: Vec::new(),
        facts: serde_json::json!({ "test": true, "text": text }).into(),
        text: format!("{text}\n"),
    }
}
