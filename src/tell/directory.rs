//! **Directory**: the contacts of `contacts.csv`, and how a role of an item finds its people.
//!
//! # Whom a role finds
//!
//! Those of its holders who are on duty and work for the item's unit; else those of its region; else those without unit
//! and region, who answer for everything. Within each of these places, those whose `lines` or `causes` name the item's
//! line or cause come before those who have neither, who answer for all. Somebody whose `lines` or `causes` do not name
//! the item's is found only where all three places hold nobody else. Operators are found wherever they are.
//!
//! **Invariant:** an ambiguous name finds nobody; it is a finding, never a guess. Finding a role looks at its holders of
//! one place, not at everybody.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;

use super::people::cell;
use super::people::fault::{Fault, Wrong};
use super::people::sheet::{Column, Form, Row, Sheet};
use crate::core::contact::{Absence, Contact};
use crate::core::item::Item;
use crate::core::line::one_line;
use crate::core::notice::{Because, Gap};
use crate::core::phone::Phone;

/// The role of the person whom the item names as its owner.
pub const HANDLER: &str = "handler";

/// The role of those who answer for duban itself.
pub const OPERATOR: &str = "operator";

/// In a contact's place the secretary is told.
pub const INSTEAD: &str = "instead";

/// The secretary is told too.
pub const COPY: &str = "copy";

/// Everybody who can be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    contacts: Vec<Contact>,
    /// Where each id stands among them.
    places: HashMap<Arc<str>, usize>,
    /// Where those of a mobile, and of a name, stand.
    mobiles: HashMap<String, Vec<usize>>,
    names: HashMap<String, Vec<usize>>,
    /// Where the holders of a role stand.
    roles: HashMap<String, Holders>,
    absences: Vec<Absence>,
    /// Which absences a contact has.
    away: HashMap<Arc<str>, Vec<usize>>,
}

/// Where those who hold a role stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Holders {
    all: Vec<usize>,
    of_unit: HashMap<String, Vec<usize>>,
    of_region: HashMap<String, Vec<usize>>,
    of_everything: Vec<usize>,
}

/// What a contact's lines and causes say about an item, the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Nearness {
    /// They name its line or cause.
    Named,
    /// There are none: the contact answers for all.
    General,
    /// They name others.
    Elsewhere,
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

/// Who reads what a contact is sent, besides the contact or in the contact's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand<'a> {
    /// Who reads it: the contact, or a deputy; `None` if nobody does.
    pub reader: Option<&'a Contact>,
    /// The secretary who reads in the reader's place, if there is one.
    pub instead: Option<&'a Contact>,
    /// The secretary who reads it too.
    pub copy: Option<&'a Contact>,
}

/// Somebody who reads what a contact is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reader<'a> {
    /// Who.
    pub contact: &'a Contact,
    /// In whose place, or with whom, and why; `None` for the contact.
    pub instead: Option<(&'a Contact, Gap)>,
}

/// The longest name, in characters: what a mail's header takes.
const LONGEST_NAME: usize = 78;

/// The columns of `contacts.csv`, and what offices call them.
pub const COLUMNS: [Column; 17] = [
    ("id", &["编号", "工号", "人员编号", "联系人编号", "账号", "代码"]),
    ("name", &["姓名", "名字", "联系人", "联系人姓名"]),
    ("unit", &["单位", "部门", "所在单位", "工作单位", "单位名称"]),
    ("region", &["区域", "地区", "辖区", "区县", "所属区域", "板块"]),
    ("level", &["层级", "级别"]),
    ("roles", &["role", "角色", "职责"]),
    ("lines", &["line", "条线", "业务条线", "业务线"]),
    ("causes", &["cause", "事由", "原因类别", "事由类别", "原因"]),
    ("mobile", &["phone", "tel", "手机", "手机号", "手机号码", "电话", "电话号码", "联系电话", "移动电话", "联系方式"]),
    ("email", &["e-mail", "mail", "邮箱", "电子邮箱", "电子邮件", "邮件", "邮箱地址"]),
    ("im", &["即时通讯", "即时通信", "企业微信", "政务微信", "钉钉", "飞书"]),
    ("deputy", &["代理人", "代理", "代办人", "b岗"]),
    ("secretary", &["秘书", "联络员", "秘书/联络员"]),
    ("secretary_mode", &["秘书方式", "联络方式", "代收方式"]),
    ("from", &["起", "起始", "开始", "起始日期", "开始日期", "任职起", "任职日期", "到岗日期"]),
    ("until", &["止", "截止", "结束", "截止日期", "结束日期", "任职止", "离任日期", "离岗日期"]),
    ("note", &["备注", "说明"]),
];

