//! The witness: compares what stood in the store before a verb with what stands there after it, and demands what must
//! hold. [`disk`](super::disk) calls it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use duban::core::Instant;
use duban::core::card::{Change, Transition, Watch};
use duban::core::delivery::{DeliveryId, DeliveryState};
use duban::core::digest::Digest;
use duban::core::item::ItemKey;
use duban::core::notice::{Gap, Hold, Notice, NoticeKind, NoticeState};
use duban::playbook::Playbook;
use duban::store::memory::MemoryStore;
use duban::store::{
    AttemptOutcome, Claimed, Committed, DeliveryRecord, GivenBack, ItemRecord, ItemWrite, Result, Seal, Settle, Store,
    Turn, Want,
};

use super::climb::climbs;
use super::gate::Gate;
use super::ledger::Ledger;
use super::office::office;
use super::story::{of_notice, of_transition, short};

/// The store of one process.
pub struct Witness {
    /// Where things go wrong.
    pub gate: Gate,
    /// What outlives the process.
    pub disk: Arc<MemoryStore>,
    /// What is written down beside it.
    pub ledger: Arc<Ledger>,
    playbook: Mutex<Arc<Playbook>>,
}

/// What stood in the store before a turn, of what the turn names.
pub struct Before {
    records: HashMap<ItemKey, ItemRecord>,
    said: Vec<Notice>,
}

impl Witness {
    /// A process's view of a disk.
    pub fn new(disk: Arc<MemoryStore>, ledger: Arc<Ledger>, playbook: Arc<Playbook>) -> Self {
        Self { gate: Gate::default(), disk, ledger, playbook: Mutex::new(playbook) }
    }

    /// The process's playbook.
    pub fn playbook(&self) -> Arc<Playbook> {
        self.playbook.lock().expect("nobody broke over it").clone()
    }

    /// The process takes another playbook.
    pub fn take(&self, playbook: Arc<Playbook>) {
        *self.playbook.lock().expect("nobody broke over it") = playbook;
    }

    pub async fn before(&self, turn: &Turn) -> Result<Before> {
        let keys: Vec<ItemKey> = turn.items.iter().map(|write| write.record.item.key.clone()).collect();
        let records =
            self.disk.load(&keys).await?.into_iter().map(|record| (record.item.key.clone(), record)).collect();
        Ok(Before { records, said: self.disk.notices_about(&keys).await? })
    }

    /// What was planned under another playbook than the one in force is refused.
    pub async fn watch_playbook(&self, turn: &Turn) -> Result<()> {
        let in_force = self.disk.playbook().await?.map(|record| record.version);
        let is_so = turn.playbook.is_none() || turn.playbook == in_force;
        self.ledger.demand(is_so, || format!("3: a turn was written under {:?} and not {in_force:?}", turn.playbook));
        Ok(())
    }

    /// A turn is written whole, item by item: the cards, their transitions and who is to be told of them.
    pub async fn watch_turn(&self, turn: &Turn, before: &Before, committed: &Committed) -> Result<()> {
        let lost: HashSet<&ItemKey> = committed.lost.iter().collect();
        for write in &turn.items {
            let key = &write.record.item.key;
            let old = before.records.get(key);
            let new = self.disk.load(std::slice::from_ref(key)).await?.pop();
            if lost.contains(key) {
                self.ledger.count("items lost to another turn");
                let same = new.as_ref() == old;
                self.ledger.demand(same, || format!("3: {key} was lost and is not as it was"));
                continue;
            }
            self.ledger.count("items written");
            let version = old.map_or(0, |record| record.version) + 1;
            let is_newest = write.record.version + 1 == version;
            self.ledger.demand(is_newest, || format!("3: {key} was written over version {}", version - 1));
            let is_next = new.as_ref().is_some_and(|record| record.version == version);
            self.ledger.demand(is_next, || format!("3: {key} was written, and is not in version {version}"));
            self.watch_cards(write, old);
            self.watch_notices(turn, write, &before.said, old);
            self.watch_climb(write, &before.said).await?;
            let stored: HashSet<Digest> = self
                .disk
                .notices_about(std::slice::from_ref(key))
                .await?
                .into_iter()
                .map(|notice| notice.key)
                .collect();
            for planned in &write.notices {
                // What counts a unit's cards may be said already, of another one.
                let is_there = stored.contains(&planned.notice.key) || planned.notice.outlasts_its_card();
                self.ledger.demand(is_there, || {
                    format!("3: {key}: a notice was left out of the commit: {}", of_notice(&planned.notice))
                });
            }
            let stored = self.disk.transitions(key).await?;
            for transition in &write.transitions {
                let is_there = stored.contains(transition);
                self.ledger
                    .demand(is_there, || format!("3: {key}: a transition was left out: {}", of_transition(transition)));
            }
        }
        Ok(())
    }

