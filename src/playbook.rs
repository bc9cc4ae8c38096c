//! **Playbook**: all that a reload replaces: calendars, rules, tables and parameters, ladders, contacts, templates.
//! Immutable, one swap, versioned in the store.
//!
//! A playbook is made in two steps: [`gather`] reads the files, [`Playbook::build`] makes values of their texts. What was
//! in force is stored as those texts, so the last good one can be built again without its files.
//!
//! **Invariant:** whatever is wrong with any file is told at once, with its place, and nothing that runs is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use chrono::NaiveTime;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use self::routes::RoutesFile;
use crate::answer::Answering;
use crate::answer::intake::Intake;
use crate::calendars;
use crate::config::{Config, ConfigProblem, Mode, WindowsConfig};
use crate::core::calendar::{Calendar, Calendars, read_calendar};
use crate::core::digest::Digest;
use crate::core::item::Item;
use crate::core::ladder::{Ladder, OPERATORS};
use crate::core::matcher::Matcher;
use crate::core::observe::Clockwork;
use crate::core::order;
use crate::core::outage::Outage;
use crate::core::rate::Rate;
use crate::rules::maps::RowMap;
use crate::rules::rulebook::{RuleFile, RuleInfo, Rulebook, StoredRule};
use crate::rules::table::Tables;
use crate::source::ledger::text;
use crate::source::terms::Expected;
use crate::store::RuleRecord;
use crate::tell::absences;
use crate::tell::compose::RuleWords;
use crate::tell::directory::Directory;
use crate::tell::language::Language;
use crate::tell::people::fault::Fault;
use crate::tell::plan::{ChannelTerms, Office};
use crate::tell::words::Templates;

mod climbed;
mod routes;

/// The texts of a playbook by their role: `rules/2110.rhai`, `contacts.csv`, `calendars/0/cn.toml` …
pub type Files = BTreeMap<String, String>;

/// The ladders of an installation that writes none.
pub const LADDERS: &str = include_str!("../config/ladders.toml");

/// The file that holds the settings of `duban.toml` that belong to the playbook.
const SETTINGS: &str = "settings.json";

/// Before the name of a source: the file that sees its rows before its mapping does.
const MAPS: &str = "maps/";

/// All that a reload replaces.
#[derive(Debug)]
pub struct Playbook {
    /// The identity of its content.
    pub version: Digest,
    /// Its texts.
    pub files: Files,
    /// The clocks.
    pub clockwork: Clockwork,
    /// The rules.
    pub rulebook: Rulebook,
    /// What is known of each rule, by name.
    pub rules: BTreeMap<Arc<str>, RuleInfo>,
    /// What sees the rows of sources before their mappings do, by the sources' names.
    pub maps: BTreeMap<String, Arc<RowMap>>,
    /// Who works here and how they are reached.
    pub office: Office,
    /// What holds for orders.
    pub orders: order::Terms,
    /// The words.
    pub templates: Templates,
    /// The language of messages.
    pub language: Language,
    /// What short messages begin with.
    pub signature: String,
    /// Where the board is for its readers.
    pub base_url: Option<String>,
}

/// What runs now, for those who show it.
#[derive(Debug, Clone)]
pub struct InForce {
    /// The playbook.
    pub playbook: Arc<Playbook>,
    /// The sources that are polled.
    pub sources: Vec<Arc<str>>,
    /// The sources that call by themselves, and what takes their calls.
    pub intakes: BTreeMap<Arc<str>, Arc<dyn Intake>>,
    /// When each source is expected to show something.
    pub expected: BTreeMap<Arc<str>, Expected>,
    /// Why the last good playbook runs instead of the files; empty if the files are in force.
    pub degraded: Vec<String>,
    /// What a loop says about the store that fails it; `None` while all of them get on.
    pub trouble: Option<String>,
    /// What takes answers.
    pub answering: Arc<Answering>,
    /// Why the clock is in doubt, if it is.
    pub clock_doubt: watch::Receiver<Option<String>>,
    /// The channels that take nothing.
    pub outages: watch::Receiver<Vec<Outage>>,
}

