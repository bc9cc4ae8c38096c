//! Two back ends beside each other: whatever is asked of both, in whatever order, they answer the same.

mod deeds;
mod views;

use std::fmt::Debug;
use std::sync::Arc;

use chrono::TimeDelta;
use duban::core::Instant;
use duban::core::acknowledgement::{Acknowledgement, Via};
use duban::core::audit::Act;
use duban::core::card::{CardId, Change, Transition, Watch};
use duban::core::delivery::{DeliveryId, DeliveryState, Receipt};
use duban::core::digest::Digest;
use duban::core::item::ItemKey;
use duban::core::matcher::Matcher;
use duban::core::notice::{Hold, Notice, NoticeKind, NoticeState, Placement, Planned, Wait};
use duban::core::rate::Rates;
use duban::core::silence::Silence;
use duban::core::value::Value;
use duban::core::window::Level;
use duban::store::sqlite::SqliteStore;
use duban::store::{
    Claimable, Claimed, DeliveryFilter, DeliveryRecord, GivenBack, ItemRecord, ItemWrite, Kept, PlaybookRecord, Result,
    RuleRecord, Seal, Settle, SourceRecord, Store, StoreError, Turn, Want,
};
use proptest::prelude::*;

use self::deeds::{CardDeed, Deed, ItemDeed, NoticeDeed, Pick, Place, SealAs, WantDeed, lives};
use crate::sample;
use crate::stores::{self, Opened};

const ITEMS: u8 = 5;
const CONTACTS: [&str; 2] = ["li", "wang\0"];
const CHANNELS: [&str; 2] = ["mail", "sms"];
const HOLDS: [Hold; 3] = [Hold::Baseline, Hold::NoAddress, Hold::NoContact { role: String::new() }];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn a_store_in_memory_answers_as_one_in_sqlite(life in lives()) {
        live(life, async || {
            let sqlite = SqliteStore::open_in_memory().await.expect("a store");
            Opened::new(Arc::new(sqlite))
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn a_store_in_memory_answers_as_one_in_postgres(life in lives()) {
        live(life, stores::postgres);
    }
}

/// Asks a store for all that, and one in memory beside it.
fn live(life: Vec<Deed>, open: impl AsyncFn() -> Opened) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let (one, other) = (stores::memory().await, open().await);
        let mut twins = Twins::new(one.store.clone(), other.store.clone());
        for deed in life {
            twins.act(&deed).await;
        }
        twins.compare().await;
        other.store.close().await;
    });
}

/// The stores, and what their caller knows.
struct Twins {
    one: Arc<dyn Store>,
    other: Arc<dyn Store>,
    now: Instant,
    /// What was claimed, the last one last.
    claims: Vec<Claimed>,
}

fn named(kind: &str, n: u8) -> Digest {
    Digest::of([kind.as_bytes(), &[n]])
}

fn key(n: u8) -> ItemKey {
    ItemKey::new(if n.is_multiple_of(2) { "even" } else { "odd" }, (n / 2).to_string())
}

fn card(item: u8, name: u8) -> CardId {
    CardId::new(&key(item), "rule", &name.to_string())
}

/// An answer that can be compared: a value, or a kind of refusal.
fn answer<T: Debug>(answer: &Result<T>) -> String {
    match answer {
        Ok(value) => format!("{value:?}"),
        Err(StoreError::OtherPlaybook(in_force)) => format!("not under {in_force:?}"),
        Err(StoreError::Refused(_)) => "refused".into(),
        Err(other) => panic!("both can be reached: {other}"),
    }
}

impl Twins {
    fn new(one: Arc<dyn Store>, other: Arc<dyn Store>) -> Self {
        Self { one, other, now: sample::now(), claims: Vec::new() }
    }

    /// Asks both for the same; the answer is the one on which they agree.
    async fn both<T: Debug>(&self, deed: &impl Debug, ask: impl AsyncFn(&dyn Store) -> Result<T>) -> Result<T> {
        let (one, other) = (ask(&*self.one).await, ask(&*self.other).await);
        assert_eq!(answer(&one), answer(&other), "{deed:?}");
        one
    }

    async fn compare(&self) {
        let (one, other) = (views::view(&*self.one, self.now).await, views::view(&*self.other, self.now).await);
        for (one, other) in one.iter().zip(&other) {
            assert_eq!(one, other);
        }
        assert_eq!(one.len(), other.len());
    }

