//! The request that carries a message, from the configuration's templates.

use std::collections::BTreeMap;

use minijinja::{Environment, Value};
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;

use super::template::{self, JSON, Sample, URL};
use super::{Body, Method, WebhookConfig};
use crate::core::contact::Medium;
use crate::wire::line::one_line;
use crate::wire::{ChannelError, Message};

type Secrets = BTreeMap<String, SecretString>;

const TEXT: &str = "text";
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A request with its values left open.
pub(super) struct Blank {
    origin: Url,
    method: Method,
    body: Body,
    medium: Medium,
    query: Vec<String>,
    form: Vec<String>,
    headers: Vec<(HeaderName, String)>,
    templates: Environment<'static>,
    secrets: Secrets,
}

impl Blank {
    pub(super) fn new(config: &WebhookConfig, secrets: Secrets) -> Result<Self, ChannelError> {
        check_body(config)?;
        let origin = origin(&config.url)?;
        let templates = templates(config, &secrets, false)?;
        try_json(config, &secrets)?;
        let names = |fields: &BTreeMap<String, String>| fields.keys().cloned().collect();
        Ok(Self {
            origin,
            method: config.method,
            body: config.body,
            medium: config.medium,
            query: names(&config.query),
            form: names(&config.form),
            headers: config.headers.keys().map(|name| header_name(name)).collect::<Result<_, _>>()?,
            templates,
            secrets,
        })
    }

    /// Where requests go, without path and query.
    pub(super) fn origin(&self) -> &Url {
        &self.origin
    }

    /// The request for one message, or why there is none.
    pub(super) fn fill(&self, message: &Message) -> Result<Request, String> {
        let values = self.values(message);
        let body = match self.method {
            Method::Get => None,
            Method::Post => Some(self.filled_body(message, &values)?),
        };
        Ok(Request { method: self.method, url: self.url(&values)?, headers: self.headers(message, &values)?, body })
    }

    fn values(&self, message: &Message) -> Value {
        template::values(message, self.medium, &self.secrets)
    }

    fn render(&self, name: &str, values: &Value) -> Result<String, String> {
        let template = self.templates.get_template(name);
        template.and_then(|template| template.render(values)).map_err(|error| template::reason(&error))
    }

    fn url(&self, values: &Value) -> Result<Url, String> {
        let text = self.render(URL, values)?;
        let path = text.split(['?', '#']).next().unwrap_or_default();
        let turns_back = |part: &str| matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
        let mut url = Url::parse(&text).map_err(|error| format!("the channel's url is none: {error}"))?;
        if path.split('/').any(turns_back) || url.origin() != self.origin.origin() {
            return Err("a value would lead the channel's url elsewhere".to_owned());
        }
        for name in &self.query {
            url.query_pairs_mut().append_pair(name, &self.render(&field("query", name), values)?);
        }
        Ok(url)
    }

    fn headers(&self, message: &Message, values: &Value) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        let id = HeaderValue::try_from(message.id.to_string()).map_err(|error| error.to_string())?;
        headers.insert(IDEMPOTENCY_KEY, id);
        if self.method == Method::Post {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.body.content_type()));
        }
        for (header, name) in &self.headers {
            let text = one_line(&self.render(name, values)?, 4_000);
            let value =
                HeaderValue::try_from(text).map_err(|_| format!("the header {header} cannot hold its value"))?;
            headers.insert(header.clone(), value);
        }
        Ok(headers)
    }

    fn filled_body(&self, message: &Message, values: &Value) -> Result<String, String> {
        match self.body {
            Body::Form => self.filled_form(values),
            Body::Text => self.render(TEXT, values),
            Body::Json if self.templates.get_template(JSON).is_err() => whole(message, self.medium),
            Body::Json => {
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
        for name in &self.form {
            fields.query_pairs_mut().append_pair(name, &self.render(&field("form", name), values)?);
        }
        Ok(fields.query().unwrap_or_default().to_owned())
    }
}

impl Body {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
            Self::Text => "text/plain; charset=utf-8",
        }
    }
}

