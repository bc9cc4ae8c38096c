//! Which ladders of a playbook anything names.

use super::{LADDERS, Playbook};
use crate::core::ladder::OPERATORS;

impl Playbook {
    /// Whether its ladders are those that an installation has that writes none.
    pub fn has_built_in_ladders(&self) -> bool {
        self.files.get("ladders.toml").is_some_and(|text| text == LADDERS)
    }

    /// Whether a window, a route or the settings name a ladder, as far as the texts tell.
    pub fn climbs(&self, name: &str) -> bool {
        let office = &self.office;
        let quoted = [format!("\"{name}\""), format!("'{name}'"), format!("`{name}`")];
        let mut rules = self.files.iter().filter(|(key, _)| key.starts_with("rules/"));
        name == OPERATORS
            || name == office.ladder
            || office.routes.iter().any(|route| route.ladder.as_deref() == Some(name))
            || rules.any(|(key, text)| {
                let is_cell = || text.split([',', '\n', '\r']).any(|cell| cell.trim() == name);
                quoted.iter().any(|name| text.contains(name.as_str())) || key.starts_with("rules/tables/") && is_cell()
            })
    }
}
