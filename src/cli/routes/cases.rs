//! Which cards of an item are open or ahead, at which levels and from when.

use std::sync::Arc;

use crate::cli::explain::evidence::Evidence;
use crate::core::Instant;
use crate::core::card::{CardId, Transition};
use crate::core::reading::{Reading, read};
use crate::core::window::{Level, Ruling, Window};
use crate::pipeline::judge;
use crate::playbook::Playbook;

/// A level of a card that is open or ahead.
pub struct Case {
    pub rule: Arc<str>,
    pub window: Arc<str>,
    pub level: Level,
    pub ladder: Option<Arc<str>>,
    pub at: Instant,
}

/// What the rules say about the item, and the cases. `supposed` is a level that is raised at the instant of asking.
pub fn of(evidence: &Evidence, playbook: &Playbook, supposed: Option<Level>) -> (Vec<Ruling>, Vec<Case>) {
    let (rulings, errors) = judge(playbook, &evidence.remarked, &evidence.rulings, evidence.at);
    for error in errors {
        crate::cli::say(&error.to_string());
    }
    let finding = Finding { evidence, playbook, supposed };
    let mut cases = Vec::new();
    for ruling in &rulings {
        cases.extend(ruling.windows.iter().flat_map(|window| finding.of_window(&ruling.rule, window)));
        cases.extend(ruling.findings.iter().map(|found| Case {
            rule: ruling.rule.clone(),
            window: found.name.clone(),
            level: supposed.unwrap_or(found.level),
            ladder: None,
            at: evidence.at,
        }));
    }
    for last in open_cards(evidence) {
        if !cases.iter().any(|case| case.rule == last.rule && case.window == last.name) {
            cases.push(Case {
                rule: last.rule.clone(),
                window: last.name.clone(),
                level: supposed.or(last.to).unwrap_or(Level::Yellow),
                ladder: last.ladder.clone(),
                at: evidence.at,
            });
        }
    }
    (rulings, cases)
}

/// The last transitions of the cards that are open.
fn open_cards(evidence: &Evidence) -> impl Iterator<Item = &Transition> {
    let is_last = |transition: &&Transition| {
        let later = |other: &Transition| other.card == transition.card && other.number > transition.number;
        transition.to.is_some() && !evidence.transitions.iter().any(later)
    };
    evidence.transitions.iter().filter(is_last)
}

struct Finding<'a> {
    evidence: &'a Evidence,
    playbook: &'a Playbook,
    supposed: Option<Level>,
}

impl Finding<'_> {
    /// The levels of a window: the one that is open, then those that its clock still reaches.
    fn of_window(&self, rule: &Arc<str>, window: &Window) -> Vec<Case> {
        let case = |(level, at)| Case {
            rule: rule.clone(),
            window: window.name.clone(),
            level,
            ladder: window.ladder.clone(),
            at,
        };
        let now = self.evidence.at;
        if let Some(level) = self.supposed {
            return vec![case((level, now))];
        }
        let Some(reading) = self.reading(window) else { return Vec::new() };
        let card = CardId::new(&self.evidence.item.key, rule, &window.name);
        let open = open_cards(self.evidence).find(|last| last.card == card).and_then(|last| last.to);
        let open = open.or(reading.level);
        let ahead = [(Level::Yellow, reading.yellow_at), (Level::Red, reading.due_at)];
        let runs = reading.has_start && reading.stopped_at.is_none();
        let ahead = ahead.into_iter().filter_map(|(level, at)| Some((level, at.filter(|at| runs && *at > now)?)));
        let ahead = ahead.filter(|(level, _)| open.is_none_or(|open| open < *level));
        open.map(|level| (level, now)).into_iter().chain(ahead).map(case).collect()
    }

    fn reading(&self, window: &Window) -> Option<Reading> {
        let clockwork = &self.playbook.clockwork;
        let name = window.calendar.as_deref().or(self.evidence.item.text("calendar"));
        let calendar = clockwork.calendars.get(name)?;
        read(window, calendar, &clockwork.yellow, self.evidence.at).ok()
    }
}
