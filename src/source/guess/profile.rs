//! **Profile** of a column: how full it is, which values occur, whether they are instants, in which formats.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use chrono_tz::Tz;

use crate::core::limit::Limit;
use crate::source::moment::{Moments, Offsets};

/// The ways in which instants are written that are looked for, the usual ones first.
const FORMATS: [&str; 28] = [
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y年%m月%d日 %H:%M:%S",
    "%Y年%m月%d日 %H:%M",
    "%Y年%m月%d日%H:%M",
    "%Y年%m月%d日 %H时%M分",
    "%Y年%m月%d日%H时%M分",
    "%Y年%m月%d日",
    "%Y.%m.%d %H:%M:%S",
    "%Y.%m.%d %H:%M",
    "%Y.%m.%d",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
    "%Y%m%d%H%M%S",
    "%Y%m%d",
    "%s",
];

/// The formats of digits alone, which ids and amounts may look like.
const DIGITS_FROM: usize = 25;

/// Day and month first, in this order, and the other way round.
const DAY_FIRST: [(&str, &str); 2] = [("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"), ("%d/%m/%Y", "%m/%d/%Y")];

/// What people and programs write where there is nothing.
const NOTHING: [&str; 14] = [
    "-",
    "--",
    "—",
    "/",
    "\\",
    "无",
    "暂无",
    "空",
    "null",
    "NULL",
    "N/A",
    "0000-00-00",
    "0000-00-00 00:00:00",
    "9999-12-31 00:00:00",
];

/// The most different values that are remembered.
const MOST_VALUES: usize = 40;

/// The most values of a column that are read as instants.
const MOST_READ: usize = 2000;

/// After so many values that are no instants, none is tried any more.
const PATIENCE: usize = 100;

/// The bit of texts with an offset of their own.
const ZONED: u32 = 1 << 31;

/// How values are read as instants.
pub(super) struct Readers {
    formats: Vec<Moments>,
    zoned: Moments,
    offsets: Offsets,
}

impl Readers {
    pub fn new() -> Self {
        let of = |format: &str| {
            Moments::new(&[format.to_owned()], Some(Tz::UTC)).expect("the formats above are good, a test says so")
        };
        let zoned = Moments::new(&["rfc3339".to_owned()], None).expect("the one format that needs no zone");
        Self { formats: FORMATS.iter().map(|format| of(format)).collect(), zoned, offsets: Offsets::default() }
    }

    /// Which of the formats read a text.
    fn mask(&mut self, text: &str) -> u32 {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        if !(5..=29).contains(&digits) || text.len() > 60 {
            return 0;
        }
        if self.zoned.read(text, &mut self.offsets).is_ok() {
            return ZONED;
        }
        let mut mask = 0;
        for (at, moments) in self.formats.iter().enumerate() {
            let is_likely = FORMATS[at] != "%s" || text.len() == 10;
            if is_likely && moments.read(text, &mut self.offsets).is_ok() {
                mask |= 1 << at;
            }
        }
        mask
    }
}

/// What is known of a column.
#[derive(Debug, Default)]
pub(super) struct Profile {
    /// Its cells that say something.
    pub filled: usize,
    /// All its cells.
    pub rows: usize,
    /// How often each value occurs, if there are not too many.
    values: Option<BTreeMap<String, usize>>,
    hashes: HashSet<u64>,
    /// How many values are read by which formats.
    masks: BTreeMap<u32, usize>,
    read: usize,
    unread: Option<String>,
    /// What stands where there is nothing.
    pub nothing: BTreeMap<String, usize>,
    numbers: usize,
    day_numbers: usize,
    milliseconds: usize,
    amounts: usize,
}

/// The formats that read a column's instants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Times {
    /// The formats, the most frequent first.
    pub formats: Vec<&'static str>,
    /// Whether some values have no offset of their own.
    pub naive: bool,
    /// Whether day and month could be the other way round.
    pub is_ambiguous: bool,
    /// A value that none of the formats reads, and how many there are.
    pub unread: Option<(String, usize)>,
}

