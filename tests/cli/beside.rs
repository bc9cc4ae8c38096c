//! What operators do beside a running daemon: sign, silence, go live, release.

use crate::support::command::Run;
use crate::support::daemon::Daemon;
use crate::support::memory::Memory;
use crate::support::patience::{ahead, holds_within};
use crate::support::site::{Site, Ticket};

use super::desk::duban_at;

const LADDERS: &str = r#"
[handlers]
[[handlers.steps]]
roles = ["handler", "unit_contact"]
yellow = ["mail"]
red = ["mail"]
[[handlers.steps]]
roles = ["operator"]
red = ["mail"]
after = "1wd"
[command-centre]
[[command-centre.steps]]
roles = ["unit_contact"]
[three-level]
[[three-level.steps]]
roles = ["unit_contact"]
[operators]
[[operators.steps]]
roles = ["operator"]
red = ["mail"]
"#;

fn run(site: &Site, arguments: &[&str]) -> Run {
    duban_at(site.folder(), "en", arguments)
}

/// A command that ends well, and what it says to people.
#[track_caller]
pub fn done(site: &Site, arguments: &[&str], says: &str) -> Run {
    let run = run(site, arguments);
    assert_eq!(run.status, 0, "{arguments:?}: {run:?}");
    assert!(run.stderr.contains(says), "{says:?}: {run:?}");
    run
}

/// A command that is refused, in both languages.
#[track_caller]
pub fn refused(site: &Site, arguments: &[&str], status: i32, says: &str) {
    let english = run(site, arguments);
    assert_eq!(english.status, status, "{arguments:?}: {english:?}");
    assert!(english.stderr.contains(says), "{says:?}: {english:?}");
    let chinese = duban_at(site.folder(), "zh-CN", arguments);
    let is_chinese = chinese.stderr.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    assert!(chinese.status == status && is_chinese, "{chinese:?}");
}

/// What was done and by whom, as the audit trail has it, which must hold.
#[track_caller]
fn acts(site: &Site) -> Vec<String> {
    done(site, &["audit", "verify"], "the trail holds");
    let rows = done(site, &["audit", "list", "--format", "csv"], "").rows();
    rows.iter().map(|row| format!("{} {}", row["what"], row["by"])).collect()
}

/// The subjects of the mails in a folder of the site that hold a text.
pub fn subjects(site: &Site, folder: &str, text: &str) -> usize {
    let mails = site.mails(folder);
    mails.iter().filter(|mail| mail.get("Subject").is_some_and(|subject| subject.contains(text))).count()
}

/// A site in rehearsal with a card that stood before, and one that was told.
pub fn rehearsing() -> (Site, Daemon) {
    let site = Site::new();
    site.put("ladders.toml", LADDERS);
    site.configure("[notify]\nmode = \"rehearsal\" # until the office says otherwise\npace = \"\"\n");
    let old = Ticket::due_at("A-1", ahead(-60));
    site.tickets(std::slice::from_ref(&old));
    let daemon = Daemon::polled(&site);
    daemon.mails_in(&site, "rehearsal", 1);
    site.tickets(&[old, Ticket::due_at("A-2", ahead(-30))]);
    daemon.mails_in(&site, "rehearsal", 3);
    let settled = || Memory::of(&site).number("SELECT count(*) FROM deliveries WHERE state <> 'sent'") == 0;
    assert!(holds_within(20, settled), "{}", daemon.log());
    (site, daemon)
}

