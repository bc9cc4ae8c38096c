//! What must hold when everything has calmed down, asked of the store and of what receivers wrote down.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use duban::core::Instant;
use duban::core::acknowledgement::Acknowledgement;
use duban::core::card::{CardId, Transition, Watch};
use duban::core::delivery::{DeliveryId, DeliveryState};
use duban::core::item::ItemKey;
use duban::core::notice::{Hold, Notice, NoticeKind, NoticeState};
use duban::core::window::Ruling;
use duban::playbook::Playbook;
use duban::store::memory::MemoryStore;
use duban::store::{AttemptOutcome, DeliveryFilter, DeliveryRecord, Store};

use super::ledger::{Book, Ledger};
use super::letters;
use super::office::{SOURCES, office};
use super::oracle;
use super::story::{of_notice, of_transition, short};

/// All that is remembered in the end.
struct End {
    deliveries: Vec<(DeliveryRecord, Vec<Notice>)>,
    notices: Vec<Notice>,
    transitions: HashMap<CardId, Vec<Transition>>,
    lost_leases: HashMap<DeliveryId, usize>,
    open: Vec<(ItemKey, Watch, Vec<Ruling>)>,
    taken: Vec<Acknowledgement>,
    rehearsal: bool,
}

/// Asks for everything that must hold in the end.
pub async fn hold(disk: &MemoryStore, playbook: &Playbook, ledger: &Ledger, now: Instant) {
    let end = End::read(disk, ledger, playbook, now).await;
    end.everything_is_said(ledger);
    end.what_is_dropped_is_no_longer_so(ledger);
    end.only_who_was_told_hears_the_end(ledger);
    end.repeats_are_known(ledger);
    end.silences_are_lifted(disk, ledger, now).await;
    end.open_cards_are_told(playbook, ledger);
    letters::hold(disk, &end.deliveries, &end.notices, ledger).await;
    if !playbook.office.rehearsal {
        let begun = disk.last_fired("go-live:begun").await.expect("an instant");
        let told = disk.last_fired("go-live:told").await.expect("an instant");
        ledger.demand(begun <= told, || format!("11: operators were never told of the go-live of {begun:?}"));
    }
}

impl End {
    async fn read(disk: &MemoryStore, ledger: &Ledger, playbook: &Playbook, now: Instant) -> Self {
        let (mut notices, mut transitions, mut stands) = (Vec::new(), HashMap::new(), Vec::new());
        for source in SOURCES {
            let digests = disk.digests(source, None, 1_000).await.expect("digests");
            let keys: Vec<ItemKey> = digests.into_iter().map(|(id, ..)| ItemKey::new(source, id)).collect();
            notices.extend(disk.notices_about(&keys).await.expect("notices"));
            for record in disk.load(&keys).await.expect("records") {
                let open =
                    record.watches.iter().filter_map(|w| Some((w.rule.to_string(), w.name.to_string(), w.level?)));
                let (open, due): (BTreeSet<_>, _) = (open.collect(), oracle::cards(playbook, &record, now));
                ledger.demand(open == due, || {
                    format!("1: {} at {now}: {open:?} stand, and {due:?} are due", record.item.key)
                });
                let item = &record.item.key;
                let open = record.watches.iter().filter(|w| w.level.is_some());
                stands.extend(open.map(|w| (item.clone(), w.clone(), record.rulings.clone())));
                for transition in disk.transitions(&record.item.key).await.expect("transitions") {
                    transitions.entry(transition.card).or_insert_with(Vec::new).push(transition);
                }
            }
        }
        let all = DeliveryFilter { limit: 100_000, ..DeliveryFilter::default() };
        let (mut deliveries, mut lost_leases) = (Vec::new(), HashMap::new());
        for record in disk.deliveries(&all).await.expect("deliveries") {
            let attempts = disk.attempts(record.id).await.expect("attempts");
            let lost = attempts.iter().filter(|attempt| attempt.outcome == Some(AttemptOutcome::LeaseLost)).count();
            lost_leases.insert(record.id, lost);
            deliveries.extend(disk.delivery(&record.id.to_string()).await.expect("a delivery"));
        }
        let cards: Vec<CardId> = transitions.keys().copied().collect();
        let taken = disk.acknowledgements(&cards).await.expect("acknowledgements");
        Self {
            deliveries,
            notices,
            transitions,
            lost_leases,
            open: stands,
            taken,
            rehearsal: playbook.office.rehearsal,
        }
    }

