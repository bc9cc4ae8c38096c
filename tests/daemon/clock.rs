//! A clock that steps, and a monitor that hears from a daemon that lives: on a clock that the test moves.

use std::sync::Arc;
use std::time::Duration;

use axum::response::IntoResponse as _;
use chrono::TimeDelta;
use duban::core::Instant;
use duban::core::audit::Act;
use duban::daemon::clock::confirm;
use duban::daemon::run::{Daemon, Signals};
use duban::daemon::wiring::Site as ReadSite;
use duban::playbook::InForce;
use duban::store::Store;
use duban::store::memory::MemoryStore;
use duban::time::{Clock as _, TestClock};
use tokio::sync::watch;

use crate::support::gateway::Gateway;
use crate::support::site::{LIVE, Site, Ticket};

fn noon() -> Instant {
    "2026-03-02T04:00:00Z".parse().expect("an instant")
}

/// A daemon on a clock that stands until it is moved.
struct House {
    site: Site,
    store: Arc<MemoryStore>,
    clock: Arc<TestClock>,
    signals: Signals,
    in_force: watch::Receiver<Option<InForce>>,
    running: std::thread::JoinHandle<()>,
}

impl House {
    fn start(site: Site, store: Arc<MemoryStore>, at: Instant) -> Self {
        let (clock, signals) = (Arc::new(TestClock::at(at)), Signals::default());
        let (sender, in_force) = watch::channel(None);
        let read = ReadSite::read(&site.path("duban.toml")).expect("a configuration");
        let (its_store, its_clock, its_signals) = (store.clone(), clock.clone(), signals.clone());
        let running = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let daemon = Daemon {
                site: read,
                store: its_store,
                clock: its_clock,
                lookup: &|_| None,
                signals: its_signals,
                events: None,
                in_force: sender,
                watchdog: None,
            };
            runtime.expect("a runtime").block_on(daemon.run()).expect("it runs to its end");
        });
        Self { site, store, clock, signals, in_force, running }
    }

    /// Lets so many seconds pass, and the daemon work in each.
    async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(4)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    /// Lets time pass until something holds.
    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..300 {
            if holds(self) {
                return;
            }
            self.pass(1).await;
        }
        panic!("not within five minutes: {what}; doubt {:?}, mails {:?}", self.doubt(), self.subjects(""));
    }

    fn doubt(&self) -> Option<String> {
        let in_force = self.in_force.borrow();
        in_force.as_ref().and_then(|in_force| in_force.clock_doubt.borrow().clone())
    }

    /// The subjects of the mails to a contact.
    fn subjects(&self, id: &str) -> Vec<String> {
        let letters = self.site.mails("mail").into_iter();
        let own = letters.filter(|letter| letter.get("To").is_some_and(|to| to.contains(id)));
        own.filter_map(|letter| letter.get("Subject").map(str::to_owned)).collect()
    }

    fn held(&self) -> usize {
        self.subjects("ops@").iter().filter(|subject| subject.contains("The clock is in doubt")).count()
    }

    fn stop(self) -> (Site, Arc<MemoryStore>) {
        self.signals.stop.cancel();
        self.running.join().expect("it ended well");
        (self.site, self.store)
    }
}

/// A site whose ticket is due an hour after noon.
fn site() -> Site {
    let site = Site::new();
    site.configure(LIVE);
    site.tickets(&[
        Ticket::due_at("T1", noon() + TimeDelta::hours(1)),
        Ticket::due_at("T0", noon() + TimeDelta::days(9)),
    ]);
    site
}

/// A daemon that has polled, and whose clock then stepped two hours ahead.
async fn stepped() -> House {
    let house = House::start(site(), Arc::new(MemoryStore::new()), noon());
    house.until("the first poll", |house| !house.subjects("ops@").is_empty()).await;
    assert_eq!(house.doubt(), None);
    house.clock.set(house.clock.now() + TimeDelta::hours(2));
    house.until("the doubt", |house| house.held() == 1).await;
    assert!(house.doubt().is_some_and(|doubt| doubt.starts_with("it stepped forward: expected 2026-03-02T04:")));
    house.pass(90).await;
    assert_eq!(house.subjects("h1@"), Vec::<String>::new(), "nobody but operators is told");
    assert_eq!(house.held(), 1, "and they once");
    house
}

