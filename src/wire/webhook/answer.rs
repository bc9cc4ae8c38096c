//! What a server's answer means for the delivery.

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::config::WebhookConfig;
use super::receipt::text_of;
use super::xml;
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
    /// … or path of an element (`returnsms/returnstatus`) or attribute (`answer/@code`) of an XML body …
    pub xml: Option<String>,
    /// … and what it is.
    pub equals: Option<Value>,
    /// The body matches this.
    pub regex: Option<String>,
    /// The body begins with this, blanks aside.
    pub prefix: Option<String>,
}

/// Where an answer holds a word: exactly one of these.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locator {
    /// JSON path of a text or a number.
    pub json: Option<String>,
    /// Path of an element or attribute of an XML body.
    pub xml: Option<String>,
    /// A regular expression whose first group is it.
    pub regex: Option<String>,
}

/// A [`Locator`] that was looked through.
pub(super) enum Place {
    Json(JsonPath),
    Xml(String),
    Regex(Regex),
}

impl Place {
    pub(super) fn new(key: &'static str, locator: &Locator) -> Result<Self, ChannelError> {
        match (&locator.json, &locator.xml, &locator.regex) {
            (Some(path), None, None) => Ok(Self::Json(parse_path(key, path)?)),
            (None, Some(path), None) => Ok(Self::Xml(parse_xml_path(key, path)?)),
            (None, None, Some(regex)) => {
                let regex = parse_regex(key, regex)?;
                if regex.captures_len() < 2 {
                    return Err(ChannelError::new(key, "a regular expression with a group ( )", regex));
                }
                Ok(Self::Regex(regex))
            }
            _ => Err(ChannelError::new(key, "exactly one of json, xml and regex", "none or several")),
        }
    }

    /// The word, if it is there.
    pub(super) fn look(&self, answer: &Answer) -> Option<String> {
        match self {
            Self::Json(path) => text_of(path.query(&answer.json().ok()?).first()?),
            Self::Xml(path) => xml::text_at(&answer.body, path).ok()?,
            Self::Regex(regex) => Some(regex.captures(&answer.body)?.get(1)?.as_str().to_owned()),
        }
    }
}

/// The tests of one channel's answers.
pub(super) struct Expectation {
    success: Test,
    permanent: Option<Test>,
    bad_address: Option<Test>,
    remote_id: Option<Place>,
    idempotent: bool,
}

