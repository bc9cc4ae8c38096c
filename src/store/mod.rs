//! The store: duban's memory, as a narrow list of domain verbs.
//!
//! A turn enters by [`Store::commit`], in one transaction: items with what is remembered about them, snapshots,
//! transitions, notices and deliveries. The courier uses [`Store::claim`], [`Store::seal`] and [`Store::settle`].
//!
//! **Invariants:** no verb reads a clock: every instant is an argument. A state change names the old state. A lost guard
//! drops that item from the batch, not the batch. Whatever a verb has answered is on the disk, but for [`memory`].

pub mod admission;

mod limits;

pub mod memory;

pub mod sql;

pub mod sqlite;

pub mod postgres;

pub mod transfer;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::core::Instant;
use crate::core::acknowledgement::Acknowledgement;
use crate::core::audit::{Act, Entry, Head};
use crate::core::card::{CardId, Transition, Watch};
use crate::core::delivery::{DeliveryId, DeliveryState, Receipt};
use crate::core::digest::Digest;
use crate::core::item::{Item, ItemKey};
use crate::core::json::Json;
use crate::core::notice::{Hold, Notice, OpenDelivery, Planned, Wait};
use crate::core::order::{Number, Order};
use crate::core::rate::Rates;
use crate::core::remark::Remark;
use crate::core::silence::Silence;
use crate::core::window::{Level, Ruling};

/// Why a verb could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached or is busy; the same verb may succeed later.
    #[error("the store cannot be used now: {0}")]
    Unavailable(String),
    /// The disk is full or read-only.
    #[error("the store cannot be written: {0}")]
    NotWritable(String),
    /// The disk did not confirm what was written. Nobody knows what is on it, and asking again would not tell: nothing
    /// more is written until the store is opened anew.
    #[error("the disk did not confirm what the store wrote: {0}")]
    Unconfirmed(String),
    /// The store was written by a newer duban.
    #[error("{}", in_words(place, *schema, *known, backup.as_deref()))]
    Newer {
        /// Where it is.
        place: String,
        /// Its schema.
        schema: i64,
        /// The newest schema that this duban knows.
        known: i64,
        /// A copy beside it that this duban can use.
        backup: Option<PathBuf>,
    },
    /// The store's content is damaged.
    #[error("the store cannot be read: {0}")]
    Unreadable(String),
    /// The turn was planned under a playbook that is not the one in force, which is named.
    #[error("the turn was planned under a playbook that is not in force")]
    OtherPlaybook(Option<Digest>),
    /// The store refuses what contradicts it: a defect of duban. The same verb will fail again.
    #[error("the store refuses to write what contradicts it: {0}")]
    Refused(String),
}

fn in_words(place: &str, schema: i64, known: i64, backup: Option<&Path>) -> String {
    let what = format!("{place}: it was written by a newer duban (schema {schema}, and this one knows {known})");
    match backup {
        Some(backup) => format!("{what}; start that one, or go back with `duban restore {}`", backup.display()),
        None => format!("{what}; start that one: there is no backup beside it that this one can use"),
    }
}

/// The answer of a verb.
pub type Result<T> = std::result::Result<T, StoreError>;

/// What was done to a store's schema when it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// The schema before; `None` if the store is new.
    pub from: Option<i64>,
    /// The schema now.
    pub to: i64,
    /// The copy that was made before the schema was touched.
    pub backup: Option<PathBuf>,
}

impl Updated {
    /// Whether anything was done to a store that was there.
    pub fn is_change(&self) -> bool {
        self.from.is_some_and(|from| from != self.to)
    }
}

/// Everything that duban remembers about one item.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemRecord {
    /// The snapshot.
    pub item: Item,
    /// The snapshot's digest.
    pub digest: Digest,
    /// When the item was first seen.
    pub first_seen_at: Instant,
    /// When this snapshot was first seen.
    pub seen_at: Instant,
    /// What the rules said when they last succeeded.
    pub rulings: Vec<Ruling>,
    /// What is remembered about its windows and findings.
    pub watches: Vec<Watch>,
    /// What persons added to it, the oldest first; written by [`ItemWrite::remarks`] alone.
    pub remarks: Vec<Remark>,
    /// The newest `noticed_at` among its transitions.
    pub noticed_at: Option<Instant>,
    /// When to look again.
    pub next_look_at: Option<Instant>,
    /// The playbook under which it was judged.
    pub judged_under: Digest,
    /// In how many good polls running it has been missing; no more are counted than its source wants.
    pub missing_polls: u32,
    /// When it left its source: it has been missing for as long as its source wants, and nothing is judged.
    pub left_at: Option<Instant>,
    /// Counts the commits; a commit names the one it read. 0 for an item that is not stored yet.
    pub version: i64,
}

