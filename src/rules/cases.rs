//! Rule tests, `rules/tests/*.toml`: an item's history, and what a rule must say at absolute instants.
//!
//! ```toml
//! rule = "2110"                            # this rule alone is looked at; the file's name if left out
//! calendar = "cn"                          # the configured one if left out
//!
//! [[case]]
//! name = "除夕前派单"
//! params = { service_hours = true }        # laid over params.toml
//!
//! [[case.item]]                            # the item as it was seen from then on; fields are kept until given anew
//! at = "2026-02-13 10:00"
//! id = "T1"
//! kind = "ticket"
//! fields = { subject = "enterprise", received_at = "2026-02-13 09:55" }
//! missing = ["solved_at"]                  # mapped fields without a value; an attached row has its own `missing`
//! pauses = [{ from = "2026-02-14 09:00" }]
//! extensions = [{ amount = "5wd", approved_at = "2026-02-24 10:00" }]
//!
//! [[case.source]]                          # good at first
//! at = "2026-02-14 00:00"
//! state = "stale"                          # good, stale (polls fail) or missing (the item is gone from good polls)
//!
//! [[case.expect]]                          # each list is complete; one that is left out is not looked at
//! at = "2026-02-14 12:30"
//! windows = [{ name = "solved", due_at = "2026-03-05 24:00", yellow_at = "2026-03-04 09:00" }]
//! cards = [{ name = "solved", level = "yellow" }]
//! notices = [{ name = "solved", kind = "raise", to = "handler", channel = "mail", goes_at = "2026-03-04 09:00" }]
//! error = "has no field"                   # the rule fails, and says this
//! ```
//!
//! Instants are `2026-02-13 10:00`, with seconds if need be, in the calendar's zone, or RFC 3339 with an offset;
//! `24:00` is the end of a day. A field whose name ends in `_at` is an instant. What a poll brings, or a change of the
//! source does, comes before what is expected at the same instant.
//!
//! Notices are those planned since the expectation before, an entry for each contact and channel. Without a
//! `contacts.csv` beside the rules, everybody whom a ladder names is there: a contact of the role's name, reached by
//! every channel.
//!
//! **Invariant:** reading a file runs nothing; running belongs to the pipeline.

use std::fmt;
use std::sync::Arc;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer};

use crate::core::Instant;
use crate::core::item::{Amount, Extension, Item, ItemKey, Pause};
use crate::core::value::{Fields, Value};
use crate::core::window::Level;

/// One file of rule tests.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// The rule that is tested; the file's name below `tests` without `.toml` if left out.
    pub rule: Option<String>,
    /// The calendar that is configured; the default one if left out.
    pub calendar: Option<String>,
    /// The cases.
    #[serde(rename = "case", default)]
    pub cases: Vec<Case>,
}

/// One case: a history and what is expected.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows, as a sentence.
    pub name: String,
    /// Another calendar than the file's.
    pub calendar: Option<String>,
    /// Parameters, laid over `params.toml`.
    #[serde(default)]
    pub params: toml::Table,
    /// The item's snapshots, in order of time.
    #[serde(rename = "item")]
    pub items: Vec<Snapshot>,
    /// Changes of the source's state.
    #[serde(rename = "source", default)]
    pub sources: Vec<SourceChange>,
    /// What is expected when.
    #[serde(rename = "expect")]
    pub expectations: Vec<Expectation>,
    /// Where it stands: the file and the line.
    #[serde(skip)]
    pub place: String,
}

/// What is seen of an item from an instant on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// When it is seen.
    pub at: When,
    /// The source's name.
    pub source: Option<String>,
    /// The item's id.
    pub id: Option<String>,
    /// The item's kind.
    pub kind: Option<String>,
    /// Fields that are new or have changed.
    #[serde(default)]
    pub fields: toml::Table,
    /// Mapped fields that have no value (any more).
    #[serde(default)]
    pub missing: Vec<String>,
    /// All pauses, if they are new or have changed.
    pub pauses: Option<Vec<CasePause>>,
    /// All extensions, if they are new or have changed.
    pub extensions: Option<Vec<CaseExtension>>,
    /// The source's own columns, if they are new or have changed.
    #[serde(default)]
    pub raw: toml::Table,
}

/// A pause of a case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CasePause {
    /// First instant that does not count.
    pub from: When,
    /// First instant that counts again.
    pub to: Option<When>,
    /// What kind of pause.
    pub kind: Option<Arc<str>>,
    /// On what ground.
    pub basis: Option<Arc<str>>,
}

