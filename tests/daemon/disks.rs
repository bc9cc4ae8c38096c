//! Disks that are full, read-only or broken: nothing is told that was not written down before, operators hear of it past
//! the store and once, and the daemon goes on by itself, or ends where it cannot know any more what was written.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use chrono::TimeDelta;

use crate::proof::{
    PAUSE, Said as _, add_what_was_under_way, assert_each_by_one_message, assert_each_was_claimed, is_over, repeats,
    told,
};
use crate::support::daemon::{Daemon, ask};
use crate::support::is_long;
use crate::support::memory::Memory;
use crate::support::patience::{ahead, free_port, holds_within, now};
use crate::support::sink::{Sink, Taken};
use crate::support::site::{LIVE, Site, Ticket, plain_mail_to};

/// Tickets that fall due in the course of a trouble.
const LOAD: usize = 6;

/// The receiver of what concerns duban itself.
const OPERATOR: &str = "ops";

/// The daemon becomes what this prepares: it is alone with its mounts, which go with it.
fn alone_with_mounts<'a>(script: &'a str, folder: &'a str) -> Vec<&'a str> {
    let is_root = fs::metadata("/proc/self").expect("a process").uid() == 0;
    let enter: &[&str] = if is_root { &["unshare", "--mount"] } else { &["unshare", "--map-root-user", "--mount"] };
    [enter, &["/bin/sh", "-ec", script, "sh", folder]].concat()
}

/// Tickets, each of one handler, that fall due one after the other from so many seconds on.
fn tickets(range: std::ops::Range<usize>, seconds: i64) -> Vec<Ticket> {
    let (first, due) = (range.start, ahead(seconds));
    let due = |n: usize| due + TimeDelta::milliseconds(300 * i64::try_from(n - first).expect("few"));
    range.map(|n| Ticket::due_at(&format!("Th{n:04}"), due(n)).handled_by(&format!("h{n:04}"))).collect()
}

fn ids(range: std::ops::Range<usize>) -> impl Iterator<Item = String> {
    range.map(|n| format!("h{n:04}"))
}

/// A ticket that is far from due.
fn far() -> Ticket {
    Ticket::due_at("T", ahead(90_000))
}

fn is_emergency(mail: &Taken) -> bool {
    mail.to() == OPERATOR && mail.subject().contains("store does not work")
}

/// A daemon on a site whose store will make trouble.
struct Scene<'a> {
    site: &'a Site,
    daemon: &'a Daemon,
    sink: &'a Sink,
    page: u16,
}

impl Scene<'_> {
    fn get(&self, path: &str) -> (bool, String) {
        let (head, body) = ask(self.page, "GET", path);
        (head.starts_with("HTTP/1.1 200 "), body)
    }

    /// The store cannot be written for a while, in which tickets fall due.
    fn stands_still_and_goes_on(&self, memory: impl Fn() -> Memory, break_it: impl FnOnce(), mend_it: impl FnOnce()) {
        let (Self { site, daemon, sink, .. }, log) = (self, || self.daemon.log());
        assert!(holds_within(10, || self.get("/readyz").0), "{:?}", self.get("/readyz"));
        // What the first poll found.
        assert!(holds_within(10, || sink.count() == 1 && is_over(&memory())), "{}", log());
        break_it();
        site.tickets(&[tickets(0..LOAD, 1), vec![far()]].concat());
        assert!(holds_within(30, || sink.count() == 2), "{} mails:\n{}", sink.count(), log());
        assert!(is_emergency(&sink.taken()[1]), "{}", sink.taken()[1].subject());
        let (is_ready, why) = self.get("/readyz");
        assert!(!is_ready && why.contains("the store cannot be written"), "{why}");
        // What cannot be remembered is not put in force, and ends nothing.
        daemon.signal("HUP");
        daemon.says_within(20, "reload refused, what runs goes on: the store cannot be written");
        // Everything falls due by now, and every loop fails again and again.
        sleep(Duration::from_secs(6));
        for path in ["/", "/api/v1/cards", "/healthz"] {
            assert!(self.get(path).0, "{:?}", self.get(path));
        }
        assert!(self.get("/").1.contains("nobody is told"), "{}", self.get("/").1);
        assert_eq!(sink.count(), 2, "{}", log());

        let mended_at = now();
        mend_it();
        let is_well = || told(&sink.taken(), "Red card").len() == LOAD && self.get("/readyz").0;
        assert!(holds_within(30, is_well), "{:?}\n{}", self.get("/readyz"), log());
        println!("all was told {} ms after the end of the trouble", (now() - mended_at).num_milliseconds());
        assert!(holds_within(30, || is_over(&memory())), "something waits for ever:\n{}", log());
        assert!(!self.get("/").1.contains("nobody is told"), "{}", self.get("/").1);
        let (emergencies, mails): (Vec<_>, Vec<_>) = sink.taken().into_iter().partition(is_emergency);
        assert_eq!(emergencies.len(), 1);
        assert_each_by_one_message(&told(&mails, "Red card"), ids(0..LOAD));
        assert_each_was_claimed(&mails, &memory());
        assert_eq!(repeats(&mails, &BTreeMap::new()), 0);
        assert!(daemon.log().contains("the emergency was told to ops by mail"), "{}", log());
    }
}

