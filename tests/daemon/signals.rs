//! Stopping, reloading and starting: what a signal does, and what a start makes of files that are broken.

use std::time::Duration;

use chrono::TimeDelta;

use crate::on_both_stores;
use crate::support::daemon::{Daemon, ask};
use crate::support::letter::Letter;
use crate::support::memory::Memory;
use crate::support::patience::{ahead, free_port, holds_within};
use crate::support::sink::Sink;
use crate::support::site::{LIVE, Site, Ticket, plain_mail_to};

on_both_stores!(
    a_stop_finishes_what_is_being_sent,
    a_reload_puts_a_changed_rule_in_force_and_a_broken_one_is_refused,
    a_start_with_a_broken_rule_runs_by_the_last_good_one_and_says_so,
    a_start_with_a_broken_rule_and_no_memory_is_refused_with_the_place,
);

/// A rule with one window of so many hours to be on site.
fn visit(hours: u32) -> String {
    format!(
        "const TITLE = \"Visit\";\nfn windows(item) {{\n    [window(\"on_site\", \"{hours}h\", \
         #{{ from: item.dispatched_at, done: item.on_site_at }})]\n}}\n"
    )
}

const BROKEN: &str = "fn windows(item) {\n    [window(\"on_site\", \"2h\", #{ from: item.dispatched_at )]\n}\n";

/// Gives a site the rule `visit`, with two hours in it.
fn visiting(site: &Site) -> &Site {
    site.put("rules/visit.rhai", &visit(2));
    site.configure_rule("visit", "");
    site
}

const RED: &str = "SELECT item FROM cards WHERE level = 'red' ORDER BY item";

fn a_stop_finishes_what_is_being_sent(site: &Site) {
    let sink = Sink::start(Duration::from_millis(400));
    site.configure(&format!("{LIVE}{}", plain_mail_to(sink.port)));
    let ids = || (0..20).map(|n| format!("h{n}"));
    site.contacts(ids());
    let due_at = ahead(4);
    site.tickets(&ids().map(|id| Ticket::due_at(&format!("T{id}"), due_at).handled_by(&id)).collect::<Vec<_>>());
    let daemon = Daemon::polled(site);
    // The digest, and the first of many.
    assert!(holds_within(30, || sink.count() > 2), "{}", daemon.log());
    assert_eq!(daemon.stop(), 0);
    let memory = Memory::of(site);
    assert_eq!(memory.number("SELECT count(*) FROM deliveries WHERE state = 'sending'"), 0);
    let sent = memory.number("SELECT count(*) FROM deliveries WHERE state = 'sent'");
    assert_eq!(usize::try_from(sent).expect("few"), sink.count(), "what was taken is known as sent");
}

