//! **Inbox**: which file is read, and when it is whole.
//!
//! **Invariant:** a file that is still written, that changes while it is read, or that its program says is open, is no
//! poll. Of a folder always the newest file counts: while it is not whole, no older one takes its place, since nobody
//! would notice that it never becomes whole.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, de};

use super::{Fetched, PollError};

/// The most files that a folder may hold.
const MOST_FILES: usize = 100_000;

/// A file, or a folder of which one is read.
#[derive(Debug)]
pub(super) struct Inbox {
    path: PathBuf,
    pickup: Pickup,
    /// The file that was found whole last: it need not be waited for again.
    settled: Mutex<Option<(PathBuf, State)>>,
}

/// How a file is found and known to be whole.
#[derive(Debug, Clone)]
pub(super) struct Pickup {
    pub newest: Option<Pattern>,
    pub by: NewestBy,
    pub done: bool,
    pub settle: Duration,
    pub while_open: bool,
    pub largest: u64,
}

/// The name of a file, where `*` stands for any characters and `?` for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

/// What makes a file the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NewestBy {
    /// When it was written last.
    #[default]
    Time,
    /// Its name, the greatest: names that hold a date such as `2026-01-02`.
    Name,
}

/// By what a file that changes is known: its size and when it was written.
type State = (u64, SystemTime);

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() || text.contains(['/', '\0', '[', '{']) {
            let problem = format!("expected the name of a file with * and ?, such as \"*.xlsx\", got {text:?}");
            return Err(de::Error::custom(problem));
        }
        Ok(Self(text))
    }
}

impl Pattern {
    fn matches(&self, name: &str) -> bool {
        let (pattern, name): (Vec<char>, Vec<char>) = (self.0.chars().collect(), name.chars().collect());
        // Where to go on if what follows the last star does not fit.
        let (mut at, mut of, mut star) = (0, 0, None);
        while of < name.len() {
            match pattern.get(at) {
                Some('*') => {
                    star = Some((at, of));
                    at += 1;
                }
                Some(c) if *c == '?' || *c == name[of] => (at, of) = (at + 1, of + 1),
                _ => {
                    let Some((last, from)) = star else { return false };
                    star = Some((last, from + 1));
                    (at, of) = (last + 1, from + 1);
                }
            }
        }
        pattern[at..].iter().all(|c| *c == '*')
    }
}

impl Inbox {
    pub fn new(path: PathBuf, pickup: Pickup) -> Self {
        Self { path, pickup, settled: Mutex::new(None) }
    }

    /// Reads the file, when it is whole, with `read`.
    pub async fn fetch<F>(self: &std::sync::Arc<Self>, read: F) -> Result<Fetched, PollError>
    where
        F: FnOnce(&Path, Vec<u8>) -> Result<Fetched, PollError> + Send + 'static,
    {
        let inbox = self.clone();
        let (path, before) = in_background(&self.path, move || inbox.find()).await?;
        let waits = !self.pickup.done && !self.pickup.settle.is_zero();
        if waits && *self.settled() != Some((path.clone(), before)) {
            tokio::time::sleep(self.pickup.settle).await;
        }
        let inbox = self.clone();
        in_background(&self.path, move || {
            inbox.check(&path, before)?;
            let bytes = read_whole(&path, before, inbox.pickup.largest)?;
            *inbox.settled() = Some((path.clone(), before));
            read(&path, bytes)
        })
        .await
    }

    fn settled(&self) -> std::sync::MutexGuard<'_, Option<(PathBuf, State)>> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file, and its state.
    fn find(&self) -> Result<(PathBuf, State), PollError> {
        let path = match &self.pickup.newest {
            Some(pattern) => self.newest(pattern)?,
            None => self.path.clone(),
        };
        let state = state(&path)?;
        Ok((path, state))
    }

    fn newest(&self, pattern: &Pattern) -> Result<PathBuf, PollError> {
        let broken =
            |e: std::io::Error| unreadable(&self.path, &format!("expected a folder that can be read, got: {e}"));
        let mut newest: Option<((Option<SystemTime>, String), PathBuf)> = None;
        for (at, entry) in std::fs::read_dir(&self.path).map_err(broken)?.enumerate() {
            if at == MOST_FILES {
                return Err(unreadable(&self.path, &format!("expected at most {MOST_FILES} files")));
            }
            let entry = entry.map_err(broken)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let is_sign = Path::new(&name).extension().is_some_and(|extension| extension == "done");
            let is_other = name.starts_with(['.', '~']) || is_sign;
            if is_other || !pattern.matches(&name) {
                continue;
            }
            // A file that is just taken away is none.
            let Ok(data) = std::fs::metadata(entry.path()) else { continue };
            if !data.is_file() {
                continue;
            }
            let time = match self.pickup.by {
                NewestBy::Time => data.modified().ok(),
                NewestBy::Name => None,
            };
            if newest.as_ref().is_none_or(|(key, _)| *key < (time, name.clone())) {
                newest = Some(((time, name), entry.path()));
            }
        }
        let none = || unreadable(&self.path, &format!("expected a file {}, got none", pattern.0));
        newest.map(|(_, path)| path).ok_or_else(none)
    }

