//! What people are shown: the worst first, and how much of it there is.
//!
//! **Invariant:** however many lines there are, so many are kept that a person could read them.

use std::io::Write;

use super::line::Line;
use crate::cli::Caller;
use crate::cli::exit::Failure;
use crate::cli::table::align;
use crate::cli::words::evaluate as words;
use crate::core::Instant;
use crate::core::window::Level;
use crate::tell::language::Language;
use crate::tell::time_words;

/// How many lines are shown.
const SHOWN: usize = 500;

/// The worst lines so far.
#[derive(Debug)]
pub struct Worst {
    language: Language,
    rows: Vec<Row>,
    /// How many lines there are of each kind.
    counts: Counts,
}

/// How many lines there are of each kind.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// All.
    pub lines: u64,
    /// With a red card.
    pub red: u64,
    /// With a yellow card.
    pub yellow: u64,
    /// Stopped, in time or not.
    pub stopped: u64,
}

#[derive(Debug)]
struct Row {
    rank: Rank,
    level: Option<Level>,
    cells: Vec<String>,
}

/// Red, yellow, open, stopped; among equals what was due first.
type Rank = (u8, Option<Instant>);

impl Worst {
    /// No lines yet.
    pub fn new(language: Language) -> Self {
        Self { language, rows: Vec::new(), counts: Counts::default() }
    }

    /// Adds a line.
    pub fn put(&mut self, line: &Line<'_>) {
        self.counts.add(line);
        let rank = rank(line);
        // Between two trimmings the first rows are sorted, so the last of them is what a new one has to beat.
        if self.rows.get(SHOWN - 1).is_none_or(|least| rank < least.rank) {
            self.rows.push(Row { rank, level: line.level(), cells: cells(line, self.language) });
            self.trim(2 * SHOWN);
        }
    }

    /// Takes over what came later.
    pub fn merge(&mut self, later: Self) {
        self.counts.join(later.counts);
        self.rows.extend(later.rows);
        self.trim(0);
    }

    fn trim(&mut self, beyond: usize) {
        if self.rows.len() > beyond {
            self.rows.sort_by_key(|row| row.rank);
            self.rows.truncate(SHOWN);
        }
    }

    /// Writes the table and the counts.
    pub fn write(mut self, caller: &Caller<'_>, out: &mut dyn Write) -> Result<(), Failure> {
        self.trim(0);
        let header = words::titles(self.language).map(str::to_owned).to_vec();
        let levels: Vec<Option<Level>> = std::iter::once(None).chain(self.rows.iter().map(|row| row.level)).collect();
        let rows: Vec<Vec<String>> =
            std::iter::once(header).chain(self.rows.into_iter().map(|row| row.cells)).collect();
        if rows.len() > 1 {
            for (line, level) in align(&rows).lines().zip(&levels) {
                writeln!(out, "{}", if caller.has_colour { coloured(line, *level) } else { line.to_owned() })?;
            }
        }
        writeln!(out, "{}", words::counts(self.language, self.counts))?;
        let left_out = self.counts.lines.saturating_sub(rows.len() as u64 - 1);
        if left_out > 0 {
            crate::cli::say(&words::left_out(self.language, left_out));
        }
        Ok(())
    }
}

impl Counts {
    fn add(&mut self, line: &Line<'_>) {
        self.lines += 1;
        self.red += u64::from(line.level() == Some(Level::Red));
        self.yellow += u64::from(line.level() == Some(Level::Yellow));
        self.stopped += u64::from(is_stopped(line));
    }

    const fn join(&mut self, other: Self) {
        self.lines += other.lines;
        self.red += other.red;
        self.yellow += other.yellow;
        self.stopped += other.stopped;
    }
}

fn is_stopped(line: &Line<'_>) -> bool {
    line.what.as_ref().is_ok_and(|clock| clock.reading.stopped_at.is_some())
}

fn rank(line: &Line<'_>) -> Rank {
    let due_at = line.what.as_ref().ok().and_then(|clock| clock.reading.due_at);
    let class = match line.level() {
        Some(Level::Red) => 0,
        Some(Level::Yellow) => 1,
        None if is_stopped(line) => 4,
        None if due_at.is_none() => 3,
        None => 2,
    };
    (class, due_at)
}

fn cells(line: &Line<'_>, language: Language) -> Vec<String> {
    let clock = line.what.as_ref().ok();
    let due = clock.and_then(|c| Some(time_words::due(c.reading.due_at?, c.calendar.zone(), language)));
    let left = clock.and_then(|c| Some(time_words::remaining(c.reading.remaining?, c.window.limit.unit(), language)));
    vec![
        words::level(language, line.level()).to_owned(),
        due.unwrap_or_default(),
        left.unwrap_or_default(),
        line.item.key.to_string(),
        format!("{}/{}", line.rule, line.name),
        clock.map(|c| c.window.limit.to_string()).unwrap_or_default(),
        words::state(language, line.state()).to_owned(),
        line.item.text("title").unwrap_or_default().chars().take(24).collect(),
    ]
}

/// The line with its first word in the colour of its level.
fn coloured(line: &str, level: Option<Level>) -> String {
    let Some(level) = level else { return line.to_owned() };
    let (word, rest) = line.split_at(line.find(' ').unwrap_or(line.len()));
    let colour = if level == Level::Red { 31 } else { 33 };
    format!("\u{1b}[{colour}m{word}\u{1b}[0m{rest}")
}
