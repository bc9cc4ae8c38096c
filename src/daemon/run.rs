//! `duban run`: the loops. Poll, recheck and courier each wait for their next instant or a nudge; a stop drains them, a
//! reload builds everything anew before it touches what runs.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::desk::Desk;
use super::beats::{Beats, are_operators_cut_off};
use super::clock::ClockWatch;
use super::emergency::Emergency;
use super::go_live;
use super::key::{self, own_key};
use super::muster;
use super::poll::{self, Poll, Report};
use super::systemd::{self, Limits, Loop, Progress};
use super::trail;
use super::wiring::{Caller, Lookup, Polled, Site, Wiring};
use crate::answer::intake::Intake;
use crate::answer::receipts::Asker;
use crate::answer::{Answering, News};
use crate::config::ConfigProblem;
use crate::core::Instant;
use crate::core::audit::Act;
use crate::core::card::Transition;
use crate::core::digest::Digest;
use crate::core::item::Item;
use crate::core::notice::{Body, NoticeKind};
use crate::core::observe::earliest;
use crate::core::outage::Outage;
use crate::courier::{self, Courier, Ways};
use crate::pipeline::{Done, Pipeline};
use crate::playbook::{InForce, Playbook};
use crate::schedule::Schedule;
use crate::store::{PlaybookRecord, Store, StoreError};
use crate::tell::link::LinkKey;
use crate::time::{Clock, jittered};
use crate::wire::SharedChannel;
use crate::wire::heartbeat::Heartbeat;

mod desk;

/// Deliveries under way from which on the courier lets a few ends come together, unless a round had as many to do, and for
/// how long: a round costs the same for one and for many.
const CROWD: usize = 48;
const CROWD_PAUSE: Duration = Duration::from_millis(5);

/// How long a source is left alone between two polls that confirm cards.
const NUDGE_GAP: chrono::TimeDelta = chrono::TimeDelta::seconds(10);

/// The longest that a loop sleeps: a wrong guess about the next instant is a short delay and no more.
const NAP: Duration = Duration::from_secs(30);

/// How long a stop waits for what is being sent.
const DRAIN: Duration = Duration::from_secs(20);

/// How often peers and operators are heard about the clock.
const CLOCK_LOOK: Duration = Duration::from_secs(10);

/// The longest that a source may take for its answer, which is what its limits of time allow and some more, and how often
/// a poll that waits for it shows that it lives.
const LONGEST_ANSWER: Duration = Duration::from_mins(70);
const ANSWER_LOOK: Duration = Duration::from_secs(10);

/// How often receipts are asked for.
const MINUTE: Duration = Duration::from_mins(1);

/// How long a loop waits after the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What those who watch the daemon are told.
#[derive(Debug, Clone)]
pub enum Happened {
    /// A source was polled.
    Poll {
        /// The source.
        source: Arc<str>,
        /// What the poll came to.
        report: Report,
    },
    /// A card changed.
    Transition {
        /// The item.
        item: Arc<Item>,
        /// The change.
        transition: Transition,
    },
    /// A try to send is over.
    Delivery(courier::Event),
}

/// What the outside says to the daemon.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    /// Stop: drain and end.
    pub stop: CancellationToken,
    /// Reload.
    pub reload: Arc<Notify>,
}

/// Why the daemon could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration is wrong and nothing good was ever stored.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Config(Vec<ConfigProblem>),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A loop broke.
    #[error("a loop broke: {0}")]
    Broken(String),
}

/// The daemon's means.
pub struct Daemon<'a> {
    /// The configuration's file.
    pub site: Site,
    /// The memory.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The environment.
    pub lookup: Lookup<'a>,
    /// Stop and reload.
    pub signals: Signals,
    /// Who watches.
    pub events: Option<mpsc::UnboundedSender<Happened>>,
    /// Where what runs is shown.
    pub in_force: watch::Sender<Option<InForce>>,
    /// How often the service manager wants to hear from us.
    pub watchdog: Option<Duration>,
}

