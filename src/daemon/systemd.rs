//! Talking to systemd: ready, reloading, status, stopping, and a watchdog that is fed only while all loops move.
//!
//! Without a service manager every message goes nowhere, silently. A message that cannot be sent is logged and never
//! stops the daemon.
//!
//! **Invariant:** the watchdog is fed by [`feed_watchdog`] alone, and only if every loop has made progress within its
//! limit: a daemon that hangs in one loop looks dead to systemd, which then starts it anew.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;

/// Start-up is finished; `status` is the line that `systemctl status` shows.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
}

/// A reload has begun; it ends with [`ready`].
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(since) => tell(&[NotifyState::Reloading, since]),
        Err(error) => tracing::warn!(%error, "cannot tell systemd about the reload"),
    }
}

/// Changes the line that `systemctl status` shows.
pub fn status(line: &str) {
    tell(&[NotifyState::Status(&one_line(line))]);
}

/// The daemon is going down.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells systemd that the daemon is alive, if it is; else says which loop stands still and tells systemd nothing.
pub fn feed_watchdog(progress: &Progress, now: Duration, limits: &Limits) -> Result<(), Stalled> {
    progress.alive(now, limits)?;
    tell(&[NotifyState::Watchdog]);
    Ok(())
}

/// How often to feed the watchdog: half of what systemd allows, `None` where it does not watch. `lookup` reads the
/// environment, `pid` is the daemon's own process.
pub fn watchdog_interval(lookup: &dyn Fn(&str) -> Option<String>, pid: u32) -> Option<Duration> {
    let micros: u64 = lookup("WATCHDOG_USEC")?.parse().ok().filter(|micros| *micros > 0)?;
    let mine = match lookup("WATCHDOG_PID") {
        Some(watched) => watched.parse() == Ok(pid),
        None => true,
    };
    mine.then_some(Duration::from_micros(micros / 2))
}

/// The loops whose progress counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Loop {
    /// Polls the sources.
    Poll,
    /// Looks at what falls due.
    Recheck,
    /// Sends deliveries.
    Courier,
    /// Writes to the store.
    Store,
}

/// When each loop last made progress, in monotonic time; shared by all of them.
#[derive(Debug, Default)]
pub struct Progress {
    stamps: [AtomicU64; Loop::ALL.len()],
}

/// How long each loop may go without progress. Idle rounds are progress too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For [`Loop::Poll`].
    pub poll: Duration,
    /// For [`Loop::Recheck`].
    pub recheck: Duration,
    /// For [`Loop::Courier`].
    pub courier: Duration,
    /// For [`Loop::Store`].
    pub store: Duration,
}

/// A loop that has made no progress within its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {which} loop has made no progress since {:.0} s after the start", since.as_secs_f64())]
pub struct Stalled {
    /// Which one.
    pub which: Loop,
    /// When it last did, in monotonic time.
    pub since: Duration,
}

impl Loop {
    /// All loops.
    pub const ALL: [Self; 4] = [Self::Poll, Self::Recheck, Self::Courier, Self::Store];
}

impl fmt::Display for Loop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Poll => "poll",
            Self::Recheck => "recheck",
            Self::Courier => "courier",
            Self::Store => "store",
        })
    }
}

impl Limits {
    /// The same for every loop.
    pub const fn all(limit: Duration) -> Self {
        Self { poll: limit, recheck: limit, courier: limit, store: limit }
    }

    const fn of(&self, which: Loop) -> Duration {
        match which {
            Loop::Poll => self.poll,
            Loop::Recheck => self.recheck,
            Loop::Courier => self.courier,
            Loop::Store => self.store,
        }
    }
}

impl Progress {
    /// A loop has made progress at `now`, in monotonic time.
    pub fn stamp(&self, which: Loop, now: Duration) {
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.stamps[which as usize].fetch_max(millis, Ordering::Relaxed);
    }

    /// When a loop last made progress; one that never did counts from the clock's start.
    pub fn last(&self, which: Loop) -> Duration {
        Duration::from_millis(self.stamps[which as usize].load(Ordering::Relaxed))
    }

    /// Whether every loop has made progress within its limit; else the one that is furthest over it.
    pub fn alive(&self, now: Duration, limits: &Limits) -> Result<(), Stalled> {
        let over = |which: &Loop| now.saturating_sub(self.last(*which)).saturating_sub(limits.of(*which));
        match Loop::ALL.into_iter().max_by_key(over) {
            Some(which) if !over(&which).is_zero() => Err(Stalled { which, since: self.last(which) }),
            _ => Ok(()),
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "cannot reach systemd");
    }
}

