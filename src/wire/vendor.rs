//! Vendors: servers that fix request, signature and answer themselves. A [`Dialect`] is one vendor's way to speak, as
//! pure functions; [`Vendor`] is the channel that carries it over HTTP.
//!
//! **Invariant:** a status alone never counts as taken, only the vendor's own word in the body does; where that word is
//! missing after the request has left, the outcome is unknown. No reason and no trace holds a URL, a signature or a
//! secret. A signature is made anew for every try.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::http::{Answer, HttpClient, Reach, Silence};
use super::line::one_line;
use super::redaction::Redaction;
use super::{Channel, ChannelError, Message};
use crate::core::Instant;
use crate::core::clock_doubt::PeerTime;
use crate::core::contact::Medium;
use crate::core::delivery::{Outcome, Receipt};
use crate::core::digest::Digest;
use crate::core::rate::Rates;
use crate::time::Clock;

/// How one vendor is spoken to.
pub(super) trait Dialect: Send + Sync {
    /// Whose addresses it takes.
    fn medium(&self) -> Medium;

    /// What the vendor documents.
    fn rates(&self) -> Rates;

    /// Whether a message that arrives twice does no harm.
    fn repeatable(&self) -> bool;

    /// The request that carries a message, or why there can be none.
    fn call(&self, message: &Message, stamp: &Stamp) -> Result<Call, Outcome>;

    /// What the vendor's answer says; `None` if these are not its words.
    fn read(&self, answer: &Value) -> Option<Word>;

    /// Whether it can be asked what became of a message.
    fn gives_receipts(&self) -> bool {
        false
    }

    /// The requests that ask it, one after the other until one is answered.
    fn questions(
        &self,
        _remote_id: &str,
        _address: &str,
        _taken_at: Instant,
        _stamp: &dyn Fn() -> Stamp,
    ) -> Result<Vec<Call>, String> {
        Ok(Vec::new())
    }

    /// What an answer to such a question says.
    fn read_receipt(&self, _answer: &Value, _remote_id: &str) -> Result<Option<Receipt>, String> {
        Ok(None)
    }
}

/// What makes a signature good for one request only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Now.
    pub at: Instant,
    /// 32 hex digits, never twice the same.
    pub nonce: String,
}

/// A request that is ready to go.
pub(super) struct Call {
    pub url: Url,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<String>,
    /// What people see of URL and body; what begins with `* ` is a remark of ours.
    pub shown: Vec<String>,
}

/// What a vendor said: its own code and text, and what they mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub said: String,
    pub meaning: Meaning,
}

/// What a vendor's code means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    Taken(Option<String>),
    /// Not now; after this wait, if the vendor documents one.
    Later(Option<Duration>),
    Never,
    BadAddress,
    /// The vendor itself does not know.
    Unknown,
}

/// A channel to a vendor.
pub struct Vendor {
    dialect: Box<dyn Dialect>,
    client: HttpClient,
    turns: Semaphore,
    redaction: Redaction,
    clock: Arc<dyn Clock>,
    calls: AtomicU64,
}

