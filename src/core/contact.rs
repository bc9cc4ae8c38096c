//! **Contact** who can be told; **role**, **unit** and **region** by which a ladder finds them.

use std::sync::Arc;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::phone::is_landline;

/// One line of `contacts.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Contact {
    /// The key that absences, routes and notices use.
    pub id: Arc<str>,
    /// The person's name.
    pub name: String,
    /// The unit that the person works for.
    pub unit: String,
    /// The region, for roles that are found by region.
    pub region: String,
    /// The level L0 to L5 of the offices.
    pub level: String,
    /// The roles, such as `handler` or `unit_contact`.
    pub roles: Vec<String>,
    /// The lines of business that the person answers for.
    pub lines: Vec<String>,
    /// The causes that the person is a specialist for.
    pub causes: Vec<String>,
    /// Mobile number, or a landline, which takes no short message.
    pub mobile: String,
    /// Mail address.
    pub email: String,
    /// Name in the instant messenger.
    pub im: String,
    /// Contact who stands in.
    pub deputy: String,
    /// Contact who reads for this one.
    pub secretary: String,
    /// `instead` or `copy`.
    pub secretary_mode: String,
    /// First day on duty.
    pub from: Option<NaiveDate>,
    /// Last day on duty.
    pub until: Option<NaiveDate>,
    /// Remarks for the office.
    pub note: String,
}

impl Contact {
    /// Whether the contact is in office on a day.
    pub fn on_duty(&self, day: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }

    /// Whether the contact holds a role.
    pub fn holds(&self, role: &str) -> bool {
        self.roles.iter().any(|r| r == role)
    }

    /// The address on a medium, if there is one.
    pub fn address(&self, medium: Medium) -> Option<&str> {
        let address = match medium {
            Medium::Mail => &self.email,
            Medium::Sms => &self.mobile,
            Medium::Im => &self.im,
        };
        let takes_none = address.is_empty() || (medium == Medium::Sms && is_landline(address));
        (!takes_none).then_some(address.as_str())
    }
}

/// One line of `absences.csv`: a contact is away from one day to another, both included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// The contact.
    pub contact: Arc<str>,
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub until: NaiveDate,
    /// The contact who stands in; empty: the one whom `contacts.csv` names.
    pub deputy: String,
    /// Why, for the office.
    pub reason: String,
}

impl Absence {
    /// Whether the contact is away on a day.
    pub fn covers(&self, day: NaiveDate) -> bool {
        self.from <= day && day <= self.until
    }
}

/// The kind of address that a channel writes to, and the form of its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Medium {
    /// Mail: subject, text and table.
    Mail,
    /// Short message: at most 70 UTF-16 units.
    Sms,
    /// A messenger or any system behind a webhook.
    Im,
}
