//! The way to a source's server: trust, timeouts, the address guard, and what its answers mean.
//!
//! **Invariant:** no redirect leads to another server; no environment variable names a proxy; no answer larger than its
//! limit is held; no error holds a URL with its values.

use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::DateTime;
use encoding_rs::{Encoding, GB18030, UTF_8};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Request, StatusCode, Url, redirect};

use super::config::{HttpConfig, Tls};
use crate::reach::KeyError;
use crate::reach::address::Resolver;
use crate::reach::trust::Trust;
use crate::source::PollError;
use crate::source::csv::Encoding as Declared;
use crate::source::json::{Document, hint};
use crate::source::table::cut;
use crate::time::Clock;

/// Redirects on the same server.
const MOST_REDIRECTS: usize = 5;

/// How long a server is left alone that limits requests without saying for how long.
const A_MINUTE: Duration = Duration::from_mins(1);

/// The longest that a server is left alone, whatever it asks for.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// A client for one source's server.
pub(super) struct Wire {
    client: Client,
    timeout: Duration,
    max_bytes: usize,
    encoding: Declared,
    clock: Arc<dyn Clock>,
    /// Until when the server is not asked, in the clock's monotonic time.
    alone_until: Mutex<Option<Duration>>,
}

/// An answer that is no refusal.
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

/// What an answer with a status other than success means.
#[derive(Debug)]
pub(super) enum Fault {
    /// The login is not, or no longer, good (401).
    Unknown(String),
    /// There is no such thing (404, 410).
    Gone(String),
    /// Anything else.
    Void(PollError),
}

impl Wire {
    pub fn new(config: &HttpConfig, clock: Arc<dyn Clock>) -> Result<Self, KeyError> {
        let trust =
            Trust { ca_file: config.ca_file.clone(), system_roots: config.system_roots, pin: config.pin.clone() };
        let tls = match config.tls {
            Tls::EncryptOnly if config.pin.is_none() => Trust::anybody()?,
            Tls::Verify | Tls::EncryptOnly => trust.client_config()?,
        };
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("duban/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::custom(on_the_same_server))
            .no_proxy()
            .dns_resolver(Resolver(config.allow_networks.clone()))
            .pool_idle_timeout(Duration::from_secs(15))
            .connect_timeout(config.timeout.min(Duration::from_secs(10)))
            .timeout(config.timeout)
            .build()
            .map_err(|error| KeyError::new("url", "an HTTP client", chain(&error.without_url())))?;
        let (timeout, max_bytes, encoding) = (config.timeout, config.max_bytes, config.encoding);
        Ok(Self { client, timeout, max_bytes, encoding, clock, alone_until: Mutex::default() })
    }

    /// Time that never steps back.
    pub fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    /// An error while the server wants to be left alone.
    pub fn look(&self, place: &str) -> Result<(), PollError> {
        let until = *self.alone_until.lock().unwrap_or_else(PoisonError::into_inner);
        match until.and_then(|until| until.checked_sub(self.monotonic())) {
            Some(left) if !left.is_zero() => Err(busy(place, left)),
            _ => Ok(()),
        }
    }

    /// A request being built.
    pub fn request(&self, method: reqwest::Method, url: Url) -> reqwest::RequestBuilder {
        self.client.request(method, url)
    }

    /// Asks, and waits as long as the server wants if that is before `deadline`.
    pub async fn ask(&self, request: &Request, place: &str, deadline: Duration) -> Result<Answer, Fault> {
        loop {
            let again =
                request.try_clone().ok_or_else(|| Fault::Void(unreadable(place, "the request has no bytes")))?;
            let answer = self.once(again, place).await.map_err(Fault::Void)?;
            let is_limit = matches!(answer.status.as_u16(), 429 | 503);
            let wait = retry_after(&answer.headers).filter(|_| is_limit);
            let wait = wait.or_else(|| (answer.status.as_u16() == 429).then_some(A_MINUTE));
            let Some(wait) = wait else { return judge(answer, place) };
            let wait = wait.clamp(Duration::from_secs(1), LONGEST_WAIT);
            if self.monotonic() + wait >= deadline {
                let until = self.monotonic() + wait;
                *self.alone_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
                return Err(Fault::Void(busy(place, wait)));
            }
            tracing::info!(place, wait_s = wait.as_secs(), "the server limits how often it is asked");
            self.clock.sleep(wait).await;
        }
    }

    async fn once(&self, request: Request, place: &str) -> Result<Answer, PollError> {
        let mut response = self.client.execute(request).await.map_err(|e| self.silent(e, place))?;
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() > self.max_bytes => {
                    let problem =
                        format!("expected an answer of at most {} bytes (max_bytes), got more", self.max_bytes);
                    return Err(PollError::TooLarge { place: place.to_owned(), problem });
                }
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(e) if e.is_timeout() => return Err(self.silent(e, place)),
                Err(e) => {
                    let why = chain(&e.without_url());
                    return Err(unreadable(place, &format!("the answer broke off after {} bytes: {why}", bytes.len())));
                }
            }
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let text = decoded(&headers, &bytes, self.encoding);
        let text = match text {
            Ok(text) => text,
            Err(_) if !status.is_success() => String::from_utf8_lossy(&bytes).into_owned(),
            Err(expected) => {
                let got = "bytes that are none; name the encoding (encoding = \"gb18030\")".to_owned();
                return Err(PollError::Encoding { place: place.to_owned(), expected, got });
            }
        };
        Ok(Answer { status, headers, text })
    }

