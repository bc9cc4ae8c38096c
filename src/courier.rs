//! The courier: **claim → render → send → settle**: one delivery, one lease, one send, one write.
//!
//! **Invariants:** nothing is sent without a recorded claim. Every try of a delivery says the same: what was sealed at the
//! first claim. A settle names the lease that it was sent under. One hanging channel delays no other.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};

use self::failing::Failing;
use self::sealing::{Said, Sealed, Sealing};
use crate::core::Instant;
use crate::core::delivery::{DeliveryId, DeliveryState, Outcome, RetryPolicy};
use crate::core::json::Json;
use crate::core::notice::Wait;
use crate::core::outage::{Outage, Outages};
use crate::pipeline::Pipeline;
use crate::playbook::Playbook;
use crate::store::{Attempt, AttemptOutcome, Claimable, Claimed, DeliveryRecord, GivenBack, Result, Seal, Store, Want};
use crate::tell::link::{LinkKey, put_links};
use crate::tell::words::TemplateError;
use crate::time::Clock;
use crate::wire::{Message, SharedChannel};

mod ends;
mod failing;
mod sealing;

/// Deliveries claimed at once.
const BATCH: usize = 256;

/// The way of a rehearsal's messages, as people know it.
pub const REHEARSAL: &str = "notify.rehearsal_to";

/// How long a lease outlasts the longest try.
const GRACE: Duration = Duration::from_mins(1);

/// A channel with how it tries again.
#[derive(Clone)]
pub struct Way {
    /// The channel.
    pub channel: SharedChannel,
    /// How it tries again.
    pub retry: RetryPolicy,
}

/// Where a rehearsal's messages go.
#[derive(Clone)]
pub struct Rehearsal {
    /// By which way.
    pub way: Way,
    /// To which address.
    pub address: String,
}

/// All ways out of the house.
#[derive(Clone)]
pub struct Ways {
    /// By name.
    pub channels: BTreeMap<Arc<str>, Way>,
    /// Where a rehearsal's messages go.
    pub rehearsal: Rehearsal,
}

/// One settled try, for those who watch.
#[derive(Debug, Clone)]
pub struct Event {
    /// The delivery.
    pub id: DeliveryId,
    /// To whom.
    pub to: String,
    /// By which channel.
    pub channel: Arc<str>,
    /// What it said.
    pub subject: String,
    /// What became of it.
    pub state: DeliveryState,
    /// Why.
    pub reason: String,
}

/// Carries deliveries out of the house.
pub struct Courier {
    store: Arc<dyn Store>,
    ways: Ways,
    clock: Arc<dyn Clock>,
    nudge: Arc<Notify>,
    events: Option<mpsc::UnboundedSender<Event>>,
    sending: HashMap<Arc<str>, usize>,
    /// The lease of each delivery that is under way: the newest, should one run out before its try is over.
    leases: HashMap<DeliveryId, i64>,
    results: (mpsc::UnboundedSender<Sent>, mpsc::UnboundedReceiver<Sent>),
    /// Claimed, and not on its way because the store failed in between.
    claimed: Vec<Claimed>,
    /// Whether some delivery may have ended badly and not be reported yet.
    unreported: bool,
    /// When it was looked for those last.
    looked_at: Instant,
    outages: Outages,
    /// Outages of which operators are not told yet.
    untold: Vec<Outage>,
    /// Where outages can be seen.
    shown: watch::Sender<Vec<Outage>>,
    /// Templates that failed, of which operators hear.
    failing: Failing,
    /// The key of the links by which somebody signs.
    links: Option<Arc<LinkKey>>,
    /// To whom it carries, if not to everybody.
    only: Option<Vec<Arc<str>>>,
    jitter: u64,
}

/// What becomes of a delivery that is sealed.
enum Fate {
    /// It goes: what is sealed, and what it says.
    Goes(Json, Box<Said>),
    /// It would wait for its channel for longer than it may.
    WaitsTooLong(Json),
    /// It has nothing to say, can wait, or was lost.
    Stays,
}

/// A claim for some channels.
struct Share {
    /// How much.
    room: usize,
    /// The others.
    except: Vec<Arc<str>>,
}

/// A try that is over.
struct Sent {
    claimed: Claimed,
    way: Arc<str>,
    to: String,
    subject: String,
    outcome: Outcome,
    retry: RetryPolicy,
    /// Whether the channel was asked at all.
    is_tried: bool,
    /// Why the built-in text went out.
    template: Option<TemplateError>,
}

