//! How a limit runs on a calendar from a start, with pauses: where it ends, how much of it is used at an instant, and at
//! which instant how much is used.
//!
//! | written | means |
//! |---|---|
//! | `10wd` | working days; the start's day is not counted; due at 24:00 of the last day (Civil Code 201–204) |
//! | `10wd@close` | as above, due when the last day's working hours end |
//! | `10wd@clock` | same clock time on the nth working day; a start on a rest day moves to 00:00 of the next working day |
//! | `10wd@open` | same clock time; a start outside working hours moves to the next opening |
//! | `0wd` | the same working day, else the first one after (即办件); `0wd@close` after closing: the next one's close |
//! | `4.5wh` `90wm` | working time; ends at the end of the last worked minute |
//! | `2h` `30m` | natural time, from the instant |
//! | `100d` `100d@clock` `15d@work` | natural days: end of the day; same clock time; moved behind rest days (Civil Code 203) |
//!
//! A due instant is exclusive: done before it is in time.
//!
//! **Used time.** b₀ is where counting starts, bᵢ the instant at which i units are used, pauses taken out:
//! used(t) = i + unpaused working time in [bᵢ, t) / unpaused working time in [bᵢ, bᵢ₊₁), natural time for `d h m`.
//!
//! **Pauses.** Only what lies after the start counts, in order of start, overlaps once. Hour limits lose exactly the
//! paused time; day limits gain the days D (working or natural, as the limit) with date(from) < D ≤ date(to). A pause
//! that begins at or after the due instant reached so far changes nothing.

use super::calendar::{Beyond, Calendar, Day, Seconds};
use super::item::Pause;
use super::limit::{End, Family, Limit, Share};

/// A limit that runs on a calendar.
#[derive(Debug, Clone)]
pub struct Course<'a> {
    calendar: &'a Calendar,
    limit: Limit,
    /// Where it was started.
    start: Seconds,
    /// Where counting starts: `start`, unless the notation moves it.
    moved: Seconds,
    /// For day limits: the index of the first counted day, in working days or days of the calendar.
    first: usize,
    /// Days (or, for `0wd`, the one day) that the limit counts; seconds for the other limits.
    amount: i64,
    /// The pauses that count: merged, ascending, not before the start; the last may be open (`Seconds::MAX`).
    pauses: Vec<(Seconds, Seconds)>,
    /// For day limits: the pauses that give days back.
    gained: Vec<Gain>,
}

/// A pause of a day limit that gives days back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gain {
    /// Where it begins, cut to the start.
    pub from: Seconds,
    /// Where it ends.
    pub to: Seconds,
    /// How many days that no earlier pause gave back.
    pub days: usize,
}

/// How much of a limit is used, in its own unit: `whole` + `part` / `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// Whole units.
    pub whole: i64,
    /// Seconds of the unit that is being used up.
    pub part: i64,
    /// Seconds that this unit has.
    pub of: i64,
}

impl<'a> Course<'a> {
    /// Starts a limit that is `extended` by so many days or seconds. Pauses may come in any order; an empty or reversed
    /// one counts for nothing.
    pub fn new(
        calendar: &'a Calendar,
        limit: Limit,
        extended: u32,
        start: Seconds,
        pauses: &[Pause],
    ) -> Result<Self, Beyond> {
        let mut course = Self {
            calendar,
            limit,
            start,
            moved: start,
            first: 0,
            amount: i64::from(limit.grains()) + i64::from(extended),
            pauses: Vec::new(),
            gained: Vec::new(),
        };
        if limit.family().is_days() {
            course.place()?;
        } else {
            // A start outside the table is an error, also of a limit that never asks it for a day.
            calendar.check(start)?;
        }
        for (from, to) in in_order(start, pauses) {
            if course.reach(course.amount)? <= from {
                break;
            }
            course.pause(from, to)?;
            if to == Seconds::MAX {
                break;
            }
        }
        Ok(course)
    }

    /// The limit, pauses not counted in.
    pub const fn limit(&self) -> Limit {
        self.limit
    }

    /// Where counting starts.
    pub const fn starts_at(&self) -> Seconds {
        self.moved
    }

    /// The amount with what extends it: days (one for `0wd`) or seconds.
    pub(super) const fn amount(&self) -> i64 {
        self.amount
    }

