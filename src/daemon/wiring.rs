//! Wiring: from `duban.toml` to the parts that run: ways out of the house, sources with their schedules, the playbook.
//!
//! **Invariant:** everything that can be wrong is found here, all at once, before anything runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use secrecy::{ExposeSecret as _, SecretString};

use crate::answer::Hook;
use crate::answer::reply::ReplyFields;
use crate::config::{ChannelConfig, Config, ConfigProblem, ONE_KIND, ONE_SOURCE, RehearsalTo, SourceConfig};
use crate::core::contact::Medium;
use crate::core::delivery::RetryPolicy;
use crate::core::digest::Digest;
use crate::core::item::ALWAYS;
use crate::core::order;
use crate::core::rate::Rates;
use crate::courier::{Rehearsal, Way, Ways};
use crate::playbook::{Files, Playbook, gather, read_map};
use crate::rules::maps::RowMap;
use crate::schedule::Schedule;
use crate::secret::SecretRef;
use crate::source::Source;
use crate::source::attach::AttachConfig;
use crate::source::csv::CsvSource;
use crate::source::guard::GuardLimits;
use crate::source::http::HttpSource;
use crate::source::joined::{Attached, Joined};
use crate::source::ledger::SheetSource;
use crate::source::mapping::Mapping;
use crate::source::push::PushSource;
use crate::source::sql::{MySqlSource, PostgresSource, SqlConfig};
use crate::source::sqlite::SqliteSource;
use crate::source::terms::{Expected, PollTerms};
use crate::source::waiting::Waiting;
use crate::store::{PlaybookRecord, RuleRecord};
use crate::tell::link::SHORTEST_KEY;
use crate::tell::plan::ChannelTerms;
use crate::time::SystemClock;
use crate::wire::email::Smtp;
use crate::wire::folder::{Folder, FolderConfig};
use crate::wire::heartbeat::Heartbeat;
use crate::wire::robot::{Messenger, robot};
use crate::wire::sms;
use crate::wire::vendor::Vendor;
use crate::wire::webhook::Webhook;
use crate::wire::{ChannelError, SharedChannel};

/// Looks up a variable of the environment.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A configuration file that was read.
#[derive(Debug, Clone)]
pub struct Site {
    /// The file, as shown to people.
    pub path: PathBuf,
    /// Its folder: relative paths are relative to it.
    pub base: PathBuf,
    /// What it says.
    pub config: Config,
}

/// A source with what holds for its polls.
pub struct Polled {
    /// Its name.
    pub name: Arc<str>,
    /// The source.
    pub source: Arc<dyn Source>,
    /// The columns that it must have.
    pub columns: Vec<String>,
    /// When it is polled; a source that calls by itself is not.
    pub schedule: Option<Schedule>,
    /// When a poll is believed.
    pub guard: GuardLimits,
    /// What is asked for, and what follows from it.
    pub terms: PollTerms,
    /// How pauses are inferred from the states in which items were seen, if they are.
    pub waiting: Option<Waiting>,
    /// The identity of its mapping.
    pub version: Digest,
}

/// The maps of sources, by the sources' names.
type Maps = BTreeMap<String, Arc<RowMap>>;

/// A source that calls by itself.
pub struct Caller {
    /// What holds for its calls.
    pub polled: Polled,
    /// What reads them.
    pub source: Arc<PushSource>,
    /// What a caller has to know.
    pub token: SecretString,
    /// The most bytes of one call.
    pub max_bytes: usize,
    /// How long it may be silent, if somebody said so.
    pub silent_after: Option<Duration>,
}

/// Everything that a configuration makes.
pub struct Wiring {
    /// The ways out of the house.
    pub ways: Ways,
    /// The sources.
    pub sources: Vec<Polled>,
    /// The sources that call by themselves.
    pub callers: Vec<Caller>,
    /// The playbook.
    pub playbook: Playbook,
    /// Why the last good playbook runs instead of the files; empty if the files are in force.
    pub degraded: Vec<ConfigProblem>,
    /// The key of links, if the configuration names one.
    pub link_key: Option<SecretString>,
    /// The channels whose peers may call.
    pub hooks: BTreeMap<Arc<str>, Hook>,
    /// The monitor that hears from us, and how often.
    pub heartbeat: Option<(Heartbeat, Duration)>,
}

