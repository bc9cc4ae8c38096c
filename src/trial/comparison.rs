//! What is expected against what was found, as lines that can be pasted into the test.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use chrono::{TimeDelta, Timelike};
use chrono_tz::Tz;

use crate::core::Instant;
use crate::core::card::Watch;
use crate::core::notice::Planned;
use crate::core::reading::Reading;
use crate::core::window::{Ruling, Window};
use crate::rules::cases::{Expectation, ExpectedCard, ExpectedNotice, ExpectedWindow};

/// Where a list, or the error, differs from what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The line of the expectation in its file.
    pub line: usize,
    /// When, in the calendar's zone.
    pub at: String,
    /// `windows`, `cards`, `notices` or `error`.
    pub list: &'static str,
    /// Expected and not found.
    pub expected: Vec<Line>,
    /// Found and not expected.
    pub got: Vec<Line>,
}

/// An entry of a list: keys and their values, as a test writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line(pub Vec<(&'static str, String)>);

impl Line {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, value)| value.as_str())
    }

    /// Whether everything that this line says is so in another one.
    fn fits(&self, found: &Self) -> bool {
        self.0.iter().all(|(key, value)| found.get(key) == Some(value))
    }

    /// What this line says of the keys of another one.
    fn cut_to(&self, keys: &Self) -> Self {
        Self(keys.0.iter().map(|(key, _)| (*key, self.get(key).unwrap_or_default().to_owned())).collect())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [("error", text)] = &self.0[..] {
            return f.write_str(text);
        }
        let pairs: Vec<String> = self.0.iter().map(|(key, value)| format!("{key} = {value:?}")).collect();
        write!(f, "{{ {} }}", pairs.join(", "))
    }
}

/// What there is at an instant.
#[derive(Debug, Default)]
pub struct Found {
    /// The windows with their readings, if they can be read.
    pub windows: Vec<(Window, Option<Reading>)>,
    /// The open cards.
    pub cards: Vec<Watch>,
    /// The notices planned since the last expectation.
    pub notices: Vec<Planned>,
    /// Why the rule failed, or a window cannot be read.
    pub error: Option<String>,
    /// The windows and findings that the rule has named by then.
    pub named: Named,
}

/// All windows and findings that a rule has named.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// The windows.
    pub windows: BTreeSet<Arc<str>>,
    /// The findings; a window that waits for its start has one of its own.
    pub findings: BTreeSet<Arc<str>>,
}

impl Named {
    /// Adds what a judging names.
    pub(super) fn add(&mut self, rulings: &[Ruling]) {
        let windows = || rulings.iter().flat_map(|ruling| &ruling.windows);
        self.windows.extend(windows().map(|window| window.name.clone()));
        self.findings.extend(rulings.iter().flat_map(|ruling| &ruling.findings).map(|finding| finding.name.clone()));
        let waiting = windows().filter(|window| window.waits.is_some());
        self.findings.extend(waiting.map(|window| Arc::from(format!("{}.start", window.name))));
    }
}

/// Compares what is expected with what was found.
pub(super) fn compare(expected: &Expectation, found: Found, at: Instant, zone: Tz) -> Vec<Difference> {
    let write = Write { zone };
    let mut differences = Vec::new();
    let mut add = |list, (expected_lines, got): (Vec<Line>, Vec<Line>)| {
        if !expected_lines.is_empty() || !got.is_empty() {
            let at = write.instant(at);
            differences.push(Difference { line: expected.line, at, list, expected: expected_lines, got });
        }
    };
    add("error", errors(expected.error.as_deref(), found.error));
    if let Some(windows) = &expected.windows {
        let expected: Vec<Line> = windows.iter().map(|window| write.expected_window(window)).collect();
        add("windows", unmatched(&expected, found.windows.iter().map(|(w, r)| write.window(w, r.as_ref())).collect()));
    }
    if let Some(cards) = &expected.cards {
        let expected: Vec<Line> = cards.iter().map(|card| write.expected_card(card)).collect();
        add("cards", unmatched(&expected, found.cards.iter().map(|card| write.card(card)).collect()));
    }
    if let Some(notices) = &expected.notices {
        let expected: Vec<Line> = notices.iter().map(|notice| write.expected_notice(notice)).collect();
        add("notices", unmatched(&expected, found.notices.iter().map(|notice| write.notice(notice)).collect()));
    }
    differences
}

/// A rule that fails without being expected to, or the reverse, or otherwise than expected.
fn errors(expected: Option<&str>, found: Option<String>) -> (Vec<Line>, Vec<Line>) {
    let line = |text: String| vec![Line(vec![("error", text)])];
    match (expected, found) {
        (Some(part), Some(error)) if error.contains(part) => (Vec::new(), Vec::new()),
        (expected, found) => {
            (expected.map_or_else(Vec::new, |text| line(text.to_owned())), found.map_or_else(Vec::new, line))
        }
    }
}

