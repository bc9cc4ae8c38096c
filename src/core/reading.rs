//! What a window shows at an instant: its state, its level, when it is due and when to look again.
//!
//! **Invariant:** what lies after the instant has not happened: a stop, the start of a pause, an approval.

use serde::{Deserialize, Serialize};

use super::Instant;
use super::calendar::{Beyond, Calendar, Seconds};
use super::course::Course;
use super::item::{Amount, Extension, Pause};
use super::limit::{Family, Limit, Yellow, YellowDefault};
use super::window::{Level, Window};

/// Where a clock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The start is missing or still to come.
    NotStarted,
    /// The clock runs, also past due.
    Running,
    /// The clock stands still.
    Paused,
    /// Stopped in time.
    Met,
    /// Stopped at or after due.
    Late,
}

/// How a window is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Done before due.
    OnTime,
    /// Done too late, or not done and past due.
    Overdue,
    /// Neither can be said.
    Open,
}

impl State {
    /// The identifier in SQL, JSON and CSV.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotStarted => "not_started",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Met => "met",
            Self::Late => "late",
        }
    }
}

impl Verdict {
    /// The identifier in SQL, JSON and CSV.
    pub const fn word(self) -> &'static str {
        match self {
            Self::OnTime => "on_time",
            Self::Overdue => "overdue",
            Self::Open => "open",
        }
    }
}

/// What became of a request for more time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granted {
    /// It moves the due instant.
    Counts,
    /// Not approved yet: moves nothing.
    Pending,
    /// Asked for at or after the due instant.
    AskedTooLate {
        /// The due instant that it missed.
        due_at: Instant,
    },
    /// Its amount is not of the limit's family.
    OtherFamily,
}

/// A window read at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Where the clock stands.
    pub state: State,
    /// Whether the window's start is known.
    pub has_start: bool,
    /// The card that is open, if one is.
    pub level: Option<Level>,
    /// The first instant that is too late; `None` without a start or in an open pause.
    pub due_at: Option<Instant>,
    /// The instant from which it is yellow, if it ever is.
    pub yellow_at: Option<Instant>,
    /// Whether `due_at` rests on days that the calendar does not know yet.
    pub provisional: bool,
    /// When it was stopped.
    pub stopped_at: Option<Instant>,
    /// What remains while it runs or stands still: hundredths of the limit's unit.
    pub remaining: Option<i64>,
    /// The yellow that the rule asked for lies outside the window, so half of the limit was taken.
    pub yellow_moved: bool,
    /// What became of each extension.
    pub granted: Vec<Granted>,
    /// The next instant at which a reading may show something else, if nothing else changes.
    pub next_look_at: Option<Instant>,
}

impl Reading {
    /// How the window is counted at the instant of the reading.
    pub fn verdict(&self, now: Instant) -> Verdict {
        match self.state {
            State::Met if !self.has_start => Verdict::Open,
            State::Met => Verdict::OnTime,
            State::Late => Verdict::Overdue,
            _ if self.due_at.is_some_and(|due| due <= now) => Verdict::Overdue,
            _ => Verdict::Open,
        }
    }

    const fn bare(state: State, stopped_at: Option<Instant>, next_look_at: Option<Instant>) -> Self {
        Self {
            state,
            has_start: false,
            level: None,
            due_at: None,
            yellow_at: None,
            provisional: false,
            stopped_at,
            remaining: None,
            yellow_moved: false,
            granted: Vec::new(),
            next_look_at,
        }
    }
}

/// A window with its start known, on its calendar, as things were at an instant.
#[derive(Debug)]
pub struct Run<'a> {
    /// The clock's course.
    pub course: Course<'a>,
    /// What became of each extension.
    pub granted: Vec<Granted>,
}

/// Puts a window on its calendar as it was known at `now`; `None` while its start is missing.
pub fn run<'a>(window: &Window, calendar: &'a Calendar, now: Instant) -> Result<Option<Run<'a>>, Beyond> {
    let Some(from) = window.from else { return Ok(None) };
    let happened: Vec<Pause>;
    let pauses = if window.pauses.iter().all(|p| p.from <= now) {
        &window.pauses
    } else {
        happened = window.pauses.iter().filter(|p| p.from <= now).cloned().collect();
        &happened
    };
    let course = |extended| Course::new(calendar, window.limit, extended, from.timestamp(), pauses);
    let mut run = Run { course: course(0)?, granted: vec![Granted::Pending; window.extensions.len()] };
    let mut extended = 0;
    for index in in_order(&window.extensions) {
        let extension = &window.extensions[index];
        let granted = grant(extension, window.limit, run.course.due()?, now);
        run.granted[index] = granted;
        if granted == Granted::Counts {
            extended += added(extension, window.limit).unwrap_or(0);
            run.course = course(extended)?;
        }
    }
    Ok(Some(run))
}

/// The extensions by when they were asked for.
fn in_order(extensions: &[Extension]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..extensions.len()).collect();
    order.sort_by_key(|i| (asked_at(&extensions[*i]), extensions[*i].approved_at));
    order
}

fn asked_at(extension: &Extension) -> Option<Instant> {
    extension.asked_at.or(extension.approved_at)
}

