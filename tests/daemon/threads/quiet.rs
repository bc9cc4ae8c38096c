//! Quiet hours and silences hold what is to be said; they swallow nothing, and end by themselves.

use super::{ANSWER, VISIT, ladder};
use crate::support::stage::{Stage, at, dispatched, office};

const REMINDING: &str = r#"
[[handlers.steps]]
roles = ["handler"]
red = ["mail"]
reminders = { every = "1wd", most = 4 }
"#;

/// zammad/zammad#4432: reminders come at midnight and on Sundays, although service hours are set.
#[test]
fn zammad_4432_no_reminder_leaves_at_night_or_on_a_day_of_rest() {
    let site = office(&[("answer", ANSWER)], "");
    site.put("ladders.toml", &ladder(REMINDING));
    let mut stage = Stage::open_at(site, "2026-03-02 09:00");
    stage.source(&[dispatched("T1", "2026-03-02 09:00")]);
    stage.until("2026-03-31 09:00");
    let said = [
        "03-06 09:00 [Red card] T1",
        "03-10 09:00 [Red card, reminder] T1",
        "03-11 09:00 [Red card, reminder] T1",
        "03-12 09:00 [Red card, reminder] T1",
        "03-13 09:00 [Red card, reminder] T1",
    ];
    stage.tells("h1", &said);
    // A red that counts hours comes at any hour; what is said again of it after working days does not.
    let site = office(&[("visit", VISIT)], "");
    site.put("ladders.toml", &ladder(REMINDING));
    let mut stage = Stage::open_at(site, "2026-03-02 20:00");
    stage.source(&[dispatched("T1", "2026-03-05 20:00")]);
    stage.until("2026-03-09 12:00");
    stage.tells("h1", &["03-05 22:00 [Red card] T1", "03-09 09:00 [Red card, reminder] T1"]);
}

/// zammad/zammad#4348: one notification a day of each type, so the second event of a day is swallowed.
#[test]
fn zammad_4348_each_event_of_a_day_is_told() {
    let mut stage = Stage::open_at(office(&[("visit", VISIT)], ""), "2026-03-02 08:00");
    let ticket = dispatched("T1", "2026-03-02 08:00");
    let again = dispatched("T1", "2026-03-02 13:00");
    stage.source(std::slice::from_ref(&ticket));
    stage.until("2026-03-02 11:00");
    stage.source(&[ticket.on_site(at("2026-03-02 11:00"))]);
    stage.until("2026-03-02 13:00");
    // It is sent out once more.
    stage.source(&[again]);
    stage.until("2026-03-02 17:00");
    let said = ["03-02 10:00 [Red card] T1", "03-02 11:00 [Cleared] T1", "03-02 15:00 [Red card] T1"];
    stage.tells("h1", &said);
}

/// prometheus/alertmanager#3367: what still fires when a silence ends waits for the repeat interval.
#[test]
fn alertmanager_3367_what_still_stands_when_a_silence_ends_is_told_at_once() {
    let mut stage = Stage::open_at(office(&[("visit", VISIT)], ""), "2026-03-02 09:00");
    let [one, two] = ["T1", "T2"].map(|id| dispatched(id, "2026-03-02 09:00"));
    stage.source(&[one.clone(), two.clone()]);
    stage.silence("unit = \"示范区*\"", "2026-03-02 14:00");
    stage.until("2026-03-02 11:30");
    stage.source(&[one, two.on_site(at("2026-03-02 11:30"))]);
    stage.until("2026-03-02 13:59");
    stage.tells_nobody();
    stage.until("2026-03-02 17:00");
    stage.tells("h1", &["03-02 14:00 [Red card] T1"]);
    stage.tells_nobody();
}

/// prometheus/alertmanager#2896: the same for what is said again.
#[test]
fn alertmanager_2896_a_reminder_that_a_silence_held_comes_when_it_ends() {
    let site = office(&[("visit", VISIT)], "");
    site.put("ladders.toml", &ladder(&REMINDING.replace("1wd", "2wh")));
    let mut stage = Stage::open_at(site, "2026-03-02 08:00");
    stage.source(&[dispatched("T1", "2026-03-02 08:00")]);
    stage.until("2026-03-02 10:30");
    stage.silence("unit = \"示范区*\"", "2026-03-02 14:00");
    stage.until("2026-03-02 14:30");
    stage.tells("h1", &["03-02 10:00 [Red card] T1", "03-02 14:00 [Red card, reminder] T1"]);
}

