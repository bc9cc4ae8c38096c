//! **Route**: what holds for the cards that a matcher is about: another ladder, more receivers, quiet hours that do not
//! hold, a rehearsal of its own.
//!
//! Routes are asked in their order. What the first of those that fit says about a card holds: its ladder, its wait, its
//! quiet hours. Receivers add up. `last` ends it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::limit::{Family, Limit};
use super::matcher::{Matcher, Suspect};
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
        let wait = text.parse::<Limit>().ok().and_then(|limit| natural(&limit)).filter(|wait| *wait <= DAY);
        wait.map(Self).ok_or_else(|| {
            serde::de::Error::custom(format!("expected minutes or hours such as 5m, at most 24h, got {text:?}"))
        })
    }
}

/// The time that a limit of natural hours or minutes is.
fn natural(limit: &Limit) -> Option<Duration> {
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