/// What `contacts.csv` looks like.
pub const FORM: Form = Form { columns: &COLUMNS, needed: 2, wanted: "id,name" };

impl Directory {
    /// Reads `contacts.csv`; every fault is named. Columns beyond `id` and `name` may be left out.
    pub fn read(path: &str, text: &str) -> Result<Self, Vec<Fault>> {
        let Some((sheet, mut faults)) = Sheet::read(path, text, FORM)? else { return Ok(Self::default()) };
        let mut directory = Self::default();
        let mut lines: HashMap<Arc<str>, u64> = HashMap::new();
        for row in &sheet.rows {
            match contact(&sheet, row) {
                Err(wrong) => faults.extend(wrong),
                Ok(contact) => {
                    if let Some(first) = lines.get(&contact.id) {
                        let wrong = Wrong::TwiceId { id: contact.id.to_string(), first: *first };
                        faults.push(sheet.fault(row, Some("id"), wrong));
                    } else {
                        lines.insert(contact.id.clone(), row.line);
                        directory.add(contact);
                    }
                }
            }
        }
        faults.sort_by_key(|fault| fault.line);
        directory.name_stand_ins();
        if faults.is_empty() { Ok(directory) } else { Err(faults) }
    }

    /// A deputy or secretary who is written as a name that one contact has is that contact.
    fn name_stand_ins(&mut self) {
        let meant = |written: &str| self.resolve(written).ok().map(|contact| contact.id.to_string());
        let meant: Vec<_> = self.contacts.iter().map(|c| (meant(&c.deputy), meant(&c.secretary))).collect();
        for (contact, (deputy, secretary)) in self.contacts.iter_mut().zip(meant) {
            contact.deputy = deputy.unwrap_or(std::mem::take(&mut contact.deputy));
            contact.secretary = secretary.unwrap_or(std::mem::take(&mut contact.secretary));
        }
    }

    /// Adds what `absences.csv` says.
    #[must_use]
    pub fn with_absences(mut self, absences: Vec<Absence>) -> Self {
        self.away.clear();
        for (at, absence) in absences.iter().enumerate() {
            self.away.entry(absence.contact.clone()).or_default().push(at);
        }
        self.absences = absences;
        self
    }

    /// Adds contacts that are no people: fixed addresses. One with a known id changes nothing.
    pub fn add(&mut self, contact: Contact) {
        if !self.places.contains_key(&contact.id) {
            let place = self.contacts.len();
            self.places.insert(contact.id.clone(), place);
            self.mobiles.entry(contact.mobile.clone()).or_default().push(place);
            self.names.entry(cell::same_name(&contact.name)).or_default().push(place);
            for role in &contact.roles {
                self.roles.entry(role.clone()).or_default().add(&contact, place);
            }
            self.contacts.push(contact);
        }
    }

    /// Who reads what a contact is sent on a day: the contact, else who stands in; `None` if nobody does.
    pub fn present<'a>(&'a self, contact: &'a Contact, today: NaiveDate) -> Option<&'a Contact> {
        let mut seen: Vec<&str> = Vec::new();
        let mut at = contact;
        loop {
            let Some(absence) = self.absence(at, today) else { return at.on_duty(today).then_some(at) };
            seen.push(&at.id);
            let deputy = if absence.deputy.is_empty() { &at.deputy } else { &absence.deputy };
            at = self.get(deputy).filter(|next| !seen.contains(&&*next.id))?;
        }
    }

