//! A ladder's counts: so many running, so many of a unit; each told once.

use super::ladder::Card;
use super::*;
use crate::core::count::Period;
use crate::core::digest::Digest;
use crate::core::ladder::Threshold;
use crate::core::reason::Cause;

const COUNTS: &str = "
    [[handlers.steps]]
    roles = ['handler']
    yellow = ['mail']
    red = ['mail']
    [[handlers.counts]]
    streak = 2
    roles = ['leader']
    channels = ['mail']
    label = { zh = '列入约谈名单', en = 'for the talk list' }
    [[handlers.counts]]
    reds = 3
    roles = ['leader']
    channels = ['sms']
    [[operators.steps]]
    roles = ['operator']
    yellow = ['mail']
    red = ['mail']";

fn counting(level: Level, now: &str) -> Card {
    let mut card = Card::raised(level, now);
    card.scene.office.ladders = toml::from_str(COUNTS).expect("a ladder");
    card
}

/// The card closes and is raised again.
fn again(card: &mut Card, numbers: [u32; 2], change: Change, days: [&str; 2]) -> Vec<String> {
    let [closed, raised] = days.map(at);
    let episode = numbers[1] / 2 + 1;
    let transition = |number, change, levels, episode, now| Transition {
        episode,
        ..card.scene.transition("solved", number, change, levels, now)
    };
    let down = transition(numbers[0], change, [Some(Yellow), None], episode - 1, closed);
    let up = transition(numbers[1], Change::Raise, [None, Some(Yellow)], episode, raised);
    card.scene.watches[0] = Watch { number: numbers[1], episode, at: Some(raised), ..card.scene.watches[0].clone() };
    card.scene.raised.push(down);
    let said = card.turn(std::slice::from_ref(&up), raised);
    card.scene.raised.push(up);
    said
}

#[test]
fn the_second_yellow_running_is_told_once_and_one_that_was_wrong_ends_the_run() {
    let mut card = counting(Yellow, "02 10:00");
    let first = card.scene.transition("solved", 1, Change::Raise, [None, Some(Yellow)], at("02 10:00"));
    card.scene.raised.push(first);
    let second = again(&mut card, [2, 3], Change::Clear, ["03 10:00", "04 10:00"]);
    assert_eq!(second, ["raise z1 mail 04 10:00", "count l1 mail 04 10:00"]);
    let told = card.scene.said.iter().find(|n| n.kind == NoticeKind::Count).expect("a count");
    assert_eq!(told.because.count, Some(Threshold::Streak(2)));
    assert_eq!(told.because.label.as_ref().map(|label| &*label.zh), Some("列入约谈名单"));
    assert_eq!(card.turn(&[], at("04 11:00")), Vec::<String>::new(), "once");
    let third = again(&mut card, [4, 5], Change::Clear, ["05 10:00", "06 10:00"]);
    assert_eq!(third, ["raise z1 mail 06 10:00"], "the same run");
    let fourth = again(&mut card, [6, 7], Change::Revoke, ["09 10:00", "10 10:00"]);
    assert_eq!(fourth, ["raise z1 mail 10 10:00"], "a new run");
    let fifth = again(&mut card, [8, 9], Change::Clear, ["11 10:00", "12 10:00"]);
    assert_eq!(fifth, ["raise z1 mail 12 10:00", "count l1 mail 12 10:00"], "reaches the number again");
}