/// What the loops of one playbook share.
struct Shift {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    pipeline: Pipeline,
    playbook: Arc<Playbook>,
    ways: Ways,
    emergency: Arc<Emergency>,
    progress: Arc<Progress>,
    stop: CancellationToken,
    /// Something was planned, or a try is over.
    to_send: Arc<Notify>,
    /// Items changed, so the next instant to look at may be another.
    to_look: Notify,
    answering: Arc<Answering>,
    watch: Arc<ClockWatch>,
    outages: watch::Sender<Vec<Outage>>,
    events: Option<mpsc::UnboundedSender<Happened>>,
}

impl Daemon<'_> {
    /// Runs until it is told to stop.
    pub async fn run(mut self) -> Result<(), RunError> {
        let progress = Arc::new(Progress::default());
        // Nobody else is this installation.
        self.store.end_leases(self.clock.now()).await?;
        let mut wiring = {
            let last_good = self.store.playbook().await?;
            self.wire(last_good.as_ref()).await?
        };
        self.put_in_force(&wiring.playbook, "start").await?;
        let guard = self.guard(progress.clone());
        let emergency = Emergency::new(self.in_force.clone());
        let watch = Arc::new(ClockWatch::start(self.store.clone(), self.clock.clone()).await?);
        loop {
            let links = self.links(&wiring);
            let (stop, ways, sources) = (CancellationToken::new(), wiring.ways, wiring.sources);
            let to_send = Arc::new(Notify::new());
            let news = Arc::new(News::waking(to_send.clone()));
            let answering = Arc::new(Answering { links, hooks: wiring.hooks, news });
            for problem in &wiring.degraded {
                tracing::error!("the files of the playbook do not load, the last good one runs: {problem}");
            }
            emergency.begin();
            let outages = watch::Sender::default();
            let playbook = Arc::new(wiring.playbook);
            let shift = Arc::new(Shift {
                store: self.store.clone(),
                clock: self.clock.clone(),
                pipeline: Pipeline::new(self.store.clone()),
                playbook: playbook.clone(),
                ways,
                emergency: emergency.clone(),
                progress: progress.clone(),
                stop: stop.clone(),
                to_send,
                to_look: Notify::new(),
                answering: answering.clone(),
                watch: watch.clone(),
                outages,
                events: self.events.clone(),
            });
            let desk = |caller: Caller| (caller.polled.name.clone(), Arc::new(Desk::new(caller, &shift)));
            let desks: Vec<(Arc<str>, Arc<Desk>)> = wiring.callers.into_iter().map(desk).collect();
            let intake = |(name, desk): &(Arc<str>, Arc<Desk>)| (name.clone(), desk.clone() as Arc<dyn Intake>);
            self.in_force.send_replace(Some(InForce {
                expected: self.site.expected(playbook.calendar().zone()),
                playbook,
                sources: sources.iter().map(|polled| polled.name.clone()).collect(),
                intakes: desks.iter().map(intake).collect(),
                degraded: wiring.degraded.iter().map(ToString::to_string).collect(),
                trouble: None,
                answering,
                clock_doubt: watch.seen(),
                outages: shift.outages.subscribe(),
            }));
            if !wiring.degraded.is_empty() {
                let title = ["配置文件有误，按上一次的运行", "The files do not load, the last good ones run"];
                shift.tell_of_files(title, &wiring.degraded).await;
            }
            let mut loops = start(&shift, sources, wiring.heartbeat, self.events.clone());
            for (_, desk) in desks.into_iter().filter(|(_, desk)| desk.is_expected()) {
                loops.spawn(silence_loop(shift.clone(), desk));
            }
            systemd::ready(&format!("playbook {}", shift.playbook.version));
            let next = self.wait(&shift, &mut loops).await;
            if matches!(next, Ok(None)) {
                systemd::stopping();
            }
            stop.cancel();
            if matches!(next, Err(RunError::Store(_))) {
                // Nothing can be settled any more.
                loops.abort_all();
                emergency.drain(DRAIN).await;
            }
            while loops.join_next().await.is_some() {}
            match next? {
                Some(new) => wiring = new,
                None => break,
            }
        }
        guard.abort();
        self.store.close().await;
        Ok(())
    }

    /// The key of links; none where no message holds a link, and where none can be made.
    fn links(&self, wiring: &Wiring) -> Option<Arc<LinkKey>> {
        wiring.playbook.base_url.as_ref()?;
        if let Some(key) = &wiring.link_key {
            return Some(Arc::new(LinkKey::new(key.expose_secret().as_bytes())));
        }
        let folder = self.site.state_folder(self.lookup);
        match own_key(&folder) {
            Ok(key) => Some(Arc::new(LinkKey::new(&key))),
            Err(e) => {
                tracing::error!("{}: {e}: messages hold no link for signing", folder.join(key::FILE).display());
                None
            }
        }
    }

    /// Waits for a stop (`None`), a reload that can take effect, or the end of a loop.
    async fn wait(
        &mut self,
        shift: &Shift,
        loops: &mut JoinSet<Result<(), StoreError>>,
    ) -> Result<Option<Wiring>, RunError> {
        loop {
            tokio::select! {
                () = self.signals.stop.cancelled() => return Ok(None),
                Some(ended) = loops.join_next() => {
                    return Err(match ended {
                        Ok(Err(error)) => RunError::Store(error),
                        Ok(Ok(())) => RunError::Broken("it ended".into()),
                        Err(broken) => RunError::Broken(broken.to_string()),
                    });
                }
                () = self.signals.reload.notified() => {
                    if let Some(wiring) = self.reload(shift).await {
                        return Ok(Some(wiring));
                    }
                }
            }
        }
    }

    async fn wire(&self, last_good: Option<&PlaybookRecord>) -> Result<Wiring, RunError> {
        let versions = self.store.rule_versions().await?;
        self.site.wire(&versions, last_good, self.lookup).map_err(RunError::Config)
    }

    /// What the files say now, or nothing if they cannot be put in force: then what runs goes on, and operators hear of
    /// it, since who reloads may never look at the log.
    async fn reload(&mut self, shift: &Shift) -> Option<Wiring> {
        systemd::reloading();
        let before = self.site.clone();
        match self.rewire().await {
            Ok(wiring) => {
                tracing::info!(playbook = %wiring.playbook.version, "reloaded");
                Some(wiring)
            }
            Err(error) => {
                for problem in error.to_string().lines() {
                    tracing::error!("reload refused, what runs goes on: {problem}");
                }
                systemd::ready("reload refused, what ran before goes on");
                self.site = before;
                if let RunError::Config(problems) = error {
                    let title = ["重新加载被拒绝，继续按原来的运行", "The reload was refused, what ran goes on"];
                    shift.tell_of_files(title, &problems).await;
                }
                None
            }
        }
    }

    /// Does everything that can fail before anything live is touched.
    async fn rewire(&mut self) -> Result<Wiring, RunError> {
        self.site = Site::read(&self.site.path).map_err(RunError::Config)?;
        let wiring = self.wire(None).await?;
        self.put_in_force(&wiring.playbook, "reload").await?;
        Ok(wiring)
    }

    async fn put_in_force(&self, playbook: &Playbook, by: &str) -> Result<(), RunError> {
        let at = self.clock.now();
        let before = self.store.playbook().await?;
        go_live::begin(&*self.store, before.as_ref(), playbook, at).await?;
        let record = PlaybookRecord { version: playbook.version, at, by: by.into(), files: playbook.files.clone() };
        let from = before.map(|before| before.version);
        let act = (from != Some(playbook.version)).then(|| {
            let detail = serde_json::json!({ "from": from, "rehearsal": playbook.office.rehearsal });
            Act::new("playbook.put", playbook.version.to_string(), by, at).with(detail)
        });
        self.store.put_playbook(&record, &playbook.rule_records(at, by), act.as_ref()).await?;
        Ok(())
    }

    /// Feeds the service manager's watchdog as long as every loop makes progress.
    fn guard(&self, progress: Arc<Progress>) -> tokio::task::JoinHandle<()> {
        let (every, clock) = (self.watchdog, self.clock.clone());
        tokio::spawn(async move {
            let Some(every) = every else { return };
            let limits = Limits::all(Duration::from_mins(10));
            loop {
                if let Err(stalled) = systemd::feed_watchdog(&progress, clock.monotonic(), &limits) {
                    tracing::error!("a loop makes no progress: {stalled}");
                }
                tokio::time::sleep(every).await;
            }
        })
    }
}

