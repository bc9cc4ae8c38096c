//! A text in the place of a file, in one step.
//!
//! **Invariant:** whoever could read the file can read what takes its place; whoever reads it meanwhile finds the one or the
//! other, whole.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

/// What becomes of what stood there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// It is gone.
    Dropped,
    /// It is kept beside the file under this ending, in the place of what was kept so before.
    Last(&'static str),
    /// It is kept beside the file each time: `.bak`, `.bak2` and so on.
    Each,
}

/// Writes a text in the place of a file, with the same permissions and owner. The answer is where what stood there is kept,
/// if it is.
pub fn replace(path: &Path, text: impl AsRef<[u8]>, before: Before) -> io::Result<Option<PathBuf>> {
    let exists = path.exists();
    let path = if exists { fs::canonicalize(path)? } else { path.to_owned() };
    let backup = match before {
        Before::Last(ending) if exists => Some(beside(&path, ending)),
        Before::Each if exists => Some(free(&path)),
        _ => None,
    };
    if let Some(backup) = &backup {
        copy(&path, backup)?;
    }
    let fresh = beside(&path, ".new");
    let written = (|| {
        if exists {
            copy(&path, &fresh)?;
        }
        let mut file = fs::File::create(&fresh)?;
        file.write_all(text.as_ref())?;
        file.sync_all()?;
        fs::rename(&fresh, &path)
    })();
    if written.is_err() {
        // What could not be put in place is of no use; that it cannot be removed either says nothing new.
        let _ = fs::remove_file(&fresh);
    }
    written.map(|()| backup)
}

/// `contacts.csv.bak`, or the first of `contacts.csv.bak2` and so on that is not there.
fn free(path: &Path) -> PathBuf {
    let names = (1_u32..).map(|n| beside(path, &if n == 1 { ".bak".to_owned() } else { format!(".bak{n}") }));
    let mut names = names.filter(|name| !name.exists());
    names.next().unwrap_or_else(|| beside(path, ".bak"))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// A copy with the permissions and the owner of the file: whoever could read it still can.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    let owner = fs::metadata(from)?;
    chown(to, Some(owner.uid()), Some(owner.gid()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stood_there_is_kept_beside_it_each_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("contacts.csv");
        assert_eq!(replace(&path, "a", Before::Each).expect("new"), None);
        let first = replace(&path, "b", Before::Each).expect("replaced").expect("kept");
        let second = replace(&path, "c", Before::Each).expect("replaced").expect("kept");
        replace(&path, "d", Before::Dropped).expect("replaced");
        let read = |path: &Path| fs::read_to_string(path).expect("a file");
        assert_eq!((read(&path), read(&first), read(&second)), ("d".into(), "a".into(), "b".into()));
        assert!(first.ends_with("contacts.csv.bak") && second.ends_with("contacts.csv.bak2"));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 3);
    }

    #[test]
    fn or_only_the_last_of_it_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("duban.toml");
        replace(&path, "a", Before::Dropped).expect("new");
        let first = replace(&path, "b", Before::Last(".old")).expect("replaced").expect("kept");
        let second = replace(&path, "c", Before::Last(".old")).expect("replaced").expect("kept");
        assert_eq!(first, second);
        assert_eq!(fs::read_to_string(&first).expect("a file"), "b");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2);
    }
}
