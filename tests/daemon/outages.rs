//! The server of the memory breaks, again and again, while tickets fall due: nothing is lost, what is said twice is the
//! same message and was being sent, and the daemon goes on by itself as soon as the server is back.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;

use chrono::TimeDelta;
use duban::core::Instant;
use sqlx::{AssertSqlSafe, ConnectOptions as _};

use crate::machine;
use crate::proof::{PAUSE, assert_each_by_one_message, is_over, repeats, some_millis, told};
use crate::support::daemon::Daemon;
use crate::support::is_long;
use crate::support::memory::Memory;
use crate::support::patience::{ahead, holds_within, now};
use crate::support::postgres::{Database, Postgres};
use crate::support::proxy::{Direction, Mode, Proxy};
use crate::support::sink::{Sink, Taken};
use crate::support::site::{LIVE, Site, Ticket, plain_mail_to};

/// Tickets that fall due in the course of an event.
const LOAD: usize = 30;

/// How soon after the server's return the daemon has to go on.
const SOON: TimeDelta = TimeDelta::seconds(5);

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
enum Outage {
    /// The server breaks while the daemon is in a transaction that writes this table, or at any instant.
    Server(Break, Option<&'static str>),
    /// The network cuts every connection after some bytes.
    Cut(How, Direction),
    /// The network stands still in a direction after some bytes.
    Stall(Direction),
    /// Nobody listens.
    Refuse,
}

/// How a server breaks.
#[derive(Debug, Clone, Copy)]
enum Break {
    /// `kill -9`.
    Crash,
    /// `-m immediate`.
    Immediate,
    /// Connections are terminated; the server itself goes on.
    Terminate,
}

/// How a network cuts.
#[derive(Debug, Clone, Copy)]
enum How {
    /// Each side hears that the other has closed.
    Close,
    /// Each side hears that the connection is void.
    Reset,
}

use Break::{Crash, Immediate, Terminate};
use Direction::{Down, Up};
use How::{Close, Reset};
use Outage::{Cut, Refuse, Server, Stall};

/// Written by turns only.
const TURN: Option<&str> = Some("transitions");
/// Written by claims and settlements.
const SETTLE: Option<&str> = Some("attempts");

const OUTAGES: [Outage; 14] = [
    Server(Crash, TURN),
    Cut(Close, Up),
    Server(Immediate, SETTLE),
    Cut(Reset, Down),
    Server(Terminate, TURN),
    Cut(Close, Down),
    Server(Crash, SETTLE),
    Cut(Reset, Up),
    Server(Immediate, TURN),
    Refuse,
    Server(Terminate, SETTLE),
    Stall(Up),
    Server(Crash, None),
    Stall(Down),
];

/// All that takes part.
struct Scene<'a> {
    postgres: &'a Postgres,
    database: &'a Database<'a>,
    proxy: &'a Proxy,
    /// What the daemon was doing when the server broke, as the server saw it.
    amid: RefCell<Vec<String>>,
}

impl Scene<'_> {
    /// Has something go wrong and be well again; when that began and ended.
    fn suffer(&self, outage: Outage) -> (Instant, Instant) {
        match outage {
            Server(how, None) => self.break_server(how),
            Server(how, Some(table)) => self.amid(table, || self.break_server(how)),
            Cut(how, direction) => self.cut(how, direction),
            Stall(direction) => {
                let bytes = usize::try_from(some_millis(0, 2_000).as_millis()).expect("few");
                self.network(Mode::Hold(direction, bytes), || sleep(some_millis(1_000, 2_000)))
            }
            Refuse => self.network(Mode::Refuse, || sleep(some_millis(500, 2_000))),
        }
    }

    fn break_server(&self, how: Break) -> (Instant, Instant) {
        let began = now();
        match how {
            Crash => self.postgres.crash(),
            Immediate => self.postgres.stop_immediately(),
            Terminate => {
                assert!(self.postgres.terminate_connections() > 0);
                return (began, now());
            }
        }
        sleep(some_millis(100, 2_000));
        self.postgres.start_again();
        (began, now())
    }

    fn cut(&self, how: How, direction: Direction) -> (Instant, Instant) {
        let mode = match how {
            Close => Mode::Close,
            Reset => Mode::Reset,
        };
        // From within the greeting to within a turn; or earlier, if nobody says so much.
        let mut bytes = 1 << (some_millis(0, 16_000).as_millis() / 1_000);
        let before = self.proxy.cuts();
        self.network(mode(direction, bytes), || {
            while !holds_within(2, || self.proxy.cuts() > before) {
                bytes /= 4;
                self.proxy.set(mode(direction, bytes));
            }
            sleep(some_millis(0, 1_000));
        })
    }

    fn network(&self, mode: Mode, meanwhile: impl FnOnce()) -> (Instant, Instant) {
        let began = now();
        self.proxy.set(mode);
        meanwhile();
        self.proxy.set(Mode::Pass);
        (began, now())
    }

    /// Does something while the daemon waits to write a table, in the midst of a transaction.
    fn amid<T>(&self, table: &str, work: impl FnOnce() -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        let _inside = runtime.enter();
        let options = self.postgres.superuser(&self.database.name);
        let connect = || runtime.block_on(options.connect()).expect("connected");
        let (mut lock, mut eyes) = (connect(), connect());
        let sql = format!("BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE");
        runtime.block_on(sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut lock)).expect("locked");
        let waits =
            "SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        let mut waiting: Option<String> = None;
        let waits = || {
            waiting = runtime.block_on(sqlx::query_scalar(waits).fetch_optional(&mut eyes)).expect(waits);
            waiting.is_some()
        };
        assert!(holds_within(20, waits), "nothing is written to {table}");
        let done = work();
        self.amid.borrow_mut().extend(waiting);
        done
    }

    /// How often the daemon was in the midst of a statement with these words.
    fn times_amid(&self, words: &str) -> usize {
        self.amid.borrow().iter().filter(|statement| statement.contains(words)).count()
    }
}