fn start(
    shift: &Arc<Shift>,
    sources: Vec<Polled>,
    heartbeat: Option<(Heartbeat, Duration)>,
    events: Option<mpsc::UnboundedSender<Happened>>,
) -> JoinSet<Result<(), StoreError>> {
    let mut loops = JoinSet::new();
    if sources.is_empty() {
        loops.spawn(no_polls(shift.clone()));
    }
    let count = sources.len();
    for (place, polled) in sources.into_iter().enumerate() {
        let stagger = stagger(polled.schedule.as_ref(), place, count);
        loops.spawn(poll_loop(shift.clone(), polled, stagger));
    }
    loops.spawn(recheck_loop(shift.clone()));
    loops.spawn(muster_loop(shift.clone()));
    let channels = || shift.ways.channels.iter().map(|(name, way)| (name.clone(), way.channel.clone()));
    loops.spawn(clock_loop(shift.clone(), channels().collect()));
    let asker = Asker::new(shift.store.clone(), channels());
    if !asker.is_idle() {
        loops.spawn(receipt_loop(shift.clone(), asker));
    }
    if let Some((heartbeat, every)) = heartbeat {
        let beats = Beats::new(heartbeat, shift.progress.clone());
        loops.spawn(heartbeat_loop(shift.clone(), beats, every));
    }
    let courier = Courier::new(shift.store.clone(), shift.ways.clone(), shift.clock.clone(), shift.to_send.clone());
    let mut courier = courier.linking_with(shift.answering.links.clone()).showing_outages_in(shift.outages.clone());
    if let Some(events) = events {
        courier = courier.watched_by(forward(events));
    }
    loops.spawn(courier_loop(shift.clone(), courier));
    loops.spawn(nudge_loop(shift.clone()));
    loops.spawn(trail_loop(shift.clone()));
    loops
}

