//! Counted sends.

use std::collections::{BTreeMap, HashMap};

use crate::core::Instant;
use crate::store::Want;
use crate::store::limits::{Question, asked};

/// How many sends were counted at which instant.
type Counted = BTreeMap<i64, usize>;

/// Sends that count against the limits of their channels, for as long as they do.
#[derive(Debug, Clone, Default)]
pub struct Sends {
    by_channel: HashMap<String, Counted>,
    by_contact: HashMap<String, HashMap<String, Counted>>,
}

impl Sends {
    pub fn take(&mut self, now: Instant, wants: &[Want]) -> Vec<Option<Instant>> {
        let asked = asked(now, wants);
        let answers: Vec<Vec<i64>> = asked.questions.iter().map(|question| self.answer(question)).collect();
        for (channel, until) in &asked.forgotten {
            self.forget(channel, *until);
        }
        let judgement = asked.judge(&answers);
        let now = now.timestamp_micros();
        for (channel, contact) in judgement.granted {
            *self.by_channel.entry(channel.clone()).or_default().entry(now).or_default() += 1;
            let of_contact = self.by_contact.entry(channel).or_default().entry(contact).or_default();
            *of_contact.entry(now).or_default() += 1;
        }
        judgement.answers
    }

    fn answer(&self, question: &Question) -> Vec<i64> {
        let counted = match &question.contact {
            None => self.by_channel.get(&question.channel),
            Some(contact) => self.by_contact.get(&question.channel).and_then(|contacts| contacts.get(contact)),
        };
        let newest = counted.into_iter().flat_map(|counted| counted.iter().rev());
        let newest = newest.flat_map(|(at, times)| std::iter::repeat_n(*at, *times));
        let newest = newest.skip_while(|at| *at >= question.before).take_while(|at| *at > question.after);
        newest.skip(question.skip).take(question.limit).collect()
    }

    fn forget(&mut self, channel: &str, until: i64) {
        let Some(counted) = self.by_channel.get_mut(channel) else { return };
        if counted.first_key_value().is_none_or(|(oldest, _)| *oldest > until) {
            return;
        }
        *counted = counted.split_off(&until.saturating_add(1));
        if let Some(contacts) = self.by_contact.get_mut(channel) {
            contacts.retain(|_, counted| {
                *counted = counted.split_off(&until.saturating_add(1));
                !counted.is_empty()
            });
        }
    }
}
