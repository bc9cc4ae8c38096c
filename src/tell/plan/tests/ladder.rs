//! A card that nobody answers: steps, reminders, acknowledgements; who is away, who cannot be reached.

use super::*;
use crate::core::acknowledgement::Via;
use crate::tell::absences;

const LADDER: &str = "
    [[handlers.steps]]
    roles = ['handler']
    yellow = ['mail']
    red = ['mail']
    reminders = { every = '1wd', most = 2 }
    [[handlers.steps]]
    roles = ['unit_contact']
    red = ['mail']
    after = '3wd'
    [[handlers.steps]]
    roles = ['leader']
    red = ['mail', 'sms']
    after = '2wd'
    [[operators.steps]]
    roles = ['operator']
    yellow = ['mail']
    red = ['mail']";

const CONTACTS: &str = "id,name,unit,roles,mobile,email,deputy\n\
    z1,张某,住建局,,13800000001,z1@example.com,z2\n\
    z2,钱某,住建局,,,z2@example.com,\n\
    u1,李某,住建局,unit_contact,,u1@example.com,\n\
    l1,王某,,leader,13800000009,l1@example.com,\n\
    o1,值班,,operator,,o1@example.com,\n";

/// A card of a ladder with three steps, whose messages arrive at the instant that they are planned for.
pub(super) struct Card {
    pub(super) scene: Scene,
}

impl Card {
    pub(super) fn raised(level: Level, now: &str) -> Self {
        Self::of("solved", level, now)
    }

    fn of(window: &str, level: Level, now: &str) -> Self {
        let mut scene = Scene::new("z1", "住建局");
        scene.office.ladders = toml::from_str(LADDER).expect("a ladder");
        scene.office.directory = Directory::read("contacts.csv", CONTACTS).expect("contacts");
        let transition = scene.transition(window, 1, Change::Raise, [None, Some(level)], at(now));
        scene.watches = vec![Watch {
            card: transition.card,
            rule: "2110".into(),
            name: window.into(),
            level: Some(level),
            at: Some(at(now)),
            episode: 1,
            number: 1,
            stopped: None,
            spared: None,
        }];
        let mut card = Self { scene };
        card.turn(&[transition], at(now));
        card
    }

    pub(super) fn turn(&mut self, transitions: &[Transition], now: Instant) -> Vec<String> {
        let planned = self.scene.plan(transitions, now);
        // What was planned arrives.
        for notice in self.scene.said.iter_mut().filter(|n| n.state == NoticeState::Planned) {
            notice.state = NoticeState::Sent;
            let placed = planned.iter().find(|p| p.notice.key == notice.key).and_then(|p| p.placement.as_ref());
            notice.settled_at = placed.map(|placement| placement.not_before);
        }
        planned.iter().map(written).collect()
    }

    /// What is said from now on at the instants that planning itself asks for, up to `end`.
    pub(super) fn until(&mut self, end: &str) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(next) = self.scene.next_look_at.filter(|next| *next <= at(end)) {
            said.extend(self.turn(&[], next));
        }
        said
    }

    fn signed(&mut self, step: u32, level: Level, now: &str) {
        self.scene.acknowledgements.push(Acknowledgement {
            card: self.scene.watches[0].card,
            episode: 1,
            level,
            step,
            contact: "z1".into(),
            by: "张某".into(),
            via: Via::Link,
            at: at(now),
        });
        self.turn(&[], at(now));
    }
}

#[test]
fn a_red_card_climbs_in_working_days_and_reminds_between() {
    let mut card = Card::raised(Red, "02 10:00");
    assert_eq!(
        card.until("20 18:00"),
        [
            // The mornings after one, two, three and five working days: they add up, though messages wait for the opening.
            "reminder z1 mail 04 09:00",
            "reminder z1 mail 05 09:00",
            "raise u1 mail 06 09:00",
            "raise l1 mail 10 09:00",
            "raise l1 sms 10 09:00",
        ]
    );
    assert_eq!(card.scene.next_look_at, None, "nothing more will be said");
}

#[test]
fn what_waited_for_working_days_comes_in_working_hours_also_of_a_red_that_came_at_night() {
    let mut card = Card::of("on_site", Red, "02 22:00");
    let mornings = ["reminder z1 mail 04 09:00", "reminder z1 mail 05 09:00", "raise u1 mail 06 09:00"];
    assert_eq!(card.until("06 12:00"), mornings);
    let mut card = Card::of("on_site", Red, "02 22:00");
    assert_eq!(card.until("04 12:00"), ["reminder z1 mail 04 09:00"]);
    card.signed(0, Red, "05 23:00");
    let monday = ["reminder z1 mail 09 09:00", "raise u1 mail 09 09:00"];
    assert_eq!(card.until("09 12:00"), monday, "nor when a signature has held it");
}