impl Expectation {
    pub(super) fn new(config: &WebhookConfig) -> Result<Self, ChannelError> {
        let optional = |key, test: &Option<AnswerTest>| test.as_ref().map(|test| Test::new(key, test)).transpose();
        Ok(Self {
            success: Test::new("success", &config.success)?,
            permanent: optional("permanent", &config.permanent)?,
            bad_address: optional("bad_address", &config.bad_address)?,
            remote_id: config.remote_id.as_ref().map(|place| Place::new("remote_id", place)).transpose()?,
            idempotent: config.is_idempotent(),
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
        let word = self.remote_id.as_ref()?.look(answer)?;
        Some(clean(&word)).filter(|word| !word.is_empty())
    }
}

/// An [`AnswerTest`] that was looked through.
pub(super) struct Test {
    status: Option<Vec<u16>>,
    json: Option<(JsonPath, Value)>,
    xml: Option<(String, String)>,
    regex: Option<Regex>,
    prefix: Option<String>,
}

impl Test {
    pub(super) fn new(key: &'static str, test: &AnswerTest) -> Result<Self, ChannelError> {
        if key != "success" && *test == AnswerTest::default() {
            return Err(ChannelError::new(key, "status, json or xml with equals, regex, or prefix", "nothing"));
        }
        let (json, xml) = match (&test.json, &test.xml, &test.equals) {
            (Some(path), None, Some(value)) => (Some((parse_path(key, path)?, value.clone())), None),
            (None, Some(path), Some(value)) => {
                let wanted =
                    text_of(value).ok_or_else(|| ChannelError::new(key, "a text or a number in equals", value))?;
                (None, Some((parse_xml_path(key, path)?, wanted)))
            }
            (None, None, None) => (None, None),
            (Some(_), Some(_), _) => return Err(ChannelError::new(key, "json or xml", "both")),
            (_, _, None) => return Err(ChannelError::new(key, "equals beside json or xml", "no equals")),
            (None, None, Some(_)) => return Err(ChannelError::new(key, "json or xml beside equals", "equals alone")),
        };
        let regex = test.regex.as_deref().map(|text| parse_regex(key, text)).transpose()?;
        Ok(Self { status: test.status.clone(), json, xml, regex, prefix: test.prefix.clone() })
    }

    /// Whether the answer is like that; if not, what was expected and what was got.
    pub(super) fn holds(&self, answer: &Answer, only_2xx: bool) -> Result<(), String> {
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
        if let Some((path, wanted)) = &self.xml {
            match xml::text_at(&answer.body, path).map_err(|error| format!("expected XML: {error}"))? {
                Some(got) if got == *wanted => {}
                Some(got) => return Err(format!("expected {path} to be {wanted}, got {got}")),
                None => return Err(format!("expected {path} to be {wanted}, but nothing is there")),
            }
        }
        if let Some(prefix) = self.prefix.as_ref().filter(|prefix| !answer.body.trim_start().starts_with(*prefix)) {
            return Err(format!("expected an answer that begins with {prefix:?}"));
        }
        match &self.regex {
            Some(regex) if !regex.is_match(&answer.body) => Err(format!("expected an answer that matches {regex}")),
            _ => Ok(()),
        }
    }
}

fn parse_regex(key: &'static str, text: &str) -> Result<Regex, ChannelError> {
    Regex::new(text).map_err(|error| ChannelError::new(key, "a regular expression", error))
}

fn parse_xml_path(key: &'static str, text: &str) -> Result<String, ChannelError> {
    let is_name = |name: &str| !name.is_empty() && !name.contains([':', '<', '@', ' ']);
    let (elements, last) = text.rsplit_once('/').unwrap_or(("", text));
    let is_path = is_name(last.trim_start_matches('@'))
        && (elements.is_empty() && !last.starts_with('@') || elements.split('/').all(is_name));
    if is_path {
        Ok(text.to_owned())
    } else {
        Err(ChannelError::new(key, "a path like returnsms/returnstatus", format!("{text:?}")))
    }
}

pub(super) fn parse_path(key: &'static str, text: &str) -> Result<JsonPath, ChannelError> {
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
        let returned = "success = { xml = 'returnsms/returnstatus', equals = 'Success' }";
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
            ("success = { prefix = '0,' }", 200, "\n0,77", "accepted"),
            ("success = { prefix = '0,' }", 200, "-4,0,", "temporary"),
            (
                returned,
                200,
                "<?xml version='1.0'?><returnsms><returnstatus> Success </returnstatus></returnsms>",
                "accepted",
            ),
            (returned, 200, "<returnsms><returnstatus>Faild</returnstatus></returnsms>", "temporary"),
            (returned, 200, "Success", "temporary"),
        ];
        for (toml, status, body, expected) in cases {
            assert_eq!(word(&judged(toml, status, body)), expected, "{toml} {status} {body}");
        }
    }

    #[test]
    fn the_server_s_name_for_a_message_is_kept() {
        for (body, id) in [(r#"{"d": {"id": "m-1"}}"#, Some("m-1")), (r#"{"d": {"id": 12}}"#, Some("12")), ("{}", None)]
        {
            let Outcome::Accepted { remote_id, .. } = judged("remote_id = { json = '$.d.id' }", 200, body) else {
                panic!("{body}")
            };
            assert_eq!(remote_id.as_deref(), id);
        }
    }

    #[test]
    fn an_identifier_stands_also_in_text_and_in_xml() {
        let cases = [
            ("remote_id = { regex = '^0,(\\w+)' }", "0,ab12,x", Some("ab12")),
            ("remote_id = { regex = '^0,(\\w+)' }", "1,ab12", None),
            ("remote_id = { xml = 'returnsms/taskID' }", "<returnsms><taskID>9</taskID></returnsms>", Some("9")),
            ("remote_id = { xml = 'r/@id' }", "<r id='9'/>", Some("9")),
            ("remote_id = { xml = 'r/id' }", "<r><id/></r>", None),
        ];
        for (toml, body, id) in cases {
            let Outcome::Accepted { remote_id, .. } = judged(toml, 200, body) else { panic!("{body}") };
            assert_eq!(remote_id.as_deref(), id, "{toml} {body}");
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
            "remote_id = { json = 'x' }",
            "remote_id = { regex = 'no group' }",
            "remote_id = { xml = 'a//b' }",
            "remote_id = {}",
            "remote_id = { json = '$.a', xml = 'a' }",
            "success = { xml = 'a' }",
            "success = { xml = 'a', json = '$.a', equals = 0 }",
            "success = { xml = '@a', equals = 0 }",
        ] {
            assert!(expectation(toml).is_err(), "{toml}");
        }
    }
}