/// prometheus/alertmanager#2496: a first notification that was muted counts as sent, and so may never come.
#[test]
fn alertmanager_2496_what_quiet_hours_held_is_told_when_they_end_and_counts_from_then() {
    let site = office(&[("answer", ANSWER)], "");
    site.put("ladders.toml", &ladder(&REMINDING.replace("1wd", "2wh").replace("most = 4", "most = 1")));
    let mut stage = Stage::open_at(site, "2026-03-02 09:00");
    // Until Friday's end; it is overdue as Saturday begins.
    stage.source(&[dispatched("T1", "2026-03-03 10:00")]);
    stage.until("2026-03-09 08:59");
    stage.tells_nobody();
    assert_eq!(stage.open(), ["T1 red"]);
    stage.until("2026-03-09 12:00");
    stage.tells("h1", &["03-09 09:00 [Red card] T1", "03-09 11:00 [Red card, reminder] T1"]);
}

/// grafana-cold-storage/oncall#558: there is no way to keep what comes on rest days until people work again.
#[test]
fn oncall_558_what_comes_at_night_and_on_rest_days_is_one_message_in_the_morning() {
    let visit = format!("fn applies(item) {{ item.id == \"T1\" }}\n{}", VISIT.replace("2h", "2wh"));
    let mut stage = Stage::open_at(office(&[("visit", &visit), ("answer", ANSWER)], ""), "2026-03-05 09:00");
    // One as the office closes on Friday, one as Saturday begins, one that the source brings on Sunday.
    let mut tickets = vec![dispatched("T1", "2026-03-06 15:30"), dispatched("T2", "2026-03-03 10:00")];
    stage.source(&tickets);
    stage.until("2026-03-08 12:00");
    tickets.push(dispatched("T3", "2026-03-03 09:00"));
    stage.source(&tickets);
    stage.until("2026-03-09 08:59");
    stage.tells_nobody();
    stage.until("2026-03-09 12:00");
    let said = stage.mail_of("h1");
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(["T1", "T2", "T3"].iter().all(|id| said[0].text.contains(id)), "{}", said[0].text);
}

/// grafana-cold-storage/oncall#3060: what ends while it is muted is never told as ended.
#[test]
fn oncall_3060_a_recovery_during_a_silence_is_told_when_it_ends() {
    let mut stage = Stage::open_at(office(&[("visit", VISIT)], ""), "2026-03-02 08:00");
    let ticket = dispatched("T1", "2026-03-02 08:00");
    stage.source(std::slice::from_ref(&ticket));
    stage.until("2026-03-02 10:30");
    stage.tells("h1", &["03-02 10:00 [Red card] T1"]);
    stage.silence("unit = \"示范区*\"", "2026-03-02 14:00");
    stage.until("2026-03-02 11:00");
    stage.source(&[ticket.on_site(at("2026-03-02 11:00"))]);
    stage.until("2026-03-02 17:00");
    stage.tells("h1", &["03-02 14:00 [Cleared] T1"]);
}

/// prometheus/alertmanager#1639: a silence was forgotten, until important alerts had been missed.
#[test]
fn alertmanager_1639_a_silence_that_everybody_forgot_ends_and_what_it_held_is_told() {
    let mut stage = Stage::open_at(office(&[("visit", VISIT)], ""), "2026-03-02 09:00");
    stage.silence("unit = \"示范区*\"", "2026-04-01 09:00");
    stage.source(&[dispatched("T1", "2026-03-02 09:00")]);
    stage.until("2026-04-01 08:59");
    stage.tells_nobody();
    stage.until("2026-04-01 12:00");
    stage.tells("h1", &["04-01 09:00 [Red card] T1"]);
}

/// prometheus/alertmanager#2648: time intervals were documented in one zone and read in another; when is Monday in Sydney?
#[test]
fn alertmanager_2648_working_hours_are_on_the_clock_of_the_place() {
    let site = office(&[("answer", ANSWER)], "");
    let calendar = std::fs::read_to_string(site.path("office.toml")).expect("a calendar");
    site.put("office.toml", &calendar.replace("Asia/Shanghai", "Australia/Sydney"));
    let mut stage = Stage::open_at(site, "2026-03-31 09:00");
    // Sydney is three hours ahead of the lines below, and from its Sunday, 5 April, two.
    stage.source(&[dispatched("T1", "2026-03-30 09:00"), dispatched("T2", "2026-04-01 09:00")]);
    stage.until("2026-04-10 09:00");
    stage.tells("h1", &["04-03 06:00 [Red card] T1", "04-07 07:00 [Red card] T2"]);
}