/// The settings of `duban.toml` that belong to the playbook.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Settings {
    language: Language,
    calendars: Vec<String>,
    enabled: Vec<String>,
    windows: WindowsConfig,
    #[serde(default)]
    orders: order::Terms,
    mode: Mode,
    ladder: String,
    signature: String,
    base_url: String,
    channels: BTreeMap<String, ChannelTerms>,
    confidential: Matcher,
    lists_at: Vec<NaiveTime>,
    pace: Option<Rate>,
    /// The fields that sources map; `None` while no source is configured.
    mapped: Option<BTreeSet<String>>,
    /// The kinds of items that sources give; `None` while nobody knows.
    kinds: Option<BTreeSet<String>>,
    /// How each text's path is shown to people.
    shown: BTreeMap<String, String>,
}

/// Reads the files of a playbook. `base` is the folder of `duban.toml`; `channels`, `mapped` and `kinds` come from its
/// wiring.
pub fn gather(
    config: &Config,
    base: &Path,
    channels: BTreeMap<String, ChannelTerms>,
    mapped: Option<BTreeSet<String>>,
    kinds: Option<BTreeSet<String>>,
) -> Result<Files, Vec<ConfigProblem>> {
    let mut gathering = Gathering { base, files: Files::new(), shown: BTreeMap::new(), problems: Vec::new() };
    let calendars: Vec<String> = std::iter::once(&config.calendar).chain(&config.calendars).cloned().collect();
    for (index, name) in calendars.iter().enumerate() {
        gathering.calendar(index, name);
    }
    gathering.rules(&config.rules_folder(base), &config.rules.enabled);
    for (name, source) in &config.source {
        if let Some(map) = &source.mapping.map {
            gathering.required(&format!("{MAPS}{name}"), &base.join(map));
        }
    }
    gathering.optional("contacts.csv", &base.join(&config.contacts), "");
    gathering.optional("absences.csv", &base.join(&config.absences), "");
    gathering.optional("routes.toml", &base.join(&config.routes), "");
    gathering.optional("ladders.toml", &base.join(&config.ladders), LADDERS);
    gathering.templates(&base.join(&config.templates));
    let settings = Settings {
        language: config.language,
        calendars,
        enabled: config.rules.enabled.clone(),
        windows: config.windows.clone(),
        orders: config.orders.clone(),
        mode: config.notify.mode,
        ladder: config.notify.ladder.clone(),
        signature: config.notify.signature.clone(),
        base_url: config.notify.base_url.clone(),
        channels,
        confidential: config.notify.confidential.clone(),
        lists_at: config.notify.list_times().unwrap_or_default(),
        pace: config.notify.pace().unwrap_or_default(),
        mapped,
        kinds,
        shown: gathering.shown,
    };
    let (mut files, mut problems) = (gathering.files, gathering.problems);
    files.insert(SETTINGS.into(), serde_json::to_string(&settings).expect("settings have JSON"));
    if problems.is_empty() {
        return Ok(files);
    }
    // What could be read is looked at all the same, so that all problems come at once.
    problems.extend(Playbook::build(files, &[]).err().into_iter().flatten());
    Err(problems)
}

struct Gathering<'a> {
    base: &'a Path,
    files: Files,
    shown: BTreeMap<String, String>,
    problems: Vec<ConfigProblem>,
}

