//! The wire: one channel each way out of the house. A channel takes a rendered [`Message`] and answers with an
//! [`Outcome`]; it decides nothing else.
//!
//! [`heartbeat`] is no channel: it tells a monitor elsewhere that duban lives.
//!
//! **Invariant:** a channel holds no transaction and no state that a restart would miss; every send has a timeout; no
//! text that a peer or an item gave reaches a header or an envelope unchecked; secrets never reach an outcome's reason.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::core::clock_doubt::PeerTime;
use crate::core::contact::Medium;
use crate::core::delivery::{DeliveryId, Outcome, Receipt};
use crate::core::json::Json;
use crate::core::rate::Rates;

pub use crate::reach::KeyError as ChannelError;
pub use crate::reach::{address, trust};

pub mod email;
pub mod folder;
pub mod heartbeat;
pub mod robot;
pub mod sms;
pub mod webhook;

pub mod http;
pub mod line;
pub mod redaction;
pub mod signature;
pub mod vendor;

/// One message, rendered and ready to go to one address.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Message {
    /// The delivery's id: the same for every try.
    pub id: DeliveryId,
    /// The receiver's name.
    pub to_name: String,
    /// The receiver's address on the channel's medium.
    pub to_address: String,
    /// When the message was sealed: its date, the same for every try.
    pub date: DateTime<Utc>,
    /// The subject line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML, for media that take it.
    pub html: Option<String>,
    /// Deliveries of the same card that went to this receiver before, oldest first.
    pub thread: Vec<DeliveryId>,
    /// The facts behind the words, for templates of webhooks and for machines.
    pub facts: Json,
}

/// A way out of the house.
#[async_trait]
pub trait Channel: Send + Sync {
    /// What kind of address it writes to, and so the form of its words.
    fn medium(&self) -> Medium;

    /// How many messages it sends at once; more wait for their turn.
    fn at_once(&self) -> usize;

    /// The longest that one try takes once it is its turn; a lease on a delivery must be longer.
    fn longest(&self) -> Duration;

    /// Whether a repeat does no harm: the peer knows it by the delivery's id, or the reader does. Where it would, a try
    /// that was cut off by our own end is not made again.
    fn repeatable(&self) -> bool {
        true
    }

    /// The rates that the vendor documents; what the configuration says takes their place.
    fn rates(&self) -> Rates {
        Rates::default()
    }

    /// Whether the peer can be asked later what became of a message.
    fn gives_receipts(&self) -> bool {
        false
    }

    /// Asks the peer what became of a message to `address` that it took under `remote_id` at `taken_at`; `None` while it
    /// does not know.
    async fn receipt(
        &self,
        _remote_id: &str,
        _address: &str,
        _taken_at: DateTime<Utc>,
    ) -> Result<Option<Receipt>, String> {
        Ok(None)
    }

    /// Reads the receipts that the peer brings by itself in the body of a call, or says why it is none of its calls.
    fn read_receipts(&self, _body: &[u8]) -> Result<Vec<Receipt>, String> {
        Err("this channel takes no receipts".to_owned())
    }

    /// What the peer's clock showed in its last answer, and the machine's own then.
    fn peer_time(&self) -> Option<PeerTime> {
        None
    }

    /// Sends one message and waits for the peer's answer, at most [`Channel::longest`].
    async fn send(&self, message: &Message) -> Outcome;

    /// The dialogue of a try with one message, for `duban send-test --trace`: lines of `> said` and `< heard`, without
    /// secrets, beside the outcome.
    async fn trace(&self, message: &Message) -> (Vec<String>, Outcome) {
        (Vec::new(), self.send(message).await)
    }
}

/// A channel that many may use at once.
pub type SharedChannel = Arc<dyn Channel>;

/// `path` as seen from `folder`, where the file that names it lies.
pub(crate) fn seen_from(folder: &std::path::Path, path: &mut std::path::PathBuf) {
    *path = folder.join(&*path);
}

const fn yes() -> bool {
    true
}
