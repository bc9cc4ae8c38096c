//! `duban rules`: what an operator sees before a rule runs, and what is written when it shall.

use serde_json::Value;

use super::desk::{CONFIG, Desk, duban_at};
use super::golden;
use crate::support::command::Run;
use crate::support::daemon::Daemon;
use crate::support::patience::ahead;
use crate::support::site::{Site, Ticket};

const RULE: &str = r#"
const TITLE     = "三日反馈";
const BASIS     = "上级决策部署，3个工作日内反馈";
const LABELS    = "feedback 反馈, unasked 未布置";
const SERVES    = "003-137";
const EFFECTIVE = "2026-01-01";
fn applies(item) { item.kind == "task" && item.level == "superior" }
fn windows(item) { [window("feedback", param::feedback, #{ from: item.received_at, done: item.feedback_at, pauses: item.pauses })] }
fn findings(item) { if item.arranged_at == () { [yellow("unasked", "尚未研究安排")] } else { [] } }
"#;

const TASKS: &str = r#"
[source.tasks]
every = "5m"
kind = "task"
id = "编号"
timezone = "Asia/Shanghai"
[source.tasks.csv]
path = "tasks.csv"
[source.tasks.fields]
title = "任务"
level = "层级"
unit = "单位"
received_at = "收到"
arranged_at = "安排"
feedback_at = "反馈"
"#;

/// A desk whose tasks have a rule that does not run yet; the source maps what a change of its text leaves.
fn desk(from: &str, to: &str) -> Desk {
    let desk = Desk::new();
    desk.put("rules/feedback.rhai", RULE);
    desk.put("rules/params.toml", "feedback = \"3wd\"\n[\"示范区\"]\nfeedback = \"2wd\"\n");
    desk.put(
        "tasks.csv",
        "编号,任务,层级,单位,收到,安排,反馈\n\
         R1,开竣工倒排,superior,住建局,2026-03-02 10:00:00,,\n\
         R2,专项整治,superior,水务局,2026-03-06 10:00:00,2026-03-06 15:00:00,\n\
         R3,已反馈,superior,,2026-03-02 10:00:00,2026-03-02 15:00:00,2026-03-03 09:00:00\n\
         R4,内部事项,own,水务局,2026-03-02 10:00:00,,\n",
    );
    assert!(TASKS.contains(from), "{from}");
    desk.put("duban.toml", &format!("{CONFIG}{}", TASKS.replace(from, to)));
    desk
}

fn config(desk: &Desk) -> String {
    std::fs::read_to_string(desk.path().join("duban.toml")).expect("a configuration")
}

/// What was said, with the folder under a name that is always the same.
fn told(desk: &Desk, run: &Run) -> String {
    format!("{}{}", run.stdout, run.stderr).replace(&desk.path().display().to_string(), "/srv")
}

#[test]
fn rules_are_listed_with_what_their_fields_lack() {
    let desk = desk("feedback_at = \"反馈\"\n", "");
    desk.put("rules/broken.rhai", "fn windows(item) { nonsense }");
    for language in ["zh-CN", "en"] {
        let run = desk.duban(language, &["rules", "list"]);
        assert_eq!((run.status, &*run.stderr), (0, ""), "{run:?}");
        golden(&format!("rules-list.{language}.txt"), &run.stdout);
    }
    let run = desk.duban("zh-CN", &["rules", "list", "--format", "json"]);
    let rules: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!([&rules[1]["name"], &rules[1]["missing"], &rules[1]["serves"]], ["feedback", "feedback_at", "003-137"]);
    assert_eq!([&rules[1]["enabled"], &rules[2]["enabled"]], [false, true]);
    assert!(rules[0]["problem"].as_str().is_some_and(|problem| problem.contains("unknown name `nonsense`")), "{rules}");
}

#[test]
fn a_rule_is_shown_with_its_parameters_and_its_text() {
    let desk = desk("", "");
    for language in ["zh-CN", "en"] {
        let run = desk.duban(language, &["rules", "show", "feedback"]);
        assert_eq!(run.status, 0, "{run:?}");
        let (facts, text) = run.stdout.split_once("\n\n").expect("facts and a text");
        let without_version: Vec<&str> = facts.lines().filter(|line| !line.contains(&version(&desk))).collect();
        golden(&format!("rules-show.{language}.txt"), &(without_version.join("\n") + "\n"));
        assert!(text.contains("fn applies(item)"), "{run:?}");
    }
    assert_eq!(desk.duban("en", &["rules", "show", "nope"]).status, 2);
}

fn version(desk: &Desk) -> String {
    let run = desk.duban("en", &["rules", "show", "feedback", "--format", "json"]);
    let shown: Value = serde_json::from_str(&run.stdout).expect("JSON");
    shown["version"].as_str().expect("a version").to_owned()
}

#[test]
fn the_cards_that_a_rule_would_raise_are_shown_and_nothing_is_written() {
    let desk = desk("", "");
    for language in ["zh-CN", "en"] {
        let run = desk.duban(language, &["rules", "enable", "feedback", "--at", "2026-03-11T10:00", "--dry-run"]);
        assert_eq!(run.status, 0, "{run:?}");
        golden(&format!("rules-enable.{language}.txt"), &told(&desk, &run));
        // Nobody sits at the terminal, so the answer is no.
        let run = desk.duban(language, &["rules", "enable", "feedback"]);
        assert!(run.status == 0 && run.stderr.contains("--yes"), "{run:?}");
    }
    assert_eq!(config(&desk), format!("{CONFIG}{TASKS}"));
    assert!(!desk.path().join("duban.db").exists(), "nothing is written");
}

#[test]
fn a_rule_whose_fields_nobody_maps_is_refused_with_the_ledger_that_would_fill_them() {
    let desk = desk("feedback_at = \"反馈\"\n", "");
    let before = config(&desk);
    std::fs::create_dir(desk.path().join("ledgers")).expect("a folder");
    desk.put("ledgers/tasks.toml", TASKS);
    for language in ["zh-CN", "en"] {
        let run = desk.duban(language, &["rules", "enable", "feedback", "--yes"]);
        assert_eq!(run.status, 1, "{run:?}");
        golden(&format!("rules-refused.{language}.txt"), &told(&desk, &run));
    }
    // A ticket has the field, and that helps no task.
    desk.put("duban.toml", &before.replace("replied_at = \"replied\"", "feedback_at = \"replied\""));
    assert_eq!(desk.duban("en", &["rules", "enable", "feedback", "--yes"]).status, 1);
    assert_eq!(desk.duban("en", &["rules", "enable", "nope", "--yes"]).status, 2);
    desk.put("duban.toml", CONFIG);
    let run = desk.duban("en", &["rules", "enable", "feedback", "--yes"]);
    assert!(run.status == 1 && run.stderr.contains("no source gives items of kind task"), "{run:?}");
    assert_eq!(config(&desk), CONFIG);
}

#[test]
fn an_enabled_rule_stands_in_the_list_and_disabling_it_is_the_undo() {
    let desk = desk("", "");
    let before = config(&desk);
    let run = desk.duban("en", &["rules", "enable", "feedback", "--yes"]);
    assert!(run.status == 0 && run.stderr.contains("systemctl reload duban"), "{run:?}");
    assert!(run.stderr.contains("not entered into the audit trail: there is no store yet"), "{run:?}");
    assert_eq!(config(&desk), before.replace("[\"reply\"]", "[\"reply\", \"feedback\"]"));
    let kept = std::fs::read_to_string(desk.path().join("duban.toml.bak")).expect("the old one");
    assert_eq!(kept, before);
    let run = desk.duban("en", &["evaluate", "--source", "tasks", "--at", "2026-03-11T10:00", "--format", "csv"]);
    assert!(run.rows().iter().any(|row| row["rule"] == "feedback" && row["level"] == "red"), "{run:?}");
    let run = desk.duban("en", &["rules", "enable", "feedback", "--yes"]);
    assert!(run.status == 0 && run.stderr.contains("enabled already"), "{run:?}");
    let run = desk.duban("en", &["rules", "disable", "feedback", "--dry-run"]);
    assert!(run.status == 0 && run.stderr.contains("withdrawn"), "{run:?}");
    assert!(config(&desk).contains("feedback\"]"), "only shown");
    assert_eq!(desk.duban("zh-CN", &["rules", "disable", "feedback", "--yes"]).status, 0);
    assert_eq!(config(&desk), before);
}

#[test]
fn a_rule_that_does_not_load_is_named_and_can_be_taken_out_while_another_does_not_load_either() {
    let desk = desk("", "");
    for name in ["one", "two"] {
        desk.put(
            &format!("rules/{name}.rhai"),
            "fn applies(item) { item.kind == \"ticket\" && item.nobody_maps == 1 }",
        );
    }
    let broken = config(&desk).replace("[\"reply\"]", "[\"reply\", \"one\", \"two\"]");
    desk.put("duban.toml", &broken);
    let run = desk.duban("en", &["rules", "enable", "feedback", "--yes"]);
    assert!(run.status == 78 && run.stderr.contains("nobody_maps"), "{run:?}");
    assert!(run.stderr.contains("as it was") && run.stderr.contains("duban rules disable one two"), "{run:?}");
    assert_eq!(config(&desk), broken);
    let run = desk.duban("en", &["rules", "disable", "one", "--yes"]);
    assert!(run.status == 0 && run.stderr.contains("the other rules that are wrong: two"), "{run:?}");
    assert_eq!(desk.duban("en", &["rules", "disable", "two", "--yes"]).status, 0);
    assert_eq!(desk.duban("en", &["rules", "enable", "feedback", "--yes"]).status, 0);
}

#[test]
fn a_field_that_only_sources_of_another_kind_map_is_a_doubt() {
    let desk = desk("received_at = \"收到\"\n", "");
    desk.put("duban.toml", &config(&desk).replace("[\"reply\"]", "[\"reply\", \"feedback\"]"));
    let run = desk.duban("en", &["check"]);
    assert!(run.stdout.contains("rule feedback: no source of kind task maps the fields received_at"), "{run:?}");
}

#[test]
fn who_changed_which_rules_run_stands_in_the_audit_trail() {
    let site = Site::new();
    site.tickets(&[Ticket::due_at("T1", ahead(60))]);
    assert_eq!(Daemon::polled(&site).stop(), 0);
    let run = |arguments: &[&str]| duban_at(site.folder(), "en", arguments);
    assert_eq!(run(&["rules", "disable", "2110", "--yes", "--by", " "]).status, 2);
    assert_eq!(run(&["rules", "disable", "2110", "--dry-run", "--by", "示例李科"]).status, 0);
    for deed in ["disable", "enable"] {
        let run = run(&["rules", deed, "2110", "--yes", "--by", "示例李科"]);
        assert!(run.status == 0 && !run.stderr.contains("not entered"), "{run:?}");
    }
    let list = run(&["audit", "list", "--what", "rules.*", "--by", "示例李科", "--format", "csv"]).rows();
    let deeds: Vec<_> = list.iter().map(|row| (row["what"].as_str(), row["subject"].as_str())).collect();
    assert_eq!(deeds, [("rules.disable", "2110"), ("rules.enable", "2110")], "{list:?}");
}

#[test]
fn a_source_that_cannot_be_read_is_said_and_a_broken_rule_is_no_rule() {
    let desk = desk("", "");
    std::fs::remove_file(desk.path().join("tasks.csv")).expect("removed");
    let run = desk.duban("en", &["rules", "enable", "feedback", "--dry-run"]);
    assert!(run.status == 0 && run.stderr.contains("without the sources that could not be read: tasks"), "{run:?}");
    desk.put("rules/broken.rhai", "fn windows(item) { nonsense }");
    let run = desk.duban("en", &["rules", "enable", "broken", "--yes"]);
    assert!(run.status == 78 && run.stderr.contains("unknown name `nonsense`"), "{run:?}");
}

#[test]
fn a_new_rule_passes_the_test_that_is_written_with_it() {
    let desk = desk("", "");
    for (language, name) in [("zh-CN", "xinzheng"), ("en", "inspection")] {
        let run = desk.duban(language, &["rules", "new", name, "--kind", "ticket"]);
        assert_eq!((run.status, run.stdout.lines().count()), (0, 2), "{run:?}");
        let again = desk.duban(language, &["rules", "new", name]);
        assert_eq!((again.status, &*again.stdout), (1, ""), "{again:?}");
    }
    let run = desk.duban("en", &["test", &desk.path().join("rules").display().to_string()]);
    assert!(run.status == 0 && run.stderr.contains("6 passed, 0 failed"), "{run:?}");
    for name in ["", "../x", "规则", "A", "-x"] {
        assert_eq!(desk.duban("en", &["rules", "new", "--", name]).status, 2, "{name}");
    }
    assert_eq!(desk.duban("en", &["rules", "new", "x", "--kind", "\" + x + \""]).status, 2);
}

#[test]
fn versions_that_were_in_force_are_listed_compared_and_put_back() {
    let site = Site::new();
    site.tickets(&[Ticket::due_at("T1", ahead(60))]);
    let run = |arguments: &[&str]| duban_at(site.folder(), "en", arguments);
    assert!(run(&["rules", "log"]).stderr.contains("no store yet"));
    assert_eq!(run(&["rules", "rollback", "2110", "abc"]).status, 1);
    let first = std::fs::read_to_string(site.path("rules/2110.rhai")).expect("a rule");
    assert_eq!(Daemon::polled(&site).stop(), 0);
    site.put("rules/2110.rhai", &first.replace("param::w2110_dispatch", "\"40m\""));
    assert_eq!(Daemon::polled(&site).stop(), 0);
    let log = run(&["rules", "log", "2110", "--format", "csv"]).rows();
    assert_eq!(log.iter().map(|row| row["is_file"].as_str()).collect::<Vec<_>>(), ["false", "true"], "{log:?}");
    assert!(log.iter().all(|row| !row["by"].is_empty() && row["at"].starts_with("20")), "{log:?}");
    let older = &log[0]["version"];
    let diff = run(&["rules", "diff", "2110", older]);
    let changed: Vec<&str> = diff.stdout.lines().skip(2).filter(|line| !line.starts_with(' ')).collect();
    assert!(changed.len() == 2 && changed[0].contains("w2110_dispatch") && changed[1].contains("\"40m\""), "{diff:?}");
    assert_eq!(run(&["rules", "diff", "2110", older, &log[1]["version"]]).status, 0);
    assert!(run(&["rules", "diff", "2110"]).stderr.contains("same text"));
    assert_eq!(run(&["rules", "diff", "2110", "zz"]).status, 2);
    let asked = run(&["rules", "rollback", "2110", older]);
    assert!(asked.status == 0 && asked.stderr.contains("--yes"), "{asked:?}");
    let back = run(&["rules", "rollback", "2110", &older[..8], "--yes"]);
    assert_eq!(back.status, 0, "{back:?}");
    assert_eq!(std::fs::read_to_string(site.path("rules/2110.rhai")).expect("a rule"), first);
    assert!(site.path("rules/2110.rhai.bak").exists(), "what stood there is kept");
    let entered = run(&["audit", "list", "--what", "rules.rollback", "--format", "csv"]).rows();
    assert!(entered.len() == 1 && entered[0]["subject"] == "2110", "{entered:?}");
    assert_eq!(run(&["rules", "list", "--format", "csv"]).rows().len(), 1, "what is kept is no rule");
}
