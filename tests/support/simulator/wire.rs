//! The world outside of the channels: every send waits until it is decided what became of it. Receivers write down what
//! they saw.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use duban::core::contact::Medium;
use duban::core::delivery::{DeliveryId, Outcome};
use duban::store::memory::MemoryStore;
use duban::store::{AttemptOutcome, Store};
use duban::time::{Clock as _, TestClock};
use duban::wire::{Channel, Message};
use tokio::sync::oneshot;

use super::daemon::REHEARSAL;
use super::dice::Dice;
use super::ledger::{Heard, Ledger};
use super::story::short;

/// The longest that one send takes.
pub const LONGEST: Duration = Duration::from_secs(30);

/// How many messages a channel sends at once.
const AT_ONCE: usize = 2;

/// How many deliveries may wait in a channel of the courier, at least.
pub const ROOM: usize = AT_ONCE * 4;

/// How a channel's peer is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// It takes everything.
    Fine,
    /// Anything can happen.
    Rough,
    /// It refuses everything for now.
    Down,
    /// It says nothing.
    Hung,
}

/// What becomes of one send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Taken.
    Accepted,
    /// Refused for now.
    Later,
    /// Refused for now, with a wish when to come again.
    MuchLater,
    /// Refused for good.
    Refused,
    /// No such address.
    BadAddress,
    /// Taken, but the answer was lost.
    LostAnswer,
    /// Broken off before it was taken.
    BrokenOff,
    /// Nothing yet.
    Hangs,
}

const ROUGH: [(usize, Fate); 8] = [
    (45, Fate::Accepted),
    (14, Fate::Later),
    (5, Fate::MuchLater),
    (5, Fate::Refused),
    (3, Fate::BadAddress),
    (12, Fate::LostAnswer),
    (7, Fate::BrokenOff),
    (9, Fate::Hangs),
];

/// All that is outside of the house.
pub struct Wire {
    ledger: Arc<Ledger>,
    clock: Arc<TestClock>,
    calls: Mutex<Calls>,
    /// An address at which nothing is ever taken.
    pub bad_address: Option<&'static str>,
}

#[derive(Default)]
struct Calls {
    open: Vec<Call>,
    dead: HashSet<usize>,
}

/// One send that is not over.
pub struct Call {
    message: Message,
    channel: &'static str,
    repeatable: bool,
    life: usize,
    began_at: Duration,
    answer: oneshot::Sender<Outcome>,
}

impl Wire {
    /// A world in which nothing was sent yet.
    pub fn new(ledger: Arc<Ledger>, clock: Arc<TestClock>, bad_address: Option<&'static str>) -> Self {
        Self { ledger, clock, calls: Mutex::default(), bad_address }
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().expect("nobody broke over the calls")
    }

    /// How many sends are not over.
    pub fn open(&self) -> usize {
        self.calls().open.len()
    }

    /// How many sends of a process are not over, by channel.
    pub fn open_of(&self, life: usize) -> BTreeMap<&'static str, usize> {
        let mut open = BTreeMap::new();
        for call in self.calls().open.iter().filter(|call| call.life == life) {
            *open.entry(call.channel).or_default() += 1;
        }
        open
    }

    /// Decides what becomes of the open sends, each by its channel's weather; the answer says what.
    pub fn answer(&self, dice: &mut Dice, weather: impl Fn(&str) -> Weather) -> Vec<String> {
        let mut open = std::mem::take(&mut self.calls().open);
        open.sort_by_key(|call| (call.message.id, call.life, call.began_at));
        let mut said = Vec::new();
        for call in open {
            let fate = match weather(call.channel) {
                _ if Some(&*call.message.to_address) == self.bad_address => Fate::BadAddress,
                Weather::Fine => Fate::Accepted,
                Weather::Rough => dice.weighted(&ROUGH),
                Weather::Down => Fate::Later,
                Weather::Hung => Fate::Hangs,
            };
            if fate == Fate::Hangs {
                self.calls().open.push(call);
                continue;
            }
            said.push(format!("{} {} {fate:?}", call.channel, short(call.message.id)));
            self.end(call, fate);
        }
        said
    }

    /// No send takes longer than the longest: what was said in time is over, heard or not.
    pub fn time_out(&self, dice: &mut Dice) -> Vec<String> {
        let now = self.clock.monotonic();
        let mut calls = self.calls();
        let (mut over, open): (Vec<Call>, Vec<Call>) =
            std::mem::take(&mut calls.open).into_iter().partition(|call| now >= call.began_at + LONGEST);
        calls.open = open;
        drop(calls);
        over.sort_by_key(|call| (call.message.id, call.life, call.began_at));
        let mut said = Vec::new();
        for call in over {
            let fate = dice.one(&[Fate::LostAnswer, Fate::BrokenOff]);
            said.push(format!("{} {} took too long: {fate:?}", call.channel, short(call.message.id)));
            self.end(call, fate);
        }
        said
    }

    fn end(&self, call: Call, fate: Fate) {
        let Call { message, channel, repeatable, answer, .. } = call;
        let id = message.id;
        let reason = format!("{fate:?}");
        if matches!(fate, Fate::Accepted | Fate::LostAnswer) {
            self.hear(&message, channel, fate == Fate::LostAnswer && repeatable);
        }
        let outcome = match fate {
            Fate::Accepted => Outcome::Accepted { remote_id: Some(short(id)), answer: reason },
            Fate::Later | Fate::Hangs => Outcome::Temporary { reason, retry_after: None },
            Fate::MuchLater => Outcome::Temporary { reason, retry_after: Some(Duration::from_mins(20)) },
            Fate::Refused => Outcome::Permanent { reason, bad_address: false },
            Fate::BadAddress => Outcome::Permanent { reason, bad_address: true },
            Fate::LostAnswer | Fate::BrokenOff => Outcome::Unknowable { reason, repeatable },
        };
        let mut book = self.ledger.book();
        match fate {
            Fate::Accepted => book.accepted.insert(id),
            Fate::Refused => book.refused.insert(id),
            Fate::BadAddress => {
                book.bad.insert((channel, message.to_address.clone()));
                book.refused.insert(id)
            }
            Fate::LostAnswer | Fate::BrokenOff => book.unknowable.insert(id),
            _ => false,
        };
        drop(book);
        // Whoever sent it may be gone.
        let _ = answer.send(outcome);
    }

    /// A process ends: some of what it was sending was heard, the rest was not.
    pub fn cut(&self, life: usize, dice: &mut Dice) -> Vec<String> {
        let mut calls = self.calls();
        calls.dead.insert(life);
        let (mut cut, open): (Vec<Call>, Vec<Call>) =
            std::mem::take(&mut calls.open).into_iter().partition(|call| call.life == life);
        calls.open = open;
        drop(calls);
        cut.sort_by_key(|call| (call.message.id, call.began_at));
        let mut said = Vec::new();
        for call in cut {
            let is_heard = dice.chance(50);
            if is_heard {
                self.hear(&call.message, call.channel, true);
            }
            self.ledger.count("sends in flight at a crash");
            let what = if is_heard { "was heard" } else { "was not heard" };
            said.push(format!("{} {} was in flight and {what}", call.channel, short(call.message.id)));
        }
        said
    }

    fn hear(&self, message: &Message, channel: &'static str, may_repeat: bool) {
        let facts = message.facts.value();
        let members = facts.get("members").and_then(|members| members.as_array());
        let key = |member: &serde_json::Value| member.get("key").and_then(|key| key.as_str()).map(str::to_owned);
        let keys = members.into_iter().flatten().filter_map(key).collect();
        let Message { to_address, subject, text, html, .. } = message;
        let text = format!("{to_address}|{subject}|{text}|{html:?}");
        let mut book = self.ledger.book();
        book.tally.count("messages heard");
        book.heard.push(Heard { id: message.id, channel, text, keys, may_repeat });
    }
}