    /// Nothing waits any more, and what counts as said was heard.
    fn everything_is_said(&self, ledger: &Ledger) {
        let heard: HashSet<(DeliveryId, String)> = {
            let book = ledger.book();
            book.heard.iter().flat_map(|heard| heard.keys.iter().map(|key| (heard.id, key.clone()))).collect()
        };
        for (record, members) in &self.deliveries {
            let ends =
                [DeliveryState::Sent, DeliveryState::Unknown, DeliveryState::Discarded, DeliveryState::Cancelled];
            let is_over = ends.contains(&record.state);
            ledger.demand(is_over, || format!("1: {} is still {:?}", short(record.id), record.state));
            for member in members.iter().filter(|member| member.state == NoticeState::Sent) {
                let was_heard = heard.contains(&(record.id, member.key.to_string()));
                ledger.demand(was_heard, || format!("1: {} counts as sent, and nobody heard it", of_notice(member)));
            }
        }
        let system = self.deliveries.iter().flat_map(|(_, members)| members).filter(|member| member.card.is_none());
        for notice in self.notices.iter().chain(system) {
            let waits = notice.state == NoticeState::Planned;
            ledger.demand(!waits, || format!("1: nobody ever says {}", of_notice(notice)));
        }
        for transition in self.transitions.values().flatten().filter(|t| t.to > t.from) {
            let tells = |n: &&Notice| {
                (n.card, n.number, n.kind) == (Some(transition.card), transition.number, NoticeKind::Raise)
            };
            let told: Vec<&Notice> = self.notices.iter().filter(tells).collect();
            let is_reachable =
                |n: &&Notice| !matches!(n.hold, Some(Hold::NoAddress | Hold::NoContact { .. } | Hold::Away));
            let law = || {
                let told: Vec<String> = told.iter().map(|notice| of_notice(notice)).collect();
                format!("1: nobody who can be reached is told of {}: {told:?}", of_transition(transition))
            };
            ledger.demand(told.iter().any(is_reachable), law);
        }
    }

    /// A raised card is dropped only if something happened to it since, a clear only if its contact heard of nothing.
    fn what_is_dropped_is_no_longer_so(&self, ledger: &Ledger) {
        for notice in &self.notices {
            let is_so = match (&notice.state, &notice.hold) {
                (NoticeState::Dropped, Some(Hold::NoLongerSo)) => self.went_on(notice),
                (NoticeState::Dropped, Some(Hold::NeverTold)) => {
                    !matches!(notice.kind, NoticeKind::Raise) && !self.was_told(notice, ledger)
                }
                (NoticeState::Dropped, Some(Hold::Cancelled)) => {
                    notice.delivery.is_some_and(|id| ledger.book().cancelled.contains(&id))
                }
                (NoticeState::Held, Some(Hold::NoAddress)) => has_no_address_somewhere(notice),
                (NoticeState::Held, Some(Hold::NoContact { .. } | Hold::Baseline | Hold::Away)) => true,
                (NoticeState::Held, Some(Hold::BadAddress)) => is_bad_somewhere(notice, ledger),
                (NoticeState::Held | NoticeState::Dropped, Some(Hold::Silence { .. })) => {
                    !self.stands(notice) || notice.rehearsal != self.rehearsal
                }
                (NoticeState::Dropped, Some(Hold::Acknowledged)) => self.was_taken(notice),
                (NoticeState::Dropped | NoticeState::Held, _) => false,
                _ => true,
            };
            ledger.demand(is_so, || {
                let beside = self.beside(notice);
                format!("2: there is no ground for {} beside {beside:#?}", of_notice(notice))
            });
        }
    }

    /// What a silence held was said afterwards, if it was still so.
    async fn silences_are_lifted(&self, disk: &MemoryStore, ledger: &Ledger, now: Instant) {
        for silence in disk.silences(true).await.expect("silences") {
            let is_over = silence.lifted_at.is_some() && silence.ends_at <= now;
            ledger.demand(is_over, || format!("10: {silence:?} was never lifted"));
        }
    }

