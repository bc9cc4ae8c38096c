//! **Guess**: what the columns of a source may mean, by their headers and by what stands in them: the draft of a mapping
//! that a person then reads. Pure but for [`mod@file`], which looks at how a file is written.
//!
//! **Invariant:** what is drafted can be read by the mapping; what is not sure is said as a [`Doubt`] beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::RandomState;

use super::mapping::name_refusal;
use super::moment::USUAL_FORMATS;
use super::{Fetched, Mapping, mapping::MappingConfig};

pub mod file;
mod headers;
mod profile;
mod states;

use headers::{ENDS_LIKE, Meaning, Rank};
use profile::{Profile, Readers, Times};

pub use headers::known as known_headers;

/// The rows that are looked at.
pub const SAMPLE: usize = 20_000;

/// The draft of a mapping.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guess {
    /// The rows that were looked at.
    pub rows: usize,
    /// The column of the id.
    pub id: String,
    /// What speaks against it.
    pub id_doubts: Vec<Doubt>,
    /// What the items may be called.
    pub kind: &'static str,
    /// Whether times without an offset occur, which need a zone.
    pub needs_zone: bool,
    /// The formats of times, if they are not the usual ones.
    pub formats: Vec<&'static str>,
    /// What else stands for nothing.
    pub missing: Vec<String>,
    /// The fields.
    pub fields: Vec<FieldGuess>,
    /// The columns of a pause: from, to, and why.
    pub pause: Option<(String, Option<String>, Option<String>)>,
    /// The columns of an extension: how much, asked when, approved when.
    pub extension: Option<(String, Option<String>, Option<String>)>,
    /// Whether there are states in which the clocks may stand still, and no columns of pauses.
    pub waits: bool,
    /// Columns that have no place in it, with the reason where there is one.
    pub left: Vec<(String, Option<Doubt>)>,
}

/// A field and its column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldGuess {
    /// The field.
    pub name: String,
    /// The column.
    pub column: String,
    /// Whether its cells are numbers.
    pub is_number: bool,
    /// What cells stand for.
    pub values: Vec<(String, &'static str)>,
    /// What is not sure.
    pub doubts: Vec<Doubt>,
}

/// Something that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// The header only ends like a known one.
    OnlyEnds,
    /// Other columns could be meant as well.
    Others(Vec<String>),
    /// No header speaks of an id: it is a column whose values all differ.
    IdByValues,
    /// Rows share their value of the id.
    Repeated(usize),
    /// Rows have no id.
    Unfilled(usize),
    /// The number of a row, which changes when rows are sorted.
    RowNumber,
    /// No column says which item it is.
    NoId,
    /// Nothing stands in the column.
    Empty,
    /// These values are no instants in any known format.
    Unread(String, usize),
    /// Day and month could be the other way round.
    DayOrMonth,
    /// The values are no instants, though the header speaks of a time: what one of them looks like.
    NoTimes(String),
    /// Days as a spreadsheet numbers them.
    DayNumbers,
    /// Milliseconds since 1970.
    Milliseconds,
    /// States that stand as they are, with their counts.
    AsTheyStand(Vec<(String, usize)>),
    /// Instants under a header that says nothing that is known.
    Unnamed,
    /// Amounts that cannot be read as some.
    NoAmounts,
    /// The limit that the source states; a rule counts its own.
    Stated,
}

/// A column with what is known of it.
struct Column {
    name: String,
    profile: Profile,
    meaning: Option<(Meaning, Rank)>,
    times: Option<Times>,
}

impl Column {
    fn is(&self, meaning: Meaning) -> bool {
        self.meaning.is_some_and(|(there, _)| there == meaning)
    }

    fn rank(&self) -> Rank {
        self.meaning.map_or(Rank::MAX, |(_, rank)| rank)
    }

    fn is_timely(&self) -> bool {
        let timely = |(meaning, _)| {
            use Meaning::{ExtensionApproved, ExtensionAsked, Limit, PauseFrom, PauseTo, Time};
            matches!(meaning, Time(_) | Limit | PauseFrom | PauseTo | ExtensionAsked | ExtensionApproved)
        };
        self.meaning.is_some_and(timely) || ["时间", "日期"].iter().any(|end| self.name.ends_with(end))
    }
}

/// A mapping for who only looks: it asks for no column. `zone` is that of times without one; by `hints`, names that
/// columns may have, a spreadsheet's header is found.
pub fn looking(source: &str, zone: &str, hints: Vec<String>) -> Mapping {
    let table = toml::Table::from_iter(
        [("id", "id"), ("kind", "kind"), ("timezone", zone)].map(|(key, text)| (key.to_owned(), text.into())),
    );
    let config: MappingConfig = table.try_into().expect("an id and a kind are all that a mapping needs");
    let mapping = Mapping::new(source, &config).or_else(|_| {
        let config = MappingConfig { timezone: None, ..config.clone() };
        Mapping::new(source, &config)
    });
    mapping.expect("a mapping without fields is a good one").looking(hints)
}

