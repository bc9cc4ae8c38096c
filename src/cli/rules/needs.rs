//! What a rule needs: which source fills each field that it reads, and which shipped ledger would.

use std::collections::BTreeSet;
use std::path::Path;

use super::listed;
use crate::cli::words::rules as words;
use crate::config::SourceConfig;
use crate::core::item::ALWAYS;
use crate::core::order;
use crate::daemon::wiring::Site;
use crate::rules::RuleInfo;
use crate::tell::language::Language;

/// Fields that no mapping gives: they are what an item is.
const OWN: [&str; 4] = ["source", "id", "kind", "raw"];

/// What gives items with fields: a source, or a shipped ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// The kind of its items, if they are all of one.
    kind: Option<String>,
    fields: BTreeSet<String>,
}

/// What a rule needs of the sources.
#[derive(Debug)]
pub struct Needs {
    /// The kinds of items that it asks for; none if it says nothing of kinds.
    pub kinds: Vec<String>,
    /// The sources that give such items.
    pub sources: Vec<String>,
    /// The fields, in order.
    pub fields: Vec<Need>,
}

/// One field.
#[derive(Debug, PartialEq, Eq)]
pub struct Need {
    /// Its name.
    pub field: String,
    /// The sources that fill it.
    pub by: Vec<String>,
    /// The sources of such items that do not.
    pub not_by: Vec<String>,
    /// The shipped ledgers that would.
    pub ledgers: Vec<String>,
    /// Whether every item has it all the same, without a value.
    pub is_always_there: bool,
}

impl Need {
    /// Whether the rule fails for want of it.
    pub const fn is_missing(&self) -> bool {
        self.by.is_empty() && !self.is_always_there
    }
}

impl Provider {
    fn new(name: &str, config: &SourceConfig) -> Self {
        let mapping = &config.mapping;
        let kind = mapping.kind.constant().map(str::to_owned);
        let also = [
            ("calendar", mapping.calendar.is_some()),
            ("pauses", mapping.pauses.is_some()),
            ("extensions", mapping.extensions.is_some()),
        ];
        let also = also.into_iter().filter(|(_, is_mapped)| *is_mapped).map(|(name, _)| name.to_owned());
        let fields = mapping.fields.keys().chain(config.attach.keys()).cloned().chain(also).collect();
        Self { name: name.to_owned(), kind, fields }
    }

    fn gives(&self, kinds: &[String]) -> bool {
        kinds.is_empty() || self.kind.as_ref().is_none_or(|kind| kinds.contains(kind))
    }
}

/// What gives a rule its items: the sources, or duban's own orders for the rules that run clocks on them.
pub fn providers(site: &Site, rule: &str) -> Vec<Provider> {
    if site.config.orders.is_for_orders(rule) {
        let fields = order::item::FIELDS.iter().chain(ALWAYS).map(|name| (*name).to_owned()).collect();
        return vec![Provider { name: order::SOURCE.to_owned(), kind: Some(order::KIND.to_owned()), fields }];
    }
    site.config.source.iter().map(|(name, config)| Provider::new(name, config)).collect()
}

/// The shipped ledgers, where they lie beside the configuration or the rules.
pub fn ledgers(site: &Site, rules: &Path) -> Vec<Provider> {
    let folders = [site.base.join("ledgers"), rules.join("../ledgers"), rules.join("../config/ledgers")];
    let Some(entries) = folders.iter().find_map(|folder| folder.read_dir().ok()) else { return Vec::new() };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let shown = path.display().to_string();
        // A ledger that does not read is no answer to what would fill a field, and `check` reads what is used.
        let config = crate::config::Config::read(&shown, &std::fs::read_to_string(path).ok()?).ok()?;
        let file = path.file_name()?.to_string_lossy().into_owned();
        Some(config.source.values().map(|source| Provider::new(&file, source)).collect::<Vec<_>>())
    };
    paths.iter().filter_map(read).flatten().collect()
}