/// What of an item's record is as it was read: these are long, and a store need not write them again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    /// What the rules said.
    pub rulings: bool,
    /// What is remembered about its windows and findings.
    pub watches: bool,
}

/// What a turn writes about one item.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemWrite {
    /// The item as it is to be remembered, with the version that was read.
    pub record: ItemRecord,
    /// What of the record is as it was read.
    pub kept: Kept,
    /// Whether the snapshot is new and to be kept in the history.
    pub keep_snapshot: bool,
    /// What changed.
    pub transitions: Vec<Transition>,
    /// Who is to be told.
    pub notices: Vec<Planned>,
    /// The keys of those among them that say what they said when they were held: where they go is new, and no more.
    pub again: HashSet<Digest>,
    /// Remarks on it: new, or decided or revoked.
    pub remarks: Vec<Remark>,
    /// The order that the item stands for, if it stands for one.
    pub order: Option<Box<Order>>,
    /// Another item of the turn: both are written, or neither.
    pub with: Option<ItemKey>,
}

impl ItemWrite {
    /// An item of which nothing but what is remembered changes.
    pub fn of(record: ItemRecord) -> Self {
        Self {
            record,
            kept: Kept::default(),
            keep_snapshot: false,
            transitions: Vec::new(),
            notices: Vec::new(),
            again: HashSet::new(),
            remarks: Vec::new(),
            order: None,
            with: None,
        }
    }
}

/// Everything that a turn commits, in one transaction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Turn {
    /// The playbook under which it was planned; `None` skips the guard.
    pub playbook: Option<Digest>,
    /// The items.
    pub items: Vec<ItemWrite>,
    /// Notices that belong to no item: operators' messages and digests; and what is said again of items that do not
    /// change: released, lifted, on a fallback channel.
    pub notices: Vec<Planned>,
    /// Ended deliveries that this turn reports: operators and the fallback channel know of them from now on. They stay
    /// unreported if one of the turn's own notices is lost.
    pub reported: Vec<DeliveryId>,
    /// Schedules that fired, whatever becomes of the items.
    pub fired: Vec<(String, Instant)>,
    /// What persons did to bring this about: it goes into the audit trail, unless all of the turn's items are lost.
    pub acts: Vec<Act>,
}

/// What became of a turn.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// Items whose guard was lost (somebody else wrote them, or a delivery that they join was claimed): not written.
    pub lost: Vec<ItemKey>,
    /// Keys of the turn's own notices that join a delivery which was claimed: not written.
    pub lost_notices: Vec<Digest>,
}

/// A snapshot that was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// When it was first seen.
    pub seen_at: Instant,
    /// Its digest.
    pub digest: Digest,
    /// What the source said.
    pub item: Item,
}

/// A delivery as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    /// Its identity.
    pub id: DeliveryId,
    /// To whom.
    pub contact: Arc<str>,
    /// By which channel.
    pub channel: Arc<str>,
    /// Where it stands.
    pub state: DeliveryState,
    /// The earliest instant of the next claim.
    pub not_before: Instant,
    /// Why it is not claimed at once.
    pub waits_for: Option<Wait>,
    /// When it was opened.
    pub opened_at: Instant,
    /// How often it was claimed since it was opened, or since a person retried it.
    pub tries: u32,
    /// Whether it goes to the rehearsal's address.
    pub rehearsal: bool,
    /// When it was sealed.
    pub sealed_at: Option<Instant>,
    /// What was sealed: members, contact, facts. The same for every try.
    pub sealed: Option<Json>,
    /// When it was settled for good.
    pub settled_at: Option<Instant>,
    /// The peer's answer or the reason of the last try.
    pub reason: Option<String>,
    /// What the peer calls the message.
    pub remote_id: Option<String>,
    /// What the peer said later: whether it reached the receiver's device.
    pub receipt: Option<bool>,
}