    /// Time goes on with each call, by more than a column can hold, so that no two instants are equal but those of a
    /// lease.
    fn later(&mut self) -> Instant {
        self.now += TimeDelta::nanoseconds(1_700_003_003);
        self.now
    }

    fn in_seconds(&mut self, seconds: i64) -> Instant {
        self.later() + TimeDelta::seconds(seconds)
    }

    async fn act(&mut self, deed: &Deed) {
        let now = self.later();
        match deed {
            Deed::Commit { under, items, own } => {
                let mut turn = self.turn(*under, items, own).await;
                turn.acts.push(act(deed, now));
                let _ = self.both(deed, async |store| store.commit(&turn).await).await;
            }
            Deed::Claim { few, lease, except, only } => self.claim(deed, *few, *lease, *except, *only).await,
            Deed::Seal { seals } => {
                let seals: Vec<Seal> = seals.iter().filter_map(|(pick, how)| self.seal(pick, how)).collect();
                let _ = self.both(&seals, async |store| store.seal(now, &seals).await).await;
            }
            Deed::Settle { settles } => {
                let ends = settles.iter().filter_map(|(pick, state, wait, bad)| self.settle(pick, *state, *wait, *bad));
                let ends: Vec<Settle> = ends.collect();
                let _ = self.both(&ends, async |store| store.settle(now, &ends).await).await;
            }
            Deed::GiveBack { claims } => {
                let given: Vec<GivenBack> =
                    claims.iter().filter_map(|(pick, until)| self.given_back(pick, *until)).collect();
                let _ = self.both(&given, async |store| store.give_back(now, &given).await).await;
            }
            Deed::Take { wants, off } => {
                let wants: Vec<Want> = wants.iter().map(want).collect();
                let now = now + TimeDelta::seconds(*off);
                let _ = self.both(&wants, async |store| store.take(now, &wants).await).await;
            }
            Deed::Receive { channel, receipts } => {
                let receipts: Vec<Receipt> = receipts.iter().map(receipt).collect();
                let channel = CHANNELS[usize::from(*channel)];
                let _ = self.both(&receipts, async |store| store.put_receipts(now, channel, &receipts).await).await;
            }
            Deed::Report { few, other } => {
                let found = self.both(deed, async |store| store.unreported(if *few { 1 } else { 9 }).await).await;
                let found = found.expect("deliveries").into_iter().map(|(record, _)| record.id);
                let reported = found.chain([self.any_delivery(*other).await]).collect();
                let turn = Turn { reported, ..Turn::default() };
                let _ = self.both(deed, async |store| store.commit(&turn).await).await;
            }
            Deed::Forgive { contact, channel } => {
                let (contact, channel) = (CONTACTS[usize::from(*contact)], CHANNELS[usize::from(*channel)]);
                let _ = self
                    .both(deed, async |store| store.forgive_address(contact, channel, Some(&act(deed, now))).await)
                    .await;
            }
            Deed::Silence { n, is_lifted } => {
                let silence = silence(*n, *is_lifted, now);
                let _ = self.both(deed, async |store| store.put_silence(&silence, Some(&act(deed, now))).await).await;
            }
            Deed::Acknowledge { item, name, step, contact } => {
                let taken = Acknowledgement {
                    card: card(*item, *name),
                    episode: 1,
                    level: Level::Red,
                    step: *step,
                    contact: CONTACTS[usize::from(*contact)].into(),
                    by: "somebody\0".into(),
                    via: Via::Phone,
                    at: now - TimeDelta::seconds(7 * i64::from(*step)),
                };
                let _ = self.both(deed, async |store| store.acknowledge(&taken, Some(&act(deed, now))).await).await;
            }
            Deed::EndLeases => {
                let _ = self.both(deed, async |store| store.end_leases(now).await).await;
            }
            Deed::Retry(n) => {
                let id = self.given_up(*n).await;
                let _ = self.both(deed, async |store| store.retry_delivery(id, now, Some(&act(deed, now))).await).await;
            }
            Deed::Cancel(n) => {
                let id = self.any_delivery(*n).await;
                let _ =
                    self.both(deed, async |store| store.cancel_delivery(id, now, Some(&act(deed, now))).await).await;
            }
            Deed::PutPlaybook(n) => {
                let (playbook, rules) = playbook(*n, now);
                let _ = self
                    .both(deed, async |store| store.put_playbook(&playbook, &rules, Some(&act(deed, now))).await)
                    .await;
            }
            Deed::PutSource(n) => {
                let source = source(*n, now);
                let _ = self.both(deed, async |store| store.put_source(&source).await).await;
            }
            Deed::Fire(n) => {
                let schedule = named("schedule", *n).to_string();
                let _ = self.both(deed, async |store| store.fired(&schedule, now).await).await;
            }
        }
    }

