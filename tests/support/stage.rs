//! A stage: the duban of a site in this process, on a clock that is moved by hand. It does what the loops of the daemon
//! do, one round at a time, over the store in memory, and its messages go to a [`Post`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};
use chrono_tz::Asia::Shanghai;
use duban::core::Instant;
use duban::core::item::ItemKey;
use duban::core::observe::earliest;
use duban::core::order::{Deed, Order, Refusal};
use duban::core::remark::{Amendment, Draft, Overlaid, Remark, Statement, overlay};
use duban::core::silence::Silence;
use duban::courier::Courier;
use duban::daemon::go_live;
use duban::daemon::poll::{self, Poll};
use duban::daemon::wiring::{Polled, Site as ReadSite, Wiring};
use duban::pipeline::orders::{Acted, Wanted};
use duban::pipeline::remarks::{self, Refused};
use duban::pipeline::{Done, Pipeline};
use duban::playbook::Playbook;
use duban::store::memory::MemoryStore;
use duban::store::{ItemRecord, OrderQuery, PlaybookRecord, Store};
use duban::time::{Clock as _, TestClock};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

use super::post::{Arrived, Mood, Post};
use super::site::{Site, Ticket};

/// `2026-03-02 09:00` on the office's clock.
pub fn at(text: &str) -> Instant {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").expect("a minute");
    local.and_local_timezone(Shanghai).single().expect("one instant").to_utc()
}

/// The table by which messages leave, as shipped but for that: at most one to a person by one channel in five minutes.
pub const TOLD: &str = "[notify]\nmode = \"live\"\n";

/// The table of a second channel.
pub const SMS: &str = "[channels.sms]\nconfidential = true\n[channels.sms.folder]\npath = \"sms\"\nmedium = \"sms\"\n";

/// The first channel, by which also complaints are told in full.
const MAIL: &str = "[channels.mail]\nconfidential = true\n[channels.mail.folder]\npath = \"mail\"\n";

/// An office that works from Monday to Friday; days that differ are added.
const OFFICE: &str = r#"
name = "office"
timezone = "Asia/Shanghai"
weekdays = ["MON", "TUE", "WED", "THU", "FRI"]
covered_from = "2020-01-01"
covered_through = "2060-12-31"
[[hours]]
spans = ["09:00-12:00", "13:30-17:30"]
"#;

/// Tells a red card to who handles it, by mail.
const LADDERS: &str = r#"
[handlers]
[[handlers.steps]]
roles = ["handler"]
red = ["mail"]
[operators]
[[operators.steps]]
roles = ["operator"]
yellow = ["mail"]
red = ["mail"]
"#;

/// A site, and the processes that run on it.
pub struct Stage {
    pub site: Site,
    runtime: Runtime,
    clock: Arc<TestClock>,
    store: Arc<MemoryStore>,
    post: Arc<Post>,
    lives: Vec<Life>,
}

/// One process.
struct Life {
    store: Arc<dyn Store>,
    playbook: Arc<Playbook>,
    pipeline: Pipeline,
    courier: Courier,
    sources: Vec<Polled>,
    is_dead: Arc<AtomicBool>,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.is_dead.store(true, Ordering::Relaxed);
    }
}

/// A ticket of the handler `h1` that was dispatched then.
pub fn dispatched(id: &str, then: &str) -> Ticket {
    Ticket::due_at(id, at(then) + TimeDelta::hours(2))
}

/// An office with these rules, by name and text, whose messages leave, and whose ladder tells a red card to who handles
/// it; nothing runs yet.
pub fn office(rules: &[(&str, &str)], tables: &str) -> Site {
    let site = Site::new();
    rest_days(&site, "");
    site.put("ladders.toml", LADDERS);
    for (name, text) in rules {
        site.put(&format!("rules/{name}.rhai"), text);
    }
    let names: Vec<&str> = rules.iter().map(|(name, _)| *name).collect();
    site.configure_office("office.toml", &names, &format!("{TOLD}{MAIL}{tables}"));
    site
}

