//! **Notice**: one thing to be said to one contact by one channel, and why.
//!
//! **Invariant:** a notice's key is unique for ever, so the same thing is said to the same contact once. A notice that a
//! filter holds, or that sealing drops, keeps its row with state and reason; planning it again reopens that row. Only a
//! sent, unknown or discarded notice ends its key.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::card::{CardId, Change, Transition};
use super::delivery::{DeliveryId, DeliveryState};
use super::digest::Digest;
use super::item::ItemKey;
use super::ladder::{Label, Threshold};
use super::reason::Reason;
use super::window::Level;
use super::{Instant, instant};

/// What a notice says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// A level opened or rose.
    Raise,
    /// Red fell to yellow.
    Lower,
    /// Said again, because nobody answered.
    Reminder,
    /// The card closed: cleared, withdrawn or left its source.
    Clear,
    /// The card was wrong: a recall.
    Revoke,
    /// The card has new addressees.
    Handover,
    /// A ladder's count reached its number: so many running, so many of a unit.
    Count,
    /// An order.
    Order,
    /// A list for somebody, such as the operators' baseline digest.
    Digest,
    /// Something about duban itself.
    System,
}

impl NoticeKind {
    /// The identifier in SQL, JSON and CSV.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Raise => "raise",
            Self::Lower => "lower",
            Self::Reminder => "reminder",
            Self::Clear => "clear",
            Self::Revoke => "revoke",
            Self::Handover => "handover",
            Self::Count => "count",
            Self::Order => "order",
            Self::Digest => "digest",
            Self::System => "system",
        }
    }

    /// What a transition is told as; `None` if nobody is told.
    pub const fn of(change: Change) -> Option<Self> {
        match change {
            Change::Raise => Some(Self::Raise),
            Change::Lower => Some(Self::Lower),
            Change::Clear | Change::Withdraw | Change::LeftSource => Some(Self::Clear),
            Change::Revoke => Some(Self::Revoke),
            Change::Stop | Change::Resume => None,
        }
    }
}

/// Where a notice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeState {
    /// A filter holds it; it is in no delivery.
    Held,
    /// In a delivery that is not settled.
    Planned,
    /// Sealing found that it is no longer so.
    Dropped,
    /// Its delivery was sent.
    Sent,
    /// Its delivery may have been sent.
    Unknown,
    /// Its delivery is a dead letter.
    Discarded,
}

impl NoticeState {
    /// All states.
    pub const ALL: [Self; 6] = [Self::Held, Self::Planned, Self::Dropped, Self::Sent, Self::Unknown, Self::Discarded];

    /// The identifier in SQL, JSON and CSV.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Planned => "planned",
            Self::Dropped => "dropped",
            Self::Sent => "sent",
            Self::Unknown => "unknown",
            Self::Discarded => "discarded",
        }
    }

    /// Whether the contact has, or may have, heard it.
    pub const fn is_told(self) -> bool {
        matches!(self, Self::Sent | Self::Unknown)
    }

    /// What a delivery's end makes of its notices.
    pub const fn of(delivery: DeliveryState) -> Self {
        match delivery {
            DeliveryState::Sent => Self::Sent,
            DeliveryState::Unknown => Self::Unknown,
            DeliveryState::Discarded => Self::Discarded,
            DeliveryState::Cancelled => Self::Dropped,
            _ => Self::Planned,
        }
    }
}

/// Why a filter holds a notice, or sealing drops it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "hold")]
pub enum Hold {
    /// The card belongs to a baseline: a source's first complete poll, a go-live, a large confirmed change.
    Baseline,
    /// Nobody holds the role.
    NoContact {
        /// The role that nobody holds for the item.
        role: String,
    },
    /// The contact is away, and nobody stands in.
    Away,
    /// The contact has no address for the channel.
    NoAddress,
    /// The card is no longer at that level.
    NoLongerSo,
    /// The contact never heard of the card, or of its higher level, so nothing has to be taken back.
    NeverTold,
    /// Somebody wanted quiet about it; it is planned again when the silence ends.
    Silence {
        /// Which silence.
        silence: Digest,
    },
    /// The contact wants to hear of higher levels only.
    BelowLeast,
    /// The contact's address was refused for good, and is still the same.
    BadAddress,
    /// Somebody took the card before it was sent; it is planned again when nothing comes of that.
    Acknowledged,
    /// Nothing was left to say, or somebody cancelled the delivery.
    Cancelled,
}

