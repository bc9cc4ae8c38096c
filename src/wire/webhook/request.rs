//! The request that carries a message or a question, from the configuration's templates.

use std::borrow::Cow;
use std::collections::BTreeMap;

use minijinja::{Environment, Value, context};
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use super::charset::Charset;
use super::config::{Body, Method, Parts};
use super::standard::{self, Signer};
use super::template::{self, JSON, Sample, URL, XML};
use super::xml;
use crate::core::Instant;
use crate::core::contact::Medium;
use crate::wire::line::one_line;
use crate::wire::signature::sha256_hex;
use crate::wire::{ChannelError, Message};

type Secrets = BTreeMap<String, SecretString>;

const TEXT: &str = "text";
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What a request is about.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// A message to send.
    Message(&'a Message),
    /// What became of one.
    Receipt {
        /// What the server calls it.
        remote_id: &'a str,
        /// Whom it went to.
        address: &'a str,
        /// When the server took it.
        taken_at: Instant,
    },
}

/// The names that templates know, besides `secret.NAME`.
pub(super) type Names = &'static [&'static str];

/// Those of messages.
pub(super) const OF_MESSAGE: Names =
    &["id", "to_name", "to_address", "date", "subject", "text", "html", "medium", "facts", "sent_at"];

/// Those of questions.
pub(super) const OF_RECEIPT: Names = &["remote_id", "to_address", "taken_at", "sent_at"];

/// A request with its values left open.
pub(super) struct Blank {
    origin: Url,
    method: Method,
    body: Body,
    charset: Charset,
    medium: Medium,
    query: Vec<String>,
    form: Vec<String>,
    headers: Vec<(HeaderName, String)>,
    templates: Environment<'static>,
    secrets: Secrets,
    signer: Option<Signer>,
    asks_for_facts: bool,
    /// Whether no template speaks of anything, so that nothing has to be made ready for them.
    asks_for_nothing: bool,
    /// The whole URL, where nothing in it is open.
    fixed: Option<Url>,
}

impl Blank {
    pub(super) fn new(
        parts: Parts<'_>,
        medium: Medium,
        names: Names,
        secrets: Secrets,
        signer: Option<Signer>,
    ) -> Result<Self, ChannelError> {
        check_body(&parts)?;
        let origin = origin(parts.url)?;
        let templates = templates(&parts, names, &secrets, false)?;
        try_body(&parts, names, &secrets)?;
        let [query, form, headers] = parts.fields;
        let names = |fields: &BTreeMap<String, String>| fields.keys().cloned().collect();
        let is_fixed = !parts.url.contains('{') && query.is_empty();
        let blank = Self {
            origin,
            method: parts.method,
            body: parts.body,
            charset: parts.charset,
            medium,
            query: names(query),
            form: names(form),
            headers: headers.keys().map(|name| header_name(name)).collect::<Result<_, _>>()?,
            asks_for_facts: template::asks_for_facts(&templates),
            asks_for_nothing: template::asks_for_nothing(&templates),
            templates,
            secrets,
            signer,
            fixed: None,
        };
        let fixed = is_fixed.then(|| blank.url(&Value::UNDEFINED).ok()).flatten();
        Ok(Self { fixed, ..blank })
    }

    /// Where requests go, without path and query.
    pub(super) fn origin(&self) -> &Url {
        &self.origin
    }

    /// The request for a try at `now`, or why there is none.
    pub(super) fn fill(&self, subject: Subject<'_>, now: Instant) -> Result<Request, String> {
        let values = self.values(subject, now);
        let body = match self.method {
            Method::Get => None,
            Method::Post => Some(self.filled_body(subject, &values)?),
        };
        let bytes = body.as_deref().map(|text| self.charset.bytes(text).into_owned());
        let headers = self.headers(subject, &values, body.as_deref(), bytes.as_deref().unwrap_or_default(), now)?;
        Ok(Request { method: self.method, url: self.url(&values)?, headers, body, bytes })
    }

