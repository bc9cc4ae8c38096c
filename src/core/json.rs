//! **JSON as its text**: what is written once, stored and carried, and looked into by few.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// A JSON value that nobody has to take apart to pass it on.
#[derive(Debug, Clone)]
pub struct Json(Arc<RawValue>);

impl Json {
    /// A value's JSON; `null` if it has none, which is so for maps whose keys are no texts.
    pub fn of(value: &impl Serialize) -> Self {
        Self(serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned()).into())
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// The value that it is the JSON of.
    pub fn read<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(self.text())
    }

    /// The value, to look into it.
    pub fn value(&self) -> Value {
        // What has been read as JSON can be read again.
        self.read().unwrap_or_default()
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self::of(&value)
    }
}

/// However it is written.
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text() || self.value() == other.value()
    }
}

impl Eq for Json {}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Box::<RawValue>::deserialize(deserializer)?.into()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_carried_as_it_was_written_and_is_the_same_however_it_was() {
        let spaced: Json = serde_json::from_str("{\"a\": [1, \"二\"]}").expect("JSON");
        assert_eq!(spaced.text(), "{\"a\": [1, \"二\"]}");
        assert_eq!(serde_json::to_string(&json!([1])).expect("JSON"), Json::of(&[1]).text());
        assert_eq!(serde_json::to_string(&[&spaced]).expect("JSON"), "[{\"a\": [1, \"二\"]}]");
        assert_eq!(spaced, Json::from(json!({ "a": [1, "二"] })));
        assert_ne!(spaced, Json::from(json!({ "a": [1] })));
        assert_eq!(spaced.read::<std::collections::BTreeMap<String, Value>>().expect("a map").len(), 1);
        assert!(serde_json::from_str::<Json>("{\"a\": ").is_err());
    }
}
