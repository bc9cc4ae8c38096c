//! The cards that rules would raise: the sources are polled once, and nothing is written.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use serde_json::json;

use crate::cli::evaluate::{Faults, Line, Look, believed, in_order};
use crate::cli::exit::Failure;
use crate::cli::run::runtime;
use crate::cli::site::wrong;
use crate::cli::table::{Format, Table};
use crate::cli::words::evaluate::{level as level_word, void};
use crate::cli::words::rules as words;
use crate::cli::{Caller, say};
use crate::core::Instant;
use crate::core::window::Level;
use crate::daemon::wiring::Site;
use crate::playbook::Playbook;
use crate::source::Fetched;
use crate::tell::language::Language;
use crate::tell::time_words;

/// How many cards are shown.
const SHOWN: usize = 20;

/// What rules would say of all items.
#[derive(Default)]
pub struct Tally {
    /// Items that were looked at.
    pub items: u64,
    /// Items to which a rule applies.
    pub matched: u64,
    /// Those of them of which a window runs.
    pub running: u64,
    /// Sources that could not be read.
    pub void: Vec<String>,
    units: BTreeMap<String, [u64; 2]>,
    first: BTreeSet<Card>,
    faults: Faults,
}

/// A card, the worst first, then what was due first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Card {
    rank: (u8, Option<Instant>, String, String),
    cells: Vec<String>,
}

/// Polls the sources of these names and reads every clock of the playbook's rules at an instant.
pub fn polled(
    site: &Site,
    playbook: &Playbook,
    sources: &BTreeSet<String>,
    at: Instant,
    caller: &Caller<'_>,
) -> Result<Tally, Failure> {
    let zone = playbook.calendar().zone();
    let lookup = |name: &str| caller.environment.get(name).map(str::to_owned);
    let all = site.sources_alone(zone, &lookup).map_err(|problems| wrong(&problems))?;
    let runtime = runtime()?;
    let mut tally = Tally::default();
    for polled in all.iter().filter(|polled| sources.contains(&*polled.name)) {
        let fetched = runtime.block_on(polled.source.fetch(None)).map_err(|error| error.to_string());
        let fetched = fetched.and_then(|fetched| believed(polled, &fetched).map(|()| fetched));
        match fetched {
            Ok(fetched) => tally.look(&fetched, Look { playbook, at }, caller.language),
            Err(doubt) => {
                say(&void(caller.language, &polled.name, &doubt));
                tally.void.push(polled.name.to_string());
            }
        }
    }
    Ok(tally)
}

impl Tally {
    fn look(&mut self, fetched: &Fetched, look: Look<'_>, language: Language) {
        let work = |chunk| {
            let mut part = Self::default();
            for item in fetched.map(chunk).items {
                part.item(item, look, language);
            }
            part
        };
        let Ok(()) = in_order::<_, std::convert::Infallible>(fetched.chunks(), work, |part| {
            self.merge(part);
            Ok(())
        });
    }

    fn item(&mut self, item: crate::core::item::Item, look: Look<'_>, language: Language) {
        let (mut runs, mut faults) = (false, std::mem::take(&mut self.faults));
        let applies = look.at_item(item, &mut faults, &mut |line| {
            runs |= matches!(line.state(), "running" | "paused");
            if let Some(level) = line.level() {
                self.card(line, level, look.playbook, language);
            }
        });
        self.faults = faults;
        self.items += 1;
        self.matched += u64::from(applies);
        self.running += u64::from(runs);
    }

    fn card(&mut self, line: &Line<'_>, level: Level, playbook: &Playbook, language: Language) {
        let unit = line.item.text("unit").unwrap_or_default();
        let counts = self.units.entry(unit.to_owned()).or_default();
        counts[usize::from(level == Level::Yellow)] += 1;
        let due_at = line.what.as_ref().ok().and_then(|clock| clock.reading.due_at);
        let rank = (u8::from(level == Level::Yellow), due_at, line.item.key.to_string(), line.name.to_string());
        if self.first.len() == SHOWN && self.first.last().is_some_and(|last| last.rank <= rank) {
            return;
        }
        let title: String = line.item.text("title").unwrap_or_default().chars().take(24).collect();
        let cells = vec![
            level_word(language, Some(level)).to_owned(),
            line.item.key.to_string(),
            unit.to_owned(),
            title,
            format!("{}/{}", line.rule, line.name),
            reason(line, playbook, language),
        ];
        self.first.insert(Card { rank, cells });
        if self.first.len() > SHOWN {
            self.first.pop_last();
        }
    }

    fn merge(&mut self, later: Self) {
        self.items += later.items;
        self.matched += later.matched;
        self.running += later.running;
        for (unit, counts) in later.units {
            let known = self.units.entry(unit).or_default();
            known[0] += counts[0];
            known[1] += counts[1];
        }
        self.first.extend(later.first);
        while self.first.len() > SHOWN {
            self.first.pop_last();
        }
        self.faults.merge(later.faults);
    }

    /// Red and yellow cards.
    pub fn cards(&self) -> [u64; 2] {
        self.units.values().fold([0, 0], |sum, unit| [sum[0] + unit[0], sum[1] + unit[1]])
    }

    /// Writes how many items and cards there are, and the first cards.
    pub fn write(&self, caller: &Caller<'_>, out: &mut dyn Write) -> Result<(), Failure> {
        let language = caller.language;
        writeln!(out, "{}", words::matched(language, self.items, self.matched, self.running))?;
        writeln!(out, "{}", words::cards(language, self.cards()))?;
        if !self.units.is_empty() {
            let mut table = Table::new(&["unit", "red", "yellow"]);
            for (unit, [red, yellow]) in &self.units {
                let unit = if unit.is_empty() { words::no_unit(language) } else { unit };
                table.add(vec![json!(unit), json!(red), json!(yellow)]);
            }
            table.write(Format::Table, &words::unit_titles(language), out)?;
            let mut table = Table::new(&["card", "item", "unit", "title", "window", "reason"]);
            self.first.iter().for_each(|card| table.add(card.cells.iter().map(|cell| json!(cell)).collect()));
            writeln!(out)?;
            table.write(Format::Table, &words::card_titles(language), out)?;
        }
        out.flush()?;
        self.faults.say(caller);
        Ok(())
    }
}

/// Why there is a card: what the finding says, or the clock from its start to its end.
fn reason(line: &Line<'_>, playbook: &Playbook, language: Language) -> String {
    let clock = match &line.what {
        Err(finding) => return finding.text.to_string(),
        Ok(clock) => clock,
    };
    let zone = clock.calendar.zone();
    let label = playbook.rule_words(line.rule, line.name).label.unwrap_or_else(|| line.name.to_string());
    let parts = [
        Some(format!("{label} {}", time_words::limit(clock.window.limit, language))),
        clock.window.from.map(|from| words::since(language, &time_words::instant(from, zone))),
        clock.reading.due_at.map(|due| words::due(language, &time_words::due(due, zone, language))),
        clock.reading.remaining.map(|left| time_words::remaining(left, clock.window.limit.unit(), language)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(language.pick("，", ", "))
}
