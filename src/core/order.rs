//! **Order** 督办单: what follows on a card that nobody answers: a party is told to act, signs, feeds back, and somebody
//! verifies it. Proposed → classified → dispatched → signed → fed back → verified → closed; also returned, transferred,
//! declined, withdrawn.
//!
//! An order is itself an [item](Order::item) of kind `order`, so that rules run clocks on it.
//!
//! **Invariant:** every change is a [`Deed`] that [`Order::act`] allows in the order's state, and stands in its history
//! with who did it, on whose behalf, when and why.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Instant;
use super::card::CardId;
use super::digest::Digest;
use super::item::{Extension, ItemKey};
use super::window::Level;

pub mod deed;
pub mod item;
pub mod linkage;
pub mod terms;

pub use deed::{Deed, Refusal};
pub use linkage::Linkage;
pub use terms::Terms;

/// The source of the items that stand for orders; no other source can have this name.
pub const SOURCE: &str = "orders";

/// The kind of the items that stand for orders.
pub const KIND: &str = "order";

/// The ladder that an order climbs once its card is closed.
pub const LADDER: &str = "order";

/// How many digits of an order's id people are shown.
pub const SHORT_ID: usize = 8;

/// The identity of an order: one for each episode of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderId(pub Digest);

impl OrderId {
    /// The order of a card's episode.
    pub fn new(card: CardId, episode: u32) -> Self {
        Self(Digest::of([b"order".as_slice(), card.to_string().as_bytes(), &episode.to_le_bytes()]))
    }
}

impl std::fmt::Display for OrderId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for OrderId {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// The number of the document that an order is, from its dispatch on: the how-manieth of its year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Number {
    /// The year, on the office's clock.
    pub year: i32,
    /// Counted from 1.
    pub ordinal: u32,
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "督办〔{}〕{}号", self.year, self.ordinal)
    }
}

impl std::str::FromStr for Number {
    type Err = ();

    /// Reads `督办〔2026〕12号`, with any brackets, or `2026-12`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.trim();
        let text = text.strip_prefix("督办").unwrap_or(text).trim_start_matches(['〔', '[', '［', '(', '（', '【']);
        let year: String = text.chars().take_while(char::is_ascii_digit).collect();
        let rest = text[year.len()..].trim_start_matches(['〕', ']', '］', ')', '）', '】', '-', ' ']);
        let ordinal = rest.trim_end_matches('号').trim();
        if year.len() != 4 || rest.len() == text.len() - year.len() {
            return Err(());
        }
        let number = |text: &str| text.parse::<u32>().map_err(|_| ());
        let ordinal = number(ordinal).and_then(|ordinal| if ordinal == 0 { Err(()) } else { Ok(ordinal) })?;
        Ok(Self { year: number(&year)?.cast_signed(), ordinal })
    }
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// A card asks for it.
    Proposed,
    /// The centre has decided what is to be done.
    Classified,
    /// A lead party has it.
    Dispatched,
    /// The lead party has signed for it.
    Signed,
    /// The lead party has said what it did.
    FedBack,
    /// That was not enough.
    Returned,
    /// The lead party says that it is not its matter.
    Declined,
    /// What was fed back is so.
    Verified,
    /// It ended with a result.
    Closed,
    /// It ended because its ground fell away.
    Withdrawn,
}

impl OrderState {
    /// All states, in the order of a life.
    pub const ALL: [Self; 10] = [
        Self::Proposed,
        Self::Classified,
        Self::Dispatched,
        Self::Signed,
        Self::FedBack,
        Self::Returned,
        Self::Declined,
        Self::Verified,
        Self::Closed,
        Self::Withdrawn,
    ];

    /// The identifier in SQL, JSON and CSV.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Classified => "classified",
            Self::Dispatched => "dispatched",
            Self::Signed => "signed",
            Self::FedBack => "fed_back",
            Self::Returned => "returned",
            Self::Declined => "declined",
            Self::Verified => "verified",
            Self::Closed => "closed",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The state that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether nothing more can happen to it.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Closed | Self::Withdrawn)
    }

    /// Whether a lead party has it.
    pub const fn is_with_a_party(self) -> bool {
        matches!(self, Self::Dispatched | Self::Signed | Self::FedBack | Self::Returned)
    }
}

/// What the centre decides about a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Classification {
    /// 办理: to be handled by a lead party.
    Handle,
    /// 催办: those who have it are urged.
    Urge,
    /// 并案: another order covers it.
    Merge,
    /// 不予派发: nothing is dispatched.
    None,
}

impl Classification {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Handle, Self::Urge, Self::Merge, Self::None];

    /// The identifier in JSON and on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Handle => "handle",
            Self::Urge => "urge",
            Self::Merge => "merge",
            Self::None => "none",
        }
    }

    /// The classification that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|classification| classification.word() == word)
    }
}

/// What kind of party takes part (article 15 of Zhenjiang's platform measures).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartyKind {
    /// 县(市、区): a district.
    District,
    /// 职能部门: a department.
    #[default]
    Department,
    /// 载体: a town, street or park.
    Carrier,
    /// 企业: an enterprise.
    Enterprise,
    /// 公用企事业单位: a utility.
    Utility,
    /// 中介机构: an intermediary.
    Intermediary,
}

