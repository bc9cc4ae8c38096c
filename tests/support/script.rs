//! A script that runs a server for tests, and obeys a line at a time.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use tempfile::TempDir;

use super::authority::Authority;

/// A running script; its server ends with this value or with the test's process.
pub struct Script(Mutex<Pipes>);

/// The script's process, and the pipes on which it depends.
struct Pipes {
    child: Child,
    lines: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Script {
    /// Starts `tests/support/NAME`, whose server also speaks TLS if there is a certificate; and what it says first: where
    /// the server is.
    pub fn start(name: &str, certificate: Option<&Authority>) -> (Self, u16, String) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(name);
        let certificate = certificate.map(files_of);
        let mut child = Command::new(&path)
            .args(certificate.as_ref().map(TempDir::path))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let lines = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        let mut pipes = Pipes { child, lines, answers };
        let answer = pipes.answer();
        let (port, place) = answer.split_once(' ').expect("a port and a path");
        (Self(Mutex::new(pipes)), port.parse().expect("a port"), place.to_owned())
    }

    /// Says a line, and waits until it is done; what follows the `ok` of the answer.
    pub fn obey(&self, line: &str) -> String {
        let mut pipes = self.0.lock().expect("lock");
        writeln!(pipes.lines.as_mut().expect("it runs"), "{line}").expect("it runs");
        let answer = pipes.answer();
        let rest = answer.strip_prefix("ok").unwrap_or_else(|| panic!("{line}: {answer:?}"));
        rest.trim_start().to_owned()
    }
}

impl Pipes {
    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("a line");
        assert!(line.ends_with('\n'), "the server does not run; the script says why");
        line.trim_end().to_owned()
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        self.lines.take();
        let _ = self.child.wait();
    }
}

/// A folder with what the server shows to its clients.
pub fn files_of(certificate: &Authority) -> TempDir {
    let folder = TempDir::with_prefix("certificate-").expect("folder");
    for (name, text) in [("certificate.pem", &certificate.certificate_pem), ("key.pem", &certificate.key_pem)] {
        std::fs::write(folder.path().join(name), text).expect(name);
    }
    folder
}
