//! `routes.toml`: routes, and what contacts want.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;

use crate::config::ConfigProblem;
use crate::core::contact::{Contact, Medium};
use crate::core::route::{Preference, Receiver, Route};
use crate::tell::directory::Directory;
use crate::tell::plan::address_id;

/// What `routes.toml` says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RoutesFile {
    pub routes: Vec<Route>,
    pub preferences: Vec<Preference>,
}

impl RoutesFile {
    pub(super) fn read(place: &str, text: &str) -> Result<Self, ConfigProblem> {
        toml::from_str(text).map_err(|e| ConfigProblem::at(place, e.to_string().trim_end()))
    }

    /// What is wrong with it, given what else there is.
    pub(super) fn problems(
        &self,
        place: &str,
        directory: &Directory,
        medium: &dyn Fn(&str) -> Option<Medium>,
        has_ladder: &dyn Fn(&str) -> bool,
    ) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        let mut names = BTreeSet::new();
        for route in &self.routes {
            let mut wrong = Vec::new();
            if !names.insert(&route.name) {
                wrong.push("name: expected another one, this stands twice".to_owned());
            }
            if let Some(ladder) = route.ladder.as_deref().filter(|ladder| !has_ladder(ladder)) {
                wrong.push(format!("ladder: expected one of ladders.toml, got {ladder:?}"));
            }
            wrong.extend(route.tell.iter().flat_map(|receiver| of_receiver(receiver, directory, medium)));
            let at = format!("{place}: route {:?}", route.name);
            problems.extend(wrong.into_iter().map(|wrong| ConfigProblem::at(&*at, wrong)));
        }
        for (number, preference) in (1..).zip(&self.preferences) {
            let wrong = of_preference(preference, directory, medium);
            let at = format!("{place}: preference {number}");
            problems.extend(wrong.into_iter().map(|wrong| ConfigProblem::at(&*at, wrong)));
        }
        problems
    }

    /// The fixed addresses, as contacts.
    pub(super) fn addresses(&self, medium: &dyn Fn(&str) -> Option<Medium>) -> impl Iterator<Item = Contact> {
        let receivers = self.routes.iter().flat_map(|route| &route.tell);
        receivers.filter_map(move |receiver| {
            let address = receiver.address.as_deref()?;
            let mut contact = Contact {
                id: address_id(address).into(),
                name: receiver.name.as_deref().unwrap_or(address).to_owned(),
                ..Contact::default()
            };
            let to = channels(receiver).find_map(|channel| medium(channel))?;
            let place = match to {
                Medium::Mail => &mut contact.email,
                Medium::Sms => &mut contact.mobile,
                Medium::Im => &mut contact.im,
            };
            address.clone_into(place);
            Some(contact)
        })
    }
}

fn channels(receiver: &Receiver) -> impl Iterator<Item = &String> {
    receiver.yellow.iter().chain(&receiver.red)
}

fn of_receiver(receiver: &Receiver, directory: &Directory, medium: &dyn Fn(&str) -> Option<Medium>) -> Vec<String> {
    let mut wrong = Vec::new();
    let named = [&receiver.contact, &receiver.role, &receiver.address];
    if named.iter().filter(|name| name.is_some()).count() != 1 {
        wrong.push("tell: expected exactly one of contact, role and address".to_owned());
    }
    if let Some(contact) = receiver.contact.as_deref().filter(|id| directory.get(id).is_none()) {
        wrong.push(format!("tell: expected the id of a contact, got {contact:?}"));
    }
    if let Some(role) = receiver.role.as_deref().filter(|role| !is_held(role, directory)) {
        wrong.push(format!("tell: expected a role that somebody holds, got {role:?}"));
    }
    if channels(receiver).next().is_none() {
        wrong.push("tell: expected channels for yellow or red, got none".to_owned());
    }
    let unknown = channels(receiver).filter(|channel| medium(channel).is_none());
    wrong.extend(unknown.map(|channel| format!("tell: expected a channel of duban.toml, got {channel:?}")));
    let media: BTreeSet<&str> = channels(receiver)
        .filter_map(|c| medium(c))
        .map(|medium| match medium {
            Medium::Mail => "mail",
            Medium::Sms => "sms",
            Medium::Im => "im",
        })
        .collect();
    if receiver.address.is_some() && media.len() > 1 {
        let media = media.into_iter().collect::<Vec<_>>().join(", ");
        wrong.push(format!("tell: expected channels of one kind for one address, got {media}"));
    }
    wrong
}

fn is_held(role: &str, directory: &Directory) -> bool {
    role == crate::tell::directory::HANDLER || directory.all().iter().any(|contact| contact.holds(role))
}

fn of_preference(
    preference: &Preference,
    directory: &Directory,
    medium: &dyn Fn(&str) -> Option<Medium>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let named: [&Option<Arc<str>>; 3] = [&preference.contact, &preference.role, &preference.level];
    if named.iter().filter(|name| name.is_some()).count() != 1 {
        wrong.push("expected exactly one of contact, role and level".to_owned());
    }
    if let Some(contact) = preference.contact.as_deref().filter(|id| directory.get(id).is_none()) {
        wrong.push(format!("contact: expected the id of a contact, got {contact:?}"));
    }
    let unknown = preference.most.keys().filter(|channel| medium(channel).is_none());
    wrong.extend(unknown.map(|channel| format!("most: expected a channel of duban.toml, got {channel:?}")));
    wrong
}
