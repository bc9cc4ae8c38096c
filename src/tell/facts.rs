//! **Facts**: everything that a message may say, fixed when its delivery is sealed. Templates see these names.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::core::acknowledgement::Via;
use crate::core::card::Change;
use crate::core::item::{Extension, Pause};
use crate::core::ladder::{Label, Threshold};
use crate::core::notice::{Body, Gap, NoticeKind};
use crate::core::reading::Granted;
use crate::core::reason::Reason;
use crate::core::window::Level;
use crate::core::{Instant, instant};

/// What one delivery says, to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The receiver.
    pub to: Receiver,
    /// `Some` while the delivery goes to the rehearsal's address: whom it would have reached.
    pub rehearsal_for: Option<String>,
    /// What is said, in the order in which it is said: red before yellow, older before newer.
    pub members: Vec<Member>,
    /// What is said beyond these members, counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rest: Vec<Rest>,
    /// When the facts were fixed.
    #[serde(with = "instant")]
    pub sealed_at: Instant,
    /// The name of the office's time zone: instants are shown on its clock.
    pub zone: String,
    /// Where the board is; without it no message holds a link.
    pub base_url: Option<String>,
    /// What short messages begin with, such as `【督办】`.
    pub signature: Option<String>,
    /// How to sign without a link, in the office's own words, such as whom to call.
    pub answer: Option<String>,
}

/// Members of a delivery that are not told one by one: so many of one sort in one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// The unit of their items.
    pub unit: Option<String>,
    /// What they say.
    pub kind: NoticeKind,
    /// The level that is told.
    pub level: Option<Level>,
    /// How many.
    pub count: usize,
}

/// Who gets a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receiver {
    /// The contact's id.
    pub contact: String,
    /// The contact's name.
    pub name: String,
    /// The address on the channel's medium.
    pub address: String,
}

/// One notice of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The notice's key.
    pub key: String,
    /// What it says.
    pub kind: NoticeKind,
    /// The card, for what is about one.
    pub card: Option<CardFacts>,
    /// What the step or the count is that it tells.
    #[serde(default)]
    pub taking: Taking,
    /// In whose place the receiver is told, if in somebody's.
    #[serde(default)]
    pub instead_of: Option<InsteadOf>,
    /// What it says if it is not about a card.
    pub body: Option<Body>,
}

/// By what a member came to its receiver.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taking {
    /// What the office calls the step or the count.
    pub label: Option<Label>,
    /// The number that was reached.
    pub count: Option<Threshold>,
    /// Whether the card has gone to others.
    pub gone: bool,
}

/// In whose place somebody is told, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsteadOf {
    /// A contact's name, a role or a channel.
    pub whom: String,
    /// Why not that one.
    pub why: Gap,
}

/// A card, its item and its clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardFacts {
    /// The card's identity.
    pub card: String,
    /// Its episode.
    pub episode: u32,
    /// The step of the ladder that is told, from 0.
    #[serde(default)]
    pub step: u32,
    /// The kind of change that is told.
    pub change: Change,
    /// The level that is told (of a closed card, the one that it had).
    pub level: Level,
    /// When the change happened.
    #[serde(with = "instant")]
    pub at: Instant,
    /// Why.
    pub reason: Reason,
    /// The source's name.
    pub source: String,
    /// The code of the item in its source.
    pub code: String,
    /// The item's kind.
    pub kind: String,
    /// The item's title.
    pub title: String,
    /// The item's unit.
    pub unit: Option<String>,
    /// The item's region.
    pub region: Option<String>,
    /// Who handles it: the contact behind the item's owner, or the owner as the source writes it.
    pub handler: Option<String>,
    /// The handler's phone.
    pub phone: Option<String>,
    /// The rule.
    pub rule: String,
    /// The rule's title.
    pub rule_title: Option<String>,
    /// The rule's basis.
    pub basis: Option<String>,
    /// The window or finding.
    pub window: String,
    /// What people call the window or finding, if its rule says so.
    #[serde(default)]
    pub window_label: Option<String>,
    /// The clock; none for findings.
    pub clock: Option<ClockFacts>,
    /// Who was told about this episode before, and when.
    pub told: Vec<Told>,
    /// Who took it in this episode.
    #[serde(default)]
    pub taken: Vec<Taken>,
    /// When the source's last good poll began.
    #[serde(default, with = "instant::maybe")]
    pub data_as_of: Option<Instant>,
    /// The receiver's own link for signing; without it messages link the board's page of the card.
    pub sign_url: Option<String>,
}

/// A window as it reads when the facts are fixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockFacts {
    /// The limit, in limit notation.
    pub limit: String,
    /// When it started.
    #[serde(default, with = "instant::maybe")]
    pub from: Option<Instant>,
    /// The first instant that is too late.
    #[serde(default, with = "instant::maybe")]
    pub due_at: Option<Instant>,
    /// Whether `due_at` rests on days that the calendar does not know yet.
    pub provisional: bool,
    /// When it was stopped.
    #[serde(default, with = "instant::maybe")]
    pub stopped_at: Option<Instant>,
    /// What remains, in hundredths of the limit's unit, negative when over.
    pub remaining: Option<i64>,
    /// The pauses that count.
    pub pauses: Vec<Pause>,
    /// The extensions, with what became of each.
    pub extensions: Vec<(Extension, Granted)>,
    /// How the due instant came about, a line each, at most 15.
    pub sum: Vec<String>,
    /// The start or the end, if a person put it on record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarked: Vec<Remarked>,
}

/// An instant that a person put on record, because the source does not say it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remarked {
    /// The instant.
    #[serde(with = "instant")]
    pub at: Instant,
    /// On what ground.
    pub evidence: Arc<str>,
}

/// A signature for a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The name of who took it.
    pub name: String,
    /// Who wrote it down, if somebody else did.
    pub by: Option<String>,
    /// By which way.
    pub via: Via,
    /// The level at which it was taken.
    pub level: Level,
    /// When.
    #[serde(with = "instant")]
    pub at: Instant,
    /// Until when reminders and the next step rest for it, if they do.
    #[serde(default, with = "instant::maybe")]
    pub rests_until: Option<Instant>,
}

/// A telling that took place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The contact's name.
    pub name: String,
    /// The channel.
    pub channel: String,
    /// When it was planned.
    #[serde(with = "instant")]
    pub at: Instant,
}