impl Gathering<'_> {
    fn show(&self, path: &Path) -> String {
        path.strip_prefix(self.base).unwrap_or(path).display().to_string()
    }

    fn put(&mut self, key: String, path: &Path, text: String) {
        self.shown.insert(key.clone(), self.show(path));
        self.files.insert(key, text);
    }

    /// Reads a text; a spreadsheet is the CSV that it would be.
    fn read(&mut self, key: &str, path: &Path) -> Option<String> {
        match read_list(path) {
            Ok(text) => Some(text),
            Err(e) => {
                let problem = format!("expected a file that can be read ({key}): {e}");
                self.problems.push(ConfigProblem::at(self.show(path), problem));
                None
            }
        }
    }

    fn required(&mut self, key: &str, path: &Path) {
        if let Some(text) = self.read(key, path) {
            self.put(key.into(), path, text);
        }
    }

    fn optional(&mut self, key: &str, path: &Path, default: &str) {
        if path.exists() {
            self.required(key, path);
        } else {
            self.put(key.into(), path, default.into());
        }
    }

    fn calendar(&mut self, index: usize, name: &str) {
        let folders = [self.base, &self.base.join("calendars")];
        match calendars::gather(name, &folders) {
            Ok(found) => {
                for (file, text) in found.days {
                    self.put(format!("calendars/{index}/{file}"), Path::new(&file), text);
                }
                self.put(format!("calendars/{index}.toml"), Path::new(&found.path), found.text);
            }
            Err(problem) => self.problems.push(ConfigProblem::at(format!("calendar {name:?}"), problem)),
        }
    }

    fn rules(&mut self, folder: &Path, enabled: &[String]) {
        for rule in enabled {
            self.required(&format!("rules/{rule}.rhai"), &folder.join(format!("{rule}.rhai")));
        }
        self.optional("rules/params.toml", &folder.join("params.toml"), "");
        let mut tables = Tables::new();
        let params = self.files.get("rules/params.toml").cloned().unwrap_or_default();
        // What is wrong with the parameters is told when the playbook is built.
        if tables.read_params("params.toml", &params).is_ok() {
            let rules: String =
                enabled.iter().filter_map(|rule| self.files.get(&format!("rules/{rule}.rhai"))).cloned().collect();
            for (name, file) in tables.read_by(&rules) {
                self.required(&format!("rules/tables/{name}"), &folder.join(file));
            }
        }
    }

    fn templates(&mut self, folder: &Path) {
        for language in ["zh-CN", "en"] {
            let Ok(entries) = std::fs::read_dir(folder.join(language)) else { continue };
            for path in entries.filter_map(|e| e.ok().map(|e| e.path())).filter(|p| p.is_file()) {
                if let Some(name) = path.file_name().and_then(|n| n.to_str()).filter(|n| !n.starts_with('.')) {
                    self.required(&format!("templates/{language}/{name}"), &path);
                }
            }
        }
    }
}

/// Whether a playbook of these texts is a rehearsal; `None` if they are none.
pub fn is_rehearsal(files: &Files) -> Option<bool> {
    let settings: Settings = serde_json::from_str(files.get(SETTINGS)?).ok()?;
    Some(settings.mode == Mode::Rehearsal)
}

impl Playbook {
    /// Makes a playbook of its texts. `versions` are the rule versions that were ever in force, oldest first.
    pub fn build(files: Files, versions: &[RuleRecord]) -> Result<Self, Vec<ConfigProblem>> {
        let settings: Settings = match files.get(SETTINGS).map(|text| serde_json::from_str(text)) {
            Some(Ok(settings)) => settings,
            _ => return Err(vec![ConfigProblem::at(SETTINGS, "expected the settings of a playbook")]),
        };
        let mut building = Building { files: &files, settings: &settings, problems: Vec::new() };
        let calendars = building.calendars();
        let zone = calendars.as_ref().map_or(chrono_tz::Tz::UTC, |c| c.office().zone());
        let rulebook = building.rulebook(versions, zone);
        let maps = building.maps();
        let directory = building.directory();
        let ladders = building.ladders();
        let (routes, directory) = building.routes(directory, ladders.as_ref());
        let templates = building.templates();
        let problems = building.problems;
        let (Some(calendars), Some(rulebook), Some(directory), Some(ladders), Some(templates), true) =
            (calendars, rulebook, directory, ladders, templates, problems.is_empty())
        else {
            return Err(problems);
        };
        let office = Office {
            directory,
            ladders,
            ladder: settings.ladder.clone(),
            periods: rulebook
                .rules()
                .filter_map(|info| Some((info.name.clone(), info.meta.recheck?.period())))
                .collect(),
            routes: routes.routes,
            preferences: routes.preferences,
            channels: settings.channels.iter().map(|(name, terms)| (name.as_str().into(), terms.clone())).collect(),
            confidential: settings.confidential,
            quiet: calendars.office().clone(),
            lists_at: settings.lists_at,
            pace: settings.pace,
            rehearsal: settings.mode == Mode::Rehearsal,
        };
        let version = Digest::of(files.iter().flat_map(|(key, text)| [key.as_bytes(), text.as_bytes()]));
        Ok(Self {
            version,
            clockwork: Clockwork {
                calendars,
                yellow: settings.windows.yellow,
                pause_limit: Some(settings.windows.pause_limit),
                rules: rulebook.rules().map(|info| info.name).collect(),
            },
            rules: rulebook.rules().map(|info| (info.name.clone(), info)).collect(),
            rulebook,
            maps,
            office,
            orders: settings.orders,
            templates,
            language: settings.language,
            signature: settings.signature,
            base_url: (!settings.base_url.is_empty()).then_some(settings.base_url),
            files,
        })
    }

