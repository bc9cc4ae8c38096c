//! Secretaries; and what holds whoever is there, away, gone, without an address or nobody at all.

use proptest::prelude::*;

use super::*;
use crate::core::contact::Absence;
use crate::tell::directory::{COPY, INSTEAD};

/// The people of a scene, from lines of contacts with these columns.
pub(super) fn people(scene: &mut Scene, lines: &str) {
    let head = "id,name,unit,roles,mobile,email,deputy,secretary,secretary_mode";
    scene.office.directory = Directory::read("contacts.csv", &format!("{head}\n{lines}")).expect("contacts");
}

#[test]
fn a_secretary_is_told_in_the_place_of_the_contact_or_too() {
    let mut scene = Scene::new("z1", "住建局");
    people(
        &mut scene,
        "z1,张某,住建局,,13800000001,z1@example.com,,s1,instead\n\
         u1,李某,住建局,unit_contact,13800000002,u1@example.com,,s2,copy\n\
         s1,秘一,,,,s1@example.com,,,\n\
         s2,秘二,,,13800000004,s2@example.com,,,\n",
    );
    let red = scene.raise("solved", 1, Red, "02 10:00");
    let expected = [
        "raise s1 mail 02 10:00",
        "raise s1 sms Some(NoAddress)",
        "raise u1 mail 02 10:00",
        "raise u1 sms 02 10:00",
        "raise s2 mail 02 10:00",
        "raise s2 sms 02 10:00",
    ];
    assert_eq!(red, expected);
    let why: Vec<_> = scene.said.iter().map(|n| (n.because.instead_of.as_deref(), n.because.why)).collect();
    assert_eq!(
        (why[0], why[2], why[4]),
        ((Some("z1"), Some(Gap::Secretary)), (None, None), (Some("u1"), Some(Gap::Copy)))
    );
}

#[test]
fn a_secretary_whom_no_channel_reaches_takes_nobody_s_place() {
    let mut scene = Scene::new("z1", "住建局");
    people(
        &mut scene,
        "z1,张某,住建局,,,z1@example.com,,s1,instead\nu1,李某,住建局,unit_contact,,u1@example.com,,,\ns1,秘一,,,,,,,\n",
    );
    assert_eq!(scene.raise("solved", 1, Yellow, "02 10:00"), ["raise z1 mail 02 10:00", "raise u1 mail 02 10:00"]);
}

#[test]
fn a_landline_gets_no_short_message() {
    let mut scene = Scene::new("z1", "住建局");
    people(
        &mut scene,
        "z1,张某,住建局,,0511-88880001,z1@example.com,,,\nu1,李某,住建局,unit_contact,13800000002,u1@example.com,,,\n",
    );
    assert_eq!(
        scene.raise("solved", 1, Red, "02 10:00"),
        ["raise z1 mail 02 10:00", "raise z1 sms Some(NoAddress)", "raise u1 mail 02 10:00", "raise u1 sms 02 10:00"]
    );
}

#[test]
fn a_reminder_goes_to_who_stands_in_for_somebody_who_went_away_since() {
    let mut scene = Scene::new("z1", "住建局");
    people(&mut scene, "z1,张某,住建局,,,z1@example.com,z2,,\nz2,钱某,住建局,,,z2@example.com,,,\n");
    scene.office.ladders = toml::from_str(LADDER).expect("a ladder");
    let absence = |from: u32, until: u32| {
        let day = |day| NaiveDate::from_ymd_opt(2026, 3, day).expect("a day");
        Absence {
            contact: "z1".into(),
            from: day(from),
            until: day(until),
            deputy: String::new(),
            reason: String::new(),
        }
    };
    scene.office.directory = scene.office.directory.clone().with_absences(vec![absence(3, 31)]);
    let mut story = Story::of(scene, Red, at("02 10:00"));
    story.until(at("04 12:00"));
    let said: Vec<_> = story.told.iter().map(|n| (n.kind, &*n.contact, n.because.instead_of.as_deref())).collect();
    assert_eq!(said, [(NoticeKind::Raise, "z1", None), (NoticeKind::Reminder, "z2", Some("z1"))]);
}

