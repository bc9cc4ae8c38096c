//! Templates, and the places that their values cannot leave.
//!
//! **Invariant:** whatever a value holds, in the URL it is percent-encoded, in a JSON body it is one JSON value, in an
//! XML body it is text; `safe` and `autoescape` change nothing about that.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, Serde, Value};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, context};
use secrecy::{ExposeSecret as _, SecretString};

use super::charset::Charset;
use super::filters::{self, plain};
use super::xml;
use crate::core::contact::Medium;
use crate::wire::line::percent_encoded_bytes;
use crate::wire::{ChannelError, Message};

/// The name of the URL's template.
pub(super) const URL: &str = "url";
/// The name of a JSON body's template.
pub(super) const JSON: &str = "json";
/// The name of an XML body's template.
pub(super) const XML: &str = "xml";

const FUEL: u64 = 100_000;

/// An environment without templates. One for samples lets every name be missing.
pub(in crate::wire) fn environment(samples: bool) -> Environment<'static> {
    environment_in(Charset::Utf8, samples)
}

/// The same for requests in another charset.
pub(super) fn environment_in(charset: Charset, samples: bool) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(if samples { UndefinedBehavior::Chainable } else { UndefinedBehavior::Strict });
    environment.set_formatter(move |out, state, value| put(out, state, value, charset, samples));
    // Whoever writes `safe` means text; only `tojson` makes a text that is believed to be JSON.
    environment.add_filter("safe", |value: Value| value);
    filters::add(&mut environment, charset);
    environment
}

/// What templates can speak of, besides `secret.NAME`.
pub(in crate::wire) const NAMES: [&str; 9] =
    ["id", "to_name", "to_address", "date", "subject", "text", "html", "medium", "facts"];

/// Adds a template of a message that stands under `key` in the configuration, if it speaks of nothing unknown.
pub(in crate::wire) fn add(
    environment: &mut Environment<'static>,
    key: &'static str,
    name: &str,
    text: &str,
    secrets: &BTreeMap<String, SecretString>,
) -> Result<(), ChannelError> {
    add_knowing(&NAMES, environment, key, name, text, secrets)
}

/// The same with other names.
pub(super) fn add_knowing(
    names: &[&str],
    environment: &mut Environment<'static>,
    key: &'static str,
    name: &str,
    text: &str,
    secrets: &BTreeMap<String, SecretString>,
) -> Result<(), ChannelError> {
    let added = environment.add_template_owned(name.to_owned(), text.to_owned());
    let template = added.and_then(|()| environment.get_template(name)).map_err(|error| {
        ChannelError::new(key, "a template", format!("{} in {text:?}", error.detail().unwrap_or("an error")))
    })?;
    let is_global = |name: &str| environment.globals().any(|(global, _)| global == name);
    let is_known = |name: &str| match name.split('.').collect::<Vec<_>>()[..] {
        ["secret", secret, ..] => secrets.contains_key(secret),
        [first, ..] => first == "secret" || names.contains(&first) || is_global(first),
        [] => false,
    };
    match template.undeclared_variables(true).iter().filter(|name| !is_known(name)).min() {
        Some(name) if name.starts_with("secret.") => {
            let known: Vec<_> = secrets.keys().map(|name| format!("secret.{name}")).collect();
            Err(ChannelError::new(key, format!("a secret of this channel ({})", known.join(", ")), name))
        }
        Some(name) => Err(ChannelError::new(key, format!("{} or secret.NAME", names.join(", ")), name)),
        None => Ok(()),
    }
}

/// Whether a template speaks of the facts behind the words, which are taken apart for nobody else.
pub(in crate::wire) fn asks_for_facts(environment: &Environment<'_>) -> bool {
    environment.templates().any(|(_, template)| template.undeclared_variables(false).contains("facts"))
}

/// Whether no template speaks of anything that a message or a question brings.
pub(super) fn asks_for_nothing(environment: &Environment<'_>) -> bool {
    environment.templates().all(|(_, template)| template.undeclared_variables(false).is_empty())
}

/// What templates see of a message; without its facts if nobody asks for them.
pub(in crate::wire) fn values(
    message: &Message,
    medium: Medium,
    secrets: &BTreeMap<String, SecretString>,
    with_facts: bool,
) -> Value {
    let secret = secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose_secret()));
    context! {
        id => message.id.to_string(),
        to_name => message.to_name.as_str(),
        to_address => message.to_address.as_str(),
        date => message.date.to_rfc3339(),
        subject => message.subject.as_str(),
        text => message.text.as_str(),
        html => message.html.as_deref(),
        medium => Serde(medium),
        facts => if with_facts { Value::from(Serde(message.facts.value())) } else { Value::UNDEFINED },
        secret => Value::from_pairs(secret),
    }
}

/// What a failed template says to people.
pub(in crate::wire) fn reason(error: &Error) -> String {
    format!("the channel's template failed: {error}")
}

fn put(
    out: &mut Output<'_>,
    state: &State<'_, '_>,
    value: &Value,
    charset: Charset,
    samples: bool,
) -> Result<(), Error> {
    if value.is_undefined() && !samples {
        return Err(Error::new(ErrorKind::UndefinedError, "a name has no value"));
    }
    let written = match state.name() {
        URL => out.write_str(&percent_encoded_bytes(&charset.bytes(&plain(value)))),
        XML => out.write_str(&xml::escaped(&plain(value))),
        JSON => out.write_str(&json(value)?),
        _ => out.write_str(&plain(value)),
    };
    written.map_err(Error::from)
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

/// Stands for any value when a template is tried out: whatever is asked of it, it is the nastiest of texts.
#[derive(Debug)]
pub(super) struct Sample;

impl Sample {
    pub(super) fn value() -> Value {
        Value::from_object(Self)
    }
}

impl Object for Sample {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, _key: &Value) -> Option<Value> {
        Some(Self::value())
    }

    fn render(self: &Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\",\n\\']}--><&")
    }
}