    /// The pauses that give days back, in order of start.
    pub(super) fn gained(&self) -> &[Gain] {
        &self.gained
    }

    /// The pauses that count, merged; an open one ends at `Seconds::MAX`.
    pub fn pauses(&self) -> &[(Seconds, Seconds)] {
        &self.pauses
    }

    /// The first instant that is too late; `None` while a pause is open.
    pub fn due(&self) -> Result<Option<Seconds>, Beyond> {
        if self.open_since().is_some() { Ok(None) } else { self.reach(self.amount).map(Some) }
    }

    /// Since when a pause is open.
    pub fn open_since(&self) -> Option<Seconds> {
        self.pauses.last().filter(|(_, to)| *to == Seconds::MAX).map(|(from, _)| *from)
    }

    /// The last counted day of a day limit, before `@work` moves it.
    pub fn last_day(&self) -> Result<Option<Day>, Beyond> {
        if !self.limit.family().is_days() || self.open_since().is_some() {
            return Ok(None);
        }
        self.counted_day(self.amount).map(Some)
    }

    /// Whether the answer rests on days that the calendar's list does not speak for.
    pub fn is_provisional(&self, until: Seconds) -> Result<bool, Beyond> {
        if !self.limit.family().is_working() && self.limit.end() != End::Work {
            return Ok(false);
        }
        let from = self.calendar.day_of(self.start)?;
        // `until` is exclusive: 24:00 belongs to the day that it ends.
        Ok(self.calendar.is_provisional(from, self.calendar.day_of(until.max(self.start + 1) - 1)?))
    }

    /// How much is used at an instant; what a pause covers is not used.
    pub fn used(&self, at: Seconds) -> Result<Used, Beyond> {
        let at = self.open_since().map_or(at, |since| since.min(at)).max(self.moved);
        if !self.limit.family().is_days() {
            let of = i64::from(self.limit.unit().grains());
            let used = self.unpaused(self.start, at)?;
            return Ok(Used { whole: used / of, part: used % of, of });
        }
        let (mut unit, mut from) = (0, self.boundary(0)?);
        if at > from {
            unit = self.guess(at)?;
            from = self.boundary(unit)?;
        }
        while unit > 0 && from > at {
            unit -= 1;
            from = self.boundary(unit)?;
        }
        let mut to = self.boundary(unit + 1)?;
        while to <= at {
            (unit, from) = (unit + 1, to);
            to = self.boundary(unit + 1)?;
        }
        let of = self.unpaused(from, to)?;
        let part = if at <= from { 0 } else { self.unpaused(from, at)? };
        Ok(Used { whole: unit, part, of: of.max(1) })
    }

    /// What remains at an instant, in hundredths of the limit's unit, rounded towards minus infinity.
    pub fn remaining(&self, at: Seconds) -> Result<i64, Beyond> {
        let Used { whole, part, of } = self.used(at)?;
        let whole_limit = if self.limit.family().is_days() { self.amount * of } else { self.amount };
        let left = i128::from(whole_limit) - i128::from(whole) * i128::from(of) - i128::from(part);
        Ok(i64::try_from((left * 100).div_euclid(i128::from(of))).unwrap_or(i64::MAX))
    }

    /// The share of the whole limit.
    pub fn share(&self, share: Share) -> i128 {
        i128::from(self.amount) * i128::from(share.parts())
    }

    /// An amount of the limit's family, on the scale of [`Course::share`].
    pub fn amount_of(&self, amount: Limit) -> i128 {
        i128::from(amount.grains()) * i128::from(Share::WHOLE)
    }

    /// The whole limit, on the scale of [`Course::share`].
    pub fn whole(&self) -> i128 {
        i128::from(self.amount) * i128::from(Share::WHOLE)
    }

    /// The last instant at which no more than `used` is used. `used` counts days or seconds in ten-thousandths.
    pub fn at_used(&self, used: i128) -> Result<Seconds, Beyond> {
        let scale = i128::from(Share::WHOLE);
        let (whole, rest) = (used.div_euclid(scale), used.rem_euclid(scale));
        let whole = i64::try_from(whole).map_err(|_| Beyond)?;
        if !self.limit.family().is_days() {
            return self.last_unpaused(self.start, whole);
        }
        let (from, to) = (self.boundary(whole)?, self.boundary(whole + 1)?);
        let seconds = i128::from(self.unpaused(from, to)?) * rest / scale;
        Ok(self.last_unpaused(from, i64::try_from(seconds).map_err(|_| Beyond)?)?.min(to))
    }