/// A delivery under a lease.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The delivery, `sending`, its try counted.
    pub delivery: DeliveryRecord,
    /// The fencing token of the lease: a settle names it.
    pub fence: i64,
    /// Its notices.
    pub members: Vec<Notice>,
}

/// What sealing fixes for all tries.
#[derive(Debug, Clone, PartialEq)]
pub struct Seal {
    /// Which delivery.
    pub id: DeliveryId,
    /// The lease's token.
    pub fence: i64,
    /// Members that are no longer so, with the reason.
    pub dropped: Vec<(Digest, Hold)>,
    /// Members, contact and facts; `None` cancels the delivery, since nothing is left to say.
    pub sealed: Option<Json>,
    /// When to look at it again instead, and why: something it depends on is still on its way (no wait), or the channel
    /// is at its limit. It can still be joined.
    pub postponed_to: Option<(Instant, Option<Wait>)>,
}

impl Seal {
    /// Whether the delivery goes out now.
    pub const fn is_said(&self) -> bool {
        self.sealed.is_some() && self.postponed_to.is_none()
    }
}

/// The end of one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settle {
    /// Which delivery.
    pub id: DeliveryId,
    /// The lease's token.
    pub fence: i64,
    /// `sent`, `retryable`, `unknown` or `discarded`.
    pub state: DeliveryState,
    /// When to try again, for `retryable`.
    pub not_before: Option<Instant>,
    /// The peer's answer or the reason.
    pub reason: String,
    /// What the peer calls the message.
    pub remote_id: Option<String>,
    /// The address that the peer refused for good, if it did.
    pub bad_address: Option<String>,
}

/// An address that a peer refused for good. It is told nothing more as long as the contact has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BadAddress {
    /// Whose.
    pub contact: Arc<str>,
    /// On which channel.
    pub channel: Arc<str>,
    /// The address.
    pub address: String,
    /// When it was refused.
    pub at: Instant,
    /// What the peer said.
    pub reason: String,
}

/// A send that wants to be counted against the limits of its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// The channel.
    pub channel: Arc<str>,
    /// The contact.
    pub contact: Arc<str>,
    /// What the channel, and it to this contact, may send.
    pub rates: Rates,
}

/// A claimed delivery that is given back untried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenBack {
    /// Which delivery.
    pub id: DeliveryId,
    /// The lease's token.
    pub fence: i64,
    /// When it may be claimed again and what it waits for; `None`: at once, as before.
    pub until: Option<(Instant, Wait)>,
}

/// Which deliveries a claim is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Claimable<'a> {
    /// Not those of these channels.
    pub except: &'a [Arc<str>],
    /// Only those to these contacts, if that is asked.
    pub only: Option<&'a [Arc<str>]>,
}

/// One try to send a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The how-manieth try, from 1.
    pub number: u32,
    /// When the delivery was claimed for it.
    pub claimed_at: Instant,
    /// When it ended; `None` while it lasts.
    pub settled_at: Option<Instant>,
    /// What came of it.
    pub outcome: Option<AttemptOutcome>,
    /// The peer's answer or the reason.
    pub reason: Option<String>,
    /// What the peer calls the message.
    pub remote_id: Option<String>,
}

/// What came of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// The peer took it.
    Sent,
    /// Failed for now.
    Retryable,
    /// Nobody can know.
    Unknown,
    /// A dead letter.
    Discarded,
    /// Sealing found nothing left to say; nothing was sent.
    Cancelled,
    /// Sealing found that something is still on its way; nothing was sent.
    Postponed,
    /// A shutdown gave it back; nothing was sent.
    GivenBack,
    /// The lease ran out: whether something was sent, nobody said.
    LeaseLost,
}

/// A playbook as it was put in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaybookRecord {
    /// The identity of its content.
    pub version: Digest,
    /// When it was last put in force.
    pub at: Instant,
    /// By whom or by what it was last put in force: `start`, `reload`, a name.
    pub by: String,
    /// Its files: path to text.
    pub files: std::collections::BTreeMap<String, String>,
}

/// A rule as it was, with the tables that it read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleRecord {
    /// The rule's name.
    pub rule: Arc<str>,
    /// The identity of its text and tables.
    pub version: Digest,
    /// When it was first in force.
    pub at: Instant,
    /// By whom or by what.
    pub by: String,
    /// Its text.
    pub text: String,
    /// The parameters and tables that it read: path to text.
    pub tables: std::collections::BTreeMap<String, String>,
}

