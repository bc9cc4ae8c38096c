//! **Remark** 补录: a fact that a named person adds to an item, with its basis: a pause, an extension, a time that the
//! source does not state; or that no card is to stand, by an exemption (免责, 销牌) or because it was wrong (撤牌). An
//! **appeal** (申诉) is a remark that waits for a decision.
//!
//! Remarks lie over the snapshot: [`overlay`] makes what rules see, and says how each remark stands.
//!
//! **Invariants:** a snapshot is never changed. What the source states wins. A remark is put down, decided at most once and
//! revoked at most once; nothing else of it ever changes. Who raised one never decides it.

use std::sync::Arc;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::Instant;
use super::digest::Digest;
use super::item::{Extension, Item, ItemKey, Pause};
use super::reading::Verdict;
use super::value::{Value, instant_text};

/// Between the parts of an evidence.
const BETWEEN: &str = " · ";

/// Two approvals of one item that are no further apart are one approval, written down twice.
const SAME_APPROVAL: TimeDelta = TimeDelta::days(1);

/// A fact that a named person added to an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// Its identity.
    pub id: Digest,
    /// The item.
    pub item: ItemKey,
    /// When it was put down.
    pub at: Instant,
    /// Who put it down.
    pub by: String,
    /// On what ground.
    pub basis: String,
    /// The number of the document.
    pub document: Option<String>,
    /// Who approved it, on paper.
    pub approver: Option<String>,
    /// What it says.
    pub statement: Statement,
    /// What it waits for before it counts; `None` if it counts at once.
    pub waits: Option<Waits>,
    /// What was decided.
    pub decision: Option<Decision>,
    /// Who took it back.
    pub revocation: Option<Revocation>,
}

/// What a remark says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statement {
    /// The clocks of the item stood still.
    Pause(Pause),
    /// A limit was extended.
    Extension(Extension),
    /// A field that holds an instant: what the source does not say.
    Time {
        /// The field's name, ending in `_at`.
        field: Arc<str>,
        /// What it holds.
        at: Instant,
    },
    /// 免责, 销牌: no card on this rule and window or finding while this stands; its verdict is on time.
    Exemption {
        /// The rule.
        rule: Arc<str>,
        /// The window or finding.
        name: Arc<str>,
    },
    /// 撤牌: the card was wrong and is recalled.
    WrongCard {
        /// The rule.
        rule: Arc<str>,
        /// The window or finding.
        name: Arc<str>,
    },
}

impl Statement {
    /// The identifier in SQL, JSON and on the command line.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Pause(_) => "pause",
            Self::Extension(_) => "extension",
            Self::Time { .. } => "time",
            Self::Exemption { .. } => "exemption",
            Self::WrongCard { .. } => "wrong_card",
        }
    }

    /// The rule and the window or finding on which no card is to stand.
    pub fn spares(&self) -> Option<(&Arc<str>, &Arc<str>, Sparing)> {
        match self {
            Self::Exemption { rule, name } => Some((rule, name, Sparing::Exempted)),
            Self::WrongCard { rule, name } => Some((rule, name, Sparing::Wrong)),
            _ => None,
        }
    }

    /// Whether another statement about the same item says the same, or speaks about the same thing.
    pub fn is_about_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Pause(one), Self::Pause(two)) => (one.from, one.to) == (two.from, two.to),
            (Self::Extension(one), Self::Extension(two)) => is_one_approval(one, two),
            (Self::Time { field: one, .. }, Self::Time { field: two, .. }) => one == two,
            _ => match (self.spares(), other.spares()) {
                (Some((rule, name, _)), Some((other_rule, other_name, _))) => (rule, name) == (other_rule, other_name),
                _ => false,
            },
        }
    }

    /// Whether the source states the same itself: any value of the field, a pause that overlaps, the same approval.
    pub fn is_stated_by(&self, item: &Item) -> bool {
        match self {
            Self::Pause(pause) => item.pauses.iter().any(|other| overlap(pause, other)),
            Self::Extension(extension) => {
                let mut approved = item.extensions.iter().filter(|other| other.approved_at.is_some());
                approved.any(|other| is_one_approval(extension, other))
            }
            Self::Time { field, .. } => item.fields.get(field).is_some_and(|value| !value.is_missing()),
            Self::Exemption { .. } | Self::WrongCard { .. } => false,
        }
    }
}

