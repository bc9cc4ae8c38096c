//! What stands on paper alone: put on record it moves the dates, recalls or clears the card, and is told with its ground;
//! taken back, everything is as it would be without it.
//!
//! A ticket of ten working days, dispatched on Monday 2 March 2026 at 10:00: yellow on Friday the 13th at 09:00, due on
//! Monday the 16th at 24:00. The office works from 09:00 to 12:00 and from 13:30 to 17:30, and keeps no holidays.

use duban::core::item::{Amount, Extension, ItemKey, Pause};
use duban::core::reason::Reason;
use duban::core::remark::{Amendment, Decision, Draft, Remark, RemarkError, Revocation, Standing, Statement};
use duban::pipeline::remarks::{Refused, moves};
use duban::store::Store as _;

use crate::support::site::Site;
use crate::support::stage::{Stage, at, dispatched, office};

const RULE: &str = r#"
fn windows(item) {
    [
        window("solved", "10wd", #{ from: item.dispatched_at, done: item.on_site_at,
                                    pauses: item.pauses, extensions: item.extensions }),
        window("visit", "40wh", #{ from: item.dispatched_at, done: item.on_site_at, ladder: "nobody" }),
    ]
}
"#;

const LADDERS: &str = r#"
[handlers]
[[handlers.steps]]
roles = ["handler"]
yellow = ["mail"]
red = ["mail"]
[nobody]
[[nobody.steps]]
roles = ["nobody"]
red = ["mail"]
[operators]
[[operators.steps]]
roles = ["operator"]
yellow = ["mail"]
red = ["mail"]
"#;

const GROUND: [&str; 3] = ["区政府专题会议", "示例办〔2026〕7号", "示例主任"];

/// The evidence as it is shown.
const EVIDENCE: &str = "区政府专题会议 · 示例办〔2026〕7号 · 示例主任";

fn site() -> Site {
    let site = office(&[("paper", RULE)], "");
    site.put("ladders.toml", LADDERS);
    site
}

/// The ticket T1 on its way, up to an instant; everybody has read what came till then.
fn stage(until: &str) -> Stage {
    stage_at(site(), until)
}

fn stage_at(site: Site, until: &str) -> Stage {
    let mut stage = Stage::open_at(site, "2026-03-02 09:00");
    stage.until("2026-03-02 10:00");
    stage.source(&[dispatched("T1", "2026-03-02 10:00")]);
    stage.until(until);
    stage.skip();
    stage
}

fn extension(amount: &str, asked: &str, approved: &str) -> Statement {
    let (asked_at, approved_at) = (Some(at(asked)), Some(at(approved)));
    let amount = Amount::Limit(amount.parse().expect("a limit"));
    Statement::Extension(Extension { amount, asked_at, approved_at, basis: None })
}

fn pause(from: &str, to: Option<&str>) -> Statement {
    Statement::Pause(Pause { kind: Some("现场勘测".into()), ..Pause::new(at(from), to.map(at)) })
}

fn exemption() -> Statement {
    Statement::Exemption { rule: "paper".into(), name: "solved".into() }
}

fn wrong_card() -> Statement {
    Statement::WrongCard { rule: "paper".into(), name: "solved".into() }
}

fn draft(statement: Statement) -> Draft {
    Stage::draft("T1", GROUND, statement)
}

#[track_caller]
fn put(stage: &mut Stage, statement: Statement) -> Remark {
    stage.remark(draft(statement)).expect("on record")
}

#[track_caller]
fn revoke(stage: &mut Stage, remark: &Remark) {
    let revocation = Revocation { at: stage.now(), by: "示例科长".into(), why: "录错办件".into() };
    stage.amend(&remark.item, &Amendment::Revoke(remark.id, revocation)).expect("revoked");
}

/// What became of `solved`, without the other window.
fn history(stage: &Stage) -> Vec<String> {
    let transitions = stage.wait(stage.store().transitions(&draft(exemption()).item)).expect("transitions");
    let line = |t: &duban::core::card::Transition| {
        let at = t.at.with_timezone(&chrono_tz::Asia::Shanghai).format("%m-%d %H:%M");
        let to = t.to.map_or("green", duban::core::window::Level::word);
        let verdict = t.verdict.map(|verdict| format!(" {}", verdict.word())).unwrap_or_default();
        format!("{at} {} {to}{verdict}", t.change.word())
    };
    transitions.iter().filter(|t| &*t.name == "solved").map(line).collect()
}

