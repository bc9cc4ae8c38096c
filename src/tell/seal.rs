//! **Seal**: at the first claim each member of a delivery is looked at again. What is no longer so drops out with its
//! reason; what depends on a message that is still on its way is looked at later.

use std::collections::HashMap;

use crate::core::acknowledgement::Acknowledgement;
use crate::core::card::{CardId, Watch};
use crate::core::digest::Digest;
use crate::core::notice::{Hold, Notice, NoticeKind, NoticeState};
use crate::core::window::Level;

/// What is known now about the cards of a delivery's members.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// What is remembered about each card.
    pub watches: HashMap<CardId, Watch>,
    /// What was said about each card.
    pub said: HashMap<CardId, Vec<Notice>>,
    /// Members that a silence holds now, and which.
    pub silenced: HashMap<Digest, Digest>,
    /// Who took the cards.
    pub acknowledgements: Vec<Acknowledgement>,
}

/// What a second look at the members of a delivery found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// Members that still hold, worst and oldest first.
    pub kept: Vec<Notice>,
    /// Members that do not, with the reason.
    pub dropped: Vec<(Digest, Hold)>,
    /// Some member takes back what may just be under way: look again later.
    pub unsettled: bool,
}

/// Looks at the members of a delivery again.
pub fn look_again(members: &[Notice], standing: &Standing) -> Look {
    let mut look = Look::default();
    for member in members.iter().filter(|m| m.state == NoticeState::Planned) {
        match judge(member, members, standing) {
            Judged::Holds => look.kept.push(member.clone()),
            Judged::Drops(hold) => look.dropped.push((member.key, hold)),
            Judged::Unsettled => look.unsettled = true,
        }
    }
    look.sort();
    look
}

impl Look {
    /// Adds what was found at other members of the same delivery.
    pub fn add(&mut self, other: Self) {
        self.kept.extend(other.kept);
        self.dropped.extend(other.dropped);
        self.unsettled |= other.unsettled;
        self.sort();
    }

    fn sort(&mut self) {
        let at = |n: &Notice| n.change.as_ref().map_or(n.planned_at, |c| c.at);
        self.kept.sort_by(|a, b| b.level.cmp(&a.level).then_with(|| at(a).cmp(&at(b))).then_with(|| a.key.cmp(&b.key)));
    }
}

enum Judged {
    Holds,
    Drops(Hold),
    Unsettled,
}

fn judge(member: &Notice, members: &[Notice], standing: &Standing) -> Judged {
    let Some(card) = member.card else {
        return if is_old_news(member, members) { Judged::Drops(Hold::NoLongerSo) } else { Judged::Holds };
    };
    if let Some(silence) = standing.silenced.get(&member.key) {
        return Judged::Drops(Hold::Silence { silence: *silence });
    }
    if was_answered(member, &standing.acknowledgements) {
        return Judged::Drops(Hold::Acknowledged);
    }
    if member.is_of_a_step() && has_gone_since(member, members, standing) {
        return Judged::Drops(Hold::NoLongerSo);
    }
    let level = |level: Option<Level>| {
        let watch = standing.watches.get(&card);
        if watch.is_some_and(|w| w.episode == member.episode && w.level == level && level.is_some()) {
            Judged::Holds
        } else {
            Judged::Drops(Hold::NoLongerSo)
        }
    };
    match member.kind {
        NoticeKind::Handover if member.because.gone => told_before(member, members, standing),
        NoticeKind::Count if member.outlasts_its_card() => {
            if is_recalled(member, members, standing) {
                Judged::Drops(Hold::NoLongerSo)
            } else {
                Judged::Holds
            }
        }
        NoticeKind::Raise | NoticeKind::Reminder | NoticeKind::Handover | NoticeKind::Count => level(member.level),
        NoticeKind::Lower => match told_before(member, members, standing) {
            // What this very delivery was to tell is no longer so: then the lower level is the news.
            Judged::Drops(_) if takes_over(member, members) => level(member.level),
            Judged::Holds => level(member.level),
            other => other,
        },
        NoticeKind::Clear | NoticeKind::Revoke => told_before(member, members, standing),
        NoticeKind::Order | NoticeKind::Digest | NoticeKind::System => Judged::Holds,
    }
}