fn overlap(one: &Pause, two: &Pause) -> bool {
    let starts_before = |start: Instant, end: Option<Instant>| end.is_none_or(|end| start < end);
    starts_before(one.from, two.to) && starts_before(two.from, one.to)
}

/// Sources often know the day alone, so the instants need not be equal.
fn is_one_approval(one: &Extension, two: &Extension) -> bool {
    let near = |one: Option<Instant>, two: Option<Instant>| {
        one.zip(two).is_some_and(|(one, two)| (one - two).abs() <= SAME_APPROVAL)
    };
    near(one.approved_at, two.approved_at) || one.asked_at.is_some() && one.asked_at == two.asked_at
}

/// What a remark waits for before it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waits {
    /// 申诉: for the decision of whoever decides appeals; the card stands until then.
    Appeal,
    /// For a second person, because the house wants four eyes on every remark.
    Approval,
}

/// What was decided about a remark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub at: Instant,
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
    /// Whether it counts from now on.
    pub granted: bool,
}

/// Who took a remark back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// When.
    pub at: Instant,
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
}

/// How a remark stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It counts.
    InForce,
    /// The source states the same now, and its value counts.
    Superseded,
    /// A later remark speaks about the same thing.
    Replaced,
    /// It waits for a decision.
    Waiting,
    /// The decision was no.
    Rejected,
    /// It was taken back.
    Revoked,
}

impl Standing {
    /// The identifier in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::InForce => "in_force",
            Self::Superseded => "superseded",
            Self::Replaced => "replaced",
            Self::Waiting => "waiting",
            Self::Rejected => "rejected",
            Self::Revoked => "revoked",
        }
    }

    /// Whether it may still come to count by itself.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Rejected | Self::Revoked)
    }
}

/// How a window or finding comes to have no card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sparing {
    /// By an exemption: an open card is cleared, and what was late counts as in time.
    Exempted,
    /// Because the card was wrong: it is recalled, and what was late does not count.
    Wrong,
}

impl Sparing {
    /// How a clock that stopped is counted.
    pub const fn verdict(self, by_source: Verdict) -> Verdict {
        match (self, by_source) {
            (Self::Exempted, _) => Verdict::OnTime,
            (Self::Wrong, Verdict::Overdue) => Verdict::Open,
            (Self::Wrong, other) => other,
        }
    }
}

/// A window or finding on which no card stands, because a remark says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spared {
    /// The rule.
    pub rule: Arc<str>,
    /// The window or finding.
    pub name: Arc<str>,
    /// How.
    pub how: Sparing,
    /// Since when.
    pub since: Instant,
    /// The remark.
    pub remark: Digest,
    /// On what ground.
    pub evidence: Arc<str>,
}

/// An item with what its remarks add.
#[derive(Debug, Clone, PartialEq)]
pub struct Overlaid {
    /// What rules see.
    pub item: Arc<Item>,
    /// Where no card stands.
    pub spared: Vec<Spared>,
    /// How each remark stands, in their order.
    pub standings: Vec<Standing>,
}

/// Lays remarks, the oldest first, over what the source says.
pub fn overlay(item: &Arc<Item>, remarks: &[Remark]) -> Overlaid {
    let standings: Vec<Standing> = (0..remarks.len()).map(|n| standing(item, remarks, n)).collect();
    let mut overlaid = Overlaid { item: item.clone(), spared: Vec::new(), standings };
    for (remark, standing) in remarks.iter().zip(&overlaid.standings) {
        if *standing == Standing::InForce {
            remark.lay(&mut overlaid.item, &mut overlaid.spared);
        }
    }
    overlaid
}

