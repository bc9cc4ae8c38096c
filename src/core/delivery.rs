//! **Delivery**: one message to one address. Its states, what a try can end in, and what follows from that.
//!
//! ```text
//! scheduled ─ due ─▶ available ─ claim ─▶ sending ─ settle ─▶ sent | unknown | discarded
//!     │                  │                   │  ▲
//!     └──── cancelled ◀──┘        retryable ◀┘  └─ claim when due again, or when a lease has run out
//! ```
//!
//! **Invariant:** `sent`, `unknown` and `discarded` are ends; only a person (`duban deliveries retry`) leaves them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Instant;
use super::digest::Digest;

/// The identity of a delivery: the mail's `Message-ID` and the webhook's idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(pub Digest);

impl DeliveryId {
    /// The identity of the delivery that a notice opens.
    pub fn new(contact: &str, channel: &str, opened_by: Digest) -> Self {
        Self(Digest::of([contact.as_bytes(), channel.as_bytes(), opened_by.to_string().as_bytes()]))
    }

    /// The identity that stands in when this one is used up: the notice that opened it dropped out, the others went out,
    /// and now the same notice opens a delivery again.
    #[must_use]
    pub fn successor(self) -> Self {
        Self(Digest::of([self.to_string().as_bytes()]))
    }
}

impl std::fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for DeliveryId {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Waits for its instant (quiet hours, a group wait).
    Scheduled,
    /// Can be claimed.
    Available,
    /// Claimed, under a lease.
    Sending,
    /// The peer took it.
    Sent,
    /// Failed for now; will be tried again at its instant.
    Retryable,
    /// Nobody can know whether the peer took it, and sending it again could say it twice.
    Unknown,
    /// Refused for good, or tried for too long: a dead letter.
    Discarded,
    /// Nothing was left to say before the first claim.
    Cancelled,
}

impl DeliveryState {
    /// All states, in the order of a delivery's life.
    pub const ALL: [Self; 8] = [
        Self::Scheduled,
        Self::Available,
        Self::Sending,
        Self::Sent,
        Self::Retryable,
        Self::Unknown,
        Self::Discarded,
        Self::Cancelled,
    ];

    /// The identifier in SQL, JSON and CSV.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Available => "available",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Retryable => "retryable",
            Self::Unknown => "unknown",
            Self::Discarded => "discarded",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it came to an end, good or bad; else it can be claimed at some time.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Sent | Self::Unknown | Self::Discarded | Self::Cancelled)
    }

    /// The state that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// What one try to send ended in, as the channel saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// The peer took it.
    Accepted {
        /// What the peer calls it, if it said so.
        remote_id: Option<String>,
        /// The peer's answer, cut.
        answer: String,
    },
    /// Not taken, and a later try may succeed.
    Temporary {
        /// What was expected and what was got.
        reason: String,
        /// The earliest next try that the peer asked for.
        retry_after: Option<Duration>,
    },
    /// Not taken, and no try will succeed.
    Permanent {
        /// What was expected and what was got.
        reason: String,
        /// Whether the address itself was refused.
        bad_address: bool,
    },
    /// The peer may or may not have taken it.
    Unknowable {
        /// What broke off.
        reason: String,
        /// Whether the peer recognises a repeat by the delivery's id, or a repeat does no harm.
        repeatable: bool,
    },
}

/// What a peer says later about a message that it took: taken is not delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What the peer calls the message: the `remote_id` of its answer.
    pub remote_id: String,
    /// Whether it reached the receiver's device.
    pub delivered: bool,
    /// The peer's word for it, such as `DELIVRD` or `MK:0000`.
    pub reason: String,
}

/// What a try leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The delivery's next state: `sent`, `retryable`, `unknown` or `discarded`.
    pub state: DeliveryState,
    /// When to try again, for `retryable`.
    pub not_before: Option<Instant>,
    /// Why, for people.
    pub reason: String,
}