/// Says once a day where the audit trail ends. What a store in trouble keeps from being said is said later.
async fn trail_loop(shift: Arc<Shift>) -> Result<(), StoreError> {
    while !shift.stop.is_cancelled() {
        let next = trail::say(&*shift.store, shift.clock.now()).await;
        shift.nap(next.ok(), None).await;
    }
    Ok(())
}

/// Passes the courier's events on.
fn forward(events: mpsc::UnboundedSender<Happened>) -> mpsc::UnboundedSender<courier::Event> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(event) = receiver.recv().await {
            let _ = events.send(Happened::Delivery(event));
        }
    });
    sender
}

/// Where every source calls by itself, nobody waits for polls: the watchdog must not either.
async fn no_polls(shift: Arc<Shift>) -> Result<(), StoreError> {
    while !shift.stop.is_cancelled() {
        shift.progress.stamp(Loop::Poll, shift.clock.monotonic());
        shift.nap(None, None).await;
    }
    Ok(())
}

/// How long after its time a source is polled, so that many do not ask their databases in the same second: the sources
/// share a tenth of the interval, of ten seconds at most.
fn stagger(schedule: Option<&Schedule>, place: usize, count: usize) -> chrono::TimeDelta {
    const MOST: Duration = Duration::from_secs(10);
    let spread = schedule.and_then(Schedule::interval).map_or(MOST, |every| MOST.min(every / 10));
    let (place, count) = (u32::try_from(place).unwrap_or_default(), u32::try_from(count.max(1)).unwrap_or(u32::MAX));
    chrono::TimeDelta::from_std(spread * place / count).unwrap_or_default()
}

