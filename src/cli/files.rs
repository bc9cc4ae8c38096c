//! Files of one kind in a folder and the folders below it, as rules and their tests lie.

use std::path::{Path, PathBuf};

/// The files with this extension, in the order of their paths; none where the folder cannot be read.
pub fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(folder, extension, &mut found);
    found.sort();
    found
}

/// What a file is called: its path below the folder, without the extension.
pub fn name_below(folder: &Path, path: &Path) -> String {
    let below = path.strip_prefix(folder).unwrap_or(path).with_extension("");
    below.to_string_lossy().replace('\\', "/")
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for path in folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}