/// Writes the office's calendar, with the days that its list names: `2026-03-03,holiday,某节`.
pub fn rest_days(site: &Site, list: &str) {
    site.put("days.csv", &format!("date,kind,name\n{list}"));
    site.put("office.toml", &OFFICE.replace("[[hours]]", "days = \"days.csv\"\n[[hours]]"));
}

impl Stage {
    /// Starts a process on a site, on an empty memory.
    #[track_caller]
    pub fn at(site: Site, start: &str) -> Self {
        let clock = Arc::new(TestClock::at(at(start)));
        let post = Post::new(clock.clone());
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut stage = Self { site, runtime, clock, store: Arc::default(), post, lives: Vec::new() };
        stage.start();
        stage
    }

    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    pub fn store(&self) -> &MemoryStore {
        &self.store
    }

    /// Waits for what a verb of the store answers.
    pub fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }

    /// The same, with a source that was believed once: what its first poll found is told to nobody but operators.
    #[track_caller]
    pub fn open_at(site: Site, start: &str) -> Self {
        let mut stage = Self::at(site, start);
        stage.source(&[]);
        stage.tells("ops", &[&stage.stamp("[Digest]")]);
        stage.tells_nobody();
        stage
    }

    /// The source says that there are these tickets, and one that concerns nobody for years; it is polled.
    #[track_caller]
    pub fn source(&mut self, tickets: &[Ticket]) {
        self.write(tickets);
        assert_eq!(self.poll(), None);
    }

    /// The same, and it is not polled yet.
    pub fn write(&self, tickets: &[Ticket]) {
        let far = Ticket::due_at("T0", at("2059-01-01 09:00"));
        self.site.tickets(&[&[far], tickets].concat());
    }

    /// Starts a process; the first one frees what dead ones held.
    #[track_caller]
    pub fn start(&mut self) {
        let last_good = self.wait(self.store.playbook()).expect("a playbook");
        let wiring = self.read(last_good.as_ref()).unwrap_or_else(|problems| panic!("{problems}"));
        if self.lives.is_empty() {
            self.wait(self.store.end_leases(self.now())).expect("no leases");
        }
        let life = self.live(wiring, "start");
        self.lives.push(life);
        self.work();
    }

    /// Reloads the files; or says why they are refused.
    pub fn reload(&mut self) -> Result<(), String> {
        let wiring = self.read(None)?;
        let mut before = self.lives.remove(0);
        let drained = self.runtime.block_on(before.courier.drain(&before.playbook, &before.pipeline, Duration::ZERO));
        drained.expect("drained");
        let life = self.live(wiring, "reload");
        self.lives.insert(0, life);
        self.work();
        Ok(())
    }

    /// All processes are gone, with whatever they were doing.
    pub fn die(&mut self) {
        self.lives.clear();
        self.store = Arc::new(self.store.after_sudden_end());
    }

    /// The first of two processes is gone, with whatever it was doing.
    pub fn die_first(&mut self) {
        self.lives.remove(0);
    }

    /// Polls all sources; why one is not believed.
    pub fn poll(&mut self) -> Option<String> {
        let trouble = self.notice();
        self.work();
        trouble
    }

    /// The same, and nothing of what follows is done yet.
    pub fn notice(&mut self) -> Option<String> {
        let mut trouble = None;
        for life in &self.lives {
            for polled in &life.sources {
                let heard = &|_: &Done| {};
                let (store, pipeline, playbook, now) = (&life.store, &life.pipeline, &life.playbook, self.clock.now());
                let clock = &*self.clock;
                let poll = Poll { polled, store, pipeline, playbook, heard, clock, now };
                trouble = self.runtime.block_on(poll.run()).expect("a poll").trouble.or(trouble);
            }
        }
        trouble
    }

    /// Lets time pass, and what falls due in it be done at its instant.
    #[track_caller]
    pub fn until(&mut self, end: &str) {
        self.until_instant(at(end));
    }

    /// The same.
    #[track_caller]
    pub fn until_instant(&mut self, end: Instant) {
        assert!(end >= self.now(), "time does not run back");
        for _ in 0..10_000 {
            let now = self.now();
            match self.next().filter(|next| *next <= end) {
                Some(next) => self.clock.advance_to(next.max(now + TimeDelta::seconds(1)).min(end)),
                None => self.clock.advance_to(end),
            }
            self.work();
            if now >= end {
                return;
            }
        }
        panic!("there is always something to do at {}", self.now());
    }

    /// Somebody wants quiet about these cards until then.
    pub fn silence(&self, about: &str, end: &str) {
        let matcher = toml::from_str(about).expect("a matcher");
        let silence = Silence::new(matcher, (self.now(), at(end)), "op", "maintenance", self.now());
        self.wait(self.store.put_silence(&silence.expect("a silence"), None)).expect("stored");
    }

    /// Somebody does something with the only order that has not ended, by a command: it needs no daemon.
    #[track_caller]
    pub fn act(&self, deed: Deed, by: &str, on_behalf_of: Option<&str>) -> Order {
        match self.acted(deed, by, on_behalf_of) {
            Acted::Done(order, _) => *order,
            other => panic!("{other:?}"),
        }
    }

    /// The same, and why it is refused.
    #[track_caller]
    pub fn refuses(&self, deed: Deed) -> Refusal {
        match self.acted(deed, "op", None) {
            Acted::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    fn acted(&self, deed: Deed, by: &str, on_behalf_of: Option<&str>) -> Acted {
        let now = self.now();
        let (by, on_behalf_of) = (by.to_owned(), on_behalf_of.map(Arc::from));
        self.wait(async {
            let open = self.store.orders(OrderQuery::Open(9)).await.expect("orders");
            let [order] = &open[..] else { panic!("one open order, got {open:#?}") };
            let wanted = Wanted { order: order.id, deed, by, on_behalf_of };
            let (pipeline, playbook) = (Pipeline::new(self.store.clone()), self.in_force().await);
            pipeline.act_on_order(&playbook, &wanted, now).await.expect("answered")
        })
    }

    /// So many people do something with the only order that has not ended, at once, each by a process of their own; for
    /// how many it was done.
    pub fn act_at_once(&self, people: usize, deed: impl Fn(usize) -> Deed) -> usize {
        let now = self.now();
        let (order, playbook) = self.wait(async {
            let open = self.store.orders(OrderQuery::Open(9)).await.expect("orders");
            (open.first().expect("an order").id, self.in_force().await)
        });
        let act = |person: usize| {
            let wanted = Wanted { order, deed: deed(person), by: format!("p{person}"), on_behalf_of: None };
            let (store, playbook) = (self.store.clone(), playbook.clone());
            std::thread::spawn(move || {
                let runtime = Builder::new_current_thread().build().expect("a runtime");
                runtime.block_on(Pipeline::new(store).act_on_order(&playbook, &wanted, now)).expect("answered")
            })
        };
        let acting: Vec<_> = (0..people).map(act).collect();
        let acted = acting.into_iter().map(|person| person.join().expect("no panic"));
        acted.filter(|acted| matches!(acted, Acted::Done(..))).count()
    }

    /// Lets go what a baseline holds; how many notices.
    pub fn release(&self) -> usize {
        let now = self.now();
        self.wait(async {
            let (pipeline, playbook) = (Pipeline::new(self.store.clone()), self.in_force().await);
            let held = pipeline.held().await.expect("held");
            pipeline.release(&playbook, &held, None, now).await.expect("released")
        })
    }

    async fn in_force(&self) -> Arc<Playbook> {
        let record = self.store.playbook().await.expect("a playbook").expect("one in force");
        Arc::new(Playbook::build(record.files, &[]).expect("built"))
    }

    /// All that arrived since it was asked last: `09-21 09:00 li <- [Red card] T1`, in the order of arrival.
    pub fn all_mail(&self) -> Vec<String> {
        let arrived: Vec<Arrived> = self.post.arrived().drain(..).collect();
        let line = |arrived: &Arrived| {
            let line = arrived.line();
            let (at, rest) = line.split_at(11);
            format!("{at} {} <-{rest}", arrived.to)
        };
        let mut lines: Vec<String> = arrived.iter().map(line).collect();
        lines.sort();
        lines
    }

    /// What is put on record about a ticket, on the ground that stands in `ground` as basis, document and approver.
    pub fn draft(id: &str, ground: [&str; 3], statement: Statement) -> Draft {
        let [basis, document, approver] = ground.map(str::to_owned);
        let item = ItemKey::new("tickets", id);
        let (document, approver) = (Some(document), Some(approver));
        Draft { item, by: "示例登记员".into(), basis, document, approver, statement, is_appeal: false }
    }

    /// Puts a remark down as the command does.
    pub fn remark(&mut self, draft: Draft) -> Result<Remark, Refused> {
        let record = self.record(&draft.item.id);
        let remark = draft.remark(false, self.now())?;
        let life = &self.lives[0];
        remarks::check(&life.playbook, &record, &remark, self.now())?;
        self.amend(&remark.item.clone(), &Amendment::Add(Box::new(remark)))
    }

    /// Puts down, decides or revokes a remark.
    pub fn amend(&mut self, item: &ItemKey, amendment: &Amendment) -> Result<Remark, Refused> {
        let (life, now) = (&self.lives[0], self.clock.now());
        let done = self.runtime.block_on(life.pipeline.remark(&life.playbook, item, amendment, now));
        self.work();
        done
    }

    /// What is remembered of a ticket.
    pub fn record(&self, id: &str) -> ItemRecord {
        let key = ItemKey::new("tickets", id);
        self.wait(self.store.load(&[key])).expect("loaded").pop().expect("a ticket")
    }

    /// What is in force.
    pub fn playbook(&self) -> &Playbook {
        &self.lives[0].playbook
    }

    /// A ticket with its remarks.
    pub fn overlaid(&self, id: &str) -> Overlaid {
        let record = self.record(id);
        overlay(&Arc::new(record.item), &record.remarks)
    }

    /// When a window is due as things stand, on the office's clock.
    pub fn due(&self, id: &str, window: &str) -> Option<String> {
        let (record, playbook) = (self.record(id), &self.lives[0].playbook);
        let mut windows = record.rulings.iter().flat_map(|ruling| &ruling.windows);
        let window = windows.find(|other| &*other.name == window).expect("a window");
        let yellow = &playbook.clockwork.yellow;
        let reading = duban::core::reading::read(window, playbook.calendar(), yellow, self.now()).expect("read");
        reading.due_at.map(|at| at.with_timezone(&Shanghai).format("%m-%d %H:%M").to_string())
    }

    /// Changes how a channel's peer is doing.
    pub fn set(&self, channel: &str, mood: Mood) {
        self.post.set(channel, mood);
    }

    /// What arrived for a contact since it was asked last.
    pub fn mail_of(&self, contact: &str) -> Vec<Arrived> {
        self.post.arrived().extract_if(.., |arrived| arrived.to == contact).collect()
    }

    /// A contact got exactly these messages since it was asked last; each is given as it begins: `03-04 09:00 [Red card] T1`.
    #[track_caller]
    pub fn tells(&self, contact: &str, expected: &[&str]) {
        let lines: Vec<String> = self.mail_of(contact).iter().map(Arrived::line).collect();
        let is_so = lines.len() == expected.len() && lines.iter().zip(expected).all(|(line, e)| line.starts_with(e));
        assert!(is_so, "{contact} expects {expected:#?}\nand gets {lines:#?}");
    }

    /// A line as of now, on the office's clock.
    pub fn stamp(&self, line: &str) -> String {
        format!("{} {line}", self.now().with_timezone(&Shanghai).format("%m-%d %H:%M"))
    }

    /// Nobody got anything since it was asked last, operators included.
    #[track_caller]
    pub fn tells_nobody(&self) {
        let lines: Vec<String> = self.post.arrived().iter().map(|a| format!("{}: {}", a.to, a.line())).collect();
        assert!(lines.is_empty(), "{lines:#?}");
    }

    /// Nobody looks at what arrived up to now.
    pub fn skip(&self) {
        self.post.arrived().clear();
    }

    /// The open cards: `T1 red`.
    pub fn open(&self) -> Vec<String> {
        let cards = self.wait(self.store.open_cards(10_000)).expect("cards");
        let mut open: Vec<String> = cards.iter().map(|c| format!("{} {}", c.item.id, c.level.word())).collect();
        open.sort();
        open
    }

    /// What became of an item: `03-04 09:00 stop on_time`, by when it happened.
    pub fn history(&self, id: &str) -> Vec<String> {
        let key = ItemKey { source: "tickets".into(), id: id.into() };
        let transitions = self.wait(self.store.transitions(&key)).expect("transitions");
        let line = |t: &duban::core::card::Transition| {
            let verdict = t.verdict.map(|verdict| format!(" {}", verdict.word())).unwrap_or_default();
            format!("{} {}{verdict}", t.at.with_timezone(&Shanghai).format("%m-%d %H:%M"), t.change.word())
        };
        transitions.iter().map(line).collect()
    }

    /// Does all that is due now.
    fn work(&mut self) {
        let now = self.clock.now();
        for life in &mut self.lives {
            self.runtime.block_on(life.work(now));
        }
    }

    /// When there is something to do next.
    fn next(&self) -> Option<Instant> {
        let life = self.lives.first()?;
        self.wait(async {
            let look = self.store.next_look_at(None).await.expect("an instant");
            let claim = self.store.next_claim_at(&life.courier.busy()).await.expect("an instant");
            let lifted_at = life.pipeline.next_lift_at().await.expect("an instant");
            earliest(earliest(look, claim), lifted_at)
        })
    }

    fn read(&self, last_good: Option<&PlaybookRecord>) -> Result<Wiring, String> {
        let versions = self.wait(self.store.rule_versions()).expect("versions");
        let read = ReadSite::read(&self.site.path("duban.toml"));
        let wiring = read.and_then(|read| read.wire(&versions, last_good, &|_| None));
        wiring.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    /// A process of what was read, which is in force from now on.
    fn live(&self, wiring: Wiring, by: &str) -> Life {
        let (store, now) = (self.store.clone() as Arc<dyn Store>, self.now());
        let Wiring { mut ways, sources, playbook, .. } = wiring;
        let is_dead = Arc::new(AtomicBool::default());
        for (name, way) in &mut ways.channels {
            way.channel = self.post.line(name.clone(), way.channel.medium(), is_dead.clone());
        }
        let rehearsal = &mut ways.rehearsal.way.channel;
        *rehearsal = self.post.line("rehearsal".into(), rehearsal.medium(), is_dead.clone());
        let (playbook, pipeline) = (Arc::new(playbook), Pipeline::new(store.clone()));
        self.wait(async {
            let before = store.playbook().await.expect("a playbook");
            go_live::begin(&*store, before.as_ref(), &playbook, now).await.expect("begun");
            let (version, files) = (playbook.version, playbook.files.clone());
            let record = PlaybookRecord { version, at: now, by: by.into(), files };
            store.put_playbook(&record, &playbook.rule_records(now, by), None).await.expect("in force");
            pipeline.rejudge(&playbook, now).await.expect("judged again");
            go_live::announce(&*store, &pipeline, &playbook, now).await.expect("announced");
            for polled in &sources {
                poll::confirm(polled, &*store, &pipeline).await.expect("confirmed");
            }
        });
        let courier = Courier::new(store.clone(), ways, self.clock.clone(), Arc::new(Notify::new()));
        Life { store, playbook, pipeline, courier, sources, is_dead }
    }
}

impl Life {
    /// Looks at what is due, and carries until nothing is left but what hangs.
    async fn work(&mut self, now: Instant) {
        self.pipeline.recheck(&self.playbook, now).await.expect("looked");
        self.pipeline.lift(&self.playbook, now).await.expect("lifted");
        while self.courier.run_once(&self.playbook, &self.pipeline, now).await.expect("carried") > 0 {
            // What was sent comes to its end, or to where it hangs.
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
        }
    }
}
