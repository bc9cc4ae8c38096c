//! What is due is told, whatever dies, hangs, throws or is misspelt; and what stands still is not taken for health.

use super::{VISIT, ladder};
use crate::places::dies_at;
use crate::support::daemon::Daemon;
use crate::support::memory::Memory;
use crate::support::patience::{ahead, holds_within, now};
use crate::support::post::Mood;
use crate::support::site::{LIVE, Site, Ticket};
use crate::support::stage::{SMS, Stage, at, dispatched, office};

/// A site with a daemon that has told everybody of `T1`, and the tickets of its source.
fn told() -> (Site, Daemon, [Ticket; 2]) {
    let site = Site::new();
    site.configure(LIVE);
    let far = Ticket::due_at("T0", ahead(90_000));
    site.tickets(std::slice::from_ref(&far));
    let daemon = Daemon::polled(&site);
    let tickets = [far, Ticket::due_at("T1", now())];
    site.tickets(&tickets);
    daemon.mails_in(&site, "mail", 3);
    (site, daemon, tickets)
}

/// The subjects of the mails that begin so.
fn subjects(site: &Site, beginning: &str) -> Vec<String> {
    let subject = |letter: &crate::support::letter::Letter| letter.get("Subject").unwrap_or_default().to_owned();
    site.mails("mail").iter().map(subject).filter(|subject| subject.starts_with(beginning)).collect()
}

/// prometheus/alertmanager#2370: alerts are held in memory, so after a restart their end is never told.
#[test]
fn alertmanager_2370_a_restart_forgets_no_card_and_its_recovery_is_told() {
    let (site, daemon, [far, ticket]) = told();
    daemon.kill();
    site.tickets(&[far, ticket.on_site(now())]);
    let daemon = Daemon::polled(&site);
    daemon.mails_in(&site, "mail", 5);
    daemon.polls_again(1);
    assert_eq!(subjects(&site, "[Red card] T1").len(), 2, "the card is not told again");
    assert_eq!(subjects(&site, "[Cleared] T1").len(), 2, "its end is, to both");
    assert_eq!(daemon.stop(), 0);
}

/// grafana/grafana#68162: a recovery that was noticed just before a restart is never sent.
#[test]
fn grafana_68162_a_recovery_noticed_just_before_the_end_is_told_after_it() {
    let mut stage = Stage::open_at(office(&[("visit", VISIT)], ""), "2026-03-02 09:00");
    let ticket = dispatched("T1", "2026-03-02 09:00");
    stage.source(std::slice::from_ref(&ticket));
    stage.until("2026-03-02 11:30");
    stage.tells("h1", &["03-02 11:00 [Red card] T1"]);
    stage.write(&[ticket.on_site(stage.now())]);
    stage.notice();
    stage.die();
    stage.tells_nobody();
    stage.until("2026-03-02 11:40");
    stage.start();
    stage.tells("h1", &["03-02 11:40 [Cleared] T1"]);
}

/// healthchecks/healthchecks#212: what is to be sent is marked as done before it is sent, so a death while sending loses it
/// without a trace.
#[test]
fn healthchecks_212_a_death_while_sending_is_said_again_and_not_lost() {
    let site = Site::new();
    site.configure(LIVE);
    let far = Ticket::due_at("T0", ahead(90_000));
    site.tickets(std::slice::from_ref(&far));
    assert_eq!(Daemon::polled(&site).stop(), 0);
    site.tickets(&[far, Ticket::due_at("T1", now())]);
    dies_at(&site, "send.before", 0);
    assert_eq!(subjects(&site, "[Red card] T1").len(), 0);
    let daemon = Daemon::polled(&site);
    daemon.mails_in(&site, "mail", 3);
    let died = "SELECT count(*) FROM attempts WHERE outcome = 'lease_lost'";
    assert!(Memory::of(&site).number(died) > 0, "and the try that was cut off is on record");
    assert_eq!(subjects(&site, "[Red card] T1").len(), 2);
    assert_eq!(daemon.stop(), 0);
}

