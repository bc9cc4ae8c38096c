//! What Debian packages hold.

use std::path::{Path, PathBuf};

/// A file of a package, installed or unpacked.
pub fn find(file: &str) -> Option<PathBuf> {
    let places = [Path::new("/").to_owned(), unpacked()];
    places.into_iter().map(|place| place.join(file)).find(|path| path.exists())
}

/// Where packages are unpacked.
pub fn unpacked() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/debian")
}