/// The expected lines without a found one of their own, and the found ones that nobody expects. A found line that has
/// the name of an expected one is cut to what that one speaks of.
fn unmatched(expected: &[Line], got: Vec<Line>) -> (Vec<Line>, Vec<Line>) {
    let mut taken: Vec<Option<usize>> = vec![None; got.len()];
    for index in 0..expected.len() {
        assign(index, expected, &got, &mut taken, &mut vec![false; got.len()]);
    }
    let is_left = |index: &usize| !taken.contains(&Some(*index));
    let left: Vec<Line> = (0..expected.len()).filter(is_left).map(|index| expected[index].clone()).collect();
    let mut twins = left.clone();
    let strangers = got.into_iter().zip(&taken).filter(|(_, taken)| taken.is_none()).map(|(line, _)| {
        match twins.iter().position(|twin| twin.get("name") == line.get("name")) {
            Some(twin) => line.cut_to(&twins.remove(twin)),
            None => Line(line.0.into_iter().filter(|(_, value)| !value.is_empty()).collect()),
        }
    });
    let strangers = strangers.collect();
    (left, strangers)
}

/// Gives an expected line a found one, moving others on where that helps.
fn assign(index: usize, expected: &[Line], got: &[Line], taken: &mut [Option<usize>], tried: &mut [bool]) -> bool {
    for place in 0..got.len() {
        if tried[place] || !expected[index].fits(&got[place]) {
            continue;
        }
        tried[place] = true;
        if taken[place].is_none_or(|other| assign(other, expected, got, taken, tried)) {
            taken[place] = Some(index);
            return true;
        }
    }
    false
}

/// Writes lines on the clock of a place.
struct Write {
    zone: Tz,
}

impl Write {
    fn expected_window(&self, window: &ExpectedWindow) -> Line {
        let when = |when: Option<crate::rules::cases::When>| when.map(|when| self.instant(when.instant(self.zone)));
        let limit = window.limit.clone();
        given([
            ("name", Some(window.name.clone())),
            ("limit", limit.map(|text| text.parse().map_or(text, |l: crate::core::limit::Limit| l.to_string()))),
            ("from", when(window.from)),
            ("yellow_at", when(window.yellow_at)),
            ("due_at", when(window.due_at)),
            ("state", window.state.clone()),
        ])
    }

    fn window(&self, window: &Window, reading: Option<&Reading>) -> Line {
        let instant = |at: Option<Instant>| at.map(|at| self.instant(at)).unwrap_or_default();
        Line(vec![
            ("name", window.name.to_string()),
            ("limit", window.limit.to_string()),
            ("from", instant(window.from)),
            ("yellow_at", instant(reading.and_then(|reading| reading.yellow_at))),
            ("due_at", instant(reading.and_then(|reading| reading.due_at))),
            ("state", reading.map_or_else(String::new, |reading| reading.state.word().to_owned())),
        ])
    }

    fn expected_card(&self, card: &ExpectedCard) -> Line {
        given([
            ("name", Some(card.name.clone())),
            ("level", Some(card.level.word().to_owned())),
            ("since", card.since.map(|since| self.instant(since.instant(self.zone)))),
        ])
    }

    fn card(&self, card: &Watch) -> Line {
        Line(vec![
            ("name", card.name.to_string()),
            ("level", card.level.map_or("", |level| level.word()).to_owned()),
            ("since", card.at.map(|at| self.instant(at)).unwrap_or_default()),
        ])
    }

    fn expected_notice(&self, notice: &ExpectedNotice) -> Line {
        given([
            ("name", Some(notice.name.clone())),
            ("kind", Some(notice.kind.clone())),
            ("level", notice.level.map(|level| level.word().to_owned())),
            ("to", notice.to.clone()),
            ("channel", notice.channel.clone()),
            ("goes_at", notice.goes_at.map(|at| self.instant(at.instant(self.zone)))),
        ])
    }

    fn notice(&self, Planned { notice, placement }: &Planned) -> Line {
        let name = notice.change.as_ref().map_or_else(String::new, |change| change.name.to_string());
        let goes_at = placement.as_ref().map(|placement| self.instant(placement.not_before));
        Line(vec![
            ("name", name),
            ("kind", notice.kind.word().to_owned()),
            ("level", notice.level.map_or("", |level| level.word()).to_owned()),
            ("to", notice.contact.to_string()),
            ("channel", notice.channel.to_string()),
            ("goes_at", goes_at.unwrap_or_default()),
        ])
    }

    /// An instant as tests write it: midnight is the end of the day before.
    fn instant(&self, at: Instant) -> String {
        let local = at.with_timezone(&self.zone);
        if local.num_seconds_from_midnight() == 0 {
            let day = (at - TimeDelta::seconds(1)).with_timezone(&self.zone).date_naive();
            return format!("{day} 24:00");
        }
        local.format(if local.second() == 0 { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
    }
}

fn given<const N: usize>(pairs: [(&'static str, Option<String>); N]) -> Line {
    Line(pairs.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
}