    async fn claim(&mut self, deed: &Deed, few: bool, lease: i64, except: bool, only: Option<u8>) {
        let now = self.now;
        // Which of those under one lease is claimed first is nobody's promise.
        let is_clear = self.deliveries(Some(DeliveryState::Sending)).await.is_empty();
        let limit = if few && is_clear { 2 } else { 99 };
        let except: Vec<_> = except.then(|| CHANNELS[0].into()).into_iter().collect();
        let contacts = CONTACTS.map(Into::into);
        let only = only.map(|number| &contacts[..usize::from(number)]);
        let of = Claimable { except: &except, only };
        let until = now + TimeDelta::seconds(lease);
        let claimed = self.both(deed, async |store| store.claim(now, until, limit, of).await).await;
        self.claims.extend(claimed.expect("a claim"));
    }

    fn picked(&self, pick: &Pick) -> Option<&Claimed> {
        self.claims.iter().rev().nth(pick.back.into())
    }

    fn lease(&self, pick: &Pick) -> Option<(DeliveryId, i64)> {
        self.picked(pick).map(|claimed| (claimed.delivery.id, claimed.fence + pick.off))
    }

    fn given_back(&mut self, pick: &Pick, until: Option<i64>) -> Option<GivenBack> {
        let (id, fence) = self.lease(pick)?;
        let until = until.map(|seconds| (self.in_seconds(seconds), Wait::Rate));
        Some(GivenBack { id, fence, until })
    }

    fn seal(&mut self, pick: &Pick, how: &SealAs) -> Option<Seal> {
        let (id, fence) = self.lease(pick)?;
        let hold = if matches!(how, SealAs::Whole(_, true)) { silenced() } else { Hold::NoLongerSo };
        let members = self.picked(pick)?.members.iter().map(|member| (member.key, hold.clone()));
        let strangers = self.claims.iter().flat_map(|claimed| &claimed.members).take(3);
        let strangers = strangers.map(|stranger| (stranger.key, Hold::NeverTold));
        let mut seal = Seal { id, fence, dropped: vec![], sealed: None, postponed_to: None };
        match how {
            SealAs::Whole(without, _) => {
                seal.dropped =
                    if *without == 2 { strangers.collect() } else { members.take((*without).into()).collect() };
                seal.sealed = Some(serde_json::json!({"fence": fence, "督办": "\0"}).into());
            }
            SealAs::Postponed(seconds, at_limit) => {
                seal.dropped = members.skip(1).collect();
                seal.postponed_to = Some((self.in_seconds(*seconds), at_limit.then_some(Wait::Rate)));
            }
            SealAs::Nothing => seal.dropped = members.take(1).collect(),
        }
        Some(seal)
    }

    fn settle(&mut self, pick: &Pick, state: DeliveryState, wait: Option<i64>, bad: bool) -> Option<Settle> {
        let (id, fence) = self.lease(pick)?;
        let not_before = wait.map(|seconds| self.in_seconds(seconds));
        let remote_id = wait.map(|seconds| format!("\0{seconds}"));
        let bad_address = bad.then(|| format!("{fence}\0"));
        Some(Settle { id, fence, state, not_before, reason: format!("try {fence}\0"), remote_id, bad_address })
    }

    /// A delivery that there is, if there is one.
    async fn any_delivery(&self, n: u8) -> DeliveryId {
        one_of(&self.deliveries(None).await, n)
    }

    /// A delivery that was given up, or any.
    async fn given_up(&self, n: u8) -> DeliveryId {
        let mut given_up = self.deliveries(Some(DeliveryState::Unknown)).await;
        given_up.extend(self.deliveries(Some(DeliveryState::Discarded)).await);
        if given_up.is_empty() { self.any_delivery(n).await } else { one_of(&given_up, n) }
    }