async fn poll_loop(shift: Arc<Shift>, polled: Polled, stagger: chrono::TimeDelta) -> Result<(), StoreError> {
    let name = format!("poll:{}", polled.name);
    let Some(schedule) = &polled.schedule else {
        shift.stop.cancelled().await;
        return Ok(());
    };
    // Polls at an interval keep the distance with which they began; those of a cron line all have the same times.
    let begin_at = shift.clock.now() + stagger;
    let late = if schedule.interval().is_some() { chrono::TimeDelta::zero() } else { stagger };
    let mut last = Shift::heard(shift.store.last_fired(&name).await);
    let mut again = Again::default();
    Shift::heard(poll::confirm(&polled, &*shift.store, &shift.pipeline).await.map(Some));
    while !shift.stop.is_cancelled() {
        let now = shift.clock.now();
        shift.progress.stamp(Loop::Poll, shift.clock.monotonic());
        let nudged_at = shift.unconfirmed_at(&polled, last).await;
        let early = earliest(again.at(), nudged_at);
        if now < begin_at && early.is_none_or(|at| at > now) {
            shift.nap(earliest(Some(begin_at), early), None).await;
            continue;
        }
        let is_due = last.is_none_or(|last| schedule.due(last, now - late)) || early.is_some_and(|at| at <= now);
        if !is_due {
            let next = schedule.next_after(last, now - late).checked_add_signed(late);
            shift.nap(earliest(next, early), None).await;
            continue;
        }
        let poll = Poll {
            polled: &polled,
            store: &shift.store,
            pipeline: &shift.pipeline,
            playbook: &shift.playbook,
            heard: &|done| {
                shift.progress.stamp(Loop::Poll, shift.clock.monotonic());
                shift.tell(done);
            },
            clock: &*shift.clock,
            now,
        };
        let polled_now = tokio::select! {
            report = poll.run_until(&shift.stop) => report,
            never = shift.wait_for_answer() => match never {},
        };
        match polled_now {
            Ok(None) => break,
            Ok(Some(report)) => {
                again.after(&report, now);
                if report.trouble.is_none() {
                    say(&polled.name, &report);
                }
                if let Some(events) = &shift.events {
                    let _ = events.send(Happened::Poll { source: polled.name.clone(), report });
                }
                last = Some(now);
                Shift::heard(shift.store.fired(&name, now).await.map(Some));
                shift.to_look.notify_one();
                shift.emergency.is_over(&name);
            }
            Err(e) => shift.trouble(&name, e).await?,
        }
    }
    Ok(())
}

/// Looks whether a source that should call is silent.
async fn silence_loop(shift: Arc<Shift>, desk: Arc<Desk>) -> Result<(), StoreError> {
    let name = format!("silence:{}", desk.name());
    while !shift.stop.is_cancelled() {
        match desk.listen(&shift).await {
            Ok(next) => {
                shift.emergency.is_over(&name);
                shift.nap(next, Some(&desk.called)).await;
            }
            Err(e) => shift.trouble(&name, e).await?,
        }
    }
    Ok(())
}

/// Says what a believed poll came to.
fn say(source: &str, report: &Report) {
    let (rows, left_out, changed) = (report.rows, report.left_out, report.changed);
    let (read_ms, took_ms) = (report.read.as_millis(), report.took.as_millis());
    tracing::info!(%source, rows, changed, left_out_by_map = left_out, read_ms, took_ms, "polled");
}

