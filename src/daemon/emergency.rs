//! The **emergency**: the store does not work, so operators are told past it, in the only messages without a recorded
//! claim.
//!
//! **Invariants:** one an hour at most, however many loops fail; that it was told is kept in memory only. A loop whose
//! round succeeds takes its trouble back, and with the last one the emergency is over.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::core::Instant;
use crate::core::contact::Medium;
use crate::core::delivery::{DeliveryId, Outcome};
use crate::core::json::Json;
use crate::core::notice::{Body, Notice, NoticeKind};
use crate::courier::{Way, Ways};
use crate::playbook::{InForce, Playbook};
use crate::store::StoreError;
use crate::tell::compose::{Desk, compose};
use crate::tell::facts::Receiver;
use crate::tell::language::Language;
use crate::tell::plan::{Joinable, plan_system};
use crate::wire::Message;

/// How long a store may be away before operators are told: networks and servers come back.
const PATIENCE: Duration = Duration::from_mins(5);

/// The least time between two emergencies that are told.
const INTERVAL: Duration = Duration::from_hours(1);

/// The same after one that reached nobody.
const INTERVAL_UNHEARD: Duration = Duration::from_mins(5);

/// What the loops say about the store.
pub struct Emergency {
    troubles: Mutex<Troubles>,
    in_force: watch::Sender<Option<InForce>>,
    /// Messages on their way.
    telling: TaskTracker,
}

#[derive(Debug, Default)]
struct Troubles {
    /// What each failing loop heard last, and since when it fails.
    by_loop: BTreeMap<String, (Duration, String)>,
    /// When operators may be told again.
    quiet_until: Option<Duration>,
}

impl Emergency {
    /// Shows the store's trouble beside what is in force.
    pub fn new(in_force: watch::Sender<Option<InForce>>) -> Arc<Self> {
        Arc::new(Self { troubles: Mutex::default(), in_force, telling: TaskTracker::new() })
    }

    /// A loop's round failed; whether operators are to be told now.
    pub fn hear(&self, which: &str, error: &StoreError, now: Duration) -> bool {
        let mut troubles = self.troubles();
        let is_to_be_told = troubles.hear(which, error, now);
        self.show(&troubles);
        is_to_be_told
    }

    /// A loop's round succeeded.
    pub fn is_over(&self, which: &str) {
        let mut troubles = self.troubles();
        if troubles.by_loop.remove(which).is_some() {
            self.show(&troubles);
        }
    }

    /// Other loops begin.
    pub fn begin(&self) {
        self.troubles().by_loop.clear();
    }

    /// Tells operators by all their channels, at once and without waiting for an answer. `monotonic` is when it was heard.
    pub fn tell(self: &Arc<Self>, playbook: &Arc<Playbook>, ways: &Ways, why: &str, now: Instant, monotonic: Duration) {
        let (own, playbook, ways, why) = (self.clone(), playbook.clone(), ways.clone(), why.to_owned());
        self.telling.spawn(async move {
            if !tell_operators(&playbook, &ways, &why, now).await {
                own.troubles().quiet_until = Some(monotonic + INTERVAL_UNHEARD);
            }
        });
    }

    /// Waits for messages on their way, at most so long.
    pub async fn drain(&self, longest: Duration) {
        self.telling.close();
        // What is still on its way then is lost with the process.
        let _ = tokio::time::timeout(longest, self.telling.wait()).await;
    }

    fn show(&self, troubles: &Troubles) {
        let trouble = troubles.by_loop.values().next().map(|(_, trouble)| trouble.clone());
        self.in_force.send_if_modified(|in_force| match in_force {
            Some(in_force) if in_force.trouble != trouble => {
                in_force.trouble = trouble;
                true
            }
            _ => false,
        });
    }

    fn troubles(&self) -> MutexGuard<'_, Troubles> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Troubles {
    fn hear(&mut self, which: &str, error: &StoreError, now: Duration) -> bool {
        let trouble = self.by_loop.entry(which.to_owned()).or_insert_with(|| (now, String::new()));
        trouble.1 = error.to_string();
        let is_told_after = match error {
            StoreError::NotWritable(_) | StoreError::Unconfirmed(_) | StoreError::Unreadable(_) => Duration::ZERO,
            StoreError::Unavailable(_) => PATIENCE,
            StoreError::Newer { .. } | StoreError::OtherPlaybook(_) | StoreError::Refused(_) => return false,
        };
        let is_quiet = self.quiet_until.is_some_and(|until| now < until);
        let is_to_be_told = !is_quiet && trouble.0 + is_told_after <= now;
        if is_to_be_told {
            self.quiet_until = Some(now + INTERVAL);
        }
        is_to_be_told
    }
}

/// Whether anybody was told, or may have been.
async fn tell_operators(playbook: &Playbook, ways: &Ways, why: &str, now: Instant) -> bool {
    let subject = format!("emergency:{}", now.timestamp());
    let body = words(playbook.language, why);
    let mut joinable = Joinable::new(Vec::new());
    let planned = plan_system(NoticeKind::System, &subject, &body, &playbook.office, &mut joinable, None, now);
    let mut is_told = false;
    for planned in planned {
        let (Some(id), notice) = (planned.notice.delivery, planned.notice) else { continue };
        let to = format!("{} by {}", notice.contact, notice.channel);
        match send(playbook, ways, id, &notice, now).await {
            Outcome::Accepted { .. } => {
                tracing::warn!("the emergency was told to {to}");
                is_told = true;
            }
            Outcome::Unknowable { reason, .. } => {
                tracing::warn!("the emergency may have been told to {to}: {reason}");
                is_told = true;
            }
            Outcome::Temporary { reason, .. } | Outcome::Permanent { reason, .. } => {
                tracing::error!("the emergency was not told to {to}: {reason}");
            }
        }
    }
    is_told
}

