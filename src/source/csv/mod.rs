//! A CSV file as a source: read whole, its structure checked, its rows judged one by one.
//!
//! **Invariant:** a file that was cut short, changed under the reading or is not in the declared encoding is no poll.
//! A row with broken text, a wrong number of cells or an oversized cell is rejected alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Deserializer, de};

use super::inbox::{Inbox, NewestBy, Pattern, Pickup};
use super::mapping::Mapping;
use super::terms::span;
use super::{Fetched, PollError, Source};
use crate::core::Instant;

mod lines;
mod sheet;

use sheet::Sheet;

/// The largest file, in bytes.
const LARGEST: u64 = 2 << 30;

/// Where a CSV file lies and how it is written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvConfig {
    /// The file, or with `newest` the folder; a relative path is relative to the configuration that names it.
    pub path: PathBuf,
    /// How its text is encoded.
    #[serde(default)]
    pub encoding: Encoding,
    /// What stands between cells.
    #[serde(default)]
    pub delimiter: Delimiter,
    /// Whether cells may stand in double quotes.
    #[serde(default = "yes")]
    pub quoted: bool,
    /// Whether the last line must have its end, as a sign that the file is whole. Without it, a last line with too
    /// few cells is that sign.
    #[serde(default)]
    pub final_newline: bool,
    /// Of a folder, the newest file whose name is like this is read: `*.csv`.
    #[serde(default)]
    pub newest: Option<Pattern>,
    /// What makes it the newest.
    #[serde(default)]
    pub newest_by: NewestBy,
    /// Whether a file `NAME.done`, no older than the file itself, says that it is whole.
    #[serde(default)]
    pub done: bool,
    /// Without `done`: how long it must not have changed, such as `2s`; by default not at all.
    #[serde(default, deserialize_with = "span")]
    pub settle: Duration,
}

const fn yes() -> bool {
    true
}

/// How text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// GB 18030, which contains GBK and GB 2312.
    #[serde(rename = "gb18030")]
    Gb18030,
}

/// The ASCII character between two cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiter(u8);

impl Default for Delimiter {
    fn default() -> Self {
        Self(b',')
    }
}

impl<'de> Deserialize<'de> for Delimiter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_bytes() {
            [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\r\n\0".contains(byte) => {
                Ok(Self(*byte))
            }
            _ => Err(de::Error::custom(format!("expected one character such as \",\" \";\" or \"\\t\", got {text:?}"))),
        }
    }
}

/// A CSV file with its mapping.
#[derive(Debug, Clone)]
pub struct CsvSource {
    config: CsvConfig,
    inbox: Arc<Inbox>,
    mapping: Arc<Mapping>,
}

impl CsvSource {
    /// The file of `config`, relative to the folder `base`.
    pub fn new(config: &CsvConfig, base: &Path, mapping: Arc<Mapping>) -> Self {
        let config = CsvConfig { path: base.join(&config.path), ..config.clone() };
        let pickup = Pickup {
            newest: config.newest.clone(),
            by: config.newest_by,
            done: config.done,
            settle: config.settle,
            // Programs that lock a CSV file write it at once.
            while_open: true,
            largest: LARGEST,
        };
        let inbox = Arc::new(Inbox::new(config.path.clone(), pickup));
        Self { config, inbox, mapping }
    }

    /// Reads bytes as if they were what stands in the file.
    pub fn read_bytes(&self, bytes: Vec<u8>) -> Result<Fetched, PollError> {
        self.read_file(&self.config.path, bytes)
    }

    fn read_file(&self, path: &Path, bytes: Vec<u8>) -> Result<Fetched, PollError> {
        let sheet = Sheet::new(bytes, path, &self.config)?;
        let place = format!("{}:{}", path.display(), sheet.header_line());
        Fetched::new(sheet, self.mapping.clone(), &place)
    }
}

#[async_trait]
impl Source for CsvSource {
    async fn fetch(&self, _since: Option<Instant>) -> Result<Fetched, PollError> {
        let source = self.clone();
        self.inbox.fetch(move |path, bytes| source.read_file(path, bytes)).await
    }
}

#[cfg(test)]
mod tests;
