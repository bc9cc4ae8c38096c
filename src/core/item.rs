//! **Item** 办件: the snapshot of what a source says about one project, ticket, task or matter.
//!
//! **Invariant:** two equal snapshots mean that nothing changed; whatever a rule can see of an item is part of the
//! snapshot and of [`Item::digest`].

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Instant;
use super::digest::Digest;
use super::limit::Limit;
use super::value::{Fields, Value, read_texts};

/// Fields that exist on every item, whatever its source maps: lists are empty, the others missing.
pub const ALWAYS: &[&str] =
    &["source", "id", "kind", "title", "status", "unit", "owner", "region", "pauses", "extensions"];

/// Which item: the source's name in the configuration and the id that the source gives.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ItemKey {
    /// The source's name.
    pub source: Arc<str>,
    /// The id in that source.
    pub id: Arc<str>,
}

impl ItemKey {
    /// The key of item `id` of `source`.
    pub fn new(source: impl Into<Arc<str>>, id: impl Into<Arc<str>>) -> Self {
        Self { source: source.into(), id: id.into() }
    }
}

/// The source of the items that stand for duban's own means: a source, a rule, a channel. Their kind is `system`.
pub const OWN: &str = "duban";

impl ItemKey {
    /// The key of one of duban's own means.
    pub fn own(id: impl Into<Arc<str>>) -> Self {
        Self::new(OWN, id)
    }

    /// Whether this stands for one of duban's own means.
    pub fn is_own(&self) -> bool {
        *self.source == *OWN
    }
}

impl fmt::Display for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.id)
    }
}

/// What a source says about one thing at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Which item.
    #[serde(flatten)]
    pub key: ItemKey,
    /// A word of the mapping: `project`, `ticket`, `task` … duban itself knows `order` and `system`.
    pub kind: Arc<str>,
    /// The mapped fields, `title`, `status`, `unit`, `owner` and `region` among them where they are mapped.
    pub fields: Fields,
    /// When the clocks of this item stood still.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<Pause>,
    /// By how much its limits were extended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extension>,
    /// The source's own columns, as they came.
    #[serde(default, skip_serializing_if = "Fields::is_empty", deserialize_with = "read_texts")]
    pub raw: Fields,
}

impl Item {
    /// An item without any field.
    pub fn new(key: ItemKey, kind: impl Into<Arc<str>>) -> Self {
        Self {
            key,
            kind: kind.into(),
            fields: Fields::new(),
            pauses: Vec::new(),
            extensions: Vec::new(),
            raw: Fields::new(),
        }
    }

    /// The text of a mapped field, if it has one.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_text)
    }

    /// The title, or the id where the source gives none.
    pub fn title(&self) -> &str {
        self.text("title").unwrap_or(&self.key.id)
    }

    /// Identity of the content: equal digests mean equal snapshots.
    pub fn digest(&self) -> Digest {
        Digest::of_json(self)
    }
}

/// A stretch in which a clock stands still, such as an expert review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// First instant that does not count.
    pub from: Instant,
    /// First instant that counts again; `None` while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Instant>,
    /// What kind of pause, in the source's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Arc<str>>,
    /// On what ground (a statute, a document number).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Arc<str>>,
}

impl Pause {
    /// A pause without kind or basis.
    pub const fn new(from: Instant, to: Option<Instant>) -> Self {
        Self { from, to, kind: None, basis: None }
    }
}

/// A limit made longer by somebody who may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// How much is added.
    pub amount: Amount,
    /// When it was asked for; without it, `approved_at` stands for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Instant>,
    /// When it was approved; a request alone moves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<Instant>,
    /// On what ground.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Arc<str>>,
}

/// An amount of time that is added to a limit: with a unit of its own, or a bare number in the limit's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Amount {
    /// So many of the limit's own unit.
    Number(u32),
    /// An amount such as `5wd`, of the limit's family.
    Limit(Limit),
}
