//! A JSON API as a source: its pages are read one after the other, and all of them or none count.
//!
//! ```text
//! asking   one request, and what its answer holds
//! config   every key of [source.NAME.http]
//! blank    requests with their values left open
//! paging   which page comes next
//! login    how duban says who it is
//! client   the way to the server, and what its answers mean
//! ```
//!
//! **Invariant:** a page that fails voids the poll. Nothing but the configured server is asked, and one that wants to be
//! left alone is.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::format::{Item as Format, StrftimeItems};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use minijinja::Value;
use reqwest::Url;
use reqwest::header::{
    ACCEPT, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use serde_json_path::JsonPath;

use super::json::{Columns, Document};
use super::mapping::Mapping;
use super::packed::Packed;
use super::table::Table as _;
use super::{Fetched, PollError, Source};
use crate::core::Instant;
use crate::time::Clock;

mod asking;
mod blank;
mod client;
pub mod config;
mod login;
mod paging;

use blank::{Blanks, OF_PAGE, Secrets, form, origin};
use client::{Fault, Wire};
use config::{DetailConfig, Method};
use login::Login;
use paging::{Paging, Params, Seen, Sign, path};

pub use config::HttpConfig;

/// How many details are asked for at once.
const DETAILS_AT_ONCE: usize = 4;

/// An API with its mapping.
pub struct HttpSource {
    /// What people know it by: the URL's template without its query.
    place: String,
    origin: Url,
    method: Method,
    query: Vec<String>,
    headers: Vec<HeaderName>,
    body: Option<&'static str>,
    content_type: String,
    rows: JsonPath,
    ok: Option<(JsonPath, Vec<String>)>,
    total: Option<JsonPath>,
    paging: Paging,
    params: Params,
    max_pages: u32,
    poll_timeout: Duration,
    since_format: String,
    detail: Option<Detail>,
    blanks: Blanks,
    login: Option<Login>,
    wire: Wire,
    columns: Columns,
    mapping: Arc<Mapping>,
    kept: Mutex<Option<Kept>>,
}

/// What is asked for each row.
struct Detail {
    origin: Url,
    path: JsonPath,
    lacks: Option<String>,
}

/// What a table is known by, as the headers that ask whether it is still the same.
type Validators = Vec<(HeaderName, HeaderValue)>;

/// The last good table of a list that is one page, and what it is known by.
struct Kept {
    url: Url,
    validators: Validators,
    table: Arc<Packed>,
}

/// One page.
struct Page {
    rows: Vec<Document>,
    sign: Sign,
}

/// What a request came to.
enum Got {
    Page(Box<(Page, Url, HeaderMap)>),
    Unchanged(Arc<Packed>),
}

/// Why a source cannot be asked: the key, what was expected, what was got.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HttpRefused(String);

impl HttpSource {
    /// The API of `config`, whose files are seen from the folder `base`; `secrets` are those that it names.
    pub fn new(
        config: &HttpConfig,
        base: &Path,
        mapping: Arc<Mapping>,
        secrets: Secrets,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HttpRefused> {
        let mut config = config.clone();
        config.seen_from(base);
        Self::build(&config, mapping, secrets, clock).map_err(HttpRefused)
    }

    fn build(
        config: &HttpConfig,
        mapping: Arc<Mapping>,
        secrets: Secrets,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let key = |key: &'static str| move |problem: String| format!("{key}: {problem}");
        let server = origin(&config.url).map_err(key("url"))?;
        let mut blanks = Blanks::new(secrets);
        blanks.add(form::URL, &config.url, &OF_PAGE).map_err(key("url"))?;
        for (name, text) in &config.query {
            blanks.add(&format!("query.{name}"), text, &OF_PAGE).map_err(|e| format!("query.{name}: {e}"))?;
        }
        let mut headers = Vec::new();
        for (name, text) in &config.headers {
            let wrong = |e: String| format!("headers.{name}: {e}");
            blanks.add(&format!("header.{}", name.to_ascii_lowercase()), text, &OF_PAGE).map_err(wrong)?;
            headers.push(HeaderName::try_from(name.as_str()).map_err(|e| wrong(e.to_string()))?);
        }
        let body = body(config, &mut blanks)?;
        let login = config.login.as_ref().map(|login| Login::new(login, &mut blanks)).transpose()?;
        let (paging, params) = Paging::new(config)?;
        let detail =
            config.detail.as_ref().map(|detail| Detail::new(detail, &server, &mut blanks, &mapping)).transpose()?;
        check_since(&config.since_format)?;
        for url in [Some(&config.url), config.token_url()].into_iter().flatten() {
            config.allow_networks.judge_literal("url", &origin(url)?).map_err(|e| e.to_string())?;
        }
        let ok =
            config.ok.as_ref().map(|ok| Ok::<_, String>((path("ok.path", &ok.path)?, ok.is.clone()))).transpose()?;
        Ok(Self {
            place: config.url.split(['?', '#']).next().unwrap_or_default().trim().to_owned(),
            origin: server,
            method: config.method,
            query: config.query.keys().cloned().collect(),
            headers,
            body,
            content_type: config.content_type.clone(),
            rows: path("rows", &config.rows)?,
            ok,
            total: config.total.as_deref().map(|total| path("total", total)).transpose()?,
            paging,
            params,
            max_pages: config.max_pages.max(1),
            poll_timeout: config.poll_timeout,
            since_format: config.since_format.clone(),
            detail,
            blanks,
            login,
            wire: Wire::new(config, clock).map_err(|e| e.to_string())?,
            columns: Columns::new(&mapping, &config.optional)?,
            mapping,
            kept: Mutex::default(),
        })
    }

    /// Reads the list, page by page.
    async fn read(&self, since: Option<Instant>, deadline: Duration) -> Result<Arc<Packed>, PollError> {
        let mut table = Packed::new(self.place.clone(), []);
        let (mut at, mut seen, mut first_total) = (self.paging.first(), Seen::default(), None);
        for number in 1..=self.max_pages {
            let place = if number == 1 { self.place.clone() } else { format!("{}, page {number}", self.place) };
            let structure = |problem: String| PollError::Structure { place: place.clone(), problem };
            let (page, url, headers) = match self.page(&at, since, &place, deadline).await? {
                Got::Unchanged(table) => return Ok(table),
                Got::Page(page) => *page,
            };
            seen.note(&page.rows, &page.sign).map_err(structure)?;
            let (rows, sign) = (page.rows.len() as u64, page.sign);
            self.add(&mut table, page.rows, &place, deadline).await?;
            let so_far = table.rows() as u64;
            first_total = first_total.or(sign.total);
            let Some(next) = self.paging.next(&at, &url, &sign, rows, so_far).map_err(structure)? else {
                check_total(first_total, sign.total, so_far).map_err(structure)?;
                self.columns.complete(&mut table);
                return Ok(self.keep(table, url, &headers));
            };
            at = next;
        }
        let problem = format!("expected at most {} pages (max_pages), and there are more", self.max_pages);
        Err(PollError::TooLarge { place: self.place.clone(), problem })
    }

    /// Adds the rows of a page, with their details.
    async fn add(
        &self,
        table: &mut Packed,
        rows: Vec<Document>,
        place: &str,
        deadline: Duration,
    ) -> Result<(), PollError> {
        let rows = self.detailed(rows, deadline).await?;
        for (row, flaw) in rows {
            let added = self.columns.add(table, &row, flaw.as_deref());
            added.map_err(|problem| PollError::TooLarge { place: place.to_owned(), problem })?;
        }
        Ok(())
    }

    async fn detailed(
        &self,
        rows: Vec<Document>,
        deadline: Duration,
    ) -> Result<Vec<(Document, Option<String>)>, PollError> {
        let Some(detail) = &self.detail else { return Ok(rows.into_iter().map(|row| (row, None)).collect()) };
        let asked = rows.into_iter().map(|row| self.detail(detail, row, deadline));
        stream::iter(asked).buffered(DETAILS_AT_ONCE).try_collect().await
    }

    /// A row with what its detail says. One whose detail is gone, or has no address, is spoiled alone.
    async fn detail(
        &self,
        detail: &Detail,
        mut row: Document,
        deadline: Duration,
    ) -> Result<(Document, Option<String>), PollError> {
        if detail.lacks.as_ref().is_some_and(|column| self.columns.text(&row, column).is_some()) {
            return Ok((row, None));
        }
        let Some(id) = self.columns.text(&row, self.columns.id()) else { return Ok((row, None)) };
        let place = format!("{}, detail of {}", self.place, id.escape_debug());
        let url = match self.blanks.url("url.detail", &detail.origin, &[("id", Value::from(id))]) {
            Ok(url) => url,
            Err(problem) => return Ok((row, Some(format!("detail: {problem}")))),
        };
        let request = self.wire.request(reqwest::Method::GET, url).header(ACCEPT, "application/json");
        match self.ask(request, &[], &place, deadline).await {
            Ok(answer) => {
                let object = answer.json(&place).map(|answer| answer.into_object(&detail.path))?;
                row.merge(object.map_err(|problem| PollError::Structure { place, problem })?);
                Ok((row, None))
            }
            Err(Fault::Gone(problem)) => Ok((row, Some(format!("detail: {problem}")))),
            Err(fault) => Err(fault.into_error(&place)),
        }
    }

    /// What the last good table of the same request is known by, and the table.
    fn kept_for(&self, url: &Url) -> Option<(Validators, Arc<Packed>)> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|kept| kept.url == *url).map(|kept| (kept.validators.clone(), kept.table.clone()))
    }

    /// Keeps a table of one page whose server says how to know it again. A page says nothing of the others, and a list
    /// nothing of its details.
    fn keep(&self, table: Packed, url: Url, headers: &HeaderMap) -> Arc<Packed> {
        let table = Arc::new(table);
        let pairs = [(ETAG, IF_NONE_MATCH), (LAST_MODIFIED, IF_MODIFIED_SINCE)];
        let validators: Vec<_> =
            pairs.iter().filter_map(|(said, ask)| Some((ask.clone(), headers.get(said)?.clone()))).collect();
        let whole = matches!(self.paging, Paging::Single) && self.detail.is_none() && self.method == Method::Get;
        let kept = (whole && !validators.is_empty()).then(|| Kept { url, validators, table: table.clone() });
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        table
    }

    fn redacted(&self, error: PollError) -> PollError {
        let clean = |text: String| self.blanks.redacted(text);
        match error {
            PollError::Unreadable { place, problem } => PollError::Unreadable { place, problem: clean(problem) },
            PollError::Structure { place, problem } => PollError::Structure { place, problem: clean(problem) },
            PollError::Login { place, problem } => PollError::Login { place, problem: clean(problem) },
            PollError::Refused { place, problem } => PollError::Refused { place, problem: clean(problem) },
            other => other,
        }
    }
}