/// An extension of a case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseExtension {
    /// How much is added.
    pub amount: Amount,
    /// When it was asked for.
    pub asked_at: Option<When>,
    /// When it was approved.
    pub approved_at: Option<When>,
    /// On what ground.
    pub basis: Option<Arc<str>>,
}

/// The source's state from an instant on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceChange {
    /// From when on.
    pub at: When,
    /// The state.
    pub state: SourceState,
}

/// How the source of a case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// Polls succeed and hold the item.
    Good,
    /// Polls fail.
    Stale,
    /// Polls succeed and do not hold the item.
    Missing,
}

/// What must be so at an instant; a list that is given is complete.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// When.
    pub at: When,
    /// All windows of the rule.
    pub windows: Option<Vec<ExpectedWindow>>,
    /// All open cards of the rule.
    pub cards: Option<Vec<ExpectedCard>>,
    /// All notices since the expectation before, or since the start.
    pub notices: Option<Vec<ExpectedNotice>>,
    /// A part of the error that the rule gives.
    pub error: Option<String>,
    /// The line of the file at which it stands.
    #[serde(skip)]
    pub line: usize,
}

/// A window; what is left out of it is not looked at.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedWindow {
    /// Its name.
    pub name: String,
    /// Its limit as written.
    pub limit: Option<String>,
    /// Its start.
    pub from: Option<When>,
    /// When it falls due.
    pub due_at: Option<When>,
    /// When it turns yellow.
    pub yellow_at: Option<When>,
    /// `not_started`, `running`, `paused`, `met` or `late`.
    pub state: Option<String>,
}

/// An open card.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedCard {
    /// The window's or finding's name.
    pub name: String,
    /// Its level.
    pub level: Level,
    /// When it reached that level.
    pub since: Option<When>,
}

/// A notice; what is left out of it is not looked at.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedNotice {
    /// The window's or finding's name.
    pub name: String,
    /// `raise`, `lower`, `clear`, `revoke` …
    pub kind: String,
    /// The level that it tells.
    pub level: Option<Level>,
    /// The contact who is told.
    pub to: Option<String>,
    /// By which channel.
    pub channel: Option<String>,
    /// The earliest instant at which it goes out.
    pub goes_at: Option<When>,
}

/// An instant as a case writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// In the calendar's zone.
    Local(NaiveDateTime),
    /// With its own offset.
    Fixed(Instant),
}

/// Why a file of rule tests cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct CaseError {
    /// The file, as shown, and the line.
    pub place: String,
    /// What was expected and what was got.
    pub problem: String,
}

/// Where the parts of a file stand.
#[derive(Deserialize)]
struct Places {
    #[serde(rename = "case", default)]
    cases: Vec<toml::Spanned<CasePlaces>>,
}

#[derive(Deserialize)]
struct CasePlaces {
    #[serde(default)]
    expect: Vec<toml::Spanned<serde::de::IgnoredAny>>,
}

impl CaseFile {
    /// Reads a file of rule tests.
    pub fn read(path: &str, text: &str) -> Result<Self, CaseError> {
        let line = |at: usize| 1 + text.get(..at).unwrap_or_default().matches('\n').count();
        let wrong = |error: toml::de::Error| {
            let place = error.span().map_or_else(|| path.to_owned(), |span| format!("{path}:{}", line(span.start)));
            CaseError { place, problem: error.message().trim_end().to_owned() }
        };
        let mut file: Self = toml::from_str(text).map_err(wrong)?;
        let places: Places = toml::from_str(text).map_err(wrong)?;
        for (case, place) in file.cases.iter_mut().zip(places.cases) {
            case.place = format!("{path}:{}", line(place.span().start));
            for (expected, place) in case.expectations.iter_mut().zip(place.into_inner().expect) {
                expected.line = line(place.span().start);
            }
            case.check()?;
        }
        Ok(file)
    }
}

impl Case {
    fn check(&self) -> Result<(), CaseError> {
        let fail = |problem: &str| Err(self.wrong(problem));
        let Some(first) = self.items.first() else { return fail("it has no item") };
        if first.kind.is_none() {
            return fail("its first item has no kind");
        }
        if self.expectations.is_empty() {
            return fail("it expects nothing");
        }
        for expected in &self.expectations {
            let Expectation { windows, cards, notices, error, .. } = expected;
            if windows.is_none() && cards.is_none() && notices.is_none() && error.is_none() {
                return fail("an expectation has windows, cards, notices or error");
            }
        }
        Ok(())
    }