/// The columns that have a known header.
pub fn with_known_headers(fetched: &Fetched) -> Vec<String> {
    let known = fetched.columns().iter().filter(|name| headers::meaning(name).is_some());
    known.map(ToString::to_string).collect()
}

/// Drafts a mapping of what was fetched by [`looking`].
pub fn guess(fetched: &Fetched) -> Guess {
    let columns = profiled(fetched);
    let rows = columns.first().map_or(0, |column| column.profile.rows);
    let mut draft = Draft { columns: &columns, used: BTreeSet::new(), guess: Guess { rows, ..Guess::default() } };
    draft.id();
    draft.kind();
    draft.parts();
    draft.fields();
    draft.states();
    draft.left();
    draft.times();
    draft.guess
}

fn profiled(fetched: &Fetched) -> Vec<Column> {
    let state = RandomState::new();
    let mut readers = Readers::new();
    let mut profiles: Vec<Profile> = fetched.columns().iter().map(|_| Profile::default()).collect();
    fetched.cells(SAMPLE, &mut |cells| {
        for (profile, cell) in profiles.iter_mut().zip(cells) {
            profile.add(cell.text().as_deref(), &state, &mut readers);
        }
    });
    let mut seen = BTreeSet::new();
    let named = fetched.columns().iter().zip(profiles);
    let named = named.filter(|(name, _)| !name.is_empty() && seen.insert(name.to_string()));
    let column = |(name, profile): (&crate::core::value::Name, Profile)| {
        let meaning = headers::meaning(name);
        let mut column = Column { name: name.to_string(), profile, meaning, times: None };
        column.times = column.profile.times(column.is_timely());
        column
    };
    named.map(column).collect()
}

struct Draft<'c> {
    columns: &'c [Column],
    used: BTreeSet<&'c str>,
    guess: Guess,
}

