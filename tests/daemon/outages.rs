//! The server of the memory breaks, again and again, while tickets fall due: nothing is lost, what is said twice is the
//! same message and was being sent, and the daemon goes on by itself as soon as the server is back.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::thread::sleep;

use chrono::TimeDelta;
use duban::core::Instant;
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection};
use tokio::runtime::{self, Runtime};

use crate::machine;
use crate::proof::{
    PAUSE, assert_each_by_one_message, is_over, red_cards_told_to_the_unit, repeats, some_millis, told,
};
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
    /// The server breaks while the daemon is in this work's transaction, or at any instant.
    Server(Break, Option<&'static Gate>),
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

/// The first half of the gates' keys, as the server's advisory locks are named.
const GATES: i32 = 0x6761_7465;

/// A place in the midst of a transaction at which the daemon can be made to wait.
#[derive(Debug)]
struct Gate {
    key: i32,
    /// The rows that pass through it, as a trigger names them.
    rows: &'static str,
}

/// What turns write and nobody else.
const TURN: Gate = Gate { key: 1, rows: "BEFORE INSERT ON transitions FOR EACH ROW" };
/// What settlements write: a notice that was sent.
const SETTLE: Gate = Gate { key: 2, rows: "BEFORE UPDATE ON notices FOR EACH ROW WHEN (new.state = 'sent')" };

const OUTAGES: [Outage; 14] = [
    Server(Crash, Some(&TURN)),
    Cut(Close, Up),
    Server(Immediate, Some(&SETTLE)),
    Cut(Reset, Down),
    Server(Terminate, Some(&TURN)),
    Cut(Close, Down),
    Server(Crash, Some(&SETTLE)),
    Cut(Reset, Up),
    Server(Immediate, Some(&TURN)),
    Refuse,
    Server(Terminate, Some(&SETTLE)),
    Stall(Up),
    Server(Crash, None),
    Stall(Down),
];

/// All that takes part.
struct Scene<'a> {
    postgres: &'a Postgres,
    database: &'a Database<'a>,
    proxy: &'a Proxy,
    /// The gates at which the daemon waited when the server broke.
    amid: RefCell<Vec<i32>>,
    runtime: &'a Runtime,
}

impl Scene<'_> {
    /// Has something go wrong and be well again; when that began and ended.
    fn suffer(&self, outage: Outage) -> (Instant, Instant) {
        match outage {
            Server(how, None) => self.break_server(how),
            Server(how, Some(gate)) => self.amid(gate, || self.break_server(how)),
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

    /// Puts up a gate: a trigger that waits for whoever holds the gate's key.
    fn put_up(&self, gate: &Gate) {
        let Gate { key, rows } = gate;
        let sql = format!(
            "CREATE FUNCTION gate_{key}() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN PERFORM pg_advisory_xact_lock_shared({GATES}, {key}); RETURN new; END';
             CREATE TRIGGER gate_{key} {rows} EXECUTE FUNCTION gate_{key}()"
        );
        let mut connection = self.superuser();
        self.runtime.block_on(sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection)).expect("put up");
    }

    fn superuser(&self) -> PgConnection {
        self.runtime.block_on(self.postgres.superuser(&self.database.name).connect()).expect("connected")
    }

    /// Does something while the daemon waits at a gate.
    fn amid<T>(&self, gate: &Gate, work: impl FnOnce() -> T) -> T {
        let (mut guard, mut eyes) = (self.superuser(), self.superuser());
        let close = sqlx::query("SELECT pg_advisory_lock($1, $2)").bind(GATES).bind(gate.key);
        self.runtime.block_on(close.execute(&mut guard)).expect("closed");
        let waits = "SELECT count(*) > 0 FROM pg_locks
            WHERE locktype = 'advisory' AND NOT granted AND classid::int = $1 AND objid::int = $2";
        let waits = || {
            let waits = sqlx::query_scalar(waits).bind(GATES).bind(gate.key);
            self.runtime.block_on(waits.fetch_one(&mut eyes)).expect("asked")
        };
        assert!(holds_within(20, waits), "nobody comes to {gate:?}");
        let done = work();
        self.amid.borrow_mut().push(gate.key);
        done
    }

    /// How often the server broke while the daemon waited at a gate.
    fn times_amid(&self, gate: &Gate) -> usize {
        self.amid.borrow().iter().filter(|key| **key == gate.key).count()
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
fn in_flight(memory: &Memory, events: &[Event]) -> BTreeMap<String, usize> {
    let attempts = "SELECT delivery || ' ' || claimed_at || ' ' || coalesce(settled_at, 0) FROM attempts";
    let mut in_flight: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for attempt in memory.column(attempts) {
        let [delivery, claimed_at, settled_at] = attempt.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{attempt}")
        };
        let [claimed_at, settled_at]: [i64; 2] = [claimed_at, settled_at].map(|at| at.parse().expect("an instant"));
        for (number, event) in events.iter().enumerate() {
            let is_settled = settled_at != 0 && settled_at < event.began.timestamp_micros();
            if claimed_at <= event.returned.timestamp_micros() && !is_settled {
                in_flight.entry(delivery.to_owned()).or_default().insert(number);
            }
        }
    }
    in_flight.into_iter().map(|(id, events)| (id, events.len())).collect()
}

/// An event that is over.
struct Event {
    outage: Outage,
    began: Instant,
    returned: Instant,
    /// How long after the return the daemon polled.
    polled: TimeDelta,
    /// How long after its instant something was told that fell due after the return.
    told: TimeDelta,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [lasted, polled, told] =
            [self.returned - self.began, self.polled, self.told].map(|time| time.num_milliseconds());
        let outage = self.outage;
        write!(f, "{outage:?} for {lasted} ms: polled {polled} ms after the return, told {told} ms after the instant")
    }
}

