//! Many cards at once: whoever starts duban on an old ledger buries nobody under mail, and whoever ends a rehearsal
//! neither.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::on_both_stores;
use crate::proof::PAUSE;
use crate::support::command::duban;
use crate::support::daemon::Daemon;
use crate::support::memory::Memory;
use crate::support::patience::{ahead, holds_within, now};
use crate::support::sink::{Sink, Taken};
use crate::support::site::{Site, Ticket, plain_mail_to};
use crate::support::stage::{Stage, dispatched, office};
use crate::threads::VISIT;

on_both_stores!(
    ten_thousand_overdue_at_the_first_start_are_one_digest_until_they_are_released,
    what_stands_open_when_a_rehearsal_ends_is_told_after_its_release_and_what_comes_then_at_once,
    a_person_gets_one_message_in_the_pace_and_what_waits_becomes_one,
);

const PEOPLE: usize = 50;

/// As it goes out, at most one message to a person in so much time.
fn live(pace: &str, sink: &Sink) -> String {
    format!("[notify]\nmode = \"live\"\npace = \"{pace}\"\n{}", plain_mail_to(sink.port))
}

/// How many mails each receiver got.
fn by_receiver(taken: &[Taken]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for taken in taken {
        *counts.entry(taken.letter().get("To").unwrap_or_default().to_owned()).or_default() += 1;
    }
    counts
}

fn release(site: &Site, more: &[&str]) -> String {
    let config = site.path("duban.toml").display().to_string();
    let run = duban(&[&["--config", &config, "deliveries", "release"][..], more].concat());
    assert_eq!(run.status, 0, "{run:?}");
    format!("{}{}", run.stdout, run.stderr)
}

/// Watches how much memory of its own a daemon has; its program's pages, which are larger in tests, do not count.
struct Watched {
    most: Arc<AtomicU64>,
}

impl Watched {
    fn start(pid: u32) -> Self {
        let most = Arc::new(AtomicU64::new(0));
        let seen = most.clone();
        thread::spawn(move || {
            while let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) {
                let line = status.lines().find(|line| line.starts_with("RssAnon"));
                let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or_default();
                seen.fetch_max(kib, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(20));
            }
        });
        Self { most }
    }

    /// The most so far, in MiB.
    fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed) / 1024
    }
}

fn ten_thousand_overdue_at_the_first_start_are_one_digest_until_they_are_released(site: &Site) {
    let sink = Sink::start(PAUSE);
    site.configure(&live("1/5m", &sink));
    let owner = |n: usize| format!("h{:02}", n % PEOPLE);
    site.contacts((0..PEOPLE).map(owner));
    let long_ago = ahead(-90_000);
    let overdue = |n: usize| Ticket::due_at(&format!("T{n:05}"), long_ago).handled_by(&owner(n));
    let tickets: Vec<Ticket> = (0..10_000).map(overdue).collect();
    site.tickets(&tickets);
    let daemon = Daemon::start(site);
    let memory_used = Watched::start(daemon.pid());
    assert!(holds_within(120, || daemon.times("polled source=tickets") > 0), "{}", daemon.log());
    let memory = Memory::of(site);
    assert!(holds_within(20, || sink.count() == 1), "{}", sink.count());
    daemon.polls_again(2);
    assert_eq!(by_receiver(&sink.taken()).len(), 1, "one digest");
    assert!(sink.taken()[0].letter().get("To").is_some_and(|to| to.contains("ops@city.test")));
    assert!(memory.number("SELECT count(*) FROM cards WHERE level = 'red'") >= 10_000);

    let counts = release(site, &[]);
    assert!(counts.contains("h00") && counts.contains("u1"), "{counts}");
    assert_eq!(sink.count(), 1, "looking releases nothing");
    release(site, &["--yes"]);
    assert!(holds_within(60, || sink.count() > PEOPLE + 1), "{} mails\n{}", sink.count(), daemon.log());
    // And these people's next cards wait for five minutes, to be one message then.
    let more = (0..PEOPLE).map(|n| Ticket::due_at(&format!("N{n}"), now()).handled_by(&owner(n)));
    site.tickets(&tickets.into_iter().chain(more).collect::<Vec<_>>());
    daemon.polls_again(3);
    let counts = by_receiver(&sink.taken());
    assert_eq!(counts.len(), PEOPLE + 2, "each handler, the unit's contact and the operator");
    assert!(counts.values().all(|count| *count == 1), "{counts:#?}");
    let used = memory_used.most();
    println!("10,000 overdue at the first start: {used} MiB at most, {} mails", sink.count());
    assert!(used <= 150, "{used} MiB");
    assert_eq!(daemon.stop(), 0);
}

