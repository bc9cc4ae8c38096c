//! duban at an office where many tickets fall due at once.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant as Clock};

use crate::postfix::{CONNECTIONS, Programs};
use crate::receiver::{Receiver, name};
use crate::support::daemon::Daemon;
use crate::support::patience::{free_port, now};
use crate::support::site::{LIVE, Site, Ticket};
use crate::{Round, program};

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
    furnish(&site, &channel, count);
    let daemon = Daemon::polled(&site);
    receiver.expect(count);
    let before = program::worked(daemon.pid());
    let (began, mut releasing) = release(&site);
    let (first, last) = receiver.all();
    assert!(releasing.wait().expect("the release").success());
    ended(began, first, last, daemon, before)
}

/// The same by mail.
pub fn mail_round(programs: &Programs, count: usize) -> Round {
    let (site, port) = (Site::new(), free_port());
    let channel = format!(
        "[channels.out.smtp]\nhost = \"127.0.0.1\"\nport = {port}\nsecurity = \"none\"\nconnections = {CONNECTIONS}\n\
         from = \"督办 <duban@city.test>\"\n"
    );
    furnish(&site, &channel, count);
    let daemon = {
        let _takes_what_operators_are_told = programs.sink(port);
        Daemon::polled(&site)
    };
    let sink = programs.sink(port);
    let before = program::worked(daemon.pid());
    let (began, mut releasing) = release(&site);
    let (first, last) = sink.all(count);
    assert!(releasing.wait().expect("the release").success());
    ended(began, first, last, daemon, before)
}

/// An office whose ledger is overdue from the first poll on, so that all its messages are held.
fn furnish(site: &Site, channel: &str, count: usize) {
    site.put("ladders.toml", LADDERS);
    site.configure(&format!("{LIVE}{channel}"));
    let config = std::fs::read_to_string(site.path("duban.toml")).expect("the configuration");
    site.put("duban.toml", &config.replace("every = \"1s\"", "every = \"1h\""));
    site.put("contacts.csv", &contacts(count));
    let ticket = |number: usize| Ticket::due_at(&name(number), now()).handled_by(&format!("h{number:06}"));
    site.tickets(&(0..count).map(ticket).collect::<Vec<_>>());
}

/// Lets everything that is held go.
fn release(site: &Site) -> (Clock, Child) {
    let began = Clock::now();
    let config = site.path("duban.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_duban"));
    command.args(["deliveries", "release", "--yes", "--config"]).arg(config);
    (began, command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a release"))
}

/// A handler for each ticket, and an operator; each with an address for either channel.
fn contacts(count: usize) -> String {
    let handler = |number| format!("h{number:06},承办人{number},示范区住建局,,h{number}@city.test,h{number}\n");
    let handlers: String = (0..count).map(handler).collect();
    format!("id,name,unit,roles,email,im\n{handlers}ops,值班员,,operator,ops@city.test,ops\n")
}

fn ended(began: Clock, first: Clock, last: Clock, daemon: Daemon, before: Duration) -> Round {
    let (worked, memory) = (program::worked(daemon.pid()).saturating_sub(before), program::memory(daemon.pid()));
    // What was answered is still written down.
    assert_eq!(daemon.stop(), 0);
    Round { took: last - began, first: first - began, worked, memory }
}