#[test]
fn a_card_is_signed_for_once_and_every_mistake_is_named() {
    let (site, daemon) = rehearsing();
    refused(&site, &["ack", "A-9", "--by", "ops"], 1, "no open card's id begins with \"A-9\"");
    refused(&site, &["ack", "A-2", "--by", "somebody"], 2, "--by: expected the id of a contact of contacts.csv");
    refused(&site, &["ack", "A-2", "--for", "h9", "--by", "ops"], 2, "--for: expected the id of a contact");
    refused(&site, &["ack", "A-2", "--for", "h1", "--by", " "], 2, "--by: expected some text");
    refused(&site, &["ack", "A-2/solved", "--for", "h1", "--by", "ops"], 1, "has no open card to sign for");
    refused(&site, &["ack", "tickets/A-2", "--by", "ops", "--via", "pigeon"], 2, "--via");
    let first =
        done(&site, &["ack", "tickets/A-2/2110/on_site", "--for", "h1", "--by", "值班员"], "signed: tickets/A-2");
    assert!(first.stderr.contains("承办人h1, step 1") && !first.stderr.contains("never told"), "{first:?}");
    let card = Memory::of(&site).column("SELECT card FROM acknowledgements").pop().expect("a card");
    done(&site, &["ack", &card[..8], "--for", "h1", "--by", "ops"], "already signed by 承办人h1 at ");
    let other = done(&site, &["ack", &card[..8], "--by", "ops"], "already signed by 承办人h1 at ");
    assert!(
        other.stderr.contains("this one is kept too") && other.stderr.contains("值班员 was never told"),
        "{other:?}"
    );
    assert_eq!(Memory::of(&site).number("SELECT count(*) FROM acknowledgements"), 2);
    let explained = done(&site, &["explain", "A-2"], "").stdout;
    assert!(explained.contains("signed  h1  ") && explained.contains("phone, written down by 值班员"), "{explained}");
    assert!(explained.contains("as unit_contact"), "{explained}");
    assert_eq!(acts(&site), ["playbook.put start", "ack.sign 值班员", "ack.sign ops"], "the second one of h1 is none");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_silence_holds_and_its_early_end_lets_go() {
    let (site, daemon) = rehearsing();
    let add = |more: &[&'static str]| [&["silence", "add"][..], more].concat();
    let signed = ["--by", "ops", "--comment", "工地停电"];
    for (more, says) in [
        (&["unit", "--for", "2h"][..], "KEY=PATTERN: expected key=pattern such as unit=住建局, got \"unit\""),
        (&["team=x", "--for", "2h"], "got \"team\": no item has it"),
        (&["id=A-3", "--for", "soon"], "--for: limit \"soon\""),
        (&["id=A-3", "--for", "40d"], "--for: expected at most 30 days"),
        (&["id=A-3", "--until", "noon"], "--until: expected an instant"),
        (&["id=A-3", "--until", "2020-01-01"], "--until: expected an end after the start and after now"),
        (&["id=A-3", "--for", "2h", "--until", "2199-01-01"], "--until"),
        (&["id=A-3"], "--for"),
    ] {
        refused(&site, &[&add(more)[..], &signed].concat(), 2, says);
    }
    refused(
        &site,
        &add(&["id=A-3", "--for", "2h", "--by", "ops", "--comment", " "]),
        2,
        "--comment: expected some text",
    );
    assert_eq!(run(&site, &["silence", "list", "--format", "csv"]).rows().len(), 0);

    let all =
        done(&site, &[&add(&["id=A-*", "id=!A-9", "--for", "2h"])[..], &signed, &["--format", "csv"]].concat(), "");
    let row = &all.rows()[0];
    assert_eq!([&row["red"], &row["people"], &row["matcher"]], ["2", "h1 ops u1", "id=A-* id=!A-9"], "{all:?}");
    assert!(all.stderr.starts_with("2 cards that are open now are meant\nthe silence "), "{all:?}");
    site.tickets(&[
        Ticket::due_at("A-1", ahead(-60)),
        Ticket::due_at("A-2", ahead(-30)),
        Ticket::due_at("A-3", ahead(-10)),
    ]);
    let held = || Memory::of(&site).number("SELECT count(*) FROM notices WHERE item = 'A-3' AND state = 'held'") == 2;
    assert!(holds_within(20, held), "{}", daemon.log());
    let explained = done(&site, &["explain", "A-3"], "").stdout;
    assert!(explained.contains(&format!("the silence {} holds it", row["id"])), "{explained}");
    assert!(explained.contains("silence  ") && explained.contains("ops  工地停电"), "{explained}");

    let active = done(&site, &["silence", "list", "--format", "csv"], "").rows();
    assert_eq!((active.len(), &*active[0]["state"]), (1, "active"));
    refused(&site, &["silence", "expire", "zz", "--by", "ops"], 1, "no silence's id begins with \"zz\"");
    done(&site, &["silence", "expire", &row["id"][..8], "--by", "ops"], "is over; the running daemon");
    daemon.mails_in(&site, "rehearsal", 5);
    refused(&site, &["silence", "expire", &row["id"], "--by", "ops"], 1, "was ended at ");
    assert_eq!(run(&site, &["silence", "list", "--format", "csv"]).rows().len(), 0);
    let lifted = run(&site, &["silence", "list", "--all", "--format", "csv"]).rows();
    assert_eq!([&*lifted[0]["state"], &lifted[0]["ended_by"]], ["lifted", "ops"]);
    assert_eq!(acts(&site), ["playbook.put start", "silence.add ops", "silence.expire ops"]);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn going_live_changes_one_word_and_operators_hear_of_it_once() {
    let (site, daemon) = rehearsing();
    let before = std::fs::read_to_string(site.path("duban.toml")).expect("a configuration");
    let shown = done(&site, &["ctl", "go-live"], "nothing was changed; add --yes");
    assert!(shown.stderr.starts_with("open cards: 2 red, 0 yellow"), "{shown:?}");
    assert!(shown.stderr.contains("extrapolated to 7 days"), "{shown:?}");
    assert!(shown.stderr.contains("the channel mail writes into a folder"), "{shown:?}");
    assert!(shown.stderr.contains("warning: ladders.toml: three-level: step 1 has no channel"), "{shown:?}");
    let per_week: Vec<Vec<&str>> = shown.stdout.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(per_week[0], ["h1", "承办人h1", "mail", "1", "7"], "{shown:?}");
    assert_eq!(std::fs::read_to_string(site.path("duban.toml")).expect("a configuration"), before);

    done(&site, &["ctl", "go-live", "--yes", "--by", "示例李科"], "systemctl reload duban");
    let after = std::fs::read_to_string(site.path("duban.toml")).expect("a configuration");
    assert_eq!(after, before.replace("\"rehearsal\"", "\"live\""));
    assert_eq!(std::fs::read_to_string(site.path("duban.toml.before-go-live")).expect("a backup"), before);
    done(&site, &["ctl", "go-live", "--yes"], "says mode = \"live\" already");

    daemon.signal("HUP");
    let told = || subjects(&site, "mail", "Live: 2 cards open, 4 messages held") == 1;
    assert!(holds_within(20, told), "{:?}\n{}", site.mails("mail").len(), daemon.log());
    assert_eq!(site.mails("mail").len(), 1, "nobody else is told");
    refused(&site, &["deliveries", "release", "--to", "h9"], 2, "--to: expected the id of a contact");
    let to_h1 = done(&site, &["deliveries", "release", "--to", "h1"], "nothing was released");
    assert!(to_h1.stdout.contains("h1       mail     2") && !to_h1.stdout.contains("u1"), "{to_h1:?}");
    done(&site, &["deliveries", "release", "--to", "h1", "--yes"], "2 released");
    daemon.mails_in(&site, "mail", 2);
    // A reload and a start tell nothing again.
    daemon.signal("HUP");
    daemon.polls_again(2);
    assert_eq!(daemon.stop(), 0);
    let again = Daemon::polled(&site);
    again.polls_again(1);
    assert_eq!(again.stop(), 0);
    assert_eq!(subjects(&site, "mail", "Live: "), 1);
    assert_eq!(site.mails("mail").len(), 2, "h1 has one mail for two cards");
    let expected = ["playbook.put start", "notify.go_live 示例李科", "playbook.put reload", "baseline.release ?"];
    assert_eq!(acts(&site), expected, "the same playbook again is nothing new");
}

#[test]
fn a_refused_address_is_seen_and_forgiven() {
    let site = Site::new();
    site.tickets(&[Ticket::due_at("A-1", ahead(3_000_000))]);
    let daemon = Daemon::polled(&site);
    assert_eq!(daemon.stop(), 0);
    let refuse = "INSERT INTO bad_addresses (contact, channel, address, at, reason) \
                  VALUES ('h1', 'mail', 'h1@city.test', 1772416800000000, '550 no such user') RETURNING contact";
    Memory::of(&site).column(refuse);
    let listed = done(&site, &["deliveries", "addresses"], "").stdout;
    assert!(listed.contains("h1       mail     h1@city.test  2026-03-02 10:00"), "{listed}");
    refused(&site, &["deliveries", "addresses", "--forgive", "h1"], 2, "expected CONTACT/CHANNEL");
    refused(&site, &["deliveries", "addresses", "--forgive", "h2/mail"], 1, "no address of h2 was refused");
    done(&site, &["deliveries", "addresses", "--forgive", "h1/mail"], "goes to h1 by mail again");
    assert_eq!(run(&site, &["deliveries", "addresses", "--format", "csv"]).rows().len(), 0);
    assert_eq!(acts(&site), ["playbook.put start", "address.forgive ?"]);
}

#[test]
fn a_mode_that_stands_nowhere_is_not_written() {
    let site = Site::new();
    done(&site, &["migrate"], "");
    let before = std::fs::read_to_string(site.path("duban.toml")).expect("a configuration");
    refused(&site, &["ctl", "go-live", "--yes"], 1, "expected mode = \"rehearsal\" under [notify], found no such line");
    assert_eq!(std::fs::read_to_string(site.path("duban.toml")).expect("a configuration"), before);
    assert!(!site.path("duban.toml.before-go-live").exists());
}
