//! An SMS gateway that knows no repeats: what was under way when the daemon died is not sent again by itself.

use std::io::Read as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::daemon::Daemon;
use crate::support::memory::Memory;
use crate::support::patience::{ahead, holds_within};
use crate::support::site::{LIVE, Site, Ticket};
use crate::{machine, on_both_stores};

on_both_stores!(a_short_message_under_way_at_a_sudden_end_is_unknown_and_not_sent_twice,);

const CONTACTS: &str = "id,name,unit,roles,mobile\n\
    h1,承办人,示范区住建局,,13900000001\n\
    u1,联络员,示范区住建局,unit_contact,13900000002\n";

/// A gateway that takes requests and never answers.
fn silent() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("port");
    let port = listener.local_addr().expect("address").port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        for mut peer in listener.incoming().flatten() {
            let count = count.clone();
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                if peer.read(&mut bytes).is_ok_and(|length| length > 0) {
                    count.fetch_add(1, Ordering::SeqCst);
                }
                // Until the other side goes away.
                while peer.read(&mut bytes).is_ok_and(|length| length > 0) {}
            });
        }
    });
    (port, asked)
}

fn a_short_message_under_way_at_a_sudden_end_is_unknown_and_not_sent_twice(site: &Site) {
    let _alone = machine();
    let (port, asked) = silent();
    site.put("contacts.csv", CONTACTS);
    site.configure(&format!(
        "{LIVE}[channels.sms.webhook]\nurl = \"http://127.0.0.1:{port}/send\"\nmedium = \"sms\"\ntimeout = 60\n\
         allow_networks = [\"127.0.0.1\"]\n"
    ));
    site.tickets(&[]);
    let due_at = ahead(5);
    site.tickets(&[Ticket::due_at("T0", ahead(90_000)), Ticket::due_at("T1", due_at)]);
    let daemon = Daemon::polled(site);
    assert!(holds_within(30, || asked.load(Ordering::SeqCst) == 2), "the handler's and the unit's are under way");
    daemon.kill();

    let daemon = Daemon::start(site);
    let unknown = "SELECT count(*) FROM deliveries WHERE state = 'unknown'";
    assert!(holds_within(30, || Memory::left_by(site).number(unknown) == 2), "{}", daemon.log());
    assert_eq!(asked.load(Ordering::SeqCst), 2, "nothing was asked again");
    assert_eq!(daemon.stop(), 0);
}
