//! **Route**: what holds for the cards that a matcher is about: another ladder, more receivers, quiet hours that do not
//! hold, a rehearsal of its own.
//!
//! Routes are asked in their order. What the first of those that fit says about a card holds: its ladder, its wait, its
//! quiet hours. Receivers add up. `last` ends it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::contact::Contact;
use super::limit::{Family, Limit};
use super::matcher::{Matcher, Suspect};
use super::rate::Rate;
use super::window::Level;

/// What holds for the cards that a matcher is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// What people call it; unique.
    pub name: Arc<str>,
    /// Which cards; without one, all.
    #[serde(default, rename = "match")]
    pub matcher: Matcher,
    /// The ladder that takes the place of the window's.
    #[serde(default)]
    pub ladder: Option<String>,
    /// Whether messages wait for working time.
    #[serde(default)]
    pub quiet: Option<Quiet>,
    /// For how long a message waits for more to say, so that several cards are one message: `5m`.
    #[serde(default)]
    pub wait: Option<GroupWait>,
    /// Whether it stays in rehearsal when the rest is live.
    #[serde(default)]
    pub rehearsal: bool,
    /// Who is told besides those of the ladder's first step.
    #[serde(default)]
    pub tell: Vec<Receiver>,
    /// Whether no route below is asked.
    #[serde(default)]
    pub last: bool,
}

/// Whether messages wait for working time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quiet {
    /// They do, also a red on an hour window.
    Hold,
    /// They do not.
    Pass,
}

/// For how long a message waits for more to say; at most a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct GroupWait(pub Duration);

impl<'de> Deserialize<'de> for GroupWait {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const DAY: Duration = Duration::from_hours(24);
        let text = String::deserialize(deserializer)?;
        let wait = text.parse::<Limit>().ok().and_then(natural).filter(|wait| *wait <= DAY);
        wait.map(Self).ok_or_else(|| {
            serde::de::Error::custom(format!("expected minutes or hours such as 5m, at most 24h, got {text:?}"))
        })
    }
}

/// The time that a limit of natural hours or minutes is.
fn natural(limit: Limit) -> Option<Duration> {
    // Its grains are seconds.
    (limit.family() == Family::Time).then(|| Duration::from_secs(limit.grains().into()))
}

/// Who is told besides those of the ladder: exactly one of `contact`, `role` and `address`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receiver {
    /// A contact's id.
    #[serde(default)]
    pub contact: Option<Arc<str>>,
    /// A role, looked for as ladders do.
    #[serde(default)]
    pub role: Option<Arc<str>>,
    /// An address of the channels named below, for what is no person: a shared mailbox, a robot's group.
    #[serde(default)]
    pub address: Option<Arc<str>>,
    /// What people call the address.
    #[serde(default)]
    pub name: Option<Arc<str>>,
    /// The channels for a yellow card.
    #[serde(default)]
    pub yellow: Vec<String>,
    /// The channels for a red card.
    #[serde(default)]
    pub red: Vec<String>,
}

impl Receiver {
    /// The channels for a level.
    pub fn channels(&self, level: Level) -> &[String] {
        match level {
            Level::Yellow => &self.yellow,
            Level::Red => &self.red,
        }
    }
}

/// What the routes say about a card.
#[derive(Debug, Clone, Default)]
pub struct Routing<'a> {
    /// The ladder, if a route names one.
    pub ladder: Option<&'a str>,
    /// Whether messages wait for working time, if a route says so.
    pub quiet: Option<Quiet>,
    /// For how long messages wait for more to say.
    pub wait: Duration,
    /// Whether the card's messages stay in rehearsal.
    pub rehearsal: bool,
    /// Who is told besides those of the ladder, and by which route.
    pub tell: Vec<(&'a Arc<str>, &'a Receiver)>,
    /// The routes that fit.
    pub routes: Vec<&'a Arc<str>>,
}

impl<'a> Routing<'a> {
    /// What routes say about a card.
    pub fn of(routes: &'a [Route], suspect: &Suspect<'_>) -> Self {
        let mut routing = Self::default();
        for route in routes.iter().filter(|route| route.matcher.fits(suspect)) {
            routing.ladder = routing.ladder.or(route.ladder.as_deref());
            routing.quiet = routing.quiet.or(route.quiet);
            if routing.wait.is_zero() {
                routing.wait = route.wait.map_or(Duration::ZERO, |wait| wait.0);
            }
            routing.rehearsal |= route.rehearsal;
            routing.tell.extend(route.tell.iter().map(|receiver| (&route.name, receiver)));
            routing.routes.push(&route.name);
            if route.last {
                break;
            }
        }
        routing
    }
}

