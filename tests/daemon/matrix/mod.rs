//! The delivery matrix: one daemon with a channel for each fault of a network and of the servers in it. Each message ends
//! as documented, and the others go on meanwhile.

mod down;
mod isolation;
mod rows;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use self::rows::Row;
use crate::machine;
use crate::proof::Said as _;
use crate::support::command::duban;
use crate::support::daemon::Daemon;
use crate::support::gateway::{Asked, Gateway};
use crate::support::memory::Memory;
use crate::support::patience::{ahead, holds_within, now};
use crate::support::sink::{Sink, Taken};
use crate::support::site::{LIVE, Site, Ticket};

/// Who is told besides by the row `one-of-two`.
const OTHER: &str = "other";

const CONTACTS: &str = "id,name,roles,email,im\n\
    ops,值班员,operator,ops@city.test,\n\
    other,别人,,other@city.test,\n";

const LADDERS: &str = r#"
[handlers]
steps = [{ roles = ["handler"], red = ["mail"] }]
[operators]
steps = [{ roles = ["operator"], yellow = ["desk"], red = ["desk"] }]
"#;

const ROUTE: &str = r#"
[[routes]]
name = "two"
match = { owner = "one-of-two" }
tell = [{ contact = "other", red = ["one-of-two"] }]
"#;

/// The channels that are well: one takes the place of others, the other one is the operators'.
fn others(spare: u16, desk: u16) -> String {
    format!(
        "[channels.spare.webhook]\nurl = \"http://127.0.0.1:{spare}/\"\nmedium = \"mail\"\n\
         allow_networks = [\"127.0.0.1\"]\n\
         [channels.desk.smtp]\nhost = \"127.0.0.1\"\nport = {desk}\nsecurity = \"none\"\nfrom = \"duban@city.test\"\n"
    )
}

/// All that takes part.
struct Scene {
    site: Site,
    rows: Vec<Row>,
    /// Takes what the fallback channel says.
    spare: Gateway,
    /// Takes what operators are told.
    desk: Sink,
}

impl Scene {
    /// Each row has a channel, a contact, a ladder that reaches the one by the other, and a route for the contact's ticket.
    fn set() -> Self {
        let (site, rows) = (Site::new(), rows::all());
        let (spare, desk) = (Gateway::apart(Duration::ZERO), Sink::start(Duration::ZERO));
        let all = |of: fn(&Row) -> String| rows.iter().map(of).collect::<String>();
        let contacts = format!("{CONTACTS}{}", all(Row::contact));
        let (ladders, routes) = (format!("{LADDERS}{}", all(Row::ladder)), format!("{}{ROUTE}", all(Row::route)));
        let (channels, others) = (all(Row::tables), others(spare.port, desk.port));
        for (file, password) in rows::PASSWORDS {
            site.secret(file, password);
        }
        for (file, text) in [("contacts.csv", contacts), ("ladders.toml", ladders), ("routes.toml", routes)] {
            site.put(file, &text);
        }
        site.configure(&format!("{LIVE}{channels}{others}"));
        site.tickets(&[far()]);
        Self { site, rows, spare, desk }
    }

    /// Has each row's ticket fall due, and waits until nothing happens any more.
    fn play(&self) {
        let daemon = Daemon::polled(&self.site);
        let due =
            self.rows.iter().map(|row| Ticket::due_at(&format!("T-{}", row.name), ahead(-2)).handled_by(row.name));
        self.site.tickets(&due.chain([far()]).collect::<Vec<_>>());
        let memory = Memory::of(&self.site);
        let all = i64::try_from(self.rows.len()).expect("few");
        let is_over = || {
            let soon = now().timestamp_micros() + 10_000_000;
            memory.number("SELECT count(*) FROM deliveries") >= all
                && memory.number(&format!(
                    "SELECT count(*) FROM deliveries
                     WHERE unreported_at IS NOT NULL OR state = 'sending' OR claim_at < {soon}"
                )) == 0
        };
        let open = "SELECT channel || ' ' || state FROM deliveries WHERE claim_at IS NOT NULL";
        assert!(holds_within(60, is_over), "{:?}\n{}", memory.column(open), daemon.log());
        assert_eq!(daemon.stop(), 0);
    }

    fn duban(&self, arguments: &[&str]) -> String {
        let config = self.site.path("duban.toml").display().to_string();
        let run = duban(&[&["--config", &config, "deliveries"][..], arguments].concat());
        assert_eq!(run.status, 0, "{run:?}");
        run.stdout
    }

