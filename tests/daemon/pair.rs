//! Two daemons on one database, by mistake or on purpose: each thing is told once, and one may die.

use crate::proof::{PAUSE, assert_each_by_one_message, is_over, told};
use crate::support::daemon::Daemon;
use crate::support::memory::Memory;
use crate::support::patience::{ahead, holds_within};
use crate::support::postgres::Postgres;
use crate::support::sink::Sink;
use crate::support::site::{LIVE, Site, Ticket, plain_mail_to};

const COUNT: usize = 60;

/// prometheus/alertmanager#1718: several instances for safety tell everything several times.
#[test]
fn alertmanager_1718_two_daemons_on_one_database_tell_each_thing_once_also_when_one_dies() {
    let database = Postgres::shared().new_database();
    let sink = Sink::start(PAUSE);
    let ids = || (0..COUNT).map(|n| format!("h{n:04}"));
    let due = ahead(6);
    let tickets: Vec<Ticket> = ids().map(|id| Ticket::due_at(&format!("T{id}"), due).handled_by(&id)).collect();
    // Two machines with the same configuration.
    let sites = [(); 2].map(|()| {
        let site = Site::on_database(&database.url(), &database.url());
        site.configure(&format!("{LIVE}{}", plain_mail_to(sink.port)));
        site.contacts(ids());
        site.tickets(&tickets);
        site
    });
    let [first, second] = [&sites[0], &sites[1]].map(Daemon::polled);
    assert!(holds_within(30, || sink.count() > 5), "nothing is told:\n{}", first.log());
    first.kill();
    // What the dead one held goes out when it starts again.
    let again = Daemon::polled(&sites[0]);
    let memory = Memory::of(&sites[1]);
    assert!(holds_within(60, || is_over(&memory)), "something waits for ever:\n{}", second.log());
    assert_each_by_one_message(&told(&sink.taken(), "Red card"), ids());
    assert_eq!((again.stop(), second.stop()), (0, 0));
}