/// The tickets of a run: some fall due in the course of each event, and one just after it.
struct Work<'a> {
    site: &'a Site,
    tickets: RefCell<Vec<(String, Ticket)>>,
    on_site: RefCell<BTreeMap<String, Instant>>,
}

impl Work<'_> {
    fn id(number: usize) -> String {
        format!("h{number:04}")
    }

    /// Adds tickets that fall due at these instants, and shows them to the source; the id of the last.
    fn falls_due(&self, at: impl IntoIterator<Item = Instant>) -> String {
        let mut tickets = self.tickets.borrow_mut();
        for at in at {
            let id = Self::id(tickets.len());
            tickets.push((id.clone(), Ticket::due_at(&format!("T{id}"), at).handled_by(&id)));
        }
        let on_site = self.on_site.borrow();
        let as_of_now = |(id, ticket): &(String, Ticket)| match on_site.get(id) {
            Some(at) => ticket.on_site(*at),
            None => ticket.clone(),
        };
        self.site.tickets(&tickets.iter().map(as_of_now).collect::<Vec<_>>());
        tickets.last().map(|(id, _)| id.clone()).unwrap_or_default()
    }

    /// Somebody is on site for some of these, where nobody was so far.
    fn visits(&self, told: impl Iterator<Item = String>) {
        let (mut on_site, at) = (self.on_site.borrow_mut(), now());
        let fresh: Vec<String> = told.filter(|id| !on_site.contains_key(id)).take(LOAD / 3).collect();
        on_site.extend(fresh.into_iter().map(|id| (id, at)));
    }

    fn count(&self) -> usize {
        self.tickets.borrow().len()
    }
}

/// How often each delivery was under way in the course of an event, by id.
fn in_flight(memory: &Memory, events: &[(Instant, Instant)]) -> BTreeMap<String, usize> {
    let attempts = "SELECT delivery || ' ' || claimed_at || ' ' || coalesce(settled_at, 0) FROM attempts";
    let mut in_flight: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for attempt in memory.column(attempts) {
        let [delivery, claimed_at, settled_at] = attempt.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{attempt}")
        };
        let [claimed_at, settled_at]: [i64; 2] = [claimed_at, settled_at].map(|at| at.parse().expect("an instant"));
        for (event, (began, ended)) in events.iter().enumerate() {
            let is_settled = settled_at != 0 && settled_at < began.timestamp_micros();
            if claimed_at <= ended.timestamp_micros() && !is_settled {
                in_flight.entry(delivery.to_owned()).or_default().insert(event);
            }
        }
    }
    in_flight.into_iter().map(|(id, events)| (id, events.len())).collect()
}

