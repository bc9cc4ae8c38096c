//! Messages over HTTP: to a short message gateway, a messenger's robot, any system that takes a request.
//!
//! ```text
//! config    every key
//! request   the request, from templates whose values cannot leave their places
//! standard  its signature after Standard Webhooks
//! answer    what the server's answer means for the delivery
//! receipt   what became of a message later
//! ```
//!
//! **Invariant:** the host is constant from the start; no reason holds the URL or a secret; the delivery's id goes
//! along as `Idempotency-Key`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::sync::Semaphore;

use self::answer::Expectation;
pub use self::answer::{AnswerTest, Locator};
pub use self::charset::Charset;
pub use self::config::{Body, CallbackConfig, Method, ReceiptConfig, WebhookConfig};
use self::receipt::Receipts;
use self::request::{Blank, OF_MESSAGE, Subject};
use self::standard::Signer;
use super::http::{HttpClient, Silence};
use super::line::one_line;
use super::redaction::Redaction;
use super::{Channel, ChannelError, Message};
use crate::core::Instant;
use crate::core::clock_doubt::PeerTime;
use crate::core::contact::Medium;
use crate::core::delivery::{Outcome, Receipt};
use crate::time::Clock;

mod answer;
mod charset;
mod config;
mod filters;
mod receipt;
mod request;
mod standard;
pub(super) mod template;
mod xml;

/// A channel that makes one HTTP request a message.
pub struct Webhook {
    blank: Blank,
    expectation: Expectation,
    client: HttpClient,
    receipts: Option<Receipts>,
    medium: Medium,
    repeatable: bool,
    clock: Arc<dyn Clock>,
    turns: Semaphore,
    redaction: Redaction,
}

impl Webhook {
    /// The channel; templates see `secrets` as `secret.NAME`. Nothing is connected before the first message. `clock`
    /// tells the real time: servers compare a signature's time with their own.
    pub fn new(
        config: &WebhookConfig,
        secrets: BTreeMap<String, SecretString>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ChannelError> {
        let redaction = Redaction::of(secrets.values());
        if config.standard_webhooks && config.method == Method::Get {
            return Err(ChannelError::new("method", "POST with standard_webhooks", "GET"));
        }
        let signer = config.standard_webhooks.then(|| Signer::new(&secrets)).transpose()?;
        let receipts = config.receipt.as_ref().map(|receipt| Receipts::new(config, receipt, secrets.clone()));
        let receipts = receipts.transpose()?;
        let blank = Blank::new(config.parts(), config.medium, OF_MESSAGE, secrets, signer)?;
        let client = HttpClient::new(&config.reach(), "url", blank.origin())?;
        Ok(Self {
            blank,
            expectation: Expectation::new(config)?,
            receipts,
            medium: config.medium,
            repeatable: config.is_idempotent(),
            turns: Semaphore::new(client.connections()),
            client,
            redaction,
            clock,
        })
    }

    async fn deliver(&self, message: &Message, lines: &mut Option<Vec<String>>) -> Outcome {
        let request = match self.blank.fill(Subject::Message(message), self.clock.now()) {
            Ok(request) => request,
            Err(reason) => return Outcome::Temporary { reason: self.clean(&reason, 600), retry_after: None },
        };
        self.note(lines, || request.lines());
        let _turn = self.turns.acquire().await;
        let answer = match self.client.exchange(request.into_http()).await {
            Ok(answer) => answer,
            Err(silence) => return self.without_answer(&silence),
        };
        self.note(lines, || answer.lines());
        self.expectation.judge(self.client.server(), &answer, |text| self.clean(text, 300))
    }

    /// What it means that there is no answer: the message has left once the connection stood.
    fn without_answer(&self, silence: &Silence) -> Outcome {
        self.expectation.broken_off(self.clean(&silence.reason, 600), silence.before_request)
    }

    fn clean(&self, text: &str, longest: usize) -> String {
        one_line(&self.redaction.apply(text), longest)
    }

    fn note(&self, lines: &mut Option<Vec<String>>, said: impl Fn() -> Vec<String>) {
        if let Some(lines) = lines {
            lines.extend(said().iter().map(|line| self.clean(line, 2_000)));
        }
    }
}

#[async_trait]
impl Channel for Webhook {
    fn medium(&self) -> Medium {
        self.medium
    }

    fn at_once(&self) -> usize {
        self.client.connections()
    }

    fn repeatable(&self) -> bool {
        self.repeatable
    }

    fn longest(&self) -> Duration {
        self.client.timeout()
    }

    fn peer_time(&self) -> Option<PeerTime> {
        self.client.peer_time()
    }

    fn gives_receipts(&self) -> bool {
        self.receipts.as_ref().is_some_and(|receipts| receipts.question.is_some())
    }

    async fn receipt(&self, remote_id: &str, address: &str, taken_at: Instant) -> Result<Option<Receipt>, String> {
        let Some(question) = self.receipts.as_ref().and_then(|receipts| receipts.question.as_ref()) else {
            return Ok(None);
        };
        let _turn = self.turns.acquire().await;
        let receipt = question.ask(remote_id, address, taken_at, self.clock.now()).await;
        let shown = |receipt: Receipt| Receipt { reason: self.clean(&receipt.reason, 100), ..receipt };
        receipt.map(|receipt| receipt.map(shown)).map_err(|reason| self.clean(&reason, 600))
    }

    fn read_receipts(&self, body: &[u8]) -> Result<Vec<Receipt>, String> {
        match self.receipts.as_ref().and_then(|receipts| receipts.callback.as_ref()) {
            Some(callback) => callback.read(body).map_err(|reason| self.clean(&reason, 600)),
            None => Err("this channel takes no receipts".to_owned()),
        }
    }

    async fn send(&self, message: &Message) -> Outcome {
        self.deliver(message, &mut None).await
    }

    async fn trace(&self, message: &Message) -> (Vec<String>, Outcome) {
        let mut lines = Some(Vec::new());
        let outcome = self.deliver(message, &mut lines).await;
        (lines.unwrap_or_default(), outcome)
    }
}
