//! What may be asked of a store, at random: small numbers, which the twins read as "this one of those that there are".

use duban::core::delivery::DeliveryState;
use duban::core::window::Level;
use proptest::prelude::*;
use proptest::sample::select;

/// One call of a verb that writes.
#[derive(Debug, Clone)]
pub enum Deed {
    Commit { under: Option<u8>, items: Vec<ItemDeed>, own: Vec<NoticeDeed> },
    Claim { few: bool, lease: i64, except: bool, only: Option<u8> },
    Seal { seals: Vec<(Pick, SealAs)> },
    Settle { settles: Vec<(Pick, DeliveryState, Option<i64>, bool)> },
    GiveBack { claims: Vec<(Pick, Option<i64>)> },
    Take { wants: Vec<WantDeed>, off: i64 },
    Receive { channel: u8, receipts: Vec<(i64, bool)> },
    Report { few: bool, other: u8 },
    Forgive { contact: u8, channel: u8 },
    Silence { n: u8, is_lifted: bool },
    Acknowledge { item: u8, name: u8, step: u32, contact: u8 },
    EndLeases,
    Retry(u8),
    Cancel(u8),
    PutPlaybook(u8),
    PutSource(u8),
    Fire(u8),
}

/// What is written about an item.
#[derive(Debug, Clone)]
pub struct ItemDeed {
    pub item: u8,
    /// Whether an older version was read.
    pub is_late: bool,
    pub keep_snapshot: bool,
    pub look_in: Option<i64>,
    pub playbook: u8,
    pub card: Option<CardDeed>,
    pub notices: Vec<NoticeDeed>,
}

/// What happens to one of an item's two cards.
#[derive(Debug, Clone)]
pub struct CardDeed {
    pub name: u8,
    /// The new level; without one it closes.
    pub level: Option<Level>,
    pub seconds: i64,
    /// Whether its watch is forgotten.
    pub is_forgotten: bool,
    /// Whether its transition has a number that was used, or 0.
    pub is_numbered_wrongly: bool,
}

#[derive(Debug, Clone)]
pub struct NoticeDeed {
    pub item: u8,
    pub what: u8,
    pub contact: u8,
    pub channel: u8,
    pub place: Place,
    pub seconds: i64,
    pub rehearsal: bool,
}

/// Where a notice goes.
#[derive(Debug, Clone)]
pub enum Place {
    /// Into a delivery that it opens.
    Opens,
    /// Into the delivery that another notice to the same contact opens, or opened.
    JoinsOf(u8, u8),
    /// Into one that is open.
    JoinsOpen(u8),
    /// Nowhere, for a reason.
    Held(u8),
    /// Nowhere, and nobody says why: a contradiction.
    HeldForNothing,
}

#[derive(Debug, Clone)]
pub struct WantDeed {
    pub channel: u8,
    pub contact: u8,
    /// Which of some rates.
    pub all: u8,
    pub each: u8,
}

/// A claim that was made: how far back, and how far off its fence is.
#[derive(Debug, Clone)]
pub struct Pick {
    pub back: u8,
    pub off: i64,
}

#[derive(Debug, Clone)]
pub enum SealAs {
    /// Members, without so many of them, which a silence may hold.
    Whole(u8, bool),
    Postponed(i64, bool),
    Nothing,
}

/// What is asked of a store in its life.
pub fn lives() -> impl Strategy<Value = Vec<Deed>> {
    prop::collection::vec(deed(), 1..150)
}

