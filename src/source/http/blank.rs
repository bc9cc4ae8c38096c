//! **Blanks**: requests with their values left open.
//!
//! **Invariant:** whatever a value holds, in a URL and a form it is percent-encoded, in a JSON body it is one JSON value;
//! no value leads a request to another server or up its path. A template speaks of nothing unknown.

use std::collections::{BTreeMap, HashSet};

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

/// Secrets by name.
pub(super) type Secrets = BTreeMap<String, SecretString>;

const FUEL: u64 = 100_000;

/// The names that a page's request knows.
pub(super) const OF_PAGE: [&str; 5] = ["since", "page", "offset", "cursor", "size"];

/// Templates by their places.
pub(super) struct Blanks {
    environment: Environment<'static>,
    secrets: Secrets,
    spoken: HashSet<String>,
}

/// How values are written at a place: its name begins with this.
pub(super) mod form {
    pub const URL: &str = "url";
    pub const FORM: &str = "form";
    pub const JSON: &str = "json";
}

impl Blanks {
    pub fn new(secrets: Secrets) -> Self {
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_formatter(|out, state, value| put(out, state, value));
        // Whoever writes `safe` means text; only `tojson` makes a text that is believed to be JSON.
        environment.add_filter("safe", |value: Value| value);
        Self { environment, secrets, spoken: HashSet::new() }
    }

    /// Adds the template of a place; the error says what is wrong with it.
    pub fn add(&mut self, place: &str, text: &str, names: &[&str]) -> Result<(), String> {
        let added = self.environment.add_template_owned(place.to_owned(), text.to_owned());
        let template = added.and_then(|()| self.environment.get_template(place));
        let template = template
            .map_err(|e| format!("expected a template, got {} in {text:?}", e.detail().unwrap_or("an error")))?;
        let globals: HashSet<&str> = self.environment.globals().map(|(name, _)| name).collect();
        let mut spoken = template.undeclared_variables(true).into_iter().collect::<Vec<_>>();
        spoken.sort();
        for name in &spoken {
            let parts: Vec<&str> = name.split('.').collect();
            match parts[..] {
                ["secret", secret, ..] if self.secrets.contains_key(secret) => {}
                ["secret", secret, ..] => {
                    let known: Vec<&str> = self.secrets.keys().map(String::as_str).collect();
                    return Err(format!("expected one of the secrets ({}), got {secret:?}", known.join(", ")));
                }
                [first, ..] if names.contains(&first) || globals.contains(first) => {}
                _ => return Err(format!("expected {} or secret.NAME, got {name:?}", names.join(", "))),
            }
        }
        self.spoken.extend(spoken.iter().filter_map(|name| name.split('.').next()).map(str::to_owned));
        Ok(())
    }

    /// Whether any template speaks of a name.
    pub fn speak_of(&self, name: &str) -> bool {
        self.spoken.contains(name)
    }

    /// The text of a place.
    pub fn text(&self, place: &str, values: &[(&str, Value)]) -> Result<String, String> {
        let secret = self.secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose_secret()));
        let secret = ("secret", Value::from_pairs(secret));
        let values = Value::from_pairs(values.iter().cloned().chain([secret]));
        let template = self.environment.get_template(place);
        template.and_then(|template| template.render(values)).map_err(|e| format!("a template failed: {e}"))
    }

    /// The address of a place, on the server of `origin`.
    pub fn url(&self, place: &str, origin: &Url, values: &[(&str, Value)]) -> Result<Url, String> {
        let text = self.text(place, values)?;
        let path = text.split(['?', '#']).next().unwrap_or_default();
        let turns_back = |part: &str| matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
        let url = Url::parse(&text).map_err(|e| format!("expected a URL: {e}"))?;
        if path.split('/').any(turns_back) || url.origin() != origin.origin() {
            return Err("a value would lead the request elsewhere".to_owned());
        }
        Ok(url)
    }

    /// The text without any of the secrets.
    pub fn redacted(&self, text: String) -> String {
        let long = self.secrets.values().map(SecretString::expose_secret).filter(|secret| secret.len() >= 4);
        long.fold(text, |text, secret| text.replace(secret, "***"))
    }
}