    /// The office's calendar.
    pub fn calendar(&self) -> &Arc<Calendar> {
        self.clockwork.calendars.office()
    }

    /// Whether a rule is asked about an item: those for orders are for orders alone.
    pub fn asks(&self, rule: &str, item: &Item) -> bool {
        self.orders.is_for_orders(rule) == (*item.kind == *order::KIND)
    }

    /// Whether cards propose orders: a rule for them is enabled.
    pub fn has_orders(&self) -> bool {
        self.rules.keys().any(|rule| self.orders.is_for_orders(rule))
    }

    /// What a rule says to people about itself and one of its windows.
    pub fn rule_words(&self, rule: &str, window: &str) -> RuleWords {
        let Some(meta) = self.rules.get(rule).map(|info| &info.meta) else { return RuleWords::default() };
        let text = |text: &Option<Arc<str>>| text.as_ref().map(ToString::to_string);
        let label = meta.labels.get(window).map(ToString::to_string);
        RuleWords { title: text(&meta.title), basis: text(&meta.basis), label }
    }

    /// The versions of its rules, for the store.
    pub fn rule_records(&self, at: crate::core::Instant, by: &str) -> Vec<RuleRecord> {
        let is_data = |key: &String| key.starts_with("rules/") && key.strip_suffix(".rhai").is_none();
        let data = || self.files.iter().filter(|(key, _)| is_data(key));
        self.rules
            .values()
            .map(|info| RuleRecord {
                rule: info.name.clone(),
                version: info.version,
                at,
                by: by.into(),
                text: info.text.to_string(),
                tables: data().map(|(key, text)| (key.clone(), text.clone())).collect(),
            })
            .collect()
    }
}

struct Building<'a> {
    files: &'a Files,
    settings: &'a Settings,
    problems: Vec<ConfigProblem>,
}

