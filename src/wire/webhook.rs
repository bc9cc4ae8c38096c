//! Messages over HTTP: to a short message gateway, a messenger's robot, any system that takes a request.
//!
//! ```text
//! request   the request, from templates whose values cannot leave their places
//! answer    what the server's answer means for the delivery
//! ```
//!
//! **Invariant:** the host is constant from the start; no reason holds the URL or a secret; the delivery's id goes
//! along as `Idempotency-Key`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::Deserialize;
use tokio::sync::Semaphore;

pub use self::answer::AnswerTest;
use self::answer::Expectation;
use self::request::Blank;
use super::address::Networks;
use super::http::{HttpClient, Reach, Silence};
use super::line::one_line;
use super::redaction::Redaction;
use super::trust::Trust;
use super::{Channel, ChannelError, Message, seen_from, yes};
use crate::core::clock_doubt::PeerTime;
use crate::core::contact::Medium;
use crate::core::delivery::Outcome;

mod answer;
mod request;
pub(super) mod template;

/// `[channels.NAME.webhook]`.
///
/// Templates know `id`, `to_name`, `to_address`, `date`, `subject`, `text`, `html`, `medium`, `facts` and
/// `secret.NAME`, and beside the usual filters `b64encode`. In a JSON template a value brings its own quotes: `{"to": {{ to_address }}, "text": {{ "【督办】" ~ text }}}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Where to; a template from the path on, whose values are percent-encoded.
    pub url: String,
    /// GET or POST.
    #[serde(default)]
    pub method: Method,
    /// The kind of body that a POST carries.
    #[serde(default)]
    pub body: Body,
    /// The body's template (JSON or text); without one the whole message goes as JSON.
    pub template: Option<String>,
    /// Fields to add to the query, each a template.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Fields of a form, each a template.
    #[serde(default)]
    pub form: BTreeMap<String, String>,
    /// Headers, each a template.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// What kind of address the server takes, and so the form of the words.
    pub medium: Medium,
    /// The longest that one request may take, in seconds.
    #[serde(default = "thirty")]
    pub timeout: u64,
    /// Whether the server recognises a repeat by its `Idempotency-Key`, or a repeat does no harm.
    #[serde(default)]
    pub idempotent: bool,
    /// What an answer must be like for the message to count as taken; by default any 2xx.
    #[serde(default)]
    pub success: AnswerTest,
    /// Answers after which no try will succeed.
    pub permanent: Option<AnswerTest>,
    /// Answers that refuse the address itself.
    pub bad_address: Option<AnswerTest>,
    /// JSON path of what the server calls the message.
    pub remote_id: Option<String>,
    /// How many requests are open at once.
    #[serde(default = "four")]
    pub connections: usize,
    /// PEM file with the authorities that sign the server's certificate.
    pub ca_file: Option<PathBuf>,
    /// Whether the system's authorities are believed too.
    #[serde(default = "yes")]
    pub system_roots: bool,
    /// `sha256:` and the hex of the server's certificate: this one is believed and no other.
    pub pin: Option<String>,
    /// Networks beyond the public ones that requests may go to.
    #[serde(default)]
    pub allow_networks: Networks,
    /// The proxy that requests go through: `http://host:port`.
    pub proxy: Option<String>,
}

const fn thirty() -> u64 {
    30
}

const fn four() -> usize {
    4
}

impl WebhookConfig {
    /// Takes the files that it names from `folder`.
    pub fn seen_from(&mut self, folder: &Path) {
        self.ca_file.iter_mut().for_each(|path| seen_from(folder, path));
    }

    fn reach(&self) -> Reach {
        let (system_roots, pin) = (self.system_roots, self.pin.clone());
        Reach {
            trust: Trust { ca_file: self.ca_file.clone(), system_roots, pin },
            timeout: self.timeout,
            connections: self.connections,
            keep_alive: self.idempotent,
            allow_networks: self.allow_networks.clone(),
            proxy: self.proxy.clone(),
        }
    }
}

/// The request's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Without a body.
    Get,
    /// With a body.
    #[default]
    Post,
}

/// The kind of body that a POST carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// `application/json`.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `text/plain`.
    Text,
}

/// A channel that makes one HTTP request a message.
pub struct Webhook {
    blank: Blank,
    expectation: Expectation,
    client: HttpClient,
    medium: Medium,
    repeatable: bool,
    turns: Semaphore,
    redaction: Redaction,
}

impl Webhook {
    /// The channel; templates see `secrets` as `secret.NAME`. Nothing is connected before the first message.
    pub fn new(config: &WebhookConfig, secrets: BTreeMap<String, SecretString>) -> Result<Self, ChannelError> {
        let redaction = Redaction::of(secrets.values());
        let blank = Blank::new(config, secrets)?;
        let client = HttpClient::new(&config.reach(), "url", blank.origin())?;
        Ok(Self {
            blank,
            expectation: Expectation::new(config)?,
            medium: config.medium,
            repeatable: config.idempotent,
            turns: Semaphore::new(client.connections()),
            client,
            redaction,
        })
    }

    async fn deliver(&self, message: &Message, lines: &mut Option<Vec<String>>) -> Outcome {
        let request = match self.blank.fill(message) {
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

    async fn send(&self, message: &Message) -> Outcome {
        self.deliver(message, &mut None).await
    }

    async fn trace(&self, message: &Message) -> (Vec<String>, Outcome) {
        let mut lines = Some(Vec::new());
        let outcome = self.deliver(message, &mut lines).await;
        (lines.unwrap_or_default(), outcome)
    }
}
