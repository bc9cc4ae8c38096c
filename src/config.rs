//! `duban.toml`: every key with its default, read strictly.
//!
//! **Invariant:** an unknown key is an error with its place; a relative path is relative to the file that names it; no
//! secret stands in the file itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::NaiveTime;
use serde::{Deserialize, Serialize};

use crate::answer::reply::RepliesConfig;
use crate::core::contact::Medium;
use crate::core::delivery::RetryPolicy;
use crate::core::item::OWN;
use crate::core::limit::{Limit, YellowDefault};
use crate::core::matcher::Matcher;
use crate::core::order;
use crate::core::rate::{Rate, RateError, Rates};
use crate::secret::SecretRef;
use crate::source::attach::AttachConfig;
use crate::source::csv::CsvConfig;
use crate::source::guard::GuardLimits;
use crate::source::http::HttpConfig;
use crate::source::ledger::SheetConfig;
use crate::source::mapping::config::MappingConfig;
use crate::source::mapping::{FieldKind, MappedField, Mapping};
use crate::source::push::PushConfig;
use crate::source::sql::SqlConfig;
use crate::source::sqlite::SqliteConfig;
use crate::source::terms::{Absent, PollTerms, Since, a_quarter, span};
use crate::store::postgres::PostgresConfig;
use crate::tell::language::Language;
use crate::wire::email::SmtpConfig;
use crate::wire::folder::FolderConfig;
use crate::wire::heartbeat::HeartbeatConfig;
use crate::wire::robot::RobotConfig;
use crate::wire::sms::{AliyunConfig, TencentConfig};
use crate::wire::webhook::WebhookConfig;

/// What `duban.toml` says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The language of messages.
    pub language: Language,
    /// The office's calendar: a built-in name or a file.
    pub calendar: String,
    /// Further calendars, for windows and items that name them.
    pub calendars: Vec<String>,
    /// The folder of the rules; without it `rules` beside this file, else `../rules`.
    pub rules_dir: Option<PathBuf>,
    /// Who can be told.
    pub contacts: PathBuf,
    /// Who is away, and who stands in.
    pub absences: PathBuf,
    /// The ladders.
    pub ladders: PathBuf,
    /// What holds for some cards, and what contacts want.
    pub routes: PathBuf,
    /// A folder of templates that replace built-in ones.
    pub templates: PathBuf,
    /// Which rules run.
    pub rules: RulesConfig,
    /// What holds for all windows.
    pub windows: WindowsConfig,
    /// What follows on cards that nobody answers.
    pub orders: order::Terms,
    /// What is asked of who adds to what sources say.
    pub remarks: RemarksConfig,
    /// Where duban keeps its memory.
    pub store: StoreConfig,
    /// How messages leave.
    pub notify: NotifyConfig,
    /// The ways out of the house.
    pub channels: BTreeMap<String, ChannelConfig>,
    /// The systems that are watched.
    pub source: BTreeMap<String, SourceConfig>,
    /// The page of open cards.
    pub web: WebConfig,
    /// A monitor elsewhere that hears from us.
    pub heartbeat: HeartbeatConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            language: Language::Chinese,
            calendar: "cn".into(),
            calendars: Vec::new(),
            rules_dir: None,
            contacts: "contacts.csv".into(),
            absences: "absences.csv".into(),
            ladders: "ladders.toml".into(),
            routes: "routes.toml".into(),
            templates: "templates".into(),
            rules: RulesConfig::default(),
            windows: WindowsConfig::default(),
            orders: order::Terms::default(),
            remarks: RemarksConfig::default(),
            store: StoreConfig::default(),
            notify: NotifyConfig::default(),
            channels: BTreeMap::new(),
            source: BTreeMap::new(),
            web: WebConfig::default(),
            heartbeat: HeartbeatConfig::default(),
        }
    }
}

/// `[rules]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RulesConfig {
    /// The rules that run, by name.
    pub enabled: Vec<String>,
}

impl Default for RulesConfig {
    fn default() -> Self {
        Self { enabled: ["2110", "137", "approval-limit", "order"].map(String::from).to_vec() }
    }
}

