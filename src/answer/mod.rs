//! **Answers**: what comes back from outside: somebody signs by a link or a reply, a peer says what became of a message.
//!
//! ```text
//! signing    a card as it stands for who wants to sign, and the writing down
//! reply      a short message that came back: who sent it, and whether it signs
//! receipts   asking peers what became of what they took
//! intake     rows that a system brings by itself
//! ```
//!
//! **Invariant:** nothing here sends. An answer that nobody can place changes nothing and is told to operators.

pub mod form;
pub mod intake;
pub mod receipts;
pub mod reply;
pub mod signing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

use self::reply::ReplyFields;
use crate::tell::link::LinkKey;
use crate::wire::SharedChannel;

/// What runs now of all that takes answers.
#[derive(Debug, Default)]
pub struct Answering {
    /// The key of links; without it no message holds one.
    pub links: Option<Arc<LinkKey>>,
    /// The channels whose peers may call, by name.
    pub hooks: BTreeMap<Arc<str>, Hook>,
    /// Tells the courier.
    pub news: Arc<News>,
}

/// A channel whose peer may call.
pub struct Hook {
    /// The channel.
    pub channel: SharedChannel,
    /// Where a reply's sender and text stand, if replies come.
    pub replies: Option<ReplyFields>,
    key: SecretString,
}

impl Hook {
    /// A channel that is called under a key.
    pub fn new(channel: SharedChannel, key: SecretString, replies: Option<ReplyFields>) -> Self {
        Self { channel, replies, key }
    }

    /// Whether a caller knows the key. What is compared are digests, so the time that it takes says nothing of the key.
    pub fn opens_with(&self, key: &str) -> bool {
        Sha256::digest(key) == Sha256::digest(self.key.expose_secret())
    }
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hook").field("replies", &self.replies).finish_non_exhaustive()
    }
}

/// News for the courier from where it does not look by itself.
#[derive(Debug, Default)]
pub struct News {
    bad: AtomicBool,
    nudge: Arc<Notify>,
}

impl News {
    /// News that wakes whoever waits for `nudge`.
    pub fn waking(nudge: Arc<Notify>) -> Self {
        Self { bad: AtomicBool::new(false), nudge }
    }

    /// Something was planned.
    pub fn planned(&self) {
        self.nudge.notify_one();
    }

    /// A delivery ended badly that had counted as sent.
    pub fn ended_badly(&self) {
        self.bad.store(true, Ordering::SeqCst);
        self.nudge.notify_one();
    }

    /// Whether one did since this was last asked.
    pub fn take_bad(&self) -> bool {
        self.bad.swap(false, Ordering::SeqCst)
    }
}
