//! `duban demo`: a made-up city on an embedded store: the real pipeline, mail into a folder, a page of open cards.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::mpsc;

use super::exit::{Exit, Failure};
use super::run::{LogFormat, listen_to_signals, runtime};
use super::words::demo as words;
use super::{Caller, site::wrong};
use crate::core::Instant;
use crate::core::calendar::Calendar;
use crate::daemon::run::{Happened, Signals};
use crate::daemon::wiring::Site;
use crate::time::{Clock, ShiftedClock};
use city::City;

mod city;
mod story;

/// What `demo` is given.
#[derive(Args)]
pub struct Arguments {
    /// The page's port on 127.0.0.1
    #[arg(long, value_name = "PORT", default_value_t = 8137)]
    pub port: u16,
    /// The demo's folder
    #[arg(long, value_name = "DIR", default_value = "duban-demo")]
    pub folder: PathBuf,
    /// Let time run sixty times as fast
    #[arg(long)]
    pub fast: bool,
    /// End after so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub seconds: Option<u64>,
}

/// How much faster `--fast` is.
const FAST: std::num::NonZeroU32 = std::num::NonZeroU32::new(60).expect("not zero");

/// How often the city writes down what happened.
const CITY_PACE: Duration = Duration::from_millis(500);

/// Runs the command.
pub fn run(arguments: &Arguments, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    caller.start_log(LogFormat::Text, "warn");
    let calendar = caller.calendar(None)?;
    let start_at = latest_morning(&calendar, caller.now()).ok_or_else(|| Failure::internal("no working day"))?;
    let city = City::new(&arguments.folder, &calendar, start_at);
    city.build(arguments.port, caller.language)
        .map_err(|problem| Failure::usage(words::no_folder(caller.language, &problem)))?;
    let site = Site::read(&arguments.folder.join("duban.toml")).map_err(|problems| wrong(&problems))?;
    runtime()?.block_on(play(arguments, caller, site, city, start_at, out))
}

/// 10:00 of the latest working day.
fn latest_morning(calendar: &Calendar, now: Instant) -> Option<Instant> {
    let today = calendar.day_of(now.timestamp()).ok()?;
    let day = (0..=today).rev().find(|day| calendar.is_working(*day))?;
    Instant::from_timestamp(calendar.at_clock(day, 10 * 3_600).ok()?, 0)
}

async fn play(
    arguments: &Arguments,
    caller: &Caller<'_>,
    site: Site,
    city: City,
    start_at: Instant,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let clock = ShiftedClock::starting_at(start_at);
    let clock: Arc<dyn Clock> = Arc::new(if arguments.fast { clock.at_speed(FAST) } else { clock });
    let store = caller.open_store(&site).await?;
    let signals = listen_to_signals()?;
    stop_after(arguments.seconds, &signals);
    let zone = city.zone();
    let note = words::clock_note(caller.language, start_at, zone, arguments.fast);
    write!(out, "{}", words::opening(caller.language, arguments.port, &arguments.folder, &note))?;
    out.flush()?;
    let (events, heard) = mpsc::unbounded_channel();
    let living = tokio::spawn(live(city, clock.clone(), signals.clone()));
    let daemon = caller.serve(site, store.clone(), clock.clone(), signals.clone(), Some(events), Some(note));
    let telling = story::tell(heard, &*clock, zone, caller, out);
    let (ended, told) = tokio::join!(daemon, telling);
    living.abort();
    let counts = told?;
    write!(out, "{}", words::closing(caller.language, &arguments.folder, &counts))?;
    ended
}

/// The city goes on living: its files change as things happen.
async fn live(city: City, clock: Arc<dyn Clock>, signals: Signals) {
    while !signals.stop.is_cancelled() {
        if let Err(problem) = city.write(clock.now()) {
            tracing::warn!("the city cannot write: {problem}");
        }
        tokio::time::sleep(CITY_PACE).await;
    }
}

fn stop_after(seconds: Option<u64>, signals: &Signals) {
    if let Some(seconds) = seconds {
        let stop = signals.stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            stop.cancel();
        });
    }
}

/// A path as a command line would take it.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// What the story was about in the end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    /// Cards that time or new data raised.
    pub raised: usize,
    /// Messages that lie in the folder.
    pub sent: usize,
}

/// An event, as the story tells it.
type Event = Happened;