    /// Who reads what a contact is sent on a day, secretaries included. A secretary who is away reads nothing; where
    /// nobody stands in for somebody who is away, the secretary does.
    pub fn stand<'a>(&'a self, contact: &'a Contact, today: NaiveDate) -> Stand<'a> {
        let present = self.present(contact, today);
        let of = present.unwrap_or(contact);
        let secretary = self.get(&of.secretary).filter(|other| other.id != of.id && self.is_there(other, today));
        if present.is_none() {
            return Stand { reader: secretary, instead: None, copy: None };
        }
        let is_instead = of.secretary_mode == INSTEAD;
        Stand { reader: present, instead: secretary.filter(|_| is_instead), copy: secretary.filter(|_| !is_instead) }
    }

    /// Whether a contact is in office on a day, and not away.
    pub fn is_there(&self, contact: &Contact, today: NaiveDate) -> bool {
        contact.on_duty(today) && self.absence(contact, today).is_none()
    }

    /// The absence that keeps a contact away on a day.
    pub fn absence(&self, contact: &Contact, today: NaiveDate) -> Option<&Absence> {
        let own = self.away.get(&contact.id)?;
        own.iter().map(|at| &self.absences[*at]).find(|absence| absence.covers(today))
    }

    /// All contacts.
    pub fn all(&self) -> &[Contact] {
        &self.contacts
    }

    /// All absences.
    pub fn absences(&self) -> &[Absence] {
        &self.absences
    }

    /// The contact of an id.
    pub fn get(&self, id: &str) -> Option<&Contact> {
        self.places.get(id).map(|place| &self.contacts[*place])
    }

    /// The contact whom a list means: by id, else by a name that one contact has.
    pub fn resolve(&self, written: &str) -> Result<&Contact, Wrong> {
        if let Some(contact) = self.get(written) {
            return Ok(contact);
        }
        let found = self.names.get(&cell::same_name(written)).filter(|_| !written.is_empty());
        match found.map(Vec::as_slice) {
            None | Some([]) => Err(Wrong::NoContact { got: written.to_owned() }),
            Some([one]) => Ok(&self.contacts[*one]),
            Some(several) => Err(Wrong::SeveralContacts { got: written.to_owned(), count: several.len() }),
        }
    }

    /// All who hold a role on a day, wherever they are.
    pub fn holders(&self, role: &str, today: NaiveDate) -> Vec<&Contact> {
        self.roles.get(role).map(|holders| self.on_duty(&holders.all, today)).unwrap_or_default()
    }

    /// The people who hold a role for an item on a day.
    pub fn find(&self, role: &str, item: &Item, today: NaiveDate) -> Result<Vec<&Contact>, Nobody> {
        if role == HANDLER {
            return self.owner(item, today).map(|contact| vec![contact]);
        }
        let vacant = || Nobody::Vacant { role: role.to_owned() };
        let holders = self.roles.get(role).ok_or_else(vacant)?;
        if role == OPERATOR {
            return Some(self.on_duty(&holders.all, today)).filter(|all| !all.is_empty()).ok_or_else(vacant);
        }
        let places = [
            item.text("unit").and_then(|unit| holders.of_unit.get(unit)),
            item.text("region").and_then(|region| holders.of_region.get(region)),
            Some(&holders.of_everything),
        ];
        let places: Vec<Vec<&Contact>> = places.into_iter().flatten().map(|at| self.on_duty(at, today)).collect();
        let (line, cause) = (item.text("line"), item.text("cause"));
        let near = |wanted: &[Nearness]| {
            let found = places.iter().flat_map(|place| {
                wanted.iter().map(move |wanted| {
                    place.iter().filter(|c| nearness(c, line, cause) == *wanted).copied().collect::<Vec<_>>()
                })
            });
            found.into_iter().find(|found| !found.is_empty())
        };
        near(&[Nearness::Named, Nearness::General]).or_else(|| near(&[Nearness::Elsewhere])).ok_or_else(vacant)
    }

