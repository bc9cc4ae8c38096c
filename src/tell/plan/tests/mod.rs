//! Scenarios: a card changes at an instant of March 2026 (the 2nd is a Monday; hours 09:00–12:00, 13:30–17:30), and
//! these people are told, by these channels, from these instants on.

use std::collections::BTreeSet;

use chrono::{NaiveDate, NaiveTime};

use super::*;
use crate::calendars;
use crate::core::card::{CardId, Change};
use crate::core::contact::Medium;
use crate::core::digest::Digest;
use crate::core::item::ItemKey;
use crate::core::ladder::Ladder;
use crate::core::limit::Limit;
use crate::core::matcher::Matcher;
use crate::core::notice::{OpenDelivery, Wait};
use crate::core::reason::Reason;
use crate::core::value::Value;
use crate::core::window::Window;
use crate::tell::directory::Directory;

const CONTACTS: &str = "id,name,unit,roles,mobile,email\n\
    z1,张某,住建局,,13800000001,z1@example.com\n\
    u1,李某,住建局,unit_contact,,u1@example.com\n\
    n1,赵某,水务局,unit_contact,,\n\
    o1,值班,,operator,,o1@example.com\n";

fn at(text: &str) -> Instant {
    format!("2026-03-{}:00+08:00", text.replace(' ', "T")).parse().expect("an instant")
}

fn office() -> Office {
    let ladders: BTreeMap<String, Ladder> =
        toml::from_str(include_str!("../../../../config/ladders.toml")).expect("the shipped ladders");
    Office {
        directory: Directory::read("contacts.csv", CONTACTS).expect("contacts"),
        ladders,
        ladder: "handlers".into(),
        periods: BTreeMap::new(),
        routes: Vec::new(),
        preferences: Vec::new(),
        channels: BTreeMap::from([
            ("mail".into(), ChannelTerms::of(Medium::Mail)),
            ("sms".into(), ChannelTerms::of(Medium::Sms)),
        ]),
        confidential: Matcher::default(),
        lists_at: ["09:00", "16:00"].map(|at| NaiveTime::parse_from_str(at, "%H:%M").expect("a time")).into(),
        pace: None,
        quiet: Arc::new(calendars::find(calendars::DEFAULT, &[]).expect("built in")),
        rehearsal: false,
    }
}

/// A ticket with a window of two hours and one of ten working days.
struct Scene {
    office: Office,
    item: Item,
    rulings: Vec<Ruling>,
    said: Vec<Notice>,
    joinable: Joinable,
    baseline: bool,
    other_playbook: bool,
    watches: Vec<Watch>,
    acknowledgements: Vec<Acknowledgement>,
    silences: Vec<Silence>,
    bad_addresses: Vec<(Arc<str>, Arc<str>, String)>,
    next_look_at: Option<Instant>,
    before: Option<Item>,
    raised: Vec<Transition>,
    /// Red cards of the unit in the quarter, which began with the year.
    reds: BTreeSet<(CardId, u32)>,
}

impl Scene {
    fn new(owner: &str, unit: &str) -> Self {
        let mut item = Item::new(ItemKey::new("hotline", "T1"), "ticket");
        item.fields.set("owner", Value::text(owner));
        item.fields.set("unit", Value::text(unit));
        let window = |name: &str, limit: &str| Window::new(name, limit.parse::<Limit>().expect("a limit"), None);
        let windows = vec![window("on_site", "2h"), window("solved", "10wd")];
        let rulings = vec![Ruling { rule: "2110".into(), version: Digest::of([]), windows, findings: Vec::new() }];
        Self {
            office: office(),
            item,
            rulings,
            said: Vec::new(),
            joinable: Joinable::default(),
            baseline: false,
            other_playbook: false,
            watches: Vec::new(),
            acknowledgements: Vec::new(),
            silences: Vec::new(),
            bad_addresses: Vec::new(),
            next_look_at: None,
            before: None,
            raised: Vec::new(),
            reds: BTreeSet::new(),
        }
    }