impl Profile {
    /// One more cell.
    pub fn add(&mut self, text: Option<&str>, state: &RandomState, readers: &mut Readers) {
        if self.rows == 0 {
            self.values = Some(BTreeMap::new());
        }
        self.rows += 1;
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return };
        if NOTHING.contains(&text) {
            *self.nothing.entry(text.to_owned()).or_default() += 1;
            return;
        }
        self.filled += 1;
        self.hashes.insert(state.hash_one(text));
        self.count(text);
        self.weigh(text);
        let is_hopeless = self.read >= PATIENCE && self.masks.keys().all(|mask| *mask == 0);
        if self.read < MOST_READ && !is_hopeless {
            self.read += 1;
            let mask = readers.mask(text);
            *self.masks.entry(mask).or_default() += 1;
            if mask == 0 {
                self.unread.get_or_insert_with(|| text.chars().take(40).collect());
            }
        }
    }

    fn count(&mut self, text: &str) {
        let Some(values) = &mut self.values else { return };
        if let Some(count) = values.get_mut(text) {
            *count += 1;
        } else if values.len() < MOST_VALUES && text.chars().count() <= 40 {
            values.insert(text.to_owned(), 1);
        } else {
            self.values = None;
        }
    }

    fn weigh(&mut self, text: &str) {
        let is_plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
        let number = text.parse::<f64>().ok().filter(|_| is_plain);
        self.numbers += usize::from(number.is_some());
        self.day_numbers += usize::from(number.is_some_and(|number| (30_000.0..60_000.0).contains(&number)));
        self.milliseconds += usize::from(text.len() == 13 && number.is_some());
        let is_amount = text.parse::<u32>().is_ok_and(|n| (1..=10_000).contains(&n))
            || text.parse::<Limit>().is_ok_and(Limit::is_amount);
        self.amounts += usize::from(is_amount);
    }

    /// Whether no value occurs twice and none is missing.
    pub fn is_key(&self) -> bool {
        self.rows > 0 && self.filled == self.rows && self.hashes.len() == self.filled
    }

    /// How many rows hold a value that another row holds too.
    pub fn repeated(&self) -> usize {
        self.filled - self.hashes.len()
    }

    /// The values with their counts, the most frequent first; nothing if there are too many to be states.
    pub fn states(&self) -> Option<Vec<(&str, usize)>> {
        let mut states: Vec<(&str, usize)> =
            self.values.as_ref()?.iter().map(|(text, n)| (text.as_str(), *n)).collect();
        states.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Some(states)
    }

    /// What a value that is no instant looks like.
    pub fn example(&self) -> String {
        self.unread.clone().unwrap_or_default()
    }

    /// Whether all values are numbers.
    pub fn is_numeric(&self) -> bool {
        self.filled > 0 && self.numbers == self.filled
    }

    /// Whether all values say how much longer.
    pub fn is_amounts(&self) -> bool {
        self.filled > 0 && self.amounts == self.filled
    }

    /// Whether the values are days as a spreadsheet numbers them.
    pub fn is_day_numbers(&self) -> bool {
        self.filled > 0 && self.day_numbers == self.filled
    }

    /// Whether the values are milliseconds since 1970.
    pub fn is_milliseconds(&self) -> bool {
        self.filled > 0 && self.milliseconds == self.filled
    }

    /// The formats of its instants, if most values are some. `is_expected` says that its header speaks of a time; without
    /// that, digits alone are none.
    pub fn times(&self, is_expected: bool) -> Option<Times> {
        let allowed: u32 = if is_expected { u32::MAX } else { ZONED | ((1 << DIGITS_FROM) - 1) };
        let mut left: BTreeMap<u32, usize> = BTreeMap::new();
        for (mask, count) in &self.masks {
            *left.entry(mask & allowed).or_default() += count;
        }
        let unread = left.remove(&0).unwrap_or_default();
        let read: usize = left.values().sum();
        if read == 0 || read < unread * 2 {
            return None;
        }
        let mut times = Times { naive: left.keys().any(|mask| *mask != ZONED), ..Times::default() };
        left.remove(&ZONED);
        while let Some(best) = best_of(&left) {
            times.formats.push(FORMATS[best]);
            left.retain(|mask, _| mask & (1 << best) == 0);
        }
        times.is_ambiguous = DAY_FIRST.iter().any(|(day, month)| self.may_be_both(&times, day, month));
        times.unread = self.unread.clone().filter(|_| unread > 0).map(|text| (text, unread));
        Some(times)
    }

    fn may_be_both(&self, times: &Times, day: &str, month: &str) -> bool {
        let chosen = |format: &str| times.formats.contains(&format);
        let bit = |format: &str| FORMATS.iter().position(|known| *known == format).map_or(0, |at| 1_u32 << at);
        let both = bit(day) | bit(month);
        let is_only_one = |mask: &&u32| **mask & both != 0 && **mask & both != both;
        (chosen(day) || chosen(month)) && !self.masks.keys().any(|mask| is_only_one(&mask))
    }
}

