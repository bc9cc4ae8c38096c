//! What became of a message that the server took: asked for, or brought by the server's own call.

use std::collections::BTreeMap;

use reqwest::Url;
use secrecy::SecretString;
use serde_json::{Map, Value};
use serde_json_path::JsonPath;

use super::answer::{Place, Test, parse_path};
use super::config::{CallbackConfig, Parts, ReceiptConfig, WebhookConfig};
use super::request::{Blank, OF_RECEIPT, Subject};
use crate::core::Instant;
use crate::core::delivery::Receipt;
use crate::wire::ChannelError;
use crate::wire::http::{Answer, HttpClient};
use crate::wire::line::one_line;

const LONGEST_ID: usize = 300;
const LONGEST_WORD: usize = 100;

/// The two ways to learn it, of which a channel has at least one.
pub(super) struct Receipts {
    pub(super) question: Option<Question>,
    pub(super) callback: Option<Callback>,
}

impl Receipts {
    pub(super) fn new(
        config: &WebhookConfig,
        receipt: &ReceiptConfig,
        secrets: BTreeMap<String, SecretString>,
    ) -> Result<Self, ChannelError> {
        if receipt.url.is_none() && receipt.callback.is_none() {
            return Err(ChannelError::new("receipt", "url, or callback, or both", "neither"));
        }
        let parts = receipt.parts(config.charset);
        let question = parts.map(|parts| Question::new(config, receipt, parts, secrets)).transpose();
        let question = question.map_err(|error| ChannelError {
            key: "receipt",
            expected: format!("in {} {}", error.key, error.expected),
            got: error.got,
        })?;
        Ok(Self { question, callback: receipt.callback.as_ref().map(Callback::new).transpose()? })
    }
}

/// A question to the server.
pub(super) struct Question {
    blank: Blank,
    client: HttpClient,
    delivered: Test,
    failed: Option<Test>,
    state: Option<Place>,
}

impl Question {
    fn new(
        config: &WebhookConfig,
        receipt: &ReceiptConfig,
        parts: Parts<'_>,
        secrets: BTreeMap<String, SecretString>,
    ) -> Result<Self, ChannelError> {
        let wants_template = parts.method == super::Method::Post && parts.body == super::Body::Json;
        if wants_template && parts.template.is_none() {
            return Err(ChannelError::new("template", "a template for a POST, or method = \"GET\"", "none"));
        }
        let blank = Blank::new(parts, config.medium, OF_RECEIPT, secrets, None)?;
        let delivered = receipt.delivered.as_ref();
        let delivered =
            delivered.ok_or_else(|| ChannelError::new("delivered", "what such an answer is like", "none"))?;
        Ok(Self {
            client: HttpClient::new(&config.reach(), "url", blank.origin())?,
            blank,
            delivered: Test::new("delivered", delivered)?,
            failed: receipt.failed.as_ref().map(|test| Test::new("failed", test)).transpose()?,
            state: receipt.state.as_ref().map(|place| Place::new("state", place)).transpose()?,
        })
    }

    /// Asks; `None` while the server does not know.
    pub(super) async fn ask(
        &self,
        remote_id: &str,
        address: &str,
        taken_at: Instant,
        now: Instant,
    ) -> Result<Option<Receipt>, String> {
        let request = self.blank.fill(Subject::Receipt { remote_id, address, taken_at }, now)?;
        let answer = self.client.exchange(request.into_http()).await.map_err(|silence| silence.reason)?;
        self.judge(remote_id, &answer)
    }

    fn judge(&self, remote_id: &str, answer: &Answer) -> Result<Option<Receipt>, String> {
        let delivered = self.delivered.holds(answer, true).is_ok();
        let failed = self.failed.as_ref().is_some_and(|test| test.holds(answer, false).is_ok());
        if !delivered && !failed {
            let is_good = (200..300).contains(&answer.status);
            let shown = || format!("{}: expected status 2xx, got {}", self.client.server(), answer.status);
            return if is_good { Ok(None) } else { Err(shown()) };
        }
        let word = self.state.as_ref().and_then(|place| place.look(answer)).unwrap_or_else(|| answer.body.clone());
        let reason = one_line(&word, LONGEST_WORD);
        Ok(Some(Receipt { remote_id: remote_id.to_owned(), delivered, reason }))
    }
}

/// The server's own calls.
pub(super) struct Callback {
    list: Option<JsonPath>,
    remote_id: JsonPath,
    state: JsonPath,
    delivered: Vec<String>,
    failed: Option<Vec<String>>,
}

impl Callback {
    fn new(config: &CallbackConfig) -> Result<Self, ChannelError> {
        let path = |text: &str| parse_path("receipt", text);
        if config.delivered.is_empty() {
            return Err(ChannelError::new("receipt", "words in callback.delivered", "none"));
        }
        Ok(Self {
            list: config.list.as_deref().map(path).transpose()?,
            remote_id: path(&config.remote_id)?,
            state: path(&config.state)?,
            delivered: config.delivered.clone(),
            failed: config.failed.clone(),
        })
    }