/// When a source in trouble is polled again before its time: after a minute, two, four … at most a quarter of an hour;
/// and at the instant at which operators are to be told.
#[derive(Debug, Default)]
struct Again {
    failures: u32,
    retry_at: Option<Instant>,
    blind_at: Option<Instant>,
}

impl Again {
    fn at(&self) -> Option<Instant> {
        earliest(self.retry_at, self.blind_at)
    }

    fn after(&mut self, report: &Report, now: Instant) {
        if report.trouble.is_none() {
            *self = Self::default();
            return;
        }
        let minutes = 1_i64 << self.failures.min(4);
        self.failures += 1;
        self.retry_at = Some(now + chrono::TimeDelta::minutes(minutes.min(15)));
        self.blind_at = report.blind_at;
    }
}

async fn recheck_loop(shift: Arc<Shift>) -> Result<(), StoreError> {
    let mut rejudged = false;
    while !shift.stop.is_cancelled() {
        let now = shift.clock.now();
        match shift.look(rejudged, now).await {
            Ok(done) => {
                shift.tell(&done);
                shift.progress.stamp(Loop::Recheck, shift.clock.monotonic());
                shift.emergency.is_over("recheck");
                if rejudged {
                    let next = Shift::heard(shift.store.next_look_at(None).await);
                    let lift = Shift::heard(shift.pipeline.next_lift_at().await);
                    shift.nap(earliest(next, lift), Some(&shift.to_look)).await;
                }
                rejudged = true;
            }
            Err(e) => shift.trouble("recheck", e).await?,
        }
    }
    Ok(())
}

/// Lists for operators, once a day, whom messages do not reach.
async fn muster_loop(shift: Arc<Shift>) -> Result<(), StoreError> {
    let mut next: Option<Instant> = None;
    while !shift.stop.is_cancelled() {
        let now = shift.clock.now();
        if next.is_none_or(|next| next <= now) {
            match muster::run_once(&*shift.store, &shift.pipeline, &shift.playbook, now).await {
                Ok(again) => {
                    next = Some(again);
                    shift.emergency.is_over("muster");
                }
                Err(e) => {
                    shift.trouble("muster", e).await?;
                    continue;
                }
            }
        }
        shift.nap(next, None).await;
    }
    Ok(())
}

async fn courier_loop(shift: Arc<Shift>, mut courier: Courier) -> Result<(), StoreError> {
    while !shift.stop.is_cancelled() {
        // The same instant is doubted and claimed by.
        let (now, doubt) = shift.watch.look();
        courier.carry_only_to(doubt.as_ref().map(|_| shift.operators(now)));
        if shift.answering.news.take_bad() {
            courier.look_for_bad_ends();
        }
        match courier.run_once(&shift.playbook, &shift.pipeline, now).await {
            Ok(worked) => {
                let at = shift.clock.monotonic();
                shift.progress.stamp(Loop::Courier, at);
                shift.progress.stamp(Loop::Store, at);
                shift.emergency.is_over("courier");
                if courier.under_way() >= CROWD && worked < CROWD {
                    // What ends meanwhile is settled together.
                    shift.clock.sleep(CROWD_PAUSE).await;
                } else if worked == 0 && doubt.is_some() {
                    // What is due for others is no reason to hurry.
                    shift.nap(None, Some(&shift.to_send)).await;
                } else if worked == 0 {
                    let next = Shift::heard(shift.store.next_claim_at(&courier.busy()).await);
                    shift.nap(next, Some(&shift.to_send)).await;
                }
            }
            Err(e) => shift.trouble("courier", e).await?,
        }
    }
    if let Err(e) = courier.drain(&shift.playbook, &shift.pipeline, DRAIN).await {
        tracing::error!("what was being sent could not be settled: {e}");
    }
    Ok(())
}

