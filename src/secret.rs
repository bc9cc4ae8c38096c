//! Secrets: where one is kept, and how it is fetched.
//!
//! Configuration never holds a secret, only a [`SecretRef`] to one:
//!
//! ```toml
//! password = { file = "smtp-password" }         # relative to the file that names it
//! password = { env = "SMTP_PASSWORD" }
//! password = { credential = "smtp-password" }   # systemd's LoadCredential=
//! ```
//!
//! **Invariant:** a secret that was written into the configuration by mistake is refused when it is resolved and not
//! when it is read, because a syntax error quotes the line that it stands in. No message in here holds a secret.

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRef {
    /// `None` where something else was written.
    place: Option<Place>,
}

/// The three places.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    File(PathBuf),
    Env(String),
    Credential(String),
}

/// A secret, and what there is to say about its keeping.
#[derive(Debug)]
pub struct Resolved {
    /// The secret.
    pub secret: SecretString,
    /// The file that held it, if others may read it.
    pub warning: Option<TooOpen>,
}

/// A secret's file whose mode is more open than 0640.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooOpen {
    /// The file.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The configuration holds something else than a reference.
    #[error(
        r#"a secret is never written into the configuration: expected {{ file = "PATH" }}, {{ env = "NAME" }} or {{ credential = "NAME" }}"#
    )]
    NotAReference,
    /// The place that is named does not exist.
    #[error("{place}: {problem}")]
    Missing {
        /// The place, in words.
        place: String,
        /// What was expected there.
        problem: String,
    },
    /// The file is there and cannot be read.
    #[error("secret file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is kept there cannot be a secret.
    #[error("{place}: {problem}")]
    Content {
        /// The place, in words.
        place: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// The longest secret, in bytes; a private key fits.
const LONGEST: u64 = 64 * 1024;

/// Permission bits that let more than the owner write or more than the group read.
const OPEN_BITS: u32 = 0o027;

impl SecretRef {
    /// A secret in a file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { place: Some(Place::File(path.into())) }
    }

    /// A secret in an environment variable.
    pub fn env(name: impl Into<String>) -> Self {
        Self { place: Some(Place::Env(name.into())) }
    }

    /// A secret among the service manager's credentials.
    pub fn credential(name: impl Into<String>) -> Self {
        Self { place: Some(Place::Credential(name.into())) }
    }

    /// Fetches the secret. `lookup` reads the environment; a relative path starts at `base_dir`, the folder of the
    /// file that names it. Line ends behind the secret are not part of it.
    pub fn resolve(&self, lookup: &dyn Fn(&str) -> Option<String>, base_dir: &Path) -> Result<Resolved, SecretError> {
        match self.place.as_ref().ok_or(SecretError::NotAReference)? {
            Place::File(path) => {
                let path = base_dir.join(path);
                let secret = read(&path)?;
                Ok(Resolved { secret, warning: TooOpen::look(&path) })
            }
            Place::Env(name) => {
                let place = format!("environment variable {name}");
                let text = lookup(name).ok_or_else(|| missing(&place, "is not set"))?;
                Ok(Resolved { secret: clean(&text, &place)?, warning: None })
            }
            Place::Credential(name) => {
                let secret = read(&credential_path(name, lookup)?)?;
                Ok(Resolved { secret, warning: None })
            }
        }
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = serde_json::Value::deserialize(deserializer)?;
        Ok(Self { place: place_of(&written) })
    }
}

impl fmt::Display for TooOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secret file {} has mode {:04o}, expected 0640 or less", self.path.display(), self.mode)
    }
}

impl TooOpen {
    fn look(path: &Path) -> Option<Self> {
        let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
        (mode & OPEN_BITS != 0).then(|| Self { path: path.to_owned(), mode })
    }
}

fn place_of(written: &serde_json::Value) -> Option<Place> {
    let table = written.as_object().filter(|table| table.len() == 1)?;
    let (key, value) = table.iter().next()?;
    let value = value.as_str().filter(|value| !value.is_empty())?;
    match key.as_str() {
        "file" => Some(Place::File(value.into())),
        "env" => Some(Place::Env(value.to_owned())),
        "credential" => Some(Place::Credential(value.to_owned())),
        _ => None,
    }
}

/// A credential's name is one file name: nothing outside the credentials' folder can be reached.
fn credential_path(name: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<PathBuf, SecretError> {
    let place = format!("credential {name}");
    if name.contains(['/', '\0']) || name == "." || name == ".." {
        return Err(SecretError::Content { place, problem: "expected a plain name without /" });
    }
    let folder = lookup("CREDENTIALS_DIRECTORY")
        .ok_or_else(|| missing(&place, "CREDENTIALS_DIRECTORY is not set; expected LoadCredential= in the unit"))?;
    Ok(Path::new(&folder).join(name))
}

fn read(path: &Path) -> Result<SecretString, SecretError> {
    let place = format!("secret file {}", path.display());
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => missing(&place, "does not exist"),
        _ => SecretError::Unreadable { path: path.to_owned(), source },
    };
    // Asked before opening: opening a pipe would wait for a writer.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(SecretError::Content { place, problem: "is not a regular file" });
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST {
        return Err(SecretError::Content { place, problem: "is longer than 64 KiB" });
    }
    let text =
        String::from_utf8(bytes).map_err(|_| SecretError::Content { place: place.clone(), problem: "is not UTF-8" })?;
    clean(&text, &place)
}

fn clean(text: &str, place: &str) -> Result<SecretString, SecretError> {
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(SecretError::Content { place: place.to_owned(), problem: "is empty" });
    }
    Ok(secret.to_owned().into())
}