    /// Is the file whole, after the time in which it must not have changed?
    fn check(&self, path: &Path, before: State) -> Result<(), PollError> {
        if let Some(lock) = lock_beside(path).filter(|_| !self.pickup.while_open) {
            let problem = format!("expected a file that nobody has open, got {lock} beside it: it may be being saved");
            return Err(unreadable(path, &problem));
        }
        if self.pickup.done {
            return check_done(path, before);
        }
        if state(path)? != before {
            let limit = self.pickup.settle.as_secs();
            return Err(unreadable(
                path,
                &format!("expected a file that did not change for {limit} s: it is being written"),
            ));
        }
        Ok(())
    }
}

/// Does a file `NAME.done` say that the file is whole?
fn check_done(path: &Path, (_, written): State) -> Result<(), PollError> {
    let done = beside(path, "", ".done");
    let shown = done.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match std::fs::metadata(&done).and_then(|data| data.modified()) {
        Ok(said) if said >= written => Ok(()),
        Ok(_) => Err(unreadable(path, &format!("expected {shown} to be newer than the file: it is being written"))),
        Err(e) => Err(unreadable(path, &format!("expected {shown} beside it when it is whole, got: {e}"))),
    }
}

/// The file by which a spreadsheet program says that somebody has this one open.
fn lock_beside(path: &Path) -> Option<String> {
    let locks = [beside(path, "~$", ""), beside(path, ".~lock.", "#")];
    let lock = locks.into_iter().find(|lock| lock.exists())?;
    lock.file_name().map(|name| name.to_string_lossy().into_owned())
}

fn beside(path: &Path, before: &str, after: &str) -> PathBuf {
    let mut name = OsStr::new(before).to_owned();
    name.push(path.file_name().unwrap_or_default());
    name.push(after);
    path.with_file_name(name)
}

/// Runs what reads files where it holds nobody up.
async fn in_background<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> Result<T, PollError> + Send + 'static,
) -> Result<T, PollError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|e| Err(unreadable(path, &format!("the reading broke off: {e}"))))
}

fn broken(path: &Path, error: &std::io::Error) -> PollError {
    unreadable(path, &format!("expected a file that can be read, got: {error}"))
}

fn state(path: &Path) -> Result<State, PollError> {
    // Looked at by its path first: to open a pipe would wait for its writer.
    let data = std::fs::metadata(path).map_err(|e| broken(path, &e))?;
    if !data.is_file() {
        return Err(unreadable(path, "expected a regular file"));
    }
    Ok((data.len(), data.modified().map_err(|e| broken(path, &e))?))
}

/// The whole file in this state, or nothing if it is written while it is read.
fn read_whole(path: &Path, before: State, largest: u64) -> Result<Vec<u8>, PollError> {
    let mut file = File::open(path).map_err(|e| broken(path, &e))?;
    let now = |file: &File| {
        let data = file.metadata().and_then(|data| Ok((data.len(), data.modified()?)));
        data.map_err(|e| broken(path, &e))
    };
    let mut bytes = Vec::new();
    let is_same = now(&file)? == before;
    if is_same && before.0 <= largest {
        bytes.reserve_exact(usize::try_from(before.0).unwrap_or(0));
        file.by_ref().take(largest + 1).read_to_end(&mut bytes).map_err(|e| broken(path, &e))?;
    }
    if before.0.max(bytes.len() as u64) > largest {
        let problem = format!("expected at most {largest} bytes");
        return Err(PollError::TooLarge { place: path.display().to_string(), problem });
    }
    if !is_same || now(&file)? != before || bytes.len() as u64 != before.0 {
        return Err(unreadable(path, "the file changed while it was read"));
    }
    Ok(bytes)
}

fn unreadable(path: &Path, problem: &str) -> PollError {
    PollError::Unreadable { place: path.display().to_string(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name_with_stars() {
        let matches = |pattern: &str, name: &str| Pattern(pattern.to_owned()).matches(name);
        for (pattern, name) in
            [("*.xlsx", "台账.xlsx"), ("*", ""), ("台账-??.csv", "台账-07.csv"), ("a*b*c", "a-b-b-c"), ("x", "x")]
        {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("*.xlsx", "x.xls"), ("?", ""), ("a*b", "a-b-c"), ("x", "X"), ("", "x")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        let many = Pattern("*a".repeat(50) + "b");
        assert!(!many.matches(&"a".repeat(10_000)), "no pattern takes long");
    }
}