#[test]
fn a_yellow_card_skips_the_steps_that_are_silent_about_yellow() {
    let mut card = Card::raised(Yellow, "02 10:00");
    assert_eq!(card.until("20 18:00"), ["reminder z1 mail 04 09:00", "reminder z1 mail 05 09:00"]);
}

#[test]
fn an_acknowledgement_holds_reminders_and_the_next_step_once_for_a_working_day() {
    let mut card = Card::raised(Red, "02 10:00");
    card.signed(0, Red, "02 11:00");
    card.signed(0, Red, "03 15:00");
    // The first one counts: until 24:00 of Tuesday the 3rd.
    assert_eq!(card.until("05 08:00"), ["reminder z1 mail 04 09:00", "reminder z1 mail 05 09:00"]);
    let mut card = Card::raised(Red, "02 10:00");
    assert_eq!(card.until("05 23:00"), ["reminder z1 mail 04 09:00", "reminder z1 mail 05 09:00"]);
    card.signed(0, Red, "05 23:30");
    assert_eq!(card.until("06 23:59"), Vec::<String>::new(), "not on Friday");
    assert_eq!(card.until("09 08:00"), ["raise u1 mail 09 09:00"], "but on Monday, when the grace is over");
}

#[test]
fn an_acknowledgement_of_yellow_holds_nothing_of_red() {
    let mut card = Card::raised(Red, "02 10:00");
    card.signed(0, Yellow, "03 15:00");
    assert_eq!(card.until("04 00:00"), ["reminder z1 mail 04 09:00"]);
}

#[test]
fn the_wait_of_a_step_counts_from_the_settling_of_the_step_below() {
    let mut card = Card::raised(Red, "02 10:00");
    for notice in &mut card.scene.said {
        (notice.state, notice.settled_at) = (NoticeState::Planned, None);
    }
    // On its way for days: nothing climbs, and it is asked for again, ever less often.
    let now = at("09 10:00");
    assert_eq!(card.scene.plan(&[], now).len(), 0);
    assert!(card.scene.next_look_at.is_some_and(|next| next > now));
    for notice in &mut card.scene.said {
        (notice.state, notice.settled_at) = (NoticeState::Sent, Some(at("09 11:00")));
    }
    card.turn(&[], at("09 11:00"));
    assert_eq!(
        card.until("13 08:00"),
        ["reminder z1 mail 11 09:00", "reminder z1 mail 12 09:00", "raise u1 mail 13 09:00"]
    );
}

#[test]
fn after_an_outage_only_one_step_is_taken_at_a_time() {
    let mut card = Card::raised(Red, "02 10:00");
    assert_eq!(card.turn(&[], at("20 10:00")), ["reminder z1 mail 20 10:00", "raise u1 mail 20 10:00"]);
    assert_eq!(card.until("23 23:00"), Vec::<String>::new());
    assert_eq!(card.until("25 08:00"), ["raise l1 mail 25 09:00", "raise l1 sms 25 09:00"]);
}

#[test]
fn a_silence_holds_the_climb_and_pauses_nothing() {
    let mut card = Card::raised(Red, "02 10:00");
    let matcher = Matcher::of_pairs(["unit=住建局"]).expect("a matcher");
    let silence = Silence::new(matcher, (at("03 00:00"), at("10 12:00")), "o1", "割接", at("02 12:00"));
    card.scene.silences = vec![silence.expect("a silence")];
    assert_eq!(card.until("10 11:59"), Vec::<String>::new());
    assert_eq!(
        card.until("10 14:00"),
        ["reminder z1 mail 10 13:30", "raise u1 mail 10 13:30"],
        "12:00 is no working time"
    );
}

