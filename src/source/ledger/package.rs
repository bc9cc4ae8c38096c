//! The archive that XLSX and ODS files are, looked at before anything in it is believed.
//!
//! **Invariant:** what passed unpacks to a bounded size, whatever its directory says, and no count in it lies so that a
//! reader would take memory for what is not there.

use std::io::{BufReader, Cursor, Read};

use quick_xml::events::Event;
use zip::ZipArchive;
use zip::result::ZipError;

use super::Trouble;

/// The most that an archive may unpack to, in bytes.
pub(super) const LARGEST: u64 = 512 << 20;

/// The most parts that it may have.
const MOST_PARTS: usize = 10_000;

/// What an archive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Package {
    Xlsx,
    Ods,
}

/// An archive in memory.
pub(super) type Archive<'b> = ZipArchive<Cursor<&'b [u8]>>;

impl Package {
    /// Looks at every part of an archive and says what it is.
    pub fn survey(bytes: &[u8]) -> Result<Self, Trouble> {
        let mut archive = open(bytes)?;
        if archive.len() > MOST_PARTS {
            return Err(Trouble::TooLarge(format!("expected at most {MOST_PARTS} parts, got {}", archive.len())));
        }
        let (mut unpacked, mut kind, mut is_binary) = (0, None, false);
        for at in 0..archive.len() {
            let mut part = archive.by_index(at).map_err(|error| broken(&error))?;
            let name = part.name().unwrap_or_default().to_lowercase();
            match name.as_str() {
                "content.xml" => kind = kind.or(Some(Self::Ods)),
                "[content_types].xml" | "_rels/.rels" => kind = Some(Self::Xlsx),
                _ => is_binary |= name.ends_with("workbook.bin"),
            }
            let left = LARGEST + 1 - unpacked;
            let size = std::io::copy(&mut part.by_ref().take(left), &mut std::io::sink());
            unpacked += size.map_err(|error| damaged(&error.to_string()))?;
            if unpacked > LARGEST {
                return Err(Trouble::TooLarge(format!("expected a file that unpacks to at most {LARGEST} bytes")));
            }
        }
        match kind {
            Some(_) if is_binary => Err(Trouble::Unreadable("expected XLSX, XLS or ODS, got XLSB".to_owned())),
            Some(Self::Xlsx) => check_counts(&mut archive).map(|()| Self::Xlsx),
            Some(Self::Ods) => Ok(Self::Ods),
            None => Err(Trouble::Unreadable("expected a spreadsheet, got another archive".to_owned())),
        }
    }
}

/// Opens an archive.
pub(super) fn open(bytes: &[u8]) -> Result<Archive<'_>, Trouble> {
    ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))
}

/// What an error of the archive means.
pub(super) fn broken(error: &ZipError) -> Trouble {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => Trouble::encrypted(),
        _ => damaged(&error.to_string()),
    }
}

/// A file that no program can read any more.
pub(super) fn damaged(got: &str) -> Trouble {
    Trouble::Unreadable(format!("expected a whole spreadsheet, got one that is cut or damaged ({got})"))
}

/// The reader of shared strings makes room for as many as are declared; each takes some bytes of its part.
fn check_counts(archive: &mut Archive<'_>) -> Result<(), Trouble> {
    for at in 0..archive.len() {
        let part = archive.by_index(at).map_err(|error| broken(&error))?;
        if !part.name().unwrap_or_default().to_lowercase().ends_with("sharedstrings.xml") {
            continue;
        }
        let declared = declared_strings(BufReader::new(part)).map_err(|error| damaged(&error.to_string()))?;
        // A string is `<si/>` at least.
        if declared > LARGEST / 5 {
            return Err(Trouble::TooLarge(format!("expected at most {} texts, got {declared} declared", LARGEST / 5)));
        }
    }
    Ok(())
}

fn declared_strings(part: impl std::io::BufRead) -> Result<u64, quick_xml::Error> {
    let mut xml = quick_xml::Reader::from_reader(part);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer)? {
            Event::Start(element) | Event::Empty(element) => {
                let mut declared = 0;
                for attribute in element.attributes().with_checks(false).flatten() {
                    if attribute.key.as_ref() == "uniqueCount" {
                        declared = attribute.value.trim().parse().unwrap_or(0).max(declared);
                    }
                }
                return Ok(declared);
            }
            Event::Eof => return Ok(0),
            _ => {}
        }
    }
}
