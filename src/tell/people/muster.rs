//! **Muster** 点名: what reads well in the lists of people, and is doubtful.
//!
//! **Invariant:** pure; the same lists on the same day have the same doubts, in the same order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{Days, NaiveDate};

pub use super::doubt::{Doubt, Weight, What};
use crate::core::contact::{Absence, Contact, Medium};
use crate::core::item::{Item, ItemKey};
use crate::core::value::Value;
use crate::tell::directory::{Directory, HANDLER, OPERATOR};
use crate::tell::plan::Office;

/// Absences that ended longer ago than this are only in the way.
const LONG_AGO: Days = Days::new(90);

/// Whom the ladders and routes of an office need, and by which channels.
type Needs<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// All doubts about the people of an office on a day; `climbs` says of a ladder whether anything names it.
pub fn muster(office: &Office, climbs: &dyn Fn(&str) -> bool, today: NaiveDate) -> Vec<Doubt> {
    let needs = needs(office, climbs);
    let mut muster = Muster { directory: &office.directory, today, doubts: Vec::new() };
    muster.stand_ins();
    muster.twins();
    muster.places(&needs);
    muster.addresses(office, &needs);
    muster.unused(office);
    muster.absences();
    muster.doubts.sort_by_key(|doubt| doubt.weight);
    muster.doubts
}

/// The roles that ladders and routes name, with the channels that they name for them.
fn needs<'a>(office: &'a Office, climbs: &dyn Fn(&str) -> bool) -> Needs<'a> {
    let mut needs = Needs::new();
    let ladders = office.ladders.iter().filter(|(name, _)| climbs(name));
    for step in ladders.flat_map(|(_, ladder)| &ladder.steps) {
        for role in &step.roles {
            needs.entry(role).or_default().extend(step.yellow.iter().chain(&step.red).map(String::as_str));
        }
    }
    for receiver in office.routes.iter().flat_map(|route| &route.tell) {
        if let Some(role) = receiver.role.as_deref() {
            needs.entry(role).or_default().extend(receiver.yellow.iter().chain(&receiver.red).map(String::as_str));
        }
    }
    needs
}

struct Muster<'a> {
    directory: &'a Directory,
    today: NaiveDate,
    doubts: Vec<Doubt>,
}

impl<'a> Muster<'a> {
    fn add(&mut self, weight: Weight, contact: &str, what: What) {
        self.doubts.push(Doubt { weight, place: format!("contacts.csv: {contact}"), what });
    }

    fn on_duty(&self) -> impl Iterator<Item = &'a Contact> + use<'a> {
        let today = self.today;
        self.directory.all().iter().filter(move |contact| contact.on_duty(today))
    }

    /// Deputies and secretaries who are nobody, oneself, not in office, or in a circle.
    fn stand_ins(&mut self) {
        let mut circles = BTreeSet::new();
        for contact in self.directory.all() {
            for (column, id) in [("deputy", &contact.deputy), ("secretary", &contact.secretary)] {
                let found = self.directory.get(id);
                let what = match found {
                    _ if id.is_empty() => continue,
                    None => (Weight::Problem, What::NoStandIn { column, id: id.clone() }),
                    Some(other) if other.id == contact.id => (Weight::Problem, What::Oneself { column }),
                    Some(other) if !other.on_duty(self.today) && contact.on_duty(self.today) => {
                        (Weight::Warning, What::StandInLeft { column, id: id.clone(), until: other.until })
                    }
                    Some(_) => continue,
                };
                self.add(what.0, &contact.id, what.1);
            }
            if let Some(circle) = circle(self.directory, contact) {
                circles.insert(circle);
            }
        }
        for circle in circles {
            self.add(Weight::Hint, &circle[0], What::Circle { ids: circle.join(" → ") });
        }
    }

    /// Two who have one number, one mail address, or one name in one unit.
    fn twins(&mut self) {
        let mut same: BTreeMap<(u8, String), Vec<&Contact>> = BTreeMap::new();
        for contact in self.on_duty() {
            let number = contact.address(Medium::Sms).map(|number| (0, number.to_owned()));
            let mail = contact.address(Medium::Mail).map(|mail| (1, mail.to_lowercase()));
            let name = (2, format!("{}\n{}", super::cell::same_name(&contact.name), contact.unit));
            for key in [number, mail, Some(name)].into_iter().flatten() {
                same.entry(key).or_default().push(contact);
            }
        }
        for ((kind, value), contacts) in same.into_iter().filter(|(_, contacts)| contacts.len() > 1) {
            let ids: Vec<&str> = contacts.iter().map(|contact| &*contact.id).collect();
            let ids = ids.join(" ");
            let what = match kind {
                0 => What::SameMobile { number: value, ids },
                1 => What::SameMail { address: value, ids },
                _ => What::SameName { name: contacts[0].name.clone(), unit: contacts[0].unit.clone(), ids },
            };
            self.add(Weight::Warning, &contacts[0].id, what);
        }
    }

