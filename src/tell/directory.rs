//! **Directory**: the contacts of `contacts.csv`, and how a role of an item finds its people.
//!
//! **Invariant:** an ambiguous name finds nobody; it is a finding, never a guess.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::NaiveDate;

use crate::core::contact::{Absence, Contact};
use crate::core::item::Item;
use crate::core::line::one_line;

/// The role of the person whom the item names as its owner.
pub const HANDLER: &str = "handler";

/// The role of those who answer for duban itself.
pub const OPERATOR: &str = "operator";

/// Everybody who can be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    contacts: Vec<Contact>,
    /// Where each id stands among them.
    places: HashMap<Arc<str>, usize>,
    /// Where those of a mobile, and of a name, stand.
    mobiles: HashMap<String, Vec<usize>>,
    names: HashMap<String, Vec<usize>>,
    absences: Vec<Absence>,
}

/// What is wrong with a line of `contacts.csv`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ContactProblem {
    /// The file and the line.
    pub place: String,
    /// What was expected and what was got.
    pub problem: String,
}

/// Why a role finds nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Nobody {
    /// No contact on duty holds the role for this item.
    #[error("nobody holds the role {role}")]
    Vacant {
        /// The role.
        role: String,
    },
    /// The item names nobody.
    #[error("the item names no owner")]
    NoOwner,
    /// The item names somebody who is not in the directory.
    #[error("{owner:?} is not in the contacts")]
    Unknown {
        /// As the item writes it.
        owner: String,
    },
    /// The item names somebody who can be several contacts.
    #[error("{owner:?} can be {count} contacts")]
    Ambiguous {
        /// As the item writes it.
        owner: String,
        /// How many.
        count: usize,
    },
}

/// The longest name, in characters: what a mail's header takes.
const LONGEST_NAME: usize = 78;

const COLUMNS: [&str; 17] = [
    "id",
    "name",
    "unit",
    "region",
    "level",
    "roles",
    "lines",
    "causes",
    "mobile",
    "email",
    "im",
    "deputy",
    "secretary",
    "secretary_mode",
    "from",
    "until",
    "note",
];

impl Directory {
    /// Reads `contacts.csv`; every wrong line is named. Columns beyond `id` and `name` may be left out.
    pub fn read(path: &str, text: &str) -> Result<Self, Vec<ContactProblem>> {
        let problem = |line: u64, problem: String| ContactProblem { place: format!("{path}:{line}"), problem };
        let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
        let headers = reader.headers().map_err(|e| vec![problem(1, e.to_string())])?.clone();
        let headers: Vec<&str> = headers.iter().map(|h| h.trim_start_matches('\u{feff}').trim()).collect();
        let mut problems: Vec<_> = headers
            .iter()
            .filter(|h| !COLUMNS.contains(h))
            .map(|h| problem(1, format!("expected the columns {}, got {h:?}", COLUMNS.join(","))))
            .collect();
        problems.extend(
            ["id", "name"]
                .iter()
                .filter(|c| !headers.contains(c))
                .map(|c| problem(1, format!("expected a column {c}, got {}", headers.join(",")))),
        );
        if !problems.is_empty() {
            return Err(problems);
        }
        let (mut contacts, mut ids): (Vec<Contact>, HashSet<Arc<str>>) = Default::default();
        for record in reader.records() {
            let line = |position: Option<&csv::Position>| position.map_or(0, csv::Position::line);
            match record {
                Err(e) => problems.push(problem(line(e.position()), e.to_string())),
                Ok(record) => match contact(&headers, &record) {
                    Err(wrong) => problems.push(problem(line(record.position()), wrong)),
                    Ok(contact) if !ids.insert(contact.id.clone()) => {
                        problems
                            .push(problem(line(record.position()), format!("the id {:?} stands twice", contact.id)));
                    }
                    Ok(contact) => contacts.push(contact),
                },
            }
        }
        if problems.is_empty() { Ok(Self::of(contacts)) } else { Err(problems) }
    }

    fn of(contacts: Vec<Contact>) -> Self {
        let mut directory = Self::default();
        for contact in contacts {
            directory.add(contact);
        }
        directory
    }

    /// Adds what `absences.csv` says.
    #[must_use]
    pub fn with_absences(mut self, absences: Vec<Absence>) -> Self {
        self.absences = absences;
        self
    }