impl PartyKind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::District, Self::Department, Self::Carrier, Self::Enterprise, Self::Utility, Self::Intermediary];

    /// The identifier in JSON and on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::District => "district",
            Self::Department => "department",
            Self::Carrier => "carrier",
            Self::Enterprise => "enterprise",
            Self::Utility => "utility",
            Self::Intermediary => "intermediary",
        }
    }

    /// The kind that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// A unit that takes part in an order, and what it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// The unit.
    pub unit: Arc<str>,
    /// What kind of unit.
    #[serde(default)]
    pub kind: PartyKind,
    /// The contact who answers for it, if one was named; else whoever holds the unit's role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Arc<str>>,
    /// When it signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<Instant>,
    /// Who signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<Arc<str>>,
    /// When it fed back last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fed_back_at: Option<Instant>,
    /// What it fed back last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<String>,
}

impl Party {
    /// A unit that has not done anything yet.
    pub fn new(unit: impl Into<Arc<str>>, kind: PartyKind, contact: Option<Arc<str>>) -> Self {
        let unit = unit.into();
        Self { unit, kind, contact, signed_at: None, signed_by: None, fed_back_at: None, feedback: None }
    }
}

/// The card that an order follows on, as it is known to the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ground {
    /// The card.
    pub card: CardId,
    /// Its episode.
    pub episode: u32,
    /// Its item.
    pub item: ItemKey,
    /// The rule.
    pub rule: Arc<str>,
    /// The window or finding.
    pub name: Arc<str>,
    /// The level at which the order was proposed.
    pub level: Level,
    /// The ladder that the card climbs, if it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ladder: Option<Arc<str>>,
    /// Whether the card is still open.
    pub is_open: bool,
    /// The item's title.
    pub title: String,
    /// The item's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Arc<str>>,
    /// The item's region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Arc<str>>,
}

/// Something that was done with an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// When.
    pub at: Instant,
    /// Who wrote it down.
    pub by: String,
    /// The contact on whose behalf, if not the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Arc<str>>,
    /// What.
    pub deed: Deed,
    /// The state that it led to.
    pub state: OrderState,
}

/// An order as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its identity.
    pub id: OrderId,
    /// Its number, once it was dispatched.
    pub number: Option<Number>,
    /// Where it stands.
    pub state: OrderState,
    /// What it follows on.
    pub ground: Ground,
    /// What the centre decided.
    pub classification: Option<Classification>,
    /// By what cause: a word of the office, by which specialists are found.
    pub cause: Option<Arc<str>>,
    /// The order that covers this one.
    pub merged_into: Option<OrderId>,
    /// Who is to act.
    pub lead: Option<Party>,
    /// Who is to help.
    pub assisting: Vec<Party>,
    /// By how much its clocks were extended.
    pub extensions: Vec<Extension>,
    /// Its way across regions or levels, if it goes one.
    pub linkage: Option<Linkage>,
    /// How it ended.
    pub result: Option<String>,
    /// When it was proposed.
    pub proposed_at: Instant,
    /// When it was classified last.
    pub classified_at: Option<Instant>,
    /// When the lead party got it.
    pub dispatched_at: Option<Instant>,
    /// When the lead party signed.
    pub signed_at: Option<Instant>,
    /// When the lead party fed back, if that was not returned.
    pub fed_back_at: Option<Instant>,
    /// When it was verified.
    pub verified_at: Option<Instant>,
    /// When it ended.
    pub ended_at: Option<Instant>,
    /// How often feedback was returned.
    pub returns: u32,
    /// Everything that was done with it, oldest first.
    pub history: Vec<Done>,
}

impl Order {
    /// The order that a card asks for.
    pub fn propose(ground: Ground, at: Instant) -> Self {
        Self {
            id: OrderId::new(ground.card, ground.episode),
            number: None,
            state: OrderState::Proposed,
            ground,
            classification: None,
            cause: None,
            merged_into: None,
            lead: None,
            assisting: Vec::new(),
            extensions: Vec::new(),
            linkage: None,
            result: None,
            proposed_at: at,
            classified_at: None,
            dispatched_at: None,
            signed_at: None,
            fed_back_at: None,
            verified_at: None,
            ended_at: None,
            returns: 0,
            history: Vec::new(),
        }
    }

    /// What people call it: its number, or the beginning of its id.
    pub fn name(&self) -> String {
        match self.number {
            Some(number) => number.to_string(),
            None => self.id.to_string().chars().take(SHORT_ID).collect(),
        }
    }

    /// The parties, the lead first.
    pub fn parties(&self) -> impl Iterator<Item = &Party> {
        self.lead.iter().chain(&self.assisting)
    }

    /// The ladder that its own cards climb: its card's while that is open.
    pub fn ladder(&self) -> &str {
        let of_card = self.ground.ladder.as_deref().filter(|_| self.ground.is_open);
        of_card.unwrap_or(LADDER)
    }
}

#[cfg(test)]
mod tests;
