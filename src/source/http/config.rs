//! `[source.NAME.http]`: every key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::super::csv::Encoding;
use super::super::terms::timeout;
use crate::reach::address::House;
use crate::secret::SecretRef;

/// `[source.NAME.http]`.
///
/// Templates know `secret.NAME`, `since` (if the source is asked for changes), and of the page that is asked for `page`,
/// `offset`, `cursor` and `size`; that of `detail.url` also `id`. In a URL and a form values are percent-encoded, in a JSON body a value
/// brings its own quotes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Where to ask; a template from the path on.
    pub url: String,
    /// GET or POST.
    #[serde(default)]
    pub method: Method,
    /// Fields to add to the query, each a template.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Headers, each a template.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body of a POST, a template.
    pub body: Option<String>,
    /// What the body is.
    #[serde(default = "json")]
    pub content_type: String,
    /// JSONPath of the list of rows.
    #[serde(default = "root")]
    pub rows: String,
    /// What an answer says that is no refusal.
    pub ok: Option<OkConfig>,
    /// JSONPath of how many rows there are in all, which must be true.
    pub total: Option<String>,
    /// Pages by number.
    pub page: Option<PageConfig>,
    /// Pages by how many rows are passed over.
    pub offset: Option<OffsetConfig>,
    /// Pages by a word that each answer gives for the next.
    pub cursor: Option<CursorConfig>,
    /// JSONPath of the next page's address.
    pub next: Option<String>,
    /// Whether the next page's address stands in the header `Link`.
    #[serde(default)]
    pub link: bool,
    /// The most pages of one poll.
    #[serde(default = "a_thousand")]
    pub max_pages: u32,
    /// How duban says who it is.
    pub login: Option<LoginConfig>,
    /// Secrets by name.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretRef>,
    /// What is asked for each row, where the list lacks something.
    pub detail: Option<DetailConfig>,
    /// How `since` is written: as chrono does, or `unix`, `unix_ms`.
    #[serde(default = "rfc3339")]
    pub since_format: String,
    /// Columns that no row needs to have.
    #[serde(default)]
    pub optional: Vec<String>,
    /// How long one answer may take.
    #[serde(default = "half_a_minute", deserialize_with = "timeout")]
    pub timeout: Duration,
    /// How long a poll may take with all its pages.
    #[serde(default = "five_minutes", deserialize_with = "timeout")]
    pub poll_timeout: Duration,
    /// The most bytes of one answer.
    #[serde(default = "sixty_four_mebibytes")]
    pub max_bytes: usize,
    /// How answers are encoded that do not say it.
    #[serde(default)]
    pub encoding: Encoding,
    /// Whether the server must prove who it is.
    #[serde(default)]
    pub tls: Tls,
    /// PEM file with the authorities that sign the server's certificate.
    pub ca_file: Option<PathBuf>,
    /// Whether the system's authorities are believed too.
    #[serde(default = "yes")]
    pub system_roots: bool,
    /// `sha256:` and the hex of the server's certificate or key: this one is believed and no other.
    pub pin: Option<String>,
    /// Link-local networks and metadata addresses that requests may go to all the same.
    #[serde(default)]
    pub allow_networks: House,
}

/// The request's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Without a body.
    #[default]
    Get,
    /// With a body.
    Post,
}

/// Whether the server must prove who it is. Without encryption there is only `http://`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// By a certificate of a known authority for its name, or by the pinned one.
    #[default]
    Verify,
    /// It need not.
    EncryptOnly,
}

/// `ok = { path = "$.code", is = ["0"] }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OkConfig {
    /// JSONPath of the answer's own status.
    pub path: String,
    /// The texts that mean success.
    pub is: Vec<String>,
}

/// `page = { param = "page", size_param = "size", size = 100, first = 1 }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageConfig {
    /// The query's field with the number; without one a template says `{{ page }}`.
    pub param: Option<String>,
    /// The query's field with the size.
    pub size_param: Option<String>,
    /// How many rows are asked for at once.
    pub size: Option<u64>,
    /// The number of the first page.
    #[serde(default = "one")]
    pub first: u64,
}

/// `offset = { param = "offset", size_param = "limit", size = 100 }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OffsetConfig {
    /// The query's field with the number of rows that are passed over; without one a template says `{{ offset }}`.
    pub param: Option<String>,
    /// The query's field with the size.
    pub size_param: Option<String>,
    /// How many rows are asked for at once.
    pub size: Option<u64>,
    /// What the first row counts as.
    #[serde(default)]
    pub first: u64,
}

/// `cursor = { path = "$.next", param = "cursor" }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CursorConfig {
    /// JSONPath of the next page's word; nothing, `null` or an empty text is the end.
    pub path: String,
    /// The query's field with the word; without one a template says `{{ cursor }}`.
    pub param: Option<String>,
}

/// `detail = { url = "https://…/{{ id }}", path = "$.data" }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetailConfig {
    /// Where to ask, on the same server; a template.
    pub url: String,
    /// JSONPath of the object whose keys are laid over the row's.
    #[serde(default = "root")]
    pub path: String,
    /// The column that the row must lack, if not every row is asked about.
    pub lacks: Option<String>,
}

/// How duban says who it is; each value is a template that knows `secret.NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum LoginConfig {
    /// `Authorization: Bearer …`
    Bearer(String),
    /// `Authorization: Basic …`
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// A header of one's own.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// OAuth 2 with client credentials (RFC 6749, 4.4).
    Oauth2(Oauth2Config),
}

/// `login = { oauth2 = { token_url = "…", client_id = "…", client_secret = "…" } }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oauth2Config {
    /// Where tokens come from.
    pub token_url: String,
    /// Who we are there.
    pub client_id: String,
    /// What proves it.
    pub client_secret: String,
    /// What is asked for.
    pub scope: Option<String>,
    /// Whether id and secret stand in the form (`true`) or in `Authorization: Basic`.
    #[serde(default)]
    pub in_body: bool,
    /// Further fields of the form, each a template.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
}

impl HttpConfig {
    /// Takes the files that it names from `folder`.
    pub fn seen_from(&mut self, folder: &Path) {
        if let Some(path) = &mut self.ca_file {
            *path = folder.join(&*path);
        }
    }

    /// Whether what is said can be read on the way.
    pub fn is_plain(&self) -> bool {
        let urls = [Some(&self.url), self.token_url(), self.detail.as_ref().map(|detail| &detail.url)];
        urls.into_iter().flatten().any(|url| url.trim_start().to_ascii_lowercase().starts_with("http:"))
    }

    /// Whether the server may be anybody.
    pub fn trusts_anybody(&self) -> bool {
        self.tls == Tls::EncryptOnly && self.pin.is_none()
    }

    pub(super) fn token_url(&self) -> Option<&String> {
        match &self.login {
            Some(LoginConfig::Oauth2(oauth2)) => Some(&oauth2.token_url),
            _ => None,
        }
    }
}

fn json() -> String {
    "application/json".to_owned()
}

fn root() -> String {
    "$".to_owned()
}

fn rfc3339() -> String {
    "%Y-%m-%dT%H:%M:%S%:z".to_owned()
}

const fn yes() -> bool {
    true
}

const fn one() -> u64 {
    1
}

const fn a_thousand() -> u32 {
    1000
}

const fn half_a_minute() -> Duration {
    Duration::from_secs(30)
}

const fn five_minutes() -> Duration {
    Duration::from_mins(5)
}

const fn sixty_four_mebibytes() -> usize {
    64 << 20
}