    /// Adds contacts that are no people: fixed addresses. One with a known id changes nothing.
    pub fn add(&mut self, contact: Contact) {
        if !self.places.contains_key(&contact.id) {
            let place = self.contacts.len();
            self.places.insert(contact.id.clone(), place);
            self.mobiles.entry(contact.mobile.clone()).or_default().push(place);
            self.names.entry(contact.name.clone()).or_default().push(place);
            self.contacts.push(contact);
        }
    }

    /// Who reads what a contact is sent on a day: the contact, else who stands in; `None` if nobody does.
    pub fn present<'a>(&'a self, contact: &'a Contact, today: NaiveDate) -> Option<&'a Contact> {
        let mut seen: Vec<&str> = Vec::new();
        let mut at = contact;
        loop {
            let Some(absence) = self.absences.iter().find(|a| a.contact == at.id && a.covers(today)) else {
                return at.on_duty(today).then_some(at);
            };
            seen.push(&at.id);
            let deputy = if absence.deputy.is_empty() { &at.deputy } else { &absence.deputy };
            at = self.get(deputy).filter(|next| !seen.contains(&&*next.id))?;
        }
    }

    /// All contacts.
    pub fn all(&self) -> &[Contact] {
        &self.contacts
    }

    /// The contact of an id.
    pub fn get(&self, id: &str) -> Option<&Contact> {
        self.places.get(id).map(|place| &self.contacts[*place])
    }

    /// The people who hold a role for an item on a day.
    pub fn find(&self, role: &str, item: &Item, today: NaiveDate) -> Result<Vec<&Contact>, Nobody> {
        if role == HANDLER {
            return self.owner(item, today).map(|contact| vec![contact]);
        }
        let holders: Vec<&Contact> = self.contacts.iter().filter(|c| c.holds(role) && c.on_duty(today)).collect();
        // The unit's own people first, then the region's, then those who answer for everything.
        let of = |field: fn(&Contact) -> &str, value: Option<&str>| -> Vec<&Contact> {
            let matches = |c: &&&Contact| value.is_some_and(|value| field(c) == value);
            holders.iter().filter(matches).copied().collect()
        };
        let general = || holders.iter().filter(|c| c.unit.is_empty() && c.region.is_empty()).copied().collect();
        let found = [of(|c| &c.unit, item.text("unit")), of(|c| &c.region, item.text("region")), general()];
        let everybody = if role == OPERATOR { holders } else { Vec::new() };
        let found = [everybody].into_iter().chain(found).find(|found| !found.is_empty());
        found.ok_or_else(|| Nobody::Vacant { role: role.to_owned() })
    }

    /// The operators, whatever the item.
    pub fn operators(&self, today: NaiveDate) -> Vec<&Contact> {
        self.contacts.iter().filter(|c| c.holds(OPERATOR) && c.on_duty(today)).collect()
    }

    /// The contact behind the owner that an item names: by id, else by mobile, else by name and unit.
    pub fn owner(&self, item: &Item, today: NaiveDate) -> Result<&Contact, Nobody> {
        let owner = item.text("owner").map(str::trim).filter(|o| !o.is_empty()).ok_or(Nobody::NoOwner)?;
        let unit = item.text("unit");
        let on_duty = |places: &HashMap<String, Vec<usize>>, key: &str| -> Vec<&Contact> {
            let all = places.get(key).into_iter().flatten().map(|place| &self.contacts[*place]);
            all.filter(|c| c.on_duty(today)).collect()
        };
        let by_id = self.get(owner).filter(|c| c.on_duty(today)).into_iter().collect();
        let by_name = on_duty(&self.names, &one_line(owner, LONGEST_NAME));
        let of_unit = by_name.iter().copied().filter(|c| Some(c.unit.as_str()) == unit).collect();
        let found = [by_id, on_duty(&self.mobiles, owner), of_unit, by_name];
        match found.into_iter().find(|found| !found.is_empty()) {
            None => Err(Nobody::Unknown { owner: owner.to_owned() }),
            Some(found) if found.len() > 1 => Err(Nobody::Ambiguous { owner: owner.to_owned(), count: found.len() }),
            Some(found) => Ok(found[0]),
        }
    }
}

