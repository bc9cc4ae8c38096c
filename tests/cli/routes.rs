//! `duban routes test`: who would be told, when, by which channel, as what; and who would not, and why.

use super::desk::Desk;
use super::golden;

/// Thursday, 5 March 2026, 9:30: the two working days since Monday are over.
const THURSDAY: &str = "2026-03-05T09:30";

#[test]
fn people_read_who_would_be_told_and_why_not_the_others() {
    let desk = Desk::new();
    for language in ["zh-CN", "en"] {
        let red = desk.duban(language, &["routes", "test", "T1", "--at", THURSDAY]);
        assert_eq!((red.status, &*red.stderr), (0, ""), "{red:?}");
        golden(&format!("routes-test.{language}.txt"), &red.stdout);
        // A yellow card on a Saturday.
        let yellow = ["routes", "test", "hotline/T1", "--level", "yellow", "--at", "2026-03-07T10:00"];
        golden(&format!("routes-test-yellow.{language}.txt"), &desk.duban(language, &yellow).stdout);
    }
    assert!(!desk.path().join("duban.db").exists(), "nothing is written");
}

#[test]
fn programs_get_a_row_for_each_message_and_each_that_would_not_leave() {
    let desk = Desk::new();
    let run = desk.duban("zh-CN", &["routes", "test", "T1", "--at", THURSDAY, "--format", "csv"]);
    let rows = run.rows();
    let of = |row: &std::collections::HashMap<String, String>| {
        let columns = ["step", "contact", "channel", "told", "at", "waits_for", "role", "route", "reason"];
        columns.map(|column| row[column].clone()).join(",")
    };
    let rows: Vec<String> = rows.iter().map(of).collect();
    assert_eq!(
        rows,
        [
            "1,z1,mail,true,2026-03-05T09:35:00+08:00,group,handler,,",
            "1,z1,sms,true,2026-03-05T09:35:00+08:00,group,handler,,",
            "1,u1,mail,true,2026-03-05T09:35:00+08:00,group,unit_contact,,",
            "1,address:duty@city.test,mail,true,2026-03-05T09:35:00+08:00,group,,住建局,",
            "1,u1,sms,false,,,unit_contact,,no_address",
            "1,n1,,false,,,unit_contact,,elsewhere",
            "2,l1,sms,true,2026-03-09T09:00:00+08:00,quiet_hours,leader,,",
        ],
        "{run:?}"
    );
}

#[test]
fn what_is_met_has_nothing_ahead_and_what_is_not_there_is_said() {
    let desk = Desk::new();
    let met = desk.duban("en", &["routes", "test", "T2", "--at", THURSDAY]);
    assert_eq!(met.status, 0);
    assert_eq!(met.stderr, "hotline/T2: no card is open or ahead; to suppose one, add --level\n");
    assert_eq!(desk.duban("en", &["routes", "test", "T9"]).status, 1);
    for (arguments, says) in
        [(["T1", "--at", "noon"], "--at: expected an instant"), (["T1", "--level", "green"], "possible values")]
    {
        let run = desk.duban("en", &[&["routes", "test"][..], &arguments].concat());
        assert!(run.status == 2 && run.stderr.contains(says), "{run:?}");
    }
}
