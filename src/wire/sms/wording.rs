//! A registered template as the configuration repeats it, and the variables that fill it.
//!
//! **Invariant:** the variables that are filled are those that the template's text names, no more and no fewer; what
//! fills them is a bounded string, whatever a message holds.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Environment, Value};
use regex::{Captures, Regex};
use serde::Deserialize;

use super::variable::bounded;
use crate::core::contact::Medium;
use crate::wire::webhook::template;
use crate::wire::{ChannelError, Message};

/// The longest value of a variable, in UTF-16 units: the same for all, or for each by its name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum MaxLen {
    /// All variables.
    All(usize),
    /// Those that are named; others keep the default.
    Each(BTreeMap<String, usize>),
}

/// What carriers always took.
const USUAL: usize = 20;

/// One message and its number of parts.
const WHOLE: usize = 70;
const PART: usize = 67;

impl Default for MaxLen {
    fn default() -> Self {
        Self::All(USUAL)
    }
}

impl MaxLen {
    fn of(&self, name: &str) -> usize {
        match self {
            Self::All(longest) => *longest,
            Self::Each(lengths) => lengths.get(name).copied().unwrap_or(USUAL),
        }
    }

    fn check(&self, names: &BTreeSet<&str>) -> Result<(), ChannelError> {
        let lengths: Vec<(&str, usize)> = match self {
            Self::All(longest) => vec![("all", *longest)],
            Self::Each(lengths) => lengths.iter().map(|(name, longest)| (name.as_str(), *longest)).collect(),
        };
        for (name, longest) in lengths {
            if !(1..=500).contains(&longest) {
                return Err(ChannelError::new("max_len", "1 to 500 UTF-16 units", longest));
            }
            if matches!(self, Self::Each(_)) && !names.contains(name) {
                return Err(ChannelError::new("max_len", list(names), format!("{name:?}")));
            }
        }
        Ok(())
    }
}

/// How a vendor writes a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `${name}`.
    Named,
    /// `{1}`.
    Numbered,
}

/// A registered signature and template.
pub(super) struct Wording {
    sign: String,
    text: String,
    variable: Regex,
    names: Vec<String>,
    templates: Environment<'static>,
    asks_for_facts: bool,
    max_len: MaxLen,
}

impl Wording {
    /// The template `text`, whose variables `params` fills in this order.
    pub(super) fn new(
        sign: &str,
        text: &str,
        style: Style,
        params: Vec<(String, String)>,
        max_len: &MaxLen,
    ) -> Result<Self, ChannelError> {
        check_sign(sign)?;
        let variable = style.variable();
        let wanted: BTreeSet<&str> =
            variable.captures_iter(text).filter_map(|found| Some(found.get(1)?.as_str())).collect();
        let given: BTreeSet<&str> = params.iter().map(|(name, _)| name.as_str()).collect();
        if wanted != given {
            let expected = format!("the variables of the template's text ({})", list(&wanted));
            return Err(ChannelError::new("params", expected, list(&given)));
        }
        max_len.check(&wanted)?;
        // A message that lacks a fact is sent all the same: a dash tells more than nothing does.
        let mut templates = template::environment(true);
        for (name, value) in &params {
            template::add(&mut templates, "params", &place(name), value, &BTreeMap::new())?;
        }
        let names = params.into_iter().map(|(name, _)| name).collect();
        let (sign, text, asks_for_facts) = (sign.to_owned(), text.to_owned(), template::asks_for_facts(&templates));
        Ok(Self { sign, text, variable, names, templates, asks_for_facts, max_len: max_len.clone() })
    }

    /// The values for one message, in the order of the parameters.
    pub(super) fn fill(&self, message: &Message) -> Result<Vec<(&str, String)>, String> {
        let values = template::values(message, Medium::Sms, &BTreeMap::new(), self.asks_for_facts);
        self.names.iter().map(|name| Ok((name.as_str(), self.value(name, &values)?))).collect()
    }

    fn value(&self, name: &str, values: &Value) -> Result<String, String> {
        let text = self.templates.get_template(&place(name)).and_then(|template| template.render(values));
        let text = text.map_err(|error| template::reason(&error))?;
        Ok(bounded(&text, self.max_len.of(name)))
    }

    /// What the receiver reads, for people who look for a mistake.
    pub(super) fn shown(&self, values: &[(&str, String)]) -> String {
        let value = |found: &Captures<'_>| {
            let value = values.iter().find(|(name, _)| *name == &found[1]);
            value.map_or(String::new(), |(_, value)| value.clone())
        };
        let text = format!("【{}】{}", self.sign, self.variable.replace_all(&self.text, value));
        let units = text.encode_utf16().count();
        let parts = if units <= WHOLE { 1 } else { units.div_ceil(PART) };
        format!("* the receiver reads, in {units} UTF-16 units ({parts} to pay): {text}")
    }
}

impl Style {
    fn variable(self) -> Regex {
        let text = match self {
            Self::Named => r"\$\{([A-Za-z0-9_]+)\}",
            Self::Numbered => r"\{([0-9]+)\}",
        };
        Regex::new(text).expect("a constant expression")
    }
}

/// A template's name is a place of its own: some names mean more.
fn place(name: &str) -> String {
    format!("param {name}")
}

fn check_sign(sign: &str) -> Result<(), ChannelError> {
    let is_bare = !sign.is_empty() && !sign.contains(['【', '】', '\n']);
    if is_bare {
        Ok(())
    } else {
        Err(ChannelError::new("sign", "the registered signature without 【】", format!("{sign:?}")))
    }
}

fn list(names: &BTreeSet<&str>) -> String {
    if names.is_empty() { "none".to_owned() } else { names.iter().copied().collect::<Vec<_>>().join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "${title}已${state}，请登录督办平台办理。";

    fn wording(text: &str, params: &[(&str, &str)], max_len: &MaxLen) -> Result<Wording, ChannelError> {
        let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Wording::new("示范区督查室", text, Style::Named, params, max_len)
    }

    #[test]
    fn parameters_are_those_of_the_registered_text() {
        let usual = MaxLen::default();
        assert!(wording(TEXT, &[("title", "{{ subject }}"), ("state", "{{ facts.state }}")], &usual).is_ok());
        for (params, got) in [
            (&[("title", "x")][..], "got title"),
            (&[("title", "x"), ("state", "x"), ("unit", "x")], "got state, title, unit"),
            (&[], "got none"),
        ] {
            let error = wording(TEXT, params, &usual).err().expect("refused").to_string();
            assert!(
                error.starts_with("params: expected the variables of the template's text (state, title)"),
                "{error}"
            );
            assert!(error.ends_with(got), "{error}");
        }
        let error = wording("${a}", &[("a", "{{ mobile }}")], &usual).err().expect("unknown name").to_string();
        assert!(error.starts_with("params: expected id, to_name"), "{error}");
        let lengths = MaxLen::Each(BTreeMap::from([("b".to_owned(), 9)]));
        let error = wording("${a}", &[("a", "x")], &lengths).err().expect("unknown variable").to_string();
        assert_eq!(error, "max_len: expected a, got \"b\"");
        assert!(wording("${a}", &[("a", "x")], &MaxLen::All(0)).is_err());
    }

    #[test]
    fn a_signature_stands_without_its_brackets() {
        for sign in ["", "【督办】"] {
            assert!(Wording::new(sign, "x", Style::Numbered, Vec::new(), &MaxLen::default()).is_err(), "{sign}");
        }
    }
}
