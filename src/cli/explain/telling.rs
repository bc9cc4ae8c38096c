//! The account as lines for people.

use std::io::{self, Write};

use chrono_tz::Tz;
use serde_json::Value;

use super::account::{Account, CardAccount, RuleAccount, WindowAccount};
use super::evidence::Evidence;
use crate::cli::words::explain::{self as words, Label};
use crate::cli::words::routes;
use crate::core::Instant;
use crate::core::acknowledgement::Acknowledgement;
use crate::core::card::Transition;
use crate::core::limit::Unit;
use crate::core::line;
use crate::core::notice::{CardChange, Notice, NoticeState};
use crate::core::reading::Reading;
use crate::core::remark::{Remark, Sparing, Standing};
use crate::playbook::Playbook;
use crate::tell::language::Language;
use crate::tell::plan::Office;
use crate::tell::words::{
    change_label, level_label, notice_label, reason_words, remark_account, remark_kind, remark_says, remark_standing,
    state_label, verdict_label, via_label,
};
use crate::tell::{sum, time_words};

/// Writes everything.
pub fn tell(
    evidence: &Evidence,
    account: &Account,
    playbook: &Playbook,
    language: Language,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut teller = Teller { evidence, office: &playbook.office, language, zone: playbook.calendar().zone(), out };
    teller.item()?;
    for (remark, standing) in &evidence.remarks {
        teller.remark(remark, *standing)?;
    }
    for rule in &account.rules {
        teller.rule(rule, &account.cards)?;
    }
    let is_named = |card: &&CardAccount| account.rules.iter().any(|rule| names(rule, card));
    for card in account.cards.iter().filter(|card| !is_named(card)) {
        writeln!(teller.out)?;
        teller.card(card, "")?;
    }
    teller.silences()
}

/// Whether a card is about one of a rule's windows or findings.
fn names(rule: &RuleAccount, card: &CardAccount) -> bool {
    let Some(last) = card.transitions.last().filter(|last| last.rule == rule.rule) else { return false };
    rule.windows.iter().any(|window| concerns(&window.window.name, last))
        || rule.findings.iter().any(|finding| finding.name == last.name)
}

fn concerns(window: &str, transition: &Transition) -> bool {
    let rest = transition.name.strip_prefix(window);
    rest.is_some_and(|rest| ["", ".start", ".pause"].contains(&rest))
}

struct Teller<'a> {
    evidence: &'a Evidence,
    office: &'a Office,
    language: Language,
    zone: Tz,
    out: &'a mut dyn Write,
}