/// Whether the same delivery tells something later of the same order: that is how it stands.
fn is_old_news(member: &Notice, members: &[Notice]) -> bool {
    let is_later =
        |other: &Notice| other.kind == NoticeKind::Order && other.item == member.item && other.number > member.number;
    member.kind == NoticeKind::Order && members.iter().filter(|other| other.state == NoticeState::Planned).any(is_later)
}

/// Whether somebody took the card after this was planned, and it is a reminder or the next step: then it waits for the
/// end of the acknowledgement's grace.
pub(super) fn was_answered(member: &Notice, acknowledgements: &[Acknowledgement]) -> bool {
    let concerns = |step: u32| match member.kind {
        NoticeKind::Reminder => step == member.step,
        NoticeKind::Raise => step < member.step,
        _ => false,
    };
    acknowledgements.iter().any(|a| {
        Some(a.card) == member.card
            && a.episode == member.episode
            && Some(a.level) == member.level
            && concerns(a.step)
            && a.at >= member.planned_at
    })
}

/// What was said, or is about to be, to the same contact of the same episode.
fn to_the_same<'a>(
    member: &'a Notice,
    members: &'a [Notice],
    standing: &'a Standing,
) -> impl Iterator<Item = &'a Notice> {
    let said = member.card.and_then(|card| standing.said.get(&card));
    said.into_iter().flatten().chain(members).filter(|other| {
        (other.card, other.episode, other.rehearsal) == (member.card, member.episode, member.rehearsal)
            && other.contact == member.contact
            && other.key != member.key
    })
}

/// Whether the card went to others after this was planned: then its contact need not hear of it any more.
fn has_gone_since(member: &Notice, members: &[Notice], standing: &Standing) -> bool {
    let since = |other: &&Notice| (other.number, other.planned_at) >= (member.number, member.planned_at);
    let last = to_the_same(member, members, standing).filter(since).max_by_key(|n| (n.number, n.planned_at, n.ordinal));
    last.is_some_and(|last| last.because.gone)
}

/// Whether the episode was taken back since.
fn is_recalled(member: &Notice, members: &[Notice], standing: &Standing) -> bool {
    to_the_same(member, members, standing).any(|other| other.kind == NoticeKind::Revoke)
}

/// Whether a fall is what a delivery has to tell of a card: the last one, where it was to tell of other levels only before.
fn takes_over(member: &Notice, members: &[Notice]) -> bool {
    let beside = members.iter().filter(|m| {
        let same_card = (m.card, m.episode) == (member.card, member.episode);
        m.state == NoticeState::Planned && same_card && m.key != member.key
    });
    let (earlier, later): (Vec<_>, Vec<_>) = beside.partition(|m| m.number < member.number);
    let falls_again = later.iter().any(|m| m.kind == NoticeKind::Lower);
    let says_it = |m: &&Notice| m.kind != NoticeKind::Lower && m.level == member.level;
    !falls_again && !earlier.is_empty() && !earlier.iter().any(says_it)
}

/// Whether the contact heard of the card in this episode by this channel.
fn told_before(member: &Notice, members: &[Notice], standing: &Standing) -> Judged {
    let said = member.card.and_then(|card| standing.said.get(&card));
    let mut judged = Judged::Drops(Hold::NeverTold);
    for earlier in said.into_iter().flatten() {
        let same = earlier.episode == member.episode
            && earlier.contact == member.contact
            && earlier.channel == member.channel
            && earlier.rehearsal == member.rehearsal
            && !earlier.because.gone
            && (earlier.number < member.number
                || member.because.gone && earlier.planned_at <= member.planned_at && earlier.key != member.key);
        if !same {
            continue;
        }
        if earlier.state.is_told() {
            return Judged::Holds;
        }
        // In this very delivery it was not said yet; in another one it may be under way.
        let is_here = members.iter().any(|m| m.key == earlier.key);
        if earlier.state == NoticeState::Planned && !is_here {
            judged = Judged::Unsettled;
        }
    }
    judged
}

#[cfg(test)]
mod tests;
