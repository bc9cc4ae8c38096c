//! Where remarks leave no card: exemptions and wrong cards.

use super::*;
use crate::core::reading::Verdict;
use crate::core::remark::Sparing;

fn spared(how: Sparing, since: &str) -> Spared {
    Spared {
        rule: "2110".into(),
        name: "solved".into(),
        how,
        since: at(since),
        remark: Digest::of([b"remark".as_slice()]),
        evidence: "会议纪要".into(),
    }
}

impl Story {
    /// A remark spares the window.
    fn spare(&mut self, how: Sparing, now: &str, expected: &[&str]) -> &mut Self {
        self.spared = vec![spared(how, now)];
        self.look(now, expected)
    }

    /// It is revoked.
    fn unspare(&mut self, now: &str, expected: &[&str]) -> &mut Self {
        self.spared.clear();
        self.look(now, expected)
    }
}

#[test]
fn an_exemption_clears_the_card_and_counts_as_in_time_and_revoking_it_raises_again() {
    let mut story = Story::ticket();
    story.until("03-17 09:00", &[YELLOW, RED]).spare(
        Sparing::Exempted,
        "03-18 10:00",
        &["clear green 03-18 10:00 #1 on_time"],
    );
    let Reason::Exempted { evidence, by_source, .. } = story.reason() else { panic!("{:?}", story.reason()) };
    assert_eq!((&**evidence, *by_source), ("会议纪要", Verdict::Overdue));
    story.look("03-20 10:00", &[]).unspare("03-21 10:00", &["raise red 03-16 24:00 #2"]);
    let due_at = at("03-16 24:00");
    assert_eq!(*story.reason(), Reason::Restored { reason: Box::new(Reason::Due { due_at }) });
    assert_eq!(story.transitions.last().map(|t| t.noticed_at), Some(at("03-21 10:00")));
    story.look("03-22 10:00", &[]);
}

#[test]
fn a_wrong_card_is_recalled_and_comes_again_when_the_remark_is_revoked() {
    let mut story = Story::ticket();
    story.until("03-13 10:00", &[YELLOW]).spare(Sparing::Wrong, "03-13 11:00", &["revoke green 03-13 11:00 #1"]);
    assert!(matches!(story.reason(), Reason::FoundWrong { by_source: Verdict::Open, .. }));
    // It was due meanwhile, and nobody heard of it.
    story.look("03-18 10:00", &[]).unspare("03-19 10:00", &["raise red 03-16 24:00 #2"]);
    assert!(matches!(story.reason(), Reason::Restored { .. }));
}

#[test]
fn what_is_spared_before_it_has_a_card_never_gets_one() {
    let mut story = Story::ticket();
    story.spare(Sparing::Exempted, "03-05 10:00", &[]).until("03-18 10:00", &[]);
    // Nothing was taken away, so nothing is given back: the card is late.
    story.unspare("03-18 10:00", &[RED]);
    assert!(matches!(story.reason(), Reason::Due { .. }));
}

#[test]
fn what_is_done_late_under_an_exemption_counts_as_in_time_and_late_again_without_it() {
    let mut story = Story::ticket();
    story
        .until("03-17 09:00", &[YELLOW, RED])
        .spare(Sparing::Exempted, "03-18 10:00", &["clear green 03-18 10:00 #1 on_time"])
        .seen("03-19 10:00", done("03-19 09:30"), &["stop green 03-19 09:30 #1 on_time"]);
    assert!(matches!(story.reason(), Reason::Exempted { by_source: Verdict::Overdue, .. }));
    story.look("03-20 10:00", &[]).unspare("03-21 10:00", &["stop green 03-21 10:00 #1 overdue"]);
    let Reason::Restored { reason } = story.reason() else { panic!("{:?}", story.reason()) };
    assert_eq!(**reason, Reason::Finished { done_at: at("03-19 09:30") });
}

#[test]
fn an_exemption_after_a_late_finish_counts_it_otherwise() {
    let late = "clear green 03-18 09:30 #1 overdue";
    let mut story = Story::ticket();
    story
        .until("03-17 09:00", &[YELLOW, RED])
        .seen("03-18 10:00", done("03-18 09:30"), &[late])
        .spare(Sparing::Exempted, "03-20 10:00", &["stop green 03-20 10:00 #1 on_time"])
        .unspare("03-21 10:00", &["stop green 03-21 10:00 #1 overdue"]);
    Story::ticket().until("03-17 09:00", &[YELLOW, RED]).seen("03-18 10:00", done("03-18 09:30"), &[late]).spare(
        Sparing::Wrong,
        "03-20 10:00",
        &["stop green 03-20 10:00 #1 open"],
    );
}

