//! The end of a life: everything is well, until nothing is due any more.

use chrono::TimeDelta;

use super::city::Answer;
use super::daemon::Errand;
use super::laws;
use super::wire::Weather;
use super::world::World;

impl World {
    /// Everything is well for long enough: then everything is over, and every law must hold.
    pub(super) async fn calm_down(&mut self) {
        self.tell("it calms down");
        for place in 0..2 {
            self.thaw(place).await;
        }
        for place in 0..2 {
            if self.places[place].as_ref().is_some_and(|process| process.frozen.is_some()) || place == 1 {
                self.end(place);
            }
        }
        self.weather = [Weather::Fine; 4];
        let latest = self.latest;
        self.clock.set(latest);
        while self.places[0].is_none() {
            self.start(0).await;
        }
        self.thaw(0).await;
        if let Some(process) = &mut self.places[0] {
            // The other one may have put another playbook in force and taken that back, which this one never heard of.
            process.daemon.rejudged = false;
        }
        let now = self.now();
        for city in &mut self.cities {
            city.show_enough();
            city.finish_most(&mut self.dice, now);
        }
        for source in 0..2 {
            if !self.cities[source].rows.is_empty() {
                self.poll_at(0, source, Answer::Whole, None).await;
            }
        }
        self.wait_for_quiet().await;
        if !self.is_broken() {
            let process = self.places[0].as_ref().expect("it lives");
            let playbook = process.daemon.playbook.clone();
            laws::hold(&self.disk, &playbook, &self.ledger, self.now()).await;
        }
    }

    pub(super) async fn wait_for_quiet(&mut self) {
        for round in 0..300 {
            self.go(0, "look", Errand::Look, None).await;
            self.go(0, "look", Errand::Look, None).await;
            loop {
                let is_busy = self.go(0, "carry", Errand::Carry, None).await.is_some_and(|news| news.is_busy);
                self.answer().await;
                if !is_busy && self.wire.open() == 0 {
                    break;
                }
                if self.is_broken() {
                    return;
                }
            }
            if self.places[0].as_ref().is_some_and(|process| !process.daemon.rejudged) {
                // It has just heard of another playbook.
                continue;
            }
            let Some(at) = self.next_instant().await else { return };
            // What waits for another message is looked at every few seconds; that may go on over a weekend.
            let least = if round < 40 { TimeDelta::seconds(1) } else { TimeDelta::hours(1) };
            let span = (at - self.now()).max(least);
            self.pass(span);
        }
        self.ledger.broken("1: it never becomes quiet");
    }
}