/// A line break would begin another message to systemd.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;
    use std::process::Command;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn a_daemon_is_alive_while_every_whichmoves() {
        let progress = Progress::default();
        let limits = Limits { courier: 2 * MINUTE, ..Limits::all(MINUTE) };
        assert_eq!(progress.alive(MINUTE, &limits), Ok(()), "a start has its limit too");
        for which in Loop::ALL {
            progress.stamp(which, MINUTE);
        }
        assert_eq!(progress.alive(2 * MINUTE, &limits), Ok(()));
        for which in [Loop::Poll, Loop::Recheck, Loop::Store] {
            progress.stamp(which, 3 * MINUTE);
        }
        assert_eq!(progress.alive(3 * MINUTE, &limits), Ok(()), "the courier may take longer");
        let stalled = Stalled { which: Loop::Courier, since: MINUTE };
        assert_eq!(progress.alive(4 * MINUTE, &limits), Err(stalled));
        assert_eq!(stalled.to_string(), "the courier loop has made no progress since 60 s after the start");
    }

    #[test]
    fn one_whichthat_stands_still_is_enough_and_the_worst_is_named() {
        for still in Loop::ALL {
            let progress = Progress::default();
            for which in Loop::ALL.into_iter().filter(|which| *which != still) {
                progress.stamp(which, 5 * MINUTE);
            }
            let stalled = progress.alive(5 * MINUTE, &Limits::all(MINUTE)).expect_err("one stands still");
            assert_eq!(stalled, Stalled { which: still, since: Duration::ZERO });
        }
        let progress = Progress::default();
        progress.stamp(Loop::Recheck, MINUTE);
        let limits = Limits { poll: 9 * MINUTE, courier: 9 * MINUTE, store: 8 * MINUTE, recheck: MINUTE };
        let stalled = progress.alive(10 * MINUTE, &limits).expect_err("all stand still");
        assert_eq!(stalled.which, Loop::Recheck);
    }

    #[test]
    fn a_late_stamp_takes_no_progress_back() {
        let progress = Progress::default();
        progress.stamp(Loop::Store, 2 * MINUTE);
        progress.stamp(Loop::Store, MINUTE);
        assert_eq!(progress.last(Loop::Store), 2 * MINUTE);
    }

    #[test]
    fn the_watchdog_is_fed_twice_in_its_interval_and_only_if_it_is_ours() {
        let table = [
            (Some("60000000"), Some("7"), Some(30)),
            (Some("60000000"), None, Some(30)),
            (Some("60000000"), Some("8"), None),
            (Some("60000000"), Some("x"), None),
            (Some("0"), None, None),
            (Some("soon"), None, None),
            (None, Some("7"), None),
        ];
        for (micros, pid, expected) in table {
            let lookup = |name: &str| if name == "WATCHDOG_USEC" { micros } else { pid }.map(str::to_owned);
            assert_eq!(watchdog_interval(&lookup, 7), expected.map(Duration::from_secs), "{micros:?} {pid:?}");
        }
    }

    /// Without a socket in the environment this says nothing to anybody; the test below runs it with one.
    #[test]
    fn speaks() {
        ready("3 rules\nMAINPID=1");
        reloading();
        status("红牌 2");
        let progress = Progress::default();
        assert_eq!(feed_watchdog(&progress, Duration::ZERO, &Limits::all(MINUTE)), Ok(()));
        assert!(feed_watchdog(&progress, 2 * MINUTE, &Limits::all(MINUTE)).is_err());
        stopping();
    }

    #[test]
    fn systemd_hears_every_state_and_no_watchdog_of_a_daemon_that_hangs() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_nonblocking(true).expect("a socket that does not wait");
        let own = std::env::current_exe().expect("the test's program");
        let spoken = Command::new(own)
            .args(["--exact", "daemon::systemd::tests::speaks"])
            .env("NOTIFY_SOCKET", &path)
            .output()
            .expect("the test runs");
        assert!(spoken.status.success(), "{spoken:?}");
        let mut heard = Vec::new();
        let mut buffer = [0; 512];
        while let Ok(length) = socket.recv(&mut buffer) {
            heard.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
        assert_eq!(heard.len(), 5, "{heard:?}");
        assert_eq!(heard[0], "READY=1\nSTATUS=3 rules MAINPID=1\n");
        assert!(heard[1].starts_with("RELOADING=1\nMONOTONIC_USEC="), "{heard:?}");
        assert_eq!(&heard[2..], ["STATUS=红牌 2\n", "WATCHDOG=1\n", "STOPPING=1\n"]);
    }
}
