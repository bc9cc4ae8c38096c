//! The lists of people of a configuration, read as the daemon reads them.

use std::path::{Path, PathBuf};

use crate::cli::Caller;
use crate::cli::exit::Failure;
use crate::cli::words as all_words;
use crate::daemon::wiring::Site;
use crate::playbook::read_list;
use crate::tell::absences;
use crate::tell::directory::Directory;
use crate::tell::language::Language;
use crate::tell::people::fault::Fault;

/// Contacts and absences.
pub struct Lists {
    /// The configuration.
    pub site: Site,
    /// Where the contacts are, and what they say.
    pub contacts: (PathBuf, String),
    /// Where the absences are, and what they say.
    pub absences: (PathBuf, String),
    /// Both, or everything that does not read.
    pub directory: Result<Directory, Vec<Fault>>,
}

impl Lists {
    /// Reads the configured lists, or `instead` in the place of the contacts.
    pub fn read(instead: Option<&Path>, caller: &Caller<'_>) -> Result<Self, Failure> {
        let site = caller.site()?;
        let path = |configured: &Path| site.base.join(configured);
        let (contacts, absences) = (path(&site.config.contacts), path(&site.config.absences));
        let unreadable =
            |path: &Path, e: &std::io::Error| Failure::usage(all_words::unreadable(caller.language, path, e));
        let text = |path: &Path| match read_list(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && instead != Some(path) => Ok(String::new()),
            read => read.map_err(|e| unreadable(path, &e)),
        };
        let contacts_text = text(instead.unwrap_or(&contacts))?;
        let absences_text = text(&absences)?;
        let shown = |path: &Path| path.strip_prefix(&site.base).unwrap_or(path).display().to_string();
        let directory =
            directory((&shown(instead.unwrap_or(&contacts)), &contacts_text), (&shown(&absences), &absences_text));
        Ok(Self { contacts: (contacts, contacts_text), absences: (absences, absences_text), directory, site })
    }
}

/// Contacts with their absences, or everything that does not read.
fn directory(contacts: (&str, &str), absences: (&str, &str)) -> Result<Directory, Vec<Fault>> {
    let directory = Directory::read(contacts.0, contacts.1)?;
    let absences = absences::read(absences.0, absences.1, &directory)?;
    Ok(directory.with_absences(absences))
}

/// Faults, a line each.
pub fn told(faults: &[Fault], language: Language) -> String {
    let lines = faults.iter().map(|fault| all_words::about(language, &fault.place(), &fault.words(language)));
    lines.collect::<Vec<_>>().join("\n")
}