    /// The receipts in a call's body; states that are no end are left out.
    pub(super) fn read(&self, body: &[u8]) -> Result<Vec<Receipt>, String> {
        let body = parsed(body)?;
        let found = match &self.list {
            Some(path) => path.query(&body).all(),
            None => vec![&body],
        };
        if let (true, Some(path)) = (found.is_empty(), &self.list) {
            return Err(format!("expected receipts at {path}, but nothing is there"));
        }
        let each =
            found.into_iter().flat_map(|value| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice));
        each.filter_map(|value| self.receipt(value).transpose()).collect()
    }

    fn receipt(&self, value: &Value) -> Result<Option<Receipt>, String> {
        let word = |path: &JsonPath, longest| {
            let text = path.query(value).first().and_then(text_of).filter(|text| !text.is_empty());
            text.map(|text| one_line(&text, longest)).ok_or_else(|| format!("expected a text or a number at {path}"))
        };
        let (remote_id, state) = (word(&self.remote_id, LONGEST_ID)?, word(&self.state, LONGEST_WORD)?);
        let delivered = self.delivered.contains(&state);
        let is_end = delivered || self.failed.as_ref().is_none_or(|words| words.contains(&state));
        Ok(is_end.then_some(Receipt { remote_id, delivered, reason: state }))
    }
}

/// A text or a number, as text.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// JSON, or the fields of a form as one object.
fn parsed(body: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(body).map_err(|_| "expected JSON or a form, got no text".to_owned())?;
    if text.trim_start().starts_with(['{', '[']) {
        return serde_json::from_str(text).map_err(|error| format!("expected JSON: {error}"));
    }
    let mut url = Url::parse("http://form/").map_err(|error| error.to_string())?;
    url.set_query(Some(text.trim()));
    let fields: Map<_, _> = url.query_pairs().map(|(name, value)| (name.into_owned(), Value::from(value))).collect();
    if text.contains('=') { Ok(fields.into()) } else { Err("expected JSON or a form".to_owned()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn callback(toml: &str) -> Result<Callback, ChannelError> {
        let words = "delivered = ['DELIVRD', '0']\nremote_id = '$.msgid'\nstate = '$.status'";
        Callback::new(&toml::from_str(&format!("{words}\n{toml}")).expect(toml))
    }

    fn read(toml: &str, body: &str) -> Result<Vec<(String, bool, String)>, String> {
        let receipts = callback(toml).expect(toml).read(body.as_bytes())?;
        Ok(receipts.into_iter().map(|r| (r.remote_id, r.delivered, r.reason)).collect())
    }

    fn is(id: &str, delivered: bool, word: &str) -> (String, bool, String) {
        (id.to_owned(), delivered, word.to_owned())
    }

    #[test]
    fn a_call_brings_one_receipt_or_many_in_json_or_as_a_form() {
        let (one, two) = (is("m1", true, "DELIVRD"), is("2", false, "MK:0000"));
        let many = r#"[{"msgid": "m1", "status": "DELIVRD"}, {"msgid": 2, "status": "MK:0000"}]"#;
        let inside = format!("{{\"reports\": {many}}}");
        assert_eq!(read("", many), Ok(vec![one.clone(), two.clone()]));
        for list in ["list = '$.reports'", "list = '$.reports[*]'"] {
            assert_eq!(read(list, &inside), Ok(vec![one.clone(), two.clone()]));
        }
        assert_eq!(read("", r#" {"msgid": "m1", "status": "DELIVRD"}"#), Ok(vec![one.clone()]));
        assert_eq!(read("", "msgid=m1&status=DELIVRD&x=%23#"), Ok(vec![one]));
        assert_eq!(read("", "status=MK%3A0000&msgid=2\n"), Ok(vec![two]));
        assert_eq!(read("", r#"{"msgid": "m3", "status": 0}"#), Ok(vec![is("m3", true, "0")]));
        assert_eq!(read("list = '$.reports'", r#"{"reports": []}"#), Ok(Vec::new()));
    }

    #[test]
    fn a_state_that_is_no_end_is_left_out_where_the_ends_are_named() {
        let body = r#"[{"msgid": 1, "status": "ACCEPTD"}, {"msgid": 2, "status": "UNDELIV"}]"#;
        assert_eq!(read("failed = ['UNDELIV', 'EXPIRED']", body), Ok(vec![is("2", false, "UNDELIV")]));
        assert_eq!(read("", body).expect("receipts").len(), 2);
    }

    #[test]
    fn what_is_no_call_says_why() {
        for body in
            ["", "{}", "[1]", "null", "{\"msgid\": 1}", "{\"msgid\": [], \"status\": \"DELIVRD\"}", "{", "msgid=1"]
        {
            assert!(read("", body).is_err(), "{body}");
        }
        assert!(read("list = '$.reports'", "{}").is_err());
        assert!(callback("").expect("callback").read(b"\xff\xfe").is_err());
        assert!(callback("list = 'reports'").is_err());
    }

    proptest! {
        #[test]
        fn no_body_breaks_the_reader(body in any::<Vec<u8>>(), text in "[\\[\\]{}\":,a-z0-9=&%#]{0,60}") {
            let callback = callback("list = '$..reports'").expect("callback");
            let _ = callback.read(&body);
            let _ = callback.read(text.as_bytes());
        }
    }
}
