//! Who hears of what is done with an order.
//!
//! A dispatch goes to the lead party and to those who help; feedback to the centre, which verifies it; what is returned to
//! the lead party; a transfer to the old and the new one; an end to everybody who had it. Who cannot be reached is not left
//! out silently: the operators are told in that place.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Circumstances, Joinable, Office, blank, waiting};
use crate::core::Instant;
use crate::core::contact::Contact;
use crate::core::item::Item;
use crate::core::matcher::Suspect;
use crate::core::notice::{Because, Body, Gap, Hold, Notice, NoticeIdentity, NoticeKind, NoticeState, Planned};
use crate::core::order::{Deed, Done, LADDER, Order, Party};
use crate::core::route::Routing;
use crate::core::value::Value;
use crate::tell::directory::OPERATOR;
use crate::tell::words::order::{DeedTold, Part, body};

/// The role of those who take a party's orders, where no contact is named.
const PARTY: &str = "unit_contact";

/// Plans whom to tell of a deed.
pub fn plan_order(
    told: DeedTold<'_>,
    office: &Office,
    circumstances: &Circumstances<'_>,
    joinable: &mut Joinable,
    now: Instant,
) -> Vec<Planned> {
    let Some(done) = told.order.history.get(told.index) else { return Vec::new() };
    let item = told.order.item();
    let ground = &told.order.ground;
    let suspect = Suspect { item: &item, rule: &ground.rule, window: &ground.name, level: Some(ground.level) };
    let routing = Routing::of(&office.routes, &suspect);
    let planner = Planner { told, office, circumstances, item: &item, routing: &routing, now };
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for (part, party) in audience(told, done) {
        for notice in planner.notices(part, party, done) {
            if !seen.insert((notice.contact.clone(), notice.channel.clone())) {
                continue;
            }
            all.push(if notice.state == NoticeState::Planned {
                let wait = waiting::wait(&notice, false, &routing, office, now);
                joinable.planned(notice, wait, now)
            } else {
                Planned { notice, placement: None }
            });
        }
    }
    all
}

/// Who hears of a deed, and as what.
fn audience<'a>(told: DeedTold<'a>, done: &'a Done) -> Vec<(Part, Option<&'a Party>)> {
    let order = told.order;
    let lead = || order.lead.iter().map(|party| (Part::Lead, Some(party)));
    let assisting = || order.assisting.iter().map(|party| (Part::Assisting, Some(party)));
    let centre = (Part::Centre, None);
    match &done.deed {
        Deed::FeedBack { unit, .. } if is_lead(order, unit) => vec![centre],
        Deed::Decline { .. } | Deed::ApplyLinkage { .. } | Deed::ReportLinkage { .. } => vec![centre],
        Deed::Return { .. } | Deed::Extend { .. } | Deed::TakeLinkage => lead().collect(),
        Deed::Transfer { .. } => {
            let former = former_lead(told).map(|party| (Part::FormerLead, Some(party)));
            lead().chain(former).collect()
        }
        Deed::Dispatch { .. } | Deed::Close { .. } => lead().chain(assisting()).collect(),
        Deed::Withdraw { .. } | Deed::CardClosed { .. } if order.state.is_end() => lead().chain(assisting()).collect(),
        Deed::Classify { .. }
        | Deed::Sign { .. }
        | Deed::FeedBack { .. }
        | Deed::Verify { .. }
        | Deed::Withdraw { .. }
        | Deed::CardClosed { .. }
        | Deed::SignLinkage { .. } => Vec::new(),
    }
}

fn is_lead(order: &Order, unit: &str) -> bool {
    order.lead.as_ref().is_some_and(|lead| *lead.unit == *unit)
}

/// Who had the lead before this deed.
fn former_lead(told: DeedTold<'_>) -> Option<&Party> {
    told.order.history[..told.index].iter().rev().find_map(|done| match &done.deed {
        Deed::Dispatch { lead, .. } | Deed::Transfer { lead, .. } => Some(lead),
        _ => None,
    })
}

struct Planner<'a> {
    told: DeedTold<'a>,
    office: &'a Office,
    circumstances: &'a Circumstances<'a>,
    item: &'a Item,
    routing: &'a Routing<'a>,
    now: Instant,
}

/// Who hears it, as what, and what is in the way.
type Hearer = (Arc<str>, Because, Option<Hold>);

