//! A CSV file as a source: read whole, its structure checked, its rows judged one by one.
//!
//! **Invariant:** a file that was cut short, changed under the reading or is not in the declared encoding is no poll.
//! A row with broken text, a wrong number of cells or an oversized cell is rejected alone.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Deserializer, de};

use super::mapping::Mapping;
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
    /// The file; a relative path is relative to the configuration that names it.
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
    mapping: Arc<Mapping>,
}

impl CsvSource {
    /// The file of `config`, relative to the folder `base`.
    pub fn new(config: &CsvConfig, base: &Path, mapping: Arc<Mapping>) -> Self {
        let config = CsvConfig { path: base.join(&config.path), ..config.clone() };
        Self { config, mapping }
    }

    fn read(&self) -> Result<Fetched, PollError> {
        let bytes = read_whole(&self.config.path)?;
        self.read_bytes(bytes)
    }

    /// Reads bytes as if they were what stands in the file.
    pub fn read_bytes(&self, bytes: Vec<u8>) -> Result<Fetched, PollError> {
        let sheet = Sheet::new(bytes, &self.config)?;
        let place = format!("{}:{}", self.config.path.display(), sheet.header_line());
        Fetched::new(sheet, self.mapping.clone(), &place)
    }
}

#[async_trait]
impl Source for CsvSource {
    async fn fetch(&self, _since: Option<Instant>) -> Result<Fetched, PollError> {
        let (source, path) = (self.clone(), &self.config.path);
        let read = tokio::task::spawn_blocking(move || source.read()).await;
        read.unwrap_or_else(|e| Err(unreadable(path, &format!("the reading broke off: {e}"))))
    }
}

/// The whole file, or nothing if it is written while it is read.
fn read_whole(path: &Path) -> Result<Vec<u8>, PollError> {
    let broken = |e: std::io::Error| unreadable(path, &format!("expected a file that can be read, got: {e}"));
    // Looked at by its path first: to open a pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(broken)?.is_file() {
        return Err(unreadable(path, "expected a regular file"));
    }
    let mut file = File::open(path).map_err(broken)?;
    let state = |file: &File| file.metadata().and_then(|data| Ok((data.len(), data.modified()?))).map_err(broken);
    let before = state(&file)?;
    let mut bytes = Vec::new();
    if before.0 <= LARGEST {
        bytes.reserve_exact(usize::try_from(before.0).unwrap_or(0));
        file.by_ref().take(LARGEST + 1).read_to_end(&mut bytes).map_err(broken)?;
    }
    if before.0.max(bytes.len() as u64) > LARGEST {
        let problem = format!("expected at most {LARGEST} bytes");
        return Err(PollError::TooLarge { place: path.display().to_string(), problem });
    }
    if state(&file)? != before || bytes.len() as u64 != before.0 {
        return Err(unreadable(path, "the file changed while it was read"));
    }
    Ok(bytes)
}

fn unreadable(path: &Path, problem: &str) -> PollError {
    PollError::Unreadable { place: path.display().to_string(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests;
