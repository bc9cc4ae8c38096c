//! The account: what each rule says about an item, how each of its clocks stands and why, and the history of its cards.

use std::sync::Arc;

use serde_json::{Value, json};

use super::evidence::Evidence;
use crate::core::Instant;
use crate::core::acknowledgement::Acknowledgement;
use crate::core::card::{CardId, Transition};
use crate::core::digest::Digest;
use crate::core::notice::Notice;
use crate::core::observe::ProblemKind;
use crate::core::reading::{Reading, read};
use crate::core::remark::{Remark, Sparing, Standing, Statement};
use crate::core::sum::Sum;
use crate::core::window::{Finding, Window};
use crate::playbook::Playbook;

/// Everything that can be said about an item.
pub struct Account {
    /// The rules in force, whether they apply or not.
    pub rules: Vec<RuleAccount>,
    /// The cards, in the order in which they were first raised.
    pub cards: Vec<CardAccount>,
}

/// What one rule says.
pub struct RuleAccount {
    /// The rule.
    pub rule: Arc<str>,
    /// What it is called.
    pub title: Option<String>,
    /// The version that was asked.
    pub version: Digest,
    /// Whether it applies.
    pub applies: bool,
    /// Why it failed; the windows are then those of its last success.
    pub error: Option<String>,
    /// What it printed.
    pub printed: Vec<String>,
    /// Its clocks.
    pub windows: Vec<WindowAccount>,
    /// The levels that it decided itself.
    pub findings: Vec<Finding>,
}

/// How one clock stands.
pub struct WindowAccount {
    /// The clock.
    pub window: Window,
    /// Its calendar's name.
    pub calendar: Arc<str>,
    /// How it stands and how its due instant came about, or why that cannot be said.
    pub reading: Result<(Reading, Option<Sum>), ProblemKind>,
    /// The remarks in force that moved its dates or leave it no card.
    pub remarks: Vec<Remark>,
}

impl WindowAccount {
    /// How a remark leaves it no card, if one does.
    pub fn sparing(&self) -> Option<Sparing> {
        let spares = self.remarks.iter().filter_map(|remark| remark.statement.spares());
        spares.filter(|(_, name, _)| **name == self.window.name).map(|(.., how)| how).next()
    }
}

/// The history of one card.
pub struct CardAccount {
    /// The card.
    pub card: CardId,
    /// Its changes.
    pub transitions: Vec<Transition>,
    /// What was said about it.
    pub notices: Vec<Notice>,
    /// Who took it.
    pub acknowledgements: Vec<Acknowledgement>,
}

impl Account {
    /// Asks the rules and the calendars.
    pub fn of(evidence: &Evidence, playbook: &Playbook) -> Self {
        let today = playbook.calendar().local(evidence.at).date_naive();
        let mut judgements = playbook.rulebook.explain(&evidence.remarked, today);
        judgements.retain(|judgement| playbook.asks(&judgement.rule, &evidence.item));
        let asked = playbook.rules.values().filter(|info| playbook.asks(&info.name, &evidence.item));
        let rules = asked.map(|info| {
            let index = judgements.iter().position(|judgement| judgement.rule == info.name);
            let judgement = index.map(|index| judgements.swap_remove(index));
            let mut account = RuleAccount {
                rule: info.name.clone(),
                title: info.meta.title.as_ref().map(ToString::to_string),
                version: info.version,
                applies: judgement.is_some(),
                error: None,
                printed: Vec::new(),
                windows: Vec::new(),
                findings: Vec::new(),
            };
            let windows = match judgement.map(|judgement| judgement.result) {
                Some(Ok(judged)) => {
                    (account.printed, account.findings) = (judged.printed, judged.findings);
                    judged.windows
                }
                Some(Err(error)) => {
                    account.error = Some(error.to_string());
                    let last = evidence.rulings.iter().find(|ruling| ruling.rule == info.name);
                    account.findings = last.map(|ruling| ruling.findings.clone()).unwrap_or_default();
                    last.map(|ruling| ruling.windows.clone()).unwrap_or_default()
                }
                None => Vec::new(),
            };
            account.windows = windows.into_iter().map(|window| clock(&info.name, window, evidence, playbook)).collect();
            account
        });
        Self { rules: rules.collect(), cards: cards(evidence) }
    }

    /// The account for programs.
    pub fn json(&self, evidence: &Evidence) -> Value {
        json!({
            "item": *evidence.item,
            "remarks": evidence.remarks.iter().map(|(remark, standing)| with_standing(remark, *standing)).collect::<Vec<_>>(),
            "at": evidence.at,
            "first_seen_at": evidence.first_seen_at,
            "seen_at": evidence.seen_at,
            "rules": self.rules.iter().map(|rule| rule.json(evidence.at)).collect::<Vec<_>>(),
            "cards": self.cards.iter().map(|card| card.json(evidence)).collect::<Vec<_>>(),
            "silences": evidence.silences,
        })
    }
}

