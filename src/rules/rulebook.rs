//! [`Rulebook`]: the rules of a playbook, compiled once, and how an item is judged by them.
//!
//! **Invariant:** a rulebook never changes; equal items get equal judgements from it on equal days.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use rhai::{AST, Dynamic, Engine, FuncArgs, Position};

use super::budget;
use super::call::call;
use super::days::{self, Day};
use super::engine::{FILE, engine};
use super::error::{ErrorKind, RuleError, Source};
use super::facts::{Subject, kind_of, register_properties};
use super::kinds;
use super::lint::{self, Reads};
use super::shape;
use super::table::Tables;
use super::version::{Meta, Recheck, reaches_outside};
use super::vocabulary::{DeclaredFinding, DeclaredWindow};
use crate::core::Instant;
use crate::core::digest::Digest;
use crate::core::item::Item;
use crate::core::window::{Finding, Window};

/// One file of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFile {
    /// The rule's name: the path below the rules' folder, without `.rhai`.
    pub name: String,
    /// The path, as shown to people.
    pub path: String,
    /// The text.
    pub text: String,
}

/// An older version of a rule, as it was stored, with the tables that it read.
#[derive(Debug, Clone)]
pub struct StoredRule {
    /// The file.
    pub file: RuleFile,
    /// The parameters and tables of that time.
    pub tables: Tables,
}

/// All rules of a playbook.
#[derive(Debug)]
pub struct Rulebook {
    rules: Vec<Rule>,
    zone: Tz,
}

/// What is known of a rule without running it.
#[derive(Debug, Clone)]
pub struct RuleInfo {
    /// The name.
    pub name: Arc<str>,
    /// The file, as shown.
    pub path: Arc<str>,
    /// The text.
    pub text: Arc<str>,
    /// Title, basis, time of effect, recheck.
    pub meta: Meta,
    /// Identity of the text and of the parameters and tables that it reads.
    pub version: Digest,
    /// Kinds of items that it can apply to; none if it does not ask for them first.
    pub kinds: Vec<String>,
    /// Fields of the item that it reads.
    pub fields: Vec<String>,
    /// Parameters that it reads.
    pub params: Vec<String>,
    /// Tables that it reads.
    pub tables: Vec<String>,
}

/// What one rule says about an item to which it applies, or why it cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The rule.
    pub rule: Arc<str>,
    /// Its version.
    pub version: Digest,
    /// The answer.
    pub result: Result<Judged, RuleError>,
}

/// The answer of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judged {
    /// The windows, in the order in which the rule names them.
    pub windows: Vec<Window>,
    /// The findings.
    pub findings: Vec<Finding>,
    /// The windows that an older version of the rule declared, with that version.
    pub older: Vec<(Arc<str>, Digest)>,
    /// What the rule printed, if [`Rulebook::explain`] was asked.
    pub printed: Vec<String>,
}

#[derive(Debug)]
struct Rule {
    current: Edition,
    /// Newest first; only those that speak for a time for which no newer one does.
    older: Vec<Edition>,
}

/// One version of a rule, ready to run.
#[derive(Debug)]
struct Edition {
    source: Source,
    meta: Meta,
    kinds: Option<Vec<String>>,
    reads: Reads,
    version: Digest,
    ast: AST,
    hooks: Hooks,
    engine: Engine,
    /// Engines of regions that lay a value over a parameter which this rule reads.
    regions: BTreeMap<String, Engine>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Hooks {
    applies: bool,
    windows: bool,
    findings: bool,
}

impl Rulebook {
    /// Compiles rules; all that is wrong with any of them is told at once. `zone` is the office's, for dates.
    pub fn compile(files: &[RuleFile], tables: &Tables, zone: Tz) -> Result<Self, Vec<RuleError>> {
        Self::compile_with(files, tables, &[], zone)
    }