/// One channel of one process.
pub struct Scripted {
    /// Its name.
    pub name: &'static str,
    /// The form of its words.
    pub medium: Medium,
    /// The process.
    pub life: usize,
    /// The channels that have a limit.
    pub limited: Vec<Arc<str>>,
    /// The store as that process sees it.
    pub store: Arc<MemoryStore>,
    /// The world.
    pub wire: Arc<Wire>,
}

impl Scripted {
    /// Nothing is sent without a claim that is written down, and a seal.
    async fn demand_claim(&self, id: DeliveryId) {
        let attempts = self.store.attempts(id).await.expect("attempts");
        let idle = [AttemptOutcome::GivenBack, AttemptOutcome::Postponed, AttemptOutcome::Cancelled];
        let tries = attempts.iter().filter(|attempt| attempt.outcome.is_none_or(|end| !idle.contains(&end))).count();
        let ledger = &self.wire.ledger;
        let begun = {
            let mut book = ledger.book();
            let begun = book.begun.entry(id).or_default();
            *begun += 1;
            *begun
        };
        ledger.demand(begun <= tries, || format!("4: send {begun} of {} with {tries} claims written down", short(id)));
        let found = self.store.delivery(&id.to_string()).await.expect("a delivery");
        let is_sealed = found.first().is_some_and(|(record, _)| record.sealed_at.is_some());
        ledger.demand(is_sealed, || format!("4: {} is sent and was not sealed", short(id)));
        let Some((record, _)) = found.first() else { return };
        let is_rehearsal = self.name == REHEARSAL;
        let law = || format!("11: {} goes out by {} and is of {}", short(id), self.name, record.channel);
        ledger.demand(record.rehearsal == is_rehearsal && (is_rehearsal || *record.channel == *self.name), law);
        if self.limited.contains(&record.channel) {
            let mut book = ledger.book();
            let way = (record.channel.clone(), record.contact.clone());
            let counted = book.allowed.iter().filter(|(_, channel, contact)| (channel, contact) == (&way.0, &way.1));
            let counted = counted.count();
            let sent = book.limited.entry(way).or_default();
            *sent += 1;
            if *sent > counted {
                let law = format!("5: send {sent} to {} with {counted} that were counted", record.contact);
                book.broken.push(law);
            }
        }
    }
}

#[async_trait]
impl Channel for Scripted {
    fn medium(&self) -> Medium {
        self.medium
    }

    fn at_once(&self) -> usize {
        AT_ONCE
    }

    fn longest(&self) -> Duration {
        LONGEST
    }

    fn repeatable(&self) -> bool {
        self.name != "sms"
    }

    async fn send(&self, message: &Message) -> Outcome {
        let gone = || Outcome::Temporary { reason: "the process is gone".into(), retry_after: None };
        if self.wire.calls().dead.contains(&self.life) {
            return gone();
        }
        self.demand_claim(message.id).await;
        let (answer, ended) = oneshot::channel();
        self.wire.calls().open.push(Call {
            message: message.clone(),
            channel: self.name,
            repeatable: self.repeatable(),
            life: self.life,
            began_at: self.wire.clock.monotonic(),
            answer,
        });
        ended.await.unwrap_or_else(|_| gone())
    }
}
