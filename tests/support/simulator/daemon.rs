//! One process: the only file that knows how the daemon's parts are called. It does what the loops of `daemon::run` do,
//! one round at a time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use duban::core::Instant;
use duban::core::contact::Medium;
use duban::core::delivery::RetryPolicy;
use duban::courier::{Courier, Rehearsal, Way, Ways};
use duban::daemon::go_live;
use duban::daemon::poll::Poll;
use duban::daemon::wiring::Polled;
use duban::pipeline::{Done, Pipeline};
use duban::playbook::Playbook;
use duban::store::memory::MemoryStore;
use duban::store::{PlaybookRecord, Result, Store};
use duban::time::{Clock, TestClock};
use tokio::sync::{Mutex, Notify};

use super::ledger::Ledger;
use super::office::CHANNELS;
use super::wire::{Scripted, Wire};
use super::witness::Witness;

/// The name of the channel to which a rehearsal goes.
pub const REHEARSAL: &str = "rehearsal";

/// One process.
pub struct Daemon {
    /// Which of all processes that ever were.
    pub life: usize,
    /// Its store, where things go wrong.
    pub store: Arc<Witness>,
    /// Its playbook.
    pub playbook: Arc<Playbook>,
    /// Whether it judged again what was judged under another playbook.
    pub rejudged: bool,
    pipeline: Arc<Pipeline>,
    courier: Arc<Mutex<Courier>>,
    clock: Arc<TestClock>,
    wire: Arc<Wire>,
    disk: Arc<MemoryStore>,
}

/// What a process is asked to do.
pub enum Errand {
    /// To start, alone on its store or not.
    Start(bool),
    /// To poll a source.
    Poll(Box<Polled>),
    /// To look at what is due, or to judge again.
    Look,
    /// To settle, claim and send.
    Carry,
    /// To let a courier drain.
    Drain,
    /// To release what a baseline holds.
    Release,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct News {
    /// In words.
    pub text: String,
    /// Why a poll was not believed.
    pub trouble: Option<String>,
    /// Whether there may be more to do at once.
    pub is_busy: bool,
}

impl Daemon {
    /// A process that did nothing yet.
    pub fn new(
        life: usize,
        playbook: Arc<Playbook>,
        disk: Arc<MemoryStore>,
        (wire, clock, ledger): (Arc<Wire>, Arc<TestClock>, Arc<Ledger>),
    ) -> Self {
        let store = Arc::new(Witness::new(disk.clone(), ledger, playbook.clone()));
        let pipeline = Arc::new(Pipeline::new(store.clone()));
        let courier = Arc::new(Mutex::new(courier(life, &store, (&disk, &wire, &clock))));
        Self { life, store, playbook, rejudged: false, pipeline, courier, clock, wire, disk }
    }

    /// Takes another playbook, as a reload does after it was put in force: with a new pipeline and a new courier.
    pub fn take(&mut self, playbook: Arc<Playbook>) {
        self.store.take(playbook.clone());
        self.playbook = playbook;
        self.rejudged = false;
        self.pipeline = Arc::new(Pipeline::new(self.store.clone()));
        self.courier = Arc::new(Mutex::new(courier(self.life, &self.store, (&self.disk, &self.wire, &self.clock))));
    }

