//! Pauses that are inferred from what polls saw, beside the history itself: 3,000 tickets that wait, come back, are
//! reopened and flap between two polls, of three sources with clocks of their own, of which polls are missed, fail or
//! are not believed, and rows are missing or broken.
//!
//! The oracle knows the history and at which minutes a ticket was seen, and adds up minutes. It shares no code with what
//! it judges.

use std::fmt::Write as _;

use chrono::{TimeDelta, Timelike as _};
use duban::core::Instant;
use duban::core::item::Pause;
use duban::core::reading::read;
use duban::source::guard::GuardLimits;

use crate::dice::Dice;
use crate::support::house::{House, Keeps};
use crate::support::site::Site;
use crate::support::stage::{at, office};

/// Minutes since the start.
type Minute = i64;

const START: &str = "2026-03-02 00:00";

/// When histories and polls end.
const END: Minute = 3 * 1440;

const WAITING: [&str; 2] = ["补正", "评审"];

/// Working minutes of the window.
const LIMIT: usize = 20 * 60;

const RULE: &str =
    r#"fn windows(item) { [window("answer", "20wh", #{ from: item.received_at, pauses: item.pauses })] }"#;

/// A source, and how it is polled.
struct Kind {
    name: &'static str,
    every: Minute,
    first: Minute,
    /// Whether it says when a state began, and how far its clock is ahead.
    tells: Option<Minute>,
}

const KINDS: [Kind; 3] = [
    Kind { name: "plain", every: 60, first: 5, tells: None },
    Kind { name: "telling", every: 45, first: 11, tells: Some(0) },
    Kind { name: "ahead", every: 50, first: 23, tells: Some(7) },
];

/// What a ticket went through, and when polls saw it.
struct Ticket {
    id: String,
    /// Since when which state; the first is its receipt.
    history: Vec<(Minute, &'static str)>,
    seen: Vec<Minute>,
}

impl Ticket {
    fn of(id: String, dice: &mut Dice) -> Self {
        let mut now = if dice.chance(60) { dice.between(-2000, 0) } else { dice.between(0, END / 2) };
        let mut history = vec![(now, "办理")];
        loop {
            now += match dice.below(10) {
                0..=2 => dice.between(1, 12),
                3..=6 => dice.between(30, 400),
                _ => dice.between(400, 2500),
            };
            let last = history[history.len() - 1].1;
            let next = match last {
                "办结" if dice.chance(60) => break,
                "办结" => "办理",
                _ => dice.one(&["办理", "补正", "补正", "评审", "办结"]),
            };
            if now >= END {
                break;
            }
            if next != last {
                history.push((now, next));
            }
        }
        Self { id, history, seen: Vec::new() }
    }

    fn state(&self, now: Minute) -> Option<(Minute, &'static str)> {
        self.history.iter().rev().find(|(since, _)| *since <= now).copied()
    }

    /// How many minutes from `a` to `b` it waited, by its history on a clock that is ahead.
    fn waited(&self, a: Minute, b: Minute, ahead: Minute) -> Minute {
        let is_waiting = |minute| self.state(minute - ahead).is_some_and(|(_, state)| WAITING.contains(&state));
        count(a, b, is_waiting)
    }

    /// How many changes fall between two sights, by the office's clock or by one that is ahead.
    fn changes(&self, a: Minute, b: Minute, ahead: Minute) -> usize {
        self.history.iter().filter(|(since, _)| a < since + ahead && *since <= b).count()
    }