const LADDER: &str = "
    [[handlers.steps]]
    roles = ['handler', 'unit_contact']
    yellow = ['mail']
    red = ['mail', 'sms']
    reminders = { every = '1wd', most = 1 }
    [[handlers.steps]]
    roles = ['leader']
    yellow = ['mail']
    red = ['sms']
    after = '2wd'
    [[handlers.steps]]
    roles = ['centre', 'leader']
    red = ['mail', 'sms']
    after = '1wd'
    [[operators.steps]]
    roles = ['operator']
    yellow = ['mail']
    red = ['mail']";

/// A card that nobody answers, day after day; what is planned arrives.
struct Story {
    scene: Scene,
    /// All that had a place to go to, with the day on which that was found.
    told: Vec<Notice>,
    days: Vec<NaiveDate>,
}

impl Story {
    fn of(mut scene: Scene, level: Level, now: Instant) -> Self {
        let transition = scene.transition("solved", 1, Change::Raise, [None, Some(level)], now);
        scene.watches = vec![Watch {
            card: transition.card,
            rule: "2110".into(),
            name: "solved".into(),
            level: Some(level),
            at: Some(now),
            episode: 1,
            number: 1,
            stopped: None,
            spared: None,
        }];
        let mut story = Self { scene, told: Vec::new(), days: Vec::new() };
        story.turn(&[transition], now);
        story
    }

    fn turn(&mut self, transitions: &[Transition], now: Instant) {
        for Planned { notice, placement } in self.scene.plan(transitions, now) {
            let Some(placement) = placement else { continue };
            let said =
                self.scene.said.iter_mut().find(|said| said.key == notice.key && said.delivery == notice.delivery);
            let said = said.expect("what was planned is remembered");
            (said.state, said.settled_at) = (NoticeState::Sent, Some(placement.not_before));
            self.told.push(notice);
            self.days.push(self.scene.office.today(now));
        }
    }

    fn until(&mut self, end: Instant) {
        for _ in 0..200 {
            let Some(next) = self.scene.next_look_at.filter(|next| *next <= end) else { return };
            self.turn(&[], next);
        }
        panic!("it is looked at for ever");
    }
}

