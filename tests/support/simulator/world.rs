//! One life: a seed throws the dice for everything that happens, outside and inside, until it calms down.

use std::sync::Arc;

use chrono::TimeDelta;
use duban::core::Instant;
use duban::core::digest::Digest;
use duban::daemon::wiring::Polled;
use duban::source::terms::PollTerms;
use duban::store::memory::MemoryStore;
use duban::store::{OpenCard, Store as _};
use duban::time::{Clock as _, TestClock};

use super::city::{Answer, City, Told};
use super::daemon::Errand;
use super::dice::Dice;
use super::gate::{Mishap, Place, Plan};
use super::ledger::{Ledger, Tally};
use super::office::{REHEARSALS, SOURCES, office};
use super::process::{Process, settle_down};
use super::story::Story;
use super::wire::{Weather, Wire};

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
    pub(super) clock: Arc<TestClock>,
    /// The latest that any clock ever showed.
    pub(super) latest: Instant,
    pub(super) disk: Arc<MemoryStore>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) wire: Arc<Wire>,
    pub(super) weather: [Weather; 4],
    pub(super) cities: [City; 2],
    /// The processes that live; the second place is mostly empty.
    pub(super) places: [Option<Process>; 2],
    pub(super) lives: usize,
    /// The playbook that is in force first.
    pub(super) first: usize,
    pub(super) story: Story,
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
        let bad_address = dice.chance(30).then(|| dice.one(&["13800000012", "13800000021", "u1", "l1@example.test"]));
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

    pub(super) fn is_broken(&self) -> bool {
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

    async fn poll(&mut self) {
        let source = self.dice.below(2);
        let answer = self.dice.weighted(&ANSWERS);
        let Some(place) = self.place() else { return self.start(0).await };
        let plan = self.plan_mishap();
        self.poll_at(place, source, answer, plan).await;
    }

    pub(super) async fn poll_at(&mut self, place: usize, source: usize, answer: Answer, plan: Option<Plan>) {
        let (good, rejected) = self.cities[source].counts(answer);
        let known = self.disk.sources().await.expect("sources");
        let before = known.iter().find(|known| *known.source == *SOURCES[source]).and_then(|known| known.good_rows);
        let is_file = !matches!(answer, Answer::Away | Answer::Cut | Answer::Renamed);
        let believed = is_file && is_believable(before, good, rejected);
        let cards = if believed { None } else { Some(self.foreign_cards().await) };
        let reader = &office().readers[source];
        let polled = Polled {
            name: SOURCES[source].into(),
            source: Arc::new(Told::new(reader, self.cities[source].file(answer))),
            columns: Vec::new(),
            version: Digest::of([SOURCES[source].as_bytes()]),
            schedule: Some(office().schedule.clone()),
            guard: office().guard,
            terms: PollTerms::default(),
            waiting: None,
        };
        self.tell(&format!("{} answers: {answer:?}, {good} good rows, {rejected} bad ones", SOURCES[source]));
        let news = self.go(place, "poll", Errand::Poll(Box::new(polled)), plan).await;
        let Some(cards) = cards else {
            let is_doubted = news.is_some_and(|news| news.trouble.is_some());
            self.ledger.demand(!is_doubted, || format!("2: a good poll of {} was not believed", SOURCES[source]));
            return;
        };
        self.count("bad polls");
        let is_doubted = news.is_none_or(|news| news.trouble.is_some());
        self.ledger.demand(is_doubted, || format!("2: a bad poll of {} was believed: {answer:?}", SOURCES[source]));
        let same = cards == self.foreign_cards().await;
        self.ledger.demand(same, || format!("2: a bad poll changed the cards: {answer:?}"));
    }

    /// The open cards but for those on duban's own means.
    async fn foreign_cards(&self) -> Vec<OpenCard> {
        let cards = self.disk.open_cards(1_000).await.expect("cards");
        cards.into_iter().filter(|card| !card.item.is_own()).collect()
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

    pub(super) async fn answer(&mut self) {
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

    pub(super) fn pass(&mut self, span: TimeDelta) {
        self.clock.advance(span.to_std().unwrap_or_default());
        self.latest = self.latest.max(self.now());
        self.tell(&format!("time passes: {span}"));
        for line in self.wire.time_out(&mut self.dice) {
            self.tell(&line);
        }
    }

    /// When something falls due next, for a card or for the courier.
    pub(super) async fn next_instant(&self) -> Option<Instant> {
        let look = self.disk.next_look_at(None).await.expect("an instant");
        let claim = self.disk.next_claim_at(&[]).await.expect("an instant");
        let silences = self.disk.silences(false).await.expect("silences");
        let lift = silences.iter().map(|silence| silence.ends_at).min();
        [look, claim, lift].into_iter().flatten().min()
    }

    fn step_clock(&mut self) {
        let minutes = self.dice.weighted(&[(3, 5), (2, 90), (1, 3_000)]);
        let minutes = self.dice.between(-minutes, minutes);
        self.clock.set(self.now() + TimeDelta::minutes(minutes));
        let now = self.now();
        self.latest = self.latest.max(now);
        if minutes < 0 {
            let mut book = self.ledger.book();
            book.set_back_to = book.set_back_to.map_or(Some(now), |earliest| Some(earliest.min(now)));
        }
        self.count("clock steps");
        self.tell(&format!("the clock is stepped by {minutes} minutes"));
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

    fn change_weather(&mut self) {
        let way = self.dice.below(4);
        self.weather[way] =
            self.dice.weighted(&[(3, Weather::Fine), (4, Weather::Rough), (1, Weather::Down), (1, Weather::Hung)]);
        self.tell(&format!("{} is {:?}", WAYS[way], self.weather[way]));
    }
}

/// A simple guard: at least one good row, at least half of the last good poll's, not too many bad ones.
fn is_believable(before: Option<u64>, good: u64, rejected: u64) -> bool {
    good > 0 && rejected <= 10 && before.is_none_or(|before| good * 2 >= before)
}