    /// Compiles rules together with stored older versions of them, newest first. An older version that no longer
    /// compiles is left out: what it timed is not judged.
    pub fn compile_with(
        files: &[RuleFile],
        tables: &Tables,
        stored: &[StoredRule],
        zone: Tz,
    ) -> Result<Self, Vec<RuleError>> {
        let mut rules = Vec::with_capacity(files.len());
        let mut errors = Vec::new();
        for file in files {
            match Edition::compile(file, tables, zone) {
                Ok(current) => {
                    let of_rule = stored.iter().filter(|stored| stored.file.name == file.name);
                    let older = older_editions(&current, of_rule, zone);
                    rules.push(Rule { current, older });
                }
                Err(found) => errors.extend(found),
            }
        }
        if errors.is_empty() { Ok(Self { rules, zone }) } else { Err(errors) }
    }

    /// The rules, in the order in which they were given.
    pub fn rules(&self) -> impl Iterator<Item = RuleInfo> {
        self.rules.iter().map(|rule| rule.current.info())
    }

    /// Everything that rules read and no source maps; `mapped` are the names of all fields that any source maps, `kinds`
    /// the kinds of items that sources give, if that is known. A rule for other kinds waits for a source of them.
    pub fn unmapped(&self, mapped: &BTreeSet<&str>, kinds: Option<&BTreeSet<String>>) -> Vec<RuleError> {
        let is_asked = |edition: &&Edition| match (&edition.kinds, kinds) {
            (Some(own), Some(kinds)) => own.iter().any(|kind| kinds.contains(kind)),
            _ => true,
        };
        let of = |edition: &Edition| edition.complaints(lint::unmapped(&edition.reads, mapped));
        self.rules.iter().map(|rule| &rule.current).filter(is_asked).flat_map(of).collect()
    }

    /// Judges an item by every rule: an entry for each rule that applies to it or fails on it. A rule without an entry
    /// was asked and does not apply. `today` is seen by the findings of RECHECK rules only.
    pub fn judge(&self, item: &Arc<Item>, today: NaiveDate) -> Vec<Judgement> {
        self.judge_by(item, today, |_| true)
    }

    /// As [`Self::judge`], only by the rules that are asked for.
    pub fn judge_by(&self, item: &Arc<Item>, today: NaiveDate, is_asked: impl Fn(&str) -> bool) -> Vec<Judgement> {
        let asked = self.rules.iter().filter(|rule| is_asked(&rule.current.source.name));
        asked.filter_map(|rule| rule.judge(item, today, self.zone)).collect()
    }

    /// As [`Self::judge`], only by the rules that are judged again at such a date.
    pub fn recheck(&self, item: &Arc<Item>, today: NaiveDate, recheck: Recheck) -> Vec<Judgement> {
        let due = self.rules.iter().filter(|rule| rule.current.meta.recheck == Some(recheck));
        due.filter_map(|rule| rule.judge(item, today, self.zone)).collect()
    }

    /// As [`Self::judge`], with what the rules print.
    pub fn explain(&self, item: &Arc<Item>, today: NaiveDate) -> Vec<Judgement> {
        let explained = self.rules.iter().filter_map(|rule| {
            budget::collect_print();
            let judgement = rule.judge(item, today, self.zone);
            let printed = budget::take_print();
            judgement.map(|mut judgement| {
                if let Ok(judged) = &mut judgement.result {
                    judged.printed = printed;
                }
                judgement
            })
        });
        explained.collect()
    }
}

fn older_editions<'a>(current: &Edition, stored: impl Iterator<Item = &'a StoredRule>, zone: Tz) -> Vec<Edition> {
    let mut older: Vec<Edition> = Vec::new();
    for stored in stored {
        let Ok(edition) = Edition::compile(&stored.file, &stored.tables, zone) else { continue };
        let shadowed = std::iter::once(current).chain(&older).any(|newer| newer.meta.shadows(&edition.meta));
        if !shadowed {
            older.push(edition);
        }
    }
    older
}

impl Rule {
    fn judge(&self, item: &Arc<Item>, today: NaiveDate, zone: Tz) -> Option<Judgement> {
        let current = &self.current;
        let result = match current.judge(item, Some(today), zone) {
            Ok(judged) => self.with_older(judged, item, zone),
            Err(error) => Err(error),
        };
        let (rule, version) = (current.source.name.clone(), current.version);
        match result {
            Ok(None) => None,
            Ok(Some(judged)) => Some(Judgement { rule, version, result: Ok(judged) }),
            Err(error) => Some(Judgement { rule, version, result: Err(error) }),
        }
    }