    /// The operators, whatever the item.
    pub fn operators(&self, today: NaiveDate) -> Vec<&Contact> {
        self.holders(OPERATOR, today)
    }

    /// The contact behind the owner that an item names: by id, else by mobile, else by name and unit.
    pub fn owner(&self, item: &Item, today: NaiveDate) -> Result<&Contact, Nobody> {
        let owner = item.text("owner").map(str::trim).filter(|o| !o.is_empty()).ok_or(Nobody::NoOwner)?;
        let unit = item.text("unit");
        let of = |places: &HashMap<String, Vec<usize>>, key: &str| -> Vec<&Contact> {
            places.get(key).map(|places| self.on_duty(places, today)).unwrap_or_default()
        };
        let by_id = self.get(owner).filter(|c| c.on_duty(today)).into_iter().collect();
        let number = Phone::read(owner).map_or_else(|_| owner.to_owned(), |phone| phone.to_string());
        let by_name = of(&self.names, &cell::same_name(&one_line(owner, LONGEST_NAME)));
        let of_unit = by_name.iter().copied().filter(|c| Some(c.unit.as_str()) == unit).collect();
        let found = [by_id, of(&self.mobiles, &number), of_unit, by_name];
        match found.into_iter().find(|found| !found.is_empty()) {
            None => Err(Nobody::Unknown { owner: owner.to_owned() }),
            Some(found) if found.len() > 1 => Err(Nobody::Ambiguous { owner: owner.to_owned(), count: found.len() }),
            Some(found) => Ok(found[0]),
        }
    }

    fn on_duty(&self, places: &[usize], today: NaiveDate) -> Vec<&Contact> {
        places.iter().map(|place| &self.contacts[*place]).filter(|contact| contact.on_duty(today)).collect()
    }
}

impl<'a> Stand<'a> {
    /// Who reads what a contact is sent; nobody if nobody is there. A secretary who is not reached takes nobody's place.
    pub fn readers(self, contact: &'a Contact, is_reached: impl Fn(&Contact) -> bool) -> Vec<Reader<'a>> {
        let Some(reader) = self.reader else { return Vec::new() };
        let with = |contact: &'a Contact, whom: &'a Contact, why| Reader { contact, instead: Some((whom, why)) };
        let own = if reader.id == contact.id {
            Reader { contact, instead: None }
        } else {
            with(reader, contact, Gap::Absent)
        };
        let instead = self.instead.filter(|secretary| is_reached(secretary));
        let first = instead.map_or(own, |secretary| with(secretary, reader, Gap::Secretary));
        let copy = self.copy.map(|secretary| with(secretary, reader, Gap::Copy));
        std::iter::once(first).chain(copy).collect()
    }
}

impl Reader<'_> {
    /// As what the reader is told, where the contact is told as this.
    pub fn because(&self, because: &Because) -> Because {
        let (instead_of, why) = self.instead.map(|(whom, why)| (whom.id.clone(), why)).unzip();
        Because { instead_of, why, ..because.clone() }
    }
}

impl Holders {
    fn add(&mut self, contact: &Contact, place: usize) {
        self.all.push(place);
        match (contact.unit.as_str(), contact.region.as_str()) {
            ("", "") => self.of_everything.push(place),
            (unit, region) => {
                for (places, name) in [(&mut self.of_unit, unit), (&mut self.of_region, region)] {
                    if !name.is_empty() {
                        places.entry(name.to_owned()).or_default().push(place);
                    }
                }
            }
        }
    }
}

