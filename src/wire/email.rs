//! Mail over SMTP.
//!
//! ```text
//! mime      a message's bytes, built anew for every try
//! opening   TCP, TLS or STARTTLS, EHLO, AUTH: a session
//! session   MAIL, RCPT, DATA over one connection, many times
//! idle      sessions that wait for the next mail
//! verdict   what an answer or a break means for the delivery
//! ```
//!
//! **Invariant:** one envelope for each receiver; nothing is said in plain text once TLS is configured; the password
//! leaves only inside AUTH; every try of a delivery carries the same `Message-ID`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lettre::Address;
use secrecy::SecretString;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::idle::Idle;
use self::mime::Sender;
use self::opening::Server;
use self::session::{Session, Try};
use self::verdict::Failure;
use super::{Channel, ChannelError, Message, seen_from, yes};
use crate::core::contact::Medium;
use crate::core::delivery::Outcome;

mod idle;
pub mod mime;
mod opening;
mod session;
mod stream;
mod verdict;

/// `[channels.NAME.smtp]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// The server's name or address.
    pub host: String,
    /// The port; by default 587 for STARTTLS, 465 for TLS, 25 for none.
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub security: Security,
    /// The user to log in as; nobody logs in without one.
    pub user: Option<String>,
    /// How to log in; by default PLAIN if the server offers it, else LOGIN.
    pub auth: Option<Mechanism>,
    /// Whether the password may cross the network in the clear (`security = "none"`).
    #[serde(default)]
    pub allow_plaintext_auth: bool,
    /// The sender that readers see: `督办 <duban@example.gov.cn>`.
    pub from: String,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// The sender of the envelope, to which servers send bounces; by default the address of `from`.
    pub envelope_from: Option<String>,
    /// The right side of message ids; by default the domain of `from`.
    pub message_id_domain: Option<String>,
    /// The name said in EHLO; by default the domain of message ids.
    pub hello: Option<String>,
    /// PEM file with the authorities that sign the server's certificate.
    pub ca_file: Option<PathBuf>,
    /// Whether the system's authorities are believed too.
    #[serde(default = "yes")]
    pub system_roots: bool,
    /// The name that the server's certificate carries, where it is not `host`.
    pub server_name: Option<String>,
    /// `sha256:` and the hex of the server's certificate: this one is believed and no other.
    pub pin: Option<String>,
    /// The longest that one mail may take, in seconds.
    #[serde(default = "thirty")]
    pub timeout: u64,
    /// How many connections are open at once.
    #[serde(default = "four")]
    pub connections: usize,
    /// After how many mails a connection is closed.
    #[serde(default = "a_hundred")]
    pub mails_per_connection: u32,
    /// After how many idle seconds a connection is closed.
    #[serde(default = "thirty")]
    pub idle: u64,
}

const fn thirty() -> u64 {
    30
}

const fn four() -> usize {
    4
}

const fn a_hundred() -> u32 {
    100
}

impl SmtpConfig {
    /// Takes the files that it names from `folder`.
    pub fn seen_from(&mut self, folder: &Path) {
        self.ca_file.iter_mut().for_each(|path| seen_from(folder, path));
    }
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// Plain at first; a server that does not offer STARTTLS gets no mail.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// Not at all.
    None,
}

/// How to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// Obsolete, and all that some servers know.
    Login,
}

/// A channel that hands mails to one server.
pub struct Smtp {
    server: Server,
    sender: Sender,
    envelope_from: Address,
    timeout: Duration,
    mails_per_connection: u32,
    connections: usize,
    turns: Arc<Semaphore>,
    idle: Arc<Idle>,
}

impl Smtp {
    /// The channel; nothing is connected before the first mail.
    pub fn new(config: &SmtpConfig, password: Option<SecretString>) -> Result<Self, ChannelError> {
        let sender = Sender::new(&config.from, config.reply_to.as_deref(), config.message_id_domain.as_deref())?;
        let envelope_from = match &config.envelope_from {
            Some(text) => mime::mailbox("envelope_from", text)?.email,
            None => sender.address().clone(),
        };
        let connections = config.connections.clamp(1, 100);
        Ok(Self {
            server: Server::new(config, password, sender.domain())?,
            sender,
            envelope_from,
            timeout: Duration::from_secs(config.timeout.max(1)),
            mails_per_connection: config.mails_per_connection.max(1),
            connections,
            turns: Arc::new(Semaphore::new(connections)),
            idle: Arc::new(Idle::new(Duration::from_secs(config.idle.max(1)))),
        })
    }

    /// Sends under the timeout, which a wait for a free connection is not part of.
    async fn deliver(&self, message: &Message, attempt: &mut Try) -> Outcome {
        let to = match mime::receiver(message) {
            Ok(to) => to,
            Err(reason) => return Outcome::Permanent { reason, bad_address: true },
        };
        let bytes = match self.sender.bytes(message, &to) {
            Ok(bytes) => bytes,
            Err(reason) => return Outcome::Permanent { reason, bad_address: false },
        };
        // The semaphore is never closed, so there is always a turn.
        let turn = self.turns.clone().acquire_owned().await.ok();
        let answer = match tokio::time::timeout(self.timeout, self.transact(&to.email, &bytes, attempt)).await {
            Ok(Ok((session, answer))) => {
                self.release(session, answer.is_ok(), turn);
                answer
            }
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(Failure::broken(attempt.stage, format!("no answer within {} s", self.timeout.as_secs()))),
        };
        verdict::outcome(&self.server, answer, attempt)
    }

    /// Keeps a session for the next mail, or ends it. No outcome waits for that, but the session's turn does.
    fn release(&self, mut session: Session, accepted: bool, turn: Option<OwnedSemaphorePermit>) {
        let used_up = session.used() >= self.mails_per_connection;
        if accepted && !used_up {
            return self.idle.put(session);
        }
        let idle = self.idle.clone();
        tokio::spawn(async move {
            // After a refusal the connection is as good as before, if the server agrees.
            if used_up || !session.reset().await {
                session.quit().await;
            } else {
                idle.put(session);
            }
            drop(turn);
        });
    }

    /// On an idle session if there is one; a server may have closed that meanwhile, then on a new one.
    async fn transact(
        &self,
        to: &Address,
        bytes: &[u8],
        attempt: &mut Try,
    ) -> Result<(Session, Result<String, Failure>), Failure> {
        if let Some(mut session) = self.idle.take() {
            let answer = session.send(&self.envelope_from, to, bytes, attempt).await;
            match answer {
                Err(failure) if failure.is_stale_session() => {
                    attempt.note("* that connection was closed; opening another");
                }
                Err(failure) if failure.is_break() => return Err(failure),
                answer => return Ok((session, answer)),
            }
        }
        let mut session = self.server.open(attempt).await?;
        match session.send(&self.envelope_from, to, bytes, attempt).await {
            Err(failure) if failure.is_break() => Err(failure),
            answer => Ok((session, answer)),
        }
    }
}

#[async_trait]
impl Channel for Smtp {
    fn medium(&self) -> Medium {
        Medium::Mail
    }

    fn at_once(&self) -> usize {
        self.connections
    }

    fn longest(&self) -> Duration {
        self.timeout
    }

    async fn send(&self, message: &Message) -> Outcome {
        self.deliver(message, &mut Try::default()).await
    }

    async fn trace(&self, message: &Message) -> (Vec<String>, Outcome) {
        let mut attempt = Try::traced();
        let outcome = self.deliver(message, &mut attempt).await;
        let lines = attempt.lines.unwrap_or_default();
        (lines.iter().map(|line| self.server.redaction.apply(line)).collect(), outcome)
    }
}