/// A site that tells by a sink, shows a page, and has so many handlers.
fn furnish(site: &Site, sink: &Sink, handlers: usize) -> u16 {
    let page = free_port();
    site.configure(&format!("{LIVE}{}[web]\nlisten = \"127.0.0.1:{page}\"\n", plain_mail_to(sink.port)));
    site.contacts(ids(0..handlers));
    site.tickets(&[far()]);
    page
}

#[test]
fn a_full_disk_stops_everything_but_the_page_and_one_emergency_and_room_lets_it_go_on() {
    let (site, sink) = (Site::new(), Sink::start(PAUSE));
    let page = furnish(&site, &sink, LOAD);
    let state = site.path("state");
    fs::create_dir(&state).expect("folder");
    let state = state.to_str().expect("UTF-8");
    let script = "mount -t tmpfs -o size=8m duban-test \"$1\"; shift; exec \"$@\"";
    let under = alone_with_mounts(script, state);
    let daemon = Daemon::start_under(&under, &site, &[("STATE_DIRECTORY", state)]);
    daemon.says_within(20, "polled source=tickets");
    // What the daemon sees there. SQLite does not find its way along such a path, so a copy is looked at.
    let disk = PathBuf::from(format!("/proc/{}/root{state}", daemon.id()));
    let memory = || {
        for file in ["duban.db", "duban.db-wal"] {
            fs::copy(disk.join(file), site.path(file)).expect("copied");
        }
        Memory::Left(site.path("duban.db"))
    };
    let ballast = disk.join("ballast");
    let scene = Scene { site: &site, daemon: &daemon, sink: &sink, page };
    let fill = || {
        let mut file = fs::File::create(&ballast).expect("ballast");
        while file.write_all(&[0; 4096]).is_ok() {}
    };
    scene.stands_still_and_goes_on(memory, fill, || fs::remove_file(&ballast).expect("removed"));
    assert!(memory().is_sound());
    assert_eq!(daemon.stop(), 0);
}

/// `strace`, which has system calls of a process fail; it ends with this value.
struct Interference(Child);

impl Interference {
    /// Has all threads of a running daemon hear an error of each call.
    fn with(daemon: &Daemon, call: &str, error: &str, notes: &Path) -> Self {
        let (process, inject) = (daemon.id().to_string(), format!("inject={call}:error={error}"));
        let mut strace = Command::new("strace");
        strace.args(["-f", "-p", &process, "-e", &format!("trace={call}"), "-e", &inject, "-o"]).arg(notes);
        let own = Self(strace.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("strace"));
        let is_attached = || {
            let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("threads").flatten();
            let status = |task: fs::DirEntry| fs::read_to_string(task.path().join("status")).unwrap_or_default();
            tasks.map(status).all(|status| !status.contains("TracerPid:\t0\n"))
        };
        assert!(holds_within(10, is_attached), "strace does not get hold of it");
        own
    }
}

impl Drop for Interference {
    fn drop(&mut self) {
        let line = format!("kill -TERM {}", self.0.id());
        let _ = Command::new("/bin/sh").args(["-c", &line]).status();
        let _ = self.0.wait();
    }
}

#[test]
fn a_disk_that_turns_read_only_is_as_a_full_one() {
    let (site, sink) = (Site::new(), Sink::start(PAUSE));
    let page = furnish(&site, &sink, LOAD);
    let daemon = Daemon::polled(&site);
    let scene = Scene { site: &site, daemon: &daemon, sink: &sink, page };
    let notes = site.path("notes");
    let interference = std::cell::RefCell::new(None);
    let break_it = || drop(interference.replace(Some(Interference::with(&daemon, "pwrite64", "EROFS", &notes))));
    scene.stands_still_and_goes_on(|| Memory::of(&site), break_it, || drop(interference.take()));
    assert_eq!(daemon.stop(), 0);
    assert!(Memory::of(&site).is_sound());
}

#[test]
fn on_a_read_only_disk_a_daemon_does_not_start_and_says_which_one_it_is() {
    let site = Site::new();
    site.tickets(&[far()]);
    let state = site.path("state");
    fs::create_dir(&state).expect("folder");
    let state = state.to_str().expect("UTF-8");
    let environment = [("STATE_DIRECTORY", state)];
    let script = "mount --bind \"$1\" \"$1\"; mount -o remount,bind,ro \"$1\"; shift; exec \"$@\"";
    for _ in 0..2 {
        let mut daemon = Daemon::start_under(&alone_with_mounts(script, state), &site, &environment);
        assert_eq!(daemon.ends_within(20), 70, "{}", daemon.log());
        daemon.says_within(0, &format!("{state}/duban.db"));
        daemon.says_within(0, "Read-only file system");
        fs::remove_file(site.path("daemon.log")).expect("the log");
        // The second time there is a store.
        let daemon = Daemon::start_with(&site, &environment);
        daemon.says_within(20, "polled source=tickets");
        assert_eq!(daemon.stop(), 0);
        fs::remove_file(site.path("daemon.log")).expect("the log");
    }
}