    /// What polls alone can say: from one sight to the next it was as the first one saw it.
    fn sampled(&self) -> Vec<(Minute, Option<Minute>, &'static str)> {
        let mut runs: Vec<(Minute, Option<Minute>, &'static str)> = Vec::new();
        for (at, seen) in self.seen.iter().enumerate() {
            let state = self.state(*seen).expect("seen").1;
            let end = self.seen.get(at + 1).copied();
            match runs.last_mut() {
                Some(run) if run.1 == Some(*seen) && run.2 == state => run.1 = end,
                _ => runs.push((*seen, end, state)),
            }
        }
        runs.retain(|(_, _, state)| WAITING.contains(state));
        runs
    }
}

/// In how many minutes from `a` to `b` something is so.
fn count(a: Minute, b: Minute, is_so: impl Fn(Minute) -> bool) -> Minute {
    i64::try_from((a..b).filter(|minute| is_so(*minute)).count()).expect("minutes")
}

fn instant(minute: Minute) -> Instant {
    at(START) + TimeDelta::minutes(minute)
}

fn minute(at_: Instant) -> Minute {
    assert_eq!((at_.second(), at_.nanosecond()), (0, 0), "histories and polls have whole minutes");
    (at_ - at(START)).num_minutes()
}

fn shown(pause: &Pause) -> (Minute, Option<Minute>, &str) {
    (minute(pause.from), pause.to.map(minute), pause.kind.as_deref().expect("a kind"))
}

/// The sources of the site: two on the office's clock, one that writes UTC.
fn furnished() -> Site {
    let site = office(&[("answer", RULE)], "");
    let config = std::fs::read_to_string(site.path("duban.toml")).expect("the configuration");
    let mut config = config.split("[source.tickets]").next().expect("a head").to_owned();
    for kind in &KINDS {
        let zone = if kind.name == "ahead" { "UTC" } else { "Asia/Shanghai" };
        let since = if kind.tells.is_some() { ", since = \"status_at\"" } else { "" };
        write!(
            config,
            "[source.{0}]\nevery = \"{1}m\"\nblind_after = \"7d\"\nkind = \"ticket\"\nid = \"id\"\ntimezone = \"{zone}\"\n\
             raw = false\npauses = {{ while_status = [\"补正\", \"评审\"]{since} }}\n\
             [source.{0}.csv]\npath = \"{0}.csv\"\n\
             [source.{0}.fields]\ntitle = \"id\"\nstatus = \"status\"\nreceived_at = \"received\"\nstatus_at = \"since\"\n",
            kind.name, kind.every
        )
        .expect("text");
        site.put(&format!("{}.csv", kind.name), "");
    }
    site.put("duban.toml", &config);
    site
}

/// What the source shows at a minute, in part with rows that are missing or broken; who was seen.
fn table(kind: &Kind, tickets: &[Ticket], now: Minute, dice: &mut Dice) -> (String, Vec<usize>) {
    let zone: chrono_tz::Tz = if kind.name == "ahead" { chrono_tz::UTC } else { chrono_tz::Asia::Shanghai };
    let ahead = kind.tells.unwrap_or_default();
    let clock = |at: Minute| instant(at).with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string();
    let mut table = "id,status,received,since\n".to_owned();
    let mut seen = Vec::new();
    for (at, ticket) in tickets.iter().enumerate() {
        let Some((since, state)) = ticket.state(now) else { continue };
        let (is_missing, is_broken) = (dice.chance(1), dice.chance(1));
        if is_missing {
            continue;
        }
        let received = if is_broken { "昨天".to_owned() } else { clock(ticket.history[0].0) };
        let since = if kind.tells.is_some() { clock(since + ahead) } else { String::new() };
        writeln!(table, "{},{state},{received},{since}", ticket.id).expect("text");
        if !is_broken {
            seen.push(at);
        }
    }
    (table, seen)
}

/// One poll at its minute, or what becomes of it.
fn polled(house: &mut House, kind: &Kind, tickets: &mut [Ticket], now: Minute, dice: &mut Dice) {
    house.until(instant(now));
    if dice.chance(4) {
        house.start();
    }
    let file = format!("{}.csv", kind.name);
    let (table, seen) = table(kind, tickets, now, dice);
    // The first poll is good: there is nothing yet by which a bad one could be told.
    let fate = if now == kind.first { 99 } else { dice.below(100) };
    match fate {
        0..5 => return,
        5..10 => drop(std::fs::remove_file(house.site.path(&file))),
        10..15 => {
            let few: Vec<&str> = table.lines().take(1 + seen.len() / 3).collect();
            house.site.put(&file, &format!("{}\n", few.join("\n")));
        }
        _ => house.site.put(&file, &table),
    }
    let report = house.poll(kind.name);
    assert_eq!(report.trouble.is_some(), fate < 15, "{} at {now}: {:?}", kind.name, report.trouble);
    if report.trouble.is_none() {
        for at in seen {
            tickets[at].seen.push(now);
        }
    }
}

/// Compares what is remembered of a ticket with its history; whether nothing happened to it between two sights that the
/// next one does not tell.
fn judge(kind: &Kind, ticket: &Ticket, pauses: &[Pause]) -> bool {
    let inferred: Vec<_> = pauses.iter().map(shown).collect();
    let ahead = kind.tells.unwrap_or_default();
    let is_paused = |minute| inferred.iter().any(|(from, to, _)| *from <= minute && to.is_none_or(|to| minute < to));
    let mut is_told = true;
    for gap in ticket.seen.windows(2) {
        let (a, b) = (gap[0], gap[1]);
        let changes = ticket.changes(a, b, ahead);
        let bound = match (changes, kind.tells) {
            (0, _) => 0,
            (1, Some(ahead)) => ahead,
            _ => b - a,
        };
        is_told &= changes < 2;
        let off = (count(a, b, is_paused) - ticket.waited(a, b, ahead)).abs();
        assert!(
            off <= bound,
            "{} of {} from {a} to {b}: {off} of at most {bound}\n{inferred:?}\n{:?}",
            ticket.id,
            kind.name,
            ticket.history
        );
    }
    if kind.tells.is_none() {
        assert_eq!(inferred, ticket.sampled(), "{}: {:?}", ticket.id, ticket.history);
    }
    is_told
}

/// When so many working minutes are over, those that pauses take out not counted: minute by minute.
fn due(received: Minute, pauses: &[(Minute, Option<Minute>, &str)], working: &[Minute]) -> Option<Minute> {
    let counts = |minute: &&Minute| {
        **minute >= received && !pauses.iter().any(|(from, to, _)| from <= *minute && to.is_none_or(|to| **minute < to))
    };
    working.iter().filter(counts).nth(LIMIT - 1).map(|last| last + 1)
}

/// The office's working minutes: Monday to Friday, 9 to 12 and half past one to half past five. The start is a Monday.
fn working() -> Vec<Minute> {
    let works = |minute: &Minute| {
        let (day, of_day) = (minute.div_euclid(1440), minute.rem_euclid(1440));
        day.rem_euclid(7) < 5 && (540..720).contains(&of_day) || day.rem_euclid(7) < 5 && (810..1050).contains(&of_day)
    };
    (-7 * 1440..35 * 1440).filter(works).collect()
}

/// Replays a history, and judges every ticket.
fn replay(keeps: Keeps, of_each: usize, seed: u64) {
    let mut dice = Dice::of(seed);
    let mut house = House::at(furnished(), keeps, instant(0));
    let ticket = |kind: usize, number: usize, dice: &mut Dice| Ticket::of(format!("{kind}-{number}"), dice);
    let mut all: Vec<Vec<Ticket>> =
        (0..KINDS.len()).map(|kind| (0..of_each).map(|number| ticket(kind, number, &mut dice)).collect()).collect();
    for now in 0..END {
        for (kind, tickets) in KINDS.iter().zip(&mut all) {
            if now >= kind.first && (now - kind.first) % kind.every == 0 {
                polled(&mut house, kind, tickets, now, &mut dice);
            }
        }
    }
    let working = working();
    let (mut pauses, mut told, mut open) = (0, 0, 0);
    for (kind, tickets) in KINDS.iter().zip(&all) {
        for ticket in tickets.iter().filter(|ticket| !ticket.seen.is_empty()) {
            let record = house.record(kind.name, &ticket.id);
            told += usize::from(judge(kind, ticket, &record.item.pauses));
            let shown: Vec<_> = record.item.pauses.iter().map(shown).collect();
            pauses += shown.len();
            open += usize::from(shown.last().is_some_and(|last| last.1.is_none()));
            let window = &record.rulings[0].windows[0];
            let reading = read(window, house.playbook().calendar(), &house.playbook().clockwork.yellow, instant(END));
            let due_at = reading.expect("a reading").due_at.map(minute);
            assert_eq!(due_at, due(ticket.history[0].0, &shown, &working), "{}: {shown:?}", ticket.id);
        }
    }
    println!("{} tickets, {pauses} pauses, {open} of them open, {told} tickets without unseen changes", of_each * 3);
    assert!(pauses > of_each * 3 && open > of_each / 10 && told > of_each, "the histories say something");
}

#[test]
fn inferred_pauses_of_3000_tickets_are_those_of_their_history_up_to_the_poll_interval() {
    replay(Keeps::Memory, 1000, 5);
}

#[test]
fn inferred_pauses_outlive_the_process_on_sqlite() {
    replay(Keeps::Sqlite, 60, 6);
}

#[test]
fn a_third_of_the_rows_is_not_believed() {
    assert!(GuardLimits::default().min_share > 1.0 / 3.0, "what the replay takes for a poll that is not believed");
}
