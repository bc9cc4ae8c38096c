//! The office in which all lives are lived: a handful of playbooks, which are slow to make and so made once, and the
//! mapping of the sources.

use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use duban::config::Config;
use duban::core::contact::Medium;
use duban::core::digest::Digest;
use duban::core::rate::Rates;
use duban::playbook::{Playbook, gather};
use duban::schedule::Schedule;
use duban::source::csv::CsvSource;
use duban::source::guard::GuardLimits;
use duban::source::mapping::Mapping;
use duban::tell::plan::ChannelTerms;

/// The sources' names.
pub const SOURCES: [&str; 2] = ["tickets", "tasks"];

/// The channels with their media. Whoever is told by a short message must not be told twice.
pub const CHANNELS: [(&str, Medium); 3] = [("hook", Medium::Im), ("mail", Medium::Mail), ("sms", Medium::Sms)];

/// A channel, and the one that takes its place when it fails.
pub const FALLBACK: (&str, &str) = ("hook", "mail");

/// What was made once.
pub struct Office {
    /// The playbooks; the first one is in force at the start.
    pub playbooks: Vec<Arc<Playbook>>,
    /// Reads the rows of each source.
    pub readers: [CsvSource; 2],
    /// When a poll is believed.
    pub guard: GuardLimits,
    /// The sources' schedule.
    pub schedule: Schedule,
}

/// The office.
pub fn office() -> &'static Office {
    static OFFICE: LazyLock<Office> = LazyLock::new(make);
    &OFFICE
}

impl Office {
    /// The playbook of a version.
    pub fn playbook(&self, version: Digest) -> Option<&Arc<Playbook>> {
        self.playbooks.iter().find(|known| known.version == version)
    }
}

/// What makes one playbook differ from another.
struct Edition {
    calendar: &'static str,
    mode: &'static str,
    rules: &'static [(&'static str, &'static str)],
    contacts: &'static str,
    ladders: &'static str,
    absences: &'static str,
    /// How many messages the channel of instant messages may send: all together, and to one contact.
    rates: [&'static [&'static str]; 2],
}

const CALENDARS: [(&str, &str); 2] = [
    (
        "office.toml",
        r#"
name = "office"
timezone = "Asia/Shanghai"
weekdays = ["MON", "TUE", "WED", "THU", "FRI"]
covered_from = "2020-01-01"
covered_through = "2060-12-31"
[[hours]]
spans = ["09:00-12:00", "13:30-17:30"]
"#,
    ),
    (
        "always.toml",
        r#"
name = "always"
timezone = "Asia/Shanghai"
weekdays = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
covered_from = "2020-01-01"
covered_through = "2060-12-31"
[[hours]]
spans = ["00:00-24:00"]
"#,
    ),
];