#[tokio::test]
async fn a_step_forward_holds_all_but_operators_messages_until_somebody_confirms_it() {
    let house = stepped().await;
    assert!(confirm(&*house.store, Some(&by_li())).await.expect("confirmed"));
    house.until("the handler is told", |house| house.subjects("h1@").len() == 1).await;
    assert_eq!(house.doubt(), None);
    assert!(!confirm(&*house.store, Some(&by_li())).await.expect("confirmed"), "there is nothing to confirm");
    house.stop();
}

#[tokio::test]
async fn a_doubt_outlives_the_daemon_and_ends_when_the_clock_is_put_right() {
    let house = stepped().await;
    let now = house.clock.now();
    let (site, store) = house.stop();
    let house = House::start(site, store, now + TimeDelta::minutes(1));
    house.until("it runs", |house| house.in_force.borrow().is_some()).await;
    house.pass(60).await;
    assert!(house.doubt().is_some_and(|doubt| doubt.contains("nobody has confirmed it")), "{:?}", house.doubt());
    assert_eq!((house.subjects("h1@").len(), house.held()), (0, 1));
    assert!(confirm(&*house.store, Some(&by_li())).await.expect("confirmed"));
    house.until("the handler is told", |house| house.subjects("h1@").len() == 1).await;
    house.clock.set(house.clock.now() + TimeDelta::hours(1));
    house.until("another doubt", |house| house.held() == 2).await;
    house.clock.set(house.clock.now() - TimeDelta::hours(1));
    house.until("it is over", |house| house.doubt().is_none()).await;
    house.pass(20).await;
    assert!(!confirm(&*house.store as &dyn Store, Some(&by_li())).await.expect("confirmed"), "it was taken back");
    house.stop();
}

#[tokio::test]
async fn a_start_before_what_is_remembered_holds_until_the_time_is_right() {
    let house = House::start(site(), Arc::new(MemoryStore::new()), noon());
    house.until("the first poll", |house| !house.subjects("ops@").is_empty()).await;
    let (site, store) = house.stop();
    let house = House::start(site, store, "1970-01-01T00:05:00Z".parse().expect("an instant"));
    house.until("the doubt", |house| house.doubt().is_some()).await;
    house.clock.set(noon() + TimeDelta::minutes(90));
    house.until("the handler is told", |house| house.subjects("h1@").len() == 1).await;
    assert_eq!(house.doubt(), None, "a time server has put it right");
    house.stop();
}

/// healthchecks/healthchecks#363: a test message arrives and no alert does, since what sends them does not run, which
/// nothing says.
#[tokio::test]
async fn healthchecks_363_a_monitor_hears_from_a_daemon_only_while_its_loops_move() {
    let gateway = Gateway::start(|| "OK".into_response()).await;
    let site = site();
    let port = gateway.port;
    site.configure(&format!(
        "{LIVE}[heartbeat]\nurl = \"http://127.0.0.1:{port}/ping/secret\"\nevery = \"30s\"\n\
         allow_networks = [\"127.0.0.1\"]\n"
    ));
    let house = House::start(site, Arc::new(MemoryStore::new()), noon());
    house.until("the first beats", |_| gateway.asked().len() >= 2).await;
    let before = gateway.asked().len();
    house.pass(300).await;
    let beats = gateway.asked().len() - before;
    assert!((4..=10).contains(&beats), "{beats} beats in five minutes");
    assert!(gateway.asked().iter().all(|asked| asked.method == "GET" && asked.uri.path() == "/ping/secret"));
    // The clock goes on, the loops do not: nothing is heard of a daemon that is no more.
    let (clock, heard) = (house.clock.clone(), gateway.asked().len());
    house.stop();
    clock.advance(Duration::from_mins(5));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(gateway.asked().len(), heard);
}

fn by_li() -> Act {
    Act::new("clock.confirm", "clock", "li", Instant::UNIX_EPOCH)
}