fn missing(place: &str, problem: &str) -> SecretError {
    SecretError::Missing { place: place.to_owned(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    #[derive(Debug, Deserialize)]
    struct Mail {
        password: SecretRef,
    }

    fn reference(toml: &str) -> SecretRef {
        toml::from_str::<Mail>(&format!("password = {toml}")).expect("whatever is written is read").password
    }

    fn nothing(_: &str) -> Option<String> {
        None
    }

    fn folder_with(name: &str, content: &[u8], mode: u32) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        fs::write(&path, content).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
        folder
    }

    #[test]
    fn a_file_is_found_beside_the_configuration_and_loses_its_line_end() {
        let folder = folder_with("smtp", "wald und wiese\r\n".as_bytes(), 0o640);
        let found = reference(r#"{ file = "smtp" }"#).resolve(&nothing, folder.path()).expect("a secret");
        assert_eq!(found.secret.expose_secret(), "wald und wiese");
        assert_eq!(found.warning, None);
    }

    #[test]
    fn a_file_that_others_may_read_is_used_with_a_warning() {
        for (mode, open) in [(0o400, false), (0o600, false), (0o640, false), (0o660, true), (0o644, true)] {
            let folder = folder_with("smtp", b"s3cret", mode);
            let found = SecretRef::file("smtp").resolve(&nothing, folder.path()).expect("a secret");
            assert_eq!(found.warning.is_some(), open, "{mode:o}");
            if let Some(warning) = found.warning {
                assert_eq!(warning.mode, mode);
                assert!(warning.to_string().ends_with(&format!("has mode {mode:04o}, expected 0640 or less")));
            }
        }
    }

    #[test]
    fn an_environment_variable_is_asked_by_its_name() {
        let lookup = |name: &str| (name == "SMTP_PASSWORD").then(|| "s3cret\n".to_owned());
        let found = reference(r#"{ env = "SMTP_PASSWORD" }"#).resolve(&lookup, Path::new("/")).expect("a secret");
        assert_eq!(found.secret.expose_secret(), "s3cret");
        let other = reference(r#"{ env = "OTHER" }"#).resolve(&lookup, Path::new("/")).expect_err("not set");
        assert_eq!(other.to_string(), "environment variable OTHER: is not set");
    }

    #[test]
    fn a_credential_is_read_from_the_service_managers_folder() {
        let folder = folder_with("smtp-password", b"s3cret\n", 0o444);
        let path = folder.path().to_string_lossy().into_owned();
        let lookup = move |name: &str| (name == "CREDENTIALS_DIRECTORY").then(|| path.clone());
        let found = reference(r#"{ credential = "smtp-password" }"#);
        let found = found.resolve(&lookup, Path::new("/")).expect("a secret");
        assert_eq!(found.secret.expose_secret(), "s3cret");
        assert_eq!(found.warning, None, "the manager decides on the modes of credentials");
        for name in ["../smtp-password", "..", "a/b"] {
            let error = SecretRef::credential(name).resolve(&lookup, Path::new("/")).expect_err(name);
            assert!(matches!(error, SecretError::Content { .. }), "{error}");
        }
        let error = SecretRef::credential("x").resolve(&nothing, Path::new("/")).expect_err("no folder");
        assert!(error.to_string().contains("LoadCredential="), "{error}");
    }

    #[test]
    fn what_is_no_reference_is_refused_with_the_three_forms_and_without_its_value() {
        for toml in [
            r#""hunter2""#,
            "4711",
            r#"["hunter2"]"#,
            r#"{ plain = "hunter2" }"#,
            r#"{ file = "a", env = "hunter2" }"#,
            "{ file = 4711 }",
            r#"{ env = "" }"#,
            "2026-03-02",
        ] {
            let written = reference(toml);
            let error = written.resolve(&nothing, Path::new("/")).expect_err(toml).to_string();
            for form in [r#"{ file = "PATH" }"#, r#"{ env = "NAME" }"#, r#"{ credential = "NAME" }"#] {
                assert!(error.contains(form), "{error}");
            }
            let shown = format!("{error} {written:?}");
            assert!(!shown.contains("hunter2") && !shown.contains("4711"), "{shown}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_a_secret_says_which_and_why() {
        let folder = folder_with("empty", b"\n\n", 0o600);
        fs::write(folder.path().join("binary"), [0xff, 0xfe]).expect("a file");
        fs::write(folder.path().join("long"), vec![b'x'; 70_000]).expect("a file");
        fs::create_dir(folder.path().join("folder")).expect("a folder");
        let table = [
            ("empty", "is empty"),
            ("binary", "is not UTF-8"),
            ("long", "is longer than 64 KiB"),
            ("folder", "is not a regular file"),
            ("absent", "does not exist"),
        ];
        for (name, problem) in table {
            let error = SecretRef::file(name).resolve(&nothing, folder.path()).expect_err(name).to_string();
            assert_eq!(error, format!("secret file {}: {problem}", folder.path().join(name).display()));
        }
    }

    proptest! {
        #[test]
        fn no_text_survives_as_a_reference(text in ".*") {
            let written: SecretRef = serde_json::from_value(serde_json::Value::String(text)).expect("read");
            prop_assert!(written.resolve(&nothing, Path::new("/")).is_err());
        }

        #[test]
        fn an_environment_secret_comes_back_as_it_was(text in "[^\r\n]{1,40}") {
            let lookup = |_: &str| Some(format!("{text}\n"));
            let found = SecretRef::env("X").resolve(&lookup, Path::new("/")).expect("a secret");
            prop_assert_eq!(found.secret.expose_secret(), &text);
        }
    }
}