    fn values(&self, subject: Subject<'_>, now: Instant) -> Value {
        let sent_at = now.timestamp();
        match subject {
            _ if self.asks_for_nothing => context! {},
            Subject::Message(message) => {
                context! { sent_at, ..template::values(message, self.medium, &self.secrets, self.asks_for_facts) }
            }
            Subject::Receipt { remote_id, address, taken_at } => {
                let secret = self.secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose_secret()));
                let (to_address, taken_at, secret) = (address, taken_at.timestamp(), Value::from_pairs(secret));
                context! { remote_id, to_address, taken_at, sent_at, secret }
            }
        }
    }

    fn render(&self, name: &str, values: &Value) -> Result<String, String> {
        let template = self.templates.get_template(name);
        template.and_then(|template| template.render(values)).map_err(|error| template::reason(&error))
    }

    fn url(&self, values: &Value) -> Result<Url, String> {
        if let Some(url) = &self.fixed {
            return Ok(url.clone());
        }
        let text = self.render(URL, values)?;
        let path = text.split(['?', '#']).next().unwrap_or_default();
        let turns_back = |part: &str| matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
        let mut url = Url::parse(&text).map_err(|error| format!("the channel's url is none: {error}"))?;
        if path.split('/').any(turns_back) || url.origin() != self.origin.origin() {
            return Err("a value would lead the channel's url elsewhere".to_owned());
        }
        self.append(&mut url, "query", &self.query, values)?;
        Ok(url)
    }

    /// Appends fields to a query, in the channel's charset.
    fn append(&self, url: &mut Url, place: &str, names: &[String], values: &Value) -> Result<(), String> {
        let encode: &dyn Fn(&str) -> Cow<'_, [u8]> = &|text| self.charset.bytes(text);
        for name in names {
            let value = self.render(&field(place, name), values)?;
            url.query_pairs_mut().encoding_override(Some(encode)).append_pair(name, &value);
        }
        Ok(())
    }

    fn headers(
        &self,
        subject: Subject<'_>,
        values: &Value,
        body: Option<&str>,
        bytes: &[u8],
        now: Instant,
    ) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        let mut put = |name: HeaderName, text: &str| {
            let value = HeaderValue::try_from(text).map_err(|_| format!("the header {name} cannot hold its value"))?;
            headers.insert(name, value);
            Ok::<_, String>(())
        };
        if let Subject::Message(message) = subject {
            put(IDEMPOTENCY_KEY, &message.id.to_string())?;
            for (name, text) in self.signer.iter().flat_map(|signer| signer.headers(&message.id, now, bytes)) {
                put(HeaderName::from_static(name), &text)?;
            }
        }
        if self.method == Method::Post {
            put(CONTENT_TYPE, &self.body.content_type(self.charset))?;
        }
        if !self.headers.is_empty() {
            let values = context! { body, body_sha256 => sha256_hex(bytes), ..values.clone() };
            for (header, name) in &self.headers {
                put(header.clone(), &one_line(&self.render(name, &values)?, 4_000))?;
            }
        }
        Ok(headers)
    }

    fn filled_body(&self, subject: Subject<'_>, values: &Value) -> Result<String, String> {
        match (self.body, subject) {
            (Body::Form, _) => self.filled_form(values),
            (Body::Text, _) => self.render(TEXT, values),
            (Body::Xml, _) => {
                let text = self.render(XML, values)?;
                xml::check(&text).map_err(|error| format!("the channel's template gives no XML: {error}"))?;
                Ok(text)
            }
            (Body::Json, Subject::Message(message)) if self.templates.get_template(JSON).is_err() => {
                match self.signer {
                    Some(_) => standard::payload(message, self.medium),
                    None => whole(message, self.medium),
                }
            }
            (Body::Json, _) => {
                let text = self.render(JSON, values)?;
                let valid = serde_json::from_str::<serde::de::IgnoredAny>(&text);
                valid.map_err(|error| format!("the channel's template gives no JSON: {error}"))?;
                Ok(text)
            }
        }
    }

    fn filled_form(&self, values: &Value) -> Result<String, String> {
        let mut fields = self.origin.clone();
        fields.set_query(None);
        self.append(&mut fields, "form", &self.form, values)?;
        Ok(fields.query().unwrap_or_default().to_owned())
    }
}

/// What goes out when no template says otherwise.
fn whole(message: &Message, medium: Medium) -> Result<String, String> {
    let mut text = serde_json::to_string(message).map_err(|error| error.to_string())?;
    // One more member of the object.
    text.pop();
    let medium = serde_json::to_string(&medium).map_err(|error| error.to_string())?;
    text.extend([",\"medium\":", &medium, "}"]);
    Ok(text)
}

/// A request that is ready to go.
pub(super) struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<String>,
    /// The body as it travels.
    bytes: Option<Vec<u8>>,
}

impl Request {
    pub(super) fn into_http(self) -> reqwest::Request {
        let method = match self.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut request = reqwest::Request::new(method, self.url);
        *request.headers_mut() = self.headers;
        *request.body_mut() = self.bytes.map(reqwest::Body::from);
        request
    }

    /// For people who look for a mistake: path, query and headers' values can hold what nobody declared a secret.
    pub(super) fn lines(&self) -> Vec<String> {
        let method = if self.method == Method::Get { "GET" } else { "POST" };
        let mut lines = vec![format!("> {method} {}/…", self.url.origin().ascii_serialization())];
        lines.extend(self.headers.keys().map(|name| format!("> {name}: …")));
        lines.extend(self.body.iter().map(|body| format!("> {body}")));
        lines
    }
}

fn field(place: &str, name: &str) -> String {
    format!("{place} {name}")
}

fn header_name(name: &str) -> Result<(HeaderName, String), ChannelError> {
    let header = HeaderName::try_from(name)
        .map_err(|_| ChannelError::new("headers", "the name of a header", format!("{name:?}")))?;
    Ok((header, field("header", name)))
}

/// The constant part of the URL, and nothing behind it.
fn origin(text: &str) -> Result<Url, ChannelError> {
    let wrong = |expected: &str| ChannelError::new("url", expected, format!("{:?}", one_line(text, 40)));
    let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("http:// or https://"))?;
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if authority.contains(['{', '}', '@']) {
        return Err(wrong("a constant host (values can stand in path and query, logins in headers)"));
    }
    let origin =
        Url::parse(&format!("{scheme}://{authority}/")).map_err(|_| wrong("http://host/… or https://host/…"))?;
    if matches!(origin.scheme(), "http" | "https") { Ok(origin) } else { Err(wrong("http:// or https://")) }
}

