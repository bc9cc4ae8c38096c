//! Whom nobody reaches: steps that tell nobody, contacts without an address, people who are not there.

use std::collections::{BTreeMap, BTreeSet};

use super::Remark;
use crate::cli::Caller;
use crate::cli::words::check as say;
use crate::core::contact::{Contact, Medium};
use crate::core::ladder::OPERATORS;
use crate::core::ladder::{Ladder, Step};
use crate::core::window::Level;
use crate::daemon::wiring::Wiring;
use crate::playbook::LADDERS;
use crate::tell::directory::HANDLER;
use crate::tell::language::Language;

/// All that concerns ladders, contacts and their addresses.
pub fn all(wiring: &Wiring, caller: &Caller<'_>) -> Vec<Remark> {
    let office = &wiring.playbook.office;
    let mut found = People { wiring, language: caller.language, remarks: Vec::new(), told: BTreeSet::new() };
    if office.directory.all().is_empty() {
        found.remarks.push(Remark::warning("contacts.csv", say::no_contacts(caller.language)));
        return found.remarks;
    }
    let today = office.today(caller.now());
    let on_duty: Vec<&Contact> = office.directory.all().iter().filter(|contact| contact.on_duty(today)).collect();
    for (name, ladder) in written(wiring) {
        let place = format!("ladders.toml: {name}");
        for (number, step) in (1..).zip(&ladder.steps) {
            found.step(&place, step, &on_duty);
            found.reminders(&place, number, step);
        }
        found.reach(&place, &ladder);
        if !found.is_climbed(&name) {
            found.warn(&place, say::unused_ladder(caller.language));
        }
    }
    found.receivers(&on_duty);
    found.stand_ins();
    found.preferences();
    found.remarks
}

/// The ladders as they are written: what a playbook keeps of them names only channels that are there.
fn written(wiring: &Wiring) -> BTreeMap<String, Ladder> {
    let text = wiring.playbook.files.get("ladders.toml").map_or("", String::as_str);
    toml::from_str(text).unwrap_or_default()
}

struct People<'a> {
    wiring: &'a Wiring,
    language: Language,
    remarks: Vec<Remark>,
    told: BTreeSet<String>,
}

impl People<'_> {
    /// Roles that nobody holds, contacts without an address, channels that are not there.
    fn step(&mut self, place: &str, step: &Step, on_duty: &[&Contact]) {
        let named: BTreeSet<&String> = step.yellow.iter().chain(&step.red).collect();
        for channel in &named {
            if !self.wiring.playbook.office.channels.contains_key(channel.as_str()) {
                self.warn(place, say::unknown_channel(self.language, channel));
            }
        }
        for role in &step.roles {
            let holders: Vec<&Contact> = on_duty.iter().filter(|contact| contact.holds(role)).copied().collect();
            // Whom an item names as its owner needs no role.
            if holders.is_empty() && role != HANDLER {
                self.warn(place, say::vacant(self.language, role));
            }
            self.addresses(&holders, named.iter().map(|channel| channel.as_str()));
        }
    }

    /// Whom routes name, by the channels that they name.
    fn receivers(&mut self, on_duty: &[&Contact]) {
        let wiring = self.wiring;
        for receiver in wiring.playbook.office.routes.iter().flat_map(|route| &route.tell) {
            let is_meant = |contact: &&&Contact| {
                let role = receiver.role.as_deref().is_some_and(|role| contact.holds(role));
                role || receiver.contact.as_ref() == Some(&contact.id)
            };
            let meant: Vec<&Contact> = on_duty.iter().filter(is_meant).copied().collect();
            self.addresses(&meant, receiver.yellow.iter().chain(&receiver.red).map(String::as_str));
        }
    }

    /// Contacts without an address of channels, or of the channels that take their place.
    fn addresses<'c>(&mut self, contacts: &[&Contact], channels: impl Iterator<Item = &'c str>) {
        let office = &self.wiring.playbook.office;
        for channel in channels {
            let Some(terms) = office.channels.get(channel) else { continue };
            let fallback = terms.fallback.as_deref().and_then(|name| Some((name, office.channels.get(name)?)));
            for contact in contacts {
                let place = format!("contacts.csv: {}", contact.id);
                if contact.address(terms.medium).is_none() {
                    self.warn(&place, say::no_address(self.language, channel, column(terms.medium)));
                } else if let Some((name, terms)) = fallback
                    && contact.address(terms.medium).is_none()
                {
                    self.warn(&place, say::no_fallback(self.language, channel, name, column(terms.medium)));
                }
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

    /// Whether anything names a ladder. The built-in ladders are there for whoever wants them.
    fn is_climbed(&self, name: &str) -> bool {
        let playbook = &self.wiring.playbook;
        let office = &playbook.office;
        let is_built_in = playbook.files.get("ladders.toml").is_some_and(|text| text == LADDERS);
        let quoted = [format!("\"{name}\""), format!("'{name}'"), format!("`{name}`")];
        let mut rules = playbook.files.iter().filter(|(key, _)| key.starts_with("rules/"));
        is_built_in
            || name == OPERATORS
            || name == office.ladder
            || office.routes.iter().any(|route| route.ladder.as_deref() == Some(name))
            || rules.any(|(key, text)| {
                let is_cell = || text.split([',', '\n', '\r']).any(|cell| cell.trim() == name);
                quoted.iter().any(|name| text.contains(name.as_str())) || key.starts_with("rules/tables/") && is_cell()
            })
    }

    /// Deputies and secretaries who are no contacts.
    fn stand_ins(&mut self) {
        let wiring = self.wiring;
        let directory = &wiring.playbook.office.directory;
        for contact in directory.all() {
            for (column, id) in [("deputy", &contact.deputy), ("secretary", &contact.secretary)] {
                if !id.is_empty() && directory.get(id).is_none() {
                    let place = format!("contacts.csv: {}", contact.id);
                    self.warn(&place, say::no_stand_in(self.language, column, id));
                }
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

const fn column(medium: Medium) -> &'static str {
    match medium {
        Medium::Mail => "email",
        Medium::Sms => "mobile",
        Medium::Im => "im",
    }
}
