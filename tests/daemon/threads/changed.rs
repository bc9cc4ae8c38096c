//! What is open follows when a calendar, a rule or a ladder is changed.

use super::{ANSWER, VISIT, ladder};
use crate::support::stage::{Stage, at, dispatched, office, rest_days};

/// zammad/zammad#534: after the calendar was changed, open tickets kept the escalation that the old one gave.
#[test]
fn zammad_534_a_changed_calendar_moves_what_is_open() {
    let mut stage = Stage::open_at(office(&[("answer", ANSWER)], ""), "2026-03-02 08:00");
    // Three working days: until Monday's end, and until Thursday's end.
    stage.source(&[dispatched("T1", "2026-02-25 10:00"), dispatched("T2", "2026-03-02 10:00")]);
    stage.until("2026-03-03 10:00");
    stage.tells("h1", &["03-03 09:00 [Red card] T1"]);

    rest_days(&stage.site, "2026-02-27,holiday,节\n2026-03-04,holiday,节\n2026-03-07,workday,调休\n");
    stage.reload().expect("a good calendar");
    // T1 has all of Tuesday, so it is not overdue yet; T2 has until Friday's end, and Saturday is a working day.
    stage.tells("h1", &["03-03 10:00 [Lowered to yellow] T1"]);
    stage.until("2026-03-09 12:00");
    stage.tells("h1", &["03-05 09:00 [Red card] T1", "03-07 09:00 [Red card] T2"]);
    stage.tells_nobody();
}

/// Jira Service Management, KB 954252774: wrong clocks are reconstructed, which deletes their history and can turn what
/// was met into a breach.
#[test]
fn jira_954252774_what_began_under_a_rule_ends_under_it_and_no_history_is_deleted() {
    let since = |date: &str, limit: &str| format!("const EFFECTIVE = \"{date}\";\n{}", VISIT.replace("2h", limit));
    let mut stage = Stage::open_at(office(&[("visit", &since("2026-01-01", "4h"))], ""), "2026-03-02 09:00");
    let [met, open] = ["T1", "T2"].map(|id| dispatched(id, "2026-03-02 09:00"));
    let met = met.on_site(at("2026-03-02 12:00"));
    stage.source(&[met.clone(), open.clone()]);
    stage.until("2026-03-02 12:30");

    stage.site.put("rules/visit.rhai", &since("2026-03-03", "2h"));
    stage.reload().expect("a good rule");
    stage.source(&[met, open, dispatched("T3", "2026-03-03 09:00")]);
    stage.until("2026-03-03 12:00");
    stage.tells("h1", &["03-02 13:00 [Red card] T2", "03-03 11:00 [Red card] T3"]);
    assert_eq!(stage.history("T1"), ["03-02 12:00 stop on_time"]);

    // Who wants it for all of them gets it, and what was judged before still stands beside it.
    stage.site.put("rules/visit.rhai", &since("2026-01-01", "2h"));
    stage.reload().expect("a good rule");
    stage.until("2026-03-03 17:00");
    assert_eq!(stage.history("T1"), ["03-02 12:00 stop on_time", "03-02 12:00 stop overdue"]);
    stage.tells_nobody();
}

/// `ServiceNow`, "Repair SLAs": after a condition was changed the active ones stay wrong until they are repaired, which
/// deletes them and makes new ones.
#[test]
fn servicenow_repair_slas_a_changed_condition_counts_at_once_and_deletes_nothing() {
    let only = |id: &str| format!("fn applies(item) {{ item.id != \"{id}\" }}\n{VISIT}");
    let mut stage = Stage::open_at(office(&[("visit", &only("T2"))], ""), "2026-03-02 09:00");
    stage.source(&["T1", "T2"].map(|id| dispatched(id, "2026-03-02 09:00")));
    stage.until("2026-03-02 12:00");
    stage.tells("h1", &["03-02 11:00 [Red card] T1"]);

    stage.site.put("rules/visit.rhai", &only("T1"));
    stage.reload().expect("a good rule");
    stage.until("2026-03-02 14:00");
    assert_eq!(stage.open(), ["T2 red"]);
    assert_eq!(stage.history("T1"), ["03-02 10:36 raise", "03-02 11:00 raise", "03-02 12:00 withdraw"]);
    assert_eq!(stage.history("T2"), ["03-02 11:00 raise"]);
    let said: Vec<String> = stage.mail_of("h1").into_iter().map(|mail| mail.text).collect();
    assert!(said.iter().any(|text| text.contains("T1")) && said.iter().any(|text| text.contains("T2")), "{said:?}");
}

