//! Whom nobody reaches: steps that tell nobody, and what is doubtful about the lists of people.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::Remark;
use crate::cli::Caller;
use crate::cli::rules::listed;
use crate::cli::words::check as say;
use crate::core::ladder::{Count, Ladder, Step};
use crate::core::window::Level;
use crate::daemon::wiring::Wiring;
use crate::playbook::Playbook;
use crate::tell::directory::HANDLER;
use crate::tell::language::Language;
use crate::tell::people::muster::{Doubt, Weight, muster};

/// All that concerns ladders, contacts and their addresses.
pub fn all(wiring: &Wiring, caller: &Caller<'_>) -> Vec<Remark> {
    let office = &wiring.playbook.office;
    let today = office.today(caller.now());
    let (remarks, told, missing) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
    let mut found = People { wiring, language: caller.language, today, remarks, told, missing };
    if office.directory.all().is_empty() {
        found.remarks.push(Remark::warning("contacts.csv", say::no_contacts(caller.language)));
        return found.remarks;
    }
    for (name, ladder) in written(wiring) {
        let place = format!("ladders.toml: {name}");
        for (number, step) in (1..).zip(&ladder.steps) {
            // Built-in ladders are there for whoever wants them.
            if !wiring.playbook.has_built_in_ladders() || wiring.playbook.climbs(&name) {
                found.channels(&name, step.yellow.iter().chain(&step.red));
                found.roles(&place, step.roles(Level::Red));
            }
            found.reminders(&place, number, step);
        }
        for count in &ladder.counts {
            found.channels(&name, count.channels.iter());
            found.count(&place, count);
        }
        found.reach(&place, &ladder);
        if !wiring.playbook.has_built_in_ladders() && !wiring.playbook.climbs(&name) {
            found.warn(&place, say::unused_ladder(caller.language));
        }
    }
    found.missing_channels();
    found.remarks.extend(doubts(&wiring.playbook, today, caller.language));
    found.preferences();
    found.remarks
}

/// What is doubtful about the lists of people themselves.
pub fn doubts(playbook: &Playbook, today: NaiveDate, language: Language) -> Vec<Remark> {
    let doubts = muster(&playbook.office, &|ladder| playbook.climbs(ladder), today);
    let remark = |doubt: Doubt| {
        let text = doubt.what.words(language);
        match doubt.weight {
            // It runs all the same.
            Weight::Problem | Weight::Warning => Remark::warning(doubt.place, text),
            Weight::Hint => Remark::note(doubt.place, text),
        }
    };
    doubts.into_iter().map(remark).collect()
}

/// The ladders as they are written: what a playbook keeps of them names only channels that are there.
fn written(wiring: &Wiring) -> BTreeMap<String, Ladder> {
    let text = wiring.playbook.files.get("ladders.toml").map_or("", String::as_str);
    toml::from_str(text).unwrap_or_default()
}

struct People<'a> {
    wiring: &'a Wiring,
    language: Language,
    today: NaiveDate,
    remarks: Vec<Remark>,
    told: BTreeSet<String>,
    /// Channels that are not there, with the ladders that name them.
    missing: BTreeMap<String, BTreeSet<String>>,
}

impl People<'_> {
    /// Those that a ladder names and that are not there.
    fn channels<'c>(&mut self, ladder: &str, named: impl Iterator<Item = &'c String>) {
        let there = &self.wiring.playbook.office.channels;
        for channel in named.filter(|channel| !there.contains_key(channel.as_str())) {
            self.missing.entry(channel.clone()).or_default().insert(ladder.to_owned());
        }
    }

    /// A warning for each channel that is not there.
    fn missing_channels(&mut self) {
        for (channel, ladders) in std::mem::take(&mut self.missing) {
            let ladders = listed(self.language, ladders.iter().map(String::as_str));
            self.warn("ladders.toml", say::unknown_channel(self.language, &channel, &ladders));
        }
    }

    /// Counts are told like steps.
    fn count(&mut self, place: &str, count: &Count) {
        if count.channels.is_empty() || count.roles.is_empty() {
            self.warn(place, say::silent_count(self.language));
        }
        self.roles(place, count.roles.iter());
    }

    /// Roles that nobody holds.
    fn roles<'r>(&mut self, place: &str, roles: impl Iterator<Item = &'r String>) {
        let directory = &self.wiring.playbook.office.directory;
        for role in roles {
            // Whom an item names as its owner needs no role.
            if role != HANDLER && directory.holders(role, self.today).is_empty() {
                self.warn(place, say::vacant(self.language, role));
            }
        }
    }

    /// Reminders that nobody can get.
    fn reminders(&mut self, place: &str, number: usize, step: &Step) {
        if step.yellow.is_empty() && step.red.is_empty() {
            let text = match step.reminders {
                Some(_) => say::silent_reminders(self.language, number),
                None => say::silent_step(self.language, number),
            };
            self.warn(place, text);
        }
    }

    /// Steps to which no card climbs: one without `after`, and all above a first step that says nothing.
    fn reach(&mut self, place: &str, ladder: &Ladder) {
        if let Some((number, _)) = (1..).zip(&ladder.steps).skip(1).find(|(_, step)| step.after.is_none()) {
            self.warn(place, say::unreachable(self.language, number));
        }
        let [first, above @ ..] = &ladder.steps[..] else { return };
        for level in [Level::Yellow, Level::Red] {
            let is_told = self.wiring.playbook.office.routes.iter().flat_map(|route| &route.tell);
            let is_told = is_told.into_iter().any(|receiver| !receiver.channels(level).is_empty());
            if first.channels(level).is_empty() && !is_told && above.iter().any(|s| !s.channels(level).is_empty()) {
                self.warn(place, say::silent_first(self.language, level));
            }
        }
    }

    /// Preferences of nobody.
    fn preferences(&mut self) {
        let wiring = self.wiring;
        let office = &wiring.playbook.office;
        for (number, preference) in (1..).zip(&office.preferences) {
            let mut all = office.directory.all().iter();
            let meant = match (&preference.role, &preference.level) {
                (Some(role), _) => all.any(|contact| contact.holds(role)),
                (None, Some(level)) => all.any(|contact| *contact.level == **level),
                // That a contact is there is a condition for loading.
                (None, None) => true,
            };
            if !meant {
                self.warn(
                    &format!("routes.toml: preference {number}"),
                    say::nobodys_preference(self.language).to_owned(),
                );
            }
        }
    }

    /// Says it once.
    fn warn(&mut self, place: &str, text: String) {
        if self.told.insert(format!("{place}\n{text}")) {
            self.remarks.push(Remark::warning(place, text));
        }
    }
}
