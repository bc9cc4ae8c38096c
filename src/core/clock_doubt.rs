//! **Doubt** about the machine's clock: what speaks against it, and what takes that back.
//!
//! A wall clock that jumps ahead makes everything overdue at once. So a step forward, a peer that sees another time, and a
//! start in the past are doubt, and as long as it lasts only operators are told anything.
//!
//! **Invariant:** one odd reading of a peer is nothing: two that agree with each other count. Doubt ends by itself only
//! when peers agree, when the clock goes back to where it was expected, or when what spoke against it is over; else a
//! person confirms that the clock is right.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::Instant;

/// The longest step forward between two readings that is believed.
pub const LONGEST_STEP: TimeDelta = TimeDelta::minutes(10);

/// The largest difference from a peer that is believed.
pub const LARGEST_DIFFERENCE: TimeDelta = TimeDelta::minutes(2);

/// How near two readings of a peer must be to agree with each other.
const ALIKE: TimeDelta = TimeDelta::minutes(1);

/// 2026-01-01: no clock of a machine that runs this can be right before.
const EARLIEST: Instant = DateTime::<Utc>::from_timestamp(1_767_225_600, 0).expect("a second of 2026");

/// Both clocks of the machine, read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock.
    pub wall: Instant,
    /// The clock that never steps.
    pub monotonic: Duration,
}

/// What a peer's clock showed, and our own at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerTime {
    /// The peer's.
    pub theirs: Instant,
    /// Ours.
    pub ours: Instant,
}

/// What speaks against the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// It stepped forward.
    Step {
        /// What it should have shown.
        expected: Instant,
        /// What it showed.
        shown: Instant,
    },
    /// A peer sees another time.
    Peer {
        /// Which one.
        peer: Arc<str>,
        /// How far the peer's clock is ahead of ours.
        ahead: TimeDelta,
    },
    /// It shows a time before what has happened already.
    Past {
        /// What has happened already.
        known: Instant,
        /// What it showed.
        shown: Instant,
    },
    /// It was in doubt when duban ended, and nobody has confirmed it.
    Earlier,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step { expected, shown } => {
                write!(f, "it stepped forward: expected {}, got {}", at(*expected), at(*shown))
            }
            Self::Peer { peer, ahead } => {
                let (seconds, way) =
                    (ahead.num_seconds().abs(), if ahead.num_seconds() > 0 { "ahead" } else { "behind" });
                write!(f, "the clock of {peer} is {seconds} s {way} of this one")
            }
            Self::Past { known, shown } => {
                write!(f, "it shows a time that was over before: expected {} or later, got {}", at(*known), at(*shown))
            }
            Self::Earlier => f.write_str("it was in doubt when duban ended, and nobody has confirmed it"),
        }
    }
}

fn at(instant: Instant) -> impl fmt::Display {
    instant.format("%Y-%m-%dT%H:%M:%SZ")
}

/// What is known about the clock.
#[derive(Debug, Clone, Default)]
pub struct Timekeeper {
    last: Option<Reading>,
    peers: BTreeMap<Arc<str>, Heard>,
    doubt: Option<(Doubt, Option<Reading>)>,
}

/// What was heard from a peer.
#[derive(Debug, Clone)]
struct Heard {
    last: PeerTime,
    /// How many readings running agree with each other.
    count: u32,
    /// The difference that a person has confirmed as the peer's own fault.
    accepted: TimeDelta,
}

impl Timekeeper {
    /// At a start. `known` is the newest instant that the store remembers; `in_doubt` says that an earlier doubt stands.
    pub fn starting(reading: Reading, known: Option<Instant>, in_doubt: bool) -> Self {
        let known = known.map_or(EARLIEST, |known| known.max(EARLIEST));
        let past = (reading.wall < known - LARGEST_DIFFERENCE).then_some(Doubt::Past { known, shown: reading.wall });
        let doubt = past.or(in_doubt.then_some(Doubt::Earlier));
        Self { last: Some(reading), peers: BTreeMap::new(), doubt: doubt.map(|doubt| (doubt, Some(reading))) }
    }

    /// What speaks against the clock, if anything does.
    pub fn doubt(&self) -> Option<&Doubt> {
        self.doubt.as_ref().map(|(doubt, _)| doubt)
    }

    /// Takes a reading of the machine's own clocks.
    pub fn look(&mut self, reading: Reading) {
        let step = self.last.map_or(TimeDelta::zero(), |last| moved(last, reading));
        self.last = Some(reading);
        if step.abs() > ALIKE {
            // What peers said before is about another clock.
            self.peers.values_mut().for_each(|heard| heard.count = 0);
        }
        if self.doubt.is_some() {
            self.doubt.take_if(|(doubt, since)| is_over(doubt, *since, reading));
        } else if step > LONGEST_STEP {
            let doubt = Doubt::Step { expected: reading.wall - step, shown: reading.wall };
            self.doubt = Some((doubt, Some(reading)));
        }
    }