/// keephq/keep#6531: one interval that never ended stopped everything; 77 alerts came in, and none was acted on.
#[test]
fn keep_6531_a_query_that_never_ends_stops_nothing_else() {
    let site = Site::new();
    let endless = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT count(*) AS id FROM n";
    site.configure(&format!(
        "{LIVE}[source.stuck]\nevery = \"1s\"\nkind = \"ticket\"\nid = \"id\"\ntimezone = \"Asia/Shanghai\"\n\
         [source.stuck.sqlite]\npath = \"stuck.db\"\nquery = \"{endless}\"\ntimeout = \"1m\"\n\
         [source.stuck.fields]\ntitle = \"id\"\n"
    ));
    site.put("stuck.db", "");
    let far = Ticket::due_at("T0", ahead(90_000));
    site.tickets(std::slice::from_ref(&far));
    let daemon = Daemon::polled(&site);
    site.tickets(&[far, Ticket::due_at("T1", now())]);
    assert!(holds_within(30, || subjects(&site, "[Red card] T1").len() == 2), "{}", daemon.log());
    assert_eq!(daemon.times("source=stuck"), 0, "it is stuck still:\n{}", daemon.log());
    daemon.kill();
}

const TWO_STEPS: &str = r#"
[[handlers.steps]]
roles = ["handler"]
red = ["mail"]
[[handlers.steps]]
roles = ["unit_contact"]
red = ["mail"]
after = "4wh"
"#;

/// grafana-cold-storage/oncall#1206: an escalation that paused for the night never went on; a restart is suspected.
#[test]
fn oncall_1206_a_ladder_that_waits_over_the_night_goes_on_after_a_restart() {
    let site = office(&[("visit", VISIT)], "");
    site.put("ladders.toml", &ladder(TWO_STEPS));
    let mut stage = Stage::open_at(site, "2026-03-02 09:00");
    stage.source(&[dispatched("T1", "2026-03-02 14:00")]);
    stage.until("2026-03-02 20:00");
    stage.tells("h1", &["03-02 16:00 [Red card] T1"]);
    stage.die();
    stage.until("2026-03-02 23:00");
    stage.start();
    // An hour and a half of the four on Monday, the rest on Tuesday.
    stage.until("2026-03-03 17:00");
    stage.tells("u1", &["03-03 11:30 [Red card] T1"]);
    stage.tells_nobody();
}

/// YelpArchive/elastalert#1892: the data could not be reached, no alert came for a day, and all seemed well.
#[test]
fn elastalert_1892_a_source_out_of_reach_is_said_and_the_clocks_run_on() {
    let mut stage = Stage::open_at(office(&[("visit", VISIT)], ""), "2026-03-02 09:00");
    let ticket = dispatched("T1", "2026-03-02 14:00");
    stage.source(std::slice::from_ref(&ticket));
    std::fs::remove_file(stage.site.path("tickets.csv")).expect("removed");
    for hour in 10..=16 {
        stage.until(&format!("2026-03-02 {hour}:00"));
        assert!(stage.poll().is_some(), "there is no file");
    }
    stage.tells("ops", &["03-02 10:00 [Red card] source/tickets Source tickets"]);
    let said = stage.mail_of("h1");
    assert_eq!(said.len(), 1, "what was known falls due all the same");
    assert!(said[0].line().starts_with("03-02 16:00 [Red card] T1"), "{}", said[0].line());
    assert!(said[0].text.contains("Data as of 2 Mar 09:00"), "{}", said[0].text);
}