    fn transition(
        &self,
        name: &str,
        number: u32,
        change: Change,
        levels: [Option<Level>; 2],
        now: Instant,
    ) -> Transition {
        Transition {
            card: CardId::new(&self.item.key, "2110", name),
            rule: "2110".into(),
            name: name.into(),
            episode: 1,
            number,
            change,
            from: levels[0],
            to: levels[1],
            at: now,
            noticed_at: now,
            reason: Reason::Due { due_at: now },
            verdict: None,
            rule_version: Digest::of([]),
            calendar_version: Digest::of([]),
            ladder: None,
        }
    }

    fn plan(&mut self, transitions: &[Transition], now: Instant) -> Vec<Planned> {
        let happening = Happening {
            item: &self.item,
            before: self.before.as_ref(),
            rulings: &self.rulings,
            transitions,
            watches: &self.watches,
            said: &self.said,
            raised: &self.raised,
            reds: Some(Reds { since: at("01 00:00"), known: &self.reds }),
            acknowledgements: &self.acknowledgements,
            baseline: self.baseline,
            other_playbook: self.other_playbook,
        };
        let circumstances =
            Circumstances { silences: &self.silences, bad_addresses: self.bad_addresses.iter().cloned().collect() };
        let plan = plan(happening, &self.office, &circumstances, &mut self.joinable, now);
        self.next_look_at = plan.next_look_at;
        let planned = plan.notices;
        self.said.extend(planned.iter().map(|p| p.notice.clone()));
        planned
    }

    /// What is planned when a level opens or rises.
    fn raise(&mut self, name: &str, number: u32, level: Level, now: &str) -> Vec<String> {
        let transition = self.transition(name, number, Change::Raise, [None, Some(level)], at(now));
        self.plan(&[transition], at(now)).iter().map(written).collect()
    }

    fn clear(&mut self, name: &str, number: u32, now: &str) -> Vec<String> {
        let transition = self.transition(name, number, Change::Clear, [Some(Level::Red), None], at(now));
        self.plan(&[transition], at(now)).iter().map(written).collect()
    }
}

/// `raise z1 mail 02 09:00`, or why it is held.
fn written(Planned { notice, placement }: &Planned) -> String {
    let start = format!("{} {} {}", notice.kind.word(), notice.contact, notice.channel);
    match (&notice.hold, placement) {
        (None, Some(placement)) => {
            let local = placement.not_before + chrono::TimeDelta::hours(8);
            format!("{start} {}", local.format("%d %H:%M"))
        }
        (hold, None) => format!("{start} {hold:?}"),
        (Some(hold), Some(_)) => panic!("{hold:?} and yet placed"),
    }
}

use Level::{Red, Yellow};

#[test]
fn in_working_hours_a_message_goes_at_once() {
    let mut scene = Scene::new("z1", "住建局");
    assert_eq!(scene.raise("solved", 1, Yellow, "02 10:00"), ["raise z1 mail 02 10:00", "raise u1 mail 02 10:00"]);
    assert_eq!(
        scene.raise("solved", 2, Red, "02 10:05"),
        ["raise z1 mail 02 10:05", "raise z1 sms 02 10:05", "raise u1 mail 02 10:05", "raise u1 sms Some(NoAddress)",]
    );
}

#[test]
fn quiet_hours_hold_to_the_next_opening() {
    for (now, goes) in [
        ("02 08:59", "02 09:00"),
        ("02 12:00", "02 13:30"),
        ("02 17:29", "02 17:29"),
        ("02 17:30", "03 09:00"),
        ("06 18:00", "09 09:00"),
    ] {
        let mut scene = Scene::new("z1", "住建局");
        assert_eq!(scene.raise("solved", 1, Yellow, now)[0], format!("raise z1 mail {goes}"));
        assert_eq!(scene.raise("on_site", 1, Yellow, now)[0], format!("raise z1 mail {goes}"), "a yellow waits too");
        let transition = scene.transition("solved", 1, Change::Raise, [None, Some(Yellow)], at(now));
        let placement = scene.plan(&[transition], at(now)).remove(0).placement.expect("placed");
        assert_eq!(placement.waits_for.is_some(), now != goes);
    }
}