    /// A card's numbers and episodes grow by one, and time alone only raises it.
    fn watch_cards(&self, write: &ItemWrite, old: Option<&ItemRecord>) {
        let key = &write.record.item.key;
        let mut watches: HashMap<_, Watch> =
            old.into_iter().flat_map(|record| &record.watches).map(|watch| (watch.card, watch.clone())).collect();
        let is_by_time = old.is_some_and(|old| !write.keep_snapshot && old.judged_under == write.record.judged_under);
        for transition in &write.transitions {
            let Transition { card, number, episode, from, to, change, .. } = transition;
            let was = watches.get(card);
            let (last, then, level) = was.map_or((0, 0, None), |w| (w.number, w.episode, w.level));
            let opens = from.is_none() && to.is_some();
            let follows = *number == last + 1 && *episode == then + u32::from(opens) && *from == level;
            self.ledger.demand(follows, || format!("7: {key}: {} does not follow {was:?}", of_transition(transition)));
            let says = match change {
                Change::Raise => to > from,
                Change::Lower => to < from && to.is_some(),
                Change::Stop | Change::Resume => from.is_none() && to.is_none(),
                _ => from.is_some() && to.is_none(),
            };
            self.ledger.demand(says, || format!("7: {key}: {} is no {}", of_transition(transition), change.word()));
            self.count_change(*change);
            if is_by_time && to < from {
                let old = old.expect("it was there");
                // A clock that had gone back kept it from being noticed when it was judged.
                let is_late = old.noticed_at == Some(transition.noticed_at);
                // What a clock that was set back made a thing of the future came about again.
                let seen_at = self.ledger.book().set_back_to.map_or(old.seen_at, |back| back.min(old.seen_at));
                let because = is_late || latest_datum(write).is_some_and(|at| at > seen_at);
                self.ledger
                    .demand(because, || format!("7: {key}: time alone brought down {}", of_transition(transition)));
            }
            let watch = write.record.watches.iter().find(|watch| watch.card == *card);
            if let Some(watch) = watch {
                watches.insert(*card, Watch { number: *number, episode: *episode, level: *to, ..watch.clone() });
            }
            let newest = old.and_then(|old| old.noticed_at);
            let is_later = newest.is_none_or(|newest| newest <= transition.noticed_at);
            self.ledger
                .demand(is_later, || format!("7: {key}: {} was noticed before {newest:?}", of_transition(transition)));
        }
        for watch in &write.record.watches {
            let same = watches.get(&watch.card).is_some_and(|told| {
                (told.number, told.episode, told.level) == (watch.number, watch.episode, watch.level)
            });
            self.ledger.demand(same, || format!("3: {key}: no transition tells how {watch:?} came about"));
        }
    }

    fn count_change(&self, change: Change) {
        self.ledger.count(match change {
            Change::Raise => "cards raised",
            Change::Lower => "cards lowered",
            Change::Clear => "cards cleared",
            Change::Revoke => "cards revoked",
            Change::Withdraw | Change::LeftSource => "cards withdrawn",
            Change::Stop | Change::Resume => "clocks stopped or resumed",
        });
    }

