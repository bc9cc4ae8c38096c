//! Scenarios of March 2026 (the 2nd is a Monday; hours 09:00–12:00, 13:30–17:30).

use std::collections::{BTreeMap, HashSet};

use super::*;
use crate::calendars;
use crate::core::contact::{Absence, Medium};
use crate::core::item::ItemKey;
use crate::core::matcher::Matcher;
use crate::core::silence::Silence;
use crate::core::value::Value;
use crate::core::window::Window;
use crate::tell::directory::Directory;
use crate::tell::plan::ChannelTerms;

const CONTACTS: &str = "id,name,unit,roles,mobile,email,until,deputy\n\
    z1,张某,住建局,,13800000001,z1@example.com,,\n\
    u1,李某,住建局,unit_contact,,u1@example.com,,z1\n\
    n1,赵某,水务局,unit_contact,13800000004,n1@example.com,,\n\
    x1,钱某,住建局,unit_contact,13800000005,x1@example.com,2026-02-28,\n\
    l1,孙某,住建局,leader,13800000006,l1@example.com,,\n\
    o1,值班,,operator,,o1@example.com,,\n";

const LADDERS: &str = r#"
[handlers]
[[handlers.steps]]
roles = ["handler", "unit_contact"]
yellow = ["mail"]
red = ["mail", "sms"]
reminders = { every = "4wh", most = 2 }
[[handlers.steps]]
roles = ["leader"]
red = ["sms"]
after = "1wd"
"#;

const ROUTES: &str = r#"
routes = [
  { name = "other", match = { unit = "水务局" }, ladder = "none" },
  { name = "watch", tell = [{ role = "leader", yellow = ["mail"] }] },
]
"#;

fn at(text: &str) -> Instant {
    format!("2026-03-{}:00+08:00", text.replace(' ', "T")).parse().expect("an instant")
}

#[derive(serde::Deserialize)]
struct Routes {
    routes: Vec<crate::core::route::Route>,
}

fn office() -> Office {
    Office {
        directory: Directory::read("contacts.csv", CONTACTS).expect("contacts"),
        ladders: toml::from_str(LADDERS).expect("ladders"),
        ladder: "handlers".into(),
        periods: BTreeMap::new(),
        routes: toml::from_str::<Routes>(ROUTES).expect("routes").routes,
        preferences: Vec::new(),
        channels: BTreeMap::from([
            ("mail".into(), ChannelTerms::of(Medium::Mail)),
            ("sms".into(), ChannelTerms::of(Medium::Sms)),
        ]),
        confidential: Matcher::default(),
        lists_at: Vec::new(),
        pace: None,
        quiet: Arc::new(calendars::find(calendars::DEFAULT, &[]).expect("built in")),
        rehearsal: false,
    }
}

fn asked(office: &Office, level: Level, raised_at: &str, circumstances: &Circumstances<'_>) -> Preview {
    let mut item = Item::new(ItemKey::new("hotline", "T1"), "ticket");
    item.fields.set("owner", Value::text("z1"));
    item.fields.set("unit", Value::text("住建局"));
    let window = Window::new("solved", "10wd".parse().expect("a limit"), None);
    let ruling = Ruling { rule: "2110".into(), version: Digest::of([]), windows: vec![window], findings: Vec::new() };
    let prospect = Prospect {
        item: &item,
        rulings: &[ruling],
        rule: "2110".into(),
        window: "solved".into(),
        level,
        ladder: None,
        at: at(raised_at),
    };
    preview(&prospect, office, circumstances)
}

/// `contact channel instant`, for each who is told.
fn told(step: &StepPreview) -> Vec<String> {
    let line = |told: &Told| {
        let at = told.at.with_timezone(&chrono_tz::Asia::Shanghai).format("%d %H:%M");
        format!("{} {} {at}", told.contact, told.channel)
    };
    step.told.iter().map(line).collect()
}

#[test]
fn a_red_card_on_a_sunday_waits_for_monday_and_climbs_a_working_day_later() {
    let preview = asked(&office(), Level::Red, "08 10:00", &Circumstances::default());
    assert_eq!((&*preview.ladder, preview.routes, preview.rehearsal), ("handlers", vec!["watch".into()], false));
    let [first, second] = &preview.steps[..] else { panic!("{:?}", preview.steps) };
    assert_eq!(told(first), ["z1 mail 09 09:00", "z1 sms 09 09:00", "u1 mail 09 09:00"]);
    assert!(first.told.iter().all(|told| told.wait == Some(Wait::QuietHours)));
    let why: Vec<(&str, Option<&str>, &WhyNot)> =
        first.untold.iter().map(|u| (&*u.contact, u.channel.as_deref(), &u.why)).collect();
    let expected = [
        ("u1", Some("sms"), &WhyNot::Held(Hold::NoAddress)),
        ("n1", None, &WhyNot::Elsewhere),
        ("x1", None, &WhyNot::OffDuty),
    ];
    assert_eq!(why, expected);
    let (reminders, first_at) = first.reminders.expect("reminders");
    assert_eq!((reminders.most, first_at), (2, Some(at("09 14:30"))));
    // One working day after Monday 09:00 is the end of Tuesday; the message goes at the next opening.
    assert_eq!((second.at, told(second)), (at("11 00:00"), vec!["l1 sms 11 09:00".to_owned()]));
}

#[test]
fn a_route_tells_more_people_and_a_silent_step_is_passed_over() {
    let preview = asked(&office(), Level::Yellow, "09 10:00", &Circumstances::default());
    let [only] = &preview.steps[..] else { panic!("{:?}", preview.steps) };
    assert_eq!(told(only), ["z1 mail 09 10:00", "u1 mail 09 10:00", "l1 mail 09 10:00"]);
    assert_eq!(only.told[2].because.route.as_deref(), Some("watch"));
}

#[test]
fn a_silence_moves_everything_to_its_end_and_a_deputy_says_in_whose_place() {
    let matcher = Matcher::of_pairs(["rule=2110"]).expect("a matcher");
    let silence = Silence::new(matcher, (at("09 00:00"), at("10 15:00")), "ops", "testing", at("09 00:00"));
    let silence = [silence.expect("a silence")];
    let bad = HashSet::from([("z1".into(), "sms".into(), "13800000001".to_owned())]);
    let circumstances = Circumstances { silences: &silence, bad_addresses: bad };
    let mut office = office();
    let day = |day| chrono::NaiveDate::from_ymd_opt(2026, 3, day).expect("a day");
    let absence =
        Absence { contact: "u1".into(), from: day(10), until: day(10), deputy: String::new(), reason: String::new() };
    office.directory = office.directory.with_absences(vec![absence]);
    let preview = asked(&office, Level::Red, "09 10:00", &circumstances);
    let first = &preview.steps[0];
    assert_eq!((first.at, first.silence), (at("10 15:00"), Some(silence[0].id)));
    // The deputy is the handler, who is told once; the refused number is named.
    assert_eq!(told(first), ["z1 mail 10 15:00"]);
    assert!(first.untold.iter().any(|u| &*u.contact == "z1" && u.why == WhyNot::Held(Hold::BadAddress)));
    assert!(!first.untold.iter().any(|u| &*u.contact == "u1"), "{:?}", first.untold);
}