/// What a contact's lines and causes say about those of an item.
fn nearness(contact: &Contact, line: Option<&str>, cause: Option<&str>) -> Nearness {
    let mut nearness = Nearness::General;
    for (own, wanted) in [(&contact.lines, line), (&contact.causes, cause)] {
        if own.is_empty() {
            continue;
        }
        if !own.iter().any(|own| Some(own.as_str()) == wanted) {
            return Nearness::Elsewhere;
        }
        nearness = Nearness::Named;
    }
    nearness
}

/// The contact of a row, or all that is wrong with it.
fn contact(sheet: &Sheet, row: &Row) -> Result<Contact, Vec<Fault>> {
    let mut faults = Vec::new();
    let text = |column: &str| sheet.cell(row, column).to_owned();
    let mut keep = |column: &str, read: Result<String, Wrong>| {
        read.unwrap_or_else(|wrong| {
            faults.push(sheet.fault(row, Some(column), wrong));
            String::new()
        })
    };
    let (id, mobile) =
        (keep("id", filled(cell::id(sheet.cell(row, "id")))), keep("mobile", cell::phone(sheet.cell(row, "mobile"))));
    let name = keep("name", filled(Ok(one_line(sheet.cell(row, "name"), LONGEST_NAME))));
    let email = keep("email", cell::email(sheet.cell(row, "email")));
    let (deputy, secretary) = (
        keep("deputy", cell::id(sheet.cell(row, "deputy"))),
        keep("secretary", cell::id(sheet.cell(row, "secretary"))),
    );
    let mode = keep("secretary_mode", secretary_mode(sheet.cell(row, "secretary_mode"), &secretary));
    let mut day = |column: &str| {
        cell::day(sheet.cell(row, column)).unwrap_or_else(|wrong| {
            faults.push(sheet.fault(row, Some(column), wrong));
            None
        })
    };
    let (from, until) = (day("from"), day("until"));
    if let (Some(from), Some(until)) = (from, until)
        && until < from
    {
        faults.push(sheet.fault(row, Some("until"), Wrong::EndsBefore { from, until }));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Contact {
        id: Arc::from(id),
        name,
        unit: text("unit"),
        region: text("region"),
        level: text("level"),
        roles: cell::list(sheet.cell(row, "roles")),
        lines: cell::list(sheet.cell(row, "lines")),
        causes: cell::list(sheet.cell(row, "causes")),
        mobile,
        email,
        im: text("im"),
        deputy,
        secretary,
        secretary_mode: mode,
        from,
        until,
        note: text("note"),
    })
}

fn filled(read: Result<String, Wrong>) -> Result<String, Wrong> {
    read.and_then(|text| if text.is_empty() { Err(Wrong::Empty) } else { Ok(text) })
}