    /// The instant at which `units` days are used: b₀, b₁ …
    fn boundary(&self, units: i64) -> Result<Seconds, Beyond> {
        if units == 0 {
            return match self.limit.end() {
                End::Midnight | End::Close | End::Work if self.limit.grains() > 0 => {
                    self.calendar.start(self.calendar.day_of(self.start)? + 1)
                }
                _ => Ok(self.moved),
            };
        }
        if self.is_moment() && units <= 1 {
            return Ok(self.moved);
        }
        if self.limit.end() == End::Work && units > self.amount {
            // Past due, natural days go on from where the rest days moved it.
            let due = self.calendar.day_of(self.boundary(self.amount)?)?;
            return self.calendar.start(due + usize::try_from(units - self.amount).map_err(|_| Beyond)?);
        }
        self.end_of(units, self.counted_day(units)?)
    }

    /// When the day on which the `units`th unit is used up ends for this limit.
    pub(super) fn end_of(&self, units: i64, day: Day) -> Result<Seconds, Beyond> {
        match self.limit.end() {
            End::Midnight => self.calendar.start(day + 1),
            End::Close => self.calendar.close(day),
            End::Clock | End::Open => self.calendar.at_clock(day, self.calendar.clock(self.moved)?),
            End::Work if units < self.amount => self.calendar.start(day + 1),
            End::Work => self.calendar.start(self.calendar.working_day_from(day)? + 1),
        }
    }

    /// `0wd@clock` and `0wd@open`: due where they start.
    const fn is_moment(&self) -> bool {
        self.limit.grains() == 0 && matches!(self.limit.end(), End::Clock | End::Open)
    }

    /// Where the limit ends if it is `amount` long.
    fn reach(&self, amount: i64) -> Result<Seconds, Beyond> {
        match self.limit.family() {
            Family::WorkingDays | Family::Days => self.boundary(amount),
            Family::WorkingTime | Family::Time => self.first_unpaused(self.start, amount),
        }
    }

    /// Finds the day from which a day limit counts.
    fn place(&mut self) -> Result<(), Beyond> {
        let calendar = self.calendar;
        let day = calendar.day_of(self.start)?;
        if self.limit.family() == Family::Days {
            self.first = day + 1;
            return Ok(());
        }
        match self.limit.end() {
            End::Open => self.moved = calendar.opening(self.start)?,
            End::Clock if !calendar.is_working(day) => self.moved = calendar.start(calendar.working_day_from(day)?)?,
            _ => {}
        }
        let mut day = calendar.day_of(self.moved)?;
        if self.limit.grains() == 0 {
            self.amount += 1;
            let is_over =
                self.limit.end() == End::Close && calendar.is_working(day) && self.start >= calendar.close(day)?;
            day = calendar.working_day_from(day + usize::from(is_over))?;
            self.moved = self.moved.max(calendar.start(day)?);
            self.first = calendar.working_days_before(day)?;
        } else {
            self.first = calendar.working_days_before(day + 1)?;
        }
        Ok(())
    }

    /// The day on which the nth unit is used up: each pause that begins before it gives its days back.
    pub(super) fn counted_day(&self, nth: i64) -> Result<Day, Beyond> {
        let before = usize::try_from(nth - 1).map_err(|_| Beyond)?;
        let mut index = self.first.checked_add(before).ok_or(Beyond)?;
        let mut day = self.day_at(index)?;
        for &Gain { from, days, .. } in &self.gained {
            if self.end_of(nth, day)? <= from {
                break;
            }
            index += days;
            day = self.day_at(index)?;
        }
        Ok(day)
    }

    fn day_at(&self, index: usize) -> Result<Day, Beyond> {
        if self.limit.family().is_working() { self.calendar.working_day(index) } else { Ok(index) }
    }

    /// How many days that the limit could count lie before a day.
    fn index_of(&self, day: Day) -> Result<usize, Beyond> {
        if self.limit.family().is_working() { self.calendar.working_days_before(day) } else { Ok(day) }
    }