    /// Takes what a peer's clock showed. The same again says nothing new.
    pub fn hear(&mut self, peer: &Arc<str>, time: PeerTime) {
        let known = self.peers.get(peer);
        if known.is_some_and(|heard| heard.last == time) {
            return;
        }
        let accepted = known.map_or(TimeDelta::zero(), |heard| heard.accepted);
        let before = known.filter(|heard| (heard.last.ahead() - time.ahead()).abs() <= ALIKE);
        let count = before.map_or(1, |heard| heard.count + 1);
        self.peers.insert(peer.clone(), Heard { last: time, count, accepted });
        if count < 2 {
            return;
        }
        let agrees = (time.ahead() - accepted).abs() <= LARGEST_DIFFERENCE;
        match (&self.doubt, agrees) {
            (None, false) => {
                self.doubt = Some((Doubt::Peer { peer: peer.clone(), ahead: time.ahead() }, self.last));
            }
            (Some((Doubt::Peer { peer: other, .. }, _)), true) if other != peer => {}
            (Some(_), true) => self.doubt = None,
            (None, true) | (Some(_), false) => {}
        }
    }

    /// Somebody says that the clock is right. A peer that contradicted it is believed with its difference from now on.
    pub fn confirm(&mut self) {
        if let Some((Doubt::Peer { peer, ahead }, _)) = self.doubt.take()
            && let Some(heard) = self.peers.get_mut(&peer)
        {
            heard.accepted = ahead;
        }
    }
}

impl PeerTime {
    fn ahead(&self) -> TimeDelta {
        self.theirs - self.ours
    }
}

/// By how much the wall clock was moved between two readings.
fn moved(from: Reading, to: Reading) -> TimeDelta {
    let passed = to.monotonic.saturating_sub(from.monotonic);
    (to.wall - from.wall) - TimeDelta::from_std(passed).unwrap_or(TimeDelta::MAX)
}

