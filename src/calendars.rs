//! Where calendars are found: by name in the folders of a configuration, among the built-in ones, or by path.
//!
//! **Invariant:** a path is used as it stands; a name never leads out of the folders that it is looked up in.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::core::calendar::{Calendar, CalendarProblem, DayList, read_calendar};

/// The calendars that are part of the program: mainland China's working days under regular office hours.
const BUILT_IN: [(&str, &str); 1] = [("cn", include_str!("../config/calendars/cn.toml"))];
const BUILT_IN_DAYS: [(&str, &str); 1] = [("cn-holidays.csv", include_str!("../config/calendars/cn-holidays.csv"))];

/// The calendar that counts where nothing else is said.
pub const DEFAULT: &str = "cn";

/// Why there is no calendar.
#[derive(Debug, thiserror::Error)]
pub enum CalendarError {
    /// No calendar has the name.
    #[error("no calendar is named {name:?}; known are {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What could have been asked for.
        known: Vec<String>,
    },
    /// Its file cannot be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Its files hold mistakes.
    #[error("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Wrong {
        /// All of them.
        problems: Vec<CalendarProblem>,
    },
}

/// Finds a calendar by its path, if `wanted` looks like one, else by its name: in `folders`, the first that has it, else
/// among the built-in ones.
pub fn find(wanted: &str, folders: &[&Path]) -> Result<Calendar, CalendarError> {
    // A path is used as it stands.
    let folders = if is_path(wanted) { &[] } else { folders };
    locate(wanted, folders)?.assemble(&mut |_, _| ())
}

/// A calendar as the texts that it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarTexts {
    /// The file, as shown to people.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Its day lists by the name that it uses.
    pub days: BTreeMap<String, String>,
}

/// Finds a calendar as [`find`] does, as texts: what a playbook keeps of it.
pub fn gather(wanted: &str, folders: &[&Path]) -> Result<CalendarTexts, CalendarError> {
    let found = locate(wanted, folders)?;
    let mut days = BTreeMap::new();
    found.assemble(&mut |name, text| drop(days.insert(name.to_owned(), text.to_owned())))?;
    Ok(CalendarTexts { path: found.path, text: found.text, days })
}

/// A calendar's file.
struct Located {
    /// As shown to people.
    path: String,
    text: String,
    /// Where its day lists lie; nowhere for a built-in one.
    folder: Option<PathBuf>,
}

impl Located {
    fn open(path: &Path) -> Result<Self, CalendarError> {
        let text = read_text(path).map_err(|error| CalendarError::Unreadable { path: path.to_owned(), error })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { path: path.to_string_lossy().into_owned(), text, folder: Some(folder) })
    }

    /// Reads the calendar; `heard` is told each day list that it uses.
    fn assemble(&self, heard: &mut dyn FnMut(&str, &str)) -> Result<Calendar, CalendarError> {
        let mut read_days = |name: &str| {
            let text = match &self.folder {
                Some(folder) => read_text(&folder.join(name)).map_err(|error| error.to_string())?,
                None => built_in_days(name)?,
            };
            heard(name, &text);
            Ok(text)
        };
        read_calendar(&self.path, &self.text, &mut read_days).map_err(|problems| CalendarError::Wrong { problems })
    }
}

fn locate(wanted: &str, folders: &[&Path]) -> Result<Located, CalendarError> {
    let file = format!("{wanted}.toml");
    let below = |folder: &&Path| folder.join(if is_path(wanted) { wanted } else { &file });
    let path = folders.iter().map(below).find(|path| path.is_file());
    if let Some(path) = path.or_else(|| is_path(wanted).then(|| PathBuf::from(wanted))) {
        return Located::open(&path);
    }
    let built_in = BUILT_IN.iter().find(|(name, _)| *name == wanted);
    let (_, text) =
        built_in.ok_or_else(|| CalendarError::Unknown { name: wanted.to_owned(), known: known(folders) })?;
    Ok(Located { path: file, text: (*text).to_owned(), folder: None })
}

