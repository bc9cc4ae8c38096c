//! What was looked at: rules, calendars, sources, channels.

use super::Remark;
use crate::cli::Caller;
use crate::cli::words::check as say;
use crate::daemon::wiring::Wiring;
use crate::tell::time_words;

/// A note for each part.
pub fn all(wiring: &Wiring, caller: &Caller<'_>) -> Vec<Remark> {
    let (playbook, language, now) = (&wiring.playbook, caller.language, caller.now());
    let rules = playbook.rules.values().map(|rule| {
        let title = rule.meta.title.as_deref().unwrap_or_default();
        Remark::note(rule.path.to_string(), say::rule(language, title, &rule.fields))
    });
    let calendars = playbook.clockwork.calendars.all().map(|calendar| {
        let covered = calendar.covered();
        let text = say::calendar(language, calendar.zone().name(), *covered.start(), *covered.end());
        Remark::note(format!("calendar {}", calendar.name()), text)
    });
    let zone = playbook.calendar().zone();
    let sources = wiring.sources.iter().map(|polled| {
        let mut next = now;
        let polls = std::iter::repeat_with(|| {
            next = polled.schedule.as_ref()?.next_after(Some(next), next);
            Some(time_words::instant(next, zone))
        });
        let polls: Vec<String> = polls.take(3).flatten().collect();
        Remark::note(format!("source.{}", polled.name), say::source(language, &polled.columns, &polls))
    });
    let callers = wiring.callers.iter().map(|caller| {
        let polled = &caller.polled;
        Remark::note(format!("source.{}", polled.name), say::caller(language, &polled.columns))
    });
    let channels = playbook
        .office
        .channels
        .iter()
        .map(|(name, terms)| Remark::note(format!("channels.{name}"), say::channel(language, terms.medium)));
    let contacts = playbook.office.directory.all().len();
    let contacts = std::iter::once(Remark::note("contacts.csv", say::contacts(language, contacts)));
    rules.chain(calendars).chain(sources).chain(callers).chain(channels).chain(contacts).collect()
}