/// How a channel tries again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryPolicy {
    /// Waits before the second, third … try, in seconds; the last one repeats.
    pub waits: Vec<u64>,
    /// After how many tries a delivery becomes a dead letter.
    pub tries: u32,
    /// The longest wait that a peer's `Retry-After` can ask for, in seconds.
    pub longest_retry_after: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { waits: vec![30, 120, 600, 1_800, 3_600], tries: 20, longest_retry_after: 3_600 }
    }
}

impl RetryPolicy {
    /// What follows from the outcome of try number `tries`. `jitter` is between 0 and 1 and shortens a wait by up to a
    /// fifth, so that what failed together is not tried again together.
    pub fn settle(&self, outcome: &Outcome, tries: u32, jitter: f64, now: Instant) -> Settlement {
        let end = |state, reason: &str| Settlement { state, not_before: None, reason: reason.to_owned() };
        let again = |reason: &str, after: Option<Duration>| {
            if tries >= self.tries {
                return end(DeliveryState::Discarded, &format!("{reason} (given up after {tries} tries)"));
            }
            let wait = self.wait(tries, jitter, after);
            Settlement { state: DeliveryState::Retryable, not_before: Some(now + wait), reason: reason.to_owned() }
        };
        match outcome {
            Outcome::Accepted { answer, .. } => end(DeliveryState::Sent, answer),
            Outcome::Temporary { reason, retry_after } => again(reason, *retry_after),
            Outcome::Permanent { reason, .. } => end(DeliveryState::Discarded, reason),
            Outcome::Unknowable { reason, repeatable: true } => again(reason, None),
            Outcome::Unknowable { reason, repeatable: false } => end(DeliveryState::Unknown, reason),
        }
    }

    fn wait(&self, tries: u32, jitter: f64, asked: Option<Duration>) -> Duration {
        let index = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
        let wait = self.waits.get(index).or(self.waits.last()).copied().unwrap_or(60);
        let own = Duration::from_secs(wait).mul_f64(1.0 - 0.2 * jitter.clamp(0.0, 1.0));
        let asked = asked.unwrap_or_default().min(Duration::from_secs(self.longest_retry_after));
        own.max(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        "2026-03-02T02:00:00Z".parse().expect("instant")
    }

    #[test]
    fn each_outcome_leads_to_its_state() {
        let policy = RetryPolicy::default();
        let temporary = Outcome::Temporary { reason: "451".into(), retry_after: None };
        let unknowable = |repeatable| Outcome::Unknowable { reason: "cut".into(), repeatable };
        let cases = [
            (Outcome::Accepted { remote_id: None, answer: "250".into() }, 1, DeliveryState::Sent, None),
            (temporary.clone(), 1, DeliveryState::Retryable, Some(30)),
            (temporary.clone(), 2, DeliveryState::Retryable, Some(120)),
            (temporary.clone(), 19, DeliveryState::Retryable, Some(3_600)),
            (temporary, 20, DeliveryState::Discarded, None),
            (Outcome::Permanent { reason: "550".into(), bad_address: true }, 1, DeliveryState::Discarded, None),
            (unknowable(true), 1, DeliveryState::Retryable, Some(30)),
            (unknowable(false), 1, DeliveryState::Unknown, None),
        ];
        for (outcome, tries, state, wait) in cases {
            let settled = policy.settle(&outcome, tries, 0.0, now());
            assert_eq!(settled.state, state, "{outcome:?}");
            assert_eq!(settled.not_before.map(|at| (at - now()).num_seconds()), wait, "{outcome:?}");
        }
    }

    #[test]
    fn a_peer_may_ask_for_a_longer_wait_but_not_for_ever() {
        let policy = RetryPolicy::default();
        let wait = |asked| {
            let outcome = Outcome::Temporary { reason: String::new(), retry_after: Some(Duration::from_secs(asked)) };
            policy.settle(&outcome, 1, 0.0, now()).not_before.map(|at| (at - now()).num_seconds())
        };
        assert_eq!(wait(300), Some(300));
        assert_eq!(wait(1), Some(30));
        assert_eq!(wait(999_999_999), Some(3_600));
    }

    #[test]
    fn jitter_only_shortens() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.wait(1, 1.0, None), Duration::from_secs(24));
        assert_eq!(policy.wait(1, 7.0, None), Duration::from_secs(24));
    }
}
