//! duban at an office where many tickets fall due at once.

use std::thread::sleep;
use std::time::{Duration, Instant as Clock};

use crate::postfix::{CONNECTIONS, Programs};
use crate::receiver::{Receiver, name};
use crate::support::daemon::Daemon;
use crate::support::patience::{ahead, free_port, now};
use crate::support::site::{LIVE, Site, Ticket};
use crate::{Round, program};

/// How often the ledger is polled, in seconds: once in a round.
const EVERY: u64 = 6;

/// One step, one channel, and only the handler; so each ticket has one message.
const LADDERS: &str = r#"
[handlers]
steps = [{ roles = ["handler"], red = ["out"] }]
[three-level]
steps = [{ roles = ["handler"], red = ["out"] }]
[command-centre]
steps = [{ roles = ["handler"], red = ["out"] }]
[operators]
steps = [{ roles = ["operator"], red = ["out"] }]
"#;

/// Every ticket falls due, and each is told to a webhook.
pub fn webhook_round(receiver: &Receiver, count: usize) -> Round {
    let site = Site::new();
    let channel = format!(
        "[channels.out.webhook]\nurl = \"http://127.0.0.1:{}/\"\nmedium = \"im\"\nidempotent = true\nconnections = 64\n\
         allow_networks = [\"127.0.0.0/8\"]\n",
        receiver.port
    );
    let tickets = furnish(&site, &channel, count);
    receiver.expect(count);
    let (began, daemon) = fall_due(&site, &tickets);
    let (first, last) = receiver.all();
    ended(began, first, last, daemon)
}

/// The same by mail.
pub fn mail_round(programs: &Programs, count: usize) -> Round {
    let (site, port) = (Site::new(), free_port());
    let channel = format!(
        "[channels.out.smtp]\nhost = \"127.0.0.1\"\nport = {port}\nsecurity = \"none\"\nconnections = {CONNECTIONS}\n\
         from = \"督办 <duban@city.test>\"\n"
    );
    let tickets = {
        let _takes_what_is_said_first = programs.sink(port);
        furnish(&site, &channel, count)
    };
    let sink = programs.sink(port);
    let (began, daemon) = fall_due(&site, &tickets);
    let (first, last) = sink.all(count);
    ended(began, first, last, daemon)
}

/// Lets a first daemon find what is far from due.
fn furnish(site: &Site, channel: &str, count: usize) -> Vec<Ticket> {
    site.put("ladders.toml", LADDERS);
    site.configure(&format!("{LIVE}{channel}"));
    let config = std::fs::read_to_string(site.path("duban.toml")).expect("the configuration");
    site.put("duban.toml", &config.replace("every = \"1s\"", &format!("every = \"{EVERY}s\"")));
    site.put("contacts.csv", &contacts(count));
    let due_at = |at| {
        let ticket = move |number: usize| Ticket::due_at(&name(number), at).handled_by(&format!("h{number:06}"));
        (0..count).map(ticket).collect::<Vec<_>>()
    };
    site.tickets(&due_at(ahead(90_000)));
    assert_eq!(Daemon::polled(site).stop(), 0);
    // Its next poll is due when the next daemon starts.
    sleep(Duration::from_secs(EVERY));
    due_at(now())
}

/// A handler for each ticket, and an operator; each with an address for either channel.
fn contacts(count: usize) -> String {
    let handler = |number| format!("h{number:06},承办人{number},示范区住建局,,h{number}@city.test,h{number}\n");
    let handlers: String = (0..count).map(handler).collect();
    format!("id,name,unit,roles,email,im\n{handlers}ops,值班员,,operator,ops@city.test,ops\n")
}

fn fall_due(site: &Site, tickets: &[Ticket]) -> (Clock, Daemon) {
    site.tickets(tickets);
    let began = Clock::now();
    (began, Daemon::start(site))
}

fn ended(began: Clock, first: Clock, last: Clock, daemon: Daemon) -> Round {
    let (worked, memory) = (program::worked(daemon.pid()), program::memory(daemon.pid()));
    // What was answered is still written down.
    assert_eq!(daemon.stop(), 0);
    Round { took: last - began, first: first - began, worked, memory }
}
