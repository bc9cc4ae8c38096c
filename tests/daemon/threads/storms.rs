//! Each thing is said once: no reload, restart, rule, second process or failing channel says it again, and many are one.

use std::time::Duration;

use super::{ANSWER, VISIT, ladder};
use crate::support::daemon::Daemon;
use crate::support::memory::Memory;
use crate::support::patience::{ahead, holds_within, now};
use crate::support::post::Mood;
use crate::support::sink::Sink;
use crate::support::site::{LIVE, Site, Ticket, plain_mail_to};
use crate::support::stage::{SMS, Stage, dispatched, office};

/// prometheus/alertmanager#4108: once a receiver is well again, both of two processes send.
#[test]
fn alertmanager_4108_after_a_receivers_outage_one_of_two_processes_sends() {
    let mut stage = Stage::open_at(office(&[("visit", VISIT)], ""), "2026-03-02 09:00");
    stage.start();
    stage.set("mail", Mood::Away);
    stage.source(&[dispatched("T1", "2026-03-02 09:00")]);
    stage.until("2026-03-02 11:20");
    stage.tells_nobody();
    stage.set("mail", Mood::Takes);
    stage.until("2026-03-02 17:00");
    let said = stage.mail_of("h1");
    assert_eq!(said.len(), 1, "{said:#?}");
    let heard = stage.mail_of("ops");
    assert_eq!(heard.len(), 1, "that the channel was out is said once too: {heard:#?}");
    assert!(heard[0].line().contains("[System] The channel mail takes nothing"), "{heard:#?}");
    stage.tells_nobody();
}

/// prometheus/alertmanager#1494: one receiver fails, and the one that works gets it again with each try.
#[test]
fn alertmanager_1494_while_one_channel_fails_the_good_one_says_it_once() {
    let site = office(&[("visit", VISIT)], SMS);
    site.put("ladders.toml", &ladder("[[handlers.steps]]\nroles = [\"handler\"]\nred = [\"mail\", \"sms\"]\n"));
    site.put("contacts.csv", "id,name,roles,email,mobile\nh1,甲,,h1@city.test,13800000001\n");
    let mut stage = Stage::at(site, "2026-03-02 09:00");
    stage.source(&[]);
    stage.set("sms", Mood::Away);
    stage.source(&[dispatched("T1", "2026-03-02 09:00")]);
    stage.until("2026-03-02 11:30");
    stage.tells("h1", &["03-02 11:00 [Red card] T1"]);
    stage.set("sms", Mood::Takes);
    stage.until("2026-03-02 17:00");
    let said = stage.mail_of("h1");
    assert!(said.len() == 1 && &*said[0].channel == "sms", "{said:#?}");
}

/// prometheus/alertmanager#2417: a reload cancels what is being sent.
#[test]
fn alertmanager_2417_a_reload_neither_cancels_nor_repeats_what_is_being_sent() {
    let (site, sink) = (Site::new(), Sink::start(Duration::from_millis(700)));
    site.configure(&format!("{LIVE}{}", plain_mail_to(sink.port)));
    let far = Ticket::due_at("T0", ahead(90_000));
    site.tickets(std::slice::from_ref(&far));
    let daemon = Daemon::polled(&site);
    site.tickets(&[far, Ticket::due_at("T1", now())]);
    // The server has the mail, and has not answered yet.
    assert!(holds_within(20, || !sink.taken_by("h1").is_empty()), "{}", daemon.log());
    daemon.signal("HUP");
    daemon.says_within(20, "reloaded");
    daemon.polls_again(2);
    assert_eq!((sink.taken_by("h1").len(), sink.taken_by("u1").len()), (1, 1));
    let memory = Memory::of(&site);
    assert!(holds_within(20, || memory.number("SELECT count(*) FROM deliveries WHERE state <> 'sent'") == 0));
    assert_eq!(memory.number("SELECT count(*) FROM attempts WHERE outcome <> 'sent'"), 0, "{}", daemon.log());
    assert_eq!(daemon.stop(), 0);
}

/// prometheus/alertmanager#627 and grafana/grafana#61917: a reload, with nothing changed or with one rule saved, resets
/// what is known of every alert and tells all of them again.
#[test]
fn grafana_61917_a_reload_or_saving_one_rule_tells_nobody_again() {
    let mut stage = Stage::open_at(office(&[("visit", VISIT), ("answer", ANSWER)], ""), "2026-03-02 09:00");
    stage.source(&[dispatched("T1", "2026-02-24 09:00"), dispatched("T2", "2026-03-02 09:00")]);
    stage.until("2026-03-02 14:00");
    stage.skip();
    let open = stage.open();
    assert_eq!(open.iter().filter(|card| card.ends_with("red")).count(), 3, "{open:?}");

    stage.reload().expect("nothing changed");
    stage.site.put("rules/visit.rhai", &format!("// Saved again.\nconst TITLE = \"Visit\";\n{VISIT}"));
    stage.reload().expect("a good rule");
    stage.poll();
    stage.until("2026-03-03 12:00");
    stage.tells_nobody();
    assert_eq!(stage.open(), open);
}