    /// Roles that somebody holds, but nobody for some unit that the contacts know.
    fn places(&mut self, needs: &Needs<'_>) {
        let places: BTreeSet<(&str, &str)> = self
            .on_duty()
            .filter(|contact| !contact.unit.is_empty())
            .map(|contact| (contact.unit.as_str(), contact.region.as_str()))
            .collect();
        for role in needs.keys().filter(|role| **role != HANDLER && **role != OPERATOR) {
            if self.directory.holders(role, self.today).is_empty() {
                continue;
            }
            let without: Vec<&str> = places
                .iter()
                .filter(|(unit, region)| self.directory.find(role, &item_of(unit, region), self.today).is_err())
                .map(|(unit, _)| *unit)
                .collect();
            if !without.is_empty() {
                let what = What::NobodyFor { role: (*role).to_owned(), units: shortened(&without) };
                self.doubts.push(Doubt { weight: Weight::Warning, place: "contacts.csv".into(), what });
            }
        }
    }

    /// Contacts without an address of the channels that their roles or routes need, or of those that take their place.
    fn addresses(&mut self, office: &Office, needs: &Needs<'_>) {
        let named = |contact: &Contact| -> BTreeSet<&str> {
            let roles = contact.roles.iter().filter_map(|role| needs.get(role.as_str())).flatten().copied();
            let receivers = office.routes.iter().flat_map(|route| &route.tell);
            let receivers = receivers.filter(|receiver| receiver.contact.as_ref() == Some(&contact.id));
            let routed = receivers.flat_map(|receiver| receiver.yellow.iter().chain(&receiver.red));
            roles.chain(routed.map(String::as_str)).collect()
        };
        for contact in self.on_duty() {
            for channel in named(contact) {
                let Some(terms) = office.channels.get(channel) else { continue };
                let fallback = terms.fallback.as_deref().and_then(|name| Some((name, office.channels.get(name)?)));
                let lacks = |medium: Medium| contact.address(medium).is_none();
                let is_landline = |medium| medium == Medium::Sms && !contact.mobile.is_empty();
                let what = match fallback {
                    _ if lacks(terms.medium) && is_landline(terms.medium) => {
                        What::Landline { channel: channel.to_owned(), number: contact.mobile.clone() }
                    }
                    _ if lacks(terms.medium) => What::NoAddress { channel: channel.to_owned(), medium: terms.medium },
                    Some((name, terms)) if lacks(terms.medium) => What::NoFallback {
                        channel: channel.to_owned(),
                        fallback: name.to_owned(),
                        medium: terms.medium,
                    },
                    _ => continue,
                };
                self.add(Weight::Warning, &contact.id, what);
            }
        }
    }

    /// Roles that nothing asks for.
    fn unused(&mut self, office: &Office) {
        let needs = needs(office, &|_| true);
        let preferred = |role: &str| office.preferences.iter().any(|wish| wish.role.as_deref() == Some(role));
        let held: BTreeSet<&str> = self.on_duty().flat_map(|contact| &contact.roles).map(String::as_str).collect();
        for role in held {
            if ![HANDLER, OPERATOR].contains(&role) && !needs.contains_key(role) && !preferred(role) {
                let what = What::UnusedRole { role: role.to_owned() };
                self.doubts.push(Doubt { weight: Weight::Hint, place: "contacts.csv".into(), what });
            }
        }
    }

