//! **Matcher**: which cards something is about: a route, a silence. Every key has to fit one of its patterns.
//!
//! ```toml
//! rule = "2110"                  # one text
//! unit = ["住建局", "*街道办"]   # any of these; * stands for any characters
//! region = "!示范区"             # anything but this
//! ```
//!
//! A key is `source id kind title status unit owner region rule window level` or any field of the item. What is missing
//! fits no pattern but those with `!`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::instant;
use super::item::Item;
use super::value::Value;
use super::window::Level;

/// Which cards something is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Matcher(BTreeMap<String, Patterns>);

/// What a key has to be like.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Patterns(Vec<String>);

/// A card, as matchers see it.
#[derive(Debug, Clone, Copy)]
pub struct Suspect<'a> {
    /// The item.
    pub item: &'a Item,
    /// The rule.
    pub rule: &'a str,
    /// The window or finding.
    pub window: &'a str,
    /// The level that is told.
    pub level: Option<Level>,
}

impl Matcher {
    /// A matcher of pairs `key=pattern`, as a command line gives them; a key may stand several times.
    pub fn of_pairs<'p>(pairs: impl IntoIterator<Item = &'p str>) -> Result<Self, String> {
        let mut keys: BTreeMap<String, Patterns> = BTreeMap::new();
        for pair in pairs {
            let (key, pattern) =
                pair.split_once('=').map(|(key, pattern)| (key.trim(), pattern.trim())).unwrap_or_default();
            if key.is_empty() || pattern.trim_start_matches('!').is_empty() {
                return Err(format!("expected key=pattern such as unit=住建局, got {pair:?}"));
            }
            keys.entry(key.to_owned()).or_insert(Patterns(Vec::new())).0.push(pattern.to_owned());
        }
        Ok(Self(keys))
    }

    /// Whether it is about a card.
    pub fn fits(&self, suspect: &Suspect<'_>) -> bool {
        self.0.iter().all(|(key, patterns)| patterns.fit(suspect.value(key).as_deref()))
    }

    /// The keys that it asks for.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether it is about every card.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Display for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pairs = self.0.iter().flat_map(|(key, patterns)| patterns.0.iter().map(move |p| format!("{key}={p}")));
        f.write_str(&pairs.collect::<Vec<_>>().join(" "))
    }
}

impl<'a> Suspect<'a> {
    /// The keys that every card has, beside the fields of its item.
    pub const KEYS: [&'static str; 7] = ["source", "id", "kind", "title", "rule", "window", "level"];

    /// What a key has on the card, as text.
    pub fn value(&self, key: &str) -> Option<Cow<'a, str>> {
        match key {
            "source" => Some(Cow::Borrowed(&*self.item.key.source)),
            "id" => Some(Cow::Borrowed(&*self.item.key.id)),
            "kind" => Some(Cow::Borrowed(&*self.item.kind)),
            "title" => Some(Cow::Borrowed(self.item.title())),
            "rule" => Some(Cow::Borrowed(self.rule)),
            "window" => Some(Cow::Borrowed(self.window)),
            "level" => self.level.map(|level| Cow::Borrowed(level.word())),
            field => self.item.fields.get(field).and_then(plain),
        }
    }
}

/// A single value as text.
fn plain(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Text(text) => Some(Cow::Borrowed(text)),
        Value::Bool(flag) => Some(Cow::Owned(flag.to_string())),
        Value::Int(number) => Some(Cow::Owned(number.to_string())),
        Value::Float(number) => Some(Cow::Owned(number.to_string())),
        Value::Instant(at) => Some(Cow::Owned(instant::text(*at))),
        Value::Missing | Value::List(_) | Value::Map(_) => None,
    }
}

impl Patterns {
    /// Any of the patterns, if there are any, and none of those with `!`.
    fn fit(&self, value: Option<&str>) -> bool {
        let (against, wanted): (Vec<&String>, Vec<&String>) = self.0.iter().partition(|p| p.starts_with('!'));
        let is = |pattern: &str| value.is_some_and(|value| resembles(pattern, value));
        (wanted.is_empty() || wanted.iter().any(|p| is(p))) && !against.iter().any(|p| is(&p[1..]))
    }
}

/// Whether a value is what a pattern says; `*` stands for any characters.
fn resembles(pattern: &str, value: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == value };
    let Some(mut left) = value.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

impl Serialize for Patterns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0[..] {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Patterns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a text or a list of texts")]
        enum Written {
            One(String),
            Many(Vec<String>),
        }
        let patterns = match Written::deserialize(deserializer)? {
            Written::One(pattern) => vec![pattern],
            Written::Many(patterns) => patterns,
        };
        if patterns.is_empty() || patterns.iter().any(|p| p.trim_start_matches('!').is_empty()) {
            return Err(D::Error::custom("expected patterns that are not empty"));
        }
        Ok(Self(patterns))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::item::ItemKey;

    fn fits(matcher: &str) -> bool {
        let mut item = Item::new(ItemKey::new("hotline", "T1"), "ticket");
        item.fields.set("unit", Value::text("城关街道办"));
        item.fields.set("type", Value::text("投诉"));
        let suspect = Suspect { item: &item, rule: "2110", window: "on_site", level: Some(Level::Red) };
        toml::from_str::<Matcher>(matcher).expect(matcher).fits(&suspect)
    }

    #[test]
    fn every_key_has_to_fit_one_of_its_patterns() {
        for (matcher, expected) in [
            ("", true),
            ("rule = '2110'", true),
            ("rule = ['137', '2110']", true),
            ("rule = '137'", false),
            ("unit = '*街道办'", true),
            ("unit = '城*办'", true),
            ("unit = '街道'", false),
            ("unit = '*街道*'", true),
            ("unit = '!住建局'", true),
            ("unit = '!*街道办'", false),
            ("unit = ['*办', '!城关*']", false),
            ("type = '投诉'\nlevel = 'red'", true),
            ("type = '投诉'\nlevel = 'yellow'", false),
            ("kind = 'ticket'\nsource = 'hotline'\nid = 'T*'\nwindow = 'on_site'", true),
            ("region = '*'", false),
            ("region = '!示范区'", true),
        ] {
            assert_eq!(fits(matcher), expected, "{matcher}");
        }
    }

    #[test]
    fn a_command_line_says_the_same_as_a_file() {
        let pairs = Matcher::of_pairs(["unit=*街道办", "rule=2110", "rule=137"]).expect("a matcher");
        let file: Matcher = toml::from_str("unit = '*街道办'\nrule = ['2110', '137']").expect("a matcher");
        assert_eq!(pairs, file);
        assert_eq!(pairs.to_string(), "rule=2110 rule=137 unit=*街道办");
        for wrong in ["unit", "=x", "unit=", "unit=!", ""] {
            assert!(Matcher::of_pairs([wrong]).is_err(), "{wrong}");
        }
        for wrong in ["unit = []", "unit = ''", "unit = 3", "unit = ['!']"] {
            assert!(toml::from_str::<Matcher>(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn stars_find_what_they_were_cut_from(parts in prop::collection::vec("[a-c字]{0,3}", 1..5)) {
            let value = parts.join("xyz");
            prop_assert!(resembles(&parts.join("*"), &value));
            prop_assert!(resembles(&value, &value));
            let other = format!("{}Q", parts.join("*"));
            prop_assert!(!resembles(&other, &value));
        }
    }
}
