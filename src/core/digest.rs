//! Content identity: SHA-256, cut to 128 bits, written as 32 hex digits.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Nearly every item's JSON is shorter.
const USUAL_JSON: usize = 2048;

/// The identity of a content. Equal contents have equal digests on every machine and in every version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 16]);

impl Digest {
    /// The digest of `parts`, kept apart so that ("ab", "c") and ("a", "bc") differ.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self::cut(hash)
    }

    /// The digest of a value's JSON.
    pub fn of_json(value: &impl Serialize) -> Self {
        // Hashed at once: a serializer writes a few bytes at a time.
        let mut json = Vec::with_capacity(USUAL_JSON);
        serde_json::to_writer(&mut json, value).expect("values of the core have JSON");
        Self::cut(Sha256::new_with_prefix(json))
    }

    fn cut(hash: Sha256) -> Self {
        let full = hash.finalize();
        let mut cut = [0; 16];
        cut.copy_from_slice(&full[..16]);
        Self(cut)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 32];
        hex::encode_to_slice(self.0, &mut digits).expect("16 bytes are 32 digits");
        f.write_str(std::str::from_utf8(&digits).expect("digits are ASCII"))
    }
}

impl std::str::FromStr for Digest {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map(|()| Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
