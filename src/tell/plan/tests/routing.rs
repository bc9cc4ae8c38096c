//! Routes, silences, what contacts want, lists and waits.

use super::*;
use crate::core::acknowledgement::Via;
use crate::core::contact::Contact;
use crate::core::notice::Placement;
use crate::core::route::{Preference, Route};

fn scene(routes: &str, preferences: &str) -> Scene {
    #[derive(serde::Deserialize, Default)]
    #[serde(default)]
    struct File {
        routes: Vec<Route>,
        preferences: Vec<Preference>,
    }
    let file: File = toml::from_str(&format!("{routes}\n{preferences}")).expect("routes");
    let mut scene = Scene::new("z1", "住建局");
    (scene.office.routes, scene.office.preferences) = (file.routes, file.preferences);
    scene
}

fn leader(level: &str) -> Contact {
    Contact {
        id: "l1".into(),
        name: "王某".into(),
        level: level.into(),
        email: "l1@example.com".into(),
        ..Contact::default()
    }
}

const TELL_LEADER: &str = "
    [[routes]]
    name = 'leader'
    [[routes.tell]]
    contact = 'l1'
    yellow = ['mail']
    red = ['mail']";

#[test]
fn a_route_names_another_ladder_and_more_receivers() {
    let mut scene = scene(
        "[[routes]]
         name = 'zone'
         match = { unit = '住建局', level = 'red' }
         ladder = 'command-centre'
         [[routes.tell]]
         address = 'duty@example.com'
         red = ['mail']
         [[routes.tell]]
         role = 'operator'
         red = ['mail']",
        "",
    );
    let contact = |id: &str, role: &str| Contact {
        id: id.into(),
        email: format!("{}@example.com", id.replace(':', "-").replace("@example.com", "")),
        roles: vec![role.into()],
        ..Contact::default()
    };
    scene.office.directory.add(contact("c1", "command_centre"));
    scene.office.directory.add(contact(&address_id("duty@example.com"), ""));
    let red = scene.raise("solved", 1, Red, "02 10:00");
    let expected = [
        "raise c1 mail 02 10:00",
        "raise c1 sms Some(NoAddress)",
        "raise address:duty@example.com mail 02 10:00",
        "raise o1 mail 02 10:00",
    ];
    assert_eq!(red, expected);
    assert_eq!(scene.raise("on_site", 1, Yellow, "02 10:00"), ["raise z1 mail 02 10:00", "raise u1 mail 02 10:00"]);
}

#[test]
fn a_route_says_whether_quiet_hours_hold() {
    let mut pass = scene("[[routes]]\nname = 'a'\nquiet = 'pass'", "");
    assert_eq!(pass.raise("solved", 1, Yellow, "02 22:00")[0], "raise z1 mail 02 22:00");
    let mut hold = scene("[[routes]]\nname = 'a'\nquiet = 'hold'", "");
    assert_eq!(hold.raise("on_site", 1, Red, "02 22:00")[0], "raise z1 mail 03 09:00");
}

#[test]
fn a_route_waits_for_more_to_say_and_the_later_reason_counts() {
    let mut scene = scene("[[routes]]\nname = 'a'\nwait = '10m'", "");
    assert_eq!(scene.raise("solved", 1, Yellow, "02 10:00")[0], "raise z1 mail 02 10:10");
    assert_eq!(scene.raise("feedback", 1, Yellow, "02 22:00")[0], "raise z1 mail 03 09:00");
    assert_eq!(scene.raise("arranged", 1, Yellow, "02 08:55")[0], "raise z1 mail 02 09:05");
}

#[test]
fn what_comes_while_a_message_waits_for_more_to_say_goes_with_it() {
    let mut scene = scene("[[routes]]\nname = 'a'\nwait = '10m'", "");
    let mut placed = |name: &str, now: &str| {
        let transition = scene.transition(name, 1, Change::Raise, [None, Some(Yellow)], at(now));
        scene.plan(&[transition], at(now)).remove(0).placement.expect("placed")
    };
    let first = placed("solved", "02 10:00");
    let joins = Placement { opens: false, ..first.clone() };
    assert_eq!(placed("feedback", "02 10:03"), joins, "it leaves when the first would have left");
    assert_eq!(placed("arranged", "02 10:10"), joins, "at the last moment");
    let at_once = Placement { not_before: at("02 10:11"), ..joins };
    assert_eq!(placed("on_site", "02 10:11"), at_once, "nobody has claimed it yet");
}