    /// Every card that stands was told in this mode, or is held back by a baseline; and it climbed its ladder to the end.
    fn open_cards_are_told(&self, playbook: &Playbook, ledger: &Ledger) {
        for (item, watch, rulings) in &self.open {
            let Some(level) = watch.level else { continue };
            let said = self.notices.iter().filter(|n| n.card == Some(watch.card) && n.episode == watch.episode);
            let said: Vec<&Notice> = said.filter(|n| n.rehearsal == playbook.office.rehearsal).collect();
            let law = || format!("11: {item}: {} stands, and nobody is to hear of it", watch.name);
            ledger.demand(!said.is_empty(), law);
            let of_level = said.iter().filter(|n| n.number == watch.number && n.is_of_a_step());
            let here = of_level.filter(|n| n.state != NoticeState::Dropped);
            let Some(step) = here.clone().map(|n| n.step).max() else { continue };
            let is_held = here.clone().any(|n| n.step == step && n.hold == Some(Hold::Baseline));
            let is_its = |ruling: &&Ruling| ruling.rule == watch.rule;
            let mut windows = rulings.iter().filter(is_its).flat_map(|ruling| &ruling.windows);
            let window = windows.find(|window| window.name == watch.name);
            let transition = self.transitions.get(&watch.card).and_then(|all| all.last());
            let raised = || transition.and_then(|transition| transition.ladder.as_deref());
            let named = window.map_or_else(raised, |window| window.ladder.as_deref());
            let office = &playbook.office;
            let Some(ladder) = office.ladders.get(named.unwrap_or(&office.ladder)) else { continue };
            let last = (0..).zip(&ladder.steps).filter(|(_, s)| !s.channels(level).is_empty()).map(|(n, _)| n).max();
            let is_at_the_end = is_held || last.is_none_or(|last| last <= step);
            ledger.demand(is_at_the_end, || {
                let here: Vec<String> = here.clone().map(|n| of_notice(n)).collect();
                format!("9: {item}: {} stands at step {step} and not at {last:?}: {here:?}", watch.name)
            });
            let here = here.filter(|n| n.step == step);
            let reminders =
                ladder.steps.get(step as usize).and_then(|step| step.reminders(level)).map_or(0, |r| r.most);
            let was_told = here.clone().any(|n| n.state.is_told() && !self.has_gone(n));
            let reminders_here = here.clone().filter(|n| n.kind == NoticeKind::Reminder);
            let reminded = reminders_here.map(|n| n.ordinal).max().unwrap_or_default();
            let is_reminded = is_held || !was_told || reminded >= reminders;
            ledger.demand(is_reminded, || {
                let here: Vec<String> = here.map(|n| of_notice(n)).collect();
                format!("9: {item}: {} was reminded {reminded} times: {here:?}", watch.name)
            });
        }
    }

    /// What else was to be said to a notice's contact about its card.
    fn beside(&self, notice: &Notice) -> Vec<String> {
        let is_beside = |n: &&Notice| (n.card, &n.contact) == (notice.card, &notice.contact);
        self.notices.iter().filter(is_beside).map(of_notice).collect()
    }

    /// Whether a notice still says what stands.
    fn stands(&self, notice: &Notice) -> bool {
        self.open.iter().any(|(_, watch, _)| {
            let same = (watch.number, watch.episode, watch.level) == (notice.number, notice.episode, notice.level);
            Some(watch.card) == notice.card && same
        })
    }

    /// Whether somebody took the card, and it went no further.
    fn was_taken(&self, notice: &Notice) -> bool {
        let taken = |a: &&Acknowledgement| (Some(a.card), a.episode) == (notice.card, notice.episode);
        self.taken.iter().any(|a| taken(&a))
    }

    fn went_on(&self, notice: &Notice) -> bool {
        let card = notice.card.and_then(|card| self.transitions.get(&card));
        let went_on = |transitions: &Vec<Transition>| transitions.iter().any(|t| t.number > notice.number);
        card.is_some_and(went_on) || self.has_gone(notice)
    }

    /// Whether a notice's contact was, or would have been, told later that the card went to others.
    fn has_gone(&self, notice: &Notice) -> bool {
        self.notices.iter().any(|later| {
            let same = (later.card, later.episode, &later.contact) == (notice.card, notice.episode, &notice.contact);
            same && later.because.gone && later.planned_at >= notice.planned_at
        })
    }

    fn was_told(&self, notice: &Notice, ledger: &Ledger) -> bool {
        let book = ledger.book();
        self.notices.iter().any(|earlier| {
            // What the same message says was not heard before it.
            is_earlier(earlier, notice)
                && earlier.state.is_told()
                && earlier.delivery != notice.delivery
                && !earlier.delivery.is_some_and(|id| book.retried.contains_key(&id))
        })
    }

