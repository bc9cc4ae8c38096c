//! Scenarios: at an instant the item is seen in a new state, or is only looked at; then exactly these transitions.
//!
//! Instants are days of 2026 on the clock of the office (09:00–12:00, 13:30–17:30); 2 March is a Monday. A transition is
//! written `change level at`, with the episode as `#n`, the verdict if a clock stopped, and the name unless it is
//! `solved`.

use chrono::{NaiveDate, TimeDelta};
use proptest::prelude::*;

use super::*;
use crate::calendars;
use crate::core::item::{Amount, Extension, Pause};
use crate::core::limit::Share;
use crate::core::limit::Yellow;

mod sparing;

/// `03-02 10:00`, `03-16 24:00`.
fn at(text: &str) -> Instant {
    let (date, time) = text.split_once(' ').expect("a date and a time");
    let (month, day) = date.split_once('-').expect("a month and a day");
    let (hours, minutes) = time.split_once(':').expect("hours and minutes");
    let number = |text: &str| text.parse::<u32>().expect("a number");
    let date = NaiveDate::from_ymd_opt(2026, number(month), number(day)).expect("a date");
    let time = TimeDelta::minutes(i64::from(number(hours) * 60 + number(minutes)) - 8 * 60);
    (date.and_time(chrono::NaiveTime::MIN) + time).and_utc()
}

fn shown(at: Instant) -> String {
    let local = at + TimeDelta::hours(8);
    if local.time() == chrono::NaiveTime::MIN {
        return (local - TimeDelta::days(1)).format("%m-%d 24:00").to_string();
    }
    local.format("%m-%d %H:%M").to_string()
}

fn limit(text: &str) -> Limit {
    text.parse().expect("a limit")
}

fn clockwork() -> Clockwork {
    let office = Arc::new(calendars::find(calendars::DEFAULT, &[]).expect("built in"));
    Clockwork {
        calendars: Calendars::new(office, []),
        yellow: YellowDefault::default(),
        pause_limit: Some(limit("60d")),
        rules: BTreeSet::from(["2110".into()]),
    }
}

/// One item on its way through time.
struct Story {
    clockwork: Clockwork,
    key: ItemKey,
    first_seen_at: Instant,
    rulings: Vec<Ruling>,
    spared: Vec<Spared>,
    watches: Vec<Watch>,
    noticed_at: Option<Instant>,
    next_look_at: Option<Instant>,
    cause: Cause,
    transitions: Vec<Transition>,
    problems: Vec<Problem>,
}

impl Story {
    /// A ticket first seen at `from`, with a window `solved` that starts then.
    fn new(limit_text: &str, from: &str) -> Self {
        let window = Window::new("solved", limit(limit_text), Some(at(from)));
        let ruling =
            Ruling { rule: "2110".into(), version: Digest::of([]), windows: vec![window], findings: Vec::new() };
        let mut story = Self {
            clockwork: clockwork(),
            key: ItemKey::new("hotline", "T1"),
            first_seen_at: at(from),
            rulings: vec![ruling],
            spared: Vec::new(),
            watches: Vec::new(),
            noticed_at: None,
            next_look_at: None,
            cause: Cause::ItemChanged,
            transitions: Vec::new(),
            problems: Vec::new(),
        };
        story.look(from, &[]);
        story
    }

    /// A ticket of 10 working days: yellow on 13 March at 09:00, red at the end of 16 March.
    fn ticket() -> Self {
        Self::new("10wd", "03-02 10:00")
    }

    fn observe(&mut self, now: Instant) -> Vec<Transition> {
        let subject = Subject {
            item: &self.key,
            calendar: None,
            first_seen_at: self.first_seen_at,
            noticed_at: self.noticed_at,
            rulings: &self.rulings,
            spared: &self.spared,
            watches: &self.watches,
            cause: self.cause,
            has_left: false,
        };
        let found = observe(subject, &self.clockwork, now);
        self.watches = found.watches;
        self.problems = found.problems;
        self.next_look_at = found.next_look_at;
        self.noticed_at = found.transitions.iter().map(|t| t.noticed_at).max().max(self.noticed_at);
        self.transitions.extend(found.transitions.iter().cloned());
        found.transitions
    }

