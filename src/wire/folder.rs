//! Mails into a folder, as `.eml` files that any mail program opens; short messages as `.txt` files.
//!
//! **Invariant:** a delivery is one file however often it is sent; a file is whole as soon as it can be seen.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;

use super::email::mime::{self, Sender};
use super::line::one_line;
use super::{Channel, ChannelError, Message, seen_from};
use crate::core::contact::Medium;
use crate::core::delivery::Outcome;

/// How much of a delivery's id stands in its file's name.
const ID_DIGITS: usize = 12;
const LONGEST: Duration = Duration::from_secs(30);

/// `[channels.NAME.folder]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderConfig {
    /// The folder; it is made with the first message.
    pub path: PathBuf,
    /// What is written: mails, or texts of another medium.
    #[serde(default = "mail")]
    pub medium: Medium,
    /// The sender that mails carry.
    #[serde(default = "nobody")]
    pub from: String,
}

const fn mail() -> Medium {
    Medium::Mail
}

fn nobody() -> String {
    "督办 <duban@localhost>".to_owned()
}

impl FolderConfig {
    /// Takes the folder from `folder`.
    pub fn seen_from(&mut self, folder: &Path) {
        seen_from(folder, &mut self.path);
    }
}

/// A channel that writes files.
pub struct Folder {
    path: PathBuf,
    medium: Medium,
    sender: Sender,
}

impl Folder {
    /// The channel; nothing is made before the first message.
    pub fn new(config: &FolderConfig) -> Result<Self, ChannelError> {
        Ok(Self { path: config.path.clone(), medium: config.medium, sender: Sender::new(&config.from, None, None)? })
    }

    fn bytes(&self, message: &Message) -> Result<Vec<u8>, Outcome> {
        if self.medium != Medium::Mail {
            return Ok(text(message).into_bytes());
        }
        let to = mime::receiver(message).map_err(|reason| Outcome::Permanent { reason, bad_address: true })?;
        self.sender.bytes(message, &to).map_err(|reason| Outcome::Permanent { reason, bad_address: false })
    }

    fn name(&self, message: &Message) -> String {
        let id = message.id.to_string();
        let ending = if self.medium == Medium::Mail { "eml" } else { "txt" };
        format!("{}-{}.{ending}", message.date.format("%Y%m%d-%H%M%S"), &id[..ID_DIGITS])
    }
}

fn text(message: &Message) -> String {
    let name = one_line(&message.to_name, 78);
    let address = one_line(&message.to_address, 78);
    let date = message.date.format("%Y-%m-%dT%H:%M:%SZ");
    format!("To: {name} <{address}>\nDate: {date}\nId: {}\n\n{}\n", message.id, message.text.trim_end())
}

#[async_trait]
impl Channel for Folder {
    fn medium(&self) -> Medium {
        self.medium
    }

    fn at_once(&self) -> usize {
        4
    }

    fn longest(&self) -> Duration {
        LONGEST
    }

    async fn send(&self, message: &Message) -> Outcome {
        let bytes = match self.bytes(message) {
            Ok(bytes) => bytes,
            Err(outcome) => return outcome,
        };
        let (folder, name) = (self.path.clone(), self.name(message));
        let written = tokio::task::spawn_blocking(move || write_whole(&folder, &name, &bytes));
        let failed = |reason| Outcome::Temporary { reason, retry_after: None };
        match tokio::time::timeout(LONGEST, written).await {
            Ok(Ok(Ok(path))) => Outcome::Accepted {
                remote_id: path.file_name().map(|name| name.to_string_lossy().into_owned()),
                answer: path.display().to_string(),
            },
            Ok(Ok(Err(error))) => failed(format!("{}: {error}", self.path.display())),
            Ok(Err(error)) => failed(format!("{}: {error}", self.path.display())),
            Err(_) => failed(format!("{}: nothing written within {} s", self.path.display(), LONGEST.as_secs())),
        }
    }
}

/// Under another name first, so that no reader sees half a file, then renamed.
fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let (path, unfinished) = (folder.join(name), folder.join(format!(".{name}.part")));
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, &path)?;
    File::open(folder)?.sync_all()?;
    Ok(path)
}
