//! What the SQL engines share: the verbs with their statements, written once, and the shapes of rows.
//!
//! Rows reach a statement in batches, as the table `r`: SQLite opens one JSON text with `json_each`, PostgreSQL one array
//! for each column with `UNNEST`. The rest of a statement is the same text on both.
//!
//! **Invariants:** an instant is a column of whole microseconds since 1970; what is finer is cut. A text column never
//! holds a NUL, which PostgreSQL refuses; inside JSON columns it stays, escaped.

pub mod rows;

pub mod session;

mod store;

pub(in crate::store) mod audit;

pub(in crate::store) mod courier;

pub(in crate::store) mod items;

pub(in crate::store) mod lists;

pub(in crate::store) mod orders;

pub(in crate::store) mod persons;

pub(in crate::store) mod playbooks;

pub(in crate::store) mod receipts;

pub(in crate::store) mod remarks;

pub(in crate::store) mod sends;

pub(in crate::store) mod turns;

pub use store::SqlStore;

use std::str::FromStr;

use rows::{IdRow, Row};
use serde::Serialize;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer as _};
use session::{Engine, Given, Session};

use super::{Result, StoreError};
use crate::core::Instant;

/// At most so many rows travel in one statement.
pub const BATCH_ROWS: usize = 1_000;

/// A batch is closed when its text is longer than this.
const BATCH_BYTES: usize = 8 << 20;

/// The column of an instant.
pub fn micros(at: Instant) -> i64 {
    at.timestamp_micros()
}

/// The instant of a column.
pub fn instant(micros: i64) -> Result<Instant> {
    Instant::from_timestamp_micros(micros).ok_or_else(|| unreadable("an instant", "microseconds since 1970", micros))
}

/// The instant of a column that may be empty.
pub fn maybe_instant(micros: Option<i64>) -> Result<Option<Instant>> {
    micros.map(instant).transpose()
}

/// The column of a text.
pub fn plain(text: &str) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text.to_owned() }
}

/// The column of a value that is kept as JSON.
pub fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("values of the core have JSON")
}

/// The value of a JSON column.
pub fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| unreadable("a JSON column", error, cut(text)))
}

/// The word of a value that is one.
pub fn word(value: &impl Serialize) -> String {
    json(value).trim_matches('"').to_owned()
}

/// The value that a word names.
pub fn from_word<T: DeserializeOwned>(word: &str) -> Result<T> {
    let deserializer: StrDeserializer<'_, serde::de::value::Error> = word.into_deserializer();
    T::deserialize(deserializer).map_err(|error| unreadable("a word", error, cut(word)))
}

/// The identity of a column of hex digits.
pub fn id<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T> {
    text.parse().map_err(|error| unreadable("an identity", error, cut(text)))
}

/// The number of a column.
pub fn number<T: TryFrom<i64>>(number: i64) -> Result<T> {
    T::try_from(number).map_err(|_| unreadable("a number", std::any::type_name::<T>(), number))
}

/// Something in the store is not what it has to be.
pub fn unreadable(what: &str, expected: impl std::fmt::Display, got: impl std::fmt::Display) -> StoreError {
    StoreError::Unreadable(format!("{what}: expected {expected}, got {got}"))
}

fn cut(text: &str) -> &str {
    text.get(..80).unwrap_or(text)
}

/// A count as a value that a statement is given.
fn limit(rows: usize) -> Given {
    Given::Number(i64::try_from(rows).unwrap_or(i64::MAX))
}

/// Waits for its turn among those who enter the same names for the same thing, where several can write at once.
async fn enter<E: Engine>(session: &mut E::Session, thing: i64, mut names: Vec<String>) -> Result<()> {
    let Some(statement) = E::ENTER else { return Ok(()) };
    names.sort_unstable();
    names.dedup();
    session.select_over::<(i64,), _>(statement, &[thing.into()], IdRow::all(names)).await?;
    Ok(())
}

/// Rows as values.
fn values<V, R>(rows: Vec<R>) -> Result<Vec<V>>
where
    V: TryFrom<R, Error = StoreError>,
{
    rows.into_iter().map(V::try_from).collect()
}

/// The next rows, at most so many and short enough for one statement; `None` when there are none.
pub fn next_batch<R: Row>(rows: &mut impl Iterator<Item = R>, most: usize) -> Option<Vec<R>> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while batch.len() < most && bytes < BATCH_BYTES {
        let Some(row) = rows.next() else { break };
        bytes += row.bytes();
        batch.push(row);
    }
    (!batch.is_empty()).then_some(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_travel_by_the_thousand_and_in_bounded_statements() {
        let sizes = |texts: Vec<String>| {
            let mut rows = rows::IdRow::all(texts).into_iter();
            std::iter::from_fn(|| next_batch(&mut rows, BATCH_ROWS)).map(|batch| batch.len()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(vec![]), [0; 0]);
        assert_eq!(sizes(vec![String::new(); 2_001]), [1_000, 1_000, 1]);
        assert_eq!(sizes(vec!["x".repeat(3 << 20); 4]), [3, 1]);
    }

    #[test]
    fn an_instant_survives_its_column_to_the_microsecond() {
        for text in ["1969-12-31T23:59:59.999999Z", "2026-03-02T02:00:00.000001Z", "0001-01-01T00:00:00Z"] {
            let at: Instant = text.parse().expect("instant");
            assert_eq!(instant(micros(at)).expect("instant"), at);
        }
        for edge in [Instant::MIN_UTC, Instant::MAX_UTC] {
            let back = instant(micros(edge)).expect("instant");
            assert!((edge - back) < chrono::TimeDelta::microseconds(1), "{edge} {back}");
        }
        assert!(instant(i64::MAX).is_err());
    }

    #[test]
    fn words_are_those_of_the_json() {
        use crate::core::delivery::DeliveryState;
        for state in DeliveryState::ALL {
            assert_eq!(word(&state), state.word());
            assert_eq!(from_word::<DeliveryState>(state.word()).expect("word"), state);
        }
        assert!(from_word::<DeliveryState>("lost").is_err());
    }

    #[test]
    fn a_text_column_holds_no_nul() {
        assert_eq!(plain("a\0b'\"督办"), "a\u{fffd}b'\"督办");
        assert_eq!(json(&"a\0b"), r#""a\u0000b""#);
    }
}