/// The format that reads the most; of several the first.
fn best_of(left: &BTreeMap<u32, usize>) -> Option<usize> {
    let reads =
        |at: usize| left.iter().filter(|(mask, _)| *mask & (1 << at) != 0).map(|(_, count)| count).sum::<usize>();
    (0..FORMATS.len())
        .map(|at| (reads(at), at))
        .filter(|(reads, _)| *reads > 0)
        .min_by_key(|(reads, at)| (std::cmp::Reverse(*reads), *at))
        .map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(values: &[&str]) -> Profile {
        let (mut profile, state, mut readers) = (Profile::default(), RandomState::new(), Readers::new());
        for value in values {
            profile.add(Some(value), &state, &mut readers);
        }
        profile
    }

    #[test]
    fn formats_are_found_by_what_is_written() {
        for (values, formats) in [
            (&["2026-03-02 10:00:00", "2026-03-03 08:30:00"][..], &["%Y-%m-%d %H:%M:%S"][..]),
            (&["2026-03-02 10:00:00", "2026-03-03 08:30:00.5"], &["%Y-%m-%d %H:%M:%S%.f"]),
            (&["2026/3/2 10:00", "2026/3/12 9:05"], &["%Y/%m/%d %H:%M"]),
            (&["2026年3月2日", "2026年12月31日"], &["%Y年%m月%d日"]),
            (&["2026年3月2日 10:05"], &["%Y年%m月%d日 %H:%M"]),
            (&["2026.3.2"], &["%Y.%m.%d"]),
            (&["31/12/2026 10:00", "01/02/2026 09:00"], &["%d/%m/%Y %H:%M"]),
            (&["12/31/2026", "01/02/2026"], &["%m/%d/%Y"]),
            (&["20260302101500"], &["%Y%m%d%H%M%S"]),
            (&["20260302"], &["%Y%m%d"]),
            (&["1772416800"], &["%s"]),
            (&["2026-03-02 10:00", "2026-03-02", "2026-03-03 11:00"], &["%Y-%m-%d %H:%M", "%Y-%m-%d"]),
            (&["2026-03-02T10:00:00+08:00", "2026-03-02T02:00:00Z"], &[]),
        ] {
            let times = profile(values).times(true).unwrap_or_else(|| panic!("{values:?}"));
            assert_eq!(times.formats, formats, "{values:?}");
            assert_eq!(times.naive, !formats.is_empty(), "{values:?}");
        }
    }

    #[test]
    fn what_only_looks_like_an_instant_is_none() {
        for values in [&["20260302", "20260303"][..], &["1772416800"], &["T1", "T2"], &["13900000001"], &["12.5"], &[]]
        {
            assert_eq!(profile(values).times(false), None, "{values:?}");
        }
        assert_eq!(profile(&["昨天", "待定", "2026-03-02 10:00"]).times(true), None, "most are none");
        let mostly = profile(&["2026-03-02 10:00", "2026-03-02 10:00", "待定"]).times(true).expect("most are some");
        assert_eq!(mostly.unread, Some(("待定".to_owned(), 1)));
    }

    #[test]
    fn day_and_month_are_in_doubt_until_one_is_above_twelve() {
        assert!(profile(&["01/02/2026", "03/04/2026"]).times(true).expect("times").is_ambiguous);
        assert!(!profile(&["01/02/2026", "13/04/2026"]).times(true).expect("times").is_ambiguous);
    }

    #[test]
    fn what_stands_for_nothing_is_no_value() {
        let profile = profile(&["-", "无", "2026-03-02 10:00", "", "  "]);
        assert_eq!((profile.rows, profile.filled, profile.nothing.len()), (5, 1, 2));
        assert!(!profile.is_key());
    }

    #[test]
    fn numbers_of_spreadsheets_and_machines_are_known() {
        assert!(profile(&["46083.5", "46084"]).is_day_numbers());
        assert!(profile(&["1772416800000"]).is_milliseconds());
        assert!(profile(&["5", "3wd"]).is_amounts() && !profile(&["0"]).is_amounts());
    }
}
