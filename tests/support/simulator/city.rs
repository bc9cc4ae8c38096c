//! What happens outside: items begin, are answered, paused, extended, corrected, reopened and lost from sight. A source
//! shows what it likes of that.

use std::fmt::Write as _;
use std::sync::Mutex;

use async_trait::async_trait;
use chrono::{SubsecRound as _, TimeDelta};
use duban::core::Instant;
use duban::source::csv::CsvSource;
use duban::source::{Fetched, PollError, Source};

use super::dice::Dice;
use super::office::COLUMNS;

/// The items of one source.
#[derive(Debug, Default)]
pub struct City {
    /// Its items, also those that it does not show.
    pub rows: Vec<Row>,
}

/// One item as the source knows it.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// Its id.
    pub id: String,
    title: String,
    unit: &'static str,
    owner: &'static str,
    kind: &'static str,
    score: Option<i64>,
    started: Option<Instant>,
    replied: Option<Instant>,
    solved: Option<Instant>,
    pauses: Vec<(Instant, Option<Instant>)>,
    extensions: Vec<(u8, Instant, Option<Instant>)>,
    /// Whether its row cannot be read.
    pub is_broken: bool,
    /// Whether the source does not show it.
    pub is_missing: bool,
}

/// How a source answers a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// With all that it shows.
    Whole,
    /// Not at all.
    Away,
    /// With a header and no row.
    Empty,
    /// With every second row left out.
    Half,
    /// With its first row alone.
    First,
    /// With a file that was cut in a quote.
    Cut,
    /// With rows of which none can be read.
    Garbage,
    /// Under another header.
    Renamed,
}

const UNITS: [&str; 4] = ["streets", "parks", "nowhere", ""];
const OWNERS: [&str; 6] = ["h1", "h2", "h3", "甲", "nobody", ""];

#[derive(Clone, Copy)]
enum Deed {
    Begin,
    Start,
    Reply,
    Solve,
    Correct,
    Pause,
    Resume,
    Extend,
    Reopen,
    Hide,
    Show,
    HandOver,
    Rate,
    Break,
    Rename,
}

const DEEDS: [(usize, Deed); 15] = [
    (14, Deed::Begin),
    (12, Deed::Start),
    (14, Deed::Reply),
    (10, Deed::Solve),
    (6, Deed::Correct),
    (6, Deed::Pause),
    (8, Deed::Resume),
    (6, Deed::Extend),
    (6, Deed::Reopen),
    (4, Deed::Hide),
    (4, Deed::Show),
    (4, Deed::HandOver),
    (8, Deed::Rate),
    (3, Deed::Break),
    (2, Deed::Rename),
];

/// The most items of one source.
const MOST: usize = 5;

impl City {
    /// Lets something happen; the answer says what.
    pub fn live_on(&mut self, dice: &mut Dice, now: Instant) -> String {
        let now = now.trunc_subsecs(0);
        let deed = if self.rows.is_empty() { Deed::Begin } else { dice.weighted(&DEEDS) };
        if let Deed::Begin = deed {
            return self.begin(dice, now);
        }
        let index = dice.below(self.rows.len());
        let row = &mut self.rows[index];
        let earlier =
            |dice: &mut Dice| now - TimeDelta::minutes(dice.weighted(&[(3, 0), (2, 20), (1, 200), (1, 3_000)]));
        let what = match deed {
            Deed::Begin => unreachable!("done above"),
            Deed::Start => {
                row.started = row.started.or(Some(earlier(dice)));
                format!("starts at {:?}", row.started)
            }
            Deed::Reply => {
                row.replied = Some(earlier(dice));
                format!("was answered at {:?}", row.replied)
            }
            Deed::Solve => {
                row.solved = Some(earlier(dice));
                format!("was solved at {:?}", row.solved)
            }
            Deed::Correct => {
                row.started = row.started.map(|at| at + TimeDelta::minutes(dice.between(-300, 300)));
                format!("began in truth at {:?}", row.started)
            }
            Deed::Pause => {
                if row.pauses.last().is_none_or(|(_, to)| to.is_some()) {
                    row.pauses
                        .push((earlier(dice).max(row.pauses.last().and_then(|(_, to)| *to).unwrap_or_default()), None));
                }
                format!("pauses: {:?}", row.pauses)
            }
            Deed::Resume => {
                if let Some((from, to @ None)) = row.pauses.last_mut() {
                    *to = Some(now.max(*from + TimeDelta::seconds(1)));
                }
                format!("goes on: {:?}", row.pauses)
            }
            Deed::Extend => {
                let approved = dice.chance(80).then_some(now);
                row.extensions.push((u8::try_from(dice.between(1, 3)).unwrap_or(1), earlier(dice), approved));
                format!("is extended: {:?}", row.extensions)
            }
            Deed::Reopen => {
                if dice.chance(50) {
                    row.replied = None;
                } else {
                    row.solved = None;
                }
                format!("is open again: {:?} {:?}", row.replied, row.solved)
            }
            Deed::Hide => {
                row.is_missing = true;
                "is shown no more".to_owned()
            }
            Deed::Show => {
                (row.is_missing, row.is_broken) = (false, false);
                "is shown".to_owned()
            }
            Deed::HandOver => {
                (row.unit, row.owner) = (dice.one(&UNITS), dice.one(&OWNERS));
                format!("goes to {:?} of {:?}", row.owner, row.unit)
            }
            Deed::Rate => {
                row.score = dice.chance(80).then(|| dice.between(0, 10));
                format!("has the score {:?}", row.score)
            }
            Deed::Break => {
                row.is_broken = true;
                "cannot be read".to_owned()
            }
            Deed::Rename => {
                let title = dice.one(&["a\u{202e}b", "<b>", "{{ 1 }}", "很长的标题很长的标题很长的标题", "=1+1"]);
                title.clone_into(&mut row.title);
                format!("is called {:?}", row.title)
            }
        };
        format!("{} {what}", self.rows[index].id)
    }