impl Building<'_> {
    fn text(&self, key: &str) -> &str {
        self.files.get(key).map_or("", String::as_str)
    }

    fn shown(&self, key: &str) -> String {
        self.settings.shown.get(key).cloned().unwrap_or_else(|| key.to_owned())
    }

    fn fail(&mut self, place: &str, problem: impl ToString) {
        self.problems.push(ConfigProblem::at(place, problem));
    }

    fn calendars(&mut self) -> Option<Calendars> {
        let mut all = Vec::new();
        for index in 0..self.settings.calendars.len() {
            let key = format!("calendars/{index}.toml");
            if !self.files.contains_key(&key) {
                continue;
            }
            let mut days = |name: &str| {
                self.files.get(&format!("calendars/{index}/{name}")).cloned().ok_or_else(|| "no such file".to_owned())
            };
            match read_calendar(&self.shown(&key), self.text(&key), &mut days) {
                Ok(calendar) => all.push(Arc::new(calendar)),
                Err(wrong) => {
                    self.problems
                        .extend(wrong.into_iter().map(|w| ConfigProblem { place: w.place, problem: w.problem }));
                }
            }
        }
        let office = all.first().cloned()?;
        Some(Calendars::new(office, all))
    }

    fn rulebook(&mut self, versions: &[RuleRecord], zone: chrono_tz::Tz) -> Option<Rulebook> {
        let files: Vec<RuleFile> = self
            .settings
            .enabled
            .iter()
            .map(|name| (name, format!("rules/{name}.rhai")))
            .filter(|(_, key)| self.files.contains_key(key))
            .map(|(name, key)| RuleFile { name: name.clone(), path: self.shown(&key), text: self.text(&key).into() })
            .collect();
        let tables = match read_tables(self.files, &self.settings.shown) {
            Ok(tables) => tables,
            Err(problem) => {
                self.problems.push(problem);
                return None;
            }
        };
        // A rule cannot be blamed for a table that is not there.
        let is_there = |(name, _): (&str, &str)| self.files.contains_key(&format!("rules/tables/{name}"));
        if !files.iter().flat_map(|file| tables.read_by(&file.text)).all(is_there) {
            return None;
        }
        let stored: Vec<StoredRule> = versions.iter().rev().filter_map(stored_rule).collect();
        match Rulebook::compile_with(&files, &tables, &stored, zone) {
            Ok(rulebook) => {
                if let Some(mapped) = &self.settings.mapped {
                    let mapped = mapped.iter().map(String::as_str).collect();
                    let unmapped = rulebook.unmapped(&mapped, self.settings.kinds.as_ref());
                    self.problems.extend(unmapped.iter().map(rule_problem));
                }
                Some(rulebook)
            }
            Err(wrong) => {
                self.problems.extend(wrong.iter().map(rule_problem));
                None
            }
        }
    }

    fn maps(&mut self) -> BTreeMap<String, Arc<RowMap>> {
        let mut maps = BTreeMap::new();
        for (key, text) in self.files.iter().filter(|(key, _)| key.starts_with(MAPS)) {
            match RowMap::compile(&self.shown(key), text) {
                Ok(map) => drop(maps.insert(key[MAPS.len()..].to_owned(), Arc::new(map))),
                Err(wrong) => self.problems.extend(wrong.iter().map(rule_problem)),
            }
        }
        maps
    }

    fn directory(&mut self) -> Option<Directory> {
        let text = self.text("contacts.csv");
        if text.trim().is_empty() {
            return Some(Directory::default());
        }
        let read = Directory::read(&self.shown("contacts.csv"), text).and_then(|directory| {
            let absences = absences::read(&self.shown("absences.csv"), self.text("absences.csv"), &directory)?;
            Ok(directory.with_absences(absences))
        });
        read.map_err(|wrong| {
            self.problems.extend(wrong.iter().map(fault));
        })
        .ok()
    }

    /// The routes and preferences, and the directory with the fixed addresses that they name.
    fn routes(
        &mut self,
        directory: Option<Directory>,
        ladders: Option<&BTreeMap<String, Ladder>>,
    ) -> (RoutesFile, Option<Directory>) {
        let place = self.shown("routes.toml");
        let file = match RoutesFile::read(&place, self.text("routes.toml")) {
            Ok(file) => file,
            Err(problem) => {
                self.problems.push(problem);
                return (RoutesFile::default(), directory);
            }
        };
        let Some(mut directory) = directory else { return (file, None) };
        let media = |channel: &str| self.settings.channels.get(channel).map(|terms| terms.medium);
        let ladder = |name: &str| ladders.is_none_or(|ladders| ladders.contains_key(name));
        self.problems.extend(file.problems(&place, &directory, &media, &ladder));
        file.addresses(&media).for_each(|contact| directory.add(contact));
        (file, Some(directory))
    }

    fn ladders(&mut self) -> Option<BTreeMap<String, Ladder>> {
        let place = self.shown("ladders.toml");
        let mut ladders: BTreeMap<String, Ladder> = match toml::from_str(self.text("ladders.toml")) {
            Ok(ladders) => ladders,
            Err(e) => {
                self.fail(&place, e.to_string().trim_end());
                return None;
            }
        };
        if !ladders.contains_key(&self.settings.ladder) {
            let known = ladders.keys().cloned().collect::<Vec<_>>().join(", ");
            self.fail(&place, format!("expected the ladder {:?} (notify.ladder), got {known}", self.settings.ladder));
        }
        if !ladders.contains_key(OPERATORS) {
            self.fail(&place, format!("expected a ladder {OPERATORS:?} for what concerns duban itself"));
        }
        for (name, count) in ladders.iter().flat_map(|(name, ladder)| ladder.counts.iter().map(move |c| (name, c))) {
            if count.threshold().is_none() {
                let wrong = format!("{name}: expected in [[{name}.counts]] either streak or reds, from 1 on");
                self.fail(&place, wrong);
            }
        }
        // A ladder may name more channels than an installation has; what is not there is not used.
        let is_there = |channel: &String| self.settings.channels.contains_key(channel);
        for ladder in ladders.values_mut() {
            for step in &mut ladder.steps {
                step.yellow.retain(is_there);
                step.red.retain(is_there);
            }
            ladder.counts.iter_mut().for_each(|count| count.channels.retain(is_there));
        }
        Some(ladders)
    }

    fn templates(&mut self) -> Option<Templates> {
        let overrides = self
            .files
            .iter()
            .filter_map(|(key, text)| key.strip_prefix("templates/").map(|name| (name.to_owned(), text.clone())));
        Templates::new(overrides).map_err(|e| self.fail("templates", e)).ok()
    }
}