    async fn deliveries(&self, state: Option<DeliveryState>) -> Vec<DeliveryRecord> {
        let filter = DeliveryFilter { state, contact: None, limit: 999 };
        self.one.deliveries(&filter).await.expect("deliveries")
    }

    async fn turn(&mut self, under: Option<u8>, items: &[ItemDeed], own: &[NoticeDeed]) -> Turn {
        let mut turn = Turn { playbook: under.map(|n| named("playbook", n)), ..Turn::default() };
        for deed in items {
            turn.items.push(self.item(deed).await);
        }
        turn.notices = self.notices(own).await;
        turn
    }

    async fn item(&mut self, deed: &ItemDeed) -> ItemWrite {
        let found = self.one.load(&[key(deed.item)]).await.expect("a load").pop();
        let before = found.unwrap_or_else(|| ItemRecord { version: 0, ..sample::record("") });
        let mut record = before.clone();
        record.item.key = key(deed.item);
        record.item.fields.set("title", Value::text(format!("{}\0{}", deed.item, deed.keep_snapshot)));
        record.digest = record.item.digest();
        record.version -= i64::from(deed.is_late);
        record.seen_at = self.later();
        record.judged_under = named("playbook", deed.playbook);
        record.next_look_at = deed.look_in.map(|seconds| self.in_seconds(seconds));
        let transitions = deed.card.iter().map(|card| self.change(&mut record, card)).collect();
        let notices = self.notices(&deed.notices).await;
        let kept = Kept { rulings: record.rulings == before.rulings, watches: record.watches == before.watches };
        ItemWrite { kept, keep_snapshot: deed.keep_snapshot, transitions, notices, ..ItemWrite::of(record) }
    }

    /// Changes a card of an item.
    fn change(&mut self, record: &mut ItemRecord, deed: &CardDeed) -> Transition {
        let id = CardId::new(&record.item.key, "rule", &deed.name.to_string());
        let old = record.watches.iter().find(|watch| watch.card == id).cloned();
        record.watches.retain(|watch| watch.card != id);
        let number = old.as_ref().map_or(1, |old| old.number + 1);
        let at = self.in_seconds(deed.seconds - 25);
        let change = if deed.level.is_some() { Change::Raise } else { Change::Clear };
        let transition = Transition {
            card: id,
            name: format!("{}\0", deed.name).into(),
            number: if deed.is_numbered_wrongly { number - 1 } else { number },
            change,
            from: old.and_then(|old| old.level),
            to: deed.level,
            at,
            noticed_at: at + TimeDelta::seconds(deed.seconds % 3),
            ..sample::raise("", Level::Red, "02:00:00")
        };
        if !deed.is_forgotten {
            let (rule, name) = (transition.rule.clone(), transition.name.clone());
            let at = deed.level.map(|_| at);
            record.watches.push(Watch {
                card: id,
                rule,
                name,
                level: deed.level,
                at,
                episode: 1,
                number,
                stopped: None,
                spared: None,
            });
        }
        transition
    }

    async fn notices(&mut self, deeds: &[NoticeDeed]) -> Vec<Planned> {
        let contacts = CONTACTS.map(|contact| contact.replace('\0', "\u{fffd}").into());
        let open = self.one.open_deliveries(&contacts).await.expect("open deliveries");
        let open: Vec<DeliveryId> = open.into_iter().map(|open| open.id).collect();
        deeds.iter().map(|deed| self.notice(deed, &open)).collect()
    }

    fn notice(&mut self, deed: &NoticeDeed, open: &[DeliveryId]) -> Planned {
        let (contact, channel) = (CONTACTS[usize::from(deed.contact)], CHANNELS[usize::from(deed.channel)]);
        let notice_key = |item, what| Digest::of([&[item, what][..], contact.as_bytes(), channel.as_bytes()]);
        let delivery = |item, what| DeliveryId::new(contact, channel, notice_key(item, what));
        let notice = Notice {
            key: notice_key(deed.item, deed.what),
            kind: NoticeKind::Raise,
            card: Some(card(deed.item, deed.what % 2)),
            item: Some(key(deed.item)),
            planned_at: self.later(),
            ..sample::notice("", contact)
        };
        let notice = Notice { channel: channel.into(), rehearsal: deed.rehearsal, ..notice };
        let (to, opens) = match deed.place {
            Place::Opens => (delivery(deed.item, deed.what), true),
            Place::JoinsOf(item, what) => (delivery(item, what), false),
            Place::JoinsOpen(n) if open.is_empty() => (delivery(n % ITEMS, n % 3), true),
            Place::JoinsOpen(n) => (open[usize::from(n) % open.len()], false),
            Place::Held(n) => return held(notice, Some(HOLDS[usize::from(n)].clone())),
            Place::HeldForNothing => return held(notice, None),
        };
        let waits_for = match deed.seconds {
            6.. => Some(Wait::QuietHours),
            3..6 => Some(Wait::Rate),
            _ => None,
        };
        let not_before = self.in_seconds(deed.seconds);
        let placement = Placement { delivery: to, opens, not_before, waits_for, rehearsal: deed.rehearsal };
        Planned { notice, placement: Some(placement) }
    }
}