    /// Leaves windows that start outside this version's time to the newest version that speaks for it.
    fn with_older(&self, judged: Option<Judged>, item: &Arc<Item>, zone: Tz) -> Result<Option<Judged>, RuleError> {
        let meta = &self.current.meta;
        let mut applies = judged.is_some();
        let mut judged = judged.unwrap_or_default();
        if meta.effective.is_none() && meta.expires.is_none() {
            return Ok(applies.then_some(judged));
        }
        judged.windows.retain(|window| window.from.is_none_or(|from| meta.covers(from, zone)));
        if self.older.is_empty() || !reaches_outside(item, meta, zone) {
            return Ok(applies.then_some(judged));
        }
        let mut newer = vec![meta];
        for edition in &self.older {
            let mine =
                |from: Instant| edition.meta.covers(from, zone) && !newer.iter().any(|newer| newer.covers(from, zone));
            for window in edition.judge(item, None, zone)?.unwrap_or_default().windows {
                let named = judged.windows.iter().any(|other| other.name == window.name);
                if !named && window.from.is_some_and(mine) {
                    applies = true;
                    judged.older.push((window.name.clone(), edition.version));
                    judged.windows.push(window);
                }
            }
            newer.push(&edition.meta);
        }
        Ok(applies.then_some(judged))
    }
}

impl Edition {
    fn compile(file: &RuleFile, tables: &Tables, zone: Tz) -> Result<Self, Vec<RuleError>> {
        let source = Source {
            name: file.name.as_str().into(),
            path: file.path.as_str().into(),
            text: file.text.as_str().into(),
        };
        let fail = |complaints: Vec<shape::Complaint>| {
            let error = |(message, at)| source.error(ErrorKind::Text, message, at);
            complaints.into_iter().map(error).collect::<Vec<_>>()
        };
        if file.text.len() > FILE {
            let problem = format!("a rule has at most {} KiB, got {} KiB", FILE / 1024, file.text.len() / 1024);
            return Err(fail(vec![(problem, Position::NONE)]));
        }
        let mut compiler = sandbox(tables, None, zone);
        let ast = compiler.compile(&file.text).map_err(|error| vec![source.parse_error(&error)])?;
        let mut complaints = shape::complaints(&ast);
        let meta = Meta::read(&ast);
        complaints.extend(lint::hooks(&ast, meta.as_ref().ok()));
        let meta = meta.unwrap_or_else(|found| {
            complaints.extend(found);
            Meta::default()
        });
        complaints.extend(lint::names(&ast, tables));
        if !complaints.is_empty() {
            return Err(fail(complaints));
        }
        let reads = Reads::of(&ast);
        let properties = || reads.properties.iter().map(String::as_str);
        register_properties(&mut compiler, properties());
        let regions = tables.regions_of(&reads.params).map(|region| {
            let mut engine = sandbox(tables, Some(region), zone);
            register_properties(&mut engine, properties());
            (region.to_owned(), engine)
        });
        let regions = regions.collect();
        let read = tables.digest(&reads.params, &reads.tables).to_string();
        let version = Digest::of([file.text.as_bytes(), read.as_bytes()]);
        let (hooks, kinds) = (Hooks::of(&ast), kinds::of(&ast));
        Ok(Self { source, meta, kinds, reads, version, ast, hooks, engine: compiler, regions })
    }

    fn info(&self) -> RuleInfo {
        RuleInfo {
            name: self.source.name.clone(),
            path: self.source.path.clone(),
            text: self.source.text.clone(),
            meta: self.meta.clone(),
            version: self.version,
            kinds: self.kinds.clone().unwrap_or_default(),
            fields: self.reads.fields.keys().cloned().collect(),
            params: self.reads.params.clone(),
            tables: self.reads.tables.clone(),
        }
    }

    fn complaints(&self, complaints: Vec<shape::Complaint>) -> Vec<RuleError> {
        complaints.into_iter().map(|(message, at)| self.source.error(ErrorKind::Text, message, at)).collect()
    }