#[async_trait]
impl Source for HttpSource {
    fn asks_since(&self) -> bool {
        self.blanks.speak_of("since")
    }

    async fn fetch(&self, since: Option<Instant>) -> Result<Fetched, PollError> {
        self.wire.look(&self.place)?;
        let deadline = self.wire.monotonic() + self.poll_timeout;
        let read = tokio::time::timeout(self.poll_timeout, self.read(since, deadline)).await;
        let limit = |_| PollError::Timeout { place: self.place.clone(), limit_s: self.poll_timeout.as_secs() };
        let table = read.map_err(limit)?.map_err(|error| self.redacted(error))?;
        let (mapping, place) = (self.mapping.clone(), self.place.clone());
        let fetched = tokio::task::spawn_blocking(move || Fetched::new(table, mapping, &place)).await;
        fetched.unwrap_or_else(|e| Err(client::unreadable(&self.place, &e.to_string())))
    }
}

impl Detail {
    fn new(config: &DetailConfig, server: &Url, blanks: &mut Blanks, mapping: &Mapping) -> Result<Self, String> {
        let wrong = |e: String| format!("detail.url: {e}");
        blanks.add("url.detail", &config.url, &["id"]).map_err(wrong)?;
        let origin = origin(&config.url).map_err(wrong)?;
        if origin.origin() != server.origin() {
            return Err("detail.url: expected the server of url, got another".to_owned());
        }
        if let Some(column) = config.lacks.as_ref().filter(|column| !mapping.columns().contains(column)) {
            return Err(format!("detail.lacks: expected a column of the mapping, got {column:?}"));
        }
        Ok(Self { origin, path: path("detail.path", &config.path)?, lacks: config.lacks.clone() })
    }
}

