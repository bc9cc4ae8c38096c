//! How a command ends: its exit status, and the sentence for people if it is not fine.

use std::io;
use std::process::ExitCode;

/// The exit statuses that others script against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Fine = 0,
    /// The answer is no: a failed check, test or comparison, or input with a bad line.
    No = 1,
    /// Wrong usage, a bad argument value included.
    Usage = 2,
    /// Something broke inside.
    Internal = 70,
    /// The configuration does not load.
    Configuration = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ended early, for stderr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit status.
    pub exit: Exit,
    /// The sentence, in the caller's language; empty if nobody is left to read it.
    pub sentence: String,
}

impl Failure {
    /// The input is such that the answer is no.
    pub fn no(sentence: impl Into<String>) -> Self {
        Self { exit: Exit::No, sentence: sentence.into() }
    }

    /// An argument is wrong.
    pub fn usage(sentence: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, sentence: sentence.into() }
    }

    /// A file of the configuration or the playbook does not load.
    pub fn configuration(sentence: impl Into<String>) -> Self {
        Self { exit: Exit::Configuration, sentence: sentence.into() }
    }

    /// Something that should not happen.
    pub fn internal(sentence: impl Into<String>) -> Self {
        Self { exit: Exit::Internal, sentence: sentence.into() }
    }
}

/// Output that cannot be written. A reader who has gone (`| head`) has what was wanted, so that is fine and silent.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self { exit: Exit::Fine, sentence: String::new() },
            _ => Self::internal(error.to_string()),
        }
    }
}
