//! `[channels.NAME.webhook]`: every key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::answer::{AnswerTest, Locator};
use super::charset::Charset;
use crate::core::contact::Medium;
use crate::wire::address::Networks;
use crate::wire::http::Reach;
use crate::wire::trust::Trust;
use crate::wire::{seen_from, yes};

/// `[channels.NAME.webhook]`.
///
/// Templates know `id`, `to_name`, `to_address`, `date`, `subject`, `text`, `html`, `medium`, `facts`, `sent_at` (this
/// try, in Unix seconds) and `secret.NAME`; those of headers also `body` and `body_sha256`. In a JSON template a value
/// brings its own quotes: `{"to": {{ to_address }}, "text": {{ "【督办】" ~ text }}}`; in an XML template it is escaped.
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
    /// The charset of query and body.
    #[serde(default)]
    pub charset: Charset,
    /// The body's template (JSON, XML or text); without one the whole message goes as JSON.
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
    /// Whether requests are signed after Standard Webhooks, under the secrets `webhook` and, while keys change,
    /// `webhook_old`; without a template the body is `{type, timestamp, data}`.
    #[serde(default)]
    pub standard_webhooks: bool,
    /// What kind of address the server takes, and so the form of the words.
    pub medium: Medium,
    /// The longest that one request may take, in seconds.
    #[serde(default = "thirty")]
    pub timeout: u64,
    /// Whether the server recognises a repeat by its `Idempotency-Key` or `webhook-id`, or a repeat does no harm; by
    /// default so with `standard_webhooks`.
    pub idempotent: Option<bool>,
    /// What an answer must be like for the message to count as taken; by default any 2xx.
    #[serde(default)]
    pub success: AnswerTest,
    /// Answers after which no try will succeed.
    pub permanent: Option<AnswerTest>,
    /// Answers that refuse the address itself.
    pub bad_address: Option<AnswerTest>,
    /// Where the answer holds what the server calls the message.
    pub remote_id: Option<Locator>,
    /// How it is learned what became of a message.
    pub receipt: Option<ReceiptConfig>,
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

/// `[channels.NAME.webhook.receipt]`: a question with its answers, or what the server's own calls look like, or both.
///
/// Templates know `remote_id`, `to_address`, `taken_at` and `sent_at` (both in Unix seconds) and `secret.NAME`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptConfig {
    /// Where to ask.
    pub url: Option<String>,
    /// GET or POST.
    #[serde(default)]
    pub method: Method,
    /// The kind of body that a POST carries.
    #[serde(default)]
    pub body: Body,
    /// The body's template.
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
    /// Answers that say that the message reached its receiver.
    pub delivered: Option<AnswerTest>,
    /// Answers that say that it will not.
    pub failed: Option<AnswerTest>,
    /// Where the answer holds the server's word for it.
    pub state: Option<Locator>,
    /// What the server's own calls look like.
    pub callback: Option<CallbackConfig>,
}

/// A call's body, in JSON or as a form (whose fields then stand in one object).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackConfig {
    /// JSON path of the receipts; without one the whole body is one, or a list of them.
    pub list: Option<String>,
    /// JSON path inside a receipt of what the server calls the message.
    pub remote_id: String,
    /// JSON path inside a receipt of the server's word for its state.
    pub state: String,
    /// Words for a message that reached its receiver.
    pub delivered: Vec<String>,
    /// Words for one that will not; without them every other word means that.
    pub failed: Option<Vec<String>>,
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

    /// Whether a repeat does no harm.
    pub fn is_idempotent(&self) -> bool {
        self.idempotent.unwrap_or(self.standard_webhooks)
    }

    pub(super) fn reach(&self) -> Reach {
        let (system_roots, pin) = (self.system_roots, self.pin.clone());
        Reach {
            trust: Trust { ca_file: self.ca_file.clone(), system_roots, pin },
            timeout: self.timeout,
            connections: self.connections,
            keep_alive: self.is_idempotent(),
            allow_networks: self.allow_networks.clone(),
            proxy: self.proxy.clone(),
        }
    }

    pub(super) fn parts(&self) -> Parts<'_> {
        Parts {
            url: &self.url,
            method: self.method,
            body: self.body,
            charset: self.charset,
            template: self.template.as_deref(),
            fields: [&self.query, &self.form, &self.headers],
        }
    }
}

impl ReceiptConfig {
    /// The question, if it has one.
    pub(super) fn parts(&self, charset: Charset) -> Option<Parts<'_>> {
        Some(Parts {
            url: self.url.as_deref()?,
            method: self.method,
            body: self.body,
            charset,
            template: self.template.as_deref(),
            fields: [&self.query, &self.form, &self.headers],
        })
    }
}

/// What a request is made of.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) url: &'a str,
    pub(super) method: Method,
    pub(super) body: Body,
    pub(super) charset: Charset,
    pub(super) template: Option<&'a str>,
    /// Those of the query, of the form, and the headers.
    pub(super) fields: [&'a BTreeMap<String, String>; 3],
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
    /// `text/xml`.
    Xml,
}

impl Body {
    pub(super) fn content_type(self, charset: Charset) -> String {
        let kind = match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
            Self::Text => "text/plain",
            Self::Xml => "text/xml",
        };
        match (self, charset) {
            // The only charset that these have, as far as their standards go.
            (Self::Json | Self::Form, Charset::Utf8) => kind.to_owned(),
            _ => format!("{kind}; charset={}", charset.name()),
        }
    }
}