    /// A transition comes with its notices, and a notice with its transition.
    fn watch_notices(&self, turn: &Turn, write: &ItemWrite, said: &[Notice], old: Option<&ItemRecord>) {
        let key = &write.record.item.key;
        let tells = |notice: &Notice, transition: &Transition| {
            notice.card == Some(transition.card) && notice.number == transition.number
        };
        for planned in &write.notices {
            let notice = &planned.notice;
            let is_of_one = write.transitions.iter().any(|transition| tells(notice, transition));
            let is_other = old.is_some_and(|old| Some(old.judged_under) != turn.playbook);
            // What stands and was never told in this mode, climbs on, goes to others or is counted.
            let is_late = climbs(notice)
                || matches!(notice.kind, NoticeKind::Handover | NoticeKind::Count)
                || is_other && notice.hold == Some(Hold::Baseline);
            let stands = write.record.watches.iter().any(|watch| {
                let same = (watch.number, watch.episode, watch.level) == (notice.number, notice.episode, notice.level);
                Some(watch.card) == notice.card && same
            });
            // What was held is said now, to whoever is there now.
            let was_held = |n: &Notice| n.hold.as_ref().is_some_and(may_be_lifted) && is_same(n, notice);
            // Or somebody else was faster with it: then what is stored stands.
            let is_again = said.iter().any(|n| was_held(n) || n.key == notice.key);
            self.ledger.demand(is_of_one || is_again || is_late && stands, || {
                format!("3: {key}: a notice without its transition: {}", of_notice(&planned.notice))
            });
        }
        let rehearsal = turn.playbook.and_then(is_rehearsal);
        for transition in &write.transitions {
            let drafts: Vec<&Notice> = write
                .notices
                .iter()
                .map(|planned| &planned.notice)
                .filter(|notice| tells(notice, transition))
                .collect();
            match NoticeKind::of(transition.change) {
                None => self.ledger.demand(drafts.is_empty(), || format!("3: {key}: nobody asked for {drafts:?}")),
                Some(NoticeKind::Raise) => {
                    let law = || format!("3: {key}: nobody is told of {}", of_transition(transition));
                    self.ledger.demand(!drafts.is_empty(), law);
                    let is_first = drafts.iter().all(|notice| notice.step == 0);
                    self.ledger.demand(is_first, || format!("9: {key}: two steps at once: {drafts:?}"));
                }
                Some(_) => {
                    // Who knows that the card went to others hears of a recall only.
                    let of_card = |n: &&Notice| (n.card, n.episode) == (Some(transition.card), transition.episode);
                    let has_gone = |contact: &str| {
                        let last = said.iter().filter(of_card).filter(|n| *n.contact == *contact);
                        let last = last.max_by_key(|n| (n.number, n.planned_at, n.ordinal));
                        transition.change != Change::Revoke && last.is_some_and(|last| last.because.gone)
                    };
                    for earlier in said.iter().filter(|earlier| was_told(earlier, transition, rehearsal)) {
                        if has_gone(&earlier.contact) {
                            continue;
                        }
                        let is_told =
                            drafts.iter().any(|n| (&n.contact, &n.channel) == (&earlier.contact, &earlier.channel));
                        let is_told = is_told || self.was_retried(earlier);
                        let law = || {
                            format!(
                                "3: {key}: who heard of {} is not told of {}",
                                of_notice(earlier),
                                of_transition(transition)
                            )
                        };
                        self.ledger.demand(is_told, law);
                    }
                }
            }
        }
    }

    fn was_retried(&self, notice: &Notice) -> bool {
        notice.delivery.is_some_and(|id| self.ledger.book().retried.contains_key(&id))
    }

    pub fn watch_claims(&self, now: Instant, lease_until: Instant, claimed: &[Claimed]) {
        for Claimed { delivery, fence, members } in claimed {
            let id = delivery.id;
            let before = self.ledger.book().leases.insert(id, (*fence, Some(lease_until)));
            let is_free = before.is_none_or(|(_, until)| until.is_none_or(|until| until <= now));
            self.ledger.demand(is_free, || format!("4: {} was claimed at {now} under a lease {before:?}", short(id)));
            let is_newer = before.is_none_or(|(old, _)| old < *fence);
            self.ledger.demand(is_newer, || format!("4: the fence {fence} of {} follows {before:?}", short(id)));
            let is_due = delivery.not_before <= now || before.is_some();
            self.ledger.demand(is_due, || format!("4: {} was claimed before its time", short(id)));
            self.ledger.demand(!members.is_empty(), || format!("4: {} was claimed and says nothing", short(id)));
        }
    }

    /// A baseline holds only what the first good poll of a source finds.
    pub async fn watch_baseline(&self, turn: &Turn) -> Result<()> {
        for write in &turn.items {
            let source = &write.record.item.key.source;
            let sources = self.disk.sources().await?;
            let good = sources.into_iter().any(|known| known.source == *source && known.good_rows.is_some());
            let held = write.notices.iter().any(|planned| planned.notice.hold == Some(Hold::Baseline));
            let was = self.disk.load(std::slice::from_ref(&write.record.item.key)).await?.pop();
            let is_other = was.is_some_and(|was| Some(was.judged_under) != turn.playbook);
            let is_known = good && !self.gate.has_slept() && !is_other;
            self.ledger
                .demand(!held || !is_known, || format!("2: {source} had its first good poll, and a baseline holds"));
        }
        Ok(())
    }

