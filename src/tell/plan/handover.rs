//! **Handover**: an item whose unit, owner or region changed while a card is open. The steps that were taken count for the
//! new addressees, who are told at once; who is no addressee any more is told that it has gone to others.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::climb::Climber;
use super::telling::Telling;
use crate::core::item::Item;
use crate::core::notice::{Because, Notice, NoticeKind, NoticeState};
use crate::core::route::Routing;

/// What says who has to do with an item.
const ADDRESS: [&str; 3] = ["unit", "owner", "region"];

/// Whether an item went to somebody else.
pub fn is_handed_over(before: &Item, now: &Item) -> bool {
    ADDRESS.iter().any(|field| before.text(field) != now.text(field))
}

/// Whether what was said to a contact last is that the card has gone to others.
pub(super) fn has_gone<'n>(said: impl Iterator<Item = &'n Notice>, contact: &str) -> bool {
    let to_them = said.filter(|notice| *notice.contact == *contact);
    to_them.max_by_key(|n| (n.number, n.planned_at, n.ordinal)).is_some_and(|last| last.because.gone)
}

impl Climber<'_> {
    /// What a handover says of an open card: nothing where nobody was told yet.
    pub(super) fn handover(&self, routing: &Routing<'_>, fresh: &[Notice]) -> Vec<Notice> {
        let is_said = |n: &&Notice| n.state.is_told() || n.state == NoticeState::Planned;
        let about = self.about(routing, fresh);
        let said: Vec<&Notice> = about.clone().filter(|n| n.is_of_a_step()).filter(is_said).collect();
        let Some((change, ladder)) = self.on(routing, fresh).filter(|_| !said.is_empty()) else { return Vec::new() };
        let here = || said.iter().filter(|n| n.number == self.watch.number);
        let steps: BTreeSet<u32> = here().map(|n| n.step).collect();
        let handed = about.clone().filter(|n| n.kind == NoticeKind::Handover && n.number == self.watch.number);
        let ordinal = handed.map(|n| n.ordinal).max().unwrap_or_default() + 1;
        let kind = NoticeKind::Handover;
        let telling = Telling { kind, ordinal, ..self.telling(ladder, routing, change) };
        let drafts: Vec<Notice> =
            steps.into_iter().flat_map(|step| Telling { step, ..telling.clone() }.drafts()).collect();
        let addressees: BTreeSet<&Arc<str>> = drafts.iter().map(|draft| &draft.contact).collect();
        let has_gone = |contact: &str| has_gone(about.clone(), contact);
        let mut seen = BTreeSet::new();
        let to_others: Vec<Notice> = said
            .iter()
            .filter(|n| !addressees.contains(&n.contact) && !has_gone(&n.contact))
            .filter(|n| seen.insert((&n.contact, &n.channel)))
            .map(|n| {
                let because = Because { gone: true, label: None, count: None, ..n.because.clone() };
                telling.notice(&n.contact, &n.channel, because, None)
            })
            .collect();
        let knows = |draft: &Notice| here().any(|n| n.contact == draft.contact) && !has_gone(&draft.contact);
        let is_new = drafts.iter().map(|draft| !knows(draft)).collect::<Vec<_>>();
        let new = drafts.iter().zip(is_new).filter(|(_, is_new)| *is_new).map(|(draft, _)| draft.clone());
        new.chain(to_others).collect()
    }
}