impl<'c> Draft<'c> {
    /// The columns with a meaning, the surest first, and of those the ones that hold something.
    fn meaning(&self, meaning: Meaning) -> Vec<&'c Column> {
        let free = self.columns.iter().filter(|column| column.is(meaning) && !self.used.contains(&*column.name));
        let mut found: Vec<&Column> = free.collect();
        found.sort_by_key(|column| (column.profile.filled == 0, column.rank()));
        found
    }

    fn id(&mut self) {
        let named = self.meaning(Meaning::Id);
        let key = |columns: &[&'c Column]| columns.iter().copied().find(|column| column.profile.is_key());
        let numbers = self.meaning(Meaning::RowNumber);
        let any: Vec<&Column> =
            self.columns.iter().filter(|column| column.meaning.is_none() && column.times.is_none()).collect();
        let mut doubts = Vec::new();
        let by_values = || {
            let found = key(&any).map(|column| (column, Doubt::IdByValues));
            found.or_else(|| key(&numbers).map(|column| (column, Doubt::RowNumber)))
        };
        let chosen = if let Some(column) = key(&named) {
            Some(column)
        } else if self.guess.rows == 0 || named.first().is_some_and(|column| column.profile.filled > 0) {
            named.first().copied()
        } else {
            by_values().map(|(column, doubt)| {
                doubts.push(doubt);
                column
            })
        };
        let Some(column) = chosen.or(self.columns.first()) else { return };
        if chosen.is_none() {
            doubts.push(Doubt::NoId);
        }
        let profile = &column.profile;
        doubts.extend((profile.repeated() > 0).then(|| Doubt::Repeated(profile.repeated())));
        doubts.extend((profile.filled < profile.rows).then(|| Doubt::Unfilled(profile.rows - profile.filled)));
        if column.is(Meaning::Id) && column.rank() >= ENDS_LIKE {
            doubts.push(Doubt::OnlyEnds);
        }
        let others: Vec<String> =
            named.iter().map(|other| other.name.clone()).filter(|name| *name != column.name).collect();
        doubts.extend((!others.is_empty()).then_some(Doubt::Others(others)));
        self.used.insert(&column.name);
        (self.guess.id, self.guess.id_doubts) = (column.name.clone(), doubts);
    }

    /// What the items may be called, by the words of the headers.
    fn kind(&mut self) {
        let speaks = |words: &[&str]| {
            self.columns.iter().any(|column| {
                let name = column.name.to_lowercase();
                words.iter().any(|word| name.contains(word))
            })
        };
        self.guess.kind = if speaks(&["工单", "诉求", "来电", "ticket", "case"]) {
            "ticket"
        } else if speaks(&["项目", "project"]) {
            "project"
        } else if speaks(&["任务", "task"]) {
            "task"
        } else if speaks(&["办件", "事项", "matter"]) {
            "matter"
        } else {
            "ticket"
        };
    }

    /// Pauses and extensions.
    fn parts(&mut self) {
        let timed = |column: &&&Column| column.times.is_some();
        let first = |draft: &Self, meaning| draft.meaning(meaning).iter().find(timed).map(|column| &*column.name);
        let word = |draft: &Self, meaning| draft.meaning(meaning).first().map(|column| &*column.name);
        if let Some(from) = first(self, Meaning::PauseFrom) {
            let (to, basis) = (first(self, Meaning::PauseTo), word(self, Meaning::PauseBasis));
            self.used.extend([Some(from), to, basis].into_iter().flatten());
            self.guess.pause = Some((from.to_owned(), to.map(str::to_owned), basis.map(str::to_owned)));
        }
        let amounts = self.meaning(Meaning::ExtensionAmount);
        if let Some(amount) = amounts.iter().find(|column| column.profile.is_amounts()) {
            let (asked, approved) = (first(self, Meaning::ExtensionAsked), first(self, Meaning::ExtensionApproved));
            self.used.extend([Some(&*amount.name), asked, approved].into_iter().flatten());
            self.guess.extension = Some((amount.name.clone(), asked.map(str::to_owned), approved.map(str::to_owned)));
        }
    }

    fn fields(&mut self) {
        let mut meanings: Vec<Meaning> = Vec::new();
        for (meaning, _) in self.columns.iter().filter_map(|column| column.meaning) {
            if !meanings.contains(&meaning) {
                meanings.push(meaning);
            }
        }
        for meaning in meanings {
            let found = self.meaning(meaning);
            let field = |column: &'c Column| Some((column, field_of(meaning, column)?));
            let Some((column, name)) = found.iter().find_map(|column| field(column)) else { continue };
            let others: Vec<String> =
                found.iter().map(|other| other.name.clone()).filter(|name| *name != column.name).collect();
            let mut doubts = doubts_of(meaning, column);
            doubts.extend((!others.is_empty()).then_some(Doubt::Others(others)));
            self.push(name, column, doubts);
        }
        for column in self.columns.iter().filter(|column| column.meaning.is_none()) {
            if let Some(name) = own_name(column).filter(|_| !self.used.contains(&*column.name)) {
                let doubts = column.times.iter().flat_map(doubts_of_times).collect();
                self.push(&name, column, doubts);
            }
        }
    }

    fn push(&mut self, name: &str, column: &'c Column, doubts: Vec<Doubt>) {
        if self.guess.fields.iter().any(|field| field.name == name) {
            return;
        }
        self.used.insert(&column.name);
        let is_number = NUMBERS.contains(&name) && column.profile.is_numeric();
        let (name, column) = (name.to_owned(), column.name.clone());
        self.guess.fields.push(FieldGuess { name, column, is_number, values: Vec::new(), doubts });
    }

    /// What the states stand for.
    fn states(&mut self) {
        let Some(field) = self.guess.fields.iter_mut().find(|field| field.name == "status") else { return };
        let column = self.columns.iter().find(|column| column.name == field.column);
        let Some(states) = column.and_then(|column| column.profile.states()) else { return };
        let mut as_they_stand = Vec::new();
        for (word, count) in states {
            match states::meaning(word) {
                Some(state) if state == word => {}
                Some(state) => field.values.push((word.to_owned(), state)),
                None => as_they_stand.push((word.to_owned(), count)),
            }
        }
        self.guess.waits =
            self.guess.pause.is_none() && field.values.iter().any(|(_, state)| *state == states::WAITING);
        field.doubts.extend((!as_they_stand.is_empty()).then_some(Doubt::AsTheyStand(as_they_stand)));
    }

    /// What has no place in the draft.
    fn left(&mut self) {
        let left = self.columns.iter().filter(|column| !self.used.contains(&*column.name));
        self.guess.left = left.map(|column| (column.name.clone(), why_left(column))).collect();
    }

    /// The zone, the formats, and what stands for nothing, of all columns that are read as instants.
    fn times(&mut self) {
        let guess = &mut self.guess;
        let mut timed: BTreeSet<&str> =
            guess.fields.iter().filter(|field| field.name.ends_with("_at")).map(|field| &*field.column).collect();
        let parts = guess.pause.iter().map(|(from, to, _)| [Some(from), to.as_ref()]);
        let parts = parts.chain(guess.extension.iter().map(|(_, asked, approved)| [asked.as_ref(), approved.as_ref()]));
        timed.extend(parts.flatten().flatten().map(String::as_str));
        let numbers = guess.fields.iter().filter(|field| field.is_number).map(|field| &*field.column);
        let amount = guess.extension.iter().map(|(amount, ..)| &**amount);
        let read: BTreeSet<&str> = timed.iter().copied().chain(numbers).chain(amount).collect();
        let mut formats: Vec<&'static str> = Vec::new();
        let mut missing = BTreeMap::new();
        // Columns without any value may get times without an offset.
        let mut needs_zone = false;
        for column in self.columns.iter().filter(|column| read.contains(&*column.name)) {
            missing.extend(column.profile.nothing.iter());
            if timed.contains(&*column.name) {
                needs_zone |= column.times.as_ref().is_none_or(|times| times.naive);
                let found = column.times.iter().flat_map(|times| &times.formats);
                let new: Vec<&str> = found.copied().filter(|format| !formats.contains(format)).collect();
                formats.extend(new);
            }
        }
        let is_usual = |format: &&str| {
            USUAL_FORMATS.iter().any(|usual| **usual == **format || usual.replace("%.f", "") == **format)
        };
        guess.missing = missing.into_keys().cloned().collect();
        guess.needs_zone = needs_zone;
        guess.formats = if formats.iter().all(is_usual) { Vec::new() } else { formats };
    }
}