/// Hours, working hours and working days; a start that may be missing, pauses and extensions.
const REPLY: &str = r#"
fn applies(item) { item.type != "other" }
fn windows(item) {
    [
        window("reply", "2h", #{ from: item.started_at, done: item.replied_at }),
        window("visit", "4wh", #{ from: item.started_at, done: item.replied_at, yellow: 0.5 }),
        window("solve", "3wd", #{ from: item.started_at, done: item.solved_at, waits: "1wd",
                                  pauses: item.pauses, extensions: item.extensions, ladder: "unit" }),
    ]
}
"#;

/// The same with other limits, and one window under another name.
const QUICK: &str = r#"
fn windows(item) {
    [
        window("reply", "90m", #{ from: item.started_at, done: item.replied_at, yellow: "30m" }),
        window("call", "4wh", #{ from: item.started_at, done: item.replied_at, was: "visit" }),
        window("solve", "2wd", #{ from: item.started_at, done: item.solved_at,
                                  pauses: item.pauses, extensions: item.extensions }),
    ]
}
"#;

/// Fails on an item without a score.
const SCORE: &str = r#"
fn findings(item) {
    if item.score > 7 { [red("score", "too high")] } else if item.score > 3 { [yellow("score", "high")] } else { [] }
}
"#;

const LADDERS: &str = r#"
[handlers]
[[handlers.steps]]
roles = ["handler", "unit_contact"]
yellow = ["hook"]
red = ["hook", "sms"]
[unit]
[[unit.steps]]
roles = ["unit_contact"]
yellow = ["sms"]
red = ["sms", "mail"]
[operators]
[[operators.steps]]
roles = ["operator"]
yellow = ["hook"]
red = ["hook"]
"#;

const CONTACTS: &str = "id,name,unit,roles,mobile,email,im\n\
    h1,甲,,handler,13800000011,h1@example.test,h1\n\
    h2,乙,,handler,13800000012,h2@example.test,h2\n\
    h3,丙,,handler,,,\n\
    u1,丁,streets,unit_contact,13800000021,u1@example.test,u1\n\
    u2,戊,parks,unit_contact,,u2@example.test,u2\n\
    o1,己,,operator,13800000091,o1@example.test,o1\n";

/// One is gone, one has other addresses, one came.
const OTHER_CONTACTS: &str = "id,name,unit,roles,mobile,email,im\n\
    h1,甲,,handler,13800000019,h1@example.test,h1\n\
    h2,乙,,handler,13800000012,h2@example.test,\n\
    u1,丁,streets,unit_contact,13800000021,u1@example.test,u1\n\
    u3,庚,parks,unit_contact,13800000023,u3@example.test,u3\n\
    o1,己,,operator,13800000091,o1@example.test,o1\n\
    o2,辛,,operator,13800000092,o2@example.test,o2\n";

/// Short, since a life says much; and one fails on one item, which the built-in text must stand in for.
const TEMPLATES: [(&str, &str); 5] = [
    ("mail.subject", "{{ tag }} {{ code }}"),
    ("mail.txt", "{{ sentence }}"),
    ("mail.html", "<p>{{ sentence }}</p>"),
    ("sms.txt", "{{ tag }} {{ code }}"),
    ("im.txt", "{% if code == \"T5\" %}{{ 1 // 0 }}{% endif %}{{ sentence }}"),
];

/// Three steps, of which the second one is silent about yellow, and reminders.
const CLIMBING: &str = r#"
[handlers]
ack_grace = "4wh"
[[handlers.steps]]
roles = ["handler", "unit_contact"]
yellow = ["hook"]
red = ["hook", "sms"]
reminders = { every = "3wh", most = 2 }
[[handlers.steps]]
after = "8wh"
roles = ["unit_contact"]
red = ["sms"]
[[handlers.steps]]
after = "4wh"
roles = ["leader"]
yellow = ["mail"]
red = ["mail", "sms"]
reminders = { every = "1wd", most = 1 }
[[handlers.counts]]
streak = 2
roles = ["leader"]
channels = ["hook"]
[[handlers.counts]]
reds = 3
roles = ["leader", "unit_contact"]
channels = ["mail"]
[unit]
ack_grace = "4wh"
[[unit.steps]]
roles = ["unit_contact"]
yellow = ["sms"]
red = ["sms", "mail"]
[[unit.steps]]
after = "2wh"
roles = ["leader"]
yellow = ["hook"]
red = ["hook"]
[operators]
ack_grace = "4wh"
[[operators.steps]]
roles = ["operator"]
yellow = ["hook"]
red = ["hook"]
"#;

/// With leaders, and with deputies.
const LED_CONTACTS: &str = "id,name,unit,roles,mobile,email,im,deputy\n\
    h1,甲,,handler,13800000011,h1@example.test,h1,h2\n\
    h2,乙,,handler,13800000012,h2@example.test,h2,\n\
    h3,丙,,handler,,,,\n\
    u1,丁,streets,unit_contact,13800000021,u1@example.test,u1,\n\
    u2,戊,parks,unit_contact,,u2@example.test,u2,u1\n\
    l1,壬,,leader,13800000031,l1@example.test,l1,\n\
    o1,己,,operator,13800000091,o1@example.test,o1,\n";

/// One with a deputy, one whose deputy is away too, one without.
const ABSENCES: &str = "contact,from,until,deputy,reason\n\
    h1,2026-03-02,2026-03-04,,\n\
    u2,2026-03-03,2026-03-05,,\n\
    u1,2026-03-05,2026-03-08,h2,\n\
    l1,2026-03-06,2026-03-06,,\n";

const BOTH: &[(&str, &str)] = &[("reply", REPLY), ("score", SCORE)];

const PLAIN: Edition = Edition {
    calendar: "office",
    mode: "live",
    rules: BOTH,
    contacts: CONTACTS,
    ladders: LADDERS,
    absences: "",
    rates: [&[], &[]],
};

const CLIMBS: Edition = Edition { contacts: LED_CONTACTS, ladders: CLIMBING, absences: ABSENCES, ..PLAIN };

/// The playbooks; those from [`REHEARSALS`] on are rehearsals.
const EDITIONS: [Edition; 8] = [
    PLAIN,
    Edition { calendar: "always", rules: &[("reply", QUICK), ("score", SCORE)], contacts: OTHER_CONTACTS, ..PLAIN },
    Edition { calendar: "always", rules: &[("reply", REPLY)], ..PLAIN },
    CLIMBS,
    Edition { calendar: "always", rates: [&["6/10m"], &["2/10m", "5/1h"]], ..CLIMBS },
    Edition { rates: [&["3/5m"], &["1/2m"]], ..PLAIN },
    Edition { mode: "rehearsal", ..PLAIN },
    Edition { mode: "rehearsal", calendar: "always", ..CLIMBS },
];

/// The first of the playbooks that are rehearsals.
pub const REHEARSALS: usize = 6;

const SOURCE: &str = r#"
every = "5m"
kind = "ticket"
id = "id"
timezone = "Asia/Shanghai"
raw = false
[source.NAME.csv]
path = "NAME.csv"
[source.NAME.fields]
title = "title"
unit = "unit"
owner = "owner"
type = "type"
score = { column = "score", type = "integer" }
started_at = "started"
replied_at = "replied"
solved_at = "solved"
[source.NAME.pauses]
column = "pauses"
[source.NAME.extensions]
column = "extensions"
"#;

/// The columns of a source, in their order.
pub const COLUMNS: &str = "id,title,unit,owner,type,score,started,replied,solved,pauses,extensions";

fn make() -> Office {
    let folder = tempfile::tempdir().expect("a folder");
    let base = folder.path();
    for (name, text) in TEMPLATES {
        write(base, &format!("templates/zh-CN/{name}"), text);
    }
    for (name, text) in CALENDARS {
        write(base, &format!("calendars/{name}"), text);
    }
    let playbooks = EDITIONS.iter().map(|edition| Arc::new(playbook(base, edition))).collect();
    let config = config(&EDITIONS[0]);
    let reader = |name: &str| {
        let source = &config.source[name];
        let mapping = Arc::new(Mapping::new(name, &source.mapping).expect("a mapping"));
        CsvSource::new(source.csv.as_ref().expect("a file"), Path::new("."), mapping)
    };
    let schedule = Schedule::parse("5m", chrono_tz::UTC).expect("an interval");
    Office { playbooks, readers: SOURCES.map(reader), guard: config.source[SOURCES[0]].guard, schedule }
}

fn write(base: &Path, name: &str, text: &str) {
    let path = base.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn playbook(base: &Path, edition: &Edition) -> Playbook {
    for (name, text) in edition.rules {
        write(base, &format!("rules/{name}.rhai"), text);
    }
    write(base, "contacts.csv", edition.contacts);
    write(base, "ladders.toml", edition.ladders);
    write(base, "absences.csv", edition.absences);
    let channels = CHANNELS.map(|(name, medium)| (name.to_owned(), terms(edition, name, medium))).into();
    let files = gather(&config(edition), base, channels, None, None).expect("files");
    Playbook::build(files, &[]).expect("a playbook")
}

/// What cannot be said by instant message is said by mail.
fn terms(edition: &Edition, name: &str, medium: Medium) -> ChannelTerms {
    let mut terms = ChannelTerms::of(medium);
    if name == FALLBACK.0 {
        let rates = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("a rate")).collect();
        let [all, each] = edition.rates.map(rates);
        terms.rates = Rates { all, each };
        terms.fallback = Some(FALLBACK.1.into());
        terms.patience = 1_200;
    }
    terms
}

fn config(edition: &Edition) -> Config {
    let Edition { calendar, mode, rules, .. } = edition;
    let rules: Vec<&str> = rules.iter().map(|(name, _)| *name).collect();
    let sources = SOURCES.map(|name| format!("[source.{name}]{}", SOURCE.replace("NAME", name)));
    let text = format!(
        "calendar = {calendar:?}\nrules_dir = \"rules\"\n[rules]\nenabled = {rules:?}\n[notify]\nmode = {mode:?}\n{}",
        sources.concat()
    );
    Config::read("duban.toml", &text).expect("a configuration")
}
