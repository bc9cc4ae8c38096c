//! The processes of a life: how they start and end, stand still and wake up, and how their errands end.

use std::sync::Arc;

use duban::core::digest::Digest;
use duban::store::{Result, Store as _, StoreError};
use tokio::task::JoinHandle;

use super::daemon::{Daemon, Errand, News, REHEARSAL};
use super::gate::{Mishap, Place, Plan};
use super::office::{REHEARSALS, office};
use super::wire::ROOM;
use super::world::World;

/// A process, and the errand over which it stands still.
pub struct Process {
    pub(super) daemon: Daemon,
    pub(super) frozen: Option<(&'static str, JoinHandle<Result<News>>)>,
}

/// How an errand ended.
enum Ended {
    Done(News),
    Failed(StoreError),
    Crashed,
    Frozen,
}

/// Which playbook comes after it.
const RELOADS: [(usize, usize); 8] =
    [(4, 0), (3, 1), (3, 2), (5, 3), (3, 4), (2, 5), (1, REHEARSALS), (1, REHEARSALS + 1)];

impl World {
    /// A place whose process lives and does not stand still.
    pub(super) fn place(&mut self) -> Option<usize> {
        let is_up = |place: &Option<Process>| place.as_ref().is_some_and(|process| process.frozen.is_none());
        let up: Vec<usize> = (0..2).filter(|place| is_up(&self.places[*place])).collect();
        if up.is_empty() { None } else { Some(self.dice.one(&up)) }
    }

    pub(super) fn plan_mishap(&mut self) -> Option<Plan> {
        if !self.dice.chance(14) {
            return None;
        }
        let mishap = self.dice.weighted(&[(5, Mishap::Crash), (3, Mishap::Away), (4, Mishap::Freeze)]);
        let place = self.dice.weighted(&[(2, Place::BeforeWriting), (3, Place::AfterWriting), (1, Place::Reading)]);
        let after = self.dice.weighted(&[(5, 0), (3, 1), (2, 2), (1, 3), (1, 5)]);
        Some(Plan { mishap, place, after })
    }

    pub(super) async fn errand(&mut self, name: &'static str, errand: Errand) {
        let Some(place) = self.place() else { return self.start(0).await };
        let plan = self.plan_mishap();
        self.go(place, name, errand, plan).await;
    }

    /// Sends a process on an errand, on which things may go wrong.
    pub(super) async fn go(
        &mut self,
        place: usize,
        name: &'static str,
        errand: Errand,
        plan: Option<Plan>,
    ) -> Option<News> {
        let process = self.places[place].as_ref().filter(|process| process.frozen.is_none())?;
        process.daemon.store.gate.begin();
        process.daemon.store.gate.plan(plan);
        let task = tokio::spawn(process.daemon.go(errand));
        self.follow(place, name, task).await
    }

    /// Follows a process on its errand to the end, or to where it goes wrong.
    pub(super) async fn follow(
        &mut self,
        place: usize,
        name: &'static str,
        mut task: JoinHandle<Result<News>>,
    ) -> Option<News> {
        let Some(process) = &mut self.places[place] else { return None };
        let gate = &process.daemon.store.gate;
        let ended = tokio::select! {
            biased;
            ended = &mut task => match ended.expect("a process does not panic") {
                Ok(news) => Ended::Done(news),
                Err(error) => Ended::Failed(error),
            },
            crashed = gate.halted() => if crashed { Ended::Crashed } else { Ended::Frozen },
        };
        gate.plan(None);
        let life = process.daemon.life;
        match ended {
            Ended::Done(news) => {
                settle_down().await;
                let process = self.places[place].as_mut().expect("it lives");
                let has_slept = process.daemon.store.gate.has_slept();
                if name == "look" && !process.daemon.rejudged {
                    process.daemon.rejudged = true;
                }
                self.tell(&format!("#{life} {name}: {}", news.text));
                if name == "carry" && !news.is_busy && !has_slept {
                    self.demand_nothing_waits(life).await;
                }
                return Some(news);
            }
            Ended::Failed(error) => {
                settle_down().await;
                self.count("errands that failed");
                self.tell(&format!("#{life} {name} failed: {error}"));
                if let StoreError::OtherPlaybook(Some(version)) = error {
                    self.follow_suit(place, version).await;
                } else {
                    self.ledger.demand(matches!(error, StoreError::Unavailable(_)), || format!("8: {name}: {error}"));
                }
            }
            Ended::Crashed => {
                task.abort();
                let _ = task.await;
                self.count("crashes");
                self.tell(&format!("#{life} {name}: CRASH"));
                self.end(place);
            }
            Ended::Frozen => {
                process.frozen = Some((name, task));
                self.count("freezes");
                self.tell(&format!("#{life} {name}: stands still"));
            }
        }
        None
    }