fn check_body(parts: &Parts<'_>) -> Result<(), ChannelError> {
    let wrong = |key, expected: &str, got: &str| Err(ChannelError::new(key, expected, got));
    let (template, form) = (parts.template.is_some(), !parts.fields[1].is_empty());
    match (parts.method, parts.body) {
        (Method::Get, _) if template || form => wrong("method", "POST, or neither template nor form", "GET"),
        (Method::Post, Body::Form) if template => {
            wrong("template", "fields in form = {…} for body = \"form\"", "a template")
        }
        (Method::Post, Body::Form) if !form => wrong("form", "fields for body = \"form\"", "none"),
        (Method::Post, Body::Text) if !template => wrong("template", "a template for body = \"text\"", "none"),
        (Method::Post, Body::Xml) if !template => wrong("template", "a template for body = \"xml\"", "none"),
        (Method::Post, Body::Json | Body::Text | Body::Xml) if form => {
            wrong("body", "\"form\" where form = {…} stands", "another")
        }
        (Method::Post, Body::Xml) => check_declaration(parts),
        _ => Ok(()),
    }
}

/// An XML template must name the charset that it travels in, and leave the escaping to its values.
fn check_declaration(parts: &Parts<'_>) -> Result<(), ChannelError> {
    let text = parts.template.unwrap_or_default();
    if text.contains("<![CDATA[") {
        let expected = "values outside of <![CDATA[…]]>, since they are escaped already";
        return Err(ChannelError::new("template", expected, "<![CDATA["));
    }
    let declaration = text.trim_start().strip_prefix("<?xml").and_then(|rest| rest.split_once("?>"));
    let named = declaration.and_then(|(head, _)| head.split_once("encoding=")).map(|(_, name)| name);
    let name = named.map(|name| name.split(['"', '\'']).nth(1).unwrap_or_default());
    match name {
        Some(name) if !parts.charset.is_called(name) => {
            let expected = format!("encoding=\"{}\", or another charset", parts.charset.name());
            Err(ChannelError::new("template", expected, format!("encoding=\"{name}\"")))
        }
        None if parts.charset != Charset::Utf8 => {
            let expected = format!("<?xml version=\"1.0\" encoding=\"{}\"?>", parts.charset.name());
            Err(ChannelError::new("template", expected, "no declaration of the charset"))
        }
        _ => Ok(()),
    }
}

fn templates(
    parts: &Parts<'_>,
    names: Names,
    secrets: &Secrets,
    samples: bool,
) -> Result<Environment<'static>, ChannelError> {
    let mut templates = template::environment_in(parts.charset, samples);
    let mut add = |names: &[&str], key, name: &str, text: &str| {
        template::add_knowing(names, &mut templates, key, name, text, secrets)
    };
    add(names, "url", URL, parts.url)?;
    if let Some(text) = parts.template {
        let name = match parts.body {
            Body::Json => JSON,
            Body::Xml => XML,
            Body::Form | Body::Text => TEXT,
        };
        add(names, "template", name, text)?;
    }
    let of_headers = [names, &["body", "body_sha256"]].concat();
    for (key, names, fields) in
        [("query", names, parts.fields[0]), ("form", names, parts.fields[1]), ("headers", &of_headers, parts.fields[2])]
    {
        let place = key.trim_end_matches('s');
        for (name, text) in fields {
            add(names, key, &field(place, name), text)?;
        }
    }
    Ok(templates)
}

/// Fills a JSON or XML template with values that would break out of their places: what then is neither never will be
/// for sure.
fn try_body(parts: &Parts<'_>, names: Names, secrets: &Secrets) -> Result<(), ChannelError> {
    let templates = templates(parts, names, secrets, true)?;
    let sample = |name: &str| match name {
        "sent_at" | "taken_at" => Value::from(1_772_416_800),
        _ => Sample::value(),
    };
    let values = Value::from_pairs(names.iter().chain(&["secret"]).map(|name| (*name, sample(name))));
    // Logic that samples cannot go through (arithmetic, loops over facts) is judged when it runs.
    let filled = |name| templates.get_template(name).ok()?.render(&values).ok();
    let (expected, error) = match (filled(JSON), filled(XML)) {
        (Some(json), _) => {
            let example =
                "JSON in which values stand without quotes, like {\"text\": {{ text }}} or {{ \"[督办]\" ~ text }}";
            (example, serde_json::from_str::<serde::de::IgnoredAny>(&json).err().map(|error| error.to_string()))
        }
        (_, Some(text)) => {
            let example =
                "XML in which values are text or stand in quotes, like <text to=\"{{ to_address }}\">{{ text }}</text>";
            (example, xml::check(&text).err())
        }
        (None, None) => return Ok(()),
    };
    match error {
        Some(error) => {
            Err(ChannelError::new("template", expected, format!("what is none when it is filled ({error})")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
