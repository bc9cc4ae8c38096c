//! The tests of the shipped rules show everything that each rule can do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Asia::Shanghai;
use duban::calendars;
use duban::core::calendar::{Calendar, ListedKind};
use duban::core::reading::State;
use duban::core::window::Level;
use duban::rules::cases::{Case, CaseFile};
use duban::rules::version::Meta;
use duban::trial::{self, Named, Setting, Sight};

use super::mechanisms;

/// What the cases of one rule have shown.
#[derive(Default)]
struct Shown {
    fires: bool,
    stays_silent: bool,
    spans_holiday: bool,
    misses_value: bool,
    pauses: bool,
    named: Named,
    green: BTreeSet<Arc<str>>,
    yellow: BTreeSet<Arc<str>>,
    red: BTreeSet<Arc<str>>,
    gone: BTreeSet<Arc<str>>,
}

#[test]
fn the_tests_of_each_shipped_rule_show_all_that_it_can_do() {
    let setting = Setting::read(Path::new("rules")).expect("the shipped rules");
    let calendar = calendars::find("cn", &[]).expect("the calendar");
    let mut shown: BTreeMap<String, Shown> = BTreeMap::new();
    for (name, file) in files() {
        let rule = file.rule.clone().unwrap_or_else(|| name.clone());
        for case in &file.cases {
            let playbook = setting.playbook(&file, case, &name).unwrap_or_else(|error| panic!("{error}"));
            let sights = trial::sights(case, &playbook, setting.has_own_contacts);
            let sights = sights.unwrap_or_else(|error| panic!("{error}"));
            let is_cn = case.calendar.as_deref().or(file.calendar.as_deref()).is_none_or(|name| name == "cn");
            shown.entry(rule.clone()).or_default().add(case, &sights, is_cn.then_some(&calendar));
        }
    }
    let mut lacking = BTreeMap::new();
    for rule in mechanisms::rules() {
        let lacks = shown.remove(&*rule.name).unwrap_or_default().lacks(&rule.meta);
        if !lacks.is_empty() {
            lacking.insert(rule.name.to_string(), lacks);
        }
    }
    assert!(lacking.is_empty(), "what the tests of these rules do not show: {lacking:#?}");
    assert!(shown.is_empty(), "tests of no shipped rule: {:?}", shown.keys());
}

/// The shipped tests by their names, which are the rules' if they say nothing else.
fn files() -> BTreeMap<String, CaseFile> {
    let mut files = BTreeMap::new();
    let mut folders = vec![Path::new("rules/tests").to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                let text = std::fs::read_to_string(&path).expect("a file of rule tests");
                let file = CaseFile::read(&path.to_string_lossy(), &text).unwrap_or_else(|error| panic!("{error}"));
                let below = path.strip_prefix("rules/tests").expect("below").with_extension("");
                files.insert(below.to_string_lossy().into_owned(), file);
            }
        }
    }
    files
}

impl Shown {
    fn add(&mut self, case: &Case, sights: &[Sight<'_>], cn: Option<&Calendar>) {
        let expected = || case.expectations.iter().filter_map(|expected| expected.cards.as_ref());
        self.fires |= expected().any(|cards| !cards.is_empty());
        self.stays_silent |= expected().next().is_some() && expected().all(Vec::is_empty);
        self.misses_value |= case.items.iter().any(|item| !item.missing.is_empty());
        self.pauses |= case.items.iter().any(|item| item.pauses.as_ref().is_some_and(|pauses| !pauses.is_empty()));
        self.spans_holiday |= cn.is_some_and(|calendar| spans_holiday(case, calendar));
        if let Some(last) = sights.last() {
            self.named.windows.extend(last.found.named.windows.iter().cloned());
            self.named.findings.extend(last.found.named.findings.iter().cloned());
        }
        let mut raised = BTreeSet::new();
        // Only what the case says in full is shown by it, and not just there.
        for sight in sights.iter().filter(|sight| sight.expected.cards.is_some()) {
            let level = |name: &str| sight.found.cards.iter().find(|card| &*card.name == name)?.level;
            let running = sight.found.windows.iter().filter(|(_, reading)| {
                reading.as_ref().is_some_and(|reading| matches!(reading.state, State::Running | State::Paused))
            });
            for (window, _) in running {
                let level = match level(&window.name) {
                    None => &mut self.green,
                    Some(Level::Yellow) => &mut self.yellow,
                    Some(Level::Red) => &mut self.red,
                };
                level.insert(window.name.clone());
            }
            let open: BTreeSet<Arc<str>> = sight.found.cards.iter().map(|card| card.name.clone()).collect();
            self.gone.extend(raised.difference(&open).cloned());
            raised.extend(open);
        }
    }

    /// What is not shown, in words.
    fn lacks(&self, meta: &Meta) -> Vec<String> {
        let cases = [
            (self.fires, "a case with a card"),
            (self.stays_silent, "a case that never has a card (every list of cards empty)"),
            (self.spans_holiday, "a case from before a holiday and a make-up working day of cn to after them"),
            (self.misses_value, "a case with a missing value"),
            (self.pauses, "a case with a pause"),
        ];
        let mut lacks: Vec<String> =
            cases.into_iter().filter(|(is_there, _)| !is_there).map(|(_, case)| case.to_owned()).collect();
        let Named { windows, findings } = &self.named;
        for (seen, all, what) in [
            (&self.green, windows, "running without a card"),
            (&self.yellow, windows, "yellow"),
            (&self.red, windows, "red"),
            (&self.gone, findings, "raised and gone again"),
        ] {
            let unseen: Vec<&str> = all.difference(seen).map(|name| &**name).collect();
            if !unseen.is_empty() {
                lacks.push(format!("{what}: {}", unseen.join(", ")));
            }
        }
        let named = windows.iter().chain(findings).filter(|name| !name.ends_with(".start"));
        let bare: Vec<&str> = named.map(|name| &**name).filter(|name| !meta.labels.contains_key(*name)).collect();
        if !bare.is_empty() {
            lacks.push(format!("a label in LABELS: {}", bare.join(", ")));
        }
        if windows.is_empty() && findings.is_empty() {
            lacks.push("a window or a finding".to_owned());
        }
        lacks
    }
}

/// Whether the case goes on from before a listed holiday and a make-up working day to after them.
fn spans_holiday(case: &Case, calendar: &Calendar) -> bool {
    let instants = case.items.iter().map(|item| item.at).chain(case.expectations.iter().map(|expected| expected.at));
    let dates: BTreeSet<NaiveDate> =
        instants.map(|at| at.instant(Shanghai).with_timezone(&Shanghai).date_naive()).collect();
    let (Some(first), Some(last)) = (dates.first(), dates.last()) else { return false };
    let has = |kind| {
        let mut listed = calendar.all_listed();
        listed.any(|(date, listed)| listed.kind == kind && *first <= date && date <= *last)
    };
    has(ListedKind::Holiday) && has(ListedKind::Workday)
}