fn contact(headers: &[&str], record: &csv::StringRecord) -> Result<Contact, String> {
    let field = |name: &str| {
        let index = headers.iter().position(|h| *h == name);
        index.and_then(|i| record.get(i)).map_or("", str::trim).to_owned()
    };
    let list = |name: &str| -> Vec<String> {
        let words = field(name);
        words.split([';', '；', '、', '|']).map(str::trim).filter(|w| !w.is_empty()).map(str::to_owned).collect()
    };
    let date = |name: &str| -> Result<Option<NaiveDate>, String> {
        let text = field(name);
        if text.is_empty() {
            return Ok(None);
        }
        let read = NaiveDate::parse_from_str(&text, "%Y-%m-%d");
        read.map(Some).map_err(|_| format!("{name}: expected a date such as 2026-01-31, got {text:?}"))
    };
    let contact = Contact {
        id: Arc::from(field("id")),
        name: one_line(&field("name"), LONGEST_NAME),
        unit: field("unit"),
        region: field("region"),
        level: field("level"),
        roles: list("roles"),
        lines: list("lines"),
        causes: list("causes"),
        mobile: field("mobile"),
        email: field("email"),
        im: field("im"),
        deputy: field("deputy"),
        secretary: field("secretary"),
        secretary_mode: field("secretary_mode"),
        from: date("from")?,
        until: date("until")?,
        note: field("note"),
    };
    if contact.id.is_empty() || contact.name.is_empty() {
        return Err("expected an id and a name, got an empty one".into());
    }
    if !contact.email.is_empty() && !contact.email.contains('@') {
        return Err(format!("email: expected an address such as name@example.gov.cn, got {:?}", contact.email));
    }
    Ok(contact)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::item::ItemKey;
    use crate::core::value::Value;

    const CONTACTS: &str = "\u{feff}id,name,unit,region,roles,mobile,email,until\n\
        z1,张三,住建局,京口,unit_contact;handler,13800000001,z1@example.com,\n\
        z2,张三,规划局,京口,unit_contact,13800000002,z2@example.com,\n\
        l1,李四,,京口,district_service,,l1@example.com,\n\
        o1,值班,,,operator,,o1@example.com,\n\
        w1,王五,住建局,,unit_contact,,w1@example.com,2026-01-31\n";

    fn item(fields: &[(&str, &str)]) -> Item {
        let mut item = Item::new(ItemKey::new("s", "1"), "ticket");
        for (name, value) in fields {
            item.fields.set(*name, Value::text(*value));
        }
        item
    }

    fn found(role: &str, fields: &[(&str, &str)]) -> Result<Vec<String>, Nobody> {
        let directory = Directory::read("contacts.csv", CONTACTS).expect("directory");
        let today = NaiveDate::from_ymd_opt(2026, 3, 2).expect("date");
        directory.find(role, &item(fields), today).map(|all| all.iter().map(|c| c.id.to_string()).collect())
    }

    #[test]
    fn a_role_finds_the_unit_then_the_region_then_those_for_everything() {
        let unit = [("unit", "住建局"), ("region", "京口")];
        assert_eq!(found("unit_contact", &unit), Ok(vec!["z1".into()]), "who left is not told");
        assert_eq!(found("district_service", &unit), Ok(vec!["l1".into()]));
        assert_eq!(found("operator", &unit), Ok(vec!["o1".into()]));
        assert_eq!(found("unit_contact", &[("unit", "别处")]), Err(Nobody::Vacant { role: "unit_contact".into() }));
    }

    #[test]
    fn an_owner_is_matched_by_id_mobile_or_name_and_unit_and_never_guessed() {
        assert_eq!(found("handler", &[("owner", "z2")]), Ok(vec!["z2".into()]));
        assert_eq!(found("handler", &[("owner", "13800000001")]), Ok(vec!["z1".into()]));
        assert_eq!(found("handler", &[("owner", "张三"), ("unit", "规划局")]), Ok(vec!["z2".into()]));
        assert_eq!(found("handler", &[("owner", "李四")]), Ok(vec!["l1".into()]));
        let ambiguous = Nobody::Ambiguous { owner: "张三".into(), count: 2 };
        assert_eq!(found("handler", &[("owner", "张三")]), Err(ambiguous));
        assert_eq!(found("handler", &[]), Err(Nobody::NoOwner));
    }

    #[test]
    fn wrong_lines_are_named() {
        let wrong = |text: &str| {
            let problems = Directory::read("c.csv", text).expect_err("a problem");
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("|")
        };
        assert!(wrong("id,nam\n").contains("c.csv:1: expected the columns"));
        assert!(wrong("id,name\na,x\na,y\n").contains("c.csv:3: the id \"a\" stands twice"));
        assert!(wrong("id,name,until\na,x,31.1.\n").contains("c.csv:2: until: expected a date"));
        assert!(wrong("id,name,email\na,x,nobody\n").contains("c.csv:2: email: expected an address"));
        assert!(wrong("id,name\n,x\n").contains("expected an id and a name"));
    }
}