    /// Absences in which nobody reads, that overlap, or that ended long ago.
    fn absences(&mut self) {
        let absences = self.directory.absences();
        let mut of_contact: BTreeMap<&Arc<str>, Vec<&Absence>> = BTreeMap::new();
        for absence in absences {
            of_contact.entry(&absence.contact).or_default().push(absence);
        }
        for (id, own) in &mut of_contact {
            own.sort_by_key(|absence| absence.from);
            for pair in own.windows(2).filter(|pair| pair[1].from <= pair[0].until) {
                let what = What::Overlap { from: pair[1].from, until: pair[0].until.min(pair[1].until) };
                self.doubts.push(Doubt { weight: Weight::Hint, place: format!("absences.csv: {id}"), what });
            }
        }
        let today = self.today;
        for absence in absences.iter().filter(|absence| absence.until >= today) {
            self.unread(absence);
        }
        let old = self.today.checked_sub_days(LONG_AGO).unwrap_or(NaiveDate::MIN);
        let count = absences.iter().filter(|absence| absence.until < old).count();
        if count > 0 {
            let what = What::LongOver { count };
            self.doubts.push(Doubt { weight: Weight::Hint, place: "absences.csv".into(), what });
        }
    }

    /// The first day of an absence on which nobody reads what the contact is sent.
    fn unread(&mut self, absence: &Absence) {
        let Some(contact) = self.directory.get(&absence.contact) else { return };
        let within = |day: &NaiveDate| absence.from.max(self.today) <= *day && *day <= absence.until;
        // Who reads changes only where somebody goes, comes back, enters or leaves office.
        let others = self.directory.absences().iter().flat_map(|other| [Some(other.from), other.until.succ_opt()]);
        let duties = self.directory.all().iter().flat_map(|c| [c.from, c.until.and_then(|day| day.succ_opt())]);
        let days = others.chain(duties).flatten().chain([absence.from.max(self.today)]);
        let days: BTreeSet<NaiveDate> = days.filter(within).collect();
        let nobody = |day: &NaiveDate| contact.on_duty(*day) && self.directory.stand(contact, *day).reader.is_none();
        let Some(day) = days.into_iter().find(nobody) else { return };
        let deputy = if absence.deputy.is_empty() { &contact.deputy } else { &absence.deputy };
        let what = What::Unread { day, until: absence.until, deputy: deputy.clone() };
        let place = format!("absences.csv: {}", absence.contact);
        self.doubts.push(Doubt { weight: Weight::Warning, place, what });
    }
}

/// The roles that ladders and routes ask for and nobody holds on a day.
pub fn vacant<'a>(office: &'a Office, climbs: &dyn Fn(&str) -> bool, today: NaiveDate) -> Vec<&'a str> {
    let needs = needs(office, climbs).into_iter().filter(|(role, channels)| *role != HANDLER && !channels.is_empty());
    needs.map(|(role, _)| role).filter(|role| office.directory.holders(role, today).is_empty()).collect()
}

/// The contacts who are away on a day while nobody reads what they are sent.
pub fn unread(directory: &Directory, today: NaiveDate) -> Vec<&Contact> {
    let away = directory.absences().iter().filter(|absence| absence.covers(today));
    let away: BTreeSet<&Arc<str>> = away.map(|absence| &absence.contact).collect();
    let contacts = away.into_iter().filter_map(|id| directory.get(id)).filter(|contact| contact.on_duty(today));
    contacts.filter(|contact| directory.stand(contact, today).reader.is_none()).collect()
}

/// The ids from a contact along its deputies back to it, beginning with the least; `None` if they do not lead back.
fn circle(directory: &Directory, contact: &Contact) -> Option<Vec<String>> {
    let (mut ids, mut at) = (vec![contact.id.to_string()], contact);
    loop {
        at = directory.get(&at.deputy)?;
        if at.id == contact.id {
            break;
        }
        if ids.iter().any(|id| **id == *at.id) {
            return None;
        }
        ids.push(at.id.to_string());
    }
    // Oneself is told as such.
    if ids.len() < 2 {
        return None;
    }
    let least = ids.iter().enumerate().min_by_key(|(_, id)| id.as_str()).map_or(0, |(at, _)| at);
    ids.rotate_left(least);
    Some(ids)
}

fn item_of(unit: &str, region: &str) -> Item {
    let mut item = Item::new(ItemKey::new("contacts", unit), "unit");
    for (field, value) in [("unit", unit), ("region", region)] {
        if !value.is_empty() {
            item.fields.set(field, Value::text(value));
        }
    }
    item
}

/// At most some names, and how many more there are.
fn shortened(names: &[&str]) -> String {
    const MOST: usize = 8;
    let shown: BTreeSet<&str> = names.iter().copied().collect();
    let more = shown.len().saturating_sub(MOST);
    let text = shown.into_iter().take(MOST).collect::<Vec<_>>().join("、");
    if more > 0 { format!("{text} …(+{more})") } else { text }
}