/// Somebody's name for a deed; it is long, and names what a column cannot hold.
fn act(deed: &Deed, at: Instant) -> Act {
    let what = format!("{deed:?}");
    Act::new(&what, "a\0b", "somebody\0", at)
        .because("\u{1b}\r\n")
        .with(serde_json::json!({ "deed": what, "nul": "\0" }))
}

fn want(deed: &WantDeed) -> Want {
    let rates = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("a rate")).collect();
    let all = rates([&[][..], &["2/5s"], &["3/20s", "2/5s"], &["4/1m"]][usize::from(deed.all)]);
    let each = rates([&[][..], &["1/3s"], &["2/30s"], &["1/3s", "1/3s"]][usize::from(deed.each)]);
    let (channel, contact) = (CHANNELS[usize::from(deed.channel)], CONTACTS[usize::from(deed.contact)]);
    Want { channel: channel.into(), contact: contact.into(), rates: Rates { all, each } }
}

fn receipt((seconds, delivered): &(i64, bool)) -> Receipt {
    Receipt { remote_id: format!("\0{seconds}"), delivered: *delivered, reason: "MK:0000\0".into() }
}

fn silenced() -> Hold {
    Hold::Silence { silence: named("silence", 0) }
}

fn silence(n: u8, is_lifted: bool, now: Instant) -> Silence {
    Silence {
        id: named("silence", n),
        matcher: Matcher::of_pairs(["unit=住建局\0", "rule=!2110"]).expect("a matcher"),
        starts_at: now,
        ends_at: now + TimeDelta::days(n.into()),
        by: "somebody\0".into(),
        comment: format!("{n}\0"),
        created_at: now - TimeDelta::minutes(n.into()),
        ended_by: is_lifted.then(|| "other\0".into()),
        lifted_at: is_lifted.then_some(now),
    }
}

fn one_of(deliveries: &[DeliveryRecord], n: u8) -> DeliveryId {
    let one = deliveries.get(usize::from(n) % deliveries.len().max(1));
    one.map_or(DeliveryId(named("no delivery", n)), |record| record.id)
}

fn held(notice: Notice, hold: Option<Hold>) -> Planned {
    Planned { notice: Notice { state: NoticeState::Held, hold, ..notice }, placement: None }
}

fn playbook(n: u8, at: Instant) -> (PlaybookRecord, Vec<RuleRecord>) {
    let files = [("a.toml".to_owned(), at.to_string())];
    let playbook = PlaybookRecord { version: named("playbook", n), at, by: "start\0".into(), files: files.into() };
    let rule = |version: u8| RuleRecord {
        rule: "rule\0".into(),
        version: named("rule", version),
        at: at - TimeDelta::minutes(version.into()),
        by: format!("{n}\0"),
        text: at.to_string(),
        tables: [("a\0".to_owned(), "b\0".to_owned())].into(),
    };
    (playbook, vec![rule(n), rule(1), rule(1)])
}

fn source(n: u8, at: Instant) -> SourceRecord {
    SourceRecord {
        source: format!("{n}\0").into(),
        good_at: (n > 0).then_some(at),
        good_rows: (n > 0).then_some(u64::MAX),
        cursor_at: (n > 1).then_some(at),
        polled_at: Some(at),
        took_ms: u64::MAX - 1,
        rows: 7,
        rejected: n.into(),
        changed: u64::from(n) + 1,
        missing: u64::from(n) + 2,
        trouble: (n == 0).then(|| "a\0b".into()),
        doubted_at: (n == 0).then_some(at),
    }
}
