//! The setting of rule tests: a folder of rules with its parameters and tables, and what stands beside it. Where nothing
//! stands there, the built-in calendar and ladders, and a contact for each role.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::calendars;
use crate::config::WindowsConfig;
use crate::core::calendar::{Calendar, Calendars};
use crate::core::contact::Medium;
use crate::core::count::Period;
use crate::core::digest::Digest;
use crate::core::item::Item;
use crate::core::ladder::Ladder;
use crate::core::matcher::Matcher;
use crate::core::observe::Clockwork;
use crate::core::order;
use crate::core::value::Value;
use crate::core::window::Level;
use crate::playbook::Playbook;
use crate::rules::cases::{Case, CaseFile};
use crate::rules::rulebook::{RuleFile, Rulebook};
use crate::rules::table::Tables;
use crate::tell::directory::{Directory, HANDLER};
use crate::tell::language::Language;
use crate::tell::plan::{ChannelTerms, Office};
use crate::tell::words::Templates;

/// What cases run in.
pub struct Setting {
    rules: PathBuf,
    folders: Vec<PathBuf>,
    tables: Tables,
    calendars: Vec<Arc<Calendar>>,
    ladders: BTreeMap<String, Ladder>,
    directory: Directory,
    channels: BTreeMap<Arc<str>, ChannelTerms>,
    /// Whether the contacts are somebody's own, and not one for each role.
    pub has_own_contacts: bool,
}

/// What is wrong with what a test needs; the text begins with its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{0}")]
pub struct SettingProblem(pub String);

/// A problem at a place.
fn at(place: impl std::fmt::Display, problem: impl std::fmt::Display) -> SettingProblem {
    SettingProblem(format!("{place}: {problem}"))
}