/// What a contact wants: which levels, in which form, how much. Of several that fit a contact, the first that says
/// something about a point counts. Exactly one of `contact`, `role` and `level` says whose it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preference {
    /// A contact's id.
    #[serde(default)]
    pub contact: Option<Arc<str>>,
    /// All who hold a role.
    #[serde(default)]
    pub role: Option<Arc<str>>,
    /// All of a level, such as `L4`.
    #[serde(default)]
    pub level: Option<Arc<str>>,
    /// The least level that is told.
    #[serde(default)]
    pub least: Option<Level>,
    /// Each message at once, or lists at set times.
    #[serde(default)]
    pub form: Option<Form>,
    /// How many messages at most, by channel: `{ sms = ["5/1d"] }`.
    #[serde(default)]
    pub most: BTreeMap<Arc<str>, Vec<Rate>>,
}

/// In which form somebody wants messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Each at once.
    #[default]
    Each,
    /// One list at each of the office's set times; a red on an hour window comes at once all the same.
    List,
}

/// What one contact wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The least level that is told.
    pub least: Option<Level>,
    /// In which form.
    pub form: Form,
    /// How many messages at most, by channel.
    pub most: BTreeMap<Arc<str>, Vec<Rate>>,
}

impl Wishes {
    /// What a contact wants, by what is written about the contact, its roles and its level.
    pub fn of(preferences: &[Preference], contact: &Contact) -> Self {
        let fits = |preference: &&Preference| match (&preference.contact, &preference.role, &preference.level) {
            (Some(id), _, _) => *id == contact.id,
            (_, Some(role), _) => contact.holds(role),
            (_, _, Some(level)) => **level == *contact.level,
            _ => false,
        };
        let (mut wishes, mut form) = (Self::default(), None);
        for preference in preferences.iter().filter(fits) {
            wishes.least = wishes.least.or(preference.least);
            form = form.or(preference.form);
            for (channel, rates) in &preference.most {
                wishes.most.entry(channel.clone()).or_insert_with(|| rates.clone());
            }
        }
        wishes.form = form.unwrap_or_default();
        wishes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::item::{Item, ItemKey};
    use crate::core::value::Value;

    fn routes(text: &str) -> Vec<Route> {
        #[derive(Deserialize)]
        struct File {
            routes: Vec<Route>,
        }
        toml::from_str::<File>(text).expect("routes").routes
    }

    #[test]
    fn the_first_route_that_says_something_counts_and_receivers_add_up() {
        let routes = routes(
            "[[routes]]\nname = 'a'\nmatch = { unit = '住建局' }\nwait = '5m'\n[[routes.tell]]\ncontact = 'G1'\nred = ['mail']\n\
             [[routes]]\nname = 'b'\nladder = 'district'\nwait = '2h'\nquiet = 'pass'\n\
             [[routes.tell]]\naddress = 'a@example.test'\nyellow = ['mail']\n\
             [[routes]]\nname = 'c'\nmatch = { level = 'red' }\nladder = 'other'\nlast = true\n\
             [[routes]]\nname = 'd'\nrehearsal = true\n",
        );
        let mut item = Item::new(ItemKey::new("s", "1"), "ticket");
        item.fields.set("unit", Value::text("住建局"));
        let of = |level| {
            let suspect = Suspect { item: &item, rule: "2110", window: "on_site", level: Some(level) };
            let routing = Routing::of(&routes, &suspect);
            let names = routing.routes.iter().map(|name| &***name).collect::<String>();
            (names, routing.ladder, routing.quiet, routing.wait.as_secs(), routing.rehearsal, routing.tell.len())
        };
        assert_eq!(of(Level::Red), ("abc".into(), Some("district"), Some(Quiet::Pass), 300, false, 2));
        assert_eq!(of(Level::Yellow), ("abd".into(), Some("district"), Some(Quiet::Pass), 300, true, 2));
    }

    #[test]
    fn a_wait_is_minutes_or_hours() {
        for wrong in ["1wd", "soon", "25h", "5wm", "1d"] {
            let text = format!("name = 'a'\nwait = '{wrong}'");
            let error = toml::from_str::<Route>(&text).expect_err(wrong).to_string();
            assert!(error.contains("expected minutes or hours"), "{error}");
        }
    }

    #[test]
    fn of_several_preferences_the_first_that_says_something_counts() {
        let preferences: Vec<Preference> = [
            "contact = 'G1'\nform = 'each'",
            "role = 'leader'\nleast = 'red'\nmost = { sms = ['3/1d'] }",
            "level = 'L4'\nform = 'list'\nleast = 'yellow'\nmost = { sms = ['9/1d'], mail = ['1/1h'] }",
        ]
        .map(|text| toml::from_str(text).expect(text))
        .into();
        let contact = |id: &str| Contact {
            id: id.into(),
            level: "L4".into(),
            roles: vec!["leader".into()],
            ..Contact::default()
        };
        let wishes = Wishes::of(&preferences, &contact("G1"));
        assert_eq!((wishes.least, wishes.form), (Some(Level::Red), Form::Each));
        assert_eq!(wishes.most["sms"], ["3/1d".parse().expect("a rate")]);
        assert_eq!(wishes.most.len(), 2);
        assert_eq!(Wishes::of(&preferences, &contact("G2")).form, Form::List);
        assert_eq!(Wishes::of(&preferences, &Contact::default()), Wishes::default());
    }
}