impl Teller<'_> {
    fn label(&self, label: Label) -> &'static str {
        words::label(label, self.language)
    }

    fn instant(&self, at: Instant) -> String {
        time_words::instant(at, self.zone)
    }

    /// `label  text`, indented.
    fn line(&mut self, indent: usize, label: Label, text: &str) -> io::Result<()> {
        let label = self.label(label);
        writeln!(self.out, "{:indent$}{label}  {}", "", plain(text))
    }

    fn item(&mut self) -> io::Result<()> {
        let Evidence { item, at, first_seen_at, seen_at, .. } = self.evidence;
        self.line(0, Label::Item, &format!("{}  {}  {}", item.key, item.kind, item.title()))?;
        self.line(2, Label::At, &self.instant(*at))?;
        match (first_seen_at, seen_at) {
            (Some(first), Some(seen)) => {
                self.line(2, Label::FirstSeen, &self.instant(*first))?;
                self.line(2, Label::Seen, &self.instant(*seen))?;
            }
            _ => writeln!(self.out, "  {}", self.label(Label::Polled))?,
        }
        writeln!(self.out, "  {}", self.label(Label::Fields))?;
        for (name, value) in item.fields.iter() {
            let text = match value.as_instant() {
                Some(at) => self.instant(at),
                None if value.is_missing() => self.label(Label::Missing).to_owned(),
                None => shown(&serde_json::to_value(value).unwrap_or_default()),
            };
            writeln!(self.out, "    {} = {}", plain(name), plain(&text))?;
        }
        Ok(())
    }

    fn rule(&mut self, rule: &RuleAccount, cards: &[CardAccount]) -> io::Result<()> {
        let applies = words::applies(rule.applies, self.language);
        let version: String = rule.version.to_string().chars().take(12).collect();
        let title = rule.title.as_deref().unwrap_or_default();
        writeln!(self.out)?;
        self.line(0, Label::Rule, &format!("{} ({version})  {title}  {applies}", rule.rule))?;
        if let Some(error) = &rule.error {
            writeln!(self.out, "  {}", self.label(Label::Problem))?;
            for line in error.lines() {
                writeln!(self.out, "    {}", plain(line))?;
            }
        }
        for printed in &rule.printed {
            self.line(2, Label::Printed, printed)?;
        }
        let of_rule = || cards.iter().filter(|card| card.transitions.last().is_some_and(|last| last.rule == rule.rule));
        for window in &rule.windows {
            self.window(window)?;
            let is_about =
                |card: &&CardAccount| card.transitions.last().is_some_and(|last| concerns(&window.window.name, last));
            let mut any = false;
            for card in of_rule().filter(is_about) {
                any = true;
                self.card(card, "    ")?;
            }
            if !any && self.evidence.seen_at.is_some() {
                writeln!(self.out, "    {}", self.label(Label::NoCard))?;
            }
        }
        for finding in &rule.findings {
            let level = level_label(finding.level, self.language);
            self.line(2, Label::Finding, &format!("{}  {level}  {}", finding.name, finding.text))?;
            let is_about = |card: &&CardAccount| card.transitions.last().is_some_and(|last| last.name == finding.name);
            for card in of_rule().filter(is_about) {
                self.card(card, "    ")?;
            }
        }
        Ok(())
    }

    fn window(&mut self, account: &WindowAccount) -> io::Result<()> {
        let WindowAccount { window, calendar, reading, remarks } = account;
        let limit = time_words::limit(window.limit, self.language);
        self.line(2, Label::Window, &format!("{}  {}  {limit}  {calendar}", window.name, window.limit))?;
        let (reading, sum) = match reading {
            Ok(read) => read,
            Err(problem) => return self.line(4, Label::Problem, &problem.to_string()),
        };
        self.reading(reading, window.limit.unit(), account.sparing())?;
        let sum = sum.as_ref().map(|sum| sum::lines(sum, self.language)).unwrap_or_default();
        for line in sum {
            writeln!(self.out, "      {}", plain(&line))?;
        }
        for remark in remarks {
            self.beside(remark)?;
        }
        Ok(())
    }

    /// A remark by which a window stands as it does.
    fn beside(&mut self, remark: &Remark) -> io::Result<()> {
        let says = self.says(remark);
        let account = remark_account(remark, self.language, self.zone).join(self.language.pick("；", "; "));
        self.line(4, Label::Remark, &format!("{says}  {account}"))
    }

    /// `3f9a2c1b0d4e  停表  2026-03-04 09:00 – 2026-03-12 18:00`
    fn says(&self, remark: &Remark) -> String {
        let id: String = remark.id.to_string().chars().take(12).collect();
        let kind = remark_kind(&remark.statement, self.language);
        format!("{id}  {kind}  {}", remark_says(&remark.statement, self.language, self.zone))
    }

    fn remark(&mut self, remark: &Remark, standing: Standing) -> io::Result<()> {
        let standing = remark_standing(standing, remark.waits, self.language);
        let says = self.says(remark);
        self.line(2, Label::Remark, &format!("{says}  {standing}"))?;
        for line in remark_account(remark, self.language, self.zone) {
            writeln!(self.out, "    {}", plain(&line))?;
        }
        Ok(())
    }

    fn reading(&mut self, reading: &Reading, unit: Unit, sparing: Option<Sparing>) -> io::Result<()> {
        let language = self.language;
        let mut state = state_label(reading.state, language).to_owned();
        if let Some(level) = reading.level.filter(|_| sparing.is_none()) {
            state = format!("{state}  {}", level_label(level, language));
        }
        if let Some(remaining) = reading.remaining {
            state = format!("{state}  {}", time_words::remaining(remaining, unit, language));
        }
        self.line(4, Label::State, &state)?;
        let by_source = reading.verdict(self.evidence.at);
        let mut verdict = verdict_label(by_source, language).to_owned();
        if let Some(sparing) = sparing {
            let after = verdict_label(sparing.verdict(by_source), language);
            verdict = words::after_remarks(language, after, &verdict);
        }
        self.line(4, Label::Verdict, &verdict)?;
        if let Some(done) = reading.stopped_at {
            self.line(4, Label::Done, &self.instant(done))?;
        }
        if let Some(yellow) = reading.yellow_at {
            self.line(4, Label::Yellow, &self.instant(yellow))?;
        }
        if let Some(due) = reading.due_at {
            self.line(4, Label::Due, &time_words::due(due, self.zone, language))?;
        }
        Ok(())
    }

    fn card(&mut self, card: &CardAccount, indent: &str) -> io::Result<()> {
        let Some(last) = card.transitions.last() else { return Ok(()) };
        let id: String = card.card.to_string().chars().take(12).collect();
        let title = format!("{}/{}  {id}", last.rule, last.name);
        self.line(indent.len(), Label::Card, &title)?;
        for transition in &card.transitions {
            let line = self.transition(transition);
            writeln!(self.out, "{indent}  {}", plain(&line))?;
            for notice in card.notices.iter().filter(|notice| notice.number == transition.number) {
                let line = self.notice(notice);
                writeln!(self.out, "{indent}    {}  {}", self.label(Label::Told), plain(&line))?;
            }
        }
        for taken in &card.acknowledgements {
            let is_first = card.acknowledgements.iter().all(|other| {
                (other.episode, other.level, other.step) != (taken.episode, taken.level, taken.step)
                    || taken.at <= other.at
            });
            let line = self.taken(taken, last, is_first);
            self.line(indent.len() + 2, Label::Taken, &line)?;
        }
        Ok(())
    }

    /// Who signed; the first signature of a level and step lets reminders rest.
    fn taken(&self, taken: &Acknowledgement, change: &Transition, is_first: bool) -> String {
        let Acknowledgement { level, step, contact, by, via, at, .. } = taken;
        let (level, via) = (level_label(*level, self.language), via_label(*via, self.language));
        let by = if **by == **contact { String::new() } else { words::written_by(self.language, by) };
        let step = words::step(self.language, *step);
        let (change, evidence) = (CardChange::of(change), self.evidence);
        let rests = self.office.rests_until(&change, &evidence.item, &evidence.rulings, taken).filter(|_| is_first);
        let rests = rests.map(|until| words::rests(self.language, &time_words::due(until, self.zone, self.language)));
        format!("{contact}  {}  {level}  {step}  {via}{by}{}", self.instant(*at), rests.unwrap_or_default())
    }

    fn silences(&mut self) -> io::Result<()> {
        for silence in &self.evidence.silences {
            let id: String = silence.id.to_string().chars().take(12).collect();
            let (from, until) = (self.instant(silence.starts_at), self.instant(silence.ends_at));
            let (by, comment) = (&silence.by, &silence.comment);
            writeln!(self.out)?;
            self.line(0, Label::Silence, &format!("{id}  {}  {from} – {until}  {by}  {comment}", silence.matcher))?;
        }
        Ok(())
    }

    fn transition(&self, transition: &Transition) -> String {
        let change = change_label(transition.change, self.language);
        let level = transition.to.map_or("", |level| level_label(level, self.language));
        let at = match transition.reason.root() {
            crate::core::reason::Reason::Due { due_at } if *due_at == transition.at => {
                time_words::due(transition.at, self.zone, self.language)
            }
            _ => self.instant(transition.at),
        };
        let reason = reason_words(&transition.reason, self.language, self.zone);
        let noticed = words::noticed(self.language, &self.instant(transition.noticed_at));
        format!("#{} {at}  {change} {level}  {reason}  ({noticed})", transition.number)
    }

    fn notice(&self, notice: &Notice) -> String {
        let delivery = notice.delivery.and_then(|id| self.evidence.deliveries.get(&id));
        let kind = notice_label(notice.kind, self.language);
        let state = words::notice_state(notice.state, self.language);
        let at = delivery.map_or(notice.planned_at, |delivery| delivery.settled_at.unwrap_or(delivery.not_before));
        let wait = delivery.filter(|_| notice.state == NoticeState::Planned).and_then(|delivery| delivery.waits_for);
        let wait = wait.map(|wait| routes::waits(wait, self.language)).unwrap_or_default();
        let at = self.instant(at);
        let step = (notice.step > 0).then(|| format!("  {}", words::step(self.language, notice.step)));
        let step = step.unwrap_or_default();
        let mut line = format!("{} {}  {kind}{step}  {state}  {at}{wait}", notice.contact, notice.channel);
        let because = routes::because(&notice.because, self.language);
        if !because.is_empty() {
            line = format!("{line}  {because}");
        }
        if let Some(hold) = &notice.hold {
            line = format!("{line}  {}", words::hold(hold, self.language));
        }
        if let Some(delivery) = delivery {
            let id: String = delivery.id.to_string().chars().take(12).collect();
            line = format!("{line}  {}  {id}", delivery.reason.as_deref().unwrap_or_default());
        }
        line
    }
}

/// A value on one line; a text without its quotes.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A text that cannot steer a terminal, whoever wrote it.
pub fn plain(text: &str) -> String {
    line::plain(text.trim_end())
}