#[test]
fn who_is_away_has_a_deputy_and_the_deputy_knows_for_whom() {
    let mut card = Card::raised(Red, "02 10:00");
    let directory = card.scene.office.directory.clone();
    let away = "contact,from,until,deputy\nz1,2026-03-02,2026-03-06,\nu1,2026-03-05,2026-03-20,\n";
    let absences = absences::read("absences.csv", away, &directory).expect("absences");
    card.scene.office.directory = directory.with_absences(absences);
    let transition = card.scene.transition("on_site", 1, Change::Raise, [None, Some(Red)], at("03 10:00"));
    let planned = card.scene.plan(&[transition], at("03 10:00"));
    assert_eq!(planned.iter().map(written).collect::<Vec<_>>(), ["raise z2 mail 03 10:00"]);
    let because = &planned[0].notice.because;
    assert_eq!((because.instead_of.as_deref(), because.why), (Some("z1"), Some(Gap::Absent)));
    assert_eq!(because.role.as_deref(), Some("handler"));
    // At the next step nobody stands in: the one above is told, and why.
    card.until("05 23:00");
    let next = card.scene.next_look_at.expect("a step");
    let planned = card.scene.plan(&[], next);
    let said: Vec<String> = planned.iter().map(written).collect();
    assert_eq!(said, ["raise u1 mail Some(Away)", "raise l1 mail 06 09:00", "raise l1 sms 06 09:00"]);
    assert_eq!(planned[1].notice.because.why, Some(Gap::Unreachable));
}

#[test]
fn a_refused_address_is_not_tried_again_and_somebody_else_is_told() {
    let mut card = Card::raised(Red, "02 10:00");
    let bad = |address: &str| ("z1".into(), "mail".into(), address.to_owned());
    card.scene.bad_addresses = vec![bad("z1@example.com")];
    let transition = card.scene.transition("on_site", 1, Change::Raise, [None, Some(Red)], at("03 10:00"));
    let said: Vec<String> = card.scene.plan(&[transition], at("03 10:00")).iter().map(written).collect();
    assert_eq!(said, ["raise z1 mail Some(BadAddress)", "raise u1 mail 03 10:00"]);
    // Another address of the same contact is as good as new.
    card.scene.bad_addresses = vec![bad("old@example.com")];
    let transition = card.scene.transition("on_site", 2, Change::Raise, [None, Some(Red)], at("03 10:00"));
    let said: Vec<String> = card.scene.plan(&[transition], at("03 10:00")).iter().map(written).collect();
    assert_eq!(said, ["raise z1 mail 03 10:00"]);
}

#[test]
fn what_stood_open_when_the_rehearsal_ended_is_a_baseline() {
    let mut card = Card::raised(Red, "02 10:00");
    for notice in &mut card.scene.said {
        notice.rehearsal = true;
    }
    assert_eq!(card.turn(&[], at("03 10:00")), Vec::<String>::new(), "nothing climbs on what nobody heard");
    card.scene.other_playbook = true;
    assert_eq!(card.turn(&[], at("03 10:00")), ["raise z1 mail Some(Baseline)"]);
    assert_eq!(card.turn(&[], at("20 10:00")), Vec::<String>::new(), "and waits for its release");
}

#[test]
fn a_failed_channel_s_fallback_says_the_same_to_the_same_contact() {
    let mut card = Card::raised(Red, "02 10:00");
    let terms = ChannelTerms { fallback: Some("sms".into()), ..ChannelTerms::of(Medium::Mail) };
    card.scene.office.channels.insert("mail".into(), terms);
    let said = card.scene.said.clone();
    let mut joinable = Joinable::default();
    let circumstances = Circumstances::default();
    let planned = plan_fallback(&said, &card.scene.office, &circumstances, &mut joinable, at("02 11:00"));
    assert_eq!(planned.iter().map(written).collect::<Vec<_>>(), ["raise z1 sms 02 11:00"]);
    let notice = &planned[0].notice;
    assert_ne!(notice.key, said[0].key);
    assert_eq!((notice.number, notice.step, notice.because.why), (1, 0, Some(Gap::Fallback)));
    assert!(
        plan_fallback(std::slice::from_ref(notice), &card.scene.office, &circumstances, &mut joinable, at("02 11:00"))
            .is_empty()
    );
}

/// The city's offices, as the shipped ladders look for them.
const CITY: &str = "id,name,unit,region,roles,mobile,email\n\
    z1,张某,住建局,,,,z1@example.com\n\
    u1,李某,住建局,,unit_contact,,u1@example.com\n\
    d1,区政务办,,京口,district_service,,d1@example.com\n\
    d2,区分管领导,,京口,district_leader,,d2@example.com\n\
    c1,市级中心,,,city_centre,,c1@example.com\n\
    c2,市政务办,,,city_office,,c2@example.com\n\
    c3,通报编制,,,notice_list,,c3@example.com\n\
    o1,值班,,,operator,,o1@example.com\n";