/// What happens when a thread asks for the n-th time that the disk keeps what it wrote.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// The process is killed before it is done.
    Killed,
    /// It is not done, and the thread hears so.
    Refused,
}

impl Fault {
    const fn injected(self) -> &'static str {
        match self {
            Self::Killed => "signal=SIGKILL",
            Self::Refused => "error=EIO",
        }
    }
}

/// Runs a daemon whose n-th write-through is its last one; `false` if all its work was over before.
fn ends_at_the_nth(site: &Site, fault: Fault, nth: usize) -> bool {
    let (inject, notes) = (format!("inject=fdatasync,fsync:{}:when={nth}", fault.injected()), site.path("notes"));
    let notes = notes.to_str().expect("UTF-8");
    let under = ["strace", "-D", "-f", "-qq", "-o", notes, "-e", "trace=fdatasync,fsync", "-e", &inject];
    let mut daemon = Daemon::start_under(&under, site, &[]);
    let memory = Memory::of(site);
    let polls = daemon.times("polled source=tickets");
    let is_through = |daemon: &Daemon| daemon.times("polled source=tickets") > polls + 5 && is_over(&memory);
    assert!(holds_within(40, || daemon.ended().is_some() || is_through(&daemon)), "{}", daemon.log());
    let Some(ended) = daemon.ended() else { return false };
    let as_expected = match fault {
        Fault::Killed => ended.code().is_none(),
        Fault::Refused => ended.code() == Some(70) && daemon.log().contains("the disk did not confirm"),
    };
    assert!(as_expected, "{fault:?} {nth}: {ended}\n{}", daemon.log());
    true
}

fn whatever_the_nth(fault: Fault) {
    const FEW: [usize; 5] = [1, 4, 9, 15, 22];
    let (site, sink) = (Site::new(), Sink::start(PAUSE));
    let most = if is_long() { 200 } else { FEW.len() };
    furnish(&site, &sink, most * LOAD);
    assert_eq!(Daemon::polled(&site).stop(), 0);
    let (mut all, mut in_flight, mut ends, mut passed) = (vec![far()], BTreeMap::new(), 0, 0);
    for (run, nth) in (1..=most).map(|run| (run, if is_long() { run } else { FEW[run - 1] })) {
        all.extend(tickets((run - 1) * LOAD..run * LOAD, 1));
        site.tickets(&all);
        let is_ended = ends_at_the_nth(&site, fault, nth);
        add_what_was_under_way(&mut in_flight, &site);
        assert!(Memory::left_by(&site).is_sound(), "{fault:?} {nth}");
        // Some errors do no harm, such as of a folder; from some number on all is over before it.
        (ends, passed) = if is_ended { (ends + 1, 0) } else { (ends, passed + 1) };
        if passed == 3 {
            break;
        }
    }
    assert!(ends > 0);
    let (last, memory) = (Daemon::polled(&site), Memory::of(&site));
    assert!(holds_within(60, || is_over(&memory)), "something waits for ever:\n{}", last.log());
    let log = last.log();
    assert_eq!(last.stop(), 0);

    let (emergencies, mails): (Vec<_>, Vec<_>) = sink.taken().into_iter().partition(is_emergency);
    assert_each_by_one_message(&told(&mails, "Red card"), ids(0..(all.len() - 1)));
    assert_each_was_claimed(&mails, &memory);
    let repeats = repeats(&mails, &in_flight);
    // What was said to be settled is settled.
    let sent = memory.column("SELECT id FROM deliveries WHERE state = 'sent'");
    let said =
        log.lines().filter_map(|line| line.split_once("sent id=")).filter_map(|(_, rest)| rest.split(' ').next());
    let said: Vec<&str> = said.collect();
    assert!(!said.is_empty() && said.iter().all(|id| sent.iter().any(|sent| sent == id)), "{said:?} of {sent:?}");
    println!("{fault:?}: {ends} ends, {} mails, {repeats} repeats, {} emergencies", mails.len(), emergencies.len());
    match fault {
        Fault::Killed => assert!(emergencies.is_empty()),
        Fault::Refused => assert!(!emergencies.is_empty() && emergencies.len() <= ends),
    }
}

#[test]
fn killed_at_whatever_write_through_a_daemon_has_stored_all_that_it_said() {
    whatever_the_nth(Fault::Killed);
}

#[test]
fn a_disk_that_does_not_confirm_ends_the_daemon_which_has_stored_all_that_it_said() {
    whatever_the_nth(Fault::Refused);
}