impl Hold {
    /// Whether what it holds may be said later, under the same key, without anybody's doing.
    pub const fn is_lifted(&self) -> bool {
        matches!(self, Self::Silence { .. })
    }
}

/// As what, or in whose place, a contact is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Because {
    /// The role that the contact holds for the item; none for who was named by a route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Arc<str>>,
    /// The route that named the contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Arc<str>>,
    /// In whose place: a contact, or a role that nobody holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<Arc<str>>,
    /// Why not that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Gap>,
    /// What the office calls the step or the count by which the contact is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// The number that was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Threshold>,
    /// Whether the card has gone to others, who are told instead from now on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
}

/// Why somebody else is told in a contact's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// The contact is away; who stands in is told.
    Absent,
    /// The contact's secretary reads in the contact's place.
    Secretary,
    /// The contact's secretary reads it too.
    Copy,
    /// Nobody holds the role.
    Vacant,
    /// Nobody of the step can be reached.
    Unreachable,
    /// The channel failed; this one is its fallback.
    Fallback,
}

/// What was said about a card, or is about to be: what planning and sealing look back on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The identity of what is said.
    pub key: Digest,
    /// What it says.
    pub kind: NoticeKind,
    /// The card it is about; none for digests and operators' messages.
    pub card: Option<CardId>,
    /// The item it is about.
    pub item: Option<ItemKey>,
    /// The episode of the card.
    pub episode: u32,
    /// The number of the transition that it tells.
    pub number: u32,
    /// The level that it tells.
    pub level: Option<Level>,
    /// The step of the ladder, from 0.
    pub step: u32,
    /// The how-manieth reminder of that step, from 0.
    pub ordinal: u32,
    /// Who is told.
    pub contact: Arc<str>,
    /// By which channel.
    pub channel: Arc<str>,
    /// When it was planned.
    pub planned_at: Instant,
    /// Whether it was planned in rehearsal: then it counts as told in rehearsal only.
    #[serde(default)]
    pub rehearsal: bool,
    /// Where it stands.
    pub state: NoticeState,
    /// Why it is held or dropped.
    pub hold: Option<Hold>,
    /// The delivery that carries it.
    pub delivery: Option<DeliveryId>,
    /// The change that it tells, for what is about a card.
    pub change: Option<CardChange>,
    /// What a notice without a card says: title and lines.
    pub body: Option<Body>,
    /// As what, or in whose place, the contact is told.
    pub because: Because,
    /// When its delivery ended: sent, unknown or discarded.
    pub settled_at: Option<Instant>,
}

impl Notice {
    /// Whether it says that a card stands, and does not take back what was said.
    pub const fn raises(&self) -> bool {
        match self.kind {
            NoticeKind::Raise | NoticeKind::Reminder | NoticeKind::Count => true,
            NoticeKind::Handover => !self.because.gone,
            _ => false,
        }
    }

    /// Whether it takes a step of a ladder, or repeats one: what climbs on counts from these.
    pub const fn is_of_a_step(&self) -> bool {
        match self.kind {
            NoticeKind::Raise | NoticeKind::Lower | NoticeKind::Reminder => true,
            NoticeKind::Handover => !self.because.gone,
            _ => false,
        }
    }

    /// Whether it stays true when the card closes: cards of a unit that turned red are counted whatever became of them.
    pub const fn outlasts_its_card(&self) -> bool {
        matches!(self.because.count, Some(Threshold::Reds(_)))
    }
}