    /// A courier that has nothing to do leaves nothing that is due, but for channels that hang.
    pub(super) async fn demand_nothing_waits(&self, life: usize) {
        let open = self.wire.open_of(life);
        if open.contains_key(REHEARSAL) {
            return;
        }
        let busy: Vec<Arc<str>> = open
            .iter()
            .filter(|(_, count)| (ROOM - (**count).min(ROOM)) * 4 < ROOM)
            .map(|(name, _)| (*name).into())
            .collect();
        let next = self.disk.next_claim_at(&busy).await.expect("an instant");
        let law = || format!("8: the courier has nothing to do, and something is due since {next:?}: {open:?}");
        self.ledger.demand(next.is_none_or(|at| at > self.now()), law);
    }

    /// A process whose playbook is not in force any more takes the one that is.
    pub(super) async fn follow_suit(&mut self, place: usize, version: Digest) {
        let playbook = office().playbooks.iter().find(|known| known.version == version).expect("a known playbook");
        let process = self.places[place].as_mut().expect("it lives");
        process.daemon.take(playbook.clone());
        let life = process.daemon.life;
        self.tell(&format!("#{life} takes playbook {version}"));
        settle_down().await;
    }

    /// A process is gone with all that it was doing.
    pub(super) fn end(&mut self, place: usize) {
        let Some(process) = self.places[place].take() else { return };
        if let Some((_, task)) = process.frozen {
            task.abort();
        }
        for line in self.wire.cut(process.daemon.life, &mut self.dice) {
            self.tell(&line);
        }
        if self.places.iter().all(Option::is_none) {
            // The next one finds what was written, and nothing that is written from now on by the dead.
            self.disk = Arc::new(self.disk.after_sudden_end());
        }
    }

    /// Starts a process in a place that is empty.
    pub(super) async fn start(&mut self, place: usize) {
        if self.places[place].is_some() {
            return;
        }
        let is_alone = self.places.iter().all(Option::is_none);
        let in_force = self.disk.playbook().await.expect("a playbook").map(|record| record.version);
        let known = office().playbooks.iter().find(|known| Some(known.version) == in_force);
        let playbook = known.unwrap_or(&office().playbooks[self.first]).clone();
        let life = self.lives;
        self.lives += 1;
        let world = (self.wire.clone(), self.clock.clone(), self.ledger.clone());
        let daemon = Daemon::new(life, playbook, self.disk.clone(), world);
        self.places[place] = Some(Process { daemon, frozen: None });
        let plan = if self.lives > 1 { self.plan_mishap() } else { None };
        if self.go(place, "start", Errand::Start(is_alone), plan).await.is_none() {
            // What could not start is started again later.
            let is_frozen = self.places[place].as_ref().is_some_and(|process| process.frozen.is_some());
            if !is_frozen {
                self.end(place);
            }
        }
    }

    pub(super) async fn reload(&mut self) {
        let Some(place) = self.place() else { return };
        let index = self.dice.weighted(&RELOADS);
        let playbook = office().playbooks[index].clone();
        if self.go(place, "drain", Errand::Drain, None).await.is_none() {
            return;
        }
        if let Some(process) = self.places[place].as_mut() {
            process.daemon.take(playbook);
        }
        settle_down().await;
        self.count("reloads");
        let plan = self.plan_mishap();
        self.tell(&format!("reload: playbook {index}"));
        self.go(place, "start", Errand::Start(false), plan).await;
    }

    /// An orderly stop, and a start.
    pub(super) async fn restart(&mut self) {
        let Some(place) = self.place() else { return };
        let plan = self.plan_mishap();
        self.go(place, "drain", Errand::Drain, plan).await;
        if self.places[place].as_ref().is_some_and(|process| process.frozen.is_none()) {
            self.tell("it ends");
            self.end(place);
        }
        if self.places[place].is_none() {
            self.start(place).await;
        }
    }

    /// A second process comes or goes.
    pub(super) async fn second(&mut self) {
        if self.places[1].is_some() {
            self.tell("the second one is ended");
            self.end(1);
        } else {
            self.start(1).await;
        }
    }

    pub(super) async fn thaw_one(&mut self) {
        for place in 0..2 {
            self.thaw(place).await;
        }
    }

    /// What stood still wakes up and goes on as if nothing had happened.
    pub(super) async fn thaw(&mut self, place: usize) {
        let Some(process) = &mut self.places[place] else { return };
        let Some((name, task)) = process.frozen.take() else { return };
        process.daemon.store.gate.thaw();
        let life = process.daemon.life;
        self.tell(&format!("#{life} wakes up"));
        self.follow(place, name, task).await;
    }
}

/// Lets whatever was started come to where it waits.
pub async fn settle_down() {
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
}
