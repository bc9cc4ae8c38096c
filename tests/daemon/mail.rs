//! A ticket falls due while the daemon runs, and those who answer for it have a mail.

use chrono::{DateTime, TimeDelta};

use crate::support::daemon::Daemon;
use crate::support::exim::Exim;
use crate::support::letter::Letter;
use crate::support::memory::Memory;
use crate::support::patience::{ahead, now};
use crate::support::site::{LIVE, Site, Ticket, UNPACED};
use crate::{machine, on_both_stores};

on_both_stores!(
    what_falls_due_is_in_the_mailbox_within_two_seconds_and_its_end_is_told_in_the_same_thread,
    as_shipped_nothing_leaves_and_all_messages_lie_in_the_rehearsals_folder,
);

/// The mails to one receiver.
fn to<'a>(letters: &'a [Letter], id: &str) -> Vec<&'a Letter> {
    let address = format!("<{id}@city.test>");
    letters.iter().filter(|letter| letter.get("To").is_some_and(|to| to.ends_with(&address))).collect()
}

fn only<'a>(letters: &'a [Letter], id: &str) -> &'a Letter {
    let found = to(letters, id);
    assert_eq!(found.len(), 1, "{id}: {letters:#?}");
    found[0]
}

fn what_falls_due_is_in_the_mailbox_within_two_seconds_and_its_end_is_told_in_the_same_thread(site: &Site) {
    let _alone = machine();
    let exim = Exim::start();
    site.configure(&format!("{LIVE}{}", site.mail_by(&exim)));
    let due_at = ahead(6);
    let old = Ticket::due_at("T1", due_at - TimeDelta::hours(1)).handled_by("h2");
    let new = Ticket::due_at("T2", due_at);
    site.tickets(&[old.clone(), new.clone()]);
    let daemon = Daemon::polled(site);

    // What the first poll finds is told to nobody but, as a digest, to operators.
    let digest = exim.only_letter();
    assert_eq!(digest.get("Subject"), Some("[Digest] First poll of the source tickets"));
    assert!(digest.get("To").is_some_and(|to| to.ends_with("<ops@city.test>")));
    assert!(now() < due_at, "the machine is too slow to measure anything");

    // What falls due is told, at once.
    let arrivals = exim.arrivals(3);
    let letters: Vec<Letter> = arrivals.iter().map(|(_, letter)| letter.clone()).collect();
    for id in ["h1", "u1"] {
        let subject = only(&letters, id).get("Subject").expect("subject");
        assert!(subject.starts_with("[Red card] T2 ") && subject.contains(" overdue "), "{subject}");
        assert!(!subject.contains("T1"), "{subject}");
    }
    for (arrived_at, letter) in arrivals.iter().filter(|(_, letter)| letter.get("To") != digest.get("To")) {
        let sealed_at = DateTime::parse_from_rfc2822(letter.get("Date").expect("date")).expect("date");
        let (sealing, arrival) = (sealed_at.to_utc() - due_at, *arrived_at - due_at);
        println!("arrived {} ms after the instant", arrival.num_milliseconds());
        assert!((0..2).contains(&sealing.num_seconds()), "{sealing}");
        assert!((TimeDelta::zero()..TimeDelta::seconds(2)).contains(&arrival), "{arrival}");
    }

    // Nothing new, nothing more.
    daemon.polls_again(2);
    assert_eq!(exim.arrived(), 3);

    // The end is told to those who were told, and nobody else.
    let on_site_at = now();
    site.tickets(&[old.on_site(on_site_at), new.on_site(on_site_at)]);
    let after = exim.inbox(5);
    daemon.polls_again(2);
    assert_eq!(exim.arrived(), 5);
    for id in ["h1", "u1"] {
        let said = to(&after, id);
        assert_eq!(said.len(), 2, "{after:#?}");
        let raised = only(&letters, id).get("Message-ID");
        let ended = said.iter().find(|letter| letter.get("Message-ID") != raised).expect("another mail");
        assert_eq!(ended.get("In-Reply-To"), raised, "{ended:#?}");
        assert!(ended.get("Subject").is_some_and(|subject| subject.contains("T2")), "{ended:#?}");
    }
    assert_eq!(daemon.stop(), 0);
    assert_eq!(Memory::of(site).number("SELECT count(*) FROM deliveries WHERE state <> 'sent'"), 0);
}

fn as_shipped_nothing_leaves_and_all_messages_lie_in_the_rehearsals_folder(site: &Site) {
    let exim = Exim::start();
    site.configure(&format!("{UNPACED}{}", site.mail_by(&exim)));
    let ticket = Ticket::due_at("T1", ahead(4));
    site.tickets(std::slice::from_ref(&ticket));
    let daemon = Daemon::polled(site);
    daemon.mails_in(site, "rehearsal", 3);
    site.tickets(&[ticket.on_site(now())]);
    daemon.mails_in(site, "rehearsal", 5);
    assert_eq!(daemon.stop(), 0);

    let letters = site.mails("rehearsal");
    assert_eq!(letters.len(), 5, "{letters:#?}");
    for letter in &letters {
        assert!(letter.get("To").is_some_and(|to| to.ends_with("<rehearsal@localhost>")), "{letter:#?}");
    }
    let about = |name: &str| {
        let of_name = |l: &&Letter| l.get("Subject").is_some_and(|s| s.contains("[Rehearsal") && s.contains(name));
        letters.iter().filter(of_name).count()
    };
    assert_eq!((about("承办人h1"), about("联络员"), about("值班员")), (2, 2, 1), "{letters:#?}");
    assert_eq!(exim.arrived(), 0);
    assert!(!exim.log("main").contains("<="), "{}", exim.log("main"));
}
