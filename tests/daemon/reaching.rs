//! How a daemon reaches the server of its memory: by a socket, through a pooler, with TLS and a password; and whom it does
//! not trust.

use crate::support::authority::Authority;
use crate::support::daemon::Daemon;
use crate::support::memory::Memory;
use crate::support::patience::{ahead, free_port, holds_within, now};
use crate::support::postgres::{Database, PASSWORD, Postgres};
use crate::support::site::{Site, Ticket, UNPACED};

/// What a daemon has to be able to do wherever its memory is.
fn works(site: &Site) {
    site.configure(UNPACED);
    let old = Ticket::due_at("T1", ahead(-60));
    site.tickets(std::slice::from_ref(&old));
    let daemon = Daemon::polled(site);
    daemon.mails_in(site, "rehearsal", 1);
    let tickets = [old, Ticket::due_at("T2", ahead(-30))];
    site.tickets(&tickets);
    daemon.mails_in(site, "rehearsal", 3);
    site.tickets(&tickets.map(|ticket| ticket.on_site(now())));
    daemon.mails_in(site, "rehearsal", 5);
    let settled = || Memory::of(site).number("SELECT count(*) FROM deliveries WHERE state <> 'sent'") == 0;
    assert!(holds_within(20, settled), "{}", daemon.log());
    assert_eq!(daemon.stop(), 0);
    assert_eq!(Memory::of(site).column("SELECT item FROM cards WHERE level IS NOT NULL"), Vec::<String>::new());
    // A second one takes up what the first one left.
    let second = Daemon::polled(site);
    second.polls_again(1);
    assert_eq!(second.stop(), 0);
    assert_eq!(site.mails("rehearsal").len(), 5);
}

fn table(url: &str, more: &str) -> String {
    format!("[store.postgres]\nurl = \"{url}\"\n{more}\n")
}

/// A site for the role that needs a password, which trusts an authority.
fn guarded(database: &Database, url: &str, more: &str, password: &str, trusted: &Authority) -> Site {
    let more = format!("password = {{ file = \"password\" }}\n{more}");
    let site = Site::storing(&table(&Database::guarded(url), &more), &database.superuser_url());
    site.secret("password", password);
    trusted.file_in(site.folder());
    site
}

/// A daemon does not start there, and says why.
#[track_caller]
fn is_refused(site: &Site, why: &str) {
    let mut daemon = Daemon::start(site);
    assert_eq!(daemon.ends_within(30), 70, "{why}:\n{}", daemon.log());
    daemon.says_within(0, why);
    assert!(!daemon.log().contains(PASSWORD), "{}", daemon.log());
}

#[test]
fn by_a_socket_without_tls() {
    let database = Postgres::shared().new_database();
    works(&Site::storing(&table(&database.socket_url(), ""), &database.url()));
}

#[test]
fn through_a_pooler_that_gives_a_connection_for_a_transaction_only() {
    let database = Postgres::shared().new_database();
    works(&Site::on_database(&database.pooled_url(), &database.url()));
}

#[test]
fn with_tls_and_a_password_and_from_nobody_who_only_looks_so() {
    const CA: &str = "ca_file = \"ca.pem\"";
    let (good, other) = (Authority::for_names(&["localhost"]), Authority::for_names(&["localhost"]));
    let postgres = Postgres::start_with(&good);
    let database = postgres.new_database();
    let (named, numbered) = (database.named_url(), database.url());
    let site =
        |url: &str, more: &str, password: &str, trusted: &Authority| guarded(&database, url, more, password, trusted);
    works(&site(&named, CA, PASSWORD, &good));

    is_refused(&site(&numbered, CA, PASSWORD, &good), "certificate not valid for name \"127.0.0.1\"");
    is_refused(&site(&named, CA, PASSWORD, &other), "invalid peer certificate: BadSignature");
    is_refused(&site(&named, "", PASSWORD, &good), "invalid peer certificate: UnknownIssuer");
    is_refused(&site(&named, CA, "correct horse", &good), "password authentication failed");
    is_refused(&site(&named, "tls = \"off\"", PASSWORD, &good), "no encryption");

    let old = Authority::long_ago_for_names(&["localhost"]);
    postgres.start_again_with(&old);
    is_refused(&site(&named, CA, PASSWORD, &old), "certificate expired");
    let fresh = postgres.new_database();
    works(&guarded(&fresh, &fresh.url(), "tls = \"encrypt-only\"", PASSWORD, &good));
}

#[test]
fn not_in_the_clear_and_not_where_nobody_listens() {
    let database = Postgres::shared().new_database();
    is_refused(&Site::storing(&table(&database.named_url(), ""), &database.url()), "TLS");
    let nobody = database.url_through(free_port());
    is_refused(&Site::on_database(&nobody, &database.url()), "refused");
}
