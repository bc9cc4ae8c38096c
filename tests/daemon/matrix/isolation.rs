//! A channel whose server hangs, beside one whose server is well: the one does not slow the other.

use std::time::Duration;

use chrono::TimeDelta;

use crate::machine;
use crate::support::daemon::Daemon;
use crate::support::gateway::Gateway;
use crate::support::is_long;
use crate::support::memory::Memory;
use crate::support::patience::{ahead, holds_within};
use crate::support::proxy::{Direction, Mode, Proxy};
use crate::support::site::{LIVE, Site, Ticket};

/// Messages for the channel that is well.
const WELL: usize = 200;

/// Messages that fall due together, and how far from the next.
const AT_ONCE: usize = 10;
const APART: TimeDelta = TimeDelta::milliseconds(250);

/// How many messages a channel holds at most: four for each of four connections.
const ROOM: usize = 16;

/// How long the server of the other channel takes.
const PAUSE: Duration = Duration::from_millis(20);

/// What becomes of what one channel says, and how much it has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    /// Nothing to say.
    Nothing,
    /// Requests are taken and never answered.
    Blackhole(usize),
    /// Answers come at a byte in a second.
    Drip(usize),
}

use Beside::{Blackhole, Drip, Nothing};

impl Beside {
    const fn count(self) -> usize {
        match self {
            Nothing => 0,
            Blackhole(count) | Drip(count) => count,
        }
    }

    fn mode(self) -> Mode {
        match self {
            Nothing => Mode::Pass,
            Blackhole(_) => Mode::Hold(Direction::Down, 0),
            Drip(_) => Mode::Drip(Direction::Down, Duration::from_secs(1)),
        }
    }
}

/// A site with two channels and their servers.
struct Scene {
    site: Site,
    _proxy: Proxy,
    beside: Beside,
}

impl Scene {
    fn set(beside: Beside) -> Self {
        let (site, server) = (Site::new(), Gateway::apart(PAUSE));
        let proxy = Proxy::before(server.port);
        proxy.set(beside.mode());
        let channel = |name: &str, port: u16| {
            format!(
                "[channels.{name}.webhook]\nurl = \"http://127.0.0.1:{port}/\"\nmedium = \"mail\"\nidempotent = true\n\
                 timeout = 300\nallow_networks = [\"127.0.0.1\"]\n"
            )
        };
        site.configure(&format!("{LIVE}{}{}", channel("hang", proxy.port), channel("well", server.port)));
        let ladder = |name: &str, role: &str, channel: &str| {
            format!("[{name}]\n[[{name}.steps]]\nroles = [\"{role}\"]\nyellow = []\nred = [\"{channel}\"]\n")
        };
        let ladders = [("hang", "handler", "hang"), ("handlers", "handler", "well"), ("operators", "operator", "well")];
        site.put("ladders.toml", &ladders.map(|(name, role, channel)| ladder(name, role, channel)).concat());
        site.put("routes.toml", "[[routes]]\nname = \"hang\"\nmatch = { owner = \"hang*\" }\nladder = \"hang\"\n");
        let names = |name: &'static str, count| (0..count).map(move |n| format!("{name}{n:03}"));
        site.contacts(names("hang", beside.count()).chain(names("well", WELL)));
        site.tickets(&[far()]);
        Self { site, _proxy: proxy, beside }
    }

    /// Has everything fall due, and waits until the channel that is well has said all.
    fn play(&self, apart: TimeDelta) -> Daemon {
        let daemon = Daemon::polled(&self.site);
        let (first, overdue) = (ahead(3), ahead(-2));
        let ticket = |name: &str, n: usize, at| {
            Ticket::due_at(&format!("T-{name}{n:03}"), at).handled_by(&format!("{name}{n:03}"))
        };
        let due = |n: usize| first + apart * i32::try_from(n / AT_ONCE).expect("few");
        let hanging = (0..self.beside.count()).map(|n| ticket("hang", n, overdue));
        let well = (0..WELL).map(|n| ticket("well", n, due(n)));
        self.site.tickets(&hanging.chain(well).chain([far()]).collect::<Vec<_>>());
        let is_over = || self.number("contact LIKE 'well%' AND state = 'sent'") == WELL;
        assert!(holds_within(60, is_over), "{:?}:\n{}", self.beside, daemon.log());
        daemon
    }

    fn number(&self, which: &str) -> usize {
        let count = Memory::left_by(&self.site).number(&format!("SELECT count(*) FROM deliveries WHERE {which}"));
        usize::try_from(count).expect("a count")
    }

    /// Milliseconds from the plan of each message to its settlement, in their order.
    fn latencies(&self) -> Vec<f64> {
        let sql = "SELECT cast(settled_at - opened_at AS TEXT) FROM deliveries WHERE contact LIKE 'well%'";
        let found = Memory::left_by(&self.site).column(sql);
        found.iter().map(|micros| micros.parse::<f64>().expect("a number") / 1_000.0).collect()
    }
}

fn far() -> Ticket {
    Ticket::due_at("T-far", ahead(90_000)).handled_by("nobody")
}

#[test]
fn all_that_another_channel_has_to_say_is_said_while_one_hangs() {
    let _alone = machine();
    for beside in [Blackhole(50), Drip(ROOM - 1)] {
        let scene = Scene::set(beside);
        let daemon = scene.play(TimeDelta::zero());
        let under_way = scene.number("channel = 'hang' AND state = 'sending'");
        assert_eq!(under_way, beside.count().min(ROOM), "{beside:?}:\n{}", daemon.log());
        let tried = "SELECT count(*) FROM attempts JOIN deliveries ON id = delivery
            WHERE channel = 'hang' AND attempts.settled_at IS NOT NULL";
        assert_eq!(Memory::left_by(&scene.site).number(tried), 0, "none has ended");
        daemon.kill();
    }
}

/// The median and the 99th percentile of a run.
#[derive(Debug, Clone, Copy)]
struct Figures {
    median: f64,
    p99: f64,
}

fn measure(beside: Beside) -> Figures {
    let scene = Scene::set(beside);
    scene.play(APART).kill();
    let mut latencies = scene.latencies();
    latencies.sort_by(f64::total_cmp);
    let figures = Figures { median: latencies[latencies.len() / 2], p99: latencies[latencies.len() * 99 / 100] };
    println!("{beside:?}: median {:.1} ms, 99th percentile {:.1} ms", figures.median, figures.p99);
    figures
}

/// How many times as long it takes with as without, in the best of the runs: the machine may be busy with something else.
fn ratio(with: &[Figures], without: &[Figures], figure: fn(&Figures) -> f64) -> f64 {
    let best = |runs: &[Figures]| runs.iter().map(figure).fold(f64::INFINITY, f64::min);
    best(with) / best(without)
}

#[test]
fn another_channels_latency_hardly_changes_while_one_hangs() {
    const MOST_RUNS: usize = 12;
    if !is_long() {
        return;
    }
    let _alone = machine();
    for beside in [Blackhole(ROOM - 1), Blackhole(50), Drip(50)] {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        let is_close = (0..MOST_RUNS).any(|run| {
            without.push(measure(Nothing));
            with.push(measure(beside));
            let [median, p99] =
                [|run: &Figures| run.median, |run: &Figures| run.p99].map(|of| ratio(&with, &without, of));
            println!("{beside:?}: median {median:.2} of the usual, 99th percentile {p99:.2}");
            run >= 2 && median <= 1.2 && p99 <= 2.0
        });
        assert!(is_close, "{beside:?}: {with:?}, without {without:?}");
    }
}
