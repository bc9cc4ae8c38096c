//! **Limits**: which sends may leave now, given what was counted before. Pure, and the same for every back end: they fetch
//! what is [`asked`] and count what is [`granted`](Judgement), inside one transaction that nobody else enters.
//!
//! A rate of n in T lets a send leave at t if fewer than n counted ones lie in the T before t. A clock that went back, or
//! that of another installation, may have counted some after t: they count as well if they are less than T away.
//!
//! **Invariant:** in no stretch of time do more sends leave than a rate allows, in whatever order they were asked for.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::Want;
use super::sql::{micros, plain};
use crate::core::Instant;
use crate::core::rate::Rate;

/// For how long a counted send is kept: at least, and at most.
const KEPT: (Duration, Duration) = (Duration::from_hours(24), Duration::from_hours(31 * 24));

/// Which counted sends a judgement has to know: those of a channel, or of a channel to a contact, between two instants,
/// the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The channel.
    pub channel: String,
    /// The contact; without one, all.
    pub contact: Option<String>,
    /// Only those after this instant, in microseconds.
    pub after: i64,
    /// Only those before this instant.
    pub before: i64,
    /// So many of the newest are left out.
    pub skip: usize,
    /// At most so many.
    pub limit: usize,
    rate: Rate,
}

/// What is to be done about wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// For each want: `None` if it may leave, else the first instant at which it may.
    pub answers: Vec<Option<Instant>>,
    /// Channel and contact of the sends to be counted.
    pub granted: Vec<(String, String)>,
}

/// The limits of one want: numbers of questions.
#[derive(Debug)]
struct Limited {
    channel: String,
    contact: String,
    questions: Vec<usize>,
}

/// Wants with the questions that they raise.
#[derive(Debug)]
pub struct Asked {
    now: i64,
    /// What has to be answered before [`Asked::judge`].
    pub questions: Vec<Question>,
    wants: Vec<Limited>,
    /// Until when the sends of a channel can be forgotten.
    pub forgotten: BTreeMap<String, i64>,
}

/// What has to be known to judge wants.
pub fn asked(now: Instant, wants: &[Want]) -> Asked {
    let mut asked = Asked { now: micros(now), questions: Vec::new(), wants: Vec::new(), forgotten: BTreeMap::new() };
    let mut known = HashMap::new();
    for want in wants {
        asked.add(want, &mut known);
    }
    for question in &mut asked.questions {
        // The k-th want of this question needs to know of the (n - k)-th newest send.
        let count = usize::try_from(question.rate.count).unwrap_or(usize::MAX);
        (question.skip, question.limit) = (count.saturating_sub(question.limit), question.limit.min(count));
    }
    asked
}

impl Asked {
    /// Channels with limits, each once, in their order.
    pub fn channels(&self) -> Vec<String> {
        self.forgotten.keys().cloned().collect()
    }

    fn add(&mut self, want: &Want, known: &mut HashMap<(String, Option<String>, Rate), usize>) {
        let (channel, contact) = (plain(&want.channel), plain(&want.contact));
        let all = want.rates.all.iter().map(|rate| (None, *rate));
        let each = want.rates.each.iter().map(|rate| (Some(contact.clone()), *rate));
        let mut questions = Vec::new();
        for (of, rate) in all.chain(each) {
            let number = *known.entry((channel.clone(), of.clone(), rate)).or_insert(self.questions.len());
            if number == self.questions.len() {
                self.questions.push(self.question(&channel, of, rate));
            }
            if !questions.contains(&number) {
                self.questions[number].limit += 1;
                questions.push(number);
            }
            let forgotten = self.now.saturating_sub(length(rate.per.clamp(KEPT.0, KEPT.1)));
            let kept = self.forgotten.entry(channel.clone()).or_insert(forgotten);
            *kept = forgotten.min(*kept);
        }
        self.wants.push(Limited { channel, contact, questions });
    }

    fn question(&self, channel: &str, contact: Option<String>, rate: Rate) -> Question {
        let (after, before) = (self.now.saturating_sub(length(rate.per)), self.now.saturating_add(length(rate.per)));
        Question { channel: channel.to_owned(), contact, after, before, skip: 0, limit: 0, rate }
    }

    /// Judges the wants in their order, each in the knowledge of those before it. An answer holds the instants of a
    /// question's sends, the newest first.
    pub fn judge(self, answers: &[Vec<i64>]) -> Judgement {
        let mut judgement = Judgement::default();
        let mut counted = vec![0; self.questions.len()];
        for want in self.wants {
            let waits =
                want.questions.iter().filter_map(|n| self.questions[*n].wait(self.now, counted[*n], &answers[*n]));
            let wait = waits.max();
            if wait.is_none() && !want.questions.is_empty() {
                want.questions.iter().for_each(|n| counted[*n] += 1);
                judgement.granted.push((want.channel, want.contact));
            }
            judgement.answers.push(wait.map(|at| Instant::from_timestamp_micros(at).unwrap_or(Instant::MAX_UTC)));
        }
        judgement
    }
}

impl Question {
    /// When its rate lets one more leave, if not now; so many have been counted just now.
    fn wait(&self, now: i64, counted: usize, sends: &[i64]) -> Option<i64> {
        let count = usize::try_from(self.rate.count).unwrap_or(usize::MAX);
        let full_since = match count.checked_sub(counted + 1) {
            Some(newer) => newer.checked_sub(self.skip).and_then(|place| sends.get(place).copied())?,
            None => now,
        };
        Some(full_since.saturating_add(length(self.rate.per)))
    }
}

fn length(per: Duration) -> i64 {
    i64::try_from(per.as_micros()).unwrap_or(i64::MAX)
}
