//! `duban contacts away`: who is away from when to when, and who stands in.

use std::fs;
use std::io::Write;

use chrono::NaiveDate;
use clap::Args;
use serde_json::json;

use super::import::place_of_csv;
use super::lists::{Lists, told};
use super::say_next;
use crate::cli::exit::{Exit, Failure};
use crate::cli::replacement::{Before, replace};
use crate::cli::site::wrong;
use crate::cli::table::{Format, Table};
use crate::cli::words::{self as all_words, contacts as words};
use crate::cli::{Caller, say};
use crate::core::contact::{Absence, Contact};
use crate::core::line::one_line;
use crate::tell::absences;
use crate::tell::directory::Directory;
use crate::tell::people::{cell, muster, written};

/// The longest reason, in characters.
const LONGEST: usize = 200;

/// Who is away.
#[derive(Args)]
pub struct Arguments {
    /// The contact: an id, or a name that one contact has
    #[arg(required_unless_present = "list")]
    contact: Option<String>,
    /// The first day away
    #[arg(long, value_name = "DAY", required_unless_present_any = ["list", "back"])]
    from: Option<String>,
    /// The last day away
    #[arg(long, value_name = "DAY", required_unless_present_any = ["list", "back"])]
    until: Option<String>,
    /// Who stands in; without it, the deputy of contacts.csv
    #[arg(long, value_name = "CONTACT")]
    deputy: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who writes it down
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// The first day back: what was written down from that day on is taken out
    #[arg(long, value_name = "DAY", conflicts_with_all = ["from", "until", "deputy", "reason"])]
    back: Option<String>,
    /// List who is away now or later
    #[arg(long, conflicts_with_all = ["contact", "from", "until", "deputy", "reason", "by", "back"])]
    list: bool,
    /// How the list is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs the command.
pub fn run(arguments: &Arguments, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let lists = Lists::read(None, caller)?;
    let directory = match &lists.directory {
        Ok(directory) => directory,
        Err(faults) => return Err(Failure::no(told(faults, caller.language))),
    };
    let desk = Desk { arguments, caller, lists: &lists, directory };
    match &arguments.contact {
        None => desk.list(out),
        Some(contact) => {
            place_of_csv(&lists.absences.0, caller)?;
            let contact = desk.resolve("CONTACT", contact)?;
            match &arguments.back {
                Some(back) => desk.back(contact, desk.day("--back", back)?),
                None => desk.away(contact),
            }
        }
    }
}

struct Desk<'a> {
    arguments: &'a Arguments,
    caller: &'a Caller<'a>,
    lists: &'a Lists,
    directory: &'a Directory,
}

