//! The outgoing heartbeat: one call after another to a monitor elsewhere, which raises the alarm when they stop.
//!
//! **Invariant:** the URL, which is as good as a password, reaches no error and no log.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, Request, Url};
use serde::Deserialize;

use super::address::Networks;
use super::http::{HttpClient, Reach};
use super::trust::Trust;
use super::{ChannelError, seen_from, yes};

/// The longest that a call takes, in seconds.
const TIMEOUT: u64 = 10;

/// `[heartbeat]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeartbeatConfig {
    /// What is called; empty: nothing.
    pub url: String,
    /// How often.
    pub every: String,
    /// The networks beyond the public ones that calls may go to.
    pub allow_networks: Networks,
    /// `http://host:port` of the proxy that calls go through.
    pub proxy: Option<String>,
    /// PEM file with the authorities that sign the server's certificate.
    pub ca_file: Option<PathBuf>,
    /// Whether the system's authorities are believed too.
    #[serde(default = "yes")]
    pub system_roots: bool,
}

impl Default for HeartbeatConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            every: "1m".into(),
            allow_networks: Networks::default(),
            proxy: None,
            ca_file: None,
            system_roots: true,
        }
    }
}

impl HeartbeatConfig {
    /// Takes the files that it names from `folder`.
    pub fn seen_from(&mut self, folder: &std::path::Path) {
        self.ca_file.iter_mut().for_each(|path| seen_from(folder, path));
    }
}

/// Who calls.
#[derive(Clone)]
pub struct Heartbeat {
    client: HttpClient,
    url: Url,
}

impl Heartbeat {
    /// One who calls what a configuration names.
    pub fn new(config: &HeartbeatConfig) -> Result<Self, ChannelError> {
        let wrong = || ChannelError::new("url", "a URL with http or https and a host", "another text");
        let url = Url::parse(&config.url).map_err(|_| wrong())?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(wrong());
        }
        let trust = Trust { ca_file: config.ca_file.clone(), system_roots: config.system_roots, pin: None };
        let reach = Reach {
            trust,
            timeout: TIMEOUT,
            connections: 1,
            keep_alive: false,
            allow_networks: config.allow_networks.clone(),
            proxy: config.proxy.clone(),
        };
        Ok(Self { client: HttpClient::new(&reach, "url", &url)?, url })
    }

    /// The longest that a call takes.
    pub const fn longest(&self) -> Duration {
        self.client.timeout()
    }

    /// Calls once; an error says what was expected and what was got.
    pub async fn beat(&self) -> Result<(), String> {
        let request = Request::new(Method::GET, self.url.clone());
        let answer = self.client.exchange(request).await.map_err(|silence| silence.reason)?;
        if (200..300).contains(&answer.status) {
            return Ok(());
        }
        Err(format!("{}: expected status 2xx, got {}{}", self.client.server(), answer.status, answer.redirect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_cannot_be_called_is_refused_without_being_shown() {
        for url in ["hc.example/secret", "ftp://hc.example/secret", "mailto:secret", "http://10.0.0.1/x"] {
            let config = HeartbeatConfig { url: url.into(), ..HeartbeatConfig::default() };
            let error = Heartbeat::new(&config).err().expect(url).to_string();
            assert!(error.starts_with("url: expected ") && !error.contains("secret"), "{error}");
        }
        let config = HeartbeatConfig { url: "https://hc.example/secret".into(), ..HeartbeatConfig::default() };
        Heartbeat::new(&config).expect("a URL");
    }
}