    fn wrong(&self, problem: &str) -> CaseError {
        CaseError { place: self.place.clone(), problem: format!("case {:?}: {problem}", self.name) }
    }

    /// The item's history in a zone: when it was seen, and how it was then; in order of time.
    pub fn history(&self, zone: Tz) -> Result<Vec<(Instant, Item)>, CaseError> {
        let fail = |problem: String| self.wrong(&problem);
        let mut history: Vec<(Instant, Item)> = Vec::with_capacity(self.items.len());
        for snapshot in &self.items {
            let at = snapshot.at.instant(zone);
            let earlier = history.last();
            if earlier.is_some_and(|(earlier, _)| *earlier >= at) {
                return Err(fail(format!("the item of {} does not come after the one before", snapshot.at)));
            }
            let mut item =
                earlier.map_or_else(|| Item::new(ItemKey::new("test", "1"), "item"), |(_, item)| item.clone());
            snapshot.lay_over(&mut item, zone).map_err(fail)?;
            history.push((at, item));
        }
        Ok(history)
    }
}

impl Snapshot {
    fn lay_over(&self, item: &mut Item, zone: Tz) -> Result<(), String> {
        if let Some(source) = &self.source {
            item.key.source = source.as_str().into();
        }
        if let Some(id) = &self.id {
            item.key.id = id.as_str().into();
        }
        if let Some(kind) = &self.kind {
            item.kind = kind.as_str().into();
        }
        for (name, value) in &self.fields {
            item.fields.set(name.as_str(), value_of(name, value, zone)?);
        }
        for name in &self.missing {
            item.fields.set(name.as_str(), Value::Missing);
        }
        for (name, value) in &self.raw {
            item.raw.set(name.as_str(), Value::text(value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        }
        if let Some(pauses) = &self.pauses {
            item.pauses = pauses.iter().map(|pause| pause.at(zone)).collect();
        }
        if let Some(extensions) = &self.extensions {
            item.extensions = extensions.iter().map(|extension| extension.at(zone)).collect();
        }
        Ok(())
    }
}

impl CasePause {
    fn at(&self, zone: Tz) -> Pause {
        let to = self.to.map(|to| to.instant(zone));
        Pause { kind: self.kind.clone(), basis: self.basis.clone(), ..Pause::new(self.from.instant(zone), to) }
    }
}

impl CaseExtension {
    fn at(&self, zone: Tz) -> Extension {
        let instant = |when: Option<When>| when.map(|when| when.instant(zone));
        Extension {
            amount: self.amount,
            asked_at: instant(self.asked_at),
            approved_at: instant(self.approved_at),
            basis: self.basis.clone(),
        }
    }
}

fn value_of(name: &str, value: &toml::Value, zone: Tz) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) if name.ends_with("_at") => {
            let when: When = text.parse().map_err(|problem| format!("{name}: {problem}"))?;
            Value::Instant(when.instant(zone))
        }
        toml::Value::String(text) => Value::text(text.as_str()),
        toml::Value::Integer(number) => Value::Int(*number),
        toml::Value::Float(number) => Value::Float(*number),
        toml::Value::Boolean(b) => Value::Bool(*b),
        toml::Value::Datetime(_) => return Err(format!("{name}: write an instant as a text, \"2026-02-13 10:00\"")),
        toml::Value::Array(list) => {
            Value::List(list.iter().map(|value| value_of("", value, zone)).collect::<Result<_, _>>()?)
        }
        toml::Value::Table(row) => Value::Map(row_of(row, zone)?),
    })
}

/// An attached row; its `missing` names the fields without a value, as an item's does.
fn row_of(row: &toml::Table, zone: Tz) -> Result<Fields, String> {
    let mut fields = Fields::new();
    for (name, value) in row {
        if let ("missing", toml::Value::Array(names)) = (name.as_str(), value) {
            for name in names {
                fields.set(name.as_str().ok_or("missing: expected names of fields")?, Value::Missing);
            }
        } else {
            fields.set(name.as_str(), value_of(name, value, zone)?);
        }
    }
    Ok(fields)
}

impl When {
    /// The instant in a zone: a local time that a clock change repeats is its first pass, one that it skips the first
    /// instant after.
    pub fn instant(self, zone: Tz) -> Instant {
        let local = match self {
            Self::Fixed(at) => return at,
            Self::Local(local) => local,
        };
        let found = (0..=24)
            .find_map(|quarter| zone.from_local_datetime(&(local + TimeDelta::minutes(15 * quarter))).earliest());
        found.map_or_else(|| local.and_utc(), |at| at.to_utc())
    }
}

