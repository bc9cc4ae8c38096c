//! One item, judged and read at an instant.

use std::sync::Arc;

use super::faults::Faults;
use super::line::{Clock, Line};
use crate::core::Instant;
use crate::core::item::Item;
use crate::core::observe::ProblemKind;
use crate::core::reading::read;
use crate::core::window::{Finding, Ruling, Window};
use crate::pipeline::judge;
use crate::playbook::Playbook;

/// What is the same for all items.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// The rules and the calendars.
    pub playbook: &'a Playbook,
    /// When the clocks are read.
    pub at: Instant,
}

impl Look<'_> {
    /// Shows a line for each window and each finding; the answer is whether any rule applies. What fails spoils no other
    /// line.
    pub fn at_item(&self, item: Item, faults: &mut Faults, see: &mut dyn FnMut(&Line<'_>)) -> bool {
        let item = Arc::new(item);
        let (rulings, errors) = judge(self.playbook, &item, &[], self.at);
        for error in errors {
            faults.rule(&item.key, &error);
        }
        for ruling in &rulings {
            for window in &ruling.windows {
                match self.clock(&item, window) {
                    Ok(clock) => see(&self.line(&item, ruling, &window.name, Ok(clock))),
                    Err(problem) => faults.window(&item.key, &ruling.rule, &window.name, &problem),
                }
            }
            for finding in &ruling.findings {
                see(&self.line(&item, ruling, &finding.name, Err(finding)));
            }
        }
        !rulings.is_empty()
    }

    fn line<'l>(
        &'l self,
        item: &'l Item,
        ruling: &'l Ruling,
        name: &'l Arc<str>,
        what: Result<Clock<'l>, &'l Finding>,
    ) -> Line<'l> {
        Line { item, rule: &ruling.rule, name, what, at: self.at }
    }

    fn clock<'l>(&'l self, item: &Item, window: &'l Window) -> Result<Clock<'l>, ProblemKind> {
        let clockwork = &self.playbook.clockwork;
        let name = window.calendar.as_deref().or_else(|| item.text("calendar"));
        let calendar = clockwork.calendars.get(name);
        let calendar = calendar.ok_or_else(|| ProblemKind::NoCalendar(name.unwrap_or_default().into()))?;
        let reading = read(window, calendar, &clockwork.yellow, self.at)?;
        Ok(Clock { window, calendar, reading })
    }
}