/// `[windows]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WindowsConfig {
    /// When a window turns yellow if its rule says nothing.
    pub yellow: YellowDefault,
    /// How long a pause may last before operators are told.
    pub pause_limit: Limit,
}

impl Default for WindowsConfig {
    fn default() -> Self {
        Self { yellow: YellowDefault::default(), pause_limit: "60d".parse().expect("60d is a limit") }
    }
}

/// `[remarks]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RemarksConfig {
    /// Whether a remark counts only when a second person has approved it, on paper or by a decision.
    pub four_eyes: bool,
}

/// `[store]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// The SQLite file. Under systemd, a relative path is relative to the state directory.
    pub sqlite: PathBuf,
    /// The PostgreSQL database that takes its place.
    pub postgres: Option<PostgresConfig>,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { sqlite: "duban.db".into(), postgres: None }
    }
}

/// Whether messages reach the people they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// 试运行: everything is planned, rendered and recorded, and goes to `rehearsal_to`.
    #[default]
    Rehearsal,
    /// Messages go out.
    Live,
}

/// `[notify]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyConfig {
    /// Rehearsal or live.
    pub mode: Mode,
    /// Where a rehearsal's messages go.
    pub rehearsal_to: RehearsalTo,
    /// The ladder of windows that name none.
    pub ladder: String,
    /// What short messages begin with, such as 【督办】.
    pub signature: String,
    /// Where the board is for its readers; empty means that no message holds a link.
    pub base_url: String,
    /// The key of the links by which somebody signs; without one duban makes its own.
    pub link_key: Option<SecretRef>,
    /// How many messages a contact gets by one channel in how much time; more wait and become one. Empty: no limit.
    pub pace: String,
    /// When lists go to who wants lists, on working days.
    pub lists_at: Vec<String>,
    /// Which items' titles and persons leave by channels marked `confidential` only.
    pub confidential: Matcher,
}

impl NotifyConfig {
    /// The pace, if there is one.
    pub fn pace(&self) -> Result<Option<Rate>, RateError> {
        if self.pace.trim().is_empty() { Ok(None) } else { self.pace.parse().map(Some) }
    }

    /// When lists go out.
    pub fn list_times(&self) -> Result<Vec<NaiveTime>, String> {
        let time = |text: &String| {
            let read = NaiveTime::parse_from_str(text, "%H:%M");
            read.map_err(|_| format!("expected times of day such as \"09:00\", got {text:?}"))
        };
        self.lists_at.iter().map(time).collect()
    }
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self {
            mode: Mode::Rehearsal,
            rehearsal_to: RehearsalTo::default(),
            ladder: "handlers".into(),
            signature: "【督办】".into(),
            base_url: String::new(),
            link_key: None,
            pace: "1/5m".into(),
            lists_at: vec!["09:00".into(), "16:00".into()],
            confidential: Matcher::of_pairs(["type=投诉", "type=举报"]).expect("two pairs"),
        }
    }
}

/// Where a rehearsal's messages go: a folder, or one address of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum RehearsalTo {
    /// Files in a folder. Under systemd, a relative path is relative to the state directory.
    Folder(PathBuf),
    /// One address.
    Address {
        /// The channel.
        channel: String,
        /// The address.
        address: String,
    },
}

impl Default for RehearsalTo {
    fn default() -> Self {
        Self::Folder("rehearsal".into())
    }
}

