//! The witness of ladders: one step at a time, the next one when those of the last had got theirs, and none while an
//! acknowledgement holds it.

use std::collections::BTreeSet;

use duban::core::Instant;
use duban::core::course::Course;
use duban::core::notice::{Notice, NoticeKind, NoticeState};
use duban::playbook::Playbook;
use duban::store::{ItemWrite, Result, Store};

use super::story::of_notice;
use super::witness::Witness;

impl Witness {
    /// What a turn says beyond the first step.
    pub async fn watch_climb(&self, write: &ItemWrite, said: &[Notice]) -> Result<()> {
        let key = &write.record.item.key;
        let drafts: Vec<&Notice> = write.notices.iter().map(|planned| &planned.notice).collect();
        let rounds: BTreeSet<_> = drafts
            .iter()
            .filter(|notice| matches!(notice.kind, NoticeKind::Raise | NoticeKind::Reminder))
            .map(|notice| {
                (notice.card, notice.number, notice.kind == NoticeKind::Reminder, notice.step, notice.ordinal)
            })
            .collect();
        // Those below may be reminded when those above are told.
        let cards: BTreeSet<_> = rounds.iter().map(|(card, number, reminds, ..)| (card, number, reminds)).collect();
        self.ledger
            .demand(cards.len() == rounds.len(), || format!("9: {key}: two steps of a card at once: {drafts:?}"));
        // What a signature holds is dropped, and comes again.
        let said_now = |notice: &&Notice| climbs(notice) && notice.state != NoticeState::Dropped;
        for draft in drafts.into_iter().filter(said_now) {
            self.ledger.count(if draft.step > 0 { "later steps planned" } else { "reminders planned" });
            let below = below(draft, said);
            let law = || format!("9: {key}: {} follows on nothing", of_notice(draft));
            self.ledger.demand(below.is_some(), law);
            let Some(below) = below.filter(|_| !self.gate.has_slept()) else { continue };
            let at_below = |n: &&Notice| is_about(n, draft) && n.step == below;
            if draft.kind == NoticeKind::Raise {
                let waits = said.iter().filter(at_below).find(|n| n.ordinal == 0 && n.state == NoticeState::Planned);
                let law = || format!("9: {key}: {} follows on what is under way: {waits:?}", of_notice(draft));
                self.ledger.demand(waits.is_none(), law);
            }
            let held_until = self.held_until(draft, below).await?;
            let is_free = held_until.is_none_or(|until| until <= draft.planned_at);
            let law = || format!("9: {key}: {} is held until {held_until:?} by a signature", of_notice(draft));
            self.ledger.demand(is_free, law);
        }
        Ok(())
    }

    /// Until when an acknowledgement holds what follows on a step of a notice's card.
    pub async fn held_until(&self, notice: &Notice, step: u32) -> Result<Option<Instant>> {
        let cards: Vec<_> = notice.card.into_iter().collect();
        let taken = self.disk.acknowledgements(&cards).await?;
        let here = taken.iter().filter(|a| (a.episode, Some(a.level), a.step) == (notice.episode, notice.level, step));
        let playbook = self.playbook();
        Ok(here.map(|a| a.at).min().and_then(|first| grace_end(&playbook, first)))
    }
}

/// Whether it is a reminder, or a later step.
pub const fn climbs(notice: &Notice) -> bool {
    matches!(notice.kind, NoticeKind::Reminder) || matches!(notice.kind, NoticeKind::Raise) && notice.step > 0
}

/// The step on which a notice follows.
pub fn below(notice: &Notice, said: &[Notice]) -> Option<u32> {
    let earlier = said.iter().filter(|n| is_about(n, notice) && n.key != notice.key);
    let steps = earlier.filter(|n| n.state != NoticeState::Dropped).map(|n| n.step);
    match notice.kind {
        NoticeKind::Reminder => steps.filter(|step| *step == notice.step).max(),
        _ => steps.filter(|step| *step < notice.step).max(),
    }
}

fn is_about(earlier: &Notice, notice: &Notice) -> bool {
    (earlier.card, earlier.number, earlier.rehearsal) == (notice.card, notice.number, notice.rehearsal)
        && earlier.is_of_a_step()
}

/// When the grace of a signature ends. All ladders of a playbook grant the same.
pub fn grace_end(playbook: &Playbook, first: Instant) -> Option<Instant> {
    let ladder = playbook.office.ladders.values().next()?;
    let course = Course::new(&playbook.office.quiet, ladder.ack_grace, 0, first.timestamp(), &[]).ok()?;
    Instant::from_timestamp(course.due().ok()??, 0)
}
