//! Until when a notice waits: quiet hours, the next list of who wants lists, a route's wait for more to say.

use chrono::{NaiveTime, TimeDelta};

use super::Office;
use crate::core::Instant;
use crate::core::calendar::Calendar;
use crate::core::notice::{Notice, NoticeKind, Wait};
use crate::core::route::{Form, Quiet, Routing, Wishes};

/// Until when a notice waits, and for what: the latest of its reasons. Operators wait for nothing.
pub(super) fn wait(
    notice: &Notice,
    is_urgent: bool,
    routing: &Routing<'_>,
    office: &Office,
    now: Instant,
) -> Option<(Instant, Wait)> {
    if office.is_operator(&notice.contact) {
        return None;
    }
    let passes = match routing.quiet {
        Some(quiet) => quiet == Quiet::Pass,
        None => is_urgent,
    };
    let quiet = if passes { None } else { opening(&office.quiet, now).map(|at| (at, Wait::QuietHours)) };
    let list = if wants_list(notice, is_urgent, office) { next_list(office, now) } else { None };
    let group = TimeDelta::from_std(routing.wait).ok().filter(|wait| !wait.is_zero());
    let group = group.map(|wait| (now + wait, Wait::Group));
    [quiet, group, list.map(|at| (at, Wait::List))]
        .into_iter()
        .flatten()
        .filter(|(at, _)| *at > now)
        .max_by_key(|w| w.0)
}

/// Lists are for who wants them, and for what closed, above the unit. A recall and a red on an hour window come at once.
fn wants_list(notice: &Notice, is_urgent: bool, office: &Office) -> bool {
    let Some(contact) = office.directory.get(&notice.contact) else { return false };
    let wants = Wishes::of(&office.preferences, contact).form == Form::List;
    let is_above_unit = matches!(&*contact.level, "L2" | "L3" | "L4" | "L5");
    match notice.kind {
        NoticeKind::Revoke => false,
        NoticeKind::Clear => wants || is_above_unit,
        _ => wants && !is_urgent,
    }
}

/// The next opening of working hours, if it is not working time.
pub(super) fn opening(calendar: &Calendar, now: Instant) -> Option<Instant> {
    let opening = calendar.opening(now.timestamp()).ok().and_then(|at| Instant::from_timestamp(at, 0))?;
    // Within the second of an opening there is nothing to wait for.
    (opening > now).then_some(opening)
}

/// The next of the office's set times on a working day, after now.
fn next_list(office: &Office, now: Instant) -> Option<Instant> {
    let calendar = &office.quiet;
    let today = calendar.day_of(now.timestamp()).ok()?;
    let on = |day| {
        let at = |time: &NaiveTime| {
            let clock = chrono::Timelike::num_seconds_from_midnight(time);
            calendar.at_clock(day, clock.into()).ok().and_then(|at| Instant::from_timestamp(at, 0))
        };
        office.lists_at.iter().filter_map(at).filter(|at| *at > now).min()
    };
    let first = calendar.working_day_from(today).ok()?;
    on(first).or_else(|| calendar.working_day_from(first + 1).ok().and_then(on))
}