/// The text of a file that may be a spreadsheet: XLSX is the CSV that it would be, everything else UTF-8, UTF-16 or
/// GB 18030.
pub fn read_list(path: &Path) -> std::io::Result<String> {
    let bytes = std::fs::read(path)?;
    if text::is_spreadsheet(&bytes) {
        return text::as_csv(&bytes).map_err(|e| std::io::Error::new(std::io::ErrorKind::InvalidData, e));
    }
    calendars::text_of(bytes)
}

/// Reads the map of a source, for those who need no playbook; `shown` is its path for people.
pub fn read_map(path: &Path, shown: &Path) -> Result<RowMap, Vec<ConfigProblem>> {
    let shown = shown.display().to_string();
    let unreadable = |e| vec![ConfigProblem::at(&*shown, format!("expected a file that can be read: {e}"))];
    let text = calendars::read_text(path).map_err(unreadable)?;
    RowMap::compile(&shown, &text).map_err(|wrong| wrong.iter().map(rule_problem).collect())
}

fn rule_problem(error: &crate::rules::error::RuleError) -> ConfigProblem {
    let place = error.place.as_ref().map(|at| format!("{}:{}:{}", error.path, at.line, at.column));
    let place = place.unwrap_or_else(|| error.path.to_string());
    let text = error.to_string();
    let problem = text.strip_prefix(&format!("{place}: ")).unwrap_or(&text).to_owned();
    ConfigProblem { place, problem }
}

fn fault(fault: &Fault) -> ConfigProblem {
    ConfigProblem { place: fault.place(), problem: fault.words(Language::English) }
}

/// The parameters and tables among a playbook's texts.
fn read_tables(files: &Files, shown: &BTreeMap<String, String>) -> Result<Tables, ConfigProblem> {
    let path = |key: &str| shown.get(key).cloned().unwrap_or_else(|| key.to_owned());
    let problem = |e: crate::rules::table::TableError| ConfigProblem {
        place: e.line.map_or_else(|| e.path.clone(), |line| format!("{}:{line}", e.path)),
        problem: e.problem,
    };
    let mut tables = Tables::new();
    let params = files.get("rules/params.toml").map_or("", String::as_str);
    tables.read_params(&path("rules/params.toml"), params).map_err(problem)?;
    for (key, text) in files.iter().filter(|(key, _)| key.starts_with("rules/tables/")) {
        tables.read_table(&key["rules/tables/".len()..], &path(key), text).map_err(problem)?;
    }
    Ok(tables)
}

fn stored_rule(record: &RuleRecord) -> Option<StoredRule> {
    let tables = read_tables(&record.tables, &BTreeMap::new()).ok()?;
    let path = format!("{}@{}", record.rule, record.version);
    Some(StoredRule { file: RuleFile { name: record.rule.to_string(), path, text: record.text.clone() }, tables })
}