    /// In any stretch of a rate's length no more sends are allowed than the rate says.
    pub fn watch_limits(&self, now: Instant, wants: &[Want], answers: &[Option<Instant>]) {
        let same = wants.len() == answers.len();
        self.ledger.demand(same, || format!("5: {} wants and {} answers", wants.len(), answers.len()));
        let limited = wants.iter().any(|want| !want.rates.is_empty());
        let mut book = self.ledger.book();
        book.counted_at = book.counted_at.max(limited.then_some(now));
        let forgotten = book.counted_at.map(|at| at - chrono::TimeDelta::hours(24));
        drop(book);
        for (want, answer) in wants.iter().zip(answers) {
            if let Some(at) = answer {
                self.ledger.count("sends that wait at a limit");
                self.ledger.demand(*at > now, || format!("5: {want:?} waits at {now} until {at}"));
                continue;
            }
            if want.rates.is_empty() {
                continue;
            }
            self.ledger.count("sends counted against a limit");
            let mut book = self.ledger.book();
            book.allowed.push((now, want.channel.clone(), want.contact.clone()));
            let of = |each: bool| {
                let is_meant = move |(_, channel, contact): &&(Instant, Arc<str>, Arc<str>)| {
                    *channel == want.channel && (!each || *contact == want.contact)
                };
                book.allowed.iter().filter(is_meant).map(|(at, ..)| *at).collect::<Vec<_>>()
            };
            let (all, each) = (of(false), of(true));
            let all = want.rates.all.iter().map(|rate| (rate, &all));
            let rates = all.chain(want.rates.each.iter().map(|rate| (rate, &each)));
            let broken: Vec<String> = rates
                .filter_map(|(rate, sends)| {
                    // A step of the clock by more than a day may come between an instant and its use.
                    let is_kept = |at: &Instant| forgotten.is_none_or(|forgotten| *at > forgotten);
                    let within = |at: &&Instant| {
                        **at <= now && (now - **at).to_std().is_ok_and(|ago| ago < rate.per) && is_kept(at)
                    };
                    let within: Vec<&Instant> = sends.iter().filter(within).collect();
                    (within.len() > rate.count as usize).then(|| {
                        let (contact, channel) = (&want.contact, &want.channel);
                        format!("5: sends to {contact} by {channel} at {within:?} against {rate} in {wants:?}")
                    })
                })
                .collect();
            book.broken.extend(broken);
        }
    }

    /// Leases that were given back.
    pub fn forget_leases(&self, claims: &[GivenBack]) {
        let mut book = self.ledger.book();
        for GivenBack { id, fence, .. } in claims {
            if let Some(lease) = book.leases.get_mut(id).filter(|(held, _)| held == fence) {
                lease.1 = None;
            }
        }
    }

    /// Leases of a process that is no more.
    pub fn forget_all_leases(&self, now: Instant) {
        for (_, until) in self.ledger.book().leases.values_mut() {
            *until = until.map(|until| until.min(now));
        }
    }

    /// What a message is about to say is so; if the world went on meanwhile, it was.
    pub async fn watch_members(&self, seals: &[Seal], lost: &[DeliveryId]) -> Result<()> {
        let kept = seals.iter().filter(|seal| seal.sealed.is_some() && !lost.contains(&seal.id));
        for seal in kept.filter(|_| !self.gate.has_slept()) {
            let members = self.found(seal.id).await?.into_iter().flat_map(|(_, members)| members);
            let says_a_level = |n: &Notice| n.raises() && !n.outlasts_its_card();
            for member in members.filter(|member| is_open(member.state) && says_a_level(member)) {
                let keys: Vec<ItemKey> = member.item.iter().cloned().collect();
                let records = self.disk.load(&keys).await?;
                let mut watches = records.iter().flat_map(|record| &record.watches);
                let is_so = watches.any(|watch| {
                    Some(watch.card) == member.card && watch.episode == member.episode && watch.level == member.level
                });
                self.ledger.demand(is_so, || format!("1: it is no longer so: {}", of_notice(&member)));
            }
        }
        Ok(())
    }

    /// What was sealed stays sealed.
    pub fn watch_seals(&self, seals: &[Seal], lost: &[DeliveryId]) {
        let mut book = self.ledger.book();
        for seal in seals.iter().filter(|seal| !lost.contains(&seal.id)) {
            if seal.sealed.is_none() {
                if let Some(lease) = book.leases.get_mut(&seal.id) {
                    lease.1 = None;
                }
                continue;
            }
            let held = book.leases.get(&seal.id).map(|(fence, _)| *fence);
            if held != Some(seal.fence) {
                let law = format!("4: {} was sealed under fence {}, and {held:?} holds it", short(seal.id), seal.fence);
                book.broken.push(law);
            }
            if let Some(sealed) = seal.sealed.as_ref().filter(|_| seal.postponed_to.is_none()) {
                let text = sealed.text().to_owned();
                let before = book.sealed.insert(seal.id, text.clone());
                if before.is_some_and(|before| before != text) {
                    book.broken.push(format!("6: {} was sealed twice", short(seal.id)));
                }
            }
        }
    }

