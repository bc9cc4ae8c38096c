//! Routes that do nothing.

use super::Remark;
use crate::cli::words::check as say;
use crate::core::matcher::Suspect;
use crate::daemon::wiring::{Site, Wiring};
use crate::tell::language::Language;

/// Routes below one that ends the list for every card, and routes that ask for what no item has.
pub fn all(site: &Site, wiring: &Wiring, language: Language) -> Vec<Remark> {
    let routes = &wiring.playbook.office.routes;
    let mapped = site.mapped();
    let mut remarks = Vec::new();
    let mut end: Option<&str> = None;
    for route in routes {
        let place = format!("routes.toml: route {:?}", route.name);
        if let Some(end) = end {
            remarks.push(Remark::warning(&*place, say::never_asked(language, end)));
        }
        for key in route.matcher.keys().filter(|key| !Suspect::KEYS.contains(key)) {
            if mapped.as_ref().is_some_and(|mapped| !mapped.contains(key)) {
                remarks.push(Remark::warning(&*place, say::unknown_key(language, key)));
            }
        }
        if route.last && route.matcher.is_empty() {
            end = end.or(Some(&route.name));
        }
    }
    remarks
}