/// Hears peers and operators about the clock.
async fn clock_loop(shift: Arc<Shift>, channels: Vec<(Arc<str>, SharedChannel)>) -> Result<(), StoreError> {
    while !shift.stop.is_cancelled() {
        let mut seen = shift.watch.seen();
        let peers = channels.iter().map(|(name, channel)| (name, channel));
        match shift.watch.run_once(peers, &shift.pipeline, &shift.playbook).await {
            Ok(is_news) => {
                shift.emergency.is_over("clock");
                if is_news {
                    seen.mark_unchanged();
                    shift.to_send.notify_one();
                }
                tokio::select! {
                    // Somebody else has seen the clock step.
                    _ = seen.changed() => {}
                    () = shift.clock.sleep(CLOCK_LOOK) => {}
                    () = shift.stop.cancelled() => {}
                }
            }
            Err(e) => shift.trouble("clock", e).await?,
        }
    }
    Ok(())
}

/// Asks peers what became of what they took.
async fn receipt_loop(shift: Arc<Shift>, mut receipts: Asker) -> Result<(), StoreError> {
    while !shift.stop.is_cancelled() {
        let asked = tokio::select! {
            asked = receipts.run_once(shift.clock.now()) => asked,
            () = shift.stop.cancelled() => return Ok(()),
        };
        match asked {
            Ok(ended_badly) => {
                shift.emergency.is_over("receipts");
                if ended_badly {
                    shift.answering.news.ended_badly();
                }
                tokio::select! {
                    () = shift.clock.sleep(MINUTE) => {}
                    () = shift.stop.cancelled() => {}
                }
            }
            Err(e) => shift.trouble("receipts", e).await?,
        }
    }
    Ok(())
}

/// Lets a monitor elsewhere hear that every loop moves and that operators can be told.
async fn heartbeat_loop(shift: Arc<Shift>, mut beats: Beats, every: Duration) -> Result<(), StoreError> {
    while !shift.stop.is_cancelled() {
        if !are_operators_cut_off(&shift.playbook.office, &shift.outages.borrow()) {
            tokio::select! {
                () = beats.run_once(shift.clock.monotonic()) => {}
                () = shift.stop.cancelled() => return Ok(()),
            }
        }
        tokio::select! {
            () = shift.clock.sleep(every) => {}
            () = shift.stop.cancelled() => {}
        }
    }
    Ok(())
}

/// Wakes the others when another process has written something that may be due.
async fn nudge_loop(shift: Arc<Shift>) -> Result<(), StoreError> {
    while !shift.stop.is_cancelled() {
        tokio::select! {
            () = shift.store.nudged() => {
                shift.to_send.notify_one();
                shift.to_look.notify_one();
            }
            () = shift.stop.cancelled() => {}
        }
    }
    Ok(())
}

impl Shift {
    /// Looks at what is worth looking at; the first time, at what was judged under another playbook.
    async fn look(&self, rejudged: bool, now: Instant) -> Result<Done, StoreError> {
        if !rejudged {
            let done = self.pipeline.rejudge(&self.playbook, now).await?;
            go_live::announce(&*self.store, &self.pipeline, &self.playbook, now).await?;
            return Ok(done);
        }
        let done = self.pipeline.recheck(&self.playbook, now).await?;
        if self.pipeline.lift(&self.playbook, now).await? > 0 {
            self.to_send.notify_one();
        }
        Ok(done)
    }

    /// Says for as long as a poll waits for its source that this is no standstill: an answer may take an hour, as each
    /// source's own limit of time says. What takes longer than any limit allows is one.
    async fn wait_for_answer(&self) -> std::convert::Infallible {
        for _ in 0..LONGEST_ANSWER.as_secs() / ANSWER_LOOK.as_secs() {
            tokio::time::sleep(ANSWER_LOOK).await;
            self.progress.stamp(Loop::Poll, self.clock.monotonic());
        }
        std::future::pending().await
    }

