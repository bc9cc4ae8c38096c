//! Which cards must stand: a second opinion that knows no card, no transition and no store, only what the item says now.

use std::collections::BTreeSet;
use std::sync::Arc;

use duban::core::Instant;
use duban::core::course::Course;
use duban::core::limit::Limit;
use duban::core::reading::{State, read};
use duban::core::window::{Level, Ruling, Window};
use duban::playbook::Playbook;
use duban::store::ItemRecord;

/// A card: rule, window or finding, level.
pub type Stands = (String, String, Level);

/// The cards that must stand on an item at `now`.
pub fn cards(playbook: &Playbook, record: &ItemRecord, now: Instant) -> BTreeSet<Stands> {
    let mut stands = BTreeSet::new();
    for ruling in rulings(playbook, record, now) {
        let rule = ruling.rule.to_string();
        stands.extend(ruling.findings.iter().map(|found| (rule.clone(), found.name.to_string(), found.level)));
        for window in &ruling.windows {
            let levels = [
                ("", own(playbook, window, now)),
                (".start", start(playbook, window, record.first_seen_at, now)),
                (".pause", pause(playbook, window, now)),
            ];
            let levels = levels.into_iter().filter_map(|(suffix, level)| Some((suffix, level?)));
            stands.extend(levels.map(|(suffix, level)| (rule.clone(), format!("{}{suffix}", window.name), level)));
        }
    }
    stands
}

/// What the rules say now; where one fails, what it said last.
fn rulings(playbook: &Playbook, record: &ItemRecord, now: Instant) -> Vec<Ruling> {
    let today = playbook.calendar().local(now).date_naive();
    let judgements = playbook.rulebook.judge(&Arc::new(record.item.clone()), today);
    let ruling = |judgement: duban::rules::rulebook::Judgement| match judgement.result {
        Ok(judged) => {
            let (rule, version) = (judgement.rule, judgement.version);
            Some(Ruling { rule, version, windows: judged.windows, findings: judged.findings })
        }
        Err(_) => record.rulings.iter().find(|ruling| ruling.rule == judgement.rule).cloned(),
    };
    judgements.into_iter().filter_map(ruling).collect()
}

fn own(playbook: &Playbook, window: &Window, now: Instant) -> Option<Level> {
    read(window, playbook.calendar(), &playbook.clockwork.yellow, now).expect("the calendar reaches that far").level
}

fn start(playbook: &Playbook, window: &Window, first_seen_at: Instant, now: Instant) -> Option<Level> {
    let is_missing = window.from.is_none() && window.done.is_none();
    let waits = window.waits.filter(|_| is_missing)?;
    passed(playbook, waits, first_seen_at, now).then_some(Level::Yellow)
}

fn pause(playbook: &Playbook, window: &Window, now: Instant) -> Option<Level> {
    let reading = read(window, playbook.calendar(), &playbook.clockwork.yellow, now).expect("as above");
    let limit = playbook.clockwork.pause_limit.filter(|_| reading.state == State::Paused)?;
    let lasting = window.pauses.iter().filter(|p| p.from <= now && p.to.is_none_or(|to| now < to));
    let since = lasting.map(|p| p.from).min()?;
    passed(playbook, limit, since, now).then_some(Level::Yellow)
}

/// Whether so much is over since an instant.
fn passed(playbook: &Playbook, limit: Limit, since: Instant, now: Instant) -> bool {
    let course = Course::new(playbook.calendar(), limit, 0, since.timestamp(), &[]);
    let due = course.and_then(|course| course.due()).expect("the calendar reaches that far");
    due.is_some_and(|due| due <= now.timestamp())
}