    /// Nothing is known to have changed.
    fn look(&mut self, now: &str, expected: &[&str]) -> &mut Self {
        let found: Vec<String> = self.observe(at(now)).iter().map(written).collect();
        assert_eq!(found, expected, "at {now}");
        self
    }

    /// A poll brings news of the window.
    fn seen(&mut self, now: &str, change: impl FnOnce(&mut Window), expected: &[&str]) -> &mut Self {
        change(&mut self.rulings[0].windows[0]);
        self.look(now, expected)
    }

    /// As the daemon does: looks whenever it is worth it, up to an instant.
    fn until(&mut self, end: &str, expected: &[&str]) -> &mut Self {
        let mut found = Vec::new();
        while let Some(next) = self.next_look_at.filter(|next| *next <= at(end)) {
            found.extend(self.observe(next).iter().map(written));
            assert!(self.next_look_at.is_none_or(|later| next < later), "time goes on");
        }
        assert_eq!(found, expected, "until {end}");
        self
    }

    fn reason(&self) -> &Reason {
        &self.transitions.last().expect("a transition").reason
    }
}

fn written(transition: &Transition) -> String {
    let Transition { change, to, at, episode, verdict, name, .. } = transition;
    let level = to.map_or("green", Level::word);
    let mut text = format!("{} {level} {} #{episode}", change.word(), shown(*at));
    if let Some(verdict) = verdict {
        text = format!("{text} {}", verdict.word());
    }
    if &**name == "solved" { text } else { format!("{text} {name}") }
}

fn done(text: &str) -> impl FnOnce(&mut Window) {
    let done = at(text);
    move |window| window.done = Some(done)
}

fn paused(from: &str, to: Option<&str>) -> impl FnOnce(&mut Window) {
    let pause = Pause::new(at(from), to.map(at));
    move |window| window.pauses = vec![pause]
}

fn extended(amount: &str, approved: &str) -> impl FnOnce(&mut Window) {
    let asked_at = at(approved).min(at("03-16 09:00"));
    let extension = Extension {
        amount: Amount::Limit(limit(amount)),
        asked_at: Some(asked_at),
        approved_at: Some(at(approved)),
        basis: None,
    };
    move |window| window.extensions = vec![extension]
}

const YELLOW: &str = "raise yellow 03-13 09:00 #1";
const RED: &str = "raise red 03-16 24:00 #1";

