//! The program as others run it: arguments in; status, data and words out.

use std::path::Path;
use std::process::Command;

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    /// The exit status.
    pub status: i32,
    /// The data.
    pub stdout: String,
    /// The words, in English.
    pub stderr: String,
}

/// Runs the program with nothing in its environment that a test does not give.
pub fn duban(arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_duban"))
        .env_clear()
        .env("DUBAN_LANG", "en")
        .args(arguments)
        .output()
        .expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Run { status: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Run {
    /// The rows of the data by their columns' names.
    pub fn rows(&self) -> Vec<std::collections::HashMap<String, String>> {
        let mut reader = csv::Reader::from_reader(self.stdout.as_bytes());
        reader.deserialize().collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A file of this project.
pub fn shipped(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}