#[test]
fn a_route_can_stay_in_rehearsal_alone() {
    let mut scene = scene("[[routes]]\nname = 'a'\nmatch = { window = 'solved' }\nrehearsal = true", "");
    let planned = |scene: &mut Scene, name: &str| {
        let transition = scene.transition(name, 1, Change::Raise, [None, Some(Yellow)], at("02 10:00"));
        let planned = scene.plan(&[transition], at("02 10:00")).remove(0);
        (planned.notice.rehearsal, planned.placement.expect("placed").rehearsal)
    };
    assert_eq!(planned(&mut scene, "solved"), (true, true));
    assert_eq!(planned(&mut scene, "feedback"), (false, false));
}

#[test]
fn a_silence_holds_and_what_it_held_is_planned_again_once_it_is_over() {
    let mut scene = scene("", "");
    let matcher = Matcher::of_pairs(["unit=住建局", "window=solved"]).expect("a matcher");
    let silence = Silence::new(matcher, (at("02 09:00"), at("02 15:00")), "o1", "割接", at("02 09:00"));
    scene.silences = vec![silence.expect("a silence")];
    let held = scene.raise("solved", 1, Yellow, "02 10:00");
    assert!(held.iter().all(|line| line.contains("Silence")), "{held:?}");
    assert_eq!(scene.raise("feedback", 1, Yellow, "02 10:00")[0], "raise z1 mail 02 10:00");
    let held: Vec<Notice> = scene.said.iter().filter(|n| n.state == NoticeState::Held).cloned().collect();
    let again = |scene: &Scene, now: &str| -> Vec<String> {
        let circumstances = Circumstances { silences: &scene.silences, ..Circumstances::default() };
        let again: Vec<Again<'_>> =
            held.iter().map(|notice| Again { notice, item: &scene.item, rulings: &scene.rulings }).collect();
        let planned = plan_again(
            &again,
            &scene.acknowledgements,
            &scene.office,
            &circumstances,
            &mut Joinable::default(),
            at(now),
        );
        planned.iter().map(written).collect()
    };
    assert!(again(&scene, "02 14:59").iter().all(|line| line.contains("Silence")));
    assert_eq!(again(&scene, "02 15:00"), ["raise z1 mail 02 15:00", "raise u1 mail 02 15:00"]);
    assert_eq!(again(&scene, "02 20:00"), ["raise z1 mail 03 09:00", "raise u1 mail 03 09:00"], "quiet hours hold");
    scene.office.rehearsal = true;
    let other_mode = ["raise z1 mail Some(Baseline)", "raise u1 mail Some(Baseline)"];
    assert_eq!(again(&scene, "02 15:00"), other_mode, "what was held live is released when it is live again");
}

#[test]
fn a_later_step_that_a_silence_held_is_dropped_if_somebody_signed_meanwhile() {
    let mut scene = scene("", "");
    let planned_at = at("02 10:00");
    let transition = scene.transition("solved", 1, Change::Raise, [None, Some(Yellow)], planned_at);
    let first = scene.plan(&[transition], planned_at).remove(0).notice;
    let hold = Some(Hold::Silence { silence: Digest::of([]) });
    let second = Notice { step: 1, state: NoticeState::Held, hold, delivery: None, ..first };
    let signed = |now: &str| Acknowledgement {
        card: second.card.expect("a card"),
        episode: second.episode,
        level: Yellow,
        step: 0,
        contact: "z1".into(),
        by: "张某".into(),
        via: Via::Link,
        at: at(now),
    };
    let again = [Again { notice: &second, item: &scene.item, rulings: &scene.rulings }];
    let said = |signed: &[Acknowledgement]| -> Vec<_> {
        let (circumstances, mut joinable) = (Circumstances::default(), Joinable::default());
        let planned = plan_again(&again, signed, &scene.office, &circumstances, &mut joinable, at("02 15:00"));
        planned.into_iter().map(|planned| (planned.notice.state, planned.notice.hold)).collect()
    };
    assert_eq!(said(&[signed("02 11:00")]), [(NoticeState::Dropped, Some(Hold::Acknowledged))]);
    assert_eq!(said(&[signed("02 09:00")]), [(NoticeState::Planned, None)], "that was before it was planned");
}

