//! What the service manager hears (`sd_notify(3)`): ready, alive, reloading, ready again, stopping.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::on_both_stores;
use crate::support::daemon::Daemon;
use crate::support::patience::{ahead, holds_within};
use crate::support::site::{Site, Ticket};

on_both_stores!(the_service_manager_hears_of_every_change_and_that_the_daemon_lives,);

/// The service manager's end of the socket, and all it heard.
struct Manager {
    socket: UnixDatagram,
    heard: Vec<String>,
}

impl Manager {
    fn of(site: &Site) -> Self {
        let socket = UnixDatagram::bind(site.path("notify")).expect("socket");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("timeout");
        Self { socket, heard: Vec::new() }
    }

    /// Waits for a message that begins so, after those that were waited for before; the watchdog's are not counted.
    #[track_caller]
    fn hears(&mut self, start: &str) -> String {
        let mut buffer = [0; 4096];
        let mut found = None;
        holds_within(20, || {
            if let Ok(length) = self.socket.recv(&mut buffer) {
                self.heard.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
                found = self.heard.last().filter(|said| said.starts_with(start)).cloned();
            }
            found.is_some()
        });
        found.unwrap_or_else(|| panic!("not heard: {start}, but {:#?}", self.heard))
    }
}

fn the_service_manager_hears_of_every_change_and_that_the_daemon_lives(site: &Site) {
    site.tickets(&[Ticket::due_at("T1", ahead(-60))]);
    let mut manager = Manager::of(site);
    let socket = site.path("notify");
    let environment = [("NOTIFY_SOCKET", socket.to_str().expect("UTF-8")), ("WATCHDOG_USEC", "600000")];
    let daemon = Daemon::start_with(site, &environment);

    manager.hears("READY=1\nSTATUS=playbook ");
    for _ in 0..3 {
        manager.hears("WATCHDOG=1");
    }
    site.contacts(["h1", "h2", "h3"].map(str::to_owned));
    daemon.signal("HUP");
    assert!(manager.hears("RELOADING=1").contains("MONOTONIC_USEC="));
    manager.hears("READY=1\nSTATUS=playbook ");

    site.put("contacts.csv", "id,name\nh1,\n");
    daemon.signal("HUP");
    manager.hears("RELOADING=1");
    manager.hears("READY=1\nSTATUS=reload refused");
    manager.hears("WATCHDOG=1");

    daemon.signal("TERM");
    manager.hears("STOPPING=1");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_daemon_that_cannot_start_is_never_ready() {
    let site = Site::new();
    site.put("rules/2110.rhai", "fn windows(item) {");
    let manager = Manager::of(&site);
    let socket = site.path("notify");
    let mut daemon = Daemon::start_with(&site, &[("NOTIFY_SOCKET", socket.to_str().expect("UTF-8"))]);
    assert_eq!(daemon.ends_within(20), 78);
    assert!(manager.socket.recv(&mut [0; 64]).is_err(), "nothing was said");
}
