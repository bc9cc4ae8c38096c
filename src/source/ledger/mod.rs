//! A ledger that people keep as a spreadsheet, as a source: one sheet of an XLSX, XLS or ODS file.
//!
//! Hidden rows and rows behind a filter are rows. A formula is what it gave when the file was saved.
//!
//! **Invariant:** a file that is cut, damaged, encrypted, being saved or larger than the limits is no poll. A row that
//! holds an error such as `#N/A` is rejected alone. Whatever a file declares, memory stays within the limits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;

use super::inbox::{Inbox, Pickup};
use super::mapping::Mapping;
use super::table::proposal;
use super::terms::span;
use super::{Fetched, PollError, Source};
use crate::core::Instant;

mod compound;
mod grid;
mod header;
mod ods;
mod package;
pub mod text;
mod values;
mod xls;
mod xlsx;

use grid::{Grid, Rows};
use package::Package;

/// The largest file, in bytes.
const LARGEST: u64 = 100 << 20;

/// Where a spreadsheet lies and where its rows stand.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SheetConfig {
    /// The file, or with `newest` the folder; a relative path is relative to the configuration that names it.
    pub path: PathBuf,
    /// The sheet: its name, or its number among those that are not hidden; without it the first of them.
    #[serde(default)]
    pub sheet: SheetChoice,
    /// The first row of the header, as the spreadsheet numbers it; without it the first that holds all columns of the
    /// mapping.
    #[serde(default)]
    pub header_row: Option<std::num::NonZeroU32>,
    /// Of a folder, the newest file whose name is like this is read: `*.xlsx`.
    #[serde(default)]
    pub newest: Option<super::inbox::Pattern>,
    /// What makes it the newest.
    #[serde(default)]
    pub newest_by: super::inbox::NewestBy,
    /// Whether a file `NAME.done`, no older than the file itself, says that it is whole.
    #[serde(default)]
    pub done: bool,
    /// Without `done`: how long it must not have changed: `2s`.
    #[serde(default = "two_seconds", deserialize_with = "span")]
    pub settle: Duration,
    /// Whether it is read while somebody has it open.
    #[serde(default)]
    pub while_open: bool,
}

const fn two_seconds() -> Duration {
    Duration::from_secs(2)
}

/// Which sheet of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(untagged, expecting = "expected the name of a sheet, or its number from 1")]
pub enum SheetChoice {
    /// The first that is not hidden.
    #[default]
    #[serde(skip)]
    First,
    /// By its number among those that are not hidden, from 1.
    Number(std::num::NonZeroUsize),
    /// By its name, also if it is hidden.
    Name(String),
}

/// A spreadsheet with its mapping.
#[derive(Debug, Clone)]
pub struct SheetSource {
    inbox: Arc<Inbox>,
    sheet: SheetChoice,
    header_row: Option<u32>,
    mapping: Arc<Mapping>,
}

/// Why a file gives no rows, without its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Trouble {
    #[error("{0}")]
    Unreadable(String),
    #[error("{0}")]
    Structure(String),
    #[error("{0}")]
    TooLarge(String),
}

/// What is wanted of a file.
struct Wanted<'m> {
    sheet: &'m SheetChoice,
    columns: &'m [String],
    header: Option<u32>,
}

impl SheetSource {
    /// The sheet of `config`, its file relative to the folder `base`.
    pub fn new(config: &SheetConfig, base: &Path, mapping: Arc<Mapping>) -> Self {
        let pickup = Pickup {
            newest: config.newest.clone(),
            by: config.newest_by,
            done: config.done,
            settle: config.settle,
            while_open: config.while_open,
            largest: LARGEST,
        };
        let inbox = Arc::new(Inbox::new(base.join(&config.path), pickup));
        let header_row = config.header_row.map(|row| row.get() - 1);
        Self { inbox, sheet: config.sheet.clone(), header_row, mapping }
    }