    /// Lets an item begin.
    pub fn begin(&mut self, dice: &mut Dice, now: Instant) -> String {
        let now = now.trunc_subsecs(0);
        if self.rows.len() >= MOST {
            return "nothing new".to_owned();
        }
        let id = format!("T{}", self.rows.len() + 1);
        let started = now - TimeDelta::minutes(dice.weighted(&[(4, 0), (2, 60), (1, 400), (1, 6_000)]));
        let row = Row {
            title: format!("matter {id}"),
            id,
            unit: dice.one(&UNITS),
            owner: dice.one(&OWNERS),
            kind: if dice.chance(90) { "road" } else { "other" },
            score: dice.chance(90).then(|| dice.between(0, 10)),
            started: dice.chance(80).then_some(started),
            ..Row::default()
        };
        let said = format!(
            "{} begins: {:?} of {:?}, score {:?}, started {:?}",
            row.id, row.owner, row.unit, row.score, row.started
        );
        self.rows.push(row);
        said
    }

    /// Shows so much that a poll must be believed, whatever the last one was.
    pub fn show_enough(&mut self) {
        if self.rows.iter().filter(|row| row.is_missing || row.is_broken).count() * 2 >= self.rows.len() {
            self.rows.iter_mut().for_each(|row| (row.is_missing, row.is_broken) = (false, false));
        }
    }

    /// Ends most of what is not over.
    pub fn finish_most(&mut self, dice: &mut Dice, now: Instant) {
        let now = now.trunc_subsecs(0);
        for row in &mut self.rows {
            if dice.chance(90) {
                row.started = row.started.or(Some(now));
                (row.replied, row.solved) = (row.replied.or(Some(now)), row.solved.or(Some(now)));
            }
        }
    }

    /// What a poll would show and could be read, and what could not: good rows and rejected ones.
    pub fn counts(&self, answer: Answer) -> (u64, u64) {
        let shown: Vec<&Row> = self.shown(answer).collect();
        let broken = shown.iter().filter(|row| row.is_broken || answer == Answer::Garbage).count() as u64;
        (shown.len() as u64 - broken, broken)
    }

    fn shown(&self, answer: Answer) -> impl Iterator<Item = &Row> {
        let shown = self.rows.iter().filter(|row| !row.is_missing).enumerate();
        let shown = shown.filter(move |(index, _)| match answer {
            Answer::Empty => false,
            Answer::Half => index % 2 == 0,
            Answer::First => *index == 0,
            _ => true,
        });
        shown.map(|(_, row)| row)
    }

    /// The file that a poll finds; `None` if there is none.
    pub fn file(&self, answer: Answer) -> Option<String> {
        if answer == Answer::Away {
            return None;
        }
        let mut text = if answer == Answer::Renamed { COLUMNS.replace("started", "begun") } else { COLUMNS.to_owned() };
        text.push('\n');
        for row in self.shown(answer) {
            row.write(&mut text, answer == Answer::Garbage);
        }
        if answer == Answer::Cut {
            text.push_str("T9,\"cut");
        }
        Some(text)
    }
}

impl Row {
    fn write(&self, text: &mut String, garbled: bool) {
        let at = |at: Option<Instant>| at.map(|at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default();
        let quoted = |text: String| format!("\"{}\"", text.replace('"', "\"\""));
        let score = self.score.map(|score| score.to_string()).unwrap_or_default();
        let started = if self.is_broken || garbled { "yesterday".to_owned() } else { at(self.started) };
        let pause = |(from, to): &(Instant, Option<Instant>)| match to {
            Some(to) => format!(r#"{{"from":"{}","to":"{}"}}"#, at(Some(*from)), at(Some(*to))),
            None => format!(r#"{{"from":"{}"}}"#, at(Some(*from))),
        };
        let extension = |(days, asked, approved): &(u8, Instant, Option<Instant>)| match approved {
            Some(approved) => {
                format!(
                    r#"{{"amount":"{days}wd","asked_at":"{}","approved_at":"{}"}}"#,
                    at(Some(*asked)),
                    at(Some(*approved))
                )
            }
            None => format!(r#"{{"amount":"{days}wd","asked_at":"{}"}}"#, at(Some(*asked))),
        };
        let list = |entries: Vec<String>| {
            if entries.is_empty() { String::new() } else { quoted(format!("[{}]", entries.join(","))) }
        };
        let _ = writeln!(
            text,
            "{},{},{},{},{},{score},{started},{},{},{},{}",
            self.id,
            quoted(self.title.clone()),
            self.unit,
            self.owner,
            self.kind,
            at(self.replied),
            at(self.solved),
            list(self.pauses.iter().map(pause).collect()),
            list(self.extensions.iter().map(extension).collect()),
        );
    }
}

/// A source that is asked once and answers as was decided before.
pub struct Told {
    reader: &'static CsvSource,
    file: Mutex<Option<String>>,
}

impl Told {
    /// Answers with a file, or with none.
    pub fn new(reader: &'static CsvSource, file: Option<String>) -> Self {
        Self { reader, file: Mutex::new(file) }
    }
}

#[async_trait]
impl Source for Told {
    async fn fetch(&self, _since: Option<Instant>) -> Result<Fetched, PollError> {
        match self.file.lock().expect("nobody broke").take() {
            Some(text) => self.reader.read_bytes(text.into_bytes()),
            None => Err(PollError::Unreadable { place: "the source".into(), problem: "it is away".into() }),
        }
    }
}