fn clock(rule: &str, window: Window, evidence: &Evidence, playbook: &Playbook) -> WindowAccount {
    let clockwork = &playbook.clockwork;
    let name = window.calendar.as_deref().or(evidence.item.text("calendar"));
    let Some(calendar) = clockwork.calendars.get(name) else {
        let calendar: Arc<str> = name.unwrap_or_default().into();
        let reading = Err(ProblemKind::NoCalendar(calendar.clone()));
        return WindowAccount { window, reading, calendar, remarks: Vec::new() };
    };
    let reading = read(&window, calendar, &clockwork.yellow, evidence.at)
        .and_then(|reading| Ok((reading, Sum::of(&window, calendar, evidence.at)?)));
    let in_force = evidence.remarks.iter().filter(|(_, standing)| *standing == Standing::InForce);
    let remarks = in_force.map(|(remark, _)| remark).filter(|remark| bears_on(remark, rule, &window));
    let (remarks, calendar) = (remarks.cloned().collect(), calendar.name().clone());
    WindowAccount { window, reading: reading.map_err(ProblemKind::from), calendar, remarks }
}

/// Whether a remark in force is one of those by which a window stands as it does.
fn bears_on(remark: &Remark, rule: &str, window: &Window) -> bool {
    match &remark.statement {
        Statement::Pause(_) => remark.pause().is_some_and(|pause| window.pauses.contains(&pause)),
        Statement::Extension(_) => remark.extension().is_some_and(|extension| window.extensions.contains(&extension)),
        Statement::Time { at, .. } => window.from == Some(*at) || window.done == Some(*at),
        Statement::Exemption { rule: of, name } | Statement::WrongCard { rule: of, name } => {
            **of == *rule
                && name.strip_prefix(&*window.name).is_some_and(|rest| ["", ".start", ".pause"].contains(&rest))
        }
    }
}

fn with_standing(remark: &Remark, standing: Standing) -> Value {
    let mut row = json!(remark);
    row["standing"] = json!(standing);
    row
}

fn cards(evidence: &Evidence) -> Vec<CardAccount> {
    let mut cards: Vec<CardAccount> = Vec::new();
    for transition in &evidence.transitions {
        match cards.iter_mut().find(|card| card.card == transition.card) {
            Some(card) => card.transitions.push(transition.clone()),
            None => cards.push(CardAccount {
                card: transition.card,
                transitions: vec![transition.clone()],
                notices: evidence.notices.iter().filter(|n| n.card == Some(transition.card)).cloned().collect(),
                acknowledgements: taken(evidence, transition.card),
            }),
        }
    }
    cards
}

fn taken(evidence: &Evidence, card: CardId) -> Vec<Acknowledgement> {
    evidence.acknowledgements.iter().filter(|taken| taken.card == card).cloned().collect()
}

impl RuleAccount {
    fn json(&self, at: Instant) -> Value {
        json!({
            "rule": self.rule, "title": self.title, "version": self.version, "applies": self.applies,
            "error": self.error, "printed": self.printed, "findings": self.findings,
            "windows": self.windows.iter().map(|window| window.json(at)).collect::<Vec<_>>(),
        })
    }
}

impl WindowAccount {
    fn json(&self, at: Instant) -> Value {
        let remarks: Vec<Digest> = self.remarks.iter().map(|remark| remark.id).collect();
        let mut row = json!({ "window": self.window, "calendar": self.calendar, "remarks": remarks });
        match &self.reading {
            Err(problem) => row["problem"] = json!(problem.to_string()),
            Ok((reading, sum)) => {
                let (sparing, by_source) = (self.sparing(), reading.verdict(at));
                let level = reading.level.filter(|_| sparing.is_none());
                row["reading"] = json!({
                    "state": reading.state, "level": level,
                    "verdict": sparing.map_or(by_source, |sparing| sparing.verdict(by_source)),
                    "verdict_by_source": by_source,
                    "yellow_at": reading.yellow_at, "due_at": reading.due_at, "provisional": reading.provisional,
                    "stopped_at": reading.stopped_at, "remaining_hundredths": reading.remaining,
                    "yellow_moved": reading.yellow_moved, "next_look_at": reading.next_look_at,
                });
                row["sum"] = json!(sum.as_ref().map(Sum::json));
            }
        }
        row
    }
}

impl CardAccount {
    fn json(&self, evidence: &Evidence) -> Value {
        let last = self.transitions.last();
        let notices = self.notices.iter().map(|notice| {
            let delivery = notice.delivery.and_then(|id| evidence.deliveries.get(&id));
            json!({ "notice": notice, "delivery": delivery })
        });
        json!({
            "card": self.card, "rule": last.map(|t| &t.rule), "name": last.map(|t| &t.name),
            "level": last.and_then(|t| t.to), "transitions": self.transitions,
            "notices": notices.collect::<Vec<_>>(), "acknowledgements": self.acknowledgements,
        })
    }
}