impl<'a> Desk<'a> {
    fn resolve(&self, argument: &str, written: &str) -> Result<&'a Contact, Failure> {
        self.directory.resolve(written.trim()).map_err(|wrong| self.wrong(argument, &wrong.words(self.caller.language)))
    }

    fn day(&self, argument: &str, text: &str) -> Result<NaiveDate, Failure> {
        let day = cell::day(text.trim()).and_then(|day| day.ok_or(crate::tell::people::fault::Wrong::Empty));
        day.map_err(|wrong| self.wrong(argument, &wrong.words(self.caller.language)))
    }

    fn wrong(&self, argument: &str, sentence: &str) -> Failure {
        Failure::usage(all_words::about(self.caller.language, argument, sentence))
    }

    fn away(&self, contact: &Contact) -> Result<Exit, Failure> {
        let (language, given) = (self.caller.language, self.arguments);
        let day = |argument, text: &Option<String>| self.day(argument, text.as_deref().unwrap_or_default());
        let (from, until) = (day("--from", &given.from)?, day("--until", &given.until)?);
        if until < from {
            let wrong = crate::tell::people::fault::Wrong::EndsBefore { from, until };
            return Err(self.wrong("--until", &wrong.words(language)));
        }
        let deputy = given.deputy.as_deref().map(|deputy| self.resolve("--deputy", deputy)).transpose()?;
        if let Some(deputy) = deputy.filter(|deputy| deputy.id == contact.id) {
            let wrong = crate::tell::people::fault::Wrong::Oneself { got: deputy.id.to_string() };
            return Err(self.wrong("--deputy", &wrong.words(language)));
        }
        let reason = one_line(given.reason.as_deref().unwrap_or_default(), LONGEST);
        let by = given.by.as_deref().map(|by| one_line(by, LONGEST)).filter(|by| !by.is_empty());
        let absence = Absence {
            contact: contact.id.clone(),
            from,
            until,
            deputy: deputy.map(|deputy| deputy.id.to_string()).unwrap_or_default(),
            reason: by.map_or(reason.clone(), |by| words::noted_by(language, &reason, &by)),
        };
        let mut all = self.directory.absences().to_vec();
        all.push(absence.clone());
        self.write(&all, Some(&absence))?;
        say(&words::away(language, contact, from, until));
        self.doubts(all, contact)?;
        say_next(self.caller);
        Ok(Exit::Fine)
    }

    /// Ends what covers a day, and takes out what begins later.
    fn back(&self, contact: &Contact, day: NaiveDate) -> Result<Exit, Failure> {
        let language = self.caller.language;
        let all = self.directory.absences();
        let concerns = |absence: &Absence| absence.contact == contact.id && day <= absence.until;
        let changed = all.iter().filter(|absence| concerns(absence)).count();
        if changed == 0 {
            return Err(Failure::no(words::not_away(language, contact, day)));
        }
        let shortened = |absence: &Absence| {
            if !concerns(absence) {
                return Some(absence.clone());
            }
            let until = day.pred_opt().filter(|until| absence.from <= *until)?;
            Some(Absence { until, ..absence.clone() })
        };
        self.write(&all.iter().filter_map(shortened).collect::<Vec<_>>(), None)?;
        say(&words::back(language, contact, day, changed));
        say_next(self.caller);
        Ok(Exit::Fine)
    }

    /// Writes the absences: one more line where the file is written as duban writes it, else all anew, with the old file
    /// kept beside it.
    fn write(&self, all: &[Absence], added: Option<&Absence>) -> Result<(), Failure> {
        let (path, language) = (&self.lists.absences.0, self.caller.language);
        let unwritable = |e: std::io::Error| Failure::internal(all_words::unreadable(language, path, &e));
        let old = fs::read(path).unwrap_or_default();
        let old = String::from_utf8(old).ok();
        let appended = added.zip(old.as_deref().filter(|old| is_own(old)));
        let text = appended.map(|(absence, old)| {
            let end = if old.ends_with('\n') { "" } else { "\r\n" };
            format!("{old}{end}{}", written::absence_line(absence))
        });
        let comments = || old.iter().flat_map(|old| old.split_inclusive('\n')).take_while(|line| is_comment(line));
        let anew = || {
            let text = written::absences(all);
            let (mark, rest) = text.split_at('\u{feff}'.len_utf8());
            let comments: String = comments().map(|line| line.trim_start_matches('\u{feff}')).collect();
            format!("{mark}{comments}{rest}")
        };
        let before = if text.is_none() { Before::Each } else { Before::Dropped };
        let backup = replace(path, text.unwrap_or_else(anew), before).map_err(unwritable)?;
        if let Some(backup) = backup {
            say(&words::kept(language, &backup));
        }
        Ok(())
    }

    /// What is doubtful about the contact's absences now.
    fn doubts(&self, absences: Vec<Absence>, contact: &Contact) -> Result<(), Failure> {
        let site = &self.lists.site;
        let mut office = site.playbook_alone().map_err(|problems| wrong(&problems))?.office;
        office.directory = self.directory.clone().with_absences(absences);
        let today = office.today(self.caller.now());
        let place = format!("absences.csv: {}", contact.id);
        for doubt in muster::muster(&office, &|_| false, today).iter().filter(|doubt| doubt.place == place) {
            say(&all_words::about(self.caller.language, &doubt.place, &doubt.what.words(self.caller.language)));
        }
        Ok(())
    }

    fn list(&self, out: &mut dyn Write) -> Result<Exit, Failure> {
        let playbook = self.lists.site.playbook_alone().map_err(|problems| wrong(&problems))?;
        let today = playbook.office.today(self.caller.now());
        let mut table = Table::new(&["contact", "name", "from", "until", "reader", "reason"]);
        let mut ahead: Vec<&Absence> = self.directory.absences().iter().filter(|a| a.until >= today).collect();
        ahead.sort_by_key(|absence| (absence.from, absence.contact.clone()));
        for absence in ahead {
            let Some(contact) = self.directory.get(&absence.contact) else { continue };
            let reader = self.directory.stand(contact, absence.from.max(today)).reader;
            table.add(vec![
                json!(contact.id),
                json!(contact.name),
                json!(absence.from),
                json!(absence.until),
                json!(reader.map(|reader| reader.id.to_string())),
                json!(absence.reason),
            ]);
        }
        table.write(self.arguments.format, &words::away_titles(self.caller.language), out)?;
        Ok(Exit::Fine)
    }
}

/// Whether a line can be added to a text as duban writes it.
fn is_own(text: &str) -> bool {
    let columns: Vec<&str> = absences::COLUMNS.iter().map(|(name, _)| *name).collect();
    let mut lines = text.trim_start_matches('\u{feff}').lines().filter(|line| !is_comment(line));
    lines.next().is_some_and(|header| header.trim() == columns.join(",")) && text.matches('"').count().is_multiple_of(2)
}

fn is_comment(line: &str) -> bool {
    line.trim_start_matches('\u{feff}').starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_added_only_to_what_duban_wrote() {
        for (text, own) in [
            ("contact,from,until,deputy,reason\n", true),
            ("\u{feff}# 说明\r\ncontact,from,until,deputy,reason\r\na,2026-01-05,2026-01-06,,\r\n", true),
            ("contact;from;until;deputy;reason\n", false),
            ("编号,起,止\n", false),
            ("contact,from,until\n", false),
            ("", false),
            ("contact,from,until,deputy,reason\na,2026-01-05,2026-01-06,,\"open\n", true),
            ("contact,from,until,deputy,reason\na,2026-01-05,2026-01-06,,\"open", false),
        ] {
            let expected = own && text.matches('"').count().is_multiple_of(2);
            assert_eq!(is_own(text), expected, "{text:?}");
        }
    }
}
