//! What must hold when everything has calmed down, asked of the store and of what receivers wrote down.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use duban::core::Instant;
use duban::core::card::{CardId, Transition};
use duban::core::delivery::{DeliveryId, DeliveryState};
use duban::core::item::ItemKey;
use duban::core::notice::{Hold, Notice, NoticeKind, NoticeState};
use duban::playbook::Playbook;
use duban::store::memory::MemoryStore;
use duban::store::{AttemptOutcome, DeliveryFilter, DeliveryRecord, Store};

use super::ledger::{Book, Ledger};
use super::office::{SOURCES, office};
use super::oracle;
use super::story::{of_notice, of_transition, short};

/// All that is remembered in the end.
struct End {
    deliveries: Vec<(DeliveryRecord, Vec<Notice>)>,
    notices: Vec<Notice>,
    transitions: HashMap<CardId, Vec<Transition>>,
    lost_leases: HashMap<DeliveryId, usize>,
}

/// Asks for everything that must hold in the end.
pub async fn hold(disk: &MemoryStore, playbook: &Playbook, ledger: &Ledger, now: Instant) {
    let end = End::read(disk, ledger, playbook, now).await;
    end.everything_is_said(ledger);
    end.what_is_dropped_is_no_longer_so(ledger);
    end.only_who_was_told_hears_the_end(ledger);
    end.repeats_are_known(ledger);
}

impl End {
    async fn read(disk: &MemoryStore, ledger: &Ledger, playbook: &Playbook, now: Instant) -> Self {
        let (mut notices, mut transitions) = (Vec::new(), HashMap::new());
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
        Self { deliveries, notices, transitions, lost_leases }
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
            let is_reachable = |n: &&Notice| !matches!(n.hold, Some(Hold::NoAddress | Hold::NoContact { .. }));
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
                (NoticeState::Held, Some(Hold::NoContact { .. } | Hold::Baseline)) => true,
                (NoticeState::Dropped | NoticeState::Held, _) => false,
                _ => true,
            };
            ledger.demand(is_so, || format!("2: there is no ground for {}", of_notice(notice)));
        }
    }

    fn went_on(&self, notice: &Notice) -> bool {
        let card = notice.card.and_then(|card| self.transitions.get(&card));
        card.is_some_and(|transitions| transitions.iter().any(|transition| transition.number > notice.number))
    }

    fn was_told(&self, notice: &Notice, ledger: &Ledger) -> bool {
        let book = ledger.book();
        self.notices.iter().any(|earlier| {
            is_earlier(earlier, notice)
                && earlier.state.is_told()
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
            let was_told = self.notices.iter().any(|earlier| is_earlier(earlier, notice) && earlier.state.is_told());
            ledger.demand(was_told, || format!("7: who never heard of the card hears {}", of_notice(notice)));
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
        && earlier.number < notice.number
        && (&earlier.contact, &earlier.channel) == (&notice.contact, &notice.channel)
        && earlier.rehearsal == notice.rehearsal
}

/// Whether there is a playbook under which the contact has no address for the channel.
fn has_no_address_somewhere(notice: &Notice) -> bool {
    office().playbooks.iter().any(|playbook| {
        let contact = playbook.office.directory.get(&notice.contact);
        let medium = playbook.office.channels.get(&notice.channel);
        contact.zip(medium).is_none_or(|(contact, terms)| contact.address(terms.medium).is_none())
    })
}