#[test]
fn a_card_that_a_recheck_leaves_standing_reaches_its_streak_without_a_transition() {
    let mut card = counting(Yellow, "30 10:00");
    card.scene.office.periods = [("2110".into(), Period::Day)].into();
    let raised = card.scene.transition("solved", 1, Change::Raise, [None, Some(Yellow)], at("30 10:00"));
    card.scene.raised.push(raised);
    assert_eq!(card.turn(&[], at("30 18:00")), Vec::<String>::new());
    assert_eq!(card.turn(&[], at("31 00:00")), ["count l1 mail 31 09:00"], "at the recheck, for the next opening");
    assert_eq!(card.turn(&[], at("31 10:00")), Vec::<String>::new());
    // Good for a day: another run.
    let mended = Reason::Unnamed { cause: Cause::RuleChanged };
    let down = card.scene.transition("solved", 2, Change::Withdraw, [Some(Yellow), None], at("31 11:00"));
    card.scene.raised.push(Transition { reason: mended, ..down });
    let later = at("31 11:00") + chrono::TimeDelta::days(2);
    let up =
        Transition { episode: 2, ..card.scene.transition("solved", 3, Change::Raise, [None, Some(Yellow)], later) };
    card.scene.watches[0] = Watch { number: 3, episode: 2, ..card.scene.watches[0].clone() };
    assert_eq!(card.turn(std::slice::from_ref(&up), later).len(), 1, "a streak of one");
    card.scene.raised.push(up);
    let next = later + chrono::TimeDelta::days(1);
    assert_eq!(card.turn(&[], next).len(), 1, "and of two, named by its own beginning");
    let keys: BTreeSet<Digest> =
        card.scene.said.iter().filter(|n| n.kind == NoticeKind::Count).map(|n| n.key).collect();
    assert_eq!(keys.len(), 2);
}

#[test]
fn the_third_red_of_a_unit_in_the_quarter_is_told_once_whichever_card_it_is() {
    let other = |number: u32| (CardId(Digest::of([number.to_string().as_bytes()])), 1);
    let mut keys = BTreeSet::new();
    for (before, window, is_told) in
        [(1, "solved", false), (2, "solved", true), (3, "on_site", true), (9, "solved", false)]
    {
        let mut card = counting(Yellow, "02 10:00");
        card.scene.reds = (0..before).map(other).collect();
        let red = card.scene.transition(window, 2, Change::Raise, [Some(Yellow), Some(Red)], at("03 10:00"));
        let said = card.turn(&[red], at("03 10:00"));
        let expected = ["raise z1 mail 03 10:00", "count l1 sms 03 10:00"];
        assert_eq!(said, expected[..=usize::from(is_told)], "{before} before");
        keys.extend(card.scene.said.iter().filter(|n| n.kind == NoticeKind::Count).map(|n| n.key));
    }
    assert_eq!(keys.len(), 1, "the store takes the same notice once");
}

#[test]
fn reds_of_one_turn_count_together_and_each_episode_once() {
    let mut card = counting(Yellow, "02 10:00");
    let other = (CardId(Digest::of([])), 1);
    card.scene.reds = [other].into();
    let now = at("03 10:00");
    let red =
        |card: &Card, window, number| card.scene.transition(window, number, Change::Raise, [None, Some(Red)], now);
    let two = [red(&card, "solved", 2), red(&card, "on_site", 1)];
    let said = card.turn(&two, now);
    assert_eq!(said.iter().filter(|said| said.starts_with("count")).count(), 1, "{said:?}");
    // Red again in the same episode.
    let mut card = counting(Yellow, "02 10:00");
    let again = red(&card, "solved", 4);
    card.scene.reds = [other, (CardId(Digest::of([b"x".as_slice()])), 1), (again.card, 1)].into();
    assert_eq!(card.turn(&[again], now), ["raise z1 mail 03 10:00"]);
    // What was red before the quarter began.
    let mut card = counting(Yellow, "02 10:00");
    card.scene.reds = [other, (CardId(Digest::of([b"x".as_slice()])), 1)].into();
    let old = Transition { at: now - chrono::TimeDelta::days(40), ..red(&card, "solved", 2) };
    assert_eq!(card.turn(&[old], now), ["raise z1 mail 03 10:00"]);
}

#[test]
fn a_count_that_reaches_nobody_is_told_to_the_operators() {
    let mut card = counting(Yellow, "02 10:00");
    card.scene.office.directory = Directory::read("contacts.csv", super::CONTACTS).expect("contacts");
    card.scene.reds = (0..2_u32).map(|n| (CardId(Digest::of([n.to_string().as_bytes()])), 1)).collect();
    let red = card.scene.transition("solved", 2, Change::Raise, [Some(Yellow), Some(Red)], at("03 10:00"));
    let said = card.turn(&[red], at("03 10:00"));
    let vacant = "count leader sms Some(NoContact { role: \"leader\" })";
    assert_eq!(said, ["raise z1 mail 03 10:00", vacant, "count o1 mail 03 10:00"]);
}