    fn silent(&self, error: reqwest::Error, place: &str) -> PollError {
        if error.is_timeout() {
            return PollError::Timeout { place: place.to_owned(), limit_s: self.timeout.as_secs() };
        }
        unreadable(place, &chain(&error.without_url()))
    }
}

impl Answer {
    /// The answer as JSON.
    pub fn json(&self, place: &str) -> Result<Document, PollError> {
        let structure = |problem: String| PollError::Structure { place: place.to_owned(), problem };
        let text = self.text.trim_start();
        if text.starts_with('<') {
            return Err(structure(format!(
                "expected JSON, got {}: the login may have expired, or the address is another's",
                page(text)
            )));
        }
        Document::parse(text).map_err(|e| {
            if text.is_empty() {
                structure("expected JSON, got an empty answer".to_owned())
            } else if e.is_eof() {
                structure(format!("the answer ends in the middle, after {} bytes", self.text.len()))
            } else {
                structure(format!("expected JSON, got {}: {e}", cut(text)))
            }
        })
    }
}

impl Fault {
    /// The fault as the reason why the poll is void.
    pub fn into_error(self, place: &str) -> PollError {
        match self {
            Self::Unknown(problem) => PollError::Login { place: place.to_owned(), problem },
            Self::Gone(problem) => PollError::Refused { place: place.to_owned(), problem },
            Self::Void(error) => error,
        }
    }
}

fn judge(answer: Answer, place: &str) -> Result<Answer, Fault> {
    let status = answer.status;
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        return Ok(answer);
    }
    let problem = format!("the server answered {status}{}", said(&answer.text));
    Err(match status.as_u16() {
        401 => Fault::Unknown(problem),
        403 => Fault::Void(PollError::Login { place: place.to_owned(), problem }),
        404 | 410 => Fault::Gone(problem),
        _ => Fault::Void(PollError::Refused { place: place.to_owned(), problem }),
    })
}

/// What an answer says beside its status.
fn said(text: &str) -> String {
    let text = text.trim();
    match serde_json::from_str(text) {
        _ if text.is_empty() => String::new(),
        Ok(json) => format!("; {}", hint(&json)),
        Err(_) if text.starts_with('<') => format!(" with {}", page(text)),
        Err(_) => format!(": {}", cut(text)),
    }
}

/// A page for people, by its title.
fn page(text: &str) -> String {
    // Lower case in ASCII keeps every place.
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|at| {
        let end = lower[at..].find("</title>")? + at;
        Some(cut(text[at + "<title>".len()..end].trim()))
    });
    title.map_or_else(|| "a page or XML".to_owned(), |title| format!("a page with the title {title}"))
}

fn on_the_same_server(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let first = attempt.previous().first().map(Url::origin);
    if first.as_ref() != Some(&attempt.url().origin()) {
        let host = attempt.url().host_str().unwrap_or_default().escape_debug().to_string();
        return attempt.error(format!("a redirect to another server, {host}, which is not followed"));
    }
    if attempt.previous().len() > MOST_REDIRECTS {
        return attempt.error(format!("more than {MOST_REDIRECTS} redirects"));
    }
    attempt.follow()
}

/// The text in the charset that the server names, else in the declared one; the error is the name of that.
fn decoded(headers: &HeaderMap, bytes: &[u8], declared: Declared) -> Result<String, &'static str> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.to_ascii_lowercase();
    let label = kind.split_once("charset=").and_then(|(_, rest)| rest.split(';').next());
    let named = label.and_then(|label| Encoding::for_label(label.trim_matches(['"', ' ']).as_bytes()));
    let encoding = named.unwrap_or(match declared {
        Declared::Utf8 => UTF_8,
        Declared::Gb18030 => GB18030,
    });
    let (text, encoding, broken) = encoding.decode(bytes);
    if broken { Err(encoding.name()) } else { Ok(text.into_owned()) }
}

/// Seconds, or a date seen from the answer's own `Date`: our clock need not be the server's.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let wanted = text(RETRY_AFTER)?;
    if let Ok(seconds) = wanted.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let (then, now) = (DateTime::parse_from_rfc2822(wanted).ok()?, DateTime::parse_from_rfc2822(text(DATE)?).ok()?);
    Some((then - now).to_std().unwrap_or_default())
}

fn busy(place: &str, wait: Duration) -> PollError {
    PollError::Busy { place: place.to_owned(), wait_s: wait.as_secs().max(1) }
}

pub(super) fn unreadable(place: &str, problem: &str) -> PollError {
    PollError::Unreadable { place: place.to_owned(), problem: problem.to_owned() }
}

/// An error and its causes: reqwest's own text leaves the causes out.
fn chain(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
