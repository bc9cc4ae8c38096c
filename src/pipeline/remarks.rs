//! Remarks: what persons add to an item enters the turn at the same door as a poll. Before that it is seen what can be
//! said of an item, and what it would move.
//!
//! **Invariant:** what is shown beforehand comes from the same thinking as what is done then.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Entry, News, Pipeline, Thought, judge, think};
use crate::core::Instant;
use crate::core::audit::Act;
use crate::core::item::{Extension, ItemKey};
use crate::core::json::Json;
use crate::core::reading::{Granted, State, read, run};
use crate::core::remark::{Amendment, Remark, RemarkError, Standing, Statement, overlay};
use crate::core::window::{Level, Ruling, Window};
use crate::playbook::Playbook;
use crate::store::{ItemRecord, StoreError};

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It cannot be said or done.
    #[error(transparent)]
    Remark(#[from] RemarkError),
    /// There is no such item.
    #[error("there is no item {0}")]
    NoItem(ItemKey),
    /// Others write about the item without a pause.
    #[error("others are writing about {0}: try again")]
    Busy(ItemKey),
    /// The store does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How a window or finding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stand {
    /// Where the clock stands; `None` for a finding.
    pub state: Option<State>,
    /// When it is due.
    pub due_at: Option<Instant>,
    /// When it turns yellow.
    pub yellow_at: Option<Instant>,
    /// The open card.
    pub level: Option<Level>,
}

/// How a window or finding stands without and with an amendment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The rule.
    pub rule: Arc<str>,
    /// The window or finding.
    pub name: Arc<str>,
    /// Without it; `None` if no rule names it then.
    pub before: Option<Stand>,
    /// With it.
    pub after: Option<Stand>,
}

impl Pipeline {
    /// Puts a remark down, decides or revokes one, and does all that follows from it.
    pub async fn remark(
        &self,
        playbook: &Arc<Playbook>,
        item: &ItemKey,
        amendment: &Amendment,
        now: Instant,
    ) -> Result<Remark, Refused> {
        let record = self.remarked(item).await?;
        let remark = amendment.of(&record.remarks)?;
        let act = act(amendment, &remark, now);
        let news = News::Remarked(Box::new(amendment.clone()), act);
        let done = self.turn(playbook, vec![Entry { record: Some(record), news }], false, now).await?;
        if done.lost > 0 {
            return Err(Refused::Busy(item.clone()));
        }
        // Somebody else may have been faster with the same remark.
        let record = self.remarked(item).await?;
        if amendment.is_done(&record.remarks) { Ok(remark) } else { Err(after_others(amendment, &record).into()) }
    }

    async fn remarked(&self, item: &ItemKey) -> Result<ItemRecord, Refused> {
        let found = self.store.load(std::slice::from_ref(item)).await?.pop();
        found.ok_or_else(|| Refused::NoItem(item.clone()))
    }
}

fn after_others(amendment: &Amendment, record: &ItemRecord) -> RemarkError {
    amendment.of(&record.remarks).err().unwrap_or(RemarkError::Unknown)
}

fn act(amendment: &Amendment, remark: &Remark, now: Instant) -> Act {
    let (by, why) = match amendment {
        Amendment::Add(remark) => (&remark.by, &remark.basis),
        Amendment::Decide(_, decision) => (&decision.by, &decision.why),
        Amendment::Revoke(_, revocation) => (&revocation.by, &revocation.why),
    };
    Act {
        at: now,
        by: by.trim().to_owned(),
        what: amendment.word().to_owned(),
        subject: remark.item.to_string(),
        why: why.trim().to_owned(),
        detail: Json::of(remark),
    }
}

/// Whether a new remark can be put down on an item, as things stand.
pub fn check(playbook: &Playbook, record: &ItemRecord, remark: &Remark, now: Instant) -> Result<(), RemarkError> {
    match &remark.statement {
        Statement::Time { field, .. } => check_field(playbook, record, field)?,
        Statement::Exemption { rule, name } | Statement::WrongCard { rule, name } => check_name(record, rule, name)?,
        Statement::Pause(_) | Statement::Extension(_) => {}
    }
    if remark.statement.is_stated_by(&record.item) {
        return Err(RemarkError::SaidBySource);
    }
    let item = Arc::new(record.item.clone());
    let overlaid = overlay(&item, &record.remarks);
    let mut open = record
        .remarks
        .iter()
        .zip(&overlaid.standings)
        .filter(|(_, standing)| matches!(*standing, Standing::InForce | Standing::Waiting));
    if let Some((other, _)) = open.find(|(other, _)| other.statement.is_about_the_same(&remark.statement)) {
        return Err(RemarkError::SaidByRemark(other.id));
    }
    let before = judge(playbook, &overlaid.item, &record.rulings, now).1;
    let after = after(playbook, record, &Amendment::Add(Box::new(counted(remark))), now);
    let Some(after) = after else { return Ok(()) };
    if let Some(error) = after.errors.iter().find(|error| !before.iter().any(|before| before.rule == error.rule)) {
        return Err(RemarkError::Spoils { rule: error.rule.clone(), error: error.message.clone() });
    }
    match counted(remark).extension() {
        Some(extension) => check_extension(playbook, &after.write.record, &extension, now),
        None => Ok(()),
    }
}

/// A remark as if nothing had to be decided about it.
fn counted(remark: &Remark) -> Remark {
    Remark { waits: None, ..remark.clone() }
}