/// The remarks that count, over what the source says.
pub fn in_force<'r>(item: &Item, remarks: &'r [Remark]) -> Vec<&'r Remark> {
    let counts = |n: &usize| standing(item, remarks, *n) == Standing::InForce;
    (0..remarks.len()).filter(counts).map(|n| &remarks[n]).collect()
}

fn standing(item: &Item, remarks: &[Remark], n: usize) -> Standing {
    let counts = |remark: &Remark| remark.counts_at().is_some() && !remark.statement.is_stated_by(item);
    let remark = &remarks[n];
    match (&remark.revocation, remark.waits, &remark.decision) {
        (Some(_), ..) => Standing::Revoked,
        (_, Some(_), None) => Standing::Waiting,
        (_, Some(_), Some(decision)) if !decision.granted => Standing::Rejected,
        _ if remark.statement.is_stated_by(item) => Standing::Superseded,
        _ => {
            let mut later = remarks[n + 1..].iter().filter(|later| counts(later));
            let is_replaced = later.any(|later| later.statement.is_about_the_same(&remark.statement));
            if is_replaced { Standing::Replaced } else { Standing::InForce }
        }
    }
}

impl Remark {
    /// Since when it counts; `None` while it waits, and after it was rejected or revoked.
    pub fn counts_at(&self) -> Option<Instant> {
        match (&self.revocation, self.waits, &self.decision) {
            (Some(_), ..) => None,
            (None, None, _) => Some(self.at),
            (None, Some(_), decision) => decision.as_ref().filter(|d| d.granted).map(|d| d.at),
        }
    }

    /// What of it was known before an instant; `None` if it was not put down yet.
    #[must_use]
    pub fn known_before(&self, end: Instant) -> Option<Self> {
        let mut known = self.clone();
        known.decision = known.decision.filter(|decision| decision.at < end);
        known.revocation = known.revocation.filter(|revocation| revocation.at < end);
        (self.at < end).then_some(known)
    }

    /// On what ground: the basis, the document's number and who approved it.
    pub fn evidence(&self) -> Arc<str> {
        let granted = self.decision.as_ref().filter(|decision| decision.granted).map(|decision| &decision.by);
        let parts = [Some(&self.basis), self.document.as_ref(), self.approver.as_ref().or(granted)];
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        parts.join(BETWEEN).into()
    }

    /// The pause as it lies over the item.
    pub fn pause(&self) -> Option<Pause> {
        let Statement::Pause(pause) = &self.statement else { return None };
        Some(Pause { basis: Some(self.evidence()), ..pause.clone() })
    }

    /// The extension as it lies over the item.
    pub fn extension(&self) -> Option<Extension> {
        let Statement::Extension(extension) = &self.statement else { return None };
        Some(Extension { basis: Some(self.evidence()), ..extension.clone() })
    }

    fn lay(&self, item: &mut Arc<Item>, spared: &mut Vec<Spared>) {
        if let Some((rule, name, how)) = self.statement.spares() {
            spared.push(Spared {
                rule: rule.clone(),
                name: name.clone(),
                how,
                since: self.counts_at().unwrap_or(self.at),
                remark: self.id,
                evidence: self.evidence(),
            });
            return;
        }
        let item = Arc::make_mut(item);
        item.pauses.extend(self.pause());
        item.extensions.extend(self.extension());
        if let Statement::Time { field, at } = &self.statement {
            item.fields.set(field.clone(), Value::Instant(*at));
        }
    }
}

/// What is put down, before it is a remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The item.
    pub item: ItemKey,
    /// Who puts it down.
    pub by: String,
    /// On what ground.
    pub basis: String,
    /// The number of the document.
    pub document: Option<String>,
    /// Who approved it, on paper.
    pub approver: Option<String>,
    /// What it says.
    pub statement: Statement,
    /// Whether it waits for a decision.
    pub is_appeal: bool,
}