/// What goes out when no template says otherwise.
fn whole(message: &Message, medium: Medium) -> Result<String, String> {
    let mut value = serde_json::to_value(message).map_err(|error| error.to_string())?;
    value["medium"] = serde_json::to_value(medium).map_err(|error| error.to_string())?;
    Ok(value.to_string())
}

/// A request that is ready to go.
pub(super) struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<String>,
}

impl Request {
    pub(super) fn into_http(self) -> reqwest::Request {
        let method = match self.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut request = reqwest::Request::new(method, self.url);
        *request.headers_mut() = self.headers;
        *request.body_mut() = self.body.map(reqwest::Body::from);
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

fn check_body(config: &WebhookConfig) -> Result<(), ChannelError> {
    let wrong = |key, expected: &str, got: &str| Err(ChannelError::new(key, expected, got));
    let (template, form) = (config.template.is_some(), !config.form.is_empty());
    match (config.method, config.body) {
        (Method::Get, _) if template || form => wrong("method", "POST, or neither template nor form", "GET"),
        (Method::Post, Body::Form) if template => {
            wrong("template", "fields in form = {…} for body = \"form\"", "a template")
        }
        (Method::Post, Body::Form) if !form => wrong("form", "fields for body = \"form\"", "none"),
        (Method::Post, Body::Text) if !template => wrong("template", "a template for body = \"text\"", "none"),
        (Method::Post, Body::Json | Body::Text) if form => wrong("body", "\"form\" where form = {…} stands", "another"),
        _ => Ok(()),
    }
}

fn templates(config: &WebhookConfig, secrets: &Secrets, samples: bool) -> Result<Environment<'static>, ChannelError> {
    let mut templates = template::environment(samples);
    template::add(&mut templates, "url", URL, &config.url, secrets)?;
    if let Some(text) = &config.template {
        let name = if config.body == Body::Json { JSON } else { TEXT };
        template::add(&mut templates, "template", name, text, secrets)?;
    }
    for (key, fields) in [("query", &config.query), ("form", &config.form)] {
        for (name, text) in fields {
            template::add(&mut templates, key, &field(key, name), text, secrets)?;
        }
    }
    for (name, text) in &config.headers {
        template::add(&mut templates, "headers", &field("header", name), text, secrets)?;
    }
    Ok(templates)
}

/// Fills a JSON template with values that would break out of quotes: what then is no JSON never will be for sure.
fn try_json(config: &WebhookConfig, secrets: &Secrets) -> Result<(), ChannelError> {
    let templates = templates(config, secrets, true)?;
    let names = template::NAMES.into_iter().chain(["secret"]);
    let values = Value::from_pairs(names.map(|name| (name, Sample::value())));
    // Logic that samples cannot go through (arithmetic, loops over facts) is judged when it runs.
    let Some(Ok(text)) = templates.get_template(JSON).ok().map(|template| template.render(&values)) else {
        return Ok(());
    };
    serde_json::from_str::<serde::de::IgnoredAny>(&text).map(|_| ()).map_err(|error| {
        let expected =
            "JSON in which values stand without quotes, like {\"text\": {{ text }}} or {{ \"[督办]\" ~ text }}";
        ChannelError::new("template", expected, format!("what is no JSON when it is filled ({error})"))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::delivery::DeliveryId;
    use crate::core::digest::Digest;

    fn message(text: &str) -> Message {
        Message {
            id: DeliveryId(Digest::of([b"one".as_slice()])),
            to_name: "王小明".to_owned(),
            to_address: "13800000000".to_owned(),
            date: "2026-03-02T02:00:00Z".parse().expect("instant"),
            subject: text.to_owned(),
            text: text.to_owned(),
            html: None,
            thread: Vec::new(),
            facts: serde_json::json!({ "title": text, "days": 3 }),
        }
    }

    fn form(toml: &str) -> Result<Blank, ChannelError> {
        let config = toml::from_str(&format!("medium = \"sms\"\n{toml}")).expect(toml);
        Blank::new(&config, BTreeMap::from([("key".to_owned(), "s3cret/&".into())]))
    }

    #[test]
    fn a_url_with_an_open_host_is_refused() {
        for url in [
            "{{ to_address }}",
            "http://{{ to_address }}/",
            "http://a{{ x }}.test/",
            "http://user:pass@a.test/",
            "ftp://a.test/",
            "file:///etc/passwd",
            "http://",
        ] {
            assert!(form(&format!("url = '{url}'")).is_err(), "{url}");
        }
        assert!(form("url = 'http://127.0.0.1:8080/send'").is_ok());
    }

    #[test]
    fn bodies_that_cannot_be_are_refused() {
        for toml in [
            "method = 'GET'\ntemplate = 'x'",
            "body = 'form'",
            "body = 'form'\ntemplate = 'x'",
            "body = 'text'",
            "form = { a = 'b' }",
            "template = '{{ text'",
            "template = '{\"text\": \"{{ text }}\"}'",
            "template = '[\"{{ facts.title }}\"]'",
            "template = '{\"text\": \"{{ text|safe }}\"}'",
            "headers = { 'a b' = 'c' }",
            "query = { a = '{{ mobile }}' }",
            "query = { a = '{{ secret.other }}' }",
            "template = '{{ tekst }}'",
        ] {
            assert!(form(&format!("url = 'http://a.test/'\n{toml}")).is_err(), "{toml}");
        }
    }

    #[test]
    fn a_name_that_nothing_knows_is_told_when_it_is_needed() {
        let form = form("url = 'http://a.test/'\ntemplate = '{\"a\": {{ facts.nobody }}}'").expect("form");
        let reason = form.fill(&message("x")).err().expect("undefined");
        assert!(reason.contains("undefined"), "{reason}");
    }

    #[test]
    fn a_text_that_reads_like_a_number_stays_a_text() {
        let template = "template = '[{{ text }}, {{ text|safe }}, {{ text|tojson|safe }}]'";
        let form = form(&format!("url = 'http://a.test/'\n{template}")).expect("form");
        let body = form.fill(&message("0")).expect("request").body.expect("body");
        assert_eq!(body, r#"["0", "0", "0"]"#);
    }

    #[test]
    fn dots_do_not_lead_out_of_a_path() {
        let form = form("url = 'http://a.test/one/{{ text }}/two'").expect("form");
        assert!(form.fill(&message("..")).is_err());
        let request = form.fill(&message("../..")).expect("slashes are encoded");
        assert_eq!(request.url.path(), "/one/..%2F../two");
    }

    proptest! {
        #[test]
        fn no_value_leaves_its_place(text in any::<String>()) {
            let form = form(
                "url = 'http://a.test/send/x{{ text }}?q={{ text }}'\nquery = { t = '{{ text }}' }\n\
                 template = '{\"list\": [{{ text }}, {{ facts.title|safe }}, {{ \"[x] \" ~ text }}, {{ facts|tojson }}]}'",
            ).expect("form");
            let request = form.fill(&message(&text)).expect("request");
            prop_assert_eq!(request.url.host_str(), Some("a.test"));
            prop_assert_eq!(request.url.path_segments().map(Iterator::count), Some(2));
            let pairs: Vec<_> = request.url.query_pairs().map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
            prop_assert_eq!(pairs, [("q".to_owned(), text.clone()), ("t".to_owned(), text.clone())]);
            let json: serde_json::Value = serde_json::from_str(&request.body.expect("body")).expect("JSON");
            let prefixed = format!("[x] {text}");
            let expected = serde_json::json!({ "list": [text, text, prefixed, { "title": text, "days": 3 }] });
            prop_assert_eq!(json, expected);
        }

        #[test]
        fn no_value_adds_a_field_to_a_form(text in any::<String>()) {
            let form = form("url = 'http://a.test/'\nbody = 'form'\nform = { a = '{{ text }}', b = '{{ secret.key }}' }").expect("form");
            let body = form.fill(&message(&text)).expect("request").body.expect("body");
            let fields = Url::parse(&format!("http://a.test/?{body}")).expect("query");
            let pairs: Vec<_> = fields.query_pairs().map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
            prop_assert_eq!(pairs, [("a".to_owned(), text), ("b".to_owned(), "s3cret/&".to_owned())]);
        }
    }
}
