//! The key of links that duban makes for itself: a file in the state folder that only its owner reads.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::tell::link::SHORTEST_KEY;

/// The file's name.
pub const FILE: &str = "sign.key";

/// The key in a folder; it is made if there is none.
pub fn own_key(folder: &Path) -> io::Result<Vec<u8>> {
    let path = folder.join(FILE);
    match fs::read(&path) {
        Ok(text) => checked(&text),
        Err(e) if e.kind() == ErrorKind::NotFound => make(folder, &path),
        Err(e) => Err(e),
    }
}

fn checked(text: &[u8]) -> io::Result<Vec<u8>> {
    let key = text.trim_ascii_end().to_vec();
    if key.len() < SHORTEST_KEY {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            "it is no key: too short; without the file a new one is made",
        ));
    }
    Ok(key)
}

/// Written beside its place and linked into it, so that it is there whole or not at all, and of two makers one wins.
fn make(folder: &Path, path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let fresh = folder.join(format!(".{FILE}.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(hex::encode(bytes).as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&fresh, path);
    fs::remove_file(&fresh)?;
    match linked {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
        _ => {
            fs::File::open(folder)?.sync_all()?;
            checked(&fs::read(path)?)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = own_key(folder.path()).expect("a key");
        assert_eq!(key.len(), 64);
        assert_eq!(own_key(folder.path()).expect("the same"), key);
        let path = folder.path().join(FILE);
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing else is left");
        let other = tempfile::tempdir().expect("a folder");
        assert_ne!(own_key(other.path()).expect("a key"), key);
    }

    #[test]
    fn a_file_that_is_no_key_is_not_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(FILE), "short\n").expect("a file");
        let error = own_key(folder.path()).expect_err("no key").to_string();
        assert!(error.starts_with("it is no key"), "{error}");
        assert_eq!(fs::read_to_string(folder.path().join(FILE)).expect("there"), "short\n");
    }
}
