//! What a server answered.

use std::time::Duration;

use chrono::DateTime;
use encoding_rs::{Encoding, GB18030, UTF_8};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, LOCATION, RETRY_AFTER};
use serde_json::Value;

use crate::core::Instant;

const LONGEST_BODY: usize = 64 * 1024;

/// An answer, as far as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, in the charset that the server named, else in UTF-8; at most 64 KiB.
    pub body: String,
    /// Why the body is not whole.
    pub broken: Option<String>,
    /// The wait that the server asks for.
    pub retry_after: Option<Duration>,
    /// Whether it is a redirect.
    pub location: bool,
}

impl Answer {
    /// Reads at most 64 KiB of the body.
    pub(super) async fn read(mut response: reqwest::Response) -> Self {
        let mut bytes = Vec::new();
        let broken = loop {
            match response.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() > LONGEST_BODY => {
                    bytes.extend_from_slice(&chunk[..LONGEST_BODY - bytes.len()]);
                    break Some("it is longer than 64 KiB".to_owned());
                }
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => break None,
                Err(error) => break Some(super::chain(&error.without_url())),
            }
        };
        let headers = response.headers();
        Self {
            status: response.status().as_u16(),
            body: decoded(headers, &bytes),
            broken,
            retry_after: retry_after(headers),
            location: headers.contains_key(LOCATION),
        }
    }

    /// The body as JSON, or what was expected and what was got.
    pub fn json(&self) -> Result<Value, String> {
        match (&self.broken, serde_json::from_str(&self.body)) {
            (_, Ok(json)) => Ok(json),
            (Some(why), _) => Err(format!("expected JSON, got a part of an answer: {why}")),
            (None, Err(error)) => Err(format!("expected JSON: {error}")),
        }
    }

    /// What to add to a status that was not expected.
    pub fn redirect(&self) -> &'static str {
        if self.location { ", a redirect, which is not followed" } else { "" }
    }

    /// For people who look for a mistake.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("< {}", self.status), format!("< {}", self.body)];
        lines.extend(self.broken.iter().map(|why| format!("* {why}")));
        lines
    }
}

/// In the charset that the server names, else UTF-8; what is not that either is GB18030, which gateways forget to name.
fn decoded(headers: &HeaderMap, bytes: &[u8]) -> String {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.to_ascii_lowercase();
    let label = kind.split_once("charset=").and_then(|(_, rest)| rest.split(';').next());
    let named = label.and_then(|label| Encoding::for_label(label.trim_matches(['"', ' ']).as_bytes()));
    // A character at the end may have been cut.
    let is_utf8 = std::str::from_utf8(bytes).err().is_none_or(|error| error.error_len().is_none());
    let encoding = named.unwrap_or(if is_utf8 { UTF_8 } else { GB18030 });
    encoding.decode(bytes).0.into_owned()
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

/// What the server's clock showed.
pub(super) fn date(headers: &HeaderMap) -> Option<Instant> {
    let date = DateTime::parse_from_rfc2822(headers.get(DATE)?.to_str().ok()?.trim()).ok()?;
    Some(date.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_by_a_date() {
        let after = |wanted: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, wanted.parse().expect("header"));
            date.map(|date| headers.insert(DATE, date.parse().expect("header")));
            retry_after(&headers).map(|wait| wait.as_secs())
        };
        let (now, then) = ("Mon, 02 Mar 2026 02:00:00 GMT", "Mon, 02 Mar 2026 02:05:00 GMT");
        assert_eq!(after("120", None), Some(120));
        assert_eq!(after(then, Some(now)), Some(300));
        assert_eq!(after(now, Some(then)), Some(0));
        assert_eq!(after(then, None), None);
        assert_eq!(after("soon", Some(now)), None);
        assert_eq!(after("-5", Some(now)), None);
    }

    #[test]
    fn an_answer_is_read_in_the_charset_that_it_names() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, "text/plain; charset=GBK".parse().expect("header"));
        assert_eq!(decoded(&headers, b"\xb3\xc9\xb9\xa6"), "成功");
        headers.insert(CONTENT_TYPE, "text/plain; charset=\"gb2312\"; x=y".parse().expect("header"));
        assert_eq!(decoded(&headers, b"\xb3\xc9\xb9\xa6"), "成功");
        for bytes in [&b"\xb3\xc9\xb9\xa6"[..], "成功".as_bytes()] {
            assert_eq!(decoded(&HeaderMap::new(), bytes), "成功");
        }
        assert!(decoded(&HeaderMap::new(), &"成功".as_bytes()[..5]).starts_with('成'));
    }
}