/// `[channels.NAME]`: exactly one kind, and how it tries again.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelConfig {
    /// Mail over SMTP.
    pub smtp: Option<SmtpConfig>,
    /// Files in a folder.
    pub folder: Option<FolderConfig>,
    /// An HTTP call.
    pub webhook: Option<WebhookConfig>,
    /// Short messages through Aliyun.
    pub aliyun: Option<AliyunConfig>,
    /// Short messages through Tencent Cloud.
    pub tencent: Option<TencentConfig>,
    /// A group's robot of DingTalk.
    pub dingtalk: Option<RobotConfig>,
    /// A group's robot of WeCom.
    pub wecom: Option<RobotConfig>,
    /// A group's robot of Feishu or Lark.
    pub feishu: Option<RobotConfig>,
    /// The password of the SMTP user.
    pub password: Option<SecretRef>,
    /// Secrets by name: those that the vendor's kind wants, or that the webhook's templates use as `secret.NAME`.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretRef>,
    /// How it tries again.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// Whether titles and persons of what is confidential may leave by it.
    #[serde(default)]
    pub confidential: bool,
    /// The channel that takes its place when it fails for good or is at its limit for too long.
    pub fallback: Option<String>,
    /// How many messages it may send, in place of what its vendor documents.
    pub limits: Option<Rates>,
    /// How long a message waits at the limit before the fallback takes it, in seconds.
    #[serde(default = "an_hour")]
    pub patience: u64,
    /// Lets its peer call us: receipts and replies.
    pub hooks: Option<HooksConfig>,
    /// Where a reply's sender and text stand in such a call.
    pub replies: Option<RepliesConfig>,
}

/// `[channels.NAME] hooks = { key = … }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HooksConfig {
    /// The secret part of the path under which the peer calls.
    pub key: SecretRef,
}

const fn an_hour() -> u64 {
    3_600
}

/// `[source.NAME]`: what is polled, when, and what its columns mean.
#[derive(Debug, Clone, Deserialize)]
pub struct SourceConfig {
    /// An interval such as `5m`.
    pub every: Option<String>,
    /// A cron line on the office's clock, such as `*/10 8-18 * * MON-FRI`.
    pub cron: Option<String>,
    /// What the columns mean.
    #[serde(flatten)]
    pub mapping: MappingConfig,
    /// A CSV file.
    pub csv: Option<CsvConfig>,
    /// A sheet of a spreadsheet.
    pub sheet: Option<SheetConfig>,
    /// A query on an SQLite file.
    pub sqlite: Option<SqliteConfig>,
    /// A JSON API.
    pub http: Option<HttpConfig>,
    /// Calls of the system itself: it is not polled.
    pub push: Option<PushConfig>,
    /// A query on PostgreSQL.
    pub postgres: Option<SqlConfig>,
    /// A query on MySQL or MariaDB.
    pub mysql: Option<SqlConfig>,
    /// When a poll is believed.
    #[serde(default)]
    pub guard: GuardLimits,
    /// Only what changed since the poll before is asked for.
    pub since: Option<Since>,
    /// What an item that is missing from good polls means.
    #[serde(default)]
    pub absent: Absent,
    /// How long a card waits for a good poll begun at or after its instant, such as `2m`.
    #[serde(default, deserialize_with = "span")]
    pub confirm: Duration,
    /// How long the source may be in trouble before operators get a card.
    #[serde(default = "a_quarter", deserialize_with = "span")]
    pub blind_after: Duration,
    /// Items of other sources that belong to items of this one.
    #[serde(default)]
    pub attach: BTreeMap<String, AttachConfig>,
}

/// `[web]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebConfig {
    /// Where the page listens; empty means nowhere.
    pub listen: String,
}

/// What is wrong with a configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ConfigProblem {
    /// The file and the key.
    pub place: String,
    /// What was expected and what was got.
    pub problem: String,
}

impl ConfigProblem {
    /// A problem at a place.
    #[expect(clippy::needless_pass_by_value, reason = "an error is handed over, and only its words are kept")]
    pub fn at(place: impl Into<String>, problem: impl ToString) -> Self {
        Self { place: place.into(), problem: problem.to_string() }
    }
}

