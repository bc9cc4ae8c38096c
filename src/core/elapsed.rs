//! How much working time lies between two instants.

use super::calendar::{Beyond, Calendar};
use super::item::Pause;
use super::{Instant, calendar::Seconds};

/// Working seconds from one instant to another, pauses taken out, overlaps once. An open pause runs on to the end. None
/// if the end does not lie after the start.
pub fn worked(calendar: &Calendar, from: Instant, to: Instant, pauses: &[Pause]) -> Result<i64, Beyond> {
    let (from, to) = (from.timestamp(), to.timestamp());
    let mut work = between(calendar, from, to)?;
    let mut counted = from;
    for (pause, end) in in_order(from, to, pauses) {
        work -= between(calendar, pause.max(counted), end)?;
        counted = counted.max(end);
    }
    Ok(work)
}

fn between(calendar: &Calendar, from: Seconds, to: Seconds) -> Result<i64, Beyond> {
    let (before, after) = (calendar.work_until(from)?, calendar.work_until(to)?);
    Ok((after - before).max(0))
}

fn in_order(from: Seconds, to: Seconds, pauses: &[Pause]) -> Vec<(Seconds, Seconds)> {
    let cut = |pause: &Pause| {
        let end = pause.to.map_or(to, |end| end.timestamp());
        (pause.from.timestamp().max(from), end.min(to))
    };
    let mut sorted: Vec<_> = pauses.iter().map(cut).filter(|(from, to)| from < to).collect();
    sorted.sort_unstable();
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::calendar::read_calendar;

    #[test]
    fn pauses_are_taken_out_once() {
        let text =
            "name = \"t\"\ntimezone = \"Asia/Shanghai\"\n[[hours]]\nspans = [\"09:00-12:00\", \"13:30-17:30\"]\n";
        let calendar = read_calendar("t", text, &mut |_| Err(String::new())).expect("calendar");
        let at = |text: &str| format!("2026-03-{text}:00+08:00").parse::<Instant>().expect("instant");
        let pause = |from: &str, to: &str| Pause::new(at(from), (!to.is_empty()).then(|| at(to)));
        for (from, to, pauses, minutes) in [
            ("02T10:00", "02T17:30", vec![], 360),
            ("02T17:30", "02T10:00", vec![], 0),
            ("02T10:00", "02T17:30", vec![pause("02T11:00", "02T14:00")], 270),
            ("02T10:00", "02T17:30", vec![pause("02T11:00", "02T14:00"), pause("02T11:30", "02T12:00")], 270),
            ("02T10:00", "02T17:30", vec![pause("02T11:30", "02T15:00"), pause("02T11:00", "02T14:00")], 210),
            ("02T10:00", "02T17:30", vec![pause("02T16:30", "")], 300),
            ("02T10:00", "02T17:30", vec![pause("01T00:00", "02T10:30"), pause("02T17:00", "09T10:00")], 300),
            ("02T10:00", "02T17:30", vec![pause("02T14:00", "02T11:00")], 360),
        ] {
            assert_eq!(worked(&calendar, at(from), at(to), &pauses), Ok(minutes * 60), "{from} {to} {pauses:?}");
        }
    }
}