#[test]
fn what_is_done_in_time_is_done_in_time_whatever_is_exempted() {
    let mut story = Story::ticket();
    story
        .until("03-13 10:00", &[YELLOW])
        .spare(Sparing::Exempted, "03-13 11:00", &["clear green 03-13 11:00 #1 on_time"])
        .seen("03-14 10:00", done("03-14 09:30"), &["stop green 03-14 09:30 #1 on_time"]);
    assert_eq!(*story.reason(), Reason::Finished { done_at: at("03-14 09:30") });
    story.unspare("03-21 10:00", &[]);
}

#[test]
fn a_finding_is_spared_by_its_name_alone_and_other_windows_are_not() {
    let mut story = Story::ticket();
    story.rulings[0].findings = vec![Finding { name: "stale".into(), level: Level::Yellow, text: "三个月".into() }];
    story.look("03-03 09:00", &["raise yellow 03-03 09:00 #1 stale"]);
    story.spared = vec![Spared { name: "stale".into(), ..spared(Sparing::Exempted, "03-04 09:00") }];
    story.look("03-04 09:00", &["clear green 03-04 09:00 #1 on_time stale"]).look("03-13 09:00", &[YELLOW]);
    story.unspare("03-14 09:00", &["raise yellow 03-14 09:00 #2 stale"]);
    let Reason::Restored { reason } = story.reason() else { panic!("{:?}", story.reason()) };
    assert_eq!(**reason, Reason::Found { text: "三个月".into() });
}

#[test]
fn a_renamed_window_stays_spared() {
    let mut story = Story::ticket();
    story
        .until("03-13 10:00", &[YELLOW])
        .spare(Sparing::Exempted, "03-13 11:00", &["clear green 03-13 11:00 #1 on_time"])
        .seen("03-18 10:00", |w| (w.name, w.was) = ("closed".into(), Some("solved".into())), &[])
        .unspare("03-19 10:00", &["raise red 03-16 24:00 #2 closed"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever a remark does to a window for a time, in the end it is as if there had been none.
    #[test]
    fn revoking_a_remark_brings_everything_back_to_what_it_would_be_without_it(
        mut history in proptest::collection::vec(news(), 1..5),
        mut span in [0..HORIZON, 0..HORIZON],
        wrong in any::<bool>(),
    ) {
        history.sort_by_key(|news| news.at);
        span.sort_unstable();
        let how = if wrong { Sparing::Wrong } else { Sparing::Exempted };
        let (mut with, mut without) = (Story::new("1wd", "03-05 10:00"), Story::new("1wd", "03-05 10:00"));
        for tens in 0..=HORIZON {
            for news in history.iter().filter(|news| news.at == tens) {
                news.enter(&mut with.rulings[0].windows[0]);
                news.enter(&mut without.rulings[0].windows[0]);
            }
            let is_spared = span[0] <= tens && tens < span[1];
            let remark = Spared { since: tick(span[0]), ..spared(how, "03-05 10:00") };
            with.spared = if is_spared { vec![remark] } else { Vec::new() };
            with.observe(tick(tens));
            without.observe(tick(tens));
            if is_spared {
                let solved = with.watches.iter().find(|watch| &*watch.name == "solved");
                prop_assert!(solved.is_none_or(|watch| watch.level.is_none()), "no card while it is spared");
            }
        }
        let stands = |story: &Story| {
            let of = |watch: &Watch| (watch.name.clone(), watch.level, watch.stopped, watch.spared);
            let mut all: Vec<_> = story.watches.iter().map(of).collect();
            all.retain(|(_, level, stopped, _)| level.is_some() || stopped.is_some());
            all.sort_by(|one, two| one.0.cmp(&two.0));
            all
        };
        with.spared.clear();
        with.observe(tick(HORIZON));
        prop_assert_eq!(stands(&with), stands(&without));
        for card in with.transitions.chunk_by(|one, two| one.card == two.card) {
            prop_assert!(card.windows(2).all(|pair| pair[0].to == pair[1].from), "each begins where the last ended");
        }
    }
}