/// Whether what spoke against the clock is over, by what the clock itself shows.
fn is_over(doubt: &Doubt, since: Option<Reading>, now: Reading) -> bool {
    // By how much the clock had to be moved to be right.
    let wrong = match doubt {
        Doubt::Step { expected, shown } => *expected - *shown,
        Doubt::Peer { ahead, .. } => *ahead,
        Doubt::Past { known, .. } => return *known - LARGEST_DIFFERENCE <= now.wall,
        Doubt::Earlier => return false,
    };
    since.is_some_and(|since| (wrong - moved(since, now)).abs() <= LARGEST_DIFFERENCE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 60;

    fn noon() -> Instant {
        "2026-03-02T04:00:00Z".parse().expect("an instant")
    }

    /// So many seconds after noon by the monotonic clock, with the wall clock so many seconds ahead of it.
    fn reading(seconds: i64, ahead: i64) -> Reading {
        let wall = noon() + TimeDelta::seconds(seconds + ahead);
        Reading { wall, monotonic: Duration::from_secs(seconds.unsigned_abs()) }
    }

    fn started() -> Timekeeper {
        Timekeeper::starting(reading(0, 0), Some(noon() - TimeDelta::days(3)), false)
    }

    fn time(seconds: i64, ahead: i64) -> PeerTime {
        let ours = noon() + TimeDelta::seconds(seconds);
        PeerTime { theirs: ours + TimeDelta::seconds(ahead), ours }
    }

    fn peer(name: &str) -> Arc<str> {
        name.into()
    }

    #[test]
    fn a_step_forward_beyond_ten_minutes_is_doubt_and_nothing_less() {
        for (step, doubted) in
            [(0, false), (90, false), (10 * MINUTE, false), (10 * MINUTE + 1, true), (-86_400, false)]
        {
            let mut keeper = started();
            keeper.look(reading(30, step));
            assert_eq!(keeper.doubt().is_some(), doubted, "{step}");
        }
        let mut keeper = started();
        keeper.look(reading(7_200, 0));
        assert_eq!(keeper.doubt(), None, "two hours passed on both clocks");
    }

    #[test]
    fn a_step_is_taken_back_by_the_clock_itself_by_peers_or_by_a_person() {
        let stepped = || {
            let mut keeper = started();
            keeper.look(reading(30, 3_600));
            keeper.look(reading(60, 3_600));
            assert!(matches!(keeper.doubt(), Some(Doubt::Step { .. })), "time alone takes nothing back");
            keeper
        };
        let mut keeper = stepped();
        keeper.look(reading(90, 20));
        assert_eq!(keeper.doubt(), None, "it is back");
        let mut keeper = stepped();
        keeper.look(reading(90, 1_800));
        assert!(keeper.doubt().is_some(), "half of the way is not back");
        let mut keeper = stepped();
        keeper.hear(&peer("store"), time(3_690, 0));
        keeper.hear(&peer("store"), time(3_690, 0));
        assert!(keeper.doubt().is_some(), "the same reading twice is one");
        keeper.hear(&peer("store"), time(3_720, 1));
        assert_eq!(keeper.doubt(), None, "a peer has stepped as well, so it was time that passed");
        let mut keeper = stepped();
        keeper.confirm();
        assert_eq!(keeper.doubt(), None);
        keeper.look(reading(90, 3_600));
        assert_eq!(keeper.doubt(), None);
    }

    #[test]
    fn a_peer_is_believed_at_its_second_word() {
        for ahead in [-3_600, -122, 121, 3_600] {
            let mut keeper = started();
            keeper.hear(&peer("sms"), time(10, ahead));
            assert_eq!(keeper.doubt(), None, "one odd header is nothing");
            keeper.hear(&peer("sms"), time(20, ahead + 1));
            let expected = Doubt::Peer { peer: peer("sms"), ahead: TimeDelta::seconds(ahead + 1) };
            assert_eq!(keeper.doubt(), Some(&expected));
            keeper.hear(&peer("mail"), time(30, 0));
            keeper.hear(&peer("mail"), time(40, 0));
            assert_eq!(keeper.doubt(), Some(&expected), "another peer takes nothing back");
            keeper.hear(&peer("sms"), time(50, 0));
            keeper.hear(&peer("sms"), time(60, 0));
            assert_eq!(keeper.doubt(), None);
        }
        let mut keeper = started();
        for (seconds, ahead) in [(1, 119), (2, -119), (3, 4_000), (4, 0), (5, -9_000), (6, 0), (7, 100), (8, 120)] {
            keeper.hear(&peer("sms"), time(seconds, ahead));
        }
        assert_eq!(keeper.doubt(), None, "what contradicts itself says nothing");
    }

    #[test]
    fn a_clock_that_is_put_right_ends_the_doubt_of_a_peer() {
        let mut keeper = started();
        keeper.look(reading(30, 0));
        keeper.hear(&peer("store"), time(30, 3_600));
        keeper.hear(&peer("store"), time(60, 3_600));
        keeper.look(reading(90, 3_600));
        assert_eq!(keeper.doubt(), None, "a step forward, and the right one");
    }

    #[test]
    fn a_peers_own_fault_is_confirmed_once() {
        let mut keeper = started();
        for seconds in 1..9 {
            keeper.hear(&peer("sms"), time(seconds, 300));
            if seconds == 4 {
                assert!(keeper.doubt().is_some());
                keeper.confirm();
            }
        }
        assert_eq!(keeper.doubt(), None);
        keeper.hear(&peer("sms"), time(10, 900));
        keeper.hear(&peer("sms"), time(11, 900));
        assert!(keeper.doubt().is_some(), "another difference is another matter");
    }

    #[test]
    fn a_start_in_the_past_is_doubt_until_the_past_is_over() {
        let start = |wall: &str, known: Option<&str>| {
            let instant = |text: &str| text.parse::<Instant>().expect("an instant");
            let reading = Reading { wall: instant(wall), monotonic: Duration::ZERO };
            Timekeeper::starting(reading, known.map(instant), false)
        };
        assert_eq!(start("2026-03-02T04:00:00Z", Some("2026-03-02T04:01:00Z")).doubt(), None, "nearly right");
        assert_eq!(start("2026-03-02T04:00:00Z", None).doubt(), None);
        assert!(start("1970-01-01T00:00:07Z", None).doubt().is_some());
        let mut keeper = start("2026-03-02T03:00:00Z", Some("2026-03-02T04:00:00Z"));
        assert!(matches!(keeper.doubt(), Some(Doubt::Past { .. })));
        keeper.look(Reading { wall: noon() - TimeDelta::minutes(30), monotonic: Duration::from_secs(5) });
        assert!(keeper.doubt().is_some());
        keeper.look(Reading { wall: noon() + TimeDelta::hours(9), monotonic: Duration::from_secs(9) });
        assert_eq!(keeper.doubt(), None, "a time server has put it right");
    }

    #[test]
    fn an_earlier_doubt_stands_until_somebody_takes_it_back() {
        let mut keeper = Timekeeper::starting(reading(0, 0), None, true);
        keeper.look(reading(3_600, 0));
        assert_eq!(keeper.doubt(), Some(&Doubt::Earlier));
        keeper.hear(&peer("store"), time(3_601, 1));
        keeper.hear(&peer("store"), time(3_602, 1));
        assert_eq!(keeper.doubt(), None);
    }

    proptest! {
        #[test]
        fn a_clock_that_goes_as_it_should_is_never_doubted(
            spans in proptest::collection::vec((0_i64..5_000, -90_i64..90, -110_i64..110), 0..50),
        ) {
            let (mut keeper, mut seconds, mut ahead) = (started(), 0, 0);
            for (span, drift, difference) in spans {
                seconds += span;
                ahead += drift;
                keeper.look(reading(seconds, ahead));
                keeper.hear(&peer("store"), time(seconds + ahead, difference));
                prop_assert_eq!(keeper.doubt(), None);
            }
        }

        #[test]
        fn a_person_has_the_last_word(
            words in proptest::collection::vec((0_i64..4_000, -9_000_i64..9_000, -900_i64..900), 0..30),
        ) {
            let (mut keeper, mut seconds) = (started(), 0);
            for (span, ahead, difference) in words {
                seconds += span;
                keeper.look(reading(seconds, ahead));
                keeper.hear(&peer("sms"), time(seconds + ahead, difference));
            }
            keeper.confirm();
            prop_assert_eq!(keeper.doubt(), None);
        }
    }
}