#[test]
fn a_contact_hears_of_the_levels_that_it_wants() {
    let mut scene = scene(TELL_LEADER, "[[preferences]]\ncontact = 'l1'\nleast = 'red'");
    scene.office.directory.add(leader("L4"));
    assert_eq!(scene.raise("solved", 1, Yellow, "02 10:00")[2], "raise l1 mail Some(BelowLeast)");
    assert_eq!(scene.raise("solved", 2, Red, "02 10:00").last().map(String::as_str), Some("raise l1 mail 02 10:00"));
}

#[test]
fn lists_go_at_set_times_and_a_red_on_hours_does_not_wait_for_them() {
    let mut scene = scene(TELL_LEADER, "[[preferences]]\nlevel = 'L4'\nform = 'list'");
    scene.office.directory.add(leader("L4"));
    let mut last =
        |name: &str, number, level, now: &str| scene.raise(name, number, level, now).pop().expect("the leader");
    assert_eq!(last("solved", 1, Yellow, "02 10:00"), "raise l1 mail 02 16:00");
    assert_eq!(last("solved", 2, Red, "02 16:00"), "raise l1 mail 03 09:00", "the list of 16:00 has gone");
    assert_eq!(last("on_site", 1, Red, "02 22:00"), "raise l1 mail 02 22:00");
    assert_eq!(last("feedback", 1, Yellow, "06 17:00"), "raise l1 mail 09 09:00", "not on a Saturday");
}

#[test]
fn what_closed_comes_in_the_next_list_above_the_unit_and_a_recall_at_once() {
    let mut scene = scene(TELL_LEADER, "");
    scene.office.directory.add(leader("L3"));
    scene.raise("solved", 1, Red, "02 10:00");
    let clear = scene.clear("solved", 2, "02 11:00");
    assert!(clear.contains(&"clear l1 mail 02 16:00".to_owned()), "{clear:?}");
    assert!(clear.contains(&"clear z1 mail 02 11:00".to_owned()), "{clear:?}");
    let revoke = scene.transition("solved", 3, Change::Revoke, [Some(Red), None], at("02 11:00"));
    let revoke: Vec<String> = scene.plan(&[revoke], at("02 11:00")).iter().map(written).collect();
    assert!(revoke.contains(&"revoke l1 mail 02 11:00".to_owned()), "{revoke:?}");
}

#[test]
fn what_waits_at_a_limit_takes_everything_that_may_leave_by_then() {
    let scene = scene("", "");
    let waiting = |waits_for| OpenDelivery {
        id: crate::core::delivery::DeliveryId(Digest::of([b"open".as_slice()])),
        contact: "z1".into(),
        channel: "mail".into(),
        not_before: at("02 10:05"),
        waits_for,
        rehearsal: false,
    };
    for (waits_for, joins) in [(Some(Wait::Rate), true), (Some(Wait::QuietHours), false), (None, false)] {
        let mut scene = Scene { joinable: Joinable::new([waiting(waits_for)]), ..self::scene("", "") };
        let transition = scene.transition("solved", 1, Change::Raise, [None, Some(Yellow)], at("02 10:00"));
        let placement = scene.plan(&[transition], at("02 10:00")).remove(0).placement.expect("placed");
        assert_eq!(placement.opens, !joins, "{waits_for:?}");
        assert_eq!(placement.not_before, if joins { at("02 10:05") } else { at("02 10:00") });
    }
    // Nor does it take what has to wait longer.
    let mut scene = Scene { joinable: Joinable::new([waiting(Some(Wait::Rate))]), ..scene };
    scene.office.routes =
        toml::from_str::<toml::Table>("routes = [{ name = 'a', wait = '10m' }]").expect("a table")["routes"]
            .clone()
            .try_into()
            .expect("routes");
    let transition = scene.transition("solved", 1, Change::Raise, [None, Some(Yellow)], at("02 10:00"));
    assert!(scene.plan(&[transition], at("02 10:00")).remove(0).placement.expect("placed").opens);
}