    pub async fn found(&self, id: DeliveryId) -> Result<Option<(DeliveryRecord, Vec<Notice>)>> {
        Ok(self.disk.delivery(&id.to_string()).await?.pop())
    }

    /// A settle needs the lease, and says what became of the send.
    pub async fn watch_settle(
        &self,
        settle: &Settle,
        before: Option<(DeliveryRecord, Vec<Notice>)>,
        lost: &[DeliveryId],
    ) -> Result<()> {
        let (id, after) = (settle.id, self.found(settle.id).await?);
        let holds = {
            let lease = self.ledger.book().leases.get(&id).copied();
            let sending = before.as_ref().is_some_and(|(record, _)| record.state == DeliveryState::Sending);
            sending && lease.is_some_and(|(fence, until)| fence == settle.fence && until.is_some())
        };
        if !holds {
            self.ledger.count("settles under a lost lease");
            let law = || format!("4: {} was settled under the lost lease {}", short(id), settle.fence);
            self.ledger.demand(lost.contains(&id) && before == after, law);
            return Ok(());
        }
        let is_so = !lost.contains(&id) && after.is_some_and(|(record, _)| record.state == settle.state);
        self.ledger.demand(is_so, || format!("4: {} was settled and is not {:?}", short(id), settle.state));
        self.watch_end(settle).await
    }

    async fn watch_end(&self, settle: &Settle) -> Result<()> {
        let id = settle.id;
        let attempts = self.disk.attempts(id).await?;
        let was_cut = attempts.iter().any(|attempt| attempt.outcome == Some(AttemptOutcome::LeaseLost));
        let mut book = self.ledger.book();
        if let Some(lease) = book.leases.get_mut(&id) {
            lease.1 = None;
        }
        let (counted, is_so) = match settle.state {
            DeliveryState::Sent => ("deliveries sent", book.accepted.contains(&id)),
            DeliveryState::Unknown => ("deliveries unknown", book.unknowable.contains(&id) || was_cut),
            DeliveryState::Discarded => (
                "dead letters",
                book.refused.contains(&id) || attempts.len() >= 20 || settle.reason.contains("at its limit"),
            ),
            _ => ("tries again later", true),
        };
        book.tally.count(counted);
        if !is_so {
            book.broken.push(format!("4: {} was settled as {:?}, and no peer said so", short(id), settle.state));
        }
        Ok(())
    }
}

/// Whether two notices say the same, maybe to two people.
fn is_same(one: &Notice, other: &Notice) -> bool {
    let is_deputy = other.because.instead_of.as_ref() == Some(&one.contact);
    // Operators in the place of people who cannot be reached any more.
    let is_operator = other.because.why == Some(Gap::Unreachable);
    (one.card, one.kind, one.number, one.step, one.ordinal)
        == (other.card, other.kind, other.number, other.step, other.ordinal)
        && (is_operator || one.channel == other.channel && (one.contact == other.contact || is_deputy))
}

/// Whether what is held so may be said later.
const fn may_be_lifted(hold: &Hold) -> bool {
    matches!(hold, Hold::Baseline | Hold::Silence { .. })
}

/// Whether a notice told somebody of the episode that a transition ends or lowers.
fn was_told(notice: &Notice, transition: &Transition, rehearsal: Option<bool>) -> bool {
    notice.card == Some(transition.card)
        && notice.episode == transition.episode
        && notice.number < transition.number
        && notice.state.is_told()
        && Some(notice.rehearsal) == rehearsal
        && (notice.is_of_a_step() || notice.kind == NoticeKind::Count)
}

fn is_rehearsal(playbook: Digest) -> Option<bool> {
    office().playbook(playbook).map(|known| known.office.rehearsal)
}

/// The latest instant in what the rules say that can bring a level down by itself.
fn latest_datum(write: &ItemWrite) -> Option<Instant> {
    let windows = write.record.rulings.iter().flat_map(|ruling| &ruling.windows);
    let data = windows.flat_map(|window| {
        let pauses = window.pauses.iter().flat_map(|pause| [Some(pause.from), pause.to]);
        let approvals = window.extensions.iter().map(|extension| extension.approved_at);
        [window.done, window.from].into_iter().chain(pauses).chain(approvals).flatten()
    });
    data.max()
}

/// Whether a notice still has to be said.
const fn is_open(state: NoticeState) -> bool {
    matches!(state, NoticeState::Planned)
}