    /// When something of a source fell or falls due that waits for a poll; not so soon after the last poll that the
    /// source would be polled without end.
    async fn unconfirmed_at(&self, polled: &Polled, last: Option<Instant>) -> Option<Instant> {
        let confirm = chrono::TimeDelta::from_std(polled.terms.confirm).ok().filter(|span| !span.is_zero())?;
        let due_at = Self::heard(self.store.next_look_at(Some(&polled.name)).await)? - confirm;
        let last = last?;
        (due_at > last).then(|| due_at.max(last + NUDGE_GAP))
    }

    /// Tells operators that the files are not what runs, and why: once for the same problems beside the same playbook.
    async fn tell_of_files(&self, [chinese, english]: [&'static str; 2], problems: &[ConfigProblem]) {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let what = Digest::of([english].into_iter().chain(lines.iter().map(String::as_str)).map(str::as_bytes));
        let subject = format!("files:{}:{what}", self.playbook.version);
        let body = Body { title: self.playbook.language.pick(chinese, english).to_owned(), lines };
        let now = self.clock.now();
        let told = self.pipeline.tell_operators(&self.playbook, NoticeKind::System, &subject, body, now).await;
        if let Err(e) = told {
            tracing::error!("operators could not be told: {e}");
        }
        self.to_send.notify_one();
    }

    /// The ids of those who answer for duban itself.
    fn operators(&self, now: Instant) -> Vec<Arc<str>> {
        let today = self.playbook.calendar().local(now).date_naive();
        self.playbook.office.directory.operators(today).into_iter().map(|contact| contact.id.clone()).collect()
    }

    /// Tells those who watch, and wakes the courier.
    fn tell(&self, done: &Done) {
        if let Some(events) = &self.events {
            for (item, transition) in &done.transitions {
                let _ = events.send(Happened::Transition { item: item.clone(), transition: transition.clone() });
            }
        }
        self.to_send.notify_one();
    }

    /// Sleeps until an instant, a nudge or a stop, and never longer than a nap.
    async fn nap(&self, until: Option<Instant>, nudge: Option<&Notify>) {
        let left = until.map_or(NAP, |until| (until - self.clock.now()).to_std().unwrap_or_default());
        let nudged = async {
            match nudge {
                Some(nudge) => nudge.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.clock.sleep(left.min(NAP)) => {}
            () = nudged => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Waits until a loop whose round failed may try again; an error means that this process must not.
    async fn trouble(&self, which: &str, error: StoreError) -> Result<(), StoreError> {
        tracing::error!("{which}: {error}");
        let (now, monotonic) = (self.clock.now(), self.clock.monotonic());
        if self.emergency.hear(which, &error, monotonic) {
            self.emergency.tell(&self.playbook, &self.ways, &error.to_string(), now, monotonic);
        }
        if matches!(error, StoreError::Unconfirmed(_)) {
            return Err(error);
        }
        tokio::select! {
            () = tokio::time::sleep(jittered(STORE_PAUSE)) => {}
            () = self.stop.cancelled() => {}
        }
        Ok(())
    }

    /// What the store answered; a trouble is told, and the next round asks again.
    fn heard<T>(answer: Result<Option<T>, StoreError>) -> Option<T> {
        answer.unwrap_or_else(|e| {
            tracing::error!("store: {e}");
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_one_interval_begin_apart_and_a_single_one_at_once() {
        let seconds = |line: &str, place, count| {
            let schedule = Schedule::parse(line, chrono_tz::Tz::UTC).expect("a schedule");
            stagger(Some(&schedule), place, count).num_milliseconds()
        };
        assert_eq!([0, 1, 9].map(|place| seconds("5m", place, 10)), [0, 1_000, 9_000]);
        assert_eq!([0, 1].map(|place| seconds("10s", place, 2)), [0, 500]);
        assert_eq!([0, 1].map(|place| seconds("0 8 * * MON", place, 2)), [0, 5_000]);
        assert_eq!(seconds("1h", 0, 1), 0);
    }
}