impl Scene<'_> {
    /// Has tickets fall due, something go wrong, and the daemon go on.
    fn event(&self, outage: Outage, daemon: &Daemon, work: &Work, sink: &Sink) -> Event {
        work.visits(told(&sink.taken(), "Red card").into_keys());
        let first_due = ahead(1);
        work.falls_due((0..LOAD).map(|n| first_due + TimeDelta::milliseconds(100 * i64::try_from(n).expect("few"))));
        sleep(some_millis(1_000, 2_000));
        let (began, returned) = self.suffer(outage);
        let polls = daemon.times("polled source=tickets");
        let probe_due = ahead(1);
        let probe = work.falls_due([probe_due]);
        let polls_again = || daemon.times("polled source=tickets") > polls;
        assert!(holds_within(30, polls_again), "it does not poll:\n{}", daemon.log());
        let polled = now() - returned;
        let told_at = || red_card(sink, &probe).map(|taken| taken.at);
        assert!(holds_within(30, || told_at().is_some()), "{probe} is not told:\n{}", daemon.log());
        let told = told_at().expect("it is told") - probe_due;
        Event { outage, began, returned, polled, told }
    }
}

/// What told a handler of the red card.
fn red_card(sink: &Sink, id: &str) -> Option<Taken> {
    let start = format!("[Red card] T{id} ");
    let is_red = |taken: &Taken| taken.letter().get("Subject").is_some_and(|subject| subject.starts_with(&start));
    sink.taken_by(id).into_iter().find(is_red)
}

/// Sees that everybody was told, and by one message each; prints the figures.
fn settle_up(scene: &Scene, events: &[Event], work: &Work, memory: &Memory, sink: &Sink) {
    let (taken, done) = (sink.taken(), work.on_site.take());
    assert!(!done.is_empty(), "nobody was told before the last event");
    let stands = memory.column("SELECT card FROM cards WHERE level = 'red'").len();
    assert_eq!(stands, work.count() - done.len());
    assert_eq!(red_cards_told_to_the_unit(memory), stands);
    // What was overtaken by something worse while it waited needs not be said any more.
    let cancelled = memory.column("SELECT state FROM deliveries WHERE state <> 'sent'");
    assert!(cancelled.iter().all(|state| state == "cancelled"), "{cancelled:?}");
    assert_each_by_one_message(&told(&taken, "Red card"), (0..work.count()).map(Work::id));
    assert_each_by_one_message(&told(&taken, "Cleared"), done.into_keys());
    let in_flight = in_flight(memory, events);
    let repeats = repeats(&taken, &in_flight);

    let (turns, settlements) = (scene.times_amid(&TURN), scene.times_amid(&SETTLE));
    let cut_amid = scene.postgres.log().matches("on client connection with an open transaction").count();
    println!("{} events: {turns} in mid-turn, {settlements} in mid-settle", events.len());
    println!("{} connections cut, {cut_amid} connections lost in mid-transaction", scene.proxy.cuts());
    println!("{} mails, {repeats} repeats, {} in flight", taken.len(), in_flight.values().sum::<usize>());
    println!("{} cancelled", cancelled.len());
    assert!(turns > 0 && settlements > 0, "{:?}", scene.amid);
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
    let runtime = &runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let _inside = runtime.enter();
    let scene = Scene { postgres: &postgres, database: &database, proxy: &proxy, amid: RefCell::default(), runtime };
    // A source that never had a row would not be believed.
    work.falls_due([ahead(10)]);
    let daemon = Daemon::polled(&site);
    for gate in [TURN, SETTLE] {
        scene.put_up(&gate);
    }

    let mut events = Vec::new();
    for outage in OUTAGES.into_iter().cycle().take(count) {
        let event = scene.event(outage, &daemon, &work, &sink);
        println!("{event}");
        assert!(event.polled <= SOON && event.told <= SOON, "{event}:\n{}", daemon.log());
        events.push(event);
    }
    let memory = Memory::of(&site);
    assert!(holds_within(30, || is_over(&memory)), "something waits for ever:\n{}", daemon.log());
    assert_eq!(daemon.stop(), 0, "the daemon of the beginning");
    settle_up(&scene, &events, &work, &memory, &sink);
}
