//! The post of a [`Stage`](super::stage::Stage): channels that write down what they take, or do not take it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use chrono_tz::Asia::Shanghai;
use duban::core::Instant;
use duban::core::contact::Medium;
use duban::core::delivery::{DeliveryId, Outcome};
use duban::time::{Clock as _, TestClock};
use duban::wire::{Channel, Message};
use tokio::sync::watch;

/// How a channel's peer is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It takes everything.
    Takes,
    /// It refuses everything for now.
    Away,
    /// It says nothing.
    Hangs,
}

/// A message as it arrived.
#[derive(Debug, Clone)]
pub struct Arrived {
    pub at: Instant,
    pub id: DeliveryId,
    pub channel: Arc<str>,
    /// The contact's id.
    pub to: String,
    pub subject: String,
    pub text: String,
}

impl Arrived {
    /// `03-04 09:00 [Red card] T1 …`: when on the office's clock, and the subject; before it the channel, if it is not mail.
    pub fn line(&self) -> String {
        let at = self.at.with_timezone(&Shanghai).format("%m-%d %H:%M");
        let channel = if &*self.channel == "mail" { String::new() } else { format!("{}: ", self.channel) };
        format!("{at} {channel}{}", self.subject)
    }
}

/// All channels together.
pub struct Post {
    clock: Arc<TestClock>,
    arrived: Mutex<Vec<Arrived>>,
    moods: watch::Sender<BTreeMap<String, Mood>>,
}

impl Post {
    /// A post whose channels take everything.
    pub fn new(clock: Arc<TestClock>) -> Arc<Self> {
        Arc::new(Self { clock, arrived: Mutex::default(), moods: watch::Sender::default() })
    }

    /// What arrived and nobody asked for yet.
    pub fn arrived(&self) -> MutexGuard<'_, Vec<Arrived>> {
        self.arrived.lock().expect("nobody broke over the arrivals")
    }

    /// Changes how a channel's peer is doing.
    pub fn set(&self, channel: &str, mood: Mood) {
        self.moods.send_modify(|moods| {
            moods.insert(channel.to_owned(), mood);
        });
    }

    /// A process's channel: what it was sending when the process died goes no further.
    pub fn line(self: &Arc<Self>, name: Arc<str>, medium: Medium, is_dead: Arc<AtomicBool>) -> Arc<dyn Channel> {
        Arc::new(Line { name, medium, post: self.clone(), is_dead })
    }
}

/// One channel.
struct Line {
    name: Arc<str>,
    medium: Medium,
    post: Arc<Post>,
    is_dead: Arc<AtomicBool>,
}

#[async_trait]
impl Channel for Line {
    fn medium(&self) -> Medium {
        self.medium
    }

    fn at_once(&self) -> usize {
        8
    }

    fn longest(&self) -> Duration {
        Duration::from_secs(30)
    }

    async fn send(&self, message: &Message) -> Outcome {
        let mut moods = self.post.moods.subscribe();
        let mood = |moods: &BTreeMap<String, Mood>| moods.get(&*self.name).copied().unwrap_or(Mood::Takes);
        // The post lives as long as its channels.
        let _ = moods.wait_for(|moods| mood(moods) != Mood::Hangs).await;
        if self.is_dead.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if mood(&moods.borrow()) == Mood::Away {
            return Outcome::Temporary { reason: "nobody is there".to_owned(), retry_after: None };
        }
        self.post.arrived().push(Arrived {
            at: self.post.clock.now(),
            id: message.id,
            channel: self.name.clone(),
            to: message.facts.value()["to"]["contact"].as_str().unwrap_or_default().to_owned(),
            subject: message.subject.clone(),
            text: message.text.clone(),
        });
        Outcome::Accepted { remote_id: None, answer: "taken".to_owned() }
    }
}