/// Notices by the card that they are about, in their order; those about none are left out.
pub fn by_card(notices: Vec<Notice>) -> HashMap<CardId, Vec<Notice>> {
    let mut by_card: HashMap<CardId, Vec<Notice>> = HashMap::new();
    for notice in notices {
        if let Some(card) = notice.card {
            by_card.entry(card).or_default().push(notice);
        }
    }
    by_card
}

/// The change of a card that a notice tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardChange {
    /// The rule.
    pub rule: Arc<str>,
    /// The window or finding.
    pub name: Arc<str>,
    /// What kind of change.
    pub change: Change,
    /// When it happened.
    #[serde(with = "instant")]
    pub at: Instant,
    /// Why.
    pub reason: Reason,
    /// The ladder that the card climbs; `None` takes the configured default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ladder: Option<Arc<str>>,
}

impl CardChange {
    /// The change that a transition is.
    pub fn of(transition: &Transition) -> Self {
        Self {
            rule: transition.rule.clone(),
            name: transition.name.clone(),
            change: transition.change,
            at: transition.at,
            reason: transition.reason.clone(),
            ladder: transition.ladder.clone(),
        }
    }
}

/// A delivery that can still be joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenDelivery {
    /// Its identity.
    pub id: DeliveryId,
    /// To whom.
    pub contact: Arc<str>,
    /// By which channel.
    pub channel: Arc<str>,
    /// The earliest instant at which it may be claimed.
    pub not_before: Instant,
    /// Why it is not claimed at once.
    pub waits_for: Option<Wait>,
    /// Whether it goes to the rehearsal's address.
    pub rehearsal: bool,
}

/// What a notice without a card says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// One line.
    pub title: String,
    /// The lines below.
    pub lines: Vec<String>,
}

/// What makes the key of a notice about a card.
#[derive(Debug, Clone, Copy)]
pub struct NoticeIdentity<'a> {
    /// What it says.
    pub kind: NoticeKind,
    /// The card; for digests and operators' messages, their subject and period.
    pub subject: &'a str,
    /// The number of the transition.
    pub number: u32,
    /// The step of the ladder.
    pub step: u32,
    /// The how-manieth reminder.
    pub ordinal: u32,
    /// Who is told.
    pub contact: &'a str,
    /// By which channel.
    pub channel: &'a str,
    /// Whether it is said in rehearsal: what a rehearsal said is not said yet.
    pub rehearsal: bool,
}

impl NoticeIdentity<'_> {
    /// The key.
    pub fn key(&self) -> Digest {
        let numbers = format!("{}.{}.{}", self.number, self.step, self.ordinal);
        let parts = [self.kind.word(), self.subject, &numbers, self.contact, self.channel];
        let rehearsal = self.rehearsal.then_some("rehearsal");
        Digest::of(parts.into_iter().chain(rehearsal).map(str::as_bytes))
    }
}

/// Where a planned notice goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The delivery that it joins or opens.
    pub delivery: DeliveryId,
    /// Whether it opens that delivery.
    pub opens: bool,
    /// The earliest instant at which the delivery may be claimed.
    pub not_before: Instant,
    /// Why not at once, for people and tests.
    pub waits_for: Option<Wait>,
    /// Whether the delivery goes to the rehearsal's address.
    pub rehearsal: bool,
}

/// Why a delivery is not claimed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// It is not working time.
    QuietHours,
    /// The contact gets lists, at set times.
    List,
    /// Its route waits for more to say.
    Group,
    /// The channel, or its messages to this contact, are at their limit.
    Rate,
}

impl Wait {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::QuietHours, Self::List, Self::Group, Self::Rate];

    /// The identifier in SQL, JSON and CSV.
    pub const fn word(self) -> &'static str {
        match self {
            Self::QuietHours => "quiet_hours",
            Self::List => "list",
            Self::Group => "group",
            Self::Rate => "rate",
        }
    }
}

/// A notice with the place that it goes to; a held one goes nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The notice.
    pub notice: Notice,
    /// Its delivery.
    pub placement: Option<Placement>,
}
