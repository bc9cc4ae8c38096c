//! Waiting for what another process does: a condition with a deadline, and instants relative to now.

use std::thread::sleep;
use std::time::Duration;

use chrono::{SubsecRound as _, TimeDelta};
use duban::core::Instant;
use duban::time::{Clock as _, SystemClock};

/// Now.
pub fn now() -> Instant {
    SystemClock::start().now()
}

/// The whole second that lies at least so many seconds ahead; or behind, if negative.
pub fn ahead(seconds: i64) -> Instant {
    now().trunc_subsecs(0) + TimeDelta::seconds(seconds + 1)
}

/// Sleeps until an instant.
pub fn sleep_until(at: Instant) {
    sleep((at - now()).to_std().unwrap_or_default());
}

/// Whether a condition holds within so many seconds.
pub fn holds_within(seconds: u64, mut condition: impl FnMut() -> bool) -> bool {
    let clock = SystemClock::start();
    loop {
        if condition() {
            return true;
        }
        if clock.monotonic() > Duration::from_secs(seconds) {
            return false;
        }
        sleep(Duration::from_millis(20));
    }
}

/// A port on which nobody listens.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|held| held.local_addr()).expect("port").port()
}
