//! What a column of a SQL store makes of a value, made of it here too.

use std::sync::Arc;

use crate::core::Instant;
use crate::core::item::ItemKey;

/// An instant in whole microseconds; what is finer is cut.
pub fn cut(at: Instant) -> Instant {
    Instant::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

/// A text without NUL.
pub fn plain(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A name without NUL; nearly every one is without, and is shared.
pub fn name(name: &Arc<str>) -> Arc<str> {
    if name.contains('\0') { plain(name).into() } else { name.clone() }
}

/// The key of an item, both names without NUL.
pub fn key(key: &ItemKey) -> ItemKey {
    ItemKey { source: name(&key.source), id: name(&key.id) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_a_column_gives_back() {
        use crate::store::sql;
        for text in ["1969-12-31T23:59:59.123456789Z", "2026-03-02T02:00:00.999999999Z", "0001-01-01T00:00:00Z"] {
            let at: Instant = text.parse().expect("an instant");
            assert_eq!(cut(at), sql::instant(sql::micros(at)).expect("an instant"));
        }
        for text in ["", "a\0b", "督办"] {
            assert_eq!(plain(text), sql::plain(text));
            assert_eq!(*name(&text.into()), sql::plain(text));
        }
    }
}