impl std::str::FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse::<Instant>() {
            return Ok(Self::Fixed(at));
        }
        let problem = || format!("expected an instant such as \"2026-02-13 10:00\", got {text:?}");
        let (date, time) = text.split_once([' ', 'T']).ok_or_else(problem)?;
        let date: NaiveDate = date.parse().map_err(|_| problem())?;
        if time == "24:00" {
            let next = date.succ_opt().ok_or_else(problem)?;
            return Ok(Self::Local(next.and_time(NaiveTime::MIN)));
        }
        let time = NaiveTime::parse_from_str(time, "%H:%M")
            .or_else(|_| NaiveTime::parse_from_str(time, "%H:%M:%S"))
            .map_err(|_| problem())?;
        Ok(Self::Local(date.and_time(time)))
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(local) => write!(f, "{}", local.format("%Y-%m-%d %H:%M:%S")),
            Self::Fixed(at) => f.write_str(&crate::core::instant::text(*at)),
        }
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: &str = r#"
        rule = "r"
        [[case]]
        name = "one"
        [[case.item]]
        at = "2026-02-13 10:00"
        kind = "ticket"
        fields = { title = "t", count = 1, received_at = "2026-02-13 09:00", lines = [{ from_at = "2026-02-13 24:00", missing = ["to_at"] }] }
        missing = ["solved_at"]
        pauses = [{ from = "2026-02-14 09:00" }]
        extensions = [{ amount = "5wd" }, { amount = 2, approved_at = "2026-02-14T09:00:00+08:00" }]
        [[case.item]]
        at = "2026-02-15 10:00"
        fields = { solved_at = "2026-02-15 09:30:15" }
        pauses = []
        [[case.expect]]
        at = "2026-02-15 11:00"
        cards = []
    "#;

    #[test]
    fn a_history_keeps_what_a_later_snapshot_does_not_say() {
        let file = CaseFile::read("rules/tests/r.toml", CASE).expect("a file");
        let history = file.cases[0].history(chrono_tz::Asia::Shanghai).expect("a history");
        let [(_, first), (at, second)] = &history[..] else { panic!("two snapshots") };
        assert_eq!(first.fields.get("solved_at"), Some(&Value::Missing));
        let Some(Value::List(lines)) = first.fields.get("lines") else { panic!("a list") };
        let Value::Map(line) = &lines[0] else { panic!("a row") };
        assert_eq!((line.get("to_at"), line.get("missing")), (Some(&Value::Missing), None));
        assert_eq!((first.pauses.len(), first.extensions.len()), (1, 2));
        assert_eq!((second.pauses.len(), second.extensions.len(), second.text("title")), (0, 2, Some("t")));
        assert_eq!(at.to_rfc3339(), "2026-02-15T02:00:00+00:00");
        let solved = second.fields.get("solved_at").and_then(Value::as_instant).expect("an instant");
        assert_eq!(solved.to_rfc3339(), "2026-02-15T01:30:15+00:00");
    }

    #[test]
    fn the_parts_of_a_file_know_their_lines() {
        let file = CaseFile::read("r.toml", CASE.trim_start()).expect("a file");
        let case = &file.cases[0];
        assert_eq!((case.place.as_str(), case.expectations[0].line), ("r.toml:2", 15));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        for (from, to, says) in [
            ("cards = []", "card = []", "unknown field `card`"),
            ("cards = []", "", "an expectation has windows, cards, notices or error"),
            ("kind = \"ticket\"", "", "its first item has no kind"),
            ("11:00", "25:00", "expected an instant such as"),
            ("2026-02-15 10:00", "2026-02-13 10:00", "does not come after"),
            ("\"2026-02-13 09:00\"", "\"soon\"", "received_at: expected an instant"),
            ("\"5wd\"", "\"5x\"", "data did not match"),
            ("[\"to_at\"]", "[3]", "missing: expected names of fields"),
        ] {
            let text = CASE.replace(from, to);
            let found = CaseFile::read("f", &text)
                .and_then(|file| file.cases[0].history(chrono_tz::Asia::Shanghai).map(|_| ()))
                .expect_err(says);
            assert!(found.to_string().contains(says), "{found}");
            assert!(found.to_string().starts_with("f:"), "{found}");
        }
    }
}
