//! A house: the sources of a site, polled by hand on a clock that is moved by hand, over a store that outlives its
//! processes. Nothing is sent.

use std::sync::Arc;

use chrono::TimeDelta;
use duban::core::Instant;
use duban::core::item::ItemKey;
use duban::daemon::poll::{Poll, Report};
use duban::daemon::wiring::{Polled, Site as ReadSite};
use duban::pipeline::{Done, Pipeline};
use duban::playbook::Playbook;
use duban::store::memory::MemoryStore;
use duban::store::sqlite::SqliteStore;
use duban::store::{ItemRecord, PlaybookRecord, Store};
use duban::time::{Clock as _, TestClock};
use tokio::runtime::{Builder, Runtime};

use super::site::Site;

/// Where a house keeps its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    Memory,
    Sqlite,
}

/// A process on a site.
pub struct House {
    pub site: Site,
    runtime: Runtime,
    clock: Arc<TestClock>,
    keeps: Keeps,
    memory: Arc<MemoryStore>,
    life: Option<Life>,
}

struct Life {
    store: Arc<dyn Store>,
    playbook: Arc<Playbook>,
    pipeline: Pipeline,
    sources: Vec<Polled>,
}

impl House {
    /// Starts a process on a site.
    #[track_caller]
    pub fn at(site: Site, keeps: Keeps, now: Instant) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let clock = Arc::new(TestClock::at(now));
        let mut house = Self { site, runtime, clock, keeps, memory: Arc::default(), life: None };
        house.start();
        house
    }

    /// Ends the process that runs, if one does, and starts another on the same memory.
    #[track_caller]
    pub fn start(&mut self) {
        if let Some(life) = self.life.take() {
            self.runtime.block_on(life.store.close());
        }
        let store: Arc<dyn Store> = match self.keeps {
            Keeps::Memory => {
                self.memory = Arc::new(self.memory.after_sudden_end());
                self.memory.clone()
            }
            Keeps::Sqlite => {
                let path = self.site.path("duban.db");
                Arc::new(self.runtime.block_on(SqliteStore::open(path)).expect("a store"))
            }
        };
        let last_good = self.runtime.block_on(store.playbook()).expect("a playbook");
        let life = self.read(store, last_good.as_ref()).unwrap_or_else(|problems| panic!("{problems}"));
        self.life = Some(life);
    }

    /// Reloads the files; or says why they are refused.
    pub fn reload(&mut self) -> Result<(), String> {
        let store = self.life().store.clone();
        self.life = Some(self.read(store, None)?);
        Ok(())
    }

    /// Moves the clock on.
    pub fn until(&self, now: Instant) {
        self.clock.advance_to(now);
    }

    /// Lets a minute pass.
    pub fn minute(&self) {
        self.until(self.clock.now() + TimeDelta::minutes(1));
    }

    /// Polls a source.
    #[track_caller]
    pub fn poll(&self, source: &str) -> Report {
        let Life { store, playbook, pipeline, sources } = self.life();
        let polled = sources.iter().find(|polled| *polled.name == *source).expect("a source");
        let (heard, clock, now) = (&|_: &Done| {}, &*self.clock, self.clock.now());
        let poll = Poll { polled, store, pipeline, playbook, heard, clock, now };
        self.runtime.block_on(poll.run()).expect("a poll")
    }

    /// What is remembered of an item.
    #[track_caller]
    pub fn record(&self, source: &str, id: &str) -> ItemRecord {
        let key = ItemKey::new(source, id);
        let mut found = self.runtime.block_on(self.life().store.load(&[key])).expect("loaded");
        found.pop().unwrap_or_else(|| panic!("{id} of {source} is not known"))
    }

    /// The titles of these items.
    #[track_caller]
    pub fn titles(&self, source: &str, ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| self.record(source, id).item.title().to_owned()).collect()
    }

    /// What is in force.
    pub fn playbook(&self) -> &Playbook {
        &self.life().playbook
    }

    fn life(&self) -> &Life {
        self.life.as_ref().expect("a process")
    }

    fn read(&self, store: Arc<dyn Store>, last_good: Option<&PlaybookRecord>) -> Result<Life, String> {
        let shown = |problems: Vec<duban::config::ConfigProblem>| {
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        let read = ReadSite::read(&self.site.path("duban.toml")).map_err(shown)?;
        let wiring = read.wire(&[], last_good, &|_| None).map_err(shown)?;
        let (playbook, pipeline) = (Arc::new(wiring.playbook), Pipeline::new(store.clone()));
        let (version, files, at) = (playbook.version, playbook.files.clone(), self.clock.now());
        let record = PlaybookRecord { version, at, by: "start".into(), files };
        let rules = playbook.rule_records(at, "start");
        self.runtime.block_on(store.put_playbook(&record, &rules, None)).expect("in force");
        Ok(Life { store, playbook, pipeline, sources: wiring.sources })
    }
}
