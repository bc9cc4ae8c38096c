//! What a command of `duban orders` does to an order, from how it is typed.

use std::sync::Arc;

use super::{Command, Desk, Step, Who, given};
use crate::cli::exit::Failure;
use crate::cli::words::{self as all_words, orders as words};
use crate::core::contact::Contact;
use crate::core::item::{Amount, Extension};
use crate::core::order::linkage::Crossing;
use crate::core::order::{Classification, Deed, Number, Order, Party, PartyKind};

impl Desk<'_> {
    /// What a command does to an order.
    pub(super) async fn deed(
        &self,
        command: &Command,
        order: &Order,
        contact: Option<&Contact>,
    ) -> Result<Deed, Failure> {
        Ok(match command {
            Command::List(_) | Command::Show { .. } => return Err(Failure::internal("a list does nothing".to_owned())),
            Command::Classify { classification, reason, cause, into, .. } => {
                let into = match into {
                    Some(into) => Some(self.find(into).await?.id),
                    None => None,
                };
                Deed::Classify {
                    classification: Classification::from_word(classification).unwrap_or(Classification::Handle),
                    cause: cause.as_deref().map(str::trim).filter(|cause| !cause.is_empty()).map(Arc::from),
                    reason: reason.trim().to_owned(),
                    into,
                }
            }
            Command::Dispatch { lead, assist, .. } => Deed::Dispatch {
                lead: match lead {
                    Some(lead) => self.party("--lead", lead)?,
                    None => self.own_unit(order)?,
                },
                assisting: assist.iter().map(|party| self.party("--assist", party)).collect::<Result<_, _>>()?,
                number: Number { year: 0, ordinal: 0 },
            },
            Command::Sign { unit, who, .. } => {
                let unit = unit_of(order, unit.as_deref(), contact);
                let by = contact.map_or_else(|| self.signer(who), |contact| Ok(contact.id.clone()))?;
                Deed::Sign { unit, contact: by }
            }
            Command::Feedback { text, unit, .. } => {
                Deed::FeedBack { unit: unit_of(order, unit.as_deref(), contact), text: text.trim().to_owned() }
            }
            Command::Return { reason, .. } => Deed::Return { reason: reason.trim().to_owned() },
            Command::Verify { text, .. } => Deed::Verify { text: text.trim().to_owned() },
            Command::Close { result, .. } => Deed::Close { result: result.trim().to_owned() },
            Command::Transfer { lead, reason, .. } => {
                Deed::Transfer { lead: self.party("--lead", lead)?, reason: reason.trim().to_owned() }
            }
            Command::Decline { reason, .. } => Deed::Decline { reason: reason.trim().to_owned() },
            Command::Extend { amount, basis, asked, .. } => {
                Deed::Extend { extension: self.extension(amount, basis, asked.as_deref())? }
            }
            Command::Withdraw { reason, .. } => Deed::Withdraw { reason: reason.trim().to_owned() },
            Command::Link { step, .. } => link(step),
        })
    }

    fn extension(&self, amount: &str, basis: &str, asked: Option<&str>) -> Result<Extension, Failure> {
        let unreadable = |argument, error: &given::Unreadable| {
            self.wrong(argument, &all_words::cannot_read(self.caller.language, error))
        };
        let amount = given::limit(amount).map_err(|error| unreadable("--amount", &error))?;
        let asked = asked.map(|text| given::instant(text, self.zone()).map_err(|error| unreadable("--asked", &error)));
        if basis.trim().is_empty() {
            return Err(self.wrong("--basis", all_words::silence::empty(self.caller.language)));
        }
        let now = self.caller.now();
        Ok(Extension {
            amount: Amount::Limit(amount),
            asked_at: Some(asked.transpose()?.unwrap_or(now)),
            approved_at: Some(now),
            basis: Some(basis.trim().into()),
        })
    }

    /// A party as it is typed: UNIT, UNIT:KIND or UNIT:KIND:CONTACT.
    fn party(&self, argument: &str, text: &str) -> Result<Party, Failure> {
        let language = self.caller.language;
        let mut parts = text.splitn(3, [':', '：']).map(str::trim);
        let unit = parts.next().unwrap_or_default();
        if unit.is_empty() {
            return Err(self.wrong(argument, all_words::silence::empty(language)));
        }
        let kind = match parts.next() {
            None | Some("") => PartyKind::default(),
            Some(word) => {
                PartyKind::from_word(word).ok_or_else(|| self.wrong(argument, &words::no_kind(language, word)))?
            }
        };
        let contact = match parts.next() {
            None | Some("") => None,
            Some(id) => {
                let contact = self.playbook.office.directory.get(id);
                let known = contact.ok_or_else(|| self.wrong(argument, &all_words::ack::no_contact(language, id)))?;
                Some(known.id.clone())
            }
        };
        Ok(Party::new(unit, kind, contact))
    }

    fn own_unit(&self, order: &Order) -> Result<Party, Failure> {
        let unit = order.ground.unit.clone();
        let unit = unit.ok_or_else(|| self.wrong("--lead", words::no_unit(self.caller.language)))?;
        Ok(Party::new(unit, PartyKind::default(), None))
    }

    /// Who signs without `--for` is a contact.
    fn signer(&self, who: &Who) -> Result<Arc<str>, Failure> {
        let contact = self.playbook.office.directory.get(who.by.trim());
        let unknown = || self.wrong("--by", &all_words::ack::no_contact_by(self.caller.language, &who.by));
        contact.map(|contact| contact.id.clone()).ok_or_else(unknown)
    }
}

/// The order that a command is about, and who does it.
pub(super) fn subject(command: &Command) -> (&str, &Who) {
    match command {
        Command::Classify { order, who, .. }
        | Command::Dispatch { order, who, .. }
        | Command::Sign { order, who, .. }
        | Command::Feedback { order, who, .. }
        | Command::Return { order, who, .. }
        | Command::Verify { order, who, .. }
        | Command::Close { order, who, .. }
        | Command::Transfer { order, who, .. }
        | Command::Decline { order, who, .. }
        | Command::Extend { order, who, .. }
        | Command::Withdraw { order, who, .. } => (order, who),
        Command::Link { order, step } => match step {
            Step::Apply { who, .. } | Step::Lead { who } | Step::Sign { who, .. } | Step::Report { who, .. } => {
                (order, who)
            }
        },
        Command::List(_) | Command::Show { .. } => unreachable!("a list is not done by anybody"),
    }
}

/// The unit that signs or feeds back: the one that is named, else the contact's if it is a party, else the lead.
fn unit_of(order: &Order, named: Option<&str>, contact: Option<&Contact>) -> Arc<str> {
    if let Some(named) = named {
        return named.trim().into();
    }
    let mut parties = order.parties();
    let of_contact = contact.and_then(|contact| {
        parties.find(|party| *party.unit == *contact.unit || party.contact.as_ref() == Some(&contact.id))
    });
    let lead = order.lead.as_ref();
    let party = of_contact.or(lead);
    // One that has no party yet is refused for its state.
    party.map_or_else(|| Arc::from(""), |party| party.unit.clone())
}

fn link(step: &Step) -> Deed {
    match step {
        Step::Apply { cross, reason, .. } => Deed::ApplyLinkage {
            crossing: Crossing::from_word(cross).unwrap_or(Crossing::Region),
            reason: reason.trim().to_owned(),
        },
        Step::Lead { .. } => Deed::TakeLinkage,
        Step::Sign { leader, .. } => Deed::SignLinkage { leader: leader.trim().to_owned() },
        Step::Report { document, .. } => Deed::ReportLinkage { document: document.trim().to_owned() },
    }
}