#[test]
fn a_red_on_hours_and_what_is_for_operators_pass_quiet_hours() {
    let mut scene = Scene::new("z1", "住建局");
    assert_eq!(scene.raise("on_site", 1, Red, "02 22:00")[0], "raise z1 mail 02 22:00");
    assert_eq!(scene.raise("solved", 1, Red, "02 22:00")[0], "raise z1 mail 03 09:00");
    let mut transition = scene.transition("solved.pause", 1, Change::Raise, [None, Some(Yellow)], at("02 22:00"));
    transition.ladder = Some("operators".into());
    let planned = scene.plan(&[transition], at("02 22:00"));
    assert_eq!(planned.iter().map(written).collect::<Vec<_>>(), ["raise o1 mail 02 22:00"]);
    let body = Body { title: "t".into(), lines: Vec::new() };
    let mut joinable = Joinable::default();
    let system = plan_system(NoticeKind::System, "rule:x", &body, &scene.office, &mut joinable, None, at("02 22:00"));
    assert_eq!(system.iter().map(written).collect::<Vec<_>>(), ["system o1 mail 02 22:00"]);
}

#[test]
fn what_goes_to_one_contact_at_one_instant_is_one_delivery() {
    let mut scene = Scene::new("z1", "住建局");
    let now = at("02 20:00");
    let both = [
        scene.transition("solved", 1, Change::Raise, [None, Some(Yellow)], now),
        scene.transition("on_site", 1, Change::Raise, [None, Some(Yellow)], now),
    ];
    let planned = scene.plan(&both, now);
    let placed: Vec<_> = planned.iter().map(|p| p.placement.clone().expect("placed")).collect();
    // z1, u1 of the first; z1, u1 of the second.
    assert_eq!((placed[0].delivery, placed[1].delivery), (placed[2].delivery, placed[3].delivery));
    assert_ne!(placed[0].delivery, placed[1].delivery);
    assert_eq!(placed.iter().map(|p| p.opens).collect::<Vec<_>>(), [true, true, false, false]);
    // Later in the same night another one joins; what passes the night does not wait for it.
    let later = scene.transition("feedback", 1, Change::Raise, [None, Some(Yellow)], at("02 23:00"));
    let placement = scene.plan(&[later], at("02 23:00")).remove(0).placement.expect("placed");
    assert_eq!((placement.delivery, placement.opens), (placed[0].delivery, false));
    let red = scene.transition("on_site", 2, Change::Raise, [Some(Yellow), Some(Red)], at("02 23:00"));
    let placement = scene.plan(&[red], at("02 23:00")).remove(0).placement.expect("placed");
    assert!(placement.opens && placement.delivery != placed[0].delivery);
}

#[test]
fn the_same_change_has_the_same_key_and_another_contact_channel_or_number_another() {
    let keys = |scene: &mut Scene, number| -> Vec<Digest> {
        let transition = scene.transition("solved", number, Change::Raise, [None, Some(Red)], at("02 10:00"));
        scene.plan(&[transition], at("02 10:00")).iter().map(|p| p.notice.key).collect()
    };
    let first = keys(&mut Scene::new("z1", "住建局"), 1);
    assert_eq!(first, keys(&mut Scene::new("z1", "住建局"), 1));
    let all: BTreeSet<Digest> = first.iter().copied().chain(keys(&mut Scene::new("z1", "住建局"), 2)).collect();
    assert_eq!(all.len(), 2 * first.len());
}

#[test]
fn a_baseline_is_held_and_what_follows_it_tells_nobody() {
    let mut scene = Scene::new("z1", "住建局");
    scene.baseline = true;
    let held = "Some(Baseline)";
    assert_eq!(
        scene.raise("solved", 1, Yellow, "02 10:00"),
        [format!("raise z1 mail {held}"), format!("raise u1 mail {held}")]
    );
    scene.baseline = false;
    assert_eq!(scene.clear("solved", 2, "02 11:00"), Vec::<String>::new());
}

#[test]
fn where_a_role_finds_nobody_the_notice_is_held_and_says_so() {
    let mut scene = Scene::new("王五", "住建局");
    let vacant = |role: &str| format!("raise {role} mail Some(NoContact {{ role: {role:?} }})");
    assert_eq!(scene.raise("solved", 1, Yellow, "02 10:00"), [vacant("handler"), "raise u1 mail 02 10:00".to_owned()]);
    // Nobody at all: the operators.
    let mut scene = Scene::new("王五", "别处");
    assert_eq!(
        scene.raise("solved", 1, Yellow, "02 22:00"),
        [vacant("handler"), vacant("unit_contact"), "raise o1 mail 02 22:00".to_owned()]
    );
}