impl Vendor {
    /// The channel to the server of `url`. `clock` tells the real time: the vendor compares it with its own.
    pub(super) fn new(
        dialect: Box<dyn Dialect>,
        reach: &Reach,
        url: &Url,
        redaction: Redaction,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ChannelError> {
        let client = HttpClient::new(reach, "endpoint", url)?;
        let turns = Semaphore::new(client.connections());
        Ok(Self { dialect, client, turns, redaction, clock, calls: AtomicU64::new(0) })
    }

    async fn deliver(&self, message: &Message, lines: &mut Option<Vec<String>>) -> Outcome {
        let _turn = self.turns.acquire().await;
        let call = match self.dialect.call(message, &self.stamp()) {
            Ok(call) => call,
            Err(outcome) => return outcome,
        };
        self.note(lines, || call.lines());
        let request = match call.into_http() {
            Ok(request) => request,
            Err(reason) => return Outcome::Permanent { reason: self.clean(&reason, 300), bad_address: false },
        };
        match self.client.exchange(request).await {
            Ok(answer) => {
                self.note(lines, || answer.lines());
                self.judge(&answer)
            }
            Err(silence) => self.without_answer(&silence),
        }
    }

    fn judge(&self, answer: &Answer) -> Outcome {
        let word = answer.json().ok().and_then(|json| self.dialect.read(&json));
        let server = self.client.server();
        let Some(Word { said, meaning }) = word else { return self.without_word(answer) };
        let reason = format!("{server}: {}", self.clean(&said, 300));
        match meaning {
            Meaning::Taken(remote_id) => {
                let answer = format!("{} {}", answer.status, self.clean(&answer.body, 300));
                Outcome::Accepted { remote_id: remote_id.map(|id| self.clean(&id, 200)), answer }
            }
            Meaning::Later(wait) => Outcome::Temporary { reason, retry_after: wait.max(answer.retry_after) },
            Meaning::Never => Outcome::Permanent { reason, bad_address: false },
            Meaning::BadAddress => Outcome::Permanent { reason, bad_address: true },
            Meaning::Unknown => Outcome::Unknowable { reason, repeatable: self.dialect.repeatable() },
        }
    }

    /// Something between us and the vendor answered, or the answer is not whole.
    fn without_word(&self, answer: &Answer) -> Outcome {
        let broken = answer.broken.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
        let got = self.clean(&format!("{}{}{broken} {}", answer.status, answer.redirect(), answer.body), 300);
        let reason = format!("{}: expected the vendor's answer in JSON, got {got}", self.client.server());
        match answer.status {
            407 | 408 | 425 | 429 | 503 => Outcome::Temporary { reason, retry_after: answer.retry_after },
            300..=499 => Outcome::Permanent { reason, bad_address: false },
            _ => Outcome::Unknowable { reason, repeatable: self.dialect.repeatable() },
        }
    }

    /// The message has left once the connection stood.
    fn without_answer(&self, silence: &Silence) -> Outcome {
        let reason = self.clean(&silence.reason, 600);
        if silence.before_request {
            return Outcome::Temporary { reason, retry_after: None };
        }
        Outcome::Unknowable { reason, repeatable: self.dialect.repeatable() }
    }

    async fn ask(&self, call: Call) -> Result<Value, String> {
        let _turn = self.turns.acquire().await;
        let answer = self.client.exchange(call.into_http()?).await.map_err(|silence| silence.reason)?;
        answer.json().map_err(|wrong| format!("{}: {wrong}; the status was {}", self.client.server(), answer.status))
    }

    async fn find_receipt(&self, id: &str, address: &str, taken_at: Instant) -> Result<Option<Receipt>, String> {
        for call in self.dialect.questions(id, address, taken_at, &|| self.stamp())? {
            let receipt = self.dialect.read_receipt(&self.ask(call).await?, id)?;
            if let Some(Receipt { remote_id, delivered, reason }) = receipt {
                return Ok(Some(Receipt { remote_id, delivered, reason: self.clean(&reason, 200) }));
            }
        }
        Ok(None)
    }

    fn stamp(&self) -> Stamp {
        let at = self.clock.now();
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        // The random part keeps several instances and a restarted one apart.
        let random = RandomState::new().hash_one(number);
        let parts = [at.to_rfc3339(), number.to_string(), random.to_string()];
        Stamp { at, nonce: Digest::of(parts.iter().map(String::as_bytes)).to_string() }
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
impl Channel for Vendor {
    fn medium(&self) -> Medium {
        self.dialect.medium()
    }

    fn at_once(&self) -> usize {
        self.client.connections()
    }

    fn longest(&self) -> Duration {
        self.client.timeout()
    }

    fn peer_time(&self) -> Option<PeerTime> {
        self.client.peer_time()
    }

    fn repeatable(&self) -> bool {
        self.dialect.repeatable()
    }

    fn rates(&self) -> Rates {
        self.dialect.rates()
    }

    fn gives_receipts(&self) -> bool {
        self.dialect.gives_receipts()
    }

    async fn receipt(
        &self,
        remote_id: &str,
        address: &str,
        taken_at: DateTime<Utc>,
    ) -> Result<Option<Receipt>, String> {
        self.find_receipt(remote_id, address, taken_at).await.map_err(|reason| self.clean(&reason, 300))
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

impl Call {
    fn into_http(self) -> Result<reqwest::Request, String> {
        let mut request = reqwest::Request::new(reqwest::Method::POST, self.url);
        for (name, text) in self.headers {
            let value = HeaderValue::try_from(text).map_err(|_| format!("the header {name} cannot hold its value"))?;
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        *request.body_mut() = self.body.map(reqwest::Body::from);
        Ok(request)
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("> POST {}/…", self.url.origin().ascii_serialization())];
        lines.extend(self.headers.iter().map(|(name, _)| format!("> {name}: …")));
        let said = |text: &String| if text.starts_with("* ") { text.clone() } else { format!("> {text}") };
        lines.extend(self.shown.iter().map(said));
        lines
    }
}

impl Word {
    /// A code with its text.
    pub(super) fn new(code: &str, text: &str, meaning: Meaning) -> Self {
        Self { said: format!("{code} {text}"), meaning }
    }
}

/// `https://host` or `http://host:port` as it stands in the configuration.
pub(super) fn endpoint(text: &str) -> Result<Url, ChannelError> {
    let wrong = || {
        let shown = one_line(text.rsplit('@').next().unwrap_or_default(), 80);
        ChannelError::new("endpoint", "https://host or http://host:port and nothing behind it", format!("{shown:?}"))
    };
    let url = Url::parse(text).map_err(|_| wrong())?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let is_open = url.username().is_empty() && url.password().is_none();
    if matches!(url.scheme(), "http" | "https") && is_bare && is_open { Ok(url) } else { Err(wrong()) }
}

/// `host` as it stands in the header: with the port unless it is the scheme's own.
pub(super) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"))
}

/// The secrets of these names and no others.
pub(super) fn pick<const N: usize>(
    mut secrets: BTreeMap<String, SecretString>,
    names: [&str; N],
) -> Result<[Option<SecretString>; N], ChannelError> {
    let picked = names.map(|name| secrets.remove(name));
    match secrets.keys().next() {
        Some(other) => Err(ChannelError::new("secrets", names.join(" and "), format!("{other:?}"))),
        None => Ok(picked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_and_nothing_else() {
        for text in
            ["https://oapi.dingtalk.com", "https://oapi.dingtalk.com/", "http://10.0.0.5:8080", "http://[::1]:1"]
        {
            endpoint(text).expect(text);
        }
        for text in [
            "",
            "oapi.dingtalk.com",
            "ftp://a.test",
            "https://a.test/robot",
            "https://a.test/?access_token=canary",
            "https://user:canary@a.test",
            "https://a.test/#x",
        ] {
            let error = endpoint(text).expect_err(text).to_string();
            assert!(error.starts_with("endpoint: expected https://host"), "{error}");
        }
        let error = endpoint("https://user:canary@a.test").expect_err("login").to_string();
        assert!(!error.contains("canary"), "{error}");
    }

    #[test]
    fn a_host_carries_its_port_only_if_it_is_not_the_scheme_s_own() {
        for (text, expected) in [
            ("https://a.test", "a.test"),
            ("https://a.test:443", "a.test"),
            ("http://a.test:8080", "a.test:8080"),
            ("http://[::1]:80", "[::1]"),
        ] {
            assert_eq!(host(&endpoint(text).expect(text)), expected);
        }
    }

    #[test]
    fn a_secret_that_the_vendor_does_not_know_is_named() {
        let secrets = BTreeMap::from([("tokn".to_owned(), SecretString::from("canary"))]);
        let error = pick(secrets, ["token", "sign"]).expect_err("misspelt").to_string();
        assert_eq!(error, "secrets: expected token and sign, got \"tokn\"");
    }
}
