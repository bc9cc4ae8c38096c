//! The clock: the only file that reads one.
//!
//! Whoever waits or measures gets a [`Clock`] as an argument; whoever decides gets `now` as a value and no clock at
//! all. Wall time is what people see and what the store keeps; monotonic time is for spans and for waiting, since it
//! never steps.
//!
//! **Invariant:** no other file asks the machine for the time. The architecture test and clippy hold this.

use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::core::Instant;

/// Something that knows the time and can wait for a later one.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The wall clock's instant. It may step, in both directions.
    fn now(&self) -> Instant;

    /// Time since the clock was made. It never steps back.
    fn monotonic(&self) -> Duration;

    /// Waits until so much monotonic time has passed, counted from the first poll.
    async fn sleep(&self, span: Duration);
}

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: std::time::Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts here.
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
    pub fn start() -> Self {
        Self { started: std::time::Instant::now() }
    }
}

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
    fn now(&self) -> Instant {
        chrono::Utc::now()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

/// A span between half and one and a half of the given one, by chance: so that many who wait for one thing do not come
/// back all at once.
pub fn jittered(span: Duration) -> Duration {
    let chance = RandomState::new().hash_one(()) % 1_000;
    span / 2 + span * u32::try_from(chance).unwrap_or_default() / 1_000
}

/// A clock that starts at a chosen instant and runs `speed` times as fast as the machine's: the demo's city lives in
/// it. Its wall clock follows the monotonic one, so it never steps.
#[derive(Debug, Clone, Copy)]
pub struct ShiftedClock {
    system: SystemClock,
    start_at: Instant,
    speed: NonZeroU32,
}

impl ShiftedClock {
    /// A clock that shows `start_at` now and runs at the machine's speed.
    pub fn starting_at(start_at: Instant) -> Self {
        Self { system: SystemClock::start(), start_at, speed: NonZeroU32::MIN }
    }

    /// The same clock, so many times as fast.
    #[must_use]
    pub const fn at_speed(self, speed: NonZeroU32) -> Self {
        Self { speed, ..self }
    }
}

#[async_trait]
impl Clock for ShiftedClock {
    fn now(&self) -> Instant {
        later(self.start_at, self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic().saturating_mul(self.speed.get())
    }

    async fn sleep(&self, span: Duration) {
        self.system.sleep(span / self.speed.get()).await;
    }
}

/// A clock that is moved by hand, for tests and simulations. A sleeper wakes when it has been moved far enough.
#[derive(Debug)]
pub struct TestClock {
    hands: watch::Sender<Hands>,
}

#[derive(Debug, Clone, Copy)]
struct Hands {
    now: Instant,
    monotonic: Duration,
}

impl TestClock {
    /// A clock that stands at `now`.
    pub fn at(now: Instant) -> Self {
        Self { hands: watch::Sender::new(Hands { now, monotonic: Duration::ZERO }) }
    }

    /// Lets time pass: both clocks move.
    pub fn advance(&self, span: Duration) {
        self.hands.send_modify(|hands| {
            hands.now = later(hands.now, span);
            hands.monotonic = hands.monotonic.saturating_add(span);
        });
    }

    /// Lets time pass until `to`; an instant that is already over changes nothing.
    pub fn advance_to(&self, to: Instant) {
        if let Ok(span) = to.signed_duration_since(self.now()).to_std() {
            self.advance(span);
        }
    }

    /// Puts the wall clock to `now`, forwards or backwards, without time passing: a step, as a time server makes it.
    pub fn set(&self, now: Instant) {
        self.hands.send_modify(|hands| hands.now = now);
    }

    /// How many are asleep on this clock.
    pub fn sleepers(&self) -> usize {
        self.hands.receiver_count()
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Instant {
        self.hands.borrow().now
    }

    fn monotonic(&self) -> Duration {
        self.hands.borrow().monotonic
    }

    async fn sleep(&self, span: Duration) {
        let mut hands = self.hands.subscribe();
        let until = hands.borrow_and_update().monotonic.saturating_add(span);
        // An error would mean that the clock is gone, and it is borrowed here.
        let _ = hands.wait_for(|hands| hands.monotonic >= until).await;
    }
}

/// `span` after `at`, or the end of the calendar.
fn later(at: Instant, span: Duration) -> Instant {
    let span = chrono::TimeDelta::from_std(span).unwrap_or(chrono::TimeDelta::MAX);
    at.checked_add_signed(span).unwrap_or(Instant::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const HOUR: Duration = Duration::from_hours(1);

    fn monday() -> Instant {
        "2026-03-02T02:00:00Z".parse().expect("an instant")
    }

    #[test]
    fn a_test_clock_stands_until_it_is_moved() {
        let clock = TestClock::at(monday());
        assert_eq!((clock.now(), clock.monotonic()), (monday(), Duration::ZERO));
        clock.advance(HOUR);
        assert_eq!((clock.now(), clock.monotonic()), (monday() + HOUR, HOUR));
        clock.advance_to(monday());
        assert_eq!(clock.now(), monday() + HOUR, "an instant that is over moves nothing");
        clock.advance_to(monday() + 3 * HOUR);
        assert_eq!((clock.now(), clock.monotonic()), (monday() + 3 * HOUR, 3 * HOUR));
    }

    #[test]
    fn a_step_of_the_wall_clock_passes_no_time() {
        let clock = TestClock::at(monday());
        clock.set(monday() - HOUR);
        assert_eq!((clock.now(), clock.monotonic()), (monday() - HOUR, Duration::ZERO));
    }

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_clock_has_moved_far_enough_and_not_before() {
        let clock = Arc::new(TestClock::at(monday()));
        let sleeper = tokio::spawn({
            let clock = Arc::clone(&clock);
            async move { clock.sleep(HOUR).await }
        });
        while clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        clock.set(monday() + 24 * HOUR);
        clock.advance(HOUR / 2);
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished(), "half an hour and a step are no hour");
        clock.advance(HOUR / 2);
        sleeper.await.expect("the sleeper ends");
        assert_eq!(clock.sleepers(), 0);
    }

    #[tokio::test]
    async fn a_sleep_of_nothing_returns_at_once() {
        TestClock::at(monday()).sleep(Duration::ZERO).await;
    }

    #[tokio::test]
    async fn a_shifted_clock_runs_from_its_start_as_fast_as_it_was_told() {
        let speed = NonZeroU32::new(3600).expect("not zero");
        let clock = ShiftedClock::starting_at(monday()).at_speed(speed);
        let before = clock.now();
        assert!(before >= monday());
        clock.sleep(Duration::from_mins(2)).await;
        assert!(clock.now() >= before + Duration::from_mins(2));
        assert!(clock.monotonic() >= Duration::from_mins(2));
    }

    #[test]
    fn a_clock_at_the_end_of_the_calendar_stays_there() {
        let clock = TestClock::at(Instant::MAX_UTC);
        clock.advance(HOUR);
        assert_eq!(clock.now(), Instant::MAX_UTC);
    }

    #[tokio::test]
    async fn the_system_clock_goes_forward() {
        let clock = SystemClock::start();
        let (now, monotonic) = (clock.now(), clock.monotonic());
        clock.sleep(Duration::from_millis(2)).await;
        assert!(monotonic + Duration::from_millis(2) <= clock.monotonic());
        assert!(monday() < now);
    }
}