#[test]
fn where_nobody_has_an_address_the_operators_are_told() {
    let mut scene = Scene::new("n1", "水务局");
    assert_eq!(
        scene.raise("solved", 1, Yellow, "02 10:00"),
        ["raise n1 mail Some(NoAddress)", "raise o1 mail 02 10:00"]
    );
    // Not even them: what was tried stands there.
    let mut scene = Scene::new("n1", "水务局");
    scene.bad_addresses = vec![("o1".into(), "mail".into(), "o1@example.com".to_owned())];
    let held = scene.raise("solved", 1, Yellow, "02 10:00");
    assert_eq!(held, ["raise n1 mail Some(NoAddress)", "raise o1 mail Some(BadAddress)"]);
}

#[test]
fn what_a_rehearsal_said_nobody_heard() {
    let mut scene = Scene::new("z1", "住建局");
    scene.office.rehearsal = true;
    assert!(!scene.raise("solved", 1, Level::Red, "02 10:00").is_empty());
    for notice in &mut scene.said {
        notice.state = NoticeState::Sent;
    }
    let rehearsed = scene.said.clone();
    assert!(!scene.clear("solved", 2, "02 11:00").is_empty(), "in rehearsal the end is told to the same people");
    scene.office.rehearsal = false;
    scene.said = rehearsed;
    assert_eq!(scene.clear("solved", 2, "02 11:00"), Vec::<String>::new(), "and once live to nobody");
}

#[test]
fn only_those_who_were_told_or_are_about_to_be_hear_of_the_end() {
    let mut scene = Scene::new("z1", "住建局");
    scene.raise("solved", 1, Yellow, "02 10:00");
    scene.raise("solved", 2, Red, "02 22:00");
    // The handler's mails were sent, the unit's yellow is a dead letter and its red still waits.
    for notice in &mut scene.said {
        notice.state = match (&*notice.contact, &*notice.channel, notice.number) {
            ("z1", "mail", _) => NoticeState::Sent,
            ("z1", "sms", _) => NoticeState::Unknown,
            ("u1", "mail", 1) => NoticeState::Discarded,
            _ => notice.state,
        };
    }
    assert_eq!(
        scene.clear("solved", 3, "03 10:00"),
        ["clear u1 mail 03 10:00", "clear z1 mail 03 10:00", "clear z1 sms 03 10:00"]
    );
    // Of another card, or another episode, nobody was told.
    assert_eq!(scene.clear("on_site", 3, "03 10:00"), Vec::<String>::new());
    let mut other = scene.transition("solved", 5, Change::Revoke, [Some(Red), None], at("03 11:00"));
    other.episode = 2;
    assert_eq!(scene.plan(&[other], at("03 11:00")), []);
}

#[test]
fn a_discarded_message_told_nobody() {
    let mut scene = Scene::new("z1", "住建局");
    scene.raise("solved", 1, Yellow, "02 10:00");
    scene.said.iter_mut().for_each(|notice| notice.state = NoticeState::Discarded);
    assert_eq!(scene.clear("solved", 2, "02 11:00"), Vec::<String>::new());
}

#[test]
fn stops_without_a_card_and_ladders_silent_about_a_level_tell_nobody() {
    let mut scene = Scene::new("z1", "住建局");
    let stop = scene.transition("solved", 1, Change::Stop, [None, None], at("02 10:00"));
    assert_eq!(scene.plan(&[stop], at("02 10:00")), []);
    scene.office.ladders.get_mut("handlers").expect("shipped").steps[0].yellow.clear();
    assert_eq!(scene.raise("solved", 2, Yellow, "02 10:00"), Vec::<String>::new());
}

#[test]
fn a_person_with_two_roles_is_told_once() {
    let mut scene = Scene::new("u1", "住建局");
    assert_eq!(scene.raise("solved", 1, Yellow, "02 10:00"), ["raise u1 mail 02 10:00"]);
}

mod counts;
mod handover;
mod ladder;
mod orders;
mod people;
mod routing;