fn grant(extension: &Extension, limit: Limit, due: Option<Seconds>, now: Instant) -> Granted {
    let due_at = due.map(instant);
    match due_at {
        _ if added(extension, limit).is_none() => Granted::OtherFamily,
        Some(due_at) if asked_at(extension).is_some_and(|asked| asked >= due_at) => Granted::AskedTooLate { due_at },
        _ if extension.approved_at.is_some_and(|approved| approved <= now) => Granted::Counts,
        _ => Granted::Pending,
    }
}

/// What an extension adds, in days or seconds; `None` if it is of another family.
pub fn added(extension: &Extension, limit: Limit) -> Option<u32> {
    match extension.amount {
        Amount::Number(number) => Some(number.saturating_mul(limit.unit().grains())),
        Amount::Limit(amount) => (amount.family() == limit.family()).then(|| amount.grains()),
    }
}

/// Reads a window at `now`.
pub fn read(window: &Window, calendar: &Calendar, yellow: &YellowDefault, now: Instant) -> Result<Reading, Beyond> {
    let done = window.done.filter(|done| *done <= now);
    let Some(Run { course, granted }) = run(window, calendar, now)? else {
        let state = if done.is_some() { State::Met } else { State::NotStarted };
        return Ok(Reading::bare(state, done, next_of(window, None, None, now)));
    };
    let due = course.due()?;
    let (mut yellow_at, mut yellow_moved) = (None, false);
    if let Some(due) = due {
        (yellow_at, yellow_moved) = yellow_of(window, &course, due, yellow)?;
    }
    let due_at = due.map(instant);
    let state = state_of(window, &course, due_at, done, now);
    let level = match state {
        State::Running | State::Paused if due_at.is_some_and(|due| due <= now) => Some(Level::Red),
        State::Running | State::Paused if yellow_at.is_some_and(|at| at <= now) => Some(Level::Yellow),
        _ => None,
    };
    let remaining = match state {
        State::Running | State::Paused => Some(course.remaining(now.timestamp())?),
        _ => None,
    };
    let provisional = due.map_or(Ok(false), |due| course.is_provisional(due))?;
    let next_look_at = next_of(window, yellow_at, due_at, now);
    Ok(Reading {
        state,
        has_start: true,
        level,
        due_at,
        yellow_at,
        provisional,
        stopped_at: done,
        remaining,
        yellow_moved,
        granted,
        next_look_at,
    })
}

fn state_of(
    window: &Window,
    course: &Course<'_>,
    due_at: Option<Instant>,
    done: Option<Instant>,
    now: Instant,
) -> State {
    if let Some(done) = done {
        return if due_at.is_some_and(|due| done >= due) { State::Late } else { State::Met };
    }
    if window.from.is_none_or(|from| from > now) {
        return State::NotStarted;
    }
    let at = now.timestamp();
    let is_paused = course.pauses().iter().any(|&(from, to)| from <= at && at < to);
    if is_paused { State::Paused } else { State::Running }
}

/// When the window turns yellow, and whether the rule's own wish had to be moved.
fn yellow_of(
    window: &Window,
    course: &Course<'_>,
    due: Seconds,
    default: &YellowDefault,
) -> Result<(Option<Instant>, bool), Beyond> {
    let inside = |at: Seconds| window.from.is_some_and(|from| from.timestamp() < at) && at < due;
    let whole = course.whole();
    let (used, is_wish) = match window.yellow {
        Some(Yellow::Share(share)) => (course.share(share), true),
        Some(Yellow::Used(amount)) => (course.amount_of(amount), true),
        Some(Yellow::Left(amount)) => (whole - course.amount_of(amount), true),
        None => (default_used(course, default), false),
    };
    let at = if (0..whole).contains(&used) { Some(course.at_used(used)?) } else { None };
    if let Some(at) = at.filter(|at| inside(*at)) {
        return Ok((Some(instant(at)), false));
    }
    if !is_wish {
        return Ok((None, false));
    }
    let half = course.at_used(whole / 2)?;
    Ok((inside(half).then(|| instant(half)), true))
}

fn default_used(course: &Course<'_>, default: &YellowDefault) -> i128 {
    let used = course.share(default.used);
    if course.limit().family() != Family::WorkingDays {
        return used;
    }
    let left = course.whole() - course.amount_of(default.left);
    used.min(left).max(course.share(default.not_before))
}

/// The earliest of everything ahead that can change a reading.
fn next_of(window: &Window, yellow_at: Option<Instant>, due_at: Option<Instant>, now: Instant) -> Option<Instant> {
    let pauses = window.pauses.iter().flat_map(|p| [Some(p.from), p.to]);
    let approvals = window.extensions.iter().map(|e| e.approved_at);
    let clock = if window.done.is_some_and(|done| done <= now) { [None, None] } else { [yellow_at, due_at] };
    [window.from, window.done]
        .into_iter()
        .chain(clock)
        .chain(pauses)
        .chain(approvals)
        .flatten()
        .filter(|at| *at > now)
        .min()
}

/// The instant of so many seconds since 1970.
pub(super) fn instant(at: Seconds) -> Instant {
    Instant::from_timestamp(at, 0).unwrap_or(Instant::MAX_UTC)
}