/// grafana/grafana#50290: users silence everything before an upgrade, since a restart tells all of it again.
#[test]
fn grafana_50290_a_restart_tells_nobody_again() {
    let mut stage = Stage::open_at(office(&[("visit", VISIT)], ""), "2026-03-02 09:00");
    stage.source(&["T1", "T2"].map(|id| dispatched(id, "2026-03-02 09:00")));
    stage.until("2026-03-02 14:00");
    stage.tells("h1", &["03-02 11:00 [2 red] 2 in all"]);
    for hour in ["15", "16", "17"] {
        stage.die();
        stage.until(&format!("2026-03-02 {hour}:00"));
        stage.start();
        stage.poll();
    }
    stage.tells_nobody();
}

/// YelpArchive/elastalert#2711: a restart sends two hundred mails; or, in others, what fell into the gap is left out.
#[test]
fn elastalert_2711_what_fell_due_while_nothing_ran_is_one_message_and_nothing_is_left_out() {
    let mut stage = Stage::open_at(office(&[("visit", VISIT)], ""), "2026-03-02 09:00");
    let tickets: Vec<Ticket> =
        (10..40).map(|n| dispatched(&format!("T{n}"), &format!("2026-03-0{} 09:00", 3 + n % 3))).collect();
    stage.source(&tickets);
    stage.die();
    stage.until("2026-03-09 10:00");
    stage.start();
    stage.poll();
    stage.until("2026-03-10 12:00");
    let said = stage.mail_of("h1");
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].line().starts_with("03-09 10:00 [30 red]"), "{}", said[0].line());
    let missing: Vec<String> = (10..40).map(|n| format!("T{n}")).filter(|id| !said[0].text.contains(id)).collect();
    assert!(missing.is_empty(), "{missing:?}\n{}", said[0].text);
    stage.tells_nobody();
}

/// glpi-project/glpi#1996: an escalation level runs again and again, hundreds of mails until the ticket is closed.
#[test]
fn glpi_1996_a_step_is_taken_once_and_reminders_end() {
    let site = office(&[("visit", VISIT)], "");
    let steps = r#"
[[handlers.steps]]
roles = ["handler"]
red = ["mail"]
reminders = { every = "4wh", most = 9 }
[[handlers.steps]]
roles = ["unit_contact"]
red = ["mail"]
after = "6wh"
reminders = { every = "1wd", most = 2 }
"#;
    site.put("ladders.toml", &ladder(steps));
    let mut stage = Stage::open_at(site, "2026-03-02 08:00");
    stage.source(&[dispatched("T1", "2026-03-02 08:00")]);
    stage.until("2026-03-31 12:00");
    stage.tells("h1", &["03-02 10:00 [Red card] T1", "03-02 15:30 [Red card, reminder] T1"]);
    let to_unit =
        ["03-02 17:30 [Red card] T1", "03-04 09:00 [Red card, reminder] T1", "03-05 09:00 [Red card, reminder] T1"];
    stage.tells("u1", &to_unit);
    stage.tells_nobody();
}

/// frappe/helpdesk#2967: five hundred tickets at three warning levels each are a flood of mail.
#[test]
fn frappe_2967_five_hundred_warnings_of_one_hour_are_one_message_a_person() {
    let site = office(&[("visit", VISIT)], "");
    let both = "[[handlers.steps]]\nroles = [\"handler\", \"unit_contact\"]\nyellow = [\"mail\"]\nred = [\"mail\"]\n";
    site.put("ladders.toml", &ladder(both));
    let mut stage = Stage::open_at(site, "2026-03-02 09:00");
    let tickets: Vec<Ticket> = (0..500).map(|n| dispatched(&format!("T{n:03}"), "2026-03-02 09:00")).collect();
    stage.source(&tickets);
    stage.until("2026-03-02 17:00");
    for contact in ["h1", "u1"] {
        stage.tells(contact, &["03-02 10:36 [500 yellow] 500 in all", "03-02 11:00 [500 red] 500 in all"]);
    }
    stage.tells_nobody();
}