/// An organisation: who is in it, who is away when, and which addresses were refused.
#[derive(Debug, Clone)]
struct Organisation {
    contacts: Vec<Contact>,
    absences: Vec<Absence>,
    refused: Vec<(usize, bool)>,
    item: (Option<usize>, Option<&'static str>, Option<&'static str>, Option<&'static str>),
}

const MOST: usize = 7;

fn id(at: usize) -> String {
    format!("c{at}")
}

fn day() -> impl Strategy<Value = NaiveDate> {
    (1_u32..=31).prop_map(|day| NaiveDate::from_ymd_opt(2026, 3, day).expect("a day"))
}

fn contact(at: usize) -> impl Strategy<Value = Contact> {
    let who = (
        prop::sample::select(vec!["", "住建局", "水务局"]),
        prop::sample::select(vec!["", "京口"]),
        prop::sample::subsequence(vec!["unit_contact", "leader", "centre", "operator"], 0..=2),
        prop::sample::subsequence(vec!["产业", "城建"], 0..=1),
        prop::sample::subsequence(vec!["要素保障", "矛盾协调"], 0..=1),
    );
    let reached = (
        prop::sample::select(vec!["", "0511-88880001", "mobile", "mobile"]),
        prop::bool::weighted(0.7),
        prop::option::of(0..MOST),
        prop::option::of((0..MOST, prop::bool::ANY)),
        prop::option::weighted(0.2, day()),
        prop::option::weighted(0.2, day()),
    );
    (who, reached).prop_map(
        move |((unit, region, roles, lines, causes), (mobile, mail, deputy, secretary, from, until))| {
            let texts = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
            Contact {
                id: id(at).as_str().into(),
                name: format!("甲{at}"),
                unit: unit.into(),
                region: region.into(),
                roles: texts(roles),
                lines: texts(lines),
                causes: texts(causes),
                mobile: if mobile == "mobile" { format!("1380000000{at}") } else { mobile.into() },
                email: if mail { format!("c{at}@example.com") } else { String::new() },
                deputy: deputy.map(id).unwrap_or_default(),
                secretary: secretary.map(|(at, _)| id(at)).unwrap_or_default(),
                secretary_mode: secretary.map_or("", |(_, instead)| if instead { INSTEAD } else { COPY }).into(),
                from,
                until,
                ..Contact::default()
            }
        },
    )
}

fn organisation() -> impl Strategy<Value = Organisation> {
    let contacts = (0..=MOST).prop_flat_map(|count| (0..count).map(contact).collect::<Vec<_>>());
    let absence =
        (0..MOST, day(), 0_i64..20, prop::option::of(0..MOST)).prop_map(|(who, from, days, deputy)| Absence {
            contact: id(who).as_str().into(),
            from,
            until: from + chrono::TimeDelta::days(days),
            deputy: deputy.filter(|deputy| *deputy != who).map(id).unwrap_or_default(),
            reason: String::new(),
        });
    let item = (
        prop::option::of(0..MOST + 1),
        prop::option::of(prop::sample::select(vec!["住建局", "水务局", "别处"])),
        prop::option::of(prop::sample::select(vec!["产业", "城建"])),
        prop::option::of(prop::sample::select(vec!["要素保障", "其他"])),
    );
    let refused = prop::collection::vec((0..MOST, prop::bool::ANY), 0..4);
    (contacts, prop::collection::vec(absence, 0..6), refused, item)
        .prop_map(|(contacts, absences, refused, item)| Organisation { contacts, absences, refused, item })
}

fn scene(organisation: &Organisation) -> Scene {
    let (owner, unit, line, cause) = organisation.item;
    let mut scene = Scene::new(&owner.map(id).unwrap_or_default(), unit.unwrap_or_default());
    scene.item.fields.set("region", Value::text("京口"));
    for (name, value) in [("line", line), ("cause", cause)] {
        if let Some(value) = value {
            scene.item.fields.set(name, Value::text(value));
        }
    }
    scene.office.ladders = toml::from_str(LADDER).expect("a ladder");
    let mut directory = Directory::default();
    organisation.contacts.iter().for_each(|contact| directory.add(contact.clone()));
    scene.bad_addresses = organisation
        .refused
        .iter()
        .filter_map(|(at, mail)| {
            let contact = directory.get(&id(*at))?;
            let (channel, medium) = if *mail { ("mail", Medium::Mail) } else { ("sms", Medium::Sms) };
            Some((contact.id.clone(), channel.into(), contact.address(medium)?.to_owned()))
        })
        .collect();
    scene.office.directory = directory.with_absences(organisation.absences.clone());
    scene
}

/// Whether an operator could have been told on a day.
fn has_operator(scene: &Scene, day: NaiveDate) -> bool {
    let circumstances =
        Circumstances { bad_addresses: scene.bad_addresses.iter().cloned().collect(), ..Circumstances::default() };
    let operators = scene.office.directory.operators(day);
    let readers = operators.into_iter().filter_map(|operator| scene.office.directory.stand(operator, day).reader);
    readers.into_iter().any(|reader| scene.office.obstacle(&reader.id, "mail", &circumstances).is_none())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_card_is_told_to_nobody_no_step_is_skipped_and_nobody_is_told_twice(
        organisation in organisation(),
        level in prop::sample::select(vec![Yellow, Red]),
    ) {
        let mut story = Story::of(scene(&organisation), level, at("02 10:00"));
        story.until(at("31 23:59"));
        let steps: Vec<u32> = (0..).zip(&story.scene.office.ladders["handlers"].steps)
            .filter(|(_, step)| !step.channels(level).is_empty())
            .map(|(number, _)| number)
            .collect();
        for step in steps {
            let said: Vec<&Notice> = story.scene.said.iter().filter(|n| n.step == step && n.ordinal == 0).collect();
            prop_assert!(!said.is_empty(), "step {step} is skipped without a word");
            let day = story.scene.office.today(said[0].planned_at);
            let told = said.iter().any(|n| n.state.is_told());
            prop_assert!(told || !has_operator(&story.scene, day), "step {step} told nobody: {said:#?}");
            // What is held says why.
            prop_assert!(said.iter().all(|n| n.state.is_told() || n.hold.is_some()));
        }
        let mut keys = BTreeSet::new();
        for (notice, day) in story.told.iter().zip(&story.days) {
            prop_assert!(keys.insert(notice.key), "told twice: {notice:#?}");
            let same = |other: &&Notice| {
                (&other.contact, &other.channel, other.step, other.ordinal, other.number)
                    == (&notice.contact, &notice.channel, notice.step, notice.ordinal, notice.number)
            };
            prop_assert_eq!(story.told.iter().filter(same).count(), 1);
            let reader = story.scene.office.directory.get(&notice.contact).expect("a contact");
            prop_assert!(story.scene.office.directory.is_there(reader, *day), "told while away: {notice:#?}");
        }
    }
}