const YELLOW: &str = "03-13 09:00 raise yellow";
const RED: &str = "03-17 00:00 raise red";

#[test]
fn an_extension_on_paper_moves_the_due_time_and_recalls_the_card_until_it_is_revoked() {
    let mut stage = stage("2026-03-17 10:00");
    assert_eq!(
        (history(&stage), stage.due("T1", "solved")),
        (vec![YELLOW.into(), RED.into()], Some("03-17 00:00".into()))
    );
    // Fifteen working days: 3 to 6, 9 to 13, 16 to 20, and the 23rd.
    let remark = put(&mut stage, extension("5wd", "2026-03-12 10:00", "2026-03-13 11:00"));
    assert_eq!(stage.due("T1", "solved"), Some("03-24 00:00".into()));
    assert_eq!(history(&stage)[2..], ["03-17 10:00 revoke green"]);
    let [recall] = &stage.mail_of("h1")[..] else { panic!("one message") };
    assert!(recall.line().starts_with("03-17 10:00 [Recall] T1"), "{}", recall.line());
    assert!(recall.text.contains(EVIDENCE) && recall.text.contains("5 working days"), "{}", recall.text);
    stage.until("2026-03-17 11:00");
    revoke(&mut stage, &remark);
    assert_eq!(stage.due("T1", "solved"), Some("03-17 00:00".into()));
    assert_eq!(history(&stage)[3..], [RED]);
    stage.tells("h1", &["03-17 11:00 [Red card] T1"]);
}

#[test]
fn a_survey_that_the_source_never_recorded_gives_its_days_back() {
    let mut stage = stage("2026-03-17 10:00");
    // 5, 6, 9, 10, 11 and 12 March come back; the day on which it begins does not.
    let survey = put(&mut stage, pause("2026-03-04 09:00", Some("2026-03-12 18:00")));
    assert_eq!(stage.due("T1", "solved"), Some("03-25 00:00".into()));
    stage.tells("h1", &["03-17 10:00 [Recall] T1"]);
    // Neither a poll with other news nor a reload forgets it, and the snapshot is what the source says.
    stage.source(&[dispatched("T1", "2026-03-02 10:00").titled("厂区北门道路破损")]);
    assert_eq!(stage.due("T1", "solved"), Some("03-25 00:00".into()));
    stage.site.put("rules/paper.rhai", &format!("{RULE}// read again\n"));
    stage.reload().expect("reloaded");
    assert_eq!(stage.due("T1", "solved"), Some("03-25 00:00".into()));
    let snapshots = stage.wait(stage.store().snapshots(&survey.item)).expect("snapshots");
    assert!(snapshots.len() == 2 && snapshots.iter().all(|snapshot| snapshot.item.pauses.is_empty()));
    // Eight of ten are used when the 20th is over: yellow on Monday the 23rd.
    stage.until("2026-03-23 10:00");
    stage.tells("h1", &["03-23 09:00 [Yellow card] T1"]);
    revoke(&mut stage, &survey);
    assert_eq!((history(&stage).pop(), stage.due("T1", "solved")), (Some(RED.into()), Some("03-17 00:00".into())));
    stage.tells("h1", &["03-23 10:00 [Red card] T1"]);
}

#[test]
fn a_pause_that_lasts_leaves_no_due_time_and_clears_what_rose_before_it() {
    let mut stage = stage("2026-03-13 16:00");
    let review = put(&mut stage, pause("2026-03-13 15:00", None));
    assert_eq!((history(&stage).pop(), stage.due("T1", "solved")), (Some("03-13 15:00 clear green".into()), None));
    stage.tells("h1", &["03-13 16:00 [Cleared] T1"]);
    stage.until("2026-03-20 10:00");
    stage.tells("h1", &[]);
    revoke(&mut stage, &review);
    assert_eq!(history(&stage).pop(), Some(RED.into()));
    stage.tells("h1", &["03-20 10:00 [Red card] T1"]);
}

