//! What could not be judged or read: said once for each rule and kind, with the first item and a count.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cli::{Caller, words};
use crate::core::item::ItemKey;
use crate::core::observe::ProblemKind;
use crate::rules::error::RuleError;

/// Rules that failed on items, and windows that could not be read.
#[derive(Debug, Default)]
pub struct Faults(BTreeMap<(Arc<str>, String), Fault>);

#[derive(Debug)]
struct Fault {
    items: u64,
    first: ItemKey,
    sentence: String,
}

impl Faults {
    /// A rule failed on an item.
    pub fn rule(&mut self, item: &ItemKey, error: &RuleError) {
        self.add(error.rule.clone(), error.kind.word().to_owned(), item, || error.to_string());
    }

    /// A window cannot be read.
    pub fn window(&mut self, item: &ItemKey, rule: &Arc<str>, window: &str, problem: &ProblemKind) {
        let what = || format!("{rule}/{window}: {problem}");
        self.add(rule.clone(), what(), item, what);
    }

    fn add(&mut self, rule: Arc<str>, kind: String, item: &ItemKey, sentence: impl FnOnce() -> String) {
        let fault = || Fault { items: 0, first: item.clone(), sentence: sentence() };
        self.0.entry((rule, kind)).or_insert_with(fault).items += 1;
    }

    /// Takes over what was found later.
    pub fn merge(&mut self, later: Self) {
        for (kind, fault) in later.0 {
            match self.0.get_mut(&kind) {
                Some(known) => known.items += fault.items,
                None => drop(self.0.insert(kind, fault)),
            }
        }
    }

    /// Says all of them.
    pub fn say(&self, caller: &Caller<'_>) {
        for ((rule, _), fault) in &self.0 {
            let about = words::evaluate::fault(caller.language, rule, &fault.first.to_string(), fault.items);
            crate::cli::say(&format!("{}\n{about}", fault.sentence));
        }
    }
}
