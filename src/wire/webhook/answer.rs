//! What a server's answer means for the delivery.

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::WebhookConfig;
use crate::core::delivery::Outcome;
use crate::wire::ChannelError;
use crate::wire::http::Answer;

/// What an answer is like: all that is given must hold.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerTest {
    /// The status is one of these.
    pub status: Option<Vec<u16>>,
    /// JSON path (RFC 9535) of a value in the body …
    pub json: Option<String>,
    /// … and what it is.
    pub equals: Option<Value>,
    /// The body matches this.
    pub regex: Option<String>,
}

/// The tests of one channel's answers.
pub(super) struct Expectation {
    success: Test,
    permanent: Option<Test>,
    bad_address: Option<Test>,
    remote_id: Option<JsonPath>,
    idempotent: bool,
}

impl Expectation {
    pub(super) fn new(config: &WebhookConfig) -> Result<Self, ChannelError> {
        let optional = |key, test: &Option<AnswerTest>| test.as_ref().map(|test| Test::new(key, test)).transpose();
        Ok(Self {
            success: Test::new("success", &config.success)?,
            permanent: optional("permanent", &config.permanent)?,
            bad_address: optional("bad_address", &config.bad_address)?,
            remote_id: config.remote_id.as_deref().map(|path| parse_path("remote_id", path)).transpose()?,
            idempotent: config.idempotent,
        })
    }

    /// The outcome of a request that `server` answered. `clean` makes the server's text fit to be shown.
    pub(super) fn judge(&self, server: &str, answer: &Answer, clean: impl Fn(&str) -> String) -> Outcome {
        let shown = format!("{} {}", answer.status, clean(&answer.body));
        let wrong = match self.success.holds(answer, true) {
            Ok(()) => return Outcome::Accepted { remote_id: self.remote_id(answer, &clean), answer: shown },
            Err(wrong) => wrong,
        };
        let reason = format!("{server}: {}; the answer was {shown}", clean(&wrong));
        let is = |test: &Option<Test>| test.as_ref().is_some_and(|test| test.holds(answer, false).is_ok());
        if is(&self.bad_address) || is(&self.permanent) {
            return Outcome::Permanent { reason, bad_address: is(&self.bad_address) };
        }
        self.by_status(answer, reason)
    }

    fn by_status(&self, answer: &Answer, reason: String) -> Outcome {
        match answer.status {
            // A gateway that got no answer from behind it knows as little as we do.
            504 => Outcome::Unknowable { reason, repeatable: self.idempotent },
            200..=299 if answer.broken.is_some() => Outcome::Unknowable { reason, repeatable: self.idempotent },
            // Who may not come in has a mistake in the configuration; the message is not at fault.
            401 | 407 | 408 | 425 | 429 | 500.. | ..=299 => {
                Outcome::Temporary { reason, retry_after: answer.retry_after }
            }
            300..=499 => Outcome::Permanent { reason, bad_address: false },
        }
    }

    /// The outcome of a request that broke off without an answer.
    pub(super) fn broken_off(&self, reason: String, before_request: bool) -> Outcome {
        if before_request {
            return Outcome::Temporary { reason, retry_after: None };
        }
        Outcome::Unknowable { reason, repeatable: self.idempotent }
    }