impl Config {
    /// Reads a configuration's text. `path` is shown in messages.
    pub fn read(path: &str, text: &str) -> Result<Self, Vec<ConfigProblem>> {
        let config: Self = toml::from_str(text).map_err(|e| vec![ConfigProblem::at(path, e.to_string().trim_end())])?;
        let mut problems = unknown_source_keys(path, text);
        for (name, source) in &config.source {
            let place = format!("{path}: source.{name}");
            problems.extend(source.problems().into_iter().map(|p| ConfigProblem::at(&*place, p)));
            if [OWN, order::SOURCE].contains(&&**name) {
                let problem = format!("expected another name, got {name:?}: duban's own items are called so");
                problems.push(ConfigProblem::at(&*place, problem));
            }
        }
        for (name, channel) in &config.channels {
            let place = format!("{path}: channels.{name}");
            problems.extend(channel.problems().into_iter().map(|p| ConfigProblem::at(&*place, p)));
        }
        if let Some(postgres) = &config.store.postgres {
            let place = format!("{path}: store.postgres");
            problems.extend(postgres.problems().into_iter().map(|p| ConfigProblem::at(&*place, p)));
        }
        if let RehearsalTo::Address { channel, .. } = &config.notify.rehearsal_to
            && !config.channels.contains_key(channel)
        {
            let known = config.channels.keys().cloned().collect::<Vec<_>>().join(", ");
            let problem = format!("expected one of the channels ({known}), got {channel:?}");
            problems.push(ConfigProblem::at(format!("{path}: notify.rehearsal_to"), problem));
        }
        problems.extend(config.notify_problems(path));
        problems.extend(config.fallback_problems(path));
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    fn notify_problems(&self, path: &str) -> Vec<ConfigProblem> {
        let pace = self.notify.pace().err().map(|e| ConfigProblem::at(format!("{path}: notify.pace"), e));
        let lists = self.notify.list_times().err().map(|e| ConfigProblem::at(format!("{path}: notify.lists_at"), e));
        pace.into_iter().chain(lists).collect()
    }

    /// A fallback is another channel, and no circle of them exists.
    fn fallback_problems(&self, path: &str) -> Vec<ConfigProblem> {
        let known = || self.channels.keys().cloned().collect::<Vec<_>>().join(", ");
        let problem = |name: &String, fallback: &String| {
            let next = |at: &String| self.channels.get(at).and_then(|channel| channel.fallback.clone());
            if !self.channels.contains_key(fallback) {
                return Some(format!("expected one of the channels ({}), got {fallback:?}", known()));
            }
            let chain = std::iter::successors(Some(fallback.clone()), next).take(self.channels.len() + 1);
            let circles = chain.into_iter().any(|at| at == *name);
            circles.then(|| format!("expected a channel that does not come back to {name:?}, got {fallback:?}"))
        };
        let fallbacks =
            self.channels.iter().filter_map(|(name, c)| c.fallback.as_ref().map(|fallback| (name, fallback)));
        let wrong = fallbacks.filter_map(|(name, fallback)| {
            problem(name, fallback).map(|wrong| ConfigProblem::at(format!("{path}: channels.{name}.fallback"), wrong))
        });
        wrong.collect()
    }

    /// The folder of the rules, as configured or found beside the configuration.
    pub fn rules_folder(&self, base: &Path) -> PathBuf {
        match &self.rules_dir {
            Some(folder) => base.join(folder),
            None if base.join("rules").is_dir() => base.join("rules"),
            None => base.join("../rules"),
        }
    }
}

impl SourceConfig {
    const KEYS: [&str; 15] = [
        "every",
        "cron",
        "csv",
        "sheet",
        "sqlite",
        "postgres",
        "mysql",
        "http",
        "push",
        "guard",
        "since",
        "absent",
        "confirm",
        "blind_after",
        "attach",
    ];

    /// What holds for its polls; the error says which of its keys contradict each other.
    pub fn terms(&self, mapping: &Mapping) -> Result<PollTerms, String> {
        if let Some(since) = &self.since {
            let is_instant = |field: &MappedField| *field.name == *since.field && field.kind == FieldKind::Time;
            if !mapping.fields().iter().any(is_instant) {
                return Err(format!("since.field: expected a mapped field that is an instant, got {:?}", since.field));
            }
            if self.absent != Absent::Keep {
                return Err("absent: expected \"keep\" beside since, for nobody can see what is missing".into());
            }
            if !self.attach.is_empty() {
                return Err("since: expected none beside attached rows, which can change alone".into());
            }
        }
        let (since, absent) = (self.since.clone(), self.absent);
        Ok(PollTerms { since, absent, confirm: self.confirm, blind_after: self.blind_after })
    }

