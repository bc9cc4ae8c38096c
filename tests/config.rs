//! The shipped configuration says what the defaults are, all of them, and what it shows as examples is true.

mod support;

use std::collections::BTreeSet;

use duban::config::Config;
use support::command::{duban, shipped};

const SHIPPED: &str = include_str!("../config/duban.toml");

fn read(text: &str) -> Config {
    Config::read("duban.toml", text).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// The keys that a section takes, which a wrong one makes it say.
fn keys(section: &str) -> BTreeSet<String> {
    let text = if section.is_empty() { "zz = 1".to_owned() } else { format!("[{section}]\nzz = 1") };
    let problems = Config::read("duban.toml", &text).expect_err("an unknown key");
    let (_, expected) = problems[0].problem.rsplit_once("expected").unwrap_or_else(|| panic!("{problems:?}"));
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The examples as they are when somebody takes their # away.
fn with_examples() -> String {
    let lines = SHIPPED.lines().map(|line| match line.strip_prefix('#') {
        Some(example) if !example.starts_with(' ') => example,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_value_is_the_default() {
    assert_eq!(format!("{:?}", read(SHIPPED)), format!("{:?}", Config::default()));
    assert_eq!(format!("{:?}", read("")), format!("{:?}", Config::default()));
}

#[test]
fn every_key_is_there() {
    let file: toml::Table = with_examples().parse().expect("TOML");
    for section in ["", "rules", "windows", "remarks", "store", "notify", "web", "heartbeat"] {
        let table = if section.is_empty() { Some(&file) } else { file.get(section).and_then(toml::Value::as_table) };
        let written: BTreeSet<String> = table.expect(section).keys().cloned().collect();
        assert_eq!(written, keys(section), "[{section}]");
    }
}

#[test]
fn every_key_has_a_comment_line() {
    let mut before = "";
    for line in SHIPPED.lines().filter(|line| line.contains(" = ") && !line.starts_with('#')) {
        let key = line.split(' ').next().unwrap_or_default();
        let at = SHIPPED.find(&format!("\n{line}")).expect("the line");
        before = SHIPPED[..at].lines().last().unwrap_or(before);
        assert!(before.starts_with("# "), "{key} follows {before:?}");
    }
}

#[test]
fn the_examples_can_be_used() {
    let config = read(&with_examples());
    assert_eq!(config.channels.keys().collect::<Vec<_>>(), ["mail", "sms"]);
    assert_eq!(config.source.keys().collect::<Vec<_>>(), ["calls", "hotline", "ledger", "projects", "requests"]);

    let folder = tempfile::tempdir().expect("a folder");
    for file in ["contacts.csv", "ladders.toml"] {
        std::fs::copy(shipped(&format!("config/{file}")), folder.path().join(file)).expect("a copy");
    }
    let path = folder.path().join("duban.toml");
    let rules = format!("{:?}", shipped("rules"));
    let text = with_examples().replace("\"../rules\"", &rules).replace("{ env = ", "{ file = ");
    std::fs::write(&path, text).expect("a configuration");
    for secret in [
        "SMTP_PASSWORD",
        "SMS_TOKEN",
        "SMS_HOOK_KEY",
        "DUBAN_DB_PASSWORD",
        "DUBAN_LINK_KEY",
        "REQUESTS_SECRET",
        "CALLS_TOKEN",
        "PROJECTS_PASSWORD",
    ] {
        std::fs::write(folder.path().join(secret), "not-much-of-a-secret").expect("a secret");
    }
    let run = duban(&["check", "--config", &path.display().to_string()]);
    assert_eq!(run.status, 0, "{run:?}");
}

#[test]
fn what_is_shipped_passes_its_check_in_rehearsal() {
    let run = duban(&["check", "--config", &shipped("config/duban.toml")]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("REHEARSAL"), "{run:?}");
    assert!(run.stdout.contains("2110.rhai: rule 2110"), "{run:?}");
    assert!(!run.stdout.contains("no contact on duty"), "{run:?}");
}

#[test]
fn a_channel_is_exactly_one_kind_whose_keys_are_known() {
    let robot = "secrets = { token = { env = 'T' } }\n[channels.x.dingtalk]\n";
    for (text, expected) in [
        ("", "channels.x: expected exactly one of smtp, folder, webhook, aliyun, tencent, dingtalk, wecom and feishu"),
        ("[channels.x.dingtalk]\n[channels.x.wecom]\n", "channels.x: expected exactly one of smtp"),
        ("[channels.x.feishu]\ntokn = 'x'\n", "unknown field `tokn`"),
        ("[channels.x.wecom]\nmention = 'all'\n", "unknown variant `all`"),
        ("[channels.x.aliyun]\nsign = 'x'\n", "missing field `access_key_id`"),
        ("secrets = { a = { env = 'T' } }\n[channels.x.folder]\npath = 'x'\n", "channels.x: secrets go with webhook"),
        ("[channels.x.dingding]\n", "unknown field `dingding`"),
    ] {
        let problems = Config::read("duban.toml", &format!("[channels.x]\n{text}")).expect_err(text);
        let said = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(said.contains(expected), "{said}");
    }
    Config::read("duban.toml", &format!("[channels.x]\n{robot}")).expect("a robot");
}

#[test]
fn a_server_that_is_believed_without_being_known_is_warned_of() {
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["contacts.csv", "ladders.toml"] {
        std::fs::copy(shipped(&format!("config/{file}")), folder.path().join(file)).expect("a copy");
    }
    let path = folder.path().join("duban.toml");
    let check = |keys: &str| {
        let text = format!(
            "rules_dir = {:?}\nrules = {{ enabled = [] }}\n[source.x]\nid = 'id'\nkind = 'x'\nevery = '5m'\nfields = {{ title = 'title' }}\n\
             [source.x.mysql]\nquery = 'SELECT 1 AS id'\n{keys}",
            shipped("rules")
        );
        std::fs::write(&path, text).expect("a configuration");
        let run = duban(&["check", "--config", &path.display().to_string()]);
        format!("{} {} {}", run.status, run.stdout, run.stderr)
    };
    let url = "url = 'mysql://duban@db.example/city'";
    let weak = "source.x.mysql: tls";
    assert!(!check(url).contains(weak));
    for tls in ["encrypt-only", "off"] {
        let said = check(&format!("{url}\ntls = '{tls}'"));
        assert!(said.contains(&format!("{weak} = \"{tls}\"")), "{said}");
    }
    let socket = "url = 'mysql://duban@localhost/city?socket=/run/mysqld/mysqld.sock'\ntls = 'off'";
    assert!(!check(socket).contains(weak), "nobody is in between");
    for (keys, says) in [
        ("url = 'mysql://duban:secret@db.example/city'", "source.x.mysql: url: holds a password"),
        ("url = 'postgres://duban@db.example/city'", "source.x.mysql: url: expected mysql://"),
        ("url = 'mysql://duban@db.example/city'\npassword = { file = 'nowhere' }", "source.x.mysql: password: "),
    ] {
        let said = check(keys);
        assert!(said.starts_with('1') && said.contains(says) && !said.contains("secret@"), "{said}");
    }
}