    /// Reads bytes as if they were what stands in the file.
    pub fn read_bytes(&self, path: &Path, bytes: &[u8]) -> Result<Fetched, PollError> {
        let place = path.display().to_string();
        let columns = self.mapping.needed();
        let wanted = Wanted { sheet: &self.sheet, columns: &columns, header: self.header_row };
        // The readers of foreign formats may meet what their authors did not think of.
        let read = catch_unwind(AssertUnwindSafe(|| rows(bytes, &wanted)));
        let read = read.unwrap_or_else(|_| Err(package::damaged("nothing can be made of it")));
        let rows = read.map_err(|trouble| trouble.at(place.clone()))?;
        let header = format!("{place}: {}!{}", rows.name(), rows.header);
        let file = path.file_name().map_or(place, |name| name.to_string_lossy().into_owned());
        Fetched::new(rows.of_file(&file), self.mapping.clone(), &header)
    }
}

#[async_trait]
impl Source for SheetSource {
    async fn fetch(&self, _since: Option<Instant>) -> Result<Fetched, PollError> {
        let source = self.clone();
        self.inbox.fetch(move |path, bytes| source.read_bytes(path, &bytes)).await
    }
}

/// The rows of a file, by what its bytes are; its name says nothing.
fn rows(bytes: &[u8], wanted: &Wanted<'_>) -> Result<Rows, Trouble> {
    const ARCHIVE: &[u8] = b"PK";
    const COMPOUND: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";
    if bytes.starts_with(COMPOUND) {
        return xls::read(bytes, wanted);
    }
    if bytes.starts_with(ARCHIVE) {
        return match Package::survey(bytes)? {
            Package::Xlsx => xlsx::read(bytes, wanted),
            Package::Ods => ods::read(bytes, wanted),
        };
    }
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).trim_start().to_lowercase();
    let got = match head.as_str() {
        "" => "an empty file",
        head if head.starts_with("<html") || head.starts_with("<!doctype") || head.contains("<table") => {
            "a web page under the name of one: save it as XLSX"
        }
        head if head.starts_with("<?xml") => "XML: save it as XLSX",
        _ => "something else; is it a CSV file?",
    };
    Err(Trouble::Unreadable(format!("expected a spreadsheet (XLSX, XLS or ODS), got {got}")))
}

impl Wanted<'_> {
    fn grid(&self, sheet: &str) -> Grid<'_> {
        Grid::new(sheet, self.columns, self.header)
    }
}

impl SheetChoice {
    /// The sheet's name, of sheets with whether they are visible.
    fn choose(&self, sheets: &[(String, bool)]) -> Result<String, Trouble> {
        let mut visible = sheets.iter().filter(|(_, visible)| *visible);
        let found = match self {
            Self::First => visible.next(),
            Self::Number(number) => visible.nth(number.get() - 1),
            Self::Name(wanted) => sheets.iter().find(|(name, _)| name == wanted),
        };
        let there = || sheets.iter().map(|(name, _)| name.as_str());
        found.map(|(name, _)| name.clone()).ok_or_else(|| {
            let wanted = match self {
                Self::First => "a sheet that is not hidden".to_owned(),
                Self::Number(number) => format!("{number} sheets that are not hidden"),
                Self::Name(name) => format!("sheet {name:?}{}", proposal(name, there())),
            };
            let names: Vec<String> = there().take(20).map(|name| name.escape_debug().to_string()).collect();
            Trouble::Structure(format!("expected {wanted}; the sheets are: {}", names.join(", ")))
        })
    }
}

impl Trouble {
    fn encrypted() -> Self {
        Self::Unreadable("expected a spreadsheet without a password, got one that is encrypted".to_owned())
    }

    fn at(self, place: String) -> PollError {
        match self {
            Self::Unreadable(problem) => PollError::Unreadable { place, problem },
            Self::Structure(problem) => PollError::Structure { place, problem },
            Self::TooLarge(problem) => PollError::TooLarge { place, problem },
        }
    }
}