#[test]
fn yellow_and_then_red_is_one_episode() {
    let mut story = Story::ticket();
    story.look("03-13 08:59", &[]).look("03-13 09:00", &[YELLOW]).look("03-16 23:59", &[]).look("03-16 24:00", &[RED]);
    assert_eq!(story.transitions.iter().map(|t| t.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(story.transitions[0].card, story.transitions[1].card);
    story.look("04-20 10:00", &[]);
}

#[test]
fn what_is_first_seen_late_is_one_transition_at_the_level_s_own_instant() {
    let mut story = Story::ticket();
    story.look("03-20 10:00", &[RED]);
    assert_eq!((story.transitions[0].from, story.transitions[0].noticed_at), (None, at("03-20 10:00")));
}

#[test]
fn a_late_finish_clears_and_one_before_due_that_is_entered_late_revokes() {
    Story::ticket()
        .until("03-17 09:00", &[YELLOW, RED])
        .seen("03-18 10:00", done("03-18 09:30"), &["clear green 03-18 09:30 #1 overdue"])
        .look("03-19 10:00", &[]);
    Story::ticket().until("03-17 09:00", &[YELLOW, RED]).seen(
        "03-18 10:00",
        done("03-16 16:00"),
        &["revoke green 03-18 10:00 #1 on_time"],
    );
    // While it was yellow, it was rightly so.
    Story::ticket().until("03-16 09:00", &[YELLOW]).seen(
        "03-16 18:00",
        done("03-16 16:00"),
        &["clear green 03-16 16:00 #1 on_time"],
    );
    Story::ticket().until("03-16 09:00", &[YELLOW]).seen(
        "03-16 18:00",
        done("03-12 16:00"),
        &["revoke green 03-16 18:00 #1 on_time"],
    );
}

#[test]
fn what_happens_at_the_very_instant_of_a_card_clears_it_and_never_says_that_it_was_wrong() {
    let story = |change: &dyn Fn(&mut Window), expected| {
        Story::ticket().until("03-17 09:00", &[YELLOW, RED]).seen("03-17 10:00", change, &[expected]);
    };
    story(&|window| done("03-16 24:00")(window), "clear green 03-16 24:00 #1 overdue");
    story(&|window| extended("10wd", "03-16 24:00")(window), "clear green 03-16 24:00 #1");
    story(&|window| done("03-16 23:59")(window), "revoke green 03-17 10:00 #1 on_time");
    Story::ticket().until("03-13 09:00", &[YELLOW]).seen(
        "03-13 10:00",
        paused("03-13 09:00", None),
        &["clear green 03-13 09:00 #1"],
    );
}

#[test]
fn a_finish_without_a_card_is_a_transition_too_and_once() {
    Story::ticket()
        .seen("03-05 10:00", done("03-05 09:00"), &["stop green 03-05 09:00 #0 on_time"])
        .look("04-05 10:00", &[]);
    // A finish that is still to come has not happened.
    Story::ticket()
        .seen("03-05 10:00", done("03-05 11:00"), &[])
        .until("03-06 10:00", &["stop green 03-05 11:00 #0 on_time"]);
}

#[test]
fn a_back_dated_pause_revokes_and_a_pause_after_the_yellow_clears() {
    // 5, 6, 9 … 12 March come back: due on 24 March.
    Story::ticket().until("03-17 09:00", &[YELLOW, RED]).seen(
        "03-17 10:00",
        paused("03-04 09:00", Some("03-12 18:00")),
        &["revoke green 03-17 10:00 #1"],
    );
    Story::ticket()
        .until("03-13 10:00", &[YELLOW])
        .seen("03-13 16:00", paused("03-13 15:00", None), &["clear green 03-13 15:00 #1"])
        .look("03-30 10:00", &[])
        // It runs on with a tenth of its days less than what it had: yellow from then on.
        .seen("03-30 11:00", paused("03-13 15:00", Some("03-30 09:30")), &["raise yellow 03-30 09:30 #2"]);
}

#[test]
fn an_extension_after_the_red_lowers_or_clears_and_a_back_dated_one_revokes() {
    let mut story = Story::ticket();
    story
        .until("03-17 09:00", &[YELLOW, RED])
        .seen("03-17 10:00", extended("1wd", "03-17 09:00"), &["lower yellow 03-17 09:00 #1"])
        // It stays in the episode, and rises again in it.
        .until("03-18 09:00", &["raise red 03-17 24:00 #1"]);
    assert_eq!(story.transitions[2].reason, Reason::DueMoved { due_at: Some(at("03-17 24:00")) });
    Story::ticket()
        .until("03-17 09:00", &[YELLOW, RED])
        .seen("03-17 10:00", extended("10wd", "03-17 09:00"), &["clear green 03-17 09:00 #1"])
        // A new episode begins only after green.
        .until("03-31 09:00", &["raise yellow 03-25 09:00 #2", "raise red 03-30 24:00 #2"]);
    Story::ticket().until("03-17 09:00", &[YELLOW, RED]).seen(
        "03-17 10:00",
        extended("10wd", "03-12 09:00"),
        &["revoke green 03-17 10:00 #1"],
    );
}

#[test]
fn an_extension_asked_for_too_late_moves_nothing() {
    let late = |window: &mut Window| {
        extended("10wd", "03-17 09:00")(window);
        window.extensions[0].asked_at = Some(at("03-16 24:00"));
    };
    Story::ticket().until("03-17 09:00", &[YELLOW, RED]).seen("03-17 10:00", late, &[]);
}

#[test]
fn a_card_that_was_right_at_another_instant_is_cleared_and_not_recalled() {
    // The due instant turns out to be 17 March, and the ticket is finished after that.
    Story::ticket().look("03-18 09:00", &[RED]).seen("03-18 10:00", extended("1wd", "03-12 09:00"), &[]).seen(
        "03-18 12:00",
        done("03-18 11:00"),
        &["clear green 03-18 11:00 #1 overdue"],
    );
    // … or before that: no red was right.
    Story::ticket().look("03-18 09:00", &[RED]).seen("03-18 10:00", extended("1wd", "03-12 09:00"), &[]).seen(
        "03-18 12:00",
        done("03-17 11:00"),
        &["revoke green 03-18 12:00 #1 on_time"],
    );
    // The start turns out to be earlier: due on 13 March.
    Story::ticket()
        .look("03-18 09:00", &[RED])
        .seen("03-18 10:00", |window| window.from = Some(at("02-27 10:00")), &[])
        .seen("03-18 12:00", done("03-16 11:00"), &["clear green 03-16 11:00 #1 overdue"]);
}

#[test]
fn a_corrected_start_revokes() {
    let mut story = Story::ticket();
    story.until("03-17 09:00", &[YELLOW, RED]).seen(
        "03-17 10:00",
        |window| window.from = Some(at("03-12 10:00")),
        &["revoke green 03-17 10:00 #1"],
    );
    assert_eq!(*story.reason(), Reason::Corrected { due_at: Some(at("03-26 24:00")) });
    Story::ticket().until("03-14 09:00", &[YELLOW]).seen(
        "03-14 10:00",
        |w| w.from = None,
        &["revoke green 03-14 10:00 #1"],
    );
}

#[test]
fn a_stop_that_is_taken_back_raises_at_the_later_of_due_and_noticed() {
    let mut story = Story::ticket();
    story.seen("03-05 10:00", done("03-05 09:00"), &["stop green 03-05 09:00 #0 on_time"]).seen(
        "03-20 10:00",
        |window| window.done = None,
        &["raise red 03-20 10:00 #1"],
    );
    assert_eq!(*story.reason(), Reason::StopTakenBack);
    story.seen("03-21 10:00", done("03-20 16:00"), &["clear green 03-20 16:00 #1 overdue"]);
    Story::ticket()
        .seen("03-05 10:00", done("03-05 09:00"), &["stop green 03-05 09:00 #0 on_time"])
        .seen("03-06 10:00", |window| window.done = None, &["resume green 03-06 10:00 #0"])
        .until("03-17 09:00", &[YELLOW, RED]);
    // A corrected finish says so again.
    Story::ticket().seen("03-05 10:00", done("03-05 09:00"), &["stop green 03-05 09:00 #0 on_time"]).seen(
        "03-20 10:00",
        done("03-19 09:00"),
        &["stop green 03-19 09:00 #0 overdue"],
    );
}

#[test]
fn a_clock_that_steps_back_changes_nothing() {
    let mut story = Story::ticket();
    story.until("03-17 09:00", &[YELLOW, RED]);
    let before = story.watches.clone();
    story.look("03-10 09:00", &[]);
    assert_eq!(story.watches, before);
    // Data that comes meanwhile is noticed no earlier than what is known.
    story.seen("03-10 09:00", done("03-16 23:00"), &["revoke green 03-16 24:00 #1 on_time"]);
    assert_eq!(story.noticed_at, Some(at("03-16 24:00")));
}

#[test]
fn what_is_no_longer_named_is_withdrawn_with_the_cause() {
    for (rules, rulings, cause, expected) in [
        (&["2110"][..], false, Cause::ItemChanged, Cause::ItemChanged),
        (&["2110"], true, Cause::RuleChanged, Cause::RuleChanged),
        (&["137"], false, Cause::RuleChanged, Cause::RuleRemoved),
    ] {
        let mut story = Story::ticket();
        story.until("03-17 09:00", &[YELLOW, RED]);
        story.clockwork.rules = rules.iter().map(|rule| Arc::from(*rule)).collect();
        story.cause = cause;
        story.rulings[0].windows.clear();
        story.rulings.retain(|_| rulings);
        story.look("03-18 09:00", &["withdraw green 03-18 09:00 #1"]).look("03-19 09:00", &[]);
        assert_eq!(*story.reason(), Reason::Unnamed { cause: expected });
        assert_eq!(story.next_look_at, None);
    }
}

#[test]
fn a_window_that_comes_back_opens_a_new_episode() {
    let mut story = Story::ticket();
    story.until("03-17 09:00", &[YELLOW, RED]);
    let rulings = std::mem::take(&mut story.rulings);
    story.look("03-18 09:00", &["withdraw green 03-18 09:00 #1"]);
    story.rulings = rulings;
    story.look("03-19 09:00", &["raise red 03-16 24:00 #2"]);
    assert_eq!(story.transitions.iter().map(|t| t.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn a_renamed_window_carries_its_card_and_its_findings() {
    let mut story = Story::ticket();
    story.until("03-13 10:00", &[YELLOW]);
    let rename = |window: &mut Window| (window.name, window.was) = ("closed".into(), Some("solved".into()));
    story.seen("03-14 09:00", rename, &[]).until("03-17 09:00", &["raise red 03-16 24:00 #1 closed"]);
    assert_eq!(story.transitions[0].card, story.transitions[1].card);
    assert_eq!(story.watches.len(), 1);

    let mut story = Story::ticket();
    story
        .seen("03-02 11:00", |window| (window.from, window.waits) = (None, Some(limit("1wd"))), &[])
        .until("03-04 09:00", &["raise yellow 03-03 24:00 #1 solved.start"])
        .seen("03-05 09:00", rename, &[])
        .seen("03-06 09:00", |w| w.from = Some(at("03-06 08:00")), &["clear green 03-06 09:00 #1 closed.start"]);
    assert_eq!(story.transitions[0].card, story.transitions[1].card);
}

#[test]
fn a_window_that_gets_its_old_name_back_keeps_its_card() {
    let mut story = Story::ticket();
    let rename = |window: &mut Window| (window.name, window.was) = ("closed".into(), Some("solved".into()));
    let take_back = |window: &mut Window| (window.name, window.was) = ("solved".into(), None);
    story.until("03-13 10:00", &[YELLOW]).seen("03-14 09:00", rename, &[]).seen("03-14 10:00", take_back, &[]);
    story.until("03-17 09:00", &[RED]);
    assert_eq!((story.watches.len(), story.watches[0].number), (1, 2));
    assert_eq!(story.transitions[0].card, story.transitions[1].card);
}

#[test]
fn a_window_under_a_name_that_another_one_had_gets_a_card_of_its_own() {
    let mut story = Story::ticket();
    story.until("03-17 09:00", &[YELLOW, RED]);
    let renamed = Window { name: "closed".into(), was: Some("solved".into()), ..story.rulings[0].windows[0].clone() };
    let other = Window::new("solved", limit("5wd"), Some(at("03-09 10:00")));
    story.rulings[0].windows = vec![renamed.clone()];
    story.look("03-18 09:00", &[]);
    story.rulings[0].windows = vec![other, renamed];
    story.look("03-18 10:00", &["raise red 03-16 24:00 #1"]).look("03-18 11:00", &[]);
    let cards: BTreeSet<CardId> = story.watches.iter().map(|watch| watch.card).collect();
    assert_eq!((cards.len(), story.transitions[2].number), (2, 1));
}

#[test]
fn a_start_that_is_missing_for_too_long_is_a_finding_until_it_comes() {
    let wait = |window: &mut Window| (window.from, window.waits) = (None, Some(limit("1wd")));
    let mut story = Story::ticket();
    story.seen("03-02 11:00", wait, &[]).until("03-04 09:00", &["raise yellow 03-03 24:00 #1 solved.start"]).seen(
        "03-05 09:00",
        |w| w.from = Some(at("03-04 10:00")),
        &["clear green 03-05 09:00 #1 solved.start"],
    );
    assert_eq!(*story.reason(), Reason::Started { from: at("03-04 10:00") });
    assert_eq!(story.transitions[0].reason, Reason::StartMissing { since: at("03-02 10:00") });
    // The clock itself goes its way.
    story.until("03-31 09:00", &["raise yellow 03-17 09:00 #1", "raise red 03-18 24:00 #1"]);
    // Done without ever having a start: there is nothing to wait for, and nothing to judge.
    let mut story = Story::ticket();
    story.seen("03-02 11:00", wait, &[]).until("03-04 09:00", &["raise yellow 03-03 24:00 #1 solved.start"]).seen(
        "03-05 09:00",
        done("03-05 08:00"),
        &["clear green 03-05 09:00 #1 solved.start", "stop green 03-05 08:00 #0 open"],
    );
    assert_eq!(story.transitions[1].reason, Reason::Finished { done_at: at("03-05 08:00") });
}

#[test]
fn a_pause_that_lasts_too_long_is_told_to_operators() {
    for to in [None, Some("08-03 09:00")] {
        let mut story = Story::ticket();
        story
            .seen("03-03 12:00", paused("03-03 10:00", to), &[])
            .look("05-02 23:59", &[])
            .until("05-03 09:00", &["raise yellow 05-02 24:00 #1 solved.pause"]);
        assert_eq!(story.transitions[0].ladder.as_deref(), Some("operators"));
        assert_eq!(*story.reason(), Reason::PausedTooLong { since: at("03-03 10:00") });
        story.seen(
            "05-06 12:00",
            paused("03-03 10:00", Some("05-06 11:00")),
            &["clear green 05-06 12:00 #1 solved.pause"],
        );
        assert_eq!(*story.reason(), Reason::Resumed);
    }
}

#[test]
fn an_unknown_calendar_keeps_what_is_remembered() {
    let mut story = Story::ticket();
    story.until("03-17 09:00", &[YELLOW, RED]);
    let before = story.watches.clone();
    story.seen("03-18 09:00", |window| window.calendar = Some("moon".into()), &[]);
    assert_eq!(story.problems[0].kind, ProblemKind::NoCalendar("moon".into()));
    assert_eq!(story.watches, before);
    // Also when the window is renamed meanwhile.
    story.seen("03-19 09:00", |w| (w.name, w.was) = ("closed".into(), Some("solved".into())), &[]);
    assert_eq!(story.watches, before);
    story.seen("03-20 09:00", |window| window.calendar = None, &[]);
    assert_eq!((&*story.watches[0].name, story.watches[0].card), ("closed", before[0].card));
}

#[test]
fn findings_rise_fall_and_are_withdrawn_when_they_are_noticed() {
    let mut story = Story::ticket();
    story.rulings[0].windows.clear();
    let finding = |level| vec![Finding { name: "stale".into(), level, text: "三个月未更新".into() }];
    story.rulings[0].findings = finding(Level::Yellow);
    story.look("03-03 09:00", &["raise yellow 03-03 09:00 #1 stale"]).look("03-04 09:00", &[]);
    story.rulings[0].findings = finding(Level::Red);
    story.look("03-05 09:00", &["raise red 03-05 09:00 #1 stale"]);
    story.rulings[0].findings = finding(Level::Yellow);
    story.look("03-06 09:00", &["lower yellow 03-06 09:00 #1 stale"]);
    story.rulings[0].findings.clear();
    story.look("03-07 09:00", &["withdraw green 03-07 09:00 #1 stale"]);
    story.rulings[0].findings = finding(Level::Yellow);
    story.look("03-08 09:00", &["raise yellow 03-08 09:00 #2 stale"]);
    assert_eq!((story.next_look_at, story.transitions.last().and_then(|t| t.verdict)), (None, None));
}

#[test]
fn the_next_look_is_exact() {
    let mut story = Story::ticket();
    assert_eq!(story.next_look_at, Some(at("03-13 09:00")));
    story.look("03-13 09:00", &[YELLOW]);
    assert_eq!(story.next_look_at, Some(at("03-16 24:00")));
    story.look("03-16 24:00", &[RED]);
    assert_eq!(story.next_look_at, None);
    story.seen("03-17 09:00", extended("5wd", "03-18 10:00"), &[]);
    assert_eq!(story.next_look_at, Some(at("03-18 10:00")));
    story.look("03-18 10:00", &["clear green 03-18 10:00 #1"]);
    assert_eq!(story.next_look_at, Some(at("03-19 09:00")));
    story.seen("03-18 11:00", paused("03-18 16:00", Some("03-19 08:00")), &[]);
    assert_eq!(story.next_look_at, Some(at("03-18 16:00")));
}

/// What a poll brings in a random history: minutes after the start, on a grid of ten minutes.
#[derive(Debug, Clone)]
struct News {
    at: i64,
    from: Option<i64>,
    done: Option<i64>,
    pauses: Vec<(i64, Option<i64>)>,
    approved: Option<i64>,
}

const HORIZON: i64 = 3 * 144;

fn news() -> impl Strategy<Value = News> {
    let grid = 0..HORIZON;
    let pause = (grid.clone(), proptest::option::of(1..200_i64));
    (
        grid.clone(),
        proptest::option::weighted(0.8, 0..60_i64),
        proptest::option::weighted(0.3, grid.clone()),
        proptest::collection::vec(pause, 0..3),
        proptest::option::weighted(0.3, grid),
    )
        .prop_map(|(at, from, done, pauses, approved)| News {
            at,
            from,
            done,
            pauses: pauses.into_iter().map(|(from, long)| (from, long.map(|long| from + long))).collect(),
            approved,
        })
}

fn tick(tens: i64) -> Instant {
    at("03-05 10:00") + TimeDelta::minutes(10 * tens)
}

impl News {
    fn enter(&self, window: &mut Window) {
        window.from = self.from.map(tick);
        window.done = self.done.map(tick);
        window.pauses = self.pauses.iter().map(|(from, to)| Pause::new(tick(*from), to.map(tick))).collect();
        let amount = Amount::Number(1);
        window.extensions = self
            .approved
            .map(|approved| Extension { amount, asked_at: None, approved_at: Some(tick(approved)), basis: None })
            .into_iter()
            .collect();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// Sleeping until the next look misses nothing that looking every minute finds.
    #[test]
    fn to_look_when_it_is_worth_it_is_to_look_every_minute(
        mut history in proptest::collection::vec(news(), 1..4),
        choice in 0..5_usize,
    ) {
        history.sort_by_key(|news| news.at);
        let (text, yellow) = [
            ("1wd", None),
            ("2wd", Some(Yellow::Left(limit("1wd")))),
            ("1d", Some(Yellow::Share(Share::new(0.5).expect("a share")))),
            ("10wh", Some(Yellow::Used(limit("90wm")))),
            ("2h", Some(Yellow::Used(limit("90m")))),
        ][choice];
        let begin = || {
            let mut story = Story::new(text, "03-05 10:00");
            let window = &mut story.rulings[0].windows[0];
            (window.yellow, window.waits) = (yellow, Some(limit("3h")));
            story.clockwork.pause_limit = Some(limit("5h"));
            story.clockwork.rules.insert("r".into());
            story
        };
        let (mut lazy, mut eager) = (begin(), begin());
        let (mut minute, end) = (tick(0), tick(HORIZON));
        let mut ahead = history.iter().peekable();
        while minute <= end {
            let mut is_worth_it = minute == tick(0);
            while let Some(news) = ahead.next_if(|news| tick(news.at) <= minute) {
                news.enter(&mut lazy.rulings[0].windows[0]);
                news.enter(&mut eager.rulings[0].windows[0]);
                is_worth_it = true;
            }
            if is_worth_it || lazy.next_look_at.is_some_and(|next| next <= minute) {
                if let Some(next) = lazy.next_look_at {
                    prop_assert!(is_worth_it || next == minute, "everything falls on a minute: {}", next);
                }
                lazy.observe(minute);
            }
            eager.observe(minute);
            minute += TimeDelta::minutes(1);
        }
        prop_assert_eq!(&lazy.transitions, &eager.transitions);
        prop_assert_eq!(lazy.watches, eager.watches);
        for pair in lazy.transitions.windows(2) {
            prop_assert!(pair[0].noticed_at <= pair[1].noticed_at);
        }
    }
}
