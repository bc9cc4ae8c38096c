//! A folder with a configuration that commands read: a hotline with one clock of a working day, two steps of telling.

use std::path::Path;

use tempfile::TempDir;

use crate::support::command::{Run, duban};

pub const CONFIG: &str = r#"# 试运行 until the office says otherwise
[rules]
enabled = ["reply"]

[channels.mail.folder]
path = "mail"
[channels.sms.folder]
path = "sms"
medium = "sms"

[source.hotline]
every = "1s"
kind = "ticket"
id = "id"
timezone = "Asia/Shanghai"
[source.hotline.csv]
path = "hotline.csv"
[source.hotline.fields]
title = "title"
unit = "unit"
owner = "owner"
received_at = "received"
replied_at = "replied"
"#;

const RULE: &str = r#"
const TITLE = "两日回复";
fn applies(item) { item.kind == "ticket" }
fn windows(item) { [window("reply", "2wd", #{ from: item.received_at, done: item.replied_at, yellow: "1wd" })] }
"#;

const CONTACTS: &str = "id,name,unit,level,roles,mobile,email\n\
    z1,示例张工,住建局,L1,,13900000001,z1@city.test\n\
    u1,示例李科,住建局,L1,unit_contact,,u1@city.test\n\
    n1,示例王科,水务局,L1,unit_contact,13900000003,n1@city.test\n\
    l1,示例赵局,住建局,L2,leader,13900000004,l1@city.test\n\
    op,示例值班员,,L0,operator,,op@city.test\n";

const LADDERS: &str = r#"
[handlers]
[[handlers.steps]]
roles = ["handler", "unit_contact"]
yellow = ["mail"]
red = ["mail", "sms"]
reminders = { every = "4wh", most = 2 }
[[handlers.steps]]
roles = ["leader"]
red = ["sms"]
after = "1wd"
[operators]
[[operators.steps]]
roles = ["operator"]
yellow = ["mail"]
red = ["mail"]
"#;

const ROUTES: &str = r#"
[[routes]]
name = "住建局"
match = { unit = "住建*" }
wait = "5m"
[[routes.tell]]
address = "duty@city.test"
name = "值班邮箱"
red = ["mail"]
[[preferences]]
level = "L2"
least = "red"
"#;

const HOTLINE: &str = "id,title,unit,owner,received,replied\n\
    T1,工地夜间噪声,住建局,z1,2026-03-02 10:00:00,\n\
    T2,已答复,住建局,z1,2026-03-02 10:00:00,2026-03-02 11:00:00\n";

/// The folder; it goes with this value.
pub struct Desk(TempDir);

impl Desk {
    pub fn new() -> Self {
        let desk = Self(TempDir::with_prefix("desk-").expect("a folder"));
        std::fs::create_dir(desk.path().join("rules")).expect("rules/");
        for (name, text) in [
            ("duban.toml", CONFIG),
            ("rules/reply.rhai", RULE),
            ("contacts.csv", CONTACTS),
            ("ladders.toml", LADDERS),
            ("routes.toml", ROUTES),
            ("hotline.csv", HOTLINE),
        ] {
            desk.put(name, text);
        }
        desk
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn put(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).expect(name);
    }

    /// Runs a command on this configuration.
    pub fn duban(&self, language: &str, arguments: &[&str]) -> Run {
        duban_at(self.path(), language, arguments)
    }
}

/// Runs a command on the configuration of a folder.
pub fn duban_at(folder: &Path, language: &str, arguments: &[&str]) -> Run {
    let config = folder.join("duban.toml").display().to_string();
    duban(&[arguments, &["--config", &config, "--lang", language]].concat())
}
