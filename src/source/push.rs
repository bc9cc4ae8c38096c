//! Rows that a system brings by itself, in one call: `{"items": [{…}, …], "complete": true}`.
//!
//! **Invariant:** a call is whole or nothing; whether it is believed, the same guard says as for a poll.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json_path::JsonPath;

use super::json::{Columns, Document};
use super::mapping::Mapping;
use super::packed::Packed;
use super::terms::span;
use super::{Fetched, PollError, Source};
use crate::core::Instant;
use crate::secret::SecretRef;

/// `[source.NAME.push]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushConfig {
    /// What the caller shows as `Authorization: Bearer …`.
    pub token: SecretRef,
    /// Columns that no row needs to have.
    #[serde(default)]
    pub optional: Vec<String>,
    /// The most bytes of one call.
    #[serde(default = "sixteen_mebibytes")]
    pub max_bytes: usize,
    /// How long it may be silent before it counts as in trouble, such as `1h`; without it, for ever.
    #[serde(default, deserialize_with = "maybe_span")]
    pub silent_after: Option<Duration>,
}

fn maybe_span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    span(deserializer).map(Some)
}

const fn sixteen_mebibytes() -> usize {
    16 << 20
}

/// A source that is not asked: it calls.
pub struct PushSource {
    place: String,
    columns: Columns,
    list: JsonPath,
    mapping: Arc<Mapping>,
}

/// A call's rows.
#[derive(Debug)]
pub struct Pushed {
    /// The rows.
    pub fetched: Fetched,
    /// Whether they are all that there is.
    pub complete: bool,
}

/// Why a call's body cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is not what a call looks like.
    #[error("{0}")]
    Form(String),
    /// It is, and the rows are not what the mapping wants.
    #[error("{0}")]
    Rows(PollError),
}

impl PushSource {
    /// The source of a mapping; the error says what is wrong with the configuration.
    pub fn new(config: &PushConfig, mapping: Arc<Mapping>) -> Result<Self, String> {
        let columns = Columns::new(&mapping, &config.optional)?;
        let list = JsonPath::parse("$.items").map_err(|e| e.to_string())?;
        Ok(Self { place: format!("push {}", mapping.source()), columns, list, mapping })
    }

    /// Reads the body of a call.
    pub fn read(&self, body: &[u8]) -> Result<Pushed, Unfit> {
        let form = |problem: String| Unfit::Form(problem);
        let text = std::str::from_utf8(body).map_err(|e| form(format!("expected UTF-8, got other bytes: {e}")))?;
        let call =
            Document::parse(text.trim_start_matches('\u{feff}')).map_err(|e| form(format!("expected JSON: {e}")))?;
        let complete = shape(call.plain()).map_err(form)?;
        let rows = call.into_rows(&self.list).map_err(form)?;
        let mut table = Packed::new(self.place.clone(), []);
        for row in &rows {
            let added = self.columns.add(&mut table, row, None);
            added.map_err(|problem| Unfit::Rows(PollError::TooLarge { place: self.place.clone(), problem }))?;
        }
        self.columns.complete(&mut table);
        let fetched = Fetched::new(table, self.mapping.clone(), &self.place).map_err(Unfit::Rows)?;
        Ok(Pushed { fetched, complete })
    }
}

/// Whether a call is complete; the error says what it lacks or has too much.
fn shape(call: &Value) -> Result<bool, String> {
    const SHAPE: &str = "{\"items\": [{…}], \"complete\": true or false}";
    let Some(call) = call.as_object() else { return Err(format!("expected {SHAPE}")) };
    if let Some(unknown) = call.keys().find(|key| !["items", "complete"].contains(&key.as_str())) {
        return Err(format!("expected {SHAPE}, got the unknown key {unknown:?}"));
    }
    if !call.get("items").is_some_and(Value::is_array) {
        return Err(format!("items: expected a list, as in {SHAPE}"));
    }
    // Whoever forgets it would otherwise say that all else is gone, or that nothing ever is.
    call.get("complete")
        .and_then(Value::as_bool)
        .ok_or_else(|| format!("complete: expected true or false, as in {SHAPE}"))
}

#[async_trait]
impl Source for PushSource {
    async fn fetch(&self, _since: Option<Instant>) -> Result<Fetched, PollError> {
        let problem = "this source is not asked, it calls".to_owned();
        Err(PollError::Unreadable { place: self.place.clone(), problem })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn source() -> PushSource {
        let mapping = toml::from_str("id = 'id'\nkind = 'ticket'\n[fields]\ntitle = 't'\n").expect("mapping");
        let config = toml::from_str("token = { env = 'T' }").expect("config");
        PushSource::new(&config, Arc::new(Mapping::new("hotline", &mapping).expect("mapping"))).expect("source")
    }

    #[test]
    fn a_call_says_what_it_brings_and_whether_that_is_all() {
        let read = source().read(br#"{"items": [{"id": 1, "t": "x"}, {"id": 2}], "complete": false}"#).expect("call");
        assert_eq!((read.fetched.rows(), read.complete), (2, false));
        assert_eq!(read.fetched.map(0).items.len(), 2);
        assert!(source().read(br#"{"items": [], "complete": true}"#).expect("call").complete);
        for (body, expected) in [
            (&b"\xff"[..], "expected UTF-8"),
            (b"", "expected JSON"),
            (b"[]", "expected {\"items\""),
            (br#"{"items": [], "complete": "yes"}"#, "complete: expected true or false"),
            (br#"{"items": []}"#, "complete: expected true or false"),
            (br#"{"items": {}, "complete": true}"#, "items: expected a list"),
            (br#"{"items": [], "complete": true, "x": 1}"#, "unknown key \"x\""),
        ] {
            let Err(Unfit::Form(said)) = source().read(body) else { panic!("{}", String::from_utf8_lossy(body)) };
            assert!(said.contains(expected), "{said}");
        }
        let renamed = source().read(br#"{"items": [{"id": 1, "title": "x"}], "complete": true}"#);
        assert!(matches!(renamed, Err(Unfit::Rows(PollError::Columns { .. }))), "{renamed:?}");
    }

    proptest! {
        #[test]
        fn no_body_breaks_it(body in any::<Vec<u8>>()) {
            let _ = source().read(&body);
        }
    }
}
