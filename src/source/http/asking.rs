//! One request of a source, with its values, its login, and what its answer holds.

use std::time::Duration;

use minijinja::Value;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Request, StatusCode, Url};

use super::blank::form;
use super::client::{self, Answer, Fault};
use super::config::Method;
use super::login::Login;
use super::paging::{Position, Sign};
use super::{Got, HttpSource, Page};
use crate::core::Instant;
use crate::source::PollError;
use crate::source::json::hint;

impl HttpSource {
    /// Asks for one page.
    pub(super) async fn page(
        &self,
        at: &Position,
        since: Option<Instant>,
        place: &str,
        deadline: Duration,
    ) -> Result<Got, PollError> {
        let refused = |problem: String| PollError::Refused { place: place.to_owned(), problem };
        let values = self.values(at, since);
        let url = self.url(at, &values).map_err(refused)?;
        let mut request = self.wire.request(self.reqwest_method(), url.clone()).header(ACCEPT, "application/json");
        if let Some(body) = self.body {
            let body = self.blanks.text(body, &values).map_err(refused)?;
            request = request.header(CONTENT_TYPE, &self.content_type).body(body);
        }
        let kept = self.kept_for(&url);
        for (name, value) in kept.iter().flat_map(|(validators, _)| validators) {
            request = request.header(name, value);
        }
        let answer = self.ask(request, &values, place, deadline).await.map_err(|fault| fault.into_error(place))?;
        if answer.status == StatusCode::NOT_MODIFIED {
            let table = kept.map(|(_, table)| Got::Unchanged(table));
            return table.ok_or_else(|| refused("the server answered 304, which was not asked for".to_owned()));
        }
        let page = self.taken_apart(&answer, place)?;
        Ok(Got::Page(Box::new((page, url, answer.headers))))
    }

    fn taken_apart(&self, answer: &Answer, place: &str) -> Result<Page, PollError> {
        let structure = |problem: String| PollError::Structure { place: place.to_owned(), problem };
        let json = answer.json(place)?;
        if let Some((path, is)) = &self.ok {
            let said = json.text(path);
            if !said.as_ref().is_some_and(|said| is.contains(said)) {
                let problem = format!("expected {} at {path}; {}", is.join(" or "), hint(json.plain()));
                return Err(PollError::Refused { place: place.to_owned(), problem });
            }
        }
        let total = self.total.as_ref().map(|path| {
            let total = json.text(path).and_then(|text| text.parse().ok());
            total.ok_or_else(|| structure(format!("expected a total at {path}; {}", hint(json.plain()))))
        });
        let sign = Sign { next: self.paging.sign(&json, &answer.headers), total: total.transpose()? };
        Ok(Page { rows: json.into_rows(&self.rows).map_err(structure)?, sign })
    }

    /// Asks with the login, once more with a new one if it is refused and can be renewed.
    pub(super) async fn ask(
        &self,
        request: reqwest::RequestBuilder,
        values: &[(&str, Value)],
        place: &str,
        deadline: Duration,
    ) -> Result<Answer, Fault> {
        let request = self
            .with_headers(request, values)
            .map_err(|problem| Fault::Void(PollError::Refused { place: place.to_owned(), problem }))?;
        let login = self.login.as_ref();
        match self.ask_as(&request, place, deadline).await {
            Err(Fault::Unknown(_)) if login.is_some_and(Login::can_renew) => {
                if let Some(login) = login {
                    login.forget().await;
                }
                self.ask_as(&request, place, deadline).await
            }
            answered => answered,
        }
    }

    async fn ask_as(&self, request: &Request, place: &str, deadline: Duration) -> Result<Answer, Fault> {
        let none = || Fault::Void(client::unreadable(place, "the request has no bytes"));
        let mut request = request.try_clone().ok_or_else(none)?;
        if let Some(login) = &self.login {
            let (name, value) = login.header(&self.wire, &self.blanks, deadline).await.map_err(Fault::Void)?;
            request.headers_mut().insert(name, value);
        }
        self.wire.ask(&request, place, deadline).await
    }

    fn with_headers(&self, request: reqwest::RequestBuilder, values: &[(&str, Value)]) -> Result<Request, String> {
        let mut request = request.build().map_err(|e| e.without_url().to_string())?;
        // A detail's request knows nothing of pages.
        let values = if values.is_empty() { &self.values(&Position::default(), None) } else { values };
        for name in &self.headers {
            let text = self.blanks.text(&format!("header.{name}"), values)?;
            let value = HeaderValue::try_from(text).map_err(|_| format!("the header {name} cannot hold its value"))?;
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }

    fn url(&self, at: &Position, values: &[(&str, Value)]) -> Result<Url, String> {
        if let Some(url) = &at.url {
            return Ok(url.clone());
        }
        let mut url = self.blanks.url(form::URL, &self.origin, values)?;
        for name in &self.query {
            let value = self.blanks.text(&format!("query.{name}"), values)?;
            url.query_pairs_mut().append_pair(name, &value);
        }
        if let (Some(name), Some(value)) = (&self.params.position, self.paging.value(at)) {
            url.query_pairs_mut().append_pair(name, &value);
        }
        if let Some((name, size)) = &self.params.size {
            url.query_pairs_mut().append_pair(name, &size.to_string());
        }
        Ok(url)
    }

    fn values(&self, at: &Position, since: Option<Instant>) -> Vec<(&'static str, Value)> {
        let size = self.params.size.as_ref().map_or(0, |(_, size)| *size);
        vec![
            ("since", Value::from(self.since(since.unwrap_or_default()))),
            ("page", Value::from(at.page)),
            ("offset", Value::from(at.offset)),
            ("cursor", Value::from(at.cursor.clone().unwrap_or_default())),
            ("size", Value::from(size)),
        ]
    }

    /// An instant as the API wants it, on the source's own clock on the wall.
    fn since(&self, at: Instant) -> String {
        let zone = self.mapping.zone().unwrap_or(chrono_tz::Tz::UTC);
        match self.since_format.as_str() {
            "unix" => at.timestamp().to_string(),
            "unix_ms" => at.timestamp_millis().to_string(),
            format => at.with_timezone(&zone).format(format).to_string(),
        }
    }

    const fn reqwest_method(&self) -> reqwest::Method {
        match self.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        }
    }
}
