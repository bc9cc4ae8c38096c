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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::rate::Rates;

    /// Everything that was counted: instant, channel, contact.
    type Counted = Vec<(i64, String, String)>;

    fn instant(seconds: i64) -> Instant {
        Instant::from_timestamp(1_772_416_800 + seconds, 0).expect("an instant")
    }

    fn rates() -> impl Strategy<Value = Vec<Rate>> {
        let rate = (0..5_u32, 1..40_u64).prop_map(|(count, per)| Rate { count, per: Duration::from_secs(per) });
        prop::collection::vec(rate, 0..3)
    }

    fn want() -> impl Strategy<Value = (u8, u8)> {
        (0..2_u8, 0..3_u8)
    }

    /// What a store answers.
    fn answer(counted: &Counted, question: &Question) -> Vec<i64> {
        let is_meant = |(at, channel, contact): &&(i64, String, String)| {
            *channel == question.channel
                && question.contact.as_ref().is_none_or(|asked| asked == contact)
                && (question.after + 1..question.before).contains(at)
        };
        let mut found: Vec<i64> = counted.iter().filter(is_meant).map(|(at, ..)| *at).collect();
        found.sort_unstable_by(|one, other| other.cmp(one));
        found.into_iter().skip(question.skip).take(question.limit).collect()
    }

    fn take(counted: &mut Counted, now: Instant, wants: &[Want]) -> Vec<Option<Instant>> {
        let asked = asked(now, wants);
        let answers: Vec<Vec<i64>> = asked.questions.iter().map(|question| answer(counted, question)).collect();
        let judgement = asked.judge(&answers);
        counted.extend(judgement.granted.into_iter().map(|(channel, contact)| (micros(now), channel, contact)));
        judgement.answers
    }

    /// How many lie in the time up to an instant, itself included.
    fn in_the_time_before(counted: &Counted, at: i64, per: Duration, want: &Want, each: bool) -> usize {
        let meant = counted
            .iter()
            .filter(|(_, channel, contact)| **channel == *want.channel && (!each || **contact == *want.contact));
        meant.filter(|(sent, ..)| *sent > at - length(per) && *sent <= at).count()
    }

    fn allows(counted: &Counted, at: Instant, want: &Want) -> bool {
        let fits =
            |rate: &Rate, each| in_the_time_before(counted, micros(at), rate.per, want, each) < rate.count as usize;
        want.rates.all.iter().all(|rate| fits(rate, false)) && want.rates.each.iter().all(|rate| fits(rate, true))
    }

    proptest! {
        /// The same, one want after the other, by counting.
        #[test]
        fn a_send_leaves_if_and_as_soon_as_every_limit_allows(
            (all, each) in (rates(), rates()),
            calls in prop::collection::vec((0..30_i64, prop::collection::vec(want(), 0..8)), 0..12),
        ) {
            let (mut counted, mut expected, mut now) = (Counted::new(), Counted::new(), 0);
            let rates = Rates { all, each };
            let is_limited = rates != Rates::default();
            for (later, wants) in calls {
                now += later;
                let wants: Vec<Want> = wants.into_iter().map(|(channel, contact)| Want {
                    channel: channel.to_string().into(), contact: contact.to_string().into(), rates: rates.clone(),
                }).collect();
                let answers = take(&mut counted, instant(now), &wants);
                prop_assert_eq!(answers.len(), wants.len());
                for (want, answer) in wants.iter().zip(answers) {
                    prop_assert_eq!(answer.is_none(), allows(&expected, instant(now), want), "{:?}", want);
                    if let Some(at) = answer {
                        prop_assert!(at > instant(now));
                        prop_assert!(!allows(&expected, at - chrono::TimeDelta::microseconds(1), want), "not the first");
                        let never = rates.all.iter().chain(&rates.each).any(|rate| rate.count == 0);
                        prop_assert!(never || allows(&expected, at, want), "too early");
                    } else if is_limited {
                        expected.push((micros(instant(now)), want.channel.to_string(), want.contact.to_string()));
                    }
                }
                prop_assert_eq!(&counted, &expected);
            }
        }

        /// Whatever the clocks say.
        #[test]
        fn in_no_stretch_of_time_more_leave_than_a_rate_allows(
            (all, each) in (rates(), rates()),
            calls in prop::collection::vec((0..90_i64, prop::collection::vec(want(), 0..4)), 0..30),
        ) {
            let mut counted = Counted::new();
            let rates = Rates { all, each };
            for (now, wants) in calls {
                let wants: Vec<Want> = wants.into_iter().map(|(channel, contact)| Want {
                    channel: channel.to_string().into(), contact: contact.to_string().into(), rates: rates.clone(),
                }).collect();
                take(&mut counted, instant(now), &wants);
            }
            for (at, channel, contact) in &counted {
                let want = Want { channel: (**channel).into(), contact: (**contact).into(), rates: Rates::default() };
                for (rates, each) in [(&rates.all, false), (&rates.each, true)] {
                    for rate in rates {
                        let sent = in_the_time_before(&counted, *at, rate.per, &want, each);
                        prop_assert!(sent <= rate.count as usize, "{} for {}", sent, rate);
                    }
                }
            }
        }
    }

    #[test]
    fn the_ends_of_time_are_no_trouble() {
        let rates = Rates { all: vec![Rate { count: 1, per: Duration::MAX }], each: vec![Rate::per_day(1)] };
        let wants = vec![Want { channel: "sms".into(), contact: "li".into(), rates }; 2];
        for now in [Instant::MIN_UTC, Instant::MAX_UTC] {
            let answers = take(&mut Counted::new(), now, &wants);
            assert!(answers[0].is_none() && answers[1] >= Some(now), "{answers:?}");
        }
    }

    #[test]
    fn a_channel_is_asked_for_as_much_as_may_matter() {
        let rates = Rates { all: vec!["1000/1h".parse().expect("a rate")], each: vec![] };
        let want = |n: u32| Want { channel: "sms".into(), contact: n.to_string().into(), rates: rates.clone() };
        let asked = asked(instant(0), &(0..30).map(want).collect::<Vec<_>>());
        let [only] = &asked.questions[..] else { panic!("one question, got {:?}", asked.questions) };
        assert_eq!((only.skip, only.limit), (970, 30));
    }
}