/// How a source is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SourceRecord {
    /// The source's name.
    pub source: Arc<str>,
    /// When its last good poll began.
    pub good_at: Option<Instant>,
    /// Rows of the last good poll.
    pub good_rows: Option<u64>,
    /// The newest instant that its cursor's field has shown in a good poll.
    pub cursor_at: Option<Instant>,
    /// When it was last polled.
    pub polled_at: Option<Instant>,
    /// How long the last poll took, in milliseconds.
    pub took_ms: u64,
    /// Rows of the last poll.
    pub rows: u64,
    /// Rows rejected in the last poll.
    pub rejected: u64,
    /// Items that the last poll found new or changed.
    pub changed: u64,
    /// Items that are remembered and were missing from the last good poll.
    pub missing: u64,
    /// Why the last poll was not believed; `None` if it was.
    pub trouble: Option<String>,
    /// When the first of the polls began that have not been believed since the last good one.
    pub doubted_at: Option<Instant>,
}

/// An open card, for lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenCard {
    /// The card.
    pub card: CardId,
    /// The item.
    pub item: ItemKey,
    /// The item's title.
    pub title: String,
    /// The item's unit.
    pub unit: Option<String>,
    /// The rule.
    pub rule: Arc<str>,
    /// The window or finding.
    pub name: Arc<str>,
    /// The level.
    pub level: Level,
    /// The instant of the level.
    pub at: Instant,
    /// The episode.
    pub episode: u32,
}

/// Which orders.
#[derive(Debug, Clone, Copy)]
pub enum OrderQuery<'a> {
    /// Those that follow on cards of these items, oldest first.
    Of(&'a [ItemKey]),
    /// Those whose id begins so, at most ten.
    Beginning(&'a str),
    /// The one with this number.
    Numbered(Number),
    /// Those that have not ended, oldest first, at most so many.
    Open(usize),
    /// All, newest first, at most so many.
    All(usize),
}

/// Numbers for status lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Items remembered.
    pub items: u64,
    /// Open yellow cards.
    pub yellow: u64,
    /// Open red cards.
    pub red: u64,
    /// Deliveries that wait for their instant or for a claim, or are being sent.
    pub waiting: u64,
    /// Deliveries sent.
    pub sent: u64,
    /// Dead letters.
    pub discarded: u64,
    /// Deliveries whose outcome nobody knows.
    pub unknown: u64,
}

/// Which deliveries to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryFilter {
    /// Only in this state.
    pub state: Option<DeliveryState>,
    /// Only to this contact.
    pub contact: Option<String>,
    /// At most so many, newest first.
    pub limit: usize,
}

/// duban's memory.
///
/// A verb that takes an [`Act`] enters it into the audit trail in its own transaction, if it changes what is stored.
#[async_trait]
pub trait Store: Send + Sync {
    /// Puts a playbook in force and keeps its rules' versions. The same version again changes nothing but who and when.
    async fn put_playbook(&self, playbook: &PlaybookRecord, rules: &[RuleRecord], act: Option<&Act>) -> Result<()>;

    /// The playbook in force.
    async fn playbook(&self) -> Result<Option<PlaybookRecord>>;

    /// All rule versions ever in force, oldest first.
    async fn rule_versions(&self) -> Result<Vec<RuleRecord>>;

    /// How the sources are doing.
    async fn sources(&self) -> Result<Vec<SourceRecord>>;

    /// Records how a source is doing.
    async fn put_source(&self, source: &SourceRecord) -> Result<()>;

    /// Id, digest and playbook of judging of every item of a source, in the order of ids, from after an id on, at most
    /// `limit`: what a poll compares with.
    async fn digests(&self, source: &str, after: Option<&str>, limit: usize) -> Result<Vec<(Arc<str>, Digest, u32)>>;

    /// Items that were judged under another playbook, at most `limit`.
    async fn stale_items(&self, playbook: Digest, limit: usize) -> Result<Vec<ItemKey>>;

    /// Items worth looking at by `now`, of one source or of all, the earliest first, at most `limit`.
    async fn due_items(&self, source: Option<&str>, now: Instant, limit: usize) -> Result<Vec<ItemKey>>;

    /// The earliest instant at which an item, of one source or of all, is worth looking at.
    async fn next_look_at(&self, source: Option<&str>) -> Result<Option<Instant>>;