    /// Goes on an errand.
    pub fn go(&self, errand: Errand) -> impl Future<Output = Result<News>> + Send + 'static {
        let (store, playbook, rejudged) = (self.store.clone(), self.playbook.clone(), self.rejudged);
        let (pipeline, courier, clock) = (self.pipeline.clone(), self.courier.clone(), self.clock.clone());
        async move {
            let now = clock.now();
            match errand {
                Errand::Start(is_alone) => {
                    if is_alone {
                        store.end_leases(now).await?;
                    }
                    put_in_force(&*store, &playbook, now).await?;
                    Ok(News { text: format!("playbook {}", playbook.version), ..News::default() })
                }
                Errand::Poll(polled) => poll(&polled, store, &pipeline, &playbook, now).await,
                Errand::Look => look(&*store, &pipeline, &playbook, rejudged, now).await,
                Errand::Carry => {
                    let worked = courier.lock().await.run_once(&playbook, &pipeline, now).await?;
                    Ok(News { text: format!("carried {worked}"), is_busy: worked > 0, ..News::default() })
                }
                Errand::Drain => {
                    courier.lock().await.drain(&playbook, &pipeline, Duration::ZERO).await?;
                    Ok(News { text: "drained".into(), ..News::default() })
                }
                Errand::Release => {
                    let held = pipeline.held().await?;
                    let released = pipeline.release(&playbook, &held, None, now).await?;
                    Ok(News { text: format!("released {released}"), ..News::default() })
                }
            }
        }
    }
}

/// Puts a playbook in force.
pub async fn put_in_force(store: &dyn Store, playbook: &Playbook, now: Instant) -> Result<()> {
    let by = "simulator";
    let before = store.playbook().await?;
    go_live::begin(store, before.as_ref(), playbook, now).await?;
    let record = PlaybookRecord { version: playbook.version, at: now, by: by.into(), files: playbook.files.clone() };
    store.put_playbook(&record, &playbook.rule_records(now, by), None).await
}

async fn poll(
    polled: &Polled,
    store: Arc<dyn Store>,
    pipeline: &Pipeline,
    playbook: &Arc<Playbook>,
    now: Instant,
) -> Result<News> {
    let heard = |_: &Done| {};
    let report = Poll {
        polled,
        store: &store,
        pipeline,
        playbook,
        heard: &heard,
        clock: &duban::time::SystemClock::start(),
        now,
    }
    .run()
    .await?;
    let text = format!(
        "rows {} rejected {} changed {} notices {} lost {} trouble {:?}",
        report.rows,
        report.rejected.len(),
        report.changed,
        report.notices,
        report.lost,
        report.trouble
    );
    Ok(News { text, trouble: report.trouble, is_busy: false })
}

/// Looks at what is worth looking at, and lifts silences; the first time, judges again.
async fn look(
    store: &dyn Store,
    pipeline: &Pipeline,
    playbook: &Arc<Playbook>,
    rejudged: bool,
    now: Instant,
) -> Result<News> {
    let (done, lifted) = if rejudged {
        let done = pipeline.recheck(playbook, now).await?;
        (done, pipeline.lift(playbook, now).await?)
    } else {
        let done = pipeline.rejudge(playbook, now).await?;
        go_live::announce(store, pipeline, playbook, now).await?;
        (done, 0)
    };
    let Done { transitions, notices, lost } = done;
    let text = format!("transitions {} notices {notices} lost {lost} lifted {lifted}", transitions.len());
    Ok(News { text, ..News::default() })
}

fn courier(
    life: usize,
    store: &Arc<Witness>,
    (disk, wire, clock): (&Arc<MemoryStore>, &Arc<Wire>, &Arc<TestClock>),
) -> Courier {
    let office = &store.playbook().office;
    let way = |name: &'static str, medium| {
        let is_limited = |name: &Arc<str>| !office.rates(name).is_empty();
        let limited = office.channels.keys().filter(|name| is_limited(name)).cloned().collect();
        let channel = Scripted { name, medium, life, limited, store: disk.clone(), wire: wire.clone() };
        Way { channel: Arc::new(channel), retry: RetryPolicy::default() }
    };
    let channels = CHANNELS.map(|(name, medium)| (Arc::from(name), way(name, medium))).into();
    let rehearsal = Rehearsal { way: way(REHEARSAL, Medium::Mail), address: "rehearsal@example.test".into() };
    Courier::new(store.clone(), Ways { channels, rehearsal }, clock.clone(), Arc::new(Notify::new()))
}