    /// What `duban deliveries` says of all, by channel and contact.
    fn deliveries(&self) -> BTreeMap<(String, String), Delivery> {
        let list: Value =
            serde_json::from_str(&self.duban(&["list", "--limit", "500", "--format", "json"])).expect("JSON");
        let ids = list.as_array().expect("a list").iter().map(|row| row["id"].as_str().expect("an id").to_owned());
        let found = ids.map(|id| {
            let shown = serde_json::from_str(&self.duban(&["show", &id, "--format", "json"])).expect("JSON");
            let delivery = Delivery(shown);
            ((delivery.text("channel").to_owned(), delivery.text("contact").to_owned()), delivery)
        });
        found.collect()
    }

    fn table(&self) -> String {
        let deliveries = self.deliveries();
        let said_to_operators: Vec<String> = self.desk.taken().iter().map(whole_text).collect();
        let spared = self.spare.asked();
        let mut table = String::new();
        for row in &self.rows {
            writeln!(table, "{}: {}", row.name, row.fault).expect("a line");
            for contact in [row.name, OTHER] {
                let Some(delivery) = deliveries.get(&(row.name.to_owned(), contact.to_owned())) else { continue };
                let (id, heard) = (delivery.text("id"), heard(row, contact, delivery));
                let spared = spared.iter().filter(|asked| is_about(asked, row.name)).count();
                let told = said_to_operators.iter().filter(|text| text.contains(id)).count();
                let end = delivery.end(row);
                writeln!(table, "  {end}; heard {heard}, instead {spared}, operators {told}").expect("a line");
                writeln!(table, "  {}", without_chance(delivery.text("reason"))).expect("a line");
            }
        }
        table
    }
}

fn far() -> Ticket {
    Ticket::due_at("T-far", ahead(90_000)).handled_by("mail")
}

fn whole_text(taken: &Taken) -> String {
    let letter = taken.letter();
    letter.parts.iter().map(|part| part.body.as_str()).chain([letter.body.as_str()]).collect()
}

fn is_about(asked: &Asked, name: &str) -> bool {
    asked.subject().contains(&format!("T-{name} "))
}

/// How often the server read the message; it was the same each time, under the delivery's id.
fn heard(row: &Row, contact: &str, delivery: &Delivery) -> usize {
    let heard = if contact == OTHER { row.heard_for(OTHER) } else { row.heard() };
    for (id, text) in &heard {
        assert!(id.is_empty() || id.contains(delivery.text("id")), "{}: {id}", row.name);
        assert_eq!(text, &heard[0].1, "{}: not the same each time", row.name);
    }
    heard.len()
}

/// What `duban deliveries show` says.
struct Delivery(Value);

impl Delivery {
    fn text(&self, key: &str) -> &str {
        self.0["delivery"][key].as_str().unwrap_or_default()
    }

    fn instant(value: &Value) -> duban::core::Instant {
        value.as_str().expect("an instant").parse().expect("an instant")
    }

    /// The state, what each try ended in, and when the next is made.
    fn end(&self, row: &Row) -> String {
        let attempts = self.0["attempts"].as_array().expect("tries");
        for two in attempts.windows(2) {
            let pause = Self::instant(&two[1]["claimed_at"]) - Self::instant(&two[0]["settled_at"]);
            assert!(pause.as_seconds_f64() >= row.pause, "{}: {pause}", row.name);
        }
        let tries: Vec<&str> = attempts.iter().map(|attempt| attempt["outcome"].as_str().expect("an end")).collect();
        let end = format!("{} after {}", self.text("state"), tries.join(", "));
        if self.text("state") == "retryable" {
            let settled_at = Self::instant(&attempts.last().expect("a try")["settled_at"]);
            let wait = Self::instant(&self.0["delivery"]["not_before"]) - settled_at;
            // A wait of one's own is up to a fifth shorter.
            let wait = match wait.as_seconds_f64() {
                24.0..=30.0 => "24 to 30".to_owned(),
                seconds => format!("{seconds:.0}"),
            };
            return format!("{end}, again after {wait} s");
        }
        end
    }
}

/// Without what is different each time.
fn without_chance(reason: &str) -> String {
    let rules = [
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r"sha256:[0-9a-f]{64}", "sha256:PIN"),
        (r"id=\S+", "id=ID"),
        (r"lookup address information: .*", "lookup address information: …"),
        (r"\d+ \(UNIX\)|\(\d+ seconds ago\)", "INSTANT"),
        (r"x{9,}", "xxx"),
    ];
    rules.iter().fold(reason.to_owned(), |text, (pattern, mark)| {
        Regex::new(pattern).expect(pattern).replace_all(&text, *mark).into_owned()
    })
}

#[test]
fn each_fault_ends_in_its_documented_state() {
    const GOLDEN: &str = "tests/golden/matrix.txt";
    let _alone = machine();
    let scene = Scene::set();
    scene.play();
    let found = scene.table();
    let expected = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    assert!(expected == found, "{GOLDEN} differs; found:\n{found}");
}
