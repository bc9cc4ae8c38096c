//! What a rule says about itself, and for which time each of its versions speaks.
//!
//! A window whose `from` lies outside `EFFECTIVE` to `EXPIRES` is left to the newest stored version of that rule that
//! covers it. So a new `EFFECTIVE` means "only what starts later", an unchanged one "recompute what is open".

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use rhai::{AST, ASTFlags, Expr, Position, Stmt};
use serde::{Deserialize, Serialize};

use super::error::nearest;
use super::shape::Complaint;
use crate::core::Instant;
use crate::core::count::Period;
use crate::core::item::Item;
use crate::core::value::Value;

/// The constants that a rule may declare.
const CONSTANTS: [&str; 7] = ["TITLE", "BASIS", "LABELS", "SERVES", "EFFECTIVE", "EXPIRES", "RECHECK"];

/// How often a rule whose answer depends on the date is judged again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recheck {
    /// Each day.
    Daily,
    /// Each working day.
    WorkingDaily,
    /// On the first of each month.
    Monthly,
}

/// What a rule's constants say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// `TITLE`: what people call it.
    pub title: Option<Arc<str>>,
    /// `BASIS`: the document that it carries out.
    pub basis: Option<Arc<str>>,
    /// `LABELS`: what people call its windows and findings, such as `on_site 到场, solved 办结`.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// `SERVES`: the rows of the offices' mechanisms that it carries out, such as `001-13 003-137`.
    pub serves: Vec<Arc<str>>,
    /// `EFFECTIVE`: the first day on which what it times may start.
    pub effective: Option<NaiveDate>,
    /// `EXPIRES`: the last such day.
    pub expires: Option<NaiveDate>,
    /// `RECHECK`: how often `findings(item, today)` is asked again.
    pub recheck: Option<Recheck>,
}

impl Recheck {
    /// The stretch of time that such a rule judges.
    pub const fn period(self) -> Period {
        match self {
            Self::Daily => Period::Day,
            Self::WorkingDaily => Period::WorkingDay,
            Self::Monthly => Period::Month,
        }
    }
}

impl Meta {
    /// Reads the constants of a rule; everything else outside functions is a complaint.
    pub(super) fn read(ast: &AST) -> Result<Self, Vec<Complaint>> {
        let mut meta = Self::default();
        let mut complaints = Vec::new();
        for statement in ast.statements() {
            match constant(statement) {
                Ok(Some((name, value, at))) => {
                    if let Err(problem) = meta.set(name, value) {
                        complaints.push((problem, at));
                    }
                }
                Ok(None) => {}
                Err(complaint) => complaints.push(complaint),
            }
        }
        if let (Some(effective), Some(expires)) = (meta.effective, meta.expires)
            && expires < effective
        {
            complaints.push(("EXPIRES lies before EFFECTIVE".to_owned(), Position::NONE));
        }
        if complaints.is_empty() { Ok(meta) } else { Err(complaints) }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "TITLE" => self.title = Some(value.into()),
            "BASIS" => self.basis = Some(value.into()),
            "LABELS" => self.labels = labels(value)?,
            "SERVES" => self.serves = serves(value)?,
            "EFFECTIVE" => self.effective = Some(date(name, value)?),
            "EXPIRES" => self.expires = Some(date(name, value)?),
            "RECHECK" => {
                self.recheck = Some(match value {
                    "daily" => Recheck::Daily,
                    "working-daily" => Recheck::WorkingDaily,
                    "monthly" => Recheck::Monthly,
                    _ => return Err(format!("RECHECK is daily, working-daily or monthly, got {value:?}")),
                });
            }
            _ => {
                let hint = nearest(name, CONSTANTS).map_or_else(
                    || format!("; a rule declares {}, numbers belong in params.toml", CONSTANTS.join(" ")),
                    |near| format!("; did you mean {near}?"),
                );
                return Err(format!("unknown constant {name}{hint}"));
            }
        }
        Ok(())
    }

    /// What people call a window or finding: its label, else its name.
    pub fn label<'a>(&'a self, name: &'a str) -> &'a str {
        self.labels.get(name).map_or(name, |label| label)
    }

    /// Whether the rule speaks for what starts at an instant, by its date in the office's zone.
    pub(super) fn covers(&self, at: Instant, zone: Tz) -> bool {
        let date = at.with_timezone(&zone).date_naive();
        self.effective.is_none_or(|from| from <= date) && self.expires.is_none_or(|to| date <= to)
    }

    /// Whether everything that `older` speaks for, this newer version speaks for too.
    pub(super) fn shadows(&self, older: &Self) -> bool {
        let starts = self.effective.is_none_or(|from| older.effective.is_some_and(|older| from <= older));
        let ends = self.expires.is_none_or(|to| older.expires.is_some_and(|older| older <= to));
        starts && ends
    }
}

fn constant(statement: &Stmt) -> Result<Option<(&str, &str, Position)>, Complaint> {
    match statement {
        Stmt::Noop(_) => Ok(None),
        Stmt::Var(variable, flags, at) if flags.contains(ASTFlags::CONSTANT) => match &variable.1 {
            Expr::StringConstant(text, _) => Ok(Some((&variable.0.name, text, *at))),
            other => Err((format!("{} is a text", variable.0.name), other.position())),
        },
        other => Err(("outside its functions a rule has constants only".to_owned(), other.position())),
    }
}

/// Reads `on_site 到场, solved 办结`.
fn labels(text: &str) -> Result<BTreeMap<Arc<str>, Arc<str>>, String> {
    let expected = || format!("LABELS: expected names with labels such as \"on_site 到场, solved 办结\", got {text:?}");
    let pair = |part: &str| {
        let (name, label) = part.trim().split_once(char::is_whitespace).ok_or_else(expected)?;
        Ok((Arc::from(name), Arc::from(label.trim())))
    };
    text.split([',', '，', '、']).map(pair).collect()
}

/// Reads `001-13 003-137`.
fn serves(text: &str) -> Result<Vec<Arc<str>>, String> {
    let is_id = |id: &str| id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let ids: Vec<Arc<str>> = text.split_whitespace().map(Arc::from).collect();
    let repeats = ids.iter().enumerate().any(|(n, id)| ids[..n].contains(id));
    if ids.is_empty() || repeats || !ids.iter().all(|id| is_id(id)) {
        return Err(format!("SERVES: expected ids such as \"001-13 003-137\", each once, got {text:?}"));
    }
    Ok(ids)
}

fn date(name: &str, value: &str) -> Result<NaiveDate, String> {
    value.parse().map_err(|_| format!("{name} is a date such as 2024-01-01, got {value:?}"))
}

/// Whether an item holds an instant for which a version does not speak.
pub(super) fn reaches_outside(item: &Item, meta: &Meta, zone: Tz) -> bool {
    fn any(value: &Value, outside: &dyn Fn(Instant) -> bool) -> bool {
        match value {
            Value::Instant(at) => outside(*at),
            Value::List(list) => list.iter().any(|value| any(value, outside)),
            Value::Map(fields) => fields.iter().any(|(_, value)| any(value, outside)),
            _ => false,
        }
    }
    let outside = |at: Instant| !meta.covers(at, zone);
    item.fields.iter().any(|(_, value)| any(value, &outside))
        || item.pauses.iter().any(|pause| outside(pause.from) || pause.to.is_some_and(outside))
        || item.extensions.iter().any(|e| e.asked_at.is_some_and(outside) || e.approved_at.is_some_and(outside))
}