fn what_stands_open_when_a_rehearsal_ends_is_told_after_its_release_and_what_comes_then_at_once(site: &Site) {
    let sink = Sink::start(PAUSE);
    let rehearsal = format!("[notify]\npace = \"\"\n{}", plain_mail_to(sink.port));
    site.configure(&rehearsal);
    let far = Ticket::due_at("T0", ahead(90_000));
    site.tickets(std::slice::from_ref(&far));
    let daemon = Daemon::polled(site);
    // It falls due in rehearsal: the people hear nothing.
    let open = Ticket::due_at("T1", now());
    site.tickets(&[far.clone(), open.clone()]);
    daemon.mails_in(site, "rehearsal", 3);
    assert_eq!(sink.count(), 0);

    site.configure(&rehearsal.replace("[notify]", "[notify]\nmode = \"live\""));
    daemon.signal("HUP");
    daemon.says_within(20, "reloaded");
    let memory = Memory::of(site);
    let held = || {
        memory.number("SELECT count(*) FROM notices WHERE state = 'held' AND hold LIKE '%baseline%' AND NOT rehearsal")
    };
    assert!(holds_within(20, || held() == 2), "{}\n{}", held(), daemon.log());
    let told =
        |name: &str| sink.taken().iter().filter(|t| t.letter().get("To").is_some_and(|to| to.contains(name))).count();
    // What comes after is told at once.
    site.tickets(&[far.clone(), open.clone(), Ticket::due_at("T2", now())]);
    assert!(holds_within(20, || told("h1@") == 1 && told("u1@") == 1), "{}", daemon.log());
    daemon.polls_again(2);
    assert_eq!((told("h1@"), told("u1@")), (1, 1), "what stood open waits for its release");
    release(site, &["--yes"]);
    assert!(holds_within(20, || told("h1@") == 2 && told("u1@") == 2), "{}", daemon.log());
    // The end of what was told only in rehearsal and then released is told live.
    site.tickets(&[far, open.on_site(now())]);
    daemon.polls_again(3);
    assert!(holds_within(20, || told("h1@") >= 3), "{}", daemon.log());
    assert_eq!(daemon.stop(), 0);
}

fn a_person_gets_one_message_in_the_pace_and_what_waits_becomes_one(site: &Site) {
    let sink = Sink::start(PAUSE);
    site.configure(&live("1/8s", &sink));
    let far = Ticket::due_at("T0", ahead(90_000));
    let mut tickets = vec![far];
    site.tickets(&tickets);
    let daemon = Daemon::polled(site);
    let to_handler = || sink.taken_by("h1").len();
    for n in 1..=4 {
        tickets.push(Ticket::due_at(&format!("T{n}"), now()));
        site.tickets(&tickets);
        daemon.polls_again(1);
        if n == 1 {
            assert!(holds_within(10, || to_handler() == 1), "{}", daemon.log());
        }
    }
    assert!(holds_within(20, || to_handler() == 2), "{}", daemon.log());
    let said = sink.taken_by("h1");
    let text = |taken: &Taken| taken.letter().parts.first().map(|part| part.body.clone()).unwrap_or_default();
    let (first, second) = (text(&said[0]), text(&said[1]));
    assert!(first.contains("T1") && !first.contains("T2"), "{first}");
    assert!(["T2", "T3", "T4"].iter().all(|id| second.contains(id)), "{second}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_comes_while_a_message_waits_for_more_to_say_is_in_it() {
    let site = office(&[("visit", VISIT)], "");
    site.put("routes.toml", "[[routes]]\nname = \"together\"\nwait = \"10m\"\n");
    let mut stage = Stage::open_at(site, "2026-03-02 09:00");
    let due = |(id, at): (&str, &str)| dispatched(id, &format!("2026-03-02 {at}"));
    stage.source(&[("T1", "08:00"), ("T2", "08:04"), ("T3", "08:09"), ("T4", "08:20")].map(due));
    stage.until("2026-03-02 11:00");
    stage.tells("h1", &["03-02 10:10 [3 red] 3 in all", "03-02 10:30 [Red card] T4"]);
}
