//! `duban audit`: who did what, and whether it was changed since.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use chrono::TimeDelta;
use duban::core::Instant;
use duban::core::audit::Act;
use duban::store::sqlite::SqliteStore;
use duban::store::{Store as _, Turn};
use serde_json::json;
use sqlx::sqlite::SqlitePool;

use super::desk::Desk;
use super::golden;
use crate::support::command::{Run, shipped};
use crate::support::patience::now;
use crate::support::postgres::block_on;

fn at(hours: i64) -> Instant {
    "2026-03-02T01:30:00.123456Z".parse::<Instant>().expect("an instant") + TimeDelta::hours(hours)
}

/// What happened in an office in three days; a name and a reason are hostile.
fn acts() -> Vec<Act> {
    let card = json!({ "card": "5a44ae4f3a5e0b6cc6f4a4d5d1a8b0f2", "contact": "z1", "via": "phone" });
    vec![
        Act::new("playbook.put", "0f343b0931126a20f133d67c2b018a3b", "start", at(0)).with(json!({ "from": null })),
        Act::new("ack.sign", "hotline/T1 reply/reply", "值班员", at(1)).with(card),
        Act::new("silence.add", "c0ffee00c0ffee00c0ffee00c0ffee00", "示例李科", at(25)).because("工地停电，\"临时\""),
        Act::new("silence.expire", "c0ffee00c0ffee00c0ffee00c0ffee00", "=cmd|' /C calc'!A0", at(26))
            .because("a\r\n\u{1b}[31mb\u{202e}c"),
        Act::new("delivery.retry", "9f86d081884c7d659a2feaa0c55ad015", "示例李科", at(49)),
    ]
}

fn desk() -> Desk {
    let desk = Desk::new();
    enter(&desk.path().join("duban.db"), acts());
    desk
}

fn enter(path: &Path, acts: Vec<Act>) {
    block_on(async {
        SqliteStore::migrate(path).await.expect("a store");
        let store = SqliteStore::visit(path).await.expect("a store");
        store.commit(&Turn { acts, ..Turn::default() }).await.expect("entered");
        store.close().await;
    });
}

/// Does something in the office's database, past the triggers.
fn tamper(desk: &Desk, sql: &'static str) {
    block_on(async {
        let pool = SqlitePool::connect(&desk.path().join("duban.db").display().to_string()).await.expect("a database");
        for trigger in ["audit_is_not_updated", "audit_is_not_deleted", "audit_head_goes_on"] {
            let drop = sqlx::AssertSqlSafe(format!("DROP TRIGGER IF EXISTS {trigger}"));
            sqlx::raw_sql(drop).execute(&pool).await.expect("dropped");
        }
        sqlx::raw_sql(sql).execute(&pool).await.expect("changed");
        pool.close().await;
    });
}

#[track_caller]
fn says(run: &Run, status: i32, words: &str) {
    assert!(run.status == status && run.stderr.contains(words), "{words:?}: {run:?}");
}

#[test]
fn people_read_who_did_what_and_that_it_holds() {
    let desk = desk();
    for language in ["zh-CN", "en"] {
        let list = desk.duban(language, &["audit", "list"]);
        assert_eq!((list.status, &*list.stderr), (0, ""), "{list:?}");
        golden(&format!("audit-list.{language}.txt"), &list.stdout);
        let verified = desk.duban(language, &["audit", "verify"]);
        assert_eq!(verified.status, 0, "{verified:?}");
        golden(&format!("audit-verify.{language}.txt"), &format!("{}{}", verified.stdout, verified.stderr));
    }
    golden("audit-export.jsonl", &desk.duban("en", &["audit", "export"]).stdout);
}