impl Courier {
    /// A courier for a store. `nudge` wakes whoever waits for it when a try is over.
    pub fn new(store: Arc<dyn Store>, ways: Ways, clock: Arc<dyn Clock>, nudge: Arc<Notify>) -> Self {
        let results = mpsc::unbounded_channel();
        let (sending, claimed) = (HashMap::new(), Vec::new());
        let (unreported, looked_at, jitter) = (false, Instant::MIN_UTC, 0);
        Self {
            store,
            ways,
            clock,
            nudge,
            events: None,
            sending,
            leases: HashMap::new(),
            results,
            claimed,
            unreported,
            looked_at,
            outages: Outages::default(),
            untold: Vec::new(),
            shown: watch::Sender::default(),
            failing: Failing::default(),
            links: None,
            only: None,
            jitter,
        }
    }

    /// Gives every card that somebody should sign for the receiver's own link.
    #[must_use]
    pub fn linking_with(mut self, key: Option<Arc<LinkKey>>) -> Self {
        self.links = key;
        self
    }

    /// Carries to nobody but these contacts from now on; `None`: to everybody.
    pub fn carry_only_to(&mut self, contacts: Option<Vec<Arc<str>>>) {
        self.only = contacts;
    }

    /// A delivery that was sent turned out not to have arrived; it is reported at the next round.
    pub const fn look_for_bad_ends(&mut self) {
        self.unreported = true;
    }

    /// Shows there which channels take nothing.
    #[must_use]
    pub fn showing_outages_in(mut self, shown: watch::Sender<Vec<Outage>>) -> Self {
        self.shown = shown;
        self
    }

    /// Tells somebody about each settled try.
    #[must_use]
    pub fn watched_by(mut self, events: mpsc::UnboundedSender<Event>) -> Self {
        self.events = Some(events);
        self
    }

    /// How many sends are under way.
    pub fn under_way(&self) -> usize {
        self.sending.values().sum()
    }

    /// Claims what is due and starts to send it, and settles what is over. Returns how much it did; if nothing, nothing is
    /// left that could be done now.
    pub async fn run_once(&mut self, playbook: &Arc<Playbook>, pipeline: &Pipeline, now: Instant) -> Result<usize> {
        // What is over by the last round is told by messages that can be claimed in this one.
        self.report(playbook, pipeline, now).await?;
        let mut renewed = 0;
        if self.claimed.is_empty() {
            // What is claimed again because its lease ran out counts as work: there may be more to claim.
            renewed = self.claim(now).await?;
        }
        let count = self.claimed.len() + renewed;
        let all = std::mem::take(&mut self.claimed);
        let (fresh, sealed): (Vec<_>, Vec<_>) = all.into_iter().partition(|c| c.delivery.sealed.is_none());
        self.claimed = sealed;
        // What is over is written down while what is claimed is looked at.
        let ends = self.ends(now);
        let (written, sealed) = tokio::join!(self.write(&ends, now), self.seal(playbook, &fresh, now));
        let carried = match sealed {
            Ok(sealed) => self.carry(playbook, fresh, sealed, now).await,
            Err(e) => {
                // It stays claimed and is carried later.
                self.claimed.extend(fresh);
                Err(e)
            }
        };
        let settled = self.settled(ends, written, now)?;
        carried.map(|()| settled + count)
    }

    /// Claims what is due, for no channel more than it has room for; how much of it was under way already.
    async fn claim(&mut self, now: Instant) -> Result<usize> {
        let (lease, mut renewed) = (self.longest() + GRACE, 0);
        for share in self.shares() {
            let of = Claimable { except: &share.except, only: self.only.as_deref() };
            for claimed in self.store.claim(now, now + lease, share.room, of).await? {
                match self.unless_under_way(claimed) {
                    Some(claimed) => self.claimed.push(claimed),
                    None => renewed += 1,
                }
            }
        }
        Ok(renewed)
    }

