//! The laws of dead letters: each is reported to operators, and what it said goes out by the fallback channel, once.

use std::collections::{HashMap, HashSet};

use duban::core::delivery::DeliveryState;
use duban::core::digest::Digest;
use duban::core::notice::{Gap, Notice, NoticeIdentity, NoticeKind, NoticeState};
use duban::store::memory::MemoryStore;
use duban::store::{DeliveryRecord, Store};

use super::laws::has_no_address_somewhere;
use super::ledger::Ledger;
use super::office::{CHANNELS, FALLBACK, office};
use super::story::{of_notice, short};

/// Asks for what must hold of dead letters in the end.
pub async fn hold(
    disk: &MemoryStore,
    deliveries: &[(DeliveryRecord, Vec<Notice>)],
    notices: &[Notice],
    ledger: &Ledger,
) {
    let left = disk.unreported(100).await.expect("deliveries").len();
    ledger.demand(left == 0, || format!("12: {left} dead letters were never reported"));
    let all = deliveries.iter().flat_map(|(_, members)| members);
    let keys: HashSet<Digest> = all.clone().chain(notices).map(|notice| notice.key).collect();
    let mut fallbacks: HashMap<Digest, usize> = HashMap::new();
    for notice in all.filter(|notice| notice.because.why == Some(Gap::Fallback)) {
        *fallbacks.entry(notice.key).or_default() += 1;
    }
    let twice = fallbacks.iter().find(|(_, times)| **times > 1);
    ledger.demand(twice.is_none(), || format!("12: {twice:?} is in two deliveries"));
    for (record, members) in deliveries {
        if !matches!(record.state, DeliveryState::Discarded | DeliveryState::Unknown) {
            continue;
        }
        if members.iter().any(|member| member.kind != NoticeKind::System) {
            let is_told = obituaries(record).iter().any(|key| keys.contains(key));
            ledger.demand(is_told, || format!("12: no operator hears of the dead letter {}", short(record.id)));
        }
        for member in members.iter().filter(|member| *member.channel == *FALLBACK.0 && member.card.is_some()) {
            ledger.count("notices that need a fallback");
            let is_said = keys.contains(&by_fallback(member));
            let is_deaf = has_no_address_somewhere(&Notice { channel: FALLBACK.1.into(), ..member.clone() });
            let is_deaf = is_deaf || ledger.book().bad.iter().any(|(channel, _)| *channel == FALLBACK.1);
            let is_over = !matches!(member.state, NoticeState::Discarded | NoticeState::Unknown);
            let law = || format!("12: {} has no fallback", of_notice(member));
            ledger.demand(is_said || is_deaf || is_over, law);
        }
    }
}

/// The keys of what operators may be told of a dead letter, under any playbook.
fn obituaries(record: &DeliveryRecord) -> Vec<Digest> {
    let subject = format!("dead:{}", record.id);
    let mut keys = Vec::new();
    for contact in office().playbooks.iter().flat_map(|playbook| playbook.office.directory.all()) {
        for (channel, _) in CHANNELS {
            for rehearsal in [false, true] {
                let (kind, contact) = (NoticeKind::System, &*contact.id);
                let identity = NoticeIdentity {
                    kind,
                    subject: &subject,
                    number: 0,
                    step: 0,
                    ordinal: 0,
                    contact,
                    channel,
                    rehearsal,
                };
                keys.push(identity.key());
            }
        }
    }
    keys
}

/// The key of what a notice says when it goes out by the fallback channel.
fn by_fallback(notice: &Notice) -> Digest {
    let subject = notice.card.map(|card| card.to_string()).unwrap_or_default();
    NoticeIdentity {
        kind: notice.kind,
        subject: &subject,
        number: notice.number,
        step: notice.step,
        ordinal: notice.ordinal,
        contact: &notice.contact,
        channel: FALLBACK.1,
        rehearsal: notice.rehearsal,
    }
    .key()
}