impl Site {
    /// Reads a configuration file.
    pub fn read(path: &Path) -> Result<Self, Vec<ConfigProblem>> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|e| vec![ConfigProblem::at(&*shown, format!("expected a configuration that can be read: {e}"))])?;
        let config = Config::read(&shown, &text)?;
        let base = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        Ok(Self { path: path.to_owned(), base, config })
    }

    /// Where the SQLite file lies.
    pub fn store_path(&self, lookup: Lookup<'_>) -> PathBuf {
        self.state_folder(lookup).join(&self.config.store.sqlite)
    }

    /// What duban itself writes lies below the state directory if systemd gives one, since the service may write nowhere
    /// else; without one, beside the configuration.
    pub(super) fn state_folder(&self, lookup: Lookup<'_>) -> PathBuf {
        lookup("STATE_DIRECTORY").map_or_else(|| self.base.clone(), PathBuf::from)
    }

    /// Makes everything that runs; all problems come at once. Where the files of the playbook do not load, the one of
    /// `last_good` takes their place, if there is one.
    pub fn wire(
        &self,
        versions: &[RuleRecord],
        last_good: Option<&PlaybookRecord>,
        lookup: Lookup<'_>,
    ) -> Result<Wiring, Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        let channels = self.channels(lookup, &mut problems);
        let rehearsal = self.rehearsal(&channels, lookup, &mut problems);
        let built = self.gather(&channels).and_then(|files| Playbook::build(files, versions));
        let (playbook, degraded) = match (built, last_good) {
            (Ok(playbook), _) => (Some(playbook), Vec::new()),
            (Err(found), Some(record)) => (keep(Playbook::build(record.files.clone(), versions), &mut problems), found),
            (Err(found), None) => {
                problems.extend(found);
                (None, Vec::new())
            }
        };
        let zone = playbook.as_ref().map_or(Tz::UTC, |p: &Playbook| p.calendar().zone());
        // Without a playbook it was told already what is wrong with them.
        let maps = playbook.as_ref().map_or_else(Maps::new, |playbook| self.maps(&playbook.maps, &mut problems));
        let sources = self.sources(zone, &maps, lookup, &mut problems);
        let callers = self.callers(zone, &maps, lookup, &mut problems);
        let link_key = self.link_key(lookup, &mut problems);
        let hooks = self.hooks(&channels, lookup, &mut problems);
        let heartbeat = keep(self.heartbeat().map_err(|problem| vec![problem]), &mut problems).flatten();
        match (playbook, rehearsal, problems.is_empty()) {
            (Some(playbook), Some(rehearsal), true) => {
                let ways = Ways { channels, rehearsal };
                Ok(Wiring { ways, sources, callers, playbook, degraded, link_key, hooks, heartbeat })
            }
            _ => Err(problems),
        }
    }

    /// The sources alone, for commands that only look.
    pub fn sources_alone(&self, zone: Tz, lookup: Lookup<'_>) -> Result<Vec<Polled>, Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        let maps = self.maps(&Maps::new(), &mut problems);
        let sources = self.sources(zone, &maps, lookup, &mut problems);
        if problems.is_empty() { Ok(sources) } else { Err(problems) }
    }

    /// One source alone, with those attached to it; what is wrong with others does not matter. Nothing if there is none
    /// of this name that is polled.
    pub fn source_alone(&self, name: &str, lookup: Lookup<'_>) -> Result<Option<Polled>, Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        let maps = self.maps(&Maps::new(), &mut problems);
        // Only a schedule needs the zone, and nobody waits for it here.
        let found =
            self.sources(Tz::UTC, &maps, lookup, &mut problems).into_iter().find(|polled| *polled.name == *name);
        let attached = self.config.source.get(name).into_iter().flat_map(|config| config.attach.values());
        let needed = attached.map(|attach| attach.source.as_str()).chain([name]);
        let places = needed.flat_map(|name| {
            let map = self.config.source.get(name).and_then(|config| config.mapping.map.as_ref());
            let map = map.map(|path| path.display().to_string());
            [self.shown(&format!("source.{name}"))].into_iter().chain(map)
        });
        let places: Vec<String> = places.collect();
        let is_of = |place: &str, problem: &ConfigProblem| {
            let rest = problem.place.strip_prefix(place);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ':']))
        };
        problems.retain(|problem| places.iter().any(|place| is_of(place, problem)));
        if problems.is_empty() { Ok(found) } else { Err(problems) }
    }

    /// What reads a source, for who only looks at what it has; the error is of its keys.
    pub fn look_into(
        &self,
        name: &str,
        config: &SourceConfig,
        mapping: Mapping,
        lookup: Lookup<'_>,
    ) -> Result<Arc<dyn Source>, Vec<ConfigProblem>> {
        let wrong = |(key, problem): (&str, String)| {
            vec![ConfigProblem::at(self.shown(&format!("source.{name}{key}")), problem)]
        };
        self.connector(config, Arc::new(mapping), lookup).map_err(wrong)
    }

    /// When each source is expected to show something.
    pub fn expected(&self, zone: Tz) -> BTreeMap<Arc<str>, Expected> {
        let expected = |config: &SourceConfig| Expected {
            schedule: schedule(config, zone).ok().flatten(),
            silent_after: config.push.as_ref().and_then(|push| push.silent_after),
            blind_after: config.blind_after,
        };
        self.config.source.iter().map(|(name, config)| (name.as_str().into(), expected(config))).collect()
    }

    /// The playbook alone, without secrets and channels: for commands that send nothing.
    pub fn playbook_alone(&self) -> Result<Playbook, Vec<ConfigProblem>> {
        let terms = |config: &ChannelConfig| terms(config, config.medium(), Rates::default());
        let channels = self.config.channels.iter().map(|(name, c)| (name.clone(), terms(c))).collect();
        let files = gather(&self.config, &self.base, channels, self.mapped(), self.kinds())?;
        Playbook::build(files, &[])
    }

    /// The same with other lists of people in the place of its files, by their names in a playbook.
    pub fn playbook_with(&self, lists: [(&str, String); 2]) -> Result<Playbook, Vec<ConfigProblem>> {
        let terms = |config: &ChannelConfig| terms(config, config.medium(), Rates::default());
        let channels = self.config.channels.iter().map(|(name, c)| (name.clone(), terms(c))).collect();
        let mut files = gather(&self.config, &self.base, channels, self.mapped(), self.kinds())?;
        files.extend(lists.map(|(name, text)| (name.to_owned(), text)));
        Playbook::build(files, &[])
    }

    fn gather(&self, channels: &BTreeMap<Arc<str>, Way>) -> Result<Files, Vec<ConfigProblem>> {
        let terms = |(name, way): (&Arc<str>, &Way)| {
            let config = &self.config.channels[&**name];
            (name.to_string(), terms(config, way.channel.medium(), way.channel.rates()))
        };
        gather(&self.config, &self.base, channels.iter().map(terms).collect(), self.mapped(), self.kinds())
    }

    /// The fields that any source maps; unknown while a mapping is wrong, which is told in its own place.
    pub fn mapped(&self) -> Option<BTreeSet<String>> {
        if self.config.source.is_empty() {
            return None;
        }
        let mut mapped: BTreeSet<String> = ALWAYS.iter().map(|name| (*name).to_owned()).collect();
        for (name, source) in &self.config.source {
            mapped.extend(source.attach.keys().cloned());
            let mapping = Mapping::new(name, &source.mapping).ok()?;
            mapped.extend(mapping.fields().into_iter().map(|field| field.name.to_string()));
        }
        let is_enabled = |rule: &String| self.config.rules.enabled.contains(rule);
        if self.config.orders.rules.iter().any(is_enabled) {
            mapped.extend(order::item::FIELDS.iter().map(|name| (*name).to_owned()));
        }
        Some(mapped)
    }

    /// The kinds of items that there can be; unknown while there is no source, and where a column says the kind.
    fn kinds(&self) -> Option<BTreeSet<String>> {
        let of = |source: &SourceConfig| source.mapping.kind.constant().map(str::to_owned);
        let kinds: Option<BTreeSet<String>> = self.config.source.values().map(of).collect();
        let mut kinds = kinds.filter(|kinds| !kinds.is_empty())?;
        kinds.insert(order::KIND.to_owned());
        Some(kinds)
    }

    fn shown(&self, key: &str) -> String {
        format!("{}: {key}", self.path.display())
    }

    fn channels(&self, lookup: Lookup<'_>, problems: &mut Vec<ConfigProblem>) -> BTreeMap<Arc<str>, Way> {
        let mut channels = BTreeMap::new();
        for (name, config) in &self.config.channels {
            let place = self.shown(&format!("channels.{name}"));
            match self.channel(config, lookup) {
                Ok(channel) => {
                    channels.insert(Arc::from(name.as_str()), Way { channel, retry: config.retry.clone() });
                }
                Err(problem) => problems.push(ConfigProblem::at(place, problem)),
            }
        }
        channels
    }

    /// Fetches a secret; that others may read it is said.
    pub(super) fn secret(&self, secret: &SecretRef, lookup: Lookup<'_>) -> Result<SecretString, String> {
        let resolved = secret.resolve(lookup, &self.base).map_err(|e| e.to_string())?;
        if let Some(warning) = resolved.warning {
            tracing::warn!("{warning}");
        }
        Ok(resolved.secret)
    }

    /// The key of links that the configuration names.
    fn link_key(&self, lookup: Lookup<'_>, problems: &mut Vec<ConfigProblem>) -> Option<SecretString> {
        let secret = self.config.notify.link_key.as_ref()?;
        let found = self.secret(secret, lookup).and_then(long_enough);
        keep(found.map_err(|problem| vec![ConfigProblem::at(self.shown("notify.link_key"), problem)]), problems)
    }

    /// The channels whose peers may call.
    fn hooks(
        &self,
        channels: &BTreeMap<Arc<str>, Way>,
        lookup: Lookup<'_>,
        problems: &mut Vec<ConfigProblem>,
    ) -> BTreeMap<Arc<str>, Hook> {
        let mut hooks = BTreeMap::new();
        for (name, way) in channels {
            let config = &self.config.channels[&**name];
            let Some(wanted) = &config.hooks else { continue };
            let key = self.secret(&wanted.key, lookup).and_then(path_part);
            let key = key.map_err(|problem| format!("hooks.key: {problem}"));
            let replies = config.replies.as_ref().map(ReplyFields::new).transpose();
            match (key, replies) {
                (Ok(key), Ok(replies)) => {
                    hooks.insert(name.clone(), Hook::new(way.channel.clone(), key, replies));
                }
                (key, replies) => {
                    let found = [key.err(), replies.err()].into_iter().flatten();
                    let place = self.shown(&format!("channels.{name}"));
                    problems.extend(found.map(|problem| ConfigProblem::at(&*place, problem)));
                }
            }
        }
        hooks
    }

    /// The monitor that hears from us, and how often.
    fn heartbeat(&self) -> Result<Option<(Heartbeat, Duration)>, ConfigProblem> {
        let mut config = self.config.heartbeat.clone();
        if config.url.is_empty() {
            return Ok(None);
        }
        config.seen_from(&self.base);
        let wrong = |problem: String| ConfigProblem::at(self.shown("heartbeat"), problem);
        let every = Schedule::parse(&config.every, Tz::UTC).ok().and_then(|schedule| schedule.interval());
        let every =
            every.ok_or_else(|| wrong(format!("every: expected an interval such as 1m, got {:?}", config.every)))?;
        let heartbeat = Heartbeat::new(&config).map_err(|e| wrong(e.to_string()))?;
        Ok(Some((heartbeat, every)))
    }

    fn channel(&self, config: &ChannelConfig, lookup: Lookup<'_>) -> Result<SharedChannel, String> {
        let secret = |secret: &SecretRef| self.secret(secret, lookup);
        let text = |e: ChannelError| e.to_string();
        if let Some(smtp) = &config.smtp {
            let mut smtp = smtp.clone();
            smtp.seen_from(&self.base);
            let password = config.password.as_ref().map(secret).transpose()?;
            return Ok(Arc::new(Smtp::new(&smtp, password).map_err(text)?));
        }
        let secrets = || {
            let secrets = config.secrets.iter().map(|(name, reference)| Ok((name.clone(), secret(reference)?)));
            secrets.collect::<Result<BTreeMap<_, _>, String>>()
        };
        if let Some(webhook) = &config.webhook {
            let mut webhook = webhook.clone();
            webhook.seen_from(&self.base);
            return Ok(Arc::new(Webhook::new(&webhook, secrets()?, Arc::new(SystemClock::start())).map_err(text)?));
        }
        if let Some(vendor) = self.vendor(config, secrets)? {
            return Ok(Arc::new(vendor));
        }
        let mut folder = config.folder.clone().ok_or(ONE_KIND)?;
        folder.seen_from(&self.base);
        Ok(Arc::new(Folder::new(&folder).map_err(text)?))
    }

    /// The channel to a vendor, if it is one.
    fn vendor(
        &self,
        config: &ChannelConfig,
        secrets: impl FnOnce() -> Result<BTreeMap<String, SecretString>, String>,
    ) -> Result<Option<Vendor>, String> {
        // The vendor compares a signature's time with the real one, whatever clock the rest runs on.
        let clock = Arc::new(SystemClock::start());
        let made = if let Some(aliyun) = &config.aliyun {
            let mut aliyun = aliyun.clone();
            aliyun.seen_from(&self.base);
            sms::aliyun(&aliyun, secrets()?, clock)
        } else if let Some(tencent) = &config.tencent {
            let mut tencent = tencent.clone();
            tencent.seen_from(&self.base);
            sms::tencent(&tencent, secrets()?, clock)
        } else {
            let robots = [
                (Messenger::DingTalk, &config.dingtalk),
                (Messenger::WeCom, &config.wecom),
                (Messenger::Feishu, &config.feishu),
            ];
            let found = robots.into_iter().find_map(|(messenger, robot)| Some((messenger, robot.clone()?)));
            let Some((messenger, mut config)) = found else { return Ok(None) };
            config.seen_from(&self.base);
            robot(messenger, &config, secrets()?, clock)
        };
        made.map(Some).map_err(|error| error.to_string())
    }

    fn rehearsal(
        &self,
        channels: &BTreeMap<Arc<str>, Way>,
        lookup: Lookup<'_>,
        problems: &mut Vec<ConfigProblem>,
    ) -> Option<Rehearsal> {
        match &self.config.notify.rehearsal_to {
            RehearsalTo::Address { channel, address } => {
                channels.get(channel.as_str()).map(|way| Rehearsal { way: way.clone(), address: address.clone() })
            }
            RehearsalTo::Folder(path) => {
                let mut folder = folder_at(path);
                folder.seen_from(&self.state_folder(lookup));
                match Folder::new(&folder) {
                    Ok(folder) => {
                        let way = Way { channel: Arc::new(folder), retry: RetryPolicy::default() };
                        Some(Rehearsal { way, address: "rehearsal@localhost".into() })
                    }
                    Err(e) => {
                        problems.push(ConfigProblem::at(self.shown("notify.rehearsal_to"), e));
                        None
                    }
                }
            }
        }
    }

    /// The maps of sources: those of the playbook, and of the files those that it does not have.
    fn maps(&self, of_playbook: &Maps, problems: &mut Vec<ConfigProblem>) -> Maps {
        let wanted = self.config.source.iter().filter_map(|(name, config)| Some((name, config.mapping.map.as_ref()?)));
        let found = wanted.filter_map(|(name, path)| {
            let known = of_playbook.get(name).cloned();
            let map = known.or_else(|| keep(read_map(&self.base.join(path), path), problems).map(Arc::new));
            Some((name.clone(), map?))
        });
        found.collect()
    }

    /// The sources that call by themselves.
    fn callers(&self, zone: Tz, maps: &Maps, lookup: Lookup<'_>, problems: &mut Vec<ConfigProblem>) -> Vec<Caller> {
        let mut callers = Vec::new();
        for (name, config) in &self.config.source {
            let Some(push) = &config.push else { continue };
            let at = |problem: String| vec![ConfigProblem::at(self.shown(&format!("source.{name}.push")), problem)];
            let made = self.mapped_source(name, config, maps).and_then(|mapping| {
                let token = self.secret(&push.token, lookup).and_then(long_enough);
                let token = token.map_err(|problem| at(format!("token: {problem}")))?;
                if !config.attach.is_empty() {
                    return Err(at("attach: expected none beside push".to_owned()));
                }
                let source = Arc::new(PushSource::new(push, Arc::new(mapping)).map_err(at)?);
                let polled = self.source(name, config, zone, maps, lookup)?;
                Ok(Caller { polled, source, token, max_bytes: push.max_bytes, silent_after: push.silent_after })
            });
            callers.extend(keep(made, problems));
        }
        callers
    }

    fn sources(&self, zone: Tz, maps: &Maps, lookup: Lookup<'_>, problems: &mut Vec<ConfigProblem>) -> Vec<Polled> {
        let mut sources = Vec::new();
        for (name, config) in self.config.source.iter().filter(|(_, config)| config.push.is_none()) {
            match self.source(name, config, zone, maps, lookup) {
                Ok(source) => sources.push(source),
                Err(found) => problems.extend(found),
            }
        }
        let plain: BTreeMap<Arc<str>, Arc<dyn Source>> =
            sources.iter().map(|polled| (polled.name.clone(), polled.source.clone())).collect();
        for polled in &mut sources {
            let config = &self.config.source[&*polled.name];
            let attached: Vec<Attached> = config
                .attach
                .iter()
                .filter_map(|(field, attach)| {
                    let child = self.child(&polled.name, field, attach, &plain);
                    let guard = |child: &str| self.config.source[child].guard;
                    keep(child.map(|child| Attached::new(field, attach, child, guard(&attach.source))), problems)
                })
                .collect();
            if !attached.is_empty() {
                polled.source = Arc::new(Joined::new(polled.source.clone(), attached));
            }
        }
        sources
    }

    /// The source of attached rows, if it can be attached.
    fn child(
        &self,
        parent: &str,
        field: &str,
        attach: &AttachConfig,
        plain: &BTreeMap<Arc<str>, Arc<dyn Source>>,
    ) -> Result<Arc<dyn Source>, Vec<ConfigProblem>> {
        let place = self.shown(&format!("source.{parent}"));
        let known = || plain.keys().map(|name| &**name).collect::<Vec<_>>().join(", ");
        let child = plain.get(attach.source.as_str()).filter(|_| attach.source != parent).ok_or_else(|| {
            let problem =
                format!("attach.{field}.source: expected another of the sources {}, got {:?}", known(), attach.source);
            vec![ConfigProblem::at(&*place, problem)]
        })?;
        let mapping = |name: &str| Mapping::new(name, &self.config.source[name].mapping).ok();
        if let (Some(parents), Some(children)) = (mapping(parent), mapping(&attach.source)) {
            let wrong = attach.problems(field, &parents, &children);
            if !wrong.is_empty() {
                let at = |w: &crate::source::mapping::MappingError| {
                    ConfigProblem::at(format!("{place}.{}", w.key), &w.problem)
                };
                return Err(wrong.iter().map(at).collect());
            }
        }
        Ok(child.clone())
    }

    /// The mapping of a source.
    fn mapped_source(&self, name: &str, config: &SourceConfig, maps: &Maps) -> Result<Mapping, Vec<ConfigProblem>> {
        let at = |key: &str| self.shown(&format!("source.{name}.{key}"));
        let wrong = |w: crate::source::mapping::MappingError| ConfigProblem::at(at(&w.key), w.problem);
        let mapping = Mapping::new(name, &config.mapping);
        let mapping = mapping.map_err(|found| found.into_iter().map(wrong).collect::<Vec<_>>())?;
        Ok(match maps.get(name) {
            Some(map) => mapping.with_map(map.clone()),
            None => mapping,
        })
    }

    fn source(
        &self,
        name: &str,
        config: &SourceConfig,
        zone: Tz,
        maps: &Maps,
        lookup: Lookup<'_>,
    ) -> Result<Polled, Vec<ConfigProblem>> {
        let at = |key: &str| self.shown(&format!("source.{name}{key}"));
        let mapping = self.mapped_source(name, config, maps)?;
        let terms = config.terms(&mapping).map_err(|problem| vec![ConfigProblem::at(at(""), problem)])?;
        let waiting = mapping.waiting().cloned();
        let mapping = Arc::new(mapping);
        let (columns, version) = (mapping.needed(), mapping.version());
        let schedule = schedule(config, zone).map_err(|problem| vec![ConfigProblem::at(at(""), problem)])?;
        let source = self.connector(config, mapping, lookup);
        let source = source.map_err(|(key, problem)| vec![ConfigProblem::at(at(key), problem)])?;
        if source.asks_since() != terms.since.is_some() {
            let problem = "since: expected both this key and :since (of http {{ since }}) in what the source is asked, or neither";
            return Err(vec![ConfigProblem::at(at(""), problem)]);
        }
        Ok(Polled { name: name.into(), source, columns, schedule, guard: config.guard, terms, waiting, version })
    }

    /// What reads a source; the error names the key.
    fn connector(
        &self,
        config: &SourceConfig,
        mapping: Arc<Mapping>,
        lookup: Lookup<'_>,
    ) -> Result<Arc<dyn Source>, (&'static str, String)> {
        if let Some(csv) = &config.csv {
            return Ok(Arc::new(CsvSource::new(csv, &self.base, mapping)));
        }
        if let Some(sheet) = &config.sheet {
            return Ok(Arc::new(SheetSource::new(sheet, &self.base, mapping)));
        }
        if let Some(sqlite) = &config.sqlite {
            let source = SqliteSource::new(sqlite, &self.base, mapping);
            return Ok(Arc::new(source.map_err(|e| (".sqlite", e.to_string()))?));
        }
        let password = |kind: &'static str, sql: &SqlConfig| {
            let secret = sql.password.as_ref().map(|secret| self.secret(secret, lookup)).transpose();
            secret.map_err(|problem| (kind, format!("password: {problem}")))
        };
        let wrong = |kind: &'static str| move |problem: String| (kind, problem);
        if let Some(sql) = &config.postgres {
            let password = password(".postgres", sql)?;
            let source = PostgresSource::new(sql, password.as_ref(), &self.base, mapping);
            return Ok(Arc::new(source.map_err(wrong(".postgres"))?));
        }
        if let Some(sql) = &config.mysql {
            let password = password(".mysql", sql)?;
            let source = MySqlSource::new(sql, password.as_ref(), &self.base, mapping);
            return Ok(Arc::new(source.map_err(wrong(".mysql"))?));
        }
        if let Some(http) = &config.http {
            let secret = |(name, at): (&String, &SecretRef)| Ok((name.clone(), self.secret(at, lookup)?));
            let secrets = http.secrets.iter().map(secret).collect::<Result<BTreeMap<_, _>, String>>();
            let secrets = secrets.map_err(|problem| (".http.secrets", problem))?;
            let source = HttpSource::new(http, &self.base, mapping, secrets, Arc::new(SystemClock::start()));
            return Ok(Arc::new(source.map_err(|e| (".http", e.to_string()))?));
        }
        let push = config.push.as_ref().ok_or_else(|| ("", ONE_SOURCE.to_owned()))?;
        Ok(Arc::new(PushSource::new(push, mapping).map_err(|problem| (".push", problem))?))
    }
}