const THREE_STEPS: &str = r#"
[[handlers.steps]]
roles = ["handler"]
red = ["mail"]
[[handlers.steps]]
roles = ["unit_contact"]
red = ["mail"]
after = "4wh"
[[handlers.steps]]
roles = ["operator"]
red = ["mail"]
after = "1wd"
"#;

/// glpi-project/glpi#5319: only the first escalation level ever ran, and what was missed stayed missed.
#[test]
fn glpi_5319_every_step_of_a_ladder_runs_also_after_an_outage() {
    let site = office(&[("visit", VISIT)], "");
    site.put("ladders.toml", &ladder(THREE_STEPS));
    let mut stage = Stage::open_at(site, "2026-03-02 08:00");
    stage.source(&[dispatched("T1", "2026-03-02 08:00")]);
    stage.until("2026-03-05 12:00");
    stage.tells("h1", &["03-02 10:00 [Red card] T1"]);
    stage.tells("u1", &["03-02 15:30 [Red card] T1"]);
    stage.tells("ops", &["03-04 00:00 [Red card] T1"]);

    // Nobody runs from before the second step until after the third one was due: one step at a time.
    stage.source(&[dispatched("T2", "2026-03-05 10:00")]);
    stage.until("2026-03-05 14:10");
    stage.tells("h1", &["03-05 12:00 [Red card] T2"]);
    stage.die();
    stage.until("2026-03-11 10:00");
    stage.start();
    stage.until("2026-03-13 12:00");
    stage.tells("u1", &["03-11 10:00 [Red card] T2"]);
    stage.tells("ops", &["03-13 00:00 [Red card] T2"]);
    stage.tells_nobody();
}

/// grafana-cold-storage/oncall#3138: an edited chain does not reach the alerts that run already.
#[test]
fn oncall_3138_a_changed_ladder_reaches_what_is_open() {
    let site = office(&[("visit", VISIT)], "");
    site.put("ladders.toml", &ladder(THREE_STEPS));
    let mut stage = Stage::open_at(site, "2026-03-02 08:00");
    stage.source(&[dispatched("T1", "2026-03-02 08:00")]);
    stage.until("2026-03-02 11:00");
    stage.tells("h1", &["03-02 10:00 [Red card] T1"]);

    // The second step comes earlier now, and is another one's.
    let hurried = THREE_STEPS.replacen("unit_contact", "leader", 1).replacen("4wh", "3wh", 1);
    stage.site.put("ladders.toml", &ladder(&hurried));
    stage.site.put(
        "contacts.csv",
        "id,name,unit,roles,email\nh1,甲,示范区住建局,,h1@city.test\nl1,乙,,leader,l1@city.test\n\
         ops,丙,,operator,ops@city.test\n",
    );
    stage.reload().expect("a good ladder");
    stage.until("2026-03-02 17:00");
    stage.tells("l1", &["03-02 14:30 [Red card] T1"]);
    stage.tells_nobody();
}

/// grafana-cold-storage/oncall#4754: what is said again says what the alert said at its start.
#[test]
fn oncall_4754_a_reminder_says_what_the_item_says_now() {
    let site = office(&[("visit", VISIT)], "");
    let reminding =
        "[[handlers.steps]]\nroles = [\"handler\"]\nred = [\"mail\"]\nreminders = { every = \"4wh\", most = 1 }\n";
    site.put("ladders.toml", &ladder(reminding));
    let mut stage = Stage::open_at(site, "2026-03-02 08:00");
    let ticket = dispatched("T1", "2026-03-02 08:00");
    stage.source(std::slice::from_ref(&ticket));
    stage.until("2026-03-02 11:00");
    stage.tells("h1", &["03-02 10:00 [Red card] T1 厂区门口道路破损"]);
    stage.source(&[ticket.titled("厂区门口道路塌陷")]);
    stage.until("2026-03-02 17:00");
    stage.tells("h1", &["03-02 15:30 [Red card, reminder] T1 厂区门口道路塌陷"]);
    stage.tells_nobody();
}