#[test]
fn the_list_is_cut_by_time_name_deed_and_subject() {
    let desk = desk();
    let seqs = |arguments: &[&str]| {
        let run = desk.duban("en", &[&["audit", "list", "--format", "csv"][..], arguments].concat());
        assert_eq!(run.status, 0, "{run:?}");
        run.rows().iter().map(|row| row["seq"].clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(seqs(&[]), "1 2 3 4 5");
    assert_eq!(seqs(&["--limit", "2"]), "4 5");
    assert_eq!(seqs(&["--limit", "0"]), "");
    assert_eq!(seqs(&["--since", "2026-03-03"]), "3 4 5");
    assert_eq!(seqs(&["--since", "2026-03-02T10:30", "--until", "2026-03-03T11:00"]), "2 3");
    assert_eq!(seqs(&["--by", "示例李科"]), "3 5");
    assert_eq!(seqs(&["--what", "silence.*"]), "3 4");
    assert_eq!(seqs(&["--what", "silence"]), "");
    assert_eq!(seqs(&["--what", "ack.sign", "--subject", "T1"]), "2");
    let run = desk.duban("zh-CN", &["audit", "list", "--since", "noon"]);
    says(&run, 2, "--since");
    let csv = desk.duban("en", &["audit", "list", "--format", "csv"]);
    assert!(csv.rows()[3]["by"].starts_with("'=cmd"), "a spreadsheet runs nothing: {csv:?}");
    let list = desk.duban("en", &["audit", "list", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_str(&list.stdout).expect("JSON");
    assert_eq!((&list[1]["detail"]["via"], &list[3]["why"]), (&json!("phone"), &json!("a [31mbc")));
    assert_eq!(list[0]["at"], "2026-03-02T09:30:00.123456+08:00");
}

#[test]
fn a_trail_that_was_changed_is_found_in_both_languages() {
    for (sql, english, chinese) in [
        ("UPDATE audit SET \"by\" = 'x' WHERE seq = 3", "entry 3: ", "第 3 条"),
        ("DELETE FROM audit WHERE seq = 2", "entries 2 to 2 are missing", "缺第 2 条"),
        ("DELETE FROM audit WHERE seq > 3", "ends at entry 3, and once had 5", "只到第 3 条，而原来有 5 条"),
        ("UPDATE audit SET hash = 'x' WHERE seq = 4", "entry 4 of the audit trail", "entry 4 of the audit trail"),
    ] {
        let desk = desk();
        tamper(&desk, sql);
        for (language, words) in [("en", english), ("zh-CN", chinese)] {
            let run = desk.duban(language, &["audit", "verify"]);
            says(&run, 1, words);
            assert_eq!(run.stdout, "");
        }
    }
}

#[test]
fn a_head_that_was_written_down_finds_a_tail_that_was_cut_off() {
    let desk = desk();
    let head = desk.duban("en", &["audit", "verify"]).stdout;
    enter(&desk.path().join("duban.db"), acts());
    says(&desk.duban("en", &["audit", "verify", "--head", &head]), 0, "entry 5 is as it was written down");
    says(&desk.duban("zh-CN", &["audit", "verify", "--head", &head]), 0, "第 5 条与所留存的一致");
    let cut =
        "DELETE FROM audit WHERE seq > 4; UPDATE audit_head SET seq = 4, hash = (SELECT hash FROM audit WHERE seq = 4)";
    tamper(&desk, cut);
    assert_eq!(desk.duban("en", &["audit", "verify"]).status, 0, "alone it cannot know");
    says(&desk.duban("en", &["audit", "verify", "--head", &head]), 1, "ends at entry 4, and once had 5");
    says(&desk.duban("en", &["audit", "verify", "--head", "5"]), 2, "--head: expected SEQ:HASH");
    says(&desk.duban("zh-CN", &["audit", "verify", "--head", "5:0"]), 2, "应为 序号:校验值");
    let other = format!("4:{}", &head.trim()[2..]);
    says(&desk.duban("en", &["audit", "verify", "--head", &other]), 1, "entry 4: its hash is ");
}

/// What the page's own program makes of an export.
fn by_the_page(page: &str, export: &str) -> (bool, String) {
    let page = std::fs::read_to_string(shipped(page)).expect("the page");
    let program = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a program");
    let mut python = Command::new("/usr/bin/python3");
    let python = python.args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut python = python.spawn().expect("python3");
    python.stdin.take().expect("stdin").write_all(export.as_bytes()).expect("read");
    let output = python.wait_with_output().expect("ended");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[test]
fn an_auditor_computes_the_same_with_other_tools() {
    let desk = desk();
    let (export, head) = (desk.duban("en", &["audit", "export"]).stdout, desk.duban("en", &["audit", "verify"]).stdout);
    for page in ["docs/audit.md", "docs/audit.zh-CN.md"] {
        assert_eq!(by_the_page(page, &export), (true, head.trim().to_owned()));
        assert!(!by_the_page(page, &export.replacen("值班员", "别人", 1)).0);
        // The example of the page itself.
        let text = std::fs::read_to_string(shipped(page)).expect("the page");
        let example = text.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
        let (holds, end) = by_the_page(page, example);
        assert!(holds && text.contains(&end), "{end}");
    }
    let rest = desk.duban("en", &["audit", "export", "--after", "3"]).stdout;
    assert!(export.ends_with(&rest) && rest.lines().count() == 2);
}

#[test]
fn what_a_command_does_is_entered_under_the_name_of_who_runs_it() {
    let desk = Desk::new();
    enter(&desk.path().join("duban.db"), Vec::new());
    let config = desk.path().join("duban.toml").display().to_string();
    let run = |user: &[(&str, &str)], arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_duban"));
        command.env_clear().envs(user.iter().copied()).args(arguments).args(["--config", &config, "--lang", "en"]);
        let output = command.output().expect("started");
        assert!(output.status.success(), "{output:?}");
    };
    run(&[], &["silence", "add", "unit=住建局", "--for", "2h", "--by", "示例李科", "--comment", "停电"]);
    std::fs::write(desk.path().join("copy.toml"), "").expect("a file");
    let copy = desk.path().join("copy.db").display().to_string();
    run(&[], &["backup", &copy]);
    run(&[("USER", "root"), ("SUDO_USER", "admin")], &["restore", &copy]);
    run(&[("USER", "root")], &["restore", &copy, "--by", "示例王科"]);
    let there = format!("sqlite:{}", desk.path().join("there.db").display());
    run(&[("LOGNAME", "ops")], &["migrate", "--from", "sqlite:", "--to", &there]);
    let done = desk.duban("en", &["audit", "list", "--format", "csv"]).rows();
    let done: Vec<_> = done.iter().map(|row| (&*row["what"], &*row["by"])).collect();
    // The first restore brought back what was there before it, and so went itself with the second.
    assert_eq!(done, [("silence.add", "示例李科"), ("store.restore", "示例王科")]);
    block_on(async {
        let store = SqliteStore::visit(desk.path().join("there.db")).await.expect("a store");
        let entries = store.audit(0, 9).await.expect("a trail");
        let head = duban::core::audit::verify(&entries).expect("whole");
        assert_eq!(Ok(head), store.audit_head().await.map_err(|error| error.to_string()));
        let last = entries.last().expect("an entry");
        assert_eq!((entries.len(), &*last.act.what, &*last.act.by), (3, "store.move", "ops"));
        store.close().await;
    });
}

#[test]
fn a_command_that_is_killed_leaves_deed_and_act_or_neither() {
    let desk = Desk::new();
    let path = desk.path().join("duban.db");
    enter(&path, Vec::new());
    let config = desk.path().join("duban.toml").display().to_string();
    let begin = |n: i32| {
        let about = format!("unit=U{n}");
        let add = ["silence", "add", &about, "--for", "2h", "--by", "li", "--comment", "停电", "--config", &config];
        let mut command = Command::new(env!("CARGO_BIN_EXE_duban"));
        command.env_clear().args(add).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started")
    };
    let before = now();
    assert!(begin(0).wait().expect("ended").success());
    let whole = (now() - before).to_std().expect("time goes on");
    // From well before the end to well after it.
    for n in 1..=30 {
        let mut child = begin(n);
        std::thread::sleep(whole * (50 + 3 * n.unsigned_abs()) / 100);
        child.kill().expect("killed");
        child.wait().expect("ended");
    }
    block_on(async {
        let store = SqliteStore::visit(&path).await.expect("a store");
        let (deeds, acts) = (store.silences(true).await.expect("silences"), store.audit(0, 99).await.expect("a trail"));
        duban::core::audit::verify(&acts).expect("whole");
        let mut deeds: Vec<String> = deeds.iter().map(|silence| silence.id.to_string()).collect();
        let mut subjects: Vec<String> = acts.iter().map(|entry| entry.act.subject.clone()).collect();
        deeds.sort();
        subjects.sort();
        assert_eq!(deeds, subjects);
        assert!((2..31).contains(&deeds.len()), "{} of 31 were written: the kills say nothing", deeds.len());
        store.close().await;
    });
}