/// When a source is polled, if it is.
fn schedule(config: &SourceConfig, zone: Tz) -> Result<Option<Schedule>, String> {
    if config.push.is_some() {
        return Ok(None);
    }
    let line = config.every.as_deref().or(config.cron.as_deref()).unwrap_or_default();
    let schedule = Schedule::parse(line, zone).map_err(|e| e.to_string())?;
    let wants = if config.every.is_some() { "every" } else { "cron" };
    if config.every.is_some() != schedule.interval().is_some() {
        return Err(format!("{wants}: expected {}, got {line:?}", kind_of(config.every.is_some())));
    }
    Ok(Some(schedule))
}

/// A secret that nobody guesses.
fn long_enough(key: SecretString) -> Result<SecretString, String> {
    match key.expose_secret().len() {
        SHORTEST_KEY.. => Ok(key),
        short => Err(format!("expected {SHORTEST_KEY} characters or more that nobody guesses, got {short}")),
    }
}

/// A secret that can stand in a URL's path.
fn path_part(key: SecretString) -> Result<SecretString, String> {
    let text = key.expose_secret();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte));
    if is_plain && text.len() >= SHORTEST_KEY {
        return Ok(key);
    }
    Err(format!("expected {SHORTEST_KEY} or more letters, digits, - and _ that nobody guesses, got {}", text.len()))
}

const fn kind_of(interval: bool) -> &'static str {
    if interval { "an interval such as 5m" } else { "a cron line" }
}

/// What planning has to know of a channel. `documented` are the rates that its vendor documents.
fn terms(config: &ChannelConfig, medium: Medium, documented: Rates) -> ChannelTerms {
    ChannelTerms {
        medium,
        confidential: config.confidential,
        fallback: config.fallback.as_deref().map(Arc::from),
        rates: config.limits.clone().unwrap_or(documented),
        patience: config.patience,
    }
}

/// A folder channel with its defaults.
pub fn folder_at(path: &Path) -> FolderConfig {
    let table = toml::Table::from_iter([("path".to_owned(), toml::Value::from(path.display().to_string()))]);
    table.try_into().expect("a path is all that a folder needs")
}

fn keep<T>(result: Result<T, Vec<ConfigProblem>>, problems: &mut Vec<ConfigProblem>) -> Option<T> {
    result.map_err(|found| problems.extend(found)).ok()
}
