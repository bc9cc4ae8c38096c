//! Sealing: the members of a claimed delivery are looked at again, and what it says is fixed for all its tries.
//!
//! **Invariant:** however many members a delivery has, no more than [`AT_ONCE`] items are in memory for it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::core::Instant;
use crate::core::card::CardId;
use crate::core::contact::Medium;
use crate::core::delivery::DeliveryId;
use crate::core::digest::Digest;
use crate::core::item::ItemKey;
use crate::core::json::Json;
use crate::core::matcher::Suspect;
use crate::core::notice::{Notice, NoticeKind, by_card};
use crate::core::silence::{self, Silence};
use crate::core::window::Level;
use crate::playbook::Playbook;
use crate::store::{Claimed, Result, Seal, Store};
use crate::tell::compose::{Desk, Matter, TOLD, compose, thread};
use crate::tell::facts::{Facts, Receiver, Rest};
use crate::tell::language::Language;
use crate::tell::seal::{Look, Standing, look_again};

/// When to look again at a member that takes back what may be under way: soon, and the longer it lasts the later.
const UNSETTLED: [chrono::TimeDelta; 2] = [chrono::TimeDelta::seconds(15), chrono::TimeDelta::minutes(10)];

/// Items that are looked at together.
const AT_ONCE: usize = 1_000;

/// What is sealed: facts, and what the envelope needs. The same for every try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Sealed<F = Facts> {
    pub facts: F,
    pub medium: Medium,
    /// In which it is said, also after a reload.
    pub language: Language,
    pub thread: Vec<DeliveryId>,
}

/// What has just been sealed, with the JSON of its facts, which are long.
pub(super) struct Said {
    pub sealed: Sealed,
    pub facts: Json,
}

impl Said {
    /// What is sealed, and what says it.
    fn new(sealed: Sealed) -> (Json, Self) {
        let Sealed { ref facts, medium, language, ref thread } = sealed;
        let facts = Json::of(facts);
        let stored = Json::of(&Sealed { facts: &facts, medium, language, thread: thread.clone() });
        (stored, Self { sealed, facts })
    }

    /// What was sealed earlier.
    pub(super) fn read(stored: &Json) -> serde_json::Result<Self> {
        let sealed: Sealed = stored.read()?;
        Ok(Self { facts: Json::of(&sealed.facts), sealed })
    }
}

/// What sealing is done with.
pub(super) struct Sealing<'a> {
    store: &'a Arc<dyn Store>,
    playbook: &'a Playbook,
    now: Instant,
    silences: Vec<Silence>,
    /// When each source's last good poll began.
    as_of: HashMap<Arc<str>, Option<Instant>>,
}

/// What is known of the members of deliveries.
#[derive(Default)]
struct Known {
    matters: HashMap<ItemKey, Matter>,
    standing: Standing,
}

impl<'a> Sealing<'a> {
    pub(super) async fn begin(store: &'a Arc<dyn Store>, playbook: &'a Playbook, now: Instant) -> Result<Self> {
        let as_of = store.sources().await?.into_iter().map(|s| (s.source, s.good_at)).collect();
        Ok(Self { store, playbook, now, silences: store.silences(false).await?, as_of })
    }

    /// A seal for each, in their order, and what is sealed.
    pub(super) async fn seals(&self, claimed: &[Claimed]) -> Result<Vec<(Seal, Option<Said>)>> {
        let mut seals = Vec::with_capacity(claimed.len());
        for group in groups(claimed) {
            if let [long] = group
                && long.members.len() > AT_ONCE
            {
                seals.push(self.seal_long(long).await?);
                continue;
            }
            let known = self.know(group.iter().flat_map(|c| &c.members)).await?;
            for claimed in group {
                let (mut look, mut rest) = (look_again(&claimed.members, &known.standing), Counts::new());
                count(look.kept.drain(look.kept.len().min(TOLD)..), &|notice| known.unit(notice), &mut rest);
                seals.push(self.seal(claimed, look, &known, rest));
            }
        }
        Ok(seals)
    }

    /// Seals a delivery of very many members, piece by piece: first all are looked at, then those that are told one by
    /// one are fetched again.
    async fn seal_long(&self, claimed: &Claimed) -> Result<(Seal, Option<Said>)> {
        let mut by_item: BTreeMap<Option<&ItemKey>, Vec<&Notice>> = BTreeMap::new();
        for member in &claimed.members {
            by_item.entry(member.item.as_ref()).or_default().push(member);
        }
        let (mut look, mut units, mut rest) = (Look::default(), HashMap::new(), Counts::new());
        let members: Vec<Vec<&Notice>> = by_item.into_values().collect();
        for piece in members.chunks(AT_ONCE) {
            let piece: Vec<Notice> = piece.iter().flatten().copied().cloned().collect();
            let known = self.know(piece.iter()).await?;
            let part = look_again(&piece, &known.standing);
            units.extend(part.kept.iter().filter_map(|notice| Some((notice.key, known.unit(notice)?))));
            look.add(part);
            let unit = |notice: &Notice| units.get(&notice.key).cloned();
            count(look.kept.drain(look.kept.len().min(TOLD)..), &unit, &mut rest);
        }
        let known = self.know(look.kept.iter()).await?;
        Ok(self.seal(claimed, look, &known, rest))
    }

