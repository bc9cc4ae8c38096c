//! What runs and is probably not meant like this.

use std::collections::{BTreeMap, BTreeSet};

use super::Remark;
use crate::cli::Caller;
use crate::cli::words::{self, check as say};
use crate::config::{ChannelConfig, Mode};
use crate::core::calendar::missing_year;
use crate::core::contact::{Contact, Medium};
use crate::core::ladder::{Ladder, Step};
use crate::daemon::wiring::{Site, Wiring};
use crate::tell::directory::HANDLER;
use crate::tell::language::Language;
use crate::wire::email::Security;

/// All doubts.
pub fn all(site: &Site, wiring: &Wiring, caller: &Caller<'_>) -> Vec<Remark> {
    let mut remarks = mode(site, caller.language);
    remarks.extend(calendars(wiring, caller));
    for (name, channel) in &site.config.channels {
        let place = format!("channels.{name}");
        let weak = weak_points(channel, caller.language).into_iter();
        remarks.extend(weak.map(|text| Remark::warning(&*place, text)));
        remarks.extend(open_secrets(site, channel, caller).into_iter().map(|text| Remark::warning(&*place, text)));
    }
    remarks.extend(ladders(wiring, caller));
    remarks
}

fn mode(site: &Site, language: Language) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let is_live = site.config.notify.mode == Mode::Live;
    if !is_live {
        remarks.push(Remark::warning("notify.mode", say::rehearsal(language)));
    }
    if is_live && site.config.channels.is_empty() {
        remarks.push(Remark::warning("channels", say::no_channels(language)));
    }
    if site.config.source.is_empty() {
        remarks.push(Remark::warning("source", words::evaluate::no_sources(language)));
    }
    if site.config.rules.enabled.is_empty() {
        remarks.push(Remark::warning("rules.enabled", say::no_rules(language)));
    }
    remarks
}

fn calendars(wiring: &Wiring, caller: &Caller<'_>) -> Vec<Remark> {
    let now = caller.now();
    let missing = wiring.playbook.clockwork.calendars.all().filter_map(|calendar| {
        let (year, level) = missing_year(calendar, now)?;
        let text = say::missing_year(caller.language, year, level);
        Some(Remark::warning(format!("calendar {}", calendar.name()), text))
    });
    missing.collect()
}

/// Where a channel says more to the network than it must.
fn weak_points(channel: &ChannelConfig, language: Language) -> Vec<&'static str> {
    let mut weak = Vec::new();
    if let Some(smtp) = &channel.smtp {
        if smtp.security == Security::None {
            weak.push(say::plain_mail(language));
        }
        if smtp.allow_plaintext_auth {
            weak.push(say::plain_password(language));
        }
    }
    if channel.webhook.as_ref().is_some_and(|webhook| webhook.url.trim_start().starts_with("http:")) {
        weak.push(say::plain_call(language));
    }
    weak
}

fn open_secrets(site: &Site, channel: &ChannelConfig, caller: &Caller<'_>) -> Vec<String> {
    let lookup = |name: &str| caller.environment.get(name).map(str::to_owned);
    let secrets = channel.password.iter().chain(channel.secrets.values());
    let resolved = secrets.filter_map(|secret| secret.resolve(&lookup, &site.base).ok()?.warning);
    resolved.map(|warning| warning.to_string()).collect()
}

/// Steps that tell nobody: roles that nobody holds, contacts without an address, channels that are not there.
fn ladders(wiring: &Wiring, caller: &Caller<'_>) -> Vec<Remark> {
    let office = &wiring.playbook.office;
    let mut found = Ladders { wiring, language: caller.language, remarks: Vec::new(), told: BTreeSet::new() };
    let today = office.quiet.local(caller.now()).date_naive();
    if office.directory.all().is_empty() {
        found.remarks.push(Remark::warning("contacts.csv", say::no_contacts(caller.language)));
        return found.remarks;
    }
    let on_duty: Vec<&Contact> = office.directory.all().iter().filter(|contact| contact.on_duty(today)).collect();
    for (name, ladder) in written(wiring) {
        let place = format!("ladders.toml: {name}");
        for step in &ladder.steps {
            found.step(&place, step, &on_duty);
        }
    }
    found.remarks
}

/// The ladders as they are written: what a playbook keeps of them names only channels that are there.
fn written(wiring: &Wiring) -> BTreeMap<String, Ladder> {
    let text = wiring.playbook.files.get("ladders.toml").map_or("", String::as_str);
    toml::from_str(text).unwrap_or_default()
}

struct Ladders<'a> {
    wiring: &'a Wiring,
    language: Language,
    remarks: Vec<Remark>,
    told: BTreeSet<String>,
}

impl Ladders<'_> {
    fn step(&mut self, place: &str, step: &Step, on_duty: &[&Contact]) {
        let named: BTreeSet<&String> = step.yellow.iter().chain(&step.red).collect();
        let mut media = Vec::new();
        for channel in named {
            match self.wiring.playbook.office.channels.get(channel.as_str()) {
                Some(terms) => media.push((channel, terms.medium)),
                None => self.warn(place, say::unknown_channel(self.language, channel)),
            }
        }
        for role in &step.roles {
            let holders: Vec<&&Contact> = on_duty.iter().filter(|contact| contact.holds(role)).collect();
            // Whom an item names as its owner needs no role.
            if holders.is_empty() && role != HANDLER {
                self.warn(place, say::vacant(self.language, role));
            }
            for (channel, medium) in &media {
                let without = holders.iter().filter(|contact| contact.address(*medium).is_none());
                for contact in without {
                    self.address(contact, channel, *medium);
                }
            }
        }
    }

    fn address(&mut self, contact: &Contact, channel: &str, medium: Medium) {
        self.warn(&format!("contacts.csv: {}", contact.id), say::no_address(self.language, channel, column(medium)));
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