fn a_reload_puts_a_changed_rule_in_force_and_a_broken_one_is_refused(site: &Site) {
    let site = visiting(site);
    let dispatched = |minutes| ahead(0) - TimeDelta::minutes(minutes) + TimeDelta::hours(2);
    site.tickets(&[Ticket::due_at("T1", dispatched(90)), Ticket::due_at("T2", dispatched(150))]);
    let daemon = Daemon::polled(site);
    let memory = Memory::of(site);
    assert_eq!(memory.column(RED), ["T2"]);
    let turns_red = |expected: &[&str]| {
        assert!(holds_within(20, || memory.column(RED) == expected), "{:?}\n{}", memory.column(RED), daemon.log());
    };

    site.put("rules/visit.rhai", &visit(1));
    daemon.signal("HUP");
    turns_red(&["T1", "T2"]);
    assert_eq!(memory.number("SELECT count(DISTINCT version) FROM rule_versions"), 2);

    site.put("rules/visit.rhai", BROKEN);
    daemon.signal("HUP");
    daemon.says_within(20, "reload refused, what runs goes on: rules/visit.rhai:2:");
    daemon.polls_again(2);
    turns_red(&["T1", "T2"]);

    site.put("rules/visit.rhai", &visit(3));
    daemon.signal("HUP");
    turns_red(&[]);
    let ends = memory.column("SELECT DISTINCT change FROM transitions WHERE to_level IS NULL AND change <> 'stop'");
    assert_eq!(ends, ["revoke"], "by the rule of now the cards would never have stood");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_broken_configuration_is_refused_at_a_reload_too() {
    let site = Site::new();
    visiting(&site);
    site.tickets(&[Ticket::due_at("T1", ahead(0))]);
    let daemon = Daemon::polled(&site);
    site.put("duban.toml", "calendar = \"always.toml\"\nlanguag = \"en\"\n");
    daemon.signal("HUP");
    daemon.says_within(20, "reload refused, what runs goes on: ");
    daemon.says_within(1, "languag");
    daemon.polls_again(2);
    assert_eq!(daemon.stop(), 0);
}

fn a_start_with_a_broken_rule_runs_by_the_last_good_one_and_says_so(site: &Site) {
    let site = visiting(site);
    let web = || format!("[web]\nlisten = \"127.0.0.1:{}\"\n", free_port());
    site.configure_rule("visit", &web());
    site.tickets(&[Ticket::due_at("T1", ahead(0))]);
    assert_eq!(Daemon::polled(site).stop(), 0);

    site.put("rules/visit.rhai", BROKEN);
    let port = free_port();
    site.configure_rule("visit", &format!("[web]\nlisten = \"127.0.0.1:{port}\"\n"));
    let daemon = Daemon::start(site);
    daemon.says_within(20, "the last good one runs: rules/visit.rhai:2:");
    daemon.polls_again(1);
    site.tickets(&[Ticket::due_at("T1", ahead(0)), Ticket::due_at("T2", ahead(-60))]);
    let memory = Memory::of(site);
    assert!(holds_within(20, || memory.column(RED) == ["T1", "T2"]), "{}", daemon.log());
    let page = ask(port, "GET", "/").1;
    assert!(page.contains("T2") && page.contains("do not load"), "{page}");
    let (head, why) = ask(port, "GET", "/readyz");
    assert!(head.starts_with("HTTP/1.1 503 ") && why.starts_with("playbook: rules/visit.rhai"), "{head} {why}");
    let told = |letter: &Letter| letter.parts[0].body.contains("The files do not load, the last good ones run");
    assert!(holds_within(20, || site.mails("rehearsal").iter().any(told)), "{}", daemon.log());

    // Mended and reloaded, all is well again, and the page knows it.
    site.put("rules/visit.rhai", &visit(2));
    daemon.signal("HUP");
    let is_ready = || ask(port, "GET", "/readyz").0.starts_with("HTTP/1.1 200 ");
    assert!(holds_within(20, is_ready), "{}", daemon.log());
    assert!(!ask(port, "GET", "/").1.contains("do not load"));
    assert_eq!(daemon.stop(), 0);
}

fn a_start_with_a_broken_rule_and_no_memory_is_refused_with_the_place(site: &Site) {
    let site = visiting(site);
    site.put("rules/visit.rhai", BROKEN);
    let mut daemon = Daemon::start(site);
    assert_eq!(daemon.ends_within(20), 78);
    daemon.says_within(0, "rules/visit.rhai:2:");
}

#[test]
fn a_start_with_a_broken_configuration_is_refused_with_the_place() {
    for (text, says) in [
        ("calendar = \"always.toml\"\nlanguag = \"en\"\n", "unknown field `languag`"),
        ("calendar = \"always.toml\"\n[notify\n", "line 2"),
        ("calendar = \"always.toml\"\n[notify]\nmode = \"test\"\n", "unknown variant `test`"),
    ] {
        let site = Site::new();
        // Also where there is a memory: this file is not part of it.
        site.put("duban.toml", text);
        let mut daemon = Daemon::start(&site);
        assert_eq!(daemon.ends_within(20), 78, "{text}");
        daemon.says_within(0, says);
        daemon.says_within(0, "duban.toml: ");
    }
}

#[test]
fn a_second_daemon_on_the_same_memory_is_refused() {
    let site = Site::new();
    visiting(&site);
    site.tickets(&[Ticket::due_at("T1", ahead(0))]);
    let first = Daemon::polled(&site);
    let mut second = Daemon::start(&site);
    assert_eq!(second.ends_within(20), 70);
    second.says_within(0, "another duban has ");
    first.polls_again(1);
    assert_eq!(first.stop(), 0);
}
