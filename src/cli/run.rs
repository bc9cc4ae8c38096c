//! `duban run`: the daemon, in the foreground.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::exit::{Exit, Failure};
use super::site::wrong;
use super::{Caller, words};
use crate::daemon::run::{Daemon, Happened, RunError, Signals};
use crate::daemon::storage::Place;
use crate::daemon::systemd::watchdog_interval;
use crate::daemon::wiring::Site;
use crate::playbook::InForce;
use crate::store::{Store, StoreError};
use crate::time::{Clock, SystemClock};
use crate::web::{self, Board};

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// A JSON object a line
    Json,
}

/// How long a stop waits for what cannot be told to stop.
const LEFT_BEHIND: Duration = Duration::from_secs(2);

/// What `run` is given.
#[derive(Args)]
pub struct Arguments {
    /// How the log is written
    #[arg(long, value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// Runs the command.
pub fn run(arguments: &Arguments, caller: &Caller<'_>) -> Result<Exit, Failure> {
    // What the database's client says of each connection, duban says once.
    caller.start_log(arguments.log_format, "info,sqlx=error");
    let site = caller.site()?;
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        // Who is told to stop while the store is opened stops too, and in good order.
        let signals = listen_to_signals()?;
        let store = caller.open_store(&site).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        caller.serve(site, store, clock, signals, None, None).await
    });
    // What still reads a file that does not answer is left behind.
    runtime.shutdown_timeout(LEFT_BEHIND);
    ended
}

/// The threads on which everything async runs.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::internal(format!("no runtime: {e}")))
}

/// SIGTERM and SIGINT stop, SIGHUP reloads.
pub(super) fn listen_to_signals() -> Result<Signals, Failure> {
    let signals = Signals::default();
    let listen = |kind| signal(kind).map_err(|e| Failure::internal(format!("no signals: {e}")));
    let (mut term, mut int, mut hup) =
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?, listen(SignalKind::hangup())?);
    let heard = signals.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(()) = term.recv() => heard.stop.cancel(),
                Some(()) = int.recv() => heard.stop.cancel(),
                Some(()) = hup.recv() => heard.reload.notify_one(),
                else => return,
            }
        }
    });
    Ok(signals)
}

impl Caller<'_> {
    /// Opens the configured store.
    pub(super) async fn open_store(&self, site: &Site) -> Result<Arc<dyn Store>, Failure> {
        let place = self.storage(site)?;
        place.open().await.map_err(|e| self.store_failed(&place.words(), &e))
    }

    /// Opens the configured store beside the daemon that may be running.
    pub(super) async fn visit_store(&self) -> Result<Arc<dyn Store>, Failure> {
        let place = self.storage(&self.site()?)?;
        place.visit().await.map_err(|e| self.store_failed(&place.words(), &e))
    }

    /// The configured store, if there is one.
    pub(super) async fn visit_store_if_any(&self) -> Result<Option<Arc<dyn Store>>, Failure> {
        let place = self.storage(&self.site()?)?;
        place.visit_if_any().await.map_err(|e| self.store_failed(&place.words(), &e))
    }

    /// Where the configured store is.
    pub(super) fn storage(&self, site: &Site) -> Result<Place, Failure> {
        site.storage(&|name| self.environment.get(name).map(str::to_owned)).map_err(|problems| wrong(&problems))
    }

    /// What a store's trouble means for a command.
    pub(super) fn store_failed(&self, place: &str, error: &StoreError) -> Failure {
        let command = match error {
            StoreError::Newer { backup: Some(file), .. } => Some(self.command_line(&["restore"], file)),
            _ => None,
        };
        Failure::internal(words::upkeep::store_failed(self.language, place, error, command.as_deref()))
    }

    /// Runs the daemon and its page until a stop.
    pub(super) async fn serve(
        &self,
        site: Site,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        signals: Signals,
        events: Option<mpsc::UnboundedSender<Happened>>,
        note: Option<String>,
    ) -> Result<Exit, Failure> {
        let lookup = |name: &str| self.environment.get(name).map(str::to_owned);
        let (in_force, seen) = watch::channel(None);
        let page = self.page(&site, store.clone(), clock.clone(), seen, note).await?;
        let stop = signals.stop.clone();
        let page = page.map(|(listener, board)| {
            if let Ok(address) = listener.local_addr() {
                tracing::info!(%address, "the page of open cards is served");
            }
            tokio::spawn(web::serve(listener, board, stop))
        });
        let watchdog = watchdog_interval(&lookup, std::process::id());
        let daemon =
            Daemon { site, store, clock, lookup: &lookup, signals: signals.clone(), events, in_force, watchdog };
        let ended = daemon.run().await;
        signals.stop.cancel();
        if let Some(page) = page {
            let _ = page.await;
        }
        match ended {
            Ok(()) => Ok(Exit::Fine),
            Err(RunError::Config(problems)) => Err(wrong(&problems)),
            Err(RunError::Store(e)) => Err(self.store_failed("store", &e)),
            Err(e @ RunError::Broken(_)) => Err(Failure::internal(e.to_string())),
        }
    }

    /// The page of open cards, if the configuration wants one.
    async fn page(
        &self,
        site: &Site,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        in_force: watch::Receiver<Option<InForce>>,
        note: Option<String>,
    ) -> Result<Option<(tokio::net::TcpListener, Board)>, Failure> {
        let address = &site.config.web.listen;
        if address.is_empty() {
            return Ok(None);
        }
        let wrong = |problem: String| Failure::configuration(words::about(self.language, "web.listen", &problem));
        let parsed: SocketAddr = address
            .parse()
            .map_err(|_| wrong(format!("expected an address and port such as 127.0.0.1:8137, got {address:?}")))?;
        let listener = web::listen(parsed).await.map_err(|e| wrong(format!("{address}: {e}")))?;
        Ok(Some((listener, Board { store, clock, in_force, note })))
    }
}