#[test]
fn an_exemption_for_the_applicant_s_own_delay_clears_the_card_and_counts_as_in_time() {
    let mut stage = stage("2026-03-18 10:00");
    let exempt = put(&mut stage, exemption());
    assert_eq!(history(&stage)[2..], ["03-18 10:00 clear green on_time"]);
    let [cleared] = &stage.mail_of("h1")[..] else { panic!("one message") };
    assert!(cleared.line().starts_with("03-18 10:00 [Cleared] T1"), "{}", cleared.line());
    assert!(cleared.text.contains(&format!("exempted ({EVIDENCE})")), "{}", cleared.text);
    // The dates stay: it is late, and nobody has to answer for it.
    assert_eq!(stage.due("T1", "solved"), Some("03-17 00:00".into()));
    stage.until("2026-03-19 10:00");
    stage.tells("h1", &[]);
    revoke(&mut stage, &exempt);
    assert_eq!(history(&stage)[3..], [RED]);
    let transitions = stage.wait(stage.store().transitions(&exempt.item)).expect("transitions");
    let last = transitions.iter().rfind(|t| &*t.name == "solved").expect("a transition");
    let due_at = at("2026-03-17 00:00");
    assert_eq!(last.reason, Reason::Restored { reason: Box::new(Reason::Due { due_at }) });
    let [red] = &stage.mail_of("h1")[..] else { panic!("one message") };
    assert!(red.line().starts_with("03-19 10:00 [Red card] T1"), "{}", red.line());
    assert!(red.text.contains("the remark was revoked: not done by"), "{}", red.text);
}

#[test]
fn a_wrong_card_is_recalled_and_stays_away_while_the_remark_stands() {
    let mut stage = stage("2026-03-13 10:00");
    let wrong = put(&mut stage, wrong_card());
    assert_eq!(history(&stage), [YELLOW, "03-13 10:00 revoke green"]);
    let [recall] = &stage.mail_of("h1")[..] else { panic!("one message") };
    assert!(recall.line().starts_with("03-13 10:00 [Recall] T1"), "{}", recall.line());
    assert!(recall.text.contains(&format!("found to be wrong ({EVIDENCE})")), "{}", recall.text);
    stage.until("2026-03-18 10:00");
    stage.tells("h1", &[]);
    revoke(&mut stage, &wrong);
    assert_eq!(history(&stage)[2..], [RED]);
    stage.tells("h1", &["03-18 10:00 [Red card] T1"]);
}

#[test]
fn an_appeal_leaves_the_card_until_somebody_else_grants_it() {
    let mut stage = stage("2026-03-17 10:00");
    let appeal = |stage: &mut Stage| stage.remark(Draft { is_appeal: true, ..draft(exemption()) }).expect("raised");
    let decide = |stage: &mut Stage, remark: &Remark, by: &str, granted| {
        let decision = Decision { at: stage.now(), by: by.into(), why: "核实".into(), granted };
        stage.amend(&remark.item, &Amendment::Decide(remark.id, decision))
    };
    let first = appeal(&mut stage);
    assert_eq!((history(&stage).len(), &stage.overlaid("T1").standings[..]), (2, &[Standing::Waiting][..]));
    let own = decide(&mut stage, &first, "示例登记员", true).expect_err("one's own appeal");
    assert!(matches!(own, Refused::Remark(RemarkError::SamePerson(_))), "{own}");
    decide(&mut stage, &first, "示例科长", false).expect("rejected");
    assert_eq!((history(&stage).len(), &stage.overlaid("T1").standings[..]), (2, &[Standing::Rejected][..]));
    stage.tells("h1", &[]);
    stage.until("2026-03-17 11:00");
    let second = appeal(&mut stage);
    stage.until("2026-03-17 15:00");
    decide(&mut stage, &second, "示例科长", true).expect("granted");
    assert_eq!(history(&stage)[2..], ["03-17 15:00 clear green on_time"]);
    stage.tells("h1", &["03-17 15:00 [Cleared] T1"]);
    let again = decide(&mut stage, &second, "示例科长", false).expect_err("decided");
    assert!(matches!(again, Refused::Remark(RemarkError::Decided { .. })), "{again}");
}

#[test]
fn what_the_source_states_later_counts_and_the_remark_shows_as_superseded() {
    let mut stage = stage("2026-03-17 10:00");
    let time = Statement::Time { field: "on_site_at".into(), at: at("2026-03-16 16:00") };
    put(&mut stage, time.clone());
    assert_eq!(history(&stage)[2..], ["03-17 10:00 revoke green on_time"]);
    let [recall] = &stage.mail_of("h1")[..] else { panic!("one message") };
    assert!(recall.line().starts_with("03-17 10:00 [Recall] T1"), "{}", recall.line());
    assert!(recall.text.contains(&format!("16:00 ({EVIDENCE})")), "{}", recall.text);
    // It was done on the 17th after all, says the source: late.
    stage.until("2026-03-17 12:00");
    let ticket = dispatched("T1", "2026-03-02 10:00");
    stage.source(&[ticket.on_site(at("2026-03-17 11:00"))]);
    assert_eq!(stage.overlaid("T1").standings, [Standing::Superseded]);
    assert_eq!(history(&stage)[3..], ["03-17 11:00 stop green overdue"]);
    let said = stage.remark(draft(time)).expect_err("the source says it");
    assert!(matches!(said, Refused::Remark(RemarkError::SaidBySource)), "{said}");
    // The source takes it back: the remark counts again.
    stage.source(&[ticket]);
    assert_eq!(stage.overlaid("T1").standings, [Standing::InForce]);
    assert_eq!(history(&stage).pop(), Some("03-16 16:00 stop green on_time".into()));
}