/// Adds the body's template and says where it stands.
fn body(config: &HttpConfig, blanks: &mut Blanks) -> Result<Option<&'static str>, String> {
    let Some(text) = &config.body else { return Ok(None) };
    if config.method == Method::Get {
        return Err("body: expected method = \"POST\" beside it".to_owned());
    }
    HeaderValue::try_from(&config.content_type).map_err(|e| format!("content_type: {e}"))?;
    let place = match config.content_type.as_str() {
        kind if kind.contains("json") => form::JSON,
        kind if kind.contains("urlencoded") => form::FORM,
        _ => "body",
    };
    blanks.add(place, text, &OF_PAGE).map_err(|e| format!("body: {e}"))?;
    Ok(Some(place))
}

fn check_since(format: &str) -> Result<(), String> {
    let is_wrong = StrftimeItems::new(format).any(|item| item == Format::Error);
    if is_wrong || format.trim().is_empty() {
        return Err(format!(
            "since_format: expected a format such as \"%Y-%m-%d %H:%M:%S\", \"unix\" or \"unix_ms\", got {format:?}"
        ));
    }
    Ok(())
}

/// What the server says that there is must be what came.
fn check_total(first: Option<u64>, last: Option<u64>, rows: u64) -> Result<(), String> {
    match (first, last) {
        (Some(first), Some(last)) if first != last => {
            Err(format!("the list changed while it was read: a total of {first} at first, then of {last}"))
        }
        (_, Some(total)) if total != rows => Err(format!("expected {total} rows, as the total says, got {rows}")),
        _ => Ok(()),
    }
}
