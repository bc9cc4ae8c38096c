//! What people do beside the daemons, each by a command of its own that writes into the same store: they retry and cancel
//! deliveries, want quiet, sign cards and forgive addresses.

use chrono::TimeDelta;
use duban::core::acknowledgement::{Acknowledgement, Via};
use duban::core::delivery::DeliveryState;
use duban::core::matcher::Matcher;
use duban::core::notice::Notice;
use duban::core::silence::Silence;
use duban::store::{DeliveryFilter, Store as _};

use super::office::office;
use super::story::short;
use super::world::World;

/// What people want quiet about.
const MATTERS: [&[&str]; 6] = [
    &["unit=streets"],
    &["level=yellow"],
    &["rule=reply"],
    &["id=T1"],
    &["source=tickets", "level=red"],
    &["window=!solve"],
];

impl World {
    /// A person retries a dead letter, or cancels what waits.
    pub(super) async fn person(&mut self) {
        let cancels = self.dice.chance(40);
        let states = if cancels {
            [DeliveryState::Scheduled, DeliveryState::Available]
        } else {
            [DeliveryState::Discarded, DeliveryState::Unknown]
        };
        let mut found = Vec::new();
        for state in states {
            let filter = DeliveryFilter { state: Some(state), contact: None, limit: 100 };
            found.extend(self.disk.deliveries(&filter).await.expect("deliveries").into_iter().map(|record| record.id));
        }
        if found.is_empty() {
            return;
        }
        found.sort_unstable();
        let (id, now) = (self.dice.one(&found), self.now());
        if cancels {
            if self.disk.cancel_delivery(id, now, None).await.expect("an answer") {
                self.ledger.book().cancelled.insert(id);
                self.tell(&format!("a person cancels {}", short(id)));
            }
        } else if self.disk.retry_delivery(id, now, None).await.expect("an answer") {
            *self.ledger.book().retried.entry(id).or_default() += 1;
            self.tell(&format!("a person retries {}", short(id)));
        }
    }

    /// Somebody wants quiet, or does not any more.
    pub(super) async fn silence(&mut self) {
        let now = self.now();
        let running = self.disk.silences(false).await.expect("silences");
        let running: Vec<Silence> = running.into_iter().filter(|silence| silence.ends_at > now).collect();
        if !running.is_empty() && self.dice.chance(40) {
            let ended = Silence { ends_at: now, ended_by: Some("somebody".into()), ..self.dice.one(&running) };
            self.disk.put_silence(&ended, None).await.expect("a silence");
            self.count("silences ended early");
            return self.tell(&format!("quiet about {} is over", ended.matcher));
        }
        let matter = self.dice.one(&MATTERS);
        let matcher = Matcher::of_pairs(matter.iter().copied()).expect("a matcher");
        let begin = now + TimeDelta::minutes(self.dice.weighted(&[(5, 0), (1, 90), (1, -30)]));
        let end = begin + TimeDelta::minutes(self.dice.weighted(&[(2, 45), (3, 300), (1, 2_880)]));
        let silence = Silence::new(matcher, (begin, end), "somebody", "work on the line", now).expect("a silence");
        self.disk.put_silence(&silence, None).await.expect("a silence");
        self.count("silences");
        self.tell(&format!("quiet about {matter:?} from {begin} to {end}"));
    }

    /// Somebody takes an open card.
    pub(super) async fn sign(&mut self) {
        let cards = self.disk.open_cards(100).await.expect("cards");
        if cards.is_empty() {
            return;
        }
        let open = self.dice.one(&cards);
        let keys = std::slice::from_ref(&open.item);
        let said = self.disk.notices_about(keys).await.expect("notices");
        let record = self.disk.load(keys).await.expect("a record").pop().expect("its item");
        let Some(watch) = record.watches.iter().find(|watch| watch.card == open.card) else { return };
        let in_force = self.disk.playbook().await.expect("a playbook").expect("one in force");
        let rehearsal = office().playbook(in_force.version).is_some_and(|playbook| playbook.office.rehearsal);
        let is_about = |n: &&Notice| {
            (n.card, n.episode, n.number, n.rehearsal) == (Some(watch.card), watch.episode, watch.number, rehearsal)
                && n.is_of_a_step()
                && n.state.is_told()
        };
        let taken = Acknowledgement {
            card: watch.card,
            episode: watch.episode,
            level: open.level,
            step: said.iter().filter(is_about).map(|n| n.step).max().unwrap_or_default(),
            contact: self.dice.one(&["h1", "u1", "l1"]).into(),
            by: "somebody".into(),
            via: Via::Phone,
            at: self.now(),
        };
        self.disk.acknowledge(&taken, None).await.expect("an answer");
        self.count("signatures");
        self.tell(&format!("{} signs {} {} at step {}", taken.contact, open.item, open.name, taken.step));
    }

    /// Somebody says that an address is right again.
    pub(super) async fn forgive(&mut self) {
        let bad = self.disk.bad_addresses().await.expect("addresses");
        if let Some(bad) = bad.first() {
            self.disk.forgive_address(&bad.contact, &bad.channel, None).await.expect("an answer");
            self.tell(&format!("{} of {} is said to be right", bad.address, bad.contact));
        }
    }
}