/// The fields for want of which a rule fails, as the sources are; `None` if there are none.
pub fn lacking(rule: &RuleInfo, site: &Site, language: Language) -> Option<String> {
    let needs = Needs::of(rule, &providers(site, &rule.name), &[]);
    let missing: Vec<&str> = needs.missing().map(|need| need.field.as_str()).collect();
    let kinds = listed(language, needs.kinds.iter().map(String::as_str));
    let fields = listed(language, missing.iter().copied());
    (!missing.is_empty()).then(|| words::lacks(language, &rule.name, &fields, &kinds, needs.sources.is_empty()))
}

impl Needs {
    /// What a rule needs, with who fills it.
    pub fn of(rule: &RuleInfo, providers: &[Provider], ledgers: &[Provider]) -> Self {
        let mine: Vec<&Provider> = providers.iter().filter(|provider| provider.gives(&rule.kinds)).collect();
        let named = |has: &dyn Fn(&Provider) -> bool| -> Vec<String> {
            mine.iter().filter(|provider| has(provider)).map(|provider| provider.name.clone()).collect()
        };
        let need = |field: &String| {
            let is_always_there = ALWAYS.contains(&field.as_str());
            let would = ledgers.iter().filter(|ledger| ledger.gives(&rule.kinds) && ledger.fields.contains(field));
            Need {
                field: field.clone(),
                by: named(&|provider| provider.fields.contains(field)),
                // A rule for several kinds asks each for its own fields.
                not_by: if rule.kinds.len() == 1 && !is_always_there {
                    named(&|provider| !provider.fields.contains(field))
                } else {
                    Vec::new()
                },
                ledgers: would.map(|ledger| ledger.name.clone()).collect(),
                is_always_there,
            }
        };
        let fields = rule.fields.iter().filter(|field| !OWN.contains(&field.as_str())).map(need).collect();
        Self { kinds: rule.kinds.clone(), sources: named(&|_| true), fields }
    }

    /// The fields for want of which the rule fails.
    pub fn missing(&self) -> impl Iterator<Item = &Need> {
        self.fields.iter().filter(|need| need.is_missing())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{RuleFile, Rulebook, Tables};

    fn provider(name: &str, kind: Option<&str>, fields: &[&str]) -> Provider {
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        Provider { name: name.to_owned(), kind: kind.map(str::to_owned), fields }
    }

    fn rule(text: &str) -> RuleInfo {
        let file = RuleFile { name: "r".into(), path: "r.rhai".into(), text: text.into() };
        let book = Rulebook::compile(&[file], &Tables::new(), chrono_tz::UTC).expect("a rule");
        book.rules().next().expect("one")
    }

    const TASK: &str = "fn applies(item) { item.kind == \"task\" && item.level == \"own\" }
        fn windows(item) { [window(\"w\", \"1wd\", #{ from: item.received_at, pauses: item.pauses })] }";

    #[test]
    fn a_field_is_filled_only_by_sources_of_the_kind_that_the_rule_is_for() {
        let providers = [
            provider("tasks", Some("task"), &["level"]),
            provider("tickets", Some("ticket"), &["level", "received_at"]),
        ];
        let ledgers = [provider("tasks.toml", Some("task"), &["level", "received_at"])];
        let needs = Needs::of(&rule(TASK), &providers, &ledgers);
        assert_eq!(needs.sources, ["tasks"]);
        let missing: Vec<&Need> = needs.missing().collect();
        assert_eq!((missing.len(), &*missing[0].field), (1, "received_at"));
        assert_eq!(
            (&missing[0].not_by[..], &missing[0].ledgers[..]),
            (&["tasks".into()][..], &["tasks.toml".into()][..])
        );
        let pauses = needs.fields.iter().find(|need| need.field == "pauses").expect("it reads pauses");
        assert!(pauses.is_always_there && pauses.by.is_empty() && !pauses.is_missing());
    }

    #[test]
    fn a_source_whose_kind_stands_in_a_column_may_give_any_kind() {
        let providers = [provider("all", None, &["level", "received_at"])];
        assert_eq!(Needs::of(&rule(TASK), &providers, &[]).missing().count(), 0);
    }
}