    /// The end of a card is told only to those who were told of the card.
    fn only_who_was_told_hears_the_end(&self, ledger: &Ledger) {
        let mut beside: HashMap<DeliveryId, Vec<&Notice>> = HashMap::new();
        for notice in &self.notices {
            if let Some(delivery) = notice.delivery {
                beside.entry(delivery).or_default().push(notice);
            }
        }
        let ends = self.notices.iter().filter(|n| matches!(n.kind, NoticeKind::Clear | NoticeKind::Revoke));
        for notice in ends.filter(|notice| notice.state.is_told()) {
            // What nobody could know may have turned out not to have arrived, when somebody tried it again.
            let is_or_was_told = |earlier: &Notice| {
                earlier.state.is_told() || earlier.delivery.is_some_and(|id| ledger.book().retried.contains_key(&id))
            };
            let was_told = self.notices.iter().any(|earlier| is_earlier(earlier, notice) && is_or_was_told(earlier));
            ledger.demand(was_told, || {
                let beside = self.beside(notice);
                format!("7: who never heard of the card hears {} beside {beside:#?}", of_notice(notice))
            });
        }
    }

    /// A message is heard again only where it could not be known, or a lease was lost, with the same words; one notice is
    /// never said by two messages.
    fn repeats_are_known(&self, ledger: &Ledger) {
        let mut repeats = 0;
        let mut broken = Vec::new();
        {
            let book = ledger.book();
            let (mut texts, mut times, mut said) = (HashMap::new(), BTreeMap::new(), HashMap::new());
            for heard in &book.heard {
                let text = texts.entry(heard.id).or_insert(&heard.text);
                if **text != heard.text {
                    let (first, then) = (*text, &heard.text);
                    broken.push(format!("6: {} said two things:\n{first}\n{then}", short(heard.id)));
                }
                *times.entry(heard.id).or_insert(0) += 1;
                for key in &heard.keys {
                    let by = said.entry(key).or_insert(heard.id);
                    if *by != heard.id {
                        broken.push(format!("6: {key} was said by {} and by {}", short(*by), short(heard.id)));
                    }
                }
            }
            for (id, times) in times {
                repeats += times - 1;
                let known = self.known_repeats(&book, id);
                if times - 1 > known {
                    broken.push(format!(
                        "6: {} was heard {times} times, and {known} repeats are accounted for",
                        short(id)
                    ));
                }
            }
        }
        let mut book = ledger.book();
        book.tally.add("repeats heard", repeats);
        book.broken.extend(broken);
    }

    fn known_repeats(&self, book: &Book, id: DeliveryId) -> usize {
        let by_hand = book.retried.get(&id).copied().unwrap_or_default();
        let is_repeatable = book.heard.iter().any(|heard| heard.id == id && heard.channel != "sms");
        if !is_repeatable {
            return by_hand;
        }
        let unknowable = book.heard.iter().filter(|heard| heard.id == id && heard.may_repeat).count();
        by_hand + unknowable.max(self.lost_leases.get(&id).copied().unwrap_or_default() + unknowable)
    }
}

fn is_earlier(earlier: &Notice, notice: &Notice) -> bool {
    earlier.card == notice.card
        && earlier.episode == notice.episode
        && !earlier.because.gone
        // What counts a unit's cards may be said when its card is long over.
        && !(earlier.outlasts_its_card() && earlier.planned_at > notice.planned_at)
        && (earlier.number < notice.number || notice.because.gone && earlier.planned_at <= notice.planned_at)
        && (&earlier.contact, &earlier.channel) == (&notice.contact, &notice.channel)
        && earlier.rehearsal == notice.rehearsal
}

/// Whether there is a playbook under which the contact has an address for the channel that was refused.
fn is_bad_somewhere(notice: &Notice, ledger: &Ledger) -> bool {
    let bad = &ledger.book().bad;
    office().playbooks.iter().any(|playbook| {
        let contact = playbook.office.directory.get(&notice.contact);
        let terms = playbook.office.channels.get(&notice.channel);
        let address = contact.zip(terms).and_then(|(contact, terms)| contact.address(terms.medium));
        address.is_some_and(|address| bad.iter().any(|(name, bad)| **name == *notice.channel && bad == address))
    })
}

/// Whether there is a playbook under which the contact has no address for the channel.
pub fn has_no_address_somewhere(notice: &Notice) -> bool {
    office().playbooks.iter().any(|playbook| {
        let contact = playbook.office.directory.get(&notice.contact);
        let medium = playbook.office.channels.get(&notice.channel);
        contact.zip(medium).is_none_or(|(contact, terms)| contact.address(terms.medium).is_none())
    })
}
