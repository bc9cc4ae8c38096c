//! The witness of what holds messages back: silences, refused addresses, absences.

use duban::core::Instant;
use duban::core::delivery::DeliveryId;
use duban::core::item::{Item, ItemKey};
use duban::core::matcher::Suspect;
use duban::core::notice::{Gap, Notice, NoticeKind, NoticeState};
use duban::core::silence::Silence;
use duban::store::{Committed, Result, Seal, Store, Turn};

use super::climb::{below, climbs};
use super::story::of_notice;
use super::witness::Witness;

impl Witness {
    /// Nothing is planned that a silence holds, to an address that was refused, or to who is away.
    pub async fn watch_quiet(&self, turn: &Turn, committed: &Committed) -> Result<()> {
        if self.gate.has_slept() {
            return Ok(());
        }
        let silences = self.disk.silences(false).await?;
        for write in turn.items.iter().filter(|write| !committed.lost.contains(&write.record.item.key)) {
            for planned in write.notices.iter().filter(|planned| planned.placement.is_some()) {
                self.watch_silence(&planned.notice, &write.record.item, &silences, planned.notice.planned_at);
                // What was held goes to who is away, if nobody stands in.
                let is_again = write.transitions.is_empty() && !climbs(&planned.notice);
                self.watch_receiver(&planned.notice, is_again).await?;
            }
        }
        // What a dead letter said goes out by its fallback, and is looked at again when that is sealed.
        let again = turn.notices.iter().filter(|planned| planned.placement.is_some());
        for notice in again.map(|planned| &planned.notice).filter(|n| n.because.why != Some(Gap::Fallback)) {
            if let Some(item) = self.item(notice).await? {
                self.watch_silence(notice, &item, &silences, notice.planned_at);
            }
        }
        Ok(())
    }

    async fn item(&self, notice: &Notice) -> Result<Option<Item>> {
        let keys: Vec<ItemKey> = notice.item.iter().cloned().collect();
        Ok(self.disk.load(&keys).await?.pop().map(|record| record.item))
    }

    fn watch_silence(&self, notice: &Notice, item: &Item, silences: &[Silence], now: Instant) {
        let Some(change) = &notice.change else { return };
        let suspect = Suspect { item, rule: &change.rule, window: &change.name, level: notice.level };
        let silence = silences.iter().find(|silence| silence.holds(&suspect, now));
        let law = || format!("10: {} is told at {now} in spite of {silence:?}", of_notice(notice));
        self.ledger.demand(silence.is_none(), law);
    }

    async fn watch_receiver(&self, notice: &Notice, is_again: bool) -> Result<()> {
        if !matches!(notice.kind, NoticeKind::Raise | NoticeKind::Reminder) {
            return Ok(());
        }
        let playbook = self.playbook();
        let office = &playbook.office;
        let Some(contact) = office.directory.get(&notice.contact) else { return Ok(()) };
        let address = office.channels.get(&notice.channel).and_then(|terms| contact.address(terms.medium));
        if notice.kind == NoticeKind::Raise {
            let bad = self.disk.bad_addresses().await?;
            let is_bad = |bad: &&duban::store::BadAddress| {
                bad.contact == notice.contact && bad.channel == notice.channel && Some(&*bad.address) == address
            };
            let bad = bad.iter().find(is_bad);
            let law = || format!("10: {} goes to an address that was refused: {bad:?}", of_notice(notice));
            self.ledger.demand(bad.is_none(), law);
            let present = office.directory.present(contact, office.today(notice.planned_at));
            let is_there = present.is_none_or(|present| present.id == contact.id) && is_again
                || present.is_some_and(|present| present.id == contact.id);
            self.ledger.demand(is_there, || format!("10: {} goes to who is away", of_notice(notice)));
        }
        Ok(())
    }

    /// What is sealed to be said is held by no silence, and by no signature that came after it was planned.
    pub async fn watch_last_look(&self, now: Instant, seals: &[Seal], lost: &[DeliveryId]) -> Result<()> {
        if self.gate.has_slept() {
            return Ok(());
        }
        let silences = self.disk.silences(false).await?;
        for seal in seals.iter().filter(|seal| seal.sealed.is_some() && !lost.contains(&seal.id)) {
            let members = self.found(seal.id).await?.into_iter().flat_map(|(_, members)| members);
            for member in members.filter(|member| member.state == NoticeState::Planned) {
                let Some(item) = self.item(&member).await? else { continue };
                self.watch_silence(&member, &item, &silences, now);
                if !climbs(&member) {
                    continue;
                }
                let said = self.disk.notices_about(std::slice::from_ref(&item.key)).await?;
                let Some(below) = below(&member, &said) else { continue };
                let taken = self.disk.acknowledgements(&[member.card.expect("it climbs")]).await?;
                let is_after = |a: &&duban::core::acknowledgement::Acknowledgement| {
                    (a.episode, Some(a.level), a.step) == (member.episode, member.level, below)
                        && a.at >= member.planned_at
                };
                let held_until = self.held_until(&member, below).await?;
                let is_held = held_until.is_some_and(|until| now < until);
                let taken = taken.iter().find(is_after).filter(|_| is_held);
                let law = || format!("9: {} goes out in spite of {taken:?}", of_notice(&member));
                self.ledger.demand(taken.is_none(), law);
            }
        }
        Ok(())
    }
}