    /// What is remembered about items, in the order asked for; those that are not stored are left out.
    async fn load(&self, items: &[ItemKey]) -> Result<Vec<ItemRecord>>;

    /// The items with this id in any source.
    async fn find_items(&self, id: &str) -> Result<Vec<ItemKey>>;

    /// The item of a card that was ever raised.
    async fn item_of(&self, card: CardId) -> Result<Option<ItemKey>>;

    /// The episode and the open level of these cards, in no order; those that were never raised are left out.
    async fn standing(&self, cards: &[CardId]) -> Result<Vec<(CardId, u32, Option<Level>)>>;

    /// What was said or is about to be said about the cards of items, oldest first.
    async fn notices_about(&self, items: &[ItemKey]) -> Result<Vec<Notice>>;

    /// The remarks whose id begins so, in lower-case digits, newest first, at most `limit`; all of them begin with nothing.
    async fn remarks(&self, beginning: &str, limit: usize) -> Result<Vec<Remark>>;

    /// All transitions of an item's cards, oldest first.
    async fn transitions(&self, item: &ItemKey) -> Result<Vec<Transition>>;

    /// All transitions of the cards of items, each item's oldest first.
    async fn histories(&self, items: &[ItemKey]) -> Result<Vec<(ItemKey, Transition)>>;

    /// The cards and episodes that turned red since an instant while their item was of one of these units, and were not
    /// revoked: of each unit as many as there are, at most `most`. An episode that was red before does not turn red again.
    async fn reds(&self, units: &[Arc<str>], since: Instant, most: usize) -> Result<Vec<(Arc<str>, CardId, u32)>>;

    /// The kept snapshots of an item, oldest first.
    async fn snapshots(&self, item: &ItemKey) -> Result<Vec<Snapshot>>;

    /// Deliveries to these contacts that can still be joined: not claimed yet, or given back before they were sealed.
    async fn open_deliveries(&self, contacts: &[Arc<str>]) -> Result<Vec<OpenDelivery>>;

    /// Commits a turn in one transaction; [`admission`] says what of it is written.
    async fn commit(&self, turn: &Turn) -> Result<Committed>;