/// Waits until the daemon polls and tells again; how long after the return each began.
fn goes_on(daemon: &Daemon, work: &Work, sink: &Sink, returned: Instant) -> (TimeDelta, TimeDelta) {
    let polls = daemon.times("polled source=tickets");
    let probe_due = ahead(1);
    let probe = work.falls_due([probe_due]);
    assert!(holds_within(30, || daemon.times("polled source=tickets") > polls), "it does not poll:\n{}", daemon.log());
    let polled_after = now() - returned;
    let is_probe = |taken: &&Taken| {
        let letter = taken.letter();
        letter.get("Subject").is_some_and(|subject| subject.starts_with(&format!("[Red card] T{probe} ")))
    };
    let told_at = || sink.taken_by(&probe).iter().find(is_probe).map(|taken| taken.at);
    assert!(holds_within(30, || told_at().is_some()), "{probe} is not told:\n{}", daemon.log());
    (polled_after, told_at().expect("it is told") - probe_due)
}

#[test]
fn a_server_that_breaks_again_and_again_loses_no_card_and_the_daemon_goes_on_by_itself() {
    let _alone = machine();
    let count = if is_long() { 50 } else { OUTAGES.len() };
    let postgres = Postgres::start();
    let (database, proxy, sink) = (postgres.new_database(), Proxy::before(postgres.port), Sink::start(PAUSE));
    let site = Site::on_database(&database.url_through(proxy.port), &database.url());
    site.configure(&format!("{LIVE}{}", plain_mail_to(sink.port)));
    site.contacts((0..=count * (LOAD + 1)).map(Work::id));
    let work = Work { site: &site, tickets: RefCell::default(), on_site: RefCell::default() };
    let scene = Scene { postgres: &postgres, database: &database, proxy: &proxy, amid: RefCell::default() };
    // A source that never had a row would not be believed.
    work.falls_due([ahead(10)]);
    let daemon = Daemon::polled(&site);

    let (mut events, mut slowest) = (Vec::new(), (TimeDelta::zero(), TimeDelta::zero()));
    for outage in OUTAGES.into_iter().cycle().take(count) {
        work.visits(told(&sink.taken(), "Red card").into_keys());
        let first_due = ahead(1);
        work.falls_due((0..LOAD).map(|n| first_due + TimeDelta::milliseconds(100 * i64::try_from(n).expect("few"))));
        sleep(some_millis(1_000, 3_000));
        let (began, returned) = scene.suffer(outage);
        let (polls, tells) = goes_on(&daemon, &work, &sink, returned);
        println!(
            "{outage:?}, {} ms: polls {} ms after the return, tells {} ms after the instant",
            (returned - began).num_milliseconds(),
            polls.num_milliseconds(),
            tells.num_milliseconds(),
        );
        assert!(polls <= SOON && tells <= SOON, "{outage:?}: {polls}, {tells}:\n{}", daemon.log());
        slowest = (slowest.0.max(polls), slowest.1.max(tells));
        events.push((began, returned));
    }

    let memory = Memory::of(&site);
    assert!(holds_within(30, || is_over(&memory)), "something waits for ever:\n{}", daemon.log());
    assert_eq!(daemon.stop(), 0, "the daemon of the beginning");
    let done = work.on_site.take();
    let number = |sql: &str| usize::try_from(memory.number(sql)).expect("a count");
    assert!(!done.is_empty(), "nobody was told before the last event");
    assert_eq!(number("SELECT count(*) FROM cards WHERE level = 'red'"), work.count() - done.len());
    let unsent = memory.column("SELECT state FROM deliveries WHERE state <> 'sent'");
    // What was overtaken by something worse while it waited needs not be said any more.
    assert!(unsent.iter().all(|state| state == "cancelled"), "{unsent:?}");
    let taken = sink.taken();
    assert_each_by_one_message(&told(&taken, "Red card"), (0..work.count()).map(Work::id));
    assert_each_by_one_message(&told(&taken, "Cleared"), done.into_keys());
    let in_flight = in_flight(&memory, &events);
    let (repeats, in_flight) = (repeats(&taken, &in_flight), in_flight.values().sum::<usize>());
    let cut_amid = postgres.log().matches("on client connection with an open transaction").count();
    println!(
        "{count} events, {} in mid-turn, {} in mid-settle, {} in mid-claim, {} connections cut, {} of them in \
         mid-transaction: {} mails, {} cancelled, {repeats} repeats, {in_flight} in flight; at the slowest it polled \
         {} ms after the return and told {} ms after the instant",
        scene.times_amid("INTO transitions"),
        scene.times_amid("UPDATE attempts"),
        scene.times_amid("INTO attempts"),
        proxy.cuts(),
        cut_amid,
        taken.len(),
        unsent.len(),
        slowest.0.num_milliseconds(),
        slowest.1.num_milliseconds(),
    );
    assert!(scene.times_amid("INTO transitions") > 0 && scene.times_amid("UPDATE attempts") > 0, "{:?}", scene.amid);
}