    /// Everything about the members' cards and items.
    async fn know(&self, members: impl Iterator<Item = &Notice> + Clone) -> Result<Known> {
        let items: HashSet<ItemKey> = members.clone().filter_map(|m| m.item.clone()).collect();
        let items: Vec<ItemKey> = items.into_iter().collect();
        let mut known = Known::default();
        for record in self.store.load(&items).await? {
            known.standing.watches.extend(record.watches.iter().map(|w| (w.card, w.clone())));
            let data_as_of = self.as_of.get(&record.item.key.source).copied().flatten();
            let (item, rulings, remarks) = (record.item, record.rulings, record.remarks);
            let matter = Matter { item, rulings, remarks, data_as_of };
            known.matters.insert(matter.item.key.clone(), matter);
        }
        known.standing.said = by_card(self.store.notices_about(&items).await?);
        // Only what follows on something else is held by a signature, and says who signed.
        let follows = |m: &&Notice| m.step > 0 || m.kind != NoticeKind::Raise || m.number > 1;
        let cards: HashSet<CardId> = members.clone().filter(follows).filter_map(|m| m.card).collect();
        if !cards.is_empty() {
            let cards: Vec<CardId> = cards.into_iter().collect();
            known.standing.acknowledgements = self.store.acknowledgements(&cards).await?;
        }
        let silenced = members.filter_map(|m| Some((m.key, known.silence(m, &self.silences, self.now)?)));
        known.standing.silenced = silenced.collect();
        Ok(known)
    }

    fn seal(&self, claimed: &Claimed, look: Look, known: &Known, rest: Counts) -> (Seal, Option<Said>) {
        let (id, fence) = (claimed.delivery.id, claimed.fence);
        let mut seal = Seal { id, fence, dropped: look.dropped, sealed: None, postponed_to: None };
        let mut what = None;
        if look.unsettled {
            let age = self.now - claimed.delivery.opened_at;
            seal.postponed_to = Some((self.now + (age / 4).clamp(UNSETTLED[0], UNSETTLED[1]), None));
        } else if !look.kept.is_empty() {
            let mut sealed = self.facts(claimed, &look.kept, known);
            sealed.facts.rest = counted(rest);
            let (stored, said) = Said::new(sealed);
            (seal.sealed, what) = (Some(stored), Some(said));
        }
        (seal, what)
    }

    fn facts(&self, claimed: &Claimed, told: &[Notice], known: &Known) -> Sealed {
        let (playbook, delivery) = (self.playbook, &claimed.delivery);
        let terms = playbook.office.channels.get(&delivery.channel);
        let medium = terms.map_or(Medium::Mail, |terms| terms.medium);
        let contact = playbook.office.directory.get(&delivery.contact);
        let name = contact.map_or_else(|| delivery.contact.to_string(), |c| c.name.clone());
        let address = contact.and_then(|c| c.address(medium)).unwrap_or_default().to_owned();
        let rules = |rule: &str, window: &str| playbook.rule_words(rule, window);
        let desk = Desk {
            matters: &known.matters,
            said: &known.standing.said,
            rules: &rules,
            calendars: &playbook.clockwork.calendars,
            yellow: &playbook.clockwork.yellow,
            directory: &playbook.office.directory,
            language: playbook.language,
            acknowledgements: &known.standing.acknowledgements,
            rests: &|change, matter, taken| playbook.office.rests_until(change, &matter.item, &matter.rulings, taken),
            secret: (!terms.is_some_and(|terms| terms.confidential)).then_some(&playbook.office.confidential),
        };
        let to = Receiver { contact: delivery.contact.to_string(), name, address };
        let mut facts = compose(to, told, desk, self.now);
        facts.base_url.clone_from(&playbook.base_url);
        facts.signature = (!playbook.signature.is_empty()).then(|| playbook.signature.clone());
        facts.rehearsal_for = delivery.rehearsal.then(|| facts.to.name.clone());
        Sealed { facts, medium, language: playbook.language, thread: thread(told, desk) }
    }
}

impl Known {
    /// The silence that holds a member now.
    fn silence(&self, member: &Notice, silences: &[Silence], now: Instant) -> Option<Digest> {
        let matter = member.item.as_ref().and_then(|item| self.matters.get(item))?;
        let change = member.change.as_ref()?;
        let suspect = Suspect { item: &matter.item, rule: &change.rule, window: &change.name, level: member.level };
        silence::holding(silences, &suspect, now).map(|silence| silence.id)
    }

    fn unit(&self, member: &Notice) -> Option<String> {
        let matter = member.item.as_ref().and_then(|item| self.matters.get(item));
        matter.and_then(|matter| matter.item.text("unit").map(str::to_owned))
    }
}

/// Deliveries whose members are looked at together; one with very many stands alone.
fn groups(claimed: &[Claimed]) -> Vec<&[Claimed]> {
    let (mut groups, mut start, mut members) = (Vec::new(), 0, 0);
    for (at, one) in claimed.iter().enumerate() {
        members += one.members.len();
        if at > start && members > AT_ONCE {
            groups.push(&claimed[start..at]);
            (start, members) = (at, one.members.len());
        }
    }
    groups.extend((start < claimed.len()).then(|| &claimed[start..]));
    groups
}

/// What is not told one by one: how much of each sort in each unit.
type Counts = HashMap<(Option<String>, NoticeKind, Option<Level>), usize>;

fn count(rest: impl Iterator<Item = Notice>, unit: &dyn Fn(&Notice) -> Option<String>, counts: &mut Counts) {
    for notice in rest {
        *counts.entry((unit(&notice), notice.kind, notice.level)).or_default() += 1;
    }
}

fn counted(counts: Counts) -> Vec<Rest> {
    let rest = counts.into_iter().map(|((unit, kind, level), count)| Rest { unit, kind, level, count });
    let mut rest: Vec<Rest> = rest.collect();
    rest.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| (&a.unit, a.kind.word()).cmp(&(&b.unit, b.kind.word()))));
    rest
}