    /// A unit near the one that is being used at `at`.
    fn guess(&self, at: Seconds) -> Result<i64, Beyond> {
        let index = self.index_of(self.calendar.day_of(at)?)?;
        let gained: usize = self.gained.iter().filter(|gain| gain.from < at).map(|gain| gain.days).sum();
        Ok(i64::try_from(index.saturating_sub(gained + self.first)).unwrap_or(i64::MAX))
    }

    /// Takes in a pause that does not begin before those taken in already.
    fn pause(&mut self, from: Seconds, to: Seconds) -> Result<(), Beyond> {
        let overlaps = self.pauses.last().filter(|(_, end)| from <= *end).copied();
        if self.limit.family().is_days() && to < Seconds::MAX {
            // The days after the one in which it begins, once where pauses overlap, and none that would not count anyway.
            let counted_before =
                self.pauses.last().map_or(Ok(0), |(_, end)| self.index_of(self.calendar.day_of(*end)? + 1))?;
            let first = self.index_of(self.calendar.day_of(from)? + 1)?.max(counted_before).max(self.first);
            let days = self.index_of(self.calendar.day_of(to)? + 1)?.saturating_sub(first);
            if days > 0 {
                self.gained.push(Gain { from, to, days });
            }
        }
        match overlaps {
            Some((since, end)) => {
                self.pauses.pop();
                self.pauses.push((since, end.max(to)));
            }
            None => self.pauses.push((from, to)),
        }
        Ok(())
    }

    /// Time on the limit's own meter: working seconds, or seconds.
    pub(super) fn meter(&self, at: Seconds) -> Result<i64, Beyond> {
        if self.limit.family().is_working() { self.calendar.work_until(at) } else { Ok(at) }
    }

    /// Time that went by unpaused; an open pause is left out, since nothing is asked about what lies behind its start.
    pub(super) fn unpaused(&self, from: Seconds, to: Seconds) -> Result<i64, Beyond> {
        let mut time = self.meter(to)? - self.meter(from)?;
        for &(pause, end) in self.pauses.iter().filter(|(_, end)| *end < Seconds::MAX) {
            let (pause, end) = (pause.clamp(from, to), end.clamp(from, to));
            if pause < end {
                time -= self.meter(end)? - self.meter(pause)?;
            }
        }
        Ok(time)
    }

    /// The first instant at which `time` went by unpaused since `from`.
    fn first_unpaused(&self, from: Seconds, time: i64) -> Result<Seconds, Beyond> {
        let (from, left) = self.walk(from, time, |left, stretch| left <= stretch)?;
        if self.limit.family().is_working() {
            self.calendar.first_with(self.meter(from)? + left, from)
        } else {
            Ok(from + left)
        }
    }

    /// The last instant at which no more than `time` went by unpaused since `from`.
    fn last_unpaused(&self, from: Seconds, time: i64) -> Result<Seconds, Beyond> {
        let (from, left) = self.walk(from, time, |left, stretch| left < stretch)?;
        if self.limit.family().is_working() {
            self.calendar.last_with(self.meter(from)? + left, from)
        } else {
            Ok(from + left)
        }
    }

    /// Walks over the pauses until what is left `fits` before the next one; from where, and what is left.
    fn walk(
        &self,
        mut from: Seconds,
        mut left: i64,
        fits: impl Fn(i64, i64) -> bool,
    ) -> Result<(Seconds, i64), Beyond> {
        for &(pause, end) in &self.pauses {
            if end <= from {
                continue;
            }
            let stretch = if pause > from { self.meter(pause)? - self.meter(from)? } else { 0 };
            if pause > from && fits(left, stretch) || end == Seconds::MAX {
                break;
            }
            left -= stretch;
            from = end;
        }
        Ok((from, left))
    }
}

/// The pauses after a start, cut to it, in order of start.
fn in_order(start: Seconds, pauses: &[Pause]) -> Vec<(Seconds, Seconds)> {
    let cut = |pause: &Pause| {
        let to = pause.to.map_or(Seconds::MAX, |to| to.timestamp());
        (pause.from.timestamp().max(start), to)
    };
    let mut sorted: Vec<_> = pauses.iter().map(cut).filter(|(from, to)| from < to).collect();
    sorted.sort_unstable();
    sorted
}