/// YelpArchive/elastalert#1738: a rule that throws once is switched off until the next restart.
#[test]
fn elastalert_1738_a_rule_that_throws_is_told_and_asked_again_and_spoils_one_item() {
    let throwing = format!("fn district(item) {{ if item.title == \"?\" {{ throw \"no such district\"; }} }}\n{VISIT}")
        .replace("{ [window", "{ district(item); [window");
    let mut stage = Stage::open_at(office(&[("visit", &throwing)], ""), "2026-03-02 09:00");
    let [one, two] = ["T1", "T2"].map(|id| dispatched(id, "2026-03-02 09:00"));
    stage.source(&[one.clone().titled("?"), two.clone()]);
    stage.tells("ops", &["03-02 09:00 [System] A rule fails: visit"]);
    stage.until("2026-03-02 11:30");
    stage.tells("h1", &["03-02 11:00 [Red card] T2"]);
    stage.source(&[one, two]);
    stage.tells("h1", &["03-02 11:30 [Red card] T1"]);
    stage.tells_nobody();
}

/// prometheus/alertmanager#2857: an error in a template, which no check sees, drops the whole message.
#[test]
fn alertmanager_2857_a_template_that_fails_drops_no_message_and_operators_hear_of_it_once() {
    let site = office(&[("visit", VISIT)], "");
    site.put("templates/en/mail.txt", "{% if code is startingwith \"T\" %}{{ 1 // 0 }}{% endif %}OURS {{ sentence }}");
    let mut stage = Stage::open_at(site, "2026-03-02 09:00");
    let mut tickets = ["T1", "T2"].map(|id| dispatched(id, "2026-03-02 09:00")).to_vec();
    stage.source(&tickets);
    tickets.push(dispatched("T3", "2026-03-02 09:30"));
    stage.source(&tickets);
    stage.until("2026-03-02 12:00");
    let said = stage.mail_of("h1");
    let all: String = said.iter().map(|mail| mail.text.as_str()).collect();
    assert!(["T1", "T2", "T3"].iter().all(|id| all.contains(id)), "{said:#?}");
    let heard = stage.mail_of("ops");
    assert_eq!(heard.len(), 1, "{heard:#?}");
    assert!(heard[0].line().contains("[System] A template fails: en/mail.txt"), "{}", heard[0].line());
    assert!(heard[0].text.starts_with("OURS"), "where it does not fail, it is used: {}", heard[0].text);
}

/// prometheus/alertmanager#1759: a route to a receiver that does not exist is a line in a log.
#[test]
fn alertmanager_1759_a_route_to_nobody_is_refused_and_what_ran_goes_on() {
    let mut stage = Stage::open_at(office(&[("visit", VISIT)], ""), "2026-03-02 09:00");
    stage.source(&[dispatched("T1", "2026-03-02 09:00")]);
    stage.site.put("routes.toml", "[[routes]]\nname = \"a\"\n[[routes.tell]]\ncontact = \"h7\"\nred = [\"mail\"]\n");
    let refused = stage.reload().expect_err("there is no h7");
    assert!(refused.contains("routes.toml") && refused.contains("h7"), "{refused}");
    stage.until("2026-03-02 12:00");
    stage.tells("h1", &["03-02 11:00 [Red card] T1"]);
}

/// prometheus/alertmanager#2436: a wrong key was found by reading logs.
#[test]
fn alertmanager_2436_a_wrong_key_is_refused_with_its_place() {
    let mut stage = Stage::open_at(office(&[("visit", VISIT)], ""), "2026-03-02 09:00");
    stage.site.put("ladders.toml", &ladder(&TWO_STEPS.replacen("roles", "receivers", 1)));
    let refused = stage.reload().expect_err("a ladder knows no receivers");
    assert!(refused.contains("ladders.toml") && refused.contains("`receivers`"), "{refused}");
}

/// prometheus/alertmanager#2372: a template that cannot be read passed the reload; a month later nothing started any more.
#[test]
fn alertmanager_2372_a_broken_template_is_refused_at_once_and_a_start_runs_the_last_good_one() {
    let mut stage = Stage::open_at(office(&[("visit", VISIT)], ""), "2026-03-02 09:00");
    for broken in ["{% if code %}", "{{ sentense }}"] {
        stage.site.put("templates/en/mail.txt", broken);
        let refused = stage.reload().expect_err("it cannot be used");
        assert!(refused.contains("en/mail.txt"), "{refused}");
    }
    stage.source(&[dispatched("T1", "2026-03-02 09:00")]);
    stage.die();
    stage.until("2026-03-02 10:00");
    stage.start();
    stage.until("2026-03-02 12:00");
    stage.tells("h1", &["03-02 11:00 [Red card] T1"]);
}