impl Setting {
    /// Reads what stands in and beside a folder of rules.
    pub fn read(rules: &Path) -> Result<Self, SettingProblem> {
        let beside = match rules.file_name() {
            Some(_) => rules.parent().unwrap_or(Path::new("")).to_owned(),
            None => rules.join(".."),
        };
        let folders = vec![beside.clone(), beside.join("calendars")];
        let ladders_path = beside.join("ladders.toml");
        let ladders = optional(&ladders_path)?.unwrap_or_else(|| include_str!("../../config/ladders.toml").to_owned());
        let ladders: BTreeMap<String, Ladder> =
            toml::from_str(&ladders).map_err(|error| at(ladders_path.display(), error.to_string().trim_end()))?;
        let contacts_path = beside.join("contacts.csv");
        let contacts = optional(&contacts_path)?;
        let has_own_contacts = contacts.is_some();
        let contacts = contacts.unwrap_or_else(|| everybody(&ladders));
        let directory = Directory::read(&contacts_path.display().to_string(), &contacts).map_err(|problems| {
            SettingProblem(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        })?;
        Ok(Self {
            rules: rules.to_owned(),
            tables: tables(rules)?,
            calendars: calendars_of(&folders)?,
            folders,
            channels: channels(&ladders),
            ladders,
            directory,
            has_own_contacts,
        })
    }

    /// The playbook that a case of a file runs under: the file's rule alone, with the case's parameters. `name` is the
    /// file's path below `tests`, without `.toml`.
    pub fn playbook(&self, file: &CaseFile, case: &Case, name: &str) -> Result<Playbook, SettingProblem> {
        let calendar = self.calendar(case.calendar.as_deref().or(file.calendar.as_deref()), &case.place)?;
        let mut tables = self.tables.clone();
        tables.override_params(&case.params).map_err(|problem| at(&case.place, problem))?;
        let rulebook = self.rulebook(file.rule.as_deref().unwrap_or(name), &tables, &calendar)?;
        let windows = WindowsConfig::default();
        let rules: BTreeMap<_, _> = rulebook.rules().map(|info| (info.name.clone(), info)).collect();
        let periods =
            rules.iter().filter_map(|(name, info)| Some((name.clone(), info.meta.recheck?.period()))).collect();
        Ok(Playbook {
            version: Digest::of([b"trial".as_slice()]),
            files: BTreeMap::new(),
            clockwork: Clockwork {
                calendars: Calendars::new(calendar.clone(), self.calendars.iter().cloned()),
                yellow: windows.yellow,
                pause_limit: Some(windows.pause_limit),
                rules: rules.keys().cloned().collect(),
            },
            rulebook,
            maps: BTreeMap::new(),
            rules,
            office: self.office(calendar, periods),
            orders: order::Terms::default(),
            templates: Templates::new(std::iter::empty()).map_err(|error| at("templates", error))?,
            language: Language::default(),
            signature: String::new(),
            base_url: None,
        })
    }

    fn calendar(&self, wanted: Option<&str>, place: &str) -> Result<Arc<Calendar>, SettingProblem> {
        let folders: Vec<&Path> = self.folders.iter().map(PathBuf::as_path).collect();
        let found = calendars::find(wanted.unwrap_or(calendars::DEFAULT), &folders);
        found.map(Arc::new).map_err(|error| at(place, error))
    }

    fn rulebook(&self, rule: &str, tables: &Tables, calendar: &Calendar) -> Result<Rulebook, SettingProblem> {
        let path = self.rules.join(format!("{rule}.rhai"));
        let text = calendars::read_text(&path).map_err(|error| at(path.display(), error))?;
        if let Some((_, file)) = tables.read_by(&text).find(|(name, _)| !tables.tables().any(|known| known == *name)) {
            let path = self.rules.join(file);
            return Err(at(path.display(), format!("expected a table, which {rule}.rhai reads: no such file")));
        }
        let file = RuleFile { name: rule.to_owned(), path: path.display().to_string(), text };
        Rulebook::compile(&[file], tables, calendar.zone())
            .map_err(|errors| SettingProblem(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
    }

    fn office(&self, calendar: Arc<Calendar>, periods: BTreeMap<Arc<str>, Period>) -> Office {
        Office {
            directory: self.directory.clone(),
            ladders: self.ladders.clone(),
            ladder: crate::config::NotifyConfig::default().ladder,
            periods,
            routes: Vec::new(),
            preferences: Vec::new(),
            channels: self.channels.clone(),
            confidential: Matcher::default(),
            quiet: calendar,
            lists_at: crate::config::NotifyConfig::default().list_times().unwrap_or_default(),
            pace: None,
            rehearsal: false,
        }
    }
}

/// Lets an item be handled by the contact of that role.
pub(super) fn name_owner(item: &mut Item) {
    item.fields.set("owner", Value::text(HANDLER));
}

fn optional(path: &Path) -> Result<Option<String>, SettingProblem> {
    if !path.is_file() {
        return Ok(None);
    }
    calendars::read_text(path).map(Some).map_err(|error| at(path.display(), error))
}

/// The parameters and tables of a folder of rules.
pub fn tables(rules: &Path) -> Result<Tables, SettingProblem> {
    let mut tables = Tables::new();
    let problem = |error: crate::rules::table::TableError| SettingProblem(error.to_string());
    let path = rules.join("params.toml");
    if let Some(text) = optional(&path)? {
        tables.read_params(&path.display().to_string(), &text).map_err(problem)?;
    }
    for (name, file) in tables.named().clone() {
        let path = rules.join(file);
        // Only a rule that reads it needs it.
        if let Some(text) = optional(&path)? {
            tables.read_table(&name, &path.display().to_string(), &text).map_err(problem)?;
        }
    }
    Ok(tables)
}

/// All calendars that a rule may name.
fn calendars_of(folders: &[PathBuf]) -> Result<Vec<Arc<Calendar>>, SettingProblem> {
    let (own, folders) = (&folders[1..], folders.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    let own: Vec<&Path> = own.iter().map(PathBuf::as_path).collect();
    let find = |name: String| calendars::find(&name, &folders).map(Arc::new).map_err(|error| at(name, error));
    calendars::known(&own).into_iter().map(find).collect()
}

/// A contact for each role that a ladder names, reached by every channel.
fn everybody(ladders: &BTreeMap<String, Ladder>) -> String {
    let steps = ladders.values().flat_map(|ladder| &ladder.steps);
    let counts = ladders.values().flat_map(|ladder| &ladder.counts).flat_map(|count| &count.roles);
    let roles: BTreeSet<&String> = steps.flat_map(|step| step.roles(Level::Red)).chain(counts).collect();
    let lines = roles.iter().zip(13_800_000_001_u64..);
    let lines = lines.map(|(role, mobile)| format!("{role},{role},{role},{mobile},{role}@example.com,{role}\n"));
    format!("id,name,roles,mobile,email,im\n{}", lines.collect::<String>())
}

fn channels(ladders: &BTreeMap<String, Ladder>) -> BTreeMap<Arc<str>, ChannelTerms> {
    let steps = ladders.values().flat_map(|ladder| &ladder.steps);
    let counts = ladders.values().flat_map(|ladder| &ladder.counts).flat_map(|count| &count.channels);
    let names = steps.flat_map(|step| step.yellow.iter().chain(&step.red)).chain(counts);
    let medium = |name: &str| match name {
        "mail" => Medium::Mail,
        "sms" => Medium::Sms,
        _ => Medium::Im,
    };
    names.map(|name| (Arc::from(name.as_str()), ChannelTerms::of(medium(name)))).collect()
}