    /// Claims deliveries that are due: `scheduled`, `available` or `retryable` with `not_before` ≤ `now`, or `sending`
    /// under a lease that ran out; oldest first, at most `limit`, and only what `of` asks for.
    async fn claim(&self, now: Instant, lease_until: Instant, limit: usize, of: Claimable<'_>) -> Result<Vec<Claimed>>;

    /// The earliest instant at which a claim may find something, not counting the channels in `except`.
    async fn next_claim_at(&self, except: &[Arc<str>]) -> Result<Option<Instant>>;

    /// Since when the delivery waits that waits the longest: since it was first tried, or since it could be claimed.
    async fn waiting_since(&self, now: Instant) -> Result<Option<Instant>>;

    /// Counts sends against the limits of their channels, in this order: `None` for each that may leave now, and is
    /// counted; else the first instant at which it may. Counts outlive a restart and are shared by all who share the store;
    /// a stretch of time is open at its beginning: `1/1m` at 10:00:00 allows the next at 10:01:00.
    async fn take(&self, now: Instant, wants: &[Want]) -> Result<Vec<Option<Instant>>>;

    /// Seals claimed deliveries, each once; the ids of those whose lease was lost, or which are sealed already, are the
    /// answer. A cancelled or postponed one counts as never tried.
    async fn seal(&self, now: Instant, seals: &[Seal]) -> Result<Vec<DeliveryId>>;

    /// Settles tries; the ids of those whose lease was lost are the answer.
    async fn settle(&self, now: Instant, settles: &[Settle]) -> Result<Vec<DeliveryId>>;

    /// Gives claimed deliveries back untried: a shutdown is no failed try. Those whose lease was lost stay as they are.
    async fn give_back(&self, now: Instant, claims: &[GivenBack]) -> Result<()>;

    /// Ends the leases that this installation holds, at the start of its process: what an earlier one was sending when it
    /// died can be claimed again at once. Another installation's leases run out by themselves.
    async fn end_leases(&self, now: Instant) -> Result<()>;

    /// Deliveries, newest first.
    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRecord>>;

    /// The deliveries whose id begins so, with their notices, the dropped ones too; at most ten.
    async fn delivery(&self, id: &str) -> Result<Vec<(DeliveryRecord, Vec<Notice>)>>;

    /// The tries of a delivery, oldest first.
    async fn attempts(&self, id: DeliveryId) -> Result<Vec<Attempt>>;

    /// Sends a settled delivery again, under the same id and with all its tries. `false` if it is not `discarded` or
    /// `unknown`.
    async fn retry_delivery(&self, id: DeliveryId, now: Instant, act: Option<&Act>) -> Result<bool>;

    /// Cancels a delivery that can still be joined. `false` if it cannot.
    async fn cancel_delivery(&self, id: DeliveryId, now: Instant, act: Option<&Act>) -> Result<bool>;

    /// Deliveries that ended in `discarded` or `unknown` and were not reported by a turn yet, with their notices, oldest
    /// first, at most `limit`.
    async fn unreported(&self, limit: usize) -> Result<Vec<(DeliveryRecord, Vec<Notice>)>>;

    /// Addresses that were refused for good, the newest of each contact and channel.
    async fn bad_addresses(&self) -> Result<Vec<BadAddress>>;

    /// Forgets that an address was refused; `false` if none was.
    async fn forgive_address(&self, contact: &str, channel: &str, act: Option<&Act>) -> Result<bool>;

    /// Deliveries of a channel that were `sent` after an instant and have a `remote_id` and no receipt yet, oldest first,
    /// at most `limit`.
    async fn without_receipt(&self, channel: &str, sent_after: Instant, limit: usize) -> Result<Vec<DeliveryRecord>>;

    /// Writes down what a channel's peer said later about messages that it took; those it means are the answer. A message
    /// that did not reach its receiver turns from `sent` to `discarded`, its notices too. A receipt that is there stays.
    async fn put_receipts(&self, now: Instant, channel: &str, receipts: &[Receipt]) -> Result<Vec<DeliveryId>>;

    /// Writes a silence down, in place of the one with the same id.
    async fn put_silence(&self, silence: &Silence, act: Option<&Act>) -> Result<()>;

    /// Silences, in the order of their creation: those that are not lifted yet, or all.
    async fn silences(&self, all: bool) -> Result<Vec<Silence>>;

    /// Writes down that somebody took a card; `false` if the same contact did so before at this episode, level and step.
    async fn acknowledge(&self, acknowledgement: &Acknowledgement, act: Option<&Act>) -> Result<bool>;

    /// Who took these cards, oldest first.
    async fn acknowledgements(&self, cards: &[CardId]) -> Result<Vec<Acknowledgement>>;

    /// Orders. They are written by [`Store::commit`], with the items that stand for them.
    async fn orders(&self, of: OrderQuery<'_>) -> Result<Vec<Order>>;

    /// The highest number that an order of a year has; 0 if none has one.
    async fn last_order_number(&self, year: i32) -> Result<u32>;

    /// What was said about an order to its parties, oldest first.
    async fn notices_of_order(&self, order: &ItemKey) -> Result<Vec<Notice>>;

    /// Notices that are held for a reason, oldest first, at most `limit`.
    async fn held_notices(&self, hold: &Hold, limit: usize) -> Result<Vec<Notice>>;

    /// Open cards, red before yellow, oldest first, at most `limit`.
    async fn open_cards(&self, limit: usize) -> Result<Vec<OpenCard>>;

    /// Numbers for status lines.
    async fn counts(&self) -> Result<Counts>;

    /// When a schedule last fired.
    async fn last_fired(&self, schedule: &str) -> Result<Option<Instant>>;

    /// Records that a schedule fired.
    async fn fired(&self, schedule: &str, at: Instant) -> Result<()>;

    /// The audit trail from after an entry on, at most `limit` entries. It is added to in the transaction of what it
    /// tells: by [`Turn::acts`], and by the verbs that take an act.
    async fn audit(&self, after: u64, limit: usize) -> Result<Vec<Entry>>;

    /// The end of the audit trail.
    async fn audit_head(&self) -> Result<Head>;

    /// What the clock of another machine shows, if the store is on one.
    async fn clock(&self) -> Result<Option<Instant>> {
        Ok(None)
    }

    /// Returns when another process has written something that may be due. A hint: it may stay out, and does where nobody
    /// else can write.
    async fn nudged(&self) {
        std::future::pending::<()>().await;
    }

    /// Closes the store; what was written is on the disk.
    async fn close(&self);
}
