//! **Acknowledgement** 签收: a named person has taken a card. It holds reminders and the next step for a bounded working
//! time, never a clock.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Instant;
use super::card::CardId;
use super::window::Level;

/// Who took which card, when and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The card.
    pub card: CardId,
    /// Its episode.
    pub episode: u32,
    /// The level at which it was taken; a higher one voids the acknowledgement.
    pub level: Level,
    /// The step of the ladder that had been told.
    pub step: u32,
    /// The contact who took it.
    pub contact: Arc<str>,
    /// Who wrote it down: the contact, or somebody on the contact's behalf.
    pub by: String,
    /// By which way.
    pub via: Via,
    /// When.
    pub at: Instant,
}

/// By which way somebody signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// The link in a message.
    Link,
    /// The board.
    Board,
    /// Said on the phone, written down by somebody else.
    Phone,
    /// Answered by short message.
    Sms,
}

impl Via {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Link, Self::Board, Self::Phone, Self::Sms];

    /// The identifier in SQL, JSON and on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Board => "board",
            Self::Phone => "phone",
            Self::Sms => "sms",
        }
    }

    /// The way that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|via| via.word() == word)
    }
}