/// The server of a URL's template, which stands in it as it is.
pub(super) fn origin(text: &str) -> Result<Url, String> {
    let fixed = text.split("{{").next().unwrap_or_default().split("{%").next().unwrap_or_default();
    let expected = || format!("expected http:// or https://, a host and a path, before any {{{{ … }}}}, got {text:?}");
    let url = Url::parse(fixed).map_err(|_| expected())?;
    let after_host = fixed.split_once("://").is_some_and(|(_, rest)| rest.contains('/')) || fixed == text;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() || !after_host {
        return Err(expected());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("expected no login in a URL, write login = { basic = … }".to_owned());
    }
    Ok(url)
}

fn put(out: &mut Output<'_>, state: &State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        return Err(Error::new(ErrorKind::UndefinedError, "a name has no value"));
    }
    let plain = || if value.is_none() { String::new() } else { value.to_string() };
    let name = state.name();
    let text = if name.starts_with(form::URL) || name.starts_with(form::FORM) {
        percent_encoded(&plain())
    } else if name.starts_with(form::JSON) {
        json(value)?
    } else {
        plain()
    };
    out.write_str(&text).map_err(Error::from)
}

/// One JSON value. Text that calls itself safe (the result of `tojson`) is believed if it is one.
fn json(value: &Value) -> Result<String, Error> {
    if let Some(text) = value.as_str().filter(|_| value.is_safe())
        && serde_json::from_str::<serde_json::Value>(text).is_ok()
    {
        return Ok(text.to_owned());
    }
    serde_json::to_string(value)
        .map_err(|error| Error::new(ErrorKind::BadSerialization, format!("a value has no JSON: {error}")))
}

/// Everything but letters, digits and `-._~`.
pub(super) fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_in_their_places() {
        let secrets = Secrets::from([("k".to_owned(), "s&\"x".to_owned().into())]);
        let mut blanks = Blanks::new(secrets);
        let names = ["id"];
        blanks.add("url", "https://a.test/t/{{ id }}?k={{ secret.k }}", &names).expect("template");
        blanks.add("json", r#"{"id": {{ id }}, "k": {{ secret.k }}}"#, &names).expect("template");
        blanks.add("header.x", "Bearer {{ secret.k }}", &names).expect("template");
        let base = origin("https://a.test/t/{{ id }}").expect("origin");
        let with = |id: &str| [("id", Value::from(id.to_owned()))];
        let url = blanks.url("url", &base, &with("1/../?&#件")).expect("url");
        assert_eq!(url.as_str(), "https://a.test/t/1%2F..%2F%3F%26%23%E4%BB%B6?k=s%26%22x");
        assert!(blanks.url("url", &base, &with("..")).is_err());
        assert_eq!(blanks.text("json", &with("a\"b")).expect("text"), r#"{"id": "a\"b", "k": "s&\"x"}"#);
        assert_eq!(blanks.text("header.x", &with("")).expect("text"), "Bearer s&\"x");
        assert_eq!(blanks.redacted("got s&\"x".into()), "got ***");
        for (text, expected) in [
            ("{{ idd }}", "expected id or secret.NAME"),
            ("{{ secret.z }}", "the secrets (k)"),
            ("{{ id", "a template"),
        ] {
            let said = blanks.add("x", text, &names).expect_err(text);
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn a_server_is_named_before_any_value() {
        for good in ["http://a.test", "https://a.test:8443/{{ id }}", "https://a.test/x?since={{ since }}"] {
            origin(good).expect(good);
        }
        for wrong in
            ["", "a.test/x", "ftp://a.test/", "https://{{ x }}/", "https://a.test{{ x }}/", "https://u:p@a.test/"]
        {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }
}
