//! What was held and is looked at again.

use std::collections::BTreeMap;

use super::{Circumstances, Joinable, Office, is_urgent, readdressed, waiting};
use crate::core::Instant;
use crate::core::acknowledgement::Acknowledgement;
use crate::core::digest::Digest;
use crate::core::item::Item;
use crate::core::matcher::Suspect;
use crate::core::notice::{Because, Gap, Hold, Notice, NoticeState, Planned};
use crate::core::route::Routing;
use crate::core::window::Ruling;
use crate::tell::seal::was_answered;

/// A held notice with its item, to be planned again.
#[derive(Debug, Clone, Copy)]
pub struct Again<'a> {
    /// The notice, as it is held.
    pub notice: &'a Notice,
    /// Its item.
    pub item: &'a Item,
    /// What the rules say about it.
    pub rulings: &'a [Ruling],
}

/// Plans held notices again: the same notices, now with a place to go to, or held by the next filter; or dropped, where
/// somebody took the card since, so that the ladder goes on when nothing comes of that. What was held in
/// rehearsal is not said live, nor the reverse: when that mode comes back, it belongs to its baseline.
pub fn plan_again(
    held: &[Again<'_>],
    acknowledgements: &[Acknowledgement],
    office: &Office,
    circumstances: &Circumstances<'_>,
    joinable: &mut Joinable,
    now: Instant,
) -> Vec<Planned> {
    let mut planned = Vec::new();
    let mut unreached = Vec::new();
    for Again { notice, item, rulings } in held {
        let Some(change) = &notice.change else { continue };
        if was_answered(notice, acknowledgements) {
            planned.push(unplaced(notice, NoticeState::Dropped, Hold::Acknowledged));
            continue;
        }
        let suspect = Suspect { item, rule: &change.rule, window: &change.name, level: notice.level };
        let routing = Routing::of(&office.routes, &suspect);
        if notice.rehearsal != (office.rehearsal || routing.rehearsal) {
            planned.extend(
                (notice.hold != Some(Hold::Baseline)).then(|| unplaced(notice, NoticeState::Held, Hold::Baseline)),
            );
            continue;
        }
        let silenced = circumstances.silence(&suspect, now);
        for mut notice in office.in_place(notice, now) {
            let obstacle = || office.obstacle(&notice.contact, &notice.channel, circumstances);
            let unwanted = || office.is_unwanted(&notice).then_some(Hold::BelowLeast);
            notice.hold = silenced.clone().or(notice.hold.clone()).or_else(obstacle).or_else(unwanted);
            if notice.hold.is_some() {
                notice.state = NoticeState::Held;
                unreached.push(notice.clone());
                planned.push(Planned { notice, placement: None });
                continue;
            }
            notice.state = NoticeState::Planned;
            let is_urgent = is_urgent(&notice, rulings, None);
            let wait = waiting::wait(&notice, is_urgent, &routing, office, now);
            planned.push(joinable.planned(notice, wait, now));
        }
    }
    planned.extend(for_operators(&unreached, &planned, office, circumstances, joinable, now));
    planned
}

/// A held notice that goes nowhere, and why from now on.
fn unplaced(notice: &Notice, state: NoticeState, why: Hold) -> Planned {
    Planned { notice: Notice { state, hold: Some(why), ..notice.clone() }, placement: None }
}

/// Where nobody can be reached any more of those to whom something was held, the operators are told in their place, so
/// that no card is silent.
fn for_operators(
    unreached: &[Notice],
    planned: &[Planned],
    office: &Office,
    circumstances: &Circumstances<'_>,
    joinable: &mut Joinable,
    now: Instant,
) -> Vec<Planned> {
    let telling = |n: &Notice| (n.card, n.number, n.step, n.ordinal);
    let will_be_said = |n: &Notice| {
        let waits = |hold: &Option<Hold>| matches!(hold, Some(Hold::Silence { .. } | Hold::BelowLeast));
        planned.iter().any(|p| telling(&p.notice) == telling(n) && (p.placement.is_some() || waits(&p.notice.hold)))
    };
    let mut instead: BTreeMap<Digest, Planned> = BTreeMap::new();
    for notice in unreached.iter().filter(|n| n.raises() && !will_be_said(n)) {
        let Some(level) = notice.level else { continue };
        for operator in office.directory.operators(office.today(now)) {
            for channel in office.operators_channels(level) {
                let because = Because {
                    instead_of: Some(notice.contact.clone()),
                    why: Some(Gap::Unreachable),
                    ..Because::default()
                };
                let said = readdressed(notice, &operator.id, channel, because, now);
                if instead.contains_key(&said.key) || office.obstacle(&operator.id, channel, circumstances).is_some() {
                    continue;
                }
                instead.insert(said.key, joinable.planned(said, None, now));
            }
        }
    }
    instead.into_values().collect()
}