/// How a secretary reads: by default too.
fn secretary_mode(cell: &str, secretary: &str) -> Result<String, Wrong> {
    let mode = match cell.to_lowercase().as_str() {
        "" if secretary.is_empty() => "",
        "" | COPY | "抄送" | "同时" | "抄" => COPY,
        INSTEAD | "代收" | "代" | "代为接收" => INSTEAD,
        _ => return Err(Wrong::SecretaryMode { got: cell.to_owned() }),
    };
    if !mode.is_empty() && secretary.is_empty() {
        return Err(Wrong::NoSecretary);
    }
    Ok(mode.to_owned())
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
    fn an_owner_is_found_as_a_ledger_writes_the_number_and_the_name() {
        assert_eq!(found("handler", &[("owner", "+86 138-0000-0001")]), Ok(vec!["z1".into()]));
        assert_eq!(found("handler", &[("owner", "李　四")]), Ok(vec!["l1".into()]));
    }

    #[test]
    fn those_whose_lines_or_causes_name_the_item_come_first_and_others_last() {
        let directory = Directory::read(
            "contacts.csv",
            "id,name,unit,region,roles,lines,causes\n\
             g,甲,,,specialist,,\n\
             l,乙,,京口,specialist,产业,\n\
             c,丙,,京口,specialist,,要素保障\n\
             b,丁,,京口,specialist,产业,要素保障\n\
             n,戊,,润州,specialist,城建,\n\
             x,己,,句容,coordinator,城建,\n",
        )
        .expect("directory");
        let today = NaiveDate::from_ymd_opt(2026, 3, 2).expect("date");
        let ask = |role: &str, fields: &[(&str, &str)]| -> String {
            let found = directory.find(role, &item(fields), today).unwrap_or_default();
            found.iter().map(|c| &*c.id).collect()
        };
        let region = ("region", "京口");
        assert_eq!(ask("specialist", &[region, ("line", "产业"), ("cause", "要素保障")]), "lcb");
        assert_eq!(ask("specialist", &[region, ("line", "产业"), ("cause", "其他")]), "l");
        assert_eq!(ask("specialist", &[region, ("line", "城建"), ("cause", "要素保障")]), "c");
        assert_eq!(
            ask("specialist", &[region, ("line", "城建")]),
            "g",
            "who answers for all, before who answers for others"
        );
        assert_eq!(ask("specialist", &[("region", "润州"), ("line", "城建")]), "n");
        assert_eq!(ask("specialist", &[("region", "润州"), ("line", "产业")]), "g");
        assert_eq!(ask("coordinator", &[("region", "句容"), ("line", "产业")]), "x", "nobody else is left");
        assert_eq!(ask("coordinator", &[("region", "京口")]), "");
    }

    #[test]
    fn a_secretary_reads_instead_or_too_and_where_nobody_stands_in() {
        let directory = Directory::read(
            "contacts.csv",
            "id,name,deputy,secretary,secretary_mode\na,甲,,s,代收\nb,乙,丙,s,copy\nc,丙,,s,\ns,丁,,,\n",
        )
        .expect("directory");
        let absences =
            "contact,from,until\na,2026-03-03,2026-03-03\nb,2026-03-03,2026-03-03\ns,2026-03-04,2026-03-04\n";
        let absences = crate::tell::absences::read("absences.csv", absences, &directory).expect("absences");
        let directory = directory.with_absences(absences);
        let stand = |id: &str, day: u32| {
            let today = NaiveDate::from_ymd_opt(2026, 3, day).expect("date");
            let stand = directory.stand(directory.get(id).expect(id), today);
            [stand.reader, stand.instead, stand.copy].map(|who| who.map_or('-', |c| c.id.chars().next().expect("id")))
        };
        assert_eq!([stand("a", 2), stand("b", 2)], [['a', 's', '-'], ['b', '-', 's']]);
        assert_eq!([stand("a", 3), stand("b", 3)], [['s', '-', '-'], ['c', '-', 's']]);
        assert_eq!([stand("a", 4), stand("b", 4)], [['a', '-', '-'], ['b', '-', '-']]);
    }

    #[test]
    fn wrong_lines_are_named() {
        let wrong = |text: &str| {
            let problems = Directory::read("c.csv", text).expect_err("a problem");
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("|")
        };
        assert!(wrong("id,nam\n").contains("c.csv:1: expected a header with the columns id,name, got id,nam"));
        assert!(wrong("id,name\na,x\na,y\n").contains("c.csv:3: id: the id \"a\" stands twice, also in line 2"));
        assert!(wrong("id,name,until\na,x,31.1.\n").contains("c.csv:2: until: expected a date"));
        assert!(wrong("id,name,email\na,x,nobody\n").contains("c.csv:2: email: expected an address"));
        assert!(wrong("id,name\n,x\n").contains("c.csv:2: id: expected something, got an empty cell"));
        let all = wrong("id,name,mobile,until\n,x,1.38E+10,soon\n");
        assert_eq!(all.matches("c.csv:2: ").count(), 3, "{all}");
    }
}