async fn send(playbook: &Playbook, ways: &Ways, id: DeliveryId, notice: &Notice, now: Instant) -> Outcome {
    let (way, address) = if notice.rehearsal {
        (Some(&ways.rehearsal.way), Some(&ways.rehearsal.address))
    } else {
        (ways.channels.get(&notice.channel), None)
    };
    let Some(Way { channel, .. }) = way else {
        let reason = "the configuration has no such channel".to_owned();
        return Outcome::Permanent { reason, bad_address: false };
    };
    let mut message = message(playbook, id, notice, channel.medium(), now);
    if let Some(address) = address {
        message.to_address.clone_from(address);
    }
    channel.send(&message).await
}

/// The message of a notice that is about no card: nothing needs to be looked up.
fn message(playbook: &Playbook, id: DeliveryId, notice: &Notice, medium: Medium, now: Instant) -> Message {
    let contact = playbook.office.directory.get(&notice.contact);
    let address = contact.and_then(|contact| contact.address(medium)).unwrap_or_default().to_owned();
    let name = contact.map_or_else(|| notice.contact.to_string(), |contact| contact.name.clone());
    let to = Receiver { contact: notice.contact.to_string(), name, address };
    let desk = Desk {
        matters: &HashMap::new(),
        said: &HashMap::new(),
        rules: &|rule, window| playbook.rule_words(rule, window),
        calendars: &playbook.clockwork.calendars,
        yellow: &playbook.clockwork.yellow,
        directory: &playbook.office.directory,
        language: playbook.language,
        acknowledgements: &[],
        rests: &|_, _, _| None,
        secret: None,
    };
    let mut facts = compose(to, std::slice::from_ref(notice), desk, now);
    facts.signature = (!playbook.signature.is_empty()).then(|| playbook.signature.clone());
    facts.rehearsal_for = notice.rehearsal.then(|| facts.to.name.clone());
    let (rendered, _) = playbook.templates.render(&facts, playbook.language, medium);
    Message {
        id,
        to_name: facts.to.name.clone(),
        to_address: facts.to.address.clone(),
        date: now,
        subject: rendered.subject,
        text: rendered.text,
        html: rendered.html,
        thread: Vec::new(),
        facts: Json::of(&facts),
    }
}

fn words(language: Language, why: &str) -> Body {
    let title = language.pick("督办的库不可用，通知已停止", "duban's store does not work, and nobody is told");
    let stands_still = language.pick(
        "恢复之前不会产生新的红黄牌，也不会发出通知；页面仍显示此前的内容。",
        "Until it works again no card is raised and nobody is told. The page of open cards shows what was known before.",
    );
    let goes_on = language.pick(
        "恢复之后督办自动继续，期间到期的会补发。本消息每小时最多一封，不记入库。",
        "Then duban goes on by itself and tells what fell due. This message comes once an hour at most and is not stored.",
    );
    Body { title: title.to_owned(), lines: [why, stands_still, goes_on].map(str::to_owned).to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn full() -> StoreError {
        StoreError::NotWritable("database or disk is full".to_owned())
    }

    fn away() -> StoreError {
        StoreError::Unavailable("connection refused".to_owned())
    }

    #[test]
    fn a_store_that_cannot_be_written_is_told_at_once_and_then_once_an_hour() {
        let mut troubles = Troubles::default();
        assert!(troubles.hear("courier", &full(), MINUTE));
        for minutes in 1..=60 {
            assert!(!troubles.hear("courier", &full(), MINUTE * minutes), "{minutes}");
            assert!(!troubles.hear("poll:tickets", &full(), MINUTE * minutes), "{minutes}");
        }
        assert!(troubles.hear("poll:tickets", &full(), MINUTE * 61));
        assert!(!troubles.hear("courier", &full(), MINUTE * 61));
    }

    #[test]
    fn a_store_that_comes_and_goes_is_still_told_once_an_hour() {
        let mut troubles = Troubles::default();
        assert!(troubles.hear("courier", &full(), MINUTE));
        troubles.by_loop.clear();
        assert!(!troubles.hear("courier", &full(), MINUTE * 2));
        assert!(troubles.hear("courier", &full(), MINUTE * 62));
    }

    #[test]
    fn a_store_that_is_away_is_told_when_one_loop_has_missed_it_for_five_minutes() {
        let mut troubles = Troubles::default();
        assert!(!troubles.hear("courier", &away(), MINUTE));
        assert!(!troubles.hear("recheck", &away(), MINUTE * 5));
        troubles.by_loop.remove("courier");
        assert!(!troubles.hear("courier", &away(), MINUTE * 6), "it was there in between");
        assert!(troubles.hear("recheck", &away(), MINUTE * 10));
    }

    #[test]
    fn a_defect_is_no_emergency_of_the_store() {
        let mut troubles = Troubles::default();
        assert!(!troubles.hear("recheck", &StoreError::Refused("it contradicts".to_owned()), MINUTE));
        assert!(!troubles.hear("recheck", &StoreError::OtherPlaybook(None), MINUTE * 100));
    }
}