fn check_field(playbook: &Playbook, record: &ItemRecord, field: &str) -> Result<(), RemarkError> {
    let of_rules = playbook.rules.values().flat_map(|rule| &rule.fields).map(String::as_str);
    let of_item = record.item.fields.names().map(|name| &**name);
    let mut known: Vec<&str> = of_item.chain(of_rules).filter(|name| name.ends_with("_at")).collect();
    known.sort_unstable();
    known.dedup();
    if known.contains(&field) {
        return Ok(());
    }
    Err(RemarkError::NoField { field: field.to_owned(), known: known.into_iter().map(str::to_owned).collect() })
}

fn check_name(record: &ItemRecord, rule: &str, name: &str) -> Result<(), RemarkError> {
    let named = record.rulings.iter().flat_map(|ruling| {
        let windows = ruling.windows.iter().map(|window| &window.name);
        windows.chain(ruling.findings.iter().map(|finding| &finding.name)).map(|name| (&ruling.rule, name))
    });
    let watched = record.watches.iter().map(|watch| (&watch.rule, &watch.name));
    let mut known: Vec<String> = named.chain(watched).map(|(rule, name)| format!("{rule}/{name}")).collect();
    known.sort_unstable();
    known.dedup();
    if known.contains(&format!("{rule}/{name}")) {
        return Ok(());
    }
    Err(RemarkError::NoWindow { rule: rule.to_owned(), name: name.to_owned(), known })
}

/// An extension that was asked for too late for every window that knows it is refused.
fn check_extension(
    playbook: &Playbook,
    after: &ItemRecord,
    extension: &Extension,
    now: Instant,
) -> Result<(), RemarkError> {
    let mut refusal = None;
    for (ruling, window) in clocks(&after.rulings) {
        let Some(index) = window.extensions.iter().position(|other| other == extension) else { continue };
        let Some(calendar) = calendar(playbook, after, window) else { continue };
        match run(window, calendar, now).ok().flatten().map(|run| run.granted[index]) {
            Some(Granted::AskedTooLate { due_at }) => {
                let (rule, name) = (ruling.rule.clone(), window.name.clone());
                refusal = refusal.or(Some(RemarkError::AskedTooLate { rule, name, due_at }));
            }
            _ => return Ok(()),
        }
    }
    refusal.map_or(Ok(()), Err)
}

/// What an amendment moves. One that adds what waits for a decision is shown as if that were taken.
pub fn moves(playbook: &Playbook, record: &ItemRecord, amendment: &Amendment, now: Instant) -> Vec<Moved> {
    let amendment = match amendment {
        Amendment::Add(remark) => Amendment::Add(Box::new(counted(remark))),
        other => other.clone(),
    };
    let before = think(playbook, Entry { record: Some(record.clone()), news: News::None }, now);
    let (Some(before), Some(after)) = (before, after(playbook, record, &amendment, now)) else { return Vec::new() };
    let before = stands(playbook, &before.write.record, now);
    let mut after = stands(playbook, &after.write.record, now);
    let mut moved: Vec<Moved> = Vec::new();
    for ((rule, name), stand) in before {
        let after = after.remove(&(rule.clone(), name.clone()));
        moved.push(Moved { rule, name, before: Some(stand), after });
    }
    moved.extend(after.into_iter().map(|((rule, name), stand)| Moved { rule, name, before: None, after: Some(stand) }));
    moved.retain(|moved| moved.before != moved.after);
    moved
}

/// The item as thinking leaves it after an amendment.
fn after(playbook: &Playbook, record: &ItemRecord, amendment: &Amendment, now: Instant) -> Option<Thought> {
    let remark = amendment.of(&record.remarks).ok()?;
    let news = News::Remarked(Box::new(amendment.clone()), act(amendment, &remark, now));
    think(playbook, Entry { record: Some(record.clone()), news }, now)
}

fn clocks(rulings: &[Ruling]) -> impl Iterator<Item = (&Ruling, &Window)> {
    rulings.iter().flat_map(|ruling| ruling.windows.iter().map(move |window| (ruling, window)))
}

fn calendar<'p>(
    playbook: &'p Playbook,
    record: &ItemRecord,
    window: &Window,
) -> Option<&'p Arc<crate::core::calendar::Calendar>> {
    let name = window.calendar.as_deref().or_else(|| record.item.text("calendar"));
    playbook.clockwork.calendars.get(name)
}

/// How all windows, findings and cards of an item stand.
fn stands(playbook: &Playbook, record: &ItemRecord, now: Instant) -> BTreeMap<(Arc<str>, Arc<str>), Stand> {
    let mut stands: BTreeMap<_, Stand> = BTreeMap::new();
    for (ruling, window) in clocks(&record.rulings) {
        let yellow = &playbook.clockwork.yellow;
        let reading = calendar(playbook, record, window).and_then(|calendar| read(window, calendar, yellow, now).ok());
        let stand = reading.map_or_else(Stand::default, |reading| Stand {
            state: Some(reading.state),
            due_at: reading.due_at,
            yellow_at: reading.yellow_at,
            level: None,
        });
        stands.insert((ruling.rule.clone(), window.name.clone()), stand);
    }
    for watch in &record.watches {
        let stand = stands.entry((watch.rule.clone(), watch.name.clone())).or_default();
        stand.level = watch.level;
    }
    stands
}
