//! `duban rules enable`: what rules need, who fills it, the cards that they would raise now, and then the list of rules
//! that run.

use std::collections::BTreeSet;
use std::io::Write;

use serde_json::json;

use super::needs::{Needs, Provider, ledgers, providers};
use super::{Enable, Shelf, cards, listed, write};
use crate::cli::exit::{Exit, Failure};
use crate::cli::site::wrong;
use crate::cli::table::{Format, Table};
use crate::cli::words::{self as all_words, rules as words};
use crate::cli::{Caller, given, say};
use crate::rules::RuleInfo;
use crate::tell::language::Language;

/// Runs the command.
pub fn run(arguments: &Enable, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let shelf = Shelf::open(caller)?;
    let (on, news): (Vec<_>, Vec<_>) =
        shelf.wanted(&arguments.change.names, caller)?.into_iter().partition(|name| shelf.is_enabled(name));
    for name in &on {
        say(&words::is_on(caller.language, name));
    }
    if news.is_empty() {
        return Ok(Exit::Fine);
    }
    let ledgers = ledgers(&shelf.site, &shelf.folder);
    let mut lacks = Vec::new();
    let mut sources = BTreeSet::new();
    for name in &news {
        let rule = shelf.rule(name).map_err(|problems| Failure::configuration(problems.join("\n")))?;
        let needs = Needs::of(&rule, &providers(&shelf.site, name), &ledgers);
        describe(&rule, &needs, caller.language, out)?;
        lacks.extend(lacking(name, &needs, &ledgers, caller.language));
        sources.extend(needs.sources);
    }
    out.flush()?;
    if !lacks.is_empty() {
        lacks.push(words::refused(caller.language).to_owned());
        return Err(Failure::no(lacks.join("\n")));
    }
    observe(&shelf, &news, &sources, arguments.at.as_deref(), caller, out)?;
    let after: Vec<String> = shelf.site.config.rules.enabled.iter().chain(&news).cloned().collect();
    write::list(&shelf, &after, arguments.change.terms(), caller)
}

/// The cards of these rules alone.
fn observe(
    shelf: &Shelf,
    names: &[String],
    sources: &BTreeSet<String>,
    at: Option<&str>,
    caller: &Caller<'_>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let site = shelf.with_enabled(names);
    let playbook = site.playbook_alone().map_err(|problems| wrong(&problems))?;
    let at = at.map(|text| given::instant(text, playbook.calendar().zone())).transpose().map_err(|error| {
        Failure::usage(all_words::about(caller.language, "--at", &all_words::cannot_read(caller.language, &error)))
    })?;
    let unasked: Vec<&str> =
        site.config.source.iter().filter(|(_, config)| config.push.is_some()).map(|(n, _)| &**n).collect();
    for name in unasked.into_iter().filter(|name| sources.contains(*name)) {
        say(&words::cannot_be_asked(caller.language, name));
    }
    if names.iter().any(|name| site.config.orders.is_for_orders(name)) {
        say(words::orders_uncounted(caller.language));
    }
    let tally = cards::polled(&site, &playbook, sources, at.unwrap_or_else(|| caller.now()), caller)?;
    tally.write(caller, out)?;
    if !tally.void.is_empty() {
        say(&words::incomplete(caller.language, &tally.void));
    }
    Ok(())
}

/// What the rule is and needs, with who fills it.
fn describe(rule: &RuleInfo, needs: &Needs, language: Language, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "{} {}", rule.name, rule.meta.title.as_deref().unwrap_or_default())?;
    let kinds = listed(language, needs.kinds.iter().map(String::as_str));
    let sources = listed(language, needs.sources.iter().map(String::as_str));
    writeln!(out, "{}", words::kinds(language, &kinds, &sources))?;
    let mut table = Table::new(&["field", "sources", "note"]);
    for need in &needs.fields {
        table.add(vec![
            json!(need.field),
            json!(need.by.join(words::comma(language))),
            json!(words::note(language, need)),
        ]);
    }
    table.write(Format::Table, &words::need_titles(language), out)?;
    writeln!(out, "{}", words::params(language, &listed(language, rule.params.iter().map(String::as_str))))?;
    writeln!(out, "{}\n", words::tables(language, &listed(language, rule.tables.iter().map(String::as_str))))?;
    Ok(())
}

/// What has to be mapped first, a sentence each.
fn lacking(name: &str, needs: &Needs, ledgers: &[Provider], language: Language) -> Vec<String> {
    let missing: Vec<_> = needs.missing().collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let fields = listed(language, missing.iter().map(|need| need.field.as_str()));
    let would: BTreeSet<&str> = missing.iter().flat_map(|need| &need.ledgers).map(String::as_str).collect();
    let kinds = listed(language, needs.kinds.iter().map(String::as_str));
    let mut sentences = vec![words::lacks(language, name, &fields, &kinds, needs.sources.is_empty())];
    if !would.is_empty() {
        sentences.push(words::ledgers(language, &listed(language, would)));
    } else if !ledgers.is_empty() {
        sentences.push(words::no_ledger(language).to_owned());
    }
    sentences
}
