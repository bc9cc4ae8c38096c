//! `duban contacts check`: what does not read, what is wrong, what is doubtful.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

use super::lists::Lists;
use crate::cli::check::{Remark, Weight, write};
use crate::cli::exit::{Exit, Failure};
use crate::cli::run::runtime;
use crate::cli::site::wrong;
use crate::cli::table::Format;
use crate::cli::words::{self as all_words, contacts as words};
use crate::cli::{Caller, say};
use crate::tell::people::doubt::{self, Doubt};
use crate::tell::people::muster::{muster, vacant};
use crate::tell::time_words;

/// Runs the command.
pub fn run(file: Option<&Path>, format: Format, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let lists = Lists::read(file, caller)?;
    let mut remarks = remarks(&lists, caller)?;
    if file.is_none() {
        remarks.extend(refused(caller)?);
    }
    remarks.sort_by_key(|remark| remark.weight);
    write(&remarks, format, caller, out)?;
    let count = |weight| remarks.iter().filter(|remark| remark.weight == weight).count();
    match count(Weight::Problem) {
        0 => {
            let people = lists.directory.map_or(0, |directory| directory.all().len());
            say(&words::fine(caller.language, people, count(Weight::Warning)));
            Ok(Exit::Fine)
        }
        problems => Err(Failure::no(all_words::problems(caller.language, problems))),
    }
}

/// Everything about lists: what does not read, else what is wrong or doubtful.
pub fn remarks(lists: &Lists, caller: &Caller<'_>) -> Result<Vec<Remark>, Failure> {
    let language = caller.language;
    if let Err(faults) = &lists.directory {
        return Ok(faults.iter().map(|fault| Remark::problem(fault.place(), fault.words(language))).collect());
    }
    let texts = [("contacts.csv", lists.contacts.1.clone()), ("absences.csv", lists.absences.1.clone())];
    let playbook = lists.site.playbook_with(texts).map_err(|problems| wrong(&problems))?;
    if playbook.office.directory.all().is_empty() {
        return Ok(vec![Remark::warning("contacts.csv", all_words::check::no_contacts(language))]);
    }
    let today = playbook.office.today(caller.now());
    let climbs = |ladder: &str| playbook.climbs(ladder);
    let mut remarks: Vec<Remark> = muster(&playbook.office, &climbs, today).iter().map(|d| remark(d, caller)).collect();
    let vacant = vacant(&playbook.office, &climbs, today);
    remarks.extend(vacant.iter().map(|role| Remark::warning("contacts.csv", all_words::check::vacant(language, role))));
    Ok(remarks)
}

fn remark(doubt: &Doubt, caller: &Caller<'_>) -> Remark {
    let text = doubt.what.words(caller.language);
    match doubt.weight {
        doubt::Weight::Problem => Remark::problem(&*doubt.place, text),
        doubt::Weight::Warning => Remark::warning(&*doubt.place, text),
        doubt::Weight::Hint => Remark::note(&*doubt.place, text),
    }
}

/// Addresses that a peer refused for good, if there is a store that knows.
fn refused(caller: &Caller<'_>) -> Result<Vec<Remark>, Failure> {
    let lists = Lists::read(None, caller)?;
    let Ok(directory) = &lists.directory else { return Ok(Vec::new()) };
    let bad = runtime()?.block_on(async {
        let Some(store) = caller.visit_store_if_any().await? else { return Ok(Vec::new()) };
        store.bad_addresses().await.map_err(|e| caller.store_failed("store", &e))
    })?;
    let known: HashSet<&str> = directory.all().iter().map(|contact| &*contact.id).collect();
    let playbook = lists.site.playbook_alone().map_err(|problems| wrong(&problems))?;
    // What an address of before was refused says nothing about the one of today.
    let is_the_same = |bad: &&crate::store::BadAddress| {
        let medium = playbook.office.channels.get(&bad.channel).map(|terms| terms.medium);
        let address = medium.and_then(|medium| directory.get(&bad.contact)?.address(medium));
        known.contains(&*bad.contact) && address == Some(bad.address.as_str())
    };
    let remark = |bad: &crate::store::BadAddress| {
        let at = time_words::instant(bad.at, playbook.calendar().zone());
        let text = words::refused(caller.language, &bad.channel, &bad.address, &at, &bad.reason);
        Remark::warning(format!("contacts.csv: {}", bad.contact), text)
    };
    Ok(bad.iter().filter(is_the_same).map(remark).collect())
}