    fn remote_id(&self, answer: &Answer, clean: impl Fn(&str) -> String) -> Option<String> {
        let json = answer.json().ok()?;
        match self.remote_id.as_ref()?.query(&json).first()? {
            Value::String(text) => Some(clean(text)),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}

/// An [`AnswerTest`] that was looked through.
struct Test {
    status: Option<Vec<u16>>,
    json: Option<(JsonPath, Value)>,
    regex: Option<Regex>,
}

impl Test {
    fn new(key: &'static str, test: &AnswerTest) -> Result<Self, ChannelError> {
        if key != "success" && *test == AnswerTest::default() {
            return Err(ChannelError::new(key, "status, json and equals, or regex", "nothing"));
        }
        let json = match (&test.json, &test.equals) {
            (Some(path), Some(value)) => Some((parse_path(key, path)?, value.clone())),
            (None, None) => None,
            (Some(_), None) => return Err(ChannelError::new(key, "equals beside json", "json alone")),
            (None, Some(_)) => return Err(ChannelError::new(key, "json beside equals", "equals alone")),
        };
        let regex = test.regex.as_deref().map(Regex::new).transpose();
        let regex = regex.map_err(|error| ChannelError::new(key, "a regular expression", error))?;
        Ok(Self { status: test.status.clone(), json, regex })
    }

    /// Whether the answer is like that; if not, what was expected and what was got.
    fn holds(&self, answer: &Answer, only_2xx: bool) -> Result<(), String> {
        match &self.status {
            Some(wanted) if !wanted.contains(&answer.status) => {
                return Err(format!("expected status {wanted:?}, got {}{}", answer.status, answer.redirect()));
            }
            None if only_2xx && !(200..300).contains(&answer.status) => {
                return Err(format!("expected status 2xx, got {}{}", answer.status, answer.redirect()));
            }
            _ => {}
        }
        if let Some((path, wanted)) = &self.json {
            let json = answer.json()?;
            match path.query(&json).first() {
                Some(got) if got == wanted => {}
                Some(got) => return Err(format!("expected {path} to be {wanted}, got {got}")),
                None => return Err(format!("expected {path} to be {wanted}, but nothing is there")),
            }
        }
        match &self.regex {
            Some(regex) if !regex.is_match(&answer.body) => Err(format!("expected an answer that matches {regex}")),
            _ => Ok(()),
        }
    }
}

fn parse_path(key: &'static str, text: &str) -> Result<JsonPath, ChannelError> {
    JsonPath::parse(text)
        .map_err(|error| ChannelError::new(key, "a JSON path like $.code", format!("{text:?}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expectation(toml: &str) -> Result<Expectation, ChannelError> {
        let config = toml::from_str(&format!("medium = \"sms\"\nurl = \"http://a.test/\"\n{toml}")).expect(toml);
        Expectation::new(&config)
    }

    fn judged(toml: &str, status: u16, body: &str) -> Outcome {
        let answer = Answer { status, body: body.to_owned(), ..Answer::default() };
        expectation(toml).expect(toml).judge("a.test:80", &answer, str::to_owned)
    }

    fn word(outcome: &Outcome) -> &'static str {
        match outcome {
            Outcome::Accepted { .. } => "accepted",
            Outcome::Temporary { .. } => "temporary",
            Outcome::Permanent { bad_address: true, .. } => "bad address",
            Outcome::Permanent { .. } => "permanent",
            Outcome::Unknowable { repeatable: true, .. } => "repeatable",
            Outcome::Unknowable { .. } => "unknown",
        }
    }

    #[test]
    fn an_answer_means_what_its_status_and_the_tests_say() {
        let code = "success = { json = '$.code', equals = 0 }";
        let full = "success = { json = '$.code', equals = 0 }\npermanent = { json = '$.code', equals = 7 }\n\
                    bad_address = { regex = 'bad number' }";
        let cases = [
            ("", 200, "", "accepted"),
            ("", 202, "", "accepted"),
            ("", 302, "", "permanent"),
            ("", 400, "", "permanent"),
            ("", 401, "", "temporary"),
            ("", 404, "", "permanent"),
            ("", 408, "", "temporary"),
            ("", 429, "", "temporary"),
            ("", 500, "", "temporary"),
            ("", 503, "", "temporary"),
            ("", 504, "", "unknown"),
            ("idempotent = true", 504, "", "repeatable"),
            ("success = { status = [200] }", 202, "", "temporary"),
            ("success = { status = [404] }", 404, "", "accepted"),
            (code, 200, r#"{"code": 0}"#, "accepted"),
            (code, 200, r#"{"code": "0"}"#, "temporary"),
            (code, 200, r#"{"code": 45009}"#, "temporary"),
            (code, 200, "{}", "temporary"),
            (code, 200, "<html>", "temporary"),
            (code, 500, r#"{"code": 0}"#, "temporary"),
            (full, 200, r#"{"code": 7}"#, "permanent"),
            (full, 200, r#"{"code": 8, "why": "bad number"}"#, "bad address"),
            (full, 400, r#"{"code": 8, "why": "bad number"}"#, "bad address"),
            ("success = { regex = '^OK' }", 200, "OK 12", "accepted"),
            ("success = { regex = '^OK' }", 200, "ERR 12", "temporary"),
        ];
        for (toml, status, body, expected) in cases {
            assert_eq!(word(&judged(toml, status, body)), expected, "{toml} {status} {body}");
        }
    }

    #[test]
    fn the_server_s_name_for_a_message_is_kept() {
        for (body, id) in [(r#"{"d": {"id": "m-1"}}"#, Some("m-1")), (r#"{"d": {"id": 12}}"#, Some("12")), ("{}", None)]
        {
            let Outcome::Accepted { remote_id, .. } = judged("remote_id = '$.d.id'", 200, body) else {
                panic!("{body}")
            };
            assert_eq!(remote_id.as_deref(), id);
        }
    }

    #[test]
    fn tests_that_can_never_hold_are_refused() {
        for toml in [
            "success = { json = '$.code' }",
            "success = { equals = 0 }",
            "success = { json = 'code', equals = 0 }",
            "success = { regex = '(' }",
            "permanent = {}",
            "remote_id = 'x'",
        ] {
            assert!(expectation(toml).is_err(), "{toml}");
        }
    }
}