/// Fields whose cells may be numbers.
const NUMBERS: [&str; 2] = ["amount", "limit_days"];

/// The field that a column with a meaning becomes, if its cells fit.
fn field_of(meaning: Meaning, column: &Column) -> Option<&'static str> {
    let is_empty = column.profile.filled == 0;
    match meaning {
        Meaning::Text(name) | Meaning::Number(name) => Some(name),
        Meaning::Time(name) => (is_empty || column.times.is_some()).then_some(name),
        Meaning::Limit if column.times.is_some() => Some("due_at"),
        Meaning::Limit if column.profile.is_day_numbers() || column.profile.is_milliseconds() => None,
        Meaning::Limit if column.profile.is_numeric() => Some("limit_days"),
        Meaning::Limit => Some("limit"),
        _ => None,
    }
}

fn doubts_of(meaning: Meaning, column: &Column) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    doubts.extend((meaning == Meaning::Limit).then_some(Doubt::Stated));
    doubts.extend((column.rank() >= ENDS_LIKE).then_some(Doubt::OnlyEnds));
    doubts.extend((column.profile.filled == 0).then_some(Doubt::Empty));
    doubts.extend(column.times.iter().filter(|_| column.is_timely()).flat_map(doubts_of_times));
    doubts
}

fn doubts_of_times(times: &Times) -> Vec<Doubt> {
    let unread = times.unread.clone().map(|(text, count)| Doubt::Unread(text, count));
    times.is_ambiguous.then_some(Doubt::DayOrMonth).into_iter().chain(unread).collect()
}

/// The name of a column that is one for a field, too: `queue`, `Case Type`.
fn own_name(column: &Column) -> Option<String> {
    let mut name = String::new();
    for c in column.name.trim().chars() {
        match c {
            'A'..='Z' if name.ends_with(|c: char| c.is_ascii_lowercase()) => name.extend(['_', c.to_ascii_lowercase()]),
            c if c.is_ascii_alphanumeric() => name.push(c.to_ascii_lowercase()),
            ' ' | '-' | '_' | '.' if !name.ends_with('_') => name.push('_'),
            _ => return None,
        }
    }
    let mut name = name.trim_matches('_').to_owned();
    match (column.times.is_some(), name.ends_with("_at")) {
        (true, false) => name.push_str("_at"),
        (false, true) if column.profile.filled > 0 => return None,
        _ => {}
    }
    name_refusal(&name).is_none().then_some(name)
}

/// Why a column has no place in the draft.
fn why_left(column: &Column) -> Option<Doubt> {
    let profile = &column.profile;
    if profile.filled == 0 {
        return Some(Doubt::Empty);
    }
    if column.is_timely() && profile.is_day_numbers() {
        return Some(Doubt::DayNumbers);
    }
    if column.is_timely() && profile.is_milliseconds() {
        return Some(Doubt::Milliseconds);
    }
    if column.times.is_some() && column.meaning.is_none() {
        return Some(Doubt::Unnamed);
    }
    match column.meaning? {
        (Meaning::ExtensionAmount, _) if !profile.is_amounts() => Some(Doubt::NoAmounts),
        (Meaning::Time(_), _) if column.times.is_none() => Some(Doubt::NoTimes(profile.example())),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