/// Reads a `date,kind,name` file.
pub fn read_days(path: &Path) -> Result<DayList, CalendarError> {
    let text = read_text(path).map_err(|error| CalendarError::Unreadable { path: path.to_owned(), error })?;
    DayList::read(&path.to_string_lossy(), &text).map_err(|problems| CalendarError::Wrong { problems })
}

/// The text of a file that may have been saved by a spreadsheet: UTF-8, UTF-16 with its mark, or else GB18030.
pub fn read_text(path: &Path) -> io::Result<String> {
    text_of(std::fs::read(path)?)
}

/// The text that bytes are: UTF-8, UTF-16 with its mark, or else GB18030.
pub fn text_of(bytes: Vec<u8>) -> io::Result<String> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "expected text in UTF-8, UTF-16 or GB18030");
    for (mark, encoding) in [([0xff, 0xfe], encoding_rs::UTF_16LE), ([0xfe, 0xff], encoding_rs::UTF_16BE)] {
        if let Some(rest) = bytes.strip_prefix(&mark).filter(|rest| rest.len() % 2 == 0) {
            let text = encoding.decode_without_bom_handling_and_without_replacement(rest);
            return text.map(std::borrow::Cow::into_owned).ok_or_else(wrong);
        }
    }
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
        Err(not_utf8) => not_utf8.into_bytes(),
    };
    encoding_rs::GB18030
        .decode_without_bom_handling_and_without_replacement(&bytes)
        .map(std::borrow::Cow::into_owned)
        .ok_or_else(wrong)
}

/// The names that [`find`] knows, each once.
pub fn known(folders: &[&Path]) -> Vec<String> {
    let files =
        folders.iter().filter_map(|folder| folder.read_dir().ok()).flatten().flatten().map(|entry| entry.path());
    let calendars = files.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let mut names: Vec<String> = calendars.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    names.extend(BUILT_IN.iter().map(|(name, _)| (*name).to_owned()));
    names.sort();
    names.dedup();
    names
}

fn is_path(wanted: &str) -> bool {
    wanted.contains(['/', '\\']) || Path::new(wanted).extension().is_some_and(|extension| extension == "toml")
}

fn built_in_days(name: &str) -> Result<String, String> {
    let days = BUILT_IN_DAYS.iter().find(|(known, _)| *known == name);
    days.map(|(_, text)| (*text).to_owned()).ok_or_else(|| "is not built in".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_calendar_is_the_shipped_one() {
        let built_in = find(DEFAULT, &[]).expect("built in");
        let shipped = find("config/calendars/cn.toml", &[]).expect("shipped");
        assert_eq!((built_in.name(), built_in.version()), (shipped.name(), shipped.version()));
    }

    #[test]
    fn a_folder_of_the_configuration_comes_before_what_is_built_in() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(
            folder.path().join("cn.toml"),
            "name = \"own\"\ntimezone = \"Asia/Shanghai\"\n[[hours]]\nspans = [\"08:00-16:00\"]\n",
        )
        .expect("written");
        assert_eq!(&**find("cn", &[folder.path()]).expect("own").name(), "own");
        assert_eq!(&**find("cn", &[]).expect("built in").name(), "cn");
    }

    #[test]
    fn an_unknown_name_says_what_is_known() {
        let error = find("../cn", &[]).expect_err("no such file");
        assert!(matches!(error, CalendarError::Unreadable { .. }), "{error}");
        let error = find("hk", &[]).expect_err("unknown");
        assert_eq!(error.to_string(), "no calendar is named \"hk\"; known are cn");
    }

    #[test]
    fn a_list_saved_by_a_spreadsheet_is_read() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("days.csv");
        let text = "date,kind,name\r\n2027-01-01,holiday,元旦\r\n";
        for bytes in [
            text.as_bytes().to_vec(),
            format!("\u{feff}{text}").into_bytes(),
            encoding_rs::GB18030.encode(text).0.into_owned(),
        ] {
            std::fs::write(&path, bytes).expect("written");
            assert_eq!(&*read_days(&path).expect("days").0[0].1.name, "元旦");
        }
        std::fs::write(&path, [0xff, 0x00, 0xff]).expect("written");
        assert!(read_days(&path).is_err());
    }
}