    /// Waits for what is under way, at most so long, and settles it; gives back what is not on its way. A store that is
    /// away is asked again as long as there is time.
    pub async fn drain(&mut self, playbook: &Arc<Playbook>, pipeline: &Pipeline, longest: Duration) -> Result<()> {
        let give_up = self.clock.monotonic() + longest;
        loop {
            let settled = self.settle(playbook, pipeline, self.clock.now()).await;
            let is_done = settled.is_ok() && self.under_way() == 0;
            if is_done || self.clock.monotonic() >= give_up {
                let untried = |c: Claimed| GivenBack { id: c.delivery.id, fence: c.fence, until: None };
                let idle: Vec<GivenBack> = self.claimed.drain(..).map(untried).collect();
                return settled.and(self.store.give_back(self.clock.now(), &idle).await);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Channels that have as much to do as they can.
    pub fn busy(&self) -> Vec<Arc<str>> {
        self.ways.channels.iter().filter(|(name, way)| self.is_busy(name, way)).map(|(name, _)| name.clone()).collect()
    }

    /// Whether a channel has nearly as much to do as it can. It is filled up again in few large claims and not one by
    /// one, since a round costs the same for either.
    fn is_busy(&self, name: &Arc<str>, way: &Way) -> bool {
        let left = self.room_left(name, way);
        left == 0 || left * 4 < room(way)
    }

    /// How much a channel can still take.
    fn room_left(&self, name: &Arc<str>, way: &Way) -> usize {
        room(way).saturating_sub(self.sending.get(name).copied().unwrap_or(0))
    }

    /// The claims of a round. Channels that have about as much room left share one, and all of it may be for the one with
    /// the least, where it must not wait for longer than its lease. So one that hangs and is all but full does not make
    /// the others' claims small.
    fn shares(&self) -> Vec<Share> {
        let mut rooms: BTreeMap<u32, Vec<(usize, &Arc<str>)>> = BTreeMap::new();
        for (name, way) in &self.ways.channels {
            let left = self.room_left(name, way);
            if let Some(size) = left.checked_ilog2().filter(|_| !self.is_busy(name, way)) {
                rooms.entry(size).or_default().push((left, name));
            }
        }
        if rooms.is_empty() {
            return vec![Share { room: BATCH, except: self.busy() }];
        }
        let share = |of: Vec<(usize, &Arc<str>)>| {
            let room = of.iter().map(|(left, _)| *left).min().unwrap_or(BATCH).min(BATCH);
            let is_other = |name: &&Arc<str>| of.iter().all(|(_, own)| own != name);
            Share { room, except: self.ways.channels.keys().filter(is_other).cloned().collect() }
        };
        rooms.into_values().map(share).collect()
    }

    fn longest(&self) -> Duration {
        let all = self.ways.channels.values().chain([&self.ways.rehearsal.way]);
        // A claimed delivery may wait for its turn inside its channel.
        all.map(|way| way.channel.longest() * 8).max().unwrap_or(GRACE).min(Duration::from_mins(15))
    }

    /// Starts to send what has just been sealed, and what was sealed before.
    async fn carry(
        &mut self,
        playbook: &Arc<Playbook>,
        fresh: Vec<Claimed>,
        fates: Vec<Fate>,
        now: Instant,
    ) -> Result<()> {
        for (mut claimed, fate) in fresh.into_iter().zip(fates) {
            match fate {
                Fate::Goes(sealed, said) => {
                    claimed.delivery.sealed = Some(sealed);
                    self.send(playbook, claimed, Some(*said));
                }
                Fate::WaitsTooLong(sealed) => {
                    claimed.delivery.sealed = Some(sealed);
                    let reason = "the channel is at its limit for longer than a message waits".to_owned();
                    self.end_untried(claimed, Outcome::Permanent { reason, bad_address: false });
                }
                Fate::Stays => {}
            }
        }
        // What is left was sealed before: another try counts against the limits too.
        let limits = self.limits(self.claimed.iter().map(|c| Self::want(playbook, c)).collect(), now).await?;
        let (waits, goes): (Vec<_>, Vec<_>) = self.claimed.iter().zip(limits).partition(|(_, limit)| limit.is_some());
        let goes: HashSet<DeliveryId> = goes.into_iter().map(|(claimed, _)| claimed.delivery.id).collect();
        let waits: Vec<GivenBack> = waits
            .into_iter()
            .map(|(c, at)| GivenBack { id: c.delivery.id, fence: c.fence, until: at.map(|at| (at, Wait::Rate)) })
            .collect();
        if !waits.is_empty() {
            self.store.give_back(now, &waits).await?;
            self.claimed.retain(|claimed| goes.contains(&claimed.delivery.id));
        }
        while let Some(claimed) = self.claimed.last() {
            let was_cut_off = self.was_cut_off(claimed).await?;
            let Some(claimed) = self.claimed.pop() else { break };
            if was_cut_off {
                let reason = "an earlier try was cut off, and nobody can know whether it went out".to_owned();
                self.end_untried(claimed, Outcome::Unknowable { reason, repeatable: false });
            } else {
                self.send(playbook, claimed, None);
            }
        }
        Ok(())
    }

    /// Whether an earlier try ended with our own end, on a channel where a repeat could say it twice.
    async fn was_cut_off(&self, claimed: &Claimed) -> Result<bool> {
        if self.way(&claimed.delivery).is_none_or(|way| way.channel.repeatable()) {
            return Ok(false);
        }
        let attempts = self.store.attempts(claimed.delivery.id).await?;
        // What was given back was not tried.
        let was_tried = |attempt: &&Attempt| {
            !matches!(attempt.outcome, Some(AttemptOutcome::GivenBack | AttemptOutcome::Postponed))
        };
        let last = attempts.iter().rev().skip(1).find(was_tried);
        Ok(last.is_some_and(|last| last.outcome == Some(AttemptOutcome::LeaseLost)))
    }

    /// What is claimed, unless it is under way: its lease ran out before its try was over, and is renewed by this.
    fn unless_under_way(&mut self, claimed: Claimed) -> Option<Claimed> {
        match self.leases.get_mut(&claimed.delivery.id) {
            Some(fence) => {
                *fence = claimed.fence;
                None
            }
            None => Some(claimed),
        }
    }

    /// Settles a claimed delivery without a try.
    fn end_untried(&mut self, claimed: Claimed, outcome: Outcome) {
        let (way, retry) = (claimed.delivery.channel.clone(), RetryPolicy::default());
        self.leases.insert(claimed.delivery.id, claimed.fence);
        *self.sending.entry(way.clone()).or_default() += 1;
        let (to, subject) = (String::new(), String::new());
        let sent = Sent { claimed, way, to, subject, outcome, retry, is_tried: false, template: None };
        // The receiver lives as long as the courier itself.
        let _ = self.results.0.send(sent);
    }

    /// By which way a delivery goes.
    fn way(&self, delivery: &DeliveryRecord) -> Option<&Way> {
        if delivery.rehearsal { Some(&self.ways.rehearsal.way) } else { self.ways.channels.get(&delivery.channel) }
    }

    /// Looks again at the members of deliveries, and fixes what they say. What has nothing to say is cancelled; what is
    /// at a limit waits, and can still be joined.
    async fn seal(&self, playbook: &Playbook, claimed: &[Claimed], now: Instant) -> Result<Vec<Fate>> {
        if claimed.is_empty() {
            return Ok(Vec::new());
        }
        let found = Sealing::begin(&self.store, playbook, now).await?.seals(claimed).await?;
        let (mut seals, said): (Vec<Seal>, Vec<Option<Said>>) = found.into_iter().unzip();
        let ready: Vec<usize> = (0..seals.len()).filter(|index| seals[*index].sealed.is_some()).collect();
        let wants = ready.iter().map(|index| Self::first_want(playbook, &claimed[*index])).collect();
        let limits = self.limits(wants, now).await?;
        let mut impatient = HashSet::new();
        for (index, limit) in ready.into_iter().zip(limits) {
            let Some(at) = limit else { continue };
            if waits_too_long(playbook, &claimed[index].delivery, at) {
                impatient.insert(claimed[index].delivery.id);
                continue;
            }
            seals[index].sealed = None;
            seals[index].postponed_to = Some((at, Some(Wait::Rate)));
        }
        let lost: HashSet<DeliveryId> = self.store.seal(now, &seals).await?.into_iter().collect();
        let fate = |(seal, said): (Seal, Option<Said>)| match (seal.sealed, said) {
            _ if seal.postponed_to.is_some() || lost.contains(&seal.id) => Fate::Stays,
            (Some(sealed), _) if impatient.contains(&seal.id) => Fate::WaitsTooLong(sealed),
            (Some(sealed), Some(said)) => Fate::Goes(sealed, Box::new(said)),
            _ => Fate::Stays,
        };
        Ok(seals.into_iter().zip(said).map(fate).collect())
    }

    /// A try, as the limits of its channel count it.
    fn want(playbook: &Playbook, claimed: &Claimed) -> Want {
        let Claimed { delivery, .. } = claimed;
        let rates = playbook.office.rates(&delivery.channel);
        Want { channel: delivery.channel.clone(), contact: delivery.contact.clone(), rates }
    }

    /// The first try of a message: it counts against the contact's pace too.
    fn first_want(playbook: &Playbook, claimed: &Claimed) -> Want {
        let mut want = Self::want(playbook, claimed);
        want.rates.each.extend(playbook.office.pace(&want.contact, &want.channel));
        want
    }

    /// Counts tries against limits: `None` for each that may leave now, else when it may.
    async fn limits(&self, wants: Vec<Want>, now: Instant) -> Result<Vec<Option<Instant>>> {
        if wants.iter().all(|want| want.rates.is_empty()) {
            return Ok(vec![None; wants.len()]);
        }
        self.store.take(now, &wants).await
    }

    /// Renders a sealed delivery and starts to send it. Who has just sealed it knows what it says; else it is read.
    fn send(&mut self, playbook: &Arc<Playbook>, claimed: Claimed, said: Option<Said>) {
        let name = claimed.delivery.channel.clone();
        let way = self.way(&claimed.delivery).cloned();
        self.leases.insert(claimed.delivery.id, claimed.fence);
        *self.sending.entry(name.clone()).or_default() += 1;
        let (results, nudge, playbook) = (self.results.0.clone(), self.nudge.clone(), playbook.clone());
        let rehearsal = claimed.delivery.rehearsal.then(|| self.ways.rehearsal.address.clone());
        let links = self.links.clone();
        tokio::spawn(async move {
            let retry = way.as_ref().map(|way| way.retry.clone()).unwrap_or_default();
            let message = message(&playbook, &claimed, said, links.as_deref(), rehearsal);
            let template = message.as_ref().ok().and_then(|(_, error)| error.clone());
            let (to, subject, outcome) = match (message, way) {
                (Ok((message, _)), Some(way)) => {
                    fail::fail_point!("send.before", |_| std::process::abort());
                    let outcome = way.channel.send(&message).await;
                    fail::fail_point!("send.after", |_| std::process::abort());
                    (message.to_address, message.subject, outcome)
                }
                (Ok((message, _)), None) => (message.to_address, message.subject, no_channel(&name)),
                (Err(reason), _) => (String::new(), String::new(), Outcome::Permanent { reason, bad_address: false }),
            };
            // The receiver lives as long as the courier; without it there is nobody to settle.
            let _ = results.send(Sent { claimed, way: name, to, subject, outcome, retry, is_tried: true, template });
            nudge.notify_one();
        });
    }
}

/// How many deliveries may wait in a channel. Where a whole batch can, the next is looked at while it is sent.
fn room(way: &Way) -> usize {
    let room = way.channel.at_once() * 4;
    if room < BATCH { room } else { room + BATCH }
}

/// Whether a message would wait so long for its channel that the fallback takes it.
fn waits_too_long(playbook: &Playbook, delivery: &DeliveryRecord, until: Instant) -> bool {
    let terms = playbook.office.channels.get(&delivery.channel);
    terms.is_some_and(|terms| {
        let patience = chrono::TimeDelta::seconds(i64::try_from(terms.patience).unwrap_or(i64::MAX / 1_000));
        terms.fallback.is_some() && until - delivery.opened_at > patience
    })
}

fn no_channel(name: &str) -> Outcome {
    let reason = format!("the configuration has no channel {name:?} now");
    Outcome::Temporary { reason, retry_after: None }
}

/// The message of a sealed delivery, the same for every try; and why it is the built-in text, if a template failed.
fn message(
    playbook: &Playbook,
    claimed: &Claimed,
    said: Option<Said>,
    links: Option<&LinkKey>,
    rehearsal: Option<String>,
) -> std::result::Result<(Message, Option<TemplateError>), String> {
    let stored = || claimed.delivery.sealed.as_ref().ok_or("nothing is sealed".to_owned());
    let read = || Said::read(stored()?).map_err(|e| e.to_string());
    let Said { sealed: Sealed { mut facts, medium, language, thread }, facts: mut json } =
        said.map_or_else(read, Ok)?;
    // A link is as good as a password: it is made now, and what is sealed holds none.
    if let Some(key) = links {
        put_links(&mut facts, key);
        json = Json::of(&facts);
    }
    let (rendered, error) = playbook.templates.render(&facts, language, medium);
    if let Some(error) = &error {
        tracing::warn!(id = %claimed.delivery.id, "a template failed, the built-in text goes out: {error}");
    }
    let message = Message {
        id: claimed.delivery.id,
        to_name: facts.to.name.clone(),
        to_address: rehearsal.unwrap_or_else(|| facts.to.address.clone()),
        date: facts.sealed_at,
        subject: rendered.subject,
        text: rendered.text,
        html: rendered.html,
        thread,
        facts: json,
    };
    Ok((message, error))
}
