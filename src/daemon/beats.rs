//! When the outgoing heartbeat beats: only if every loop has moved since it last did, and operators can be told.
//!
//! **Invariant:** a loop that stands still stops the heartbeat, and so do channels that take nothing, once operators have no
//! other. A monitor that cannot be reached slows nothing and is logged
//! once an hour.

use std::sync::Arc;
use std::time::Duration;

use super::systemd::{Loop, Progress};
use crate::core::outage::Outage;
use crate::courier::REHEARSAL;
use crate::tell::plan::Office;
use crate::wire::heartbeat::Heartbeat;

/// Whether no channel by which operators are told takes anything: then only a monitor elsewhere can raise the alarm.
pub fn are_operators_cut_off(office: &Office, outages: &[Outage]) -> bool {
    let is_out = |way: &str| outages.iter().any(|outage| &*outage.channel == way);
    let channels = office.channels_of_operators();
    if office.rehearsal { is_out(REHEARSAL) } else { !channels.is_empty() && channels.into_iter().all(is_out) }
}

/// How often a failure is logged.
const QUIET: Duration = Duration::from_hours(1);

/// A heartbeat, and when it last beat.
pub struct Beats {
    heartbeat: Heartbeat,
    progress: Arc<Progress>,
    seen: [Duration; Loop::ALL.len()],
    complained_at: Option<Duration>,
}

impl Beats {
    /// A heartbeat that has not beaten yet.
    pub fn new(heartbeat: Heartbeat, progress: Arc<Progress>) -> Self {
        let seen = Loop::ALL.map(|which| progress.last(which));
        Self { heartbeat, progress, seen, complained_at: None }
    }

    /// Beats, if every loop has moved since it last did. `now` is monotonic.
    pub async fn run_once(&mut self, now: Duration) {
        let Some(seen) = self.moved() else { return };
        self.seen = seen;
        if let Err(problem) = self.heartbeat.beat().await {
            self.complain(&problem, now);
        }
    }

    /// When each loop last moved, if all have.
    fn moved(&self) -> Option<[Duration; Loop::ALL.len()]> {
        let now = Loop::ALL.map(|which| self.progress.last(which));
        now.iter().zip(&self.seen).all(|(now, seen)| seen < now).then_some(now)
    }

    fn complain(&mut self, problem: &str, now: Duration) {
        if self.complained_at.is_none_or(|at| at + QUIET <= now) {
            tracing::warn!("the heartbeat is not heard: {problem}");
            self.complained_at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::heartbeat::HeartbeatConfig;

    #[test]
    fn it_beats_only_if_every_loop_has_moved_since() {
        let progress = Arc::new(Progress::default());
        let config = HeartbeatConfig { url: "https://hc.example/x".into(), ..HeartbeatConfig::default() };
        let mut beats = Beats::new(Heartbeat::new(&config).expect("a heartbeat"), progress.clone());
        assert_eq!(beats.moved(), None, "nothing has moved so far");
        for round in 1..4 {
            for which in Loop::ALL {
                assert_eq!(beats.moved(), None, "{which} has not moved in round {round}");
                progress.stamp(which, Duration::from_secs(round));
            }
            beats.seen = beats.moved().expect("all have moved");
        }
    }
}
