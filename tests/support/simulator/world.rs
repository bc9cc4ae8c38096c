//! One life: a seed throws the dice for everything that happens, outside and inside, until it calms down.

use std::sync::Arc;

use chrono::TimeDelta;
use duban::core::Instant;
use duban::daemon::wiring::Polled;
use duban::store::memory::MemoryStore;
use duban::store::{Result, Store, StoreError};
use duban::time::{Clock as _, TestClock};
use tokio::task::JoinHandle;

use super::city::{Answer, City, Told};
use super::daemon::{Daemon, Errand, News};
use super::dice::Dice;
use super::gate::{Mishap, Place, Plan};
use super::laws;
use super::ledger::{Ledger, Tally};
use super::office::{REHEARSALS, SOURCES, office};
use super::story::Story;
use super::wire::{ROOM, Weather, Wire};

/// A life that broke a law.
#[derive(Debug)]
pub struct Failure {
    /// The laws that it broke.
    pub broken: Vec<String>,
    /// All that happened.
    pub story: Story,
}

/// Lives the life of a seed.
pub async fn live(seed: u64) -> std::result::Result<(Tally, Story), Box<Failure>> {
    let mut world = World::new(seed);
    for city in &mut world.cities {
        for _ in 0..world.dice.below(3) {
            let said = city.begin(&mut world.dice, world.clock.now());
            world.story.tell(world.clock.now(), &said);
        }
    }
    world.start(0).await;
    let steps = world.dice.weighted(&[(6, 15), (6, 30), (2, 60), (1, 120)]);
    for _ in 0..steps {
        world.step().await;
        if world.is_broken() {
            break;
        }
    }
    if !world.is_broken() {
        world.calm_down().await;
    }
    let World { ledger, story, .. } = world;
    let book = std::mem::take(&mut *ledger.book());
    let mut tally = book.tally;
    tally.count("lives");
    if book.broken.is_empty() { Ok((tally, story)) } else { Err(Box::new(Failure { broken: book.broken, story })) }
}

/// What there is in one life.
pub struct World {
    pub(super) dice: Dice,
    clock: Arc<TestClock>,
    /// The latest that any clock ever showed.
    latest: Instant,
    pub(super) disk: Arc<MemoryStore>,
    pub(super) ledger: Arc<Ledger>,
    wire: Arc<Wire>,
    weather: [Weather; 4],
    cities: [City; 2],
    /// The processes that live; the second place is mostly empty.
    places: [Option<Process>; 2],
    lives: usize,
    /// The playbook that is in force first.
    first: usize,
    story: Story,
}