/// What is wrong with a remark, or with what is to be done to one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemarkError {
    /// Nobody stands for it, or without a ground.
    #[error("expected who says so and on what ground")]
    Anonymous,
    /// Four eyes are wanted, and both are the same person's.
    #[error("{0} raised it: expected somebody else to approve or decide it")]
    SamePerson(String),
    /// duban's own means take no remarks.
    #[error("{0} is one of duban's own means: it takes no remarks")]
    Own(ItemKey),
    /// A pause that ends before it begins, or at once.
    #[error("expected a pause that ends after it begins")]
    Reversed,
    /// An extension that was approved before it was asked for.
    #[error("expected an approval that does not come before the request")]
    ApprovedBeforeAsked,
    /// The field cannot be set.
    #[error("{field} is no field that holds an instant; there are: {}", known.join(", "))]
    NoField {
        /// What was named.
        field: String,
        /// What can be set.
        known: Vec<String>,
    },
    /// No rule names that window or finding on the item.
    #[error("no rule names {rule}/{name} on this item; there are: {}", known.join(", "))]
    NoWindow {
        /// The rule.
        rule: String,
        /// The window or finding.
        name: String,
        /// `RULE/NAME` of all there are.
        known: Vec<String>,
    },
    /// The source says the same itself.
    #[error("the source states that itself, and what it says counts")]
    SaidBySource,
    /// Another remark says the same.
    #[error("the remark {0} says the same already")]
    SaidByRemark(Digest),
    /// The extension was asked for after the window was due.
    #[error("it was asked for when {rule}/{name} was due already, at {}", instant_text(*due_at))]
    AskedTooLate {
        /// The rule.
        rule: Arc<str>,
        /// The window.
        name: Arc<str>,
        /// When it was due.
        due_at: Instant,
    },
    /// A rule fails on the item with it, and did not before: an amount of another family than the limit, for one.
    #[error("the rule {rule} fails on the item with it: {error}")]
    Spoils {
        /// The rule.
        rule: Arc<str>,
        /// What it says.
        error: String,
    },
    /// There is no such remark on the item.
    #[error("there is no such remark on the item")]
    Unknown,
    /// It was decided already.
    #[error("{by} has decided it at {}", instant_text(*at))]
    Decided {
        /// Who.
        by: String,
        /// When.
        at: Instant,
    },
    /// It never waited for a decision.
    #[error("it does not wait for a decision")]
    NotWaiting,
    /// It was revoked already.
    #[error("{by} has revoked it at {}", instant_text(*at))]
    Revoked {
        /// Who.
        by: String,
        /// When.
        at: Instant,
    },
}

impl Draft {
    /// The remark, if what it says can be said by itself. With `four_eyes` a second person has to approve it, on paper or
    /// by a decision.
    pub fn remark(self, four_eyes: bool, now: Instant) -> Result<Remark, RemarkError> {
        let trimmed = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let (by, basis) = (trimmed(Some(self.by)), trimmed(Some(self.basis)));
        let (Some(by), Some(basis)) = (by, basis) else { return Err(RemarkError::Anonymous) };
        let (document, approver) = (trimmed(self.document), trimmed(self.approver));
        if self.item.is_own() {
            return Err(RemarkError::Own(self.item));
        }
        if four_eyes && approver.as_ref() == Some(&by) {
            return Err(RemarkError::SamePerson(by));
        }
        match &self.statement {
            Statement::Pause(Pause { from, to: Some(to), .. }) if to <= from => return Err(RemarkError::Reversed),
            Statement::Extension(Extension { asked_at: Some(asked_at), approved_at: Some(granted_at), .. })
                if granted_at < asked_at =>
            {
                return Err(RemarkError::ApprovedBeforeAsked);
            }
            _ => {}
        }
        let waits = if self.is_appeal {
            Some(Waits::Appeal)
        } else {
            (four_eyes && approver.is_none()).then_some(Waits::Approval)
        };
        let at = now.timestamp_micros().to_string();
        let statement = serde_json::to_vec(&self.statement).expect("a statement has JSON");
        let parts = [self.item.source.as_bytes(), self.item.id.as_bytes(), at.as_bytes(), by.as_bytes(), &statement];
        let id = Digest::of(parts);
        let (item, statement) = (self.item, self.statement);
        Ok(Remark {
            id,
            item,
            at: now,
            by,
            basis,
            document,
            approver,
            statement,
            waits,
            decision: None,
            revocation: None,
        })
    }
}