#[test]
fn what_cannot_be_said_of_the_item_is_refused_with_its_reason() {
    let mut stage = stage("2026-03-17 10:00");
    let mut refused = |statement| match stage.remark(draft(statement)).expect_err("refused") {
        Refused::Remark(error) => error,
        other => panic!("{other}"),
    };
    let late = refused(extension("5wd", "2026-03-17 00:00", "2026-03-17 09:00"));
    let (rule, name, due_at) = ("paper".into(), "solved".into(), at("2026-03-17 00:00"));
    assert_eq!(late, RemarkError::AskedTooLate { rule, name, due_at });
    let days = refused(extension("5d", "2026-03-12 09:00", "2026-03-12 10:00"));
    let RemarkError::Spoils { rule, error } = &days else { panic!("{days}") };
    assert!(&**rule == "paper" && error.contains("5d does not go with 10wd"), "{error}");
    let field = refused(Statement::Time { field: "on_sight_at".into(), at: at("2026-03-16 16:00") });
    let RemarkError::NoField { known, .. } = &field else { panic!("{field}") };
    assert!(known.contains(&"on_site_at".to_owned()) && known.iter().all(|name| name.ends_with("_at")), "{known:?}");
    let window = refused(Statement::Exemption { rule: "paper".into(), name: "resolved".into() });
    let RemarkError::NoWindow { known, .. } = &window else { panic!("{window}") };
    assert!(known.contains(&"paper/solved".to_owned()), "{known:?}");
    stage.remark(draft(exemption())).expect("on record");
    let twice = stage.remark(draft(wrong_card())).expect_err("the same window");
    assert!(matches!(twice, Refused::Remark(RemarkError::SaidByRemark(_))), "{twice}");
    let revocation = Revocation { at: stage.now(), by: "x".into(), why: "y".into() };
    let revoke = Amendment::Revoke(stage.record("T1").remarks[0].id, revocation);
    let nobody = stage.amend(&ItemKey::new("tickets", "T9"), &revoke);
    assert!(matches!(nobody, Err(Refused::NoItem(_))));
}

#[test]
fn what_a_remark_would_move_is_known_before_it_is_put_down() {
    let stage = stage("2026-03-17 10:00");
    let remark = draft(extension("5wd", "2026-03-12 10:00", "2026-03-13 11:00")).remark(false, stage.now());
    let record = stage.record("T1");
    let amendment = Amendment::Add(Box::new(remark.expect("a remark")));
    let moved = moves(stage.playbook(), &record, &amendment, stage.now());
    let [solved] = &moved[..] else { panic!("{moved:?}") };
    let (before, after) = (solved.before.expect("before"), solved.after.expect("after"));
    assert_eq!((before.due_at, before.level.is_some()), (Some(at("2026-03-17 00:00")), true));
    assert_eq!((after.due_at, after.level), (Some(at("2026-03-24 00:00")), None));
    assert_eq!(stage.record("T1"), record, "nothing was written");
}

#[test]
fn the_ground_of_a_confidential_matter_stays_out_of_a_channel_that_is_not() {
    let tables =
        "[notify]\nmode = \"live\"\nconfidential = { rule = \"paper\" }\n[channels.mail.folder]\npath = \"mail\"\n";
    for statement in [exemption(), wrong_card(), extension("5wd", "2026-03-12 10:00", "2026-03-13 11:00")] {
        let site = site();
        site.configure_office("office.toml", &["paper"], tables);
        let mut stage = stage_at(site, "2026-03-17 10:00");
        put(&mut stage, statement.clone());
        let [message] = &stage.mail_of("h1")[..] else { panic!("one message about {statement:?}") };
        let words = format!("{}{}", message.subject, message.text);
        assert!(GROUND.iter().all(|part| !words.contains(part)), "{words}");
        assert!(words.contains("(confidential)"), "{words}");
    }
}