/// A card on a shipped ladder, with people for all of its steps who have mail only.
fn shipped(ladder: &str, level: Level, now: &str) -> Card {
    let mut scene = Scene::new("z1", "住建局");
    scene.item.fields.set("region", Value::text("京口"));
    scene.office.directory = Directory::read("contacts.csv", CITY).expect("contacts");
    scene.office.channels.remove("sms");
    for steps in scene.office.ladders.values_mut().flat_map(|ladder| &mut ladder.steps) {
        steps.red.retain(|channel| channel == "mail");
    }
    let transition = scene.transition("solved", 1, Change::Raise, [None, Some(level)], at(now));
    scene.rulings[0].windows[1].ladder = Some(ladder.into());
    let transition = Transition { ladder: Some(ladder.into()), ..transition };
    let level = Some(level);
    scene.watches = vec![Watch {
        card: transition.card,
        rule: "2110".into(),
        name: "solved".into(),
        level,
        at: Some(at(now)),
        episode: 1,
        number: 1,
        stopped: None,
        spared: None,
    }];
    let mut card = Card { scene };
    card.turn(&[transition], at(now));
    card
}

impl Card {
    /// What was said so far: to whom, by mail, when it was planned for.
    fn told(&self) -> Vec<String> {
        let local = |at: Instant| (at + chrono::TimeDelta::hours(8)).format("%d %H:%M").to_string();
        let said = self.scene.said.iter().filter(|n| n.hold.is_none());
        said.map(|n| format!("{} {} {}", n.kind.word(), n.contact, local(n.settled_at.unwrap_or(n.planned_at))))
            .collect()
    }
}

#[test]
fn the_shipped_three_level_ladder_climbs_after_1_3_and_6_working_days_and_reminds_those_below_beside_the_city_centre() {
    let mut card = shipped("three-level", Red, "02 10:00");
    card.until("31 18:00");
    let everybody = |kind: &str, when: &str| ["z1", "u1", "d1", "d2"].map(|who| format!("{kind} {who} {when}"));
    let later = ["raise c1 04 09:00", "raise c2 06 09:00", "raise c3 11 09:00"].map(str::to_owned);
    let [centre, office, list] = later;
    let expected = [everybody("raise", "02 10:00"), everybody("reminder", "04 09:00")].concat();
    assert_eq!(card.told(), [expected, vec![centre, office, list]].concat());
    let labels: Vec<&str> = card.scene.said.iter().filter_map(|n| Some(&*n.because.label.as_ref()?.zh)).collect();
    assert_eq!(labels, ["报市级中心", "报市政务办", "列入通报名单"]);
}

#[test]
fn a_yellow_card_on_the_shipped_three_level_ladder_is_told_to_the_unit_and_climbs_nowhere() {
    let mut card = shipped("three-level", Yellow, "02 10:00");
    card.until("31 18:00");
    assert_eq!(card.told(), ["raise z1 02 10:00", "raise u1 02 10:00"]);
}

#[test]
fn an_overdue_order_climbs_to_the_district_and_the_city_centre() {
    let mut card = shipped("order", Red, "02 10:00");
    card.until("31 18:00");
    let first = ["raise z1 02 10:00", "raise u1 02 10:00", "reminder z1 04 09:00", "reminder u1 04 09:00"];
    assert_eq!(card.told(), [&first[..], &["raise d1 04 09:00", "raise c1 06 09:00"]].concat());
}

#[test]
fn after_three_days_of_outage_one_step_is_taken_and_the_wait_of_the_next_counts_from_it() {
    let mut card = shipped("three-level", Red, "02 10:00");
    // From the 3rd to the 6th nothing is looked at: the city centre was due on the 4th, the city office on the 6th.
    let said = card.turn(&[], at("06 11:00"));
    assert_eq!(said.len(), 5, "four reminders, and the city centre: {said:?}");
    assert_eq!(said[4], "raise c1 mail 06 11:00");
    assert_eq!(card.turn(&[], at("06 11:01")), Vec::<String>::new());
    assert_eq!(card.until("10 18:00"), Vec::<String>::new());
    assert_eq!(card.until("11 18:00"), ["raise c2 mail 11 09:00"], "two working days after the 6th");
}

#[test]
fn no_shipped_ladder_addresses_a_city_leader() {
    let offices = [
        "handler",
        "unit_contact",
        "district_service",
        "district_leader",
        "city_centre",
        "city_office",
        "notice_list",
        "command_centre",
        "operator",
    ];
    for (name, ladder) in office().ladders {
        let roles =
            ladder.steps.iter().flat_map(|step| step.roles(Red)).chain(ladder.counts.iter().flat_map(|c| &c.roles));
        for role in roles {
            assert!(offices.contains(&role.as_str()), "{name} tells {role}");
        }
        assert!(ladder.counts.iter().all(|count| count.threshold().is_some()), "{name}");
    }
}