/// What is done to the remarks of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amendment {
    /// One is put down.
    Add(Box<Remark>),
    /// One that waits is decided.
    Decide(Digest, Decision),
    /// One is taken back.
    Revoke(Digest, Revocation),
}

impl Amendment {
    /// The remark that it is about.
    pub fn id(&self) -> Digest {
        match self {
            Self::Add(remark) => remark.id,
            Self::Decide(id, _) | Self::Revoke(id, _) => *id,
        }
    }

    /// The word for a trail of what persons did.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Add(_) => "remark.add",
            Self::Decide(..) => "remark.decide",
            Self::Revoke(..) => "remark.revoke",
        }
    }

    /// The remark as it stands afterwards, if that can be done to the remarks of an item.
    pub fn of(&self, remarks: &[Remark]) -> Result<Remark, RemarkError> {
        let found = remarks.iter().find(|remark| remark.id == self.id());
        match self {
            Self::Add(remark) => match found {
                Some(_) => Err(RemarkError::SaidByRemark(remark.id)),
                None => Ok((**remark).clone()),
            },
            Self::Decide(_, decision) => decided(found.ok_or(RemarkError::Unknown)?, decision),
            Self::Revoke(_, revocation) => revoked(found.ok_or(RemarkError::Unknown)?, revocation),
        }
    }

    /// Whether the remarks of an item show that it was done.
    pub fn is_done(&self, remarks: &[Remark]) -> bool {
        let Some(remark) = remarks.iter().find(|remark| remark.id == self.id()) else { return false };
        match self {
            Self::Add(_) => true,
            Self::Decide(_, asked) => {
                let taken = remark.decision.as_ref();
                taken.is_some_and(|taken| taken.by == asked.by.trim() && taken.granted == asked.granted)
            }
            Self::Revoke(_, asked) => remark.revocation.as_ref().is_some_and(|taken| taken.by == asked.by.trim()),
        }
    }
}

/// Puts a remark in the place of the one with its identity, or behind the others.
pub fn put(remarks: &mut Vec<Remark>, remark: Remark) {
    match remarks.iter_mut().find(|other| other.id == remark.id) {
        Some(old) => *old = remark,
        None => remarks.push(remark),
    }
}

fn decided(remark: &Remark, decision: &Decision) -> Result<Remark, RemarkError> {
    check_not_revoked(remark)?;
    if remark.waits.is_none() {
        return Err(RemarkError::NotWaiting);
    }
    if let Some(Decision { by, at, .. }) = &remark.decision {
        return Err(RemarkError::Decided { by: by.clone(), at: *at });
    }
    let by = decision.by.trim();
    if by.is_empty() || decision.why.trim().is_empty() {
        return Err(RemarkError::Anonymous);
    }
    if by == remark.by {
        return Err(RemarkError::SamePerson(remark.by.clone()));
    }
    let why = decision.why.trim().to_owned();
    Ok(Remark { decision: Some(Decision { by: by.to_owned(), why, ..decision.clone() }), ..remark.clone() })
}

fn revoked(remark: &Remark, revocation: &Revocation) -> Result<Remark, RemarkError> {
    check_not_revoked(remark)?;
    let (by, why) = (revocation.by.trim(), revocation.why.trim());
    if by.is_empty() || why.is_empty() {
        return Err(RemarkError::Anonymous);
    }
    let revocation = Revocation { at: revocation.at, by: by.to_owned(), why: why.to_owned() };
    Ok(Remark { revocation: Some(revocation), ..remark.clone() })
}

fn check_not_revoked(remark: &Remark) -> Result<(), RemarkError> {
    match &remark.revocation {
        Some(Revocation { by, at, .. }) => Err(RemarkError::Revoked { by: by.clone(), at: *at }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
