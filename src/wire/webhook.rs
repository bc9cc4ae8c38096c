//! Messages over HTTP: to a short message gateway, a messenger's robot, any system that takes a request.
//!
//! ```text
//! request   the request, from templates whose values cannot leave their places
//! answer    what the server's answer means for the delivery
//! address   which addresses a request may go to
//! ```
//!
//! **Invariant:** the host is constant from the start; redirects are not followed; at most 64 KiB of an answer are
//! read; no reason holds the URL or a secret; the delivery's id goes along as `Idempotency-Key`.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, redirect};
use secrecy::SecretString;
use serde::Deserialize;
use tokio::sync::Semaphore;

pub use self::answer::AnswerTest;
use self::answer::{Answer, Expectation};
use self::request::{Blank, Request};
use super::line::one_line;
use super::redaction::Redaction;
use super::trust::Trust;
use super::{Channel, ChannelError, Message, seen_from, yes};
use crate::core::contact::Medium;
use crate::core::delivery::Outcome;

mod address;
mod answer;
mod request;
mod template;

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
    client: Client,
    medium: Medium,
    timeout: Duration,
    connections: usize,
    repeatable: bool,
    turns: Semaphore,
    redaction: Redaction,
}

impl Webhook {
    /// The channel; templates see `secrets` as `secret.NAME`. Nothing is connected before the first message.
    pub fn new(config: &WebhookConfig, secrets: BTreeMap<String, SecretString>) -> Result<Self, ChannelError> {
        let redaction = Redaction::of(secrets.values());
        let timeout = Duration::from_secs(config.timeout.max(1));
        let connections = config.connections.clamp(1, 100);
        Ok(Self {
            blank: Blank::new(config, secrets)?,
            expectation: Expectation::new(config)?,
            client: client(config, timeout)?,
            medium: config.medium,
            timeout,
            connections,
            repeatable: config.idempotent,
            turns: Semaphore::new(connections),
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
        let answer = match self.exchange(request).await {
            Ok(answer) => answer,
            Err(error) => return self.without_answer(error),
        };
        self.note(lines, || answer.lines());
        self.expectation.judge(&self.blank.server(), &answer, |text| self.clean(text, 300))
    }

    async fn exchange(&self, request: Request) -> Result<Answer, reqwest::Error> {
        let response = self.client.execute(request.into_http(self.timeout)).await?;
        Ok(Answer::read(response).await)
    }

    /// What it means that there is no answer: the message has left once the connection stood.
    fn without_answer(&self, error: reqwest::Error) -> Outcome {
        // No connection, or no request that could be made.
        let before_request = error.is_connect() || error.is_builder();
        let reason = format!("{}: {}", self.blank.server(), self.clean(&chain(&error.without_url()), 600));
        self.expectation.broken_off(reason, before_request)
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
        self.connections
    }

    fn repeatable(&self) -> bool {
        self.repeatable
    }

    fn longest(&self) -> Duration {
        self.timeout
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

fn client(config: &WebhookConfig, timeout: Duration) -> Result<Client, ChannelError> {
    let trust = Trust { ca_file: config.ca_file.clone(), system_roots: config.system_roots, pin: config.pin.clone() };
    Client::builder()
        .tls_backend_preconfigured(trust.client_config()?)
        .user_agent(concat!("duban/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .dns_resolver(address::Resolver)
        // A kept connection may be closed by the server in the very moment of a request. Whether that was heard nobody
        // knows, which matters where a repeat would be a second message.
        .pool_max_idle_per_host(if config.idempotent { config.connections } else { 0 })
        .pool_idle_timeout(Duration::from_secs(15))
        // Shorter than the whole, so that a connection that never stood is told from an answer that never came.
        .connect_timeout(timeout.mul_f64(0.7).min(Duration::from_secs(10)))
        .timeout(timeout)
        .build()
        .map_err(|error| ChannelError::new("url", "an HTTP client", chain(&error.without_url())))
}

/// An error and its causes: reqwest's own text leaves the causes out.
fn chain(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
