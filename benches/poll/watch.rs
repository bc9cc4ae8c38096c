//! Looking at a daemon while it polls: what it says of each poll, and what the process takes.

use std::io::{IsTerminal as _, Write as _};
use std::thread::sleep;
use std::time::{Duration, Instant as Clock};

use crate::support::daemon::Daemon;
use crate::support::memory::Memory;
use crate::{program, rate};

/// One poll, as the daemon says, and what the process took meanwhile.
#[derive(Debug, Clone, Copy)]
pub struct Poll {
    pub rows: usize,
    pub changed: usize,
    pub read: Duration,
    pub took: Duration,
    /// Processor time.
    pub worked: Duration,
    /// The most memory, in MiB.
    pub memory: f64,
}

impl Poll {
    /// How long it took once everything was read.
    pub fn after_reading(&self) -> Duration {
        self.took.saturating_sub(self.read)
    }

    pub fn say(&self, what: &str, count: usize) {
        let (read, took) = (self.read.as_secs_f64(), self.took.as_secs_f64());
        println!(
            "{what:<22}{took:>8.2} s ({read:.2} s of it reading), {:.1} k items/s; {:.2} s of work, {:.1} MiB; {} changed",
            rate(count, self.took) / 1e3,
            self.worked.as_secs_f64(),
            self.memory,
            self.changed,
        );
    }
}

/// Sees the polls of a daemon, one after the other.
pub struct Watch<'a> {
    daemon: &'a Daemon,
    memory: &'a Memory,
    seen: usize,
    worked: Duration,
}

impl<'a> Watch<'a> {
    pub fn new(daemon: &'a Daemon, memory: &'a Memory) -> Self {
        Self { daemon, memory, seen: 0, worked: Duration::ZERO }
    }

    /// Waits for the next poll to end; meanwhile a terminal shows how far it is.
    pub fn next(&mut self, what: &str) -> Poll {
        let (began, mut shown) = (Clock::now(), Clock::now());
        loop {
            let log = self.daemon.log();
            if let Some(line) = log.lines().filter(|line| line.contains("polled source=tasks")).nth(self.seen) {
                self.seen += 1;
                return self.ended(line);
            }
            assert!(!log.contains("a poll is not believed"), "{log}");
            if shown.elapsed() > Duration::from_millis(500) {
                self.show(what, began.elapsed());
                shown = Clock::now();
            }
            sleep(Duration::from_millis(10));
        }
    }

    fn show(&self, what: &str, since: Duration) {
        if !std::io::stdout().is_terminal() {
            return;
        }
        let stored = self.memory.number("SELECT coalesce(max(rowid), 0) FROM items");
        let memory = program::memory(self.daemon.pid());
        print!("\r{what}: {stored} items stored, {:.0} s, {memory:.0} MiB at most   ", since.as_secs_f64());
        let _ = std::io::stdout().flush();
    }

    fn ended(&mut self, line: &str) -> Poll {
        let process = self.daemon.pid();
        let (worked, memory) = (program::worked(process), program::memory(process));
        // The peak begins anew.
        std::fs::write(format!("/proc/{process}/clear_refs"), "5").expect("the peak is forgotten");
        let number = |key: &str| -> usize {
            let fields = line.split_whitespace().filter_map(|field| field.split_once('='));
            let value = fields.filter(|(name, _)| *name == key).map(|(_, value)| value).next();
            value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{key}: {line}"))
        };
        let span = |key: &str| Duration::from_millis(number(key) as u64);
        let poll = Poll {
            rows: number("rows"),
            changed: number("changed"),
            read: span("read_ms"),
            took: span("took_ms"),
            worked: worked.saturating_sub(self.worked),
            memory,
        };
        self.worked = worked;
        if std::io::stdout().is_terminal() {
            println!();
        }
        poll
    }
}