    /// The answer of this version; `None` where it does not apply. Without `today` it is asked for windows only.
    fn judge(&self, item: &Arc<Item>, today: Option<NaiveDate>, zone: Tz) -> Result<Option<Judged>, RuleError> {
        if self.kinds.as_ref().is_some_and(|kinds| !kinds.iter().any(|kind| **kind == *item.kind)) {
            return Ok(None);
        }
        let engine = item.text("region").and_then(|region| self.regions.get(region)).unwrap_or(&self.engine);
        let subject = || Dynamic::from(Subject(item.clone()));
        if self.hooks.applies {
            let answer = self.call(engine, "applies", (subject(),))?;
            match answer.as_bool() {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(_) => return Err(self.promised("applies", "true or false", kind_of(&answer))),
            }
        }
        let mut judged = Judged::default();
        if self.hooks.windows {
            let answer = self.call(engine, "windows", (subject(),))?;
            judged.windows = self
                .declared(answer, "windows", "window(…)", |window: DeclaredWindow| Arc::unwrap_or_clone(window.0))?;
        }
        if let Some(today) = today.filter(|_| self.hooks.findings) {
            let answer = if self.meta.recheck.is_some() {
                self.call(engine, "findings", (subject(), Dynamic::from(Day::new(today, zone))))?
            } else {
                self.call(engine, "findings", (subject(),))?
            };
            judged.findings =
                self.declared(answer, "findings", "yellow(…) or red(…)", |finding: DeclaredFinding| {
                    Arc::unwrap_or_clone(finding.0)
                })?;
        }
        self.check_names(&judged)?;
        Ok(Some(judged))
    }

    fn call(&self, engine: &Engine, hook: &str, arguments: impl FuncArgs) -> Result<Dynamic, RuleError> {
        call(engine, &self.ast, &self.source, hook, arguments, || self.start_of(hook))
    }

    fn start_of(&self, hook: &str) -> Position {
        shape::functions(&self.ast).get(hook).map_or(Position::NONE, |function| function.start)
    }

    fn promised(&self, hook: &str, expected: &str, got: &str) -> RuleError {
        self.source.error(ErrorKind::Result, format!("{hook} returns {expected}, got {got}"), self.start_of(hook))
    }

    fn declared<T: Clone + Send + Sync + 'static, U>(
        &self,
        answer: Dynamic,
        hook: &str,
        what: &str,
        take: impl Fn(T) -> U,
    ) -> Result<Vec<U>, RuleError> {
        let kind = kind_of(&answer);
        let list = answer.into_array().map_err(|_| self.promised(hook, &format!("a list of {what}"), kind))?;
        let take = |(n, element): (usize, Dynamic)| {
            element.try_cast_result::<T>().map(&take).map_err(|element| {
                let got = format!("{} in place {}", kind_of(&element), n + 1);
                self.promised(hook, &format!("a list of {what}"), &got)
            })
        };
        list.into_iter().enumerate().map(take).collect()
    }

    fn check_names(&self, judged: &Judged) -> Result<(), RuleError> {
        let names = || judged.windows.iter().map(|w| &w.name).chain(judged.findings.iter().map(|f| &f.name));
        for (n, name) in names().enumerate() {
            if names().take(n).any(|earlier| earlier == name) {
                let message = format!("two windows or findings are called {name:?}");
                let hook = if self.hooks.windows { "windows" } else { "findings" };
                return Err(self.source.error(ErrorKind::Result, message, self.start_of(hook)));
            }
        }
        Ok(())
    }
}

impl Hooks {
    fn of(ast: &AST) -> Self {
        let functions = shape::functions(ast);
        let has = |hook| functions.contains_key(hook);
        Self { applies: has("applies"), windows: has("windows"), findings: has("findings") }
    }
}

fn sandbox(tables: &Tables, region: Option<&str>, zone: Tz) -> Engine {
    let mut engine = engine();
    days::set_zone(&mut engine, zone);
    engine.register_static_module("param", tables.params_module(region).into());
    engine.register_static_module("table", tables.tables_module().into());
    engine
}
