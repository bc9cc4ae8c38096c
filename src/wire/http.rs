//! The way to an HTTP server, the same for every channel that takes it: trust, timeouts, the address guard, the proxy.
//!
//! **Invariant:** redirects are not followed; no environment variable names a proxy; no connection stands before the
//! guard has judged where it goes; no error holds the URL.

use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Client, Proxy, Request, Url, redirect, retry};

use super::ChannelError;
use super::address::{Networks, Resolver};
use super::trust::Trust;
use crate::core::Instant;
use crate::core::clock_doubt::PeerTime;
use crate::time::{Clock as _, SystemClock};

pub use self::answer::Answer;

mod answer;

/// How a channel reaches its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Whom it believes.
    pub trust: Trust,
    /// The longest that one request may take, in seconds.
    pub timeout: u64,
    /// How many requests are open at once, 1 to 100.
    pub connections: usize,
    /// Whether an idle connection is used again: only where a repeat does no harm. The server may close it in the very
    /// moment of a request, and nobody knows whether that was heard.
    pub keep_alive: bool,
    /// The networks beyond the public ones that requests may go to.
    pub allow_networks: Networks,
    /// `http://host:port` of the proxy that requests go through. The guard then judges the proxy's address; names are
    /// resolved by the proxy.
    pub proxy: Option<String>,
}

/// A client that speaks to one server.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client,
    server: String,
    /// The server's URL; only host and port of it count.
    url: Url,
    timeout: Duration,
    connections: usize,
    /// What the server's clock showed last. It is compared with the machine's own, whatever clock the rest runs on.
    heard: Arc<Mutex<Option<PeerTime>>>,
}

/// A request without an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Silence {
    /// What went wrong, after `host:port: `. It can hold what a peer said.
    pub reason: String,
    /// Whether the request has certainly not left.
    pub before_request: bool,
}

impl HttpClient {
    /// A client for the server of `url`; nothing is connected before the first request. `url` is the key under which
    /// the server's address stands.
    pub fn new(reach: &Reach, key: &'static str, url: &Url) -> Result<Self, ChannelError> {
        reach.allow_networks.judge_literal(key, url)?;
        let timeout = Duration::from_secs(reach.timeout.max(1));
        let connections = reach.connections.clamp(1, 100);
        let builder = Client::builder()
            .tls_backend_preconfigured(reach.trust.client_config()?)
            .user_agent(concat!("duban/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            // It would keep a second copy of every request, for refusals that only HTTP/2 knows.
            .retry(retry::never().max_retries_per_request(0))
            .no_proxy()
            .dns_resolver(Resolver(reach.allow_networks.clone()))
            .pool_max_idle_per_host(if reach.keep_alive { connections } else { 0 })
            .pool_idle_timeout(Duration::from_secs(15))
            // Shorter than the whole, so that a connection that never stood is told from an answer that never came.
            .connect_timeout(timeout.mul_f64(0.7).min(Duration::from_secs(10)))
            .timeout(timeout);
        let builder = match &reach.proxy {
            Some(proxy) => builder.proxy(parse_proxy(proxy, &reach.allow_networks)?),
            None => builder,
        };
        let client =
            builder.build().map_err(|error| ChannelError::new(key, "an HTTP client", chain(&error.without_url())))?;
        Ok(Self { client, server: server(url), url: url.clone(), timeout, connections, heard: Arc::default() })
    }

    /// `host:port` of the server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The longest that one exchange takes.
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How many requests it is meant to have open at once.
    pub const fn connections(&self) -> usize {
        self.connections
    }

    /// Sends a request and reads the answer. The channel has filled only path, query, headers and body: a request to
    /// another server than the client's own is not made.
    pub async fn exchange(&self, mut request: Request) -> Result<Answer, Silence> {
        if place(request.url()) != place(&self.url) {
            let reason = format!("{}: the request would go elsewhere", self.server);
            return Err(Silence { reason, before_request: true });
        }
        *request.timeout_mut() = Some(self.timeout);
        match self.client.execute(request).await {
            Ok(response) => {
                self.hear(answer::date(response.headers()));
                Ok(Answer::read(response).await)
            }
            Err(error) => Err(self.silence(error)),
        }
    }

    /// What the server's clock showed in its last answer, and our own then.
    pub fn peer_time(&self) -> Option<PeerTime> {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, date: Option<Instant>) {
        if let Some(theirs) = date {
            let time = PeerTime { theirs, ours: SystemClock::start().now() };
            *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(time);
        }
    }

    fn silence(&self, error: reqwest::Error) -> Silence {
        // No connection, or no request that could be made.
        let before_request = error.is_connect() || error.is_builder();
        Silence { reason: format!("{}: {}", self.server, chain(&error.without_url())), before_request }
    }
}

/// `host:port`.
fn server(url: &Url) -> String {
    let (host, port) = place(url);
    port.map_or(host.to_owned(), |port| format!("{host}:{port}"))
}

fn place(url: &Url) -> (&str, Option<u16>) {
    (url.host_str().unwrap_or_default(), url.port_or_known_default())
}

fn parse_proxy(text: &str, networks: &Networks) -> Result<Proxy, ChannelError> {
    let wrong = || {
        let shown = super::line::one_line(text.rsplit('@').next().unwrap_or_default(), 80);
        ChannelError::new("proxy", "http://host:port, without a login", format!("{shown:?}"))
    };
    let url = Url::parse(text).map_err(|_| wrong())?;
    let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    if url.scheme() != "http" || !is_bare || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong());
    }
    networks.judge_literal("proxy", &url)?;
    Proxy::all(url).map_err(|_| wrong())
}

/// An error and its causes: reqwest's own text leaves the causes out.
fn chain(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_host_and_a_port_that_requests_may_go_to() {
        let allowed: Networks = "10.0.0.0/8".parse().expect("network");
        for proxy in ["http://proxy.example:3128", "http://10.1.2.3:3128/", "http://proxy.example"] {
            parse_proxy(proxy, &allowed).expect(proxy);
        }
        for proxy in [
            "",
            "proxy.example:3128",
            "https://proxy.example:3128",
            "socks5://proxy.example:1080",
            "http://user:word@proxy.example:3128",
            "http://proxy.example:3128/path",
            "http://proxy.example:3128/?q",
            "http://192.168.0.1:3128",
            "http://169.254.169.254:3128",
        ] {
            let error = parse_proxy(proxy, &allowed).expect_err(proxy).to_string();
            assert!(error.starts_with("proxy: ") && !error.contains("word@"), "{error}");
        }
    }
}
