//! Days in the office's zone: the one that a recheck is given, and how many lie between two.
//!
//! A rule has no clock and no calendar; the zone is the only thing about the office that its engine carries.
//!
//! **Invariant:** the date of an instant is its date in the office's zone, never in UTC.

use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use rhai::{Dynamic, Engine, Module, NativeCallContext};

use super::facts::kind_of;
use super::words::{Answer, Say, word};
use crate::core::Instant;

/// A day in the office's zone, as a recheck is given it; it stands for its 00:00.
#[derive(Debug, Clone, Copy)]
pub struct Day {
    /// The date.
    pub date: NaiveDate,
    /// 00:00 of it.
    pub start: Instant,
}

impl Day {
    /// A day with its 00:00, or with the first instant after it where a clock change skips that.
    pub fn new(date: NaiveDate, zone: Tz) -> Self {
        let midnight = date.and_time(NaiveTime::MIN);
        let start = (0..24).find_map(|hour| zone.from_local_datetime(&(midnight + TimeDelta::hours(hour))).earliest());
        Self { date, start: start.map_or_else(|| midnight.and_utc(), |start| start.to_utc()) }
    }
}

/// Tells an engine the office's zone.
pub fn set_zone(engine: &mut Engine, zone: Tz) {
    engine.set_default_tag(Dynamic::from(zone));
}

/// Registers the words.
pub fn register(module: &mut Module) {
    parts(module);
    between(module);
}

fn parts(module: &mut Module) {
    const PART: Say = Say {
        group: "Days",
        params: &["day"],
        en: "`today.year`, `today.month`, `today.day`: the parts of the day that a recheck is given. An instant can \
             be compared with it; it stands for its 00:00 in the office's zone.",
        zh: "年、月、日；可与时刻比较，代表当日零时",
    };
    type Part = fn(NaiveDate) -> i64;
    let parts: [(&str, Part); 3] = [
        ("year", |date| i64::from(date.year())),
        ("month", |date| i64::from(date.month())),
        ("day", |date| i64::from(date.day())),
    ];
    for (name, part) in parts {
        word(module, name, PART, move |day: &mut Day| Ok(part(day.date)));
        module.set_getter_fn(name, move |day: &mut Day| -> Answer<i64> { Ok(part(day.date)) });
    }
}

fn between(module: &mut Module) {
    const DAYS: Say = Say {
        group: "Days",
        params: &["a", "b"],
        en: "How many natural days after the date of `a` the date of `b` comes, below 0 if it comes before; each is an \
             instant, taken by its date in the office's zone, or `today`. Missing while one of them is. So \
             `${days(a, b)}d` from `a` ends with the day of `b`.",
        zh: "从 a 的日期到 b 的日期相隔的自然日数（可为负）；任一缺失则缺失",
    };
    type Context<'a> = NativeCallContext<'a>;
    word(module, "days", DAYS, |context: Context<'_>, a: Dynamic, b: Dynamic| {
        let zone = zone(&context)?;
        let (from, to) = (date(&a, zone)?, date(&b, zone)?);
        Ok(from.zip(to).map_or(Dynamic::UNIT, |(from, to)| count(from, to).into()))
    });
    // The usual pairs of kinds, found at the first look.
    module.set_native_fn("days", |context: Context<'_>, a: Instant, b: Instant| {
        let zone = zone(&context)?;
        Ok(count(a.with_timezone(&zone).date_naive(), b.with_timezone(&zone).date_naive()))
    });
    module.set_native_fn("days", |context: Context<'_>, a: Instant, b: Day| {
        Ok(count(a.with_timezone(&zone(&context)?).date_naive(), b.date))
    });
    module.set_native_fn("days", |(): (), _: Instant| Ok(()));
    module.set_native_fn("days", |_: Instant, (): ()| Ok(()));
    module.set_native_fn("days", |(): (), (): ()| Ok(()));
}

fn count(from: NaiveDate, to: NaiveDate) -> i64 {
    (to - from).num_days()
}

/// The zone that [`set_zone`] told; an engine without one serves no office.
fn zone(context: &NativeCallContext<'_>) -> Answer<Tz> {
    let zone = context.tag().and_then(|tag| tag.read_lock::<Tz>().map(|zone| *zone));
    zone.ok_or_else(|| "days: there is no office here, so an instant has no date".into())
}

fn date(value: &Dynamic, zone: Tz) -> Answer<Option<NaiveDate>> {
    if value.is_unit() {
        return Ok(None);
    }
    let of_instant = value.read_lock::<Instant>().map(|at| at.with_timezone(&zone).date_naive());
    let found = of_instant.or_else(|| value.read_lock::<Day>().map(|day| day.date));
    found.map(Some).ok_or_else(|| format!("days: expected an instant or a day, got {}", kind_of(value)).into())
}
