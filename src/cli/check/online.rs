//! One poll of every source: can it be read, and what does it hold?

use super::Remark;
use crate::cli::Caller;
use crate::cli::exit::Failure;
use crate::cli::words::check as say;
use crate::daemon::wiring::{Polled, Wiring};
use crate::source::guard::{Verdict, judge_poll};
use crate::source::{Fetched, Rejection};
use crate::tell::language::Language;

/// How many rejected rows are named.
const NAMED: usize = 20;

/// Polls every source once.
pub fn poll(wiring: &Wiring, caller: &Caller<'_>) -> Result<Vec<Remark>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut remarks = Vec::new();
    for polled in &wiring.sources {
        let place = format!("source.{}", polled.name);
        match runtime.block_on(polled.source.fetch(None)) {
            Ok(fetched) => remarks.extend(look(polled, &place, &fetched, caller.language)),
            Err(error) => remarks.push(Remark::problem(place, error.to_string())),
        }
    }
    Ok(remarks)
}

fn look(polled: &Polled, place: &str, fetched: &Fetched, language: Language) -> Vec<Remark> {
    let mut count = 0;
    let mut named: Vec<Rejection> = Vec::new();
    for chunk in 0..fetched.chunks() {
        let rejected = fetched.map(chunk).rejected;
        count += rejected.len() as u64;
        named.extend(rejected.into_iter().take(NAMED - named.len()));
    }
    let rows = say::rows(language, fetched.rows(), count);
    let first = match judge_poll(None, fetched.rows(), count, None, &polled.guard) {
        Verdict::Doubted(doubt) => Remark::problem(place, doubt.to_string()),
        Verdict::Believed if count > 0 => Remark::warning(place, rows),
        Verdict::Believed => Remark::note(place, rows),
    };
    let weight = first.weight.max(super::Weight::Warning);
    let named = named.into_iter().map(|rejection| Remark { weight, place: rejection.place, text: rejection.reason });
    std::iter::once(first).chain(named).collect()
}