impl Planner<'_> {
    fn notices(&self, part: Part, party: Option<&Party>, done: &Done) -> Vec<Notice> {
        let body = body(self.told, part, party, done);
        let channels = self.channels();
        let mut notices: Vec<Notice> = self
            .hearers(party, &channels)
            .into_iter()
            .flat_map(|(contact, because, gap)| {
                channels.iter().map(move |channel| (contact.clone(), channel, because.clone(), gap.clone()))
            })
            .map(|(contact, channel, because, gap)| self.notice(part, (&contact, channel), because, gap, &body))
            .collect();
        if notices.iter().all(|notice| notice.state != NoticeState::Planned) {
            notices.extend(self.operators(part, party, &body));
        }
        notices
    }

    /// The channels of the first step of the ladder for orders.
    fn channels(&self) -> Vec<Arc<str>> {
        let ladder = self.office.ladders.get(LADDER).or_else(|| self.office.ladders.get(&self.office.ladder));
        let step = ladder.and_then(|ladder| ladder.steps.first());
        let channels = step.map_or(&[][..], |step| step.channels(self.told.order.ground.level));
        channels.iter().map(|channel| Arc::from(channel.as_str())).collect()
    }

    /// The people of a party, or of the centre, or who stands in; and what is in the way.
    fn hearers(&self, party: Option<&Party>, channels: &[Arc<str>]) -> Vec<Hearer> {
        let today = self.office.today(self.now);
        let directory = &self.office.directory;
        if let Some(named) = party.and_then(|party| party.contact.as_ref()) {
            let Some(contact) = directory.get(named) else {
                let gap = Hold::NoContact { role: named.to_string() };
                return vec![(named.clone(), Because::default(), Some(gap))];
            };
            return self.present(contact, &Because::default(), channels);
        }
        let role = if party.is_some() { PARTY } else { self.told.centre };
        let item = party.map_or_else(|| self.item.clone(), |party| at_unit(self.item, &party.unit));
        let because = Because { role: Some(role.into()), ..Because::default() };
        match directory.find(role, &item, today) {
            Ok(contacts) => {
                let present = contacts.into_iter().map(|contact| self.present(contact, &because, channels));
                present.flatten().collect()
            }
            Err(_) => vec![(role.into(), because, Some(Hold::NoContact { role: role.to_owned() }))],
        }
    }

    /// Who reads what a contact is sent, secretaries included.
    fn present(&self, contact: &Contact, because: &Because, channels: &[Arc<str>]) -> Vec<Hearer> {
        let stand = self.office.directory.stand(contact, self.office.today(self.now));
        let is_open = |id: &str, channel: &str| self.office.obstacle(id, channel, self.circumstances).is_none();
        let readers = stand.readers(contact, |of| channels.iter().any(|channel| is_open(&of.id, channel)));
        if readers.is_empty() {
            return vec![(contact.id.clone(), because.clone(), Some(Hold::Away))];
        }
        readers.iter().map(|reader| (reader.contact.id.clone(), reader.because(because), None)).collect()
    }

    /// The operators, where nobody of a party can be reached.
    fn operators(&self, part: Part, party: Option<&Party>, body: &Body) -> Vec<Notice> {
        let whom = party.map_or(self.told.centre, |party| &party.unit);
        let because = Because {
            role: Some(OPERATOR.into()),
            instead_of: Some(whom.into()),
            why: Some(Gap::Unreachable),
            ..Because::default()
        };
        let channels = self.office.channels_of_operators();
        let operators = self.office.directory.operators(self.office.today(self.now));
        let each = operators.iter().flat_map(|contact| channels.iter().map(move |channel| (&*contact.id, *channel)));
        each.map(|to| self.notice(part, to, because.clone(), None, body)).collect()
    }

    fn notice(
        &self,
        part: Part,
        (contact, channel): (&str, &str),
        because: Because,
        gap: Option<Hold>,
        body: &Body,
    ) -> Notice {
        let subject = self.told.order.id.to_string();
        let identity = NoticeIdentity {
            kind: NoticeKind::Order,
            subject: &subject,
            number: u32::try_from(self.told.index).unwrap_or(u32::MAX),
            step: part as u32,
            ordinal: 0,
            contact,
            channel,
            rehearsal: self.office.rehearsal || self.routing.rehearsal,
        };
        let mut notice = Notice {
            item: Some(self.told.order.key()),
            level: Some(self.told.order.ground.level),
            body: Some(body.clone()),
            because,
            ..blank(&identity, self.now)
        };
        notice.hold = gap.or_else(|| self.office.obstacle(contact, channel, self.circumstances));
        if notice.hold.is_some() {
            notice.state = NoticeState::Held;
        }
        notice
    }
}

/// An item as one of another unit: whose contact is looked for.
fn at_unit(item: &Item, unit: &Arc<str>) -> Item {
    let mut item = item.clone();
    item.fields.set("unit", Value::text(unit.clone()));
    item.fields.set("owner", Value::Missing);
    item
}