    /// Nobody asks a source that calls.
    fn problems_of_push(&self) -> Vec<String> {
        let asking = [
            ("every", self.every.is_some()),
            ("cron", self.cron.is_some()),
            ("since", self.since.is_some()),
            ("confirm", !self.confirm.is_zero()),
        ];
        let asking = asking.into_iter().filter(|(_, is_there)| *is_there);
        asking.map(|(key, _)| format!("{key}: expected none beside push, for such a source is not polled")).collect()
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let kinds = [
            self.csv.is_some(),
            self.sheet.is_some(),
            self.sqlite.is_some(),
            self.postgres.is_some(),
            self.mysql.is_some(),
            self.http.is_some(),
            self.push.is_some(),
        ];
        if kinds.into_iter().filter(|is_there| *is_there).count() != 1 {
            problems.push(ONE_SOURCE.into());
        }
        if self.push.is_none() && self.every.is_some() == self.cron.is_some() {
            problems.push("expected exactly one of every and cron".into());
        }
        if self.push.is_some() {
            problems.extend(self.problems_of_push());
        }
        problems
    }
}

/// What a source is.
pub(crate) const ONE_SOURCE: &str = "expected exactly one of csv, sheet, sqlite, postgres, mysql, http and push";

/// What a channel is.
pub(crate) const ONE_KIND: &str =
    "expected exactly one of smtp, folder, webhook, aliyun, tencent, dingtalk, wecom and feishu";

impl ChannelConfig {
    /// Whose addresses it writes to, and so the form of its words.
    pub fn medium(&self) -> Medium {
        let by_kind = self.kinds().into_iter().find_map(|(medium, is_there)| is_there.then_some(medium));
        by_kind.unwrap_or(Medium::Mail)
    }

    /// Every kind that a channel can be, with its medium, and whether it stands there.
    fn kinds(&self) -> [(Medium, bool); 8] {
        let of_folder = self.folder.as_ref().map_or(Medium::Mail, |folder| folder.medium);
        let of_webhook = self.webhook.as_ref().map_or(Medium::Mail, |webhook| webhook.medium);
        [
            (Medium::Mail, self.smtp.is_some()),
            (of_folder, self.folder.is_some()),
            (of_webhook, self.webhook.is_some()),
            (Medium::Sms, self.aliyun.is_some()),
            (Medium::Sms, self.tencent.is_some()),
            (Medium::Im, self.dingtalk.is_some()),
            (Medium::Im, self.wecom.is_some()),
            (Medium::Im, self.feishu.is_some()),
        ]
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.kinds().into_iter().filter(|(_, is_there)| *is_there).count() != 1 {
            problems.push(ONE_KIND.into());
        }
        if self.replies.is_some() && self.hooks.is_none() {
            problems.push("replies go with hooks = { key = … }".into());
        }
        if self.password.is_some() && self.smtp.is_none() {
            problems.push("password goes with smtp".into());
        }
        if !self.secrets.is_empty() && (self.smtp.is_some() || self.folder.is_some()) {
            problems.push("secrets go with webhook, aliyun, tencent, dingtalk, wecom and feishu".into());
        }
        problems
    }
}

/// A flattened table cannot refuse unknown keys itself.
fn unknown_source_keys(path: &str, text: &str) -> Vec<ConfigProblem> {
    let known: Vec<&str> = SourceConfig::KEYS.into_iter().chain(MappingConfig::KEYS).collect();
    let file: toml::Table = text.parse().unwrap_or_default();
    let sources = file.get("source").and_then(toml::Value::as_table).into_iter().flatten();
    let mut problems = Vec::new();
    for (name, source) in sources {
        for key in
            source.as_table().into_iter().flat_map(toml::Table::keys).filter(|key| !known.contains(&key.as_str()))
        {
            let nearest = known.iter().min_by_key(|k| strsim::damerau_levenshtein(k, key));
            let problem = format!("unknown key {key:?}, did you mean {:?}?", nearest.unwrap_or(&""));
            problems.push(ConfigProblem::at(format!("{path}: source.{name}"), problem));
        }
    }
    problems
}