/// prometheus/prometheus#2242: the rules could not be reloaded, and nobody was told.
#[test]
fn prometheus_2242_a_refused_reload_is_told_to_operators_once() {
    let (site, daemon, _) = told();
    site.put("rules/2110.rhai", "fn windows(item) { [ }");
    for refusals in 1..=2 {
        daemon.signal("HUP");
        let is_refused = || daemon.times("reload refused, what runs goes on: rules/2110.rhai") >= refusals;
        assert!(holds_within(20, is_refused), "{}", daemon.log());
    }
    let is_told = || !subjects(&site, "[System] The reload was refused").is_empty();
    assert!(holds_within(20, is_told), "{}", daemon.log());
    daemon.polls_again(1);
    assert_eq!(subjects(&site, "[System] The reload was refused").len(), 1);
    let letters = site.mails("mail");
    assert!(letters.iter().any(|l| l.parts[0].body.contains("rules/2110.rhai:1:")), "{letters:#?}");
    assert_eq!(daemon.stop(), 0);
}

/// glpi-project/glpi#9349: one long task blocks all others.
#[test]
fn glpi_9349_a_channel_that_hangs_holds_up_no_other() {
    let site = office(&[("visit", VISIT)], SMS);
    site.put("ladders.toml", &ladder("[[handlers.steps]]\nroles = [\"handler\"]\nred = [\"mail\", \"sms\"]\n"));
    site.put("contacts.csv", "id,name,roles,email,mobile\nh1,甲,,h1@city.test,13800000001\n");
    let mut stage = Stage::at(site, "2026-03-02 09:00");
    stage.source(&[]);
    stage.set("mail", Mood::Hangs);
    stage.source(&[dispatched("T1", "2026-03-02 09:00"), dispatched("T2", "2026-03-02 09:30")]);
    stage.until("2026-03-02 12:00");
    stage.tells("h1", &["03-02 11:00 sms: [Red card] T1", "03-02 11:30 sms: [Red card] T2"]);
}

/// glpi-project/glpi#4220: what a task had locked when it died stayed locked, for years.
#[test]
fn glpi_4220_what_a_dead_process_held_is_free_when_its_lease_ends() {
    let mut stage = Stage::open_at(office(&[("visit", VISIT)], ""), "2026-03-02 09:00");
    stage.set("mail", Mood::Hangs);
    stage.source(&[dispatched("T1", "2026-03-02 09:00")]);
    stage.until("2026-03-02 11:01");
    // Another one takes over, and does not know what became of the first.
    stage.start();
    stage.die_first();
    stage.set("mail", Mood::Takes);
    stage.until("2026-03-02 11:30");
    let said = stage.mail_of("h1");
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].at < at("2026-03-02 11:10"), "{}", said[0].line());
}

/// Znuny's escalation check looks at a thousand tickets and no more; the others are never checked.
#[test]
fn znuny_escalation_check_has_no_limit_of_a_thousand() {
    let mut stage = Stage::open_at(office(&[("visit", VISIT)], ""), "2026-03-02 09:00");
    let tickets: Vec<Ticket> = (0..1_200).map(|n| dispatched(&format!("T{n:04}"), "2026-03-02 09:00")).collect();
    stage.source(&tickets);
    stage.until("2026-03-02 11:00");
    let open = stage.open();
    assert_eq!(open.iter().filter(|card| card.ends_with(" red")).count(), 1_200);
    let said = stage.mail_of("h1");
    assert!(said[0].subject.starts_with("[1200 red]"), "{}", said[0].subject);
}
