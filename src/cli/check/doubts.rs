//! What runs and is probably not meant like this.

use super::{Remark, people, routes};
use crate::cli::words::{self, check as say};
use crate::cli::{Caller, rules};
use crate::config::{ChannelConfig, Mode, SourceConfig};
use crate::core::calendar::missing_year;
use crate::daemon::wiring::{Site, Wiring};
use crate::secret::SecretRef;
use crate::source::http::HttpConfig;
use crate::tell::language::Language;
use crate::wire::email::Security;

/// All doubts.
pub fn all(site: &Site, wiring: &Wiring, caller: &Caller<'_>) -> Vec<Remark> {
    let mut remarks = mode(site, caller.language);
    remarks.extend(unmapped(site, wiring, caller.language));
    remarks.extend(calendars(wiring, caller));
    for (name, channel) in &site.config.channels {
        let place = format!("channels.{name}");
        let secrets = channel.password.iter().chain(channel.secrets.values());
        let weak = weak_points(channel, caller.language).into_iter();
        remarks.extend(weak.map(|text| Remark::warning(&*place, text)));
        remarks.extend(open_secrets(site, secrets, caller).into_iter().map(|text| Remark::warning(&*place, text)));
    }
    for (name, source) in &site.config.source {
        let place = format!("source.{name}");
        let weak = weak_ways(source, caller.language).into_iter();
        remarks.extend(weak.map(|text| Remark::warning(&*place, text)));
        for (kind, sql) in [("postgres", &source.postgres), ("mysql", &source.mysql)] {
            let Some(sql) = sql else { continue };
            let place = format!("source.{name}.{kind}");
            if sql.is_weak() {
                remarks.push(Remark::warning(&*place, say::weak_trust(caller.language, sql.tls)));
            }
            let open = open_secrets(site, sql.password.iter(), caller).into_iter();
            remarks.extend(open.map(|text| Remark::warning(&*place, text)));
        }
        let secrets = source.http.iter().flat_map(|http| http.secrets.values());
        let secrets = secrets.chain(source.push.iter().map(|push| &push.token));
        remarks.extend(open_secrets(site, secrets, caller).into_iter().map(|text| Remark::warning(&*place, text)));
    }
    remarks.extend(people::all(wiring, caller));
    remarks.extend(routes::all(site, wiring, caller.language));
    remarks
}

/// Rules that fail for want of a field that only sources of other kinds map.
fn unmapped(site: &Site, wiring: &Wiring, language: Language) -> Vec<Remark> {
    if site.config.source.is_empty() {
        return Vec::new();
    }
    let lacking = wiring.playbook.rules.values().filter_map(|rule| rules::lacking(rule, site, language));
    lacking.map(|text| Remark::warning("rules.enabled", text)).collect()
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

/// Where others could change what a source says, or read it on the way.
fn weak_ways(source: &SourceConfig, language: Language) -> Vec<&'static str> {
    let mut weak = Vec::new();
    if source.http.as_ref().is_some_and(HttpConfig::is_plain) {
        weak.push(say::plain_source(language));
    }
    if source.http.as_ref().is_some_and(HttpConfig::trusts_anybody) {
        weak.push(say::unknown_source(language));
    }
    weak
}

fn open_secrets<'s>(site: &Site, secrets: impl Iterator<Item = &'s SecretRef>, caller: &Caller<'_>) -> Vec<String> {
    let lookup = |name: &str| caller.environment.get(name).map(str::to_owned);
    let resolved = secrets.filter_map(|secret| secret.resolve(&lookup, &site.base).ok()?.warning);
    resolved.map(|warning| warning.to_string()).collect()
}