fn deed() -> impl Strategy<Value = Deed> {
    let under = prop_oneof![6 => Just(None), 1 => (0..3_u8).prop_map(Some)];
    let items = prop::collection::vec(item(), 0..4);
    let commit = (under, items, prop::collection::vec(notice(), 0..3)).prop_map(|(under, items, own)| Deed::Commit {
        under,
        items,
        own,
    });
    let claim = (any::<bool>(), 0..20_i64, rarely(), prop_oneof![5 => Just(None), 1 => (0..3_u8).prop_map(Some)])
        .prop_map(|(few, lease, except, only)| Deed::Claim { few, lease, except, only });
    let seal_as = prop_oneof![
        4 => (0..3_u8, any::<bool>()).prop_map(|(without, silenced)| SealAs::Whole(without, silenced)),
        1 => (0..20_i64, any::<bool>()).prop_map(|(seconds, at_limit)| SealAs::Postponed(seconds, at_limit)),
        1 => Just(SealAs::Nothing)
    ];
    let seal = prop::collection::vec((pick(), seal_as), 0..4).prop_map(|seals| Deed::Seal { seals });
    let end = (pick(), state(), prop::option::of(-9..9_i64), prop::bool::weighted(0.2));
    let settle = prop::collection::vec(end, 0..4).prop_map(|settles| Deed::Settle { settles });
    let given_back = prop::collection::vec((pick(), prop::option::of(-9..20_i64)), 0..3);
    let acknowledge = (0..5_u8, 0..2_u8, 0..2_u32, 0..2_u8);
    let receipts = prop::collection::vec((-9..9_i64, any::<bool>()), 0..6);
    let receive = (0..2_u8, receipts).prop_map(|(channel, receipts)| Deed::Receive { channel, receipts });
    let want = (0..2_u8, 0..2_u8, 0..4_u8, 0..4_u8).prop_map(|(channel, contact, all, each)| WantDeed {
        channel,
        contact,
        all,
        each,
    });
    let take = (prop::collection::vec(want, 0..6), prop_oneof![3 => Just(0), 1 => -40..40_i64])
        .prop_map(|(wants, off)| Deed::Take { wants, off });
    prop_oneof![
        8 => commit,
        5 => claim,
        4 => seal,
        4 => settle,
        2 => given_back.prop_map(|claims| Deed::GiveBack { claims }),
        3 => take,
        2 => receive,
        2 => (any::<bool>(), any::<u8>()).prop_map(|(few, other)| Deed::Report { few, other }),
        1 => (0..2_u8, 0..2_u8).prop_map(|(contact, channel)| Deed::Forgive { contact, channel }),
        1 => (0..3_u8, any::<bool>()).prop_map(|(n, is_lifted)| Deed::Silence { n, is_lifted }),
        1 => acknowledge
            .prop_map(|(item, name, step, contact)| Deed::Acknowledge { item, name, step, contact }),
        1 => Just(Deed::EndLeases),
        2 => any::<u8>().prop_map(Deed::Retry),
        2 => any::<u8>().prop_map(Deed::Cancel),
        1 => (0..3_u8).prop_map(Deed::PutPlaybook),
        1 => (0..3_u8).prop_map(Deed::PutSource),
        1 => (0..3_u8).prop_map(Deed::Fire),
    ]
}

fn rarely() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.05)
}

fn item() -> impl Strategy<Value = ItemDeed> {
    let card = (0..2_u8, level(), 0..50_i64, prop::bool::weighted(0.2), rarely()).prop_map(
        |(name, level, seconds, is_forgotten, is_numbered_wrongly)| CardDeed {
            name,
            level,
            seconds,
            is_forgotten,
            is_numbered_wrongly,
        },
    );
    let notices = prop::collection::vec(notice(), 0..4);
    let look = (prop::option::of(-5..20_i64), 0..3_u8);
    (0..5_u8, rarely(), any::<bool>(), look, prop::option::of(card), notices).prop_map(
        |(item, is_late, keep_snapshot, (look_in, playbook), card, notices)| ItemDeed {
            item,
            is_late,
            keep_snapshot,
            look_in,
            playbook,
            card,
            notices,
        },
    )
}

fn level() -> impl Strategy<Value = Option<Level>> {
    select(vec![None, Some(Level::Yellow), Some(Level::Red)])
}

fn notice() -> impl Strategy<Value = NoticeDeed> {
    let place = prop_oneof![
        40 => Just(Place::Opens),
        20 => (0..5_u8, 0..2_u8).prop_map(|(item, what)| Place::JoinsOf(item, what)),
        30 => any::<u8>().prop_map(Place::JoinsOpen),
        15 => (0..3_u8).prop_map(Place::Held),
        1 => Just(Place::HeldForNothing),
    ];
    (0..5_u8, 0..2_u8, prop::bool::weighted(0.2), prop::bool::weighted(0.2), place, -9..9_i64, rarely()).prop_map(
        |(item, what, to_other, by_sms, place, seconds, rehearsal)| NoticeDeed {
            item,
            what,
            contact: to_other.into(),
            channel: by_sms.into(),
            place,
            seconds,
            rehearsal,
        },
    )
}

fn pick() -> impl Strategy<Value = Pick> {
    let off = prop_oneof![20 => Just(0), 1 => -1..2_i64];
    (0..4_u8, off).prop_map(|(back, off)| Pick { back, off })
}

fn state() -> impl Strategy<Value = DeliveryState> {
    use DeliveryState::{Available, Cancelled, Discarded, Retryable, Scheduled, Sending, Sent, Unknown};
    prop_oneof![
        30 => select(vec![Sent, Retryable, Unknown, Discarded]),
        1 => select(vec![Scheduled, Available, Sending, Cancelled]),
    ]
}
