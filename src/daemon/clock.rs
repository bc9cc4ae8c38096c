//! The watch over the machine's clock: what speaks against it is gathered, told and kept until it is taken back.
//!
//! **Invariant:** nobody but operators is told anything by a clock in doubt. A doubt outlives a restart: two rows among the
//! schedules say when it arose, and up to which one a person or the clock itself has taken it back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::core::Instant;
use crate::core::audit::Act;
use crate::core::clock_doubt::{Doubt, PeerTime, Reading, Timekeeper};
use crate::core::notice::{Body, NoticeKind};
use crate::pipeline::Pipeline;
use crate::playbook::Playbook;
use crate::store::{DeliveryFilter, Result, Store, Turn};
use crate::time::Clock;
use crate::wire::SharedChannel;

/// When the newest doubt arose.
const DOUBTED: &str = "clock:doubted";

/// The doubt that was taken back last.
const CONFIRMED: &str = "clock:confirmed";

/// Says that the clock is right, whatever speaks against it; `false` if nothing does. If a person says so, that
/// is an act.
pub async fn confirm(store: &dyn Store, act: Option<&Act>) -> Result<bool> {
    let doubted = store.last_fired(DOUBTED).await?;
    match doubted {
        Some(doubted) if store.last_fired(CONFIRMED).await? != Some(doubted) => {
            let fired = vec![(CONFIRMED.to_owned(), doubted)];
            store.commit(&Turn { fired, acts: act.cloned().into_iter().collect(), ..Turn::default() }).await?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// The watch.
pub struct ClockWatch {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    keeper: Mutex<Timekeeper>,
    shown: watch::Sender<Option<String>>,
    written: Mutex<Option<Written>>,
}

/// A doubt that is written down.
#[derive(Debug, Clone, Copy)]
struct Written {
    /// The confirmation that stood before it: any other one takes it back.
    confirmed: Option<Instant>,
}

impl ClockWatch {
    /// Looks for the first time.
    pub async fn start(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Result<Self> {
        let (doubted, confirmed) = (store.last_fired(DOUBTED).await?, store.last_fired(CONFIRMED).await?);
        let in_doubt = doubted.is_some() && doubted != confirmed;
        let known = newest(&*store).await?;
        let keeper = Timekeeper::starting(read(&*clock), known, in_doubt);
        let shown = watch::Sender::new(keeper.doubt().map(ToString::to_string));
        let written = Mutex::new(in_doubt.then_some(Written { confirmed }));
        Ok(Self { store, clock, keeper: Mutex::new(keeper), shown, written })
    }

    /// Where the doubt can be seen.
    pub fn seen(&self) -> watch::Receiver<Option<String>> {
        self.shown.subscribe()
    }

    /// The instant, and what speaks against it.
    pub fn look(&self) -> (Instant, Option<Doubt>) {
        let reading = read(&*self.clock);
        let doubt = {
            let mut keeper = self.keeper();
            keeper.look(reading);
            keeper.doubt().cloned()
        };
        self.show(doubt.as_ref());
        (reading.wall, doubt)
    }

    /// Hears the peers and the operators, writes down what is new, and tells operators of a new doubt; `true` if a doubt
    /// has begun or ended.
    pub async fn run_once<'c>(
        &self,
        channels: impl Iterator<Item = (&'c Arc<str>, &'c SharedChannel)> + Send,
        pipeline: &Pipeline,
        playbook: &Playbook,
    ) -> Result<bool> {
        for (name, time) in channels.filter_map(|(name, channel)| Some((name, channel.peer_time()?))) {
            self.keeper().hear(name, time);
        }
        let before = self.clock.now();
        if let Some(theirs) = self.store.clock().await? {
            // A slow answer is no other time.
            let ours = before + (self.clock.now() - before) / 2;
            self.keeper().hear(&Arc::from("the store"), PeerTime { theirs, ours });
        }
        let written = *self.written();
        if let Some(Written { confirmed }) = written
            && self.store.last_fired(CONFIRMED).await? != confirmed
        {
            tracing::warn!("somebody says that the clock is right");
            self.keeper().confirm();
        }
        let (now, doubt) = self.look();
        match (doubt, written) {
            (Some(doubt), None) => self.begin(&doubt, pipeline, playbook, now).await?,
            (None, Some(_)) => {
                tracing::warn!("nothing speaks against the clock any more");
                confirm(&*self.store, None).await?;
                *self.written() = None;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    async fn begin(&self, doubt: &Doubt, pipeline: &Pipeline, playbook: &Playbook, now: Instant) -> Result<()> {
        tracing::error!("the clock is in doubt, nobody but operators is told anything: {doubt}");
        let title = playbook.language.pick("本机时钟可疑，已暂停发送", "The clock is in doubt, sending is held");
        let what = playbook.language.pick(
            "除值守人员外，暂不向任何人发送。请核对本机时间：若时间正确，执行 duban ctl clock confirm；若不正确，校正时间。",
            "Nobody but operators is told anything. Check this machine's time: if it is right, run duban ctl clock \
             confirm; if it is wrong, put it right.",
        );
        let body = Body { title: title.to_owned(), lines: vec![doubt.to_string(), what.to_owned()] };
        let confirmed = self.store.last_fired(CONFIRMED).await?;
        self.store.fired(DOUBTED, now).await?;
        pipeline.tell_operators(playbook, NoticeKind::System, &format!("clock:{}", now.timestamp()), body, now).await?;
        *self.written() = Some(Written { confirmed });
        Ok(())
    }

    fn show(&self, doubt: Option<&Doubt>) {
        let text = doubt.map(ToString::to_string);
        self.shown.send_if_modified(|shown| {
            let is_new = *shown != text;
            *shown = text;
            is_new
        });
    }

    fn keeper(&self) -> MutexGuard<'_, Timekeeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn written(&self) -> MutexGuard<'_, Option<Written>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(clock: &dyn Clock) -> Reading {
    Reading { wall: clock.now(), monotonic: clock.monotonic() }
}

/// The newest instant that the store remembers.
async fn newest(store: &dyn Store) -> Result<Option<Instant>> {
    let polled = store.sources().await?.into_iter().filter_map(|source| source.polled_at).max();
    let opened = store.deliveries(&DeliveryFilter { limit: 1, ..DeliveryFilter::default() }).await?;
    Ok(polled.max(opened.first().map(|delivery| delivery.opened_at)))
}