/// A process, and the errand over which it stands still.
struct Process {
    daemon: Daemon,
    frozen: Option<(&'static str, JoinHandle<Result<News>>)>,
}

/// How an errand ended.
enum Ended {
    Done(News),
    Failed(StoreError),
    Crashed,
    Frozen,
}

#[derive(Clone, Copy)]
enum Step {
    City,
    Poll,
    Look,
    Carry,
    Answer,
    Advance,
    SetClock,
    Reload,
    Restart,
    Second,
    Thaw,
    Weather,
    Person,
    Release,
    Race,
    Silence,
    Sign,
    Forgive,
}

const STEPS: [(usize, Step); 18] = [
    (20, Step::City),
    (14, Step::Poll),
    (12, Step::Look),
    (22, Step::Carry),
    (14, Step::Answer),
    (18, Step::Advance),
    (2, Step::SetClock),
    (3, Step::Reload),
    (2, Step::Restart),
    (4, Step::Second),
    (3, Step::Thaw),
    (4, Step::Weather),
    (2, Step::Person),
    (2, Step::Release),
    (2, Step::Race),
    (4, Step::Silence),
    (5, Step::Sign),
    (1, Step::Forgive),
];

const ANSWERS: [(usize, Answer); 8] = [
    (69, Answer::Whole),
    (6, Answer::Away),
    (4, Answer::Empty),
    (5, Answer::Half),
    (6, Answer::First),
    (3, Answer::Cut),
    (3, Answer::Garbage),
    (2, Answer::Renamed),
];

/// With which playbook a life begins.
const BEGINNINGS: [(usize, usize); 6] = [(6, 0), (6, 3), (3, 4), (3, 5), (2, REHEARSALS), (2, REHEARSALS + 1)];

/// Which playbook comes after it.
const RELOADS: [(usize, usize); 8] =
    [(4, 0), (3, 1), (3, 2), (5, 3), (3, 4), (2, 5), (1, REHEARSALS), (1, REHEARSALS + 1)];

/// The channels by name, with the rehearsal's.
const WAYS: [&str; 4] = ["hook", "mail", "sms", super::daemon::REHEARSAL];

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::of(seed);
        // A Monday, early in the morning.
        let begin: Instant = "2026-03-02T00:00:00Z".parse().expect("an instant");
        let begin = begin + TimeDelta::minutes(dice.between(0, 4 * 24 * 60));
        let clock = Arc::new(TestClock::at(begin));
        let ledger = Arc::new(Ledger::default());
        let bad_address = dice.chance(30).then(|| dice.one(&["12", "21", "u1", "l1@example.test"]));
        let first = dice.weighted(&BEGINNINGS);
        let wire = Arc::new(Wire::new(ledger.clone(), clock.clone(), bad_address));
        Self {
            dice,
            clock,
            latest: begin,
            disk: Arc::new(MemoryStore::new()),
            ledger,
            wire,
            weather: [Weather::Fine; 4],
            cities: [City::default(), City::default()],
            places: [None, None],
            lives: 0,
            first,
            story: Story::new(seed),
        }
    }

    fn is_broken(&self) -> bool {
        !self.ledger.book().broken.is_empty()
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }

    pub(super) fn tell(&mut self, line: &str) {
        let now = self.now();
        self.story.tell(now, line);
    }

    pub(super) fn count(&self, what: &'static str) {
        self.ledger.count(what);
    }

    async fn step(&mut self) {
        self.count("steps");
        match self.dice.weighted(&STEPS) {
            Step::City => self.city_lives_on(),
            Step::Poll => self.poll().await,
            Step::Look => self.errand("look", Errand::Look).await,
            Step::Carry => self.carry().await,
            Step::Answer => self.answer().await,
            Step::Advance => self.advance().await,
            Step::SetClock => self.step_clock(),
            Step::Reload => self.reload().await,
            Step::Restart => self.restart().await,
            Step::Second => self.second().await,
            Step::Thaw => self.thaw_one().await,
            Step::Weather => self.change_weather(),
            Step::Person => self.person().await,
            Step::Release => self.errand("release", Errand::Release).await,
            Step::Race => self.race().await,
            Step::Silence => self.silence().await,
            Step::Sign => self.sign().await,
            Step::Forgive => self.forgive().await,
        }
    }

    fn city_lives_on(&mut self) {
        for _ in 0..=self.dice.below(3) {
            let city = self.dice.below(2);
            let now = self.clock.now();
            let said = self.cities[city].live_on(&mut self.dice, now);
            self.tell(&format!("{}: {said}", SOURCES[city]));
        }
    }

    /// A place whose process lives and does not stand still.
    fn place(&mut self) -> Option<usize> {
        let is_up = |place: &Option<Process>| place.as_ref().is_some_and(|process| process.frozen.is_none());
        let up: Vec<usize> = (0..2).filter(|place| is_up(&self.places[*place])).collect();
        if up.is_empty() { None } else { Some(self.dice.one(&up)) }
    }

    fn plan_mishap(&mut self) -> Option<Plan> {
        if !self.dice.chance(14) {
            return None;
        }
        let mishap = self.dice.weighted(&[(5, Mishap::Crash), (3, Mishap::Away), (4, Mishap::Freeze)]);
        let place = self.dice.weighted(&[(2, Place::BeforeWriting), (3, Place::AfterWriting), (1, Place::Reading)]);
        let after = self.dice.weighted(&[(5, 0), (3, 1), (2, 2), (1, 3), (1, 5)]);
        Some(Plan { mishap, place, after })
    }

    async fn errand(&mut self, name: &'static str, errand: Errand) {
        let Some(place) = self.place() else { return self.start(0).await };
        let plan = self.plan_mishap();
        self.go(place, name, errand, plan).await;
    }

    /// Sends a process on an errand, on which things may go wrong.
    async fn go(&mut self, place: usize, name: &'static str, errand: Errand, plan: Option<Plan>) -> Option<News> {
        let process = self.places[place].as_ref().filter(|process| process.frozen.is_none())?;
        process.daemon.store.gate.begin();
        process.daemon.store.gate.plan(plan);
        let task = tokio::spawn(process.daemon.go(errand));
        self.follow(place, name, task).await
    }

    /// Follows a process on its errand to the end, or to where it goes wrong.
    async fn follow(&mut self, place: usize, name: &'static str, mut task: JoinHandle<Result<News>>) -> Option<News> {
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
    async fn demand_nothing_waits(&self, life: usize) {
        let open = self.wire.open_of(life);
        if open.contains_key(super::daemon::REHEARSAL) {
            return;
        }
        let busy: Vec<Arc<str>> =
            open.iter().filter(|(_, count)| **count >= ROOM).map(|(name, _)| (*name).into()).collect();
        let next = self.disk.next_claim_at(&busy).await.expect("an instant");
        let law = || format!("8: the courier has nothing to do, and something is due since {next:?}: {open:?}");
        self.ledger.demand(next.is_none_or(|at| at > self.now()), law);
    }

    /// A process whose playbook is not in force any more takes the one that is.
    async fn follow_suit(&mut self, place: usize, version: duban::core::digest::Digest) {
        let playbook = office().playbooks.iter().find(|known| known.version == version).expect("a known playbook");
        let process = self.places[place].as_mut().expect("it lives");
        process.daemon.take(playbook.clone());
        let life = process.daemon.life;
        self.tell(&format!("#{life} takes playbook {version}"));
        settle_down().await;
    }

    /// A process is gone with all that it was doing.
    fn end(&mut self, place: usize) {
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
    async fn start(&mut self, place: usize) {
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

    async fn poll(&mut self) {
        let source = self.dice.below(2);
        let answer = self.dice.weighted(&ANSWERS);
        let Some(place) = self.place() else { return self.start(0).await };
        let plan = self.plan_mishap();
        self.poll_at(place, source, answer, plan).await;
    }

    async fn poll_at(&mut self, place: usize, source: usize, answer: Answer, plan: Option<Plan>) {
        let (good, rejected) = self.cities[source].counts(answer);
        let known = self.disk.sources().await.expect("sources");
        let before = known.iter().find(|known| *known.source == *SOURCES[source]).and_then(|known| known.good_rows);
        let is_file = !matches!(answer, Answer::Away | Answer::Cut | Answer::Renamed);
        let believed = is_file && is_believable(before, good, rejected);
        let cards = if believed { None } else { Some(self.disk.open_cards(1_000).await.expect("cards")) };
        let reader = &office().readers[source];
        let polled = Polled {
            name: SOURCES[source].into(),
            source: Arc::new(Told::new(reader, self.cities[source].file(answer))),
            columns: Vec::new(),
            schedule: office().schedule.clone(),
            guard: office().guard,
        };
        self.tell(&format!("{} answers: {answer:?}, {good} good rows, {rejected} bad ones", SOURCES[source]));
        let news = self.go(place, "poll", Errand::Poll(polled), plan).await;
        let Some(cards) = cards else {
            let is_doubted = news.is_some_and(|news| news.trouble.is_some());
            self.ledger.demand(!is_doubted, || format!("2: a good poll of {} was not believed", SOURCES[source]));
            return;
        };
        self.count("bad polls");
        let is_doubted = news.is_none_or(|news| news.trouble.is_some());
        self.ledger.demand(is_doubted, || format!("2: a bad poll of {} was believed: {answer:?}", SOURCES[source]));
        let same = cards == self.disk.open_cards(1_000).await.expect("cards");
        self.ledger.demand(same, || format!("2: a bad poll changed the cards: {answer:?}"));
    }

    async fn carry(&mut self) {
        for _ in 0..=self.dice.below(3) {
            self.errand("carry", Errand::Carry).await;
        }
    }

    fn weather(&self) -> impl Fn(&str) -> Weather + use<> {
        let weather = self.weather;
        move |channel| WAYS.iter().position(|way| *way == channel).map_or(Weather::Fine, |index| weather[index])
    }

    async fn answer(&mut self) {
        let weather = self.weather();
        for line in self.wire.answer(&mut self.dice, weather) {
            self.tell(&line);
        }
        settle_down().await;
    }

    async fn advance(&mut self) {
        let now = self.now();
        let span = match self.dice.below(10) {
            0..=3 => self.next_instant().await.map(|at| at - now),
            4 | 5 => Some(TimeDelta::seconds(self.dice.between(1, 90))),
            6 | 7 => Some(TimeDelta::minutes(self.dice.between(1, 90))),
            8 => Some(TimeDelta::hours(self.dice.between(1, 12))),
            _ => Some(TimeDelta::days(self.dice.between(1, 4))),
        };
        self.pass(span.unwrap_or(TimeDelta::minutes(5)));
    }

    fn pass(&mut self, span: TimeDelta) {
        self.clock.advance(span.to_std().unwrap_or_default());
        self.latest = self.latest.max(self.now());
        self.tell(&format!("time passes: {span}"));
        for line in self.wire.time_out(&mut self.dice) {
            self.tell(&line);
        }
    }

    /// When something falls due next, for a card or for the courier.
    async fn next_instant(&self) -> Option<Instant> {
        let look = self.disk.next_look_at().await.expect("an instant");
        let claim = self.disk.next_claim_at(&[]).await.expect("an instant");
        let silences = self.disk.silences(false).await.expect("silences");
        let lift = silences.iter().map(|silence| silence.ends_at).min();
        [look, claim, lift].into_iter().flatten().min()
    }

    fn step_clock(&mut self) {
        let minutes = self.dice.weighted(&[(3, 5), (2, 90), (1, 3_000)]);
        let minutes = self.dice.between(-minutes, minutes);
        self.clock.set(self.now() + TimeDelta::minutes(minutes));
        self.latest = self.latest.max(self.now());
        self.count("clock steps");
        self.tell(&format!("the clock is stepped by {minutes} minutes"));
    }

    async fn reload(&mut self) {
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
    async fn restart(&mut self) {
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
    async fn second(&mut self) {
        if self.places[1].is_some() {
            self.tell("the second one is ended");
            self.end(1);
        } else {
            self.start(1).await;
        }
    }

    /// One process stands still before it writes what it polled; another one polls the same; then the first goes on.
    async fn race(&mut self) {
        for place in 0..2 {
            self.thaw(place).await;
            self.start(place).await;
        }
        if self.places.iter().any(|place| place.as_ref().is_none_or(|process| process.frozen.is_some())) {
            return;
        }
        let (source, first) = (self.dice.below(2), self.dice.below(2));
        let plan = Plan { mishap: Mishap::Freeze, place: Place::BeforeWriting, after: self.dice.below(2) };
        self.city_lives_on();
        self.poll_at(first, source, Answer::Whole, Some(plan)).await;
        self.city_lives_on();
        self.poll_at(1 - first, source, Answer::Whole, None).await;
        self.thaw(first).await;
    }

    async fn thaw_one(&mut self) {
        for place in 0..2 {
            self.thaw(place).await;
        }
    }

    /// What stood still wakes up and goes on as if nothing had happened.
    async fn thaw(&mut self, place: usize) {
        let Some(process) = &mut self.places[place] else { return };
        let Some((name, task)) = process.frozen.take() else { return };
        process.daemon.store.gate.thaw();
        let life = process.daemon.life;
        self.tell(&format!("#{life} wakes up"));
        self.follow(place, name, task).await;
    }

    fn change_weather(&mut self) {
        let way = self.dice.below(4);
        self.weather[way] =
            self.dice.weighted(&[(3, Weather::Fine), (4, Weather::Rough), (1, Weather::Down), (1, Weather::Hung)]);
        self.tell(&format!("{} is {:?}", WAYS[way], self.weather[way]));
    }

    /// Everything is well for long enough: then everything is over, and every law must hold.
    async fn calm_down(&mut self) {
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

    async fn wait_for_quiet(&mut self) {
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
            let Some(at) = self.next_instant().await else { return };
            // What waits for another message is looked at every few seconds; that may go on over a weekend.
            let least = if round < 40 { TimeDelta::seconds(1) } else { TimeDelta::hours(1) };
            let span = (at - self.now()).max(least);
            self.pass(span);
        }
        self.ledger.broken("1: it never becomes quiet");
    }
}

/// A simple guard: at least one good row, at least half of the last good poll's, not too many bad ones.
fn is_believable(before: Option<u64>, good: u64, rejected: u64) -> bool {
    good > 0 && rejected <= 10 && before.is_none_or(|before| good * 2 >= before)
}

/// Lets whatever was started come to where it waits.
async fn settle_down() {
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
}
